"""Whom undo writes to: whoever took an answer back, and whoever was told of it; those in digests in their next one."""

from datetime import timedelta

import pytest
from django.utils import timezone

from placet.accounts.models import Person
from placet.approvals import delegating, digesting, engine, undo_mails, undoing
from placet.approvals.models import AskLine, Decision
from placet.mail.models import IncomingMail, OutgoingMail
from placet.mailboxes.models import Mailbox
from tests.approvals import test_undo
from tests.approvals.test_delegates import delegate
from tests.approvals.test_four_eyes import decide, seat, start
from tests.approvals.test_steps_that_ask_nobody import text_of
from tests.approvals.test_undo import MINUTE, MONDAY, Clock, definition, state, timed, undo

pytestmark = pytest.mark.django_db

clock = test_undo.clock
_the_record_tells_it_all = test_undo._the_record_tells_it_all


def mails_that_ask(person: Person) -> list[str]:
    """What each says first of why it asks again; "" of one that asks for the first time."""
    mails = OutgoingMail.objects.filter(kind="ask", to=person.email).order_by("pk")
    why = ("You took your answer back", "took their answer back")
    return [next((one for one in why if one in " ".join(text_of(mail).split())), "") for mail in mails]


def test_what_was_taken_back_is_said_in_the_language_of_whoever_reads_it(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    Person.objects.filter(pk=bob.pk).update(language="fr")
    request = start(definition(people=("bob",)), alice)
    decide(request, "step", bob)
    row = undo(request, bob)
    incoming = IncomingMail.objects.create(
        mailbox=mailbox,
        server_id="1",
        fingerprint="1",
        folder="inbox",
        raw=b"",
        received_at=timezone.now(),
    )
    undo_mails.undone(incoming, row, "")
    mail = OutgoingMail.objects.get(kind="undone", to=bob.email)
    assert "c’était : approuvée." in " ".join(text_of(mail).split())


def test_a_delegate_who_was_told_nothing_gets_no_second_mail(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, dave: Person
) -> None:
    delegate(bob, dave)
    request = start(definition(people=("bob",)), alice)
    older = AskLine.objects.get(ask__person=dave)
    decide(request, "step", bob)
    undo(request, bob)
    assert mails_that_ask(dave) == [""]
    assert mails_that_ask(bob) == ["", "You took your answer back"]
    engine.decide(
        older.assignment_id, by=dave, outcome="approve", channel=Decision.Channel.PAGE, shown=older.facts_hash
    )
    assert state(request)[2:] == ("held", "approve")


def test_whoever_was_told_that_a_delegate_answered_is_asked_again_and_other_delegates_are_not(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, carol: Person, dave: Person
) -> None:
    request = start(definition(people=("bob",)), alice)
    one = seat(request, "step", bob)
    for person in (carol, dave):
        delegating.give(one.pk, bob, person)
    engine.decide(one.pk, by=dave, outcome="approve", channel=Decision.Channel.PAGE)
    assert OutgoingMail.objects.filter(kind="answered-for", to=bob.email).exists()
    undoing.undo(one.pk, dave)
    assert mails_that_ask(bob) == ["", "took their answer back"]
    assert mails_that_ask(dave) == ["", "You took your answer back"]
    assert mails_that_ask(carol) == [""]


def test_whoever_is_asked_in_digests_is_asked_so_again(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person, dave: Person
) -> None:
    """Until then the mail that asked is good; it is asked in a mail of its own where it cannot wait so long."""
    delegate(bob, dave)
    Person.objects.filter(pk=bob.pk).update(in_digests=True)
    requests = [start(definition(people=("bob",)), alice) for _n in range(2)]
    clock.move_to(MONDAY + timedelta(days=1))
    digesting.work(bob.pk)
    for request in requests:
        decide(request, "step", bob)
        clock.shift(MINUTE)
        row = undo(request, bob)
        assert undo_mails.is_collected(row)
    assert mails_that_ask(dave) == ["", ""] and mails_that_ask(bob) == []
    assert OutgoingMail.objects.filter(kind="digest").count() == 1
    clock.move_to(MONDAY + timedelta(days=2))
    digesting.work(bob.pk)
    again = OutgoingMail.objects.filter(kind="digest").latest("pk")
    text = " ".join(text_of(again).split())
    assert text.count("You took your answer back, so it is open again.") == 2 and "a reminder" not in text
    decide(requests[0], "step", bob)
    undo(requests[0], bob)
    clock.move_to(MONDAY + timedelta(days=3))
    digesting.work(bob.pk)
    assert mails_that_ask(bob) == ["You took your answer back"]  # one alone comes as always


def test_what_is_due_before_their_next_digest_is_asked_at_once(
    clock: Clock, mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    """Its deadline is too near to wait until the next working day."""
    Person.objects.filter(pk=bob.pk).update(in_digests=True)
    request = start(timed(due="2 working hours"), alice)
    assert mails_that_ask(bob) == [""]
    decide(request, "step", bob)
    row = undo(request, bob)
    assert not undo_mails.is_collected(row)
    assert mails_that_ask(bob) == ["", "You took your answer back"]
