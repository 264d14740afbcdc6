"""A connection to the local Exchange Online, over Microsoft Graph or Exchange Web Services, and mails for it."""

from datetime import UTC, datetime
from email.message import EmailMessage
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from placet.mailboxes.base import Connection, Received, Seen
from placet.mailboxes.oauth import TokenCache
from placet.sandbox.server import Sandbox

if TYPE_CHECKING:
    from placet.mailboxes.microsoft.settings import ExchangeSettings

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
BOX = "approvals@contoso.example"


def settings_for(sandbox: Sandbox, protocol: str, **more: object) -> "ExchangeSettings":
    from placet.mailboxes.microsoft.settings import ExchangeSettings

    values = {
        "protocol": protocol,
        "server_address": sandbox.url,
        "username": BOX,
        "client_id": sandbox.client_id,
        "token_uri": sandbox.token_url,
        **more,
    }
    return ExchangeSettings.parse(values)[0]


def opened(sandbox: Sandbox, protocol: str, secret: str = "", **more: object) -> Connection:
    from placet.mailboxes.microsoft.protocols import connect

    settings = settings_for(sandbox, protocol, **more)
    return connect(settings, SecretStr(secret or sandbox.client_secret), key=protocol, cache=TokenCache())


def written(
    subject: str = "Ask k7f2-abcd",
    to: str = "ann@contoso.example",
    text: str = "Please decide.\n",
    **headers: str,
) -> bytes:
    """A mail of ours."""
    message = EmailMessage()
    message["From"] = BOX
    message["To"] = to
    message["Subject"] = subject
    message["Message-ID"] = "<ask-1@contoso.example>"
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    return message.as_bytes()


def everything(connection: Connection, cursor: Any = None, limit: int = 100) -> tuple[list[Seen], Any]:
    cursor = cursor or {}
    seen: list[Seen] = []
    while True:
        page = connection.changes(cursor, LONG_AGO, limit)
        seen += page.seen
        cursor = page.cursor
        if not page.more:
            return seen, cursor


def received(connection: Connection, seen: list[Seen]) -> list[Received]:
    found = list(connection.fetch(seen, 36_000_000))
    assert all(isinstance(entry, Received) for entry in found)
    return [entry for entry in found if isinstance(entry, Received)]
