"""What the tables hold of some requests, as `placet.approvals.evidence` compares it with their record. Looks; changes
nothing."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from django.db.models import Model, QuerySet

from placet.approvals import record
from placet.approvals.models import (
    AskLine,
    Assignment,
    Attachment,
    Clarification,
    Decision,
    Delegate,
    DigestItem,
    Notified,
    PendingAnswer,
    Request,
    Revision,
    Signal,
    Stop,
    TableMatch,
    TableVersion,
    Timer,
    UndoneDecision,
    Version,
    Visit,
)
from placet.audit.models import AuditEntry
from placet.lib.canonical import digest
from placet.mail.models import IncomingMail, OutgoingMail
from placet.mail.packing import Damaged

MAILS_AT_ONCE = 500  # ids in one question
WHOLE_MAILS_AT_ONCE = 5

Seat = tuple[str, int, int]  # step, round and person: somebody who is asked
InPlace = tuple[str, int, int, int]  # a seat, and who may answer in its place
Moment = tuple[str, int, str, int]  # step, round, what is due then, and which reminder
Line = tuple[str, int, int]  # step, round and line of `ask`: one that looked in an authority table
STOP = "stop"  # what the one moment is known by at which a request ends at the latest
DAMAGED = "damaged"  # in place of the hash of a mail that cannot be unpacked any more

Held = dict[str, Any]


@dataclass
class Tables:
    """The rows of some requests, by request and by what they are known by."""

    requests: list[Request]
    with_files: Collection[int]
    visits: dict[int, dict[tuple[str, int], Held]] = field(default_factory=lambda: defaultdict(dict))
    seats: dict[int, dict[Seat, Held]] = field(default_factory=lambda: defaultdict(dict))
    asks: dict[int, dict[str, Held]] = field(default_factory=lambda: defaultdict(dict))
    decisions: dict[int, dict[Seat, Held]] = field(default_factory=lambda: defaultdict(dict))
    undone: dict[int, dict[int, Held]] = field(default_factory=lambda: defaultdict(dict))
    delegates: dict[int, dict[InPlace, Held]] = field(default_factory=lambda: defaultdict(dict))
    pending: dict[int, dict[int, Held]] = field(default_factory=lambda: defaultdict(dict))
    matches: dict[int, dict[Line, Held]] = field(default_factory=lambda: defaultdict(dict))
    revisions: dict[int, dict[int, Held]] = field(default_factory=lambda: defaultdict(dict))
    notified: dict[int, dict[Seat, Held]] = field(default_factory=lambda: defaultdict(dict))
    signals: dict[int, dict[int, Held]] = field(default_factory=lambda: defaultdict(dict))
    calls: dict[int, dict[tuple[str, int], Held]] = field(default_factory=lambda: defaultdict(dict))
    timers: dict[int, dict[Moment, Held]] = field(default_factory=lambda: defaultdict(dict))
    stops: dict[int, dict[str, Held]] = field(default_factory=lambda: defaultdict(dict))
    clarifications: dict[int, dict[int, Held]] = field(default_factory=lambda: defaultdict(dict))
    items: dict[int, dict[int, Held]] = field(default_factory=lambda: defaultdict(dict))


@dataclass(frozen=True)
class Digests:
    """Of what many requests share and what is long, once it was read."""

    definitions: dict[int, str] = field(default_factory=dict)  # by version of a process
    tables: dict[int, str] = field(default_factory=dict)  # by version of an authority table

    def of_definition(self, version: Version) -> str:
        if version.pk not in self.definitions:
            self.definitions[version.pk] = digest(version.definition)
        return self.definitions[version.pk]

    def of_table(self, number: int) -> str:
        if number not in self.tables:
            self.tables[number] = record.digest_of_table(TableVersion.objects.get(pk=number))
        return self.tables[number]


def tables_of(ids: Collection[int], digests: Digests) -> Tables:
    requests = Request.objects.filter(pk__in=ids).select_related("version__process", "parent_visit__request")
    files = Attachment.objects.filter(request__in=ids).order_by().values_list("request", flat=True)
    tables = Tables(list(requests.defer("version__definition").order_by("pk")), set(files.distinct()))
    visits = {visit.pk: visit for visit in Visit.objects.filter(request__in=ids)}
    for visit in visits.values():
        names = (
            "state", "result", "reason", "opened_at", "closed_at", "branch", "branch_result", "asked_back",
            "held_result",
        )  # fmt: skip
        others = {"parent": visit.parent_id, "ended_by": visit.ended_by_id}
        tables.visits[visit.request_id][visit.step_key, visit.round] = {
            **_held(visit, *names),
            **{name: _in_request(visits, visit.request_id, other) for name, other in others.items()},
        }
    seats = Assignment.objects.filter(visit__request__in=ids)
    seats = seats.select_related("visit", "decision", "kept__assignment__visit")
    for assignment in seats:
        request, seat = assignment.visit.request_id, _seat(assignment)
        columns = (
            "state", "created_at", "source", "replaced_by", "has_delegates", "absent_at", "reassigned_comment",
        )  # fmt: skip
        put_there = {"in_place_of": "in_place_of_id", "reassigned_by": "reassigned_by_id"}
        held = _held(assignment, *columns, assignment="pk", **put_there) | {"kept": _kept(assignment)}
        tables.seats[request][seat] = held
        decision: Decision | None = getattr(assignment, "decision", None)
        if decision is not None:
            tables.decisions[request][seat] = _decision(decision)
    _put_asks(tables, ids)
    for revision in Revision.objects.filter(request__in=ids):
        tables.revisions[revision.request_id][revision.number] = {
            **_held(revision, "data_hash", "at", assignment="assignment_id"),
            "data": digest(revision.data),
            "by": f"person:{revision.by_id}",
        }
    answers = PendingAnswer.objects.filter(assignment__visit__request__in=ids)
    for answer in answers.select_related("assignment__visit"):
        tables.pending[answer.assignment.visit.request_id][answer.pk] = {
            **_held(answer, "outcome", "comment", "answers", "lacks", "language"),
            **_held(answer, incoming="incoming_id", lapsed_by="lapsed_by_id", person="person_id"),
            "seat": _seat(answer.assignment),
        }
    undone = UndoneDecision.objects.filter(assignment__visit__request__in=ids)
    for row in undone.select_related("assignment__visit"):
        tables.undone[row.assignment.visit.request_id][row.pk] = {
            **_decision(row),
            **_held(row, "undone_at", "undone_channel", undone_incoming="undone_incoming_id"),
            "seat": _seat(row.assignment),
        }
    _put_delegates(tables, ids)
    _put_notified(tables, ids)
    _put_clarifications(tables, ids)
    _put_items(tables, ids)
    for called in Request.objects.filter(parent_visit__request__in=ids).select_related("parent_visit"):
        by = called.parent_visit
        assert by is not None
        tables.calls[by.request_id][by.step_key, by.round] = {"called": str(called.public_id)}
    for signal in Signal.objects.filter(request__in=ids):
        tables.signals[signal.request_id][signal.pk] = {
            **_held(signal, "key", "created_at"),
            "by": None if signal.by_id is None else f"person:{signal.by_id}",
            "taken_by": _in_request(visits, signal.request_id, signal.taken_by_id),
        }
    for timer in Timer.objects.filter(visit__request__in=ids, assignment=None).select_related("visit"):
        moment = timer.visit.step_key, timer.visit.round, timer.what, timer.number
        is_told = timer.what in (Timer.What.EXPIRE, Timer.What.ESCALATE, Timer.What.EFFECTIVE)
        tables.timers[timer.visit.request_id][moment] = _held(timer, "at", "basis") | {
            "has_acted": is_told and timer.state == Timer.State.ACTED
        }
    for stop in Stop.objects.filter(request__in=ids):
        has_acted = stop.state == Stop.State.ACTED
        tables.stops[stop.request_id][STOP] = _held(stop, "at", "basis") | {"has_acted": has_acted}
    matches = TableMatch.objects.filter(visit__request__in=ids).select_related("visit", "version__table")
    for match in matches.defer("version__columns", "version__rows"):
        visit, version = match.visit, match.version
        tables.matches[visit.request_id][visit.step_key, visit.round, match.line] = {
            "version": (version.table.key, version.number),
            "rows": match.rows,
            "content": digests.of_table(version.pk),
        }
    return tables


def _in_request(visits: Mapping[int, Visit], request: int, other: int | None) -> Any:
    """What a visit of this request is known by; one of another is never what an entry says."""
    if other is None:
        return None
    row = visits.get(other)
    return (row.step_key, row.round) if row is not None and row.request_id == request else other


def _held(row: Model, *same: str, **others: str) -> Held:
    """Columns of a row, under their own names or under those that entries call them by."""
    names = {name: name for name in same} | others
    return {name: getattr(row, column) for name, column in names.items()}


def _seat(assignment: Assignment) -> Seat:
    return assignment.visit.step_key, assignment.visit.round, assignment.person_id


def _kept(assignment: Assignment) -> Any:
    """The seat whose decision counts once more; one of another request is never what an entry says."""
    if assignment.kept is None:
        return None
    earlier = assignment.kept.assignment
    try:
        here = earlier.visit.request_id == assignment.visit.request_id
    except Visit.DoesNotExist:  # somebody took it away
        here = False
    return _seat(earlier) if here else earlier.pk


def _decision(decision: Decision | UndoneDecision) -> Held:
    return {
        **_held(
            decision, "outcome", "comment", "answers", "channel", "at", "revision", incoming="incoming_id"
        ),
        "completes": decision.completes_id,
        "comment_hash": digest(decision.comment),
        "by_person": f"person:{decision.by_person_id}",
    }


def _put_asks(tables: Tables, ids: Collection[int]) -> None:
    lines = AskLine.objects.filter(assignment__visit__request__in=ids)
    rows = lines.select_related("ask__outgoing", "assignment__visit").defer("ask__outgoing__raw")
    asks = list(rows)
    shown = _hashes(OutgoingMail.objects.all(), {line.ask.outgoing_id for line in asks}, "raw")
    for line in asks:
        ask, outgoing = line.ask, line.ask.outgoing
        held: Held = {
            **_held(line, "line", "numbered", "facts_hash", "revision", completes="completes_id"),
            **_held(line, asks_back="asks_back_id", clarified="clarified_id"),
            **_held(ask, "created_at", person="person_id"),
            "seat": _seat(line.assignment),
            "code": digest(ask.code_hash),
            "shown": shown.get(outgoing.pk if outgoing else None),
        }
        if outgoing is not None:
            held |= {**_held(outgoing, "to", "kind", "cause"), "subject": digest(outgoing.subject)}
        known = tables.asks[line.assignment.visit.request_id]
        key = ask_key(str(ask.public_id), line.line if held.get("kind") == record.DIGEST else None)
        # A line that was put in beside the one that was asked is no mail of its own.
        known[key if key not in known else f"{key}, {line.pk}"] = held


def ask_key(public_id: str, line: int | None) -> str:
    """What a mail that asks is known by; of a digest each of its lines."""
    return public_id if line is None else f"{public_id}:{line}"


def _put_items(tables: Tables, ids: Collection[int]) -> None:
    items = DigestItem.objects.filter(assignment__visit__request__in=ids)
    for item in items.select_related("assignment__visit", "ask"):
        tables.items[item.assignment.visit.request_id][item.pk] = {
            **_held(item, "reminder", "at", "state", person="person_id"),
            "seat": _seat(item.assignment),
            "ask": None if item.ask is None else str(item.ask.public_id),
        }


def _put_delegates(tables: Tables, ids: Collection[int]) -> None:
    rows = Delegate.objects.filter(assignment__visit__request__in=ids)
    for row in rows.select_related("assignment__visit"):
        seat = _seat(row.assignment)
        ended = row.state == Delegate.State.ENDED
        # With the seat, unless it ended before.
        is_open = row.assignment.state == Assignment.State.OPEN
        as_its_seat = Delegate.State.OPEN if is_open else Delegate.State.OVER
        tables.delegates[row.assignment.visit.request_id][*seat, row.person_id] = {
            **_held(row, "why", "comment", "reason", "created_at", "ended_at", delegation="delegation_id"),
            "by": None if row.by_id is None else f"person:{row.by_id}",
            "has_ended": ended,
            "is_as_its_seat": ended or row.state == as_its_seat,
        }


def _put_notified(tables: Tables, ids: Collection[int]) -> None:
    rows = Notified.objects.filter(visit__request__in=ids).select_related("visit", "outgoing")
    notified = list(rows.defer("outgoing__raw"))
    shown = _hashes(OutgoingMail.objects.all(), {row.outgoing_id for row in notified}, "raw")
    for row in notified:
        held = {**_held(row, "created_at", "source"), "shown": shown.get(row.outgoing_id)}
        if row.outgoing is not None:
            held |= {**_held(row.outgoing, "to", "kind", "cause"), "subject": digest(row.outgoing.subject)}
        seat = row.visit.step_key, row.visit.round, row.person_id
        tables.notified[row.visit.request_id][seat] = held


def _put_clarifications(tables: Tables, ids: Collection[int]) -> None:
    rows = Clarification.objects.filter(visit__request__in=ids).select_related("visit", "assignment__visit")
    for row in rows:
        names = (
            "number",
            "question",
            "asked_at",
            "channel",
            "state",
            "pauses",
            "answer",
            "answered_at",
            "answer_channel",
        )
        others = {
            "assignment": "assignment_id", "incoming": "incoming_id", "answer_incoming": "answer_incoming_id",
        }  # fmt: skip
        tables.clarifications[row.visit.request_id][row.pk] = {
            **_held(row, *names, **others),
            "visit": (row.visit.step_key, row.visit.round),
            "seat": _seat(row.assignment),
            "asked_by": f"person:{row.asked_by_id}",
            "answered_by": None if row.answered_by_id is None else f"person:{row.answered_by_id}",
        }


def _hashes(rows: "QuerySet[Any]", ids: Iterable[int | None], column: str) -> dict[int | None, str]:
    """Of the content of mails, which are not held."""
    wanted = iter(sorted(number for number in ids if number is not None))
    hashes: dict[int | None, str] = {}
    while some := list(islice(wanted, MAILS_AT_ONCE)):
        try:
            hashes |= _hashes_of(rows, some, column)
        except Damaged:
            for number in some:
                hashes |= _hash_of_one(rows, number, column)
    return hashes


def _hashes_of(rows: "QuerySet[Any]", ids: Collection[int], column: str) -> dict[int | None, str]:
    mails = rows.filter(pk__in=ids).values_list("pk", column).iterator(chunk_size=WHOLE_MAILS_AT_ONCE)
    return {number: record.sha256(content) for number, content in mails}


def _hash_of_one(rows: "QuerySet[Any]", number: int, column: str) -> dict[int | None, str]:
    try:
        return _hashes_of(rows, [number], column)
    except Damaged:
        return {number: DAMAGED}


def mails_of(ids: Collection[int]) -> dict[int, Held]:
    mails: dict[int, Held] = {}
    wanted = iter(sorted(ids))
    while some := list(islice(wanted, MAILS_AT_ONCE)):
        contents = _contents(some)
        rows = IncomingMail.objects.filter(pk__in=some).defer("raw", "transport_headers")
        mails |= {mail.pk: _mail(mail, contents.get(mail.pk, {})) for mail in rows}
    return mails


def _contents(ids: Collection[int]) -> dict[int, Held]:
    """Hashes of what the server gave of these mails, which is not held."""
    rows = IncomingMail.objects.filter(pk__in=ids).only("raw", "transport_headers")
    try:
        return {
            mail.pk: {"mail": record.sha256(mail.raw), "transport": digest(mail.transport_headers)}
            for mail in rows.iterator(chunk_size=WHOLE_MAILS_AT_ONCE)
        }
    except Damaged:
        if len(ids) == 1:
            return {number: {"mail": DAMAGED, "transport": DAMAGED} for number in ids}
    contents: dict[int, Held] = {}
    for number in ids:
        contents |= _contents([number])
    return contents


def _mail(mail: IncomingMail, content: Held) -> Held:
    logged = record.Logged(mail.result, mail.reason, mail.verdict, mail.person_id)
    names = ("state", "result", "folder", "received_at", "kept_at", "handled_at", "fingerprint")
    return {
        **_held(mail, *names, mailbox="mailbox_id", same_as="same_as_id"),
        "mail": "",
        **content,
        "server": digest(mail.facts),
        "log": logged.digest if mail.verdict else "",
    }


def _called_by(request: Request) -> list[Any] | None:
    by = request.parent_visit
    if by is None:
        return None
    try:
        return [str(by.request.public_id), by.step_key, by.round]
    except Request.DoesNotExist:  # whoever can write to the database can take it away
        return ["", by.step_key, by.round]


def starter_for_another(entry: AuditEntry) -> str | None:
    """Who started a request in the requester's name, as its first entry says; None where a step called it."""
    return entry.who if "requester" in entry.what and entry.who.startswith("person:") else None


def request_row(request: Request, definition: str) -> Held:
    names = ("number", "title", "created_at", "state", "result", "closed_at", "data_hash", "revision")
    version = request.version
    return {
        **_held(request, *names),
        "requester": f"person:{request.requester_id}",
        "started_by": None if request.started_by_id is None else f"person:{request.started_by_id}",
        "process": (version.process.key, version.number),
        "definition": definition,
        "public_id": str(request.public_id),
        "called_by": _called_by(request),
        "words": digest(request.words),
    }
