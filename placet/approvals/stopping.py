"""The work of stops: a request that has lasted as long as its process lets it ends, once, wherever it stands. A row is
worked under the lock of its request, and looked at anew there.

Nobody's answer is lost to it. It acts only when every mailbox that an open ask of the request named was read past the
moment, and of each request that it called, which ends with it; when what was called and has ended led on; when what was
decided can no longer be undone; and when what the clocks of its steps were to do before that moment was done.
"""

from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from placet.accounts.models import Person
from placet.approvals import engine, engine_visits, messages, stop_mails
from placet.approvals.definitions import Definition, definition_of
from placet.approvals.models import Ask, AskLine, Assignment, CallTask, Request, Stop, Timer, Visit
from placet.approvals.record import note
from placet.audit import chain
from placet.lib import clock, rows
from placet.mail.read_past import read_past

PAUSE = timedelta(seconds=30)  # before a row that failed, or that waits for something, is looked at once more
State = Stop.State


def due(limit: int) -> list[int]:
    stops = Stop.objects.filter(state=State.WAITING, due__lte=clock.now())
    return list(stops.order_by("due", "id").values_list("id", flat=True)[:limit])


def work(stop_id: int) -> bool:
    """End the request, once, however often it is called."""
    now = clock.now()
    # Put off before it is tried: a row that fails does not stand before the others.
    if not Stop.objects.filter(pk=stop_id, state=State.WAITING, due__lte=now).update(due=now + PAUSE):
        return False
    with transaction.atomic(), chain.together():
        request = engine.lock(Stop.objects.values_list("request_id", flat=True).get(pk=stop_id))
        return _work(request, Stop.objects.get(pk=stop_id))


def _work(request: Request, stop: Stop) -> bool:
    now = clock.now()
    if stop.state != State.WAITING:
        return False
    if stop.at > now:  # the clock was set back
        rows.change(stop, due=stop.at)
        return False
    if request.state != Request.State.OPEN:
        rows.change(stop, state=State.NEEDLESS, acted_at=now)
        return True
    if _must_wait(request, stop):
        rows.change(stop, due=now + PAUSE)
        return False
    rows.change(stop, state=State.ACTED, acted_at=now)
    _end(request, definition_of(request.version), stop)
    return True


def _end(request: Request, definition: Definition, stop: Stop) -> None:
    assert definition.longest is not None
    result = definition.longest.result
    note(request, None, "stopped", due=stop.at.isoformat(), result=result)
    asked: dict[int, tuple[Assignment, Person]] = {}
    for root in request.visits.filter(parent=None, state__in=Visit.LIVE):
        for seat, person in engine_visits.cancel(request, root, None):
            asked.setdefault(person.pk, (seat, person))  # once, wherever else they are asked
    engine_visits.come_to(request, definition, result)
    name = definition.result_names[result]
    for seat, person in asked.values():
        if person.pk != request.requester_id:
            stop_mails.stopped(request, seat, person, name, stop.at)
    messages.ended(request, name, stop.at)


# --- what has to come first -------------------------------------------------------------------------------


def _must_wait(request: Request, stop: Stop) -> bool:
    requests = _with_called(request)
    # Whoever handles a mail commits what follows from it together with that, so mails are looked at first.
    must_lead_on = _unread(requests, stop) or _leads_on(requests) or _is_held(requests)
    return must_lead_on or _is_due_before(requests, stop)


def _with_called(request: Request) -> Sequence[int]:
    """A request and all that it called, itself or through others, and that are open."""
    numbers = callers = [request.pk]
    while callers:
        called = Request.objects.filter(parent_visit__request__in=callers, state=Request.State.OPEN)
        callers = list(called.values_list("pk", flat=True))
        numbers = numbers + callers
    return numbers


def _unread(requests: Sequence[int], stop: Stop) -> bool:
    """Whether an answer that came in time may lie in a mailbox that was not read since, or wait to be handled."""
    lines = AskLine.objects.filter(
        assignment__visit__request__in=requests, assignment__state=Assignment.State.OPEN, asks_back=None
    )
    asks = Ask.objects.filter(lines__in=lines, outgoing__isnull=False).distinct()
    asked = list(asks.values_list("outgoing__mailbox", "code_hash", "created_at"))
    if not asked:
        return False
    mailboxes, codes, moments = zip(*asked, strict=True)
    return not read_past({*mailboxes}, stop.at, codes, asked_at=min(moments))


def _leads_on(requests: Sequence[int]) -> bool:
    """Whether something is still to be done that answers which came in time led to."""
    tasks = CallTask.objects.filter(visit__request__in=requests, visit__state=Visit.State.OPEN, done_at=None)
    return tasks.exclude(what=CallTask.What.WITHDRAW).exists()


def _is_held(requests: Sequence[int]) -> bool:
    """Whether what somebody decided in time waits until it can no longer be undone."""
    return Visit.objects.filter(request__in=requests, state=Visit.State.HELD).exists()


def _is_due_before(requests: Sequence[int], stop: Stop) -> bool:
    """Whether a step, or a called request, ends by its own clock before this one. A step in which nobody is asked does
    not, nor one whose clock stands."""
    seats = Assignment.objects.filter(visit=OuterRef("visit"), state=Assignment.State.OPEN)
    ends = Q(what=Timer.What.GO_ON) | Q(Exists(seats), what=Timer.What.EXPIRE)
    timers = Timer.objects.filter(
        ends,
        visit__request__in=requests,
        visit__state=Visit.State.OPEN,
        state=Timer.State.WAITING,
        at__lte=stop.at,
    )
    stops = Stop.objects.filter(request__in=requests, state=State.WAITING, at__lte=stop.at)
    return timers.exists() or stops.exclude(pk=stop.pk).exists()
