"""A layout drawn as SVG. All that it writes is escaped; how it looks is said by classes, in `static/picture.css`: pages
allow no style of their own. Nothing is said by colour alone: each kind and each state has its sign.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

from django.utils.html import escape

from placet.approvals.picture_graph import Node
from placet.approvals.picture_layout import (
    BESIDE_ICON,
    ICON,
    LABEL_PAD,
    PAD,
    Block,
    Box,
    BranchArea,
    Label,
    Layout,
    Point,
    Station,
    Texts,
    Way,
)
from placet.approvals.picture_text import MORE, NAME, NOTE, plain

CORNER = 6  # of a line that turns
ALONE = 30  # height of a sign beside which nothing is written
ROUNDEST = 24  # corner of a pill; of a larger one letters would come near it
HEAD = 7  # of an arrow
_PERSON = "M8 7.6a2.5 2.5 0 100-5 2.5 2.5 0 000 5zM3 13.4c.5-2.4 2.6-3.7 5-3.7s4.5 1.3 5 3.7"
_CLOCK = "M8 2.5a5.5 5.5 0 100 11 5.5 5.5 0 000-11zM8 5v3.2l2.2 1.4"
_CHECK, _CROSS, _DASH = "M3 8.6l3.2 3.2L13 4.6", "M4 4l8 8M12 4l-8 8", "M3.5 8h9"
#: By kind or state: strokes in a square of 16.
SIGNS = {
    "start": "M5 3.5l7 4.5-7 4.5z",
    "approval": _PERSON,
    "task": "M3 13l.7-3L10.6 3.1l2.3 2.3L6 12.3z",
    "revise": "M12.5 8a4.5 4.5 0 11-1.4-3.3M12.6 2.4v3h-3",
    "notice": "M2.5 4h11v8h-11zM2.5 4.5L8 9l5.5-4.5",
    "wait": _CLOCK,
    "call": "M3 5v8h8M7 3h6v6M13 3L6.5 9.5",
    "include": "M2.5 5.5h8v8h-8zM5.5 5.5v-3h8v8h-3",
    "parallel": "M8 2v3M3.5 14V5h9v9M8 5v9",
    "good": _CHECK,
    "bad": _CROSS,
    "neutral": _DASH,
    "up": "M8 13.5v-10M4.5 7L8 3.5 11.5 7",
    "leaves": "M2.5 8h10M9 4.5L12.5 8 9 11.5",
    "missing": "M8 2.5v7M8 12.4v.8",
    "now": "M8 5a3 3 0 100 6 3 3 0 000-6z",
    "skipped": "M3 4l4 4-4 4M8.5 4l4 4-4 4",
    "stuck": "M8 2.5v7M8 12.4v.8",
    "expired": _CLOCK,
    "new": "M8 3v10M3 8h10",
    "changed": "M8 3l5.2 9.5H2.8z",
    "removed": _DASH,
}


@dataclass(frozen=True)
class Dress:
    """How a layout is drawn: classes of stations and blocks by key, the state of each that has one, links, which ways
    were gone, and what became of ways from one version to another."""

    classes: Mapping[str, str] = field(default_factory=dict)
    states: Mapping[str, str] = field(default_factory=dict)  # names of signs
    links: Mapping[str, str] = field(default_factory=dict)
    gone: frozenset[tuple[str, str]] = frozenset()  # from and to, by key
    became: Mapping[tuple[str, str], str] = field(default_factory=dict)  # words of classes, by the same

    @cached_property
    def reached(self) -> frozenset[str]:
        """What such a way begins or ends at."""
        return frozenset(key for pair in self.gone for key in pair)


def drawn(layout: Layout, dress: Dress, *, name: str, kind: str) -> str:
    """The element. `kind`: its class."""
    ways = sorted(layout.ways, key=lambda way: _height(way, dress))
    parts = [
        *(_block(block, dress) for block in layout.blocks),
        *(_line(way, dress) for way in ways),
        *_heads(ways, dress),
        *(_label(way, dress) for way in ways if way.label is not None),
        *(_station(station, dress) for station in layout.stations),
    ]
    role = "group" if dress.links else "img"
    return (
        f'<svg class="{kind}" role="{role}" aria-label="{escape(plain(name))}" width="{layout.width}" '
        f'height="{layout.height}" viewBox="0 0 {layout.width} {layout.height}">{"".join(parts)}</svg>'
    )


# --- stations and blocks ----------------------------------------------------------------------------------


def _station(station: Station, dress: Dress) -> str:
    node, box = station.node, station.box
    tone = f" p-{node.tone}" if node.tone else ""
    lost = "" if node.is_reached else " p-lost"
    reached = " p-reached" if station.key in dress.reached else ""
    classes = f"p-step p-{node.kind}{tone}{lost}{reached}{_classes(station.key, dress)}"
    round_ = min(box.height // 2, ROUNDEST) if station.is_pill else 8
    drawing = (
        f'<g class="{classes}">{_rect(box, round_)}{_station_sign(station)}'
        f"{_state(station.key, box, dress)}{_texts(station.texts, box.x + BESIDE_ICON, _text_y(station))}"
        f"{_title(node, station.texts)}</g>"
    )
    return _linked(node, drawing, dress)


def _station_sign(station: Station) -> str:
    """Before what is written, or alone in the middle."""
    name, box = station.node.tone or station.node.kind, station.box
    if station.texts.height:
        return _sign(name, box.x + PAD, _sign_y(station))
    size = min(ALONE, box.height - 8)
    return _sign(name, box.middle - size // 2, box.y + (box.height - size) // 2, size)


def _linked(node: Node, drawing: str, dress: Dress) -> str:
    address = dress.links.get(node.key)
    if not dress.links:
        return drawing
    if address is None:
        return drawing.replace("<g ", '<g aria-hidden="true" ', 1)
    return f'<a href="{escape(address)}" aria-label="{escape(plain(node.name))}">{drawing}</a>'


def _classes(key: str, dress: Dress) -> str:
    return f" {dress.classes[key]}" if key in dress.classes else ""


def _text_y(station: Station) -> int:
    return station.box.y + (station.box.height - station.texts.height) // 2


def _sign_y(station: Station) -> int:
    if station.is_pill:
        return station.box.y + (station.box.height - ICON) // 2
    return _text_y(station) if station.texts.height > ICON else station.box.y + PAD


def _state(key: str, box: Box, dress: Dress) -> str:
    """On the upper right corner."""
    state = dress.states.get(key)
    if state is None:
        return ""
    x, y = box.right - 8, box.y
    return f'<g class="p-state"><circle cx="{x}" cy="{y}" r="10"/>{_sign(state, x - 8, y - 8)}</g>'


def _block(block: Block, dress: Dress) -> str:
    box = block.box
    lost = "" if block.node.is_reached else " p-lost"
    areas = "".join(map(_area, block.branches))
    head = (
        f'<g class="p-block{lost}{_classes(block.key, dress)}">{_rect(box, 10)}'
        f"{_sign(block.node.kind, box.x + PAD, box.y + PAD)}{_state(block.key, box, dress)}"
        f"{_texts(block.texts, box.x + BESIDE_ICON, box.y + PAD)}{_title(block.node, block.texts)}</g>"
    )
    hidden = ' aria-hidden="true"' if dress.links else ""
    return _linked(block.node, head, dress) + f"<g{hidden}>{areas}</g>"


def _area(area: BranchArea) -> str:
    texts = _texts(area.texts, area.box.x + PAD, area.box.y + PAD)
    title = f"<title>{escape(plain(area.full))}</title>" if _is_cut(area.texts) else ""
    return f'<g class="p-branch">{_rect(area.box, 6)}{texts}{title}</g>'


def _rect(box: Box, corner: int) -> str:
    return f'<rect x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}" rx="{corner}"/>'


def _sign(name: str, x: int, y: int, size: int = ICON) -> str:
    scale = "" if size == ICON else f" scale({size / ICON:g})"
    return f'<path class="p-sign" transform="translate({x} {y}){scale}" d="{SIGNS[name]}"/>'


def _title(node: Node, texts: Texts) -> str:
    """All of it, where not all of it fits."""
    if not _is_cut(texts):
        return ""
    return f"<title>{escape(plain(f'{node.name} · {node.note}' if node.note else node.name))}</title>"


def _is_cut(texts: Texts) -> bool:
    return any(line.endswith(MORE) for line in (*texts.name, *texts.note, *texts.extra))


def _texts(texts: Texts, x: int, y: int) -> str:
    """`y`: of the upper edge."""
    parts = []
    for lines, kind, line_height in (
        (texts.name, "p-name", NAME.line),
        (texts.note, "p-note", NOTE.line),
        (texts.extra, "p-extra", NOTE.line),
    ):
        parts += list(_lines(lines, kind, x, y, line_height))
        y += line_height * len(lines)
    return "".join(parts)


def _lines(lines: Iterable[str], kind: str, x: int, y: int, height: int) -> Iterator[str]:
    """One element for each, so that a text from right to left turns nothing but itself."""
    for at, line in enumerate(lines):
        yield f'<text class="{kind}" x="{x}" y="{y + at * height + round(height * 0.77)}">{escape(line)}</text>'


# --- ways -------------------------------------------------------------------------------------------------


def _is_gone(way: Way, dress: Dress) -> bool:
    return (way.source, way.target) in dress.gone


def _height(way: Way, dress: Dress) -> int:
    """Ways run together, and the uppermost gives the line its colour: one that was gone, or is new or changed, lies on
    top of all others, and one that is gone below them."""
    became = dress.became.get((way.source, way.target))
    if became == "removed":
        return 0
    return 2 if became is not None or _is_gone(way, dress) else 1


def _way_classes(way: Way, dress: Dress) -> str:
    return f"p-way{' p-back' if way.is_back else ''}{_state_classes(way, dress)}"


def _state_classes(way: Way, dress: Dress) -> str:
    """Of its line, its head and its label alike."""
    became = dress.became.get((way.source, way.target))
    return (" p-gone" if _is_gone(way, dress) else "") + (f" p-is-{became}" if became else "")


def _line(way: Way, dress: Dress) -> str:
    hidden = ' aria-hidden="true"' if dress.links else ""
    *before, last = _around_label(way)
    path = "".join(_rounded(points, has_head=False) for points in before) + _rounded(last, way.has_head)
    return f'<path class="{_way_classes(way, dress)}"{hidden} d="{path}"/>'


def _around_label(way: Way) -> list[tuple[Point, ...]]:
    """The line up to a label that it would go through, and behind it."""
    if way.label is None or not way.label.is_on_line:
        return [way.points]
    box = way.label.box
    for at, (one, other) in enumerate(pairwise(way.points)):
        low, high = sorted((one[1], other[1]))
        if one[0] == other[0] == box.middle and low <= box.y and box.bottom <= high:
            edges = (box.y, box.bottom) if one[1] < other[1] else (box.bottom, box.y)
            parts = (
                (*way.points[: at + 1], (box.middle, edges[0])),
                ((box.middle, edges[1]), *way.points[at + 1 :]),
            )
            return [part for part in parts if len({*part}) > 1]
    return [way.points]


def _rounded(points: tuple[Point, ...], has_head: bool) -> str:
    """With round corners; it ends where the arrow's head begins."""
    points = (*points[:-1], _short_of(points[-2], points[-1])) if has_head else points
    path = f"M{points[0][0]} {points[0][1]}"
    for before, at, after in zip(points, points[1:], points[2:], strict=False):
        corner = min(CORNER, _length(before, at) // 2, _length(at, after) // 2)
        start, end = _towards(at, before, corner), _towards(at, after, corner)
        path += f"L{start[0]} {start[1]}Q{at[0]} {at[1]} {end[0]} {end[1]}"
    return f"{path}L{points[-1][0]} {points[-1][1]}"


def _short_of(before: Point, end: Point) -> Point:
    return _towards(end, before, min(HEAD - 2, _length(before, end)))


def _length(one: Point, other: Point) -> int:
    return abs(one[0] - other[0]) + abs(one[1] - other[1])


def _towards(point: Point, other: Point, length: int) -> Point:
    """From a point, so far level or upright."""
    (x, y), (to_x, to_y) = point, other
    if x == to_x:
        return x, y + (length if to_y > y else -length)
    return x + (length if to_x > x else -length), y


def _heads(ways: Iterable[Way], dress: Dress) -> Iterator[str]:
    """Arrows, one where several ways end."""
    heads: dict[tuple[Point, Point], str] = {}
    for way in ways:
        if way.has_head and len(way.points) > 1:
            (x, y), (before_x, before_y) = way.points[-1], way.points[-2]
            side = (_sign_of(x - before_x), _sign_of(y - before_y))
            heads[(x, y), side] = _state_classes(way, dress)
    for ((x, y), (right, down)), classes in heads.items():
        back_x, back_y = x - right * HEAD, y - down * HEAD
        one = (back_x + down * 4, back_y + right * 4)
        other = (back_x - down * 4, back_y - right * 4)
        yield f'<path class="p-head{classes}" d="M{x} {y}L{one[0]} {one[1]}L{other[0]} {other[1]}z"/>'


def _sign_of(number: int) -> int:
    return (number > 0) - (number < 0)


def _label(way: Way, dress: Dress) -> str:
    label = way.label
    if label is None:
        return ""
    hidden = ' aria-hidden="true"' if dress.links else ""
    classes = _state_classes(way, dress)
    x = label.box.middle if label.is_on_line else label.box.x + LABEL_PAD
    kind = "p-label p-mid" if label.is_on_line else "p-label"
    text = "".join(_lines(label.lines, kind, x, label.box.y + 2, NOTE.line))
    full = label.full if any(line.endswith(MORE) for line in (*label.lines, *label.target_lines)) else ""
    title = f"<title>{escape(plain(full))}</title>" if full else ""
    return f'<g class="p-says{classes}"{hidden}>{text}{_goes(label)}{title}</g>'


def _goes(label: Label) -> str:
    """Where a way leads whose line is not drawn all the way."""
    if label.target is None:
        return ""
    x, y = label.target_at
    sign = label.target.tone or ("up" if label.is_back else "leaves")
    lines = "".join(_lines(label.target_lines, "p-to", x + ICON + 4, y, NOTE.line))
    tone = f" p-{label.target.tone}" if label.target.tone else ""
    return f'<g class="p-goes{tone}">{_sign(sign, x, y - 1)}{lines}</g>'
