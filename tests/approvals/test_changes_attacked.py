"""Odd lives of requests that go back to their requester: who is named as having sent them back, what is not kept, who
can help where the requester has left, and what keeping costs."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from placet.accounts import delegations
from placet.accounts.addresses import add_person
from placet.accounts.delegations import Wanted
from placet.accounts.models import Group, Person
from placet.approvals import engine, evidence
from placet.approvals.change_words import sent_back_by
from placet.approvals.definitions import definition_of
from placet.approvals.models import Assignment, Decision, Request, Visit
from placet.approvals.processes import publish
from placet.audit import chain
from placet.mailboxes.models import Mailbox
from tests.approvals.test_changes import (
    CHANGES,
    approval,
    decide,
    end,
    newest,
    returning,
    revise,
    seats,
    side_by_side,
    start,
)
from tests.making import asked

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _the_record_tells_it_all(db: None) -> Iterator[None]:
    yield
    assert [*chain.verify(), *evidence.compare()] == []


@pytest.fixture
def people(alice: Person, bob: Person, carol: Person, dave: Person) -> dict[str, Person]:
    for key, person in {"legal": bob, "price": carol, "lead": dave}.items():
        Group.objects.create(key=key, name=key.title()).members.set([person])
    return {one.name.split()[0].lower(): one for one in (alice, bob, carol, dave)}


def named(request: Request, step: str) -> list[str]:
    """Who sent it back into the newest visit of `step`."""
    visit = newest(request, step)
    decisions = sent_back_by({visit: definition_of(request.version)})[visit.pk].decisions
    return [one.by_person.name.split()[0] for one in decisions]


# --- who sent it back -------------------------------------------------------------------------------------


def test_whoever_ends_another_branch_meanwhile_did_not_send_it_back(people: Mapping[str, Person]) -> None:
    request = start(returning(again="same_step"), people["alice"])
    decide(request, people["carol"], "changes")
    decide(request, people["bob"])  # legal, beside it
    assert named(request, "price_changes") == ["Carol"]


def test_of_two_branches_each_is_sent_back_by_its_own(people: Mapping[str, Person]) -> None:
    request = start(returning(again="same_step"), people["alice"])
    decide(request, people["carol"], "changes")
    decide(request, people["bob"], "changes")
    assert named(request, "price_changes") == ["Carol"]
    assert named(request, "legal_changes") == ["Bob"]


def test_nor_did_whoever_ended_another_branch_before_an_administrator_helped(
    people: Mapping[str, Person], admin: Person
) -> None:
    request = start(
        side_by_side({"returns": "requester", "again": "same_step"}, most_rounds=1), people["alice"]
    )
    decide(request, people["carol"], "changes")
    revise(request, amount="800")  # price was entered as often as it may be
    engine.ask_again(request.visits.get(state=Visit.State.STUCK).pk, admin)
    decide(request, people["carol"], "changes")
    stuck = request.visits.get(state=Visit.State.STUCK)
    decide(request, people["bob"])  # legal, beside it, while price is stuck
    engine.ask_again(stuck.pk, admin)
    assert named(request, "price_changes") == ["Carol"]


def test_whoever_leads_out_of_a_block_sent_it_back(people: Mapping[str, Person]) -> None:
    request = start(side_by_side(), people["alice"])
    decide(request, people["bob"])
    decide(request, people["carol"], "changes")
    assert named(request, "changes") == ["Carol"]


def test_all_did_whose_block_leads_out_of_another_block(people: Mapping[str, Person]) -> None:
    """Legal and price in a block inside of a branch; beside that the lead, whose branch is left."""
    source = side_by_side({})
    for key in ("legal", "price", "lead"):
        source["steps"][key] = {"kind": "approval", "name": key, "ask": [{"group": key}]}
    del source["start_form"]
    source["start"] = "whole"
    source["steps"]["whole"] = {
        "kind": "parallel", "name": "Whole", "branches": {"a": {"start": "checks"}, "b": {"start": "lead"}},
        "result": [{"rejected": "any"}, {"approved": "all"}], "otherwise": "rejected",
    }  # fmt: skip
    source["steps"]["checks"]["result"] = [{"approved": "any"}, {"rejected": "all"}]
    source["steps"]["rework"] = {"kind": "revise", "name": "Rework"}
    source["transitions"] = [
        *source["transitions"][:4],
        {"from": "checks", "outcome": "approved", "ends_branch": "approved"},
        {"from": "checks", "outcome": "rejected", "to": "rework"},
        {"from": "lead", "outcome": "approve", "ends_branch": "approved"},
        {"from": "lead", "outcome": "reject", "ends_branch": "rejected"},
        {"from": "rework", "outcome": "revised", "to": "whole"},
        *({"from": "whole", "outcome": key, "to": key} for key in ("approved", "rejected")),
    ]
    request = start(source, people["alice"])
    decide(request, people["bob"], "reject")
    decide(request, people["carol"], "reject")
    assert newest(request, "whole").state == Visit.State.CANCELLED
    assert named(request, "rework") == ["Bob", "Carol"]


# --- what is not kept, and what is ------------------------------------------------------------------------


def with_a_field_that_comes_up(**changes: Any) -> dict[str, Any]:
    """Above 1,000 legal, who is not shown the amount, has to enter a clause."""
    source = side_by_side({"returns": "requester", **changes})
    clause = {"name": "clause", "label": "Clause", "type": "text", "show": "amount > 1000.0"}
    source["form"] = [*source["form"], clause]
    source["start_form"] = {"hide": ["later", "clause"]}
    hide = ["amount", "double", "offer"]
    source["steps"]["legal"]["form"] = {"hide": hide, "fill": ["clause"], "require": ["clause"]}
    return source


@pytest.mark.parametrize("changes", [{}, {"keep_if": "was.terms == now.terms"}], ids=["shown", "keep_if"])
def test_what_a_step_has_to_enter_is_asked_for_where_a_change_brings_it_up(
    changes: dict[str, Any], people: Mapping[str, Person]
) -> None:
    request = start(with_a_field_that_comes_up(**changes), people["alice"])
    decide(request, people["bob"])
    decide(request, people["carol"], "changes")
    revise(request, amount="900.50")
    assert seats(request, "legal") == {"Bob": "kept"}
    decide(request, people["carol"], "changes")
    revise(request, amount="2000")
    assert seats(request, "legal") == {"Bob": "open"}
    decide(request, people["bob"], entered={"clause": "§ 7"})
    decide(request, people["carol"], "changes")
    revise(request, amount="3000")
    assert seats(request, "legal") == {"Bob": "kept"}


def test_what_a_delegate_decided_stays_and_is_theirs(people: Mapping[str, Person], mailbox: Mailbox) -> None:
    erin = add_person("Erin Lead", "erin@contoso.example")
    delegations.make(people["bob"], Wanted(erin, timezone.now()), people["bob"])
    request = start(side_by_side(), people["alice"])
    seat = Assignment.objects.get(visit__request=request, person=people["bob"], state=Assignment.State.OPEN)
    engine.decide(seat.pk, by=erin, outcome="approve", channel=Decision.Channel.PAGE)
    Group.objects.get(key="legal").members.add(erin)  # asked now, too; but hers counts for Bob
    decide(request, people["carol"], "changes")
    revise(request, amount="5")
    assert seats(request, "legal") == {"Bob": "kept"}
    engine.deactivate(erin, people["dave"])
    decide(request, people["carol"], "changes")
    revise(request, amount="6")
    assert seats(request, "legal") == {"Bob": "open"}


def test_a_block_for_which_one_that_is_kept_is_enough_goes_on_at_once(people: Mapping[str, Person]) -> None:
    source = side_by_side()
    source["steps"]["checks"]["result"] = [{"approved": "any", "cancel": "others"}, {"rejected": "all"}]
    request = start(source, people["alice"])
    decide(request, people["bob"])
    decide(request, people["dave"], "changes")
    revise(request, amount="1")
    assert (seats(request, "price"), asked(request)) == ({}, ["Dave"])
    decide(request, people["dave"])
    assert end(request) == "approved"


def test_a_process_that_begins_with_an_included_one_begins_there_again(people: Mapping[str, Person]) -> None:
    """Both have a step `changes`."""
    publish(side_by_side(key="inner"))
    ends = {key: {"kind": "end", "name": key, "result": key} for key in ("approved", "rejected")}
    last = approval("lead", {**CHANGES, "returns": "requester"})
    outer = {
        **side_by_side(), "key": "outer", "start": "inside",
        "steps": {"inside": {"kind": "include", "process": "inner"}, "last": last, **ends},
        "transitions": [
            {"from": "inside", "outcome": "approved", "to": "last"},
            {"from": "inside", "outcome": "rejected", "to": "rejected"},
            {"from": "last", "outcome": "approve", "to": "approved"},
            {"from": "last", "outcome": "reject", "to": "rejected"},
        ],
    }  # fmt: skip
    request = start(outer, people["alice"])
    for name in ("bob", "carol", "dave"):
        decide(request, people[name])
    decide(request, people["dave"], "changes")
    assert newest(request, "changes").state == Visit.State.OPEN
    revise(request, amount="800")
    assert seats(request, "inside-legal") == {"Bob": "kept"}
    assert asked(request) == ["Carol"]


# --- a requester who left, and what it costs --------------------------------------------------------------


def test_a_requester_who_leaves_while_it_is_theirs_is_asked_again_once_they_are_back(
    people: Mapping[str, Person], admin: Person
) -> None:
    request = start(side_by_side(), people["alice"])
    decide(request, people["bob"])
    decide(request, people["carol"], "changes")
    engine.deactivate(people["alice"], admin)
    stuck = newest(request, "changes")
    assert (stuck.state, stuck.reason) == (Visit.State.STUCK, "Alice Requester cannot be asked")
    engine.ask_again(stuck.pk, admin)
    assert newest(request, "changes").state == Visit.State.STUCK
    Person.objects.filter(pk=people["alice"].pk).update(is_active=True)
    engine.ask_again(stuck.pk, admin)
    revise(request, amount="5")
    assert (seats(request, "legal"), asked(request)) == ({"Bob": "kept"}, ["Carol"])


def test_many_decisions_are_kept_with_as_many_queries_as_one(people: Mapping[str, Person]) -> None:
    numbers = []
    for many in (1, 20):
        members = [add_person(f"P{n} of {many}", f"p{n}-{many}@contoso.example") for n in range(many)]
        Group.objects.get(key="legal").members.set(members)
        request = start(side_by_side(), people["alice"])
        for one in members:
            decide(request, one)
        decide(request, people["carol"], "changes")
        with CaptureQueriesContext(connection) as queries:
            revise(request, amount="5")
        assert {*seats(request, "legal").values()} == {"kept"}
        numbers.append(len(queries))
    assert numbers[0] == numbers[1]
