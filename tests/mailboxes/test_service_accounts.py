"""Service accounts of Google at servers of mail's own protocols: what is entered, what is signed and where it goes, at
a Dovecot and a Postfix. Google's own servers were not tried."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from placet.mailboxes import hosts, store
from placet.mailboxes.base import FixNeeded, MailboxError, SignInRefused, Wait
from placet.mailboxes.kinds import Kind, kind_of
from placet.mailboxes.models import Mailbox
from placet.mailboxes.settings import SettingsInvalid
from tests.mailboxes.google_tokens import (
    ACCOUNT,
    CLIENT_ID,
    JSON,
    TokenEndpoint,
    answer,
    key_file,
)
from tests.mailboxes.stub import Reply, running_stub
from tests.servers.dovecot import Dovecot, dovecot, offering
from tests.servers.postfix import Postfix, postfix

BOXES = {f"box{number}@example.test": "correct horse" for number in range(80)}
BOSS = "boss@example.test"
_numbers = count()
USUAL = {"imap": "imap.gmail.com", "pop3": "pop.gmail.com", "smtp": "smtp.gmail.com"}
PORTS = {"imap": "imaps", "pop3": "pop3s", "smtp": "submissions"}
SCOPE = "https://mail.google.com/"

each = pytest.mark.parametrize("kind", USUAL)


def entered(kind: str, **more: Any) -> dict[str, Any]:
    usual = {"host": USUAL[kind], "sign_in": "service-account", **more}
    address = usual.pop("username", "approvals@contoso.example")
    return {"username": address, **{f"{kind}_{name}": value for name, value in usual.items()}}


# --- what is entered --------------------------------------------------------------------------------------


@each
def test_it_is_asked_for_a_key_and_for_nothing_of_an_application(kind: str) -> None:
    settings = kind_of(kind).settings_class.parse(entered(kind))[0]
    needed = [row.name for row in settings.rows if row.kind == "secret" and settings.needs_secret(row.name)]
    assert needed == [f"{kind}_service_account_key"]
    rows = [row.name for row in settings.rows if "service-account" in row.sign_ins]
    assert rows == [f"{kind}_user", f"{kind}_service_account_key"]
    assert settings.words_without_secret(needed[0]) is None
    assert settings.consents({}) == ()


@each
@pytest.mark.parametrize(
    ("more", "name", "words"),
    [
        ({"host": "mail.contoso.example"}, "host", "at Google alone: enter {usual}"),
        ({"host": "imap.gmail.com.evil.example"}, "host", "at Google alone"),
        ({"host": "evilgmail.com"}, "host", "at Google alone"),
        ({"username": "approvals@gmail.com"}, "sign_in", "personal Gmail account"),
        ({"user": "somebody@GoogleMail.com"}, "sign_in", "personal Gmail account"),
    ],
)
def test_a_wrong_value_is_named_in_words(kind: str, more: dict[str, str], name: str, words: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        kind_of(kind).settings_class.parse(entered(kind, **more))
    assert words.format(usual=USUAL[kind]) in caught.value.errors[f"{kind}_{name}"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("a-password", "not the content of a key file"),
        (key_file(type="authorized_user"), "not the key of a service account"),
        (key_file(private_key=None), "private_key is missing"),
        (key_file(token_uri="https://oauth2.example.com/token"), "another server than Google's"),
    ],
    ids=range(4),
)
def test_what_is_no_key_is_said_in_words(key: str, words: str) -> None:
    both = {**entered("imap"), **entered("smtp"), "kind": "imap"}
    with pytest.raises(SettingsInvalid) as caught:
        store.save(both, secrets={"imap_service_account_key": key}, by="ada")
    assert words in caught.value.errors["imap_service_account_key"]
    assert not Mailbox.objects.exists()


@pytest.mark.django_db
def test_one_key_serves_both_servers_and_no_other_one_gets_its_tokens() -> None:
    both = {**entered("imap"), **entered("smtp"), "kind": "imap", "active": True}
    key = key_file()
    mailbox = store.save(both, secrets={"imap_service_account_key": key}, by="ada").mailbox
    kept = mailbox.secrets["imap_service_account_key"]
    assert mailbox.secrets["smtp_service_account_key"] == kept
    assert "token_uri" not in kept, "of a key file what is needed is kept and nothing else"
    with pytest.raises(SettingsInvalid) as caught:
        store.save({**both, "imap_host": "imap.googlemail.com"}, by="ada", mailbox=mailbox)
    assert "server changed" in caught.value.errors["imap_service_account_key"]


@each
def test_without_a_key_nothing_is_asked(kind: str) -> None:
    settings = kind_of(kind).settings_class.parse(entered(kind))[0]
    proof = settings.mail_server.proof(settings, {}, settings.username, "1")  # type: ignore[attr-defined]
    with pytest.raises(FixNeeded, match="No key of a service account"):
        proof.token()


# --- at servers -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["xoauth2", "oauthbearer"])
def dove(request: pytest.FixtureRequest) -> Iterator[Dovecot]:
    """One that offers this mechanism alone."""
    with dovecot({**BOXES, BOSS: "another"}, more=offering(request.param)) as running:
        yield running


@pytest.fixture(scope="module")
def mta(dove: Dovecot) -> Iterator[Postfix]:
    with postfix(dove) as running:
        yield running


@pytest.fixture
def google(dove: Dovecot, monkeypatch: pytest.MonkeyPatch) -> Iterator[TokenEndpoint]:
    """Its tokens are such as Dovecot takes."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(dove.authority.certificate))
    monkeypatch.setattr("placet.mailboxes.http.private_targets", lambda: ["127.0.0.0/8", "::1"])
    with running_stub() as stub:
        endpoint = TokenEndpoint(lambda user: dove.token(user) if user in BOXES else None)
        stub.answer = endpoint.answer
        monkeypatch.setattr(hosts, "GOOGLE_TOKEN_URI", stub.token_uri)
        yield endpoint


@pytest.fixture
def address() -> str:
    """Each test has a mailbox of its own, of which no token is there yet."""
    return f"box{next(_numbers)}@example.test"


def connected(
    kind: str, ports: dict[str, int], address: str, key: str = "", **more: Any
) -> "tuple[Kind, Any]":
    found = kind_of(kind)
    values = entered(kind, username=address, host="localhost", port=ports[PORTS[kind]], **more)
    settings = found.settings_class.parse(values)[0]
    kept = settings.read_secret(f"{kind}_service_account_key", key or key_file()).get_secret_value()
    return found, found.connection(settings, {f"{kind}_service_account_key": kept}, f"{address} {kind}")


def checked(connection: Any) -> dict[str, Any]:
    """The steps of its check until it is signed in, and, of SMTP, may send as the mailbox."""
    steps: dict[str, Any] = {}
    for check in connection.check():
        steps[check.key] = check
        if check.key in ("sign_in", "pop3_sign_in", "smtp_sender"):
            break
    connection.close()
    return steps


@each
def test_it_signs_in_with_a_token_for_the_mailbox(
    dove: Dovecot,
    mta: Postfix,
    google: TokenEndpoint,
    address: str,
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if kind == "smtp":
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(mta.authority.certificate))
    _kind, connection = connected(kind, {**dove.ports, **mta.ports}, address)
    *_passed, last = checked(connection).values()
    assert last.ok, (last.cause, last.cure)
    [asked] = google.assertions
    assert asked["form"]["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    claims = asked["claims"]
    assert (claims["iss"], claims["sub"], claims["scope"]) == (ACCOUNT, address, SCOPE)
    assert claims["exp"] - claims["iat"] == 3600
    assert "PRIVATE" not in f"{asked}{dove.log()}"


def test_who_signs_in_may_have_another_address_than_the_mailbox(
    dove: Dovecot, google: TokenEndpoint, address: str
) -> None:
    """As where the mailbox's address is an alias: Google signs in primary addresses alone."""
    _kind, connection = connected("imap", dict(dove.ports), "alias@example.test", user=address)
    assert checked(connection)["sign_in"].ok
    assert google.assertions[0]["claims"]["sub"] == address


#: What Google's token endpoint answers, and what is to be said.
REFUSALS = [
    (
        b'{"error": "unauthorized_client", "error_description": "Client is unauthorized to retrieve access tokens '
        b'using this method, or client not authorized for any of the scopes requested."}',
        ("domain-wide delegation", CLIENT_ID, SCOPE),
    ),
    (b'{"error": "invalid_grant", "error_description": "Invalid email or User ID"}', ("primary address",)),
    (b'{"error": "invalid_grant", "error_description": "Invalid JWT Signature."}', ("new key", ACCOUNT)),
]


@each
@pytest.mark.parametrize(("body", "words"), REFUSALS, ids=range(len(REFUSALS)))
def test_what_google_says_to_the_key_has_cause_and_cure(
    dove: Dovecot, mta: Postfix, google: TokenEndpoint, address: str, kind: str, body: bytes,
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    if kind == "smtp":
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(mta.authority.certificate))
    google.faults = [Reply(401, body, JSON)]
    _kind, connection = connected(kind, {**dove.ports, **mta.ports}, address)
    *_passed, last = checked(connection).values()
    assert last.key.endswith("sign_in") and not last.ok
    assert all(word in last.cause + last.cure for word in words), (last.cause, last.cure)
    assert "PRIVATE" not in repr(last)


def failure(connection: Any) -> MailboxError:
    with pytest.raises(MailboxError) as caught:
        connection.run(lambda session: None)
    connection.close()
    return caught.value


def test_a_busy_token_endpoint_is_waited_for(dove: Dovecot, google: TokenEndpoint, address: str) -> None:
    google.faults = [answer({}, 503)]
    error = failure(connected("imap", dict(dove.ports), address)[1])
    assert isinstance(error, Wait) and error.not_done


def test_a_token_that_the_server_refuses_says_what_to_switch_on_and_locks_nobody(
    dove: Dovecot, google: TokenEndpoint, address: str
) -> None:
    google.issued = lambda user: dove.token(BOSS)
    error = failure(connected("imap", dict(dove.ports), address)[1])
    assert isinstance(error, FixNeeded) and not isinstance(error, SignInRefused)
    assert SCOPE in error.cure and "End User Access" in error.cure
    assert len(google.assertions) == 2, "a new one is tried once"


def test_somebody_elses_key_opens_nothing(dove: Dovecot, google: TokenEndpoint, address: str) -> None:
    error = failure(connected("imap", dict(dove.ports), address, key=key_file("Somebody else's"))[1])
    assert isinstance(error, FixNeeded) and "new key" in error.cure
