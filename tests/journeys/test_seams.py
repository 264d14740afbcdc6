"""Answers that wait for their comment, beside questions and changes of what they are about."""

from typing import Any

import pytest

from placet.approvals import engine
from placet.approvals.models import AskLine, Assignment, Decision, PendingAnswer, Request
from placet.approvals.processes import publish
from placet.approvals.verification import findings
from placet.sandbox.server import Mail
from tests.journeys.conftest import World
from tests.journeys.test_blocks import standing, started
from tests.journeys.test_completing import replied
from tests.journeys.test_own_outcomes import contract

pytestmark = pytest.mark.django_db
BOTH_WAYS = True

#: Carol enters two fields, one after the other, while Bob is asked.
TASKS: dict[str, Any] = {
    "key": "access", "name": "Access", "title": "{item}", "start": "both", "start_form": {"hide": ["one", "two"]},
    "form": [
        {"name": "item", "label": "Item", "type": "text"},
        {"name": "one", "label": "First", "type": "text"},
        {"name": "two", "label": "Second", "type": "text"},
    ],
    "steps": {
        "both": {
            "kind": "parallel", "name": "Both", "branches": {"a": {"start": "first"}, "b": {"start": "boss"}},
            "result": [{"rejected": "any"}, {"approved": "all"}], "otherwise": "rejected",
        },
        "first": {
            "kind": "task", "name": "1", "ask": [{"person": "carol@contoso.example"}], "form": {"fill": ["one"]},
        },
        "second": {
            "kind": "task", "name": "2", "ask": [{"person": "carol@contoso.example"}], "form": {"fill": ["two"]},
        },
        "boss": {
            "kind": "approval", "name": "Boss", "ask": [{"person": "bob@contoso.example"}],
            "outcomes": ["approve", {"key": "reject", "comment": "required"}],
        },
        "approved": {"kind": "end", "name": "Given", "result": "approved"},
        "rejected": {"kind": "end", "name": "Refused", "result": "rejected"},
    },
    "transitions": [
        {"from": "first", "outcome": "done", "to": "second"},
        {"from": "second", "outcome": "done", "ends_branch": "approved"},
        {"from": "boss", "outcome": "approve", "ends_branch": "approved"},
        {"from": "boss", "outcome": "reject", "ends_branch": "rejected"},
        {"from": "both", "outcome": "approved", "to": "approved"},
        {"from": "both", "outcome": "rejected", "to": "rejected"},
    ],
}  # fmt: skip


def enters(world: World, request: Request, step: str, **entered: str) -> None:
    asked = Assignment.objects.get(visit__request=request, visit__step_key=step, state="open")
    engine.decide(
        asked.pk, by=world.people["carol"], outcome="done", channel=Decision.Channel.PAGE, entered=entered
    )
    world.run_until_quiet()


def changing(world: World) -> tuple[Request, Mail]:
    publish(TASKS)
    request = started(world, "access", {"item": "Drive V"})
    return request, world.newest("bob")


def test_the_mail_that_asks_for_a_comment_knows_which_revision_it_is_about(world: World) -> None:
    request, _asked = changing(world)
    enters(world, request, "first", one="AAA")
    replied(world, world.newest("bob", "Changed"), "Rejected.")
    line = AskLine.objects.order_by("-pk")[0]
    assert (line.completes is not None, line.revision) == (True, 2)
    AskLine.objects.filter(pk=line.pk).update(revision=1)
    assert "which revision a mail shows was changed" in "\n".join(findings())
    AskLine.objects.filter(pk=line.pk).update(revision=2)
    enters(world, request, "second", two="BBB")
    changed = world.newest("bob", "Changed")
    assert "AAA" in changed.text  # as it is now
    assert "– → AAA" not in " ".join(changed.text.split())
    assert list(findings()) == []


def test_a_comment_to_what_is_not_so_any_more_completes_nothing(world: World) -> None:
    request, _asked = changing(world)
    rest = replied(world, world.newest("bob"), "Rejected.")
    enters(world, request, "first", one="AAA")
    changed = world.newest("bob", "Changed")
    replied(world, rest, "No budget left this year.")
    assert world.results()[-1] == "changed"
    assert standing(request) == ("open", "")
    rest = replied(world, changed, "Rejected.")
    replied(world, rest, "No budget left this year.")
    assert world.decisions()[-1] == ("Bob", "reject")
    assert list(findings()) == []


QUESTIONS: list[dict[str, Any]] = [{"name": "budget", "label": "Budget", "type": "number"}]
OUTCOMES: list[Any] = [{"key": "approve", "questions": ["budget"]}, {"key": "reject", "comment": "required"}]


def test_whoever_answers_otherwise_and_lacks_an_answer_rejects_no_longer(world: World) -> None:
    publish(contract(OUTCOMES, questions=QUESTIONS))
    _request, asked = world.asked()
    rest = replied(world, asked, "Rejected.")
    replied(world, asked, "Approved.")  # lacks its question
    assert world.results() == ["comment_needed", "answers_not_taken"]
    replied(world, rest, "No budget left this year.")
    assert not Decision.objects.exists()
    assert PendingAnswer.objects.get().lapsed_by is not None
    assert list(findings()) == []


def test_a_question_is_answered_below_the_mail_that_asks_for_a_comment(world: World) -> None:
    publish(contract(OUTCOMES, questions=QUESTIONS))
    _request, asked = world.asked()
    rest = replied(world, asked, "Rejected.")
    replied(world, rest, "Approved.\n\nQ1: 4711")
    assert world.decisions() == [("Bob", "approve")]
    assert Decision.objects.get().answers == {"budget": 4711}


def test_an_answer_to_a_question_is_no_comment(world: World) -> None:
    publish(contract(OUTCOMES, questions=QUESTIONS))
    _request, asked = world.asked()
    rest = replied(world, asked, "Rejected.")
    replied(world, rest, "Q1: 4711\n\nNo budget left this year.")
    for decision in Decision.objects.all():
        assert (decision.comment, decision.answers) == ("No budget left this year.", {"budget": 4711})
