"""`placet database copy`: an installation from SQLite to PostgreSQL. (`placet database archive` is in
`placet.commands.database_archive`.)

The new database gets its tables as at a first start; all rows are then copied in one transaction of each database,
read back and compared field by field, and kept only if every one is the same. The data folder with its keys and files
stays where it is, and the SQLite file as it was: it is the way back.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from getpass import getpass
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dj_database_url

from placet.cli import CommandError
from placet.commands import database_archive
from placet.commands.locks import DatabaseLock, lock_folder
from placet.commands.start import (
    database_trouble_in_words,
    read_config,
    refuse_half_restored,
    say,
    set_up_tables,
)
from placet.lib.config import SQLITE_FILE
from placet.lib.progress import Progress

if TYPE_CHECKING:
    from django.db.models import Field, Model

SOURCE = "sqlite"  # Django's name of the connection to the old database; the new one is the default
AT_A_TIME, LARGE_AT_A_TIME = 2_000, 20  # rows that are held in memory; those with a mail or a file in them
POSTGRESQL = ("postgres://", "postgresql://")
NUDGES = (
    "procrastinate"  # the application whose tables SQLite does not have: what is in them is of the moment
)

Row = tuple[Any, ...]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="action")
    copy = actions.add_parser("copy", help="copy an installation from SQLite to an empty PostgreSQL database")
    copy.add_argument(
        "url",
        nargs="?",
        metavar="URL",
        help="postgres://user@host/name of the new database. Left out, it is asked for: what stands on the command "
        "line can be seen by every user of the machine, a password too",
    )
    database_archive.add_arguments(actions)


def run(options: argparse.Namespace) -> int:
    return database_archive.run(options) if options.action == "archive" else _copy_installation(options)


def _copy_installation(options: argparse.Namespace) -> int:
    config = read_config()
    old = config.database_url or f"sqlite:///{config.data_dir / SQLITE_FILE}"
    if not old.startswith("sqlite"):
        raise CommandError("This installation is on PostgreSQL already: nothing was copied.")
    file = Path(str(dj_database_url.parse(old)["NAME"]))
    if not file.is_file():
        raise CommandError(f"There is no SQLite database {file}: set PLACET_DATA_DIR to the data folder.")
    url = (options.url if options.url is not None else _asked_for()).strip()
    if not url.startswith(POSTGRESQL):
        raise CommandError(
            "The new database is named by an address such as postgres://placet@localhost/placet."
        )
    with lock_folder(config.data_dir, alone=True):  # nothing is decided while the rows are on their way
        refuse_half_restored(config.data_dir)
        rows, tables = _copy(old, url)
    say(f"{rows:,} rows of {tables} tables were copied and read back: each is the same.")
    say(
        "Set PLACET_DATABASE_URL (or database_url) to the new database and start Placet; then placet audit verify."
    )
    say(f"The data folder stays in use: it holds the keys and the files. {file} is left as it was;")
    say("keep it until you are sure, and do not start Placet on it again: both would read one mailbox.")
    return 0


def _asked_for() -> str:
    if sys.stdin.isatty():
        return getpass("Address of the new database (postgres://user:password@host/name, not shown): ")
    return sys.stdin.readline()


def _copy(old: str, new: str) -> tuple[int, int]:
    """How many rows of how many tables."""
    import django

    os.environ["PLACET_DATABASE_URL"] = new  # before the settings are read
    django.setup()
    from django.db import IntegrityError, connection, connections, transaction

    settings = {name: dict(values) for name, values in connections.settings.items()}
    settings[SOURCE] = dict(dj_database_url.parse(old))
    settings[SOURCE]["OPTIONS"] = {"transaction_mode": "IMMEDIATE", "timeout": 30}  # nobody writes meanwhile
    connections.settings = connections.configure_settings(settings)
    _refuse_other_tables()
    with database_trouble_in_words():
        lock = DatabaseLock.take(alone=True)
        _refuse_what_is_in_use()
        set_up_tables()
        models = _models()
        try:
            with transaction.atomic(using=SOURCE), transaction.atomic():
                total = _copy_and_compare(models)
                if not lock.held():
                    raise CommandError("The new database went away meanwhile. Nothing was copied.")
        except IntegrityError as error:  # of foreign keys, which are checked at the end
            raise CommandError(f"{str(error).strip()}. Nothing was copied.") from error
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")  # or the first plans are made for empty tables
    return total, len(models)


def _copy_and_compare(models: "Sequence[type[Model]]") -> int:
    total = sum(int(_rows_of(model, SOURCE).count()) for model in models)
    _empty(models)
    with Progress("Copied", total) as progress:
        for model in models:
            _copy_table(model, progress.advance)
    _go_on_counting(models)
    with Progress("Read back", total) as progress:
        for model in models:
            _compare_table(model, progress.advance)
    return total


# --- before anything is written ---------------------------------------------------------------------------


def _refuse_other_tables() -> None:
    from django.db import DatabaseError, connections
    from django.db.migrations.executor import MigrationExecutor

    try:
        executor = MigrationExecutor(connections[SOURCE])
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        raise CommandError(f"The SQLite database cannot be read: {error}.") from error
    if any(migration.app_label != NUDGES for migration, _backwards in plan):
        raise CommandError(
            "The tables of the SQLite database are of another version of Placet. Start this version on it once, stop "
            "it, and try again."
        )


def _refuse_what_is_in_use() -> None:
    """Tables may be there, from a copy that was cut off; what people did may not."""
    from django.apps import apps
    from django.db import connection

    from placet.accounts.models import Person
    from placet.approvals.models import Request
    from placet.mailboxes.models import Mailbox

    there = set(connection.introspection.table_names())
    used = [
        m for m in (Person, Mailbox, Request) if m._meta.db_table in there and m._default_manager.exists()
    ]
    others = (
        there - {model._meta.db_table for model in apps.get_models(include_auto_created=True)} - _NOT_COPIED
    )
    if used:
        raise CommandError(
            "There is a Placet in that database already. Name an empty one; nothing was changed."
        )
    if others:
        raise CommandError(
            f"That database is somebody else's: it holds {', '.join(sorted(others)[:3])}. Name an empty one; nothing "
            "was changed."
        )


#: Which migrations were made is known by having made them; what is cached are the sign-ins that failed of late.
_NOT_COPIED = frozenset({"django_migrations", "placet_cache"})
#: What lies in blocks is copied mail by mail, and put together anew there.
_COPIED_OTHERWISE = frozenset({"mail_mailblock"})


def _models() -> list["type[Model]"]:
    """Of every table whose rows are copied, in the order of their names; those between two tables too."""
    from django.apps import apps

    models = [
        m
        for m in apps.get_models(include_auto_created=True)
        if m._meta.managed and not m._meta.proxy and m._meta.db_table not in _COPIED_OTHERWISE
    ]
    return sorted(models, key=lambda model: model._meta.db_table)


# --- the rows ---------------------------------------------------------------------------------------------


def _rows_of(model: "type[Model]", database: str) -> Any:
    return model._base_manager.using(database).order_by()


def _in_order(model: "type[Model]", database: str) -> Iterator[Row]:
    """In the order of the primary key, by bytes where that is a text: databases have orders of their own."""
    from django.db.models import BinaryField, CharField
    from django.db.models.functions import Collate

    key = model._meta.pk
    assert key is not None
    textual = isinstance(key, CharField)
    order = Collate("pk", "C" if database == "default" else "BINARY") if textual else "pk"
    large = any(isinstance(field, BinaryField) for field in _fields(model))
    rows = _rows_of(model, database).order_by(order).values_list(*_names(model))
    yield from rows.iterator(chunk_size=LARGE_AT_A_TIME if large else AT_A_TIME)


def _names(model: "type[Model]") -> list[str]:
    return [field.attname for field in _fields(model)]


def _fields(model: "type[Model]") -> "Sequence[Field[Any, Any]]":
    return model._meta.concrete_fields


def _empty(models: "Sequence[type[Model]]") -> None:
    """Of what the first start put there, such as the mark of the keys."""
    from django.db import connection

    names = ", ".join(connection.ops.quote_name(model._meta.db_table) for model in models)
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {names}")


def _copy_table(model: "type[Model]", advance: Callable[[int], None]) -> None:
    """By COPY, each value as the model would save it; foreign keys are checked when all is there."""
    from django.db import DatabaseError, connection

    fields = _fields(model)
    quote = connection.ops.quote_name
    columns = ", ".join(quote(str(field.column)) for field in fields)
    statement = f"COPY {quote(model._meta.db_table)} ({columns}) FROM STDIN"
    try:
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in _in_order(model, SOURCE):
                for field, value in zip(fields, row, strict=True):
                    _refuse_unfit(model, row, field, value)
                copy.write_row(
                    [field.get_db_prep_save(v, connection) for field, v in zip(fields, row, strict=True)]
                )
                advance(1)
    except DatabaseError as error:
        raise CommandError(
            f"PostgreSQL does not take the rows of {model._meta.db_table}: {str(error).strip()}. Nothing was copied."
        ) from error


def _refuse_unfit(model: "type[Model]", row: Row, field: "Field[Any, Any]", value: object) -> None:
    """What SQLite holds and PostgreSQL cannot, named by its row."""
    if isinstance(value, str):
        if field.max_length is not None and len(value) > field.max_length:
            problem = f"has {len(value)} characters, and {field.max_length} fit"
        elif "\0" in value:
            problem = "holds a character NUL"
        else:
            return
    elif isinstance(value, dict | list) and _has_nul(value):
        problem = "holds a character NUL"
    else:
        return
    raise CommandError(
        f"PostgreSQL cannot hold {field.column} of row {row[_key_at(model)]} of {model._meta.db_table}: it {problem}. "
        "Nothing was copied."
    )


def _has_nul(value: object) -> bool:
    if isinstance(value, dict):
        return any(_has_nul(part) for pair in value.items() for part in pair)
    if isinstance(value, list):
        return any(map(_has_nul, value))
    return isinstance(value, str) and "\0" in value


def _key_at(model: "type[Model]") -> int:
    return next(at for at, field in enumerate(_fields(model)) if field.primary_key)


def _compare_table(model: "type[Model]", advance: Callable[[int], None]) -> None:
    names = _names(model)
    for old, new in zip_longest(_in_order(model, SOURCE), _in_order(model, "default")):
        if old is None or new is None or _comparable(old) != _comparable(new):
            where = (new if old is None else old)[_key_at(model)]
            differs = (
                "it is in one of them alone"
                if old is None or new is None
                else ", ".join(n for n, a, b in zip(names, old, new, strict=True) if a != b)
            )
            raise CommandError(
                f"Row {where} of {model._meta.db_table} is not the same in both databases ({differs}). Nothing was "
                "copied. Please report this."
            )
        advance(1)


def _comparable(row: Row) -> Row:
    """PostgreSQL's driver gives bytes as a memoryview."""
    return tuple(bytes(value) if isinstance(value, memoryview) else value for value in row)


def _go_on_counting(models: "Sequence[type[Model]]") -> None:
    from django.core.management.color import no_style
    from django.db import connection

    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), list(models)):
            cursor.execute(statement)
