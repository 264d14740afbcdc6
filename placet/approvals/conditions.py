"""Conditions as rows: a subject, a comparison and a value each, of which all or any have to hold.

Rows are written as CEL, and CEL that says no more than rows can is read as rows again. What an empty field comes to in
a comparison is written out: before a day is no field without one.

What a row is about (`Row.field`) is a field (`amount`), the currency that was chosen for one (`amount_currency`), the
total of a table, a part of a period (`stay.days`), what a step came to (`steps.finance.outcome`), the answer to a
question (`steps.plan.answers.window`) or whoever asks (`request.requester`).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from django.utils import formats, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from placet.approvals import cel_rows
from placet.approvals.cel_rows import Name
from placet.approvals.definitions import Definition
from placet.approvals.earlier import REQUEST, STEPS
from placet.approvals.form_numbers import amount_as_read
from placet.approvals.form_parts import CURRENCY, FormField, Input
from placet.approvals.outcomes import as_read
from placet.approvals.steps import ApprovalStep, ParallelStep, WaitStep
from placet.lib.conditions import ConditionError, compile_condition

Kind = Literal[
    "number",
    "money",
    "percent",
    "text",
    "day",
    "time",
    "moment",
    "choice",
    "several",
    "yes_no",
    "person",
    "files",
]


class RowInvalid(ValueError):
    """A row compares what cannot be compared so. A sentence."""


@dataclass(frozen=True)
class OtherField:
    """In place of a value: what another field holds."""

    name: str


@dataclass(frozen=True)
class Amount:
    """Of a field whose currency is chosen: a number alone would compare euros with yen."""

    number: Decimal
    currency: str


@dataclass(frozen=True)
class Row:
    """`value`: a text; a Decimal of what is a number (an int, a float or its letters are taken as one); a `date` of a
    day; True or False; a tuple of texts with `one_of` and `none_of`; None with `is_empty` and `is_not_empty`; an
    `OtherField`; an `Amount`."""

    field: str
    comparison: str
    value: Any = None

    def __post_init__(self) -> None:
        value = self.value
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = Decimal(str(value))
        elif isinstance(value, list):
            value = tuple(value)
        object.__setattr__(self, "value", value)


@dataclass(frozen=True)
class Rows:
    all_or_any: Literal["all", "any"] = "all"
    rows: tuple[Row, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "rows", tuple(self.rows))
        if len(self.rows) < 2:  # of one row, both say the same
            object.__setattr__(self, "all_or_any", "all")


@dataclass(frozen=True)
class Subject:
    """What a row can be about. `choices`: what can be chosen there, by key, as the reader reads it."""

    name: str
    label: str
    kind: Kind
    choices: Mapping[str, str] = field(default_factory=dict)
    currencies: tuple[str, ...] = ()

    @property
    def chooses_currency(self) -> bool:
        return len(self.currencies) > 1

    @property
    def comparisons(self) -> tuple[str, ...]:
        return _COMPARISONS[self.kind]

    def matches(self, other: "Subject") -> bool:
        """Whether one can be compared with the other."""
        if self.kind == "several":
            return other.kind in ("text", "choice", "person")
        numbers = ("number", "money", "percent")
        texts = ("text", "choice", "person")
        return self.name != other.name and (
            self.kind == other.kind
            or {self.kind, other.kind} <= {*numbers}
            or {self.kind, other.kind} <= {*texts}
        )


_ORDER = ("above", "at_least", "below", "at_most")
_EMPTY = ("is_empty", "is_not_empty")
_QUESTION = ("?", "？", "؟")
_COMPARISONS: dict[Kind, tuple[str, ...]] = {
    **dict.fromkeys(("number", "money", "percent"), ("is", "is_not", *_ORDER)),
    **dict.fromkeys(("day", "time", "moment"), ("is", "is_not", *_ORDER, *_EMPTY)),
    "text": ("is", "is_not", "contains", "contains_not", "begins_with", *_EMPTY),
    **dict.fromkeys(("choice", "person"), ("is", "is_not", "one_of", "none_of", *_EMPTY)),
    "several": ("contains", "contains_not", *_EMPTY),
    "yes_no": ("is",),
    "files": _EMPTY,
}
#: As pages offer them; of a day, some are called otherwise (`name_of`).
NAMES = {
    "is": gettext_lazy("is"),
    "is_not": gettext_lazy("is not"),
    "above": gettext_lazy("is above"),
    "at_least": gettext_lazy("is at least"),
    "below": gettext_lazy("is below"),
    "at_most": gettext_lazy("is at most"),
    "contains": gettext_lazy("contains"),
    "contains_not": gettext_lazy("does not contain"),
    "begins_with": gettext_lazy("begins with"),
    "one_of": gettext_lazy("is one of"),
    "none_of": gettext_lazy("is none of"),
    "is_empty": gettext_lazy("is empty"),
    "is_not_empty": gettext_lazy("is not empty"),
}
_NAMES_OF_DAYS = {
    "above": gettext_lazy("is after"),
    "at_least": gettext_lazy("is on or after"),
    "below": gettext_lazy("is before"),
    "at_most": gettext_lazy("is on or before"),
}


def name_of(comparison: str, kind: Kind) -> str:
    """Of a comparison, as it stands between its two sides."""
    return str(
        (_NAMES_OF_DAYS if kind in ("day", "time", "moment") else {}).get(comparison, NAMES[comparison])
    )


# --- what rows can be about -------------------------------------------------------------------------------

_KINDS: dict[str, Kind] = {
    **dict.fromkeys(("text", "long_text", "exact_text", "email", "phone", "url", "iban"), "text"),
    "money": "money",
    "number": "number",
    "percent": "percent",
    "date": "day",
    "time": "time",
    "date_time": "moment",
    "yes_no": "yes_no",
    **dict.fromkeys(("choice", "cost_centre"), "choice"),
    **dict.fromkeys(("choices", "people"), "several"),
    "person": "person",
    "files": "files",
}


def subjects_of(definition: Definition, steps: Collection[str] | None = None) -> dict[str, Subject]:
    """By name: fields of the form and what conditions see beside them, then steps and questions, then whoever asks.
    `steps`: keys of those that are wanted, if not all of them are."""
    subjects = [subject for one in definition.fields for subject in _of_field(one)]
    taken = {subject.name for subject in subjects}
    if STEPS not in taken:
        subjects += _of_steps(definition, steps)
    if REQUEST not in taken:
        subjects.append(Subject(f"{REQUEST}.requester", _("whoever asks"), "person"))
    return {subject.name: subject for subject in subjects}


def _of_field(one: FormField) -> Iterator[Subject]:
    yield from _of_input(one.name, one.label, one)
    columns = {column.name: column for column in one.columns or ()}
    for total in one.totals or ():
        column = columns.get(total.of)
        is_money = column is not None and column.type == "money" and total.count is None
        kind: Kind = "money" if is_money else "number"
        yield Subject(
            total.name, total.label, kind, currencies=column.currencies if is_money and column else ()
        )


def _of_input(name: str, label: str, one: Input) -> Iterator[Subject]:
    if one.type == "period":
        yield Subject(f"{name}.from", _("{label}, first day").format(label=label), "day")
        yield Subject(f"{name}.to", _("{label}, last day").format(label=label), "day")
        yield Subject(f"{name}.days", _("{label}, days").format(label=label), "number")
    elif one.type in _KINDS:
        choices = {option.key: option.shown for option in one.options or ()}
        yield Subject(name, label, _KINDS[one.type], choices, one.currencies)
        if one.chooses_currency:
            currencies = {code: code for code in one.currencies}
            yield Subject(
                f"{name}{CURRENCY}", _("{label}, currency").format(label=label), "choice", currencies
            )


def _of_steps(definition: Definition, steps: Collection[str] | None) -> Iterator[Subject]:
    for key, step in definition.steps.items():
        if steps is not None and key not in steps:
            continue
        label = _("what “{step}” came to").format(step=step.name)
        if isinstance(step, ApprovalStep):
            choices = {outcome: step.outcome(outcome).shown for outcome in step.result_keys}
            yield Subject(f"{STEPS}.{key}.outcome", label, "choice", choices)
            yield Subject(f"{STEPS}.{key}.by", _("who decided “{step}”").format(step=step.name), "person")
            for question in step.questions or ():
                yield from _of_input(f"{STEPS}.{key}.answers.{question.name}", question.label, question)
        elif isinstance(step, ParallelStep):
            labels = {
                one: as_read(step.labels[one]) if one in step.labels else one for one in step.outcome_keys
            }
            yield Subject(f"{STEPS}.{key}.outcome", label, "choice", labels)
        elif isinstance(step, WaitStep):
            yield Subject(f"{STEPS}.{key}.outcome", label, "choice", {one: one for one in step.outcome_keys})


# --- rows as CEL ------------------------------------------------------------------------------------------


def written(rows: Rows, definition: Definition) -> str:
    """In CEL; "" for no rows. RowInvalid, if one of them compares what cannot be compared so."""
    subjects = subjects_of(definition)
    parts = [_written_row(row, subjects) for row in rows.rows]
    cel = (" && " if rows.all_or_any == "all" else " || ").join(parts)
    try:
        if cel:
            compile_condition(cel)
    except ConditionError:
        # What is counted before a condition is compiled is counted in its texts, too.
        cel = cel_rows.with_letters_escaped(cel)
        try:
            compile_condition(cel)
        except ConditionError as error:
            raise RowInvalid(str(error)) from error
    return cel


def _written_row(row: Row, subjects: Mapping[str, Subject]) -> str:
    subject = subjects.get(row.field)
    if subject is None:
        raise RowInvalid(_("There is nothing called {name} here.").format(name=row.field))
    if row.comparison not in subject.comparisons:
        raise RowInvalid(
            _("{field} cannot be compared so: {comparison}.").format(
                field=subject.label, comparison=row.comparison
            )
        )
    if isinstance(row.value, Amount):
        return _written_amount(row, subject)
    if subject.chooses_currency and not isinstance(row.value, OtherField):
        raise RowInvalid(_("{field} can be in several currencies: say one.").format(field=subject.label))
    return cel_rows.part(
        Name(row.field),
        row.comparison,
        _operand(row, subject, subjects),
        is_time=_is_time(subject),
        is_list=subject.kind == "several",
        empty=_empty(subject),
    )


def _written_amount(row: Row, subject: Subject) -> str:
    if not subject.chooses_currency or row.value.currency not in subject.currencies:
        raise RowInvalid(
            _("{field} is not in {currency}.").format(field=subject.label, currency=row.value.currency)
        )
    number = cel_rows.part(
        Name(row.field), row.comparison, row.value.number, is_time=False, is_list=False, empty=None
    )
    code = cel_rows.part(
        Name(row.field + CURRENCY), "is", row.value.currency, is_time=False, is_list=False, empty=None
    )
    return f"({code} && {number})"


def _is_time(subject: Subject) -> bool:
    return subject.kind in ("day", "time", "moment")


def _empty(subject: Subject) -> Any:
    """What conditions see where it holds nothing."""
    return {"several": [], "files": Decimal(0)}.get(subject.kind, "")


def _operand(row: Row, subject: Subject, subjects: Mapping[str, Subject]) -> Any:
    value = row.value
    if row.comparison in _EMPTY:
        return None
    if isinstance(value, OtherField):
        other = subjects.get(value.name)
        if other is None or not subject.matches(other) or row.comparison in ("one_of", "none_of"):
            raise _not_a_value(subject, value.name)
        return Name(value.name)
    checked = _checked(value, row.comparison, subject)
    if checked is None:
        raise _not_a_value(subject, value)
    return checked


def _not_a_value(subject: Subject, value: Any) -> RowInvalid:
    return RowInvalid(_("{field} cannot be compared with {value}.").format(field=subject.label, value=value))


def _checked(value: Any, comparison: str, subject: Subject) -> Any:
    """The value as CEL is written of it; None where it is none for this subject."""
    if comparison in ("one_of", "none_of"):
        is_texts = isinstance(value, tuple) and value and all(isinstance(one, str) for one in value)
        return value if is_texts else None
    if subject.kind in ("number", "money", "percent"):
        return value if isinstance(value, Decimal) and value.is_finite() else None
    if subject.kind == "day":
        return value.isoformat() if type(value) is date else None
    if subject.kind == "yes_no":
        return value if isinstance(value, bool) else None
    return value if isinstance(value, str) and (value or comparison not in ("is", "is_not")) else None


# --- CEL as rows ------------------------------------------------------------------------------------------


def rows_of(cel: str, definition: Definition) -> Rows | None:
    """The rows that a condition is; None where it says more than rows can, or what only CEL can say so."""
    if not cel.strip():
        return Rows()
    parts = cel_rows.parts_of(cel)
    return None if parts is None else _rows_of(parts, subjects_of(definition, _steps_in(parts)))


def _rows_of(parts: cel_rows.Parts, subjects: Mapping[str, Subject]) -> Rows | None:
    rows = [_row_of(part, subjects) for part in parts.parts]
    if any(row is None for row in rows):
        return None
    return Rows(parts.all_or_any, tuple(row for row in rows if row is not None))


def _steps_in(parts: cel_rows.Parts) -> frozenset[str]:
    """Keys of the steps that are looked at: of a process of many steps, few."""
    operands = (one for part in parts.parts for one in (part.name, part.value) if isinstance(one, Name))
    paths = (operand.split(".") for operand in operands)
    return frozenset(path[1] for path in paths if path[0] == STEPS and len(path) > 1)


def _row_of(part: cel_rows.Part, subjects: Mapping[str, Subject]) -> Row | None:
    subject = subjects.get(part.name)
    if subject is None:
        return None
    comparison, value = _as_row(part, subject)
    if comparison is None or comparison not in subject.comparisons:
        return None
    if part.currency is not None:
        if not subject.chooses_currency or not isinstance(value, Decimal):
            return None
        value = Amount(value, part.currency)
    row = Row(part.name, comparison, value)
    try:
        again = _written_row(row, subjects)
    except RowInvalid:
        return None
    # What CEL says of an empty field is part of what it says: only the same guard is the same row.
    return row if cel_rows.part_of(again) == part else None


def _as_row(part: cel_rows.Part, subject: Subject) -> tuple[str | None, Any]:
    value = part.value
    if isinstance(value, Name):
        return part.comparison, OtherField(str(value))
    if (
        part.comparison in ("is", "is_not")
        and value == _empty(subject)
        and type(value) is type(_empty(subject))
    ):
        if not {*_EMPTY} <= {*subject.comparisons}:
            return part.comparison, value
        return ("is_empty" if part.comparison == "is" else "is_not_empty"), None
    if subject.kind == "day" and isinstance(value, str):
        try:
            return part.comparison, date.fromisoformat(value)
        except ValueError:
            return None, None
    return part.comparison, value


# --- in words ---------------------------------------------------------------------------------------------


def sentence(cel: str, definition: Definition, language: str | None = None) -> str:
    """A condition as people read it: “Amount is above 1,000 EUR and Country is one of France, Germany”; CEL itself
    where it says more than rows can. `language`: the reader's, if it is not said."""
    with translation.override(language or translation.get_language()):
        parts = cel_rows.parts_of(cel)
        if parts is None:
            return cel
        subjects = subjects_of(definition, _steps_in(parts))
        rows = _rows_of(parts, subjects)
        if rows is None or not rows.rows:
            return cel
        both = _("{one} and {other}") if rows.all_or_any == "all" else _("{one} or {other}")
        words, *more = [_row_in_words(row, subjects) for row in rows.rows]
        for row_words in more:
            words = both.format(one=words, other=row_words)
        return words


def _row_in_words(row: Row, subjects: Mapping[str, Subject]) -> str:
    subject = subjects[row.field]
    if isinstance(row.value, bool):
        return (_("{field}: yes") if row.value else _("{field}: no")).format(field=_within_sentence(subject))
    comparison = name_of(row.comparison, subject.kind)
    if row.comparison in _EMPTY:
        return f"{_within_sentence(subject)} {comparison}"
    value = _value_in_words(row.value, subject, subjects)
    return _("{field} {comparison} {value}").format(
        field=_within_sentence(subject), comparison=comparison, value=value
    )


def _within_sentence(subject: Subject) -> str:
    """A question stands in quotes: what follows would not be taken for a part of it."""
    is_question = subject.label.rstrip().endswith(_QUESTION)
    return _("“{text}”").format(text=subject.label.rstrip()) if is_question else subject.label


def _value_in_words(value: Any, subject: Subject, subjects: Mapping[str, Subject]) -> str:
    if isinstance(value, OtherField):
        return _within_sentence(subjects[value.name])
    if isinstance(value, Amount):
        return _number(value.number, value.currency)
    if isinstance(value, Decimal):
        shown = _number(value, next(iter(subject.currencies), ""))
        return f"{shown}\N{NO-BREAK SPACE}%" if subject.kind == "percent" else shown
    if isinstance(value, date):
        day = formats.date_format(value, "j F Y")
        return pgettext("a day in a condition", "{day}").format(day=day)
    if isinstance(value, tuple):
        return ", ".join(_word(one, subject) for one in value)
    return _word(str(value), subject)


def _word(value: str, subject: Subject) -> str:
    if value in subject.choices:
        return subject.choices[value]
    shown = " ".join(value.split())
    return shown if subject.kind == "person" else _("“{text}”").format(text=shown)


def _number(number: Decimal, currency: str) -> str:
    """Whole amounts without a point."""
    if currency and number != number.to_integral_value():
        return amount_as_read(number, currency)
    plain = number.normalize() if number else Decimal(0)
    shown = formats.number_format(f"{plain:f}", use_l10n=True, force_grouping=True)
    return f"{shown} {currency}" if currency else shown


def subjects_to_compare(subject: Subject, subjects: Mapping[str, Subject]) -> Sequence[Subject]:
    """Those that a subject can be compared with."""
    return [other for other in subjects.values() if subject.matches(other)]
