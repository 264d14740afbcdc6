"""Raw mail as the sandbox handles it: header lines as they are, never re-serialised by `email`.

Header values are kept as `str` decoded with latin-1, so that every byte survives; `text()` turns one into
readable text. Nothing here raises on mail, however broken it is: a sandbox must carry broken mail too.
"""

from __future__ import annotations

import email.errors
import email.header
import email.message
import email.policy
import email.utils
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

Header = tuple[str, str]
"""A header's name and its value with folds (CR LF and white space), both latin-1."""

MAX_HEADER_TO_READ = 16_384
"""Longer header values are stored, but not decoded or parsed for addresses."""

MAX_TO_READ = 1024 * 1024
"""So many bytes of a mail are looked at for its text; all of it is stored and given out."""

_MAX_PARTS = 100
# The standard library's parser takes time that grows with the square of these.
_LONG_PARAMETERS = re.compile(rb"(?i)content-(?:type|disposition):(?:[^\r\n]|\r?\n[ \t]){4096}")
_NAME = re.compile(r"[!-9;-~]+")
_FOLD = re.compile(r"\r\n(?=[ \t])")
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Address:
    name: str
    address: str

    def __str__(self) -> str:
        return email.utils.formataddr((self.name, self.address)) if self.name else self.address


def with_crlf(raw: bytes) -> bytes:
    """The mail with CR LF at every line end, as SMTP carries it."""
    pairs = raw.count(b"\r\n")
    if raw.count(b"\n") == pairs and raw.count(b"\r") == pairs:
        return raw
    return raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")


def split(raw: bytes) -> tuple[list[Header], bytes]:
    """Header lines in order, and the body. The header ends at the first line that cannot be part of one."""
    if raw.startswith(b"\r\n"):
        return [], raw[2:]
    head, separator, body = raw.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").removesuffix("\r\n").split("\r\n")
    found: list[tuple[str, list[str]]] = []
    for number, line in enumerate(lines):
        if line[:1] in (" ", "\t") and found:
            found[-1][1].append(line)
            continue
        name, colon, value = line.partition(":")
        if not colon or not _NAME.fullmatch(name.rstrip()):
            body = "\r\n".join(lines[number:]).encode("latin-1") + separator + body
            break
        found.append((name.rstrip(), [value.lstrip(" \t")]))
    return [(name, "\r\n".join(values)) for name, values in found], body


def join(headers: Iterable[Header], body: bytes) -> bytes:
    return block(headers).encode("latin-1", "replace") + b"\r\n" + body


def block(headers: Iterable[Header]) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in headers)


def first(headers: Iterable[Header], name: str) -> str | None:
    """The unfolded value of the first header of that (lower-case) name."""
    for found, value in headers:
        if found.lower() == name:
            return unfold(value)
    return None


def every(headers: Iterable[Header], name: str) -> list[str]:
    return [unfold(value) for found, value in headers if found.lower() == name]


def without(headers: Iterable[Header], *names: str, prefixes: tuple[str, ...] = ()) -> list[Header]:
    """The headers but for those of these lower-case names or prefixes."""
    return [
        header
        for header in headers
        if (lower := header[0].lower()) not in names and not (prefixes and lower.startswith(prefixes))
    ]


def unfold(value: str) -> str:
    return _FOLD.sub("", value).strip()


def refold(name: str, value: str, width: int = 76) -> str:
    """The value folded anew at white space, as a server does that writes the header from its own store."""
    line = unfold(value)
    pieces: list[str] = []
    start, room = 0, width - len(name) - 2
    while len(line) - start > room:
        cut = line.rfind(" ", start + 1, start + room + 1)
        if cut < 0:
            cut = line.find(" ", start + max(room, 0) + 1)
        if cut < 0:
            break
        pieces.append(line[start:cut])
        start, room = cut, width
    pieces.append(line[start:])
    # A line of white space alone would end the header for some readers.
    return "\r\n".join(pieces) if all(map(str.strip, pieces[1:])) else line


def raw_text(value: str) -> str:
    """Header lines as text, for what is not ASCII in them: UTF-8 if it is, else latin-1."""
    if value.isascii():
        return value
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value


def text(value: str) -> str:
    """A header value as a person reads it: encoded words and raw UTF-8 decoded."""
    plain = raw_text(unfold(value[:MAX_HEADER_TO_READ]))
    if "=?" not in plain:
        return plain
    try:
        return "".join(_decoded_word(word, charset) for word, charset in email.header.decode_header(plain))
    except (LookupError, ValueError, email.errors.HeaderParseError):
        return plain


def _decoded_word(word: bytes | str, charset: str | None) -> str:
    if isinstance(word, str):
        return word
    # What stood between encoded words comes back from the library in this codec, which has no charset's name.
    return word.decode(charset, "replace") if charset else word.decode("raw-unicode-escape", "replace")


def encode_text(value: str) -> str:
    """Text as a header value: ASCII as it is, anything else as encoded words."""
    if value.isascii():
        return value
    return email.header.Header(value, "utf-8", maxlinelen=70).encode(linesep="\r\n")


def addresses(values: Iterable[str]) -> list[Address]:
    """The addresses of some header values, in order; what cannot be read is left out."""
    readable = [v for v in values if len(v) <= MAX_HEADER_TO_READ and v.count("(") < 50]
    found = email.utils.getaddresses(readable)
    return [Address(text(name), address) for name, address in found if "@" in address]


def xml_safe(value: str) -> str:
    """The text without the characters that XML 1.0 cannot carry."""
    return _NOT_XML.sub("?", value)


def date_value(at: datetime) -> str:
    return email.utils.format_datetime(at)


def parse_date(value: str | None) -> datetime | None:
    if not value:
        return None
    try:
        at = email.utils.parsedate_to_datetime(value)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def new_message_id(host: str) -> str:
    return f"<{secrets.token_hex(16).upper()}@{host}>"


@dataclass(frozen=True)
class Readable:
    """What a mail program would show of a mail."""

    text: str
    html: str
    attachments: tuple[str, ...]


@dataclass(frozen=True)
class File:
    """A file that a mail carries."""

    name: str
    kind: str
    content: bytes


def readable(raw: bytes) -> Readable:
    """The text and HTML parts of a mail; empty where it is too broken or too costly to be read."""
    plain, html, attachments = "", "", []
    raw = raw[:MAX_TO_READ]
    if raw.lower().count(b"boundary=") > _MAX_PARTS or _LONG_PARAMETERS.search(raw):
        return Readable("", "", ())
    try:
        message = email.message_from_bytes(raw, policy=email.policy.compat32)
        for part in message.walk():
            if part.is_multipart():
                continue
            kind = part.get_content_type()
            if _is_file(part):
                attachments.append(part.get_filename() or kind)
            elif kind == "text/plain" and not plain:
                plain = _decoded(part)
            elif kind == "text/html" and not html:
                html = _decoded(part)
    except (RecursionError, LookupError, ValueError, TypeError, AttributeError):
        # The standard library's parser gives up on some hostile mail; it is still mail to be carried.
        return Readable(plain, html, tuple(attachments))
    return Readable(plain, html, tuple(attachments))


def files(raw: bytes) -> list[File]:
    """The attachments of a mail, of all of it; none where it is too broken or too costly to be taken apart."""
    if raw.lower().count(b"boundary=") > _MAX_PARTS or _LONG_PARAMETERS.search(raw):
        return []
    try:
        message = email.message_from_bytes(raw, policy=email.policy.compat32)
        return [_file(part) for part in message.walk() if _is_file(part)]
    except (RecursionError, LookupError, ValueError, TypeError, AttributeError):
        return []


def _is_file(part: email.message.Message) -> bool:
    if part.is_multipart():
        return False
    kind = part.get_content_type()
    return part.get_content_disposition() == "attachment" or kind not in ("text/plain", "text/html")


def _file(part: email.message.Message) -> File:
    payload = part.get_payload(decode=True)
    kind = part.get_content_type()
    return File(part.get_filename() or kind, kind, payload if isinstance(payload, bytes) else b"")


def _decoded(part: email.message.Message) -> str:
    payload = part.get_payload(decode=True)
    data = payload if isinstance(payload, bytes) else b""
    try:
        return data.decode(part.get_content_charset() or "utf-8", "replace")
    except (LookupError, ValueError):
        return data.decode("utf-8", "replace")
