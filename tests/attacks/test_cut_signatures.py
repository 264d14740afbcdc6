"""Words that stand where signatures do: items behind dashes, lines with dates, numbers and links, lines below a name.
What looks like a signature is cut from what people are shown, and read all the same. "Accepted" are those that decided
while a word of the wish is in no comment.

What is written like a name or a title, every word with a capital and none of them known, cannot be told from one: such
lines are tried where no signature stands.
"""

import random
from collections.abc import Iterator
from itertools import islice

import pytest

from placet.replies.read import read_text
from tests.attacks.arena import Count
from tests.attacks.instructions import INSTRUCTIONS, LIMITS, NAMES
from tests.attacks.tally import Counts
from tests.attacks.test_lost_instructions import Written, reading, words
from tests.words import LANGUAGES

DATES = ("05.02.2027", "24.12.2026", "01/03/2027", "2027-01-05", "1.2.27")
NUMBERS = ("4500012345", "0815 4711", "4.000.000 EUR", "1000 - 2000", "12345678")
LINKS = ("https://dell.example/desk", "www.dell.example/a?b=c", "sales@dell.example")
CARDS = (
    "Bob Approver\nHead of Purchasing\nContoso GmbH\nHauptstr. 5\n10115 Berlin\nTel. +49 30 1234567",
    "Bob Approver\nContoso AG | Phone +49 89 123456-78\nbob@contoso.example",
    "Bob Approver\nT +49 30 1234567 | F +49 30 1234568\nwww.contoso.example",
    "Bob\nMobile: 0171 1234567\nE-mail: bob@contoso.example",
    "Bob Approver\nContoso Ltd\n+1 (425) 555-0100\nhttps://www.contoso.example",
)


def item(rng: random.Random, code: str) -> str:
    """Something that is wished, limited or asked, with a date, a number, a link or a name in it."""
    own = LANGUAGES[code].answer
    fact = rng.choice((*DATES, *NUMBERS, *LINKS))
    limit, doubt = rng.choice(LIMITS[code]), rng.choice((*own.doubts, *own.retractions, *own.asks))
    made = rng.choice(INSTRUCTIONS[code]).format(n=rng.randrange(10, 99_999), name=rng.choice(NAMES))
    return rng.choice(
        (f"{limit} {fact}", f"{doubt} {fact}", f"{made} {fact}", f"{made}, {fact}", f"{fact} {doubt}")
    )


def listed(rng: random.Random, code: str) -> str:
    """An item of a list, as titles are written: the name of a thing or a person, a wish."""
    made = rng.choice(INSTRUCTIONS[code]).format(n="", name=rng.choice(NAMES)).title()
    return rng.choice(("Two Pieces", "Black Desk", "Jane Decides", "Supplier Lenovo", "Next Year", made))


def written(rng: random.Random) -> Iterator[Written]:
    """Replies with a wish where signatures stand, without end."""
    codes = sorted(INSTRUCTIONS)
    while True:
        code = rng.choice(codes)
        own = LANGUAGES[code].answer
        said, closing = rng.choice(own.approve + own.reject), rng.choice(own.closings)
        dash, drawn = rng.choice("-–—"), rng.choice(("-----", "___", "***", "====="))
        name, card = rng.choice(("Bob", "Bob Approver")), rng.choice(CARDS)
        one, two, thing = item(rng, code), item(rng, code), listed(rng, code)
        yield from rng.sample(
            [
                Written(code, f"{said}\n{dash} {thing}", thing),
                Written(code, f"{said}.\n\n{dash} {thing}\n{dash} Black Desk", f"{thing} Black Desk"),
                Written(code, f"{said}\n\n{closing}\n{name}\n\n{dash} {thing}", thing),
                Written(code, f"{said}\n\n{one}\n{two}", f"{one} {two}"),
                Written(code, f"{said}\n\n{rng.choice(DATES)}\n{one}", one),
                Written(code, f"{said}\n{drawn}\n{one}", one),
                Written(code, f"{said}\n\n{closing}\n{name}\n{one}", one),
                Written(code, f"{said}\n\n{closing}\n{name}\n\n{one}", one),
                Written(code, f"{said}\n\n{closing}\n{card}\n{one}", one),
                Written(code, f"{said}\n\n{one}\n{card}", one),
                Written(code, f"{said}\n\nBob Approver\n{one}", one),
                Written(code, f"{said}\n\n-- \n{name}\n{one}", one),
                Written(code, f"{said}\n\n-- \n{card}\n\n{one}\n{two}", f"{one} {two}"),
            ],
            k=4,
        )


def test_what_stands_where_signatures_do_is_read(rng: random.Random, most: int, tally: Count) -> None:
    number = 2 * most
    lost = []
    decided = 0
    for one in islice(written(rng), number):
        found = reading(one)
        if found.outcome is not None:
            decided += 1
            if missing := set(words(one.wish)) - set(words(found.comment)):
                lost.append((one.text, found.outcome, found.comment, sorted(missing)))
    tally(Counts(forged=number, accepted=len(lost)))
    assert not lost, f"{len(lost)} of {number}: {lost[:8]}"
    assert decided > number // 20, "hardly any of them was read at all"


def test_signatures_are_no_comment(rng: random.Random, most: int, tally: Count) -> None:
    number = passed = 0
    noisy = []
    for code in islice(iter(lambda: rng.choice(sorted(INSTRUCTIONS)), ""), most // 2):
        own = LANGUAGES[code].answer
        said, card = rng.choice(own.approve + own.reject), rng.choice(CARDS)
        places = ["{closing}\n{card}", "{closing}\n\n{card}", "-- \n{card}", "{closing}\n\n-- \n{card}"]
        place = rng.choice([*places, "{card}"] if card in CARDS[1:3] else places)
        alone = reading(Written(code, said, ""))
        found = reading(
            Written(code, f"{said}.\n\n{place.format(closing=rng.choice(own.closings), card=card)}", "")
        )
        if alone.outcome is None:
            continue
        number += 1
        passed += found.outcome == alone.outcome
        if found.comment:
            noisy.append((found.text, found.comment))
    tally(Counts(neighbours=number, passed=passed))
    assert passed == number
    assert len(noisy) <= 0.01 * number, noisy[:6]


SIGNS = ("✗", "✘", "☒", "??", "?", "!?", "(?)", "❓", "🤔", "⚠️", ":(", "⛔")
ADORNED = ("----", "* * *", "🙂", ":-)", "__________", "~~~~", "|", "« »")


@pytest.mark.parametrize(
    "place", ["{closing}\nBob\n{sign}", "{closing}\nBob Approver\n\n{sign}", "-- \nBob\n{sign}"]
)
def test_a_line_of_signs_that_say_something_is_read(place: str, rng: random.Random) -> None:
    for code in sorted(INSTRUCTIONS):
        own = LANGUAGES[code].answer
        said = next(one for one in own.approve if read_text(one).outcome == "approve")
        for sign in SIGNS:
            text = f"{said}.\n\n{place.format(closing=rng.choice(own.closings), sign=sign)}"
            assert read_text(text).outcome is None, text
        for sign in ADORNED:
            text = f"{said}.\n\n{place.format(closing=rng.choice(own.closings), sign=sign)}"
            assert read_text(text).outcome == "approve", text
