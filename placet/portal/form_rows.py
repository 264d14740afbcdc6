"""The form of a request as its page shows it, and what was typed into it."""

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from placet.approvals.definitions import Definition
from placet.approvals.field_types import MOST_PEOPLE, is_entered, longest_of, most_files, size_as_read
from placet.approvals.form_checks import MOST_PARTS
from placet.approvals.form_logic import NO_FILES, TODAY, Files, Filled, Standing, names_looked_at, sections_of
from placet.approvals.form_numbers import amount_and_currency, minor_digits
from placet.approvals.form_parts import (
    LARGEST_FILE,
    MB,
    MOST_ROWS,
    Column,
    FormField,
    FormPart,
    Input,
    Section,
    TextBlock,
)
from placet.approvals.form_tables import (
    column_of,
    in_several_currencies,
    is_filled_row,
    least_rows,
    most_rows,
    read_row,
    totals_of,
)
from placet.approvals.form_types import type_of
from placet.lib.canonical import digest

PREFIX = "f-"  # keeps a process's field names apart from ours
MOST_IN_A_LIST = 60  # rows of a table that a list or boxes show; more are looked for while somebody types
MOST_IN_A_CELL = 20  # of the same in a table, which has them in each of its rows
MOST_RADIOS = 6  # options that are all shown; more are in a list that opens
SPARE_LINES = 2  # empty ones below what was entered
ADD_ROW, REMOVE_ROW = "add-row", "remove-row"  # what buttons of a table do
SHOWN, HIDDEN, FIXED = "shown", "hidden", "fixed"  # how a row stands on the page
_ROWS = re.compile("[0-9]{1,3}")
_NUMBER = re.compile("[0-9]{1,9}")
_SHAPES = {
    "table": "table",
    "long_text": "lines",
    "exact_text": "lines",
    "yes_no": "tick",
    "files": "files",
    "choices": "ticks",
    "period": "period",
    "person": "person",
    "people": "people",
}  # of an input; others are a line
_INPUT_TYPES = {"date": "date", "time": "time", "date_time": "datetime-local"}
_INPUT_MODES = {
    "money": "decimal",
    "number": "decimal",
    "percent": "decimal",
    "email": "email",
    "phone": "tel",
    "url": "url",
}


@dataclass(frozen=True)
class KeptFile:
    """A file that is already with the form. `removed`: one of those that the request has, which is to go."""

    id: str
    name: str
    size: str
    removed: bool = False


@dataclass(frozen=True)
class Offered:
    """One option as it is shown."""

    id: str
    value: str
    label: str
    chosen: bool


@dataclass(frozen=True)
class Heading:
    """A part of the form that nothing is entered in."""

    key: str
    part: Section | TextBlock
    shown: bool
    depends: bool  # on what is entered

    @property
    def name(self) -> str:
        return PREFIX + self.key

    @property
    def shape(self) -> str:
        return self.part.type

    @property
    def state(self) -> str:
        return _state(self.key, SHOWN if self.shown else HIDDEN)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Something to enter: an input, or a few."""

    name: str
    field: Input
    value: Any  # as it was typed, or stands there by itself
    kept: Any  # what is stored of it
    error: str
    required: bool
    fixed: bool  # nobody enters it
    spoken: str = ""  # what it is called where no label stands beside it

    @property
    def shape(self) -> str:
        if self.fixed:
            return "fixed"
        if self.field.source is not None:
            return self._shape_of_table
        if self.field.type == "choice":
            return "radios" if len(self.field.options or ()) <= MOST_RADIOS and not self.spoken else "list"
        if self.field.type == "money" and self.field.chooses_currency:
            return "amount"
        return _SHAPES.get(self.field.type, "line")

    @property
    def _shape_of_table(self) -> str:
        most = MOST_IN_A_CELL if self.spoken else MOST_IN_A_LIST
        is_short = self.field.listing is None or len(self.field.listing.offered) <= most
        if self.field.type == "choices":
            return "ticks" if is_short else "searches"
        return "list" if is_short else "search"

    @property
    def unit(self) -> str:
        if self.field.type == "percent":
            return "%"
        return "" if self.field.chooses_currency else self.field.main_currency

    @property
    def amount(self) -> str:
        return amount_and_currency(self.value, self.field)[0]

    @property
    def currencies(self) -> list[Offered]:
        chosen = amount_and_currency(self.value, self.field)[1]
        return [Offered("", code, code, code == chosen) for code in self.field.currencies]

    @property
    def currency_label(self) -> str:
        """What the second input of an amount is called."""
        return _("{label}: currency").format(label=self.spoken or self.field.label)

    @property
    def longest(self) -> int | None:
        return longest_of(self.field)

    @property
    def input_type(self) -> str:
        return _INPUT_TYPES.get(self.field.type, "text")

    @property
    def input_mode(self) -> str:
        return _INPUT_MODES.get(self.field.type, "text")

    @property
    def is_plain(self) -> bool:
        """Whether a browser's spelling and capitals would only be in the way."""
        return self.field.type in ("email", "phone", "url", "iban", "person", "people")

    @property
    def fixed_text(self) -> str:
        return "" if self.kept is None else type_of(self.field).as_read(self.kept, self.field)

    @property
    def offered(self) -> list[Offered]:
        chosen = set(self.value) if isinstance(self.value, list) else {self.value}
        listing = self.field.listing
        if listing is None:
            labels = {option.key: option.shown for option in self.field.options or ()}
        else:
            labels = dict(listing.offered)
            chosen = {key for text in chosen for key in listing.keys_called(str(text))}
        return [
            Offered(f"id_{self.name}_{number}", key, label, key in chosen)
            for number, (key, label) in enumerate(labels.items())
        ]

    @property
    def written(self) -> str:
        """What stands in an input that looks something up: what it is called, where that is known."""
        return self.called(self.value)

    def called(self, text: Any) -> str:
        keys = self.field.listing.keys_called(str(text)) if self.field.listing is not None else ()
        return self.field.listing.offered[keys[0]] if self.field.listing and len(keys) == 1 else str(text)

    @property
    def suggested_for(self) -> str:
        """Which field something is suggested for (`placet.portal.suggesting`)."""
        return self.field.name

    @property
    def described_by(self) -> str:
        """The ids of what explains it."""
        return f"id_{self.name}_error" if self.error else ""


@dataclass(frozen=True, kw_only=True)
class Row(Entry):
    """One field of a process's form as the page shows it."""

    field: FormField
    standing: Standing
    depends: bool  # on other fields
    refused: bool = False  # what was chosen is not offered any more
    files: Sequence[KeptFile] = ()
    earlier: Sequence[KeptFile] = ()  # that the request has
    grid: "Grid | None" = None

    @property
    def key(self) -> str:
        return self.field.name

    @property
    def shown(self) -> bool:
        return self.standing.shown

    @property
    def grouped(self) -> bool:
        """Whether it has several inputs, which a legend names."""
        return self.shape in ("radios", "ticks", "period", "people", "searches", "table")

    @property
    def computes(self) -> bool:
        """Whether something in it follows from what is entered in it."""
        return self.grid is not None and self.grid.computes

    @property
    def by_itself(self) -> str:
        """What stands here, if it may stand here by itself: so that it is known again when that changes."""
        return "" if self.field.default is None else json.dumps(self.value, sort_keys=True)

    @property
    def state(self) -> str:
        """Says what of this row follows from other fields: a row is sent anew where that has changed."""
        stands = HIDDEN if not self.shown else FIXED if self.fixed else SHOWN
        # Not what was chosen in this row itself: whoever goes on while the server answers would lose it.
        offered = [(one.value, one.label) for one in self.offered] if self.depends else []
        fixed = self.fixed_text if self.fixed else ""
        return _state(self.key, stands, self.required, fixed, self.by_itself, offered)

    @property
    def people(self) -> list[str]:
        """Those who were entered, and empty lines for more."""
        entered = self.value if isinstance(self.value, list) else [self.value]
        entered = [str(one) for one in entered if one]
        return [*entered, *[""] * min(SPARE_LINES, MOST_PEOPLE - len(entered))]

    @property
    def searches(self) -> list[str]:
        """What was chosen, and empty lines for more."""
        entered = self.value if isinstance(self.value, list) else [self.value]
        return [*(self.called(one) for one in entered if one), *[""] * SPARE_LINES]

    @property
    def hint(self) -> str:
        """How a field of this type is filled in, if the process does not say it itself."""
        if self.fixed:
            return ""
        if self.field.type == "files":
            return self._of_files()
        if self.field.help is not None:
            return ""
        if self.shape in ("search", "searches"):
            return _("A code, or a name: what fits is suggested while you type.")
        if self.shape in ("list", "radios", "ticks") and not self.offered:
            return _(
                "Nothing can be chosen here yet: that hangs on other fields, or on a list that is empty."
            )
        match self.field.type:
            case "money":
                return (
                    _("For example 1250.00")
                    if minor_digits(self.field.main_currency)
                    else _("For example 1250")
                )
            case "number":
                return _("A number, for example 12 or 2.5")
            case "person":
                return _("An address, or a name: people are suggested while you type.")
            case "people":
                return _("An address, or a name, on each line: people are suggested while you type.")
        return ""

    def _of_files(self) -> str:
        number = most_files(self.field)
        text = ngettext(
            "At most {n} file, {size} MB each, 25 MB together.",
            "At most {n} files, {size} MB each, 25 MB together.",
            number,
        )
        sentences = [text.format(n=number, size=self.largest_file // MB)]
        if self.field.endings is not None:
            sentences.append(_("Only {endings}.").format(endings=", ".join(self.field.endings)))
        return " ".join(sentences)

    @property
    def largest_file(self) -> int:
        """That the field takes, in bytes."""
        return LARGEST_FILE if self.field.largest is None else self.field.largest * MB

    @property
    def too_large(self) -> str:
        """What the page says of a larger one; “{name}” is filled in there."""
        text = _("“{name}” is larger than {n} MB. Choose a smaller file, please.")
        return text.format(name="{name}", n=self.largest_file // MB)

    @property
    def accept(self) -> str:
        """What a browser offers to choose."""
        return ",".join(f".{ending}" for ending in self.field.endings or ())

    @property
    def described_by(self) -> str:
        ids = {"error": self.error, "about": self.field.help, "help": self.hint}
        return " ".join(f"id_{self.name}_{what}" for what, text in ids.items() if text)


# --- tables -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Cell(Entry):
    table: str

    @property
    def suggested_for(self) -> str:
        return f"{self.table}.{self.field.name}"


@dataclass(frozen=True)
class ShownTotal:
    id: str
    label: str
    text: str


@dataclass(frozen=True)
class Grid:
    """The cells of a table as the page shows them."""

    name: str
    columns: Sequence[Column]
    lines: Sequence[Sequence[Cell]]
    totals: Sequence[ShownTotal]
    may_add: bool

    @property
    def computes(self) -> bool:
        return bool(self.totals) or any(column.computed is not None for column in self.columns)

    @property
    def outputs(self) -> list[Cell]:
        """The cells that nobody enters."""
        return [cell for line in self.lines for cell in line if cell.fixed]


def grid_of(field: FormField, value: Any, errors: Mapping[str, str]) -> Grid:
    lines = _lines(field, value)
    read = [read_row(field, line) for line in lines]
    whole = [
        row
        for line, (row, wrong) in zip(lines, read, strict=True)
        if is_filled_row(field, line) and not wrong
    ]
    came_to = totals_of(field, whole)
    return Grid(
        field.name,
        field.columns or (),
        [
            [_cell(field, column, number, line, row, wrong, errors) for column in field.columns or ()]
            for number, (line, (row, wrong)) in enumerate(zip(lines, read, strict=True), start=1)
        ],
        [
            ShownTotal(
                f"total_{total.name}",
                total.label,
                _("not in one currency")
                if in_several_currencies(field, total, whole)
                else _as_read(column_of(field, total), came_to[total.name]),
            )
            for total in field.totals or ()
        ],
        may_add=len(lines) < most_rows(field),
    )


def _lines(field: FormField, value: Any) -> list[dict[str, Any]]:
    """The rows that are shown: at least one, and as many as there have to be."""
    lines = [line for line in value if isinstance(line, dict)] if isinstance(value, list) else []
    return [*lines, *({} for _ in range(max(1, least_rows(field)) - len(lines)))]


def _cell(
    field: FormField,
    column: Column,
    number: int,
    line: Mapping[str, Any],
    row: Mapping[str, Any],
    wrong: Mapping[str, str],
    errors: Mapping[str, str],
) -> Cell:
    # An input that lists what is offered would drop anything else in silence.
    is_chosen = column.source is not None and is_entered(line.get(column.name), column)
    not_offered = wrong.get(column.name, "") if is_chosen else ""
    return Cell(
        name=f"{PREFIX}{field.name}-{number}-{column.name}",
        field=column,
        value=line.get(column.name, ""),
        kept=row[column.name],
        error=errors.get(f"{field.name}.{number}.{column.name}", not_offered),
        required=column.required,
        fixed=column.computed is not None,
        spoken=_("{column}, row {number}").format(column=column.label, number=number),
        table=field.name,
    )


def _as_read(column: Input, value: Any) -> str:
    return "–" if value is None else type_of(column).as_read(value, column)


def with_row_button(definition: Definition, typed: Mapping[str, Any], do: str) -> dict[str, Any] | None:
    """What was typed after a button that adds a row to a table or takes one away; None if it was none of these."""
    what, _colon, rest = do.partition(":")
    name, _colon, number = rest.partition(":")
    field = next((field for field in definition.fields if field.name == name and field.type == "table"), None)
    if field is None or what not in (ADD_ROW, REMOVE_ROW):
        return None
    if what == ADD_ROW:
        return with_row(typed, field)
    return without_row(typed, field, int(number)) if _NUMBER.fullmatch(number) else None


def with_row(typed: Mapping[str, Any], field: FormField) -> dict[str, Any]:
    """What was typed, with one more row of a table."""
    lines = _lines(field, typed.get(field.name))
    return {**typed, field.name: [*lines, {}] if len(lines) < most_rows(field) else lines}


def without_row(typed: Mapping[str, Any], field: FormField, number: int) -> dict[str, Any]:
    lines = _lines(field, typed.get(field.name))
    return {**typed, field.name: [line for at, line in enumerate(lines, start=1) if at != number]}


# --- all rows ---------------------------------------------------------------------------------------------


def rows(
    definition: Definition,
    filled: Filled,
    errors: Mapping[str, str],
    files: Files = NO_FILES,
    earlier: Files = NO_FILES,
    removed: Collection[str] = (),
) -> list[Row | Heading]:
    """Each part of the form, those that are not shown too. `files` are not sent yet, `earlier` ones the request has;
    `removed`: ids of those that are to go."""
    found: list[Row | Heading] = []
    moving: set[str] = set()  # sections that come and go
    for key, part, section in sections_of(definition):
        standing = filled.standings[key]
        depends = _depends(part) or section in moving
        if isinstance(part, Section) and depends:
            moving.add(key)
        if not isinstance(part, FormField):
            found.append(Heading(key, part, standing.shown, depends))
            continue
        field, refused = filled.fields[key], key in filled.not_offered
        found.append(
            Row(
                name=PREFIX + key,
                field=field,
                value=filled.entered[key],
                kept=filled.data[key],
                error=errors.get(key, filled.errors[key] if refused else ""),
                refused=refused,
                required=standing.required,
                fixed=standing.fixed,
                standing=standing,
                depends=depends,
                files=_kept(files.get(key, ())),
                earlier=_kept(earlier.get(key, ()), removed),
                grid=grid_of(field, filled.entered[key], errors) if field.type == "table" else None,
            )
        )
    return found


def _depends(part: FormPart) -> bool:
    """Whether anything of it follows from other fields."""
    return bool(names_looked_at(part) - {TODAY})


def _state(key: str, stands: str, *more: object) -> str:
    return f"{key}:{stands}:{digest([str(one) for one in more])[:12]}"


def states_in(posted: QueryDict) -> dict[str, str]:
    """How the parts of the form stood on the page that was sent, by their keys."""
    return {text.partition(":")[0]: text for text in posted.getlist("state")[:MOST_PARTS]}


def changed(shown: Iterable[Row | Heading], before: Mapping[str, str]) -> list[Row | Heading]:
    """The rows that stand otherwise than the page has them."""
    return [row for row in shown if row.depends and before.get(row.key) != row.state]


def any_hidden(before: Mapping[str, str]) -> bool:
    return bool(_hidden(before))


def never_seen(shown: Iterable[Row | Heading], before: Mapping[str, str]) -> list[Row]:
    """The fields to fill in that the page did not show, because something else was entered there."""
    hidden = _hidden(before)
    return [row for row in shown if isinstance(row, Row) and row.shown and row.key in hidden]


def _hidden(before: Mapping[str, str]) -> set[str]:
    return {key for key, state in before.items() if state.split(":")[1:2] == [HIDDEN]}


def _kept(files: Sequence[Mapping[str, Any]], removed: Collection[str] = ()) -> list[KeptFile]:
    return [
        KeptFile(file["id"], file["name"], size_as_read(file["size"]), file["id"] in removed)
        for file in files
    ]


# --- what was typed ---------------------------------------------------------------------------------------


def entered_in(definition: Definition, posted: QueryDict, *, by_itself: bool = False) -> dict[str, Any]:
    """What was typed, by the names of the definition; whether it fits is for `approvals.form.read_form` to say. A
    field that was not shown says what it says by itself; and, with `by_itself`, one that nobody has changed."""
    before = states_in(posted)
    typed = {field.name: entered_of(field, posted, PREFIX + field.name) for field in definition.fields}
    for field in definition.fields:
        stood = before.get(field.name, "").split(":")[1:2]
        unchanged = typed[field.name] == _stood(posted, field) and (by_itself or stood == [HIDDEN])
        if field.default is not None and (unchanged or stood == [FIXED]):
            del typed[field.name]
    return typed


def _stood(posted: QueryDict, field: FormField) -> Any:
    """What stood in a field by itself when the page was made."""
    try:
        return json.loads(posted.get(f"was-{field.name}", ""))
    except (ValueError, RecursionError):
        return None


def entered_of(field: Input, posted: QueryDict, name: str) -> Any:
    """What was typed into its inputs, which are called `name` or begin so."""
    if field.type in ("choices", "people"):
        return posted.getlist(name)
    if isinstance(field, FormField) and field.type == "table":
        numbers = range(1, _number(posted.get(f"{name}-rows", "")) + 1)
        columns = [column for column in field.columns or () if column.computed is None]
        return [
            {one.name: entered_of(one, posted, f"{name}-{n}-{one.name}") for one in columns} for n in numbers
        ]
    if field.type == "period":
        return {part: posted.get(f"{name}-{part}", "") for part in ("from", "to")}
    if field.type == "money" and field.chooses_currency:
        amount, currency = posted.get(name, ""), posted.get(f"{name}-currency", field.main_currency)
        untouched = not amount.strip() and currency == field.main_currency
        return "" if untouched else {"amount": amount, "currency": currency}
    return posted.get(name, "")


def _number(text: str) -> int:
    """Of the rows that the page had."""
    return min(int(text), MOST_ROWS) if _ROWS.fullmatch(text) else 0


def as_typed(definition: Definition, data: Mapping[str, Any]) -> dict[str, Any]:
    """A request's data as somebody would type it once more."""
    return {
        field.name: "" if data.get(field.name) is None else type_of(field).typed(data[field.name], field)
        for field in definition.fields
    }


def what_fits(new: Definition, old: Definition, typed: Mapping[str, Any]) -> dict[str, Any]:
    """Of what was typed into an older form, that which the new one asks for in the same way: 1250.00 of one currency
    is not 1250.00 of another."""
    kinds = {field.name: _asked_for(field) for field in old.fields}
    return {
        field.name: typed[field.name]
        for field in new.fields
        if field.name in typed and kinds.get(field.name) == _asked_for(field)
    }


def _asked_for(field: Input) -> tuple[Any, ...]:
    columns = field.columns or () if isinstance(field, FormField) else ()
    return (field.type, field.currencies, *((column.name, *_asked_for(column)) for column in columns))
