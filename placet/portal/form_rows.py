"""The form of a request as its page shows it, and what was typed into it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _

from placet.approvals.definitions import Definition
from placet.approvals.field_types import MOST_PEOPLE, longest_of, size_as_read, type_of
from placet.approvals.form_numbers import minor_digits
from placet.approvals.form_parts import FormField, Input

PREFIX = "f-"  # keeps a process's field names apart from ours
MOST_RADIOS = 6  # options that are all shown; more are in a list that opens
SPARE_PEOPLE = 2  # empty lines below those who were entered
_SHAPES = {
    "long_text": "lines",
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
    """A file that is already with the form."""

    id: str
    name: str
    size: str


@dataclass(frozen=True)
class Offered:
    """One option as it is shown."""

    id: str
    value: str
    label: str
    chosen: bool


@dataclass(frozen=True)
class Row:
    """One field of a process's form as the page shows it."""

    field: FormField
    value: Any
    error: str
    files: Sequence[KeptFile] = ()

    @property
    def name(self) -> str:
        return PREFIX + self.field.name

    @property
    def required(self) -> bool:
        return self.field.required

    @property
    def shape(self) -> str:
        if self.field.type == "choice":
            return "radios" if len(self.field.options or ()) <= MOST_RADIOS else "list"
        return _SHAPES.get(self.field.type, "line")

    @property
    def grouped(self) -> bool:
        """Whether it has several inputs, which a legend names."""
        return self.shape in ("radios", "ticks", "period", "people")

    @property
    def unit(self) -> str:
        return "%" if self.field.type == "percent" else self.field.currency

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
    def offered(self) -> list[Offered]:
        chosen = set(self.value) if isinstance(self.value, list) else {self.value}
        return [
            Offered(f"id_{self.name}_{number}", option.key, option.shown, option.key in chosen)
            for number, option in enumerate(self.field.options or ())
        ]

    @property
    def people(self) -> list[str]:
        """Those who were entered, and empty lines for more."""
        entered = self.value if isinstance(self.value, list) else [self.value]
        entered = [str(one) for one in entered if one]
        return [*entered, *[""] * min(SPARE_PEOPLE, MOST_PEOPLE - len(entered))]

    @property
    def hint(self) -> str:
        """How a field of this type is filled in, if the process does not say it itself."""
        if self.field.type == "files":
            return _("At most 10 files, 10 MB each, 25 MB together.")
        if self.field.help is not None:
            return ""
        match self.field.type:
            case "money":
                return (
                    _("For example 1250.00") if minor_digits(self.field.currency) else _("For example 1250")
                )
            case "number":
                return _("A number, for example 12 or 2.5")
            case "person":
                return _("An address, or a name: people are suggested while you type.")
            case "people":
                return _("An address, or a name, on each line: people are suggested while you type.")
        return ""

    @property
    def described_by(self) -> str:
        """The ids of what explains the field."""
        ids = {"error": self.error, "about": self.field.help, "help": self.hint}
        return " ".join(f"id_{self.name}_{what}" for what, text in ids.items() if text)


def rows(
    definition: Definition,
    entered: Mapping[str, Any],
    errors: Mapping[str, str],
    files: Mapping[str, Sequence[Mapping[str, Any]]] = {},
) -> list[Row]:
    return [
        Row(field, entered.get(field.name, ""), errors.get(field.name, ""), _kept(files.get(field.name, ())))
        for field in definition.form
    ]


def _kept(files: Sequence[Mapping[str, Any]]) -> list[KeptFile]:
    return [KeptFile(file["id"], file["name"], size_as_read(file["size"])) for file in files]


# --- what was typed ---------------------------------------------------------------------------------------


def entered_in(definition: Definition, posted: QueryDict) -> dict[str, Any]:
    """What was typed, by the names of the definition; whether it fits is for `approvals.form.read_form` to say."""
    return {field.name: _entered(field, posted, PREFIX + field.name) for field in definition.form}


def _entered(field: Input, posted: QueryDict, name: str) -> Any:
    if field.type in ("choices", "people"):
        return posted.getlist(name)
    if field.type == "period":
        return {part: posted.get(f"{name}-{part}", "") for part in ("from", "to")}
    return posted.get(name, "")


def as_typed(definition: Definition, data: Mapping[str, Any]) -> dict[str, Any]:
    """A request's data as somebody would type it once more."""
    return {
        field.name: "" if data.get(field.name) is None else type_of(field).typed(data[field.name], field)
        for field in definition.form
    }


def what_fits(new: Definition, old: Definition, typed: Mapping[str, Any]) -> dict[str, Any]:
    """Of what was typed into an older form, that which the new one asks for in the same way: 1250.00 of one currency
    is not 1250.00 of another."""
    kinds = {field.name: (field.type, field.currency) for field in old.form}
    return {
        field.name: typed[field.name]
        for field in new.form
        if field.name in typed and kinds.get(field.name) == (field.type, field.currency)
    }
