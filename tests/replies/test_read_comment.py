"""Which words below an answer are its writer's signature, and which are comment."""

import pytest

from placet.replies.read import read_text
from placet.replies.read_facts import About

ABOUT = About(names=("Alice Doe", "Bob Bobson"))
SIGNED = "Approved.\n\nBest regards\nBob Bobson\n"


def comment(text: str) -> str | None:
    """None: unclear."""
    reading = read_text(text, about=ABOUT)
    return reading.comment if reading.outcome == "approve" else None


@pytest.mark.parametrize(
    "text",
    [
        f"{SIGNED}Vorstand: Erika Muster",
        f"{SIGNED}Max Muster",
        f"{SIGNED}\nErika Muster\nTel. +49 30 1234567",  # one line of a card is enough
        f"{SIGNED}Tel. Zentrale +49 30 1234567",
        "Approved, Alice.",
        "Approved. Thanks, Alice",
    ],
)
def test_who_somebody_is_and_how_to_reach_them_is_no_comment(text: str) -> None:
    assert comment(text) == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{SIGNED}However Dell", "However Dell"),  # a turn, in whatever language
        (f"{SIGNED}Aber Dell", "Aber Dell"),
        (f"{SIGNED}Nicht Dell GmbH", "Nicht Dell GmbH"),  # a limit in front, in whatever language
        (f"{SIGNED}Tel. call Dell +49 30 1234567", "Tel. call Dell +49 30 1234567"),  # no name begins so
        ("Approved by me, II", "Approved by me, II"),  # one of several
        ("Approved, Im", "Approved, Im"),
        (
            "Approved, many thanks very much",
            "Approved, many thanks very much",
        ),  # two phrases that share a word
    ],
)
def test_what_says_something_is_comment(text: str, said: str) -> None:
    assert comment(text) == said


def test_what_is_typed_without_its_apostrophe_is_taken_apart_once() -> None:
    reading = read_text("Rejected. Ill tell Bob.", about=ABOUT)
    assert (reading.outcome, reading.comment) == ("reject", "Ill tell Bob.")


@pytest.mark.parametrize(
    "text",
    [
        f"{SIGNED}\nVorstand: Erika Muster",  # a paragraph of its own, and no card
        f"{SIGNED}Vorstand: Erika Muster, only 2",
        f"{SIGNED}Tel. Only Dell +49 30 1234567",
        f"{SIGNED}Tel. Not Dell +49 30 1234567",
        f"{SIGNED}Max Price",
        "Approved, ILL",  # may be typed for "I'll", and is no number
    ],
)
def test_what_may_be_a_wish_between_a_card_is_asked_back_or_comment(text: str) -> None:
    assert comment(text) != ""
