"""The column: one step below the other, the branches of a block too, never wider than a phone as long as no more blocks
stand in each other than a published process may have. The way to the next step is a line; every other way stands below
its step as a line of text that names where it leads.
"""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from placet.approvals.picture_graph import BranchGraph, Edge, Graph, Node, in_order, reach
from placet.approvals.picture_layout import (
    ICON,
    LABEL_PAD,
    MOST_LABEL,
    PAD,
    Block,
    Box,
    BranchArea,
    Extras,
    Label,
    Layout,
    Point,
    Station,
    Texts,
    Way,
    listed_labels,
    size_of,
    texts_of,
    together,
)
from placet.approvals.picture_text import BOLD, NAME, NOTE, plain, width_of, wrapped

COLUMN = 304
EDGE = 2  # around the whole
TRUNK = 18  # of the line to the next step, from the left edge of the boxes
TWIG = 12  # how far a line goes out to what a way is called
INSIDE = 8  # between a block and its branches, and between these and what they hold
ROOM = 10  # between a station and what follows
NARROWEST = 120
SET_IN = 3 * "\N{NO-BREAK SPACE}"  # before a line that belongs to the one above it
#: What is named where a way leads there, and not drawn by itself.
NAMED = ("result", "leaves", "missing")


def column(graph: Graph, extras: Extras) -> Layout:
    width = max(COLUMN, NARROWEST + 4 * INSIDE * _depth(graph))
    inside = _Column(graph, extras, width).layout()
    if not inside.height:
        return inside
    moved = inside.moved(EDGE, EDGE + 8)
    return together(width + 2 * EDGE, inside.height + 2 * EDGE + 8, moved, ())


def _depth(graph: Graph) -> int:
    """How many blocks stand in each other."""
    branches = (branch for node in graph.nodes.values() for branch in node.branches)
    return max((1 + _depth(branch.graph) for branch in branches), default=0)


@dataclass
class _Column:
    graph: Graph
    extras: Extras
    width: int
    y: int = 0
    stations: list[Station] = field(default_factory=list)
    inner: list[Layout] = field(default_factory=list)
    ways: list[Way] = field(default_factory=list)

    def layout(self) -> Layout:
        order, back = _one_after_the_other(self.graph)
        for key, following in zip(order, [*order[1:], ""], strict=False):
            node = self.graph.nodes[key]
            bottom = self._put_block(node) if node.branches else self._put_station(node)
            edges = self.graph.ways_from(key)
            onward = next((edge for edge in edges if edge.target == following and following), None)
            named = [edge for edge in edges if edge is not onward]
            beside = self._beside(named)
            for edge in named:
                is_back = (edge.source, edge.target) in back or edge.is_loop
                self._put_named(edge, bottom, beside, is_back)
            self._put_onward(onward, bottom)
        self.y -= 2 * ROOM if order else 0  # below the last one
        own = Layout(self.width, self.y, tuple(self.stations), (), tuple(self.ways))
        return together(self.width, self.y, own, self.inner)

    def _put_station(self, node: Node) -> int:
        """The lower edge of its box."""
        texts = texts_of(node, self.extras, self.width)
        width, height = size_of(node, texts, self.width)
        self.stations.append(Station(node, texts, Box(0, self.y, width, height)))
        self.y += height
        return self.y

    def _put_block(self, node: Node) -> int:
        top = self.y
        texts = texts_of(node, self.extras, self.width)
        self.y += PAD + texts.height + PAD
        areas = []
        for branch in node.branches:
            areas.append(self._put_branch(node, branch))
            self.y = areas[-1].box.bottom + INSIDE
        block = Block(node, texts, Box(0, top, self.width, self.y - top), tuple(areas))
        at = next(
            (n for n, one in enumerate(self.inner) if one.blocks and one.blocks[0].box.y > top),
            len(self.inner),
        )
        self.inner.insert(at, Layout(0, 0, blocks=(block,)))
        return self.y

    def _put_branch(self, block: Node, branch: BranchGraph) -> BranchArea:
        width = self.width - 4 * INSIDE
        head = Texts(wrapped(branch.name, NAME, width, 2), wrapped(branch.note, NOTE, width, 3))
        layout = _Column(branch.graph, self.extras, width).layout()
        top = self.y + INSIDE + head.height + (ROOM + 4 if head.height else 4)
        self.inner.append(layout.moved(2 * INSIDE, top))
        box = Box(INSIDE, self.y, self.width - 2 * INSIDE, top + layout.height + INSIDE - self.y)
        entry = Way(block.key, branch.graph.first, ((2 * INSIDE + TRUNK, top - 8), (2 * INSIDE + TRUNK, top)))
        if branch.graph.first in branch.graph.nodes:
            self.ways.append(entry)
        return BranchArea(branch.key, head, box, branch.full)

    # --- ways ---------------------------------------------------------------------------------------------

    @property
    def _room(self) -> int:
        """For what a way is called, and where it leads."""
        return self.width - TRUNK - TWIG - 2 * LABEL_PAD

    def _beside(self, edges: Iterable[Edge]) -> int:
        """How far behind the left edge of what ways are called the names of what they lead to stand below each other:
        where the most of them fit."""
        called = [edge for edge in edges if edge.labels]
        befores = {edge: self._before(edge) for edge in called}
        return max(
            befores.values(),
            key=lambda one: (sum(befores[edge] <= one and self._fits(edge, one) for edge in called), -one),
            default=0,
        )

    def _before(self, edge: Edge) -> int:
        """What the last line of what a way is called takes; one that was gone is bold."""
        lines = _lines(edge.labels, self._room)
        return round(width_of(lines[-1], NOTE) * BOLD) + 8 if lines else 0

    def _fits(self, edge: Edge, beside: int) -> bool:
        name = width_of(plain(self.graph.nodes[edge.target].name), NOTE) * BOLD
        return max(beside, self._before(edge)) + ICON + 4 + name <= self._room

    def _put_named(self, edge: Edge, bottom: int, beside: int, is_back: bool) -> None:
        """What a way is called, and where it leads: beside it, or below it where that does not fit."""
        target = self.graph.nodes[edge.target]
        left = TRUNK + TWIG
        lines = _lines(edge.labels, self._room)
        y = self.y + 5
        names = wrapped(target.name, NOTE, self._room - ICON - 4, 2)
        is_beside = bool(lines) and self._fits(edge, beside)
        line = len(lines) - 1 if is_beside else len(lines)
        right = max(beside, self._before(edge)) if is_beside else 0
        at = (left + LABEL_PAD + right, y + 1 + NOTE.line * line)
        box = Box(left, y - 1, self.width - left, at[1] - y + NOTE.line * len(names) + 1)
        label = Label(lines, box, "; ".join((*edge.labels, target.name)), target, names, at, is_back)
        middle = y + 1 + NOTE.line // 2
        points: tuple[Point, ...] = ((TRUNK, bottom), (TRUNK, middle), (left, middle))
        self.ways.append(Way(edge.source, edge.target, points, label, edge.ways, is_back, has_head=False))
        self.y = box.bottom

    def _put_onward(self, edge: Edge | None, bottom: int) -> None:
        """The line to the next step; room alone, where there is none."""
        if edge is None:
            self.y += 2 * ROOM
            return
        label = None
        if edge.labels:
            left = TRUNK + 4
            lines = _lines(edge.labels, self.width - left - 2 * LABEL_PAD)
            box = Box(left, self.y + 6, self.width - left, NOTE.line * len(lines) + 4)
            label = Label(lines, box, "; ".join(edge.labels))
            self.y = box.bottom - 2
        self.y += 2 * ROOM
        self.ways.append(Way(edge.source, edge.target, ((TRUNK, bottom), (TRUNK, self.y)), label, edge.ways))


def _lines(labels: Sequence[str], room: int) -> tuple[str, ...]:
    """Of several each begins at the left, and what follows of it is set in."""
    shown = listed_labels(labels)
    if len(shown) == 1:
        return wrapped(shown[0], NOTE, room, MOST_LABEL)
    less = room - width_of(SET_IN, NOTE)
    return tuple(
        SET_IN + line if at else line
        for label in shown
        for at, line in enumerate(wrapped(label, NOTE, less, MOST_LABEL))
    )


def _one_after_the_other(graph: Graph) -> tuple[list[str], set[tuple[str, str]]]:
    """Each step after those that lead to it, but for ways back; of several the one that comes first to whoever follows
    the first ways. Ends in which a request fails come last: the line leads on where the request goes on."""
    _order, back = in_order(graph)
    reached = {key: at for at, key in enumerate(reach(graph))}
    onward: dict[str, list[str]] = defaultdict(list)
    waiting = dict.fromkeys(graph.nodes, 0)
    for edge in graph.edges:
        if not edge.is_loop and (edge.source, edge.target) not in back:
            onward[edge.source].append(edge.target)
            waiting[edge.target] += 1
    fails = {key: node.kind == "end" and node.tone == "bad" for key, node in graph.nodes.items()}
    ready = [(fails[key], reached[key], key) for key, number in waiting.items() if not number]
    heapq.heapify(ready)
    order = []
    while ready:
        _fails, _at, key = heapq.heappop(ready)
        order.append(key)
        for target in onward[key]:
            waiting[target] -= 1
            if not waiting[target]:
                heapq.heappush(ready, (fails[target], reached[target], target))
    return [key for key in order if graph.nodes[key].kind not in NAMED], back
