"""Whom a notice tells. Called by `placet.approvals.engine_visits`; the request's lock is held."""

from collections.abc import Sequence

from placet.accounts.models import Person
from placet.accounts.reader import as_the_installation_reads
from placet.approvals import composing, engine_asks, messages, record, turns, whom
from placet.approvals.definitions import Definition
from placet.approvals.models import Notified, Request, Visit
from placet.approvals.record import note
from placet.lib.sentences import Sentence


def notify(request: Request, definition: Definition, visit: Visit) -> None:
    """Tell each person once. Whoever is missing holds up nothing: that they were not told is on record."""
    named = _whom_to_tell(request, definition, visit)
    turns.advance(named.turns)
    engine_asks.keep_matches(request, visit, named.matches)
    for person in named.people:
        _tell(request, definition, visit, person, named.lines[person.pk])
    if named.missing or not named.people:
        _note_missing(request, visit, named.missing, named.people)


def _whom_to_tell(request: Request, definition: Definition, visit: Visit) -> whom.Told:
    turns.hold(definition)
    while True:
        named = whom.people_to_tell(definition, visit.step_key, request)
        if engine_asks.hold(named.people):
            return named


def _tell(request: Request, definition: Definition, visit: Visit, person: Person, source: int) -> None:
    """Without a mailbox the page is all that they have of it."""
    row = Notified(visit=visit, person=person, source=source)
    mailbox = composing.mailbox_for(request)
    if mailbox is not None:
        step = definition.notice(visit.step_key)
        row.outgoing = messages.notice(mailbox, request, definition, visit, step, person)
    row.save()
    note(request, None, "notified", at=row.created_at, **record.notified(row))


def _note_missing(request: Request, visit: Visit, missing: Sentence, people: Sequence[Person]) -> None:
    with as_the_installation_reads():
        reason = str(missing or Sentence("nobody is left who can be told"))
    note(
        request,
        None,
        "not notified",
        step=visit.step_key,
        round=visit.round,
        nobody=not people,
        personal={"reason": " ".join(reason.split())[:1000]},
    )
