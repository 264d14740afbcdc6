"""What audit entries say of the rows that they tell of. Written by the engine; compared by `evidence`.

Each function gives what an entry says in the clear, with what is personal in it below "personal"
(`placet.audit.commitments`). Of what is long or somebody else's, such as a mail, it is the SHA-256.

The channel of an answer stands in an entry as "door", as it was called once: entries are hashed, and never change.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from placet.accounts.delegations import Scope
from placet.accounts.models import Delegation, Person
from placet.approvals.models import (
    Ask,
    AskLine,
    Assignment,
    Clarification,
    Decision,
    Delegate,
    DigestItem,
    Notified,
    PendingAnswer,
    Request,
    Revision,
    Signal,
    TableMatch,
    TableVersion,
    UndoneDecision,
)
from placet.audit import chain
from placet.audit.models import AuditEntry
from placet.lib.canonical import digest
from placet.mail.models import IncomingMail

What = dict[str, Any]

#: The kind of a mail that asks several things, and what became of a reply to one (`IncomingMail.result`).
DIGEST = "digest"
#: In `IncomingMail.verdict`: what an administrator did with a mail afterwards (`placet.approvals.another_address`).
ADDED_LATER = "offer"


def note(
    request: Request,
    who: Person | None,
    event: str,
    *,
    at: datetime | None = None,
    personal: Mapping[str, Any] | None = None,
    **what: Any,
) -> AuditEntry:
    """One more entry of a request's record. `at`: the moment that the row which it tells of has, where it has one."""
    by = f"person:{who.pk}" if who else "system"
    return chain.append(request.pk, by, {"event": event, **what}, at, personal)


@dataclass(frozen=True)
class Logged:
    """What the mail log shows of a mail that was handled."""

    result: str
    reason: str
    verdict: Mapping[str, Any]
    person: int | None

    @property
    def columns(self) -> dict[str, Any]:
        """As `IncomingMail` holds it."""
        return {
            "result": self.result,
            "reason": self.reason,
            "verdict": self.verdict,
            "person_id": self.person,
        }

    @property
    def digest(self) -> str:
        verdict = {name: value for name, value in self.verdict.items() if name != ADDED_LATER}
        return digest([self.result, self.reason, verdict, self.person])


def sha256(content: Any) -> str:
    """Of the bytes of a mail."""
    return hashlib.sha256(content).hexdigest()


def started(request: Request) -> What:
    version = request.version
    return {
        "process": version.process.key,
        "version": version.number,
        "definition": digest(version.definition),
        "number": request.number,
        "public_id": str(request.public_id),
        **_called_by(request),
        "personal": {
            "title": request.title,
            "data_hash": request.data_hash,
            "words": digest(request.words),
        },
    }


def revised(request: Request, revision: Revision) -> What:
    return {
        "revision": revision.number,
        "assignment": revision.assignment_id,
        "personal": {"data_hash": revision.data_hash, "words": digest(request.words)},
    }


def called(request: Request) -> What:
    """The request that a step called."""
    return {"called": str(request.public_id)}


def _called_by(request: Request) -> What:
    visit = request.parent_visit
    if visit is None:
        return {}
    by = [str(visit.request.public_id), visit.step_key, visit.round]
    return {"called_by": by, "requester": f"person:{request.requester_id}"}


def looked_up(match: TableMatch) -> What:
    """The rows of an authority table by which people are asked."""
    return {
        "step": match.visit.step_key,
        "round": match.visit.round,
        "line": match.line,
        "table": match.version.table.key,
        "version": match.version.number,
        "rows": match.rows,
        "content": digest_of_table(match.version),
    }


def digest_of_table(version: TableVersion) -> str:
    """Of all that says who is asked."""
    return digest([version.hits, version.columns, version.rows])


def asked(assignment: Assignment) -> What:
    """Whom; on the page only, where no mail was written."""
    return {
        "person": assignment.person_id,
        "step": assignment.visit.step_key,
        "round": assignment.visit.round,
        "assignment": assignment.pk,
        "since": assignment.created_at.isoformat(),
        "source": assignment.source,
        **_put_there(assignment),
    }


def _put_there(assignment: Assignment) -> What:
    """In whose place, and by whom; what they wrote stands in the entry of that."""
    people = {"in_place_of": assignment.in_place_of_id, "reassigned_by": assignment.reassigned_by_id}
    return {name: number for name, number in people.items() if number is not None}


def reassigned(assignment: Assignment, successor: Person, comment: str) -> What:
    """Somebody is asked in the place of whoever was; who said so is the entry's own."""
    return {**seat(assignment), "successor": successor.pk, "personal": {"comment": comment}}


def seat(assignment: Assignment) -> What:
    """Whose, and where."""
    visit = assignment.visit
    return {"person": assignment.person_id, "step": visit.step_key, "round": visit.round}


def kept(assignment: Assignment) -> What:
    """Whose earlier decision counts once more; by their seat then, for a seat has one decision."""
    assert assignment.kept is not None
    earlier = assignment.kept.assignment
    return {
        **asked(assignment),
        "kept": [earlier.visit.step_key, earlier.visit.round, earlier.person_id],
        "outcome": assignment.kept.outcome,
        "decided_on": assignment.kept.revision,
    }


def collected(item: DigestItem) -> What:
    """What waits for somebody's digest."""
    return {"item": item.pk, "item_at": item.at.isoformat(), "reminder": item.reminder}


def in_digest(line: AskLine, item: DigestItem) -> What:
    """Of a line of a digest: what waited for it, and whether a reply can name its number."""
    return {"kind": DIGEST, "numbered": line.numbered, "item": item.pk}


def asked_by_mail(ask: Ask, line: AskLine) -> What:
    assert ask.outgoing is not None
    clarified = {"clarified": line.clarified_id} if line.clarified_id is not None else {}
    return {
        **clarified,
        "ask": str(ask.public_id),
        "code": digest(ask.code_hash),
        "line": line.line,
        "revision": line.revision,
        "personal": {
            "to": ask.outgoing.to,
            "subject": digest(ask.outgoing.subject),  # the reply code stands in it
            "shown": sha256(ask.outgoing.raw),
            "facts_hash": line.facts_hash,
        },
    }


def delegate_added(row: Delegate) -> What:
    """Who may answer in whose place, and by what, as it is now; who gave it to them is the entry's own."""
    return {
        **delegate_asked(row),
        "why": row.why,
        **by_delegation(row.delegation),
        "personal": {"comment": row.comment},
    }


def delegate_asked(row: Delegate) -> What:
    assignment = row.assignment
    return {
        "person": assignment.person_id,
        "delegate": row.person_id,
        "step": assignment.visit.step_key,
        "round": assignment.visit.round,
        "assignment": assignment.pk,
    }


def delegate_ended(row: Delegate) -> What:
    return {**delegate_asked(row), "reason": row.reason}


def by_delegation(delegation: Delegation | None) -> What:
    """With its scope as it was."""
    if delegation is None:
        return {"delegation": None}
    ends = delegation.ends_at
    return {
        "delegation": delegation.pk,
        "scope": Scope.of(delegation).as_json,
        "ends": ends.isoformat() if ends is not None else None,
    }


def in_place(row: Delegate, delegation: Delegation | None) -> What:
    """Of a decision: in whose place it was given, and by what."""
    return {"for": row.assignment.person_id, "why": row.why, **by_delegation(delegation)}


def notified(row: Notified) -> What:
    """Whom; on the page only, where no mail was written."""
    what: What = {
        "person": row.person_id,
        "step": row.visit.step_key,
        "round": row.visit.round,
        "source": row.source,
    }
    if row.outgoing is None:
        return what | {"door": "page"}
    mail = {"to": row.outgoing.to, "subject": digest(row.outgoing.subject), "shown": sha256(row.outgoing.raw)}
    return what | {"cause": row.outgoing.cause, "personal": mail}


def signalled(signal: Signal) -> What:
    """What came from outside; who sent it is the entry's own."""
    return {"signal": signal.pk, "key": signal.key}


def by_key(key: str) -> What:
    """The public part of the key that a caller of the API had; "" of whoever had none."""
    return {"key": key} if key else {}


def with_floor(floor: str) -> What:
    """Of what was started: the weakest proof that its key takes of who answers; "" where it says nothing."""
    return {"floor": floor} if floor else {}


def floor_of(request: Request) -> str:
    """See `with_floor`: what a request was started with is what its record says, which nobody changes."""
    first = AuditEntry.objects.filter(request=request.pk).order_by("seq").first()
    return str(first.what.get("floor", "")) if first is not None else ""


def decided(
    decision: Decision, facts_hash: str, ask: Ask | None, proof: Mapping[str, Any], key: str = ""
) -> What:
    """`facts_hash`: of what was shown. `ask`: the mail that was answered, where it was one. `proof`: of who sent the
    answer. `key`: the public part of the key that gave it, where it came by API."""
    assignment, by = decision.assignment, decision.by_person
    shown = sha256(ask.outgoing.raw) if ask is not None and ask.outgoing is not None else ""
    return {
        "step": assignment.visit.step_key,
        "round": assignment.visit.round,
        "assignment": assignment.pk,
        "outcome": decision.outcome,
        "door": decision.channel,
        "ask": str(ask.public_id) if ask is not None else None,
        "revision": decision.revision,
        **by_key(key),
        "personal": {
            "name": by.name,
            "address": by.email,
            "comment": decision.comment,
            "answers": decision.answers,
            "data_hash": assignment.visit.request.data_hash,
            "facts_hash": facts_hash,
            "shown": shown,
            "proof": dict(proof),
        },
    }


def undone(row: UndoneDecision, ask: Ask | None, proof: Mapping[str, Any]) -> What:
    """Of a decision that is none any more. `ask`: the mail that was answered so, where it was one. `proof`: of who sent
    that."""
    assignment = row.assignment
    return {
        "step": assignment.visit.step_key,
        "round": assignment.visit.round,
        "assignment": assignment.pk,
        "person": assignment.person_id,
        "undone": row.pk,
        "door": row.undone_channel,
        "answered": str(ask.public_id) if ask is not None else None,
        "given": row.at.isoformat(),
        "personal": {"proof": dict(proof)},
    }


def pending(answer: PendingAnswer, answered: Ask, proof: Mapping[str, Any]) -> What:
    """An answer that lacks something. `answered`: the mail that asked for it. `proof`: of who sent it."""
    assignment = answer.assignment
    return {
        "step": assignment.visit.step_key,
        "round": assignment.visit.round,
        "assignment": assignment.pk,
        "pending": answer.pk,
        "pending_since": answer.incoming_id,
        "answered": str(answered.public_id),
        "outcome": answer.outcome,
        "lacks": answer.lacks,
        "language": answer.language,
        "personal": {"comment": answer.comment, "answers": answer.answers, "proof": dict(proof)},
    }


def asked_back(clarification: Clarification) -> What:
    """What the requester was asked."""
    visit = clarification.visit
    return {
        "step": visit.step_key,
        "round": visit.round,
        "assignment": clarification.assignment_id,
        "person": clarification.assignment.person_id,
        "clarification": clarification.pk,
        "number": clarification.number,
        "requester": visit.request.requester_id,
        "door": clarification.channel,
        "pauses": clarification.pauses,
        "personal": {"question": clarification.question},
    }


def clarified(clarification: Clarification) -> What:
    """What the requester answered."""
    return {
        "step": clarification.visit.step_key,
        "round": clarification.visit.round,
        "clarification": clarification.pk,
        "door": clarification.answer_channel,
        "personal": {"answer": clarification.answer},
    }


def completing(answer: PendingAnswer | None) -> What:
    """Of a decision: the earlier answer that its mail made whole, with that answer's own mail."""
    if answer is None:
        return {}
    earlier = {"mail_before": sha256(answer.incoming.raw)}
    return {"completes": answer.pk, "pending_since": answer.incoming_id, "personal": earlier}


def reading(logged: Logged) -> What:
    """How a mail was read: outcome, comment and the words that they rest on are part of what the mail log shows."""
    result = {"result": DIGEST} if logged.result == DIGEST else {}
    return {**result, "personal": {"log": logged.digest}}


def mail(incoming: IncomingMail) -> What:
    """A mail as it was kept."""
    return {
        "incoming": incoming.pk,
        "mailbox": incoming.mailbox_id,
        "folder": str(incoming.folder),
        "received_at": incoming.received_at.isoformat() if incoming.received_at else None,
        "kept_at": incoming.kept_at.isoformat(),
        "handled_at": incoming.handled_at.isoformat() if incoming.handled_at else None,
        "personal": {
            "fingerprint": incoming.fingerprint,
            "mail": sha256(incoming.raw),
            "transport": digest(incoming.transport_headers),
            "server": digest(incoming.facts),
        },
    }


def mails_before(mails: Sequence[IncomingMail]) -> What:
    """What earlier mails said, that belong to the same effect: hashes by their keys."""
    return {"personal": {"mails_before": {str(mail.pk): sha256(mail.raw) for mail in mails}}} if mails else {}


def together(*parts: What) -> What:
    """One entry of several parts."""
    personal: dict[str, Any] = {}
    for part in parts:
        personal |= part.get("personal", {})
    joined = {name: value for part in parts for name, value in part.items()}
    return {**joined, "personal": personal}
