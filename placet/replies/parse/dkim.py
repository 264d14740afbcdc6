"""DKIM-Signature headers (RFC 6376 3.5): what a domain signed. Whether a signature holds is for our server to say, in
Authentication-Results; here is only what it covers and when it was made. Linear, and never raises.
"""

import re

from placet.replies.parse.headers import Header, Headers
from placet.replies.parse.limits import ONE_HEADER
from placet.replies.parse.mail import Signature

_BLANKS = re.compile(r"[ \t\r\n]+")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_SECONDS = re.compile(r"[0-9]{1,12}")  # RFC 6376 3.5, t= and x=


def signatures(headers: Headers) -> tuple[Signature, ...]:
    """All of them, from the top."""
    return tuple(_signature(header) for header in headers.all("dkim-signature"))


def _signature(header: Header) -> Signature:
    if header.malformed or len(header.value) > ONE_HEADER:
        return _UNREAD
    tags: dict[str, str] = {}
    for one in header.value.strip().removesuffix(";").split(";"):
        name, equals, value = one.partition("=")
        name = _BLANKS.sub("", name)
        if not equals or not _NAME.fullmatch(name) or name in tags:
            return _UNREAD
        tags[name] = _BLANKS.sub("", value)
    times = [tags[name] for name in ("t", "x") if name in tags]
    if not all(map(_SECONDS.fullmatch, times)):
        return _UNREAD
    return Signature(
        domain=tags.get("d", "").lower().removesuffix("."),
        selector=tags.get("s", "").lower(),
        value=tags.get("b", "").lower(),
        headers=frozenset(tags.get("h", "").lower().split(":")),
        part_of_body="l" in tags,
        made_at=int(tags["t"]) if "t" in tags else None,
        good_until=int(tags["x"]) if "x" in tags else None,
        algorithm=tags.get("a", "").lower(),
        identity_domain=tags.get("i", tags.get("d", "")).lower().rpartition("@")[2].removesuffix("."),
    )


_UNREAD = Signature("", "", "", frozenset(), False, None, None, unread=True)
