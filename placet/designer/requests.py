"""All requests that somebody owns or administers: filtered, with the columns that they chose, and views that they
saved."""

from typing import Any

import structlog
from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from placet.designer import request_columns
from placet.designer.models import SavedView
from placet.designer.people import owners_only
from placet.designer.request_filter import FORMS_READ, LOOKED_THROUGH, FilterForm, Found, Requests
from placet.portal.path import Definitions
from placet.portal.people import PersonsRequest

log = structlog.get_logger(__name__)

A_PAGE = 50
MOST_VIEWS = 50
LONGEST_NAME, LONGEST_QUERY = 80, 2000
_MOST_DIGITS = 18  # of an id: more overflows the database
#: What of an address is part of a view, beside the columns.
_KEPT = (
    "q",
    "process",
    "state",
    "step",
    "result",
    "asked",
    "requester",
    "older",
    "overdue",
    "field",
    "how",
    "value",
)


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
    query = kept(request.GET)
    context: dict[str, Any] = {
        "form": form,
        "columns": columns,
        "offered": [(one, one.key in shown) for one in request_columns.offered(form.definition)],
        "rows": request_columns.rows(found.requests, columns, Definitions()),
        "found": found,
        "is_filtered": any(request.GET.get(name) for name in _KEPT),
        "oldest_first": oldest_first,
        "begins": _cursor(request) is None,
        "query": query,
        "looked_through": number_format(
            FORMS_READ if is_valid and form.cleaned_data.get("field") else LOOKED_THROUGH,
            force_grouping=True,
        ),
        "views": request.user.saved_views.all()[:MOST_VIEWS],
    }
    return render(request, "designer/requests.html", context, status=200 if is_valid else 422)


def kept(query: QueryDict) -> str:
    """The filter, the columns and the order of an address, as a query; nothing of which page it is."""
    wanted = QueryDict(mutable=True)
    for name in _KEPT:
        if value := query.get(name, "").replace("\x00", ""):
            wanted[name] = value
    if columns := query.getlist("col"):
        wanted.setlist("col", columns[: request_columns.MOST_COLUMNS])
    if query.get("order") == "old":
        wanted["order"] = "old"
    return wanted.urlencode()


def _cursor(request: PersonsRequest) -> int | None:
    entered = request.GET.get("after", "")
    is_id = entered.isascii() and entered.isdecimal() and len(entered) <= _MOST_DIGITS
    return int(entered) if is_id else None


@owners_only
def save_view(request: PersonsRequest) -> HttpResponse:
    """The filter of the page that it was sent from, under a name; one of the same name is replaced."""
    query = kept(QueryDict(request.POST.get("query", "")[: 2 * LONGEST_QUERY]))
    if request.method == "POST" and (remove := request.POST.get("remove")):
        return _remove(request, remove)
    name = " ".join(request.POST.get("name", "").replace("\x00", "").split())[:LONGEST_NAME]
    if request.method == "POST":
        there = request.user.saved_views.exclude(name=name).count()
        if not name or not name.isprintable():
            messages.error(request, _("Give the view a name. Nothing was saved."))
        elif there >= MOST_VIEWS:
            said = _("You have {n} views already. Remove one first.")
            messages.error(request, said.format(n=MOST_VIEWS))
        elif len(query) > LONGEST_QUERY:
            messages.error(request, _("This filter is too long to be saved."))
        else:
            SavedView.objects.update_or_create(person=request.user, name=name, defaults={"query": query})
            messages.success(request, _("The view {name} is saved.").format(name=name))
    return redirect(f"{reverse('designer:requests')}?{query}")


def _remove(request: PersonsRequest, number: str) -> HttpResponse:
    pk = int(number) if number.isascii() and number.isdecimal() and len(number) <= _MOST_DIGITS else 0
    view = get_object_or_404(request.user.saved_views, pk=pk)
    view.delete()
    messages.success(request, _("The view {name} is gone.").format(name=view.name))
    return redirect("designer:requests")
