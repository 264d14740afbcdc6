"""The picture of a process: one for all that shows a process: the designer, what was tried, a request that runs, where
requests stick, and what is exported.

`layout_of` says what stands where, `drawing_of` draws it. What does not fit together in a draft is drawn as it stands:
a step that nothing leads to stands below the others, and a way to a step that is not there ends in its name.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from django.utils.functional import Promise
from django.utils.html import escape
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import pgettext_lazy

from placet.approvals.definitions import Definition
from placet.approvals.picture_changes import WORDS, What, compared
from placet.approvals.picture_column import column
from placet.approvals.picture_graph import BranchGraph, Graph, Node, drawable, graph_of, reach
from placet.approvals.picture_layout import Layout, without_words
from placet.approvals.picture_svg import SIGNS, Dress, drawn
from placet.approvals.picture_text import plain
from placet.approvals.picture_wide import wide
from placet.approvals.picture_words import KINDS

State = Literal["done", "now", "skipped", "stuck", "expired", "ended"]
#: What a mark says that has no words of its own.
_STATES: dict[str, Promise] = {
    "done": pgettext_lazy("a picture", "done"),
    "now": pgettext_lazy("a picture", "here it is now"),
    "skipped": pgettext_lazy("a picture", "left out"),
    "stuck": pgettext_lazy("a picture", "stuck"),
    "expired": pgettext_lazy("a picture", "not decided in time"),
    "ended": pgettext_lazy("a picture", "ended here"),
}
CLASSES_OF_HEAT = 5
_REM = 16
_STEP = 4  # rem; by so much are the widths apart from which on the wide arrangement is shown
BROAD = 64  # rem; what needs so much is wider than the text of a page, and takes of the window what it needs
BROADEST = 96  # rem; of what needs more the column alone is drawn
MOST_WIDE = 45  # stations; of more the column alone is drawn, which can be read from top to bottom
_SMALLEST = 0.88  # how small the wide arrangement may be drawn


@dataclass(frozen=True)
class Mark:
    """What became of a step in one request. `words`: lines for its station, such as who decided and what; `rounds`: how
    often it was entered; `went`: keys of the steps that were entered from it, and words of the ends of branches that it
    came to."""

    state: State
    words: Sequence[str] = ()
    tone: Literal["good", "bad", "neutral"] = "neutral"
    rounds: int = 1
    went: frozenset[str] = frozenset()

    @property
    def lines(self) -> tuple[str, ...]:
        first, *more = self.words or (str(_STATES[self.state]),)
        return (f"{first} (×{self.rounds})" if self.rounds > 1 else first, *more)

    @property
    def sign(self) -> str:
        return self.tone if self.state in ("done", "ended") else self.state


def layout_of(definition: Definition) -> Layout:
    """The wide arrangement, with the texts in the language that is active."""
    return wide(graph_of(drawable(definition)), {})


def outline_of(definition: Definition) -> SafeString:
    """The wide arrangement without a word, for where it is too small for letters: an element as of `drawing_of`, to be
    looked at beside the name of the process."""
    process = drawable(definition)
    layout = wide(graph_of(process, dict.fromkeys(range(len(process.transitions)), "")), {})
    return SafeString(drawn(without_words(layout), Dress(), name=definition.name, kind="picture-svg"))


def drawing_of(
    definition: Definition,
    *,
    marks: Mapping[str, Mark] = {},
    heat: Mapping[str, float] = {},
    links: Mapping[str, str] = {},
    figures: Mapping[str, str] = {},
) -> SafeString:
    """The picture, as an element of a page that loads `picture.css`. All of these are by key of a step. `heat`: 0 to 1,
    `figures`: what is written of it (without: per cent). `links`: addresses that stations lead to."""
    graph = graph_of(drawable(definition))
    gone = _gone(definition, marks)
    dress = Dress(_classes(marks, heat), {key: mark.sign for key, mark in marks.items()}, dict(links), gone)
    classes = (" picture-marked" if marks else "") + (" picture-heated" if heat else "")
    return _drawing(definition, graph, _extras(marks, heat, figures), dress, classes)


def drawing_of_changes(
    old: Definition, new: Definition, steps: Mapping[str, What], *, links: Mapping[str, str] = {}
) -> SafeString:
    """The picture of the newer one, with what is new, changed and gone, and a legend. `steps`: what became of those
    that differ, by key. Empty where nothing of what it shows differs."""
    both = compared(old, new, steps)
    if not both.whats:
        return SafeString()
    extras = {key: (str(WORDS[what]),) for key, what in both.steps.items()}
    classes = {key: f"p-is-{what}" for key, what in both.steps.items()}
    dress = Dress(classes, both.steps, dict(links), became=both.ways)
    return SafeString(_legend(both.whats)) + _drawing(new, both.graph, extras, dress, " picture-compared")


def _legend(whats: Sequence[What]) -> str:
    items = (
        f'<li><svg class="picture-sign p-is-{what}" width="22" height="22" viewBox="-3 -3 22 22" aria-hidden="true">'
        f'<g class="p-state"><circle cx="8" cy="8" r="10"/><path class="p-sign" d="{SIGNS[what]}"/></g></svg>'
        f" {escape(WORDS[what])}</li>"
        for what in whats
    )
    return f'<ul class="picture-legend">{"".join(items)}</ul>' if whats else ""


def _drawing(
    definition: Definition,
    graph: Graph,
    extras: Mapping[str, Sequence[str]],
    dress: Dress,
    classes: str,
) -> SafeString:
    """Both arrangements, and the same in words. What they hold was escaped."""
    name = _("Picture of the process “{name}”").format(name=plain(definition.name))
    drawings, need = "", 0
    if len(definition.steps) <= MOST_WIDE:
        layout = wide(graph, extras)
        need = _STEP * math.ceil(layout.width * _SMALLEST / _REM / _STEP)
        if need <= BROADEST:
            drawing = drawn(layout, dress, name=name, kind="picture-svg")
            drawings = f'<div class="picture-wide picture-from-{need}">{drawing}</div>'
    drawings += drawn(column(graph, extras), dress, name=name, kind="picture-svg picture-column")
    broad = f" picture-broad-{need}" if BROAD <= need <= BROADEST else ""
    return SafeString(f'<div class="picture{classes}{broad}">{drawings}{_spoken(graph, extras)}</div>')


def _extras(
    marks: Mapping[str, Mark], heat: Mapping[str, float], figures: Mapping[str, str]
) -> dict[str, tuple[str, ...]]:
    extras: dict[str, tuple[str, ...]] = {key: mark.lines for key, mark in marks.items()}
    for key in (*heat, *(key for key in figures if key not in heat)):
        figure = figures.get(key) or _("{n} %").format(n=round(100 * heat[key]))
        extras[key] = (*extras.get(key, ()), figure)
    return extras


def _classes(marks: Mapping[str, Mark], heat: Mapping[str, float]) -> dict[str, str]:
    classes = {key: f"p-marked p-{mark.state} p-came-{mark.tone}" for key, mark in marks.items()}
    for key, share in heat.items():
        warmth = 1 + min(CLASSES_OF_HEAT - 1, int(max(0.0, share) * CLASSES_OF_HEAT))
        classes[key] = f"{classes.get(key, '')} p-heat-{warmth}".strip()
    return classes


def _gone(definition: Definition, marks: Mapping[str, Mark]) -> frozenset[tuple[str, str]]:
    """The ways that were gone, as pairs of keys of the layout: also those from a block that is left from within, and
    into its branches."""
    places = definition.places
    gone = {("start>", definition.start)} if definition.start in marks else set()
    for key, mark in marks.items():
        place = places.get(key, ())
        written = "/".join(f"{block}/{branch}" for block, branch in place)
        for target in mark.went:
            gone.add((key, target))
            gone.add((key, f"{written}>{target}"))
            gone.add((key, f"{written}>>{target}"))
            if place and target in definition.steps and places.get(target, ())[: len(place)] != place:
                gone |= {(block, target) for block, _branch in place}
    for key, step in definition.steps.items():
        for branch in getattr(step, "branches", {}).values():
            if branch.start in marks:
                gone.add((key, branch.start))
    return frozenset(gone)


# --- the same for whoever does not see it -----------------------------------------------------------------


def _spoken(graph: Graph, extras: Mapping[str, Sequence[str]]) -> str:
    return f'<div class="unseen">{_list(graph, extras)}</div>'


def _list(graph: Graph, extras: Mapping[str, Sequence[str]]) -> str:
    items = "".join(
        _item(graph, graph.nodes[key], extras) for key in reach(graph) if _is_spoken(graph.nodes[key])
    )
    return f"<ol>{items}</ol>" if items else ""


def _is_spoken(node: Node) -> bool:
    """The start, the end of a branch and a way out of it are said where ways lead to them."""
    return ">" not in node.key


def _item(graph: Graph, node: Node, extras: Mapping[str, Sequence[str]]) -> str:
    kind = str(KINDS.get(node.kind, node.kind))
    parts = [f"<strong>{escape(plain(node.name))}</strong> ({escape(kind)})"]
    parts += [escape(plain(text)) for text in (node.note, *extras.get(node.key, ())) if text and text != kind]
    branches = "".join(f"<li>{escape(_heading(one))}{_list(one.graph, extras)}</li>" for one in node.branches)
    ways = "".join(f"<li>{escape(plain(text))}</li>" for text in _ways(graph, node))
    inner = (f"<ul>{branches}</ul>" if branches else "") + (f"<ul>{ways}</ul>" if ways else "")
    return f"<li>{' · '.join(parts)}{inner}</li>"


def _heading(branch: BranchGraph) -> str:
    first = branch.graph.nodes.get(branch.graph.first)
    name = branch.name or (first.name if first else branch.key)
    return plain(f"{name}, {branch.note}" if branch.note else name)


def _ways(graph: Graph, node: Node) -> Iterator[str]:
    for edge in graph.ways_from(node.key):
        target = graph.nodes[edge.target].name
        for label in edge.labels:
            yield _("{answer}: on to {step}").format(answer=label, step=target)
        if not edge.labels:
            yield _("on to {step}").format(step=target)
