"""What a picture of a process holds, and where: in whole pixels, from the upper left. Two arrangements of the same: the
wide one (`picture_wide`), with branches side by side and every way as a line, and the column (`picture_column`), which
is never wider than a phone. `picture_svg` draws either.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from django.utils.translation import gettext as _

from placet.approvals.picture_graph import Node
from placet.approvals.picture_text import MORE, NAME, NOTE, width_of, wrapped

Point = tuple[int, int]

WIDTH = 184  # of a station
PAD = 10  # between the edge of a box and what stands in it
ICON = 16
BESIDE_ICON = PAD + ICON + 7
#: How many lines a text may take.
MOST_NAME, MOST_NOTE, MOST_EXTRA, MOST_LABEL = 3, 2, 2, 6
MOST_LABELS = 6  # of the ways from one step to another
LABEL_WIDTH = 132  # of the text of a way
LABEL_PAD = 5
PILL_KINDS = ("start", "end", "result", "leaves", "missing")


@dataclass(frozen=True)
class Box:
    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        return self.x + self.width

    @property
    def bottom(self) -> int:
        return self.y + self.height

    @property
    def middle(self) -> int:
        return self.x + self.width // 2

    def moved(self, right: int, down: int) -> "Box":
        return replace(self, x=self.x + right, y=self.y + down)


@dataclass(frozen=True)
class Texts:
    """What is written into a station, in lines: its name, who it is for, and what a mark says."""

    name: tuple[str, ...]
    note: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()

    @property
    def height(self) -> int:
        return NAME.line * len(self.name) + NOTE.line * (len(self.note) + len(self.extra))

    @property
    def width(self) -> int:
        widths = [width_of(line, NAME) for line in self.name]
        widths += [width_of(line, NOTE) for line in (*self.note, *self.extra)]
        return round(max(widths, default=0)) + 1


@dataclass(frozen=True)
class Station:
    """A step, the start, the end of a branch, or where a way leaves a block; the box of a block is a `Block`."""

    node: Node
    texts: Texts
    box: Box

    @property
    def key(self) -> str:
        return self.node.key

    @property
    def is_pill(self) -> bool:
        return self.node.kind in PILL_KINDS


@dataclass(frozen=True)
class BranchArea:
    key: str
    texts: Texts
    box: Box
    full: str = ""  # all that it says, where not all of it fits


@dataclass(frozen=True)
class Block:
    node: Node
    texts: Texts
    box: Box
    branches: tuple[BranchArea, ...]

    @property
    def key(self) -> str:
        return self.node.key


@dataclass(frozen=True)
class Label:
    """`lines`: as they are written. `target`: where a way leads whose line is not drawn all the way; its name stands at
    `target_at`."""

    lines: tuple[str, ...]
    box: Box
    full: str = ""  # all of it, where not all of it fits
    target: Node | None = None
    target_lines: tuple[str, ...] = ()
    target_at: Point = (0, 0)
    is_back: bool = False
    is_on_line: bool = False  # in the middle of its box, and the line goes on below it


@dataclass(frozen=True)
class Way:
    """`points`: of a line of level and upright parts, in the direction in which it is gone. `ways`: numbers of the
    transitions that it stands for, from 0."""

    source: str
    target: str
    points: tuple[Point, ...]
    label: Label | None = None
    ways: tuple[int, ...] = ()
    is_back: bool = False
    has_head: bool = True


@dataclass(frozen=True)
class Layout:
    width: int
    height: int
    stations: tuple[Station, ...] = ()
    blocks: tuple[Block, ...] = ()  # each before those inside of it
    ways: tuple[Way, ...] = ()

    @property
    def boxes(self) -> dict[str, Box]:
        """Of stations and blocks, by key."""
        stations = {one.key: one.box for one in self.stations}
        return stations | {one.key: one.box for one in self.blocks}

    def moved(self, right: int, down: int) -> "Layout":
        return replace(
            self,
            stations=tuple(replace(one, box=one.box.moved(right, down)) for one in self.stations),
            blocks=tuple(_moved_block(one, right, down) for one in self.blocks),
            ways=tuple(moved_way(one, right, down) for one in self.ways),
        )


def _moved_block(block: Block, right: int, down: int) -> Block:
    branches = tuple(replace(one, box=one.box.moved(right, down)) for one in block.branches)
    return replace(block, box=block.box.moved(right, down), branches=branches)


def moved_way(way: Way, right: int, down: int) -> Way:
    label = way.label
    if label is not None:
        x, y = label.target_at
        label = replace(label, box=label.box.moved(right, down), target_at=(x + right, y + down))
    return replace(way, label=label, points=tuple((x + right, y + down) for x, y in way.points))


def without_words(layout: Layout) -> Layout:
    """The same boxes and lines, with nothing written."""
    nothing = Texts(())
    return replace(
        layout,
        stations=tuple(replace(one, texts=nothing) for one in layout.stations),
        blocks=tuple(
            replace(one, texts=nothing, branches=tuple(replace(area, texts=nothing) for area in one.branches))
            for one in layout.blocks
        ),
        ways=tuple(replace(one, label=None) for one in layout.ways),
    )


def together(width: int, height: int, own: Layout, inner: Iterable[Layout]) -> Layout:
    """What is in several, which stand where they shall."""
    whole = (own, *inner)
    return Layout(
        width,
        height,
        tuple(station for one in whole for station in one.stations),
        tuple(block for one in whole for block in one.blocks),
        tuple(way for one in whole for way in one.ways),
    )


# --- texts and sizes --------------------------------------------------------------------------------------

Extras = Mapping[str, Sequence[str]]  # by key of a step: what stands in it beside its name


def texts_of(node: Node, extras: Extras, width: int) -> Texts:
    """`width`: of the box."""
    room = width - BESIDE_ICON - PAD
    extra = [line for text in extras.get(node.key, ()) for line in wrapped(text, NOTE, room, MOST_EXTRA)]
    is_small = node.kind in ("result", "leaves", "missing")
    name = wrapped(node.name, NAME, room, MOST_NAME)
    note = wrapped(node.note, NOTE, room, MOST_NOTE)
    return Texts((), name, tuple(extra)) if is_small else Texts(name, note, tuple(extra))


def size_of(node: Node, texts: Texts, width: int) -> tuple[int, int]:
    """Pills are as wide as what they say."""
    if node.kind in PILL_KINDS:
        pad = 5 if node.kind in ("result", "leaves", "missing") else 7
        return even(min(width, BESIDE_ICON + texts.width + PAD + 4)), texts.height + 2 * pad
    return width, max(texts.height, ICON) + 2 * PAD


def listed_labels(labels: Sequence[str]) -> Sequence[str]:
    """What is written of what the ways from one step to another are called: of many, the first ones."""
    if len(labels) <= MOST_LABELS:
        return labels
    first = labels[: MOST_LABELS - 1]
    return [*first, _("and {n} more").format(n=len(labels) - len(first)) + MORE]


def label_lines(labels: Sequence[str], width: int = LABEL_WIDTH) -> tuple[str, ...]:
    shown = listed_labels(labels)
    most = max(2, MOST_LABEL // max(1, len(shown)))
    return tuple(line for label in shown for line in wrapped(label, NOTE, width, most))


def label_size(lines: Sequence[str]) -> tuple[int, int]:
    width = max((width_of(line, NOTE) for line in lines), default=0)
    return even(round(width) + 2 * LABEL_PAD), len(lines) * NOTE.line + 4


def even(number: int) -> int:
    return number + number % 2
