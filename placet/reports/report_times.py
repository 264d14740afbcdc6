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
from placet.designer.lengths import in_words
from placet.designer.request_days import ENDED
from placet.designer.request_now import STUCK, TROUBLE
from placet.designer.traits import CALENDAR, OF_STEPS, WAITED, WORKED, of_step
from placet.reports import charts
from placet.reports.amounts import percent, percentile
from placet.reports.parts import (
    Part,
    add,
    at_least,
    half_and_most_cells,
    of_period,
    of_week,
    open_requests,
    short_day,
    week_cell,
    week_columns,
    with_trait,
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
    half, most = ([percentile(week["worked"], share) for week in by_week] for share in (50, 85))
    chart = charts.lines(
        _("Working time from start to end, by week"),
        labels,
        [
            charts.Series(_("half took at most"), half, links=_slower(lists, half)),
            charts.Series(_("85\u00a0% took at most"), most, "warn", _slower(lists, most)),
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


def _slower(lists: Sequence[str], amounts: Sequence[int | None]) -> list[str]:
    return [at_least(link, WORKED, amount) for link, amount in zip(lists, amounts, strict=True)]


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
    return [
        number(sum(both["all"].values()), link),
        *half_and_most_cells(both["worked"], link, WORKED),
        *half_and_most_cells(both["all"], link, CALENDAR),
    ]


# --- steps ------------------------------------------------------------------------------------------------


def steps(selection: Selection) -> Sequence[Part]:
    """Of one process: its steps are others than those of any other."""
    process = selection.process or next(iter(selection.processes), None)
    if process is None:
        return []
    selection = selection.of(process.pk)
    counted: dict[str, dict[str, Any]] = defaultdict(lambda: {**_both(), **dict.fromkeys(_COUNTS, 0)})
    requests: dict[str, int] = {}  # by trait
    for _process, _day, sums, held in selection.sums("steps", "requests"):
        add(requests, held)
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
    rows = [
        _step_row(selection, key, counted[key], now.get(key, {}), shares, definition, requests)
        for key in keys
    ]
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
    requests: Mapping[str, int],
) -> list[Cell]:
    ended, now_in_step = of_period(selection, ENDED), open_requests(selection, step=key)
    part = round(100 * shares[key])
    return [
        name(
            definition.steps[key].name
            if definition is not None and hasattr(definition.steps[key], "name")
            else key
        ),
        Cell(percent(part), part),
        Cell("", drawn=charts.bar([round(1000 * shares[key])], 1000)),
        *half_and_most_cells(counted["worked"], ended, of_step(WAITED, key)),
        *(
            number(counted[sums], with_trait(ended, of_step(kind, key)), requests.get(of_step(kind, key), 0))
            for kind, sums in OF_STEPS.items()
        ),
        number(now.get("open", 0), now_in_step, now.get("open_in")),
        number(
            now.get("stuck", 0), open_requests(selection, step=key, **{TROUBLE: STUCK}), now.get("stuck_in")
        ),
    ]
