"""What a mail that asks begins with: what it wants, and why somebody is asked now."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from placet.approvals.change_words import (
    News,
    Revised,
    SentBack,
    asking_to_revise,
    silent_line,
    why_asked_again,
)
from placet.approvals.definitions import Definition
from placet.approvals.models import Clarification
from placet.approvals.name_lists import listed_names
from placet.approvals.steps import ApprovalStep
from placet.lib.sentences import Sentence
from placet.mail.writing import when


@dataclass(frozen=True)
class Escalated:
    """Somebody is asked because others did not answer. `at`: until when they could; `first`: their names;
    `instead`: they are asked no longer."""

    at: datetime
    first: Sequence[str]
    instead: bool


@dataclass(frozen=True)
class Why:
    """Why somebody is asked, or asked once more. `since`: the revision that they were shown before, if something has
    changed. `reminder`: they did not answer yet; `warning`: and the step ends soon. `clarified`: what the requester
    answered; `unclarified`: they did not answer what they were asked. `in_place`: of whom they are asked, or who is in
    theirs. `may_be_away`: they named somebody for when an automatic reply says so. `news`: that the request was sent
    back."""

    since: int | None = None
    reminder: bool = False
    warning: bool = False
    escalated: Escalated | None = None
    clarified: Clarification | None = None
    unclarified: bool = False
    in_place: Sequence[Sentence] = ()
    may_be_away: bool = False
    news: News | None = None


def asking_words(
    step: ApprovalStep, definition: Definition, why: Why, *, names_itself: bool = False
) -> tuple[str, str, str]:
    """Heading, what a list of mails shows of it, and the first sentences. Names are filled in by whoever calls.
    `names_itself`: its process says what the mail is called; what has happened since then still stands in front."""
    if step.is_revise:
        sent_back_by = why.news.names if isinstance(why.news, SentBack) else ()
        heading, preview, lead = asking_to_revise([_as_filled(name) for name in sent_back_by])
    elif step.is_task:
        heading, preview = _("Please do: {title}"), _("{name} asks you to do something: {title}")
        lead = _("{name} asks you to do something for {process} {number}: {step}.")
    else:
        heading, preview = _("Please decide: {title}"), _("{name} asks for your decision: {title}")
        lead = _("{name} asks for your decision on {process} {number}.")
        if len(definition.approvals) > 1:  # one person may be asked in several, even at once
            lead = _("{name} asks for your decision on {process} {number}: {step}.")
    if names_itself:
        heading = "{title}"
    if why.reminder:
        heading = _("Reminder: {title}")
    if why.warning:
        heading = _("Ends soon: {title}")
    if why.clarified is not None or why.unclarified:
        heading = (
            _("Question answered: {title}")
            if why.clarified is not None
            else _("Question not answered: {title}")
        )
    if isinstance(why.news, Revised):
        heading = _("Revised: {title}")
        lead = f"{lead} {why_asked_again(why.news)}"
    elif why.since is not None:
        heading = _("Changed: {title}")
        again = _("It has changed since you were asked; an answer to the earlier mail no longer counts.")
        lead = f"{lead} {again}"
    if isinstance(why.news, SentBack):
        lead = f"{lead} {_as_filled(silent_line(why.news))}".rstrip()
    if why.escalated is not None:
        lead = f"{lead} {_because_of(why.escalated)}"
    if _stands_there_twice(step, definition):
        heading = f"{heading} – {_as_filled(step.name)}"
    return heading, preview, lead


def _stands_there_twice(step: ApprovalStep, definition: Definition) -> bool:
    """Whether the process includes another one, which the step comes from, more than once: then one person may be asked
    for the same request in both."""
    notes = definition.included or {}
    processes = Counter(note.process for note in notes.values())
    again = [f"{key}-" for key, note in notes.items() if processes[note.process] > 1]
    return any(key.startswith(tuple(again)) for key, one in definition.steps.items() if one == step)


def _because_of(escalated: Escalated) -> str:
    if not escalated.first:
        sentence = _("You are asked because it was not decided by {time}.").format(time=when(escalated.at))
    else:
        sentence = (
            _("You are asked in place of {names}, because there was no answer by {time}.")
            if escalated.instead
            else _("{names} did not answer by {time}, so you are asked, too.")
        ).format(names=listed_names(escalated.first), time=when(escalated.at))
    return _as_filled(sentence)


def _as_filled(sentence: str) -> str:
    """As part of what is filled in later: a name has no places of its own."""
    return sentence.replace("{", "{{").replace("}", "}}")


def within(name: str) -> str:
    """The name of a process within a sentence: in small letters, but for abbreviations."""
    return " ".join(word if len(word) > 1 and word.isupper() else word.lower() for word in name.split(" "))
