"""A clear answer without the comment that it needs: the mail that asks for just that, and the answer to it."""

from typing import Any

import pytest

from placet.approvals.models import Decision, Request
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
