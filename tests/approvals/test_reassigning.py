"""Somebody is put in the place of somebody who is asked: by an owner of the process, and whoever was asked is asked no
more, whatever becomes of the step."""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from placet.accounts import delegations
from placet.accounts.addresses import add_person
from placet.accounts.delegations import Wanted
from placet.accounts.models import Group, Person
from placet.approvals import (
    delegating,
    engine,
    evidence,
    owning,
    reassigning,
    timing,
    undoing,
    whom,
)
from placet.approvals.definitions import definition_of
from placet.approvals.delegating import CannotBeGiven
from placet.approvals.engine_clarifications import Written
from placet.approvals.engine_errors import AlreadyDecided, NoLongerOpen, NotAllowed, TooLate
from placet.approvals.models import Assignment, Clarification, Decision, Delegate, Request, Timer, Visit
from placet.approvals.processes import publish
from placet.approvals.verification import findings
from placet.audit import chain
from placet.mail.models import OutgoingMail
from placet.mailboxes.models import Mailbox
from tests import clocks
from tests.approvals.test_delegates import answer, asked_by_mail, at_once, state_of, text_of
from tests.making import entry_of, one_step, open_for

pytestmark = pytest.mark.django_db
PAGE = Decision.Channel.PAGE
_mail_is_read = clocks.mail_is_read


@pytest.fixture(autouse=True)
def _the_record_tells_it_all(db: None) -> Iterator[None]:
    yield
    assert [*chain.verify(), *evidence.compare(), *findings()] == []


@pytest.fixture
def olga(db: None) -> Person:
    return add_person("Olga Owner", "olga@contoso.example")


def start(requester: Person, owner: Person, source: Mapping[str, Any]) -> Request:
    version = publish(source)
    owning.add_owner(version.process, owner)
    owner.refresh_from_db()
    return engine.start(version, requester, {"item": "Desk", "amount": "900"})


def lines(*people: Person) -> list[dict[str, Any]]:
    return [{"person": person.email} for person in people]


def step_of(*people: Person, **of_step: Any) -> dict[str, Any]:
    source = one_step(lines(*people))
    source["steps"]["step"] |= of_step
    return source


def seats(request: Request) -> dict[str, str]:
    """By first name: how the seat stands, and in whose place."""
    found = Assignment.objects.filter(visit__request=request).order_by("pk")
    columns = found.values_list("person__name", "state", "in_place_of__name")
    return {
        name.split()[0]: f"{state} for {place.split()[0]}" if place else state
        for name, state, place in columns
    }


def instead(owner: Person, of: Person, to: Person, comment: str = "") -> Assignment:
    return reassigning.reassign(open_for(of).pk, owner, to, comment)


def work_timers() -> None:
    for number in timing.due(10):
        timing.work(number)


# --- who is asked -----------------------------------------------------------------------------------------


def test_whoever_was_asked_is_asked_no_more_and_their_successor_decides(
    mailbox: Mailbox, alice: Person, bob: Person, carol: Person, olga: Person
) -> None:
    request = start(alice, olga, step_of(bob))
    old = open_for(bob)
    instead(olga, bob, carol, "He is\nbusy: https://evil.example")
    assert seats(request) == {"Bob": "withdrawn", "Carol": "open for Bob"}
    assert open_for(carol).source == old.source
    assert asked_by_mail(request) == ["Bob", "Carol"]
    told = text_of(OutgoingMail.objects.get(kind="ask", to=carol.email))
    assert "Olga Owner asks you in place of Bob" in told
    assert "Olga Owner writes: “He is busy" in told
    (mail,) = OutgoingMail.objects.filter(kind="reassigned")
    assert mail.to == bob.email
    assert "Olga Owner asked Carol" in text_of(mail)
    assert "He is" in text_of(mail)
    with pytest.raises(NoLongerOpen, match="was asked in your place"):
        answer(request, bob, bob)
    entry = entry_of("reassigned", request=request)
    assert (entry.who, entry.what["person"], entry.what["successor"]) == (
        f"person:{olga.pk}",
        bob.pk,
        carol.pk,
    )
    assert entry.value("comment") == "He is\nbusy: https://evil.example"
    assert answer(request, carol, carol).by_person == carol
    assert state_of(request) == "approved"
    with pytest.raises(NoLongerOpen, match="was asked in your place"):
        answer(request, bob, bob)


def test_put_there_one_after_the_other_and_back(
    alice: Person, bob: Person, carol: Person, dave: Person, olga: Person
) -> None:
    request = start(alice, olga, step_of(bob))
    instead(olga, bob, carol)
    instead(olga, carol, dave)
    assert seats(request) == {"Bob": "withdrawn", "Carol": "withdrawn for Bob", "Dave": "open for Bob"}
    for before in (bob, carol):
        with pytest.raises(NoLongerOpen, match=r"Dave .*was asked in your place"):
            answer(request, before, before)
    instead(olga, dave, bob)  # it was a mistake
    assert seats(request) == {"Bob": "open", "Carol": "withdrawn for Bob", "Dave": "withdrawn for Bob"}
    answer(request, bob, bob)
    assert state_of(request) == "approved"


def test_whose_own_place_somebody_has_is_put_in_no_other_one(
    alice: Person, bob: Person, carol: Person, dave: Person, olga: Person
) -> None:
    """Else whom the step asks for two answers would be one person, once whoever has the place leaves."""
    request = start(alice, olga, step_of(bob, dave, rule="all"))
    instead(olga, bob, carol)
    with pytest.raises(CannotBeGiven, match="Others are asked in the place of Bob"):
        instead(olga, dave, bob)
    instead(olga, carol, olga)
    instead(olga, dave, carol)  # whom the step does not name
    assert seats(request) == {
        "Bob": "withdrawn",
        "Dave": "withdrawn",
        "Carol": "open for Dave",
        "Olga": "open for Bob",
    }
    instead(olga, olga, bob)
    answer(request, bob, bob)
    assert state_of(request) == "open"
    answer(request, carol, carol)
    assert state_of(request) == "approved"


def test_one_by_one_it_is_the_next_ones_turn_after_their_successor(
    alice: Person, bob: Person, carol: Person, dave: Person, olga: Person
) -> None:
    request = start(alice, olga, step_of(bob, dave, rule="all", order="one_by_one"))
    with pytest.raises(CannotBeGiven, match=r"asks Dave .*anyway"):
        instead(olga, bob, dave)
    instead(olga, bob, carol)
    visit = Visit.objects.get(request=request)
    visit.request = request
    assert whom.to_come(definition_of(request.version), visit, request) == [dave]
    answer(request, carol, carol)
    assert seats(request) == {"Bob": "withdrawn", "Carol": "decided for Bob", "Dave": "open"}
    instead(olga, dave, olga)
    answer(request, olga, olga)
    assert state_of(request) == "approved"


def test_whoever_leaves_loses_the_place_to_whom_the_step_names(
    mailbox: Mailbox, alice: Person, bob: Person, carol: Person, dave: Person, olga: Person, admin: Person
) -> None:
    request = start(alice, olga, step_of(bob, dave, rule="all"))
    instead(olga, bob, carol, "Please.")
    engine.deactivate(bob, admin)  # nobody is missing: Carol is there
    assert seats(request) == {"Bob": "withdrawn", "Dave": "open", "Carol": "open for Bob"}
    assert Visit.objects.get(request=request).state == "open"
    Person.objects.filter(pk=bob.pk).update(is_active=True)
    engine.deactivate(carol, admin)
    assert seats(request) == {"Bob": "open", "Dave": "open", "Carol": "withdrawn for Bob"}
    with pytest.raises(NoLongerOpen, match="no longer asked"):
        answer(request, carol, carol)
    answer(request, bob, bob)
    answer(request, dave, dave)
    assert state_of(request) == "approved"


def test_a_step_without_whom_it_names_is_stuck_once_their_successor_leaves(
    alice: Person, bob: Person, carol: Person, dave: Person, olga: Person, admin: Person
) -> None:
    request = start(alice, olga, step_of(bob))
    instead(olga, bob, carol)
    engine.deactivate(bob, admin)
    engine.deactivate(carol, admin)
    visit = Visit.objects.get(request=request)
    assert (visit.state, seats(request)) == ("stuck", {"Bob": "withdrawn", "Carol": "withdrawn for Bob"})
    Person.objects.filter(pk=bob.pk).update(is_active=True)
    engine.ask_again(visit.pk, admin)
    assert seats(request)["Bob"] == "open"
    instead(olga, bob, dave)
    assert seats(request)["Dave"] == "open for Bob"


def test_in_a_stuck_step_people_are_put_in_place_and_it_goes_on_once_nobody_is_missing(
    alice: Person, bob: Person, carol: Person, dave: Person, olga: Person
) -> None:
    request = start(alice, olga, step_of(bob, dave, rule="all"))
    Person.objects.filter(pk=bob.pk).update(is_active=False)  # interrupted, so the seat is open
    engine.decide(open_for(dave).pk, by=dave, outcome="approve", channel=PAGE)
    instead(olga, bob, carol)
    answer(request, carol, carol)
    assert state_of(request) == "approved"


def test_four_eyes_take_whoever_decided_beside_it_out_of_the_place(
    alice: Person, bob: Person, carol: Person, dave: Person, olga: Person
) -> None:
    source = one_step(lines(bob), key="apart", start="both")
    step = source["steps"].pop("step")
    ends = [way["to"] for way in source["transitions"]]
    source["steps"] |= {
        "both": {
            "kind": "parallel",
            "name": "Both",
            "branches": {"a": {"start": "one"}, "b": {"start": "two"}},
            "result": [{"rejected": "any"}, {"approved": "all"}],
            "otherwise": "rejected",
        },
        "one": {**step, "name": "One", "ask": lines(dave)},
        "two": {**step, "name": "Two", "ask": lines(bob), "not_same_as": ["one"]},
    }
    source["transitions"] = [
        *({"from": key, "outcome": "approve", "ends_branch": "approved"} for key in ("one", "two")),
        *({"from": key, "outcome": "reject", "ends_branch": "rejected"} for key in ("one", "two")),
        {"from": "both", "outcome": "approved", "to": ends[0]},
        {"from": "both", "outcome": "rejected", "to": ends[1]},
    ]
    request = start(alice, olga, source)
    instead(olga, bob, carol)
    instead(olga, dave, carol)  # she is asked in both, as long as she has decided neither
    by_step = {one.visit.step_key: one for one in Assignment.objects.filter(person=carol)}
    engine.decide(by_step["one"].pk, by=carol, outcome="approve", channel=PAGE)
    found = Assignment.objects.filter(visit__request=request, visit__step_key="two").order_by("pk")
    assert [(one.person.name, one.state) for one in found] == [(bob.name, "open"), (carol.name, "withdrawn")]
    with pytest.raises(CannotBeGiven, match="decided “One”"):
        instead(olga, bob, carol)
    instead(olga, bob, dave)  # whose place she took decided nothing
    answer(request, dave, dave)
    assert state_of(request) == "approved"


@pytest.mark.parametrize("how", ["also", "instead"])
@pytest.mark.parametrize("order", [None, "one_by_one"])
def test_rungs_find_the_successor_where_they_name_whoever_was_asked(
    alice: Person, bob: Person, carol: Person, dave: Person, olga: Person, how: str, order: str | None
) -> None:
    """The first rung names Bob, so nobody new; the second one replaces his successor, and with her him."""
    rungs = [
        {"when": "1 hour after", how: lines(bob)},
        {"when": "2 hours after", "instead": lines(dave)},
        {"when": "3 hours after", "also": lines(bob)},
    ]
    begun = timezone.now() - timedelta(hours=5)
    more = {} if order is None else {"order": order, "rule": "all"}
    with time_machine.travel(begun) as clock:
        request = start(alice, olga, step_of(bob, due="1 hour", escalate=rungs, **more))
        before = [*Timer.objects.order_by("pk").values_list("what", "at")]
        instead(olga, bob, carol)
        assert [*Timer.objects.order_by("pk").values_list("what", "at")] == before
        for hours, expected in (
            (1, {"Bob": "withdrawn", "Carol": "open for Bob"}),  # the deadline
            (2, {"Bob": "withdrawn", "Carol": "open for Bob"}),
            (3, {"Bob": "withdrawn", "Carol": "withdrawn for Bob", "Dave": "open"}),
            (4, {"Bob": "withdrawn", "Carol": "withdrawn for Bob", "Dave": "open"}),
        ):
            clock.move_to(begun + timedelta(hours=hours, minutes=1))
            work_timers()
            assert seats(request) == expected
    with pytest.raises(NoLongerOpen, match="Asked in your place: Dave"):
        answer(request, carol, carol)
    answer(request, dave, dave)
    assert state_of(request) == "approved"


def test_somebody_who_was_picked_stays_the_pick_in_their_successor(
    alice: Person, bob: Person, carol: Person, dave: Person, olga: Person
) -> None:
    Group.objects.create(key="team", name="Team").members.set([bob, carol])
    source = one_step([{"group": "team", "pick": "next"}, {"person": olga.email}], rule="all")
    request = start(alice, olga, source)
    instead(olga, bob, dave)
    answer(request, olga, olga)
    visit = Visit.objects.get(request=request)
    visit.request = request
    assert whom.to_come(definition_of(request.version), visit, request) == []
    answer(request, dave, dave)
    assert state_of(request) == "approved"


def test_an_answer_taken_back_is_asked_of_the_successor_again(
    alice: Person, bob: Person, carol: Person, dave: Person, olga: Person
) -> None:
    request = start(alice, olga, {**step_of(bob, dave), "undo": "60 minutes"})
    instead(olga, bob, carol)
    answer(request, carol, carol)
    assert seats(request) == {"Bob": "withdrawn", "Dave": "superseded", "Carol": "decided for Bob"}
    with pytest.raises(NoLongerOpen, match="was asked in your place"):
        answer(request, bob, bob)
    undoing.undo(Assignment.objects.get(person=carol).pk, carol)
    assert seats(request) == {"Bob": "withdrawn", "Dave": "open", "Carol": "open for Bob"}


def test_a_successors_decision_is_kept_in_a_later_round(
    alice: Person, bob: Person, carol: Person, dave: Person, olga: Person
) -> None:
    changes = {"key": "changes", "label": "Needs changes", "grants": False, "returns": "requester"}
    rule = [{"changes": "any"}, {"reject": "any"}, {"approve": "all"}]
    outcomes = ["approve", changes, "reject"]
    source = step_of(bob, dave, rule=rule, outcomes=outcomes, otherwise="reject")
    request = start(alice, olga, source)
    instead(olga, bob, carol)
    answer(request, carol, carol)
    answer(request, dave, dave, "changes")
    answer(request, alice, alice, "revised")
    found = Assignment.objects.filter(visit__request=request, visit__step_key="step", visit__round=2)
    states = [(one.person.name.split()[0], one.state, one.in_place_of) for one in found.order_by("pk")]
    assert states == [("Carol", "kept", bob), ("Dave", "open", None)]
    engine.decide(open_for(dave).pk, by=dave, outcome="approve", channel=PAGE)
    assert state_of(request) == "approved"


def test_the_record_says_who_was_put_in_whose_place(
    alice: Person, bob: Person, carol: Person, olga: Person
) -> None:
    request = start(alice, olga, step_of(bob))
    seat = instead(olga, bob, carol, "He is busy.")
    before = Assignment.objects.get(person=bob)
    for row, change in (
        (seat, {"in_place_of": None}),
        (seat, {"reassigned_by": bob}),
        (seat, {"reassigned_comment": "She knows."}),
        (seat, {"state": "withdrawn"}),
        (before, {"state": "open"}),
        (before, {"in_place_of": carol}),
        (before, {"reassigned_by": olga}),
        (before, {"reassigned_comment": "He knows."}),
    ):
        was = Assignment.objects.filter(pk=row.pk).values(*change).get()
        Assignment.objects.filter(pk=row.pk).update(**change)
        assert [one.request_id for one in evidence.compare(request.pk)] == [request.pk], change
        Assignment.objects.filter(pk=row.pk).update(**was)


# --- what hung on the seat --------------------------------------------------------------------------------


def test_what_whoever_was_asked_had_begun_ends(
    mailbox: Mailbox, alice: Person, bob: Person, carol: Person, dave: Person, olga: Person
) -> None:
    start(alice, olga, step_of(bob))
    engine.ask_back(open_for(bob).pk, bob, Written("Why?"))
    delegating.give(open_for(bob).pk, bob, dave)
    old = open_for(bob)
    instead(olga, bob, carol)
    assert Clarification.objects.get().state == "needless"
    assert Delegate.objects.get().state == "over"
    assert {mail.to for mail in OutgoingMail.objects.filter(kind="reassigned")} == {bob.email, dave.email}
    with pytest.raises(NoLongerOpen, match="in place of Bob"):
        engine.decide(old.pk, by=dave, outcome="approve", channel=PAGE)
    with pytest.raises(NoLongerOpen, match="answer the newer mail"):
        engine.decide(old.pk, by=carol, outcome="approve", channel=PAGE)


def test_a_delegate_becomes_the_successor_and_whoever_was_asked_is_no_delegate_of_theirs(
    mailbox: Mailbox, alice: Person, bob: Person, carol: Person, olga: Person
) -> None:
    delegations.make(carol, Wanted(bob, timezone.now() - timedelta(minutes=1)), carol)
    request = start(alice, olga, step_of(bob))
    delegating.give(open_for(bob).pk, bob, carol)
    instead(olga, bob, carol)
    assert seats(request) == {"Bob": "withdrawn", "Carol": "open for Bob"}
    assert Delegate.objects.filter(state="open").count() == 0
    assert {mail.to for mail in OutgoingMail.objects.filter(kind="reassigned")} == {bob.email}
    with pytest.raises(CannotBeGiven, match="Others are asked in the place of Bob"):
        delegating.give(open_for(carol).pk, carol, bob)


def test_what_an_owner_writes_turns_no_sentence_of_ours(
    mailbox: Mailbox, alice: Person, bob: Person, carol: Person, olga: Person
) -> None:
    """It stands in one paragraph with them."""
    start(alice, olga, step_of(bob))
    instead(olga, bob, carol, "Please\u202e look\x1b[8m.\x85Thanks \u2066")
    asked = text_of(OutgoingMail.objects.get(kind="ask", to=carol.email))
    assert "Olga Owner writes: “Please look [8m. Thanks”" in asked
    assert not {*"\u202e\u2066\x1b\x85"} & {*asked}


def test_without_a_mail_that_asked_none_says_that_no_answer_is_needed(
    mailbox: Mailbox, alice: Person, bob: Person, carol: Person, olga: Person
) -> None:
    Person.objects.filter(pk__in=[bob.pk, carol.pk]).update(in_digests=True)
    request = start(alice, olga, step_of(bob))
    assert asked_by_mail(request) == []
    instead(olga, bob, carol, "Please look.")
    assert not OutgoingMail.objects.filter(kind="reassigned").exists()
    assert asked_by_mail(request) == ["Carol"]  # at once: a digest has no room for why


# --- who may ----------------------------------------------------------------------------------------------


def test_who_may_put_somebody_in_anothers_place_and_whom(
    alice: Person, bob: Person, carol: Person, dave: Person, olga: Person, admin: Person
) -> None:
    Person.objects.filter(pk=bob.pk).update(manager=carol)
    request = start(alice, olga, step_of(bob, dave, rule="all"))
    for by in (bob, carol, dave, alice):
        with pytest.raises(NotAllowed, match="Only an owner"):
            instead(by, bob, carol)
    Person.objects.filter(pk=carol.pk).update(is_active=False)
    for to, why in (
        (bob, "asked already"),
        (dave, "asked in this step already"),
        (alice, "made this request"),
        (carol, "is deactivated"),
    ):
        with pytest.raises(CannotBeGiven, match=why):
            instead(olga, bob, to)
    Person.objects.filter(pk=carol.pk).update(is_active=True)
    with pytest.raises(NotAllowed, match="at most 2000"):
        instead(olga, bob, carol, "x" * 2001)
    answer(request, dave, dave)
    with pytest.raises(CannotBeGiven, match="has answered in this step"):
        instead(olga, bob, dave)
    instead(admin, bob, carol)
    assert seats(request)["Carol"] == "open for Bob"
    Person.objects.filter(pk=olga.pk).update(is_active=False)
    with pytest.raises(NotAllowed, match="Only an owner"):
        instead(olga, carol, admin)


def test_where_nobody_answers_for_anybody_else_or_the_request_is_the_owners_nobody_is_put_there(
    alice: Person, bob: Person, carol: Person, olga: Person
) -> None:
    request = start(alice, olga, step_of(bob, delegate=False))
    with pytest.raises(NotAllowed, match="nobody answers in somebody's place"):
        instead(olga, bob, carol)
    engine.withdraw(request.pk, alice)
    start(olga, olga, step_of(bob))
    with pytest.raises(NotAllowed, match="made the request"):
        instead(olga, bob, carol)


def test_a_requester_is_put_there_where_they_may_decide(alice: Person, bob: Person, olga: Person) -> None:
    request = start(alice, olga, {**step_of(bob), "requester_may_decide": True})
    instead(olga, bob, alice)
    answer(request, alice, alice)
    assert state_of(request) == "approved"


def test_once_the_time_is_over_nobody_is_put_there(
    alice: Person, bob: Person, carol: Person, olga: Person
) -> None:
    source = step_of(bob, due="1 hour", expire={"after": "1 hour"})
    source["transitions"].append({"from": "step", "outcome": "expired", "to": "rejected"})
    begun = timezone.now()
    with time_machine.travel(begun) as clock:
        start(alice, olga, source)
        clock.move_to(begun + timedelta(hours=1, minutes=1))
        work_timers()
        clock.move_to(begun + timedelta(hours=2, minutes=1))
        with pytest.raises(TooLate):
            instead(olga, bob, carol)


# --- at the same instant ----------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_of_two_owners_and_an_answer_at_the_same_instant_one_wins(
    alice: Person, bob: Person, carol: Person, dave: Person, olga: Person, admin: Person
) -> None:
    version = publish(step_of(bob))
    owning.add_owner(version.process, olga)
    olga.refresh_from_db()
    for _ in range(5):
        request = engine.start(version, alice, {"item": "Desk", "amount": "900"})
        number = open_for(bob).pk

        def puts(by: Person, to: Person, number: int = number) -> Callable[[], object]:
            return lambda: reassigning.reassign(number, by, to)

        def decides(number: int = number) -> object:
            return engine.decide(number, by=bob, outcome="approve", channel=PAGE)

        results = at_once(puts(olga, carol), puts(admin, dave), decides)
        won = [one for one in results if isinstance(one, Assignment | Decision)]
        assert [isinstance(one, NoLongerOpen | AlreadyDecided) for one in results].count(True) == 2
        open_ones = list(Assignment.objects.filter(visit__request=request, state="open"))
        assert open_ones == [one for one in won if isinstance(one, Assignment)]
        assert state_of(request) == ("open" if open_ones else "approved")
