"""A question to the requester, asked by mail: a reply that says nothing else."""

from datetime import timedelta

import pytest
import time_machine

from placet.approvals import engine
from placet.approvals.models import Clarification, PendingAnswer, Timer
from tests.clocks import MONDAY
from tests.journeys.conftest import World
from tests.journeys.test_clarifications import HOUR, QUESTION, answers, asks, holds

pytestmark = pytest.mark.django_db
BOTH_WAYS = True


def replies(world: World, text: str, *, name: str = "bob", of: str = "Please decide") -> None:
    world.sandbox.reply_as(name, world.newest(name, of).id, text)
    world.run_until_quiet()


@pytest.mark.parametrize(
    "text",
    [
        f"Question: {QUESTION}",
        f"Hi,\n\nquestion: {QUESTION}\n\nBest regards\nBob",
        f"Frage: {QUESTION}",
        f"Question\N{NO-BREAK SPACE}: {QUESTION}",
        f"質問：{QUESTION}",
    ],
)
def test_a_question_goes_to_the_requester_and_the_answer_comes_back(world: World, text: str) -> None:
    request = asks(world)
    replies(world, text)
    assert world.results() == ["asked_back"]
    assert Clarification.objects.get().question == QUESTION
    assert world.decisions() == []
    assert world.subjects("bob")[-1] == "Your question was sent: Desk"
    answers(world, "Yes, it is.")
    assert world.results() == ["asked_back", "clarified"]
    answer = world.newest("bob", "Question answered").text.partition("Alice Aliceson answered")[2]
    assert answer.partition("\n")[0].strip(": \r") == "Yes, it is.", "on one line"
    replies(world, "Approved", of="Question answered")
    replies(world, "Approved", name="carol")
    assert sorted(world.decisions()) == [("Bob", "approve"), ("Carol", "approve")]
    assert holds(request)


def test_a_question_and_an_answer_in_one_are_neither(world: World) -> None:
    request = asks(world)
    replies(world, "Question: who pays for it? Approved.")
    assert world.results() == ["unclear"]
    assert world.decisions() == []
    assert holds(request)


def test_a_second_question_waits_for_the_answer_to_the_first(world: World) -> None:
    request = asks(world)
    replies(world, f"Question: {QUESTION}")
    replies(world, "Question: which supplier?")
    assert world.results() == ["asked_back", "not_asked_back"]
    mail = world.newest("bob", "Your question was not sent: Desk")
    assert "Your answer was not applied" not in mail.text
    assert "Your last question still waits for its answer." in mail.text
    assert Clarification.objects.count() == 1
    assert holds(request)


def test_who_is_not_asked_any_more_asks_nothing(world: World) -> None:
    request = asks(world)
    replies(world, "Rejected.", name="carol")
    replies(world, f"Question: {QUESTION}")
    assert world.results() == ["decided", "not_asked_back"]
    assert "This was already decided." in world.newest("bob", "Your question was not sent").text
    assert not Clarification.objects.exists()
    assert world.subjects("alice") == ["Rejected: Desk"]
    assert holds(request)


def test_who_was_withdrawn_asks_nothing(world: World) -> None:
    request = asks(world)
    engine.withdraw(request.pk, world.people["alice"])
    replies(world, f"Question: {QUESTION}")
    assert world.results() == ["not_asked_back"]
    assert not Clarification.objects.exists()
    assert holds(request)


def test_a_program_asks_nothing(world: World) -> None:
    request = asks(world)
    mail = world.newest("bob", "Please decide")
    world.sandbox.send_as(
        "bob@contoso.example", to=mail.header("Reply-To") or "", subject=f"Automatic reply: {mail.subject}",
        text=f"Question: {QUESTION}", headers={"Auto-Submitted": "auto-replied"},
    )  # fmt: skip
    world.run_until_quiet()
    assert world.results() == ["automatic_reply"]
    assert not Clarification.objects.exists()
    assert world.subjects("alice") == []
    assert holds(request)


@pytest.mark.parametrize("name", ["dave@contoso.example", "mallory@evil.example"])
def test_nobody_else_asks_with_a_stolen_code(world: World, name: str) -> None:
    request = asks(world)
    if name.endswith("evil.example"):
        world.sandbox.add_mailbox(name, outside=True)
    mail = world.newest("bob", "Please decide")
    world.sandbox.send_as(
        name, to=mail.header("Reply-To") or "", subject=f"Re: {mail.subject}", text=f"Question: {QUESTION}"
    )
    world.run_until_quiet()
    assert world.results() == ["not_the_one_asked"]
    assert not Clarification.objects.exists()
    assert world.subjects("alice") == []
    assert holds(request)


def test_a_question_leaves_no_answer_that_waits_for_its_comment(world: World) -> None:
    request = asks(world, outcomes=["approve", {"key": "reject", "comment": "required"}])
    replies(world, "Rejected")
    replies(world, f"Question: {QUESTION}")
    assert PendingAnswer.objects.get().lapsed_by is not None
    replies(world, "Too dear.", of="Please say why")
    assert world.decisions() == []
    assert holds(request)


def test_the_clock_stands_from_when_the_question_was_received(world: World) -> None:
    with time_machine.travel(MONDAY) as clock:
        request = asks(world, due="4 working hours", expire={})
        clock.move_to(MONDAY + 4 * HOUR - timedelta(minutes=5))
        world.sandbox.reply_as("bob", world.newest("bob", "Please decide").id, f"Question: {QUESTION}")
        clock.move_to(MONDAY + 6 * HOUR)  # the mailbox was away, and the end is past
        world.run_until_quiet()
        assert world.results() == ["asked_back"]
        assert Timer.objects.get(what="due").state == "paused"
        answers(world, "Yes, it is.")
        due = Timer.objects.get(what="due")
        assert due.state == "waiting"
        assert MONDAY + 6 * HOUR < due.at < MONDAY + 6 * HOUR + timedelta(minutes=7)
        replies(world, "Approved", of="Question answered")
        assert world.decisions() == [("Bob", "approve")]
        assert holds(request)


def test_a_question_after_the_end_stops_nothing(world: World) -> None:
    with time_machine.travel(MONDAY) as clock:
        request = asks(world, due="4 working hours", expire={})
        clock.move_to(MONDAY + 4 * HOUR + timedelta(minutes=5))
        world.sandbox.reply_as("bob", world.newest("bob", "Please decide").id, f"Question: {QUESTION}")
        world.run_until_quiet()
        assert world.results() == ["not_asked_back"]
        assert "The time for an answer is over." in world.newest("bob", "Your question was not sent").text
        assert not Timer.objects.filter(state="paused").exists()
        assert holds(request)
