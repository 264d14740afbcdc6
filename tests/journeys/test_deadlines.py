"""Deadlines by mail: whoever answers in time counts, however late that is read, and nobody after it."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from placet import work
from placet.approvals import engine, evidence
from placet.approvals.models import Request, Timer
from placet.approvals.processes import publish
from placet.audit import chain
from placet.mailboxes.models import Mailbox
from placet.portal.due import due_of
from tests import clocks
from tests.clocks import MONDAY, Clock
from tests.journeys.conftest import World
from tests.journeys.test_blocks import standing, started
from tests.journeys.test_rules import process

pytestmark = pytest.mark.django_db
BOTH_WAYS = True

DUE = MONDAY.replace(day=4, hour=17)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
clock = clocks.running


@pytest.fixture
def world(clock: Clock, world: World) -> World:
    """It begins on that Monday."""
    return world


def asks(world: World, **more: Any) -> Request:
    step = {"ask": [{"person": "bob@contoso.example"}], "due": "2 working days", "expire": {}, **more}
    definition = process(step)
    definition["transitions"].append({"from": "first", "outcome": "expired", "to": "rejected"})
    publish(definition)
    return started(world, "rules", {"item": "Desk"})


def fire(clock: Clock, moment: datetime) -> None:
    """What is due then; a row that waits for a mailbox is looked at once more half a minute later."""
    clock.move_to(moment)
    work.run_once(work_of("timer"), limit=100)


def work_of(name: str) -> work.Kind:
    return next(kind for kind in work.kinds() if kind.name == name)


def reads_first(request: Request) -> bool:
    """Whether the page says that mail is read first."""
    return any(shown.reads for shown in due_of(list(request.visits.all())).values())


def holds(request: Request) -> bool:
    return [*chain.verify(request.pk), *evidence.compare(request.pk)] == []


def test_an_answer_in_time_counts_however_late_it_is_read(world: World, clock: Clock) -> None:
    request = asks(world)
    clock.move_to(DUE - HOUR)
    world.sandbox.reply_as("bob", world.newest("bob").id, "Approved")
    # The mailbox cannot be read for a day.
    for moment in (DUE, DUE + MINUTE, DUE + 24 * HOUR):
        fire(clock, moment)
        assert standing(request) == ("open", "")
    assert reads_first(request)
    world.run_until_quiet()
    assert standing(request) == ("ended", "approved")
    fire(clock, DUE + 25 * HOUR)
    assert {timer.state for timer in Timer.objects.filter(what="expire")} == {"needless"}
    assert world.decisions() == [("Bob", "approve")]
    assert holds(request)


def test_without_one_it_expires_once_the_mailbox_was_read(world: World, clock: Clock) -> None:
    request = asks(world)
    fire(clock, DUE + MINUTE)
    clock.move_to(DUE + MINUTE)
    world.run_until_quiet()
    fire(clock, DUE + 2 * MINUTE)
    assert standing(request) == ("open", "")  # what was received just before may lie there later
    clock.move_to(DUE + 5 * MINUTE)
    world.run_until_quiet()
    fire(clock, DUE + 6 * MINUTE)
    assert standing(request) == ("ended", "rejected")
    world.send()
    assert world.subjects("bob")[-1] == "No answer in time: Desk"
    world.sandbox.reply_as("bob", world.newest("bob", "Please decide").id, "Approved")
    world.run_until_quiet()
    assert world.results() == ["no_longer_open"]
    assert "The time for an answer is over." in world.newest("bob").text
    assert world.decisions() == []
    assert holds(request)


def test_an_answer_after_the_end_counts_no_more_though_it_is_read_first(world: World, clock: Clock) -> None:
    request = asks(world)
    clock.move_to(DUE + MINUTE)
    world.sandbox.reply_as("bob", world.newest("bob").id, "Approved")
    clock.move_to(DUE + 5 * MINUTE)
    world.run_until_quiet()
    assert world.results() == ["no_longer_open"]
    assert standing(request) == ("open", "")
    fire(clock, DUE + 6 * MINUTE)
    assert standing(request) == ("ended", "rejected")
    assert world.decisions() == []
    assert holds(request)


@pytest.mark.parametrize("answered", ["Please decide", "Reminder"])
def test_a_reminder_asks_once_more_and_either_mail_can_be_answered(
    world: World, clock: Clock, answered: str
) -> None:
    request = asks(world, remind=["1 working day before"])
    fire(clock, MONDAY.replace(day=3, hour=9))
    world.send()
    assert [subject.rpartition(" [#")[0] for subject in world.subjects("bob")] == [
        "Please decide: Desk", "Reminder: Desk",
    ]  # fmt: skip
    world.sandbox.reply_as("bob", world.newest("bob", answered).id, "Yes")
    world.run_until_quiet()
    assert standing(request) == ("ended", "approved")
    assert holds(request)


def test_who_is_asked_on_the_page_only_is_waited_for_by_no_mailbox(world: World, clock: Clock) -> None:
    Mailbox.objects.update(active=False)
    request = asks(world)
    clock.move_to(DUE - MINUTE)
    fire(clock, DUE + MINUTE)
    assert standing(request) == ("ended", "rejected")
    assert holds(request)


def test_a_mail_that_was_set_aside_holds_the_end_up(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be the answer; an administrator looks at it first."""
    request = asks(world)

    def fails(*_: Any, **__: Any) -> None:
        raise RuntimeError("not today")

    world.sandbox.reply_as("bob", world.newest("bob").id, "Approved")
    with monkeypatch.context() as patch:
        patch.setattr(engine, "decide", fails)
        for _ in range(10):
            world.run()
    assert world.results() == ["set_aside"]
    clock.move_to(DUE + 5 * MINUTE)
    world.run_until_quiet()
    fire(clock, DUE + 6 * MINUTE)
    assert standing(request) == ("open", "")
