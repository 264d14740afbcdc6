"""Answers of Microsoft Graph as literal bytes, for the tests beside."""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from placet.mailboxes.base import (
    Folder,
    MailboxError,
    Seen,
)

from .stub import (
    MAILBOX,
    Reply,
    Request,
    Stub,
)

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
AT = datetime(2026, 11, 24, 10, 0, 2, tzinfo=UTC)
JSON = {"Content-Type": "application/json; odata.metadata=minimal; charset=utf-8", "request-id": "7f9b3c1a"}
USER = f"/v1.0/users/{MAILBOX}"


def reply(value: object, status: int = 200, **headers: str) -> Reply:
    return Reply(status, json.dumps(value).encode(), {**JSON, **headers})


def refused(status: int, code: str, text: str = "Words.", **headers: str) -> Reply:
    inner = {"date": "2026-11-24T10:00:02", "request-id": "7f9b3c1a", "client-request-id": "x"}
    return reply({"error": {"code": code, "message": text, "innerError": inner}}, status, **headers)


def entry(id_: str, at: str = "2026-11-24T10:00:02Z") -> dict[str, object]:
    return {"@odata.type": "#microsoft.graph.message", "id": id_, "receivedDateTime": at}


def changed(stub: Stub, *entries: dict[str, object], link: str = "d1", last: bool = True) -> Reply:
    kind, token = ("deltaLink", "$deltatoken") if last else ("nextLink", "$skiptoken")
    url = f"{stub.graph_url}/users/{MAILBOX}/mailFolders('inbox')/messages/delta?{token}={link}"
    return reply({"value": list(entries), f"@odata.{kind}": url})


def link_in(cursor: Any, folder: str) -> str:
    return str(cursor[folder]["link"]).rpartition("=")[2]


def query_of(request: Request) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(request.path).query).items()}


def seen(id_: str = "A1=", size: int | None = None) -> Seen:
    return Seen(id_, Folder.INBOX, None, size)


def properties(**values: object) -> list[dict[str, object]]:
    names = {
        "headers": "String 0x7d",
        "item_class": "String 0x1a",
        "size": "Integer 0xe08",
        "voting": "String {00062008-0000-0000-c000-000000000046} Id 0x8524",
    }
    return [{"id": names[name], "value": value} for name, value in values.items()]


def message(**more: object) -> Reply:
    values = {"headers": "Received: x\r\nSubject: y", "item_class": "IPM.Note", "size": "300"}
    return reply({"id": "A1=", "singleValueExtendedProperties": properties(**values), **more})


def mime(raw: bytes = b"From: ann@contoso.example\r\n\r\nYes") -> Reply:
    return Reply(200, raw, {"Content-Type": "text/plain", "request-id": "7f9b3c1a"})


def failing(stub: Stub, *replies: Reply) -> MailboxError:
    if replies:
        stub.graph_replies = list(replies)
    with pytest.raises(MailboxError) as caught:
        stub.graph_connection().changes({}, LONG_AGO, 10)
    assert caught.value.cause.endswith((".", ")."))
    assert caught.value.cure
    return caught.value


PAGE = b"<html><head><title>Sign in</title></head><body>...</body></html>"
HTML = {"Content-Type": "text/html"}
