"""What audit entries say, name by name: records are compared for as long as they are kept, by whatever version."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from placet.accounts.models import Person
from placet.approvals import engine, record
from placet.approvals.models import AskLine, Assignment, Decision, PendingAnswer, Request
from placet.approvals.record import ADDED_LATER, Logged, sha256
from placet.audit.commitments import PERSONAL
from placet.audit.models import AuditEntry
from placet.lib.canonical import digest
from placet.mail.models import IncomingMail, OutgoingMail
from placet.mailboxes.models import Mailbox
from tests.making import SAMPLE, entries, make_mailbox, open_for, start

pytestmark = pytest.mark.django_db

PROOF = {"level": "colleague", "address": "bob@contoso.example"}
LOGGED = Logged("decided", "Bob Manager: approved", {"outcome": "approve"}, 7)
RECEIVED, HANDLED = datetime(2026, 11, 24, 10, tzinfo=UTC), datetime(2026, 11, 24, 11, tzinfo=UTC)


@pytest.fixture
def mailbox(db: None) -> Mailbox:
    return make_mailbox()


def entry(request: Request, event: str) -> AuditEntry:
    return entries(event, request=request)[-1]


def said(request: Request, event: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """In the clear, and what may be erased one day."""
    what = dict(entry(request, event).what)
    personal = {name: commitment["value"] for name, commitment in what.pop(PERSONAL, {}).items()}
    assert what.pop("event") == event
    return what, personal


def a_mail(mailbox: Mailbox, **more: Any) -> IncomingMail:
    return IncomingMail.objects.create(
        mailbox=mailbox, server_id="1", fingerprint="f" * 64, folder="junk", raw=b"approve",
        transport_headers="Received: x", facts={"size": 7}, **more,
    )  # fmt: skip


def of_mail(incoming: IncomingMail) -> tuple[dict[str, Any], dict[str, Any]]:
    return (
        {
            "incoming": incoming.pk,
            "mailbox": incoming.mailbox_id,
            "folder": "junk",
            "received_at": incoming.received_at and incoming.received_at.isoformat(),
            "kept_at": incoming.kept_at.isoformat(),
            "handled_at": incoming.handled_at and incoming.handled_at.isoformat(),
        },
        {
            "fingerprint": "f" * 64,
            "mail": sha256(b"approve"),
            "transport": digest("Received: x"),
            "server": digest({"size": 7}),
            "log": LOGGED.digest,
        },
    )


def test_a_start_says_which_version_and_what_was_entered(mailbox: Mailbox, alice: Person) -> None:
    request = start(SAMPLE, alice)
    version = request.version
    assert said(request, "started") == (
        {
            "process": "purchase",
            "version": version.number,
            "definition": digest(version.definition),
            "number": request.number,
            "public_id": str(request.public_id),
        },
        {"title": "Desk", "data_hash": digest(request.data), "words": digest(request.words)},
    )
    assert entry(request, "started").who == f"person:{alice.pk}"
    assert said(request, "entered") == ({"step": "manager", "round": 1, "revision": 1}, {})


def of_seat(seat: Assignment) -> dict[str, Any]:
    return {
        "person": seat.person_id,
        "step": seat.visit.step_key,
        "round": seat.visit.round,
        "assignment": seat.pk,
        "since": seat.created_at.isoformat(),
        "source": seat.source,
    }


def test_a_question_on_the_page_says_whom(alice: Person, bob: Person) -> None:
    request = start(SAMPLE, alice)
    assert said(request, "asked") == ({**of_seat(open_for(bob)), "door": "page"}, {})


@pytest.mark.parametrize("event", ["asked", "asked again"])
def test_a_mail_that_asks_is_on_record_with_its_code_and_what_it_showed(
    mailbox: Mailbox, alice: Person, bob: Person, event: str
) -> None:
    request = start(SAMPLE, alice)
    if event == "asked again":
        OutgoingMail.objects.update(state="failed")
        engine.resend(open_for(bob).pk, by=alice)
    line = AskLine.objects.latest("pk")
    ask, sent = line.ask, line.ask.outgoing
    assert sent is not None
    assert said(request, event) == (
        {
            **of_seat(open_for(bob)),
            "ask": str(ask.public_id),
            "code": digest(ask.code_hash),
            "line": 1,
            "revision": 1,
        },
        {
            "to": "bob@contoso.example",
            "subject": digest(sent.subject),
            "shown": sha256(bytes(sent.raw)),
            "facts_hash": line.facts_hash,
        },
    )
    assert entry(request, event).at == ask.created_at


@pytest.mark.parametrize("moments", [{}, {"received_at": RECEIVED, "handled_at": HANDLED}])
def test_a_decision_by_mail_says_how_the_mail_was_kept_read_and_proved(
    mailbox: Mailbox, alice: Person, bob: Person, moments: dict[str, datetime]
) -> None:
    request, incoming = start(SAMPLE, alice), a_mail(mailbox, **moments)
    line = AskLine.objects.get()
    assert line.ask.outgoing is not None
    seat = open_for(bob)
    decision = engine.decide(
        seat.pk, by=bob, outcome="approve", comment="Fine.", channel=Decision.Channel.MAIL, incoming=incoming,
        proof=PROOF, ask=line.ask, logged=LOGGED,
    )  # fmt: skip
    clear, personal = of_mail(incoming)
    assert said(request, "decided") == (
        {
            "step": "manager",
            "round": 1,
            "assignment": seat.pk,
            "outcome": "approve",
            "door": "mail",
            "ask": str(line.ask.public_id),
            "revision": 1,
            **clear,
        },
        {
            "name": "Bob Manager",
            "address": "bob@contoso.example",
            "comment": "Fine.",
            "answers": {},
            "data_hash": request.data_hash,
            "facts_hash": line.facts_hash,
            "shown": sha256(bytes(line.ask.outgoing.raw)),
            "proof": PROOF,
            **personal,
        },
    )
    assert (entry(request, "decided").who, entry(request, "decided").at) == (f"person:{bob.pk}", decision.at)


def test_a_decision_on_the_page_says_that_no_mail_was_answered(
    mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    request, seat = start(SAMPLE, alice), open_for(bob)
    engine.decide(seat.pk, by=bob, outcome="reject", comment="No.", channel=Decision.Channel.PAGE)
    assert said(request, "decided") == (
        {
            "step": "manager",
            "round": 1,
            "assignment": seat.pk,
            "outcome": "reject",
            "door": "page",
            "ask": None,
            "revision": 1,
            "incoming": None,
        },
        {
            "name": "Bob Manager",
            "address": "bob@contoso.example",
            "comment": "No.",
            "answers": {},
            "data_hash": request.data_hash,
            "facts_hash": AskLine.objects.get().facts_hash,
            "shown": "",
            "proof": {},
        },
    )


def test_an_end_and_a_withdrawal_say_what_became_of_it(alice: Person, bob: Person, admin: Person) -> None:
    ended, withdrawn = start(SAMPLE, alice), start(SAMPLE, alice)
    seat = Assignment.objects.get(visit__request=ended)
    engine.decide(seat.pk, by=bob, outcome="approve", channel=Decision.Channel.PAGE)
    closed = {"step": "manager", "round": 1}
    assert said(ended, "closed") == ({**closed, "result": "approve"}, {})
    assert said(ended, "ended") == ({"result": "approved"}, {})
    engine.withdraw(withdrawn.pk, by=admin)
    assert said(withdrawn, "withdrawn") == ({}, {})
    assert entry(withdrawn, "withdrawn").who == f"person:{admin.pk}"
    assert said(withdrawn, "closed") == ({**closed, "result": "withdrawn"}, {})
    for request in (ended, withdrawn):
        request.refresh_from_db()
        visit = request.visits.get()
        assert entry(request, "closed").at == visit.closed_at
    assert entry(ended, "ended").at == ended.closed_at
    assert entry(withdrawn, "withdrawn").at == withdrawn.closed_at


def test_where_somebody_is_missing_it_says_where_and_why(
    alice: Person, bob: Person, dave: Person, admin: Person
) -> None:
    request = start(SAMPLE, alice)
    where = {"step": "manager", "round": 1}
    engine.deactivate(bob, by=admin)
    assert said(request, "no longer asked") == ({**where, "person": bob.pk}, {})
    assert entry(request, "no longer asked").who == f"person:{admin.pk}"
    reason = "Alice Requester has no manager who can be asked"
    assert said(request, "stuck") == (where, {"reason": reason})
    Person.objects.filter(pk=alice.pk).update(manager=dave)
    engine.ask_again(request.visits.get().pk, by=admin)
    assert said(request, "tried again") == ({"step": "manager"}, {})
    assert entry(request, "tried again").who == f"person:{admin.pk}"
    assert said(request, "no longer stuck") == (where, {})


def test_an_answer_that_lacks_something_says_which_and_of_which_mail(
    mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    start(SAMPLE, alice)
    ask = AskLine.objects.get().ask
    answer = PendingAnswer.objects.create(
        assignment=AskLine.objects.get().assignment,
        person=bob,
        outcome="reject",
        comment="Too",
        answers={"q": "1"},
        incoming=a_mail(mailbox),
    )
    assert record.pending(answer, ask, PROOF) == {
        "step": "manager",
        "round": 1,
        "assignment": answer.assignment_id,
        "pending": answer.pk,
        "pending_since": answer.incoming_id,
        "answered": str(ask.public_id),
        "outcome": "reject",
        "lacks": "comment",
        "language": "",
        "personal": {"comment": "Too", "answers": {"q": "1"}, "proof": PROOF},
    }


def test_a_refused_reply_and_a_bounce_say_of_whom_and_which_mail(
    mailbox: Mailbox, alice: Person, bob: Person
) -> None:
    request, incoming = start(SAMPLE, alice), a_mail(mailbox)
    engine.note_refused(request.pk, person=bob, reason="unclear", incoming=incoming, logged=LOGGED)
    clear, personal = of_mail(incoming)
    assert said(request, "reply refused") == ({"person": bob.pk, "reason": "unclear", **clear}, personal)
    engine.note_bounce(request.pk, person=bob, reason="r" * 501, incoming=incoming)
    assert said(request, "not delivered") == (
        {"person": bob.pk, "reason": "r" * 500, "incoming": incoming.pk},
        {},
    )


# --- of what the mail log shows -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "other",
    [
        {"result": "unclear"},
        {"reason": "Bob Manager: rejected"},
        {"verdict": {"outcome": "reject"}},
        {"verdict": {"outcome": "approve", "comment": ""}},
        {"person": 8},
        {"person": None},
    ],
)
def test_whatever_else_the_mail_log_would_show_has_another_digest(other: dict[str, Any]) -> None:
    assert replace(LOGGED, **other).digest != LOGGED.digest


def test_what_an_administrator_did_with_the_mail_later_is_no_part_of_it() -> None:
    later = replace(LOGGED, verdict={**LOGGED.verdict, ADDED_LATER: "added"})
    assert later.digest == LOGGED.digest
