"""The portal in a real browser: pages that follow what happens, keys, drafts. And all of it without JavaScript."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.test import Client
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from placet.accounts.models import Person
from placet.approvals import engine
from placet.approvals.models import Assignment, Decision, Draft, Request, Version
from tests.pages.browsing import complaints_of, launched, sign_in, window

As = Callable[[Person | None], Client]
Opened = Callable[..., AbstractContextManager[Page]]

SOON = 15_000  # milliseconds; a page asks every three seconds


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture
def page_of(chromium: Browser, live_server: LiveServer, as_: As) -> Opened:
    @contextmanager
    def opened(person: Person, scripted: bool = True, size: str = "wide") -> Iterator[Page]:
        """A page of somebody who is signed in; at the end the browser has complained of nothing."""
        with window(chromium, live_server.url, size, scripted=scripted) as context:
            sign_in(context, as_(person), live_server.url)
            page = context.new_page()
            complaints = complaints_of(page)
            yield page
            # Chromium also notes the answers that say what is wrong with a form.
            assert [text for text in complaints if "status of 422" not in text] == []

    return opened


def address_of(request: Request) -> str:
    return f"/requests/{request.public_id}/"


def test_a_request_turns_green_without_a_reload(
    asked: Assignment, alice: Person, bob: Person, page_of: Opened
) -> None:
    with page_of(alice) as page:
        page.goto(address_of(asked.visit.request))
        expect(page.locator(".badge")).to_have_text("Manager: waiting for Bob Manager")
        engine.decide(
            asked.pk, by=bob, outcome="approve", comment="Watch the budget", door=Decision.Door.MAIL
        )
        expect(page.locator(".badge")).to_have_text("Approved", timeout=SOON)
        expect(page.locator(".path")).to_contain_text("Watch the budget")
        expect(page.locator(".station.good")).to_have_count(2)
        expect(page.get_by_role("link", name="Withdraw request")).to_have_count(0)


def test_what_somebody_types_stays_when_the_question_is_decided_meanwhile(
    asked: Assignment, alice: Person, bob: Person, page_of: Opened
) -> None:
    with page_of(bob) as page:
        page.goto(address_of(asked.visit.request))
        page.get_by_label("Comment").fill("A long thought")
        engine.withdraw(asked.visit.request.pk, alice)
        expect(page.get_by_text("your answer is not needed any more")).to_be_visible(timeout=SOON)
        expect(page.get_by_label("Comment")).to_have_value("A long thought")
        expect(page.get_by_role("button", name="Approve")).to_be_disabled()


def test_home_says_that_something_new_waits(
    version: Version, alice: Person, bob: Person, page_of: Opened
) -> None:
    with page_of(bob) as page:
        page.goto("/")
        engine.start(version, alice, {"item": "A chair", "amount": "10"})
        expect(page.get_by_text("Something new waits for you.")).to_be_visible(timeout=SOON)
        expect(page).to_have_title("(1) Waiting for me · Placet")
        page.get_by_role("link", name="Show it").click()
        expect(page.get_by_role("heading", name="A chair")).to_be_visible()


def test_no_single_key_decides(version: Version, alice: Person, bob: Person, page_of: Opened) -> None:
    for item in ("A chair", "A desk"):
        engine.start(version, alice, {"item": item, "amount": "10"})
    with page_of(bob) as page:
        page.goto("/")
        page.keyboard.press("j")
        page.keyboard.press("j")
        expect(page.locator(":focus").get_by_role("heading")).to_have_text("A desk")
        page.keyboard.press("x")
        expect(page.get_by_role("button", name="Approve 1 …")).to_be_visible()
        page.keyboard.press("a")
        expect(page.locator(":focus")).to_have_text("Approve")
        page.keyboard.press("r")
        expect(page.locator(":focus")).to_have_text("Reject")
        assert not Decision.objects.exists()
        page.locator("textarea").first.focus()
        page.keyboard.type("jaxr?")
        expect(page.locator("textarea").first).to_have_value("jaxr?")
        page.get_by_role("heading", level=1).click()
        page.keyboard.press("?")
        expect(page.get_by_role("dialog")).to_be_visible()
        page.get_by_label("Use these keys").uncheck()
        page.get_by_role("button", name="Close").click()
        page.keyboard.press("j")
        expect(page.locator("li:focus")).to_have_count(0)


def test_a_draft_is_saved_when_the_page_is_left(version: Version, alice: Person, page_of: Opened) -> None:
    with page_of(alice) as page:
        page.goto("/start/purchase/")
        page.get_by_label("What do you need?").fill("A lamp")
        page.get_by_role("link", name="My requests").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("My requests")
        for _ in range(100):  # it is sent while the page goes
            if Draft.objects.exists():
                break
            page.wait_for_timeout(100)
        page.goto("/start/purchase/")
        expect(page.get_by_label("What do you need?")).to_have_value("A lamp")
        page.get_by_label("Amount").fill("30")
        page.get_by_role("button", name="Send request").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("A lamp")
    assert Request.objects.get().data["item"] == "A lamp"
    assert not Draft.objects.exists()


@pytest.mark.parametrize("scripted", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_a_request_with_a_file_is_started_and_several_are_decided(
    scripted: bool, version: Version, alice: Person, bob: Person, page_of: Opened
) -> None:
    engine.start(version, alice, {"item": "A chair", "amount": "10"})
    with page_of(alice, scripted, "phone") as page:
        page.goto("/start/purchase/")
        page.get_by_label("What do you need?").fill("A desk")
        page.get_by_label("Amount").fill("20")
        page.get_by_label("Quotes").set_input_files({"name": "offer.pdf", "mimeType": "", "buffer": b"%PDF"})
        page.get_by_role("button", name="Save draft").click()
        expect(page.get_by_role("link", name="offer.pdf")).to_be_visible()
        page.get_by_label("Amount").press("Enter")  # sends, and does not remove the file
        expect(page.get_by_role("heading", level=1)).to_have_text("A desk")
        expect(page.get_by_role("link", name="offer.pdf")).to_be_visible()
    with page_of(bob, scripted, "phone") as page:
        page.goto("/")
        for box in page.get_by_label("Choose").all():
            box.check()
        page.get_by_role("button", name="Approve 2 …" if scripted else "Approve the chosen ones …").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Approve these 2 requests?")
        page.get_by_role("button", name="Approve the chosen ones").click()
        expect(page.get_by_text("You approved “A desk”.")).to_be_visible()
    assert Decision.objects.filter(outcome="approve", by_person=bob).count() == 2


def test_axe_finds_nothing_where_something_does_not_fit_or_is_asked_once_more(
    version: Version, alice: Person, bob: Person, page_of: Opened
) -> None:
    for item in ("A chair", "A desk"):
        engine.start(version, alice, {"item": item, "amount": "10"})
    with page_of(alice, size="phone") as page:
        page.goto("/start/purchase/")
        page.get_by_label("Quotes").set_input_files({"name": "a.pdf", "mimeType": "", "buffer": b"%PDF"})
        page.get_by_role("button", name="Save draft").click()
        page.get_by_label("Amount").fill("much")
        page.get_by_role("button", name="Send request").click()
        expect(page.get_by_text("Please write a number")).to_be_visible()
        assert _violations(page) == []
    with page_of(bob, size="phone") as page:
        page.goto("/")
        page.keyboard.press("?")
        assert _violations(page) == []
        page.get_by_role("button", name="Close").click()
        page.get_by_label("Choose").first.check()
        assert _violations(page) == []
        page.get_by_role("button", name="Reject 1 …").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Reject this request?")
        assert _violations(page) == []


def _violations(page: Page) -> list[str]:
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [f"{violation['id']}: {node['html'][:200]}" for violation in found for node in violation["nodes"]]
