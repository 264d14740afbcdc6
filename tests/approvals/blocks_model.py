"""Random processes, and what becomes of their requests: a model of a few lines that walks a tree and knows nothing of
transitions, nor of the engine. `test_blocks_model` holds the engine to it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any

from hypothesis import strategies as st

from tests.approvals import form_model
from tests.approvals.form_model import ALWAYS, CONDITIONS, FORM, NEVER, OF_WHAT_IS_FILLED, Facts, Names, Sheet

NAMES = ["ann", "ben", "cleo", "dan", "eve"]
BACK, OUT, END = "back", "out", "end"  # where a rejection leads
GOOD = ("approve", "approved", "done", "sent", "arrived")  # these lead on

# --- processes ------------------------------------------------------------------------------------------------


@dataclass
class Node:
    """A step that asks people (`task`: to do something), tells them (`quiet`: "sent"), or waits for a signal of its
    name or a condition (`quiet`: "arrived"); or a block of branches."""

    key: str
    rejected: str  # BACK: to the first of its line. OUT: to the first step of all. END: of its line
    ask: "list[Who]" = field(default_factory=list)  # or tell
    not_same_as: Names = ()  # keys of others
    rule: str | int = "first"
    weight: int = 0  # that is needed to approve, in place of a rule
    in_turn: bool = False
    task: bool = False
    quiet: str = ""
    until: str = ""  # a wait ends when this holds, too
    turns_off: str = ""  # where this holds, what is good skips the next step, or ends the line as rejected
    fill: Names = ()
    require: Names = ()
    hide: Names = ()
    branches: "list[Line]" = field(default_factory=list)
    result: list[dict[str, Any]] = field(default_factory=list)
    otherwise: str = "rejected"

    @property
    def outcomes(self) -> list[str]:
        return ["done"] if self.task else ["approve", "approve", "reject"]

    @property
    def names(self) -> set[str]:
        return {who.name for who in self.ask}

    @property
    def needs_everybody(self) -> bool:
        """Whether nobody whom it names may be missing. Where one answer decides, one who is there is enough."""
        return self.weight > 0 or self.rule != "first"


@dataclass(frozen=True)
class Who:
    """One line of those whom a step names. `condition`: "", where it always applies."""

    name: str
    condition: str
    weight: int


@dataclass
class Line:
    """Nodes one after the other: the whole of a process, or a branch of a block."""

    nodes: list[Node] = field(default_factory=list)
    when: str = ALWAYS  # it is taken
    block: Node | None = None
    later: Names = ()  # of the whole: what is not entered where a request is started

    def __iter__(self) -> Iterator[Node]:
        """Every node of it, and of what is in it."""
        for node in self.nodes:
            yield node
            for branch in node.branches:
                yield from branch


RESULTS: list[list[dict[str, Any]]] = [
    [{"rejected": "any", "cancel": "others"}, {"approved": "all"}],
    [{"rejected": "any"}, {"approved": "all"}],
    [{"approved": "any", "cancel": "others"}, {"rejected": "all"}],
    [{"approved": 2, "cancel": "others"}, {"rejected": "any"}],
    [{"approved": {"percent": 60}, "cancel": "others"}, {"rejected": "any", "cancel": "others"}],
]


@st.composite
def processes(draw: st.DrawFn, fills: bool) -> Line:
    """`fills`: with steps that fill in the form."""
    whole = draw(lines(fills=fills))
    filled = {name for node in whole for name in node.fill}
    if filled:
        whole.later = tuple(name for name in draw(st.sampled_from(form_model.FILLED)) if name in filled)
    _draw_four_eyes(draw, whole)
    return whole


def _draw_four_eyes(draw: st.DrawFn, whole: Line) -> None:
    """Perhaps, of steps that name somebody alike: of others they would say nothing. Rather of those that begin side by
    side: there people are asked in both."""
    beside = [[branch.nodes[0] for branch in node.branches] for node in whole]
    pairs = [
        (one, other)
        for nodes in [[*whole], *beside * 3]
        for one, other in permutations([node for node in nodes if not node.quiet], 2)
        if one.names & other.names
    ]
    if pairs and draw(st.integers(0, 2)) > 0:
        for one, other in draw(st.lists(st.sampled_from(pairs), min_size=1, max_size=2)):
            one.not_same_as = tuple(sorted({*one.not_same_as, other.key}))


@st.composite
def lines(draw: st.DrawFn, fills: bool, deep: int = 0, block: Node | None = None, path: str = "s") -> Line:
    line = Line(block=block)
    if block:
        conditions = [ALWAYS, ALWAYS, ALWAYS, ALWAYS, NEVER, *(OF_WHAT_IS_FILLED if fills else ())]
        line.when = draw(st.sampled_from(conditions))
    length = draw(st.integers(1, 2))
    for number in range(length):
        # A branch has to be able to end as either, so one of its nodes can be rejected, and ends it.
        after_one_way = number == 1 and bool(line.nodes[0].quiet or line.nodes[0].task)
        ways = [END, END, BACK, OUT] if line.nodes and not after_one_way else [END]
        node = Node(f"{path}{number}", draw(st.sampled_from(ways)))
        if deep < 2 and draw(st.integers(0, 3 if deep else 1)) == 0:
            node.result = draw(st.sampled_from(RESULTS))
            node.otherwise = draw(st.sampled_from(["approved", "rejected"]))
            for branch in range(draw(st.integers(2, 3))):
                node.branches.append(draw(lines(fills, deep + 1, node, f"{node.key}-{branch}-")))
        else:
            _draw_people(draw, node, fills)
            if length == 2 and not after_one_way:
                _draw_one_way(draw, node)
        if fills:
            _draw_form(draw, node)
        line.nodes.append(node)
    return line


def _draw_people(draw: st.DrawFn, node: Node, fills: bool) -> None:
    depends = draw(st.integers(0, 3)) == 3  # on conditions whom it names; two lines may name one person then
    conditions = OF_WHAT_IS_FILLED if fills else [ALWAYS, NEVER]
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=not depends))
    for number, name in enumerate(names, start=1):
        # Where no line applies, nobody can go on; so the first one mostly does.
        condition = draw(st.sampled_from([""] * (1 if number > 1 else 9) + conditions)) if depends else ""
        node.ask.append(Who(name, condition, weight=number))
    rules: list[str | int] = ["first", "all", 1]
    node.rule = draw(st.sampled_from(rules))
    node.weight = draw(st.sampled_from([0, 0, *range(1, sum(who.weight for who in node.ask) + 1)]))
    node.in_turn = draw(st.booleans()) and (node.weight > 0 or node.rule != "first")


def _draw_one_way(draw: st.DrawFn, node: Node) -> None:
    """Into a step that nobody can reject, perhaps."""
    kind = draw(st.sampled_from(["", "", "sent", "arrived", "done"]))
    if kind == "done":
        node.task, node.weight = True, 0
        node.rule = "all" if node.in_turn or node.rule == "all" else "first"
    else:
        node.quiet = kind


def _draw_form(draw: st.DrawFn, node: Node) -> None:
    if draw(st.integers(0, 3)) == 3:
        node.turns_off = draw(st.sampled_from(OF_WHAT_IS_FILLED))
    if node.quiet == "arrived":
        node.until = draw(st.sampled_from(["", *OF_WHAT_IS_FILLED]))
    elif node.ask and not node.quiet:
        form = draw(st.integers(0, 7))
        node.fill = draw(st.sampled_from(form_model.FILLED)) if form < 6 else ()
        node.hide = draw(st.sampled_from(form_model.HIDDEN)) if form > 3 else ()
        node.hide = tuple(name for name in node.hide if name not in node.fill)
        if form in (3, 5):
            node.require = tuple(name for name in node.fill if name != "abroad")


def definition_of(line: Line) -> dict[str, Any]:
    steps: dict[str, Any] = {
        name: {"kind": "end", "name": name, "result": name} for name in ("approved", "rejected")
    }
    ways: list[dict[str, Any]] = []
    _write(line, line.nodes[0].key, steps, ways)
    return {
        "key": "random", "name": "Random", "title": "{item}", "form": FORM, "start": line.nodes[0].key,
        **({"start_form": {"hide": list(line.later)}} if line.later else {}),
        "steps": steps, "transitions": ways,
    }  # fmt: skip


def _write(line: Line, first: str, steps: dict[str, Any], ways: list[dict[str, Any]]) -> None:
    def end(result: str) -> dict[str, str]:
        return {"ends_branch": result} if line.block else {"to": result}

    for node, following in zip(line.nodes, [*line.nodes[1:], None], strict=True):
        good, bad = ("approved", "rejected") if node.branches else ("approve", "reject")
        good = node.quiet or ("done" if node.task else good)
        if node.turns_off:
            off = end("approved" if following else "rejected")
            ways.append({"from": node.key, "outcome": good, "when": node.turns_off, **off})
        on_good = {"to": following.key} if following else end("approved")
        ways.append({"from": node.key, "outcome": good, **on_good})
        if not node.quiet and not node.task:
            on_bad = {BACK: {"to": line.nodes[0].key}, OUT: {"to": first}, END: end("rejected")}
            ways.append({"from": node.key, "outcome": bad, **on_bad[node.rejected]})
        if node.ask:
            steps[node.key] = _step(node)
            continue
        branches = {}
        for number, branch in enumerate(node.branches):
            branches[f"b{number}"] = {"start": branch.nodes[0].key, "when": branch.when}
            _write(branch, first, steps, ways)
        steps[node.key] = {
            "kind": "parallel", "name": node.key, "branches": branches,
            "result": node.result, "otherwise": node.otherwise,
        }  # fmt: skip


def _step(node: Node) -> dict[str, Any]:
    ask: list[dict[str, Any]] = [
        {"person": f"{who.name}@contoso.example", **({"if": who.condition} if who.condition else {})}
        for who in node.ask
    ]
    if node.quiet == "sent":
        return {"kind": "notice", "name": node.key, "to": ask}
    if node.quiet == "arrived":
        until = {"until": node.until} if node.until else {}
        return {"kind": "wait", "name": node.key, "signal": node.key, **until}
    kind = "task" if node.task else "approval"
    step: dict[str, Any] = {"kind": kind, "name": node.key, "ask": ask, "rule": node.rule}
    if node.weight:
        for line, who in zip(ask, node.ask, strict=True):
            line["weight"] = who.weight
        step |= {"rule": [{"approve": {"weight": node.weight}}, {"reject": "any"}], "otherwise": "reject"}
    if node.not_same_as:
        step["not_same_as"] = list(node.not_same_as)
    form = {"fill": list(node.fill), "require": list(node.require), "hide": list(node.hide)}
    if any(form.values()):
        step["form"] = {name: names for name, names in form.items() if names}
    return step | ({"order": "one_by_one"} if node.in_turn else {})


# --- what becomes of a request --------------------------------------------------------------------------------


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
    weights: dict[str, int] = field(default_factory=dict)  # of the lines that named whoever was asked
    decided_on: dict[str, int] = field(default_factory=dict)  # the revision, by who decided
    asks: "dict[str, list[Asked]]" = field(default_factory=dict)  # by whom they ask, the oldest first

    def row(self) -> tuple[Any, ...]:
        above = self.above and (self.above.node.key, self.above.round)
        by = self.ended_by and (self.ended_by.node.key, self.ended_by.round)
        return (
            self.node.key, self.round, self.state, self.result, above, self.branch, self.ended_as, by, self.seats,
            self.decided_on,
        )  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """What somebody was shown when they were asked, and of which revision that was."""

    revision: int
    facts: Facts
    again: bool  # because something changed


@dataclass(frozen=True)
class Entered:
    """A revision: what the form holds, and who entered what made it so, in which step."""

    sheet: Sheet
    room: Room | None = None
    name: str = ""


LIVE = ("open", "stuck")


class Life:
    """One request. `by_mail`: people are asked by mail, and not on the page alone. `away`: who has left."""

    def __init__(self, root: Line, sheet: Sheet, by_mail: bool, away: Iterable[str]) -> None:
        self.root = root
        self.by_mail = by_mail
        self.away = {*away}
        self.revisions = [Entered(sheet)]
        self.rooms: list[Room] = []
        self.state, self.result = "open", ""
        self.told = 0
        self.notified: list[tuple[str, int, str]] = []  # by notices: step, round and who
        self.calls_for_help = 0  # to the administrator
        self.signals: set[str] = set()  # that came and no step took
        self.went_on: list[Room] = []  # by an answer or a signal
        self.seated: list[tuple[Room, str]] = []  # everybody who was asked, in order
        self.log: list[tuple[str, int]] = []  # what the record says of revisions
        self.enter(root, 0, None, "")
        self.wake()

    @property
    def sheet(self) -> Sheet:
        return self.revisions[-1].sheet

    @property
    def revision(self) -> int:
        return len(self.revisions)

    def holds(self, condition: str) -> bool:
        return CONDITIONS[condition](self.sheet)

    def arrive(self, line: Line, at: int, above: Room | None, branch: str) -> Room:
        node = line.nodes[at]
        number = sum(room.node is node for room in self.rooms) + 1
        self.rooms.append(Room(node, line, number, above, branch))
        return self.rooms[-1]

    def enter(self, line: Line, at: int, above: Room | None, branch: str) -> None:
        self.begin(self.arrive(line, at, above, branch))

    def begin(self, room: Room) -> None:
        if room.node.quiet == "sent":
            names = dict.fromkeys(who.name for who in self.named(room) if who.name not in self.away)
            self.notified += [(room.node.key, room.round, name) for name in names]
            self.close(room, "sent")
            return
        if room.node.quiet == "arrived":
            self.look(room)
            return
        if room.node.ask:
            self.consider(room)
            return
        taken = [(n, line) for n, line in enumerate(room.node.branches) if self.holds(line.when)]
        for inside in [self.arrive(line, 0, room, f"b{n}") for n, line in taken]:
            if inside.state == "open":  # one before it may have ended the block
                self.begin(inside)
        if not taken:
            self.close(room, room.node.otherwise)

    # --- people

    def named(self, room: Room) -> list[Who]:
        return [who for who in room.node.ask if not who.condition or self.holds(who.condition)]

    def is_barred(self, room: Room, name: str) -> bool:
        """Four eyes: one of the two steps names the other, and they decided that, whenever and wherever it was."""
        return any(
            name in one.decided_on
            and (one.node.key in room.node.not_same_as or room.node.key in one.node.not_same_as)
            for one in self.rooms
        )

    def consider(self, room: Room) -> None:
        """Whoever is named now and can be asked is asked, if they are not yet. While somebody whom the rule needs is
        missing, nobody is, and nothing is decided that the missing ones could still change."""
        named = self.named(room)
        able = [who for who in named if who.name not in self.away and not self.is_barred(room, who.name)]
        absent = {who.name for who in named} - {who.name for who in able} - room.decided_on.keys()
        missing = room.node.needs_everybody and bool(absent or not named)
        new: dict[str, Who] = {}
        for who in able:
            if room.seats.get(who.name, "withdrawn") == "withdrawn":
                new.setdefault(who.name, who)
        more = {name: who.weight for name, who in new.items()}
        if result := _result(room, more, missing):
            self.finish(room, result)
        elif missing or not _can_be_decided(room, more):
            self.stick(room)
        else:
            room.state = "open"
            if room.node.in_turn:
                is_asked = "open" in room.seats.values()
                new = {} if is_asked else dict([*new.items()][:1])
            for who in new.values():
                self.seat(room, who)

    def seat(self, room: Room, who: Who) -> None:
        room.seats[who.name], room.weights[who.name] = "open", who.weight
        if (room, who.name) not in self.seated:
            self.seated.append((room, who.name))
        self.ask(room, who.name, "asked")

    def ask(self, room: Room, name: str, how: str) -> None:
        asked = Asked(self.revision, self.facts(room), how == "asked again")
        room.asks.setdefault(name, []).append(asked)
        if self.by_mail:
            self.log.append((how, self.revision))

    def open_seats(self, name: str) -> Iterator[Room]:
        """What becomes of one may end others."""
        for room in [room for room, one in self.seated if one == name]:
            if room.seats[name] == "open":
                yield room

    def leave(self, name: str) -> None:
        """Somebody's account is closed, or was and they are still asked."""
        self.away.add(name)
        for room in self.open_seats(name):
            room.seats[name] = "withdrawn"
            self.consider(room)
            self.wake()

    def withdraw_barred(self, name: str) -> None:
        """Who has just decided is asked no longer where that keeps them out."""
        for room in self.open_seats(name):
            if self.is_barred(room, name):
                room.seats[name] = "withdrawn"
                self.consider(room)

    # --- stuck

    @property
    def stuck(self) -> list[Room]:
        return [room for room in self.rooms if room.state == "stuck"]

    def stick(self, room: Room) -> None:
        self.calls_for_help += room.state != "stuck"
        room.state = "stuck"

    def ask_again(self, room: Room) -> None:
        """By an administrator, where the request is stuck."""
        if room.result:
            self.lead_on(room, room)
        else:
            self.consider(room)
        self.wake()

    # --- answers

    def facts(self, room: Room) -> Facts:
        return form_model.shown(self.sheet, room.node.hide)

    def missing(self, room: Room, outcome: str, typed: Mapping[str, str]) -> set[str]:
        """What an answer lacks. Whoever rejects need not fill in anything."""
        sheet = form_model.after(self.sheet, typed)
        return set() if outcome == "reject" else form_model.missing(sheet, room.node.require)

    def decide(self, room: Room, name: str, outcome: str, typed: Mapping[str, str]) -> None:
        """By somebody who knows what is so now, and whose answer lacks nothing."""
        room.seats[name], room.decided_on[name] = outcome, self.revision
        self.went_on.append(room)
        self.log.append(("decided", self.revision))
        sheet = form_model.after(self.sheet, typed)
        changed = sheet != self.sheet
        if changed:
            self.revisions.append(Entered(sheet, room, name))
            self.log.append(("revised", self.revision))
        if room.state == "stuck" or room.node.in_turn:
            self.consider(room)
        elif result := _result(room):
            self.finish(room, result)
        self.withdraw_barred(name)
        self.wake()
        if changed and self.by_mail:
            self.ask_about_changes()

    def ask_about_changes(self) -> None:
        """Whoever is asked about something that is not so any more is asked once more."""
        for room, name in self.seated:
            if room.seats[name] == "open" and room.asks[name][-1].facts != self.facts(room):
                self.ask(room, name, "asked again")

    # --- waits

    def signal(self, key: str) -> None:
        self.signals.add(key)
        self.wake()

    def wake(self) -> None:
        """What one wait leads to may end others."""
        over = True
        while over:
            over = False
            for room in [room for room in self.rooms if room.node.quiet == "arrived"]:
                if room.state == "open":
                    over = self.look(room) or over

    def look(self, room: Room) -> bool:
        """Whether the wait is over. A signal is taken first, and is somebody's doing; a condition is nobody's."""
        if room.node.key in self.signals:
            self.signals.remove(room.node.key)
            self.went_on.append(room)
        elif not room.node.until or not self.holds(room.node.until):
            return False
        self.close(room, "arrived")
        return True

    # --- the way on

    def finish(self, room: Room, result: str) -> None:
        room.seats = {name: "superseded" if one == "open" else one for name, one in room.seats.items()}
        self.close(room, result)

    def close(self, room: Room, result: str, answered: Room | None = None) -> None:
        room.state, room.result = "closed", result
        self.lead_on(room, answered or room)

    def lead_on(self, room: Room, answered: Room) -> None:
        result = room.result
        following = room.line.nodes.index(room.node) + 1
        is_last = following == len(room.line.nodes)
        if self.goes_round(room, result):
            self.stick(room)
            return
        room.state = "closed"
        if result in GOOD:
            turns_off = bool(room.node.turns_off) and self.holds(room.node.turns_off)
            if is_last or turns_off:
                self.end(room, "rejected" if is_last and turns_off else "approved", answered)
            else:
                self.enter(room.line, following, room.above, room.branch)
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

    def inside(self, room: Room, *, running: bool = False) -> list[Room]:
        return [one for one in self.rooms if one.above is room and (one.state in LIVE or not running)]

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


NOBODY: Mapping[str, int] = {}


def _result(room: Room, more: Mapping[str, int] = NOBODY, missing: bool = False) -> str:
    """What a step is decided as, or "". `more`: who is to be asked yet, with their weights. `missing`: and who else is
    not known."""
    node, good = room.node, "done" if room.node.task else "approve"
    approved, rejected = _weights(room, good), _weights(room, "reject")
    waiting = [*_weights(room, "open"), *more.values()]
    if node.weight:
        too_few = sum(approved) + sum(waiting) < node.weight and not missing
        return good if sum(approved) >= node.weight else "reject" if rejected and too_few else ""
    heard_all = not waiting and not missing
    if node.rule == "all":
        return "reject" if rejected else good if approved and heard_all else ""
    return good if approved else "reject" if rejected and (heard_all or node.rule == "first") else ""


def _can_be_decided(room: Room, more: Mapping[str, int]) -> bool:
    """Whether those who are asked, with these, are enough."""
    waiting = [*_weights(room, "open"), *more.values()]
    return bool(waiting) and sum(_weights(room, "approve")) + sum(waiting) >= room.node.weight


def _weights(room: Room, state: str) -> list[int]:
    return [room.weights[name] for name, one in room.seats.items() if one == state]


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
