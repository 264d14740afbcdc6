"""The web mail in a real browser: readable for everybody, and new mail shows by itself."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from placet.commands.demo_page import TO_CONNECT, first_page
from placet.sandbox import Sandbox
from tests.pages.browsing import AXE, complaints_of, window

HTML = '<p>Please decide</p><p><a href="mailto:approvals+a@contoso.example?subject=Re&body=Approve">Approve</a></p>'


@pytest.fixture
def demo() -> Iterator[Sandbox]:
    with Sandbox(open_house=True) as running:
        for name in ("approvals", TO_CONNECT, "bob"):
            running.add_mailbox(name)
        running.tell(first_page(running, "127.0.0.1:8000", "password"))
        yield running


def _ask(demo: Sandbox, subject: str) -> str:
    demo.send_as("approvals", to="bob@contoso.example", subject=subject, text="Please decide", html=HTML)
    return demo.mails("bob")[-1].id


def _open_bobs(page: Page) -> None:
    page.goto("/mail/")
    page.get_by_role("button", name="Open the mailbox of Bob").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Inbox")


# Colours do not depend on the width: each scheme is seen in one.
@pytest.mark.parametrize(("size", "scheme"), [("wide", "light"), ("phone", "dark")])
def test_no_page_shuts_anybody_out(size: str, scheme: str, demo: Sandbox, chromium: Browser) -> None:
    _ask(demo, "Desk")
    with window(chromium, demo.url, size, scheme) as context:
        page = context.new_page()
        complaints = complaints_of(page)
        _open_bobs(page)
        inbox = page.url
        page.get_by_role("link", name="Desk").click()
        mail = page.url
        page.get_by_role("link", name="Reply", exact=True).click()
        at = inbox.removesuffix("folder")
        for where in (
            "/", "/mail/", "/mail/sign-in", inbox, mail, f"{mail}&as=text", f"{mail}&as=source", page.url,
            f"{at}stranger", f"{at}out-of-office", f"{at}nothing",
        ):  # fmt: skip
            page.goto(where)
            found = Axe().run(page, options=AXE).response["violations"]
            assert found == [], (where, [rule["id"] for rule in found])
            wide = page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            assert wide <= 0, where
        assert [text for text in complaints if "404" not in text] == []


def test_new_mail_shows_by_itself_and_is_said(demo: Sandbox, chromium: Browser) -> None:
    with window(chromium, demo.url) as context:
        page = context.new_page()
        _open_bobs(page)
        expect(page.get_by_text("No mail yet.")).to_be_visible()
        _ask(demo, "Desk")
        expect(page.get_by_role("link", name="Desk")).to_be_visible()
        expect(page.locator("#said")).to_have_text("One new mail.")
        expect(page.get_by_role("link", name="Inbox 1")).to_be_visible()


def test_without_scripts_a_mail_is_answered_by_its_button(demo: Sandbox, chromium: Browser) -> None:
    _ask(demo, "Desk")
    with window(chromium, demo.url, "phone", scripted=False) as context:
        page = context.new_page()
        _open_bobs(page)
        page.get_by_role("link", name="Desk").click()
        page.frame_locator("iframe").get_by_role("link", name="Approve").click()
        expect(page.get_by_label("To", exact=True)).to_have_value("approvals+a@contoso.example")
        expect(page.get_by_label("Text")).to_have_value("Approve")
        page.get_by_role("button", name="Send").click()
        expect(page.get_by_role("status")).to_have_text("Sent.")
    assert [mail.text.strip() for mail in demo.mails("approvals")] == ["Approve"]
