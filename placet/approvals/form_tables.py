"""Tables of a form: rows of small fields, what is computed in them, and what they come to."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from graphlib import TopologicalSorter
from typing import Any, ClassVar

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from placet.approvals.field_types import FieldType, currency_seen, is_entered, sample_of, type_of
from placet.approvals.form_computed import cannot_be_computed, computed_value, please
from placet.approvals.form_numbers import plain
from placet.approvals.form_parts import MOST_ROWS, Column, FormField, Input, Total
from placet.lib.conditions import ConditionError, names_in, value_of

_BLANK_ROWS = 50  # between the others; whoever sends more sends no form of ours
_COUNTED = Column(name="rows", label="rows", type="number")
SUMMED = ("money", "number", "percent")


class CellsInvalid(ValueError):
    """Some cells do not fit: a sentence for each, by the number of its row and its column ("2.price"). `rows`: those in
    which everything does."""

    def __init__(self, errors: Mapping[str, str], rows: Sequence[dict[str, Any]]) -> None:
        super().__init__("; ".join(f"{where}: {error}" for where, error in errors.items()))
        self.errors, self.rows = dict(errors), list(rows)


class Table(FieldType):
    """A list of rows, each with every column by its name; None where nothing stands."""

    empty: ClassVar[Any] = []

    def read(self, entered: Any, field: Input) -> list[dict[str, Any]] | None:
        assert isinstance(field, FormField)
        given = entered if isinstance(entered, list | tuple) else [entered]
        if len(given) > MOST_ROWS + _BLANK_ROWS or not all(isinstance(row, Mapping) for row in given):
            raise ValueError(_("Please fill in rows, at most {number}.").format(number=MOST_ROWS))
        errors: dict[str, str] = {}
        rows: dict[int, dict[str, Any]] = {}
        for number, entered_row in enumerate(given, start=1):
            if is_filled_row(field, entered_row):
                rows[number], wrong = read_row(field, entered_row)
                errors |= {f"{number}.{name}": said for name, said in wrong.items()}
        if not errors:
            errors.update(_twice(field, rows))
        if errors:
            wrong_rows = {int(where.partition(".")[0]) for where in errors}
            raise CellsInvalid(errors, [row for number, row in rows.items() if number not in wrong_rows])
        _must_be_so_many(field, len(rows))
        _must_be_summable(field, list(rows.values()))
        return list(rows.values()) or None

    def seen(self, value: Any, field: Input) -> list[dict[str, Any]]:
        assert isinstance(field, FormField)
        return [seen_row(field, row) for row in value]

    def text(self, value: Any, field: Input) -> str:
        assert isinstance(field, FormField)
        return shown_table(field, value, as_read=False).text

    def as_read(self, value: Any, field: Input) -> str:
        assert isinstance(field, FormField)
        return shown_table(field, value, as_read=True).text

    def typed(self, value: Any, field: Input) -> list[dict[str, Any]]:
        assert isinstance(field, FormField)
        columns = field.columns or ()
        return [
            {one.name: type_of(one).typed(row[one.name], one) for one in columns if row[one.name] is not None}
            for row in value
        ]

    def words(self, value: Any, field: Input) -> list[str]:
        assert isinstance(field, FormField)
        return [
            word
            for row in value
            for one in field.columns or ()
            if row[one.name] is not None
            for word in type_of(one).words(row[one.name], one)
        ]


def is_filled_row(field: FormField, row: Mapping[str, Any]) -> bool:
    """Whether anything was entered in it; what is computed or stands in every row by itself is not."""
    return any(is_entered(row.get(one.name), one) for one in field.columns or () if one.computed is None)


def read_row(field: FormField, entered: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """What is kept of a row, and what does not fit, by column. Of one with a slip nothing is computed."""
    row: dict[str, Any] = {one.name: None for one in field.columns or ()}
    errors = {name: _("This table has no such column.") for name in entered.keys() - row.keys()}
    for one in field.columns or ():
        if one.computed is not None:
            continue
        value = entered.get(one.name)
        if not is_entered(value, one):
            row[one.name] = False if one.type == "yes_no" else None
            if one.required:
                errors[one.name] = please(one)
            continue
        try:
            row[one.name] = type_of(one).read(value, one)
        except ValueError as error:
            errors[one.name] = str(error)
    if not errors:
        errors = _compute(field, row)
    return row, errors


def _compute(field: FormField, row: dict[str, Any]) -> dict[str, str]:
    errors: dict[str, str] = {}
    for one in computed_in_order(field):
        assert one.computed is not None
        try:
            row[one.name] = computed_value(one, value_of(one.computed, seen_row(field, row)))
        except ConditionError:
            errors[one.name] = cannot_be_computed()
        except ValueError as error:
            errors[one.name] = str(error)
    return errors


def computed_in_order(field: FormField) -> list[Column]:
    """The computed columns, each behind those that it depends on; or graphlib.CycleError."""
    columns = {one.name: one for one in field.columns or () if one.computed is not None}
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for one in columns.values():
        sorter.add(one.name, *sorted(names_in(one.computed or "") & columns.keys()))
    return [columns[name] for name in sorter.static_order()]


def seen_row(field: FormField, row: Mapping[str, Any]) -> dict[str, Any]:
    """As conditions see it."""
    seen: dict[str, Any] = {}
    for one in field.columns or ():
        value = row.get(one.name)
        seen[one.name] = type_of(one).empty if value is None else type_of(one).seen(value, one)
        seen |= currency_seen(one.name, one, value)
    return seen


def sample_row(field: FormField) -> dict[str, Any]:
    return {one.name: sample_of(one) for one in field.columns or ()}


def _twice(field: FormField, rows: Mapping[int, Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """What stands in the column that has to be unique, and in an earlier row too."""
    if field.unique is None:
        return
    column = next(one for one in field.columns or () if one.name == field.unique)
    first: dict[str, int] = {}
    for number, row in rows.items():
        if row[column.name] is None:
            continue
        value = type_of(column).text(row[column.name], column).casefold()
        if first.setdefault(value, number) != number:
            said = _("This stands in row {number} already; here it may stand only once.")
            yield f"{number}.{column.name}", said.format(number=first[value])


def _must_be_so_many(field: FormField, number: int) -> None:
    least, most = least_rows(field), most_rows(field)
    if number > most:
        said = ngettext("At most {number} row, please.", "At most {number} rows, please.", most)
        raise ValueError(said.format(number=most))
    if 0 < number < least:
        said = ngettext("At least {number} row, please.", "At least {number} rows, please.", least)
        raise ValueError(said.format(number=least))


def _must_be_summable(field: FormField, rows: Sequence[Mapping[str, Any]]) -> None:
    """ValueError where a total would be of amounts in several currencies."""
    for total in field.totals or ():
        mixed = sorted(_currencies(field, total, rows))
        if len(mixed) > 1:
            said = _(
                "“{total}” cannot be reckoned: there are amounts in {currencies}. Write all of them in one currency."
            )
            raise ValueError(said.format(total=total.label, currencies=", ".join(mixed)))


def _currencies(field: FormField, total: Total, rows: Sequence[Mapping[str, Any]]) -> set[str]:
    """Those of the amounts that a total is made of; none for what is only counted."""
    column = column_of(field, total)
    if total.count is not None or column.type != "money":
        return set()
    return {row[column.name]["currency"] for row in rows if row.get(column.name) is not None}


def in_several_currencies(field: FormField, total: Total, rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a total cannot be reckoned because of that."""
    return len(_currencies(field, total, rows)) > 1


def least_rows(field: FormField) -> int:
    return int(field.min or 0)


def most_rows(field: FormField) -> int:
    return MOST_ROWS if field.max is None else int(field.max)


# --- totals -----------------------------------------------------------------------------------------------


def column_of(field: FormField, total: Total) -> Column:
    """What a total is shown as: as a value of its column, or as a number."""
    if total.count is not None:
        return _COUNTED
    summed = (one for one in field.columns or () if one.name == total.of and one.type in SUMMED)
    return next(summed, _COUNTED)


def totals_of(field: FormField, rows: Sequence[Mapping[str, Any]] | None) -> dict[str, Any]:
    """What each total comes to, as values of its column are kept; None for the least or most of nothing, and for
    amounts in several currencies."""
    return {total.name: _total(field, total, rows or ()) for total in field.totals or ()}


def _total(field: FormField, total: Total, rows: Sequence[Mapping[str, Any]]) -> Any:
    if total.count is not None:
        return len(rows) if total.count is True else sum(_counts(row[total.count]) for row in rows)
    column = column_of(field, total)
    values = [row[column.name] for row in rows if row.get(column.name) is not None]
    if column.type == "money":
        currencies = _currencies(field, total, rows) or {column.main_currency}
        minor = [value["minor"] for value in values]
        came_to = sum(minor) if total.sum else _extreme(total, minor)
        return (
            None
            if came_to is None or len(currencies) > 1
            else {"minor": came_to, "currency": currencies.pop()}
        )
    if not total.sum:
        return _extreme(total, values)
    return plain(sum((Decimal(str(value)) for value in values), Decimal()))


def _counts(value: Any) -> bool:
    return value is not None and value is not False


def _extreme(total: Total, values: Sequence[Any]) -> Any:
    return (min(values) if total.min else max(values)) if values else None


def seen_totals(field: FormField, rows: Sequence[Mapping[str, Any]] | None) -> dict[str, Any]:
    """As conditions see them."""
    found = totals_of(field, rows)
    columns = {total.name: column_of(field, total) for total in field.totals or ()}
    seen: dict[str, Any] = {}
    for name, column in columns.items():
        value = found[name]
        seen[name] = type_of(column).empty if value is None else type_of(column).seen(value, column)
        seen |= currency_seen(name, column, value)
    return seen


# --- how it is shown --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ShownCell:
    text: str
    label: str
    named: str
    numeric: bool


@dataclass(frozen=True)
class ShownTable:
    """The cells of a table as texts."""

    columns: Sequence[str]
    numeric: Sequence[bool]  # columns whose values stand below each other by their ends
    rows: Sequence[Sequence[str]]
    totals: Sequence[tuple[str, str]]  # label and text
    names: Sequence[str] = ()  # of the columns, where they stand before each value

    @property
    def text(self) -> str:
        lines = [" · ".join(cell or "–" for cell in row) for row in self.rows]
        return "\n".join([*lines, *(f"{label}: {text}" for label, text in self.totals)])

    def written(self, text: Callable[[str], str], named: Callable[[str], str]) -> "ShownTable":
        """The same with each text written in another way, and what a label is before a value."""
        rows = [[text(cell) for cell in row] for row in self.rows]
        totals = [(label, text(one)) for label, one in self.totals]
        return replace(self, rows=rows, totals=totals, names=[named(label) for label in self.columns])

    @property
    def head(self) -> list[tuple[str, bool]]:
        return list(zip(self.columns, self.numeric, strict=True))

    @property
    def lines(self) -> list[list[ShownCell]]:
        """Each cell with its label, for narrow windows, where a row is a block of lines."""
        names = self.names or self.columns
        return [
            [ShownCell(*cell) for cell in zip(row, self.columns, names, self.numeric, strict=True)]
            for row in self.rows
        ]

    @property
    def sealed(self) -> list[Any]:
        """Every cell by itself, however the text runs them together."""
        return [list(self.columns), [list(row) for row in self.rows], [list(total) for total in self.totals]]

    @property
    def glance(self) -> str:
        """The whole of it in a few words, as the reader reads it."""
        number = ngettext("{n} row", "{n} rows", len(self.rows)).format(n=len(self.rows))
        return " · ".join([number, *(f"{label}: {text}" for label, text in self.totals)])


def shown_table(field: FormField, rows: Sequence[Mapping[str, Any]], *, as_read: bool) -> ShownTable:
    columns = field.columns or ()
    totals = totals_of(field, rows)
    return ShownTable(
        [one.label for one in columns],
        [one.type in SUMMED for one in columns],
        [[_text(one, row[one.name], as_read=as_read) for one in columns] for row in rows],
        [
            (total.label, _text(column_of(field, total), totals[total.name], as_read=as_read))
            for total in field.totals or ()
        ],
    )


def _text(column: Input, value: Any, *, as_read: bool) -> str:
    if value is None:
        return ""
    return type_of(column).as_read(value, column) if as_read else type_of(column).text(value, column)
