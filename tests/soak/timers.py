"""Moments that are due at once, worked by processes that are killed in the middle, by clocks that are set forth and
back, and while the mailbox is away. Afterwards each has acted once, none early, and none is lost.
"""

import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

import time_machine
from django.db import connections
from django.db.models import F

from placet.accounts.addresses import add_person
from placet.accounts.models import Person
from placet.approvals import engine, evidence
from placet.approvals.models import Assignment, Request, Timer
from placet.approvals.processes import publish
from placet.audit import chain
from placet.audit.models import AuditEntry
from placet.mail.models import OutgoingMail
from placet.mailboxes.models import Mailbox
from tests.making import make_mailbox, one_step
from tests.soak.kill import PATIENCE, environment

MONDAY = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
DUE, RUNG, END = (
    MONDAY.replace(day=4, hour=17),
    MONDAY.replace(day=5, hour=17),
    MONDAY.replace(day=9, hour=17),
)
BEHIND = timedelta(hours=3)  # of a clock that was set back
MINUTE = timedelta(minutes=1)
EACH = ("due", "remind", "escalate", "expire")  # moments of a request


@dataclass
class Figures:
    kills: int = 0
    kills_in_work: int = 0  # rows were left, and some had been done


def survive(requests: int, kills: int, log: Path, seed: int = 1) -> Figures:
    """AssertionError says what did not hold. `kills`: at each moment."""
    figures, chance = Figures(), random.Random(seed)
    made = _make(requests)
    connections.close_all()
    with log.open("w") as output:
        _pass(DUE, made, kills, figures, chance, output, {"due": "acted", "remind": "acted"})
        # The mailbox is away: nobody else is asked, however often it is looked at.
        with _worker(RUNG + MINUTE, output):
            time.sleep(1)
        assert _states(made)["escalate"] == {"waiting": requests}
        _is_read(RUNG + 3 * MINUTE)
        _pass(RUNG + 5 * MINUTE, made, kills, figures, chance, output, {"escalate": "acted"})
        with _worker(END + MINUTE, output):
            time.sleep(1)
        assert _states(made)["expire"] == {"waiting": requests}
        _is_read(END + 3 * MINUTE)
        _pass(END + 5 * MINUTE, made, kills, figures, chance, output, {"expire": "acted"})
    _check(made)
    return figures


def _make(requests: int) -> list[int]:
    with time_machine.travel(MONDAY, tick=False):
        make_mailbox()
        bob, carol = (add_person(name, f"{name.lower()}@contoso.example") for name in ("Bob", "Carol"))
        alice = add_person("Alice", "alice@contoso.example")
        version = publish(_definition(bob, carol))
        made = [
            engine.start(version, alice, {"item": f"Desk {n}", "amount": "1"}).pk for n in range(requests)
        ]
        OutgoingMail.objects.update(state="sent", sent_at=MONDAY)
    _is_read(MONDAY)
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


def _is_read(moment: datetime) -> None:
    Mailbox.objects.update(read_until=moment)


def _pass(
    moment: datetime,
    made: list[int],
    kills: int,
    figures: Figures,
    chance: random.Random,
    output: IO[str],
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
    with _worker(moment - BEHIND, output):
        time.sleep(0.5)
    assert left() == before, "Something acted before its moment."
    for number in range(kills):
        goal = before * (kills - number) // (kills + 1)
        with _worker(moment + MINUTE, output) as worker:
            _until_left(left, goal, worker)
            time.sleep(chance.uniform(0, 0.05))
        figures.kills += 1
        figures.kills_in_work += 0 < left() < before
    with _worker(moment + 2 * MINUTE, output) as worker:
        _until_left(left, 0, worker)
    states = _states(made)
    for what, state in wanted.items():
        assert states[what] == {state: len(made)}, states


def _until_left(left: Callable[[], int], goal: int, worker: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + PATIENCE
    while left() > goal:
        assert worker.poll() is None, "It ended by itself."
        assert time.monotonic() < end, f"{left()} are left after {PATIENCE:.0f} s."
        time.sleep(0.03)


@contextmanager
def _worker(clock: datetime, output: IO[str]) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that works what is due by this clock, until it is killed."""
    command = [sys.executable, "-m", "tests.soak.timers_worker"]
    env = {
        **environment(),
        "TEST_CLOCK": clock.isoformat(),
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=output)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"works\n", "It did not begin."
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
