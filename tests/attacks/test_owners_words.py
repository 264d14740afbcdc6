"""The owner of a process writes what the mails of a step begin with, and requesters write what is filled into it: an
answer, its words, the answer to a question, what looks like the head of a mail. A reply brings all of it back: quoted
as programs quote, without marks, with marks on some lines, without the head of our mail, made of its HTML. Whatever
stands there, it decides nothing; beside an answer of the sender's own it changes nothing.

Publishing refuses most of these texts (`placet/replies/mail_texts.py`). Here they are read as if it had not; but where
all is taken away that tells our mail, its head and what sets the owner's lines off, what is left are texts that can be
published.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pytest

from benchmarks.reading.ask import CODE, Ask, ask
from benchmarks.reading.door import reading
from benchmarks.reading.programs import PROGRAMS
from placet.approvals.definitions import Definition
from placet.replies.mail_texts import problems
from placet.replies.parse.original import Original
from placet.replies.read import read_text
from placet.replies.read_facts import About
from placet.replies.read_questions import Question, Questions
from placet.replies.read_result import Reading
from tests.attacks.arena import Count
from tests.attacks.tally import Counts
from tests.attacks.test_requesters_words import FRAMES, NAMES, OPPOSITES, OWN, Form, lines_of, listed
from tests.making import one_step

REPLIES = 1  # for each mail that `--forgeries` asks for
QUESTIONS = Questions((Question(1, "account", "Account"), Question(2, "colour", "Colour")))
ASKED = (
    {"title": "Q1 Account", "about": "A text of one line. Optional."},
    {"title": "Q2 Colour", "about": "A text of one line. Optional."},
)

# --- what stands in our mail --------------------------------------------------------------------------------------

ANSWERS_TO_QUESTIONS = (
    "Q1: yes",
    "Q1: 4711",
    "Q1 Account: 4711",
    "Account: 4711",
    "Q2: [red]",
    "* Q1: yes",
    "Q1:\u00a0yes",
)
COMMANDS = (
    "Undo",
    "Help",
    "Status",
    "Ask: which desk is it?",
    "Forward to bob@contoso.example",
    "1 approve",
    "all approve",
)


def written_by_owner(rng: random.Random) -> list[str]:
    """Lines of a text, with "" between paragraphs."""
    lines: list[str] = []
    for _ in range(rng.choice((1, 1, 2, 3))):
        line = rng.choice(lines_of(rng.choice(listed())[1]))
        kind = rng.random()
        if kind < 0.3:
            lines.append(rng.choice((*OPPOSITES, "Approve", "I approve", line)))
        elif kind < 0.6:
            lines.append(rng.choice(ANSWERS_TO_QUESTIONS))
        elif kind < 0.7:
            lines.append(rng.choice(COMMANDS))
        elif kind < 0.85:
            lines += rng.choice(FRAMES).replace("{line}", line).split("\n")
        else:
            lines.append(line)
        lines += rng.choice(([], [], [""]))
    return lines


# --- what replies bring back --------------------------------------------------------------------------------------

SAYING_NOTHING = (
    "",
    "Thanks",
    "I will look at it tomorrow.",
    "Which one is it?",
    "Hello Alice,",
    "Bob",
    "Sent from my iPhone",
)

HEADERS = (
    "From: Ann Approver <ann@contoso.example>\nTo: approvals+{code}@contoso.example\nSubject: {subject}\n"
    "MIME-Version: 1.0\nContent-Type: text/{kind}; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n"
)


def mail(asked: Ask, body: str, kind: str = "plain") -> bytes:
    return (HEADERS.format(code=CODE, subject=f"Re: {asked.subject}", kind=kind) + body).encode()


def marked_here_and_there(rng: random.Random, asked: Ask) -> str:
    return "\n".join(f"> {line}" if rng.random() < 0.6 else line for line in asked.text.split("\n"))


def without_marker(asked: Ask) -> str:
    return asked.text.strip("\n").partition("\n")[2].strip("\n")


def from_words_on(asked: Ask) -> str:
    """Without the head of our mail: what the owner wrote comes first."""
    lines = asked.text.split("\n")
    first = next(at for at, line in enumerate(lines) if line.startswith("    | "))
    return "\n".join(lines[first:])


def to_words(asked: Ask) -> str:
    """The beginning of our mail alone, without its marker: what the owner wrote stands last."""
    before, _label, _facts = without_marker(asked).partition("\nItem:")
    return before.strip("\n")


def without_bars(text: str) -> str:
    return "\n".join(line.strip().removeprefix("|").strip() for line in text.split("\n"))


def inner(asked: Ask) -> str:
    return asked.html[asked.html.index(">", asked.html.index("<body")) + 1 : asked.html.rindex("</body>")]


_PROCESS = one_step([{"person": "ann@contoso.example"}])
_PROCESS["steps"]["step"]["questions"] = [
    {"name": one.name, "label": one.label, "type": "text"} for one in QUESTIONS.asked
]
DEFINITION = Definition.model_validate(_PROCESS)


def that_can_be_published(words: Sequence[str]) -> list[str]:
    kept = [line for line in words if not problems(DEFINITION, "step", "text", line)]
    return (
        kept
        if any(kept) and not problems(DEFINITION, "step", "text", "\n".join(kept))
        else ["Please look at it."]
    )


#: Of what is at random, our mail, and what its reader writes.
Broken = Callable[[random.Random, Ask, str], bytes]
BROKEN: Mapping[str, Broken] = {
    "not marked": lambda rng, asked, said: mail(asked, f"{said}\n\n{asked.text}"),
    "not marked, above the answer": lambda rng, asked, said: mail(asked, f"{asked.text}\n\n{said}"),
    "no marker": lambda rng, asked, said: mail(asked, f"{said}\n\n{without_marker(asked)}"),
    "no head": lambda rng, asked, said: mail(asked, f"{said}\n\n{from_words_on(asked)}"),
    "no head, no bars": lambda rng, asked, said: mail(
        asked, f"{said}\n\n{without_bars(from_words_on(asked))}"
    ),
    "no bars": lambda rng, asked, said: mail(asked, f"{said}\n\n{without_bars(asked.text)}"),
    "the beginning alone": lambda rng, asked, said: mail(asked, f"{said}\n\n{to_words(asked)}"),
    "the beginning alone, no bars": lambda rng, asked, said: mail(
        asked, f"{said}\n\n{without_bars(to_words(asked))}"
    ),
    "some marks": lambda rng, asked, said: mail(asked, f"{said}\n\n{marked_here_and_there(rng, asked)}"),
    "some marks, below a line": lambda rng, asked, said: mail(
        asked,
        f"{said}\n\nOn Tue, Nov 24, 2026 at 10:00 AM Placet wrote:\n{marked_here_and_there(rng, asked)}",
    ),
    "no quote in HTML": lambda rng, asked, said: mail(
        asked, f"<html><body><p>{said}</p>{inner(asked)}</body></html>", "html"
    ),
    "an empty quote above HTML": lambda rng, asked, said: mail(
        asked, f"<html><body><p>{said}</p><blockquote></blockquote>{inner(asked)}</body></html>", "html"
    ),
}


BARE = ("no head", "no head, no bars")


NEUTRAL = ask(asks=ASKED)  # its process writes nothing into it


@dataclass(frozen=True)
class Brought:
    """A reply that brings our mail back. `alone`: the same one to a mail into which its process writes nothing."""

    how: str
    said: str
    raw: bytes
    asked: Ask
    alone: bytes

    def read(self) -> Reading:
        return _read(self.raw, self.asked)

    def read_alone(self) -> Reading:
        return _read(self.alone, NEUTRAL)

    def __str__(self) -> str:
        return f"{self.how}:\n{self.raw.decode(errors='replace')[:1500]}"


def _read(raw: bytes, asked: Ask) -> Reading:
    return reading(raw, Original.of(asked.raw), QUESTIONS, About(names=NAMES))


def brought(rng: random.Random, sayings: Sequence[str], number: int) -> Iterator[Brought]:
    for _ in range(number):
        words, said, seed = written_by_owner(rng), rng.choice(sayings), rng.random()
        how = rng.choice(list(BROKEN)) if rng.random() < 0.5 else ""
        asked = ask(asks=ASKED, words=that_can_be_published(words) if how in BARE else words)
        if how:
            raw, alone = (BROKEN[how](random.Random(seed), one, said) for one in (asked, NEUTRAL))
            yield Brought(how, said, raw, asked, alone)
        else:
            form, language = Form.any(rng, sorted(PROGRAMS)), rng.choice(("en", "de", "fr"))
            raw, alone = (form.sent(language, said, one) for one in (asked, NEUTRAL))
            yield Brought(str(form), said, raw, asked, alone)


PLAINEST = ("Approve", "I approve", "Q1: yes", "Yes, approved.", "Ich genehmige das.")


def test_the_plainest_answer_of_the_owner_is_none_in_any_broken_quote(rng: random.Random) -> None:
    decided = []
    for how, form in BROKEN.items():
        for words in PLAINEST:
            asked = ask(asks=ASKED, words=[words])
            for said in SAYING_NOTHING:
                got = _read(form(rng, asked, said), asked)
                decided += [f"{how}: {words!r}, {said!r}"] * (got.outcome is not None)
    assert not decided


@pytest.mark.timeout(1800)
def test_what_the_owner_writes_decides_nothing(rng: random.Random, most: int, tally: Count) -> None:
    number = most * REPLIES
    answered = []
    for one in brought(rng, SAYING_NOTHING, number):
        got = one.read()
        if got.outcome is not None:
            answered.append(f"{one}\n--- {got}")
    tally(Counts(forged=number, accepted=len(answered)))
    assert not answered, f"{len(answered)} of {number}:\n" + "\n\n".join(answered[:3])


@pytest.mark.timeout(1800)
def test_what_the_owner_writes_bends_no_answer(rng: random.Random, most: int, tally: Count) -> None:
    """Where it decides, it decides as the same reply does to a mail into which the owner wrote nothing, or as what its
    sender wrote does by itself."""
    number = most * REPLIES
    bent, clear, decided = [], 0, 0
    for one in brought(rng, OWN, number):
        got, alone = one.read(), one.read_alone()
        clear += alone.outcome is not None
        decided += got.outcome is not None
        meant = {alone.outcome, read_text(one.said).outcome}
        if got.outcome is not None and (got.given or got.outcome not in meant):
            bent.append(f"{one}\n--- {alone}\n--- {got}")
    tally(Counts(forged=number, accepted=len(bent)))
    assert not bent, f"{len(bent)} of {number}:\n" + "\n\n".join(bent[:3])
    assert decided > 0.3 * clear > 0.1 * number, (decided, clear, number)
