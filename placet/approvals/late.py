"""Which steps are late: open, past their deadline, and with a clock that runs."""

from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.expressions import Combinable

from placet.approvals.models import Timer, Visit


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
