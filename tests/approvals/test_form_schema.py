"""A form as JSON Schema."""

import json
from typing import Any

import pytest

from placet.approvals.form import read_form
from placet.approvals.form_schema import schema_of
from tests.approvals.test_form_logic import TRAVEL
from tests.approvals.test_form_tables import LINES
from tests.approvals.test_processes import form


def described(**field: Any) -> dict[str, Any]:
    schema = schema_of(form({"name": "it", **field}, title="It"))
    json.dumps(schema)
    about = schema["properties"]["it"]
    assert about.pop("title") == "it"
    return about  # type: ignore[no-any-return]  # JSON


@pytest.mark.parametrize(
    ("field", "about"),
    [
        ({"type": "text"}, {"type": "string", "maxLength": 200}),
        (
            {"type": "text", "length": 8, "pattern": "a|b", "message": "No.", "help": "A or b"},
            {"type": "string", "maxLength": 8, "pattern": "^(?:a|b)$", "description": "A or b"},
        ),
        ({"type": "email"}, {"type": "string", "maxLength": 254, "format": "email"}),
        ({"type": "url"}, {"type": "string", "maxLength": 1000, "format": "uri"}),
        (
            {"type": "money", "currency": "EUR", "max": 500},
            {"type": "number", "minimum": 0, "maximum": 500, "multipleOf": 0.01, "description": "In EUR."},
        ),
        (
            {"type": "money", "currency": "JPY"},
            {"type": "integer", "minimum": 0, "maximum": 10**12, "description": "In JPY."},
        ),
        (
            {"type": "number", "step": 0.5},
            {"type": "number", "minimum": -(10**12), "maximum": 10**12, "multipleOf": 0.5},
        ),
        ({"type": "number", "min": 1, "digits": 0}, {"type": "integer", "minimum": 1, "maximum": 10**12}),
        (
            {"type": "percent", "max": 100, "digits": 1},
            {"type": "number", "minimum": -(10**12), "maximum": 100, "multipleOf": 0.1},
        ),
        ({"type": "date", "min": "today"}, {"type": "string", "format": "date"}),
        ({"type": "yes_no", "default": True}, {"type": "boolean", "default": True}),
        (
            {"type": "number", "default": 3, "read_only": True},
            {"type": "number", "minimum": -(10**12), "maximum": 10**12, "default": 3, "readOnly": True},
        ),
        (
            {
                "type": "choices",
                "options": ["a", {"key": "b", "label": {"en": "B", "fr": "Bé"}}],
                "default": "['a']",
            },
            {
                "type": "array",
                "items": {"oneOf": [{"const": "a", "title": "a"}, {"const": "b", "title": "B"}]},
                "uniqueItems": True,
                "default": ["a"],
            },
        ),
        (
            {"type": "people", "among": "board"},
            {
                "type": "array",
                "items": {"type": "string", "format": "email"},
                "maxItems": 20,
                "description": "Of the group “board”.",
            },
        ),
        (
            {"type": "people", "min": 2, "max": 3, "required": True},
            {
                "type": "array",
                "items": {"type": "string", "format": "email"},
                "minItems": 2,
                "maxItems": 3,
            },
        ),
        (
            {"type": "people", "min": 2},
            {"type": "array", "items": {"type": "string", "format": "email"}, "maxItems": 20},
        ),
    ],
)
def test_each_type_is_described(field: dict[str, Any], about: dict[str, Any]) -> None:
    assert described(**field) == about


def test_what_is_needed_in_any_case_is_required_and_what_is_computed_is_not_there() -> None:
    schema = schema_of(
        form(*TRAVEL, {"name": "offer", "type": "files"}, title="Travel", description="Trips.")
    )
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert (schema["title"], schema["description"]) == ("Purchase request", "Trips.")
    assert list(schema["properties"]) == ["goal", "abroad", "country", "visa", "days", "rate"]
    assert schema["required"] == ["goal"]
    assert schema["additionalProperties"] is False


def test_a_table_is_an_array_of_objects() -> None:
    about = described(**{**LINES, "name": "it", "label": "it", "required": True})
    assert (about["type"], about["minItems"], about["maxItems"]) == ("array", 1, 4)
    assert list(about["items"]["properties"]) == ["item", "number", "price", "gift"]
    assert about["items"]["required"] == ["item"]
    assert about["items"]["properties"]["number"] == {
        "title": "Number", "type": "integer", "minimum": 1, "maximum": 10**12,
    }  # fmt: skip


def test_what_the_schema_lets_in_is_read() -> None:
    definition = form(
        {"name": "price", "type": "money", "currency": "JPY"},
        {"name": "rate", "type": "percent", "digits": 0},
        {"name": "ok", "type": "yes_no"},
        {"name": "away", "type": "period"},
        LINES,
        title="It",
    )
    sent = json.loads(
        '{"price": 1250.0, "rate": 7, "ok": true, "away": {"from": "2026-08-03", "to": "2026-08-14"},'
        ' "lines": [{"item": "Desk", "number": 2, "price": 12.5, "gift": false}]}'
    )
    data = read_form(definition, sent)
    assert data["price"] == {"minor": 1250, "currency": "JPY"}
    assert (data["rate"], data["ok"]) == (7, True)
    assert data["lines"][0]["sum"] == {"minor": 2500, "currency": "EUR"}
