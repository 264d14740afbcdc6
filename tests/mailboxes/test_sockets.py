"""Where connections go without TLS, of mail's own protocols and of HTTP: to this machine, whatever its name resolves
to."""

import socket
from collections.abc import Callable

import pytest
import requests

from placet.lib import outward
from placet.lib.outward import NotThisMachine
from placet.mailboxes import http, sockets
from placet.mailboxes.base import FixNeeded
from placet.mailboxes.microsoft.server.line import Line
from tests.mailboxes.talking import talker

ELSEWHERE = pytest.mark.parametrize(
    "addresses",
    [["192.0.2.7"], ["8.8.8.8"], ["127.0.0.1", "192.0.2.7"], ["10.0.0.1", "::1"], ["::ffff:192.0.2.7"]],
)


@ELSEWHERE
def test_nothing_goes_out_plain_where_localhost_is_another_machine(
    addresses: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def called(*_arguments: object) -> socket.socket:
        raise AssertionError("a connection was made")

    monkeypatch.setattr(sockets, "addresses_of", lambda _host, _port: addresses)
    monkeypatch.setattr(socket, "create_connection", called)
    with pytest.raises(NotThisMachine) as caught:
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


def prepared(url: str) -> requests.Session:
    session = requests.Session()
    http.prepare(session, url)
    return session


def on_one_line(url: str) -> requests.Session:
    session = prepared(url)
    session.mount("http://", Line(url))
    return session


WAYS = pytest.mark.parametrize("way", [prepared, on_one_line])


@WAYS
@ELSEWHERE
def test_plain_http_does_not_go_there_either(
    way: Callable[[str], requests.Session], addresses: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def called(*_arguments: object) -> None:
        raise AssertionError("a connection was made")

    monkeypatch.setattr(outward, "addresses_of", lambda _host, _port: addresses)
    monkeypatch.setattr(socket.socket, "connect", called)
    url = "http://localhost:8025/EWS/Exchange.asmx"
    with way(url) as session, pytest.raises(requests.ConnectionError) as caught:
        session.get(url, headers={"Authorization": "Bearer s3cret"}, timeout=60)
    error = http.unreachable(caught.value, url)
    assert isinstance(error, FixNeeded)
    assert error.not_done
    assert next(one for one in addresses if one not in ("127.0.0.1", "::1")) in error.cause
    assert "127.0.0.1" in error.cure


@WAYS
def test_plain_http_reaches_this_machine_by_its_name(way: Callable[[str], requests.Session]) -> None:
    """Without leave: the General tab names nothing."""
    with talker(lambda peer: peer.say("HTTP/1.1 204 No Content", "Connection: close", "")) as server:
        url = f"http://localhost:{server.port}/"
        with way(url) as session:
            assert session.get(url, timeout=60).status_code == 204
