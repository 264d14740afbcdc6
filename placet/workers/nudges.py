"""Jobs of Procrastinate, in PostgreSQL: each says that there is work of one kind, and nothing of which. Whoever takes
it looks up the rows, which are the truth. A job that is lost costs a moment, until a worker looks by itself; a job too
many finds nothing to do.

    shard   whose work it is: of a mailbox its id; of mail to take in one of the slots in which it goes on side by side

Of one kind and shard one job waits at most (`queueing_lock`), and jobs of one `lock` are done one after the other, by
whatever process.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection, transaction
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.exceptions import AlreadyEnqueued

TASK = "placet"
WHOLE = 0  # the shard of what has only one


@dataclass(frozen=True)
class Nudge:
    """One job. `queue`: which of a process's workers takes it."""

    kind: str
    shard: int
    queue: str
    lock: str | None = None

    @property
    def queueing_lock(self) -> str:
        return f"{self.kind}:{self.shard}"


def send(nudges: Iterable[Nudge]) -> int:
    """Write those that do not wait already. How many they were."""
    wanted = {nudge.queueing_lock: nudge for nudge in nudges}
    if not wanted:
        return 0
    waiting = ProcrastinateJob.objects.filter(status="todo", queueing_lock__in=list(wanted))
    known = set(waiting.values_list("queueing_lock", flat=True))
    return sum(_send(nudge) for lock, nudge in wanted.items() if lock not in known)


def _send(nudge: Nudge) -> bool:
    job = app.configure_task(TASK, queue=nudge.queue, lock=nudge.lock, queueing_lock=nudge.queueing_lock)
    try:
        with transaction.atomic():  # a second one breaks the transaction that it is written in
            job.defer(kind=nudge.kind, shard=nudge.shard)
    except AlreadyEnqueued:
        return False
    return True


def are_possible() -> bool:
    """Only PostgreSQL has them."""
    return connection.vendor == "postgresql"
