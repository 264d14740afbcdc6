"""What is to be done for steps that call another process: rows of work, which `placet.approvals.calling` works.
Called by the engine.

A request that was called never locks the one that called it: whoever holds a lock on a request may wait for that of one
that it called, and for no other. So what it came to is a row first.
"""

from placet.approvals.models import CallTask, Request, Visit
from placet.lib import clock, rows


def order(visit: Visit) -> None:
    """The step's request is to be started, or, if it was stuck, tried once more."""
    task, _ = CallTask.objects.get_or_create(visit=visit, what=CallTask.What.START)
    rows.change(task, due=clock.now(), done_at=None)


def report(request: Request) -> None:
    """A request has come to its end; if a step called it, that goes on."""
    if request.parent_visit_id is not None:
        rows.insert_new(CallTask(visit_id=request.parent_visit_id, what=CallTask.What.GO_ON))


def drop(visit: Visit) -> None:
    """A visit is over before its time: what it called is not needed any more."""
    if Request.objects.filter(parent_visit=visit, state=Request.State.OPEN).exists():
        rows.insert_new(CallTask(visit=visit, what=CallTask.What.WITHDRAW))
