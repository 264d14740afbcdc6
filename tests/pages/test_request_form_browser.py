"""The form of a request in a real browser: rows that come and go while somebody fills it, and the same without
JavaScript."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page, Route, expect
from pytest_django.live_server_helper import LiveServer

from placet.accounts.models import Person
from placet.approvals.models import Request
from tests.pages.browsing import complaints_of, sign_in, window
from tests.pages.test_every_page import too_wide, violations
from tests.pages.test_request_form import EVERY, FORM, ORDER, TRAVEL, published

As = Callable[[Person | None], Client]
Opened = Callable[..., AbstractContextManager[Page]]


@pytest.fixture
def page_of(chromium: Browser, live_server: LiveServer, as_: As) -> Opened:
    @contextmanager
    def opened(
        person: Person, scripted: bool = True, size: str = "wide", scheme: str = "light"
    ) -> Iterator[Page]:
        with window(chromium, live_server.url, size, scheme, scripted) as context:
            sign_in(context, as_(person), live_server.url)
            page = context.new_page()
            complaints = complaints_of(page)
            yield page
            # Chromium also notes the answers that say what is wrong with a form.
            assert [text for text in complaints if "status of 422" not in text] == []

    return opened


def slowly(route: Route) -> None:
    time.sleep(0.7)
    route.continue_()


def test_rows_come_and_go_while_somebody_fills_the_form(alice: Person, bob: Person, page_of: Opened) -> None:
    form = [*TRAVEL, {"name": "offer", "label": "Offer", "type": "files", "show": "days > 2.0"}]
    published(form)
    with page_of(alice, size="phone") as page:
        page.goto(FORM)
        expect(page.get_by_label("Japan")).to_be_hidden()
        page.get_by_label("Where to?").fill("Kyoto")
        page.get_by_label("Abroad").check()
        expect(page.get_by_role("heading", name="Papers")).to_be_visible()
        expect(page.get_by_label("Total")).to_have_text("250.00 EUR")
        expect(page.get_by_label("Days")).to_have_value("5")
        page.get_by_label("Offer").set_input_files({"name": "a.pdf", "mimeType": "", "buffer": b"%PDF"})
        page.get_by_label("Days").fill(
            "2"
        )  # the row goes and comes back, and with it the file that was chosen
        page.get_by_label("Days").press("Tab")
        expect(page.get_by_label("Total")).to_have_text("100.00 EUR")
        expect(page.get_by_label("Offer")).to_be_hidden()
        page.get_by_label("Days").fill("5")
        page.get_by_label("Japan").check()
        expect(page.locator("#row_visa")).not_to_contain_text("optional")
        page.get_by_label("Visa").press_sequentially("V-1")
        # What is typed while the server answers stays.
        page.route(f"**{FORM}", slowly)
        page.get_by_label("Days").fill("3")
        page.get_by_label("Visa").focus()
        page.get_by_label("Visa").press_sequentially("23")
        expect(page.get_by_label("Total")).to_have_text("150.00 EUR")
        expect(page.get_by_label("Visa")).to_have_value("V-123")
        page.unroute(f"**{FORM}")
        page.get_by_role("button", name="Send request").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Kyoto")
        expect(page.get_by_role("link", name="a.pdf")).to_be_visible()
    assert Request.objects.get().data["visa"] == "V-123"


def test_the_same_form_without_javascript(alice: Person, bob: Person, page_of: Opened) -> None:
    published(TRAVEL)
    with page_of(alice, scripted=False, size="phone") as page:
        page.goto(FORM)
        page.get_by_label("Where to?").fill("Kyoto")
        page.get_by_label("Abroad").check()
        page.get_by_role("button", name="Send request").click()
        expect(page.get_by_text("What you entered brings up more questions.")).to_be_visible()
        page.get_by_label("France").check()
        page.get_by_role("button", name="Send request").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Kyoto")
    assert Request.objects.get().data["country"] == "France"


def test_people_are_suggested_while_somebody_types(alice: Person, bob: Person, page_of: Opened) -> None:
    published([*EVERY[:1], {"name": "boss", "label": "Boss", "type": "person"}])
    with page_of(alice) as page:
        page.goto(FORM)
        page.get_by_label("Item").fill("Lamp")
        page.get_by_label("Boss").press_sequentially("mana")
        expect(page.locator("datalist option")).to_have_attribute("value", "bob@contoso.example")
        page.get_by_label("Boss").fill("bob@contoso.example")
        page.get_by_role("button", name="Send request").click()
        expect(page.get_by_text("Bob Manager (bob@contoso.example)")).to_be_visible()


@pytest.mark.parametrize(("size", "scheme"), [("wide", "light"), ("phone", "dark")])
def test_axe_finds_nothing_in_a_form_of_every_type(
    size: str, scheme: str, alice: Person, bob: Person, page_of: Opened
) -> None:
    headings = [
        {"type": "section", "label": "More", "help": "All the rest."},
        {"type": "text_block", "text": "Read this."},
    ]
    computed = {
        "name": "sum",
        "label": "Sum",
        "type": "number",
        "computed": "rate + 1.0",
        "help": "One more.",
    }
    published([*EVERY[:5], *headings, *EVERY[5:], computed])
    with page_of(alice, size=size, scheme=scheme) as page:
        page.goto(FORM)
        assert violations(page) == []
        assert not too_wide(page)
        page.get_by_label("First day").fill("2026-08-03")
        page.get_by_label("Team, person 1").fill("eve@x.example")
        page.get_by_role("button", name="Send request").click()
        expect(page.get_by_text("There is nobody with the address")).to_be_visible()
        assert violations(page) == []
        assert not too_wide(page)


@pytest.mark.parametrize("size", ["wide", "phone"])
def test_a_table_is_filled_with_the_keyboard(size: str, alice: Person, bob: Person, page_of: Opened) -> None:
    published(ORDER)
    with page_of(alice, size=size) as page:
        page.goto(FORM)
        page.get_by_label("Item").fill("Office")
        page.get_by_label("Thing, row 1").fill("Desk")
        page.get_by_label("Number, row 1").fill("2")
        page.get_by_label("Price, row 1").fill("600")
        page.get_by_label("Price, row 1").press("Tab")
        expect(page.locator("#total_total")).to_have_text("1,200.00 EUR")
        expect(page.get_by_label("Sum, row 1")).to_have_text("1,200.00 EUR")
        page.get_by_label("Why?").fill("All are old")
        page.get_by_role("button", name="Add a row to Lines").press("Enter")
        expect(page.get_by_label("Thing, row 2")).to_be_focused()
        page.keyboard.type("Lamp")
        page.get_by_role("button", name="Add a row to Lines").press("Enter")
        expect(page.get_by_label("Thing, row 3")).to_be_focused()
        page.keyboard.type("Chair")
        expect(page.get_by_role("button", name="Add a row to Lines")).to_have_count(0)
        page.get_by_role("button", name="Remove row 2").press("Enter")
        expect(page.get_by_label("Thing, row 2")).to_have_value("Chair")
        expect(page.get_by_role("button", name="Add a row to Lines")).to_be_focused()
        assert violations(page) == []
        assert not too_wide(page)
        page.get_by_role("button", name="Send request").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Office")
        assert violations(page) == []
        assert not too_wide(page)
    assert [row["item"] for row in Request.objects.get().data["lines"]] == ["Desk", "Chair"]
