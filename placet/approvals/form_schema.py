"""A form as JSON Schema (2020-12): what another program sends to start a request.

It says what can be said of each field by itself. What depends on other fields is checked when it is sent, as ever; what
is computed, and files, are not sent in JSON.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from placet.approvals.definitions import Definition
from placet.approvals.field_types import least_people, longest_of, most_people
from placet.approvals.form_computed import as_entered
from placet.approvals.form_logic import sections_of
from placet.approvals.form_numbers import (
    LARGEST_AMOUNT,
    amount_and_currency,
    limit_of,
    minor_digits,
    plain,
    read_decimal,
)
from placet.approvals.form_parts import FormField, Input, Section
from placet.approvals.form_tables import least_rows, most_rows
from placet.lib.conditions import names_in, value_of

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_of(definition: Definition) -> dict[str, Any]:
    """Of everything that can be entered."""
    moving = {
        key
        for key, part, _section in sections_of(definition)
        if isinstance(part, Section) and part.show is not None
    }
    entered: list[FormField] = []
    needed: list[str] = []
    for _key, part, section in sections_of(definition):
        if not isinstance(part, FormField) or part.computed is not None or part.type == "files":
            continue
        entered.append(part)
        if part.required and part.show is None and part.default is None and section not in moving:
            needed.append(part.name)
    schema = {"$schema": DIALECT, "title": definition.name, **_object(entered, needed)}
    return schema | ({"description": definition.description} if definition.description else {})


def schema_of_questions(definition: Definition, step_key: str) -> dict[str, Any]:
    """Of what is asked in a step beside its outcome. One that only some outcomes need is none that is required here."""
    questions = definition.questions_of(step_key)
    return _object(questions, [one.name for one in questions if one.required])


def schema_of_filled(definition: Definition, step_key: str) -> dict[str, Any]:
    """Of the fields of the form that a step's people enter. None is required: one that is left out stays as it is."""
    filled = definition.filled_in(step_key)
    return _object([one for one in definition.fields if one.name in filled and one.type != "files"], [])


def _object(fields: Iterable[Input], needed: list[str]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {field.name: _described(field) for field in fields},
        **({"required": needed} if needed else {}),
        "additionalProperties": False,
    }


def _described(field: Input) -> dict[str, Any]:
    about: dict[str, Any] = {"title": field.label}
    notes = [field.help or "", _in_currency(field), _among(field), _of_table(field)]
    if any(notes):
        about["description"] = "\n".join(note for note in notes if note)
    about |= (
        _table(field) if isinstance(field, FormField) and field.type == "table" else _KINDS[field.type](field)
    )
    if isinstance(field, FormField):
        if field.default is not None and not names_in(field.default):
            about["default"] = _default(field, value_of(field.default, {}))
        if field.read_only == "true":
            about["readOnly"] = True
    return about


def _in_currency(field: Input) -> str:
    return f"In {field.main_currency}." if field.type == "money" and not field.chooses_currency else ""


def _among(field: Input) -> str:
    return f"Of the group “{field.among}”." if field.among else ""


def _of_table(field: Input) -> str:
    if field.source is None:
        return ""
    if field.source.field is not None:
        return f"Of the column “{field.source.column}” of {field.source.field}."
    return f"Of the column “{field.source.column}” of the table “{field.source.table}”."


def _default(field: Input, value: Any) -> Any:
    if field.type == "money" and field.chooses_currency:
        amount, currency = amount_and_currency(as_entered(value), field)
        return {"amount": plain(read_decimal(amount)), "currency": currency}
    return value if isinstance(value, bool | list | dict) or field.type in _NUMBERS else as_entered(value)


# --- by type ----------------------------------------------------------------------------------------------


def _text(field: Input) -> dict[str, Any]:
    about: dict[str, Any] = {"type": "string", "maxLength": longest_of(field)}
    return about | ({"pattern": f"^(?:{field.pattern})$"} if field.pattern else {})


def _number(field: Input) -> dict[str, Any]:
    is_money = field.type == "money"
    digits = max(map(minor_digits, field.currencies)) if is_money else field.digits
    low = limit_of(field.min)
    low = max(low or Decimal(), Decimal()) if is_money else low if low is not None else -LARGEST_AMOUNT
    high = limit_of(field.max)
    step = limit_of(field.step) if low in (0, -LARGEST_AMOUNT) else None  # steps are counted from the least
    if step is None and digits is not None:
        step = Decimal(1).scaleb(-digits)
    return {
        "type": "integer" if digits == 0 else "number",
        "minimum": plain(low),
        "maximum": plain(LARGEST_AMOUNT if high is None else high),
        **({} if step is None or (step == 1 and digits == 0) else {"multipleOf": plain(step)}),
    }


def _money(field: Input) -> dict[str, Any]:
    if not field.chooses_currency:
        return _number(field)
    currency = {"enum": list(field.currencies), "default": field.main_currency}
    return {
        "type": "object",
        "properties": {"amount": _number(field), "currency": currency},
        "required": ["amount"],
        "additionalProperties": False,
    }


def _chosen(field: Input) -> dict[str, Any]:
    if field.source is not None:
        return {"type": "string", "minLength": 1}
    return {"oneOf": [{"const": option.key, "title": option.text} for option in field.options or ()]}


def _person(field: Input) -> dict[str, Any]:
    return {"type": "string", "format": "email"}


def _people(field: Input) -> dict[str, Any]:
    least = {"minItems": least_people(field)} if field.required and field.min is not None else {}
    return {"type": "array", "items": _person(field), **least, "maxItems": most_people(field)}


def _period(field: Input) -> dict[str, Any]:
    day = {"type": "string", "format": "date"}
    return {
        "type": "object",
        "properties": {"from": day, "to": day},
        "required": ["from", "to"],
        "additionalProperties": False,
    }


def _table(field: FormField) -> dict[str, Any]:
    columns = [column for column in field.columns or () if column.computed is None]
    rows = _object(columns, [column.name for column in columns if column.required])
    least = max(1, least_rows(field)) if field.required else 0
    return {"type": "array", "items": rows, "minItems": least, "maxItems": most_rows(field)}


_NUMBERS = ("money", "number", "percent")
_KINDS: dict[str, Any] = {
    "text": _text,
    "long_text": _text,
    "exact_text": _text,
    "email": lambda field: {**_text(field), "format": "email"},
    "phone": _text,
    "url": lambda field: {**_text(field), "format": "uri"},
    "iban": _text,
    **dict.fromkeys(_NUMBERS, _number),
    "money": _money,
    "date": lambda field: {"type": "string", "format": "date"},
    "time": lambda field: {"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"},
    "date_time": lambda field: {"type": "string", "format": "date-time"},
    "period": _period,
    "yes_no": lambda field: {"type": "boolean"},
    "choice": _chosen,
    "cost_centre": _chosen,
    "choices": lambda field: {"type": "array", "items": _chosen(field), "uniqueItems": True},
    "person": _person,
    "people": _people,
}
