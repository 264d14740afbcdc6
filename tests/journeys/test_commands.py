"""Replies that answer nothing and ask for something else."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from placet.accounts.models import Person
from placet.approvals.models import Assignment
from placet.mail.models import IncomingMail
from placet.sandbox.server import Mail
from tests.journeys.conftest import DOMAIN, World
from tests.journeys.letters import letter, reply_to

BOTH_WAYS = True

pytestmark = pytest.mark.django_db


def answer(world: World, asked: Mail, text: str) -> Mail:
    """A reply of Bob's, and the newest mail that he has then."""
    world.sandbox.reply_as("bob", asked.id, text)
    world.run_until_quiet()
    return world.newest("bob")


def test_whoever_asks_for_help_is_told_how_to_answer_and_answers_that_mail(world: World) -> None:
    _, asked = world.asked()
    taught = answer(world, asked, "Hi,\n\nhelp please")
    assert taught.subject.startswith("How to answer: Desk")
    assert "“Approve”" in taught.text
    paragraphs = [part for part in taught.text.replace("\r\n", "\n").split("\n\n") if part.strip()]
    [said] = [number for number, part in enumerate(paragraphs) if "use one of these links" in part]
    assert "mailto:" in paragraphs[said + 1]
    assert world.results() == ["help_asked"]
    assert world.decisions() == []
    answer(world, taught, "approved")
    assert world.decisions() == [("Bob", "approve")]


def test_whoever_asks_for_the_status_is_told_and_answers_that_mail(world: World) -> None:
    _, asked = world.asked()
    standing = answer(world, asked, "Status?")
    assert standing.subject.startswith("Where the request stands: Desk")
    assert "waiting for Bob Bobson since" in standing.text
    answer(world, standing, "rejected, too dear")
    assert world.decisions() == [("Bob", "reject")]


def test_after_the_decision_help_says_where_the_request_stands(world: World) -> None:
    _, asked = world.asked()
    answer(world, asked, "approve")
    standing = answer(world, asked, "Hilfe!")
    assert standing.subject.startswith("Where the request stands: Desk")
    assert "approved by Bob Bobson" in standing.text
    assert "[#" not in standing.subject  # nothing is to be answered
    assert world.decisions() == [("Bob", "approve")]


def test_whoever_wants_to_take_an_answer_back_reads_that_it_stands(world: World) -> None:
    _, asked = world.asked()
    taught = answer(world, asked, "Undo")
    assert taught.subject.startswith("How to answer: Desk")  # there is nothing to take back yet
    confirmed = answer(world, asked, "approve")
    stands = answer(world, asked, "Take it back, please")
    assert stands != confirmed
    assert "A decision cannot be taken back." in stands.text
    assert world.results() == ["help_asked", "decided", "not_undone"]
    assert world.decisions() == [("Bob", "approve")]


def test_help_in_another_language_is_given_in_the_readers(world: World) -> None:
    Person.objects.filter(name="Bob Bobson").update(language="fr")
    _, asked = world.asked()
    taught = answer(world, asked, "助けて")
    assert taught.subject.startswith("Comment répondre")
    assert "«\u00a0Approuver\u00a0»" in taught.text


def test_nobody_is_flooded_by_asking_for_help(world: World) -> None:
    _, asked = world.asked()
    for _n in range(8):
        answer(world, asked, "help")
    subjects = [subject for subject in world.subjects("bob") if subject.startswith("How to answer")]
    assert 1 <= len(subjects) < 8
    assert set(world.results()) == {"help_asked"}
    assert Assignment.objects.get().state == Assignment.State.OPEN


def test_asking_for_the_status_keeps_nobody_from_hearing_that_an_answer_was_not_clear(world: World) -> None:
    _, asked = world.asked()
    for _n in range(6):
        answer(world, asked, "status")
    statuses = [mail for mail in world.sandbox.mails("bob") if mail.subject.startswith("Where the request")]
    ends = [
        "ask for help or for the status stay unanswered" in " ".join(mail.text.split()) for mail in statuses
    ]
    assert ends == [False] * 4 + [True]
    for number in range(6):
        answer(world, asked, f"What is it for? ({number})")
    unclear = [mail for mail in world.sandbox.mails("bob") if mail.subject.startswith("Not applied")]
    ends = ["that cannot be applied stay unanswered" in " ".join(mail.text.split()) for mail in unclear]
    assert ends == [False] * 4 + [True]
    told = [mail.verdict["told"] for mail in IncomingMail.objects.order_by("pk")]
    assert told == [True] * 5 + [False] + [True] * 5 + [False]
    answer(world, unclear[-1], "approve")  # what is clear counts as always
    assert world.decisions() == [("Bob", "approve")]


def test_where_one_mail_an_hour_is_allowed_it_says_until_when_it_is_the_last(world: World) -> None:
    world.mailbox.settings["refusals_per_hour"] = 1
    world.mailbox.save()
    Person.objects.filter(name="Bob Bobson").update(language="fr", zone="Europe/Paris")
    with time_machine.travel(datetime(2026, 3, 2, 10, 0, tzinfo=UTC)) as clock:
        _, asked = world.asked()
        taught = answer(world, asked, "What is it for?")
        said = " ".join(taught.text.split())
        assert "12:00" in said and "les autres réponses qui ne peuvent pas être prises en compte" in said
        before = len(world.sandbox.mails("bob"))
        answer(world, asked, "And now?")
        assert len(world.sandbox.mails("bob")) == before
        clock.shift(timedelta(minutes=61))
        answer(world, asked, "And now?")
        assert len(world.sandbox.mails("bob")) == before + 1


def test_a_stranger_who_asks_for_help_learns_nothing(world: World) -> None:
    _, asked = world.asked()
    before = world.subjects("carol")
    subject = f"RE: {asked.subject}"
    world.sandbox.send_as(
        "carol", letter(f"carol@{DOMAIN}", to=reply_to(asked), subject=subject, text="help")
    )
    world.run_until_quiet()
    assert world.subjects("carol") == before
    assert world.results() == ["not_the_one_asked"]
