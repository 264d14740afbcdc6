"""What is asked for with somebody's consent, and what servers may answer: hostile answers by a stub, what is right at
a real server in tests/servers."""

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from placet.lib.fields import Secrets
from placet.mailboxes import consent, store
from placet.mailboxes.base import FixNeeded, Wait
from placet.mailboxes.consent import Begun, requests_of
from placet.mailboxes.consent_requests import ConsentRequest
from placet.mailboxes.kinds import kind_of
from placet.mailboxes.models import Mailbox, RotatedRefreshToken
from placet.mailboxes.refresh_tokens import origin_of
from placet.mailboxes.settings import SettingsInvalid
from tests.mailboxes.stub import Reply, Stub, running_stub

GMAIL = {"imap_host": "imap.gmail.com", "imap_sign_in": "oauth-refresh", "imap_client_id": "placet"}
OUTLOOK = {
    "imap_host": "outlook.office365.com",
    "imap_sign_in": "oauth-refresh",
    "imap_client_id": "placet",
    "smtp_host": "smtp-mail.outlook.com",
    "smtp_security": "starttls",
    "smtp_sign_in": "oauth-refresh",
    "smtp_client_id": "placet",
}
BASE = {"kind": "imap", "username": "approvals@contoso.example"}
OF_A_TENANT = "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/"


def request_to(stub: Stub, **changed: Any) -> ConsentRequest:
    known: dict[str, Any] = {
        "fields": ("imap_refresh_token",),
        "places": ("imap.contoso.example:993",),
        "token_uri": stub.token_uri,
        "authorization_uri": "https://login.contoso.example/sign-in?tenant=7&client_id=mallory",
        "device_uri": f"http://127.0.0.1:{stub.port}/oauth2/device",
        "client_id": "placet",
        "secret": SecretStr(""),
        "scope": "mail offline_access",
        "user": "approvals@contoso.example",
    }
    return ConsentRequest(**{**known, **changed})


# --- what is known of providers ---------------------------------------------------------------------------


def test_the_providers_addresses_are_filled_in_and_whatever_is_entered_wins() -> None:
    imap = kind_of("imap").settings_class
    gmail = imap.parse({"username": BASE["username"], **GMAIL})[0].to_json()
    assert gmail["imap_token_uri"] == "https://oauth2.googleapis.com/token"
    assert gmail["imap_scope"] == "https://mail.google.com/"
    assert gmail["imap_device_uri"] == ""
    mine = {"imap_token_uri": "https://login.mine.example/token", "imap_scope": "mail"}
    own = imap.parse({"username": BASE["username"], **GMAIL, **mine})[0].to_json()
    assert (own["imap_token_uri"], own["imap_authorization_uri"], own["imap_scope"]) == (
        "https://login.mine.example/token", "", "mail",
    )  # fmt: skip
    one = {"imap_host": OUTLOOK["imap_host"], "imap_token_uri": f"{OF_A_TENANT}token"}
    tenant = imap.parse({"username": BASE["username"], **GMAIL, **one})[0].to_json()
    assert tenant["imap_authorization_uri"] == f"{OF_A_TENANT}authorize"
    assert tenant["imap_device_uri"] == f"{OF_A_TENANT}devicecode"
    assert tenant["imap_scope"] == "https://outlook.office.com/IMAP.AccessAsUser.All offline_access"
    password = imap.parse({"username": BASE["username"], "imap_host": "imap.gmail.com"})[0].to_json()
    assert password["imap_token_uri"] == ""
    with pytest.raises(SettingsInvalid) as caught:
        imap.parse(
            {"username": BASE["username"], "imap_host": "imap.x.example", "imap_sign_in": "oauth-refresh"}
        )
    assert caught.value.errors.keys() == {"imap_token_uri", "imap_client_id"}


@pytest.mark.django_db
def test_a_person_s_mailbox_at_outlook_com_is_opened_by_consent_alone() -> None:
    entered = {**BASE, **OUTLOOK, "username": "approvals@outlook.com"}
    assert not store.look(entered, secrets={}).errors
    of_smtp = {**entered, "smtp_sign_in": "password"}
    errors = store.look(of_smtp, secrets={"smtp_password": "s3cret"}).errors
    assert set(errors) == {"smtp_sign_in"}
    assert "outlook.com are personal" in errors["smtp_sign_in"]


@pytest.mark.django_db
def test_a_mailbox_is_saved_before_anybody_agreed_and_needs_no_secret_of_the_application() -> None:
    saved = store.save({**BASE, **OUTLOOK, "active": True}, by="ada")
    assert "press Sign in" in saved.notices["imap_refresh_token"]
    (request,) = requests_of(saved.mailbox)
    assert request.fields == ("imap_refresh_token", "smtp_refresh_token")
    assert request.places == ("outlook.office365.com:993", "smtp-mail.outlook.com:587")
    assert request.scope.split() == [
        "https://outlook.office.com/IMAP.AccessAsUser.All", "offline_access", "https://outlook.office.com/SMTP.Send",
    ]  # fmt: skip
    assert not consent.is_given(saved.mailbox, request)
    two = store.change({"smtp_client_id": "another"}, by="ada", mailbox=saved.mailbox).mailbox
    assert [one.fields for one in requests_of(two)] == [("imap_refresh_token",), ("smtp_refresh_token",)]
    long = "r" * 1500  # as Entra ID's are
    pasted = store.change({}, secrets={"imap_refresh_token": long}, by="ada", mailbox=two).mailbox
    assert pasted.secrets["imap_refresh_token"] == long
    with pytest.raises(SettingsInvalid):
        store.change({}, secrets={"imap_client_secret": long}, by="ada", mailbox=two)


@pytest.mark.django_db
def test_what_was_agreed_to_is_kept_for_just_that(monkeypatch: pytest.MonkeyPatch) -> None:
    mailbox = store.save({**BASE, **OUTLOOK}, by="ada").mailbox
    (request,) = requests_of(mailbox)
    begun = Begun.new(mailbox, request)
    assert Begun.of_session(json.loads(json.dumps(begun.to_session()))) == begun
    assert begun.request_of(mailbox) == request
    store.change({"imap_port": "1993"}, by="ada", mailbox=Mailbox.objects.get(pk=mailbox.pk))
    with pytest.raises(consent.Changed):
        consent.keep(mailbox, request, SecretStr("granted"), by="ada")  # read before it was changed
    with pytest.raises(consent.Changed):
        begun.request_of(Mailbox.objects.get(pk=mailbox.pk))
    stored = Mailbox.objects.get(pk=mailbox.pk)
    assert not stored.secrets
    stored.trouble, stored.failures, stored.active = {"cause": "over"}, 3, True
    stored.sending_trouble, stored.sending_failures = {"cause": "over, too"}, 2
    stored.save()
    consent.keep(stored, requests_of(stored)[0], SecretStr("granted"), by="bob@contoso.example")
    kept = Mailbox.objects.get(pk=mailbox.pk)
    assert kept.secrets == {"imap_refresh_token": "granted", "smtp_refresh_token": "granted"}
    assert (kept.trouble, kept.failures, kept.secret_set_by) == ({}, 0, "bob@contoso.example")
    assert (kept.sending_trouble, kept.sending_failures) == ({}, 0)
    assert kept.next_poll is not None


@pytest.mark.django_db
def test_what_became_of_a_consent_goes_with_it_and_with_no_other() -> None:
    two = {**OUTLOOK, "smtp_client_id": "another"}
    mailbox = store.save({**BASE, **two}, by="ada").mailbox

    def origins() -> dict[str, str]:
        rows = RotatedRefreshToken.objects.filter(mailbox=mailbox)
        return {row.secrets["refresh_token"]: row.origin for row in rows}

    for request, token in zip(requests_of(mailbox), ("first", "second"), strict=True):
        consent.keep(mailbox, request, SecretStr(token), by="ada")
        origin = origin_of(request.token_uri, request.client_id, SecretStr(token))
        secrets = Secrets({"refresh_token": f"newest of the {token}"})
        RotatedRefreshToken.objects.create(mailbox=mailbox, origin=origin, secrets=secrets)
    assert origins().keys() == {"newest of the first", "newest of the second"}  # the first one's stayed

    store.change({"poll_seconds": "60"}, secrets={"smtp_client_secret": "x"}, by="ada", mailbox=mailbox)
    assert len(origins()) == 2
    again = requests_of(Mailbox.objects.get(pk=mailbox.pk))[1]
    consent.keep(mailbox, again, SecretStr("second"), by="ada")  # the same one once more is the newest now
    assert origins().keys() == {"newest of the first"}
    store.change({"imap_client_id": "a third"}, by="ada", mailbox=mailbox)
    assert not origins()


# --- in a browser -----------------------------------------------------------------------------------------


def test_the_address_asks_for_what_is_wanted_whatever_stands_in_the_page_that_was_entered() -> None:
    with running_stub() as stub:
        request = request_to(stub)
    begun = Begun(1, request.server, "", "the-state", "the-verifier", "2026-12-01T00:00:00+00:00")
    parts = urlsplit(begun.address(request, "https://placet.example/back/"))
    asked = parse_qs(parts.query)
    assert parts.netloc == "login.contoso.example"
    assert (asked["tenant"], asked["client_id"], asked["state"]) == (["7"], ["placet"], ["the-state"])
    assert asked["redirect_uri"] == ["https://placet.example/back/"]
    assert "the-verifier" not in parts.query
    google = request_to(stub, authorization_uri="https://accounts.google.com/o/oauth2/v2/auth")
    assert parse_qs(urlsplit(begun.address(google, "x")).query)["access_type"] == ["offline"]


TOKENS: list[tuple[dict[str, Any], str]] = [
    ({"access_token": "a"}, "no refresh token"),
    ({"access_token": "a", "refresh_token": ""}, "no refresh token"),
    ({"access_token": "a", "refresh_token": "r\r\nX: y"}, "refresh token that is none"),
    ({"access_token": "a", "refresh_token": "r" * 9000}, "refresh token that is none"),
    ({"access_token": "a", "refresh_token": ["r"]}, "refresh token that is none"),
    ({"refresh_token": "r"}, "without an access token"),
]


@pytest.mark.parametrize(("answer", "reason"), TOKENS)
def test_what_no_token_endpoint_gives_is_refused(answer: dict[str, Any], reason: str) -> None:
    with running_stub() as stub:
        stub.token_replies = [Reply(200, json.dumps(answer).encode())]
        request = request_to(stub)
        begun = Begun(1, request.server, "", "s", "v", "2026-12-01T00:00:00+00:00")
        with pytest.raises(FixNeeded, match=reason):
            consent.redeem(request, begun, "code", "https://placet.example/back/")
        (sent,) = stub.token_requests
        form = parse_qs(sent.body.decode())
        assert form["client_id"] == ["placet"]
        assert form["code_verifier"] == ["v"]
        assert "client_secret" not in form


def test_why_nobody_agreed_is_told_without_a_word_of_the_answer() -> None:
    assert "declined" in consent.why_refused("access_denied")
    assert consent.why_refused("<b>x</b>") == consent.why_refused("")


# --- on another device ------------------------------------------------------------------------------------

GOOD = {"device_code": "d", "user_code": "WDJB-MJHT", "verification_uri": "https://login.example/device"}
DEVICES: list[tuple[bytes, type[Exception], str]] = [
    (b"<html>", FixNeeded, "something else"),
    (b"[]", FixNeeded, "something else"),
    (json.dumps({**GOOD, "verification_uri": "javascript:alert(1)"}).encode(), FixNeeded, "without a code"),
    (
        json.dumps({**GOOD, "verification_uri": "http://login.example/device"}).encode(),
        FixNeeded,
        "without a code",
    ),
    (json.dumps({**GOOD, "user_code": "\x1b[2J"[:1]}).encode(), FixNeeded, "without a code"),
    (json.dumps({"error": "invalid_client"}).encode(), FixNeeded, "client"),
    (json.dumps({"error": "temporarily_unavailable"}).encode(), Wait, "busy"),
    (b" " * (consent.LARGEST_ANSWER + 1), Wait, "no end"),
]


@pytest.mark.parametrize(("body", "error", "reason"), DEVICES)
def test_what_no_device_endpoint_gives_is_refused(body: bytes, error: type[Exception], reason: str) -> None:
    with running_stub() as stub:
        stub.token_replies = [Reply(200, body)]
        with pytest.raises(error, match=reason):
            consent.begin_on_device(request_to(stub))


def test_a_device_asks_as_slowly_as_it_is_told_and_no_longer_than_the_code_lives() -> None:
    with running_stub() as stub:
        odd = {**GOOD, "interval": 7, "expires_in": 10**9, "user_code": "A\x1b[31mB"}
        stub.token_replies = [Reply(200, json.dumps(odd).encode())]
        request = request_to(stub, secret=SecretStr("s3cret"))
        device = consent.begin_on_device(request)
        assert (device.interval, device.life, device.user_code) == (7.0, consent.LONGEST_LIFE, "A [31mB")
        errors = ["authorization_pending", "slow_down", "authorization_pending"]
        stub.token_replies = [Reply(400, json.dumps({"error": error}).encode()) for error in errors]
        stub.token_replies += [Reply(503), Reply(400, json.dumps({"error": "access_denied"}).encode())]
        pauses: list[float] = []
        with pytest.raises(FixNeeded, match="declined"):
            consent.wait_for_device(request, device, pauses.append)
    assert pauses == [7, 7, 12, 12, 24]


# --- one application for both servers ---------------------------------------------------------------------

BOTH = {
    **GMAIL,
    "smtp_host": "smtp.gmail.com",
    "smtp_sign_in": "oauth-refresh",
}


@pytest.mark.django_db
def test_the_application_is_entered_once_for_both_servers_of_a_provider() -> None:
    saved = store.save({**BASE, **BOTH}, secrets={"imap_client_secret": "typed-once"}, by="ada").mailbox
    assert saved.settings["smtp_client_id"] == "placet"
    assert saved.secrets == {"imap_client_secret": "typed-once", "smtp_client_secret": "typed-once"}
    (request,) = requests_of(saved)
    assert request.fields == ("imap_refresh_token", "smtp_refresh_token")
    other = {"smtp_client_id": "another"}
    alone = store.save(
        {**BASE, **BOTH, **other, "username": "other@contoso.example"},
        secrets={"imap_client_secret": "typed-once"},
        by="ada",
    ).mailbox
    assert alone.secrets == {"imap_client_secret": "typed-once"}, "another application has another secret"


@pytest.mark.django_db
def test_a_server_that_no_provider_is_known_of_is_signed_in_to_as_the_one_that_receives() -> None:
    entered = {
        "imap_host": "imap.contoso.example", "imap_sign_in": "oauth-client", "imap_client_id": "placet",
        "imap_token_uri": "https://login.contoso.example/token", "imap_scope": "mail",
        "smtp_host": "smtp.contoso.example", "smtp_sign_in": "oauth-client",
    }  # fmt: skip
    saved = store.save({**BASE, **entered}, secrets={"imap_client_secret": "typed-once"}, by="ada").mailbox
    kept = {name: saved.settings[f"smtp_{name}"] for name in ("client_id", "token_uri", "scope")}
    assert kept == {
        "client_id": "placet",
        "token_uri": "https://login.contoso.example/token",
        "scope": "mail",
    }
    assert saved.secrets["smtp_client_secret"] == "typed-once"


@pytest.mark.parametrize(
    "changed",
    [
        {"smtp_host": "smtp.mail.yahoo.com"},  # another provider's, as is known of it
        {"smtp_sign_in": "oauth-client"},
        {"smtp_token_uri": "https://login.mallory.example/token"},
    ],
)
@pytest.mark.django_db
def test_what_is_of_another_server_is_not_lent(changed: dict[str, str]) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        store.save({**BASE, **BOTH, **changed}, secrets={"imap_client_secret": "typed-once"}, by="ada")
    assert "smtp_client_id" in caught.value.errors


@pytest.mark.django_db
def test_what_was_lent_goes_to_no_server_that_is_entered_later() -> None:
    mailbox = store.save({**BASE, **BOTH}, secrets={"imap_client_secret": "typed-once"}, by="ada").mailbox
    for name in ("host", "token_uri"):
        places = {"host": "smtp.mallory.example", "token_uri": "https://login.mallory.example/token"}
        moved = store.change({f"smtp_{name}": places[name]}, by="ada", mailbox=mailbox).mailbox
        assert "smtp_client_secret" not in moved.secrets
        store.change(
            {**BOTH, "smtp_token_uri": ""}, secrets={"imap_client_secret": "again"}, by="ada", mailbox=moved
        )
        assert mailbox.secrets["smtp_client_secret"] == "again"
