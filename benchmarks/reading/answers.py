"""Short replies to outcomes: what the reader makes of them, beside two simple rules.

Two kinds of error count as wrong: an unclear reply read as a decision, and a decision read as its opposite.
The third of the rows that is held back is counted and never shown.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.reading.corpora import Answer
from benchmarks.reading.report import Section, Target, share, table
from placet.replies.read import read_text

UNCLEAR = "unclear"
LEAST_DECIDED = 95.0  # percent of the clear ones
LEAST_IN_A_LANGUAGE = 75.0
WRAPPED_AT = 70  # characters of a text that is shown

# What approval products take for an answer where one of these words stands alone on the first line.
_FEW_WORDS = {
    "approve": "approve", "approved": "approve", "yes": "approve",
    "reject": "reject", "rejected": "reject", "no": "reject",
}  # fmt: skip
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Result:
    """What was made of one row."""

    row: Answer
    got: str  # approve, reject, or unclear
    why: str

    @property
    def wrong(self) -> bool:
        return self.got not in (UNCLEAR, self.row.label)

    @property
    def decided(self) -> bool:
        return self.row.clear and self.got == self.row.label


def by_placet(text: str) -> tuple[str, str]:
    """Outcome and reason."""
    reading = read_text(text)
    return reading.outcome or UNCLEAR, str(reading.why)


def by_a_word_alone(text: str) -> tuple[str, str]:
    """One of a few words alone on the first line."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    return _FEW_WORDS.get(first.strip(" \t.!,").casefold(), UNCLEAR), ""


def by_a_word_anywhere(text: str) -> tuple[str, str]:
    """Any of the same words, wherever it stands; words of both answers are unclear."""
    found = {_FEW_WORDS[word] for word in _WORD.findall(text.casefold()) if word in _FEW_WORDS}
    return (found.pop() if len(found) == 1 else UNCLEAR), ""


def measure(rows: Iterable[Answer], read: Callable[[str], tuple[str, str]]) -> list[Result]:
    return [Result(row, *read(row.text)) for row in rows]


def section(rows: Sequence[Answer]) -> Section:
    """The figures of the reader and of the two rules, the reader's errors, and the targets."""
    results = measure(rows, by_placet)
    rules = {
        "Placet": results,
        "a known word alone on the first line": measure(rows, by_a_word_alone),
        "a known word anywhere": measure(rows, by_a_word_anywhere),
    }
    shown = [one for one in results if not one.row.held_back]
    return Section(
        "Answers",
        [*_rules(rules), "", *_parts(results), "", *_languages(results), "", *_errors(shown)],
        _targets(results),
        {
            "rules": {name: _counts(found) for name, found in rules.items()},
            "shown": _counts(shown),
            "held_back": _counts([one for one in results if one.row.held_back]),
            "languages": {code: _counts(found) for code, found in _by_language(results).items()},
            "wrong": [one.row.id for one in shown if one.wrong],
            "undecided": [one.row.id for one in shown if one.row.clear and one.got == UNCLEAR],
        },
    )


def _counts(results: Sequence[Result]) -> dict[str, Any]:
    clear = sum(one.row.clear for one in results)
    decided = sum(one.decided for one in results)
    return {
        "rows": len(results),
        "clear": clear,
        "decided": decided,
        "decided_percent": share(decided, clear),
        "unclear_read_as_decision": sum(one.wrong and not one.row.clear for one in results),
        "read_as_opposite": sum(one.wrong and one.row.clear for one in results),
    }


_HEAD = ("rows", "clear", "decided", "%", "unclear read as decision", "read as opposite")


def _line(name: str, results: Sequence[Result]) -> list[object]:
    return [name, *_counts(results).values()]


def _rules(rules: dict[str, list[Result]]) -> list[str]:
    return table(["rule", *_HEAD], [_line(name, results) for name, results in rules.items()])


def _parts(results: Sequence[Result]) -> list[str]:
    return table(
        ["part", *_HEAD],
        [
            _line("two thirds, shown", [one for one in results if not one.row.held_back]),
            _line("a third, held back", [one for one in results if one.row.held_back]),
        ],
    )


def _by_language(results: Iterable[Result]) -> dict[str, list[Result]]:
    found: dict[str, list[Result]] = {}
    for one in results:
        found.setdefault(one.row.language, []).append(one)
    return dict(sorted(found.items()))


def _languages(results: Sequence[Result]) -> list[str]:
    return table(["language", *_HEAD], [_line(code, found) for code, found in _by_language(results).items()])


def _errors(shown: Sequence[Result]) -> list[str]:
    """Of the two thirds only."""
    wrong = [one for one in shown if one.wrong]
    undecided = [one for one in shown if one.row.clear and one.got == UNCLEAR]
    return [
        f"wrong, in the two thirds: {len(wrong)}",
        *(f"  {_shown(one)}  read as {one.got}" for one in wrong),
        f"clear but not decided, in the two thirds: {len(undecided)}",
        *(f"  {_shown(one)}  {one.why}" for one in undecided),
    ]


def _shown(one: Result) -> str:
    text = printable(one.row.text)
    text = text if len(text) <= WRAPPED_AT else text[: WRAPPED_AT - 1] + "…"
    return f"{one.row.id:8} {one.row.label:8} [{one.row.why}] {text}"


def printable(text: str) -> str:
    """On one line, with everything escaped that a terminal would obey or not show."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def _targets(results: Sequence[Result]) -> list[Target]:
    counts = _counts(results)
    wrong = counts["unclear_read_as_decision"] + counts["read_as_opposite"]
    per_language = {code: _counts(found)["decided_percent"] for code, found in _by_language(results).items()}
    below = [f"{code} {percent} %" for code, percent in per_language.items() if percent < LEAST_IN_A_LANGUAGE]
    return [
        Target("no wrong decision", f"{wrong} wrong", wrong == 0),
        Target(
            f"at least {LEAST_DECIDED:.0f} % of the clear ones decided",
            f"{counts['decided']} of {counts['clear']}, {counts['decided_percent']} %",
            counts["decided_percent"] >= LEAST_DECIDED,
        ),
        Target(
            f"at least {LEAST_IN_A_LANGUAGE:.0f} % in every language",
            ", ".join(below) or f"the lowest {min(per_language.values(), default=100.0)} %",
            not below,
        ),
    ]
