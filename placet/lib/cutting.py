"""Connections that end in time: a server that writes a byte now and then stays below every timeout of a single read."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Cutter:
    """Give `opened` to `placet.lib.outward.Outward`; what was opened is cut when the time of `after` is over."""

    def __init__(self) -> None:
        self.is_cut = False
        self._sockets: list[socket.socket] = []

    def opened(self, connection: socket.socket) -> None:
        # A second handle on the connection: TLS takes the first one over.
        self._sockets.append(connection.dup())
        if self.is_cut:  # it was being made when the time was over
            self._cut()

    @contextmanager
    def after(self, seconds: float) -> Iterator[None]:
        """Cut the connections that are open after `seconds` of this block, and those opened later in it."""
        self.is_cut = False
        timer = threading.Timer(seconds, self._cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def close(self) -> None:
        for one in self._sockets:
            one.close()

    def _cut(self) -> None:
        self.is_cut = True
        for one in list(self._sockets):
            with suppress(OSError):  # closed already
                one.shutdown(socket.SHUT_RDWR)
