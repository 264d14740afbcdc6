"""What a step came to takes effect later, as long as an answer to it can be undone. Called by
`placet.approvals.engine_visits`, `undoing` and `timing`; the request's lock is held.

A visit that is decided is held: nobody is asked there any more, and nothing follows yet. What it came to is known
(`Visit.held_result`), and nothing that looks at results sees it. A timer closes it and leads on (`timing`), unless
whoever gave an answer takes it back (`undoing`). Each answer can be undone as long as its process says, counted from
when it was given; what ends a step without an answer waits for nobody.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from placet.accounts.models import Person
from placet.approvals import engine_clarifications, engine_time
from placet.approvals.definitions import Definition
from placet.approvals.grace import NONE
from placet.approvals.models import Assignment, Decision, Request, UndoneDecision, Visit
from placet.approvals.record import note
from placet.approvals.undo_rules import grace_in
from placet.lib import clock, rows

MOST_UNDONE = 5  # answers of one seat, or it would hold a step up for ever


def last_moment(definition: Definition, decision: Decision) -> datetime | None:
    """Until when an answer can be undone, as long as its step has no effect; None: it never could."""
    seat = decision.assignment
    grace = grace_in(definition, seat.visit.step_key)
    if grace == NONE or seat.undone_decisions.count() >= MOST_UNDONE:
        return None
    return decision.at + grace


def waits_until(definition: Definition, visit: Visit) -> datetime | None:
    """Until when what a visit comes to has no effect; None: it has it now."""
    grace = grace_in(definition, visit.step_key)
    if grace == NONE:
        return None
    moment = max(_last_moments(definition, visit), default=None)
    return moment if moment is not None and moment > clock.now() else None


def _last_moments(definition: Definition, visit: Visit) -> Iterable[datetime]:
    decisions = Decision.objects.filter(assignment__visit=visit).select_related("assignment__visit")
    since = clock.now() - grace_in(definition, visit.step_key)
    for decision in decisions.filter(at__gt=since):
        moment = last_moment(definition, decision)
        if moment is not None:
            yield moment


def hold(request: Request, definition: Definition, visit: Visit, result: str, until: datetime) -> None:
    """`until`: when it takes effect."""
    engine_clarifications.end_for_now(request, definition, visit)
    timer = engine_time.hold(visit, until)
    rows.change(visit, state=Visit.State.HELD, held_result=result, reason="")
    where: dict[str, Any] = {"step": visit.step_key, "round": visit.round, "result": result}
    moments = [[timer.what, timer.number, timer.at.isoformat()]]
    note(request, None, "held", **where, timers=moments, basis=timer.basis)


def until_of(visit: Visit) -> datetime | None:
    """When a visit takes effect that is held; None of any other."""
    if visit.state != Visit.State.HELD:
        return None
    timer = engine_time.held_until(visit)
    return timer.at if timer is not None else None


def newest_undone(assignment: Assignment, by: Person) -> UndoneDecision | None:
    """What somebody took back last, of a seat."""
    undone = assignment.undone_decisions.filter(by_person=by).select_related("undone_incoming")
    return undone.order_by("-pk").first()
