"""Conditions as rows of a form: a field, a comparison and a value in each; what they come to in CEL stands below."""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils import formats
from django.utils.translation import gettext as _

from placet.approvals import conditions
from placet.approvals.conditions import Amount, OtherField, RowInvalid, Rows, Subject
from placet.approvals.conditions import Row as Compared
from placet.approvals.definitions import Definition
from placet.designer.inputs import Box, Choices, Place, Row
from placet.designer.reading import words
from placet.designer.surroundings import Surroundings

MOST_ROWS = 10  # of one condition that are read of a form
OTHER = "="  # before the name of a field, in place of a value
_FIELD = re.compile(r"(?P<row>(?P<name>.+)-(?P<number>[0-9]{1,2}))-field")
_AMOUNT = re.compile(r"(?P<number>.+?)\s*(?P<currency>[A-Z]{3})")
_WITHOUT_VALUE = ("is_empty", "is_not_empty")


def condition_row(name: str, cel: Any, around: Surroundings, place: Place, summary: str) -> Row:
    """The inputs of a condition, which may be none yet (`cel` is None). `name`: what the names of its
    inputs begin with."""
    text, definition = words(cel), around.definition
    row = Row(legend=summary, summary=summary, is_open=bool(text), place=place, note=text)
    rows = Rows() if not text else None if definition is None else conditions.rows_of(text, definition)
    if rows is None:
        row.kept = sentence(text, definition)
        row.boxes = [Box(f"{name}-kept", _("Keep this condition, which no fields can show"), "yes", "tick")]
        return row
    if len(rows.rows) > 1:
        row.boxes.append(_match_box(name, rows.all_or_any))
    row.rows = [_compared(name, number, one, around) for number, one in enumerate(rows.rows)]
    row.rows.append(_compared(name, len(rows.rows), None, around))
    if len(rows.rows) == 1:
        row.rows[-1].boxes.append(_match_box(name, rows.all_or_any))
    return row


def sentence(cel: Any, definition: Definition | None) -> str:
    """A condition in words; as it is written where there are none."""
    text = words(cel)
    return conditions.sentence(text, definition) if text and definition is not None else text


def _match_box(name: str, match: str) -> Box:
    choices = (("all", _("all of these hold")), ("any", _("any of these holds")))
    return Box(f"{name}-match", _("The whole holds if"), match, "choice", choices)


def _compared(name: str, number: int, one: Compared | None, around: Surroundings) -> Row:
    prefix = f"{name}-{number}"
    field = one.field if one else ""
    return Row(
        legend=_("Condition {number}").format(number=number + 1),
        boxes=[
            Box(f"{prefix}-field", _("If"), field, "choice", _subject_choices(around)),
            Box(
                f"{prefix}-is",
                _("Comparison"),
                one.comparison if one else "is",
                "choice",
                _comparison_choices(one, around),
            ),
            _value_box(f"{prefix}-value", one, around),
        ],
    )


def _subject_choices(around: Surroundings) -> list[tuple[str, str | Choices]]:
    form = [
        (name, subject.label)
        for name, subject in around.subjects.items()
        if "." not in name or _is_of_form(name, around)
    ]
    others = [
        (name, subject.label)
        for name, subject in around.subjects.items()
        if (name, subject.label) not in form
    ]
    return [("", "–"), *form, *([(_("What was decided before"), others)] if others else [])]


def _is_of_form(name: str, around: Surroundings) -> bool:
    return name.partition(".")[0] in around.fields


def _comparison_choices(one: Compared | None, around: Surroundings) -> list[tuple[str, str]]:
    """Those of its field; of a row that is still empty, all."""
    subject = around.subjects.get(one.field) if one else None
    if subject is not None:
        return [(key, conditions.name_of(key, subject.kind)) for key in subject.comparisons]
    return [(key, str(text)) for key, text in conditions.NAMES.items()]


def _value_box(name: str, one: Compared | None, around: Surroundings) -> Box:
    subject = around.subjects.get(one.field) if one else None
    value = one.value if one else None
    if subject is not None and subject.kind == "yes_no":
        return Box(name, _("Value"), words(value), "choice", (("yes", _("yes")), ("no", _("no"))))
    if subject is not None and subject.choices and isinstance(value, str):
        choices = list(subject.choices.items())
        return Box(
            name,
            _("Value"),
            value,
            "choice",
            choices if value in subject.choices else [*choices, (value, value)],
        )
    return Box(name, _("Value"), _value_words(value))


def _digits(number: Decimal) -> str:
    """Conditions are written with a decimal point always; people write 1000."""
    return f"{number:f}".removesuffix(".0")


def _value_words(value: Any) -> str:
    if isinstance(value, OtherField):
        return OTHER + value.name
    if isinstance(value, Amount):
        return f"{_digits(value.number)} {value.currency}"
    if isinstance(value, Decimal):
        return _digits(value)
    if isinstance(value, date):
        return value.isoformat()
    return ", ".join(value) if isinstance(value, tuple) else words(value)


# --- what a form says -------------------------------------------------------------------------------------


def condition_in(post: Mapping[str, str], name: str, old: Any, definition: Definition | None) -> Any:
    """What a form says of a condition: CEL, or None for none. `old`: what stands there, which stays if no rows show it.
    Rows that cannot be written are `condition_problems`."""
    if f"{name}-kept" in post:
        return old
    rows = [
        row
        for number in range(MOST_ROWS)
        if (row := _row_in(post, f"{name}-{number}", definition)) is not None
    ]
    if not rows or definition is None:
        return None
    is_any = post.get(f"{name}-match") == "any"
    new = Rows("any" if is_any else "all", tuple(rows))
    if isinstance(old, str) and conditions.rows_of(old, definition) == new:
        return old
    return conditions.written(new, definition)


def _row_in(post: Mapping[str, str], name: str, definition: Definition | None) -> Compared | None:
    field, comparison = post.get(f"{name}-field", ""), post.get(f"{name}-is", "")
    if not field:
        return None
    subject = conditions.subjects_of(definition).get(field) if definition is not None else None
    return Compared(field, comparison, _value_in(post.get(f"{name}-value", "").strip(), comparison, subject))


def _value_in(typed: str, comparison: str, subject: Subject | None) -> Any:
    """As it was typed, where it is no value of this kind: then it cannot be written, and that is said."""
    if comparison in _WITHOUT_VALUE:
        return None
    if subject is None:
        return typed
    if typed.startswith(OTHER) and len(typed) > 1:
        return OtherField(typed[1:].strip())
    if comparison in ("one_of", "none_of"):
        return tuple(_key_of(text, subject) for one in typed.split(",") if (text := one.strip()))
    if subject.kind in ("number", "money", "percent"):
        return _number_in(typed, subject)
    if subject.kind == "day":
        try:
            return date.fromisoformat(typed)
        except ValueError:
            return typed
    if subject.kind == "yes_no":
        return {"": True, "yes": True, _("yes"): True, "no": False, _("no"): False}.get(typed.lower(), typed)
    return _key_of(typed, subject)


def _number_in(typed: str, subject: Subject) -> Any:
    match = _AMOUNT.fullmatch(typed)
    number = match["number"] if match else typed
    plain = number.replace(" ", "").replace("\N{NO-BREAK SPACE}", "").replace("\N{NARROW NO-BREAK SPACE}", "")
    try:
        value = Decimal(formats.sanitize_separators(plain) if not _is_plain(plain) else plain)
    except InvalidOperation:
        return typed
    if match and subject.chooses_currency:
        return Amount(value, match["currency"])
    return value if match is None or match["currency"] in subject.currencies else typed


def _is_plain(number: str) -> bool:
    """“1000.50”, in whatever language the page is."""
    return re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", number) is not None


def _key_of(typed: str, subject: Subject) -> str:
    """Of a choice that was typed as people read it."""
    by_label = {label.casefold(): key for key, label in subject.choices.items()}
    return typed if typed in subject.choices else by_label.get(typed.casefold(), typed)


def condition_problems(post: Mapping[str, str], definition: Definition | None) -> dict[str, str]:
    """What of the conditions of a form cannot be written: sentences by the name of an input."""
    return dict(_problems(post, definition))


def _problems(post: Mapping[str, str], definition: Definition | None) -> Iterator[tuple[str, str]]:
    for name in post:
        match = _FIELD.fullmatch(name)
        row = _row_in(post, match["row"], definition) if match else None
        if match is None or row is None:
            continue
        if definition is None:
            yield (
                f"{match['row']}-field",
                _("Nothing of the draft can be read yet, so nothing can be compared."),
            )
            continue
        try:
            conditions.written(Rows("all", (row,)), definition)
        except RowInvalid as error:
            yield f"{match['row']}-value", str(error)
