"""Which credential a mailbox uses, and what saving its settings may keep of them; against the sandbox's Entra ID."""

import io
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from pydantic import SecretStr
from structlog.testing import capture_logs

from placet.mailboxes import pool, store
from placet.mailboxes.base import FixNeeded
from placet.mailboxes.microsoft import certificates, credentials
from placet.mailboxes.microsoft.certificates import Certificate, CertificateInvalid
from placet.mailboxes.microsoft.entra import MEANINGS
from placet.mailboxes.models import Mailbox
from placet.mailboxes.settings import SettingsInvalid
from placet.sandbox.server import Sandbox

pytestmark = pytest.mark.django_db

GOOD = {
    "username": "approvals@contoso.example",
    "client_id": "535fb089-9ff3-47b6-9bfb-4f1264799865",
    "token_uri": "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token",
}
OTHER_URI = "https://login.microsoftonline.com/fabrikam.example/oauth2/v2.0/token"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox("contoso.example") as sandbox:
        sandbox.add_mailbox("approvals")
        yield sandbox


@pytest.fixture
def mailbox(sandbox: Sandbox) -> Mailbox:
    """Of the sandbox, with the client secret in use."""
    entered = {
        "username": "approvals@contoso.example",
        "client_id": sandbox.client_id,
        "token_uri": sandbox.token_url,
        "server_address": sandbox.url,
        "active": True,
    }
    return store.save(
        entered, secrets={"client_secret": sandbox.client_secret}, expires_on="2099-01-31", by="ada"
    ).mailbox


@pytest.fixture(scope="module")
def made() -> Certificate:
    return certificates.make("Placet", 12)


@pytest.fixture(scope="module")
def other() -> Certificate:
    return certificates.make("Placet", 24)


def stored(mailbox: Mailbox) -> Mailbox:
    return Mailbox.objects.get(pk=mailbox.pk)


def names(mailbox: Mailbox) -> set[str]:
    return set(stored(mailbox).secrets)


def signing(certificate: Certificate, *, secret: str = "", waiting: Certificate | None = None) -> Mailbox:
    """A mailbox of Microsoft's cloud with a certificate in use."""
    mailbox = store.save(GOOD, secrets={"client_secret": "s~first"}, by="ada").mailbox
    mailbox.secrets = {"certificate": certificate.to_text(), **({"client_secret": secret} if secret else {})}
    if waiting is not None:
        mailbox.secrets["certificate_waiting"] = waiting.to_text()
    mailbox.secret_expires_on = date(2027, 11, 26)
    mailbox.save()
    return mailbox


# --- made, added, tried, used -----------------------------------------------------------------------------


def test_a_certificate_waits_until_entra_takes_it_and_the_secret_stays(
    mailbox: Mailbox, sandbox: Sandbox
) -> None:
    before = stored(mailbox)
    made = credentials.make(mailbox, 12, by="grace")
    assert made.subject == "CN=Placet approvals@contoso.example"
    assert names(mailbox) == {"client_secret", "certificate_waiting"}
    assert credentials.in_use(stored(mailbox).secrets) == SecretStr(sandbox.client_secret)

    with pytest.raises(FixNeeded) as refused:
        credentials.use(mailbox, by="grace")
    assert refused.value.cause == MEANINGS[700027].cause
    assert names(mailbox) == {"client_secret", "certificate_waiting"}
    assert stored(mailbox).secret_set_at == before.secret_set_at

    assert sandbox.add_certificate(made.pem) == made.thumbprint
    assert credentials.use(mailbox, by="grace") == made
    now = stored(mailbox)
    assert names(mailbox) == {"client_secret", "certificate"}
    assert credentials.in_use(now.secrets) == made
    assert (now.secret_set_by, now.secret_expires_on) == ("grace", made.ends.date())
    assert now.secret_set_at is not None
    with pool.opened(now) as opened:
        assert [check.ok for check in opened.check()].count(False) == 0


def test_the_next_look_uses_what_was_switched_to(mailbox: Mailbox, sandbox: Sandbox) -> None:
    """A token of the secret is not used on; and the secret may be taken away."""
    since = datetime.now(UTC) - timedelta(days=1)
    with pool.opened(mailbox) as opened:
        opened.changes({}, since, 10)
    made = credentials.make(mailbox, 12, by="ada")
    sandbox.add_certificate(made.der)
    credentials.use(mailbox, by="ada")
    sandbox.switches.secret_expired = True
    asked = sandbox.counters["token_requests"]
    with pool.opened(stored(mailbox)) as opened:
        opened.changes({}, since, 10)
    assert sandbox.counters["token_requests"] == asked + 1
    assert not stored(mailbox).trouble


def test_an_expired_certificate_pauses_the_mailbox_with_its_name_and_asks_nobody(
    mailbox: Mailbox, sandbox: Sandbox
) -> None:
    expired = certificates.make("Placet", 12, now=datetime.now(UTC) - timedelta(days=366))
    sandbox.add_certificate(expired.pem)
    mailbox.secrets = {"certificate": expired.to_text()}
    mailbox.save()
    with (
        pytest.raises(FixNeeded, match=f"{expired.thumbprint} expired on"),
        pool.opened(mailbox) as connection,
    ):
        connection.changes({}, datetime.now(UTC), 10)
    assert stored(mailbox).trouble["fix_needed"]
    assert sandbox.counters["token_requests"] == 0


def test_renewing_beside_the_one_in_use_forgets_the_old_one(mailbox: Mailbox, sandbox: Sandbox) -> None:
    first = credentials.make(mailbox, 12, by="ada")
    sandbox.add_certificate(first.pem)
    credentials.use(mailbox, by="ada")
    credentials.remove_secret(mailbox, by="ada")
    second = credentials.make(mailbox, 24, by="ada")
    assert credentials.in_use(stored(mailbox).secrets) == first
    sandbox.add_certificate(second.pem)
    credentials.use(mailbox, by="ada")
    assert names(mailbox) == {"certificate"}
    assert credentials.in_use(stored(mailbox).secrets) == second
    assert stored(mailbox).secret_expires_on == second.ends.date()


def test_one_that_waits_is_not_replaced_by_another(
    mailbox: Mailbox, made: Certificate, other: Certificate
) -> None:
    credentials.take(mailbox, made, by="ada")
    for again in (
        lambda: credentials.make(mailbox, 12, by="ada"),
        lambda: credentials.take(mailbox, other, by="ada"),
    ):
        with pytest.raises(CertificateInvalid, match="Use that one, or remove it first"):
            again()
    assert credentials.waiting(stored(mailbox)) == made
    credentials.remove_waiting(mailbox, by="ada")
    assert names(mailbox) == {"client_secret"}
    credentials.take(mailbox, other, by="ada")


def test_the_one_in_use_is_not_taken_again(made: Certificate) -> None:
    with pytest.raises(CertificateInvalid, match="in use already"):
        credentials.take(signing(made), made, by="ada")


def test_going_back_to_the_secret_keeps_the_certificate_waiting(mailbox: Mailbox, sandbox: Sandbox) -> None:
    made = credentials.make(mailbox, 12, by="ada")
    sandbox.add_certificate(made.pem)
    credentials.use(mailbox, by="ada")
    credentials.back_to_secret(mailbox, by="grace")
    now = stored(mailbox)
    assert credentials.in_use(now.secrets) == SecretStr(sandbox.client_secret)
    assert credentials.waiting(now) == made
    assert (now.secret_set_by, now.secret_expires_on) == ("grace", None)
    assert credentials.use(mailbox, by="ada") == made


def test_what_would_leave_a_mailbox_without_a_credential_is_refused(
    mailbox: Mailbox, made: Certificate, other: Certificate
) -> None:
    with pytest.raises(CertificateInvalid, match="There is no certificate"):
        credentials.use(mailbox, by="ada")
    with pytest.raises(CertificateInvalid, match="The client secret is in use"):
        credentials.remove_secret(mailbox, by="ada")
    with pytest.raises(CertificateInvalid, match="No certificate is in use"):
        credentials.back_to_secret(mailbox, by="ada")
    mailbox.secrets = {"certificate": made.to_text(), "certificate_waiting": other.to_text()}
    mailbox.save()
    with pytest.raises(CertificateInvalid, match="No client secret is stored"):
        credentials.back_to_secret(mailbox, by="ada")
    mailbox.secrets["client_secret"] = "s~"
    mailbox.save()
    with pytest.raises(CertificateInvalid, match="Use that one, or remove it first"):
        credentials.back_to_secret(mailbox, by="ada")


def test_one_that_somebody_removed_while_it_was_tried_is_not_used(
    mailbox: Mailbox, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = credentials.make(mailbox, 12, by="ada")
    sandbox.add_certificate(made.pem)
    monkeypatch.setattr(
        credentials, "fetch_token", lambda grant: credentials.remove_waiting(stored(mailbox), by="grace")
    )
    with pytest.raises(CertificateInvalid, match="Somebody else changed the certificates meanwhile"):
        credentials.use(mailbox, by="ada")
    assert names(mailbox) == {"client_secret"}


def test_each_change_is_logged_with_who_and_which_and_without_a_key(
    mailbox: Mailbox, sandbox: Sandbox
) -> None:
    with capture_logs() as logged:
        made = credentials.make(mailbox, 12, by="ada")
        sandbox.add_certificate(made.pem)
        credentials.use(mailbox, by="ada")
        credentials.back_to_secret(mailbox, by="grace")
        credentials.use(mailbox, by="ada")
        credentials.remove_secret(mailbox, by="ada")
    told = [(one["event"], one["by"], one.get("thumbprint", "")) for one in logged if "by" in one]
    assert told == [
        ("certificate_made", "ada", made.thumbprint),
        ("certificate_in_use", "ada", made.thumbprint),
        ("client_secret_in_use", "grace", made.thumbprint),
        ("certificate_in_use", "ada", made.thumbprint),
        ("client_secret_removed", "ada", ""),
    ]
    assert made.key.get_secret_value().splitlines()[1] not in str(logged)


def test_no_line_of_a_key_stands_in_the_database_or_in_a_dump(made: Certificate, other: Certificate) -> None:
    mailbox = signing(made, waiting=other)
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM mailboxes_mailbox")
        written = str(cursor.fetchall())
    out = io.StringIO()
    call_command("dumpdata", "mailboxes", stdout=out)
    written += out.getvalue() + f"{stored(mailbox)!r} {vars(stored(mailbox))}"
    for one in (made, other):
        assert not any(line in written for line in one.to_text().splitlines() if len(line) > 20)


def test_a_mailbox_without_any_credential_says_so(sandbox: Sandbox) -> None:
    entered = {
        **GOOD,
        "client_id": sandbox.client_id,
        "token_uri": sandbox.token_url,
        "server_address": sandbox.url,
    }
    saved = store.save(entered, by="ada")
    assert "Nothing is stored yet to sign in with" in saved.notices["client_secret"]
    with pytest.raises(FixNeeded, match="Neither a client secret nor a certificate"):
        pool.connect(saved.mailbox).changes({}, datetime.now(UTC), 10)
    with pytest.raises(SettingsInvalid, match=r"Enter the client secret\."):
        store.change({"active": True}, by="ada", mailbox=saved.mailbox)
    made = credentials.make(saved.mailbox, 12, by="ada")
    sandbox.add_certificate(made.pem)
    credentials.use(saved.mailbox, by="ada")
    assert store.change({"active": True}, by="ada", mailbox=saved.mailbox).mailbox.active


# --- what saving keeps ------------------------------------------------------------------------------------


def save(mailbox: Mailbox, secret: str = "", **more: Any) -> dict[str, str]:
    """What is said of it."""
    return store.save(
        {**mailbox.settings, **more}, secrets={"client_secret": secret}, by="grace", mailbox=mailbox
    ).notices


def test_saving_settings_keeps_the_certificate_and_its_day(made: Certificate, other: Certificate) -> None:
    mailbox = signing(made, secret="s~", waiting=other)
    store.save({**mailbox.settings, "poll_seconds": 60}, expires_on="", by="grace", mailbox=mailbox)
    now = stored(mailbox)
    assert names(mailbox) == {"certificate", "client_secret", "certificate_waiting"}
    assert (now.secret_expires_on, now.secret_set_by) == (date(2027, 11, 26), "ada")


def test_a_secret_that_is_entered_is_stored_beside_the_certificate(made: Certificate) -> None:
    mailbox = signing(made)
    told = save(mailbox, secret="s~second")
    assert told["client_secret"] == "The client secret is stored too. The certificate stays in use."
    now = stored(mailbox)
    assert credentials.in_use(now.secrets) == made
    assert now.secrets["client_secret"] == "s~second"
    assert (now.secret_expires_on, now.secret_set_by) == (date(2027, 11, 26), "ada")


def test_another_token_uri_keeps_the_certificate_and_drops_the_secret(
    made: Certificate, other: Certificate
) -> None:
    mailbox = signing(made, secret="s~", waiting=other)
    told = save(mailbox, token_uri=OTHER_URI)
    assert "former access token URI was removed" in told["client_secret"]
    assert names(mailbox) == {"certificate", "certificate_waiting"}
    with_a_new_one = save(mailbox, token_uri=GOOD["token_uri"], secret="s~new")
    assert "stays in use" in with_a_new_one["client_secret"]
    assert names(mailbox) == {"certificate", "certificate_waiting", "client_secret"}


def test_another_token_uri_asks_for_the_secret_that_is_in_use(made: Certificate) -> None:
    mailbox = store.save(GOOD, secrets={"client_secret": "s~first"}, by="ada").mailbox
    credentials.take(mailbox, made, by="ada")
    with pytest.raises(SettingsInvalid, match="the access token URI changed, enter the client secret again"):
        save(mailbox, token_uri=OTHER_URI)
    save(mailbox, token_uri=OTHER_URI, secret="s~second")
    assert stored(mailbox).secrets["client_secret"] == "s~second"
    assert names(mailbox) == {"client_secret", "certificate_waiting"}


def test_no_secret_is_asked_for_again_where_only_a_certificate_waits(made: Certificate) -> None:
    """The tenant was mistyped; the certificate, which was never used, cannot show it otherwise."""
    mailbox = store.save(GOOD, by="ada").mailbox
    credentials.take(mailbox, made, by="ada")
    assert "not in use yet" in save(mailbox, token_uri=OTHER_URI)["client_secret"]
    assert credentials.waiting(stored(mailbox)) == made
    with pytest.raises(SettingsInvalid, match="try and use it first"):
        save(mailbox, active=True)
    told = save(mailbox, server_address="mail.contoso.example", cloud="own")
    assert "The certificate was removed because the server address changed." in told["client_secret"]
    assert names(mailbox) == set()


def test_the_day_goes_with_the_certificate_that_it_was_of(made: Certificate) -> None:
    mailbox = signing(made)
    store.change(
        {"server_address": "mail.contoso.example", "cloud": "own"}, by="grace", mailbox=stored(mailbox)
    )
    now = stored(mailbox)
    assert (now.secrets, now.secret_expires_on) == ({}, None)


def test_no_certificate_has_tokens_sent_to_another_server(made: Certificate, other: Certificate) -> None:
    """Whoever gets at an administrator's session must not lead access tokens to a host of theirs."""
    mailbox = signing(made, secret="s~", waiting=other)
    elsewhere = {"server_address": "mail.evil.example", "cloud": "own"}
    with pytest.raises(SettingsInvalid, match="the certificate is not used any more"):
        save(mailbox, **elsewhere, active=True)
    assert credentials.in_use(stored(mailbox).secrets) == made
    told = save(mailbox, **elsewhere, secret="s~whatever")
    assert "The certificate was removed because the server address changed." in told["client_secret"]
    assert stored(mailbox).secrets == {"client_secret": "s~whatever"}
    assert stored(mailbox).secret_set_by == "grace"


def test_without_activate_another_server_leaves_nothing_and_says_so(made: Certificate) -> None:
    mailbox = signing(made, secret="s~")
    told = save(mailbox, server_address="mail.contoso.example", cloud="own")
    assert "The certificate was removed because the server address changed." in told["client_secret"]
    now = stored(mailbox)
    assert (now.secrets, now.secret_set_at, now.secret_set_by) == ({}, None, "")


def test_a_certificate_that_waits_is_dropped_with_the_server_too(made: Certificate) -> None:
    mailbox = store.save(GOOD, secrets={"client_secret": "s~first"}, by="ada").mailbox
    credentials.take(mailbox, made, by="ada")
    told = save(mailbox, server_address="mail.contoso.example", cloud="own", secret="s~second")
    assert "The certificate was removed" in told["client_secret"]
    assert names(mailbox) == {"client_secret"}


def test_the_other_way_in_the_same_cloud_keeps_all_of_them(made: Certificate, other: Certificate) -> None:
    mailbox = signing(made, secret="s~", waiting=other)
    save(mailbox, protocol="ews", server_address="", scope="")
    assert stored(mailbox).settings["server_address"] == "outlook.office365.com"
    assert names(mailbox) == {"certificate", "client_secret", "certificate_waiting"}
