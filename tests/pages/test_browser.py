"""A real browser: sign in, start a request, decide it by keyboard. Nothing breaks the strict policy."""

from collections.abc import Iterator
from contextlib import suppress

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, TimeoutError, expect
from pytest_django.live_server_helper import LiveServer

from placet.accounts.models import Person
from placet.approvals.models import Decision, Request, Version
from tests.conftest import PASSWORD
from tests.pages.browsing import is_failure, window


@pytest.fixture(
    params=[
        pytest.param(("wide", True), id="wide with JavaScript"),
        pytest.param(("phone", False), id="phone without JavaScript"),
        pytest.param(("wide", False), id="wide without JavaScript", marks=pytest.mark.whole),
        pytest.param(("phone", True), id="phone with JavaScript", marks=pytest.mark.whole),
    ]
)
def dress(request: pytest.FixtureRequest) -> tuple[str, bool]:
    """The size of the window, and whether scripts run in it."""
    size, scripted = request.param
    return size, scripted


@pytest.fixture
def context(chromium: Browser, live_server: LiveServer, dress: tuple[str, bool]) -> Iterator[BrowserContext]:
    size, scripted = dress
    with window(chromium, live_server.url, size, scripted=scripted) as context:
        yield context


def _signed_in(context: BrowserContext, address: str, complaints: list[str]) -> Page:
    """A page of somebody who signed in by keyboard; whatever the browser complains of is collected."""
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda r: complaints.append(f"not loaded: {r.url}") if is_failure(r) else None)
    page.goto("/")
    page.get_by_label("E-mail address").fill(address)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    _leave(page)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Waiting for me")
    return page


def _leave(page: Page) -> None:
    """Press Enter where the focus is, which opens another page. The old one may be gone before Chromium says that the
    key arrived: then nobody says it, and `page.keyboard` would wait for ever. What came of it, the next line sees."""
    with suppress(TimeoutError):
        page.locator(":focus").press("Enter", timeout=10_000, no_wait_after=True)


def _fits(page: Page) -> bool:
    """Nothing sticks out to the right."""
    box = page.locator("main").bounding_box()
    wide = page.locator("header.top").bounding_box()
    viewport = page.viewport_size
    assert box and wide and viewport
    return max(box["width"], wide["width"]) <= viewport["width"]


def _reach(page: Page, name: str) -> None:
    """Go on by the Tab key until the button of this name has the focus."""
    wanted = page.get_by_role("button", name=name, exact=True)
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.locator(":focus").count() and page.locator(":focus").inner_text() == wanted.inner_text():
            return
    raise AssertionError(f"{name} cannot be reached by keyboard")


def test_a_request_is_started_and_decided(
    context: BrowserContext, version: Version, alice: Person, bob: Person
) -> None:
    complaints: list[str] = []
    page = _signed_in(context, "alice@contoso.example", complaints)
    page.get_by_role("link", name="Start a request").first.click()
    page.get_by_label("What do you need?").fill("A standing desk")
    page.get_by_label("Amount").fill("much")
    page.get_by_role("button", name="Send request").click()
    expect(page.get_by_text("Please write a number")).to_be_visible()
    expect(page.get_by_label("What do you need?")).to_have_value("A standing desk")
    page.get_by_label("Amount").fill("640.50")
    page.get_by_role("button", name="Send request").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("A standing desk")
    expect(page.get_by_role("status")).to_contain_text("waiting for Bob Manager")
    assert _fits(page)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("E-mail address")).to_be_visible()

    page = _signed_in(context, "bob@contoso.example", complaints)
    page.get_by_role("link", name="A standing desk", exact=True).click()
    expect(page.get_by_text("640.50 EUR")).to_be_visible()
    page.get_by_label("Comment").focus()
    page.keyboard.type("Good for the back.")
    _reach(page, "Approve")
    _leave(page)
    expect(page.get_by_role("status")).to_contain_text("You approved this request.")
    expect(page.get_by_text("Good for the back.")).to_be_visible()
    assert _fits(page)

    assert Decision.objects.get().comment == "Good for the back."
    assert Request.objects.get().result == "approved"
    # Chromium also notes the one answer that says what is wrong with the form.
    assert [text for text in complaints if "status of 422" not in text] == []


def test_the_skip_link_is_the_first_stop_of_the_keyboard(
    context: BrowserContext, version: Version, bob: Person
) -> None:
    page = _signed_in(context, "bob@contoso.example", [])
    page.keyboard.press("Tab")
    focused = page.locator(":focus")
    expect(focused).to_have_text("Skip to the content")
    expect(focused).to_be_in_viewport()
