"""Whatever happens while a clock runs, forth and back: each moment acts at most once, none early and none is lost."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import transaction
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from placet.accounts import delegations
from placet.accounts.addresses import add_person
from placet.accounts.models import Delegation, Person
from placet.approvals import delegating, engine, engine_errors, evidence, stopping, timing, undoing
from placet.approvals.engine_clarifications import Written
from placet.approvals.engine_hold import MOST_UNDONE
from placet.approvals.engine_time import MOST_PAUSES
from placet.approvals.models import (
    Assignment,
    Clarification,
    Decision,
    Delegate,
    Request,
    Stop,
    Timer,
    Visit,
)
from placet.approvals.processes import DefinitionInvalid, publish
from placet.audit import chain
from placet.mail.models import OutgoingMail
from placet.mailboxes.models import Mailbox
from tests.approvals.test_steps_that_ask_nobody import process, step
from tests.rotation import examples

pytestmark = pytest.mark.django_db

Expire = dict[str, Any] | None
MONDAY = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
AMOUNTS = st.sampled_from(["2 working days", "8 working hours", "1 day", "90 minutes", "30 hours"])
REMINDERS = st.sampled_from(
    ["1 working day before", "2 hours before", "when due", "1 hour after", "1 day after"]
)
EXPIRIES: st.SearchStrategy[Expire] = (
    st.none()
    | AMOUNTS.map(lambda amount: {"after": amount})
    | st.just({})
    | st.just({"after": "3 working days", "warn": "4 working hours before"})
)
OTHERS = {"carol": "carol@contoso.example", "dave": "dave@contoso.example"}
RUNGS = st.fixed_dictionaries(
    {"when": st.sampled_from(["1 hour before", "when due", "1 hour after", "1 day after"])}
).flatmap(
    lambda rung: st.tuples(st.sampled_from(["also", "instead"]), st.sampled_from(sorted(OTHERS))).map(
        lambda how: {**rung, how[0]: [{"person": OTHERS[how[1]]}]}
    )
)
ACTIONS = st.one_of(
    st.integers(-20, 60).map(lambda hours: ("pass", hours)),
    st.sampled_from([("work", 0), ("work", 0), ("work twice", 0), ("resend", 0), ("send", 0), ("answer", 0)]),
    st.sampled_from([("ask back", 0), ("clarify", 0)]),
    st.sampled_from([("mailbox away", 0), ("mailbox back", 0), ("another answers", 0)]),
    st.sampled_from([("undo", 0), ("undo", 0), ("answer", 0), ("a little", 0)]),
    st.sampled_from(
        [("delegation begins", 0), ("delegation ends", 0), ("delegate answers", 0), ("delegate answers", 0)]
    ),
)
UNDO = st.sampled_from([None, "30 minutes"])
GRACE = timedelta(minutes=30)
LONGEST = st.none() | st.none() | AMOUNTS
PAUSES: st.SearchStrategy[Any] = st.sampled_from([None, None, False, "4 working hours", "1 day"])


@pytest.mark.long
def test_whatever_the_clock_does_each_moment_acts_once(
    request: pytest.FixtureRequest, mailbox: Mailbox, alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    erin = add_person("Erin Delegate", "erin@contoso.example")

    @settings(max_examples=examples(request.config, suite=40, soak=2000))
    @given(
        AMOUNTS,
        st.lists(REMINDERS, max_size=3, unique=True),
        EXPIRIES,
        PAUSES,
        st.lists(ACTIONS, max_size=14),
        st.lists(RUNGS, max_size=2),
        UNDO,
        LONGEST,
    )
    def lives(
        due: str,
        remind: Sequence[str],
        expire: Expire,
        pause: Any,
        actions: Sequence[tuple[str, int]],
        rungs: Sequence[Any],
        undo: str | None,
        longest: str | None,
    ) -> None:
        live((alice, bob, erin), due, remind, expire, pause, actions, rungs, undo, longest)

    lives()


def live(
    people: tuple[Person, Person, Person], due: str, remind: Sequence[str], expire: Expire, pause: Any,
    actions: Sequence[tuple[str, int]], rungs: Sequence[Any], undo: str | None, longest: str | None,
) -> None:  # fmt: skip
    more: dict[str, Any] = {"due": due}
    more |= {"remind": [*remind]} if remind else {}
    more |= {"expire": expire} if expire is not None else {}
    more |= {"pause": {"at_most": pause} if pause else False} if pause is not None else {}
    more |= {"escalate": [*rungs]} if rungs else {}
    more |= {"undo": undo} if undo is not None else {}
    limit = {"after": longest, "result": "stopped", "name": "Stopped"}
    whole_request: dict[str, Any] = {"longest": limit} if longest is not None else {}
    ways = [
        "bob approve approved",
        "bob reject rejected",
        *(["bob expired rejected"] if expire is not None else []),
    ]
    with transaction.atomic():
        with time_machine.travel(MONDAY, tick=False) as clock:
            try:
                version = publish(process({"bob": step("bob", **more)}, ways, **whole_request))
            except DefinitionInvalid:  # a rung or a reminder after the end, or the same one twice
                assume(False)
            request = engine.start(version, people[0], {"item": "Desk", "amount": "1"})
            life = Life(request, people, clock, undoes=undo is not None)
            for what, hours in actions:
                life.does(what, hours)
            life.ends()
        transaction.set_rollback(True)


class Life:
    """One request and its clock, with what must hold after each thing that happens."""

    def __init__(
        self,
        request: Request,
        people: tuple[Person, Person, Person],
        clock: time_machine.Traveller,
        *,
        undoes: bool,
    ) -> None:
        """`people`: who asks, who is asked, and who is named as their delegate."""
        self.request, self.clock = request, clock
        self.alice, self.bob, self.erin = people
        self.delegation: Delegation | None = None  # the newest one, as it is in the database
        self.undoes = undoes  # for how long: GRACE
        self.held: tuple[Person, datetime] | None = None  # who decided it, and until when they can undo it
        self.undone: Counter[int] = Counter()  # how often, by seat
        self.now = MONDAY
        self.acted: dict[int, datetime] = {}  # by timer, when it was first seen to have acted
        self.became = ""  # what the step came to
        stop = Stop.objects.filter(request=request).first()
        self.latest = stop.at if stop is not None else None  # of the whole request; it never moves
        self.away_since: datetime | None = None  # since when the mailbox cannot be read

    def does(self, what: str, hours: int) -> None:
        if what == "pass":
            self.now += timedelta(hours=hours)
            self.clock.move_to(self.now)
        elif what == "a little":
            self.now += GRACE / 2
            self.clock.move_to(self.now)
        elif what == "undo":
            self.undoes_it()
        elif what == "work":
            self.works(timing.due(100), stopping.due(100))
        elif what == "work twice":  # two workers took the same rows
            rows, stops = timing.due(100), stopping.due(100)
            self.works([*rows, *rows], [*stops, *stops])
        elif what == "send":
            OutgoingMail.objects.filter(state="waiting").update(state="sent", sent_at=self.now)
        elif what == "resend":
            self.resends()
        elif what == "answer":
            self.answers(self.bob)
        elif what == "delegate answers":
            self.answers_in_place()
        elif what == "delegation begins":
            self.names_a_delegate()
        elif what == "delegation ends" and self.delegation is not None:
            delegations.end(self.delegation.pk, self.bob)
            self.delegation.refresh_from_db()
        elif what == "another answers":
            for seat in Assignment.objects.filter(visit__request=self.request).exclude(person=self.bob)[:1]:
                self.answers(seat.person)
        elif what == "mailbox away":
            self.away_since = self.away_since or self.now
        elif what == "mailbox back":
            self.away_since = None
        elif what == "ask back":
            self.asks_back()
        elif what == "clarify":
            self.clarifies()
        self.holds()

    def works(self, rows: Sequence[int], stops: Sequence[int]) -> None:
        Mailbox.objects.update(read_until=self.away_since or self.now)
        for number in stops:  # first: it is nobody's luck whose worker looks first
            stopping.work(number)
        for number in rows:
            timing.work(number)
        for number in delegating.due(100):
            delegating.work(number)
        for number in stops:
            stopping.work(number)

    def seat(self) -> Assignment:
        return Assignment.objects.get(visit__request=self.request, person=self.bob)

    def expiry(self) -> Timer | None:
        return Timer.objects.filter(visit__request=self.request, what="expire").first()

    def resends(self) -> None:
        try:
            engine.resend(self.seat().pk, self.alice)
        except engine_errors.EngineError:
            assert (
                self.became or self.seat().state != "open" or OutgoingMail.objects.filter(kind="ask").exists()
            )

    def is_over(self) -> bool:
        """The end is past, and nothing before it is late, which would move it; or that of the whole request is."""
        if self.latest is not None and self.latest < self.now:
            return True
        expiry = self.expiry()
        if expiry is None or expiry.state == "paused" or expiry.at >= self.now:
            return False
        before = Timer.objects.filter(visit__request=self.request, assignment=None, state="waiting")
        return not before.filter(at__lt=expiry.at).exists()

    def answers(self, by: Person) -> None:
        self.decides(Assignment.objects.get(visit__request=self.request, person=by), by, may=True)

    def answers_in_place(self) -> None:
        """Erin does in Bob's, while his delegation is in force, and once a worker looked at it."""
        seat, made = self.seat(), self.delegation
        row = Delegate.objects.filter(assignment=seat, person=self.erin, state="open")
        in_force = made is not None and made.ended_at is None and made.begins_at <= self.now
        self.decides(seat, self.erin, may=in_force and row.exists())

    def decides(self, seat: Assignment, by: Person, *, may: bool) -> None:
        is_decided = bool(self.became) or self.held is not None
        cannot = is_decided or self.is_over() or seat.replaced_by is not None or not may
        try:
            engine.decide(seat.pk, by=by, outcome="approve", channel=Decision.Channel.PAGE)
        except engine_errors.EngineError:
            assert cannot
        else:
            assert not cannot
            if self.undoes and self.undone[seat.pk] < MOST_UNDONE:
                self.held = by, self.now + GRACE
            else:
                self.became = "approve"

    def names_a_delegate(self) -> None:
        """A worker sees it at once; that a delegation ended only in its time."""
        if self.delegation is None or self.delegation.ended_at is not None:
            wanted = delegations.Wanted(self.erin, self.now)
            self.delegation = delegations.make(self.bob, wanted, self.bob)
            delegating.work(self.delegation.pk)

    def undoes_it(self) -> None:
        """Whoever decided does, or whoever is asked tries to."""
        by, until = self.held or (self.bob, self.now)
        seat_of = self.bob if by == self.erin else by
        seat = Assignment.objects.get(visit__request=self.request, person=seat_of)
        can_be = self.held is not None and self.now <= until
        try:
            undoing.undo(seat.pk, by)
        except engine_errors.EngineError:
            assert not can_be
        else:
            assert can_be
            self.undone[seat.pk] += 1
            self.held = None
            expiry = self.expiry()
            assert expiry is None or expiry.at > self.now  # whoever is asked has time

    def question(self) -> Clarification | None:
        return Clarification.objects.filter(visit__request=self.request, state="open").first()

    def asks_back(self) -> None:
        is_asked = self.seat().state == "open"
        is_over = bool(self.became) or self.held is not None or self.is_over()
        cannot = is_over or self.question() is not None or not is_asked
        try:
            engine.ask_back(self.seat().pk, self.bob, Written("Why?"))
        except engine_errors.EngineError:
            assert cannot
        else:
            assert not cannot

    def clarifies(self) -> None:
        """The clock goes on, and whoever decides has time."""
        question = self.question()
        if question is None:
            return
        engine.clarify(question.pk, self.alice, Written("Because."))
        expiry = self.expiry()
        if question.pauses and expiry is not None:
            assert expiry.at > self.now

    def holds(self) -> None:
        visit = Visit.objects.get(request=self.request)
        if visit.result and self.held is not None:
            self.took_effect(visit)
        self.stop_holds(visit)
        if visit.result and not self.became:
            expiry = self.expiry()
            assert visit.result == "expired"
            assert expiry is not None
            assert expiry.state == "acted"
            self.became = "expired"
        assert visit.result == ("" if self.became == "stopped" else self.became)
        state = "cancelled" if self.became == "stopped" else "closed" if self.became else "open"
        assert (visit.state, visit.held_result) == (("held", "approve") if self.held else (state, ""))
        for timer in Timer.objects.filter(visit=visit):
            # What acts, acts at its moment. A moment may be needless before: of a step that is decided while its clock
            # stands, of a clock that goes on by an answer, of a reminder in somebody's own hours.
            has_stood = Timer.objects.filter(visit=visit, what__in=("resume", "effective")).exists()
            is_needless = timer.state == "needless" and has_stood
            assert timer.acted_at is None or is_needless or timer.acted_at >= timer.at
            if timer.state == "acted":
                if timer.what == "escalate" and timer.pk not in self.acted:  # it waited for the mailbox
                    assert (Mailbox.objects.get().read_until or MONDAY) >= timer.at
                assert self.acted.setdefault(timer.pk, timer.acted_at or self.now) == timer.acted_at
        self.rungs_hold(visit)
        # The clock stands exactly as long as a question lets it.
        states = {timer.state for timer in Timer.objects.filter(visit=visit)}
        stop = Timer.objects.filter(visit=visit, what="resume", state="waiting").first()
        question = self.question()
        stands = question is not None and question.pauses
        assert (stop is not None) == stands
        assert stands <= ("paused" in states) <= (stands or self.held is not None)
        assert Timer.objects.filter(visit=visit, what="resume").count() <= MOST_PAUSES
        assert question is None or not self.became
        reminders = OutgoingMail.objects.filter(subject__startswith="Reminder")
        acted = sum(timer.what == "remind" for timer in Timer.objects.filter(pk__in=self.acted))
        of_delegate = reminders.filter(to=self.erin.email)  # who gets one beside whoever is asked
        assert reminders.exclude(pk__in=of_delegate).count() <= acted
        assert of_delegate.count() <= acted

    def took_effect(self, visit: Visit) -> None:
        """Once nobody can undo it any more, and the mailbox of whoever could was read past that moment."""
        assert self.held is not None
        _by, until = self.held
        effective = visit.timers.get(what="effective", state="acted")
        assert effective.at == until
        assert (Mailbox.objects.get().read_until or MONDAY) >= until
        self.became, self.held = "approve", None

    def stop_holds(self, visit: Visit) -> None:
        """It does not move, comes once and not early, and then nothing is left; nothing that was to come before it is
        passed over."""
        stop = Stop.objects.filter(request=self.request).first()
        assert (stop.at if stop is not None else None) == self.latest
        if stop is None or stop.state != "acted":
            assert visit.state != "cancelled"
            return
        assert stop.acted_at is not None
        assert stop.acted_at >= stop.at
        assert self.became in ("", "stopped")
        assert self.held is None  # what was decided in time took effect first, or was taken back
        if not self.became:
            expiry = self.expiry()
            assert expiry is None or expiry.state != "waiting" or expiry.at > stop.at
            assert (Mailbox.objects.get().read_until or MONDAY) >= stop.at
        self.became = "stopped"
        self.request.refresh_from_db()
        assert (self.request.state, self.request.result, visit.state) == ("ended", "stopped", "cancelled")
        assert not visit.assignments.filter(state="open").exists()
        assert self.question() is None
        assert OutgoingMail.objects.filter(kind="stopped", to=self.bob.email).count() <= 1

    def rungs_hold(self, visit: Visit) -> None:
        """Whoever is asked has a working day before the end, is asked once, and comes by a rung that acted."""
        acted = visit.timers.filter(what="escalate", state="acted")
        there = visit.assignments.exclude(person=self.bob)
        assert there.count() <= acted.count()
        replaced = [seat for seat in visit.assignments.all() if seat.replaced_by is not None]
        assert all(seat.state == "withdrawn" for seat in replaced)
        is_decided = bool(self.became or visit.held_result)
        assert is_decided or visit.assignments.filter(state="open").exists()
        end = self.expiry()
        if end is not None and end.state == "waiting":
            assert all(end.at - rung.acted_at > timedelta(hours=15) for rung in acted if rung.acted_at)

    def ends(self) -> None:
        """A long time passes, in which everything is worked when it is due."""
        self.away_since = None
        for _ in range(120):
            timers = Timer.objects.filter(visit__request=self.request, state="waiting")
            stops = Stop.objects.filter(request=self.request, state="waiting")
            moments = [*timers.values_list("due", flat=True), *stops.values_list("due", flat=True)]
            if not moments:
                break
            self.now = max(self.now, min(moments))
            self.clock.move_to(self.now)
            self.works(timing.due(100), stopping.due(100))
            self.holds()
        assert not Stop.objects.filter(state="waiting").exists()
        if self.latest is not None:
            assert self.became
        assert not Timer.objects.filter(state="waiting").exists()
        if self.expiry() is not None:
            assert self.became in ("approve", "expired", "stopped")
        assert [*chain.verify(self.request.pk), *evidence.compare(self.request.pk)] == []
