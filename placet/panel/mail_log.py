"""The mail log: what came, what was made of it, and what went out. What others wrote is shown as text only."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import BinaryField, Q, QuerySet
from django.db.models.functions import Length, Substr
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from placet.approvals.models import AskLine
from placet.mail import outbox
from placet.mail.models import IncomingMail, OutgoingMail
from placet.portal.people import PersonsRequest, administrators_only
from placet.replies import entry, refusals
from placet.replies.explain import LOOKED_AT, Explanation, explain_received
from placet.replies.fetch import received_of
from placet.replies.parse import OwnMail
from placet.replies.pick import mails_answered
from placet.replies.settle import outcomes_of

A_PAGE = 50
SHOWN = 64 * 1024  # bytes of a mail's source on its page
LONGEST_SEARCH = 200
UNCLEAR = "unclear"
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
    """One mail: what was made of it, why it reads so, its beginning as it came, and what the server said."""
    found = IncomingMail.objects.select_related("mailbox", "person", "same_as").defer("raw", "same_as__raw")
    mail = get_object_or_404(found, pk=pk)
    start, size = _start_and_size(pk)
    shown = start[:SHOWN].decode("utf-8", "replace")
    headers, _, text = shown.replace("\r\n", "\n").partition("\n\n")
    explanation = _explanation(mail, start)
    context = {
        "mail": mail,
        "row": _row(mail),
        "said": list(_readable(mail.facts)),
        "made": list(_readable(mail.verdict)),
        "explanation": explanation,
        "then": _then(mail, explanation) if explanation else "",
        "headers": (mail.transport_headers or headers)[:SHOWN],
        "text": text,
        "cut": size > SHOWN,
        "size": size,
        "task": getattr(mail, "server_task", None),
        "set_aside": mail.state == IncomingMail.State.SET_ASIDE,
    }
    return render(request, "panel/incoming_mail.html", context)


def _start_and_size(pk: int) -> tuple[bytes, int]:
    """As much of a mail as is ever read for an answer, and how many bytes it has."""
    start = Substr("raw", 1, LOOKED_AT, output_field=BinaryField())
    found = IncomingMail.objects.filter(pk=pk).annotate(start=start, size=Length("raw"))
    beginning, size = found.values_list("start", "size").get()
    return bytes(beginning or b""), size  # SQLite has no beginning of what is empty


def _explanation(mail: IncomingMail, start: bytes) -> Explanation | None:
    """How the mail is read now. None: the server never gave it."""
    if not start:
        return None
    mail.raw = start  # the rest stays in the database: it is never looked at
    own = OwnMail(mail.mailbox.address, "", str(mail.mailbox.settings.get("reply_to", "")))
    line, known = _ask_of(mail), entry.known_words()
    if line is None:
        return explain_received(received_of(mail), own, lambda _: (), known=known)
    answered = partial(mails_answered, line=line)
    return explain_received(received_of(mail), own, answered, outcomes_of(line), known)


def _ask_of(mail: IncomingMail) -> AskLine | None:
    """The ask that the mail was found to answer when it came."""
    ask = mail.verdict.get("ask")
    lines = AskLine.objects.select_related(
        "ask__person", "ask__outgoing", "assignment__visit__request__version"
    )
    return lines.filter(ask__public_id=ask).first() if ask else None


def _then(mail: IncomingMail, explanation: Explanation) -> str:
    """How the explanation fits what happened, where that is not the same: what happened stands."""
    if mail.state == IncomingMail.State.KEPT:
        return "The mail has not been taken in yet. This is what its text says; who sent it is not looked at here."
    before, now = _read_then(mail), _in_words(explanation)
    if before is None and explanation.mail is None:
        return ""
    if before is None:
        return "Its text was not read for an answer when it came. This is what it says; it decides nothing."
    if before == now:
        return ""
    return (
        f"When it came it was read as {before}; read now it is {now}: what it is read with has changed since. "
        "What was done then stands."
    )


def _read_then(mail: IncomingMail) -> str | None:
    """What the mail was read as when it came; None if it did not come so far."""
    if mail.verdict.get("automatic"):
        return _written_by_a_program(str(mail.verdict["automatic"]))
    if "outcome" in mail.verdict:
        return str(mail.verdict["outcome"])
    return UNCLEAR if mail.result == refusals.Unclear.key else None


def _in_words(explanation: Explanation) -> str:
    if explanation.mail is None:
        return "a mail that cannot be handled"
    if explanation.mail.automatic is not None:
        return _written_by_a_program(explanation.mail.automatic)
    return explanation.outcome or UNCLEAR


def _written_by_a_program(kind: str) -> str:
    return f"written by a program ({kind})"


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
