"""A clear answer without the comment that it needs: the mail that asks for just that, and the answer to it."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from placet.approvals.models import AskLine, Decision, PendingAnswer, Request
from placet.approvals.processes import publish
from placet.approvals.verification import findings
from placet.mail.models import IncomingMail
from placet.sandbox.server import Mail
from tests.journeys.conftest import World
from tests.journeys.letters import code_of
from tests.journeys.test_own_outcomes import contract
from tests.making import entry_of

pytestmark = pytest.mark.django_db
BOTH_WAYS = True

NEEDED: list[Any] = [
    "approve",
    {"key": "reject", "comment": "required"},
    {
        "key": "changes",
        "label": {"en": "Needs changes", "de": "Änderungen nötig"},
        "grants": False,
        "comment": "required",
    },
]


def waiting(world: World, text: str = "Rejected.", language: str = "en") -> tuple[Request, Mail, Mail]:
    """A request, the mail that asked Bob, and the one that asks him for his comment."""
    publish(contract(NEEDED))
    bob = world.people["bob"]
    bob.language = language
    bob.save()
    request, asked = world.asked()
    return request, asked, replied(world, asked, text)


def replied(world: World, asked: Mail, text: str, **how: Any) -> Mail:
    """What Bob has in his mailbox last, after he answered a mail with this."""
    world.sandbox.reply_as("bob", asked.id, text, **how)
    world.run_until_quiet()
    return world.sandbox.mails("bob")[-1]


def plain(mail: Mail) -> str:
    return " ".join(mail.text.split())


@pytest.mark.parametrize(
    ("language", "first", "sentence", "comment"),
    [
        (
            "en",
            "Rejected.",
            "You answered: “Reject”. It needs a sentence that says why",
            "No budget left this year.",
        ),
        (
            "de",
            "Abgelehnt.",
            "Ihre Antwort: „Ablehnen“. Dazu fehlt ein Satz",
            "Kein Budget mehr in diesem Jahr.",
        ),
        ("fr", "Abgelehnt.", "Ihre Antwort: „Ablehnen“.", "Zu teuer"),  # as the reply speaks, not the person
    ],
)
def test_the_comment_is_asked_for_alone_and_completes_the_answer(
    world: World, language: str, first: str, sentence: str, comment: str
) -> None:
    request, asked, told = waiting(world, first, language)
    assert world.results() == ["comment_needed"]
    assert not Decision.objects.exists()
    assert world.open_for("bob") == 1
    assert sentence in plain(told)
    assert code_of(told) != code_of(asked)
    confirmation = replied(world, told, f"{comment}\n\nBob Bobson")
    [decision] = Decision.objects.all()
    assert (decision.outcome, decision.comment) == ("reject", comment)
    assert world.results() == ["comment_needed", "decided"]
    assert comment in plain(confirmation)
    request.refresh_from_db()
    assert (request.state, request.result) == ("ended", "reject")
    first_mail, second_mail = IncomingMail.objects.order_by("pk")
    assert decision.incoming == second_mail
    assert decision.completes is not None
    assert decision.completes.incoming == first_mail
    entry = entry_of("decided", request=request.pk)
    assert (entry.what["pending_since"], entry.what["incoming"]) == (first_mail.pk, second_mail.pk)
    assert list(findings()) == []


def test_a_whole_answer_to_the_first_mail_counts_meanwhile(world: World) -> None:
    _request, asked, told = waiting(world)
    assert "Contract 1 · Legal: " in plain(told), "which request, in the text too"
    replied(world, asked, "Approved.")
    assert world.decisions() == [("Bob", "approve")]
    late = replied(world, told, "No budget left this year.")
    assert world.results() == ["comment_needed", "decided", "already_decided"]
    assert "approved this on" in plain(late)
    assert world.decisions() == [("Bob", "approve")]


def test_another_answer_instead_of_the_comment_is_that_answer(world: World) -> None:
    _request, _asked, told = waiting(world)
    again = replied(world, told, "Needs changes")
    assert "You answered: “Needs changes”." in plain(again)
    assert world.results() == ["comment_needed", "comment_needed"]
    unclear = replied(world, told, "No budget left this year.")  # to the older one: it lapsed
    assert world.results()[-1] == "unclear"
    assert "Nothing was decided" in plain(unclear)
    assert not Decision.objects.exists()


def test_whoever_says_the_same_again_may_answer_either_mail(world: World) -> None:
    _request, _asked, told = waiting(world)
    replied(world, told, "Rejected.")
    assert PendingAnswer.objects.count() == 1
    assert AskLine.objects.filter(completes__isnull=False).count() == 2
    replied(world, told, "No budget left this year.")
    assert world.decisions() == [("Bob", "reject")]
    assert list(findings()) == []


def test_after_a_doubt_only_a_whole_answer_counts(world: World) -> None:
    _request, _asked, told = waiting(world)
    unclear = replied(world, told, "Wait, let me ask Carol.")
    replied(world, unclear, "She says there is no budget.")
    assert world.results() == ["comment_needed", "unclear", "unclear"]
    replied(world, unclear, "Rejected.\n\nThere is no budget.")
    [decision] = Decision.objects.all()
    assert (decision.outcome, decision.comment, decision.completes) == ("reject", "There is no budget.", None)
    assert list(findings()) == []


def test_pages_show_the_question_as_open_and_tell_the_person_what_waits(world: World, client: Client) -> None:
    request, _asked, _told = waiting(world)
    said = "You answered “Reject” by mail. It needs a comment"
    page = reverse("portal:request", args=[request.public_id])
    client.force_login(world.people["bob"])
    assert said in client.get(page).content.decode()
    assert said in client.get(reverse("portal:home")).content.decode()
    client.force_login(world.people["alice"])
    shown = client.get(page).content.decode()
    assert said not in shown
    assert "is asked" in shown
    client.force_login(world.people["ada"])
    mail = IncomingMail.objects.get()
    log = client.get(reverse("panel:incoming_mail", args=[mail.pk])).content.decode()
    assert "Bob Bobson answered “Reject”, which waits for its comment." in log


def test_the_mail_log_leads_from_the_comment_to_the_answer(world: World, client: Client) -> None:
    _request, _asked, told = waiting(world)
    replied(world, told, "No budget left this year.")
    first, second = IncomingMail.objects.order_by("pk")
    client.force_login(world.people["ada"])
    log = client.get(reverse("panel:incoming_mail", args=[second.pk])).content.decode()
    assert reverse("panel:incoming_mail", args=[first.pk]) in log
    assert "It gives what an earlier answer lacked" in log
    assert "read now it is" not in log  # it is read the same way once more


def test_whoever_was_told_enough_is_asked_for_nothing_and_nothing_waits(world: World) -> None:
    publish(contract(NEEDED))
    world.mailbox.settings["refusals_per_hour"] = 0
    world.mailbox.save()
    _request, asked = world.asked()
    world.sandbox.reply_as("bob", asked.id, "Rejected.")
    world.run_until_quiet()
    assert world.results() == ["comment_needed"]
    assert not PendingAnswer.objects.exists()
    assert list(findings()) == []
