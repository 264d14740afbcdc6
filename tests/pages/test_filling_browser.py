"""A step's part of the form in a real browser: filled in on a telephone, and shown afterwards."""

from collections.abc import Callable

import pytest
from django.test import Client
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from placet.accounts.models import Person
from placet.approvals import engine
from placet.approvals.processes import publish
from tests.pages.browsing import complaints_of, sign_in, window
from tests.pages.test_every_page import too_wide, violations
from tests.pages.test_filling import PROCESS

As = Callable[[Person | None], Client]


@pytest.mark.parametrize(("size", "scheme"), [("phone", "dark"), ("wide", "light")])
def test_a_part_of_the_form_is_filled_in_and_what_follows_comes_up(
    alice: Person, bob: Person, chromium: Browser, live_server: LiveServer, as_: As, size: str, scheme: str
) -> None:
    request = engine.start(publish(PROCESS), alice, {"item": "Desk", "net": "90"})
    with window(chromium, live_server.url, size, scheme) as context:
        sign_in(context, as_(bob), live_server.url)
        page = context.new_page()
        complaints = complaints_of(page)
        page.goto("/")
        page.get_by_role("link", name="Fill in and answer").click()
        expect(page.get_by_label("Note on 4711")).to_be_hidden()
        page.get_by_label("Cost centre").fill("4711")
        page.get_by_label("Cost centre").blur()
        expect(page.get_by_label("Note on 4711")).to_be_visible()
        page.get_by_label("Note on 4711").fill("Ours")
        page.get_by_label("Sum, row 1").fill("12")
        page.get_by_role("button", name="Add a row").click()
        page.get_by_label("Sum, row 2").fill("30")
        page.get_by_label("Sum, row 2").blur()
        expect(page.get_by_text("42", exact=True)).to_be_visible()
        assert violations(page) == []
        assert not too_wide(page)
        page.get_by_role("button", name="Done", exact=True).click()
        expect(page.get_by_role("heading", name="Entered later")).to_be_visible()
        assert violations(page) == []
        assert not too_wide(page)
        assert complaints == []
    request.refresh_from_db()
    assert (request.state, request.data["note"], len(request.data["lines"])) == ("ended", "Ours", 2)
