"""What becomes of a process that is there: who owns it, whether it can be started, and what its import said."""

from collections.abc import Mapping

import structlog
from django.contrib import messages
from django.db.models import Exists, OuterRef, Subquery
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from placet.approvals import owning, processes
from placet.approvals.definitions import definition_of
from placet.approvals.drafts import discard as discard_draft
from placet.approvals.drafts import draft_of, problems_of_draft
from placet.approvals.models import Process, ProcessDraft, Request, Version
from placet.approvals.steps import CallStep
from placet.designer.card_views import base_in
from placet.designer.forms import OwnerForm
from placet.designer.people import find_process, owners_only
from placet.designer.views import overview, picture_of_text
from placet.designer.working import changes_since, gone_words, work_on
from placet.lib.web import entered
from placet.portal.people import PersonsRequest
from placet.portal.suggesting import people_as_options, people_called
from placet.workflowgen.report import CHANGED, DECIDE, LEFT_OUT, TAKEN, Report

log = structlog.get_logger(__name__)

#: What somebody has to do comes first.
HEADINGS: Mapping[str, Promise] = {
    DECIDE: gettext_lazy("Please decide"),
    CHANGED: gettext_lazy("Changed"),
    LEFT_OUT: gettext_lazy("Left out"),
    TAKEN: gettext_lazy("Taken"),
}


# --- who owns it ------------------------------------------------------------------------------------------


@owners_only
def owners(request: PersonsRequest, key: str) -> HttpResponse:
    """Somebody comes, or is taken out."""
    shown = find_process(request, key)
    if request.method != "POST":
        return redirect("designer:process", key)
    if out := request.POST.get("out", ""):
        return _take_out(request, shown, out)
    form = OwnerForm(request.POST)
    if not form.is_valid():
        return overview(request, shown, form, status=422)
    person = form.cleaned_data["person"]
    owning.add_owner(shown, person, request.user)
    log.info("owner_added", key=key, person=person.pk, by=request.user.pk)
    messages.success(request, _("{name} owns this process now.").format(name=person.name))
    return redirect("designer:process", key)


def _take_out(request: PersonsRequest, shown: Process, out: str) -> HttpResponse:
    person = get_object_or_404(shown.owners, pk=int(out) if out.isdecimal() and len(out) < 19 else 0)
    owning.remove_owner(shown, person, request.user)
    log.info("owner_removed", key=shown.key, person=person.pk, by=request.user.pk)
    messages.success(request, _("{name} does not own this process any more.").format(name=person.name))
    is_theirs = owning.owns(request.user, shown)
    return redirect("designer:process", shown.key) if is_theirs else redirect("designer:processes")


@owners_only
def suggest_people(request: PersonsRequest) -> HttpResponse:
    """Options for a field that names an owner, or who starts a trial: a few people, never the whole directory."""
    return people_as_options(request, people_called(entered(request.GET, "person")))


# --- whether it can be started ----------------------------------------------------------------------------


@owners_only
def retire(request: PersonsRequest, key: str) -> HttpResponse:
    """Asked once more, with what runs and what calls it."""
    shown = find_process(request, key)
    if request.method == "POST":
        processes.retire(shown, request.user)
        log.info("process_retired", key=key, by=request.user.pk)
        sentence = _("{name} is retired: nobody starts it any more. Requests that run go on.")
        messages.success(request, sentence.format(name=shown.name))
        return redirect("designer:process", key)
    open_ones = Request.objects.filter(state=Request.State.OPEN, version=OuterRef("pk"))
    running = shown.versions.filter(Exists(open_ones)).exists()
    context = {"process": shown, "running": running, "callers": _callers(key)}
    return render(request, "designer/retire.html", context)


def _callers(key: str) -> list[str]:
    """Names of the processes whose newest version calls this one."""
    newest = Version.objects.filter(process=OuterRef("process")).order_by("-number").values("pk")[:1]
    versions = Version.objects.filter(pk=Subquery(newest), process__retired_at=None).select_related("process")
    return sorted(
        version.process.name
        for version in versions
        if any(
            isinstance(step, CallStep) and step.process == key
            for step in definition_of(version).steps.values()
        )
    )


@owners_only
def bring_back(request: PersonsRequest, key: str) -> HttpResponse:
    shown = find_process(request, key)
    if request.method == "POST":
        processes.bring_back(shown, request.user)
        log.info("process_brought_back", key=key, by=request.user.pk)
        messages.success(request, _("{name} can be started again.").format(name=shown.name))
    return redirect("designer:process", key)


# --- what its import said ---------------------------------------------------------------------------------


@owners_only
def report(request: PersonsRequest, key: str) -> HttpResponse:
    draft = _draft(request, key)
    lines = Report.from_json(draft.report)
    context = {
        "process": draft.process,
        "draft": draft,
        "problems": problems_of_draft(draft),
        "picture": picture_of_text(draft.text),
        "lists": [
            (kind, heading, len(lines.of(kind)), lines.by_text(kind)) for kind, heading in HEADINGS.items()
        ],
    }
    return render(request, "designer/report.html", context)


def _draft(request: PersonsRequest, key: str) -> ProcessDraft:
    find_process(request, key)
    draft = draft_of(key)
    if draft is None:
        raise Http404
    return draft


@owners_only
def discard(request: PersonsRequest, key: str) -> HttpResponse:
    """The draft, and the process with it if nothing else of it is there. Asked once more."""
    draft = _draft(request, key)
    process = draft.process
    alone = not process.versions.exists()
    if request.method != "POST":
        return render(request, "designer/discard.html", {"process": process, "draft": draft, "alone": alone})
    if "base" in request.POST and base_in(request) != draft.at:
        messages.warning(request, gone_words(changes_since(work_on(process), base_in(request))))
        return redirect("designer:discard", key)
    discard_draft(draft, request.user)
    log.info("draft_discarded", key=key, by=request.user.pk)
    messages.success(request, _("The draft of {name} is gone.").format(name=process.name))
    return redirect("designer:processes") if alone else redirect("designer:process", key)
