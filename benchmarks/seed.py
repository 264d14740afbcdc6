"""An installation with people, open assignments, and replies that wait for them in the mailbox.

Every request that a reply answers is started by the engine. The rest, which only have to be there, are copies
of some that the engine started, written in bulk: row for row what the engine writes, under ids, numbers and
reply codes of their own, each with its audit chain.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

import yaml
from django.db import connection, connections, models, transaction

from benchmarks.tenant import DOMAIN, Place
from placet.accounts.addresses import add_person
from placet.accounts.models import Person
from placet.approvals import composing, engine
from placet.approvals.models import Ask, AskLine, Assignment, Counter, Decision, Request, Version, Visit
from placet.approvals.processes import publish
from placet.audit import chain, mac
from placet.audit.models import AuditEntry, ChainHead
from placet.commands.process import SAMPLES
from placet.commands.start import set_up
from placet.lib.ids import new_code, uuid7
from placet.mail import outbox
from placet.mail.models import OutgoingMail
from placet.sandbox import mime, programs
from placet.sandbox.mime import Address
from placet.sandbox.tenant import Item

PAIRS = 50  # people who ask, each with a manager who answers
TOGETHER = 500  # requests written in one transaction
ANSWERS = ("approve", "yes\n\nGood price.", "ja", "reject\n\nThe budget of this year is spent.", "non")

Row = TypeVar("Row", bound=models.Model)


def fresh_installation(tenant: Place, way: str) -> list[Person]:
    """An empty database, connected to the mailbox at this place by one of its ways. The people who ask."""
    _drop_database()
    set_up()
    tenant.add_mailbox("ada", "Ada Administrator")
    add_person("Ada Administrator", f"ada@{DOMAIN}", administrator=True)
    people = [_pair(tenant, number) for number in range(PAIRS)]
    tenant.connect(way)
    return people


def _drop_database() -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        return
    name = Path(connections["default"].settings_dict["NAME"])
    connections.close_all()
    for path in name.parent.glob(f"{name.name}*"):  # with its write-ahead log
        path.unlink()


def _pair(tenant: Place, number: int) -> Person:
    for role in ("asks", "answers"):
        tenant.add_mailbox(f"{role}{number:02}", f"{role.title()} Number {number}")
    manager = add_person(f"Answers Number {number}", f"answers{number:02}@{DOMAIN}")
    return add_person(f"Asks Number {number}", f"asks{number:02}@{DOMAIN}", manager=manager)


# --- requests and replies ---------------------------------------------------------------------------------


def requests(people: Sequence[Person], replied: int, open_in_all: int, proof: str = "colleague") -> None:
    """So many open assignments, of which the first ones will be replied to."""
    version = publish({**yaml.safe_load((SAMPLES / "purchase.yaml").read_text()), "proof": proof})
    through_engine = max(replied, len(people))  # each person's first one is the pattern of their copies
    for numbers in _groups(range(through_engine)):
        with transaction.atomic():
            for number in numbers:
                _start(version, people[number % len(people)], number)
    OutgoingMail.objects.update(state=OutgoingMail.State.SENT)
    patterns = [Pattern.of(person) for person in people]
    for numbers in _groups(range(through_engine, open_in_all)):
        _write_copies(patterns, list(numbers))
    Counter.objects.filter(id=1).update(last=Request.objects.count())
    check_copies(patterns)


def _start(version: Version, person: Person, number: int) -> None:
    engine.start(
        version, person, {"item": f"Thing {number:06}", "amount": "900", "reason": "The old one broke."}
    )


def _groups(numbers: range) -> Iterable[range]:
    for first in range(numbers.start, numbers.stop, TOGETHER):
        yield range(first, min(first + TOGETHER, numbers.stop))


def replies(tenant: Place, count: int) -> list[bytes]:
    """Let those asked answer the oldest requests from their mailboxes, quoting it as Outlook does. Their mails."""
    raws = []
    asks = OutgoingMail.objects.filter(kind="ask").order_by("id")
    for number, mail in enumerate(islice(asks.iterator(chunk_size=100), count)):
        sender = Address(mail.to.partition("@")[0].title(), mail.to)
        raw = programs.reply(sender, Item(bytes(mail.raw), None), ANSWERS[number % len(ANSWERS)])
        tenant.send_as(mail.to, raw)
        raws.append(raw)
    return raws


def large_reply(mail: OutgoingMail, size: int) -> bytes:
    """A reply to this ask that is `size` bytes large, because of an attachment."""
    sender = Address("", mail.to)
    reply = programs.reply(sender, Item(bytes(mail.raw), None), "approve")
    headers, body = mime.split(reply)
    kind = mime.first(headers, "content-type") or "text/plain"
    outer = [*mime.without(headers, "content-type", "content-transfer-encoding")]
    outer.append(("Content-Type", 'multipart/mixed; boundary="=_large_="'))
    inner = [("Content-Type", kind)]
    line = b"QUJD" * 19 + b"\r\n"
    attachment = line * (size // len(line))
    return mime.join(
        outer,
        b"--=_large_=\r\n" + mime.join(inner, body) + b"\r\n--=_large_=\r\n"
        b'Content-Type: application/octet-stream; name="scan.bin"\r\n'
        b'Content-Disposition: attachment; filename="scan.bin"\r\n'
        b"Content-Transfer-Encoding: base64\r\n\r\n" + attachment + b"\r\n--=_large_=--\r\n",
    )


# --- copies -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pattern:
    """Every row that the engine wrote for one request."""

    request: Request
    visit: Visit
    assignment: Assignment
    mail: OutgoingMail
    ask: Ask
    line: AskLine
    audit: tuple[AuditEntry, ...]
    head: ChainHead

    @classmethod
    def of(cls, person: Person) -> "Pattern":
        request = Request.objects.filter(requester=person).earliest("id")
        line = AskLine.objects.select_related("ask__outgoing", "assignment__visit").get(
            assignment__visit__request=request
        )
        assert line.ask.outgoing is not None
        return cls(
            request, line.assignment.visit, line.assignment, line.ask.outgoing, line.ask, line,
            tuple(AuditEntry.objects.filter(request=request)), ChainHead.objects.get(request=request),
        )  # fmt: skip


def _write_copies(patterns: Sequence[Pattern], numbers: Sequence[int]) -> None:
    counted: tuple[type[models.Model], ...] = (Request, Visit, Assignment, OutgoingMail, Ask, AskLine)
    first = {model: _next_id(model) for model in counted}
    rows: dict[type[models.Model], list[models.Model]] = {}
    for offset, number in enumerate(numbers):
        ids = {model: start + offset for model, start in first.items()}
        for row in _copy_of(patterns[number % len(patterns)], number, ids):
            rows.setdefault(type(row), []).append(row)
    with transaction.atomic():
        for model, of_model in rows.items():
            model._default_manager.bulk_create(of_model)


def _next_id(model: type[models.Model]) -> int:
    return int(model._default_manager.aggregate(last=models.Max("pk"))["last"] or 0) + 1


def _copy_of(pattern: Pattern, number: int, ids: dict[type[models.Model], int]) -> list[models.Model]:
    reference, public_id = outbox.new_reference(), uuid.uuid4()
    request = _copy(
        pattern.request, id=ids[Request], public_id=uuid7(), number=number + 1, title=f"Thing {number:06}"
    )
    mail = _copy(
        pattern.mail, id=ids[OutgoingMail], reference=reference, cause=f"ask:{public_id}",
        message_id=f"<{reference}@{DOMAIN}>",
    )  # fmt: skip
    ask = _copy(
        pattern.ask,
        id=ids[Ask],
        public_id=public_id,
        code_hash=composing.hash_of(new_code()),
        outgoing_id=mail.pk,
    )
    line = _copy(pattern.line, id=ids[AskLine], ask_id=ask.pk, assignment_id=ids[Assignment])
    return [
        request,
        _copy(pattern.visit, id=ids[Visit], request_id=request.pk),
        _copy(pattern.assignment, id=ids[Assignment], visit_id=ids[Visit]),
        mail,
        ask,
        line,
        *_audit(pattern, request, public_id),
    ]


def _copy(row: Row, **changed: object) -> Row:
    values = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
    return type(row)(**{**values, **changed})


def _audit(pattern: Pattern, request: Request, public_id: uuid.UUID) -> list[models.Model]:
    previous, entries, key = chain.FIRST, [], mac.newest()
    for entry in pattern.audit:
        what = {**entry.what, "ask": str(public_id)} if "ask" in entry.what else entry.what
        copied = _copy(entry, id=None, request_id=request.pk, what=what, previous_hash=previous)
        copied.hash = previous = chain._hash(copied)
        copied.mac = key.mac("entry", copied.hash)
        entries.append(copied)
    return [*entries, _copy(pattern.head, request_id=request.pk, **chain._end(entries[-1], key))]


def check_copies(patterns: Sequence[Pattern]) -> None:
    """The copies are what the engine would have written: it can go on with them, and their chains hold."""
    copies = Request.objects.filter(id__gt=max(pattern.request.pk for pattern in patterns)).order_by("-id")
    for request in copies.select_related("version")[:3]:
        assert not list(chain.verify(request.pk))
        with transaction.atomic():
            assignment = Assignment.objects.get(visit__request=request)
            engine.resend(assignment.pk, request.requester)
            engine.decide(
                assignment.pk, by=assignment.person, outcome="approve", channel=Decision.Channel.PAGE
            )
            request.refresh_from_db()
            assert request.result == "approved"
            assert not list(chain.verify(request.pk))
            transaction.set_rollback(True)
