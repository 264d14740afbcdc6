"""A service account of Google for a mailbox by IMAP and SMTP, in a real browser: what is shown, wrong values with their
messages, a key that nobody sees again, and what the connection test says where nobody delegated the mailbox."""

from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from placet.accounts.models import Person
from placet.mailboxes import hosts, pool
from placet.mailboxes.models import Mailbox
from tests.mailboxes.google_tokens import CLIENT_ID, JSON, TokenEndpoint, key_file
from tests.mailboxes.stub import Reply, running_stub
from tests.pages.browsing import complaints_of, sign_in, window
from tests.pages.test_every_page import too_wide, violations
from tests.servers.dovecot import Dovecot, dovecot

ADDRESS = "approvals@example.test"
SLOWLY = 60_000  # milliseconds


@pytest.fixture
def server() -> Iterator[Dovecot]:
    with dovecot({ADDRESS: "correct horse"}, cleartext=True) as running:
        yield running


@pytest.fixture
def google(server: Dovecot, monkeypatch: pytest.MonkeyPatch) -> Iterator[TokenEndpoint]:
    with running_stub() as stub:
        endpoint = TokenEndpoint(server.token)
        stub.answer = endpoint.answer
        monkeypatch.setattr(hosts, "GOOGLE_TOKEN_URI", stub.token_uri)
        yield endpoint


@pytest.mark.parametrize(("size", "scheme"), [("wide", "light"), ("phone", "dark")])
def test_a_service_account_is_entered_tested_and_never_shown(
    server: Dovecot,
    google: TokenEndpoint,
    size: str,
    scheme: str,
    chromium: Browser,
    live_server: LiveServer,
    admin: Person,
    client: Client,
) -> None:
    client.force_login(admin)
    with window(chromium, live_server.url, size, scheme) as context:
        sign_in(context, client, live_server.url)
        page = context.new_page()
        complaints = complaints_of(page)
        page.goto(reverse("panel:new_mailbox"))
        page.get_by_label("Type", exact=True).select_option("imap")
        expect(page.locator("[name=imap_password]")).to_be_visible()
        expect(page.locator("[name=imap_service_account_key]")).to_be_hidden()
        page.locator("[name=username]").fill(ADDRESS)
        for server_of in ("imap", "smtp"):
            page.locator(f"[name={server_of}_sign_in]").select_option("service-account")
            expect(page.locator(f"[name={server_of}_service_account_key]")).to_be_visible()
            for hidden in ("password", "client_id", "token_uri"):
                expect(page.locator(f"[name={server_of}_{hidden}]")).to_be_hidden()
        page.locator("[name=imap_host]").fill("imap.contoso.example")
        page.locator("[name=smtp_host]").fill("smtp.gmail.com")
        page.locator("[name=imap_service_account_key]").fill('{"type": "authorized_user"}')
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_text("at Google alone: enter imap.gmail.com")).to_be_visible()
        expect(page.get_by_text("This is not the key of a service account.")).to_be_visible()
        assert violations(page) == []
        assert not too_wide(page)

        page.locator("[name=imap_host]").fill("127.0.0.1")
        page.locator("[name=imap_security]").select_option("none")
        page.locator("[name=imap_port]").fill(str(server.ports["imap"]))
        page.locator("[name=imap_service_account_key]").fill(key_file())
        google.faults = [Reply(401, b'{"error": "unauthorized_client"}', JSON)]
        page.get_by_role("button", name="Save and test connection").click()
        expect(page.get_by_text("nobody delegated the mailboxes to it")).to_be_visible(timeout=SLOWLY)
        expect(page.get_by_text(CLIENT_ID).first).to_be_visible()
        expect(page.get_by_text("https://mail.google.com/").first).to_be_visible()
        assert violations(page) == []
        mailbox = Mailbox.objects.get()
        page.goto(reverse("panel:mailbox", args=[mailbox.pk]))
        expect(page.locator("[name=imap_service_account_key]")).to_have_value("")
        assert "PRIVATE KEY" not in page.content()
        assert "PRIVATE KEY" in mailbox.secrets["imap_service_account_key"]
        assert mailbox.secrets["smtp_service_account_key"] == mailbox.secrets["imap_service_account_key"]
        page.goto(reverse("panel:guide_of_kind", args=["imap"]))
        expect(page.locator("#service-account")).to_be_visible()
        assert violations(page) == []
        assert not too_wide(page)
        [refused] = complaints  # Chromium's word on the form that was not taken
        assert "422" in refused
    pool.drop(mailbox)
