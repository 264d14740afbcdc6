"""The dead-man alarm: raised once for an outage, whatever its reason, told once to each, over when it is over."""

import email
import email.policy
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connections
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from placet.accounts.models import Person
from placet.alarms import chosen, messages, silence, watch
from placet.alarms.models import AlarmSettings, Delivery, Outage
from placet.mail.models import OutgoingMail
from placet.mailboxes import pool
from placet.mailboxes.base import FixNeeded
from placet.mailboxes.models import Mailbox
from tests.alarms.conftest import START, Receiver, looked_into, run

pytestmark = pytest.mark.django_db
Clock = time_machine.Traveller
As = Callable[[Person | None], Client]


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def go_on(clock: Clock, until: float, *alive: Mailbox) -> None:
    """Look every half minute until so many minutes after the start; mailboxes that are alive are looked into."""
    end = START + minutes(until)
    while timezone.now() < end:
        clock.shift(30)
        for mailbox in alive:
            looked_into(mailbox)
        run("watch")


def silent() -> list[str]:
    return [alarm.mailbox.address for alarm in silence.alarms()]


def mails(kind: str = messages.ALARM) -> list[tuple[str, str]]:
    found = OutgoingMail.objects.filter(kind=kind).order_by("pk")
    return [(mail.to, mail.mailbox.address) for mail in found]


def text_of(mail: OutgoingMail) -> str:
    message = email.message_from_bytes(bytes(mail.raw), policy=email.policy.default)
    part = message.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


# --- when -------------------------------------------------------------------------------------------------


def test_a_mailbox_that_is_looked_into_raises_nothing(mailbox: Mailbox, clock: Clock) -> None:
    go_on(clock, 45, mailbox)
    assert (silent(), Outage.objects.count()) == ([], 0)


def test_after_half_an_hour_of_silence_the_alarm_is_raised_once(mailbox: Mailbox, clock: Clock) -> None:
    go_on(clock, 30)
    assert (silent(), Outage.objects.count()) == ([], 0)
    go_on(clock, 31)
    assert silent() == [mailbox.address]
    outage = Outage.objects.get()
    assert (outage.mailbox, outage.since, outage.over_at) == (mailbox, START, None)
    go_on(clock, 60)
    assert Outage.objects.get().pk == outage.pk


@pytest.mark.parametrize(
    "state",
    [
        {
            "paused_until": START + timedelta(days=1),
            "trouble": {"cause": "No.", "cure": "Do.", "fix_needed": True},
        },
        {"paused_until": START + timedelta(days=1), "failures": 3},
        {"claim": "a worker that hangs", "next_poll": START + timedelta(days=1)},
        {"next_poll": None},
    ],
    ids=["must be fixed", "the server asks for patience", "the worker hangs", "not planned"],
)
def test_no_reason_is_an_excuse(state: dict[str, Any], mailbox: Mailbox, clock: Clock) -> None:
    Mailbox.objects.update(**state)
    go_on(clock, 31)
    assert Outage.objects.filter(mailbox=mailbox, over_at=None).count() == 1


def test_a_mailbox_that_is_switched_off_is_not_watched_and_one_switched_on_has_its_time(
    mailbox: Mailbox, clock: Clock
) -> None:
    Mailbox.objects.update(active=False)
    go_on(clock, 60)
    assert (silent(), Outage.objects.count()) == ([], 0)
    Mailbox.objects.update(active=True, active_since=timezone.now())
    go_on(clock, 90)
    assert silent() == []
    go_on(clock, 91)
    assert silent() == [mailbox.address]


def test_how_long_is_what_an_administrator_chose(mailbox: Mailbox, clock: Clock) -> None:
    chosen.save(minutes=5, address=None, by=1)
    go_on(clock, 5)
    assert silent() == []
    clock.shift(30)
    assert silent() == [mailbox.address]


def test_a_mailbox_that_is_rarely_looked_into_has_three_looks(mailbox: Mailbox, clock: Clock) -> None:
    Mailbox.objects.update(settings={"poll_seconds": 3600})
    clock.shift(minutes(180))
    assert silent() == []
    clock.shift(1)
    assert silent() == [mailbox.address]


def test_where_only_the_storing_of_the_secret_is_known_time_is_counted_from_there(
    mailbox: Mailbox, clock: Clock
) -> None:
    Mailbox.objects.update(last_poll_at=None, active_since=None, secret_set_at=START)
    clock.shift(minutes(31))
    assert silent() == [mailbox.address]
    Mailbox.objects.update(secret_set_at=None)
    assert silent() == []  # `poll` of /healthz says that it was never looked into


def test_an_alarm_lasts_also_where_somebody_gives_more_patience_meanwhile(
    mailbox: Mailbox, admin: Person, clock: Clock
) -> None:
    go_on(clock, 31)
    chosen.save(minutes=1440, address=None, by=1)
    go_on(clock, 33)
    assert silent() == [mailbox.address]
    assert Outage.objects.get().over_at is None
    assert mails() == []  # not through itself, although it worked within the day


def test_after_a_stop_mailboxes_are_looked_into_before_anybody_is_called(
    mailbox: Mailbox, clock: Clock
) -> None:
    go_on(clock, 1, mailbox)
    clock.shift(timedelta(days=3))  # the machine was off over the weekend
    run("watch")
    assert Outage.objects.count() == 0
    assert silent() == [mailbox.address]  # pages say how it is
    looked_into(mailbox)
    clock.shift(minutes(3))
    run("watch")
    assert Outage.objects.count() == 0


def test_after_a_stop_a_mailbox_that_stays_silent_raises_the_alarm_soon(
    mailbox: Mailbox, clock: Clock
) -> None:
    go_on(clock, 1, mailbox)
    clock.shift(timedelta(days=3))
    for _ in range(6):
        run("watch")
        clock.shift(30)
    assert Outage.objects.count() == 1


def test_a_process_that_is_restarted_again_and_again_does_not_put_it_off(
    mailbox: Mailbox, clock: Clock
) -> None:
    while timezone.now() < START + minutes(32):
        clock.shift(100)  # each time the process lives for one look only
        run("watch")
    assert Outage.objects.count() == 1


def test_a_clock_that_was_set_back_does_not_stop_the_watch(mailbox: Mailbox, clock: Clock) -> None:
    run("watch")
    clock.shift(-timedelta(days=1))
    assert watch.due(10) == [1]


# --- over -------------------------------------------------------------------------------------------------


def test_it_is_over_with_the_next_look_that_succeeds_and_may_begin_again(
    mailbox: Mailbox, clock: Clock
) -> None:
    go_on(clock, 35)
    looked_into(mailbox)
    assert silent() == []  # pages do not wait for the next look of ours
    go_on(clock, 36)
    first = Outage.objects.get()
    assert (first.ended, first.over_at is not None) == ("works", True)
    go_on(clock, 80)
    assert list(Outage.objects.order_by("pk").values_list("ended", flat=True)) == ["works", ""]


@pytest.mark.parametrize("on_again", [False, True])
def test_it_is_over_where_the_mailbox_is_switched_off(on_again: bool, mailbox: Mailbox, clock: Clock) -> None:
    go_on(clock, 35)
    Mailbox.objects.update(active=on_again, active_since=timezone.now())
    assert silent() == []
    go_on(clock, 36)
    assert Outage.objects.get().ended == "off"


# --- once -------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_two_who_look_at_once_raise_it_once(
    mailbox: Mailbox, other: Mailbox, hook: Receiver, admin: Person, clock: Clock
) -> None:
    watch.work(1)
    AlarmSettings.objects.update(looked_at=None, awake_since=START - minutes(60))
    clock.shift(minutes(31))
    looked_into(other)
    together = threading.Barrier(4)

    def look() -> None:
        try:
            together.wait()
            # Past the claim: only the constraints are left to hold it.
            for alarm in silence.alarms():
                together.wait()
                watch._begin(alarm)
            outage = Outage.objects.select_related("mailbox").get()
            together.wait()
            watch._tell(outage, timezone.now())
        finally:
            connections.close_all()

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert Outage.objects.count() == 1
    assert Delivery.objects.count() == 1
    assert mails() == [(admin.email, other.address)]


def test_the_second_of_two_who_look_finds_it_done(mailbox: Mailbox, clock: Clock) -> None:
    assert watch.due(10) == [1]
    assert watch.work(1) is True
    assert watch.work(1) is False
    assert watch.due(10) == []
    clock.shift(30)
    assert watch.due(10) == [1]


def test_with_nothing_to_watch_nobody_looks(db: None) -> None:
    assert watch.due(10) == []


# --- told -------------------------------------------------------------------------------------------------


def test_mails_go_to_every_administrator_through_another_mailbox_in_their_language(
    mailbox: Mailbox, other: Mailbox, admin: Person, eve: Person, bob: Person, clock: Clock
) -> None:
    pool.failed(mailbox, FixNeeded("The client secret is wrong.", "Enter it again."))
    Person.objects.create(email="gone@contoso.example", is_administrator=True, is_active=False)
    go_on(clock, 40, other)
    assert mails() == [(admin.email, other.address), (eve.email, other.address)]
    english, french = OutgoingMail.objects.order_by("pk")
    assert english.priority == OutgoingMail.Priority.CONFIRMATION
    assert english.subject == f"Alarm: the mailbox {mailbox.address} is silent"
    said = text_of(english)
    for part in (
        "The client secret is wrong.",
        "Enter it again.",
        "26 November 2026, 08:00 UTC",
        other.address,
    ):
        assert part in said
    assert reverse("panel:mailbox", args=[mailbox.pk]) in said
    assert french.subject == f"Alerte : la boîte aux lettres {mailbox.address} est muette"
    looked_into(mailbox)
    go_on(clock, 42, other, mailbox)
    assert mails(messages.OVER) == [(admin.email, mailbox.address), (eve.email, mailbox.address)]
    assert "It was silent from 26 November 2026, 08:00 UTC to 26 November 2026, 08:40 UTC." in text_of(
        OutgoingMail.objects.get(kind=messages.OVER, to=admin.email)
    )


def test_without_another_way_the_mail_that_it_works_again_tells_of_it(
    mailbox: Mailbox, admin: Person, clock: Clock
) -> None:
    go_on(clock, 40)
    assert mails() == []
    go_on(clock, 41, mailbox)
    assert mails(messages.OVER) == [(admin.email, mailbox.address)]


def test_another_way_that_comes_later_is_used(
    mailbox: Mailbox, other: Mailbox, admin: Person, clock: Clock
) -> None:
    pool.failed(other, FixNeeded("No.", "Do."))
    go_on(clock, 35)
    assert mails() == []
    go_on(clock, 36, other)
    assert mails() == [(admin.email, other.address)]


def test_where_a_silent_mailbox_was_switched_off_the_other_one_says_so(
    mailbox: Mailbox, other: Mailbox, admin: Person, clock: Clock
) -> None:
    go_on(clock, 35, other)
    Mailbox.objects.filter(pk=mailbox.pk).update(active=False)
    go_on(clock, 36, other)
    assert mails(messages.OVER) == [(admin.email, other.address)]
    assert "was switched off" in OutgoingMail.objects.get(kind=messages.OVER).subject


def test_a_mail_that_cannot_be_written_keeps_back_neither_the_others_nor_the_alarm(
    mailbox: Mailbox, other: Mailbox, hook: Receiver, admin: Person, eve: Person, clock: Clock
) -> None:
    Person.objects.filter(pk=admin.pk).update(email="ädä@contoso.example")  # no server takes it
    go_on(clock, 31, other)
    run("webhook")
    assert mails() == [(eve.email, other.address)]
    assert [message["what"] for message in hook.got] == ["alarm"]
    Person.objects.filter(pk=admin.pk).update(email="ada@contoso.example")
    go_on(clock, 32, other)
    assert mails() == [(eve.email, other.address), ("ada@contoso.example", other.address)]


# --- pages and monitors -----------------------------------------------------------------------------------


def test_healthz_is_red_while_the_alarm_lasts_though_nobody_watches(
    mailbox: Mailbox, client: Client, clock: Clock
) -> None:
    Mailbox.objects.update(paused_until=START + timedelta(days=1))
    clock.shift(minutes(30))
    assert client.get("/healthz").status_code == 200
    clock.shift(1)
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (503, {"status": "failing", "failing": ["alarm"]})
    assert mailbox.address not in answer.content.decode()
    looked_into(mailbox)
    assert client.get("/healthz").status_code == 200


def test_every_page_of_administration_shows_it_with_cause_cure_and_where_to_act(
    mailbox: Mailbox, admin: Person, client: Client, clock: Clock
) -> None:
    client.force_login(admin)
    pages = [
        reverse(f"panel:{name}") for name in ("home", "general", "alarms", "incoming", "people", "groups")
    ]
    assert not [page for page in pages if 'role="alert"' in client.get(page).content.decode()]
    pool.failed(mailbox, FixNeeded("<b>The secret</b> is wrong.", "Enter it again."))
    clock.shift(minutes(31))
    for page in pages:
        shown = client.get(page).content.decode()
        assert 'role="alert"' in shown, page
        assert f'href="{reverse("panel:mailbox", args=[mailbox.pk])}"' in shown
        assert "&lt;b&gt;The secret&lt;/b&gt; is wrong." in shown and "Enter it again." in shown


def test_where_no_failure_is_known_it_leads_to_the_workers(
    mailbox: Mailbox, admin: Person, client: Client, clock: Clock
) -> None:
    clock.shift(minutes(31))
    client.force_login(admin)
    shown = client.get(reverse("panel:people")).content.decode()
    assert "the worker that reads it hangs" in shown and "Open Diagnostics" in shown
    assert "silent" in client.get(reverse("panel:home")).content.decode()


def test_only_some_of_many_are_shown(mailbox: Mailbox, admin: Person, client: Client, clock: Clock) -> None:
    Mailbox.objects.bulk_create(
        Mailbox(name=f"m{n}", address=f"m{n}@contoso.example", active=True, active_since=START)
        for n in range(4)
    )
    clock.shift(minutes(31))
    client.force_login(admin)
    shown = client.get(reverse("panel:people")).content.decode()
    assert shown.count("is silent. The last look into it that succeeded was") == 3
    assert "2 more alarms" in shown


def test_people_who_do_not_administer_see_nothing_of_it(
    mailbox: Mailbox, bob: Person, client: Client, clock: Clock
) -> None:
    clock.shift(minutes(31))
    client.force_login(bob)
    assert "Alarm" not in client.get(reverse("portal:home")).content.decode()
