"""Data with revisions: what a step's people enter, what follows from it, and who is asked once more about it."""

from typing import Any

import pytest

from placet.accounts.addresses import add_person
from placet.accounts.models import Person
from placet.approvals import engine, engine_errors, evidence
from placet.approvals.changes import history
from placet.approvals.definitions import Definition, definition_of
from placet.approvals.form import FormInvalid, read_form
from placet.approvals.models import Assignment, Decision, Request, Revision
from placet.approvals.processes import DefinitionInvalid, parse_definition, publish
from placet.audit import chain
from placet.mail.models import OutgoingMail
from tests.making import make_mailbox

pytestmark = pytest.mark.django_db

FORM = [
    {"name": "item", "label": "Item", "type": "text", "required": True},
    {"name": "net", "label": "Net", "type": "number"},
    {"name": "tax", "label": "Tax", "type": "number"},
    {"name": "gross", "label": "Gross", "type": "number", "computed": "net + tax"},
    {"name": "cost_centre", "label": "Cost centre", "type": "text", "required": True},
    {"name": "foreign", "label": "Foreign", "type": "yes_no"},
    {"name": "country", "label": "Country", "type": "text", "show": "foreign"},
]  # fmt: skip
PROCESS: dict[str, Any] = {
    "key": "purchase", "name": "Purchase", "title": "{item}", "form": FORM, "start": "both",
    "start_form": {"hide": ["cost_*", "tax"]},
    "steps": {
        "both": {
            "kind": "parallel", "name": "Both", "branches": {"a": {"start": "account"}, "b": {"start": "boss"}},
            "result": [{"rejected": "any"}, {"approved": "all"}], "otherwise": "rejected",
        },
        "account": {
            "kind": "task", "name": "Account", "ask": [{"person": "ann@contoso.example"}],
            "form": {"fill": ["cost_centre", "tax", "foreign"], "require": ["tax"]},
        },
        "boss": {
            "kind": "approval", "name": "Boss", "ask": [{"person": "ben@contoso.example"}],
            "form": {"hide": ["foreign"]},
        },
        "cheap": {"kind": "end", "name": "Cheap", "result": "cheap"},
        "dear": {"kind": "end", "name": "Dear", "result": "dear"},
    },
    "transitions": [
        {"from": "account", "outcome": "done", "ends_branch": "approved"},
        {"from": "boss", "outcome": "approve", "ends_branch": "approved"},
        {"from": "boss", "outcome": "reject", "ends_branch": "rejected"},
        {"from": "both", "outcome": "approved", "when": "gross > 100.0", "to": "dear"},
        {"from": "both", "outcome": "approved", "to": "cheap"},
        {"from": "both", "outcome": "rejected", "to": "cheap"},
    ],
}  # fmt: skip


@pytest.fixture
def people() -> dict[str, Person]:
    return {name: add_person(name.title(), f"{name}@contoso.example") for name in ("ann", "ben", "zoe")}


def start(people: dict[str, Person], **entered: Any) -> Request:
    return engine.start(publish(PROCESS), people["zoe"], {"item": "Desk", "net": "90", **entered})


def seat(request: Request, step: str) -> Assignment:
    return Assignment.objects.get(visit__request=request, visit__step_key=step)


def done(request: Request, people: dict[str, Person], **entered: Any) -> Decision:
    return engine.decide(
        seat(request, "account").pk,
        by=people["ann"],
        outcome="done",
        channel=Decision.Channel.PAGE,
        entered=entered,
    )


def is_clean(request: Request) -> bool:
    return [*chain.verify(request.pk), *evidence.compare(request.pk)] == []


def test_what_a_task_enters_is_a_revision_and_leads_the_way(people: dict[str, Person]) -> None:
    request = start(people)
    assert request.data["cost_centre"] is None
    assert (request.data["gross"], request.revision) == (90, 1)
    assert not Revision.objects.exists()
    decision = done(request, people, cost_centre="4711", tax="20")
    request.refresh_from_db()
    assert request.revision == 2
    assert [request.data[name] for name in ("cost_centre", "gross")] == ["4711", 110]
    assert "4711" in request.words
    assert decision.revision == 1
    assert [(one.number, one.data["gross"]) for one in request.revisions.all()] == [(1, 90), (2, 110)]
    engine.decide(
        seat(request, "boss").pk, by=people["ben"], outcome="approve", channel=Decision.Channel.PAGE
    )
    request.refresh_from_db()
    assert (request.state, request.result) == ("ended", "dear")
    assert is_clean(request)


def test_whoever_is_asked_about_something_else_now_is_asked_once_more(people: dict[str, Person]) -> None:
    make_mailbox()
    request = start(people)
    done(request, people, cost_centre="4711", tax="20")
    lines = list(seat(request, "boss").ask_lines.order_by("pk"))
    assert [line.revision for line in lines] == [1, 2]
    mail = lines[1].ask.outgoing
    assert mail is not None
    text = bytes(mail.raw).decode()
    assert mail.subject.startswith("Changed: Desk")
    assert "Gross" in text and "110" in text and "4711" in text
    assert "Foreign" not in text  # hidden in this step
    assert is_clean(request)


def test_nobody_is_asked_again_where_what_they_see_did_not_change(people: dict[str, Person]) -> None:
    make_mailbox()
    definition = {**PROCESS, "steps": {**PROCESS["steps"]}}
    hidden = ["cost_centre", "tax", "gross", "foreign", "country"]
    definition["steps"]["boss"] = {**PROCESS["steps"]["boss"], "form": {"hide": hidden}}
    request = engine.start(publish(definition), people["zoe"], {"item": "Desk", "net": "90"})
    done(request, people, cost_centre="4711", tax="20")
    assert seat(request, "boss").ask_lines.count() == 1
    assert OutgoingMail.objects.filter(kind="ask").count() == 2


@pytest.mark.parametrize(
    ("entered", "wrong"),
    [
        ({"cost_centre": "4711"}, "tax"),
        ({"tax": "1"}, "cost_centre"),
        ({"tax": "much", "cost_centre": "4711"}, "tax"),
        ({"tax": "1", "cost_centre": "4711", "net": "1"}, "net"),
        ({"tax": "1", "cost_centre": "4711", "gross": "1"}, "gross"),
        ({"tax": "1", "cost_centre": "4711", "nothing": "1"}, "nothing"),
    ],
)
def test_what_does_not_fit_changes_nothing(people: dict[str, Person], entered: Any, wrong: str) -> None:
    request = start(people)
    with pytest.raises(engine_errors.FieldsInvalid) as invalid:
        done(request, people, **entered)
    assert invalid.value.errors.keys() == {wrong}
    request.refresh_from_db()
    assert (request.revision, Decision.objects.count()) == (1, 0)


def test_what_is_hidden_by_what_is_entered_holds_nothing_and_what_was_entered_stays(
    people: dict[str, Person],
) -> None:
    request = start(people, foreign="yes", country="France")
    assert request.data["country"] == "France"
    done(request, people, tax="1", cost_centre="4711", foreign="")
    request.refresh_from_db()
    assert request.data["country"] is None
    assert request.data["item"] == "Desk"
    shown = history(request, definition_of(request.version), hidden={"foreign"})
    assert [(one.label, one.was, one.now) for one in shown[0].changes] == [
        ("Tax", "–", "1"), ("Gross", "90", "91"), ("Cost centre", "–", "4711"), ("Country", "France", "–"),
    ]  # fmt: skip


def test_a_field_that_is_not_sent_stays_as_it_is(people: dict[str, Person]) -> None:
    request = start(people, foreign="yes", country="France")
    done(request, people, tax="1", cost_centre="4711")
    request.refresh_from_db()
    assert (request.data["foreign"], request.data["country"]) == (True, "France")


def test_what_nobody_speaks_of_is_no_answer(people: dict[str, Person]) -> None:
    version = publish(changed(start_form={"hide": ["foreign"]}))
    request = engine.start(version, people["zoe"], {"item": "Desk", "cost_centre": "4711", "tax": "1"})
    assert request.data["foreign"] is None
    done(request, people)
    request.refresh_from_db()
    assert (request.revision, request.data["foreign"]) == (1, None)
    request = engine.start(version, people["zoe"], {"item": "Desk", "cost_centre": "4711", "tax": "1"})
    done(request, people, foreign="")  # a box on a page that was not ticked
    request.refresh_from_db()
    assert (request.revision, request.data["foreign"]) == (2, False)


def test_whatever_is_rewritten_of_a_revision_is_named(people: dict[str, Person]) -> None:
    request = start(people)
    done(request, people, cost_centre="4711", tax="20")
    for number in (1, 2):
        for column, value in (
            ("data", {"item": "Car"}), ("data_hash", "00" * 32), ("by_id", people["ben"].pk),
            ("at", request.created_at.replace(year=2001)), ("assignment_id", seat(request, "boss").pk),
        ):  # fmt: skip
            row = Revision.objects.filter(request=request, number=number)
            before = row.values(column)[0][column]
            row.update(**{column: value})
            assert [*evidence.compare(request.pk)], (number, column)
            row.update(**{column: before})
    assert is_clean(request)
    Revision.objects.filter(request=request, number=2).delete()
    assert [*evidence.compare(request.pk)]


def test_the_start_takes_nothing_that_is_entered_later(people: dict[str, Person]) -> None:
    definition = Definition.model_validate(PROCESS)
    with pytest.raises(FormInvalid) as invalid:
        read_form(definition, {"item": "Desk", "cost_centre": "1"})
    assert invalid.value.errors.keys() == {"cost_centre"}


def changed(**parts: Any) -> dict[str, Any]:
    return {**PROCESS, **parts}


def with_step(key: str, **parts: Any) -> dict[str, Any]:
    return changed(steps={**PROCESS["steps"], key: {**PROCESS["steps"][key], **parts}})


@pytest.mark.parametrize(
    ("definition", "problem"),
    [
        (with_step("account", form={"fill": ["nothing"]}), "steps.account: form: fill: there is no field nothing"),
        (with_step("account", form={"fill": ["gross"]}), "gross is computed, so nobody enters it"),
        (with_step("account", form={"fill": ["tax"], "require": ["cost_centre"]}), "require: cost_centre is not among"),
        (with_step("account", form={"fill": ["tax"], "hide": ["tax"]}), "fill: tax is hidden in this step"),
        (with_step("account", form={"require": ["tax"]}), "say which fields"),
        (with_step("account", outcomes=["approve", "reject"]), "a task has the one outcome done"),
        (changed(start_form={"hide": ["item"]}), "item stands in the title"),
        (changed(start_form={"hide": ["net"]}), "no step fills net in"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_when_it_is_published(
    people: dict[str, Person], definition: dict[str, Any], problem: str
) -> None:
    with pytest.raises(DefinitionInvalid) as invalid:
        parse_definition(definition)
    assert problem in str(invalid.value)
