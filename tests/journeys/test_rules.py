"""Who counts for what in one step, by mail: some of all and one of legal, a veto, one after the other, and whoever the
one before chose."""

from typing import Any

import pytest

from placet.approvals import engine, evidence
from placet.approvals.models import Request
from placet.approvals.processes import publish
from placet.audit import chain
from tests.journeys.conftest import World
from tests.journeys.test_blocks import groups, replied, standing, started
from tests.making import asked

pytestmark = pytest.mark.django_db
BOTH_WAYS = True


def process(*steps: dict[str, Any]) -> dict[str, Any]:
    """One step after the other, each approved; a rejection ends it."""
    keys = ["first", "second"][: len(steps)]
    return {
        "key": "rules",
        "name": "Rules",
        "title": "{item}",
        "form": [{"name": "item", "label": "Item", "type": "text"}],
        "start": "first",
        "steps": {
            **{
                key: {"kind": "approval", "name": key.title(), **step}
                for key, step in zip(keys, steps, strict=True)
            },
            "approved": {"kind": "end", "name": "Approved", "result": "approved"},
            "rejected": {"kind": "end", "name": "Rejected", "result": "rejected"},
        },
        "transitions": [
            {"from": key, "outcome": outcome, "to": to}
            for key, onward in zip(keys, [*keys[1:], "approved"], strict=True)
            for outcome, to in (("approve", onward), ("reject", "rejected"))
        ],
    }


def asks(world: World, *steps: dict[str, Any]) -> Request:
    publish(process(*steps))
    return started(world, "rules", {"item": "Desk"})


def holds(request: Request) -> bool:
    return [*chain.verify(request.pk), *evidence.compare(request.pk)] == []


def test_two_of_three_plus_one_of_legal_in_one_step(world: World) -> None:
    """Dave is in the board too, and counts for legal."""
    groups(world, {"board": ["bob", "carol", "dave"], "legal": ["dave", "ada"]})
    step = {
        "ask": [{"group": "board"}, {"group": "legal"}],
        "rule": [{"approve": {"n": 3, "groups": {"legal": 1}}}, {"reject": 2}],
        "otherwise": "reject",
    }
    request = asks(world, step)
    late = world.newest("ada")
    replied(world, "bob", "Yes")
    replied(world, "carol", "Yes")
    assert standing(request) == ("open", "")
    replied(world, "dave", "Approved")
    assert standing(request) == ("ended", "approved")
    replied(world, "ada", "No", late)
    assert world.results()[-1] == "already_decided"
    # Of three who approve none is of legal.
    groups(world, {"board": ["bob", "carol", "alice"], "legal": ["dave", "ada"]})
    request = asks(world, step)
    for name in ("bob", "carol"):
        replied(world, name, "Yes")
    replied(world, "dave", "No")
    assert standing(request) == ("open", "")
    replied(world, "ada", "No")
    assert standing(request) == ("ended", "rejected")
    assert holds(request)


def test_legal_has_a_veto_and_two_of_the_others_decide(world: World) -> None:
    groups(world, {"board": ["bob", "carol"], "legal": ["dave"]})
    step = {
        "ask": [{"group": "board"}, {"group": "legal"}],
        "rule": [{"reject": {"n": 2, "veto": ["legal"]}}, {"approve": 2}],
        "otherwise": "reject",
    }
    request = asks(world, step)
    replied(world, "bob", "Yes")
    replied(world, "carol", "Yes")
    assert standing(request) == ("open", ""), "legal is heard, however many approve"
    replied(world, "dave", "Rejected. It is against the law.")
    assert standing(request) == ("ended", "rejected")
    request = asks(world, step)
    replied(world, "bob", "No")
    replied(world, "dave", "Yes")
    assert standing(request) == ("open", ""), "one of the others alone has no veto"
    replied(world, "carol", "Yes")
    assert standing(request) == ("ended", "approved")
    assert holds(request)


def test_whoever_abstains_by_mail_leaves_it_to_the_others(world: World) -> None:
    groups(world, {"board": ["bob", "carol", "dave"]})
    abstain = {
        "key": "abstain",
        "label": {"en": "No opinion", "de": "Enthaltung"},
        "grants": False,
        "counts": False,
    }
    step = {
        "ask": [{"group": "board"}],
        "order": "one_by_one",
        "outcomes": ["approve", abstain, "reject"],
        "rule": [{"approve": {"percent": 60}}, {"reject": "any"}],
        "otherwise": "reject",
    }
    request = asks(world, step)
    first, second, third = "bob", "carol", "dave"
    replied(world, first, "Enthaltung")
    replied(world, second, "Yes")
    assert standing(request) == ("open", ""), "one of two who may count are no 60 %"
    replied(world, third, "No opinion")
    assert standing(request) == ("ended", "approved")
    assert world.decisions() == [("Bob", "abstain"), ("Carol", "approve"), ("Dave", "abstain")]
    assert holds(request)


def test_one_after_the_other_and_somebody_leaves_in_between(world: World) -> None:
    groups(world, {"board": ["carol", "dave", "ada"]})
    request = asks(
        world, {"ask": [{"manager": True}, {"group": "board"}], "order": "one_by_one", "rule": "all"}
    )
    everybody = ("bob", "carol", "dave", "ada")
    assert [len(world.subjects(name)) for name in everybody] == [1, 0, 0, 0]
    replied(world, "bob", "Approved")
    [second] = asked(request)
    first_of_board = second.lower()
    assert len(world.subjects(first_of_board)) == 1
    gone = world.newest(first_of_board)
    left = [name for name in ("carol", "dave", "ada") if name != first_of_board]
    engine.deactivate(world.people[first_of_board], world.people["ada"])
    world.run_until_quiet()
    [third] = asked(request)
    assert third.lower() in left
    replied(world, first_of_board, "Approved", gone)
    assert world.decisions() == [("Bob", "approve")], "who left decides nothing"
    replied(world, third.lower(), "Yes")
    [fourth] = asked(request)
    assert {third.lower(), fourth.lower()} == {*left}
    replied(world, fourth.lower(), "No, too dear.")
    assert standing(request) == ("ended", "rejected")
    assert [name for name, _outcome in world.decisions()] == ["Bob", third, fourth]
    assert holds(request)


def test_the_one_before_chooses_who_is_next(world: World) -> None:
    groups(world, {"board": ["carol", "dave"]})
    question = {"name": "next", "label": "Who is next?", "type": "person"}
    needed = {"key": "approve", "questions": ["next"]}
    request = asks(
        world,
        {"ask": [{"manager": True}], "questions": [question], "outcomes": [needed, "reject"]},
        {"ask": [{"from_answer": "next", "among": "board"}]},
    )
    replied(world, "bob", "Approved")
    assert world.results() == ["answers_not_taken"], "nobody is chosen in silence"
    replied(world, "bob", "Approved\n\nQ1: dave@contoso.example")
    assert asked(request) == ["Dave"]
    assert world.subjects("carol") == []
    replied(world, "dave", "Approved")
    assert standing(request) == ("ended", "approved")
    assert world.decisions() == [("Bob", "approve"), ("Dave", "approve")]
    assert holds(request)
