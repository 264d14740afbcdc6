"""Whatever happens while a clock runs, forth and back: each moment acts at most once, none early and none is lost."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from placet.accounts.models import Person
from placet.approvals import engine, evidence, timing
from placet.approvals.models import Assignment, Decision, Request, Timer, Visit
from placet.approvals.processes import publish
from placet.audit import chain
from placet.mail.models import OutgoingMail
from placet.mailboxes.models import Mailbox
from tests.approvals.test_steps_that_ask_nobody import process, step
from tests.rotation import whole

pytestmark = pytest.mark.django_db

Expire = dict[str, Any] | None
MONDAY = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
AMOUNTS = st.sampled_from(["2 working days", "8 working hours", "1 day", "90 minutes", "30 hours"])
REMINDERS = st.sampled_from(
    ["1 working day before", "2 hours before", "when due", "1 hour after", "1 day after"]
)
EXPIRIES: st.SearchStrategy[Expire] = st.none() | AMOUNTS.map(lambda amount: {"after": amount}) | st.just({})
ACTIONS = st.one_of(
    st.integers(-20, 60).map(lambda hours: ("pass", hours)),
    st.sampled_from([("work", 0), ("work", 0), ("work twice", 0), ("resend", 0), ("send", 0), ("answer", 0)]),
)


def test_whatever_the_clock_does_each_moment_acts_once(
    request: pytest.FixtureRequest, mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    @settings(max_examples=2000 if whole(request.config) else 40)
    @given(AMOUNTS, st.lists(REMINDERS, max_size=3), EXPIRIES, st.lists(ACTIONS, max_size=14))
    def lives(due: str, remind: Sequence[str], expire: Expire, actions: Sequence[tuple[str, int]]) -> None:
        live(alice, bob, due, remind, expire, actions)

    lives()


def live(
    alice: Person, bob: Person, due: str, remind: Sequence[str], expire: Expire,
    actions: Sequence[tuple[str, int]],
) -> None:  # fmt: skip
    more: dict[str, Any] = {"due": due}
    more |= {"remind": [*remind]} if remind else {}
    more |= {"expire": expire} if expire is not None else {}
    ways = [
        "bob approve approved",
        "bob reject rejected",
        *(["bob expired rejected"] if expire is not None else []),
    ]
    with transaction.atomic():
        with time_machine.travel(MONDAY, tick=False) as clock:
            version = publish(process({"bob": step("bob", **more)}, ways))
            life = Life(engine.start(version, alice, {"item": "Desk", "amount": "1"}), alice, bob, clock)
            for what, hours in actions:
                life.does(what, hours)
            life.ends()
        transaction.set_rollback(True)


class Life:
    """One request and its clock, with what must hold after each thing that happens."""

    def __init__(self, request: Request, alice: Person, bob: Person, clock: time_machine.Traveller) -> None:
        self.request, self.alice, self.bob, self.clock = request, alice, bob, clock
        self.now = MONDAY
        self.acted: dict[int, datetime] = {}  # by timer, when it was first seen to have acted
        self.became = ""  # what the step came to

    def does(self, what: str, hours: int) -> None:
        if what == "pass":
            self.now += timedelta(hours=hours)
            self.clock.move_to(self.now)
        elif what == "work":
            self.works(timing.due(100))
        elif what == "work twice":  # two workers took the same rows
            rows = timing.due(100)
            self.works([*rows, *rows])
        elif what == "send":
            OutgoingMail.objects.filter(state="waiting").update(state="sent", sent_at=self.now)
        elif what == "resend":
            self.resends()
        elif what == "answer":
            self.answers()
        self.holds()

    def works(self, rows: Sequence[int]) -> None:
        Mailbox.objects.update(read_until=self.now)
        for number in rows:
            timing.work(number)

    def seat(self) -> Assignment:
        return Assignment.objects.get(visit__request=self.request)

    def expiry(self) -> Timer | None:
        return Timer.objects.filter(visit__request=self.request, what="expire").first()

    def resends(self) -> None:
        try:
            engine.resend(self.seat().pk, self.alice)
        except engine.EngineError:
            assert self.became or OutgoingMail.objects.filter(kind="ask").exists()

    def is_over(self) -> bool:
        """The end is past, and nothing before it is late, which would move it."""
        expiry = self.expiry()
        if expiry is None or expiry.at >= self.now:
            return False
        before = Timer.objects.filter(visit__request=self.request, assignment=None, state="waiting")
        return not before.filter(at__lt=expiry.at).exists()

    def answers(self) -> None:
        is_late = bool(self.became) or self.is_over()
        try:
            engine.decide(self.seat().pk, by=self.bob, outcome="approve", door=Decision.Door.PAGE)
        except engine.EngineError:
            assert is_late
        else:
            assert not is_late
            self.became = "approve"

    def holds(self) -> None:
        visit = Visit.objects.get(request=self.request)
        if visit.result and not self.became:
            expiry = self.expiry()
            assert visit.result == "expired"
            assert expiry is not None
            assert expiry.state == "acted"
            self.became = "expired"
        assert visit.result == self.became
        for timer in Timer.objects.filter(visit=visit):
            assert timer.acted_at is None or timer.acted_at >= timer.at
            if timer.state == "acted":
                assert self.acted.setdefault(timer.pk, timer.acted_at or self.now) == timer.acted_at
        reminded = OutgoingMail.objects.filter(subject__startswith="Reminder").count()
        assert reminded <= sum(timer.what == "remind" for timer in Timer.objects.filter(pk__in=self.acted))

    def ends(self) -> None:
        """A long time passes, in which everything is worked when it is due."""
        for _ in range(60):
            waiting = (
                Timer.objects.filter(visit__request=self.request, state="waiting").order_by("due").first()
            )
            if waiting is None:
                break
            self.now = max(self.now, waiting.due)
            self.clock.move_to(self.now)
            self.works(timing.due(100))
            self.holds()
        assert not Timer.objects.filter(state="waiting").exists()
        if self.expiry() is not None:
            assert self.became in ("approve", "expired")
        assert [*chain.verify(self.request.pk), *evidence.compare(self.request.pk)] == []
