"""Amounts whose currency is chosen: what is kept, what conditions see, and that no sum mixes two of them."""

from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placet.accounts.models import Person
from placet.approvals import calling, engine
from placet.approvals.answers import as_typed
from placet.approvals.definitions import Definition, definition_of
from placet.approvals.form import FormInvalid, condition_values, facts, facts_hash, read_form, title_of
from placet.approvals.form_numbers import minor_digits
from placet.approvals.form_schema import schema_of
from placet.approvals.form_types import type_of
from placet.approvals.models import Assignment, Decision, Request
from placet.approvals.processes import parse_definition, publish
from placet.approvals.questions import asked_in
from placet.lib.conditions import holds
from tests.approvals.test_field_types import as_read, wrong
from tests.approvals.test_processes import changed, complaint, form, problems, read
from tests.making import one_step

CHOSEN: dict[str, Any] = {"currency": ["EUR", "USD", "JPY"]}
COSTS: dict[str, Any] = {
    "name": "costs",
    "label": "Costs",
    "type": "table",
    "columns": [{"name": "price", "label": "Price", "type": "money", **CHOSEN}],
    "totals": [
        {"name": "total", "label": "Total", "sum": "price"},
        {"name": "dearest", "label": "Dearest", "max": "price"},
        {"name": "how_many", "label": "Number", "count": "price"},
    ],
}


def costs(*prices: str) -> dict[str, Any]:
    return {"costs": [{"price": price} for price in prices]}


def table(*more: dict[str, Any]) -> Definition:
    return form(COSTS, *more, title="Costs {total} {total_currency}")


# --- one amount -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entered", "minor", "currency"),
    [
        ({"amount": "1,250.50", "currency": "USD"}, 125050, "USD"),
        ({"amount": " 1250 ", "currency": " jpy "}, 1250, "JPY"),
        ({"amount": 12.5, "currency": "USD"}, 1250, "USD"),
        ({"amount": 0, "currency": "USD"}, 0, "USD"),
        ({"amount": "7"}, 700, "EUR"),
        ({"amount": "7", "currency": ""}, 700, "EUR"),
        ("7", 700, "EUR"),
        (7.0, 700, "EUR"),
        ("7 USD", 700, "USD"),
        ("usd 7", 700, "USD"),
    ],
)
def test_an_amount_is_kept_with_the_currency_that_was_chosen(entered: Any, minor: int, currency: str) -> None:
    assert read("money", entered, **CHOSEN) == {"minor": minor, "currency": currency}


@pytest.mark.parametrize(
    ("entered", "sentence"),
    [
        ({"amount": "7", "currency": "GBP"}, "Amounts are in EUR, USD, JPY here."),
        ({"amount": "7", "currency": "<b>"}, "Amounts are in EUR, USD, JPY here."),
        ({"amount": "7", "currency": ["USD"]}, "Amounts are in EUR, USD, JPY here."),
        ({"amount": "7", "currency": "USD", "minor": 1}, "Please write an amount and its currency."),
        ({"amount": "x", "currency": "USD"}, "Please write a number, such as 1250.00."),
        ({"amount": ["7"], "currency": "USD"}, "Please write a number, such as 1250.00."),
        ({"amount": "7.5", "currency": "JPY"}, "At most 0 digits after the point"),
        ({"amount": "-1", "currency": "USD"}, "An amount cannot be negative."),
        ("7 GBP", "Amounts are in EUR, USD, JPY here."),
        ("USD 7 EUR", "Please write a number, such as 1250.00."),
    ],
)
def test_what_was_not_offered_is_refused(entered: Any, sentence: str) -> None:
    assert complaint("money", entered, **CHOSEN).startswith(sentence)


def test_a_currency_without_an_amount_is_no_value() -> None:
    assert read("money", {"amount": " ", "currency": "USD"}, **CHOSEN) is None
    with pytest.raises(FormInvalid) as error:
        read_form(
            form({"name": "it", "type": "money", "required": True, **CHOSEN}),
            {"it": {"amount": "", "currency": "USD"}},
        )
    assert error.value.errors == {"it": "Please fill this in."}


def test_a_limit_is_said_in_the_currency_that_was_chosen() -> None:
    assert complaint("money", "7 USD", max=5, **CHOSEN) == "At most 5.00 USD, please."


def test_conditions_see_the_number_and_beside_it_the_currency() -> None:
    definition = form(
        {"name": "it", "type": "money", **CHOSEN}, {"name": "old", "type": "money", "currency": "EUR"}
    )
    empty = condition_values(definition, {})
    assert (empty["it"], empty["it_currency"]) == (0.0, "")
    seen = condition_values(definition, read_form(definition, {"it": "7.50 USD", "old": "1"}))
    assert (seen["it"], seen["it_currency"], seen["old"]) == (7.5, "USD", 1.0)
    assert "old_currency" not in seen
    assert holds("it > 7 && it_currency == 'USD'", seen)


def test_people_read_the_currency_behind_the_amount() -> None:
    kept = {"minor": 125050, "currency": "USD"}
    assert as_read("money", kept, **CHOSEN) == "1,250.50 USD"
    assert as_read("money", kept, "fr", **CHOSEN).endswith(" USD")


@given(st.integers(0, 10**9), st.sampled_from(["EUR", "USD", "JPY", "BHD"]))
def test_what_is_kept_can_be_entered_once_more(minor: int, currency: str) -> None:
    definition = form({"name": "it", "type": "money", "currency": ["EUR", "USD", "JPY", "BHD"]})
    [field] = definition.fields
    kept = {"minor": minor, "currency": currency}
    typed = type_of(field).typed(kept, field)
    assert read_form(definition, {"it": typed})["it"] == kept
    amount = Decimal(minor).scaleb(-minor_digits(currency))
    assert read_form(definition, {"it": f"{amount:f} {currency}"})["it"] == kept


# --- tables ---------------------------------------------------------------------------------------------------


def test_rows_in_one_currency_have_a_total_in_it() -> None:
    definition = table()
    data = read_form(definition, costs("7 USD", "3.50 USD"))
    [fact] = facts(definition, data)
    assert fact.text == "7.00 USD\n3.50 USD\nTotal: 10.50 USD\nDearest: 7.00 USD\nNumber: 2"
    seen = condition_values(definition, data)
    assert (seen["total"], seen["total_currency"]) == (10.5, "USD")
    assert holds("costs.exists(c, c.price > 5.0 && c.price_currency == 'USD')", seen)
    assert title_of(definition, data) == "Costs 10.50 USD USD"


def test_rows_in_two_currencies_have_no_total_and_that_is_said() -> None:
    with pytest.raises(FormInvalid) as error:
        read_form(table(), costs("7 USD", "3 EUR"))
    assert error.value.errors == {
        "costs": "“Total” cannot be reckoned: there are amounts in EUR, USD. Write all of them in one currency."
    }
    counted = form({**COSTS, "totals": [{"name": "how_many", "label": "Number", "count": "price"}]})
    assert condition_values(counted, read_form(counted, costs("7 USD", "3 EUR")))["how_many"] == 2


def test_a_row_in_which_only_a_currency_was_chosen_is_empty() -> None:
    rows = {"costs": [{"price": {"amount": "", "currency": "USD"}}]}
    assert read_form(form(COSTS), rows)["costs"] is None
    with pytest.raises(FormInvalid) as error:
        read_form(form({**COSTS, "required": True}), rows)
    assert error.value.errors == {"costs": "Please fill this in."}


@given(st.lists(st.tuples(st.integers(0, 10**6), st.sampled_from(["EUR", "USD", "JPY"])), max_size=8))
def test_no_total_is_ever_of_two_currencies(amounts: list[tuple[int, str]]) -> None:
    by_currency: dict[str, int] = defaultdict(int)
    for amount, currency in amounts:
        by_currency[currency] += amount
    definition = table()
    entered = costs(*(f"{amount} {currency}" for amount, currency in amounts))
    if len(by_currency) > 1:
        with pytest.raises(FormInvalid, match="cannot be reckoned"):
            read_form(definition, entered)
        return
    seen = condition_values(definition, read_form(definition, entered))
    currency, total = next(iter(by_currency.items()), ("EUR", 0))
    assert (seen["total"], seen["total_currency"]) == (total, currency)


# --- publishing -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "problem"),
    [
        ({"type": "money", "currency": ["EUR", "EUR"]}, "the same currency stands there twice"),
        ({"type": "money", "currency": ["EUR", "euro"]}, "write three capitals such as EUR"),
        ({"type": "money", "currency": []}, "form.2.currency"),
        ({"type": "text", "currency": ["EUR", "USD"]}, "it: several currencies belong to a field of the type money"),
        (
            {"type": "money", **CHOSEN, "computed": "amount * 2.0"},
            "it: what is computed is in one currency, so say one",
        ),
        ({"type": "money", **CHOSEN, "default": "'7 GBP'"}, "it: default: Amounts are in EUR, USD, JPY here."),
    ],
)  # fmt: skip
def test_publishing_says_what_a_field_cannot_say(field: dict[str, Any], problem: str) -> None:
    assert any(problem in one for one in wrong(**field)), wrong(**field)


def _source(*parts: dict[str, Any]) -> dict[str, Any]:
    item = {"name": "item", "label": "Item", "type": "text"}
    return changed("form", to=[item, {"name": "amount", "label": "A", "type": "money", **CHOSEN}, *parts])


def _form(*parts: dict[str, Any]) -> list[str]:
    return problems(_source(*parts))


def test_names_for_currencies_are_taken() -> None:
    text = {"name": "amount_currency", "label": "Currency", "type": "text"}
    assert "form: two fields are called amount_currency" in _form(text)
    column = {"name": "price_currency", "label": "Currency", "type": "text"}
    assert "form: costs: two columns are called price_currency" in _form(
        {**COSTS, "columns": [*COSTS["columns"], column]}
    )


def test_nothing_is_computed_from_a_number_whose_currency_nobody_looked_at() -> None:
    field = {"name": "half", "label": "Half", "type": "money", "currency": "EUR", "computed": "amount * 0.5"}
    [problem] = _form(field)
    assert problem == (
        "form: half: amount may be in several currencies; look at amount_currency too, such as "
        "“amount_currency == 'EUR' ? … : …”, because this is in EUR"
    )
    rated = "amount_currency == 'USD' ? amount * 0.9 : amount"
    parse_definition(_source({**field, "computed": rated}))
    column = {**field, "computed": "price * 0.5"}
    assert any("costs.half: price may be in" in one for one in _form({**COSTS, "columns": [
        *COSTS["columns"], column]}))  # fmt: skip


def test_what_stands_there_by_itself_takes_the_currency_along() -> None:
    other = {"name": "other", "label": "Other", "type": "money", **CHOSEN}
    [problem] = _form({**other, "default": "amount"})
    assert "such as “{'amount': amount, 'currency': amount_currency}”" in problem
    definition = form(
        {"name": "amount", "label": "A", "type": "money", **CHOSEN},
        {**other, "default": "{'amount': amount, 'currency': amount_currency}"},
    )
    assert read_form(definition, {"amount": "7 JPY"})["other"] == {"minor": 7, "currency": "JPY"}


@pytest.mark.django_db
def test_another_process_is_called_with_the_currency(alice: Person, bob: Person) -> None:
    own = _source(COSTS)["form"]
    called = one_step([{"manager": True}], form=own) | {"key": "called"}
    publish(called)
    caller = one_step([{"manager": True}], form=own)
    caller["steps"]["step"] = {
        "kind": "call",
        "name": "Call",
        "process": "called",
        "data": {"item": "item", "amount": "amount", "costs": "costs"},
    }
    caller["transitions"] = [
        {"from": "step", "outcome": "approved", "to": "approved"},
        {"from": "step", "outcome": "rejected", "to": "rejected"},
        {"from": "step", "outcome": "withdrawn", "to": "rejected"},
    ]
    assert any("data: amount: amount may be in several currencies" in one for one in problems(caller))
    caller["steps"]["step"]["data"]["amount"] = "{'amount': amount, 'currency': amount_currency}"
    entered = {"item": "Desk", "amount": "7 JPY", **costs("3.50 USD")}
    engine.start(publish(caller), alice, entered)
    for row in calling.due(10):
        calling.work(row)
    data = Request.objects.get(version__process__key="called").data
    assert data["amount"] == {"minor": 7, "currency": "JPY"}
    assert data["costs"] == [{"price": {"minor": 350, "currency": "USD"}}]


@pytest.mark.django_db
def test_a_limit_is_not_compared_with_an_amount_in_any_currency() -> None:
    source = one_step(
        [{"managers": {"until": "limit >= amount"}}],
        form=_source()["form"],
    )
    assert any(
        "amount may be in several currencies; look at amount_currency too" in one for one in problems(source)
    )
    source["steps"]["step"]["ask"] = [
        {"managers": {"until": "limit >= (amount_currency == 'USD' ? amount * 0.9 : amount)"}}
    ]
    parse_definition(source)


def test_json_schema_has_the_amount_and_its_currency() -> None:
    definition = form({"name": "it", "type": "money", "default": "'7 USD'", **CHOSEN})
    about = schema_of(definition)["properties"]["it"]
    assert about["properties"]["currency"] == {"enum": ["EUR", "USD", "JPY"], "default": "EUR"}
    assert about["properties"]["amount"]["multipleOf"] == 0.01
    assert about["default"] == {"amount": 7, "currency": "USD"}
    assert read_form(definition, {"it": about["default"]})["it"] == {"minor": 700, "currency": "USD"}


# --- replies --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "minor", "currency"),
    [("1250 USD", 125000, "USD"), ("$ 12.50", 1250, "USD"), ("12,50 €", 1250, "EUR"), ("USD 7.", 700, "USD")],
)
def test_a_reply_names_the_currency(written: str, minor: int, currency: str) -> None:
    [field] = form({"name": "it", "type": "money", **CHOSEN}).fields
    assert type_of(field).read(as_typed(written, field), field) == {"minor": minor, "currency": currency}


def test_a_reply_that_does_not_name_it_is_asked_back() -> None:
    [field] = form({"name": "it", "type": "money", **CHOSEN}).fields
    with pytest.raises(ValueError, match="the currency too, such as “1250 EUR” or “1250 USD”"):
        as_typed("1250", field)
    [dollars] = form({"name": "it", "type": "money", "currency": ["USD", "CAD"]}).fields
    with pytest.raises(ValueError, match="Please write the currency too"):
        as_typed("$5", dollars)


@pytest.mark.django_db
def test_a_question_and_a_request_go_through_with_it(alice: Person, bob: Person) -> None:
    asked: dict[str, Any] = {"name": "price", "label": "Price", "type": "money", "required": True, **CHOSEN}
    amount = {"name": "amount", "label": "A", "type": "money", **CHOSEN}
    source = one_step([{"manager": True}], form=[{"name": "item", "label": "I", "type": "text"}, amount])
    source["steps"]["step"]["questions"] = [asked]
    version = publish(source)
    request = engine.start(version, alice, {"item": "Desk", "amount": "7 USD"})
    definition = definition_of(version)
    [question] = asked_in(definition, "step")
    assert question.takes == "an amount with its currency (EUR, USD, JPY), such as 1250.00 EUR"
    shown = facts_hash(request, definition, "step")
    request.data["amount"]["currency"] = "JPY"
    assert facts_hash(request, definition, "step") != shown
    seat = Assignment.objects.get()
    decision = engine.decide(
        seat.pk,
        by=bob,
        outcome="approve",
        channel=Decision.Channel.PAGE,
        answers={"price": {"amount": "9", "currency": "USD"}},
    )
    assert decision.answers == {"price": {"minor": 900, "currency": "USD"}}
