"""One mail that came: what was made of it, why it reads so, the mail itself, and what the server said."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from placet.approvals import another_address
from placet.approvals.models import AskLine, Request
from placet.lib.web import as_file, entered
from placet.mail.models import IncomingMail, OutgoingMail
from placet.panel.address_offer import candidate
from placet.panel.mail_html import about, framed, harmless
from placet.panel.mail_log import Row, in_the_list
from placet.panel.mail_parts import Content, content_of, download
from placet.panel.mail_read import ask_of, explanation_of, read_beginning, start_and_size, then
from placet.panel.mail_source import source_of
from placet.panel.mail_story import story
from placet.panel.mail_words import refusals_of
from placet.panel.to_look_at import mark_looked_at
from placet.portal.people import PersonsRequest, administrators_only
from placet.replies import entry, refusals
from placet.replies.explain import LOOKED_AT
from placet.replies.parse.attachments import LARGEST_LISTED, attachments_of

_TOLD_SENDER = [
    "confirmation",
    "clarification-asked",
    "clarification-taken",
    *(f"refusal-{kind.key}" for kind in refusals_of(refusals.Told)),
]


@administrators_only
def incoming_mail(request: PersonsRequest, pk: int) -> HttpResponse:
    """The story first, then the mail as people see it, then why it reads so."""
    found = IncomingMail.objects.select_related("mailbox", "person", "same_as").defer("raw", "same_as__raw")
    mail = get_object_or_404(found, pk=pk)
    start, size = start_and_size(pk)
    read_beginning(mail, start)
    line = ask_of(mail)
    explanation = explanation_of(mail, start, line)
    content = content_of(start)
    show = shown_as(request, content)
    context = {
        "mail": mail,
        "row": Row(mail),
        "story": story(mail, line, _told(mail, line), getattr(mail, "server_task", None)),
        "set_aside": mail.state == IncomingMail.State.SET_ASIDE,
        "size": size,
        "content": content,
        "show": show,
        "shown": about(content.markup, content.pictures) if show == "html" else None,
        "source": source_of(start, mail.transport_headers),
        "explanation": explanation,
        "then": then(mail, explanation) if explanation else "",
        "made": list(_readable({name: one for name, one in mail.verdict.items() if name != "offer"})),
        "said": list(_readable(mail.facts)),
        **_files(mail, content, size),
        **_offer(mail, explanation.mail if explanation else None, line),
    }
    return render(request, "panel/incoming_mail.html", context)


def shown_as(request: PersonsRequest, content: Content) -> str:
    """Which of the three looks at a mail is open."""
    look = entered(request.GET, "show")
    return look if look in ("text", "source") else "html" if content.markup else "text"


def _told(mail: IncomingMail, line: AskLine | None) -> Sequence[OutgoingMail]:
    """Our mails that came of it. By kind and recipient first: that is what the database finds fast."""
    person = mail.person if line is None else line.ask.person
    if person is None:
        return []
    to_them = OutgoingMail.objects.filter(to=person.email).defer("raw")
    answered = Q(kind__in=_TOLD_SENDER, cause=f"incoming:{mail.pk}")
    if line is None:  # it is to start a request
        begun = Request.objects.filter(number=mail.verdict.get("request") or 0).values_list("pk", flat=True)
        started = Q(kind="started", cause__in=[f"request:{pk}" for pk in begun])
        return list(to_them.filter(answered | started).order_by("pk"))
    misused = Q(kind="code-misused", cause=f"ask:{line.ask.public_id}")
    return list(to_them.filter(answered | misused if _was_misused(mail) else answered).order_by("pk"))


def _was_misused(mail: IncomingMail) -> bool:
    return mail.result in {kind.key for kind in refusals_of() if kind.notify_asked}


def _files(mail: IncomingMail, content: Content, size: int) -> dict[str, object]:
    """The attachments; of a mail that is larger than what is read for an answer all of it is looked through."""
    if size > LARGEST_LISTED:
        return {"attachments": [], "too_large_to_list": True}
    found = content.attachments if size < LOOKED_AT else attachments_of(_whole(mail.pk))
    return {"attachments": found, "too_large_to_list": False}


def _whole(pk: int) -> bytes:
    return bytes(get_object_or_404(IncomingMail.objects.only("raw"), pk=pk).raw)


def _offer(mail: IncomingMail, parsed: Any, line: AskLine | None) -> dict[str, object]:
    """The question whether the sender's address is one more of the person asked, and where it stands."""
    last = another_address.offer_of(mail)
    found = candidate(mail, parsed, line) if another_address.may_offer(mail) else None
    return {"offer": last, "candidate": found, "person_asked": line.ask.person if line else None}


def _readable(facts: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """JSON as lines of a table; what is empty is left out."""
    for key, value in facts.items():
        name = f"{before}{str(key).replace('_', ' ')}"
        if isinstance(value, Mapping):
            yield from _readable(value, f"{name}: ")
        elif isinstance(value, list) and value and all(isinstance(part, Mapping) for part in value):
            for number, part in enumerate(value, 1):
                yield from _readable(part, f"{name} {number}: ")
        elif isinstance(value, list):
            if value:
                yield name, "\n".join(str(part) for part in value)
        elif isinstance(value, bool):
            yield name, _("yes") if value else _("no")
        elif value not in (None, ""):
            yield name, str(value)


# --- the mail itself --------------------------------------------------------------------------------------


@administrators_only
def mail_html(request: PersonsRequest, pk: int) -> HttpResponse:
    """Its HTML alone, for the sandboxed frame."""
    get_object_or_404(IncomingMail.objects.only("pk"), pk=pk)
    start, _size = start_and_size(pk)
    content = content_of(start)
    return framed(harmless(content.markup, content.pictures))


@administrators_only
def attachment(request: PersonsRequest, pk: int, number: int) -> HttpResponse:
    return download(_whole(pk), number)


@administrators_only
def raw(request: PersonsRequest, pk: int) -> HttpResponse:
    """The mail as it came, to be saved."""
    return as_file(_whole(pk), f"mail-{pk}.eml")


@administrators_only
def handle_again(request: PersonsRequest, pk: int) -> HttpResponse:
    if request.method == "POST":
        get_object_or_404(IncomingMail.objects.only("pk"), pk=pk)
        if entry.handle_again(pk):
            messages.success(
                request, _("The mail is handled once more now. Load the page again to see the result.")
            )
        else:
            messages.warning(request, _("This mail is not set aside any more, so nothing was done."))
    return redirect("panel:incoming_mail", pk)


@administrators_only
def looked_at(request: PersonsRequest, pk: int) -> HttpResponse:
    """On to the others."""
    if request.method == "POST":
        mail = get_object_or_404(IncomingMail.objects.only("pk"), pk=pk)
        if mark_looked_at(IncomingMail.objects.filter(pk=mail.pk)):
            messages.success(request, _("Mail {number} is marked as looked at.").format(number=pk))
        else:
            messages.warning(request, _("This mail is not to be looked at (any more), so nothing was done."))
        return redirect(in_the_list())
    return redirect("panel:incoming_mail", pk)
