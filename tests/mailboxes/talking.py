"""A server of lines that says what a test has it say: for servers that lie, break off and never end."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from tests.installation import PATIENCE


@dataclass
class Peer:
    """One connection of a client, as the server sees it."""

    connection: socket.socket
    heard: list[bytes]  # every line of every connection, without its end; of mails "<n bytes>"

    def __post_init__(self) -> None:
        self.lines = self.connection.makefile("rb")

    def say(self, *lines: str | bytes) -> None:
        """In one packet."""
        encoded = [line.encode() if isinstance(line, str) else line for line in lines]
        self.connection.sendall(b"".join(line + b"\r\n" for line in encoded))

    def say_raw(self, content: bytes) -> None:
        self.connection.sendall(content)

    def hear(self) -> bytes:
        """The next line; b"" where the client is gone."""
        line = self.lines.readline().rstrip(b"\r\n")
        self.heard.append(line)
        return line

    def hear_mail(self) -> bytes:
        """Until the line with the single dot, dots undone."""
        content = []
        while (line := self.lines.readline()) not in (b".\r\n", b""):
            content.append(line[1:] if line.startswith(b".") else line)
        mail = b"".join(content)
        self.heard.append(b"<%d bytes>" % len(mail))
        return mail

    def cut(self) -> None:
        """As a network does that fails."""
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


Behaviour = Callable[[Peer], None]


@dataclass
class Talker:
    port: int
    heard: list[bytes] = field(default_factory=list)
    mails: list[bytes] = field(default_factory=list)
    connections: int = 0
    trouble: list[AssertionError] = field(default_factory=list)  # what the client did otherwise


@contextmanager
def talker(*behaviours: Behaviour) -> Iterator[Talker]:
    """Each connection behaves by the next of them, any after that by the last."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = Talker(listening.getsockname()[1])
        threads: list[threading.Thread] = []

        def serve(connection: socket.socket, behaviour: Behaviour) -> None:
            with connection:
                connection.settimeout(PATIENCE)
                try:
                    behaviour(Peer(connection, server.heard))
                except OSError:
                    pass  # the client is gone
                except AssertionError as error:
                    server.trouble.append(error)

        def accept() -> None:
            while True:
                try:
                    connection, _address = listening.accept()
                except OSError:
                    return
                behaviour = behaviours[min(server.connections, len(behaviours) - 1)]
                server.connections += 1
                thread = threading.Thread(target=serve, args=(connection, behaviour), daemon=True)
                threads.append(thread)
                thread.start()

        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        try:
            yield server
        finally:
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            listening.close()
            accepting.join(PATIENCE)
            for thread in threads:
                thread.join(PATIENCE)
    assert not server.trouble, server.trouble
