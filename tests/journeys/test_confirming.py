"""A reply that is not clear and most likely says one thing: the mail that asks whether that is so, and the answer."""

from typing import Any
from urllib.parse import unquote

import pytest
from django.test import Client
from django.urls import reverse

from placet.approvals import engine
from placet.approvals.models import AskLine, Assignment, Decision, PendingAnswer, Request
from placet.approvals.processes import publish
from placet.approvals.verification import findings
from placet.mail.models import IncomingMail
from placet.sandbox.server import Mail
from tests.journeys.conftest import World
from tests.journeys.letters import code_of
from tests.journeys.test_mails_we_send import click, mailto_links
from tests.making import entry_of, one_step

pytestmark = pytest.mark.django_db
BOTH_WAYS = True

REFUSED = "Mia, nobody outside HR gets into payroll. The request has been rejected."
GRANTED = "We compared the offers. Alice may order the desk, it is approved. The old one goes to the cellar."


def waiting(
    world: World, text: str = REFUSED, language: str = "en", **more: Any
) -> tuple[Request, Mail, Mail]:
    """A request of one step, the mail that asked Bob, and the one that asks him whether he was understood."""
    source = one_step([{"manager": True}], key="purchase")
    source["steps"]["step"].update(more)
    publish(source)
    bob = world.people["bob"]
    bob.language = language
    bob.save()
    request, asked = world.asked()
    told = replied(world, asked, text)
    assert world.results() == ["confirmation_needed"], IncomingMail.objects.get().reason
    assert not Decision.objects.exists()
    return request, asked, told


def replied(world: World, mail: Mail, text: str, **how: Any) -> Mail:
    """What Bob has in his mailbox last, after he answered a mail with this."""
    world.sandbox.reply_as("bob", mail.id, text, **how)
    world.run_until_quiet()
    return world.sandbox.mails("bob")[-1]


def plain(mail: Mail) -> str:
    return " ".join(mail.text.split())


GERMAN = "Das geht leider nicht, wir haben im August schon zwei Leute im Urlaub."


@pytest.mark.parametrize(
    ("language", "text", "outcome", "sentences", "yes"),
    [
        (
            "en",
            REFUSED,
            "reject",
            (
                "We understood “Reject”, from “The request has been rejected”.",
                "Answer “Yes” to confirm that, or write your answer again. Until then nothing is decided.",
            ),
            "Yes.\n\nBob Bobson",
        ),
        ("de", GERMAN, "reject", ("Verstanden haben wir „Ablehnen“, aus „Das geht leider nicht“.",), "Ja, danke"),
        ("fr", GERMAN, "reject", ("Antworten Sie mit „Ja“, wenn das stimmt",), "Hallo Alice,\n\ndas stimmt."),
        ("fr", GERMAN, "reject", (), "yes"),  # English counts beside the mail's language
        ("en", GRANTED, "approve", ("We understood “Approve”, from “it is approved”.",), "That's right!"),
    ],
)  # fmt: skip
def test_a_yes_confirms_and_the_first_text_is_the_comment(
    world: World, language: str, text: str, outcome: str, sentences: tuple[str, ...], yes: str
) -> None:
    request, asked, told = waiting(world, text, language)
    assert world.open_for("bob") == 1
    assert all(sentence in plain(told) for sentence in sentences), plain(told)
    assert text in plain(told)
    assert code_of(told) != code_of(asked)
    confirmation = replied(world, told, yes)
    [decision] = Decision.objects.all()
    assert (decision.outcome, decision.comment) == (outcome, text)
    assert world.results() == ["confirmation_needed", "decided"]
    assert text in plain(confirmation)
    request.refresh_from_db()
    assert request.state == Request.State.ENDED
    first, second = IncomingMail.objects.order_by("pk")
    assert decision.completes is not None
    assert (decision.incoming, decision.completes.incoming) == (second, first)
    entry = entry_of("decided", request=request.pk)
    assert (entry.what["pending_since"], entry.what["incoming"]) == (first.pk, second.pk)
    assert list(findings()) == []


def test_what_stands_below_a_yes_to_an_approval_is_comment_too(world: World) -> None:
    _request, _asked, told = waiting(world, GRANTED)
    replied(world, told, "Yes.\n\nOrder it today.")
    assert Decision.objects.get().comment == f"{GRANTED}\nOrder it today."


def test_the_links_say_yes_or_another_answer(world: World) -> None:
    _request, _asked, told = waiting(world)
    yes, other = mailto_links(told)
    assert "Yes: Reject: mailto:" in told.text, (
        "a “yes” in red beside “approve” in green says which yes it is"
    )
    assert "body=Yes\r\n" in unquote(yes)
    assert "body=Approve\r\n" in unquote(other)
    click(world, yes)
    world.run_until_quiet()
    assert world.decisions() == [("Bob", "reject")]
    assert Decision.objects.get().comment == REFUSED


def test_another_answer_instead_counts_by_itself(world: World) -> None:
    _request, _asked, told = waiting(world)
    click(world, mailto_links(told)[1])
    world.run_until_quiet()
    [decision] = Decision.objects.all()
    assert (decision.outcome, decision.comment, decision.completes) == ("approve", "", None)
    assert list(findings()) == []


@pytest.mark.parametrize(
    "text", ["No.", "Nein", "No, that is wrong.", "ok", "👍", "Yes, if Carol agrees", "What?"]
)
def test_anything_else_starts_anew_and_a_yes_to_the_older_mail_decides_nothing(
    world: World, text: str
) -> None:
    _request, _asked, told = waiting(world)
    again = replied(world, told, text)
    assert world.results()[-1] == "unclear"
    assert "Nothing was decided" in plain(again)
    replied(world, told, "Yes")
    assert world.results()[-1] == "unclear"
    assert not Decision.objects.exists()
    replied(world, told, "Approved.")
    assert world.decisions() == [("Bob", "approve")], "a whole answer counts, to whichever mail"
    assert list(findings()) == []


def test_a_yes_counts_to_the_newest_of_two_that_ask(world: World) -> None:
    _request, _asked, told = waiting(world)
    newer = replied(world, told, GRANTED)
    assert world.results() == ["confirmation_needed", "confirmation_needed"]
    assert PendingAnswer.objects.filter(lapsed_by=None).count() == 1
    replied(world, told, "Yes")  # lapsed: and now the newer one is in doubt, too
    replied(world, newer, "Yes")
    assert world.results()[2:] == ["unclear", "unclear"]
    last = replied(world, newer, GRANTED)
    replied(world, last, "Yes")
    assert world.decisions() == [("Bob", "approve")]
    assert list(findings()) == []


def test_whoever_says_the_same_again_may_answer_either_mail(world: World) -> None:
    _request, _asked, told = waiting(world)
    replied(world, told, REFUSED)
    assert PendingAnswer.objects.count() == 1
    assert AskLine.objects.filter(completes__isnull=False).count() == 2
    replied(world, told, "Yes")
    assert world.decisions() == [("Bob", "reject")]
    assert list(findings()) == []


def test_a_yes_to_the_mail_that_asked_first_may_be_meant_for_either(world: World) -> None:
    """What was understood is a rejection: a "yes" below the request would approve it."""
    _request, asked, _told = waiting(world)
    unclear = replied(world, asked, "Yes")
    assert world.results()[-1] == "unclear"
    assert not Decision.objects.exists()
    replied(world, unclear, "Yes")  # nothing was left to confirm: it answers the request
    assert world.decisions() == [("Bob", "approve")]


def test_what_is_decided_meanwhile_counts_and_the_yes_comes_too_late(world: World) -> None:
    request, _asked, told = waiting(world)
    seat = Assignment.objects.get(visit__request=request)
    engine.decide(seat.pk, by=world.people["bob"], outcome="approve", channel=Decision.Channel.PAGE)
    late = replied(world, told, "Yes")
    assert world.results() == ["confirmation_needed", "already_decided"]
    assert "approved this on" in plain(late)
    assert world.decisions() == [("Bob", "approve")]


def test_an_answer_that_needs_a_comment_has_one(world: World) -> None:
    _request, _asked, told = waiting(world, outcomes=["approve", {"key": "reject", "comment": "required"}])
    replied(world, told, "Yes")
    assert Decision.objects.get().comment == REFUSED


def test_answers_to_questions_are_kept_with_it(world: World) -> None:
    asks = [{"name": "colour", "label": "Which colour", "type": "text"}]
    _request, _asked, told = waiting(world, f"{GRANTED}\nQ1: grey", questions=asks)
    replied(world, told, "Yes")
    assert Decision.objects.get().answers == {"colour": "grey"}


def test_an_answer_that_is_not_offered_is_not_guessed(world: World) -> None:
    source = one_step([{"manager": True}], key="purchase")
    source["steps"]["step"]["outcomes"] = ["approve"]
    source["transitions"] = source["transitions"][:1]
    del source["steps"]["rejected"]
    publish(source)
    _request, asked = world.asked()
    replied(world, asked, REFUSED)
    assert world.results() == ["unclear"]


def test_whoever_was_told_enough_is_asked_for_nothing_and_nothing_waits(world: World) -> None:
    world.mailbox.settings["refusals_per_hour"] = 0
    world.mailbox.save()
    _request, asked = world.asked()
    world.sandbox.reply_as("bob", asked.id, REFUSED)
    world.run_until_quiet()
    assert world.results() == ["unclear"]
    assert not PendingAnswer.objects.exists()
    assert list(findings()) == []


def test_pages_and_the_mail_log_say_what_waits(world: World, client: Client) -> None:
    request, _asked, told = waiting(world)
    said = "Your answer by mail was not clear, and was understood as “Reject”. It waits for your yes"
    page = reverse("portal:request", args=[request.public_id])
    client.force_login(world.people["bob"])
    assert said in client.get(page).content.decode()
    assert said in client.get(reverse("portal:home")).content.decode()
    client.force_login(world.people["alice"])
    assert said not in client.get(page).content.decode()
    client.force_login(world.people["ada"])
    first = IncomingMail.objects.get()
    log = client.get(reverse("panel:incoming_mail", args=[first.pk])).content.decode()
    assert "Bob Bobson was understood as “Reject”, from “The request has been rejected”" in log
    replied(world, told, "Yes")
    second = IncomingMail.objects.latest("pk")
    log = client.get(reverse("panel:incoming_mail", args=[second.pk])).content.decode()
    assert reverse("panel:incoming_mail", args=[first.pk]) in log
    assert "read now it is" not in log  # it is read the same way once more
