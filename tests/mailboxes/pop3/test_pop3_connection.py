"""Receiving from POP3 servers that refuse, lie, or never end: literal bytes, at a socket of loopback."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from placet.mailboxes import sockets
from placet.mailboxes.base import (
    Action,
    FixNeeded,
    MailboxError,
    MailError,
    Page,
    Received,
    Seen,
    SignInRefused,
    Wait,
)
from placet.mailboxes.pop3 import connection as pop3
from placet.mailboxes.pop3 import known, session
from placet.mailboxes.pop3.connection import Pop3Connection, Server
from placet.mailboxes.pop3.receipt import received_at
from placet.mailboxes.pop3.settings import Pop3Settings
from placet.mailboxes.sasl import Password
from tests.installation import PATIENCE

from ..talking import Behaviour, Peer, Talker, talker

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
LARGEST = 10_000


@dataclass
class Box:
    """What a server has, and what it does wrong with it. `mails`: by id."""

    mails: dict[str, bytes] = field(default_factory=dict)
    capabilities: tuple[str, ...] = ("USER", "UIDL", "TOP")
    answers: dict[str, str] = field(default_factory=dict)  # by command, in place of what belongs there
    size: Callable[[bytes], int] = len
    marked: set[str] = field(default_factory=set)
    bytes_out: int = 0

    def __call__(self, peer: Peer) -> None:
        order = list(self.mails)
        marked: set[str] = set()
        self._say(peer, "+OK here")
        while line := peer.hear().decode():
            command, _blank, rest = line.partition(" ")
            if line in self.answers or command in self.answers:
                self._say(peer, *self.answers.get(line, self.answers.get(command, "")).split("\n"))
            elif command == "CAPA":
                self._say(peer, "+OK", *self.capabilities, ".")
            elif command == "STAT":
                self._say(peer, f"+OK {len(order)} {sum(map(self.size, self.mails.values()))}")
            elif command in ("UIDL", "LIST") and not rest:
                of = {uid: uid if command == "UIDL" else self.size(self.mails[uid]) for uid in order}
                self._say(peer, "+OK", *(f"{n} {of[uid]}" for n, uid in enumerate(order, start=1)), ".")
            elif command == "UIDL":
                there = 0 < int(rest) <= len(order)
                self._say(peer, f"+OK {rest} {order[int(rest) - 1]}" if there else "-ERR no such message")
            elif command in ("RETR", "TOP"):
                whole = self.mails[order[int(rest.split()[0]) - 1]]
                content = whole if command == "RETR" else whole.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
                self._say(peer, "+OK", content.replace(b"\r\n.", b"\r\n..").removesuffix(b"\r\n"), ".")
            elif command == "DELE":
                marked.add(order[int(rest) - 1])
                self._say(peer, "+OK")
            elif command == "QUIT":
                self.marked = marked
                self.mails = {uid: mail for uid, mail in self.mails.items() if uid not in marked}
                self._say(peer, "+OK bye")
                return
            else:
                self._say(peer, "+OK")

    def _say(self, peer: Peer, *lines: str | bytes) -> None:
        peer.say(*lines)
        self.bytes_out += sum(len(line) + 2 for line in lines)


def mail(subject: str, at: datetime | None = None, body: bytes = b"Yes\r\n.\r\n") -> bytes:
    received = f"Received: from a by b; {at:%a, %d %b %Y %H:%M:%S +0000}\r\n" if at else ""
    return f"{received}Subject: {subject}\r\nMessage-ID: <{subject}@x>\r\n\r\n".encode() + body


@contextmanager
def reading(*behaviours: Behaviour, user: str = "approvals") -> Iterator[tuple[Talker, Pop3Connection]]:
    with talker(*behaviours) as server:
        proof = Password(user, SecretStr("s3cret"))
        settings, _ = Pop3Settings.parse({"username": "approvals@contoso.example", "pop3_host": "localhost"})
        yield server, Pop3Connection(Server("127.0.0.1", server.port, "none", proof, user), settings)


def sync(one: Pop3Connection, cursor: object = None, limit: int = 100) -> Page:
    return one.changes(cursor or {}, LONG_AGO, limit)  # type: ignore[arg-type]


# --- refusals ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("-ERR [IN-USE] Do you have another POP session running?", Wait),
        ("-ERR maildrop already locked", Wait),
        ("-ERR [LOGIN-DELAY] minimum time between mail checks violation", Wait),
        ("-ERR [SYS/TEMP] try later", Wait),
        ("-ERR [SYS/PERM] Your account is not enabled for POP access.", FixNeeded),  # Gmail
        ("-ERR Temporary problem, please try again later", Wait),  # Courier
        ("-ERR [AUTH] Username and password not accepted.", SignInRefused),  # Gmail
        ("-ERR [AUTH] Web login required", SignInRefused),  # Gmail
        ("-ERR Logon failure: unknown user name or bad password.", SignInRefused),  # Exchange
        ("-ERR Invalid login or password, try again", SignInRefused),
        ("-ERR Account is temporarily locked", SignInRefused),
        ("-ERR", SignInRefused),
    ],
)
def test_why_nobody_can_sign_in(said: str, kind: type[MailboxError]) -> None:
    with reading(Box(answers={"PASS": said})) as (server, one):
        with pytest.raises(kind) as error:
            sync(one)
        assert type(error.value) is kind
        [check, failed] = one.check()
        assert (check.ok, failed.ok, failed.cause) == (True, False, error.value.cause)
    assert "s3cret" not in str(error.value) + str(error.value.details)
    assert not any(line.startswith(b"UIDL") for line in server.heard)


def test_without_uidl_there_is_no_way() -> None:
    for answers in ({"UIDL": "-ERR unknown command"}, {"UIDL": "+OK\n1\n."}):
        with reading(Box({"a": mail("a")}, answers=answers)) as (_server, one), pytest.raises(FixNeeded):
            sync(one)


def test_ids_that_change_with_each_session_are_found_out() -> None:
    """Else every mail would be fetched with every look."""
    boxes = [Box({f"{n}-{uid}": mail(uid) for uid in "abc"}) for n in range(9)]
    with reading(*boxes) as (_server, one), pytest.raises(FixNeeded, match="other ids in each session"):
        sync(one)


def test_all_that_was_known_may_be_gone() -> None:
    box = Box({uid: mail(uid) for uid in "abc"})
    with reading(box) as (_server, one):
        page = sync(one)
        box.mails = {"d": mail("d")}
        page = sync(one, page.cursor)
        assert [entry.server_id[0] for entry in page.seen] == ["d"]
        assert page.restarted
        box.mails = {}
        page = sync(one, page.cursor)
        assert (page.seen, page.complete, page.restarted) == ([], True, False)


@pytest.mark.parametrize("quit_answer", ["-ERR [SYS/TEMP] some deleted messages not removed", "what?"])
def test_a_server_that_does_not_delete_at_the_end_is_asked_again(quit_answer: str) -> None:
    box = Box({"a": mail("a"), "b": mail("b")}, answers={"DELE 1": "-ERR no"})
    with reading(box) as (_server, one):
        ids = [entry.server_id for entry in sync(one).seen]
        box.answers["QUIT"] = quit_answer
        with pytest.raises(Wait):
            list(one.mark(ids, Action.DELETE, ""))
        del box.answers["QUIT"]
        outcomes = dict(one.mark(ids, Action.DELETE, ""))
    assert isinstance(outcomes[ids[0]], MailError)
    assert outcomes[ids[1]] == ids[1]
    assert box.marked == {"b"}


def test_another_mail_at_the_old_place_is_not_deleted() -> None:
    """Numbers are of one session; what was listed at one may be something else by now."""
    box = Box({uid: mail(uid) for uid in "abc"})
    with reading(box) as (_server, one):
        [_a, b, _c] = sync(one).seen
        box.mails = {uid: mail(uid) for uid in "cab"}
        list(one.mark([b.server_id], Action.DELETE, ""))
        assert box.marked == {"b"}
        [got] = one.fetch([_c], LARGEST)
        assert isinstance(got, Received)
        assert got.message_id == "<c@x>"


def test_of_two_mails_with_one_id_none_is_deleted_and_both_are_read() -> None:
    """Some servers take ids from a header, which anybody writes. Without the first, the second would have its id."""
    of_size = len(mail("a"))
    answers = {
        "UIDL": "+OK\n1 same\n2 same\n.",
        "UIDL 1": "+OK 1 same",
        "UIDL 2": "+OK 2 same",
        "LIST": f"+OK\n1 {of_size}\n2 {of_size}\n.",
    }
    box = Box({"a": mail("a"), "b": mail("b")}, answers=answers)
    with reading(box) as (_server, one):
        page = sync(one, limit=1)
        [first] = page.seen
        assert dict(one.mark([first.server_id], Action.DELETE, "")) == {first.server_id: first.server_id}
        assert box.marked == set()
        [second] = sync(one, page.cursor).seen
        mails = list(one.fetch([first, second], LARGEST))
    assert [one.message_id for one in mails if isinstance(one, Received)] == ["<a@x>", "<b@x>"]


# --- mails ------------------------------------------------------------------------------------------------


def test_one_mail_that_is_not_given_stops_no_other() -> None:
    box = Box({uid: mail(uid) for uid in "abc"}, answers={"RETR 2": "-ERR [SYS/TEMP] cannot read it"})
    with reading(box) as (_server, one):
        a, b, c = list(one.fetch(sync(one).seen, LARGEST))
    assert isinstance(a, Received)
    assert isinstance(c, Received)
    assert not isinstance(b, Received)
    assert "cannot read it" in str(b[1])


def test_a_mail_larger_than_the_server_said_comes_as_headers() -> None:
    body = b"x" * 900 + b"\r\n"
    box = Box({"a": mail("a", body=body * 500), "b": mail("b")}, size=lambda mail: min(len(mail), 1000))
    with reading(box) as (_server, one):
        a, b = list(one.fetch(sync(one).seen, LARGEST))
    assert isinstance(a, Received)
    assert isinstance(b, Received)
    assert (a.too_large, a.raw) == (True, b"Subject: a\r\nMessage-ID: <a@x>\r\n\r\n")
    assert (b.too_large, b.message_id) == (False, "<b@x>")


@pytest.mark.parametrize(
    "header",
    [
        b"X-Long: " + b"x" * 2 * pop3.MOST_HEADERS,
        b"X-Long: " + b"x" * (session.LONGEST_LINE - 8) + b".",  # with what would be the end, were it a line
        b"\r\n".join(b"X-Many: %d" % number for number in range(pop3.MOST_HEADERS // 10)),
        b".\r\n" * 3 + b"X-Long: " + b"x" * 2 * pop3.MOST_HEADERS,
    ],
    ids=["one line", "a dot behind so much as is read at once", "many lines", "dots"],
)
@pytest.mark.parametrize("body", [b"x\r\n", b"x" * 2 * LARGEST + b"\r\n"], ids=["small", "too large besides"])
def test_long_headers_of_one_mail_stop_no_other(header: bytes, body: bytes) -> None:
    """At a first look, which asks for headers alone; and where a mail is too large for all of it."""
    long = mail("long", at=LONG_AGO).partition(b"\r\n\r\n")[0] + b"\r\n" + header + b"\r\n\r\n" + body
    box = Box({"a": mail("a"), "long": long, "b": mail("b")})
    with reading(box) as (_server, one):
        seen = sync(one).seen
        assert len(seen) == 3
        a, given, b = list(one.fetch(seen, LARGEST))
    for received, subject in ((a, b"a"), (given, b"long"), (b, b"b")):
        assert isinstance(received, Received)
        assert received.raw is not None
        assert b"Subject: " + subject + b"\r\n" in received.raw
        assert len(received.raw) <= pop3.MOST_HEADERS or not received.too_large


def test_a_line_as_long_as_the_mail_is_read() -> None:
    box = Box({"a": mail("a", body=b"x" * 9000 + b"\r\n")})
    with reading(box) as (_server, one):
        [a] = one.fetch(sync(one).seen, LARGEST)
    assert isinstance(a, Received)
    assert a.raw == box.mails["a"]


def cut_in_the_mail(peer: Peer) -> None:
    peer.say("+OK")
    while line := peer.hear():
        if line.startswith(b"RETR"):
            peer.say("+OK", "Subject: half", "")
            peer.cut()
        peer.say("+OK 1 a", *["."] * (line == b"CAPA"))


def test_half_a_mail_is_none() -> None:
    box = Box({"a": mail("a")})
    with reading(box, box, cut_in_the_mail) as (_server, one):
        seen = sync(one).seen
        with pytest.raises(Wait, match="cut"):
            list(one.fetch(seen, LARGEST))


# --- what has no end --------------------------------------------------------------------------------------


def endless_line(peer: Peer) -> None:
    for _number in range(1000):
        peer.say_raw(b"+OK " + b"x" * 1000)


def endless_listing(peer: Peer) -> None:
    peer.say("+OK")
    while line := peer.hear():
        peer.say("+OK 1 1" if line == b"STAT" else "+OK")
        if line == b"CAPA":
            peer.say(".")
        while line in (b"UIDL", b"LIST"):
            peer.say(*["1 a"] * 1000)


def dripping(peer: Peer) -> None:
    for _number in range(1000):
        peer.say_raw(b"+")
        time.sleep(0.01)


def smtp_server(peer: Peer) -> None:
    peer.say("220 smtp.contoso.example ESMTP")
    peer.hear()


@pytest.mark.parametrize(
    "behave", [endless_line, endless_listing, dripping, smtp_server, lambda peer: peer.cut()]
)
def test_whatever_answers_has_an_end(behave: Behaviour, monkeypatch: pytest.MonkeyPatch) -> None:
    if behave is dripping:
        monkeypatch.setattr(session, "ANSWER", 0.5)
    monkeypatch.setattr(session, "MOST_LISTED", 5000)
    began = time.monotonic()
    with reading(behave) as (_server, one), pytest.raises(MailboxError):
        sync(one)
    assert time.monotonic() - began < PATIENCE


def test_words_in_clear_behind_stls_are_not_believed() -> None:
    def behave(peer: Peer) -> None:
        peer.say("+OK")
        peer.hear()
        peer.say("+OK", "STLS", ".")
        peer.hear()
        peer.say("+OK go on", "+OK signed in")

    with talker(behave) as server:
        proof = Password("approvals", SecretStr("s3cret"))
        where = Server("127.0.0.1", server.port, "starttls", proof, "", allowed=lambda: ["127.0.0.1"])
        with pytest.raises(FixNeeded):
            sync(Pop3Connection(where))
    assert server.heard[:2] == [b"CAPA", b"STLS"]


# --- very many mails --------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [10_000, pytest.param(100_000, marks=pytest.mark.whole)])
def test_an_idle_look_into_very_many_mails_is_short(number: int) -> None:
    old = mail("old", datetime(2021, 5, 1, tzinfo=UTC))
    box = Box({f"{n:016x}": old for n in range(number)})
    with reading(box) as (server, one):
        page = one.changes({}, datetime(2026, 1, 1, tzinfo=UTC), 100)
        assert (page.seen, page.complete) == ([], True)
        assert len([line for line in server.heard if line.startswith(b"TOP")]) == 2 * pop3.STOPS_AFTER
        before, heard = box.bytes_out, len(server.heard)
        page = sync(one, page.cursor)
        assert (page.seen, page.complete) == ([], True)
        requests, received = len(server.heard[heard:]), box.bytes_out - before
        assert (requests, received < 300) == (6, True), (requests, received)
        box.mails["new"] = mail("new", datetime(2026, 2, 1, tzinfo=UTC))
        [new] = sync(one, page.cursor).seen
        assert new.server_id.startswith("new:")
        heard = len(server.heard)
        [got] = one.fetch([new], LARGEST)
        assert isinstance(got, Received)
        assert b"UIDL" not in server.heard[heard:]  # where it was listed, it still is


def test_now_and_then_all_is_listed_although_nothing_seems_to_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pop3, "FULL_EVERY", 3)
    box = Box({uid: mail("same") for uid in "abc"})
    with reading(box) as (_server, one):
        page = sync(one)
        box.mails = {uid: mail("same") for uid in "axc"}  # as many, as large, and the last one is the same
        found: list[Seen] = []
        for _number in range(4):
            page = sync(one, page.cursor)
            found += page.seen
    assert [entry.server_id[0] for entry in found] == ["x"]


@pytest.mark.parametrize("newest_first", [False, True])
def test_what_is_older_is_not_looked_at_in_either_order(
    newest_first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=n) for n in range(100)]
    numbers = range(99, -1, -1) if newest_first else range(100)
    box = Box({f"m{n}": mail(f"m{n}", days[n]) for n in numbers})
    with reading(box) as (_server, one):
        page = one.changes({}, days[95], 100)
        assert {entry.server_id.partition(":")[0] for entry in page.seen} == {f"m{n}" for n in range(95, 100)}
        monkeypatch.setattr(known, "MOST_EXACT", 50)
        if newest_first:
            with pytest.raises(FixNeeded, match="newest mails first"):
                one.changes({}, days[95], 100)
        else:
            assert len(one.changes({}, days[95], 100).seen) == 5


@pytest.mark.parametrize("newest_first", [False, True])
def test_a_first_look_asks_about_so_many_mails_and_misses_none(
    newest_first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many came since, and however many of them have no date that could be read."""
    monkeypatch.setattr(pop3, "MOST_LOOKED_AT", 30)
    days = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=n) for n in range(100)]
    numbers = range(99, -1, -1) if newest_first else range(100)
    box = Box({f"m{n}": mail(f"m{n}", days[n] if n % 2 else None) for n in numbers})
    with reading(box) as (server, one):
        page = one.changes({}, days[0], 1000)
        assert len(page.seen) == 100
        assert sum(line.startswith(b"TOP") for line in server.heard) == 30
        assert page.complete


# --- when it was received ---------------------------------------------------------------------------------

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("stamp", "after", "expected"),
    [
        ("Sun, 01 Mar 2026 11:59:00 +0000", None, NOW - timedelta(minutes=1)),
        ("Sun, 01 Mar 2026 12:59:00 +0100 (CET)", None, NOW - timedelta(minutes=1)),
        ("Sun, 01 Mar 2026 11:59:00", None, NOW - timedelta(minutes=1)),
        (
            "Sun, 01 Mar 2026 11:00:00 +0000",
            NOW - timedelta(minutes=5),
            NOW - timedelta(minutes=5),
        ),  # set back
        ("Sun, 01 Mar 2026 13:00:00 +0000", NOW - timedelta(minutes=5), NOW),  # in the future
        ("Thu, 01 Jan 1970 00:00:00 +0000", NOW, NOW),
        ("yesterday", None, None),
        ("", NOW, None),
        ("Sun, 01 Mar 99999 11:59:00 +0000", None, None),
    ],
)
def test_the_topmost_stamp_counts_between_two_moments(
    stamp: str, after: datetime | None, expected: datetime | None
) -> None:
    other = "Received: from x by y; Mon, 02 Feb 2026 00:00:00 +0000\r\n"
    headers = f"Return-Path: <x@y>\r\nReceived: from a by b\r\n\tfor <c>; {stamp}\r\n{other}Subject: x"
    assert received_at(headers, after, NOW) == expected


def test_an_answer_that_dates_itself_back_is_no_older_than_the_last_look() -> None:
    box = Box({})
    with reading(box) as (_server, one):
        page = sync(one)
        before = datetime.now(UTC)
        box.mails["a"] = mail("a", datetime(2026, 1, 1, tzinfo=UTC))
        page = sync(one, page.cursor)
        [got] = one.fetch(page.seen, LARGEST)
    assert isinstance(got, Received)
    assert got.received_at is not None
    assert before - timedelta(seconds=5) < got.received_at <= datetime.now(UTC)


def test_that_somebody_else_reads_is_said_by_our_own_lock_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pop3, "LONGEST_WAIT", 0.05)
    with reading(Box({"a": mail("a")})) as (_server, one):
        entries = one.fetch([Seen(entry.server_id, entry.folder) for entry in sync(one).seen], LARGEST)
        next(iter(entries))  # goes on: the mailbox is in use
        with pytest.raises(Wait, match="still reads this mailbox"):
            sync(one)
        entries.close()  # type: ignore[attr-defined]
        assert sync(one).complete


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[socket.socket]:
    """Every connection from now on."""
    connect, made = sockets.connected, list[socket.socket]()

    def connected(host: str, port: int, **more: Any) -> socket.socket:
        made.append(connect(host, port, **more))
        return made[-1]

    monkeypatch.setattr(sockets, "connected", connected)
    return made


def server_at(port: int) -> Server:
    return Server("127.0.0.1", port, "none", Password("approvals", SecretStr("secret")), "")


@pytest.mark.parametrize("greeting", ["-ERR Not now", "What?", None])
def test_what_was_opened_is_closed_where_the_server_does_not_greet(
    greeting: str | None, opened: list[socket.socket]
) -> None:
    with (
        talker(lambda peer: peer.say(greeting) if greeting else peer.cut()) as server,
        pytest.raises(MailboxError) as caught,  # what it was raised in lives as long as it does
    ):
        pop3.opened(server_at(server.port))
    assert [one.fileno() for one in opened] == [-1], caught.value


def test_what_was_opened_is_closed_where_the_server_says_no_goodbye(opened: list[socket.socket]) -> None:
    def cut_at_its_end(peer: Peer) -> None:
        peer.say("+OK here")
        peer.hear()
        peer.cut()

    with talker(cut_at_its_end) as server:
        begun = pop3.opened(server_at(server.port))
        with pytest.raises(sockets.Cut):
            begun.bye()
    assert [one.fileno() for one in opened] == [-1]


def test_what_was_opened_is_closed_where_the_server_has_no_tls(opened: list[socket.socket]) -> None:
    def refuse(peer: Peer) -> None:
        peer.say("+OK here")
        peer.hear()
        peer.say("-ERR")

    with talker(refuse) as server, pytest.raises(FixNeeded, match="STARTTLS") as caught:
        pop3.opened(replace(server_at(server.port), security="starttls", allowed=lambda: ["127.0.0.1"]))
    assert [one.fileno() for one in opened] == [-1], caught.value
