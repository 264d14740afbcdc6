"""What a form offers on its page: chosen currencies, options that hang on other fields, and rows of tables."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from placet.accounts.models import Person
from placet.approvals import authority, engine
from placet.approvals.authority_csv import read
from placet.approvals.definitions import definition_of
from placet.approvals.form import facts_hash
from placet.approvals.models import Assignment, Draft, Request, Version
from placet.approvals.processes import publish
from tests.approvals.test_options import CENTRE, CITY, COUNTRY, HOST, ITEM, PEOPLE, publish_list
from tests.making import one_step
from tests.pages.conftest import HOSTILE
from tests.pages.test_filling import PROCESS, address, answer
from tests.pages.test_request_form import FORM, inputs, of, published, row, swapped

As = Callable[[Person | None], Client]

AMOUNT: dict[str, Any] = {"name": "amount", "label": "Amount", "type": "money", "currency": ["EUR", "USD"]}
COSTS: dict[str, Any] = {
    "name": "costs",
    "label": "Costs",
    "type": "table",
    "columns": [{"name": "what", "label": "What", "type": "text"}, {**AMOUNT, "name": "price", "label": "Price"}],
    "totals": [{"name": "total", "label": "Total", "sum": "price"}],
}  # fmt: skip
LOOK = {"HX-Request": "true"}


def many(number: int = 10_000) -> None:
    publish_list("code,name\n" + "".join(f"{n},Centre {n}\n" for n in range(1, number + 1)))


# --- currencies -----------------------------------------------------------------------------------------------


def test_an_amount_has_two_inputs_and_one_label(as_: As, alice: Person, db: None) -> None:
    published([ITEM, AMOUNT])
    client = as_(alice)
    page = of(client.get(FORM))
    [label] = row(page, "amount").findall("label")
    assert (label.get("for"), label.text_content().strip()) == ("id_f-amount", "Amount – optional")
    [currency] = row(page, "amount").iter("select")
    assert currency.get("aria-label") == "Amount: currency"
    assert [one.get("value") for one in currency.iter("option")] == ["EUR", "USD"]
    sent = {**inputs(page), "f-item": "Desk", "f-amount": "abc", "f-amount-currency": "USD"}
    again = of(client.post(FORM, sent))
    assert "Please write a number" in row(again, "amount").text_content()
    assert {name: inputs(again)[name] for name in ("f-amount", "f-amount-currency")} == {
        "f-amount": ["abc"],
        "f-amount-currency": ["USD"],
    }
    assert client.post(FORM, {**sent, "f-amount": "12.50"}).status_code == 302
    assert Request.objects.get().data["amount"] == {"minor": 1250, "currency": "USD"}


def test_a_currency_that_is_not_offered_is_refused(as_: As, alice: Person, db: None) -> None:
    published([ITEM, AMOUNT])
    sent = {"version": 1, "f-item": "Desk", "f-amount": "1", "f-amount-currency": HOSTILE}
    page = as_(alice).post(FORM, sent)
    assert page.status_code == 422
    assert "Amounts are in EUR, USD here." in page.content.decode()
    assert "<script>alert" not in page.content.decode()


def test_an_untouched_currency_is_nothing_that_a_draft_would_keep(as_: As, alice: Person, db: None) -> None:
    published([ITEM, AMOUNT, COSTS])
    client = as_(alice)
    sent = inputs(of(client.get(FORM))) | {"do": "autosave"}
    assert client.post(FORM, sent).status_code == 204
    assert not Draft.objects.exists()
    assert client.post(FORM, sent | {"f-amount-currency": "USD"}).status_code == 204
    assert Draft.objects.get().data == {"amount": {"amount": "", "currency": "USD"}}
    assert inputs(of(client.get(FORM)))["f-amount-currency"] == ["USD"]


def test_rows_in_two_currencies_show_no_total(as_: As, alice: Person, db: None) -> None:
    published([ITEM, COSTS])
    client = as_(alice)
    sent = {
        "version": 1, "f-item": "Desk", "f-costs-rows": "2",
        "f-costs-1-price": "1", "f-costs-1-price-currency": "EUR",
        "f-costs-2-price": "2", "f-costs-2-price-currency": "USD",
    }  # fmt: skip
    assert "not in one currency" in client.post(FORM, {**sent, "do": "look"}, headers=LOOK).content.decode()
    page = client.post(FORM, sent)
    assert page.status_code == 422
    assert "“Total” cannot be reckoned: there are amounts in EUR, USD." in page.content.decode()
    looked = client.post(FORM, {**sent, "f-costs-1-price-currency": "USD", "do": "look"}, headers=LOOK)
    assert "3.00 USD" in looked.content.decode()


# --- options that hang on others ------------------------------------------------------------------------------


def test_the_server_sends_what_can_be_chosen_now(as_: As, alice: Person, db: None) -> None:
    published([ITEM, COUNTRY, CITY])
    client = as_(alice)
    page = of(client.get(FORM))
    assert [one.get("value") for one in row(page, "city").iter("input") if one.get("type") == "radio"] == [
        "Elsewhere",
        "",
    ]
    sent = inputs(page) | {"f-country": "France", "f-city": "", "do": "look"}
    looked = client.post(FORM, sent, headers=LOOK)
    assert swapped(looked) == ["city"]
    assert "Paris" in looked.content.decode() and "Tokyo" not in looked.content.decode()


def test_a_choice_that_is_not_offered_any_more_is_said_at_once_and_not_sent(
    as_: As, alice: Person, db: None
) -> None:
    published([ITEM, COUNTRY, CITY])
    client = as_(alice)
    sent = {"version": 1, "f-item": "Trip", "f-country": "Japan", "f-city": "p"}
    said = "“Paris” is not offered with what was entered elsewhere. Please choose again."
    assert said in client.post(FORM, {**sent, "do": "look"}, headers=LOOK).content.decode()
    page = client.post(FORM, sent)
    assert page.status_code == 422 and said in page.content.decode()
    assert not Request.objects.exists()


def test_rows_of_the_form_are_offered_and_never_markup(as_: As, alice: Person, db: None) -> None:
    published([ITEM, PEOPLE, HOST])
    client = as_(alice)
    empty = of(client.get(FORM))
    assert "Nothing can be chosen here yet" in row(empty, "host").text_content()
    sent = {"version": 1, "f-item": "Trip", "f-guests-rows": "1", "f-guests-1-name": HOSTILE[:200]}
    looked = client.post(FORM, {**sent, "do": "look"}, headers=LOOK).content.decode()
    assert "&lt;script&gt;" in looked and "<script>" not in looked
    assert client.post(FORM, {**sent, "f-host": "Carol"}).status_code == 422
    assert client.post(FORM, {**sent, "f-host": HOSTILE[:200]}).status_code == 302
    assert (
        "<script>alert"
        not in client.get(reverse("portal:request", args=[Request.objects.get().public_id])).content.decode()
    )


def test_a_step_says_which_choice_does_not_go_together_with_what_is_entered(
    as_: As, alice: Person, bob: Person, db: None
) -> None:
    source = {**PROCESS, "form": [ITEM, CITY, COUNTRY], "start_form": None}
    source["steps"] = {
        **PROCESS["steps"],
        "account": {**PROCESS["steps"]["account"], "form": {"fill": ["country"]}},
    }
    del source["start_form"]
    request = engine.start(publish(source), alice, {"item": "Trip", "city": "p", "country": "France"})
    seat = Assignment.objects.get(visit__request=request)
    page = as_(bob).post(address(seat), answer(seat, **{"f-country": "Japan"}))
    assert page.status_code == 422
    assert (
        "City: “Paris” was chosen here before, and is not offered with what is entered now."
        in page.content.decode()
    )
    assert as_(bob).post(address(seat), answer(seat, **{"f-country": "France"})).status_code == 302


# --- rows of tables -------------------------------------------------------------------------------------------


def test_a_short_list_is_chosen_from_and_a_long_one_is_searched(as_: As, alice: Person, db: None) -> None:
    publish_list()
    published([ITEM, CENTRE])
    client = as_(alice)
    [select] = row(of(client.get(FORM)), "centre").iter("select")
    labels = [one.text for one in select.iter("option")]
    assert labels == ["No answer", "4711 – Facility", "4712 – Garden", "4713 – Garden", "10"]
    many()
    answered = client.get(FORM)
    [looked_for] = row(of(answered), "centre").iter("input")
    assert (looked_for.get("type"), looked_for.get("list")) == ("text", "id_f-centre_options")
    assert len(answered.content) < 30_000
    assert "htmx" in answered.content.decode()


def test_what_is_typed_brings_up_a_few_rows(as_: As, alice: Person, db: None) -> None:
    many()
    published([ITEM, CENTRE, {"name": "lines", "label": "Lines", "type": "table", "columns": [CENTRE]}])
    client = as_(alice)
    at = reverse("portal:suggest_options", args=["one-step"])
    found = client.get(at, {"field": "centre", "f-centre": "999"}).content.decode()
    assert found.count("<option") == 10
    assert found.startswith('<option value="999 – Centre 999"></option>')
    cell = client.get(at, {"field": "lines.centre", "f-lines-1-centre": "CENTRE 17 "}).content.decode()
    assert "17 – Centre 17" in cell
    for nothing in ({"field": "centre"}, {"field": "item", "f-item": "9"}, {"field": "x", "f-x": "9"}, {}):
        assert "<option" not in client.get(at, nothing).content.decode()


def test_what_is_found_is_kept_and_shown_as_it_is_called(as_: As, alice: Person, db: None) -> None:
    many()
    published([ITEM, CENTRE])
    client = as_(alice)
    sent = {"version": 1, "f-item": "Desk", "f-centre": "centre 17"}
    assert "17 – Centre 17" in client.post(FORM, {**sent, "do": "save"}, follow=True).content.decode()
    assert client.post(FORM, sent).status_code == 302
    request = Request.objects.get()
    assert request.data["centre"] == {"key": "17", "label": "17 – Centre 17", "version": 1}
    page = client.get(reverse("portal:request", args=[request.public_id])).content.decode()
    assert "17 – Centre 17" in page
    assert str(request.public_id) in client.get(reverse("portal:search"), {"q": "centre 17"}).content.decode()


@pytest.mark.parametrize("number", [3, 100])
def test_what_left_the_table_since_the_draft_was_saved_is_said(
    number: int, as_: As, alice: Person, db: None
) -> None:
    many(number)
    lines = {"name": "lines", "label": "Lines", "type": "table", "columns": [CENTRE]}
    published([ITEM, CENTRE, lines])
    client = as_(alice)
    sent = {"version": 1, "f-item": "Desk", "f-centre": "2", "f-lines-rows": "1", "f-lines-1-centre": "2"}
    client.post(FORM, {**sent, "do": "save"})
    publish_list("code,name\n" + "".join(f"{n},New {n}\n" for n in range(1000, 1000 + number)))
    page = of(client.get(FORM))
    said = "“2” is not offered here, or not any more. Please choose again."
    assert said in row(page, "centre").text_content()
    assert said in row(page, "lines").text_content()
    assert client.post(FORM, sent).status_code == 422
    assert not Request.objects.exists()


def test_what_stands_in_a_list_is_never_markup(as_: As, alice: Person, db: None) -> None:
    publish_list("code,name\n1," + HOSTILE.replace('"', "") + "\n")
    published([ITEM, CENTRE])
    client = as_(alice)
    assert "<script>alert" not in client.get(FORM).content.decode()
    at = reverse("portal:suggest_options", args=["one-step"])
    assert "<script>alert" not in client.get(at, {"field": "centre", "f-centre": "1"}).content.decode()


def test_several_are_ticked_or_searched(as_: As, alice: Person, db: None) -> None:
    publish_list()
    several = {
        **CENTRE,
        "type": "choices",
        "options_from": {"table": "cost_centres", "column": "code", "label": "name"},
    }
    published([ITEM, several])
    client = as_(alice)
    boxes = [one.get("type") for one in row(of(client.get(FORM)), "centre").iter("input")]
    assert boxes == ["checkbox"] * 4
    many(100)
    assert [one.get("type") for one in row(of(client.get(FORM)), "centre").iter("input")] == ["text"] * 2
    sent = {"version": 1, "f-item": "Desk", "f-centre": ["Centre 7", "", "8"]}
    assert client.post(FORM, sent).status_code == 302
    assert [one["key"] for one in Request.objects.get().data["centre"]] == ["7", "8"]


def test_a_question_is_answered_on_the_page(as_: As, alice: Person, bob: Person, db: None) -> None:
    publish_list()
    source = one_step([{"manager": True}], form=[ITEM])
    source["steps"]["step"]["questions"] = [CENTRE, {**AMOUNT, "name": "price", "label": "Price"}]
    version: Version = publish(source)
    request = engine.start(version, alice, {"item": "Desk"})
    seat = Assignment.objects.get()
    at = reverse("portal:request", args=[request.public_id])
    page = as_(bob).get(at).content.decode()
    assert "4711 – Facility" in page and f'name="q-{seat.pk}-price-currency"' in page
    sent = {
        "assignment": seat.pk, "shown": facts_hash(request, definition_of(version), "step"), "outcome": "approve",
        f"q-{seat.pk}-centre": "4711", f"q-{seat.pk}-price": "7", f"q-{seat.pk}-price-currency": "USD",
    }  # fmt: skip
    as_(bob).post(reverse("portal:decide", args=[request.public_id]), sent)
    seat.refresh_from_db()
    assert seat.decision.answers["price"] == {"minor": 700, "currency": "USD"}
    assert seat.decision.answers["centre"]["label"] == "4711 – Facility"


def test_the_panel_shows_a_list(as_: As, admin: Person) -> None:
    version = authority.publish("cost_centres", read(b"code,name\n4711,\n"), "first", "Cost centres")
    publish(one_step([{"manager": True}], form=[ITEM, CENTRE]))
    page = as_(admin).get(reverse("panel:table", args=[version.table_id])).content.decode()
    assert "A list: forms offer what stands in it." in page
    assert "Used in: One step" in page and "Who is asked" not in page
