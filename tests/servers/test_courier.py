"""A Courier ends with all that it has started."""

import os
import socket
import time
from contextlib import closing

from tests.installation import PATIENCE

from .courier import courier


def test_no_session_outlives_it() -> None:
    user = "approvals@example.test"
    with (
        courier({user: "one"}) as server,
        closing(socket.create_connection(("127.0.0.1", server.ports["imap"]), PATIENCE)) as client,
    ):
        answers = client.makefile("rb")
        answers.readline()
        client.sendall(b'a LOGIN "%s" "one"\r\nb SELECT INBOX\r\nc IDLE\r\n' % user.encode())
        while not answers.readline().startswith(b"+"):
            pass
        [session] = server.sessions()
        os.kill(session, 0)  # it lives
        began = time.monotonic()
        server.end()
        assert server.sessions() == []
        assert answers.read() is not None, "its connection has an end"
        answers.close()
    assert time.monotonic() - began < PATIENCE
