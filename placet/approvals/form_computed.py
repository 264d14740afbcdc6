"""What expressions come to, as values of fields, and what is said where they come to none."""

from math import isfinite
from typing import Any

from django.utils.translation import gettext as _

from placet.approvals.field_types import Text, is_filled, type_of
from placet.approvals.form_numbers import (
    LARGEST_AMOUNT,
    SETTLED_DIGITS,
    minor_digits,
    must_be_within,
    plain,
    settled,
)
from placet.approvals.form_parts import Input

COMPUTED = ("number", "percent", "money", "text")  # the types of what can be computed


def please(one: Input) -> str:
    """What to do about a field that is needed and not filled in."""
    if one.type == "files":
        return _("Please add a file.")
    return (
        _("Please choose.") if one.type in ("choice", "choices", "cost_centre") else _("Please fill this in.")
    )


def cannot_be_computed() -> str:
    return _("This cannot be computed from what was entered. Please check the other fields.")


def as_entered(value: Any) -> Any:
    """What an expression came to, as somebody would enter it."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else ""
        case float():
            return f"{settled(value, SETTLED_DIGITS).normalize():f}" if _can_be_kept(value) else str(value)
        case list():
            return [str(one) for one in value]
        case dict():
            return {str(name): as_entered(one) for name, one in value.items()}
    return str(value)


def _can_be_kept(number: float) -> bool:
    return isfinite(number) and abs(number) <= LARGEST_AMOUNT  # zero by zero cannot even be compared


def computed_value(one: Input, value: Any) -> Any:
    """What is kept of what a field's expression came to, or ValueError with a sentence."""
    if value is None:
        return None
    kind = type_of(one)
    if isinstance(kind, Text):
        return kind.read(value, one) if is_filled(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not _can_be_kept(value):
        raise ValueError(_("This comes to no number that can be kept. Please check the other fields."))
    digits = minor_digits(one.main_currency) if one.type == "money" else one.digits
    number = settled(float(value), SETTLED_DIGITS if digits is None else digits)
    must_be_within(number, one)
    if one.type == "money":
        return {"minor": int(number.scaleb(minor_digits(one.main_currency))), "currency": one.main_currency}
    return plain(number)
