"""The short replies in whole mails: whether a program and a quote around an answer change how it is read.

Each text is written by the programs of `programs.py`, in the language of its row, above, below and inside the quote
of an ask, and read with and without the ask being known. What it is compared with is the same text alone. Above the
quote every text goes through every program; below and inside through SAMPLED of them, a different choice for each row.
Each of them must also be taken for an answer to our mail.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.reading.answers import LEAST_IN_A_LANGUAGE, UNCLEAR, by_placet, printable
from benchmarks.reading.ask import ADDRESS, APPROVER_ADDRESS, ENTERED, ask
from benchmarks.reading.corpora import Answer
from benchmarks.reading.door import parsed, reading
from benchmarks.reading.locales import LOCALES
from benchmarks.reading.programs import PROGRAMS, UNMARKED, Answered, Place, write
from benchmarks.reading.report import Section, Target, share, table
from placet.replies.parse.answered import Ours, Quoted, quoted
from placet.replies.parse.original import Original, words_of

SAMPLED = 4
SHOWN = 40  # errors that are listed
SAME, DIFFERENT, LOST, GAINED = "same", "different", "lost", "gained"
LEAST_DECIDED = 90.0  # percent of the clear ones


@dataclass(frozen=True)
class Result:
    """One text in one mail."""

    row: Answer
    program: str
    place: Place
    known: bool  # whether the ask was known
    alone: str  # outcome of the text alone
    got: str
    why: str
    ours: bool  # whether it is taken for an answer to our mail

    @property
    def kind(self) -> str:
        """`gained` is the dangerous one beside `different`: decided in the mail, and unclear alone."""
        if self.got == self.alone:
            return SAME
        if self.got == UNCLEAR:
            return LOST
        return GAINED if self.alone == UNCLEAR else DIFFERENT

    @property
    def wrong(self) -> bool:
        return self.got not in (UNCLEAR, self.row.label)

    @property
    def decided(self) -> bool:
        return self.row.clear and self.got == self.row.label


def mails(rows: Sequence[Answer]) -> Iterator[tuple[Answer, str, Place, bytes]]:
    """Every text in every mail that is measured."""
    asked = ask()
    names = list(PROGRAMS)
    for at, row in enumerate(rows):
        sampled = {names[(at + step * 5) % len(names)] for step in range(SAMPLED)}
        for place in Place:
            for program in names if place is Place.ABOVE else sorted(sampled):
                reply = Answered(row.text, place, LOCALES[row.language], asked)
                yield row, program, place, write(program, reply)


def as_ours() -> Ours:
    """The ask, as an answer to it is known."""
    return Ours(
        Original.of(ask().raw),
        chosen=frozenset(words_of(ENTERED)),
        addresses=frozenset({ADDRESS}),
        answerers=frozenset({APPROVER_ADDRESS}),
    )


def measure(rows: Sequence[Answer]) -> Iterator[Result]:
    ours = as_ours()
    alone = {row.id: by_placet(row.text)[0] for row in rows}
    for row, program, place, raw in mails(rows):
        is_ours = quoted(parsed(raw), ours) is Quoted.OURS
        for known in (True, False):
            found = reading(raw, ours.original if known else None)
            outcome = found.outcome or UNCLEAR
            yield Result(row, program, place, known, alone[row.id], outcome, str(found.why), is_ours)


def section(rows: Sequence[Answer]) -> Section:
    results = list(measure(rows))
    return Section(
        "Answers in whole mails",
        [*_by_place(results), "", *_by_program(results), "", *_errors(results)],
        list(_targets(results)),
        {
            "places": {
                f"{place}, ask {'known' if known else 'not known'}": _counts(_where(results, place, known))
                for place in Place
                for known in (True, False)
            },
            "programs": {
                program: _counts([one for one in results if one.program == program and one.known])
                for program in PROGRAMS
            },
        },
    )


def _where(results: Sequence[Result], place: Place, known: bool) -> list[Result]:
    return [one for one in results if one.place is place and one.known is known]


def _counts(results: Sequence[Result]) -> dict[str, Any]:
    kinds = Counter(one.kind for one in results)
    clear = sum(one.row.clear for one in results)
    return {
        "mails": len(results),
        **{kind: kinds[kind] for kind in (SAME, DIFFERENT, GAINED, LOST)},
        "wrong": sum(one.wrong for one in results),
        "decided_percent": share(sum(one.decided for one in results), clear),
    }


_HEAD = ("mails", "same as alone", "other decision", "only here", "lost", "wrong", "clear decided %")


def _by_place(results: Sequence[Result]) -> list[str]:
    rows = [
        [
            f"{place}, ask {'known' if known else 'not known'}",
            *_counts(_where(results, place, known)).values(),
        ]
        for place in Place
        for known in (True, False)
    ]
    return table(["answer", *_HEAD], rows)


def _by_program(results: Sequence[Result]) -> list[str]:
    rows = [
        [program, *_counts([one for one in results if one.program == program and one.known]).values()]
        for program in PROGRAMS
    ]
    return table(["program (ask known)", *_HEAD], rows)


def _errors(results: Sequence[Result]) -> Iterator[str]:
    """Of the two thirds that may be looked at, the dangerous ones first. Without the ask, what stands below or
    inside a quote that has no marks cannot be found, and is left out here."""
    shown = [one for one in results if not one.row.held_back and one.kind != SAME and not _hopeless(one)]
    groups: dict[tuple[str, ...], list[Result]] = {}
    for one in shown:
        known = "ask known" if one.known else "ask not known"
        groups.setdefault((one.kind, one.program, one.place, known, one.why), []).append(one)
    yield f"read otherwise than alone, in the two thirds: {len(shown)}; {SHOWN} kinds of them:"
    order = sorted(groups.items(), key=lambda group: (_DANGER[group[0][0]], -len(group[1])))
    for (kind, program, place, known, why), ones in order[:SHOWN]:
        yield f"  {len(ones):>5} × {kind}: {program}, {place}, {known}, {ones[0].row.id}: {printable(why)}"


_DANGER = {DIFFERENT: 0, GAINED: 1, LOST: 2}


def _hopeless(one: Result) -> bool:
    return one.kind == LOST and not one.known and one.place is not Place.ABOVE and one.program in UNMARKED


def _targets(results: Sequence[Result]) -> Iterator[Target]:
    wrong = sum(one.wrong for one in results)
    gained = sum(one.wrong and one.kind != SAME for one in results)
    yield Target("no wrong decision", f"{wrong} wrong, {gained} of them not read so alone", not wrong)
    known = [one for one in results if one.known]
    others = Counter(one.program for one in known if not one.ours)
    yield Target(
        "every one taken for an answer to our mail",
        f"{len(known) - others.total()} of {len(known)}"
        + "".join(f", {name} not {n}" for name, n in others.items()),
        not others,
    )
    percent = _counts(known)["decided_percent"]
    yield Target(
        f"at least {LEAST_DECIDED:.0f} % of the clear ones decided where the ask is known",
        f"{percent} %",
        percent >= LEAST_DECIDED,
    )
    languages = {
        code: _counts([one for one in known if one.row.language == code])["decided_percent"]
        for code in sorted({one.row.language for one in known})
    }
    below = [f"{code} {found} %" for code, found in languages.items() if found < LEAST_IN_A_LANGUAGE]
    yield Target(
        f"at least {LEAST_IN_A_LANGUAGE:.0f} % in every language",
        ", ".join(below) or f"the lowest {min(languages.values(), default=100.0)} %",
        not below,
    )
