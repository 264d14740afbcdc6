"""Every type of field, tables too, and what conditions see of a field."""

from typing import Any

from placet.approvals import field_types
from placet.approvals.field_types import FieldType
from placet.approvals.form_parts import FormField, Input
from placet.approvals.form_tables import Table, sample_row, seen_totals

_TABLE = Table()


def type_of(field: Input) -> FieldType:
    return _TABLE if field.type == "table" else field_types.type_of(field)


def sample_of(field: FormField) -> Any:
    return [sample_row(field)] if field.type == "table" else field_types.sample_of(field)


def seen_values(field: FormField, value: Any) -> dict[str, Any]:
    """A field as conditions see it, and its totals; what is empty as zero, "" or nothing at all."""
    seen = type_of(field).empty if value is None else type_of(field).seen(value, field)
    beside = field_types.currency_seen(field.name, field, value)
    return {field.name: seen, **beside, **seen_totals(field, value)}


def names_of(field: FormField) -> frozenset[str]:
    """All that conditions know a field by."""
    return frozenset(seen_values(field, None))
