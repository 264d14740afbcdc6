"""The wide arrangement: rows from top to bottom. A step stands in the row of the longest way to it, what its ways are
called in the row between, and a way that passes a row has a place of its own in it: so no line goes through a box, and
no label lies on anything. Ways to one step run together. A way back is a way down, gone upwards.

Between two rows is a channel, in which lines go level, each bundle on a track of its own.
"""

import itertools
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from placet.approvals.picture_graph import BranchGraph, Edge, Graph, Node, in_order, reach
from placet.approvals.picture_layout import (
    BESIDE_ICON,
    PAD,
    WIDTH,
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
    even,
    label_lines,
    label_size,
    size_of,
    texts_of,
    together,
)
from placet.approvals.picture_text import NAME, NOTE, wrapped
from placet.approvals.picture_wide_rows import Item, Rows, Segment
from placet.approvals.picture_wide_tracks import Channel

MARGIN = 8  # around the whole
WIDEST_FRAME = 1000  # of branches side by side; more of them stand below each other
GAP = 12  # between branches
ENTRY = 16  # the line into a branch
LOOP = 16  # how far a way from a step to itself goes out


def wide(graph: Graph, extras: Extras) -> Layout:
    inside = _placed(graph, extras)
    return together(inside.width + 2 * MARGIN, inside.height + 2 * MARGIN, inside.moved(MARGIN, MARGIN), ())


def _placed(graph: Graph, extras: Extras) -> Layout:
    if not graph.nodes:
        return Layout(WIDTH, 0)
    frames = {key: _frame(node, extras) for key, node in graph.nodes.items() if node.branches}
    return _Wide(graph, extras, frames).layout()


# --- blocks -----------------------------------------------------------------------------------------------


def _frame(node: Node, extras: Extras) -> Layout:
    """A block, with its branches from left to right."""
    inner = [(branch, _placed(branch.graph, extras)) for branch in node.branches]
    heads = [_head(branch, layout) for branch, layout in inner]
    widths = [_area_width(head, layout) for head, (_branch, layout) in zip(heads, inner, strict=True)]
    rows = _rows_of(widths)
    widths = _filling(widths, rows)
    own_width = max(sum(widths[at] + GAP for at in row) + GAP for row in rows)
    title = texts_of(node, extras, max(own_width, WIDTH))
    y = PAD + title.height + PAD
    areas, layouts = [], []
    for row in rows:
        tops = {at: (PAD + heads[at].height if heads[at].height else 0) + ENTRY for at in row}
        height = max(tops[at] + inner[at][1].height + PAD for at in row)
        x = GAP
        for at in row:
            branch, layout = inner[at]
            areas.append(BranchArea(branch.key, heads[at], Box(x, y, widths[at], height), branch.full))
            moved = layout.moved(x + (widths[at] - layout.width) // 2, y + tops[at])
            layouts.append(_with_entry(moved, node.key, branch, y + tops[at]))
            x += widths[at] + GAP
        y += height + GAP
    width = even(max(own_width, WIDTH, title.width + BESIDE_ICON + PAD))
    block = Block(node, title, Box(0, 0, width, y), tuple(areas))
    return together(width, y, Layout(width, y, blocks=(block,)), layouts)


def _head(branch: BranchGraph, layout: Layout) -> Texts:
    width = max(layout.width, WIDTH)
    return Texts(wrapped(branch.name, NAME, width, 2), wrapped(branch.note, NOTE, width, 3))


def _area_width(head: Texts, layout: Layout) -> int:
    return even(max(head.width, layout.width) + 2 * PAD)


def _rows_of(widths: Sequence[int]) -> list[list[int]]:
    """As few rows of branches, by their numbers, as they fit in, and these as narrow as they can be."""
    most = len(_parted(widths, WIDEST_FRAME))
    ends = [0, *itertools.accumulate(width + GAP for width in widths)]
    rooms = sorted({end - start - GAP for start, end in itertools.combinations(ends, 2)})
    enough = bisect_left(rooms, True, key=lambda room: len(_parted(widths, room)) <= most)
    return _parted(widths, rooms[enough])


def _parted(widths: Sequence[int], room: int) -> list[list[int]]:
    """One row after the other as far as it goes; what is wider than the room has a row of its own."""
    rows: list[list[int]] = [[]]
    left = room
    for at, width in enumerate(widths):
        if rows[-1] and left < width:
            rows.append([])
            left = room
        rows[-1].append(at)
        left -= width + GAP
    return rows


def _filling(widths: Sequence[int], rows: Sequence[Sequence[int]]) -> list[int]:
    """As wide as they have to be for every row to be as wide as the widest."""
    wider = [*widths]
    whole = max(sum(widths[at] + GAP for at in row) for row in rows)
    for row in rows:
        room = whole - sum(widths[at] + GAP for at in row)
        for left, at in zip(range(len(row), 0, -1), row, strict=True):
            more = room // left // 2 * 2 if left > 1 else room
            wider[at] += more
            room -= more
    return wider


def _with_entry(layout: Layout, block: str, branch: BranchGraph, top: int) -> Layout:
    box = layout.boxes.get(branch.graph.first)
    if box is None:
        return layout
    entry = Way(block, branch.graph.first, ((box.middle, top - ENTRY + 2), (box.middle, box.y)))
    return together(layout.width, layout.height, Layout(0, 0, ways=(entry,)), (layout,))


# --- one place --------------------------------------------------------------------------------------------


@dataclass
class _Wide:
    graph: Graph
    extras: Extras
    frames: dict[str, Layout]
    rows: Rows = field(default_factory=Rows)
    nodes: dict[str, Item] = field(default_factory=dict)
    texts: dict[str, Texts] = field(default_factory=dict)
    travels: list[tuple[Edge, list[Item], bool]] = field(
        default_factory=list
    )  # an edge, what it passes, is it back?

    def layout(self) -> Layout:
        order, back = in_order(self.graph)
        ranks = self._ranks(order, back)
        for key, rank in ranks.items():
            self.nodes[key] = self._item(key, 2 * rank)
        self.rows.start(reach(self.graph), self.nodes)
        leading = {edge.source for edge in self.graph.edges}
        for key, item in self.nodes.items():
            item.is_final = key not in leading
        for edge in self.graph.edges:
            if not edge.is_loop:
                self._travel(edge, ranks[edge.target] < ranks[edge.source])
        for key, item in self.nodes.items():
            if item.is_final:
                self.rows.bundles[key, False].append(item)
        self.rows.arrange(self.nodes[self.graph.first])
        channels = self._set_heights()
        return self._drawn(channels)

    def _ranks(self, order: Sequence[str], back: set[tuple[str, str]]) -> dict[str, int]:
        """By node, in the graph's order: the longest way to it. What is not reached stands below all else."""
        onward: dict[str, list[str]] = defaultdict(list)
        for edge in self.graph.edges:
            if not edge.is_loop and (edge.source, edge.target) not in back:
                onward[edge.source].append(edge.target)
        ranks = {self.graph.first: 0}
        _follow(order, onward, ranks)
        below = max(ranks.values()) + 1
        more = {key: below for key in self.graph.nodes if key not in ranks}
        _follow(order, onward, more)
        ranks = {**more, **ranks}
        return {key: ranks[key] for key in self.graph.nodes}

    def _item(self, key: str, row: int) -> Item:
        node = self.graph.nodes[key]
        if key in self.frames:
            frame = self.frames[key]
            width, height = frame.width, frame.height
        else:
            self.texts[key] = texts_of(node, self.extras, WIDTH)
            width, height = size_of(node, self.texts[key], WIDTH)
        item = Item(row, even(width), height, node=key)
        loop = next((edge for edge in self.graph.ways_from(key) if edge.is_loop), None)
        if loop is not None:
            item.right += LOOP + 6 + label_size(label_lines(loop.labels))[0]
        return item

    def _travel(self, edge: Edge, is_back: bool) -> None:
        """The places that an edge passes, and the segments between them."""
        source, target = self.nodes[edge.source], self.nodes[edge.target]
        step = -1 if is_back else 1
        first = self.rows.add(self._label_item(edge, source.row + step), edge.source, edge.target, is_back)
        passed = [source, first]
        for row in range(first.row + step, target.row, step):
            passed.append(self.rows.passing(edge.target, row, is_back))
        passed.append(target)
        for one, other in itertools.pairwise(passed):
            upper, lower = (other, one) if is_back else (one, other)
            self.rows.join(Segment(upper, lower, self._net(edge, upper, lower, is_back)))
        self.travels.append((edge, passed, is_back))

    def _label_item(self, edge: Edge, row: int) -> Item:
        lines = label_lines(edge.labels)
        if not lines:
            return Item(row, 2, 0)
        width, height = label_size(lines)
        return Item(row, width, height, lines=lines, full="; ".join(edge.labels))

    def _net(self, edge: Edge, upper: Item, lower: Item, is_back: bool) -> tuple[str, str]:
        """Segments of one net run together."""
        if is_back:
            return ("backout", edge.source) if lower.node else ("back", edge.target)
        return ("out", edge.source) if upper.node else ("to", edge.target)

    def _set_heights(self) -> list[Channel]:
        """Rows from the top, and between them as many tracks as are needed."""
        y, channels = 0, []
        for number, row in enumerate(self.rows.rows):
            height = max((item.height for item in row), default=0)
            for item in row:
                item.y = y + height - item.height if item.is_label and item.is_back else y
            y += height
            self.rows.ends.append(y)
            if number + 1 < len(self.rows.rows):
                channel = Channel(self.rows.between[number], y)
                channels.append(channel)
                y = channel.bottom
            self.rows.begins.append(y)
        return channels

    def _drawn(self, channels: Sequence[Channel]) -> Layout:
        ways = [self._way(edge, passed, is_back, channels) for edge, passed, is_back in self.travels]
        ways += list(self._loops())
        stations, inner = [], []
        for key, item in self.nodes.items():
            box = Box(item.x - item.width // 2, item.y, item.width, item.height)
            if key in self.frames:
                inner.append(self.frames[key].moved(box.x, box.y))
            else:
                stations.append(Station(self.graph.nodes[key], self.texts[key], box))
        drawn = together(0, 0, Layout(0, 0, tuple(stations), (), tuple(ways)), inner)
        return _trimmed(drawn)

    def _way(self, edge: Edge, passed: Sequence[Item], is_back: bool, channels: Sequence[Channel]) -> Way:
        points: list[Point] = []
        for one, other in itertools.pairwise(passed):
            upper, lower = (other, one) if is_back else (one, other)
            part = channels[upper.row].points(upper, lower, self._net(edge, upper, lower, is_back))
            points += reversed(part) if is_back else part
        label = next((self._label(item) for item in passed if item.is_label), None)
        return Way(edge.source, edge.target, _straightened(points), label, edge.ways, is_back)

    def _label(self, item: Item) -> Label:
        return Label(
            item.lines,
            Box(item.x - item.width // 2, item.y, item.width, item.height),
            item.full,
            is_on_line=True,
        )

    def _loops(self) -> Iterator[Way]:
        """From a step to itself: out on the right, and in again below."""
        for edge in self.graph.edges:
            if edge.is_loop:
                item = self.nodes[edge.source]
                x, y = item.x + item.width // 2, item.y
                upper, lower = y + 10, y + max(item.height - 10, 24)
                points = ((x, upper), (x + LOOP, upper), (x + LOOP, lower), (x, lower))
                lines = label_lines(edge.labels)
                width, height = label_size(lines)
                box = Box(x + LOOP + 3, (upper + lower - height) // 2, width, height)
                label = Label(lines, box, "; ".join(edge.labels)) if lines else None
                yield Way(edge.source, edge.target, points, label, edge.ways, True)


def _follow(order: Iterable[str], onward: dict[str, list[str]], ranks: dict[str, int]) -> None:
    """Rows of all that lies behind those that have one, where it has none yet."""
    for key in order:
        if key in ranks:
            for target in onward[key]:
                ranks[target] = max(ranks.get(target, 0), ranks[key] + 1)


def _straightened(points: Sequence[Point]) -> tuple[Point, ...]:
    """Without points at which a line does not turn."""
    kept: list[Point] = []
    for point in points:
        if kept and kept[-1] == point:
            continue
        if len(kept) > 1 and (
            kept[-2][0] == kept[-1][0] == point[0] or kept[-2][1] == kept[-1][1] == point[1]
        ):
            kept[-1] = point
            continue
        kept.append(point)
    return tuple(kept)


def _trimmed(layout: Layout) -> Layout:
    """Moved so that it begins at 0, and with its size."""
    boxes = [*layout.boxes.values()]
    boxes += [way.label.box for way in layout.ways if way.label]
    xs = [x for way in layout.ways for x, _y in way.points]
    ys = [y for way in layout.ways for _x, y in way.points]
    left = min([*xs, *(box.x for box in boxes)])
    right = max([*xs, *(box.right for box in boxes)])
    bottom = max([*ys, *(box.bottom for box in boxes)])
    moved = layout.moved(-left, 0)
    return Layout(even(right - left), bottom, moved.stations, moved.blocks, moved.ways)
