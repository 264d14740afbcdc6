"""A process's own outcomes by mail: what the mail offers, what a reply in three languages says, what is asked back."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from placet.approvals import engine
from placet.approvals.definitions import definition_of
from placet.approvals.form import facts_hash
from placet.approvals.models import Decision
from placet.approvals.processes import publish
from placet.mail.models import IncomingMail
from placet.sandbox.server import Mail
from tests.journeys.conftest import World
from tests.journeys.test_mails_we_send import click, mailto_links
from tests.journeys.test_outcomes import buttons, linked

pytestmark = pytest.mark.django_db
BOTH_WAYS = True

OWN: list[Any] = [
    "approve",
    {
        "key": "changes",
        "label": {"en": "Needs changes", "fr": "À modifier", "de": "Änderungen nötig"},
        "grants": False,
        "words": {"en": ["please revise"], "de": ["bitte überarbeiten"], "fr": ["à revoir"]},
        "comment": "required",
    },
    {"key": "counsel", "label": {"en": "Ask counsel", "fr": "Demander conseil"}, "grants": False},
    {"key": "reject", "comment": {"when": "amount > 500"}},
]


def contract(outcomes: list[Any] = OWN, **step: Any) -> dict[str, Any]:
    keys = [one if isinstance(one, str) else one["key"] for one in outcomes]
    return {
        "key": "purchase",
        "name": "Contract",
        "title": "{item}",
        "form": [
            {"name": "item", "label": "Contract", "type": "text"},
            {"name": "amount", "label": "Value", "type": "money", "currency": "EUR"},
        ],
        "start": "legal",
        "steps": {
            "legal": {
                "kind": "approval",
                "name": "Legal",
                "ask": [{"manager": True}],
                "outcomes": outcomes,
                **step,
            },
            **{f"end-{key}": {"kind": "end", "name": f"Ended {key}", "result": key} for key in keys},
        },
        "transitions": [{"from": "legal", "outcome": key, "to": f"end-{key}"} for key in keys],
    }


def answered(world: World, asked: Mail, text: str) -> Mail:
    """What Bob is told after he answered this to a mail."""
    world.sandbox.reply_as("bob", asked.id, text)
    world.run_until_quiet()
    return world.sandbox.mails("bob")[-1]


def test_the_mail_offers_each_answer_in_the_readers_language(world: World) -> None:
    publish(contract())
    bob = world.people["bob"]
    bob.language = "fr"
    bob.save()
    _request, asked = world.asked()
    assert linked(asked) == buttons(asked) == ["approuver", "à", "demander", "refuser"]
    text = " ".join(asked.text.split())
    assert "« approuver », « À modifier », « Demander conseil » ou « refuser »" in text
    assert "Avec « À modifier » ou « refuser »" in text


@pytest.mark.parametrize(
    ("text", "outcome", "comment"),
    [
        ("Needs changes\n\nSection 4 names the wrong party.", "changes", "Section 4 names the wrong party."),
        (
            "Hallo Alice,\n\nbitte überarbeiten.\nParagraf 4 stimmt nicht.\n\nGrüße\nBob",
            "changes",
            "Paragraf 4",
        ),
        ("À revoir\n\nL'article 4 est faux.", "changes", "L'article 4 est faux."),
        ("Ask counsel.", "counsel", ""),
        ("Approved, thanks!", "approve", ""),
        ("Nein, zu teuer.", "reject", "zu teuer"),
    ],
)
def test_a_reply_in_any_of_the_languages_counts(world: World, text: str, outcome: str, comment: str) -> None:
    publish(contract())
    request, asked = world.asked()
    confirmation = answered(world, asked, text)
    [decision] = Decision.objects.all()
    assert (decision.outcome, decision.channel) == (outcome, "mail")
    assert comment in decision.comment
    request.refresh_from_db()
    assert (request.state, request.result) == ("ended", outcome)
    shown = {
        "changes": "Needs changes",
        "counsel": "Ask counsel",
        "approve": "Approved",
        "reject": "Rejected",
    }
    assert confirmation.subject.startswith(f"{shown[outcome]}: ")


def test_a_link_of_the_mail_prepares_an_answer_that_counts(world: World) -> None:
    publish(contract([{"key": "changes", "label": "Needs changes", "grants": False}, "approve"]))
    _request, asked = world.asked()
    click(world, next(link for link in mailto_links(asked) if "Needs%20changes" in link))
    world.run_until_quiet()
    assert world.decisions() == [("Bob", "changes")]


@pytest.mark.parametrize("text", ["Needs changes", "Rejected.", "bitte überarbeiten"])
def test_the_comment_that_an_answer_needs_is_asked_for_and_then_counts(world: World, text: str) -> None:
    publish(contract())
    _request, asked = world.asked()
    told = answered(world, asked, text)
    assert world.results() == ["comment_needed"]
    assert not Decision.objects.exists()
    answered(world, told, f"{text}\n\nSection 4 names the wrong party.")
    [decision] = Decision.objects.all()
    assert decision.comment == "Section 4 names the wrong party."
    assert world.results() == ["comment_needed", "decided"]


def test_what_is_not_certain_gets_the_words_of_this_step(world: World) -> None:
    publish(contract())
    _request, asked = world.asked()
    told = answered(world, asked, "Needs changes if Carol agrees")
    assert world.results() == ["unclear"]
    assert linked(told) == ["approve", "needs", "ask", "reject"]
    assert not Decision.objects.exists()


def test_a_word_of_another_process_is_none_here(world: World) -> None:
    publish({**contract(), "key": "other"})
    _request, asked = world.asked()  # of the sample
    answered(world, asked, "Needs changes\n\nSection 4.")
    assert world.results() == ["unclear"]


def test_whoever_comes_second_reads_what_was_answered(world: World) -> None:
    publish(contract())
    request, asked = world.asked()
    bob = world.people["bob"]
    seat = request.visits.get().assignments.get()
    engine.decide(seat.pk, by=bob, outcome="counsel", channel=Decision.Channel.PAGE)
    told = answered(world, asked, "approve")
    assert world.results() == ["already_decided"]
    assert "Bob Bobson answered “Ask counsel” on" in " ".join(told.text.split())


def test_pages_say_it_in_the_labels_of_the_process(world: World, client: Client) -> None:
    publish(contract())
    request, _asked = world.asked()
    bob, alice = world.people["bob"], world.people["alice"]
    client.force_login(bob)
    page = reverse("portal:request", args=[request.public_id])
    shown = client.get(page).content.decode()
    assert "With “Needs changes” or “Reject”, please say why." in shown
    asks = {"assignment": str(request.visits.get().assignments.get().pk), "outcome": "changes"}
    asks["shown"] = facts_hash(request, definition_of(request.version))
    refused = client.post(reverse("portal:decide", args=[request.public_id]), asks | {"comment": " "})
    assert refused.status_code == 422
    assert "needs a comment that says why" in refused.content.decode()
    done = client.post(
        reverse("portal:decide", args=[request.public_id]), asks | {"comment": "Section 4."}, follow=True
    )
    assert "You answered “Needs changes”." in done.content.decode()
    assert "You answered “Needs changes”." in client.get(reverse("portal:decided")).content.decode()
    client.force_login(alice)
    assert "answered “Needs changes”" in client.get(page).content.decode()


def test_the_mail_log_names_the_answer(world: World, client: Client) -> None:
    publish(contract())
    _request, asked = world.asked()
    answered(world, asked, "Ask counsel.")
    client.force_login(world.people["ada"])
    mail = IncomingMail.objects.get()
    assert "Bob Bobson: Ask counsel" in mail.reason
    page = client.get(reverse("panel:incoming_mail", args=[mail.pk])).content.decode()
    assert "counsel" in page
