"""Questions back and their answers, as they come by mail: applied by calling `approvals.engine`. Both belong into the
mail's transaction. `logged`: what the mail log will say of it."""

from placet.approvals import engine, engine_errors
from placet.approvals.engine_clarifications import Written
from placet.approvals.models import AskLine, Clarification, Decision
from placet.approvals.record import Logged
from placet.lib.sentences import NOTHING, Sentence
from placet.mail.models import IncomingMail
from placet.replies import refusals
from placet.replies.parse import Mail
from placet.replies.pick import Picked, without_codes
from placet.replies.prove import Proof
from placet.replies.read import with_signature
from placet.replies.read_unreadable import unreadable


def ask_back(
    picked: Picked, question: str, proof: Proof, incoming: IncomingMail, logged: Logged
) -> Clarification:
    """Of a proved reply that asks the requester something and says nothing else. Raises the refusal that says why
    nothing is asked."""
    line = picked.line
    try:
        return engine.ask_back(
            line.assignment_id, line.ask.person, _written(picked, question, proof, incoming, logged)
        )
    except engine_errors.AlreadyDecided as error:
        raise refusals.NotAskedBack(Sentence("This was already decided.")) from error
    except engine_errors.EngineError as error:
        raise refusals.NotAskedBack(error.message) from error


def asked_back(line: AskLine) -> Clarification:
    """What the requester was asked in the mail that is answered."""
    assert line.asks_back is not None
    return line.asks_back


def answer_of(mail: Mail) -> str:
    """All that the requester wrote above what is quoted, whatever it says. Raises NotClarified."""
    text = with_signature(mail.new_text, mail)
    if problem := unreadable(mail) or _doubt(mail, text):
        raise refusals.NotClarified(problem)
    return text


def _doubt(mail: Mail, text: str) -> Sentence:
    if any(map(str.isalnum, mail.quoted_else)):
        return Sentence(
            "Some of what you wrote stands between quoted lines; please write above the quoted mail."
        )
    if not any(map(str.isalnum, text)):
        return Sentence("There is no text above the quoted mail.")
    return NOTHING


def clarify(
    picked: Picked, answer: str, proof: Proof, incoming: IncomingMail, logged: Logged
) -> Clarification:
    """Of a proved reply to what the requester was asked. It decides nothing, whatever it says. Raises NotClarified."""
    line = picked.line
    try:
        return engine.clarify(
            asked_back(line).pk, line.ask.person, _written(picked, answer, proof, incoming, logged)
        )
    except engine_errors.EngineError as error:
        raise refusals.NotClarified(error.message) from error


def _written(picked: Picked, text: str, proof: Proof, incoming: IncomingMail, logged: Logged) -> Written:
    """Without reply codes: others read it."""
    return Written(
        without_codes(text, picked.code),
        Decision.Channel.MAIL,
        incoming,
        picked.line.ask,
        proof.as_json(),
        logged,
    )
