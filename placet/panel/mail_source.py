"""A mail's source as text: its beginning, with the reply codes left out also where an encoding broke their line."""

import re
from dataclasses import dataclass

from placet.portal.templatetags.pages import visible, without_codes

SHOWN = 64 * 1024  # bytes

# A code behind a sign that may be encoded, with soft line breaks (RFC 2045 6.7) anywhere in both.
_BREAK = r"(?:=\r?\n)?"
_SIGN = rf"(?:[#+]|=23|=2b|%{_BREAK}2{_BREAK}[3b])"
_BROKEN = re.compile(rf"({_SIGN}{_BREAK})(?:[a-z2-7]{_BREAK}){{15}}[a-z2-7](?![a-z0-9])", re.IGNORECASE)


@dataclass(frozen=True)
class Source:
    """Headers and the rest, without reply codes. `cut`: there is more."""

    headers: str
    body: str
    cut: bool


def source_of(raw: bytes, transport_headers: str = "") -> Source:
    """Of a mail's beginning. `transport_headers` are the server's own, where it keeps them apart."""
    text = raw[:SHOWN].decode("utf-8", "replace").replace("\r\n", "\n")
    headers, _blank, body = text.partition("\n\n")
    return Source(_masked((transport_headers or headers)[:SHOWN]), _masked(body), len(raw) > SHOWN)


def _masked(text: str) -> str:
    return visible(without_codes(_BROKEN.sub(r"\1…", text)))
