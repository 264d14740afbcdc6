"""When a step is decided: never before it is certain, in whatever order people answer, and as early as it can."""

from collections import Counter
from collections.abc import Sequence
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placet.approvals.rules import WAITING, Line, Rule, Seats, Together, as_rule

OUTCOMES = ("approve", "changes", "reject")
ABSTAIN = "abstain"  # does not count
ANSWERS = (*OUTCOMES, ABSTAIN)
LINES = (0, 1, 2)  # of `ask`
NAMED = {"1": [0], "2": [1], "boss": [1], "group:legal": [0, 2]}
WEIGHTS: dict[int | None, int] = {0: 3, 2: 2}
Given = list[tuple[str, int]]  # answers, with the line that named whoever gave it


def together() -> st.SearchStrategy[Any]:
    much = st.one_of(st.sampled_from(["any", "all"]), st.integers(1, 2))
    names = st.lists(st.sampled_from(["1", "boss", "legal"]), min_size=1, max_size=2, unique=True)
    return st.fixed_dictionaries(
        {},
        optional={
            "n": st.integers(1, 4),
            "weight": st.integers(1, 8),
            "percent": st.integers(1, 100),
            "groups": st.fixed_dictionaries({"legal": much}),
            "lines": st.dictionaries(st.sampled_from([1, "2", "boss"]), much, min_size=1, max_size=2),
            "required": names,
            "veto": names,
        },
    ).filter(bool)


def needs() -> st.SearchStrategy[Any]:
    return st.one_of(
        st.sampled_from(["any", "all"]),
        st.integers(1, 5),
        st.integers(1, 100).map(lambda number: {"percent": number}),
        st.integers(1, 100).map(lambda number: {"percent": number, "of": "answers"}),
        together(),
        together(),
    )


def rules() -> st.SearchStrategy[Rule]:
    def made(order: Sequence[str], each: Sequence[Any], otherwise: str, early: bool, whole: bool) -> Rule:
        lines = [Line.model_validate({outcome: need}) for outcome, need in zip(order, each, strict=True)]
        named = {name: frozenset[int | None](numbers) for name, numbers in NAMED.items()}
        return Rule(lines, otherwise, early, whole, named, dict(WEIGHTS), frozenset([ABSTAIN]))

    return st.builds(
        made,
        st.permutations(OUTCOMES),
        st.lists(needs(), min_size=3, max_size=3),
        st.sampled_from(OUTCOMES),
        st.booleans(),
        st.sampled_from([False, False, True]),
    )


def given_by(most: int) -> st.SearchStrategy[Given]:
    return st.lists(st.tuples(st.sampled_from(ANSWERS), st.sampled_from(LINES)), max_size=most)


def seats_of(answers: Given, waiting: Sequence[int]) -> Seats:
    return Seats(Counter([*answers, *((WAITING, line) for line in waiting)]))


def completions(answers: Given, waiting: Sequence[int]) -> list[Given]:
    return [[*answers, *zip(more, waiting, strict=True)] for more in product(ANSWERS, repeat=len(waiting))]


def ends_with(rule: Rule, answers: Given) -> str:
    """What a rule means once everybody has answered, read from its text."""
    if not all(can_hold(line.needs, [line for _answer, line in answers]) for line in rule.lines):
        holding = [line.outcome for line in rule.lines if holds(line, answers)]
        return holding[0] if holding else ""
    return next((line.outcome for line in rule.lines if holds(line, answers)), rule.otherwise)


def holds(line: Line, answers: Given) -> bool:
    return any(answer == line.outcome for answer, _line in answers) and _is_so(
        line.needs, line.outcome, answers
    )


def _is_so(needs: Any, outcome: str, answers: Given) -> bool:
    so = [line for answer, line in answers if answer == outcome]
    answers = [(answer, line) for answer, line in answers if answer != ABSTAIN]
    if not isinstance(needs, Together):
        return len(so) >= int({"any": 1, "all": len(answers)}.get(needs, needs))
    vetoing = {number for name in needs.veto or () for number in _lines_of(name)}
    if vetoing & set(so):
        return True
    shares = [
        *((f"group:{name}", much) for name, much in (needs.groups or {}).items()),
        *(needs.lines or {}).items(),
        *((name, "all") for name in needs.required or ()),
    ]
    others = [needs.n, needs.weight, needs.percent, *shares]
    return (
        any(other is not None for other in others)
        and len(so) >= (needs.n or 0)
        and sum(WEIGHTS.get(line, 1) for line in so) >= (needs.weight or 0)
        and 100 * len(so) >= (needs.percent or 0) * len(answers)
        and all(_share_is_so(name, much, so, answers) for name, much in shares)
    )


def _share_is_so(name: str, much: Any, so: list[int], answers: Given) -> bool:
    lines = _lines_of(name)
    count, there = sum(one in lines for one in so), sum(one in lines for _answer, one in answers)
    return count >= int({"any": 1, "all": max(there, 1)}.get(much, much))


def _lines_of(name: str) -> list[int]:
    return NAMED.get(name) or NAMED[f"group:{name}"]


def can_hold(needs: Any, lines: Sequence[int]) -> bool:
    """If everybody answered so. A veto that nobody has is no reason to ask nobody."""
    if isinstance(needs, Together):
        needs = needs.model_copy(update={"veto": None})
        if not needs.model_dump(exclude_none=True):
            return True
    return bool(lines) and _is_so(needs, "so", [("so", line) for line in lines])


@settings(max_examples=400)
@given(rules(), given_by(4), st.lists(st.sampled_from(LINES), max_size=3))
def test_a_result_is_what_every_way_to_go_on_ends_with(
    rule: Rule, answers: Given, waiting: list[int]
) -> None:
    if rule.early or not answers:
        return
    result = rule.result(seats_of(answers, waiting))
    ends = {ends_with(rule, whole) for whole in completions(answers, waiting)}
    if result:
        assert ends == {result}
    elif not waiting:
        assert ends == {""}
    elif len(ends) == 1 and ends != {""} and not rule.wait_for_all:
        # What several lines would come to alike: which of them it is, is not known yet.
        assert any(line.outcome == rule.otherwise for line in rule.lines)


@settings(max_examples=100)
@given(rules(), given_by(6).filter(bool))
def test_more_answers_never_change_a_result(rule: Rule, answers: Given) -> None:
    if rule.early:
        return
    lines = [line for _answer, line in answers]
    results = [rule.result(seats_of(answers[:at], lines[at:])) for at in range(1, len(answers) + 1)]
    first = next((result for result in results if result), "")
    assert all(result == first for result in results[results.index(first) :])


@settings(max_examples=100)
@given(rules(), given_by(4).filter(bool), st.lists(st.sampled_from(LINES), max_size=3))
def test_what_is_certain_whoever_else_is_asked_stays_so(rule: Rule, answers: Given, more: list[int]) -> None:
    """While it is not known who else is to be asked, only what none of them could change is a result."""
    certain = rule.result(Seats(seats_of(answers, []).numbers, unknown=True))
    if certain and not rule.early:
        assert rule.result(seats_of(answers, more)) in (certain, "")
        assert {ends_with(rule, whole) for whole in completions(answers, more)} <= {certain, ""}


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
        # Whoever abstains is asked, and counts for nothing.
        ([{"approve": "all"}, {"reject": "any"}], ["approve", "abstain"], 1, ""),
        ([{"approve": "all"}, {"reject": "any"}], ["approve", "abstain", "abstain"], 0, "approve"),
        ([{"approve": {"percent": 60}}, {"reject": "any"}], ["approve", "abstain", "reject"], 1, ""),
        ([{"approve": {"percent": 60}}, {"reject": "any"}], ["approve", "abstain"], 1, ""),
        ([{"approve": {"percent": 50}}, {"reject": "any"}], ["approve", "abstain"], 1, "approve"),
        ([{"approve": {"percent": 60, "of": "answers"}}], ["approve"] * 2 + ["abstain"] * 3, 0, "approve"),
        ([{"approve": 2}, {"reject": 2}], ["approve", "abstain"], 0, "changes"),
        ([{"approve": "all"}, {"reject": "any"}], ["abstain", "abstain"], 0, "changes"),  # nobody counts
    ],
)
def test_examples(written: list[dict[str, Any]], answers: list[str], waiting: int, result: str) -> None:
    rule = Rule([Line.model_validate(line) for line in written], "changes", abstentions=frozenset([ABSTAIN]))
    assert rule.result(Seats.of(answers, waiting)) == result


TOGETHER = [
    # 2 of all, one of them from legal
    ({"n": 2, "groups": {"legal": 1}}, [("approve", 1), ("approve", 1)], [0], ""),
    ({"n": 2, "groups": {"legal": 1}}, [("approve", 1), ("approve", 0)], [1], "approve"),
    ({"n": 2, "groups": {"legal": 1}}, [("approve", 1), ("reject", 0)], [1], "reject"),
    # the boss has to be one of them
    ({"n": 2, "required": ["boss"]}, [("approve", 0), ("approve", 0)], [1], ""),
    ({"n": 2, "required": ["boss"]}, [("reject", 1)], [0, 0], "reject"),
    ({"required": ["boss"]}, [("approve", 0)], [], ""),  # nobody is required who could answer
    # who has no veto decides nothing by it
    ({"veto": ["boss"]}, [("approve", 0), ("approve", 0)], [], "reject"),
    ({"n": 2, "veto": ["boss"]}, [("approve", 1)], [0], "approve"),
    ({"percent": 50, "of": "answers"}, [("approve", 0), ("approve", 0)], [1], ""),
    ({"weight": 4}, [("approve", 0), ("approve", 1)], [2], "approve"),
    ({"weight": 4}, [("reject", 0), ("approve", 1), ("approve", 1)], [1], "reject"),
]


@pytest.mark.parametrize(("needs", "answers", "waiting", "result"), TOGETHER)
def test_examples_of_what_must_hold_together(
    needs: dict[str, Any], answers: Given, waiting: list[int], result: str
) -> None:
    named = {name: frozenset[int | None](numbers) for name, numbers in NAMED.items()}
    rule = Rule([Line.model_validate({"approve": needs})], "reject", named=named, weights=dict(WEIGHTS))
    assert rule.result(seats_of(answers, waiting)) == result


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
    together = {"n": 2, "groups": {"legal": 1}, "lines": {"1": "all"}, "required": ["boss"], "veto": ["2"]}
    for line in ({"approve": "all"}, {"approve": 2}, {"approve": {"percent": 60}}, {"approve": together}):
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
        {"approve": {}},
        {"approve": {"n": 2, "of": "answers"}},
        {"approve": {"groups": {"legal": 0}}},
        {"approve": {"groups": {}}},
        {"approve": {"veto": []}},
        {"a": 1, "b": 1},
    ],
)
def test_nonsense_is_refused(line: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Line.model_validate(line)
