"""Which steps are late: open, past their deadline, and with a clock that runs."""

from datetime import datetime

from django.db.models import Exists, OuterRef, QuerySet

from placet.approvals.models import Timer, Visit


def late_visits(now: datetime) -> QuerySet[Visit]:
    """In no order. Whoever asks narrows it to a few requests: it looks at the clock of each open step."""
    clocks = Timer.objects.filter(visit=OuterRef("pk"), assignment=None).order_by()
    passed = clocks.filter(
        what=Timer.What.DUE, at__lt=now, state__in=(Timer.State.WAITING, Timer.State.ACTED)
    )
    stands = clocks.filter(what=Timer.What.RESUME, state=Timer.State.WAITING)
    return Visit.objects.filter(Exists(passed), ~Exists(stands), state=Visit.State.OPEN).order_by()
