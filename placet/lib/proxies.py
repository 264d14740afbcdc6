"""Who asks, where a reverse proxy stands in front: what a proxy says is believed of proxies that the operator trusts.

Anybody can send X-Forwarded-For. A proxy adds the address that it saw at the end, so only the end is believed, and only
where the connection itself comes from the proxy: else whoever asks could say from where, and have a new count of wrong
passwords each time. The same holds for the id that a proxy gives what is asked (X-Request-ID): it goes into the log.
"""

import ipaddress
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    App = Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]

IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
#: PLACET_TRUST_PROXY=true: a proxy on this machine, or in a private network (RFC 1918, 4193, 6598; containers).
NEARBY = "nearby"
_NEARBY: tuple[IpNetwork, ...] = tuple(
    ipaddress.ip_network(network)
    for network in (
        "127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16",
        "fc00::/7", "fe80::/10",
    )
)  # fmt: skip
_OF_PROXIES = (
    "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PORT",
    "HTTP_X_FORWARDED_BY", "HTTP_FORWARDED",
)  # fmt: skip
_REQUEST_ID = "HTTP_X_REQUEST_ID"
_FORWARDED = "placet.forwarded"  # in the environ: some proxy passed this on, whether it is trusted or not


def trusted_of(text: str) -> str:
    """The setting in one spelling: "" (no proxy), NEARBY, or addresses and networks. ValueError in words."""
    words = text.strip().lower()
    if words in ("", "false", "no", "off", "0"):
        return ""
    if words in ("true", "yes", "on", "1", NEARBY):
        return NEARBY
    try:
        networks = [ipaddress.ip_network(part) for part in words.replace(",", " ").split()]
    except ValueError:
        raise ValueError(
            "must be true, false, or the addresses or networks of the proxies, such as 10.0.0.5, 10.0.1.0/24"
        ) from None
    if any(network.prefixlen == 0 for network in networks):
        raise ValueError("must not be every address there is: anybody could say who asks")
    return ", ".join(str(network) for network in networks)


class Proxies:
    """A WSGI application that sees who asks, in front of `app`."""

    def __init__(self, app: "App", trusted: Callable[[], str]) -> None:
        self._app = app
        self._trusted = trusted

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        see_who_asks(environ, self._trusted())
        return self._app(environ, start_response)


def see_who_asks(environ: "WSGIEnvironment | dict[str, Any]", trusted: str) -> None:
    """Set REMOTE_ADDR and the scheme to what trusted proxies say; headers that nobody may believe are taken out."""
    nearby = trusted == NEARBY
    networks = (
        _NEARBY if nearby else [ipaddress.ip_network(part) for part in trusted.replace(",", " ").split()]
    )
    peer = str(environ.get("REMOTE_ADDR", ""))
    forwarded = [part.strip() for part in str(environ.get("HTTP_X_FORWARDED_FOR", "")).split(",")]
    scheme = str(environ.get("HTTP_X_FORWARDED_PROTO", "")).rpartition(",")[2].strip().lower()
    request_id = environ.pop(_REQUEST_ID, "")
    environ[_FORWARDED] = any([environ.pop(name, None) is not None for name in _OF_PROXIES])  # noqa: C419 - all of them
    if not trusted or not (_within(peer, networks) or (nearby and not peer)):  # a socket file has no address
        return
    if request_id:
        environ[_REQUEST_ID] = request_id
    client = _client(forwarded, [] if nearby else networks)
    if client:
        environ["REMOTE_ADDR"] = environ["HTTP_X_FORWARDED_FOR"] = client
    if scheme in ("http", "https"):
        environ["wsgi.url_scheme"] = environ["HTTP_X_FORWARDED_PROTO"] = scheme


def from_this_machine(environ: "WSGIEnvironment | dict[str, Any]") -> bool:
    """Whether who asks sits on this machine, as far as can be told: a proxy here that adds no header looks the same, so
    nothing may rest on it that strangers must not know."""
    address = _address(str(environ.get("REMOTE_ADDR", "")))
    return bool(address) and ipaddress.ip_address(address).is_loopback and not environ.get(_FORWARDED)


def _client(forwarded: Sequence[str], proxies: Sequence[IpNetwork]) -> str:
    """The last one that is none of the proxies that were named: each has added whom it saw. "" where none is told."""
    for part in reversed(forwarded):
        address = _address(part)
        if not address:
            return ""
        if not _within(address, proxies):
            return address
    return ""


def _address(part: str) -> str:
    """An address without the port that some proxies add; "" for anything else."""
    host = part.strip('"')
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def _within(text: str, networks: Sequence[IpNetwork]) -> bool:
    address = _address(text)
    return bool(address) and any(ipaddress.ip_address(address) in network for network in networks)
