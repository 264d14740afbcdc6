"""People from a file, with a preview, and as a file.

What was uploaded waits in the cache, which is a table of the database that all workers share: for an hour, and for
the administrator who uploaded it alone. The preview is worked out anew each time it is shown, and the import does
what was shown or says that it would be something else by now.
"""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import structlog
from django.conf import settings
from django.contrib import messages
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from placet.accounts.addresses import PersonInvalid, addresses_by_person
from placet.accounts.importing import (
    CHANGED,
    ERROR,
    KINDS,
    NEW,
    Change,
    ChangedMeanwhile,
    Options,
    Plan,
    Planned,
    carry_out,
    not_named,
    plan,
)
from placet.accounts.invitations import invite
from placet.accounts.limits import written_limit
from placet.accounts.models import Group, Person
from placet.accounts.people_csv import COLUMNS, MORE_COLUMNS, Table, written, written_in_pieces
from placet.panel.forms import ImportForm
from placet.panel.people import can_send_mail, people_found
from placet.portal.people import PersonsRequest, administrators_only

log = structlog.get_logger(__name__)

A_PAGE = 100
KEPT = 60 * 60  # seconds that an upload waits for its import
AT_ONCE_EXPORTED = 1000  # people of an export that are read together
MOST_INVITED = 500  # by one import: the page waits until the mails are written
AT_ONCE = 20  # invitations in one transaction, so that workers are not held up
MOST_LINES = 20  # of rows that were left out, in the sentence that says so
#: How the fields that a row changes are called.
FIELDS = {
    "name": gettext_lazy("Name"),
    "manager": gettext_lazy("Manager"),
    "language": gettext_lazy("Language"),
    "zone": gettext_lazy("Time zone"),
    "calendar": gettext_lazy("Calendar"),
    "approval_limit": gettext_lazy("Approval limit"),
    "is_administrator": gettext_lazy("Administrator"),
    "is_process_owner": gettext_lazy("Process owner"),
    "joins": gettext_lazy("Joins the group"),
    "leaves": gettext_lazy("Leaves the group"),
}


@dataclass(frozen=True)
class Upload:
    table: Table
    options: Options
    list_not_named: bool


# --- import -----------------------------------------------------------------------------------------------


@administrators_only
def import_people(request: PersonsRequest) -> HttpResponse:
    """Choose a file. It is kept for its preview, and nothing else happens."""
    form = ImportForm(request.POST, request.FILES) if request.method == "POST" else ImportForm()
    if request.method == "POST" and form.is_valid():
        upload = Upload(form.table, form.options(), form.cleaned_data["not_named"])
        return redirect("panel:import_preview", _keep(upload, request.user))
    context = {"form": form, "columns": [_(heading) for heading in COLUMNS.values()]}
    return render(request, "panel/import.html", context, status=422 if form.errors else 200)


@administrators_only
def preview(request: PersonsRequest, token: str) -> HttpResponse:
    """What each row would do; a POST does it."""
    upload = _kept(token, request.user)
    if upload is None:
        messages.warning(request, _("This preview is over. Please choose the file once more."))
        return redirect("panel:import_people")
    if request.method == "POST":
        seen, wanted = request.POST.get("seen", ""), "invite" in request.POST
        try:
            done, made = carry_out(upload.table, upload.options, request.user, seen)
        except ChangedMeanwhile:
            return _show(request, upload, changed_meanwhile=True)
        except PersonInvalid as error:
            raise PermissionDenied(str(error)) from error
        cache.delete(_key(token, request.user))
        log.info("people_imported", **done.counts, by=request.user.pk)
        invited = _invite(made, request.user) if wanted else 0
        messages.success(request, _said(done, invited))
        return redirect("panel:people")
    return _show(request, upload)


def _show(request: PersonsRequest, upload: Upload, *, changed_meanwhile: bool = False) -> HttpResponse:
    planned = plan(upload.table, upload.options, request.user)
    kind = request.GET.get("show", "")
    page = Paginator(planned.of([kind] if kind in KINDS else KINDS), A_PAGE).get_page(request.GET.get("page"))
    missing = not_named(planned) if upload.list_not_named else []
    context = {
        "plan": planned,
        "page": page,
        "show": kind if kind in KINDS else "",
        "keep": f"show={kind}&" if kind in KINDS else "",
        "rows": [(row, _shown(row)) for row in page],
        "unread": _unread(upload),
        "changed_meanwhile": changed_meanwhile,
        "can_invite": 0 < planned.counts[NEW] <= MOST_INVITED and can_send_mail(),
        "too_many": planned.counts[NEW] > MOST_INVITED and can_send_mail(),
        "most_invited": MOST_INVITED,
        "list_not_named": upload.list_not_named,
        "missing": Person.objects.filter(pk__in=missing[:A_PAGE]),
        "more_missing": max(0, len(missing) - A_PAGE),
    }
    return render(request, "panel/import_preview.html", context, status=409 if changed_meanwhile else 200)


def _shown(row: Planned) -> list[tuple[str, str, str]]:
    """What changes as the page says it: the field, what it was, what it becomes. Names of new people stand beside
    it already."""
    new = row.person is None
    return [_in_words(change) for change in row.changes if not (new and change.field == "name")]


def _in_words(change: Change) -> tuple[str, str, str]:
    said: dict[str, Any] = {}
    if change.field == "language":
        said = dict(settings.LANGUAGES)
    elif change.field in ("is_administrator", "is_process_owner"):
        said = {"yes": _("yes"), "no": _("no")}
    before, after = (str(said.get(value, value)) for value in (change.before, change.after))
    return str(FIELDS[change.field]), before, after


def _unread(upload: Upload) -> list[str]:
    """Headings whose column does nothing."""
    roles = {"administrator": _("Administrator"), "process_owner": _("Process owner")}
    ignored = [] if upload.options.administrators else [one for one in roles if one in upload.table.columns]
    return [*upload.table.unread, *(roles[one] for one in ignored)]


def _said(done: Plan, invited: int) -> str:
    new, changed = done.counts[NEW], done.counts[CHANGED]
    sentences = []
    if new:
        said = ngettext("{count} person was added.", "{count} people were added.", new)
        sentences.append(said.format(count=new))
    if changed:
        said = ngettext("{count} person was changed.", "{count} people were changed.", changed)
        sentences.append(said.format(count=changed))
    if invited:
        said = ngettext("{count} invitation is on its way.", "{count} invitations are on their way.", invited)
        sentences.append(said.format(count=invited))
    if left := [str(row.line) for row in done.of([ERROR])]:
        lines = ", ".join(left[:MOST_LINES]) + (" …" if len(left) > MOST_LINES else "")
        said = ngettext("Line {lines} was left out.", "Lines {lines} were left out.", len(left))
        sentences.append(said.format(lines=lines))
    return " ".join(sentences) or _("Nothing was changed.")


def _invite(people: Sequence[Person], by: Person) -> int:
    if len(people) > MOST_INVITED or not can_send_mail():
        return 0
    for start in range(0, len(people), AT_ONCE):
        with transaction.atomic():
            for person in people[start : start + AT_ONCE]:
                invite(person, by)
    return len(people)


# --- what waits -------------------------------------------------------------------------------------------


def _keep(upload: Upload, by: Person) -> str:
    token = secrets.token_urlsafe(16)
    kept = {
        "table": upload.table.as_json(),
        "options": asdict(upload.options),
        "list_not_named": upload.list_not_named,
    }
    cache.set(_key(token, by), kept, KEPT)
    return token


def _kept(token: str, by: Person) -> Upload | None:
    kept = cache.get(_key(token, by))
    if kept is None:
        return None
    return Upload(Table.from_json(kept["table"]), Options(**kept["options"]), kept["list_not_named"])


def _key(token: str, by: Person) -> str:
    return f"people-import:{by.pk}:{token}"


# --- files ------------------------------------------------------------------------------------------------


@administrators_only
def template(request: PersonsRequest) -> HttpResponse:
    """A file to fill in: its headings, and two lines that show how."""
    rows = [
        ["Bob Manager", "bob@example.com", "", "5000", "", "", "", "", "", ""],
        [
            "Alice Requester",
            "alice@example.com",
            "bob@example.com",
            "",
            "finance; it",
            "en",
            "Europe/Paris",
            "",
            "",
            "",
        ],
    ]
    return HttpResponse(written(list(COLUMNS), rows), headers=_headers("people-template.csv"))


@administrators_only
def export(request: PersonsRequest) -> HttpResponseBase:
    """Whom the list shows, as a file that the import reads again, sent while it is read."""
    found = people_found(request.GET)
    log.info("people_exported", count=found.count(), by=request.user.pk)
    pieces = written_in_pieces([*COLUMNS, *MORE_COLUMNS], _pieces(found, _Words()))
    return StreamingHttpResponse(pieces, headers=_headers(f"people-{timezone.localdate():%Y-%m-%d}.csv"))


class _Words:
    """Of the file, in the reader's language: when it is read, the page is over."""

    def __init__(self) -> None:
        self.role = {True: _("yes"), False: _("no")}
        self.state = {True: _("active"), False: _("deactivated")}


def _pieces(found: QuerySet[Person], words: _Words) -> Iterator[list[list[str]]]:
    """Some people at a time, each time by a query of its own: whoever takes the file slowly holds nothing up."""
    rows = found.select_related(None).prefetch_related(None).order_by("name", "id")
    fields = (
        "pk", "name", "email", "manager__email", "approval_limit", "language", "zone", "calendar__key",
        "is_administrator", "is_process_owner", "is_active",
    )  # fmt: skip
    last: tuple[str, int] | None = None
    while True:
        after = (
            rows if last is None else rows.filter(name__gte=last[0]).exclude(name=last[0], pk__lte=last[1])
        )
        some = list(after.values_list(*fields)[:AT_ONCE_EXPORTED])
        if not some:
            return
        people = [person[0] for person in some]
        addresses, groups = addresses_by_person(people), _groups_by_person(people)
        yield [
            [
                name, email, manager or "", written_limit(limit), "; ".join(groups.get(pk, [])), language, zone,
                calendar or "", words.role[administers], words.role[owns],
                "; ".join(address for address in addresses.get(pk, []) if address != email),
                words.state[active],
            ]
            for pk, name, email, manager, limit, language, zone, calendar, administers, owns, active
            in some
        ]  # fmt: skip
        last = some[-1][1], some[-1][0]


def _groups_by_person(people: Sequence[int]) -> dict[int, list[str]]:
    """Keys of the groups that each is in, by the groups' names."""
    found = Group.members.through.objects.filter(person__in=people).order_by("group__name", "group_id")
    groups: dict[int, list[str]] = {}
    for person, key in found.values_list("person_id", "group__key"):
        groups.setdefault(person, []).append(key)
    return groups


def _headers(name: str) -> dict[str, str]:
    return {
        "Content-Type": "text/csv; charset=utf-8",
        "Content-Disposition": f'attachment; filename="{name}"',
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
