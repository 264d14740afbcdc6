"""Deadlines by mail: whoever answers in time counts, however late that is read, and nobody after it."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from placet import work
from placet.accounts.models import Person
from placet.approvals import delegating, engine, evidence
from placet.approvals.engine_clarifications import Written
from placet.approvals.models import Assignment, Request, Timer
from placet.approvals.processes import publish
from placet.approvals.waiting_ends import ends_by_mailbox
from placet.audit import chain
from placet.mail.models import OutgoingMail
from placet.mailboxes.models import Mailbox
from placet.panel import findings
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


def test_as_long_as_its_question_cannot_go_out_it_does_not_expire_though_the_mailbox_is_read(
    world: World, clock: Clock
) -> None:
    request = asks(world)
    # As where another server sends, and refuses the password.
    OutgoingMail.objects.update(state=OutgoingMail.State.WAITING, due=DUE + 48 * HOUR)
    Mailbox.objects.update(sending_failures=1)
    clock.move_to(DUE + 5 * MINUTE)
    world.poll()
    fire(clock, DUE + 6 * MINUTE)
    assert standing(request) == ("open", "")
    Mailbox.objects.update(sending_failures=0)
    fire(clock, DUE + 7 * MINUTE)
    assert standing(request) == ("ended", "rejected")
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


@pytest.mark.parametrize("text", ["Approved", "I am not sure yet."])
def test_nobody_is_reminded_while_a_mail_of_theirs_waits_to_be_read(
    world: World, clock: Clock, text: str
) -> None:
    """The reminder follows where that was no answer."""
    request = asks(world, remind=["1 working day before"])
    morning = MONDAY.replace(day=3, hour=9)
    clock.move_to(morning - MINUTE)
    world.sandbox.reply_as("bob", world.newest("bob").id, text)
    world.poll()
    for moment in (morning, morning + MINUTE):
        fire(clock, moment)
        world.send()
        assert not any(subject.startswith("Reminder") for subject in world.subjects("bob"))
    world.run_until_quiet()
    fire(clock, morning + 15 * MINUTE)  # so soon after a mail of ours nobody is reminded
    fire(clock, morning + 30 * MINUTE)
    world.send()
    answered = text == "Approved"
    assert standing(request)[0] == ("ended" if answered else "open")
    assert any(subject.startswith("Reminder") for subject in world.subjects("bob")) is not answered
    assert holds(request)


def test_a_step_that_no_mail_can_decide_waits_for_no_mailbox(world: World, clock: Clock) -> None:
    request = asks(world, proof="page")
    read_until = Mailbox.objects.get().read_until
    fire(clock, DUE + MINUTE)
    assert Mailbox.objects.get().read_until == read_until
    assert standing(request) == ("ended", "rejected")
    assert holds(request)


def test_nor_one_of_which_something_is_filled_in_on_the_page(world: World, clock: Clock) -> None:
    definition = process(
        {
            "ask": [{"person": "bob@contoso.example"}], "due": "2 working days", "expire": {},
            "kind": "task", "form": {"fill": ["place"]},
        }
    )  # fmt: skip
    definition["form"].append(
        {"name": "place", "label": "Place", "type": "table", "required": True,
         "columns": [{"name": "room", "label": "Room", "type": "text"}]}
    )  # fmt: skip
    definition["start_form"] = {"hide": ["place"]}
    ways = [way for way in definition["transitions"] if way["from"] != "first"]
    definition["transitions"] = [
        *ways,
        {"from": "first", "outcome": "done", "to": "approved"},
        {"from": "first", "outcome": "expired", "to": "rejected"},
    ]
    publish(definition)
    request = started(world, "rules", {"item": "Desk"})
    fire(clock, DUE + MINUTE)
    assert standing(request) == ("ended", "rejected")
    assert holds(request)


def test_ends_that_wait_for_a_mailbox_that_is_not_active_are_shown(world: World, clock: Clock) -> None:
    request = asks(world)
    Mailbox.objects.update(active=False)
    assert (ends_by_mailbox(), findings.waiting_ends()) == ({}, [])
    for moment in (DUE + MINUTE, DUE + 48 * HOUR):
        fire(clock, moment)
        assert standing(request) == ("open", "")
    mailbox = Mailbox.objects.get()
    assert ends_by_mailbox() == {mailbox.pk: 1}
    assert [(one.mailbox, one.number) for one in findings.waiting_ends()] == [(mailbox, 1)]
    [shown] = due_of(list(request.visits.all())).values()
    assert shown.inactive == mailbox.name
    client = Client()
    client.force_login(Person.objects.get(is_administrator=True))
    for address in (reverse("panel:home"), reverse("panel:diagnostics")):
        assert "1 end of a step waits for" in client.get(address).content.decode()
    page = client.get(reverse("portal:request", args=[request.public_id])).content.decode()
    assert "is not active, so nobody can read it." in page
    Mailbox.objects.update(active=True)
    clock.move_to(DUE + 49 * HOUR)
    world.run_until_quiet()
    fire(clock, DUE + 50 * HOUR)
    assert standing(request) == ("ended", "rejected")
    assert ends_by_mailbox() == {}


@pytest.mark.parametrize("answers", [False, True])
def test_the_requester_reads_that_nobody_answered_in_time(
    world: World, clock: Clock, *, answers: bool
) -> None:
    changes = {"key": "changes", "label": "Needs changes", "grants": False, "returns": "requester"}
    definition = process(
        {
            "ask": [{"person": f"{name}@contoso.example"} for name in ("bob", "carol")],
            "outcomes": ["approve", "reject", changes],
            "rule": [{"changes": "any"}, {"reject": "any"}, {"approve": "all"}],
            "otherwise": "reject",
            "due": "2 working days",
            "expire": {"outcome": "changes"},
        }
    )
    publish(definition)
    request = started(world, "rules", {"item": "Desk"})
    if answers:
        world.sandbox.reply_as("bob", world.newest("bob").id, "Approved")
    clock.move_to(DUE + 5 * MINUTE)
    world.run_until_quiet()
    fire(clock, DUE + 6 * MINUTE)
    world.send()
    names = {person.name.split()[0]: person.name for person in Person.objects.all()}
    text = " ".join(world.newest("alice").text.split())
    moment = "4 March 2026, 17:00 UTC"
    expected = (
        f"Not answered before {moment}: {names['Carol']}."
        if answers
        else f"Nobody answered before {moment}. Asked for an answer: {names['Bob']} and {names['Carol']}."
    )
    assert f"Please change it, and send it again. {expected}" in text
    assert "sent it back" not in text
    client = Client()
    client.force_login(request.requester)
    for address in (reverse("portal:home"), reverse("portal:request", args=[request.public_id])):
        assert expected in client.get(address).content.decode()
    assert holds(request)


def test_the_status_says_when_a_step_is_due_and_whose_question_is_open(world: World, clock: Clock) -> None:
    asks(world, expire={"after": "1 working day"})
    people = {person.name.split()[0]: person for person in Person.objects.all()}
    Person.objects.filter(pk=people["Bob"].pk).update(zone="America/New_York")
    delegating.give(Assignment.objects.get().pk, people["Bob"], people["Dave"])

    def status() -> str:
        world.sandbox.reply_as("bob", world.newest("bob", "Please decide").id, "Status?")
        world.run_until_quiet()
        return " ".join(world.newest("bob", "Where the request stands").text.split())

    text = status()
    assert f"waiting for {people['Bob'].name}, {people['Dave'].name} for {people['Bob'].name} since" in text
    assert "First: due 4 March 2026, 12:00 EST" in text
    assert "First: ends without an answer as “No answer in time” at 5 March 2026, 12:00 EST" in text
    engine.ask_back(Assignment.objects.get().pk, people["Dave"], Written("Which one?"))
    text = status()
    assert f"{people['Dave'].name} asked {people['Alice'].name} something on 2 March 2026" in text
    assert "First: the time for an answer has stood still since 2 March 2026, 05:" in text
    assert "First: due" not in text
    assert "Which one?" not in text
