"""What is checked of how the mails of a step begin, before its process is published: a sentence for each thing to
change, behind the place that it is about."""

import re
from collections.abc import Iterator

from django.conf import settings
from django.utils.module_loading import import_string

from placet.approvals.definitions import Definition
from placet.approvals.form import PLACE, SHORTEST_TITLE, condition_values, letters
from placet.approvals.form_types import seen_values
from placet.approvals.step_mail_words import is_unseen
from placet.approvals.step_mails import by_language
from placet.approvals.steps import ApprovalStep, NoticeStep

_BRACES = re.compile(r"\{[^{}\n]{0,80}\}")


def mail_problems(definition: Definition, key: str, step: ApprovalStep | NoticeStep) -> Iterator[str]:
    """Of a notice its subject and its text are said at the step itself."""
    if step.mail is None:
        return
    above = "" if isinstance(step, NoticeStep) else "mail."
    shown = {
        name
        for field in definition.fields
        if field.name not in definition.hidden_in(key)
        for name in seen_values(field, None)
    }
    for part, written in (("subject", step.mail.subject), ("text", step.mail.text)):
        for language, text in by_language(written):
            place = f"{above}{part}.{language}" if language else f"{above}{part}"
            problems = [*_sign_problems(part, text), *_place_problems(definition, text, shown)]
            if part == "subject":
                problems += _subject_problems(text)
            if isinstance(step, ApprovalStep) and definition.proof_for(key) != "page":
                problems += import_string(settings.CHECK_MAIL_TEXTS)(definition, key, part, text)
            yield from (f"{place}: {problem}" for problem in problems)


def _sign_problems(part: str, text: str) -> Iterator[str]:
    if not letters(text) and not PLACE.search(text):
        yield "there is nothing to read in it; leave it out"
    if part == "subject" and len(text.strip().splitlines()) > 1:
        yield "a subject is one line"
    for number, line in enumerate(text.splitlines(), start=1):
        if any(map(is_unseen, line.replace("\t", " "))):
            yield f"line {number} holds something that cannot be seen, or that turns the direction of writing"


def _place_problems(definition: Definition, text: str, shown: set[str]) -> Iterator[str]:
    known = condition_values(definition, {}).keys()
    for name in dict.fromkeys(PLACE.findall(text)):
        if name not in known:
            yield f"there is no field {name}"
        elif name not in shown:
            yield f"{name} stands in it, and form hides it"
    for braces in dict.fromkeys(_BRACES.findall(text)):
        if not PLACE.fullmatch(braces):
            yield f"braces stand around the name of a field, such as {{amount}}; {braces} names none"


def _subject_problems(text: str) -> Iterator[str]:
    """A mail program that shortens a subject leaves its beginning: that must be the owner's words, never only what a
    requester entered."""
    first = PLACE.search(text)
    if first is not None and len(letters(text[: first.start()])) < SHORTEST_TITLE:
        yield "begin with words of your own: what stands in front is all that some mail programs leave of a subject"
