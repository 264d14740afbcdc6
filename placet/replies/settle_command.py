"""What a reply asks for that answers nothing (`read_command`), done or told."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from placet.approvals.models import AskLine, Assignment
from placet.lib.sentences import Sentence
from placet.replies import refusals, settle_clarification, settle_undo, tell
from placet.replies.pick import Picked
from placet.replies.read_command import Command, Kind
from placet.replies.settle_give import give

if TYPE_CHECKING:
    from placet.replies.entry import Reply


def _help(reply: "Reply", picked: Picked, command: Command) -> None:
    """How to answer; where nothing can be answered any more, where the request stands."""
    must_be_active(picked.line)
    if picked.line.assignment.state == Assignment.State.OPEN:
        raise refusals.HelpAsked
    raise refusals.StatusAsked


def _status(reply: "Reply", picked: Picked, command: Command) -> None:
    must_be_active(picked.line)
    raise refusals.StatusAsked


def must_be_active(line: AskLine) -> None:
    """Whoever left is not told what became of a request since."""
    if not line.ask.person.is_active:
        raise refusals.NoLongerOpen(Sentence("This account is not active any more."))


def _undo(reply: "Reply", picked: Picked, command: Command) -> None:
    """The answer is taken back. Where there is none yet: how to answer."""
    if not settle_undo.is_about_an_answer(picked.line):
        must_be_active(picked.line)
        raise refusals.HelpAsked
    settle_undo.undo(reply, picked)


def _question(reply: "Reply", picked: Picked, command: Command) -> None:
    assert reply.proof is not None
    logged = tell.asked_back(reply)
    clarification = settle_clarification.ask_back(
        picked, command.argument, reply.proof, reply.incoming, logged
    )
    tell.question_sent(reply, clarification, logged)


#: What each does, in the mail's transaction. Raises a Refusal where it changes nothing.
ACTS: Mapping[Kind, Callable[["Reply", Picked, Command], None]] = {
    Kind.HELP: _help,
    Kind.STATUS: _status,
    Kind.UNDO: _undo,
    Kind.QUESTION: _question,
    Kind.GIVE: give,
}
