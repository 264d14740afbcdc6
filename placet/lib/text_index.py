"""Which rows hold a piece of text, without reading them all: an index of the trigrams of one column.

PostgreSQL has it as an index (pg_trgm). SQLite has it as a table of FTS5 that holds no text but which trigram stands in
which row; triggers keep it in step, because then nothing that writes such a row can forget it, be it one row or many,
from here or from another program. What is looked for is somebody else's text: it reaches FTS5 as trigrams in quotes,
which have no operators, and PostgreSQL as a LIKE whose wildcards are escaped.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, OperationalError, connection, transaction

AT_ONCE = 10_000  # rows that are put into an index in one transaction
_TRIGRAM = 3
# Of letters and digits, which are all that pg_trgm has in its index.
_LETTERS = re.compile(r"[^\W_]{3}")
_LIKE = str.maketrans({"\\": r"\\", "%": r"\%", "_": r"\_"})


@dataclass(frozen=True)
class TextIndex:
    """Of one column of a table whose key is `id`. `casefold`: capitals make no difference, as `__casefold__contains`
    has it (`placet.lib.casefold`)."""

    table: str
    column: str
    casefold: bool = False

    @property
    def name(self) -> str:
        return f"{self.table}_{self.column}_index"

    # --- looking something up -----------------------------------------------------------------------------

    def takes(self, text: str) -> bool:
        """Whether the index can tell rows with this text from others. Not where it is too short for a trigram."""
        if connection.vendor == "postgresql":
            return _LETTERS.search(text) is not None
        return len(self._folded_here(text)) >= _TRIGRAM

    def holding(self, texts: Sequence[str], most: int) -> list[int]:
        """Ids of rows that may hold each of these texts, which the index takes: all that do, and perhaps some that do
        not. As soon as there are `most`, no more."""
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                text = "LOWER(%s)" if self.casefold else "%s"
                like = " AND ".join(f"{self._folded_by_postgresql} LIKE {text}" for _ in texts)
                query = f"SELECT id FROM {self.table} WHERE {like} LIMIT %s"  # noqa: S608
                cursor.execute(query, [*(f"%{text.translate(_LIKE)}%" for text in texts), most])
            else:
                query = (
                    f"SELECT rowid FROM {self.name} WHERE {self.name} MATCH %s ORDER BY rowid DESC LIMIT %s"  # noqa: S608
                )
                cursor.execute(query, [_match([self._folded_here(text) for text in texts]), most])
            return [row[0] for row in cursor.fetchall()]

    def _folded_here(self, text: str) -> str:
        return text.casefold() if self.casefold else text

    # --- making it ----------------------------------------------------------------------------------------

    def make(self) -> None:
        """Make and fill it, unless it is there and whole."""
        if connection.vendor == "postgresql":
            _need_pg_trgm()
            self._run(
                f"CREATE INDEX IF NOT EXISTS {self.name} ON {self.table} "
                f"USING gin ({self._folded_by_postgresql} gin_trgm_ops)"
            )
        elif len(self._triggers_there()) < len(self._triggers()):
            self.drop()
            self._run(
                f"CREATE VIRTUAL TABLE {self.name} USING fts5(text, content='', columnsize=0, detail=none, "
                f"tokenize='trigram case_sensitive 1')"
            )
            self._fill()
            for trigger, when_and_what in self._triggers().items():
                self._run(f"CREATE TRIGGER {trigger} {when_and_what}")

    def mend(self) -> None:
        """A change of a table's columns is a new table on SQLite, which has none of the triggers of the old one."""
        if connection.vendor == "sqlite" and self.name in connection.introspection.table_names():
            self.make()

    def drop(self) -> None:
        if connection.vendor == "postgresql":
            self._run(f"DROP INDEX IF EXISTS {self.name}")
            return
        for trigger in self._triggers_there():
            self._run(f"DROP TRIGGER {trigger}")
        self._run(f"DROP TABLE IF EXISTS {self.name}")

    @property
    def _folded_by_postgresql(self) -> str:
        return f'LOWER("{self.column}")' if self.casefold else f'"{self.column}"'

    def _folded(self, row: str) -> str:
        return f'PLACET_CASEFOLD({row}."{self.column}")' if self.casefold else f'{row}."{self.column}"'

    def _triggers(self) -> dict[str, str]:
        added = f"INSERT INTO {self.name}(rowid, text) VALUES (new.id, {self._folded('new')});"  # noqa: S608
        removed = f"INSERT INTO {self.name}({self.name}, rowid, text) VALUES ('delete', old.id, {self._folded('old')});"  # noqa: S608
        return {
            f"{self.name}_added": f"AFTER INSERT ON {self.table} BEGIN {added} END",
            f"{self.name}_removed": f"AFTER DELETE ON {self.table} BEGIN {removed} END",
            f"{self.name}_changed": f'AFTER UPDATE OF id, "{self.column}" ON {self.table} '
            f'WHEN old.id <> new.id OR old."{self.column}" <> new."{self.column}" BEGIN {removed} {added} END',
        }

    def _triggers_there(self) -> list[str]:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", [self.table]
            )
            return sorted({row[0] for row in cursor.fetchall()} & self._triggers().keys())

    def _fill(self) -> None:
        for first, last in self._batches():
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(
                    f"INSERT INTO {self.name}(rowid, text) SELECT id, {self._folded('t')} FROM {self.table} t "  # noqa: S608
                    f"WHERE id BETWEEN %s AND %s",
                    [first, last],
                )

    def _batches(self) -> Iterator[tuple[int, int]]:
        first: Any = 0
        while first is not None:
            with connection.cursor() as cursor:
                cursor.execute(
                    f"SELECT MIN(id), MAX(id) FROM (SELECT id FROM {self.table} WHERE id >= %s ORDER BY id LIMIT %s)",  # noqa: S608
                    [first, AT_ONCE],
                )
                begin, end = cursor.fetchone()
            if begin is not None:
                yield begin, end
            first = None if end is None else end + 1

    @staticmethod
    def _run(statement: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement)


def _match(texts: Sequence[str]) -> str:
    """What FTS5 looks for: each trigram as a string, in which nothing but a quotation mark means anything."""
    trigrams = dict.fromkeys(
        text[start : start + _TRIGRAM] for text in texts for start in range(len(text) - _TRIGRAM + 1)
    )
    return " AND ".join('"' + trigram.replace('"', '""') + '"' for trigram in trigrams)


def _need_pg_trgm() -> None:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    except DatabaseError as error:
        raise OperationalError(
            "the extension pg_trgm is needed, which comes with PostgreSQL (on some systems as postgresql-contrib), and "
            f"may not be created here ({str(error).strip()}). Let whoever administers the database run there: "
            "CREATE EXTENSION pg_trgm"
        ) from error
