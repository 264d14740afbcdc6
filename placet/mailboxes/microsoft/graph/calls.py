"""The calls to Microsoft Graph that Placet uses, one function each. Microsoft: "Microsoft Graph REST API v1.0, Mail".

A folder is known by its id, or by a name that every mailbox has: inbox, junkemail, sentitems, deleteditems,
msgfolderroot.
"""

import base64
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from placet.mailboxes.base import MailboxError
from placet.mailboxes.http import safe_text
from placet.mailboxes.microsoft.exchange_errors import About

from .client import IMMUTABLE, Apart, Call, Graph, unreadable
from .errors import ServerError

INBOX = "inbox"
JUNK = "junkemail"
SENT = "sentitems"
DELETED = "deleteditems"
ROOT = "msgfolderroot"

MOST_IDS = 1000  # translateExchangeIds takes no more at once

# Properties of MAPI by their ids in Graph [MS-OXPROPS].
TRANSPORT_HEADERS = "String 0x007D"
ITEM_CLASS = "String 0x001A"
SIZE = "Integer 0x0E08"
VOTING = "String {00062008-0000-0000-C000-000000000046} Id 0x8524"
PROPERTY = re.compile(r"(\w+) (?:(\{[0-9a-f-]{36}\}) id )?0x([0-9a-f]{1,8})", re.IGNORECASE)

#: An id of Graph's default kind is the one of EWS, made fit for addresses.
TO_REST = str.maketrans("+/", "_-")
#: How `translateExchangeIds` calls the ids of each way.
ID_TYPES = {"ews": "ewsId", "graph": "restImmutableEntryId"}


@dataclass(frozen=True)
class Listed:
    """A mail as a folder lists it."""

    id: str
    subject: str
    received_at: datetime | None
    created_at: datetime | None
    message_id: str
    from_: str  # its sender's, where it has none


@dataclass(frozen=True)
class Changes:
    """One page. `unsure`: it also told of mails that are gone, or changed, without saying when they came."""

    found: Sequence[Listed]
    unsure: bool
    link: str
    last: bool


@dataclass(frozen=True)
class Item:
    """A mail's properties."""

    transport_headers: str | None  # None: the property is absent
    item_class: str
    received_at: datetime | None
    size: int
    sender: str
    from_: str
    message_id: str
    voting: str


class StateLost(Exception):
    """The server no longer knows the link."""


def delta(graph: Graph, folder: str, link: str, since: datetime | None, size: int) -> Changes:
    """What changed in `folder` since the answer that gave `link`; with "", all that is in it, or only what was
    received at `since` and later (at most 5,000 mails then, says Microsoft). Raises StateLost."""
    prefer = (IMMUTABLE, f"odata.maxpagesize={size}")
    if link:
        call = Call("GET", link=link, prefer=prefer, apart=lambda error: error.status in (400, 404, 410))
    else:
        query = {"$select": "receivedDateTime"}
        if since is not None:
            query["$filter"] = f"receivedDateTime ge {_stamp(since)}"
        call = Call("GET", f"/mailFolders/{folder}/messages/delta", query=query, prefer=prefer)
    try:
        answer = graph.answer(call)
    except Apart:
        raise StateLost from None
    entries = _entries(answer)
    found = [entry for entry in map(_listed, entries) if entry.id and entry.received_at is not None]
    next_link = answer.get("@odata.nextLink")
    return Changes(
        found,
        unsure=len(found) < len(entries),
        link=graph.follow(next_link or answer.get("@odata.deltaLink")),
        last=not next_link,
    )


def newest(graph: Graph, folder: str, limit: int, since: datetime | None = None) -> list[Listed]:
    """The newest mails of `folder`, received at `since` or later."""
    query = {
        "$select": "subject,receivedDateTime",
        "$orderby": "receivedDateTime desc",
        "$top": str(limit),
    }
    if since is not None:
        query["$filter"] = f"receivedDateTime ge {_stamp(since)}"
    answer = graph.answer(Call("GET", f"/mailFolders/{folder}/messages", query=query))
    return [entry for entry in map(_listed, _entries(answer)) if entry.id]


def sent_as(graph: Graph, message_id: str) -> bool:
    """Whether Sent Items holds a mail with this Message-ID."""
    query = {
        "$select": "internetMessageId",
        "$filter": f"internetMessageId eq {_literal(message_id)}",
        "$top": "1",
    }
    answer = graph.answer(Call("GET", f"/mailFolders/{SENT}/messages", query=query))
    return any(_text(entry, "internetMessageId") == message_id for entry in _entries(answer))


def sent_since(graph: Graph, since: datetime, size: int) -> Iterator[list[Listed]]:
    """Pages of Sent Items, newest first."""
    query = {
        "$select": "subject,createdDateTime,internetMessageId,from,sender",
        "$filter": f"createdDateTime ge {_stamp(since)}",
        "$orderby": "createdDateTime desc",
        "$top": str(size),
    }
    call = Call("GET", f"/mailFolders/{SENT}/messages", query=query)
    while True:
        answer = graph.answer(call)
        yield [entry for entry in map(_listed, _entries(answer)) if entry.id]
        link = answer.get("@odata.nextLink")
        if not link or link == call.link:
            return
        call = Call("GET", link=graph.follow(link))


def get_message(graph: Graph, id_: str) -> Item:
    wanted = " or ".join(f"id eq '{name}'" for name in (TRANSPORT_HEADERS, ITEM_CLASS, VOTING, SIZE))
    query = {
        "$select": "receivedDateTime,sender,from,internetMessageId",
        "$expand": f"singleValueExtendedProperties($filter={wanted})",
    }
    answer = graph.answer(Call("GET", _message(id_), query=query, about=About.MAIL))
    values = _properties(answer)
    return Item(
        values.get(_property(TRANSPORT_HEADERS)),
        values.get(_property(ITEM_CLASS), "").strip(),
        _time(_text(answer, "receivedDateTime")),
        _number(values.get(_property(SIZE), "")),
        _address(answer.get("sender")),
        _address(answer.get("from")),
        _text(answer, "internetMessageId").strip(),
        values.get(_property(VOTING), "").strip(),
    )


def get_mime(graph: Graph, id_: str, most: int) -> bytes | None:
    """The whole mail; None if it is larger than `most` bytes."""
    call = Call("GET", f"{_message(id_)}/$value", accept="*/*", about=About.MAIL)
    return graph.content(call, most)


def send_mail(graph: Graph, raw: bytes) -> None:
    """Send a MIME mail; Exchange keeps a copy in Sent Items. The answer holds no id."""
    body = base64.b64encode(raw)
    graph.answer(
        Call("POST", "/sendMail", body=body, content_type="text/plain", expected=(202,), about=About.OUTGOING)
    )


def mark(graph: Graph, id_: str, folder: str | None) -> str:
    """Move a mail to `folder`, or mark it read if that is None; its id from now on ("" if the server does not say).
    Deleted is what was moved to DELETED, not by DELETE: an immutable id still names the mail there, so that a second
    one, after a lost answer, would take it away for good."""
    return _text(graph.answer(_mark(id_, folder)), "id")


def mark_together(graph: Graph, ids: Sequence[str], folder: str | None) -> list[str | ServerError | None]:
    """The same with several mails in one request, in the order of `ids`; as `Graph.batch`."""
    answers = graph.batch([_mark(id_, folder) for id_ in ids])
    return [_text(answer, "id") if isinstance(answer, dict) else answer for answer in answers]


def _mark(id_: str, folder: str | None) -> Call:
    if folder is None:
        return Call("PATCH", _message(id_), body=_json({"isRead": True}), about=About.MAIL)
    return Call(
        "POST",
        f"{_message(id_)}/move",
        body=_json({"destinationId": folder}),
        expected=(200, 201),
        about=About.MAIL,
    )


def get_folder(graph: Graph, folder: str) -> tuple[str, int]:
    """Display name of `folder`, and how many items it holds."""
    answer = graph.answer(
        Call("GET", f"/mailFolders/{folder}", query={"$select": "displayName,totalItemCount"})
    )
    total = answer.get("totalItemCount")
    return _text(answer, "displayName"), total if isinstance(total, int) else 0


def folder_ids(graph: Graph, folders: Sequence[str]) -> set[str]:
    """The ids of folders that are known by another name."""
    calls = [Call("GET", f"/mailFolders/{folder}", query={"$select": "id"}) for folder in folders]
    return {_id(graph.answer(call)) for call in calls}


def find_folder(graph: Graph, parent: str, name: str) -> str | None:
    query = {"$select": "displayName", "$filter": f"displayName eq {_literal(name)}", "$top": "10"}
    answer = graph.answer(Call("GET", _children(parent), query=query))
    same = (entry for entry in _entries(answer) if _text(entry, "displayName").casefold() == name.casefold())
    return next((_text(entry, "id") for entry in same if _text(entry, "id")), None)


def create_folder(graph: Graph, parent: str, name: str) -> str | None:
    """The new folder; None if there is one of that name already (two workers may make it at once)."""
    call = Call(
        "POST",
        _children(parent),
        body=_json({"displayName": name}),
        expected=(201,),
        apart=lambda error: error.status == 409 or error.code == "ErrorFolderExists",
    )
    try:
        return _id(graph.answer(call))
    except Apart:
        return None


def translate(graph: Graph, ids: Sequence[str], source: str, target: str) -> dict[str, str]:
    """What `target` ("ews" or "graph") calls the mails that `source` calls so. Left out are those of which it cannot
    be told. Microsoft documents the call for people only: where the application may not make it, each mail is asked
    for by its id of EWS, which Graph takes, and says its own."""
    found: dict[str, str] = {}
    for start in range(0, len(ids), MOST_IDS):
        batch = ids[start : start + MOST_IDS]
        try:
            found |= _translated(graph, batch, source, target)
        except Apart:
            return found | (_asked_one_by_one(graph, ids[start:]) if source == "ews" else {})
    return found


def _translated(graph: Graph, ids: Sequence[str], source: str, target: str) -> dict[str, str]:
    wanted = {
        "inputIds": list(ids),
        "sourceIdType": ID_TYPES[source],
        "targetIdType": ID_TYPES[target],
    }
    call = Call(
        "POST",
        "/translateExchangeIds",
        body=_json(wanted),
        apart=lambda error: error.status == 403,
    )
    found = {}
    for entry in _entries(graph.answer(call)):
        old, new = _text(entry, "sourceId"), _text(entry, "targetId")
        if old and new:
            found[old] = new
            continue
        details = entry.get("errorDetails")
        if isinstance(details, dict):
            error = graph.explain(
                ServerError(200, safe_text(_text(details, "code")) or "errorDetails"), About.MAIL
            )
            if isinstance(error, MailboxError):
                raise error
    asked = set(ids)
    return {old: new for old, new in found.items() if old in asked}


def _asked_one_by_one(graph: Graph, ids: Sequence[str]) -> dict[str, str]:
    found = {}
    for id_ in ids:
        call = Call(
            "GET",
            _message(id_.translate(TO_REST)),
            query={"$select": "id"},
            apart=lambda error: error.code in ("ErrorItemNotFound", "ErrorInvalidIdMalformed"),
        )
        try:
            found[id_] = _id(graph.answer(call))
        except Apart:
            continue
    return found


def _message(id_: str) -> str:
    return f"/messages/{quote(id_, safe='')}"


def _children(folder: str) -> str:
    return f"/mailFolders/{quote(folder, safe='')}/childFolders"


def _json(value: Mapping[str, object]) -> bytes:
    return json.dumps(value).encode()


def _stamp(at: datetime) -> str:
    """To the second, downwards: what is asked for with `ge` is all there."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _literal(text: str) -> str:
    """A string in an OData filter."""
    doubled = text.replace("'", "''")
    return f"'{doubled}'"


def _entries(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    entries = answer.get("value")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise unreadable("no list")
    return entries


def _id(answer: Mapping[str, Any]) -> str:
    id_ = _text(answer, "id")
    if not id_:
        raise unreadable("no id")
    return id_


def _text(entry: Mapping[str, Any], name: str) -> str:
    value = entry.get(name)
    return value if isinstance(value, str) else ""


def _listed(entry: Mapping[str, Any]) -> Listed:
    return Listed(
        "" if "@removed" in entry else _text(entry, "id"),
        _text(entry, "subject"),
        _time(_text(entry, "receivedDateTime")),
        _time(_text(entry, "createdDateTime")),
        _text(entry, "internetMessageId").strip(),
        _address(entry.get("from")) or _address(entry.get("sender")),
    )


def _properties(answer: Mapping[str, Any]) -> dict[tuple[str, str, int], str]:
    found = {}
    values = answer.get("singleValueExtendedProperties")
    for entry in values if isinstance(values, list) else []:
        if isinstance(entry, dict) and isinstance(entry.get("value"), str):
            found[_property(_text(entry, "id"))] = entry["value"]
    return found


def _property(name: str) -> tuple[str, str, int]:
    """Type, set and number of a property's id: asked for as 0x007D it comes back as 0x7d."""
    parts = PROPERTY.fullmatch(name)
    return (parts[1].lower(), (parts[2] or "").lower(), int(parts[3], 16)) if parts else (name, "", -1)


def _address(person: object) -> str:
    """SMTP address in lower case; "" for Exchange's own directory names (/O=EXCHANGELABS/...)."""
    inner = person.get("emailAddress") if isinstance(person, dict) else None
    address = _text(inner, "address") if isinstance(inner, dict) else ""
    return address.lower() if "@" in address and not address.startswith("/") else ""


def _time(text: str) -> datetime | None:
    try:
        value = datetime.fromisoformat(text)
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _number(text: str) -> int:
    return int(text) if re.fullmatch(r"\d{1,15}", text) else 0
