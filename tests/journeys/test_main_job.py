"""A request, a mail, a reply, a decision, a confirmation."""

import pytest

from placet.approvals.models import Decision, Request
from placet.mail.models import OutgoingMail
from tests.journeys.conftest import World

EVERY_KIND = True

pytestmark = pytest.mark.django_db


def test_an_answer_by_mail_decides_and_is_confirmed(world: World) -> None:
    request, asked = world.asked()
    world.sandbox.reply_as("bob", asked.id, "approve\n\nGood price.")
    world.run()
    request.refresh_from_db()
    assert (request.state, request.result) == (Request.State.ENDED, "approved")
    decision = Decision.objects.get()
    assert decision.by_person == world.people["bob"]
    assert (decision.outcome, decision.comment, decision.channel) == ("approve", "Good price.", "mail")
    assert "Approved: Desk" in world.subjects("bob")
    assert "Approved: Desk" in world.subjects("alice")


def test_a_handled_mail_is_put_away_on_the_server(world: World) -> None:
    _, asked = world.asked()
    ask = OutgoingMail.objects.get()
    OutgoingMail.objects.update(state=OutgoingMail.State.UNSURE)  # cut off, where no copies are kept
    world.sandbox.reply_as("bob", asked.id, "reject")
    world.run()
    ask.refresh_from_db()
    assert ask.state == OutgoingMail.State.SENT  # whoever answers it has it
    assert world.sandbox.mails("approvals") == []
    assert world.put_away() == 1


def test_above_a_thousand_finance_is_asked_too(world: World) -> None:
    request, asked = world.asked("1,000.01")
    world.sandbox.reply_as("bob", asked.id, "yes")
    world.run()
    world.sandbox.reply_as("carol", world.newest("carol", "Please decide").id, "ja")
    world.run()
    request.refresh_from_db()
    assert request.result == "approved"
    assert world.decisions() == [("Bob", "approve"), ("Carol", "approve")]


def test_an_unclear_answer_is_explained_and_can_be_given_again(world: World) -> None:
    _, asked = world.asked()
    world.sandbox.reply_as("bob", asked.id, "What is it for?")
    world.run()
    refusal = world.newest("bob", "Not applied")
    assert "What is it for?" in refusal.text
    assert world.decisions() == []
    world.sandbox.reply_as("bob", refusal.id, "approve")
    world.run()
    assert world.decisions() == [("Bob", "approve")]
