"""What the workers of this process do, for whoever looks. Whoever runs them says it here; nothing here runs them."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from django.utils import timezone


@dataclass
class Worker:
    """One kind of work. `began_at` is set while it has something in hand."""

    kind: str
    thread: threading.Thread
    began_at: datetime | None = None
    last_turn_at: datetime | None = None  # when it last looked for work, and did what it found
    last_worked_at: datetime | None = None  # when it last found some
    worked: int = field(default=0)  # rows, since the start
    wake: Callable[[], None] | None = None  # it looks for work at once

    @property
    def alive(self) -> bool:
        return self.thread.is_alive()


_workers: dict[str, Worker] = {}


def started(kind: str, thread: threading.Thread, wake: Callable[[], None] | None = None) -> None:
    _workers[kind] = Worker(kind, thread, wake=wake)


@dataclass
class _Elsewhere:
    wake: Callable[[str], None] | None = None


_elsewhere = _Elsewhere()


def done_elsewhere(wake: Callable[[str], None]) -> None:
    """Other processes do the work; `wake` tells them of a kind."""
    _elsewhere.wake = wake


def is_done_elsewhere() -> bool:
    """Whether this process has the pages alone."""
    return _elsewhere.wake is not None


def wake(kind: str) -> None:
    """There is a row of this kind that need not wait for the next look. Where nobody can be told, that look finds
    it."""
    worker = _workers.get(kind)
    if worker is not None and worker.wake is not None:
        worker.wake()
    elif _elsewhere.wake is not None:
        _elsewhere.wake(kind)


def began(kind: str) -> None:
    _workers[kind].began_at = timezone.now()


def ended(kind: str, worked: int) -> None:
    """A turn is over; how many rows it worked."""
    worker, now = _workers[kind], timezone.now()
    worker.began_at, worker.last_turn_at = None, now
    if worked:
        worker.last_worked_at = now
        worker.worked += worked


def workers() -> list[Worker]:
    """In the order in which they were started; empty where this process runs none."""
    return list(_workers.values())
