"""How many requests one request may call: so deep, and so many at a time. Looked at when a process is published, by
what is published then; and when a step calls, for other processes may have newer versions by then.
"""

from collections.abc import Callable, Iterator
from functools import cache

from placet.approvals.definitions import Definition, Place
from placet.approvals.models import Request
from placet.approvals.steps import CallStep, ParallelStep

DEEPEST = 5  # requests that call each other
MOST_OPEN = 100  # requests that one called, itself or through others


# --- before publishing ------------------------------------------------------------------------------------


def problems_of_calls(
    definition: Definition, process_named: Callable[[str], Definition | None]
) -> Iterator[str]:
    """`process_named`: a process by its key, as it is published now."""

    @cache
    def most_of(key: str, depth: int) -> int:
        called = process_named(key)
        return 0 if called is None else _most_at_once(called, lambda other: _and_below(other, depth))

    def _and_below(key: str, depth: int) -> int:
        """What one call comes to. `depth`: of the request that calls."""
        return 1 + most_of(key, depth + 1) if depth < DEEPEST else 0

    number = _most_at_once(definition, lambda key: _and_below(key, 0))
    if number > MOST_OPEN:
        yield (
            f"steps: its calls, with those of the processes that they call, come to {number} requests at a time; "
            f"{MOST_OPEN} is the most"
        )


def _most_at_once(definition: Definition, of_call: Callable[[str], int]) -> int:
    """Of the steps of one place a request is in one at a time; of the branches of a block in each."""
    inside: dict[Place, list[str]] = {}
    for key, place in definition.places.items():
        inside.setdefault(place, []).append(key)

    def most(place: Place) -> int:
        return max((most_in(place, key) for key in inside.get(place, ())), default=0)

    def most_in(place: Place, key: str) -> int:
        step = definition.steps[key]
        if isinstance(step, CallStep):
            return of_call(step.process)
        if isinstance(step, ParallelStep):
            return sum(most((*place, (key, branch))) for branch in step.branches)
        return 0

    return most(())


# --- when a step calls ------------------------------------------------------------------------------------


def callers_of(request: Request) -> list[Request]:
    """Of the request that called it to the outermost one; none further up than a call may be deep."""
    callers: list[Request] = []
    while request.parent_visit_id is not None and len(callers) <= DEEPEST:
        request = Request.objects.get(visits=request.parent_visit_id)
        callers.append(request)
    return callers


def open_below(outermost: Request) -> int:
    """How many requests that it called, itself or through others, have not ended; no more than a few above the limit
    are counted. Nobody's lock keeps others from calling meanwhile, so two that call at the same instant may both be
    the last one."""
    number, callers = 0, [outermost.pk]
    while callers and number < MOST_OPEN:
        called = Request.objects.filter(parent_visit__request__in=callers, state=Request.State.OPEN)
        callers = list(called.values_list("pk", flat=True)[:MOST_OPEN])
        number += len(callers)
    return number
