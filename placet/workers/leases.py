"""Who has a row of work in hand. Every row has a `claim`, empty while nobody has it, and a time that is both when it is
next due and when the lease of whoever has it ends. What a worker then writes, it writes only while the claim is still
its own: a lease that ran out leaves a worker that still lives (DESIGN 6).

    claim = LEASED.take(waiting)        "" if somebody else was faster
    LEASED.mine(pk, claim).update(...)  0 rows if it is no longer ours

A claim begins with the id of the worker. Workers show that they live (`placet.workers.life`); what one held that died
is freed at once and not when its lease ends, and what a living one holds by nobody.
"""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, TypeVar

from django.db import transaction
from django.db.models import Model, Q, QuerySet
from django.utils import timezone

Row = TypeVar("Row", bound=Model)

ID_LENGTH = 12  # of a worker's id, in hexadecimal digits; a claim has 20 more
RESERVED = "reserved"


def new_id() -> str:
    return secrets.token_hex(ID_LENGTH // 2)


@dataclass
class _Process:
    """This one. Its id changes where others took it for dead: what it still holds by the old one is no longer its
    own."""

    id: str


_process = _Process(new_id())


def worker_id() -> str:
    return _process.id


def renew_id() -> str:
    """For a process that was taken for dead, and for a child that has its parent's."""
    _process.id = new_id()
    return _process.id


def new_claim() -> str:
    """32 characters, of this process and of no other row."""
    return _process.id + secrets.token_hex(10)


def reservation() -> str:
    """The claim of rows that this process chose and has not begun with."""
    return f"{_process.id}-{RESERVED}"


@dataclass(frozen=True)
class Leased(Generic[Row]):
    """How rows of one model are held. `unfinished`: those that can be, so that none of the finished is looked at.
    `pause`: how long one waits that a dead worker had begun."""

    model: type[Row]
    length: timedelta
    unfinished: Q = Q()  # noqa: RUF009 - never changed
    due: str = "due"
    pause: timedelta = timedelta()

    def take(self, waiting: "QuerySet[Row, Any]", **changes: Any) -> str:
        """The claim of rows that are ours now; "" if none is, because somebody else was faster."""
        claim = new_claim()
        until = {self.due: timezone.now() + self.length}
        return claim if waiting.update(claim=claim, **until, **changes) else ""

    def mine(self, pk: Any, claim: str) -> "QuerySet[Row, Row]":
        return self.model._default_manager.filter(pk=pk, claim=claim)

    def reserve(self, waiting: "QuerySet[Row, Any]", limit: int) -> list[int]:
        """Ids of the first rows of `waiting`, which no other process chooses as long as the lease lasts."""
        with transaction.atomic():
            unlocked = waiting.select_for_update(skip_locked=True, of=("self",)).only("pk")
            chosen = [row.pk for row in unlocked[:limit]]
            until = {self.due: timezone.now() + self.length}
            self.model._default_manager.filter(pk__in=chosen).update(claim=reservation(), **until)
        return chosen

    def let_go(self, ids: list[int]) -> None:
        """Of the reserved ones those that were not begun with."""
        reserved = self.model._default_manager.filter(pk__in=ids, claim=reservation())
        reserved.update(claim="", **{self.due: timezone.now()})

    def free(self, worker: str) -> int:
        """What a dead worker held. How many rows they were."""
        return self._free(Q(claim__startswith=worker))

    def free_others(self, worker: str) -> int:
        """What anybody held but this worker, for one that is alone: also what a command held that was killed, which is
        no worker."""
        return self._free(~Q(claim="") & ~Q(claim__startswith=worker))

    def _free(self, whose: Q) -> int:
        now = timezone.now()
        held = self.model._default_manager.filter(self.unfinished & whose)
        chosen = held.filter(claim__endswith=RESERVED).update(claim="", **{self.due: now})
        return chosen + held.update(claim="", **{self.due: now + self.pause})
