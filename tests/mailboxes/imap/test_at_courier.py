"""What is otherwise at a Courier: numbers that only whoever may change a folder is given to keep, an opening that does
not tell the next one, and refusals without codes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from imapclient import IMAPClient
from pydantic import SecretStr

from placet.mailboxes.base import Action, FixNeeded, Folder, Page, Received
from placet.mailboxes.imap.client import Account, Client
from placet.mailboxes.imap.connection import Choices, ImapConnection
from placet.mailboxes.imap.idle import ImapListening
from placet.mailboxes.push.listening import Heard
from tests.installation import PATIENCE
from tests.servers.courier import Courier, courier

from .conftest import PASSWORD, mail
from .test_idle import listening, news

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
LARGE = 10_000_000
TO = "Placet/Processed"
_numbers = count()


@pytest.fixture(scope="module")
def at_courier() -> Iterator[Courier]:
    with courier({}) as running:
        yield running


@pytest.fixture(autouse=True)
def trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the clear, on this machine; it needs none of the other servers of this folder."""
    monkeypatch.setattr("placet.mailboxes.http.private_targets", lambda: ["127.0.0.0/8"])


@pytest.fixture
def user(at_courier: Courier) -> str:
    name = f"box{next(_numbers)}@example.test"
    at_courier.add(name, PASSWORD)
    return name


def account(server: Courier, user: str) -> Account:
    return Account("127.0.0.1", server.ports["imap"], "none", user, SecretStr(PASSWORD))


@contextmanager
def connected(server: Courier, user: str, **choices: str) -> Iterator[ImapConnection]:
    connection = ImapConnection(account(server, user), Choices(**choices))
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def other_program(server: Courier, user: str) -> Iterator[IMAPClient]:
    client = IMAPClient("127.0.0.1", server.ports["imap"], ssl=False, timeout=PATIENCE)
    try:
        client.login(user, PASSWORD)
        yield client
    finally:
        client.shutdown()


def subjects(connection: ImapConnection, page: Page) -> list[str]:
    received = list(connection.fetch(page.seen, LARGE))
    assert all(isinstance(entry, Received) for entry in received), received
    return [
        entry.raw.split(b"Subject: ")[1].split(b"\r\n")[0].decode()
        for entry in received
        if isinstance(entry, Received)
    ]


def in_folder(server: Courier, user: str, name: str) -> list[str]:
    with other_program(server, user) as client:
        if not client.folder_exists(name):
            return []
        client.select_folder(name)
        mails = client.fetch(client.search(), ["BODY.PEEK[HEADER]"]).values()
    return [part[b"BODY[HEADER]"].split(b"Subject: ")[1].split(b"\r\n")[0].decode() for part in mails]


def test_a_number_that_was_listed_is_the_same_mails_from_then_on(at_courier: Courier, user: str) -> None:
    """Courier numbers what is new in the order of its files' names, and would begin with another one now."""
    at_courier.deliver(user, mail("first"))
    with connected(at_courier, user) as connection:
        page = connection.changes({}, LONG_AGO, 100)
        at_courier.deliver(user, mail("second"), named=time.time() - 3600)
        assert subjects(connection, page) == ["first"]
        later = connection.changes(page.cursor, LONG_AGO, 100)
        assert (subjects(connection, later), later.restarted) == (["second"], False)
    with connected(at_courier, user) as another:
        assert subjects(another, page) == ["first"]
        assert not another.changes(later.cursor, LONG_AGO, 100).seen


def test_a_mailbox_is_read_past_mails_that_are_gone_and_old_ones(at_courier: Courier, user: str) -> None:
    """Else nothing would be due in it until the next mail came."""
    with other_program(at_courier, user) as program:
        program.create_folder("INBOX.Junk")
    at_courier.deliver(user, mail("stays"))
    at_courier.deliver(user, mail("goes"))
    with connected(at_courier, user) as connection:
        page = connection.changes({}, datetime.now(UTC) + timedelta(hours=1), 100)
        assert (list(page.seen), page.complete) == ([], True)
        with other_program(at_courier, user) as program:
            program.select_folder("INBOX")
            program.delete_messages([2])
            program.uid_expunge([2])
        page = connection.changes({}, LONG_AGO, 100)
        assert (subjects(connection, page), page.complete) == (["stays"], True)
        at_courier.deliver(user, mail("comes"))
        page = connection.changes(page.cursor, LONG_AGO, 100)
        assert (subjects(connection, page), page.complete) == (["comes"], True)


def test_an_idle_look_lists_nothing(at_courier: Courier, user: str) -> None:
    at_courier.deliver(user, mail("one"))
    with connected(at_courier, user) as connection:
        cursor = connection.changes({}, LONG_AGO, 100).cursor
        wire = connection.run(lambda session: session.client.wire)
        before = wire.commands
        connection.changes(cursor, LONG_AGO, 100)
        assert wire.commands - before == 2, "SELECT, and STATUS of the next number"


class Killed(BaseException):
    """No `except Exception` goes on after it."""


@pytest.mark.parametrize("keywords", ["1", "0"])
def test_whoever_is_killed_between_copying_and_taking_out_leaves_one(
    keywords: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With keywords, by which such a mail is known, and at a server that has them switched off."""
    user = "approvals@example.test"
    with courier({user: PASSWORD}, IMAP_KEYWORDS=keywords) as server:
        for subject in ("one", "two"):
            server.deliver(user, mail(subject))
        copy = Client.copy

        def killed(self: Client, *arguments: object) -> object:
            copy(self, *arguments)  # type: ignore[arg-type]  # as they came
            raise Killed

        with connected(server, user) as connection:
            ids = [seen.server_id for seen in connection.changes({}, LONG_AGO, 100).seen]
            monkeypatch.setattr(Client, "copy", killed)
            with pytest.raises(Killed):
                list(connection.mark(ids, Action.MOVE, TO))
            monkeypatch.setattr(Client, "copy", copy)
        with connected(server, user) as another:
            moved = dict(another.mark(ids, Action.MOVE, TO))
            assert not set(moved.values()) & set(ids)
        assert in_folder(server, user, "INBOX") == []
        assert in_folder(server, user, "INBOX.Placet.Processed") == ["one", "two"]


def test_what_the_server_puts_into_trash_by_itself_is_not_there_twice() -> None:
    """IMAP_MOVE_EXPUNGE_TO_TRASH: what is taken out goes to Trash, unless the same session has copied it."""
    user = "approvals@example.test"
    with courier({user: PASSWORD}, IMAP_MOVE_EXPUNGE_TO_TRASH="1") as server:
        for subject in ("deleted", "moved"):
            server.deliver(user, mail(subject))
        with connected(server, user) as connection:
            deleted, moved = (seen.server_id for seen in connection.changes({}, LONG_AGO, 100).seen)
            list(connection.mark([deleted], Action.DELETE, ""))
            list(connection.mark([moved], Action.MOVE, TO))
        assert in_folder(server, user, "INBOX") == []
        assert in_folder(server, user, "INBOX.Placet.Processed") == ["moved"]
        assert in_folder(server, user, "INBOX.Trash") == ["deleted"]


def test_a_folder_that_another_makes_at_the_same_moment_is_used(
    at_courier: Courier, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Courier refuses to make it again in no words that say why."""
    at_courier.deliver(user, mail("one"))
    create = Client.create

    def after_another(self: Client, name: bytes) -> None:
        with other_program(at_courier, user) as program:
            program.create_folder(name)
        create(self, name)

    monkeypatch.setattr(Client, "create", after_another)
    with connected(at_courier, user) as connection:
        [seen] = connection.changes({}, LONG_AGO, 100).seen
        list(connection.mark([seen.server_id], Action.MOVE, TO))
    assert in_folder(at_courier, user, "INBOX.Placet.Processed") == ["one"]


def test_copies_of_what_was_sent_are_kept_once_and_known_again(at_courier: Courier, user: str) -> None:
    raw = mail("Please approve", "Größe: 7, reference-of-it", "<sent1@example.test>")
    since = datetime.now(UTC) - timedelta(minutes=1)
    with connected(at_courier, user) as connection:
        for _ in range(2):
            connection.keep_sent(raw)
        assert connection.was_sent("<sent1@example.test>", "", since)
        assert connection.was_sent("<replaced@example.test>", "reference-of-it", since, "Please approve")
        assert not connection.was_sent("<other@example.test>", "another-reference", since)
    assert in_folder(at_courier, user, "INBOX.Sent") == ["Please approve"]


def test_junk_that_is_in_inbox_by_its_name_is_read(at_courier: Courier, user: str) -> None:
    with other_program(at_courier, user) as program:
        program.create_folder("INBOX.Spam")
        program.append("INBOX.Spam", mail("an answer in junk"))
    with connected(at_courier, user) as connection:
        page = connection.changes({}, LONG_AGO, 100)
        assert [seen.folder for seen in page.seen] == [Folder.JUNK]
        assert subjects(connection, page) == ["an answer in junk"]


def test_a_mail_is_heard_of_as_it_comes(at_courier: Courier, user: str) -> None:
    with listening(ImapListening(account(at_courier, user), renewed=0.5)) as heard:
        assert heard.get(timeout=PATIENCE)[0] is Heard.OPENED
        for subject in ("one", "two"):
            began = time.monotonic()
            at_courier.deliver(user, mail(subject))
            assert (
                news(heard) - began < 30
            )  # on a busy machine; the interval at which it looks by itself is 60
            time.sleep(0.7)  # and again after it was renewed


@pytest.mark.parametrize(
    ("option", "cure"), [("disableimap=1", "switch"), ("disableinsecureimap=1", "SSL/TLS or STARTTLS")]
)
def test_an_account_that_may_not_use_imap_is_for_somebody_to_mend(option: str, cure: str) -> None:
    user = "approvals@example.test"
    with (
        courier({user: PASSWORD}, OPTIONS=option) as server,
        connected(server, user) as connection,
        pytest.raises(FixNeeded) as caught,
    ):
        connection.changes({}, LONG_AGO, 100)
    assert "does not let" in caught.value.cause
    assert cure in caught.value.cure
    assert caught.value.not_done
