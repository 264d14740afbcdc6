"""One Dovecot for all tests of this folder; each of them has a mailbox of its own there."""

import ssl
from collections.abc import Callable, Iterator
from itertools import count

import pytest
from imapclient import IMAPClient
from pydantic import SecretStr

from placet.mailboxes.imap.client import Account
from placet.mailboxes.imap.connection import Choices, ImapConnection
from tests.servers.dovecot import Dovecot, dovecot

PASSWORD = "correct horse battery"
USERS = {f"box{number}@example.test": PASSWORD for number in range(80)}
_numbers = count()


@pytest.fixture(scope="session")
def server() -> Iterator[Dovecot]:
    with dovecot(USERS) as running:
        yield running


@pytest.fixture(scope="session")
def without_extensions() -> Iterator[Dovecot]:
    """As a server of twenty years ago: neither MOVE nor counts of changes, nor uses of folders; names with dots,
    below INBOX."""
    hidden = ("MOVE", "CONDSTORE", "QRESYNC", "SPECIAL-USE", "LITERAL+", "SASL-IR", "IDLE", "ESEARCH")
    more = "imap_capability {\n" + "".join(f"  {name} = no\n" for name in hidden) + "}\n"
    with dovecot(USERS, separator=".", prefix="INBOX.", more=more) as running:
        yield running


@pytest.fixture
def user() -> str:
    return f"box{next(_numbers)}@example.test"


@pytest.fixture(autouse=True)
def trusted(server: Dovecot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(server.authority.certificate))
    monkeypatch.setattr("placet.mailboxes.http.private_targets", lambda: ["127.0.0.0/8"])


def account(server: Dovecot, user: str, **changed: object) -> Account:
    """Of this user, by TLS, unless something is `changed`."""
    values = {
        "host": "localhost",
        "port": server.ports["imaps"],
        "security": "ssl",
        "user": user,
        "secret": SecretStr(PASSWORD),
    }
    return Account(**(values | changed))  # type: ignore[arg-type]


Connect = Callable[..., ImapConnection]


@pytest.fixture
def connect(user: str) -> Iterator[Connect]:
    """Connections to the test's own mailbox; `connect(server, junk=…)` with choices."""
    made: list[ImapConnection] = []

    def connected(server: Dovecot, **choices: str) -> ImapConnection:
        # Each server has an authority of its own.
        connection = ImapConnection(account(server, user, port=server.ports["imaps"]), Choices(**choices))
        made.append(connection)
        return connection

    yield connected
    for connection in made:
        connection.close()


@pytest.fixture
def other_program(user: str) -> Iterator[Callable[[Dovecot], IMAPClient]]:
    """IMAPClient, signed in to the same mailbox: what somebody else does there."""
    made: list[IMAPClient] = []

    def signed_in(server: Dovecot) -> IMAPClient:
        trusting = ssl.create_default_context(cafile=str(server.authority.certificate))
        client = IMAPClient("localhost", server.ports["imaps"], ssl_context=trusting)
        client.login(user, PASSWORD)
        made.append(client)
        return client

    yield signed_in
    for client in made:
        client.shutdown()


def mail(subject: str, text: str = "Approve", message_id: str = "") -> bytes:
    id_line = f"Message-ID: {message_id}\r\n" if message_id else ""
    return (
        f"From: boss@example.test\r\nTo: approvals@example.test\r\nSubject: {subject}\r\n{id_line}\r\n{text}\r\n"
    ).encode()
