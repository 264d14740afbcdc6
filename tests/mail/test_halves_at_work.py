"""What of a mailbox goes on while one of its two kinds rests."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from placet import work
from placet.mail import outbox
from placet.mail.models import IncomingMail, OutgoingMail, ServerTask
from placet.mailboxes import pool
from placet.mailboxes.base import MailboxError, Refused, SignInRefused, Wait
from placet.mailboxes.joined import Joined
from placet.mailboxes.memory import MemoryConnection, MemoryMailbox
from placet.mailboxes.models import Mailbox
from tests.making import make_mailbox

pytestmark = pytest.mark.django_db

REFUSED = SignInRefused("The server refused the password.", "Enter it again.")
WAIT = Wait("The server is busy.", "Placet tries again by itself.")
KINDS = {kind.name: kind for kind in work.kinds()}
PAUSED = {"receiving": "paused_until", "sending": "sending_paused_until"}


class WithSentFolder(MemoryConnection):
    def keep_sent(self, raw: bytes) -> None:
        self._mailbox.fail_if_told("keep_sent")


@pytest.fixture
def inbox() -> MemoryMailbox:
    return MemoryMailbox(keeps_copies=False)  # what goes out does so elsewhere


@pytest.fixture
def outgoing() -> MemoryMailbox:
    return MemoryMailbox(keeps_copies=False)


@pytest.fixture
def mailbox(inbox: MemoryMailbox, outgoing: MemoryMailbox, monkeypatch: pytest.MonkeyPatch) -> Mailbox:
    monkeypatch.setattr(pool, "connect", lambda mailbox: Joined(WithSentFolder(inbox), outgoing.connect()))
    mailbox = make_mailbox(username="approvals@contoso.example", imap_host="imap.contoso.example")
    pool.drop(mailbox)
    now = timezone.now()
    Mailbox.objects.update(kind="imap", sending_kind="smtp", protocol="imap", next_poll=now, since=now)
    mailbox.refresh_from_db()
    return mailbox


def asked(mailbox: Mailbox, cause: str, **more: Any) -> OutgoingMail:
    with transaction.atomic():
        mail = outbox.queue(
            mailbox, kind="ask", to="bob@contoso.example", cause=cause, subject="Please decide", text="Please decide.",
            html="<p>Please decide.</p>", priority=OutgoingMail.Priority.ASK, reference=outbox.new_reference(),
        )  # fmt: skip
    OutgoingMail.objects.filter(pk=mail.pk).update(**more)
    mail.refresh_from_db()
    return mail


def kept(mailbox: Mailbox, name: str, **more: Any) -> IncomingMail:
    names = {"server_id": name, "fingerprint": name, "folder": "inbox"}
    return IncomingMail.objects.create(mailbox=mailbox, raw=b"x", **names, **more)


def whatever_is_due(mailbox: Mailbox) -> None:
    """A row of each kind of work that asks a server."""
    ago = timezone.now() - timedelta(minutes=1)
    asked(mailbox, "test:due")
    asked(mailbox, "test:sent", state=OutgoingMail.State.SENT, lookup_due=ago)
    kept(mailbox, "unread", facts={"unread": True}, due=ago)
    handled = kept(mailbox, "handled", state=IncomingMail.State.HANDLED)
    ServerTask.objects.create(incoming=handled, action="mark_read", folder="", due=ago)


OF_RECEIVING = {"poll", "fetch", "mark", "sent_ids"}


@pytest.mark.parametrize("sending_kind", ["smtp", ""])
@pytest.mark.parametrize("half", PAUSED)
def test_what_is_due_is_what_the_other_half_does(half: str, sending_kind: str, mailbox: Mailbox) -> None:
    whatever_is_due(mailbox)
    Mailbox.objects.update(sending_kind=sending_kind)
    asking = {*OF_RECEIVING, "send"}
    assert {name for name in asking if KINDS[name].due(10)} == asking
    if sending_kind or half == "receiving":
        Mailbox.objects.update(**{PAUSED[half]: timezone.now() + timedelta(minutes=1)})
        rest = OF_RECEIVING if half == "receiving" else {"send"}
        still = asking - (rest if sending_kind else asking)
        assert {name for name in asking if KINDS[name].due(10)} == still
        assert {name for name in asking if KINDS[name].mailboxes()} == still  # type: ignore[misc]  # each of these has it


def test_a_server_that_takes_no_mail_is_not_asked_again_and_what_came_is_read_and_put_away(
    mailbox: Mailbox, inbox: MemoryMailbox, outgoing: MemoryMailbox
) -> None:
    first, second = asked(mailbox, "1"), asked(mailbox, "2")
    outgoing.failures = {"send": [REFUSED]}
    assert [work.run_once(KINDS["send"]) for _ in range(3)] == [0, 0, 0]
    assert outgoing.failures["send"] == []
    assert outgoing.sent == []
    for mail in (first, second):
        mail.refresh_from_db()
        assert mail.tries == 0
    inbox.deliver(b"From: <bob@contoso.example>\r\nSubject: x\r\nMessage-ID: <r@x>\r\n\r\nyes\r\n")
    assert work.run_once(KINDS["poll"]) == 1
    assert work.run_once(KINDS["take_in"]) == 1
    assert IncomingMail.objects.get().state == IncomingMail.State.HANDLED
    assert Mailbox.objects.get().read_until is not None
    assert Mailbox.objects.get().sending_failures == 1


def test_a_mailbox_that_cannot_be_read_sends(
    mailbox: Mailbox, inbox: MemoryMailbox, outgoing: MemoryMailbox
) -> None:
    asked(mailbox, "1")
    inbox.failures = {"changes": [REFUSED], "keep_sent": [AssertionError()]}
    assert [work.run_once(KINDS["poll"]) for _ in range(2)] == [0, 0]
    assert work.run_once(KINDS["send"]) == 1
    assert len(outgoing.sent) == 1
    assert OutgoingMail.objects.get().state == OutgoingMail.State.SENT
    assert Mailbox.objects.get().trouble["cause"] == REFUSED.cause


def test_a_mail_of_which_the_resting_half_must_be_asked_waits_and_holds_up_none_behind_it(
    mailbox: Mailbox, inbox: MemoryMailbox, outgoing: MemoryMailbox
) -> None:
    ago = timezone.now() - timedelta(minutes=1)
    cut = asked(mailbox, "1", state=OutgoingMail.State.SENDING, tries=1, due=ago)
    asked(mailbox, "2")
    Mailbox.objects.update(paused_until=timezone.now() + timedelta(hours=1), failures=1)
    inbox.failures = {"was_sent": [AssertionError()]}
    for _ in range(2):
        work.run_once(KINDS["send"])
    cut.refresh_from_db()
    assert (cut.state, cut.tries, cut.claim) == (OutgoingMail.State.SENDING, 1, "")
    assert cut.due > timezone.now()
    assert len(outgoing.sent) == 1
    assert Mailbox.objects.get().sending_failures == 0
    Mailbox.objects.update(paused_until=None)
    OutgoingMail.objects.filter(pk=cut.pk).update(due=ago)
    inbox.failures = {}
    assert work.run_once(KINDS["send"]) == 1
    cut.refresh_from_db()
    assert cut.state == OutgoingMail.State.UNSURE
    assert Mailbox.objects.get().failures == 1  # nothing was read


def test_where_the_way_in_fails_when_it_is_asked_what_went_out_the_way_out_works_on(
    mailbox: Mailbox, inbox: MemoryMailbox, outgoing: MemoryMailbox
) -> None:
    ago = timezone.now() - timedelta(minutes=1)
    cut = asked(mailbox, "1", state=OutgoingMail.State.SENDING, tries=1, due=ago)
    asked(mailbox, "2")
    inbox.failures = {"was_sent": [WAIT]}
    assert sum(work.run_once(KINDS["send"]) for _ in range(2)) == 1
    cut.refresh_from_db()
    assert (cut.state, cut.tries) == (OutgoingMail.State.SENDING, 1)
    stored = Mailbox.objects.get()
    assert (stored.failures, stored.sending_failures, len(outgoing.sent)) == (1, 0, 1)


@pytest.mark.parametrize("settled", ["unsure", "given up"])
@pytest.mark.parametrize(
    ("error", "more", "forgotten"),
    [(WAIT, False, True), (WAIT, True, False), (REFUSED, False, False)],
    ids=["nothing waits", "another one waits", "somebody must mend it"],
)
def test_a_failure_that_passes_is_over_with_the_last_mail_that_it_held_up(
    error: MailboxError, more: bool, forgotten: bool, settled: str, mailbox: Mailbox, outgoing: MemoryMailbox
) -> None:
    cut = asked(mailbox, "1")
    outgoing.failures = {"send": [error, Refused("No such recipient.")]}
    with pytest.raises(MailboxError):
        outbox.work(cut.pk)
    if more:
        asked(mailbox, "2", due=timezone.now() + timedelta(hours=1))
    state = OutgoingMail.State.SENDING if settled == "unsure" else OutgoingMail.State.WAITING
    OutgoingMail.objects.filter(pk=cut.pk).update(state=state, due=timezone.now() - timedelta(seconds=1))
    Mailbox.objects.update(sending_paused_until=timezone.now() - timedelta(seconds=1))
    assert outbox.work(cut.pk)
    cut.refresh_from_db()
    assert cut.state == (OutgoingMail.State.UNSURE if settled == "unsure" else OutgoingMail.State.FAILED)
    stored = Mailbox.objects.get()
    assert (stored.sending_trouble == {}) is forgotten
    assert (stored.sending_failures == 0) is forgotten
