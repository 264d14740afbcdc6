"""Blocks against a model of a few lines that walks a tree and knows nothing of transitions, through random lives of
requests of random processes: branches in branches, notices and waits, ways back, ways out, crashes and withdrawals.

After every step the database must say what the model says, and what must hold of any database must hold of this one.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import pytest
from django.db import transaction
from django.db.models import Prefetch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from placet.accounts.addresses import add_person
from placet.accounts.models import Person
from placet.approvals import engine, evidence, messages
from placet.approvals.models import Assignment, Decision, Request, Visit
from placet.approvals.processes import publish
from placet.audit import chain
from placet.mail.models import OutgoingMail
from tests.making import FORM, make_mailbox
from tests.rotation import whole

NAMES = ["ann", "ben", "cleo", "dan", "eve"]
BACK, OUT, END = "back", "out", "end"  # where a rejection leads

# --- processes ------------------------------------------------------------------------------------------------


@dataclass
class Node:
    """A step that asks people, tells them (`quiet`: "sent"), or waits for a signal of its name (`quiet`: "arrived");
    or a block of branches."""

    key: str
    rejected: str  # BACK: to the first of its line. OUT: to the first step of all. END: of its line
    people: list[str] = field(default_factory=list)
    rule: str | int = "first"
    weight: int = 0  # that is needed to approve, in place of a rule
    in_turn: bool = False
    quiet: str = ""
    branches: "list[Line]" = field(default_factory=list)
    result: list[dict[str, Any]] = field(default_factory=list)
    otherwise: str = "rejected"


@dataclass
class Line:
    """Nodes one after the other: the whole of a process, or a branch of a block."""

    nodes: list[Node] = field(default_factory=list)
    taken: bool = True
    block: Node | None = None


RESULTS: list[list[dict[str, Any]]] = [
    [{"rejected": "any", "cancel": "others"}, {"approved": "all"}],
    [{"rejected": "any"}, {"approved": "all"}],
    [{"approved": "any", "cancel": "others"}, {"rejected": "all"}],
    [{"approved": 2, "cancel": "others"}, {"rejected": "any"}],
    [{"approved": {"percent": 60}, "cancel": "others"}, {"rejected": "any", "cancel": "others"}],
]


@st.composite
def lines(draw: st.DrawFn, deep: int = 0, block: Node | None = None, path: str = "s") -> Line:
    line = Line(taken=not block or draw(st.integers(0, 4)) > 0, block=block)
    length = draw(st.integers(1, 2))
    for number in range(length):
        key = f"{path}{number}"
        # A branch has to be able to end as either, so one of its nodes asks people and ends it.
        after_quiet = number == 1 and bool(line.nodes[0].quiet)
        ways = [END, END, BACK, OUT] if line.nodes and not after_quiet else [END]
        node = Node(key, draw(st.sampled_from(ways)))
        if deep < 2 and draw(st.integers(0, 3 if deep else 1)) == 0:
            node.result = draw(st.sampled_from(RESULTS))
            node.otherwise = draw(st.sampled_from(["approved", "rejected"]))
            for branch in range(draw(st.integers(2, 3))):
                node.branches.append(draw(lines(deep + 1, node, f"{key}-{branch}-")))
        else:
            node.people = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True))
            rules: list[str | int] = ["first", "all", 1]
            node.rule = draw(st.sampled_from(rules))
            node.weight = draw(st.sampled_from([0, 0, *range(1, sum(weights(node.people)) + 1)]))
            node.in_turn = draw(st.booleans()) and (node.weight > 0 or node.rule != "first")
            if length == 2 and not after_quiet:
                node.quiet = draw(st.sampled_from(["", "", "sent", "arrived"]))
        line.nodes.append(node)
    return line


def weights(people: Sequence[str]) -> list[int]:
    return [1 + NAMES.index(name) % 3 for name in people]


def definition_of(line: Line) -> dict[str, Any]:
    steps: dict[str, Any] = {
        name: {"kind": "end", "name": name, "result": name} for name in ("approved", "rejected")
    }
    ways: list[dict[str, Any]] = []
    _write(line, line.nodes[0].key, steps, ways)
    return {
        "key": "random", "name": "Random", "title": "{item}", "form": FORM, "start": line.nodes[0].key,
        "steps": steps, "transitions": ways,
    }  # fmt: skip


def _write(line: Line, first: str, steps: dict[str, Any], ways: list[dict[str, Any]]) -> None:
    def end(result: str) -> dict[str, str]:
        return {"ends_branch": result} if line.block else {"to": result}

    for node, following in zip(line.nodes, [*line.nodes[1:], None], strict=True):
        good, bad = ("approved", "rejected") if node.branches else ("approve", "reject")
        on_bad = {BACK: {"to": line.nodes[0].key}, OUT: {"to": first}, END: end("rejected")}[node.rejected]
        on_good = {"to": following.key} if following else end("approved")
        if node.quiet:
            ways.append({"from": node.key, "outcome": node.quiet, **on_good})
            to = [{"person": f"{name}@contoso.example"} for name in node.people]
            told = {"kind": "notice", "name": node.key, "to": to}
            steps[node.key] = (
                told if node.quiet == "sent" else {"kind": "wait", "name": node.key, "signal": node.key}
            )
            continue
        ways += [{"from": node.key, "outcome": good, **on_good}, {"from": node.key, "outcome": bad, **on_bad}]
        if node.people:
            steps[node.key] = _step(node)
            continue
        branches = {}
        for number, branch in enumerate(node.branches):
            when = "amount < 1000" if branch.taken else "amount > 1000"
            branches[f"b{number}"] = {"start": branch.nodes[0].key, "when": when}
            _write(branch, first, steps, ways)
        steps[node.key] = {
            "kind": "parallel", "name": node.key, "branches": branches,
            "result": node.result, "otherwise": node.otherwise,
        }  # fmt: skip


def _step(node: Node) -> dict[str, Any]:
    ask: list[dict[str, Any]] = [{"person": f"{name}@contoso.example"} for name in node.people]
    step: dict[str, Any] = {"kind": "approval", "name": node.key, "ask": ask, "rule": node.rule}
    if node.weight:
        for line, weight in zip(ask, weights(node.people), strict=True):
            line["weight"] = weight
        step |= {"rule": [{"approve": {"weight": node.weight}}, {"reject": "any"}], "otherwise": "reject"}
    return step | ({"order": "one_by_one"} if node.in_turn else {})


# --- the model ------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class Room:
    """A visit: of a step, with its seats, or of a block."""

    node: Node
    line: Line
    round: int
    above: "Room | None"
    branch: str
    state: str = "open"
    result: str = ""
    ended_as: str = ""
    ended_by: "Room | None" = None
    seats: dict[str, str] = field(default_factory=dict)  # "open", an outcome, "superseded" or "withdrawn"

    def row(self) -> tuple[Any, ...]:
        above = self.above and (self.above.node.key, self.above.round)
        by = self.ended_by and (self.ended_by.node.key, self.ended_by.round)
        return (
            self.node.key, self.round, self.state, self.result, above, self.branch, self.ended_as, by, self.seats
        )  # fmt: skip


LIVE = ("open", "stuck")


class Life:
    """One request."""

    def __init__(self, root: Line) -> None:
        self.root = root
        self.rooms: list[Room] = []
        self.state, self.result = "open", ""
        self.told = 0
        self.signals: set[str] = set()  # that came and no step took
        self.went_on: list[Room] = []  # by an answer or a signal
        self.enter(root, 0, None, "")

    def arrive(self, line: Line, at: int, above: Room | None, branch: str) -> Room:
        node = line.nodes[at]
        number = sum(room.node is node for room in self.rooms) + 1
        self.rooms.append(Room(node, line, number, above, branch))
        return self.rooms[-1]

    def enter(self, line: Line, at: int, above: Room | None, branch: str) -> None:
        self.begin(self.arrive(line, at, above, branch))

    def begin(self, room: Room) -> None:
        if room.node.quiet == "sent":
            self.close(room, "sent")
            return
        if room.node.quiet == "arrived":
            self.look(room)
            return
        if room.node.people:
            room.seats = dict.fromkeys(room.node.people[: 1 if room.node.in_turn else None], "open")
            return
        taken = [(n, line) for n, line in enumerate(room.node.branches) if line.taken]
        for inside in [self.arrive(line, 0, room, f"b{n}") for n, line in taken]:
            if inside.state == "open":  # one before it may have ended the block
                self.begin(inside)
        if not taken:
            self.close(room, room.node.otherwise)

    def look(self, room: Room) -> None:
        if room.node.key in self.signals:
            self.signals.remove(room.node.key)
            self.went_on.append(room)
            self.close(room, "arrived")

    def signal(self, key: str) -> None:
        self.signals.add(key)
        for room in [one for one in self.rooms if one.node.key == key and one.state == "open"]:
            self.look(room)

    def inside(self, room: Room, *, running: bool = False) -> list[Room]:
        return [one for one in self.rooms if one.above is room and (one.state in LIVE or not running)]

    def decide(self, room: Room, name: str, outcome: str) -> None:
        room.seats[name] = outcome
        self.went_on.append(room)
        result = _result(room.node, room.seats, outcome)
        if result:
            room.seats = {name: "superseded" if one == "open" else one for name, one in room.seats.items()}
            self.close(room, result)
        elif room.node.in_turn:
            room.seats[room.node.people[len(room.seats)]] = "open"

    def close(self, room: Room, result: str, answered: Room | None = None) -> None:
        answered = answered or room
        room.state, room.result = "closed", result
        at = room.line.nodes.index(room.node)
        if self.goes_round(room, result):
            room.state = "stuck"
        elif result in ("approve", "approved", "sent", "arrived"):
            if at + 1 < len(room.line.nodes):
                self.enter(room.line, at + 1, room.above, room.branch)
            else:
                self.end(room, "approved", answered)
        elif room.node.rejected == END:
            self.end(room, "rejected", answered)
        elif room.node.rejected == BACK:
            self.enter(room.line, 0, room.above, room.branch)
        else:
            top = room
            while top.above:
                top = top.above
            if top is not room:
                self.cancel(top, answered)
            self.enter(self.root, 0, None, "")

    def goes_round(self, room: Room, result: str) -> bool:
        """Back to a step without an answer or a signal since it was entered last."""
        is_bad = result in ("reject", "rejected") and room.node.rejected in (BACK, OUT)
        to = (room.line if room.node.rejected == BACK else self.root).nodes[0] if is_bad else None
        before = [one for one in self.rooms if one.node is to]
        since = self.rooms[self.rooms.index(before[-1]) :] if before else []
        return bool(before) and not any(one in since for one in self.went_on)

    def end(self, room: Room, result: str, answered: Room) -> None:
        if room.above is None:
            self.state, self.result = "ended", result
            return
        room.ended_as = result
        block, inside = room.above, self.inside(room.above)
        ended = [one.ended_as for one in inside if one.ended_as]
        running = [one for one in inside if one.state in LIVE]
        outcome, cancels = came_to(block.node.result, ended, len(running))
        if running and not (outcome and cancels):
            return
        for one in running:
            self.cancel(one, answered)
        self.close(block, outcome or block.node.otherwise, answered)

    def cancel(self, room: Room, by: Room) -> None:
        for one in self.inside(room, running=True):
            self.cancel(one, by)
        self.told += list(room.seats.values()).count("open")
        room.seats = {name: "superseded" if one == "open" else one for name, one in room.seats.items()}
        room.state, room.ended_by = "cancelled", by

    def withdraw(self) -> None:
        self.state = "withdrawn"
        for room in self.rooms:
            if room.state in LIVE:
                room.state, room.result = "closed", "withdrawn"
                room.seats = {name: "withdrawn" if one == "open" else one for name, one in room.seats.items()}


def _result(node: Node, seats: Mapping[str, str], outcome: str) -> str:
    if node.weight:
        return _decided(node, seats)
    yes, no = (list(seats.values()).count(one) for one in ("approve", "reject"))
    if node.rule == "all":
        return "reject" if no else "approve" if yes == len(node.people) else ""
    if node.rule == 1:
        return "approve" if yes else "reject" if no == len(node.people) else ""
    return outcome


def _decided(node: Node, seats: Mapping[str, str]) -> str:
    """By weights: of those who approved, and of those who still may."""
    each = dict(zip(node.people, weights(node.people), strict=True))
    yes = sum(weight for name, weight in each.items() if seats.get(name) == "approve")
    no = sum(weight for name, weight in each.items() if seats.get(name) == "reject")
    return "approve" if yes >= node.weight else "reject" if sum(each.values()) - no < node.weight else ""


def came_to(result: list[dict[str, Any]], ended: list[str], running: int) -> tuple[str, bool]:
    """By trying every way in which those that run may end: what is the same in all of them is certain."""
    total = len(ended) + running
    for line in result:
        ((word, needs),) = ((name, value) for name, value in line.items() if name != "cancel")
        percent = needs["percent"] if isinstance(needs, dict) else 0
        needed = -(-total * percent // 100) if percent else {"any": 1, "all": total}.get(needs, needs)
        count = ended.count(word)
        if count and count >= needed:
            return word, "cancel" in line
        if count + running >= needed and count + running > 0:
            return "", False  # it may still come true, so nothing below it is certain
    return "", False


# --- both side by side ----------------------------------------------------------------------------------------


class Crash(Exception):
    pass


@dataclass
class Both:
    """A request in the database and in the model."""

    life: Life
    request: Request
    people: dict[str, Person]

    def seats(self, *, open_ones: bool) -> list[tuple[Room, str]]:
        rooms = self.life.rooms
        return [(r, name) for r in rooms for name, one in r.seats.items() if (one == "open") is open_ones]

    def seat(self, room: Room, name: str) -> Assignment:
        return Assignment.objects.get(
            visit__request=self.request,
            visit__step_key=room.node.key,
            visit__round=room.round,
            person=self.people[name],
        )

    def answer(self, room: Room, name: str, outcome: str) -> None:
        by = self.people[name]
        engine.decide(self.seat(room, name).pk, by=by, outcome=outcome, door=Decision.Door.PAGE)

    def signal(self, key: str) -> None:
        if key in self.life.signals:
            with pytest.raises(engine.NoLongerOpen):
                engine.signal(self.request.pk, key, None)
            return
        engine.signal(self.request.pk, key, None)
        self.life.signal(key)

    def answer_late(self, room: Room, name: str) -> None:
        with pytest.raises(engine.EngineError) as caught:
            self.answer(room, name, "approve")
        if isinstance(caught.value, engine.NoLongerOpen):
            assert room.seats[name] == "withdrawn"
            return
        assert isinstance(caught.value, engine.AlreadyDecided)
        deciding = room.ended_by or room
        counted = {n: one for n, one in deciding.seats.items() if one in ("approve", "reject")}
        if room.seats[name] in ("approve", "reject"):
            counted = {name: room.seats[name]}
        first = {one.by_person.name.lower(): one.outcome for one in caught.value.decisions}
        assert first == counted

    def crash(self, room: Room, name: str, outcome: str, after: int) -> bool:
        """The same answer, interrupted before one of its entries is written. False if it has not so many."""
        append, left = chain.append, iter(range(after))

        def failing(*args: Any, **more: Any) -> Any:
            if next(left, None) is None:
                raise Crash
            return append(*args, **more)

        try:
            with mock.patch.object(chain, "append", failing), transaction.atomic():
                self.answer(room, name, outcome)
        except Crash:
            return True
        return False

    def compare(self) -> None:
        self.request.refresh_from_db(fields=["state", "result"])
        assert (self.request.state, self.request.result) == (self.life.state, self.life.result)
        rows = list(SEATED.filter(request=self.request).order_by("pk"))
        assert [_row(visit) for visit in rows] == [room.row() for room in self.life.rooms]
        _must_hold(self.request, rows)


SEATED = Visit.objects.select_related("parent", "ended_by").prefetch_related(
    Prefetch("assignments", Assignment.objects.select_related("person", "decision").order_by("pk"))
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
    seats = {
        one.person.name.lower(): one.decision.outcome if one.state == "decided" else one.state
        for one in visit.assignments.all()
    }
    return (
        visit.step_key, visit.round, visit.state, visit.result, _key(visit.parent), visit.branch,
        visit.branch_result, _key(visit.ended_by), seats,
    )  # fmt: skip


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
    people = {name: add_person(name.title(), f"{name}@contoso.example") for name in [*NAMES, "zoe"]}

    @settings(
        max_examples=(20_000 if whole(request.config) else 500) // SHARES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def live(data: st.DataObject) -> None:
        line = data.draw(lines())
        with undone():
            if data.draw(st.integers(0, 9)) == 0:
                make_mailbox()
            started = engine.start(
                publish(definition_of(line)), people["zoe"], {"item": "Desk", "amount": "10"}
            )
            both = Both(Life(line), started, people)
            both.compare()
            for _ in range(data.draw(st.integers(3, 12))):
                if both.life.state != "open":
                    break
                _happen(both, data)
                both.compare()
            told = OutgoingMail.objects.filter(kind="not-needed").count()
            assert told == (both.life.told if messages.mailbox_for(started) else 0)
            assert [*chain.verify(started.pk), *evidence.compare(started.pk)] == []

    live()


@contextmanager
def undone() -> Iterator[None]:
    """What is done inside is not there afterwards."""
    with transaction.atomic():
        try:
            yield
        finally:
            transaction.set_rollback(True)


def _happen(both: Both, data: st.DataObject) -> None:
    late, waiting = both.seats(open_ones=False), both.seats(open_ones=True)
    waits = sorted(definition_of(both.life.root)["steps"].items())
    signals = [key for key, step in waits if step["kind"] == "wait"]
    what = data.draw(st.sampled_from(["answer"] * 6 + ["crash", "crash", "late", "late", "withdraw"]))
    if signals and (not waiting or data.draw(st.integers(0, 3)) == 0):
        both.signal(data.draw(st.sampled_from(signals)))
        return
    if what == "withdraw":
        if data.draw(st.integers(0, 4)) == 0:
            engine.withdraw(both.request.pk, both.people["zoe"])
            both.life.withdraw()
    elif what == "late":
        if late:
            both.answer_late(*data.draw(st.sampled_from(late)))
    elif waiting:
        room, name = data.draw(st.sampled_from(waiting))
        outcome = data.draw(st.sampled_from(["approve", "approve", "reject"]))
        if what == "crash" and both.crash(room, name, outcome, data.draw(st.integers(0, 12))):
            return
        if what == "answer":
            both.answer(room, name, outcome)
        both.life.decide(room, name, outcome)
