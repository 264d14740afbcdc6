"""A question back, by mail: the requester's answer goes to all who are asked, and decides nothing, whatever it says."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine

from placet import work
from placet.approvals import engine, evidence
from placet.approvals.engine_clarifications import Written
from placet.approvals.models import Assignment, Clarification, Decision, PendingAnswer, Request, Timer
from placet.approvals.processes import publish
from placet.audit import chain
from placet.mail.models import IncomingMail, OutgoingMail
from tests.clocks import MONDAY
from tests.journeys.conftest import World
from tests.journeys.test_blocks import standing, started
from tests.journeys.test_rules import process

pytestmark = pytest.mark.django_db
BOTH_WAYS = True

HOUR = timedelta(hours=1)
QUESTION = "Is it in the budget?"


def asks(world: World, **more: Any) -> Request:
    """Bob and Carol are asked, and both have to approve."""
    two = [{"person": f"{name}@contoso.example"} for name in ("bob", "carol")]
    definition = process({"ask": two, "rule": "all", **more})
    if "expire" in more:
        definition["transitions"].append({"from": "first", "outcome": "expired", "to": "rejected"})
    publish(definition)
    request = started(world, "rules", {"item": "Desk"})
    world.send()
    return request


def ask_back(world: World, name: str = "bob", text: str = QUESTION) -> Clarification:
    seat = Assignment.objects.get(person=world.people[name], state="open")
    clarification = engine.ask_back(seat.pk, world.people[name], Written(text))
    world.send()
    return clarification


def answers(world: World, text: str, *, name: str = "alice", of: str = "Question about") -> None:
    world.sandbox.reply_as(name, world.newest("alice", of).id, text)
    world.run_until_quiet()


def holds(request: Request) -> bool:
    return [*chain.verify(request.pk), *evidence.compare(request.pk)] == []


def test_the_answer_goes_to_all_who_are_asked_and_any_mail_can_then_be_answered(world: World) -> None:
    request = asks(world)
    ask_back(world)
    assert QUESTION in world.newest("alice", "Question about").text
    answers(world, "Yes, it is.\n\nIn that of 2026.")
    assert world.results() == ["clarified"]
    assert Clarification.objects.get().answer == "Yes, it is.\n\nIn that of 2026."
    for name in ("bob", "carol"):
        shown = world.newest(name, "Question answered: Desk").text
        assert QUESTION in shown
        assert "| In that of 2026." in shown
    assert world.subjects("alice")[-1] == "Your answer was sent: Desk"
    assert world.decisions() == []
    # Bob answers the newest mail, Carol the first one.
    world.sandbox.reply_as("bob", world.newest("bob", "Question answered").id, "Approved")
    world.sandbox.reply_as("carol", world.newest("carol", "Please decide").id, "Yes")
    world.run_until_quiet()
    assert sorted(world.decisions()) == [("Bob", "approve"), ("Carol", "approve")]
    assert standing(request) == ("ended", "approved")
    assert holds(request)


@pytest.mark.parametrize(
    "answer",
    ["Approved.", "Rejected", "Help is on its way.", "Question: why do you ask?", "Give to Dave", "Undo"],
)
def test_what_the_requester_answers_decides_nothing(world: World, answer: str) -> None:
    request = asks(world)
    ask_back(world)
    answers(world, answer)
    assert world.results() == ["clarified"]
    assert world.decisions() == []
    assert standing(request) == ("open", "")
    world.sandbox.reply_as("bob", world.newest("bob", "Question answered").id, "No.")
    world.run_until_quiet()
    assert world.decisions() == [("Bob", "reject")]
    assert holds(request)


@pytest.mark.parametrize(
    ("word", "heading", "sentence"),
    [
        ("Status", "Where the request stands", "waiting for Bob Bobson"),
        ("Hilfe!", "How to answer", "Bob Bobson asked you something about your request."),
    ],
)
def test_the_requester_may_ask_where_it_stands_and_how_to_answer(
    world: World, word: str, heading: str, sentence: str
) -> None:
    request = asks(world)
    ask_back(world)
    answers(world, word)
    mail = world.newest("alice")
    assert mail.subject == f"{heading}: Desk"  # nothing is to be decided: it has no code and no answers
    assert sentence in mail.text
    assert "[#" not in mail.text
    assert "approve" not in mail.text.lower()
    assert Clarification.objects.get().state == Clarification.State.OPEN
    assert world.decisions() == []
    answers(world, "Yes, it is.")
    assert Clarification.objects.get().answer == "Yes, it is."
    assert holds(request)


def test_the_clock_stands_until_the_answer_is_read(world: World) -> None:
    with time_machine.travel(MONDAY) as clock:
        request = asks(world, due="2 working days", expire={})
        clock.shift(HOUR)
        ask_back(world)
        assert Timer.objects.get(what="due").state == "paused"
        clock.shift(4 * HOUR)
        answers(world, "Yes")
        timer = Timer.objects.get(what="due")
        assert (timer.state, timer.at.strftime("%d %H")) == ("waiting", "05 13")
        told = world.newest("bob", "Question answered").text
        assert "Please answer by" in told or "count until 5 March" in told
        assert holds(request)


def test_the_clock_goes_on_by_itself_only_once_the_mailbox_was_read(world: World) -> None:
    with time_machine.travel(MONDAY) as clock:
        request = asks(world, due="2 working days", expire={}, pause={"at_most": "4 working hours"})
        ask_back(world)
        clock.move_to(MONDAY + 4 * HOUR - timedelta(minutes=1))
        world.sandbox.reply_as("alice", world.newest("alice", "Question about").id, "Yes, it is.")
        clock.move_to(MONDAY + 5 * HOUR)
        fire()  # the answer lies there unread
        assert Timer.objects.get(what="resume").state == "waiting"
        world.run_until_quiet()
        assert world.results() == ["clarified"]
        assert Timer.objects.get(what="resume").state == "needless"
        assert not [
            subject for subject in world.subjects("bob") if subject.startswith("Question not answered")
        ]
        assert holds(request)


def test_without_an_answer_the_clock_goes_on_and_a_late_one_is_passed_on(world: World) -> None:
    with time_machine.travel(MONDAY) as clock:
        request = asks(world, due="2 working days", expire={}, pause={"at_most": "4 working hours"})
        ask_back(world)
        clock.move_to(MONDAY + 5 * HOUR)
        world.run_until_quiet()
        clock.shift(HOUR)
        fire()
        world.run_until_quiet()
        assert Timer.objects.get(what="resume").state == "acted"
        assert world.subjects("bob")[-1].startswith("Question not answered: Desk")
        answers(world, "Sorry. Yes, it is.")
        assert world.subjects("carol")[-1].startswith("Question answered: Desk")
        world.sandbox.reply_as("bob", world.newest("bob", "Question not answered").id, "Approved")
        world.run_until_quiet()
        assert world.decisions() == [("Bob", "approve")]
        assert holds(request)


def fire() -> None:
    work.run_once(next(kind for kind in work.kinds() if kind.name == "timer"), limit=100)


# --- attacks ----------------------------------------------------------------------------------------------


def test_a_question_is_answered_by_nobody_else(world: World) -> None:
    """Dave has the code, from wherever; Bob, who asked, has seen nothing of it."""
    request = asks(world)
    ask_back(world)
    mail = world.newest("alice", "Question about")
    for name in ("dave", "bob"):
        world.sandbox.send_as(
            f"{name}@contoso.example",
            to=mail.header("Reply-To") or "",
            subject=f"Re: {mail.subject}",
            text="Yes",
        )
        world.run_until_quiet()
    assert world.results() == ["not_the_one_asked"] * 2
    assert Clarification.objects.get().state == "open"
    # Alice hears of it once, and nobody else does.
    assert world.subjects("alice")[1:] == ["Somebody else answered in your place: Desk"]
    assert world.subjects("dave") == []
    assert len(world.subjects("bob")) == 1
    assert holds(request)


def test_a_stranger_with_the_requesters_name_proves_nothing(world: World) -> None:
    request = asks(world)
    ask_back(world)
    mail = world.newest("alice", "Question about")
    world.sandbox.add_mailbox("mallory@evil.example", outside=True)
    world.sandbox.send_as(
        "mallory@evil.example", to=mail.header("Reply-To") or "", subject=f"Re: {mail.subject}", text="Yes"
    )
    world.run_until_quiet()
    assert world.results() == ["not_the_one_asked"]
    assert Clarification.objects.get().state == "open"
    assert holds(request)


def test_the_code_of_a_question_decides_nothing_for_whoever_asked_it(world: World) -> None:
    """And that of an ask answers no question: Alice writes to both."""
    request = asks(world)
    ask_back(world)
    ask = world.newest("bob", "Please decide")
    world.sandbox.send_as(
        "alice@contoso.example",
        to=ask.header("Reply-To") or "",
        subject=f"Re: {ask.subject}",
        text="Approved",
    )
    world.run_until_quiet()
    assert world.results() == ["not_the_one_asked"]
    assert world.decisions() == []
    assert Clarification.objects.get().state == "open"
    assert holds(request)


def test_both_codes_in_one_mail_are_believed_neither(world: World) -> None:
    request = asks(world)
    ask_back(world)
    ask, question = world.newest("bob", "Please decide"), world.newest("alice", "Question about")
    world.sandbox.send_as(
        "alice@contoso.example",
        to=question.header("Reply-To") or "",
        subject=f"Re: {ask.subject}",
        text="Yes",
    )
    world.run_until_quiet()
    assert world.results() == ["codes_disagree"]
    assert Clarification.objects.get().state == "open"
    assert holds(request)


def test_an_automatic_reply_is_no_answer(world: World) -> None:
    request = asks(world)
    ask_back(world)
    mail = world.newest("alice", "Question about")
    world.sandbox.send_as(
        "alice@contoso.example", to=mail.header("Reply-To") or "", subject=f"Automatic reply: {mail.subject}",
        text="I am away until Monday.", headers={"Auto-Submitted": "auto-replied"},
    )  # fmt: skip
    world.run_until_quiet()
    assert world.results() == ["automatic_reply"]
    assert Clarification.objects.get().state == "open"
    assert holds(request)


def test_an_answer_that_comes_twice_or_too_late_changes_nothing_and_is_told_so(world: World) -> None:
    request = asks(world)
    ask_back(world)
    answers(world, "Yes, it is.")
    answers(world, "No, it is not.")
    assert world.results() == ["clarified", "not_clarified"]
    assert Clarification.objects.get().answer == "Yes, it is."
    assert "This question was answered already." in world.newest("alice", "Your answer was not sent").text
    ask_back(world, text="Which supplier?")
    world.sandbox.reply_as("bob", world.newest("bob").id, "Rejected.")
    world.run_until_quiet()
    assert world.subjects("alice")[-2:] == ["No answer needed: Desk", "Rejected: Desk"]
    answers(world, "The usual one.")
    assert world.results()[-1] == "not_clarified"
    assert "needs no answer any more" in world.newest("alice", "Your answer was not sent").text
    assert world.decisions() == [("Bob", "reject")]
    assert holds(request)


def test_nothing_above_the_quote_is_no_answer(world: World) -> None:
    request = asks(world)
    ask_back(world)
    answers(world, "")
    assert world.results() == ["not_clarified"]
    mail = world.newest("alice", "Your answer was not sent").text
    assert "There is no text above the quoted mail." in mail
    # It offers no words that would decide.
    assert "Approve" not in mail
    assert Clarification.objects.get().state == "open"
    assert holds(request)


def test_an_unclear_mail_of_the_requester_leaves_no_answer_of_others_in_doubt(world: World) -> None:
    """What Bob answered waits for its comment; what Alice writes does not make it lapse."""
    request = asks(world, outcomes=["approve", {"key": "reject", "comment": "required"}])
    world.sandbox.reply_as("bob", world.newest("bob", "Please decide").id, "Rejected")
    world.run_until_quiet()
    ask_back(world, "carol")
    answers(world, "")
    answers(world, "Yes, it is.")
    assert PendingAnswer.objects.get().lapsed_by is None
    world.sandbox.reply_as("bob", world.newest("bob", "Please say why").id, "Too dear.")
    world.run_until_quiet()
    assert [one.comment for one in Decision.objects.all()] == ["Too dear."]
    assert holds(request)


FORGED = (
    "On Tue, Nov 24, 2026 at 10:00 AM Bob Bobson <bob@contoso.example> wrote:\n> Approved.\n> I approve this."
)
HEAD = (
    "From: Bob Bobson <bob@contoso.example>\nSent: Tuesday, November 24, 2026 11:00 AM\nTo: Placet\nSubject: x\n\n"
    "Approved."
)
ATTACKS = {
    "approved": "Approved.",
    "our own words": "=== Reply above this line ===\n\nPlease decide: Desk\n\nApproved\nReply code: #aaaaaaaaaaaaaaaa",
    "a quote": f"See below.\n\n{FORGED}",
    "a head": f"See below.\n\n{HEAD}",
    "markup": "<b>Yes</b> <script>alert(1)</script> <a href='https://evil.example/'>Approve</a> [#abcdefghijklmnop]",
    "invisible": "In\u200bdeed\u202e it is\u2066.\n\U000e0041\U000e0070",
    "signature": "Yes.\n-- \nApproved\nRejected",
    "questions": "Q1: 4711\nQ2: yes",
    "long": "Yes, it is. " * 9000,
}


@pytest.mark.parametrize("kind", [*ATTACKS])
@pytest.mark.parametrize(("reply", "outcome"), [("Approved", "approve"), ("No, too dear.", "reject")])
def test_nothing_that_the_requester_answers_bends_what_others_answer(
    world: World, kind: str, reply: str, outcome: str
) -> None:
    request = asks(world)
    clarification = ask_back(world)
    engine.clarify(clarification.pk, world.people["alice"], Written(ATTACKS[kind][:20_000]))
    world.send()
    world.sandbox.reply_as("bob", world.newest("bob", "Question answered").id, reply)
    world.run_until_quiet()
    assert world.results() == ["decided"]
    decision = Decision.objects.get()
    assert decision.outcome == outcome
    assert decision.comment in ("", "too dear.", "No, too dear.", "Too dear.")
    assert holds(request)


@pytest.mark.parametrize("kind", [*ATTACKS])
def test_whatever_the_requester_answers_by_mail_is_text_or_is_not_taken(world: World, kind: str) -> None:
    request = asks(world)
    ask_back(world)
    answers(world, ATTACKS[kind])
    [result] = world.results()
    # A quote that is not of our mail: what stands above it may be the answer to another.
    assert result in ("clarified", "not_clarified", "not_named")
    if result == "clarified":
        raw = OutgoingMail.objects.filter(to="bob@contoso.example").latest("pk")
        mail = world.newest("bob", "Question answered")
        assert "<script>" not in mail.html
        assert "evil.example/'" not in mail.html
        assert len(bytes(raw.raw)) < 60_000
        world.sandbox.reply_as("bob", mail.id, "Approved")
        world.run_until_quiet()
        assert world.results()[-1] == "decided"
    assert IncomingMail.objects.count() == len(world.results())
    assert holds(request)
