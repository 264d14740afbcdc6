"""Messages and folders as Graph shows them, under the names of Microsoft's metadata."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any

from placet.sandbox import mime, properties
from placet.sandbox.graph import ids, query
from placet.sandbox.mime import Address
from placet.sandbox.shapes import as_text, conversation, topic
from placet.sandbox.tenant import Folder, Item

_PREVIEW = 255
_ON_REQUEST = frozenset(
    {"internetMessageHeaders", "uniqueBody", "attachments", "singleValueExtendedProperties"}
)
"""What comes only if $select or $expand names it."""


def when(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


@dataclass(frozen=True)
class MessageShape:
    """What a request wants to see of messages."""

    selected: tuple[str, ...] | None = None
    extended: tuple[str, ...] = ()
    immutable: bool = False
    as_text: bool = False
    """The body as text and not as HTML."""

    def render(self, item: Item, *, typed: bool = False) -> dict[str, Any]:
        """The message as JSON; `typed` tells its type, as delta does."""
        shown: dict[str, Any] = {"@odata.type": "#microsoft.graph.message"} if typed else {}
        shown |= {"@odata.etag": etag(item), "id": ids.of_item(item, self.immutable)}
        names = self.selected if self.selected is not None else _USUAL
        for name in names:
            if name in _MESSAGE and (value := _MESSAGE[name](self, item)) is not None:
                shown[name] = value
        if found := [one for key in self.extended if (one := _extended(item, key)) is not None]:
            shown["singleValueExtendedProperties"] = found
        return shown

    def changed(self, item: Item) -> dict[str, Any]:
        """What delta tells of a message whose read flag is all that changed."""
        return {
            "@odata.type": "#microsoft.graph.message",
            "@odata.etag": etag(item),
            "id": ids.of_item(item, self.immutable),
            "isRead": item.is_read,
        }

    def _body(self, item: Item) -> dict[str, str]:
        content = item.content
        if self.as_text:
            return {"contentType": "text", "content": as_text(content)}
        page = content.html or f"<html><body><pre>{escape(content.text)}</pre></body></html>"
        return {"contentType": "html", "content": page}


def etag(item: Item) -> str:
    return f'W/"{item.change_key}"'


def folder(of: Folder, selected: Sequence[str] | None = None) -> dict[str, Any]:
    whole = {
        "id": ids.of_folder(of),
        "displayName": of.name,
        "parentFolderId": None if of.parent is None else ids.of_folder(of.parent),
        "childFolderCount": len(of.children),
        "unreadItemCount": of.unread,
        "totalItemCount": len(of.items),
        "isHidden": False,
    }
    return whole if selected is None else {"id": whole["id"]} | {name: whole[name] for name in selected}


def _recipient(person: Address | None) -> dict[str, Any] | None:
    if person is None:
        return None
    return {"emailAddress": {"name": person.name or person.address, "address": person.address}}


def _people(header: str) -> Callable[[MessageShape, Item], list[dict[str, Any]]]:
    return lambda shape, item: [one for p in item.people(header) if (one := _recipient(p)) is not None]


def _headers(shape: MessageShape, item: Item) -> list[dict[str, str]] | None:
    if not item.transport_headers:
        return None
    headers, _ = mime.split(item.transport_headers.encode("utf-8"))
    return [{"name": name, "value": mime.raw_text(mime.unfold(value))} for name, value in headers]


def _importance(item: Item) -> str:
    value = (item.header("importance") or "normal").lower()
    return value if value in ("low", "normal", "high") else "normal"


def _conversation_index(item: Item) -> str:
    given = item.header("thread-index")
    if given:
        try:
            return base64.b64encode(base64.b64decode(given, validate=True)).decode("ascii")
        except ValueError:
            pass
    seed = hashlib.sha256(topic(item).encode("utf-8", "replace")).digest()
    return base64.b64encode(b"\x01" + seed[:21]).decode("ascii")


_MESSAGE: dict[str, Callable[[MessageShape, Item], Any]] = {
    "createdDateTime": lambda shape, item: when(item.received),
    "lastModifiedDateTime": lambda shape, item: when(item.modified),
    "changeKey": lambda shape, item: item.change_key,
    "categories": lambda shape, item: [],
    "receivedDateTime": lambda shape, item: when(item.received),
    "sentDateTime": lambda shape, item: when(item.sent),
    "hasAttachments": lambda shape, item: bool(item.content.attachments),
    "internetMessageId": lambda shape, item: item.message_id,
    "subject": lambda shape, item: item.subject,
    "bodyPreview": lambda shape, item: as_text(item.content).strip()[:_PREVIEW],
    "importance": lambda shape, item: _importance(item),
    "parentFolderId": lambda shape, item: ids.of_folder(item.folder),
    "conversationId": lambda shape, item: ids.to_rest(conversation(item)),
    "conversationIndex": lambda shape, item: _conversation_index(item),
    "isDeliveryReceiptRequested": lambda shape, item: False,
    "isReadReceiptRequested": lambda shape, item: item.header("disposition-notification-to") is not None,
    "isRead": lambda shape, item: item.is_read,
    "isDraft": lambda shape, item: item.is_draft,
    "webLink": lambda shape, item: f"https://outlook.office365.com/owa/?ItemID={ids.to_rest(item.id)}",
    "inferenceClassification": lambda shape, item: "focused",
    "body": lambda shape, item: shape._body(item),
    "uniqueBody": lambda shape, item: shape._body(item),
    "sender": lambda shape, item: _recipient(item.sender),
    "from": lambda shape, item: _recipient(item.from_),
    "toRecipients": _people("to"),
    "ccRecipients": _people("cc"),
    "bccRecipients": _people("bcc"),
    "replyTo": _people("reply-to"),
    "flag": lambda shape, item: {"flagStatus": "notFlagged"},
    "internetMessageHeaders": _headers,
}
_USUAL = tuple(name for name in _MESSAGE if name not in _ON_REQUEST)


def _extended(item: Item, asked: str) -> dict[str, str] | None:
    """One extended property under the id that Exchange gives it, which is not always spelt as it was asked for."""
    parts = query.check_extended(asked)
    kind = parts["kind"].capitalize()
    value: str | int | None
    if parts["tag"]:
        tag = int(parts["tag"], 16)
        value, shown = properties.tagged(item, tag), hex(tag)
    else:
        property_set, name = parts["set"].lower(), parts["name"] or ""
        number = int(parts["number"], 16) if parts["number"] else None
        value = properties.named(item, property_set, number, name)
        shown = f"{{{property_set}}} " + (f"Name {name}" if number is None else f"Id {hex(number)}")
    # A property under another type is another property, and this one is not there.
    if value is None or kind not in (("String",) if isinstance(value, str) else ("Integer", "Long")):
        return None
    return {"id": f"{kind} {shown}", "value": str(value)}
