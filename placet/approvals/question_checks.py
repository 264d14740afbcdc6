"""What is checked of a step's questions before its process is published: a sentence for each thing to change."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from typing import get_args

from django.conf import settings
from django.utils.module_loading import import_string

from placet.approvals.definitions import Definition
from placet.approvals.form_checks import input_problems
from placet.approvals.form_option_checks import independence_problems
from placet.approvals.form_parts import FormField, SmallType
from placet.approvals.questions import bare_label
from placet.approvals.steps import ApprovalStep

#: What fits into a line of a reply.
TYPES = (*get_args(SmallType), "people")
_OF_A_FORM = ("columns", "totals", "unique", "default", "show", "require", "read_only", "computed")
_NUMBER = re.compile(r"q ?[0-9]+\b", re.IGNORECASE)


def question_problems(definition: Definition, key: str, step: ApprovalStep) -> Iterator[str]:
    asked = step.questions or ()
    names = Counter(question.name for question in asked)
    yield from (f"two are called {name}" for name in sorted(names) if names[name] > 1)
    labels = Counter(folded_label(question.label) for question in asked)
    yield from (f"two have the label “{label}”" for label in sorted(labels) if labels[label] > 1)
    filled = definition.filled_in(key)
    yield from (
        f"{name} is a field that is filled in here, too; call one otherwise"
        for name in sorted(names)
        if name in filled
    )
    for question in asked:
        yield from (f"{question.name}{problem}" for problem in _problems(question))
    known = {question.name for question in definition.questions_of(key)}
    for outcome in step.outcomes:
        yield from (
            f"{outcome.key} needs an answer to {name}, which is no question here"
            for name in outcome.questions or ()
            if name not in known
        )
    if not definition.questions_of(key) and not step.outcome_question:
        return
    if definition.proof_for(key) != "page":
        problems: list[str] = import_string(settings.CHECK_QUESTIONS)(definition, key)
        yield from problems


def folded_label(label: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", bare_label(label)).casefold().split())


def _problems(question: FormField) -> Iterator[str]:
    """Each begins behind the name."""
    if question.type not in TYPES:
        yield f": a question is of a type that fits into a line: {', '.join(TYPES)}"
        return
    yield from (
        f": {name} belongs to a field of the form, not to a question"
        for name in _OF_A_FORM
        if getattr(question, name) is not None
    )
    yield from input_problems(question)
    yield from independence_problems(question)
    label = question.label.replace("\u00a0", " ")  # French has one before its question mark
    if not label.isprintable() or not any(map(str.isalnum, label)):
        yield ": the label is one line with letters or digits, without anything that cannot be seen"
    elif any(sign in bare_label(label) for sign in ":：="):
        yield ": replies put a colon behind the label, so there can be none in it"
    elif _NUMBER.match(label):
        yield ": the label cannot begin with the number of a question"
