"""What YAML takes for truth, numbers and days, where a process means the word that stands there."""

import re
import time

import pytest

from placet.approvals.definitions import Definition
from placet.approvals.processes import DefinitionInvalid, parse_definition

CHAIR = """
key: chair
name: A chair
title: A chair
form:
  - {name: sure, label: Sure, type: choice, options: OPTIONS}
start: lead
requester_may_decide: no
undo: off
steps:
  lead:
    kind: approval
    name: Lead
    ask: [{manager: 2}]
    outcomes: [{key: approve, label: {en: Fine, no: Ja visst}}, reject]
    delegate: no
  yes: {kind: end, name: Yes, result: on}
  no: {kind: end, name: No, result: off}
transitions:
  - {from: lead, outcome: approve, to: yes}
  - {from: lead, outcome: reject, to: no}
"""


def chair(options: str = "[a, b]", **changes: str) -> Definition:
    text = CHAIR.replace("OPTIONS", options)
    for before, after in changes.items():
        assert before in text
        text = text.replace(before, after)
    return parse_definition(text)


def keys_of_options(options: str) -> list[str]:
    (field,) = chair(options).fields
    return [option.key for option in field.options or ()]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ('["a\\0", b]', "no text can have the character U+0000."),
        ('[{key: a, label: "\\ud83d"}, b]', "no text can have the character U+D83D."),
        ('[{key: a, "\\x00": b}]', "no text can have the character U+0000."),
        ("[!!binary AA==, b]", "a process has texts and no !!binary."),
        ('[&a ["\\0"], *a]', "no text can have the character U+0000."),
    ],
)
def test_what_no_database_keeps_is_a_problem_in_a_line(options: str, problem: str) -> None:
    with pytest.raises(DefinitionInvalid) as error:
        chair(options)
    [sentence] = error.value.problems
    assert re.fullmatch(rf"line 6, column [0-9]+: {re.escape(problem)}", sentence)


def test_other_characters_may_be_escaped() -> None:
    assert keys_of_options(r'["\u00e9t\u00e9", "\x41"]') == ["été", "A"]


@pytest.mark.parametrize(
    ("options", "keys"),
    [
        ("[yes, no]", ["yes", "no"]),
        ("[On, OFF]", ["On", "OFF"]),
        ("[true, False]", ["true", "False"]),
        ("[4711, 0815]", ["4711", "0815"]),
        ("[007, 0x10, 1_000]", ["007", "0x10", "1_000"]),
        ("[1.50, 1e3]", ["1.50", "1e3"]),
        ("[12:30, 2026-12-31]", ["12:30", "2026-12-31"]),
        ("[{key: on, label: On}, {key: off, label: {en: No, fr: Non}}]", ["on", "off"]),
        ('["no", maybe]', ["no", "maybe"]),
    ],
)
def test_an_option_is_what_is_written(options: str, keys: list[str]) -> None:
    assert keys_of_options(options) == keys


def test_keys_names_and_results_are_what_is_written() -> None:
    definition = chair()
    assert {*definition.steps} == {"lead", "yes", "no"}
    assert definition.result_names == {"on": "Yes", "off": "No"}
    assert [way.to for way in definition.transitions] == ["yes", "no"]
    assert definition.approval("lead").outcome("approve").label == {"en": "Fine", "no": "Ja visst"}


def test_where_a_process_says_yes_no_or_a_number_it_stays_that() -> None:
    definition = chair()
    step = definition.approval("lead")
    assert definition.requester_may_decide is False
    assert definition.undo is False
    assert step.delegate is False
    assert step.ask[0].manager == 2


def test_what_an_anchor_brings_in_stays_as_it_is_elsewhere() -> None:
    text = CHAIR.replace("OPTIONS", "[a, b]").replace(
        "name: Yes, result: on", "<<: &same {name: No}, result: on"
    )
    text = text.replace("name: No, result: off", "<<: *same, result: off")
    definition = parse_definition(text)
    assert definition.steps["no"].name == definition.steps["yes"].name == "No"


def test_a_word_and_the_same_in_quotes_are_one_name() -> None:
    with pytest.raises(DefinitionInvalid, match="“no” is said twice"):
        chair(**{"  no: {kind": '  "no": {kind: end, name: X, result: x}\n  no: {kind'})


def test_thousands_of_words_are_read_in_a_moment() -> None:
    began = time.process_time()
    with pytest.raises(DefinitionInvalid, match="at most 200"):
        chair(f"[{', '.join(['yes'] * 5000)}]")
    assert time.process_time() - began < 10
