"""When a step is decided: never before it is certain, in whatever order people answer, and as early as it can."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations_with_replacement
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placet.approvals.rules import Line, Rule, Seats, as_rule

OUTCOMES = ("approve", "changes", "reject")


def needs() -> st.SearchStrategy[Any]:
    return st.one_of(
        st.sampled_from(["any", "all"]),
        st.integers(1, 5),
        st.integers(1, 100).map(lambda number: {"percent": number}),
    )


def rules() -> st.SearchStrategy[Rule]:
    def made(order: Sequence[str], each: Sequence[Any], otherwise: str, early: bool) -> Rule:
        lines = [Line.model_validate({outcome: need}) for outcome, need in zip(order, each, strict=True)]
        return Rule(lines, otherwise, early)

    return st.builds(
        made,
        st.permutations(OUTCOMES),
        st.lists(needs(), min_size=3, max_size=3),
        st.sampled_from(OUTCOMES),
        st.booleans(),
    )


def completions(answers: Mapping[str, int], waiting: int) -> list[Seats]:
    return [
        Seats(Counter(answers) + Counter(more), 0)
        for more in combinations_with_replacement(OUTCOMES, waiting)
    ]


def ends_with(rule: Rule, seats: Seats) -> str:
    """What a rule means once everybody has answered, read from its text."""
    for line in rule.lines:
        count, everybody = seats.answers.get(line.outcome, 0), int(seats.all)
        if isinstance(line.needs, int):
            holds = count >= line.needs
        elif line.needs == "any":
            holds = count > 0
        elif line.needs == "all":
            holds = count == everybody
        else:
            holds = 100 * count >= line.needs.percent * everybody and count > 0
        if holds:
            return line.outcome
    return (
        rule.otherwise
        if all(not isinstance(line.needs, int) or line.needs <= seats.all for line in rule.lines)
        else ""
    )


@settings(max_examples=400)
@given(rules(), st.lists(st.sampled_from(OUTCOMES), max_size=4), st.integers(0, 3))
def test_a_result_is_what_every_way_to_go_on_ends_with(rule: Rule, answers: list[str], waiting: int) -> None:
    if rule.early or not answers:
        return
    seats = Seats.of(answers, waiting)
    result = rule.result(seats)
    ends = {ends_with(rule, whole) for whole in completions(seats.answers, waiting)}
    if result:
        assert ends == {result}
    elif len(ends) == 1 and ends != {""}:
        # What several lines would come to alike: which of them it is, is not known yet.
        assert any(line.outcome == rule.otherwise for line in rule.lines)


@settings(max_examples=200)
@given(rules(), st.lists(st.sampled_from(OUTCOMES), min_size=1, max_size=6))
def test_more_answers_never_change_a_result(rule: Rule, answers: list[str]) -> None:
    if rule.early:
        return
    results = [rule.result(Seats.of(answers[:at], len(answers) - at)) for at in range(1, len(answers) + 1)]
    first = next((result for result in results if result), "")
    assert all(result == first for result in results[results.index(first) :])


@pytest.mark.parametrize(
    ("written", "answers", "waiting", "result"),
    [
        ([{"approve": "all"}, {"reject": "any"}], ["reject"], 2, "reject"),
        ([{"approve": "all"}, {"reject": "any"}], ["approve", "approve"], 1, ""),
        (
            [{"reject": "any"}, {"approve": {"percent": 60}}],
            ["approve", "approve"],
            1,
            "",
        ),  # a veto hears everybody
        ([{"reject": "any"}, {"approve": {"percent": 60}}], ["approve", "approve", "changes"], 0, "approve"),
        ([{"approve": {"percent": 60}}, {"reject": "any"}], ["approve", "approve"], 1, "approve"),
        ([{"approve": {"percent": 60}}, {"reject": "any"}], ["reject", "reject"], 1, "reject"),
        ([{"approve": 2}, {"reject": 2}], ["approve", "reject", "changes"], 0, "changes"),
        ([{"approve": 3}, {"reject": 1}], ["approve"], 1, ""),  # there are not three
        ([{"approve": {"percent": 100}}], [], 0, ""),
        ([{"approve": {"percent": 7}}], ["approve"] * 7, 93, "approve"),
        ([{"approve": {"percent": 7}}], ["approve"] * 6, 94, ""),
    ],
)
def test_examples(written: list[dict[str, Any]], answers: list[str], waiting: int, result: str) -> None:
    rule = Rule([Line.model_validate(line) for line in written], "changes")
    assert rule.result(Seats.of(answers, waiting)) == result


def test_early_ends_with_whichever_line_holds_first() -> None:
    lines = [Line.model_validate({"reject": 2}), Line.model_validate({"approve": 2})]
    assert Rule(lines, "reject", early=True).result(Seats.of(["approve", "approve"], 3)) == "approve"
    assert Rule(lines, "reject").result(Seats.of(["approve", "approve"], 3)) == ""


@pytest.mark.parametrize("written", ["first", "all", 2])
@pytest.mark.parametrize("outcomes", [("approve", "reject"), ("reject", "approve"), ("approve",)])
def test_short_forms_ask_for_approvals_in_whatever_order_the_answers_stand(
    written: Any, outcomes: tuple[str, ...]
) -> None:
    rule = as_rule(written, outcomes, "", early=False)
    assert rule.result(Seats.of(["approve", "approve"], 0)) == "approve"
    assert rule.result(Seats.of(["approve"], 1)) == ("approve" if written == "first" else "")
    if "reject" in outcomes:
        assert rule.result(Seats.of(["reject"], 1)) == "reject"
    assert rule.most_needed == (2 if written == 2 else 1)


def test_a_rule_is_kept_as_it_is_written() -> None:
    for line in ({"approve": "all"}, {"approve": 2}, {"approve": {"percent": 60}}):
        assert Line.model_validate(line).model_dump() == line
        assert Line.model_validate(Line.model_validate(line).model_dump()) == Line.model_validate(line)


@pytest.mark.parametrize(
    "line",
    [
        {},
        {"approve": 0},
        {"approve": True},
        {"approve": "most"},
        {"approve": {"percent": 101}},
        {"a": 1, "b": 1},
    ],
)
def test_nonsense_is_refused(line: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Line.model_validate(line)
