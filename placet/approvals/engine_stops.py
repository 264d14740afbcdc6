"""How long a whole request may take: a moment that is reckoned once, when it starts, and kept with it (`Stop`). It does
not move: not from step to step, not while a clock stands, nor with a calendar. `placet.approvals.stopping` works it.
Called by the engine, which holds the request's lock.
"""

from datetime import datetime

from django.db.models import Q

from placet.accounts import calendars
from placet.accounts.calendars import Hours
from placet.approvals.call_limits import callers_of
from placet.approvals.deadlines import Amount
from placet.approvals.definitions import Definition
from placet.approvals.engine_time import NoDeadline
from placet.approvals.models import Request, Stop, Visit
from placet.approvals.record import note
from placet.lib import clock
from placet.lib.sentences import Sentence
from placet.lib.working_time import NoWorkingTime


def reckoned(definition: Definition) -> Stop | None:
    """For a request that starts now; None where it may take as long as it likes. Raises NoDeadline."""
    if definition.longest is None:
        return None
    start, hours = clock.now(), _hours(definition)
    try:
        at = Amount(definition.longest.after).after(hours.working_time, start)
    except NoWorkingTime as error:
        raise NoDeadline(
            Sentence("the calendar “{calendar}” has no working time for it", calendar=hours.key)
        ) from error
    return Stop(at=at, due=at, basis={"from": start.isoformat(), **hours.basis})


def _hours(definition: Definition) -> Hours:
    """By the process's calendar, else by the installation's: nobody's own, as it is nobody's own time."""
    if definition.calendar is None:
        return calendars.of_installation()
    version = calendars.version_of(definition.calendar)
    if version is None:
        raise NoDeadline(Sentence("there is no calendar “{calendar}” any more", calendar=definition.calendar))
    return calendars.hours(version)


def begin(request: Request, stop: Stop | None) -> None:
    """The clock of a request that was started just now."""
    if stop is not None:
        stop.request = request
        stop.save()
        note(request, None, "stop set", stop_at=stop.at.isoformat(), basis=stop.basis)


def drop(request: Request, definition: Definition) -> None:
    """The request has ended: nothing is to come any more."""
    if definition.longest is not None:
        waiting = Stop.objects.filter(request=request, state=Stop.State.WAITING)
        waiting.update(state=Stop.State.NEEDLESS, acted_at=clock.now())


def waiting_for(request: Request, definition: Definition) -> Stop | None:
    """When a request ends at the latest, as long as it has not ended."""
    if definition.longest is None or request.state != Request.State.OPEN:
        return None
    return Stop.objects.filter(request=request).first()


def is_too_late(request: Request, definition: Definition, moment: datetime) -> bool:
    """Whether an answer that came at this moment came after the request was to end, though that may not have been acted
    on; or after one that called it was to."""
    requests = [request] if definition.longest is not None else []
    if request.parent_visit_id is not None:
        requests += callers_of(request)
    if not requests:
        return False
    counts = Q(state=Stop.State.WAITING, request__state=Request.State.OPEN) | Q(state=Stop.State.ACTED)
    return Stop.objects.filter(counts, request__in=requests, at__lt=moment).exists()


def has_ended(visit: Visit) -> bool:
    """Whether a visit ended with its whole request, which had lasted too long; all others that are cancelled say which
    visit made them needless."""
    return visit.state == Visit.State.CANCELLED and visit.ended_by_id is None
