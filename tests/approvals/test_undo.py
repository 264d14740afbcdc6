"""An answer can be undone as long as its process says, and what it led to waits so long."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from unittest import mock

import pytest
import time_machine
from django.db import IntegrityError, transaction

from placet.accounts import delegations
from placet.accounts.addresses import add_person
from placet.accounts.models import Group, Person
from placet.approvals import delegating, engine, engine_errors, evidence, timing, undoing
from placet.approvals.definitions import definition_of
from placet.approvals.engine_clarifications import Written
from placet.approvals.engine_hold import MOST_UNDONE, last_moment
from placet.approvals.models import (
    AskLine,
    Assignment,
    Clarification,
    Decision,
    Request,
    Timer,
    UndoneDecision,
    Visit,
)
from placet.approvals.processes import publish
from placet.approvals.undo_rules import grace_in
from placet.audit import chain
from placet.mail.models import OutgoingMail
from placet.mailboxes.models import Mailbox
from tests.approvals.test_delegates import at_once, delegate
from tests.approvals.test_four_eyes import branches, decide, groups, seat, start
from tests.approvals.test_steps_that_ask_nobody import process, refused, step, text_of
from tests.making import asked, make_mailbox, one_step
from tests.rotation import whole

pytestmark = pytest.mark.django_db

Clock = time_machine.Traveller
MONDAY = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PEOPLE = ("bob", "carol", "dave")


@pytest.fixture(autouse=True)
def _the_record_tells_it_all(db: None) -> Iterator[None]:
    yield
    assert [*chain.verify(), *evidence.compare(), *evidence.missing()] == []


@pytest.fixture
def clock() -> Iterator[Clock]:
    with time_machine.travel(MONDAY, tick=False) as clock:
        yield clock


@pytest.fixture
def ada(db: None) -> Person:
    return add_person("Ada Admin", "ada@contoso.example", administrator=True)


def definition(rule: Any = "first", people: tuple[str, ...] = PEOPLE, **more: Any) -> dict[str, Any]:
    ask = [{"person": f"{name}@contoso.example"} for name in people]
    return one_step(ask, rule=rule, **{"undo": "10 minutes", **more})


def fire(clock: Clock, moment: datetime, *, read_until: datetime | None = None) -> None:
    """What is due then; the mailboxes were read until another moment, if one is given."""
    clock.move_to(moment)
    Mailbox.objects.update(read_until=read_until or moment)
    for number in timing.due(100):
        timing.work(number)


def state(request: Request) -> tuple[str, str, str, str]:
    """Of the request, and of its newest visit."""
    request.refresh_from_db()
    visit = request.visits.order_by("-pk")[0]
    return request.state, request.result, visit.state, visit.held_result or visit.result


def undo(request: Request, person: Person, step_key: str = "step") -> UndoneDecision:
    return undoing.undo(seat(request, step_key, person).pk, person)


def seats(request: Request) -> dict[str, str]:
    found = Assignment.objects.filter(visit__request=request).select_related("person").order_by("pk")
    return {one.person.name.split()[0]: one.state for one in found}


def why_not(request: Request, person: Person, step_key: str = "step") -> engine_errors.EngineError:
    with pytest.raises(engine_errors.EngineError) as caught, transaction.atomic():
        undo(request, person, step_key)
    return caught.value


# --- how long ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "minutes"),
    [
        ({}, 0),
        ({"undo": "1 minute"}, 1),
        ({"undo": "60 minutes"}, 60),
        ({"undo": False}, 0),
        ({"undo": "no"}, 0),
    ],
)
def test_a_process_says_how_long(said: Mapping[str, Any], minutes: int) -> None:
    known = definition_of(publish({**definition(), "undo": None, **said}))
    assert grace_in(known, "step") == minutes * MINUTE


def test_a_step_says_its_own() -> None:
    source = definition()
    source["steps"]["step"]["undo"] = "5 minutes"
    assert grace_in(definition_of(publish(source)), "step") == 5 * MINUTE
    source["steps"]["step"]["undo"] = False
    assert grace_in(definition_of(publish(source)), "step") == timedelta()
    assert grace_in(definition_of(publish(source)), "approved") == timedelta()


@pytest.mark.parametrize(
    "said", ["61 minutes", "99 minutes", "1 hour", "10 working minutes", "-5 minutes", "10", True, 5]
)
def test_nothing_else_is_a_length(said: object) -> None:
    assert "undo" in refused({**definition(), "undo": said})


def test_what_enters_something_into_the_form_cannot_be_undone() -> None:
    source = definition()
    fills = {**source["steps"]["step"], "form": {"fill": ["item"]}}
    source["steps"]["step"] = fills
    assert grace_in(definition_of(publish(source)), "step") == timedelta()
    source["steps"]["step"] = {**fills, "undo": "5 minutes"}
    assert "takes effect at once" in refused(source)


def test_an_included_step_keeps_what_its_process_says(alice: Person) -> None:
    publish({**definition(), "key": "inner"})
    outer = process(
        {"inner": {"kind": "include", "process": "inner"}},
        ["inner approved approved", "inner rejected rejected"],
        key="outer",
    )
    known = definition_of(publish(outer))
    assert [grace_in(known, key) for key in known.steps if known.steps[key].kind == "approval"] == [
        10 * MINUTE
    ]


# --- what waits -------------------------------------------------------------------------------------------


def test_without_a_length_a_decision_has_its_effect_at_once(alice: Person, bob: Person) -> None:
    request = start({**definition(), "undo": None}, alice)
    decide(request, "step", bob)
    assert state(request) == ("ended", "approved", "closed", "approve")
    assert str(why_not(request, bob)) == "A decision cannot be taken back."


def test_what_a_step_came_to_waits(
    clock: Clock, alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    request = start(definition(), alice)
    decide(request, "step", bob)
    assert state(request) == ("open", "", "held", "approve")
    assert seats(request) == {"Bob": "decided", "Carol": "superseded", "Dave": "superseded"}
    fire(clock, MONDAY + 9 * MINUTE)
    assert state(request) == ("open", "", "held", "approve")
    fire(clock, MONDAY + 10 * MINUTE)
    assert state(request) == ("ended", "approved", "closed", "approve")
    fire(clock, MONDAY + 20 * MINUTE)
    assert Timer.objects.get().state == "acted"


def test_nobody_else_answers_meanwhile_and_reads_until_when(
    clock: Clock, alice: Person, bob: Person, carol: Person
) -> None:
    request = start(definition(people=("bob", "carol")), alice)
    decide(request, "step", bob)
    for person in (carol, bob):
        with pytest.raises(engine_errors.AlreadyDecided) as caught:
            decide(request, "step", person, "reject")
        assert [one.by_person for one in caught.value.decisions] == [bob]
        assert caught.value.until == MONDAY + 10 * MINUTE
    fire(clock, MONDAY + 10 * MINUTE)
    with pytest.raises(engine_errors.AlreadyDecided) as caught:
        decide(request, "step", carol, "reject")
    assert caught.value.until is None


def test_a_timer_that_is_early_does_nothing(clock: Clock, alice: Person, bob: Person) -> None:
    request = start(definition(people=("bob",)), alice)
    decide(request, "step", bob)
    timer = Timer.objects.get()
    Timer.objects.update(due=MONDAY)
    assert not timing.work(timer.pk)
    assert state(request) == ("open", "", "held", "approve")


def test_a_live_visit_is_one_though_it_is_held(clock: Clock, alice: Person, bob: Person) -> None:
    request = start(definition(people=("bob",)), alice)
    decide(request, "step", bob)
    with pytest.raises(IntegrityError), transaction.atomic():
        Visit.objects.create(request=request, step_key="step", round=2)


def test_the_requester_hears_of_it_once_it_has_effect(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    request = start(definition(people=("bob",)), alice)
    decide(request, "step", bob)
    assert not OutgoingMail.objects.filter(kind="ended").exists()
    fire(clock, MONDAY + 13 * MINUTE)
    assert state(request)[1] == "approved"
    assert OutgoingMail.objects.get(kind="ended").to == alice.email


def test_the_effect_waits_for_the_mailbox_of_whoever_decided(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    """They may have written in time to take it back, as whoever is asked may have answered in time."""
    request = start(definition(people=("bob",)), alice)
    decide(request, "step", bob)
    fire(clock, MONDAY + 60 * MINUTE, read_until=MONDAY + 11 * MINUTE)
    assert state(request)[2] == "held"
    fire(clock, MONDAY + 61 * MINUTE, read_until=MONDAY + 12 * MINUTE)
    assert state(request)[1] == "approved"


# --- undone -----------------------------------------------------------------------------------------------


def test_the_seat_and_those_beside_are_open_again(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    request = start(definition(), alice)
    decide(request, "step", bob, "reject")
    clock.move_to(MONDAY + 10 * MINUTE)
    row = undo(request, bob)
    assert (row.outcome, row.by_person, row.at, row.undone_at) == (
        "reject",
        bob,
        MONDAY,
        MONDAY + 10 * MINUTE,
    )
    assert state(request) == ("open", "", "open", "")
    assert sorted(asked(request)) == ["Bob", "Carol", "Dave"]
    assert not Decision.objects.exists()
    fire(clock, MONDAY + 60 * MINUTE)
    assert state(request) == ("open", "", "open", "")
    decide(request, "step", carol)
    fire(clock, MONDAY + 75 * MINUTE)
    assert state(request) == ("ended", "approved", "closed", "approve")


def test_only_whoever_undid_it_gets_a_new_mail_and_older_ones_stay_good(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    request = start(definition(people=("bob", "carol")), alice)
    older = AskLine.objects.get(ask__person=carol)
    decide(request, "step", bob)
    undo(request, bob)
    asks = list(OutgoingMail.objects.filter(kind="ask").order_by("pk").values_list("to", flat=True))
    assert asks == [bob.email, carol.email, bob.email]
    text = text_of(OutgoingMail.objects.filter(to=bob.email, kind="ask").latest("pk"))
    assert "You took your answer back, so it is open again." in text
    engine.decide(
        older.assignment_id,
        by=carol,
        outcome="approve",
        channel=Decision.Channel.PAGE,
        shown=older.facts_hash,
    )
    assert state(request)[2:] == ("held", "approve")


@pytest.mark.parametrize("who", ["carol", "dave", "alice", "ada"])
def test_nobody_else_undoes_it(
    who: str, clock: Clock, alice: Person, bob: Person, carol: Person, dave: Person, ada: Person
) -> None:
    people = {"carol": carol, "dave": dave, "alice": alice, "ada": ada}
    request = start(definition(people=("bob", "carol")), alice)
    decide(request, "step", bob)
    for one in Assignment.objects.all():
        with pytest.raises(engine_errors.NotAllowed), transaction.atomic():
            undoing.undo(one.pk, people[who])
    assert state(request)[2:] == ("held", "approve")


def test_whoever_left_undoes_nothing(clock: Clock, alice: Person, bob: Person) -> None:
    request = start(definition(people=("bob",)), alice)
    decide(request, "step", bob)
    Person.objects.filter(pk=bob.pk).update(is_active=False)
    assert isinstance(why_not(request, bob), engine_errors.NotAllowed)
    assert state(request)[2:] == ("held", "approve")


def test_too_late_is_too_late(clock: Clock, mailbox: Mailbox, alice: Person, bob: Person) -> None:
    request = start(definition(people=("bob",)), alice)
    decide(request, "step", bob)
    clock.move_to(MONDAY + 10 * MINUTE + timedelta(seconds=1))
    late = why_not(request, bob)  # though the effect still waits for the mailbox
    assert isinstance(late, engine_errors.NotUndone)
    assert (late.until, late.since) == (MONDAY + 10 * MINUTE, None)
    fire(clock, MONDAY + 13 * MINUTE)
    late = why_not(request, bob)
    assert isinstance(late, engine_errors.NotUndone)
    assert (late.until, late.since) == (MONDAY + 10 * MINUTE, MONDAY + 13 * MINUTE)
    assert state(request)[1] == "approved"


def test_once_is_enough(clock: Clock, alice: Person, bob: Person) -> None:
    request = start(definition(people=("bob",)), alice)
    decide(request, "step", bob)
    undo(request, bob)
    again = why_not(request, bob)
    assert isinstance(again, engine_errors.NotUndone)
    assert again.undone_at == MONDAY
    assert UndoneDecision.objects.count() == 1


def test_one_of_several_is_undone_while_the_step_goes_on(
    clock: Clock, alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    request = start(definition(rule=2), alice)
    decide(request, "step", bob)
    assert state(request)[2:] == ("open", "")
    undo(request, bob)
    decide(request, "step", carol)
    assert state(request)[2:] == ("open", "")
    clock.move_to(MONDAY + 5 * MINUTE)
    decide(request, "step", dave)
    assert state(request)[2:] == ("held", "approve")


def test_each_answer_has_its_own_time(
    clock: Clock, alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    """The first of two can be undone while both wait, and as long as it could alone; the other one is kept."""
    request = start(definition(rule=2), alice)
    decide(request, "step", bob)
    clock.move_to(MONDAY + 6 * MINUTE)
    decide(request, "step", carol)
    clock.move_to(MONDAY + 10 * MINUTE)
    undo(request, bob)
    assert seats(request) == {"Bob": "open", "Carol": "decided", "Dave": "open"}
    decide(request, "step", bob)
    assert state(request)[2:] == ("held", "approve")
    clock.move_to(MONDAY + 17 * MINUTE)
    assert isinstance(why_not(request, carol), engine_errors.NotUndone)
    undo(request, bob)
    fire(clock, MONDAY + 21 * MINUTE)
    assert state(request)[2:] == ("open", "")


def test_it_is_undone_so_often_and_no_more(clock: Clock, alice: Person, bob: Person) -> None:
    request = start(definition(people=("bob",)), alice)
    for _n in range(MOST_UNDONE):
        decide(request, "step", bob)
        undo(request, bob)
    decide(request, "step", bob)
    assert state(request) == ("ended", "approved", "closed", "approve")
    assert UndoneDecision.objects.count() == MOST_UNDONE
    assert str(why_not(request, bob)) == (
        "This answer was taken back 5 times. That is as often as it can be, so the last one stands."
    )


def test_rounds_are_not_counted(clock: Clock, alice: Person, bob: Person) -> None:
    request = start(definition(people=("bob",), most_rounds=1), alice)
    decide(request, "step", bob)
    undo(request, bob)
    decide(request, "step", bob)
    fire(clock, MONDAY + 11 * MINUTE)
    assert state(request) == ("ended", "approved", "closed", "approve")
    assert request.visits.count() == 1


def test_withdrawn_while_it_waits(clock: Clock, mailbox: Mailbox, alice: Person, bob: Person) -> None:
    request = start(definition(people=("bob", "carol")), alice)
    decide(request, "step", bob)
    engine.withdraw(request.pk, alice)
    assert state(request) == ("withdrawn", "", "closed", "withdrawn")
    fire(clock, MONDAY + 15 * MINUTE)
    assert state(request) == ("withdrawn", "", "closed", "withdrawn")
    late = why_not(request, bob)
    assert isinstance(late, engine_errors.NotUndone)
    assert {timer.state for timer in Timer.objects.all()} == {"needless"}


def test_whoever_left_meanwhile_is_not_asked_again(
    clock: Clock, alice: Person, bob: Person, carol: Person, ada: Person
) -> None:
    request = start(definition(people=("bob", "carol")), alice)
    decide(request, "step", bob)
    engine.deactivate(carol, ada)
    undo(request, bob)
    assert seats(request) == {"Bob": "open", "Carol": "withdrawn"}


def test_a_step_that_too_few_are_left_in_is_stuck(
    clock: Clock, alice: Person, bob: Person, carol: Person, dave: Person, ada: Person
) -> None:
    """As it would be if the answer had never been given."""
    others = start(definition(rule=2), alice)
    decide(others, "step", carol)
    request = start(definition(rule=2), alice)
    decide(request, "step", carol)
    decide(request, "step", bob)
    engine.deactivate(dave, ada)
    undo(request, bob)
    assert state(request) == state(others) == ("open", "", "stuck", "")
    assert asked(request) == asked(others) == ["Bob"]
    decide(request, "step", bob)
    assert state(request)[2:] == ("held", "approve")
    undo(request, bob)
    assert state(request)[2:] == ("stuck", "")


def test_one_by_one_whoever_was_asked_next_stays_asked(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    source = definition(rule="all", people=("bob", "carol"))
    source["steps"]["step"]["order"] = "one_by_one"
    request = start(source, alice)
    assert asked(request) == ["Bob"]
    decide(request, "step", bob)
    assert asked(request) == ["Carol"]
    undo(request, bob)
    assert sorted(asked(request)) == ["Bob", "Carol"]
    decide(request, "step", carol)
    decide(request, "step", bob)
    assert state(request)[2:] == ("held", "approve")


# --- what counts ------------------------------------------------------------------------------------------


def test_four_eyes_after_an_undone_answer(
    clock: Clock, alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    groups(one=[bob, carol], two=[bob, dave])
    steps = {"one": step_of("one"), "two": step_of("two", not_same_as=["one"])}
    request = start({**branches({"a": ["one"], "b": ["two"]}, steps), "undo": "10 minutes"}, alice)
    decide(request, "one", bob)
    assert seat(request, "two", bob).state == "withdrawn"
    undo(request, bob, "one")
    assert seat(request, "two", bob).state == "open"  # they decided nothing, so they may
    decide(request, "two", bob)
    assert seat(request, "one", bob).state == "withdrawn"
    decide(request, "one", carol)
    fire(clock, MONDAY + 10 * MINUTE)
    request.refresh_from_db()
    assert (request.state, request.result) == ("ended", "approved")


def step_of(group: str, **more: Any) -> dict[str, Any]:
    return {"kind": "approval", "name": group.title(), "ask": [{"group": group}], **more}


def test_a_block_does_not_see_what_waits(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    groups(one=[bob], two=[carol])
    steps = {"one": step_of("one"), "two": step_of("two")}
    request = start({**branches({"a": ["one"], "b": ["two"]}, steps), "undo": "10 minutes"}, alice)
    decide(request, "one", bob, "reject")
    assert seat(request, "two", carol).state == "open"  # a rejection ends the others, but not yet
    undo(request, bob, "one")
    decide(request, "one", bob, "reject")
    fire(clock, MONDAY + 13 * MINUTE)
    request.refresh_from_db()
    assert (request.state, request.result) == ("ended", "rejected")
    assert seat(request, "two", carol).state == "superseded"
    assert OutgoingMail.objects.filter(kind="not-needed", to=carol.email).count() == 1


def test_another_branch_ends_one_that_waits(clock: Clock, alice: Person, bob: Person, carol: Person) -> None:
    groups(one=[bob], two=[carol])
    steps = {"one": step_of("one", undo="10 minutes"), "two": step_of("two")}
    request = start(branches({"a": ["one"], "b": ["two"]}, steps), alice)
    decide(request, "one", bob)
    decide(request, "two", carol, "reject")
    request.refresh_from_db()
    assert (request.state, request.result) == ("ended", "rejected")
    assert request.visits.get(step_key="one").state == "cancelled"
    fire(clock, MONDAY + 15 * MINUTE)
    assert isinstance(why_not(request, bob, "one"), engine_errors.NotUndone)
    assert Timer.objects.get().state == "needless"


def test_conditions_and_waits_see_nothing_of_what_waits(
    clock: Clock, alice: Person, bob: Person, carol: Person
) -> None:
    steps = {
        "bob": step("bob", undo="10 minutes"),
        "wait": {"kind": "wait", "name": "Wait", "until": 'steps.bob.outcome == "approve"'},
    }
    lines = {"a": ["bob"], "b": ["wait"]}
    source = branches(lines, steps)
    source["transitions"] = [
        *(way for way in source["transitions"] if way["from"] != "wait"),
        {"from": "wait", "outcome": "arrived", "ends_branch": "approved"},
    ]
    request = start(source, alice)
    decide(request, "bob", bob)
    assert request.visits.get(step_key="wait").state == "open"
    undo(request, bob, "bob")
    decide(request, "bob", bob)
    assert request.visits.get(step_key="wait").state == "open"
    fire(clock, MONDAY + 10 * MINUTE)
    request.refresh_from_db()
    assert (request.state, request.result) == ("ended", "approved")


def test_whoever_decided_is_asked_by_what_has_effect(
    clock: Clock, alice: Person, bob: Person, carol: Person
) -> None:
    source = process(
        {
            "first": {
                **step("bob"),
                "ask": [{"person": "bob@contoso.example"}, {"person": "carol@contoso.example"}],
            },
            "again": {"kind": "approval", "name": "Again", "ask": [{"decided": "first"}]},
        },
        ["first approve again", "first reject rejected", "again approve approved", "again reject rejected"],
        undo="10 minutes",
    )
    request = start(source, alice)
    decide(request, "first", bob)
    undo(request, bob, "first")
    decide(request, "first", carol)
    fire(clock, MONDAY + 10 * MINUTE)
    assert asked(request) == ["Carol"]


# --- clocks -----------------------------------------------------------------------------------------------


def timed(**more: Any) -> dict[str, Any]:
    source = definition(people=("bob", "carol"), undo="60 minutes")
    source["steps"]["step"] |= {"due": "2 hours", "remind": ["30 minutes before"], "expire": {}, **more}
    source["transitions"].append({"from": "step", "outcome": "expired", "to": "rejected"})
    return source


def test_no_deadline_acts_while_it_waits_and_what_is_left_is_left(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    request = start(timed(), alice)
    clock.move_to(MONDAY + 80 * MINUTE)
    decide(request, "step", bob)
    fire(clock, MONDAY + 139 * MINUTE)  # the reminder's moment, and the end's, are past
    assert state(request)[2:] == ("held", "approve")
    assert not OutgoingMail.objects.filter(subject__startswith="Reminder").exists()
    undo(request, bob)
    timers = {timer.what: timer for timer in Timer.objects.filter(what__in=("due", "remind", "expire"))}
    assert {timer.state for timer in timers.values()} == {"waiting"}
    assert timers["remind"].at == MONDAY + (90 + 59) * MINUTE
    assert timers["due"].at == MONDAY + (120 + 59) * MINUTE
    assert timers["expire"].at >= timers["due"].at  # whoever is asked has time


def test_what_expires_waits_for_nobody(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    source = timed(rule="all")
    request = start(source, alice)
    fire(clock, MONDAY + 90 * MINUTE)
    clock.move_to(MONDAY + 110 * MINUTE)
    decide(request, "step", bob)
    assert state(request)[2] == "open"
    fire(clock, MONDAY + 120 * MINUTE)
    fire(clock, MONDAY + 123 * MINUTE)
    assert state(request) == ("ended", "rejected", "closed", "expired")
    assert isinstance(why_not(request, bob), engine_errors.NotUndone)


def test_a_calendar_or_other_data_move_nothing_that_waits(clock: Clock, alice: Person, bob: Person) -> None:
    request = start(timed(), alice)
    decide(request, "step", bob)
    before = list(Timer.objects.order_by("pk").values_list("what", "at", "state"))
    from placet.approvals import calendar_moves, engine_time

    assert engine_time.reckon_again(request, definition_of(request.version)) == set()
    assert calendar_moves.due(10) == []
    assert list(Timer.objects.order_by("pk").values_list("what", "at", "state")) == before


def test_a_question_to_the_requester_ends_with_the_decision(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    request = start(timed(), alice)
    engine.ask_back(seat(request, "step", carol).pk, carol, Written("Why?"))
    decide(request, "step", bob)
    assert Clarification.objects.get().state == "needless"
    assert state(request)[2:] == ("held", "approve")
    undo(request, bob)
    # Whoever waited for an answer is asked anew: none will come.
    assert OutgoingMail.objects.filter(to=carol.email, kind="ask").count() == 2
    assert {timer.state for timer in Timer.objects.filter(what__in=("due", "expire"))} == {"waiting"}
    engine.ask_back(seat(request, "step", carol).pk, carol, Written("Why?"))
    decide(request, "step", carol)
    fire(clock, MONDAY + 75 * MINUTE)
    assert state(request)[1] == "approved"


# --- in somebody's place ----------------------------------------------------------------------------------


def test_a_delegate_undoes_their_own_answer_and_nobody_elses(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    request = start(definition(people=("bob",)), alice)
    one = seat(request, "step", bob)
    delegating.give(one.pk, bob, dave)
    engine.decide(one.pk, by=dave, outcome="approve", channel=Decision.Channel.PAGE)
    with pytest.raises(engine_errors.NotAllowed), transaction.atomic():
        undoing.undo(one.pk, bob)
    undoing.undo(one.pk, dave)
    engine.decide(
        one.pk, by=dave, outcome="reject", channel=Decision.Channel.PAGE
    )  # it is still given to them
    undoing.undo(one.pk, dave)
    engine.decide(one.pk, by=bob, outcome="approve", channel=Decision.Channel.PAGE)
    fire(clock, MONDAY + 13 * MINUTE)
    assert state(request)[1] == "approved"


def test_a_delegation_that_ended_meanwhile_is_over(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, dave: Person
) -> None:
    made = delegate(bob, dave)
    request = start(definition(people=("bob",)), alice)
    one = seat(request, "step", bob)
    assert one.delegates.get().state == "open"
    decide(request, "step", bob)
    assert one.delegates.get().state == "over"
    delegations.end(made.pk, bob)
    undo(request, bob)
    assert one.delegates.get().state == "ended"
    with pytest.raises(engine_errors.NotAllowed), transaction.atomic():
        engine.decide(one.pk, by=dave, outcome="approve", channel=Decision.Channel.PAGE)


def test_a_delegation_that_is_in_force_still_counts_again(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, dave: Person
) -> None:
    delegate(bob, dave)
    request = start(definition(people=("bob",)), alice)
    one = seat(request, "step", bob)
    engine.decide(one.pk, by=dave, outcome="reject", channel=Decision.Channel.PAGE)
    undoing.undo(one.pk, dave)
    assert one.delegates.get().state == "open"
    decide(request, "step", bob)
    assert state(request)[2:] == ("held", "approve")


def test_last_moment_is_none_where_it_never_could_be_undone(alice: Person, bob: Person) -> None:
    request = start({**definition(), "undo": None}, alice)
    decide(request, "step", bob)
    assert last_moment(definition_of(request.version), Decision.objects.get()) is None


def test_a_group_that_grew_meanwhile_is_not_asked_for_it(
    clock: Clock, alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    groups(team=[bob, carol])
    request = start(one_step([{"group": "team"}], undo="10 minutes"), alice)
    decide(request, "step", bob)
    Group.objects.get(key="team").members.add(dave)
    undo(request, bob)
    assert sorted(asked(request)) == ["Bob", "Carol"]


# --- at the same instant ----------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_undone_at_the_instant_of_its_effect_it_is_one_of_both(
    request: pytest.FixtureRequest, alice: Person, bob: Person
) -> None:
    make_mailbox()
    version = publish(definition(people=("bob",)))
    became = set()
    for _n in range(200 if whole(request.config) else 20):
        with time_machine.travel(MONDAY, tick=False) as clock:
            started = engine.start(version, alice, {"item": "Desk", "amount": "1"})
            decide(started, "step", bob)
            timer = Timer.objects.get(visit__request=started)
            clock.move_to(timer.at)
            one = seat(started, "step", bob)
            with read_ahead():
                results = at_once(
                    partial(undoing.undo, one.pk, bob),
                    partial(timing.work, timer.pk),
                )
            became.add(result_of_both(started, results))
    assert became <= {"undone", "effect"}


def read_ahead() -> contextlib.AbstractContextManager[object]:
    """The clock stands at the very moment of the effect, when no mailbox can have been read past it."""
    return mock.patch("placet.approvals.timing.read_past", return_value=True)


def result_of_both(request: Request, results: Sequence[object]) -> str:
    undone, acted = results
    request.refresh_from_db()
    visit = request.visits.get()
    if isinstance(undone, UndoneDecision):
        assert (request.state, visit.state, visit.held_result, visit.result) == ("open", "open", "", "")
        assert not Decision.objects.filter(assignment__visit=visit).exists()
        assert visit.timers.get().state == "needless"
        return "undone"
    assert isinstance(undone, engine_errors.NotUndone)
    assert acted is True
    assert (request.state, request.result, visit.state) == ("ended", "approved", "closed")
    assert visit.timers.get().state == "acted"
    return "effect"


@pytest.mark.django_db(transaction=True)
def test_undone_twice_at_the_same_instant_it_is_once(
    request: pytest.FixtureRequest, alice: Person, bob: Person
) -> None:
    version = publish(definition(people=("bob",)))
    for _n in range(50 if whole(request.config) else 8):
        started = engine.start(version, alice, {"item": "Desk", "amount": "1"})
        decide(started, "step", bob)
        one = seat(started, "step", bob)
        results = at_once(*[lambda pk=one.pk: undoing.undo(pk, bob)] * 3)
        assert sum(isinstance(one, UndoneDecision) for one in results) == 1
        assert sum(isinstance(one, engine_errors.NotUndone) for one in results) == 2
        assert one.undone_decisions.count() == 1


@pytest.mark.django_db(transaction=True)
def test_withdrawn_and_undone_at_the_same_instant_it_is_withdrawn(
    request: pytest.FixtureRequest, alice: Person, bob: Person
) -> None:
    version = publish(definition(people=("bob",)))
    for _n in range(50 if whole(request.config) else 8):
        started = engine.start(version, alice, {"item": "Desk", "amount": "1"})
        decide(started, "step", bob)
        one = seat(started, "step", bob)
        at_once(
            partial(undoing.undo, one.pk, bob),
            partial(engine.withdraw, started.pk, alice),
        )
        started.refresh_from_db()
        visit = started.visits.get()
        assert (started.state, visit.state, visit.held_result) == ("withdrawn", "closed", "")
        assert not visit.assignments.filter(state="open").exists()
