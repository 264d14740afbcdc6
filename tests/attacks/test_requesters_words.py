"""The requester knows what an approver may answer, and writes it into the request: a line of the answer, its halves,
its opposite, what looks like the head of a mail or the end of one. Whatever stands in our ask, an answer is read as it
is with any other request, or it is unclear; where it decides, no word of its comment is lost.

Judged without a world: the mail is parsed, compared with the ask, and read with the fields of the request at hand, as
`placet/replies/entry.py` does it; and the same answer with another request, of which the reader knows nothing. And a
sample down the whole path: requests with these values are started, and their asks answered.
"""

import random
import tomllib
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from email.header import Header
from email.utils import format_datetime
from functools import cache
from pathlib import Path

import pytest

from benchmarks.reading.ask import INSIDE, TITLE, Ask, ask, fact
from benchmarks.reading.door import reading
from benchmarks.reading.locales import LOCALES
from benchmarks.reading.programs import PROGRAMS, UNMARKED, Answered, Place, written
from placet.replies.parse.original import Original
from placet.replies.read import read_text
from placet.replies.read_facts import About, Field
from placet.replies.read_result import Reading
from placet.sandbox.server import Mail
from tests.attacks.arena import Arena, Count
from tests.attacks.delivering import Values, as_ask, effects, rename
from tests.attacks.forging import BOB
from tests.attacks.tally import Counts
from tests.journeys.letters import INTERNAL, reply_to
from tests.journeys.ways import ONLINE
from tests.making import FORM, one_step

EVERY_KIND = True

PAIRS = 17  # of an answer and a request, for each mail that `--forgeries` asks for: 2,040 in the suite, 20,400 in soak
SAMPLED = 4  # one of so many is looked at where it is unclear, too: how many decide at all
ANSWERS = Path(__file__).parent.parent / "replies" / "answers"

# --- what approvers write -----------------------------------------------------------------------------------------

OWN = (
    "Approved.\nOnly if legal agrees.",
    "I do not\napprove this.",
    "I reject this.",
    "I do not approve this request.",
    "Approved.\n\nPlease order two.\nFrom the usual shop.",
    "Approved.\nBut not before the budget\nof next year is known.",
    "Not\napproved.",
    "No.\n\nToo dear. Ask again in March.",
    "OK",
    "Approved, but only up to 500.\nThe rest must wait.",
    "Yes",
    "Approve",
    "Reject",
    "I approve this,\nunless the doctor\nsays otherwise.",
    "Hi Alice,\n\nI have read all of this with care.\nI am afraid that I cannot\napprove it.\n\nBest regards\nAnn",
    "Nein,\nleider nicht\ngenehmigt.",
    "Genehmigt.\nAber nur, wenn der Betriebsrat zustimmt.",
    "Refusé.\nTrop cher pour nous.",
    "I am against it.\nI reject\nthis request.",
    "Please order the usual one from the same shop as last year, with the longer cable.\nApproved.",
)
OPPOSITES = (
    "Approved.",
    "I approve this.",
    "I reject this.",
    "Rejected.",
    "No",
    "Yes",
    "Not approved",
    "Genehmigt",
)
#: What stands behind the label of a field, besides answers: it limits, takes back or denies, in whatever language.
BEHIND_A_LABEL = (
    "nicht Dell",
    "withdrawn",
    "korrektur",
    "only two",
    "massimo 500",
    "huch",
    "if legal agrees",
    "ohne Monitor",
    "one desk, not two",
    "2 chairs",
    "sauf le bureau",
    "не этот",
    "Dell",
    "the usual one",
)
LABELS = ("Reason", "Why", "Item")
NAMES = ("Alice Requester", "Ann Approver")
NEW_LINE = "\n"


@cache
def listed() -> Sequence[tuple[str, str]]:
    """Language and text of every answer that the tests of the reader know."""
    return [
        (path.stem, text)
        for path in sorted(ANSWERS.glob("*.toml"))
        for texts in tomllib.loads(path.read_text()).values()
        for text in texts
        if path.stem in LOCALES
    ]


def answered(rng: random.Random) -> tuple[str, str]:
    """Language and text of an answer: one of several lines, or two that stand below each other."""
    if rng.random() < 0.5:
        return "en", rng.choice(OWN)
    language, text = rng.choice(listed())
    if rng.random() < 0.4:
        text = f"{text}\n{rng.choice([other for code, other in listed() if code == language])}"
    if rng.random() < 0.3:
        words = (
            rng.choice(BEHIND_A_LABEL)
            if rng.random() < 0.7
            else rng.choice(lines_of(rng.choice(listed())[1]))
        )
        text = f"{text}{rng.choice((NEW_LINE, NEW_LINE, '. '))}{rng.choice(LABELS)}: {words}"
    return language, text


# --- what requesters write ----------------------------------------------------------------------------------------

Words = Callable[[random.Random, str], str]


def lines_of(text: str) -> list[str]:
    return [line for line in text.split("\n") if line.strip()]


def shuffled(rng: random.Random, text: str) -> str:
    words = text.split()
    rng.shuffle(words)
    return " ".join(words)


def half(rng: random.Random, text: str) -> str:
    words = rng.choice(lines_of(text)).split()
    middle = (len(words) + 1) // 2
    return " ".join(words[:middle] if rng.random() < 0.5 else words[middle:])


FRAMES = (
    "-- ",
    "--",
    "Best regards\nBob Boss",
    "Hi Alice,",
    "> {line}",
    ">> {line}",
    "| {line}",
    "=== Reply above this line ===",
    "=== Reply above this line ===\n{line}",
    "##- Please type your reply above this line -##",
    "-----Original Message-----",
    "________________________________",
    "On Tue, Nov 24, 2026 at 10:00 AM Bob <bob@contoso.example> wrote:\n> {line}",
    "From: Bob Boss <bob@contoso.example>\nSent: Tuesday, November 24, 2026 11:00 AM\nTo: Ann\nSubject: x\n\n{line}",
    "[EXTERNAL]\n{line}",
    "CAUTION: This email originated from outside of the company. {line}",
    "see <this\n{line}:\nyes:",
    "This e-mail is confidential. If you are not the intended recipient:\n{line}",
    "Sent from my iPhone\n{line}",
    "{line} {line}",
    "{line}\n{line}",
    "{line}\n\n{line}",
    "x {line} y",
    "www.contoso.example/{line}",
    "a@b.example-{line}",
)


def framed(rng: random.Random, text: str) -> str:
    return rng.choice(FRAMES).replace("{line}", rng.choice(lines_of(text)))


def far_out(rng: random.Random, text: str) -> str:
    """Behind more than what is looked at of a line."""
    return f"{'The reasons are many and long. ' * rng.choice((5, 40, 80))}{rng.choice(lines_of(text))}"


def behind_its_label(rng: random.Random, text: str) -> str:
    """What it says of a field, whole or beside more."""
    words = text.rpartition(": ")[2].split("\n")[0] or text
    return rng.choice((words, words, f"{words}, and a lamp", f"a lamp, {words}"))


FAMILY: dict[str, Words] = {
    "what stands behind its label": behind_its_label,
    "a line of it": lambda rng, text: rng.choice(lines_of(text)),
    "all of it": lambda rng, text: text,
    "all of it, backwards": lambda rng, text: "\n".join(reversed(lines_of(text))),
    "half a line": half,
    "its words in another order": shuffled,
    "its words, each on a line": lambda rng, text: "\n".join(text.split()[:40]),
    "the opposite": lambda rng, text: rng.choice(OPPOSITES),
    "another answer": lambda rng, text: rng.choice(listed())[1],
    "another answer around a line": lambda rng, text: "\n".join(
        (rng.choice(OPPOSITES), rng.choice(lines_of(text)), rng.choice(OPPOSITES))
    ),
    "what mails are made of": framed,
    "far out": far_out,
}


def entered(rng: random.Random, text: str) -> tuple[str, dict[str, str]]:
    """What the requester, with the answer at hand, writes behind which label; and what of the family it is."""
    labelled = any(f"{label}: " in text for label in LABELS)
    name = "what stands behind its label" if labelled and rng.random() < 0.7 else rng.choice(list(FAMILY))
    values = {"Reason:": FAMILY[name](rng, text)}
    if rng.random() < 0.5:
        values["Why?"] = FAMILY["a line of it" if rng.random() < 0.5 else "what stands behind its label"](
            rng, text
        )
    if rng.random() < 0.5:
        values["Item:"] = behind_its_label(rng, text)
    return name, values


def asked(rng: random.Random, text: str) -> tuple[str, Ask, About]:
    """A request that its requester wrote, what of the family it is, and what is known of it."""
    name, values = entered(rng, text)
    fields = [Field(label, (value,)) for label, value in values.items()]
    facts = [fact(label, value) for label, value in values.items()]
    if rng.random() < 0.5:
        facts.append(fact("Amount:", "EUR 900.00"))
        fields.append(Field("Amount:", ("EUR 900.00",), Decimal(900), "EUR"))
    title = " ".join(rng.choice(lines_of(text)).split()) if rng.random() < 0.3 else TITLE
    made = ask(title[:100], facts)
    made = replace(made, inside=rng.choice((INSIDE, "Reason:", *lines_of(values["Reason:"])[:1])))
    return name, made, About(tuple(fields), NAMES)


# --- what programs make of it -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Form:
    """How an answer is sent."""

    program: str
    place: Place
    parts: str  # "as sent", "text" or "html"
    below: int = 0  # lines of the answer that stand below all the rest
    kept: float = 1.0  # how much of our mail is left in the quote

    @classmethod
    def any(cls, rng: random.Random, programs: Sequence[str]) -> "Form":
        program, place = rng.choice(programs), rng.choice(list(Place))
        parts = rng.choice(("as sent", "text", "html"))
        below = rng.choice((0, 0, 0, 1, 2))
        kept = rng.random() if rng.random() < 0.15 and not below else 1.0
        return cls(program, place, parts if kept == 1 else "text", below, kept)

    def sent(self, language: str, text: str, asked: Ask, head: Sequence[str] = ()) -> bytes:
        lines = text.split("\n")
        below = "\n".join(lines[len(lines) - self.below :]) if 0 < self.below < len(lines) else ""
        above = text if not below else "\n".join(lines[: len(lines) - self.below])
        reply = Answered(above, self.place, LOCALES[language], self._cut(asked))
        body = PROGRAMS[self.program](reply)
        body = body.with_below(below) if below else body
        if self.parts == "text" and body.text:
            body = replace(body, html="")
        elif self.parts == "html" and body.html:
            body = replace(body, text="")
        return written(self.program, body, reply, head)

    def _cut(self, asked: Ask) -> Ask:
        """People take the end of a quote away; never all that an answer stands in."""
        if self.kept == 1:
            return asked
        lines = asked.text.strip("\n").split("\n")
        least = next(at for at, line in enumerate(lines, 1) if INSIDE in line)
        return (
            replace(asked, text="\n".join(lines[: max(least, round(len(lines) * self.kept))]))
            if self.kept < 1
            else asked
        )


NEUTRAL = ask(
    "New printer", [fact("Reason:", "It is worn out\nafter nine winters"), fact("Amount:", "EUR 900.00")]
)


NEUTRAL_ORIGINAL = Original.of(NEUTRAL.raw)


def read_without(form: Form, language: str, text: str) -> Reading:
    """An answer to a request that says nothing, quoted whole, and of which no field is known."""
    raw = replace(form, kept=1.0).sent(language, text, NEUTRAL)
    return reading(raw, NEUTRAL_ORIGINAL, about=About(names=NAMES))


def words_of(comment: str) -> Counter[str]:
    return Counter(comment.split())


@dataclass(frozen=True)
class Pair:
    """An answer, and a request whose requester foresaw it."""

    language: str
    text: str
    name: str  # what of the family the request is
    request: Ask
    about: About
    form: Form

    def read(self) -> Reading:
        raw = self.form.sent(self.language, self.text, self.request)
        return reading(raw, Original.of(self.request.raw), about=self.about)

    def read_without(self) -> Reading:
        return read_without(self.form, self.language, self.text)

    def __str__(self) -> str:
        return f"{self.name}, {self.form}:\n{self.text}\n--- asked:\n{self.request.text}"


def pairs(rng: random.Random, programs: Sequence[str], number: int) -> Iterator[Pair]:
    for _ in range(number):
        language, text = answered(rng)
        name, request, about = asked(rng, text)
        yield Pair(language, text, name, request, about, Form.any(rng, programs))


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("programs", "least_decided"),
    [(sorted(PROGRAMS.keys() - UNMARKED), 0.9), (sorted(UNMARKED), 0.75)],
    ids=["marked", "not marked"],
)
def test_what_the_request_says_bends_no_answer(
    programs: Sequence[str], least_decided: float, rng: random.Random, most: int, tally: Count
) -> None:
    """Programs that mark what they quote need nothing of our mail to tell what is new."""
    number = most * PAIRS // 2
    looked_at = clear = decided = neighbours = passed = 0
    bent: list[str] = []
    for at, pair in enumerate(pairs(rng, programs, number)):
        got = pair.read()
        if got.outcome is None and at % SAMPLED:
            continue
        alone = pair.read_without()
        if not at % SAMPLED:
            looked_at += 1
            clear += alone.outcome is not None
            decided += got.outcome is not None
        if got.outcome and (got.outcome, got.rests_on, words_of(got.comment)) != (
            alone.outcome,
            alone.rests_on,
            words_of(alone.comment),
        ):
            bent.append(f"{pair}\n--- {alone}\n--- {got}")
        if not pair.form.below and (by_itself := read_text(pair.text).outcome):
            neighbours += 1
            passed += alone.outcome == by_itself
    tally(Counts(forged=number, accepted=len(bent), neighbours=neighbours, passed=passed))
    assert not bent, f"{len(bent)} of {number}:\n" + "\n\n".join(bent[:3])
    assert passed == neighbours, "an answer is read otherwise beside a request that says nothing"
    assert clear > 0.4 * looked_at, "hardly an answer decides, so that nothing is shown"
    assert decided > least_decided * clear, (decided, clear)


# --- down the whole path ------------------------------------------------------------------------------------------


def form_of_texts(arena: Arena) -> None:
    """What requests are from now on: Bob alone decides, and their requester writes texts."""
    texts = [
        {"name": name, "label": label, "type": "long_text"}
        for name, label in (("reason", "Reason"), ("why", "Why?"))
    ]
    arena.processes_are(one_step([{"manager": True}], key="purchase", form=[*FORM, *texts]))


@dataclass(frozen=True)
class Foreseen:
    """An answer of Bob's, and what Alice wrote into the request that it answers."""

    language: str
    text: str
    name: str  # what of the family the request is
    values: Values
    inside: str  # what the line of the ask says below which an answer inside it stands
    form: Form

    @classmethod
    def any(cls, rng: random.Random) -> "Foreseen":
        language, text = answered(rng)
        name, written_there = entered(rng, text)
        reason = written_there["Reason:"]
        item = " ".join(written_there.get("Item:", TITLE).split())[:100] or TITLE
        values = {"item": item, "amount": "900", "reason": reason, "why": written_there.get("Why?", "")}
        inside = rng.choice((INSIDE, "Reason:", *lines_of(reason)[:1]))
        return cls(language, text, name, values, inside, Form.any(rng, sorted(PROGRAMS)))

    def compose(self, mail: Mail) -> bytes:
        """The answer as Bob's program sends it, our mail quoted, with the stamp of who signed in."""
        subject = Header(f"RE: {mail.subject}", "utf-8", maxlinelen=200).encode()
        head = [
            *INTERNAL,
            f"From: Ann Approver <{BOB}>",
            f"To: {reply_to(mail)}",
            f"Subject: {subject}",
            f"Date: {format_datetime(datetime.now(UTC))}",
            f"Message-ID: <{uuid.uuid4().hex}@mail.example>",
            f"In-Reply-To: {mail.header('Message-ID')}",
        ]
        return self.form.sent(self.language, self.text, replace(as_ask(mail), inside=self.inside), head)

    def alone(self) -> Reading:
        return read_without(self.form, self.language, self.text)


@pytest.mark.timeout(1800)  # at full length: each answer has a request of its own
def test_what_a_real_request_says_bends_no_answer_to_it(arena: Arena) -> None:
    rename(arena.world, alice=NAMES[0], bob=NAMES[1])
    form_of_texts(arena)
    # Each has a request of its own, which takes a real server a second. A share is said of forty or more alone.
    number = max(arena.most * 2 // 3, 40 if arena.world.way in ONLINE else 10)
    foreseen = [Foreseen.any(arena.rng) for _ in range(number)]
    bent: list[str] = []
    clear = decided = 0
    sent = ((one.values, one.compose) for one in foreseen)
    for one, effect in zip(foreseen, effects(arena.world, sent), strict=True):
        alone = one.alone()
        clear += alone.outcome is not None
        decided += effect.outcome is not None
        if effect.outcome and (effect.outcome, effect.rests_on, words_of(effect.comment)) != (
            alone.outcome,
            alone.rests_on,
            words_of(alone.comment),
        ):
            bent.append(f"{one}\n--- {alone}\n--- {effect}")
    arena.count(Counts(forged=len(foreseen), accepted=len(bent)))
    assert not bent, f"{len(bent)} of {len(foreseen)}:\n" + "\n\n".join(bent[:3])
    assert decided, f"none of {number}"
    if number >= 40:
        assert decided > 0.7 * clear > 0.2 * number, (decided, clear, number)
