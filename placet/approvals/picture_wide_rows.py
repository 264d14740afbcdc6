"""Rows of the wide arrangement: in which order things stand in each, so that few ways cross, and how far to the right,
so that ways are straight."""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

GAP, LINE_GAP = 26, 18  # between boxes; beside a label or a line
PORT = 26  # how far from the middle of a box a way back ends
Near = dict["Item", tuple[list[float], list[float]]]
MOST_SWEEPS = 12
MOST_SHIFTS = 8
MOST_MOVES = 40  # of whole bundles of ways; a person would try no more
MOST_ITEMS = 800  # of a picture in which they are tried


@dataclass(eq=False)
class Item:
    """What has a place of its own in a row: a box, a label, or a way that passes. `x`: its middle."""

    row: int
    width: int
    height: int
    node: str = ""
    lines: tuple[str, ...] = ()
    full: str = ""
    is_back: bool = False
    is_final: bool = False  # nothing leads on from it
    left: int = 0  # how much it needs on either side of its middle
    right: int = 0
    x: int = 0
    y: int = 0
    at: int = 0  # in its row
    rank: float = 0.0  # where it would be, if nothing else were there
    turn: int = -1  # on which side of a box ways back begin and end: left, or right (1)
    shift: int = 0  # of the way into a box, so that it lies on no other

    def __post_init__(self) -> None:
        self.left = self.right = self.width // 2

    @property
    def is_label(self) -> bool:
        return bool(self.lines)

    @property
    def is_line(self) -> bool:
        return not self.node and not self.lines


@dataclass(eq=False)
class Segment:
    """Of a way: from something in one row to something in the next."""

    upper: Item
    lower: Item
    net: tuple[str, str]

    @cached_property
    def is_straight_on(self) -> bool:
        """Whether it begins and ends in the middle of boxes."""
        return not (self.net[0] == "back" and self.upper.node) and self.net[0] != "backout"

    @property
    def upper_at(self) -> float:
        """Where it begins in its row, as far as crossings go."""
        is_beside = self.upper.node and self.net[0] == "back"
        return self.upper.at + 0.4 * self.upper.turn if is_beside else self.upper.at

    @property
    def lower_at(self) -> float:
        return self.lower.at + 0.4 * self.lower.turn if self.net[0] == "backout" else self.lower.at

    @property
    def upper_x(self) -> int:
        if self.upper.node and self.net[0] == "back":
            return self.upper.x + self.upper.turn * _port(self.upper)
        return self.upper.x

    @property
    def lower_x(self) -> int:
        if self.lower.node:
            if self.net[0] == "backout":
                return self.lower.x + self.lower.turn * _port(self.lower)
            return self.lower.x + self.lower.shift
        return self.lower.x


def _port(item: Item) -> int:
    return min(PORT, item.width // 3)


@dataclass
class Rows:
    rows: list[list[Item]] = field(default_factory=list)
    between: list[list[Segment]] = field(default_factory=list)  # by the row above
    begins: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    _ranks: dict[str, float] = field(default_factory=dict)
    _passing: dict[tuple[str, int, bool], Item] = field(default_factory=dict)
    _joined: set[tuple[int, int]] = field(default_factory=set)
    bundles: dict[tuple[str, bool], list[Item]] = field(default_factory=lambda: defaultdict(list))

    def start(self, reached: Sequence[str], nodes: Mapping[str, Item]) -> None:
        """With boxes in the order in which one comes upon them."""
        number = max(item.row for item in nodes.values()) + 1
        self.rows = [[] for _ in range(number)]
        self.between = [[] for _ in range(number - 1)]
        for at, key in enumerate(reached):
            self._ranks[key] = nodes[key].rank = at
            self.rows[nodes[key].row].append(nodes[key])

    def add(self, item: Item, source: str, target: str, is_back: bool) -> Item:
        """What a way is called; a way back begins on the left."""
        self.bundles[target, is_back].append(item)
        item.is_back = is_back
        item.rank = self._ranks[source] - 0.5 if is_back else self._ranks[source] + 0.5
        self.rows[item.row].append(item)
        return item

    def passing(self, target: str, row: int, is_back: bool) -> Item:
        """Where the ways to a step pass a row."""
        key = (target, row, is_back)
        if key not in self._passing:
            rank = -1 if is_back else self._ranks[target]
            self._passing[key] = item = Item(row, 2, 0, is_back=is_back, rank=rank)
            self.rows[row].append(item)
            self.bundles[target, is_back].append(item)
        return self._passing[key]

    def join(self, segment: Segment) -> None:
        pair = (id(segment.upper), id(segment.lower))
        if pair not in self._joined:
            self._joined.add(pair)
            self.between[segment.upper.row].append(segment)

    def arrange(self, first: Item) -> None:
        self._order()
        _Columns(self).set(first)

    # --- order --------------------------------------------------------------------------------------------

    def _order(self) -> None:
        """As one comes upon things, if nothing crosses then: so most of them stay where they are when a step is added.
        Else as is best after one way of trying or the other."""
        for row in self.rows:
            row.sort(key=lambda item: item.rank)
            _number(row)
        begun = self._kept()
        if not self.crossings():
            return
        self._switch()
        fewest = self._move_bundles(self.crossings())
        if not fewest:
            return
        first, turns = self._kept(), self._turns()
        self._restore(begun)
        self._sweep_all()
        if self._move_bundles(self.crossings()) >= fewest:
            self._restore(first)
            for item, turn in turns.items():
                item.turn = turn

    def _turns(self) -> dict[Item, int]:
        return {item: item.turn for row in self.rows for item in row}

    def _sweep_all(self) -> None:
        best, fewest = self._kept(), self.crossings()
        for sweep in range(MOST_SWEEPS):
            if not fewest:
                break
            self._sweep(downwards=sweep % 2 == 0)
            self._switch()
            crossings = self.crossings()
            if crossings < fewest:
                best, fewest = self._kept(), crossings
        self._restore(best)

    def _restore(self, rows: list[list[Item]]) -> None:
        self.rows = [[*row] for row in rows]
        for row in self.rows:
            _number(row)

    def _move_bundles(self, fewest: int) -> int:
        """All ways to one step together to the one side or the other, where fewer cross then: neighbours that change
        places do not come upon it. How many cross in the end."""
        tries = MOST_MOVES if sum(map(len, self.rows)) <= MOST_ITEMS else 0
        bundles = sorted(self.bundles.values(), key=_weight)
        has_changed = True
        while has_changed:
            has_changed = False
            for bundle in bundles:
                for side in (-1, 1):
                    if not fewest or not tries:
                        return fewest
                    tries -= 1
                    gained = self._try(bundle, side)
                    fewest -= gained
                    has_changed = has_changed or gained > 0
        return fewest

    def _try(self, bundle: Sequence[Item], side: int) -> int:
        """How many crossings fewer there are; 0, and all is as before, where it gains nothing."""
        touched = {item.row for item in bundle}
        near = sorted(
            {row + step for row in touched for step in (-1, 0, 1) if 0 <= row + step < len(self.rows)}
        )
        kept = {row: [*self.rows[row]] for row in near}
        turns = {item: item.turn for item in self._turned(bundle)}
        before = self._crossings_near(near)
        for item in turns:
            item.turn = side
        self._move(bundle, side)
        self._switch(near)
        gained = before - self._crossings_near(near)
        if gained > 0:
            return gained
        for row, items in kept.items():
            self.rows[row] = items
            _number(items)
        for item, turn in turns.items():
            item.turn = turn
        return 0

    def _crossings_near(self, rows: Iterable[int]) -> int:
        channels = {channel for row in rows for channel in (row - 1, row) if 0 <= channel < len(self.between)}
        return sum(_inversions(self.between[channel]) for channel in channels)

    def _turned(self, bundle: Iterable[Item]) -> Iterator[Item]:
        """The boxes that ways back of a bundle begin and end at."""
        moved = {item for item in bundle if item.is_back}
        channels = {channel for item in moved for channel in (item.row - 1, item.row)}
        for segment in (one for channel in channels for one in self.between[channel]):
            if segment.net[0] == "back" and segment.upper.node and segment.lower in moved:
                yield segment.upper
            if segment.net[0] == "backout" and segment.upper in moved:
                yield segment.lower

    def _move(self, bundle: Iterable[Item], side: int) -> None:
        """To the left (-1) or right end of their rows."""
        moved = {*bundle}
        for number in {item.row for item in moved}:
            self.rows[number].sort(key=lambda item: side if item in moved else 0)
            _number(self.rows[number])

    def _kept(self) -> list[list[Item]]:
        return [[*row] for row in self.rows]

    def _sweep(self, downwards: bool) -> None:
        """Each row by the middle of what it is joined to in the one before."""
        numbers = range(1, len(self.rows)) if downwards else range(len(self.rows) - 2, -1, -1)
        for number in numbers:
            places: dict[Item, list[float]] = defaultdict(list)
            for segment in self.between[number - 1 if downwards else number]:
                if downwards:
                    places[segment.lower].append(segment.upper_at)
                else:
                    places[segment.upper].append(segment.lower_at)
            row = self.rows[number]
            row.sort(key=lambda item: sum(places[item]) / len(places[item]) if places[item] else item.at)
            _number(row)

    def _switch(self, rows: Iterable[int] = ()) -> None:
        """Neighbours change places where that is better, as long as it is; of these rows, or of all."""
        numbers = [*rows] or range(len(self.rows))
        for _again in range(MOST_SHIFTS):
            has_changed = False
            for number in numbers:
                row, near = self.rows[number], self._near(number)
                for at in range(len(row) - 1):
                    one, other = row[at], row[at + 1]
                    if _crossed(near, one, other) > _crossed(near, other, one):
                        row[at], row[at + 1] = other, one
                        one.at, other.at = at + 1, at
                        has_changed = True
            if not has_changed:
                return

    def _near(self, number: int) -> Near:
        """By item of a row: where what it is joined to stands, above and below."""
        near: Near = defaultdict(lambda: ([], []))
        if number > 0:
            for segment in self.between[number - 1]:
                near[segment.lower][0].append(segment.upper_at)
        if number < len(self.between):
            for segment in self.between[number]:
                near[segment.upper][1].append(segment.lower_at)
        return near

    def crossings(self) -> int:
        return sum(_inversions(segments) for segments in self.between)


def _number(row: Iterable[Item]) -> None:
    for at, item in enumerate(row):
        item.at = at


def _weight(bundle: Iterable[Item]) -> tuple[bool, bool]:
    """Ways that pass rows are moved first, and ends last."""
    return any(item.is_final for item in bundle), not any(item.is_line for item in bundle)


def _crossed(near: Near, left: Item, right: Item) -> int:
    """How many segments cross where they stand so."""
    return sum(
        one > other
        for side in (0, 1)
        for one in near[left][side]
        for other in near[right][side]
    )  # fmt: skip


def _inversions(segments: Sequence[Segment]) -> int:
    pairs = sorted((segment.upper_at, segment.lower_at) for segment in segments)
    return sum(
        one[0] < other[0] and one[1] > other[1] for at, one in enumerate(pairs) for other in pairs[at + 1 :]
    )


# --- columns ----------------------------------------------------------------------------------------------


class _Columns:
    """How far to the right: what can be straight stands in one column, and columns are as near to each other as they
    can, and then in the middle of what they are joined to."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.column: dict[Item, int] = {}
        self.members: dict[int, list[Item]] = {}
        self.x: dict[int, int] = {}

    def set(self, first: Item) -> None:
        self._join(self._straight())
        order = self._from_the_left()
        links = self._links()
        for sweep in range(6):
            for column in order if sweep % 2 else reversed(order):
                if column != self.column[first]:
                    self._centre(column, links[column])
        for item, column in self.column.items():
            item.x = self.x[column]

    def _straight(self) -> list[Segment]:
        """Segments that are drawn upright: none crosses another one, and no two meet."""
        chosen: list[Segment] = []
        for segments in self.rows.between:
            taken: list[Segment] = []
            for segment in sorted(segments, key=_urgency):
                if segment.is_straight_on and all(_go_together(segment, other) for other in taken):
                    taken.append(segment)
            chosen += taken
        return chosen

    def _join(self, straight: Iterable[Segment]) -> None:
        items = [item for row in self.rows.rows for item in row]
        self.column = {item: number for number, item in enumerate(items)}
        self.members = {number: [item] for number, item in enumerate(items)}
        for segment in straight:
            one, other = self.column[segment.upper], self.column[segment.lower]
            if one != other:
                for item in self.members[other]:
                    self.column[item] = one
                self.members[one] += self.members.pop(other)

    def _from_the_left(self) -> list[int]:
        """Each column as far to the left as it can be; and the columns, from the left."""
        right_of: dict[int, list[tuple[int, int]]] = defaultdict(list)
        waiting: dict[int, int] = dict.fromkeys(self.members, 0)
        for row in self.rows.rows:
            for one, other in itertools.pairwise(row):
                right_of[self.column[one]].append((self.column[other], _distance(one, other)))
                waiting[self.column[other]] += 1
        self.x = dict.fromkeys(self.members, 0)
        order = [column for column, number in waiting.items() if not number]
        for column in order:
            for beside, distance in right_of[column]:
                self.x[beside] = max(self.x[beside], self.x[column] + distance)
                waiting[beside] -= 1
                if not waiting[beside]:
                    order.append(beside)
        assert len(order) == len(self.members), "columns stand in a ring"
        return order

    def _links(self) -> dict[int, list[tuple[Item, int]]]:
        """By column: what it is joined to in others, and how far its own end is from its middle."""
        links: dict[int, list[tuple[Item, int]]] = defaultdict(list)
        for segments in self.rows.between:
            for segment in segments:
                one, other = self.column[segment.upper], self.column[segment.lower]
                if one != other:
                    turned = (
                        segment.upper.turn * PORT if segment.net[0] == "back" and segment.upper.node else 0
                    )
                    links[one].append((segment.lower, -turned))
                    links[other].append((segment.upper, turned))
        return links

    def _centre(self, column: int, links: Sequence[tuple[Item, int]]) -> None:
        if not links:
            return
        wanted = round(sum(self.x[self.column[item]] + more for item, more in links) / len(links))
        least = max((x for x in self._limits(column, -1)), default=None)
        most = min((x for x in self._limits(column, 1)), default=None)
        if most is not None:
            wanted = min(wanted, most)
        self.x[column] = wanted if least is None else max(wanted, least)

    def _limits(self, column: int, side: int) -> Iterator[int]:
        for item in self.members[column]:
            row, at = self.rows.rows[item.row], item.at + side
            if 0 <= at < len(row):
                other = row[at]
                distance = _distance(other, item) if side < 0 else _distance(item, other)
                yield self.x[self.column[other]] - side * distance


def _urgency(segment: Segment) -> tuple[int, int]:
    """Long ways first, and into an end that they lead to; then the first way of each step."""
    is_long = segment.upper.is_line and (segment.lower.is_line or segment.lower.is_final)
    return (0 if is_long else 1, segment.upper.at + segment.lower.at)


def _go_together(one: Segment, other: Segment) -> bool:
    above, below = one.upper.at - other.upper.at, one.lower.at - other.lower.at
    return above * below > 0


def _distance(left: Item, right: Item) -> int:
    gap = GAP if left.node and right.node else LINE_GAP
    return left.right + gap + right.left
