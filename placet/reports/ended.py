"""What happened on one day: requests that started, deadlines that passed, and of each request that ended all that ever
happened to it. Looks; changes nothing."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from django.db.models import Count

from placet.accounts import calendars
from placet.approvals.definitions import Definition, definition_of
from placet.approvals.models import Decision, Delegate, Request, Timer, UndoneDecision, Version, Visit
from placet.approvals.steps import ApprovalStep, CallStep, WaitStep
from placet.audit.models import AuditEntry
from placet.reports.sums import AnswerFacts, RequestFacts, Sums, VersionFacts, VisitFacts
from placet.reports.worked import WorkedTime

TOGETHER = 500  # requests that are read at once


class Versions:
    """What is asked again and again of versions, read once."""

    def __init__(self) -> None:
        self._facts: dict[int, VersionFacts] = {}
        self._worked: dict[str | None, WorkedTime] = {}

    def __getitem__(self, version: int) -> VersionFacts:
        if version not in self._facts:
            self._facts[version] = self._read(Version.objects.get(pk=version))
        return self._facts[version]

    def _read(self, version: Version) -> VersionFacts:
        definition = definition_of(version)
        kinds = ApprovalStep | WaitStep | CallStep
        return VersionFacts(
            process=version.process_id,
            waits=frozenset(key for key, step in definition.steps.items() if isinstance(step, kinds)),
            revises=frozenset(
                key
                for key, step in definition.steps.items()
                if isinstance(step, ApprovalStep) and step.is_revise
            ),
            worked=self._of_calendar(definition),
        )

    def _of_calendar(self, definition: Definition) -> WorkedTime:
        """By the process's calendar as it is now, or the installation's where it names none, or one that is gone."""
        if definition.calendar not in self._worked:
            version = calendars.version_of(definition.calendar) if definition.calendar else None
            hours = calendars.hours(version) if version is not None else calendars.of_installation()
            self._worked[definition.calendar] = WorkedTime(hours.working_time)
        return self._worked[definition.calendar]


def sums_between(start: datetime, end: datetime) -> dict[int, Sums]:
    """By process."""
    sums: dict[int, Sums] = defaultdict(Sums)
    started = Request.objects.filter(created_at__gte=start, created_at__lt=end).order_by()
    for process, count in started.values_list("version__process").annotate(count=Count("pk")):
        sums[process].started = count
    missed = Timer.objects.filter(what=Timer.What.DUE, state=Timer.State.ACTED, at__gte=start, at__lt=end)
    by_process = missed.order_by().values_list("visit__request__version__process").annotate(count=Count("pk"))
    for process, count in by_process:
        sums[process].missed = count
    for request in requests_that_ended(start, end):
        sums[request.version.process].add(request)
    return sums


def requests_that_ended(start: datetime, end: datetime) -> Iterator[RequestFacts]:
    versions = Versions()
    ended = Request.objects.filter(closed_at__gte=start, closed_at__lt=end).order_by("closed_at", "pk")
    columns = ("pk", "version", "created_at", "closed_at", "state", "result", "requester")
    rows = ended.values_list(*columns).iterator(TOGETHER)
    while chunk := list(islice(rows, TOGETHER)):
        yield from _facts(chunk, versions)


def _facts(rows: Sequence[tuple[Any, ...]], versions: Versions) -> Iterator[RequestFacts]:
    numbers = [row[0] for row in rows]
    visits, late, expired = _visits(numbers), _late(numbers), _expired(numbers)
    answers, events = _answers(numbers), _events(numbers)
    undone = _count(
        UndoneDecision.objects.filter(assignment__visit__request__in=numbers), "assignment__visit__request"
    )
    barred = _count(
        Delegate.objects.filter(reason=Delegate.Reason.BARRED, assignment__visit__request__in=numbers),
        "assignment__visit__request",
    )
    for number, version, created_at, closed_at, state, result, requester in rows:
        yield RequestFacts(
            id=number,
            version=versions[version],
            created_at=created_at,
            closed_at=closed_at,
            state=state,
            result=result,
            requester=requester,
            visits=visits[number],
            answers=answers[number],
            late=late[number],
            expired=expired[number],
            undone=undone[number],
            barred=barred[number],
            events=events[number],
        )


def _visits(requests: Sequence[int]) -> Mapping[int, list[VisitFacts]]:
    found = Visit.objects.filter(request__in=requests).order_by("pk")
    columns = ("request", "pk", "step_key", "state", "result", "opened_at", "closed_at", "asked_back")
    visits: dict[int, list[VisitFacts]] = defaultdict(list)
    for request, *row in found.values_list(*columns):
        visits[request].append(VisitFacts(*row))
    return visits


def _answers(requests: Sequence[int]) -> Mapping[int, list[AnswerFacts]]:
    columns = (
        "assignment__visit__request",
        "assignment__visit",
        "channel",
        "at",
        "assignment__person",
        "by_person",
    )
    found = Decision.objects.filter(assignment__visit__request__in=requests).order_by("pk")
    answers: dict[int, list[AnswerFacts]] = defaultdict(list)
    for request, visit, channel, at, asked, by in found.values_list(*columns):
        answers[request].append(AnswerFacts(visit, channel, at, by_delegate=asked != by))
    return answers


def _late(requests: Sequence[int]) -> Mapping[int, set[int]]:
    late: dict[int, set[int]] = defaultdict(set)
    for request, visit in _acted(requests, Timer.What.DUE).values_list("visit__request", "visit"):
        late[request].add(visit)
    return late


def _expired(requests: Sequence[int]) -> Counter[int]:
    return _count(_acted(requests, Timer.What.EXPIRE), "visit__request")


def _acted(requests: Sequence[int], what: Timer.What) -> Any:
    return Timer.objects.filter(visit__request__in=requests, what=what, state=Timer.State.ACTED)


def _count(found: Any, by: str) -> Counter[int]:
    return Counter(dict(found.order_by().values_list(by).annotate(count=Count("pk"))))


def _events(requests: Sequence[int]) -> Mapping[int, list[Mapping[str, Any]]]:
    """Of their records: what the tables do not say any more, such as that a step was stuck."""
    events: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    found = AuditEntry.objects.filter(request__in=requests).order_by("request", "seq")
    for request, who, what in found.values_list("request", "who", "what").iterator(TOGETHER):
        if what.get("event") in COUNTED:
            events[request].append({**what, "who": who})
    return events


COUNTED = frozenset(
    {
        "reply refused",
        "line refused",
        "stuck",
        "stopped",
        "escalated",
        "tried again",
        "signalled",
        "withdrawn",
    }
)
