"""All requests that somebody owns or administers: filtered, with the columns that they chose. What of it they save
under a name is in `saved_views`."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.formats import number_format

from placet.designer import request_chips, request_columns, saved_views
from placet.designer.people import owners_only
from placet.designer.request_filter import FORMS_READ, LOOKED_THROUGH, FilterForm, Found, Requests
from placet.portal.path import Definitions
from placet.portal.people import PersonsRequest

A_PAGE = 50
_MOST_DIGITS = 18  # of an id: more overflows the database


@owners_only
def requests(request: PersonsRequest) -> HttpResponse:
    form = FilterForm(request.GET, request.user)
    is_valid = form.is_valid()
    oldest_first = request.GET.get("order") == "old"
    found = Found([], None)
    if is_valid:
        found = Requests(form, newest_first=not oldest_first).page(_cursor(request), A_PAGE)
    columns = request_columns.chosen(form.definition, request.GET.getlist("col"))
    shown = {column.key for column in columns}
    query = saved_views.kept(request.GET)
    context: dict[str, Any] = {
        "form": form,
        "columns": columns,
        "offered": [(one, one.key in shown) for one in request_columns.offered(form.definition)],
        "rows": request_columns.rows(found.requests, columns, Definitions()),
        "found": found,
        "chips": request_chips.chips(form, query) if is_valid else (),
        "is_filtered": any(request.GET.get(name) for name in saved_views.FILTERS),
        "oldest_first": oldest_first,
        "begins": _cursor(request) is None,
        "query": query,
        "looked_through": number_format(
            FORMS_READ if is_valid and form.cleaned_data.get("field") else LOOKED_THROUGH,
            force_grouping=True,
        ),
        "views": saved_views.own(request.user),
        "shared_views": saved_views.shared_with(request.user),
    }
    return render(request, "designer/requests.html", context, status=200 if is_valid else 422)


def _cursor(request: PersonsRequest) -> int | None:
    entered = request.GET.get("after", "")
    is_id = entered.isascii() and entered.isdecimal() and len(entered) <= _MOST_DIGITS
    return int(entered) if is_id else None
