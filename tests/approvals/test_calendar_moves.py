"""A calendar has a new version: what was reckoned with an older one moves, where it is not due yet."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from placet.accounts import calendar_changes
from placet.accounts.calendars import OFFICE_WEEK, Content, OwnDay
from placet.accounts.models import Calendar, Person
from placet.approvals import calendar_moves, engine_time
from placet.approvals.models import Assignment, Timer, Visit
from placet.lib.working_time import Span
from placet.mail.models import OutgoingMail
from placet.mailboxes.models import Mailbox
from tests import clocks
from tests.approvals.test_steps_that_ask_nobody import answer, process, standing, start, step, text_of
from tests.approvals.test_timing import DUE, WAYS, asks, timers, work
from tests.clocks import Clock, at
from tests.making import entries

pytestmark = pytest.mark.django_db

PLAIN = Content("UTC", OFFICE_WEEK)
TUESDAY = OwnDay(date(2026, 3, 3), "Carnival")
CAROL = {"person": "carol@contoso.example"}
ALL = {
    "remind": ["1 working day before"],
    "escalate": [{"when": "1 working day after", "also": [CAROL]}],
    "expire": {"after": "3 working days", "warn": "1 working day before"},
}


clock = clocks.standing
_mail_is_read = clocks.mail_is_read


@pytest.fixture
def office(admin: Person) -> Calendar:
    return calendar_changes.add("office", "Office", PLAIN, admin)


def timed(**more: Any) -> dict[str, Any]:
    more = {"due": "2 working days", "calendar": "office", **more}
    return process({"bob": step("bob", **more)}, WAYS if "expire" in more else WAYS[:2])


def closes(office: Calendar, admin: Person, *days: OwnDay) -> None:
    calendar_changes.change(office, lambda content: replace(content, days=days), admin)


def move() -> int:
    """All that is behind, in small batches; how much of it moved."""
    moved = 0
    while rows := calendar_moves.due(2):
        moved += sum(map(calendar_moves.work, rows))
    return moved


def test_what_is_not_due_yet_moves_by_a_working_day(
    clock: Clock, mailbox: Mailbox, office: Calendar, alice: Person, bob: Person, carol: Person, admin: Person
) -> None:
    request = start(timed(**ALL), alice)
    before = timers(request)
    assert calendar_moves.due(10) == []
    closes(office, admin, TUESDAY)
    assert move() == 1
    assert before == {
        "due": "04 17:00 waiting", "remind 1": "03 09:00 waiting", "escalate 1": "05 17:00 waiting",
        "expire": "09 17:00 waiting", "warn": "06 09:00 waiting", "warn 1": "06 09:00 waiting",
    }  # fmt: skip
    assert timers(request) == {
        "due": "05 17:00 waiting", "remind 1": "04 09:00 waiting", "escalate 1": "06 17:00 waiting",
        "expire": "10 17:00 waiting", "warn": "09 09:00 waiting", "warn 1": "09 09:00 waiting",
    }  # fmt: skip
    [entry] = entries("due moved", request=request)
    assert (entry.what["basis"]["calendar"], entry.what["basis"]["version"]) == ("office", 2)
    assert standing(request) == ("open", "")
    assert asks(bob) == ["Please decide: Desk"]  # it comes later: their mail promises no more than there is
    assert calendar_moves.due(10) == []
    work(clock, at("2026-03-04 09:00"))
    assert asks(bob) == ["Please decide: Desk", "Reminder: Desk"]


def test_where_the_end_comes_earlier_those_who_are_asked_hear_of_it(
    clock: Clock, mailbox: Mailbox, office: Calendar, alice: Person, bob: Person, carol: Person, admin: Person
) -> None:
    closes(office, admin, *[OwnDay(date(2026, 3, day)) for day in range(3, 7)])
    request = start(timed(**ALL), alice)
    assert timers(request)["expire"] == "13 17:00 waiting"
    closes(office, admin)
    assert move() == 1
    assert timers(request)["expire"] == "09 17:00 waiting"
    assert asks(bob) == ["Please decide: Desk", "Please decide: Desk"]
    newest = OutgoingMail.objects.filter(kind="ask", to=bob.email).order_by("-pk")[0]
    assert "count until 9 March 2026, 17:00 UTC" in " ".join(text_of(newest).split())
    seat = Assignment.objects.get(person=bob)
    assert len({line.facts_hash for line in seat.ask_lines.all()}) == 1  # either can be answered
    assert standing(request) == ("open", "")


def test_nothing_comes_earlier_than_in_a_working_day(
    clock: Clock, mailbox: Mailbox, office: Calendar, alice: Person, bob: Person, carol: Person, admin: Person
) -> None:
    """Everything would be past by the new version."""
    closes(office, admin, *[OwnDay(date(2026, 3, day)) for day in range(3, 14)])
    request = start(timed(**ALL), alice)
    assert timers(request)["due"] == "17 17:00 waiting"
    clock.move_to(at("2026-03-12 10:00"))
    closes(office, admin)
    assert move() == 1
    shown = timers(request)
    assert shown["due"] == "13 17:00 waiting"
    assert shown["escalate 1"] == "13 17:00 waiting"
    assert shown["expire"] >= "13 17:00 waiting"
    assert shown["remind 1"].endswith("needless")
    work(clock, at("2026-03-12 18:00"))
    assert standing(request) == ("open", "")


def test_what_is_due_in_less_than_a_day_stays(
    clock: Clock, mailbox: Mailbox, office: Calendar, alice: Person, bob: Person, admin: Person
) -> None:
    closes(office, admin, TUESDAY)
    request = start(timed(due="1 working day", expire={}), alice)
    assert timers(request)["expire"] == "04 17:00 waiting"
    clock.move_to(at("2026-03-04 12:00"))
    closes(office, admin)
    assert move() == 0
    assert timers(request)["expire"] == "04 17:00 waiting"
    assert entries("due moved", request=request) == []
    assert calendar_moves.due(10) == []


def test_what_is_past_stays_though_nothing_acted_yet(
    clock: Clock, mailbox: Mailbox, office: Calendar, alice: Person, bob: Person, admin: Person
) -> None:
    request = start(timed(expire={"after": "1 working day"}), alice)
    work(clock, DUE)
    clock.move_to(at("2026-03-05 17:01"))
    closes(office, admin, OwnDay(date(2026, 3, 5)))
    move()
    assert timers(request) == {"due": "04 17:00 acted", "expire": "05 17:00 waiting"}
    assert calendar_moves.due(10) == []
    work(clock, at("2026-03-05 17:02"))
    assert standing(request) == ("ended", "rejected")


def test_after_the_deadline_what_follows_it_moves(
    clock: Clock, mailbox: Mailbox, office: Calendar, alice: Person, bob: Person, carol: Person, admin: Person
) -> None:
    request = start(timed(**ALL), alice)
    work(clock, at("2026-03-03 09:00"))
    work(clock, DUE)
    closes(office, admin, OwnDay(date(2026, 3, 5)))
    assert move() == 1
    assert timers(request) == {
        "due": "04 17:00 acted", "remind 1": "03 09:00 acted", "escalate 1": "06 17:00 waiting",
        "expire": "10 17:00 waiting", "warn": "09 09:00 waiting", "warn 1": "09 09:00 waiting",
    }  # fmt: skip
    closes(office, admin)  # and back
    assert move() == 1
    assert (
        timers(request)["escalate 1"] == "06 17:00 waiting"
    )  # it is after hours: the next working day is the 5th
    assert timers(request)["expire"] == "09 17:00 waiting"
    assert standing(request) == ("open", "")


def test_a_day_that_touches_nothing_moves_nothing_and_is_noted_nowhere(
    clock: Clock, mailbox: Mailbox, office: Calendar, alice: Person, bob: Person, admin: Person
) -> None:
    requests = [start(timed(expire={}), alice) for _ in range(5)]
    closes(office, admin, OwnDay(date(2026, 12, 24)))
    assert len(calendar_moves.due(3)) == 3
    assert move() == 0
    assert [entries("due moved", request=one) for one in requests] == [[]] * 5
    assert calendar_moves.due(10) == []
    answer(bob)
    assert standing(requests[0])[0] == "ended"


def test_what_was_moved_for_another_reason_stays_where_it_is(
    clock: Clock, mailbox: Mailbox, office: Calendar, alice: Person, bob: Person, carol: Person, admin: Person
) -> None:
    """After an outage the end gives time; a holiday next year takes none of it away."""
    request = start(timed(**ALL), alice)
    clock.move_to(at("2026-03-20 10:00"))
    work(clock, at("2026-03-20 10:00"))
    before = timers(request)
    closes(office, admin, OwnDay(date(2026, 12, 24)))
    assert move() == 0
    assert timers(request) == before


def test_a_wait_moves_too(clock: Clock, office: Calendar, alice: Person, admin: Person) -> None:
    wait = {"kind": "wait", "name": "Wait", "due": "1 working day", "calendar": "office"}
    request = start(process({"wait": wait}, ["wait arrived approved"]), alice)
    closes(office, admin, TUESDAY)
    assert move() == 1
    assert timers(request) == {"go on": "04 17:00 waiting"}
    assert work(clock, at("2026-03-03 17:00")) == 0
    assert work(clock, at("2026-03-04 17:00")) == 1
    assert standing(request) == ("ended", "approved")


def test_steps_that_are_over_and_other_calendars_are_left_alone(
    clock: Clock, mailbox: Mailbox, office: Calendar, alice: Person, bob: Person, admin: Person
) -> None:
    over = start(timed(expire={}), alice)
    answer(bob)
    built_in = start(process({"bob": step("bob", due="2 working days")}, WAYS[:2], key="plain"), alice)
    calendar_changes.add("other", "Other", PLAIN, admin)
    closes(office, admin, TUESDAY)
    before = timers(over), timers(built_in)
    assert move() == 0
    assert (timers(over), timers(built_in)) == before
    assert calendar_moves.due(10) == []


def test_a_calendar_without_any_working_time_left_moves_nothing(
    clock: Clock, mailbox: Mailbox, office: Calendar, alice: Person, bob: Person, admin: Person
) -> None:
    request = start(timed(due="400 working days", expire={}), alice)
    before = timers(request)
    few = (*[(Span(540, 1020),)] * 1, *[()] * 6)
    calendar_changes.change(office, lambda content: replace(content, week=few, days=[
        OwnDay(date(2026, 3, 2) + timedelta(weeks=week)) for week in range(1, 600)
    ]), admin)  # fmt: skip
    assert move() == 0
    assert timers(request) == before
    assert calendar_moves.due(10) == []
    assert standing(request) == ("open", "")


def test_it_goes_on_where_it_was_interrupted(
    clock: Clock, mailbox: Mailbox, office: Calendar, alice: Person, bob: Person, admin: Person,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    requests = [start(timed(expire={}), alice) for _ in range(4)]
    closes(office, admin, TUESDAY)
    first, *others = calendar_moves.due(10)
    assert calendar_moves.work(first)
    real, left = engine_time.note_moments, [1]

    def dies(*args: Any, **more: Any) -> None:
        real(*args, **more)
        if left.pop():
            raise KeyboardInterrupt

    monkeypatch.setattr(engine_time, "note_moments", dies)
    with pytest.raises(KeyboardInterrupt):
        calendar_moves.work(others[0])
    assert calendar_moves.due(10) == others
    monkeypatch.setattr(engine_time, "note_moments", real)
    assert [calendar_moves.work(row) for row in others] == [True, True, True]
    assert not calendar_moves.work(others[0])  # twice is once
    assert {timers(one)["due"] for one in requests} == {"05 17:00 waiting"}
    assert [len(entries("due moved", request=one)) for one in requests] == [1] * 4
    assert standing(requests[1]) == ("open", "")


def test_what_was_begun_with_the_older_version_meanwhile_is_seen_later(
    clock: Clock, mailbox: Mailbox, office: Calendar, alice: Person, bob: Person, admin: Person
) -> None:
    """Its transaction began before the new version was there, and ended after everything else had moved."""
    closes(office, admin, TUESDAY)
    request = start(timed(), alice)
    moment = at("2026-03-04 17:00")
    Timer.objects.filter(visit__request=request).update(seen_version=1, at=moment, due=moment)
    assert calendar_moves.due(10) == [Visit.objects.get(request=request).pk]
