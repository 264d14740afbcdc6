"""Answers by mail that lack something, a comment or a yes to what they were understood as, and the mails that ask for
it. Called by `placet.approvals.engine`, which holds the request's lock.

Such an answer decides nothing: the seat stays open, and whatever else decides it does so as always. There is one of a
seat at a time from each who may answer it. It lapses with the next mail in which the person says something else, or
nothing that is clear; then only a whole answer counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from placet.accounts.models import Person
from placet.approvals import answering_again, composing, record
from placet.approvals.definitions import Definition
from placet.approvals.form import facts_hash
from placet.approvals.models import Ask, AskLine, Assignment, PendingAnswer, Request
from placet.approvals.record import Logged, What, note
from placet.lib.ids import new_code
from placet.mail.models import IncomingMail


@dataclass(frozen=True)
class Incomplete:
    """An answer that lacks something, as it came by mail. `ask`: what it answers; `shown`: the hash of what that
    showed; `logged`: what the mail log says of it; `proof`: of who sent it; `language`: in which a confirmation is
    asked for."""

    outcome: str
    ask: Ask
    shown: str
    incoming: IncomingMail
    logged: Logged
    proof: Mapping[str, Any]
    reason: str  # the key of the refusal that names what it lacks
    comment: str = ""
    answers: Mapping[str, Any] = field(default_factory=dict)
    lacks: PendingAnswer.Lacks = PendingAnswer.Lacks.COMMENT
    language: str = ""


def keep(
    request: Request,
    definition: Definition,
    assignment: Assignment,
    answer: Incomplete,
    asking: answering_again.AskForRest,
) -> PendingAnswer:
    """One that says the same as before stays the one it was; its sender is written to once more."""
    lapsed: What = {}
    person = answer.ask.person
    pending = PendingAnswer.objects.filter(assignment=assignment, person=person, lapsed_by=None).first()
    if pending is None or not _is_same(pending, answer):
        lapsed = lapse(assignment, person, answer.incoming)
        pending = PendingAnswer.objects.create(
            assignment=assignment,
            person=person,
            outcome=answer.outcome,
            comment=answer.comment,
            answers=dict(answer.answers),
            lacks=answer.lacks,
            language=answer.language,
            incoming=answer.incoming,
        )
    pending.assignment = assignment
    line = _ask_for_rest(request, definition, pending, answer, asking)
    what = record.together(
        record.pending(pending, answer.ask, answer.proof),
        record.asked_by_mail(line.ask, line),
        record.mail(answer.incoming),
        record.reading(answer.logged),
        lapsed,
    )
    note(
        request, answer.ask.person, "answer incomplete", at=line.ask.created_at, reason=answer.reason, **what
    )
    return pending


def _is_same(pending: PendingAnswer, answer: Incomplete) -> bool:
    now = answer.outcome, answer.comment, dict(answer.answers), answer.lacks, answer.language
    return now == (pending.outcome, pending.comment, pending.answers, pending.lacks, pending.language)


def _ask_for_rest(
    request: Request,
    definition: Definition,
    pending: PendingAnswer,
    answer: Incomplete,
    asking: answering_again.AskForRest,
) -> AskLine:
    """With a reply code of its own: what answers this mail is the rest of that answer, and of no other."""
    assignment, code = pending.assignment, new_code()
    ask = Ask.objects.create(code_hash=composing.hash_of(code), person=answer.ask.person)
    shown = facts_hash(request, definition, assignment.visit.step_key)
    line = AskLine.objects.create(
        ask=ask, line=1, assignment=assignment, facts_hash=shown, revision=request.revision, completes=pending
    )
    ask.outgoing = answering_again.ask_for_rest(
        answer.incoming,
        ask.person,
        request,
        assignment.visit.step_key,
        key=answer.reason,
        asking=asking,
        code=code,
    )
    ask.save(update_fields=["outgoing"])
    return line


def lapse(assignment: Assignment, person: Person, by: IncomingMail) -> What:
    """Nothing completes the answer of somebody that waits there, if one does. What the record says of it."""
    pending = PendingAnswer.objects.filter(assignment=assignment, person=person, lapsed_by=None).first()
    if pending is None:
        return {}
    pending.lapsed_by = by
    pending.save(update_fields=["lapsed_by"])
    return {"lapses": pending.pk}
