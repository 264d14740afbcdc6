"""Answers as people write them, each with the request that it answers: what the reader makes of them.

`tests/replies/letters/<language>.jsonl`, written by several hands that had not seen the reader: words, sentences and
whole letters that are clear, and what only looks like an answer. Every other row is held back: it is counted, and shown
only where it was read wrongly.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.reading.answers import UNCLEAR
from benchmarks.reading.report import Section, Target, share, table
from placet.replies.read import read_text
from placet.replies.read_facts import About, Field
from placet.replies.read_result import Reading

FOLDER = Path(__file__).parents[2] / "tests" / "replies" / "letters"
KINDS = ("short", "sentence", "long")  # of the clear ones
_FORMAT = "{}/{}"


@dataclass(frozen=True)
class Letter:
    """`label`: approve, reject or unclear. `facts`: the lines of the request, as an ask shows them."""

    id: str  # language and line: "de 17"
    language: str
    title: str
    requester: str
    facts: Mapping[str, str]
    text: str = field(repr=False)  # a failing test prints it, and some are held back
    label: str
    kind: str

    @property
    def clear(self) -> bool:
        return self.label != UNCLEAR

    @property
    def held_back(self) -> bool:
        """Whether it is of the half that nobody looks at while the reader is built."""
        return hashlib.sha256(self.text.encode()).digest()[0] % 2 == 0

    @property
    def about(self) -> About:
        fields = (Field("", (self.title,)), *(Field(label, (value,)) for label, value in self.facts.items()))
        return About(fields, (self.requester,))

    def read(self) -> Reading:
        return read_text(self.text, about=self.about)


def letters() -> Iterator[Letter]:
    """All of them, language by language."""
    for path in sorted(FOLDER.glob("*.jsonl")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            row = json.loads(line)
            request = row["request"]
            yield Letter(
                f"{path.stem} {number}",
                path.stem,
                request["title"],
                request["requester"],
                request["facts"],
                row["text"],
                row["label"],
                row["kind"],
            )


# --- the report -----------------------------------------------------------------------------------------------


def section() -> Section:
    """Decided of the clear ones by language and kind, shown and held back, and what was read wrongly."""
    outcomes = [(letter, letter.read()) for letter in letters()]
    decided: Counter[tuple[str, bool, str]] = Counter()
    clear: Counter[tuple[str, bool, str]] = Counter()
    unclear: Counter[str] = Counter()
    wrong: list[str] = []
    for letter, reading in outcomes:
        if reading.outcome not in (None, letter.label):
            wrong.append(f"{letter.id}  {letter.label} read as {reading.outcome}: {letter.text!r}")
        if letter.clear:
            key = (letter.language, letter.held_back, letter.kind)
            clear[key] += 1
            decided[key] += reading.outcome == letter.label
        else:
            unclear[letter.language] += 1
    codes = sorted(unclear)
    rows = [[code, *_cells(decided, clear, [code]), unclear[code]] for code in codes]
    rows.append(["all", *_cells(decided, clear, codes), sum(unclear.values())])
    names = [f"{kind}, {part}" for kind in KINDS for part in ("shown", "held back")]
    return Section(
        "Letters: decided of the clear ones",
        [*table(["language", *names, "not clear"], rows), *(f"  {line}" for line in wrong)],
        [Target("read as what they do not say", f"{len(wrong)} of {len(outcomes)}", not wrong)],
        {
            "decided_percent": {kind: _percent(decided, clear, kind) for kind in KINDS},
            "wrong": len(wrong),
            "rows": len(outcomes),
        },
    )


def _cells(
    decided: Mapping[tuple[str, bool, str], int],
    clear: Mapping[tuple[str, bool, str], int],
    codes: Sequence[str],
) -> list[str]:
    cells = []
    for kind in KINDS:
        for part in (False, True):
            keys = [(code, part, kind) for code in codes]
            cells.append(_FORMAT.format(sum(decided[key] for key in keys), sum(clear[key] for key in keys)))
    return cells


def _percent(
    decided: Mapping[tuple[str, bool, str], int], clear: Mapping[tuple[str, bool, str], int], kind: str
) -> float:
    return share(
        sum(count for key, count in decided.items() if key[2] == kind),
        sum(count for key, count in clear.items() if key[2] == kind),
    )
