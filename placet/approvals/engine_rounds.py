"""A request does not go round by itself. Called by `placet.approvals.engine_visits`, which holds the request's lock.

A step may be entered again only if something came from outside since it was entered last: an answer, a signal, a
moment that a clock came to, the end of a called request in which one of these came, or what an administrator did. So
each of these brings a request into a step once at the most, and what follows from one of them comes to an end.

What came before what is read off the request's record. Its entries are numbered in the order in which things happened,
whatever the clock said, and wherever in the request it was: a visit that began early may be answered late.
"""

from itertools import takewhile
from typing import Any

from django.db.models import F

from placet.approvals.definitions import Definition, definition_of
from placet.approvals.models import Request, Timer, Visit
from placet.approvals.steps import CallStep, EndStep, WaitStep
from placet.audit import chain
from placet.audit.models import AuditEntry
from placet.lib.sentences import Sentence

#: Events of the record that tell of something from outside. An answer that can be undone counts once more when it takes
#: effect: only then does anything follow from it. A signal counts when a step takes it.
FROM_OUTSIDE = frozenset(
    {
        "decided",
        "undone",
        "took effect",
        "signal taken",
        "expired",
        "stopped",
        "tried again",
        "withdrawn",
        "reassigned",
    }
)
BY_ITSELF = "system"  # who made an entry that no person made


def must_not_go_round(
    request: Request, definition: Definition, step_key: str, *, once_more: bool = False
) -> None:
    """LookupError where a step would be entered again though nothing came from outside since the last time, which would
    never end; or more often than the process lets it, unless `once_more`."""
    if isinstance(definition.steps[step_key], EndStep):
        return
    last = request.visits.filter(step_key=step_key).order_by("-round").first()
    if last is None:
        return
    name = definition.steps[step_key].name
    if not went_on(request, definition, last):
        raise LookupError(Sentence("“{step}” would be entered again without anybody's answer", step=name))
    if last.round >= definition.rounds and not once_more:
        raise LookupError(Sentence("“{step}” was entered {n} times already", step=name, n=last.round))


def went_on(request: Request, definition: Definition, since: Visit) -> bool:
    """Whether anything came from outside since a visit of the request was entered. `definition`: of the request."""
    entered = ("entered", since.step_key, since.round)
    later = takewhile(lambda entry: _what_and_where(entry) != entered, chain.newest_first(request.pk))
    return any(_came_from_outside(request, definition, entry) for entry in later)


def _what_and_where(entry: AuditEntry) -> tuple[Any, Any, Any]:
    return entry.what.get("event"), entry.what.get("step"), entry.what.get("round")


def _came_from_outside(request: Request, definition: Definition, entry: AuditEntry) -> bool:
    event, step_key, number = _what_and_where(entry)
    if event == "no longer asked":  # whoever left, or whom an answer given elsewhere keeps out
        return entry.who != BY_ITSELF
    if event != "closed":
        return event in FROM_OUTSIDE
    step = definition.steps.get(step_key)
    if isinstance(step, CallStep):
        return _called_went_on(request, step_key, number)
    return isinstance(step, WaitStep) and _was_due(request, step_key, number)


def _was_due(request: Request, step_key: str, number: int) -> bool:
    """Whether a step waited for the moment that ended it: one that was past then did not come since."""
    timers = Timer.objects.filter(
        visit__request=request, visit__step_key=step_key, visit__round=number, what=Timer.What.GO_ON
    )
    return timers.filter(state=Timer.State.ACTED, at__gt=F("visit__opened_at")).exists()


def _called_went_on(request: Request, step_key: str, number: int) -> bool:
    """Whether the request that a step called came to its end by something from outside, however deep below it."""
    calls = Request.objects.filter(
        parent_visit__request=request, parent_visit__step_key=step_key, parent_visit__round=number
    )
    for called in calls.select_related("version"):  # one, or none where the step was over before
        definition = definition_of(called.version)
        if any(_came_from_outside(called, definition, one) for one in chain.newest_first(called.pk)):
            return True
    return False
