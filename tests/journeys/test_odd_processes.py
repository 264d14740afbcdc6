"""Processes that are allowed and that nobody thinks of, by mail: a question, a comment and a form beside each other,
in a block that ends before all of it came."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from placet.approvals.models import Assignment, Decision, PendingAnswer
from placet.approvals.processes import publish
from placet.approvals.verification import findings
from tests.journeys.conftest import World
from tests.journeys.test_blocks import replied, standing, started, told

pytestmark = pytest.mark.django_db
BOTH_WAYS = True

REFUSED = {"key": "reject", "comment": "required", "questions": ["code"]}
CODE = {"name": "code", "label": "Reason code", "type": "number"}
PROCESS: dict[str, Any] = {
    "key": "odd", "name": "Odd", "title": "{item}", "start": "both", "start_form": {"hide": ["account"]},
    "form": [
        {"name": "item", "label": "Item", "type": "text"},
        {"name": "account", "label": "Account", "type": "text", "required": True},
    ],
    "steps": {
        "both": {
            "kind": "parallel", "name": "Both", "branches": {"a": {"start": "legal"}, "b": {"start": "boss"}},
            "result": [{"rejected": "any", "cancel": "others"}, {"approved": "all"}], "otherwise": "rejected",
        },
        "legal": {
            "kind": "approval", "name": "Legal", "ask": [{"person": "bob@contoso.example"}],
            "outcomes": ["approve", REFUSED], "questions": [CODE], "form": {"fill": ["account"]},
        },
        "boss": {
            "kind": "approval", "name": "Boss", "ask": [{"person": "carol@contoso.example"}],
            "form": {"hide": ["account"]},
        },
        "last": {"kind": "approval", "name": "Last", "ask": [{"person": "carol@contoso.example"}]},
        "approved": {"kind": "end", "name": "Given", "result": "approved"},
        "rejected": {"kind": "end", "name": "Refused", "result": "rejected"},
    },
    "transitions": [
        {"from": "legal", "outcome": "approve", "ends_branch": "approved"},
        {"from": "legal", "outcome": "reject", "ends_branch": "rejected"},
        {"from": "boss", "outcome": "approve", "ends_branch": "approved"},
        {"from": "boss", "outcome": "reject", "ends_branch": "rejected"},
        {"from": "both", "outcome": "approved", "to": "last"},
        {"from": "both", "outcome": "rejected", "to": "rejected"},
        {"from": "last", "outcome": "approve", "to": "approved"},
        {"from": "last", "outcome": "reject", "to": "both"},
    ],
}  # fmt: skip


def test_a_block_that_ends_before_the_comment_came_asks_for_none(world: World, client: Client) -> None:
    publish(PROCESS)
    request = started(world, "odd", {"item": "Desk"})
    replied(world, "bob", "Rejected.")
    assert world.results() == ["answers_not_taken"]
    assert not PendingAnswer.objects.exists()
    replied(world, "bob", "Rejected.\n\nQ1: 12")
    assert world.results()[-1] == "comment_needed"
    asked = world.newest("bob", "Please say why")
    assert "Odd 1 · Legal: Desk" in asked.text
    client.force_login(world.people["bob"])
    seat = Assignment.objects.get(person=world.people["bob"], state=Assignment.State.OPEN)
    page = client.get(reverse("portal:fill_in", args=[request.public_id, seat.pk]))
    assert "You answered “Reject” by mail. It needs a comment" in page.content.decode()
    replied(world, "carol", "No.")
    assert standing(request) == ("ended", "rejected")
    assert told(world, "bob") == ["No longer needed: Desk"]
    replied(world, "bob", "The clause is void.", asked)
    assert world.results()[-1] == "already_decided"
    assert "That decided “Boss”" in " ".join(world.newest("bob", "Not applied").text.split())
    assert world.decisions() == [("Carol", "reject")]
    assert list(findings()) == []


def test_a_question_of_a_second_round_is_answered_in_the_second_mail(world: World) -> None:
    publish(PROCESS)
    request = started(world, "odd", {"item": "Desk"})
    first = world.newest("bob", "Please decide")
    replied(world, "bob", "Approved\n\nQ1: 1\nQ2: 4711")
    replied(world, "carol", "Yes")
    replied(world, "carol", "No")
    assert request.visits.filter(step_key="legal").count() == 2
    second = world.newest("bob", "Please decide")
    assert "4711" in second.text, "what was entered in the first round is shown in the second"
    replied(world, "bob", "Approved\n\nQ1: 2\nQ2: 4712", first)
    assert world.results()[-1] == "already_decided"
    replied(world, "bob", "Approved\n\nQ1: 3", second)
    given = Decision.objects.filter(by_person=world.people["bob"]).order_by("pk")
    assert [decision.answers for decision in given] == [{"code": 1}, {"code": 3}]
    request.refresh_from_db()
    assert request.data["account"] == "4711"
    assert list(findings()) == []
