"""One after the other, chosen by the one before, and conditions that see what was decided before."""

from typing import Any
from unittest import mock

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from placet.accounts.models import Group, Person
from placet.approvals import earlier, engine, engine_errors, evidence, policy
from placet.approvals.definitions import Definition, definition_of
from placet.approvals.form_parts import FormField
from placet.approvals.models import Assignment, Decision, Request, Visit
from placet.approvals.processes import DefinitionInvalid, parse_definition, publish
from placet.approvals.rule_words import rule_in_words
from placet.audit import chain
from placet.lib import rows
from placet.lib.conditions import holds
from placet.mail.models import OutgoingMail
from placet.mailboxes.models import Mailbox
from placet.portal.path import path_of
from tests.making import FORM, asked, one_step, open_for, start

pytestmark = pytest.mark.django_db
PAGE = Decision.Channel.PAGE


def decide(person: Person, outcome: str = "approve") -> Decision:
    return engine.decide(open_for(person).pk, by=person, outcome=outcome, channel=PAGE)


def group(key: str, *people: Person) -> None:
    made, _ = Group.objects.get_or_create(key=key, defaults={"name": key.title()})
    made.members.set(people)


def process(rule: Any, *ask: dict[str, Any], **of_step: Any) -> dict[str, Any]:
    source = one_step(list(ask), rule=rule)
    source["steps"]["step"] |= of_step
    return source


def in_turn(rule: Any, *ask: dict[str, Any], **of_step: Any) -> dict[str, Any]:
    return process(rule, *ask, order="one_by_one", **of_step)


def result_of(request: Request) -> str:
    request.refresh_from_db()
    assert [*chain.verify(request.pk), *evidence.compare(request.pk)] == []
    return request.result


def shown(request: Request) -> list[str]:
    """Whom the path shows at the step, and how."""
    stations = path_of(request, definition_of(request.version)).stations
    return [f"{line.name} {line.words}" for station in stations for line in station.lines]


# --- one after the other ----------------------------------------------------------------------------------

TEAM_THEN_CAROL = ({"group": "team"}, {"group": "finance"})


def test_each_is_asked_when_the_one_before_has_answered(
    alice: Person, bob: Person, carol: Person, dave: Person, mailbox: Mailbox
) -> None:
    group("team", bob, dave)
    request = start(in_turn("all", *TEAM_THEN_CAROL), alice)
    order: list[str] = []
    while waiting := asked(request):
        assert OutgoingMail.objects.filter(kind="ask").count() == len(order) + 1, "one mail at a time"
        [name] = waiting
        order.append(name)
        decide({"Bob": bob, "Carol": carol, "Dave": dave}[name])
    assert order[-1] == "Carol", "lines in their order"
    assert sorted(order) == ["Bob", "Carol", "Dave"]
    assert result_of(request) == "approved"


def test_a_result_that_is_certain_asks_nobody_else(alice: Person, bob: Person, carol: Person) -> None:
    group("team", bob)
    request = start(in_turn("all", *TEAM_THEN_CAROL), alice)
    decide(bob, "reject")
    assert result_of(request) == "rejected"
    assert not Assignment.objects.filter(person=carol).exists()
    request = start(in_turn(1, *TEAM_THEN_CAROL), alice)
    decide(bob, "reject")
    assert (result_of(request), asked(request)) == ("", ["Carol"])
    decide(carol)
    assert result_of(request) == "approved"


def test_the_path_says_whose_turn_comes(alice: Person, bob: Person, carol: Person, dave: Person) -> None:
    group("team", bob)
    source = in_turn("all", {"group": "team"}, {"person": dave.email}, {"group": "finance"})
    request = start(source, alice)
    assert shown(request)[1:] == ["Dave Stranger is asked next", "Carol Finance is asked after that"]
    decide(bob)
    assert [line.split(" ")[0] for line in shown(request)] == ["Bob", "Dave", "Carol"]
    assert shown(request)[2] == "Carol Finance is asked next"
    engine.withdraw(request.pk, alice)
    assert [line.split(" ")[0] for line in shown(request)] == ["Bob", "Dave"]
    assert rule_in_words(parse_definition(source).approval("step")).endswith(
        "People are asked one after the other."
    )


def test_whoever_leaves_is_passed_over_before_and_while_it_is_their_turn(
    alice: Person, bob: Person, carol: Person, dave: Person, admin: Person
) -> None:
    group("team", bob, dave)
    request = start(in_turn("all", *TEAM_THEN_CAROL), alice)
    [first] = asked(request)
    leaving, staying = (bob, dave) if first == "Bob" else (dave, bob)
    engine.deactivate(leaving, by=admin)
    assert asked(request) == [staying.name.split()[0]]
    group("finance", carol, leaving)
    decide(staying)
    assert asked(request) == ["Carol"], "looked up when it is their turn"
    engine.deactivate(carol, by=admin)
    assert request.visits.get().state == Visit.State.STUCK
    assert asked(request) == []
    group("finance", admin)
    engine.ask_again(request.visits.get().pk, admin)
    decide(admin)
    assert result_of(request) == "approved"


def test_whoever_joins_before_it_is_their_turn_is_asked(
    alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    group("team", bob)
    group("finance", carol)
    request = start(in_turn("all", {"group": "team"}, {"group": "finance"}), alice)
    group("finance", dave)
    decide(bob)
    assert asked(request) == ["Dave"]
    decide(dave)
    assert result_of(request) == "approved"


def test_whoever_is_asked_once_more_counts_for_the_line_that_names_them_then(
    alice: Person, bob: Person, carol: Person, dave: Person, admin: Person
) -> None:
    """Bob was asked for the team, left, and is back as one of finance, whose answers weigh more."""
    group("team", bob, dave)
    group("finance", carol)
    rule = [{"approve": {"weight": 4}}, {"reject": "any"}]
    team, finance = {"group": "team"}, {"group": "finance", "weight": 3}
    request = start(in_turn(rule, team, finance, otherwise="reject"), alice)
    assert asked(request) == ["Bob"]
    engine.deactivate(bob, by=admin)
    assert asked(request) == ["Dave"], "the same seat is not put to him again while he is away"
    Person.objects.filter(pk=bob.pk).update(is_active=True)
    group("team", dave)
    group("finance", bob, carol)
    decide(dave)
    assert asked(request) == ["Bob"], "at his turn among those of finance, who became known before Carol"
    seat = open_for(bob)
    assert (seat.source, Assignment.objects.filter(person=bob).count()) == (1, 1)
    decide(bob)
    assert result_of(request) == "approved", "one of the team and three for finance: Carol is not needed"


def test_whoever_comes_back_is_asked_at_their_place_in_the_order(
    alice: Person, bob: Person, carol: Person, dave: Person, admin: Person
) -> None:
    ask = [{"person": one.email} for one in (bob, dave, carol)]
    request = start(in_turn(1, *ask), alice)
    engine.deactivate(bob, by=admin)
    assert request.visits.get().state == Visit.State.STUCK, "each of them is needed"
    Person.objects.filter(pk=bob.pk).update(is_active=True)
    engine.ask_again(request.visits.get().pk, admin)
    assert asked(request) == ["Bob"], "and not whoever comes after him"
    decide(bob, "reject")
    assert asked(request) == ["Dave"]


def test_a_step_that_nobody_could_decide_asks_not_even_the_first(alice: Person, bob: Person) -> None:
    group("team", bob)
    group("finance")
    request = start(in_turn("all", *TEAM_THEN_CAROL), alice)
    assert (request.visits.get().state, asked(request)) == (Visit.State.STUCK, [])
    request = start(in_turn("all", {"group": "finance"}, nobody={"skip": "approve"}), alice)
    assert result_of(request) == "approved"
    request = start(in_turn("all", {"group": "finance"}, nobody={"ask": [{"group": "team"}]}), alice)
    assert asked(request) == ["Bob"]


def test_four_eyes_and_own_requests_hold_for_whoever_comes_later(
    alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    """Bob decides the first step while he is still to come in the second one beside it."""
    group("team", bob, dave)
    both = {
        "both": {
            "kind": "parallel", "name": "Both", "branches": {"a": {"start": "first"}, "b": {"start": "second"}},
            "result": [{"rejected": "any"}, {"approved": "all"}], "otherwise": "rejected",
        },
        "first": {"kind": "approval", "name": "First", "ask": [{"person": bob.email}]},
        "second": {
            "kind": "approval", "name": "Second", "order": "one_by_one", "rule": "all", "not_same_as": ["first"],
            "ask": [{"group": "finance"}, {"group": "team"}, {"person": alice.email}],
        },
    }  # fmt: skip
    source = one_step([], form=FORM)
    del source["steps"]["step"]
    source["steps"] |= both
    source["start"] = "both"
    source["transitions"] = [
        *(
            {"from": key, "outcome": outcome, "ends_branch": result}
            for key in ("first", "second")
            for outcome, result in (("approve", "approved"), ("reject", "rejected"))
        ),
        {"from": "both", "outcome": "approved", "to": "approved"},
        {"from": "both", "outcome": "rejected", "to": "rejected"},
    ]
    request = start(source, alice)
    stuck = request.visits.get(step_key="second")
    assert (stuck.state, "Alice Requester made this request" in stuck.reason) == (Visit.State.STUCK, True), (
        "never the requester"
    )
    engine.withdraw(request.pk, alice)
    source["steps"]["second"]["ask"].pop()
    request = start(source, alice)
    assert sorted(asked(request)) == ["Bob", "Carol"]
    decide(bob)
    decide(carol)
    assert asked(request) == ["Dave"]
    with pytest.raises(engine_errors.NotAllowed):
        engine.decide(open_for(dave).pk, by=carol, outcome="approve", channel=PAGE)
    decide(dave)
    assert result_of(request) == "approved"


def test_turns_are_taken_by_those_who_are_asked(
    alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    """Whoever is to come keeps no turn until they are asked."""
    group("team", bob, dave)
    source = in_turn("all", {"group": "finance"}, {"group": "team", "pick": "next"})
    version = publish(source)
    first, second = start(version, alice), start(version, alice)
    for seat in Assignment.objects.filter(person=carol):
        engine.decide(seat.pk, by=carol, outcome="approve", channel=PAGE)
    assert {*asked(first), *asked(second)} == {"Bob", "Dave"}


# --- who counts for what ----------------------------------------------------------------------------------

BOARD_AND_LEGAL = ({"group": "board"}, {"group": "legal"})


def test_two_of_all_and_one_of_legal(alice: Person, bob: Person, carol: Person, dave: Person) -> None:
    """Carol is in both: she counts for legal, which the rule names."""
    group("board", bob, carol, dave)
    group("legal", carol)
    rule = [{"approve": {"n": 2, "groups": {"legal": 1}}}]
    source = process(rule, *BOARD_AND_LEGAL, otherwise="reject", outcomes=["approve", "reject"])
    source["steps"]["step"]["rule"] = [*rule, {"reject": "any"}]
    request = start(source, alice)
    sources = dict(Assignment.objects.values_list("person__name", "source"))
    assert {name.split()[0]: line for name, line in sources.items()} == {"Bob": 0, "Carol": 1, "Dave": 0}
    decide(bob)
    decide(dave)
    assert result_of(request) == ""
    decide(carol)
    assert result_of(request) == "approved"


def test_the_boss_who_is_in_the_group_too_is_still_required(
    alice: Person, bob: Person, carol: Person
) -> None:
    group("team", bob, carol)
    source = process(
        [{"approve": {"n": 1, "required": ["boss"]}}, {"reject": "all"}],
        {"group": "team"},
        {"manager": True, "key": "boss"},
        otherwise="reject",
    )
    request = start(source, alice)
    decide(carol)
    assert result_of(request) == ""
    decide(bob)
    assert result_of(request) == "approved"


def test_where_too_few_of_a_line_are_there_the_reason_says_so(
    alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    group("board", bob, dave)
    group("legal", carol)
    rule = [{"approve": {"groups": {"legal": 2}}}, {"reject": "any"}]
    request = start(process(rule, *BOARD_AND_LEGAL, otherwise="reject"), alice)
    assert request.visits.get().reason == "2 of “legal” must answer alike, but only 1 can be asked"
    rule = [{"approve": {"weight": 5}}, {"reject": "any"}]
    ask = ({"group": "board", "weight": 2}, {"group": "legal"})
    source = process(rule, *ask, otherwise="reject")
    request = start(source, alice)
    decide(bob)
    decide(dave)
    assert result_of(request) == ""
    decide(carol)
    assert result_of(request) == "approved"
    group("board", bob)
    reason = start(source, alice).visits.get().reason
    assert reason == "answers with a weight of 5 are needed, but those who can be asked have only 3"


def test_a_rule_in_words() -> None:
    rule = [
        {"reject": {"n": 2, "veto": ["legal"]}},
        {"approve": {"n": 2, "weight": 3, "percent": 50, "of": "answers", "groups": {"legal": 1}, "required": [1]}},
    ]  # fmt: skip
    source = process(rule, *BOARD_AND_LEGAL, otherwise="reject", wait_for_all=True)
    source["steps"]["step"]["ask"][0] = {"group": "board", "weight": 2}
    assert rule_in_words(parse_definition(source).approval("step")) == (
        "It ends with “Reject” if 2 people answer so, or anybody of “legal”; “Approve” if 2 people, people with a "
        "weight of 3, 50 % of those who answer, 1 of “legal” and everybody of line 1 answer so; otherwise “Reject”. "
        "Everybody is heard first."
    )
    version = publish(source)
    assert definition_of(version) == parse_definition(source), "kept as it is written"


ONE = {"person": "bob@contoso.example"}
MISTAKES: list[tuple[Any, list[dict[str, Any]], dict[str, Any], str]] = [
    ({"groups": {"legal": 1}}, [{"group": "board"}], {}, "the group legal, which no line of ask names"),
    (
        {"lines": {3: 1}},
        [{"group": "board"}],
        {},
        "names 3, which is neither the number nor the key nor the group",
    ),
    ({"required": ["boss"]}, [ONE], {}, "names boss, which is neither"),
    ({"lines": {1: 2}}, [ONE, {"group": "board"}], {}, "needs 2 of 1, which names no more than 1"),
    ({"n": 3}, [ONE, {"manager": True}], {}, "approve needs 3 people, and ask names no more than 2"),
    ({"weight": 4}, [{**ONE, "weight": 3}], {}, "a weight of 4, and all of ask together have 3"),
    ("all", [{**ONE, "weight": 3}], {}, "no line of the rule says how much is needed"),
    (
        {"groups": {"legal": 1}},
        [{"group": "board"}, {"group": "legal", "if": "amount > 5"}],
        {},
        "whom ask names only under a condition",
    ),
    (
        {"required": ["legal"]},
        [{"group": "legal"}],
        {"nobody": {"ask": [ONE]}},
        "none of these lines is that group or has that key",
    ),
    ("all", [{**ONE, "key": "x"}, {"manager": True, "key": "x"}], {}, "two lines have the key x"),
    ("all", [{**ONE, "key": "x"}, {"group": "x"}], {}, "x is the key of a line and the group of another"),
    ("all", [ONE], {"early": True, "wait_for_all": True}, "early and wait_for_all do not go together"),
]


@pytest.mark.parametrize(("needs", "ask", "of_step", "problem"), MISTAKES)
def test_what_can_never_hold_is_not_published(
    needs: Any, ask: list[dict[str, Any]], of_step: dict[str, Any], problem: str
) -> None:
    rule = [{"approve": needs}, {"reject": "any"}]
    with pytest.raises(DefinitionInvalid, match=problem):
        parse_definition(process(rule, *ask, otherwise="reject", **of_step))


def test_other_mistakes_of_a_rule_are_named() -> None:
    late = [{"approve": 1}, {"reject": {"veto": ["board"]}}]
    for source, problem in (
        (process(late, {"group": "board"}, otherwise="reject"), "the veto of reject comes too late"),
        (in_turn("first", {"group": "board"}), "nobody is asked after the first one"),
        (
            process("all", {"group": "board"}, wait_for_all=True),
            "wait_for_all belongs to a rule that is a list",
        ),
    ):
        with pytest.raises(DefinitionInvalid, match=problem):
            parse_definition(source)


# --- chosen by the one before -----------------------------------------------------------------------------


def questions(*fields: dict[str, Any]) -> Any:
    """The first step asks these."""
    asked = tuple(FormField.model_validate(field) for field in fields)

    def questions_of(_self: Definition, key: str) -> tuple[FormField, ...]:
        return asked if key == "first" else ()

    return mock.patch.object(Definition, "questions_of", questions_of, create=True)


NEXT = {"name": "next", "label": "Who is next?", "type": "person"}
AMOUNT = {"name": "price", "label": "Price", "type": "number"}


def two(second: dict[str, Any], **more: Any) -> dict[str, Any]:
    source = one_step([{"manager": True}], **more)
    step = source["steps"].pop("step")
    source["steps"] |= {
        "first": {**step, "name": "First"},
        "second": {"kind": "approval", "name": "Second", "ask": [{"group": "finance"}], **second},
    }
    source["start"] = "first"
    source["transitions"] = [
        {"from": "first", "outcome": "approve", "to": "second"},
        {"from": "first", "outcome": "reject", "to": "rejected"},
        {"from": "second", "outcome": "approve", "to": "approved"},
        {"from": "second", "outcome": "reject", "to": "first"},
    ]
    return source


def value(person: Person) -> dict[str, Any]:
    """As a field that chooses somebody keeps them."""
    return {"person": person.pk, "name": person.name, "address": person.email}


def answers(person: Person, outcome: str = "approve", **given: Any) -> Decision:
    """A decision that answers questions too, as the engine writes it."""
    insert = rows.insert

    def with_answers(several: list[Any]) -> None:
        for row in several:
            if isinstance(row, Decision):
                row.answers = given
        insert(several)

    with mock.patch.object(rows, "insert", with_answers):
        return decide(person, outcome)


CHOSEN = {"ask": [{"from_answer": "next"}]}


@pytest.fixture
def _asks_for_the_next() -> Any:
    with questions(NEXT, AMOUNT):
        yield


@pytest.mark.usefixtures("_asks_for_the_next")
def test_whoever_decided_before_chooses_who_is_next(
    alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    request = start(two(CHOSEN), alice)
    answers(bob, next=value(dave))
    assert asked(request) == ["Dave"]
    decide(dave, "reject")
    assert asked(request) == ["Bob"]
    answers(bob, next=value(carol))
    assert asked(request) == ["Carol"], "the newest answer"
    decide(carol, "reject")
    answers(bob)
    assert asked(request) == [], "what is left empty takes back what was answered before"
    visit = request.visits.get(step_key="second", round=3)
    assert (visit.state, visit.reason) == (Visit.State.STUCK, "no answer to “next” names anybody")


@pytest.mark.usefixtures("_asks_for_the_next")
def test_whom_an_answer_cannot_choose(alice: Person, bob: Person, dave: Person, admin: Person) -> None:
    group("legal", dave)
    gone = {"person": 9999, "name": "Ghost", "address": "ghost@elsewhere.example"}
    chosen = [{"from_answer": "next", "among": "legal"}]
    for second, given, reason in (
        (CHOSEN, {}, "no answer to “next” names anybody"),
        (CHOSEN, {"next": None}, "no answer to “next” names anybody"),
        (CHOSEN, {"next": gone}, "ghost@elsewhere.example is nobody who can be asked"),
        (CHOSEN, {"next": value(alice)}, "Alice Requester made this request"),
        ({"ask": chosen}, {"next": value(admin)}, f"{admin.email} is not in the group “legal”"),
        ({**CHOSEN, "not_same_as": ["first"]}, {"next": value(bob)}, "decided “First” before"),
        ({**CHOSEN, "nobody": {"skip": "approve"}}, {"next": gone}, "ghost@elsewhere.example"),
    ):
        request = start(two(second), alice)
        answers(bob, **given)
        visit = request.visits.get(step_key="second")
        assert (visit.state, asked(request)) == (Visit.State.STUCK, [])
        assert reason in visit.reason
        assert result_of(request) == ""
    request = start(two({"ask": chosen}), alice)
    answers(bob, next=value(dave))
    assert asked(request) == ["Dave"]


@pytest.mark.usefixtures("_asks_for_the_next")
def test_the_requester_is_chosen_by_others_alone_and_where_the_process_lets_them(
    alice: Person, bob: Person
) -> None:
    may = {**CHOSEN, "requester_may_decide": True}
    request = start(two(may), alice)
    answers(bob, next=value(alice))
    assert asked(request) == ["Alice"]
    bob.manager = bob
    source = two(may)
    source["steps"]["first"] |= {"ask": [{"person": bob.email}], "requester_may_decide": True}
    request = start(source, bob)
    answers(bob, next=value(bob))
    assert request.visits.get(step_key="second").state == Visit.State.STUCK


@pytest.mark.parametrize(
    ("fields", "second", "problem"),
    [
        ([AMOUNT], CHOSEN, "from_answer: no step that comes before asks a question next"),
        ([{**NEXT, "type": "text"}], CHOSEN, "from_answer: next is of type text"),
        ([NEXT], {"ask": [{"group": "finance", "among": "x"}]}, "among belongs to a field or to from_answer"),
    ],
)
def test_what_is_asked_has_to_be_asked_before(
    fields: list[dict[str, Any]], second: dict[str, Any], problem: str
) -> None:
    with questions(*fields), pytest.raises(DefinitionInvalid, match=problem):
        parse_definition(two(second))


def test_steps_that_come_before() -> None:
    source = two({})
    source["transitions"][-1]["to"] = "rejected"
    definition = parse_definition(source)
    assert earlier.steps_before(definition, "second") == {"first"}
    assert earlier.steps_before(definition, "first") == set()


# --- what conditions see ----------------------------------------------------------------------------------


def seeing(condition: str, form: list[dict[str, Any]] = FORM) -> dict[str, Any]:
    """The second step ends approved where the condition holds, and rejected otherwise."""
    source = two({}, form=form)
    source["transitions"].insert(
        2, {"from": "second", "outcome": "approve", "when": condition, "to": "approved"}
    )
    source["transitions"][3]["to"] = "rejected"
    return source


SEEN = [
    ('steps.first.outcome == "approve"', "approved"),
    ("steps.first.by == 'bob@contoso.example' && steps.second.by == 'carol@contoso.example'", "approved"),
    ("steps['first'].answers.price > 100.0", "approved"),
    ("steps.first.answers.next == 'dave@contoso.example'", "approved"),
    ("steps.first.answers.price > 1000.0", "rejected"),
    ("amount > 5000.0 || steps.first.answers.next == ''", "rejected"),
    ("'bob@contoso.example' in steps.first.deciders && size(steps.second.deciders) == 1", "approved"),
    ("'dave@contoso.example' in steps.first.deciders", "rejected"),
    ("request.requester == 'alice@contoso.example' && request.number > 0", "approved"),
    ("request.requester.endsWith('@elsewhere.example')", "rejected"),
]


@pytest.mark.usefixtures("_asks_for_the_next")
@pytest.mark.parametrize(("condition", "result"), SEEN)
def test_conditions_see_what_was_decided(
    alice: Person, bob: Person, carol: Person, dave: Person, condition: str, result: str
) -> None:
    request = start(seeing(condition), alice)
    answers(bob, next=value(dave), price="250")
    decide(carol)
    assert result_of(request) == result


@pytest.mark.usefixtures("_asks_for_the_next")
def test_conditions_of_lines_tables_and_comments_see_them_too(
    alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    second = {
        "ask": [
            {"group": "finance", "if": "steps.first.answers.price > 100.0"},
            {"expression": "steps.first.answers.next"},
        ],
        "rule": "all",
        "outcomes": [{"key": "approve", "comment": {"when": "steps.first.by.startsWith('bob')"}}, "reject"],
    }
    request = start(two(second), alice)
    answers(bob, next=value(dave), price="250")
    assert sorted(asked(request)) == ["Carol", "Dave"]
    with pytest.raises(engine_errors.CommentNeeded):
        decide(dave)
    request = start(two(second), alice)
    engine.decide(Assignment.objects.get(visit__request=request).pk, by=bob, outcome="approve", channel=PAGE)
    assert request.visits.get(step_key="second").state == Visit.State.STUCK, "the expression names nobody"


NOTE = {"name": "note", "label": "Note", "type": "text"}


@pytest.mark.parametrize(
    ("note", "people"),
    [
        ("group:finance", []),
        ("nobody@elsewhere.example", []),
        ("alice@contoso.example", []),
        ("' || true || '", []),
        ("dave@contoso.example", ["Dave"]),
    ],
)
def test_what_somebody_answered_names_people_as_what_a_form_says_does(
    alice: Person, bob: Person, carol: Person, dave: Person, note: str, people: list[str]
) -> None:
    with questions(NOTE):
        request = start(two({"ask": [{"expression": "steps.first.answers.note"}]}), alice)
        answers(bob, note=note)
        assert asked(request) == people
        assert result_of(request) == ""


def test_all_who_decided_a_step_are_seen_and_can_be_asked_again(
    alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    source = two({"ask": [{"expression": "steps.first.deciders"}]})
    source["steps"]["first"] |= {"ask": [{"person": one.email} for one in (bob, dave)], "rule": "all"}
    request = start(source, alice)
    decide(dave)
    decide(bob)
    assert sorted(asked(request)) == ["Bob", "Dave"]


def test_before_a_step_is_decided_it_is_empty_and_what_comes_next_is_not_foretold(
    alice: Person, bob: Person, carol: Person
) -> None:
    source = seeing("steps.second.outcome == 'approve' && steps.first.outcome == 'approve'")
    request = start(source, alice)
    definition = definition_of(request.version)
    seen = earlier.Values(definition, request)["steps"]
    assert seen == {
        "first": {"outcome": "", "by": "", "deciders": [], "answers": {}},
        "second": {"outcome": "", "by": "", "deciders": [], "answers": {}},
    }
    assert [one.name for one in path_of(request, definition).stations] == ["Started", "First", "Second"]
    assert not policy.is_certain(definition, "second", "approve")
    decide(bob)
    decide(carol)
    assert result_of(request) == "approved"


def test_a_condition_that_looks_at_no_step_costs_no_query(alice: Person) -> None:
    request = start(two({}), alice)
    values = earlier.Values(definition_of(request.version), request)
    with CaptureQueriesContext(connection) as queries:
        assert holds("amount > 100.0", values)
    assert len(queries) == 0
    with CaptureQueriesContext(connection) as queries:
        assert holds("steps.first.by == ''", values)
        assert holds("steps.first.outcome == ''", values)
    assert len(queries) <= 2


WRONG = [
    ("steps.frist.outcome == 'approve'", "there is no step frist that could be decided"),
    ("amount > 1.0 || steps.frist.outcome == 'approve'", "there is no step frist"),
    ("steps.approved.outcome == 'x'", "there is no step approved"),
    ("steps.first.result == 'approve'", "say steps.KEY.outcome"),
    ("steps.first.answers.price > 1.0", "first asks no question price"),
    ("amount > 1.0 || steps[item].by == ''", "say steps.KEY.outcome"),
    ("steps.first.by > 1.0", "cannot be evaluated"),
    ("request.reqester == ''", "cannot be evaluated"),
]


@pytest.mark.parametrize(("condition", "problem"), WRONG)
def test_steps_that_are_not_there_are_named(condition: str, problem: str) -> None:
    with pytest.raises(DefinitionInvalid, match=problem):
        parse_definition(seeing(condition))


def test_what_only_looks_like_a_step_is_none() -> None:
    parse_definition(seeing("item == 'steps.frist.outcome' || item != \"steps\" // steps.x"))


def test_a_field_that_is_called_steps_is_what_is_seen(alice: Person, bob: Person, carol: Person) -> None:
    form = [*FORM, {"name": "steps", "label": "Steps", "type": "text"}]
    source = seeing("steps == 'many'", form)
    request = engine.start(publish(source), alice, {"item": "Desk", "amount": "9", "steps": "many"})
    decide(bob)
    decide(carol)
    assert result_of(request) == "approved"
    with pytest.raises(DefinitionInvalid, match="a field of the form is called steps"):
        parse_definition(seeing("steps.first.outcome == 'approve'", form))
