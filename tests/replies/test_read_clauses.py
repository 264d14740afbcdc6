"""What one language makes of a clause: where it turns, ends, denies itself or is struck out."""

import pytest

from placet.replies.read import read_text
from placet.replies.read_clauses import Piece, _said
from placet.replies.read_phrases import Meaning, Role


@pytest.mark.parametrize(
    "text",
    [
        "Hi Alice,\n-Approved-",  # struck out
        "-Approved-",
        "-Approved- thanks",
        "Approved:",
        "Approved:\n",
        "Approved：",
        "Approved, but this",
        "Approved but that",
        "Approved, but please",
        "Approved, but",
        "No rejection.",
    ],
)
def test_what_is_struck_out_unfinished_or_denied_twice_is_unclear(text: str) -> None:
    assert read_text(text).outcome is None


@pytest.mark.parametrize(
    "text",
    [
        "Approved: yes.",
        "I like it but approved since it is needed.",
        "It is expensive, but approved because it is needed.",
        "Approved. But thanks",
    ],
)
def test_what_follows_an_answer_is_read_with_it(text: str) -> None:
    assert read_text(text).outcome == "approve"


def reject(start: int, end: int) -> Piece:
    return Piece(start, end, Meaning("en", Role.DECIDES, "reject"))


def test_two_words_for_no_beside_each_other_may_be_one_for_yes() -> None:
    assert _said([reject(0, 1), reject(1, 2)], [], helped=False) == ""
    assert _said([reject(0, 1), reject(2, 3)], [], helped=False) == "reject"
