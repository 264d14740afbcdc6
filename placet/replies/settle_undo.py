"""A reply that takes an answer back: "Undo". It needs the proof of an answer, and counts by when it was received. One
to a digest takes back all that can be of what was answered to it.
"""

from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.translation import gettext as _

from placet.accounts.models import Person
from placet.accounts.reader import as_read_by
from placet.approvals import digest_mails, engine, engine_errors, undo_mails, undoing
from placet.approvals.digest_mails import LineTold, said_of
from placet.approvals.models import AskLine, Assignment, Decision, UndoneDecision
from placet.approvals.record import Logged
from placet.mail import tasks
from placet.replies import refusals, tell
from placet.replies.pick import Picked

if TYPE_CHECKING:
    from placet.replies.entry import Reply


def is_about_an_answer(line: AskLine) -> bool:
    """Whether there is or was an answer; else nothing can be meant but how to give one."""
    if line.assignment.state != Assignment.State.OPEN:
        return True
    return UndoneDecision.objects.filter(assignment=line.assignment_id, by_person=line.ask.person).exists()


def undo(reply: "Reply", picked: Picked) -> None:
    """In the mail's transaction. Raises NotUndone."""
    assert reply.mail is not None
    logged = _logged(reply, picked.line)
    row = take_back(reply, picked.line, logged)
    undo_mails.undone(reply.incoming, row, reply.mail.message_id)
    tasks.handled(reply.incoming, reply.settings)
    tell.log_as(reply, logged)


def undo_lines(reply: "Reply", picked: Picked) -> None:
    """The same of a digest, each line by itself. Raises NotUndone where none can be."""
    assert reply.mail is not None
    person, logged = picked.line.ask.person, _logged(reply, picked.line)
    for number in sorted({line.assignment.visit.request_id for line in picked.lines}):
        engine.lock(number)
    answered = Decision.objects.filter(assignment__in=[line.assignment_id for line in picked.lines])
    given = set(answered.filter(by_person=person).values_list("assignment", flat=True))
    told: list[LineTold] = []
    undone: list[UndoneDecision] = []
    for line in (line for line in picked.lines if line.assignment_id in given):
        try:
            with transaction.atomic():
                row = take_back(reply, line, logged)
        except refusals.NotUndone as refusal:
            told.append(LineTold(line, " ".join(refusal.said)))
        else:
            undone.append(row)
            with as_read_by(person):
                told.append(LineTold(line, _("taken back")))
    if not undone:
        raise refusals.NotUndone([said_of(one) for one in told] or _nothing(person))
    is_collected = any(undo_mails.is_collected(row) for row in undone)
    digest_mails.undone(reply.incoming, person, told, reply.mail.message_id, is_collected=is_collected)
    tasks.handled(reply.incoming, reply.settings)
    tell.log_as(reply, logged)


def _nothing(person: Person) -> list[str]:
    with as_read_by(person):
        return [_("There is no answer of yours that can be taken back.")]


def _logged(reply: "Reply", line: AskLine) -> Logged:
    """What the mail log says of it: a part of the record."""
    sentence = _("{name} took their answer back.").format(name=line.ask.person.name)
    return tell.logged_as(reply, undoing.UNDONE, sentence)


def take_back(reply: "Reply", line: AskLine, logged: Logged) -> UndoneDecision:
    assert reply.proof is not None
    retraction = undoing.Retraction(
        Decision.Channel.MAIL, reply.incoming, line.ask, reply.proof.as_json(), logged
    )
    try:
        return undoing.undo(line.assignment_id, line.ask.person, retraction)
    except engine_errors.EngineError as error:
        with as_read_by(line.ask.person):
            raise refusals.NotUndone(undo_mails.why_it_stands(error)) from error
