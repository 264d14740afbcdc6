"""Who holds things up now, and whether it gets worse."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from django.db.models import Min, Sum
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from placet.accounts.models import Person
from placet.accounts.person_figures import are_person_figures_shown
from placet.approvals.models import Absence
from placet.designer import request_now
from placet.designer.request_days import ENDED, MISSED, RAN, STARTED
from placet.portal.templatetags.pages import in_words as moment_in_words
from placet.reports import charts
from placet.reports.amounts import joined
from placet.reports.models import OpenSeats
from placet.reports.parts import Part, of_week, open_requests, short_day, week_cell, week_columns
from placet.reports.selection import Selection, week_of
from placet.reports.tables import Cell, Column, Table, name, number

MOST_PEOPLE = 200


def waiting(selection: Selection) -> Sequence[Part]:
    if not are_person_figures_shown():
        return []
    rows = OpenSeats.objects.all()
    if selection.process is not None or not selection.person.is_administrator:
        rows = rows.filter(process__in=[process.pk for process in selection.shown])
    sums = rows.values("person").annotate(
        all=Sum("seats"),
        behind=Sum("late"),
        standing=Sum("paused"),
        first=Min("oldest"),
        all_in=Sum("requests"),
        behind_in=Sum("late_requests"),
        standing_in=Sum("paused_requests"),
    )
    people = list(sums.order_by("-all", "person")[:MOST_PEOPLE])
    names = Person.objects.in_bulk([one["person"] for one in people])
    away = _away(names)
    most = max((one["all"] for one in people), default=0)
    table = [_person_row(selection, one, names[one["person"]], away, most) for one in people]
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


def _person_row(
    selection: Selection, sums: Mapping[str, Any], person: Person, away: Mapping[int, str], most: int
) -> list[Cell]:
    lists = {turn: open_requests(selection, asked=person.email, turn=turn) for turn in request_now.TURNS}
    return [
        name(person.name),
        number(sums["all"], lists[request_now.TO_ANSWER], sums["all_in"]),
        Cell("", drawn=charts.bar([sums["all"] - sums["behind"], sums["behind"]], most)),
        number(sums["behind"], lists[request_now.LATE], sums["behind_in"]),
        _since(sums["first"], lists[request_now.LONGEST]),
        number(sums["standing"], lists[request_now.PAUSED], sums["standing_in"]),
        Cell(_("away until {day}").format(day=away[person.pk])) if person.pk in away else Cell(""),
    ]


def _since(moment: datetime | None, link: str) -> Cell:
    if moment is None:
        return Cell("–", "")
    return Cell(moment_in_words(timezone.localtime(moment), timezone.localtime()), moment.isoformat(), link)


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
    note = _missed_note(selection, late)
    return [flow_part, Part(_("Deadlines missed"), missed_table, missed_chart, note), _ages(selection)]


def _missed_note(selection: Selection, late: int) -> SafeString:
    shown = format_html('<a href="{}">{}</a>', open_requests(selection, overdue="on"), late) if late else late
    return format_html(
        "{} {}",
        format_html(_("Steps behind their deadline now: {n}."), n=shown),
        _(
            "Deadlines are counted; what opens are the requests in which they passed. In one it may be several."
        ),
    )


def _ages(selection: Selection) -> Part:
    ages = joined(one.ages for one in selection.standings())
    bounds = request_now.ages()
    counts = [
        sum(count for days, count in ages.items() if low <= int(days) and (high is None or int(days) <= high))
        for low, high in bounds
    ]
    longest = max(counts, default=0)
    rows = [
        [
            Cell(request_now.age_in_words(low, high)),
            number(count, open_requests(selection, **{request_now.AGE: request_now.age_key(low, high)})),
            Cell("", drawn=charts.bar([count], longest)),
        ]
        for (low, high), count in zip(bounds, counts, strict=True)
    ]
    columns = [Column(_("Age")), Column(_("Open requests"), is_number=True), Column("", only_drawn=True)]
    return Part(_("How old open requests are"), Table("ages", _("Age of open requests"), columns, rows))
