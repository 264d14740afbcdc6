"""EWS's streaming answers by literal bytes, cut into pieces anywhere, and what a server may do while one stays open."""

import itertools
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from placet.mailboxes.base import FixNeeded, MailboxError, Wait
from placet.mailboxes.microsoft.entra import EntraGrant
from placet.mailboxes.microsoft.ews.soap import Soap, Unreadable
from placet.mailboxes.microsoft.push import streaming
from placet.mailboxes.microsoft.push.streaming import Lost, Stream, envelopes
from placet.mailboxes.oauth import Access, TokenCache
from placet.mailboxes.push.listening import Heard
from tests.mailboxes.stub import (
    CLIENT_ID,
    MAILBOX,
    SCOPE,
    SECRET,
    Reply,
    Stub,
    envelope,
    ews_reply,
    failed,
    fault_reply,
    token_reply,
)

ID = "JgBhbTBwcjAwbWIwMDAx="
STAYS = 30.0  # seconds that a server keeps an answer open: what takes half of them did not wait for its end
START = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
    '<m:GetStreamingEventsResponse xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages" '
    'xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"><m:ResponseMessages>'
    '<m:GetStreamingEventsResponseMessage ResponseClass="{kind}"><m:ResponseCode>{code}</m:ResponseCode>'
)
END = "</m:GetStreamingEventsResponseMessage></m:ResponseMessages></m:GetStreamingEventsResponse></s:Body></s:Envelope>"


def told(inside: str, kind: str = "Success", code: str = "NoError", declared: bool = False) -> bytes:
    declaration = '<?xml version="1.0" encoding="utf-8"?>' if declared else ""
    return (declaration + START.format(kind=kind, code=code) + inside + END).encode()


def notification(event: str, prefix: str = "m") -> str:
    return (
        f"<m:Notifications><{prefix}:Notification><t:SubscriptionId>{ID}</t:SubscriptionId>{event}"
        f"</{prefix}:Notification></m:Notifications>"
    )


OK = told("<m:ConnectionStatus>OK</m:ConnectionStatus>")
NEW = told(
    notification(
        '<t:NewMailEvent><t:TimeStamp>2026-11-24T10:00:02Z</t:TimeStamp><t:ItemId Id="AAMkAD1=" ChangeKey="CQAAAA=="/>'
        '<t:ParentFolderId Id="AQMkINBOX=" ChangeKey="AQAAAA=="/></t:NewMailEvent>'
    ),
    declared=True,
)
NEW_BY_SCHEMA = told(notification("<t:NewMailEvent/>", prefix="t"))
BEAT = told(notification("<t:StatusEvent/>"))
CLOSED = told("<m:ConnectionStatus>Closed</m:ConnectionStatus>")
LOST = told(
    f"<m:DescriptiveLinkKey>0</m:DescriptiveLinkKey><m:ErrorSubscriptionIds><m:SubscriptionId>{ID}</m:SubscriptionId>"
    "</m:ErrorSubscriptionIds><m:ConnectionStatus>Closed</m:ConnectionStatus>",
    "Error",
    "ErrorInvalidSubscription",
)

# --- where one envelope ends ------------------------------------------------------------------------------

WHOLES = [OK, NEW, BEAT, NEW_BY_SCHEMA, CLOSED, envelope("<m:X/>"), b"<Envelope a='1'><b/></Envelope >"]


@given(
    st.lists(st.sampled_from(WHOLES), min_size=1, max_size=6),
    st.lists(st.integers(min_value=0, max_value=8000), max_size=40),
    st.sampled_from([b"", b"\r\n", b" \n"]),
)
def test_envelopes_are_whole_wherever_the_pieces_end(
    wholes: list[bytes], cuts: list[int], between: bytes
) -> None:
    data = between.join(wholes)
    at = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    pieces = [data[a:b] for a, b in itertools.pairwise(at)]
    assert [whole.strip() for whole in envelopes(iter(pieces))] == wholes


def test_each_comes_as_soon_as_its_end_is_there_byte_by_byte() -> None:
    came: list[int] = []

    def pieces() -> Iterator[bytes]:
        for number, byte in enumerate(OK + NEW):
            came.append(number)
            yield bytes([byte])

    found = envelopes(pieces())
    assert (next(found), len(came)) == (OK, len(OK))
    assert (next(found), len(came)) == (NEW, len(OK) + len(NEW))


@pytest.mark.parametrize("piece", [b"x" * 4096, b"</a:Envelop", b"</s:Envelope", b"<s:Envelope>"])
def test_one_without_an_end_is_given_up(piece: bytes) -> None:
    read = 0

    def endless() -> Iterator[bytes]:
        nonlocal read
        while True:
            read += len(piece)
            yield piece

    with pytest.raises(Unreadable):
        list(envelopes(endless()))
    assert read <= streaming.LARGEST_ENVELOPE + 2 * len(piece)


def test_a_name_without_an_end_costs_no_more_than_its_length() -> None:
    began = time.process_time()
    with pytest.raises(Unreadable):
        list(envelopes(iter([b"</" + b"a" * 4000] * 600)))
    assert time.process_time() - began < 5


# --- a server that keeps an answer open -------------------------------------------------------------------


@dataclass
class Server:
    """Answers one request after the other with these pieces, each as one chunk (or as it is)."""

    pieces: list[bytes]
    chunked: bool = True
    stay: bool = False  # open, after the last piece
    head: bytes = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset=utf-8\r\n"
    port: int = 0
    asked: list[bytes] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)

    def soap(self) -> Soap:
        grant = EntraGrant(f"http://127.0.0.1:{self.port}/token", CLIENT_ID, SCOPE, SecretStr(SECRET))
        return Soap.online(
            f"http://127.0.0.1:{self.port}/EWS/Exchange.asmx", MAILBOX, Access("x", grant, TokenCache())
        )


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    listener = socket.create_server(("127.0.0.1", 0))
    server.port = listener.getsockname()[1]

    def one(connection: socket.socket) -> None:
        with closing(connection), suppress(ConnectionError):  # a client may go away whenever it likes
            asked = connection.recv(65536)
            server.asked.append(asked)
            while b"</s:Envelope>" not in asked and b"grant_type" not in asked:
                asked += connection.recv(65536)
            if b" /token" in asked:
                body = token_reply().body
                length = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
                connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n" + length + body)
                return
            server.asked[-1] = asked
            how = b"Transfer-Encoding: chunked" if server.chunked else b"Connection: close"
            connection.sendall(server.head + how + b"\r\n\r\n")
            for piece in server.pieces:
                connection.sendall(b"%x\r\n%b\r\n" % (len(piece), piece) if server.chunked else piece)
            if server.stay:
                server.stopped.wait(STAYS)
            elif server.chunked:
                connection.sendall(b"0\r\n\r\n")

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=one, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stopped.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def heard(pieces: list[bytes], *, stay: bool = False) -> list[Heard]:
    with serving(Server(pieces, stay=stay)) as server:
        return list(Stream(server.soap(), ID))


def test_what_is_told_is_heard_until_the_server_ends_it() -> None:
    wanted = [Heard.OPENED, Heard.NEWS, Heard.BEAT, Heard.NEWS]
    assert heard([OK, NEW, BEAT, NEW_BY_SCHEMA, CLOSED, NEW]) == wanted
    assert heard([OK + NEW[:7], NEW[7:] + BEAT + NEW_BY_SCHEMA[:-1], NEW_BY_SCHEMA[-1:] + CLOSED]) == wanted


def test_an_answer_without_chunks_is_heard_too() -> None:
    with serving(Server([OK, NEW], chunked=False, stay=True)) as server:
        found = iter(Stream(server.soap(), ID))
        began = time.monotonic()
        assert [next(found), next(found)] == [Heard.OPENED, Heard.NEWS]
        assert time.monotonic() - began < STAYS / 2


def test_the_request_is_the_documented_one() -> None:
    with serving(Server([OK, CLOSED])) as server:
        soap = server.soap()
        soap.stay()
        list(Stream(soap, ID))
        asked = server.asked[-1]
    head, _, body = asked.partition(b"\r\n\r\n")
    for line in (
        b"X-PreferServerAffinity: true",
        f"X-AnchorMailbox: {MAILBOX}".encode(),
        b"Accept-Encoding: identity",
        b"Authorization: Bearer the-first-token",
    ):
        assert line in head.split(b"\r\n")
    assert (
        b"<m:SubscriptionIds><t:SubscriptionId>" + ID.encode() + b"</t:SubscriptionId></m:SubscriptionIds>"
        b"<m:ConnectionTimeout>30</m:ConnectionTimeout>" in body
    )


@pytest.mark.parametrize(
    "code", ["ErrorInvalidSubscription", "ErrorSubscriptionNotFound", "ErrorReadEventsFailed"]
)
def test_a_subscription_that_is_gone_is_said(code: str) -> None:
    lost = LOST.replace(b"ErrorInvalidSubscription", code.encode())
    with serving(Server([OK, BEAT, lost])) as server:
        found = iter(Stream(server.soap(), ID))
        assert [next(found), next(found)] == [Heard.OPENED, Heard.BEAT]
        with pytest.raises(Lost):
            next(found)


def test_other_errors_are_what_they_are_everywhere() -> None:
    refused = told("<m:MessageText>Access is denied.</m:MessageText>", "Error", "ErrorAccessDenied")
    with serving(Server([OK, refused])) as server, pytest.raises(FixNeeded):
        list(Stream(server.soap(), ID))


@pytest.mark.parametrize(
    "pieces",
    [
        [b"<html><body>Sign in</body></html></x:Envelope>"],
        [OK, b"<s:Envelope><unclosed></s:Envelope>"],
        [envelope("<s:Fault xmlns:s='x'/>")],
        [b'<!DOCTYPE a [<!ENTITY b "c">]>' + OK],
    ],
)
def test_what_is_not_ews_is_not_heard(pieces: list[bytes]) -> None:
    with pytest.raises(Unreadable):
        heard(pieces)


def test_an_answer_that_is_cut_says_so() -> None:
    with serving(Server([OK, NEW[:50]], chunked=True, stay=True)) as server:
        stream = iter(Stream(server.soap(), ID))
        assert next(stream) is Heard.OPENED
        threading.Timer(0.1, server.stopped.set).start()
        with pytest.raises(MailboxError, match=r"was cut"):
            next(stream)


def test_an_answer_that_never_ends_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "LONGEST", 0.0)
    assert heard([OK, BEAT, BEAT], stay=True) == []


def test_another_thread_ends_it_within_moments() -> None:
    with serving(Server([OK], stay=True)) as server:
        stream = Stream(server.soap(), ID)
        reading = iter(stream)
        assert next(reading) is Heard.OPENED
        threading.Timer(0.2, stream.close).start()
        began = time.monotonic()
        assert list(reading) == []
        assert time.monotonic() - began < STAYS / 2
    stream.close()  # once more is no error


# --- to subscribe -----------------------------------------------------------------------------------------


def subscribe(stub: Stub, *replies: Reply) -> str:
    stub.ews_replies = list(replies)
    return streaming.subscribe(stub.connection().soap)


def test_inbox_and_junk_are_subscribed_to(stub: Stub) -> None:
    assert subscribe(stub, ews_reply("Subscribe", f"<m:SubscriptionId>{ID}</m:SubscriptionId>")) == ID
    (request,) = stub.ews_requests
    assert (
        b"<m:Subscribe><m:StreamingSubscriptionRequest><t:FolderIds>"
        b'<t:DistinguishedFolderId Id="inbox"/><t:DistinguishedFolderId Id="junkemail"/></t:FolderIds>'
        b"<t:EventTypes><t:EventType>NewMailEvent</t:EventType></t:EventTypes>"
        b"</m:StreamingSubscriptionRequest></m:Subscribe>" in request.body
    )


def test_too_many_subscriptions_end_by_themselves(stub: Stub) -> None:
    with pytest.raises(Wait, match="Too many programs listen"):
        subscribe(stub, ews_reply("Subscribe", failed("ErrorExceededSubscriptionCount")))


@pytest.mark.parametrize("reply", [ews_reply("Subscribe"), ews_reply("Subscribe", "<m:SubscriptionId/>")])
def test_an_answer_without_a_subscription_is_none(stub: Stub, reply: Reply) -> None:
    with pytest.raises(Unreadable):
        subscribe(stub, reply)


def test_a_busy_server_says_how_long(stub: Stub) -> None:
    with pytest.raises(Wait) as caught:
        subscribe(stub, fault_reply("ErrorServerBusy", {"BackOffMilliseconds": "297749"}))
    assert caught.value.seconds == 297.749


def test_an_expired_token_is_replaced_once_for_a_stream_too(stub: Stub) -> None:
    stub.token_replies = [token_reply("old"), token_reply("new")]
    stub.ews_replies = [Reply(401), Reply(200, OK + NEW + CLOSED, {"Content-Type": "text/xml"})]
    assert list(Stream(stub.connection().soap, ID)) == [Heard.OPENED, Heard.NEWS]
    assert [request.headers["authorization"] for request in stub.ews_requests] == ["Bearer old", "Bearer new"]


def test_blocked_ews_is_named_for_a_stream_too(stub: Stub) -> None:
    stub.ews_replies = [Reply(403)]
    with pytest.raises(FixNeeded, match="EwsAllowedAppIDs"):
        Stream(stub.connection().soap, ID)
