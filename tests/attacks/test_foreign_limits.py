"""A limit or a doubt in another language than the answer's: people who work in two languages write "Genehmigt", and
below it "only two". "Accepted" are those that approve. What the answer's own language takes for something harmless, or
for the same answer again, is none.
"""

import random
from collections.abc import Iterator
from itertools import islice

from placet.replies.languages import SHARED
from placet.replies.read import read_text
from placet.replies.read_facts import About
from tests.attacks.arena import Count
from tests.attacks.instructions import INSTRUCTIONS, LIMITS
from tests.attacks.tally import Counts
from tests.words import LANGUAGES

ABOUT = About(names=("Alice Requester", "Bob Miller"))
SHARED_ANSWERS = {*LANGUAGES[SHARED].answer.approve}  # "please approve" is an answer in every language
PLACES = (
    "{said}\n{limit}", "{said}. {limit}.", "{said}\n\n{limit}", "{limit}\n{said}", "{said}\n\nBob\n{limit}",
    "{said}, {limit}", "Hi Alice,\n\n{said}.\n{limit}\n\nBob Miller",
)  # fmt: skip


def limits(rng: random.Random) -> Iterator[str]:
    """Texts with one, without end."""
    while True:
        code, other = rng.sample(sorted(INSTRUCTIONS), 2)
        said = rng.choice(LANGUAGES[code].answer.approve)
        amount = f"{rng.choice(LIMITS[other])} {rng.choice(('500', '2'))}"
        limit = rng.choice((amount, rng.choice(LANGUAGES[other].answer.doubts)))
        mine = rng.choice(LANGUAGES[other].answer.approve)
        if read_text(said).outcome != "approve" or read_text(f"{mine}.\n{limit}.").outcome is not None:
            continue  # what is none in its own language is none in another
        if read_text(limit).outcome is None and not SHARED_ANSWERS.intersection(limit.split()):
            place = rng.choice(PLACES)
            yield place.format(said=said.capitalize(), limit=rng.choice((limit, limit.capitalize())))


def test_a_limit_in_another_language_makes_an_approval_unclear(
    rng: random.Random, most: int, tally: Count
) -> None:
    approved = []
    for text in islice(limits(rng), most):
        found = read_text(text, about=ABOUT)
        if found.outcome == "approve":
            approved.append((text, found.comment))
    tally(Counts(forged=most, accepted=len(approved)))
    assert not approved, approved[:8]


def test_names_closings_and_comments_in_another_language_are_no_limit(
    rng: random.Random, most: int, tally: Count
) -> None:
    """Where they are asked back too, they are the same below an answer in their own language."""
    passed = number = 0
    for _ in range(most // 4):
        code, other = rng.sample(sorted(INSTRUCTIONS), 2)
        said, own = rng.choice(LANGUAGES[code].answer.approve), LANGUAGES[other].answer
        closing = f"\n\n{rng.choice(own.closings)}\nBob Miller"
        if (
            read_text(said).outcome != "approve"
            or read_text(f"{rng.choice(own.approve)}{closing}").outcome is None
        ):
            continue
        number += 1
        passed += read_text(f"{said.capitalize()}{closing}", about=ABOUT).outcome == "approve"
    tally(Counts(neighbours=number, passed=passed))
    assert passed == number
