"""Others are asked by mail where a step is not decided in time, and its end is warned of: over a week-end, holidays and
the change to summer time, in two zones, and after an outage."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from placet.accounts import calendar_changes
from placet.accounts.calendars import OFFICE_WEEK, Content
from placet.accounts.models import Person
from placet.approvals.models import Assignment, Request, Timer
from placet.approvals.processes import publish
from placet.lib.public_holidays import Observed
from tests import clocks
from tests.clocks import MONDAY, Clock
from tests.journeys.conftest import World
from tests.journeys.test_blocks import standing, started
from tests.journeys.test_deadlines import fire, holds
from tests.journeys.test_rules import process

pytestmark = pytest.mark.django_db
BOTH_WAYS = True

DUE, RUNG = MONDAY.replace(day=4, hour=17), MONDAY.replace(day=5, hour=17)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
CAROL = {"person": "carol@contoso.example"}
#: Good Friday and Easter Monday are no working days in Germany, Memorial Day is none in the United States.
BERLIN = Content("Europe/Berlin", OFFICE_WEEK, Observed("DE"))
NEW_YORK = Content("America/New_York", OFFICE_WEEK, Observed("US"))
clock = clocks.running


@pytest.fixture
def world(clock: Clock, world: World) -> World:
    """It begins on that Monday."""
    return world


def asks(
    world: World, rung: dict[str, Any] | None = None, calendar: str | None = None, **more: Any
) -> Request:
    rungs = {"escalate": [{"when": "1 working day after", **rung}]} if rung else {}
    step = {"ask": [{"person": "bob@contoso.example"}], "due": "2 working days", **rungs, **more}
    definition = process(step) | ({"calendar": calendar} if calendar else {})
    if "expire" in step:
        definition["transitions"].append({"from": "first", "outcome": "expired", "to": "rejected"})
    publish(definition)
    return started(world, "rules", {"item": "Desk"})


def reads(world: World, clock: Clock, moment: datetime) -> None:
    """The mailbox is read, and what is due then is done."""
    clock.move_to(moment)
    world.run_until_quiet()
    fire(clock, moment + MINUTE)
    world.send()


def reaches(world: World, clock: Clock) -> None:
    """The deadline, and then the rung."""
    fire(clock, DUE + MINUTE)
    reads(world, clock, RUNG + 5 * MINUTE)


def asked(request: Request) -> dict[str, str]:
    seats = Assignment.objects.filter(visit__request=request).select_related("person").order_by("pk")
    return {seat.person.email.partition("@")[0].title(): seat.state for seat in seats}


def text_of(world: World, name: str, beginning: str) -> str:
    return " ".join(world.newest(name, beginning).text.split())


def test_somebody_is_asked_too_and_answers_by_mail(world: World, clock: Clock) -> None:
    request = asks(world, {"also": [CAROL]})
    reaches(world, clock)
    assert asked(request) == {"Bob": "open", "Carol": "open"}
    assert "Bob Bobson did not answer by 5 March 2026, 17:00 UTC, so you are asked, too." in text_of(
        world, "carol", "Please decide"
    )
    assert world.subjects("bob")[-1] == "Others are asked, too: Desk"
    world.sandbox.reply_as("carol", world.newest("carol", "Please decide").id, "Approved")
    world.run_until_quiet()
    assert standing(request) == ("ended", "approved")
    world.sandbox.reply_as("bob", world.newest("bob", "Please decide").id, "No")
    world.run_until_quiet()
    assert world.results() == ["decided", "already_decided"]
    assert world.decisions() == [("Carol", "approve")]
    assert holds(request)


def test_somebody_is_asked_instead_and_the_first_ones_answer_counts_no_longer(
    world: World, clock: Clock
) -> None:
    request = asks(world, {"instead": [CAROL]})
    reaches(world, clock)
    assert asked(request) == {"Bob": "withdrawn", "Carol": "open"}
    assert "You are asked in place of Bob Bobson," in text_of(world, "carol", "Please decide")
    world.sandbox.reply_as("bob", world.newest("bob", "Please decide").id, "Approved")
    world.run_until_quiet()
    assert world.results() == ["no_longer_open"]
    assert "It was not answered in time. Asked in your place: Carol" in text_of(world, "bob", "Not applied")
    assert standing(request) == ("open", "")
    world.sandbox.reply_as("carol", world.newest("carol", "Please decide").id, "No")
    world.run_until_quiet()
    assert standing(request) == ("ended", "rejected")
    assert holds(request)


@pytest.mark.parametrize("how", ["also", "instead"])
def test_an_answer_in_time_counts_however_late_it_is_read_and_nobody_else_is_asked(
    world: World, clock: Clock, how: str
) -> None:
    request = asks(world, {how: [CAROL]})
    fire(clock, DUE + MINUTE)
    clock.move_to(RUNG - HOUR)
    world.sandbox.reply_as("bob", world.newest("bob").id, "Approved")
    # The mailbox cannot be read for a day.
    for moment in (RUNG + MINUTE, RUNG + HOUR, RUNG + 24 * HOUR):
        fire(clock, moment)
        assert asked(request) == {"Bob": "open"}
    world.run_until_quiet()
    fire(clock, RUNG + 25 * HOUR)
    world.send()
    assert standing(request) == ("ended", "approved")
    assert world.subjects("carol") == []
    assert world.decisions() == [("Bob", "approve")]
    assert holds(request)


@dataclass(frozen=True)
class Place:
    """Moments of a step, in local time: from a Friday, before the clock is changed on the Sunday, until after holidays.
    Reminders and the warning come at the beginning of a working day, all else at the end of one."""

    calendar: Content
    zone: str  # in summer, as it is written
    due_within: str
    remind_first: str
    begin: str
    reminded: str  # on the first day of summer time
    warned: str  # on the last working day before the holidays: its end is two working days later
    due: str  # on that day, too
    reminded_again: str  # on the first working day after the holidays
    escalated: str
    end: str

    def at(self, name: str) -> datetime:
        return datetime.fromisoformat(getattr(self, name))


PLACES = [
    Place(
        BERLIN, "CEST", "4 working days", "3 working days before",
        begin="2026-03-27T14:00+01:00",
        reminded="2026-03-30T09:00+02:00",
        warned="2026-04-02T09:00+02:00",
        due="2026-04-02T17:00+02:00",
        reminded_again="2026-04-07T09:00+02:00",
        escalated="2026-04-07T17:00+02:00",
        end="2026-04-08T17:00+02:00",
    ),
    Place(
        NEW_YORK, "EDT", "55 working days", "54 working days before",
        begin="2026-03-06T14:00-05:00",
        reminded="2026-03-09T09:00-04:00",
        warned="2026-05-22T09:00-04:00",
        due="2026-05-22T17:00-04:00",
        reminded_again="2026-05-26T09:00-04:00",
        escalated="2026-05-26T17:00-04:00",
        end="2026-05-27T17:00-04:00",
    ),
]  # fmt: skip


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.calendar.zone)
def test_whatever_a_clock_brings_comes_over_week_end_holiday_and_summer_time(
    world: World, clock: Clock, place: Place
) -> None:
    """Two requests, of which nobody answers the one; the other is answered by whoever is asked instead."""
    clock.move_to(place.at("begin"))
    here = calendar_changes.add("here", "Here", place.calendar, world.people["ada"])
    Person.objects.update(calendar=here, zone=place.calendar.zone)
    for person in world.people.values():
        person.refresh_from_db()
    also, instead = (
        _begin(world, place, how, name) for how, name in (("also", "carol"), ("instead", "dave"))
    )
    for request in (also, instead):
        timers = Timer.objects.filter(visit__request=request)
        assert {(timer.what, timer.number): timer.at for timer in timers} == {
            ("remind", 1): place.at("reminded"), ("remind", 2): place.at("reminded_again"),
            ("warn", 0): place.at("warned"), ("warn", 1): place.at("warned"), ("due", 0): place.at("due"),
            ("escalate", 1): place.at("escalated"), ("expire", 0): place.at("end"),
        }  # fmt: skip
    world.send()
    for name, beginning in (
        ("reminded", "Reminder"),
        ("warned", "Ends soon"),
        ("reminded_again", "Reminder"),
    ):
        before = _beginnings(world, "bob")
        reads(world, clock, place.at(name) - 2 * MINUTE)
        assert _beginnings(world, "bob") == before
        reads(world, clock, place.at(name))
        assert _beginnings(world, "bob") == before + Counter({beginning: 2}), name
    _asks_others_in_time(world, clock, place, also, instead)
    clock.move_to(place.at("end") - MINUTE)
    world.sandbox.reply_as("dave", world.newest("dave", "Please decide").id, "Approved")
    # The mailbox is read afterwards only.
    fire(clock, place.at("end") + MINUTE)
    assert (standing(also), standing(instead)) == (("open", ""), ("open", ""))
    reads(world, clock, place.at("end") + 5 * MINUTE)
    assert (standing(also), standing(instead)) == (("ended", "rejected"), ("ended", "approved"))
    assert world.decisions() == [("Dave", "approve")]
    assert holds(also)
    assert holds(instead)


def _begin(world: World, place: Place, how: str, name: str) -> Request:
    rung = {how: [{"person": f"{name}@contoso.example"}]}
    expire = {"after": "2 working days", "warn": "2 working days before"}
    reminders = [place.remind_first, "1 working day after"]
    return asks(world, rung, "here", due=place.due_within, remind=reminders, expire=expire)


def _beginnings(world: World, name: str) -> Counter[str]:
    """How many mails somebody has, by what stands before the title."""
    return Counter(subject.partition(":")[0] for subject in world.subjects(name))


def _asks_others_in_time(world: World, clock: Clock, place: Place, also: Request, instead: Request) -> None:
    reads(world, clock, place.at("escalated") - 2 * MINUTE)
    assert (asked(also), asked(instead)) == ({"Bob": "open"}, {"Bob": "open"})
    assert world.subjects("carol") == world.subjects("dave") == []
    reads(world, clock, place.at("escalated") + 5 * MINUTE)
    assert asked(also) == {"Bob": "open", "Carol": "open"}
    assert asked(instead) == {"Bob": "withdrawn", "Dave": "open"}
    moment = f"{place.at('escalated'):%-d %B %Y, %H:%M} {place.zone}"
    assert f"Bob Bobson did not answer by {moment}, so you are asked, too." in text_of(
        world, "carol", "Please decide"
    )
    assert "You are asked in place of Bob Bobson," in text_of(world, "dave", "Please decide")
    end = f"{place.at('end'):%-d %B %Y, %H:%M} {place.zone}"
    for name in ("carol", "dave"):
        assert end in text_of(world, name, "Please decide")


@pytest.mark.parametrize(
    ("calendar", "begin", "due_within", "due", "warned", "end"),
    [
        (BERLIN, "2026-03-26T14:00+01:00", "2 working days",
         "2026-03-30T17:00+02:00", "2026-04-02T09:00+02:00", "2026-04-07T17:00+02:00"),
        (NEW_YORK, "2026-03-05T14:00-05:00", "55 working days",
         "2026-05-21T17:00-04:00", "2026-05-27T09:00-04:00", "2026-05-28T17:00-04:00"),
    ],
)  # fmt: skip
def test_it_is_warned_of_its_end_and_expires_over_summer_time_and_holidays(
    world: World,
    clock: Clock,
    calendar: Content,
    begin: str,
    due_within: str,
    due: str,
    warned: str,
    end: str,
) -> None:
    clock.move_to(datetime.fromisoformat(begin))
    calendar_changes.add("here", "Here", calendar, world.people["ada"])
    expire = {"after": "4 working days", "warn": "1 working day before"}
    request = asks(world, calendar="here", due=due_within, expire=expire)
    written = {"due": due, "warn": warned, "expire": end}
    moments = {what: datetime.fromisoformat(text) for what, text in written.items()}
    assert {timer.what: timer.at for timer in Timer.objects.filter(number=0)} == moments
    moments = {what: at.astimezone(UTC) for what, at in moments.items()}
    fire(clock, moments["due"] + MINUTE)
    fire(clock, moments["warn"] - MINUTE)
    world.send()
    assert [subject[:13] for subject in world.subjects("bob")] == ["Please decide"]
    # Bob and Alice work by the installation's hours: from 9:00 UTC.
    for moment in (moments["warn"], moments["warn"].replace(hour=max(9, moments["warn"].hour)) + MINUTE):
        fire(clock, moment)
    world.send()
    assert world.subjects("bob")[-1].startswith("Ends soon: Desk")
    assert world.subjects("alice")[-1] == "Ends soon without an answer: Desk"
    assert "“No answer in time”" in text_of(world, "alice", "Ends soon without")
    reads(world, clock, moments["expire"] - MINUTE)
    assert standing(request) == ("open", "")
    reads(world, clock, moments["expire"] + 5 * MINUTE)
    assert standing(request) == ("ended", "rejected")
    assert holds(request)


def test_after_an_outage_longer_than_a_rung_they_do_not_come_at_once(world: World, clock: Clock) -> None:
    request = asks(world, {"instead": [CAROL]}, expire={"after": "3 working days"})
    back = MONDAY.replace(day=23)
    reads(world, clock, back)
    assert asked(request) == {"Bob": "open"}
    assert standing(request) == ("open", "")
    reads(world, clock, back + 11 * HOUR)
    assert asked(request) == {"Bob": "open"}
    reads(world, clock, back + 13 * HOUR)
    assert asked(request) == {"Bob": "withdrawn", "Carol": "open"}
    end = Timer.objects.get(what="expire")
    assert end.at >= MONDAY.replace(day=24, hour=17)  # Carol has a working day
    world.sandbox.reply_as("carol", world.newest("carol").id, "Approved")
    world.run_until_quiet()
    assert standing(request) == ("ended", "approved")
    assert holds(request)
