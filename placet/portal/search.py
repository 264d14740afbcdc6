"""Finding requests by their number, by their words, by who made them and by their process."""

import re

from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import render

from placet.approvals.models import Request
from placet.lib.web import entered, keep
from placet.portal.path import Definitions, standings
from placet.portal.people import PersonsRequest, requests_visible_to, signed_in

A_PAGE = 25
MOST_TERMS = 8


@signed_in
def search(request: PersonsRequest) -> HttpResponse:
    """Requests that the person may see, newest first."""
    q = entered(request.GET)
    found = requests_visible_to(request.user).filter(matching(q)) if q else Request.objects.none()
    page = Paginator(found.select_related("version", "requester").order_by("-id"), A_PAGE).get_page(
        request.GET.get("page")
    )
    context = {"q": q, "page": page, "keep": keep(q=q), "standings": standings(list(page), Definitions())}
    return render(request, "portal/search.html", context)


def matching(q: str, request: str = "") -> Q:
    """Requests in which each of the words is found somewhere. `request`: the way to them from the rows that are
    filtered, such as "visit__request__": joins by keys, and no subquery that a database may run for each row."""
    found = Q()
    for term in q.split()[:MOST_TERMS]:
        wanted = (
            Q((f"{request}words__contains", term.casefold()))
            | Q((f"{request}requester__name__casefold__contains", term))
            | Q((f"{request}version__process__name__casefold__contains", term))
        )
        number = term.removeprefix("#")
        if re.fullmatch("[0-9]{1,9}", number):
            wanted |= Q((f"{request}number", int(number)))
        found &= wanted
    return found
