"""The page that finds requests (`placet.approvals.finding`)."""

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.formats import number_format

from placet.approvals import finding
from placet.approvals.finding import search_result
from placet.approvals.models import Request
from placet.lib.web import entered, keep
from placet.portal.path import Definitions, standings
from placet.portal.people import PersonsRequest, signed_in

A_PAGE = 25


@signed_in
def search(request: PersonsRequest) -> HttpResponse:
    """Requests that the person may see, newest first."""
    q = entered(request.GET)
    result = search_result(request.user, q)
    page = Paginator(result.ids[: finding.MOST_SHOWN], A_PAGE).get_page(request.GET.get("page"))
    rows = Request.objects.select_related("version", "requester").in_bulk(list(page))
    context = {
        "q": q,
        "page": page,
        "more": len(result.ids) > finding.MOST_SHOWN,
        "looked_through": number_format(finding.LOOKED_THROUGH, force_grouping=True)
        if result.cut_off
        else "",
        "keep": keep(q=q),
        "standings": standings([rows[pk] for pk in page if pk in rows], Definitions()),
    }
    return render(request, "portal/search.html", context)
