"""The proof that carried a decision, as people read it on the request's page and programs by API."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import override

from placet.accounts.models import Person
from placet.approvals import engine
from placet.approvals.decision_proofs import DecisionProof, proofs_of
from placet.approvals.models import Assignment, Decision
from placet.approvals.proofs import Level
from placet.mail.models import IncomingMail
from placet.mailboxes.models import Mailbox
from placet.replies.prove import Proof

pytestmark = pytest.mark.django_db
As = Callable[[Person | None], Client]
BOB = "bob@contoso.example"
#: What is kept with a mail → what people read.
KEPT: dict[str, tuple[dict[str, Any], str]] = {
    "colleague": (
        Proof(Level.COLLEAGUE, BOB, "mail", auth_as="Internal", mechanism="04").as_json(),
        "sent by a colleague who was signed in, as Exchange says",
    ),
    "submitted": (
        Proof(Level.SUBMITTED, BOB, "mail", login=BOB, received_by="mx.contoso.example").as_json(),
        f"signed in at our own mail server as {BOB}",
    ),
    "own check": (
        Proof(Level.OUTSIDE, BOB, "mail", dkim_domain="contoso.example", checked_by="placet").as_json(),
        "signed by the domain contoso.example (DKIM, checked by Placet)",
    ),
    "stamps": (
        Proof(Level.OUTSIDE, BOB, "mail", dkim_domain="contoso.example", authserv_id="mx").as_json(),
        "signed by the domain contoso.example (DKIM, DMARC passed)",
    ),
    "signed": (
        Proof(Level.SIGNED, BOB, "mail", signature="S/MIME").as_json(),
        "signed with their own key (S/MIME)",
    ),
}


def decided_by(kept: Any, asked: Assignment, bob: Person, mailbox: Mailbox) -> Decision:
    mail = IncomingMail.objects.create(
        mailbox=mailbox, server_id="1", fingerprint="f", raw=b"x", received_at=timezone.now(),
        verdict={"proof": kept} if kept is not None else {},
    )  # fmt: skip
    return engine.decide(asked.pk, by=bob, outcome="approve", channel=Decision.Channel.MAIL, incoming=mail)


@pytest.mark.parametrize("name", KEPT)
def test_the_page_says_what_carried_a_decision_by_mail(
    name: str, asked: Assignment, alice: Person, bob: Person, mailbox: Mailbox, as_: As
) -> None:
    kept, words = KEPT[name]
    decided_by(kept, asked, bob, mailbox)
    page = as_(alice).get(reverse("portal:request", args=[asked.visit.request.public_id])).content.decode()
    assert f"by mail, <bdi>{words}</bdi>" in page


@pytest.mark.parametrize(
    "kept",
    [
        None,
        {},
        [],
        "colleague",
        {"level": "page"},
        {"level": "key"},
        {"level": ["colleague"]},
        {"level": "<b>"},
    ],
)
def test_nothing_is_said_of_a_proof_that_is_not_kept(
    kept: Any, asked: Assignment, alice: Person, bob: Person, mailbox: Mailbox, as_: As
) -> None:
    decision = decided_by(kept, asked, bob, mailbox)
    assert proofs_of([decision]) == {}
    page = as_(alice).get(reverse("portal:request", args=[asked.visit.request.public_id])).content.decode()
    assert "by mail</span>" in page


def test_what_a_mail_names_is_text(
    asked: Assignment, alice: Person, bob: Person, mailbox: Mailbox, as_: As
) -> None:
    decided_by({"level": "outside", "dkim_domain": "<img src=x>{login}%s"}, asked, bob, mailbox)
    page = as_(alice).get(reverse("portal:request", args=[asked.visit.request.public_id])).content.decode()
    assert "signed by the domain &lt;img src=x&gt;{login}%s (DKIM" in page


@pytest.mark.parametrize(
    ("channel", "level", "words", "french"),
    [
        (Decision.Channel.PAGE, "page", "signed in", "avec connexion"),
        (Decision.Channel.API, "key", "with a personal key", "avec une clé personnelle"),
    ],
)
def test_page_and_api_prove_by_what_they_ask_for(
    channel: Decision.Channel, level: str, words: str, french: str, asked: Assignment, bob: Person
) -> None:
    decision = engine.decide(asked.pk, by=bob, outcome="approve", channel=channel)
    with CaptureQueriesContext(connection) as queries:
        proofs = proofs_of([decision])
    assert (proofs, len(queries)) == ({decision.pk: DecisionProof(level)}, 0)
    assert proofs[decision.pk].words == words
    with override("fr"):
        assert proofs[decision.pk].words == french
