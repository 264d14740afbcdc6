"""A request does not go round by itself: a step is entered again only if something came from outside since it was
entered last. What came counts wherever it came, also beside that step, and in a visit that began before it.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest

from placet.accounts.addresses import add_person
from placet.accounts.models import Group, Person
from placet.approvals import engine, engine_rounds, evidence, undoing
from placet.approvals.definitions import definition_of
from placet.approvals.models import Decision, Request, Visit
from placet.approvals.processes import publish
from placet.audit import chain
from placet.mail.models import OutgoingMail
from placet.mailboxes.models import Mailbox
from tests import clocks
from tests.approvals.test_steps_that_ask_nobody import (
    answer,
    called_by,
    notice,
    process,
    standing,
    start,
    step,
    text_of,
    wait,
    worked,
)
from tests.approvals.test_timing import work
from tests.clocks import MONDAY, Clock
from tests.making import FORM

pytestmark = pytest.mark.django_db

clock = clocks.standing
_mail_is_read = clocks.mail_is_read


@pytest.fixture(autouse=True)
def _the_record_tells_it_all(db: None) -> Iterator[None]:
    yield
    assert [*chain.verify(), *evidence.compare(), *evidence.missing()] == []


@pytest.fixture
def ada(db: None) -> Person:
    return add_person("Ada Admin", "ada@contoso.example", administrator=True)


Ways = list[str | Mapping[str, Any]]


def parallel(*starts: str) -> dict[str, Any]:
    branches = {f"from-{key}": {"start": key} for key in starts}
    return {
        "kind": "parallel", "name": "Block", "branches": branches,
        "result": [{"approved": "all"}], "otherwise": "rejected",
    }  # fmt: skip


def back(key: str, outcome: str) -> Ways:
    """To a block as long as the amount is small, which it stays; otherwise to the branch's end."""
    return [
        {"from": key, "outcome": outcome, "when": "amount < 1000", "to": "block"},
        {"from": key, "outcome": outcome, "ends_branch": "approved"},
    ]


def ends(key: str, *outcomes: str) -> Ways:
    return [{"from": key, "outcome": outcome, "ends_branch": "approved"} for outcome in outcomes]


BESIDE = {"news": notice("alice"), "desk": step("carol")}
WAYS_BESIDE: Ways = [
    "news sent desk", *ends("desk", "approve"), "desk reject rejected",
    "block approved approved", "block rejected rejected",
]  # fmt: skip


def beside(first: Mapping[str, Any], ways: Sequence[str | Mapping[str, Any]], **more: Any) -> dict[str, Any]:
    """A step of which a way leads back to its block, and beside it a notice from which one leads to Carol's desk.
    The first step's visit begins before that of the desk."""
    steps = {"block": parallel("first", "news"), "first": first, **BESIDE}
    return process(steps, [*ways, *WAYS_BESIDE], key="round", **more)


def live(request: Request) -> dict[str, str]:
    """What is live: the state by step and round."""
    rows = request.visits.filter(state__in=Visit.LIVE).order_by("pk")
    return {f"{one.step_key} {one.round}": one.state for one in rows}


def open_in(number: int) -> dict[str, str]:
    return {f"{key} {number}": "open" for key in ("block", "first", "desk")}


def stuck(request: Request) -> Visit:
    return request.visits.get(state=Visit.State.STUCK)


AGAIN = "“{}” would be entered again without anybody's answer"


# --- what comes from outside, beside a step ---------------------------------------------------------------


@pytest.mark.parametrize("leap", [timedelta(0), timedelta(hours=-2)], ids=["at one instant", "set back"])
def test_an_answer(clock: Clock, alice: Person, bob: Person, carol: Person, leap: timedelta) -> None:
    """By the order of what happened, whatever the clock says."""
    ways = [*back("first", "reject"), *ends("first", "approve")]
    request = start(beside(step("bob"), ways), alice)
    for number in (2, 3, 4):
        clock.move_to(MONDAY + number * leap)
        answer(bob, "reject")
        assert live(request) == open_in(number)
    answer(bob)
    answer(carol)
    assert standing(request) == ("ended", "approved")


def test_a_signal(alice: Person, carol: Person) -> None:
    ways = back("first", "arrived")
    request = start(beside(wait(signal="changed"), ways), alice)
    for number in (2, 3):
        engine.signal(request.pk, "changed", None)
        assert live(request) == open_in(number)


def test_a_moment_that_is_waited_for(clock: Clock, alice: Person, carol: Person) -> None:
    ways = back("first", "arrived")
    request = start(beside(wait(due="1 working day"), ways), alice)
    for number, day in ((2, 3), (3, 5)):
        assert work(clock, MONDAY.replace(day=day, hour=17)) == 1
        assert live(request) == open_in(number)


def test_the_end_of_a_step_that_nobody_answered(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    ways = [*back("first", "expired"), *ends("first", "approve"), *back("first", "reject")]
    request = start(beside(step("bob", due="1 working day", expire={}), ways), alice)
    for number, day in ((2, 3), (3, 5)):
        assert work(clock, MONDAY.replace(day=day, hour=17)) == 2  # it is due, and expires
        assert live(request) == open_in(number)


CALL = {"kind": "call", "name": "Budget", "process": "budget", "data": {"item": "item"}}
CALL_ENDS = [*back("first", "rejected"), *ends("first", "approved", "withdrawn")]


def test_an_answer_in_a_called_request(alice: Person, bob: Person, carol: Person) -> None:
    publish(process({"lead": step("bob")}, ["lead approve approved", "lead reject rejected"], key="budget"))
    request = start(beside(CALL, CALL_ENDS), alice)
    for number in (2, 3):
        worked()
        answer(bob, "reject")
        worked()
        assert live(request) == open_in(number)


@pytest.mark.parametrize("deep", [1, 2])
def test_a_signal_in_a_called_request_however_deep(alice: Person, carol: Person, deep: int) -> None:
    waiting = {"wait": wait(signal="changed")}
    publish(process(waiting, ["wait arrived rejected"], key="budget" if deep == 1 else "deeper"))
    if deep == 2:
        ways = ["call rejected rejected", "call withdrawn rejected"]
        publish(process({"call": {**CALL, "process": "deeper"}}, ways, key="budget"))
    request = start(beside(CALL, [*back("first", "rejected"), *ends("first", "withdrawn")]), alice)
    for number in (2, 3):
        worked()
        engine.signal(Request.objects.latest("pk").pk, "changed", None)
        worked()
        assert live(request) == open_in(number)


def test_a_called_request_that_somebody_withdraws(alice: Person, bob: Person, carol: Person) -> None:
    publish(process({"lead": step("bob")}, ["lead approve approved", "lead reject rejected"], key="budget"))
    ways = [*back("first", "withdrawn"), *ends("first", "approved", "rejected")]
    request = start(beside(CALL, ways), alice)
    worked()
    engine.withdraw(called_by(request).pk, alice)
    worked()
    assert live(request) == open_in(2)


def test_an_answer_before_the_end_of_a_call_that_nobody_answered(
    alice: Person, bob: Person, carol: Person
) -> None:
    """It came since the block was entered, though the call leads back by itself."""
    publish(process({"tell": notice("bob")}, ["tell sent rejected"], key="budget"))
    two_needed = {**step("carol"), "ask": [*step("bob")["ask"], *step("carol")["ask"]], "rule": "all"}
    definition = beside(CALL, [*back("first", "rejected"), *ends("first", "withdrawn")])
    definition["steps"]["desk"] = two_needed
    request = start(definition, alice)
    answer(bob)  # the desk waits for Carol
    worked()
    assert live(request) == {"block 2": "open", "first 2": "stuck", "desk 2": "open"}


def test_what_an_answer_comes_to_once_it_cannot_be_undone(
    clock: Clock, alice: Person, bob: Person, carol: Person
) -> None:
    """The desk was entered once more while it was held, by another answer."""
    ways = [*back("first", "reject"), *ends("first", "approve")]
    definition = beside(step("bob", undo="10 minutes"), ways)
    [rejected] = [
        way for way in definition["transitions"] if way["from"] == "desk" and way["outcome"] == "reject"
    ]
    rejected["to"] = "news"
    request = start(definition, alice)
    answer(bob, "reject")
    clock.move_to(MONDAY + timedelta(minutes=1))
    answer(carol, "reject")
    assert live(request) == {"block 1": "open", "first 1": "held", "desk 2": "open"}
    assert work(clock, MONDAY + timedelta(minutes=10)) == 1
    assert live(request) == {"block 2": "open", "first 2": "open", "desk 3": "open"}


def test_an_answer_that_was_taken_back_and_given_again(
    clock: Clock, alice: Person, bob: Person, carol: Person
) -> None:
    ways = [*back("first", "reject"), *ends("first", "approve")]
    request = start(beside(step("bob", undo="10 minutes"), ways), alice)
    answer(bob, "reject")
    undoing.undo(Decision.objects.get().assignment_id, bob)
    answer(bob, "reject")
    assert live(request) == {"block 1": "open", "first 1": "held", "desk 1": "open"}
    work(clock, MONDAY + timedelta(minutes=10))
    assert live(request) == open_in(2)


def test_out_of_a_block_in_a_block(alice: Person, bob: Person, carol: Person, dave: Person) -> None:
    steps = {
        "block": parallel("inner", "news"), "inner": parallel("first", "side"),
        "first": step("bob"), "side": step("dave"), **BESIDE,
    }  # fmt: skip
    ways = [
        *back("first", "reject"), *ends("first", "approve"), *ends("side", "approve", "reject"),
        *ends("inner", "approved"), "inner rejected rejected",
    ]  # fmt: skip
    request = start(process(steps, [*ways, *WAYS_BESIDE], key="round"), alice)
    for number in (2, 3):
        answer(bob, "reject")
        assert live(request) == open_in(number) | {f"inner {number}": "open", f"side {number}": "open"}


def test_somebody_leaves_where_a_step_is_skipped(
    alice: Person, bob: Person, carol: Person, ada: Person
) -> None:
    """That is somebody's doing, and skipped once more at once it would be nobody's."""
    ways = [*back("first", "approve"), "first reject rejected"]
    Group.objects.create(key="team", name="Team").members.set([bob])
    first = {**step("bob"), "ask": [{"group": "team"}], "nobody": {"skip": "approve"}}
    request = start(beside(first, ways), alice)
    engine.deactivate(bob, ada)
    visit = stuck(request)
    assert (visit.step_key, visit.round, visit.reason) == ("first", 2, AGAIN.format("Block"))
    assert live(request) == {"block 2": "open", "first 2": "stuck", "desk 2": "open"}


# --- by itself --------------------------------------------------------------------------------------------


def test_notices_in_two_branches_go_round_once(alice: Person, bob: Person) -> None:
    """Each leads back to the block of both."""
    steps = {"block": parallel("one", "other"), "one": notice("bob"), "other": notice("bob")}
    ways = [
        *back("one", "sent"),
        *back("other", "sent"),
        "block approved approved",
        "block rejected rejected",
    ]
    request = start(process(steps, ways, key="round"), alice)
    assert live(request) == {"block 1": "open", "one 1": "stuck", "other 1": "stuck"}
    assert {one.reason for one in request.visits.filter(state="stuck")} == {AGAIN.format("Block")}


def test_calls_that_nobody_answers_do_not_feed_each_other(
    mailbox: Mailbox, alice: Person, bob: Person, ada: Person
) -> None:
    """Each in a branch, from which a way leads back to the block of both, and each end in a transaction of its own."""
    publish(process({"tell": notice("bob")}, ["tell sent rejected"], key="deeper"))
    ways = ["call rejected rejected", "call withdrawn rejected"]
    publish(process({"call": {**CALL, "process": "deeper"}}, ways, key="budget"))
    steps = {"block": parallel("one", "other"), "one": CALL, "other": {**CALL, "process": "deeper"}}
    again = [way for key in ("one", "other") for way in (*back(key, "rejected"), *ends(key, "withdrawn"))]
    request = start(
        process(steps, [*again, "block approved approved", "block rejected rejected"], key="round"), alice
    )
    worked()
    assert live(request) == {"block 1": "open", "one 1": "stuck", "other 1": "stuck"}
    engine.ask_again(request.visits.get(step_key="one").pk, ada)
    worked()
    assert live(request) == {"block 2": "open", "one 2": "stuck", "other 2": "stuck"}
    assert OutgoingMail.objects.filter(kind="notice").count() == 4


def test_a_signal_lets_a_step_go_round_once(alice: Person, bob: Person) -> None:
    """One that came early, and is taken on the way."""
    steps = {
        "bob": step("bob"),
        "tell": notice("bob"),
        "wait": wait(signal="changed", until="amount < 1000"),
    }
    way_back = {"from": "wait", "outcome": "arrived", "when": "amount < 1000", "to": "tell"}
    ways: Ways = [
        "bob approve tell",
        "bob reject rejected",
        "tell sent wait",
        way_back,
        "wait arrived approved",
    ]
    request = start(process(steps, ways), alice)
    engine.signal(request.pk, "changed", None)
    answer(bob)
    assert live(request) == {"wait 2": "stuck"}


DAY = {"name": "day", "label": "Day", "type": "date", "required": True}


@pytest.mark.parametrize("deep", [False, True], ids=["here", "in a called request"])
def test_a_moment_that_was_past_when_a_step_began_to_wait_for_it(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, deep: bool
) -> None:
    """It is over at once, each time, so nothing came since."""
    waiting = {"wait": wait(due={"field": "day"})}
    publish(process(waiting, ["wait arrived approved"], key="budget", form=[*FORM, DAY]))
    call = {**CALL, "data": {"item": "item", "amount": "amount", "day": "day"}}
    key, outcome = ("call", "approved") if deep else ("wait", "arrived")
    way_back = {"from": key, "outcome": outcome, "when": "amount < 1000", "to": "tell"}
    ways: Ways = [f"tell sent {key}", way_back, f"{key} {outcome} approved"]
    if deep:
        ways.append("call withdrawn approved")
    steps = {"tell": notice("bob"), key: call if deep else waiting["wait"]}
    request = start(process(steps, ways, form=[*FORM, DAY]), alice, day="2020-01-02")
    for _ in range(3):
        worked()
        work(clock, MONDAY)
    worked()
    assert (stuck(request).round, stuck(request).reason) == (1, AGAIN.format("Notice"))
    assert OutgoingMail.objects.filter(kind="notice").count() == 1


# --- an administrator -------------------------------------------------------------------------------------


def test_an_administrator_lets_it_go_round_once_more(
    mailbox: Mailbox, alice: Person, bob: Person, ada: Person
) -> None:
    way_back = {"from": "second", "outcome": "sent", "when": "amount > 10", "to": "first"}
    steps = {"first": notice("bob"), "second": notice("bob")}
    request = start(process(steps, ["first sent second", way_back, "second sent approved"]), alice)
    for number in (1, 2, 3):
        assert live(request) == {f"second {number}": "stuck"}
        assert OutgoingMail.objects.filter(kind="notice").count() == 2 * number
        engine.ask_again(stuck(request).pk, ada)


def test_what_an_administrator_can_do_is_said(
    mailbox: Mailbox, alice: Person, bob: Person, ada: Person, client: Any
) -> None:
    """Where people and groups are not what is missing."""
    way_back = {"from": "second", "outcome": "sent", "when": "amount > 10", "to": "first"}
    steps = {"first": notice("bob"), "second": notice("bob")}
    request = start(process(steps, ["first sent second", way_back, "second sent approved"]), alice)
    [mail] = OutgoingMail.objects.filter(kind="stuck")
    text = " ".join(text_of(mail).split())
    client.force_login(ada)
    page = " ".join(client.get(f"/requests/{request.public_id}/").content.decode().split())
    for shown in (text, page):
        assert "What it came to stands; only the way on is missing." in shown
        assert "withdraw the request" in shown
        assert "groups" not in shown.partition("What it came to stands")[2].partition("Ask again")[0]
    assert "Correct the people or groups" not in text
    assert "right, then:" not in page


def test_looking_asks_little_of_the_database(
    alice: Person, bob: Person, carol: Person, django_assert_num_queries: Any
) -> None:
    """Nothing, where what came from outside is what is being done."""
    ways = [*back("first", "reject"), *ends("first", "approve")]
    request = start(beside(step("bob"), ways), alice)
    answer(bob, "reject")
    first, second = request.visits.filter(step_key="block").order_by("round")
    definition = definition_of(request.version)
    with django_assert_num_queries(1):
        assert engine_rounds.went_on(request, definition, first)
    with django_assert_num_queries(1):
        assert not engine_rounds.went_on(request, definition, second)
