"""Connections of mail's own protocols: to checked addresses alone, with TLS that proves the server's name, and with an
end to every line, answer and wait.

`connected` opens one; `secured` puts TLS around it; `Lines` reads from it; `unreachable` says what a failure means.
Their rules are those of `http`: no secret travels in clear but to this machine itself, and what is not public is called
only where an administrator allowed it.
"""

import os
import socket
import ssl
import time
from collections.abc import Callable, Iterable
from functools import lru_cache

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from placet.lib.outward import (
    Allowed,
    NotAllowed,
    NotThisMachine,
    addresses_of,
    check,
    of_this_machine,
)

from . import http
from .base import FixNeeded, MailboxError, Wait

SSL, STARTTLS, PLAIN = "ssl", "starttls", "none"
SECURITIES = (SSL, STARTTLS, PLAIN)
CONNECT = 10.0  # seconds for one address
CHUNK = 64 * 1024  # bytes read or written at once

_PORT_CURE = gettext_noop(
    "Look up in the server's documentation which port goes with which security: SSL/TLS is mostly another port than "
    "STARTTLS."
)


class Cut(ConnectionError):
    """The server closed the connection."""


class ProtocolBroken(Exception):
    """What was answered is none of the protocol's answers, or longer than any: whatever speaks here is no such
    server."""


def connected(host: str, port: int, *, plain: bool, allowed: Allowed | None = None) -> socket.socket:
    """A connection to the first address of `host` that takes one, without TLS yet. `plain`: it stays so, which is for
    this machine alone. Raises OSError (NotThisMachine), NotAllowed, or ValueError where `host` is no name of it.

    `allowed` gives the targets that are not public and may be called: the General tab's list if it is not given.
    """
    if plain and not http.is_loopback(host):
        raise ValueError(f"{host} is not this machine")
    addresses = addresses_of(host, port)
    # As with http, what is plain on loopback needs no leave: it is a server beside Placet, or a test.
    checked = (
        of_this_machine(host, addresses)
        if plain
        else check(host, port, addresses, allowed or http.private_targets)
    )
    failure: OSError = OSError(f"{host} has no address")
    for address in checked:
        try:
            made = socket.create_connection((address, port), CONNECT)
        except OSError as error:
            failure = error
            continue
        # Without, a short last packet waits for the server's word on the one before.
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made
    raise failure


def secured(plain: socket.socket, host: str, authorities: str = "") -> ssl.SSLSocket:
    """The same connection in TLS, with a certificate for `host`. `authorities` are certificates (PEM) of those who may
    vouch for it, and nobody else then; "" stands for those that this machine trusts. Raises OSError (ssl.SSLError)."""
    plain.settimeout(CONNECT)
    context = _context(authorities, "" if authorities else os.environ.get("REQUESTS_CA_BUNDLE", ""))
    return context.wrap_socket(plain, server_hostname=host)


@lru_cache(maxsize=8)
def _context(authorities: str, ca_file: str) -> ssl.SSLContext:
    """`ca_file`: authorities beside the system's, such as a firewall's."""
    if authorities:  # not Python's default context: from 3.13 on it refuses what many made by hand
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=authorities)
    else:
        context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file:
        context.load_verify_locations(ca_file)
    return context


class Lines:
    """Lines from one connection. `within` sets until when all that is read from then on must have come."""

    def __init__(self, connection: socket.socket, clock: Callable[[], float] = time.monotonic) -> None:
        self.connection = connection
        self._clock = clock
        self._waiting = bytearray()  # what came and was not asked for yet
        self._until = clock()

    @property
    def is_empty(self) -> bool:
        """Whether nothing lies here that was not asked for."""
        return not self._waiting

    def within(self, seconds: float) -> None:
        self._until = self._clock() + seconds

    def line(self, longest: int) -> bytes:
        """The next line with its end (LF). Raises ProtocolBroken beyond `longest` bytes, Cut or another OSError."""
        looked_at = 0
        while (end := self._waiting.find(b"\n", looked_at)) < 0:
            looked_at = len(self._waiting)
            if looked_at > longest:
                raise ProtocolBroken(f"a line of more than {longest} bytes")
            self._receive()
        if end >= longest:
            raise ProtocolBroken(f"a line of more than {longest} bytes")
        taken = bytes(self._waiting[: end + 1])
        del self._waiting[: end + 1]
        return taken

    def piece(self, longest: int) -> bytes:
        """The next line with its end (LF); of one of more than `longest` bytes so many, and its rest is the next piece.
        Raises Cut or another OSError."""
        while (end := self._waiting.find(b"\n", 0, longest)) < 0 and len(self._waiting) < longest:
            self._receive()
        size = longest if end < 0 else end + 1
        taken = bytes(self._waiting[:size])
        del self._waiting[:size]
        return taken

    def _receive(self) -> None:
        remaining = self._until - self._clock()
        if remaining <= 0:
            raise TimeoutError
        self.connection.settimeout(remaining)
        received = self.connection.recv(CHUNK)
        if not received:
            raise Cut
        self._waiting += received


def send(connection: socket.socket, content: bytes, seconds: float) -> None:
    """All of `content`, within `seconds`. Raises OSError (TimeoutError)."""
    until = time.monotonic() + seconds
    view = memoryview(content)
    while view:
        remaining = until - time.monotonic()
        if remaining <= 0:
            raise TimeoutError
        connection.settimeout(remaining)
        view = view[connection.send(view[:CHUNK]) :]


# --- what failures mean -----------------------------------------------------------------------------------


def unreachable(error: Exception, host: str, port: int) -> MailboxError:
    """What a connection that could not be made, or was cut, means for the mailbox. Whether anything was done is for
    the caller to say (`not_done`)."""
    details = {"host": host, "port": str(port), "error": type(error).__name__}
    if isinstance(error, NotAllowed):
        return http.not_allowed(error)
    if isinstance(error, NotThisMachine):
        cure = _("Enter 127.0.0.1 as the server if it runs on this machine; else choose SSL/TLS or STARTTLS.")
        return http.not_this_machine(error, cure)
    if isinstance(error, ssl.SSLCertVerificationError):
        return FixNeeded(
            _("The certificate of {host} is not trusted ({reason}).").format(
                host=host, reason=http.printable(error.verify_message or "verification failed")
            ),
            _(
                "Enter the name that stands in the server's certificate. If the certificate comes from an authority "
                "of your own, enter that authority's certificate under Certificate authority."
            ),
            details,
        )
    if isinstance(error, ssl.SSLError):
        return FixNeeded(
            _("{host} does not speak TLS on port {port}.").format(host=host, port=port),
            _(_PORT_CURE),
            details,
        )
    if isinstance(error, ProtocolBroken):
        return FixNeeded(
            _("What answers at {host}, port {port}, is no mail server, or one of another kind.").format(
                host=host, port=port
            ),
            _(_PORT_CURE),
            details,
        )
    sentence, cure = _cut(error)
    return Wait(sentence.format(host=host, port=port), _(cure), details=details)


def _cut(error: Exception) -> tuple[str, str]:
    if isinstance(error, socket.gaierror):
        return _("The name {host} cannot be resolved."), http.NAME_CURE
    if isinstance(error, TimeoutError):
        return _("{host} did not answer in time."), http.NETWORK_CURE
    if isinstance(error, ConnectionRefusedError):
        return _("{host} refused the connection to port {port}."), http.NETWORK_CURE
    return _("The connection to {host} was cut."), http.NETWORK_CURE


def words_of(lines: Iterable[bytes]) -> str:
    """What a server said, as one short line for an administrator: nothing in it that could be a secret."""
    return http.safe_text(b" ".join(line.strip() for line in lines).decode("ascii", "replace"))
