"""Mailboxes of other kinds in a real browser: chosen by their address, their fields filled in, a connection test that
passes, activated. Each at the server that journeys of its kind go over. One wrong value of each kind is seen here; that
each of them has its message is asked of the form itself, without a browser (`test_mailbox_kinds`, and the settings of
each kind)."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Browser, Page, Route, expect
from pytest_django.live_server_helper import LiveServer

from placet.accounts.models import Person
from placet.mailboxes import pool
from placet.mailboxes.discovery import lookup
from placet.mailboxes.models import Mailbox
from placet.sandbox.server import Sandbox
from tests.journeys.at_cyrus import AtCyrus
from tests.journeys.at_exchange_server import AtExchangeServer
from tests.journeys.at_mail_servers import PASSWORD as MAIL_PASSWORD
from tests.journeys.at_mail_servers import AtMailServers
from tests.journeys.conftest import cyrus_servers, mail_servers, sandbox
from tests.journeys.elsewhere import APPROVALS, DOMAIN
from tests.mailboxes.exchange_server.front import PASSWORD, USER
from tests.mailboxes.google_tokens import key_file
from tests.mailboxes.internet import Internet, Site, internet
from tests.pages.browsing import complaints_of, settle, sign_in, window
from tests.pages.test_every_page import too_wide, violations

__all__ = ["cyrus_servers", "mail_servers", "sandbox"]

SLOWLY = 60_000  # milliseconds: the test sends a mail and waits for it
JMAP = "jmap.corp.test"
#: By way, the service of its servers in the DNS (RFC 6186, 8314), which is also what Dovecot calls the port.
SERVICES = {"imap": "imaps", "pop3": "pop3s"}


@pytest.fixture
def domains(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Internet]:
    with internet(tmp_path_factory.mktemp("internet")) as world:
        monkeypatch.setattr(lookup, "Network", world.network)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(world.folder / "ca.pem"))
        yield world


def at_exchange_server(sandbox: Sandbox, page: Page) -> None:
    assert isinstance(sandbox, AtExchangeServer)
    expect(page.get_by_label("Exchange server", exact=True)).to_have_value(f"mx.{DOMAIN}")
    page.get_by_label("Exchange server", exact=True).fill(sandbox.front.url)
    page.get_by_label("Security", exact=True).select_option("none")
    page.get_by_label("Account", exact=True).fill(USER)
    page.get_by_label("Password", exact=True).fill(PASSWORD)


def at_google(sandbox: Sandbox, page: Page) -> None:
    page.get_by_label("Key of the service account", exact=True).fill(key_file())


def at_cyrus(sandbox: Sandbox, page: Page) -> None:
    assert isinstance(sandbox, AtCyrus)
    expect(page.get_by_label("JMAP server", exact=True)).to_have_value(JMAP)
    page.get_by_label("JMAP server", exact=True).fill("127.0.0.1")
    page.get_by_label("Security", exact=True).select_option("none")
    page.get_by_label("Port", exact=True).fill(str(sandbox.ports["jmap"]))
    page.get_by_label("Sign in with", exact=True).select_option("password")
    page.get_by_label("Token or password", exact=True).fill(MAIL_PASSWORD)


def at_mail_servers(sandbox: Sandbox, page: Page) -> None:
    """Over TLS, by the authority of their own alone. The name in their certificate is this machine's."""
    assert isinstance(sandbox, AtMailServers)
    reads = sandbox.protocol
    ports = {
        reads: sandbox.servers.dovecot.ports[SERVICES[reads]],
        "smtp": sandbox.servers.postfix.ports["submissions"],
    }
    page.evaluate("document.querySelectorAll('#kind-fields details').forEach((one) => { one.open = true; })")
    for name, port in ports.items():
        expect(page.locator(f"#id_{name}_host")).to_have_value(f"mx.{DOMAIN}")
        expect(page.locator(f"#id_{name}_security")).to_have_value("ssl")
        page.fill(f"#id_{name}_host", "localhost")
        page.fill(f"#id_{name}_port", str(port))
        page.fill(f"#id_{name}_authorities", sandbox.servers.dovecot.authority.certificate.read_text())
        page.fill(f"#id_{name}_password", MAIL_PASSWORD)


def of_its_own(world: Internet) -> None:
    world.records[DOMAIN, "MX"] = [f"0 mx.{DOMAIN}."]
    world.records[f"mx.{DOMAIN}", "A"] = ["10.2.3.4"]


def with_google(world: Internet) -> None:
    world.records[DOMAIN, "MX"] = ["1 aspmx.l.google.com."]


def with_jmap(world: Internet) -> None:
    of_its_own(world)
    world.records[f"_jmap._tcp.{DOMAIN}", "SRV"] = [f"0 1 {world.https_port} {JMAP}."]
    session = Site(b'{"capabilities": {"urn:ietf:params:jmap:core": {}}, "apiUrl": "x"}')
    world.host(JMAP, "/.well-known/jmap", session)


def with_services(world: Internet) -> None:
    of_its_own(world)
    for service, port in (("imaps", 993), ("pop3s", 995), ("submissions", 465)):
        world.records[f"_{service}._tcp.{DOMAIN}", "SRV"] = [f"0 1 {port} mx.{DOMAIN}."]


#: By way: what the name service says, and what is filled in.
WALKS: Mapping[str, tuple[Callable[[Internet], None], Callable[[Sandbox, Page], None]]] = {
    "imap": (with_services, at_mail_servers),
    "pop3": (with_services, at_mail_servers),
    "exchange-server": (of_its_own, at_exchange_server),
    "gmail": (with_google, at_google),
    "jmap": (with_jmap, at_cyrus),
}


def ports_of(sandbox: Sandbox) -> list[int]:
    """Of servers on this machine, which Placet calls only where an administrator allows it."""
    if isinstance(sandbox, AtExchangeServer):
        return [sandbox.front.port]
    if isinstance(sandbox, AtCyrus):
        return [sandbox.ports["jmap"]]
    if isinstance(sandbox, AtMailServers):
        reads = sandbox.servers.dovecot.ports[SERVICES[sandbox.protocol]]
        return [reads, sandbox.servers.postfix.ports["submissions"]]
    return []


def allow(page: Page, ports: Iterable[int]) -> None:
    page.goto(reverse("panel:general"))
    page.get_by_label("Private addresses that Placet may call").fill(
        "\n".join(f"127.0.0.1:{port}" for port in ports)
    )
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved")).to_be_visible()


@pytest.mark.parametrize("way", WALKS)
@pytest.mark.parametrize(("size", "scheme"), [("wide", "light"), ("phone", "dark")])
def test_a_mailbox_is_chosen_by_its_address_tested_and_activated(
    sandbox: Sandbox,
    domains: Internet,
    way: str,
    size: str,
    scheme: str,
    chromium: Browser,
    live_server: LiveServer,
    admin: Person,
    client: Client,
) -> None:
    names, fill_in = WALKS[way]
    names(domains)
    client.force_login(admin)
    with window(chromium, live_server.url, size, scheme) as context:
        sign_in(context, client, live_server.url)
        page = context.new_page()
        complaints = complaints_of(page)
        if ports := ports_of(sandbox):
            allow(page, ports)
        page.goto(reverse("panel:new_mailbox"))
        page.get_by_label("Address", exact=True).fill(APPROVALS)
        page.get_by_role("button", name="Find its servers").click()
        expect(page.locator("#lookup h3")).to_be_visible()
        offer = page.locator("article.offer").filter(has=page.locator(f'input[name=kind][value="{way}"]'))
        if not offer.is_visible():
            page.locator("details.other-ways > summary").click()
        assert violations(page) == []
        offer.get_by_role("button", name="Use this").click()
        expect(page.get_by_label("Type", exact=True)).to_have_value(way)
        fill_in(sandbox, page)
        assert violations(page) == []
        assert not too_wide(page)
        page.get_by_role("button", name="Save and test connection").click()
        expect(page.get_by_role("heading", name="Everything works")).to_be_visible(timeout=SLOWLY)
        assert violations(page) == []
        assert not too_wide(page)
        page.get_by_role("button", name="Activate").click()
        expect(page.get_by_text("Activated: mail is looked for and sent from now on.")).to_be_visible()
        assert violations(page) == []
        assert complaints == []
    mailbox = Mailbox.objects.get()
    pool.drop(mailbox)
    assert (mailbox.kind, mailbox.address, mailbox.active) == (way, APPROVALS, True)


def test_what_is_typed_while_a_choice_is_looked_at_stays(
    chromium: Browser, live_server: LiveServer, admin: Person, client: Client
) -> None:
    client.force_login(admin)
    with window(chromium, live_server.url) as context:
        sign_in(context, client, live_server.url)
        page = context.new_page()
        page.goto(reverse("panel:new_mailbox"))
        fields = re.compile("/fields/$")
        with page.expect_response(re.compile("/kind/$")):
            page.get_by_label("Type", exact=True).select_option("exchange-server")
        settle(page)
        account = page.get_by_label("Account", exact=True)
        expect(account).to_be_visible()
        for label, text in (("Exchange server", f"mail.{DOMAIN}"), ("Username", APPROVALS)):
            with page.expect_response(fields):
                page.get_by_label(label, exact=True).fill(text)
                page.keyboard.press("Tab")
            settle(page)  # or the next is typed into what is replaced
        held: list[Route] = []
        page.route(fields, lambda route: held.append(route))
        with page.expect_request(fields):
            page.get_by_label("Way of signing in", exact=True).select_option("ntlm")
        account.fill(USER)
        with page.expect_response(fields):
            held[0].continue_()
        page.unroute(fields)
        settle(page)
        expect(account).to_have_value(USER)
        account.fill("")
        page.get_by_label("Way of signing in", exact=True).select_option("windows")
        expect(account).to_have_value(APPROVALS)  # it follows from the address
