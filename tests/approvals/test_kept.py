"""Decisions of an earlier visit of a step that count in a new one: who is asked then, what the rule makes of them, and
who else sees them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from placet.accounts import delegations
from placet.accounts.addresses import add_person
from placet.accounts.delegations import Wanted
from placet.accounts.models import Group, Person
from placet.approvals import (
    earlier,
    engine,
    engine_asks,
    engine_errors,
    engine_kept,
    engine_visits,
    evidence,
    policy,
)
from placet.approvals.definitions import definition_of
from placet.approvals.models import Ask, Assignment, Decision, Request, Visit
from placet.approvals.processes import publish
from placet.audit import chain
from placet.mailboxes.models import Mailbox
from tests.making import FORM, asked, entries

pytestmark = pytest.mark.django_db
KEPT = Assignment.State.KEPT


@pytest.fixture(autouse=True)
def _the_record_tells_it_all(db: None) -> Iterator[None]:
    yield
    assert [*chain.verify(), *evidence.compare()] == []


@pytest.fixture
def erin(db: None) -> Person:
    return add_person("Erin Member", "erin@contoso.example")


def process(rule: Any = "all", ask: Sequence[Mapping[str, Any]] = ({"group": "board"},), **step: Any) -> Any:
    """`step` again and again, while `gate` does not let it go on."""
    ends = {key: {"kind": "end", "name": key, "result": key} for key in ("approved", "rejected")}
    return {
        "key": "again", "name": "Again", "title": "{item}", "form": FORM, "start": "step",
        "steps": {
            "step": {"kind": "approval", "name": "Step", "ask": [*ask], "rule": rule, **step},
            "gate": {
                "kind": "approval", "name": "Gate", "ask": [{"group": "gate"}], "not_same_as": ["step"],
            },
            **ends,
        },
        "transitions": [
            {"from": "step", "outcome": "approve", "to": "gate"},
            {"from": "step", "outcome": "reject", "to": "rejected"},
            {"from": "gate", "outcome": "approve", "to": "approved"},
            {"from": "gate", "outcome": "reject", "to": "step"},
        ],
    }  # fmt: skip


def groups(**members: Sequence[Person]) -> None:
    for key, people in members.items():
        Group.objects.update_or_create(key=key, defaults={"name": key.title()})[0].members.set(people)


def begin(source: Mapping[str, Any], requester: Person) -> Request:
    return engine.start(publish(source), requester, {"item": "Desk", "amount": "900"})


def decide(request: Request, person: Person, outcome: str = "approve", by: Person | None = None) -> Decision:
    seat = Assignment.objects.get(visit__request=request, person=person, state=Assignment.State.OPEN)
    return engine.decide(seat.pk, by=by or person, outcome=outcome, channel=Decision.Channel.PAGE)


def decisions(request: Request, round_: int = 1) -> list[Decision]:
    return list(
        Decision.objects.filter(assignment__visit__request=request, assignment__visit__round=round_)
        .filter(assignment__visit__step_key="step")
        .order_by("pk")
    )


class Keeping:
    """What `begin` of a further visit of `step` finds: decisions that are to be kept."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.kept: list[Assignment] = []
        self.decisions: list[Decision] = []
        consider = engine_visits.consider

        def keep_first(request: Request, definition: Any, visit: Visit) -> None:
            if visit.step_key == "step" and visit.round > 1:
                self.kept += engine_kept.keep(request, definition, visit, self.decisions)
            consider(request, definition, visit)

        monkeypatch.setattr(engine_visits, "consider", keep_first)


@pytest.fixture
def keeping(monkeypatch: pytest.MonkeyPatch) -> Keeping:
    return Keeping(monkeypatch)


def newest(request: Request, step: str = "step") -> Visit:
    return request.visits.filter(step_key=step).order_by("-round")[0]


def states(visit: Visit) -> dict[str, str]:
    seats = visit.assignments.select_related("person").order_by("person")
    return {seat.person.name.split()[0]: seat.state for seat in seats}


def test_whoever_decided_is_not_asked_and_the_rule_counts_what_they_decided(
    alice: Person, bob: Person, carol: Person, dave: Person, keeping: Keeping, mailbox: Mailbox
) -> None:
    groups(board=[bob, carol], gate=[dave])
    request = begin(process(), alice)
    decide(request, bob)
    decide(request, carol)
    keeping.decisions = decisions(request)[:1]
    mails = Ask.objects.filter(person=bob).count()
    decide(request, dave, "reject")
    visit = newest(request)
    assert states(visit) == {"Bob": "kept", "Carol": "open"}
    assert asked(request) == ["Carol"]
    assert Ask.objects.filter(person=bob).count() == mails  # and no mail
    seat = visit.assignments.get(person=bob)
    assert seat.counted == keeping.decisions[0]
    assert policy.result_of(definition_of(request.version).approval("step"), visit.assignments.all()) == ""
    decide(request, carol)
    assert newest(request).result == "approve"
    assert asked(request) == ["Dave"]


def test_kept_decisions_that_decide_the_step_lead_on_at_once(
    alice: Person, bob: Person, carol: Person, dave: Person, keeping: Keeping
) -> None:
    groups(board=[bob, carol], gate=[dave])
    request = begin(process(), alice)
    decide(request, bob)
    decide(request, carol)
    keeping.decisions = decisions(request)
    decide(request, dave, "reject")
    assert newest(request).result == "approve"
    assert states(newest(request)) == {"Bob": "kept", "Carol": "kept"}
    assert asked(request) == ["Dave"]
    values = earlier.Values(definition_of(request.version), request)["steps"]["step"]
    assert values["deciders"] == [bob.email, carol.email]
    assert values["by"] == carol.email
    assert [entry.what["person"] for entry in entries("kept", request=request.pk)] == [bob.pk, carol.pk]


def test_whoever_left_or_is_named_no_longer_or_is_barred_keeps_nothing(
    alice: Person, bob: Person, carol: Person, dave: Person, erin: Person, keeping: Keeping
) -> None:
    groups(board=[bob, carol, erin], gate=[dave])
    request = begin(process(), alice)
    for person in (bob, carol, erin):
        decide(request, person)
    keeping.decisions = decisions(request)
    groups(board=[bob, carol])  # Erin is of it no more
    engine.deactivate(bob, dave)
    decide(request, dave, "reject")
    assert states(newest(request)) == {"Carol": "kept"}
    assert newest(request).result == "approve"


def test_a_decision_in_somebodys_place_is_kept_while_both_may_decide(
    alice: Person, bob: Person, carol: Person, dave: Person, erin: Person, keeping: Keeping
) -> None:
    groups(board=[bob, carol], gate=[dave])
    delegations.make(bob, Wanted(erin, timezone.now()), bob)
    request = begin(process(), alice)
    decide(request, bob, by=erin)
    decide(request, carol)
    keeping.decisions = decisions(request)
    decide(request, dave, "reject")
    assert states(newest(request)) == {"Bob": "kept", "Carol": "kept"}
    engine.deactivate(erin, dave)
    decide(request, dave, "reject")
    assert states(newest(request)) == {"Bob": "open", "Carol": "kept"}


def test_whoever_was_picked_before_stays_and_nobody_else_is_asked(
    alice: Person, bob: Person, carol: Person, dave: Person, keeping: Keeping
) -> None:
    groups(board=[bob, carol], gate=[dave])
    request = begin(process("first", [{"group": "board", "pick": "next"}]), alice)
    (picked,) = asked(request)
    decide(request, bob if picked == "Bob" else carol)
    keeping.decisions = decisions(request)
    decide(request, dave, "reject")
    assert states(newest(request)) == {picked: "kept"}
    keeping.decisions = []
    decide(request, dave, "reject")
    assert list(states(newest(request))) != [picked]  # it is the other one's turn


def test_a_kept_decision_keeps_out_whom_it_kept_out_when_it_was_given(
    alice: Person, bob: Person, carol: Person, dave: Person, keeping: Keeping
) -> None:
    groups(board=[bob, carol], gate=[dave])
    request = begin(process("first"), alice)
    decide(request, bob)
    keeping.decisions = decisions(request)
    groups(gate=[dave, bob])
    decide(request, dave, "reject")
    assert states(newest(request)) == {"Bob": "kept"}
    assert asked(request) == ["Dave"]  # Bob decided `step`, which `gate` is kept apart from


def test_nobody_has_two_answers_in_a_visit_of_which_one_is_kept(
    alice: Person, bob: Person, carol: Person, dave: Person, erin: Person, keeping: Keeping
) -> None:
    """Erin answered in Bob's place; named herself later, she is not asked beside that."""
    groups(board=[bob, carol], gate=[dave])
    delegations.make(bob, Wanted(erin, timezone.now()), bob)
    request = begin(process(), alice)
    decide(request, bob, by=erin)
    decide(request, carol)
    keeping.decisions = decisions(request)[:1]
    groups(board=[bob, carol, erin])
    decide(request, dave, "reject")
    assert states(newest(request)) == {"Bob": "kept", "Carol": "open"}


def test_a_seat_that_was_kept_is_answered_to_nobody(
    alice: Person, bob: Person, carol: Person, dave: Person, keeping: Keeping
) -> None:
    groups(board=[bob, carol], gate=[dave])
    request = begin(process(), alice)
    decide(request, bob)
    decide(request, carol)
    keeping.decisions = decisions(request)[:1]
    decide(request, dave, "reject")
    seat = newest(request).assignments.get(person=bob)
    with pytest.raises(engine_errors.AlreadyDecided) as error:
        engine.decide(seat.pk, by=bob, outcome="reject", channel=Decision.Channel.PAGE)
    assert list(error.value.decisions) == keeping.decisions


def test_what_is_kept_may_be_asked_again_in_the_same_visit(
    alice: Person, bob: Person, carol: Person, dave: Person, keeping: Keeping
) -> None:
    groups(board=[bob, carol], gate=[dave])
    request = begin(process(), alice)
    decide(request, bob)
    decide(request, carol)
    keeping.decisions = decisions(request)[:1]
    decide(request, dave, "reject")
    visit = newest(request)
    with transaction.atomic():
        engine.lock(request.pk)
        [again] = engine_asks.seat(visit, list(visit.assignments.all()), [bob], {bob.pk: 0})
        engine_asks.ask(request, definition_of(request.version), again, again=False)
    assert (again.state, again.kept) == (Assignment.State.OPEN, None)
    assert sorted(asked(request)) == ["Bob", "Carol"]


def test_keeping_once_more_keeps_nothing_twice(
    alice: Person, bob: Person, carol: Person, dave: Person, keeping: Keeping
) -> None:
    groups(board=[bob, carol], gate=[dave])
    request = begin(process(), alice)
    decide(request, bob)
    decide(request, carol)
    keeping.decisions = decisions(request)[:1]
    decide(request, dave, "reject")
    visit = newest(request)
    with transaction.atomic():
        locked = engine.lock(request.pk)
        assert engine_kept.keep(locked, definition_of(request.version), visit, keeping.decisions) == []
    assert states(visit) == {"Bob": "kept", "Carol": "open"}


def _of_another_request(alice: Person, dave: Person) -> Decision:
    groups(board=[dave])
    return decide(begin(process(), alice), dave)


REWRITTEN: dict[str, Callable[[Assignment, Decision], dict[str, Any]]] = {
    "which earlier decision still counts was changed": lambda seat, other: {"kept": other},
    "the state of who is asked was changed": lambda seat, other: {"kept": None, "state": "withdrawn"},
    "which line of a step names who is asked was changed": lambda seat, other: {"source": 1},
    "when somebody was asked was changed": lambda seat, other: {"created_at": timezone.now()},
}


@pytest.mark.parametrize("reason", REWRITTEN)
@pytest.mark.parametrize("elsewhere", [False, True])
def test_what_is_rewritten_of_a_kept_decision_is_named(
    reason: str,
    elsewhere: bool,
    alice: Person,
    bob: Person,
    carol: Person,
    dave: Person,
    keeping: Keeping,
) -> None:
    groups(board=[bob, carol], gate=[dave])
    request = begin(process(), alice)
    first, second = decide(request, bob), decide(request, carol)
    keeping.decisions = [first]
    decide(request, dave, "reject")
    other = _of_another_request(alice, dave) if elsewhere else second
    seat = newest(request).assignments.get(person=bob)
    with transaction.atomic():
        Assignment.objects.filter(pk=seat.pk).update(**REWRITTEN[reason](seat, other))
        assert [one.reason for one in evidence.compare(request.pk)] == [reason]
        transaction.set_rollback(True)


def test_a_seat_that_nobody_recorded_keeps_nothing_unnoticed(
    alice: Person, bob: Person, carol: Person, dave: Person, keeping: Keeping
) -> None:
    groups(board=[bob, carol], gate=[dave])
    request = begin(process(), alice)
    given = decide(request, bob)
    decide(request, carol)
    decide(request, dave, "reject")
    with transaction.atomic():
        Assignment.objects.create(visit=newest(request), person=dave, state=KEPT, kept=given, source=0)
        assert [one.reason for one in evidence.compare(request.pk)] == [
            "who is asked is there that was never recorded"
        ]
        transaction.set_rollback(True)


@pytest.mark.parametrize("state", ["open", "decided", "superseded", "withdrawn"])
def test_the_database_lets_only_what_is_kept_name_a_decision(
    state: str, alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    groups(board=[bob, carol], gate=[dave])
    request = begin(process(), alice)
    decision = decide(request, bob)
    seat = Assignment.objects.get(visit__request=request, person=carol)
    with pytest.raises(IntegrityError), transaction.atomic():
        Assignment.objects.filter(pk=seat.pk).update(state=state, kept=decision)
    with pytest.raises(IntegrityError), transaction.atomic():
        Assignment.objects.filter(pk=seat.pk).update(state=KEPT)
