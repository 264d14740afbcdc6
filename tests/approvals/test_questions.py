"""Questions of a step: what publishing refuses, and what the engine keeps of answers."""

from typing import Any

import pytest

from placet.accounts.models import Person
from placet.approvals import engine, engine_errors
from placet.approvals.definitions import definition_of
from placet.approvals.models import Assignment, Decision
from placet.approvals.processes import DefinitionInvalid, parse_definition, publish
from placet.approvals.questions import asked_in
from placet.replies.read import read_text
from placet.replies.read_questions import questions_of
from tests.making import one_step

pytestmark = pytest.mark.django_db

COST = {"name": "cost", "label": "Cost centre", "type": "text"}
DAY = {"name": "day", "label": "Delivery day?", "type": "date"}


def asking(
    questions: list[dict[str, Any]], *, whole: dict[str, Any] | None = None, **step: Any
) -> dict[str, Any]:
    definition = one_step([{"person": "bob@contoso.example"}], **(whole or {}))
    definition["steps"]["step"] |= {"questions": questions, **step}
    return definition


@pytest.mark.parametrize(
    ("definition", "problem"),
    [
        (asking([COST, {**COST, "label": "Other"}]), "steps.step: questions: two are called cost"),
        (asking([COST, {**DAY, "label": "cost  CENTRE?"}]), "questions: two have the label “cost centre”"),
        (asking([{**COST, "type": "files"}]), "cost: a question is of a type that fits into a line: text,"),
        (
            asking([{**COST, "show": "amount > 1.0"}]),
            "cost: show belongs to a field of the form, not to a question",
        ),
        (asking([{**COST, "type": "choice"}]), "questions: cost: say its options"),
        (asking([{**COST, "pattern": "[0-9]{4}"}]), "cost: say in message how it is to be written"),
        (asking([{**COST, "label": "Cost: centre"}]), "cost: replies put a colon behind the label"),
        (
            asking([{**COST, "label": "Q2 cost"}]),
            "cost: the label cannot begin with the number of a question",
        ),
        (asking([{**COST, "label": "Approved"}]), "cost: “Approved” is read as an answer; call it otherwise"),
        (asking([{**COST, "label": "Nein"}]), "cost: “Nein” is read as an answer; call it otherwise"),
        (asking([{**COST, "label": "Decision"}]), "cost: “Decision:” stands before the outcome in replies"),
        (
            asking([COST], outcomes=["approve", {"key": "reject", "label": "Cost centre"}]),
            "cost: “Cost centre” is an answer of this step; call it otherwise",
        ),
        (
            asking([COST], outcomes=[{"key": "approve", "questions": ["day"]}, "reject"]),
            "approve needs an answer to day, which is no question here",
        ),
        (asking([COST], whole={"answer_brackets": "[a"}), "answer_brackets: say two signs"),
    ],
)
def test_publishing_says_what_replies_could_not_answer(definition: dict[str, Any], problem: str) -> None:
    with pytest.raises(DefinitionInvalid) as refused:
        parse_definition(definition)
    assert any(problem in one for one in refused.value.problems), refused.value.problems


def test_a_label_may_be_written_as_in_french_and_is_named_with_whatever_blank(bob: Person) -> None:
    """As its author's program writes it: with a blank before the question mark that breaks no line."""
    asked = {**COST, "label": "Quel\N{NO-BREAK SPACE}centre de coûts\N{NO-BREAK SPACE}?"}
    definition = definition_of(publish(asking([asked])))
    questions = questions_of(definition, "step")
    for line in (
        "Quel\N{NO-BREAK SPACE}centre de coûts\N{NO-BREAK SPACE}?\N{NO-BREAK SPACE}: 4711",
        "Quel centre de coûts ? : 4711",
        "Quel centre de coûts: 4711",
        "Q1 Quel centre de coûts ?: 4711",
    ):
        reading = read_text(f"Approved\n\n{line}", ["approve", "reject"], questions=questions)
        assert (reading.outcome, [one.value for one in reading.given]) == ("approve", ["4711"]), line
    with pytest.raises(DefinitionInvalid, match="without anything that cannot be seen"):
        parse_definition(asking([{**COST, "label": "Cost\N{ZERO WIDTH SPACE}centre"}]))


def test_questions_are_counted_from_two_where_the_outcome_is_the_first(bob: Person) -> None:
    definition = definition_of(publish(asking([COST, DAY], outcome_question=True)))
    assert [one.title for one in asked_in(definition, "step")] == ["Q2 Cost centre", "Q3 Delivery day?"]
    assert [one.name for one in definition.questions_of("step")] == ["cost", "day"]


def test_nothing_changes_where_an_answer_is_missing_or_wrong(alice: Person, bob: Person) -> None:
    outcomes = [{"key": "approve", "questions": ["cost"]}, "reject"]
    version = publish(asking([COST, DAY], outcomes=outcomes))
    request = engine.start(version, alice, {"item": "Desk", "amount": "9"})
    asked = Assignment.objects.get(visit__request=request)

    def decide(outcome: str, answers: dict[str, Any]) -> Decision:
        return engine.decide(
            asked.pk, by=bob, outcome=outcome, channel=Decision.Channel.PAGE, answers=answers
        )

    for outcome, answers, wrong in (
        ("approve", {}, {"cost"}),
        ("approve", {"cost": " ", "day": "soon"}, {"cost", "day"}),
        ("reject", {"day": "soon"}, {"day"}),
        ("reject", {"other": "1"}, {"other"}),
    ):
        with pytest.raises(engine_errors.AnswersInvalid) as refused:
            decide(outcome, answers)
        assert refused.value.errors.keys() == wrong
        asked.refresh_from_db()
        assert asked.state == Assignment.State.OPEN
        assert not Decision.objects.exists()
    assert decide("reject", {"cost": "", "day": "2026-12-31"}).answers == {"day": "2026-12-31"}
