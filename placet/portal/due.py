"""What the clocks of steps say, as it is shown: until when, and what became of it. Looks; changes nothing."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.utils.translation import ngettext

from placet.approvals import engine_stops, waiting_ends
from placet.approvals.definitions import Definition
from placet.approvals.models import Assignment, Request, Timer, Visit
from placet.approvals.steps import ApprovalStep
from placet.lib import clock

What, State = Timer.What, Timer.State


@dataclass(frozen=True)
class DueShown:
    """Of one visit. `at`: its deadline. `ends_at`: when it ends without an answer. `reads`: that is past, and mail that
    may have come before is read first. `goes_on`: nobody has to do anything, the step waits for this moment.
    `paused_until`: the clock stands, at the longest until then."""

    at: datetime
    is_live: bool
    is_late: bool = False
    ends_at: datetime | None = None
    reads: bool = False
    goes_on: bool = False
    has_expired: bool = False
    reminded: str = ""
    escalated_at: datetime | None = None  # when others were asked the last time
    escalated_by: int = 0  # the rung that did
    asks_reader: bool = False  # whoever reads it is one of those others
    escalates_at: datetime | None = None  # when others are asked next
    inactive: str = ""  # names of mailboxes that nobody reads and that this waits for
    reads_first: bool = False  # that is past, and mail that may have come before is read first
    warned: bool = False
    paused_until: datetime | None = None


@dataclass(frozen=True)
class LatestShown:
    """When a whole request ends, and as what. `reads`: that is past, and mail that came before may have to be read."""

    at: datetime
    result: str
    reads: bool


def latest_of(request: Request, definition: Definition) -> LatestShown | None:
    """A query only where its process says how long it may take."""
    stop = engine_stops.waiting_for(request, definition)
    if stop is None or definition.longest is None:
        return None
    return LatestShown(stop.at, definition.result_names[definition.longest.result], stop.at < clock.now())


def due_of(visits: Collection[Visit]) -> dict[int, DueShown]:
    """Of visits of steps that may have a deadline (`Definition.has_deadline`), by visit."""
    if not visits:
        return {}
    timers: dict[int, list[Timer]] = defaultdict(list)
    clocks = Timer.objects.filter(visit__in=visits, assignment=None).exclude(what=What.EFFECTIVE)
    for timer in clocks.order_by("at", "id"):
        timers[timer.visit_id].append(timer)
    shown = {visit.pk: _shown(visit, timers[visit.pk]) for visit in visits if visit.pk in timers}
    for number, one in shown.items():
        if one.reads or one.reads_first:  # seldom, so nobody else pays for it
            shown[number] = replace(one, inactive=", ".join(waiting_ends.mailbox_names(number)))
    return shown


def _stood(deadline: Timer, visit: Visit) -> bool:
    """Whether the visit was over while its clock stood: its moment, which may be past, had not come. What a clock that
    runs leaves behind is seen to be needless after that."""
    over = (
        deadline.acted_at is not None and visit.closed_at is not None and deadline.acted_at <= visit.closed_at
    )
    return deadline.state == State.NEEDLESS and over


def _shown(visit: Visit, timers: Sequence[Timer]) -> DueShown:
    now = clock.now()
    is_live = visit.state in Visit.LIVE and visit.state != Visit.State.HELD and not visit.result
    deadline = next(timer for timer in timers if timer.what in (What.DUE, What.GO_ON))
    end = next((timer for timer in timers if timer.what == What.EXPIRE), None)
    stop = next((one for one in timers if one.what == What.RESUME and one.state == State.WAITING), None)
    next_rung = next(
        (one.at for one in timers if one.what == What.ESCALATE and one.state == State.WAITING), None
    )
    next_rung = next_rung if is_live else None
    acted = [timer for timer in timers if timer.what == What.ESCALATE and timer.state == State.ACTED]
    last_rung = max(acted, key=lambda timer: timer.acted_at or timer.at, default=None)
    reminded = sum(timer.what == What.REMIND and timer.state == State.ACTED for timer in timers)
    return DueShown(
        at=deadline.at,
        is_live=is_live,
        is_late=deadline.what == What.DUE
        and stop is None
        and not _stood(deadline, visit)
        and deadline.at < (visit.closed_at or now),
        ends_at=None if end is None or end.at == deadline.at else end.at,
        reads=is_live and stop is None and end is not None and end.at < now,
        goes_on=deadline.what == What.GO_ON,
        has_expired=end is not None and end.state == State.ACTED,
        reminded=ngettext("reminded once", "reminded {n} times", reminded).format(n=reminded)
        if reminded
        else "",
        paused_until=stop.at if stop is not None and is_live else None,
        escalated_at=None if last_rung is None else last_rung.acted_at or last_rung.at,
        escalated_by=0 if last_rung is None else last_rung.number,
        escalates_at=next_rung,
        reads_first=next_rung is not None and next_rung < now,
        warned=any(timer.what == What.WARN and timer.state == State.ACTED for timer in timers),
    )


def as_read_in(due: DueShown | None, step: ApprovalStep, seat: Assignment) -> DueShown | None:
    """The same to whoever answers a seat, who may have been asked because others had not answered."""
    if due is None or not due.escalated_by:
        return due
    return replace(due, asks_reader=seat.source in step.lines_of_rung(due.escalated_by))


def held_until(visits: Collection[Visit]) -> dict[int, datetime]:
    """Of visits that are decided, and whose answers can still be undone: until when, by visit."""
    if not visits:
        return {}
    timers = Timer.objects.filter(visit__in=visits, what=What.EFFECTIVE, state=State.WAITING)
    return dict(timers.values_list("visit", "at"))
