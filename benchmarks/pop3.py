"""What a look into a mailbox on a POP3 server costs, with many old mails in it: commands, bytes and time.

    python -m benchmarks.pop3 [--mails 100000]

Dovecot runs on loopback, in a temporary folder. Bytes are counted without TLS, each look with its signing in.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

from django.conf import settings

if not settings.configured:
    settings.configure()  # nothing of an installation is needed here

from pydantic import SecretStr

from benchmarks.imap import NEW, PASSWORD, USER, filled
from placet.mailboxes import sasl
from placet.mailboxes.base import Page
from placet.mailboxes.pop3 import known
from placet.mailboxes.pop3.connection import FULL_EVERY, Pop3Connection, Server
from placet.mailboxes.pop3.session import Session
from placet.mailboxes.sockets import Lines
from tests.servers.dovecot import Dovecot

LIMIT = 100  # mails of a page


@dataclass
class Wire:
    """Lines there and back, of all sessions."""

    commands: int = 0
    sent: int = 0  # bytes
    received: int = 0  # bytes
    seconds: list[float] = field(default_factory=list)

    def line(self, name: str) -> str:
        looks = len(self.seconds)
        return (
            f"{name:<44}{statistics.median(self.seconds) * 1000:9.1f} ms{self.commands / looks:7.1f} commands"
            f"{self.sent / looks:9.0f} B sent{self.received / looks:11.0f} B received"
        )


def measured(name: str, looks: int, look: Callable[[], object]) -> None:
    """Of one look: median of the time, means of the rest."""
    wire = Wire()
    put, take_line, take_piece = Session._putline, Lines.line, Lines.piece

    def putline(self: Session, line: bytes) -> None:
        wire.commands += 1
        wire.sent += len(line) + len(b"\r\n")
        put(self, line)

    def received(take: Callable[[Lines, int], bytes]) -> Callable[[Lines, int], bytes]:
        def counted(self: Lines, longest: int) -> bytes:
            taken = take(self, longest)
            wire.received += len(taken)
            return taken

        return counted

    with (
        patch.object(Session, "_putline", putline),
        patch.object(Lines, "line", received(take_line)),
        patch.object(Lines, "piece", received(take_piece)),
    ):
        for _ in range(looks):
            began = time.perf_counter()
            look()
            wire.seconds.append(time.perf_counter() - began)
    print(wire.line(name), flush=True)


def polled(server: Dovecot, connection: Pop3Connection) -> None:
    since = datetime.now(UTC) - timedelta(minutes=10)
    pages: list[Page] = []
    measured("first look", 1, lambda: pages.append(connection.changes({}, since, LIMIT)))
    if pages[0].seen or pages[0].more:
        raise RuntimeError("Old mails were taken for new ones.")

    def look() -> None:
        pages.append(connection.changes(pages[-1].cursor, since, LIMIT))

    measured(f"look at which nothing is new ({FULL_EVERY - 1} in a row)", FULL_EVERY - 1, look)
    look()
    measured("the one after them, which lists all", 1, look)
    if pages[-1].cursor[known.IDLE] != 0:
        raise RuntimeError("It did not list all.")
    server.deliver(USER, NEW % 1)

    def look_at_a_new_one() -> None:
        look()
        received = list(connection.fetch(pages[-1].seen, 1_000_000))
        if len(received) != 1:
            raise RuntimeError(f"Not one new mail: {received}")

    measured("look at a new mail, and it fetched", 1, look_at_a_new_one)
    connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mails", type=int, default=100_000)
    mails = parser.parse_args().mails
    with filled(mails) as server:
        proof = sasl.Password(USER, SecretStr(PASSWORD))
        polled(server, Pop3Connection(Server("localhost", server.ports["pop3s"], "ssl", proof, USER)))


if __name__ == "__main__":
    main()
