"""An approver sends a request back to its requester, who revises it: whom that asks again, and whose decision stays."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from placet.accounts import delegations
from placet.accounts.addresses import add_person
from placet.accounts.delegations import Wanted
from placet.accounts.models import Group, Person
from placet.approvals import attachments, engine, engine_errors, evidence, timing
from placet.approvals.attachments import FilesOfAnswer
from placet.approvals.definitions import definition_of
from placet.approvals.models import Assignment, Decision, Request, Revision, Timer, Visit
from placet.approvals.processes import DefinitionInvalid, parse_definition, publish
from placet.audit import chain
from placet.mail.read_past import SLACK
from placet.mailboxes.models import Mailbox
from tests.making import asked, entries

pytestmark = pytest.mark.django_db

FORM = [
    {"name": "item", "label": "Item", "type": "text", "required": True},
    {"name": "amount", "label": "Amount", "type": "money", "currency": "EUR"},
    {"name": "terms", "label": "Terms", "type": "text"},
    {"name": "double", "label": "Twice", "type": "money", "currency": "EUR", "computed": "amount * 2.0"},
    {"name": "later", "label": "Later", "type": "text"},
    {"name": "offer", "label": "Offer", "type": "files"},
]
CHANGES = {"key": "changes", "label": "Needs changes", "grants": False, "comment": "required"}


@pytest.fixture(autouse=True)
def _the_record_tells_it_all(db: None) -> Iterator[None]:
    yield
    assert [*chain.verify(), *evidence.compare()] == []


@pytest.fixture
def erin(db: None) -> Person:
    return add_person("Erin Lead", "erin@contoso.example")


@pytest.fixture
def people(alice: Person, bob: Person, carol: Person, dave: Person, erin: Person) -> dict[str, Person]:
    for key, person in {"legal": bob, "price": carol, "lead": dave}.items():
        Group.objects.create(key=key, name=key.title()).members.set([person])
    return {one.name.split()[0].lower(): one for one in (alice, bob, carol, dave, erin)}


def approval(group: str, changes: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    outcomes = [
        "approve",
        {**CHANGES, **({"returns": "requester"} if changes is None else changes)},
        "reject",
    ]
    rule = [{"changes": "any"}, {"reject": "any"}, {"approve": "all"}]
    return {
        "kind": "approval", "name": group.title(), "ask": [{"group": group}], "outcomes": outcomes, "rule": rule,
        "otherwise": "reject", **more,
    }  # fmt: skip


def side_by_side(changes: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Legal sees the terms and price the amount, beside each other; then the lead, who sees everything."""
    ways = [
        {"from": one, "outcome": outcome, "ends_branch": result}
        for one in ("legal", "price")
        for outcome, result in (("approve", "approved"), ("reject", "rejected"))
    ]
    return {
        "key": "offer", "name": "Offer", "title": "{item}", "form": FORM, "start": "checks",
        "start_form": {"hide": ["later"]},
        "steps": {
            "checks": {
                "kind": "parallel", "name": "Checks", "branches": {"a": {"start": "legal"}, "b": {"start": "price"}},
                "result": [{"rejected": "any", "cancel": "others"}, {"approved": "all"}], "otherwise": "rejected",
            },
            "legal": approval("legal", changes, form={"hide": ["amount", "double", "offer"]}),
            "price": approval("price", changes, form={"hide": ["terms"]}),
            "lead": approval("lead", changes, form={"fill": ["later"]}),
            **{key: {"kind": "end", "name": key, "result": key} for key in ("approved", "rejected")},
        },
        "transitions": [
            *ways,
            {"from": "checks", "outcome": "approved", "to": "lead"},
            {"from": "checks", "outcome": "rejected", "to": "rejected"},
            {"from": "lead", "outcome": "approve", "to": "approved"},
            {"from": "lead", "outcome": "reject", "to": "rejected"},
        ],
        **more,
    }  # fmt: skip


def start(source: Mapping[str, Any], requester: Person) -> Request:
    return engine.start(publish(source), requester, {"item": "Desk", "amount": "900", "terms": "30 days"})


def decide(request: Request, person: Person, outcome: str = "approve", **more: Any) -> Decision:
    seat = Assignment.objects.get(visit__request=request, person=person, state=Assignment.State.OPEN)
    comment = "See there." if outcome == "changes" else more.pop("comment", "")
    return engine.decide(
        seat.pk, by=person, outcome=outcome, comment=comment, channel=Decision.Channel.PAGE, **more
    )


def revise(request: Request, **entered: str) -> Decision:
    return decide(request, request.requester, "revised", entered=entered)


def newest(request: Request, step: str) -> Visit:
    return request.visits.filter(step_key=step).order_by("-round")[0]


def seats(request: Request, step: str) -> dict[str, str]:
    found = newest(request, step).assignments.select_related("person")
    return {seat.person.name.split()[0]: seat.state for seat in found.order_by("person")}


def end(request: Request) -> str:
    request.refresh_from_db()
    return request.result


# --- what is stored ---------------------------------------------------------------------------------------


def test_an_outcome_that_returns_becomes_a_step_and_two_ways() -> None:
    whole = parse_definition(side_by_side())
    assert whole.steps["changes"].model_dump(exclude_none=True, mode="json") == {
        "kind": "revise", "name": "Needs changes", "ask": [{"requester": True}], "rule": "first",
        "outcomes": ["revised"], "delegate": False,
    }  # fmt: skip
    ways = {(way.from_, way.outcome): way.to for way in whole.transitions}
    assert [ways[key, "changes"] for key in ("legal", "price", "lead")] == ["changes"] * 3
    assert ways["changes", "revised"] == "checks"
    assert whole.places["changes"] == ()  # at the root: the block is left
    assert all(outcome.returns is None for step in whole.approvals for outcome in step.outcomes)
    stored = whole.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert parse_definition(stored) == whole  # what is stored can be published once more


def test_of_the_same_step_it_stands_in_its_branch() -> None:
    whole = parse_definition(side_by_side({"returns": "requester", "again": "same_step"}))
    ways = {(way.from_, way.outcome): way.to for way in whole.transitions}
    for key in ("legal", "price", "lead"):
        assert ways[key, "changes"] == f"{key}_changes"
        assert ways[f"{key}_changes", "revised"] == key
        assert whole.places[f"{key}_changes"] == whole.places[key]


def returning(**changes: Any) -> dict[str, Any]:
    return side_by_side({"returns": "requester", **changes})


def with_step(key: str, **step: Any) -> dict[str, Any]:
    source = side_by_side()
    source["steps"][key] = step
    return source


def with_way(**way: Any) -> dict[str, Any]:
    source = side_by_side()
    source["transitions"].append(way)
    return source


def with_keep_if(condition: str) -> dict[str, Any]:
    return returning(keep_if=condition)


REFUSED = [
    (
        with_way(**{"from": "lead", "outcome": "changes", "to": "rejected"}),
        "steps.lead: changes: returns says where it leads, and so does number 9 of transitions; leave one of them out",
    ),
    (
        with_step("changes", kind="end", name="Changes", result="returned"),
        "steps.legal: changes: returns makes a step changes, and there is one already; call that otherwise, or lead to"
        " it and leave returns out",
    ),
    (
        returning(again="everybody", keep_if="now.amount <= was.amount"),
        "steps.legal: changes: with again: everybody nothing is kept; leave keep_if out",
    ),
    (
        side_by_side({"again": "everybody"}),
        "steps.legal.approval.outcomes.1: changes: again and keep_if belong to returns: requester",
    ),
    (
        side_by_side({"returns": "requester", "grants": True}),
        "steps.legal.approval.outcomes.1: changes: only an answer that counts and gives nothing can return a request;"
        " leave returns out",
    ),
    (with_keep_if("now.price <= was.price"), "steps.changes: keep_if: “now.price <= was.price” cannot be evaluated"),
    (with_keep_if("now.amount"), "steps.changes: keep_if: compare was and now, such as now.amount <= was.amount"),
    (
        with_keep_if('now.item == was.item && steps.legal.outcome == "x"'),
        "steps.changes: keep_if: it sees the form as it was and as it is now, and no steps",
    ),
    (
        with_step("mine", kind="revise", name="Mine", ask=[{"manager": True}]),
        "steps.mine.revise: a revise step always asks the requester; leave ask out",
    ),
    (
        with_step("mine", kind="revise", name="Mine", outcomes=["approve"]),
        "steps.mine.revise: a revise step has the one outcome revised; leave outcomes out",
    ),
    (
        with_step("mine", kind="revise", name="Mine", delegate=True),
        "steps.mine.revise: nobody revises in the requester's place; leave delegate out",
    ),
    (
        with_step("mine", kind="revise", name="Mine", questions=[]),
        "steps.mine.revise: a revise step takes no questions",
    ),
    (
        with_step("mine", kind="task", name="Mine", ask=[{"manager": True}], again="everybody"),
        "steps.mine.task: again belongs to a step of the kind revise, or to an outcome with returns",
    ),
    (
        with_step("mine", kind="revise", name="Mine", pause=False, due="1 hour"),
        "steps.mine.revise: a revise step takes no pause",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("source", "problem"), REFUSED, ids=[problem[:60] for _source, problem in REFUSED])
def test_what_does_not_fit_together_is_said(source: dict[str, Any], problem: str) -> None:
    with pytest.raises(DefinitionInvalid) as error:
        parse_definition(source)
    assert any(one.startswith(problem) for one in error.value.problems), error.value.problems


# --- who is asked again -----------------------------------------------------------------------------------


def test_only_those_are_asked_again_who_see_what_changed(people: Mapping[str, Person]) -> None:
    request = start(side_by_side(), people["alice"])
    decide(request, people["bob"])
    decide(request, people["carol"])
    decide(request, people["dave"], "changes")
    assert asked(request) == ["Alice"]
    revise(request, amount="800")
    assert (seats(request, "legal"), seats(request, "price")) == ({"Bob": "kept"}, {"Carol": "open"})
    decide(request, people["carol"])
    assert asked(request) == ["Dave"]
    decide(request, people["dave"])
    assert end(request) == "approved"
    assert Decision.objects.filter(by_person=people["bob"]).count() == 1


def test_whoever_sent_it_back_is_asked_again_though_nothing_changed(people: Mapping[str, Person]) -> None:
    request = start(side_by_side(), people["alice"])
    decide(request, people["bob"])
    decide(request, people["carol"])
    decide(request, people["dave"], "changes")
    revise(request)
    assert Revision.objects.count() == 0
    assert (seats(request, "legal"), seats(request, "price")) == ({"Bob": "kept"}, {"Carol": "kept"})
    assert asked(request) == ["Dave"]
    decide(request, people["dave"])
    assert end(request) == "approved"


def test_a_branch_that_was_cancelled_keeps_what_was_decided_in_it(people: Mapping[str, Person]) -> None:
    request = start(side_by_side(), people["alice"])
    decide(request, people["bob"])
    decide(request, people["carol"], "changes")
    assert request.visits.get(step_key="checks").state == Visit.State.CANCELLED
    revise(request, amount="800")
    assert seats(request, "legal") == {"Bob": "kept"}
    assert asked(request) == ["Carol"]


def test_with_everybody_everybody_is_asked_again(people: Mapping[str, Person]) -> None:
    request = start(returning(again="everybody"), people["alice"])
    decide(request, people["bob"])
    decide(request, people["carol"], "changes")
    revise(request)
    assert asked(request) == ["Bob", "Carol"]


def test_of_the_same_step_the_other_branches_go_on(people: Mapping[str, Person]) -> None:
    request = start(returning(again="same_step"), people["alice"])
    decide(request, people["carol"], "changes")
    assert sorted(asked(request)) == ["Alice", "Bob"]
    decide(request, people["bob"])
    revise(request, amount="800")
    assert asked(request) == ["Carol"]
    assert newest(request, "legal").round == 1
    decide(request, people["carol"])
    assert asked(request) == ["Dave"]


def test_a_file_with_other_content_asks_again_whoever_sees_it(people: Mapping[str, Person]) -> None:
    request = start(side_by_side(), people["alice"])
    decide(request, people["bob"])
    decide(request, people["carol"])
    decide(request, people["dave"], "changes")
    seat = Assignment.objects.get(visit__request=request, state=Assignment.State.OPEN)
    [field] = [one for one in definition_of(request.version).fields if one.name == "offer"]
    file = attachments.keep_for_answer(seat, field, SimpleUploadedFile("offer.pdf", b"%PDF 1"))
    files = FilesOfAnswer(frozenset([str(file.public_id)]), frozenset())
    decide(request, people["alice"], "revised", files=files)
    assert (seats(request, "legal"), seats(request, "price")) == ({"Bob": "kept"}, {"Carol": "open"})


def test_what_a_step_fills_in_is_seen_by_whoever_filled_it_in(people: Mapping[str, Person]) -> None:
    """The lead entered something with the approval: it stays until that is another thing."""
    source = side_by_side()
    for key in ("legal", "price"):
        source["steps"][key]["form"]["hide"].append("later")
    source["steps"]["last"] = approval("legal")
    source["transitions"] = [
        {**way, "to": "last"} if (way["from"], way["outcome"]) == ("lead", "approve") else way
        for way in source["transitions"]
    ]
    source["transitions"] += [
        {"from": "last", "outcome": "approve", "to": "approved"},
        {"from": "last", "outcome": "reject", "to": "rejected"},
    ]
    request = start(source, people["alice"])
    for name in ("bob", "carol"):
        decide(request, people[name])
    decide(request, people["dave"], entered={"later": "X1"})
    decide(request, people["bob"], "changes")
    revise(request)
    assert seats(request, "lead") == {"Dave": "kept"}
    assert asked(request) == ["Bob"]


def test_a_condition_that_a_step_reads_asks_it_again_though_it_hides_the_field(
    people: Mapping[str, Person],
) -> None:
    source = side_by_side()
    source["steps"]["legal"]["ask"] = [{"group": "legal", "if": "amount > 10.0"}]
    request = start(source, people["alice"])
    decide(request, people["bob"])
    decide(request, people["carol"], "changes")
    revise(request, amount="800")
    assert sorted(asked(request)) == ["Bob", "Carol"]


def test_kept_if_the_process_says_so(people: Mapping[str, Person]) -> None:
    request = start(with_keep_if("now.amount <= was.amount"), people["alice"])
    decide(request, people["bob"])
    decide(request, people["carol"])
    decide(request, people["dave"], "changes")
    revise(request, amount="800")
    assert seats(request, "price") == {"Carol": "kept"}
    decide(request, people["dave"], "changes")
    revise(request, amount="850")  # as ever compared with what Carol decided on
    assert seats(request, "price") == {"Carol": "kept"}
    decide(request, people["dave"], "changes")
    revise(request, amount="901")
    assert asked(request) == ["Carol"]


def test_where_keep_if_cannot_be_evaluated_nothing_is_kept_that_changed(people: Mapping[str, Person]) -> None:
    request = start(with_keep_if("now.terms.size() < 3 || int(now.terms) <= int(was.terms)"), people["alice"])
    decide(request, people["bob"])
    decide(request, people["carol"])
    decide(request, people["dave"], "changes")
    revise(request, terms="thirty days")
    assert (seats(request, "legal"), seats(request, "price")) == ({"Bob": "open"}, {"Carol": "kept"})


def test_what_was_kept_is_kept_once_more_and_asked_once_it_is_concerned(people: Mapping[str, Person]) -> None:
    request = start(side_by_side(), people["alice"])
    decide(request, people["bob"])
    decide(request, people["carol"])
    for amount in ("800", "700"):
        decide(request, people["dave"], "changes")
        revise(request, amount=amount)
        assert seats(request, "legal") == {"Bob": "kept"}
        decide(request, people["carol"])
    decide(request, people["dave"], "changes")
    revise(request, terms="60 days")
    assert (seats(request, "legal"), seats(request, "price")) == ({"Bob": "open"}, {"Carol": "kept"})


def test_whoever_left_or_is_of_the_group_no_more_keeps_nothing(
    people: Mapping[str, Person], erin: Person
) -> None:
    request = start(side_by_side(), people["alice"])
    decide(request, people["bob"])
    decide(request, people["carol"])
    Group.objects.get(key="legal").members.set([people["bob"], erin])
    engine.deactivate(people["bob"], people["dave"])
    Group.objects.get(key="price").members.set([erin])
    decide(request, people["dave"], "changes")
    revise(request)
    assert (seats(request, "legal"), seats(request, "price")) == ({"Erin": "open"}, {"Erin": "open"})


def test_an_own_way_back_keeps_nothing_and_one_revision_keeps_once(people: Mapping[str, Person]) -> None:
    source = side_by_side()
    source["transitions"] = [
        {**way, "to": "checks"} if (way["from"], way["outcome"]) == ("lead", "reject") else way
        for way in source["transitions"]
    ]
    request = start(source, people["alice"])
    for name in ("bob", "carol"):
        decide(request, people[name])
    decide(request, people["dave"], "reject")  # without a revision in between
    assert sorted(asked(request)) == ["Bob", "Carol"]
    for name in ("bob", "carol"):
        decide(request, people[name])
    decide(request, people["dave"], "changes")
    revise(request)
    assert seats(request, "legal") == {"Bob": "kept"}
    decide(request, people["dave"], "reject")
    assert sorted(asked(request)) == ["Bob", "Carol"]


def test_rounds_are_limited_as_ever(people: Mapping[str, Person]) -> None:
    request = start(side_by_side(most_rounds=1), people["alice"])
    decide(request, people["bob"], "changes")
    revise(request)
    assert request.visits.get(state=Visit.State.STUCK).step_key == "changes"


# --- who may revise what ----------------------------------------------------------------------------------


def test_nobody_but_the_requester_revises(people: Mapping[str, Person], admin: Person) -> None:
    request = start(side_by_side(), people["alice"])
    decide(request, people["bob"], "changes")
    seat = Assignment.objects.get(visit__request=request, state=Assignment.State.OPEN)
    for person in (people["bob"], people["erin"], admin):
        with pytest.raises(engine_errors.EngineError):
            engine.decide(seat.pk, by=person, outcome="revised", channel=Decision.Channel.PAGE)
    assert asked(request) == ["Alice"]


@pytest.mark.parametrize("field", ["double", "later", "nothing"])
def test_what_is_computed_or_entered_later_is_not_revised(field: str, people: Mapping[str, Person]) -> None:
    request = start(side_by_side(), people["alice"])
    decide(request, people["bob"], "changes")
    with pytest.raises(engine_errors.FieldsInvalid):
        revise(request, **{field: "1"})
    revise(request, amount="10")
    assert end(request) == ""
    assert request.data["double"] == {"minor": 2000, "currency": "EUR"}
    assert request.data["later"] is None


def test_what_the_form_needs_has_to_hold(people: Mapping[str, Person]) -> None:
    request = start(side_by_side(), people["alice"])
    decide(request, people["bob"], "changes")
    with pytest.raises(engine_errors.FieldsInvalid):
        revise(request, item="")
    assert asked(request) == ["Alice"]


def test_a_step_may_say_which_fields_are_revised_and_hide_others(people: Mapping[str, Person]) -> None:
    source = side_by_side({})
    source["steps"]["back"] = {
        "kind": "revise",
        "name": "Back",
        "form": {"fill": ["terms"], "hide": ["amount"]},
    }
    source["transitions"] += [
        *({"from": key, "outcome": "changes", "to": "back"} for key in ("legal", "price", "lead")),
        {"from": "back", "outcome": "revised", "to": "checks"},
    ]
    for key in ("legal", "price", "lead"):
        source["steps"][key]["outcomes"][1] = CHANGES
    request = start(source, people["alice"])
    decide(request, people["bob"], "changes")
    with pytest.raises(engine_errors.FieldsInvalid):
        revise(request, amount="1")
    revise(request, terms="14 days")
    assert end(request) == ""
    assert request.data["terms"] == "14 days"


def test_the_requester_may_withdraw_instead(people: Mapping[str, Person]) -> None:
    request = start(side_by_side(), people["alice"])
    decide(request, people["bob"], "changes")
    seat = Assignment.objects.get(visit__request=request, state=Assignment.State.OPEN)
    engine.withdraw(request.pk, people["alice"])
    with pytest.raises(engine_errors.NoLongerOpen):
        engine.decide(seat.pk, by=people["alice"], outcome="revised", channel=Decision.Channel.PAGE)
    request.refresh_from_db()
    assert (request.state, request.revision) == ("withdrawn", 1)


def test_an_answer_of_the_round_before_changes_nothing(people: Mapping[str, Person]) -> None:
    request = start(side_by_side(), people["alice"])
    old = Assignment.objects.get(visit__request=request, person=people["bob"])
    decide(request, people["carol"], "changes")
    revise(request, amount="800")
    with pytest.raises(engine_errors.AlreadyDecided) as error:
        engine.decide(old.pk, by=people["bob"], outcome="approve", channel=Decision.Channel.PAGE)
    assert [one.outcome for one in error.value.decisions] == ["changes"]
    assert sorted(asked(request)) == ["Bob", "Carol"]


def test_keeping_asks_nobody_by_mail_and_is_on_record(people: Mapping[str, Person], mailbox: Mailbox) -> None:
    request = start(side_by_side(), people["alice"])
    decide(request, people["bob"])
    decide(request, people["carol"])
    decide(request, people["dave"], "changes")
    before = people["bob"].asks.count()
    revise(request, amount="800")
    assert people["bob"].asks.count() == before
    [entry] = entries("kept", request=request.pk)
    assert entry.what["kept"] == ["legal", 1, people["bob"].pk]
    assert (entry.what["outcome"], entry.what["decided_on"]) == ("approve", 1)


# --- at the same time -------------------------------------------------------------------------------------


def with_a_deadline() -> dict[str, Any]:
    """A step of its own, which ends where the requester does not revise in time."""
    source = side_by_side({})
    source["steps"]["back"] = {
        "kind": "revise", "name": "Back", "due": "2 hours", "expire": {"after": "1 hour"},
    }  # fmt: skip
    source["transitions"] += [
        *({"from": key, "outcome": "changes", "to": "back"} for key in ("legal", "price", "lead")),
        {"from": "back", "outcome": "revised", "to": "checks"},
        {"from": "back", "outcome": "expired", "to": "rejected"},
    ]
    return source


def pass_the_time(request: Request) -> None:
    for moment in [*Timer.objects.filter(visit__request=request).order_by("at").values_list("at", flat=True)]:
        with time_machine.travel(moment + SLACK, tick=False):
            Mailbox.objects.update(read_until=timezone.now())
            for number in timing.due(100):
                timing.work(number)


def test_an_expiry_and_a_revision_do_not_both_count(people: Mapping[str, Person], mailbox: Mailbox) -> None:
    first, second = (start(with_a_deadline(), people["alice"]) for _ in range(2))
    for request in (first, second):
        decide(request, people["bob"], "changes")
    seat = Assignment.objects.get(visit__request=first, state=Assignment.State.OPEN)
    revise(second, amount="800")  # before the clock is looked at
    pass_the_time(first)
    assert (end(first), end(second)) == ("rejected", "")
    with pytest.raises(engine_errors.TooLate):
        engine.decide(seat.pk, by=people["alice"], outcome="revised", channel=Decision.Channel.PAGE)
    first.refresh_from_db()
    assert (first.revision, second.revision) == (1, 2)
    assert sorted(asked(second)) == ["Bob", "Carol"]


def test_a_revision_of_what_was_sent_back_by_somebody_else_meanwhile_counts_once(
    people: Mapping[str, Person],
) -> None:
    request = start(side_by_side(), people["alice"])
    decide(request, people["bob"], "changes")
    seat = Assignment.objects.get(visit__request=request, state=Assignment.State.OPEN)
    revise(request, amount="800")
    with pytest.raises(engine_errors.AlreadyDecided):
        engine.decide(
            seat.pk,
            by=people["alice"],
            outcome="revised",
            channel=Decision.Channel.PAGE,
            entered={"amount": "1"},
        )
    request.refresh_from_db()
    assert request.data["amount"]["minor"] == 80000


# --- who else may ------------------------------------------------------------------------------------------


def test_a_delegate_of_the_requester_revises_nothing(people: Mapping[str, Person], mailbox: Mailbox) -> None:
    delegations.make(people["alice"], Wanted(people["erin"], timezone.now()), people["alice"])
    request = start(side_by_side(), people["alice"])
    decide(request, people["bob"], "changes")
    seat = Assignment.objects.get(visit__request=request, state=Assignment.State.OPEN)
    assert not seat.has_delegates
    with pytest.raises(engine_errors.NotAllowed):
        engine.decide(seat.pk, by=people["erin"], outcome="revised", channel=Decision.Channel.PAGE)


def test_a_requester_who_left_leaves_it_stuck(people: Mapping[str, Person]) -> None:
    request = start(side_by_side(), people["alice"])
    Person.objects.filter(pk=people["alice"].pk).update(is_active=False)
    decide(request, people["bob"], "changes")
    assert request.visits.get(step_key="changes").state == Visit.State.STUCK


def test_beside_what_is_kept_nobody_is_asked_who_decided_what_is_kept_apart(
    people: Mapping[str, Person],
) -> None:
    """Dave sent it back as lead: in the group of legal, too, he is not asked there beside what Bob decided."""
    source = side_by_side()
    source["steps"]["legal"]["not_same_as"] = ["lead"]
    request = start(source, people["alice"])
    for name in ("bob", "carol"):
        decide(request, people[name])
    decide(request, people["dave"], "changes")
    Group.objects.get(key="legal").members.set([people["bob"], people["dave"]])
    revise(request)
    assert seats(request, "legal") == {"Bob": "kept"}


def test_a_kept_decision_keeps_its_giver_out_of_the_other_step(people: Mapping[str, Person]) -> None:
    source = side_by_side()
    source["steps"]["lead"]["not_same_as"] = ["legal"]
    request = start(source, people["alice"])
    for name in ("bob", "carol"):
        decide(request, people[name])
    Group.objects.get(key="lead").members.set([people["dave"], people["bob"]])
    decide(request, people["dave"], "changes")
    revise(request)
    assert seats(request, "lead") == {"Dave": "open"}


def test_whoever_decided_is_named_by_what_is_kept(people: Mapping[str, Person]) -> None:
    """`decided`, `steps.KEY.by` and `from_answer` see a kept decision as that person's."""
    source = side_by_side()
    source["steps"]["again"] = {
        "kind": "approval", "name": "Again", "ask": [{"decided": "legal"}], "outcomes": ["approve", "reject"],
    }  # fmt: skip
    source["transitions"] = [
        {**way, "to": "again", "when": f'steps.legal.by == "{people["bob"].email}"'}
        if (way["from"], way["outcome"]) == ("lead", "approve")
        else way
        for way in source["transitions"]
    ]
    source["transitions"] += [
        {"from": "lead", "outcome": "approve", "to": "rejected"},
        {"from": "again", "outcome": "approve", "to": "approved"},
        {"from": "again", "outcome": "reject", "to": "rejected"},
    ]
    request = start(source, people["alice"])
    for name in ("bob", "carol"):
        decide(request, people[name])
    decide(request, people["dave"], "changes")
    revise(request)
    assert seats(request, "legal") == {"Bob": "kept"}
    decide(request, people["dave"])
    assert asked(request) == ["Bob"]


# --- copied into another process ---------------------------------------------------------------------------


def test_an_included_process_returns_to_its_own_beginning(people: Mapping[str, Person]) -> None:
    publish(side_by_side(key="inner"))
    outer = {
        **side_by_side(), "key": "outer", "start": "first",
        "steps": {
            "first": {"kind": "approval", "name": "First", "ask": [{"group": "lead"}]},
            "inside": {"kind": "include", "process": "inner"},
            **{key: {"kind": "end", "name": key, "result": key} for key in ("approved", "rejected")},
        },
        "transitions": [
            {"from": "first", "outcome": "approve", "to": "inside"},
            {"from": "first", "outcome": "reject", "to": "rejected"},
            {"from": "inside", "outcome": "approved", "to": "approved"},
            {"from": "inside", "outcome": "rejected", "to": "rejected"},
        ],
    }  # fmt: skip
    request = start(outer, people["alice"])
    decide(request, people["dave"])
    decide(request, people["bob"])
    decide(request, people["carol"], "changes")
    assert newest(request, "inside-changes").state == Visit.State.OPEN
    revise(request, amount="800")
    assert newest(request, "first").round == 1
    assert seats(request, "inside-legal") == {"Bob": "kept"}
    assert asked(request) == ["Carol"]
