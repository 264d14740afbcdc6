"""One function per mail we send. Each writes an outgoing mail in the caller's transaction.

What requesters wrote is shown as text only: it is escaped in HTML, folded to one line in headers, and never
part of an address or a link.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import quote

import mjml
from django.conf import settings
from django.template import Context, Template
from django.template.loader import render_to_string

from placet.accounts.general import general
from placet.accounts.models import Person
from placet.approvals.models import Ask, Assignment, Decision, Request, Visit
from placet.approvals.processes import APPROVE, REJECT, Definition, EndStep, Fact, definition_of, facts
from placet.lib.ids import code_hash
from placet.lib.zones import zone_of
from placet.mail import outbox
from placet.mail.marker import MARKER
from placet.mail.models import IncomingMail, OutgoingMail
from placet.mailboxes.models import Mailbox

LABELS = {APPROVE: "Approve", REJECT: "Reject"}
DONE = {APPROVE: "approved", REJECT: "rejected"}
# What mail programs know links by: a scheme, www., \\server, and names and addresses, which end in a dot (also
# one of the three that IDNA takes for one, UTS 46) and a letter. 1.250,00 has no letter.
_LINKS = re.compile(
    r":(?=//)|\bwww(?=\.)|\bmailto(?=:)|\\(?=\\)|@|[.\u3002\uff0e\uff61](?=[^\W\d_])", re.IGNORECASE
)
LONGEST_QUOTE = 1000  # characters of somebody's reply that are shown back


@dataclass(frozen=True)
class Link:
    label: str
    href: str


@dataclass(frozen=True)
class ShownFact:
    """A line of the form as mails show it. What the requester wrote cannot look like a line of ours, nor
    become a link that nobody here made."""

    label: str
    text: str
    lines: Sequence[str]  # for the text part: each set off, if there are several

    @classmethod
    def of(cls, fact: Fact) -> "ShownFact":
        text = no_links(fact.text)
        lines = text.splitlines()
        label = fact.label if fact.label.endswith(("?", ":", "!")) else f"{fact.label}:"
        return cls(label, text, lines if len(lines) > 1 else [])


def no_links(text: str) -> str:
    """Mail programs make links of what looks like an address; a zero-width space keeps them from it."""
    return _LINKS.sub("\\g<0>\u200b", text)


def with_code(subject: str, code: str) -> str:
    """A subject with its reply code. What looks like one in a title is none: replies with two are not applied."""
    subject = subject.replace("[#", "[# ")
    return f"{subject} [#{code}]" if code else subject


def mailbox_for(request: Request) -> Mailbox | None:
    """The mailbox that a request's mails go out from."""
    return Mailbox.objects.filter(active=True).order_by("pk").first()


def hash_of(code: str) -> str:
    return code_hash(settings.REPLY_CODE_KEY, code)


def page_of(request: Request) -> str:
    """The request's page. The address carries no right: the page asks for sign-in."""
    return f"{general().public_url}/requests/{request.public_id}/"


# --- mails to the people asked ----------------------------------------------------------------------------


def ask(
    mailbox: Mailbox, request: Request, definition: Definition, assignment: Assignment, ask: Ask, code: str
) -> OutgoingMail:
    """The mail that asks one person."""
    person = assignment.person
    subject = with_code(f"Please decide: {request.title}", code)
    page_only = definition.proof_for(assignment.visit.step_key) == "page"
    context = {
        "marker": MARKER,
        "heading": no_links(request.title),
        "preview": no_links(f"{request.requester.name} asks for your decision: {request.title}"),
        "lead": no_links(
            f"{request.requester.name} asks for your decision on {definition.name.lower()} {request.number}."
        ),
        "facts": [ShownFact.of(fact) for fact in facts(definition, request.data)],
        "approve_link": answer_link(mailbox, code, subject, LABELS[APPROVE]),
        "reject_link": answer_link(mailbox, code, subject, LABELS[REJECT]),
        "page_link": page_of(request),
        "how": (
            "This one is decided on the page only: please open the request and sign in."
            if page_only
            else "Reply to this mail with “approve” or “reject” on the first line; "
            "a comment can follow below it."
        ),
        "by_mail": not page_only,
        "code": code,
    }
    return _queue(
        mailbox,
        "ask",
        person,
        cause=f"ask:{ask.public_id}",
        subject=subject,
        template="ask",
        context=context,
        priority=OutgoingMail.Priority.ASK,
        reply_to=reply_address(mailbox, code),
    )


def reply_address(mailbox: Mailbox, code: str) -> str:
    """Where a reply goes: the mailbox, with the reply code behind a plus where the server takes that."""
    address = str(mailbox.settings.get("reply_to") or mailbox.address)
    if not mailbox.settings.get("plus_addressing", True):
        return address
    local, _, domain = address.rpartition("@")
    return f"{local}+{code}@{domain}"


def answer_link(mailbox: Mailbox, code: str, subject: str, word: str) -> str:
    """A mailto link (RFC 6068) with `word` as the prefilled answer; it opens a mail, nothing is decided by a click.

    The plus of the address is written %2B, because some mail programs read + as a space.
    """
    address = quote(reply_address(mailbox, code), safe="@")
    return f"mailto:{address}?subject={quote('Re: ' + outbox.one_line(subject), safe='')}&body={quote(word, safe='')}"


def withdrawn(request: Request, assignment: Assignment) -> None:
    """To somebody who was asked: nothing to do any more."""
    mailbox = mailbox_for(request)
    if mailbox is None:
        return
    _notice(
        mailbox,
        "withdrawn",
        assignment.person,
        cause=f"assignment:{assignment.pk}",
        subject=f"No longer needed: {request.title}",
        heading="No answer needed any more",
        paragraphs=[f"{request.requester.name} has withdrawn “{request.title}” (number {request.number})."],
    )


def confirmation(incoming: IncomingMail, decision: Decision, in_reply_to: str) -> None:
    """To somebody whose reply was applied: what it was read as."""
    request = decision.assignment.visit.request
    paragraphs = [
        f"Your answer to “{request.title}” (number {request.number}) was read as: {DONE[decision.outcome]}."
        + (" With this comment:" if decision.comment else "")
    ]
    _notice(
        incoming.mailbox,
        "confirmation",
        decision.by_person,
        cause=f"incoming:{incoming.pk}",
        subject=f"{DONE[decision.outcome].capitalize()}: {request.title}",
        heading=f"You {DONE[decision.outcome]} this request",
        paragraphs=paragraphs,
        quote=decision.comment[:LONGEST_QUOTE],
        links=[Link("Open the request", page_of(request))],
        footer="If this is not what you meant, tell the requester at once.",
        priority=OutgoingMail.Priority.CONFIRMATION,
        in_reply_to=in_reply_to,
    )


@dataclass(frozen=True)
class AnswerAgain:
    """How a mail asks for another answer, in the language of the one that was not clear."""

    subject: str  # stands before the request's title
    heading: str
    how: str  # which words to write
    by_link: str
    words: dict[str, str]  # outcome: the word that a link writes


def refusal(
    incoming: IncomingMail,
    person: Person,
    request: Request,
    *,
    key: str,
    sentences: Sequence[str],
    quote: str = "",
    again: AnswerAgain | None = None,
    code: str = "",
    in_reply_to: str = "",
) -> None:
    """To a proved sender whose reply was not applied: why, and what to do next."""
    links = [Link("Open the request", page_of(request))]
    subject, heading, paragraphs = (
        f"Not applied: {request.title}",
        "Your answer was not applied",
        list(sentences),
    )
    if again is not None:
        subject, heading = with_code(f"{again.subject}: {request.title}", code), again.heading
        paragraphs = [f"{again.how} {again.by_link}", *sentences]
        title = with_code(request.title, code)
        links = [
            Link(word, answer_link(incoming.mailbox, code, title, word)) for word in again.words.values()
        ] + links
    _notice(
        incoming.mailbox,
        f"refusal-{key}",
        person,
        cause=f"incoming:{incoming.pk}",
        subject=subject,
        heading=heading,
        paragraphs=paragraphs,
        quote=quote[:LONGEST_QUOTE],
        links=links,
        priority=OutgoingMail.Priority.CONFIRMATION,
        reply_to=reply_address(incoming.mailbox, code) if again is not None else "",
        in_reply_to=in_reply_to,
    )


def misused(ask: Ask, request: Request, mailbox: Mailbox) -> None:
    """To the person asked, once an ask: somebody else used their reply code."""
    _notice(
        mailbox,
        "code-misused",
        ask.person,
        cause=f"ask:{ask.public_id}",
        subject=f"Somebody else answered in your place: {request.title}",
        heading="A reply that was not yours",
        paragraphs=[
            f"A mail with your reply code for “{request.title}” (number {request.number}) came from an address "
            "or in a way that does not prove that you sent it. It was not applied.",
            "If you forwarded the mail to a colleague, nothing is wrong: please answer yourself. If you answered "
            "from another address of yours, answer from the one that this mail went to. Otherwise tell your "
            "administrator.",
        ],
        links=[Link("Open the request", page_of(request))],
    )


# --- mails to requesters and administrators ---------------------------------------------------------------


def ended(request: Request, step: EndStep) -> None:
    """To the requester: how it ended."""
    mailbox = mailbox_for(request)
    if mailbox is None:
        return
    definition = definition_of(request.version)
    decisions = Decision.objects.filter(assignment__visit__request=request).order_by("at", "id")
    lines = [
        f"{definition.approval(step_key).name}: {DONE[outcome]} by {name}, {when(at, request.requester)}"
        + (f" — “{comment[:LONGEST_QUOTE]}”" if comment else "")
        for step_key, outcome, name, at, comment in decisions.values_list(
            "assignment__visit__step_key", "outcome", "by_person__name", "at", "comment"
        )
    ]
    _notice(
        mailbox,
        "ended",
        request.requester,
        cause=f"request:{request.pk}",
        subject=f"{step.name}: {request.title}",
        heading=f"{step.name}: {request.title}",
        paragraphs=[f"Your request number {request.number} has ended.", *lines],
        links=[Link("Open the request", page_of(request))],
    )


def stuck(request: Request, visit: Visit, seq: int) -> None:
    """To every administrator: a step cannot go on. Once each time, which the audit entry's `seq` tells apart."""
    mailbox = mailbox_for(request)
    if mailbox is None:
        return
    step = definition_of(request.version).approval(visit.step_key)
    for person in Person.objects.filter(is_administrator=True, is_active=True):
        _notice(
            mailbox,
            "stuck",
            person,
            cause=f"visit:{visit.pk}:{seq}",
            subject=f"Needs your help: {request.title}",
            heading=f"“{step.name}” is stuck",
            paragraphs=[
                f"Request {request.number} cannot go on: {visit.reason}.",
                "Put the people or groups right, then open the request and press “Ask again”.",
            ],
            links=[Link("Open the request", page_of(request))],
        )


def when(moment: datetime, person: Person) -> str:
    """A time as this person reads it."""
    return moment.astimezone(zone_of(person.zone)).strftime("%-d %B %Y, %H:%M %Z")


# --- composing --------------------------------------------------------------------------------------------


def _notice(
    mailbox: Mailbox,
    kind: str,
    person: Person,
    *,
    cause: str,
    subject: str,
    heading: str,
    paragraphs: Sequence[str],
    quote: str = "",
    links: Sequence[Link] = (),
    footer: str = "",
    priority: OutgoingMail.Priority = OutgoingMail.Priority.NOTICE,
    reply_to: str = "",
    in_reply_to: str = "",
) -> None:
    context = {
        "heading": no_links(heading),
        "paragraphs": [no_links(paragraph) for paragraph in paragraphs],
        "quote": no_links(quote),
        "quoted": "\n".join(f"> {line}" for line in no_links(quote).splitlines()),
        "links": links,
        "footer": footer,
    }
    _queue(
        mailbox, kind, person, cause=cause, subject=subject, template="notice", context=context,
        priority=priority, reply_to=reply_to, in_reply_to=in_reply_to,
    )  # fmt: skip


def _queue(
    mailbox: Mailbox,
    kind: str,
    person: Person,
    *,
    cause: str,
    subject: str,
    template: str,
    context: dict[str, Any],
    priority: OutgoingMail.Priority,
    reply_to: str = "",
    in_reply_to: str = "",
) -> OutgoingMail:
    reference = outbox.new_reference()
    context = {**context, "subject": subject, "reference": reference}
    return outbox.queue(
        mailbox,
        kind=kind,
        to=person.email,
        to_name=person.name,
        cause=cause,
        subject=subject,
        text=render_to_string(f"mails/{template}.txt", context),
        html=_html_template(template).render(Context(context)),
        priority=priority,
        reference=reference,
        reply_to=reply_to,
        in_reply_to=in_reply_to,
    )


@cache
def _html_template(name: str) -> Template:
    """The HTML of a mail: MJML made into HTML first, filled by Django (which escapes) afterwards, so that
    nothing that people wrote is ever read as MJML."""
    source = files("placet.approvals") / "templates" / "mails" / f"{name}.mjml"
    # fonts: or a font that the styles name would be fetched from a stranger's server whenever a mail is opened.
    return Template(mjml.mjml2html(source.read_text(), fonts={}))
