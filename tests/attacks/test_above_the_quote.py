"""What people write directly above the head of a quote: a date, an address or a label in it makes it look like a part
of the head, and a condition that is taken for one is lost.

In the words of every language and with the heads that its mail programs write, whole and wrapped. "Accepted" are those
that decided while a word was lost; neighbours are the same replies without the line.
"""

import random
from collections.abc import Iterator
from itertools import islice

from benchmarks.reading.ask import APPROVER_ADDRESS, ask
from benchmarks.reading.door import parsed
from benchmarks.reading.locales import LOCALES
from placet.replies.parse.original import Original
from placet.replies.read import read_mail, read_text
from tests.attacks.arena import Count
from tests.attacks.instructions import INSTRUCTIONS, NAMES
from tests.attacks.tally import Counts
from tests.attacks.test_lost_instructions import Written, lost, mail
from tests.words import LANGUAGES

ASK = ask()
ORIGINAL = Original.of(ASK.raw)
MARKED = "\n".join(f"> {line}".rstrip() for line in ASK.text.splitlines())
WHO = {
    "who": "Placet <approvals@contoso.example>", "name": "Placet", "address": "approvals@contoso.example",
}  # fmt: skip
ANSWERS = {code: LANGUAGES[code].answer.approve for code in INSTRUCTIONS}
#: What makes a line look like one of a head.
VALUES = (
    "24.12.2026 10:00", "2026", "31.12.2026", "1.1.2027, 8:30", "billing@dell.example", "<billing@dell.example>",
    "tom@dell.example, 24.12.2026 10:00",
)  # fmt: skip


def heads(code: str) -> Iterator[tuple[str, str]]:
    """What stands above a quote, and the quote."""
    locale = LOCALES[code]
    for template in (locale.gmail, locale.apple, locale.thunderbird, locale.yahoo):
        if template:
            head = template.format(**WHO)
            yield head, MARKED
            yield _wrapped(head), MARKED
    sender, sent, to, subject = locale.labels
    block = (
        f"{sender} {WHO['who']}\n{sent} {locale.sent}\n{to} Ann <{APPROVER_ADDRESS}>\n{subject} {ASK.subject}"
    )
    yield block, ASK.text
    yield "", MARKED


def _wrapped(head: str) -> str:
    """As programs wrap it before an address that would not fit into the line."""
    return head.replace(" <", "\n<", 1)


def lines(rng: random.Random, code: str) -> Iterator[str]:
    made = rng.choice(INSTRUCTIONS[code]).format(n=rng.randrange(10, 9999), name=rng.choice(NAMES))
    value = rng.choice(VALUES)
    yield f"{made} {value}"
    yield f"{made.capitalize()}: {value}"
    yield f"{rng.choice(NAMES)}: {value}"
    yield f"{value} {made}"
    labels = (*rng.sample(NAMES, 2), made.capitalize())
    yield "\n".join(f"{label}: {one}" for label, one in zip(labels, rng.sample(VALUES, 3), strict=True))


def replies(rng: random.Random) -> Iterator[tuple[Written, Written]]:
    """A reply with a line above the head of its quote, and the same without it. No two lines share an answer: many
    answers are not clear beside any line, and a few of them must not be most of what is judged."""
    codes = sorted(INSTRUCTIONS.keys() & LOCALES.keys())
    while True:
        code = rng.choice(codes)
        said = rng.choice(ANSWERS[code])
        head, quoted = rng.choice(list(heads(code)))
        line = rng.choice(list(lines(rng, code)))
        gap = rng.choice(("\n", "\n\n"))
        below = f"{head}\n\n{quoted}" if head else quoted
        yield (
            Written(code, f"{said}.\n{line}{gap}{below}", f"{said}.\n{line}"),
            Written(code, f"{said}.\n\n{below}", f"{said}."),
        )


def test_no_line_above_the_head_of_a_quote_is_lost(rng: random.Random, most: int, tally: Count) -> None:
    forged = neighbours = passed = decided = 0
    bent = []
    for one, without in islice(replies(rng), most):
        alone = read_mail(parsed(mail(without.text), ORIGINAL))
        neighbours += 1
        passed += alone.outcome == read_text(without.wish).outcome
        found = read_mail(parsed(mail(one.text), ORIGINAL))
        forged += 1
        decided += found.outcome is not None
        if found.outcome is not None and lost(Written(one.language, one.wish, ""), found):
            bent.append((one.text[:200], found.comment))
    tally(Counts(forged=forged, accepted=len(bent), neighbours=neighbours, passed=passed))
    assert not bent, f"{len(bent)} of {forged}: {bent[:5]}"
    assert passed == neighbours
    assert decided > forged // 10, "hardly any of them was read at all"
