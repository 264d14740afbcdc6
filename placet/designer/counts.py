"""How many requests of processes run, are late, and need help: three queries, however many processes and requests."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import Count

from placet.approvals.late import late_visits
from placet.approvals.models import Process, Request, Visit
from placet.lib import clock

#: Requests that run, the oldest first, whose clocks are looked at: what is late is seldom new.
LOOKED_AT = 5_000


@dataclass(frozen=True)
class Counts:
    """Of one process. `late`: of the oldest LOOKED_AT that run in all processes that were asked for together;
    `more_late`: newer ones were not looked at, and may be late, too."""

    runs: int = 0
    late: int = 0
    stuck: int = 0
    more_late: bool = False


def counts_of(processes: Collection[Process]) -> dict[int, Counts]:
    """By id of the process."""
    ids = [process.pk for process in processes]
    if not ids:
        return {}
    of_process = "request__version__process"
    running = Request.objects.filter(state=Request.State.OPEN, version__process__in=ids).order_by()
    runs = Counter(dict(running.values_list("version__process").annotate(n=Count("pk"))))
    looked_at = running.order_by("pk").values_list("pk", flat=True)[:LOOKED_AT]
    late = late_visits(clock.now()).filter(request__in=looked_at)
    # Of all processes: they are few, and asked for some a database might look at each request of these.
    stuck = Visit.objects.filter(state=Visit.State.STUCK).order_by()
    lates, stucks = (
        Counter(dict(found.values_list(of_process).annotate(n=Count("request", distinct=True))))
        for found in (late, stuck)
    )
    more = runs.total() > LOOKED_AT
    return {pk: Counts(runs[pk], lates[pk], stucks[pk], more) for pk in ids}
