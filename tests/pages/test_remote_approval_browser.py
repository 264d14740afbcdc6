"""The Remote Approval tab in a real browser, against the sandbox: what it says while one types, and the test."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from pytest_django.live_server_helper import LiveServer

from placet.accounts.models import Person
from placet.mailboxes import store
from placet.mailboxes.models import Mailbox
from placet.sandbox.server import Sandbox
from tests.conftest import PASSWORD
from tests.pages.browsing import SIZES, window

SLOWLY = 30_000  # milliseconds


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        running.add_mailbox("approvals", "Approvals")
        yield running


@pytest.fixture
def mailbox(sandbox: Sandbox, transactional_db: None) -> Mailbox:
    entered = {
        "server_address": sandbox.url,
        "username": "approvals@contoso.example",
        "client_id": sandbox.client_id,
        "scope": sandbox.scope,
        "token_uri": sandbox.token_url,
    }
    return store.save(
        entered, secrets={"client_secret": sandbox.client_secret}, by="ada@contoso.example"
    ).mailbox


@pytest.fixture(params=[True, False], ids=["with JavaScript", "without JavaScript"])
def scripted(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def context(chromium: Browser, live_server: LiveServer, scripted: bool) -> Iterator[BrowserContext]:
    with window(chromium, live_server.url, "phone", scripted=scripted) as context:
        yield context


@pytest.fixture
def page(context: BrowserContext, admin: Person) -> Page:
    page = context.new_page()
    page.goto("/administration/configuration/remote-approval/")
    page.get_by_label("E-mail address").fill("ada@contoso.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Incoming mail server")).to_be_visible()
    return page


def _leave(page: Page, label: str, text: str, name: str, said: str) -> None:
    """Type into a field and go on by keyboard: what is said appears beside it, and the focus is in the next one."""
    page.get_by_label(label, exact=True).fill(text)
    page.get_by_label(label, exact=True).press("Tab")
    expect(page.locator(f"#message_{name}")).to_contain_text(said)
    assert page.evaluate("document.activeElement.name") not in ("", name)


def test_what_the_page_is_about_begins_on_the_first_screen_of_a_phone(page: Page, scripted: bool) -> None:
    """The navigation has a line for each of its levels, in which one sees where one is."""
    heading = page.get_by_role("heading", level=2).first.bounding_box()
    assert heading is not None
    assert heading["y"] < SIZES["phone"]["height"] * 0.6
    for name in ("Main", "Administration", "Configuration Panel"):
        links = page.get_by_role("navigation", name=name).get_by_role("link").all()
        assert len({round(link.bounding_box()["y"]) for link in links}) == 1, name  # type: ignore[index]
        here = page.get_by_role("navigation", name=name).locator("[aria-current]").bounding_box()
        assert here is not None
        if scripted or name != "Main":  # a script brings the end of that one into sight
            assert here["x"] < SIZES["phone"]["width"]


@pytest.mark.parametrize("scripted", [True], indirect=True)
def test_wrong_values_are_said_as_one_leaves_their_fields(page: Page) -> None:
    _leave(page, "Username", "me@hotmail.com", "username", "mailboxes are personal")
    wrong_id = "535fb089-9ff3-47b6-9bfb-4f126479986"
    _leave(page, "Application (client) ID", wrong_id, "client_id", "not a whole ID")
    _leave(page, "Client secret", wrong_id + "5", "client_secret", "secret's ID")
    scope = "https://outlook.office365.com/.default&grant_type=client_credentials"
    _leave(page, "Scope", scope, "scope", "was cut")
    unfilled = "https://login.microsoftonline.com/{directory_tenant_ID}/oauth2/v2.0/token"
    _leave(page, "Access token URI", unfilled, "token_uri", "your own Directory (tenant) ID")
    page.get_by_label("Cloud", exact=True).select_option("US Government GCC High")
    expect(page.get_by_label("Server address", exact=True)).to_have_value("graph.microsoft.us")
    page.get_by_label("Connect through", exact=True).select_option("Exchange Web Services")
    expect(page.get_by_label("Server address", exact=True)).to_have_value("outlook.office365.us")
    expect(page.get_by_label("Scope", exact=True)).to_have_value("https://outlook.office365.us/.default")
    username = page.get_by_label("Username", exact=True)
    expect(username).to_have_attribute("aria-invalid", "true")
    username.fill("approvals@contoso.example")
    username.press("Tab")
    expect(page.locator("#message_username")).to_be_empty()
    expect(username).not_to_have_attribute("aria-invalid", "true")
    assert not Mailbox.objects.exists()


def test_a_type_shows_its_fields_by_keyboard_and_what_was_typed_stays(page: Page, scripted: bool) -> None:
    page.get_by_label("Username", exact=True).fill("office@contoso.example")
    page.get_by_label("Type", exact=True).focus()
    page.get_by_label("Type", exact=True).select_option("IMAP and SMTP")
    if not scripted:
        page.get_by_role("button", name="Show its fields").click()
    expect(page.get_by_role("heading", name="Outgoing mail server")).to_be_visible()
    expect(page.get_by_role("textbox", name="Address of the mailbox")).to_have_value("office@contoso.example")
    if scripted:
        assert page.evaluate("document.activeElement.name") == "kind"


def _test(page: Page, verdict: str) -> None:
    page.get_by_role("button", name="Save and test connection").click()
    expect(page.get_by_role("heading", name=verdict)).to_be_visible(timeout=SLOWLY)
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES["phone"]["width"]


def _back(page: Page) -> None:
    page.get_by_role("link", name="Correct the settings").click()


def test_the_connection_is_red_with_cause_and_cure_then_green_and_activated(
    mailbox: Mailbox, page: Page, sandbox: Sandbox, scripted: bool
) -> None:
    page.get_by_label("Client secret", exact=True).fill("wrong~secret")
    _test(page, "There is something to put right")
    expect(page.get_by_text("The client secret is wrong.")).to_be_visible()
    _back(page)

    page.get_by_label("Client secret", exact=True).fill(sandbox.client_secret)
    sandbox.switches.consented = False
    _test(page, "There is something to put right")
    expect(page.get_by_text("The token carries no role either.")).to_be_visible()
    _back(page)

    sandbox.switches.rbac, sandbox.switches.ews_blocked = {"approvals@contoso.example"}, True
    _test(page, "There is something to put right")
    expect(page.get_by_text("Exchange Online refused EWS")).to_be_visible()
    assert sandbox.client_id in page.locator("#command-open").inner_text()
    copy = page.get_by_role("button", name="Copy").first
    if scripted:
        copy.click()
        expect(page.get_by_role("status").first).to_contain_text("Copied")
    else:
        expect(copy).to_be_hidden()
    _back(page)

    sandbox.switches.ews_blocked = False
    _test(page, "Everything works")
    expect(page.locator(".checks > .passed")).to_have_count(11)
    expect(page.locator(".checks > .waiting:visible")).to_have_count(0)
    page.get_by_role("button", name="Activate").click()
    expect(page.get_by_text("Activated: mail is looked for")).to_be_visible()
    mailbox.refresh_from_db()
    assert mailbox.active


def test_steps_appear_while_later_ones_still_run(mailbox: Mailbox, page: Page, sandbox: Sandbox) -> None:
    sandbox.switches.consented, sandbox.switches.rbac = False, {"approvals@contoso.example"}
    sandbox.faults.set("slow", operations=["CreateItem"], seconds=3)
    page.get_by_role("button", name="Save and test connection").click(no_wait_after=True)
    expect(page.locator(".checks > .passed")).to_have_count(6, timeout=SLOWLY)
    expect(page.locator(".checks > .waiting:visible")).to_contain_text(
        "Step 7 of 11: Mailbox sends to itself"
    )
    expect(page.get_by_role("heading", name="Everything works")).to_be_visible(timeout=SLOWLY)


@pytest.mark.parametrize("scripted", [True], indirect=True)
def test_an_application_that_can_open_more_is_amber_until_it_is_limited(
    mailbox: Mailbox, page: Page, sandbox: Sandbox
) -> None:
    sandbox.add_mailbox("ada", "Ada Administrator")
    _test(page, "Works, but look at: “Other mailboxes stay closed”")
    step = page.locator(".checks > .warned")
    expect(step).to_have_count(1)
    expect(step.locator(".badge")).to_have_text("look at this")
    expect(step.locator(".badge svg")).to_be_visible()
    expect(step).to_contain_text("The mailbox of ada@contoso.example opened. Nothing in it was read.")
    assert sandbox.tenant.service_principal_id in page.locator("#command-limits").inner_text()
    edges = {
        name: page.locator(f".checks > .{name}").first.evaluate(
            "e => getComputedStyle(e).borderInlineStartColor"
        )
        for name in ("warned", "passed")
    }
    assert edges["warned"] != edges["passed"]
    page.get_by_role("button", name="Activate").click()
    expect(page.get_by_text("Activated: mail is looked for and sent from now on.")).to_be_visible()

    sandbox.switches.access_policy = {"approvals@contoso.example"}
    _test(page, "Everything works")
    expect(page.get_by_text("The application cannot open ada@contoso.example.")).to_be_visible()
