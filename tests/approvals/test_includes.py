"""Processes that include others: the names of included steps, and where what is wrong with them is said."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from placet.accounts.models import Group, Person
from placet.approvals import authority, earlier, engine
from placet.approvals.authority_csv import read
from placet.approvals.definitions import Definition
from placet.approvals.models import Decision, Process
from placet.approvals.processes import DefinitionInvalid, parse_definition, publish
from placet.lib.conditions import holds
from tests.approvals.test_steps_that_ask_nobody import (
    BUDGET,
    answer,
    notice,
    process,
    refused,
    standing,
    step,
    visits,
    wait,
)
from tests.making import FORM, asked, open_for

pytestmark = pytest.mark.django_db

NEXT = {"name": "next", "label": "Who is next", "type": "person"}
#: It asks in one step who is next, tells somebody, and comes to one of two results.
CHECK = process(
    {"boss": step("bob", questions=[NEXT]), "tell": notice("carol")},
    ["boss approve tell", "boss reject rejected", "tell sent approved"],
    key="check",
)


@pytest.fixture
def _published(db: None) -> None:
    publish(CHECK)


def checked(
    last: Mapping[str, Any] | None = None, *ways: str | Mapping[str, Any], **more: Any
) -> dict[str, Any]:
    """It includes that one as `sub`; a step of its own comes after."""
    steps = {"sub": {"kind": "include", "process": "check"}, "last": last or step("dave")}
    after = {"wait": ["last arrived approved"], "notice": ["last sent approved"]}.get(
        steps["last"]["kind"], ["last approve approved", "last reject rejected"]
    )
    return process(steps, [*ways, "sub approved last", "sub rejected rejected", *after], key="whole", **more)


BOSS = 'steps["sub-boss"]'
BY_BOSS = f"{BOSS}.by == 'x' && {BOSS}.outcome == 'approve' && {BOSS}.answers.next == ''"


# --- names of included steps ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "definition",
    [
        checked(step("dave", not_same_as=["sub-boss"])),
        checked({**step("dave"), "ask": [{"decided": "sub-boss"}]}),
        checked({**step("dave"), "ask": [{"from_answer": "next"}]}),
        checked({**step("dave"), "ask": [{"group": "nobody", "if": BY_BOSS}]}),
        checked({**step("dave"), "ask": [{"expression": f"[{BOSS}.by, {BOSS}.answers.next]"}]}),
        checked(step("dave", nobody={"ask": [{"decided": "sub-boss"}]})),
        checked(step("dave", outcomes=["approve", {"key": "reject", "comment": {"when": BY_BOSS}}])),
        checked({**notice("bob"), "to": [{"decided": "sub-boss"}, {"from_answer": "next"}]}),
        checked(wait(until=f"{BOSS}.by != note")),
        checked(None, {"from": "sub", "outcome": "approved", "when": BY_BOSS, "to": "rejected"}),
        checked(None, {"from": "last", "outcome": "approve", "when": BY_BOSS, "to": "sub"}),
        checked(None, {"from": "last", "outcome": "approve", "when": f"{BOSS}.by == ''", "to": "last"}),
    ],
    ids=[
        "not_same_as", "decided", "from_answer", "if", "expression", "nobody", "comment", "notice", "wait",
        "way from", "way back", "way",
    ],
)  # fmt: skip
def test_the_including_process_names_included_steps(_published: None, definition: dict[str, Any]) -> None:
    flat = parse_definition(definition)
    assert list(flat.steps)[:2] == ["sub-boss", "sub-tell"]
    own = definition["steps"]["last"]
    said = flat.steps["last"].model_dump(mode="json", by_alias=True, exclude_none=True)
    assert {name: said[name] for name in own if name != "outcomes"} == {
        name: own[name] for name in own if name != "outcomes"
    }, "what its author wrote stays as it is"


def test_what_an_included_step_fills_in_need_not_be_entered_at_the_start(alice: Person, bob: Person) -> None:
    filling = {**step("bob"), "kind": "task", "form": {"fill": ["note"], "require": ["note"]}}
    publish(process({"clerk": filling}, ["clerk done approved"], key="check"))
    steps = {"sub": {"kind": "include", "process": "check"}}
    whole = process(steps, ["sub approved approved"], key="whole", start_form={"hide": ["note"]})
    request = engine.start(publish(whole), alice, {"item": "Desk", "amount": "9"})
    seat = open_for(bob)
    engine.decide(seat.pk, by=bob, outcome="done", channel=Decision.Channel.PAGE, entered={"note": "4711"})
    request.refresh_from_db()
    assert (request.data["note"], request.result) == ("4711", "approved")
    with pytest.raises(DefinitionInvalid) as invalid:
        parse_definition({**whole, "start_form": {"hide": ["note", "amount"]}})
    assert invalid.value.problems == [
        "start_form: hide: no step fills amount in; say so in its form: fill: [amount]"
    ]
    missing = {**whole, "steps": {**whole["steps"], "sub": {"kind": "include", "process": "nothing"}}}
    with pytest.raises(DefinitionInvalid) as invalid:
        parse_definition(missing)
    assert not [one for one in invalid.value.problems if one.startswith("start_form")], "that is not known"


def test_a_branch_and_what_is_called_name_included_steps(_published: None) -> None:
    publish({**BUDGET, "proof": "colleague"})
    call: dict[str, Any] = {"kind": "call", "name": "B", "process": "budget"}
    call["data"] = {"item": f"{BOSS}.by", "amount": "amount", "note": f"{BOSS}.answers.next"}
    both = {
        "kind": "parallel", "name": "Both", "branches": {"a": {"start": "call", "when": BY_BOSS}, "b": {"start": "b"}},
        "result": [{"rejected": "any"}, {"approved": "all"}], "otherwise": "approved",
    }  # fmt: skip
    steps = {"sub": {"kind": "include", "process": "check"}, "both": both, "call": call, "b": step("dave")}
    ends = [
        {"from": key, "outcome": outcome, "ends_branch": result}
        for key, outcome, result in (
            ("call", "approved", "approved"), ("call", "rejected", "rejected"), ("call", "withdrawn", "rejected"),
            ("b", "approve", "approved"), ("b", "reject", "rejected"),
        )
    ]  # fmt: skip
    own = ["sub approved both", "sub rejected rejected", "both approved approved", "both rejected rejected"]
    assert parse_definition(process(steps, [*own, *ends], key="whole")).call("call").data == call["data"]
    call["data"] = {"item": "item", "amount": "amount", "note": "steps['sub-bos'].by"}
    problem = f"steps.call: data: note: there is no step sub-bos that could be decided; {NOT_THERE}"
    assert problem in refused(process(steps, [*own, *ends], key="whole"))


INSTEAD = "sub stands for the steps of check; name one of these, such as "
NOT_THERE = "what sub includes is version 1 of check"


@pytest.mark.parametrize(
    ("definition", "problem"),
    [
        (
            checked(step("dave", not_same_as=["sub"])),
            f"steps.last: not_same_as: there is no approval step sub: {INSTEAD}sub-boss",
        ),
        (
            checked(step("dave", not_same_as=["sub-bos"])),
            f"steps.last: not_same_as: there is no approval step sub-bos; {NOT_THERE}",
        ),
        (
            checked({**step("dave"), "ask": [{"decided": "sub-approved"}]}),
            f"steps.last: ask, number 1: there is no approval step sub-approved; {NOT_THERE}",
        ),
        (
            checked({**step("dave"), "ask": [{"decided": "boss"}]}),
            "steps.last: ask, number 1: there is no approval step boss",
        ),
        (
            checked({**step("dave"), "ask": [{"from_answer": "previous"}]}),
            "steps.last: ask, number 1: from_answer: no step that comes before asks a question previous",
        ),
        (
            checked(
                None, {"from": "sub", "outcome": "approved", "when": f"{BOSS}.answers.x == ''", "to": "last"}
            ),
            "transitions, number 1: sub-boss asks no question x",
        ),
        *(
            (
                checked(None, {"from": "last", "outcome": "approve", "when": when, "to": "rejected"}),
                f'transitions, number 1: there is no step sub that could be decided: {INSTEAD}steps["sub-boss"]',
            )
            # a hyphen in a name is a minus in CEL
            for when in ("steps.sub.outcome == 'approved'", "steps.sub-boss.outcome == 'approve'")
        ),
    ],
)
def test_what_is_no_included_step_is_said_where_it_was_written(
    _published: None, definition: dict[str, Any], problem: str
) -> None:
    assert refused(definition).splitlines() == [problem]


def test_where_it_is_not_known_what_is_included_that_alone_is_said(db: None) -> None:
    """Not every name that hangs on it; what has nothing to do with it is said as ever."""
    definition = checked(
        {**step("dave", not_same_as=["sub-boss", "ghost"]), "ask": [{"from_answer": "next", "if": BY_BOSS}]},
        {"from": "last", "outcome": "reject", "when": f"{BOSS}.answers.next == 'x'", "to": "last"},
    )
    assert [line for line in refused(definition).splitlines() if "has no outcome" not in line] == [
        "steps.sub: there is no process check that is published",
        "steps.last: not_same_as: there is no approval step ghost",
    ]
    publish({**CHECK, "form": [*FORM, NEXT]})
    assert refused(definition).splitlines() == [
        "steps.sub: the form needs what the form of check has: next (person)",
        "steps.last: not_same_as: there is no approval step ghost",
    ]


def test_a_step_that_a_newer_version_does_not_have_is_found_at_publishing(_published: None) -> None:
    definition = checked(step("dave", not_same_as=["sub-boss"]))
    parse_definition(definition)
    steps = {"chief" if key == "boss" else key: one for key, one in CHECK["steps"].items()}
    publish(
        process(steps, ["chief approve tell", "chief reject rejected", "tell sent approved"], key="check")
    )
    with pytest.raises(DefinitionInvalid) as error:
        publish(definition)
    assert error.value.problems == [
        "steps.last: not_same_as: there is no approval step sub-boss; what sub includes is version 2 of check"
    ]
    assert not Process.objects.filter(key="whole").exists()


def test_a_ring_has_no_steps_to_name(_published: None) -> None:
    publish(checked())
    ring = process(
        {"out": {"kind": "include", "process": "whole"}, "last": step("dave", not_same_as=["out-sub-boss"])},
        ["out approved last", "out rejected rejected", "last approve approved", "last reject rejected"],
        key="check",
    )
    assert refused(ring) == "steps.out: the process check would include itself, by whole → check"


# --- keys -----------------------------------------------------------------------------------------------------


def test_a_key_is_taken_once(_published: None) -> None:
    own = checked(None, "sub-boss approve approved", "sub-boss reject rejected", "last approve sub-boss")
    own["steps"] = {**own["steps"], "sub-boss": step("carol"), "sub-rejected": step("dave")}
    problems = refused(own)
    assert "steps.sub: its step boss would be called sub-boss, as another step is" in problems
    assert "its step rejected" not in problems, "an end is not copied in"
    # an include of `check` as `in-sub`, beside one as `in` of what includes it as `sub`
    publish(checked())
    two = process(
        {"in": {"kind": "include", "process": "whole"}, "in-sub": {"kind": "include", "process": "check"}},
        [
            "in approved in-sub",
            "in rejected rejected",
            "in-sub approved approved",
            "in-sub rejected rejected",
        ],
    )
    assert refused(two).splitlines() == [
        "steps.in: what it includes as sub would be called in-sub, as another include is",
        "steps.in-sub: its step boss would be called in-sub-boss, as the step sub-boss of in is",
        "steps.in-sub: its step tell would be called in-sub-tell, as the step sub-tell of in is",
    ]


# --- what is wrong inside -------------------------------------------------------------------------------------


def test_what_is_wrong_in_an_included_process_says_which(db: None) -> None:
    authority.publish("limits", read(b"amount:number,ask\n*,manager\n"), "first")
    line = {"table": "limits", "with": {"amount": "amount"}}
    publish({**CHECK, "steps": {**CHECK["steps"], "boss": {**step("bob"), "ask": [line]}}})
    publish(checked())
    authority.publish("limits", read(b"note,ask\n*,manager\n"), "first")
    problem = "ask, number 1: with: the table limits has no column amount"
    assert f"steps.sub: step boss of version 1 of check: {problem}" in refused(checked())
    deep = process(
        {"in": {"kind": "include", "process": "whole"}}, ["in approved approved", "in rejected rejected"]
    )
    assert f"steps.in: step sub-boss of version 1 of whole: {problem}" in refused(deep)


def test_conditions_that_do_not_go_together_are_said_at_the_way_that_joins_them(db: None) -> None:
    inner, own = "[1, 2].exists(x, amount > x)", "[3, 4].exists(x, amount > x)"
    ways: list[Any] = [
        {"from": "boss", "outcome": "approve", "when": inner, "to": "approved"},
        *({"from": "boss", "outcome": outcome, "to": "rejected"} for outcome in ("approve", "reject")),
    ]
    publish(process({"boss": step("bob")}, ways, key="check"))
    definition = checked(None, {"from": "sub", "outcome": "approved", "when": own, "to": "rejected"})
    (problem,) = refused(definition).splitlines()
    assert problem.startswith(
        "transitions, number 1: with what is included: step boss of version 1 of check: A condition can use one of"
    )


def test_a_comment_in_a_condition_ends_before_the_next_condition(db: None) -> None:
    ways: list[Any] = [
        {"from": "boss", "outcome": "approve", "when": "amount > 5 // dear", "to": "approved"},
        *({"from": "boss", "outcome": outcome, "to": "rejected"} for outcome in ("approve", "reject")),
    ]
    publish(process({"boss": step("bob")}, ways, key="check"))
    flat = parse_definition(
        checked(
            None, {"from": "sub", "outcome": "approved", "when": "amount < 9 // or not", "to": "rejected"}
        )
    )
    joined = next(way.when for way in flat.transitions if way.from_ == "sub-boss" and way.to == "rejected")
    assert joined is not None
    assert [holds(joined, {"amount": amount}) for amount in (4.0, 7.0, 9.0)] == [False, True, False]


@pytest.mark.parametrize(
    ("source", "renamed"),
    [
        ("// it's\nsteps.a.by == 'x'", "// it's\nsteps[\"in-a\"].by == 'x'"),
        (r'note == r"\" + steps.a.by + ""', r'note == r"\" + steps["in-a"].by + ""'),
        (r"note == R'''a'\''' + steps.a.by + ''", r"""note == R'''a'\''' + steps["in-a"].by + ''"""),
        (r'"""a\"""" + steps.a.by + ""', r'"""a\"""" + steps["in-a"].by + ""'),
        (r'"\" steps.a.by"', r'"\" steps.a.by"'),
        ("steps . a . by + steps [ 'a' ].by", 'steps["in-a"] . by + steps["in-a"].by'),
        ("steps.ab.by + x.steps.a + steps", "steps.ab.by + x.steps.a + steps"),
    ],
)
def test_steps_are_renamed_in_expressions_and_texts_are_not(source: str, renamed: str) -> None:
    assert earlier.renamed(source, {"a": "in-a"}) == renamed


# --- played ---------------------------------------------------------------------------------------------------


def test_whoever_decided_an_included_step_is_not_asked_in_a_step_that_says_so(
    alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    team = Group.objects.create(key="team", name="Team")
    team.members.add(bob, carol, dave)
    boss = {**step("bob"), "ask": [{"group": "team"}]}
    publish({**CHECK, "steps": {**CHECK["steps"], "boss": boss}})
    last = {**boss, "name": "Last", "not_same_as": ["sub-boss"]}
    request = engine.start(
        publish(checked(last, {"from": "last", "outcome": "reject", "when": "true", "to": "sub"})),
        alice,
        {"item": "Desk", "amount": "1"},
    )
    answer(carol)
    assert asked(request) == ["Bob", "Dave"]
    answer(dave, "reject")  # which leads back to the include
    assert asked(request) == ["Bob", "Carol"], "nor is it whoever decided the other one before"
    answer(bob)
    assert asked(request) == ["Dave"], "of the first round and of the second"
    answer(dave)
    assert standing(request) == ("ended", "approved")


def test_it_is_the_same_for_what_an_included_process_includes(
    alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    publish(CHECK)
    publish(checked(step("carol", not_same_as=["sub-boss"])))
    line = {
        "expression": 'steps["in-last"].by == "carol@contoso.example" ? steps["in-sub-boss"].answers.next : ""'
    }
    steps = {
        "in": {"kind": "include", "process": "whole"},
        "again": {**step("bob"), "ask": [{"decided": "in-sub-boss"}]},
        "other": {**step("bob"), "ask": [line, {"decided": "in-sub-boss"}], "not_same_as": ["in-sub-boss"]},
    }
    ways = ["in approved again", "in rejected rejected", "again approve other", "again reject rejected"]
    version = publish(process(steps, [*ways, "other approve approved", "other reject rejected"]))
    request = engine.start(version, alice, {"item": "Desk", "amount": "1"})
    engine.decide(
        open_for(bob).pk,
        by=bob,
        outcome="approve",
        channel=Decision.Channel.PAGE,
        answers={"next": "dave@contoso.example"},
    )
    answer(carol)
    assert asked(request) == ["Bob"]
    answer(bob)
    assert asked(request) == ["Dave"]
    answer(dave)
    assert standing(request) == ("ended", "approved")


def test_an_include_may_lead_back_to_itself(alice: Person, bob: Person, carol: Person) -> None:
    publish(CHECK)
    definition = process(
        {"sub": {"kind": "include", "process": "check"}}, ["sub approved approved", "sub rejected sub"]
    )
    request = engine.start(publish(definition), alice, {"item": "Desk", "amount": "1"})
    answer(bob, "reject")
    answer(bob)
    assert standing(request) == ("ended", "approved")
    assert visits(request) == ["sub-boss closed reject", "sub-boss closed approve", "sub-tell closed sent"]


# --- an include is its steps written out ----------------------------------------------------------------------


Plan = Sequence[Mapping[str, Any]]
Naming = Callable[[int], str]  # of a step, by its number
ENDED: Mapping[str, Sequence[tuple[str | None, str]]] = {
    "approved": [(None, "approved")],
    "rejected": [(None, "rejected")],
}


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Of each step what it says of others, by their numbers, and where it leads; a text is a result."""
    number = draw(st.integers(1, 4))
    some = st.integers(0, number - 1)
    target = some | st.sampled_from(["approved", "rejected"])
    condition = st.just("amount > 500.0") | some
    ways = st.lists(st.tuples(condition, target), max_size=2)
    plan = []
    for here in range(number):
        onward = here + 1 if here + 1 < number else "approved"
        plan.append(
            {
                "not_same_as": sorted({*draw(st.lists(some, max_size=2))} - {here}),
                "decided": draw(st.none() | some),
                "if": draw(st.none() | condition),
                "approve": [*draw(ways), (None, onward)],
                "reject": [*draw(ways), (None, draw(target) if here else "rejected")],
            }
        )
    return plan


def _steps(plan: Plan, key: Naming, **more: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, one in enumerate(plan):
        decided = [] if one["decided"] is None else [{"decided": key(one["decided"])}]
        when = {} if one["if"] is None else {"if": _condition(one["if"], key)}
        others = {"not_same_as": [key(other) for other in one["not_same_as"]]} if one["not_same_as"] else {}
        ask = [{"person": "bob@contoso.example", **when}, *decided]
        yield key(number), {"kind": "approval", "name": "Step", "ask": ask, **others, **more}


def _condition(condition: int | str, key: Naming) -> str:
    return condition if isinstance(condition, str) else f"steps[\"{key(condition)}\"].outcome == 'approve'"


def _ways(
    plan: Plan, key: Naming, onward: Mapping[str, Sequence[tuple[str | None, str]]]
) -> Iterator[dict[str, Any]]:
    """`onward`: where a result leads, under which conditions."""
    for number, one in enumerate(plan):
        for outcome in ("approve", "reject"):
            for condition, target in one[outcome]:
                own = None if condition is None else _condition(condition, key)
                there = [(None, key(target))] if isinstance(target, int) else onward[target]
                for further, to in there:
                    yield _way(key(number), outcome, to, *filter(None, (own, further)))


def _way(step_key: str, outcome: str, to: str, *conditions: str) -> dict[str, Any]:
    way = {"from": step_key, "outcome": outcome, "to": to}
    if len(conditions) == 1:
        return {**way, "when": conditions[0]}
    return {**way, "when": " && ".join(f"({one})" for one in conditions)} if conditions else way


def _comparable(definition: Definition) -> tuple[Any, ...]:
    """What is done, in the order in which it counts."""
    written = definition.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"included"})
    ways: dict[tuple[str, str], list[Any]] = {}
    for way in written.pop("transitions"):
        ways.setdefault((way["from"], way["outcome"]), []).append(way)
    return written, ways, list(written["steps"])


@given(plan=plans(), nested=st.booleans())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_process_with_an_include_is_the_same_written_out(db: None, plan: Plan, nested: bool) -> None:
    plain, prefix, included = "s{}".format, "sub-", "inner"
    publish(process(dict(_steps(plan, plain)), [*_ways(plan, plain, ENDED)], key=included))
    if nested:
        around = {"in": {"kind": "include", "process": included}}
        prefix, included = "sub-in-", "outer"
        publish(process(around, ["in approved approved", "in rejected rejected"], key=included))
    key = (prefix + "s{}").format
    onward: Mapping[str, Sequence[tuple[str | None, str]]] = {
        "approved": [(None, "last")],
        "rejected": [(f'steps["{key(0)}"].by == ""', "last"), (None, "rejected")],
    }
    last = step("dave", not_same_as=[key(len(plan) - 1)])
    own = ["first approve {}", "first reject rejected", "last approve approved", "last reject {}"]
    out_of = [
        _way("sub", result, to, *filter(None, (when,)))
        for result, ways in onward.items()
        for when, to in ways
    ]
    with_include = process(
        {"first": step("carol"), "sub": {"kind": "include", "process": included}, "last": last},
        [*(way.format("sub") for way in own), *out_of],
    )
    more = {"proof": "colleague", "requester_may_decide": False}
    written_out = process(
        {"first": step("carol"), **dict(_steps(plan, key, **more)), "last": last},
        [*(way.format(key(0)) for way in own), *_ways(plan, key, onward)],
    )
    assert _comparable(parse_definition(with_include)) == _comparable(parse_definition(written_out))
