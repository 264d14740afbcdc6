"""What is due moves when a calendar has a new version: what is not due yet of every visit that was reckoned with an
older one is reckoned anew, under the lock of its request. One row of work is one visit, which is done once its timers
say that they were compared with the newest version; so it is left off anywhere, and what another transaction reckoned
meanwhile with the older one is seen by the next look.
"""

from django.db import transaction
from django.db.models import Max

from placet.accounts.models import Calendar
from placet.approvals import engine, engine_asks, engine_time
from placet.approvals.definitions import definition_of
from placet.approvals.models import Assignment, Request, Timer, Visit
from placet.audit import chain


def due(limit: int) -> list[int]:
    """Visits with something to come that was reckoned with an older version of a calendar than its newest."""
    newest = Calendar.objects.annotate(newest=Max("versions__number")).filter(newest__gt=1)
    visits: list[int] = []
    for key, number in newest.order_by("pk").values_list("key", "newest"):
        if len(visits) < limit:
            visits += _behind(key, number, limit - len(visits))
    return visits


def _behind(calendar: str, number: int, limit: int) -> list[int]:
    waiting = Timer.objects.filter(state=Timer.State.WAITING, assignment=None)
    behind = (
        waiting.filter(calendar=calendar, seen_version__lt=number).order_by().values_list("visit", flat=True)
    )
    return list(behind.distinct()[:limit])


def work(visit_id: int) -> bool:
    """Reckon once more what is to come in a visit; called again it does nothing."""
    with transaction.atomic(), chain.together():
        request = engine.lock(Visit.objects.values_list("request_id", flat=True).get(pk=visit_id))
        visit = Visit.objects.get(pk=visit_id)
        visit.request = request
        definition = definition_of(request.version)
        if visit.state not in Visit.LIVE or visit.result:
            # What waits there does nothing any more, and need not be looked at again.
            visit.timers.update(calendar="")
            return False
        moved, ends_earlier = engine_time.reckon_by_newest(request, definition, visit)
        if ends_earlier:
            _ask_again(request, visit)
        return moved


def _ask_again(request: Request, visit: Visit) -> None:
    """Their mails say a later end. The older codes stay good."""
    definition = definition_of(request.version)
    asked = visit.assignments.filter(state=Assignment.State.OPEN, page_only=False)
    for seat in asked.select_related("visit", "person").order_by("pk"):
        for reader in engine_asks.readers(seat):
            engine_asks.ask(request, definition, seat, again=True, delegate=reader.delegate)
