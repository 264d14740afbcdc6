"""The letters that the weights of guesses are made of, and that the weights are those."""

import json
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from benchmarks.reading.answers import UNCLEAR
from benchmarks.reading.letters import letters
from benchmarks.reading.training import LABELS, ROLES, BadLetter, TrainingLetter, digest, training_letters
from placet.replies.read import read_text
from placet.replies.read_vocabulary import APPROVE, REJECT
from placet.replies.read_weights import OF_TEXTS
from tests.rotation import whole

LETTERS = list(training_letters())
FEWEST_REQUESTS = 60  # in each language
SEEN = 5  # of so many requests one is read in every run


def test_there_are_letters_in_every_language_and_three_of_each_request() -> None:
    requests: dict[tuple[str, int], list[str]] = defaultdict(list)
    for letter in LETTERS:
        requests[letter.language, letter.request].append(letter.label)
    assert {language for language, _ in requests} == {letter.language for letter in letters()}
    assert [key for key, labels in requests.items() if sorted(labels) != sorted(LABELS)] == []
    count = Counter(language for language, _ in requests)
    assert min(count.values()) >= FEWEST_REQUESTS


@pytest.mark.parametrize("label", [APPROVE, REJECT, UNCLEAR])
def test_what_a_letter_says_is_what_its_sentences_say(label: str) -> None:
    def kinds(letter: TrainingLetter) -> set[str]:
        return {ROLES[role] for role, _text in letter.sentences}

    there = [letter for letter in LETTERS if letter.label == label]
    if label == UNCLEAR:
        assert [
            one.text for one in there if "limit" not in kinds(one) and {APPROVE, REJECT} - kinds(one)
        ] == []
    else:
        others = {APPROVE, REJECT} - {label}
        assert [one.text for one in there if label not in kinds(one) or others & kinds(one)] == []


def test_none_is_one_that_is_measured_with() -> None:
    measured = {" ".join(letter.text.split()) for letter in letters()}
    assert [letter.text for letter in LETTERS if " ".join(letter.text.split()) in measured] == []


def test_none_is_read_as_what_it_does_not_say(pytestconfig: pytest.Config) -> None:
    seen = [one for one in LETTERS if whole(pytestconfig) or one.request % SEEN == 0]
    readings = [(one, read_text(one.text, about=one.about).outcome) for one in seen]
    assert [(one.text, outcome) for one, outcome in readings if outcome not in (None, one.label)] == []


def test_the_weights_are_made_of_these_letters() -> None:
    """`make train` makes them anew."""
    assert json.loads(OF_TEXTS.read_text())["letters"] == digest()


@pytest.mark.parametrize(
    "text",
    [
        "## Desk | Ann | Amount: 5\napprove\nmaybe: so",
        "## Desk | Ann | Amount: 5\nyes: Granted.",
        "## Desk | Ann | Amount: 5\napprove\nGranted.",
    ],
)
def test_a_line_that_is_none_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "xx.txt").write_text(text)
    with pytest.raises(BadLetter, match=r"xx\.txt, line [23]"):
        list(training_letters(tmp_path))
