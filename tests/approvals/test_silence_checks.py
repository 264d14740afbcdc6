"""What a step comes to without anybody's answer leaves nothing empty that is needed, and no reminder is never sent."""

from typing import Any

import pytest

from placet.accounts.models import Person
from placet.approvals.processes import parse_definition
from tests.approvals.test_steps_that_ask_nobody import process, refused, step

pytestmark = pytest.mark.django_db

WAYS = ["bob approve approved", "bob reject rejected", "bob expired rejected"]
CARRIER = {"name": "carrier", "label": "Carrier", "type": "person"}
BY_SILENCE = {"outcome": "approve", "silence_counts": True}


@pytest.fixture(autouse=True)
def _people(bob: Person) -> None:
    """Who is asked."""


def with_next(ways: list[str], **more: Any) -> dict[str, Any]:
    """A step that asks who carries it, and one that asks them."""
    line = more.pop("line", {"from_answer": "carrier"})
    return process(
        {
            "bob": step("bob", **{"due": "2 working days", "questions": [CARRIER], **more}),
            "carry": {"kind": "approval", "name": "Carry", "ask": [line]},
        },
        [*ways, "carry approve approved", "carry reject rejected"],
    )


def test_nobody_is_named_by_an_answer_that_nobody_gave() -> None:
    problem = "nobody would have answered carrier, which says who is asked in carry"
    leads_on = ["bob approve carry", "bob reject rejected"]
    assert problem in refused(with_next(leads_on, expire=BY_SILENCE))
    assert problem in refused(with_next([*leads_on, "bob expired carry"], expire={}))
    parse_definition(with_next([*leads_on, "bob expired rejected"], expire={}))
    parse_definition(
        with_next(
            [*leads_on, "bob expired carry"], expire={}, line={"from_answer": "carrier", "if": "amount > 5"}
        )
    )


def test_nobody_is_asked_because_they_decided_what_nobody_decided() -> None:
    problem = "nobody may have decided bob, and carry asks whoever did"
    leads_on = ["bob approve carry", "bob reject rejected"]
    decided = {"decided": "bob"}
    assert problem in refused(with_next(leads_on, expire=BY_SILENCE, line=decided))
    assert problem in refused(with_next([*leads_on, "bob expired carry"], expire={}, line=decided))
    parse_definition(with_next([*leads_on, "bob expired rejected"], expire={}, line=decided))
    here = {"decided": "bob", "if": "steps.bob.outcome == 'reject'"}
    parse_definition(with_next(leads_on, expire=BY_SILENCE, line=here))
    carol = {"person": "bob@contoso.example"}
    for more, stuck in (
        ({"nobody": {"ask": [carol]}}, False),
        ({"nobody": {"skip": "reject"}}, False),
        ({"ask": [decided, carol]}, False),
        ({"ask": [decided, carol], "rule": "all"}, True),
        ({"ask": [decided, carol], "rule": "all", "nobody": {"ask": [carol]}}, True),
    ):
        process_ = with_next(leads_on, expire=BY_SILENCE, line=decided)
        process_["steps"]["carry"] |= more
        if stuck:
            assert problem in refused(process_)
        else:
            parse_definition(process_)


def test_nor_behind_another_step_or_a_block() -> None:
    steps = {
        "bob": step("bob", due="2 working days", questions=[CARRIER], expire={}),
        "both": {
            "kind": "parallel", "name": "Both", "otherwise": "no", "result": [{"yes": "all"}],
            "branches": {"one": {"start": "one"}, "two": {"start": "two"}},
        },
        "one": step("bob"), "two": step("bob"),
        "carry": {"kind": "approval", "name": "Carry", "ask": [{"from_answer": "carrier"}]},
    }  # fmt: skip
    ends: list[Any] = [
        {"from": branch, "outcome": outcome, "ends_branch": result}
        for branch in ("one", "two")
        for outcome, result in (("approve", "yes"), ("reject", "no"))
    ]
    ways = [
        "bob approve carry", "bob reject rejected", "bob expired both", "both yes carry", "both no rejected",
        "carry approve approved", "carry reject rejected",
    ]  # fmt: skip
    assert "which says who is asked in carry" in refused(process(steps, [*ways, *ends]))
    asked_again = {name: steps[name] for name in ("bob", "carry")} | {
        "again": step("bob", questions=[CARRIER])
    }
    straight = [*ways[:2], "bob expired again", "again approve carry", "again reject rejected", *ways[-2:]]
    parse_definition(process(asked_again, straight))


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (
            {"form": {"fill": ["note"], "require": ["note"]}, "expire": BY_SILENCE},
            "expire: nobody would have entered note, which approve needs",
        ),
        (
            {"outcomes": ["approve", {"key": "reject", "comment": "required"}], "expire": {"outcome": "reject"}},
            "expire: nobody would have written the comment that reject needs",
        ),
        (
            {
                "outcomes": ["approve", {"key": "reject", "comment": {"when": "amount > 5"}}],
                "expire": {"outcome": "reject"},
            },
            "expire: nobody would have written the comment that reject needs",
        ),
        (
            {
                "questions": [{"name": "why", "label": "Why", "type": "text"}],
                "outcomes": ["approve", {"key": "reject", "questions": ["why"]}],
                "expire": {"outcome": "reject"},
            },
            "expire: nobody would have answered why, which reject needs",
        ),
        (
            {"questions": [{"name": "why", "label": "Why", "type": "text", "required": True}],
             "expire": {"outcome": "reject"}},
            "expire: nobody would have answered why, which reject needs",
        ),
    ],
)  # fmt: skip
def test_what_an_outcome_needs_is_not_left_empty(given: dict[str, Any], problem: str) -> None:
    entered_later: dict[str, Any] = {"start_form": {"hide": ["note"]}} if "form" in given else {}
    assert problem in refused(
        process({"bob": step("bob", due="2 working days", **given)}, WAYS[:2], **entered_later)
    )
    as_no_answer = {**given, "expire": {}}
    parse_definition(
        process({"bob": step("bob", due="2 working days", **as_no_answer)}, WAYS, **entered_later)
    )


def test_a_rejection_needs_nothing_that_an_approval_does() -> None:
    form = {"fill": ["note"], "require": ["note"]}
    silent = step("bob", due="2 working days", form=form, expire={"outcome": "reject"})
    parse_definition(process({"bob": silent}, WAYS[:2], start_form={"hide": ["note"]}))


@pytest.mark.parametrize(
    ("remind", "problem"),
    [
        (["3 working days after"], "remind: 3 working days after is not before the step's end"),
        (["when due", "when due"], "remind: when due is said twice"),
        (["90 days before"], "remind: 90 days before is before people are asked"),
    ],
)
def test_a_reminder_that_never_comes_is_refused(remind: list[str], problem: str) -> None:
    ends = {"after": "1 working day"}
    assert problem in refused(
        process({"bob": step("bob", due="2 working days", remind=remind, expire=ends)}, WAYS)
    )


def test_one_that_may_come_is_taken() -> None:
    """A day of the form may be far away, and a step without an end goes on being asked."""
    after = step("bob", due="2 working days", remind=["3 working days after", "1 working day before"])
    parse_definition(process({"bob": after}, WAYS[:2]))
    form = [
        {"name": "item", "label": "Item", "type": "text"},
        {"name": "needed_by", "label": "Needed by", "type": "date"},
    ]
    before = step(
        "bob", due={"field": "needed_by"}, remind=["90 days before"], expire={"after": "1 working day"}
    )
    parse_definition(process({"bob": before}, WAYS, form=form))
