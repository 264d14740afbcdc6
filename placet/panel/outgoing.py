"""Mail out: every mail that Placet wrote, what became of it, and one mail as its reader sees it."""

import re
import uuid
from collections.abc import Iterable

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from placet.accounts.addresses import person_at
from placet.approvals.models import Ask, Assignment, Request
from placet.approvals.record import DIGEST
from placet.lib.web import entered, keep
from placet.mail import outbox
from placet.mail.models import IncomingMail, OutgoingMail
from placet.mail.packing import Damaged
from placet.panel.mail_html import about, framed, harmless
from placet.panel.mail_log import names_of_several
from placet.panel.mail_page import shown_as
from placet.panel.mail_parts import content_of
from placet.panel.mail_source import source_of
from placet.panel.mail_words import BOUNCED, OUT_STATES, kind_of, may_be_read, state_of
from placet.panel.pager import page_of
from placet.portal.people import PersonsRequest, administrators_only
from placet.replies.explain import LOOKED_AT

_NUMBER = re.compile(r"#?([0-9]{1,9})")


@administrators_only
def outgoing(request: PersonsRequest) -> HttpResponse:
    """Every mail that was written, newest first."""
    state, search = entered(request.GET, "state"), entered(request.GET, "q")
    page = page_of(_searched(_in_state(OutgoingMail.objects.defer("raw"), state), search), request)
    several = names_of_several()
    context = {
        "page": page,
        "mails": [
            (mail, kind_of(mail), state_of(mail), several.get(mail.mailbox_id, "")) for mail in page.rows
        ],
        "states": OUT_STATES,
        "state": state,
        "q": search,
        "keep": keep(state=state, q=search),
    }
    return render(request, "panel/outgoing.html", context)


def _in_state(found: QuerySet[OutgoingMail], state: str) -> QuerySet[OutgoingMail]:
    if state == BOUNCED:
        return found.filter(bounced_at__isnull=False)
    return found.filter(state=state, bounced_at=None) if state in OUT_STATES else found


def _searched(found: QuerySet[OutgoingMail], search: str) -> QuerySet[OutgoingMail]:
    """By subject and recipient, or by the number of a request."""
    if not search:
        return found
    subject = Q(subject__icontains=search)
    if search.startswith("#"):  # a reply code may begin with the number
        subject &= ~Q(subject__icontains=f"[{search}")
    wanted = subject | Q(to__icontains=search)
    if number := _NUMBER.fullmatch(search):
        about = Request.objects.filter(number=int(number[1])).first()
        wanted |= _about(about) if about else Q()
    return found.filter(wanted)


def _about(request: Request) -> Q:
    """Mails about one request, by what each of them answers (`OutgoingMail.cause`)."""
    assigned = Assignment.objects.filter(visit__request=request).values_list("pk", flat=True)
    asks = Ask.objects.filter(lines__assignment__visit__request=request).values_list("public_id", flat=True)
    replies = IncomingMail.objects.filter(verdict__request=request.number).values_list("pk", flat=True)
    causes = [f"request:{request.pk}", *_each("assignment", assigned), *_each("ask", asks)]
    wanted = Q(cause__in=[*causes, *_each("incoming", replies)])
    for visit in request.visits.values_list("pk", flat=True):
        wanted |= Q(cause__startswith=f"visit:{visit}:")
    return wanted


def _each(kind: str, keys: Iterable[object]) -> list[str]:
    return [f"{kind}:{key}" for key in keys]


# --- one mail ---------------------------------------------------------------------------------------------


@administrators_only
def outgoing_mail(request: PersonsRequest, pk: int) -> HttpResponse:
    """To whom, about what, how far it came, and the mail as its reader sees it."""
    mail = get_object_or_404(OutgoingMail.objects.select_related("mailbox").defer("raw"), pk=pk)
    context = {
        "mail": mail,
        "kind": kind_of(mail),
        "state": state_of(mail),
        "about": request_of(mail),
        "answers": _answered(mail),
        "reader": person_at(mail.to) if mail.bounced_at else None,
        "failed": mail.state == OutgoingMail.State.FAILED,
        "unsure": mail.state == OutgoingMail.State.UNSURE,
        "may_be_read": may_be_read(mail),
        **(_itself(request, mail) if may_be_read(mail) else {}),
    }
    return render(request, "panel/outgoing_mail.html", context)


def _itself(request: PersonsRequest, mail: OutgoingMail) -> dict[str, object]:
    start = _start(mail)
    content = content_of(start)
    show = shown_as(request, content)
    return {
        "content": content,
        "show": show,
        "shown": about(content.markup, content.pictures) if show == "html" else None,
        "source": source_of(start),
    }


def _start(mail: OutgoingMail) -> bytes:
    try:
        return bytes(mail.raw)[:LOOKED_AT]
    except Damaged:
        return b""  # the page says why it was given up


def request_of(mail: OutgoingMail) -> Request | None:
    """The request that a mail is about; None for mails about accounts."""
    kind, _colon, key = mail.cause.partition(":")
    found = Request.objects.all()
    match kind:
        case "ask" if mail.kind != DIGEST:  # of several
            return found.filter(visits__assignments__ask_lines__ask__public_id=uuid.UUID(key)).first()
        case "request":
            return found.filter(pk=int(key)).first()
        case "assignment":
            return found.filter(visits__assignments=int(key)).first()
        case "visit":
            return found.filter(visits=int(key.partition(":")[0])).first()
        case "incoming":
            incoming = _answered(mail)
            return found.filter(number=incoming.verdict.get("request")).first() if incoming else None
    return None


def _answered(mail: OutgoingMail) -> IncomingMail | None:
    """The mail that this one is the answer to."""
    kind, _colon, key = mail.cause.partition(":")
    if kind != "incoming":
        return None
    return (
        IncomingMail.objects.filter(pk=int(key.partition(":")[0])).defer("raw", "transport_headers").first()
    )


@administrators_only
def outgoing_html(request: PersonsRequest, pk: int) -> HttpResponse:
    """Its HTML alone, for the sandboxed frame."""
    mail = get_object_or_404(OutgoingMail.objects.only("kind"), pk=pk)
    if not may_be_read(mail):
        raise Http404
    content = content_of(_start(mail))
    return framed(harmless(content.markup, content.pictures))


@administrators_only
def send_again(request: PersonsRequest, pk: int) -> HttpResponse:
    if request.method == "POST":
        mail = get_object_or_404(OutgoingMail.objects.only("state", "to"), pk=pk)
        if mail.state in OutgoingMail.GIVEN_UP:
            outbox.send_again(pk)
            messages.success(request, _("The mail to {address} is tried again now.").format(address=mail.to))
        else:
            messages.warning(request, _("This mail has not failed (any more), so nothing was done."))
    return redirect("panel:outgoing_mail", pk)
