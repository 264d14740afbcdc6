"""Every problem is said at once: each slip of these is named whatever others stand beside it."""

from collections.abc import Callable
from itertools import combinations
from typing import Any

import pytest
import yaml

from placet.approvals.processes import DefinitionInvalid, parse_definition, publish

pytestmark = pytest.mark.django_db

PART = """
key: part
name: Part
title: A part of it
form: [{name: item, label: Item, type: text}]
start: look
steps:
  look: {kind: approval, name: Look, ask: [{manager: true}], questions: [{name: account, label: Account, type: text}]}
  fine: {kind: end, name: Fine, result: fine}
  bad: {kind: end, name: Bad, result: bad}
transitions: [{from: look, outcome: approve, to: fine}, {from: look, outcome: reject, to: bad}]
"""
WHOLE = """
key: whole
name: Whole
title: The whole
form: [{name: item, label: Item, type: text}, {name: amount, label: Amount, type: number}]
start: both
steps:
  both:
    kind: parallel
    name: Both
    branches: {a: {start: a}, b: {start: b}}
    result: [{bad: any}, {fine: all}]
    otherwise: bad
  a: {kind: include, process: part}
  b: {kind: approval, name: B, ask: [{manager: true}],
      outcomes: [approve, {key: later, label: Later on, grants: false}, reject],
      rule: [{reject: any}, {later: any}, {approve: any}], otherwise: reject}
  last: {kind: approval, name: Last, ask: [{manager: true}]}
  done: {kind: end, name: Done, result: approved}
  refused: {kind: end, name: Refused, result: rejected}
transitions:
  - {from: a, outcome: fine, ends_branch: fine}
  - {from: a, outcome: bad, ends_branch: bad}
  - {from: b, outcome: approve, ends_branch: fine}
  - {from: b, outcome: later, ends_branch: bad}
  - {from: b, outcome: reject, ends_branch: bad}
  - {from: both, outcome: fine, when: "amount > 5.0", to: last}
  - {from: both, outcome: fine, to: done}
  - {from: both, outcome: bad, to: refused}
  - {from: last, outcome: approve, to: done}
  - {from: last, outcome: reject, to: refused}
"""
Slip = Callable[[dict[str, Any]], None]


def _condition(process: dict[str, Any]) -> None:
    process["transitions"][5]["when"] = "steps.one.outcome == steps.two.outcome"


def _question(process: dict[str, Any]) -> None:
    process["steps"]["last"]["ask"] = [{"from_answer": "nobody_asks"}]


def _word(process: dict[str, Any]) -> None:
    process["steps"]["b"]["outcomes"][1]["label"] = "Approved"


def _branch(process: dict[str, Any]) -> None:
    process["transitions"][3]["ends_branch"] = "unsure"


def _unreached(process: dict[str, Any]) -> None:
    process["steps"]["extra"] = {"kind": "end", "name": "Extra", "result": "extra"}


def _field(process: dict[str, Any]) -> None:
    process["form"][1]["computed"] = "nowhere * 2.0"


def _together(process: dict[str, Any]) -> None:
    """The included step is named as one that comes later; only both together show that there is no such answer."""
    process["steps"]["last"]["not_same_as"] = ["a-nobody"]


SLIPS: dict[Slip, str] = {
    _condition: "transitions, number 6: there is no step one",
    _question: "steps.last: ask, number 1: ",
    _word: "steps.b: later: “Approved”",
    _branch: "transitions, number 4: the result of both does not say what unsure means there",
    _unreached: "steps.extra: no way leads here",
    _field: "nowhere",
    _together: "steps.last: not_same_as: there is no approval step a-nobody",
}


def problems(*slips: Slip) -> list[str]:
    process = yaml.safe_load(WHOLE)
    for slip in slips:
        slip(process)
    with pytest.raises(DefinitionInvalid) as error:
        parse_definition(process)
    return error.value.problems


def test_the_process_itself_is_right() -> None:
    publish(PART)
    parse_definition(WHOLE)


@pytest.mark.parametrize("pair", [*combinations(SLIPS, 2), tuple(SLIPS)])
def test_each_slip_is_named_beside_the_others(pair: tuple[Slip, ...]) -> None:
    publish(PART)
    named = problems(*pair)
    for slip in pair:
        assert any(SLIPS[slip] in one for one in named), SLIPS[slip]
    # And no more than what each of them comes to.
    assert len(named) == sum(len(problems(slip)) for slip in pair)


def test_each_step_that_a_condition_names_is_said() -> None:
    publish(PART)
    named = problems(_condition)
    assert [one.partition(": ")[2][:21] for one in named] == [
        "there is no step one ",
        "there is no step two ",
    ]


def test_a_way_that_is_missing_names_no_steps_behind_it() -> None:
    def _missing(process: dict[str, Any]) -> None:
        del process["transitions"][0]

    publish(PART)
    assert problems(_missing) == ["steps.a: nothing follows fine"]


def test_an_outcome_that_cannot_return_hides_nothing_else() -> None:
    def _returning(process: dict[str, Any]) -> None:
        process["steps"]["last"]["outcomes"] = [
            "approve", {"key": "changes", "label": "Needs changes", "grants": False, "returns": "requester"}, "reject",
        ]  # fmt: skip
        process["steps"]["last"]["rule"] = "first"
        process["steps"]["changes"] = {"kind": "end", "name": "Changes", "result": "changed"}

    publish(PART)
    alone, beside = problems(_returning), problems(_returning, _word, _question)
    assert alone[0].startswith("steps.last: changes: returns makes a step changes, and there is one already")
    assert {*alone} < {*beside}
    assert any(SLIPS[_word] in one for one in beside)
