"""Mails ahead of the day when a secret ends: at each threshold once, one for what was missed, none of another day."""

import email
import email.policy
import threading
from dataclasses import replace
from datetime import date, timedelta

import pytest
import time_machine
from django.db import connections
from django.urls import reverse
from django.utils import timezone

from placet.accounts.models import Installation, Person
from placet.alarms import expiry, messages
from placet.mail.models import OutgoingMail
from placet.mailboxes import kinds
from placet.mailboxes.base import FixNeeded
from placet.mailboxes.models import Mailbox
from placet.mailboxes.pool import failed
from placet.mailboxes.secrets import CERTIFICATE
from tests.alarms.conftest import START, looked_into, run

pytestmark = pytest.mark.django_db
Clock = time_machine.Traveller
LAST = date(2027, 1, 10)


def day(clock: Clock, left: int, *alive: Mailbox) -> None:
    """The day when so many are left; mailboxes that are alive were looked into."""
    clock.move_to(START + timedelta(days=(LAST - START.date()).days - left))
    for mailbox in alive:
        looked_into(mailbox)


def sent() -> list[str]:
    """Subjects, in the order they were written."""
    return list(
        OutgoingMail.objects.filter(kind=messages.EXPIRY).order_by("pk").values_list("subject", flat=True)
    )


def text_of(mail: OutgoingMail) -> str:
    message = email.message_from_bytes(bytes(mail.raw), policy=email.policy.default)
    part = message.get_body(("plain",))
    assert part is not None
    return " ".join(str(part.get_content()).split())


@pytest.fixture
def ending(mailbox: Mailbox) -> Mailbox:
    Mailbox.objects.update(secret_expires_on=LAST)
    return Mailbox.objects.get(pk=mailbox.pk)


def test_each_day_of_the_last_month_there_is_a_mail_at_each_threshold_and_no_other(
    ending: Mailbox, admin: Person, clock: Clock
) -> None:
    days: list[int] = []
    for left in range(40, -10, -1):
        day(clock, left, ending)
        for _ in range(3):
            run("expiry")
        if len(sent()) > len(days):
            days.append(left)
    assert days == [30, 14, 7, 3, 1, -1]
    name = ending.address
    assert sent() == [
        *(f"The client secret of {name} expires in {left} days" for left in (30, 14, 7, 3)),
        f"The client secret of {name} expires tomorrow",
        f"The client secret of {name} has expired",
    ]


@pytest.mark.parametrize(
    ("back", "later"), [(20, [14, 7, 3, 1]), (5, [3, 1]), (2, [1]), (0, []), (29, [14, 7, 3, 1])]
)
def test_what_was_missed_is_caught_up_by_one_mail(
    back: int, later: list[int], ending: Mailbox, admin: Person, clock: Clock
) -> None:
    days: list[int] = []
    for left in range(back, -1, -1):
        day(clock, left, ending)
        run("expiry")
        days += [left] if len(sent()) > len(days) else []
    assert days == [back, *later]


def test_on_the_last_day_it_says_today(ending: Mailbox, admin: Person, clock: Clock) -> None:
    day(clock, 0, ending)
    run("expiry")
    assert sent() == [f"The client secret of {ending.address} expires today"]


def test_a_new_day_begins_anew_and_the_old_one_is_forgotten(
    ending: Mailbox, admin: Person, clock: Clock
) -> None:
    day(clock, 3, ending)
    run("expiry")
    Mailbox.objects.update(secret_expires_on=LAST + timedelta(days=365))
    assert (expiry.due(10), run("expiry"), len(sent())) == ([], 0, 1)
    clock.shift(timedelta(days=365))
    looked_into(ending)
    run("expiry")
    assert len(sent()) == 2


@pytest.mark.parametrize("change", [{"secret_expires_on": None}, {"active": False}], ids=["unknown", "off"])
def test_nobody_is_written_to_where_no_day_is_known_or_the_mailbox_is_off(
    change: dict[str, object], ending: Mailbox, admin: Person, clock: Clock
) -> None:
    day(clock, 1, ending)
    Mailbox.objects.update(**change)
    assert (expiry.due(10), sent()) == ([], [])


def test_every_administrator_is_written_to_in_their_language_and_time_and_nobody_else(
    ending: Mailbox, admin: Person, eve: Person, bob: Person, clock: Clock
) -> None:
    Person.objects.create(email="gone@contoso.example", is_administrator=True, is_active=False)
    day(clock, 14, ending)
    assert run("expiry") == 1
    english, french = OutgoingMail.objects.order_by("pk")
    assert (english.to, french.to) == (admin.email, eve.email)
    assert french.subject == f"Le secret client de {ending.address} expire dans 14 jours"
    said = text_of(english)
    for part in (
        "Its last day is 10 January 2027.",
        "no answer is read",
        "535fb089-9ff3-47b6-9bfb-4f1264799865",
        "make a new client secret",
        f"http://127.0.0.1:8000{reverse('panel:mailbox', args=[ending.pk])}",
        f"This mail came through the mailbox {ending.address}.",
    ):
        assert part in said
    assert "10 janvier 2027" in text_of(french)


def test_somebody_who_becomes_an_administrator_is_told_once_too(
    ending: Mailbox, admin: Person, bob: Person, clock: Clock
) -> None:
    day(clock, 14, ending)
    run("expiry")
    Person.objects.filter(pk=bob.pk).update(is_administrator=True)
    run("expiry")
    run("expiry")
    assert list(OutgoingMail.objects.order_by("pk").values_list("to", flat=True)) == [admin.email, bob.email]


def test_a_certificate_is_called_one(ending: Mailbox, admin: Person, clock: Clock) -> None:
    ending.secrets = {CERTIFICATE: "-----BEGIN", "client_secret": "not in use"}
    ending.save()
    day(clock, 7, ending)
    run("expiry")
    assert sent() == [f"The certificate of {ending.address} expires in 7 days"]
    said = text_of(OutgoingMail.objects.get())
    assert "Try and use it" in said and "secret" not in said.replace("Certificates & secrets", "")


def test_of_a_kind_that_signs_in_with_nothing_that_ends_no_day_is_told(
    ending: Mailbox, admin: Person, clock: Clock
) -> None:
    """The day is left from the kind that the mailbox was of before; or the folder of its kind was deleted."""
    day(clock, 7, ending)
    for kind in ("imap", "of-a-deleted-folder"):
        Mailbox.objects.update(kind=kind, sending_kind="smtp")
        assert (expiry.due(10), run("expiry"), sent()) == ([], 0, [])


def test_it_may_be_what_sends_that_ends(
    ending: Mailbox, admin: Person, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = kinds.all_kinds()
    words = known[ending.kind].ending_words
    with_smtp = {**known, "smtp": replace(known["smtp"], ending_words=words)}
    monkeypatch.setattr(kinds, "all_kinds", lambda: with_smtp)
    Mailbox.objects.update(kind="imap", sending_kind="smtp")
    day(clock, 7, ending)
    run("expiry")
    assert sent() == [f"The client secret of {ending.address} expires in 7 days"]


# --- through which mailbox --------------------------------------------------------------------------------


def through() -> list[str]:
    return [mail.mailbox.address for mail in OutgoingMail.objects.order_by("pk")]


def test_it_goes_through_the_mailbox_itself_as_long_as_that_works(
    ending: Mailbox, other: Mailbox, admin: Person, clock: Clock
) -> None:
    day(clock, 7, ending, other)
    run("expiry")
    assert through() == [ending.address]


def test_it_goes_through_another_where_that_one_does_not_work(
    ending: Mailbox, other: Mailbox, admin: Person, clock: Clock
) -> None:
    day(clock, -1, ending, other)
    failed(ending, FixNeeded("The client secret has expired.", "Make a new one."))
    run("expiry")
    assert through() == [other.address]


def test_where_there_is_no_other_it_waits_in_the_mailbox_while_it_may_still_help(
    ending: Mailbox, admin: Person, clock: Clock
) -> None:
    day(clock, 7)
    run("expiry")
    assert through() == [ending.address]


def test_that_it_has_expired_does_not_wait_in_a_mailbox_that_it_keeps_from_working(
    ending: Mailbox, other: Mailbox, admin: Person, clock: Clock
) -> None:
    day(clock, -1)
    assert (expiry.due(10), run("expiry"), sent()) == ([], 0, [])
    looked_into(other)  # another way came
    assert run("expiry") == 1
    assert through() == [other.address]


# --- once -------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_two_at_once_write_once(ending: Mailbox, admin: Person, eve: Person, clock: Clock) -> None:
    day(clock, 7, ending)
    together = threading.Barrier(4)

    def write() -> None:
        try:
            together.wait()
            expiry.work(ending.pk)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert OutgoingMail.objects.count() == 2


def test_one_that_cannot_be_written_keeps_back_no_other_and_does_not_keep_the_worker_busy(
    ending: Mailbox, admin: Person, eve: Person, clock: Clock
) -> None:
    Person.objects.filter(pk=admin.pk).update(email="ädä@contoso.example")  # no server takes it
    day(clock, 7, ending)
    assert run("expiry") == 1
    assert list(OutgoingMail.objects.values_list("to", flat=True)) == [eve.email]
    assert expiry.due(10) == [ending.pk]
    assert run("expiry") == 0  # nothing was done, so the worker rests before the next look


def test_the_day_is_that_of_the_installations_zone(ending: Mailbox, admin: Person, clock: Clock) -> None:
    clock.move_to("2026-12-10T23:30:00+00:00")  # 31 days left in UTC, 30 in Kiribati
    looked_into(ending)
    assert expiry.due(10) == []
    Installation.objects.update_or_create(id=1, defaults={"zone": "Pacific/Kiritimati"})
    assert expiry.due(10) == [ending.pk]
    assert timezone.now().date() == date(2026, 12, 10)
