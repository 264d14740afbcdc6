"""How a mail is shown: its own HTML in a frame of its own that may load nothing and run nothing."""

from __future__ import annotations

import urllib.parse
from typing import TYPE_CHECKING

from lxml import html

from placet.sandbox.mime import Address, Readable
from placet.sandbox.programs import parsed, plain

if TYPE_CHECKING:
    from placet.sandbox.server import Mail

# No scripts and nothing loaded; links that somebody clicks open in the whole window or in one of their own.
FRAME = "allow-top-navigation-by-user-activation allow-popups allow-popups-to-escape-sandbox"
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    f"frame-ancestors 'self'; sandbox {FRAME}"
)
LONGEST_PREVIEW = 140
LONGEST_SOURCE = 256 * 1024


def name_of(person: Address | None) -> str:
    return "(nobody)" if person is None else person.name or person.address


def preview(content: Readable) -> str:
    """The first words of a mail: of its HTML, which may begin with words meant for this."""
    text = plain(content.html) if content.html else content.text
    return " ".join(text[: 8 * LONGEST_PREVIEW].split())[:LONGEST_PREVIEW]


def source(mail: Mail) -> str:
    """The mail as it lies in the mailbox, its beginning if it is very long."""
    text = mail.mime[:LONGEST_SOURCE].decode("utf-8", "replace")
    return text if len(mail.mime) <= LONGEST_SOURCE else f"{text}\n[…]"


def with_own_links(page: str, new: str) -> bytes:
    """The mail's HTML; its `mailto:` links open the form at `new`, as a mail program opens its own."""
    root = parsed(page)
    if root is None:
        return b""
    for element in root.iter("a", "area"):
        target = element.get("href", "").strip()
        if target.lower().startswith("mailto:"):
            asked = urllib.parse.quote("mailto:" + target[7:], safe="")
            element.set("href", f"{new}?mailto={asked}")
            element.set("target", "_top")
        else:
            element.set("target", "_blank")
            element.set("rel", "noopener noreferrer")
    return bytes(html.tostring(root, encoding="utf-8", doctype="<!DOCTYPE html>"))
