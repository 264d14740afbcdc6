"""Listening: what stands in an event source, however it is cut into pieces, and what a real server tells."""

import threading
import time
from collections.abc import Iterator

import pytest

from placet.mailboxes.base import FixNeeded, Wait
from placet.mailboxes.jmap.client import Jmap
from placet.mailboxes.jmap.connection import JmapConnection
from placet.mailboxes.jmap.push import LARGEST_EVENT, JmapListening, events
from placet.mailboxes.push.listening import Heard
from tests.installation import PATIENCE
from tests.mailboxes.conformance.mails import mail_to
from tests.mailboxes.conformance.worlds.cyrus import CyrusBox
from tests.mailboxes.stub import Reply, Request

from .scripted import ACCOUNT, Server, session

STREAM = {"Content-Type": "text/event-stream"}
#: RFC 8620 7.3, with a comment, fields that nobody knows, and data in several lines.
TEXT = (
    b': welcome\n\nevent: ping\ndata: {"interval":300}\n\nid: 17\nevent: state\nretry: 5\nodd\n'
    b'data: {"@type":"StateChange",\ndata:"changed":{"u1138":{"Email":"d"}}}\n\nevent: lonely\n\ndata: x\n\n'
)
READ = [
    ("", ""),
    ("ping", '{"interval":300}'),
    ("state", '{"@type":"StateChange",\n"changed":{"u1138":{"Email":"d"}}}'),
    ("message", "x"),
]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_events_are_read_wherever_they_are_cut(end: bytes) -> None:
    text = TEXT.replace(b"\n", end) + b":"  # a CR is known for an end by what follows
    assert list(events(iter([text]))) == READ
    for at in range(len(text)):
        assert list(events(iter([text[:at], text[at:]]))) == READ
    assert list(events(text[at : at + 1] for at in range(len(text)))) == READ


@pytest.mark.parametrize("piece", [b"x", b"data: x\n"])
def test_an_event_without_an_end_is_not_kept(piece: bytes) -> None:
    given = 0

    def endless() -> Iterator[bytes]:
        nonlocal given
        while True:
            given += len(piece) * 1000
            yield piece * 1000

    with pytest.raises(Wait, match="no end"):
        list(events(endless()))
    assert given < 20 * LARGEST_EVENT


def heard(server: Server, *events_: bytes) -> list[Heard]:
    """What comes of a whole answer."""
    there = server.reply

    def reply(request: Request) -> Reply | None:
        if request.path.startswith("/eventsource/"):
            return Reply(200, b"".join(b"event: state\ndata: %s\n\n" % event for event in events_), STREAM)
        return there(request)

    server.stub.answer = reply
    return list(JmapListening(server.connect().jmap))


def change(account: str, *types: str) -> bytes:
    names = ",".join(f'"{type_}":"s"' for type_ in types)
    return f'{{"@type":"StateChange","changed":{{"{account}":{{{names}}}}}}}'.encode()


def test_a_delivery_is_news_and_where_the_server_tells_them_apart_nothing_else_is(server: Server) -> None:
    news, beat = Heard.NEWS, Heard.BEAT
    assert heard(server, change(ACCOUNT, "Email"), change("u2", "Email"), change(ACCOUNT, "Mailbox")) == [
        Heard.OPENED, news, beat, beat,
    ]  # fmt: skip
    assert heard(server, change(ACCOUNT, "Email", "EmailDelivery"), change(ACCOUNT, "Email")) == [
        Heard.OPENED, news, beat,
    ]  # fmt: skip
    [asked, _again] = server.stub.to("/eventsource/")
    assert asked.path == "/eventsource/?types=Email%2CEmailDelivery&closeafter=no&ping=60"


@pytest.mark.parametrize(
    "data", [b"x", b"[]", b"5", b"{}", b'{"changed": 5}', b'{"changed": {"u1138": 5}}', b"[" * 5_000]
)
def test_what_is_no_change_is_a_sign_of_life(server: Server, data: bytes) -> None:
    assert heard(server, data) == [Heard.OPENED, Heard.BEAT]


def test_a_server_without_events_or_with_something_else_says_so(server: Server) -> None:
    server.session = session(eventSourceUrl=None)
    with pytest.raises(FixNeeded, match="does not say when mail comes"):
        list(JmapListening(server.connect().jmap))
    server.session = session(eventSourceUrl="/.well-known/jmap?{types}")
    with pytest.raises(Wait, match="no events"):
        list(JmapListening(server.connect().jmap))


class Heeding:
    """Listens in a thread, and keeps what it heard. As where Placet listens, a connection that was cut before anything
    was heard is made anew: Cyrus ends processes of its own with those that wait for them."""

    def __init__(self, jmap: Jmap, **more: float) -> None:
        self.listening = JmapListening(jmap, ping=1, **more)
        self.heard: list[Heard] = []
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        for tries_left in (2, 1, 0):
            try:
                self.heard.extend(iter(self.listening))
                return
            except Wait:
                if self.heard or not tries_left:
                    raise

    def wait_for(self, heard: Heard) -> None:
        until = time.monotonic() + PATIENCE
        while heard not in self.heard:
            assert time.monotonic() < until
            time.sleep(0.02)

    def has_ended(self) -> bool:
        self._thread.join(PATIENCE)
        return not self._thread.is_alive()


def test_cyrus_tells_of_a_mail_when_it_comes(box: CyrusBox, connection: JmapConnection) -> None:
    heeding = Heeding(connection.jmap)
    heeding.wait_for(Heard.OPENED)
    heeding.wait_for(Heard.BEAT)
    assert Heard.NEWS not in heeding.heard
    box.deliver(mail_to(box.address, "One"))
    heeding.wait_for(Heard.NEWS)
    heeding.listening.close()
    assert heeding.has_ended()


def test_after_its_time_it_ends_to_be_asked_anew(connection: JmapConnection) -> None:
    assert Heeding(connection.jmap, longest=1.5).has_ended()
