"""Branches side by side, by mail: who is asked when, what ends the others, and what a late answer is told."""

from collections.abc import Mapping
from typing import Any

import pytest

from placet.accounts.models import Group
from placet.approvals import engine
from placet.approvals.models import Process, Request
from placet.approvals.processes import newest, publish
from placet.commands.process import SAMPLES
from placet.sandbox.server import Mail
from tests.journeys.conftest import World

pytestmark = pytest.mark.django_db
BOTH_WAYS = True


def contract(world: World, value: str = "25000", **entered: str) -> Request:
    """Bob is legal and Alice's manager, Carol finance, Dave data protection."""
    publish((SAMPLES / "contract.yaml").read_text())
    groups(world, {"legal": ["bob"], "finance": ["carol"], "privacy": ["dave"], "counsel": ["dave"]})
    form = {"contract": "Rent", "partner": "Fabrikam", "value": value, "why": "The new hall.", **entered}
    return started(world, "contract", form)


def groups(world: World, members: Mapping[str, list[str]]) -> None:
    for key, names in members.items():
        group, _ = Group.objects.get_or_create(key=key, defaults={"name": key})
        group.members.set([world.people[name] for name in names])


def started(world: World, key: str, form: Mapping[str, str]) -> Request:
    version = newest(Process.objects.get(key=key))
    assert version is not None
    request = engine.start(version, world.people["alice"], form)
    world.send()
    return request


def replied(world: World, name: str, text: str, mail: Mail | None = None) -> None:
    asked = mail or world.newest(name, "Please decide")
    world.sandbox.reply_as(name, asked.id, text)
    world.run_until_quiet()


def standing(request: Request) -> tuple[str, str]:
    request.refresh_from_db()
    return request.state, request.result


def told(world: World, name: str) -> list[str]:
    return [subject for subject in world.subjects(name) if subject.startswith("No longer needed")]


def test_a_contract_is_checked_side_by_side_and_then_signed(world: World) -> None:
    request = contract(world)
    assert [len(world.subjects(name)) for name in ("bob", "carol", "dave")] == [1, 1, 0]
    assert "contract 1: Legal check." in " ".join(world.newest("bob").text.split())
    replied(world, "carol", "Approved.")
    assert standing(request) == ("open", "")
    replied(world, "bob", "Approved.")
    signature = world.newest("bob", "Please decide")
    assert standing(request) == ("open", "")
    replied(world, "bob", "Yes", signature)
    assert standing(request) == ("ended", "approved")
    assert world.decisions() == [("Carol", "approve"), ("Bob", "approve"), ("Bob", "approve")]
    ended = " ".join(world.newest("alice", "Signed").text.split())
    assert "Budget check: approved by Carol" in ended
    assert "Legal check: approved by Bob" in ended
    assert [told(world, name) for name in ("bob", "carol", "dave")] == [[], [], []]


def test_one_branch_rejects_and_the_other_is_told_once(world: World) -> None:
    request = contract(world, personal_data="yes")
    asked = world.newest("carol")
    replied(world, "bob", "Rejected. Paragraph 4 is against the law.")
    assert standing(request) == ("ended", "rejected")
    assert told(world, "bob") == []
    for name in ("carol", "dave"):
        assert told(world, name) == ["No longer needed: Rent, Fabrikam"]
    mail = " ".join(world.newest("carol", "No longer needed").text.split())
    assert "“Budget check” for “Rent, Fabrikam”" in mail
    assert "Legal check: rejected by Bob" in mail
    assert "Paragraph 4 is against the law." in mail
    # The answer was under way: it changes nothing, and its sender reads what did.
    replied(world, "carol", "Approved", asked)
    assert world.results()[-1] == "already_decided"
    late = " ".join(world.newest("carol", "Not applied").text.split())
    assert "Bob Bobson rejected this on" in late
    assert "That decided “Legal check”. Your answer changed nothing." in late
    assert world.decisions() == [("Bob", "reject")]
    assert told(world, "carol") == ["No longer needed: Rent, Fabrikam"]


def test_what_needs_changes_waits_for_the_others(world: World) -> None:
    request = contract(world)
    replied(world, "bob", "Needs changes\n\nThe notice period is missing.")
    assert standing(request) == ("open", "")
    replied(world, "carol", "Fine with me.")
    assert standing(request) == ("ended", "returned")


def test_a_code_of_one_branch_never_decides_in_another(world: World) -> None:
    """Somebody who is asked twice answers each mail for itself."""
    publish((SAMPLES / "contract.yaml").read_text())
    request = contract(world)
    Group.objects.get(key="finance").members.set([world.people["bob"]])
    replied(world, "carol", "Rejected")
    assert standing(request) == ("ended", "rejected")
    request = started(
        world,
        "contract",
        {"contract": "Lease", "partner": "Fabrikam", "value": "25000", "why": "A car."},
    )
    first, second = [mail for mail in world.sandbox.mails("bob") if "Lease" in mail.subject]
    assert ("Legal check." in first.text, "Budget check." in second.text) == (True, True)
    replied(world, "bob", "Approved", second)
    assert [visit.step_key for visit in request.visits.filter(state="open").order_by("pk")] == [
        "checks",
        "legal",
    ]
    replied(world, "bob", "Approved", second)
    assert world.results()[-1] == "already_decided"
    replied(world, "bob", "Approved", first)
    assert request.visits.filter(state="open").get().step_key == "signature"


def board(rule: Any, **more: Any) -> dict[str, Any]:
    """The board beside legal: both have to agree."""
    both = [
        {"from": key, "outcome": outcome, "ends_branch": result}
        for key in ("board", "legal")
        for outcome, result in (("approve", "approved"), ("reject", "rejected"))
    ]
    return {
        "key": "board",
        "name": "Board",
        "title": "{item}",
        "form": [{"name": "item", "label": "Item", "type": "text"}],
        "start": "both",
        "steps": {
            "both": {
                "kind": "parallel",
                "name": "Both",
                "branches": {"board": {"start": "board"}, "legal": {"start": "legal"}},
                "result": [{"rejected": "any", "cancel": "others"}, {"approved": "all"}],
                "otherwise": "rejected",
            },
            "board": {"kind": "approval", "name": "Board", "ask": [{"group": "board"}], "rule": rule, **more},
            "legal": {"kind": "approval", "name": "Legal", "ask": [{"group": "legal"}]},
            "approved": {"kind": "end", "name": "Approved", "result": "approved"},
            "rejected": {"kind": "end", "name": "Rejected", "result": "rejected"},
        },
        "transitions": [
            *both,
            {"from": "both", "outcome": "approved", "to": "approved"},
            {"from": "both", "outcome": "rejected", "to": "rejected"},
        ],
    }


def decided_by_the_board(world: World, definition: Mapping[str, Any]) -> Request:
    publish(definition)
    groups(world, {"board": ["bob", "carol", "dave"], "legal": ["ada"]})
    return started(world, "board", {"item": "Desk"})


def test_two_of_three_plus_one_of_legal(world: World) -> None:
    request = decided_by_the_board(world, board(2))
    replied(world, "bob", "Yes")
    replied(world, "dave", "No, too dear.")
    replied(world, "ada", "Approved")
    assert standing(request) == ("open", "")
    replied(world, "carol", "Yes")
    assert standing(request) == ("ended", "approved")


def test_an_answer_that_cannot_matter_any_more(world: World) -> None:
    """60 % of three are two: the third one need not answer, and hears that when they do."""
    request = decided_by_the_board(
        world, board([{"approve": {"percent": 60}}, {"reject": "any"}], otherwise="reject")
    )
    asked = world.newest("dave")
    replied(world, "bob", "Yes")
    replied(world, "carol", "Yes")
    assert request.visits.get(step_key="board").result == "approve"
    replied(world, "dave", "No", asked)
    assert world.results()[-1] == "already_decided"
    replied(world, "ada", "Yes")
    assert standing(request) == ("ended", "approved")


def test_a_veto_counts_however_many_approve(world: World) -> None:
    request = decided_by_the_board(
        world, board([{"reject": "any"}, {"approve": {"percent": 60}}], otherwise="reject")
    )
    replied(world, "bob", "Yes")
    replied(world, "carol", "Yes")
    assert standing(request) == ("open", "")
    replied(world, "dave", "No")
    assert standing(request) == ("ended", "rejected")
    assert told(world, "ada") == ["No longer needed: Desk"]


def test_a_withdrawn_request_tells_each_branch(world: World) -> None:
    request = contract(world)
    asked = world.newest("bob")
    engine.withdraw(request.pk, world.people["alice"])
    world.run_until_quiet()
    assert [told(world, name) for name in ("bob", "carol", "dave")] == [
        ["No longer needed: Rent, Fabrikam"],
        ["No longer needed: Rent, Fabrikam"],
        [],
    ]
    replied(world, "bob", "Approved", asked)
    assert world.results() == ["no_longer_open"]
