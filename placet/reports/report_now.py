"""Who holds things up now, and whether it gets worse."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import date, datetime

from django.db.models import Min, Sum
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from placet.accounts.models import Person
from placet.accounts.person_figures import are_person_figures_shown
from placet.approvals.models import Absence
from placet.designer.request_days import ENDED, MISSED, RAN, STARTED
from placet.portal.templatetags.pages import in_words as moment_in_words
from placet.reports import charts
from placet.reports.amounts import joined
from placet.reports.models import OpenSeats
from placet.reports.parts import Part, of_week, requests, short_day, week_cell, week_columns
from placet.reports.selection import Selection, week_of
from placet.reports.tables import Cell, Column, Table, name, number

MOST_PEOPLE = 200
#: Open requests by age: from so many whole days on.
_AGES = (0, 2, 4, 8, 15, 31)


def waiting(selection: Selection) -> Sequence[Part]:
    if not are_person_figures_shown():
        return []
    rows = OpenSeats.objects.all()
    if selection.process is not None or not selection.person.is_administrator:
        rows = rows.filter(process__in=[process.pk for process in selection.shown])
    sums = rows.values("person").annotate(
        all=Sum("seats"), behind=Sum("late"), standing=Sum("paused"), first=Min("oldest")
    )
    people = list(sums.order_by("-all", "person")[:MOST_PEOPLE])
    names = Person.objects.in_bulk([one["person"] for one in people])
    away = _away(names)
    most = max((one["all"] for one in people), default=0)
    table = [
        [
            name(names[one["person"]].name),
            number(one["all"], requests(selection, asked=names[one["person"]].email)),
            Cell("", drawn=charts.bar([one["all"] - one["behind"], one["behind"]], most)),
            number(one["behind"], requests(selection, asked=names[one["person"]].email, overdue="on")),
            _since(one["first"]),
            number(one["standing"]),
            Cell(_("away until {day}").format(day=away[one["person"]]))
            if one["person"] in away
            else Cell(""),
        ]
        for one in people
    ]
    columns = [
        Column(_("Person")),
        Column(_("Answers to give"), is_number=True),
        Column("", only_drawn=True),
        Column(_("Late"), is_number=True),
        Column(_("The oldest")),
        Column(_("Paused"), is_number=True),
        Column(_("Absence")),
    ]
    note = _(
        "Paused is what cannot go on until the requester has answered a question. It is not counted in the others."
    )
    return [Part(_("By person"), Table("people", _("What waits for whom"), columns, table), note=note)]


def _since(moment: datetime | None) -> Cell:
    if moment is None:
        return Cell("–", "")
    return Cell(moment_in_words(timezone.localtime(moment), timezone.localtime()), moment.isoformat())


def _away(people: Collection[int]) -> dict[int, str]:
    """Until when, of those who are."""
    now = timezone.now()
    absences = Absence.objects.filter(person__in=[*people], ended_at=None, until__gt=now)
    return {one.person_id: short_day(timezone.localdate(one.until)) for one in absences}


# --- trend ------------------------------------------------------------------------------------------------


def trend(selection: Selection) -> Sequence[Part]:
    started: dict[date, int] = defaultdict(int)
    ended: dict[date, int] = defaultdict(int)
    missed: dict[date, int] = defaultdict(int)
    for _process, day, count, late, ends in selection.sums("started", "missed", "ended"):
        monday = week_of(day)
        started[monday] += count
        missed[monday] += late
        ended[monday] += sum(ends.values())
    standings = selection.standings()
    open_now = sum(one.requests for one in standings)
    open_at = {}
    for monday in reversed(selection.weeks):
        open_at[monday] = open_now
        open_now += ended[monday] - started[monday]
    weeks, labels = selection.weeks, [short_day(monday) for monday in selection.weeks]
    lists = {
        when: {monday: of_week(selection, monday, when) for monday in weeks}
        for when in (STARTED, ENDED, MISSED, RAN)
    }
    flow = charts.columns(
        _("Requests that started and ended, by week"),
        labels,
        [
            charts.Series(
                _("started"), [started[monday] for monday in weeks], "quiet", [*lists[STARTED].values()]
            ),
            charts.Series(_("ended"), [ended[monday] for monday in weeks], links=[*lists[ENDED].values()]),
        ],
    )
    columns = [
        week_columns(),
        Column(_("Came in"), is_number=True),
        Column(_("Went out"), is_number=True),
        Column(_("Open at its end"), is_number=True),
        Column(_("Deadlines missed"), is_number=True),
    ]
    rows = [
        [
            week_cell(monday),
            number(started[monday], lists[STARTED][monday]),
            number(ended[monday], lists[ENDED][monday]),
            number(open_at[monday], lists[RAN][monday]),
            number(missed[monday], lists[MISSED][monday]),
        ]
        for monday in weeks
    ]
    flow_part = Part(_("In and out"), Table("weeks", _("Requests by week"), columns, rows), flow)
    late = sum(step["late"] for one in standings for step in one.steps.values())
    missed_chart = charts.columns(
        _("Deadlines that passed, by week"),
        labels,
        [charts.Series(_("missed"), [missed[monday] for monday in weeks], "warn", [*lists[MISSED].values()])],
    )
    missed_rows = [[week_cell(monday), number(missed[monday], lists[MISSED][monday])] for monday in weeks]
    missed_table = Table(
        "missed", _("Deadlines that passed, by week"), [week_columns(), columns[4]], missed_rows
    )
    note = _("Behind their deadline now: {n}").format(n=late)
    return [flow_part, Part(_("Deadlines missed"), missed_table, missed_chart, note), _ages(selection)]


def _days(low: int, high: int | None) -> str:
    if high is None:
        return _("{n} days and more").format(n=low)
    if not low:
        return ngettext("up to {n} day", "up to {n} days", high).format(n=high)
    return _("{low} to {high} days").format(low=low, high=high)


def _ages(selection: Selection) -> Part:
    ages = joined(one.ages for one in selection.standings())
    bounds = [*zip(_AGES, [*(low - 1 for low in _AGES[1:]), None], strict=True)]
    counts = [
        sum(count for days, count in ages.items() if low <= int(days) and (high is None or int(days) <= high))
        for low, high in bounds
    ]
    longest = max(counts, default=0)
    rows = [
        [
            Cell(_days(low, high)),
            number(count),
            Cell("", drawn=charts.bar([count], longest)),
        ]
        for (low, high), count in zip(bounds, counts, strict=True)
    ]
    columns = [Column(_("Age")), Column(_("Open requests"), is_number=True), Column("", only_drawn=True)]
    return Part(_("How old open requests are"), Table("ages", _("Age of open requests"), columns, rows))
