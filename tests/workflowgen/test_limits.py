"""Limits of actions → deadlines of steps; what follows on TIMEOUT → where a step goes that nobody answers in time."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine

from placet.accounts.addresses import add_person
from placet.accounts.models import Group, Person
from placet.approvals import drafts, engine, timing
from placet.approvals.models import Assignment, Request
from placet.workflowgen.importing import Imported, read_process
from tests.workflowgen.making import YES_NO, Action, Made, questions, simple
from tests.workflowgen.test_importing import imported, side_by_side, texts, ways

MONDAY = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


def limited(**changes: Any) -> Made:
    """The approval has two days; ways on are for each test to say."""
    made = simple()
    for name, value in {"limit": "2880", "unit": "d", **changes}.items():
        setattr(made.actions[1], name, value)
    return made


def step(done: Imported) -> dict[str, Any]:
    decides: dict[str, Any] = done.definition["steps"]["decides"]
    return {name: decides[name] for name in ("due", "remind", "expire") if name in decides}


# --- limits -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("minutes", "unit", "due", "shown"),
    [
        ("1440", "d", "1 day", "1 day"),
        ("20160", "d", "14 days", "14 days"),
        ("1440000", "d", "1000 days", "1000 days"),
        ("1440", "h", "1 day", "1 day"),
        ("240", "h", "4 hours", "4 hours"),
        ("60", "", "1 hour", "1 hour"),
        ("45", "m", "45 minutes", "45 minutes"),
        ("0090", "m", "90 minutes", "90 minutes"),
    ],
)
def test_a_limit_is_a_deadline_in_the_largest_unit(minutes: str, unit: str, due: str, shown: str) -> None:
    done = imported(limited(limit=minutes, unit=unit))
    assert step(done) == {"due": due}
    assert f"Action DECIDES: Its limit of {shown} became the deadline “{due}”." in texts(done, "taken")


@pytest.mark.parametrize(
    ("minutes", "unit", "due", "shown"),
    [
        ("1440", "d", "1 working day", "1 day"),
        ("7200", "D", "5 working days", "5 days"),
        ("2880", "", "2 working days", "2 days"),
        # A day of working time has fewer hours than a day.
        ("1440", "h", "24 working hours", "24 hours"),
        ("480", "H", "8 working hours", "8 hours"),
        ("120", "m", "2 working hours", "2 hours"),
        ("1", "m", "1 working minute", "1 minute"),
    ],
)
def test_working_time_is_that_of_the_calendars_here(minutes: str, unit: str, due: str, shown: str) -> None:
    done = imported(limited(limit=minutes, unit=unit, working="Y"))
    assert step(done) == {"due": due}
    changed = texts(done, "changed")
    assert f"Its limit of {shown} of working time became the deadline “{due}”." in changed
    assert "if it names none, that of the one person asked, or of the installation" in changed


@pytest.mark.parametrize(
    ("minutes", "shown"),
    [
        ("0", "0 days"),
        ("-2880", "-2880"),
        ("two days", "two days"),
        ("٢٨٨٠", "٢٨٨٠"),
        ("２８８０", "２８８０"),
        ("²", "²"),
        ("2880.5", "2880.5"),
        ("1e4", "1e4"),
        ("1441440", "1001 days"),
        ("1501", "1501 minutes"),
        ("1" + "0" * 30, "10000000000000000000"),  # as much of it as is shown
        ("9" * 8, "99999999 minutes"),
    ],
)
def test_what_is_no_deadline_is_left_out_with_what_follows_on_it(minutes: str, shown: str) -> None:
    made = limited(limit=minutes, late="Y")
    made.ways.append(("DECIDES", "ASKS", "TIMEOUT"))
    done = imported(made)
    assert step(done) == {}
    left = texts(done, "left_out")
    assert f"Action DECIDES: Its limit of {shown} is not in the draft." in left
    assert f"On TIMEOUT WorkflowGen went on to ASKS. The limit was {shown}." in left
    assert {way["outcome"] for way in done.definition["transitions"]} == {"approve", "reject"}


def test_whoever_is_late_is_reminded() -> None:
    assert step(imported(limited(late="N"))) == {"due": "2 days"}
    done = imported(limited(late="Y"))
    assert step(done) == {"due": "2 days", "remind": ["when due"]}
    assert "Whoever has not answered by then is reminded." in texts(done, "taken")
    assert "NotifyDelay" not in texts(done, "changed")
    assert step(imported(limited(limit="", late="Y"))) == {}


def test_nobody_is_reminded_of_what_is_at_its_end() -> None:
    made = limited(late="Y")
    made.ways.append(("DECIDES", "_END", "TIMEOUT"))
    done = imported(made)
    assert step(done) == {"due": "2 days", "expire": {}}
    assert "WorkflowGen wrote to whoever was late." in texts(done, "changed")


def test_a_task_has_a_deadline_too_and_what_is_no_step_has_none() -> None:
    made = limited()
    made.actions.insert(2, Action("ORDERS", takes=["REQ_ITEM"], limit="7200", working="Y"))
    made.actions[0].limit = made.actions[-1].limit = "1440"
    made.ways = [("ASKS", "DECIDES", ""), ("DECIDES", "ORDERS", ""), ("ORDERS", "_END", "")]
    made.limit = "14400"
    done = imported(made)
    steps = done.definition["steps"]
    assert {key: one["due"] for key, one in steps.items() if "due" in one} == {
        "decides": "2 days",
        "orders": "5 working days",
    }
    assert steps["orders"]["kind"] == "task"
    assert "Process MADE: Its limit of 10 days is not in the draft." in texts(done, "left_out")


# --- on TIMEOUT -------------------------------------------------------------------------------------------


def test_without_an_answer_in_time_it_goes_on_to_another_step() -> None:
    made = limited()
    made.actions.insert(2, Action("BOSS", takes=["REQ_ITEM"]))
    made.ways += [("DECIDES", "BOSS", "TIMEOUT"), ("BOSS", "_END", "")]
    done = imported(made)
    assert step(done) == {"due": "2 days", "expire": {}}
    assert ways(done, "decides") == [
        ("approve", "", "end_approved"), ("reject", "", "end_rejected"), ("expired", "", "boss"),
    ]  # fmt: skip
    assert (
        "Action DECIDES: If nobody answers in time it goes on as on TIMEOUT, with the outcome expired."
        in texts(done, "taken")
    )
    assert "TIMEOUT" not in texts(done, "left_out")


def test_a_task_that_is_not_done_in_time_goes_on_too() -> None:
    made = limited(gives={}, takes=["REQ_ITEM"])
    made.ways.append(("DECIDES", "ASKS", "TIMEOUT"))
    done = imported(made)
    assert done.definition["steps"]["decides"]["kind"] == "task"
    assert ways(done, "decides") == [("done", "", "end_done"), ("expired", "", "asks")]


@pytest.mark.parametrize(
    ("label", "name"), [("Item", "No answer in time"), ("Objet", "Sans réponse à temps")]
)
def test_it_may_be_the_end_of_the_request(label: str, name: str) -> None:
    made = limited()
    if label == "Objet":
        made.label, made.actions[1].label = "Demande de matériel", "Décision du responsable"
    made.ways.append(("DECIDES", "_END", "TIMEOUT"))
    done = imported(made)
    assert ways(done, "decides")[-1] == ("expired", "", "end_expired")
    assert done.definition["steps"]["end_expired"] == {"kind": "end", "name": name, "result": "expired"}


def test_a_route_chooses_by_what_is_known_without_an_answer() -> None:
    made = limited()
    made.actions += [Action("CHOOSES", route=True, split="XOR"), Action("BOSS", takes=["REQ_ITEM"])]
    made.ways += [
        ("DECIDES", "CHOOSES", "TIMEOUT"),
        ("CHOOSES", "_END", '<DEC_ANSWER> = "NO"'),
        ("CHOOSES", "BOSS", '<REQ_ITEM> = "Desk"'),
        ("CHOOSES", "ASKS", "OTHERWISE"),
        ("BOSS", "_END", ""),
    ]
    done = imported(made)
    assert ways(done, "decides")[2:] == [("expired", "req_item == 'Desk'", "boss"), ("expired", "", "asks")]


def test_two_ways_on_are_taken_as_the_routes_behind_them_say() -> None:
    made = limited()
    made.actions += [
        Action("CHEAP", route=True), Action("DEAR", route=True), Action("BOSS", takes=["REQ_ITEM"]),
        Action("BOARD", takes=["REQ_ITEM"]),
    ]  # fmt: skip
    made.ways += [
        ("DECIDES", "CHEAP", "TIMEOUT"), ("DECIDES", "DEAR", "TIMEOUT"),
        ("CHEAP", "BOSS", '<REQ_ITEM> = "Pen"'), ("DEAR", "BOARD", '<REQ_ITEM> <> "Pen"'),
        ("BOSS", "_END", ""), ("BOARD", "_END", ""),
    ]  # fmt: skip
    done = imported(made)
    assert ways(done, "decides")[2:] == [
        ("expired", "req_item == 'Pen'", "boss"),
        ("expired", "req_item != 'Pen'", "board"),
        ("expired", "", "end_expired"),
    ]
    decide = texts(done, "decide")
    assert "Several ways can be taken at once (CHEAP, DEAR)" in decide
    assert "It is not said what follows the answer expired if no condition holds" in decide
    made.ways[2:4] = [("DECIDES", "BOSS", "TIMEOUT"), ("DECIDES", "BOARD", "TIMEOUT")]
    assert ways(imported(made), "decides")[2:] == [("expired", "", "boss")]


def test_two_ways_on_that_a_bar_ends_are_a_block() -> None:
    made = side_by_side('<A_DECISION> = "YES"')
    made.actions[1].limit = "2880"
    made.ways[1:4] = [
        ("DECIDES", "_END", ""),
        ("DECIDES", "A", "TIMEOUT"),
        ("DECIDES", "B", "TIMEOUT"),
    ]
    done = imported(made)
    assert ways(done, "decides")[-1] == ("expired", "", "bar")
    assert done.definition["steps"]["bar"]["branches"] == {"a": {"start": "a"}, "b": {"start": "b"}}


@pytest.mark.parametrize("needs", ["Or", "And"])
def test_in_a_block_a_branch_without_an_answer_is_one_that_did_not_agree(needs: str) -> None:
    made = side_by_side(f'<A_DECISION> = "YES" {needs} <B_DECISION> = "YES"')
    made.ways[2] = ("DECIDES", "B", '<DEC_ANSWER> = "YES"')
    next(one for one in made.actions if one.key == "A").limit = "60"
    made.ways.append(("A", "BAR", "TIMEOUT"))
    done = imported(made)
    agreed = [{"approved": "any"}, {"rejected": "any"}]
    if needs == "And":
        agreed = [{"rejected": "any"}, {"approved": "all"}]
    assert done.definition["steps"]["bar"]["result"] == [*agreed, {"expired": "any"}]
    assert ways(done, "a")[-1] == ("expired", "", "ends expired")
    assert sorted(ways(done, "bar")) == [
        ("approved", "", "does"), ("expired", "", "end_expired"), ("rejected", "", "end_rejected"),
    ]  # fmt: skip


def test_a_block_that_only_waits_for_its_branches_goes_on_without_an_answer_too() -> None:
    made = side_by_side("")
    next(one for one in made.actions if one.key == "A").limit = "60"
    made.ways.append(("A", "BAR", "TIMEOUT"))
    done = imported(made)
    assert done.definition["steps"]["bar"]["result"] == [{"done": "all"}]
    assert ways(done, "a")[-1] == ("expired", "", "ends done")


def test_it_may_lead_out_of_a_block_or_end_its_branch() -> None:
    made = side_by_side('<A_DECISION> = "YES" Or <B_DECISION> = "YES"')
    for one in made.actions:
        if one.key in ("A", "B"):
            one.limit = "1440"
    made.ways += [("A", "DECIDES", "TIMEOUT"), ("B", "_END", "TIMEOUT")]
    done = imported(made)
    assert ways(done, "a")[-1] == ("expired", "", "decides")
    assert ways(done, "b")[-1] == ("expired", "", "ends expired")
    assert "Action B: Its way to the end of the process ends its branch" in texts(done, "changed")


def test_it_may_be_asked_again() -> None:
    made = limited()
    made.ways.append(("DECIDES", "DECIDES", "TIMEOUT"))
    assert ways(imported(made), "decides")[-1] == ("expired", "", "decides")


def test_an_answer_of_the_file_is_not_taken_for_silence() -> None:
    made = limited(gives=questions(1, "DEC_ANSWER", ("Yes", "YES"), ("Too old", "EXPIRED")))
    made.sections["DEC"][0].items = (*YES_NO, ("EXPIRED", "Too old"))
    made.ways = [
        ("ASKS", "DECIDES", ""), ("DECIDES", "_END", ""), ("DECIDES", "ASKS", "TIMEOUT"),
    ]  # fmt: skip
    assert ways(imported(made), "decides") == [
        ("approve", "", "end_approved"), ("expired-2", "", "end_expired_2"), ("expired", "", "asks"),
    ]  # fmt: skip


def test_of_the_form_itself_and_of_other_exceptions_nothing_is_taken() -> None:
    made = limited()
    made.actions[0].limit = "60"
    made.ways += [("ASKS", "_END", "TIMEOUT"), ("DECIDES", "_END", "TIMEOUT")]
    done = imported(made)
    assert ways(done, "decides")[-1][0] == "expired"
    assert "On TIMEOUT WorkflowGen went on to _END. The limit was 1 hour." in texts(done, "left_out")
    other = made.xml().replace(b">TIMEOUT<", b">ERROR<")
    assert other.count(b">ERROR<") == 2
    done = read_process(other)
    assert step(done) == {"due": "2 days"}
    assert "On ERROR WorkflowGen went on to _END. The limit was 2 days." in texts(done, "left_out")


# --- a request that runs ----------------------------------------------------------------------------------


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(MONDAY, tick=False) as clock:
        yield clock


def started(made: Made, alice: Person, bob: Person) -> Request:
    done = imported(made)
    for key in ("clerks", "board"):
        Group.objects.create(key=key, name=key).members.add(
            bob if key == "clerks" else add_person("Eve", "eve@contoso.example")
        )
    drafts.store(done.key, done.name, done.text, report=done.report.as_json())
    draft = drafts.draft_of(done.key)
    assert draft is not None
    return engine.start(drafts.publish_draft(draft), alice, {"req_item": "Desk"})


def where(request: Request) -> list[str]:
    return [f"{one.step_key} {one.result}".strip() for one in request.visits.order_by("pk")]


@pytest.mark.django_db
def test_a_request_goes_on_where_the_file_says(
    clock: time_machine.Traveller, alice: Person, bob: Person
) -> None:
    made = limited(working="Y")
    made.participants = {"BOARD": ("ACTOR", "Board")}
    made.actions.insert(2, Action("BOARD_DECIDES", performer="BOARD", takes=["REQ_ITEM"], limit="60"))
    made.ways += [
        ("DECIDES", "BOARD_DECIDES", "TIMEOUT"),
        ("BOARD_DECIDES", "_END", ""),
        ("BOARD_DECIDES", "_END", "TIMEOUT"),
    ]
    request = started(made, alice, bob)
    assert where(request) == ["decides"]
    clock.move_to(MONDAY.replace(day=4, hour=16, minute=59))
    assert [timing.work(number) for number in timing.due(10)] == []
    clock.move_to(MONDAY.replace(day=4, hour=17))
    assert [timing.work(number) for number in timing.due(10)] == [True, True]
    assert where(request) == ["decides expired", "board_decides"]
    [seat] = Assignment.objects.filter(state=Assignment.State.OPEN)
    assert seat.person.email == "eve@contoso.example"
    clock.move_to(MONDAY.replace(day=4, hour=18))
    assert [timing.work(number) for number in timing.due(10)] == [True, True]
    request.refresh_from_db()
    assert (request.state, request.result) == (Request.State.ENDED, "expired")
