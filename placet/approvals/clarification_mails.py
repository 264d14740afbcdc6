"""The mails about questions back to the requester. Question and answer are other people's words: text only, set off,
and no link."""

from collections.abc import Iterator, Sequence

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from placet.approvals.composing import mailbox_for, page_link, page_of, queue, with_code, written_to
from placet.approvals.definitions import Definition
from placet.approvals.form import Fact
from placet.approvals.mail_parts import Question, ShownFact
from placet.approvals.models import Ask, Clarification, Request, Visit
from placet.approvals.prepared_replies import reply_address
from placet.mail.models import IncomingMail, OutgoingMail
from placet.mail.writing import Link, Notice
from placet.mailboxes.models import Mailbox

LONGEST = 5_000  # characters of a question or an answer; the request's page has all of it


def question(
    mailbox: Mailbox,
    request: Request,
    definition: Definition,
    clarification: Clarification,
    ask: Ask,
    code: str,
) -> OutgoingMail:
    """To the requester. An answer to this mail, by its own code, is the answer, and no other."""
    names = {"name": clarification.asked_by.name, "title": request.title, "number": request.number}
    step = definition.approval(clarification.visit.step_key)
    by_mail = definition.proof_for(clarification.visit.step_key) != "page"
    with written_to(request.requester) as installation:
        heading = _("Question about your request: {title}").format(**names)
        lead = _("{name}, who is asked about your request number {number} ({step}), would like to know:")
        subject = with_code(heading, code)
        return queue(
            mailbox,
            "clarification",
            request.requester,
            installation,
            cause=f"ask:{ask.public_id}",
            subject=subject,
            letter=Question(
                heading=heading,
                preview=_("{name} asks you something: {title}").format(**names),
                lead=lead.format(step=step.name, **names),
                facts=[shown(_("Question"), clarification.question)],
                answers=(),
                page=Link(
                    _("Open the request in Placet (you will be asked to sign in)"),
                    page_of(request, installation),
                ),
                by_mail=by_mail,
                how=" ".join(_how(clarification, by_mail=by_mail)),
                code=code,
            ),
            priority=OutgoingMail.Priority.ASK,
            reply_to=reply_address(mailbox, code),
        )


def _how(clarification: Clarification, *, by_mail: bool) -> Iterator[str]:
    if by_mail:
        yield _(
            "Reply to this mail: all that you write above it goes to everybody who is asked, as your answer. "
            "Nothing is decided by it."
        )
        yield _("Files do not go with it; please write what they say.")
    else:
        yield _("This can be answered on the page only: please open the request and sign in.")
    if clarification.pauses:
        yield _("Until you answer, the time for a decision stands still, but not for ever.")


def shown(label: str, text: str) -> ShownFact:
    """What somebody wrote, as mails show what requesters enter: it cannot look like a line of ours."""
    text = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
    return ShownFact.of(Fact(label, text))


def question_and_answer(clarification: Clarification | None) -> list[ShownFact]:
    """In a mail that asks, for its reader."""
    if clarification is None:
        return []
    asker, requester = clarification.asked_by.name, clarification.visit.request.requester.name
    return [
        shown(_("{name} asked").format(name=asker), clarification.question),
        shown(_("{name} answered").format(name=requester), clarification.answer),
    ]


# --- what became of it ------------------------------------------------------------------------------------


def asked(incoming: IncomingMail, clarification: Clarification, in_reply_to: str) -> None:
    """To whoever asked by mail."""
    request = clarification.visit.request
    names = {"name": request.requester.name, "title": request.title, "number": request.number}
    with written_to(clarification.asked_by) as installation:
        sentence = _(
            "Your question about “{title}” (number {number}) went to {name}. The answer comes to you by mail."
        )
        queue(
            incoming.mailbox,
            "clarification-asked",
            clarification.asked_by,
            installation,
            cause=f"incoming:{incoming.pk}",
            subject=_("Your question was sent: {title}").format(**names),
            letter=Notice(
                _("Your question was sent"),
                [
                    sentence.format(**names),
                    _("Nothing was decided by it: you can still answer the mail that asked you."),
                ],
                quote=clarification.question[:LONGEST],
                links=[page_link(request, installation)],
            ),
            priority=OutgoingMail.Priority.CONFIRMATION,
            in_reply_to=in_reply_to,
        )


def taken(incoming: IncomingMail, clarification: Clarification, in_reply_to: str) -> None:
    """To the requester, whose answer by mail was taken."""
    request = clarification.visit.request
    names = {"name": clarification.asked_by.name, "title": request.title, "number": request.number}
    with written_to(request.requester) as installation:
        sentence = _("Your answer about “{title}” (number {number}) went to everybody who is asked:")
        queue(
            incoming.mailbox,
            "clarification-taken",
            request.requester,
            installation,
            cause=f"incoming:{incoming.pk}",
            subject=_("Your answer was sent: {title}").format(**names),
            letter=Notice(
                _("Your answer was sent"),
                [sentence.format(**names)],
                quote=clarification.answer[:LONGEST],
                links=[page_link(request, installation)],
                footer=_("Files that you attached were not sent with it."),
            ),
            priority=OutgoingMail.Priority.CONFIRMATION,
            in_reply_to=in_reply_to,
        )


def not_needed(request: Request, visit: Visit, clarifications: Sequence[Clarification]) -> None:
    """To the requester, once of all of these. Not where they withdrew the request themselves."""
    mailbox = mailbox_for(request)
    if mailbox is None or request.state == Request.State.WITHDRAWN:
        return
    names = {"title": request.title, "number": request.number}
    with written_to(request.requester) as installation:
        sentence = ngettext(
            "What you were asked about “{title}” (number {number}) needs no answer any more.",
            "The {n} questions that you were asked about “{title}” (number {number}) need no answer any more.",
            len(clarifications),
        )
        queue(
            mailbox,
            "clarification-needless",
            request.requester,
            installation,
            cause=f"visit:{visit.pk}:{clarifications[0].number}",
            subject=_("No answer needed: {title}").format(**names),
            letter=Notice(
                _("No answer needed any more"),
                [sentence.format(n=len(clarifications), **names)],
                links=[page_link(request, installation, tone="")],
            ),
        )


def why_again(clarification: Clarification | None, unclarified: bool) -> Iterator[str]:
    """What a mail says that asks once more because of a question."""
    if unclarified:
        yield _("The question was not answered in time, so the time for your decision goes on.")
    if clarification is not None:
        sentence = _(
            "{name} has answered a question. Nothing else has changed; you can still answer the earlier mail."
        )
        yield sentence.format(name=clarification.visit.request.requester.name)
