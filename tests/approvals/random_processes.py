"""Random processes: trees of steps and blocks, as `blocks_model` walks them, and the definitions that say the same in
steps and transitions.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any

from hypothesis import strategies as st

from tests.approvals import form_model
from tests.approvals.form_model import ALWAYS, FORM, NEVER, OF_WHAT_IS_FILLED, Names

NAMES = ["ann", "ben", "cleo", "dan", "eve"]
GROUPS = {"team": ["ann", "ben"], "board": ["cleo", "dan", "eve"], "empty": []}  # as they are at first
BACK, OUT, END = "back", "out", "end"  # where a rejection leads
GOOD = ("approve", "approved", "done", "sent", "arrived")  # these lead on
#: How a line begins: with a block of two that are side by side; with a step whose rejection leads out of its block, to
#: the first step of all; with a notice or a wait, before somebody is asked. The last two are those side by side: there
#: an answer may lead back to a block though its visit began before another one that is entered again, too.
BLOCK, LEAVES, QUIET = "block", "leaves", "quiet"
BESIDE = (LEAVES, QUIET)
INCLUDED = "in"  # the one step of a process that another one includes

# --- processes ------------------------------------------------------------------------------------------------


@dataclass
class Node:
    """A step that asks people (`task`: to do something), tells them (`quiet`: "sent"), or waits for a signal of its
    name or a condition (`quiet`: "arrived"); or a block of branches."""

    place: str  # what its process calls it
    rejected: str  # BACK: to the first of its line. OUT: to the first step of all. END: of its line
    ask: "list[Who]" = field(default_factory=list)  # or tell
    others: "list[Who]" = field(default_factory=list)  # who are asked where nobody else can be
    skips_to: str = ""  # what it comes to where nobody is there
    included: bool = False  # it is written as a process of its own, of one step
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
    def key(self) -> str:
        return f"{self.place}-{INCLUDED}" if self.included else self.place

    @property
    def outcomes(self) -> list[str]:
        """As often as they are given: ways back are worth going."""
        if self.task:
            return ["done"]
        return ["approve", "approve", "reject"] if self.rejected == END else ["approve", "reject", "reject"]

    @property
    def names(self) -> set[str]:
        return {name for who in self.ask for name in who.names(GROUPS)}

    @property
    def asks_groups(self) -> bool:
        return any(who.group for who in [*self.ask, *self.others])

    @property
    def needs_everybody(self) -> bool:
        """Whether nobody whom it names may be missing. Where one answer decides, one who is there is enough."""
        return self.weight > 0 or self.rule != "first"


@dataclass(frozen=True)
class Who:
    """One line of those whom a step names: one person, or a group. `condition`: "", where it always applies. No two
    lines of a step weigh the same, so each is known by it."""

    name: str
    condition: str
    weight: int
    group: str = ""
    pick: str = ""  # one of the group: "next", in turn, or "least_busy"

    def names(self, groups: Mapping[str, list[str]]) -> list[str]:
        return groups[self.group] if self.group else [self.name]


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
    whole = draw(lines(fills=fills, begins=draw(st.sampled_from(["", BLOCK]))))
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
        if one.names & other.names and not one.included  # what is included cannot name what includes it
    ]
    if pairs and draw(st.integers(0, 2)) > 0:
        for one, other in draw(st.lists(st.sampled_from(pairs), min_size=1, max_size=2)):
            one.not_same_as = tuple(sorted({*one.not_same_as, other.key}))


@st.composite
def lines(
    draw: st.DrawFn,
    fills: bool,
    deep: int = 0,
    block: Node | None = None,
    path: str = "s",
    begins: str = "",
) -> Line:
    """`begins`: with a block whose branches are side by side as in `BESIDE`, or as one of these; else with anything."""
    line = Line(block=block)
    if block and not begins:
        conditions = [ALWAYS, ALWAYS, ALWAYS, ALWAYS, NEVER, *(OF_WHAT_IS_FILLED if fills else ())]
        line.when = draw(st.sampled_from(conditions))
    length = 2 if begins in BESIDE else draw(st.integers(1, 2))
    leaves = begins == LEAVES or (block is not None and length == 2 and draw(st.integers(0, 5)) == 5)
    for number in range(length):
        # A branch has to be able to end as either, so one of its nodes can be rejected, and ends it; where the first
        # one leaves the block, that is the second one.
        after_one_way = number == 1 and (leaves or bool(line.nodes[0].quiet or line.nodes[0].task))
        ways = [END, END, BACK, OUT] if line.nodes and not after_one_way else [END]
        node = Node(f"{path}{number}", OUT if leaves and number == 0 else draw(st.sampled_from(ways)))
        begins_so = begins if number == 0 else ""
        if begins_so == BLOCK or (begins_so not in BESIDE and deep < 2 and _draws_block(draw, deep)):
            _draw_block(draw, node, fills, deep, begins_so)
        else:
            _draw_people(draw, node, fills)
            if begins_so == QUIET:
                node.quiet, node.in_turn = draw(st.sampled_from(["sent", "sent", "arrived"])), False
            elif begins_so == LEAVES:  # by one answer
                node.rule, node.weight, node.in_turn = "first", 0, False
            elif length == 2 and not after_one_way and not leaves:
                _draw_one_way(draw, node)
            if not node.quiet:
                _draw_nobody(draw, node)
            node.included = draw(st.integers(0, 7)) == 7
        if fills:
            _draw_form(draw, node)
        line.nodes.append(node)
    return line


def _draws_block(draw: st.DrawFn, deep: int) -> bool:
    return draw(st.integers(0, 3 if deep else 1)) == 0


def _draw_block(draw: st.DrawFn, node: Node, fills: bool, deep: int, begins: str) -> None:
    node.result = draw(st.sampled_from(RESULTS))
    node.otherwise = draw(st.sampled_from(["approved", "rejected"]))
    number = draw(st.integers(2, 3))
    kinds = draw(st.permutations([*BESIDE, ""][:number])) if begins == BLOCK else [""] * number
    for branch, kind in enumerate(kinds):
        node.branches.append(draw(lines(fills, deep + 1, node, f"{node.key}-{branch}-", kind)))


def _draw_people(draw: st.DrawFn, node: Node, fills: bool) -> None:
    depends = draw(st.integers(0, 3)) == 3  # on conditions whom it names; two lines may name one person then
    conditions = OF_WHAT_IS_FILLED if fills else [ALWAYS, NEVER]
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=not depends))
    for number, name in enumerate(names, start=1):
        # Where no line applies, nobody can go on; so the first one mostly does.
        condition = draw(st.sampled_from([""] * (1 if number > 1 else 9) + conditions)) if depends else ""
        node.ask.append(draw(_whos(name, condition, weight=number)))
    rules: list[str | int] = ["first", "all", 1]
    node.rule = draw(st.sampled_from(rules))
    node.weight = draw(st.sampled_from([0, 0, *range(1, sum(who.weight for who in node.ask) + 1)]))
    node.in_turn = draw(st.booleans()) and (node.weight > 0 or node.rule != "first")


@st.composite
def _whos(draw: st.DrawFn, name: str, condition: str, weight: int) -> Who:
    """That person, or a group."""
    group = draw(st.sampled_from(["", "", "", "", *GROUPS]))
    pick = draw(st.sampled_from(["", "", "next", "least_busy"])) if group else ""
    return Who("" if group else name, condition, weight, group, pick)


def _draw_nobody(draw: st.DrawFn, node: Node) -> None:
    """What becomes of it where nobody can be asked, if that is said. It is not skipped on a way back, which could go
    round without anybody."""
    what = draw(st.sampled_from(["", "", "", "others", "good", "bad"]))
    if what == "others":
        for number, name in enumerate(
            draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=2)), start=1
        ):
            node.others.append(draw(_whos(name, "", weight=len(node.ask) + number)))
    elif what == "good" or (what == "bad" and (node.rejected != END or node.task)):
        node.skips_to = "done" if node.task else "approve"
    elif what == "bad":
        node.skips_to = "reject"


def _draw_one_way(draw: st.DrawFn, node: Node) -> None:
    """Into a step that nobody can reject, perhaps."""
    kind = draw(st.sampled_from(["", "", "sent", "arrived", "done"]))
    if kind == "done":
        node.task, node.weight = True, 0
        node.rule = "all" if node.in_turn or node.rule == "all" else "first"
    elif kind:
        node.quiet, node.in_turn = kind, False


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


def definitions_of(line: Line) -> list[dict[str, Any]]:
    """In the order in which they are published: what is included, and then the whole."""
    steps: dict[str, Any] = _ends("approved", "rejected")
    ways: list[dict[str, Any]] = []
    _write(line, line.nodes[0].place, steps, ways)
    whole = {
        "key": "random", "name": "Random", "title": "{item}", "form": FORM, "start": line.nodes[0].place,
        **({"start_form": {"hide": list(line.later)}} if line.later else {}),
        "steps": steps, "transitions": ways,
    }  # fmt: skip
    return [*(_as_process(node) for node in line if node.included), whole]


def _as_process(node: Node) -> dict[str, Any]:
    results = {outcome: "rejected" if outcome == "reject" else "approved" for outcome in _outcomes(node)}
    return {
        "key": f"of-{node.place}", "name": node.place, "title": "{item}", "form": FORM, "start": INCLUDED,
        "steps": {INCLUDED: _step(node), **_ends(*results.values())},
        "transitions": [{"from": INCLUDED, "outcome": one, "to": result} for one, result in results.items()],
    }  # fmt: skip


def _ends(*results: str) -> dict[str, Any]:
    return {name: {"kind": "end", "name": name, "result": name} for name in results}


def _outcomes(node: Node) -> list[str]:
    """What leads on from it, the good one first."""
    if node.branches:
        return ["approved", "rejected"]
    return [node.quiet] if node.quiet else list(dict.fromkeys(node.outcomes))


def _write(line: Line, first: str, steps: dict[str, Any], ways: list[dict[str, Any]]) -> None:
    def end(result: str) -> dict[str, str]:
        return {"ends_branch": result} if line.block else {"to": result}

    for node, following in zip(line.nodes, [*line.nodes[1:], None], strict=True):
        good, *bad = _outcomes(node)
        if node.included:
            good, bad = "approved", ["rejected"] * len(bad)
        if node.turns_off:
            off = end("approved" if following else "rejected")
            ways.append({"from": node.place, "outcome": good, "when": node.turns_off, **off})
        on_good = {"to": following.place} if following else end("approved")
        ways.append({"from": node.place, "outcome": good, **on_good})
        for outcome in bad:
            on_bad = {BACK: {"to": line.nodes[0].place}, OUT: {"to": first}, END: end("rejected")}
            ways.append({"from": node.place, "outcome": outcome, **on_bad[node.rejected]})
        if node.ask:
            included = {"kind": "include", "process": f"of-{node.place}"}
            steps[node.place] = included if node.included else _step(node)
            continue
        branches = {}
        for number, branch in enumerate(node.branches):
            branches[f"b{number}"] = {"start": branch.nodes[0].place, "when": branch.when}
            _write(branch, first, steps, ways)
        steps[node.place] = {
            "kind": "parallel", "name": node.key, "branches": branches,
            "result": node.result, "otherwise": node.otherwise,
        }  # fmt: skip


def _step(node: Node) -> dict[str, Any]:
    ask = [_line(who) for who in node.ask]
    others = [_line(who) for who in node.others]
    if node.quiet == "sent":
        return {"kind": "notice", "name": node.key, "to": ask}
    if node.quiet == "arrived":
        until = {"until": node.until} if node.until else {}
        return {"kind": "wait", "name": node.key, "signal": node.key, **until}
    kind = "task" if node.task else "approval"
    step: dict[str, Any] = {"kind": kind, "name": node.key, "ask": ask, "rule": node.rule}
    if node.weight:
        for line, who in zip([*ask, *others], [*node.ask, *node.others], strict=True):
            line["weight"] = who.weight
        step |= {"rule": [{"approve": {"weight": node.weight}}, {"reject": "any"}], "otherwise": "reject"}
    if others or node.skips_to:
        step["nobody"] = {"ask": others} if others else {"skip": node.skips_to}
    if node.not_same_as:
        step["not_same_as"] = list(node.not_same_as)
    form = {"fill": list(node.fill), "require": list(node.require), "hide": list(node.hide)}
    if any(form.values()):
        step["form"] = {name: names for name, names in form.items() if names}
    return step | ({"order": "one_by_one"} if node.in_turn else {})


def _line(who: Who) -> dict[str, Any]:
    line = {"group": who.group} if who.group else {"person": f"{who.name}@contoso.example"}
    more = {"pick": who.pick, "if": who.condition}
    return line | {name: value for name, value in more.items() if value}
