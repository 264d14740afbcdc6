"""Who may answer in somebody's place: by a delegation that is in force, because it was given to them, and in no other
way, whatever the database, a requester or a ring of delegates would have it be."""

import email.policy
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.db import connection, transaction
from django.utils import timezone

from placet import work
from placet.accounts import delegations
from placet.accounts.delegations import DelegationInvalid, Scope, Wanted
from placet.accounts.models import Delegation, Person
from placet.approvals import delegating, engine, engine_delegates, engine_errors, evidence, timing
from placet.approvals.engine_clarifications import Written
from placet.approvals.engine_errors import Barred, NoLongerOpen, NotAllowed
from placet.approvals.models import Ask, Assignment, Decision, Delegate, DigestItem, Request
from placet.approvals.processes import publish
from placet.approvals.verification import findings
from placet.audit import chain
from placet.mail.models import OutgoingMail
from placet.mailboxes.models import Mailbox
from tests.making import entries, entry_of, make_mailbox, one_step, open_for
from tests.rotation import whole

pytestmark = pytest.mark.django_db
PAGE = Decision.Channel.PAGE
DELEGATES = next(kind for kind in work.kinds() if kind.name == "delegate")


@pytest.fixture(autouse=True)
def _the_record_tells_it_all(db: None) -> Iterator[None]:
    yield
    assert [*chain.verify(), *evidence.compare(), *findings()] == []


def delegate(owner: Person, to: Person, by: Person | None = None, **more: Any) -> Delegation:
    begins = more.pop("begins_at", timezone.now() - timedelta(minutes=1))
    return delegations.make(owner, Wanted(to, begins, **more), by or owner)


def start(requester: Person, source: Mapping[str, Any], amount: str = "900") -> Request:
    return engine.start(publish(source), requester, {"item": "Desk", "amount": amount})


def asks(person: Person, **more: Any) -> dict[str, Any]:
    return one_step([{"person": person.email}], **more)


def answer(request: Request, owner: Person, by: Person, outcome: str = "approve") -> Decision:
    """As the one who has the seat, or in their place."""
    seat = Assignment.objects.filter(visit__request=request, person=owner).latest("pk")
    return engine.decide(seat.pk, by=by, outcome=outcome, channel=PAGE)


def rows(request: Request) -> list[tuple[str, str, str]]:
    """Of each delegate: who, for whom, and how that stands."""
    found = Delegate.objects.filter(assignment__visit__request=request).order_by("pk")
    names = found.values_list("person__name", "assignment__person__name", "state", "reason")
    return [
        (who.split()[0], whose.split()[0], f"{state} {reason}".strip()) for who, whose, state, reason in names
    ]


def asked_by_mail(request: Request) -> list[str]:
    found = Ask.objects.filter(lines__assignment__visit__request=request).order_by("pk")
    return [name.split()[0] for name in found.values_list("person__name", flat=True)]


def state_of(request: Request) -> str:
    request.refresh_from_db()
    return request.result or request.state


def text_of(mail: OutgoingMail) -> str:
    """Its lines, unfolded."""
    body = email.message_from_bytes(bytes(mail.raw), policy=email.policy.default).get_body(("plain",))
    assert body is not None
    return " ".join(str(body.get_content()).split())


# --- both may answer --------------------------------------------------------------------------------------


def test_both_are_asked_and_the_first_answer_counts(
    mailbox: Mailbox, alice: Person, bob: Person, dave: Person
) -> None:
    made = delegate(bob, dave, scope=Scope(processes=("one-step",)))
    request = start(alice, asks(bob))
    assert asked_by_mail(request) == ["Bob", "Dave"]
    decision = answer(request, bob, dave)
    assert (decision.by_person, decision.assignment.person) == (dave, bob)
    assert state_of(request) == "approved"
    assert rows(request) == [("Dave", "Bob", "over")]
    told = entry_of("decided", request=request)
    assert told.who == f"person:{dave.pk}"
    assert (told.what["for"], told.what["why"], told.what["delegation"]) == (bob.pk, "standing", made.pk)
    assert told.what["scope"] == {"processes": ["one-step"]}
    with pytest.raises(engine_errors.AlreadyDecided) as first:
        answer(request, bob, bob)
    assert first.value.decisions == [decision]
    mails = OutgoingMail.objects.filter(kind="answered-for")
    assert [mail.to for mail in mails] == [bob.email]


def test_whoever_is_asked_answers_themself_and_the_delegate_is_late(
    mailbox: Mailbox, alice: Person, bob: Person, dave: Person
) -> None:
    delegate(bob, dave)
    request = start(alice, asks(bob))
    answer(request, bob, bob, "reject")
    with pytest.raises(engine_errors.AlreadyDecided):
        answer(request, bob, dave)
    assert state_of(request) == "rejected"
    assert not OutgoingMail.objects.filter(kind="answered-for").exists()
    assert "for" not in entry_of("decided", request=request).what


def test_only_the_delegate_gets_mail_if_they_said_so_and_they_once_there_is_none(
    mailbox: Mailbox, alice: Person, bob: Person, dave: Person
) -> None:
    made = delegate(bob, dave, only_delegate=True)
    request = start(alice, asks(bob))
    assert asked_by_mail(request) == ["Dave"]
    assert open_for(bob).page_only is False
    assert delegations.end(made.pk, bob)
    assert work.run_once(DELEGATES) == 1
    assert rows(request) == [("Dave", "Bob", "ended delegation")]
    assert asked_by_mail(request) == ["Dave", "Bob"]
    answer(request, bob, bob)


def test_what_waits_for_a_digest_goes_on_waiting_when_a_delegation_ends(
    mailbox: Mailbox, alice: Person, bob: Person, dave: Person
) -> None:
    Person.objects.filter(pk=bob.pk).update(in_digests=True)
    bob.refresh_from_db()
    made = delegate(bob, dave)
    request = start(alice, asks(bob))
    assert asked_by_mail(request) == ["Dave"]
    delegations.end(made.pk, bob)
    work.run_once(DELEGATES)
    assert rows(request) == [("Dave", "Bob", "ended delegation")]
    assert asked_by_mail(request) == ["Dave"]
    assert DigestItem.objects.get().state == DigestItem.State.WAITING


def test_without_a_mailbox_delegates_answer_on_the_page(alice: Person, bob: Person, dave: Person) -> None:
    delegate(bob, dave, only_delegate=True)
    request = start(alice, asks(bob))
    assert (asked_by_mail(request), open_for(bob).page_only) == ([], True)
    make_mailbox()
    assert engine.ask_by_mail(open_for(bob).pk)
    assert asked_by_mail(request) == ["Dave"]
    answer(request, bob, dave)


# --- in force ---------------------------------------------------------------------------------------------


def test_what_begins_and_ends_while_a_question_is_open(
    mailbox: Mailbox, alice: Person, bob: Person, dave: Person
) -> None:
    request = start(alice, asks(bob))
    now = timezone.now()
    delegate(bob, dave, begins_at=now + timedelta(days=1), ends_at=now + timedelta(days=2))
    assert work.run_once(DELEGATES) == 0
    with time_machine.travel(now + timedelta(days=1, seconds=1)):
        assert work.run_once(DELEGATES) == 1
        assert work.run_once(DELEGATES) == 0
        assert asked_by_mail(request) == ["Bob", "Dave"]
    with time_machine.travel(now + timedelta(days=1, minutes=2)):
        assert work.run_once(DELEGATES) == 1  # once more, for who was asked meanwhile
        assert asked_by_mail(request) == ["Bob", "Dave"]
    with time_machine.travel(now + timedelta(days=2)):
        with pytest.raises(NotAllowed, match="You do not answer in place of Bob Manager any more"):
            answer(request, bob, dave)
        assert work.run_once(DELEGATES) == 1
        assert rows(request) == [("Dave", "Bob", "ended delegation")]
    with time_machine.travel(now + timedelta(days=2, minutes=2)):
        assert work.run_once(DELEGATES) == 1
    assert Delegation.objects.get().due is None
    assert len(entries("delegate added", request=request)) == len(entries("delegate ended", request=request))


def test_ended_between_ask_and_answer(mailbox: Mailbox, alice: Person, bob: Person, dave: Person) -> None:
    """Before the row of work was worked, too."""
    made = delegate(bob, dave)
    request = start(alice, asks(bob))
    delegations.end(made.pk, bob)
    with pytest.raises(NotAllowed, match="that was ended, its time is over, or it is not about this"):
        answer(request, bob, dave)
    work.run_once(DELEGATES)
    with pytest.raises(NotAllowed, match="that was ended, its time is over, or it is not about this"):
        answer(request, bob, dave)
    assert state_of(request) == "open"


def test_of_two_delegations_one_may_end(mailbox: Mailbox, alice: Person, bob: Person, dave: Person) -> None:
    first = delegate(bob, dave)
    other = delegate(bob, dave)
    request = start(alice, asks(bob))
    delegations.end(first.pk, bob)
    work.run_once(DELEGATES)
    assert rows(request) == [("Dave", "Bob", "open")]
    answer(request, bob, dave)
    assert entry_of("decided", request=request).what["delegation"] == other.pk


@pytest.mark.parametrize(
    ("scope", "fits"),
    [
        (Scope(), True),
        (Scope(processes=("one-step", "other")), True),
        (Scope(processes=("other",)), False),
        (Scope(groups=("finance",)), True),
        (Scope(groups=("legal",)), False),
        (Scope(amount_below=Decimal("900.01"), currency="EUR"), True),
        (Scope(amount_below=Decimal("900"), currency="EUR"), False),
        (Scope(amount_below=Decimal("10000"), currency="USD"), False),
        (Scope(("one-step",), ("finance",), Decimal("1000"), "EUR"), True),
        (Scope(("one-step",), ("legal",), Decimal("1000"), "EUR"), False),
    ],
)
def test_what_a_delegation_is_about(
    alice: Person, carol: Person, dave: Person, scope: Scope, fits: bool
) -> None:
    delegate(carol, dave, scope=scope)
    request = start(alice, one_step([{"group": "finance"}]))
    assert bool(rows(request)) is fits


def test_an_amount_that_a_table_comes_to(alice: Person, bob: Person, dave: Person) -> None:
    """A hundred small rows are no small amount."""
    delegate(bob, dave, scope=Scope(amount_below=Decimal("100"), currency="EUR"))
    columns = [{"name": "cost", "label": "Cost", "type": "money", "currency": "EUR"}]
    table = {"name": "rows", "label": "Rows", "type": "table", "columns": columns}
    version = publish(asks(bob, form=[{"name": "item", "label": "Item", "type": "text"}, table]))
    for costs, fits in ((["60"], True), (["60", "60"], False), (["99.99"], True), (["100"], False)):
        entered = {"item": "Desk", "rows": [{"cost": cost} for cost in costs]}
        assert bool(rows(engine.start(version, alice, entered))) is fits, costs


def test_an_answer_does_not_make_the_amount_larger_than_the_delegate_may(
    alice: Person, bob: Person, dave: Person
) -> None:
    delegate(bob, dave, scope=Scope(amount_below=Decimal("1000"), currency="EUR"))
    source = asks(bob)
    source["steps"]["step"]["form"] = {"fill": ["amount"]}
    request = start(alice, source)
    seat = open_for(bob)
    with pytest.raises(NotAllowed, match="it is not about this"):
        engine.decide(seat.pk, by=dave, outcome="approve", channel=PAGE, entered={"amount": "1000"})
    assert state_of(request) == "open"
    engine.decide(seat.pk, by=dave, outcome="approve", channel=PAGE, entered={"amount": "999"})
    assert state_of(request) == "approved"


@pytest.mark.parametrize("order", [None, "one_by_one"])
def test_another_answer_makes_the_amount_larger_than_the_delegate_may(
    mailbox: Mailbox, alice: Person, bob: Person, carol: Person, dave: Person, order: str | None
) -> None:
    """Carol fills it in, before or while Dave is asked in Bob's place."""
    delegate(bob, dave, scope=Scope(amount_below=Decimal("1000"), currency="EUR"))
    source = one_step([{"person": carol.email}, {"person": bob.email}], rule="all")
    source["steps"]["step"] |= {"form": {"fill": ["amount"]}, **({"order": order} if order else {})}
    request = start(alice, source)
    assert rows(request) == ([] if order else [("Dave", "Bob", "open")])
    engine.decide(open_for(carol).pk, by=carol, outcome="approve", channel=PAGE, entered={"amount": "5000"})
    assert rows(request) == ([] if order else [("Dave", "Bob", "ended delegation")])
    with pytest.raises(NotAllowed):
        answer(request, bob, dave)
    answer(request, bob, bob)
    assert state_of(request) == "approved"


@pytest.mark.parametrize(
    ("answers", "result"), [(["reject"], "rejected"), (["approve", "approve"], "approved")]
)
def test_a_veto_and_a_weight_are_those_of_the_seat(
    alice: Person, bob: Person, carol: Person, dave: Person, answers: list[str], result: str
) -> None:
    delegate(bob, dave)
    lines: list[dict[str, Any]] = [
        {"person": bob.email, "key": "officer"},
        {"person": carol.email, "key": "council", "weight": 2},
    ]
    source = one_step(lines, rule=[{"reject": {"veto": ["officer"]}}, {"approve": {"weight": 3}}])
    source["steps"]["step"]["otherwise"] = "reject"
    request = start(alice, source)
    for (owner, by), outcome in zip(((bob, dave), (carol, carol)), answers, strict=False):
        assert state_of(request) == "open"
        answer(request, owner, by, outcome)
    assert state_of(request) == result


# --- who may not ------------------------------------------------------------------------------------------


def test_the_requester_is_nobodys_delegate(alice: Person, bob: Person, dave: Person) -> None:
    """Not even where requesters may decide what is asked of themselves."""
    delegate(bob, alice)
    request = start(alice, asks(bob, requester_may_decide=True))
    assert rows(request) == []
    with pytest.raises(delegating.CannotBeGiven):
        delegating.give(open_for(bob).pk, bob, alice)
    with pytest.raises(NotAllowed):
        answer(request, bob, alice)


def test_a_requester_does_not_choose_who_decides(
    alice: Person, bob: Person, dave: Person, admin: Person
) -> None:
    """By giving it on, as their approver's manager or as an administrator."""
    Person.objects.filter(pk=bob.pk).update(manager=alice)
    start(alice, asks(bob))
    with pytest.raises(NotAllowed):
        delegating.give(open_for(bob).pk, alice, dave)
    Assignment.objects.all()
    request = start(admin, asks(bob, key="other"))
    seat = Assignment.objects.get(visit__request=request)
    with pytest.raises(NotAllowed):
        delegating.give(seat.pk, admin, dave)
    assert rows(request) == []


def two_delegators(alice: Person, bob: Person, carol: Person, dave: Person) -> Request:
    for owner in (bob, carol):
        delegate(owner, dave)
    source = one_step([{"person": bob.email}, {"person": carol.email}], rule="all")
    return start(alice, source)


def test_a_human_has_one_vote_in_a_step(
    mailbox: Mailbox, alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    request = two_delegators(alice, bob, carol, dave)
    answer(request, bob, dave)
    assert rows(request) == [("Dave", "Bob", "over"), ("Dave", "Carol", "ended barred")]
    with pytest.raises(NotAllowed, match="one of you answered elsewhere"):
        answer(request, carol, dave)
    assert state_of(request) == "open"
    answer(request, carol, carol)
    assert state_of(request) == "approved"


def test_nor_with_a_row_that_was_put_in(alice: Person, bob: Person, carol: Person, dave: Person) -> None:
    request = two_delegators(alice, bob, carol, dave)
    answer(request, bob, dave)
    with transaction.atomic():
        Delegate.objects.filter(state="ended").update(state="open", reason="", ended_at=None)
        with pytest.raises(Barred, match="nobody has two answers"):
            answer(request, carol, dave)
        transaction.set_rollback(True)


def test_whoever_is_asked_themself_answers_for_nobody_beside(
    alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    """Their own seat would be lost, or they would have two votes."""
    delegate(bob, dave)
    request = start(alice, one_step([{"person": bob.email}, {"person": dave.email}], rule="all"))
    assert rows(request) == []
    with pytest.raises(delegating.CannotBeGiven):
        delegating.give(open_for(bob).pk, bob, dave)
    answer(request, dave, dave)
    with pytest.raises(NotAllowed):
        answer(request, bob, dave)
    answer(request, bob, bob)
    assert state_of(request) == "approved"


def test_nor_where_their_turn_comes_later(alice: Person, bob: Person, carol: Person, dave: Person) -> None:
    """They have answered in somebody's place by then: the step says that somebody is missing."""
    delegate(bob, dave)
    source = one_step([{"person": bob.email}, {"person": dave.email}], rule="all")
    source["steps"]["step"]["order"] = "one_by_one"
    request = start(alice, source)
    answer(request, bob, dave)
    visit = request.visits.get()
    assert (visit.state, visit.result) == ("stuck", "")


def apart(first: Person, second: Person) -> dict[str, Any]:
    source = one_step([{"person": second.email}], key="apart")
    steps = {
        "first": {"kind": "approval", "name": "First", "ask": [{"person": first.email}]},
        **source["steps"],
    }
    steps["step"] = {**steps["step"], "not_same_as": ["first"]}
    ways = [
        {"from": "first", "outcome": one, "to": to}
        for one, to in (("approve", "step"), ("reject", "rejected"))
    ]
    return {**source, "start": "first", "steps": steps, "transitions": [*ways, *source["transitions"]]}


def test_four_eyes_are_two_humans_through_delegates_too(
    mailbox: Mailbox, alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    """Dave answers the first step in Bob's place: neither of them decides the second one, for nobody."""
    delegate(bob, dave)
    delegate(carol, dave)
    request = start(alice, apart(bob, carol))
    answer(request, bob, dave)
    assert rows(request) == [("Dave", "Bob", "over")]
    with pytest.raises(NotAllowed):
        answer(request, carol, dave)
    for barred in (bob, dave):
        with pytest.raises(delegating.CannotBeGiven):
            delegating.give(open_for(carol).pk, carol, barred)
    answer(request, carol, carol)
    assert state_of(request) == "approved"


def test_the_one_in_whose_place_a_step_was_decided_is_kept_out(
    mailbox: Mailbox, alice: Person, bob: Person, dave: Person
) -> None:
    delegate(bob, dave)
    request = start(alice, apart(bob, bob))
    answer(request, bob, dave)
    visit = request.visits.get(step_key="step")
    assert (visit.state, visit.assignments.count()) == ("stuck", 0)
    assert "decided “First” before" in visit.reason


def test_a_step_may_forbid_it(alice: Person, bob: Person, dave: Person) -> None:
    delegate(bob, dave)
    source = asks(bob)
    source["steps"]["step"]["delegate"] = False
    request = start(alice, source)
    assert rows(request) == []
    with pytest.raises(NotAllowed):
        delegating.give(open_for(bob).pk, bob, dave)


def test_a_ring_of_delegates_leads_one_step_far(
    mailbox: Mailbox, alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    for one, other in ((bob, dave), (dave, carol), (carol, bob)):
        delegate(one, other)
    request = start(alice, asks(bob))
    assert asked_by_mail(request) == ["Bob", "Dave"]
    assert rows(request) == [("Dave", "Bob", "open")]
    with pytest.raises(NotAllowed, match="Somebody else was asked"):
        answer(request, bob, carol)
    with pytest.raises(NotAllowed):
        delegating.give(open_for(bob).pk, dave, carol)


def test_within_the_delegators_own_limit(alice: Person, bob: Person, dave: Person) -> None:
    """Dave has no limit of his own, and needs none; Bob cannot hand on what he does not have any more."""
    Person.objects.filter(pk=bob.pk).update(approval_limit=1000)
    delegate(bob, dave)
    request = start(alice, one_step([{"managers": {"until": "limit >= amount"}}]))
    assert rows(request) == [("Dave", "Bob", "open")]
    Person.objects.filter(pk=bob.pk).update(approval_limit=899)
    with pytest.raises(Barred, match="The approval limit of Bob Manager is not enough"):
        answer(request, bob, dave)
    Person.objects.filter(pk=bob.pk).update(approval_limit=900)
    answer(request, bob, dave)
    assert state_of(request) == "approved"


def test_a_delegate_who_leaves_is_asked_no_longer(
    mailbox: Mailbox, alice: Person, bob: Person, dave: Person, admin: Person
) -> None:
    delegate(bob, dave, only_delegate=True)
    request = start(alice, asks(bob))
    Person.objects.filter(pk=dave.pk).update(is_active=False)
    with pytest.raises(NotAllowed):
        answer(request, bob, dave)
    engine.deactivate(dave, admin)
    assert rows(request) == [("Dave", "Bob", "ended left")]
    assert asked_by_mail(request) == ["Dave", "Bob"]
    with pytest.raises(NotAllowed):
        answer(request, bob, dave)
    another = start(alice, asks(bob, key="another"))
    assert rows(another) == []


def test_whoever_is_asked_leaves_and_takes_the_delegate_along(
    alice: Person, bob: Person, dave: Person, admin: Person
) -> None:
    delegate(bob, dave)
    request = start(alice, asks(bob))
    engine.deactivate(bob, admin)
    assert rows(request) == [("Dave", "Bob", "over")]
    with pytest.raises(NoLongerOpen):
        answer(request, bob, dave)


def test_a_withdrawn_request_tells_the_delegate(
    mailbox: Mailbox, alice: Person, bob: Person, dave: Person
) -> None:
    delegate(bob, dave)
    request = start(alice, asks(bob))
    engine.withdraw(request.pk, alice)
    assert [mail.to for mail in OutgoingMail.objects.filter(kind="withdrawn").order_by("pk")] == [
        bob.email,
        dave.email,
    ]
    assert rows(request) == [("Dave", "Bob", "over")]


def test_asked_once_more_both_are(mailbox: Mailbox, alice: Person, bob: Person, dave: Person) -> None:
    delegate(bob, dave)
    request = start(alice, asks(bob))
    with pytest.raises(engine_errors.TooSoon):
        engine.resend(open_for(bob).pk, alice)
    OutgoingMail.objects.update(state="sent", sent_at=timezone.now() - timedelta(hours=1))
    engine.resend(open_for(bob).pk, alice)
    assert asked_by_mail(request) == ["Bob", "Dave", "Bob", "Dave"]
    assert len(entries("delegate asked again", request=request)) == 1


# --- given ------------------------------------------------------------------------------------------------


def test_given_by_whoever_is_asked(mailbox: Mailbox, alice: Person, bob: Person, dave: Person) -> None:
    request = start(alice, asks(bob))
    delegating.give(open_for(bob).pk, bob, dave, "He knows\nthe supplier.")
    text = text_of(OutgoingMail.objects.get(kind="ask", to=dave.email))
    assert "Bob Manager gave this to you. Bob Manager writes: “He knows the supplier.”" in text
    assert asked_by_mail(request) == ["Bob", "Dave"]
    answer(request, bob, dave)
    told = entry_of("decided", request=request)
    assert (told.what["why"], told.what["delegation"]) == ("given", None)
    assert entry_of("delegate added", request=request).who == f"person:{bob.pk}"


def test_given_and_the_giver_answers_all_the_same(alice: Person, bob: Person, dave: Person) -> None:
    request = start(alice, asks(bob))
    delegating.give(open_for(bob).pk, bob, dave)
    answer(request, bob, bob)
    assert state_of(request) == "approved"


@pytest.mark.parametrize("name", ["stranger", "manager", "admin"])
def test_only_they_their_manager_and_administrators_give_it_on(
    alice: Person, bob: Person, carol: Person, dave: Person, admin: Person, name: str
) -> None:
    Person.objects.filter(pk=bob.pk).update(manager=carol)
    start(alice, asks(bob))
    by = {"stranger": dave, "manager": carol, "admin": admin}[name]
    if name == "stranger":
        with pytest.raises(NotAllowed):
            delegating.give(open_for(bob).pk, by, dave)
        return
    row = delegating.give(open_for(bob).pk, by, dave)
    assert (row.by, row.person) == (by, dave)


def test_taken_back(mailbox: Mailbox, alice: Person, bob: Person, dave: Person) -> None:
    request = start(alice, asks(bob))
    row = delegating.give(open_for(bob).pk, bob, dave)
    with pytest.raises(NotAllowed):
        delegating.take_back(row.pk, dave)
    assert delegating.take_back(row.pk, bob)
    assert not delegating.take_back(row.pk, bob)
    with pytest.raises(NotAllowed, match="and taken back"):
        answer(request, bob, dave)
    again = delegating.give(open_for(bob).pk, bob, dave)
    assert again.pk == row.pk
    answer(request, bob, dave)


def test_what_was_given_does_not_end_with_a_delegation(alice: Person, bob: Person, dave: Person) -> None:
    made = delegate(bob, dave)
    request = start(alice, asks(bob))
    delegating.give(open_for(bob).pk, bob, dave)
    delegations.end(made.pk, bob)
    work.run_once(DELEGATES)
    assert rows(request) == [("Dave", "Bob", "open")]
    answer(request, bob, dave)


# --- made -------------------------------------------------------------------------------------------------


def test_what_is_no_delegation(bob: Person, carol: Person, dave: Person) -> None:
    now = timezone.now()
    for to, more in (
        (bob, {}),
        (dave, {"begins_at": now, "ends_at": now}),
        (dave, {"begins_at": now - timedelta(days=3), "ends_at": now - timedelta(days=2)}),
        (dave, {"by": carol}),
        (dave, {"note": "two\nlines"}),
        (dave, {"scope": Scope(amount_below=Decimal(5))}),
        (dave, {"scope": Scope(amount_below=Decimal(0), currency="EUR")}),
    ):
        with pytest.raises(DelegationInvalid):
            delegate(bob, to, **more)
    Person.objects.filter(pk=dave.pk).update(is_active=False)
    with pytest.raises(DelegationInvalid):
        delegate(bob, dave)
    assert not Delegation.objects.exists()


def test_no_more_than_some(bob: Person, dave: Person) -> None:
    for _ in range(delegations.MOST):
        delegate(bob, dave)
    with pytest.raises(DelegationInvalid):
        delegate(bob, dave)


def test_only_they_and_administrators_end_it(bob: Person, dave: Person, admin: Person) -> None:
    made = delegate(bob, dave, by=admin)
    with pytest.raises(PermissionError):
        delegations.end(made.pk, dave)
    assert delegations.end(made.pk, admin)
    assert not delegations.end(made.pk, bob)
    events = [one.what["event"] for one in entries("delegation made") + entries("delegation ended")]
    assert events == ["delegation made", "delegation ended"]


def test_a_look_that_is_interrupted_goes_on(
    mailbox: Mailbox, alice: Person, bob: Person, dave: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = start(alice, asks(bob)), start(alice, asks(bob))
    made = delegate(bob, dave)
    renew = engine_delegates.renew

    def dies(request: Request, *more: Any) -> None:
        if request.pk == second.pk:
            raise RuntimeError("the process died")
        renew(request, *more)

    monkeypatch.setattr(engine_delegates, "renew", dies)
    assert work.run_once(DELEGATES) == 0
    monkeypatch.undo()
    assert (len(rows(first)), len(rows(second))) == (1, 0)
    Delegation.objects.filter(pk=made.pk).update(due=timezone.now())
    assert work.run_once(DELEGATES) == 1
    assert (len(rows(first)), len(rows(second))) == (1, 1)
    assert asked_by_mail(first) == ["Bob", "Dave"]


# --- at the same instant ----------------------------------------------------------------------------------


def at_once(*works: Callable[[], object]) -> list[object]:
    barrier, results = threading.Barrier(len(works)), [object()] * len(works)

    def run(number: int, one: Callable[[], object]) -> None:
        try:
            connection.ensure_connection()
            barrier.wait(120)
            results[number] = one()
        except engine_errors.EngineError as error:
            results[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number, one)) for number, one in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


@pytest.mark.django_db(transaction=True)
def test_of_both_answers_at_the_same_instant_one_wins(
    request: pytest.FixtureRequest, alice: Person, bob: Person, dave: Person
) -> None:
    make_mailbox()
    version = publish(asks(bob))
    delegate(bob, dave)
    winners = set()
    for _ in range(200 if whole(request.config) else 20):
        started = engine.start(version, alice, {"item": "Desk", "amount": "1"})
        seat = Assignment.objects.get(visit__request=started)

        def answered(by: Person, pk: int = seat.pk) -> Callable[[], object]:
            return lambda: engine.decide(pk, by=by, outcome="approve", channel=PAGE)

        results = at_once(answered(bob), answered(dave))
        [won] = [one for one in results if isinstance(one, Decision)]
        [lost] = [one for one in results if isinstance(one, engine_errors.AlreadyDecided)]
        assert lost.decisions == [won]
        assert Decision.objects.filter(assignment=seat).count() == 1
        winners.add(won.by_person_id)
    assert winners <= {bob.pk, dave.pk}


@pytest.mark.django_db(transaction=True)
def test_ended_at_the_same_instant_it_was_before_or_after(alice: Person, bob: Person, dave: Person) -> None:
    version = publish(asks(bob))
    for _ in range(10):
        made = delegate(bob, dave)
        request = engine.start(version, alice, {"item": "Desk", "amount": "1"})
        seat = Assignment.objects.get(visit__request=request)

        def answers(pk: int = seat.pk) -> object:
            return engine.decide(pk, by=dave, outcome="approve", channel=PAGE)

        def ends(pk: int = made.pk) -> object:
            return delegations.end(pk, bob) and delegating.work(pk)

        answered, _ended = at_once(answers, ends)
        row = Delegate.objects.get(assignment=seat)
        assert row.state == ("over" if isinstance(answered, Decision) else "ended")


# --- beside questions back, and others who are asked ------------------------------------------------------


def test_what_the_requester_answers_goes_to_the_delegate_too(
    mailbox: Mailbox, alice: Person, bob: Person, dave: Person
) -> None:
    delegate(bob, dave)
    request = start(alice, asks(bob))
    question = engine.ask_back(open_for(bob).pk, bob, Written("Why?"))
    engine.clarify(question.pk, alice, Written("It is old."))
    answered = OutgoingMail.objects.filter(kind="ask", subject__startswith="Question answered: ").order_by(
        "pk"
    )
    assert [mail.to for mail in answered] == [bob.email, dave.email]
    answer(request, bob, dave)
    assert state_of(request) == "approved"


def test_who_is_replaced_takes_the_delegate_along_and_answers_for_nobody_there(
    mailbox: Mailbox, alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    """Dave answers for Bob. Nobody does, so Carol is asked instead; her delegate is Bob, who would decide after all."""
    long_ago = timezone.now() - timedelta(days=9)
    delegate(bob, dave, begins_at=long_ago)
    delegate(carol, bob, begins_at=long_ago)
    source = asks(bob)
    rung = {"when": "1 hour after", "instead": [{"person": carol.email}]}
    source["steps"]["step"] |= {"due": "1 hour", "escalate": [rung]}
    begun = timezone.now() - timedelta(hours=5)
    with time_machine.travel(begun) as clock:
        request = start(alice, source)
        assert rows(request) == [("Dave", "Bob", "open")]
        for hours in range(1, 4):
            clock.move_to(begun + timedelta(hours=hours, minutes=1))
            Mailbox.objects.update(read_until=timezone.now() + timedelta(minutes=2))
            with time_machine.travel(timezone.now() + timedelta(minutes=3)):
                for number in timing.due(10):
                    timing.work(number)
    seats = Assignment.objects.filter(visit__request=request).order_by("pk")
    assert [(seat.person, seat.state) for seat in seats] == [(bob, "withdrawn"), (carol, "open")]
    assert rows(request) == [("Dave", "Bob", "over")]
    with pytest.raises(NoLongerOpen):
        answer(request, bob, dave)
    with pytest.raises(NotAllowed):
        answer(request, carol, bob)


def test_whoever_is_back_and_asked_again_has_the_delegate_that_they_had(
    alice: Person, bob: Person, dave: Person, admin: Person, mailbox: Mailbox
) -> None:
    delegate(bob, dave)
    request = start(alice, asks(bob))
    engine.deactivate(bob, admin)
    visit = request.visits.get()
    assert visit.state == "stuck"
    Person.objects.filter(pk=bob.pk).update(is_active=True)
    engine.ask_again(visit.pk, admin)
    assert [row[-1] for row in rows(request)] == ["open"]
    answer(request, bob, dave)
    assert state_of(request) == "approved"


@pytest.mark.parametrize(
    ("gone", "reason"),
    [
        ("left", "left"),
        ("was ended", "delegation"),
        ("was given it", "delegation"),
        ("decided before", "barred"),
    ],
)
def test_whoever_answered_in_a_seat_that_is_taken_up_again_and_does_not_now_is_ended(
    gone: str,
    reason: str,
    alice: Person,
    bob: Person,
    carol: Person,
    dave: Person,
    admin: Person,
    mailbox: Mailbox,
) -> None:
    made = None if gone == "was given it" else delegate(bob, dave)
    if gone == "decided before":
        delegate(carol, dave)
    request = start(alice, one_step([{"person": one.email} for one in (bob, carol)], rule="all"))
    if made is None:
        delegating.give(open_for(bob).pk, bob, dave)
    engine.deactivate(bob, admin)
    if gone == "left":
        engine.deactivate(dave, admin)
    elif gone == "was ended":
        assert made is not None
        delegations.end(made.pk, admin)
    elif gone == "decided before":
        answer(request, carol, dave)
    Person.objects.filter(pk=bob.pk).update(is_active=True)
    engine.ask_again(request.visits.get().pk, admin)
    assert ("Dave", "Bob", f"ended {reason}") in rows(request)
    answer(request, bob, bob)
