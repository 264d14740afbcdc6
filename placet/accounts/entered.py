"""What administrators entered on pages and every process holds to from its start, unless the operator set it."""

from django.conf import settings
from django.urls import set_script_prefix

from placet.accounts.general import general, log_level
from placet.lib import logs
from placet.lib.reached import reached_at


def use_entered() -> None:
    """The public address and the log level. Before the pages are made: they read what follows from the address
    once."""
    for name, value in reached_at(general().public_url).items():
        setattr(settings, name, value)
    set_script_prefix(settings.FORCE_SCRIPT_NAME or "/")
    settings.STATIC_URL = "static/"  # Django puts the path in front when it is next read, and keeps that
    logs.set_level(log_level())
