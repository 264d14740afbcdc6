"""Tables of reports: as they stand on a page, and as CSV."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.safestring import SafeString
from django.utils.translation import ngettext

BOM = "\ufeff"  # by which Excel knows that it is UTF-8
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Cell:
    """`value`: as a program reads it, if that is not the text. `link`: the list that a figure counts. `note`: of what
    opens then, where it is not as many. `is_name`: what others wrote."""

    text: str
    value: str | int | None = None
    link: str = ""
    note: str = ""
    drawn: SafeString | None = None  # in place of the text, on the page alone
    is_name: bool = False

    @property
    def in_file(self) -> str:
        if isinstance(self.value, int):
            return str(self.value)
        return _no_formula(self.text if self.value is None else self.value)


@dataclass(frozen=True)
class Column:
    """`unit`: of the values in a file. `is_number`: stands at the right."""

    label: str
    unit: str = ""
    is_number: bool = False
    only_drawn: bool = False  # a bar of what other columns say

    @property
    def in_file(self) -> str:
        return _no_formula(f"{self.label} ({self.unit})" if self.unit else self.label)


@dataclass(frozen=True)
class Table:
    """`key`: in the address of its file."""

    key: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]

    def as_csv(self) -> str:
        written = io.StringIO()
        kept = [at for at, column in enumerate(self.columns) if not column.only_drawn]
        rows = csv.writer(written)
        rows.writerow([self.columns[at].in_file for at in kept])
        rows.writerows([[row[at].in_file for at in kept] for row in self.rows])
        return BOM + written.getvalue()


def name(text: str, link: str = "") -> Cell:
    return Cell(text, link=link, is_name=True)


def number(value: int, link: str = "", requests: int | None = None) -> Cell:
    """`requests`: in how many it was counted, where it counts something else."""
    note = "" if requests is None or requests == value else in_requests(requests)
    return Cell(str(value), value, link if value else "", note if value else "")


def in_requests(number: int) -> str:
    return ngettext("in {n} request", "in {n} requests", number).format(n=number)


def _no_formula(text: str) -> str:
    """A program that opens the file must not reckon what somebody wrote."""
    return f"'{text}" if text.startswith(_FORMULA) else text
