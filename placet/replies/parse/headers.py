"""Header blocks, read once each: names, values and the order they came in. Linear, and never raises."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from placet.replies.parse.charsets import decode, from_base64, from_q, tidy
from placet.replies.parse.limits import ONE_HEADER

_NAME = re.compile(r"[\x21-\x39\x3b-\x7e]+")  # RFC 5322 2.2: printable ASCII without the colon
_WORD = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?]*)\?=")
_BETWEEN_WORDS = re.compile(r"(\?=)[ \t]+(?==\?)")
_IDS = re.compile(r"<([^<>\s]{1,400})>")


@dataclass(frozen=True)
class Header:
    """One header. `position` counts from the top; `malformed` names are counted but never believed."""

    name: str  # lower case
    value: str  # unfolded; encoded words are still encoded
    position: int
    malformed: bool = False


class Headers:
    """One header block. Lines are split at LF alone: what other programs might take for a line break
    (a lone CR, NEL, form feed) cannot smuggle a header in."""

    def __init__(self, block: str) -> None:
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
        line = line.removesuffix("\r").replace("\r", " ").replace("\0", "")
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
    plain = name.strip()
    return Header(plain.lower(), value.strip(), position, malformed=not _NAME.fullmatch(name))


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
