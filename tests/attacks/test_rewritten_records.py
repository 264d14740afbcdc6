"""Somebody who can write to the database rewrites what happened: `placet audit verify` names it.

Every column of every table of the record, by introspection; rows that are removed, doubled or exchanged; chains that
are made anew, cut or moved, with whatever the database itself gives somebody who has no key. All in one world, each
tampering in a savepoint that is taken back.
"""

import json
import random
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from email.message import EmailMessage
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
import time_machine
from django.apps import apps
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, connection, models, transaction
from django.db.models import Model
from django.utils import timezone, translation
from pytest_django import DjangoDbBlocker

from placet import work
from placet.accounts import delegations
from placet.accounts.addresses import add_person
from placet.accounts.delegations import Wanted
from placet.accounts.models import Delegation, Person
from placet.approvals import (
    absences,
    ad_hoc,
    attachments,
    authority,
    calling,
    delegating,
    engine,
    owning,
    reassigning,
    stopping,
    timing,
    undoing,
)
from placet.approvals.ad_hoc_definition import Call
from placet.approvals.authority_csv import read
from placet.approvals.drafts import discard, store
from placet.approvals.engine_clarifications import Written
from placet.approvals.models import (
    Absence,
    Ask,
    AskLine,
    Assignment,
    Attachment,
    AuthorityTable,
    CallTask,
    Clarification,
    Counter,
    Decision,
    Delegate,
    DigestItem,
    Draft,
    DraftRevision,
    MailedStart,
    Notified,
    PendingAnswer,
    Process,
    ProcessDraft,
    Request,
    Revision,
    Signal,
    Stop,
    TableDraft,
    TableMatch,
    TableVersion,
    Timer,
    Turn,
    UndoneDecision,
    Version,
    Visit,
)
from placet.approvals.processes import bring_back, publish, retire
from placet.approvals.verification import Verified, findings, verify_range
from placet.audit import chain, checkpoints, commitments, mac
from placet.audit.models import AuditEntry, ChainHead, Checkpoint, InstallationHead
from placet.audit.packing import EntryField
from placet.mail import archiving
from placet.mail.models import IncomingMail, MailBlock, OutgoingMail, ServerTask, SetAsideCode, SignedOnce
from placet.mailboxes.models import Mailbox
from tests.attacks.arena import Count
from tests.attacks.tally import Counts
from tests.audit.before import as_before
from tests.journeys.conftest import World, close_connections, make_world, sandbox_of
from tests.making import entry_of, one_step

pytestmark = pytest.mark.django_db

Tampering = tuple[str, Callable[[], object]]
#: With the row, or the id of the request, that it is about; None: of several, or of another part of the record.
Aimed = tuple[str, Model | int | None, Callable[[], object]]

#: The tables of the record, and columns of them that verify does not compare, each with its reason.
OWN_NUMBER = "a row is known by what it holds; what leads to it by its number is compared there"
NOT_COMPARED: dict[type[Model], dict[str, str]] = {
    Request: {"id": OWN_NUMBER},
    Process: {"id": OWN_NUMBER, "name": "for lists, and may change"},
    Process.owners.through: {"id": OWN_NUMBER},
    Version: {"id": OWN_NUMBER},
    Visit: {"id": OWN_NUMBER, "why": "the reason, which is compared, for readers of other languages"},
    Delegate: {"id": OWN_NUMBER},
    Delegation: {"due": "when open questions are looked at; whether it is in force is looked at once more"},
    Absence: {
        "due": "when open questions are looked at; whether it is in force is looked at once more",
        "changed_at": "from when they are looked at twice",
    },
    Assignment: {"page_only": "whether a mail is still to be written; each that was is recorded"},
    Ask: {"id": OWN_NUMBER},
    AskLine: {"id": OWN_NUMBER},
    Decision: {"id": OWN_NUMBER},
    UndoneDecision: {},
    Revision: {"id": OWN_NUMBER},
    PendingAnswer: {},
    Clarification: {},
    Notified: {"id": OWN_NUMBER},
    Signal: {},
    Stop: {
        "id": OWN_NUMBER,
        "due": "when the row is looked at; it does nothing before its own moment, which is compared",
        "state": "of work; that it ended the request is compared",
        "acted_at": "of work that is done",
    },
    Timer: {
        "id": OWN_NUMBER,
        "due": "when the row is looked at; it does nothing before its own moment, which is compared",
        "state": "of work; that a step expired, and that others were asked in it, is compared",
        "acted_at": "of work that is done",
        "calendar": "whose newer versions are looked at; what it was reckoned by is compared",
        "seen_version": "up to which they were; what it was reckoned by is compared",
    },
    DigestItem: {"due": "when the row is looked at; the moment that was set for it is compared"},
    TableMatch: {"id": OWN_NUMBER},
    TableVersion: {"id": OWN_NUMBER},
    Attachment: {
        "id": OWN_NUMBER,
        "draft": "a file that belongs to a request cannot belong to a draft, says a constraint",
        "assignment": "nor to an answer that is not given, says the same constraint",
        "content_type": "what a browser said; nothing relies on it",
        "by": "whoever made the request, or the revision that first names it, who is compared",
        "created_at": "before that request or revision, which is compared",
    },
    IncomingMail: {
        "id": OWN_NUMBER,
        "server_id": "where the mail lies on the server: it changes when a mailbox is moved",
        "protocol": "as server_id",
        "due": "of work that is done",
        "claim": "of work that is done",
        "tries": "of work that is done",
        "looked_at": "an administrator's own mark",
    },
    OutgoingMail: {
        "id": OWN_NUMBER,
        "mailbox": "through which it is sent; From stands in the mail, which is compared",
        "reference": "stands in the mail, which is compared",
        "message_id": "stands in the mail, which is compared; a server may give another one",
        "server_message_id": "what later answers are known by; the mail that answered is compared",
        "server_address": "what later answers quote us by; the mail that answered is compared",
        "words": "of the mail, which is compared; has a MAC of its own",
        "lookup_due": "of the search for that id",
        "lookups": "of the search for that id",
        **dict.fromkeys(
            [
                "priority",
                "state",
                "due",
                "claim",
                "tries",
                "started_at",
                "sent_at",
                "last_error",
                "bounced_at",
            ],
            "of the sending, which says nothing of what was asked",
        ),
        "created_at": "when the ask was made is compared",
    },
    MailBlock: {
        "number": "a mail names the block in which it lies, which is looked into",
        **dict.fromkeys(["mails", "incoming_through", "outgoing_through", "made_at"], "of work that is done"),
    },
    AuditEntry: {
        "id": "the order of ids is what checkpoints rest on: an entry that changes its place is found there"
    },
    ChainHead: {
        "request": "each has one; that two are exchanged is among the stories",
        "unannounced": "of work: from where on other systems were not told",
    },
    InstallationHead: {"id": "there is one, with the id 1"},
    Checkpoint: {
        "id": OWN_NUMBER,
        "peaks": "what the next one goes on from: if it does not fit, it starts anew",
    },
    Counter: {"id": "there is one, with the id 1"},
}
#: Other tables of the same parts, which the record does not speak of.
NOT_OF_THE_RECORD: dict[type[Model], str] = {
    AuthorityTable: "its key is compared with each request that looked in it; its name is for lists",
    Turn: "who is asked next; who was asked is compared",
    CallTask: "what is to be done for a call; what was done is compared",
    Draft: "a form that was not sent yet",
    MailedStart: "what a mail was to start; the request's first entry has the mail that started it",
    TableDraft: "a table that is not published yet",
    ProcessDraft: "a process that is not published yet",
    DraftRevision: "the same, as it was worked on",
    ServerTask: "where a handled mail is put on the server",
    SignedOnce: "which signed mails came before; each signature is checked again by what was kept of it",
    SetAsideCode: "which mails hold a deadline up; that a step expired is compared",
}
#: Rows that may be put in: they mean nothing until an entry speaks of them.
MAY_BE_PUT_IN: dict[type[Model], str] = {
    Process: "one without a version and an owner is nobody's",
    IncomingMail: "a mail decides nothing by lying there; what it decided is recorded",
    OutgoingMail: "an ask needs its own row; what else is sent is no record",
    MailBlock: "none of its mails is read as long as no row says that its mail lies there",
    Ask: "an ask without a line asks nothing, and one with a line is found",
    Checkpoint: "see the tampering with checkpoints",
    Counter: "there is one, says its number",
    InstallationHead: "there is one, says its number",
    ChainHead: "there is one of each request, says its constraint",
}
MAY_GO = {
    Checkpoint: "one that is kept elsewhere does not go with it",
}


@dataclass(frozen=True)
class Record:
    """What is rewritten: requests in every state, with all that belongs to them."""

    world: World
    seen: list[checkpoints.Checkpoint]


@pytest.fixture(scope="module")
def record(
    request: pytest.FixtureRequest, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[Record]:
    """One for all tests, of which each takes back what it does. It is itself taken back behind the last one."""
    with django_db_blocker.unblock(), transaction.atomic(), translation.override("en"):
        with sandbox_of("graph", request) as sandbox:
            world = make_world(sandbox, "graph")
            yield _recorded(world)
            close_connections()
        transaction.set_rollback(True)


def _recorded(world: World) -> Record:
    people = world.people
    _by_mail(world)
    assert archiving.archive(timezone.now() + timedelta(days=1))  # the mails up to here lie in a block
    withdrawn = world.request(item="Chair")
    engine.withdraw(withdrawn.pk, people["alice"])
    _with_a_file(people)
    _superseded(people)
    _stuck(world)
    _by_a_table(people)
    _revised(people)
    _lacking(world)
    _told(people)
    _signalled(people)
    _called(people)
    _expired(people)
    _stopped(people)
    _asked_back(world)
    _escalated(people)
    _delegated(people)
    _reassigned(people)
    _in_a_digest(world)
    _undone(world)
    _sent_back(people)
    _absent(people)
    _owned(people)
    _in_somebodys_name(people)
    _started_by_mail(world)

    world.request(item="Lamp")  # one that still waits
    # What a row could be said to be of: another mailbox, a process without a version, and an ask without a line.
    Mailbox.objects.create(name="other", address="other@contoso.example")
    Process.objects.create(key="other", name="Other")
    Ask.objects.create(code_hash="c" * 64, person=people["dave"])
    with transaction.atomic():
        for number in range(3):
            chain.append_of_installation("system", {"event": "something", "number": number})
    made = checkpoints.make(timezone.now())
    checkpoints.keep(made)
    seen = checkpoints.read(made.checkpoint.text)
    assert list(findings(seen=seen)) == []
    return Record(world, seen)


def _by_mail(world: World) -> None:
    """Bob answers by mail, after a stranger did; Carol rejects on the page."""
    request, asked = world.asked(amount="1,250")
    world.sandbox.add_mailbox("mallory@evil.example", outside=True)
    world.sandbox.send_as(
        "mallory@evil.example", to=asked.header("Reply-To") or "", subject=f"Re: {asked.subject}", text="Yes"
    )
    world.run_until_quiet()
    world.sandbox.reply_as("bob", asked.id, "Approved.\n\nFrom our usual supplier, please.")
    world.run_until_quiet()
    waiting = Assignment.objects.get(visit__request=request, state=Assignment.State.OPEN)
    engine.decide(
        waiting.pk, by=world.people["carol"], outcome="reject", comment="No.", channel=Decision.Channel.PAGE
    )
    assert IncomingMail.objects.exclude(result="decided").count() == 1
    assert Decision.objects.filter(channel="mail").count() == 1


def _started_by_mail(world: World) -> None:
    """Alice's mail starts a request, with a file."""
    one = one_step([{"person": "bob@contoso.example"}], key="mailed")
    papers = {"name": "papers", "label": "Papers", "type": "files"}
    rules = {"subject": "item", "attachments": "papers"}
    publish({**one, "form": [*one["form"], papers], "start_by_mail": rules})
    mail = EmailMessage()
    mail["From"], mail["To"] = "alice@contoso.example", "approvals+start-mailed@contoso.example"
    mail["Subject"] = "Table"
    mail.set_content("Amount: 900")
    mail.add_attachment(b"%PDF 900 EUR", maintype="application", subtype="pdf", filename="offer.pdf")
    world.sandbox.send_as("alice", mail.as_bytes())
    world.run_until_quiet()
    assert IncomingMail.objects.order_by("-pk")[0].result == "started"


def _lacking(world: World) -> None:
    """Bob rejects three times without the comment that it needs: he gives it, he does not, and he is in doubt."""
    needed = one_step([{"manager": True}], key="purchase")
    needed["steps"]["step"]["outcomes"] = ["approve", {"key": "reject", "comment": "required"}]
    publish(needed)
    for text in ("No budget left.", "", "Wait."):
        world.asked()
        world.sandbox.reply_as("bob", world.newest("bob", "Please decide").id, "Rejected.")
        world.run_until_quiet()
        if text:
            world.sandbox.reply_as("bob", world.newest("bob", "Please say why").id, text)
            world.run_until_quiet()
    assert PendingAnswer.objects.count() == 3
    assert Decision.objects.exclude(completes=None).count() == 1
    assert PendingAnswer.objects.exclude(lapsed_by=None).count() == 1


def _with_a_file(people: Any) -> None:
    field = {"name": "offer", "label": "Offer", "type": "files"}
    one = one_step([{"person": people["bob"].email}], key="with-a-file")
    version = publish({**one, "form": [*one["form"], field]})
    draft = Draft.objects.create(person=people["alice"], process=version.process, version=version)
    attachments.keep(draft, "offer", SimpleUploadedFile("offer.pdf", b"%PDF 900 EUR"), people["alice"])
    engine.start(version, people["alice"], {"item": "Desk", "amount": "900"}, draft)


def _in_somebodys_name(people: Any) -> None:
    """A program started it by a key of Dave's, for Alice."""
    version = publish(one_step([{"person": people["bob"].email}], key="for-another"))
    entered = {"item": "Desk", "amount": "900"}
    engine.start(version, people["alice"], entered, by=people["dave"], key="12345678")


def _by_a_table(people: Any) -> None:
    """Whoever may approve so much stands in an authority table. One request looked in each of its versions; a version
    that none looked in is of no record."""
    text = f"amount:number,ask\n0..1000,{people['bob'].email}\n1000..,{people['dave'].email}\n"
    line = {"table": "limits", "with": {"amount": "amount"}}
    for limit in ("1000", "500"):
        authority.publish("limits", read(text.replace("1000", limit).encode()), "first")
        version = publish(one_step([line], key="by-a-table"))
        engine.start(version, people["alice"], {"item": "Desk", "amount": "900"})
    AuthorityTable.objects.create(key="other", name="Other")


def _revised(people: Any) -> None:
    """Bob does a task and enters what it costs; Carol, who is asked beside him, is asked once more."""
    one = one_step([{"person": people["bob"].email}], key="revised")
    task = {**one["steps"]["step"], "kind": "task", "form": {"fill": ["amount"]}}
    beside = {**one["steps"]["step"], "ask": [{"person": people["carol"].email}]}
    both = {
        "kind": "parallel", "name": "Both", "branches": {"a": {"start": "manager"}, "b": {"start": "beside"}},
        "result": [{"approved": "all"}], "otherwise": "rejected",
    }  # fmt: skip
    ways = [
        *({"from": "both", "outcome": result, "to": result} for result in ("approved", "rejected")),
        {"from": "manager", "outcome": "done", "ends_branch": "approved"},
        *({"from": "beside", "outcome": outcome, "ends_branch": "approved"} for outcome in ("approve", "reject")),
    ]  # fmt: skip
    ends = {key: step for key, step in one["steps"].items() if step["kind"] == "end"}
    steps = {"both": both, "manager": task, "beside": beside, **ends}
    version = publish({**one, "start": "both", "steps": steps, "transitions": ways})
    request = engine.start(version, people["alice"], {"item": "Desk", "amount": "900"})
    asked = Assignment.objects.get(visit__request=request, person=people["bob"])
    engine.decide(
        asked.pk, by=asked.person, outcome="done", channel=Decision.Channel.PAGE, entered={"amount": "950"}
    )
    assert AskLine.objects.filter(revision=2).count() == 1


def _sent_back(people: Any) -> None:
    """Bob and Dave approved, and Carol sent it back; after the revision Bob's decision still counts, and Dave is asked
    again because of what changed."""
    one = one_step([{"person": people["bob"].email}], key="sent-back")
    changes = {"key": "changes", "label": "Needs changes", "grants": False, "returns": "requester"}
    step = one["steps"]["step"]
    steps = {
        **one["steps"],
        "step": {**step, "form": {"hide": ["amount"]}},
        "price": {**step, "ask": [{"person": people["dave"].email}]},
        "last": {
            **step,
            "ask": [{"person": people["carol"].email}],
            "outcomes": ["approve", changes, "reject"],
        },
    }
    order = ("step", "price", "last", "approved")
    ways = [
        way
        for here, onward in pairwise(order)
        for way in (
            {"from": here, "outcome": "approve", "to": onward},
            {"from": here, "outcome": "reject", "to": "rejected"},
        )
    ]
    version = publish({**one, "steps": steps, "transitions": ways})
    request = engine.start(version, people["alice"], {"item": "Desk", "amount": "900"})
    for name, outcome in (
        ("bob", "approve"),
        ("dave", "approve"),
        ("carol", "changes"),
        ("alice", "revised"),
    ):
        seat = Assignment.objects.get(visit__request=request, person=people[name], state="open")
        entered = {"amount": "800"} if name == "alice" else None
        engine.decide(
            seat.pk, by=people[name], outcome=outcome, channel=Decision.Channel.PAGE, entered=entered
        )
    states = Assignment.objects.filter(visit__request=request, visit__round=2).order_by("pk")
    assert [*states.values_list("person__name", "state")] == [
        (people["bob"].name, "kept"), (people["dave"].name, "open"),
    ]  # fmt: skip


def _told(people: Any) -> None:
    """Two are told before somebody is asked."""
    one = one_step([{"person": people["bob"].email}], key="told", start="tell")
    tell = {
        "kind": "notice",
        "name": "Tell",
        "to": [{"person": people[name].email} for name in ("carol", "dave")],
    }
    ways = [{"from": "tell", "outcome": "sent", "to": "step"}, *one["transitions"]]
    version = publish({**one, "steps": {**one["steps"], "tell": tell}, "transitions": ways})
    engine.start(version, people["alice"], {"item": "Desk", "amount": "900"})


def _expired(people: Any) -> None:
    """Nobody answered in time."""
    one = one_step([{"person": people["bob"].email}], key="expired")
    step = {**one["steps"]["step"], "due": "1 working day", "expire": {}}
    ways = [*one["transitions"], {"from": "step", "outcome": "expired", "to": "rejected"}]
    version = publish({**one, "steps": {**one["steps"], "step": step}, "transitions": ways})
    with time_machine.travel(timezone.now() - timedelta(days=8)):
        engine.start(version, people["alice"], {"item": "Shelf", "amount": "5"})
    Mailbox.objects.update(read_until=timezone.now())
    for number in timing.due(10):
        timing.work(number)
    assert Timer.objects.filter(what=Timer.What.EXPIRE, state=Timer.State.ACTED).count() == 1


def _stopped(people: Any) -> None:
    """One request lasted as long as it may, and one may still."""
    limit = {"after": "3 working days", "result": "expired", "name": "Late"}
    version = publish({**one_step([{"person": people["bob"].email}], key="stopped"), "longest": limit})
    with time_machine.travel(timezone.now() - timedelta(days=15)):
        engine.start(version, people["alice"], {"item": "Shelf", "amount": "5"})
    engine.start(version, people["alice"], {"item": "Shelf", "amount": "5"})
    Mailbox.objects.update(read_until=timezone.now())
    assert [stopping.work(number) for number in stopping.due(10)] == [True]


def _asked_back(world: World) -> None:
    """Bob asks Alice something by mail, whose clock stands, and she answers by mail; another question is open, and one
    needs no answer any more."""
    people = world.people
    one = one_step([{"person": people["bob"].email}], key="asked-back")
    version = publish(
        {**one, "steps": {**one["steps"], "step": {**one["steps"]["step"], "due": "2 working days"}}}
    )
    for item in ("Desk", "Shelf", "Table"):
        request = engine.start(version, people["alice"], {"item": item, "amount": "900"})
        world.send()
        if item == "Desk":
            world.sandbox.reply_as("bob", world.newest("bob", "Please decide: Desk").id, "Question: why?")
            world.run_until_quiet()
            world.sandbox.reply_as("alice", world.newest("alice", "Question about").id, "It is old.")
            world.run_until_quiet()
            continue
        seat = Assignment.objects.get(visit__request=request)
        engine.ask_back(seat.pk, people["bob"], Written("How many?"))
        if item == "Table":
            engine.decide(seat.pk, by=people["bob"], outcome="reject", channel=Decision.Channel.PAGE)
    states = Clarification.objects.order_by("pk").values_list("state", flat=True)
    assert [*states] == ["answered", "open", "needless"]
    assert Timer.objects.filter(what=Timer.What.RESUME).count() == 3


def _escalated(people: Any) -> None:
    """Carol was asked in Bob's place, and nobody in hers."""
    one = one_step([{"person": people["bob"].email}], key="escalated")
    carol = [{"person": people["carol"].email}]
    rungs = [{"when": "1 hour after", "instead": carol}, {"when": "2 hours after", "instead": carol}]
    step = {**one["steps"]["step"], "due": "1 hour", "escalate": rungs}
    version = publish({**one, "steps": {**one["steps"], "step": step}})
    begun = timezone.now() - timedelta(hours=4)
    with time_machine.travel(begun) as clock:
        request = engine.start(version, people["alice"], {"item": "Shelf", "amount": "5"})
        for hours in range(1, 4):
            clock.move_to(begun + timedelta(hours=hours, minutes=1))
            Mailbox.objects.update(read_until=timezone.now() + timedelta(minutes=2))
            with time_machine.travel(timezone.now() + timedelta(minutes=3)):
                for number in timing.due(10):
                    timing.work(number)
    seats = Assignment.objects.filter(visit__request=request).order_by("pk")
    assert [(seat.state, seat.replaced_by) for seat in seats] == [("withdrawn", 1), ("open", None)]
    assert Visit.objects.get(request=request).reason


def _delegated(people: Any) -> None:
    """One delegate answered by a delegation, one was given a question, of one it was taken back, and one still may."""
    made = delegations.make(people["bob"], Wanted(people["dave"], timezone.now()), people["bob"])
    version = publish(one_step([{"person": people["bob"].email}], key="delegated"))
    for answers in (True, False):
        request = engine.start(version, people["alice"], {"item": "Desk", "amount": "900"})
        seat = Assignment.objects.get(visit__request=request)
        if answers:
            engine.decide(seat.pk, by=people["dave"], outcome="approve", channel=Decision.Channel.PAGE)
    delegating.give(seat.pk, people["bob"], people["ada"], "You know them.")
    delegating.take_back(delegating.give(seat.pk, people["bob"], people["carol"]).pk, people["bob"])
    delegations.end(made.pk, people["bob"])
    delegating.work(made.pk)
    assert sorted(Delegate.objects.values_list("state", flat=True)) == ["ended", "ended", "open", "over"]


def _reassigned(people: Any) -> None:
    """Carol is asked in Bob's place, and Bob is no more."""
    version = publish(one_step([{"person": people["bob"].email}], key="reassigned"))
    request = engine.start(version, people["alice"], {"item": "Desk", "amount": "900"})
    seat = Assignment.objects.get(visit__request=request)
    reassigning.reassign(seat.pk, people["ada"], people["carol"], "He is away.")
    assert Assignment.objects.filter(in_place_of=people["bob"], state="open").count() == 1


def _absent(people: Any) -> None:
    """One is still away, and one is back; neither ever decided anything."""
    away = [add_person(f"{name} Away", f"{name}@contoso.example".lower()) for name in ("Hugo", "Ines")]
    mails = IncomingMail.objects.order_by("-pk")[:2]
    for person, mail, proof in zip(away, mails, ("colleague", "outside"), strict=True):
        assert absences.begin(person.pk, mail, proof), person
    assert absences.end(away[1], timezone.now(), people["ada"])


def _owned(people: Any) -> None:
    """Of a process that Bob published: he owns it, Dave does not any more, and it is retired; another one is not any
    more, and one was thrown away before it was ever published."""
    bob, ada = people["bob"], people["ada"]
    one = one_step([{"person": bob.email}], key="owned")
    for key in ("owned", "back-again"):
        process = publish({**one, "key": key}, bob).process
        owning.add_owner(process, bob, ada)
        retire(process, bob)
    bring_back(process, bob)
    owned = Process.objects.get(key="owned")
    owning.add_owner(owned, people["dave"], bob)
    owning.remove_owner(owned, people["dave"], ada)
    for title in ("Order 1", "Order 2"):  # by one version
        ad_hoc.ask(Call(title, to=[bob.email], exactly="rm -rf /srv/old"), people["dave"])
    for _once_more in range(2):
        draft = store("thrown-away", "Thrown away", "key: thrown-away\n", by=bob)
        owning.add_owner(draft.process, bob, bob)
        discard(draft, bob)


def _in_a_digest(world: World) -> None:
    """Dave is asked three things in one mail, one of them on the page, and answers two, of which one was withdrawn;
    another was withdrawn before, and one waits for his next mail."""
    dave = world.people["dave"]
    Person.objects.filter(pk=dave.pk).update(in_digests=True)
    one = one_step([{"person": dave.email}], key="in-a-digest")
    paged = {**one["steps"], "step": {**one["steps"]["step"], "proof": "page"}}
    versions = [publish(one), publish({**one, "key": "on-the-page", "steps": paged})]
    requests = [
        engine.start(version, world.people["alice"], {"item": item, "amount": "5"})
        for version, item in zip(
            (*versions, versions[0], versions[0]), ("Mug", "Cup", "Pot", "Pan"), strict=True
        )
    ]
    engine.withdraw(requests[3].pk, world.people["alice"])
    DigestItem.objects.update(due=timezone.now())
    work.run_once(world.kinds["digest"])
    world.send()
    engine.withdraw(requests[2].pk, world.people["alice"])
    world.sandbox.reply_as("dave", world.newest("dave", "Waiting for you").id, "1 no: too dear\n2 yes")
    world.run_until_quiet()
    engine.start(versions[0], world.people["alice"], {"item": "Bowl", "amount": "5"})
    states = DigestItem.objects.order_by("pk").values_list("state", flat=True)
    assert list(states) == ["asked", "asked", "asked", "needless", "waiting"]
    assert Decision.objects.filter(by_person=dave, channel="mail").count() == 1


def _undone(world: World) -> None:
    """Bob takes an answer back by mail, another one on the page, and of a third the effect waits."""
    bob = world.people["bob"]
    version = publish(
        one_step(
            [{"person": bob.email}, {"person": world.people["dave"].email}], key="undone", undo="60 minutes"
        )
    )
    for item in ("Stool", "Bench", "Couch"):
        request = engine.start(version, world.people["alice"], {"item": item, "amount": "5"})
        seat = Assignment.objects.get(visit__request=request, person=bob)
        if item == "Stool":
            world.send()
            world.sandbox.reply_as(
                "bob", world.newest("bob", "Please decide: Stool").id, "Approved.\n\nGo on."
            )
            world.run_until_quiet()
            world.sandbox.reply_as("bob", world.newest("bob", "Approved: Stool").id, "Undo")
            world.run_until_quiet()
            continue
        engine.decide(seat.pk, by=bob, outcome="reject", comment="Not now.", channel=Decision.Channel.PAGE)
        if item == "Bench":
            undoing.undo(seat.pk, bob)
    assert [*UndoneDecision.objects.order_by("pk").values_list("undone_channel", flat=True)] == [
        "mail",
        "page",
    ]
    assert Visit.objects.filter(state=Visit.State.HELD).count() == 1


def _signalled(people: Any) -> None:
    """A wait that a signal ended, and one that came early."""
    one = one_step([{"person": people["bob"].email}], key="signalled", start="wait")
    wait = {"kind": "wait", "name": "Wait", "signal": "delivered"}
    ways = [{"from": "wait", "outcome": "arrived", "to": "step"}, *one["transitions"]]
    version = publish({**one, "steps": {**one["steps"], "wait": wait}, "transitions": ways})
    request = engine.start(version, people["alice"], {"item": "Desk", "amount": "900"})
    for by in (people["ada"], None):
        engine.signal(request.pk, "delivered", by)


def _called(people: Any) -> None:
    """A request that a step of another one called."""
    publish(one_step([{"person": people["bob"].email}], key="budget"))
    one = one_step([{"person": people["bob"].email}], key="caller", start="call")
    call = {"kind": "call", "name": "Budget", "process": "budget", "data": {"item": "item"}}
    outcomes = ("approved", "rejected", "withdrawn")
    ways = [{"from": "call", "outcome": outcome, "to": "step"} for outcome in outcomes]
    steps = {**one["steps"], "call": call}
    version = publish({**one, "steps": steps, "transitions": [*ways, *one["transitions"]]})
    engine.start(version, people["alice"], {"item": "Desk", "amount": "900"})
    for row in calling.due(10):
        calling.work(row)


def _superseded(people: Any) -> None:
    """Two are asked, and the first one decides and answers a question."""
    both = [{"person": people["bob"].email}, {"person": people["dave"].email}]
    asking = one_step(both, key="two")
    asking["steps"]["step"]["questions"] = [{"name": "cost", "label": "Cost centre", "type": "text"}]
    request = engine.start(publish(asking), people["alice"], {"item": "Desk", "amount": "9"})
    first = Assignment.objects.filter(visit__request=request).first()
    assert first is not None
    engine.decide(
        first.pk, by=first.person, outcome="approve", channel=Decision.Channel.PAGE, answers={"cost": "4711"}
    )


def _stuck(world: World) -> None:
    """Erin leaves, and nobody else can be asked."""
    from placet.accounts.addresses import add_person

    erin = add_person("Erin Leaver", "erin@contoso.example")
    version = publish(one_step([{"person": erin.email}], key="stuck"))
    engine.start(version, world.people["alice"], {"item": "Desk", "amount": "900"})
    engine.deactivate(erin, by=world.people["ada"])
    assert Visit.objects.filter(state=Visit.State.STUCK).count() == 1


# --- columns ----------------------------------------------------------------------------------------------


def of_the_record(row: Model) -> bool:
    """Mails that no entry speaks of are none of it."""
    if isinstance(row, OutgoingMail):
        return row.kind in ("ask", "digest", "notice", "clarification")
    if isinstance(row, IncomingMail):
        # What came back decides nothing: its entry says that it did, and not what stood in it.
        return row.state == IncomingMail.State.HANDLED and row.result != "bounce"
    if isinstance(row, Ask):
        return row.lines.exists()
    # Who is no process's owner, and what was never published, nobody has to have said.
    return not isinstance(row, Process) or row.versions.exists()


def rows(model: type[Model]) -> list[Model]:
    return [row for row in model._default_manager.order_by("pk") if of_the_record(row)]


def columns(model: type[Model]) -> list["models.Field[Any, Any]"]:
    return [field for field in model._meta.concrete_fields if field.name not in NOT_COMPARED[model]]


def changes(rng: random.Random, model: type[Model], field: "models.Field[Any, Any]") -> Iterator[Aimed]:
    """A column of every row, with other values that could stand there: one of each row in turn, until none is left.
    Made as they are asked for: most are not."""
    there = rows(model)
    left = deque(_changes_of(rng, row, field, there) for row in rng.sample(there, len(there)))
    while left:
        of_row = left.popleft()
        for change in of_row:
            yield change
            left.append(of_row)
            break


def _changes_of(
    rng: random.Random, row: Model, field: "models.Field[Any, Any]", there: list[Model]
) -> Iterator[Aimed]:
    model, values = type(row), list(others(rng, field, row, there))
    rng.shuffle(values)
    for value in values:
        name = f"{model.__name__} {row.pk}.{field.name} = {value!r:.60}"
        yield name, row, _update(model, row.pk, field, value)


def _update(model: type[Model], pk: Any, field: "models.Field[Any, Any]", value: Any) -> Callable[[], object]:
    return lambda: model._default_manager.filter(pk=pk).update(**{field.attname: value})


def others(
    rng: random.Random, field: "models.Field[Any, Any]", row: Model, there: list[Model]
) -> Iterator[Any]:
    """Values that could stand in a column in place of the row's own."""
    now = getattr(row, field.attname)
    candidates = [getattr(other, field.attname) for other in there]
    if field.null:
        candidates.append(None)
    match field:
        case models.ForeignKey():
            candidates += field.related_model._default_manager.order_by("-pk").values_list("pk", flat=True)[
                :5
            ]
        case models.DateTimeField():
            moment = now or timezone.now()
            candidates += [
                moment + timedelta(microseconds=1),
                moment - timedelta(days=30),
                moment + timedelta(hours=1),
            ]
        case models.DateField():
            candidates += [now - timedelta(days=1)]
        case models.JSONField() | EntryField():
            candidates += list(_json_like(rng, now))
        case models.BinaryField():
            raw = bytes(now)
            flipped = bytearray(raw or b"x")
            flipped[rng.randrange(len(flipped))] ^= 1
            candidates += [bytes(flipped), b"", raw + b"\n", raw.replace(b"reject", b"approve")]
        case models.BooleanField():
            candidates.append(not now)
        case models.UUIDField():
            candidates.append(uuid.uuid4())
        case models.BooleanField():
            candidates.append(not now)
        case models.DecimalField():
            candidates += [Decimal(1), (now or Decimal(0)) + Decimal("0.01")]
        case models.IntegerField():
            candidates += [now + 1, max(now - 1, 0)] if now is not None else [1]
        case _:
            candidates += list(_text_like(field, str(now or "")))
    seen: list[Any] = []
    for value in candidates:
        same = (
            bytes(value) == bytes(now)
            if isinstance(field, models.BinaryField) and now is not None
            else value == now
        )
        if not same and value not in seen:
            seen.append(value)
            yield value


def _text_like(field: "models.Field[Any, Any]", now: str) -> Iterator[str]:
    yield from [
        "",
        now[:-1],
        f"{now}x"[-(field.max_length or 10_000) :],
        now.upper(),
        now.replace("reject", "approv"),
    ]
    if field.choices:
        yield from [str(value) for value, _label in field.choices]
    if len(now) == 64:
        yield from ["0" * 64, now[::-1]]
    if field.name == "result":
        yield from ["approved", "rejected", "approve", "decided"]


def _json_like(rng: random.Random, now: Any) -> Iterator[Any]:
    yield from ({}, {"cost centre": "4711"})
    text = json.dumps(now)
    for old, new in (
        ("reject", "approve"),
        ("approve", "reject"),
        ("1250", "1"),
        ("Desk", "Yacht"),
        ("a", "b"),
    ):
        yield json.loads(text.replace(f'"{old}', f'"{new}'))
    if isinstance(now, dict) and now:
        name = rng.choice(sorted(now))
        yield {other: value for other, value in now.items() if other != name}
        yield {**now, name: "x"}
        yield {**now, "more": 1}
        if "personal" in now and isinstance(now["personal"], dict):
            of = rng.choice(sorted(now["personal"]))
            commitment = now["personal"][of]
            if "value" in commitment:
                yield {**now, "personal": {**now["personal"], of: {**commitment, "value": "x"}}}
                yield {**now, "personal": {**now["personal"], of: {**commitment, "salt": "0" * 32}}}


# --- rows -------------------------------------------------------------------------------------------------


def removals(_rng: random.Random) -> Iterator[Aimed]:
    for model in NOT_COMPARED:
        if model not in MAY_GO:
            for row in rows(model):
                yield f"{model.__name__} {row.pk} is removed", row, _remove(model, row.pk)


def _remove(model: type[Model], pk: Any) -> Callable[[], object]:
    """Past Django, which knows what hangs on it."""

    def remove() -> None:
        meta = model._meta
        with connection.cursor() as cursor:
            assert meta.pk is not None
            cursor.execute(f"DELETE FROM {meta.db_table} WHERE {meta.pk.column} = %s", [pk])

    return remove


def insertions(_rng: random.Random) -> Iterator[Aimed]:
    """Each row once more, as far as its constraints let it."""
    for model in NOT_COMPARED:
        if model not in MAY_BE_PUT_IN:
            for row in rows(model):
                yield f"{model.__name__} {row.pk} once more", row, _again(row)
    for line in AskLine.objects.select_related("ask", "assignment"):
        yield f"another ask like {line.ask_id}", line, _ask_again(line)


def _again(row: Model) -> Callable[[], object]:
    def again() -> None:
        copy = type(row)._default_manager.get(pk=row.pk)
        copy.pk = None
        match copy:
            case Request():
                copy.parent_visit = None
                copy.public_id, copy.number = uuid.uuid4(), Request.objects.order_by("-number")[0].number + 1
                Counter.objects.update(last=copy.number)
            case Visit():
                copy.round += 1
            case Assignment():
                taken = Assignment.objects.filter(visit=copy.visit).values("person")
                copy.person = copy.visit.request.requester.__class__.objects.exclude(pk__in=taken)[0]
            case Notified():
                told = Notified.objects.filter(visit=copy.visit).values("person")
                copy.person, copy.outgoing = Person.objects.exclude(pk__in=told)[0], None
            case Signal():
                copy.key, copy.taken_by = "other", None
            case Version() | TableVersion():
                copy.number += 10
            case Process.owners.through():
                copy.person = Person.objects.exclude(processes=copy.process)[0]
            case Stop():
                copy.request = Request.objects.filter(stop=None)[0]
            case Timer():
                copy.number += 1
            case Clarification():
                copy.number, copy.incoming, copy.answer_incoming = copy.number + 1, None, None
                copy.state = Clarification.State.NEEDLESS
            case Decision():
                free = Assignment.objects.filter(decision=None)
                copy.assignment, copy.completes = free.order_by("-pk")[0], None
            case PendingAnswer():
                seats = Assignment.objects.exclude(pending_answers__lapsed_by=None)
                copy.assignment = seats.order_by("-pk")[0]
                copy.incoming = IncomingMail.objects.filter(pending_answer=None)[0]
            case AskLine():
                copy.line = 100
            case DigestItem():
                if copy.state == DigestItem.State.WAITING:
                    copy.assignment = Assignment.objects.exclude(digest_items__state="waiting")[0]
            case Attachment():
                copy.public_id = uuid.uuid4()
            case AuditEntry():
                of_chain = AuditEntry.objects.filter(request=copy.request).order_by("-seq")
                copy.seq = of_chain[0].seq + 1
        copy.save(force_insert=True)

    return again


def _ask_again(line: AskLine) -> Callable[[], object]:
    def again() -> None:
        ask = Ask.objects.create(code_hash=uuid.uuid4().hex * 2, person=line.ask.person)
        AskLine.objects.create(ask=ask, line=1, assignment=line.assignment, facts_hash=line.facts_hash)

    return again


# --- whole stories ----------------------------------------------------------------------------------------


def rebuilt(
    request_id: int | None, tamper: Callable[[list[AuditEntry]], list[AuditEntry]], macs: str
) -> None:
    """A chain made anew by somebody who knows the code and has no key: hashes are right, and of the MACs they take
    what they can: the old ones, none, or those of a key of their own."""
    entries = tamper(list(AuditEntry.objects.filter(request=request_id).order_by("seq")))
    AuditEntry.objects.filter(request=request_id).delete()
    own, previous, seq, made = mac.Key(b"m" * 32), chain.FIRST, 0, None
    for seq, entry in enumerate(entries, 1):
        entry.seq, entry.previous_hash = seq, previous
        if macs == "none":
            entry.mac = None
            entry.hash = chain.first_form_hash(entry)
        else:
            entry.hash = chain._hash(entry)
        if macs == "own":
            entry.mac = own.mac("entry", entry.hash)
        previous = entry.hash
        entry.save(force_insert=True)
    head = {"seq": seq, "hash": previous}
    if macs == "own":
        made = chain.head_mac(own, request_id, seq, previous)
    if macs != "old":
        head["mac"] = made
    if request_id is None:
        InstallationHead.objects.update(**head)
    else:
        ChainHead.objects.filter(request=request_id).update(**head)


def _without_last(entries: list[AuditEntry]) -> list[AuditEntry]:
    return entries[:-1]


def _without_some(entries: list[AuditEntry]) -> list[AuditEntry]:
    return entries[:1] + entries[2:]


def _turned(entries: list[AuditEntry]) -> list[AuditEntry]:
    return [*entries[:-2], *reversed(entries[-2:])]


def _other_words(entries: list[AuditEntry]) -> list[AuditEntry]:
    entries[-1].what = {**entries[-1].what, "result": "approved", "outcome": "approve"}
    return entries


def _as_it_was(entries: list[AuditEntry]) -> list[AuditEntry]:
    return entries


def stories(_rng: random.Random) -> Iterator[Aimed]:
    requests = list(Request.objects.order_by("pk").values_list("pk", flat=True))
    for number in (*requests, None):
        for tamper in (_without_last, _without_some, _turned, _other_words):
            for macs in ("old", "none", "own"):
                yield (
                    f"the chain of {number} anew: {tamper.__name__}, MACs: {macs}",
                    number,
                    partial(rebuilt, number, tamper, macs),
                )
        for macs in ("none", "own"):
            yield (
                f"the chain of {number} anew, as it was, MACs: {macs}",
                number,
                partial(rebuilt, number, _as_it_was, macs),
            )
    for request in requests:
        yield f"all of request {request} is gone", request, partial(_forget, request)
        yield f"values of request {request} are taken away", request, partial(_take_away, request)
    yield "MACs begin later", None, _macs_begin_later
    yield "every chain as if it were from before", None, _all_from_before
    yield "the results of two requests are exchanged", None, _exchange_results
    yield "two chains are exchanged", None, _exchange_chains
    yield "the ends of two chains are exchanged", None, _exchange_heads
    yield "a kept checkpoint says something else", None, _other_checkpoint


def _forget(number: int) -> None:
    """The request with all that hangs on it and its record."""
    statements = [
        "DELETE FROM approvals_decision WHERE assignment_id IN (SELECT a.id FROM approvals_assignment a "
        "JOIN approvals_visit v ON v.id = a.visit_id WHERE v.request_id = %s)",
        "UPDATE approvals_askline SET completes_id = NULL WHERE assignment_id IN (SELECT a.id FROM "
        "approvals_assignment a JOIN approvals_visit v ON v.id = a.visit_id WHERE v.request_id = %s)",
        "DELETE FROM approvals_pendinganswer WHERE assignment_id IN (SELECT a.id FROM approvals_assignment a "
        "JOIN approvals_visit v ON v.id = a.visit_id WHERE v.request_id = %s)",
        "DELETE FROM approvals_delegate WHERE assignment_id IN (SELECT a.id FROM approvals_assignment a "
        "JOIN approvals_visit v ON v.id = a.visit_id WHERE v.request_id = %s)",
        "DELETE FROM approvals_digestitem WHERE assignment_id IN (SELECT a.id FROM approvals_assignment a "
        "JOIN approvals_visit v ON v.id = a.visit_id WHERE v.request_id = %s)",
        "DELETE FROM approvals_askline WHERE assignment_id IN (SELECT a.id FROM approvals_assignment a "
        "JOIN approvals_visit v ON v.id = a.visit_id WHERE v.request_id = %s)",
        "DELETE FROM approvals_assignment WHERE visit_id IN "
        "(SELECT id FROM approvals_visit WHERE request_id = %s)",
        "DELETE FROM approvals_notified WHERE visit_id IN "
        "(SELECT id FROM approvals_visit WHERE request_id = %s)",
        "DELETE FROM approvals_signal WHERE request_id = %s",
        "DELETE FROM approvals_calltask WHERE visit_id IN "
        "(SELECT id FROM approvals_visit WHERE request_id = %s)",
        "UPDATE approvals_request SET parent_visit_id = NULL WHERE parent_visit_id IN "
        "(SELECT id FROM approvals_visit WHERE request_id = %s)",
        "DELETE FROM approvals_visit WHERE request_id = %s",
        "DELETE FROM approvals_attachment WHERE request_id = %s",
        "DELETE FROM audit_auditentry WHERE request_id = %s",
        "DELETE FROM audit_chainhead WHERE request_id = %s",
        "DELETE FROM approvals_request WHERE id = %s",
    ]
    Checkpoint.objects.all().delete()
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement, [number])


def _take_away(number: int) -> None:
    """As if they had been erased, which the hashes allow."""
    told = AuditEntry.objects.filter(request=number).order_by("-seq")
    entry = next(one for one in told if "personal" in one.what)
    personal = entry.what["personal"]
    entry.what["personal"] = {name: commitments.erased(one) for name, one in personal.items()}
    entry.save()


def _macs_begin_later() -> None:
    """A forged entry in the installation's chain would move up to where entries need no MAC."""
    last = AuditEntry.objects.order_by("-pk")[0].pk
    newest_of_chain = AuditEntry.objects.filter(request=None).order_by("-seq")[0]
    newest_of_chain.what = {"event": chain.MACS_BEGIN, "entries": 3, "last_entry": last, "root": "0" * 64}
    newest_of_chain.hash = chain._hash(newest_of_chain)
    newest_of_chain.save()
    InstallationHead.objects.update(hash=newest_of_chain.hash)
    as_before(Request.objects.order_by("pk")[0].pk)


def _all_from_before() -> None:
    as_before(*Request.objects.values_list("pk", flat=True), None)
    Checkpoint.objects.all().delete()


def _exchange_results() -> None:
    one, other = (
        Request.objects.exclude(result="").order_by("result")[:1].get(),
        Request.objects.exclude(result="").order_by("-result")[0],
    )
    assert one.result != other.result
    Request.objects.filter(pk=one.pk).update(result=other.result)
    Request.objects.filter(pk=other.pk).update(result=one.result)


def _exchange_chains() -> None:
    one, other = Request.objects.order_by("pk").values_list("pk", flat=True)[:2]
    high = 1_000_000
    for number, shift in ((one, high), (other, 2 * high)):
        for entry in AuditEntry.objects.filter(request=number):
            AuditEntry.objects.filter(pk=entry.pk).update(seq=entry.seq + shift)
    AuditEntry.objects.filter(seq__gt=2 * high).update(request=one, seq=models.F("seq") - 2 * high)
    AuditEntry.objects.filter(seq__gt=high).update(request=other, seq=models.F("seq") - high)


def _exchange_heads() -> None:
    one, other = ChainHead.objects.order_by("pk")[:2]
    said = ("seq", "hash", "mac")
    ones, others = ({name: getattr(head, name) for name in said} for head in (one, other))
    ChainHead.objects.filter(pk=one.pk).update(**others)
    ChainHead.objects.filter(pk=other.pk).update(**ones)


def _other_checkpoint() -> None:
    row = Checkpoint.objects.get()
    kept = checkpoints.read(row.text)[0]
    row.text = row.text.replace(f"\n{kept.size}\n", f"\n{kept.size - 1}\n")
    row.save()


# --- the tests --------------------------------------------------------------------------------------------


class Impossible(Exception):
    """A constraint of the database does not let it happen."""


def said_after(tamper: Callable[[], object], *seen: checkpoints.Checkpoint) -> list[str]:
    """What verify says after it, which is taken back."""
    with tampered(tamper):
        return list(findings(seen=seen))


def is_noticed(about: Model | int | None, tamper: Callable[[], object]) -> bool:
    """Whether verify says anything after it: of the request that it is about, as a range of its own, or of everything.
    Dozens of requests would mostly be read in vain, and verify looks on only for whoever asks."""
    number = request_of(about) if isinstance(about, Model) else about
    with tampered(tamper):
        if number is not None:
            one = verify_range(number, number)
            if (one.broken or one.differing) and _says(one):
                return True
        return _says()


def _says(verified: Verified | None = None) -> bool:
    with closing(findings(verified)) as sentences:
        return next(sentences, None) is not None


@contextmanager
def tampered(tamper: Callable[[], object]) -> Iterator[None]:
    with transaction.atomic():
        try:
            tamper()
        except IntegrityError as error:
            transaction.set_rollback(True)
            raise Impossible from error
        yield
        transaction.set_rollback(True)


def request_of(row: Model) -> int | None:
    """The request that a row of the record belongs to, if its own columns lead there."""
    if isinstance(row, Request):
        return row.pk
    others = [
        getattr(row, one.name) for one in row._meta.concrete_fields if one.related_model in NOT_COMPARED
    ]
    return next(filter(None, (request_of(other) for other in others if other is not None)), None)


class Judged:
    """How many tamperings were tried, and which of them nobody noticed."""

    def __init__(self) -> None:
        self.tried = 0
        self.unnoticed: list[str] = []

    def judge(self, tamperings: Iterable[Aimed], most: int) -> int:
        """At most so many of them. How many were possible."""
        possible = 0
        for name, about, tamper in tamperings:
            if possible == most:
                break
            try:
                noticed = is_noticed(about, tamper)
            except Impossible:
                continue
            possible += 1
            if not noticed:
                self.unnoticed.append(name)
        self.tried += possible
        return possible


def test_every_table_of_these_parts_is_of_the_record_or_says_why_not() -> None:
    ours = {
        model for part in ("approvals", "audit", "mail") for model in apps.get_app_config(part).get_models()
    }
    ours.add(Delegation)  # of the accounts this alone says who may decide
    ours.add(Process.owners.through)
    assert ours == NOT_COMPARED.keys() | NOT_OF_THE_RECORD.keys()
    for model, reasons in NOT_COMPARED.items():
        assert reasons.keys() <= {field.name for field in model._meta.concrete_fields}, model


def test_what_is_consistent_again_is_found_by_a_checkpoint_that_was_kept_elsewhere(
    record: Record, tally: Count
) -> None:
    """Somebody had copies of the rows as they were, so every MAC is right; or they have the key."""
    forged = 0
    for name, tamper in taken_back():
        said = said_after(tamper, *record.seen)
        forged += 1
        assert any("heckpoint" in sentence for sentence in said), name
        assert said_after(tamper) == [], f"{name}: found without it, too, and so no case for it"
    tally(Counts(forged=forged))


def taken_back() -> Iterator[Tampering]:
    newest_request = Request.objects.order_by("-pk")[0]
    yield "the newest request never was", lambda: _never_was(newest_request.pk)
    yield "the installation's last entry never was", lambda: _cut_with_key(None)
    waiting = Request.objects.get(title__contains="Chair")
    yield "a chain anew, with the key", lambda: _with_key(waiting.pk)


def _never_was(newest: int) -> None:
    _forget(newest)
    Counter.objects.update(last=models.F("last") - 1)


def _cut_with_key(number: int | None) -> None:
    last = AuditEntry.objects.filter(request=number).order_by("-seq")[0]
    before = AuditEntry.objects.get(request=number, seq=last.seq - 1)
    last.delete()
    head = chain._end(before, mac.newest())
    InstallationHead.objects.update(**head)
    Checkpoint.objects.all().delete()


def _with_key(number: int) -> None:
    """Says the same as before, but for the moment: which is put into the rows, too."""
    previous, moment = chain.FIRST, timedelta(hours=1)
    entries = list(AuditEntry.objects.filter(request=number).order_by("seq"))
    for entry in entries:
        entry.at, entry.previous_hash = entry.at + moment, previous
        if "since" in entry.what:
            entry.what["since"] = (datetime.fromisoformat(entry.what["since"]) + moment).isoformat()
        entry.hash = previous = chain._hash(entry)
        entry.mac = mac.newest().mac("entry", entry.hash)
        entry.save()
    ChainHead.objects.filter(request=number).update(**chain._end(entries[-1], mac.newest()))
    later = models.F("created_at") + moment
    Request.objects.filter(pk=number).update(created_at=later, closed_at=models.F("closed_at") + moment)
    visits = Visit.objects.filter(request=number)
    visits.update(opened_at=models.F("opened_at") + moment, closed_at=models.F("closed_at") + moment)
    Assignment.objects.filter(visit__request=number).update(created_at=later)
    Ask.objects.filter(lines__assignment__visit__request=number).update(created_at=later)
    Checkpoint.objects.all().delete()


def neighbours() -> Iterator[Tampering]:
    """What may happen to a record, and verifies clean."""
    yield "nothing", lambda: None
    for number in Request.objects.order_by("pk").values_list("pk", flat=True):
        yield f"a title of request {number} is erased", partial(_erase_title, number)
    yield "a comment is erased", _erase_comment
    yield "an answer by mail is erased", _erase_mail
    yield "a request goes on", _go_on
    yield (
        "a mailbox was moved",
        lambda: IncomingMail.objects.update(protocol="ews", server_id=models.F("fingerprint")),
    )
    yield "an administrator looked at a mail", lambda: IncomingMail.objects.update(looked_at=timezone.now())
    yield "a person has another name", lambda: Person.objects.update(name="Somebody Else")
    yield (
        "a process was published anew",
        lambda: publish(one_step([{"person": "bob@contoso.example"}], key="two")),
    )
    yield "a process got another owner and lost one", _other_owner
    yield "a process was retired, and one brought back", _retired_otherwise
    yield "who published a version was deleted", _publisher_deleted
    yield "versions from before the record said so", _published_before
    yield "a colleague was asked about an address", _offered


def _other_owner() -> None:
    process = Process.objects.get(key="owned")
    before = process.owners.get()
    owning.add_owner(process, Person.objects.exclude(pk=before.pk)[0], before)
    owning.remove_owner(process, before, None)


def _retired_otherwise() -> None:
    bring_back(Process.objects.get(key="owned"))
    retire(Process.objects.get(key="back-again"))


def _publisher_deleted() -> None:
    erin = add_person("Erin Owner", "erin.owner@contoso.example")
    owning.add_owner(publish(one_step([{"requester": True}], key="left"), erin).process, erin, erin)
    erin.delete()


def _published_before() -> None:
    """By a Placet whose record did not say so; it goes on from there."""
    definition = one_step([{"requester": True}], key="older")
    process = Process.objects.create(key="older", name="Older")
    Version.objects.create(process=process, number=1, definition=definition)
    table = AuthorityTable.objects.create(key="older", name="Older")
    TableVersion.objects.create(table=table, number=1, hits="first", columns=[], rows=[])
    assert publish(definition).number == 2
    assert authority.publish("older", read(b"amount:number,ask\n..1000,manager\n"), "first").number == 2


def _erase_title(number: int) -> None:
    request = Request.objects.get(pk=number)
    chain.erase(number, 1, ["title", "words"], "person:1", "asked for by the person")
    for entry in [one for one in AuditEntry.objects.filter(request=number) if one.what["event"] == "revised"]:
        chain.erase(number, entry.seq, ["words"], "person:1", "asked for by the person")
    request.title = request.words = ""
    request.save()


def _erase_comment() -> None:
    decision = Decision.objects.get(channel="page", comment="No.")
    number = decision.assignment.visit.request_id
    entry = entry_of("decided", request=number, door="page")
    chain.erase(number, entry.seq, ["comment", "name", "address"], "person:1", "asked for by the person")
    Decision.objects.filter(pk=decision.pk).update(comment="")


def _erase_mail() -> None:
    mail = Decision.objects.get(channel="mail", completes=None, incoming__result="decided").incoming
    assert mail is not None
    entry = entry_of("decided", incoming=mail.pk)
    assert entry.request_id is not None
    names = ["mail", "transport", "server", "log", "proof", "comment"]
    chain.erase(entry.request_id, entry.seq, names, "person:1", "asked for by the person")
    IncomingMail.objects.filter(pk=mail.pk).update(
        raw=b"", transport_headers="", facts={}, verdict={}, reason=""
    )
    Decision.objects.filter(incoming=mail).update(comment="")


def _go_on() -> None:
    waiting = Assignment.objects.filter(state=Assignment.State.OPEN).order_by("-pk")[0]
    engine.decide(waiting.pk, by=waiting.person, outcome="approve", channel=Decision.Channel.PAGE)


def _offered() -> None:
    refused = IncomingMail.objects.exclude(result="decided").order_by("pk")[0]
    refused.verdict["offer"] = {"id": "x"}
    refused.save()


def test_what_may_happen_verifies_clean(record: Record, tally: Count) -> None:
    passed = []
    for name, happen in neighbours():
        said = said_after(happen, *record.seen)
        assert said == [], name
        passed.append(name)
    tally(Counts(neighbours=len(passed), passed=len(passed)))


@pytest.mark.long
@pytest.mark.timeout(1800)  # at full length
def test_whatever_is_rewritten_in_a_column_is_named(
    record: Record, rng: random.Random, most: int, tally: Count
) -> None:
    judged, of_each = Judged(), max(1, most // 120)
    for model in NOT_COMPARED:
        for field in columns(model):
            assert judged.judge(changes(rng, model, field), of_each), (
                f"nothing else can stand in {model.__name__}.{field.name}"
            )
    _all_was_noticed(judged, record, tally)


@pytest.mark.long
@pytest.mark.timeout(1800)  # at full length
def test_rows_that_are_removed_doubled_or_exchanged_are_named(
    record: Record, rng: random.Random, most: int, tally: Count
) -> None:
    judged = Judged()
    for family in (removals, insertions, stories):
        tamperings = list(family(rng))
        rng.shuffle(tamperings)
        judged.judge(tamperings, most // 2)
    _all_was_noticed(judged, record, tally)


def _all_was_noticed(judged: Judged, record: Record, tally: Count) -> None:
    tally(Counts(forged=judged.tried, accepted=len(judged.unnoticed)))
    assert not judged.unnoticed, "\n".join(judged.unnoticed)
    assert list(findings(seen=record.seen)) == [], "and all of it was taken back"
