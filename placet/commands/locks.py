"""Which processes of Placet run at the same time on a data folder and a database.

On SQLite one. On PostgreSQL as many as wanted, with the pages, the work or both; none of them while an installation is
copied there.
"""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dj_database_url
import structlog

from placet.cli import CommandError

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

log = structlog.get_logger(__name__)

LOCK_FILE = "serve.lock"  # in the data folder
DATABASE_LOCK = 0x506C6163  # "Plac"; PostgreSQL's advisory locks are numbers
SET_UP_LOCK = DATABASE_LOCK + 1
LOOK_AT_LOCK = 60.0  # seconds between two looks whether we still hold it
#: Of the connection that holds it: a server that went away without a word is noticed in a minute
#: (https://www.postgresql.org/docs/current/libpq-connect.html).
NOTICE_SOON = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}


@contextmanager
def lock_folder(data_dir: Path, *, alone: bool) -> Iterator[None]:
    """`alone`: no other process on this data folder, or a CommandError. The lock goes with the process, however it
    ends."""
    path = data_dir / LOCK_FILE
    with path.open("a") as file:
        try:
            fcntl.flock(file, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except OSError as error:
            raise CommandError(f"Placet already runs on {data_dir} ({path} is locked).") from error
        if alone:
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
        yield


class DatabaseLock:
    """On PostgreSQL other machines may use the same database: this lock lasts as long as the connection that took it,
    which is kept open for it. SQLite's file lies in a folder that is locked already."""

    def __init__(self, keeper: "BaseDatabaseWrapper | None", *, alone: bool) -> None:
        self._keeper = keeper
        self._alone = alone
        self._lost = False

    @classmethod
    def take(cls, *, alone: bool) -> "DatabaseLock":
        """The lock of the configured database, `alone` or beside others. CommandError if it cannot be had."""
        from django.db import connection

        if connection.vendor != "postgresql":
            return cls(None, alone=alone)
        keeper = _own_connection()
        lock = cls(keeper, alone=alone)
        if not lock._took():
            keeper.close()
            raise CommandError(
                "Another Placet already runs on this database." if alone
                else "An installation is just being copied into this database."
            )  # fmt: skip
        return lock

    def held(self) -> bool:
        """Whether it is still ours. One beside others is taken again where the database was away: until it is there,
        nobody can work on it."""
        from django.db import Error

        if self._keeper is None:
            return True
        try:
            if not self._lost:
                with self._keeper.cursor() as cursor:
                    cursor.execute("SELECT 1")
                return True
        except Error:
            self._lost = True  # another connection does not have it
        if self._alone:
            return False  # somebody else may have had it meanwhile
        try:
            self._keeper.close()
            took = self._took()
        except Error:
            log.warning("database_away")
            return True
        self._lost = not took
        return took

    def _took(self) -> bool:
        assert self._keeper is not None
        function = "pg_try_advisory_lock" if self._alone else "pg_try_advisory_lock_shared"
        with self._keeper.cursor() as cursor:
            cursor.execute(f"SELECT {function}(%s)", [DATABASE_LOCK])
            return bool(cursor.fetchone()[0])


@contextmanager
def one_sets_up() -> Iterator[None]:
    """Two processes at the first start, or after an upgrade, must not both make the tables: the second one waits."""
    from django.db import connection

    if connection.vendor != "postgresql":
        yield
        return
    keeper = _own_connection()
    try:
        keeper.set_autocommit(False)  # the lock ends with the transaction
        with keeper.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [SET_UP_LOCK])
        yield
    finally:
        keeper.close()


def _own_connection() -> "BaseDatabaseWrapper":
    """To the database itself: behind PgBouncer a lock would be that of whoever is given the session next."""
    from django.conf import settings
    from django.db import connections

    keeper = connections.create_connection("default")
    own: dict[str, Any] = dict(keeper.settings_dict)
    if settings.PLACET.database_direct_url:
        own |= dj_database_url.parse(settings.PLACET.database_direct_url)
    own["OPTIONS"] = {**NOTICE_SOON, **own["OPTIONS"]}
    keeper.settings_dict = own
    keeper.inc_thread_sharing()  # taken here, looked at by another thread
    return keeper


def watch(lock: DatabaseLock, stop: threading.Event, lost: threading.Event) -> None:
    """Stop the process once the database's lock is lost: an installation is copied there now. A supervisor
    starts this one again, which finds out."""
    while not stop.wait(LOOK_AT_LOCK):
        if not lock.held():
            log.error(
                "database_lock_lost", next="Placet stops; start it again when the database is its own again."
            )
            lost.set()
            stop.set()
