"""The alarm of a mailbox that is read and cannot send, because another kind sends for it."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from placet.accounts.models import Person
from placet.alarms import chosen, messages, silence
from placet.alarms.models import Outage
from placet.mail import outbox
from placet.mail.models import OutgoingMail
from placet.mailboxes import pool
from placet.mailboxes.base import FixNeeded, Half, MailboxError, SignInRefused, Wait
from placet.mailboxes.models import Mailbox
from tests.alarms.conftest import START, Receiver, looked_into, run
from tests.alarms.test_watch import Clock, go_on, mails, minutes, text_of

pytestmark = pytest.mark.django_db

MENDED: dict[str, Any] = {"sending_trouble": {}, "sending_failures": 0, "sending_paused_until": None}


def of_sending(error: MailboxError) -> MailboxError:
    error.half = Half.SENDING
    return error


def refused() -> MailboxError:
    return of_sending(SignInRefused("The server refused the password.", "Enter it again."))


def busy() -> MailboxError:
    return of_sending(Wait("The server is busy.", "Placet tries again by itself."))


@pytest.fixture
def mailbox(mailbox: Mailbox) -> Mailbox:
    Mailbox.objects.filter(pk=mailbox.pk).update(kind="imap", sending_kind="smtp")
    mailbox.refresh_from_db()
    return mailbox


def to_send(mailbox: Mailbox) -> OutgoingMail:
    with transaction.atomic():
        return outbox.queue(
            mailbox, kind="ask", to="bob@contoso.example", cause="test:1", subject="Please decide",
            text="Please decide.", html="<p>Please decide.</p>", priority=OutgoingMail.Priority.ASK,
            reference=outbox.new_reference(),
        )  # fmt: skip


def went_out(mailbox: Mailbox) -> None:
    """A mail, just now, and with it all that waited."""
    now = timezone.now()
    mailbox.outgoing.filter(kind="ask").update(state=OutgoingMail.State.SENT, sent_at=now)
    Mailbox.objects.filter(pk=mailbox.pk).update(last_sent_at=now, **MENDED)


def alarms() -> list[tuple[str, bool]]:
    return [(alarm.mailbox.address, alarm.of_sending) for alarm in silence.alarms()]


# --- when -------------------------------------------------------------------------------------------------


def test_what_somebody_must_mend_raises_the_alarm_at_once_though_the_mailbox_is_read(
    mailbox: Mailbox, clock: Clock
) -> None:
    go_on(clock, 3, mailbox)
    to_send(mailbox)
    pool.failed(mailbox, refused())
    assert alarms() == [(mailbox.address, True)]
    first = timezone.now()
    go_on(clock, 4, mailbox)
    outage = Outage.objects.get()
    assert (outage.mailbox, outage.of_sending, outage.since, outage.over_at) == (mailbox, True, first, None)
    go_on(clock, 60, mailbox)
    assert Outage.objects.get().pk == outage.pk


def test_what_passes_by_itself_does_so_once_it_has_lasted_as_long_as_silence_may(
    mailbox: Mailbox, clock: Clock
) -> None:
    to_send(mailbox)
    pool.failed(mailbox, busy())
    go_on(clock, 29, mailbox)
    pool.failed(Mailbox.objects.get(), busy())
    go_on(clock, 30, mailbox)
    assert (alarms(), Outage.objects.count()) == ([], 0)
    go_on(clock, 31, mailbox)
    assert alarms() == [(mailbox.address, True)]
    assert Outage.objects.get().since == START


def test_where_nothing_waits_to_be_sent_what_passes_by_itself_holds_nobody_up(
    mailbox: Mailbox, clock: Clock
) -> None:
    pool.failed(mailbox, busy())
    go_on(clock, 60, mailbox)
    assert (alarms(), Outage.objects.count()) == ([], 0)


def test_a_mailbox_that_is_silent_too_has_two_alarms_that_end_each_for_itself(
    mailbox: Mailbox, clock: Clock
) -> None:
    to_send(mailbox)
    pool.failed(mailbox, refused())
    go_on(clock, 31)
    assert alarms() == [(mailbox.address, False), (mailbox.address, True)]
    assert Outage.objects.filter(over_at=None).count() == 2
    looked_into(mailbox)
    go_on(clock, 32, mailbox)
    assert [one.of_sending for one in Outage.objects.filter(over_at=None)] == [True]
    went_out(mailbox)
    go_on(clock, 33, mailbox)
    assert list(Outage.objects.order_by("pk").values_list("ended", flat=True)) == ["works", "works"]


def test_the_database_holds_one_alarm_of_each_half(mailbox: Mailbox) -> None:
    for half in (False, True):
        Outage.objects.create(mailbox=mailbox, since=START, of_sending=half)
    with pytest.raises(IntegrityError), transaction.atomic():
        Outage.objects.create(mailbox=mailbox, since=START, of_sending=True)


def test_a_mailbox_of_one_kind_has_none(other: Mailbox, clock: Clock) -> None:
    to_send(other)
    pool.failed(other, refused())
    assert alarms() == []


# --- over -------------------------------------------------------------------------------------------------


def test_saving_settings_that_are_as_wrong_as_before_ends_it_no_more_than_it_begins_another(
    mailbox: Mailbox, clock: Clock
) -> None:
    go_on(clock, 3, mailbox)
    to_send(mailbox)
    pool.failed(mailbox, refused())
    go_on(clock, 4, mailbox)
    Mailbox.objects.update(**MENDED)
    assert alarms() == [(mailbox.address, True)]
    assert silence.alarms()[0].cause == "Its settings were saved since, and no mail has gone out yet."
    go_on(clock, 5, mailbox)
    pool.failed(Mailbox.objects.get(), refused())
    go_on(clock, 6, mailbox)
    assert Outage.objects.get().over_at is None
    went_out(mailbox)
    assert alarms() == []
    go_on(clock, 7, mailbox)
    assert Outage.objects.get().ended == "works"


@pytest.mark.parametrize(
    ("waits", "change", "ended"),
    [
        (False, MENDED, "works"),
        (True, {"active": False}, "off"),
        (True, {**MENDED, "active_since": START + minutes(10)}, "off"),
    ],
    ids=["its connection test passed, and nothing waits", "switched off", "off and on again"],
)
def test_it_ends(waits: bool, change: dict[str, Any], ended: str, mailbox: Mailbox, clock: Clock) -> None:
    go_on(clock, 3, mailbox)
    if waits:
        to_send(mailbox)
    pool.failed(mailbox, refused())
    go_on(clock, 10, mailbox)
    Mailbox.objects.update(**change)
    assert alarms() == []
    go_on(clock, 11, mailbox)
    assert Outage.objects.get().ended == ended


# --- told -------------------------------------------------------------------------------------------------


def test_it_is_told_through_another_mailbox_and_never_through_the_one_that_cannot_send(
    mailbox: Mailbox, other: Mailbox, admin: Person, eve: Person, clock: Clock
) -> None:
    go_on(clock, 3, mailbox, other)
    to_send(mailbox)
    pool.failed(mailbox, refused())
    go_on(clock, 4, mailbox, other)
    assert mails() == [(admin.email, other.address), (eve.email, other.address)]
    english, french = OutgoingMail.objects.filter(kind=messages.ALARM).order_by("pk")
    assert english.subject == f"Alarm: the mailbox {mailbox.address} cannot send"
    said = text_of(english)
    for part in ("The server refused the password.", "Enter it again.", "Replies are read all the same."):
        assert part in said
    assert reverse("panel:mailbox", args=[mailbox.pk]) in said
    assert french.subject == f"Alerte : la boîte aux lettres {mailbox.address} ne peut pas envoyer"
    went_out(mailbox)
    go_on(clock, 6, mailbox, other)
    assert mails(messages.OVER) == [(admin.email, mailbox.address), (eve.email, mailbox.address)]
    assert "It could not send from 26 November 2026, 08:03 UTC" in text_of(
        OutgoingMail.objects.get(kind=messages.OVER, to=admin.email)
    )


def test_alone_it_is_told_by_the_webhook_and_on_pages_only(
    mailbox: Mailbox, admin: Person, hook: Receiver, client: Client, clock: Clock
) -> None:
    go_on(clock, 3, mailbox)
    to_send(mailbox)
    pool.failed(mailbox, of_sending(FixNeeded("<b>The sender</b> is not allowed.", "Allow it.")))
    go_on(clock, 4, mailbox)
    run("webhook")
    assert mails() == []
    [told] = hook.got
    assert (told["what"], told["text"]) == ("alarm", f"Placet: the mailbox {mailbox.address} cannot send.")
    assert (told["cause"], told["cure"]) == ("<b>The sender</b> is not allowed.", "Allow it.")
    assert client.get("/healthz").json()["failing"] == ["alarm"]
    client.force_login(admin)
    shown = client.get(reverse("panel:people")).content.decode()
    assert "cannot send. The first failure was" in shown
    assert "replies are read all the same" in shown
    assert "&lt;b&gt;The sender&lt;/b&gt; is not allowed." in shown


def test_a_mailbox_that_is_not_read_tells_of_it_itself_where_another_kind_sends(
    mailbox: Mailbox, admin: Person, clock: Clock
) -> None:
    go_on(clock, 31)
    assert mails() == [(admin.email, mailbox.address)]
    said = text_of(OutgoingMail.objects.get(kind=messages.ALARM))
    assert "It sends by another server" in said


def test_but_through_another_one_where_there_is_one_that_works(
    mailbox: Mailbox, other: Mailbox, admin: Person, clock: Clock
) -> None:
    go_on(clock, 31, other)
    assert mails() == [(admin.email, other.address)]


def test_nor_does_it_where_sending_is_in_trouble(mailbox: Mailbox, admin: Person, clock: Clock) -> None:
    pool.failed(mailbox, busy())
    go_on(clock, 40)
    assert mails() == []


def test_who_can_send_with_good_hope(mailbox: Mailbox, other: Mailbox, clock: Clock) -> None:
    def able() -> list[Mailbox]:
        return silence.working(chosen.patience(), timezone.now())

    assert able() == [mailbox, other]
    pool.failed(mailbox, FixNeeded("The inbox is gone.", "Make it."))  # of what receives
    mailbox.refresh_from_db()
    assert able() == [other, mailbox]
    pool.failed(mailbox, busy())
    assert able() == [other]
    clock.shift(timedelta(hours=1))
    assert able() == []
