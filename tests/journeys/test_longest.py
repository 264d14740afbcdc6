"""How long a whole request may take, by mail: an answer that came before counts, and none after it."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from placet import work
from placet.approvals import engine, evidence, stopping
from placet.approvals.models import Request, Stop
from placet.approvals.processes import publish
from placet.audit import chain
from placet.mail.models import IncomingMail
from tests import clocks
from tests.clocks import MONDAY, Clock
from tests.journeys.conftest import World
from tests.journeys.test_blocks import standing, started
from tests.journeys.test_rules import process

pytestmark = pytest.mark.django_db
BOTH_WAYS = True

END = MONDAY.replace(day=4, hour=17)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
LONGEST = {"after": "2 working days", "result": "expired", "name": "Not decided in time"}
clock = clocks.running


@pytest.fixture
def world(clock: Clock, world: World) -> World:
    """It begins on that Monday."""
    return world


def asks(world: World, **more: Any) -> Request:
    step = {"ask": [{"person": "bob@contoso.example"}], **more}
    publish({**process(step), "longest": LONGEST})
    return started(world, "rules", {"item": "Desk"})


def fire(clock: Clock, moment: datetime) -> None:
    """What has lasted too long by then; a row that waits for a mailbox is looked at once more half a minute later."""
    clock.move_to(moment)
    kind = next(kind for kind in work.kinds() if kind.name == "stop")
    work.run_once(kind, limit=100)


def holds(request: Request) -> bool:
    return [*chain.verify(request.pk), *evidence.compare(request.pk)] == []


def test_an_answer_in_time_counts_however_late_it_is_read(world: World, clock: Clock) -> None:
    request = asks(world)
    clock.move_to(END - HOUR)
    world.sandbox.reply_as("bob", world.newest("bob").id, "Approved")
    for moment in (END, END + MINUTE, END + 24 * HOUR):  # the mailbox cannot be read for a day
        fire(clock, moment)
        assert standing(request) == ("open", "")
    world.run_until_quiet()
    assert standing(request) == ("ended", "approved")
    fire(clock, END + 25 * HOUR)
    assert Stop.objects.get().state == "needless"
    assert world.decisions() == [("Bob", "approve")]
    assert holds(request)


def test_without_one_it_ends_once_the_mailbox_was_read(world: World, clock: Clock) -> None:
    request = asks(world)
    assert "The whole request ends on 4 March 2026, 17:00 UTC" in " ".join(world.newest("bob").text.split())
    fire(clock, END + MINUTE)
    world.run_until_quiet()
    fire(clock, END + 2 * MINUTE)
    assert standing(request) == ("open", "")  # what was received just before may lie there later
    clock.move_to(END + 5 * MINUTE)
    world.run_until_quiet()
    fire(clock, END + 6 * MINUTE)
    assert standing(request) == ("ended", "expired")
    world.send()
    assert world.subjects("bob")[-1] == "No answer in time: Desk"
    assert world.subjects("alice")[-1] == "Not decided in time: Desk"
    world.sandbox.reply_as("bob", world.newest("bob", "Please decide").id, "Approved")
    world.run_until_quiet()
    assert world.results() == ["no_longer_open"]
    assert "The time for an answer is over." in world.newest("bob").text
    assert world.decisions() == []
    assert holds(request)


def test_an_answer_after_it_counts_no_more_though_it_is_read_first(world: World, clock: Clock) -> None:
    request = asks(world)
    clock.move_to(END + MINUTE)
    world.sandbox.reply_as("bob", world.newest("bob").id, "Approved")
    clock.move_to(END + 5 * MINUTE)
    world.run_until_quiet()
    assert world.results() == ["no_longer_open"]
    assert standing(request) == ("open", "")
    fire(clock, END + 6 * MINUTE)
    assert standing(request) == ("ended", "expired")
    assert world.decisions() == []
    assert holds(request)


def test_who_asks_reads_when_it_ends_and_what_it_became(world: World, clock: Clock) -> None:
    request = asks(world)
    world.sandbox.reply_as("bob", world.newest("bob").id, "status")
    world.run_until_quiet()
    said = "If it is not decided before 4 March 2026, 17:00 UTC, it ends as “Not decided in time”."
    assert said in " ".join(world.newest("bob").text.split())
    assert holds(request)


def test_a_mail_that_was_set_aside_holds_it_up(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be the answer; an administrator looks at it first. One without a code of the request does not."""
    request = asks(world)

    def fails(*_: Any, **__: Any) -> None:
        raise RuntimeError("not today")

    world.sandbox.reply_as("bob", world.newest("bob").id, "Approved")
    with monkeypatch.context() as patch:
        patch.setattr(engine, "decide", fails)
        for _ in range(10):
            world.run()
    assert world.results() == ["set_aside"]
    clock.move_to(END + 5 * MINUTE)
    world.run_until_quiet()
    fire(clock, END + 6 * MINUTE)
    assert standing(request) == ("open", "")
    IncomingMail.objects.update(looked_at=END)
    fire(clock, END + 7 * MINUTE)
    assert standing(request) == ("ended", "expired")
    assert holds(request)


def test_an_answer_that_comes_while_it_is_about_to_end_is_taken_in_first(world: World, clock: Clock) -> None:
    """It is kept, and not handled yet."""
    request = asks(world)
    clock.move_to(END - MINUTE)
    world.sandbox.reply_as("bob", world.newest("bob").id, "Approved")
    clock.move_to(END + 5 * MINUTE)
    world.poll()
    assert stopping.due(10) != []
    fire(clock, END + 6 * MINUTE)
    assert standing(request) == ("open", "")
    world.run_until_quiet()
    fire(clock, END + 7 * MINUTE)
    assert standing(request) == ("ended", "approved")
    assert holds(request)
