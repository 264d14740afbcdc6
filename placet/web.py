"""The pages for a WSGI server such as gunicorn, in any number of processes: `gunicorn placet.web:application`. As
`placet serve --web-only` has them; `placet work` does the work. Each process loads it for itself (no --preload)."""

import atexit
import os
import sys
from contextlib import ExitStack

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "placet.settings")

from placet.cli import CommandError
from placet.commands.running import on_postgresql, started
from placet.commands.start import read_config
from placet.lib.collector import keep_what_is_there, not_collecting


def _begin() -> ExitStack:
    config = read_config()
    if not on_postgresql(config):
        raise CommandError(
            "Several web processes need PostgreSQL (PLACET_DATABASE_URL); on SQLite: placet serve."
        )
    begun = ExitStack()
    begun.enter_context(started(config))
    from placet.workforce import pages

    begun.enter_context(pages())
    return begun


try:
    atexit.register(_begin().close)
except CommandError as trouble:
    sys.exit(str(trouble))

with not_collecting():
    from placet.wsgi import application  # noqa: F401 - once the settings are those of the pages
keep_what_is_there()
