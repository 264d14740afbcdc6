"""Moments that are due at once, worked by processes that are killed in the middle, by clocks that are set forth and
back, and while the mailbox's server is away: it refuses, or does not answer at all. Afterwards each has acted once,
none early, and none is lost. The server is a sandbox in the test, by the real time; the processes have clocks of their
own.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import IO

import time_machine
from django.db import connection, connections
from django.db.models import Count, F

from placet.accounts.addresses import add_person
from placet.accounts.models import Person
from placet.approvals import engine, evidence
from placet.approvals.models import Assignment, Request, Timer
from placet.approvals.processes import publish
from placet.audit import chain
from placet.audit.models import AuditEntry
from placet.mail.models import OutgoingMail
from placet.mailboxes.models import Mailbox
from placet.sandbox.server import Sandbox
from tests.making import one_step
from tests.soak.kill import PATIENCE, connect, environment
from tests.soak.loaded import Begun, Command, Loader, begun

#: What makes a process with this clock.
WorkerAt = Callable[[datetime], AbstractContextManager[Begun]]

MONDAY = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
DUE, RUNG, END = (
    MONDAY.replace(day=4, hour=17),
    MONDAY.replace(day=5, hour=17),
    MONDAY.replace(day=9, hour=17),
)
BEHIND = timedelta(hours=3)  # of a clock that was set back
MINUTE = timedelta(minutes=1)
AGAIN = timedelta(minutes=15)  # after which a mailbox that was away is certainly asked once more
EACH = ("due", "remind", "escalate", "expire")  # moments of a request


@dataclass
class Figures:
    kills: int = 0
    kills_in_work: int = 0  # rows were left, and some had been done
    due_at_once: int = 0  # the most, by one instant
    refused: Counter[str] = field(default_factory=Counter)  # looks into the mailbox, by the server's fault
    seconds: float = 0

    def lines(self) -> str:
        away = ", ".join(f"{count} times {kind}" for kind, count in sorted(self.refused.items()))
        return (
            f"Timers ({connection.vendor}): up to {self.due_at_once} due at once, {self.kills} times SIGKILL, "
            f"{self.seconds:.0f} s\n"
            f"  {self.kills_in_work} kills hit work in hand; the mailbox was away: {away}\n"
            f"  each acted once, none early, 0 lost"
        )


def survive(
    sandbox: Sandbox, requests: int, kills: int, log: Path, *, way: str = "graph", seed: int = 1,
    loader: Loader | None = None,
) -> Figures:  # fmt: skip
    """AssertionError says what did not hold. `kills`: at each moment. `sandbox` has the mailbox "approvals".
    `loader`: of processes that part and do not start from nothing."""
    figures, chance, began = Figures(), random.Random(seed), time.monotonic()
    made = _make(sandbox, requests, way)
    moments = Timer.objects.filter(visit__request__in=made).values_list("at")
    figures.due_at_once = max(number for _at, number in moments.annotate(Count("pk")).order_by())
    connections.close_all()
    with log.open("w") as output:
        worker_at: WorkerAt = partial(_worker, output, loader)
        _pass(DUE, made, kills, figures, chance, worker_at, {"due": "acted", "remind": "acted"})
        _while_away(sandbox, "unavailable", "escalate", RUNG, made, figures, worker_at)
        _pass(RUNG + AGAIN, made, kills, figures, chance, worker_at, {"escalate": "acted"})
        _while_away(sandbox, "cut_before", "expire", END, made, figures, worker_at)
        _pass(END + AGAIN, made, kills, figures, chance, worker_at, {"expire": "acted"})
    _check(made)
    figures.seconds = time.monotonic() - began
    return figures


def _make(sandbox: Sandbox, requests: int, way: str) -> list[int]:
    with time_machine.travel(MONDAY, tick=False):
        connect(sandbox, way)
        bob, carol = (add_person(name, f"{name.lower()}@contoso.example") for name in ("Bob", "Carol"))
        alice = add_person("Alice", "alice@contoso.example")
        version = publish(_definition(bob, carol))
        made = [
            engine.start(version, alice, {"item": f"Desk {n}", "amount": "1"}).pk for n in range(requests)
        ]
        OutgoingMail.objects.update(state="sent", sent_at=MONDAY)
    return made


def _definition(bob: Person, carol: Person) -> dict[str, object]:
    one = one_step([{"person": bob.email}], key="timers")
    step = {
        **one["steps"]["step"],
        "due": "2 working days",
        "remind": ["when due"],
        "escalate": [{"when": "1 working day after", "also": [{"person": carol.email}]}],
        "expire": {"after": "3 working days"},
    }
    ways = [*one["transitions"], {"from": "step", "outcome": "expired", "to": "rejected"}]
    return {**one, "steps": {**one["steps"], "step": step}, "transitions": ways}


def _while_away(
    sandbox: Sandbox,
    fault: str,
    what: str,
    moment: datetime,
    made: list[int],
    figures: Figures,
    worker_at: WorkerAt,
) -> None:
    """The mailbox's server is away: what waits for it is looked at, each, and none acts; until when it was read
    stays what it was."""
    read_until = Mailbox.objects.get().read_until
    coming = Timer.objects.filter(visit__request__in=made, what=what, state="waiting")
    sandbox.faults.set(fault)
    with worker_at(moment + MINUTE) as worker:
        # A row that waits for a mailbox is put off each time.
        _until_left(coming.filter(due=F("at")).count, 0, worker)
        _until_left(lambda: int(not sandbox.faults.struck[fault]), 0, worker)
    figures.refused[fault] = sandbox.faults.struck[fault]
    sandbox.faults.clear()
    mailbox = Mailbox.objects.get()
    assert mailbox.trouble, "The mailbox was not away."
    assert mailbox.read_until == read_until
    assert _states(made)[what] == {"waiting": len(made)}


def _pass(
    moment: datetime,
    made: list[int],
    kills: int,
    figures: Figures,
    chance: random.Random,
    worker_at: WorkerAt,
    wanted: dict[str, str],
) -> None:
    """Processes work what is due at this moment; those before the last are killed, and every other one has a clock that
    was set back, by which nothing is due."""

    def left() -> int:
        waiting = Timer.objects.filter(
            visit__request__in=made, what__in=wanted, state="waiting", assignment=None
        )
        return waiting.count()

    before = left()
    with worker_at(moment - BEHIND):
        time.sleep(0.5)
    assert left() == before, "Something acted before its moment."
    for number in range(kills):
        goal = before * (kills - number) // (kills + 1)
        # Each later than the one before: a mailbox is not read until a moment that is still to come.
        with worker_at(moment + (number + 1) * MINUTE) as worker:
            _until_left(left, goal, worker)
            time.sleep(chance.uniform(0, 0.05))
        figures.kills += 1
        figures.kills_in_work += 0 < left() < before
    with worker_at(moment + (kills + 1) * MINUTE) as worker:
        _until_left(left, 0, worker)
    states = _states(made)
    for what, state in wanted.items():
        assert states[what] == {state: len(made)}, states


def _until_left(left: Callable[[], int], goal: int, worker: Begun) -> None:
    end = time.monotonic() + PATIENCE
    while left() > goal:
        assert worker.poll() is None, "It ended by itself."
        assert time.monotonic() < end, f"{left()} are left after {PATIENCE:.0f} s."
        time.sleep(0.03)


@contextmanager
def _worker(output: IO[str], loader: Loader | None, clock: datetime) -> Iterator[Begun]:
    """A process that works what is due by this clock, until it is killed."""
    command = Command("tests.soak.timers_worker", environment={"TEST_CLOCK": clock.isoformat()})
    process = begun(command, environment(), output, loader)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "works\n", "It did not begin."
        yield process
    finally:
        process.kill()
        process.wait(PATIENCE)
        process.stdout.close()


def _states(made: list[int]) -> dict[str, dict[str, int]]:
    rows = Timer.objects.filter(visit__request__in=made, assignment=None).values_list("what", "state")
    return {what: Counter(state for one, state in rows if one == what) for what in EACH}


def _check(made: list[int]) -> None:
    """By the rows, and by the record, in which every act stands once."""
    assert not Timer.objects.filter(acted_at__lt=F("at")).exists(), "Something acted early."
    assert {state for states in _states(made).values() for state in states} == {"acted"}
    said = Counter((one.request_id, one.what["event"]) for one in AuditEntry.objects.exclude(request=None))
    for event in ("due", "escalated", "expired", "ended"):
        assert [said[number, event] for number in made] == [1] * len(made), event
    assert Request.objects.filter(pk__in=made, result="rejected").count() == len(made)
    assert Assignment.objects.count() == 2 * len(made)
    kinds = Counter(OutgoingMail.objects.values_list("kind", flat=True))
    # One to each at first, and a reminder; nobody is told twice that it is over.
    assert (kinds["ask"], kinds["escalated"], kinds["expired"]) == (
        3 * len(made),
        len(made),
        2 * len(made),
    ), kinds
    assert [*chain.verify(), *evidence.compare()] == []
