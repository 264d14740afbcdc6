"""What whoever answers a digest is told: what became of each line, or what was understood of each and how to write it.
The same for the mail log. In the transaction of the effect, as `tell`."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from placet.accounts.reader import as_read_by
from placet.approvals import digest_mails
from placet.approvals.definitions import definition_of
from placet.approvals.digest_mails import LineTold
from placet.approvals.engine_hold import last_moment
from placet.approvals.models import AskLine
from placet.approvals.record import DIGEST, Logged
from placet.approvals.standing import standing_of
from placet.mail import tasks
from placet.mail.writing import when
from placet.replies import refusals, settle, tell
from placet.replies.pick import without_codes
from placet.replies.read_digest import Entry, LineAnswer
from placet.replies.settle_digest import Settled, left_open, shown_answer
from placet.replies.tell_limits import last_of_the_hour, may_be_told

if TYPE_CHECKING:
    from placet.replies.entry import Reply

LONGEST_ENTRY = 200  # characters of what somebody wrote that are shown back
_ASKED = (refusals.HelpAsked, refusals.StatusAsked)


# --- the mail log -----------------------------------------------------------------------------------------


def logged(reply: "Reply", answers: Sequence[LineAnswer]) -> Logged:
    """What the mail log says of a reply that is applied: a part of the record of each of its decisions. It says how it
    was read; what became of a line is said by the record of its request."""
    assert reply.line is not None
    by_number = {line.line: line for line in reply.lines}
    said = ", ".join(
        f"{answer.number}: {settle.step_of(by_number[answer.number]).outcome(answer.outcome).done}"
        for answer in answers
    )
    lines = [_logged(by_number[answer.number], answer, reply.code) for answer in answers]
    reason = _("{name}: {answer}").format(name=reply.line.ask.person.name, answer=said)
    return tell.logged_as(reply, DIGEST, reason, lines=lines)


def _logged(line: AskLine, answer: LineAnswer, code: str) -> dict[str, object]:
    return {
        "line": answer.number,
        "request": line.assignment.visit.request.number,
        "outcome": answer.outcome,
        "comment": without_codes(answer.comment, code)[: tell.LONGEST_SHOWN],
        "words": without_codes(answer.words, code)[:LONGEST_ENTRY],
    }


# --- applied ----------------------------------------------------------------------------------------------


def applied(reply: "Reply", settled: Sequence[Settled]) -> None:
    """One confirmation for all lines."""
    assert reply.line is not None and reply.mail is not None
    person = reply.line.ask.person
    with as_read_by(person):
        told = [
            LineTold(one.line, _became(one), one.answer.comment if one.decision else "") for one in settled
        ]
        open_ones = [
            LineTold(line, _("still open"))
            for line in left_open(reply.lines, [one.answer for one in settled])
        ]
    can_be_undone = any(_until(one) for one in settled)
    digest_mails.confirmation(
        reply.incoming,
        person,
        told,
        left_open=open_ones,
        in_reply_to=reply.mail.message_id,
        code=reply.code if can_be_undone else "",
    )
    tasks.handled(reply.incoming, reply.settings)


def _became(one: Settled) -> str:
    if one.decision is not None:
        done = settle.step_of(one.line).outcome(one.decision.outcome).done
        until = _until(one)
        if until is None:
            return done
        return _("{answer}; can be undone until {time}").format(answer=done, time=when(until))
    assert one.refusal is not None
    return " ".join(tell.why_not(one.refusal))


def _until(one: Settled) -> datetime | None:
    """Up to when an answer can be taken back, if it can."""
    if one.decision is None:
        return None
    return last_moment(definition_of(one.line.assignment.visit.request.version), one.decision)


# --- refused ----------------------------------------------------------------------------------------------


def refused(reply: "Reply", refusal: refusals.Refusal) -> bool:
    """Tell the proved sender, unless they were told enough in this hour."""
    assert reply.line is not None and reply.mail is not None
    if not may_be_told(reply, refusal):
        return False
    ask = reply.line.ask
    with as_read_by(ask.person):
        heading, sentences, quote = _said(reply, refusal)
        open_ones = list(left_open(reply.lines, ()))
        may_answer = bool(open_ones) and isinstance(refusal, refusals.ANSWER_AGAIN)
        again = digest_mails.how_again(open_ones, settle.step_of(open_ones[0])) if may_answer else []
    digest_mails.refusal(
        reply.incoming,
        ask,
        key=refusal.key,
        heading=heading,
        sentences=sentences,
        quote=quote,
        again=again,
        code=reply.code,
        in_reply_to=reply.mail.message_id,
        footer=last_of_the_hour(reply, refusal),
        is_how_first=isinstance(refusal, refusals.HelpAsked),
    )
    return True


def _said(reply: "Reply", refusal: refusals.Refusal) -> tuple[str, list[str], str]:
    """Heading, sentences, and what is quoted of the reply."""
    if isinstance(refusal, _ASKED):
        heading = (
            _("How to answer") if isinstance(refusal, refusals.HelpAsked) else _("Where the requests stand")
        )
        return heading, list(_standing(reply.lines)), ""
    if isinstance(refusal, refusals.NotUndone):
        return _("Your answers were not taken back"), list(refusal.said), ""
    heading = _("Your answers were not applied")
    if not isinstance(refusal, refusals.DigestUnclear):
        return heading, [refusal.sentence], ""
    nothing = _("Nothing was decided, because not all of your answers could be read for certain.")
    if not refusal.entries:
        return heading, [nothing, str(refusal.why)], refusal.read_text
    understood = [_understood(entry, reply.lines) for entry in refusal.entries]
    return heading, [nothing, _("This was understood, line by line:"), *understood], refusal.read_text


def _understood(entry: Entry, lines: Sequence[AskLine]) -> str:
    """In quotation marks: were it taken for the sender's own, it would be no answer."""
    written = " ".join(entry.written.split())
    shown = written if len(written) <= LONGEST_ENTRY else f"{written[: LONGEST_ENTRY - 1]}…"
    meaning = _meaning(entry, lines)
    is_named = shown in " ".join(meaning.split())
    return meaning if is_named else _("“{text}”: {meaning}").format(text=shown, meaning=meaning)


def _meaning(entry: Entry, lines: Sequence[AskLine]) -> str:
    if entry.problem:
        return str(entry.problem)
    by_number = {line.line: line for line in lines}
    said = [
        f"{digest_mails.number_mark(answer.number)} {shown_answer(by_number[answer.number], answer)}"
        for answer in entry.answers
    ]
    return ", ".join(said)


def _standing(lines: Sequence[AskLine]) -> Iterator[str]:
    """Where each request stands: of each that is asked about once."""
    seen = set()
    for line in lines:
        request = line.assignment.visit.request
        mark = digest_mails.number_mark(line.line) if line.numbered else ""
        if request.pk in seen:
            continue
        seen.add(request.pk)
        state, *details = standing_of(request)
        yield " ".join(filter(None, (mark, state, " · ".join(details))))
