"""A reply to a digest, applied line by line: each by `approvals.engine.decide`, in a savepoint, all in the mail's
transaction. One that is decided, withdrawn or changed meanwhile does not stop the others.

The requests are locked first, in the order of their ids, as whoever locks several does.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db import transaction

from placet.accounts.reader import as_read_by
from placet.approvals import digests, engine, policy
from placet.approvals.definitions import definition_of
from placet.approvals.models import AskLine, Assignment, Decision
from placet.approvals.proofs import Level, level_of, strongest, weakest
from placet.approvals.record import Logged
from placet.mail.models import IncomingMail
from placet.replies import refusals, settle
from placet.replies.pick import Picked, one_line
from placet.replies.prove import Proof
from placet.replies.read_digest import LineAnswer, LineAsked
from placet.replies.read_own import own_of
from placet.replies.read_result import Answer


@dataclass(frozen=True)
class Settled:
    """What became of the answer to a line: a decision, or why there is none."""

    line: AskLine
    answer: LineAnswer
    decision: Decision | None = None
    refusal: refusals.Refusal | None = None


def proof_needed(lines: Sequence[AskLine]) -> Level:
    """The strongest that any line with a number needs; where none has one, nothing is answered by mail."""
    return strongest(level_of(settle.proof_needed(line)) for line in lines if line.numbered)


def asked(lines: Sequence[AskLine]) -> list[LineAsked]:
    """The lines that a reply can name, as it is read against them."""
    numbered = [line for line in lines if line.numbered]
    levels = {line.pk: level_of(settle.proof_needed(line)) for line in numbered}
    least = weakest(levels.values())
    return [_asked(line, is_stronger=levels[line.pk] is not least) for line in numbered]


def _asked(line: AskLine, *, is_stronger: bool) -> LineAsked:
    step, request = settle.step_of(line), line.assignment.visit.request
    definition = definition_of(request.version)
    needed = [key for key in step.outcome_keys if policy.needs_comment(definition, step, key, request)]
    return LineAsked(
        number=line.line,
        outcomes=step.outcome_keys,
        own=own_of(step),
        about=settle.about(line),
        is_open=line.assignment.state == Assignment.State.OPEN,
        needs_comment=needed,
        left_out_of_all=step.outcome_keys if is_stronger else needed,
    )


def apply(
    picked: Picked, answers: Sequence[LineAnswer], proof: Proof, incoming: IncomingMail, logged: Logged
) -> list[Settled]:
    """Decide what is answered. Belongs into the mail's transaction."""
    by_number = {line.line: line for line in picked.lines}
    answered = [(by_number[answer.number], answer) for answer in answers]
    for number in sorted({line.assignment.visit.request_id for line, _answer in answered}):
        engine.lock(number)
    return [_apply(picked, line, answer, proof, incoming, logged) for line, answer in answered]


def _apply(
    picked: Picked,
    line: AskLine,
    read: LineAnswer,
    proof: Proof,
    incoming: IncomingMail,
    logged: Logged,
) -> Settled:
    answer = Answer(read.outcome, read.comment, (read.words,), "")
    try:
        with transaction.atomic():
            decision = settle.settle(one_line(picked, line), answer, proof, incoming, logged)
    except refusals.Refusal as refusal:
        digests.note_line_refused(line, reason=refusal.key, incoming=incoming, logged=logged)
        return Settled(line, read, refusal=refusal)
    return Settled(line, read, decision)


def left_open(lines: Sequence[AskLine], answers: Sequence[LineAnswer]) -> Iterator[AskLine]:
    """Those with a number that are open still and were not answered."""
    answered = {answer.number for answer in answers}
    for line in lines:
        if line.numbered and line.line not in answered and line.assignment.state == Assignment.State.OPEN:
            yield line


def shown_answer(line: AskLine, answer: LineAnswer) -> str:
    """As whoever was asked reads it."""
    with as_read_by(line.ask.person):
        return settle.step_of(line).outcome(answer.outcome).shown
