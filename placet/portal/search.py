"""Finding requests by their number, by their words, by who made them and by their process."""

import re
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import render

from placet.approvals.models import Request
from placet.portal.path import Definitions, standings
from placet.portal.people import PersonsRequest, requests_visible_to, signed_in

A_PAGE = 25
LONGEST_SEARCH = 200
MOST_TERMS = 8


@signed_in
def search(request: PersonsRequest) -> HttpResponse:
    """Requests that the person may see, newest first."""
    q = asked_for(request)
    found = requests_visible_to(request.user).filter(matching(q)) if q else Request.objects.none()
    page = Paginator(found.select_related("version", "requester").order_by("-id"), A_PAGE).get_page(
        request.GET.get("page")
    )
    context = {"q": q, "page": page, "keep": keep(q=q), "standings": standings(list(page), Definitions())}
    return render(request, "portal/search.html", context)


def asked_for(request: PersonsRequest) -> str:
    """What was typed into a search field."""
    return request.GET.get("q", "").replace("\x00", "").strip()[:LONGEST_SEARCH]


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


def keep(**chosen: str) -> str:
    """The query of a list's other pages, ready for `page=` behind it."""
    query = urlencode({name: value for name, value in chosen.items() if value})
    return f"{query}&" if query else ""
