"""The form of a request: its inputs, and what follows from what somebody enters, with a script and without one."""

import re
from collections.abc import Callable
from typing import Any

import lxml.html
import pytest
from django.test import Client
from django.urls import reverse

from placet.accounts.models import Group, Person
from placet.approvals.models import Draft, Request, Version
from placet.approvals.processes import publish
from tests.making import one_step
from tests.pages.conftest import HOSTILE

As = Callable[[Person | None], Client]

COLOURS = [{"key": "r", "label": {"en": "Red", "fr": "Rouge"}}, {"key": "g", "label": "Green"}]
EVERY: list[dict[str, Any]] = [
    {"name": "item", "label": "Item", "type": "text", "help": "What it is.\nIn a few words."},
    {"name": "mail", "label": "Mail", "type": "email"},
    {"name": "phone", "label": "Phone", "type": "phone"},
    {"name": "page", "label": "Page", "type": "url"},
    {"name": "account", "label": "Account", "type": "iban"},
    {"name": "rate", "label": "Rate", "type": "percent"},
    {"name": "at", "label": "At", "type": "time"},
    {"name": "meeting", "label": "Meeting", "type": "date_time"},
    {"name": "away", "label": "Away", "type": "period"},
    {"name": "colour", "label": "Colour", "type": "choice", "options": COLOURS},
    {"name": "size", "label": "Size", "type": "choice", "options": [str(n) for n in range(9)], "required": True},
    {"name": "extras", "label": "Extras", "type": "choices", "options": ["Lamp", "Desk"]},
    {"name": "boss", "label": "Boss", "type": "person"},
    {"name": "team", "label": "Team", "type": "people", "among": "board"},
]  # fmt: skip
TRAVEL: list[dict[str, Any]] = [
    {"name": "item", "label": "Where to?", "type": "text"},
    {"name": "abroad", "label": "Abroad", "type": "yes_no"},
    {"type": "section", "label": "Papers", "help": "Only for travels abroad.", "show": "abroad"},
    {
        "name": "country",
        "label": "Country",
        "type": "choice",
        "options": ["France", "Japan"],
        "required": True,
    },
    {"name": "visa", "label": "Visa", "type": "text", "require": "country == 'Japan'"},
    {"type": "text_block", "text": "Ask at the <embassy>."},
    {"type": "section", "label": "Money"},
    {"name": "days", "label": "Days", "type": "number", "default": "abroad ? 5 : 1"},
    {
        "name": "amount",
        "label": "Daily rate",
        "type": "money",
        "currency": "EUR",
        "default": "abroad ? 50 : 25",
        "read_only": "abroad",
    },
    {"name": "total", "label": "Total", "type": "money", "currency": "EUR", "computed": "days * amount"},
]
FORM = "/start/one-step/"


def published(form: list[dict[str, Any]]) -> Version:
    return publish(one_step([{"manager": True}], form=form))


@pytest.fixture
def every(db: None) -> Version:
    return published(EVERY)


@pytest.fixture
def travel(db: None) -> Version:
    return published(TRAVEL)


def of(page: Any) -> Any:
    return lxml.html.document_fromstring(page.content.decode())


def inputs(page: Any) -> dict[str, Any]:
    """What the form on a page would send."""
    sent: dict[str, Any] = {}
    for name, value in page.get_element_by_id("start").form_values():
        sent.setdefault(name, []).append(
            "" if value == "on" else value
        )  # lxml's, for the answer that is none
    del sent["csrfmiddlewaretoken"]
    return sent


def row(page: Any, name: str) -> Any:
    return page.get_element_by_id(f"row_{name}")


def is_hidden(page: Any, name: str) -> bool:
    return row(page, name).get("hidden") is not None


def swapped(answer: Any) -> list[str]:
    """The rows that the server sends anew."""
    return re.findall(r'id="row_(\w+)" hx-swap-oob="true"', answer.content.decode())


# --- inputs ---------------------------------------------------------------------------------------------------


def test_every_type_is_entered_kept_and_shown(
    every: Version, alice: Person, bob: Person, carol: Person, as_: As
) -> None:
    Group.objects.create(key="board", name="Board").members.add(bob, carol)
    entered = {
        "version": 1, "f-item": "Lamp", "f-mail": "Ada@X.example", "f-phone": "+49 30 901820",
        "f-page": "https://x.example/a",
        "f-account": "DE89 3704 0044 0532 0130 00", "f-rate": "19,5 %", "f-at": "9:30", "f-meeting": "2026-12-31T14:30",
        "f-away-from": "2026-08-03", "f-away-to": "2026-08-14", "f-colour": "r", "f-size": "3",
        "f-extras": ["Desk", "Lamp"],
        "f-boss": "bob@contoso.example", "f-team": ["carol@contoso.example", "", "bob@contoso.example"],
    }  # fmt: skip
    sent = as_(alice).post(FORM, entered, follow=True)
    data = Request.objects.get().data
    assert {name: data[name] for name in ("mail", "account", "rate", "at", "away", "colour", "size", "extras")} == {
        "mail": "ada@x.example", "account": "DE89370400440532013000", "rate": 19.5, "at": "09:30",
        "away": {"from": "2026-08-03", "to": "2026-08-14"}, "colour": "r", "size": "3", "extras": ["Lamp", "Desk"],
    }  # fmt: skip
    assert [one["name"] for one in data["team"]] == ["Carol Finance", "Bob Manager"]
    facts = {
        dt.text: dd.text_content() for dt, dd in zip(of(sent).iter("dt"), of(sent).iter("dd"), strict=True)
    }
    assert facts["Account"] == "DE89 3704 0044 0532 0130 00"
    assert facts["Rate"] == "19.5\xa0%"
    assert facts["Away"] == "3 August 2026 – 14 August 2026"
    assert facts["Colour"] == "Red"
    assert facts["Extras"] == "Lamp\nDesk"
    assert facts["Team"] == "Carol Finance (carol@contoso.example)\nBob Manager (bob@contoso.example)"
    assert not of(sent).xpath("//dd//a")  # an address that somebody wrote is no link of ours
    Person.objects.update(language="fr")
    address = reverse("portal:request", args=[Request.objects.get().public_id])
    assert "Rouge" in as_(alice).get(address).content.decode()


def test_a_request_is_started_again_with_all_of_it(
    every: Version, alice: Person, bob: Person, as_: As
) -> None:
    entered = {
        "f-item": "Lamp", "f-meeting": "2026-12-31T14:30", "f-away-from": "2026-08-03", "f-away-to": "2026-08-14",
        "f-colour": "g", "f-size": "3", "f-extras": ["Desk"], "f-boss": "bob@contoso.example", "f-rate": "19.5",
    }  # fmt: skip
    browser = as_(alice)
    browser.post(FORM, {"version": 1, **entered})
    first = Request.objects.get()
    page = of(browser.post(reverse("portal:start_again", args=[first.public_id]), follow=True))
    again = inputs(page)
    assert {name: again[name] for name in entered} == {
        name: value if isinstance(value, list) else [value] for name, value in entered.items()
    }
    browser.post(FORM, again)
    assert Request.objects.exclude(pk=first.pk).get().data == first.data


def test_what_does_not_fit_is_said_at_its_field_and_what_was_typed_stays(
    every: Version, alice: Person, as_: As
) -> None:
    entered = {
        "version": 1, "f-item": "Lamp", "f-away-from": "2026-08-03", "f-extras": ["Desk"], "f-colour": "blue",
        "f-boss": f"eve@x.example{HOSTILE}", "f-team": ["eve@x.example"],
    }  # fmt: skip
    sent = as_(alice).post(FORM, entered)
    page = of(sent)
    assert sent.status_code == 422
    errors = {element.get("id"): element.text_content().strip() for element in page.find_class("errorlist")}
    assert errors["id_f-away_error"] == "Please fill in both days: the first and the last."
    assert errors["id_f-colour_error"] == "Please choose one of the answers that are offered."
    assert errors["id_f-size_error"] == "Please choose."
    assert errors["id_f-team_error"] == "There is nobody with the address eve@x.example."
    for element in page.find_class("errorlist"):
        name = str(element.get("id")).removeprefix("id_f-").removesuffix("_error")
        described = row(page, name).xpath("descendant-or-self::*[@aria-describedby]")
        assert element.get("id") in described[0].get("aria-describedby").split()
    assert inputs(page)["f-away-from"] == ["2026-08-03"]
    assert inputs(page)["f-extras"] == ["Desk"]
    assert inputs(page)["f-team"] == ["eve@x.example", "", ""]
    assert "<script>alert" not in sent.content.decode()


def test_every_input_has_a_name_that_is_read_out(every: Version, alice: Person, as_: As) -> None:
    page = of(as_(alice).get(FORM))
    form = page.get_element_by_id("start")
    labels = {label.get("for") for label in form.iter("label")}
    for element in form.xpath(".//input[not(@type='hidden')] | .//select | .//textarea"):
        assert element.get("id") in labels or element.get("aria-label"), element.get("name")
    legends = {fieldset.find("legend").text.strip() for fieldset in form.iter("fieldset")}
    assert legends == {"Away", "Colour", "Extras", "Team"}
    assert page.get_element_by_id("id_f-item_about").text == "What it is.\nIn a few words."
    assert page.get_element_by_id("id_f-item").get("aria-describedby") == "id_f-item_about"


def test_people_are_suggested_a_few_and_of_the_group(
    every: Version, alice: Person, bob: Person, carol: Person, as_: As
) -> None:
    Group.objects.create(key="board", name="Board").members.add(carol)
    address = reverse("portal:suggest_people", args=["one-step"])

    def suggested(field: str, text: str) -> list[str]:
        answer = as_(alice).get(address, {"field": field, f"f-{field}": text})
        assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
        return re.findall(r'value="([^"]*)"', answer.content.decode())

    assert suggested("boss", "contoso") == [
        "alice@contoso.example",
        "bob@contoso.example",
        "carol@contoso.example",
    ]
    assert suggested("boss", "MANAG") == ["bob@contoso.example"]
    assert suggested("team", "contoso") == ["carol@contoso.example"]
    assert suggested("boss", "c") == []
    assert suggested("item", "contoso") == []
    assert suggested("nothing", "contoso") == []
    assert "contoso.example" not in as_(alice).get(FORM).content.decode().replace("alice@", "")
    Person.objects.filter(pk=bob.pk).update(is_active=False)
    assert suggested("boss", "MANAG") == []
    for number in range(12):
        Person.objects.create(email=f"{number}@x.example", name=f"Sam {number}")
    assert len(suggested("boss", "sam")) == 10
    assert as_(None).get(address).status_code == 302


# --- what follows from what is entered ------------------------------------------------------------------------


def test_a_form_begins_with_what_stands_there_by_itself(travel: Version, alice: Person, as_: As) -> None:
    page = of(as_(alice).get(FORM))
    assert [is_hidden(page, name) for name in ("2", "country", "visa", "5", "6", "days")] == [True] * 4 + [
        False
    ] * 2
    assert inputs(page)["f-days"] == ["1"]
    assert inputs(page)["f-amount"] == ["25"]
    assert page.get_element_by_id("id_f-total").text_content() == "25.00 EUR"
    assert "Ask at the &lt;embassy&gt;." in as_(alice).get(FORM).content.decode()
    assert page.get_element_by_id("start").get("hx-post") == FORM


def test_a_form_whose_fields_do_not_depend_on_each_other_needs_no_script(
    version: Version, alice: Person, as_: As
) -> None:
    assert "htmx" not in as_(alice).get("/start/purchase/").content.decode()
    assert "hx-" not in as_(alice).get("/start/purchase/").content.decode().replace("hx-preserve", "")


def test_only_what_changed_is_sent_anew(travel: Version, alice: Person, as_: As) -> None:
    browser = as_(alice)
    form = inputs(of(browser.get(FORM)))
    assert swapped(browser.post(FORM, {**form, "do": "look", "f-item": "Lyon"})) == []
    assert swapped(browser.post(FORM, {**form, "do": "look", "f-days": "3"})) == ["days", "total"]
    answer = browser.post(FORM, {**form, "do": "look", "f-abroad": "yes"})
    assert swapped(answer) == ["2", "country", "visa", "5", "days", "amount", "total"]
    page = of(answer)
    assert not is_hidden(page, "country")
    assert page.get_element_by_id("id_f-days").get("value") == "5"  # nobody had changed it
    assert page.get_element_by_id("id_f-amount").text_content() == "50.00 EUR"
    assert page.get_element_by_id("id_f-total").text_content() == "250.00 EUR"
    assert not page.find_class("errorlist")
    assert not Draft.objects.exists()
    mine = browser.post(FORM, {**form, "do": "look", "f-abroad": "yes", "f-days": "2"})
    assert of(mine).get_element_by_id("id_f-total").text_content() == "100.00 EUR"
    assert browser.post(FORM, {**form, "version": 7, "do": "look"}).status_code == 409


def test_without_a_script_what_comes_up_is_shown_before_anything_is_sent(
    travel: Version, alice: Person, as_: As
) -> None:
    browser = as_(alice)
    form = {**inputs(of(browser.get(FORM))), "f-item": "Kyoto", "f-abroad": "yes"}
    sent = browser.post(FORM, form)
    page = of(sent)
    assert sent.status_code == 422
    assert "What you entered brings up more questions." in sent.content.decode()
    assert not is_hidden(page, "country")
    assert inputs(page)["f-days"] == ["1"]  # as it was shown
    form = {**inputs(page), "f-country": "Japan"}
    sent = browser.post(FORM, form)
    page = of(sent)
    assert sent.status_code == 422
    assert page.get_element_by_id("id_f-visa_error").text_content().strip() == "Please fill this in."
    browser.post(FORM, {**inputs(page), "f-visa": "V-1", "f-amount": "9999", "f-total": "1"})
    assert Request.objects.get().data == {
        "item": "Kyoto", "abroad": True, "country": "Japan", "visa": "V-1", "days": 1,
        "amount": {"minor": 5000, "currency": "EUR"}, "total": {"minor": 5000, "currency": "EUR"},
    }  # fmt: skip


def test_what_was_typed_into_a_row_that_went_is_there_when_it_comes_back(
    travel: Version, alice: Person, as_: As
) -> None:
    browser = as_(alice)
    form = {**inputs(of(browser.get(FORM))), "f-visa": "V-1"}
    assert (
        of(browser.post(FORM, {**form, "do": "look", "f-abroad": "yes"}))
        .get_element_by_id("id_f-visa")
        .get("value")
        == "V-1"
    )
    browser.post(FORM, {**form, "f-item": "Lyon"})
    assert Request.objects.get().data["visa"] is None


def test_what_somebody_emptied_stays_empty_in_the_draft(travel: Version, alice: Person, as_: As) -> None:
    browser = as_(alice)
    form = {**inputs(of(browser.get(FORM))), "f-item": "Lyon", "f-days": ""}
    browser.post(FORM, {**form, "do": "save"})
    assert Draft.objects.get().data == {"item": "Lyon", "days": "", "amount": "25"}
    assert inputs(of(browser.get(FORM)))["f-days"] == [""]


def test_a_draft_of_every_kind_comes_back(every: Version, alice: Person, as_: As) -> None:
    browser = as_(alice)
    entered = {"f-away-from": "2026-08-03", "f-extras": ["Desk"], "f-team": ["x\x00y"], "f-colour": "r"}
    browser.post(FORM, {"version": 1, "do": "save", **entered})
    assert Draft.objects.get().data == {
        "away": {"from": "2026-08-03", "to": ""}, "extras": ["Desk"], "team": ["xy"], "colour": "r",
    }  # fmt: skip
    form = inputs(of(browser.get(FORM)))
    assert (form["f-extras"], form["f-team"], form["f-colour"]) == (["Desk"], ["xy", "", ""], ["r"])


# --- tables ---------------------------------------------------------------------------------------------------

LINES: dict[str, Any] = {
    "name": "lines", "label": "Lines", "type": "table", "max": 3, "unique": "item", "help": "One row for each thing.",
    "columns": [
        {"name": "item", "label": "Thing", "type": "text", "required": True},
        {"name": "kind", "label": "Kind", "type": "choice", "options": ["New", "Used"]},
        {"name": "number", "label": "Number", "type": "number", "digits": 0},
        {"name": "price", "label": "Price", "type": "money", "currency": "EUR"},
        {"name": "who", "label": "For", "type": "person"},
        {"name": "gift", "label": "Gift", "type": "yes_no"},
        {"name": "sum", "label": "Sum", "type": "money", "currency": "EUR", "computed": "number * price"},
    ],
    "totals": [{"name": "total", "label": "Total", "sum": "sum"}, {"name": "kinds", "label": "Things", "count": True}],
}  # fmt: skip
ORDER = [
    EVERY[0],
    LINES,
    {"name": "why", "label": "Why?", "type": "text", "show": "total > 1000.0", "required": True},
]


@pytest.fixture
def order(db: None) -> Version:
    return published(ORDER)


def table_row(row: int, **cells: str) -> dict[str, str]:
    return {f"f-lines-{row}-{name}": text for name, text in cells.items()}


def test_a_table_is_entered_kept_and_shown(order: Version, alice: Person, bob: Person, as_: As) -> None:
    browser = as_(alice)
    form = {
        **inputs(of(browser.get(FORM))), "f-item": "Office", "f-lines-rows": "3",
        **table_row(1, item="Desk", kind="New", number="2", price="300", gift="yes", sum="1"),
        **table_row(1, who="bob@contoso.example"),
        **table_row(3, item=f"Lamp{HOSTILE}", number="1", price="12.50"),
    }  # fmt: skip
    sent = browser.post(FORM, form, follow=True)
    lines = Request.objects.get().data["lines"]
    assert [(row["item"][:4], row["number"], row["sum"], row["gift"]) for row in lines] == [
        ("Desk", 2, {"minor": 60_000, "currency": "EUR"}, True),
        ("Lamp", 1, {"minor": 1250, "currency": "EUR"}, False),
    ]
    page = of(sent)
    cells = [[cell.text_content() for cell in row] for row in page.xpath("//tbody/tr")]
    assert cells[0] == [
        "Desk",
        "New",
        "2",
        "300.00 EUR",
        "Bob Manager (bob@contoso.example)",
        "yes",
        "600.00 EUR",
    ]
    assert page.xpath("//td/@data-label")[:2] == ["Thing", "Kind"]
    assert "Total612.50 EUR" in page.text_content().replace("\n", "")
    assert "<script>alert" not in sent.content.decode()
    assert "2 rows · Total: 612.50 EUR · Things: 2" in as_(bob).get("/").content.decode()
    again = of(
        browser.post(reverse("portal:start_again", args=[Request.objects.get().public_id]), follow=True)
    )
    assert inputs(again)["f-lines-2-price"] == ["12.50"]
    assert "f-lines-2-sum" not in inputs(again)


def test_what_does_not_fit_in_a_table_is_said_at_its_cell(order: Version, alice: Person, as_: As) -> None:
    form = {
        "version": 1, "f-item": "Office", "f-lines-rows": "3", **table_row(1, item="Desk", price="much"),
        **table_row(3, item="desk", who="eve@x.example"),
    }  # fmt: skip
    page = of(as_(alice).post(FORM, form))
    cell = page.get_element_by_id("id_f-lines-1-price")
    assert (cell.get("aria-invalid"), cell.get("aria-describedby")) == ("true", "id_f-lines-1-price_error")
    assert cell.get("aria-label") == "Price, row 1"
    errors = {error.get("id"): error.text_content().strip() for error in page.find_class("errorlist")}
    assert errors == {
        "id_f-lines-1-price_error": "Please write a number, such as 1250.00.",
        "id_f-lines-3-who_error": "There is nobody with the address eve@x.example.",
    }
    assert inputs(page)["f-lines-3-item"] == ["desk"]
    assert "2 fields marked below" in page.text_content()


@pytest.mark.parametrize("scripted", [True, False])
def test_rows_are_added_and_removed(scripted: bool, order: Version, alice: Person, as_: As) -> None:
    browser = as_(alice)
    headers = {"HX-Request": "true"} if scripted else {}
    form = {**inputs(of(browser.get(FORM))), **table_row(1, item="Desk", number="2", price="300")}
    assert form["f-lines-rows"] == ["1"]

    def press(button: str, **more: str) -> Any:
        answer = browser.post(FORM, {**form, **more, "do": button}, headers=headers)
        assert answer.status_code == 200
        assert ("<html" in answer.content.decode()) is not scripted
        return answer

    page = of(press("add-row:lines"))
    assert page.get_element_by_id("id_f-lines-1-item").get("value") == "Desk"
    assert page.get_element_by_id("id_f-lines-2-item").get("value") == ""
    assert (page.get_element_by_id("id_f-lines-2-item").get("autofocus") is not None) is scripted
    assert page.get_element_by_id("total_total").text_content().strip() == "600.00 EUR"
    more = {"f-lines-rows": "3", **table_row(2, item="Lamp"), **table_row(3, item="Chair")}
    full = press("add-row:lines", **more).content.decode()
    assert 'id="id_f-lines-4-item"' not in full
    assert "add-row:" not in full
    page = of(press("remove-row:lines:2", **more))
    assert [page.get_element_by_id(f"id_f-lines-{n}-item").get("value") for n in (1, 2)] == ["Desk", "Chair"]
    assert page.xpath("//input[@name='f-lines-rows']/@value") == ["2"]
    assert not Request.objects.exists()
    assert not Draft.objects.exists()


def test_totals_follow_what_is_entered_and_the_inputs_stay(order: Version, alice: Person, as_: As) -> None:
    browser = as_(alice)
    form = {
        **inputs(of(browser.get(FORM))),
        **table_row(1, item="Desk", number="2", price="600"),
        "do": "look",
    }
    answer = browser.post(FORM, form)
    assert swapped(answer) == ["why"]
    page = of(answer)
    assert page.get_element_by_id("id_f-lines-1-sum").text_content().strip() == "1,200.00 EUR"
    assert page.get_element_by_id("total_total").get("hx-swap-oob") == "true"
    assert not is_hidden(page, "why")
    assert not page.xpath("//input[@id='id_f-lines-1-item']")


def test_more_rows_than_a_page_has_are_not_looked_for(order: Version, alice: Person, as_: As) -> None:
    for rows in ("999", "9" * 50, "-1", "x", ""):
        answer = as_(alice).post(FORM, {"version": 1, "f-lines-rows": rows, "do": "look"})
        assert answer.status_code == 200


def test_people_are_suggested_in_a_table(order: Version, alice: Person, bob: Person, as_: As) -> None:
    address = reverse("portal:suggest_people", args=["one-step"])
    page = of(as_(alice).get(FORM))
    assert page.get_element_by_id("id_f-lines-1-who").get("hx-get") == f"{address}?field=lines.who"
    answer = as_(alice).get(address, {"field": "lines.who", "f-lines-1-who": "mana"})
    assert "bob@contoso.example" in answer.content.decode()
