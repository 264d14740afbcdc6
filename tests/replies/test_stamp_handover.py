"""How the planted mail is handed over at port 25: as RFC 5321 has it, and with words for whatever goes wrong."""

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import pytest

from placet.mailboxes import http
from placet.mailboxes.discovery.names import Names, NameServiceFailed, NoSuchName
from placet.replies import stamp_handover
from placet.replies.stamp_handover import NotHandedOver, hand_over

OURS = "approvals@contoso.example"
TAKEN = ("220-mx", "220 mx", "250-mx", "250 SIZE", "250 ok", "250 ok", "354 go on", "250 queued")
MAIL = b"Subject: x\r\n\r\n.\r\n..two\r\nend\r\n"


@contextmanager
def server(answers: Sequence[str]) -> Iterator[tuple[int, list[bytes]]]:
    """Says these lines, the next one (or a group of them) after each command; what it heard."""
    heard: list[bytes] = []
    groups: list[list[str]] = [[]]
    for line in answers:
        groups[-1].append(line)
        if line[3:4] != "-":
            groups.append([])
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _peer = listening.accept()
        with suppress(ConnectionError), connection, connection.makefile("rb") as lines:
            for number, group in enumerate(groups):
                connection.sendall("".join(f"{line}\r\n" for line in group).encode())
                if number + 1 == len(groups):
                    return
                heard.append(lines.readline())
                if group and group[-1].startswith("354"):
                    while heard[-1] != b".\r\n":
                        heard.append(lines.readline())

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listening.getsockname()[1], heard
    finally:
        thread.join(60)  # it may not have come to its first look yet, for which this has to be open
        listening.close()


@pytest.fixture(autouse=True)
def _names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Names, "mail_servers", lambda self, domain: ["localhost"])
    monkeypatch.setattr(http, "private_targets", lambda: ["127.0.0.1", "[::1]"])


def handed(monkeypatch: pytest.MonkeyPatch, answers: Sequence[str]) -> list[bytes]:
    with server(answers) as (port, heard):
        monkeypatch.setattr(stamp_handover, "PORT", port)
        assert hand_over(OURS, MAIL) == "localhost"
    return heard


def test_a_server_takes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = handed(monkeypatch, TAKEN)
    assert heard[0].startswith(b"EHLO ")
    assert heard[1:4] == [f"MAIL FROM:<{OURS}>\r\n".encode(), f"RCPT TO:<{OURS}>\r\n".encode(), b"DATA\r\n"]
    assert b"".join(heard[4:-1]) == b"Subject: x\r\n\r\n..\r\n...two\r\nend\r\n.\r\n"
    assert heard[-1] == b"QUIT\r\n"


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        (("554 no", ), "554 no"),
        ((*TAKEN[:4], "550-5.7.1 you are", "550 not us"), "550 5.7.1 you are not us"),
        ((*TAKEN[:7], "550 forged"), "550 forged"),
        ((), "Cut"),
        ((f"220 {'x' * 3_000}",), "a line of more than"),
        (tuple("220-x" for _ in range(200)), "more than 100 lines"),
    ],
)  # fmt: skip
def test_one_that_does_not_take_it_is_quoted(
    monkeypatch: pytest.MonkeyPatch, answers: Sequence[str], words: str
) -> None:
    with server(answers) as (port, _heard):
        monkeypatch.setattr(stamp_handover, "PORT", port)
        with pytest.raises(NotHandedOver, match="says nothing of stamps") as caught:
            hand_over(OURS, MAIL)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 900


@pytest.mark.parametrize("error", [NoSuchName("x"), NameServiceFailed("x")])
def test_a_domain_without_names(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(self: Names, domain: str) -> list[str]:
        raise error

    monkeypatch.setattr(Names, "mail_servers", fail)
    with pytest.raises(NotHandedOver, match=r"which servers take mail for contoso\.example"):
        hand_over(OURS, MAIL)


def test_what_is_inside_the_network_and_not_on_the_list_is_not_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A domain's records say what whoever keeps them likes."""
    monkeypatch.setattr(http, "private_targets", list)
    with server(TAKEN) as (port, heard):
        monkeypatch.setattr(stamp_handover, "PORT", port)
        with pytest.raises(NotHandedOver):
            hand_over(OURS, MAIL)
        socket.create_connection(("127.0.0.1", port)).close()  # the first one: it ends the server
    assert not [line for line in heard if line]


def test_a_domain_that_takes_no_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Names, "mail_servers", lambda self, domain: [""])
    with pytest.raises(NotHandedOver, match="RFC 7505"):
        hand_over(OURS, MAIL)
