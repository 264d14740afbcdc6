"""What a reply says for a task that is done: in every language, and never more than that."""

import pytest
from django.conf import settings

from placet.approvals.steps import ApprovalStep
from placet.approvals.task_words import TASK_WORDS
from placet.replies import outcome_words
from placet.replies.read import read_text
from placet.replies.read_own import own_of
from placet.replies.read_vocabulary import vocabulary

TASK = ApprovalStep.model_validate({"kind": "task", "name": "Task", "ask": [{"group": "it"}]})


def outcome_of(text: str) -> str:
    known = vocabulary(settings.PLACET.words_dir, settings.PLACET.reply_languages)
    return read_text(text, TASK.outcome_keys, known, own=own_of(TASK)).outcome or ""


def test_no_word_means_anything_else_in_any_language() -> None:
    assert outcome_words.problems(TASK) == []


@pytest.mark.parametrize("word", TASK_WORDS)
def test_each_word_says_it_in_every_spelling(word: str) -> None:
    for text in (word, word.lower(), word.upper(), f"{word}.", f"{word}!"):
        assert outcome_of(text) == "done", text


@pytest.mark.parametrize(
    "text",
    [
        "Done. The keys lie at the desk.",
        "Erledigt. Schlüssel liegt am Empfang.",
    ],
)
def test_what_else_is_said_beside_it_is_a_comment(text: str) -> None:
    assert outcome_of(text) == "done"


@pytest.mark.parametrize(
    "text",
    [
        "Not done", "Not done yet", "Is it done?", "Almost done", "Half done", "I will have it done tomorrow",
        "Done, if the budget holds", "Cannot be done", "It should be done by Ben", "Done?", "To be done",
        "Noch nicht erledigt", "Wird erledigt", "Erledigt, sobald Ben da ist", "Nicht erledigt",
        "Ce n'est pas fait", "Pas encore terminé", "Ce sera terminé demain", "No está terminado todavía",
        "Non ancora completato", "Nog niet gedaan", "Yes", "No", "Approved", "",
    ],
)  # fmt: skip
def test_what_is_not_done_yet_is_not_read_as_done(text: str) -> None:
    assert outcome_of(text) == ""
