"""What every command that touches the database does first."""

import fcntl
import sqlite3
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import django
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import OperationalError, ProgrammingError, connection

from placet.commands.locks import one_sets_up
from placet.lib import migration_names
from placet.lib.collector import keep_what_is_there, not_collecting

if TYPE_CHECKING:
    from placet.lib.config import Config

SET_UP_LOCK = "setup.lock"
OLDEST_SQLITE = (3, 35)  # RETURNING, by which rows are written (placet/lib/rows.py)
UNFINISHED = "restore.unfinished"  # in the data folder while a backup is put there


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
    data_dir = read_config().data_dir
    make_private(data_dir)
    refuse_half_restored(data_dir)
    with not_collecting():
        django.setup()
    set_up_tables()


def read_words() -> None:
    """The words that replies are read by, once: wrong files of an organisation are said before anything runs."""
    from placet.cli import CommandError
    from placet.replies.entry import known_words
    from placet.replies.languages import LanguageInvalid

    try:
        known_words()
    except LanguageInvalid as error:
        raise CommandError(str(error)) from error


def set_up_tables() -> None:
    """Tables are those of this version, and the keys fit them. Django is set up."""
    from placet.accounts.installation import check_keys
    from placet.audit.beginning import ensure_macs
    from placet.cli import CommandError
    from placet.lib.keys import KeyTrouble

    check_sqlite()
    with _one_at_a_time(settings.PLACET.data_dir), database_trouble_in_words(), one_sets_up():
        try:
            if migration_names.missing(connection):
                warn("The tables are made, or brought to this version. That takes a while.")
                keep_what_is_there()  # each migration makes many models and leaves them as garbage
                from placet.commands.new_tables import make_new_tables  # with it comes all that migrates

                make_new_tables()
                call_command("migrate", verbosity=0, interactive=False)  # which may read secrets
            call_command("createcachetable", verbosity=0)
            check_keys()
            ensure_macs()
        except KeyTrouble as error:
            raise CommandError(str(error)) from error


def check_sqlite() -> None:
    """CommandError if the data is to lie in SQLite and that of this Python is too old for it."""
    from placet.cli import CommandError

    if connection.vendor == "sqlite" and sqlite3.sqlite_version_info < OLDEST_SQLITE:
        oldest = ".".join(map(str, OLDEST_SQLITE))
        raise CommandError(
            f"The SQLite of this Python is {sqlite3.sqlite_version}; Placet needs {oldest} or newer. Use a Python with "
            "a newer one, or PostgreSQL: PLACET_DATABASE_URL."
        )


@contextmanager
def _one_at_a_time(data_dir: Path) -> Iterator[None]:
    """Two commands at the first start must not both make the tables: the second one waits."""
    with (data_dir / SET_UP_LOCK).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def database_trouble_in_words() -> Iterator[None]:
    """A database that cannot be opened is a CommandError."""
    from placet.cli import CommandError

    where = connection.settings_dict["HOST"] or connection.settings_dict["NAME"]
    try:
        connection.ensure_connection()
    except (OperationalError, ProgrammingError, ImproperlyConfigured) as error:
        raise CommandError(f"The database at {where} cannot be opened: {str(error).strip()}") from error
    try:
        yield
    except OperationalError as error:
        raise CommandError(f"The database at {where} cannot be used: {str(error).strip()}") from error


def make_private(data_dir: Path) -> None:
    """Make the data folder, and keep others of this machine out of it: requests and mails lie in its database."""
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    mode = data_dir.stat().st_mode
    if not mode & (stat.S_IRWXG | stat.S_IRWXO):
        return
    if mode & stat.S_ISVTX:  # one that the whole machine shares, such as the one for temporary files
        warn(f"Others can read {data_dir}. Give Placet a folder of its own (PLACET_DATA_DIR).")
        return
    try:
        data_dir.chmod(0o700)
    except PermissionError:
        warn(
            f"Others can read {data_dir}, and it belongs to somebody else. Its owner can change that: chmod 700."
        )
    else:
        warn(f"Others could read {data_dir}. From now on only its owner can.")


def refuse_half_restored(data_dir: Path) -> None:
    """CommandError if a restore was cut off here: what lies there is no installation."""
    from placet.cli import CommandError

    if (data_dir / UNFINISHED).exists():
        raise CommandError(
            f"A restore into {data_dir} was cut off, so what is in it is not whole. Remove the folder (with "
            "PostgreSQL drop and create the database, too) and restore the backup again."
        )


def say(text: str = "") -> None:
    """A line for the person at the terminal."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def warn(text: str) -> None:
    """A line for the person at the terminal that is no part of what a command prints."""
    sys.stderr.write(text + "\n")
