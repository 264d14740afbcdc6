"""What a report is made of, and what several of them do alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from placet.designer import lengths, request_days, request_traits
from placet.designer.lengths import in_words
from placet.reports.amounts import Amounts, percentile
from placet.reports.selection import Selection
from placet.reports.tables import Cell, Column, Table

LONGEST_TABLE = 200  # rows on a page; its file has all


@dataclass(frozen=True)
class Part:
    """One figure of a report: a chart, or a picture, and the table behind it."""

    title: str
    table: Table
    chart: SafeString | None = None
    note: str | SafeString = ""
    is_picture: bool = False  # of a process, beside which the table stands open

    @property
    def rows(self) -> Sequence[Sequence[tuple[Cell, Column]]]:
        """Each cell with its column."""
        return [[*zip(row, self.table.columns, strict=True)] for row in self.table.rows[:LONGEST_TABLE]]

    @property
    def is_cut(self) -> bool:
        return len(self.table.rows) > LONGEST_TABLE


def open_requests(selection: Selection, **asked: str) -> str:
    """The list of open requests that a figure counts."""
    return _list(selection, {"state": "open", **asked})


def of_period(selection: Selection, when: str, **asked: str) -> str:
    """The list of requests that a figure of all days counts. `when`: what these did on them (`request_days`)."""
    return _of_days(selection, selection.first, selection.last, when, asked)


def of_week(selection: Selection, monday: date, when: str, **asked: str) -> str:
    """The same of a figure of one week: of those of its days that belong to the period."""
    sunday = monday + timedelta(days=6)
    return _of_days(selection, max(monday, selection.first), min(sunday, selection.last), when, asked)


def _of_days(selection: Selection, first: date, last: date, when: str, asked: Mapping[str, str]) -> str:
    days = {request_days.FROM: first.isoformat(), request_days.TO: last.isoformat()}
    return _list(selection, {**asked, **({request_days.WHEN: when} if when else {}), **days})


def _list(selection: Selection, asked: Mapping[str, str]) -> str:
    chosen = {"process": selection.process.key} if selection.process is not None else {}
    return f"{reverse('designer:requests')}?{urlencode({**chosen, **asked})}"


def short_day(day: date) -> str:
    """Of a week in a chart."""
    return date_format(day, pgettext("format of a day without its year", "j M"))


def week_columns() -> Column:
    return Column(_("Week of"))


def week_cell(day: date) -> Cell:
    return Cell(date_format(day, "DATE_FORMAT"), day.isoformat())


def minutes(value: int | None, link: str = "") -> Cell:
    """`link`: the list of what took that long."""
    return Cell(in_words(value), value if value is not None else "", link if value is not None else "")


def at_least(link: str, measured: str, value: int | None) -> str:
    """The list of those requests of another list in which something took so many minutes, or more: of half, the slower
    half. `measured`: `placet.designer.traits`."""
    slow = {request_traits.TIME: measured, request_traits.LEAST: lengths.entered(value or 0)}
    return f"{link}&{urlencode(slow)}"


def half_and_most_cells(amounts: Amounts, link: str, measured: str) -> list[Cell]:
    """`link`: the list of all of which it is said."""
    return [minutes(value, at_least(link, measured, value)) for value in half_and_most(amounts)]


def with_trait(link: str, trait: str) -> str:
    """The list of those requests of another list that have it."""
    return f"{link}&{urlencode({request_traits.TRAIT: trait})}"


def half_and_most(amounts: Amounts) -> tuple[int | None, int | None]:
    return percentile(amounts, 50), percentile(amounts, 85)


def add(into: dict[str, int], amounts: Mapping[str, int]) -> None:
    for key, count in amounts.items():
        into[key] = into.get(key, 0) + count
