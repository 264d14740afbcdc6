"""Requests to addresses that somebody entered: they go out to public addresses, and to private ones that are allowed.

Whoever can enter an address could otherwise have this server call what only it reaches: its own ports, the network
around it, the metadata service of its cloud (OWASP, Server-Side Request Forgery Prevention). The name is resolved once
for each connection, every address that it has is checked, and the connection goes to one of those: a name that has
another address a moment later (DNS rebinding) changes nothing. TLS and the Host header keep the name.

A proxy that the environment names resolves names itself, so what it reaches is for the proxy to decide; here only what
this machine knows of the name is checked then.
"""

import ipaddress
import socket
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import select_proxy
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, NameResolutionError

IpAddress = IPv4Address | IPv6Address
IpNetwork = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Sequence[str]]
Allowed = Callable[[], Iterable[str]]
Opened = Callable[[socket.socket], None]

LONGEST_TARGET = 280  # characters: a name of 253, a port
MOST_TARGETS = 100
#: Nothing that anybody means to call: link-local (with the metadata services of most clouds), the metadata services
#: that lie elsewhere (AWS over IPv6, Google over IPv6, Alibaba, Oracle, Azure), "this host", multicast, reserved.
NEVER: tuple[IpNetwork, ...] = tuple(
    ipaddress.ip_network(network)
    for network in (
        "169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128", "fd20:ce::254/128", "100.100.100.200/32", "192.0.0.192/32",
        "168.63.129.16/32", "0.0.0.0/8", "::/128", "224.0.0.0/4", "ff00::/8", "240.0.0.0/4",
    )
)  # fmt: skip
_LOOPBACK: tuple[IpNetwork, ...] = (ipaddress.IPv4Network("127.0.0.0/8"), ipaddress.IPv6Network("::1/128"))
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052
_LOCAL_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")  # RFC 8215
_TRANSLATED = ipaddress.IPv6Network("::ffff:0:0:0/96")  # RFC 2765 2.1
_COMPATIBLE = ipaddress.IPv6Network("::/96")  # RFC 4291 2.5.5.1


class TargetInvalid(ValueError):
    """This names no target, or one that may not be on the list."""

    def __init__(self, text: str, *, never: bool = False, port_missing: bool = False) -> None:
        super().__init__(text)
        self.never = never  # an address that nothing may call
        self.port_missing = port_missing  # this machine's own ports are named one by one


class NotAllowed(Exception):
    """The connection was not made: `address`, which `host` stands for, is neither public nor allowed."""

    def __init__(self, host: str, port: int, address: str) -> None:
        super().__init__(host, port, address)
        self.host = host
        self.port = port
        self.address = address

    @property
    def target(self) -> str:
        """What would have to be on the list; "" where nothing may be called at that address."""
        return "" if _never(ipaddress.ip_address(self.address)) else named(self.host, self.port)


class NotThisMachine(OSError):
    """The connection was not made: `host` is a name of this machine, and has the address of another one, `address`.
    Nothing goes there without TLS."""

    def __init__(self, host: str, address: str) -> None:
        super().__init__(f"{host} is {address}")
        self.host = host
        self.address = address


# --- what may be called -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Target:
    """One entry of the list: an address, a network or a name, with a port or without."""

    network: IpNetwork | None
    name: str  # "" where it is a network
    port: int | None

    @classmethod
    def of(cls, text: str) -> "Target":
        """Raises TargetInvalid. Forms: 10.1.2.3, 10.1.0.0/16, 10.1.2.3:8443, [fd00::1]:8443, hooks.corp.example."""
        text = text.strip().lower()
        if len(text) > LONGEST_TARGET or not text.isascii():
            raise TargetInvalid(text)
        network = _network(text)
        if network is not None:
            return cls(network, "", None)
        try:
            parts = urlsplit(f"//{text}")
            host, port = parts.hostname or "", parts.port
        except ValueError as error:
            raise TargetInvalid(text) from error
        if not host or port == 0 or parts.path or parts.query or "@" in text or set("%?#\\ ") & {*text}:
            raise TargetInvalid(text)
        network = _network(host)
        if network is None and (not _is_name(host) or _as_numbers(host)):
            raise TargetInvalid(text)
        return cls(network, "" if network else host.rstrip("."), port)

    def covers(self, host: str, address: IpAddress, port: int) -> bool:
        """Whether a connection to `address`, for the name `host`, is meant. A name stands for the addresses of a
        network, not for this machine: whoever keeps the name could point it at any port here."""
        if self.port not in (None, port):
            return False
        if self.network is not None:
            return address.version == self.network.version and address in self.network
        local = address.is_loopback and self.name != "localhost"
        return self.name == host.lower().rstrip(".") and not local and not _never(address)


def entered(text: str) -> str:
    """A target as an administrator entered it, in one spelling. Raises TargetInvalid for what is none, and for what may
    be no target: an address that nothing calls, and this machine without a port."""
    target = Target.of(text)
    network = target.network
    if network is not None and (
        any(_overlap(network, other) for other in NEVER) or _inside(network.network_address)
    ):
        raise TargetInvalid(text, never=True)
    if target.port is None and _is_this_machine(target):
        raise TargetInvalid(text, port_missing=True)
    return written(target)


def _is_this_machine(target: Target) -> bool:
    if target.network is not None:
        return any(_overlap(target.network, loopback) for loopback in _LOOPBACK)
    return target.name == "localhost" or target.name.endswith(".localhost")


def _overlap(one: IpNetwork, other: IpNetwork) -> bool:
    """Networks of one version either hold each other's first address or have nothing in common."""
    return one.version == other.version and (one.network_address in other or other.network_address in one)


def written(target: Target) -> str:
    if target.network is None:
        host = target.name
    elif target.network.num_addresses == 1:
        host = str(target.network.network_address)
    else:
        host = str(target.network)
    return host if target.port is None else named(host, target.port)


def named(host: str, port: int) -> str:
    """A host with its port, as it stands on the list."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def check(host: str, port: int, addresses: Iterable[str], allowed: Allowed) -> list[str]:
    """The addresses of `host`, which may all be called. Raises NotAllowed with the first that may not."""
    checked = []
    targets: list[Target] | None = None
    for text in addresses:
        address = ipaddress.ip_address(text.partition("%")[0])
        for meant in _meant(address):
            if is_public(meant):
                continue
            if targets is None:  # asked for only where it matters
                targets = [Target.of(target) for target in allowed()]
            if not any(target.covers(host, meant, port) for target in targets):
                raise NotAllowed(host, port, str(meant))
        checked.append(text)
    return checked


def of_this_machine(host: str, addresses: Sequence[str]) -> Sequence[str]:
    """All of them, or NotThisMachine: without an entry in the hosts file a name server may say what localhost is."""
    strange = next((one for one in addresses if not ipaddress.ip_address(one).is_loopback), None)
    if strange is not None:
        raise NotThisMachine(host, strange)
    return addresses


def is_public(address: IpAddress) -> bool:
    """Whether it is an address that anybody on the Internet may be reached at (IANA special-purpose registries)."""
    if _never(address) or not address.is_global or address.is_multicast:
        return False
    if isinstance(address, IPv6Address):
        return not address.is_site_local and all(is_public(inner) for inner in _inside(address))
    return address not in ipaddress.IPv4Network("192.0.0.0/24")


def _meant(address: IpAddress) -> list[IpAddress]:
    """What is called by connecting to an address: where IPv4 is only written as IPv6 (RFC 4291 2.5.5.2), that alone."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    return [address, *_inside(address)]


def _inside(address: IpAddress) -> list[IPv4Address]:
    """IPv4 addresses that an IPv6 address stands for: a gateway on the way would call those."""
    if isinstance(address, IPv4Address):
        return []
    inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    translated = any(address in network for network in (_NAT64, _LOCAL_NAT64, _TRANSLATED))
    if translated or (address in _COMPATIBLE and int(address) > 1):
        inner.append(IPv4Address(int(address) & 0xFFFFFFFF))
    return [one for one in inner if one is not None]


def _never(address: IpAddress) -> bool:
    return any(address.version == network.version and address in network for network in NEVER)


def _network(text: str) -> IpNetwork | None:
    try:
        return ipaddress.ip_network(text.strip("[]") if text.startswith("[") and text.endswith("]") else text)
    except ValueError:
        return None


def _is_name(host: str) -> bool:
    labels = host.rstrip(".").split(".")
    return len(host) <= 253 and all(
        0 < len(label) < 64 and label.replace("-", "a").replace("_", "a").isalnum() for label in labels
    )


def _as_numbers(host: str) -> bool:
    """Whether the system reads it as an address in another form than four numbers: 2130706433, 0x7f.1, 0177.0.0.1."""
    try:
        socket.inet_aton(host)
    except OSError:
        return False
    return True


def without_asking(host: str) -> list[str]:
    """The address that a host is in itself, in whatever form the system reads one; none for a name."""
    if host.lower().rstrip(".") == "localhost":
        return ["127.0.0.1"]
    with suppress(ValueError):
        return [str(ipaddress.ip_address(host.strip("[]").partition("%")[0]))]
    return [socket.inet_ntoa(socket.inet_aton(host))] if _as_numbers(host) else []


# --- the connections --------------------------------------------------------------------------------------


def addresses_of(host: str, port: int) -> list[str]:
    """Every address that this machine knows for a name. Raises OSError (gaierror) where there is none."""
    entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in entries))


class Outward(HTTPAdapter):
    """For a session of requests: connects to checked addresses only. `allowed` gives the list of targets, when an
    address is not public; `resolve` the addresses of a name, once for each connection; `opened` is given each
    connection that is made. `here`: to this machine alone, which needs no leave: for plain http to what is beside
    Placet. Then a request raises requests.ConnectionError with NotThisMachine as its cause."""

    def __init__(
        self,
        allowed: Allowed,
        resolve: Resolve | None = None,
        opened: Opened | None = None,
        *,
        here: bool = False,
    ) -> None:
        self._allowed = allowed
        self._here = here
        self._resolve = resolve or addresses_of
        self._opened = opened
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        super().init_poolmanager(*arguments, **named)
        self.poolmanager.pool_classes_by_scheme = {
            "http": _pool(HTTPConnectionPool, HTTPConnection, self._checked, self._opened),
            "https": _pool(HTTPSConnectionPool, HTTPSConnection, self._checked, self._opened),
        }

    def send(self, request: requests.PreparedRequest, *arguments: Any, **named: Any) -> requests.Response:
        """Raises requests.ConnectionError with NotAllowed as its cause."""
        try:
            if request.url and select_proxy(request.url, named.get("proxies")):
                self._check_as_known_here(request.url)
            return super().send(request, *arguments, **named)
        except NotAllowed as error:
            raise requests.ConnectionError(error, request=request) from error

    def _checked(self, host: str, port: int) -> Sequence[str]:
        addresses = self._resolve(host, port)
        return of_this_machine(host, addresses) if self._here else check(host, port, addresses, self._allowed)

    def _check_as_known_here(self, url: str) -> None:
        parts = urlsplit(url)
        with suppress(OSError):  # a machine behind a proxy need not know names of the Internet
            self._checked(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))


def _pool(
    pool: type[Any],
    connection: type[Any],
    checked: Callable[[str, int], Sequence[str]],
    opened: Opened | None,
) -> type[Any]:
    """urllib3's classes, whose connections go to checked addresses."""

    class Pinned(connection):  # type: ignore[misc]  # a class that is handed in
        _dns_host: str

        def _new_conn(self) -> socket.socket:
            try:
                addresses = checked(self._dns_host, self.port)
            except socket.gaierror as error:
                raise NameResolutionError(self.host, self, error) from error
            name = self._dns_host
            try:
                made = self._first_of(addresses)
            finally:
                self._dns_host = name
            if opened is not None:
                opened(made)
            return made

        def _first_of(self, addresses: Sequence[str]) -> socket.socket:
            """One after the other, as urllib3 does with the addresses of a name."""
            for address in addresses[:-1]:
                try:
                    return self._to(address)
                except HTTPError:
                    continue
            return self._to(addresses[-1])

        def _to(self, address: str) -> socket.socket:
            self._dns_host = address
            return super()._new_conn()  # type: ignore[no-any-return]

    return type("PinnedPool", (pool,), {"ConnectionCls": Pinned})
