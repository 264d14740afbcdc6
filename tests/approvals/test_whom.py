"""Who is asked: what each line of `ask` names, who may not decide, and what a requester cannot make of it."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import pytest

from placet.accounts.addresses import add_address, add_person
from placet.accounts.models import Group, Person
from placet.approvals import engine, engine_errors, evidence, whom
from placet.approvals.definitions import definition_of
from placet.approvals.models import Assignment, Decision, Request, Turn, Visit
from placet.approvals.processes import DefinitionInvalid, parse_definition, publish
from placet.audit import chain
from placet.lib.conditions import ConditionError
from placet.mail.models import OutgoingMail
from placet.mailboxes.models import Mailbox
from placet.portal.path import path_of
from tests.approvals.test_engine import at_once
from tests.making import FORM, SAMPLE, asked, entry_of, one_step, open_for

pytestmark = pytest.mark.django_db
PAGE = Decision.Channel.PAGE

REVIEWED = [*FORM, {"name": "reviewer", "label": "Reviewer", "type": "text"}]


def decide(person: Person, outcome: str = "approve") -> Decision:
    return engine.decide(open_for(person).pk, by=person, outcome=outcome, channel=PAGE)


def line(*people: Person) -> None:
    """Each is led by the next one."""
    for one, manager in pairwise(people):
        Person.objects.filter(pk=one.pk).update(manager=manager)


def person(name: str, limit: int | None = None, *, active: bool = True) -> Person:
    made = add_person(name, f"{name.lower()}@contoso.example")
    made.approval_limit, made.is_active = limit, active
    made.save()
    return made


def group(key: str, *people: Person) -> Group:
    made, _ = Group.objects.get_or_create(key=key, defaults={"name": key.title()})
    made.members.set(people)
    return made


def leave(*people: Person) -> None:
    Person.objects.filter(pk__in=[one.pk for one in people]).update(is_active=False)


def step(
    ask: Sequence[Mapping[str, Any]], form: list[dict[str, Any]] = REVIEWED, **of_step: Any
) -> dict[str, Any]:
    """A process with one approval step."""
    source = one_step([dict(who) for who in ask], form=form)
    source["steps"]["step"] |= of_step
    return source


def request_of(source: dict[str, Any], requester: Person, **entered: Any) -> Request:
    return engine.start(publish(source), requester, {"item": "Desk", "amount": "900", **entered})


def names(people: whom.People) -> list[str]:
    return [one.name.split()[0] for one in people.people]


def looked_up(source: dict[str, Any], requester: Person, **data: Any) -> whom.People:
    """Without anybody's being asked."""
    stored = {"item": "Desk", "amount": {"minor": 90_000, "currency": "EUR"}, "reviewer": None, **data}
    request = Request(version=publish(source), requester=requester, data=stored)
    return whom.people_to_ask(parse_definition(source), "step", request)


def stuck_for(request: Request) -> str:
    """Why it is stuck; the visit must be, and nobody may be asked."""
    visit = request.visits.get(state=Visit.State.STUCK)
    assert asked(request) == []
    return visit.reason


def result_of(request: Request) -> str:
    request.refresh_from_db()
    return request.result


# --- the line of managers ---------------------------------------------------------------------------------


def test_the_line_of_managers_is_followed_to_the_first_who_is_there(alice: Person) -> None:
    above = [person(f"M{number}", active=number == 4) for number in range(5)]
    line(alice, *above)
    people = whom.people_to_ask(parse_definition(SAMPLE), "manager", unsaved(alice))
    assert names(people) == ["M4"]
    assert (str(people.reason), people.incomplete) == ("", False)


def test_the_line_of_managers_is_read_as_it_is_now(alice: Person, bob: Person, dave: Person) -> None:
    assert alice.manager == bob  # known to the object
    line(alice, dave)
    assert whom.people_to_ask(parse_definition(SAMPLE), "manager", unsaved(alice)).people == [dave]


@pytest.mark.parametrize(("rule", "incomplete"), [("first", False), ("all", True), (1, True)])
def test_whoever_is_not_there_makes_a_step_incomplete_where_everybody_is_needed(
    alice: Person, rule: str | int, incomplete: bool
) -> None:
    people = looked_up(step([{"manager": True}, {"group": "nowhere"}], rule=rule), alice)
    assert names(people) == ["Bob"]
    assert (people.incomplete, str(people.reason)) == (
        incomplete,
        "there is no group “nowhere”" if incomplete else "",
    )


@pytest.mark.parametrize("state", [Assignment.State.DECIDED, Assignment.State.OPEN, None])
def test_who_answered_and_left_is_not_missing_and_not_asked(
    alice: Person, bob: Person, dave: Person, state: Assignment.State | None
) -> None:
    source = one_step([{"person": bob.email}, {"person": dave.email}], rule="all")
    leave(bob)
    bob.refresh_from_db()
    seats = [Assignment(person=bob, state=state)] if state else []
    answers = [Decision(assignment=seat, by_person=bob) for seat in seats]  # the row that one decided has
    assert len(answers) == len(seats)
    people = whom.people_to_ask(parse_definition(source), "step", unsaved(alice, source), seats)
    assert (people.people, people.incomplete) == ([dave], state != Assignment.State.DECIDED)


@pytest.mark.parametrize(
    ("level", "gone", "names_", "reason"),
    [
        (True, [], ["M1"], ""),
        (1, [], ["M1"], ""),
        (2, [], ["M2"], ""),
        (3, [], ["M3"], ""),
        (4, [], [], "Alice Requester has no manager 4 levels up who can be asked"),
        (2, [2], ["M3"], ""),
        (2, [1], ["M2"], ""),
        (3, [3], [], "Alice Requester has no manager 3 levels up who can be asked"),
        (1, [1, 2, 3], [], "Alice Requester has no manager who can be asked"),
    ],
)
def test_a_manager_some_levels_up_or_the_next_one_above(
    alice: Person, level: int, gone: list[int], names_: list[str], reason: str
) -> None:
    line(alice, *(person(f"M{number}", active=number not in gone) for number in (1, 2, 3)))
    people = looked_up(step([{"manager": level}]), alice)
    assert (names(people), str(people.reason)) == (names_, reason)


def test_in_whatever_lines_and_rings_nobody_is_asked_who_is_below_gone_or_the_requester(
    alice: Person,
) -> None:
    others = [person(f"P{number}") for number in range(6)]
    everybody = [alice, *others]
    sources = {level: step([{"manager": level}]) for level in (1, 2, 3)}
    chance = random.Random(7)
    for _ in range(60):
        leads = {one.pk: chance.choice([None, *everybody]) for one in everybody}
        active = {one.pk: chance.random() < 0.6 for one in others} | {alice.pk: True}
        for one in everybody:
            manager = leads[one.pk]
            Person.objects.filter(pk=one.pk).update(manager=manager, is_active=active[one.pk])
        above: list[Person] = []
        at = leads[alice.pk]
        while at is not None and at != alice and at not in above:
            above.append(at)
            at = leads[at.pk]
        for level, source in sources.items():
            expected = [one.name for one in above[level - 1 :] if active[one.pk]][:1]
            assert [one.name for one in looked_up(source, alice).people] == expected


@pytest.mark.parametrize(("length", "people"), [(50, ["P49"]), (51, [])])
def test_a_line_is_followed_so_far_and_no_further(alice: Person, length: int, people: list[str]) -> None:
    line(alice, *(person(f"P{number}", active=number == length - 1) for number in range(length)))
    assert names(looked_up(step([{"manager": True}]), alice)) == people


def test_a_requester_who_may_decide_is_still_not_their_own_manager(alice: Person, bob: Person) -> None:
    line(alice, bob, alice)
    leave(bob)
    source = step([{"manager": True}], requester_may_decide=True)
    assert stuck_for(request_of(source, alice)) == "Alice Requester has no manager who can be asked"


def test_the_manager_of_somebody_whom_the_form_names(alice: Person, bob: Person, dave: Person) -> None:
    erin, frank = person("Erin"), person("Frank")
    line(erin, frank, dave)
    source = step([{"manager_of": "reviewer"}])
    assert asked(request_of(source, alice, reviewer=erin.email)) == ["Frank"]
    leave(frank, erin)  # that Erin left is no matter: she is not asked
    assert asked(request_of(source, alice, reviewer=erin.email)) == ["Dave"]


def test_the_requester_is_nobodys_manager_here(alice: Person, bob: Person) -> None:
    erin = person("Erin")
    line(erin, alice, bob)
    source = step([{"manager_of": "reviewer"}], requester_may_decide=True)
    assert asked(request_of(source, alice, reviewer=erin.email)) == ["Bob"]
    assert asked(request_of(source, alice, reviewer=alice.email)) == ["Bob"]


@pytest.mark.parametrize(
    ("reviewer", "reason"),
    [
        ("ghost@contoso.example", "ghost@contoso.example is nobody who can be asked"),
        ("bob@contoso.example", "Bob Manager has no manager who can be asked"),
        ("", "“Reviewer” names nobody"),
    ],
)
def test_of_whom_there_is_no_manager(alice: Person, bob: Person, reviewer: str, reason: str) -> None:
    assert stuck_for(request_of(step([{"manager_of": "reviewer"}]), alice, reviewer=reviewer)) == reason


# --- approval limits --------------------------------------------------------------------------------------

UNTIL = "limit >= amount"


@pytest.mark.parametrize(
    ("amount", "only", "everybody"),
    [
        ("0", ["L100"], ["L100"]),
        ("100", ["L100"], ["L100"]),
        ("100.01", ["L1000"], ["L100", "None", "L1000"]),
        ("1000.00", ["L1000"], ["L100", "None", "L1000"]),
        ("5000", ["L5000"], ["L100", "None", "L1000", "L5000"]),
    ],
)
def test_the_line_goes_up_to_the_first_whose_limit_is_enough(
    alice: Person, amount: str, only: list[str], everybody: list[str]
) -> None:
    line(
        alice, person("L100", 100), person("None"), person("Gone", 10**6, active=False),
        person("L1000", 1000), person("L5000", 5000),
    )  # fmt: skip
    for every, expected in ((None, only), (False, only), (True, everybody)):
        chain_ = {"until": UNTIL} | ({} if every is None else {"all": every})
        assert asked(request_of(step([{"managers": chain_}], rule="all"), alice, amount=amount)) == expected


@pytest.mark.parametrize("every", [True, False])
def test_where_nobodys_limit_is_enough_nobody_is_asked(alice: Person, every: bool) -> None:
    line(alice, person("L100", 100), person("None"), person("Gone", 10**6, active=False))
    source = step([{"managers": {"until": UNTIL, "all": every}}])
    reason = "nobody above Alice Requester has an approval limit that is enough"
    assert stuck_for(request_of(source, alice, amount="100.01")) == reason


def test_a_limit_of_the_requester_or_of_a_ring_is_not_enough(alice: Person, bob: Person) -> None:
    Person.objects.filter(pk=alice.pk).update(approval_limit=10**6)
    line(alice, bob, alice)
    source = step([{"managers": {"until": UNTIL}}], requester_may_decide=True)
    assert "nobody above Alice Requester" in stuck_for(request_of(source, alice))


def test_who_has_no_limit_is_not_enough_whatever_the_condition_says(alice: Person, bob: Person) -> None:
    assert "nobody above" in stuck_for(request_of(step([{"managers": {"until": "true"}}]), alice))
    Person.objects.filter(pk=bob.pk).update(approval_limit=0)
    assert asked(request_of(step([{"managers": {"until": "true"}}]), alice)) == ["Bob"]


def test_a_chain_goes_on_above_whoever_decided_before(alice: Person, bob: Person) -> None:
    line(alice, bob, person("Boss", 500))
    Person.objects.filter(pk=bob.pk).update(approval_limit=1000)
    source = two_steps(
        {"ask": [{"manager": True}]},
        {"ask": [{"managers": {"until": "limit >= 500.0"}}], "not_same_as": ["first"]},
    )
    request = request_of(source, alice)
    decide(bob)
    assert asked(request) == ["Boss"]


def test_a_condition_that_cannot_be_worked_out_asks_nobody(alice: Person, bob: Person) -> None:
    Person.objects.filter(pk=bob.pk).update(approval_limit=100)
    source = step([{"managers": {"until": "1 / int(amount - 900.0) > 0"}}])
    assert "it cannot be worked out whom to ask" in stuck_for(request_of(source, alice))


# --- what the requester writes ----------------------------------------------------------------------------


CHOSEN = [{"field": "reviewer"}]


def test_whoever_left_the_group_that_a_field_chooses_from_is_not_asked(alice: Person, bob: Person) -> None:
    legal = group("legal", bob)
    form = [*FORM, {"name": "reviewer", "label": "Reviewer", "type": "person", "among": "legal"}]
    source = step(CHOSEN, form=form)
    assert asked(request_of(source, alice, reviewer=bob.email)) == ["Bob"]
    source["steps"]["first"] = {"kind": "approval", "name": "First", "ask": [{"person": bob.email}]}
    source["start"] = "first"
    source["transitions"] += [
        {"from": "first", "outcome": "approve", "to": "step"},
        {"from": "first", "outcome": "reject", "to": "rejected"},
    ]
    request = request_of(source, alice, reviewer=bob.email)
    legal.members.clear()
    seat = Assignment.objects.get(visit__request=request)
    engine.decide(seat.pk, by=bob, outcome="approve", channel=Decision.Channel.PAGE)
    assert stuck_for(request) == "bob@contoso.example is not in the group “legal”"


@pytest.mark.parametrize("may_decide", [False, True])
def test_a_field_alone_names_no_group_through_an_expression(
    alice: Person, bob: Person, may_decide: bool
) -> None:
    group("own", alice)
    group("pals", bob)
    source = step([{"expression": "reviewer"}], requester_may_decide=may_decide)
    for key in ("own", "pals"):
        assert "is no address" in stuck_for(request_of(source, alice, reviewer=f"group:{key}"))
    source = step([{"expression": '"group:" + reviewer'}], requester_may_decide=may_decide)
    assert asked(request_of(source, alice, reviewer="pals")) == ["Bob"]
    assert stuck_for(request_of(source, alice, reviewer="own")) == "nobody in the group “own” can be asked"


def test_a_gap_between_conditions_skips_nothing(alice: Person, bob: Person) -> None:
    lines: list[dict[str, Any]] = [
        {"manager": True, "if": "amount < 1000"},
        {"group": "team", "if": "amount > 1000"},
    ]
    source = step(lines, nobody={"skip": "approve"})
    request = request_of(source, alice, amount="1000")
    assert stuck_for(request) == "no line of “ask” applies to this request"


@pytest.mark.parametrize(
    "written", ["dave@contoso.example", " Dave@Contoso.Example ", "davy@contoso.example"]
)
def test_the_requester_chooses_who_is_asked(alice: Person, dave: Person, written: str) -> None:
    add_address(dave, "davy@contoso.example")
    assert asked(request_of(step(CHOSEN), alice, reviewer=written)) == ["Dave"]


@pytest.mark.parametrize("may", [True, False])
@pytest.mark.parametrize("ask", [CHOSEN, [{"expression": "reviewer"}], [{"expression": "[reviewer]"}]])
@pytest.mark.parametrize("written", ["alice@contoso.example", "ALICE@contoso.example", "al@contoso.example"])
def test_nobody_chooses_themself_by_whatever_address(
    alice: Person, ask: list[dict[str, Any]], written: str, may: bool
) -> None:
    add_address(alice, "al@contoso.example")
    source = step(ask, requester_may_decide=may)
    reason = "Alice Requester made this request, and so cannot be asked to decide it"
    assert stuck_for(request_of(source, alice, reviewer=written)) == reason


@pytest.mark.parametrize(
    "written",
    [
        "ghost@contoso.example",
        "dave",
        "Dave Stranger <dave@contoso.example>",
        "dave@contoso.example, ghost@contoso.example",
        "dave@contoso.example\u202e",
        "erin@contoso.example",  # has left
        "unconfirmed@contoso.example",
        "group:finance",
        "finance",
        "1",
    ],
)
@pytest.mark.parametrize("source", [step(CHOSEN), step([{"expression": "[reviewer]"}])])
def test_who_is_not_somebody_active_is_not_asked_written_to_or_made(
    mailbox: Mailbox, alice: Person, dave: Person, source: dict[str, Any], written: str
) -> None:
    from allauth.account.models import EmailAddress

    person("Erin", active=False)
    group("finance")
    EmailAddress.objects.create(user=dave, email="unconfirmed@contoso.example", verified=False)
    before = Person.objects.count()
    assert stuck_for(request_of(source, alice, reviewer=written))
    assert Person.objects.count() == before
    assert not OutgoingMail.objects.exists()


def test_a_field_chooses_no_group(alice: Person, carol: Person) -> None:
    reason = stuck_for(request_of(step(CHOSEN), alice, reviewer="group:finance"))
    assert reason == "group:finance is nobody who can be asked"


def test_among_whom_the_requester_may_choose(alice: Person, carol: Person, dave: Person) -> None:
    source = step([{"field": "reviewer", "among": "finance"}])
    assert asked(request_of(source, alice, reviewer=carol.email)) == ["Carol"]
    outside = "dave@contoso.example is not in the group “finance”"
    assert stuck_for(request_of(source, alice, reviewer=dave.email)) == outside
    nowhere = step([{"field": "reviewer", "among": "nowhere"}])
    assert "is not in the group “nowhere”" in stuck_for(request_of(nowhere, alice, reviewer=carol.email))


def test_a_field_that_is_empty_names_nobody(alice: Person) -> None:
    assert stuck_for(request_of(step(CHOSEN), alice)) == "“Reviewer” names nobody"


def test_what_a_field_that_chooses_people_keeps(alice: Person, carol: Person, dave: Person) -> None:
    def kept(one: Person, **other: Any) -> dict[str, Any]:
        return {"person": one.pk, "name": one.name, "address": one.email, **other}

    def of(value: Any, ask: list[dict[str, Any]] = CHOSEN, **more: Any) -> tuple[list[str], str]:
        people = looked_up(step(ask, **more), alice, reviewer=value)
        return names(people), str(people.reason)

    assert of(kept(dave)) == (["Dave"], "")
    assert of([kept(dave), kept(carol)]) == (["Dave", "Carol"], "")
    assert of(kept(dave, address=carol.email)) == (["Dave"], ""), "the person counts, and not what is shown"
    assert of(kept(alice)) == ([], "Alice Requester made this request, and so cannot be asked to decide it")
    assert of(kept(alice), requester_may_decide=True)[0] == []
    assert of([kept(alice), kept(dave)], rule="all") == (
        ["Dave"],
        "Alice Requester made this request, and so cannot be asked to decide it",
    )
    assert of({"person": -1, "name": "Nemo"}) == ([], "Nemo is nobody who can be asked")
    for number in (str(dave.pk), True, None, 10**9, [dave.pk]):
        assert of(kept(dave, person=number)) == ([], "dave@contoso.example is nobody who can be asked")
    among = [{"field": "reviewer", "among": "finance"}]
    assert of([kept(dave), kept(carol)], among) == (["Carol"], "")
    assert of(kept(dave), among) == ([], "dave@contoso.example is not in the group “finance”")
    line(dave, carol)
    assert of(kept(dave), [{"manager_of": "reviewer"}]) == (["Carol"], "")
    assert of([dave.email] * 50) == (["Dave"], "")
    assert "names more than 50 people" in of([dave.email] * 51)[1]
    empties: list[Any] = [None, "", [], {}]
    for empty in empties:
        assert of(empty) == ([], "“Reviewer” names nobody")


# --- expressions ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "people"),
    [
        ("'dave@contoso.example'", ["Dave"]),
        ("['dave@contoso.example', 'group:finance']", ["Dave", "Carol"]),
        ("amount > 500.0 ? 'group:finance' : 'dave@contoso.example'", ["Carol"]),
        ("amount > 5000.0 ? 'group:finance' : 'dave@contoso.example'", ["Dave"]),
        ("[reviewer, 'DAVE@contoso.example', '']", ["Dave"]),
        ("{'Desk': 'group:finance'}[item]", ["Carol"]),
    ],
)
def test_an_expression_names_people(
    alice: Person, carol: Person, dave: Person, expression: str, people: list[str]
) -> None:
    assert asked(request_of(step([{"expression": expression}], rule="all"), alice)) == people


@pytest.mark.parametrize(
    ("expression", "entered", "reason"),
    [
        ("reviewer", {}, "“reviewer” names nobody"),
        ("['', reviewer]", {}, "names nobody"),
        ("['dave@contoso.example', reviewer]", {"reviewer": "ghost@x.example"}, "ghost@x.example is nobody"),
        ("'group:' + reviewer", {"reviewer": "nowhere"}, "there is no group “nowhere”"),
        ("'group:' + reviewer", {}, "there is no group “”"),
        ("{'Chair': 'dave@contoso.example'}[item]", {}, "it cannot be worked out whom to ask"),
        ("reviewer == 'x' ? ['dave@contoso.example'] : [[reviewer]][0]", {}, "names nobody"),
        ("item.startsWith('x') ? 'a@b.example' : reviewer + reviewer", {"reviewer": "x" * 200}, "no address"),
        ("reviewer", {"reviewer": "dave@contoso.example\u202e"}, "no address"),
    ],
)
def test_an_expression_that_names_nobody_or_nonsense_asks_nobody(
    alice: Person, carol: Person, dave: Person, expression: str, entered: dict[str, str], reason: str
) -> None:
    request = request_of(step([{"expression": expression}], rule="all"), alice, **entered)
    assert reason in stuck_for(request)


@pytest.mark.parametrize(
    "values", [1, None, True, b"a@b.example", 1.5, {"a": "b"}, ["a@b.example", 1], [["a"]]]
)
def test_an_expression_comes_to_addresses_or_to_an_error(values: Any) -> None:
    with pytest.raises(ConditionError, match="neither an address nor a list"):
        whom.entries_of("x", {"x": values})


def test_an_expression_names_at_most_fifty(alice: Person) -> None:
    assert whom.entries_of("x", {"x": ["a@b.example"] * 50}) == ["a@b.example"] * 50
    with pytest.raises(ConditionError, match="more than 50"):
        whom.entries_of("x", {"x": ["a@b.example"] * 51})
    members = [person(f"P{number}") for number in range(51)]
    crowd = group("crowd", *members[:50])
    source = step([{"expression": "'group:' + reviewer"}])
    assert len(asked(request_of(source, alice, reviewer="crowd"))) == 50
    crowd.members.add(members[50])
    request = request_of(source, alice, reviewer="crowd")
    assert "names more than 50 people" in stuck_for(request)
    assert len(asked(request_of(step([{"group": "crowd"}]), alice))) == 51, (
        "what the process itself says is not capped"
    )


def test_an_error_asks_nobody_even_where_others_are_named(alice: Person, bob: Person) -> None:
    """With the rule `first` one that is there is enough; but here nobody knows who should be."""
    source = step([{"manager": True}, {"expression": "{'Chair': 'a@b.example'}[item]"}])
    assert "it cannot be worked out" in stuck_for(request_of(source, alice))


def test_an_error_stays_on_its_line_whatever_the_form_says(alice: Person) -> None:
    form = [*FORM, {"name": "why", "label": "Why", "type": "long_text"}]
    source = step([{"manager": True, "if": "item.matches(why)"}], form)
    reason = stuck_for(request_of(source, alice, why="(\n\nAll is well: press “Ask again”."))
    assert "All is well" in reason
    assert len(reason.splitlines()) == 1


def test_an_error_is_not_put_to_others(alice: Person, bob: Person) -> None:
    others = {"ask": [{"manager": True}]}
    source = step([{"expression": "{'Chair': 'a@b.example'}[item]"}], nobody=others)
    assert "it cannot be worked out" in stuck_for(request_of(source, alice))


def test_a_long_error_is_cut(alice: Person) -> None:
    form = [*FORM, {"name": "why", "label": "Why", "type": "long_text"}]
    source = step([{"expression": "{'Chair': 'a@b.example'}[why]"}], form)
    assert len(stuck_for(request_of(source, alice, why="x" * 9000))) < 400


# --- a condition on a line --------------------------------------------------------------------------------


@pytest.mark.parametrize(("amount", "people"), [("1000", ["Bob"]), ("1000.01", ["Bob", "Carol"])])
def test_a_line_counts_only_if_its_condition_holds(
    alice: Person, carol: Person, amount: str, people: list[str]
) -> None:
    ask: list[dict[str, Any]] = [{"manager": True}, {"group": "finance", "if": "amount > 1000"}]
    assert asked(request_of(step(ask, rule="all"), alice, amount=amount)) == people


def test_whom_a_line_names_that_does_not_apply_is_not_missing(alice: Person) -> None:
    ask: list[dict[str, Any]] = [{"manager": True}, {"group": "nowhere", "if": "amount > 1000"}]
    request = request_of(step(ask, rule="all"), alice)
    assert asked(request) == ["Bob"]
    assert "nowhere" in stuck_for(request_of(step(ask, rule="all"), alice, amount="1001"))


def test_where_no_line_applies_the_step_is_stuck(alice: Person) -> None:
    for rule in ("first", "all", 1):
        source = step([{"manager": True, "if": "amount > 1000"}], rule=rule)
        assert stuck_for(request_of(source, alice)) == "no line of “ask” applies to this request"


def test_a_condition_of_a_line_that_cannot_be_worked_out_asks_nobody(alice: Person, carol: Person) -> None:
    ask: list[dict[str, Any]] = [{"group": "finance"}, {"manager": True, "if": "1 / int(amount - 900.0) > 0"}]
    assert "it cannot be worked out" in stuck_for(request_of(step(ask), alice))
    assert asked(request_of(step(ask), alice, amount="901")) == ["Carol", "Bob"]


# --- who decided a step -----------------------------------------------------------------------------------


def two_steps(first: dict[str, Any], second: dict[str, Any], **more: Any) -> dict[str, Any]:
    """From the first step to the second; a rejection of the second leads back to the first."""
    source = one_step([], form=REVIEWED, **more)
    common = {"kind": "approval", "rule": "first"}
    source["steps"] = {
        "first": {**common, "name": "First", **first},
        "second": {**common, "name": "Second", **second},
        "approved": source["steps"]["approved"],
        "rejected": source["steps"]["rejected"],
    }
    source["start"] = "first"
    source["transitions"] = [
        {"from": "first", "outcome": "approve", "to": "second"},
        {"from": "first", "outcome": "reject", "to": "rejected"},
        {"from": "second", "outcome": "approve", "to": "approved"},
        {"from": "second", "outcome": "reject", "to": "first"},
    ]
    return source


def test_who_decided_a_step_is_asked_again(alice: Person, bob: Person, carol: Person, dave: Person) -> None:
    group("team", bob, carol, dave)
    source = two_steps({"ask": [{"group": "team"}], "rule": 2}, {"ask": [{"decided": "first"}]})
    request = request_of(source, alice)
    decide(carol)
    decide(dave)
    assert asked(request) == ["Carol", "Dave"]
    decide(carol, "reject")
    assert asked(request) == ["Bob", "Carol", "Dave"]
    decide(bob)
    decide(dave)
    assert asked(request) == ["Bob", "Dave"], "the latest visit counts"


def test_who_decided_and_left_is_not_asked(alice: Person, bob: Person, carol: Person) -> None:
    source = two_steps({"ask": [{"manager": True}]}, {"ask": [{"decided": "first"}, {"group": "finance"}]})
    request = request_of(source, alice)
    decide(bob)
    assert asked(request) == ["Bob", "Carol"]
    other = request_of({**source, "key": "other"}, alice)
    leave(bob)
    engine.deactivate(bob, by=carol)
    assert asked(request) == ["Carol"]
    assert stuck_for(other) == "Alice Requester has no manager who can be asked"


def test_a_step_that_nobody_decided_names_nobody(alice: Person) -> None:
    request = request_of(two_steps({"ask": [{"decided": "second"}]}, {"ask": [{"manager": True}]}), alice)
    assert stuck_for(request) == "nobody who decided “Second” can be asked"


def test_who_decided_in_another_request_is_nobody_here(alice: Person, bob: Person) -> None:
    source = two_steps({"ask": [{"decided": "second"}], "nobody": {"ask": [{"manager": True}]}},
                       {"ask": [{"group": "team"}]})  # fmt: skip
    group("team", person("Erin"))
    one, other = request_of(source, alice), request_of(source, alice)
    decide_in(one, bob)
    decide_in(one, Person.objects.get(name="Erin"), "reject")
    assert asked(one) == ["Erin"]
    assert [asked(other), asked(request_of(source, alice))] == [["Bob"], ["Bob"]]


def test_a_step_that_is_still_being_decided_counts_as_it_was_the_last_time(
    alice: Person, bob: Person, carol: Person, dave: Person, admin: Person
) -> None:
    team = group("team", bob, carol)
    others = {"ask": [{"group": "team"}]}
    request = request_of(step([{"decided": "step"}], rule=2, nobody=others), alice)
    decide(bob)
    team.members.add(dave)
    engine.deactivate(carol, by=admin)
    assert (request.visits.get().state, asked(request)) == (Visit.State.OPEN, ["Dave"])


def test_who_decided_is_asked_in_one_order_whatever_they_are_called(alice: Person, bob: Person) -> None:
    zoe, abe = person("Zoe"), person("Abe")
    group("team", zoe, abe)
    request = request_of(
        two_steps({"ask": [{"group": "team"}], "rule": 2}, {"ask": [{"decided": "first"}]}), alice
    )
    decide(abe)
    decide(zoe)
    assert asked(request) == ["Zoe", "Abe"]


def decide_in(request: Request, by: Person, outcome: str = "approve") -> Decision:
    seat = Assignment.objects.get(visit__request=request, person=by, state=Assignment.State.OPEN)
    return engine.decide(seat.pk, by=by, outcome=outcome, channel=PAGE)


# --- one of a group ---------------------------------------------------------------------------------------


def in_turn(source: dict[str, Any], requester: Person, times: int) -> list[str]:
    return [" ".join(asked(request_of(source, requester))) for _ in range(times)]


NEXT: list[dict[str, Any]] = [{"group": "team", "pick": "next"}]


def test_a_group_is_asked_in_turn(alice: Person, bob: Person, carol: Person, dave: Person) -> None:
    team = group("team", dave, bob, carol)
    assert in_turn(step(NEXT), alice, 5) == ["Bob", "Carol", "Dave", "Bob", "Carol"]
    leave(dave)
    assert in_turn(step(NEXT), alice, 2) == ["Bob", "Carol"], "who is not there is passed over"
    erin = person("Erin")
    team.members.add(erin)
    assert in_turn({**step(NEXT), "key": "other"}, alice, 2) == ["Erin", "Bob"], "of all processes together"
    team.members.remove(bob)
    assert in_turn(step(NEXT), alice, 1) == ["Carol"]
    group("other", bob, carol)
    assert in_turn(step([{"group": "other", "pick": "next"}]), alice, 2) == ["Bob", "Carol"]
    assert in_turn(step(NEXT), alice, 1) == ["Erin"], "each group has a turn of its own"


def test_the_requester_is_passed_over_and_keeps_no_turn(alice: Person, bob: Person, dave: Person) -> None:
    group("team", alice, bob, dave)
    assert in_turn(step(NEXT), alice, 3) == ["Bob", "Dave", "Bob"]
    assert in_turn(step(NEXT), dave, 3) == ["Alice", "Bob", "Alice"]


def test_a_pick_stays_until_they_are_gone(
    alice: Person, bob: Person, carol: Person, dave: Person, admin: Person
) -> None:
    """Whenever it is looked up again in the same visit."""
    erin = person("Erin")
    team = group("team", bob, carol, erin)
    source = step([*NEXT, {"person": dave.email}], rule="all", nobody={"ask": [{"person": admin.email}]})
    request = request_of(source, alice)
    assert asked(request) == ["Bob", "Dave"]
    turn = Turn.objects.get()
    engine.deactivate(dave, by=admin)
    visit = request.visits.get()
    assert (visit.state, asked(request)) == (Visit.State.STUCK, ["Bob"])
    assert in_turn(step(NEXT), alice, 1) == ["Carol"]
    Person.objects.filter(pk=dave.pk).update(is_active=True)
    engine.ask_again(visit.pk, by=admin)
    assert asked(request) == ["Bob", "Dave"]
    team.members.remove(bob)  # his question stays open, so he stays the pick
    engine.deactivate(dave, by=admin)
    assert asked(request) == ["Bob"]
    turn.refresh_from_db()
    assert turn.last == carol
    engine.deactivate(bob, by=admin)
    turn.refresh_from_db()
    assert (asked(request), turn.last) == ([], carol), "stuck for Dave's sake: it was nobody's turn"
    Person.objects.filter(pk=dave.pk).update(is_active=True)
    engine.ask_again(visit.pk, by=admin)
    assert sorted(asked(request)) == ["Dave", "Erin"]
    turn.refresh_from_db()
    assert turn.last == erin
    decide(erin)
    engine.deactivate(erin, by=admin)
    engine.deactivate(dave, by=admin)
    assert asked(request) == [], "who answered and left was the pick: nobody else is"


def test_a_pick_is_known_from_those_whom_other_lines_name(
    alice: Person, bob: Person, carol: Person, dave: Person, admin: Person
) -> None:
    group("team", bob, carol)
    request = request_of(step([{"person": dave.email}, *NEXT], rule="all"), alice)
    assert asked(request) == ["Dave", "Bob"]
    engine.deactivate(bob, by=admin)
    assert asked(request) == ["Dave", "Carol"]


def test_whoever_another_line_names_is_not_picked_beside(alice: Person, bob: Person, dave: Person) -> None:
    group("team", bob, dave)
    ask = [*NEXT, {"manager": True}]
    assert in_turn(step(ask, rule="all"), alice, 2) == ["Dave Bob", "Dave Bob"]
    leave(dave)
    assert in_turn(step(ask, rule="all"), alice, 1) == ["Bob"], "if there is nobody else"


def test_two_of_a_group_in_turn(alice: Person, bob: Person, carol: Person, dave: Person) -> None:
    group("team", bob, carol, dave)
    assert in_turn(step([*NEXT, *NEXT], rule="all"), alice, 3) == ["Bob Carol", "Dave Bob", "Carol Dave"]
    assert Turn.objects.get().last == dave


def test_a_step_that_is_stuck_takes_no_turn(alice: Person, bob: Person, dave: Person) -> None:
    group("team", bob, dave)
    stuck = request_of(step([*NEXT, {"group": "nowhere"}], rule="all"), alice)
    assert stuck_for(stuck) == "there is no group “nowhere”"
    assert in_turn(step(NEXT), alice, 1) == ["Bob"]


BUSY: list[dict[str, Any]] = [{"group": "team", "pick": "least_busy"}]


def test_whoever_has_the_fewest_open_questions_is_asked(
    alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    group("team", dave, carol, bob)
    assert in_turn(step(BUSY), alice, 4) == ["Bob", "Carol", "Dave", "Bob"]
    assert asked(request_of(step([{"person": carol.email}]), alice)) == ["Carol"]
    assert in_turn(step(BUSY), alice, 1) == ["Dave"]
    for seat in Assignment.objects.filter(person=bob):
        engine.decide(seat.pk, by=bob, outcome="reject", channel=PAGE)
    assert in_turn(step(BUSY), alice, 1) == ["Bob"], "what is answered is no work"
    leave(bob)
    assert in_turn(step(BUSY), alice, 1) == ["Carol"]
    assert not Turn.objects.exists()


def test_the_least_busy_one_stays_asked_when_others_become_less_busy(
    alice: Person, bob: Person, carol: Person, admin: Person
) -> None:
    group("team", bob, carol)
    request = request_of(step([*BUSY, {"person": admin.email}], rule="all"), alice)
    assert asked(request) == ["Bob", "Ada"]
    request_of(step([{"person": bob.email}]), alice)
    engine.deactivate(admin, by=bob)
    assert asked(request) == ["Bob"]


@pytest.mark.django_db(transaction=True)
def test_of_requests_at_the_same_instant_each_takes_a_turn(alice: Person, bob: Person, dave: Person) -> None:
    """Of requests that are decided; those that are started wait for their number anyway."""
    group("team", dave, person("Erin"), person("Frank"))
    version = publish(two_steps({"ask": [{"manager": True}]}, {"ask": NEXT}))
    for round_ in (1, 2, 3):
        for _ in range(3):
            engine.start(version, alice, {"item": "Desk", "amount": "900"})
        seats = Assignment.objects.filter(person=bob, state=Assignment.State.OPEN)
        results = at_once(*[partial(answered, seat.pk, bob) for seat in seats])
        assert all(isinstance(result, Decision) for result in results), results
        numbers = Assignment.objects.exclude(person=bob).values_list("person__name").order_by()
        assert Counter(name for (name,) in numbers) == {
            "Dave Stranger": round_,
            "Erin": round_,
            "Frank": round_,
        }


def answered(seat: int, by: Person) -> Decision:
    return engine.decide(seat, by=by, outcome="approve", channel=PAGE)


def test_a_group_with_a_turn_can_be_deleted(alice: Person, bob: Person) -> None:
    team = group("team", bob)
    request_of(step(NEXT), alice)
    team.delete()
    assert not Turn.objects.exists()


# --- if nobody can be asked -------------------------------------------------------------------------------


def test_others_are_asked_where_nobody_can_be(
    alice: Person, bob: Person, dave: Person, admin: Person
) -> None:
    group("team")
    source = step(
        [{"group": "team"}], nobody={"ask": [{"person": dave.email}, {"manager": True}]}, rule="all"
    )
    request = request_of(source, alice)
    assert asked(request) == ["Dave", "Bob"]
    assert [seat.source for seat in Assignment.objects.filter(visit__request=request)] == [1, 2]
    group("team", admin)
    assert asked(request_of(source, alice)) == ["Ada"]


def test_others_are_asked_when_the_last_one_leaves(
    alice: Person, bob: Person, dave: Person, admin: Person
) -> None:
    request = request_of(step([{"manager": True}], nobody={"ask": [{"person": dave.email}]}), alice)
    assert asked(request) == ["Bob"]
    engine.deactivate(bob, by=admin)
    assert asked(request) == ["Dave"]


def test_others_who_cannot_be_asked_either(alice: Person) -> None:
    source = step([{"group": "team"}], nobody={"ask": [{"group": "nowhere"}]})
    group("team")
    reason = "the group “team” has no members; there is no group “nowhere”"
    assert stuck_for(request_of(source, alice)) == reason


def test_an_address_that_is_nobodys_is_put_to_others(alice: Person, bob: Person) -> None:
    source = step(CHOSEN, nobody={"ask": [{"manager": True}]})
    assert asked(request_of(source, alice, reviewer="ghost@contoso.example")) == ["Bob"]
    assert asked(request_of(source, alice, reviewer="alice@contoso.example")) == ["Bob"]


SKIP = {"skip": "approve"}


@pytest.mark.parametrize(
    "ask",
    [
        [{"group": "team"}],
        [{"group": "team", "pick": "next"}],
        [{"group": "team", "pick": "least_busy"}],
        [{"manager": True}],
        [{"manager": 2}],
        [{"person": "erin@contoso.example"}],
        [{"manager": True}, {"group": "team"}],
        [{"decided": "step"}],
    ],
)
@pytest.mark.parametrize("rule", ["first", "all", 2])
def test_a_step_where_nobody_is_there_is_skipped(
    mailbox: Mailbox, dave: Person, ask: list[dict[str, Any]], rule: str | int
) -> None:
    erin = person("Erin", active=False)
    group("team", erin)
    request = request_of(step(ask, rule=rule, nobody=SKIP), dave)
    assert result_of(request) == "approved"
    visit = request.visits.get()
    assert (visit.state, visit.result, visit.reason) == (Visit.State.CLOSED, "approve", "")
    assert not visit.assignments.exists()
    skipped = entry_of("skipped", request=request)
    assert (skipped.who, skipped.what["step"], skipped.what["round"]) == ("system", "step", 1)
    assert skipped.value("reason")
    assert [mail.kind for mail in OutgoingMail.objects.all()] == ["ended"]
    assert list(chain.verify(request.pk)) == []
    assert list(evidence.compare(request.pk)) == []


@pytest.mark.parametrize(
    ("ask", "entered"),
    [
        ([{"group": "nowhere"}], {}),
        ([{"group": "nowhere", "pick": "next"}], {}),
        ([{"person": "ghost@contoso.example"}], {}),
        ([{"group": "own"}], {}),
        ([{"group": "own", "pick": "next"}], {}),
        ([{"person": "dave@contoso.example"}], {}),
        (CHOSEN, {}),
        (CHOSEN, {"reviewer": "ghost@contoso.example"}),
        (CHOSEN, {"reviewer": "dave@contoso.example"}),
        (CHOSEN, {"reviewer": "erin@contoso.example"}),
        ([{"field": "reviewer", "among": "team"}], {"reviewer": "bob@contoso.example"}),
        ([{"manager_of": "reviewer"}], {"reviewer": "ghost@contoso.example"}),
        ([{"manager_of": "reviewer"}], {"reviewer": "bob@contoso.example"}),
        ([{"managers": {"until": UNTIL}}], {"amount": "1000000"}),
        ([{"expression": "reviewer"}], {}),
        ([{"expression": "'group:team'"}], {}),
        ([{"expression": "{'Chair': 'a@b.example'}[item]"}], {}),
        ([{"group": "team", "if": "1 / int(amount - 900.0) > 0"}], {}),
        ([{"group": "team"}, *CHOSEN], {"reviewer": "ghost@contoso.example"}),
    ],
)
def test_no_step_is_skipped_by_what_a_requester_writes_or_where_somebody_may_not_decide(
    bob: Person, dave: Person, ask: list[dict[str, Any]], entered: dict[str, str]
) -> None:
    group("team", person("Erin", active=False))
    group("own", dave)
    request = request_of(step(ask, nobody=SKIP), dave, **entered)
    assert stuck_for(request)
    assert result_of(request) == ""


def test_a_step_is_not_skipped_while_somebody_is_asked_or_has_answered(
    alice: Person, bob: Person, carol: Person, admin: Person
) -> None:
    """Bob is asked as the manager; then he is nobody's manager any more, and somebody else leaves."""
    source = step([{"manager": True}, {"group": "finance"}], rule="all", nobody=SKIP)
    request, other = request_of(source, alice), request_of(source, alice)
    decide_in(other, bob)
    Person.objects.filter(pk=alice.pk).update(manager=None)
    engine.deactivate(carol, by=admin)
    assert [result_of(one) for one in (request, other)] == ["", ""]
    assert [one.visits.get().state for one in (request, other)] == [Visit.State.STUCK] * 2


def test_a_step_is_skipped_once_the_last_one_has_left(alice: Person, bob: Person, admin: Person) -> None:
    request = request_of(step([{"manager": True}], nobody={"skip": "reject"}), alice)
    engine.deactivate(bob, by=admin)
    assert result_of(request) == "rejected"
    assert list(chain.verify(request.pk)) == []


def test_the_path_says_that_nobody_was_asked(alice: Person, bob: Person, dave: Person, admin: Person) -> None:
    def words(request: Request) -> list[str]:
        request.refresh_from_db()
        return [
            station.words
            for station in path_of(request, definition_of(request.version), with_reasons=True).stations[1:-1]
        ]

    skipped = "approved; nobody was there to be asked"
    source = two_steps({"ask": [{"manager": True}], "nobody": SKIP}, {"ask": [{"person": dave.email}]})
    request = request_of(source, admin)
    decide(dave)
    assert words(request) == [skipped, "approved"]
    left = request_of({**source, "key": "other"}, alice)
    engine.deactivate(bob, by=admin)
    decide(dave, "approve")
    assert words(left) == [skipped, "approved"], "and that he was asked and left stands below it"
    withdrawn = request_of(source, admin)
    engine.withdraw(withdrawn.pk, by=admin)
    assert words(withdrawn) == [skipped, "withdrawn"]


def test_several_steps_are_skipped_one_after_the_other(dave: Person) -> None:
    group("team")
    source = two_steps(
        {"ask": [{"group": "team"}], "nobody": SKIP}, {"ask": [{"manager": True}], "nobody": SKIP}
    )
    assert result_of(request_of(source, dave)) == "approved"


# --- four eyes --------------------------------------------------------------------------------------------


TEAM = {"ask": [{"group": "team"}]}
OTHER_EYES = {**TEAM, "not_same_as": ["first"]}


def test_who_decided_one_step_is_not_asked_in_the_other(
    alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    group("team", bob, carol, dave)
    request = request_of(two_steps(TEAM, OTHER_EYES), alice)
    decide(carol)
    assert asked(request) == ["Bob", "Dave"]
    other = request_of(two_steps(TEAM, TEAM), alice)
    decide_in(other, carol)
    assert asked(other) == ["Bob", "Carol", "Dave"]


def test_earlier_rounds_count_too(alice: Person, bob: Person, carol: Person, dave: Person) -> None:
    group("team", bob, carol, dave)
    request = request_of(two_steps(TEAM, OTHER_EYES), alice)
    decide(carol)
    decide(bob, "reject")  # back to the first step
    decide(dave)
    assert asked(request) == ["Bob"]


def test_who_decided_this_step_before_is_asked_in_it_again(
    alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    group("team", bob, carol, dave)
    request = request_of(two_steps(TEAM, OTHER_EYES), alice)
    decide(carol)
    decide(bob, "reject")  # back to the first step
    assert asked(request) == ["Carol", "Dave"]
    decide(carol)
    assert asked(request) == ["Bob", "Dave"]


@pytest.mark.parametrize(
    ("first", "second"), [(TEAM, OTHER_EYES), ({**TEAM, "not_same_as": ["second"]}, TEAM)]
)
def test_whichever_step_says_it_neither_is_decided_by_who_decided_the_other(
    alice: Person, bob: Person, carol: Person, dave: Person, first: dict[str, Any], second: dict[str, Any]
) -> None:
    """In the order in which they come, and where a way back leads from the second one to the first."""
    group("team", bob, carol, dave)
    request = request_of(two_steps(first, second), alice)
    decide(carol)
    assert asked(request) == ["Bob", "Dave"]
    decide(bob, "reject")
    assert asked(request) == ["Carol", "Dave"]
    assert "“Second”" in barred(request, two_steps(first, second), "first", bob)


def test_another_request_bars_nobody(alice: Person, bob: Person) -> None:
    group("team", bob)
    source = two_steps({"ask": [{"manager": True}]}, OTHER_EYES)
    request_of(source, alice)
    decide(bob)
    carol = person("Carla")
    line(alice, carol)
    request = request_of(source, alice)
    decide(carol)
    assert asked(request) == ["Bob"]


def test_several_addresses_are_one_human(alice: Person, bob: Person, dave: Person) -> None:
    add_address(bob, "robert@contoso.example")
    source = two_steps(
        {"ask": [{"person": "bob@contoso.example"}]},
        {"ask": [{"person": "robert@contoso.example"}], "not_same_as": ["first"]},
    )
    request = request_of(source, alice)
    decide(bob)
    reason = "robert@contoso.example is nobody who can be asked (Bob Manager decided “First” before)"
    assert stuck_for(request) == reason


def test_a_reason_names_nobody_who_is_not_barred(alice: Person, bob: Person, carol: Person) -> None:
    group("team", bob, alice)
    request = request_of(two_steps({"ask": [{"manager": True}]}, OTHER_EYES), alice)
    decide(bob)
    assert (
        stuck_for(request) == "nobody in the group “team” can be asked (Bob Manager decided “First” before)"
    )


def test_four_eyes_are_not_skipped(alice: Person, bob: Person) -> None:
    group("team", bob)
    source = two_steps(TEAM, {**OTHER_EYES, "nobody": SKIP})
    request = request_of(source, alice)
    decide(bob)
    assert "Bob Manager decided “First” before" in stuck_for(request)


def test_four_eyes_where_others_are_asked_instead(alice: Person, bob: Person, dave: Person) -> None:
    group("team", bob)
    others = {"ask": [{"manager": True}, {"person": dave.email}]}
    request = request_of(two_steps(TEAM, {**OTHER_EYES, "nobody": others}), alice)
    decide(bob)
    assert asked(request) == ["Dave"]


@pytest.mark.parametrize("pick", ["next", "least_busy"])
def test_who_decided_before_is_not_picked(alice: Person, bob: Person, carol: Person, pick: str) -> None:
    group("team", bob, carol)
    second = {"ask": [{"group": "team", "pick": pick}], "not_same_as": ["first"]}
    request = request_of(two_steps({"ask": [{"manager": True}]}, second), alice)
    decide(bob)
    assert asked(request) == ["Carol"]


def test_in_a_line_of_managers_the_next_one_is_the_second_pair_of_eyes(alice: Person, bob: Person) -> None:
    line(alice, bob, person("Boss"))
    manager = {"ask": [{"manager": True}]}
    request = request_of(two_steps(manager, {**manager, "not_same_as": ["first"]}), alice)
    decide(bob)
    assert asked(request) == ["Boss"]


def barred(request: Request, source: dict[str, Any], step_key: str, one: Person) -> str:
    return str(whom.Bars(request, parse_definition(source), step_key).against(one))


def test_whoever_decided_the_other_step_meanwhile_cannot_decide_this_one(
    alice: Person, bob: Person, carol: Person
) -> None:
    """Looked at once more when they answer, as they may have been asked before."""
    group("team", bob, carol)
    source = two_steps(TEAM, OTHER_EYES)
    request = request_of(source, alice)
    decide(carol)
    seat = open_for(bob)
    other = Visit.objects.get(request=request, step_key="first").assignments.get(person=bob)
    late = Decision.objects.create(assignment=other, outcome="approve", by_person=bob, channel=PAGE)
    assert barred(request, source, "second", bob) == (
        "You decided “First” of this request, so this step needs somebody else. "
        "Please tell an administrator if nobody else is asked."
    )
    with pytest.raises(engine_errors.Barred, match="You decided “First” of this request"):
        engine.decide(seat.pk, by=bob, outcome="approve", channel=PAGE)
    seat.refresh_from_db()
    assert seat.state == Assignment.State.OPEN
    late.delete()
    engine.decide(seat.pk, by=bob, outcome="approve", channel=PAGE)
    assert result_of(request) == "approved"


@pytest.mark.parametrize("may", [True, False])
def test_nobody_decides_their_own_request_unless_the_process_says_so(alice: Person, may: bool) -> None:
    group("team", alice)
    source = two_steps(TEAM, TEAM, requester_may_decide=True)
    source["steps"]["first"]["requester_may_decide"] = may
    request = request_of({**source, "requester_may_decide": True}, alice)
    assert barred(request, source, "first", alice) == (
        "" if may else "Nobody decides their own request in this process."
    )
    assert barred(request, source, "second", alice) == ""
    assert asked(request) == (["Alice"] if may else [])


# --- what is checked before publishing --------------------------------------------------------------------


def problems(source: dict[str, Any]) -> list[str]:
    try:
        parse_definition(source)
    except DefinitionInvalid as error:
        return error.problems
    return []


@pytest.mark.parametrize(
    ("who", "problem"),
    [
        ({"manager": 0}, "say true, or how many levels up: 1 to 10"),
        ({"manager": 11}, "say true, or how many levels up: 1 to 10"),
        ({"manager": "2"}, "say true, or how many levels up: 1 to 10"),
        ({"manager": 2.0}, "say true, or how many levels up: 1 to 10"),
        ({"manager": True, "pick": "next"}, "pick belongs to a group"),
        ({"group": "x", "pick": "any"}, "Input should be 'next' or 'least_busy'"),
        ({"group": "x", "among": "y"}, "among belongs to a field"),
        ({"manager": True, "field": "reviewer"}, "say exactly one of"),
        ({"if": "true"}, "say exactly one of"),
        ({"managers": {"all": True}}, "until: Field required"),
        ({"managers": {"until": ""}}, "until: String should have at least 1 character"),
        ({"managers": {"until": "limit"}}, "“limit” is neither true nor false."),
        ({"managers": {"until": "limits > 1.0"}}, "“limits > 1.0” cannot be evaluated"),
        ({"manager": True, "if": "limit > 1.0"}, "“limit > 1.0” cannot be evaluated"),
        ({"manager": True, "if": "amount"}, "“amount” is neither true nor false."),
        ({"manager": True, "if": "amount >"}, "is not a condition"),
        ({"field": "nobody"}, "steps.step: ask, number 1: there is no field nobody"),
        ({"manager_of": "nobody"}, "steps.step: ask, number 1: there is no field nobody"),
        (
            {"field": "amount"},
            "ask, number 1: amount is of type money; "
            "a field that names somebody is of type person, people, email, text",
        ),
        ({"manager_of": "amount"}, "ask, number 1: amount is of type money"),
        ({"decided": "nowhere"}, "ask, number 1: there is no approval step nowhere"),
        ({"decided": "approved"}, "ask, number 1: there is no approval step approved"),
        ({"expression": "1"}, "neither an address nor a list of addresses and group:KEY"),
        ({"expression": "[1]"}, "neither an address nor a list of addresses and group:KEY"),
        ({"expression": "amount"}, "neither an address nor a list of addresses and group:KEY"),
        ({"expression": "reviwer"}, "“reviwer” cannot be evaluated"),
        ({"expression": "reviewer +"}, "is not a condition"),
        ({"expression": str(["a@b.example"] * 51)}, "names more than 50 people"),
    ],
)
def test_each_mistake_in_a_line_is_named(who: dict[str, Any], problem: str) -> None:
    of_ask = problems(step([who]))
    assert any(problem in one for one in of_ask), of_ask
    of_others = problems(step([{"manager": True}], nobody={"ask": [who]}))
    assert any(problem.replace("ask, number", "nobody.ask, number") in one for one in of_others), of_others


@pytest.mark.parametrize(
    ("of_step", "problem"),
    [
        ({"nobody": "skip"}, "say stuck, {skip: OUTCOME} or {ask: [...]}"),
        ({"nobody": ["stuck"]}, "say stuck, {skip: OUTCOME} or {ask: [...]}"),
        ({"nobody": {}}, "say exactly one of skip and ask, or stuck"),
        ({"nobody": {"skip": "approve", "ask": [{"manager": True}]}}, "say exactly one of skip and ask"),
        ({"nobody": {"ask": []}}, "should have at least 1 item"),
        ({"nobody": {"skip": "shrug"}}, "steps.step: nobody: shrug is no outcome here"),
        ({"not_same_as": []}, "should have at least 1 item"),
        ({"not_same_as": ["step"]}, "steps.step: not_same_as: a step cannot name itself"),
        ({"not_same_as": ["nowhere"]}, "steps.step: not_same_as: there is no approval step nowhere"),
        ({"not_same_as": ["approved"]}, "steps.step: not_same_as: there is no approval step approved"),
    ],
)
def test_each_mistake_beside_the_lines_is_named(of_step: dict[str, Any], problem: str) -> None:
    of_it = problems(step([{"manager": True}], **of_step))
    assert any(problem in one for one in of_it), of_it


def test_a_field_called_limit_and_a_chain_do_not_go_together() -> None:
    form = [*FORM, {"name": "limit", "label": "Limit", "type": "number"}]
    of_it = problems(step([{"managers": {"until": UNTIL}}], form))
    assert of_it == [
        "steps.step: ask, number 1: a field of the form is called limit, "
        "as a manager's approval limit is here; rename it"
    ]
    assert problems(step([{"manager": True, "if": "limit > 5.0"}], form)) == []


def test_steps_that_are_skipped_lead_on() -> None:
    skipped = {"ask": [{"group": "team"}], "nobody": {"skip": "approve"}}
    back = {"ask": [{"group": "team"}], "nobody": {"skip": "reject"}}
    for_ever = "nobody: skipping leads back here, so the request would go round for ever without anybody"
    assert problems(two_steps(skipped, skipped)) == []
    assert problems(two_steps(skipped, back)) == [f"steps.first: {for_ever}", f"steps.second: {for_ever}"]
    assert problems(two_steps({**skipped, "nobody": "stuck"}, back)) == []
    to_itself = two_steps(skipped, skipped)
    to_itself["transitions"][0]["to"] = "first"
    to_itself["transitions"][1]["to"] = "second"
    assert problems(to_itself) == [f"steps.first: {for_ever}", "steps.rejected: no way leads here"]


def test_all_of_it_is_published_and_read_again() -> None:
    ask: list[dict[str, Any]] = [
        {"manager": True},
        {"manager": 1},
        {"manager": 10, "if": "amount > 1.0"},
        {"manager_of": "reviewer"},
        {"managers": {"until": UNTIL}},
        {"managers": {"until": UNTIL, "all": True}},
        {"field": "reviewer", "among": "finance"},
        {"decided": "step"},
        {"expression": "{'Chair': 'a@b.example'}[item]"},
        {"group": "x", "pick": "next"},
        {"group": "x", "pick": "least_busy"},
    ]
    source = step(ask, nobody={"ask": ask})
    version = publish(source)
    assert version.definition["steps"]["step"]["ask"] == ask
    assert version.definition["steps"]["step"]["nobody"] == {"ask": ask}
    assert (
        definition_of(version).model_dump(mode="json", by_alias=True, exclude_none=True) == version.definition
    )
    skipping = publish(two_steps({**TEAM, "nobody": SKIP}, {**OTHER_EYES, "nobody": "stuck"})).definition[
        "steps"
    ]
    assert skipping["first"]["nobody"] == {"skip": "approve"}
    assert skipping["second"]["not_same_as"] == ["first"]
    assert "nobody" not in skipping["second"]


def test_versions_from_before_are_kept_as_ever() -> None:
    steps = publish(SAMPLE).definition["steps"]
    assert steps["manager"] == {
        "kind": "approval",
        "name": "Manager",
        "ask": [{"manager": True}],
        "rule": "first",
        "outcomes": ["approve", "reject"],
    }
    assert steps["finance"]["ask"] == [{"group": "finance"}]


def unsaved(requester: Person, source: str | dict[str, Any] = SAMPLE) -> Request:
    data = {"item": "Desk", "amount": {"minor": 90_000, "currency": "EUR"}}
    return Request(version=publish(source), requester=requester, data=data)
