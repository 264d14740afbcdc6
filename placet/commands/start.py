"""What every command that touches the database does first."""

import sys
from typing import TYPE_CHECKING

import django
from django.core.management import call_command
from django.db import OperationalError, connection

if TYPE_CHECKING:
    from placet.lib.config import Config


def read_config() -> "Config":
    """The settings, or a CommandError that names every wrong one."""
    from placet.cli import CommandError
    from placet.lib.config import ConfigInvalid, load_config

    try:
        return load_config()
    except ConfigInvalid as error:
        raise CommandError(str(error)) from error


def set_up() -> None:
    """Settings, keys and tables are there and fit each other; else a CommandError in words."""
    from placet.cli import CommandError
    from placet.lib.keys import KeyTrouble

    django.setup()
    try:
        call_command("migrate", verbosity=0, interactive=False)
        call_command("createcachetable", verbosity=0)
        from placet.accounts.installation import check_keys

        check_keys()
    except OperationalError as error:
        where = connection.settings_dict["HOST"] or connection.settings_dict["NAME"]
        raise CommandError(f"The database at {where} cannot be opened: {str(error).strip()}") from error
    except KeyTrouble as error:
        raise CommandError(str(error)) from error


def say(text: str = "") -> None:
    """A line for the person at the terminal."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
