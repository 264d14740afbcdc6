"""No page asks the database more often with a thousand rows of everything than with ten."""

from collections.abc import Callable, Mapping

import pytest
from allauth.account.models import EmailAddress
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from placet.accounts.models import Calendar, CalendarVersion, Group, Person, SignerKey
from placet.api.models import Key
from placet.approvals.models import Ask, AskLine, Assignment, Decision, Request, Visit
from placet.audit.models import AuditEntry
from placet.mail.models import IncomingMail, OutgoingMail
from placet.mailboxes.models import Mailbox
from placet.webhooks.models import Delivery, Endpoint, Event
from tests.making import analysed
from tests.pages import test_permissions
from tests.pages.test_every_page import ADA, BOB, addresses

world = test_permissions.world

As = Callable[[Person | None], Client]

FEW, MANY = 10, 1_000
ALICE = 2  # column of the table


def _grow(to: int, like: Request, mailbox: Mailbox, asked: Person) -> None:
    """So many people, groups, mails and requests: open, ended and withdrawn, asked of one person and by others."""
    numbers = range(Person.objects.count(), to)
    people = Person.objects.bulk_create(
        [Person(email=f"p{n}@contoso.example", name=f"Person {n}", manager=asked) for n in numbers]
    )
    EmailAddress.objects.bulk_create(
        [EmailAddress(user=p, email=p.email, verified=True, primary=True) for p in people]
    )
    SignerKey.objects.bulk_create(
        [
            SignerKey(person=one, scheme="openpgp", name=one.email, fingerprint=f"f{one.pk}", content=b"x")
            for one in people
        ]
    )
    Group.objects.bulk_create([Group(key=f"g{n}", name=f"Group {n}") for n in numbers])
    calendars = Calendar.objects.bulk_create([Calendar(key=f"c{n}", name=f"Calendar {n}") for n in numbers])
    CalendarVersion.objects.bulk_create(
        [CalendarVersion(calendar=one, number=1, zone="UTC", week=[[]] * 7) for one in calendars]
    )
    for group in Group.objects.all()[:3]:
        group.members.set(Person.objects.all())
    requests = Request.objects.bulk_create([_request(like, n) for n in numbers])
    visits = Visit.objects.bulk_create([_visit(like, request) for request in requests])
    assignments = Assignment.objects.bulk_create([_assignment(visit, asked) for visit in visits])
    sent = OutgoingMail.objects.bulk_create([_outgoing(mailbox, asked, a.pk) for a in assignments])
    asks = Ask.objects.bulk_create([Ask(code_hash=f"hash {m.pk}", person=asked, outgoing=m) for m in sent])
    AskLine.objects.bulk_create(
        [
            AskLine(ask=ask, line=1, assignment=a, facts_hash="")
            for ask, a in zip(asks, assignments, strict=True)
        ]
    )
    Decision.objects.bulk_create(
        [Decision(assignment=a, outcome="approve", by_person=asked, channel="page")
         for a in assignments if a.state == Assignment.State.DECIDED]
    )  # fmt: skip
    Key.objects.bulk_create([_key(like, asked, n) for n in numbers])
    AuditEntry.objects.bulk_create([_noted(like, 1000 + number) for number in numbers])
    endpoint = Endpoint.objects.earliest("pk")
    events = [
        Event(request=like, sequence=1000 + n, type="request.started", at=like.created_at) for n in numbers
    ]
    Delivery.objects.bulk_create(
        [
            Delivery(endpoint=endpoint, event=event, state="sent")
            for event in Event.objects.bulk_create(events)
        ]
    )
    IncomingMail.objects.bulk_create([_incoming(mailbox, asked, n) for n in numbers])
    analysed()


def _request(like: Request, number: int) -> Request:
    state = (Request.State.OPEN, Request.State.OPEN, Request.State.ENDED, Request.State.WITHDRAWN)[number % 4]
    closed = None if state == Request.State.OPEN else like.created_at
    return Request(
        number=1000 + number, version=like.version, requester=like.requester, title=f"Desk {number}", data=like.data,
        data_hash=like.data_hash, state=state, closed_at=closed, result="approved" if closed else "",
    )  # fmt: skip


def _visit(like: Request, request: Request) -> Visit:
    state = Visit.State.OPEN if request.state == Request.State.OPEN else Visit.State.CLOSED
    first = like.visits.first()
    assert first is not None
    return Visit(request=request, step_key=first.step_key, round=1, state=state)


def _assignment(visit: Visit, asked: Person) -> Assignment:
    is_open = visit.state == Visit.State.OPEN
    return Assignment(
        visit=visit, person=asked, state=Assignment.State.OPEN if is_open else Assignment.State.DECIDED
    )


def _key(like: Request, person: Person, number: int) -> Key:
    return Key(
        public=f"{number:08}", digest="0" * 64, name=f"Key {number}", person=person, created_by=like.requester,
        scopes=["requests:read"], processes=[like.version.process.key] if number % 2 else [],
    )  # fmt: skip


def _noted(request: Request, seq: int) -> AuditEntry:
    return AuditEntry(
        request=request, seq=seq, at=request.created_at, who="system", what={"event": "noted"}, hash=f"{seq}"
    )


def _outgoing(mailbox: Mailbox, to: Person, number: int) -> OutgoingMail:
    state = OutgoingMail.State.FAILED if number % 2 else OutgoingMail.State.SENT
    return OutgoingMail(
        mailbox=mailbox, kind="ask", to=to.email, cause=f"ask:{number}", reference=f"r{number}",
        message_id=f"<{number}@contoso.example>", subject="Please decide", raw=b"Subject: x\r\n\r\nx", state=state,
    )  # fmt: skip


def _incoming(mailbox: Mailbox, person: Person, number: int) -> IncomingMail:
    state = (IncomingMail.State.SET_ASIDE, IncomingMail.State.HANDLED)[number % 2]
    return IncomingMail(
        mailbox=mailbox, server_id=f"id {number}", fingerprint=f"{number}", folder="inbox", raw=b"Subject: x\r\n\r\nx",
        state=state, result="decided", verdict={"subject": f"Re: Desk {number}", "from": person.email}, person=person,
    )  # fmt: skip


def _queries(
    pages: Mapping[str, str], client: Client, before: Mapping[str, int] | None = None
) -> dict[str, int]:
    """How often each page asks the database, when what is read once for a process has been read. `before`: how often it
    was; a page that asks as often at once is not looked at again."""
    counted = {}
    for name, address in pages.items():
        first = _count(name, address, client)
        is_as_before = before is not None and before[name] == first
        counted[name] = first if is_as_before else _count(name, address, client)
    return counted


def _count(name: str, address: str, client: Client) -> int:
    with CaptureQueriesContext(connection) as context:
        assert client.get(address).status_code == 200, name
    return len(context)


@pytest.mark.any_database  # how often is asked; what a second database makes of each question is in test_plans
def test_a_thousand_rows_cost_no_more_queries_than_ten(
    world: dict[str, str],
    mailbox: Mailbox,
    purchase: Request,
    bob: Person,
    alice: Person,
    admin: Person,
    as_: As,
) -> None:
    clients = {ADA: as_(admin), BOB: as_(bob), ALICE: as_(alice)}
    pages = {column: addresses(world, column) for column, client in clients.items()}
    _grow(FEW, purchase, mailbox, bob)
    few = {column: _queries(pages[column], client) for column, client in clients.items()}
    _grow(MANY, purchase, mailbox, bob)
    many = {column: _queries(pages[column], client, few[column]) for column, client in clients.items()}
    assert many == few
