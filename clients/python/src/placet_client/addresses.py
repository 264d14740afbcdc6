"""Where Placet is, and what may be sent there."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, quote, urlsplit

_KEY = re.compile(r"[!-~]{1,200}")  # what a header can carry


def api_of(url: str) -> str:
    """The address of the API of the Placet at `url`, which people open in a browser. ValueError in words if a key must
    not be sent there: without TLS it goes to this machine alone."""
    parts = urlsplit(url.strip())
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise ValueError("The URL must be an address such as https://approvals.example.com.")
    if parts.query or parts.fragment or parts.username is not None or parts.password is not None:
        raise ValueError("The URL must have no user, no password, no “?” and no “#”.")
    _port(parts)
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("The URL must begin with https:// (http:// is for this machine alone).")
    path = parts.path.rstrip("/").removesuffix("/api/v1")
    return f"{parts.scheme}://{parts.netloc}{path}/api/v1"


def is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _port(parts: SplitResult) -> None:
    try:
        _ = parts.port
    except ValueError:
        raise ValueError("The URL has a port that is none.") from None


def key_of(key: str) -> str:
    """The key as it is sent. ValueError, which does not say it, if it can be none."""
    stripped = key.strip()
    if not _KEY.fullmatch(stripped):
        raise ValueError("The key must be one line, such as plc_… of the page of keys.")
    return stripped


def segment(value: str) -> str:
    """An id as one part of a path. ValueError if it would lead to another path."""
    if value in ("", ".", "..") or not value.isprintable():
        raise ValueError("That is no id.")
    return quote(value, safe="")
