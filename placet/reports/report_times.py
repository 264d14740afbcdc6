"""How long requests take, and where they stick."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from placet.approvals.definitions import Definition, definition_of
from placet.approvals.picture import drawing_of
from placet.approvals.processes import newest
from placet.designer.request_days import ENDED
from placet.reports import charts
from placet.reports.amounts import in_words, percent, percentile
from placet.reports.parts import (
    Part,
    add,
    half_and_most,
    minutes,
    of_period,
    of_week,
    requests,
    short_day,
    week_cell,
    week_columns,
)
from placet.reports.selection import Selection, week_of
from placet.reports.tables import Cell, Column, Table, name, number

Both = dict[str, dict[str, int]]


def _both() -> Both:
    return {"worked": {}, "all": {}}


def durations(selection: Selection) -> Sequence[Part]:
    weeks: dict[date, Both] = defaultdict(_both)
    processes: dict[int, Both] = defaultdict(_both)
    for process, day, counted in selection.sums("durations"):
        for kind in ("worked", "all"):
            add(weeks[week_of(day)][kind], counted[kind])
            add(processes[process][kind], counted[kind])
    by_week = [weeks[monday] for monday in selection.weeks]
    labels = [short_day(monday) for monday in selection.weeks]
    lists = [of_week(selection, monday, ENDED, state="ended") for monday in selection.weeks]
    chart = charts.lines(
        _("Working time from start to end, by week"),
        labels,
        [
            charts.Series(
                _("half took at most"), [percentile(week["worked"], 50) for week in by_week], links=lists
            ),
            charts.Series(
                _("85\u00a0% took at most"),
                [percentile(week["worked"], 85) for week in by_week],
                "warn",
                lists,
            ),
        ],
        in_words,
        in_minutes=True,
    )
    rows = [
        [week_cell(monday), *_durations(weeks[monday], link)]
        for monday, link in zip(selection.weeks, lists, strict=True)
    ]
    parts = [
        Part(_("By week"), Table("weeks", _("Durations by week"), [week_columns(), *_columns()], rows), chart)
    ]
    by_process = [
        [name(selection.names[key]), *_durations(both, of_period(selection.of(key), ENDED, state="ended"))]
        for key, both in sorted(processes.items(), key=lambda one: selection.names.get(one[0], ""))
        if key in selection.names and both["all"]
    ]
    columns = [Column(_("Process")), *_columns()]
    return [*parts, Part(_("By process"), Table("processes", _("Durations by process"), columns, by_process))]


def _columns() -> list[Column]:
    return [
        Column(_("Requests that ended"), is_number=True),
        Column(_("Working time: half"), _("minutes"), is_number=True),
        Column(_("Working time: 85\u00a0%"), _("minutes"), is_number=True),
        Column(_("Calendar time: half"), _("minutes"), is_number=True),
        Column(_("Calendar time: 85\u00a0%"), _("minutes"), is_number=True),
    ]


def _durations(both: Both, link: str) -> list[Cell]:
    """`link`: the list of those that it is about."""
    worked, whole = half_and_most(both["worked"]), half_and_most(both["all"])
    return [number(sum(both["all"].values()), link), *(minutes(value) for value in (*worked, *whole))]


# --- steps ------------------------------------------------------------------------------------------------


def steps(selection: Selection) -> Sequence[Part]:
    """Of one process: its steps are others than those of any other."""
    process = selection.process or next(iter(selection.processes), None)
    if process is None:
        return []
    selection = selection.of(process.pk)
    counted: dict[str, dict[str, Any]] = defaultdict(lambda: {**_both(), **dict.fromkeys(_COUNTS, 0)})
    for _process, _day, sums in selection.sums("steps"):
        for key, step in sums.items():
            for kind in ("worked", "all"):
                add(counted[key][kind], step[kind])
            for kind in _COUNTS:
                counted[key][kind] += step[kind]
    now: Mapping[str, Mapping[str, int]] = next((one.steps for one in selection.standings()), {})
    version = newest(process)
    definition = definition_of(version) if version is not None else None
    order = [*definition.steps] if definition is not None else []
    keys = sorted(
        {*counted, *now} & ({*order} or {*counted, *now}), key=lambda key: order.index(key) if order else 0
    )
    whole = sum(counted[key]["minutes"] for key in keys)
    shares = {key: counted[key]["minutes"] / whole if whole else 0.0 for key in keys}
    rows = [_step_row(selection, key, counted[key], now.get(key, {}), shares, definition) for key in keys]
    table = Table("steps", _("Waiting by step"), _step_columns(), rows)
    return [Part(process.name, table, _heat_map(definition, counted, shares), is_picture=True)]


def _heat_map(
    definition: Definition | None, counted: Mapping[str, Mapping[str, Any]], shares: Mapping[str, float]
) -> SafeString | None:
    """The newest version, the warmer the more of all waiting is a step's."""
    heat = {key: share for key, share in shares.items() if counted[key]["visits"]}
    if definition is None or not heat:
        return None
    figures = {
        key: _("{share}, half in {amount}").format(
            share=percent(round(100 * share)), amount=in_words(percentile(counted[key]["worked"], 50))
        )
        for key, share in heat.items()
    }
    return drawing_of(definition, heat=heat, figures=figures)


_COUNTS = ("visits", "minutes", "asked_back", "late", "stuck")


def _step_columns() -> list[Column]:
    return [
        Column(_("Step")),
        Column(_("Share of all waiting"), _("per cent"), is_number=True),
        Column("", only_drawn=True),
        Column(_("Half waited at most"), _("minutes"), is_number=True),
        Column(_("85\u00a0% waited at most"), _("minutes"), is_number=True),
        Column(_("Times"), is_number=True),
        Column(_("Late"), is_number=True),
        Column(pgettext("step", "Stuck"), is_number=True),
        Column(_("Questions back"), is_number=True),
        Column(_("Open now"), is_number=True),
        Column(_("Stuck now"), is_number=True),
    ]


def _step_row(
    selection: Selection,
    key: str,
    counted: Mapping[str, Any],
    now: Mapping[str, int],
    shares: Mapping[str, float],
    definition: Definition | None,
) -> list[Cell]:
    half, most = half_and_most(counted["worked"])
    part = round(100 * shares[key])
    return [
        name(
            definition.steps[key].name
            if definition is not None and hasattr(definition.steps[key], "name")
            else key
        ),
        Cell(percent(part), part),
        Cell("", drawn=charts.bar([round(1000 * shares[key])], 1000)),
        minutes(half),
        minutes(most),
        number(counted["visits"]),
        number(counted["late"]),
        number(counted["stuck"]),
        number(counted["asked_back"]),
        number(now.get("open", 0), requests(selection, step=key)),
        number(now.get("stuck", 0)),
    ]
