"""The engine against a model of a few lines that knows nothing of it, through random lives of requests.

After every step the database must say what the model says: states, rounds, who is asked, what was decided, and
which mails were written; and what must hold of any database must hold of this one.
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import transaction
from django.db.models import Count, Prefetch
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from placet.accounts.addresses import add_person
from placet.accounts.models import Group, Person
from placet.approvals import engine, engine_asks, engine_errors, evidence, timing, undoing
from placet.approvals.composing import hash_of
from placet.approvals.engine_hold import MOST_UNDONE
from placet.approvals.models import Ask, AskLine, Assignment, Decision, Request, Version, Visit
from placet.approvals.processes import publish
from placet.audit import chain
from placet.mail.models import OutgoingMail
from placet.mailboxes.models import Mailbox
from tests.making import FORM, make_mailbox
from tests.rotation import whole

# --- the process: every rule, a condition, and two ways back ------------------------------------------------

RULES: dict[str, str | int] = {"boss": "first", "team": "all", "board": 2}
GROUPS = {
    "team": ["ben", "cleo", "alice"],
    "money": ["eve", "max"],
    "board": ["ben", "dan", "eve", "mona"],
}
ASKED = {"team": ["team", "money"], "board": ["board"]}  # the boss is asked by the line of managers
MANAGERS = {"alice": "mona", "ben": "mona", "mona": "max", "dan": "mona"}
PEOPLE = ["ada", "max", "mona", "alice", "ben", "cleo", "dan", "eve"]
WAYS = {
    ("boss", "approve"): "team",
    ("boss", "reject"): "rejected",
    ("team", "approve"): "approved",  # above 1,000: the board
    ("team", "reject"): "boss",
    ("board", "approve"): "approved",
    ("board", "reject"): "team",
}
DEFINITION: dict[str, Any] = {
    "key": "model",
    "name": "Model",
    "title": "{item}",
    "form": FORM,
    "start": "boss",
    "steps": {
        "boss": {"kind": "approval", "name": "Boss", "ask": [{"manager": True}], "rule": "first"},
        "team": {
            "kind": "approval",
            "name": "Team",
            "ask": [{"group": "team"}, {"group": "money"}],
            "rule": "all",
        },
        "board": {"kind": "approval", "name": "Board", "ask": [{"group": "board"}], "rule": 2},
        "approved": {"kind": "end", "name": "Approved", "result": "approved"},
        "rejected": {"kind": "end", "name": "Rejected", "result": "rejected"},
    },
    "transitions": [
        {"from": "team", "outcome": "approve", "when": "amount > 1000", "to": "board"},
        *({"from": step, "outcome": outcome, "to": to} for (step, outcome), to in WAYS.items()),
    ],
}


# --- the model ----------------------------------------------------------------------------------------------


@dataclass
class Seat:
    state: str = "open"
    outcome: str = ""
    asks: int = 1
    undone: int = 0

    @property
    def can_be_undone(self) -> bool:
        return self.state == "decided" and self.undone < MOST_UNDONE


@dataclass
class Room:
    step: str
    round: int
    state: str = "open"
    seats: dict[str, Seat] = field(default_factory=dict)
    held: str = ""  # what it comes to, if nobody undoes it

    def count(self, *what: str) -> int:
        return sum(
            seat.state in what or (seat.state == "decided" and seat.outcome in what)
            for seat in self.seats.values()
        )

    def result(self, more: int = 0) -> str:
        """What was decided, if so many more people may still be asked."""
        approved, rejected, waiting = self.count("approve"), self.count("reject"), self.count("open") + more
        match RULES[self.step]:
            case "first":
                return "approve" if approved else "reject" if rejected else ""
            case "all":
                return "reject" if rejected else "approve" if approved and not waiting else ""
            case needed:
                assert isinstance(needed, int)
                return (
                    "approve"
                    if approved >= needed
                    else "reject"
                    if rejected and approved + waiting < needed
                    else ""
                )


@dataclass
class Life:
    """One request."""

    requester: str
    amount: int
    state: str = "open"
    result: str = ""
    rooms: list[Room] = field(default_factory=list)


class Model:
    def __init__(self, in_turn: frozenset[str], *, undoes: bool = False) -> None:
        self.in_turn = in_turn  # steps that ask people one by one
        self.undoes = undoes  # whether answers can be undone
        self.active = set(PEOPLE)
        self.lives: list[Life] = []
        self.mails: Counter[tuple[str, str]] = Counter()  # by kind and recipient

    def whom(self, life: Life, room: Room) -> list[list[str]]:
        """Who counts for each of those that the step names: they are there, or have answered before they left."""
        if room.step == "boss":
            boss = MANAGERS.get(life.requester)
            while boss and boss not in self.active:
                boss = MANAGERS.get(boss)
            return [[boss] if boss else []]
        counted = self.active | {name for name, seat in room.seats.items() if seat.state == "decided"}
        return [
            [name for name in GROUPS[group] if name in counted and name != life.requester]
            for group in ASKED[room.step]
        ]

    def start(self, requester: str, amount: int) -> None:
        life = Life(requester, amount)
        self.lives.append(life)
        self.enter(life, "boss")

    def enter(self, life: Life, step: str) -> None:
        if step not in RULES:
            life.state, life.result = "ended", step
            self.mails["ended", life.requester] += 1
            return
        before = sum(room.step == step for room in life.rooms)
        room = Room(step, before + 1)
        life.rooms.append(room)
        self.consider(life, room)

    def consider(self, life: Life, room: Room) -> None:
        """Nothing is decided that somebody new could still change, nor while somebody who must be asked is not
        there."""
        named = self.whom(life, room)
        new = [
            name
            for name in dict.fromkeys(name for names in named for name in sorted(names, key=PEOPLE.index))
            if name in self.active and (name not in room.seats or room.seats[name].state == "withdrawn")
        ]
        missing = RULES[room.step] != "first" and not all(named)
        if self.go_on(life, room, more=99 if missing else len(new)):
            return
        needed = RULES[room.step] if isinstance(RULES[room.step], int) else 1
        possible = room.count("open") + room.count("approve") * (room.step == "board") + len(new)
        if missing or possible < int(needed):
            if room.state != "stuck":
                self.mails.update(("stuck", name) for name in {"ada"} & self.active)
            room.state = "stuck"
            return
        room.state = "open"
        if room.step in self.in_turn:
            new = [] if room.count("open") else new[:1]
        for name in new:
            seat = room.seats.setdefault(name, Seat(asks=0))
            seat.state = "open"
            self.mail_ask(name, seat)

    def mail_ask(self, name: str, seat: Seat) -> None:
        seat.asks += 1
        self.mails["ask", name] += 1

    def go_on(self, life: Life, room: Room, more: int = 0) -> bool:
        result = room.result(more)
        if result:
            for seat in room.seats.values():
                seat.state = "superseded" if seat.state == "open" else seat.state
            room.state, room.held = "held", result
            if not self.undoes or not any(seat.can_be_undone for seat in room.seats.values()):
                self.take_effect(life, room)
        return bool(result)

    def take_effect(self, life: Life, room: Room) -> None:
        result, room.state, room.held = room.held, "closed", ""
        above = (room.step, result) == ("team", "approve") and life.amount > 1000
        self.enter(life, "board" if above else WAYS[room.step, result])

    def undo(self, life: Life, room: Room, name: str) -> None:
        """As if the answer had never been given, but for whoever left since. What others answered may decide it all the
        same."""
        seat, again, was_held = room.seats[name], [name], room.state == "held"
        seat.undone += 1
        if was_held:
            again += [other for other, one in room.seats.items() if one.state == "superseded"]
            room.state, room.held = "open", ""
        for other in again:
            room.seats[other].state = "open" if other in self.active else "withdrawn"
        seat.outcome = ""
        gone = any(other not in self.active for other in again)
        missed = was_held and any(one.state == "withdrawn" for one in room.seats.values())
        if room.state == "stuck" or gone or missed:
            self.consider(life, room)
        elif was_held:
            self.go_on(life, room)
        if seat.state == "open":
            self.mail_ask(name, seat)

    def complaint(self, room: Room, name: str) -> type[Exception] | None:
        return {
            "open": None,
            "decided": engine_errors.AlreadyDecided,
            "superseded": engine_errors.AlreadyDecided,
            "withdrawn": engine_errors.NoLongerOpen,
        }[room.seats[name].state]

    def decide(self, life: Life, room: Room, name: str, outcome: str) -> None:
        room.seats[name].state, room.seats[name].outcome = "decided", outcome
        if room.state == "stuck" or room.step in self.in_turn:
            self.consider(life, room)
        else:
            self.go_on(life, room)

    def withdraw(self, life: Life) -> None:
        life.state = "withdrawn"
        for room in life.rooms:
            room.state, room.held = "closed", ""
            for name, seat in room.seats.items():
                if seat.state == "open":
                    seat.state = "withdrawn"
                    self.mails["withdrawn", name] += 1

    def deactivate(self, name: str) -> None:
        self.active.discard(name)
        for life in self.lives:
            room = life.rooms[-1]
            if name in room.seats and room.seats[name].state == "open":
                room.seats[name].state = "withdrawn"
                self.consider(life, room)


# --- both side by side --------------------------------------------------------------------------------------

picks = st.integers(min_value=0, max_value=10_000)


class EngineAgainstModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self._atomic = transaction.atomic()
        self._atomic.__enter__()  # one example is one transaction, which teardown rolls back
        make_mailbox()
        self.people = {name: add_person(name.title(), f"{name}@contoso.example") for name in PEOPLE}
        self.people["ada"].is_administrator = True
        for name, manager in MANAGERS.items():
            self.people[name].manager = self.people[manager]
        for person in self.people.values():
            person.save()
        for key, members in GROUPS.items():
            Group.objects.create(key=key, name=key).members.set([self.people[name] for name in members])
        self.version = Version()
        self.requests: list[Request] = []
        self.codes: dict[int, list[str]] = {}  # by assignment
        self.read_mails = 0
        self.model = Model(frozenset())

    def teardown(self) -> None:
        """Whatever happened: the tables hold what the record says."""
        try:
            differing = [*evidence.compare(), *evidence.missing()]
        finally:
            transaction.set_rollback(True)
            self._atomic.__exit__(None, None, None)
        assert differing == []

    # -- what happens ------------------------------------------------------------------------------------

    @initialize(
        approvals=st.integers(min_value=0, max_value=5),
        in_turn=st.frozensets(st.sampled_from(["team", "board"])),
        undoes=st.booleans(),
    )
    def begin(self, approvals: int, in_turn: frozenset[str], undoes: bool) -> None:
        """Lives begin at different places, or few of them would get far."""
        steps: dict[str, dict[str, Any]] = {
            key: {**step, "order": "one_by_one"} if key in in_turn else step
            for key, step in DEFINITION["steps"].items()
        }
        more = {"undo": "60 minutes"} if undoes else {}
        self.version = publish({**DEFINITION, "steps": steps, **more})
        self.model = Model(in_turn, undoes=undoes)
        self.start("ben", 1001)
        self.start("alice", 1001)
        for pick in range(approvals):
            if self.seats("open"):
                self.answer_with(pick, "approve")

    @precondition(lambda self: len(self.requests) < 4)
    @rule(
        requester=st.sampled_from(["alice", "ben", "dan", "eve"]), amount=st.sampled_from([900, 1000, 1001])
    )
    def start(self, requester: str, amount: int) -> None:
        start = {"item": "Desk", "amount": str(amount)}
        if requester not in self.model.active:
            with pytest.raises(engine_errors.NotAllowed):
                engine.start(self.version, self.person(requester), start)
            return
        self.requests.append(engine.start(self.version, self.person(requester), start))
        self.model.start(requester, amount)

    def seats(self, state: str = "") -> list[tuple[Life, Room, str]]:
        return [
            (life, room, name)
            for life in self.model.lives
            for room in life.rooms
            for name, seat in room.seats.items()
            if not state or seat.state == state
        ]

    @precondition(lambda self: self.seats("open"))
    @rule(pick=picks, outcome=st.sampled_from(["approve", "reject"]))
    def answer(self, pick: int, outcome: str) -> None:
        """Somebody who is asked answers on the page."""
        self.answer_with(pick, outcome)

    def answer_with(self, pick: int, outcome: str) -> None:
        life, room, name = self.seats("open")[pick % len(self.seats("open"))]
        decision = engine.decide(
            self.assignment(life, room, name).pk,
            by=self.person(name),
            outcome=outcome,
            channel=Decision.Channel.PAGE,
        )
        assert (decision.outcome, decision.by_person) == (outcome, self.people[name])
        self.model.decide(life, room, name, outcome)

    @precondition(lambda self: self.seats("open"))
    @rule(pick=picks)
    def approve(self, pick: int) -> None:
        self.answer_with(pick, "approve")

    @precondition(lambda self: self.held())
    @rule(pick=picks)
    def wait(self, pick: int) -> None:
        """Nobody undoes it, and its moment comes."""
        life, room = self.held()[pick % len(self.held())]
        timer = self.visit(life, room).timers.get(what="effective", state="waiting")
        assert not timing.work(timer.pk)  # not yet
        with time_machine.travel(timezone.now() + timedelta(hours=2)):
            Mailbox.objects.update(read_until=timezone.now())
            assert timing.work(timer.pk)
        self.model.take_effect(life, room)

    def held(self) -> list[tuple[Life, Room]]:
        return [(life, room) for life in self.model.lives for room in life.rooms if room.state == "held"]

    @precondition(lambda self: self.seats("decided"))
    @rule(pick=picks, by=st.sampled_from(["whoever gave it"] * 4 + PEOPLE))
    def undo(self, pick: int, by: str) -> None:
        """Whoever gave an answer takes it back, or somebody else tries to."""
        undoable = [one for one in self.seats("decided") if one[1].state != "closed"] or self.seats("decided")
        life, room, name = undoable[pick % len(undoable)]
        by = name if by == "whoever gave it" else by
        assignment = self.assignment(life, room, name)
        expected: type[Exception] | None = None
        if by not in self.model.active or by != name:
            expected = engine_errors.NotAllowed
        elif not self.model.undoes or room.state == "closed" or not room.seats[name].can_be_undone:
            expected = engine_errors.NotUndone
        if expected is not None:
            with pytest.raises(expected):
                undoing.undo(assignment.pk, self.person(by))
            return
        undoing.undo(assignment.pk, self.person(by))
        self.model.undo(life, room, name)

    @precondition(lambda self: self.seats("superseded"))
    @rule(pick=picks, outcome=st.sampled_from(["approve", "reject"]))
    def answer_late(self, pick: int, outcome: str) -> None:
        """The person who was asked, after others had decided."""
        life, room, name = self.seats("superseded")[pick % len(self.seats("superseded"))]
        assignment = self.assignment(life, room, name)
        self.try_to_decide(
            life, room, name, by=self.person(name), assignment_id=assignment.pk, outcome=outcome
        )

    @precondition(lambda self: self.seats())
    @rule(pick=picks, which=picks, outcome=st.sampled_from(["approve", "reject"]))
    def answer_with_any_code(self, pick: int, which: int, outcome: str) -> None:
        """Any reply code ever sent, in time or late, by the person it was sent to: older ones lead to the same
        question, and those of closed rounds never decide."""
        life, room, name = self.seats()[pick % len(self.seats())]
        codes = self.codes[self.assignment(life, room, name).pk]
        assert len(codes) == room.seats[name].asks
        line = AskLine.objects.select_related("ask__person").get(
            ask__code_hash=hash_of(codes[which % len(codes)])
        )
        assert line.ask.person == self.people[name]
        self.try_to_decide(
            life, room, name, by=line.ask.person, assignment_id=line.assignment_id, outcome=outcome
        )

    @precondition(lambda self: self.seats())
    @rule(pick=picks, by=st.sampled_from(PEOPLE), outcome=st.sampled_from(["approve", "reject", "maybe"]))
    def answer_in_any_place(self, pick: int, by: str, outcome: str) -> None:
        """Anybody tries to answer any question that was ever asked."""
        life, room, name = self.seats()[pick % len(self.seats())]
        assignment = self.assignment(life, room, name)
        self.try_to_decide(life, room, name, by=self.person(by), assignment_id=assignment.pk, outcome=outcome)

    def try_to_decide(
        self, life: Life, room: Room, name: str, *, by: Person, assignment_id: int, outcome: str
    ) -> None:
        expected = self.model.complaint(room, name)
        if expected is None and by != self.people[name]:
            expected = engine_errors.NotAllowed
        elif expected is None and outcome == "maybe":
            expected = engine_errors.NotOffered
        if expected is None:
            engine.decide(assignment_id, by=by, outcome=outcome, channel=Decision.Channel.PAGE)
            self.model.decide(life, room, name, outcome)
            return
        with pytest.raises(expected) as caught:
            engine.decide(assignment_id, by=by, outcome=outcome, channel=Decision.Channel.PAGE)
        assert type(caught.value) is expected
        if isinstance(caught.value, engine_errors.AlreadyDecided):
            told = [
                (decision.by_person.name.lower(), decision.outcome) for decision in caught.value.decisions
            ]
            seat = room.seats[name]
            decided = [(n, s.outcome) for n, s in room.seats.items() if s.state == "decided"]
            assert sorted(told) == sorted([(name, seat.outcome)] if seat.state == "decided" else decided)

    @precondition(lambda self: self.seats())
    @rule(pick=picks, by=st.sampled_from(["ada", "requester", "cleo"]))
    def resend(self, pick: int, by: str) -> None:
        life, room, name = self.seats()[pick % len(self.seats())]
        expected = self.model.complaint(room, name)
        assignment = self.assignment(life, room, name)
        if by == "cleo":  # she never makes a request
            expected = engine_errors.NotAllowed
        if expected is not None:
            with pytest.raises(expected):
                engine.resend(assignment.pk, self.by(by, life))
            return
        if OutgoingMail.objects.filter(ask__lines__assignment=assignment, state="waiting").exists():
            with pytest.raises(engine_errors.TooSoon):
                engine.resend(assignment.pk, self.by(by, life))
            OutgoingMail.objects.update(state="sent", sent_at=timezone.now() - engine_asks.AGAIN_AFTER)
        engine.resend(assignment.pk, self.by(by, life))
        self.model.mail_ask(name, room.seats[name])

    @precondition(lambda self: self.requests)
    @rule(pick=picks, by=st.sampled_from(["cleo", "cleo", "cleo", "cleo", "ada", "requester"]))
    def withdraw(self, pick: int, by: str) -> None:
        number = pick % len(self.requests)
        life, request = self.model.lives[number], self.requests[number]
        expected = (
            engine_errors.NotAllowed
            if by == "cleo"
            else engine_errors.NoLongerOpen
            if life.state != "open"
            else None
        )
        if expected is not None:
            with pytest.raises(expected):
                engine.withdraw(request.pk, self.by(by, life))
            return
        engine.withdraw(request.pk, self.by(by, life))
        self.model.withdraw(life)

    @rule(name=st.sampled_from(["mona", "max", "ben", "cleo", "dan", "eve", "alice"]))
    def deactivate(self, name: str) -> None:
        engine.deactivate(self.people[name], by=self.people["ada"])
        self.model.deactivate(name)

    @precondition(lambda self: len(self.model.active) < len(PEOPLE))
    @rule(pick=picks)
    def reactivate(self, pick: int) -> None:
        away = [name for name in PEOPLE if name not in self.model.active]
        name = away[pick % len(away)]
        Person.objects.filter(pk=self.people[name].pk).update(is_active=True)
        self.model.active.add(name)

    @precondition(lambda self: any(life.rooms[-1].state == "stuck" for life in self.model.lives))
    @rule()
    def everybody_is_back(self) -> None:
        Person.objects.update(is_active=True)
        self.model.active.update(PEOPLE)
        for life in self.model.lives:
            if life.rooms[-1].state == "stuck":
                engine.ask_again(self.visit(life, life.rooms[-1]).pk, self.person("ada"))
                self.model.consider(life, life.rooms[-1])

    @precondition(lambda self: self.requests)
    @rule(pick=picks, by=st.sampled_from(["ada", "ada", "requester"]))
    def ask_again(self, pick: int, by: str) -> None:
        # Those that are stuck are more interesting.
        stuck = [n for n, life in enumerate(self.model.lives) if life.rooms[-1].state == "stuck"]
        numbers = stuck or list(range(len(self.requests)))
        life = self.model.lives[numbers[pick % len(numbers)]]
        visit = self.visit(life, life.rooms[-1])
        expected = (
            engine_errors.NotAllowed
            if by != "ada"
            else None
            if life.rooms[-1].state == "stuck"
            else engine_errors.NoLongerOpen
        )
        if expected is not None:
            with pytest.raises(expected):
                engine.ask_again(visit.pk, self.by(by, life))
            return
        engine.ask_again(visit.pk, self.by(by, life))
        self.model.consider(life, life.rooms[-1])

    # -- looking it up -----------------------------------------------------------------------------------

    def person(self, name: str) -> Person:
        return Person.objects.get(pk=self.people[name].pk)

    def by(self, who: str, life: Life) -> Person:
        return self.person(life.requester if who == "requester" else who)

    def visit(self, life: Life, room: Room) -> Visit:
        request = self.requests[next(n for n, other in enumerate(self.model.lives) if other is life)]
        return Visit.objects.get(request=request, step_key=room.step, round=room.round)

    def assignment(self, life: Life, room: Room, name: str) -> Assignment:
        return Assignment.objects.get(visit=self.visit(life, room), person=self.people[name])

    # -- what must hold after every step -----------------------------------------------------------------

    @invariant()
    def the_database_says_what_the_model_says(self) -> None:
        found = {r.pk: (r.state, r.result, _rooms(r)) for r in Request.objects.prefetch_related(SEATS)}
        expected = [
            (life.state, life.result, [(r.step, r.round, r.state, _seats(r)) for r in life.rooms])
            for life in self.model.lives
        ]
        assert [found[request.pk] for request in self.requests] == expected

    @invariant()
    def the_mails_are_those_of_the_model(self) -> None:
        written = OutgoingMail.objects.order_by().values_list("kind", "to").annotate(count=Count("id"))
        assert {(kind, to.partition("@")[0]): count for kind, to, count in written} == dict(self.model.mails)
        doubled = OutgoingMail.objects.order_by().values("kind", "to", "cause").annotate(count=Count("id"))
        assert not doubled.filter(count__gt=1).exists()

    @invariant()
    def every_ask_has_a_code_of_its_own(self) -> None:
        for ask in Ask.objects.order_by("pk").select_related("outgoing")[self.read_mails :]:
            self.read_mails += 1
            assert ask.outgoing is not None
            code = re.search(r"\[#([a-z2-7]{16})\]$", ask.outgoing.subject)
            assert code and hash_of(code[1]) == ask.code_hash
            self.codes.setdefault(ask.lines.get().assignment_id, []).append(code[1])

    @invariant()
    def only_what_is_decided_has_a_decision(self) -> None:
        assert not Assignment.objects.filter(state="decided", decision=None).exists()
        assert not Decision.objects.exclude(assignment__state="decided").exists()

    @invariant()
    def nobody_decides_their_own_request(self) -> None:
        for decision in Decision.objects.select_related("assignment__visit__request"):
            assert decision.by_person_id != decision.assignment.visit.request.requester_id

    @invariant()
    def every_chain_holds(self) -> None:
        assert list(chain.verify()) == []


SEATS = Prefetch(
    "visits",
    Visit.objects.order_by("pk").prefetch_related(
        Prefetch("assignments", Assignment.objects.select_related("person", "decision"))
    ),
)


def _rooms(request: Request) -> list[tuple[str, int, str, dict[str, tuple[str, str]]]]:
    return [
        (
            visit.step_key,
            visit.round,
            visit.state,
            {
                seat.person.name.lower(): (
                    seat.state,
                    seat.decision.outcome if seat.state == "decided" else "",
                )
                for seat in visit.assignments.all()
            },
        )
        for visit in request.visits.all()
    ]


def _seats(room: Room) -> dict[str, tuple[str, str]]:
    return {name: (seat.state, seat.outcome) for name, seat in room.seats.items()}


@pytest.mark.django_db
@pytest.mark.long
@pytest.mark.timeout(7200)  # of `make soak`
def test_whatever_happens_the_engine_does_what_the_model_says(request: pytest.FixtureRequest) -> None:
    run_state_machine_as_test(
        EngineAgainstModel,
        settings=settings(
            max_examples=100 if whole(request.config) else 5,  # others each time
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
