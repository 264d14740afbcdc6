"""Where tasks, revisions, questions and the steps that ask nobody meet."""

from collections.abc import Mapping, Sequence
from typing import Any
from unittest import mock

import pytest
from django.test import Client
from django.urls import reverse

from placet.accounts.addresses import add_person
from placet.accounts.models import Group, Person
from placet.approvals import calling, earlier, engine, engine_errors, evidence, reassigning
from placet.approvals.definitions import definition_of
from placet.approvals.form import FormInvalid, facts_hash, read_form
from placet.approvals.models import Assignment, Decision, Request, Visit
from placet.approvals.processes import DefinitionInvalid, publish
from placet.audit import chain
from placet.lib.conditions import ConditionError
from placet.portal import deciding
from tests.making import asked, one_step

pytestmark = pytest.mark.django_db

END = {"kind": "end", "name": "End", "result": "approved"}


def person(name: str) -> list[dict[str, Any]]:
    return [{"person": f"{name}@contoso.example"}]


def process(
    form: Sequence[Any], steps: Mapping[str, Any], ways: Sequence[str], **more: Any
) -> dict[str, Any]:
    transitions = [dict(zip(("from", "outcome", "to"), way.split(), strict=True)) for way in ways]
    return {
        "key": "seams", "name": "Seams", "title": "{item}", "start": next(iter(steps)),
        "form": [{"name": "item", "label": "Item", "type": "text"}, *form],
        "steps": {**steps, "end": END}, "transitions": transitions, **more,
    }  # fmt: skip


def seat(request: Request, step: str = "task") -> Assignment:
    return Assignment.objects.get(visit__request=request, visit__step_key=step, state="open")


def clean(request: Request) -> None:
    assert [*chain.verify(request.pk), *evidence.compare(request.pk)] == []


SALARY = [
    {"name": "grade", "label": "Grade", "type": "number"},
    {"name": "rate", "label": "Rate", "type": "number"},
    {"name": "salary", "label": "Salary", "type": "number", "computed": "grade * rate"},
]


def test_what_is_computed_and_hidden_stands_on_no_page_to_fill_in(
    alice: Person, bob: Person, client: Client
) -> None:
    task = {
        "kind": "task",
        "name": "T",
        "ask": person("bob"),
        "form": {"fill": ["grade"], "hide": ["rate", "salary"]},
    }
    request = engine.start(
        publish(process(SALARY, {"task": task}, ["task done end"])), alice, {"item": "Desk", "rate": "77777"}
    )
    client.force_login(bob)
    url = reverse("portal:fill_in", args=[request.public_id, seat(request).pk])
    looked = client.post(url, {"do": "look", "f-grade": "1"}, headers={"HX-Request": "true"}).content.decode()
    row = client.post(url, {"do": "add-row:x", "f-grade": "1"}).content.decode()
    for page in (client.get(url).content.decode(), looked, row):
        assert "Salary" not in page
        assert "77777" not in page and "77,777" not in page


def test_what_does_not_fit_in_a_hidden_field_is_not_named(alice: Person, bob: Person) -> None:
    pay = [*SALARY[:2], {**SALARY[2], "label": "Secret pay", "max": 100}]
    task = {
        "kind": "task",
        "name": "T",
        "ask": person("bob"),
        "form": {"fill": ["grade"], "hide": ["rate", "salary"]},
    }
    request = engine.start(
        publish(process(pay, {"task": task}, ["task done end"])), alice, {"item": "Desk", "rate": "50"}
    )
    with pytest.raises(engine_errors.FieldsInvalid) as error:
        engine.decide(
            seat(request).pk, by=bob, outcome="done", channel=Decision.Channel.PAGE, entered={"grade": "9"}
        )
    assert [*error.value.errors] == ["grade"]
    assert "pay" not in str(error.value) and "100" not in str(error.value)


def test_a_comment_is_needed_for_what_is_entered_with_the_answer(alice: Person, bob: Person) -> None:
    dear = {"key": "approve", "comment": {"when": "grade > 100.0"}}
    step = {
        "kind": "approval",
        "name": "F",
        "ask": person("bob"),
        "form": {"fill": ["grade"]},
        "outcomes": [dear],
    }
    one = process(SALARY, {"task": step}, ["task approve end"])
    request = engine.start(publish(one), alice, {"item": "Desk", "grade": "1"})
    with pytest.raises(engine_errors.CommentNeeded):
        engine.decide(
            seat(request).pk,
            by=bob,
            outcome="approve",
            channel=Decision.Channel.PAGE,
            entered={"grade": "900"},
        )


def both(**boss: Any) -> dict[str, Any]:
    block = {
        "kind": "parallel", "name": "Both", "branches": {"a": {"start": "task"}, "b": {"start": "boss"}},
        "result": [{"approved": "all"}], "otherwise": "approved",
    }  # fmt: skip
    task = {"kind": "task", "name": "T", "ask": person("bob"), "form": {"fill": ["grade"]}}
    ask = {"kind": "approval", "name": "Boss", "ask": person("carol"), **boss}
    one = process(SALARY, {"both": block, "task": task, "boss": ask}, ["both approved end"])
    one["transitions"] += [
        {"from": step, "outcome": outcome, "ends_branch": "approved"}
        for step, outcome in (("task", "done"), ("boss", "approve"), ("boss", "reject"))
    ]
    return one


def test_what_changes_at_the_very_moment_of_an_answer_is_not_decided_on(
    alice: Person, bob: Person, carol: Person
) -> None:
    """The task is done between the look at what was shown and the lock."""
    request = engine.start(publish(both()), alice, {"item": "Desk", "rate": "1"})
    asked = seat(request, "boss")
    shown = facts_hash(request, definition_of(request.version), "boss")
    before = engine._locked

    def first_the_other(assignment_id: int) -> Request:
        with mock.patch.object(engine, "_locked", before):
            engine.decide(
                seat(request).pk,
                by=bob,
                outcome="done",
                channel=Decision.Channel.PAGE,
                entered={"grade": "9"},
            )
        return before(assignment_id)

    with mock.patch.object(engine, "_locked", first_the_other), pytest.raises(engine_errors.Changed):
        deciding.apply(asked, carol, shown, "approve", "")


EVERY: list[dict[str, Any]] = [
    {"name": "text", "label": "A", "type": "text"},
    {"name": "long", "label": "B", "type": "long_text"},
    {"name": "mail", "label": "C", "type": "email"},
    {"name": "iban", "label": "D", "type": "iban"},
    {"name": "money", "label": "E", "type": "money", "currency": "EUR"},
    {"name": "number", "label": "F", "type": "number"},
    {"name": "percent", "label": "G", "type": "percent"},
    {"name": "date", "label": "H", "type": "date"},
    {"name": "time", "label": "I", "type": "time"},
    {"name": "moment", "label": "J", "type": "date_time"},
    {"name": "period", "label": "K", "type": "period"},
    {"name": "flag", "label": "L", "type": "yes_no"},
    {"name": "one", "label": "M", "type": "choice", "options": ["a", "b"]},
    {"name": "some", "label": "N", "type": "choices", "options": ["a", "b"]},
    {"name": "who", "label": "O", "type": "person"},
    {"name": "whom", "label": "P", "type": "people"},
    {"name": "files", "label": "Q", "type": "files"},
    {"name": "lines", "label": "R", "type": "table", "columns": [
        {"name": "what", "label": "What", "type": "text"}, {"name": "when", "label": "When", "type": "date"},
        {"name": "price", "label": "Price", "type": "money", "currency": "EUR"},
        {"name": "who", "label": "Who", "type": "person"},
    ], "totals": [{"name": "total", "label": "Total", "sum": "price"}]},
    {"name": "later", "label": "S", "type": "text"},
]  # fmt: skip
ENTERED = {
    "item": "Desk", "text": "t", "long": "a\nb", "mail": "x@y.example", "iban": "DE89370400440532013000",
    "money": "12.50", "number": "1.5", "percent": "19.5", "date": "2026-12-31", "time": "14:30",
    "moment": "2026-12-31 14:30", "period": {"from": "2026-12-01", "to": "2026-12-03"}, "flag": "yes", "one": "a",
    "some": ["a", "b"], "who": "bob@contoso.example", "whom": ["bob@contoso.example", "carol@contoso.example"],
    "lines": [{"what": "x", "when": "2026-01-01", "price": "3.10", "who": "bob@contoso.example"}],
}  # fmt: skip


@pytest.mark.parametrize("fill", [["later"], ["*"]])
def test_what_nobody_enters_stays_as_it_is_whatever_its_type(
    alice: Person, bob: Person, carol: Person, fill: list[str], client: Client
) -> None:
    task = {"kind": "task", "name": "T", "ask": person("bob"), "form": {"fill": fill}}
    one = process(EVERY, {"task": task}, ["task done end"])
    request = engine.start(publish(one), alice, ENTERED)
    held = dict(request.data)
    client.force_login(bob)
    url = reverse("portal:fill_in", args=[request.public_id, seat(request).pk])
    assert client.get(url).status_code == 200
    assert client.post(url, {"do": "look"}, headers={"HX-Request": "true"}).status_code == 200
    engine.decide(
        seat(request).pk, by=bob, outcome="done", channel=Decision.Channel.PAGE, entered={"later": "now"}
    )
    request.refresh_from_db()
    assert request.data == {**held, "later": "now"}
    for who in (alice, bob):
        client.force_login(who)
        assert client.get(f"/requests/{request.public_id}/").status_code == 200
    clean(request)


def test_a_search_finds_a_request_by_the_title_that_is_shown(alice: Person, bob: Person) -> None:
    task = {"kind": "task", "name": "T", "ask": person("bob"), "form": {"fill": ["item"]}}
    request = engine.start(publish(process([], {"task": task}, ["task done end"])), alice, {"item": "Zebra"})
    engine.decide(
        seat(request).pk, by=bob, outcome="done", channel=Decision.Channel.PAGE, entered={"item": "Giraffe"}
    )
    request.refresh_from_db()
    assert request.title == "Zebra"
    assert "zebra" in request.words
    assert "giraffe" in request.words
    clean(request)


def test_what_nobody_enters_says_what_it_says_by_itself(alice: Person, bob: Person) -> None:
    form = [
        {"name": "abroad", "label": "Abroad", "type": "yes_no"},
        {
            "name": "rate",
            "label": "Rate",
            "type": "number",
            "default": "abroad ? 50 : 25",
            "read_only": "abroad",
        },
    ]
    task = {"kind": "task", "name": "T", "ask": person("bob"), "form": {"fill": ["abroad", "rate"]}}
    request = engine.start(
        publish(process(form, {"task": task}, ["task done end"])), alice, {"item": "Desk", "rate": "9999"}
    )
    engine.decide(
        seat(request).pk,
        by=bob,
        outcome="done",
        channel=Decision.Channel.PAGE,
        entered={"abroad": "yes", "rate": "7"},
    )
    request.refresh_from_db()
    assert request.data["rate"] == 50


def test_a_requesters_task_of_an_included_process_is_theirs(alice: Person, bob: Person) -> None:
    task = {"kind": "task", "name": "T", "ask": [{"requester": True}]}
    publish(process([], {"task": task}, ["task done end"], key="inner"))
    one = process([], {"sub": {"kind": "include", "process": "inner"}}, ["sub approved end"])
    request = engine.start(publish(one), alice, {"item": "Desk"})
    assert seat(request, "sub-task").person == alice


def test_nobody_enters_anything_in_a_notice(db: None) -> None:
    tell = {"kind": "notice", "name": "Tell", "to": person("bob"), "form": {"fill": ["grade"]}}
    with pytest.raises(DefinitionInvalid) as error:
        publish(process(SALARY, {"tell": tell}, ["tell sent end"]))
    assert error.value.problems == [
        "steps.tell: form: a notice tells people, and nobody enters anything there: leave fill and require out"
    ]


@pytest.mark.parametrize("order", [{}, {"order": "one_by_one"}])
def test_everybody_does_their_part_of_a_task(
    alice: Person, bob: Person, carol: Person, order: dict[str, str]
) -> None:
    task: dict[str, Any] = {
        "kind": "task",
        "name": "T",
        "ask": [*person("bob"), *person("carol")],
        "rule": "all",
        **order,
    }
    task["form"] = {"fill": ["grade", "rate"]}
    request = engine.start(
        publish(process(SALARY, {"task": task}, ["task done end"])), alice, {"item": "Desk"}
    )
    for who, entered in ((bob, {"grade": "3"}), (carol, {"rate": "4"})):
        asked = Assignment.objects.get(person=who, state="open")
        engine.decide(asked.pk, by=who, outcome="done", channel=Decision.Channel.PAGE, entered=entered)
    request.refresh_from_db()
    assert (request.state, request.revision, request.data["salary"]) == ("ended", 3, 12)
    clean(request)


def in_branches(
    steps: Mapping[str, Any], starts: Sequence[str], ways: Sequence[str], ends: Sequence[str], **more: Any
) -> dict[str, Any]:
    """A block `both` of branches that start so. `ends`: "from outcome" where a branch ends."""
    block = {
        "kind": "parallel", "name": "Both", "branches": {key: {"start": key} for key in starts},
        "result": [{"over": "all"}], "otherwise": "over",
    }  # fmt: skip
    one = process(SALARY, {"both": block, **steps}, ["both over end", *ways], **more)
    last = [dict(zip(("from", "outcome"), end.split(), strict=True)) for end in ends]
    one["transitions"] += [{**way, "ends_branch": "over"} for way in last]
    return one


def approval(name: str, **more: Any) -> dict[str, Any]:
    return {"kind": "approval", "name": name.title(), "ask": person(name), **more}


def answer(request: Request, step: str, outcome: str, **how: Any) -> None:
    one = seat(request, step)
    engine.decide(one.pk, by=one.person, outcome=outcome, channel=Decision.Channel.PAGE, **how)


def live(request: Request) -> list[str]:
    return [*request.visits.filter(state__in=Visit.LIVE).order_by("pk").values_list("step_key", flat=True)]


def test_a_wait_sees_what_was_decided_in_another_branch(alice: Person, bob: Person) -> None:
    wait = {"kind": "wait", "name": "Wait", "until": "steps.bob.outcome == 'approve'"}
    ends = ["bob approve", "bob reject", "wait arrived"]
    one = in_branches({"bob": approval("bob"), "wait": wait}, ["bob", "wait"], [], ends)
    request = engine.start(publish(one), alice, {"item": "Desk"})
    assert live(request) == ["both", "bob", "wait"]
    answer(request, "bob", "approve")
    request.refresh_from_db()
    assert request.state == Request.State.ENDED
    clean(request)


def test_a_wait_sees_what_was_decided_once_somebody_is_asked_instead(
    alice: Person, bob: Person, carol: Person, dave: Person, admin: Person
) -> None:
    """The step was stuck while nobody was left of those with a veto; Dave, who approved, is one of them now."""
    legal = Group.objects.create(key="legal", name="Legal")
    legal.members.add(carol)
    rule = [{"reject": {"veto": ["legal"]}}, {"approve": 1}]
    asked = [*person("bob"), *person("dave"), {"group": "legal"}]
    step = {**approval("bob"), "ask": asked, "rule": rule, "otherwise": "reject"}
    wait = {"kind": "wait", "name": "Wait", "until": "steps.bob.outcome == 'approve'"}
    ends = ["bob approve", "bob reject", "wait arrived"]
    one = in_branches({"bob": step, "wait": wait}, ["bob", "wait"], [], ends)
    request = engine.start(publish(one), alice, {"item": "Desk"})
    engine.deactivate(carol, admin)
    of_dave = Assignment.objects.get(visit__request=request, person=dave)
    engine.decide(of_dave.pk, by=dave, outcome="approve", channel=Decision.Channel.PAGE)
    assert request.visits.get(step_key="bob").state == "stuck"
    legal.members.add(dave)
    reassigning.reassign(seat(request, "bob").pk, admin, add_person("Erin", "erin@contoso.example"))
    request.refresh_from_db()
    assert request.state == Request.State.ENDED
    clean(request)


def test_what_is_called_is_filled_in_with_what_was_decided(alice: Person, bob: Person) -> None:
    task = {"kind": "task", "name": "T", "ask": person("bob")}
    publish(process([], {"task": task}, ["task done end"], key="inner"))
    data = {"item": "steps.bob.answers.which + ' by ' + steps.bob.by"}
    call = {"kind": "call", "name": "Call", "process": "inner", "data": data}
    questions = [{"name": "which", "label": "Which one", "type": "text"}]
    steps = {"bob": approval("bob", questions=questions, outcomes=["approve"]), "call": call}
    ways = ["bob approve call", "call approved end", "call withdrawn end"]
    request = engine.start(publish(process([], steps, ways)), alice, {"item": "Desk"})
    answer(request, "bob", "approve", answers={"which": "Oak"})
    for row in calling.due(10):
        calling.work(row)
    called = Request.objects.get(parent_visit__request=request)
    assert called.data["item"] == "Oak by bob@contoso.example"
    for wrong, problem in {
        "steps.ghost.outcome": "there is no step ghost that could be decided",
        "steps.bob.answers.none": "bob asks no question none",
    }.items():
        call["data"] = {"item": wrong}
        with pytest.raises(DefinitionInvalid) as error:
            publish(process([], steps, ways))
        assert error.value.problems == [f"steps.call: data: item: {problem}"]


CHANGES = {"key": "changes", "label": "Needs changes", "grants": False}
MEND = {"kind": "task", "name": "Mend", "ask": [{"requester": True}], "form": {"fill": ["rate"]}}
CHECKED = ["bob approve", "carol approve", "carol reject"]


def test_a_task_within_a_branch_lets_the_others_go_on(alice: Person, bob: Person, carol: Person) -> None:
    steps = {"bob": approval("bob", outcomes=["approve", CHANGES]), "carol": approval("carol"), "mend": MEND}
    one = in_branches(steps, ["bob", "carol"], ["bob changes mend", "mend done bob"], CHECKED)
    request = engine.start(publish(one), alice, {"item": "Desk", "rate": "1"})
    answer(request, "bob", "changes")
    assert live(request) == ["both", "carol", "mend"]
    answer(request, "carol", "approve")
    answer(request, "mend", "done", entered={"rate": "2"})
    assert live(request) == ["both", "bob"]
    answer(request, "bob", "approve")
    request.refresh_from_db()
    assert (request.state, request.data["rate"]) == (Request.State.ENDED, 2)
    clean(request)


def test_a_way_out_of_a_block_cancels_the_others(alice: Person, bob: Person, carol: Person) -> None:
    steps = {
        "first": {"kind": "wait", "name": "First", "until": "true"}, "mend": MEND,
        "bob": approval("bob", outcomes=["approve", CHANGES]), "carol": approval("carol"),
    }  # fmt: skip
    ways = ["first arrived both", "bob changes mend", "mend done both"]
    one = in_branches(steps, ["bob", "carol"], ways, CHECKED, start="first")
    # Reached without the block too, so it stands in no branch.
    one["transitions"].insert(0, {"from": "first", "outcome": "arrived", "when": "rate == 0.0", "to": "mend"})
    request = engine.start(publish(one), alice, {"item": "Desk", "rate": "1"})
    answer(request, "bob", "changes")
    assert live(request) == ["mend"]
    assert request.visits.get(step_key="carol").state == Visit.State.CANCELLED
    answer(request, "mend", "done", entered={"rate": "2"})
    assert live(request) == ["both", "bob", "carol"]
    clean(request)


def test_whoever_is_taken_out_of_a_group_is_asked_until_they_are_deactivated(
    alice: Person, bob: Person, carol: Person, admin: Person
) -> None:
    team = Group.objects.create(key="team", name="Team")
    team.members.add(bob)
    version = publish(one_step([{"group": "team"}]))
    answered, withdrawn = (
        engine.start(version, alice, {"item": name, "amount": "1"}) for name in ("Desk", "Chair")
    )
    team.members.set([carol])
    assert (asked(answered), asked(withdrawn)) == (["Bob"], ["Bob"])
    answer(answered, "step", "approve")
    answered.refresh_from_db()
    assert answered.result == "approved"
    engine.deactivate(bob, by=admin)
    assert asked(withdrawn) == ["Carol"]
    Person.objects.filter(pk=bob.pk).update(is_active=True)
    assert asked(withdrawn) == ["Carol"]
    clean(answered)
    clean(withdrawn)


VALUES = [
    "[1.0, 2.0]", "{'a': 1.0}", "[{'a': 1.0}]", "[[1.0]]", "null", "1.0 / 0.0", "duration('1h')",
    "timestamp('2026-01-01T00:00:00Z')", "b'x'", "type(1)", "''", "'\\u0000'", "-1.0", "true", "9223372036854775807",
    "[{'what': [1.0]}]", "[{'what': {'a': 1.0}, 'price': null}]", "[null]", "[true, {}]", "{}", "[]", "1e300", "dyn",
    "[{'what': 'x'}, 1.0]", "{'from': [1], 'to': {}}", "{'from': '2026-01-01'}", "lines", "whom", "who", "period",
    "flag",
]  # fmt: skip


@pytest.mark.parametrize("name", [one["name"] for one in EVERY if one["type"] != "files"])
def test_whatever_an_expression_comes_to_a_called_form_takes_it_or_says_why(
    alice: Person, bob: Person, carol: Person, name: str
) -> None:
    task = {"kind": "task", "name": "T", "ask": person("bob")}
    request = engine.start(publish(process(EVERY, {"task": task}, ["task done end"])), alice, ENTERED)
    definition = definition_of(request.version)
    values = earlier.Values(definition, request)
    for source in VALUES:
        try:
            read_form(definition, {"item": "Desk", name: calling._entered(source, values)})
        except (ConditionError, FormInvalid):
            pass
        except Exception as error:
            raise AssertionError(f"{name}: {source}: {error!r}") from error
