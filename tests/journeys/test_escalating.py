"""Others are asked by mail where a step is not decided in time, and its end is warned of: over a week-end, holidays and
the change to summer time, in two zones, and after an outage."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from placet.accounts import calendar_changes
from placet.accounts.calendars import OFFICE_WEEK, Content
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
#: A Thursday, 14:00 in Berlin. Summer time begins there on the Sunday, and Easter is next week.
BEFORE_EASTER = datetime(2026, 3, 26, 13, 0, tzinfo=UTC)
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


@pytest.mark.parametrize(
    ("calendar", "due", "warned", "end"),
    [
        # Good Friday and Easter Monday are no working days in Germany.
        (Content("Europe/Berlin", OFFICE_WEEK, Observed("DE")), "30 15:00", "02 07:00", "07 15:00"),
        (Content("America/New_York", OFFICE_WEEK, Observed("US")), "30 21:00", "02 13:00", "03 21:00"),
    ],
)
def test_it_is_warned_of_its_end_and_expires_over_summer_time_and_easter(
    world: World, clock: Clock, calendar: Content, due: str, warned: str, end: str
) -> None:
    clock.move_to(BEFORE_EASTER)
    calendar_changes.add("here", "Here", calendar, world.people["ada"])
    expire = {"after": "4 working days", "warn": "1 working day before"}
    request = asks(world, calendar="here", expire=expire)
    moments = {timer.what: timer.at for timer in Timer.objects.filter(number=0)}
    assert {what: f"{at:%d %H:%M}" for what, at in moments.items()} == {
        "due": due, "warn": warned, "expire": end,
    }  # fmt: skip
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
