"""The mail log: every mail that came, what became of it and why. What others wrote is shown as text only."""

import re
from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from placet.mail.models import IncomingMail
from placet.panel.mail_words import LOOK, RESULTS, SHOWN, STATES, result_of
from placet.panel.pager import chosen, keep, page_of
from placet.portal.people import PersonsRequest, administrators_only

COUNTED = 99  # mails to look at; of more it is only said that there are more
_NUMBER = re.compile(r"#?([0-9]{1,9})")


@administrators_only
def incoming(request: PersonsRequest) -> HttpResponse:
    """Every mail that came, newest first."""
    state, result, search = chosen(request, "state"), chosen(request, "result"), chosen(request, "q")
    found = IncomingMail.objects.select_related("person").defer("raw", "transport_headers")
    found = _searched(in_state(found, state), search)
    if result in RESULTS:
        found = found.filter(result=result)
    page = page_of(found, request)
    to_look_at = len(in_state(IncomingMail.objects.all(), LOOK).values_list("pk")[: COUNTED + 1])
    context = {
        "page": page,
        "rows": [Row(mail) for mail in page.rows],
        "states": STATES,
        "results": RESULTS,
        "state": state,
        "result": result,
        "q": search,
        "keep": keep(state=state, result=result, q=search),
        "to_look_at": min(to_look_at, COUNTED),
        "more_to_look_at": to_look_at > COUNTED,
    }
    return render(request, "panel/incoming.html", context)


@dataclass(frozen=True)
class Row:
    """One incoming mail in the list."""

    mail: IncomingMail

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
    def number(self) -> int | None:
        """Of the request that it answers."""
        number = self.mail.verdict.get("request")
        return number if isinstance(number, int) else None

    @property
    def tone(self) -> str:
        """How it stands out."""
        if self.mail.state == IncomingMail.State.SET_ASIDE or self.mail.result in SHOWN:
            return "warn"
        return "good" if self.mail.result == "decided" else ""


def in_state(found: QuerySet[IncomingMail], state: str) -> QuerySet[IncomingMail]:
    """One of STATES; anything else is no wish."""
    if state == LOOK:
        shown = Q(state=IncomingMail.State.HANDLED, result__in=sorted(SHOWN))
        return found.filter(Q(state=IncomingMail.State.SET_ASIDE) | shown)
    return found.filter(state=state) if state in STATES else found


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
