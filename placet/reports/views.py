"""The pages of reports. They read what was counted, and say when."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from placet.accounts.person_figures import are_person_figures_shown
from placet.designer.people import owners_only
from placet.portal.people import PersonsRequest
from placet.reports import needs, report_now, report_quality, report_times
from placet.reports.parts import Part
from placet.reports.selection import PERIODS, Selection, selection_of


@dataclass(frozen=True)
class Report:
    """`of_now`: no period is chosen for it. `of_one`: it is about one process."""

    key: str
    title: Promise
    question: Promise
    make: Callable[[Selection], Sequence[Part]]
    of_now: bool = False
    of_one: bool = False

    @property
    def address(self) -> str:
        return f"reports:{self.key}"


REPORTS = (
    Report(
        "waiting",
        gettext_lazy("Who holds things up"),
        gettext_lazy("What waits for whom now, those first for whom most waits."),
        report_now.waiting,
        of_now=True,
    ),
    Report(
        "durations",
        gettext_lazy("How long it takes"),
        gettext_lazy("From the start of a request to its end, without those that were withdrawn."),
        report_times.durations,
    ),
    Report(
        "steps",
        gettext_lazy("Where it sticks"),
        gettext_lazy("How long each step waited in working time, in requests that ended."),
        report_times.steps,
        of_one=True,
    ),
    Report(
        "passes",
        gettext_lazy("Right at once"),
        gettext_lazy(
            "Approved without being sent back, without a question and without a reply that did not count."
        ),
        report_quality.passes,
    ),
    Report(
        "trend",
        gettext_lazy("Whether it gets worse"),
        gettext_lazy("What comes in and goes out, what is late, and how old is what is open."),
        report_now.trend,
    ),
    Report(
        "answers",
        gettext_lazy("How people answer"),
        gettext_lazy("By which way, how soon, and why replies did not count, in requests that ended."),
        report_quality.answers,
    ),
    Report(
        "rules",
        gettext_lazy("Whether rules are kept"),
        gettext_lazy("Where requests that ended did not go as their process says."),
        report_quality.rules,
    ),
)
_BY_KEY = {one.key: one for one in REPORTS}


def _shown() -> Sequence[Report]:
    """Without what is switched off."""
    return [one for one in REPORTS if one.key != "waiting" or are_person_figures_shown()]


@owners_only
def home(request: PersonsRequest) -> HttpResponse:
    selection = selection_of(request.user, {})
    context = {"reports": _shown(), "needs": needs.of(selection), "counted_at": selection.counted_at()}
    return render(request, "reports/home.html", context)


@owners_only
def report(request: PersonsRequest, key: str) -> HttpResponse:
    shown, selection = _report(key), selection_of(request.user, request.GET)
    context = {
        "report": shown,
        "selection": selection,
        "periods": PERIODS,
        "parts": shown.make(selection),
        "counted_at": selection.counted_at(),
    }
    return render(request, "reports/report.html", context)


@owners_only
def table(request: PersonsRequest, key: str, table_key: str) -> HttpResponse:
    """The file of one table: all of its rows, with values as a program reads them."""
    selection = selection_of(request.user, request.GET)
    made = [part.table for part in _report(key).make(selection) if part.table.key == table_key]
    if not made:
        raise Http404
    process = f"-{selection.process.key}" if selection.process is not None else ""
    name = f"{key}-{table_key}{process}-{selection.last.isoformat()}.csv"
    return HttpResponse(
        made[0].as_csv(),
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "X-Content-Type-Options": "nosniff",
        },
    )


def _report(key: str) -> Report:
    found = next((one for one in _shown() if one.key == key), None)
    if found is None:
        raise Http404
    return found
