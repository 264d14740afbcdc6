"""What of a form depends on what else of it: shown, needed, fixed, filled in by itself, computed."""

import json
from typing import Any

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from placet.accounts.models import Person
from placet.approvals import attachments, engine
from placet.approvals.definitions import Definition, definition_of
from placet.approvals.form import FormInvalid, condition_values, facts, facts_as_read, read_form, words_of
from placet.approvals.form_logic import Standing, fill
from placet.approvals.models import Draft
from placet.approvals.processes import DefinitionInvalid, publish
from tests.approvals.test_processes import changed, form

TRAVEL: list[dict[str, Any]] = [
    {"name": "goal", "type": "text", "required": True},
    {"name": "abroad", "type": "yes_no"},
    {"type": "section", "label": "Abroad", "show": "abroad"},
    {"name": "country", "type": "choice", "options": ["France", "Japan"], "required": True},
    {"name": "visa", "type": "text", "require": "country == 'Japan'"},
    {"type": "text_block", "text": "Ask at the embassy.", "show": "visa != ''"},
    {"type": "section", "label": "Money"},
    {"name": "days", "type": "number", "default": "1.0"},
    {
        "name": "rate",
        "type": "money",
        "currency": "EUR",
        "default": "abroad ? 50 : 25",
        "read_only": "abroad",
    },
    {"name": "total", "type": "money", "currency": "EUR", "computed": "days * rate", "max": 1000},
]


def travel(*more: dict[str, Any], title: str = "Travel") -> Definition:
    return form(*TRAVEL, *more, title=title)


def problems_of(*fields: dict[str, Any], **more: Any) -> list[str]:
    with pytest.raises(DefinitionInvalid) as error:
        form(*fields, title="Travel", **more)
    return error.value.problems


def errors_of(entered: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(FormInvalid) as error:
        read_form(travel(), entered)
    return error.value.errors


# --- shown, needed, fixed -------------------------------------------------------------------------------------


def test_what_is_not_shown_holds_nothing_and_is_not_checked() -> None:
    entered = {"goal": "Lyon", "abroad": "", "country": "nowhere", "visa": "\x00"}
    data = read_form(travel(), entered)
    assert data == {
        "goal": "Lyon", "abroad": False, "country": None, "visa": None, "days": 1,
        "rate": {"minor": 2500, "currency": "EUR"}, "total": {"minor": 2500, "currency": "EUR"},
    }  # fmt: skip
    assert list(data) == ["goal", "abroad", "country", "visa", "days", "rate", "total"]
    assert [fact.label for fact in facts(travel(), data)] == ["goal", "abroad", "days", "rate", "total"]
    assert condition_values(travel(), data)["country"] == ""


def test_what_a_section_holds_is_shown_with_it() -> None:
    filled = fill(travel(), {"abroad": "yes", "country": "Japan"})
    assert filled.standings == {
        "goal": Standing(required=True),
        "abroad": Standing(),
        "2": Standing(),
        "country": Standing(required=True),
        "visa": Standing(required=True),
        "5": Standing(shown=False),
        "6": Standing(),
        "days": Standing(),
        "rate": Standing(fixed=True),
        "total": Standing(fixed=True),
    }
    assert filled.errors == {"goal": "Please fill this in.", "visa": "Please fill this in."}
    assert not fill(travel(), {"visa": "x"}).shows("5")  # its section is not there


def test_what_is_needed_depends_on_the_other_fields() -> None:
    assert errors_of({"goal": "Kyoto", "abroad": "yes", "country": "Japan"}) == {
        "visa": "Please fill this in."
    }
    assert read_form(travel(), {"goal": "Lyon", "abroad": "yes", "country": "France"})["visa"] is None


def test_two_fields_may_require_each_other() -> None:
    either = form(
        {"name": "mail", "type": "email", "require": "phone == ''"},
        {"name": "phone", "type": "phone", "require": "mail == ''"},
        title="Call",
    )
    assert read_form(either, {"phone": "030 901820"}) == {"mail": None, "phone": "030 901820"}
    with pytest.raises(FormInvalid) as error:
        read_form(either, {})
    assert set(error.value.errors) == {"mail", "phone"}


@pytest.mark.django_db
def test_files_of_a_field_that_is_not_shown_are_not_sent(alice: Person) -> None:
    source = changed("form", 3, "show", to="amount > 100.0")
    version = publish(source)
    draft = Draft.objects.create(person=alice, process=version.process, version=version)
    attachments.keep(draft, "quotes", SimpleUploadedFile("a.pdf", b"%PDF"), alice)
    request = engine.start(version, alice, {"item": "Desk", "amount": "5"}, draft)
    assert request.data["quotes"] is None
    assert request.attachments.count() == 0


# --- what stands there by itself ------------------------------------------------------------------------------


def test_a_default_is_what_nobody_has_said_otherwise() -> None:
    assert read_form(travel(), {"goal": "Lyon"})["days"] == 1
    assert read_form(travel(), {"goal": "Lyon", "days": "3"})["days"] == 3
    assert read_form(travel(), {"goal": "Lyon", "days": ""})["days"] is None  # somebody emptied it


def test_a_default_says_nothing_where_what_it_comes_of_does_not_fit() -> None:
    definition = form(
        {"name": "when", "type": "period"},
        {"name": "days", "type": "number", "default": "when.days", "min": 1, "required": True},
        title="Away",
    )
    with pytest.raises(FormInvalid) as error:
        read_form(definition, {"when": {"from": "2026-12-31", "to": "2026-12-30"}})
    assert error.value.errors == {"when": "The last day is before the first one."}


def test_what_is_read_only_is_its_default_whatever_is_sent() -> None:
    entered = {"goal": "Lyon", "country": "France", "rate": "999"}
    assert read_form(travel(), {**entered, "abroad": "yes"})["rate"]["minor"] == 5000
    assert read_form(travel(), entered)["rate"]["minor"] == 99_900


@time_machine.travel("2026-11-29T23:30:00Z", tick=False)
def test_today_is_the_day_of_whoever_fills_the_form() -> None:
    definition = form({"name": "it", "type": "date", "default": "today", "min": "today"}, title="Day")
    with timezone.override("Europe/Berlin"):
        assert read_form(definition, {}) == {"it": "2026-11-30"}
    with timezone.override("America/New_York"):
        assert read_form(definition, {}) == {"it": "2026-11-29"}


@pytest.mark.parametrize(
    ("field", "kept"),
    [
        ({"type": "yes_no", "default": True}, True),
        ({"type": "number", "default": 3}, 3),
        ({"type": "number", "default": "0.1 + 0.2"}, 0.3),
        ({"type": "money", "currency": "JPY", "default": 2.0}, {"minor": 2, "currency": "JPY"}),
        ({"type": "choices", "options": ["a", "b"], "default": "['b', 'a']"}, ["a", "b"]),
        (
            {"type": "period", "default": "{'from': today, 'to': today}"},
            {"from": "2026-11-29", "to": "2026-11-29"},
        ),
        ({"type": "time", "default": "'08:00'"}, "08:00"),
    ],
)
@time_machine.travel("2026-11-29T12:00:00Z", tick=False)
def test_defaults_of_every_kind(field: dict[str, Any], kept: Any) -> None:
    assert read_form(form({"name": "it", **field}, title="It"), {}) == {"it": kept}


# --- computed -------------------------------------------------------------------------------------------------


def test_what_is_computed_is_computed_by_us() -> None:
    data = read_form(travel(), {"goal": "Lyon", "days": "3", "rate": "19.99", "total": "1"})
    assert data["total"] == {"minor": 5997, "currency": "EUR"}


@pytest.mark.parametrize(
    ("kind", "expression", "value"),
    [
        ("number", "0.1 + 0.2", 0.3),
        ("number", "1.0 / 3.0", 0.333333),
        ("money", "1.1 * 1.15", {"minor": 127, "currency": "EUR"}),  # 1.265, not 1.26499999999999
        ("money", "1.005 * 1.0", {"minor": 101, "currency": "EUR"}),
        ("money", "2.5 - 5.0", {"minor": -250, "currency": "EUR"}),
        ("percent", "19.0", 19),
        ("text", "'a' + 'b'", "ab"),
        ("text", "''", None),
        ("number", "null", None),
    ],
)
def test_computed_numbers_are_rounded_as_people_round(kind: str, expression: str, value: Any) -> None:
    about = {"currency": "EUR"} if kind == "money" else {}
    assert read_form(form({"name": "it", "type": kind, "computed": expression, **about}, title="It"), {}) == {
        "it": value
    }


def test_what_is_computed_has_limits_too() -> None:
    assert errors_of({"goal": "Lyon", "days": "50"}) == {"total": "At most 1,000.00 EUR, please."}


@pytest.mark.parametrize("divisor", ["0", "0.0000000000001"])
def test_what_comes_to_no_number_is_said(divisor: str) -> None:
    share = form(
        {"name": "n", "type": "number", "default": 1},
        {"name": "it", "type": "number", "computed": "1.0 / n"},
        title="It",
    )
    with pytest.raises(FormInvalid) as error:
        read_form(share, {"n": divisor})
    assert error.value.errors == {
        "it": "This comes to no number that can be kept. Please check the other fields."
    }


def test_nothing_is_said_of_what_is_computed_from_a_slip() -> None:
    assert errors_of({"goal": "Lyon", "days": "many"}) == {"days": "Please write a number, such as 1250.00."}


def test_what_cannot_be_told_is_shown_and_needed() -> None:
    definition = form(
        {"name": "names", "type": "choices", "options": ["a"], "default": "['a']"},
        {"name": "it", "type": "text", "show": "names[0] == 'b'", "require": "names[0] == 'b'"},
        {"name": "sum", "type": "text", "computed": "names[0]"},
        title="It",
        check=False,
    )
    filled = fill(definition, {"names": []})
    assert filled.standings["it"] == Standing(shown=True, required=True)
    assert (
        filled.errors["sum"]
        == "This cannot be computed from what was entered. Please check the other fields."
    )


# --- before it is published -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ([{"name": "a", "type": "text", "show": "b =="}], "form: a: show: “b ==” is not a condition"),
        (
            [{"name": "a", "type": "text", "show": "b"}],
            "form: a: show: there is no field b; a text stands in quotes",
        ),
        (
            [{"name": "a", "type": "text", "default": "Berlin"}],
            "form: a: default: there is no field Berlin; a text stands in quotes",
        ),
        (
            [{"name": "a", "type": "number", "default": "'x'"}],
            "form: a: default: Please write a number, such as 1250.00.",
        ),
        (
            [{"name": "a", "type": "choice", "options": ["x"], "default": "'y'"}],
            "form: a: default: Please choose one of the answers that are offered.",
        ),
        ([{"name": "a", "type": "text", "require": "1"}], "form: a: require: “1” is neither true nor false."),
        ([{"name": "a", "type": "number", "computed": "'x'"}], "form: a: computed: “'x'” gives no number"),
        ([{"name": "a", "type": "text", "computed": "1"}], "form: a: computed: “1” gives no text"),
        (
            [{"name": "n", "type": "number"}, {"name": "a", "type": "number", "computed": "n * 2"}],
            "so write 2.0 and not 2.",
        ),
        (
            [
                {"name": "n", "type": "choices", "options": ["x"]},
                {"name": "a", "type": "text", "show": "n[0] == 'x'"},
            ],
            "form: a: show: “n[0] == 'x'” cannot be evaluated",
        ),
        (
            [{"name": "a", "type": "date", "computed": "today"}],
            "form: a: what is computed is one of number, percent, money, text, and not date",
        ),
        (
            [{"name": "a", "type": "text", "computed": "'x'", "required": True}],
            "form: a: it is computed, so leave required out",
        ),
        (
            [{"name": "a", "type": "text", "computed": "'x'", "default": "'y'"}],
            "form: a: it is computed, so leave default out",
        ),
        (
            [{"name": "a", "type": "text", "required": True, "require": "true"}],
            "form: a: it is required, so leave require out",
        ),
        ([{"name": "a", "type": "files", "default": "'x'"}], "form: a: files take no default"),
        ([{"type": "section", "label": "A", "show": "x"}], "form: part 1: show: there is no field x"),
        ([{"type": "section"}], "form.0.section.label: Field required"),
        (
            [{"type": "text_block", "text": "A", "label": "B"}],
            "form.0.text_block.label: Extra inputs are not permitted",
        ),
        (
            [{"name": "a", "type": "text", "show": "x" * 2001}],
            "form.0.show: String should have at most 2000 characters",
        ),
    ],
)
def test_expressions_are_tried_before_anybody_depends_on_them(
    fields: list[dict[str, Any]], sentence: str
) -> None:
    found = problems_of(*fields)
    assert any(sentence in problem for problem in found), found


@pytest.mark.parametrize(
    ("fields", "circle"),
    [
        ([{"name": "a", "type": "text", "show": "a == ''"}], "a → a"),
        (
            [
                {"name": "a", "type": "text", "show": "b == ''"},
                {"name": "b", "type": "text", "default": "c"},
                {"name": "c", "type": "text", "computed": "a"},
            ],
            "a → b → c → a",
        ),
        ([{"type": "section", "label": "A", "show": "a"}, {"name": "a", "type": "yes_no"}], "0 → a → 0"),
    ],
)
def test_circles_are_found(fields: list[dict[str, Any]], circle: str) -> None:
    [problem] = problems_of(*fields)
    names = circle.split(" → ")
    shown = problem.removeprefix("form: ").partition(":")[0].split(" → ")
    assert shown[0] == shown[-1]
    assert set(shown) == set(names)
    assert problem.endswith("these depend on each other in a circle; no order is left to look at them in")


@pytest.mark.django_db
def test_a_version_keeps_what_it_says_of_its_form() -> None:
    source = changed(
        "form", to=[{"label": one.get("name", ""), **one} if "name" in one else one for one in TRAVEL]
    )
    source |= {
        "title": "Travel",
        "transitions": [t for t in source["transitions"] if "when" not in t and t["from"] != "finance"],
    }
    del source["steps"]["finance"]
    version = publish(source)
    assert version.definition["form"][2] == {"type": "section", "label": "Abroad", "show": "abroad"}
    assert version.definition["form"][5] == {
        "type": "text_block",
        "text": "Ask at the embassy.",
        "show": "visa != ''",
    }
    assert read_form(definition_of(version), {"goal": "Lyon"})["days"] == 1


# --- whatever is entered --------------------------------------------------------------------------------------

_TEXT = st.text(max_size=8) | st.sampled_from(
    ["1", "yes", "2026-01-01", "14:30", "France", "1e9", "-0", "0.005"]
)
_ENTERED = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXT,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(_TEXT | st.sampled_from(["n", "from", "to"]), inner, max_size=3)
    ),
    max_leaves=8,
)
_KINDS = [
    "text", "long_text", "money", "number", "date", "yes_no", "email", "phone", "url", "iban", "percent", "time",
    "date_time", "period", "choice", "choices", "table",
]  # fmt: skip


def _of_every_kind() -> Definition:
    about: dict[str, dict[str, Any]] = {
        "money": {"currency": "EUR", "step": 0.05},
        "number": {"min": -5, "step": 2},
        "choice": {"options": ["France", "1"]},
        "choices": {"options": ["France", "1"]},
        "table": {
            "columns": [
                {"name": "n", "label": "N", "type": "number"},
                {"name": "half", "label": "Half", "type": "number", "computed": "1.0 / n"},
            ],
            "totals": [{"name": "sum", "label": "Sum", "sum": "half"}],
            "unique": "n",
        },
    }
    fields = [{"name": kind, "type": kind, **about.get(kind, {})} for kind in _KINDS]
    ratio = {
        "name": "ratio",
        "type": "number",
        "computed": "number / sum",
        "show": "yes_no || size(choices) > 0",
    }
    return form(
        *fields,
        ratio,
        {"name": "more", "type": "text", "default": "text + long_text", "require": "ratio > 1.0"},
        title="All",
    )


_ALL = _of_every_kind()


@pytest.mark.parametrize(("a", "b"), [("0", "0"), ("1", "0"), ("", "")])
def test_what_is_divided_by_nothing_is_answered_in_words(a: str, b: str) -> None:
    number = {"type": "number"}
    definition = form(
        {"name": "a", **number},
        {"name": "b", **number},
        {"name": "ratio", **number, "computed": "a / b"},
        {"name": "part", **number, "default": "a / b"},
        title="Ratio",
    )
    errors = fill(definition, {"a": a, "b": b}).errors
    assert errors["ratio"] == "This comes to no number that can be kept. Please check the other fields."
    assert errors["part"].startswith("Please write a number")


@given(st.dictionaries(st.sampled_from([*_KINDS, "ratio", "more"]), _ENTERED, max_size=6))
def test_whatever_is_entered_is_kept_and_shown_or_answered_in_words(entered: dict[str, Any]) -> None:
    filled = fill(_ALL, entered)
    assert all(said.endswith(".") for said in filled.errors.values()), filled.errors
    json.dumps(filled.data, allow_nan=False)
    condition_values(_ALL, filled.data)
    shown = [facts(_ALL, filled.data), facts_as_read(_ALL, filled.data)]
    assert len(shown[0]) == len(shown[1])
    words_of(_ALL, filled.data)
