"""The decision applied, by calling `approvals.engine` and nothing else."""

from placet.accounts.addresses import addresses_of
from placet.approvals import engine
from placet.approvals.models import AskLine, Decision
from placet.approvals.processes import definition_of
from placet.approvals.record import Logged
from placet.mail.models import IncomingMail
from placet.replies import refusals
from placet.replies.pick import Picked, without_codes
from placet.replies.prove import Proof
from placet.replies.read import Answer


def addresses_asked(line: AskLine) -> frozenset[str]:
    """The addresses that an answer to this ask may come from."""
    return frozenset(addresses_of(line.ask.person))


def proof_needed(line: AskLine) -> str:
    visit = line.assignment.visit
    return definition_of(visit.request.version).proof_for(visit.step_key)


def outcomes_of(line: AskLine) -> tuple[str, ...]:
    visit = line.assignment.visit
    return definition_of(visit.request.version).approval(visit.step_key).outcomes


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
        raise refusals.AlreadyDecided(first.by_person.name, first.outcome, first.at.isoformat()) from error
    except (engine.NoLongerOpen, engine.NotAllowed) as error:
        raise refusals.NoLongerOpen(error.message) from error
