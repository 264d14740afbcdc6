"""The data of a request as programs send and get it: what `placet.approvals.form_schema` describes, both ways.

An amount is a number where the form has one currency, and {"amount", "currency"} where it has several; a person is an
address; a date and a time are ISO 8601.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from decimal import Decimal
from typing import Any

from placet.api.problems import Error, Problem, pointer_of
from placet.approvals.definitions import Definition
from placet.approvals.form_numbers import minor_digits, plain
from placet.approvals.form_parts import FormField, Input
from placet.approvals.form_schema import schema_of
from placet.approvals.form_types import type_of

_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: (
        isinstance(value, int | float) and not isinstance(value, bool) and value == int(value)
    ),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}
_WORDS = {
    "string": "a text",
    "boolean": "true or false",
    "number": "a number",
    "integer": "a whole number",
    "array": "a list",
    "object": "an object",
}


def must_have_types(definition: Definition, data: Mapping[str, Any]) -> None:
    """Problem for each value that is of another type than the form's schema says. Whether it fits otherwise says the
    form itself, to people and programs alike."""
    if errors := list(_errors(schema_of(definition), data, ("data",))):
        raise Problem("invalid", errors=errors)


def _errors(schema: Mapping[str, Any], value: Any, path: tuple[str | int, ...]) -> Iterator[Error]:
    kind = schema.get("type", "string")  # what can be chosen has a list of texts in its place
    if not _TYPES[kind](value):
        yield Error(pointer_of(*path), f"This has to be {_WORDS[kind]}.")
    elif kind == "object":
        properties = schema.get("properties", {})
        for name, one in value.items():
            if name in properties:
                yield from _errors(properties[name], one, (*path, name))
            else:
                yield Error(
                    pointer_of(*path, name), "This form has no such field, or it is not sent in “data”."
                )
    elif kind == "array":
        for at, one in enumerate(value):
            yield from _errors(schema.get("items", {}), one, (*path, at))


def written(definition: Definition, data: Mapping[str, Any], hidden: Collection[str] = ()) -> dict[str, Any]:
    """What is kept of a form, but for files and what is `hidden`, as it would be sent."""
    return {
        field.name: _written(field, data[field.name])
        for field in definition.fields
        if data.get(field.name) is not None and field.name not in hidden and field.type != "files"
    }


def _written(field: Input, value: Any) -> Any:
    if field.type == "money":
        amount = plain(Decimal(value["minor"]).scaleb(-minor_digits(value["currency"])))
        return {"amount": amount, "currency": value["currency"]} if field.chooses_currency else amount
    if isinstance(field, FormField) and field.columns is not None:
        return [_row(field, row) for row in value]
    if field.type in ("number", "percent", "yes_no", "date_time"):
        return value
    return type_of(field).typed(value, field)


def _row(field: FormField, row: Mapping[str, Any]) -> dict[str, Any]:
    columns = field.columns or ()
    return {one.name: _written(one, row[one.name]) for one in columns if row.get(one.name) is not None}
