"""Requests that go back to their requester, against a model: random processes of reviewers beside each other and after
each other, each of whom is shown a part of the form, and random lives of requests in them.

After every step the database must say what the model says: who is asked, whose decision stays, and how it ended.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from placet.accounts.addresses import add_person
from placet.accounts.models import Group, Person
from placet.approvals import engine, evidence
from placet.approvals.models import Assignment, Decision, Request
from placet.approvals.processes import publish
from placet.audit import chain
from tests.approvals.test_blocks_model import undone
from tests.making import make_mailbox

FIELDS = ("a", "b", "c")
NAMES = ("ann", "ben", "cleo", "dan")
KEEP_IF = "now.a == was.a"
BLOCK, LAST = "block", "last"


@dataclass(frozen=True)
class Step:
    """One that asks a group of its own. `again`: of its outcome that returns the request; `back`: whoever rejects
    leads to the beginning without a revision, and does not end it."""

    key: str
    hides: frozenset[str]
    reads: str  # a field that its condition reads, or ""
    again: str
    keep_if: bool
    back: bool


@dataclass(frozen=True)
class Plan:
    beside: Sequence[Step]  # the branches of a block, with which it begins
    after: Sequence[Step]  # one after the other

    @property
    def steps(self) -> dict[str, Step]:
        return {step.key: step for step in (*self.beside, *self.after)}


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    keep_if = draw(st.booleans())  # of all that begin again alike: they share one step
    keys = [f"s{number}" for number in range(draw(st.integers(3, 4)))]
    steps = [draw(_steps(key, keep_if, in_block=at < 2)) for at, key in enumerate(keys)]
    return Plan(steps[:2], steps[2:])


@st.composite
def _steps(draw: st.DrawFn, key: str, keep_if: bool, *, in_block: bool) -> Step:
    again = draw(st.sampled_from(["affected", "affected", "same_step", "everybody"]))
    return Step(
        key,
        frozenset(draw(st.sets(st.sampled_from(FIELDS), max_size=2))),
        draw(st.sampled_from(["", "", *FIELDS])),
        again,
        keep_if and again != "everybody",
        not in_block and draw(st.integers(0, 2)) == 0,
    )


def definition_of(plan: Plan) -> dict[str, Any]:
    ways: list[dict[str, Any]] = []
    for step in plan.beside:
        ways += [
            {"from": step.key, "outcome": "approve", "ends_branch": "approved"},
            {"from": step.key, "outcome": "reject", "ends_branch": "rejected"},
        ]
    onward = [*(step.key for step in plan.after), "approved"]
    ways += [
        {"from": BLOCK, "outcome": "approved", "to": onward[0]},
        {"from": BLOCK, "outcome": "rejected", "to": "rejected"},
    ]
    for step, following in zip(plan.after, onward[1:], strict=True):
        ways += [
            {"from": step.key, "outcome": "approve", "to": following},
            {"from": step.key, "outcome": "reject", "to": BLOCK if step.back else "rejected"},
        ]
    branches = {f"b{at}": {"start": step.key} for at, step in enumerate(plan.beside)}
    block = {
        "kind": "parallel", "name": "Block", "branches": branches,
        "result": [{"rejected": "any", "cancel": "others"}, {"approved": "all"}], "otherwise": "rejected",
    }  # fmt: skip
    ends = {key: {"kind": "end", "name": key, "result": key} for key in ("approved", "rejected")}
    return {
        "key": "random", "name": "Random", "title": "{item}", "start": BLOCK,
        "form": [{"name": name, "label": name, "type": "text"} for name in ("item", *FIELDS)],
        "steps": {BLOCK: block, **{key: _written(step) for key, step in plan.steps.items()}, **ends},
        "transitions": ways,
    }  # fmt: skip


def _written(step: Step) -> dict[str, Any]:
    returns = {"returns": "requester", "again": step.again} | ({"keep_if": KEEP_IF} if step.keep_if else {})
    # It is always so: what counts is that the condition reads the field.
    reads = {"if": f'{step.reads} != "never"'} if step.reads else {}
    return {
        "kind": "approval", "name": step.key, "ask": [{"group": step.key, **reads}],
        "outcomes": ["approve", {"key": "changes", "label": "Changes", "grants": False, **returns}, "reject"],
        "rule": [{"changes": "any"}, {"reject": "any"}, {"approve": "all"}], "otherwise": "reject", "early": True,
        **({"form": {"hide": sorted(step.hides)}} if step.hides else {}),
    }  # fmt: skip


# --- the model --------------------------------------------------------------------------------------------


@dataclass
class Room:
    """One visit of a step. `approved`: the revision that each one's approval is of; `kept`: whose is an earlier one."""

    key: str
    began: int
    asked: set[str] = field(default_factory=set)
    approved: dict[str, int] = field(default_factory=dict)
    kept: set[str] = field(default_factory=set)
    ended: int | None = None


@dataclass(frozen=True)
class Revising:
    """The requester has it: `step` is entered again then, or everything (None)."""

    key: str
    again: str
    keep_if: bool
    step: str | None
    began: int


class Model:
    def __init__(self, plan: Plan, groups: dict[str, set[str]], data: dict[str, str]) -> None:
        self.plan, self.groups = plan, groups
        self.revisions = [data]
        self.rooms: list[Room] = []
        self.live: dict[str, Room | Revising] = {}  # by branch; what stands at the root is LAST
        self.revised: list[Revising] = []
        self.time = 0
        self.result = ""
        self._begin()

    def _tick(self) -> int:
        self.time += 1
        return self.time

    def _begin(self) -> None:
        self.live = {step.key: self._room(step.key) for step in self.plan.beside}
        for step in self.plan.beside:
            self._keep(self.live[step.key])
        for step in self.plan.beside:
            self._look(step.key)

    def _room(self, key: str) -> Room:
        room = Room(key, self._tick())
        self.rooms.append(room)
        return room

    def _keep(self, room: "Room | Revising") -> None:
        assert isinstance(room, Room)
        before = [one for one in self.rooms if one.key == room.key and one is not room]
        members = self.groups[room.key]
        if before and before[-1].ended is not None:
            since = [one for one in self.revised if one.began > before[-1].ended]
            if since and all(one.again != "everybody" for one in since):
                for name, number in before[-1].approved.items():
                    if name in members and self._stays(room.key, number, since):
                        room.approved[name] = number
        room.kept = {*room.approved}
        room.asked = members - room.kept

    def _stays(self, key: str, number: int, since: Sequence[Revising]) -> bool:
        step, was, now = self.plan.steps[key], self.revisions[number - 1], self.revisions[-1]
        seen = {"item", *FIELDS} - step.hides | ({step.reads} - {""})
        return all(was[name] == now[name] for name in seen) or (
            all(one.keep_if for one in since) and was["a"] == now["a"]
        )

    def _look(self, branch: str) -> None:
        """Is it approved, without anybody's further answer?"""
        room = self.live.get(branch)
        if isinstance(room, Room) and not room.asked:
            self._leave(branch, room)

    def _leave(self, branch: str, room: Room) -> None:
        """It was approved."""
        room.ended = self._tick()
        del self.live[branch]
        if branch != LAST:
            if not self.live:
                self._enter(self.plan.after[0].key)
            return
        keys = [step.key for step in self.plan.after]
        at = keys.index(room.key) + 1
        if at < len(keys):
            self._enter(keys[at])
        else:
            self.result = "approved"

    def _enter(self, key: str, branch: str = LAST) -> None:
        room = self.live[branch] = self._room(key)
        self._keep(room)
        self._look(branch)

    def _stop(self) -> None:
        for one in self.live.values():
            if isinstance(one, Room):
                one.ended, one.asked = self._tick(), set()
        self.live = {}

    def answer(self, branch: str, name: str, outcome: str) -> None:
        room = self.live[branch]
        assert isinstance(room, Room)
        room.asked.discard(name)
        step = self.plan.steps[room.key]
        if outcome == "approve":
            room.approved[name] = len(self.revisions)
            self._look(branch)
        elif outcome == "reject":
            self._stop()
            if step.back:
                self._begin()
            else:
                self.result = "rejected"
        else:
            self._return(branch, room, step)

    def _return(self, branch: str, room: Room, step: Step) -> None:
        same = step.again == "same_step"
        if same:
            room.ended, room.asked = self._tick(), set()
        else:
            self._stop()
            branch = LAST
        key = (
            f"{step.key}_changes" if same else "changes_everybody" if step.again == "everybody" else "changes"
        )
        onward = step.key if same else None
        self.live[branch] = Revising(key, step.again, step.keep_if, onward, self._tick())

    def revise(self, branch: str, entered: Mapping[str, str]) -> None:
        revising = self.live[branch]
        assert isinstance(revising, Revising)
        data = {**self.revisions[-1], **entered}
        if data != self.revisions[-1]:
            self.revisions.append(data)
        self.revised.append(revising)
        if revising.step is None:
            self._begin()
        else:
            self._enter(revising.step, branch)

    @property
    def asked(self) -> set[tuple[str, str]]:
        """By step and name; the requester is Zoe."""
        asked = {(one.key, name) for one in self.live.values() if isinstance(one, Room) for name in one.asked}
        return asked | {(one.key, "zoe") for one in self.live.values() if isinstance(one, Revising)}


# --- both -------------------------------------------------------------------------------------------------


def compare(model: Model, request: Request) -> None:
    request.refresh_from_db()
    assert (request.result, request.revision) == (model.result, len(model.revisions))
    assert {name: request.data[name] or "" for name in FIELDS} == {
        name: model.revisions[-1][name] for name in FIELDS
    }
    seats = Assignment.objects.filter(visit__request=request).select_related("visit", "person", "kept")
    rows = [(seat, seat.visit.step_key, seat.person.name.lower()) for seat in seats.order_by("pk")]
    assert {(key, name) for seat, key, name in rows if seat.state == "open"} == model.asked
    kept = sorted(
        (key, seat.visit.round, name, seat.counted.revision)
        for seat, key, name in rows
        if seat.state == "kept"
    )
    rounds: dict[str, int] = {}
    expected = []
    for room in model.rooms:
        rounds[room.key] = rounds.get(room.key, 0) + 1
        expected += [(room.key, rounds[room.key], name, room.approved[name]) for name in room.kept]
    assert kept == sorted(expected)
    # Whoever's decision stays is not asked, and answers nobody twice.
    for seat, _key, _name in rows:
        assert seat.state != "kept" or not seat.ask_lines.exists()


@pytest.mark.django_db
@pytest.mark.long
@pytest.mark.any_database  # it asks by the ORM; what commits and locks is in the engine's model
def test_whatever_is_sent_back_the_engine_asks_whom_the_model_asks() -> None:
    people = {name: add_person(name.title(), f"{name}@contoso.example") for name in (*NAMES, "zoe")}
    seen: set[str] = set()

    @settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def live(data: st.DataObject) -> None:
        plan = data.draw(plans())
        groups = {key: data.draw(_members) for key in plan.steps}
        with undone():
            if data.draw(st.integers(0, 5)) == 5:
                make_mailbox()
            for key, names in groups.items():
                Group.objects.create(key=key, name=key).members.set([people[name] for name in names])
            entered = {"item": "Desk", **dict.fromkeys(FIELDS, "1")}
            request = engine.start(publish(definition_of(plan)), people["zoe"], entered)
            model = Model(plan, groups, dict(entered))
            compare(model, request)
            for _ in range(data.draw(st.integers(4, 16))):
                if model.result:
                    break
                _happen(data, model, request, people)
                compare(model, request)
            assert [*chain.verify(request.pk), *evidence.compare(request.pk)] == []
            seen.update("kept" for room in model.rooms if room.kept)
            seen.update("not kept" for room in model.rooms if room.began > 2 and room.asked)
            seen.add(model.result)

    live()
    assert seen >= {"kept", "not kept", "approved", "rejected"}


_members = st.sets(st.sampled_from(NAMES), min_size=1, max_size=2)


def _happen(data: st.DataObject, model: Model, request: Request, people: Mapping[str, Person]) -> None:
    if data.draw(st.integers(0, 9)) == 9:
        key = data.draw(st.sampled_from(sorted(model.groups)))
        members = data.draw(_members)
        model.groups[key].clear()
        model.groups[key].update(members)
        Group.objects.get(key=key).members.set([people[name] for name in members])
    key, name = data.draw(st.sampled_from(sorted(model.asked)))
    [branch] = [where for where, one in model.live.items() if one.key == key]
    seat = Assignment.objects.get(
        visit__request=request, visit__step_key=key, person=people[name], state=Assignment.State.OPEN
    )
    if name == "zoe":
        changed = data.draw(st.dictionaries(st.sampled_from(FIELDS), st.sampled_from(["1", "2"]), max_size=2))
        model.revise(branch, changed)
        _decide(seat, people[name], "revised", changed)
    else:
        outcome = data.draw(st.sampled_from(["approve"] * 5 + ["changes"] * 3 + ["reject"]))
        model.answer(branch, name, outcome)
        _decide(seat, people[name], outcome)


def _decide(seat: Assignment, by: Person, outcome: str, entered: Mapping[str, str] | None = None) -> None:
    engine.decide(seat.pk, by=by, outcome=outcome, channel=Decision.Channel.PAGE, entered=entered)
