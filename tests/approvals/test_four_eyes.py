"""Who has decided what keeps whom out: decisions of every round and of cancelled visits count, and whoever is asked
already, in whatever step, is asked no longer."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from placet.accounts.models import Group, Person
from placet.approvals import engine, engine_errors, evidence
from placet.approvals.models import Assignment, Decision, Request
from placet.approvals.processes import publish
from placet.audit import chain
from placet.mail.models import OutgoingMail
from placet.mailboxes.models import Mailbox
from tests.making import FORM, asked

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _the_record_tells_it_all(db: None) -> Iterator[None]:
    yield
    assert [*chain.verify(), *evidence.compare()] == []


def step(group: str, **more: Any) -> dict[str, Any]:
    return {"kind": "approval", "name": group.title(), "ask": [{"group": group}], **more}


def branches(
    lines: Mapping[str, Sequence[str]],
    steps: Mapping[str, dict[str, Any]],
    result: Sequence[Mapping[str, Any]] = ({"rejected": "any", "cancel": "others"}, {"approved": "all"}),
    rejected: str = "rejected",
) -> dict[str, Any]:
    """A block, and what follows when it is approved: `last`, where that is a step, or the end. `lines`: the steps of
    each branch, by its key. `rejected`: where it leads otherwise."""
    ways: list[dict[str, Any]] = []
    for line in lines.values():
        for key, following in zip(line, [*line[1:], ""], strict=True):
            on = {"to": following} if following else {"ends_branch": "approved"}
            ways.append({"from": key, "outcome": "approve", **on})
            ways.append({"from": key, "outcome": "reject", "ends_branch": "rejected"})
    if "last" in steps:
        ways += [{"from": "last", "outcome": one, "to": "approved"} for one in ("approve", "reject")]
    ways += [
        {"from": "block", "outcome": "approved", "to": "last" if "last" in steps else "approved"},
        {"from": "block", "outcome": "rejected", "to": rejected},
    ]
    ends = {key: {"kind": "end", "name": key, "result": key} for key in ("approved", "rejected")}
    used = {way.get("to") for way in ways}
    block = {
        "kind": "parallel", "name": "Block", "branches": {key: {"start": line[0]} for key, line in lines.items()},
        "result": [*result], "otherwise": "rejected",
    }  # fmt: skip
    return {
        "key": "eyes", "name": "Eyes", "title": "{item}", "form": FORM, "start": "block",
        "steps": {"block": block, **steps, **{key: end for key, end in ends.items() if key in used}},
        "transitions": ways,
    }  # fmt: skip


def groups(**members: Sequence[Person]) -> None:
    for key, people in members.items():
        Group.objects.update_or_create(key=key, defaults={"name": key.title()})[0].members.set(people)


def start(source: Mapping[str, Any], requester: Person) -> Request:
    return engine.start(publish(source), requester, {"item": "Desk", "amount": "900"})


def seat(request: Request, step_key: str, person: Person) -> Assignment:
    seats = Assignment.objects.filter(visit__request=request, visit__step_key=step_key, person=person)
    return seats.order_by("pk").reverse()[0]


def decide(request: Request, step_key: str, person: Person, outcome: str = "approve") -> None:
    one = seat(request, step_key, person)
    engine.decide(one.pk, by=person, outcome=outcome, channel=Decision.Channel.PAGE)


def states(request: Request, person: Person) -> dict[str, str]:
    seats = Assignment.objects.filter(visit__request=request, person=person).order_by("pk")
    return dict(seats.values_list("visit__step_key", "state"))


# --- whose decisions count --------------------------------------------------------------------------------


@pytest.mark.parametrize("saying", ["legal", "last"])
def test_who_answered_in_a_branch_that_was_cancelled_is_kept_out(
    alice: Person, bob: Person, carol: Person, dave: Person, saying: str
) -> None:
    """Bob has answered in a step that nobody needs any more before it was decided: he has seen it all the same."""
    groups(legal=[bob, carol], finance=[dave], last=[bob, carol])
    steps = {"legal": step("legal", rule="all"), "finance": step("finance"), "last": step("last")}
    steps[saying]["not_same_as"] = ["last" if saying == "legal" else "legal"]
    source = branches({"a": ["legal"], "b": ["finance"]}, steps, rejected="last")
    request = start(source, alice)
    decide(request, "legal", bob)
    decide(request, "finance", dave, "reject")
    assert request.visits.get(step_key="legal").state == "cancelled"
    assert asked(request) == ["Carol"], "who had not answered yet decided nothing"


def test_who_decided_in_any_round_is_kept_out(
    alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    """Bob decides the first round of a step and Carol the second one; what comes after is for neither."""
    groups(legal=[bob], finance=[dave], last=[bob, carol, dave])
    steps = {"legal": step("legal"), "finance": step("finance"), "last": step("last", not_same_as=["legal"])}
    source = branches({"a": ["legal"], "b": ["finance"]}, steps, rejected="block")
    request = start(source, alice)
    decide(request, "legal", bob)
    groups(legal=[carol])
    decide(request, "finance", dave, "reject")
    assert request.visits.filter(step_key="legal").count() == 2
    decide(request, "legal", carol)
    decide(request, "finance", dave)
    assert asked(request) == ["Dave"]


def test_who_decided_an_earlier_round_cannot_answer_what_they_are_asked_already(
    alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    """Whoever is asked by a slip, such as a row that somebody wrote by hand, is looked at once more."""
    groups(legal=[bob], finance=[dave], last=[dave])
    steps = {"legal": step("legal"), "finance": step("finance"), "last": step("last", not_same_as=["legal"])}
    source = branches({"a": ["legal"], "b": ["finance"]}, steps, rejected="block")
    request = start(source, alice)
    decide(request, "legal", bob)
    groups(legal=[carol])
    decide(request, "finance", dave, "reject")
    decide(request, "legal", carol)
    decide(request, "finance", dave)
    by_hand = Assignment.objects.create(visit=request.visits.get(step_key="last"), person=bob, page_only=True)
    with pytest.raises(engine_errors.Barred, match="You decided “Legal” of this request"):
        engine.decide(by_hand.pk, by=bob, outcome="approve", channel=Decision.Channel.PAGE)
    by_hand.delete()


# --- whoever is asked already -----------------------------------------------------------------------------


def test_whoever_decides_is_asked_no_longer_in_any_other_step(
    alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    """In the branch before it, in the one after it, and in a step that was entered later than the one decided."""
    groups(one=[bob, carol], two=[bob, carol], gate=[dave], three=[bob, carol])
    steps = {
        "one": step("one", not_same_as=["two"]),
        "two": step("two", not_same_as=["three"]),
        "gate": step("gate"),
        "three": step("three"),
    }
    source = branches({"a": ["one"], "b": ["two"], "c": ["gate", "three"]}, steps)
    request = start(source, alice)
    decide(request, "gate", dave)
    assert states(request, bob) == {"one": "open", "two": "open", "three": "open"}
    decide(request, "two", bob)
    assert states(request, bob) == {"one": "withdrawn", "two": "decided", "three": "withdrawn"}
    assert states(request, carol) == {"one": "open", "two": "superseded", "three": "open"}
    decide(request, "one", carol)
    assert states(request, carol)["three"] == "open", "these two are not kept apart"
    decide(request, "three", carol)
    request.refresh_from_db()
    assert request.result == "approved"


def test_a_step_that_is_over_by_then_is_left_as_it_is(
    mailbox: Mailbox, alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    """Without Bob the step `two` is decided, which ends the block: in `three` he is told so, and nothing else."""
    groups(one=[bob], two=[bob, dave], three=[bob, carol])
    steps = {
        "one": step("one"),
        "two": step("two", rule="all", not_same_as=["one"]),
        "three": step("three", not_same_as=["one"]),
    }
    source = branches(
        {"a": ["one"], "b": ["two"], "c": ["three"]}, steps, [{"approved": 2, "cancel": "others"}, {"rejected": "any"}]
    )  # fmt: skip
    request = start(source, alice)
    decide(request, "two", dave)
    decide(request, "one", bob)
    request.refresh_from_db()
    assert (request.state, request.result) == ("ended", "approved")
    assert states(request, bob) == {"one": "decided", "two": "withdrawn", "three": "superseded"}
    assert request.visits.get(step_key="three").state == "cancelled"
    told = OutgoingMail.objects.filter(kind="not-needed").values_list("to", flat=True)
    assert sorted(told) == sorted([bob.email, carol.email])
