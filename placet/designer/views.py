"""The processes of whoever looks, and the first page of each."""

from django.core.paginator import Paginator
from django.db.models import Max
from django.http import HttpResponse
from django.shortcuts import render

from placet.approvals import owning
from placet.approvals.drafts import draft_of
from placet.approvals.processes import newest
from placet.designer.people import find_process, owners_only
from placet.portal.people import PersonsRequest

A_PAGE = 50


@owners_only
def processes(request: PersonsRequest) -> HttpResponse:
    rows = owning.owned_by(request.user).annotate(number=Max("versions__number")).select_related("draft")
    page = Paginator(rows.order_by("name", "id"), A_PAGE).get_page(request.GET.get("page"))
    return render(request, "designer/processes.html", {"page": page})


@owners_only
def process(request: PersonsRequest, key: str) -> HttpResponse:
    shown = find_process(request, key)
    context = {"process": shown, "version": newest(shown), "draft": draft_of(key)}
    return render(request, "designer/process.html", context)
