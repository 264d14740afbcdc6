"""What a form offers, in a real browser: a currency beside its amount, options that come and go, rows that are looked
for."""

import re

import pytest
from playwright.sync_api import expect

from placet.accounts.models import Person
from placet.approvals.models import Request
from tests.approvals.test_options import CENTRE, CITY, COUNTRY, HOST, ITEM, PEOPLE
from tests.pages.test_every_page import too_wide, violations
from tests.pages.test_options import AMOUNT, COSTS, many
from tests.pages.test_request_form import FORM, published
from tests.pages.test_request_form_browser import Opened, page_of

__all__ = ["page_of"]  # a fixture

LINES = {**COSTS, "columns": [{**CENTRE, "required": True}, *COSTS["columns"]]}
WHOLE = [
    {**ITEM, "required": True},
    {**AMOUNT, "required": True, "help": "As on the invoice."},
    COUNTRY,
    CITY,
    CENTRE,
    LINES,
    PEOPLE,
    HOST,
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["wide", "phone"])
def test_everything_that_is_offered_can_be_chosen(
    size: str, scheme: str, alice: Person, bob: Person, page_of: Opened
) -> None:
    many()
    published(WHOLE)
    with page_of(alice, size=size, scheme=scheme) as page:
        page.goto(FORM)
        page.get_by_label("Item", exact=True).fill("Trip")
        page.get_by_label("Amount", exact=True).fill("12.50")
        page.get_by_label("Amount: currency").select_option("USD")
        expect(page.get_by_label("Paris")).to_have_count(0)
        page.get_by_label("France").check()
        page.get_by_label("Paris").check()
        page.get_by_label("Japan").check()
        expect(page.locator("#row_city")).to_contain_text(
            "“Paris” is not offered with what was entered elsewhere."
        )
        page.get_by_label("Tokyo").check()
        expect(page.locator("#row_city .errorlist")).to_be_hidden()
        page.get_by_label("Cost centre – optional").press_sequentially("centre 47")
        expect(page.locator("#id_f-centre_options option").first).to_have_attribute(
            "value", re.compile("Centre 47")
        )
        page.get_by_label("Cost centre – optional").fill("47 – Centre 47")
        page.get_by_label("Cost centre, row 1").press_sequentially("48")
        expect(page.locator("#id_f-costs-1-centre_options option").first).to_have_attribute(
            "value", "48 – Centre 48"
        )
        page.get_by_label("Cost centre, row 1").fill("48")
        page.get_by_label("Price, row 1", exact=True).fill("7")
        page.get_by_label("Price, row 1: currency").select_option("USD")
        page.get_by_role("button", name="Add a row to Costs").click()
        page.get_by_label("Cost centre, row 2").fill("49")
        expect(page.get_by_label("Price, row 1: currency")).to_have_value("USD")
        page.get_by_label("Price, row 2", exact=True).fill("1")
        page.get_by_label("Price, row 2", exact=True).press("Tab")
        expect(page.locator("#total_total")).to_have_text("not in one currency")
        assert violations(page) == []
        assert not too_wide(page)
        page.get_by_label("Price, row 2: currency").select_option("USD")
        expect(page.locator("#total_total")).to_have_text("8.00 USD")
        page.get_by_label("Name, row 1").fill("Ann")
        page.get_by_label("Name, row 1").press("Tab")
        page.get_by_label("Host").select_option("Ann")
        page.get_by_role("button", name="Send request").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Trip")
        expect(page.locator("main")).to_contain_text("47 – Centre 47")
        assert not too_wide(page)
    data = Request.objects.get().data
    assert (data["amount"], data["city"], data["host"]) == ({"minor": 1250, "currency": "USD"}, "t", "Ann")
    assert [line["centre"]["key"] for line in data["costs"]] == ["48", "49"]
