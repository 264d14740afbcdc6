"""Conditions that somebody has yet to write: no process is published with one, wherever it stands."""

from typing import Any

import pytest
import yaml

from placet.approvals.processes import DefinitionInvalid, parse_definition
from placet.approvals.undecided import LONGEST_TEXT, is_undecided, undecided, undecided_problem

PROCESS = """
key: chair
name: A chair
title: A chair
form: [{name: item, label: Item, type: text}]
start: lead
steps:
  lead: {kind: approval, name: Lead, ask: [{manager: true}]}
  done: {kind: end, name: Done, result: approved}
  refused: {kind: end, name: Refused, result: rejected}
transitions:
  - {from: lead, outcome: approve, when: CONDITION, to: refused}
  - {from: lead, outcome: approve, to: done}
  - {from: lead, outcome: reject, to: refused}
"""


def chair(condition: str) -> dict[str, Any]:
    process: dict[str, Any] = yaml.safe_load(PROCESS)
    process["transitions"][0]["when"] = condition
    return process


@pytest.mark.parametrize("text", ["<A> > 5", 'it\'s \\ "so"', "", "')"])
@pytest.mark.parametrize("written", ["{}", "item == 'x' && !({})"])
def test_no_process_is_published_with_one(text: str, written: str) -> None:
    with pytest.raises(DefinitionInvalid) as error:
        parse_definition(chair(written.replace("{}", undecided(text))))
    (problem,) = error.value.problems
    assert problem.startswith("transitions, number 1: somebody has to write this condition")
    assert (f"“{text}”" in problem) == bool(text)


def test_what_only_speaks_of_one_is_a_condition_as_any_other() -> None:
    condition = "item == 'please_decide(' || item == \"please_decide('x')\""
    assert not is_undecided(condition)
    assert undecided_problem(condition) == ""
    parse_definition(chair(condition))


def test_a_long_condition_is_shown_by_its_beginning() -> None:
    assert len(undecided("x" * 4000)) < LONGEST_TEXT + 30
