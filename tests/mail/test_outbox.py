"""Mail out: written once, sent once, at a pace, and never in silence given up."""

import email
import email.policy
import re
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import getaddresses
from itertools import pairwise
from typing import Any

import pytest
import time_machine
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from placet import __version__
from placet.mail import outbox
from placet.mail.models import OutgoingMail
from placet.mailboxes import pool
from placet.mailboxes.base import FixNeeded, MailError, Refused, Wait
from placet.mailboxes.memory import MemoryConnection, MemoryMailbox
from placet.mailboxes.models import Mailbox
from placet.workers import leases
from tests.dying import the_worker_dies
from tests.making import damage, make_mailbox

pytestmark = pytest.mark.django_db
Priority = OutgoingMail.Priority
WAIT = Wait("The server is busy.", "Placet tries again by itself.")


def not_done() -> Wait:
    """The server says that it did nothing."""
    error = Wait("The server is busy.", "Placet tries again by itself.")
    error.not_done = True
    return error


def write(mailbox: Mailbox, cause: str = "test:1", **more: Any) -> OutgoingMail:
    values: dict[str, Any] = {
        "kind": "ask",
        "to": "bob@contoso.example",
        "to_name": "Bob Manager",
        "subject": "Please decide: Desk",
        "text": "Please decide.",
        "html": "<p>Please decide.</p>",
        "priority": Priority.ASK,
        "reference": outbox.new_reference(),
    }
    with transaction.atomic():
        return outbox.queue(mailbox, cause=cause, **values | more)


def parsed(mail: OutgoingMail) -> EmailMessage:
    return email.message_from_bytes(bytes(mail.raw), policy=email.policy.default)


def due_now() -> None:
    OutgoingMail.objects.update(due=timezone.now() - timedelta(seconds=1))
    Mailbox.objects.update(paused_until=None)


def again(mail: OutgoingMail) -> OutgoingMail:
    mail.refresh_from_db()
    return mail


# --- writing --------------------------------------------------------------------------------------------------


def test_a_mail_is_written_whole(mailbox: Mailbox) -> None:
    mail = write(mailbox, reply_to="approvals+abc@contoso.example", in_reply_to="id@mail.example")
    message = parsed(mail)
    assert message["From"] == "Placet <approvals@contoso.example>"
    assert message["To"] == "Bob Manager <bob@contoso.example>"
    assert message["Reply-To"] == "approvals+abc@contoso.example"
    assert message["Message-ID"] == mail.message_id == f"<{mail.reference}@contoso.example>"
    assert message["In-Reply-To"] == message["References"] == "<id@mail.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert abs(timezone.now() - message["Date"].datetime) < timedelta(minutes=1)
    assert message["X-Auto-Response-Suppress"] == "OOF, AutoReply"
    assert message[outbox.REFERENCE_HEADER] == mail.reference
    assert re.fullmatch("[0-9a-f]{16}", mail.reference)
    assert message["X-Mailer"] == f"Placet {__version__}"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert (mail.state, mail.tries, mail.subject) == ("waiting", 0, "Please decide: Desk")


def test_a_mailbox_with_a_domain_in_unicode_writes_too(mailbox: Mailbox) -> None:
    """As settings of an older version kept it."""
    mailbox.address = "approvals@bücher.example"
    message = parsed(write(mailbox, to="bob@bücher.example", reply_to="approvals+abc@bücher.example"))
    assert message["From"] == "Placet <approvals@xn--bcher-kva.example>"
    assert message["Message-ID"].endswith("@xn--bcher-kva.example>")
    assert message["To"].addresses[0].addr_spec == "bob@xn--bcher-kva.example"
    assert message["Reply-To"] == "approvals+abc@xn--bcher-kva.example"


def test_of_a_long_subject_the_row_keeps_the_beginning(mailbox: Mailbox) -> None:
    mail = write(mailbox, subject="x" * 600)
    assert again(mail).subject == "x" * 500
    assert parsed(mail)["Subject"] == "x" * 600


def test_the_same_kind_recipient_and_cause_is_the_same_mail(mailbox: Mailbox) -> None:
    first = write(mailbox)
    assert write(mailbox, subject="Another subject") == first
    assert again(first).subject == "Please decide: Desk"
    others = [
        write(mailbox, "test:2"),
        write(mailbox, kind="notice"),
        write(mailbox, to="carol@contoso.example"),
    ]
    assert len({first.pk, *(mail.pk for mail in others)}) == 4


@pytest.mark.django_db(transaction=True)
def test_a_mail_is_queued_in_the_transaction_of_its_cause(mailbox: Mailbox) -> None:
    values: dict[str, Any] = {
        "kind": "x",
        "to": "b@contoso.example",
        "cause": "c",
        "subject": "s",
        "text": "t",
        "html": "h",
    }
    with pytest.raises(RuntimeError, match="transaction"):
        outbox.queue(mailbox, **values, priority=Priority.ASK, reference=outbox.new_reference())


# --- what people wrote cannot change the mail -----------------------------------------------------------------

HEADERS = {
    "From", "To", "Reply-To", "Message-ID", "In-Reply-To", "References", "Subject", "Date", "X-Auto-Response-Suppress",
    "Auto-Submitted", "X-Mailer", outbox.REFERENCE_HEADER, "Content-Type", "MIME-Version",
}  # fmt: skip
BREAKS = [
    "\r\n",
    "\n",
    "\r",
    "\x00",
    "\x0b",
    "\x0c",
    "\x1c",
    "\x85",
    "\u2028",
    "\r\n\r\n",
    "\r\n ",
    "%0d%0a",
    "\\r\\n",
]


def only_bob(mail: OutgoingMail) -> None:
    """Read by two parsers, the mail goes to Bob, and holds no header but ours."""
    message = parsed(mail)
    assert set(message.keys()) <= HEADERS
    assert len(message.keys()) == len(set(message.keys()))
    assert [address.addr_spec for address in message["To"].addresses] == ["bob@contoso.example"]
    assert [address.addr_spec for address in message["From"].addresses] == ["approvals@contoso.example"]
    old = email.message_from_bytes(bytes(mail.raw))
    assert [address for _, address in getaddresses([str(old["To"])])] == ["bob@contoso.example"]
    head = bytes(mail.raw).partition(b"\r\n\r\n")[0]
    assert head.isascii()
    assert b"\n" not in head.replace(b"\r\n", b"")
    assert all(len(line) <= 998 for line in head.split(b"\r\n"))


@pytest.mark.parametrize("end", BREAKS)
def test_no_line_break_starts_a_header(mailbox: Mailbox, end: str) -> None:
    evil = f"Desk{end}Bcc: evil@x.test{end}{end}body"
    mail = write(mailbox, subject=evil, to_name=evil, in_reply_to=f"id@x.test>{end}Bcc: evil@x.test")
    only_bob(mail)
    assert "In-Reply-To" not in parsed(mail)
    assert "\n" not in mail.subject


@pytest.mark.parametrize(
    "name",
    [
        "Doe, John",
        '"Bob" <evil@x.test>',
        "evil@x.test",
        "evil@x.test,",
        "Bob <evil@x.test>, Bob",
        "a, b" * 30,  # longer than a line
        "Long " * 20 + ", evil@x.test <evil@x.test>",
        "é" * 30 + ", evil@x.test, " + "A" * 60,
        "=?utf-8?q?evil=40x=2Etest=2C?=",
        "=?utf-8?q?x?= <evil@x.test>",
        "=?utf-8?b?DQpCY2M6IGV2aWxAeC50ZXN0?=",
        'back\\slash\\"',
        "(comment) group: evil@x.test;",
        "\ud800 half",
        "\udfff other half",
        "\u202e right to left",
        "",
        " ",
    ],
)
def test_no_name_adds_a_recipient(mailbox: Mailbox, name: str) -> None:
    only_bob(write(mailbox, to_name=name[:200]))


@pytest.mark.parametrize(
    "name", ["Doe, John", 'Bob "the boss"', "Jörg Müller", "Ο Νίκος, πρόεδρος", "李四", "a, b" * 30]
)
def test_names_arrive_as_they_are(mailbox: Mailbox, name: str) -> None:
    assert parsed(write(mailbox, to_name=name))["To"].addresses[0].display_name == name


def test_no_text_changes_the_mail(mailbox: Mailbox) -> None:
    wild = st.text(max_size=200) | st.text(alphabet='ab ,;:<>@"\\()[]=?é\r\n\t.', max_size=200)

    @given(wild, wild, wild)
    @settings(deadline=None, max_examples=100, suppress_health_check=list(HealthCheck))
    def only_bob_gets_it(name: str, subject: str, in_reply_to: str) -> None:
        with transaction.atomic():
            subject, text = subject.encode("utf-8", "ignore").decode(), "t"
            mail = write(mailbox, to_name=name, subject=subject, in_reply_to=in_reply_to, text=text)
            only_bob(mail)
            transaction.set_rollback(True)

    only_bob_gets_it()


@pytest.mark.parametrize(
    "address",
    [
        "bob",
        "bob@contoso.example, evil@x.test",
        "bob@contoso.example>\r\nBcc: evil@x.test",
        "<evil@x.test>",
        "",
    ],
)
def test_what_is_no_address_is_not_written_to(mailbox: Mailbox, address: str) -> None:
    with pytest.raises(Exception) as error:
        write(mailbox, to=address)
    assert not OutgoingMail.objects.exists(), error


def test_domains_in_other_scripts_are_written_in_ascii(mailbox: Mailbox) -> None:
    mail = write(mailbox, to="bob@exämple.example")
    assert b"To: Bob Manager <bob@xn--exmple-cua.example>\r\n" in bytes(mail.raw)


@pytest.mark.parametrize("length", [20, 70, 100, 240])
def test_ids_are_written_as_they_are_however_long(mailbox: Mailbox, length: int) -> None:
    """An encoded or folded id would tear the reply out of its thread."""
    given_id = "A" * length + "@eurprd04.example"
    mail = write(
        mailbox,
        in_reply_to=given_id,
        reply_to=f"approvals+abcdefghijklmnop@{'long-' * 10}.example".replace("-.", "."),
    )
    head = bytes(mail.raw).partition(b"\r\n\r\n")[0]
    for name in (b"In-Reply-To", b"References"):
        assert (b"%s: <%s>" % (name, given_id.encode()) in head) == (length + 17 <= 250)
    assert re.search(rb"(?m)^Reply-To: approvals\+abcdefghijklmnop@long-[a-z-]+\.example\r?$", head)


@pytest.mark.parametrize(
    "given_id", ["x@y> <z@w", "x y@z", "é@x.test", "<x@y>", "a" * 251, "x", "", "x@y,z@w", "x@y\n"]
)
def test_an_id_that_is_none_is_left_out(mailbox: Mailbox, given_id: str) -> None:
    assert "In-Reply-To" not in parsed(write(mailbox, in_reply_to=given_id))


@pytest.mark.parametrize(
    "title", ["=?utf-8?q?Approved=3A_Desk?=", "=?utf-8?b?DQpCY2M6IGV2aWxAeC50ZXN0?=", "a =? b"]
)
def test_a_subject_that_looks_encoded_is_not_read_as_what_it_stands_for(mailbox: Mailbox, title: str) -> None:
    mail = write(mailbox, subject=f"Please decide: {title}")
    only_bob(mail)
    assert parsed(mail)["Subject"] == mail.subject
    assert "utf-8" in mail.subject or "a =" in mail.subject


def test_long_subjects_are_kept_in_one_header(mailbox: Mailbox) -> None:
    subject = "Please decide: " + "é, <b>x</b> " * 15 + "[#abcdefghijklmnop]"
    mail = write(mailbox, subject=subject)
    assert parsed(mail)["Subject"] == subject
    assert all(len(line) <= 78 for line in bytes(mail.raw).partition(b"\r\n\r\n")[0].split(b"\r\n"))


# --- when -----------------------------------------------------------------------------------------------------


def test_confirmations_go_before_questions_and_notices_last(mailbox: Mailbox) -> None:
    notice = write(mailbox, "1", priority=Priority.NOTICE)
    asks = [write(mailbox, "2", priority=Priority.ASK), write(mailbox, "3", priority=Priority.ASK)]
    confirmation = write(mailbox, "4", priority=Priority.CONFIRMATION)
    assert outbox.due(10) == [confirmation.pk, *(mail.pk for mail in asks), notice.pk]
    assert outbox.due(2) == [confirmation.pk, asks[0].pk]


def test_no_more_go_out_in_a_minute_than_the_settings_say(mailbox: Mailbox, server: MemoryMailbox) -> None:
    Mailbox.objects.update(settings={"sends_per_minute": 3})
    mails = [write(mailbox, str(number)) for number in range(5)]
    with time_machine.travel(timezone.now() + timedelta(seconds=1), tick=False) as clock:
        assert [outbox.work(pk) for pk in outbox.due(10)] == [True] * 3
        assert outbox.due(10) == []
        clock.shift(timedelta(seconds=59))
        assert outbox.due(10) == []
        clock.shift(timedelta(seconds=2))
        assert outbox.due(10) == [mails[3].pk, mails[4].pk]


def test_the_pace_counts_sends_that_failed_too(mailbox: Mailbox, server: MemoryMailbox) -> None:
    Mailbox.objects.update(settings={"sends_per_minute": 1})
    server.failures["send"] = [MailError("No.", "ErrorX")]
    mail = write(mailbox)
    write(mailbox, "2")
    outbox.work(mail.pk)
    assert outbox.due(10) == []


def test_what_an_outage_cut_off_keeps_to_the_pace_too(mailbox: Mailbox, server: MemoryMailbox) -> None:
    Mailbox.objects.update(settings={"sends_per_minute": 2})
    for number in range(5):
        write(mailbox, str(number))
    long_ago = timezone.now() - timedelta(hours=1)
    OutgoingMail.objects.update(state=OutgoingMail.State.SENDING, started_at=long_ago, due=long_ago)
    with time_machine.travel(timezone.now() + timedelta(seconds=1), tick=False):
        assert [outbox.work(pk) for pk in outbox.due(10)] == [True] * 2
        assert outbox.due(10) == []


@pytest.mark.parametrize("paused", [False, True])
def test_a_mailbox_that_rests_sends_nothing(mailbox: Mailbox, paused: bool) -> None:
    write(mailbox)
    pause = timezone.now() + timedelta(hours=1) if paused else None
    Mailbox.objects.update(active=paused, paused_until=pause)
    assert outbox.due(10) == []


def test_one_mailbox_at_its_limit_does_not_hold_up_another(mailbox: Mailbox) -> None:
    other = make_mailbox("other@contoso.example")
    Mailbox.objects.filter(pk=mailbox.pk).update(settings={"sends_per_minute": 0})
    write(mailbox, "1")
    mail = write(other, "2")
    assert outbox.due(10) == [mail.pk]


# --- sending --------------------------------------------------------------------------------------------------


def test_a_mail_is_sent_once(mailbox: Mailbox, server: MemoryMailbox) -> None:
    mail = write(mailbox)
    assert outbox.work(mail.pk)
    assert not outbox.work(mail.pk)
    assert [sent.message_id for sent in server.sent] == [mail.message_id]
    assert server.sent[0].raw == bytes(mail.raw)
    assert again(mail).state == OutgoingMail.State.SENT
    assert mail.sent_at is not None
    assert (mail.claim, mail.tries, mail.last_error) == ("", 1, "")
    mailbox.refresh_from_db()
    assert mailbox.last_sent_at is not None


def test_what_is_not_due_is_not_sent(mailbox: Mailbox, server: MemoryMailbox) -> None:
    mail = write(mailbox)
    OutgoingMail.objects.update(due=timezone.now() + timedelta(minutes=1))
    assert outbox.due(10) == []
    assert not outbox.work(mail.pk)
    assert server.sent == []


def test_pauses_grow_until_the_mail_is_given_up_and_shown(mailbox: Mailbox, server: MemoryMailbox) -> None:
    server.failures["send"] = [MailError(f"No {number}.", "ErrorX") for number in range(20)]
    mail = write(mailbox)
    pauses = []
    with time_machine.travel(timezone.now() + timedelta(seconds=1), tick=False) as clock:
        while again(mail).state != OutgoingMail.State.FAILED:
            assert mail.tries < 20
            clock.move_to(mail.due)
            assert outbox.work(mail.pk)
            pauses.append(again(mail).due - timezone.now())
    assert mail.tries == outbox.MOST_TRIES
    assert pauses == sorted(pauses)
    assert all(later == 2 * sooner for sooner, later in pairwise(pauses))
    assert mail.last_error == f"No {outbox.MOST_TRIES - 1}."
    assert outbox.due(10) == []


def refused_by_the_server() -> MailError:
    error = MailError("No.", "ErrorX")
    error.not_done = True
    return error


def test_what_the_server_said_that_it_did_not_send_is_not_sent_whatever_it_kept(
    mailbox: Mailbox, server: MemoryMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some servers keep a copy in Sent Items and answer with an error: the mail never went out."""
    mail = write(mailbox)
    send = MemoryConnection.send

    def keeping(connection: MemoryConnection, raw: bytes, reference: str) -> None:
        send(connection, raw, reference)
        raise refused_by_the_server()

    with monkeypatch.context() as broken:
        broken.setattr(MemoryConnection, "send", keeping)
        assert outbox.work(mail.pk)
    assert (again(mail).state, mail.last_error) == ("waiting", "No.")
    due_now()
    assert outbox.work(mail.pk)
    assert (again(mail).state, len(server.sent)) == ("sent", 2)


def test_after_a_send_of_unknown_end_an_error_about_sent_items_leaves_it_unknown(
    mailbox: Mailbox, server: MemoryMailbox
) -> None:
    mail = write(mailbox)
    OutgoingMail.objects.update(state=OutgoingMail.State.SENDING)
    server.failures["was_sent"] = [refused_by_the_server()]
    due_now()
    assert outbox.work(mail.pk)
    assert (again(mail).state, server.sent) == ("sending", [])


def test_what_the_server_will_never_take_is_given_up_at_once(mailbox: Mailbox, server: MemoryMailbox) -> None:
    server.failures["send"] = [Refused("The mail is too large.", "ErrorMessageSizeExceeded")]
    mail = write(mailbox)
    assert outbox.work(mail.pk)
    assert (again(mail).state, mail.last_error, mail.claim) == ("failed", "The mail is too large.", "")
    outbox.send_again(mail.pk)  # an administrator's wish
    assert (again(mail).state, mail.tries) == ("waiting", 0)
    assert outbox.work(mail.pk)
    assert again(mail).state == "sent"


def test_only_what_was_given_up_is_sent_again(mailbox: Mailbox, server: MemoryMailbox) -> None:
    mail = write(mailbox)
    outbox.work(mail.pk)
    outbox.send_again(mail.pk)
    assert again(mail).state == "sent"


@pytest.mark.parametrize("error", [WAIT, FixNeeded("The secret has expired.", "Make a new one.")])
def test_the_mailboxs_failure_uses_up_no_mails_tries(
    mailbox: Mailbox, server: MemoryMailbox, error: Exception
) -> None:
    mail = write(mailbox)
    for _ in range(outbox.MOST_TRIES + 2):
        server.failures["send"] = [error]
        with pytest.raises(type(error)):
            outbox.work(mail.pk)
        assert (again(mail).state, mail.tries, mail.claim) == ("sending", 0, "")
        assert outbox.due(10) == []  # the mailbox rests
        due_now()
    mailbox.refresh_from_db()
    assert mailbox.failures == outbox.MOST_TRIES + 2
    assert mailbox.trouble["cause"] == error.args[0].split(".")[0] + "."
    assert outbox.work(mail.pk)
    assert len(server.sent) == 1
    mailbox.refresh_from_db()
    assert (mailbox.failures, mailbox.trouble) == (0, {})


def test_a_send_that_was_cut_off_looks_into_sent_items_first(mailbox: Mailbox, server: MemoryMailbox) -> None:
    mail = write(mailbox)
    server.cut_after_send = True
    with pytest.raises(Wait):
        outbox.work(mail.pk)
    assert again(mail).state == "sending"
    server.cut_after_send = False
    due_now()
    assert outbox.work(mail.pk)
    assert again(mail).state == "sent"
    assert len(server.sent) == 1


def test_a_send_that_was_cut_off_before_it_went_out_is_repeated(
    mailbox: Mailbox, server: MemoryMailbox
) -> None:
    mail = write(mailbox)
    server.failures["send"] = [WAIT]
    with pytest.raises(Wait):
        outbox.work(mail.pk)
    due_now()
    assert outbox.work(mail.pk)
    assert len(server.sent) == 1


def test_nothing_is_sent_while_sent_items_cannot_be_asked(mailbox: Mailbox, server: MemoryMailbox) -> None:
    mail = write(mailbox)
    server.cut_after_send = True
    with pytest.raises(Wait):
        outbox.work(mail.pk)
    server.cut_after_send = False
    server.failures["was_sent"] = [WAIT]
    due_now()
    with pytest.raises(Wait):
        outbox.work(mail.pk)
    assert len(server.sent) == 1


@pytest.mark.parametrize("is_out", [True, False])
def test_where_no_copy_is_kept_a_cut_off_send_is_shown_as_unsure_and_not_repeated(
    mailbox: Mailbox, server: MemoryMailbox, is_out: bool
) -> None:
    server.keeps_copies = False
    mail = write(mailbox)
    if is_out:
        server.cut_after_send = True
    else:
        server.failures["send"] = [WAIT]
    with pytest.raises(Wait):
        outbox.work(mail.pk)
    server.cut_after_send = False
    for _ in range(3):
        due_now()
        outbox.work(mail.pk)
    assert (again(mail).state, mail.claim, mail.sent_at) == ("unsure", "", None)
    assert len(server.sent) == int(is_out)
    outbox.send_again(mail.pk)  # an administrator's wish
    assert again(mail).state == "waiting"
    assert outbox.work(mail.pk)
    assert again(mail).state == "sent"


def test_what_comes_back_was_sent_all_the_same(mailbox: Mailbox) -> None:
    mail = write(mailbox)
    handed_over = timezone.now() - timedelta(minutes=3)
    OutgoingMail.objects.update(state=OutgoingMail.State.UNSURE, started_at=handed_over)
    outbox.certainly_sent(again(mail))
    assert (mail.state, mail.sent_at) == ("sent", handed_over)
    OutgoingMail.objects.update(state=OutgoingMail.State.WAITING, sent_at=None)
    outbox.certainly_sent(again(mail))  # sent again meanwhile: that send has its own end
    assert (again(mail).state, mail.sent_at) == ("waiting", None)


def test_what_went_out_long_before_the_last_try_is_still_found(
    mailbox: Mailbox, server: MemoryMailbox
) -> None:
    mail = write(mailbox)
    server.cut_after_send = True
    with pytest.raises(Wait):
        outbox.work(mail.pk)
    server.cut_after_send = False
    for hours in (1, 2):  # the server is away, so nobody can look; each try is one more
        server.failures["was_sent"] = [WAIT]
        due_now()
        with time_machine.travel(timezone.now() + timedelta(hours=hours)), pytest.raises(Wait):
            outbox.work(mail.pk)
    due_now()
    with time_machine.travel(timezone.now() + timedelta(hours=3)):
        assert outbox.work(mail.pk)
    assert again(mail).state == "sent"
    assert len(server.sent) == 1


def test_what_the_server_certainly_did_not_do_is_sent_again_without_a_look(
    mailbox: Mailbox, server: MemoryMailbox
) -> None:
    server.failures["send"] = [not_done()]
    server.failures["was_sent"] = [AssertionError("nobody asks")]
    mail = write(mailbox)
    with pytest.raises(Wait):
        outbox.work(mail.pk)
    assert again(mail).state == "waiting"
    due_now()
    assert outbox.work(mail.pk)
    assert len(server.sent) == 1


def test_a_busy_server_does_not_make_a_cut_off_send_forgotten(
    mailbox: Mailbox, server: MemoryMailbox
) -> None:
    mail = write(mailbox)
    server.cut_after_send = True
    with pytest.raises(Wait):
        outbox.work(mail.pk)
    server.cut_after_send = False
    server.failures["was_sent"] = [not_done()]  # it did not look, and so says nothing of the send before
    due_now()
    with pytest.raises(Wait):
        outbox.work(mail.pk)
    assert again(mail).state == "sending"
    due_now()
    assert outbox.work(mail.pk)
    assert len(server.sent) == 1


def test_a_worker_that_was_killed_leaves_a_mail_that_another_takes_up(
    mailbox: Mailbox, server: MemoryMailbox
) -> None:
    mail = write(mailbox)
    assert outbox._claim(
        OutgoingMail.objects.select_related("mailbox").get(pk=mail.pk)
    )  # and it was never seen again
    assert not outbox.work(mail.pk)  # its lease runs
    with time_machine.travel(timezone.now() + outbox.LEASED.length + timedelta(seconds=1)):
        assert outbox.due(10) == [mail.pk]
        assert outbox.work(mail.pk)
    assert len(server.sent) == 1


def test_after_a_death_no_lease_has_to_run_out(mailbox: Mailbox, server: MemoryMailbox) -> None:
    mail = write(mailbox)
    outbox._claim(OutgoingMail.objects.get(pk=mail.pk))
    the_worker_dies()
    assert again(mail).claim == ""
    with time_machine.travel(timezone.now() + outbox.UNSURE_PAUSE + timedelta(seconds=1)):
        assert outbox.work(mail.pk)


def test_a_claim_is_taken_once_by_whoever_saw_the_row_as_it_is(mailbox: Mailbox) -> None:
    write(mailbox)
    seen_by_two = [OutgoingMail.objects.get(), OutgoingMail.objects.get()]
    assert [bool(outbox._claim(seen)) for seen in seen_by_two] == [True, False]
    assert OutgoingMail.objects.get().tries == 1


def test_whoever_lost_the_lease_writes_nothing(mailbox: Mailbox, server: MemoryMailbox) -> None:
    mail = write(mailbox)
    slow = OutgoingMail.objects.select_related("mailbox").get(pk=mail.pk)
    claim = outbox._claim(slow)
    OutgoingMail.objects.update(state="sent", claim="")  # another worker was done with it meanwhile
    outbox._failed(slow, claim, MailError("No.", "ErrorX"), unsure=True)
    assert (again(mail).state, mail.last_error) == ("sent", "")


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_the_same_instant_send_it_once(mailbox: Mailbox, server: MemoryMailbox) -> None:
    for number in range(20):
        mail = write(mailbox, str(number))
        barrier = threading.Barrier(2)
        worked: list[bool] = []

        def run(pk: int, barrier: threading.Barrier, worked: list[bool]) -> None:
            try:
                connection.ensure_connection()
                barrier.wait(120)
                worked.append(outbox.work(pk))
            finally:
                pool.drop(mailbox)
                connection.close()

        threads = [threading.Thread(target=run, args=(mail.pk, barrier, worked)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert sorted(worked) == [False, True]
    assert len(server.sent) == 20
    assert len({sent.reference for sent in server.sent}) == 20


# --- a send that crashes, or loses its lease ------------------------------------------------------------------


def as_stored(mail: OutgoingMail) -> dict[str, Any]:
    return dict(OutgoingMail.objects.filter(pk=mail.pk).values().get())


def test_a_send_that_crashes_is_tried_again_and_given_up_like_one_that_is_not_taken(
    mailbox: Mailbox, server: MemoryMailbox
) -> None:
    """A defect of ours meets the mail each time; it stops no other mail and is shown."""
    server.failures["send"] = [ZeroDivisionError() for _ in range(20)]
    mail, other = write(mailbox), write(mailbox, "test:2")
    before = as_stored(other)
    pauses = []
    with time_machine.travel(timezone.now() + timedelta(seconds=1), tick=False) as clock:
        while again(mail).state != OutgoingMail.State.FAILED:
            assert mail.tries < 20
            clock.move_to(mail.due)
            assert outbox.work(mail.pk)
            after = as_stored(mail)
            assert after["claim"] == ""
            assert after["last_error"] == "Placet itself failed: ZeroDivisionError. See the log."
            pauses.append(after["due"] - timezone.now())
    assert mail.tries == outbox.MOST_TRIES
    assert pauses == [outbox.FIRST_PAUSE * 2**tried for tried in range(1, outbox.MOST_TRIES + 1)]
    assert as_stored(other) == before
    server.failures["send"] = []
    assert outbox.work(other.pk)
    assert [sent.reference for sent in server.sent] == [other.reference]


def test_a_crash_after_it_went_out_sends_it_no_second_time(
    mailbox: Mailbox, server: MemoryMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail = write(mailbox)
    send = MemoryConnection.send

    def crashing(connection: MemoryConnection, raw: bytes, reference: str) -> None:
        send(connection, raw, reference)
        raise ZeroDivisionError

    with monkeypatch.context() as broken:
        broken.setattr(MemoryConnection, "send", crashing)
        assert outbox.work(mail.pk)
    assert again(mail).state == "sending"
    due_now()
    assert outbox.work(mail.pk)
    assert (again(mail).state, mail.last_error, len(server.sent)) == ("sent", "", 1)


@pytest.mark.parametrize(
    "error", [None, MailError("No.", "ErrorX"), Refused("Never.", "ErrorX"), WAIT, ZeroDivisionError()]
)
def test_a_send_that_lost_its_lease_leaves_the_row_to_whoever_has_it(
    mailbox: Mailbox, server: MemoryMailbox, monkeypatch: pytest.MonkeyPatch, error: Exception | None
) -> None:
    mail, other = write(mailbox), write(mailbox, "test:2")
    theirs = {
        "claim": "somebody",
        "tries": 5,
        "due": timezone.now() + timedelta(days=1),
        "last_error": "Theirs.",
    }
    during: list[dict[str, Any]] = []

    def slow(*_: object) -> None:
        during.append(as_stored(mail))
        OutgoingMail.objects.filter(pk=mail.pk).update(**theirs)
        if error:
            raise error

    monkeypatch.setattr(MemoryConnection, "send", slow)
    began, before = timezone.now(), as_stored(other)
    with suppress(Wait):
        assert outbox.work(mail.pk)
    assert theirs.items() <= as_stored(mail).items()
    assert (as_stored(mail)["state"], as_stored(mail)["sent_at"]) == ("sending", None)
    assert as_stored(other) == before
    (claimed,) = during
    assert (claimed["state"], len(claimed["claim"]), claimed["tries"]) == ("sending", 32, 1)
    assert began <= claimed["started_at"] <= timezone.now()
    assert began + outbox.LEASED.length <= claimed["due"] <= timezone.now() + outbox.LEASED.length


@pytest.mark.parametrize(
    "change", [{"claim": "x"}, {"due": datetime(2026, 11, 24, tzinfo=UTC)}, {"state": "sending"}]
)
def test_a_row_that_changed_since_it_was_read_is_not_claimed(
    mailbox: Mailbox, change: dict[str, Any]
) -> None:
    mail, other = write(mailbox), write(mailbox, "test:2")
    seen = OutgoingMail.objects.get(pk=mail.pk)
    OutgoingMail.objects.filter(pk=mail.pk).update(**change)
    before = as_stored(mail), as_stored(other)
    assert outbox._claim(seen) == ""
    assert (as_stored(mail), as_stored(other)) == before


@pytest.mark.parametrize(
    ("failure", "state", "pause"),
    [
        (WAIT, "sending", outbox.UNSURE_PAUSE),  # it may be out
        (not_done(), "waiting", outbox.SHORT_PAUSE),
    ],
)
def test_after_the_mailboxs_failure_it_waits_as_long_as_its_fate_is_unsure(
    mailbox: Mailbox, server: MemoryMailbox, failure: Wait, state: str, pause: timedelta
) -> None:
    server.failures["send"] = [failure]
    mail, other = write(mailbox), write(mailbox, "test:2")
    before = as_stored(other)
    with time_machine.travel(timezone.now() + timedelta(seconds=1), tick=False), pytest.raises(Wait):
        outbox.work(mail.pk)
    after = as_stored(mail)
    assert (after["state"], after["tries"], after["claim"]) == (state, 0, "")
    assert after["due"] - after["started_at"] == pause
    assert as_stored(other) == before


def test_what_a_dead_worker_was_sending_is_free_and_nothing_else(mailbox: Mailbox) -> None:
    sending, claim = write(mailbox), leases.new_claim()
    OutgoingMail.objects.update(state="sending", claim=claim, due=timezone.now() + timedelta(days=1))
    others = [write(mailbox, f"test:{state}") for state in ("sent", "failed", "sending")]
    for other, state in zip(others, ("sent", "failed", "sending"), strict=True):
        OutgoingMail.objects.filter(pk=other.pk).update(
            state=state,
            claim="of-somebody-else" if state == "sending" else claim,
            due=timezone.now() + timedelta(days=1),
        )
    before = [as_stored(other) for other in others]
    the_worker_dies()
    assert as_stored(sending)["claim"] == ""
    assert timezone.now() < as_stored(sending)["due"] <= timezone.now() + outbox.UNSURE_PAUSE
    assert [as_stored(other) for other in others] == before


def test_sending_again_is_of_one_mail_from_the_beginning(mailbox: Mailbox, server: MemoryMailbox) -> None:
    mail, other = write(mailbox), write(mailbox, "test:2")
    OutgoingMail.objects.update(state="failed", tries=8, due=timezone.now() + timedelta(days=1))
    before = as_stored(other)
    outbox.send_again(mail.pk)
    assert (again(mail).state, mail.tries) == ("waiting", 0)
    assert as_stored(other) == before
    assert outbox.due(10) == [mail.pk]


@pytest.mark.parametrize("state", ["sent", "failed"])
def test_what_is_done_or_given_up_is_nobodys_work(
    mailbox: Mailbox, server: MemoryMailbox, state: str
) -> None:
    mail = write(mailbox)
    OutgoingMail.objects.update(state=state, due=timezone.now() - timedelta(days=1))
    before = as_stored(mail)
    assert outbox.due(10) == []
    assert not outbox.work(mail.pk)
    assert as_stored(mail) == before
    assert server.sent == []


def test_a_mailbox_that_is_off_or_rests_sends_nothing_and_holds_up_no_other(
    mailbox: Mailbox, server: MemoryMailbox
) -> None:
    off, rests = make_mailbox("off@contoso.example"), make_mailbox("rests@contoso.example")
    mails = [write(box, f"test:{box.address}") for box in (off, rests, mailbox)]
    Mailbox.objects.filter(pk=off.pk).update(active=False)
    Mailbox.objects.filter(pk=rests.pk).update(paused_until=timezone.now() + timedelta(minutes=1))
    assert outbox.due(10) == [mails[2].pk]
    Mailbox.objects.filter(pk=rests.pk).update(paused_until=timezone.now())
    assert set(outbox.due(10)) == {mails[1].pk, mails[2].pk}


def test_two_at_once_that_write_the_same_mail_write_one(
    mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever comes second looked before the first had written."""
    first = write(mailbox)
    others = [{"cause": "test:2"}, {"kind": "notice"}, {"to": "carol@contoso.example"}]
    for other in others:
        write(mailbox, **other)
    monkeypatch.setattr(type(OutgoingMail.objects.all()), "exists", lambda self: False)
    assert write(mailbox, subject="Another subject") == first
    assert OutgoingMail.objects.count() == 1 + len(others)


def test_a_mail_that_is_damaged_where_it_lies_is_given_up_and_shown(
    mailbox: Mailbox, server: MemoryMailbox
) -> None:
    mail = write(mailbox)
    damage(mail)
    OutgoingMail.objects.update(state="sending", claim="a lease that is over")
    assert outbox.work(mail.pk)
    assert outbox.due(10) == [] and not outbox.work(mail.pk)
    row = OutgoingMail.objects.defer("raw").get()
    assert (row.state, row.claim) == ("failed", "")
    assert row.last_error == "Placet itself failed: Damaged. See the log."
