"""Queries that take no notice of capitals, in every script: `name__casefold__contains="élodie"` finds "Élodie".

SQLite's own comparisons (`icontains`, `iexact`) know the capitals of A to Z only.
"""

import sqlite3
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.db.models import CharField, TextField, Transform
from django.db.models.sql.compiler import SQLCompiler

_IN_SQLITE = "PLACET_CASEFOLD"


class Casefold(Transform):
    """Of both sides: of the column and of what it is compared with."""

    lookup_name = "casefold"
    function = "LOWER"  # which PostgreSQL knows for every script
    bilateral = True

    def as_sqlite(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra: Any
    ) -> tuple[str, Any]:
        return self.as_sql(compiler, connection, function=_IN_SQLITE, **extra)


def register() -> None:
    """Once, before the first connection (`AccountsConfig.ready`)."""
    for field in (CharField, TextField):
        field.register_lookup(Casefold)
    connection_created.connect(_teach, dispatch_uid=_IN_SQLITE)


def _teach(connection: BaseDatabaseWrapper, **_about: Any) -> None:
    if isinstance(connection.connection, sqlite3.Connection):
        connection.connection.create_function(_IN_SQLITE, 1, _casefold, deterministic=True)


def _casefold(text: str | None) -> str | None:
    return None if text is None else text.casefold()
