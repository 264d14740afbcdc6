"""What the fields of a form offer to choose from: options that hang on other fields, and rows of tables."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from placet.approvals.authority import newest, rows_of
from placet.approvals.authority_cells import ANY
from placet.approvals.authority_csv import Rows
from placet.approvals.field_types import type_of
from placet.approvals.form_listing import Listing
from placet.approvals.form_parts import FormField, Input, OptionsFrom

_Input = TypeVar("_Input", bound=Input)


class Lists:
    """Tables that options come from, in their newest versions, each read once."""

    def __init__(self) -> None:
        self._tables: dict[str, tuple[int, Rows] | None] = {}
        self._listings: dict[tuple[OptionsFrom, bool], Listing] = {}

    def offering(self, one: _Input, held: Any = None) -> _Input:
        """The same field with what its table offers, and a table of the form with what its columns offer. `held`: what
        is stored of the field already."""
        if one.source is not None and one.source.table is not None:
            return one.with_listing(
                self._listing(one, one.source, held if isinstance(held, list) else [held])
            )
        if isinstance(one, FormField) and any(column.source is not None for column in one.columns or ()):
            columns = [
                self.offering(column, [row.get(column.name) for row in held or ()])
                for column in one.columns or ()
            ]
            return one.model_copy(update={"columns": tuple(columns)})
        return one

    def _listing(self, one: Input, source: OptionsFrom, held: Iterable[Any]) -> Listing:
        kept = {value["key"]: value for value in held if isinstance(value, Mapping)}
        with_keys = one.type == "cost_centre"
        if (source, with_keys) not in self._listings:
            self._listings[source, with_keys] = self._looked_up(source, with_keys=with_keys)
        found = self._listings[source, with_keys]
        return replace(found, held=kept) if kept else found

    def _looked_up(self, source: OptionsFrom, *, with_keys: bool) -> Listing:
        assert source.table is not None
        table = self._table(source.table)
        if table is None:
            return Listing()
        number, rows = table
        names = rows_offered(rows, source)
        return Listing(_labels(names, with_keys=with_keys), names, number)

    def _table(self, key: str) -> tuple[int, Rows] | None:
        if key not in self._tables:
            version = newest(key)
            self._tables[key] = None if version is None else (version.number, rows_of(version))
        return self._tables[key]


def rows_offered(rows: Rows, source: OptionsFrom) -> dict[str, str]:
    """What stands in a column, each once, with what it is called; the first row counts. Nothing where the table has no
    such columns."""
    at = {column.name: number for number, column in enumerate(rows.columns)}
    if not at.keys() >= {*source.columns}:
        return {}
    column, label = at[source.column], at[source.label or source.column]
    offered: dict[str, str] = {}
    for cells in rows.cells:
        for key in [cells[column].strip()] if rows.is_list else _texts(cells[column]):
            if key:
                offered.setdefault(key, cells[label].strip() if source.label else key)
    return offered


def _texts(cell: str) -> list[str]:
    """The texts that a cell of an authority table matches, if it names them."""
    cell = cell.strip()
    if cell.startswith("="):
        return [cell[1:].strip()]
    return [text.strip() for text in cell.split(",") if text.strip() != ANY]


def _labels(names: Mapping[str, str], *, with_keys: bool) -> dict[str, str]:
    """No two are called the same, so that whoever reads one knows which it is."""
    if with_keys:
        return {key: f"{key} – {name}" if name and name != key else key for key, name in names.items()}
    often = Counter(names.values())
    return {
        key: (name or key) if often[name] == 1 or name == key else f"{name} ({key})".strip()
        for key, name in names.items()
    }


def rows_of_form(table: FormField, column: str, rows: Iterable[Mapping[str, Any]]) -> Listing:
    """What was entered in a column of a table of the form."""
    [one] = (one for one in table.columns or () if one.name == column)
    kind = type_of(one)
    values = (row[column] for row in rows if row.get(column) is not None)
    return Listing({str(kind.seen(value, one)): kind.text(value, one) for value in values})


def with_options_that(one: FormField, holds: Callable[[str], bool]) -> FormField:
    """The same field with those of its options whose condition holds."""
    if not one.has_dependent_options:
        return one
    options = tuple(option for option in one.options or () if option.only is None or holds(option.only))
    return one.model_copy(update={"options": options})
