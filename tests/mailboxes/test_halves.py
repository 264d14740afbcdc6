"""A mailbox of which one kind receives and another sends: what fails on one way rests there alone."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from placet.mailboxes import pool, removal, store
from placet.mailboxes.base import (
    Action,
    FixNeeded,
    Half,
    MailboxError,
    Resting,
    SentMail,
    SignInRefused,
    Wait,
)
from placet.mailboxes.halves import awake
from placet.mailboxes.joined import Joined
from placet.mailboxes.memory import MemoryConnection, MemoryMailbox
from placet.mailboxes.models import Mailbox
from tests.making import make_mailbox

pytestmark = pytest.mark.django_db

RAW = b"From: approvals@example.com\r\nTo: bob@example.com\r\nMessage-ID: <1@example.com>\r\n\r\nPlease decide.\r\n"
SINCE = datetime(2026, 1, 1, tzinfo=UTC)
REFUSED = SignInRefused("The server refused the password.", "Enter it again.")
BUSY = Wait("The server is busy.", "Placet tries again by itself.", 60)
SENT = SentMail("k7f2", "<1@example.com>", "Please decide")


class WithSentFolder(MemoryConnection):
    """As IMAP has one: what another kind sends is put there."""

    def keep_sent(self, raw: bytes) -> None:
        self._mailbox.fail_if_told("keep_sent")
        self._mailbox.folders.setdefault("Sent", []).append(raw.decode())


@pytest.fixture
def inbox() -> MemoryMailbox:
    return MemoryMailbox()


@pytest.fixture
def outgoing() -> MemoryMailbox:
    return MemoryMailbox(keeps_copies=False)


@pytest.fixture
def mailbox(inbox: MemoryMailbox, outgoing: MemoryMailbox, monkeypatch: pytest.MonkeyPatch) -> Mailbox:
    monkeypatch.setattr(pool, "connect", lambda mailbox: Joined(WithSentFolder(inbox), outgoing.connect()))
    mailbox = make_mailbox()
    Mailbox.objects.update(kind="imap", sending_kind="smtp")
    pool.drop(mailbox)
    return now()


def now() -> Mailbox:
    return Mailbox.objects.get()


def looked_into() -> None:
    with pool.opened(now()) as connection:
        list(connection.fetch(connection.changes({}, SINCE, 10).seen, 1000))


def sent() -> None:
    with pool.opened(now()) as connection:
        connection.send(RAW, "k7f2")


def marked() -> None:
    with pool.opened(now()) as connection:
        list(connection.mark(["memory-1"], Action.MARK_READ, ""))


def receiving(mailbox: Mailbox) -> tuple[bool, int, bool]:
    return pool.rests(mailbox), mailbox.failures, bool(mailbox.trouble)


def sending(mailbox: Mailbox) -> tuple[bool, int, bool]:
    return pool.rests(mailbox, Half.SENDING), mailbox.sending_failures, bool(mailbox.sending_trouble)


WORKS, FAILED, WAS_IN_TROUBLE = (False, 0, False), (True, 1, True), (False, 1, True)


def over() -> None:
    """The time of the pauses is over; what was wrong may still be."""
    past = timezone.now() - timedelta(seconds=1)
    Mailbox.objects.exclude(paused_until=None).update(paused_until=past)
    Mailbox.objects.exclude(sending_paused_until=None).update(sending_paused_until=past)


# --- what fails -------------------------------------------------------------------------------------------


def test_a_way_out_that_refuses_the_password_rests_alone(mailbox: Mailbox, outgoing: MemoryMailbox) -> None:
    outgoing.failures = {"send": [REFUSED]}
    with pytest.raises(SignInRefused):
        sent()
    assert (receiving(now()), sending(now())) == (WORKS, FAILED)
    until = now().sending_paused_until
    assert until is not None
    assert until > timezone.now() + timedelta(hours=23)
    trouble = now().sending_trouble
    assert (trouble["cause"], trouble["fix_needed"]) == (REFUSED.cause, True)
    looked_into()


@pytest.mark.parametrize(("operation", "work"), [("changes", looked_into), ("fetch", looked_into)])
def test_a_way_in_that_fails_rests_alone(
    operation: str, work: Callable[[], None], mailbox: Mailbox, inbox: MemoryMailbox
) -> None:
    inbox.failures = {operation: [BUSY]}
    with pytest.raises(Wait):
        work()
    assert (receiving(now()), sending(now())) == (FAILED, WORKS)
    sent()
    assert (receiving(now()), sending(now())) == (FAILED, WORKS)


def test_marking_is_of_the_way_in(mailbox: Mailbox) -> None:
    with pytest.raises(FixNeeded), pool.opened(mailbox) as connection:
        list(connection.mark(["memory-1"], Action.MOVE, "inbox"))
    assert (receiving(now()), sending(now())) == (FAILED, WORKS)


def test_whether_a_mail_went_out_is_asked_of_the_way_in_and_that_is_what_fails(
    mailbox: Mailbox, inbox: MemoryMailbox
) -> None:
    inbox.failures = {"was_sent": [BUSY], "copies_of_sent": [BUSY]}
    with pytest.raises(Wait), pool.opened(now()) as connection:
        connection.was_sent("<1@example.com>", "k7f2", SINCE)
    assert (receiving(now()), sending(now())) == (FAILED, WORKS)
    Mailbox.objects.update(paused_until=None, failures=0, trouble={})
    with pytest.raises(Wait), pool.opened(now()) as connection:
        connection.copies_of_sent([SENT], SINCE)
    assert (receiving(now()), sending(now())) == (FAILED, WORKS)


def test_without_a_sent_folder_copies_are_asked_of_the_way_out(
    mailbox: Mailbox, inbox: MemoryMailbox, outgoing: MemoryMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "connect", lambda mailbox: Joined(inbox.connect(), outgoing.connect()))
    outgoing.failures = {"copies_of_sent": [BUSY]}
    with pytest.raises(Wait), pool.opened(mailbox) as connection:
        connection.copies_of_sent([SENT], SINCE)
    assert (receiving(now()), sending(now())) == (WORKS, FAILED)


def test_a_copy_that_cannot_be_kept_rests_nothing(mailbox: Mailbox, inbox: MemoryMailbox) -> None:
    inbox.failures = {"keep_sent": [BUSY]}
    sent()
    assert (receiving(now()), sending(now())) == (WORKS, WORKS)


def test_each_half_counts_its_own_failures_and_since_when(
    mailbox: Mailbox, inbox: MemoryMailbox, outgoing: MemoryMailbox
) -> None:
    outgoing.failures, inbox.failures = {"send": [BUSY, BUSY, BUSY]}, {"changes": [BUSY]}
    first = ""
    for number in (1, 2, 3):
        with pytest.raises(Wait):
            sent()
        first = first or now().sending_trouble["since"]
        assert (now().sending_failures, now().failures) == (number, 0)
    assert now().sending_trouble["since"] == first < now().sending_trouble["at"]
    with pytest.raises(Wait):
        looked_into()
    assert (now().sending_failures, now().failures) == (3, 1)
    assert now().trouble["since"] == now().trouble["at"] > first


def test_one_kind_that_does_both_rests_as_a_whole(
    mailbox: Mailbox, inbox: MemoryMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    Mailbox.objects.update(sending_kind="")
    monkeypatch.setattr(pool, "connect", lambda mailbox: inbox.connect())
    inbox.failures = {"send": [REFUSED]}
    with pytest.raises(SignInRefused):
        sent()
    assert receiving(now()) == FAILED
    assert pool.rests(now(), Half.SENDING)
    assert (now().sending_paused_until, now().sending_failures, now().sending_trouble) == (None, 0, {})
    looked_into()
    assert receiving(now()) == WORKS


@pytest.mark.parametrize("half", Half)
def test_a_failure_of_settings_that_were_saved_since_says_nothing_of_either_half(
    half: Half, mailbox: Mailbox
) -> None:
    Mailbox.objects.update(secret_set_at=timezone.now())
    error = FixNeeded("The server is gone.", "Enter another.")
    error.half = half
    pool.failed(mailbox, error)
    assert (receiving(now()), sending(now())) == (WORKS, WORKS)


# --- settings that cannot be used ---------------------------------------------------------------------------


def unusable(half: str) -> Mailbox:
    stored: dict[str, Any] = {
        "username": "approvals@example.com", "imap_host": "imap.example.com", "smtp_host": "smtp.example.com",
    }  # fmt: skip
    wrong = {"imap_port": "?"} if half == "imap" else {"smtp_port": "?"}
    mailbox = make_mailbox("approvals@example.com", **stored, **wrong)
    Mailbox.objects.update(kind="imap", sending_kind="smtp")
    pool.drop(mailbox)
    return now()


def test_stored_settings_of_the_way_out_that_are_not_valid_do_not_stop_reading(
    inbox: MemoryMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailbox = unusable("smtp")
    with pytest.raises(FixNeeded) as caught, pool.opened(mailbox) as connection:
        connection.send(RAW, "k7f2")
    assert "Port" in caught.value.cause
    assert (receiving(now()), sending(now())) == (WORKS, FAILED)
    with pool.opened(mailbox) as connection:
        assert isinstance(connection, Joined)
        connection.receiving = inbox.connect()
        connection.changes({}, SINCE, 10)
    assert (receiving(now()), sending(now())) == (WORKS, FAILED)


def test_stored_settings_of_the_way_in_that_are_not_valid_do_not_stop_sending(
    outgoing: MemoryMailbox,
) -> None:
    mailbox = unusable("imap")
    with pytest.raises(FixNeeded), pool.opened(mailbox) as connection:
        connection.changes({}, SINCE, 10)
    assert (receiving(now()), sending(now())) == (FAILED, WORKS)
    over()
    with pool.opened(now()) as connection:
        assert isinstance(connection, Joined)
        connection.sending = outgoing.connect()
        connection.send(RAW, "k7f2")
        with pytest.raises(FixNeeded):
            connection.was_sent(
                "<1@example.com>", "k7f2", SINCE
            )  # nobody knows, and that must not count as "no"
    assert len(outgoing.sent) == 1
    assert (receiving(now()), sending(now())) == (WAS_IN_TROUBLE, WORKS)


# --- what rests is not asked by the other half --------------------------------------------------------------


def test_a_mail_that_goes_out_puts_no_copy_where_the_password_was_refused(
    mailbox: Mailbox, inbox: MemoryMailbox, outgoing: MemoryMailbox
) -> None:
    inbox.failures = {"changes": [REFUSED]}
    with pytest.raises(SignInRefused):
        looked_into()
    sent()
    assert len(outgoing.sent) == 1
    assert inbox.folders == {}
    over()
    sent()
    assert list(inbox.folders) == ["Sent"]


@pytest.mark.parametrize("asked", ["was_sent", "copies_of_sent"])
def test_nor_is_it_asked_there_what_was_sent_and_its_rest_stays_as_it_was(
    asked: str, mailbox: Mailbox, inbox: MemoryMailbox
) -> None:
    inbox.failures = {"changes": [REFUSED]}
    with pytest.raises(SignInRefused):
        looked_into()
    before = now()
    inbox.failures = {"was_sent": [AssertionError()], "copies_of_sent": [AssertionError()]}
    with pytest.raises(Resting) as caught, pool.opened(now()) as connection:
        if asked == "was_sent":
            connection.was_sent("<1@example.com>", "k7f2", SINCE)
        else:
            connection.copies_of_sent([SENT], SINCE)
    assert caught.value.not_done
    assert [now().paused_until, now().failures, now().trouble] == [
        before.paused_until, before.failures, before.trouble,
    ]  # fmt: skip
    assert sending(now()) == WORKS


# --- what works ---------------------------------------------------------------------------------------------


@pytest.fixture
def both_failed(mailbox: Mailbox, inbox: MemoryMailbox, outgoing: MemoryMailbox) -> None:
    inbox.failures, outgoing.failures = {"changes": [BUSY]}, {"send": [BUSY]}
    for work in (looked_into, sent):
        with pytest.raises(Wait):
            work()
    assert (receiving(now()), sending(now())) == (FAILED, FAILED)
    over()


def test_a_look_that_works_ends_the_rest_of_reading_alone(both_failed: None) -> None:
    looked_into()
    assert (receiving(now()), sending(now())) == (WORKS, WAS_IN_TROUBLE)


def test_a_mail_that_goes_out_ends_the_rest_of_sending_alone_though_its_copy_was_kept(
    both_failed: None, inbox: MemoryMailbox
) -> None:
    sent()
    assert list(inbox.folders) == ["Sent"]
    assert (receiving(now()), sending(now())) == (WAS_IN_TROUBLE, WORKS)


def test_a_mark_that_works_ends_the_rest_of_reading_alone(both_failed: None) -> None:
    marked()
    assert (receiving(now()), sending(now())) == (WORKS, WAS_IN_TROUBLE)


@pytest.mark.parametrize(
    "nothing",
    [
        lambda connection: None,
        lambda connection: connection.was_sent("<1@example.com>", "k7f2", SINCE),
        lambda connection: connection.known_as([], "imap"),
        lambda connection: connection.copies_of_sent([], SINCE),
    ],
    ids=["nothing", "was_sent", "known_as", "copies_of_sent"],
)
def test_what_neither_reads_nor_sends_ends_no_rest(nothing: Callable[[Any], None], both_failed: None) -> None:
    with pool.opened(now()) as connection:
        nothing(connection)
    assert (receiving(now()), sending(now())) == (WAS_IN_TROUBLE, WAS_IN_TROUBLE)


def test_what_was_done_in_an_earlier_use_of_the_connection_ends_nothing_in_a_later_one(
    mailbox: Mailbox, outgoing: MemoryMailbox
) -> None:
    sent()
    error: MailboxError = Wait("The server is busy.", "Wait.", 0)
    error.half = Half.SENDING
    pool.failed(now(), error)
    looked_into()
    assert now().sending_failures == 1


def test_a_success_does_not_end_a_rest_that_somebody_else_met_meanwhile(both_failed: None) -> None:
    with pool.opened(now()) as connection:
        error = SignInRefused("The server refused the password.", "Enter it again.")
        error.half = Half.SENDING
        pool.failed(now(), error)
        connection.send(RAW, "k7f2")
    assert now().sending_trouble["cause"] == "The server refused the password."


# --- what ends both -----------------------------------------------------------------------------------------


def test_a_connection_test_that_passed_ends_both(both_failed: None) -> None:
    pool.tested(now())
    assert (receiving(now()), sending(now())) == (WORKS, WORKS)


def test_removing_the_mailbox_ends_both(both_failed: None) -> None:
    removal.remove(now(), by="ada@contoso.example")
    assert [getattr(now(), name) for name in Mailbox.RESTS] == [None, 0, {}, None, 0, {}]


def test_saving_settings_ends_both() -> None:
    entered = {
        "kind": "imap", "sending_kind": "smtp", "username": "approvals@example.com", "imap_host": "imap.example.com",
        "smtp_host": "smtp.example.com", "active": True,
    }  # fmt: skip
    secrets = {"imap_password": "a-secret-of-the-test", "smtp_password": "another"}
    saved = store.save(entered, secrets=secrets, by="ada@contoso.example").mailbox
    for half in Half:
        error = FixNeeded("The password is wrong.", "Enter it again.")
        error.half = half
        pool.failed(saved, error)
    assert (receiving(now()), sending(now())) == (FAILED, FAILED)
    store.save(entered, secrets={"smtp_password": "mended"}, by="ada@contoso.example", mailbox=now())
    assert (receiving(now()), sending(now())) == (WORKS, WORKS)


# --- as the database says it --------------------------------------------------------------------------------


@pytest.mark.parametrize("sending_kind", ["", "smtp"])
@pytest.mark.parametrize("sending_rests", [False, True])
@pytest.mark.parametrize("receiving_rests", [False, True])
def test_the_database_and_the_row_agree_about_who_is_awake(
    receiving_rests: bool, sending_rests: bool, sending_kind: str
) -> None:
    mailbox = make_mailbox()
    at, later = timezone.now(), timezone.now() + timedelta(minutes=1)
    Mailbox.objects.update(
        sending_kind=sending_kind,
        paused_until=later if receiving_rests else at - timedelta(seconds=1),
        sending_paused_until=later if sending_rests else None,
    )
    mailbox.refresh_from_db()
    for half in Half:
        assert Mailbox.objects.filter(awake(half, at)).exists() is not pool.rests(mailbox, half)
