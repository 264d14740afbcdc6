"""Header blocks, read once each: names, values and the order they came in. Linear, and never raises.

NUL becomes U+FFFD and is never left out: a name with a NUL in it is not the name without.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from placet.replies.parse.charsets import REPLACEMENT, decode, from_base64, from_q, tidy
from placet.replies.parse.limits import ONE_HEADER

_NAME = re.compile(r"[\x21-\x39\x3b-\x7e]+")  # RFC 5322 2.2: printable ASCII without the colon
_WORD = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?]*)\?=")
_BETWEEN_WORDS = re.compile(r"(\?=)[ \t]+(?==\?)")
_IDS = re.compile(r"<([^<>\s]{1,400})>")

#: What a mail has at most one of (RFC 5322 3.6, RFC 2045 3 to 6).
AT_MOST_ONCE = (
    "from", "sender", "reply-to", "to", "cc", "subject", "date", "message-id", "in-reply-to", "references",
    "mime-version", "content-type", "content-transfer-encoding",
)  # fmt: skip
#: What servers write, and what is believed if it is theirs.
STAMPS = (
    "x-ms-exchange-organization-authas", "x-ms-exchange-organization-authmechanism", "authentication-results",
    "received", "dkim-signature",
)  # fmt: skip


@dataclass(frozen=True)
class Header:
    """One header. `position` counts from the top; `malformed` names are counted but never believed."""

    name: str  # lower case; of a malformed one that some program may take for a name that counts, that name
    value: str  # unfolded; encoded words are still encoded
    position: int
    malformed: bool = False


class Headers:
    """One header block. Lines are split at LF alone: what other programs might take for a line break
    (a lone CR, NEL, form feed) cannot smuggle a header in."""

    def __init__(self, block: str) -> None:
        self.block = block
        self._by_name: dict[str, list[Header]] = {}
        self.count = 0
        for name, value in _unfolded(block):
            header = _header(name, value, self.count)
            self._by_name.setdefault(header.name, []).append(header)
            self.count += 1

    def __bool__(self) -> bool:
        return self.count > 0

    def all(self, name: str) -> tuple[Header, ...]:
        """Every header of this (lower-case) name, from the top."""
        return tuple(self._by_name.get(name, ()))

    def has(self, name: str) -> bool:
        return name in self._by_name

    def first(self, name: str) -> str:
        """The topmost value, "" if there is none."""
        found = self._by_name.get(name)
        return found[0].value if found else ""

    def values(self, name: str) -> tuple[str, ...]:
        """All values, for headers that must not be doubled. A malformed name makes a value unbelievable."""
        return tuple("(malformed)" if header.malformed else header.value for header in self.all(name))


def from_bytes(block: bytes) -> Headers:
    return Headers(decode(block, ""))


def _unfolded(block: str) -> Iterator[tuple[str, str]]:
    """(name, value) with continuation lines joined; stops at the first empty line."""
    name, parts = "", list[str]()
    for line in block.split("\n"):
        line = line.removesuffix("\r").replace("\r", " ").replace("\0", REPLACEMENT)
        if line[:1] in (" ", "\t"):
            parts.append(line)
            continue
        if name:
            yield name, "".join(parts)
        if not line:
            return
        name, colon, value = line.partition(":")
        name, parts = (name, [value]) if colon else ("", [])
    if name:
        yield name, "".join(parts)


def _header(name: str, value: str, position: int) -> Header:
    value, plain = value.strip(_BLANKS), name.lower()
    if _NAME.fullmatch(name) and folded(name) in ("", plain):
        return Header(plain, value, position)
    return Header(folded(name) or plain.strip(), value, position, malformed=True)


def folded(name: str) -> str:
    """The name of AT_MOST_ONCE or STAMPS that a program may take this one for, which repairs what it reads: "Subject "
    with a blank behind it, with a control character or something unseen inside (or the question mark that a server puts
    there), or in full-width letters."""
    plain = name.lower()
    if plain in _BY_LETTERS:
        return plain
    # Most names hold nothing that could be left out.
    return "" if _PLAIN.fullmatch(name) else _BY_LETTERS.get(_letters(name), "")


def _letters(name: str) -> str:
    plain = unicodedata.normalize("NFKC", name[:_LONGEST_NAME]).casefold()
    return "".join(letter for letter in plain if letter.isascii() and (letter.isalnum() or letter in "-_."))


_BLANKS = " \t"  # RFC 5322 2.2.2. Without these, `strip` takes control characters off, too
_PLAIN = re.compile(r"[A-Za-z0-9_.-]+")
_LONGEST_NAME = 400  # characters of a malformed name that are looked at
_BY_LETTERS = {_letters(name): name for name in (*AT_MOST_ONCE, *STAMPS)}


def text(value: str) -> str:
    """A header for people: encoded words decoded (RFC 2047), control characters gone, length bounded."""
    value = _BETWEEN_WORDS.sub(r"\1", value[:ONE_HEADER])
    return tidy(_decode_words(value)).replace("\n", " ").strip()


def _decode_words(value: str) -> str:
    """Neighbouring words of one charset are joined before decoding: some programs cut characters in two."""
    pieces: list[str] = []
    waiting, charset, end = b"", "", 0
    for word in _WORD.finditer(value):
        between = value[end : word.start()]
        if waiting and (between or word[1].lower() != charset):
            pieces.append(decode(waiting, charset))
            waiting = b""
        pieces.append(between)
        charset = word[1].lower()
        waiting += _word_bytes(word[2].lower(), word[3])
        end = word.end()
    if waiting:
        pieces.append(decode(waiting, charset))
    pieces.append(value[end:])
    return "".join(pieces)


def _word_bytes(encoding: str, payload: str) -> bytes:
    return from_base64(payload.encode("utf-8")) if encoding == "b" else from_q(payload)


def message_ids(value: str) -> tuple[str, ...]:
    """The ids between angle brackets, without the brackets; at most the last 100."""
    return tuple(_IDS.findall(value[-ONE_HEADER:])[-100:])


def date_of(value: str) -> datetime | None:
    """The time of a Date header (RFC 5322 3.3), in UTC; None for what is none. "-0000" is UTC."""
    try:
        time = parsedate_to_datetime(value[:_LONGEST_DATE])
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


_LONGEST_DATE = 200  # characters
