"""The mail of a step as it would look: written by what writes it for real requests, about a request that is filled in
with something of each type, to whoever looks. Everything stands in one transaction that is always rolled back."""

from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import get_language_info

from placet.accounts.models import Person
from placet.approvals import composing, engine_starts, messages
from placet.approvals.ask_words import Why
from placet.approvals.definitions import Definition
from placet.approvals.models import Ask, Assignment, Visit
from placet.approvals.steps import ApprovalStep, NoticeStep
from placet.designer.filled_in import readable_sample
from placet.designer.trying import rolled_back, version_of
from placet.designer.trying_shown import Mail
from placet.designer.trying_story import shown_mail
from placet.designer.trying_time import mailbox_of_trial
from placet.lib import clock
from placet.lib.ids import new_code
from placet.mail.models import OutgoingMail

#: What the mails' own style asks of the reader's screen; a frame has none of its own to ask.
_DARK = "(prefers-color-scheme: dark)"


@dataclass(frozen=True)
class Language:
    """One that mails are written in. `is_shown`: the preview is in it."""

    code: str
    name: str
    is_shown: bool


def languages(shown: str) -> Iterator[Language]:
    for code, _name in settings.LANGUAGES:
        yield Language(code, str(get_language_info(code)["name_translated"]), code == shown)


def mail_of(definition: Definition, step_key: str, reader: Person, language: str) -> Mail:
    """TypeError for a step that writes no mail; ValueError or LookupError where its form cannot be filled in."""
    writing = _WRITING.get(type(definition.steps[step_key]))
    if writing is None:
        raise TypeError(f"{step_key} writes no mail")
    reader = copy(reader)
    reader.language = language
    with rolled_back():
        return shown_mail(writing(definition, step_key, reader), 0)


def _visit(definition: Definition, step_key: str, reader: Person) -> Visit:
    request = engine_starts.create(version_of(definition), definition, reader, readable_sample(definition))
    return Visit.objects.create(request=request, step_key=step_key, round=1)


def _asking(definition: Definition, step_key: str, reader: Person) -> OutgoingMail:
    visit = _visit(definition, step_key, reader)
    code = new_code()
    return messages.ask(
        mailbox_of_trial(clock.now()),
        visit.request,
        definition,
        Assignment.objects.create(visit=visit, person=reader, source=0),
        Ask.objects.create(code_hash=composing.hash_of(code), person=reader),
        code,
        Why(),
    )


def _telling(definition: Definition, step_key: str, reader: Person) -> OutgoingMail:
    visit, step = _visit(definition, step_key, reader), definition.notice(step_key)
    return messages.notice(mailbox_of_trial(clock.now()), visit.request, definition, visit, step, reader)


_WRITING: dict[type, Callable[[Definition, str, Person], OutgoingMail]] = {
    ApprovalStep: _asking,
    NoticeStep: _telling,
}


def in_light(markup: str, *, dark: bool) -> str:
    """The HTML of a mail as a screen in the dark shows it, or as one that is not, whatever this one is."""
    return markup.replace(_DARK, "all" if dark else "not all")
