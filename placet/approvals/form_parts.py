"""What a form is made of, as its process says it: fields, columns of tables, headings, explanations."""

import re
from datetime import date
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PrivateAttr,
    StrictFloat,
    StrictInt,
    StrictStr,
    Tag,
    model_validator,
)

from placet.approvals.form_listing import Listing
from placet.approvals.outcomes import in_language, text_for_ever

FIELD = "field"  # among the parts of a form; no name of a type
NAME = r"^[a-z][a-z0-9_]{0,59}$"
MOST_OPTIONS = 200
MOST_ROWS = 200  # of a table
MOST_COLUMNS = 12
LONGEST_PATTERN = 500
LONGEST_HELP = 1000
LONGEST_BLOCK = 5000
LONGEST_EXPRESSION = 2000
MB = 1024 * 1024
MOST_FILES = 10  # of one request
LARGEST_FILE = 10 * MB
MOST_ENDINGS = 50
MOST_CURRENCIES = 20  # to choose from
CURRENCY = "_currency"  # behind the name of an amount: what conditions call the currency that was chosen
MOST_LETTERS = 10_000  # of a text of several lines, and so the most that `length` can say

SmallType = Literal[
    "text", "money", "number", "percent", "date", "time", "date_time", "yes_no", "choice",
    "email", "phone", "url", "iban", "person", "cost_centre",
]  # fmt: skip


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _printable(text: str) -> str:
    if not text.isprintable() or text != text.strip():
        raise ValueError("one line, please, without blanks at its ends or anything that cannot be seen")
    return text


_Label = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_printable)]
_Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z]{2,4})?$")]


def _source(value: Any) -> Any:
    """An expression in CEL. YAML reads some of them as more than text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):
        return f"'{value.isoformat()}'"
    return repr(value) if isinstance(value, int | float) else value


Expression = Annotated[str, Field(min_length=1, max_length=LONGEST_EXPRESSION), BeforeValidator(_source)]


class Option(Part):
    """One answer to choose. Written as a text alone where its key is what people read."""

    key: _Label
    label: _Label | dict[_Language, _Label] | None = None
    only: Expression | None = None  # over the other fields: where it is offered

    @model_validator(mode="before")
    @classmethod
    def _by_its_key(cls, value: Any) -> Any:
        return {"key": value} if isinstance(value, str) else value

    @property
    def shown(self) -> str:
        """As the reader reads it."""
        return in_language(self.label) if isinstance(self.label, dict) else self.label or self.key

    @property
    def text(self) -> str:
        """The same for everybody and for ever, as facts are."""
        return text_for_ever(self.label) if isinstance(self.label, dict) else self.label or self.key

    @property
    def labels(self) -> tuple[str, ...]:
        """In all languages."""
        return tuple(self.label.values()) if isinstance(self.label, dict) else (self.text,)


class OptionsFrom(Part):
    """Where options stand that the process does not list."""

    table: str | None = None  # key of an authority table, or of a list
    field: str | None = None  # a table of the same form
    column: str = Field(pattern=NAME)
    label: str | None = Field(None, pattern=NAME)  # the column that people read, of a list

    @model_validator(mode="after")
    def _one(self) -> "OptionsFrom":
        if (self.table is None) == (self.field is None):
            raise ValueError("say either table (of the installation) or field (a table of this form)")
        if self.field is not None and self.label is not None:
            raise ValueError(
                "label is a column of a list; of a table of the form people read the column itself"
            )
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,) if self.label is None else (self.column, self.label)


COST_CENTRES = OptionsFrom(table="cost_centres", column="code", label="name")  # unless the field says another


def _limit(value: Any) -> Any:
    if isinstance(value, date):  # YAML reads 2026-12-31 as one
        return value.isoformat()
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("say a number, a date such as 2026-12-31, or a text such as “today + 90 days”")
    return value


_Limit = Annotated[StrictInt | StrictFloat | StrictStr, BeforeValidator(_limit)]


def _currencies(value: Any) -> Any:
    several = value if isinstance(value, list | tuple) else [value]
    if value != "" and not all(isinstance(one, str) and _CODE.fullmatch(one) for one in several):
        raise ValueError('write three capitals such as EUR, in quotes, or a list of them: ["EUR", "USD"]')
    if len(set(several)) != len(several):
        raise ValueError("the same currency stands there twice")
    return value


_CODE = re.compile(r"[A-Z]{3}")
_Code = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
_Currency = Annotated[
    Annotated[str, Field(pattern=r"^([A-Z]{3})?$")]
    | Annotated[tuple[_Code, ...], Field(min_length=1, max_length=MOST_CURRENCIES)],
    BeforeValidator(_currencies),
]


def _ending(value: Any) -> Any:
    return value.lower().removeprefix(".") if isinstance(value, str) else value


#: What stands behind the last point of a file's name.
Ending = Annotated[str, Field(pattern=r"^[a-z0-9]{1,12}$"), BeforeValidator(_ending)]


class Input(Part):
    """What a field of a form and a column of a table have in common."""

    name: str = Field(pattern=NAME)
    label: str = Field(min_length=1, max_length=200)
    type: str
    required: bool = False
    # Of an amount; or those that it may be in, the first of which stands there by itself.
    currency: _Currency = ""
    help: Annotated[str, Field(min_length=1, max_length=LONGEST_HELP)] | None = None
    options: Annotated[tuple[Option, ...], Field(min_length=1, max_length=MOST_OPTIONS)] | None = None
    options_from: OptionsFrom | None = None
    among: str | None = None  # key of the group that people are of
    min: _Limit | None = None
    max: _Limit | None = None
    step: Annotated[StrictInt | StrictFloat, Field(gt=0)] | None = None
    digits: Annotated[int, Field(ge=0, le=10)] | None = None  # after the point
    largest: Annotated[int, Field(ge=1, le=LARGEST_FILE // MB)] | None = None  # MB of one file
    endings: Annotated[tuple[Ending, ...], Field(min_length=1, max_length=MOST_ENDINGS)] | None = (
        None  # of files
    )
    length: Annotated[int, Field(ge=1, le=MOST_LETTERS)] | None = None
    pattern: Annotated[str, Field(min_length=1, max_length=LONGEST_PATTERN)] | None = None
    message: Annotated[str, Field(min_length=1, max_length=300)] | None = (
        None  # of what does not fit `pattern`
    )
    _listing: Listing | None = PrivateAttr(None)

    @property
    def currencies(self) -> tuple[str, ...]:
        """Those that an amount may be in."""
        if isinstance(self.currency, tuple):
            return self.currency
        return (self.currency,) if self.currency else ()

    @property
    def main_currency(self) -> str:
        """What an amount is in where nobody says another one."""
        return next(iter(self.currencies), "")

    @property
    def chooses_currency(self) -> bool:
        return len(self.currencies) > 1

    @property
    def source(self) -> OptionsFrom | None:
        """Where its options stand; None if the process lists them, or it has none."""
        if self.options_from is None and self.type == "cost_centre":
            return COST_CENTRES
        return self.options_from

    @property
    def listing(self) -> Listing | None:
        """What that offers now, for a field that was looked up (`placet.approvals.form_options`)."""
        return self._listing

    def with_listing(self, listing: Listing) -> Self:
        copy = self.model_copy()
        copy._listing = listing
        return copy

    def option(self, key: str) -> Option | None:
        return next((option for option in self.options or () if option.key == key), None)


class Column(Input):
    type: SmallType
    computed: Expression | None = None  # over the other columns of its row


class Total(Part):
    """What the rows of a table come to."""

    name: str = Field(pattern=NAME)
    label: str = Field(min_length=1, max_length=200)
    sum: str | None = None  # of a column, and so are the next ones
    min: str | None = None
    max: str | None = None
    count: Literal[True] | str | None = None  # of rows, or of those where a column is filled in

    @model_validator(mode="after")
    def _one(self) -> "Total":
        if sum(value is not None for value in (self.sum, self.min, self.max, self.count)) != 1:
            raise ValueError("say exactly one of sum, count, min and max")
        return self

    @property
    def of(self) -> str:
        """The column; "" for the rows themselves."""
        return self.sum or self.min or self.max or (self.count if isinstance(self.count, str) else "")


class FormField(Input):
    type: Literal[
        "text", "long_text", "money", "number", "date", "yes_no", "files",
        "email", "phone", "url", "iban", "percent", "time", "date_time", "period", "choice", "choices",
        "person", "people", "cost_centre", "table", "exact_text",
    ]  # fmt: skip
    columns: Annotated[tuple[Column, ...], Field(min_length=1, max_length=MOST_COLUMNS)] | None = None
    totals: Annotated[tuple[Total, ...], Field(min_length=1, max_length=MOST_COLUMNS)] | None = None
    unique: str | None = None  # a column in which nothing stands twice
    # Expressions over the other fields.
    default: Expression | None = None  # what stands there until somebody changes it
    show: Expression | None = None
    require: Expression | None = None
    read_only: Expression | None = None  # then it is what `default` says
    computed: Expression | None = None  # nobody enters it

    @property
    def has_dependent_options(self) -> bool:
        return any(option.only is not None for option in self.options or ())

    @property
    def fits_into_a_line(self) -> bool:
        """Whether it can be entered in a line of a mail, whatever the other fields say."""
        depends = self.has_dependent_options or (self.source is not None and self.source.field is not None)
        return (
            self.type in get_args(SmallType) and self.show is None and self.read_only is None and not depends
        )


class Section(Part):
    """A heading. What stands below it, down to the next one, is shown if it is."""

    type: Literal["section"]
    label: str = Field(min_length=1, max_length=200)
    help: Annotated[str, Field(min_length=1, max_length=LONGEST_HELP)] | None = None
    show: Expression | None = None


class TextBlock(Part):
    """Something to read among the fields."""

    type: Literal["text_block"]
    text: str = Field(min_length=1, max_length=LONGEST_BLOCK)
    show: Expression | None = None


def _kind(value: Any) -> str:
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return kind if kind in ("section", "text_block") else FIELD


FormPart = Annotated[
    Annotated[FormField, Tag(FIELD)]
    | Annotated[Section, Tag("section")]
    | Annotated[TextBlock, Tag("text_block")],
    Discriminator(_kind),
]
