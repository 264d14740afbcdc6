"""Test cases of a process: run, and removed."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from placet.designer import cases
from placet.designer.people import find_process, owners_only
from placet.designer.try_state import State, signed, source_of, sources
from placet.designer.trying_events import EventsInvalid, from_json
from placet.portal.people import PersonsRequest


@owners_only
def test_cases(request: PersonsRequest, key: str) -> HttpResponse:
    """Each case, as it was kept; with `?run=` what it comes to now."""
    process = find_process(request, key)
    if request.method == "POST":
        case = get_object_or_404(process.test_cases, pk=_number(request.POST.get("remove", "")))
        case.delete()
        messages.success(request, _("The test case “{name}” was removed.").format(name=case.name))
        return redirect("designer:cases", key)
    there = sources(process)
    name = request.GET.get("run", "")
    source = source_of(process, name) if name in there else None
    kept = process.test_cases.select_related("by")
    runs = {} if source is None else {run.case.pk: run for run in cases.run_cases(process, source).runs}
    context: dict[str, Any] = {
        "process": process,
        "sources": there,
        "run": name if source is not None else "",
        "failing": sum(not run.is_good for run in runs.values()),
        "rows": [
            {"case": case, "run": runs.get(case.pk), "t": _trial(process, case, there)} for case in kept
        ],
    }
    return render(request, "designer/cases.html", context)


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 10 else 0


def _trial(process: Any, case: Any, there: list[str]) -> str:
    """The address of the case as a trial, of what would be published; "" where it cannot be read any more."""
    try:
        return signed(process, State(there[0], from_json(case.events))) if there else ""
    except EventsInvalid:
        return ""
