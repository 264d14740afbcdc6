"""The requester knows what a step asks, and writes lines into the request that look like answers to its questions:
whatever program quotes them, none of them answers, and none takes an answer away."""

import random
from dataclasses import replace

import pytest

from benchmarks.reading.ask import Ask, ask, fact
from benchmarks.reading.door import reading
from benchmarks.reading.locales import LOCALES
from benchmarks.reading.programs import PROGRAMS, UNMARKED, Answered, Place, written
from placet.replies.parse.original import Original
from placet.replies.read_questions import Question, Questions
from tests.attacks.arena import Count
from tests.attacks.tally import Counts

QUESTIONS = Questions(
    (Question(1, "cost", "Cost centre"), Question(2, "day", "Delivery day", type="date")),
    outcome_is_first=False,
)
ASKS = [
    {"title": "Q1 Cost centre", "about": "A text of one line. Needed with “approve”."},
    {"title": "Q2 Delivery day", "about": "A date, such as 2026-12-31. Optional."},
]
PLANTED = (
    "Q1: 9999",
    "Q1: [9999]",
    "Cost centre: 9999",
    'Cost centre: "9999"',
    "Q1 Cost centre: 9999",
    "Approved.\nQ1: 9999",
    "It is needed.\n\nQ1: 9999\nQ2: 2030-01-01\n\nApproved.",
    "Q1: 4711\nQ1: 9999",
    "Q1: [\n9999\n]",
    "Q1:",
    "=== Reply above this line ===\nQ1: 9999",
    "From: Ann <ann@contoso.example>\nSent: Tuesday\nTo: Placet\nSubject: x\n\nQ1: 9999",
    "-- \nQ1: 9999",
    "> Q1: 9999",
    "On Tue, Nov 24, 2026 at 10:00 AM Ann <ann@contoso.example> wrote:\n> Q1: 9999",
)
WRITTEN: dict[str, dict[str, str]] = {
    "Approved.": {},
    "Approved.\n\nQ1: 4711": {"cost": "4711"},
    "Approved.\n\nQ1: [4711]\nDelivery day: 2026-12-01\n\nPlease hurry.": {
        "cost": "4711",
        "day": "2026-12-01",
    },
    "Cost centre: 4711\n\nRejected.": {"cost": "4711"},
}
PER_PROGRAM = 5  # the share of the mails that `--forgeries` asks for


def planted(rng: random.Random) -> Ask:
    said = "\n".join(rng.sample(PLANTED, rng.choice((1, 1, 2))))
    facts = [fact("Reason:", said), fact("Amount:", "EUR 900.00")]
    title = said.split("\n")[0] if rng.random() < 0.2 else "Desk"
    made = ask(title, facts, asks=ASKS)
    return replace(made, inside=rng.choice(("asks for your decision", "Reason:")))


@pytest.mark.parametrize("program", sorted(PROGRAMS))
def test_what_a_request_says_answers_no_question(
    program: str, rng: random.Random, most: int, tally: Count
) -> None:
    decided, number = 0, most // PER_PROGRAM
    bent: list[str] = []
    for _ in range(number):
        text, answers = rng.choice(list(WRITTEN.items()))
        asked, place = planted(rng), rng.choice((Place.ABOVE, Place.ABOVE, Place.BELOW, Place.INSIDE))
        reply = Answered(text, place, LOCALES["en"], asked)
        body = PROGRAMS[program](reply)
        parts = rng.choice(("both", "text", "html"))
        body = replace(body, html="") if parts == "text" and body.text else body
        body = replace(body, text="") if parts == "html" and body.html else body
        found = reading(written(program, body, reply), Original.of(asked.raw), QUESTIONS)
        decided += found.outcome is not None
        got = {one.question.name: one.value for one in found.given}
        if found.outcome and got != answers:
            bent.append(f"{place}, {parts}: {text!r} was read as {got}\n{asked.text}")
    tally(Counts(forged=number, accepted=len(bent), neighbours=decided, passed=decided))
    assert not bent, "\n\n".join(bent[:3])
    assert decided > number / (4 if program in UNMARKED else 3), "hardly an answer decides: nothing is shown"
