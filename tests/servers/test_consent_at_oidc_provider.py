"""Consent in a browser and on another device, and refresh tokens that are replaced, at an OAuth server that we did not
write; what comes of it signs in at a Dovecot."""

import re
import threading
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
from django.contrib.messages import get_messages
from django.db import connection as database
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pydantic import SecretStr

from placet.accounts.general import general
from placet.accounts.models import Installation, Person
from placet.mailboxes import consent, refresh_tokens, removal, store
from placet.mailboxes.base import FixNeeded, Wait
from placet.mailboxes.imap.client import opened
from placet.mailboxes.imap.connection import account_of
from placet.mailboxes.imap.settings import ImapSettings
from placet.mailboxes.models import Mailbox, RotatedRefreshToken
from placet.mailboxes.oauth import RefreshGrant, TokenCache, fetch_token
from placet.mailboxes.refresh_tokens import StoredRotation

from .dovecot import Dovecot, dovecot, offering
from .running import OidcProvider, oidc_provider

pytestmark = [pytest.mark.long, pytest.mark.django_db]

USER = "approvals@example.test"
CLIENT, SECRET, DEVICE = "placet", "s3cr+t/=~ & %20-of-the-application", "placet-device"
PUBLIC = "https://placet.example.test"
ANSWER = "/administration/configuration/remote-approval/consent/{server}/"


@pytest.fixture(scope="module")
def server() -> Iterator[OidcProvider]:
    redirect_uris = [PUBLIC + ANSWER]
    clients: list[dict[str, Any]] = [
        {"id": CLIENT, "secret": SECRET, "redirect_uris": redirect_uris},
        {"id": DEVICE, "redirect_uris": ["http://127.0.0.1/"]},
    ]
    with oidc_provider(clients, account=USER) as running:
        yield running


@pytest.fixture(scope="module", params=["xoauth2", "oauthbearer"])
def mail(server: OidcProvider, request: pytest.FixtureRequest) -> Iterator[Dovecot]:
    """One that takes tokens in this way alone."""
    issuer = (server.issuer, server.key)
    with dovecot({USER: "unused"}, other_issuer=issuer, more=offering(request.param)) as running:
        yield running


@pytest.fixture(autouse=True)
def this_machine_may_be_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("placet.mailboxes.http.private_targets", lambda: ["127.0.0.0/8"])


@pytest.fixture
def ada(admin: Person) -> Client:
    Installation.objects.update_or_create(defaults={"public_url": PUBLIC})
    assert general().public_url == PUBLIC
    return browser_of(admin)


def browser_of(person: Person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def entered(server: OidcProvider, mail: Dovecot, client_id: str = CLIENT) -> dict[str, Any]:
    common = {"sign_in": "oauth-refresh", "client_id": client_id, "token_uri": server.token_uri}
    ends = {
        "authorization_uri": server.authorization_uri,
        "device_uri": server.device_uri,
        "host": "localhost",
        "authorities": mail.authority.certificate.read_text(),
    }
    both = {f"{key}_{name}": value for key in ("imap", "smtp") for name, value in {**common, **ends}.items()}
    scopes = {"imap_scope": "openid offline_access mail", "smtp_scope": "openid offline_access send"}
    return {"kind": "imap", "username": USER, "imap_port": str(mail.ports["imaps"]), **both, **scopes}


@pytest.fixture
def mailbox(server: OidcProvider, mail: Dovecot) -> Mailbox:
    secrets = {"imap_client_secret": SECRET, "smtp_client_secret": SECRET}
    return store.save(entered(server, mail), secrets=secrets, by="ada").mailbox


def link(client: Client, mailbox: Mailbox) -> str:
    page = client.get(reverse("panel:consent", args=[mailbox.pk])).content.decode()
    found = re.findall(r'href="(http://127\.0\.0\.1:\d+/auth\?[^"]*)"', page)
    assert len(found) == 1, page
    return unescape(found[0])


def browse(address: str) -> str:
    """What a browser does until it is sent back; gives the address that it is sent to."""
    with requests.Session() as browser:
        for _step in range(12):
            answer = browser.get(address, allow_redirects=False)
            assert "Location" in answer.headers, answer.text
            address = requests.compat.urljoin(address, answer.headers["Location"])
            if address.startswith(PUBLIC):
                return address
    raise AssertionError(address)


def come_back(client: Client, address: str) -> HttpResponse:
    parts = urlsplit(address)
    return client.get(f"{parts.path}?{parts.query}")  # type: ignore[return-value]


def words(answer: HttpResponse) -> str:
    return " ".join(str(message) for message in get_messages(answer.wsgi_request))  # type: ignore[attr-defined]


def grant_of(mailbox: Mailbox, *, is_stored: bool = True) -> RefreshGrant:
    row = Mailbox.objects.get(pk=mailbox.pk)
    (request,) = consent.requests_of(row)
    rotation = StoredRotation(row.pk) if is_stored else None
    token = SecretStr(row.secrets["imap_refresh_token"])
    return RefreshGrant(request.token_uri, request.client_id, "mail", request.secret, token, rotation)


def signed_in(client: Client, mailbox: Mailbox) -> None:
    answer = come_back(client, browse(link(client, mailbox)))
    assert (answer.status_code, answer["Location"]) == (302, reverse("panel:mailbox", args=[mailbox.pk])), (
        words(answer)
    )


# --- in a browser -----------------------------------------------------------------------------------------


def test_one_consent_serves_both_servers_and_opens_the_mailbox(
    ada: Client, mailbox: Mailbox, server: OidcProvider, caplog: pytest.LogCaptureFixture
) -> None:
    address = link(ada, mailbox)
    asked = parse_qs(urlsplit(address).query)
    assert asked["scope"] == ["openid offline_access mail send"]
    assert (asked["code_challenge_method"], asked["login_hint"]) == (["S256"], [USER])
    back = browse(address)
    answer = come_back(ada, back)
    assert answer["Location"] == reverse("panel:mailbox", args=[mailbox.pk]), words(answer)
    mailbox.refresh_from_db()
    assert mailbox.secrets["imap_refresh_token"] == mailbox.secrets["smtp_refresh_token"]
    settings = ImapSettings.of_stored(mailbox.settings)
    client = opened(account_of(settings, mailbox.secrets, key=str(mailbox.pk)))
    client.alive()
    client.close()
    row = RotatedRefreshToken.objects.get()
    newest = row.secrets["refresh_token"]
    shown = [
        ada.get(reverse(name, args=[mailbox.pk])).content.decode()
        for name in ("panel:mailbox", "panel:consent")
    ]
    stored_raw = raw_of_rotated()
    hidden = [
        newest,
        mailbox.secrets["imap_refresh_token"],
        parse_qs(urlsplit(back).query)["code"][0],
        SECRET,
    ]
    for secret in hidden:
        assert secret not in "".join(shown)
        assert secret not in caplog.text
        assert secret not in stored_raw
    again = come_back(ada, back)  # the same answer once more
    assert "belongs to no sign-in" in words(again)


def raw_of_rotated() -> str:
    with database.cursor() as cursor:
        cursor.execute("SELECT secrets FROM mailboxes_rotatedrefreshtoken")
        return str(cursor.fetchall())


def test_an_answer_counts_only_in_the_session_that_began_and_only_for_what_was_asked(
    ada: Client, admin: Person, mailbox: Mailbox, server: OidcProvider
) -> None:
    def stays_unsigned(client: Client, address: str, reason: str) -> None:
        answer = come_back(client, address)
        assert answer.status_code == 302
        assert reason in words(answer)
        assert answer["Location"].startswith("/administration/")
        mailbox.refresh_from_db()
        assert "imap_refresh_token" not in mailbox.secrets

    back = browse(link(ada, mailbox))
    other = browser_of(admin)
    stays_unsigned(other, back, "belongs to no sign-in")  # of another session, though of the same person
    query = urlsplit(back).query
    forged = parse_qs(query)["state"][0][:-1] + "_"
    stays_unsigned(ada, back.replace(parse_qs(query)["state"][0], forged), "belongs to no sign-in")
    elsewhere = reverse(
        "panel:consent_answer", args=["login.evil.example"]
    )  # mix-up: at another server's address
    stays_unsigned(ada, f"{PUBLIC}{elsewhere}?{query}", "belongs to no sign-in")
    store.change({"imap_scope": "openid offline_access send"}, by="ada", mailbox=mailbox)
    stays_unsigned(ada, back, "were changed meanwhile")

    victim = browse(link(ada, mailbox))
    attackers = browse(link(other, mailbox))  # the code of one sign-in at the state of another
    code, state = parse_qs(urlsplit(attackers).query)["code"][0], parse_qs(urlsplit(victim).query)["state"][0]
    injected = urlencode({"code": code, "state": state})
    stays_unsigned(ada, f"{victim.partition('?')[0]}?{injected}", "does not take what its own page gave")
    assert "PKCE" in server.reasons() or "code_verifier" in server.reasons()


def test_a_late_answer_and_a_declined_one_leave_all_as_it_is(
    ada: Client, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    declined = browse(link(ada, mailbox).replace("approvals%40", "nobody%40"))
    answer = come_back(ada, declined + "&error_description=%3Cscript%3E")
    assert "Nobody agreed: the request was declined." in words(answer)
    assert "script" not in words(answer)
    back = browse(link(ada, mailbox))
    monkeypatch.setattr(consent, "IN_TIME", timedelta(seconds=-1))
    assert "belongs to no sign-in" in words(come_back(ada, back))
    mailbox.refresh_from_db()
    assert mailbox.secrets.keys() == {"imap_client_secret", "smtp_client_secret"}


def test_a_consent_is_dropped_with_the_server_or_the_application_and_with_the_mailbox(
    ada: Client, mailbox: Mailbox
) -> None:
    signed_in(ada, mailbox)
    fetch_token(grant_of(mailbox))
    mailbox.refresh_from_db()
    saved = store.change({"imap_client_id": "another"}, by="ada", mailbox=mailbox)
    assert "imap_refresh_token" not in saved.mailbox.secrets
    assert "smtp_refresh_token" in saved.mailbox.secrets
    assert "former one was removed" in saved.notices["imap_refresh_token"]
    removal.remove(mailbox, by="ada")
    assert not RotatedRefreshToken.objects.exists()
    assert not Mailbox.objects.get().secrets


# --- refresh tokens that are replaced ---------------------------------------------------------------------


def test_each_new_one_is_kept_at_once_and_an_old_one_takes_the_consent_back(
    ada: Client, mailbox: Mailbox
) -> None:
    signed_in(ada, mailbox)
    grant = grant_of(mailbox)
    newest = []
    for _round in range(3):
        assert fetch_token(grant).token
        newest.append(RotatedRefreshToken.objects.get().secrets["refresh_token"])
    assert len(set(newest)) == 3
    cache = TokenCache()  # what is kept does not look like another grant, which would ask anew each time
    assert cache.token("box", grant) == cache.token("box", grant_of(mailbox))
    with pytest.raises(
        FixNeeded
    ) as caught:  # what is not kept comes again, and the server takes it for stolen
        fetch_token(grant_of(mailbox, is_stored=False))
    assert "Sign in again" in caught.value.cure
    with pytest.raises(FixNeeded):
        fetch_token(grant)
    signed_in(ada, mailbox)  # that is what mends it
    assert fetch_token(grant_of(mailbox)).token


@pytest.mark.django_db(transaction=True)
def test_many_at_once_ask_one_after_another(ada: Client, mailbox: Mailbox) -> None:
    signed_in(ada, mailbox)
    grant, outcomes = grant_of(mailbox), []

    def renew() -> None:
        try:
            outcomes.append(len(fetch_token(grant).token.get_secret_value()) > 20)
        finally:
            database.close()

    threads = [threading.Thread(target=renew) for _number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert outcomes == [True] * 6
    assert fetch_token(grant).token
    row = RotatedRefreshToken.objects.get()
    assert (row.claim, row.claimed_until) == ("", None)


def test_who_died_with_the_lease_holds_up_nobody_for_long(
    ada: Client, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed_in(ada, mailbox)
    grant = grant_of(mailbox)
    fetch_token(grant)
    RotatedRefreshToken.objects.update(
        claim="of the dead", claimed_until=timezone.now() + timedelta(seconds=60)
    )
    monkeypatch.setattr(refresh_tokens, "PATIENCE", 0.2)
    with pytest.raises(Wait, match="Another process"):
        fetch_token(grant)
    RotatedRefreshToken.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    assert fetch_token(grant).token
    former = grant
    signed_in(ada, mailbox)
    with pytest.raises(FixNeeded):  # of the former consent: the new one's tokens are not for it
        fetch_token(former)
    assert fetch_token(grant_of(mailbox)).token


# --- on another device ------------------------------------------------------------------------------------


@pytest.fixture
def of_a_device(server: OidcProvider, mail: Dovecot) -> Mailbox:
    return store.save(entered(server, mail, DEVICE), by="ada").mailbox


def enter(device: consent.Device) -> None:
    """What somebody does who types the code."""
    with requests.Session() as browser:
        page = browser.get(device.address).text
        for more in ({"user_code": device.user_code}, {"user_code": device.user_code, "confirm": "yes"}):
            xsrf = re.search(r'name="xsrf" value="([^"]*)"', page)
            assert xsrf is not None, page
            page = browser.post(device.address, data={"xsrf": xsrf[1], **more}).text
        assert "Sign-in Success" in page, page


def test_a_code_that_somebody_enters_elsewhere_opens_the_mailbox(of_a_device: Mailbox, mail: Dovecot) -> None:
    (request,) = consent.requests_of(of_a_device)
    device = consent.begin_on_device(request)
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            enter(device)

    refresh_token = consent.wait_for_device(request, device, sleep)
    consent.keep(of_a_device, request, refresh_token, by="ada")
    assert len(pauses) == 2
    settings = ImapSettings.of_stored(of_a_device.settings)
    client = opened(account_of(settings, of_a_device.secrets, key=str(of_a_device.pk)))
    client.alive()
    client.close()


def test_a_code_that_nobody_enters_ends(of_a_device: Mailbox) -> None:
    (request,) = consent.requests_of(of_a_device)
    device = consent.begin_on_device(request)
    pauses: list[float] = []
    with pytest.raises(FixNeeded, match="code is over"):
        consent.wait_for_device(request, device, pauses.append)
    assert sum(pauses) >= device.life
