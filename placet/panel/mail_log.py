"""The mail log: what came, what was made of it, and what went out. What others wrote is shown as text only."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import BinaryField, Q, QuerySet
from django.db.models.functions import Length, Substr
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from placet.mail import outbox
from placet.mail.models import IncomingMail, OutgoingMail
from placet.portal.people import PersonsRequest, administrators_only
from placet.replies import entry, refusals

A_PAGE = 50
SHOWN = 64 * 1024  # bytes of a mail's source on its page
LONGEST_SEARCH = 200
NO_SUBJECT = "(no subject, or not read yet)"

STATES = {
    "look": "to look at",
    IncomingMail.State.KEPT.value: "waiting",
    IncomingMail.State.HANDLED.value: "handled",
    IncomingMail.State.SET_ASIDE.value: "set aside",
    IncomingMail.State.DUPLICATE.value: "shown again",
}
OUT_STATES = {
    OutgoingMail.State.WAITING.value: "waiting",
    OutgoingMail.State.SENDING.value: "being sent",
    OutgoingMail.State.SENT.value: "sent",
    OutgoingMail.State.FAILED.value: "failed",
    "bounced": "came back",
}


# --- mail in ----------------------------------------------------------------------------------------------


@administrators_only
def incoming(request: PersonsRequest) -> HttpResponse:
    """Every mail that came, newest first."""
    state, result, search = _chosen(request, "state"), _chosen(request, "result"), _chosen(request, "q")
    found = IncomingMail.objects.select_related("person").defer("raw", "transport_headers")
    found = _searched(_in_state(found, state), search)
    if result:
        found = found.filter(result=result)
    page = Paginator(found.order_by("-kept_at", "-id"), A_PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "rows": [_row(mail) for mail in page],
        "states": STATES,
        "results": _results(),
        "state": state,
        "result": result,
        "q": search,
        "keep": _keep(state=state, result=result, q=search),
    }
    return render(request, "panel/incoming.html", context)


@dataclass(frozen=True)
class Row:
    """One incoming mail in the list."""

    mail: IncomingMail
    state: str
    subject: str
    sender: str
    look: bool  # something for an administrator


def _row(mail: IncomingMail) -> Row:
    sender = mail.verdict.get("from") or mail.facts.get("sender")
    return Row(
        mail,
        STATES[mail.state],
        mail.verdict.get("subject") or NO_SUBJECT,
        sender or "unknown sender",
        mail.state == IncomingMail.State.SET_ASIDE or bool(mail.verdict.get("shown")),
    )


def _in_state(found: QuerySet[IncomingMail], state: str) -> QuerySet[IncomingMail]:
    if state == "look":
        return found.filter(Q(state=IncomingMail.State.SET_ASIDE) | Q(verdict__shown=True))
    return found.filter(state=state) if state in STATES else found


def _searched(found: QuerySet[IncomingMail], search: str) -> QuerySet[IncomingMail]:
    """By words of subject and sender, or by the number of a request."""
    if not search:
        return found
    wanted = Q(verdict__subject__icontains=search) | Q(verdict__from__icontains=search)
    if search.isdecimal():
        wanted |= Q(verdict__request=int(search))
    return found.filter(wanted)


def _results() -> dict[str, str]:
    """Every result that a mail can have, in words."""
    found = {"decided": "decided"}
    waiting = [refusals.Refusal]
    while waiting:
        kind = waiting.pop(0)
        kinds = kind.__subclasses__()
        if not kinds:
            found[kind.key] = kind.key.replace("_", " ")
        waiting += kinds
    return found


def _chosen(request: PersonsRequest, name: str) -> str:
    return request.GET.get(name, "").replace("\x00", "").strip()[:LONGEST_SEARCH]


def _keep(**chosen: str) -> str:
    query = urlencode({name: value for name, value in chosen.items() if value})
    return f"{query}&" if query else ""


@administrators_only
def incoming_mail(request: PersonsRequest, pk: int) -> HttpResponse:
    """One mail: what the server said, what was made of it, and its beginning as it came."""
    found = IncomingMail.objects.select_related("mailbox", "person", "same_as").defer("raw", "same_as__raw")
    mail = get_object_or_404(found, pk=pk)
    start, size = _start_and_size(pk)
    headers, _, text = start.replace("\r\n", "\n").partition("\n\n")
    context = {
        "mail": mail,
        "row": _row(mail),
        "said": list(_readable(mail.facts)),
        "made": list(_readable(mail.verdict)),
        "headers": (mail.transport_headers or headers)[:SHOWN],
        "text": text,
        "cut": size > SHOWN,
        "size": size,
        "task": getattr(mail, "server_task", None),
        "set_aside": mail.state == IncomingMail.State.SET_ASIDE,
    }
    return render(request, "panel/incoming_mail.html", context)


def _start_and_size(pk: int) -> tuple[str, int]:
    """The beginning of a mail and how many bytes it has, without reading all of it."""
    start = Substr("raw", 1, SHOWN, output_field=BinaryField())
    found = IncomingMail.objects.filter(pk=pk).annotate(start=start, size=Length("raw"))
    beginning, size = found.values_list("start", "size").get()
    return bytes(beginning).decode("utf-8", "replace"), size


def _readable(facts: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """JSON as lines of a table; what is empty is left out."""
    for key, value in facts.items():
        name = f"{before}{str(key).replace('_', ' ')}"
        if isinstance(value, Mapping):
            yield from _readable(value, f"{name}: ")
        elif isinstance(value, list):
            if value:
                yield name, "\n".join(str(part) for part in value)
        elif isinstance(value, bool):
            yield name, "yes" if value else "no"
        elif value not in (None, ""):
            yield name, str(value)


@administrators_only
def raw(request: PersonsRequest, pk: int) -> HttpResponse:
    """The mail as it came, to be saved: no browser may open it as a page of ours."""
    mail = get_object_or_404(IncomingMail.objects.only("raw"), pk=pk)
    return HttpResponse(
        bytes(mail.raw),
        content_type="application/octet-stream",
        headers={
            "Content-Disposition": f'attachment; filename="mail-{pk}.eml"',
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "X-Content-Type-Options": "nosniff",
        },
    )


@administrators_only
def handle_again(request: PersonsRequest, pk: int) -> HttpResponse:
    if request.method == "POST":
        get_object_or_404(IncomingMail.objects.only("pk"), pk=pk)
        if entry.handle_again(pk):
            messages.success(
                request, "The mail is handled once more now. Load the page again to see the result."
            )
        else:
            messages.warning(request, "This mail is not set aside any more, so nothing was done.")
    return redirect("panel:incoming_mail", pk)


# --- mail out ---------------------------------------------------------------------------------------------


@administrators_only
def outgoing(request: PersonsRequest) -> HttpResponse:
    """Every mail that was written, newest first."""
    state, search = _chosen(request, "state"), _chosen(request, "q")
    found = OutgoingMail.objects.defer("raw")
    if state == "bounced":
        found = found.filter(bounced_at__isnull=False)
    elif state in OUT_STATES:
        found = found.filter(state=state)
    if search:
        found = found.filter(Q(subject__icontains=search) | Q(to__icontains=search))
    page = Paginator(found.order_by("-id"), A_PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "mails": [(mail, OUT_STATES["bounced" if mail.bounced_at else mail.state]) for mail in page],
        "states": OUT_STATES,
        "state": state,
        "q": search,
        "keep": _keep(state=state, q=search),
    }
    return render(request, "panel/outgoing.html", context)


@administrators_only
def send_again(request: PersonsRequest, pk: int) -> HttpResponse:
    if request.method == "POST":
        mail = get_object_or_404(OutgoingMail.objects.only("state", "to"), pk=pk)
        if mail.state == OutgoingMail.State.FAILED:
            outbox.send_again(pk)
            messages.success(request, f"The mail to {mail.to} is tried again now.")
        else:
            messages.warning(request, "This mail has not failed (any more), so nothing was done.")
    return redirect("panel:outgoing")
