"""The mail corpora that the figures are taken from. They are not ours to ship: they lie beside the checkout."""

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[3] / "shared" / "corpora"

_PARTS = 3  # one of them is held back


class NoCorpora(Exception):
    """The folder with the corpora is not where it was looked for. The message says what to do."""


@dataclass(frozen=True)
class Answer:
    """A short reply, and what a careful reader makes of it."""

    id: str
    language: str
    text: str = field(repr=False)  # a failing test prints it, and some are held back
    label: str  # approve, reject, or unclear
    why: str  # what the reply shows

    @property
    def clear(self) -> bool:
        return self.label != "unclear"

    @property
    def held_back(self) -> bool:
        """Whether it is of the third that nobody looks at while the reader is built."""
        return hashlib.sha256(self.id.encode()).digest()[0] % _PARTS == 0


@dataclass(frozen=True)
class Reply:
    """A reply, and the text in it that its writer wrote."""

    id: str
    corpus: str
    kind: str  # text, html, or eml
    content: bytes  # UTF-8 for text and html; a whole mail for eml
    expected: str | None  # None: only the two below are known
    must_contain: tuple[str, ...]
    must_not_contain: tuple[str, ...]
    with_signature: bool  # whether the signature counts as written
    language: str | None  # of its quote headers, where they are not English

    @property
    def raw(self) -> bytes:
        """As a mail."""
        if self.kind == "eml":
            return self.content
        subtype = {"text": "plain", "html": "html"}[self.kind]
        head = (
            "From: ann@contoso.example\r\nTo: bob@contoso.example\r\nMIME-Version: 1.0\r\n"
            f"Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        )
        return head.encode() + self.content


def answers(folder: Path) -> list[Answer]:
    """The short replies of `decisions/`. Raises NoCorpora."""
    return [
        Answer(row["id"], row["language"], row["text"], row["label"], row["why"])
        for row in _rows(folder, "decisions/replies_dev.jsonl")
    ]


def replies(folder: Path) -> list[Reply]:
    """The replies of `stripping/`. Raises NoCorpora."""
    return [_reply(row) for row in _rows(folder, "stripping/*.jsonl")]


def _reply(row: dict[str, Any]) -> Reply:
    content = base64.b64decode(row["raw"]) if row["kind"] == "eml" else row["text"].encode()
    return Reply(
        id=row["id"],
        corpus=row["corpus"],
        kind=row["kind"],
        content=content,
        expected=row["expected_reply"],
        must_contain=tuple(row["must_contain"]),
        must_not_contain=tuple(row["must_not_contain"]),
        with_signature=row["policy"] == "quote",
        language=row["lang"],
    )


def _rows(folder: Path, pattern: str) -> Iterator[dict[str, Any]]:
    paths = sorted(folder.glob(pattern))
    if not paths:
        raise NoCorpora(
            f"There is no {pattern} in {folder}. The mail corpora are not part of Placet; "
            "name the folder that holds them with --corpora."
        )
    for path in paths:
        with path.open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)
