"""Where a request stands, in sentences: for whoever asks by mail."""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from placet.approvals import engine_stops
from placet.approvals.definitions import ParallelStep, definition_of
from placet.approvals.delegate_words import who_decided
from placet.approvals.engine_hold import until_of
from placet.approvals.models import Assignment, Decision, Request, Visit
from placet.mail.writing import when

MOST_NAMES = 10  # of a step that waits


def standing_of(request: Request) -> list[str]:
    """Its state, what was decided, and for whom it waits, in the language that is active. No comments, and nothing of
    the form: whoever asks may be shown a part of it only."""
    state = _STATES[Request.State(request.state)]().format(
        title=request.title, number=request.number, result=_result(request)
    )
    if request.state != Request.State.OPEN:
        return [state, *_decided(request)]
    return [state, *_decided(request), *_waiting(request), *_at_the_latest(request)]


_STATES = {
    Request.State.OPEN: lambda: _("“{title}” (number {number}) is not finished yet."),
    Request.State.ENDED: lambda: _("“{title}” (number {number}) has ended: {result}."),
    Request.State.WITHDRAWN: lambda: _("“{title}” (number {number}) was withdrawn."),
}


def _result(request: Request) -> str:
    return definition_of(request.version).result_names.get(request.result, request.result)


def _decided(request: Request) -> Iterator[str]:
    definition = definition_of(request.version)
    decisions = Decision.objects.filter(assignment__visit__request=request).select_related(
        "by_person", "assignment__visit", "assignment__person"
    )
    for decision in decisions.order_by("at", "id"):
        step = definition.approval(decision.assignment.visit.step_key)
        yield _("{step}: {answer} by {name}, {time}").format(
            step=step.name,
            answer=step.outcome(decision.outcome).done,
            name=who_decided(decision),
            time=when(decision.at),
        )


def _at_the_latest(request: Request) -> Iterator[str]:
    definition = definition_of(request.version)
    stop = engine_stops.waiting_for(request, definition)
    if stop is not None and definition.longest is not None:
        line = _("If it is not decided before {time}, it ends as “{result}”.")
        name = definition.result_names[definition.longest.result]
        yield line.format(time=when(stop.at), result=name)


def _waiting(request: Request) -> Iterator[str]:
    """A line for each step that the request is in."""
    steps = definition_of(request.version).steps
    seats = Assignment.objects.filter(visit__request=request, state=Assignment.State.OPEN)
    names: dict[int, list[str]] = {}
    for visit_id, name in seats.order_by("id").values_list("visit", "person__name"):
        names.setdefault(visit_id, []).append(name)
    for visit in request.visits.filter(state__in=Visit.LIVE).order_by("pk"):
        step, people = steps[visit.step_key], names.get(visit.pk, [])
        if isinstance(step, ParallelStep):
            continue
        if (until := until_of(visit)) is not None:
            yield _("{step}: decided; can be undone until {time}").format(step=step.name, time=when(until))
        elif visit.state == Visit.State.STUCK and not people:
            yield _("{step}: cannot go on; an administrator has to help").format(step=step.name)
        elif people:
            shown = ", ".join(people[:MOST_NAMES]) + (" …" if len(people) > MOST_NAMES else "")
            line = _("{step}: waiting for {names} since {time}")
            yield line.format(step=step.name, names=shown, time=when(visit.opened_at))
        else:
            yield _("{step}: waiting since {time}").format(step=step.name, time=when(visit.opened_at))
