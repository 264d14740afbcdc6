"""What the update makes of mails that went out before Sent Items was read for what the server made of them."""

import importlib
from datetime import timedelta

import pytest
from django.apps import apps
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from placet.accounts.models import Person
from placet.approvals.models import Ask, AskLine, Assignment, Version
from placet.mail.models import IncomingMail, OutgoingMail
from placet.mailboxes.models import Mailbox
from placet.replies import refusals
from tests.making import SAMPLE, open_for, start

pytestmark = pytest.mark.django_db

migration = importlib.import_module("placet.approvals.migrations.0004_sent_before_lookups")
SENT = OutgoingMail.State.SENT


def ask_of(version: str | Version, alice: Person, bob: Person, state: str = "open") -> Ask:
    """An ask whose mail went out, and what became of its question since."""
    start(version, alice)
    assignment = open_for(bob)
    Assignment.objects.filter(pk=assignment.pk).update(state=state)
    ask = Ask.objects.get(lines__assignment=assignment)
    OutgoingMail.objects.filter(pk=mail_of(ask).pk).update(state=SENT, lookup_due=None)
    return ask


def mail_of(ask: Ask) -> OutgoingMail:
    assert ask.outgoing is not None
    return ask.outgoing


def asked_again(ask: Ask, kind: str = "refusal-unclear") -> OutgoingMail:
    """A mail that refused an answer to an ask, and went out."""
    assert ask.outgoing is not None
    number = str(IncomingMail.objects.count())
    answer = IncomingMail.objects.create(
        mailbox=ask.outgoing.mailbox, server_id=number, protocol="graph", fingerprint=number, raw=b"x",
        verdict={"ask": str(ask.public_id)},
    )  # fmt: skip
    return OutgoingMail.objects.create(
        mailbox=ask.outgoing.mailbox, kind=kind, to=ask.person.email, cause=f"incoming:{answer.pk}", raw=b"x",
        reference=f"again{answer.pk}", message_id=f"<again{answer.pk}@contoso.example>", state=SENT,
    )  # fmt: skip


def updated() -> set[int]:
    """Mails that are looked for after the update."""
    migration.look_up_what_may_still_be_answered(apps, None)
    return set(
        OutgoingMail.objects.filter(lookup_due__lte=timezone.now(), lookups=0).values_list("pk", flat=True)
    )


#: Whose earlier decision still counts is asked nothing.
ASKED = [state for state in Assignment.State.values if state != Assignment.State.KEPT]


@pytest.mark.parametrize("state", ASKED)
def test_mails_of_open_asks_are_looked_for(mailbox: Mailbox, alice: Person, bob: Person, state: str) -> None:
    ask = ask_of(SAMPLE, alice, bob, state)
    again = asked_again(ask)
    assert updated() == ({ask.outgoing_id, again.pk} if state == "open" else set())


def test_those_that_asked_to_answer_again_are_told_apart_by_their_ask(
    mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    closed = ask_of(SAMPLE, alice, bob, "decided")
    asked_again(closed)
    ask = ask_of(closed.lines.get().assignment.visit.request.version, alice, bob)
    asked_again(closed)
    asked_again(ask, "refusal-already_decided")
    again = asked_again(ask, "refusal-not_named")
    assert updated() == {ask.outgoing_id, again.pk}


def test_the_kinds_are_those_that_carried_the_code_once_more_then() -> None:
    assert set(migration.ASKED_AGAIN) <= {f"refusal-{refusal.key}" for refusal in refusals.ANSWER_AGAIN}


def test_what_is_not_sent_yet_is_looked_for_after_it_was(
    mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    ask = ask_of(SAMPLE, alice, bob)
    OutgoingMail.objects.filter(pk=mail_of(ask).pk).update(state=OutgoingMail.State.WAITING)
    assert ask.outgoing_id in updated()


def test_what_waits_for_a_look_goes_on_waiting(mailbox: Mailbox, alice: Person, bob: Person) -> None:
    ask = ask_of(SAMPLE, alice, bob)
    later = timezone.now() + timedelta(minutes=1)
    OutgoingMail.objects.update(lookup_due=later, lookups=3)
    assert updated() == set()
    assert OutgoingMail.objects.get(pk=mail_of(ask).pk).lookups == 3


def test_one_given_up_before_the_address_was_read_as_well_begins_anew(
    mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    ask = ask_of(SAMPLE, alice, bob)
    OutgoingMail.objects.update(lookups=6)
    assert updated() == {ask.outgoing_id}


def test_ten_times_the_mails_take_as_many_statements(mailbox: Mailbox, alice: Person, bob: Person) -> None:
    ask = ask_of(SAMPLE, alice, bob)
    again = [asked_again(ask).pk for _ in range(3)]
    line = ask.lines.get()

    def statements() -> int:
        OutgoingMail.objects.update(lookup_due=None)
        with CaptureQueriesContext(connection) as queries:
            assert updated() >= {ask.outgoing_id, *again}
        return len(queries)

    few = statements()
    for number in range(30):
        sent = OutgoingMail.objects.create(
            mailbox=mailbox, kind="ask", to=bob.email, cause=f"ask:x{number}", raw=b"x", state=SENT,
            reference=f"x{number}", message_id=f"<x{number}@contoso.example>",
        )  # fmt: skip
        more = Ask.objects.create(code_hash=f"x{number}", person=bob, outgoing=sent)
        AskLine.objects.create(ask=more, line=1, assignment=line.assignment, facts_hash=line.facts_hash)
        asked_again(more)
    assert statements() == few
    assert not OutgoingMail.objects.filter(lookup_due=None).exists()
