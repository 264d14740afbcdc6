"""Letters of our own that the weights of guesses are made of: `tests/replies/training/<language>.txt`.

    ## title | who asks | field: value | field: value …
    approve
    greet: Hello Petra,
    reason: the fair is dear,
    yes: but go ahead, it is granted.

Below each request a letter that approves it, one that rejects it, and one that is unclear and looks as if it did one of
both; each of its sentences on a line with its role. They were written by several hands that had not seen the reader.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.reading.answers import UNCLEAR
from placet.replies.read_facts import About, Field
from placet.replies.read_vocabulary import APPROVE, REJECT

FOLDER = Path(__file__).parents[2] / "tests" / "replies" / "training"
LABELS = (APPROVE, REJECT, UNCLEAR)
#: By role, what a sentence is weighed as (`read_signs.KINDS`).
ROLES: Mapping[str, str] = {
    "yes": APPROVE,
    "no": REJECT,
    **dict.fromkeys(("greet", "thanks", "sign", "history", "reason", "remind"), "talk"),
    **dict.fromkeys(("cond", "ask", "hear", "later", "fwd", "change", "other", "hedge"), "limit"),
}


@dataclass(frozen=True)
class TrainingLetter:
    language: str
    request: int  # its number in the file, from 0
    about: About
    label: str
    sentences: Sequence[tuple[str, str]]  # role, text

    @property
    def text(self) -> str:
        """As it is written in a mail: a greeting and a closing have lines of their own."""
        lines: list[str] = [""]
        for role, text in self.sentences:
            if role == "sign":
                lines += [text, ""]
            else:
                lines[-1] = f"{lines[-1]} {text}".strip()
                lines += [""] if role == "greet" else []
        return "\n".join(line for line in lines if line)


class BadLetter(Exception):
    """Says in which file and line, and what is wrong there."""


def training_letters(folder: Path = FOLDER) -> Iterator[TrainingLetter]:
    """All of them, language by language. Raises BadLetter."""
    for path in sorted(folder.glob("*.txt")):
        request = -1
        about = About()
        label = ""
        sentences: list[tuple[str, str]] = []
        for number, line in enumerate([*path.read_text().splitlines(), ""], 1):
            role, colon, text = line.partition(": ")
            if sentences and (not line or line in LABELS or line.startswith("## ")):
                yield TrainingLetter(path.stem, request, about, label, tuple(sentences))
                label, sentences = "", []
            if line.startswith("## "):
                request, about = request + 1, _about(line.removeprefix("## "))
            elif line in LABELS:
                label = line
            elif line and role in ROLES and colon and label:
                sentences.append((role, text))
            elif line:
                raise BadLetter(f"{path.name}, line {number}: {line!r} is no request, label or sentence.")


def digest() -> str:
    """Of all of them: what tells that weights were made of those that are there."""
    texts = [(one.label, one.sentences) for one in training_letters()]
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()


def _about(line: str) -> About:
    title, requester, *fields = line.split(" | ")
    named = (field.replace("：", ":").partition(":") for field in fields)
    return About(
        (
            Field("", (title,)),
            *(Field(label.strip(), (value.strip(),)) for label, _colon, value in named),
        ),
        (requester,),
    )
