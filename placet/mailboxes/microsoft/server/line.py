"""The one connection to an Exchange server: signing in with a Windows account belongs to it, not to a request."""

import ssl
from collections.abc import Callable
from enum import Enum, auto
from typing import Any
from urllib.parse import urlsplit

import requests
from urllib3.connection import HTTPConnection

from placet.lib.outward import Outward
from placet.mailboxes import http
from placet.mailboxes.http import is_loopback

Connected = Callable[[HTTPConnection], None]


class Held(Enum):
    """What must stay as it is in the middle of signing in."""

    CONNECTION = auto()  # NTLM
    CERTIFICATE = auto()  # a Kerberos ticket, which is bound to it


class HandshakeCut(Exception):
    """Another connection would have been used in the middle of signing in: nothing was sent on it."""


class Line(Outward):
    """For a session of requests: one connection at a time, of which is known whether somebody signed in on it.

    `authorities` are certificates (PEM) of those who may vouch for the server; "" stands for those that this machine
    trusts. `signed_in` falls back to False with every new connection; `certificate` (DER) is that of the server on the
    present one, None without TLS.
    """

    def __init__(self, url: str, authorities: str = "") -> None:
        self._context: ssl.SSLContext | None = None
        if authorities:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            self._context.load_verify_locations(cadata=authorities)
        self.signed_in = False
        self.certificate: bytes | None = None
        self._held: Held | None = None
        parts = urlsplit(url)
        sandbox = parts.scheme == "http" and is_loopback(parts.hostname or "")  # as in `http.prepare`
        super().__init__(http.private_targets, here=sandbox)

    def hold(self, *, connection: bool) -> None:
        """From now on a new connection raises HandshakeCut instead of being used; without `connection`, only one to a
        server with another certificate."""
        self._held = Held.CONNECTION if connection else Held.CERTIFICATE

    def release(self) -> None:
        self._held = None

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **named: Any) -> None:
        super().init_poolmanager(connections, 1, block, **self._trusting(named))
        self._tell(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **named: Any) -> Any:
        known = proxy in self.proxy_manager
        manager = super().proxy_manager_for(proxy, **self._trusting({**named, "maxsize": 1}))
        if not known:
            self._tell(manager)
        return manager

    def cert_verify(self, conn: Any, url: str, verify: bool | str, cert: Any) -> None:
        super().cert_verify(conn, url, verify, cert)  # type: ignore[no-untyped-call]  # of requests
        if self._context is not None:  # these authorities and no others
            conn.ca_certs = conn.ca_cert_dir = None

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: bool | str, cert: Any = None
    ) -> tuple[Any, Any]:
        host, pool = super().build_connection_pool_key_attributes(request, verify, cert)
        if self._context is not None:  # also not those of REQUESTS_CA_BUNDLE
            pool.pop("ca_certs", None)
            pool.pop("ca_cert_dir", None)
        return host, pool

    def _trusting(self, named: dict[str, Any]) -> dict[str, Any]:
        return named if self._context is None else {**named, "ssl_context": self._context}

    def _tell(self, manager: Any) -> None:
        # urllib3's managers share one mapping of classes: another one, not a changed one.
        manager.pool_classes_by_scheme = {
            scheme: _with_notice(pool, self._connected)
            for scheme, pool in manager.pool_classes_by_scheme.items()
        }

    def _connected(self, connection: HTTPConnection) -> None:
        sock = connection.sock
        certificate = sock.getpeercert(binary_form=True) if isinstance(sock, ssl.SSLSocket) else None
        if self._held is Held.CONNECTION or (self._held and certificate != self.certificate):
            raise HandshakeCut
        self.signed_in, self.certificate = False, certificate


def _with_notice(pool: Any, connected: Connected) -> type[Any]:
    """urllib3's classes, which tell of each connection before anything is sent on it."""

    class Connection(pool.ConnectionCls):  # type: ignore[misc]  # a class that is handed in
        def connect(self) -> None:
            super().connect()
            connected(self)

    return type("BoundPool", (pool,), {"ConnectionCls": Connection})
