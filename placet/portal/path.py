"""A request's path as it is shown: stations in the order they were reached. Looks; changes nothing."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from placet.accounts.models import Person
from placet.approvals.messages import DONE
from placet.approvals.models import AskLine, Assignment, Decision, Request, Visit
from placet.approvals.processes import APPROVE, ApprovalStep, Definition, EndStep, definition_of
from placet.audit.models import AuditEntry
from placet.mail.models import OutgoingMail

MOST_VISITS = 40  # shown of one request, newest last
MOST_PEOPLE = 300  # shown of one path
MOST_BOUNCES = 10


@dataclass(frozen=True)
class Line:
    """One person asked at a station, and what became of it."""

    name: str
    words: str  # "approved", "asked", "no longer asked", ...
    at: datetime
    door: str = ""
    comment: str = ""
    mail: str = ""  # what became of the newest mail that asks, in words
    mail_in_trouble: bool = False
    assignment: int | None = None  # while it is open: it can be sent again


@dataclass(frozen=True)
class Station:
    """One place on the way. `kind`: start, good, bad, waiting, stuck, withdrawn."""

    kind: str
    name: str
    words: str
    at: datetime
    round: int = 1
    lines: Sequence[Line] = ()
    left_out: int = 0  # people who are not shown
    stuck_visit: int | None = None


@dataclass(frozen=True)
class Path:
    stations: Sequence[Station]
    left_out: int  # earlier visits that are not shown


@dataclass(frozen=True)
class Bounce:
    """A mail about a request that came back."""

    name: str
    reason: str
    at: datetime


def step_name(definition: Definition, key: str) -> str:
    step = definition.steps.get(key)
    return step.name if step else key


def path_of(request: Request, definition: Definition) -> Path:
    """The whole path, of which no more is read than is shown."""
    newest = list(request.visits.order_by("-id")[: MOST_VISITS + 1])
    visits = newest[:MOST_VISITS][::-1]
    earlier = request.visits.count() - len(visits) if len(newest) > MOST_VISITS else 0
    lines, left_out = _lines(visits)
    start = Station("start", "Started", f"by {request.requester.name}", request.created_at)
    stations = [start, *(_station(definition, visit, lines, left_out) for visit in visits)]
    end = _end(request, definition)
    return Path([*stations, end] if end else stations, earlier)


def _lines(visits: Sequence[Visit]) -> tuple[dict[int, list[Line]], dict[int, int]]:
    """Lines by visit: who decided, then who is asked, then the others; and how many are left out."""
    found = Assignment.objects.filter(visit__in=visits).select_related(
        "person", "visit", "decision__by_person"
    )
    # The states' words sort in the order wanted: decided, open, superseded, withdrawn.
    assignments = list(found.order_by("state", "id")[: MOST_PEOPLE + 1])
    mails = _newest_mails(a for a in assignments if a.state == Assignment.State.OPEN)
    lines: dict[int, list[Line]] = defaultdict(list)
    for assignment in assignments[:MOST_PEOPLE]:
        lines[assignment.visit_id].append(_line(assignment, mails.get(assignment.pk)))
    left_out: dict[int, int] = {}
    if len(assignments) > MOST_PEOPLE:
        left_out = {v.pk: v.assignments.count() - len(lines[v.pk]) for v in visits}
    return lines, left_out


def _newest_mails(assignments: Iterable[Assignment]) -> dict[int, OutgoingMail]:
    asked = AskLine.objects.filter(assignment__in=list(assignments), ask__outgoing__isnull=False)
    newest: dict[int, OutgoingMail] = {}
    lines = asked.select_related("ask__outgoing").defer("ask__outgoing__raw").order_by("id")
    for line in lines.iterator(chunk_size=500):
        if line.ask.outgoing is not None:
            newest[line.assignment_id] = line.ask.outgoing
    return newest


def _line(assignment: Assignment, mail: OutgoingMail | None) -> Line:
    name = assignment.person.name
    if assignment.state == Assignment.State.DECIDED:
        decision = assignment.decision
        door = Decision.Door(decision.door).label
        return Line(name, DONE[decision.outcome], decision.at, str(door), decision.comment)
    if assignment.state == Assignment.State.OPEN:
        words, trouble = _mail_in_words(mail)
        return Line(
            name,
            "is asked",
            assignment.created_at,
            mail=words,
            mail_in_trouble=trouble,
            assignment=assignment.pk,
        )
    superseded = assignment.state == Assignment.State.SUPERSEDED
    return Line(name, "did not need to answer" if superseded else "is no longer asked", assignment.created_at)


def _mail_in_words(mail: OutgoingMail | None) -> tuple[str, bool]:
    if mail is None:
        return "on this page only, because no mailbox was set up", False
    if mail.bounced_at is not None:
        return f"the mail to {mail.to} came back", True
    return {
        OutgoingMail.State.SENT: ("mail sent", False),
        OutgoingMail.State.FAILED: (f"the mail to {mail.to} could not be sent", True),
    }.get(OutgoingMail.State(mail.state), ("the mail is about to be sent", False))


def _station(
    definition: Definition, visit: Visit, lines: dict[int, list[Line]], left_out: dict[int, int]
) -> Station:
    kind, words = _visit_in_words(visit)
    return Station(
        kind,
        step_name(definition, visit.step_key),
        words,
        visit.closed_at or visit.opened_at,
        visit.round,
        lines[visit.pk],
        left_out.get(visit.pk, 0),
        visit.pk if visit.state == Visit.State.STUCK else None,
    )


def _visit_in_words(visit: Visit) -> tuple[str, str]:
    if visit.state == Visit.State.STUCK:
        return "stuck", f"stuck: {visit.reason}"
    if visit.state == Visit.State.OPEN:
        return "waiting", "waiting"
    if visit.result == "withdrawn":
        return "withdrawn", "withdrawn"
    return ("good" if visit.result == APPROVE else "bad"), DONE.get(visit.result, visit.result)


def _end(request: Request, definition: Definition) -> Station | None:
    if request.closed_at is None:
        return None
    if request.state == Request.State.WITHDRAWN:
        return Station("withdrawn", "Withdrawn", "", request.closed_at)
    return Station(tone_of(request), result_name(request, definition), "the end", request.closed_at)


def result_name(request: Request, definition: Definition) -> str:
    """The name of the end that a request came to."""
    names = {step.result: step.name for step in definition.steps.values() if isinstance(step, EndStep)}
    return names.get(request.result, request.result)


def tone_of(request: Request) -> str:
    """How a request's state is coloured: good, bad, waiting or withdrawn. The words beside it say the same."""
    if request.state == Request.State.OPEN:
        return "waiting"
    if request.state == Request.State.WITHDRAWN:
        return "withdrawn"
    return {"approved": "good", "rejected": "bad"}.get(request.result, "ended")


# --- where a request stands, in a sentence ----------------------------------------------------------------


@dataclass(frozen=True)
class Standing:
    """One request in a list."""

    request: Request
    process: str
    tone: str
    words: str


def standings(requests: Sequence[Request], definitions: "Definitions") -> list[Standing]:
    """Where each request stands, with two queries for all of them."""
    running = [request for request in requests if request.state == Request.State.OPEN]
    visits = Visit.objects.filter(request__in=running).exclude(state=Visit.State.CLOSED).order_by("id")
    current: dict[int, list[Visit]] = defaultdict(list)
    for visit in visits:
        current[visit.request_id].append(visit)
    asked = Assignment.objects.filter(visit__request__in=running, state=Assignment.State.OPEN)
    names: dict[int, list[str]] = defaultdict(list)
    for visit_id, name in asked.order_by("id").values_list("visit_id", "person__name")[: MOST_PEOPLE * 4]:
        names[visit_id].append(name)
    return [
        Standing(
            request,
            definitions.of(request).name,
            "stuck" if any(v.state == Visit.State.STUCK for v in current[request.pk]) else tone_of(request),
            _standing(request, definitions.of(request), current[request.pk], names),
        )
        for request in requests
    ]


def _standing(
    request: Request, definition: Definition, visits: Sequence[Visit], names: dict[int, list[str]]
) -> str:
    if request.state == Request.State.WITHDRAWN:
        return "Withdrawn"
    if request.state == Request.State.ENDED:
        return result_name(request, definition)
    return "; ".join(
        f"{step_name(definition, visit.step_key)} is stuck"
        if visit.state == Visit.State.STUCK
        else f"{step_name(definition, visit.step_key)}: waiting for {listed(names[visit.pk])}"
        for visit in visits
    )


def listed(names: Sequence[str], most: int = 3) -> str:
    """Names in a sentence: "Alice, Bob, Carol and 4 others"."""
    if len(names) > most + 1:
        return f"{', '.join(names[:most])} and {len(names) - most} others"
    if len(names) < 2:
        return "".join(names) or "nobody"
    return f"{', '.join(names[:-1])} and {names[-1]}"


def what_now(request: Request, definition: Definition) -> str:
    """The sentence after something was done: where the request stands now."""
    now = standings([request], Definitions())[0]
    if request.state == Request.State.OPEN:
        helped = " An administrator has to help." if now.tone == "stuck" else ""
        return f"Now: {now.words}.{helped}"
    return f"The request has ended: {now.words}."


class Definitions:
    """Definitions of the requests of one page, each read once."""

    def __init__(self) -> None:
        self._known: dict[int, Definition] = {}

    def of(self, request: Request) -> Definition:
        if request.version_id not in self._known:
            self._known[request.version_id] = definition_of(request.version)
        return self._known[request.version_id]


# --- beside the path -------------------------------------------------------------------------


def bounces_of(request: Request) -> list[Bounce]:
    """Mails about a request that came back, newest first, with what the other server said."""
    entries = AuditEntry.objects.filter(request=request, what__event="not delivered").order_by("-seq")
    found = list(entries[:MOST_BOUNCES])
    people = Person.objects.in_bulk({int(entry.what["person"]) for entry in found})
    return [
        Bounce(
            people[entry.what["person"]].name if entry.what["person"] in people else "",
            str(entry.what.get("reason", "")),
            entry.at,
        )
        for entry in found
    ]


def asks(step: ApprovalStep) -> str:
    """What a step's rule means for the people asked."""
    if step.rule == "first":
        return "The first answer counts."
    if step.rule == "all":
        return "Everybody asked must approve."
    return f"{step.rule} must approve." if step.rule > 1 else "One must approve."
