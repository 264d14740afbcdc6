"""The processes of whoever looks, and the first page of each: what runs, who owns it, what it is drawn as."""

from typing import Any

from django.core.paginator import Paginator
from django.db.models import Max, Prefetch, Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy

from placet.accounts.models import Person
from placet.approvals import mailed_starts, owning
from placet.approvals.definitions import definition_of
from placet.approvals.drafts import draft_of
from placet.approvals.models import Process, Version
from placet.approvals.picture import drawing_of
from placet.approvals.processes import DefinitionInvalid, as_written, newest
from placet.designer.counts import counts_of
from placet.designer.forms import OwnerForm
from placet.designer.people import find_process, owners_only
from placet.lib.web import entered, keep
from placet.portal.people import PersonsRequest

A_PAGE = 50
#: What the list can show. Whoever says nothing sees what is in use, and what retired apart.
SHOWN = {
    "": (gettext_lazy("In use"), Q(retired_at=None)),
    "drafts": (gettext_lazy("With a draft"), Q(retired_at=None, draft__isnull=False)),
    "unpublished": (gettext_lazy("Not published yet"), Q(retired_at=None, versions=None)),
    "retired": (gettext_lazy("Retired"), Q(retired_at__isnull=False)),
}
MANY = 10  # from so many on, somebody looks for one


@owners_only
def processes(request: PersonsRequest) -> HttpResponse:
    q, show = entered(request.GET), request.GET.get("show", "")
    show = show if show in SHOWN else ""
    owned = owning.owned_by(request.user)
    page = Paginator(_found(owned, q, show), A_PAGE).get_page(request.GET.get("page"))
    counts = counts_of(list(page))
    total = owned.count()
    context = {
        "page": page,
        "rows": [(process, counts[process.pk]) for process in page],
        "q": q,
        "show": show,
        "shown": [(key, label) for key, (label, _which) in SHOWN.items()],
        "keep": keep(q=q, show=show),
        "any": total > 0,
        "many": total >= MANY,
        "retired": 0 if show == "retired" else owned.filter(retired_at__isnull=False).count(),
    }
    return render(request, "designer/processes.html", context)


def _found(owned: QuerySet[Process], q: str, show: str) -> QuerySet[Process]:
    rows = owned.filter(SHOWN[show][1])
    if q:
        rows = rows.filter(Q(name__casefold__contains=q) | Q(key__contains=q.lower()))
    owners = Prefetch("owners", Person.objects.only("name").order_by("name", "id"))
    annotated = rows.annotate(number=Max("versions__number"))
    return annotated.select_related("draft").prefetch_related(owners).order_by("name", "id")


@owners_only
def process(request: PersonsRequest, key: str) -> HttpResponse:
    return overview(request, find_process(request, key))


def overview(
    request: PersonsRequest, shown: Process, form: OwnerForm | None = None, status: int = 200
) -> HttpResponse:
    """`form`: of owners, as it was sent wrong."""
    version, draft = newest(shown), draft_of(shown.key)
    definition = None if version is None else definition_of(version)
    if definition is not None:
        picture = drawing_of(definition)
    else:
        picture = SafeString() if draft is None else picture_of_text(draft.text)
    context: dict[str, Any] = {
        "process": shown,
        "version": version,
        "definition": definition,
        "picture": picture,
        "draft": draft,
        "counts": counts_of([shown])[shown.pk],
        "mail_address": _mail_address(shown, version),
        "owners": shown.owners.order_by("name", "id"),
        "form": form or OwnerForm(),
    }
    return render(request, "designer/process.html", context, status=status)


def _mail_address(shown: Process, version: Version | None) -> str:
    """Where a mail starts a request; "" where none does."""
    if version is None or shown.retired_at is not None:
        return ""
    return mailed_starts.addresses_of([version.definition]).get(shown.key, "")


def picture_of_text(text: str) -> SafeString:
    """Empty for a text that says too little to be drawn."""
    try:
        return drawing_of(as_written(text))
    except DefinitionInvalid:
        return SafeString()
