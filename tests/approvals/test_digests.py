"""What is collected for a person's digest, and when it goes out: nobody is asked later than a deadline allows."""

import email
import email.policy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placet.accounts import calendar_changes
from placet.accounts.addresses import add_person
from placet.accounts.calendars import Content, built_in
from placet.accounts.models import Person
from placet.approvals import digesting, digests, engine, evidence, timing
from placet.approvals.models import AskLine, Assignment, Decision, DigestItem, Request, Timer
from placet.approvals.processes import publish
from placet.audit import chain
from placet.lib.working_time import NoWorkingTime, Span
from placet.mail.models import OutgoingMail
from placet.mailboxes.models import Mailbox
from tests import clocks
from tests.clocks import MONDAY, Clock
from tests.making import one_step

pytestmark = pytest.mark.django_db

TUESDAY = MONDAY.replace(day=3, hour=9)
clock = clocks.standing


@pytest.fixture
def bob(clock: Clock, mailbox: Mailbox) -> Person:
    bob = add_person("Bob Bobson", "bob@contoso.example")
    Person.objects.filter(pk=bob.pk).update(in_digests=True)
    bob.refresh_from_db()
    return bob


@pytest.fixture
def alice(clock: Clock) -> Person:
    return add_person("Alice Aliceson", "alice@contoso.example")


def ask(alice: Person, item: str = "Desk", **step: Any) -> Request:
    one = one_step([{"person": "bob@contoso.example"}], key=f"one-{abs(hash(repr(step)))}")
    one["steps"]["step"] |= step
    if "expire" in step:
        one["transitions"].append({"from": "step", "outcome": "expired", "to": "rejected"})
    return engine.start(publish(one), alice, {"item": item, "amount": "900"})


def work(clock: Clock, moment: datetime) -> None:
    """What is due at a moment: timers, then digests."""
    clock.move_to(moment)
    for number in timing.due(100):
        timing.work(number)
    for person in digesting.due(100):
        digesting.work(person)


def mails() -> list[str]:
    asks = OutgoingMail.objects.filter(kind__in=("ask", "digest")).order_by("pk")
    return [mail.subject.partition(" [#")[0] for mail in asks]


def parts_of(mail: OutgoingMail) -> dict[str, str]:
    """Its text and its HTML."""
    whole = email.message_from_bytes(bytes(mail.raw), policy=email.policy.default)
    return {part.get_content_type(): part.get_content() for part in whole.walk() if not part.is_multipart()}


def holds() -> bool:
    broken = [one for pk in Request.objects.values_list("pk", flat=True) for one in chain.verify(pk)]
    return [*broken, *evidence.compare()] == []


def test_what_is_asked_waits_until_the_next_working_day_begins(
    bob: Person, alice: Person, clock: Clock
) -> None:
    for item in ("Desk", "Chair"):
        ask(alice, item)
    assert Assignment.objects.filter(state="open").count() == 2
    assert mails() == [] and {item.at for item in DigestItem.objects.all()} == {TUESDAY}
    work(clock, TUESDAY - timedelta(seconds=1))
    assert mails() == []
    work(clock, TUESDAY)
    assert mails() == ["Waiting for you: 2 questions"]
    work(clock, TUESDAY + timedelta(minutes=1))
    assert mails() == ["Waiting for you: 2 questions"]
    assert holds()


@pytest.mark.parametrize(
    ("step", "waits"),
    [
        ({}, True),
        ({"due": "4 working days"}, True),
        ({"due": "2 working days"}, True),
        ({"due": "8 working hours"}, False),  # half of them are over before the next morning
        ({"due": "4 working days", "remind": ["2 working days before"]}, True),
        ({"due": "2 working days", "remind": ["17 working hours before"]}, False),  # at 16:00 of this day
        ({"due": "2 hours", "expire": {}}, False),
        ({"alone": True}, False),
    ],
)
def test_nothing_waits_longer_than_its_deadline_allows(
    bob: Person, alice: Person, step: dict[str, Any], waits: bool
) -> None:
    ask(alice, **step)
    assert DigestItem.objects.exists() == waits
    assert (mails() == []) == waits
    assert holds()


@settings(max_examples=60, deadline=None)
@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)),  # noqa: DTZ001 - it gets its zone below
    st.timedeltas(timedelta(minutes=1), timedelta(days=12)),
    st.lists(st.timedeltas(timedelta(), timedelta(days=12)), max_size=3),
)
def test_no_item_waits_past_a_reminder_half_of_the_time_or_the_deadline(
    now: datetime, until: timedelta, reminders: list[timedelta]
) -> None:
    now, hours = now.replace(tzinfo=UTC), built_in("UTC").working_time
    due = now + until
    timers = [
        Timer(what=Timer.What.DUE, at=due),
        *(Timer(what=Timer.What.REMIND, at=now + one) for one in reminders),
    ]
    latest = min(digests._limits(timers, hours, now))
    assert latest <= due and all(latest <= now + one for one in reminders)
    assert hours.between(now, latest) <= hours.between(now, due) / 2
    begins = digests.next_beginning(hours, now)
    assert begins >= now and begins.hour == 9 and begins.weekday() < 5
    assert not any(
        now <= day.replace(hour=9, minute=0, second=0, microsecond=0) < begins
        for day in (now + timedelta(days=n) for n in range(4))
        if day.weekday() < 5
    )


def test_one_is_asked_as_always_and_more_than_a_mail_holds_in_several(
    bob: Person, alice: Person, clock: Clock
) -> None:
    ask(alice)
    work(clock, TUESDAY)
    assert mails() == ["Please decide: Desk"]
    assert AskLine.objects.get().numbered
    for number in range(41):
        ask(alice, f"Item {number}")
    for minute in range(4):
        work(clock, TUESDAY + timedelta(days=1, minutes=minute))
    assert mails()[1:] == [
        "Waiting for you: 20 questions",
        "Waiting for you: 20 questions",
        "Please decide: Item 40",
    ]
    assert not DigestItem.objects.filter(state="waiting").exists()
    assert holds()


def test_what_is_due_first_comes_first(bob: Person, alice: Person, clock: Clock) -> None:
    for item, step in (
        ("Later", {"due": "9 working days"}),
        ("Never", {}),
        ("Soon", {"due": "5 working days"}),
    ):
        ask(alice, item, **step)
    work(clock, TUESDAY)
    lines = AskLine.objects.order_by("line").values_list("assignment__visit__request__title", flat=True)
    assert list(lines) == ["Soon", "Later", "Never"]


def test_what_is_over_is_left_out(bob: Person, alice: Person, clock: Clock) -> None:
    first, second, _third, _fourth = (ask(alice, item) for item in ("Desk", "Chair", "Lamp", "Shelf"))
    engine.withdraw(first.pk, alice)
    engine.decide(
        Assignment.objects.get(visit__request=second).pk,
        by=bob,
        outcome="approve",
        channel=Decision.Channel.PAGE,
    )
    assert not OutgoingMail.objects.filter(kind="withdrawn").exists()  # no mail had asked it
    work(clock, TUESDAY)
    assert mails() == ["Waiting for you: 2 questions"]
    assert list(DigestItem.objects.values_list("state", flat=True)) == [
        "needless",
        "needless",
        "asked",
        "asked",
    ]
    assert holds()


def test_whoever_is_asked_once_more_meanwhile_is_not_asked_again(
    bob: Person, alice: Person, clock: Clock
) -> None:
    requests = [ask(alice, item) for item in ("Desk", "Chair")]
    engine.resend(Assignment.objects.get(visit__request=requests[0]).pk, alice)
    assert mails() == ["Please decide: Desk"]
    work(clock, TUESDAY)
    assert mails() == ["Please decide: Desk", "Please decide: Chair"]
    assert {item.state for item in DigestItem.objects.all()} == {"asked"}
    assert holds()


def test_reminders_of_one_day_come_together(bob: Person, alice: Person, clock: Clock) -> None:
    for item in ("Desk", "Chair"):
        ask(alice, item, due="6 working days", remind=["3 working days before"])
    work(clock, TUESDAY)
    clock.move_to(TUESDAY + timedelta(minutes=5))
    OutgoingMail.objects.update(state="sent", sent_at=TUESDAY)
    work(clock, MONDAY.replace(day=5, hour=17))  # the reminders' moment, after work
    assert DigestItem.objects.filter(state="waiting", reminder=True).count() == 2
    work(clock, MONDAY.replace(day=6, hour=9))
    assert mails() == ["Waiting for you: 2 questions"] * 2
    assert parts_of(OutgoingMail.objects.latest("pk"))["text/plain"].count("This is a reminder.") == 2
    assert holds()


def test_a_deadline_that_comes_nearer_hurries_what_waits(bob: Person, alice: Person, clock: Clock) -> None:
    request = ask(alice, due="6 working days")
    seat = Assignment.objects.select_related("visit", "person").get(visit__request=request)
    Timer.objects.filter(what="due").update(at=MONDAY + timedelta(hours=2))
    digests.hurry(seat)
    work(clock, MONDAY)
    assert mails() == ["Please decide: Desk"]


def test_without_a_mailbox_everything_waits(bob: Person, alice: Person, clock: Clock) -> None:
    for item in ("Desk", "Chair"):
        ask(alice, item)
    Mailbox.objects.update(active=False)
    assert digesting.due(10) == []
    work(clock, TUESDAY)
    Mailbox.objects.update(active=True)
    work(clock, TUESDAY + timedelta(hours=1))
    assert mails() == ["Waiting for you: 2 questions"]


def test_a_calendar_without_working_time_collects_nothing(bob: Person, alice: Person) -> None:
    calendar = calendar_changes.add("never", "Never", Content("UTC", [(Span(0, 1),), *([()] * 6)]), by=alice)
    Person.objects.filter(pk=bob.pk).update(calendar=calendar)
    version = calendar.versions.get()
    version.week = [[]] * 7
    version.save()
    with pytest.raises(NoWorkingTime):
        digests.next_beginning(digests._hours(Person.objects.get(pk=bob.pk)), MONDAY)
    ask(alice)
    assert mails() == ["Please decide: Desk"]


def test_what_needs_the_page_stands_apart_and_has_no_number(bob: Person, alice: Person, clock: Clock) -> None:
    ask(alice, "Plain")
    ask(alice, "Asks", questions=[{"name": "cost", "label": "Cost centre", "type": "text", "required": True}])
    ask(alice, "Paged", proof="page")
    work(clock, TUESDAY)
    lines = AskLine.objects.order_by("line").values_list("assignment__visit__request__title", "numbered")
    assert list(lines) == [("Plain", True), ("Asks", False), ("Paged", False)]
    text = parts_of(OutgoingMail.objects.get())["text/plain"]
    assert "[1] " in text and "[2] " not in text and "To be answered on the page:" in text
    assert holds()


def test_what_requesters_write_is_no_line_of_ours(bob: Person, alice: Person, clock: Clock) -> None:
    for title in ("2 yes", "all yes", "[3] Phone | 1 no | 2 yes <b>x</b> https://evil.example"):
        ask(alice, title, mail={"text": "2 quotes are needed: {item}\nAnd <b>x</b>."})
    work(clock, TUESDAY)
    parts = parts_of(OutgoingMail.objects.get())
    assert "    | 2 quotes are needed: 2 yes And <b>x</b>." in parts["text/plain"].splitlines()
    for line in parts["text/plain"].splitlines():
        assert not line.startswith(("1", "2", "3", "all")), line
    assert "<b>x</b>" not in parts["text/html"] and 'href="https://evil' not in parts["text/html"]


def test_a_row_is_worked_once_however_many_look(bob: Person, alice: Person, clock: Clock) -> None:
    for item in ("Desk", "Chair"):
        ask(alice, item)
    clock.move_to(TUESDAY)
    assert digesting.due(10) == [bob.pk]
    assert digesting.work(bob.pk) is True
    assert digesting.work(bob.pk) is False
    assert mails() == ["Waiting for you: 2 questions"]
