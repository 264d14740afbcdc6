"""What the rows of a request have to hold, as the entries of its record tell it one after the other. Looks; changes
nothing. `placet.approvals.evidence` compares the rows with it."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from placet.approvals.evidence_gaps import missing as missing
from placet.approvals.evidence_tables import (
    STOP,
    InPlace,
    Line,
    Moment,
    Seat,
    ask_key,
    starter_for_another,
)
from placet.approvals.models import (
    Assignment,
    Clarification,
    DigestItem,
    Request,
    Timer,
    Visit,
)
from placet.approvals.record import DIGEST
from placet.audit.commitments import ERASED
from placet.audit.models import AuditEntry
from placet.lib.canonical import digest
from placet.mail.models import IncomingMail

NEAR = timedelta(minutes=10)  # between a row's moment and that of its entry, where they were taken apart


@dataclass(frozen=True)
class Said:
    """One value of one row, as the entry `seq` has it."""

    value: Any
    seq: int
    near: bool = False  # a moment that was not taken together with the row's

    def holds(self, value: Any) -> bool:
        if self.value is ERASED:
            return value in NOTHING or value == {}
        if isinstance(self.value, datetime) and self.near:
            return isinstance(value, datetime) and abs(value - self.value) <= NEAR
        return bool(value == self.value)


#: What is left of a value that was erased, or of its hash.
NOTHING = ("", None, hashlib.sha256().hexdigest(), digest(""), digest({}))
NO_WORD = Said(None, 0)
Row = dict[str, Said]


@dataclass
class Telling:
    """What the rows of one request have to hold, as its entries tell it so far."""

    request: Row = field(default_factory=dict)
    visits: dict[tuple[str, int], Row] = field(default_factory=dict)
    seats: dict[Seat, Row] = field(default_factory=dict)
    delegates: dict[InPlace, Row] = field(default_factory=dict)
    unfounded: list[int] = field(default_factory=list)  # decisions of somebody who was no delegate
    undecided: list[int] = field(default_factory=list)  # what was kept, and nobody had decided
    asks: dict[str, Row] = field(default_factory=dict)  # by public id
    decisions: dict[Seat, Row] = field(default_factory=dict)
    undone: dict[int, Row] = field(default_factory=dict)  # decisions that were taken back, by id
    pending: dict[int, Row] = field(default_factory=dict)  # by id
    matches: dict[Line, Row] = field(default_factory=dict)
    revisions: dict[int, Row] = field(default_factory=dict)  # by number
    notified: dict[Seat, Row] = field(default_factory=dict)  # who was told in a notice
    signals: dict[int, Row] = field(default_factory=dict)  # by id
    calls: dict[tuple[str, int], Row] = field(default_factory=dict)  # by visit
    timers: dict[Moment, Row] = field(default_factory=dict)
    stops: dict[str, Row] = field(default_factory=dict)  # one at most
    clarifications: dict[int, Row] = field(default_factory=dict)  # by id
    items: dict[int, Row] = field(default_factory=dict)  # what waits for a digest, by id
    mails: dict[int, Row] = field(default_factory=dict)  # by the id of the incoming mail
    rounds: dict[str, int] = field(default_factory=dict)  # the latest of each step

    def take(self, entry: AuditEntry) -> None:
        tell = EVENTS.get(entry.what.get("event"))
        if tell is not None:
            tell(self, entry)

    def visit_of(self, entry: AuditEntry) -> tuple[str, int]:
        step = entry.what["step"]
        return step, entry.what.get("round", self.rounds.get(step, 0))

    def seat_of(self, entry: AuditEntry, person: int) -> Seat:
        step, number = self.visit_of(entry)
        return step, number, person


def _say(row: Row, entry: AuditEntry, **values: Any) -> None:
    """Moments that the entry took itself are near the row's in the first form, and the same in the second."""
    for name, value in values.items():
        row[name] = Said(value, entry.seq, near=entry.mac is None)


def _say_what_it_says(row: Row, entry: AuditEntry, *names: str) -> None:
    """What entries of the first form do not say is not compared."""
    for name in names:
        if name in entry.what or name in entry.what.get("personal", {}):
            row[name] = Said(entry.value(name), entry.seq)


def _started(telling: Telling, entry: AuditEntry) -> None:
    _say(
        telling.request, entry, requester=entry.what.get("requester", entry.who),
        process=(entry.what["process"], entry.what["version"]),
        started_by=starter_for_another(entry), created_at=entry.at,
        state=Request.State.OPEN, result="", closed_at=None, revision=1,
        called_by=entry.what.get("called_by"),
    )  # fmt: skip
    _say_what_it_says(
        telling.request, entry, "definition", "number", "public_id", "title", "words", "data_hash"
    )
    if "incoming" in entry.what:  # it was started by mail
        _say_of_mail(telling, entry, entry.what["result"])
        before = entry.value("mails_before") if "mails_before" in entry.what.get("personal", {}) else {}
        for number, content in before.items() if isinstance(before, dict) else ():
            telling.mails.setdefault(int(number), {})["mail"] = Said(content, entry.seq)


#: What its row holds, and what of the request says so.
_FIRST_REVISION = {"by": "requester", "at": "created_at", "data": "data_hash", "data_hash": "data_hash"}


def _revised(telling: Telling, entry: AuditEntry) -> None:
    if not telling.revisions:  # from now on the first one has a row, too
        started = telling.request
        telling.revisions[1] = {
            name: started[column] for name, column in _FIRST_REVISION.items() if column in started
        }
        _say(telling.revisions[1], entry, assignment=None)
    row = telling.revisions[entry.what["revision"]] = {}
    _say(row, entry, by=entry.who, at=entry.at, assignment=entry.what["assignment"])
    _say(telling.request, entry, revision=entry.what["revision"])
    _say(row, entry, data=entry.value("data_hash"), data_hash=entry.value("data_hash"))
    _say_what_it_says(telling.request, entry, "data_hash", "words")


def _entered(telling: Telling, entry: AuditEntry) -> None:
    key = entry.what["step"], entry.what["round"]
    telling.rounds[key[0]] = key[1]
    row = telling.visits[key] = {}
    block = entry.what.get("block")
    _say(
        row, entry, state=Visit.State.OPEN, result="", reason="", opened_at=entry.at, closed_at=None,
        parent=None if block is None else (block, entry.what["block_round"]),
        branch=entry.what.get("branch", ""), branch_result="", ended_by=None, asked_back=0,
        held_result="",
    )  # fmt: skip


def _looked_up(telling: Telling, entry: AuditEntry) -> None:
    step, number = telling.visit_of(entry)
    _say(
        telling.matches.setdefault((step, number, entry.what["line"]), {}), entry,
        version=(entry.what["table"], entry.what["version"]),
        rows=entry.what["rows"], content=entry.what["content"],
    )  # fmt: skip


def _asked(telling: Telling, entry: AuditEntry) -> None:
    seat = telling.seat_of(entry, entry.what["person"])
    row = telling.seats.setdefault(seat, {})
    if not row:
        _say(row, entry, has_delegates=False, created_at=entry.at)
    if entry.what["event"] == "asked":
        _say(row, entry, state=Assignment.State.OPEN, replaced_by=None, absent_at=None, kept=None)
        _put_there(row, entry)
    if "since" in entry.what:
        row["created_at"] = Said(datetime.fromisoformat(entry.what["since"]), entry.seq)
    _say_what_it_says(row, entry, "assignment", "source")
    if entry.what.get("ask"):
        _asked_by_mail(telling, entry, seat, seat[2])
    _of_item(telling, entry, seat)


def _kept(telling: Telling, entry: AuditEntry) -> None:
    seat = telling.seat_of(entry, entry.what["person"])
    step, number, person = entry.what["kept"]
    row = telling.seats.setdefault(seat, {})
    _say(row, entry, has_delegates=row.get("has_delegates", Said(False, 0)).value)
    _say(
        row, entry, state=Assignment.State.KEPT, replaced_by=None, absent_at=None, kept=(step, number, person)
    )
    _say(row, entry, created_at=datetime.fromisoformat(entry.what["since"]))
    _say_what_it_says(row, entry, "assignment", "source")
    _put_there(row, entry)
    decision = telling.decisions.get((step, number, person), {})
    if decision.get("outcome", NO_WORD).value != entry.what["outcome"]:
        telling.undecided.append(entry.seq)


def _put_there(row: Row, entry: AuditEntry) -> None:
    """By the step, or by an owner of the process in somebody's place."""
    by = entry.what.get("reassigned_by")
    _say(row, entry, in_place_of=entry.what.get("in_place_of"), reassigned_by=by)
    if by is None:
        _say(row, entry, reassigned_comment="")


def _reassigned(telling: Telling, entry: AuditEntry) -> None:
    before = telling.seats.setdefault(telling.seat_of(entry, entry.what["person"]), {})
    _say(before, entry, state=Assignment.State.WITHDRAWN)
    row = telling.seats.setdefault(telling.seat_of(entry, entry.what["successor"]), {})
    _say(row, entry, has_delegates=row.get("has_delegates", Said(False, 0)).value)
    _say(row, entry, reassigned_comment=entry.value("comment"))


def _asked_by_mail(telling: Telling, entry: AuditEntry, seat: Seat, person: int) -> None:
    public_id, kind = entry.what["ask"], entry.what.get("kind", "ask")
    row = telling.asks[ask_key(public_id, entry.what["line"] if kind == DIGEST else None)] = {}
    _say(row, entry, seat=seat, person=person, kind=kind, cause=f"ask:{public_id}", created_at=entry.at)
    _say(row, entry, completes=None, revision=entry.what.get("revision", 1))
    _say(row, entry, asks_back=None, clarified=entry.what.get("clarified"))
    _say(row, entry, numbered=entry.what.get("numbered", True))
    _say_what_it_says(row, entry, "to", "subject", "shown", "facts_hash", "code", "line")


def _delegate_added(telling: Telling, entry: AuditEntry) -> None:
    seat = telling.seat_of(entry, entry.what["person"])
    _say(telling.seats.setdefault(seat, {}), entry, has_delegates=True)
    row = telling.delegates[*seat, entry.what["delegate"]] = {}
    by = None if entry.who == "system" else entry.who
    _say(
        row, entry, by=by, created_at=entry.at, has_ended=False, is_as_its_seat=True, reason="", ended_at=None
    )
    _say_what_it_says(row, entry, "why", "delegation", "comment")
    if "incoming" in entry.what:
        _say_of_mail(telling, entry, entry.what["result"])


def _delegate_asked(telling: Telling, entry: AuditEntry) -> None:
    _asked_by_mail(telling, entry, telling.seat_of(entry, entry.what["person"]), entry.what["delegate"])


def _delegate_ended(telling: Telling, entry: AuditEntry) -> None:
    seat = telling.seat_of(entry, entry.what["person"])
    row = telling.delegates.setdefault((*seat, entry.what["delegate"]), {})
    _say(row, entry, has_ended=True, reason=entry.what["reason"], ended_at=entry.at)


def _absent(telling: Telling, entry: AuditEntry) -> None:
    row = telling.seats.setdefault(telling.seat_of(entry, entry.what["person"]), {})
    _say(row, entry, absent_at=entry.at)
    if "incoming" in entry.what:  # else it was known: by a mail that answered another question
        _say_of_mail(telling, entry, entry.what["result"])


def _back(telling: Telling, entry: AuditEntry) -> None:
    row = telling.seats.setdefault(telling.seat_of(entry, entry.what["person"]), {})
    _say(row, entry, absent_at=None)


def _of_item(telling: Telling, entry: AuditEntry, seat: Seat) -> None:
    """Something waits for a digest, or was asked by a mail."""
    if "item" not in entry.what:
        return
    row = telling.items.setdefault(entry.what["item"], {})
    _say(row, entry, seat=seat, person=seat[2])
    if "item_at" in entry.what:
        at = datetime.fromisoformat(entry.what["item_at"])
        _say(row, entry, at=at, reminder=entry.what["reminder"], state=DigestItem.State.WAITING, ask=None)
    else:
        _say(row, entry, state=DigestItem.State.ASKED, ask=entry.what["ask"])


def _collected(telling: Telling, entry: AuditEntry) -> None:
    _of_item(telling, entry, telling.seat_of(entry, entry.what["person"]))


def _left_out(telling: Telling, entry: AuditEntry) -> None:
    _say(telling.items.setdefault(entry.what["item"], {}), entry, state=DigestItem.State.NEEDLESS)


def _incomplete(telling: Telling, entry: AuditEntry) -> None:
    number, mail, reason = entry.what["pending"], entry.what["incoming"], entry.what["reason"]
    person = _person(entry.who)
    seat = _seat_with(telling, entry, person)
    _lapses(telling, entry)
    row = telling.pending.setdefault(number, {})
    _say(row, entry, seat=seat, person=person, incoming=entry.what["pending_since"], lapsed_by=None)
    _say(row, entry, lacks=entry.what.get("lacks", "comment"), language=entry.what.get("language", ""))
    _say_what_it_says(row, entry, "outcome", "comment", "answers")
    asked = telling.asks[entry.what["ask"]] = {}
    _say(
        asked, entry, seat=seat, person=person, kind=f"refusal-{reason}", cause=f"incoming:{mail}",
        created_at=entry.at, completes=number, revision=entry.what.get("revision", 1), asks_back=None, clarified=None,
    )  # fmt: skip
    _say(asked, entry, numbered=True)
    _say_what_it_says(asked, entry, "to", "subject", "shown", "facts_hash", "code", "line")
    _say_of_mail(telling, entry, reason)


def _asked_back(telling: Telling, entry: AuditEntry) -> None:
    """With the mail that asks the requester, where one was written."""
    number, seat = entry.what["clarification"], telling.seat_of(entry, entry.what["person"])
    row = telling.clarifications[number] = {}
    _say(
        row, entry, visit=seat[:2], seat=seat, assignment=entry.what["assignment"], number=entry.what["number"],
        asked_by=entry.who, asked_at=entry.at,
        state=Clarification.State.OPEN, pauses=entry.what["pauses"], channel=entry.what["door"],
        incoming=entry.what["incoming"], answer="", answered_by=None, answered_at=None, answer_channel="",
        answer_incoming=None,
    )  # fmt: skip
    _say_what_it_says(row, entry, "question")
    _say(telling.visits.setdefault(seat[:2], {}), entry, asked_back=entry.what["number"])
    if entry.what["ask"] is not None:
        asked = telling.asks[entry.what["ask"]] = {}
        _say(
            asked, entry, seat=seat, person=entry.what["requester"], kind="clarification",
            cause=f"ask:{entry.what['ask']}", created_at=entry.at, completes=None, asks_back=number, clarified=None,
            revision=entry.what["revision"],
        )  # fmt: skip
        _say_what_it_says(asked, entry, "to", "subject", "shown", "facts_hash", "code", "line")
    _lapses(telling, entry)
    if entry.what["incoming"] is not None:
        _say_of_mail(telling, entry, "asked_back")


def _clarified(telling: Telling, entry: AuditEntry) -> None:
    row = telling.clarifications.setdefault(entry.what["clarification"], {})
    _say(
        row, entry, state=Clarification.State.ANSWERED, pauses=False, answered_by=entry.who, answered_at=entry.at,
        answer_channel=entry.what["door"], answer_incoming=entry.what["incoming"],
    )  # fmt: skip
    _say_what_it_says(row, entry, "answer")
    if entry.what["incoming"] is not None:
        _say_of_mail(telling, entry, "clarified")


def _no_clarification(telling: Telling, entry: AuditEntry) -> None:
    for number in entry.what["clarifications"]:
        _say(telling.clarifications.setdefault(number, {}), entry, pauses=False)


def _no_answer_needed(telling: Telling, entry: AuditEntry) -> None:
    for number in entry.what["clarifications"]:
        row = telling.clarifications.setdefault(number, {})
        _say(row, entry, state=Clarification.State.NEEDLESS, pauses=False)


def _lapses(telling: Telling, entry: AuditEntry) -> None:
    if "lapses" in entry.what:
        _say(telling.pending.setdefault(entry.what["lapses"], {}), entry, lapsed_by=entry.what["incoming"])


def _notified(telling: Telling, entry: AuditEntry) -> None:
    row = telling.notified[telling.seat_of(entry, entry.what["person"])] = {}
    by_mail = entry.what.get("door") != "page"
    mail = {"kind": "notice", "cause": entry.what["cause"]} if by_mail else {"shown": None}
    _say(row, entry, created_at=entry.at, source=entry.what["source"], **mail)
    _say_what_it_says(row, entry, "to", "subject", "shown")


def _called(telling: Telling, entry: AuditEntry) -> None:
    _say(telling.calls.setdefault(telling.visit_of(entry), {}), entry, called=entry.what["called"])


def _signalled(telling: Telling, entry: AuditEntry) -> None:
    row = telling.signals[entry.what["signal"]] = {}
    by = None if entry.who == "system" else entry.who
    _say(row, entry, key=entry.what["key"], by=by, created_at=entry.at, taken_by=None)


def _signal_taken(telling: Telling, entry: AuditEntry) -> None:
    row = telling.signals.setdefault(entry.what["signal"], {})
    _say(row, entry, taken_by=telling.visit_of(entry))


def _timed(telling: Telling, entry: AuditEntry) -> None:
    step, number = telling.visit_of(entry)
    for what, reminder, at in entry.what["timers"]:
        row = telling.timers.setdefault((step, number, what, reminder), {})
        _say(row, entry, at=datetime.fromisoformat(at), basis=entry.what["basis"], has_acted=False)


def _expired(telling: Telling, entry: AuditEntry) -> None:
    step, number = telling.visit_of(entry)
    _say(telling.timers.setdefault((step, number, Timer.What.EXPIRE, 0), {}), entry, has_acted=True)


def _stop_set(telling: Telling, entry: AuditEntry) -> None:
    at = datetime.fromisoformat(entry.what["stop_at"])
    _say(telling.stops.setdefault(STOP, {}), entry, at=at, basis=entry.what["basis"], has_acted=False)


def _stopped(telling: Telling, entry: AuditEntry) -> None:
    _say(telling.stops.setdefault(STOP, {}), entry, has_acted=True)


def _escalated(telling: Telling, entry: AuditEntry) -> None:
    step, number = telling.visit_of(entry)
    rung = entry.what["rung"]
    _say(telling.timers.setdefault((step, number, Timer.What.ESCALATE, rung), {}), entry, has_acted=True)
    for person in entry.what["replaced"]:
        seat = telling.seat_of(entry, person)
        row = telling.seats.setdefault(seat, {})
        _say(row, entry, state=Assignment.State.WITHDRAWN, replaced_by=rung)
    _say_why_not(telling, entry, "")


def _not_escalated(telling: Telling, entry: AuditEntry) -> None:
    _say_why_not(telling, entry, entry.value("reason"))


def _say_why_not(telling: Telling, entry: AuditEntry, reason: Any) -> None:
    """Why nobody else is asked; of a step that is stuck it is said why that is."""
    row = telling.visits.setdefault(telling.visit_of(entry), {})
    if row.get("state", NO_WORD).value == Visit.State.OPEN:
        _say(row, entry, reason=reason)


def _decided(telling: Telling, entry: AuditEntry) -> None:
    number, person = entry.what["assignment"], _person(entry.who)
    seat = _seat_with(telling, entry, person)
    if seat[2] != person and not _stands_in(telling, seat, person):
        telling.unfounded.append(entry.seq)
    _say(telling.seats.setdefault(seat, {}), entry, state=Assignment.State.DECIDED, assignment=number)
    row = telling.decisions[seat] = {}
    _say(
        row, entry, by_person=entry.who, at=entry.at, answers={}, channel=entry.what["door"],
        revision=entry.what.get("revision", 1), completes=entry.what.get("completes"),
    )  # fmt: skip
    _say_what_it_says(row, entry, "outcome", "comment", "comment_hash", "answers", "incoming")
    if telling.request.get("data_hash", NO_WORD).value != entry.value("data_hash"):
        _say_what_it_says(telling.request, entry, "data_hash")
    asked = _answered(telling, entry.what.get("ask") or "", seat)
    if asked is not None:
        _say_what_it_says(asked, entry, "shown", "facts_hash")
    if entry.what["incoming"] is not None:
        _say_of_mail(telling, entry, entry.what.get("result", "decided"))


def _undone(telling: Telling, entry: AuditEntry) -> None:
    """What was said of the decision holds of the row that is left of it."""
    seat = telling.seat_of(entry, entry.what["person"])
    _say(telling.seats.setdefault(seat, {}), entry, state=Assignment.State.OPEN)
    row = telling.undone[entry.what["undone"]] = telling.decisions.pop(seat, {})
    _say(
        row, entry, seat=seat, undone_at=entry.at, undone_channel=entry.what["door"],
        undone_incoming=entry.what["incoming"],
    )  # fmt: skip
    if entry.what["incoming"] is not None:
        _say_of_mail(telling, entry, entry.what["result"])


def _held(telling: Telling, entry: AuditEntry) -> None:
    row = telling.visits.setdefault(telling.visit_of(entry), {})
    _say(row, entry, state=Visit.State.HELD, held_result=entry.what["result"], reason="")
    _timed(telling, entry)


def _goes_on(telling: Telling, entry: AuditEntry) -> None:
    row = telling.visits.setdefault(telling.visit_of(entry), {})
    _say(row, entry, state=Visit.State.OPEN, held_result="")
    for person in entry.what["persons"]:
        seat = telling.seat_of(entry, person)
        _say(telling.seats.setdefault(seat, {}), entry, state=Assignment.State.OPEN)


def _took_effect(telling: Telling, entry: AuditEntry) -> None:
    step, number = telling.visit_of(entry)
    moment = (step, number, Timer.What.EFFECTIVE, entry.what["number"])
    _say(telling.timers.setdefault(moment, {}), entry, has_acted=True)


def _answered(telling: Telling, public_id: str, seat: Seat) -> Row | None:
    """The mail that was answered; of a digest the line that asked this."""
    if public_id in telling.asks:
        return telling.asks[public_id]
    lines = (row for key, row in telling.asks.items() if key.partition(":")[0] == public_id)
    return next((row for row in lines if row["seat"].value == seat), None)


def _line_refused(telling: Telling, entry: AuditEntry) -> None:
    _say_of_mail(telling, entry, entry.what["result"])


def _seat_with(telling: Telling, entry: AuditEntry, person: int) -> Seat:
    """The one that an answer is to: of `person`, or of somebody in whose place they answer."""
    by_number = {row["assignment"].value: seat for seat, row in telling.seats.items() if "assignment" in row}
    return by_number.get(entry.what["assignment"]) or telling.seat_of(entry, person)


def _stands_in(telling: Telling, seat: Seat, person: int) -> bool:
    row = telling.delegates.get((*seat, person), {})
    return not row.get("has_ended", Said(True, 0)).value


def _refused(telling: Telling, entry: AuditEntry) -> None:
    _say_of_mail(telling, entry, entry.what["reason"])
    _lapses(telling, entry)


def _say_of_mail(telling: Telling, entry: AuditEntry, result: str) -> None:
    row = telling.mails[entry.what["incoming"]] = {}
    _say(row, entry, state=IncomingMail.State.HANDLED, result=result, same_as=None, handled_at=entry.at)
    for name in ("received_at", "kept_at", "handled_at"):
        if name in entry.what:
            told = entry.what[name]
            row[name] = Said(datetime.fromisoformat(told) if told else None, entry.seq)
    _say_what_it_says(row, entry, "mailbox", "folder", "transport", "server", "log")
    if entry.mac is None:
        row["fingerprint"] = Said(entry.what["mail"], entry.seq)
    else:
        _say_what_it_says(row, entry, "fingerprint", "mail")


def _superseded(telling: Telling, entry: AuditEntry) -> None:
    for person in entry.what["persons"]:
        seat = telling.seat_of(entry, person)
        _say(telling.seats.setdefault(seat, {}), entry, state=Assignment.State.SUPERSEDED)


def _no_longer_asked(telling: Telling, entry: AuditEntry) -> None:
    seat = telling.seat_of(entry, entry.what["person"])
    _say(telling.seats.setdefault(seat, {}), entry, state=Assignment.State.WITHDRAWN)


def _closed(telling: Telling, entry: AuditEntry) -> None:
    row = telling.visits.setdefault(telling.visit_of(entry), {})
    _say(row, entry, state=Visit.State.CLOSED, result=entry.what["result"], reason="", closed_at=entry.at)
    _say(row, entry, held_result="")


def _branch_ended(telling: Telling, entry: AuditEntry) -> None:
    _say(telling.visits.setdefault(telling.visit_of(entry), {}), entry, branch_result=entry.what["result"])


def _cancelled(telling: Telling, entry: AuditEntry) -> None:
    row = telling.visits.setdefault(telling.visit_of(entry), {})
    # None: the whole request had lasted too long.
    by = (entry.what["by_step"], entry.what["by_round"]) if "by_step" in entry.what else None
    _say(row, entry, state=Visit.State.CANCELLED, reason="", closed_at=entry.at, ended_by=by, held_result="")


def _stuck(telling: Telling, entry: AuditEntry) -> None:
    row = telling.visits.setdefault(telling.visit_of(entry), {})
    _say(row, entry, state=Visit.State.STUCK, reason=entry.value("reason"))


def _no_longer_stuck(telling: Telling, entry: AuditEntry) -> None:
    row = telling.visits.setdefault(telling.visit_of(entry), {})
    decided = "result" in row and row["result"].value
    _say(row, entry, state=Visit.State.CLOSED if decided else Visit.State.OPEN, reason="")


def _ended(telling: Telling, entry: AuditEntry) -> None:
    _say(telling.request, entry, state=Request.State.ENDED, result=entry.what["result"], closed_at=entry.at)


def _withdrawn(telling: Telling, entry: AuditEntry) -> None:
    _say(telling.request, entry, state=Request.State.WITHDRAWN, closed_at=entry.at)
    for row in telling.seats.values():
        if row.get("state", NO_WORD).value == Assignment.State.OPEN:
            _say(row, entry, state=Assignment.State.WITHDRAWN)


EVENTS: dict[Any, Callable[[Telling, AuditEntry], None]] = {
    "started": _started,
    "revised": _revised,
    "entered": _entered,
    "looked up": _looked_up,
    "asked": _asked,
    "asked again": _asked,
    "kept": _kept,
    "delegate added": _delegate_added,
    "delegate asked": _delegate_asked,
    "delegate asked again": _delegate_asked,
    "delegate ended": _delegate_ended,
    "absent": _absent,
    "back": _back,
    "collected": _collected,
    "left out": _left_out,
    "line refused": _line_refused,
    "notified": _notified,
    "called": _called,
    "signalled": _signalled,
    "signal taken": _signal_taken,
    "stop set": _stop_set,
    "stopped": _stopped,
    "due set": _timed,
    "due moved": _timed,
    "paused": _timed,
    "asked back": _asked_back,
    "clarified": _clarified,
    "no clarification": _no_clarification,
    "no answer needed": _no_answer_needed,
    "expired": _expired,
    "escalated": _escalated,
    "reassigned": _reassigned,
    "not escalated": _not_escalated,
    "decided": _decided,
    "undone": _undone,
    "held": _held,
    "goes on": _goes_on,
    "took effect": _took_effect,
    "answer incomplete": _incomplete,
    "reply refused": _refused,
    "superseded": _superseded,
    "no longer asked": _no_longer_asked,
    "closed": _closed,
    "branch ended": _branch_ended,
    "cancelled": _cancelled,
    "stuck": _stuck,
    "no longer stuck": _no_longer_stuck,
    "ended": _ended,
    "withdrawn": _withdrawn,
}


def _person(who: str) -> int:
    return int(who.removeprefix("person:"))
