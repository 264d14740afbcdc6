"""My requests, and what I decided."""

from typing import Any

from django.core.paginator import Paginator
from django.db.models import Exists, Q
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from placet.approvals.finding import matching
from placet.approvals.models import Decision, Request, UndoneDecision
from placet.approvals.outcomes import APPROVE, REJECT, Outcome
from placet.approvals.questions import as_read
from placet.lib.web import entered, keep
from placet.portal import live
from placet.portal.path import CHANNELS, Definitions, outcome_of, standings, step_name
from placet.portal.people import PersonsRequest, signed_in

A_PAGE = 25
STATES: dict[str, Promise] = {
    Request.State.OPEN: gettext_lazy("waiting for somebody"),
    Request.State.ENDED: gettext_lazy("ended"),
    Request.State.WITHDRAWN: gettext_lazy("withdrawn"),
}
_DECIDED: dict[str, Promise] = {
    APPROVE: gettext_lazy("You approved this."),
    REJECT: gettext_lazy("You rejected this."),
}


@signed_in
def mine(request: PersonsRequest) -> HttpResponse:
    """Everything I started, newest first."""
    return live.answer(request, live.of_person(request.user), lambda version: _mine(request, version))


def _mine(request: PersonsRequest, version: str) -> HttpResponse:
    q, state = entered(request.GET), request.GET.get("state", "")
    found = request.user.requests.select_related("version")
    if state in STATES:
        found = found.filter(state=state)
    found = found.filter(matching(q))
    page = Paginator(found.order_by("-id"), A_PAGE).get_page(request.GET.get("page"))
    context: dict[str, Any] = {
        "version": version,
        "page": page,
        "q": q,
        "state": state,
        "states": STATES,
        "keep": keep(q=q, state=state),
        "standings": standings(list(page), Definitions()),
        "drafts": request.user.drafts.select_related("process").order_by("-saved_at"),
    }
    return render(request, "portal/mine_live.html" if live.asks(request) else "portal/mine.html", context)


@signed_in
def decided(request: PersonsRequest) -> HttpResponse:
    """Everything I decided, newest first."""
    q = entered(request.GET)
    found = Decision.objects.filter(by_person=request.user).select_related(
        "assignment__visit__request__version", "assignment__visit__request__requester", "assignment__person"
    )
    undone = UndoneDecision.objects.filter(by_person=request.user)
    fits = matching(q, "assignment__visit__request__")
    found = found.filter(fits).annotate(has_undone=Exists(undone))
    page = Paginator(found.order_by("-at", "-id"), A_PAGE).get_page(request.GET.get("page"))
    about = [decision.assignment.visit.request for decision in page]
    definitions = Definitions()
    rows = [
        {
            "decision": decision,
            "standing": standing,
            "step": step_name(definitions.of(standing.request), decision.assignment.visit.step_key),
            "did": _did(
                outcome_of(
                    definitions.of(standing.request), decision.assignment.visit.step_key, decision.outcome
                )
            ),
            "answers": as_read(
                definitions.of(standing.request), decision.assignment.visit.step_key, decision.answers
            ),
            "in_place": _in_place(decision),
            "channel": CHANNELS[decision.channel],
        }
        for decision, standing in zip(page, standings(about, definitions), strict=True)
    ]
    has_undone = page.number == 1 and all(getattr(decision, "has_undone", False) for decision in page)
    taken_back = _undone(request, fits) if has_undone else []
    context = {"page": page, "q": q, "keep": keep(q=q), "rows": rows, "undone": taken_back}
    return render(request, "portal/decided.html", context)


def _undone(request: PersonsRequest, fits: Q) -> list[dict[str, Any]]:
    """What they took back, the newest ones, below the first page of what counts. `fits`: what is searched for."""
    found = UndoneDecision.objects.filter(by_person=request.user).select_related(
        "assignment__visit__request__version", "assignment__visit__request__requester"
    )
    newest = found.filter(fits).order_by("-pk")[:A_PAGE]
    definitions = Definitions()
    return [
        {
            "row": row,
            "request": row.assignment.visit.request,
            "process": definitions.of(row.assignment.visit.request).name,
            "step": step_name(definitions.of(row.assignment.visit.request), row.assignment.visit.step_key),
            "did": _did(
                outcome_of(
                    definitions.of(row.assignment.visit.request), row.assignment.visit.step_key, row.outcome
                )
            ),
        }
        for row in newest
    ]


def _in_place(decision: Decision) -> str:
    """Whose, where it was somebody else's."""
    seat = decision.assignment
    return "" if seat.person_id == decision.by_person_id else seat.person.name


def _did(outcome: Outcome) -> str:
    if outcome.is_built_in:
        return str(_DECIDED[outcome.key])
    return _("You answered “{answer}”.").format(answer=outcome.shown)
