"""Answers as people write them, each with the request that it answers: tests/replies/letters/<language>.jsonl.

How each is read is kept in snapshot.txt, which `test_snapshot.py` holds to the reader.
"""

from collections import Counter

import pytest

from benchmarks.reading.answers import UNCLEAR
from benchmarks.reading.letters import KINDS, Letter, letters
from placet.replies.read_vocabulary import APPROVE, REJECT
from tests.replies import snapshot

LETTERS = list(letters())
#: In each language.
FEWEST = {"short": 8, "sentence": 16, "long": 16}
FEWEST_UNCLEAR = 60


@pytest.mark.parametrize("language", sorted({letter.language for letter in LETTERS}))
def test_no_letter_is_read_as_what_it_does_not_say(language: str) -> None:
    kept = snapshot.known()
    outcomes = [
        (letter, kept[snapshot.letter_name(letter)].outcome)
        for letter in LETTERS
        if letter.language == language
    ]
    assert [letter.id for letter, outcome in outcomes if outcome not in ("-", letter.label)] == []


def test_there_are_enough_in_every_language() -> None:
    count = Counter((letter.language, letter.kind if letter.clear else UNCLEAR) for letter in LETTERS)
    languages = {letter.language for letter in LETTERS}
    assert languages == {path.stem for path in (snapshot.FOLDER / "answers").glob("*.toml")} | {"ca", "sk"}
    for language in languages:
        assert count[language, UNCLEAR] >= FEWEST_UNCLEAR
        assert all(count[language, kind] >= FEWEST[kind] for kind in KINDS)


def test_each_is_one_of_its_own_and_says_what_it_is() -> None:
    assert len({(letter.language, letter.text) for letter in LETTERS}) == len(LETTERS)
    assert {letter.label for letter in LETTERS} == {APPROVE, REJECT, UNCLEAR}
    assert all(letter.clear == (letter.kind in KINDS) for letter in LETTERS)


def test_the_half_that_is_held_back_is_a_half() -> None:
    held_back = sum(letter.held_back for letter in LETTERS)
    assert 0.4 < held_back / len(LETTERS) < 0.6


def test_a_letter_is_shown_without_its_text() -> None:
    letter = Letter("xx 1", "xx", "Desk", "Ann", {}, "Approved.", APPROVE, "short")
    assert "Approved" not in repr(letter)
    assert letter.read().outcome == APPROVE
