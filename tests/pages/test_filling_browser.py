"""A step's part of the form in a real browser: filled in on a telephone, and shown afterwards."""

from collections.abc import Callable

import pytest
from django.test import Client
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from placet.accounts.models import Person
from placet.approvals import engine
from placet.approvals.models import Attachment
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


def test_files_are_added_and_what_is_too_large_is_named_before_it_is_sent(
    alice: Person, bob: Person, chromium: Browser, live_server: LiveServer, as_: As
) -> None:
    scan = {"name": "scan", "label": "Scan", "type": "files", "largest": 1, "show": "cost_centre != ''"}
    account = {
        **PROCESS["steps"]["account"],
        "form": {"fill": ["cost_centre", "note", "scan"], "require": ["scan"]},
    }
    form = [one for one in PROCESS["form"] if one.get("name") != "lines"]
    definition = {**PROCESS, "form": [*form, scan], "start_form": {"hide": ["cost_centre", "note", "scan"]}}
    definition["steps"] = {**PROCESS["steps"], "account": account}
    request = engine.start(publish(definition), alice, {"item": "Desk", "net": "90"})
    with window(chromium, live_server.url, "phone", "light") as context:
        sign_in(context, as_(bob), live_server.url)
        page = context.new_page()
        complaints = complaints_of(page)
        page.goto("/")
        page.get_by_role("link", name="Fill in and answer").click()
        page.get_by_label("Cost centre").fill("4712")
        page.get_by_label("Cost centre").blur()
        chosen = page.get_by_label("Scan")
        chosen.set_input_files({"name": "large.pdf", "mimeType": "", "buffer": b"x" * 1_100_000})
        page.get_by_role("button", name="Done", exact=True).click()
        expect(page.get_by_text("“large.pdf” is larger than 1 MB.")).to_be_visible()
        expect(chosen).to_be_focused()
        assert not Attachment.objects.exists()
        chosen.set_input_files({"name": "scan.pdf", "mimeType": "", "buffer": b"%PDF"})
        page.get_by_role("button", name="Save the files").last.click()
        expect(page.get_by_text("Only you see them until you answer.")).to_be_visible()
        expect(page.get_by_label("Cost centre")).to_have_value("4712")
        assert violations(page) == []
        assert not too_wide(page)
        page.get_by_role("button", name="Done", exact=True).click()
        expect(page.get_by_role("link", name="scan.pdf").first).to_be_visible()
        assert complaints == []
    request.refresh_from_db()
    assert [file["name"] for file in request.data["scan"]] == ["scan.pdf"]
