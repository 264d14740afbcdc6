"""An answer taken back by mail: by whoever gave it, in time by when that was received, and by nobody else."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from placet.accounts.models import Person
from placet.approvals import engine, evidence, undoing
from placet.approvals.models import Assignment, Decision, Request, UndoneDecision
from placet.approvals.processes import publish
from placet.audit import chain
from placet.mail.models import IncomingMail, OutgoingMail
from placet.replies import entry
from placet.sandbox.server import Mail
from tests.journeys.conftest import DOMAIN, World
from tests.journeys.letters import letter, reply_to
from tests.journeys.test_blocks import standing, started
from tests.journeys.test_deadlines import fire
from tests.making import one_step

pytestmark = pytest.mark.django_db
BOTH_WAYS = True

MONDAY = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
Clock = time_machine.Traveller


@pytest.fixture
def clock() -> Iterator[Clock]:
    with time_machine.travel(MONDAY) as clock:
        yield clock


@pytest.fixture
def world(clock: Clock, world: World) -> Iterator[World]:
    yield world
    assert [*chain.verify(), *evidence.compare()] == []


def asks(world: World, *people: str, **more: Any) -> Request:
    ask = [{"person": f"{name}@{DOMAIN}"} for name in people or ("bob",)]
    publish(one_step(ask, **{"undo": "10 minutes", **more}))
    return started(world, "one-step", {"item": "Desk", "amount": "900"})


def answer(world: World, name: str, to: Mail, text: str) -> Mail:
    """A reply, and the newest mail that they have then."""
    world.sandbox.reply_as(name, to.id, text)
    world.run_until_quiet()
    return world.newest(name)


def effect(world: World, clock: Clock, moment: datetime) -> None:
    """The mailbox is read until then, and what is due is done."""
    clock.move_to(moment)
    world.run_until_quiet()
    fire(clock, moment + MINUTE)
    world.send()


def test_a_reply_to_the_confirmation_takes_it_back(world: World, clock: Clock) -> None:
    request = asks(world)
    confirmed = answer(world, "bob", world.newest("bob"), "Approved")
    assert standing(request) == ("open", "")
    assert "reply with “Undo” before 2 March 2026, 10:1" in confirmed.text
    answer(world, "bob", confirmed, "Undo")
    assert world.results() == ["decided", "undone"]
    assert world.decisions() == []
    effect(world, clock, MONDAY + 30 * MINUTE)
    assert standing(request) == ("open", "")
    subjects = [subject.partition(" [")[0] for subject in world.subjects("bob")]
    assert subjects == ["Please decide: Desk", "Approved: Desk", "Taken back: Desk", "Please decide: Desk"]
    answer(world, "bob", world.newest("bob", "Please decide"), "No.")
    effect(world, clock, MONDAY + 60 * MINUTE)
    assert standing(request) == ("ended", "rejected")
    assert world.newest("alice").subject == "Rejected: Desk"


def test_a_reply_to_the_ask_takes_it_back_in_any_language(world: World, clock: Clock) -> None:
    Person.objects.filter(name="Bob Bobson").update(language="fr")
    request = asks(world)
    asked = world.newest("bob")
    confirmed = answer(world, "bob", asked, "Approuvé")
    assert "Annuler" in confirmed.text
    answer(world, "bob", asked, "Rückgängig")
    assert world.results() == ["decided", "undone"]
    clock.shift(MINUTE)  # what came in the same second may have been written before
    answer(world, "bob", asked, "Refusé")  # the older code stays good
    assert world.decisions() == [("Bob", "reject")]
    effect(world, clock, MONDAY + 30 * MINUTE)
    assert standing(request) == ("ended", "rejected")


def test_too_late_is_told_with_when_it_took_effect(world: World, clock: Clock) -> None:
    request = asks(world)
    confirmed = answer(world, "bob", world.newest("bob"), "Approved")
    effect(world, clock, MONDAY + 20 * MINUTE)
    assert standing(request) == ("ended", "approved")
    told = answer(world, "bob", confirmed, "Undo")
    assert world.results() == ["decided", "not_undone"]
    assert "It is too late to take this answer back: it took effect on 2 March 2026, 10:2" in told.text
    assert "tell whoever made the request at once" in told.text
    assert world.decisions() == [("Bob", "approve")]


def test_after_its_time_it_stands_though_the_effect_still_waits(world: World, clock: Clock) -> None:
    request = asks(world)
    confirmed = answer(world, "bob", world.newest("bob"), "Approved")
    clock.move_to(MONDAY + 12 * MINUTE)
    told = answer(world, "bob", confirmed, "Undo")
    assert "It could be taken back until 2 March 2026, 10:1" in told.text
    assert standing(request) == ("open", "")
    effect(world, clock, MONDAY + 20 * MINUTE)
    assert standing(request) == ("ended", "approved")


def test_sent_in_time_and_read_late_counts(world: World, clock: Clock) -> None:
    """The mailbox cannot be read for a day; nothing takes effect before it was."""
    request = asks(world)
    confirmed = answer(world, "bob", world.newest("bob"), "Approved")
    clock.move_to(MONDAY + 9 * MINUTE)
    world.sandbox.reply_as("bob", confirmed.id, "Undo")
    for moment in (MONDAY + 11 * MINUTE, MONDAY + 60 * MINUTE, MONDAY + 24 * 60 * MINUTE):
        fire(clock, moment)
        assert standing(request) == ("open", "")
    world.run_until_quiet()
    assert world.results() == ["decided", "undone"]
    fire(clock, MONDAY + 25 * 60 * MINUTE)
    assert standing(request) == ("open", "")
    assert world.open_for("bob") == 1


def test_an_answer_on_the_page_waits_for_the_mailbox_of_who_gave_it(world: World, clock: Clock) -> None:
    """They have a mail that they can reply to."""
    request = asks(world)
    seat = Assignment.objects.get(visit__request=request)
    engine.decide(seat.pk, by=world.people["bob"], outcome="approve", channel=Decision.Channel.PAGE)
    clock.move_to(MONDAY + 5 * MINUTE)
    world.sandbox.reply_as("bob", world.newest("bob").id, "Undo please")
    fire(clock, MONDAY + 11 * MINUTE)
    assert standing(request) == ("open", "")
    world.run_until_quiet()
    assert world.results() == ["undone"]
    assert world.open_for("bob") == 1


def test_undone_twice_it_is_told_so(world: World) -> None:
    asks(world)
    asked = world.newest("bob")
    confirmed = answer(world, "bob", asked, "Approved")
    answer(world, "bob", confirmed, "Undo")
    told = answer(world, "bob", confirmed, "Undo")
    assert "You took this answer back already, on 2 March 2026, 10:0" in told.text
    assert world.results() == ["decided", "undone", "not_undone"]
    assert UndoneDecision.objects.count() == 1


def test_a_stranger_and_a_colleague_take_nothing_back(world: World) -> None:
    asks(world, "bob", "carol")
    confirmed = answer(world, "bob", world.newest("bob"), "Approved")
    before = (world.subjects("dave"), world.decisions())
    for who in ("dave", "carol"):
        raw = letter(
            f"{who}@{DOMAIN}", to=reply_to(confirmed), subject=f"RE: {confirmed.subject}", text="Undo"
        )
        world.sandbox.send_as(who, raw)
    outside = letter("bob@fabrikam.example", to=reply_to(confirmed), subject=confirmed.subject, text="Undo")
    world.sandbox.place("approvals", outside)
    world.run_until_quiet()
    assert world.results() == ["decided", *["not_the_one_asked"] * 3]
    assert (world.subjects("dave"), world.decisions()) == before


def test_another_approver_takes_nothing_back_with_their_own_mail(world: World, clock: Clock) -> None:
    request = asks(world, "bob", "carol")
    hers = world.newest("carol")
    answer(world, "bob", world.newest("bob"), "Approved")
    told = answer(world, "carol", hers, "Undo")
    assert "Only whoever gave an answer can take it back." in told.text
    assert world.results() == ["decided", "not_undone"]
    effect(world, clock, MONDAY + 20 * MINUTE)
    assert standing(request) == ("ended", "approved")


def test_whoever_answers_meanwhile_is_told_and_asked_again(world: World, clock: Clock) -> None:
    """No answer is lost because somebody else took theirs back."""
    request = asks(world, "bob", "carol")
    hers = world.newest("carol")
    confirmed = answer(world, "bob", world.newest("bob"), "Approved")
    told = answer(world, "carol", hers, "Rejected")
    assert "Bob Bobson approved this" in told.text
    assert "That decision can be taken back until 2 March 2026, 10:1" in told.text
    answer(world, "bob", confirmed, "Undo")
    again = world.newest("carol")
    assert "Bob Bobson took their answer back, so yours is needed again." in again.text
    answer(world, "carol", again, "Rejected")
    effect(world, clock, MONDAY + 30 * MINUTE)
    assert standing(request) == ("ended", "rejected")
    assert world.decisions() == [("Carol", "reject")]


def test_who_was_told_nothing_answers_the_mail_that_they_have(world: World) -> None:
    asks(world, "bob", "carol")
    hers = world.newest("carol")
    confirmed = answer(world, "bob", world.newest("bob"), "Approved")
    answer(world, "bob", confirmed, "Undo")
    assert len(world.subjects("carol")) == 1
    answer(world, "carol", hers, "Rejected")
    assert world.decisions() == [("Carol", "reject")]


def test_an_answer_from_before_is_none_though_it_is_read_after(world: World, clock: Clock) -> None:
    """Two mails say the same; the second one comes before "undo" and is handled after it."""
    asks(world)
    asked = world.newest("bob")
    answer(world, "bob", asked, "Approved")
    world.sandbox.reply_as("bob", asked.id, "Approved.")
    world.poll()  # it is kept, and not handled yet
    clock.shift(MINUTE)
    seat = Assignment.objects.get()
    undoing.undo(seat.pk, world.people["bob"])
    world.run_until_quiet()
    assert world.results() == ["decided", "no_longer_open"]
    assert world.decisions() == []
    clock.shift(MINUTE)  # servers say to the second when they received something
    world.sandbox.reply_as("bob", asked.id, "Approved")
    world.run_until_quiet()
    assert world.decisions() == [("Bob", "approve")]


def test_undo_from_before_an_answer_takes_an_earlier_one_back_and_not_this_one(
    world: World, clock: Clock
) -> None:
    """It lies unread while they take their answer back on the page, and give another one there."""
    asks(world)
    confirmed = answer(world, "bob", world.newest("bob"), "Approved")
    world.sandbox.reply_as("bob", confirmed.id, "Undo")
    world.poll()  # it is kept, and not handled yet
    clock.shift(MINUTE)
    seat, bob = Assignment.objects.get(), world.people["bob"]
    undoing.undo(seat.pk, bob)
    clock.shift(MINUTE)
    engine.decide(seat.pk, by=bob, outcome="reject", channel=Decision.Channel.PAGE)
    world.run_until_quiet()
    assert world.results() == ["decided", "not_undone"]
    assert world.decisions() == [("Bob", "reject")]
    told = [mail.text for mail in world.sandbox.mails("bob")]
    assert any(
        "You gave another answer after this mail had come, and that one stands." in one for one in told
    )
    clock.shift(MINUTE)
    answer(world, "bob", confirmed, "Undo")
    assert world.decisions() == []


def test_the_last_of_several_mails_counts_though_it_is_handled_first(world: World, clock: Clock) -> None:
    asks(world)
    asked = world.newest("bob")
    for text in ("Approved", "Undo", "Rejected"):
        world.sandbox.reply_as("bob", asked.id, text)
        clock.shift(MINUTE)
    world.poll()
    entry.take_in(IncomingMail.objects.latest("received_at").pk)
    assert world.decisions() == [("Bob", "reject")]
    world.run_until_quiet()
    assert sorted(world.results()) == ["already_decided", "decided", "not_undone"]
    assert world.decisions() == [("Bob", "reject")]


def test_undo_with_more_than_that_takes_nothing_back(world: World) -> None:
    asks(world)
    confirmed = answer(world, "bob", world.newest("bob"), "Approved")
    for text in ("Undo? Rejected.", "I do not want to undo", "Should I undo this?"):
        answer(world, "bob", confirmed, text)
    assert world.decisions() == [("Bob", "approve")]
    assert "undone" not in world.results()


def test_an_automatic_reply_to_the_confirmation_changes_nothing(world: World) -> None:
    asks(world)
    confirmed = answer(world, "bob", world.newest("bob"), "Approved")
    raw = letter(
        f"bob@{DOMAIN}", to=reply_to(confirmed), subject=f"Automatic reply: {confirmed.subject}", text="Undo",
        headers=["Auto-Submitted: auto-replied"],
    )  # fmt: skip
    world.sandbox.send_as("bob", raw)
    world.run_until_quiet()
    assert world.results() == ["decided", "automatic_reply"]
    assert world.decisions() == [("Bob", "approve")]


def test_a_confirmation_without_a_time_has_no_code(world: World) -> None:
    asks(world, undo="no")
    confirmed = answer(world, "bob", world.newest("bob"), "Approved")
    assert not re.search(r"\[#", confirmed.subject)
    assert "tell the requester at once" in confirmed.text
    assert OutgoingMail.objects.get(kind="confirmation").lookup_due is None
