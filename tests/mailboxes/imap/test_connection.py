"""What `base.Connection` promises of a mailbox, at a Dovecot with all extensions, and at one with none."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from imapclient import IMAPClient

from placet.mailboxes.base import Action, Folder, Gone, Page, Received, SentMail
from placet.mailboxes.imap.connection import ImapConnection
from placet.mailboxes.imap.ids import MailId
from tests.servers.dovecot import Dovecot

from .conftest import Connect, mail

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
LARGE = 10_000_000

Other = Callable[[Dovecot], IMAPClient]


@pytest.fixture(params=["server", "without_extensions"])
def any_server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Dovecot:
    server: Dovecot = request.getfixturevalue(request.param)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(server.authority.certificate))
    return server


def all_of(
    connection: ImapConnection, cursor: dict[str, object] | None = None, limit: int = 100
) -> list[Page]:
    pages = [connection.changes(cursor or {}, LONG_AGO, limit)]
    while pages[-1].more:
        pages.append(connection.changes(pages[-1].cursor, LONG_AGO, limit))
    return pages


def texts(connection: ImapConnection, pages: list[Page]) -> list[str]:
    seen = [entry for page in pages for entry in page.seen]
    received = list(connection.fetch(seen, LARGE))
    assert all(isinstance(entry, Received) for entry in received), received
    return [
        entry.raw.decode().split("Subject: ")[1].split("\r\n")[0]
        for entry in received
        if isinstance(entry, Received)
    ]


def test_what_comes_is_listed_once_and_given_as_it_came(
    any_server: Dovecot, connect: Connect, user: str
) -> None:
    connection = connect(any_server)
    before = datetime.now(UTC) - timedelta(seconds=2)
    any_server.deliver(user, mail("first", message_id="<one@example.test>"))
    [page] = all_of(connection)
    assert page.complete
    assert not page.restarted
    [seen] = page.seen
    assert seen.folder is Folder.INBOX
    assert seen.received_at is not None
    assert before <= seen.received_at <= datetime.now(UTC) + timedelta(seconds=2)
    [received] = connection.fetch([seen], LARGE)
    assert isinstance(received, Received)
    assert received.raw.endswith(mail("first", message_id="<one@example.test>"))
    assert received.raw.startswith(b"Return-Path: <somebody@example.org>\r\n")
    assert received.message_id == "<one@example.test>"
    assert received.size == len(received.raw) == seen.size
    assert received.transport_headers.startswith("Return-Path:")
    again = connection.changes(page.cursor, LONG_AGO, 100)
    assert (list(again.seen), again.complete, again.more) == ([], True, False)
    any_server.deliver(user, mail("second"))
    latest = connection.changes(again.cursor, LONG_AGO, 100)
    assert texts(connection, [latest])[-1:] == ["second"]


def test_pages_hold_about_as_many_as_are_asked_for_and_all_of_them_in_the_end(
    any_server: Dovecot, connect: Connect, user: str
) -> None:
    for number in range(7):
        any_server.deliver(user, mail(f"number {number}"))
    connection = connect(any_server)
    pages = all_of(connection, limit=3)
    assert [len(page.seen) for page in pages] == [3, 3, 1]
    assert [page.complete for page in pages] == [False, False, True]
    assert texts(connection, pages) == [f"number {number}" for number in range(7)]


def test_junk_is_read_too_and_what_was_received_before_is_not(
    any_server: Dovecot, connect: Connect, user: str, other_program: Other
) -> None:
    other = other_program(any_server)
    junk = "Junk" if any_server.doveadm("mailbox", "list", "-u", user).split().count("Junk") else "INBOX.Junk"
    other.append(junk, mail("in junk"))
    other.append("INBOX", mail("old"), msg_time=datetime(2021, 5, 6, tzinfo=UTC))
    other.append("INBOX", mail("new"))
    connection = connect(any_server)
    page = connection.changes({}, datetime.now(UTC) - timedelta(hours=1), 100)
    assert {entry.folder for entry in page.seen} == {Folder.INBOX, Folder.JUNK}
    assert sorted(texts(connection, [page])) == ["in junk", "new"]


def test_a_moved_mail_keeps_its_time_and_is_known_by_its_new_id(
    any_server: Dovecot, connect: Connect, user: str
) -> None:
    connection = connect(any_server)
    for subject in ("one", "two"):
        any_server.deliver(user, mail(subject))
    [page] = all_of(connection)
    ids = [entry.server_id for entry in page.seen]
    outcomes = dict(connection.mark(ids, Action.MOVE, "Placet/Bearbeitet & geprüft"))
    assert set(outcomes) == set(ids)
    moved = [str(outcomes[id_]) for id_ in ids]
    assert not set(moved) & set(ids)
    assert [MailId.of(id_).uid for id_ in moved] == [1, 2]  # type: ignore[union-attr]
    listed = [entry.__class__(new, entry.folder) for entry, new in zip(page.seen, moved, strict=True)]
    received = list(connection.fetch(listed, LARGE))
    assert [entry.received_at for entry in received if isinstance(entry, Received)] == [
        entry.received_at for entry in page.seen
    ]
    assert all(isinstance(outcome, tuple) for outcome in connection.fetch(page.seen, LARGE))
    assert dict(connection.mark(ids, Action.MOVE, "Placet/Bearbeitet & geprüft")) == {id_: id_ for id_ in ids}
    assert list(connection.changes(page.cursor, LONG_AGO, 100).seen) == []
    assert dict(connection.mark(moved, Action.MOVE, "Placet/Bearbeitet & geprüft")) == {
        id_: id_ for id_ in moved
    }


def test_only_our_own_mails_are_taken_out(
    any_server: Dovecot, connect: Connect, user: str, other_program: Other
) -> None:
    """Others mark theirs as deleted, and may think better of it."""
    for subject in ("ours", "theirs"):
        any_server.deliver(user, mail(subject))
    other = other_program(any_server)
    other.select_folder("INBOX")
    other.add_flags([2], ["\\Deleted"])
    connection = connect(any_server)
    [page] = all_of(connection)
    list(connection.mark([page.seen[0].server_id], Action.MOVE, "Placet"))
    other.select_folder("INBOX")
    assert other.search() == [2]


def test_read_marks_and_deleting(
    any_server: Dovecot, connect: Connect, user: str, other_program: Other
) -> None:
    for subject in ("one", "two", "three"):
        any_server.deliver(user, mail(subject))
    connection = connect(any_server)
    [page] = all_of(connection)
    one, two, three = (entry.server_id for entry in page.seen)
    assert dict(connection.mark([one], Action.MARK_READ, "")) == {one: one}
    [(_, new)] = connection.mark([two], Action.DELETE, "")
    assert new != two
    keyworded = connect(any_server, keyword="$PlacetHandled")
    assert dict(keyworded.mark([three], Action.MARK_READ, "")) == {three: three}
    other = other_program(any_server)
    other.select_folder("INBOX")
    flags = other.get_flags([1, 3])
    assert b"\\Seen" in flags[1]
    assert b"$PlacetHandled" in flags[3]
    assert b"\\Seen" not in flags[3]
    other.select_folder("Trash" if other.folder_exists("Trash") else "INBOX.Trash")
    assert len(other.search()) == 1


def test_a_mail_that_is_larger_than_asked_for_comes_as_its_header(
    any_server: Dovecot, connect: Connect, user: str
) -> None:
    any_server.deliver(user, mail("small"))
    any_server.deliver(user, mail("large", "x" * 998 + "\r\n" + "y" * 900))
    connection = connect(any_server)
    [page] = all_of(connection)
    large, small = sorted(
        connection.fetch(page.seen, 1500), key=lambda entry: b"small" in getattr(entry, "raw", b"")
    )
    assert isinstance(small, Received)
    assert isinstance(large, Received)
    assert (small.too_large, large.too_large) == (False, True)
    assert b"Subject: large" in large.raw
    assert b"xxx" not in large.raw
    assert large.size > 1900


def test_a_mail_that_is_gone_when_it_is_fetched_is_said_to_be(
    any_server: Dovecot, connect: Connect, user: str, other_program: Other
) -> None:
    for subject in ("stays", "goes"):
        any_server.deliver(user, mail(subject))
    connection = connect(any_server)
    [page] = all_of(connection)
    other = other_program(any_server)
    other.select_folder("INBOX")
    other.delete_messages([2])
    other.expunge([2])
    stays, goes = connection.fetch(page.seen, LARGE)
    assert isinstance(stays, Received)
    assert isinstance(goes, tuple)
    assert isinstance(goes[1], Gone)


def test_what_was_sent_is_kept_once_and_known_again(any_server: Dovecot, connect: Connect, user: str) -> None:
    connection = connect(any_server)
    since = datetime.now(UTC) - timedelta(minutes=1)
    raw = mail("Please approve: PC-77", "reference-of-it", "<sent1@example.test>")
    assert not connection.was_sent("<sent1@example.test>", "reference-of-it", since)
    for _ in range(2):
        connection.keep_sent(raw)
    assert connection.was_sent("<sent1@example.test>", "", since)
    assert connection.was_sent("<replaced@example.test>", "reference-of-it", since, "Please approve: PC-77")
    assert not connection.was_sent("<other@example.test>", "another-reference", since)
    copies = connection.copies_of_sent(
        [
            SentMail("reference-of-it", "<sent1@example.test>", "Please approve: PC-77"),
            SentMail("not-sent", "<never@example.test>", "Another"),
        ],
        since,
    )
    assert {name: (copy.message_id, copy.from_) for name, copy in copies.items()} == {
        "reference-of-it": ("<sent1@example.test>", "boss@example.test")
    }
    name = connection.run(lambda session: connection._sent_folder(session))
    assert name in (b"Sent", b"INBOX.Sent")
    assert len(connection.run(lambda session: session.client.search(b"ALL"))) == 1
