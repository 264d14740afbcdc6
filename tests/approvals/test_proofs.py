"""Which proofs do for what a process asks for: one table, and all that compares goes by it."""

import re
from itertools import pairwise
from pathlib import Path
from typing import get_args

import pytest

from placet.approvals.proofs import (
    SATISFIED_BY,
    Level,
    is_weaker,
    satisfies,
    strongest,
    weakest,
)
from placet.approvals.steps import Proof


def test_every_level_has_its_row_and_takes_less_than_the_weaker_one() -> None:
    assert list(SATISFIED_BY) == list(Level)
    rows = [set(proofs) for proofs in SATISFIED_BY.values()]
    assert all(stronger < weaker for weaker, stronger in pairwise(rows))
    assert all(level in proofs for level, proofs in SATISFIED_BY.items() if level is not Level.PAGE)


def test_what_does_for_the_strongest_of_several_does_for_all() -> None:
    for some in (Level, [Level.OUTSIDE, Level.SUBMITTED], [Level.COLLEAGUE, Level.OUTSIDE, Level.COLLEAGUE]):
        for proof in SATISFIED_BY[strongest(some)]:
            assert all(satisfies(proof, level) for level in some)
    assert strongest([]) is weakest([]) is Level.PAGE
    assert weakest([Level.PAGE, Level.COLLEAGUE]) is Level.COLLEAGUE


@pytest.mark.parametrize(
    ("proof", "level", "does"),
    [
        ("colleague", "outside", True),
        ("outside", "colleague", False),
        ("submitted", "colleague", True),
        ("colleague", "submitted", False),
        ("signed", "submitted", True),
        ("signed", "page", False),
    ],
)
def test_one_proof_for_another(proof: str, level: str, does: bool) -> None:
    assert satisfies(proof, level) is does


@pytest.mark.parametrize(
    ("level", "than", "weaker"),
    [("outside", "colleague", True), ("page", "signed", False), ("page", "page", False)],
)
def test_a_level_may_be_weaker_than_another(level: str, than: str, weaker: bool) -> None:
    assert is_weaker(level, than) is weaker


def test_processes_ask_for_levels() -> None:
    assert set(get_args(Proof)) <= set(Level)


def test_the_documentation_has_this_table() -> None:
    page = (Path(__file__).parents[2] / "docs/security.md").read_text()
    table = re.search(r"\| Asked for \|[^\n]*\n\|[-|]+\|\n((?:\|[^\n]*\n)+)", page)
    assert table is not None
    assert table[1].splitlines() == [
        f"| `{level}` | {', '.join(f'`{one}`' for one in proofs) or 'none'} |"
        for level, proofs in SATISFIED_BY.items()
    ]
