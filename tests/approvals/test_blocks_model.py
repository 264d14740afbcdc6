"""Blocks against a model (`blocks_model`), through random lives of requests of random processes: branches in branches,
tasks, notices and waits, ways back, ways out, conditions, steps that fill in what other steps show, groups that people
join and leave, one of them in turn, others in their place, steps that are skipped or included, people who leave and
come back or are asked no more because somebody else is, four eyes, crashes and withdrawals.

After every step the database must say what the model says, and what must hold of any database must hold of this one.
"""

import email
import email.policy
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import F, Prefetch
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from placet.accounts.addresses import add_person
from placet.accounts.models import Delegation, Group, Person
from placet.approvals import composing, engine, engine_errors, evidence, reassigning
from placet.approvals.definitions import Definition
from placet.approvals.definitions import definition_of as parsed
from placet.approvals.delegating import CannotBeGiven
from placet.approvals.engine_clarifications import MOST_OPEN, Written
from placet.approvals.form import facts_hash
from placet.approvals.models import (
    Ask,
    AskLine,
    Assignment,
    Clarification,
    Decision,
    Delegate,
    Notified,
    Request,
    Revision,
    Visit,
)
from placet.approvals.processes import publish
from placet.audit import chain
from placet.audit.models import AuditEntry
from placet.mail.models import OutgoingMail
from tests.approvals import form_model
from tests.approvals.blocks_model import LIVE, Asked, Life, Room
from tests.approvals.form_model import LABELS, TYPED, Facts
from tests.approvals.random_processes import GROUPS, NAMES, OUT, Line, definitions_of, processes
from tests.making import make_mailbox
from tests.rotation import whole

CONDITIONS = (
    "entered",
    "split",
    "looked up",
)  # entries that name the revision which conditions were looked at on
MOST_WRITES = 30  # before which an answer is interrupted


class Crash(Exception):
    pass


@dataclass(frozen=True)
class View:
    """What somebody saw, on the page or in a mail (`ask`), and the hash that came with it."""

    facts: Facts
    shown: str
    ask: Ask | None = None


@dataclass(frozen=True)
class Answer:
    """One answer that somebody is about to give. `view`: None, where they have just looked."""

    room: Room
    name: str
    outcome: str
    typed: Mapping[str, str] = field(default_factory=dict)
    view: View | None = None
    by: str = ""  # in their place


@dataclass
class Both:
    """A request in the database and in the model."""

    life: Life
    request: Request
    people: dict[str, Person]
    views: dict[tuple[Room, str], list[View]] = field(default_factory=dict)
    last_line: int = 0  # of asks that were compared

    def seats(self, *, open_ones: bool) -> list[tuple[Room, str]]:
        rooms = self.life.rooms
        return [(r, name) for r in rooms for name, one in r.seats.items() if (one == "open") is open_ones]

    @property
    def goes_on(self) -> bool:
        """Whether anything could still happen to it but that it is withdrawn."""
        can_be_mended = self.life.away or any(room.node.asks_groups for room in self.life.stuck)
        is_stuck_for_ever = not (self.seats(open_ones=True) or self.signals or can_be_mended)
        return self.life.state == "open" and not is_stuck_for_ever

    @property
    def signals(self) -> list[str]:
        return [node.key for node in self.life.root if node.quiet == "arrived"]

    def visit(self, room: Room) -> Visit:
        return Visit.objects.get(request=self.request, step_key=room.node.key, round=room.round)

    def seat(self, room: Room, name: str) -> Assignment:
        return Assignment.objects.get(
            visit__request=self.request,
            visit__step_key=room.node.key,
            visit__round=room.round,
            person=self.people[name],
        )

    def give(self, answer: Answer) -> None:
        """As its channel gives it: a page sends all that can be entered there, a mail what somebody wrote."""
        view, by = answer.view, self.people[answer.by or answer.name]
        ask = view.ask if view else None
        engine.decide(
            self.seat(answer.room, answer.name).pk,
            by=by,
            outcome=answer.outcome,
            channel=Decision.Channel.MAIL if ask else Decision.Channel.PAGE,
            ask=ask,
            shown=view.shown if view else None,
            answers=answer.typed if ask else {},
            entered=None if ask else answer.typed,
        )

    def answer(self, answer: Answer) -> None:
        """It counts if it is theirs who are still here, is to what is so now, and lacks nothing; else it changes
        nothing."""
        room, life = answer.room, self.life
        if (answer.by or answer.name) in life.away or (answer.by and not self.stands_in(answer)):
            with pytest.raises(engine_errors.NotAllowed):
                self.give(answer)
        elif answer.view and answer.view.facts != life.facts(room):
            with pytest.raises(engine_errors.Changed):
                self.give(answer)
        elif wrong := answer.typed.keys() - set(room.node.fill) | life.missing(
            room, answer.outcome, answer.typed
        ):
            with pytest.raises(engine_errors.FieldsInvalid) as invalid:
                self.give(answer)
            # Of what is hidden from them people read nothing.
            assert invalid.value.errors.keys() == (wrong - set(room.node.hide) or set(room.node.fill))
        else:
            self.give(answer)
            life.decide(room, answer.name, answer.outcome, answer.typed, answer.by)

    def stands_in(self, answer: Answer) -> bool:
        room = answer.room
        is_theirs = room.delegates.get(answer.name) == answer.by and answer.name not in self.life.away
        return is_theirs and self.life.can_stand_in(room, answer.by)

    def signal(self, key: str) -> None:
        if key in self.life.signals:
            with pytest.raises(engine_errors.NoLongerOpen):
                engine.signal(self.request.pk, key, None)
            return
        engine.signal(self.request.pk, key, None)
        self.life.signal(key)

    def answer_late(self, answer: Answer) -> None:
        """They hear whose answers counted in place of theirs, or that they are asked no longer."""
        room, name = answer.room, answer.name
        with pytest.raises(engine_errors.EngineError) as caught:
            self.give(answer)
        # Whoever had answered before another branch ended the step hears of that answer of theirs.
        deciding = room if name in room.decided_on else room.ended_by or room
        names = [name] if name in room.decided_on else deciding.decided_on
        counted = {} if room.seats[name] == "withdrawn" else {one: deciding.seats[one] for one in names}
        if not counted:
            is_barred = room.seats[name] == "withdrawn" and self.life.is_barred(room, name)
            is_told_why = is_barred and self.life.state != "withdrawn" and not room.successor(name)
            assert isinstance(
                caught.value, engine_errors.Barred if is_told_why else engine_errors.NoLongerOpen
            )
            return
        assert isinstance(caught.value, engine_errors.AlreadyDecided)
        first = {one.assignment.person.name.lower(): one.outcome for one in caught.value.decisions}
        assert first == counted

    def reassign(self, room: Room, name: str, to: str, by: str) -> None:
        """Nobody but an administrator puts anybody in another's place; what may not be changes nothing."""
        seat = self.seat(room, name)
        if by == "ada" and self.life.may_be_put(room, name, to):
            reassigning.reassign(seat.pk, self.people[by], self.people[to], "Please.")
            self.life.reassign(room, name, to)
            return
        with pytest.raises(engine_errors.NotAllowed) as refused, transaction.atomic():
            reassigning.reassign(seat.pk, self.people[by], self.people[to], "Please.")
        assert isinstance(refused.value, CannotBeGiven) == (by == "ada")

    def ask_back(self, room: Room, name: str) -> None:
        """One question of each is open, and so many of all; who has left asks nothing, and no requester themself."""
        mine = [one for one in self.life.open_questions if one[0] is room]
        cannot = name in {*self.life.away, "zoe"} or (room, name) in mine or len(mine) >= MOST_OPEN
        try:
            engine.ask_back(self.seat(room, name).pk, self.people[name], Written("Why?"))
        except engine_errors.EngineError:
            assert cannot
        else:
            assert not cannot
            self.life.ask_back(room, name)

    def clarify(self, room: Room, name: str) -> None:
        seat = self.seat(room, name)
        question = Clarification.objects.get(assignment=seat, state="open")
        engine.clarify(question.pk, self.people["zoe"], Written("Approved."))
        self.life.clarify(room, name)

    def kept_out(self) -> list[tuple[Room, str]]:
        """Whom steps name that are not decided yet, and who may not decide them."""
        life = self.life
        return [
            (room, name)
            for room in life.rooms
            if room.state in LIVE and not room.node.quiet
            for name in sorted(room.node.names - room.decided_on.keys())
            if name in life.away or life.is_barred(room, name)
        ]

    def answer_by_mistake(self, answer: Answer) -> None:
        """Of somebody who is kept out, as if they were asked all the same."""
        name, is_away = answer.name, answer.name in self.life.away
        with undone():
            Assignment.objects.update_or_create(
                visit=self.visit(answer.room), person=self.people[name], defaults={"state": "open"}
            )
            with pytest.raises(engine_errors.NotAllowed if is_away else engine_errors.Barred):
                self.give(answer)

    def leave(self, name: str, *, interrupted: bool) -> None:
        """`interrupted`: before their questions are put to others."""
        if interrupted:
            Person.objects.filter(pk=self.people[name].pk).update(is_active=False)
            self.life.away.add(name)
        else:
            engine.deactivate(Person.objects.get(pk=self.people[name].pk), by=self.people["ada"])
            self.life.leave(name)

    def come_back(self, name: str) -> None:
        Person.objects.filter(pk=self.people[name].pk).update(is_active=True)
        self.life.away.remove(name)

    def regroup(self, group: str, name: str) -> None:
        members = Group.objects.get(key=group).members
        (members.remove if name in self.life.groups[group] else members.add)(self.people[name])
        self.life.regroup(group, name)

    def ask_again(self, room: Room) -> None:
        engine.ask_again(self.visit(room).pk, by=self.people["ada"])
        self.life.ask_again(room)

    def crash(self, answer: Answer, after: int) -> bool:
        """An answer that is interrupted before the database writes once more. False if it does not write so often."""
        left = iter(range(after))

        def failing(execute: Any, sql: str, *args: Any) -> Any:
            if sql.startswith(("INSERT", "UPDATE", "DELETE")) and next(left, None) is None:
                raise Crash
            return execute(sql, *args)

        try:
            with connection.execute_wrapper(failing), transaction.atomic():
                self.give(answer)
        except Crash:
            return True
        except engine_errors.EngineError:
            return True  # what does not count writes nothing
        return False

    # --- comparing

    def compare(self) -> None:
        life = self.life
        self.request.refresh_from_db(fields=["state", "result", "data", "revision"])
        assert (self.request.state, self.request.result) == (life.state, life.result)
        assert (self.request.revision, self.request.data) == (life.revision, life.sheet)
        rows = list(SEATED.filter(request=self.request).order_by("pk"))
        assert [_row(visit) for visit in rows] == [room.row() for room in life.rooms]
        assert [_voters(visit) for visit in rows] == [room.voters for room in life.rooms]
        if life.delegations:
            self._compare_delegates()
        if life.revision > 1:
            self._compare_revisions()
        if life.by_mail:
            self._compare_asks()
        else:
            self._look()
        _must_hold(self.request, rows)
        if life.questions or any(visit.asked_back for visit in rows):
            self._compare_questions(rows)

    def _compare_questions(self, rows: Sequence[Visit]) -> None:
        """Those are open that the model says, and every one that was asked is counted."""
        asked = Clarification.objects.filter(visit__request=self.request).select_related("visit", "asked_by")
        still = {
            (one.visit.step_key, one.visit.round, one.asked_by.name.lower())
            for one in asked
            if one.state == "open"
        }
        assert still == {(room.node.key, room.round, name) for room, name in self.life.open_questions}
        for visit in rows:
            assert visit.asked_back == sum(one.visit_id == visit.pk for one in asked)

    def _compare_delegates(self) -> None:
        """Nobody else may answer, in whatever step."""
        may_answer = Delegate.objects.filter(assignment__visit__request=self.request, state="open")
        columns = ("step_key", "round")
        names = may_answer.values_list(
            *(f"assignment__visit__{name}" for name in columns), "assignment__person__name", "person__name"
        )
        assert sorted(names) == sorted(
            (room.node.key, room.round, name.title(), delegate.title())
            for room in self.life.rooms
            for name, delegate in room.delegates.items()
        )

    def _compare_revisions(self) -> None:
        """Numbered without gaps; each says who entered something, and where."""
        revised = Revision.objects.filter(request=self.request).select_related("by", "assignment__visit")
        assert [_entered(one) for one in revised.order_by("number")] == [
            (
                number,
                one.sheet,
                one.name or "zoe",
                (one.room.node.key, one.room.round) if one.room else None,
            )
            for number, one in enumerate(self.life.revisions, start=1)
        ]

    def _compare_asks(self) -> None:
        """Each mail that asks names the revision that it shows, and one that asks again says what changed."""
        lines = AskLine.objects.filter(assignment__visit__request=self.request, pk__gt=self.last_line)
        lines = lines.filter(
            asks_back=None, ask__person=F("assignment__person")
        )  # those of delegates are not modelled
        lines = lines.select_related("ask__outgoing", "assignment__visit", "assignment__person")
        rooms = {(room.node.key, room.round): room for room in self.life.rooms}
        for line in lines.order_by("pk"):
            self.last_line, visit = line.pk, line.assignment.visit
            room, name = rooms[visit.step_key, visit.round], line.assignment.person.name.lower()
            views = self.views.setdefault((room, name), [])
            asked = room.asks[name][: len(views) + 1]
            assert (len(asked), line.revision) == (len(views) + 1, asked[-1].revision)
            _compare_mail(line, asked)
            views.append(View(asked[-1].facts, line.facts_hash, line.ask))
        for room, name in self.life.seated:
            assert len(self.views[room, name]) == len(room.asks[name])

    def _look(self) -> None:
        """Whoever is asked opens the page, where they have not seen what is so now."""
        for room, name in self.seats(open_ones=True):
            views, facts = self.views.setdefault((room, name), []), self.life.facts(room)
            if not views or views[-1].facts != facts:
                views.append(View(facts, facts_hash(self.request, self.definition, room.node.key)))

    @cached_property
    def definition(self) -> Definition:
        return parsed(self.request.version)

    def compare_record(self) -> None:
        """What the record says of revisions, from the start to the end; and who else was told of something."""
        mails = [OutgoingMail.objects.filter(kind=kind).count() for kind in ("not-needed", "stuck")]
        assert mails == ([self.life.told, self.life.calls_for_help] if self.life.by_mail else [0, 0])
        notified = Notified.objects.filter(visit__request=self.request).order_by("pk")
        names = notified.values_list("visit__step_key", "visit__round", "person__name")
        assert [(key, number, name.lower()) for key, number, name in names] == self.life.notified
        entries = AuditEntry.objects.filter(request=self.request).order_by("seq")
        told = [one.what for one in entries if not one.what["event"].startswith("delegate ")]
        log = [(one["event"], one["revision"]) for one in told if "revision" in one]
        assert [one for one in log if one[0] not in CONDITIONS] == self.life.log
        newest = 1
        for event, revision in log:
            newest = revision if event == "revised" else newest
            assert event not in CONDITIONS or revision == newest
        assert [*chain.verify(self.request.pk), *evidence.compare(self.request.pk)] == []


_CHANGE = re.compile(r"^(.+):\n    \| (.*)\n    → (.*)$", re.MULTILINE)


def _compare_mail(line: AskLine, asked: Sequence[Asked]) -> None:
    """`asked`: how often its reader has been asked, this time last."""
    outgoing = line.ask.outgoing
    assert outgoing is not None
    mail = email.message_from_bytes(bytes(outgoing.raw), policy=email.policy.default)
    body = mail.get_body(("plain",))
    assert body is not None
    text = body.get_content().replace("\r\n", "\n")
    last = form_model.changes(asked[-2].facts, asked[-1].facts) if asked[-1].again else []
    assert _CHANGE.findall(text) == last
    assert outgoing.subject.startswith("Changed: ") == bool(last)
    shown = {LABELS[name] for name, _value in asked[-1].facts}
    facts = text[text.index("Item: Desk") :].partition("\n\n")[0]
    assert {one.partition(":")[0] for one in facts.splitlines()} == shown


def _entered(revision: Revision) -> tuple[Any, ...]:
    visit = revision.assignment.visit if revision.assignment else None
    return revision.number, revision.data, revision.by.name.lower(), _key(visit)


SEATED = Visit.objects.select_related("parent", "ended_by").prefetch_related(
    Prefetch(
        "assignments",
        Assignment.objects.select_related("person", "decision__by_person", "in_place_of").order_by("pk"),
    )
)


def _must_hold(request: Request, rows: Sequence[Visit]) -> None:
    """Of any database."""
    live = [visit for visit in rows if visit.state in Visit.LIVE]
    assert sum(visit.parent is None for visit in live) == (request.state == "open")
    for visit in rows:
        asked = [seat for seat in visit.assignments.all() if seat.state == "open"]
        inside = [one for one in live if one.parent_id == visit.pk]
        kind = request.version.definition["steps"][visit.step_key]["kind"]
        waits = visit in live and (visit.state == "stuck" or kind == "wait")
        assert bool(asked or inside or waits) is (visit in live)
        assert visit not in live or visit.parent is None or visit.parent.state in Visit.LIVE


def _row(visit: Visit) -> tuple[Any, ...]:
    seats = visit.assignments.all()
    decided = [one for one in seats if one.state == "decided"]
    states = {one.person.name.lower(): one.decision.outcome if one in decided else one.state for one in seats}
    decided_on = {one.person.name.lower(): one.decision.revision for one in decided}
    places = {one.person.name.lower(): one.in_place_of.name.lower() for one in seats if one.in_place_of}
    return (
        visit.step_key, visit.round, visit.state, visit.result, _key(visit.parent), visit.branch,
        visit.branch_result, _key(visit.ended_by), states, decided_on, places,
    )  # fmt: skip


def _voters(visit: Visit) -> dict[str, str]:
    decided = [one for one in visit.assignments.all() if one.state == "decided"]
    return {one.person.name.lower(): one.decision.by_person.name.lower() for one in decided}


def _key(visit: Visit | None) -> tuple[str, int] | None:
    return (visit.step_key, visit.round) if visit else None


#: Lives are shared out among so many processes; a second database sees the first share of them.
SHARES = 10


@pytest.mark.django_db
@pytest.mark.long
@pytest.mark.timeout(7200)  # of `make soak`
@pytest.mark.parametrize(
    "share", [0, *(pytest.param(share, marks=pytest.mark.any_database) for share in range(1, SHARES))]
)
def test_whatever_happens_in_blocks_the_engine_does_what_the_model_says(
    request: pytest.FixtureRequest, share: int
) -> None:
    fills = share % 3 < 2  # of ten, seven
    most = 4 if fills else 10  # writing mails takes most of the time
    people = {name: add_person(name.title(), f"{name}@contoso.example") for name in [*NAMES, "zoe", "ella"]}
    people["ada"] = add_person("Ada", "ada@contoso.example", administrator=True)
    for key, names in GROUPS.items():
        Group.objects.create(key=key, name=key.title()).members.set([people[name] for name in names])

    @settings(
        max_examples=(20_000 if whole(request.config) else 200) // SHARES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def live(data: st.DataObject) -> None:
        line = data.draw(processes(fills))
        entered = [name for name in TYPED if fills and name not in line.later]
        typed = {name: data.draw(st.sampled_from(TYPED[name])) for name in entered}
        with undone():
            if by_mail := data.draw(st.integers(1, most)) == most:
                make_mailbox()
            version = [publish(one) for one in definitions_of(line)][-1]
            away = data.draw(st.sampled_from([[]] * 10 + [[name] for name in NAMES]))
            Person.objects.filter(pk__in=[people[name].pk for name in away]).update(is_active=False)
            delegations = data.draw(st.sampled_from([{}, {}, *DELEGATIONS]))
            Delegation.objects.bulk_create(_delegation(people, *pair) for pair in delegations.items())
            started = engine.start(version, people["zoe"], {"item": "Desk", "amount": "10", **typed})
            assert bool(composing.mailbox_for(started)) is by_mail
            sheet = form_model.at_start(line.later, typed)
            both = Both(Life(line, sheet, by_mail, away, delegations), started, people)
            both.compare()
            for _ in range(data.draw(st.integers(3, 14))):
                if not both.goes_on:
                    break
                _happen(both, data)
                both.compare()
            both.compare_record()

    live()


@pytest.mark.any_database
def test_ways_back_to_a_block_beside_what_asks_nobody_are_drawn_often() -> None:
    """There an answer is given in a visit that began before another one that is entered again (`test_rounds`)."""
    drawn: list[bool] = []

    @settings(
        max_examples=100,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(processes(fills=False))
    def draw(line: Line) -> None:
        branches = line.nodes[0].branches
        leaving = {number for number, one in enumerate(branches) if any(node.rejected == OUT for node in one)}
        quiet = {number for number, one in enumerate(branches) if one.nodes[0].quiet and len(one.nodes) > 1}
        drawn.append(bool(leaving) and bool(quiet) and len(leaving | quiet) > 1)

    draw()
    assert sum(drawn) > len(drawn) / 5


#: Who answers in whose place: somebody whom nobody asks, two for whom the same one does, and a ring.
DELEGATIONS: list[dict[str, str]] = [
    dict.fromkeys(NAMES, "ella"),
    dict.fromkeys(NAMES[1:], NAMES[0]),
    dict(zip(NAMES, [*NAMES[1:], NAMES[0]], strict=True)),
]


def _delegation(people: Mapping[str, Person], name: str, delegate: str) -> Delegation:
    return Delegation(
        delegator=people[name],
        delegate=people[delegate],
        begins_at=timezone.now() - timedelta(days=1),
        created_by=people[name],
    )


@contextmanager
def undone() -> Iterator[None]:
    """What is done inside is not there afterwards."""
    with transaction.atomic():
        try:
            yield
        finally:
            transaction.set_rollback(True)


WHAT_HAPPENS = (
    ["answer"] * 7
    + ["crash"] * 2
    + ["late"] * 2
    + ["leave"] * 2
    + ["reassign"] * 3
    + ["regroup", "withdraw", "question"]
)


def _happen(both: Both, data: st.DataObject) -> None:
    late, waiting, signals = both.seats(open_ones=False), both.seats(open_ones=True), both.signals
    if (kept_out := both.kept_out()) and data.draw(st.integers(0, 1)) == 1:
        both.answer_by_mistake(_answer(both, data, kept_out))
    what = data.draw(st.sampled_from(WHAT_HAPPENS))
    if both.life.stuck and (not (waiting or signals) or data.draw(st.integers(0, 2)) == 0):
        _help(both, data)
    elif signals and (not waiting or data.draw(st.integers(0, 3)) == 0):
        both.signal(data.draw(st.sampled_from(signals)))
    elif what == "leave":
        _leave(both, data, waiting)
    elif what == "regroup":
        both.regroup(data.draw(st.sampled_from([*GROUPS])), data.draw(st.sampled_from(NAMES)))
    elif what == "withdraw":
        if data.draw(st.integers(0, 4)) == 0:
            engine.withdraw(both.request.pk, both.people["zoe"])
            both.life.withdraw()
    elif what == "question":
        _ask_or_clarify(both, data, waiting)
    elif what == "reassign":
        if waiting:
            _reassign(both, data, waiting)
    elif what == "late":
        if late:
            both.answer_late(_answer(both, data, late))
    elif waiting:
        answer = _by_a_delegate(both, data, _answer(both, data, waiting))
        if what == "crash" and both.crash(answer, data.draw(st.integers(0, MOST_WRITES))):
            return
        if what == "crash":
            both.life.decide(answer.room, answer.name, answer.outcome, answer.typed, answer.by)
        else:
            both.answer(answer)


def _by_a_delegate(both: Both, data: st.DataObject, answer: Answer) -> Answer:
    """Where somebody may answer in their place, they often do; rarely somebody else tries to."""
    if not both.life.delegations:
        return answer
    delegate = answer.room.delegates.get(answer.name, "")
    by = data.draw(st.sampled_from(["", delegate, delegate, data.draw(st.sampled_from([*NAMES, "ella"]))]))
    return replace(answer, by=by, view=None) if by and by != answer.name else answer


def _help(both: Both, data: st.DataObject) -> None:
    """The administrator puts people right, perhaps, and presses “Ask again”."""
    if name := data.draw(st.sampled_from([*sorted(both.life.away), ""])):
        both.come_back(name)
    room = data.draw(st.sampled_from(both.life.stuck))
    groups = sorted({who.group for who in [*room.node.ask, *room.node.others]} - {""})
    if data.draw(st.booleans()) and groups:
        both.regroup(data.draw(st.sampled_from(groups)), data.draw(st.sampled_from(NAMES)))
    both.ask_again(room)


def _leave(both: Both, data: st.DataObject, waiting: Sequence[tuple[Room, str]]) -> None:
    """Somebody leaves, or comes back; the requester stays. Those who are asked are more interesting."""
    asked = [name for _room, name in waiting if name != "zoe"]
    name = data.draw(st.sampled_from([*asked, *NAMES]))
    if name in both.life.away and (name not in asked or data.draw(st.booleans())):
        both.come_back(name)
    else:
        both.leave(name, interrupted=name not in both.life.away and data.draw(st.integers(0, 3)) == 3)


def _reassign(both: Both, data: st.DataObject, waiting: Sequence[tuple[Room, str]]) -> None:
    """Rather where whom the step names is looked up once more before it is decided, and rather somebody who may be put
    there. Often somebody who is asked there leaves at once: then it is."""
    again = [one for one in waiting if one[0].node.in_turn or one[0].node.needs_everybody]
    room, name = data.draw(st.sampled_from([*again * 2, *waiting]))
    able = [one for one in [*NAMES, "ella", "zoe"] if both.life.may_be_put(room, name, one)]
    to = data.draw(st.sampled_from([*able * 2, *NAMES, "zoe"]))
    both.reassign(room, name, to, data.draw(st.sampled_from(["ada"] * 7 + [name])))
    both.compare()
    asked = [(room, one) for one, state in room.seats.items() if state == "open"]
    if data.draw(st.booleans()) and asked:
        _leave(both, data, asked)


def _ask_or_clarify(both: Both, data: st.DataObject, waiting: Sequence[tuple[Room, str]]) -> None:
    questions = both.life.open_questions
    if questions and data.draw(st.integers(0, 1)) == 1:
        both.clarify(*data.draw(st.sampled_from(questions)))
    elif waiting:
        both.ask_back(*data.draw(st.sampled_from(waiting)))


def _answer(both: Both, data: st.DataObject, seats: Sequence[tuple[Room, str]]) -> Answer:
    room, name = data.draw(st.sampled_from(seats))
    outcome = data.draw(st.sampled_from(room.node.outcomes))
    views = both.views.get((room, name), [])
    # Who is asked by mail may answer on the page all the same; most answer what came last.
    view = data.draw(st.sampled_from([None, views[0], views[-1], views[-1]])) if views else None
    typed: dict[str, str] = {}
    for one in room.node.fill:
        text = data.draw(st.sampled_from([*TYPED[one], None]))
        # A mail asks for no field that another one brings up, and an empty line of it says nothing.
        if text is not None and not (view and view.ask and (one == "country" or not text)):
            typed[one] = text
    return Answer(room, name, outcome, typed, view)
