"""Test cases of a process: run, and removed."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from placet.approvals.drafts import draft_of, note_failing
from placet.approvals.models import Process, ProcessDraft
from placet.designer import cases
from placet.designer.models import TestCase
from placet.designer.people import find_written, owners_only
from placet.designer.try_state import DRAFT, State, signed, source_of, sources
from placet.designer.trying_events import EventsInvalid, from_json
from placet.portal.people import PersonsRequest


@owners_only
def test_cases(request: PersonsRequest, key: str) -> HttpResponse:
    """Each case, as it was kept; with `run` what it comes to now. Only where that is sent as a form is it kept, too."""
    process = find_written(request, key)
    is_sent = request.method == "POST"
    if is_sent and "run" not in request.POST:
        case = get_object_or_404(process.test_cases, pk=_number(request.POST.get("remove", "")))
        case.delete()
        _forget(draft_of(key), case)
        messages.success(request, _("The test case “{name}” was removed.").format(name=case.name))
        return redirect("designer:cases", key)
    there = sources(process)
    name = (request.POST if is_sent else request.GET).get("run", "")
    run = _run(process, name, kept=is_sent) if name in there else None
    kept = process.test_cases.select_related("by")
    runs = {} if run is None else {one.case.pk: one for one in run.runs}
    context: dict[str, Any] = {
        "process": process,
        "sources": there,
        "run": name if run is not None else "",
        "failing": sum(not one.is_good for one in runs.values()),
        "rows": [
            {"case": case, "run": runs.get(case.pk), "t": _trial(process, case, there)} for case in kept
        ],
    }
    return render(request, "designer/cases.html", context)


def _run(process: Process, name: str, *, kept: bool) -> cases.CasesRun | None:
    """With the draft, or with the version of this number. `kept`: with the draft, for pages that list it."""
    draft = draft_of(process.key) if name == DRAFT else None
    source = draft.text if draft is not None else source_of(process, name)
    if source is None:
        return None
    run = cases.run_cases(process, source)
    if draft is not None and kept:
        note_failing(draft, draft.at, run.names_of_failing)
    return run


def _forget(draft: ProcessDraft | None, case: TestCase) -> None:
    """What is not a test case any more does not fail."""
    if draft is not None and case.name in draft.failing:
        names = [name for name in draft.failing if name != case.name]
        note_failing(draft, draft.failing_at, names)


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 10 else 0


def _trial(process: Any, case: Any, there: list[str]) -> str:
    """The address of the case as a trial, of what would be published; "" where it cannot be read any more."""
    try:
        return signed(process, State(there[0], from_json(case.events))) if there else ""
    except EventsInvalid:
        return ""
