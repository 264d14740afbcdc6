"""Views of all requests: a filter with its columns and order, under a name of somebody's own.

One may be shared: that of a process with its owners, any with administrators. Only whoever saved it changes or removes
it; others copy it. What is kept is the query of an address, and whoever opens it sees what they may see.
"""

from collections.abc import Sequence

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from placet.accounts.models import Person
from placet.approvals import owning
from placet.approvals.models import Process
from placet.designer import request_columns
from placet.designer.models import SavedView
from placet.designer.people import owners_only
from placet.portal.people import PersonsRequest

MOST_VIEWS = 50  # of one person; and of those that others share with them, as many are shown
LONGEST_NAME, LONGEST_QUERY = 80, 2000
_MOST_DIGITS = 18  # of an id: more overflows the database
#: What of an address is part of a view, beside the columns.
FILTERS = (
    "q",
    "process",
    "state",
    "step",
    "result",
    "asked",
    "turn",
    "requester",
    "older",
    "trouble",
    "overdue",
    "when",
    "from",
    "to",
    "happened",
    "time",
    "least",
    "field",
    "how",
    "value",
)


def own(person: Person) -> Sequence[SavedView]:
    return list(person.saved_views.select_related("process")[:MOST_VIEWS])


def shared_with(person: Person) -> Sequence[SavedView]:
    """Views of others, with whose they are."""
    return list(_shared_with(person).select_related("process", "person")[:MOST_VIEWS])


def _shared_with(person: Person) -> QuerySet[SavedView]:
    views = SavedView.objects.filter(is_shared=True, person__is_active=True).exclude(person=person)
    if person.is_administrator:
        return views
    return views.filter(process__in=owning.owned_by(person).values("pk"))


def kept(query: QueryDict) -> str:
    """The filter, the columns and the order of an address, as a query; nothing of which page it is."""
    wanted = QueryDict(mutable=True)
    for name in FILTERS:
        if value := query.get(name, "").replace("\x00", ""):
            wanted[name] = value
    if columns := query.getlist("col"):
        wanted.setlist("col", columns[: request_columns.MOST_COLUMNS])
    if query.get("order") == "old":
        wanted["order"] = "old"
    return wanted.urlencode()


@owners_only
def save_view(request: PersonsRequest) -> HttpResponse:
    """The filter of the page that it was sent from, under a name; one of the same name is replaced. Or what becomes of
    a view that is there: each button says which."""
    if request.method != "POST":
        return redirect("designer:requests")
    for what, act in (("remove", _remove), ("share", _share), ("unshare", _unshare), ("copy", _copy)):
        if number := request.POST.get(what):
            return act(request, number)
    query = kept(QueryDict(request.POST.get("query", "")[: 2 * LONGEST_QUERY]))
    name = " ".join(request.POST.get("name", "").replace("\x00", "").split())[:LONGEST_NAME]
    if not name or not name.isprintable():
        messages.error(request, _("Give the view a name. Nothing was saved."))
    elif len(query) > LONGEST_QUERY:
        messages.error(request, _("This filter is too long to be saved."))
    elif _has_room(request, name):
        _save(request, name, query)
    return redirect(f"{reverse('designer:requests')}?{query}")


def _has_room(request: PersonsRequest, name: str) -> bool:
    others = request.user.saved_views.exclude(name=name).count()
    if others >= MOST_VIEWS:
        sentence = _("You have {n} views already. Remove one first.")
        messages.error(request, sentence.format(n=MOST_VIEWS))
    return others < MOST_VIEWS


def _save(request: PersonsRequest, name: str, query: str) -> None:
    process = _process_of(request.user, query)
    former = request.user.saved_views.filter(name=name).first()
    # Whom it is shared with is not changed unseen.
    is_shared = former is not None and former.is_shared and former.process == process
    SavedView.objects.update_or_create(
        person=request.user, name=name, defaults={"query": query, "process": process, "is_shared": is_shared}
    )
    messages.success(request, _("The view {name} is saved.").format(name=name))
    if former is not None and former.is_shared and not is_shared:
        messages.warning(request, _("It is not shared any more: others than before would see it."))


def _process_of(person: Person, query: str) -> Process | None:
    """That a view filters by, if it is one of theirs."""
    return owning.owned_by(person).filter(key=QueryDict(query).get("process", "")).first()


def _remove(request: PersonsRequest, number: str) -> HttpResponse:
    view = get_object_or_404(request.user.saved_views, pk=_id(number))
    view.delete()
    messages.success(request, _("The view {name} is gone.").format(name=view.name))
    return redirect("designer:requests")


def _share(request: PersonsRequest, number: str) -> HttpResponse:
    view = get_object_or_404(request.user.saved_views.select_related("process"), pk=_id(number))
    if view.process != _process_of(request.user, view.query) or (
        view.process is None and "process" in QueryDict(view.query)
    ):
        messages.error(request, _("The process of this view is not yours any more, so it is not shared."))
        return redirect("designer:requests")
    view.is_shared = True
    view.save(update_fields=["is_shared"])
    if view.process is None:
        sentence = _("The view {name} is shared with administrators.").format(name=view.name)
    else:
        sentence = _(
            "The view {name} is shared with the owners of {process}, and with administrators."
        ).format(name=view.name, process=view.process.name)
    messages.success(request, sentence)
    return redirect("designer:requests")


def _unshare(request: PersonsRequest, number: str) -> HttpResponse:
    view = get_object_or_404(request.user.saved_views, pk=_id(number))
    view.is_shared = False
    view.save(update_fields=["is_shared"])
    messages.success(request, _("The view {name} is not shared any more.").format(name=view.name))
    return redirect("designer:requests")


def _copy(request: PersonsRequest, number: str) -> HttpResponse:
    """One of others becomes one's own; what they do with theirs changes nothing of it."""
    view = get_object_or_404(_shared_with(request.user), pk=_id(number))
    if request.user.saved_views.filter(name=view.name).exists():
        sentence = _("You have a view {name} already. Open this one, and save it under another name.")
        messages.error(request, sentence.format(name=view.name))
    elif _has_room(request, view.name):
        _save(request, view.name, view.query)
    return redirect(f"{reverse('designer:requests')}?{view.query}")


def _id(number: str) -> int:
    is_id = number.isascii() and number.isdecimal() and len(number) <= _MOST_DIGITS
    return int(number) if is_id else 0
