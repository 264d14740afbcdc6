"""What is offered to be confirmed of a text that is not clear, and what is not."""

from decimal import Decimal

import pytest

from placet.replies.read import read_text
from placet.replies.read_facts import About, Field, numbers_in
from placet.replies.read_likely import Likely

ABOUT = About(
    (
        Field("Amount", ("1,800.00 EUR", "EUR 1.800,00"), number=Decimal(1800), currency="EUR"),
        Field("Quantity", ("12",), number=Decimal(12)),
        Field("Why", ("offers 900 / 1,200",)),
    ),
    ("Alice Doe", "Bob Bobson"),
)
CELLAR = "The old one goes to the cellar."


def likely(text: str, about: About = ABOUT) -> Likely | None:
    reading = read_text(text, about=about)
    assert reading.outcome is None, (reading.outcome, reading.why)
    return reading.likely


@pytest.mark.parametrize(
    ("text", "outcome", "words"),
    [
        ("Nobody outside HR gets in. The request has been rejected.", "reject", "The request has been rejected"),
        ("das geht leider nicht", "reject", "das geht leider nicht"),
        ("Jeg vet at jeg sa ja til dem i fjor, dessverre. Jeg avviser avtalen.", "reject", "Jeg avviser avtalen"),
        ("We looked at the rota. The whole endeavour is hereby rejected.", "reject", "rejected"),
        ("Der Oktober ist voll. Der Sonderwunsch der Nachtschicht ist abgelehnt. Gruß, Max", "reject", "abgelehnt"),
        ("We have a freeze and I will not approve the position.", "reject", "I will not approve the position"),
        (f"We compared them twice. It is approved. {CELLAR}", "approve", "It is approved"),
        (f"We compared them twice, for 1,800 EUR. It is approved. {CELLAR}", "approve", "It is approved"),
        (
            "Mia Schulze from the works council has long asked for another look at the prices of what the three of "
            "them would deliver to the new building in the spring: rejected.",
            "reject",
            "",
        ),
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
        "", "Thanks", "Maybe", "Not yet", "I have to think about it", "Nem tudom", "Ще ні",
        "Approved, but only two", "Yes, if Carol agrees", "Approved if Carol agrees", "Approved. But not the dock.",
        "Can you approve this?", "Is it approved? I think so.", "Wait, approved too early",
        "Approved. Sorry, I mean no.", "Yes, too expensive",
        "I approve it or I reject it", "I have not rejected anything", "I can't see any reason not to sign this one",
        "Carol approved hers yesterday. This one I still have to read.",
    ],
)  # fmt: skip
def test_nothing_is_offered_of_what_is_open(text: str) -> None:
    assert likely(text) is None


@pytest.mark.parametrize(
    "limit",
    [
        "Provided that Carol agrees.", "900 EUR at most.", "Only two of them.", "Carol has to agree first.",
        "Half of it only.", "Wenn Carol zustimmt.", "Nur zwei Stück.", "Seulement deux.", "Abgelehnt.", "Sorry, no.",
        "Der Rest ist abgelehnt.", "Moment, Irrtum.", "其余不批准", "Are you sure?",
        "1800 USD", "180.0 EUR", "1.2 EUR", "4 EUR", "12 EUR", "1200 EUR", "٩٠٠ EUR", "½ of it.",
    ],
)  # fmt: skip
def test_of_an_approval_nothing_is_offered_that_a_yes_would_leave_out(limit: str) -> None:
    """Above and below, in whatever language; numbers but for the amount itself, whoever has written them before."""
    for text in (
        f"{limit} We compared them. It is approved. {CELLAR}",
        f"We compared them. It is approved. {limit}",
    ):
        assert likely(text) is None, text


@pytest.mark.parametrize(
    "text",
    [
        "Far from approved.", "Hardly approved by me.", "The day I approve such a thing, pigs fly.",
        "Kaum genehmigt von mir.", "Difícil aprobar esto.", "Vaikea hyväksyä tätä.", "The page shows approved, odd.",
        "Rumour has it that it is approved.", "Carol is approved. The others go home.",
    ],
)  # fmt: skip
def test_words_that_only_speak_of_approving_offer_no_approval(text: str) -> None:
    assert likely(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "Je ne peux qu'approuver.", "No puedo más que aprobar con gusto.", "Non posso che approvare.",
        "Não hesito em aprovar.", "Nu pot decât să aprob.", "Onaylamamak elde değil",
        "Sorry for having rejected it, enjoy.", "I hate to reject people, so enjoy it.",
        "Ich kann nicht anders als das zu genehmigen.",
    ],
)  # fmt: skip
def test_a_not_that_is_not_beside_it_offers_no_rejection(text: str) -> None:
    assert likely(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "We compared them. It is approved.\n\nBest regards\nBob\n\nOnly two of them",
        "We compared them. It is approved, so it goes.\n\n-- \nBob\nOnly two of them",
        "We compared them, all good.\n-- \nThe request has been rejected, so it goes down the drain.",
    ],
)
def test_what_stands_below_a_closing_is_seen(text: str) -> None:
    guess = likely(text)
    assert guess is None or guess.outcome == "reject"


def test_an_answer_that_is_not_offered_is_not_guessed() -> None:
    text = "Nobody outside HR gets in. The request has been rejected."
    assert read_text(text, outcomes=("approve",)).likely is None


def test_long_words_are_shown_with_their_end_cut() -> None:
    guess = likely(f"Nobody outside HR gets in. I reject {'the long and well written request of ' * 4}Alice.")
    assert guess is None or guess.words.endswith("…")


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("1,800.00 EUR and 12 pieces", ["1800", "12"]),
        ("EUR 1.800,00.", ["1800"]),
        ("1 800 €, 7.", ["1800", "7"]),
        ("CHF 1'800.50", ["1800.50"]),
        ("180.0 1.2", ["180", "1.2"]),
        ("none", []),
    ],
)
def test_numbers_are_the_same_in_whatever_way_they_are_written(text: str, numbers: list[str]) -> None:
    assert list(numbers_in(text)) == numbers
