"""Whether replies can answer the questions of a step: asked before its process is published."""

from django.conf import settings

from placet.approvals.definitions import Definition
from placet.replies.read import read_text
from placet.replies.read_own import own_of
from placet.replies.read_questions import questions_of
from placet.replies.read_tokens import Kind, composed, tokens
from placet.replies.read_vocabulary import begins_with, vocabulary


def problems(definition: Definition, step_key: str) -> list[str]:
    """Which labels a reply could not name a question by, each with why."""
    known = vocabulary(settings.PLACET.words_dir, settings.PLACET.reply_languages)
    step, asked = definition.approval(step_key), questions_of(definition, step_key)
    own = own_of(step)
    problems = []
    for question in asked.asked if asked else ():
        words = [token.text for token in tokens(composed(question.label)) if token.kind is Kind.WORD]
        if not question.by_label:
            continue
        if own and own.is_label(question.label):
            problems.append(
                f"{question.name}: “{question.label}” is an answer of this step; call it otherwise"
            )
        elif begins_with(words, known.lines.form_labels) == len(words):
            problems.append(
                f"{question.name}: “{question.label}:” stands before the outcome in replies; call it otherwise"
            )
        elif read_text(question.label, step.outcome_keys, known, own=own).outcome is not None:
            problems.append(f"{question.name}: “{question.label}” is read as an answer; call it otherwise")
    return problems
