"""What mails say of answers that can be undone, and the mail to whoever undid one. In the transaction of what they tell
of, in the language and the time zone of whoever reads them."""

from collections.abc import Sequence
from datetime import datetime

from django.utils.translation import gettext as _

from placet.approvals.composing import page_link, queue, written_to
from placet.approvals.definitions import Definition, definition_of
from placet.approvals.engine_errors import EngineError, NotUndone
from placet.approvals.engine_hold import last_moment
from placet.approvals.models import AskLine, Assignment, Decision, DigestItem, UndoneDecision
from placet.mail.models import IncomingMail, OutgoingMail
from placet.mail.writing import Notice, when


def whether_it_can_be(definition: Definition, decision: Decision) -> tuple[bool, str]:
    """Whether an answer that was just given can be undone, and what its confirmation says of that."""
    until = last_moment(definition, decision)
    if until is None:
        return False, _("If this is not what you meant, tell the requester at once.")
    how = _(
        "If this is not what you meant, reply with “Undo” before {time}, or take it back on the page. "
        "Nothing follows from it until then."
    )
    return True, how.format(time=when(until))


def why_it_stands(error: EngineError) -> Sequence[str]:
    """Why an answer was not taken back, and what is left to do."""
    if not isinstance(error, NotUndone):
        return [str(error)]
    if error.undone_at is not None:
        return [_("You took this answer back already, on {time}.").format(time=when(error.undone_at))]
    if error.until is None:
        return [str(error), _("If that is not what you meant, tell whoever made the request at once.")]
    return [*_too_late(error.until, error.since, error.had_effect), _what_is_left()]


def _too_late(until: datetime, since: datetime | None, had_effect: bool) -> list[str]:
    could = _("It could be taken back until {time}.").format(time=when(until))
    if since is None:
        return [_("It is too late to take this answer back."), could]
    if since < until or not had_effect:
        over = _("This step ended on {time}, so nothing is left to be taken back.")
        return [over.format(time=when(since))]
    took_effect = _("It is too late to take this answer back: it took effect on {time}.")
    return [took_effect.format(time=when(since)), could]


def _what_is_left() -> str:
    return _(
        "If that is not what you meant, tell whoever made the request at once: they can withdraw it while it waits for "
        "others, and make a new one."
    )


def undone(incoming: IncomingMail, row: UndoneDecision, in_reply_to: str) -> None:
    """To somebody whose answer was taken back as they wanted."""
    visit = row.assignment.visit
    request, definition = visit.request, definition_of(visit.request.version)
    with written_to(row.by_person) as installation:
        answer = definition.approval(visit.step_key).outcome(row.outcome).done
        sentence = _("Your answer to “{title}” (number {number}) no longer counts; it was: {answer}.")
        queue(
            incoming.mailbox,
            "undone",
            row.by_person,
            installation,
            cause=f"incoming:{incoming.pk}",
            subject=_("Taken back: {title}").format(title=request.title),
            letter=Notice(
                _("Your answer was taken back"),
                [sentence.format(title=request.title, number=request.number, answer=answer), _what_now(row)],
                links=[page_link(request, installation)],
            ),
            priority=OutgoingMail.Priority.CONFIRMATION,
            in_reply_to=in_reply_to,
        )


def _what_now(row: UndoneDecision) -> str:
    if _is_asked_anew(row):
        return _("The question is open again. Another mail asks you: reply to that one with your answer.")
    if is_collected(row):
        return _(
            "The question is open again. To answer it, reply to the mail that asked you; if you do not, it is asked "
            "again, with what else waits for you, when your working day begins."
        )
    return _("You are no longer asked about this request.")


def is_collected(row: UndoneDecision) -> bool:
    """Whether whoever took their answer back is asked again in their next digest."""
    items = DigestItem.objects.filter(assignment=row.assignment_id, person=row.by_person_id)
    return items.filter(state=DigestItem.State.WAITING).exists()


def _is_asked_anew(row: UndoneDecision) -> bool:
    """Not where others decide it, or where it is somebody else's to answer by now."""
    lines = AskLine.objects.filter(assignment=row.assignment_id, asks_back=None, ask__person=row.by_person_id)
    is_open = Assignment.objects.filter(pk=row.assignment_id, state=Assignment.State.OPEN)
    return is_open.exists() and lines.filter(ask__created_at__gte=row.undone_at).exists()
