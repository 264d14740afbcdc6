"""A new database has the tables that all migrations come to, one after another."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from django.apps import apps
from django.db import connection

from placet.commands.new_tables import make_new_tables
from placet.lib import migration_names
from placet.lib.fields import KeptField
from tests.installation import Installation
from tests.once import Together

pytestmark = pytest.mark.django_db

#: Whatever makes up a database, each with a name and what it is.
OF_POSTGRESQL = """
SELECT c.relname || '.' || a.attname, concat_ws(' ', format_type(a.atttypid, a.atttypmod), a.attnotnull,
       a.attidentity, pg_get_expr(d.adbin, d.adrelid))
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
       LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT conrelid::regclass || ' ' || conname, pg_get_constraintdef(oid)
  FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL SELECT tgrelid::regclass || ' ' || tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
UNION ALL SELECT proname, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
   AND prokind = 'f' AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')
UNION ALL SELECT 'extension', extname FROM pg_extension
UNION ALL SELECT 'migration', app || '.' || name FROM django_migrations
"""


def test_new_tables_are_those_of_all_migrations(together: Together) -> None:
    made, migrated = _described(together.tables()), _described(together.migrated())
    assert made - migrated == migrated - made == set()
    assert ("migration", "approvals.0001_initial") in made


def test_a_new_database_needs_no_migration() -> None:
    assert not migration_names.missing(connection)


def test_tables_that_are_there_stay_as_they_are() -> None:
    before = connection.introspection.table_names()
    make_new_tables()
    assert connection.introspection.table_names() == before


def _described(installation: Installation) -> set[tuple[str, str]]:
    if installation.database_url:
        import psycopg

        with psycopg.connect(installation.database_url) as database:
            return {(name, what) for name, what in database.execute(OF_POSTGRESQL)}
    with closing(sqlite3.connect(installation.data_dir / "placet.sqlite3")) as database:
        return set(_of_sqlite(database))


def _of_sqlite(database: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    rows = database.execute("SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    for kind, name, table, sql in rows:
        if kind == "table" and sql.startswith("CREATE TABLE"):
            yield from ((table, part) for part in _parts(table, sql))
        else:
            yield f"{kind} {name}", sql
    yield from (
        ("migration", f"{app}.{name}")
        for app, name in database.execute("SELECT app, name FROM django_migrations")
    )


def _parts(table: str, sql: str) -> Iterator[str]:
    """Columns and constraints, whose order says nothing: migrations add theirs behind those that are there."""
    body, depth, part = sql[sql.index("(") + 1 : sql.rindex(")")], 0, ""
    for letter in body + ",":
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and not depth:
            yield _as_bytes(table, part.strip())
            part = ""
        else:
            part += letter
    assert not part


def _as_bytes(table: str, column: str) -> str:
    """SQLite keeps bytes in columns of any type: migrations leave those of text as they were (lib/migrating.py)."""
    name = re.match(r'"(\w+)" ', column)
    if name and (table, name[1]) in KEPT_AS_BYTES:
        return re.sub(r'^("\w+") (?:varchar\(\d+\)|text) ', r"\1 BLOB ", column)
    return column


KEPT_AS_BYTES = {
    (model._meta.db_table, field.column)
    for model in apps.get_models()
    for field in model._meta.fields
    if isinstance(field, KeptField)
}
