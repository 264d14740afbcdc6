"""The demo's story in a real browser: `placet demo` runs as a process of its own, and nothing is reloaded by hand."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.demo import Demo, running_demo
from tests.pages.browsing import complaints_of, launched, window

pytestmark = pytest.mark.demo

REPLY = "fine, go ahead, but watch the budget"
SLOW = 60_000  # milliseconds for a mail there and back; the mailbox is looked into every five seconds


@pytest.mark.parametrize("size", ["wide", pytest.param("phone", marks=pytest.mark.whole)])
def test_a_request_is_answered_by_mail_and_its_page_turns_green(size: str, tmp_path: Path) -> None:
    with running_demo(tmp_path) as demo, launched() as chromium:
        assert re.search(r"Set up in \d+ s\.", demo.said)
        with window(chromium, demo.first_page, size) as context:
            _play(context, demo)
    assert list(tmp_path.iterdir()) == [], "the demo leaves what is set up there alone"


def _play(context: BrowserContext, demo: Demo) -> None:
    first = context.new_page()
    first.goto("/")
    alice = _opened(context, first, "link", "Start a request")
    bob = _opened(context, first, "button", "Open Bob's mailbox")
    complaints = [complaints_of(page) for page in (alice, bob)]
    _sign_in_and_ask(alice, demo)

    asked = bob.get_by_role("link", name="Please decide: Standing desk")
    expect(asked).to_be_visible(timeout=SLOW)  # by itself, should the mail not be there yet
    asked.click()
    bob.get_by_role("link", name="Reply", exact=True).click()
    bob.get_by_label("Text").fill(REPLY)
    bob.get_by_role("button", name="Send").click()
    expect(bob.get_by_role("status")).to_have_text("Sent.")

    expect(alice.get_by_text(REPLY).first).to_be_visible(timeout=SLOW)
    expect(alice.locator("main")).to_contain_text("Approved", ignore_case=True)
    assert alice.evaluate("window.neverReloaded") is True
    expect(bob.get_by_role("link", name="Approved: Standing desk")).to_be_visible(timeout=SLOW)
    assert [text for texts in complaints for text in texts] == []


def _opened(context: BrowserContext, page: Page, role: str, name: str) -> Page:
    """What opens in a tab of its own."""
    with context.expect_page() as opened:
        if role == "link":
            page.get_by_role("link", name=name).click()
        else:
            page.get_by_role("button", name=name).click()
    return opened.value


def _sign_in_and_ask(page: Page, demo: Demo) -> None:
    """Alice's request, on its page, which is marked so that a reload would be seen."""
    demo.sign_in(page, "alice")
    page.get_by_label("What do you need?").fill("Standing desk")
    page.get_by_label("Amount").fill("640")
    page.get_by_role("button", name="Send request").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Standing desk")
    page.evaluate("window.neverReloaded = true")
