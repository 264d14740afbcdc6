"""Signing in as an application (client credentials, RFC 6749 4.4), as at Exchange Online: the token comes from an OAuth
server, and opens a mailbox at a Dovecot and lets send through a Postfix, none of which we wrote."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from placet.mailboxes.base import Check, Connection
from placet.mailboxes.kinds import kind_of

from .dovecot import Dovecot, dovecot, offering
from .postfix import Postfix, postfix
from .running import OidcProvider, oidc_provider

pytestmark = pytest.mark.long

USER, ANOTHER = "approvals@example.test", "hr@example.test"
CLIENT, SECRET = "placet", "s3cr+t/=~ & %20-of-the-application"
STRANGER = "another-application"  # its tokens open nothing
PORTS = {"imap": "imaps", "pop3": "pop3s", "smtp": "submissions"}
#: The step of a check in which a mailbox is opened, or sending as it is allowed.
OPENED = {"imap": "sign_in", "pop3": "pop3_sign_in", "smtp": "smtp_sender"}

_numbers = count()  # of mailboxes: none has a token yet

each = pytest.mark.parametrize("kind", PORTS)


@pytest.fixture(scope="module")
def server() -> Iterator[OidcProvider]:
    clients: list[dict[str, Any]] = [
        {"id": CLIENT, "secret": SECRET, "mail": True},
        {"id": STRANGER, "secret": SECRET},
    ]
    with oidc_provider(clients) as running:
        yield running


@pytest.fixture(scope="module", params=["xoauth2", "oauthbearer"])
def dove(server: OidcProvider, request: pytest.FixtureRequest) -> Iterator[Dovecot]:
    """One that takes tokens in this way alone; one token opens every mailbox."""
    issuer = (server.issuer, server.key)
    users = dict.fromkeys((USER, ANOTHER), "unused")
    with dovecot(users, any_mailbox=True, other_issuer=issuer, more=offering(request.param)) as running:
        yield running


@pytest.fixture(scope="module")
def mta(dove: Dovecot) -> Iterator[Postfix]:
    with postfix(dove) as running:
        yield running


@pytest.fixture(autouse=True)
def this_machine_may_be_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("placet.mailboxes.http.private_targets", lambda: ["127.0.0.0/8", "::1"])


def connected(
    kind: str, server: OidcProvider, dove: Dovecot, mta: Postfix, secret: str = SECRET, **more: str
) -> Connection:
    entered = {
        "host": "localhost",
        "port": str({**dove.ports, **mta.ports}[PORTS[kind]]),
        "sign_in": "oauth-client",
        "client_id": CLIENT,
        "token_uri": server.token_uri,
        "scope": "mail",
        "authorities": (mta if kind == "smtp" else dove).authority.certificate.read_text(),
        **more,
    }
    values = {"username": USER, **{f"{kind}_{name}": value for name, value in entered.items()}}
    settings = kind_of(kind).settings_class.parse(values)[0]
    return kind_of(kind).connection(settings, {f"{kind}_client_secret": secret}, f"{next(_numbers)}")


def opened(kind: str, connection: Connection) -> Check:
    """That step, or the one that failed before it."""
    try:
        return next(check for check in connection.check() if check.key == OPENED[kind] or not check.ok)
    finally:
        connection.close()


@each
@pytest.mark.parametrize("user", [USER, ANOTHER])
def test_its_token_opens_the_mailbox_that_is_asked_for(
    server: OidcProvider, dove: Dovecot, mta: Postfix, kind: str, user: str
) -> None:
    check = opened(kind, connected(kind, server, dove, mta, user=user))
    assert (check.key, check.ok) == (OPENED[kind], True), (check.cause, check.cure)


@each
def test_a_wrong_secret_is_refused_by_the_server_of_tokens_and_named(
    server: OidcProvider, dove: Dovecot, mta: Postfix, kind: str
) -> None:
    check = opened(kind, connected(kind, server, dove, mta, secret="wrong"))
    assert check.key.endswith("sign_in") and not check.ok
    assert "client secret" in f"{check.cause} {check.cure}".lower()
    assert SECRET not in f"{check}"


@each
def test_the_token_of_an_application_that_may_not_opens_nothing(
    server: OidcProvider, dove: Dovecot, mta: Postfix, kind: str
) -> None:
    of_another = {"client_id": STRANGER, "scope": "https://graph.microsoft.com/.default"}
    check = opened(kind, connected(kind, server, dove, mta, **of_another))
    assert check.key.endswith("sign_in") and not check.ok
    assert check.cause and check.cure
