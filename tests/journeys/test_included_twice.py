"""A process that is included twice, side by side: whoever is asked in both reads which mail is about which."""

from typing import Any

import pytest

from placet.approvals.models import Decision
from placet.approvals.processes import publish
from tests.journeys.conftest import World
from tests.journeys.test_blocks import replied, standing, started

pytestmark = pytest.mark.django_db
FORM = [{"name": "item", "label": "Item", "type": "text"}]
ENDS = {
    "fine": {"kind": "end", "name": "Fine", "result": "fine"},
    "bad": {"kind": "end", "name": "Bad", "result": "bad"},
}
PART: dict[str, Any] = {
    "key": "part", "name": "Budget check", "title": "{item}", "form": FORM, "start": "controller",
    "steps": {
        "controller": {"kind": "approval", "name": "Controller {of} it", "ask": [{"person": "bob@contoso.example"}]},
        **ENDS,
    },
    "transitions": [
        {"from": "controller", "outcome": "approve", "to": "fine"},
        {"from": "controller", "outcome": "reject", "to": "bad"},
    ],
}  # fmt: skip


def whole(*includes: str) -> dict[str, Any]:
    block = {
        "kind": "parallel", "name": "Both", "branches": {key: {"start": key} for key in (*includes, "boss")},
        "result": [{"bad": "any"}, {"fine": "all"}], "otherwise": "bad",
    }  # fmt: skip
    boss = {"kind": "approval", "name": "Boss", "ask": [{"person": "carol@contoso.example"}]}
    ends = [(key, outcome, outcome) for key in includes for outcome in ("fine", "bad")]
    return {
        "key": "whole", "name": "Two budgets", "title": "{item}", "form": FORM, "start": "both",
        "steps": {
            "both": block, "boss": boss, **{key: {"kind": "include", "process": "part"} for key in includes}, **ENDS,
        },
        "transitions": [
            *({"from": key, "outcome": outcome, "ends_branch": word} for key, outcome, word in ends),
            {"from": "boss", "outcome": "approve", "ends_branch": "fine"},
            {"from": "boss", "outcome": "reject", "ends_branch": "bad"},
            {"from": "both", "outcome": "fine", "to": "fine"},
            {"from": "both", "outcome": "bad", "to": "bad"},
        ],
    }  # fmt: skip


def test_two_mails_to_one_person_have_titles_of_their_own_and_each_reply_counts_for_its_own(
    world: World,
) -> None:
    publish(PART)
    steps = publish(whole("lab_budget", "sales")).definition["steps"]
    names = {"lab_budget-controller": "Controller {of} it", "sales-controller": "Controller {of} it (sales)"}
    assert {key: step["name"] for key, step in steps.items() if key in names} == names
    request = started(world, "whole", {"item": "A hall"})
    first = world.newest("bob", "Please decide: A hall – Controller {of} it [")
    second = world.newest("bob", "Please decide: A hall – Controller {of} it (sales)")
    assert first.id != second.id
    assert "Please decide: A hall [" in world.newest("carol", "Please decide").subject
    replied(world, "bob", "Approved", second)
    assert [one.assignment.visit.step_key for one in Decision.objects.all()] == ["sales-controller"]
    replied(world, "bob", "No.", first)
    replied(world, "carol", "Approved", world.newest("carol", "Please decide"))
    assert standing(request) == ("ended", "bad")


def test_a_process_that_is_included_once_is_asked_for_as_ever(world: World) -> None:
    publish(PART)
    steps = publish(whole("sales")).definition["steps"]
    assert steps["sales-controller"]["name"] == "Controller {of} it"
    started(world, "whole", {"item": "A hall"})
    assert world.newest("bob", "Please decide").subject.startswith("Please decide: A hall [")
