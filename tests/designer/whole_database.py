"""All that the database holds, to be compared before and after something that must leave nothing."""

from typing import Any

from django.db import connection

#: Numbers that are used up are no rows: PostgreSQL gives the next ones, and nobody sees these.
_COUNTS = "sqlite_sequence"


def contents() -> dict[str, list[tuple[Any, ...]]]:
    """The rows of each table, in some order that two equal tables have alike."""
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        if connection.vendor == "sqlite":
            # A text index keeps what it has in tables beside it, which are read.
            cursor.execute("SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL TABLE%'")
            indexes = {name for (name,) in cursor.fetchall()}
            tables = [*(table for table in tables if table not in indexes), _COUNTS]
        found = {}
        for table in tables:
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            rows = [tuple(_plain(value) for value in row) for row in cursor.fetchall()]
            found[table] = sorted(rows, key=repr)
        return found


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value
