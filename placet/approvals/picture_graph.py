"""A definition as a picture takes it: the steps of one place (the whole, or a branch of a block) with the ways between
them. A block is one node, whose branches have graphs of their own.

Nothing is taken for granted: a draft may name steps that are not there, or not be reached everywhere.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from django.utils.translation import gettext as _

from placet.approvals import picture_words as words
from placet.approvals.definitions import Definition, Place
from placet.approvals.picture_text import MORE, plain
from placet.approvals.returns import returns_problems, written_out
from placet.approvals.steps import EndStep, ParallelStep, Transition

START = "start>"
_TONES = {"approved": "good", "rejected": "bad"}


@dataclass(frozen=True)
class Node:
    """What is drawn as one thing. `key`: of a step; of what is no step, it has a `>` in it. `kind`: that of a step, or
    `start`, `result` (the end of a branch), `leaves` (a way out of the block), `missing` (a step that is not there)."""

    key: str
    kind: str
    name: str
    note: str = ""
    tone: str = ""  # of ends: good, bad, neutral
    is_reached: bool = True
    branches: tuple["BranchGraph", ...] = ()


@dataclass(frozen=True)
class Edge:
    """The ways from one node to another: `ways` are their numbers among the transitions, from 0."""

    source: str
    target: str
    labels: tuple[str, ...]
    ways: tuple[int, ...]

    @property
    def is_loop(self) -> bool:
        return self.source == self.target


@dataclass(frozen=True)
class Graph:
    nodes: dict[str, Node]
    edges: tuple[Edge, ...]
    first: str  # key of the node that it begins with

    def ways_from(self, key: str) -> list[Edge]:
        return [edge for edge in self.edges if edge.source == key]


@dataclass(frozen=True)
class BranchGraph:
    """`key`: the branch's, in its block. `name`: "" where its first step says it. `note`: when it is taken."""

    key: str
    name: str
    note: str
    graph: Graph

    @property
    def full(self) -> str:
        """Its name and when it is taken."""
        return f"{self.name} · {self.note}" if self.name and self.note else self.name or self.note


def drawable(definition: Definition) -> Definition:
    """With the steps that outcomes with `returns` stand for, where they can be written out."""
    outcomes = [outcome for step in definition.approvals for outcome in step.outcomes]
    returns = any(outcome.returns for outcome in outcomes)
    return written_out(definition) if returns and not returns_problems(definition) else definition


def graph_of(definition: Definition, labels: Mapping[int, str] | None = None) -> Graph:
    """The whole. `labels`: what its ways are called, by their numbers among the transitions, where that is not what
    the definition calls them."""
    return _Places(definition, labels).graph()


@dataclass
class _Places:
    definition: Definition
    labels: Mapping[int, str] | None = None
    by_place: dict[Place, list[str]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        places = self.definition.places
        for key in self.definition.steps:
            self.by_place[places.get(key, ())].append(key)

    def graph(self) -> Graph:
        start = Node(START, "start", str(words.KINDS["start"]))
        whole = self._graph((), self.definition.start, {START: start})
        if self.definition.start not in whole.nodes:
            return replace(whole, first=START)
        first = Edge(START, self.definition.start, (), ())
        return Graph(whole.nodes, (first, *whole.edges), START)

    def _graph(self, place: Place, first: str, nodes: dict[str, Node]) -> Graph:
        keys = self.by_place.get(place, [])
        nodes |= {key: self._node(place, key) for key in keys}
        edges: dict[tuple[str, str], Edge] = {}
        for number, way in enumerate(self.definition.transitions):
            source = self._inside(place, way.from_)
            if source is None:
                continue
            target = self._target(place, source, way, nodes)
            if target is None:
                continue
            label = words.way_label(self.definition, way) if self.labels is None else self.labels[number]
            if source != way.from_:  # out of a block, from within it
                label = _("{step}: {answer}").format(
                    step=self._name(way.from_), answer=label or self._name(way.from_)
                )
            known = edges.get((source, target), Edge(source, target, (), ()))
            labels = (*known.labels, label) if label and label not in known.labels else known.labels
            edges[source, target] = Edge(source, target, labels, (*known.ways, number))
        return Graph(nodes, tuple(edges.values()), first if first in nodes else next(iter(nodes), ""))

    def _inside(self, place: Place, key: str) -> str | None:
        """The node of this place that is a step, or the block that it stands in."""
        if key not in self.definition.steps:
            return None
        own = self.definition.places.get(key, ())
        if own == place:
            return key
        return own[len(place)][0] if own[: len(place)] == place and len(own) > len(place) else None

    def _target(self, place: Place, source: str, way: Transition, nodes: dict[str, Node]) -> str | None:
        """Where a way leads in this place; None where it says nothing of it."""
        inner = source != way.from_
        if way.to is None:
            return None if inner or not place else self._result(place, way, nodes)
        target = self._inside(place, way.to)
        if target is not None:
            return None if inner and target == source else target
        if inner or way.to not in self.definition.steps:
            return None if inner else self._elsewhere(place, way, nodes, kind="missing")
        return self._elsewhere(place, way, nodes, kind="leaves") if place else None

    def _result(self, place: Place, way: Transition, nodes: dict[str, Node]) -> str:
        result = way.ends_branch or ""
        key = f"{_written(place)}>{result}"
        name = words.target_name(self.definition, way)
        nodes.setdefault(key, Node(key, "result", name, tone=_TONES.get(result, "neutral")))
        return key

    def _elsewhere(self, place: Place, way: Transition, nodes: dict[str, Node], kind: str) -> str:
        key = f"{_written(place)}>>{way.to}"
        nodes.setdefault(key, Node(key, kind, self._name(way.to or "")))
        return key

    def _node(self, place: Place, key: str) -> Node:
        step = self.definition.steps[key]
        note = words.step_note(self.definition, key)
        is_reached = key in self.definition.places and (key == self.definition.start or self._is_led_to(key))
        if isinstance(step, EndStep):
            return Node(
                key, "end", self._name(key), tone=_TONES.get(step.result, "neutral"), is_reached=is_reached
            )
        branches = tuple(self._branches(place, key, step)) if isinstance(step, ParallelStep) else ()
        return Node(key, step.kind, self._name(key), note, is_reached=is_reached, branches=branches)

    def _is_led_to(self, key: str) -> bool:
        return key in self._led_to

    @cached_property
    def _led_to(self) -> frozenset[str | None]:
        """The steps that a way or a block leads to."""
        blocks = [step for step in self.definition.steps.values() if isinstance(step, ParallelStep)]
        starts = (branch.start for block in blocks for branch in block.branches.values())
        return frozenset((*(way.to for way in self.definition.transitions), *starts))

    def _branches(self, place: Place, key: str, block: ParallelStep) -> Iterator[BranchGraph]:
        for name, branch in block.branches.items():
            note = ""
            if branch.when is not None:
                condition = words.condition_label(self.definition, branch.when)
                note = _("if {condition}").format(condition=condition)
            inner = (*place, (key, name))
            yield BranchGraph(name, branch.name or "", note, self._graph(inner, branch.start, {}))

    def _name(self, key: str) -> str:
        """Its key, where its name has nothing that could be seen."""
        step = self.definition.steps.get(key)
        return (plain(step.name) if step else "") or plain(key) or MORE


def _written(place: Place) -> str:
    return "/".join(f"{block}/{branch}" for block, branch in place)


def in_order(graph: Graph) -> tuple[list[str], set[tuple[str, str]]]:
    """The nodes, each before those that it leads to, as far as the ways back allow it; and the ways back."""
    onward: dict[str, list[str]] = defaultdict(list)
    for edge in graph.edges:
        if not edge.is_loop:
            onward[edge.source].append(edge.target)
    order: list[str] = []
    back: set[tuple[str, str]] = set()
    open_keys: set[str] = set()
    done: set[str] = set()
    for first in (graph.first, *graph.nodes):
        if first not in graph.nodes or first in done:
            continue
        # By hand, because a process may be longer than Python nests.
        stack = [(first, iter(onward[first]))]
        open_keys.add(first)
        while stack:
            key, targets = stack[-1]
            target = next(targets, None)
            if target is None:
                stack.pop()
                open_keys.discard(key)
                done.add(key)
                order.append(key)
            elif target in open_keys:
                back.add((key, target))
            elif target not in done:
                open_keys.add(target)
                stack.append((target, iter(onward[target])))
    return order[::-1], back


def reach(graph: Graph) -> Sequence[str]:
    """In the order in which one comes upon them who follows the first way of each step before the second."""
    order, seen, stack = [], set(), [*reversed(graph.nodes), graph.first]
    onward: dict[str, list[str]] = defaultdict(list)
    for edge in graph.edges:
        onward[edge.source].append(edge.target)
    while stack:
        key = stack.pop()
        if key in seen or key not in graph.nodes:
            continue
        seen.add(key)
        order.append(key)
        stack += reversed(onward[key])
    return order
