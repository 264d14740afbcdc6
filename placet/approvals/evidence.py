"""Whether what was decided is what the record says. Looks; changes nothing.

The audit chain proves its own entries only, and pages and mails show `Decision` and `Request`. The entries
"started" and "decided" say enough of both to notice a change.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from placet.approvals import attachments
from placet.approvals.models import Decision, Request
from placet.audit.models import AuditEntry
from placet.lib.canonical import digest

AT_ONCE = 200  # requests that are held in memory


@dataclass(frozen=True)
class Differs:
    """The first thing of a request that is not as its record says."""

    request_id: int
    seq: int  # of the entry that says otherwise; 0 if no entry speaks of it
    reason: str


def compare(request_id: int | None = None) -> Iterator[Differs]:
    """Of every request (or of one) the first difference. Nothing: all is as it was recorded."""
    ids = Request.objects.order_by("pk").values_list("pk", flat=True)
    if request_id is not None:
        ids = ids.filter(pk=request_id)
    numbers = ids.iterator(chunk_size=1000)
    while some := list(islice(numbers, AT_ONCE)):
        yield from _compare(some)


def _compare(ids: list[int]) -> Iterator[Differs]:
    entries: dict[int, list[AuditEntry]] = {number: [] for number in ids}
    telling = AuditEntry.objects.filter(request__in=ids, what__event__in=["started", "decided"])
    for entry in telling.order_by("request_id", "seq"):
        assert entry.request_id is not None
        entries[entry.request_id].append(entry)
    decisions: dict[int, list[Decision]] = {number: [] for number in ids}
    made = Decision.objects.filter(assignment__visit__request__in=ids).select_related("assignment__visit")
    for decision in made.order_by("pk"):
        decisions[decision.assignment.visit.request_id].append(decision)
    for request in Request.objects.filter(pk__in=ids).order_by("pk"):
        differs = _first(request, entries[request.pk], decisions[request.pk])
        if differs is not None:
            yield differs


def _first(request: Request, entries: Iterable[AuditEntry], decisions: Iterable[Decision]) -> Differs | None:
    data_hash = digest(request.data)
    waiting = {decision.assignment_id: decision for decision in decisions}
    for entry in entries:
        reason = (
            ""
            if entry.what["data_hash"] == data_hash == request.data_hash
            else "what was asked for was changed"
        )
        if not reason and entry.what["event"] == "decided":
            reason = _decided_otherwise(entry, waiting.pop(entry.what["assignment"], None))
        if reason:
            return Differs(request.pk, entry.seq, reason)
    if waiting:
        return Differs(request.pk, 0, "a decision is there that was never recorded")
    if not attachments.are_whole(request):
        return Differs(request.pk, 0, "a file was changed, or is gone")
    return None


def _decided_otherwise(entry: AuditEntry, decision: Decision | None) -> str:
    if decision is None:
        return "the decision is gone"
    said = entry.what
    visit = decision.assignment.visit
    same = {
        "the outcome": decision.outcome == said["outcome"],
        "the comment": digest(decision.comment) == said["comment_hash"],
        "who decided": f"person:{decision.by_person_id}" == entry.who,
        "the door": decision.door == said["door"],
        "the mail that decided": decision.incoming_id == said["incoming"],
        "the step": (visit.step_key, visit.round) == (said["step"], said["round"]),
    }
    return next((f"{what} was changed" for what, holds in same.items() if not holds), "")
