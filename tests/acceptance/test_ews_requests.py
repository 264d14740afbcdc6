"""Every request that Placet can send to Exchange is valid against Microsoft's schema, which is not ours "
"to ship."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from lxml import etree
from pydantic import SecretStr

from placet.mailboxes.base import Action
from placet.mailboxes.microsoft.entra import EntraGrant
from placet.mailboxes.microsoft.ews import operations
from placet.mailboxes.microsoft.ews.soap import Soap
from placet.mailboxes.microsoft.protocols import connect
from placet.mailboxes.microsoft.settings import ExchangeSettings
from placet.mailboxes.oauth import Access, TokenCache
from placet.sandbox.server import Sandbox

SCHEMA = Path(__file__).parents[3] / "shared" / "facts" / "exchange_samples" / "xsd" / "messages.xsd"
SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
RAW = b"From: approvals@contoso.example\r\nTo: ann@contoso.example\r\nSubject: x & <y>\r\n\r\nbody\r\n"
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(str(SCHEMA)))


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        running.add_mailbox("approvals")
        running.add_mailbox("ann")
        yield running


@pytest.fixture
def bodies(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The bodies of all EWS requests, taken where they leave for the network."""
    taken: list[bytes] = []
    send = requests.Session.send

    def taking(self: requests.Session, request: requests.PreparedRequest, **more: Any) -> requests.Response:
        if request.method == "POST" and "/EWS/" in str(request.url) and isinstance(request.body, bytes):
            taken.append(request.body)
        return send(self, request, **more)

    monkeypatch.setattr(requests.Session, "send", taking)
    return taken


def settings_for(sandbox: Sandbox) -> ExchangeSettings:
    values = {
        "protocol": "ews",
        "server_address": sandbox.url,
        "username": "approvals@contoso.example",
        "client_id": sandbox.client_id,
        "token_uri": sandbox.token_url,
    }
    return ExchangeSettings.parse(values)[0]


def check(schema: etree.XMLSchema, bodies: list[bytes]) -> set[str]:
    """Every part of every request is valid; the names of the operations."""
    names = set()
    for body in bodies:
        envelope = etree.fromstring(body)
        operation = envelope.find(f"{SOAP}Body/*")
        assert operation is not None
        names.add(etree.QName(operation).localname)
        for part in (operation, *envelope.iterfind(f"{SOAP}Header/*")):
            # A copy of its own, so that the schema judges this element as a root.
            schema.assertValid(etree.fromstring(etree.tostring(part)))
    return names


def test_every_request_of_the_contract_is_valid(
    sandbox: Sandbox, bodies: list[bytes], schema: etree.XMLSchema
) -> None:
    sandbox.place("approvals", RAW)
    sandbox.place("approvals", RAW + b"x" * 5_000_000)
    connection = connect(
        settings_for(sandbox), SecretStr(sandbox.client_secret), key="box", cache=TokenCache()
    )
    page = connection.changes({}, LONG_AGO, 10_000)
    connection.changes(page.cursor, LONG_AGO, 1)
    assert len(list(connection.fetch(page.seen, 1_000_000))) == 2
    connection.send(RAW, "code")
    connection.was_sent("<a&b@contoso.example>", "nothing", LONG_AGO)
    for action in (Action.MARK_READ, Action.MOVE, Action.DELETE):
        list(
            connection.mark([mail.server_id for mail in page.seen], action, 'Placet/A "quoted" & <odd> name')
        )
    assert all(step.ok for step in connection.check())
    assert check(schema, bodies) == {
        "CreateFolder",
        "CreateItem",
        "DeleteItem",
        "FindFolder",
        "FindItem",
        "GetFolder",
        "GetItem",
        "MoveItem",
        "SyncFolderItems",
        "UpdateItem",
    }


FOLDERS = [value for value in vars(operations).values() if isinstance(value, operations.FolderRef)]


@pytest.mark.parametrize("ref", FOLDERS, ids=lambda ref: ref.id)
def test_every_folder_name_that_placet_uses_is_one_of_microsofts(
    sandbox: Sandbox, bodies: list[bytes], schema: etree.XMLSchema, ref: operations.FolderRef
) -> None:
    assert ref.distinguished
    settings = settings_for(sandbox)
    grant = EntraGrant(
        settings.token_uri, settings.client_id, settings.scope, SecretStr(sandbox.client_secret)
    )
    soap = Soap.online(settings.ews_url, settings.username, Access("box", grant, TokenCache()))
    operations.get_folder(soap, ref)
    assert check(schema, bodies) == {"GetFolder"}
