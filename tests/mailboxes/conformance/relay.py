"""Between Placet and a server on loopback: passes bytes on, and can cut connections where a test says so."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

CHUNK = 64 * 1024  # bytes
LONGEST = 60.0  # seconds that one side may be silent


class Relay:
    """Listens on `port`. Of what is set, the next bytes take account.

    `most_answered`: bytes that the server may say in one connection before it is cut; None: as many as it likes.
    `last_asked`: once the client has said this, the server's answer is not passed on, and the connection is cut.
    """

    def __init__(self, to: int) -> None:
        self.most_answered: int | None = None
        self.last_asked = b""
        self._to = to
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in list(self._open):
            _shut(one)

    def _serve(self) -> None:
        while True:
            try:
                client, _address = self._listener.accept()
            except OSError:
                return  # closed
            threading.Thread(target=self._join, args=[client], daemon=True).start()

    def _join(self, client: socket.socket) -> None:
        with closing(client), closing(socket.create_connection(("127.0.0.1", self._to), LONGEST)) as server:
            client.settimeout(LONGEST)
            self._open |= {client, server}
            asked = _Asked()
            forth = threading.Thread(target=self._ask, args=[client, server, asked], daemon=True)
            forth.start()
            with suppress(OSError):
                self._answer(client, server, asked)
            _shut(client)
            _shut(server)
            forth.join(LONGEST)
            self._open -= {client, server}

    def _ask(self, client: socket.socket, server: socket.socket, asked: "_Asked") -> None:
        with suppress(OSError):
            while data := client.recv(CHUNK):
                asked.text = (asked.text + data)[-CHUNK:]
                server.sendall(data)
        _shut(server)

    def _answer(self, client: socket.socket, server: socket.socket, asked: "_Asked") -> None:
        answered = 0
        while data := server.recv(CHUNK):
            if self.last_asked and self.last_asked in asked.text:
                return
            most = self.most_answered
            if most is not None and answered + len(data) > most:
                client.sendall(data[: max(0, most - answered)])
                return
            answered += len(data)
            client.sendall(data)


class _Asked:
    """The last of what a client said."""

    text = b""


def _shut(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)


@contextmanager
def relay(to: int) -> Iterator[Relay]:
    running = Relay(to)
    try:
        yield running
    finally:
        running.close()
