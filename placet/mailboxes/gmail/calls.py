"""What is asked of the Gmail API, and what its answers say. A mail's id is its own for good, whatever labels it has."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from .client import LARGEST_JSON, Apart, Call, Gmail, unreadable
from .errors import About

INBOX, SPAM, SENT, TRASH, UNREAD = "INBOX", "SPAM", "SENT", "TRASH", "UNREAD"
SYSTEM = "system"
MOST_LISTED = 500  # Google's limit for one answer
LARGEST_SENT = 36_700_160  # bytes: what the address for whole mails takes
ENVELOPE = 1024 * 1024  # bytes of an answer beside the mail in it
_SLACK = timedelta(minutes=5)  # between a mail's own time and that which the search goes by


class HistoryLost(Exception):
    """The server no longer knows the changes since then, or the page of a list."""


@dataclass(frozen=True)
class Listing:
    """One page of ids; `page` names the next one, "" where this is the last."""

    ids: list[str]
    page: str
    history: str = ""  # of the mailbox, when it was answered


@dataclass(frozen=True)
class Message:
    """What the server says of a mail."""

    id: str
    labels: frozenset[str]
    received_at: datetime
    size: int  # bytes, an estimate of Google's
    headers: tuple[tuple[str, str], ...] = ()
    raw: bytes = b""

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name), "")


@dataclass(frozen=True)
class Label:
    """A label: Gmail's folder. `name` is its path."""

    id: str
    name: str


ROOT = Label("", "")
SOURCES = {Label(INBOX, INBOX), Label(SPAM, SPAM)}


# --- lists ------------------------------------------------------------------------------------------------


def profile(gmail: Gmail) -> dict[str, Any]:
    return gmail.get("/profile")


def history_id(gmail: Gmail) -> str:
    return _text(profile(gmail), "historyId")


def listing(
    gmail: Gmail, label: str, since: datetime, size: int, page: str = "", search: str = ""
) -> Listing:
    """Mails with a label that were received since then, the newest first. Raises HistoryLost for a page that the server
    does not know."""
    after = int((since - _SLACK).timestamp())
    words = [f"after:{after}"] if after > 0 else []
    query = [
        ("labelIds", label),
        ("includeSpamTrash", "true"),
        ("maxResults", str(max(1, min(size, MOST_LISTED)))),
        ("q", " ".join([*words, search]).strip()),
        ("pageToken", page),
    ]
    given = tuple((name, value) for name, value in query if value)
    try:
        answer = gmail.answer(Call("GET", "/messages", given, apart=(400, 404) if page else ()))
    except Apart:
        raise HistoryLost from None
    return Listing([_text(entry, "id") for entry in _objects(answer, "messages")], _page(answer, page))


def changes(gmail: Gmail, since: str, size: int, page: str = "") -> Listing:
    """Mails that came into Inbox or Spam since a history id, in the order of time. Raises HistoryLost."""
    query = [
        ("startHistoryId", since),
        ("historyTypes", "messageAdded"),
        ("historyTypes", "labelAdded"),
        ("maxResults", str(max(1, min(size, MOST_LISTED)))),
        ("pageToken", page),
    ]
    given = tuple((name, value) for name, value in query if value)
    try:
        answer = gmail.answer(Call("GET", "/history", given, apart=(400, 404)))
    except Apart:
        raise HistoryLost from None
    ids = [id_ for record in _objects(answer, "history") for id_ in _come(record)]
    return Listing(list(dict.fromkeys(ids)), _page(answer, page), _text(answer, "historyId"))


def _come(record: dict[str, Any]) -> list[str]:
    added = [entry.get("message") for entry in _objects(record, "messagesAdded")]
    ids = [_text(message, "id") for message in added if isinstance(message, dict) and _may_be_new(message)]
    for entry in _objects(record, "labelsAdded"):
        message = entry.get("message")
        if isinstance(message, dict) and _may_be_new(entry):
            ids.append(_text(message, "id"))
    return ids


def _may_be_new(entry: dict[str, Any]) -> bool:
    """Unless its labels say that it is elsewhere."""
    labels = entry.get("labelIds")
    return not isinstance(labels, list) or INBOX in labels or SPAM in labels


# --- mails ------------------------------------------------------------------------------------------------


def look(gmail: Gmail, id_: str) -> Message:
    """Without its text. Raises Gone."""
    return _message(gmail.get(_path(id_), ("format", "minimal"), about=About.MAIL))


def headers(gmail: Gmail, id_: str, *names: str) -> Message:
    """With these headers, or with all. Raises Gone."""
    wanted = [("metadataHeaders", name) for name in names]
    return _message(gmail.get(_path(id_), ("format", "metadata"), *wanted, about=About.MAIL))


def whole(gmail: Gmail, id_: str, most: int) -> Message:
    """With the bytes that travelled. Raises Gone, or TooLong where they are more than `most`."""
    length = 4 * (most // 3 + 1) + ENVELOPE
    call = Call("GET", _path(id_), (("format", "raw"),), about=About.MAIL, most=max(length, LARGEST_JSON))
    return _message(gmail.answer(call))


def label_mail(gmail: Gmail, id_: str, add: Sequence[str] = (), remove: Sequence[str] = ()) -> None:
    """Raises Gone."""
    value = {"addLabelIds": list(add), "removeLabelIds": list(remove)}
    gmail.post(f"{_path(id_)}/modify", value, about=About.MAIL)


def trash(gmail: Gmail, id_: str) -> None:
    """Raises Gone."""
    gmail.post(f"{_path(id_)}/trash", about=About.MAIL)


def send(gmail: Gmail, raw: bytes) -> None:
    """Raises Refused."""
    gmail.answer(
        Call(
            "POST",
            "/messages/send",
            (("uploadType", "media"),),
            body=raw,
            content_type="message/rfc822",
            upload=True,
            about=About.SENDING,
        )
    )


# --- labels -----------------------------------------------------------------------------------------------


def find_label(gmail: Gmail, parent: Label, name: str) -> Label | None:
    path = _below(parent, name)
    for label in _objects(gmail.get("/labels"), "labels"):
        if _text(label, "name").casefold() == path.casefold():  # one label for Gmail
            known = _text(label, "id")
            return Label(known, known if label.get("type") == SYSTEM else _text(label, "name"))
    return None


def create_label(gmail: Gmail, parent: Label, name: str) -> Label | None:
    value = {
        "name": _below(parent, name),
        "labelListVisibility": "labelShow",
        "messageListVisibility": "show",
    }
    try:
        made = gmail.post("/labels", value, apart=(409,))
    except Apart:
        return None  # somebody else has made it meanwhile
    return Label(_text(made, "id"), _text(made, "name"))


def count(gmail: Gmail, label: str) -> int:
    """Mails with a system's label."""
    number = gmail.get(f"/labels/{quote(label, safe='')}").get("messagesTotal", 0)
    if not isinstance(number, int):
        raise unreadable("messagesTotal")
    return number


def _below(parent: Label, name: str) -> str:
    return f"{parent.name}/{name}" if parent.name else name


# --- what stands in answers -------------------------------------------------------------------------------


def _path(id_: str) -> str:
    return f"/messages/{quote(id_, safe='')}"


def _page(answer: dict[str, Any], before: str) -> str:
    page = answer.get("nextPageToken") or ""
    if not isinstance(page, str) or (page and page == before):
        raise unreadable("nextPageToken")
    return page


def _objects(answer: dict[str, Any], name: str) -> list[dict[str, Any]]:
    listed = answer.get(name, [])
    if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
        raise unreadable(name)
    return listed


def _text(answer: dict[str, Any], name: str) -> str:
    text = answer.get(name)
    if not isinstance(text, str) or not text:
        raise unreadable(name)
    return text


def _message(answer: dict[str, Any]) -> Message:
    payload = answer.get("payload")
    pairs = _objects(payload, "headers") if isinstance(payload, dict) else []
    labels = answer.get("labelIds", [])
    size = answer.get("sizeEstimate", 0)
    if not isinstance(labels, list) or not isinstance(size, int):
        raise unreadable("labelIds, sizeEstimate")
    try:
        received_at = datetime.fromtimestamp(int(_text(answer, "internalDate")) / 1000, UTC)
        raw = base64.b64decode(str(answer.get("raw", "")).encode("ascii"), b"-_", validate=True)
    except (ValueError, OverflowError, OSError, binascii.Error):
        raise unreadable("internalDate, raw") from None
    return Message(
        _text(answer, "id"),
        frozenset(map(str, labels)),
        received_at,
        size,
        tuple((str(pair.get("name", "")), str(pair.get("value", ""))) for pair in pairs),
        raw,
    )
