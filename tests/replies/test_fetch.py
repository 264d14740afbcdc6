"""From the mailbox to rows: whole, once, and one bad mail holds up no other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.db import transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from placet import work
from placet.mail import tasks
from placet.mail.models import IncomingMail, ServerTask
from placet.mailboxes import pool
from placet.mailboxes.base import Action, FixNeeded, Folder, MailboxError, MailError, Received, Seen, Wait
from placet.mailboxes.memory import MemoryConnection, MemoryMailbox
from placet.mailboxes.models import Mailbox
from placet.replies import entry, fetch, tell
from tests.making import make_mailbox

SETTINGS: dict[str, Any] = {
    "username": "approvals@contoso.example",
    "client_id": "535fb089-9ff3-47b6-9bfb-4f1264799865",
    "token_uri": "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token",
    "active": True,
}
BUSY = Wait("Exchange did not finish in time.", "Placet tries again by itself.")


@dataclass
class Server(MemoryMailbox):
    """A mailbox in memory with mails that the server lists but fails to give."""

    poison: dict[str, Exception] = field(default_factory=dict)  # by server id
    goes_down_at_a_fetch: bool = False

    def connect(self) -> "ServerConnection":
        return ServerConnection(self)

    def bring(self, count: int) -> list[str]:
        return [self.deliver(mail_of(number)) for number in range(count)]


class ServerConnection(MemoryConnection):
    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self._server = server

    def fetch(self, seen: Sequence[Seen], max_size: int) -> Iterator[Received | tuple[Seen, MailError]]:
        if self._server.goes_down_at_a_fetch:
            self._server.failures["changes"] = [BUSY]
            raise BUSY
        for one in seen:
            if one.server_id in self._server.poison:
                raise self._server.poison[one.server_id]
            yield from super().fetch([one], max_size)


def mail_of(number: int) -> bytes:
    return (
        f"Received: from a by b; {number}\r\nFrom: stranger@fabrikam.example\r\n"
        f"Message-ID: <{number}@fabrikam.example>\r\nSubject: Mail {number}\r\n\r\nHello {number}\r\n"
    ).encode()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    server = Server()
    monkeypatch.setattr(pool, "connect", lambda mailbox: server.connect())
    return server


@pytest.fixture
def mailbox(db: None, server: Server) -> Mailbox:
    mailbox = make_mailbox(**SETTINGS)
    pool.drop(mailbox)  # another test's row may have had the same id
    Mailbox.objects.filter(pk=mailbox.pk).update(since=timezone.now() - timedelta(days=1))
    return mailbox


def poll(mailbox: Mailbox) -> None:
    """One poll, whatever comes of it."""
    Mailbox.objects.filter(pk=mailbox.pk).update(next_poll=timezone.now(), paused_until=None)
    try:
        assert entry.receive(mailbox.pk)
    except MailboxError:
        assert Mailbox.objects.get(pk=mailbox.pk).trouble


def take_in(mailbox: Mailbox) -> None:
    IncomingMail.objects.filter(state="kept").update(due=timezone.now() - timedelta(seconds=1))
    for pk in [*work.incoming_due(100), *work.unread_due(100)]:
        entry.take_in(pk)


def kept() -> set[str]:
    """Server ids of mails that were read whole."""
    return set(IncomingMail.objects.exclude(facts__has_key="unread").values_list("server_id", flat=True))


def unread() -> set[str]:
    return set(IncomingMail.objects.filter(facts__has_key="unread").values_list("server_id", flat=True))


def test_mails_are_kept_in_the_order_in_which_they_came_whatever_the_server_lists_first(
    server: Server, mailbox: Mailbox
) -> None:
    """Gmail lists the newest first; and what lies in Junk is listed behind Inbox."""
    now = timezone.now()
    ids = [
        server.deliver(mail_of(number), received_at=now - timedelta(minutes=number)) for number in range(4)
    ]
    poll(mailbox)
    assert list(IncomingMail.objects.order_by("pk").values_list("server_id", flat=True)) == ids[::-1]


# -- one mail that the server does not give ------------------------------------------------------------------


def test_what_came_before_an_error_is_kept(mailbox: Mailbox, server: Server) -> None:
    ids = server.bring(5)
    server.poison[ids[2]] = BUSY
    poll(mailbox)
    assert kept() == {ids[0], ids[1]}
    assert {row.facts["kind"] for row in IncomingMail.objects.all()} == {mailbox.kind}
    assert Mailbox.objects.get().trouble["cause"] == BUSY.cause


@pytest.mark.parametrize(
    "error",
    [
        BUSY,
        FixNeeded("There are no Exchange Web Services here (HTTP 404).", "Check the address."),
        ZeroDivisionError(),
    ],
)
def test_after_two_failures_the_mail_that_fails_alone_is_found_and_the_others_come(
    mailbox: Mailbox, server: Server, error: Exception
) -> None:
    ids = server.bring(5)
    server.poison[ids[2]] = error
    for _ in range(3):
        poll(mailbox)
    assert kept() == {*ids} - {ids[2]}
    assert unread() == {ids[2]}
    later = server.bring(3)
    poll(mailbox)
    assert {*later} <= kept() | {row.server_id for row in IncomingMail.objects.filter(state="duplicate")}
    assert Mailbox.objects.get().trouble == {}
    assert fetch.FAILED_FETCHES not in Mailbox.objects.get().cursor


def test_several_such_mails_in_one_page_are_all_found(mailbox: Mailbox, server: Server) -> None:
    ids = server.bring(30)
    bad = {ids[0], ids[7], ids[29]}
    server.poison = dict.fromkeys(bad, BUSY)
    for _ in range(3):
        poll(mailbox)
    assert (unread(), kept()) == (bad, {*ids} - bad)


def test_no_mail_is_blamed_while_the_mailbox_as_a_whole_fails(mailbox: Mailbox, server: Server) -> None:
    ids = server.bring(3)
    server.goes_down_at_a_fetch = True
    for _ in range(5):
        poll(mailbox)
        server.failures["changes"] = []
    assert not IncomingMail.objects.exists()
    server.goes_down_at_a_fetch = False
    poll(mailbox)
    assert (kept(), unread()) == ({*ids}, set())


def test_no_mail_is_blamed_for_a_server_that_asks_for_patience_at_the_door(
    mailbox: Mailbox, server: Server
) -> None:
    ids = server.bring(3)
    throttled = Wait("Exchange is busy (HTTP 429).", "Placet tries again by itself.", 30)
    throttled.not_done = True
    server.poison = {ids[1]: throttled}
    for _ in range(5):
        poll(mailbox)
    assert (kept(), unread()) == ({ids[0]}, set())
    server.poison = {}
    poll(mailbox)
    assert kept() == {*ids}


def test_single_mails_that_take_minutes_do_not_hold_up_the_other_mailboxes(
    mailbox: Mailbox, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = server.bring(3)
    server.poison = dict.fromkeys(ids, BUSY)
    monkeypatch.setattr(fetch, "LONGEST_ALONE", -1.0)
    for _ in range(3):
        poll(mailbox)
    assert "takes minutes" in Mailbox.objects.get().trouble["cause"]


def test_a_mail_that_is_never_given_uses_up_its_own_tries_and_stays_on_the_server(
    mailbox: Mailbox, server: Server
) -> None:
    ids = server.bring(2)
    server.poison[ids[0]] = BUSY
    for _ in range(3):
        poll(mailbox)
    for _ in range(entry.MOST_TRIES):
        take_in(mailbox)
    row = IncomingMail.objects.get(server_id=ids[0])
    assert row.state == IncomingMail.State.SET_ASIDE
    assert row.reason == f"The server does not give the mail. {BUSY.cause}"
    assert Mailbox.objects.get().paused_until is None  # the mailbox worked all the time
    assert not ServerTask.objects.filter(incoming=row).exists()
    assert server.present(ids[0])


def test_a_mail_that_the_server_gives_later_is_taken_in_whole(mailbox: Mailbox, server: Server) -> None:
    (id_,) = server.bring(1)
    server.broken[id_] = MailError("Corrupt.", "ErrorCorruptData")
    poll(mailbox)
    take_in(mailbox)
    assert unread() == {id_}
    del server.broken[id_]
    take_in(mailbox)
    row = IncomingMail.objects.get()
    assert (bytes(row.raw), row.state) == (mail_of(0), IncomingMail.State.HANDLED)
    assert row.facts["kind"] == mailbox.kind


def test_a_mail_that_is_gone_before_it_could_be_read_is_set_aside_in_words(
    mailbox: Mailbox, server: Server
) -> None:
    gone, other = server.bring(2)
    server.poison[gone] = BUSY
    for _ in range(3):
        poll(mailbox)
    assert unread() == {gone}
    server.poison = {}
    list(server.connect().mark([gone], Action.DELETE, ""))
    take_in(mailbox)
    row = IncomingMail.objects.get(server_id=gone)
    assert (row.state, row.result, row.tries, row.claim) == (IncomingMail.State.SET_ASIDE, "set_aside", 1, "")
    assert row.reason == "The mail was gone from the server before it could be fetched."
    assert row.handled_at is not None
    assert not ServerTask.objects.filter(incoming=row).exists()  # nothing is there that could be moved
    assert IncomingMail.objects.get(server_id=other).state == IncomingMail.State.HANDLED
    assert Mailbox.objects.get().paused_until is None


def test_the_mailboxs_failure_while_a_mail_is_asked_for_uses_up_no_try(
    mailbox: Mailbox, server: Server
) -> None:
    (id_,) = server.bring(1)
    server.broken[id_] = MailError("Corrupt.", "ErrorCorruptData")
    poll(mailbox)
    row = IncomingMail.objects.get()
    for _ in range(entry.MOST_TRIES + 2):
        server.failures["fetch"] = [FixNeeded("The secret has expired.", "Make a new one.")]
        server.failures["changes"] = [FixNeeded("The secret has expired.", "Make a new one.")]
        Mailbox.objects.update(paused_until=None)
        IncomingMail.objects.update(due=timezone.now())
        with pytest.raises(FixNeeded):
            entry.take_in(row.pk)
        row.refresh_from_db()
        assert (row.state, row.tries, row.claim) == (IncomingMail.State.KEPT, 0, "")
        assert timezone.now() < row.due <= timezone.now() + entry.FIRST_PAUSE


@pytest.mark.django_db(transaction=True)
def test_a_mail_that_proves_to_be_a_known_one_once_it_is_read_goes_where_that_went(
    transactional_db: None, mailbox: Mailbox, server: Server
) -> None:
    first = server.deliver(mail_of(1))
    poll(mailbox)
    known = IncomingMail.objects.get()
    tasks.move(known, "Placet/Processed")
    again = server.deliver(mail_of(1))
    server.poison[again] = BUSY
    for _ in range(3):
        poll(mailbox)
    assert unread() == {again}
    server.poison = {}
    take_in(mailbox)
    row = IncomingMail.objects.get(server_id=again)
    assert (row.state, row.same_as_id) == (IncomingMail.State.DUPLICATE, known.pk)
    assert set(ServerTask.objects.values_list("incoming__server_id", "folder")) == {
        (first, "Placet/Processed"), (again, "Placet/Processed"),
    }  # fmt: skip


def test_a_mail_that_is_read_later_is_kept_whole_under_the_id_it_has_then(
    mailbox: Mailbox, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    (id_,) = server.bring(1)
    server.poison[id_] = BUSY
    for _ in range(3):
        poll(mailbox)
    server.poison = {}
    now = server.show_again(id_)
    monkeypatch.setattr(entry, "ids_here", lambda connection, mailbox, mails: {mails[0].pk: now})
    take_in(mailbox)
    row = IncomingMail.objects.get()
    assert (row.server_id, row.state) == (now, IncomingMail.State.HANDLED)
    assert bytes(row.raw) == mail_of(0)
    assert row.fingerprint == fetch.fingerprint(next(iter(fetch_one(server, now))))
    assert "unread" not in row.facts


def fetch_one(server: Server, server_id: str) -> Iterator[Received]:
    for one in server.connect().fetch([Seen(server_id, Folder.INBOX, None)], 10**9):
        assert isinstance(one, Received)
        yield one


def test_one_that_only_the_other_way_knows_is_set_aside_in_words(
    mailbox: Mailbox, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    (id_,) = server.bring(1)
    server.poison[id_] = BUSY
    for _ in range(3):
        poll(mailbox)
    monkeypatch.setattr(entry, "ids_here", lambda connection, mailbox, mails: {})
    take_in(mailbox)
    row = IncomingMail.objects.get()
    assert (row.state, row.reason) == (IncomingMail.State.SET_ASIDE, entry.MOVED_UNREAD)
    assert not ServerTask.objects.exists()


def test_a_mail_that_cannot_be_stored_stays_on_the_server(
    mailbox: Mailbox, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    (id_,) = server.bring(1)
    server.broken[id_] = MailError("Corrupt.", "ErrorCorruptData")
    poll(mailbox)
    del server.broken[id_]

    def fails(*_: object) -> IncomingMail:
        raise ZeroDivisionError

    monkeypatch.setattr(entry, "first_of", fails)
    for _ in range(entry.MOST_TRIES):
        take_in(mailbox)
    assert IncomingMail.objects.get().state == IncomingMail.State.SET_ASIDE
    assert not ServerTask.objects.exists()


def test_an_unread_mail_of_a_mailbox_that_rests_is_not_asked_for(mailbox: Mailbox, server: Server) -> None:
    ids = server.bring(2)
    server.broken[ids[0]] = MailError("Corrupt.", "ErrorCorruptData")
    poll(mailbox)
    bad, good = (IncomingMail.objects.get(server_id=id_) for id_ in ids)
    assert (work.incoming_due(10), work.unread_due(10)) == ([good.pk], [bad.pk])
    soon = timezone.now() + timedelta(minutes=1)
    for rest in ({"paused_until": soon}, {"paused_until": None, "active": False}):
        Mailbox.objects.update(**rest)
        assert (work.incoming_due(10), work.unread_due(10)) == (
            [good.pk],
            [],
        )  # what was read needs no server
        assert not entry.take_in(bad.pk)  # one that was looked up just before
        assert not IncomingMail.objects.filter(tries__gt=0).exists()
        IncomingMail.objects.update(due=timezone.now() - timedelta(seconds=1))


# -- what nobody foresaw -------------------------------------------------------------------------------------


def test_a_mail_that_placet_fails_to_keep_is_remembered_and_the_others_are_kept(
    mailbox: Mailbox, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = server.bring(3)
    real = fetch.facts_of

    def fails(received: Received) -> dict[str, object]:
        if received.server_id == ids[1]:
            raise ZeroDivisionError
        return real(received)

    monkeypatch.setattr(fetch, "facts_of", fails)
    poll(mailbox)
    assert (kept(), unread()) == ({ids[0], ids[2]}, {ids[1]})
    assert "ZeroDivisionError" in IncomingMail.objects.get(server_id=ids[1]).facts["error"]


def test_an_error_that_nobody_foresaw_is_shown_to_administrators(mailbox: Mailbox, server: Server) -> None:
    server.failures["changes"] = [ZeroDivisionError("secret words of a mail")]
    poll(mailbox)
    now = Mailbox.objects.get()
    assert now.trouble["cause"] == (
        "Placet itself failed while reading the mailbox: ZeroDivisionError. See the log."
    )
    assert now.paused_until is not None
    assert now.claim == ""
    poll(mailbox)
    assert Mailbox.objects.get().trouble == {}


def invalid() -> bool:
    trouble = Mailbox.objects.get().trouble
    return trouble["fix_needed"] and "Poll interval" in trouble["cause"]


def test_settings_that_are_no_longer_valid_are_shown_and_use_up_no_tries(
    mailbox: Mailbox, server: Server
) -> None:
    server.bring(1)
    poll(mailbox)
    Mailbox.objects.update(settings={**SETTINGS, "poll_seconds": "soon"})
    poll(mailbox)
    assert invalid()
    Mailbox.objects.update(trouble={})
    with pytest.raises(FixNeeded):
        take_in(mailbox)
    assert invalid()
    row = IncomingMail.objects.get()
    assert (row.tries, row.claim, row.state) == (0, "", IncomingMail.State.KEPT)
    Mailbox.objects.update(settings=SETTINGS)
    take_in(mailbox)
    assert IncomingMail.objects.get().state == IncomingMail.State.HANDLED


def test_what_the_database_does_not_store_in_texts_is_replaced_and_never_left_out() -> None:
    assert fetch.storable("a\x00b\ud800c\u2713") == "a\ufffdb?c\u2713"


# -- pages ---------------------------------------------------------------------------------------------------


def test_a_mail_listed_twice_in_one_page_is_kept_once(
    mailbox: Mailbox, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = server.bring(3)
    server.broken[ids[2]] = MailError("Corrupt.", "ErrorCorruptData")
    real = ServerConnection.changes

    def twice(self: ServerConnection, *given: Any) -> Any:
        page = real(self, *given)
        return replace(page, seen=[*page.seen, *page.seen])

    monkeypatch.setattr(ServerConnection, "changes", twice)
    poll(mailbox)
    assert list(IncomingMail.objects.order_by("pk").values_list("server_id", flat=True)) == ids
    assert Mailbox.objects.get().trouble == {}


def test_another_worker_that_remembered_a_mail_at_the_same_time_is_no_error(mailbox: Mailbox) -> None:
    seen = Seen("memory-7", Folder.INBOX)
    with transaction.atomic():
        for _ in range(2):
            fetch._keep_unread(mailbox, seen, "Corrupt.")
    assert IncomingMail.objects.count() == 1
    received = a_mail(mail_of(1), server_id="memory-8")
    with transaction.atomic():
        fetch._keep(mailbox, received)
        for _ in range(2):
            fetch._keep(mailbox, replace(received, server_id="memory-9"))
    assert IncomingMail.objects.filter(server_id="memory-9").count() == 1


def test_a_server_that_forgets_every_page_is_not_asked_without_end(
    mailbox: Mailbox, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.bring(3)
    real = ServerConnection.changes
    asked = 0

    def forgets(self: ServerConnection, cursor: Any, since: Any, limit: int) -> Any:
        nonlocal asked
        asked += 1
        assert asked < 10
        return replace(real(self, {}, since, 1), restarted=True)

    monkeypatch.setattr(ServerConnection, "changes", forgets)
    poll(mailbox)
    assert asked == 2
    assert Mailbox.objects.get().claim == ""


@pytest.mark.parametrize(("minutes", "is_kept"), [(9, True), (11, False)])
def test_mail_from_up_to_ten_minutes_before_activation_is_looked_at(
    mailbox: Mailbox, server: Server, minutes: int, is_kept: bool
) -> None:
    now = timezone.now()
    Mailbox.objects.update(since=now)
    server.deliver(mail_of(1), received_at=now - timedelta(minutes=minutes))
    poll(mailbox)
    assert IncomingMail.objects.exists() is is_kept


# -- the same mail, or another -------------------------------------------------------------------------------


def a_mail(raw: bytes, headers: str = "", server_id: str = "1") -> Received:
    return Received(server_id, Folder.INBOX, raw, headers, "IPM.Note", None, len(raw))


def test_two_mails_that_never_travelled_differ_by_their_text() -> None:
    head = b"From: ann@contoso.example\r\nSubject: Re: Desk\r\n\r\n"
    yes, no = (a_mail(head + text) for text in (b"approve", b"reject"))
    assert fetch.fingerprint(yes) != fetch.fingerprint(no)
    assert fetch.fingerprint(yes) == fetch.fingerprint(replace(yes, server_id="2"))
    # Exchange gives no transport headers of such mails; those of the MIME stand in.
    given = head.decode()
    assert fetch.fingerprint(replace(yes, transport_headers=given)) != fetch.fingerprint(
        replace(no, transport_headers=given)
    )


def test_a_mail_that_travelled_is_known_by_its_headers_however_its_text_is_rebuilt() -> None:
    headers = "Received: from a by b; Tue\r\nMessage-ID: <1@contoso.example>\r\n"
    once = a_mail(b"Subject: a\r\n\r\n--one\r\n", headers)
    again = a_mail(b"Subject: a\r\n\r\n--two\r\n", headers)
    assert fetch.fingerprint(once) == fetch.fingerprint(again)


def test_two_replies_with_the_same_headers_and_other_words_are_both_kept(
    mailbox: Mailbox, server: Server
) -> None:
    head = b"From: ann@contoso.example\r\nMessage-ID: <1@contoso.example>\r\n\r\n"
    server.deliver(head + b"approve")
    server.deliver(head + b"reject")
    poll(mailbox)
    assert [bytes(row.raw) for row in IncomingMail.objects.order_by("pk")] == [
        head + b"approve",
        head + b"reject",
    ]


# -- what is read from the database --------------------------------------------------------------------------


def test_the_bytes_of_a_mail_are_not_loaded_where_nobody_reads_them(mailbox: Mailbox, server: Server) -> None:
    (id_,) = server.bring(1)
    poll(mailbox)
    row = IncomingMail.objects.get()
    ServerTask.objects.create(incoming=row, action="mark_read")
    server.show_again(id_)
    with CaptureQueriesContext(
        database,
    ) as asked:
        poll(mailbox)
        assert tasks.work(ServerTask.objects.get(incoming=row).pk)
    read = [query["sql"] for query in asked if query["sql"].startswith("SELECT")]
    assert [sql for sql in read if '"mail_incomingmail"."raw"' in sql] == []
    assert IncomingMail.objects.filter(state="duplicate").count() == 1


def test_what_a_server_stamped_is_cut_for_the_mail_log(mailbox: Mailbox, server: Server) -> None:
    stamp = "X-MS-Exchange-Organization-AuthAs: " + "a" * 5000
    server.deliver(mail_of(1), transport_headers=f"{stamp}\r\nFrom: a@b.example\r\n")
    poll(mailbox)
    take_in(mailbox)
    assert IncomingMail.objects.get().verdict["auth_as"] == ["a" * tell.LONGEST_STAMP]
