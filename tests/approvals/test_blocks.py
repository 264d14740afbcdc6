"""Steps side by side: what a block does, one rule of it at a time."""

import contextlib
import threading
from collections.abc import Mapping, Sequence
from email import message_from_bytes, policy
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from placet.accounts.models import Group, Person
from placet.approvals import engine, engine_asks, engine_errors, evidence
from placet.approvals.models import Assignment, Decision, Request, Visit
from placet.approvals.processes import DefinitionInvalid, parse_definition, publish
from placet.audit import chain
from placet.audit.models import AuditEntry
from placet.mail.models import OutgoingMail
from placet.mailboxes.models import Mailbox
from tests.approvals.test_engine import at_once
from tests.making import FORM

pytestmark = pytest.mark.django_db

REJECTED_AT_ONCE = [{"rejected": "any", "cancel": "others"}, {"approved": "all"}]
HEARD = [{"rejected": "any"}, {"approved": "all"}]


def step(person: str, **more: Any) -> dict[str, Any]:
    return {
        "kind": "approval",
        "name": person.title(),
        "ask": [{"person": f"{person}@contoso.example"}],
        **more,
    }


def ends(key: str) -> list[dict[str, Any]]:
    """Both ways out of a step, to the end of its branch."""
    to: Mapping[str, Any] = {"approve": {"ends_branch": "approved"}, "reject": {"ends_branch": "rejected"}}
    return [{"from": key, "outcome": outcome, **way} for outcome, way in to.items()]


def block(
    branches: Mapping[str, Any],
    steps: Mapping[str, Any],
    transitions: Sequence[Mapping[str, Any]],
    result: Sequence[Mapping[str, Any]] = REJECTED_AT_ONCE,
    **more: Any,
) -> dict[str, Any]:
    """A process of one block, whose results lead to ends of their names."""
    return {
        "key": "blocks",
        "name": "Blocks",
        "title": "{item}",
        "form": FORM,
        "start": "checks",
        "steps": {
            "checks": {
                "kind": "parallel",
                "name": "Checks",
                "branches": branches,
                "result": result,
                "otherwise": "rejected",
                **more,
            },
            **steps,
            "approved": {"kind": "end", "name": "Approved", "result": "approved"},
            "rejected": {"kind": "end", "name": "Rejected", "result": "rejected"},
        },
        "transitions": [
            *transitions,
            {"from": "checks", "outcome": "approved", "to": "approved"},
            {"from": "checks", "outcome": "rejected", "to": "rejected"},
        ],
    }


def two(result: Sequence[Mapping[str, Any]] = REJECTED_AT_ONCE, **more: Any) -> dict[str, Any]:
    """Bob beside Carol."""
    return block(
        {"legal": {"start": "legal"}, "finance": {"start": "finance"}},
        {"legal": step("bob"), "finance": step("carol")},
        [*ends("legal"), *ends("finance")],
        result,
        **more,
    )


def start(definition: Mapping[str, Any], requester: Person, amount: str = "100") -> Request:
    return engine.start(publish(definition), requester, {"item": "Desk", "amount": amount})


def answer(person: Person, outcome: str = "approve") -> Decision:
    seat = Assignment.objects.filter(person=person, state="open").order_by("pk").first()
    assert seat is not None
    return engine.decide(seat.pk, by=person, outcome=outcome, channel=Decision.Channel.PAGE)


def standing(request: Request) -> tuple[str, str]:
    request.refresh_from_db()
    return request.state, request.result


def visits(request: Request) -> dict[str, str]:
    """By step: the state, and what it came to."""
    rows = request.visits.order_by("pk")
    return {
        f"{one.step_key} {one.round}" if one.round > 1 else one.step_key: f"{one.state} {one.result}".strip()
        for one in rows
    }


def asked(request: Request) -> list[str]:
    seats = Assignment.objects.filter(visit__request=request, state="open").order_by("pk")
    return [name.split()[0] for name in seats.values_list("person__name", flat=True)]


def mails(kind: str) -> list[str]:
    return [
        to.partition("@")[0]
        for to in OutgoingMail.objects.filter(kind=kind).order_by("pk").values_list("to", flat=True)
    ]


def events(request: Request) -> list[str]:
    return [entry.what["event"] for entry in AuditEntry.objects.filter(request=request).order_by("seq")]


@pytest.fixture(autouse=True)
def _the_record_tells_it_all(db: None) -> Any:
    yield
    assert [*chain.verify()] == []
    assert [*evidence.compare()] == []


# --- into the branches, and together again --------------------------------------------------------------------


def test_everybody_is_asked_at_once_and_all_have_to_approve(
    mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    request = start(two(), alice)
    assert asked(request) == ["Bob", "Carol"]
    answer(carol)
    assert standing(request) == ("open", "")
    assert visits(request) == {"checks": "open", "legal": "open", "finance": "closed approve"}
    answer(bob)
    assert standing(request) == ("ended", "approved")
    assert visits(request) == {
        "checks": "closed approved",
        "legal": "closed approve",
        "finance": "closed approve",
    }
    assert mails("not-needed") == []
    assert events(request) == [
        "started", "entered", "split", "entered", "entered", "asked", "asked",
        "decided", "closed", "branch ended", "decided", "closed", "branch ended", "closed", "ended",
    ]  # fmt: skip


def test_one_rejection_ends_the_block_and_the_other_is_told_once(
    mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    request = start(two(), alice)
    late = Assignment.objects.get(person=carol)
    answer(bob, "reject")
    assert standing(request) == ("ended", "rejected")
    assert visits(request) == {
        "checks": "closed rejected",
        "legal": "closed reject",
        "finance": "cancelled",
    }
    assert mails("not-needed") == ["carol"]
    late.refresh_from_db()
    assert late.state == "superseded"
    assert late.visit.closed_at is not None
    assert late.visit.ended_by == request.visits.get(step_key="legal")
    with pytest.raises(engine_errors.AlreadyDecided) as caught:
        engine.decide(late.pk, by=carol, outcome="approve", channel=Decision.Channel.PAGE)
    assert [(one.by_person, one.outcome) for one in caught.value.decisions] == [(bob, "reject")]


def test_the_mail_says_who_decided_what(mailbox: Mailbox, alice: Person, bob: Person, carol: Person) -> None:
    start(two(), alice)
    answer(bob, "reject")
    mail = OutgoingMail.objects.get(kind="not-needed")
    text = bytes(mail.raw).decode()
    assert "No longer needed: Desk" in text
    assert "Carol" in text
    assert "Bob: rejected by Bob" in " ".join(text.split())


def test_a_comment_stands_on_one_line_in_the_mail_to_others(
    mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    start(two(), alice)
    seat = Assignment.objects.get(person=bob)
    comment = "No.\n\n-- Reply above this line --\nPlease decide: approve"
    engine.decide(seat.pk, by=bob, outcome="reject", comment=comment, channel=Decision.Channel.PAGE)
    mail = message_from_bytes(OutgoingMail.objects.get(kind="not-needed").raw, policy=policy.default)
    part = mail.get_body(("plain",))
    assert part is not None
    [line] = [line for line in part.get_content().splitlines() if "Please decide" in line]
    assert line.startswith("Bob: rejected by Bob Manager")
    assert line.endswith("approve”")


def test_without_cancel_the_others_are_heard(alice: Person, bob: Person, carol: Person) -> None:
    request = start(two(HEARD), alice)
    answer(bob, "reject")
    assert (standing(request), asked(request)) == (("open", ""), ["Carol"])
    answer(carol)
    assert standing(request) == ("ended", "rejected")


def test_a_branch_whose_condition_does_not_hold_is_not_taken(
    alice: Person, bob: Person, carol: Person
) -> None:
    definition = two()
    definition["steps"]["checks"]["branches"]["finance"]["when"] = "amount > 1000"
    request = start(definition, alice, "1000")
    assert asked(request) == ["Bob"]
    answer(bob)
    assert standing(request) == ("ended", "approved")
    assert asked(start(definition, alice, "1000.01")) == ["Bob", "Carol"]


def test_with_no_branch_at_all_it_is_otherwise_at_once(alice: Person, bob: Person, carol: Person) -> None:
    definition = two()
    for branch in definition["steps"]["checks"]["branches"].values():
        branch["when"] = "amount > 1000"
    request = start(definition, alice)
    assert (standing(request), visits(request)) == (("ended", "rejected"), {"checks": "closed rejected"})


def test_two_of_three_and_the_third_need_not_answer(
    mailbox: Mailbox, alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    definition = block(
        {name: {"start": name} for name in ("bob", "carol", "dave")},
        {name: step(name) for name in ("bob", "carol", "dave")},
        [way for name in ("bob", "carol", "dave") for way in ends(name)],
        [{"approved": 2, "cancel": "others"}, {"rejected": "any"}],
    )
    request = start(definition, alice)
    answer(bob, "reject")
    answer(carol)
    assert standing(request) == ("open", "")
    answer(dave)
    assert standing(request) == ("ended", "approved")
    request = start(definition, alice)
    answer(bob)
    answer(dave)
    assert standing(request) == ("ended", "approved")
    assert mails("not-needed") == ["carol"]


def test_more_than_the_branches_that_were_taken_is_otherwise(
    alice: Person, bob: Person, carol: Person
) -> None:
    definition = two([{"approved": 2}, {"rejected": 2}])
    definition["steps"]["checks"]["branches"]["finance"]["when"] = "amount > 1000"
    request = start(definition, alice)
    answer(bob)
    assert standing(request) == ("ended", "rejected")


# --- longer branches ------------------------------------------------------------------------------------------


def test_a_branch_goes_on_by_itself(alice: Person, bob: Person, carol: Person, dave: Person) -> None:
    definition = block(
        {"legal": {"start": "legal"}, "finance": {"start": "finance"}},
        {"legal": step("bob"), "second": step("dave"), "finance": step("carol")},
        [
            {"from": "legal", "outcome": "approve", "to": "second"},
            {"from": "legal", "outcome": "reject", "ends_branch": "rejected"},
            *ends("second"),
            *ends("finance"),
        ],
    )
    request = start(definition, alice)
    answer(bob)
    assert asked(request) == ["Carol", "Dave"]
    second = request.visits.get(step_key="second")
    assert (second.parent, second.branch) == (request.visits.get(step_key="checks"), "legal")
    answer(carol)
    assert standing(request) == ("open", "")
    answer(dave)
    assert standing(request) == ("ended", "approved")


def test_rounds_inside_a_branch(alice: Person, bob: Person, carol: Person, dave: Person) -> None:
    definition = block(
        {"legal": {"start": "legal"}, "finance": {"start": "finance"}},
        {"legal": step("bob"), "second": step("dave"), "finance": step("carol")},
        [
            {"from": "legal", "outcome": "approve", "to": "second"},
            {"from": "legal", "outcome": "reject", "ends_branch": "rejected"},
            {"from": "second", "outcome": "approve", "ends_branch": "approved"},
            {"from": "second", "outcome": "reject", "to": "legal"},
            *ends("finance"),
        ],
    )
    request = start(definition, alice)
    answer(bob)
    answer(dave, "reject")
    assert visits(request)["legal 2"] == "open"
    answer(bob, "reject")
    assert standing(request) == ("ended", "rejected")


def test_a_way_out_of_the_block_ends_all_of_it(
    mailbox: Mailbox, alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    """Once more, from the top: everybody is asked anew."""
    definition = two()
    definition["steps"]["first"] = step("dave")
    definition["start"] = "first"
    definition["transitions"] += [
        {"from": "first", "outcome": "approve", "to": "checks"},
        {"from": "first", "outcome": "reject", "to": "rejected"},
    ]
    del definition["transitions"][1]
    definition["transitions"].append({"from": "legal", "outcome": "reject", "to": "first"})
    request = start(definition, alice)
    answer(dave)
    answer(bob, "reject")
    assert asked(request) == ["Dave"]
    assert mails("not-needed") == ["carol"]
    assert visits(request) == {
        "first": "closed approve",
        "checks": "cancelled",
        "legal": "closed reject",
        "finance": "cancelled",
        "first 2": "open",
    }
    answer(dave)
    assert asked(request) == ["Bob", "Carol"]
    assert request.visits.get(step_key="legal", round=2).parent == request.visits.get(
        step_key="checks", round=2
    )
    answer(bob)
    answer(carol)
    assert standing(request) == ("ended", "approved")


def test_an_end_inside_a_branch_ends_the_request(
    mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    definition = two([{"approved": "all"}])
    definition["transitions"][1] = {"from": "legal", "outcome": "reject", "to": "rejected"}
    definition["transitions"][3] = {"from": "finance", "outcome": "reject", "to": "rejected"}
    request = start(definition, alice)
    answer(bob, "reject")
    assert standing(request) == ("ended", "rejected")
    assert visits(request) == {"checks": "cancelled", "legal": "closed reject", "finance": "cancelled"}
    assert mails("not-needed") == ["carol"]


def nested() -> dict[str, Any]:
    """Bob beside a block of Carol beside Dave."""
    definition = block(
        {"legal": {"start": "legal"}, "money": {"start": "money"}},
        {
            "legal": step("bob"),
            "money": {
                "kind": "parallel",
                "name": "Money",
                "branches": {"finance": {"start": "finance"}, "board": {"start": "board"}},
                "result": [{"agreed": "all"}, {"refused": "any"}],
                "otherwise": "refused",
            },
            "finance": step("carol"),
            "board": step("dave"),
        },
        [
            *ends("legal"),
            {"from": "money", "outcome": "agreed", "ends_branch": "approved"},
            {"from": "money", "outcome": "refused", "ends_branch": "rejected"},
        ],
    )
    for key in ("finance", "board"):
        definition["transitions"] += [
            {"from": key, "outcome": "approve", "ends_branch": "agreed"},
            {"from": key, "outcome": "reject", "ends_branch": "refused"},
        ]
    return definition


def test_blocks_stand_in_blocks(
    mailbox: Mailbox, alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    request = start(nested(), alice)
    assert asked(request) == ["Bob", "Carol", "Dave"]
    answer(dave)
    answer(bob)
    answer(carol)
    assert standing(request) == ("ended", "approved")
    assert mails("not-needed") == []


def test_what_ends_a_block_ends_the_blocks_inside_it_first(
    mailbox: Mailbox, alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    request = start(nested(), alice)
    answer(carol)
    answer(bob, "reject")
    assert standing(request) == ("ended", "rejected")
    assert visits(request) == {
        "checks": "closed rejected",
        "legal": "closed reject",
        "money": "cancelled",
        "finance": "closed approve",
        "board": "cancelled",
    }
    assert mails("not-needed") == ["dave"]
    entries = [entry.what for entry in AuditEntry.objects.filter(request=request).order_by("seq")]
    cancelled = [what["step"] for what in entries if what["event"] == "cancelled"]
    assert cancelled == ["board", "money"]


# --- what else can happen -------------------------------------------------------------------------------------


def test_withdrawing_ends_every_branch_and_tells_everybody(
    mailbox: Mailbox, alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    request = start(nested(), alice)
    answer(carol)
    engine.withdraw(request.pk, alice)
    assert standing(request) == ("withdrawn", "")
    assert sorted(mails("withdrawn")) == ["bob", "dave"]
    assert not request.visits.filter(state__in=Visit.LIVE).exists()
    with pytest.raises(engine_errors.NoLongerOpen):
        engine.decide(
            Assignment.objects.get(person=bob).pk, by=bob, outcome="approve", channel=Decision.Channel.PAGE
        )


def test_a_branch_that_is_stuck_does_not_hold_up_the_other(
    mailbox: Mailbox, alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    definition = two(HEARD)
    definition["steps"]["finance"]["ask"] = [{"group": "money"}]
    request = start(definition, alice)
    assert visits(request) == {"checks": "open", "legal": "open", "finance": "stuck"}
    answer(bob)
    assert standing(request) == ("open", "")
    Group.objects.create(key="money", name="Money").members.set([carol])
    dave.is_administrator = True
    dave.save()
    engine.ask_again(request.visits.get(step_key="finance").pk, dave)
    answer(carol)
    assert standing(request) == ("ended", "approved")


def test_a_stuck_branch_is_cancelled_like_any_other(alice: Person, bob: Person) -> None:
    definition = two()
    definition["steps"]["finance"]["ask"] = [{"group": "money"}]
    request = start(definition, alice)
    answer(bob, "reject")
    visit = request.visits.get(step_key="finance")
    assert (standing(request), visit.state, visit.reason) == (("ended", "rejected"), "cancelled", "")


def test_a_condition_that_cannot_be_evaluated_makes_the_block_stuck(
    alice: Person, bob: Person, carol: Person, dave: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    definition = two()
    definition["steps"]["checks"]["branches"]["legal"]["when"] = "1.0 / (amount - 7.0) > -1000.0"
    version = publish(definition)
    with monkeypatch.context() as patched:
        patched.setattr("placet.approvals.policy.holds", _cannot)
        request = engine.start(version, alice, {"item": "Desk", "amount": "100"})
    assert visits(request) == {"checks": "stuck"}
    dave.is_administrator = True
    dave.save()
    engine.ask_again(request.visits.get().pk, dave)
    assert (visits(request)["checks"], asked(request)) == ("open", ["Bob", "Carol"])


def _cannot(*_: object) -> bool:
    from placet.lib.conditions import ConditionError
    from placet.lib.sentences import Sentence

    raise ConditionError(Sentence("no"))


def test_somebody_asked_in_two_branches_has_a_seat_and_a_mail_in_each(
    mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    definition = two()
    definition["steps"]["finance"] |= step("bob", name="Money")
    request = start(definition, alice)
    assert asked(request) == ["Bob", "Bob"]
    assert mails("ask") == ["bob", "bob"]
    asks = OutgoingMail.objects.filter(kind="ask").order_by("pk")
    texts = [" ".join(bytes(mail.raw).decode().split()) for mail in asks]
    assert [("blocks 1: Bob." in text, "blocks 1: Money." in text) for text in texts] == [
        (True, False),
        (False, True),
    ]
    answer(bob)
    assert standing(request) == ("open", "")
    answer(bob)
    assert standing(request) == ("ended", "approved")


def test_who_leaves_is_replaced_in_their_branch(
    alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    definition = two()
    definition["steps"]["finance"]["ask"] = [{"group": "money"}]
    Group.objects.create(key="money", name="Money").members.set([carol])
    request = start(definition, alice)
    Group.objects.get(key="money").members.set([carol, dave])
    engine.deactivate(carol, by=dave)
    assert asked(request) == ["Bob", "Dave"]


def test_a_block_that_leads_back_to_itself_without_anybody_is_stuck(
    mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    definition = two()
    for branch in definition["steps"]["checks"]["branches"].values():
        branch["when"] = "amount > 1000"
    definition["transitions"].insert(
        -1, {"from": "checks", "outcome": "rejected", "when": "amount < 1000", "to": "checks"}
    )
    request = start(definition, alice)
    visit = request.visits.get()
    assert (visit.state, visit.result) == ("stuck", "rejected")
    assert visit.reason == "“Checks” would be entered again without anybody's answer"


def test_a_way_back_is_taken_as_often_as_the_process_says(
    alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    definition = two(HEARD, name="Checks")
    definition["most_rounds"] = 2
    definition["transitions"][-1] = {"from": "checks", "outcome": "rejected", "to": "checks"}
    definition["transitions"].append({"from": "checks", "outcome": "rejected", "to": "rejected"})
    definition["transitions"][-2]["when"] = "amount < 1000"
    request = start(definition, alice)
    for _ in range(2):
        answer(bob, "reject")
        answer(carol)
    assert visits(request)["checks 2"] == "stuck rejected"
    assert request.visits.get(step_key="checks", round=2).reason == "“Checks” was entered 2 times already"
    dave.is_administrator = True
    dave.save()
    engine.ask_again(request.visits.get(step_key="checks", round=2).pk, dave)
    assert visits(request)["checks 3"] == "open"


@pytest.mark.django_db(transaction=True)
def test_two_blocks_that_ask_the_same_people_in_another_order_do_not_wait_for_each_other(
    alice: Person, bob: Person, carol: Person, dave: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def process(key: str, first: str, second: str) -> dict[str, Any]:
        definition = two() | {"key": key, "start": "gate"}
        definition["steps"] |= {"gate": step("dave"), "legal": step(first), "finance": step(second)}
        definition["transitions"] += [
            {"from": "gate", "outcome": "approve", "to": "checks"},
            {"from": "gate", "outcome": "reject", "to": "rejected"},
        ]
        return definition

    requests = [start(process("one", "bob", "carol"), alice), start(process("other", "carol", "bob"), alice)]
    seats = [Assignment.objects.get(visit__request=request) for request in requests]
    hold, both, met = engine_asks.hold, threading.Barrier(2), threading.local()

    def slowly(people: Sequence[Person]) -> bool:
        held = hold(people)
        if people and not hasattr(met, "once"):
            met.once = True
            with contextlib.suppress(threading.BrokenBarrierError):
                both.wait(1)  # where there is one lock for all, the other one cannot come
        return held

    monkeypatch.setattr(engine_asks, "hold", slowly)
    decide = partial(engine.decide, by=dave, outcome="approve", channel=Decision.Channel.PAGE)
    decisions = at_once(*(partial(decide, seat.pk) for seat in seats))
    assert [isinstance(one, Decision) for one in decisions] == [True, True]
    assert [asked(request) for request in requests] == [["Bob", "Carol"], ["Carol", "Bob"]]


#: Which of the two steps says it makes no difference.
SAYING = pytest.mark.parametrize(("saying", "other"), [("finance", "legal"), ("legal", "finance")])


@SAYING
def test_four_eyes_side_by_side(
    mailbox: Mailbox, alice: Person, bob: Person, carol: Person, dave: Person, saying: str, other: str
) -> None:
    """Bob is asked in both branches. Once he has decided one he is asked no longer in the other, but Carol is."""
    Group.objects.create(key="both", name="Both").members.set([bob])
    definition = two()
    for key in (saying, other):
        definition["steps"][key]["ask"] = [{"group": "both"}]
    definition["steps"][saying]["not_same_as"] = [other]
    request = start(definition, alice)
    assert asked(request) == ["Bob", "Bob"]
    Group.objects.get(key="both").members.set([bob, carol])
    answer(bob)
    assert asked(request) == ["Carol"]
    seat = Assignment.objects.get(visit__step_key="finance", person=bob)
    assert seat.state == "withdrawn"
    with pytest.raises(engine_errors.Barred, match="so this step needs somebody else"):
        engine.decide(seat.pk, by=bob, outcome="approve", channel=Decision.Channel.PAGE)
    answer(carol)
    assert standing(request) == ("ended", "approved")


@pytest.mark.parametrize("following", ["end", "step"])
def test_what_an_answer_decides_comes_before_whom_it_bars(
    mailbox: Mailbox, alice: Person, bob: Person, carol: Person, dave: Person, following: str
) -> None:
    """Bob's answer ends the block; that he may not answer beside it any more, which would end it too, comes after."""
    Group.objects.create(key="both", name="Both").members.set([bob, carol])
    definition = two([{"approved": "any", "cancel": "others"}, {"rejected": "any"}])
    definition["steps"]["finance"] |= {"ask": [{"group": "both"}], "rule": "all", "not_same_as": ["legal"]}
    if following == "step":
        definition["steps"]["final"] = step("dave")
        definition["transitions"][-2]["to"] = "final"
        definition["transitions"] += [
            {"from": "final", "outcome": "approve", "to": "approved"},
            {"from": "final", "outcome": "reject", "to": "rejected"},
        ]
    request = start(definition, alice)
    answer(carol)
    legal = Assignment.objects.get(person=bob, visit__step_key="legal")
    engine.decide(legal.pk, by=bob, outcome="approve", channel=Decision.Channel.PAGE)
    assert visits(request)["legal"] == "closed approve"
    assert visits(request)["checks"] == "closed approved"
    assert visits(request)["finance"] == "cancelled"
    if following == "step":
        assert asked(request) == ["Dave"]
    else:
        assert (standing(request), mails("ended")) == (("ended", "approved"), ["alice"])


@SAYING
def test_four_eyes_side_by_side_with_nobody_else(alice: Person, bob: Person, saying: str, other: str) -> None:
    definition = two()
    definition["steps"]["finance"] |= step("bob", name="Money")
    definition["steps"][saying]["not_same_as"] = [other]
    request = start(definition, alice)
    answer(bob)
    assert visits(request)["finance"] == "stuck"
    assert "decided “Bob” before" in request.visits.get(step_key="finance").reason


# --- what the database holds ----------------------------------------------------------------------------------


def test_no_second_live_visit_at_the_root_or_in_a_branch(alice: Person, bob: Person, carol: Person) -> None:
    request = start(two(), alice)
    checks = request.visits.get(step_key="checks")
    for parent, branch in [(None, ""), (checks, "legal")]:
        with pytest.raises(IntegrityError), transaction.atomic():
            Visit.objects.create(request=request, step_key="other", round=1, parent=parent, branch=branch)
    other = {"request": request, "step_key": "other", "closed_at": timezone.now(), "state": "cancelled"}
    with transaction.atomic():
        Visit.objects.create(**other, round=1, parent=checks, branch="legal")
        transaction.set_rollback(True)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"branch": "finance"}, "the branch that a step stands in was changed"),
        ({"branch_result": "approved"}, "what a branch came to was changed"),
        ({"parent": None, "state": "closed"}, "the block that a step stands in was changed"),
        ({"ended_by": "finance"}, "which step made another needless was changed"),
    ],
)
def test_a_changed_branch_is_noticed(
    alice: Person, bob: Person, carol: Person, change: dict[str, Any], reason: str
) -> None:
    request = start(two(), alice)
    answer(bob, "reject")
    legal = request.visits.filter(step_key="legal")
    change = {
        name: request.visits.get(step_key=value) if name == "ended_by" else value
        for name, value in change.items()
    }
    with transaction.atomic():
        legal.update(**change)
        assert [differs.reason for differs in evidence.compare(request.pk)] == [reason]
        transaction.set_rollback(True)


# --- publishing -----------------------------------------------------------------------------------------------


def problems(definition: Mapping[str, Any]) -> str:
    with pytest.raises(DefinitionInvalid) as caught:
        parse_definition(definition)
    return "\n".join(caught.value.problems)


def test_what_is_published_is_read_back_the_same() -> None:
    definition = publish(nested())
    assert parse_definition(definition.definition) == parse_definition(nested())
    written = definition.definition["steps"]["checks"]
    assert written["result"] == REJECTED_AT_ONCE


def test_each_step_knows_its_place() -> None:
    assert parse_definition(nested()).places == {
        "checks": (),
        "approved": (),
        "rejected": (),
        "legal": (("checks", "legal"),),
        "money": (("checks", "money"),),
        "finance": (("checks", "money"), ("money", "finance")),
        "board": (("checks", "money"), ("money", "board")),
    }


def _changed(change: Any) -> dict[str, Any]:
    definition = two()
    change(definition, definition["steps"]["checks"], definition["transitions"])
    return definition


def _shares_a_step(d: Any, b: Any, t: Any) -> None:
    d["steps"]["both"] = step("dave")
    t[0].update(ends_branch=None, to="both")
    t[2].update(ends_branch=None, to="both")
    t += ends("both")


def _goes_round(d: Any, b: Any, t: Any) -> None:
    for way in t[:2]:
        way.update(ends_branch=None, to="legal")


def _ends_no_branch(d: Any, b: Any, t: Any) -> None:
    t[-1].pop("to")
    t[-1]["ends_branch"] = "rejected"
    t[-2]["when"] = "amount > 1.0"
    t.append({"from": "checks", "outcome": "approved", "to": "rejected"})


def _names_later(d: Any, b: Any, t: Any) -> None:
    b.update(result=[*HEARD, {"later": "any"}])
    t.append({"from": "checks", "outcome": "later", "to": "rejected"})


MISTAKES: list[tuple[str, Any]] = [
    ("at least 2 items", lambda d, b, t: b["branches"].pop("legal")),
    (
        "branch legal has to start with a step, and nowhere is none",
        lambda d, b, t: b["branches"].update(legal={"start": "nowhere"}),
    ),
    (
        "branch legal has to start with a step, and approved is none",
        lambda d, b, t: b["branches"].update(legal={"start": "approved"}),
    ),
    (
        "“Legal!” is not a key of a branch",
        lambda d, b, t: b["branches"].update({"Legal!": b["branches"].pop("legal")}),
    ),
    ("branch legal: ", lambda d, b, t: b["branches"]["legal"].update(when="amount >")),
    (
        "branch finance starts with finance, which is also reached without it",
        lambda d, b, t: t[0].update(ends_branch=None, to="finance"),
    ),
    ("both stands in another branch than finance", _shares_a_step),
    (
        "the result names approved twice",
        lambda d, b, t: b.update(result=[{"approved": "all"}, {"approved": "any"}]),
    ),
    (
        "approved needs more branches than there are",
        lambda d, b, t: b.update(result=[{"approved": 3}, {"rejected": "any"}]),
    ),
    ("the result names later, as which no branch ends", _names_later),
    ("say one result", lambda d, b, t: b.update(result=[{"approved": "all", "rejected": "any"}])),
    (
        "Input should be 'others'",
        lambda d, b, t: b.update(result=[{"approved": "all", "cancel": "all"}, {"rejected": "any"}]),
    ),
    ("labels name maybe, which is no result here", lambda d, b, t: b.update(labels={"maybe": "Perhaps"})),
    ("otherwise: Field required", lambda d, b, t: b.pop("otherwise")),
    ("nothing follows rejected", lambda d, b, t: t.pop()),
    (
        "the result of checks does not say what maybe means there",
        lambda d, b, t: t[0].update(ends_branch="maybe"),
    ),
    ("say where it leads", lambda d, b, t: t[0].update(to="approved")),
    ("say where it leads", lambda d, b, t: t[0].pop("ends_branch")),
    ("checks stands in no branch that could end", _ends_no_branch),
    ("steps.legal: no way leads on from here to an end", _goes_round),
]


@pytest.mark.parametrize(("sentence", "change"), MISTAKES, ids=[sentence for sentence, _ in MISTAKES])
def test_each_mistake_is_named(sentence: str, change: Any) -> None:
    assert sentence in problems(_changed(change))


def test_blocks_do_not_stand_in_each_other_without_end() -> None:
    def deep(depth: int) -> dict[str, Any]:
        definition = two()
        for number in range(1, depth):
            key, inner = f"b{number}", f"i{number}"
            outer_step = "finance" if number == 1 else f"i{number - 1}"
            definition["steps"][outer_step] = {
                "kind": "parallel", "name": "Deep", "branches": {"x": {"start": key}, "y": {"start": inner}},
                "result": HEARD, "otherwise": "rejected",
            }  # fmt: skip
            definition["steps"] |= {key: step("bob"), inner: step("carol")}
            definition["transitions"] = [t for t in definition["transitions"] if t["from"] != outer_step]
            definition["transitions"] += [
                {"from": outer_step, "outcome": one, "ends_branch": one} for one in ("approved", "rejected")
            ]
            definition["transitions"] += [*ends(key), *ends(inner)]
        return definition

    parse_definition(deep(5))
    assert "more than 5 deep" in problems(deep(6))
