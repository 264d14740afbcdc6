"""Where connections of mail's own protocols go without TLS: to this machine, whatever its name resolves to."""

import socket

import pytest

from placet.mailboxes import sockets
from placet.mailboxes.base import FixNeeded
from tests.mailboxes.talking import talker


@pytest.mark.parametrize(
    "addresses", [["192.0.2.7"], ["127.0.0.1", "192.0.2.7"], ["10.0.0.1", "::1"], ["::ffff:192.0.2.7"]]
)
def test_nothing_goes_out_plain_where_localhost_is_another_machine(
    addresses: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def called(*_arguments: object) -> socket.socket:
        raise AssertionError("a connection was made")

    monkeypatch.setattr(sockets, "addresses_of", lambda _host, _port: addresses)
    monkeypatch.setattr(socket, "create_connection", called)
    with pytest.raises(sockets.NotThisMachine) as caught:
        sockets.connected("localhost", 143, plain=True)
    error = sockets.unreachable(caught.value, "localhost", 143)
    assert isinstance(error, FixNeeded)
    strange = next(one for one in addresses if one not in ("127.0.0.1", "::1"))
    assert strange in error.cause
    assert "127.0.0.1" in error.cure


def test_this_machine_is_called_plain_by_its_name() -> None:
    with talker(lambda peer: peer.say("here")) as server:
        made = sockets.connected("localhost", server.port, plain=True)
        made.settimeout(60)
        assert made.recv(100) == b"here\r\n"
        made.close()


def test_no_other_name_is_called_plain() -> None:
    with pytest.raises(ValueError, match="not this machine"):
        sockets.connected("imap.contoso.example", 143, plain=True)
