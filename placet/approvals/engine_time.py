"""The clock of a step: when it is due, when whoever is asked is reminded, when it expires. Each moment is a row of work
(`Timer`), which `placet.approvals.timing` works. Called by the engine, which holds the request's lock.

A deadline counts from when people are first asked, of a step that waits from when it is entered. Nothing stops a
clock: a timer whose visit is over does nothing. Whatever people enter, whoever is asked has time for an answer before
the step expires.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.utils import timezone

from placet.accounts import calendars
from placet.accounts.calendars import Hours
from placet.accounts.models import Person
from placet.approvals import earlier
from placet.approvals.deadlines import (
    Amount,
    Deadline,
    DeadlineInvalid,
    is_amount,
    moment_of,
    reminder_at,
)
from placet.approvals.definitions import ApprovalStep, Definition, WaitStep
from placet.approvals.models import Assignment, Request, Timer, Visit
from placet.approvals.record import note
from placet.lib import rows
from placet.lib.conditions import ConditionError, value_of
from placet.lib.sentences import Sentence
from placet.lib.working_time import NoWorkingTime

Step = ApprovalStep | WaitStep
LEAST = Amount("1 working day")  # between being asked and an expiry that the process alone does not name


class NoDeadline(Exception):
    """A step's deadline cannot be reckoned; the sentence says why."""


def begin(request: Request, definition: Definition, visit: Visit, asked: Sequence[Person] = ()) -> None:
    """Start the clock of a visit, if its step has one and it does not run yet. `asked`: whom it asks now. Raises
    NoDeadline."""
    step = _timed(definition, visit)
    if step is None:
        return
    if visit.timers.exists():
        if asked and visit.state == Visit.State.STUCK:
            _leave_time(request, visit)
        return
    start = timezone.now()
    hours = _hours(definition, step, asked)
    timers = _reckoned(request, definition, visit, step, hours, start)
    if timers:
        Timer.objects.bulk_create(timers)
        note_moments(request, visit, "due set", timers)
    elif isinstance(step, WaitStep) and not step.waits_for_more:
        raise NoDeadline(Sentence("it waits for a moment that nothing names"))


def _leave_time(request: Request, visit: Visit) -> None:
    """Whoever is asked in a step that was stuck has some, though its end came near or passed meanwhile."""
    end = end_of(visit)
    if end is None:
        return
    hours = _hours_again(end.basis)
    with _reckoning(hours):
        earliest = LEAST.after(hours.working_time, timezone.now())
    if end.at < earliest:
        rows.change(end, at=earliest, due=earliest)
        note_moments(request, visit, "due moved", [end])


def reckon_again(request: Request, definition: Definition) -> Collection[int]:
    """The request has other data: deadlines that hang on it move, where they have not passed, or begin. What cannot be
    reckoned with it stays as it was. Gives the visits whose deadline is another one now."""
    moved = set()
    for visit in request.visits.filter(state__in=Visit.LIVE, result="").order_by("pk"):
        step = _timed(definition, visit)
        if step is not None and step.due is not None and step.due.hangs_on_data:
            try:
                if _reckon_again(request, definition, visit, step):
                    moved.add(visit.pk)
            except NoDeadline:
                continue
    return moved


def _reckon_again(request: Request, definition: Definition, visit: Visit, step: Step) -> bool:
    """Whether anything moved, or began."""
    present = {(timer.what, timer.number): timer for timer in visit.timers.filter(assignment=None)}
    deadline, now = present.get((_deadline_of(step), 0)), timezone.now()
    if deadline is None:
        asked = visit.assignments.filter(state=Assignment.State.OPEN).select_related("person")
        people = [seat.person for seat in asked]
        if people:  # else its clock begins when somebody is
            begin(request, definition, visit, people)
        return bool(people) and visit.timers.exists()
    if deadline.state != Timer.State.WAITING or deadline.at <= now:
        return False
    start, hours = datetime.fromisoformat(deadline.basis["from"]), _hours_again(deadline.basis)
    timers = _reckoned(request, definition, visit, step, hours, start, moved_at=now)
    if not timers or timers[0].at == deadline.at:
        return False
    _move(request, visit, present, timers, now)
    return True


def _move(
    request: Request,
    visit: Visit,
    present: Mapping[tuple[str, int], Timer],
    wanted: Sequence[Timer],
    now: datetime,
) -> None:
    moved, left = [], dict(present)
    for timer in wanted:
        kept = left.pop((timer.what, timer.number), None)
        if kept is None:
            timer.save()
            moved.append(timer)
        elif kept.state == Timer.State.WAITING:
            rows.change(kept, at=timer.at, due=timer.at, basis=timer.basis)
            moved.append(kept)
    for timer in left.values():  # reminders whose moment is past by the new deadline
        if timer.state == Timer.State.WAITING:
            rows.change(timer, state=Timer.State.NEEDLESS, acted_at=now)
    note_moments(request, visit, "due moved", moved)


def note_moments(request: Request, visit: Visit, event: str, timers: Sequence[Timer]) -> None:
    """On the request's record: when what is due in a visit, and what that was reckoned by."""
    where: dict[str, Any] = {"step": visit.step_key, "round": visit.round, "revision": request.revision}
    moments = [[timer.what, timer.number, timer.at.isoformat()] for timer in timers]
    note(request, None, event, **where, timers=moments, basis=timers[0].basis)


# --- reckoning --------------------------------------------------------------------------------------------


def _timed(definition: Definition, visit: Visit) -> Step | None:
    step = definition.steps[visit.step_key]
    return step if isinstance(step, ApprovalStep | WaitStep) and step.due is not None else None


def _deadline_of(step: Step) -> Timer.What:
    """What stands for it."""
    return Timer.What.GO_ON if isinstance(step, WaitStep) else Timer.What.DUE


def _hours(definition: Definition, step: Step, asked: Sequence[Person]) -> Hours:
    """By the step's calendar, or the process's; else of whoever is asked alone, or the installation's."""
    key = step.calendar or definition.calendar
    if key is not None:
        version = calendars.version_of(key)
        if version is None:
            raise NoDeadline(_no_calendar(key))
        return calendars.hours(version)
    return calendars.of_person(asked[0]) if len(asked) == 1 else calendars.of_installation()


def _hours_again(basis: Mapping[str, Any]) -> Hours:
    """Those that something was reckoned with."""
    if basis["calendar"] == calendars.BUILT_IN:
        return calendars.built_in(basis["zone"])
    version = calendars.version_of(basis["calendar"], basis["version"])
    if version is None:
        raise NoDeadline(_no_calendar(basis["calendar"]))
    return calendars.hours(version)


def _no_calendar(key: str) -> Sentence:
    return Sentence("there is no calendar “{calendar}” any more", calendar=key)


@contextmanager
def _reckoning(hours: Hours) -> Iterator[None]:
    """What cannot be reckoned is NoDeadline."""
    try:
        yield
    except (ConditionError, DeadlineInvalid) as error:
        raise NoDeadline(
            Sentence("its deadline cannot be reckoned: {problem}", problem=str(error))
        ) from error
    except NoWorkingTime as error:
        raise NoDeadline(
            Sentence("the calendar “{calendar}” has no working time for its deadline", calendar=hours.key)
        ) from error


def _reckoned(
    request: Request,
    definition: Definition,
    visit: Visit,
    step: Step,
    hours: Hours,
    start: datetime,
    *,
    moved_at: datetime | None = None,
) -> list[Timer]:
    """The timers of a visit whose clock began at `start`, its deadline first; none without a deadline. `moved_at`: when
    it becomes another one. A requester's day may be past, or come in a minute: whoever is asked has time all the same,
    of which nobody takes them more away than the process does."""
    assert step.due is not None
    with _reckoning(hours):
        value = _value_named_by(request, definition, step.due)
        due = _moment(step.due, value, hours, start)
        if due is None:
            return []
        leaves_time = moved_at is not None or not is_amount(value)
        basis = {"from": start.isoformat(), **hours.basis}
        return list(_timers(visit, step, hours, due, moved_at or start, basis, leaves_time=leaves_time))


def _value_named_by(request: Request, definition: Definition, due: Deadline) -> Any:
    """What names the deadline: an amount, a day or a moment."""
    if due.expression is not None:
        return value_of(due.expression, earlier.Values(definition, request))
    return due.within or request.data.get(due.field or "")


def _moment(due: Deadline, value: Any, hours: Hours, start: datetime) -> datetime | None:
    moment = moment_of(value, hours.working_time, start)
    if moment is None:
        return None
    if due.before is not None:
        return Amount(due.before).before(hours.working_time, moment)
    return moment if due.after is None else Amount(due.after).after_deadline(hours.working_time, moment)


def _timers(
    visit: Visit,
    step: Step,
    hours: Hours,
    due: datetime,
    now: datetime,
    basis: Mapping[str, Any],
    *,
    leaves_time: bool,
) -> Iterator[Timer]:
    """A reminder whose moment is past is none."""

    def timer(what: Timer.What, at: datetime, number: int = 0) -> Timer:
        return Timer(visit=visit, what=what, number=number, at=at, due=at, basis=basis)

    if isinstance(step, WaitStep):
        yield timer(Timer.What.GO_ON, due)
        return
    yield timer(Timer.What.DUE, due)
    for number, text in enumerate(step.remind or (), start=1):
        at = reminder_at(text, hours.working_time, due)
        if at > now:
            yield timer(Timer.What.REMIND, at, number)
    if step.expire is not None:
        after = step.expire.after
        at = due if after is None else Amount(after).after_deadline(hours.working_time, due)
        yield timer(Timer.What.EXPIRE, max(at, LEAST.after(hours.working_time, now)) if leaves_time else at)


# --- what is asked of it ----------------------------------------------------------------------------------


def end_of(visit: Visit) -> Timer | None:
    """What ends a visit without an answer, unless it did."""
    return visit.timers.filter(what=Timer.What.EXPIRE, state=Timer.State.WAITING).first()


def has_expired(visit_id: int) -> bool:
    """Whether a visit ended because it was not decided in time."""
    acted = Timer.objects.filter(visit=visit_id, what=Timer.What.EXPIRE, state=Timer.State.ACTED)
    return acted.exists()


def is_too_late(step: ApprovalStep, visit: Visit, moment: datetime) -> bool:
    """Whether an answer that came at this moment came after the step's end, though that may not have been acted on. As
    long as an earlier moment was not, which is late then, the end is moved by it (`timing`)."""
    if step.expire is None:
        return False
    waiting = list(visit.timers.filter(assignment=None, state=Timer.State.WAITING).order_by("at", "id"))
    ends = [timer.at for timer in waiting if timer.what == Timer.What.EXPIRE]
    return any(end < moment and end == waiting[0].at for end in ends)
