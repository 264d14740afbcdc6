"""The decision applied, by calling `approvals.engine` and nothing else."""

from datetime import date
from decimal import Decimal
from typing import Any

from placet.accounts.reader import as_read_by
from placet.approvals import engine
from placet.approvals.definitions import ApprovalStep, FormField, definition_of
from placet.approvals.form import facts, facts_as_read, minor_digits
from placet.approvals.models import AskLine, Decision
from placet.approvals.outcomes import Outcome
from placet.approvals.record import Logged
from placet.mail.models import IncomingMail
from placet.replies import refusals
from placet.replies.pick import Picked, without_codes
from placet.replies.prove import Proof
from placet.replies.read import Answer
from placet.replies.read_facts import About, Field


def proof_needed(line: AskLine) -> str:
    visit = line.assignment.visit
    return definition_of(visit.request.version).proof_for(visit.step_key)


def step_of(line: AskLine) -> ApprovalStep:
    """What can be answered, and what each answer needs."""
    visit = line.assignment.visit
    return definition_of(visit.request.version).approval(visit.step_key)


def about(line: AskLine) -> About:
    """The request as its ask shows it, for the reader of an answer."""
    request = line.assignment.visit.request
    definition = definition_of(request.version)
    with as_read_by(line.ask.person):
        as_read = facts_as_read(definition, request.data)
    shown = facts(definition, request.data)
    fields = [field for field in definition.form if request.data.get(field.name) is not None]
    return About(
        tuple(
            _field(field, request.data[field.name], {one.text, other.text})
            for field, one, other in zip(fields, shown, as_read, strict=True)
            if field.type != "files"
        ),
        (request.requester.name, line.ask.person.name),
    )


def _field(field: FormField, value: Any, shown: set[str]) -> Field:
    texts = tuple(sorted(shown))
    if field.type == "money":
        amount = Decimal(value["minor"]).scaleb(-minor_digits(value["currency"]))
        return Field(field.label, texts, number=amount, currency=value["currency"])
    if field.type == "number":
        return Field(field.label, texts, number=Decimal(str(value)))
    if field.type == "date":
        return Field(field.label, texts, day=date.fromisoformat(value))
    return Field(field.label, texts)


def settle(picked: Picked, answer: Answer, proof: Proof, incoming: IncomingMail, logged: Logged) -> Decision:
    """Decide, or raise the refusal that says why this came too late. Belongs into the mail's transaction. `logged`:
    what the mail log will say of it."""
    line = picked.line
    request = line.assignment.visit.request
    if line.facts_hash != engine.facts_hash(request, definition_of(request.version)):
        raise refusals.Changed
    try:
        return engine.decide(
            line.assignment_id,
            by=line.ask.person,
            outcome=answer.outcome,
            comment=without_codes(answer.comment, picked.code),
            door=Decision.Door.MAIL,
            incoming=incoming,
            proof=proof.as_json(),
            ask=line.ask,
            logged=logged,
        )
    except engine.AlreadyDecided as error:
        first = error.decisions[-1]
        counted = step_of(line).outcome(first.outcome)
        label = "" if counted.is_built_in else _as_read(counted, line)
        raise refusals.AlreadyDecided(
            first.by_person.name, first.outcome, first.at.isoformat(), label
        ) from error
    except engine.CommentNeeded as error:
        raise refusals.CommentNeeded(_as_read(error.outcome, line), answer.language) from error
    except engine.Barred as error:
        raise refusals.MayNotDecide(error.message) from error
    except (engine.NoLongerOpen, engine.NotAllowed) as error:
        raise refusals.NoLongerOpen(error.message) from error


def _as_read(outcome: Outcome, line: AskLine) -> str:
    """What whoever was asked reads."""
    with as_read_by(line.ask.person):
        return outcome.shown
