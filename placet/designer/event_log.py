"""What happened in requests, as programs want it that look for how a process runs: events with case, activity, moment,
resource and lifecycle. In English keys, with the names that the process gives its steps."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.sax.saxutils import quoteattr

from placet.approvals.models import Assignment, Clarification, Decision, Request, Visit
from placet.portal.path import Definitions, step_name

COLUMNS = ("case", "activity", "timestamp", "resource", "lifecycle", "result", "process", "version")
#: Of the standard's transitional model: somebody was asked, answered, was asked no longer, or it is over.
ASSIGN, COMPLETE, WITHDRAW, START = "assign", "complete", "withdraw", "start"
END = "</log>\n"


@dataclass(frozen=True)
class Event:
    request: Request
    activity: str
    at: datetime
    resource: str
    lifecycle: str
    result: str
    process: str

    @property
    def row(self) -> list[str]:
        case = str(self.request.number)
        return [
            case, self.activity, _iso(self.at), self.resource, self.lifecycle, self.result, self.process,
            str(self.request.version.number),
        ]  # fmt: skip


def events_of(requests: Sequence[Request]) -> list[Event]:
    """Of each request together, in the order in which they happened. Four queries, however many there are."""
    definitions = Definitions()
    by_request = {request.pk: request for request in requests}
    happened: dict[int, list[Event]] = defaultdict(list)

    def add(pk: int, activity: str, at: datetime, resource: str, lifecycle: str, result: str = "") -> None:
        request = by_request[pk]
        name = definitions.of(request).name
        happened[pk].append(Event(request, activity, at, resource, lifecycle, result, name))

    for request in requests:
        add(request.pk, "Start", request.created_at, request.requester.name, COMPLETE)
        if request.closed_at is not None:
            ending = WITHDRAW if request.state == Request.State.WITHDRAWN else COMPLETE
            add(request.pk, "End", request.closed_at, "", ending, request.result)
    ids = list(by_request)
    visits = {visit.pk: visit for visit in Visit.objects.filter(request__in=ids)}
    steps = {
        pk: step_name(definitions.of(by_request[visit.request_id]), visit.step_key)
        for pk, visit in visits.items()
    }
    # By ids that were just read, and not by joins, which a database may begin at another end.
    seats = Assignment.objects.filter(visit__in=list(visits)).select_related("person").in_bulk()
    for seat in seats.values():
        add(visits[seat.visit_id].request_id, steps[seat.visit_id], seat.created_at, seat.person.name, ASSIGN)
    for one in Decision.objects.filter(assignment__in=list(seats)).select_related("by_person"):
        visit = visits[seats[one.assignment_id].visit_id]
        add(visit.request_id, steps[visit.pk], one.at, one.by_person.name, COMPLETE, one.outcome)
    for asked in Clarification.objects.filter(visit__in=list(visits)).select_related(
        "asked_by", "answered_by"
    ):
        pk, activity = visits[asked.visit_id].request_id, f"Question in {steps[asked.visit_id]}"
        add(pk, activity, asked.asked_at, asked.asked_by.name, START)
        if asked.answered_at is not None and asked.answered_by is not None:
            add(pk, activity, asked.answered_at, asked.answered_by.name, COMPLETE)
    return [event for pk in ids for event in sorted(happened[pk], key=lambda event: event.at)]


# --- XES --------------------------------------------------------------------------------------------------


def beginning(*, filtered_by: str, at: datetime) -> str:
    """Of a file, up to the first trace."""
    extensions = "".join(
        f'  <extension name="{name}" prefix="{prefix}" uri="http://www.xes-standard.org/{prefix}.xesext"/>\n'
        for name, prefix in (
            ("Concept", "concept"), ("Time", "time"), ("Organizational", "org"), ("Lifecycle", "lifecycle")
        )
    )  # fmt: skip
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<log xes.version="1849.2016" xmlns="http://www.xes-standard.org/">\n'
        f"{extensions}"
        '  <global scope="trace"><string key="concept:name" value=""/></global>\n'
        '  <global scope="event"><string key="concept:name" value=""/>'
        '<date key="time:timestamp" value="1970-01-01T00:00:00+00:00"/>'
        '<string key="lifecycle:transition" value="complete"/></global>\n'
        '  <classifier name="Activity" keys="concept:name lifecycle:transition"/>\n'
        f'  <string key="concept:name" value={_quoted("Requests of Placet")}/>\n'
        f'  <string key="placet:filter" value={_quoted(filtered_by)}/>\n'
        f'  <date key="placet:exported" value="{_iso(at)}"/>\n'
    )


def traces(requests: Sequence[Request], events: Iterable[Event]) -> str:
    """One for each request, with its events."""
    of: dict[int, list[Event]] = defaultdict(list)
    for event in events:
        of[event.request.pk].append(event)
    return "".join(_trace(request, of[request.pk]) for request in requests)


def _trace(request: Request, events: Sequence[Event]) -> str:
    process = events[0].process if events else ""
    lines = "".join(_event(event) for event in events)
    return (
        f'  <trace><string key="concept:name" value="{request.number}"/>'
        f'<string key="placet:process" value={_quoted(process)}/>'
        f'<int key="placet:version" value="{request.version.number}"/>\n{lines}  </trace>\n'
    )


def _event(event: Event) -> str:
    resource = f'<string key="org:resource" value={_quoted(event.resource)}/>' if event.resource else ""
    result = f'<string key="placet:result" value={_quoted(event.result)}/>' if event.result else ""
    return (
        f'    <event><string key="concept:name" value={_quoted(event.activity)}/>'
        f'<date key="time:timestamp" value="{_iso(event.at)}"/>'
        f'<string key="lifecycle:transition" value="{event.lifecycle}"/>{resource}{result}</event>\n'
    )


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds")


def _quoted(text: str) -> str:
    """For an attribute; what no XML may hold is left out."""
    return quoteattr(
        "".join(
            c
            for c in text
            if c in "\t\n" or (c >= " " and not "\ud800" <= c <= "\udfff" and c not in "\ufffe\uffff")
        )
    )
