"""Authority tables as CSV files: whatever a spreadsheet writes is read; what is written opens in one.

The first line names the columns: `cost_centre`, `amount:number`, and `ask` for who is asked. A table without that
column is a list: fields of forms take their options from it, and its cells say what stands there and match nothing.
Problems are said in the language that is active."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from placet.accounts.people_csv import LARGEST, FileInvalid, decoded, plain, shape, written_rows
from placet.approvals.authority_cells import (
    ASK,
    LONGEST_CELL,
    NUMBER,
    TEXT,
    CellInvalid,
    Column,
    entries_of_cell,
    match_of,
    matched_columns,
    read_number,
)

MOST_ROWS = 5000
MOST_OF_A_LIST = 20_000
MOST_COLUMNS = 10
_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}", re.ASCII)


class TableInvalid(ValueError):
    """A file cannot be published as a table. `problems` has a sentence for each thing to change."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = list(problems)


def is_list(columns: Sequence[Column]) -> bool:
    return all(column.kind != ASK for column in columns)


@dataclass(frozen=True)
class Rows:
    """What a table holds."""

    columns: Sequence[Column]
    cells: Sequence[Sequence[str]]  # row by row, in the order of the columns
    lines: Sequence[int] = ()  # of the file, where each row begins; empty if it is from none

    @property
    def is_list(self) -> bool:
        """Whether it says nothing of who is asked."""
        return is_list(self.columns)

    def where(self, row: int) -> str:
        """`row`: counted from 0."""
        if self.lines:
            return _("line {number}").format(number=self.lines[row])
        return _("row {number}").format(number=row + 1)


def read(content: bytes) -> Rows:
    """A table that is sound cell by cell, or TableInvalid with every problem."""
    if len(content) > LARGEST:
        raise TableInvalid([_("This file is larger than 2 MB.")])
    try:
        text = decoded(content)
    except FileInvalid as error:
        raise TableInvalid([str(error)]) from error
    start, delimiter = shape(text, lambda heading: column_of(heading) is not None)
    reader = csv.reader(io.StringIO(text[start:], newline=""), delimiter=delimiter, strict=True)
    try:
        return _rows(reader, text[:start].count("\n"))
    except csv.Error as error:
        sentence = _("This is not a whole CSV file, from line {number} on: {error}.")
        raise TableInvalid([sentence.format(number=reader.line_num, error=error)]) from error


def _rows(reader: Any, skipped: int) -> Rows:
    """`skipped`: lines of the file before those that the reader has."""
    headings: list[str] = next((row for row in reader if any(cell.strip() for cell in row)), [])
    while headings and not headings[-1].strip():  # spreadsheets write empty columns on the right
        headings.pop()
    columns = _columns(headings)
    cells: list[list[str]] = []
    lines: list[int] = []
    problems: list[str] = []
    before = reader.line_num
    for row in reader:
        line, before = skipped + before + 1, reader.line_num
        if not any(cell.strip() for cell in row):
            continue
        most = MOST_OF_A_LIST if is_list(columns) else MOST_ROWS
        if len(cells) == most:
            raise TableInvalid([*problems, _("There are more than {most} rows.").format(most=most)])
        if any(cell.strip() for cell in row[len(columns) :]):
            problems.append(_("line {number}: it has more cells than there are headings").format(number=line))
        filled = [plain(cell) for cell in row[: len(columns)]] + [""] * (len(columns) - len(row))
        where = _("line {number}").format(number=line)
        problems += [f"{where}: {problem}" for problem in row_problems(columns, filled)]
        cells.append(filled)
        lines.append(line)
    if not cells:
        problems.append(_("There are no rows, only headings."))
    if problems:
        raise TableInvalid(problems)
    return Rows(columns, cells, lines)


def _columns(headings: Sequence[str]) -> list[Column]:
    problems = [
        _("“{heading}” names no column").format(heading=heading.strip())
        for heading in headings
        if column_of(heading) is None
    ]
    columns = [column for column in map(column_of, headings) if column is not None]
    names = [column.name for column in columns]
    problems += [
        _("two columns are called {name}").format(name=name)
        for name in sorted({n for n in names if names.count(n) > 1})
    ]
    if problems:
        sentence = _(
            "The first line names columns in a-z, 0-9 and _: cost_centre, amount:{number}, {ask} (who is asked)."
        )
        problems.append(sentence.format(number=NUMBER, ask=ASK))
    elif not columns:
        problems.append(_("The first line names no column."))
    elif not matched_columns(columns):
        problems.append(_("There is no column but {ask}; a group does the same.").format(ask=ASK))
    if len(columns) > MOST_COLUMNS:
        problems.append(_("There are more than {most} columns.").format(most=MOST_COLUMNS))
    if problems:
        raise TableInvalid(problems)
    return columns


def column_of(heading: str) -> Column | None:
    """What a heading names: “amount:number”. None if it names no column."""
    name, _colon, kind = (part.strip() for part in heading.strip().strip('"').casefold().partition(":"))
    if not _NAME.fullmatch(name) or kind not in ("", TEXT, NUMBER, ASK) or (kind == ASK) > (name == ASK):
        return None
    if name == ASK:
        return Column(ASK, ASK) if kind in ("", ASK) else None
    return Column(name, kind or TEXT)


def row_problems(columns: Sequence[Column], cells: Sequence[str]) -> Iterator[str]:
    in_a_list = is_list(columns)
    problems = (
        cell_problem(column, cell, in_a_list=in_a_list) for column, cell in zip(columns, cells, strict=True)
    )
    return filter(None, problems)


def cell_problem(column: Column, cell: str, *, in_a_list: bool) -> str:
    """Why a cell cannot be published, after the name of its column; "" where it can."""
    if len(cell) > LONGEST_CELL:
        sentence = _("{column}: the cell has more than {most} characters")
        return sentence.format(column=column.name, most=LONGEST_CELL)
    if not cell.isprintable():
        return _("{column}: a cell is one line of plain text").format(column=column.name)
    try:
        _must_be_read(column, cell, in_a_list=in_a_list)
    except CellInvalid as error:
        return f"{column.name}: {error}"
    return ""


def _must_be_read(column: Column, cell: str, *, in_a_list: bool) -> None:
    if column.kind == ASK:
        entries_of_cell(cell)
    elif not in_a_list:
        match_of(column, cell)
    elif column.kind == NUMBER and cell.strip():
        read_number(cell)


def written(rows: Rows) -> bytes:
    """A file that `read` reads as the same."""
    return written_rows([[column.heading for column in rows.columns], *rows.cells])


def columns_as_json(columns: Sequence[Column]) -> list[dict[str, str]]:
    return [{"name": column.name, "kind": column.kind} for column in columns]


def columns_from_json(columns: Sequence[Mapping[str, str]]) -> list[Column]:
    return [Column(**column) for column in columns]
