"""An administrator's first hour, in a real browser on `placet demo`, by keyboard alone: from the guide's review to the
form, through every wrong value and every red test, to a mailbox that is active, and a request that goes through it."""

from dataclasses import dataclass

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.demo import Demo, running_demo
from tests.pages.browsing import complaints_of, launched, reach, window

pytestmark = pytest.mark.demo

SLOW = 60_000  # milliseconds: the test of a connection sends mails and waits for them
MOST_TABS = 150
WAYS = {"Microsoft Graph": "graph", "Exchange Web Services": "ews"}
REPLY = "fine, go ahead, but watch the budget"


@dataclass(frozen=True)
class Keyboard:
    """Nothing but keys, as somebody without a mouse has."""

    page: Page

    def reach(self, wanted: Locator) -> None:
        reach(self.page, wanted.first, MOST_TABS)

    def type(self, label: str, text: str) -> None:
        self.reach(self.page.get_by_label(label, exact=True))
        self.page.keyboard.press("Control+A")
        self.page.keyboard.insert_text(text)

    def press(self, role: str, name: str) -> None:
        wanted = self.page.get_by_role("link" if role == "link" else "button", name=name, exact=True)
        self.reach(wanted)
        # Not `page.keyboard`: the page may be gone before the browser says that the key arrived.
        wanted.first.press("Enter", timeout=SLOW, no_wait_after=True)

    def leave(self, label: str, text: str, name: str, said: str) -> None:
        """Type, go on to the next field, and read what is said beside this one."""
        self.type(label, text)
        self.page.keyboard.press("Tab")
        expect(self.page.locator(f"#message_{name}")).to_contain_text(said)


@pytest.mark.long
@pytest.mark.parametrize("size", [pytest.param("wide", marks=pytest.mark.whole), "phone"])
def test_a_mailbox_is_connected_from_the_guide_and_a_request_goes_through_it(size: str) -> None:
    with running_demo() as demo, launched() as chromium:
        with window(chromium, demo.url, size) as context:
            page = context.new_page()
            complaints = complaints_of(page)
            page.goto("/administration/configuration/guide/review/")
            demo.sign_in(page, "ada")
            values = _values(context, demo)
            _from_the_guide(page, values)
            _wrong_values(page, values)
            _right_values(page, values)
            _red_then_green(context, page, demo, values)
            _use_it_alone(page, demo)
            assert complaints == []
        with window(chromium, demo.url, size) as context:
            _ask_and_answer(context, demo, values["Username"])


def _values(context: BrowserContext, demo: Demo) -> dict[str, str]:
    """What the demo's first page says of the mailbox that is not connected yet."""
    page = context.new_page()
    page.goto(demo.first_page)
    names = page.locator("dl.values dt").all_inner_texts()
    texts = page.locator("dl.values dd").all_inner_texts()
    page.close()
    # A button to copy it stands behind each value, and no value of the form has a space.
    return {name.strip(): text.split()[0] for name, text in zip(names, texts, strict=True)}


def _from_the_guide(page: Page, values: dict[str, str]) -> None:
    keyboard = Keyboard(page)
    keyboard.type("Directory (tenant) ID", values["Directory (tenant) ID"])
    keyboard.type("Application (client) ID", values["Application (client) ID"])
    keyboard.type("Address of the mailbox", values["Username"])
    keyboard.type("Client secret", values["Client secret"])
    keyboard.press("button", "Fill in the form")
    expect(page.get_by_text("These are the values from the guide.")).to_be_visible()
    expect(page.get_by_label("Username", exact=True)).to_have_value(values["Username"])
    expect(page.get_by_label("Access token URI", exact=True)).to_have_value(values["Directory (tenant) ID"])


def _wrong_values(page: Page, values: dict[str, str]) -> None:
    keyboard = Keyboard(page)
    uri = "https://login.microsoftonline.com/{directory_tenant_ID}/oauth2/v2.0/token"
    keyboard.leave("Access token URI", uri, "token_uri", "your own Directory (tenant) ID")
    keyboard.leave(
        "Access token URI", "http://login.microsoftonline.com/x/oauth2/v2.0/token", "token_uri", "https"
    )
    keyboard.leave("Access token URI", "Contoso Ltd", "token_uri", "tenant")
    keyboard.leave("Application (client) ID", "not-an-id", "client_id", "ID")
    keyboard.leave("Client secret", values["The secret's ID, not its value"], "client_secret", "secret's ID")
    scope = "https://outlook.office365.com/.default&grant_type=client_credentials"
    keyboard.leave("Scope", scope, "scope", "was cut")
    keyboard.leave("Username", "somebody@outlook.com", "username", "personal")


def _right_values(page: Page, values: dict[str, str]) -> None:
    keyboard = Keyboard(page)
    keyboard.type("Server address", values["Server address"])
    keyboard.reach(page.get_by_label("Security", exact=True))
    page.keyboard.press("N")  # None
    for label in ("Username", "Application (client) ID", "Scope", "Access token URI"):
        keyboard.type(label, values[label])
    keyboard.type("Client secret", values["A wrong client secret"])


def _red_then_green(context: BrowserContext, page: Page, demo: Demo, values: dict[str, str]) -> None:
    keyboard = Keyboard(page)
    _test(page, "There is something to put right", "The client secret is wrong.")
    keyboard.press("link", "Correct the settings")
    keyboard.type("Client secret", values["Client secret"])
    wrong, look = "There is something to put right", "Works, but look at: “Other mailboxes stay closed”"
    back = {wrong: "Correct the settings", look: "Back to the settings"}
    for way, fault, verdict, said in (
        ("Microsoft Graph", "role", wrong, "Mail.ReadWrite"),
        ("Microsoft Graph", "licence", wrong, "licence"),
        ("Microsoft Graph", "wide", look, f"ada@{values['Username'].partition('@')[2]}"),
        ("Exchange Web Services", "ews", wrong, "EWS"),
        ("Exchange Web Services", "role", wrong, "EWS"),
    ):
        keyboard.reach(page.get_by_label("Connect through", exact=True))
        page.keyboard.press(way[0])
        expect(page.get_by_label("Connect through", exact=True)).to_have_value(WAYS[way])
        _switch(context, demo, fault)
        _test(page, verdict, said)
        _switch(context, demo, fault)
        keyboard.press("link", back[verdict])
    keyboard.reach(page.get_by_label("Connect through", exact=True))
    page.keyboard.press("M")
    _test(page, "Everything works", "Test mails are removed")
    keyboard.press("button", "Activate")
    expect(page.get_by_text("Activated: mail is looked for and sent from now on.")).to_be_visible()


def _test(page: Page, verdict: str, said: str) -> None:
    Keyboard(page).press("button", "Save and test connection")
    expect(page.get_by_role("heading", name=verdict)).to_be_visible(timeout=SLOW)
    expect(page.locator("main")).to_contain_text(said)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def _switch(context: BrowserContext, demo: Demo, fault: str) -> None:
    """A switch of the demo's first page: something breaks, or is mended."""
    page = context.new_page()
    page.goto(demo.first_page)
    page.locator(f"#fault-{fault} button").click()
    page.wait_for_load_state()
    page.close()


def _use_it_alone(page: Page, demo: Demo) -> None:
    """The demo's first mailbox rests, so that requests go through the new one."""
    page.get_by_role("navigation", name="Mailboxes").get_by_role(
        "link", name=demo.address_of("approvals")
    ).click()
    Keyboard(page).reach(page.get_by_label("This mailbox is active", exact=True))
    page.keyboard.press("Space")
    Keyboard(page).press("button", "Save")
    expect(page.get_by_text("The mailbox is not active yet")).to_be_visible()


def _ask_and_answer(context: BrowserContext, demo: Demo, mailbox: str) -> None:
    alice = context.new_page()
    alice.goto("/start/purchase/")
    demo.sign_in(alice, "alice")
    keyboard = Keyboard(alice)
    keyboard.type("What do you need?", "A label printer")
    keyboard.type("Amount (EUR)", "95")
    keyboard.press("button", "Send request")
    expect(alice.get_by_role("heading", level=1)).to_have_text("A label printer")
    alice.evaluate("window.neverReloaded = true")

    bob = context.new_page()
    bob.goto(demo.webmail)
    bob.get_by_role("button", name="Open the mailbox of Bob").click()
    asked = bob.get_by_role("link", name="Please decide: A label printer")
    expect(asked).to_be_visible(timeout=SLOW)
    asked.click()
    expect(bob.locator("main")).to_contain_text(mailbox)
    bob.get_by_role("link", name="Reply", exact=True).click()
    bob.get_by_label("Text").fill(REPLY)
    bob.get_by_role("button", name="Send").click()

    expect(alice.get_by_text(REPLY).first).to_be_visible(timeout=SLOW)
    expect(alice.locator(".station.good").first).to_be_visible()
    assert alice.evaluate("window.neverReloaded") is True
    expect(bob.get_by_role("link", name="Approved: A label printer")).to_be_visible(timeout=SLOW)
