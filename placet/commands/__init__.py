"""The subcommands of `placet`. Whatever one of them loads is loaded after this."""

from placet.lib.structlog_alone import load_structlog

load_structlog()
