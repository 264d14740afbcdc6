"""What is open now: requests by age, steps that are waited for, and whose turn it is. Looks; changes nothing."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import OuterRef

from placet.approvals.late import is_late, is_paused
from placet.approvals.models import Assignment, Request, Version, Visit

AT_ONCE = 2_000  # rows that are read at once
#: Of a step: visits that are live, and in how many requests.
_COUNTED = ("open", "open_in", "late", "stuck", "stuck_in", "unanswered")


@dataclass
class SeatsNow:
    """What waits for one person."""

    seats: int = 0
    late: int = 0
    paused: int = 0
    oldest: datetime | None = None
    requests: set[int] = field(default_factory=set)  # that have these seats
    late_requests: set[int] = field(default_factory=set)
    paused_requests: set[int] = field(default_factory=set)


@dataclass
class ProcessNow:
    requests: int = 0
    ages: dict[str, int] = field(default_factory=lambda: defaultdict(int))  # whole days → requests
    steps: dict[str, dict[str, int]] = field(
        default_factory=lambda: defaultdict(lambda: dict.fromkeys(_COUNTED, 0))
    )
    people: dict[int, SeatsNow] = field(default_factory=lambda: defaultdict(SeatsNow))


def now_by_process(now: datetime, *, people: bool) -> dict[int, ProcessNow]:
    """`people`: whether anything is counted of single people."""
    processes = dict(Version.objects.values_list("pk", "process"))
    by_process: dict[int, ProcessNow] = defaultdict(ProcessNow)
    _add_requests(by_process, processes, now)
    _add_steps(by_process, processes, now)
    if people:
        _add_people(by_process, processes, now)
    return by_process


def _add_requests(by_process: dict[int, ProcessNow], processes: Mapping[int, int], now: datetime) -> None:
    running = Request.objects.filter(state=Request.State.OPEN).order_by()
    for version, created_at in running.values_list("version", "created_at").iterator(AT_ONCE):
        process = by_process[processes[version]]
        process.requests += 1
        process.ages[str(max((now - created_at).days, 0))] += 1


def _add_steps(by_process: dict[int, ProcessNow], processes: Mapping[int, int], now: datetime) -> None:
    """Blocks are not counted, only what is waited for in their branches."""
    live = Visit.objects.filter(
        state__in=Visit.LIVE, request__state=Request.State.OPEN, children=None
    ).order_by()
    live = live.annotate(is_late=is_late(OuterRef("pk"), now))
    rows = live.values_list("request", "request__version", "step_key", "state", "reason", "is_late")
    open_in, stuck_in = set(), set()
    for request, version, step, state, reason, late in rows.iterator(AT_ONCE):
        open_in.add((request, version, step))
        if state == Visit.State.STUCK:
            stuck_in.add((request, version, step))
        counted = by_process[processes[version]].steps[step]
        counted["open"] += 1
        counted["late"] += late and state == Visit.State.OPEN
        counted["stuck"] += state == Visit.State.STUCK
        counted["unanswered"] += state == Visit.State.OPEN and bool(reason)
    for key, places in (("open_in", open_in), ("stuck_in", stuck_in)):
        for _request, version, step in places:
            by_process[processes[version]].steps[step][key] += 1


def _add_people(by_process: dict[int, ProcessNow], processes: Mapping[int, int], now: datetime) -> None:
    seats = Assignment.objects.filter(state=Assignment.State.OPEN, visit__state=Visit.State.OPEN).order_by()
    seats = seats.annotate(is_late=is_late(OuterRef("visit"), now), is_paused=is_paused())
    rows = seats.values_list(
        "visit__request", "visit__request__version", "person", "created_at", "is_late", "is_paused"
    )
    for request, version, person, created_at, late, paused in rows.iterator(AT_ONCE):
        counted = by_process[processes[version]].people[person]
        if paused:
            counted.paused += 1
            counted.paused_requests.add(request)
            continue
        counted.seats += 1
        counted.late += late
        counted.requests.add(request)
        if late:
            counted.late_requests.add(request)
        counted.oldest = min(created_at, counted.oldest or created_at)
