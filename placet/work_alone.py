"""The kinds of work as threads of the one process that works on a database."""

import threading
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext

import structlog
from django.db import DEFAULT_DB_ALIAS, close_old_connections, connections

from placet.lib import working
from placet.mailboxes.base import MailboxError
from placet.mailboxes.push import subscriptions
from placet.work import BATCH, IDLE, LEASED, Kind, kinds, one_after_the_other, work
from placet.workers.life import Life
from placet.workers.models import Worker

log = structlog.get_logger(__name__)

GAP = 0.001  # seconds in which another kind can have the lane: a lock goes to whoever asks first
OFTEN = (
    5.0  # seconds between two looks up to which a kind looks over the connection that all such kinds share
)


class Runner:
    """All kinds, each in a thread."""

    def __init__(self) -> None:
        self._life = Life(Worker.Does.ALL, LEASED)
        self._kinds = kinds()
        self._stop = threading.Event()
        self._wake = {kind.name: threading.Event() for kind in self._kinds}
        self._lanes: dict[str, threading.Lock] = defaultdict(threading.Lock)
        self._looks = _Looks()
        self._threads = [
            threading.Thread(target=self._run, args=(kind,), name=f"work-{kind.name}", daemon=True)
            for kind in self._kinds
        ]

    def start(self) -> None:
        self._life.begin(alone=True)
        subscriptions.try_again()
        for kind, thread in zip(self._kinds, self._threads, strict=True):
            working.started(kind.name, thread, self._wake[kind.name].set)
            thread.start()

    def stop(self, timeout: float = 30) -> None:
        """Let every worker end what it has in hand."""
        self._stop.set()
        for event in self._wake.values():
            event.set()
        for thread in self._threads:
            thread.join(timeout)
        self._looks.close()
        self._life.end()

    def alive(self) -> dict[str, bool]:
        return {kind.name: thread.is_alive() for kind, thread in zip(self._kinds, self._threads, strict=True)}

    def _run(self, kind: Kind) -> None:
        with ThreadPoolExecutor(kind.workers, thread_name_prefix=f"work-{kind.name}") as pool:
            while not self._stop.is_set():
                working.began(kind.name)
                with self._lanes[kind.lane] if kind.lane else nullcontext():
                    worked = self._turn(kind, pool)
                working.ended(kind.name, worked)
                if worked:
                    self._wake_others(kind)
                    self._stop.wait(GAP if kind.lane else 0)
                else:
                    _close_what_grows_old(kind.idle)
                    self._wake[kind.name].wait(kind.idle)
                    self._wake[kind.name].clear()
            _close_connections(kind.workers, pool)

    def _turn(self, kind: Kind, pool: ThreadPoolExecutor) -> int:
        try:
            close_old_connections()
            with self._looks.shared() if kind.idle <= OFTEN else nullcontext():
                rows = kind.due(BATCH)
        except Exception:
            # The database may be away for a while; this thread has to outlive that.
            log.exception("work_lookup_failed", kind=kind.name)
            connections.close_all()
            return 0
        if kind.workers == 1:
            return one_after_the_other(kind, rows, self._stop.is_set)
        return sum(pool.map(lambda row: self._in_pool(kind, row), rows))

    def _in_pool(self, kind: Kind, row: int) -> bool:
        if self._stop.is_set():
            return False
        close_old_connections()
        try:
            return work(kind, row)
        except MailboxError:
            return False

    def _wake_others(self, kind: Kind) -> None:
        for other in self._kinds:
            if other.name != kind.name and other.idle <= IDLE:
                self._wake[other.name].set()


class _Looks:
    """One connection to the database over which the kinds look for work, one after the other. To open one for a look
    takes longer than the look, on SQLite, where none is kept; and to keep one in each thread takes more memory."""

    def __init__(self) -> None:
        self._one_at_a_time = threading.Lock()
        self._connection = connections.create_connection(DEFAULT_DB_ALIAS)
        self._connection.inc_thread_sharing()

    @contextmanager
    def shared(self) -> Iterator[None]:
        """In this block it is the connection of the thread. One that an error came over is not used again."""
        with self._one_at_a_time:
            own = connections[DEFAULT_DB_ALIAS]
            connections[DEFAULT_DB_ALIAS] = self._connection
            try:
                yield
            except Exception:
                self._connection.close()
                raise
            finally:
                connections[DEFAULT_DB_ALIAS] = own

    def close(self) -> None:
        with self._one_at_a_time:
            self._connection.close()


def _close_what_grows_old(seconds: float) -> None:
    """This thread's connection to the database, where the next look, in so many seconds, would close it anyway. With
    each, SQLite holds what it knows of the tables, half a megabyte, and there are as many as kinds of work."""
    for connection in connections.all(initialized_only=True):
        longest = connection.settings_dict["CONN_MAX_AGE"]
        if longest is not None and longest <= seconds:
            connection.close()


def _close_connections(workers: int, pool: ThreadPoolExecutor) -> None:
    """At the end each thread closes its own connection to the database: nobody else can."""
    together = threading.Barrier(workers)  # no thread takes two of these

    def close(_number: int) -> None:
        together.wait()
        connections.close_all()

    list(pool.map(close, range(workers)))
    connections.close_all()
