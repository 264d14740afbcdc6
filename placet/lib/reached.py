"""The address that people reach Placet at, and what the web server makes of it."""

import ipaddress
import re
from typing import Any
from urllib.parse import urlsplit

#: Host names and IPv4 addresses; IPv6 is checked by its own module.
_HOST = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*\.?", re.IGNORECASE)
_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)*/?")
_PRIVATE_ENDS = (".localhost", ".local", ".internal", ".lan", ".home.arpa", ".test")


class NoAddress(ValueError):
    """This is not the address of a web server."""


def public_url_of(text: str) -> str:
    """An address such as https://it.example/placet, without a slash at its end. NoAddress for anything else: another
    scheme, somebody's name or password in it, a query, a path that has to be escaped."""
    try:
        parts = urlsplit(text.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise NoAddress(text) from error
    if parts.scheme not in ("http", "https") or "@" in parts.netloc or not _is_host(host) or port == 0:
        raise NoAddress(text)
    if (
        "?" in text
        or "#" in text
        or not _PATH.fullmatch(parts.path)
        or {".", ".."} & {*parts.path.split("/")}
    ):
        raise NoAddress(text)
    usual = {"http": 80, "https": 443}[parts.scheme]
    where = host_of(host) + (f":{port}" if port not in (None, usual) else "")
    return f"{parts.scheme}://{where}{parts.path}".rstrip("/")


def host_of(name: str) -> str:
    """As it stands in an address and in the Host header: IPv6 in brackets."""
    return f"[{name}]" if ":" in name else name


def _is_host(host: str) -> bool:
    if ":" not in host:
        return len(host) <= 253 and _HOST.fullmatch(host) is not None
    try:
        return ipaddress.IPv6Address(host).scope_id is None
    except ValueError:
        return False


def is_public(url: str) -> bool:
    """Whether people reach it from outside of a machine or an office network, as far as its name tells."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return "." in host and not host.endswith(_PRIVATE_ENDS)


def reached_at(public_url: str) -> dict[str, Any]:
    """Django's settings that follow from the address. The loopback always works, too, so that nobody is locked out by
    a wrong one."""
    public = urlsplit(public_url)
    https, path = public.scheme == "https", f"{public.path}/"
    return {
        "ALLOWED_HOSTS": [host_of(public.hostname or ""), "localhost", "127.0.0.1", "[::1]"],
        "CSRF_TRUSTED_ORIGINS": [f"{public.scheme}://{public.netloc}"],
        "FORCE_SCRIPT_NAME": public.path or None,
        "SESSION_COOKIE_SECURE": https,
        "CSRF_COOKIE_SECURE": https,
        "SESSION_COOKIE_PATH": path,
        "CSRF_COOKIE_PATH": path,
        "SECURE_HSTS_SECONDS": 31_536_000 if https else 0,
    }
