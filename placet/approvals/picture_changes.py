"""What is new, changed and gone between two definitions of a process, as one picture: the newer one, and in it what the
older one had besides.

Each way is called what its own definition calls it. A step that is gone stands where its ways led; where that would
move steps into other branches than the newer definition has them in, it stands below, without its ways.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import pgettext_lazy

from placet.approvals.definitions import Definition
from placet.approvals.picture_graph import START, Edge, Graph, drawable, graph_of
from placet.approvals.picture_words import way_label
from placet.approvals.steps import Transition

What = Literal["new", "changed", "removed"]
WORDS: dict[What, Promise] = {
    "new": pgettext_lazy("in a picture of two versions", "new"),
    "changed": pgettext_lazy("in a picture of two versions", "changed"),
    "removed": pgettext_lazy("in a picture of two versions", "gone"),
}


@dataclass(frozen=True)
class ComparedGraph:
    """`ways`: what became of the ways between two nodes, by their keys; of those that stayed, nothing."""

    graph: Graph
    steps: Mapping[str, What]
    ways: Mapping[tuple[str, str], What]

    @property
    def whats(self) -> list[What]:
        """What there is of these, in the order of a legend."""
        present = {*self.steps.values(), *self.ways.values()}
        return [what for what in WORDS if what in present]


def compared(old: Definition, new: Definition, steps: Mapping[str, What]) -> ComparedGraph:
    """`steps`: what became of those that differ, by key. In the language that is active."""
    before, now = drawable(old), drawable(new)
    ways, became = _ways_of_both(before, now)
    labels = {
        number: _with_word(
            way_label(now if number < len(now.transitions) else before, way), became.get(number)
        )
        for number, way in enumerate(ways)
    }
    both = _together(before, now, ways)
    if any(both.places.get(key) != place for key, place in now.places.items()):
        both = _together(before, now, now.transitions)
    graph = graph_of(both, labels)
    whats = {(edge.source, edge.target): what for edge in _edges(graph) if (what := _what_of(edge, became))}
    if before.start != now.start and now.start in graph.nodes:
        whats[START, now.start] = "new"
    gone: dict[str, What] = dict.fromkeys(before.steps.keys() - now.steps.keys(), "removed")
    return ComparedGraph(graph, {**steps, **gone}, whats)


def _ways_of_both(old: Definition, new: Definition) -> tuple[tuple[Transition, ...], dict[int, What]]:
    """The ways of the newer one, and behind them those that are gone; what became of each, by its number."""
    gone = [*old.transitions]
    others = []
    for number, way in enumerate(new.transitions):
        if way in gone:
            gone.remove(way)
        else:
            others.append(number)
    became: dict[int, What] = {}
    for number in others:
        way = new.transitions[number]
        earlier = next((one for one in gone if _leads_alike(one, way)), None)
        became[number] = "new" if earlier is None else "changed"
        if earlier is not None:
            gone.remove(earlier)
    first = len(new.transitions)
    return (*new.transitions, *gone), became | dict.fromkeys(range(first, first + len(gone)), "removed")


def _leads_alike(one: Transition, other: Transition) -> bool:
    """Under whatever condition."""
    ends = ((way.from_, way.outcome, way.to, way.ends_branch) for way in (one, other))
    return next(ends) == next(ends)


def _with_word(label: str, what: What | None) -> str:
    if what is None:
        return label
    word = str(WORDS[what])
    return _("{what}: {answer}").format(what=word, answer=label) if label else word


def _together(old: Definition, new: Definition, ways: tuple[Transition, ...]) -> Definition:
    """The newer one with the steps that are gone, and with these ways. Nothing is validated once more: it is drawn and
    forgotten."""
    values = {name: getattr(new, name) for name in Definition.model_fields}
    gone = {key: step for key, step in old.steps.items() if key not in new.steps}
    return Definition.model_construct(**{**values, "steps": {**new.steps, **gone}, "transitions": ways})


def _edges(graph: Graph) -> Iterator[Edge]:
    yield from graph.edges
    for node in graph.nodes.values():
        for branch in node.branches:
            yield from _edges(branch.graph)


def _what_of(edge: Edge, became: Mapping[int, What]) -> What | None:
    whats = {became.get(number) for number in edge.ways} or {None}
    return whats.pop() if len(whats) == 1 else "changed"
