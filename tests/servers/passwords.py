"""Who may sign in to a server that asks saslauthd: one of our own, that knows passwords by address.

saslauthd (of Cyrus SASL): four texts, each with its length in two bytes before it, are user, password, service and
realm; the answer is such a text, and begins with OK or NO.
"""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

LONGEST = 10.0  # seconds that one question may take


@contextmanager
def saslauthd(path: Path, users: Mapping[str, str]) -> Iterator[None]:
    """Listens at the socket `path` until the end of the block; whoever runs here may ask."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        path.chmod(0o777)
        listening.listen(50)
        thread = threading.Thread(target=_serve, args=[listening, users], daemon=True)
        thread.start()
        try:
            yield
        finally:
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            thread.join(LONGEST)


def _serve(listening: socket.socket, users: Mapping[str, str]) -> None:
    while True:
        try:
            connection, _address = listening.accept()
        except OSError:
            return  # closed
        with connection, suppress(OSError):
            connection.settimeout(LONGEST)
            answer = b"OK" if _is_known(connection, users) else b"NO"
            connection.sendall(len(answer).to_bytes(2, "big") + answer)


def _is_known(connection: socket.socket, users: Mapping[str, str]) -> bool:
    with connection.makefile("rb") as asked:
        user, password, _service, realm = (
            asked.read(int.from_bytes(asked.read(2), "big")).decode() for _text in range(4)
        )
    address = user if "@" in user or not realm else f"{user}@{realm}"
    return users.get(address) == password
