"""What the engine does, one rule of it at a time. Its random lives are in test_engine_model.py."""

import contextlib
import re
import threading
from collections.abc import Callable
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone, translation

from placet import work
from placet.accounts.addresses import add_person
from placet.accounts.models import Group, Person
from placet.approvals import engine, engine_asks, engine_errors, engine_visits, messages, policy, whom
from placet.approvals.composing import hash_of
from placet.approvals.form import FormInvalid
from placet.approvals.models import Ask, AskLine, Assignment, Decision, Request, Visit
from placet.approvals.processes import publish
from placet.approvals.record import Logged
from placet.audit import chain
from placet.audit.models import AuditEntry
from placet.mail.models import IncomingMail, OutgoingMail
from placet.mailboxes.models import Mailbox
from tests.making import SAMPLE, asked, entry_of, make_mailbox, one_step, open_for, start

pytestmark = pytest.mark.django_db
PAGE = Decision.Channel.PAGE


def decide(person: Person, outcome: str = "approve", comment: str = "") -> Decision:
    return engine.decide(open_for(person).pk, by=person, outcome=outcome, comment=comment, channel=PAGE)


def state_of(request: Request) -> tuple[str, str]:
    request.refresh_from_db()
    return request.state, request.result


def mails(kind: str) -> list[str]:
    """To whom, by the name before the @."""
    found = OutgoingMail.objects.filter(kind=kind).order_by("pk")
    return [to.partition("@")[0] for to in found.values_list("to", flat=True)]


def events(request: Request) -> list[str]:
    return [entry.what["event"] for entry in AuditEntry.objects.filter(request=request).order_by("seq")]


def team(*people: Person) -> None:
    group, _ = Group.objects.get_or_create(key="team", defaults={"name": "Team"})
    group.members.set(people)


TEAM: list[dict[str, Any]] = [{"group": "team"}]


# --- the sample -----------------------------------------------------------------------------------------------


def test_the_managers_approval_is_enough_below_a_thousand(
    mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    request = start(SAMPLE, alice)
    decide(bob)
    assert state_of(request) == ("ended", "approved")
    assert mails("ended") == ["alice"]


def test_above_a_thousand_finance_decides_too(
    mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    request = start(SAMPLE, alice, "2,500.00")
    decide(bob)
    assert state_of(request) == ("open", "")
    assert asked(request) == ["Carol"]
    decide(carol, "reject")
    assert state_of(request) == ("ended", "rejected")


def test_the_managers_rejection_ends_it(mailbox: Mailbox, alice: Person, bob: Person, carol: Person) -> None:
    request = start(SAMPLE, alice, "2500")
    decide(bob, "reject")
    assert state_of(request) == ("ended", "rejected")
    assert mails("ask") == ["bob"]


@pytest.mark.parametrize(
    ("amount", "result"),
    [("1,000.00", ("ended", "approved")), ("1,000.01", ("open", "")), ("0", ("ended", "approved"))],
)
def test_a_thousand_is_not_above_a_thousand(
    alice: Person, bob: Person, carol: Person, amount: str, result: tuple[str, str]
) -> None:
    request = start(SAMPLE, alice, amount)
    decide(bob)
    assert state_of(request) == result


def test_the_record_tells_what_happened_in_order(mailbox: Mailbox, alice: Person, bob: Person) -> None:
    request = start(SAMPLE, alice)
    decide(bob, comment="Good price.")
    assert events(request) == ["started", "entered", "asked", "decided", "closed", "ended"]
    decided = entry_of("decided", request=request)
    assert decided.who == f"person:{bob.pk}"
    assert (decided.what["outcome"], decided.what["door"]) == ("approve", "page")
    assert list(chain.verify(request.pk)) == []


# --- starting -------------------------------------------------------------------------------------------------


def test_a_form_that_does_not_fit_starts_nothing(alice: Person) -> None:
    with pytest.raises(FormInvalid):
        engine.start(publish(SAMPLE), alice, {"item": "", "amount": "much"})
    assert not Request.objects.exists()


def test_somebody_who_left_starts_nothing(alice: Person) -> None:
    Person.objects.filter(pk=alice.pk).update(is_active=False)
    with pytest.raises(engine_errors.NotAllowed, match="not active"):
        start(SAMPLE, alice)


def test_a_running_request_keeps_its_version(alice: Person, bob: Person, carol: Person) -> None:
    request = start(SAMPLE, alice, "5000")
    publish(SAMPLE.replace("amount > 1000", "amount > 9000"))
    decide(bob)
    assert asked(request) == ["Carol"]


def test_without_a_mailbox_people_are_asked_on_the_page_and_by_mail_later(alice: Person, bob: Person) -> None:
    start(SAMPLE, alice)
    assert not OutgoingMail.objects.exists()
    waiting = engine.unasked()
    assert waiting == [open_for(bob).pk]
    assert not engine.ask_by_mail(waiting[0])
    assert events(open_for(bob).visit.request).count("asked") == 1
    make_mailbox()
    assert [engine.ask_by_mail(waiting[0]) for _ in range(2)] == [True, False]  # once is enough
    assert mails("ask") == ["bob"]
    assert engine.unasked() == []


def test_who_was_sent_a_mail_again_by_hand_is_not_written_to_once_more(alice: Person, bob: Person) -> None:
    start(SAMPLE, alice)
    make_mailbox()
    engine.resend(open_for(bob).pk, by=alice)
    assert engine.unasked() == []
    assert not engine.ask_by_mail(open_for(bob).pk)
    assert mails("ask") == ["bob"]


def test_asking_by_mail_is_background_work_once_there_is_a_mailbox(alice: Person, bob: Person) -> None:
    """Whatever became of the process that activated the mailbox."""
    version = publish(SAMPLE)
    for _ in range(3):
        start(version, alice)
    (kind,) = [kind for kind in work.kinds() if kind.name == "ask"]
    assert kind.due(10) == []
    make_mailbox()
    assert len(kind.due(2)) == 2
    assert work.run_once(kind, limit=2) == 2
    assert work.run_once(kind) == 1
    assert mails("ask") == ["bob"] * 3
    assert kind.due(10) == []


# --- the right person -----------------------------------------------------------------------------------------


def test_only_the_person_asked_decides(
    mailbox: Mailbox, alice: Person, bob: Person, dave: Person, admin: Person
) -> None:
    request = start(SAMPLE, alice)
    for other in (alice, dave, admin):
        with pytest.raises(engine_errors.NotAllowed, match="Somebody else was asked"):
            engine.decide(open_for(bob).pk, by=other, outcome="approve", channel=PAGE)
    assert state_of(request) == ("open", "")
    assert not Decision.objects.exists()


def test_an_answer_that_the_step_does_not_know_changes_nothing(alice: Person, bob: Person) -> None:
    start(SAMPLE, alice)
    with pytest.raises(engine_errors.NotAllowed, match="approve, reject"):
        decide(bob, "perhaps")
    assert open_for(bob).state == "open"


def test_requesters_are_not_asked_about_their_own_request(alice: Person, dave: Person) -> None:
    team(alice, dave)
    request = start(one_step(TEAM), alice)
    assert asked(request) == ["Dave"]


def test_requesters_who_are_alone_in_the_group_are_not_asked(alice: Person) -> None:
    team(alice)
    request = start(one_step(TEAM), alice)
    assert request.visits.get().state == Visit.State.STUCK


def test_requesters_decide_where_the_process_says_so(alice: Person) -> None:
    team(alice)
    request = start(one_step(TEAM, requester_may_decide=True), alice)
    decide(alice)
    assert state_of(request) == ("ended", "approved")


def test_a_step_may_differ_from_its_process_in_who_decides(alice: Person) -> None:
    team(alice)
    definition = one_step(TEAM, requester_may_decide=True)
    definition["steps"]["step"]["requester_may_decide"] = False
    assert asked(start(definition, alice)) == []


def test_an_assignment_does_not_make_a_requester_the_right_person(alice: Person, bob: Person) -> None:
    """Whatever wrote the row: the rule is asked again when it counts."""
    request = start(SAMPLE, alice)
    own = Assignment.objects.create(visit=request.visits.get(), person=alice)
    with pytest.raises(engine_errors.NotAllowed, match="their own request"):
        engine.decide(own.pk, by=alice, outcome="approve", channel=PAGE)


def test_somebody_who_left_decides_nothing(alice: Person, bob: Person) -> None:
    start(SAMPLE, alice)
    Person.objects.filter(pk=bob.pk).update(is_active=False)  # while Bob has the page open
    assert bob.is_active
    with pytest.raises(engine_errors.NotAllowed):
        decide(bob)


def test_somebody_named_twice_is_asked_once(alice: Person, bob: Person) -> None:
    team(bob)
    request = start(one_step([*TEAM, {"manager": True}, {"person": bob.email}]), alice)
    assert asked(request) == ["Bob"]


# --- managers and groups that are not there -------------------------------------------------------------------


def test_a_manager_who_left_is_answered_for_by_theirs(alice: Person, bob: Person, dave: Person) -> None:
    bob.manager, bob.is_active = dave, False
    bob.save()
    assert asked(start(SAMPLE, alice)) == ["Dave"]


def test_without_a_manager_the_step_is_stuck_and_administrators_are_told(
    mailbox: Mailbox, admin: Person, dave: Person
) -> None:
    request = start(SAMPLE, dave)
    visit = request.visits.get()
    assert (visit.state, visit.reason) == (Visit.State.STUCK, "Dave Stranger has no manager who can be asked")
    assert mails("stuck") == ["ada"]
    assert b"has no manager who can be asked" in bytes(OutgoingMail.objects.get(kind="stuck").raw).replace(
        b"=\r\n", b""
    )
    assert state_of(request) == ("open", "")


def test_why_a_step_is_stuck_is_said_in_the_readers_language(
    mailbox: Mailbox, admin: Person, dave: Person
) -> None:
    Person.objects.filter(pk=admin.pk).update(language="fr")
    visit = start(SAMPLE, dave).visits.get()
    assert visit.reason == "Dave Stranger has no manager who can be asked"
    with translation.override("fr"):
        assert visit.reason_as_read != visit.reason
        in_french = visit.reason_as_read
    assert "Dave Stranger" in in_french and "manager" not in in_french
    mail = message_from_bytes(bytes(OutgoingMail.objects.get(kind="stuck").raw), policy=default)
    text = mail.get_body(("plain",))
    assert text is not None
    assert in_french in " ".join(text.get_content().split())
    visit.why = {}  # of a step that was stuck before
    assert visit.reason_as_read == visit.reason


def test_people_who_manage_each_other_are_no_endless_line(alice: Person, bob: Person) -> None:
    bob.manager, bob.is_active = alice, False
    bob.save()
    assert start(SAMPLE, alice).visits.get().state == Visit.State.STUCK


@pytest.mark.parametrize(
    ("ask", "reason"),
    [
        (TEAM, "the group “team” has no members"),
        ([{"group": "nowhere"}], "there is no group “nowhere”"),
        ([{"person": "ghost@contoso.example"}], "ghost@contoso.example is nobody who can be asked"),
    ],
)
def test_who_is_not_there_is_named(alice: Person, ask: list[dict[str, Any]], reason: str) -> None:
    team()
    visit = start(one_step(ask), alice).visits.get()
    assert (visit.state, visit.reason) == (Visit.State.STUCK, reason)


def test_a_source_that_names_nobody_does_not_matter_if_another_does(alice: Person, bob: Person) -> None:
    assert asked(start(one_step([{"group": "nowhere"}, {"manager": True}]), alice)) == ["Bob"]


@pytest.mark.parametrize("rule", ["all", 1, 2])
def test_where_everybody_named_is_needed_nobody_is_left_out_in_silence(
    mailbox: Mailbox, admin: Person, dave: Person, carol: Person, bob: Person, rule: str | int
) -> None:
    """Dave has no manager: finance alone is not what the process asks for."""
    request = start(
        one_step([{"manager": True}, {"group": "finance"}, {"person": bob.email}], rule=rule), dave
    )
    visit = request.visits.get()
    assert (visit.state, visit.reason) == (Visit.State.STUCK, "Dave Stranger has no manager who can be asked")
    assert mails("ask") == []
    dave.manager = bob
    dave.save()
    engine.ask_again(visit.pk, by=admin)
    assert asked(request) == ["Bob", "Carol"]


def test_a_stuck_step_asks_again_once_people_are_put_right(
    mailbox: Mailbox, admin: Person, alice: Person, dave: Person
) -> None:
    request = start(one_step(TEAM), alice)
    visit = request.visits.get()
    with pytest.raises(engine_errors.NotAllowed):
        engine.ask_again(visit.pk, by=alice)
    engine.ask_again(visit.pk, by=admin)
    assert mails("stuck") == ["ada"]  # she knows
    team(dave)
    engine.ask_again(visit.pk, by=admin)
    visit.refresh_from_db()
    assert (visit.state, visit.reason, asked(request)) == (Visit.State.OPEN, "", ["Dave"])
    assert mails("ask") == ["dave"]
    with pytest.raises(engine_errors.NoLongerOpen, match="not stuck"):
        engine.ask_again(visit.pk, by=admin)


def test_administrators_are_told_each_time_that_a_step_is_stuck(
    mailbox: Mailbox, admin: Person, alice: Person, dave: Person
) -> None:
    request = start(one_step(TEAM), alice)
    team(dave)
    engine.ask_again(request.visits.get().pk, by=admin)
    engine.deactivate(dave, by=admin)
    assert request.visits.get().state == Visit.State.STUCK
    assert mails("stuck") == ["ada", "ada"]


# --- rules ----------------------------------------------------------------------------------------------------


def people(count: int) -> list[Person]:
    found = [add_person(f"P{number}", f"p{number}@contoso.example") for number in range(count)]
    team(*found)
    return found


def test_the_first_answer_closes_the_others(mailbox: Mailbox, alice: Person) -> None:
    first, second, _ = people(3)
    request = start(one_step(TEAM), alice)
    late = open_for(second)
    decide(first, "reject")
    assert state_of(request) == ("ended", "rejected")
    with pytest.raises(engine_errors.AlreadyDecided) as told:
        engine.decide(late.pk, by=second, outcome="approve", channel=PAGE)
    assert [(d.by_person, d.outcome) for d in told.value.decisions] == [(first, "reject")]


def test_all_must_approve(alice: Person) -> None:
    request_people = people(3)
    request = start(one_step(TEAM, rule="all"), alice)
    for number, person in enumerate(request_people):
        assert state_of(request) == ("open", ""), number
        decide(person)
    assert state_of(request) == ("ended", "approved")


def test_one_rejection_is_enough_where_all_must_approve(alice: Person) -> None:
    first, second, third = people(3)
    request = start(one_step(TEAM, rule="all"), alice)
    decide(first)
    decide(second, "reject")
    assert state_of(request) == ("ended", "rejected")
    assert Assignment.objects.get(person=third).state == Assignment.State.SUPERSEDED


@pytest.mark.parametrize(
    ("answers", "result"),
    [
        (["approve"], ""),
        (["approve", "approve"], "approved"),
        (["reject", "approve"], ""),
        (["reject", "reject"], "rejected"),
        (["reject", "approve", "approve"], "approved"),
        (["approve", "reject", "reject"], "rejected"),
    ],
)
def test_two_of_three(alice: Person, answers: list[str], result: str) -> None:
    three = people(3)
    request = start(one_step(TEAM, rule=2), alice)
    for person, outcome in zip(three, answers, strict=False):
        decide(person, outcome)
    assert state_of(request)[1] == result


def test_more_approvals_than_people_ask_nobody_in_vain(
    mailbox: Mailbox, admin: Person, alice: Person
) -> None:
    people(2)
    request = start(one_step(TEAM, rule=3), alice)
    visit = request.visits.get()
    assert (visit.state, visit.reason) == (
        Visit.State.STUCK,
        "3 people must approve, but only 2 can be asked",
    )
    assert mails("ask") == []
    assert mails("stuck") == ["ada"]


def test_who_approved_before_they_left_still_counts(admin: Person, alice: Person, dave: Person) -> None:
    first, second = people(2)
    request = start(one_step(TEAM, rule=2), alice)
    decide(first)
    engine.deactivate(first, by=admin)
    engine.deactivate(second, by=admin)
    visit = request.visits.get()
    assert visit.state == Visit.State.STUCK
    team(first, second, dave)
    engine.ask_again(visit.pk, by=admin)
    assert asked(request) == ["Dave"]
    decide(dave)
    assert state_of(request) == ("ended", "approved")


BOTH: list[dict[str, Any]] = [{"manager": True}, {"group": "finance"}]


def add_to_finance(name: str) -> Person:
    person = add_person(name, f"{name.lower()}@contoso.example")
    Group.objects.get(key="finance").members.add(person)
    return person


def test_who_comes_in_the_place_of_somebody_is_asked_before_all_have_approved(
    alice: Person, bob: Person, carol: Person, admin: Person
) -> None:
    request = start(one_step(BOTH, rule="all"), alice)
    decide(bob)
    erin = add_to_finance("Erin")
    engine.deactivate(carol, by=admin)
    assert state_of(request) == ("open", "")
    assert asked(request) == ["Erin"]
    decide(erin)
    assert state_of(request) == ("ended", "approved")


def test_a_number_is_not_given_up_while_somebody_new_can_be_asked(alice: Person, admin: Person) -> None:
    first, second, third = people(3)
    request = start(one_step(TEAM, rule=2), alice)
    decide(first)
    decide(second, "reject")
    gus = add_person("Gus", "gus@contoso.example")
    team(first, second, third, gus)
    engine.deactivate(third, by=admin)
    assert state_of(request) == ("open", "")
    assert asked(request) == ["Gus"]
    decide(gus)
    assert state_of(request) == ("ended", "approved")


def test_a_number_that_nobody_new_can_make_up_is_rejected(alice: Person, admin: Person) -> None:
    first, second, third = people(3)
    request = start(one_step(TEAM, rule=2), alice)
    decide(first)
    decide(second, "reject")
    engine.deactivate(third, by=admin)
    assert state_of(request) == ("ended", "rejected")


def test_an_answer_does_not_pass_over_somebody_who_is_still_missing(
    mailbox: Mailbox, alice: Person, bob: Person, carol: Person, admin: Person
) -> None:
    request = start(one_step(BOTH, rule="all"), alice)
    engine.deactivate(carol, by=admin)
    assert request.visits.get().reason == "nobody in the group “finance” can be asked"
    decide(bob)
    assert state_of(request) == ("open", "")
    assert request.visits.get().state == Visit.State.STUCK
    assert mails("stuck") == ["ada"]
    erin = add_to_finance("Erin")
    engine.ask_again(request.visits.get().pk, by=admin)
    assert asked(request) == ["Erin"]
    decide(erin)
    assert state_of(request) == ("ended", "approved")


def test_an_answer_asks_whoever_is_there_by_now_where_somebody_was_missing(
    alice: Person, bob: Person, carol: Person, admin: Person
) -> None:
    request = start(one_step(BOTH, rule="all"), alice)
    engine.deactivate(carol, by=admin)
    add_to_finance("Erin")
    decide(bob)
    assert (asked(request), request.visits.get().state) == (["Erin"], Visit.State.OPEN)


def test_a_rejection_that_nobody_could_change_ends_a_stuck_step(
    alice: Person, bob: Person, carol: Person, admin: Person
) -> None:
    request = start(one_step(BOTH, rule="all"), alice)
    engine.deactivate(carol, by=admin)
    decide(bob, "reject")
    assert state_of(request) == ("ended", "rejected")


def test_enough_approvals_end_a_stuck_step(alice: Person, bob: Person, carol: Person, admin: Person) -> None:
    dave = add_person("Dave", "dave@contoso.example")
    team(dave)
    request = start(one_step([*BOTH, *TEAM], rule=2), alice)
    engine.deactivate(carol, by=admin)
    decide(bob)
    assert (request.visits.get().state, asked(request)) == (Visit.State.STUCK, ["Dave"])
    decide(dave)
    assert state_of(request) == ("ended", "approved")


def test_who_approved_and_left_is_not_missing(
    alice: Person, bob: Person, carol: Person, admin: Person
) -> None:
    """Bob answered as the manager; nobody above him is asked for it once more."""
    bob.manager = admin
    bob.save()
    request = start(one_step(BOTH, rule="all"), alice)
    decide(bob)
    engine.deactivate(bob, by=admin)
    erin = add_to_finance("Erin")
    engine.deactivate(carol, by=admin)
    assert asked(request) == ["Erin"]
    decide(erin)
    assert state_of(request) == ("ended", "approved")


# --- going back -----------------------------------------------------------------------------------------------

BACK = SAMPLE.replace(
    "{from: finance, outcome: reject, to: rejected}", "{from: finance, outcome: reject, to: manager}"
)


def test_going_back_is_a_new_round_with_new_questions(
    mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    request = start(BACK, alice, "2000")
    old = open_for(bob)
    decide(bob)
    decide(carol, "reject")
    assert list(request.visits.values_list("step_key", "round")) == [
        ("manager", 1),
        ("finance", 1),
        ("manager", 2),
    ]
    assert open_for(bob).pk != old.pk
    assert mails("ask") == ["bob", "carol", "bob"]
    with pytest.raises(engine_errors.AlreadyDecided):
        engine.decide(old.pk, by=bob, outcome="reject", channel=PAGE)
    decide(bob, "reject")
    assert state_of(request) == ("ended", "rejected")


# --- conditions that fail at run time -------------------------------------------------------------------------


def test_a_condition_that_fails_later_leaves_the_decision_and_stops(
    mailbox: Mailbox, admin: Person, alice: Person, bob: Person
) -> None:
    # It holds for the sample with which it is checked, and not for an amount of nothing.
    request = start(SAMPLE.replace("amount > 1000", "1000 / int(amount) > 1"), alice, "0")
    decide(bob)
    visit = request.visits.get()
    assert visit.state == Visit.State.STUCK
    assert "cannot be evaluated" in visit.reason
    assert state_of(request) == ("open", "")
    assert Decision.objects.get().by_person == bob
    assert mails("stuck") == ["ada"]
    engine.ask_again(visit.pk, by=admin)  # asks nobody what is decided already
    assert asked(request) == []
    assert mails("ask") == ["bob"]
    with pytest.raises(engine_errors.AlreadyDecided):
        engine.decide(Assignment.objects.get().pk, by=bob, outcome="reject", channel=PAGE)
    engine.withdraw(request.pk, by=alice)
    assert state_of(request) == ("withdrawn", "")


def test_a_way_on_that_is_found_later_is_on_record(
    admin: Person, alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = start(SAMPLE.replace("amount > 1000", "1000 / int(amount) > 1"), alice, "0")
    decide(bob)
    dave = add_person("Dave", "dave@contoso.example")
    bob.manager = dave
    bob.save()
    engine.deactivate(bob, by=admin)
    assert asked(request) == []  # the question was answered: it is not put to Dave
    engine.ask_again(request.visits.get().pk, by=admin)
    # As after an update in which the condition can be evaluated.
    monkeypatch.setattr(policy, "holds", lambda *_: False)
    engine.ask_again(request.visits.get().pk, by=admin)
    assert state_of(request) == ("ended", "approved")
    assert events(request)[3:] == [
        *("decided", "closed", "stuck"),
        *("tried again", "stuck"),
        *("tried again", "no longer stuck", "ended"),
    ]
    visit = request.visits.get()
    assert (visit.state, visit.result, visit.reason) == (Visit.State.CLOSED, "approve", "")


@pytest.mark.parametrize(
    "condition",
    [
        "[1, 2][int(amount)] == 2",
        "{'1': 1}[string(int(amount))] == 1",
        "9223372036854775807 - 1 + int(amount) > 0",
    ],
)
def test_no_failure_of_a_condition_stops_an_answer(alice: Person, bob: Person, condition: str) -> None:
    request = start(SAMPLE.replace("amount > 1000", condition), alice, "5")
    decide(bob)
    assert request.visits.get().state == Visit.State.STUCK


# --- withdrawing, sending again, leaving ----------------------------------------------------------------------


def test_withdrawing_tells_those_who_were_asked(mailbox: Mailbox, alice: Person) -> None:
    first, second, _ = people(3)
    request = start(one_step(TEAM, rule="all"), alice)
    late = open_for(second)
    decide(first)
    engine.withdraw(request.pk, by=alice)
    assert state_of(request) == ("withdrawn", "")
    assert mails("withdrawn") == ["p1", "p2"]
    with pytest.raises(engine_errors.NoLongerOpen, match="withdrawn"):
        engine.decide(late.pk, by=second, outcome="approve", channel=PAGE)
    with pytest.raises(engine_errors.NoLongerOpen, match="already ended"):
        engine.withdraw(request.pk, by=alice)


def test_withdrawing_closes_what_was_open_and_leaves_what_was_answered(
    mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    first, second, third = people(3)
    other = start(SAMPLE, alice)
    request = start(one_step(TEAM, rule="all"), alice)
    decide(first)
    began = timezone.now()
    engine.withdraw(request.pk, by=alice)
    visit = request.visits.get()
    assert (visit.state, visit.result) == (Visit.State.CLOSED, "withdrawn")
    assert visit.closed_at is not None and visit.closed_at >= began
    assert {seat.person_id: seat.state for seat in visit.assignments.all()} == {
        first.pk: Assignment.State.DECIDED,
        second.pk: Assignment.State.WITHDRAWN,
        third.pk: Assignment.State.WITHDRAWN,
    }
    request.refresh_from_db()
    assert request.closed_at is not None and request.closed_at >= began
    assert events(request)[-2:] == ["withdrawn", "closed"]
    assert state_of(other) == ("open", "")
    assert asked(other) == ["Bob"]


def test_only_requesters_and_administrators_withdraw(alice: Person, bob: Person, admin: Person) -> None:
    request = start(SAMPLE, alice)
    with pytest.raises(engine_errors.NotAllowed):
        engine.withdraw(request.pk, by=bob)
    engine.withdraw(request.pk, by=admin)
    assert state_of(request) == ("withdrawn", "")


def test_what_has_ended_is_not_withdrawn(alice: Person, bob: Person) -> None:
    request = start(SAMPLE, alice)
    decide(bob)
    with pytest.raises(engine_errors.NoLongerOpen):
        engine.withdraw(request.pk, by=alice)


def code_of(ask: Ask) -> str:
    assert ask.outgoing is not None
    found = re.search(r"\[#([a-z2-7]{16})\]", ask.outgoing.subject)
    assert found
    return found[1]


def sent_long_ago() -> None:
    OutgoingMail.objects.update(state=OutgoingMail.State.SENT, sent_at=timezone.now() - timedelta(minutes=10))


def test_nobody_is_written_to_again_at_once(mailbox: Mailbox, alice: Person, bob: Person) -> None:
    start(SAMPLE, alice)
    with pytest.raises(engine_errors.TooSoon, match="The mail to Bob Manager is not sent yet"):
        engine.resend(open_for(bob).pk, by=alice)
    sent_long_ago()
    engine.resend(open_for(bob).pk, by=alice)
    with pytest.raises(engine_errors.TooSoon, match="not sent yet"):
        engine.resend(open_for(bob).pk, by=alice)
    last = OutgoingMail.objects.order_by("pk").last()
    assert last is not None
    last.state, last.sent_at = OutgoingMail.State.SENT, timezone.now() - timedelta(minutes=9)
    last.save()
    with pytest.raises(
        engine_errors.TooSoon, match="The last mail to Bob Manager is less than 10 minutes old"
    ):
        engine.resend(open_for(bob).pk, by=alice)
    assert mails("ask") == ["bob", "bob"]


@pytest.mark.parametrize("state", ["waiting", "sending"])
def test_nor_while_the_last_mail_is_on_its_way(
    mailbox: Mailbox, alice: Person, bob: Person, state: str
) -> None:
    start(SAMPLE, alice)
    OutgoingMail.objects.update(state=state)
    with pytest.raises(engine_errors.TooSoon, match="not sent yet"):
        engine.resend(open_for(bob).pk, by=alice)
    assert mails("ask") == ["bob"]


@pytest.mark.parametrize(("state", "bounced"), [("failed", False), ("sent", True)])
def test_what_did_not_arrive_is_sent_again_at_once(
    mailbox: Mailbox, alice: Person, bob: Person, state: str, bounced: bool
) -> None:
    start(SAMPLE, alice)
    now = timezone.now()
    OutgoingMail.objects.update(sent_at=now, state=state, bounced_at=now if bounced else None)
    engine.resend(open_for(bob).pk, by=alice)
    assert mails("ask") == ["bob", "bob"]


def test_sending_again_gives_a_new_code_and_the_old_one_stays_good(
    mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    start(SAMPLE, alice)
    sent_long_ago()
    engine.resend(open_for(bob).pk, by=alice)
    codes = [code_of(ask) for ask in Ask.objects.order_by("pk")]
    assert len(set(codes)) == 2
    lines = [AskLine.objects.get(ask__code_hash=hash_of(code)) for code in codes]
    assert {line.assignment_id for line in lines} == {open_for(bob).pk}
    engine.decide(lines[0].assignment_id, by=bob, outcome="approve", channel=PAGE)
    with pytest.raises(engine_errors.AlreadyDecided):
        engine.resend(lines[0].assignment_id, by=alice)


def test_only_requesters_and_administrators_send_again(
    mailbox: Mailbox, alice: Person, bob: Person, admin: Person
) -> None:
    start(SAMPLE, alice)
    with pytest.raises(engine_errors.NotAllowed):
        engine.resend(open_for(bob).pk, by=bob)
    sent_long_ago()
    engine.resend(open_for(bob).pk, by=admin)
    assert mails("ask") == ["bob", "bob"]


def test_codes_are_kept_as_keyed_hashes_only(mailbox: Mailbox, alice: Person, bob: Person) -> None:
    request = start(SAMPLE, alice)
    code = code_of(Ask.objects.get())
    assert Ask.objects.get().code_hash not in (code, "")
    assert all(code not in str(entry.what) for entry in AuditEntry.objects.filter(request=request))


def test_who_leaves_is_answered_for_by_whoever_the_step_names_now(
    mailbox: Mailbox, alice: Person, bob: Person, dave: Person, admin: Person
) -> None:
    bob.manager = dave
    bob.save()
    request = start(SAMPLE, alice)
    old = open_for(bob)
    engine.deactivate(bob, by=admin)
    assert asked(request) == ["Dave"]
    assert mails("ask") == ["bob", "dave"]
    bob.is_active = True  # he comes back: this question is no longer his
    with pytest.raises(engine_errors.NoLongerOpen, match="no longer asked"):
        engine.decide(old.pk, by=bob, outcome="approve", channel=PAGE)
    decide(dave)
    assert state_of(request) == ("ended", "approved")


def test_what_waited_only_for_somebody_who_left_goes_on(alice: Person, admin: Person) -> None:
    first, second = people(2)
    request = start(one_step(TEAM, rule="all"), alice)
    decide(first)
    engine.deactivate(second, by=admin)
    assert state_of(request) == ("ended", "approved")


def test_leaving_touches_every_request_that_waits(
    alice: Person, bob: Person, dave: Person, admin: Person
) -> None:
    version = publish(SAMPLE)
    bob.manager = dave
    bob.save()
    requests = [start(version, alice) for _ in range(3)]
    engine.deactivate(bob, by=admin)
    assert [asked(request) for request in requests] == [["Dave"]] * 3
    bob.refresh_from_db()
    assert not bob.is_active


def test_who_comes_back_is_asked_again_where_the_step_is_stuck(
    mailbox: Mailbox, alice: Person, bob: Person, admin: Person
) -> None:
    request = start(SAMPLE, alice)
    first = open_for(bob)
    engine.deactivate(bob, by=admin)
    visit = request.visits.get()
    assert visit.state == Visit.State.STUCK
    Person.objects.filter(pk=bob.pk).update(is_active=True)
    engine.ask_again(visit.pk, by=admin)
    assert open_for(bob).pk == first.pk  # the same question, and a new ask
    assert mails("ask") == ["bob", "bob"]


def test_bounces_and_refused_replies_are_on_record(mailbox: Mailbox, alice: Person, bob: Person) -> None:
    request = start(SAMPLE, alice)
    incoming = IncomingMail.objects.create(
        mailbox=mailbox, server_id="x", fingerprint="f" * 64, folder="inbox", raw=b""
    )
    engine.note_bounce(request.pk, person=bob, reason="r" * 9000, incoming=incoming)
    log = Logged("not_proved", "…", {"refusal": {"from": "x@evil.test"}}, None)
    engine.note_refused(request.pk, person=bob, reason="not_proved", incoming=incoming, logged=log)
    assert events(request)[-2:] == ["not delivered", "reply refused"]
    assert "evil" not in str(list(AuditEntry.objects.filter(request=request).values_list("what", flat=True)))
    assert list(chain.verify()) == []


def test_a_long_comment_of_a_mail_is_shortened_and_says_so(
    mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    start(SAMPLE, alice)
    incoming = IncomingMail.objects.create(
        mailbox=mailbox, server_id="x", fingerprint="f" * 64, folder="inbox", raw=b""
    )
    decision = engine.decide(
        open_for(bob).pk, by=bob, outcome="approve", comment="x" * 1_000_000, channel=Decision.Channel.MAIL,
        incoming=incoming,
    )  # fmt: skip
    assert len(decision.comment) == engine.LONGEST_COMMENT
    assert decision.comment.endswith("xxx… (shortened; the whole text is in the mail)")


def test_a_long_comment_that_is_nowhere_else_is_refused(alice: Person, bob: Person) -> None:
    request = start(SAMPLE, alice)
    with pytest.raises(engine_errors.EngineError, match="at most 20000 characters"):
        decide(bob, comment="x" * 20_001)
    assert state_of(request) == ("open", "")
    assert decide(bob, comment="x" * 20_000).comment == "x" * 20_000


def test_closing_and_who_is_passed_over_are_on_record(alice: Person) -> None:
    first, second, third = people(3)
    request = start(one_step(TEAM), alice)
    decide(first)
    assert events(request)[-4:] == ["decided", "superseded", "closed", "ended"]
    entries = {entry.what["event"]: entry.what for entry in AuditEntry.objects.filter(request=request)}
    assert entries["superseded"] == {
        "event": "superseded",
        "step": "step",
        "round": 1,
        "persons": [second.pk, third.pk],
    }
    assert entries["closed"] == {"event": "closed", "step": "step", "round": 1, "result": "approve"}


def test_a_time_zone_that_is_not_known_stops_no_answer(mailbox: Mailbox, alice: Person, bob: Person) -> None:
    alice.zone = "Mars/Olympus"
    alice.save()
    request = start(SAMPLE, alice)
    decide(bob)
    assert state_of(request) == ("ended", "approved")
    assert b"UTC" in bytes(OutgoingMail.objects.get(kind="ended").raw)


# --- at the same instant --------------------------------------------------------------------------------------

ROUNDS = 50


def at_once(*works: Callable[[], object]) -> list[object]:
    """What each gives or raises, begun together in threads of their own."""
    barrier, results = threading.Barrier(len(works)), [object()] * len(works)

    def run(number: int, work: Callable[[], object]) -> None:
        try:
            connection.ensure_connection()
            barrier.wait(120)
            results[number] = work()
        except engine_errors.EngineError as error:
            results[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number, work)) for number, work in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


@pytest.mark.django_db(transaction=True)
def test_of_two_answers_at_the_same_instant_one_wins(alice: Person, bob: Person) -> None:
    make_mailbox()
    version = publish(SAMPLE)
    for _ in range(ROUNDS):
        request = start(version, alice)
        assignment = open_for(bob).pk
        results = at_once(
            lambda pk=assignment: engine.decide(pk, by=bob, outcome="approve", channel=PAGE),  # type: ignore[misc]  # a default binds it
            lambda pk=assignment: engine.decide(pk, by=bob, outcome="reject", channel=PAGE),  # type: ignore[misc]  # a default binds it
        )
        kinds = sorted(type(result).__name__ for result in results)
        assert kinds == ["AlreadyDecided", "Decision"]
        won = next(result for result in results if isinstance(result, Decision))
        lost = next(result for result in results if isinstance(result, engine_errors.AlreadyDecided))
        assert [decision.pk for decision in lost.decisions] == [won.pk]
        assert state_of(request) == ("ended", {"approve": "approved", "reject": "rejected"}[won.outcome])
    assert Decision.objects.count() == ROUNDS
    assert len(mails("ended")) == ROUNDS
    assert list(chain.verify()) == []


@pytest.mark.django_db(transaction=True)
def test_a_decision_that_fails_takes_all_of_the_callers_transaction_with_it(
    alice: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if the caller goes on: what was written before it failed has no savepoint to go back to."""
    request = start(SAMPLE, alice)

    def fail(*args: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(engine_visits, "go_on", fail)
    with transaction.atomic():
        Person.objects.filter(pk=bob.pk).update(name="Changed")
        with contextlib.suppress(ZeroDivisionError):
            engine.decide(open_for(bob).pk, by=bob, outcome="approve", channel=PAGE)
    assert not Decision.objects.exists()
    assert Person.objects.get(pk=bob.pk).name == "Bob Manager"
    assert asked(request) == ["Bob"]
    assert list(chain.verify()) == []


@pytest.mark.django_db(transaction=True)
def test_an_answer_that_may_not_be_leaves_the_callers_transaction_alone(alice: Person, bob: Person) -> None:
    start(SAMPLE, alice)
    with transaction.atomic():
        with pytest.raises(engine_errors.NotAllowed):
            engine.decide(open_for(bob).pk, by=alice, outcome="approve", channel=PAGE)
        engine.decide(open_for(bob).pk, by=bob, outcome="approve", channel=PAGE)
    assert Decision.objects.get().by_person == bob


@pytest.mark.django_db(transaction=True)
def test_an_answer_and_a_withdrawal_at_the_same_instant_exclude_each_other(
    alice: Person, bob: Person
) -> None:
    version = publish(SAMPLE)
    for _ in range(10):
        request = start(version, alice)
        assignment = open_for(bob).pk
        results = at_once(
            lambda pk=assignment: engine.decide(pk, by=bob, outcome="approve", channel=PAGE),  # type: ignore[misc]  # a default binds it
            lambda pk=request.pk: engine.withdraw(pk, by=alice),  # type: ignore[misc]  # a default binds it
        )
        assert sum(isinstance(result, engine_errors.NoLongerOpen) for result in results) == 1
        decided = Decision.objects.filter(assignment_id=assignment).exists()
        assert state_of(request) == (("ended", "approved") if decided else ("withdrawn", ""))
    assert list(chain.verify()) == []


def test_who_leaves_between_the_look_and_the_question_is_not_asked(
    mailbox: Mailbox, alice: Person, bob: Person, dave: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    bob.manager = dave
    bob.save()
    looked = whom.people_to_ask
    names: list[list[str]] = []

    def look(*args: Any) -> whom.People:
        found = looked(*args)
        names.append([person.name for person in found.people])
        Person.objects.filter(pk=bob.pk).update(is_active=False)
        return found

    monkeypatch.setattr(whom, "people_to_ask", look)
    assert asked(start(SAMPLE, alice)) == ["Dave"]
    assert names == [["Bob Manager"], ["Dave Stranger"]]
    assert mails("ask") == ["dave"]


@pytest.mark.django_db(transaction=True)
def test_nobody_who_leaves_at_the_same_instant_keeps_a_question(
    alice: Person, bob: Person, dave: Person
) -> None:
    version = publish(SAMPLE)
    bob.manager = dave
    bob.save()
    for _ in range(10):
        Person.objects.filter(pk=bob.pk).update(is_active=True)
        results = at_once(*[lambda: start(version, alice)] * 3, lambda: engine.deactivate(bob, by=dave))
        requests = [result for result in results if isinstance(result, Request)]
        assert len(requests) == 3
        assert [asked(request) for request in requests] == [["Dave"]] * 3
    assert list(chain.verify()) == []


@pytest.mark.django_db(transaction=True)
def test_who_leaves_while_they_are_being_asked_keeps_no_question(
    alice: Person, bob: Person, dave: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The question is not committed yet when Bob leaves: leaving has to wait for it, and to find it."""
    version = publish(SAMPLE)
    bob.manager = dave
    bob.save()
    looked_up, gone, seat = threading.Event(), threading.Event(), engine_asks.seat

    def slowly(*args: Any) -> list[Assignment]:
        looked_up.set()
        gone.wait(0.5)  # if leaving did not wait, it would be over by then
        return seat(*args)

    def leave() -> None:
        assert looked_up.wait(120)
        engine.deactivate(bob, by=dave)
        gone.set()

    monkeypatch.setattr(engine_asks, "seat", slowly)
    request, _ = at_once(lambda: start(version, alice), leave)
    assert isinstance(request, Request)
    assert asked(request) == ["Dave"]


@pytest.mark.django_db(transaction=True)
def test_requests_started_at_the_same_instant_have_numbers_of_their_own(alice: Person, bob: Person) -> None:
    version = publish(SAMPLE)
    for _ in range(5):
        started = at_once(*[lambda: start(version, alice)] * 4)
        assert all(isinstance(request, Request) for request in started)
    numbers = sorted(Request.objects.values_list("number", flat=True))
    assert numbers == list(range(1, 21))


# --- each is a transaction of its own -------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_whoever_calls_needs_no_transaction(
    mailbox: Mailbox, alice: Person, bob: Person, dave: Person, admin: Person
) -> None:
    """Each takes its lock and writes its entry in one of its own: outside of any it would refuse to."""
    assert not connection.in_atomic_block
    request = start(SAMPLE, alice)
    sent_long_ago()
    engine.resend(open_for(bob).pk, by=alice)
    incoming = IncomingMail.objects.create(
        mailbox=mailbox, server_id="1", fingerprint="1", folder="inbox", raw=b""
    )
    engine.note_bounce(request.pk, person=bob, reason="not delivered", incoming=incoming)
    logged = Logged("unclear", "Not clear.", {}, None)
    engine.note_refused(request.pk, person=bob, reason="unclear", incoming=incoming, logged=logged)
    Assignment.objects.update(page_only=True)
    assert engine.ask_by_mail(open_for(bob).pk)
    decide(bob)
    assert state_of(request) == ("ended", "approved")
    withdrawn = start(SAMPLE, alice)
    engine.withdraw(withdrawn.pk, by=alice)
    stuck = start(one_step(TEAM), alice)
    team(dave)
    engine.ask_again(stuck.visits.get().pk, by=admin)
    assert asked(stuck) == ["Dave"]
    engine.deactivate(dave, by=admin)
    assert stuck.visits.get().state == Visit.State.STUCK
    assert list(chain.verify()) == []


@pytest.mark.django_db(transaction=True)
def test_what_fails_half_way_has_not_happened(
    mailbox: Mailbox, alice: Person, bob: Person, dave: Person, admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = start(SAMPLE, alice)
    stuck = start(one_step(TEAM), alice)
    before = events(request), events(stuck), OutgoingMail.objects.count(), Request.objects.count()
    sent_long_ago()
    assignment = open_for(bob)
    team(dave)

    def crash(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    for name in ("ask", "ended", "withdrawn"):
        monkeypatch.setattr(messages, name, crash)
    for call in (
        lambda: start(SAMPLE, alice),
        lambda: engine.resend(assignment.pk, by=alice),
        lambda: engine.decide(assignment.pk, by=bob, outcome="approve", channel=PAGE),
        lambda: engine.withdraw(request.pk, by=alice),
        lambda: engine.ask_again(stuck.visits.get().pk, by=admin),
    ):
        with pytest.raises(ZeroDivisionError):
            call()
        assert before == (
            events(request),
            events(stuck),
            OutgoingMail.objects.count(),
            Request.objects.count(),
        )
        assert state_of(request) == ("open", "")
        assert open_for(bob) == assignment
        assert not Decision.objects.exists()
        assert stuck.visits.get().state == Visit.State.STUCK
