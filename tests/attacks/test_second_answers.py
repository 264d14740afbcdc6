"""A second answer beside the first one, in the same language or in another: below a closing, behind a name, as a
thumb. A reply that says both decides nothing. "Accepted" are those that decided while the other answer stands where
names and titles do, or is in no comment."""

import random
from collections.abc import Iterator
from itertools import islice

from placet.replies.read import read_text
from placet.replies.read_tokens import composed, tokens
from tests.attacks.arena import Count
from tests.attacks.instructions import INSTRUCTIONS
from tests.attacks.tally import Counts
from tests.words import LANGUAGES

# Where a second answer has a line or a place between two signs for itself.
APART = (
    "{closing}\nBob\n{more}",
    "{closing}\n{more}",
    "{closing}\n{more}\nBob",
    "{closing}\nBob\n\n{more}",
    "{closing},\nBob Miller\nSales\n{more}",
    "{closing}\nBob\n{more}\nSales",
    "{closing}\nBob\n+49 30 1234567\n{more}",
    "{closing}\nBob\n[{more}]",
    "{closing}\nBob\n* {more}",
    "{closing}\nBob, {more}",
    "{closing}\nBob ({more})",
    "{closing}\nBob. {more}",
    "Bob Miller\n{more}",
    "-- \nBob\n{more}",
    "--\n{more}",
    "Sent from my iPhone\n{more}",
)
# Where it may belong to a name or a sentence.
JOINED = (
    "{closing} {more}",
    "{closing}, {more}",
    "{closing}\nBob {more}",
    "{closing}\nBob - {more}",
    "Bob\n{more}",
)
SENTENCE = 3  # words, from which on a line below a closing may say more in another language
THUMBS = {"approve": ("👍", "✅", "👍🏽"), "reject": ("👎", "❌", "👎🏽")}


def answers(code: str, outcome: str) -> list[str]:
    """Phrases that alone are this answer."""
    own = LANGUAGES[code].answer
    said = (*getattr(own, outcome), *getattr(own, f"{outcome}_weak"))
    return [text for text in said if len(text) > 1]


def contradicting(rng: random.Random) -> Iterator[tuple[str, str, str]]:
    """A text that gives an answer, another one as it is written below it, and a closing, without end."""
    codes = sorted(INSTRUCTIONS)
    while True:
        code, outcome = rng.choice(codes), rng.choice(("approve", "approve", "reject"))
        other = "reject" if outcome == "approve" else "approve"
        said = rng.choice(getattr(LANGUAGES[code].answer, outcome))
        second = rng.choice((code, "en", rng.choice(codes)))
        more = rng.choice((*rng.choices(answers(second, other), k=5), rng.choice(THUMBS[other])))
        if read_text(said).outcome != outcome or read_text(more).outcome != other:
            continue
        if read_text(f"{said}.\n\n{more}").outcome is not None:
            continue  # a word that means something else in the other language
        written = rng.choice((more, more.capitalize(), more.title(), more.upper())) + rng.choice(("", "."))
        if read_text(written).outcome != other:
            continue  # in capitals it may be another word
        yield said, written, rng.choice(LANGUAGES[code].answer.closings)


def test_a_second_answer_counts_wherever_it_stands(rng: random.Random, most: int, tally: Count) -> None:
    decided = []
    for said, more, closing in islice(contradicting(rng), most):
        place = rng.choice((*APART, rng.choice(JOINED)))
        text = f"{said}.\n\n{place.format(closing=closing, more=more)}"
        found = read_text(text)
        if found.outcome is not None and (place in APART or composed(more) not in found.comment):
            decided.append((text, found.comment))
    tally(Counts(forged=most, accepted=len(decided)))
    assert not decided, f"{len(decided)} of {most}: {decided[:8]}"


def test_names_titles_and_the_same_answer_again_are_no_second_answer(
    rng: random.Random, most: int, tally: Count
) -> None:
    number = passed = 0
    refused = []
    for said, _more, closing in islice(contradicting(rng), most // 4):
        alone = read_text(said).outcome
        again = said.capitalize() if len(tokens(said)) < SENTENCE else "Bob"
        more = rng.choice(("Sales", "Head of Rejects", "Ann Novak", "IT", "Jan de Vries", "Oslo", again))
        text = f"{said}.\n\n{rng.choice(APART).format(closing=closing, more=more)}"
        number += 1
        if read_text(text).outcome == alone:
            passed += 1
        else:
            refused.append(text)
    tally(Counts(neighbours=number, passed=passed))
    assert not refused, f"{len(refused)} of {number}: {refused[:8]}"
