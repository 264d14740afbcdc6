"""Who is asked, by mail: whoever the process, the form and earlier answers lead to, and nobody else."""

from typing import Any

import pytest

from placet.accounts.addresses import add_address
from placet.accounts.models import Group, Person
from placet.approvals.models import Decision, Request, Visit
from placet.approvals.processes import publish
from placet.audit import chain
from placet.mail.models import OutgoingMail
from tests.journeys.conftest import DOMAIN, World
from tests.journeys.letters import answer
from tests.making import FORM, asked

pytestmark = pytest.mark.django_db
BOTH_WAYS = True

ENDS = {
    "approved": {"kind": "end", "name": "Approved", "result": "approved"},
    "rejected": {"kind": "end", "name": "Rejected", "result": "rejected"},
}
REVIEWER = {"name": "reviewer", "label": "Reviewer", "type": "text"}


def process(*steps: dict[str, Any]) -> None:
    """Published: one step after the other, each approved; a rejection ends it."""
    keys = ["first", "second", "third"][: len(steps)]
    onward = [*keys[1:], "approved"]
    publish(
        {
            "key": "purchase",
            "name": "Purchase",
            "title": "{item}",
            "form": [*FORM, REVIEWER],
            "start": "first",
            "steps": {
                **{
                    key: {"kind": "approval", "name": key.title(), **step}
                    for key, step in zip(keys, steps, strict=True)
                },
                **ENDS,
            },
            "transitions": [
                {"from": key, "outcome": outcome, "to": to}
                for key, next_ in zip(keys, onward, strict=True)
                for outcome, to in (("approve", next_), ("reject", "rejected"))
            ],
        }
    )


def team(world: World, *names: str) -> None:
    group, _ = Group.objects.get_or_create(key="team", defaults={"name": "Team"})
    group.members.set([world.people[name] for name in names])


def says_yes(world: World, name: str) -> None:
    """To the newest mail that asks."""
    world.send()
    world.sandbox.reply_as(name, world.newest(name, "Please decide").id, "approve")
    world.run_until_quiet()


def asks(world: World) -> list[str]:
    """Who was written to with a question, in order."""
    mails = OutgoingMail.objects.filter(kind="ask").order_by("pk").values_list("to", flat=True)
    return [to.partition("@")[0] for to in mails]


def result_of(request: Request) -> str:
    request.refresh_from_db()
    assert list(chain.verify(request.pk)) == []
    return request.result


def test_the_line_of_managers_up_to_the_first_whose_limit_is_enough(world: World) -> None:
    """Alice is led by Bob (500), he by Carol (no limit), she by Dave (5,000)."""
    for name, manager, limit in (("bob", "carol", 500), ("carol", "dave", None), ("dave", None, 5000)):
        Person.objects.filter(pk=world.people[name].pk).update(
            manager=world.people[manager] if manager else None, approval_limit=limit
        )
    until = "limit >= amount"
    process(
        {"ask": [{"managers": {"until": until, "all": True}}], "rule": "all", "nobody": {"skip": "approve"}},
        {"ask": [{"managers": {"until": until}}]},
    )
    small, large, huge = world.request("500"), world.request("500.01"), world.request("5000.01")
    assert [asked(one) for one in (small, large, huge)] == [["Bob"], ["Bob", "Carol", "Dave"], []]
    assert huge.visits.get().state == Visit.State.STUCK
    world.send()
    assert "has an approval limit that is enough" in world.newest("ada", "Needs your help").text
    for name in ("carol", "dave", "bob"):
        assert result_of(large) == ""
        says_yes(world, name)
    assert asked(large) == ["Dave"], "in the second step only the one whose limit is enough"
    says_yes(world, "dave")
    assert (result_of(large), result_of(huge)) == ("approved", "")


def test_the_requester_chooses_a_reviewer_and_never_themself(world: World) -> None:
    add_address(world.people["alice"], f"al@{DOMAIN}")
    process({"ask": [{"field": "reviewer"}], "nobody": {"ask": [{"manager": True}]}})
    chosen = world.request(reviewer=f"Dave@{DOMAIN}")
    says_yes(world, "dave")
    assert (result_of(chosen), world.decisions()) == ("approved", [("Dave", "approve")])
    for reviewer in (f"al@{DOMAIN}", "ghost@elsewhere.example", f"ghost@{DOMAIN}"):
        assert asked(world.request(reviewer=reviewer)) == ["Bob"]
    world.run_until_quiet()
    assert asks(world) == ["dave", "bob", "bob", "bob"]
    assert not Person.objects.filter(name__contains="ghost").exists()


def test_two_steps_need_two_humans_however_many_addresses_one_has(world: World) -> None:
    """Bob answers the first step from his other address; the second one asks him by it, and the team that he is in."""
    world.sandbox.add_mailbox("robert", "Robert Bobson")
    add_address(world.people["bob"], f"robert@{DOMAIN}")
    team(world, "bob", "dave")
    second = {"ask": [{"person": f"robert@{DOMAIN}"}, {"group": "team"}], "not_same_as": ["first"]}
    process({"ask": [{"manager": True}]}, second)
    request, ask = world.asked()
    world.sandbox.send_as("robert", answer(ask, f"robert@{DOMAIN}"))
    world.run_until_quiet()
    assert world.decisions() == [("Bob", "approve")]
    assert asked(request) == ["Dave"]
    assert asks(world) == ["bob", "dave"]
    # Dave hands him the mail that asks, code and all.
    for_dave = world.newest("dave", "Please decide")
    world.sandbox.send_as("robert", answer(for_dave, f"robert@{DOMAIN}"))
    world.sandbox.send_as("bob", answer(for_dave, f"bob@{DOMAIN}"))
    world.run_until_quiet()
    assert world.results() == ["decided", "not_the_one_asked", "not_the_one_asked"]
    assert result_of(request) == ""
    says_yes(world, "dave")
    assert world.decisions() == [("Bob", "approve"), ("Dave", "approve")]
    assert result_of(request) == "approved"


def test_whoever_decided_another_step_meanwhile_is_told_why_their_answer_does_not_count(world: World) -> None:
    team(world, "bob", "dave")
    process({"ask": [{"group": "team"}]}, {"ask": [{"group": "team"}], "not_same_as": ["first"]})
    request = world.request()
    says_yes(world, "dave")
    assert asked(request) == ["Bob"]
    beside = request.visits.get(step_key="first").assignments.get(person=world.people["bob"])
    Decision.objects.create(
        assignment=beside, outcome="approve", by_person=world.people["bob"], channel="page"
    )
    says_yes(world, "bob")
    assert world.results() == ["decided", "may_not_decide"]
    notice = world.newest("bob", "Not applied")
    assert "You decided “First” of this request, so this step needs somebody else." in notice.text
    assert "Your answer changed nothing." in notice.text
    assert asked(request) == ["Bob"]


def test_a_group_is_asked_in_turn_and_the_next_one_where_somebody_leaves(world: World) -> None:
    from placet.approvals import engine

    team(world, "bob", "carol", "dave")
    process({"ask": [{"group": "team", "pick": "next"}]})
    requests = [world.request(item=item) for item in ("Desk", "Chair", "Lamp", "Shelf")]
    world.run_until_quiet()
    assert asks(world) == ["bob", "carol", "dave", "bob"]
    engine.deactivate(world.people["carol"], world.people["ada"])
    world.run_until_quiet()
    assert asks(world) == ["bob", "carol", "dave", "bob", "dave"], "it was Dave's turn, and not Carol's again"
    assert [asked(request) for request in requests] == [["Bob"], ["Dave"], ["Dave"], ["Bob"]]
    says_yes(world, "dave")
    assert world.decisions() == [("Dave", "approve")]
    assert asked(world.request(item="Rug")) == ["Bob"]
