"""The kinds of background work. Every unit is a row with a state and a due time: the row is the truth.

Each kind names the query that finds due rows and the idempotent function that works one. `Runner` runs them
as threads of the one process; whatever else runs the same kinds later needs nothing but this table.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import structlog
from django.conf import settings
from django.db import close_old_connections, connections
from django.db.models import Q
from django.utils import timezone

from placet.accounts import tidy
from placet.accounts.reader import as_the_installation_reads
from placet.alarms import checkpoints, expiry, watch, webhook
from placet.approvals import engine
from placet.lib import working
from placet.mail import outbox, sent_items, tasks
from placet.mail.models import IncomingMail
from placet.mailboxes import subscribing
from placet.mailboxes.base import MailboxError
from placet.mailboxes.models import Mailbox
from placet.replies import entry

log = structlog.get_logger(__name__)

BATCH = 50  # rows looked up at once
IDLE = 1.0  # seconds between two looks when nothing was due


@dataclass(frozen=True)
class Kind:
    """One kind of work."""

    name: str
    due: Callable[[int], list[int]]  # ids of at most so many due rows, most urgent first
    work: Callable[[int], bool]  # works one row; False: nothing to do. MailboxError may pass through
    workers: int = 1
    idle: float = (
        IDLE  # seconds between two looks when nothing was due; above IDLE, other kinds' work does not wake it
    )


def mailboxes_due(limit: int) -> list[int]:
    now = timezone.now()
    ready = Mailbox.objects.filter(active=True, next_poll__lte=now).filter(
        Q(paused_until=None) | Q(paused_until__lte=now)
    )
    return list(ready.order_by("next_poll").values_list("id", flat=True)[:limit])


def incoming_due(limit: int) -> list[int]:
    """What was kept whole needs no server; what is still to be read waits until its mailbox may be asked."""
    now = timezone.now()
    awake = Q(mailbox__paused_until=None) | Q(mailbox__paused_until__lte=now)
    waiting = IncomingMail.objects.filter(state=IncomingMail.State.KEPT, due__lte=now).filter(
        ~Q(facts__has_key="unread") | Q(mailbox__active=True) & awake
    )
    return list(waiting.order_by("due", "id").values_list("id", flat=True)[:limit])


def unasked_due(limit: int) -> list[int]:
    """Who was asked on the page only, as long as there was no mailbox."""
    return engine.unasked(limit) if Mailbox.objects.filter(active=True).exists() else []


def kinds() -> list[Kind]:
    return [
        Kind("poll", mailboxes_due, entry.receive),
        Kind("subscribe", subscribing.due, subscribing.work, idle=5),
        Kind("take_in", incoming_due, entry.take_in, workers=settings.PLACET.workers),
        Kind("mark", tasks.due, tasks.work),
        Kind("ask", unasked_due, engine.ask_by_mail, idle=30),
        Kind("send", outbox.due, outbox.work),
        Kind("sent_ids", sent_items.due, sent_items.work, idle=5),
        Kind("watch", watch.due, watch.work, idle=30),
        Kind("webhook", webhook.due, webhook.work),
        Kind("expiry", expiry.due, expiry.work, idle=60),
        Kind("checkpoint", checkpoints.due, checkpoints.work, idle=60),
        Kind("tidy", tidy.due, tidy.work, idle=60),
    ]


def release_claims() -> None:
    """At the start of the only process: what an earlier one held is free."""
    entry.release_claims()
    tasks.release_claims()
    outbox.release_claims()
    webhook.release_claims()
    subscribing.release_claims()


def run_once(kind: Kind, limit: int = BATCH) -> int:
    """Work what is due of one kind, one after the other; how many rows were worked."""
    return _one_after_the_other(kind, kind.due(limit), lambda: False)


def _one_after_the_other(kind: Kind, rows: list[int], stopped: Callable[[], bool]) -> int:
    worked = 0
    for row in rows:
        if stopped():
            break
        try:
            worked += _work(kind, row)
        except MailboxError:
            # The mailbox is paused and its trouble kept. These rows were looked up before that: those behind
            # must not knock at a server that asked for patience, so they are looked up anew.
            break
    return worked


def _work(kind: Kind, row: int) -> bool:
    """Work one row. One that fails must not stop the others: its lease ends and it is tried again."""
    try:
        with as_the_installation_reads():
            return kind.work(row)
    except MailboxError:
        raise
    except Exception:
        log.exception("work_failed", kind=kind.name, row=row)
        return False


def _close_connections(workers: int, pool: ThreadPoolExecutor) -> None:
    """At the end each thread closes its own connection to the database: nobody else can."""
    together = threading.Barrier(workers)  # no thread takes two of these

    def close(_number: int) -> None:
        together.wait()
        connections.close_all()

    list(pool.map(close, range(workers)))
    connections.close_all()


class Runner:
    """All kinds as threads of this process."""

    def __init__(self) -> None:
        self._kinds = kinds()
        self._stop = threading.Event()
        self._wake = {kind.name: threading.Event() for kind in self._kinds}
        self._threads = [
            threading.Thread(target=self._run, args=(kind,), name=f"work-{kind.name}", daemon=True)
            for kind in self._kinds
        ]

    def start(self) -> None:
        release_claims()
        for kind, thread in zip(self._kinds, self._threads, strict=True):
            working.started(kind.name, thread, self._wake[kind.name])
            thread.start()

    def stop(self, timeout: float = 30) -> None:
        """Let every worker end what it has in hand."""
        self._stop.set()
        for event in self._wake.values():
            event.set()
        for thread in self._threads:
            thread.join(timeout)

    def alive(self) -> dict[str, bool]:
        return {kind.name: thread.is_alive() for kind, thread in zip(self._kinds, self._threads, strict=True)}

    def _run(self, kind: Kind) -> None:
        with ThreadPoolExecutor(kind.workers, thread_name_prefix=f"work-{kind.name}") as pool:
            while not self._stop.is_set():
                working.began(kind.name)
                worked = self._turn(kind, pool)
                working.ended(kind.name, worked)
                if worked:
                    self._wake_others(kind)
                else:
                    self._wake[kind.name].wait(kind.idle)
                    self._wake[kind.name].clear()
            _close_connections(kind.workers, pool)

    def _turn(self, kind: Kind, pool: ThreadPoolExecutor) -> int:
        try:
            close_old_connections()
            rows = kind.due(BATCH)
        except Exception:
            # The database may be away for a while; this thread has to outlive that.
            log.exception("work_lookup_failed", kind=kind.name)
            connections.close_all()
            return 0
        if kind.workers == 1:
            return _one_after_the_other(kind, rows, self._stop.is_set)
        return sum(pool.map(lambda row: self._in_pool(kind, row), rows))

    def _in_pool(self, kind: Kind, row: int) -> bool:
        if self._stop.is_set():
            return False
        close_old_connections()
        try:
            return _work(kind, row)
        except MailboxError:
            return False

    def _wake_others(self, kind: Kind) -> None:
        for other in self._kinds:
            if other.name != kind.name and other.idle <= IDLE:
                self._wake[other.name].set()
