"""What is offered to be confirmed of a text that is not clear, and what is not."""

from decimal import Decimal

import pytest

from placet.replies.read import read_text
from placet.replies.read_facts import About, Field, numbers_in
from placet.replies.read_likely import Likely

ABOUT = About(
    (
        Field("Amount", ("1,800.00 EUR", "EUR 1.800,00"), number=Decimal(1800), currency="EUR"),
        Field("Period", ("4 – 22 August",)),
    ),
    ("Alice Doe", "Bob Bobson"),
    title="Invoice 2501178",
)


def likely(text: str, about: About = ABOUT) -> Likely | None:
    reading = read_text(text, about=about)
    assert reading.outcome is None, (reading.outcome, reading.why)
    return reading.likely


@pytest.mark.parametrize(
    ("text", "outcome", "words"),
    [
        ("Nobody outside HR gets in. The request has been rejected.", "reject", "The request has been rejected"),
        ("das geht leider nicht", "reject", "das geht leider nicht"),
        ("We compared them twice. It is approved. The old one goes to the cellar.", "approve", "It is approved"),
        ("I hesitated a while. Having seen the numbers I hereby approve the request.", "approve", ""),
        ("Jeg vet at jeg sa ja til dem i fjor, dessverre. Jeg avviser avtalen.", "reject", "Jeg avviser avtalen"),
        ("Viikon tunnit on hyväksytty, pakko saada valmiiksi", "approve", "Viikon tunnit on hyväksytty"),
        ("Invoice 2501178 may be paid, so it is approved. Thanks to the accountants.", "approve", "may be paid"),
    ],
)  # fmt: skip
def test_one_answer_that_is_likely_is_named_with_its_words(text: str, outcome: str, words: str) -> None:
    guess = likely(text)
    assert guess is not None
    assert guess.outcome == outcome
    assert words in guess.words


@pytest.mark.parametrize(
    "text",
    [
        "", "Thanks", "Maybe", "Not yet", "I have to think about it", "Nem tudom",
        "Approved, but only two", "Yes, if Carol agrees", "Approved if Carol agrees", "Approved. But not the dock.",
        "Can you approve this?", "Is it approved? I think so.", "Wait, approved too early",
        "Approved. Sorry, I mean no.",
        "I approve it or I reject it", "I have not rejected anything", "I can't see any reason not to sign this one",
        "Approved with 1,200 EUR", "We compared them. It is approved. 900 EUR at most, as it were.",
        "Invoice 2501179 may be paid, so it is approved. Thanks to the accountants.",
        "Carol approved hers yesterday. This one I still have to read.",
        "Yes, too expensive",
    ],
)  # fmt: skip
def test_nothing_is_offered_where_a_yes_would_leave_something_out(text: str) -> None:
    assert likely(text) is None


def test_what_stands_below_a_closing_is_guessed_from_by_nobody() -> None:
    assert likely("We compared them. It is approved.\n\nBest regards\nBob\n\nOnly two of them") is None


def test_an_answer_that_is_not_offered_is_not_guessed() -> None:
    text = "Nobody outside HR gets in. The request has been rejected."
    assert read_text(text, outcomes=("approve",)).likely is None


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("1,800.00 EUR and 12 pieces", ["1800", "12"]),
        ("EUR 1.800,00.", ["1800"]),
        ("1 800 €, 7.", ["1800", "7"]),
        ("CHF 1'800.50", ["180050"]),
        ("none", []),
    ],
)
def test_numbers_are_the_same_in_whatever_way_they_are_written(text: str, numbers: list[str]) -> None:
    assert list(numbers_in(text)) == numbers
