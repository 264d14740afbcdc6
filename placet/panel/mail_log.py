"""The mail log: every mail that came, what became of it and why. What others wrote is shown as text only."""

import re
from dataclasses import dataclass
from datetime import datetime

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from placet.lib.web import entered, keep
from placet.mail import tasks
from placet.mail.models import IncomingMail
from placet.mailboxes.models import Mailbox
from placet.panel.mail_words import APPLIED, LOOK, RESULTS, SHOWN, SPEAK_TO_SENDER, STATES, result_of
from placet.panel.pager import page_of
from placet.panel.to_look_at import mark_looked_at, to_look_at
from placet.portal.people import PersonsRequest, administrators_only
from placet.replies import refusals

COUNTED = 99  # mails to look at; of more it is only said that there are more
_SAY_WHY = (refusals.NotNamed.key, refusals.Unclear.key, refusals.DigestUnclear.key)
_NUMBER = re.compile(r"#?([0-9]{1,9})")


@administrators_only
def incoming(request: PersonsRequest) -> HttpResponse:
    """Every mail that came, newest first."""
    now = timezone.now()  # before the list is read: what is handled after it nobody has seen in it
    state, result, search = (
        entered(request.GET, "state"),
        entered(request.GET, "result"),
        entered(request.GET, "q"),
    )
    found = in_state(IncomingMail.objects.select_related("person").defer("raw", "transport_headers"), state)
    page = page_of(_chosen(found, request), request)
    several = names_of_several()
    waiting = len(to_look_at(IncomingMail.objects.all()).values_list("pk")[: COUNTED + 1])
    context = {
        "page": page,
        "rows": [Row(mail, several.get(mail.mailbox_id, "")) for mail in page.rows],
        "states": STATES,
        "results": RESULTS,
        "state": state,
        "result": result,
        "q": search,
        "keep": keep(state=state, result=result, q=search),
        "to_look_at": min(waiting, COUNTED),
        "more_to_look_at": waiting > COUNTED,
        "now": now.isoformat(),
    }
    return render(request, "panel/incoming.html", context)


def names_of_several() -> dict[int, str]:
    """Of mailboxes, by their keys, removed ones too; {} where one says nothing, because it is the only one."""
    names = dict(Mailbox.objects.values_list("pk", "name"))
    return names if len(names) > 1 else {}


@administrators_only
def all_looked_at(request: PersonsRequest) -> HttpResponse:
    """What the list of mails to look at held when it was shown, with what was chosen above it, on all its pages."""
    if request.method == "POST":
        shown_at = _moment(request.POST.get("shown_at", ""))
        if shown_at is None:
            messages.warning(request, _("Nothing was done. Choose the mails again, then mark them."))
            return redirect(in_the_list())
        # What came or was handled meanwhile stays: nobody has seen it.
        seen = IncomingMail.objects.exclude(handled_at__gt=shown_at).filter(kept_at__lte=shown_at)
        number = mark_looked_at(_chosen(seen, request))
        said = ngettext("{n} mail is marked as looked at.", "{n} mails are marked as looked at.", number)
        messages.success(request, said.format(n=number))
    return redirect(in_the_list())


def in_the_list() -> str:
    """The address of what is to be looked at."""
    return f"{reverse('panel:incoming')}?state={LOOK}"


def _moment(text: str) -> datetime | None:
    try:
        moment = parse_datetime(text)
    except ValueError:
        return None
    return moment if moment is not None and timezone.is_aware(moment) else None


@administrators_only
def marks_again(request: PersonsRequest) -> HttpResponse:
    """All marks on the server that were given up."""
    if request.method == "POST":
        number = tasks.try_again()
        said = ngettext("{n} mail is tried again now.", "{n} mails are tried again now.", number)
        messages.success(request, said.format(n=number))
    return redirect("panel:home")


@dataclass(frozen=True)
class Row:
    """One incoming mail in the list."""

    mail: IncomingMail
    mailbox: str = ""  # its name, where it has to be said

    @property
    def result(self) -> str:
        return result_of(self.mail)

    @property
    def state(self) -> str:
        return str(STATES[self.mail.state])

    @property
    def subject(self) -> str:
        return str(self.mail.verdict.get("subject") or _("(no subject, or not read yet)"))

    @property
    def sender(self) -> str:
        return str(self.mail.verdict.get("from") or self.mail.facts.get("sender") or _("unknown sender"))

    @property
    def reason(self) -> str:
        """What became of it, in a sentence for administrators; "" where the result says it all."""
        if self.mail.result not in SPEAK_TO_SENDER:
            return self.mail.reason
        return self._why if self.mail.result in _SAY_WHY else ""

    @property
    def _why(self) -> str:
        refusal = self.mail.verdict.get("refusal")
        return str(refusal.get("why") or "") if isinstance(refusal, dict) else ""

    @property
    def number(self) -> int | None:
        """Of the request that it answers."""
        number = self.mail.verdict.get("request")
        return number if isinstance(number, int) else None

    @property
    def to_look_at(self) -> bool:
        """As `placet.panel.to_look_at` finds it."""
        mail, state = self.mail, IncomingMail.State
        shown = mail.state == state.HANDLED and mail.result in SHOWN
        return mail.looked_at is None and (shown or mail.state == state.SET_ASIDE)

    @property
    def tone(self) -> str:
        """How it stands out."""
        if self.to_look_at:
            return "warn"
        return "good" if self.mail.result in APPLIED else ""


def in_state(found: QuerySet[IncomingMail], state: str) -> QuerySet[IncomingMail]:
    """One of STATES; anything else is no wish."""
    if state == LOOK:
        return to_look_at(found)
    return found.filter(state=state) if state in STATES else found


def _chosen(found: QuerySet[IncomingMail], request: PersonsRequest) -> QuerySet[IncomingMail]:
    """By what was entered above the list, but the state."""
    result = entered(request.GET, "result")
    return _searched(found.filter(result=result) if result in RESULTS else found, entered(request.GET, "q"))


def _searched(found: QuerySet[IncomingMail], search: str) -> QuerySet[IncomingMail]:
    """By words of subject and sender, by the person asked, or by the number of a request."""
    if not search:
        return found
    wanted = (
        Q(verdict__subject__icontains=search)
        | Q(verdict__from__icontains=search)
        | Q(facts__sender__icontains=search)
        | Q(person__name__icontains=search)
        | Q(person__email__icontains=search)
    )
    if number := _NUMBER.fullmatch(search):
        wanted |= Q(verdict__request=int(number[1]))
    return found.filter(wanted)
