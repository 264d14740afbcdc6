"""Gaps and overlaps of authority tables: in words, and against every point of small grids."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placet.approvals.authority_cells import Column, Interval, Match, fits, match_of
from placet.approvals.authority_gaps import OTHER, WHOLE, Gap, Overlap, Proof, gap_in_words, prove

HALVES = [Decimal(number) / 2 for number in range(-4, 12)]  # beyond and between all bounds
ELSE = "else"  # a text that no row names
BOTH = (Column("cost_centre", "text"), Column("amount", "number"))

Point = tuple[str | Decimal, ...]


def boxes_of(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[list[Match]]:
    return [[match_of(column, cell) for column, cell in zip(columns, row, strict=False)] for row in rows]


def proof_of(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], *, first: bool = True, **most: int
) -> Proof:
    """`rows`: the last cell of each is its result."""
    return prove(columns, boxes_of(columns, rows), [row[-1] for row in rows], first=first, **most)


def in_words(columns: Sequence[Column], *rows: str) -> list[str]:
    """`rows`: cells with | between them."""
    proof = proof_of(columns, [[*(cell.strip() for cell in row.split("|")), ""] for row in rows], first=False)
    return [gap_in_words(columns, gap) for gap in proof.gaps]


@pytest.mark.parametrize(
    ("rows", "gaps"),
    [
        (["4711 | 0..1000"], ["nothing for 1000 and above"]),
        (["4711 | 0..1000", "4712 | "], ["4711: nothing for 1000 and above"]),
        (["4711 | 0..1000", "4711 | 1000.."], []),
        (["4711 | 0..1000", "4711 | 1000.01.."], ["nothing for 1000 to below 1000.01"]),
        (["4711 | 5..", "4712 | ..5"], ["4711: nothing for below 5", "4712: nothing for 5 and above"]),
        (["4711 | 5", "4712 | "], ["4711: nothing for 0 to below 5", "4711: nothing for above 5"]),
        (["4711 | 0..5", "4711 | 5", "4711 | 6.."], ["nothing for above 5 and below 6"]),
        (["* | ..5", "* | 6.."], ["nothing for 5 to below 6"]),
        (["* | 0..", "* | -5..-1"], ["nothing for below -5", "nothing for -1 to below 0"]),
        (["* | 1..", "4711 | 0.."], ["any other cost_centre: nothing for 0 to below 1"]),
        (
            ["4711 | 0..", "4712 | 1..", "= | 1.."],
            ["(empty) or 4712: nothing for 0 to below 1"],
        ),
    ],
)
def test_a_gap_is_named(rows: list[str], gaps: list[str]) -> None:
    assert in_words(BOTH, *rows) == gaps


def test_values_without_any_row_and_many_of_them() -> None:
    columns = (Column("site", "text"), Column("kind", "text"))
    assert in_words(columns, "Paris | travel", "Lyon | tools") == [
        "Lyon, travel: nothing",
        "Paris, tools: nothing",
    ]
    assert in_words(columns, "Paris | travel", "Lyon | travel, tools") == ["Paris, tools: nothing"]
    many = [f"s{number} | travel" for number in range(7)]
    assert in_words(columns, *many, "Lyon | travel, tools") == [
        "s0 or s1 or s2 or s3 or s4 or 2 more, tools: nothing"
    ]


def test_two_numbers_are_told_apart_by_their_names() -> None:
    columns = (Column("amount", "number"), Column("months", "number"))
    assert in_words(columns, "0..10 | 0..12", "10.. | ") == [
        "nothing for amount 0 to below 10, months 12 and above"
    ]


def test_overlaps_name_every_earlier_row_and_never_what_is_covered() -> None:
    rows = [
        ["a", "0..10", "x"],
        ["a", "5..20", "y"],
        ["a, b", "0..30", "z"],
        ["a", "6..7", "x"],
        ["b", "1", "z"],
    ]
    proof = proof_of(BOTH, rows)
    assert proof.never == {3: 0, 4: 2}
    assert proof.overlaps == [Overlap(1, [0]), Overlap(2, [0, 1])]
    every = proof_of(BOTH, rows, first=False)
    assert (every.never, every.overlaps, every.gaps) == ({}, [], proof.gaps)


def test_what_is_too_large_says_so() -> None:
    rows = [["*", f"{number}..", str(number)] for number in range(100)]
    assert proof_of(BOTH, rows).is_complete
    assert not proof_of(BOTH, rows, most=1000).is_complete


def test_a_table_of_the_largest_size_is_looked_at_whole() -> None:
    rows = [
        [str(centre), f"{step * 100}..{(step + 1) * 100}" if step < 4 else "400..", "x"]
        for centre in range(1000)
        for step in range(5)
    ]
    proof = proof_of(BOTH, rows)
    assert (proof.is_complete, proof.never, proof.overlaps, proof.gaps) == (True, {}, [], [])


# --- against every point ----------------------------------------------------------------------------------

texts = st.sampled_from(["*", "a", "b", "a,b", "b,c", "a,b,c"])
bounds = st.integers(-1, 3)
numbers = st.one_of(
    st.just("*"),
    bounds.map(str),
    bounds.map(lambda number: f"{number}.."),
    bounds.map(lambda number: f"..{number}"),
    st.tuples(bounds, st.integers(1, 2)).map(lambda pair: f"{pair[0]}..{pair[0] + pair[1]}"),
)


def tables_of(kinds: list[str]) -> st.SearchStrategy[tuple[list[str], list[tuple[str, ...]]]]:
    row = st.tuples(*(texts if kind == "text" else numbers for kind in kinds), st.sampled_from("xy"))
    return st.tuples(st.just(kinds), st.lists(row, min_size=1, max_size=6))


tables = st.lists(st.sampled_from(["text", "number"]), min_size=1, max_size=3).flatmap(tables_of)


def lies_in(point: Point, gap: Gap) -> bool:
    return all(
        value in side
        if isinstance(side, Interval) and isinstance(value, Decimal)
        else side == WHOLE or (OTHER if value == ELSE else value) in side  # type: ignore[operator]
        for value, side in zip(point, gap, strict=True)
    )


def is_looked_at(point: Point, rows: Sequence[Sequence[str]]) -> bool:
    """Numbers below zero only where a row says one, texts that no row names only where a row says any."""
    for at, value in enumerate(point):
        cells = {row[at] for row in rows}
        if isinstance(value, Decimal):
            if value < 0 and not any(cell.startswith(("-", "..")) for cell in cells):
                return False
        elif not (value in ",".join(cells).split(",") or (value == ELSE and "*" in cells)):
            return False
    return True


@settings(max_examples=100, deadline=None)
@given(tables)
def test_a_proof_says_what_every_point_says(table: tuple[list[str], list[tuple[str, ...]]]) -> None:
    kinds, rows = table
    columns = [Column(f"c{at}", kind) for at, kind in enumerate(kinds)]
    boxes = boxes_of(columns, rows)
    proof = proof_of(columns, rows)
    assert proof.is_complete
    hits: list[set[Point]] = [set() for _ in rows]
    axes: list[Sequence[str | Decimal]] = [
        HALVES if kind == "number" else ["a", "b", "c", ELSE] for kind in kinds
    ]
    for point in product(*axes):
        fitting = [at for at, box in enumerate(boxes) if all(map(fits, box, point))]
        for at in fitting:
            hits[at].add(point)
        if is_looked_at(point, rows):
            assert (not fitting) == any(lies_in(point, gap) for gap in proof.gaps), point
    pairs = list(combinations(range(len(rows)), 2))
    never = {later: earlier for earlier, later in reversed(pairs) if hits[later] <= hits[earlier]}
    assert proof.never == never
    assert {(earlier, overlap.row) for overlap in proof.overlaps for earlier in overlap.earlier} == {
        (earlier, later)
        for earlier, later in pairs
        if hits[earlier] & hits[later] and rows[earlier][-1] != rows[later][-1] and later not in never
    }
