"""From an IMAP server to rows and back, each mail once: renumbered folders, and whoever is killed in between."""

import shutil
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from django.utils import timezone
from imapclient import IMAPClient

from placet import work
from placet.mail import tasks
from placet.mail.models import IncomingMail, ServerTask
from placet.mailboxes import pool
from placet.mailboxes.base import Action
from placet.mailboxes.imap.client import Client
from placet.mailboxes.imap.connection import ImapConnection
from placet.mailboxes.models import Mailbox
from placet.replies import entry
from tests.servers.dovecot import Dovecot

from .conftest import PASSWORD, account, mail

pytestmark = pytest.mark.any_database

Other = Callable[[Dovecot], IMAPClient]


class Killed(BaseException):
    """No `except Exception` goes on after it."""


def row_of(server: Dovecot, user: str, **settings: Any) -> Mailbox:
    mailbox = Mailbox.objects.create(
        name=user,
        address=user,
        kind="imap",
        protocol="imap",
        active=True,
        since=timezone.now() - timedelta(days=1),
        secrets={"imap_password": PASSWORD},
        settings={
            "username": user,
            "imap_host": "localhost",
            "imap_port": server.ports["imaps"],
            "imap_security": "ssl",
            "active": True,
            **settings,
        },
    )
    pool.drop(mailbox)  # another test's row may have had the same id
    return mailbox


def poll(mailbox: Mailbox) -> None:
    Mailbox.objects.filter(pk=mailbox.pk).update(next_poll=timezone.now(), paused_until=None)
    assert entry.receive(mailbox.pk)
    assert Mailbox.objects.get(pk=mailbox.pk).trouble == {}


def put_away(mailbox: Mailbox) -> None:
    """Every mail that is kept is handled, and its mark on the server made."""
    for incoming in IncomingMail.objects.filter(mailbox=mailbox, same_as=None, server_task=None):
        tasks.handled(incoming, pool.settings_of(mailbox))
    marked(mailbox)


def marked(mailbox: Mailbox) -> None:
    ServerTask.objects.filter(done_at=None).update(due=timezone.now() - timedelta(seconds=1), claim="")
    while due := tasks.due(100):
        tasks.work(due[0])


def first_rows(mailbox: Mailbox) -> list[IncomingMail]:
    return list(IncomingMail.objects.filter(mailbox=mailbox, same_as=None).order_by("pk"))


def processed(other: IMAPClient, prefix: str = "", separator: str = "/") -> list[int]:
    other.select_folder(f"{prefix}Placet{separator}Processed")
    uids: list[int] = other.search(["NOT", "DELETED"])
    return uids


def in_inbox(other: IMAPClient) -> list[int]:
    other.select_folder("INBOX")
    uids: list[int] = other.search(["NOT", "DELETED"])
    return uids


def renumber(server: Dovecot, user: str) -> None:
    """As after a restore: every folder counts from one again, under another UIDVALIDITY, and in another order."""
    server.doveadm("kick", user)
    for folder in (server.maildir(user), *server.maildir(user).glob(".*")):
        for name in ("dovecot-uidlist", "dovecot.index", "dovecot.index.log", "dovecot.index.cache"):
            (folder / name).unlink(missing_ok=True)
    shutil.rmtree(server.maildir(user) / "dovecot.list.index", ignore_errors=True)


def test_a_folder_that_is_renumbered_in_the_middle_loses_and_repeats_nothing(
    db: None, server: Dovecot, user: str, other_program: Other
) -> None:
    for number in range(7):
        server.deliver(user, mail(f"number {number}"))
    mailbox = row_of(server, user, mails_per_poll=3)
    poll(mailbox)
    assert len(first_rows(mailbox)) == 3
    renumber(server, user)
    server.deliver(user, mail("number 7"))
    for _ in range(5):
        poll(mailbox)
    rows = first_rows(mailbox)
    assert sorted(bytes(row.raw).split(b"number ")[1][:1] for row in rows) == [
        b"%d" % number for number in range(8)
    ]
    again = IncomingMail.objects.filter(mailbox=mailbox).exclude(same_as=None)
    assert {row.state for row in again} == {"duplicate"}
    put_away(mailbox)
    other = other_program(server)
    assert (in_inbox(other), len(processed(other))) == ([], 8)


def test_what_was_put_away_before_a_renumbering_stays_there(
    db: None, server: Dovecot, user: str, other_program: Other
) -> None:
    for number in range(3):
        server.deliver(user, mail(f"number {number}"))
    mailbox = row_of(server, user)
    poll(mailbox)
    put_away(mailbox)
    renumber(server, user)
    server.deliver(user, mail("number 3"))
    poll(mailbox)
    put_away(mailbox)
    other = other_program(server)
    assert (in_inbox(other), len(processed(other)), len(first_rows(mailbox))) == ([], 4, 4)


STEPS = (("store", 1), ("copy", 1), ("store", 2), ("expunge", 1))  # which call of it


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("step", "number"), STEPS)
def test_whoever_is_killed_while_a_mail_is_copied_and_taken_out_leaves_one_of_it(
    db: None,
    without_extensions: Dovecot,
    user: str,
    other_program: Other,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    number: int,
    when: str,
) -> None:
    server = without_extensions
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(server.authority.certificate))
    for subject in ("one", "two", "three"):
        server.deliver(user, mail(subject))
    mailbox = row_of(server, user)
    poll(mailbox)
    for incoming in first_rows(mailbox):
        tasks.handled(incoming, pool.settings_of(mailbox))
    done, calls = getattr(Client, step), count(1)

    def killed(self: Client, *arguments: Any, **named: Any) -> object:
        if next(calls) < number:
            return done(self, *arguments, **named)
        if when == "after":
            done(self, *arguments, **named)
        raise Killed

    monkeypatch.setattr(Client, step, killed)
    with pytest.raises(Killed):
        marked(mailbox)
    monkeypatch.undo()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(server.authority.certificate))
    monkeypatch.setattr("placet.mailboxes.http.private_targets", lambda: ["127.0.0.0/8"])
    pool.drop(mailbox)  # another process goes on
    marked(mailbox)
    other = other_program(server)
    assert (in_inbox(other), len(processed(other, "INBOX.", "."))) == ([], 3)


def test_whoever_is_killed_before_a_move_is_written_down_moves_nothing_twice(
    db: None, server: Dovecot, user: str, other_program: Other
) -> None:
    server.deliver(user, mail("one"))
    mailbox = row_of(server, user)
    poll(mailbox)
    [row] = first_rows(mailbox)
    tasks.handled(row, pool.settings_of(mailbox))
    with pool.opened(mailbox) as connection:  # it moved it, and was killed before it could say so
        list(connection.mark([row.server_id], Action.MOVE, "Placet/Processed"))
    marked(mailbox)
    assert ServerTask.objects.get().done_at is not None
    poll(mailbox)
    assert work.incoming_due(100) == [row.pk]
    assert len(processed(other_program(server))) == 1


def test_a_mail_moved_from_junk_while_both_are_listed_is_not_said_to_be_read_past(
    server: Dovecot, user: str, other_program: Other, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inbox is listed without it, then it goes there, then Junk is listed without it."""
    other = other_program(server)
    other.append("Junk", mail("an answer in junk"))
    connection = ImapConnection(account(server, user))
    examine = Client.examine

    def and_moved_before_junk(self: Client, name: bytes) -> object:
        if name == b"Junk":
            monkeypatch.undo()
            other.select_folder("Junk")
            other.move([1], "INBOX")
        return examine(self, name)

    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(server.authority.certificate))
    monkeypatch.setattr(Client, "examine", and_moved_before_junk)
    connection.run(lambda session: None)
    page = connection.changes({}, timezone.now() - timedelta(days=1), 100)
    assert (list(page.seen), page.complete) == ([], False)
    again = connection.changes(page.cursor, timezone.now() - timedelta(days=1), 100)
    assert (len(again.seen), again.complete) == (1, True)
    connection.close()
