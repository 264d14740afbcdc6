"""Where a request stands, in sentences: for whoever asks by mail."""

from collections.abc import Iterator
from datetime import datetime

from django.utils.translation import gettext as _

from placet.approvals import engine_stops
from placet.approvals.definitions import definition_of
from placet.approvals.delegate_words import in_place_of, who_decided
from placet.approvals.engine_hold import until_of
from placet.approvals.models import Assignment, Clarification, Decision, Delegate, Request, Timer, Visit
from placet.approvals.steps import ApprovalStep, ParallelStep, WaitStep
from placet.lib import clock
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
    """A line for each step that the request is in, and those of its clock and of questions to the requester."""
    steps = definition_of(request.version).steps
    names = _names(request)
    for visit in request.visits.filter(state__in=Visit.LIVE).order_by("pk"):
        step, people = steps[visit.step_key], names.get(visit.pk, [])
        if isinstance(step, ParallelStep):
            continue
        if (until := until_of(visit)) is not None:
            yield _("{step}: decided; can be undone until {time}").format(step=step.name, time=when(until))
            continue
        if visit.state == Visit.State.STUCK and not people:
            yield _("{step}: cannot go on; an administrator has to help").format(step=step.name)
        elif people:
            shown = ", ".join(people[:MOST_NAMES]) + (" …" if len(people) > MOST_NAMES else "")
            line = _("{step}: waiting for {names} since {time}")
            yield line.format(step=step.name, names=shown, time=when(visit.opened_at))
        else:
            yield _("{step}: waiting since {time}").format(step=step.name, time=when(visit.opened_at))
        if isinstance(step, ApprovalStep | WaitStep):
            yield from _clock(step, visit)
        yield from _questions(step.name, visit)


def _names(request: Request) -> dict[int, list[str]]:
    """Who is asked, by visit, each with whoever is asked in their place."""
    seats = Assignment.objects.filter(visit__request=request, state=Assignment.State.OPEN)
    rows = Delegate.objects.filter(assignment__in=seats, state=Delegate.State.OPEN).order_by("id")
    delegates: dict[int, list[str]] = {}
    for seat, name in rows.values_list("assignment", "person__name"):
        delegates.setdefault(seat, []).append(name)
    names: dict[int, list[str]] = {}
    for seat, visit, name in seats.order_by("id").values_list("id", "visit", "person__name"):
        others = [in_place_of(delegate, name) for delegate in delegates.get(seat, ())]
        names.setdefault(visit, []).extend([name, *others])
    return names


def _clock(step: ApprovalStep | WaitStep, visit: Visit) -> Iterator[str]:
    """Until when an answer is wanted, and what becomes of the step without one; or since when its clock stands."""
    if step.due is None:
        return
    timers = {timer.what: timer for timer in visit.timers.filter(assignment=None).order_by("number")}
    stop = timers.get(Timer.What.RESUME)
    if stop is not None and stop.state == Timer.State.WAITING:
        since = datetime.fromisoformat(stop.basis["from"])
        line = _(
            "{step}: the time for an answer has stood still since {since}; it goes on at {time} at the latest"
        )
        yield line.format(step=step.name, since=when(since), time=when(stop.at))
        return
    due, end = timers.get(Timer.What.DUE), timers.get(Timer.What.EXPIRE)
    if (goes_on := timers.get(Timer.What.GO_ON)) is not None:
        yield _("{step}: goes on by itself at {time}").format(step=step.name, time=when(goes_on.at))
    if due is not None:
        line = _("{step}: was due {time}") if due.at < clock.now() else _("{step}: due {time}")
        yield line.format(step=step.name, time=when(due.at))
    if end is not None and isinstance(step, ApprovalStep):
        answer = _("“{word}”").format(word=step.outcome(step.expires_to).shown)
        line = _("{step}: ends without an answer as {answer} at {time}")
        yield line.format(step=step.name, answer=answer, time=when(end.at))


def _questions(step: str, visit: Visit) -> Iterator[str]:
    """To the requester, which are open: whose they are, and nothing of what they say."""
    asked = visit.clarifications.filter(state=Clarification.State.OPEN).select_related("asked_by")
    for one in asked:
        line = _("{step}: {name} asked {requester} something on {time}, which is not answered yet")
        yield line.format(
            step=step, name=one.asked_by.name, requester=visit.request.requester.name,
            time=when(one.asked_at),
        )  # fmt: skip
