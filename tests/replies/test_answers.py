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


LANGUAGES = sorted(path.stem for path in FOLDER.glob("*.toml"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_unclear_decides_nothing(language: str) -> None:
    """All of a language in one test: thousands of tests of a millisecond each are a tenth of a run."""
    readings = {text: read_text(text) for code, text in rows("unclear") if code == language}
    decided = [(text, one.outcome, one.why) for text, one in readings.items() if one.outcome is not None]
    assert decided == []
    assert [text for text, one in readings.items() if not one.why] == []


def test_every_language_has_answers_that_are_unclear() -> None:
    assert {code for code, _text in rows("unclear")} == set(LANGUAGES)


@pytest.mark.parametrize("label", ["approve", "reject"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_clear_is_read(language: str, label: str) -> None:
    there = [text for code, text in rows(label) if code == language]
    found = {text: read_text(text) for text in there}
    opposite = [(text, one.why) for text, one in found.items() if one.outcome not in (None, label)]
    assert opposite == []
    unread = [(text, one.why) for text, one in found.items() if one.outcome is None]
    assert len(unread) <= 0.05 * len(there), unread
