"""What people write, language by language, and what it is read as: tests/replies/answers/<code>.toml."""

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from placet.replies.read import read_text

FOLDER = Path(__file__).parent / "answers"


def rows(label: str) -> Iterator[tuple[str, str]]:
    for path in sorted(FOLDER.glob("*.toml")):
        for text in tomllib.loads(path.read_text())[label]:
            yield path.stem, text


@pytest.mark.parametrize(("language", "text"), list(rows("unclear")))
def test_what_is_unclear_decides_nothing(language: str, text: str) -> None:
    found = read_text(text)
    assert found.outcome is None, found.why
    assert found.why


@pytest.mark.parametrize("label", ["approve", "reject"])
@pytest.mark.parametrize("language", sorted(path.stem for path in FOLDER.glob("*.toml")))
def test_what_is_clear_is_read(language: str, label: str) -> None:
    there = [text for code, text in rows(label) if code == language]
    found = {text: read_text(text) for text in there}
    opposite = [(text, one.why) for text, one in found.items() if one.outcome not in (None, label)]
    assert opposite == []
    unread = [(text, one.why) for text, one in found.items() if one.outcome is None]
    assert len(unread) <= 0.05 * len(there), unread
