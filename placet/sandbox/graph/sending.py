"""Mail that an application hands to Graph, as MIME or as JSON, and what the service makes of it.

A mail that comes as MIME goes through the store: `Auto-Submitted` and `Return-Path` are lost on the way, and so is
every X- header that the mailbox does not know. As JSON there may be X- headers and no others.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from placet.sandbox import mime, outlook, properties
from placet.sandbox.delivery import Post, SendRefused, rebuilt
from placet.sandbox.graph import errors, query
from placet.sandbox.mime import Address, File, Header, Readable
from placet.sandbox.names import words
from placet.sandbox.shapes import as_text
from placet.sandbox.tenant import Folder, Item, Mailbox, Tenant

MOST_OWN_HEADERS = 5
_LOST = ("auto-submitted", "return-path")
# X- headers that have a property of their own in every mailbox (MS-OXCMAIL), so that they survive.
_KNOWN = words("x-auto-response-suppress x-priority x-message-flag x-message-completed")
_ADDRESS = re.compile(r"[^\s<>,;:\"()@\\]+@[^\s<>,;:\"()@\\]+", re.ASCII)
_OWN_HEADER = re.compile(r"x-[!-9;-~]+", re.IGNORECASE)
_STATUS = {"ErrorSendAsDenied": 403, "ErrorMessageSizeExceeded": 413}


def decoded(body: bytes) -> bytes:
    """The MIME content of a request. Raises GraphError."""
    try:
        raw = base64.b64decode(b"".join(body.split()), validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if not raw:
        raise errors.bad_request(
            "Invalid base64 string for MIME content.", "ErrorMimeContentInvalidBase64String"
        )
    return raw


class Sending:
    """Callers hold the tenant's lock."""

    def __init__(self, tenant: Tenant, post: Post) -> None:
        self.tenant = tenant
        self.post = post

    def from_mime(self, raw: bytes) -> bytes:
        """The mail with what the store keeps of its header."""
        headers, body = mime.split(mime.with_crlf(raw))
        return mime.join([one for one in headers if self._is_kept(one)], body)

    def _is_kept(self, header: Header) -> bool:
        name = header[0].lower()
        if name in _LOST:
            return False
        return not name.startswith("x-") or name in _KNOWN or name in self.tenant.switches.known_headers

    def send(self, mailbox: Mailbox, raw: bytes, *, save: bool = True) -> None:
        """Send, with a copy in Sent Items unless the client wants none. Raises GraphError."""
        headers, body = self._sent(mailbox, raw)
        if save:
            mailbox.add(mailbox.well_known["sentitems"], Item(rebuilt(headers, body), None, is_read=True))

    def send_draft(self, mailbox: Mailbox, draft: Item) -> None:
        """Send what lies in Drafts; the copy in Sent Items has its immutable id. Raises GraphError."""
        headers, body = self._sent(mailbox, draft.mime)
        sent = Item(rebuilt(headers, body), None, is_read=True, immutable_id=draft.immutable_id)
        mailbox.remove(draft)
        mailbox.add(mailbox.well_known["sentitems"], sent)

    def _sent(self, mailbox: Mailbox, raw: bytes) -> tuple[list[Header], bytes]:
        if len(raw) > self.tenant.switches.max_message_bytes:
            raise errors.GraphError(
                413, "ErrorMessageSizeExceeded", "The message exceeds the maximum supported size."
            )
        wait = self.post.seconds_to_wait(mailbox, 1)
        if wait:
            raise errors.throttled(f"{wait:.3f}")
        try:
            headers, body = self.post.prepare(mailbox, raw)
            self.post.send(mailbox, headers, body)
        except SendRefused as refused:
            raise errors.GraphError(_STATUS.get(refused.code, 400), refused.code, str(refused)) from None
        return headers, body

    def save(self, mailbox: Mailbox, folder: Folder, raw: bytes) -> Item:
        """A draft in this folder. Raises GraphError."""
        try:
            headers, body = self.post.prepare(mailbox, raw)
        except SendRefused as refused:
            raise errors.bad_request(str(refused), refused.code) from None
        draft = Item(rebuilt(headers, body), None, is_draft=True)
        return mailbox.add(folder, draft)


def composed(mailbox: Mailbox, message: Mapping[str, Any]) -> bytes:
    """The mail that a `message` in JSON describes; its shape has been checked. Raises GraphError."""
    body = message.get("body") or {}
    content = body.get("content") or ""
    is_html = (body.get("contentType") or "text").lower() == "html"
    return outlook.compose(
        _address(message.get("from")) or Address(mailbox.name, mailbox.address),
        _people(message, "toRecipients"),
        message.get("subject") or "",
        as_text(Readable("", content, ())) if is_html else content,
        html=content if is_html else None,
        cc=_people(message, "ccRecipients"),
        headers=_headers(message),
        files=[_file(one) for one in message.get("attachments") or ()],
    )


def reply(mailbox: Mailbox, original: Item, parameters: Mapping[str, Any]) -> bytes:
    """The draft that createReply makes, threaded by its header. Raises GraphError."""
    message = dict(parameters.get("Message") or {})
    people = original.people("reply-to") or ([original.from_] if original.from_ else [])
    message.setdefault("subject", f"RE: {original.subject.removeprefix('RE: ')}")
    message.setdefault("toRecipients", [{"emailAddress": {"address": person.address}} for person in people])
    message.setdefault("body", {"contentType": "text", "content": parameters.get("Comment") or ""})
    headers, body = mime.split(composed(mailbox, message))
    if original.message_id:
        references = f"{original.header('references') or ''} {original.message_id}".strip()
        headers += [("In-Reply-To", original.message_id), ("References", references)]
    return mime.join(headers, body)


def _address(recipient: Mapping[str, Any] | None) -> Address | None:
    given = (recipient or {}).get("emailAddress") or {}
    address = given.get("address") or ""
    if not recipient:
        return None
    if not address.isascii() or not _ADDRESS.fullmatch(address):
        raise errors.bad_request("At least one recipient is not valid.", "ErrorInvalidRecipients")
    return Address(" ".join((given.get("name") or "").split()), address)


def _people(message: Mapping[str, Any], name: str) -> list[str]:
    return [str(person) for one in message.get(name) or () if (person := _address(one))]


def _headers(message: Mapping[str, Any]) -> dict[str, str]:
    headers = {
        name: ", ".join(people)
        for name, key in (("Bcc", "bccRecipients"), ("Reply-To", "replyTo"))
        if (people := _people(message, key))
    }
    if (importance := (message.get("importance") or "normal").lower()) != "normal":
        headers["Importance"] = importance
    own = message.get("internetMessageHeaders") or ()
    if len(own) > MOST_OWN_HEADERS:
        raise errors.bad_request(
            f"Maximum number of headers in one message should be less than or equal to {MOST_OWN_HEADERS}.",
            "InvalidInternetMessageHeaderCollection",
        )
    for one in own:
        name, value = one.get("name") or "", one.get("value") or ""
        if not _OWN_HEADER.fullmatch(name):
            raise errors.bad_request(
                f"The internet message header name '{name}' should start with 'x-' or 'X-'.",
                "InvalidInternetMessageHeader",
            )
        headers[name] = " ".join(value.split())
    for one in message.get("singleValueExtendedProperties") or ():
        headers |= _extended(one)
    return headers


def _extended(given: Mapping[str, Any]) -> dict[str, str]:
    """The header that a property becomes. The sandbox takes the one that says which automatic mail is not wanted."""
    parts = query.check_extended(given.get("id") or "")
    if parts["kind"].lower() != "integer" or int(parts["tag"] or "0", 16) != properties.SUPPRESS:
        raise errors.bad_request("The sandbox sets no other extended property than Integer 0x3FDF.")
    try:
        return {"X-Auto-Response-Suppress": properties.suppress_value(int(given.get("value") or ""))}
    except ValueError:
        raise errors.bad_request("The value of the property is not a whole number.") from None


def _file(given: Mapping[str, Any]) -> File:
    if given.get("@odata.type") not in ("#microsoft.graph.fileAttachment", "microsoft.graph.fileAttachment"):
        raise errors.unreadable(
            "The sandbox takes attachments of the type #microsoft.graph.fileAttachment only."
        )
    content = base64.b64decode(given.get("contentBytes") or "")
    return File(
        given.get("name") or "attachment", given.get("contentType") or "application/octet-stream", content
    )
