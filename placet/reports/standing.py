"""What is open now: requests by age, steps that are waited for, and whose turn it is. Looks; changes nothing."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q

from placet.approvals.late import is_late
from placet.approvals.models import Assignment, Clarification, Request, Version, Visit

AT_ONCE = 2_000  # rows that are read at once


@dataclass
class SeatsNow:
    """What waits for one person."""

    seats: int = 0
    late: int = 0
    paused: int = 0
    oldest: datetime | None = None


@dataclass
class ProcessNow:
    requests: int = 0
    ages: dict[str, int] = field(default_factory=lambda: defaultdict(int))  # whole days → requests
    steps: dict[str, dict[str, int]] = field(
        default_factory=lambda: defaultdict(lambda: dict.fromkeys(("open", "late", "stuck", "unanswered"), 0))
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
    rows = live.values_list("request__version", "step_key", "state", "reason", "is_late")
    for version, step, state, reason, late in rows.iterator(AT_ONCE):
        counted = by_process[processes[version]].steps[step]
        counted["open"] += 1
        counted["late"] += late and state == Visit.State.OPEN
        counted["stuck"] += state == Visit.State.STUCK
        counted["unanswered"] += state == Visit.State.OPEN and bool(reason)


def _add_people(by_process: dict[int, ProcessNow], processes: Mapping[int, int], now: datetime) -> None:
    seats = Assignment.objects.filter(state=Assignment.State.OPEN, visit__state=Visit.State.OPEN).order_by()
    seats = seats.annotate(is_late=is_late(OuterRef("visit"), now), is_paused=is_paused())
    rows = seats.values_list("visit__request__version", "person", "created_at", "is_late", "is_paused")
    for version, person, created_at, late, paused in rows.iterator(AT_ONCE):
        counted = by_process[processes[version]].people[person]
        if paused:
            counted.paused += 1
            continue
        counted.seats += 1
        counted.late += late
        counted.oldest = min(created_at, counted.oldest or created_at)


def is_paused() -> Exists:
    """Of a seat: whoever has it asked the requester something, or the clock of its step stands because somebody did."""
    is_open: dict[str, Any] = {"visit": OuterRef("visit"), "state": Clarification.State.OPEN}
    return Exists(Clarification.objects.filter(Q(pauses=True) | Q(assignment=OuterRef("pk")), **is_open))
