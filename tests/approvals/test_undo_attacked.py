"""What goes on around an answer while it can be taken back, and what is left of it once it was."""

from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from placet.accounts.models import Person
from placet.approvals import delegating, engine, engine_errors, undo_mails
from placet.approvals.models import Ask, Assignment, Decision, Timer
from placet.approvals.processes import publish
from placet.mail.models import IncomingMail, OutgoingMail
from placet.mailboxes.models import Mailbox
from tests.approvals import test_undo
from tests.approvals.test_four_eyes import branches, decide, groups, seat, start
from tests.approvals.test_steps_that_ask_nobody import text_of
from tests.approvals.test_undo import (
    MINUTE,
    MONDAY,
    Clock,
    definition,
    fire,
    seats,
    state,
    step_of,
    undo,
    why_not,
)
from tests.making import asked

pytestmark = pytest.mark.django_db
_the_record_tells_it_all = test_undo._the_record_tells_it_all
clock, ada = test_undo.clock, test_undo.ada


def test_what_is_left_decides_the_step_as_it_would_have_alone(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    """Nobody is asked in vain: with `all` a rejection is enough, whoever had approved before."""
    request = start(definition(rule="all"), alice)
    decide(request, "step", bob)
    clock.move_to(MONDAY + 5 * MINUTE)
    decide(request, "step", carol, "reject")
    assert state(request)[2:] == ("held", "reject")
    clock.move_to(MONDAY + 6 * MINUTE)
    undo(request, bob)
    assert state(request)[2:] == ("held", "reject")
    assert seats(request) == {"Bob": "superseded", "Carol": "decided", "Dave": "superseded"}
    fire(clock, MONDAY + 18 * MINUTE)
    assert state(request) == ("ended", "rejected", "closed", "reject")


def test_whoever_left_before_the_step_was_decided_is_missed_again(
    clock: Clock, ada: Person, alice: Person, bob: Person, carol: Person
) -> None:
    """With one of two that is left the step can be decided, and an administrator is told who is not there."""
    request = start(definition(rule=1, people=("bob", "carol")), alice)
    engine.deactivate(carol, ada)
    before = request.visits.get()
    assert before.state == "stuck"
    assert carol.email in before.reason
    decide(request, "step", bob)
    assert state(request)[2:] == ("held", "approve")
    clock.shift(MINUTE)
    undo(request, bob)
    after = request.visits.get()
    assert (after.state, after.reason) == (before.state, before.reason)


def received(mailbox: Mailbox, person: Person, **more: Any) -> IncomingMail:
    now = timezone.now()
    name = f"{person.pk}-{IncomingMail.objects.count()}"
    known = {"server_id": name, "fingerprint": name, "raw": b"x", "folder": "inbox", "facts": {}}
    return IncomingMail.objects.create(
        mailbox=mailbox, person=person, received_at=now, kept_at=now, state="handled", handled_at=now,
        **{**known, **more},
    )  # fmt: skip


def test_a_delegate_who_was_told_of_another_answer_is_asked_again_too(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    request = start(definition(people=("bob", "carol")), alice)
    delegating.give(seat(request, "step", carol).pk, carol, dave)
    ask = Ask.objects.filter(person=dave).latest("pk")
    decide(request, "step", bob)
    clock.shift(MINUTE)
    received(mailbox, dave, result="already_decided", verdict={"ask": str(ask.public_id)})
    undo(request, bob)
    assert OutgoingMail.objects.filter(kind="ask", to=dave.email).count() == 2


def test_what_ended_otherwise_took_no_effect(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    request = start(definition(rule="all", people=("bob", "carol")), alice)
    decide(request, "step", bob)
    clock.shift(30 * MINUTE)
    engine.withdraw(request.pk, alice)
    told = " ".join(undo_mails.why_it_stands(why_not(request, bob)))
    assert "This step ended on 2 March 2026, 10:30 UTC, so nothing is left to be taken back." in told
    assert "took effect" not in told


def test_the_mail_to_whoever_took_it_back_promises_another_one_only_where_it_comes(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    for outcome, said in (("approve", "Another mail asks you"), ("reject", "You are no longer asked")):
        request = start(definition(rule="all", people=("bob", "carol")), alice)
        decide(request, "step", bob)
        decide(request, "step", carol, outcome)
        clock.shift(MINUTE)
        undo_mails.undone(received(mailbox, bob), undo(request, bob), "<x@contoso.example>")
        mail = OutgoingMail.objects.filter(kind="undone").latest("pk")
        assert said in " ".join(text_of(mail).split())


def test_a_delegate_who_left_meanwhile_answers_in_nobodys_place(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person, dave: Person, ada: Person
) -> None:
    request = start(definition(people=("bob", "carol")), alice)
    delegating.give(seat(request, "step", bob).pk, bob, dave)
    decide(request, "step", bob)
    engine.deactivate(dave, ada)
    before = OutgoingMail.objects.filter(to=dave.email).count()
    undo(request, bob)
    assert seat(request, "step", bob).delegates.get().state == "ended"
    assert OutgoingMail.objects.filter(to=dave.email).count() == before


def test_a_deadline_that_hangs_on_the_form_is_reckoned_with_what_was_entered_meanwhile(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    """A minute later than in a request in which nobody took anything back; and whoever is asked reads it."""
    groups(one=[bob, dave], two=[carol])
    steps = {
        "one": step_of("one", due={"field": "needed_by"}),
        "two": {**step_of("two"), "undo": False, "form": {"fill": ["needed_by"]}},
    }
    source = {**branches({"a": ["one"], "b": ["two"]}, steps), "undo": "60 minutes"}
    source["form"] = [*source["form"], {"name": "needed_by", "label": "Needed by", "type": "date"}]
    version, data = publish(source), {"item": "Desk", "amount": "900", "needed_by": "2026-03-20"}
    request, other = (engine.start(version, alice, data) for _ in range(2))
    decide(request, "one", bob)
    clock.shift(MINUTE)
    for one in (request, other):
        engine.decide(
            seat(one, "two", carol).pk, by=carol, outcome="approve", channel=Decision.Channel.PAGE,
            entered={"needed_by": "2026-03-25"},
        )  # fmt: skip
    undo(request, bob, "one")
    moments = Timer.objects.filter(what="due").order_by("visit").values_list("at", flat=True)
    assert [f"{moment:%d %H:%M}" for moment in moments] == ["26 09:01", "25 17:00"]
    for person in (bob, dave):
        newest = OutgoingMail.objects.filter(
            kind="ask", to=person.email, ask__lines__assignment__visit__request=request
        )
        assert newest.count() == 2
        assert "26 March 2026" in " ".join(text_of(newest.latest("pk")).split())


def test_who_was_barred_by_it_is_asked_though_their_step_ended_without_them(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person
) -> None:
    groups(one=[bob, carol], two=[bob])
    steps = {"one": step_of("one"), "two": step_of("two", not_same_as=["one"], nobody={"skip": "approve"})}
    request = start({**branches({"a": ["one"], "b": ["two"]}, steps), "undo": "10 minutes"}, alice)
    decide(request, "one", bob)
    undo(request, bob, "one")
    assert sorted(asked(request)) == ["Bob", "Bob", "Carol"]


def test_one_human_has_one_vote_whatever_was_taken_back(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    request = start(definition(rule="all", people=("bob", "carol")), alice)
    for person in (bob, carol):
        delegating.give(seat(request, "step", person).pk, person, dave)
    decide(request, "step", bob)
    engine.decide(seat(request, "step", carol).pk, by=dave, outcome="approve", channel=Decision.Channel.PAGE)
    assert state(request)[2:] == ("held", "approve")
    undo(request, bob)
    with pytest.raises(engine_errors.EngineError), transaction.atomic():
        engine.decide(
            seat(request, "step", bob).pk, by=dave, outcome="approve", channel=Decision.Channel.PAGE
        )
    assert not Assignment.objects.get(person=bob).delegates.filter(state="open").exists()
