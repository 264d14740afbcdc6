"""Gaps and overlaps of an authority table, worked out exactly: each row is a box, with a side for each column.

Nothing is sampled. What takes more steps than `MOST_STEPS` is left out, and the answer says so.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from django.utils.translation import gettext as _

from placet.approvals.authority_cells import (
    EVERY_NUMBER,
    HIGHEST,
    NUMBER,
    ZERO,
    Column,
    Edge,
    Interval,
    Match,
    covers,
    meet,
)

MOST_STEPS = 500_000  # some seconds

OTHER = None  # among the values of a column: all that no row names
Box = Sequence[Match]
#: What no row covers: for each column the values (OTHER among them) or the numbers, or `WHOLE`.
Side = tuple[str | None, ...] | Interval
WHOLE: Side = ()
Gap = tuple[Side, ...]


@dataclass(frozen=True)
class Overlap:
    """A row, and those before it that take something from it and have other results."""

    row: int
    earlier: Sequence[int]


@dataclass(frozen=True)
class Proof:
    """Rows are counted from 0."""

    never: Mapping[int, int]  # rows that can never be hit, by an earlier row that covers all of each
    overlaps: Sequence[Overlap]
    gaps: Sequence[Gap]
    is_complete: bool  # not: the table is too large to look at all of it


class _TooLarge(Exception):
    pass


class _Steps:
    def __init__(self, most: int) -> None:
        self._left = most

    def take(self, number: int) -> None:
        self._left -= number
        if self._left < 0:
            raise _TooLarge


def prove(
    columns: Sequence[Column],
    boxes: Sequence[Box],
    results: Sequence[Any],
    *,
    first: bool,
    most: int = MOST_STEPS,
) -> Proof:
    """`columns`: those that are matched. `first`: only the first row that fits counts, so that rows may hide others."""
    never: dict[int, int] = {}
    overlapping: dict[int, list[int]] = defaultdict(list)
    gaps: list[Gap] = []
    is_complete = True
    try:
        for earlier, later in _meeting(columns, boxes, _Steps(most)) if first else ():
            if all(covers(*sides) for sides in zip(boxes[earlier], boxes[later], strict=True)):
                never[later] = min(earlier, never.get(later, earlier))
            if results[earlier] != results[later]:
                overlapping[later].append(earlier)
    except _TooLarge:
        is_complete = False
    try:
        gaps.extend(_Gaps(columns, boxes, _Steps(most)))
    except _TooLarge:
        is_complete = False
    overlaps = [Overlap(row, sorted(overlapping[row])) for row in sorted(overlapping.keys() - never.keys())]
    return Proof(never, overlaps, gaps, is_complete)


# --- overlaps ---------------------------------------------------------------------------------------------


def _meeting(columns: Sequence[Column], boxes: Sequence[Box], steps: _Steps) -> Iterator[tuple[int, int]]:
    """Pairs of rows, the earlier one first, that share something."""
    for one, other in _candidates(columns, boxes, steps):
        if all(meet(*sides) for sides in zip(boxes[one], boxes[other], strict=True)):
            yield (one, other) if one < other else (other, one)


def _candidates(columns: Sequence[Column], boxes: Sequence[Box], steps: _Steps) -> Iterator[tuple[int, int]]:
    """Pairs that may meet, each once, by the column that tells most of them apart."""
    at = max(range(len(columns)), key=lambda at: len({box[at] for box in boxes}))
    if columns[at].kind == NUMBER:
        yield from _by_numbers([(box[at], row) for row, box in enumerate(boxes)], steps)
        return
    rows_by_text: dict[str, list[int]] = defaultdict(list)
    with_any: list[int] = []
    for row, box in enumerate(boxes):
        texts = box[at]
        assert not isinstance(texts, Interval)
        others = {*with_any}.union(*(rows_by_text[text] for text in texts or rows_by_text))
        steps.take(len(others) + 1)
        yield from ((other, row) for other in others)
        if texts is None:
            with_any.append(row)
        for text in texts or ():
            rows_by_text[text].append(row)


def _by_numbers(sides: Iterable[tuple[Any, int]], steps: _Steps) -> Iterator[tuple[int, int]]:
    running: list[tuple[Edge, int]] = []
    for numbers, row in sorted(sides):
        running = [(end, other) for end, other in running if end > numbers.start]
        steps.take(len(running) + 1)
        yield from ((other, row) for _end, other in running)
        running.append((numbers.end, row))


# --- gaps -------------------------------------------------------------------------------------------------


class _Gaps:
    """What no row covers, column by column: texts first, then numbers.

    Of texts, those that rows name are looked at; all others (OTHER) only where some row says “any” in that column: a
    table of known values has no gap because there are more. Numbers are looked at from zero, unless a row says less."""

    def __init__(self, columns: Sequence[Column], boxes: Sequence[Box], steps: _Steps) -> None:
        self._boxes, self._steps = boxes, steps
        self._order = sorted(range(len(columns)), key=lambda at: columns[at].kind == NUMBER)
        self._columns = columns
        self._whole = [self._domain(at) for at in range(len(columns))]

    def __iter__(self) -> Iterator[Gap]:
        for sides in self._below(0, tuple(range(len(self._boxes)))):
            gap = [WHOLE] * len(self._order)
            for at, side in zip(self._order, sides, strict=False):
                gap[at] = side
            yield tuple(gap)

    def _domain(self, at: int) -> Any:
        matches = {box[at] for box in self._boxes}
        if self._columns[at].kind == NUMBER:
            ranges = [match for match in matches if isinstance(match, Interval) and match != EVERY_NUMBER]
            is_below_zero = any(numbers.start < ZERO for numbers in ranges)
            return EVERY_NUMBER if is_below_zero else Interval(ZERO, HIGHEST)
        texts = sorted({text for match in matches if isinstance(match, frozenset) for text in match})
        return (*texts, OTHER) if None in matches else tuple(texts)

    def _below(self, depth: int, rows: tuple[int, ...]) -> Iterator[tuple[Side, ...]]:
        """The sides, from a column on, of what these rows leave uncovered."""
        self._steps.take(len(rows) + 1)
        if not rows:
            yield ()
            return
        if depth == len(self._order) or self._cover_all(depth, rows):
            return
        at = self._order[depth]
        if self._columns[at].kind == NUMBER:
            for side, some in self._ranges(at, rows):
                yield from ((side, *more) for more in self._below(depth + 1, some))
            return
        values: dict[tuple[Side, ...], list[str | None]] = defaultdict(list)  # that leave the same uncovered
        for texts, some in self._values(at, rows):
            for more in self._below(depth + 1, some):
                values[more] += texts
        for more, texts in values.items():
            yield (WHOLE if len(texts) == len(self._whole[at]) else tuple(texts)), *more

    def _cover_all(self, depth: int, rows: tuple[int, ...]) -> bool:
        rest = self._order[depth:]
        self._steps.take(len(rows))
        return any(all(self._is_whole(at, self._boxes[row][at]) for at in rest) for row in rows)

    def _is_whole(self, at: int, match: Match) -> bool:
        whole = self._whole[at]
        return match.covers(whole) if isinstance(match, Interval) else match is None

    def _values(self, at: int, rows: tuple[int, ...]) -> Iterator[tuple[list[str | None], tuple[int, ...]]]:
        """Values with the rows that fit each; values with the same rows together."""
        named: dict[str, list[int]] = defaultdict(list)
        with_any: list[int] = []
        for row in rows:
            match = self._boxes[row][at]
            if match is None:
                with_any.append(row)
            for text in match if isinstance(match, frozenset) else ():
                named[text].append(row)
        parts: dict[tuple[int, ...], list[str | None]] = defaultdict(list)
        for text in self._whole[at]:
            some = sorted([*named.get(text, ()), *with_any])
            self._steps.take(len(some) + 1)
            parts[tuple(some)].append(text)
        yield from ((texts, same) for same, texts in parts.items())

    def _ranges(self, at: int, rows: tuple[int, ...]) -> Iterator[tuple[Side, tuple[int, ...]]]:
        """Ranges with the rows that fit each. Of the last column only those that no row fits."""
        whole: Interval = self._whole[at]
        begin, stop = defaultdict(set), defaultdict(set)
        for row in rows:
            match = self._boxes[row][at]
            assert isinstance(match, Interval)
            begin[max(match.start, whole.start)].add(row)
            stop[min(match.end, whole.end)].add(row)
        running: set[int] = set()
        for start, end in pairwise(sorted({*begin, *stop, whole.start, whole.end})):
            running = (running - stop[start]) | begin[start]
            if at == self._order[-1] and running:
                continue
            self._steps.take(len(running) + 1)
            part = Interval(start, end)
            yield (WHOLE if part == whole else part), tuple(sorted(running))


# --- in words ---------------------------------------------------------------------------------------------


def gap_in_words(columns: Sequence[Column], gap: Gap) -> str:
    """“4711: nothing for 1000 and above”."""
    texts, numbers = [], []
    of_numbers = [column.name for column in columns if column.kind == NUMBER]
    for column, side in zip(columns, gap, strict=True):
        if isinstance(side, Interval):
            numbers.append(f"{column.name} {side}" if len(of_numbers) > 1 else str(side))
        elif side:
            texts.append(_values_in_words(column, side))
    nothing = _("nothing for {numbers}").format(numbers=", ".join(numbers)) if numbers else _("nothing")
    return f"{', '.join(texts)}: {nothing}" if texts else nothing


_MOST_NAMED = 5


def _values_in_words(column: Column, values: Sequence[str | None]) -> str:
    named = [value or _("(empty)") for value in values if value is not OTHER]
    more = len(named) - _MOST_NAMED
    shown = named[:_MOST_NAMED] + ([_("{number} more").format(number=more)] if more > 0 else [])
    other = [_("any other {column}").format(column=column.name)] if OTHER in values else []
    return _(" or ").join([*shown, *other])
