"""The portal in a real browser: pages that follow what happens, keys, drafts. And all of it without JavaScript."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.test import Client
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from placet.accounts.models import Person
from placet.approvals import engine
from placet.approvals.models import Assignment, Decision, Draft, Request, Version
from placet.approvals.processes import publish
from tests.pages.browsing import AXE, box_of, complaints_of, sign_in, window

As = Callable[[Person | None], Client]
Opened = Callable[..., AbstractContextManager[Page]]

SOON = 30_000  # milliseconds; a page asks every three seconds


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
            # Chromium also notes the answers that say what is wrong with a form, or that a draft was not saved.
            noted = re.compile("status of (409|422|503)")
            assert [text for text in complaints if not noted.search(text)] == []

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
            asked.pk, by=bob, outcome="approve", comment="Watch the budget", channel=Decision.Channel.MAIL
        )
        expect(page.locator(".badge")).to_have_text("Approved", timeout=SOON)
        expect(page.locator(".path")).to_contain_text("Watch the budget")
        expect(page.locator(".station.good")).to_have_count(2)
        expect(page.get_by_role("link", name="Withdraw request")).to_have_count(0)


def test_where_a_request_stood_is_not_said_above_where_it_stands(
    version: Version, alice: Person, bob: Person, page_of: Opened
) -> None:
    with page_of(alice) as page:
        page.goto("/start/purchase/")
        page.get_by_label("What do you need?").fill("A desk")
        page.get_by_label("Amount").fill("20")
        page.get_by_label("Amount").press("Enter")
        said = page.get_by_role("status").filter(has_text="was started.")
        expect(said).to_contain_text("Now: Manager: waiting for Bob Manager.")
        asked = Assignment.objects.get()
        engine.decide(asked.pk, by=bob, outcome="approve", channel=Decision.Channel.MAIL)
        expect(page.locator(".badge")).to_have_text("Approved", timeout=SOON)
        expect(said).to_have_text(re.compile(r"^\s*Request \d+ was started\.\s*$"))


@pytest.mark.parametrize("scripted", [True, False])
def test_one_tap_on_a_card_is_asked_once_more_on_a_phone(
    asked: Assignment, bob: Person, page_of: Opened, scripted: bool
) -> None:
    with page_of(bob, scripted, "phone") as page:
        page.goto("/")
        page.get_by_role("button", name="Reject").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Reject this request?")
        assert not Decision.objects.exists()
        page.get_by_role("link", name="Back, decide nothing").click()
        page.get_by_role("button", name="Approve").click()
        page.get_by_role("button", name="Approve").click()
        expect(page.get_by_text("You approved “A chair”.")).to_be_visible()
    assert Decision.objects.get().outcome == "approve"


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


def test_a_card_whose_place_is_on_another_page_now_is_not_closed(
    version: Version, alice: Person, bob: Person, page_of: Opened
) -> None:
    for n in range(27):
        engine.start(version, alice, {"item": f"Thing {n}", "amount": "10"})
    with page_of(bob) as page:
        page.goto("/?page=2")
        assignment = Assignment.objects.order_by("pk")[0]
        engine.decide(assignment.pk, by=bob, outcome="approve", channel=Decision.Channel.MAIL)
        expect(page).to_have_title("(26) Waiting for me · Placet", timeout=SOON)
        expect(page.get_by_text("This was decided or withdrawn meanwhile")).to_have_count(2)
        for note in page.get_by_text("This was decided or withdrawn meanwhile").all():
            expect(note).to_be_hidden()
        expect(page.get_by_text("Something new waits for you.")).to_be_hidden()
        engine.start(version, alice, {"item": "One more", "amount": "10"})
        expect(page.get_by_text("Something new waits for you.")).to_be_visible(timeout=SOON)


def test_french_words_fit_their_buttons_and_the_head_of_the_page(
    asked: Assignment, bob: Person, admin: Person, page_of: Opened
) -> None:
    """No word is cut in two on a phone, and one line holds where one may go, on a wide page."""
    Person.objects.filter(pk__in=[bob.pk, admin.pk]).update(language="fr")
    with page_of(bob, size="phone") as page:
        page.goto("/")
        buttons = page.locator("button.answer").all()
        assert [button.inner_text() for button in buttons] == ["Approuver", "Refuser"]
        assert {round(box_of(button)["height"]) for button in buttons} == {44}
    with page_of(admin) as page:
        page.goto("/administration/tables/")
        tops = {box_of(link)["y"] for link in page.locator(".main-nav a").all()}
        box = box_of(page.locator(".top-inner"))
    assert len(tops) == 1
    assert box["height"] < 60


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


HIDE = """() => {
  Object.defineProperty(document, "hidden", { value: true, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
  delete document.hidden;
}"""  # the window goes behind another one; the form is saved then


def test_a_draft_that_could_not_be_saved_is_said_and_tried_again(
    version: Version, alice: Person, page_of: Opened
) -> None:
    with page_of(alice) as page:
        page.goto("/start/purchase/")
        status = page.locator("[data-saved]")
        page.get_by_label("What do you need?").fill("A lamp")
        page.route("**/start/purchase/", lambda route: route.fulfill(status=503))
        page.evaluate(HIDE)
        expect(status).to_contain_text("The draft could not be saved. It is tried again")
        page.unroute("**/start/purchase/")
        page.evaluate(HIDE)
        expect(status).to_have_text("Draft saved.")
        engine.start(version, alice, {"item": "A lamp", "amount": "10"}, Draft.objects.get())
        page.get_by_label("What do you need?").fill("Two lamps")
        page.evaluate(HIDE)
        expect(status).to_contain_text("this form was sent or discarded meanwhile")
        page.context.clear_cookies()
        page.evaluate(HIDE)
        expect(status).to_contain_text("You were signed out meanwhile")
        expect(page.get_by_label("What do you need?")).to_have_value("Two lamps")
    assert not Draft.objects.exists()


def test_what_is_too_much_for_the_browser_to_send_behind_the_page_is_saved_later(
    version: Version, alice: Person, page_of: Opened
) -> None:
    with page_of(alice) as page:
        page.goto("/start/purchase/")
        page.evaluate("() => { navigator.sendBeacon = () => false; }")
        page.get_by_label("What do you need?").fill("A lamp")
        page.evaluate("() => window.dispatchEvent(new Event('pagehide'))")
        expect(page.locator("[data-saved]")).to_contain_text("The draft could not be saved")
        page.evaluate(HIDE)
        expect(page.locator("[data-saved]")).to_have_text("Draft saved.")
    assert Draft.objects.get().data == {"item": "A lamp"}


def test_files_are_summed_over_the_whole_form_and_what_was_typed_is_saved_before_they_are_sent(
    version: Version, alice: Person, page_of: Opened, tmp_path: Path
) -> None:
    plans = {"name": "plans", "label": "Plans", "type": "files"}
    publish({**version.definition, "form": [*version.definition["form"], plans]})

    # On the disk, where the browser reads them itself: bytes would go there as text, through three processes.
    files = [tmp_path / "0.bin", tmp_path / "1.bin"]
    for file in files:
        file.write_bytes(b"x" * 7_000_000)
    with page_of(alice) as page:
        page.goto("/start/purchase/")
        posted: list[str] = []
        page.on("request", lambda request: posted.append(request.method))
        page.get_by_label("What do you need?").fill("A lamp")
        page.get_by_label("Amount").fill("30")
        page.get_by_label("Quotes").set_input_files(files)
        page.get_by_label("Plans").set_input_files(files)
        complaints = page.get_by_text("These files are larger than 25 MB together.")
        expect(complaints).to_have_count(2)
        page.get_by_role("button", name="Send request").click()
        assert not Request.objects.exists()
        page.get_by_label("Plans").set_input_files([])
        expect(complaints).to_have_count(0)
        page.get_by_role("button", name="Send request").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("A lamp")
        # On a busy machine the page may have saved by itself before; what was typed is saved in any case.
        assert posted.count("POST") >= 2
    assert Request.objects.get().attachments.count() == 2
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
    found = Axe().run(page, options=AXE).response["violations"]
    return [f"{violation['id']}: {node['html'][:200]}" for violation in found for node in violation["nodes"]]
