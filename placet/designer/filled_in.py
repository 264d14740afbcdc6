"""A form that is filled in to be looked at: something of each type, in words that nobody takes for a mistake."""

from typing import Any

from django.utils.translation import gettext as _

from placet.approvals.definitions import Definition
from placet.approvals.form import sample_data
from placet.approvals.form_parts import Input

#: What samples of texts, names and addresses say.
_PLACEHOLDER, _PLACEHOLDER_ADDRESS = "x", "x@x.example"
_ADDRESS = "somebody@example.com"


def readable_sample(definition: Definition) -> dict[str, Any]:
    """As `sample_data`, in the language that is active. Like that, it keeps to no limits that a form sets."""
    data = sample_data(definition)
    for field in definition.fields:
        if field.type == "table":
            columns = {column.name: column for column in field.columns or ()}
            data[field.name] = [
                {name: _readable(columns[name], value) for name, value in row.items()}
                for row in data[field.name]
            ]
        else:
            data[field.name] = _readable(field, data[field.name])
    return data


def _readable(field: Input, value: Any) -> Any:
    words = {
        "text": _("Some words"),
        "long_text": _("Some words"),
        "exact_text": _("Some words"),
        "email": _ADDRESS,
        "phone": "+1 555 0100",
        "url": "https://example.com/",
        "person": _("Somebody"),
        "people": _("Somebody"),
        "files": _("offer.pdf"),
    }
    if field.source is not None and field.source.table is not None:
        return _with_words(value, _("Some words"))
    return _with_words(value, words[field.type]) if field.type in words else value


def _with_words(value: Any, words: str) -> Any:
    """What is looked up by its key keeps that."""
    if isinstance(value, dict):
        return {name: inner if name == "key" else _with_words(inner, words) for name, inner in value.items()}
    if isinstance(value, list):
        return [_with_words(inner, words) for inner in value]
    if value == _PLACEHOLDER_ADDRESS:
        return _ADDRESS
    return words if value == _PLACEHOLDER else value
