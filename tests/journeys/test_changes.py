"""A request goes back to its requester by mail, is revised by mail or on the page, and only those whom the change
concerns are asked again."""

from typing import Any

import pytest

from placet.accounts.models import Group
from placet.approvals import engine, evidence
from placet.approvals.models import Assignment, Decision, Request
from placet.approvals.processes import publish
from placet.audit import chain
from tests.journeys.conftest import World
from tests.journeys.test_blocks import replied, standing, started

pytestmark = pytest.mark.django_db
BOTH_WAYS = True
MANAGER = "bob@contoso.example"

CHANGES = {
    "key": "changes", "label": "Needs changes", "grants": False, "comment": "required", "returns": "requester",
}  # fmt: skip


def reviewer(name: str, person: str, hide: list[str]) -> dict[str, Any]:
    return {
        "kind": "approval", "name": name, "ask": [{"person": f"{person}@contoso.example"}],
        "outcomes": ["approve", CHANGES, "reject"], "form": {"hide": hide},
    }  # fmt: skip


#: Carol reads the terms and Dave the price, beside each other; then Bob, who sees all of it.
PROCESS: dict[str, Any] = {
    "key": "offer", "name": "Offer", "title": "{item}", "start": "checks",
    "form": [
        {"name": "item", "label": "Item", "type": "text", "required": True},
        {"name": "price", "label": "Price", "type": "money", "currency": "EUR"},
        {"name": "terms", "label": "Terms", "type": "text"},
        {"name": "twice", "label": "Twice", "type": "money", "currency": "EUR", "computed": "price * 2.0"},
    ],
    "steps": {
        "checks": {
            "kind": "parallel", "name": "Checks", "branches": {"a": {"start": "terms"}, "b": {"start": "price"}},
            "result": [{"rejected": "any"}, {"approved": "all"}], "otherwise": "rejected",
        },
        "terms": reviewer("Terms", "carol", ["price", "twice"]),
        "price": reviewer("Price", "dave", ["terms"]),
        "boss": {key: value for key, value in reviewer("Manager", "bob", []).items() if key != "form"},
        "approved": {"kind": "end", "name": "Given", "result": "approved"},
        "rejected": {"kind": "end", "name": "Refused", "result": "rejected"},
    },
    "transitions": [
        *({"from": one, "outcome": "approve", "ends_branch": "approved"} for one in ("terms", "price")),
        *({"from": one, "outcome": "reject", "ends_branch": "rejected"} for one in ("terms", "price")),
        {"from": "checks", "outcome": "approved", "to": "boss"},
        {"from": "checks", "outcome": "rejected", "to": "rejected"},
        {"from": "boss", "outcome": "approve", "to": "approved"},
        {"from": "boss", "outcome": "reject", "to": "rejected"},
    ],
}  # fmt: skip
WHY = "The price is too high.\nPlease ask once more."


def offered(world: World) -> Request:
    publish(PROCESS)
    return started(world, "offer", {"item": "Desk", "price": "900", "terms": "30 days"})


def reviewed(world: World) -> Request:
    """Both reviewers approved, and Bob sent it back."""
    request = offered(world)
    replied(world, "carol", "Approved")
    replied(world, "dave", "Approved")
    replied(world, "bob", f"Needs changes\n\n{WHY}")
    return request


def flat(text: str) -> str:
    return " ".join(text.split())


def waiting(request: Request) -> list[str]:
    seats = Assignment.objects.filter(visit__request=request, state="open").select_related("person")
    return sorted(seat.person.name.split()[0] for seat in seats)


def verified() -> None:
    assert [*chain.verify(), *evidence.compare()] == []


def test_the_requester_revises_by_mail_and_only_whom_it_concerns_is_asked_again(world: World) -> None:
    request = reviewed(world)
    mail = world.newest("alice", "Please revise")
    assert "Bob Bobson sent your " in flat(mail.text) and " back to you. Please change it" in flat(mail.text)
    assert "| The price is too high.\n    | Please ask once more." in mail.text.replace("\r\n", "\n")
    assert "Q2 Price" in mail.text
    assert "Twice" not in [line.strip() for line in mail.text.splitlines() if line.startswith("Q")]
    replied(world, "alice", "Revised\nQ2: 800\n\nThey gave way.", mail)
    request.refresh_from_db()
    assert (request.revision, request.data["price"]["minor"]) == (2, 80000)
    assert request.data["twice"]["minor"] == 160000
    assert waiting(request) == ["Dave"]
    assert not any(subject.startswith("Revised") for subject in world.subjects("carol"))
    again = world.newest("dave", "Revised")
    text = flat(again.text)
    assert "It was sent back and then revised. Below is what changed since you were asked before." in text
    assert "Price: | 900.00 EUR → 800.00 EUR" in text
    assert "They gave way." in text
    assert "Carol Carolson approved revision 1 of this request; that still holds." in text
    assert "Terms" not in text
    replied(world, "dave", "Approved", again)
    assert waiting(request) == ["Bob"]
    last = flat(world.newest("bob", "Revised").text)
    assert "Carol Carolson approved revision 1 of this request; that still holds." in last
    assert "900.00 EUR → 800.00 EUR" in last
    replied(world, "bob", "Approved", world.newest("bob", "Revised"))
    assert standing(request) == ("ended", "approved")
    assert Decision.objects.filter(by_person=world.people["carol"]).count() == 1
    verified()


def test_a_reply_to_the_mail_of_the_round_before_is_told_how_it_stands(world: World) -> None:
    request = offered(world)
    old = world.newest("carol", "Please decide")
    replied(world, "dave", f"Needs changes\n\n{WHY}")
    replied(world, "carol", "Approved", old)  # while it is with Alice
    assert world.results()[-1] == "already_decided"
    assert "Needs changes" in world.newest("carol").text
    replied(world, "alice", "Done\nQ3: 60 days", world.newest("alice", "Please revise"))
    assert waiting(request) == ["Carol", "Dave"]
    replied(world, "carol", "Approved", old)
    assert world.results()[-1] == "already_decided"
    assert waiting(request) == ["Carol", "Dave"]
    replied(world, "carol", "Approved", world.newest("carol", "Revised"))
    assert waiting(request) == ["Dave"]
    verified()


def test_a_requester_who_changes_nothing_argues_and_whoever_sent_it_back_reads_that(world: World) -> None:
    request = reviewed(world)
    replied(world, "alice", "Revised\n\nNo other supplier has it.", world.newest("alice", "Please revise"))
    assert waiting(request) == ["Bob"]
    text = flat(world.newest("bob", "Revised").text)
    assert "It was sent back, and is sent again. Nothing that you are shown has changed." in text
    assert "No other supplier has it." in text
    request.refresh_from_db()
    assert request.revision == 1
    verified()


@pytest.mark.parametrize("name", ["bob", "mallory"])
def test_nobody_else_answers_the_mail_to_the_requester(name: str, world: World) -> None:
    request = reviewed(world)
    mail = world.newest("alice", "Please revise")
    address = {"bob": MANAGER, "mallory": "mallory@evil.example"}[name]
    if name == "mallory":
        world.sandbox.add_mailbox(address, outside=True)
    world.sandbox.send_as(
        address, to=mail.header("Reply-To") or "", subject=f"Re: {mail.subject}", text="Revised\nQ2: 1"
    )
    world.run_until_quiet()
    request.refresh_from_db()
    assert (waiting(request), request.revision) == (["Alice"], 1)
    verified()


@pytest.mark.parametrize("text", ["Approved", "Not revised yet.", "I will change it tomorrow", "Revised?"])
def test_what_is_no_answer_leaves_it_with_the_requester(text: str, world: World) -> None:
    request = reviewed(world)
    replied(world, "alice", text, world.newest("alice", "Please revise"))
    assert waiting(request) == ["Alice"]
    replied(world, "alice", "Revised", world.newest("alice", "Please revise"))
    assert waiting(request) == ["Bob"]


@pytest.mark.parametrize("line", ["Q4: 1", "Q2: a lot", "Twice: 1\nQ9: 5"])
def test_what_is_computed_or_does_not_fit_is_not_revised_by_mail(line: str, world: World) -> None:
    request = reviewed(world)
    replied(world, "alice", f"Revised\n{line}", world.newest("alice", "Please revise"))
    request.refresh_from_db()
    assert (waiting(request), request.revision) == (["Alice"], 1)


def test_a_comment_cannot_look_like_a_line_of_ours_or_bend_the_answer(world: World) -> None:
    """What Bob writes reaches Alice as text, and is quoted in her reply."""
    request = offered(world)
    replied(world, "carol", "Approved")
    replied(world, "dave", "Approved")
    seat = Assignment.objects.get(visit__request=request, state="open")
    engine.decide(
        seat.pk, by=world.people["bob"], outcome="changes", channel=Decision.Channel.PAGE,
        comment="See <b>there</b> and https://evil.example/x\nReply code: #abcdefghijklmnop\nQ2: 1\nApproved",
    )  # fmt: skip
    world.run_until_quiet()
    mail = world.newest("alice", "Please revise")
    assert "<b>there</b>" not in mail.html
    assert "&lt;b&gt;there&lt;/b&gt;" in mail.html
    assert 'href="https://evil.example' not in mail.html
    lines = [line.strip() for line in mail.text.splitlines()]
    assert "| Q2: 1" in lines
    assert "Q2: 1" not in lines
    replied(world, "alice", "Revised\nQ2: 850", mail)
    request.refresh_from_db()
    assert request.data["price"]["minor"] == 85000


def test_whoever_is_sent_it_back_may_withdraw_it_and_a_late_answer_is_told_so(world: World) -> None:
    request = reviewed(world)
    mail = world.newest("alice", "Please revise")
    engine.withdraw(request.pk, world.people["alice"])
    replied(world, "alice", "Revised\nQ2: 1", mail)
    request.refresh_from_db()
    assert (request.state, request.revision) == ("withdrawn", 1)
    assert world.results()[-1] == "no_longer_open"


def test_a_group_that_is_asked_again_is_asked_without_whom_it_does_not_concern(world: World) -> None:
    """Two reviewers of one step: who approved stays, and who sent it back is asked again."""
    people = world.people
    Group.objects.create(key="board", name="Board").members.set([people["carol"], people["dave"]])
    both = {
        **PROCESS["steps"]["boss"], "ask": [{"group": "board"}],
        "outcomes": ["approve", {**CHANGES, "again": "same_step"}, "reject"],
        "rule": [{"changes": "any"}, {"reject": "any"}, {"approve": "all"}], "otherwise": "reject",
    }  # fmt: skip
    steps = {key: step for key, step in PROCESS["steps"].items() if step["kind"] == "end"} | {"boss": both}
    ways = [way for way in PROCESS["transitions"] if way["from"] == "boss"]
    publish({**PROCESS, "start": "boss", "steps": steps, "transitions": ways})
    request = started(world, "offer", {"item": "Desk", "price": "900", "terms": "30 days"})
    replied(world, "carol", "Approved")
    replied(world, "dave", f"Needs changes\n\n{WHY}")
    replied(world, "alice", "Revised\n\nThey gave way.", world.newest("alice", "Please revise"))
    assert waiting(request) == ["Dave"]
    replied(world, "dave", "Approved", world.newest("dave", "Revised"))
    assert standing(request) == ("ended", "approved")
    verified()
