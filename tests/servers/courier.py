"""Courier's POP3 server, while a test runs, out of Debian's packages (`tools.unpacked`): one that we did not write.

    with courier({"approvals@example.test": "its password"}) as server:
        server.deliver("approvals@example.test", raw)

Courier asks a daemon at a fixed place of the machine who may sign in, so that part is ours: user and password are taken
here, in clear, on loopback and on a free port; what is behind it, from the answer to the sign-in on, is Courier.
"""

import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from tests.installation import PATIENCE
from tools.unpacked import environment

from .unpacked_servers import unpacked
from .unprivileged import give, ordinary_user, running_as


@dataclass
class Courier:
    folder: Path
    installed: Path
    users: Mapping[str, str]  # passwords by address
    user: str  # of the system, that its servers run as
    ports: dict[str, int] = field(default_factory=dict)  # pop3
    _numbers: Iterator[int] = field(default_factory=count)

    def maildir(self, address: str) -> Path:
        return self.folder / address / "Maildir"

    def deliver(self, address: str, raw: bytes, sender: str = "somebody@example.org") -> None:
        """One mail, as a program that delivers to a Maildir does it: with Return-Path and a Received line, and LF alone
        at the end of lines."""
        stamp = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime())
        name = f"{time.time():.6f}.{next(self._numbers)}.mail"
        written = self.maildir(address) / "tmp" / name
        head = f"Return-Path: <{sender}>\r\nReceived: by mail.example.test; {stamp}\r\n".encode()
        written.write_bytes((head + raw).replace(b"\r\n", b"\n"))
        give(written.parent, self.user)
        written.rename(self.maildir(address) / "new" / name)

    def start(self, connection: socket.socket, address: str) -> None:
        """The server of one session, to its end."""
        place = {"TCPREMOTEIP": "127.0.0.1", "TCPREMOTEPORT": "1", "TCPLOCALPORT": "1", "PROTOCOL": "POP3"}
        who = {"AUTHENTICATED": address, "AUTHADDR": address, "HOME": str(self.folder / address)}
        with (self.folder / "log").open("ab") as log:
            subprocess.run(
                [self.installed / "usr/lib/courier/courier/courierpop3d", "Maildir"],
                stdin=connection.fileno(), stdout=connection.fileno(), stderr=log, cwd=self.folder / address,
                env=environment(self.installed) | place | who, check=False, **running_as(self.user),
            )  # fmt: skip


@contextmanager
def courier(users: Mapping[str, str]) -> Iterator[Courier]:
    """`users`: passwords by address."""
    installed = unpacked("courier")
    folder = Path(tempfile.mkdtemp(prefix="courier-"))
    server = Courier(folder, installed, dict(users), ordinary_user())
    try:
        for address in users:
            for part in ("cur", "new", "tmp"):
                (server.maildir(address) / part).mkdir(parents=True)
        give(folder, server.user)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            server.ports["pop3"] = listening.getsockname()[1]
            thread = threading.Thread(target=_serve, args=[listening, server], daemon=True)
            thread.start()
            try:
                yield server
            finally:
                with suppress(OSError):
                    listening.shutdown(socket.SHUT_RDWR)
                thread.join(PATIENCE)
    finally:
        shutil.rmtree(folder)


def _serve(listening: socket.socket, server: Courier) -> None:
    while True:
        try:
            connection, _address = listening.accept()
        except OSError:
            return  # closed
        threading.Thread(target=_sign_in, args=[server, connection], daemon=True).start()


def _sign_in(server: Courier, connection: socket.socket) -> None:
    """What is said before a session has a user, with the words of Courier's own login."""
    with connection, connection.makefile("rb", buffering=0) as said, suppress(OSError):
        connection.settimeout(PATIENCE)
        connection.sendall(b"+OK Hello there.\r\n")
        user = ""
        while line := said.readline():
            command, _blank, argument = line.decode().rstrip("\r\n").partition(" ")
            if command.upper() == "CAPA":
                connection.sendall(b"+OK Here's what I can do:\r\nTOP\r\nUSER\r\nUIDL\r\nPIPELINING\r\n.\r\n")
            elif command.upper() == "USER":
                user = argument
                connection.sendall(b"+OK Password required.\r\n")
            elif command.upper() == "PASS" and server.users.get(user) == argument:
                connection.settimeout(None)  # whoever takes it over waits by itself
                server.start(connection, user)
                return
            elif command.upper() == "QUIT":
                connection.sendall(b"+OK Better luck next time.\r\n")
                return
            else:
                connection.sendall(b"-ERR Login failed.\r\n")
