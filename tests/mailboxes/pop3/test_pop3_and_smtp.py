"""A mailbox that is read by POP3 and sends by SMTP, as Placet works it: out, back, and deleted once that is due."""

import smtplib
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone

from placet.accounts.models import Installation
from placet.lib import clock
from placet.mail import outbox, tasks
from placet.mail.models import IncomingMail, OutgoingMail, ServerTask
from placet.mailboxes import pool, sockets, store
from placet.mailboxes.base import Wait
from placet.mailboxes.models import Mailbox
from placet.mailboxes.smtp import session
from placet.mailboxes.smtp.replies import Reply
from placet.replies import entry
from tests.installation import PATIENCE
from tests.servers.dovecot import Dovecot, dovecot
from tests.servers.postfix import BOUNCES, Postfix, postfix

pytestmark = [pytest.mark.long, pytest.mark.django_db, pytest.mark.any_database]

APPROVALS, BOSS = "approvals@example.test", "boss@example.test"


@pytest.fixture(scope="module")
def imap() -> Iterator[Dovecot]:
    with dovecot({APPROVALS: "s3cret %&", BOSS: "another"}) as running:
        yield running


@pytest.fixture(scope="module")
def mta(imap: Dovecot) -> Iterator[Postfix]:
    with postfix(imap) as running:
        yield running


@pytest.fixture
def mailbox(imap: Dovecot, mta: Postfix, db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(imap.authority.certificate))
    ports = imap.ports["pop3s"], mta.ports["submissions"]
    targets = [f"localhost:{port}" for port in ports]
    Installation.objects.update_or_create(id=1, defaults={"private_targets": targets})
    entered = {
        "kind": "pop3",
        "username": APPROVALS,
        "pop3_host": "localhost",
        "pop3_port": ports[0],
        "pop3_delete_days": 14,
        "smtp_host": "localhost",
        "smtp_port": ports[1],
        "active": True,
        "since": (timezone.now() - timedelta(days=1)).isoformat(),
    }
    secrets = {"pop3_password": "s3cret %&", "smtp_password": "s3cret %&"}
    row = store.save(entered, secrets=secrets, by="ada@example.test").mailbox
    yield row
    pool.drop(row)


def queued(mailbox: Mailbox, to: str, cause: str) -> OutgoingMail:
    with transaction.atomic():
        return outbox.queue(
            mailbox, kind="notice", to=to, cause=cause, subject=f"Please decide: {cause}", text="Please decide.",
            html="<p>Please decide.</p>", priority=OutgoingMail.Priority.ASK, reference=outbox.new_reference(),
        )  # fmt: skip


def state_of(mail: OutgoingMail) -> str:
    mail.refresh_from_db()
    return str(mail.state)


def looked_into(mailbox: Mailbox, until_kept: int) -> list[IncomingMail]:
    """All that was kept, once there are so many."""
    until = time.monotonic() + PATIENCE
    while mailbox.incoming.count() < until_kept:
        assert time.monotonic() < until, "nothing came"
        Mailbox.objects.update(next_poll=timezone.now())
        assert entry.receive(mailbox.pk)
        time.sleep(0.1)
    return list(mailbox.incoming.order_by("pk"))


def test_a_mail_goes_out_its_answer_comes_back_and_is_deleted_when_that_is_due(
    mailbox: Mailbox, imap: Dovecot, mta: Postfix
) -> None:
    ask, lost = queued(mailbox, BOSS, "test:1"), queued(mailbox, f"nobody@{BOUNCES}", "test:2")
    for mail in (ask, lost):
        assert outbox.work(mail.pk)
        assert state_of(mail) == "sent"
    report, *_rest = looked_into(mailbox, 1)
    assert entry.take_in(report.pk)
    report.refresh_from_db()
    assert (report.result, report.protocol) == ("bounce", "pop3")
    lost.refresh_from_db()
    assert lost.bounced_at is not None
    answer = f"From: <{BOSS}>\r\nTo: <{APPROVALS}>\r\nSubject: Re: {ask.subject}\r\nIn-Reply-To: {ask.message_id}\r\n"
    with smtplib.SMTP("127.0.0.1", mta.ports["mx"], timeout=PATIENCE) as client:
        client.sendmail(BOSS, [APPROVALS], f"{answer}\r\nyes\r\n".encode())
    _report, reply = looked_into(mailbox, 2)
    assert reply.received_at is not None
    assert timedelta() <= reply.kept_at - reply.received_at < timedelta(minutes=10)
    mailbox.refresh_from_db()
    assert mailbox.read_until is not None
    tasks.handled(reply, pool.settings_of(mailbox))
    put_away = ServerTask.objects.get(incoming=reply)
    assert not tasks.work(put_away.pk)
    with time_machine.travel(timezone.now() + timedelta(days=14, hours=1), tick=True):
        assert put_away.due <= clock.now()
        assert tasks.work(put_away.pk)
    put_away.refresh_from_db()
    assert (put_away.last_error, put_away.done_at is None) == ("", False)
    left = [path.read_bytes() for path in imap.maildir(APPROVALS).glob("*/*:2,*")]
    left += [path.read_bytes() for path in imap.maildir(APPROVALS).glob("new/*")]
    assert not any(b"In-Reply-To" in raw for raw in left)


def test_cut_off_behind_the_dot_a_mail_is_shown_as_perhaps_sent(
    mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail = queued(mailbox, BOSS, "test:3")
    with monkeypatch.context() as cut:

        def silent(self: session.Session, within: float | None = None) -> Reply:
            if within == session.VERDICT:
                raise sockets.Cut
            return real(self, within)

        real = session.Session.reply
        cut.setattr(session.Session, "reply", silent)
        with pytest.raises(Wait):
            outbox.work(mail.pk)
    assert state_of(mail) == "sending"
    for _number in range(2):
        OutgoingMail.objects.update(due=timezone.now())
        Mailbox.objects.update(paused_until=None)
        outbox.work(mail.pk)
    assert state_of(mail) == "unsure"
