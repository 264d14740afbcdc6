"""What became of a mail that starts a request: its confirmation, the question for what is missing, or why it starts
nothing. All in the transaction of the effect; strangers are told nothing.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from placet.accounts.models import Person
from placet.accounts.reader import as_read_by
from placet.approvals import mailed_starts, start_mails
from placet.approvals.composing import hash_of
from placet.approvals.definitions import Definition, definition_of
from placet.approvals.models import MailedStart, Process, Request
from placet.approvals.record import Logged
from placet.mail import tasks
from placet.replies import refusals, tell
from placet.replies.tell_limits import last_of_the_hour, may_be_told

if TYPE_CHECKING:
    from placet.replies.entry import Reply
    from placet.replies.settle_start import Written

STARTED = "started"  # the result of a mail that started a request


def logged(reply: "Reply", request: Request) -> Logged:
    """What the mail log says of a mail that started a request: a part of the record of its start."""
    said = _("{name} started request {number}: {title}").format(
        name=request.requester.name, number=request.number, title=request.title
    )
    return tell.logged_as(reply, STARTED, said, request=request.number)


def log(reply: "Reply", said: Logged) -> None:
    tell.log_as(reply, said)


def started(reply: "Reply", request: Request, definition: Definition, notes: Sequence[str]) -> None:
    assert reply.mail is not None
    start_mails.started(reply.incoming, request, definition, notes, reply.mail.message_id)
    tasks.handled(reply.incoming, reply.settings)


def lacks(
    reply: "Reply",
    row: MailedStart,
    written: "Written",
    wrong: Mapping[str, str],
    notes: Sequence[str],
    code: str,
) -> None:
    """Ask for what is missing, and keep what is there. Whoever was told enough in this hour is asked for nothing: then
    nothing is kept, by StartLacks."""
    assert reply.mail is not None
    refusal = refusals.StartLacks(_by_name(row, wrong))
    if not may_be_told(reply, refusal):
        raise refusal
    files = [one.as_json for one in written.kept]
    names: dict[str, list[str]] = {}
    for one in written.kept:
        names.setdefault(one.file.field, []).append(one.file.name)
    lacking = start_mails.Lacking(
        wrong, written.entered, names, notes, footer=last_of_the_hour(reply, refusal)
    )
    mailed_starts.extend(row)
    outgoing = start_mails.ask_for_rest(reply.incoming, row, lacking, code, reply.mail.message_id)
    mailed_starts.wait(row, hash_of(code), outgoing, entered=written.entered, files=files)
    tasks.handled(reply.incoming, reply.settings)
    facts = {"told": True, "shown": refusal.shown, "refusal": dict(refusal.facts)}
    tell.log_as(reply, tell.logged_as(reply, refusal.key, refusal.sentence, **facts))


def _by_name(row: MailedStart, wrong: Mapping[str, str]) -> list[str]:
    labels = {one.name: one.label for one in definition_of(row.version).fields}
    with as_read_by(row.person):
        said = _("“{question}”: {text}")
    return [said.format(question=labels.get(name, name), text=text) for name, text in wrong.items()]


def refused(reply: "Reply", refusal: refusals.Refusal) -> bool:
    """Tell the proved sender why nothing was started, unless they were told enough in this hour."""
    person = reply.starter
    assert person is not None and reply.mail is not None
    if isinstance(refusal, refusals.StartLacks) or not may_be_told(reply, refusal):
        return False
    request = None
    if isinstance(refusal, refusals.StartTwice) and refusal.number:
        request = Request.objects.get(number=refusal.number)
    with as_read_by(person):
        sentences = _why(refusal, request, person, reply.process)
        footer = last_of_the_hour(reply, refusal)
    start_mails.not_started(
        reply.incoming,
        reply.process,
        person,
        key=refusal.key,
        sentences=sentences,
        request=request,
        in_reply_to=reply.mail.message_id,
        footer=footer,
    )
    return True


def _why(
    refusal: refusals.Refusal, request: Request | None, person: Person, process: Process | None
) -> list[str]:
    """In the language of the sender, with what to do next."""
    if isinstance(refusal, refusals.StartNotTaken):
        return [str(refusal.why), _next_step(person, process)]
    if request is not None:
        said = _("Request {number} was started by it: {title}")
        return [refusal.sentence, said.format(number=request.number, title=request.title)]
    return [refusal.sentence, _("What it lacks was asked for in a mail; please answer that one.")]


def _next_step(person: Person, process: Process | None) -> str:
    if not person.is_active:
        return _("Your administrator can help you with that.")
    if process is None:
        return _("What you can start, and the address for each, stands on the page “Start a request”.")
    return _("You can fill in the form on its page instead; files are added there, too.")
