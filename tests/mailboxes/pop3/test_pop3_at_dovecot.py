"""Receiving by POP3 from a Dovecot."""

import poplib
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from placet.mailboxes import sockets
from placet.mailboxes.base import Action, FixNeeded, Gone, Page, Received, Seen, Wait
from placet.mailboxes.pop3 import connection as pop3
from placet.mailboxes.pop3.connection import Pop3Connection, Server
from placet.mailboxes.pop3.session import Session
from placet.mailboxes.pop3.settings import Pop3Settings
from placet.mailboxes.sasl import Password
from tests.servers.dovecot import Dovecot, dovecot

pytestmark = pytest.mark.long

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
LARGEST = 1024 * 1024
USERS = {f"user{n}@example.test": "s3cret %&" for n in range(1, 11)}


@pytest.fixture(scope="module")
def dove() -> Iterator[Dovecot]:
    with dovecot(USERS) as running:
        yield running


@pytest.fixture(scope="module")
def users() -> Iterator[str]:
    """Each test has a mailbox of its own."""
    return iter(USERS)


@pytest.fixture
def server(dove: Dovecot, users: Iterator[str]) -> Server:
    user = next(users)
    return Server(
        "localhost",
        dove.ports["pop3s"],
        "ssl",
        Password(user, SecretStr(USERS[user])),
        user,
        authorities=dove.authority.certificate.read_text(),
        allowed=lambda: ["127.0.0.1", "::1"],
    )


def raw(subject: str, body: bytes = b"Yes\r\n..\r\n.\r\nend\r\n") -> bytes:
    return (
        f"From: <bob@example.org>\r\nSubject: {subject}\r\nMessage-ID: <{subject}@x>\r\n\r\n".encode() + body
    )


def all_of(one: Pop3Connection, seen: Sequence[Seen]) -> list[Received]:
    fetched = list(one.fetch(seen, LARGEST))
    assert all(isinstance(entry, Received) for entry in fetched), fetched
    return [entry for entry in fetched if isinstance(entry, Received)]


def sync(one: Pop3Connection, cursor: Any, limit: int = 100) -> Page:
    return one.changes(cursor, LONG_AGO, limit)


def test_mails_come_as_they_are_once_and_in_pages(dove: Dovecot, server: Server) -> None:
    one = Pop3Connection(server)
    began = datetime.now(UTC)
    page = sync(one, {})
    assert (page.seen, page.more, page.complete) == ([], False, True)
    for number in range(5):
        dove.deliver(server.user, raw(f"m{number}"))
    got: list[Received] = []
    for more in (True, True, False):
        page = sync(one, page.cursor, limit=2)
        assert (page.more, page.complete) == (more, not more)
        got += all_of(one, page.seen)
    assert [mail.message_id for mail in got] == [f"<m{number}@x>" for number in range(5)]
    for number, mail in enumerate(got):
        assert mail.raw.endswith(raw(f"m{number}"))
        assert mail.raw.startswith(b"Return-Path: <somebody@example.org>")
        assert mail.transport_headers.startswith("Return-Path:")
        assert mail.received_at is not None
        assert began - timedelta(seconds=1) <= mail.received_at <= datetime.now(UTC)
    assert sync(one, page.cursor).seen == []
    assert len({mail.server_id for mail in got}) == 5
    again = Pop3Connection(server)  # of another worker, which has seen nothing
    [mail] = all_of(again, [Seen(got[3].server_id, got[3].folder)])
    assert mail.message_id == "<m3@x>"


def test_nothing_is_deleted_before_it_is_to_be_and_nothing_twice(dove: Dovecot, server: Server) -> None:
    one = Pop3Connection(server)
    for number in range(3):
        dove.deliver(server.user, raw(f"m{number}"))
    page = sync(one, {})
    ids = [entry.server_id for entry in page.seen]
    for action in (Action.MOVE, Action.MARK_READ):
        assert dict(one.mark(ids, action, "Placet/Processed")) == {id_: id_ for id_ in ids}
    assert sync(one, page.cursor).seen == []
    for _number in range(2):  # the second time they are gone, which is no error
        assert dict(one.mark(ids[:2], Action.DELETE, "")) == {id_: id_ for id_ in ids[:2]}
    [left] = all_of(one, page.seen[2:])
    assert left.message_id == "<m2@x>"
    [(_seen, gone)] = one.fetch(page.seen[:1], LARGEST)  # type: ignore[misc]
    assert isinstance(gone, Gone)
    dove.deliver(server.user, raw("m3"))
    [new] = sync(one, page.cursor).seen
    assert all_of(one, [new])[0].message_id == "<m3@x>"


def test_a_session_that_does_not_end_well_deletes_nothing(
    dove: Dovecot, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Pop3Connection(server)
    dove.deliver(server.user, raw("stays"))
    page = sync(one, {})
    ids = [entry.server_id for entry in page.seen]

    def cut(session: Session) -> None:
        session.is_ended = True
        session.close()
        raise sockets.Cut

    with monkeypatch.context() as broken:
        broken.setattr(Session, "bye", cut)
        with pytest.raises(Wait):
            list(one.mark(ids, Action.DELETE, ""))
    assert all_of(one, page.seen)[0].message_id == "<stays@x>"
    assert list(one.mark(ids, Action.DELETE, "")) == [(ids[0], ids[0])]
    [(_seen, gone)] = one.fetch(page.seen, LARGEST)  # type: ignore[misc]
    assert isinstance(gone, Gone)


def test_of_a_large_mail_the_headers_come(dove: Dovecot, server: Server) -> None:
    one = Pop3Connection(server)
    dove.deliver(server.user, raw("large", b"x" * 70 + b"\r\n" + b"y" * 200_000 + b"\r\n"))
    dove.deliver(server.user, raw("small"))
    page = sync(one, {})
    large, small = (entry for entry in one.fetch(page.seen, 10_000) if isinstance(entry, Received))
    assert (large.too_large, large.message_id) == (True, "<large@x>")
    assert b"yyy" not in large.raw
    assert large.size > 200_000
    assert (small.too_large, small.message_id) == (False, "<small@x>")
    [whole, _small] = all_of(one, page.seen)
    assert b"y" * 200_000 in whole.raw


def test_what_came_before_the_mailbox_was_active_is_not_looked_at(dove: Dovecot, server: Server) -> None:
    one = Pop3Connection(server)
    for number in range(3):
        dove.deliver(server.user, raw(f"old{number}"))
    page = one.changes({}, datetime.now(UTC) + timedelta(minutes=1), 100)
    assert (page.seen, page.complete) == ([], True)
    dove.deliver(server.user, raw("new"))
    [new] = one.changes(page.cursor, datetime.now(UTC) + timedelta(minutes=1), 100).seen
    assert all_of(one, [new])[0].message_id == "<new@x>"


def test_two_threads_wait_for_each_other(dove: Dovecot, server: Server) -> None:
    """Dovecot lets several in; that there is one at a time is ours."""
    at_once: list[int] = []
    inside = 0
    lock = threading.Lock()
    real = pop3.signed_in

    def counted(where: Server) -> Session:
        nonlocal inside
        with lock:
            inside += 1
            at_once.append(inside)
        return real(where)

    def ended(session: Session) -> None:
        nonlocal inside
        with lock:
            inside -= 1
        real_end(session)

    real_end = pop3._end
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(pop3, "signed_in", counted)
        patched.setattr(pop3, "_end", ended)
        threads = [threading.Thread(target=sync, args=(Pop3Connection(server), {})) for _number in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert set(at_once) == {1}
    assert len(at_once) >= 4


class Tokens:
    def __init__(self, dove: Dovecot, user: str) -> None:
        self.dove, self.user, self.refused = dove, user, 0

    def token(self) -> SecretStr:
        return SecretStr(self.dove.token(self.user, seconds=600 if self.refused else -60))

    def invalidate(self, token: SecretStr) -> None:
        self.refused += 1


def checked(server: Server) -> Pop3Connection:
    """With what a check rests on."""
    return Pop3Connection(server, Pop3Settings.parse({"username": server.user, "pop3_host": "localhost"})[0])


def test_signing_in(dove: Dovecot, server: Server) -> None:
    tokens = Tokens(dove, server.user)
    starttls = replace(server, port=dove.ports["pop3"], security="starttls")
    for good in (server, starttls, replace(starttls, proof=tokens)):
        checks = list(checked(good).check())
        assert [(check.key, check.ok) for check in checks] == [
            ("pop3_connect", True), ("pop3_sign_in", True), ("pop3_list", True),
        ]  # fmt: skip
        assert list(checked(good).steps()) == [check.key for check in checks]
    assert tokens.refused == 1
    wrong: dict[str, Server] = {
        "does not let this user sign in": replace(server, proof=Password(server.user, SecretStr("wrong"))),
        "is not trusted": replace(server, authorities=""),
        "does not speak TLS": replace(server, port=dove.ports["pop3"]),
        "is no mail server": replace(server, port=dove.ports["imap"], security="starttls"),
    }
    for cause, settings in wrong.items():
        with pytest.raises(FixNeeded, match=cause):
            sync(Pop3Connection(settings), {})
        [*_passed, failed] = checked(settings).check()
        assert not failed.ok
        assert failed.cure


def test_the_test_s_own_client_agrees(dove: Dovecot, server: Server) -> None:
    """What poplib itself sees of the same mailbox."""
    dove.deliver(server.user, raw("one"))
    context = ssl.create_default_context(cadata=server.authorities)
    client = poplib.POP3_SSL("localhost", server.port, context=context)
    client.user(server.user)
    client.pass_(USERS[server.user])
    [line] = client.uidl()[1]
    with suppress(poplib.error_proto):
        client.quit()
    [entry] = sync(Pop3Connection(server), {}).seen
    assert entry.server_id.rpartition(":")[0] == line.split()[1].decode()
