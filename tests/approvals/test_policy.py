"""When a step is decided, without a database: every set of answers to every rule, against the rule in words."""

from itertools import product
from typing import Any

import pytest

from placet.accounts.models import Person
from placet.approvals import policy
from placet.approvals.models import Assignment, Decision, Request
from placet.approvals.processes import parse_definition, publish
from placet.approvals.steps import ApprovalStep
from placet.lib.conditions import ConditionError
from tests.making import SAMPLE, one_step

ANSWERS = ("approve", "reject", "open", "superseded", "withdrawn")


def step(rule: str | int) -> ApprovalStep:
    return parse_definition(one_step([{"manager": True}], rule=rule)).approval("step")


def seats(answers: tuple[str, ...]) -> list[Assignment]:
    found = []
    for at, answer in enumerate(answers):
        decided = answer in ("approve", "reject")
        kept = answer == "approve" and at % 2  # counts like one that was given here
        assignment = Assignment(state="kept" if kept else "decided" if decided else answer)
        if kept:
            assignment.kept = Decision(pk=at, outcome=answer)
        elif decided:
            assignment.decision = Decision(outcome=answer)
        found.append(assignment)
    return found


def every(length: int) -> list[tuple[str, ...]]:
    return list(product(ANSWERS, repeat=length))


@pytest.mark.parametrize("answers", [(), ("open",), ("open", "open"), ("withdrawn",), ("superseded",)])
@pytest.mark.parametrize("rule", ["first", "all", 1, 2])
def test_nothing_is_decided_without_an_answer(rule: str | int, answers: tuple[str, ...]) -> None:
    assert policy.result_of(step(rule), seats(answers)) == ""


def test_the_first_answer_is_the_result() -> None:
    for answers in every(3):
        given = {answer for answer in answers if answer in ("approve", "reject")}
        if len(given) == 1:
            assert policy.result_of(step("first"), seats(answers)) == given.pop()


def test_all_means_everybody_who_is_still_asked() -> None:
    for answers in every(4):
        result = policy.result_of(step("all"), seats(answers))
        assert (result == "reject") == ("reject" in answers)
        assert (result == "approve") == (
            "reject" not in answers and "open" not in answers and "approve" in answers
        )


@pytest.mark.parametrize("needed", [1, 2, 3])
def test_a_number_means_so_many_approvals_and_rejects_when_they_cannot_come_any_more(needed: int) -> None:
    for answers in every(4):
        result = policy.result_of(step(needed), seats(answers))
        approved, possible = answers.count("approve"), answers.count("approve") + answers.count("open")
        assert (result == "approve") == (approved >= needed)
        assert (result == "reject") == (possible < needed and "reject" in answers)


@pytest.mark.parametrize("rule", ["first", "all", 1, 2, 3])
def test_what_is_stuck_is_exactly_what_no_answers_can_decide(rule: str | int) -> None:
    def outcomes(answers: tuple[str, ...]) -> set[str]:
        """Every result that answers of those who are still asked may lead to."""
        if "open" not in answers:
            return {policy.result_of(step(rule), seats(answers))}
        at = answers.index("open")
        return {
            policy.result_of(step(rule), seats(answers)),
            *(
                result
                for answer in ("approve", "reject")
                for result in outcomes((*answers[:at], answer, *answers[at + 1 :]))
            ),
        }

    for answers in every(3):
        decidable = policy.can_be_decided(step(rule), seats(answers))
        possible = outcomes(answers) - {""}
        # A step that can only be rejected any more is stuck as well: nobody answers in vain.
        assert decidable == ("approve" in possible or policy.result_of(step(rule), seats(answers)) != "")
        assert policy.can_be_decided(step(rule), seats(answers), [None]) or isinstance(rule, int)


@pytest.mark.parametrize("rule", ["first", "all", 1, 2, 3])
def test_no_result_while_people_to_come_could_change_it(rule: str | int) -> None:
    """With people who are still to be asked it is decided exactly when it would be with them asked already."""
    for answers in every(3):
        for more in (1, 2):
            asked_too = seats((*answers, *["open"] * more))
            expected = policy.result_of(step(rule), asked_too)
            assert policy.result_of(step(rule), seats(answers), [None] * more) == expected
        certain = policy.result_of(step(rule), seats(answers), unknown=True)
        assert certain == policy.result_of(step(rule), seats((*answers, *["open"] * 9)))


def a_request(requester: Person, source: str | dict[str, Any] = SAMPLE, minor: int = 90_000) -> Request:
    data = {"item": "Desk", "amount": {"minor": minor, "currency": "EUR"}}
    return Request(version=publish(source), requester=requester, data=data)


@pytest.mark.django_db
@pytest.mark.parametrize(("minor", "to"), [(100_000, "approved"), (100_001, "finance"), (0, "approved")])
def test_the_first_way_that_fits_is_taken(alice: Person, minor: int, to: str) -> None:
    definition = parse_definition(SAMPLE)
    request = a_request(alice, minor=minor)
    assert policy.way_on(definition, "manager", "approve", request).to == to
    assert policy.way_on(definition, "manager", "reject", request).to == "rejected"


@pytest.mark.django_db
def test_a_condition_that_cannot_be_evaluated_is_no_way_on(alice: Person) -> None:
    source = SAMPLE.replace("amount > 1000", "1 / int(amount) > 1")
    with pytest.raises(ConditionError, match="cannot be evaluated"):
        policy.way_on(parse_definition(source), "manager", "approve", a_request(alice, source, minor=0))


@pytest.mark.django_db
def test_an_outcome_that_leads_nowhere_is_an_error(alice: Person) -> None:
    with pytest.raises(LookupError, match="no way leads on from “manager” on “shrug”"):
        policy.way_on(parse_definition(SAMPLE), "manager", "shrug", a_request(alice))
