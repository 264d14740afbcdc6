"""Starting a request: which process, its form with its files, and the draft of it."""

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import F, Max, OuterRef, Subquery
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from placet.approvals import attachments, engine, engine_errors, mailed_starts
from placet.approvals.attachments import FileRefused, FilesChanged
from placet.approvals.definitions import Definition, definition_of
from placet.approvals.field_types import is_filled
from placet.approvals.form import FormInvalid
from placet.approvals.form_logic import fill
from placet.approvals.form_parts import FormField
from placet.approvals.models import Attachment, Draft, Process, Request, Version
from placet.approvals.processes import newest
from placet.approvals.seats import open_seats_of
from placet.approvals.visibility import hidden_from, requests_visible_to
from placet.lib.web import as_file
from placet.portal.form_rows import (
    ADD_ROW,
    PREFIX,
    Row,
    any_hidden,
    as_typed,
    entered_in,
    never_seen,
    rows,
    states_in,
    what_fits,
    with_row_button,
)
from placet.portal.form_rows import changed as changed_rows
from placet.portal.path import with_what_now
from placet.portal.people import PersonsRequest, find_request, signed_in
from placet.portal.uploads import say_too_large, takes_files

A_PAGE = 25
_NUMBER = re.compile("[0-9]{1,9}")


@signed_in
def start(request: PersonsRequest) -> HttpResponse:
    """Which process? With only one there is nothing to choose."""
    last = Version.objects.filter(process=OuterRef("pk")).order_by()
    published = Process.objects.annotate(
        last=Subquery(last.values("process").annotate(n=Max("number")).values("n"))
    )
    to_start = published.filter(last__isnull=False, retired_at=None, asked_by=None)
    page = Paginator(to_start, A_PAGE).get_page(request.GET.get("page"))
    if page.paginator.count == 1:
        return redirect("portal:start_form", page[0].key)
    current = Version.objects.filter(process__in=list(page)).annotate(last=_last_number())
    versions = {version.process_id: version for version in current.filter(number=F("last"))}
    addresses = mailed_starts.addresses_of(version.definition for version in versions.values())
    choices = [
        (process, versions[process.pk].definition.get("description", ""), addresses.get(process.key, ""))
        for process in page
    ]
    drafts = set(request.user.drafts.values_list("process_id", flat=True))
    return render(request, "portal/start.html", {"page": page, "choices": choices, "drafts": drafts})


def _last_number() -> Subquery:
    others = Version.objects.filter(process=OuterRef("process")).order_by()
    return Subquery(others.values("process").annotate(n=Max("number")).values("n"))


# --- the form ---------------------------------------------------------------------------------------------


@takes_files(
    gettext_lazy(
        "These files are larger than 25 MB together, so nothing was sent, and what was typed since the draft"
        " was last saved is not kept. Your browser may still have it: go back, and choose smaller files."
    )
)
def start_form(request: PersonsRequest, key: str, status: int = 200, too_large: bool = False) -> HttpResponse:
    """The form of a process's newest version; what was typed is kept when something does not fit."""
    version = newest(get_object_or_404(Process, key=key, asked_by=None))
    if version is None:
        return render(request, "404.html", status=404)
    if version.process.retired_at is not None:
        return render(request, "portal/retired.html", {"process": version.process}, status=410)
    definition = definition_of(version)
    if request.method == "POST":
        return _sent(request, version, definition, too_large)
    return _form_page(request, version, definition, status=status)


def _sent(request: PersonsRequest, version: Version, definition: Definition, too_large: bool) -> HttpResponse:
    """What the buttons of the form do: send, save, remove a file. A script saves by itself."""
    do, changed = request.POST.get("do", "send"), request.POST.get("version") != str(version.number)
    if (do == "look" or "HX-Request" in request.headers) and not too_large:
        return HttpResponse(status=409) if changed else _form_changes(request, version, definition, do)
    entered = _entered(request, version, definition)
    if too_large:
        say_too_large(request)
        return _form_page(request, version, definition, entered, status=413)
    if do == "autosave":
        return HttpResponse(
            status=409 if changed else _saved_by_itself(request, version, definition, entered)
        )
    stale = _files_shown(request.POST.getlist("kept")) != _files_there(request, version, definition)
    errors = _keep_uploads(request, version, definition, entered)
    if remove := request.POST.get("remove"):
        _save(request, version, definition, entered)
        _remove(request, version, remove)
    if errors:
        return _form_page(request, version, definition, entered, errors, status=422)
    if do == "save" or remove:
        _save(request, version, definition, entered)
        messages.success(request, _("The file was removed.") if remove else _("The draft was saved."))
        return redirect("portal:start_form", version.process.key)
    if changed:
        messages.warning(
            request,
            _("This process was changed while you filled the form. Please look at it again and send it."),
        )
        return _form_page(request, version, definition, entered, status=409)
    if with_rows := with_row_button(definition, entered, do):
        return _form_page(request, version, definition, with_rows)
    if not stale and _brings_up_more(request, version, definition, entered):
        messages.warning(
            request,
            _("What you entered brings up more questions. Please look at the form again and send it."),
        )
        return _form_page(request, version, definition, entered, status=422)
    return (_files_changed if stale else _start)(request, version, definition, entered)


def _form_changes(request: PersonsRequest, version: Version, definition: Definition, do: str) -> HttpResponse:
    """The parts of the form that stand otherwise after what was just entered. Nothing is kept."""
    entered = entered_in(definition, request.POST, by_itself=True)
    with_rows = with_row_button(definition, entered, do)
    context = _form_context(version, definition, with_rows or entered, {}, _draft(request, version.process))
    shown = context["rows"]
    tables = [row for row in shown if isinstance(row, Row) and row.grid and do.split(":")[1:2] == [row.key]]
    context["rows"] = [
        *tables,
        *(row for row in changed_rows(shown, states_in(request.POST)) if row not in tables),
    ]
    context["grids"] = [
        row.grid for row in shown if isinstance(row, Row) and row.grid and row not in context["rows"]
    ]
    context["added"] = do.startswith(ADD_ROW)
    return render(request, "portal/form_changes.html", context)


def _brings_up_more(
    request: PersonsRequest, version: Version, definition: Definition, entered: Mapping[str, Any]
) -> bool:
    """Whether there are fields to fill in that were not on the page: where it has no script, they come up now."""
    before = states_in(request.POST)
    if not any_hidden(before):
        return False
    context = _form_context(version, definition, entered, {}, _draft(request, version.process))
    return bool(never_seen(context["rows"], before))


def _files_changed(
    request: PersonsRequest, version: Version, definition: Definition, entered: dict[str, Any]
) -> HttpResponse:
    messages.warning(
        request,
        _("The files were changed in another window. Please look at them again and send the form."),
    )
    return _form_page(request, version, definition, entered, status=409)


def _entered(request: PersonsRequest, version: Version, definition: Definition) -> dict[str, Any]:
    """What was typed; of an older form, what fits the one of today."""
    number = request.POST.get("version", "")
    shown = version.process.versions.filter(number=int(number)).first() if _NUMBER.fullmatch(number) else None
    if shown is None or shown.pk == version.pk:
        return entered_in(definition, request.POST)
    older = definition_of(shown)
    return what_fits(definition, older, entered_in(older, request.POST))


def _start(
    request: PersonsRequest, version: Version, definition: Definition, entered: dict[str, Any]
) -> HttpResponse:
    try:
        started = engine.start(version, request.user, entered, _draft(request, version.process))
    except FormInvalid as error:
        if _draft(request, version.process):
            _save(request, version, definition, entered)
        return _form_page(request, version, definition, entered, error.errors, status=422)
    except FilesChanged:
        return _files_changed(request, version, definition, entered)
    except engine_errors.EngineError as error:
        messages.warning(request, str(error))
        return redirect("portal:mine")
    sentence = _("Request {number} was started.").format(number=started.number)
    messages.success(request, with_what_now(sentence, started, definition))
    return redirect("portal:request", started.public_id)


def _form_page(
    request: PersonsRequest,
    version: Version,
    definition: Definition,
    entered: dict[str, Any] | None = None,
    errors: Mapping[str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    draft = _draft(request, version.process)
    restored = draft if entered is None else None
    if restored:
        entered = restored.data
        if restored.version_id != version.pk:
            entered = what_fits(definition, definition_of(restored.version), restored.data)
    context = _form_context(version, definition, entered or {}, errors or {}, draft) | {
        "takes_files": bool(_file_fields(definition)),
        "errors": errors,
        "draft": draft,
        "last_request": _last_request(request, version.process),
        "restored": restored,
        "mail_address": mailed_starts.addresses_of([version.definition]).get(version.process.key, ""),
        "restored_from_older": restored is not None and restored.version_id != version.pk,
    }
    return render(request, "portal/start_form.html", context, status=status)


def _form_context(
    version: Version,
    definition: Definition,
    entered: Mapping[str, Any],
    errors: Mapping[str, str],
    draft: Draft | None,
) -> dict[str, Any]:
    """What the rows of the form are made of."""
    files = attachments.of(draft) if draft else {}
    every = rows(definition, fill(definition, entered, files), errors, files)
    shown = [row for row in every if row.key not in definition.entered_later]
    looks = any(row.depends or (isinstance(row, Row) and row.computes) for row in shown)
    return {
        "version": version,
        "definition": definition,
        "form_url": reverse("portal:start_form", args=[version.process.key]),
        "rows": shown,
        "looks": looks,
        "wide": any(row.shape == "table" for row in shown),
        "scripted": looks
        or any(row.shape in ("person", "people", "search", "searches", "table") for row in shown),
        "file_inputs": ",".join(PREFIX + name for name in _file_names(definition)),
        "largest_together": attachments.LARGEST_TOGETHER,
    }


# --- the draft --------------------------------------------------------------------------------------------


def _draft(request: PersonsRequest, process: Process) -> Draft | None:
    return Draft.objects.select_related("version").filter(person=request.user, process=process).first()


def _save(
    request: PersonsRequest, version: Version, definition: Definition, entered: Mapping[str, Any]
) -> Draft:
    """The draft as it is typed now. Files of fields that the form does not have any more go."""
    by_itself = {
        field.name for field in definition.fields if field.default is not None
    }  # unless it was emptied
    typed = {name: _storable(one) for name, one in entered.items() if is_filled(one) or name in by_itself}
    defaults = {"version": version, "data": typed, "saved_at": timezone.now()}
    draft, _created = Draft.objects.update_or_create(
        person=request.user, process=version.process, defaults=defaults
    )
    draft.attachments.exclude(field__in=_file_names(definition)).delete()
    return draft


def _storable(entered: Any) -> Any:
    """What was typed, as a database takes it."""
    if isinstance(entered, str):
        return entered.replace("\x00", "")
    if isinstance(entered, list):
        return [_storable(one) for one in entered]
    return {name: _storable(one) for name, one in entered.items()} if isinstance(entered, dict) else entered


def _last_request(request: PersonsRequest, process: Process) -> int:
    """The number of the person's newest request of this process, or 0."""
    made = request.user.requests.filter(version__process=process)
    return made.aggregate(last=Max("number"))["last"] or 0


@transaction.atomic
def _saved_by_itself(
    request: PersonsRequest, version: Version, definition: Definition, entered: Mapping[str, Any]
) -> int:
    """The status that tells the script. An empty form is nothing to keep; and one that was sent or discarded since it
    was shown does not come back as a draft (409)."""
    draft = _locked_draft(request, version.process)
    shown, last = request.POST.get("draft", ""), str(_last_request(request, version.process))
    if request.POST.get("last") != last or (shown and (draft is None or shown != str(draft.pk))):
        return 409
    if draft or is_filled(entered):
        _save(request, version, definition, entered)
    return 204


def _locked_draft(request: PersonsRequest, process: Process) -> Draft | None:
    """The draft, which until the end of the transaction nobody else sends or changes."""
    return Draft.objects.select_for_update().filter(person=request.user, process=process).first()


def _file_fields(definition: Definition) -> list[FormField]:
    """Those that are entered where a request is started."""
    later = definition.entered_later
    return [field for field in definition.fields if field.type == "files" and field.name not in later]


def _file_names(definition: Definition) -> list[str]:
    return [field.name for field in _file_fields(definition)]


def _files_shown(kept: list[str]) -> set[str]:
    """The ids of the files that the form showed when it was sent."""
    return set(kept)


def _files_there(request: PersonsRequest, version: Version, definition: Definition) -> set[str]:
    there = Attachment.objects.filter(
        draft__person=request.user, draft__process=version.process, field__in=_file_names(definition)
    )
    return {str(public_id) for public_id in there.values_list("public_id", flat=True)}


def _keep_uploads(
    request: PersonsRequest, version: Version, definition: Definition, entered: Mapping[str, Any]
) -> dict[str, str]:
    """Keep what was chosen with the draft, so that it is not chosen again when something else does not fit. Gives a
    sentence for each field with a file that cannot be kept."""
    errors: dict[str, str] = {}
    for field in _file_fields(definition):
        for upload in request.FILES.getlist(PREFIX + field.name):
            draft = _save(request, version, definition, entered)
            try:
                attachments.keep(draft, field.name, upload, request.user, field)
            except FileRefused as error:
                errors[field.name] = f"{errors.get(field.name, '')} {error}".strip()
    return errors


@transaction.atomic
def _remove(request: PersonsRequest, version: Version, public_id: str) -> None:
    draft = _locked_draft(request, version.process)
    try:
        wanted = UUID(public_id)
    except ValueError:
        return  # no id, so nothing has it
    if draft:
        draft.attachments.filter(public_id=wanted).delete()


@signed_in
def discard_draft(request: PersonsRequest, key: str) -> HttpResponse:
    """Begin the form anew."""
    process = get_object_or_404(Process, key=key)
    if request.method == "POST":
        _discard(request, process)
        messages.success(request, _("The draft was discarded."))
    return redirect("portal:start_form", key)


@transaction.atomic
def _discard(request: PersonsRequest, process: Process) -> None:
    if draft := _locked_draft(request, process):
        draft.delete()


@signed_in
def start_again(request: PersonsRequest, public_id: UUID) -> HttpResponse:
    """A new draft that says the same as an earlier request of this person."""
    shown = find_request(request, public_id)
    if request.user.pk != shown.requester_id:
        raise PermissionDenied(_("Only the person who made a request can start it again."))
    if request.method != "POST":
        return redirect("portal:request", public_id)
    process = shown.version.process
    if process.asked_by_id is not None:
        raise PermissionDenied(_("A program asked for this, and nobody starts it on a page."))
    version = newest(process)
    if process.retired_at is not None:
        messages.warning(request, _("This process is retired: nobody starts it any more."))
        return redirect("portal:request", public_id)
    if _draft(request, process):
        messages.warning(
            request, _("You have a draft of this already. Send it or discard it; then you can start again.")
        )
    elif version is not None:
        _copy(request, shown, version)
        if shown.version_id != version.pk:
            messages.warning(request, _("The process has changed since; what still fits was kept."))
    return redirect("portal:start_form", process.key)


@transaction.atomic
def _copy(request: PersonsRequest, shown: Request, version: Version) -> None:
    old, new = definition_of(shown.version), definition_of(version)
    draft = _save(request, version, new, what_fits(new, old, as_typed(old, shown.data)))
    attachments.copy(shown, draft, _file_names(new), request.user)


# --- files ------------------------------------------------------------------------------------------------


@signed_in
def attachment(request: PersonsRequest, public_id: UUID) -> HttpResponse:
    """A file, for whoever may see its request, or made what it is not sent with yet. Never shown: only downloaded."""
    file = get_object_or_404(
        Attachment.objects.select_related("draft", "assignment").defer("content"), public_id=public_id
    )
    if not _may_see(request, file):
        raise Http404
    return as_file(bytes(file.content), file.name)


def _may_see(request: PersonsRequest, file: Attachment) -> bool:
    if file.request_id is None:
        if file.assignment is not None:
            mine = open_seats_of(request.user).filter(pk=file.assignment.pk)
            return file.assignment.person_id == request.user.pk or bool(mine.exists())
        return file.draft is not None and file.draft.person_id == request.user.pk
    about = requests_visible_to(request.user).select_related("version").filter(pk=file.request_id).first()
    return about is not None and file.field not in hidden_from(
        request.user, about, definition_of(about.version)
    )
