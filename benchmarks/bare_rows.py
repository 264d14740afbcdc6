"""The floor of a decided reply: the rows that Placet wrote for each, once more by SQL alone, with the same tables,
constraints and indexes and `synchronous=FULL`. Mails are kept twenty in a transaction; each decision has its own.
"""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KEPT_AT_ONCE = 20
OF_EACH = """
    SELECT mail.id, seat.id, visit.id, visit.request_id, decision.id
    FROM approvals_decision decision
    JOIN mail_incomingmail mail ON mail.id = decision.incoming_id
    JOIN approvals_assignment seat ON seat.id = decision.assignment_id
    JOIN approvals_visit visit ON visit.id = seat.visit_id
    ORDER BY mail.id
"""
# What a decision changes in rows that are there: the table, its key, and the columns.
CHANGED = {
    "mail_incomingmail": ("id", ("state", "claim", "handled_at", "result", "reason", "verdict", "person_id")),
    "approvals_assignment": ("id", ("state",)),
    "approvals_visit": ("id", ("state", "result", "closed_at")),
    "approvals_request": ("id", ("state", "result", "closed_at")),
    "audit_chainhead": ("request_id", ("seq", "hash", "mac")),
}
ENTRIES = 3  # of the record: decided, closed, ended

Row = tuple[str, dict[str, Any]]  # table, values by column


@dataclass(frozen=True)
class Reply:
    kept: Row
    there: Sequence[Row]  # before it is decided
    added: Sequence[Row]


def seconds(database: Path, folder: Path) -> float:
    """Of processor time, for all replies that are decided in this database."""
    with closing(sqlite3.connect(database)) as source:
        source.row_factory = sqlite3.Row
        replies = [_reply(source, *ids) for ids in source.execute(OF_EACH).fetchall()]
        target = folder / "bare.sqlite3"
        target.unlink(missing_ok=True)
        with closing(sqlite3.connect(target, isolation_level=None)) as bare:
            _same_tables(source, bare)
            with _transaction(bare):
                _insert(bare, [row for reply in replies for row in reply.there])
            began = time.process_time()
            _write(bare, replies)
            return time.process_time() - began


def _write(bare: sqlite3.Connection, replies: Sequence[Reply]) -> None:
    for start in range(0, len(replies), KEPT_AT_ONCE):
        with _transaction(bare):
            _insert(bare, [reply.kept for reply in replies[start : start + KEPT_AT_ONCE]])
    for reply in replies:
        with _transaction(bare):
            for table, values in (reply.kept, *reply.there):
                key, columns = CHANGED[table]
                change = ", ".join(f"{column} = ?" for column in columns)
                given = [*(values[column] for column in columns), values[key]]
                bare.execute(" ".join(["UPDATE", table, "SET", change, "WHERE", key, "= ?"]), given)
            _insert(bare, reply.added)


@contextmanager
def _transaction(bare: sqlite3.Connection) -> Iterator[None]:
    bare.execute("BEGIN IMMEDIATE")
    yield
    bare.execute("COMMIT")


def _insert(bare: sqlite3.Connection, rows: Sequence[Row]) -> None:
    for table, values in rows:
        columns = ", ".join(f'"{column}"' for column in values)
        places = ", ".join("?" * len(values))
        bare.execute(
            " ".join(["INSERT INTO", table, "(", columns, ") VALUES (", places, ")"]), [*values.values()]
        )


def _same_tables(source: sqlite3.Connection, bare: sqlite3.Connection) -> None:
    wanted = {"approvals_decision", "audit_auditentry", "mail_outgoingmail", "mail_servertask", *CHANGED}
    for statement, table in source.execute(
        "SELECT sql, tbl_name FROM sqlite_master WHERE type IN ('table', 'index')"
    ):
        if statement and table in wanted:
            bare.execute(statement)
    bare.execute("PRAGMA journal_mode=WAL")
    bare.execute("PRAGMA synchronous=FULL")


def _reply(
    source: sqlite3.Connection, mail: int, seat: int, visit: int, request: int, decision: int
) -> Reply:
    def rows(table: str, column: str, value: object) -> list[Row]:
        found = source.execute(" ".join(["SELECT * FROM", table, "WHERE", column, "= ? ORDER BY 1"]), [value])
        return [(table, dict(row)) for row in found]

    ids = zip(CHANGED, (mail, seat, visit, request, request), strict=True)
    kept, *there = (row for table, id_ in ids for row in rows(table, CHANGED[table][0], id_))
    return Reply(
        kept,
        there,
        [
            *rows("approvals_decision", "id", decision),
            *rows("audit_auditentry", "request_id", request)[-ENTRIES:],
            *rows("mail_outgoingmail", "cause", f"request:{request}"),
            *rows("mail_outgoingmail", "cause", f"incoming:{mail}"),
            *rows("mail_servertask", "incoming_id", mail),
        ],
    )
