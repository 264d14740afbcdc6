"""Which steps are late: open, past their deadline, and with a clock that runs. Which seats wait for an answer of the
requester, and not of whoever has them."""

from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.expressions import Combinable

from placet.approvals.models import Clarification, Timer, Visit


def late_visits(now: datetime) -> QuerySet[Visit]:
    """In no order. Whoever asks narrows it to a few requests: it looks at the clock of each open step."""
    return Visit.objects.filter(is_late(OuterRef("pk"), now), state=Visit.State.OPEN).order_by()


def is_late(visit: Combinable, now: datetime) -> Q:
    """Whether the deadline of a visit has come (from its very moment on, as timers act), and its clock does not
    stand. `visit`: its id, in the query that this is a condition of."""
    clocks = Timer.objects.filter(visit=visit, assignment=None).order_by()
    running = (Timer.State.WAITING, Timer.State.ACTED)
    passed = clocks.filter(what=Timer.What.DUE, at__lte=now, state__in=running)
    return Exists(passed) & ~Exists(clocks.filter(what=Timer.What.RESUME, state=Timer.State.WAITING))


def is_paused() -> Exists:
    """Of a seat: whoever has it asked the requester something, or the clock of its step stands because somebody did."""
    is_open: dict[str, Any] = {"visit": OuterRef("visit"), "state": Clarification.State.OPEN}
    return Exists(Clarification.objects.filter(Q(pauses=True) | Q(assignment=OuterRef("pk")), **is_open))
