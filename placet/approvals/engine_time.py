"""The clock of a step: when it is due, when whoever is asked is reminded, when it expires. Each moment is a row of work
(`Timer`), which `placet.approvals.timing` works. Called by the engine, which holds the request's lock.

A deadline counts from when people are first asked, of a step that waits from when it is entered. A timer whose visit
is over does nothing. Whatever people enter, whoever is asked has time for an answer before the step expires.

A clock stands while the requester is asked something (`pause`, `resume`): what was still to come is as far away in
working time afterwards as it was before. How long and how often is bounded, or a question would stall for ever. So does
the clock of a visit that is decided, as long as an answer can be undone (`hold`, `release`).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet

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
    rung_at,
    warning_at,
)
from placet.approvals.definitions import Definition
from placet.approvals.models import Assignment, Request, Timer, Visit
from placet.approvals.record import note
from placet.approvals.steps import ApprovalStep, WaitStep
from placet.lib import clock, rows
from placet.lib.conditions import ConditionError, value_of
from placet.lib.sentences import Sentence
from placet.lib.working_time import NoWorkingTime, WorkingTime

Step = ApprovalStep | WaitStep
MOST_PAUSES = 5  # of a visit
#: Of timers that may still act, at once or when the clock goes on.
RUNNING = (Timer.State.WAITING, Timer.State.PAUSED)
LEAST = Amount("1 working day")  # between being asked and an expiry that the process alone does not name


class NoDeadline(Exception):
    """A step's deadline cannot be reckoned; the sentence says why."""


def begin(request: Request, definition: Definition, visit: Visit, asked: Sequence[Person] = ()) -> None:
    """Start the clock of a visit, if its step has one and it does not run yet. `asked`: whom it asks now. Raises
    NoDeadline."""
    step = _timed(definition, visit)
    if step is None:
        return
    if _clock(visit).exists():
        if asked and visit.state == Visit.State.STUCK and isinstance(step, ApprovalStep):
            _leave_time(request, visit, step)
        return
    start = clock.now()
    hours = _hours(definition, step, asked)
    timers = _reckoned(request, definition, visit, step, hours, start)
    if timers:
        Timer.objects.bulk_create(timers)
        note_moments(request, visit, "due set", timers)
    elif isinstance(step, WaitStep) and not step.waits_for_more:
        raise NoDeadline(Sentence("it waits for a moment that nothing names"))


def _leave_time(request: Request, visit: Visit, step: ApprovalStep) -> None:
    """Whoever is asked in a step that was stuck has some, though what comes if they do not answer came near or passed
    meanwhile: others are asked, or the step ends."""
    kinds = (Timer.What.ESCALATE, Timer.What.EXPIRE)
    coming = list(visit.timers.filter(what__in=kinds, state=Timer.State.WAITING).order_by("at", "id"))
    if not coming:
        return
    hours = _hours_again(coming[0].basis)
    moved: list[Timer] = []
    with _reckoning(hours):
        earliest = LEAST.after(hours.working_time, clock.now())
        for timer in coming:
            if timer.at < earliest:
                moved += _put_off(visit, step, timer, earliest, hours)
            earliest = LEAST.after_deadline(hours.working_time, timer.at)
    if moved:
        note_moments(request, visit, "due moved", moved)


def leave_time_after_rung(request: Request, visit: Visit, step: ApprovalStep) -> None:
    """Whoever is asked now because others did not answer has a working day before the step ends, however late they are
    asked."""
    end = end_of(visit)
    if end is None:
        return
    try:
        hours = _hours_again(end.basis)
        with _reckoning(hours):
            earliest = LEAST.after_deadline(hours.working_time, clock.now())
    except NoDeadline:  # without working time nobody could have any
        return
    if end.at < earliest:
        moved = _put_off(visit, step, end, earliest, hours)
        note_moments(request, visit, "due moved", moved)


def _put_off(visit: Visit, step: ApprovalStep, timer: Timer, at: datetime, hours: Hours) -> Sequence[Timer]:
    """A rung or the end comes later, and with the end what warns of it, if it did not yet. What moved."""
    rows.change(timer, at=at, due=at)
    moved = [timer]
    if timer.what != Timer.What.EXPIRE:
        return moved
    waiting = visit.timers.filter(what=Timer.What.WARN, assignment=None, state=Timer.State.WAITING)
    moments, now = dict(_warnings(visit, _warned_of(step), hours.working_time, at)), clock.now()
    for warning in waiting:
        moment = moments[warning.number]
        if moment > now:
            rows.change(warning, at=moment, due=moment)
            moved.append(warning)
        else:
            rows.change(warning, state=Timer.State.NEEDLESS, acted_at=now)
    return moved


def reckon_again(request: Request, definition: Definition) -> Collection[int]:
    """The request has other data: deadlines that hang on it move, where they have not passed, or begin. What cannot be
    reckoned with it stays as it was. Gives the visits whose deadline is another one now."""
    moved = set()
    running = request.visits.filter(state__in=Visit.LIVE, result="").exclude(state=Visit.State.HELD)
    for visit in running.order_by("pk"):
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
    deadline, now = present.get((_deadline_of(step), 0)), clock.now()
    if deadline is None:
        asked = visit.assignments.filter(state=Assignment.State.OPEN).select_related("person")
        people = [seat.person for seat in asked]
        if people:  # else its clock begins when somebody is
            begin(request, definition, visit, people)
        return bool(people) and _clock(visit).exists()
    stands = deadline.state == Timer.State.PAUSED  # then it is not past, whatever its moment
    if deadline.state not in RUNNING or (deadline.at <= now and not stands):
        return False
    start, hours = datetime.fromisoformat(deadline.basis["from"]), _hours_again(deadline.basis)
    timers = _reckoned(request, definition, visit, step, hours, start, moved_at=now)
    if not timers or timers[0].at == _without_pauses(deadline):
        return False
    _with_pauses(timers, deadline, hours)
    _move(request, visit, present, timers, now)
    return True


def reckon_by_newest(request: Request, definition: Definition, visit: Visit) -> tuple[bool, bool]:
    """Reckon once more, by the newest version of the calendar, what is not due yet in a visit. Nothing comes earlier
    than in a working day, unless it would have. Whether something moved, and whether the step ends earlier."""
    step = _timed(definition, visit)
    present = {(timer.what, timer.number): timer for timer in visit.timers.filter(assignment=None)}
    if (Timer.What.RESUME, 1) in present:  # a clock that stood goes on by the hours that it stood by
        _see_newest(visit)
        return False, False
    deadline = present.get((_deadline_of(step), 0)) if step is not None else None
    waiting = next((timer for timer in present.values() if timer.state == Timer.State.WAITING), None)
    newest = calendars.version_of(waiting.calendar) if waiting is not None else None
    if step is None or deadline is None or newest is None:
        return False, False
    now, hours = clock.now(), calendars.hours(newest)
    wanted = [*_by_newest(request, definition, visit, step, hours, present, now)]
    # What is past stays, though it may not have been acted on.
    coming = {key: one for key, one in present.items() if one.at > now or one.state != Timer.State.WAITING}
    end = present.get((Timer.What.EXPIRE, 0))
    before = end.at if end is not None else now
    moves = any(_is_other(timer, present.get((timer.what, timer.number))) for timer in wanted)
    if moves:
        _move(request, visit, coming, wanted, now)
    visit.timers.filter(calendar=hours.key).update(seen_version=hours.number)
    return moves, end is not None and end.at < before


def _see_newest(visit: Visit) -> None:
    """Nothing of it is to be looked at again because of these versions."""
    for key in {*visit.timers.exclude(calendar="").values_list("calendar", flat=True)}:
        newest = calendars.version_of(key)
        if newest is not None:
            visit.timers.filter(calendar=key).update(seen_version=newest.number)


def _is_other(timer: Timer, present: Timer | None) -> bool:
    return present is None or (present.state == Timer.State.WAITING and present.at != timer.at)


def _by_newest(
    request: Request,
    definition: Definition,
    visit: Visit,
    step: Step,
    hours: Hours,
    present: Mapping[tuple[str, int], Timer],
    now: datetime,
) -> Iterator[Timer]:
    """What is still to come, by these hours; nothing where it cannot be reckoned. Where they say what the hours before
    them said, it stays where it is, wherever it was moved to."""
    deadline = present[_deadline_of(step), 0]
    waiting = (timer for timer in present.values() if timer.state == Timer.State.WAITING)
    try:
        hours_before = _hours_again(next(waiting, deadline).basis)
        before = _reckoned_by(request, definition, visit, step, hours_before, deadline)
        after = _reckoned_by(request, definition, visit, step, hours, deadline)
        least = LEAST.after(hours.working_time, now)
    except (NoDeadline, NoWorkingTime):
        return
    said = {(timer.what, timer.number): timer.at for timer in before}
    warnings: Mapping[int, datetime] = {}
    for timer in after:
        key = timer.what, timer.number
        there = present.get(key)
        if there is not None and said.get(key) == timer.at:
            timer.at = there.at
        elif there is not None and timer.what not in (Timer.What.REMIND, Timer.What.WARN):
            timer.at = _later_or_in_time(timer.at, there.at, least)
        if timer.what == Timer.What.EXPIRE and there is not None and timer.at != there.at:
            warnings = dict(_warnings(visit, _warned_of(step), hours.working_time, timer.at))
        if timer.what == Timer.What.WARN:
            timer.at = warnings.get(timer.number, timer.at)
        timer.due = timer.at
        is_past = there is not None and there.state == Timer.State.WAITING and there.at <= now
        if timer.at > now and not is_past:
            yield timer


def _reckoned_by(
    request: Request, definition: Definition, visit: Visit, step: Step, hours: Hours, deadline: Timer
) -> list[Timer]:
    """As if the clock began by these hours; a deadline that is past is what it was."""
    assert step.due is not None
    start = datetime.fromisoformat(deadline.basis["from"])
    with _reckoning(hours):
        value, due = _value_named_by(request, definition, step.due), deadline.at
        if deadline.state == Timer.State.WAITING and due > clock.now():
            due = _moment(step.due, value, hours, start) or due
        basis = {"from": start.isoformat(), **hours.basis}
        return [*timers_of(visit, step, hours, due, start, basis, leaves_time=not is_amount(value))]


def _later_or_in_time(moment: datetime, before: datetime, least: datetime) -> datetime:
    """A moment that was another one before: it comes earlier only if there is time until then."""
    return moment if moment >= before else min(before, max(moment, least))


def _move(
    request: Request,
    visit: Visit,
    present: Mapping[tuple[str, int], Timer],
    wanted: Sequence[Timer],
    now: datetime,
) -> None:
    moved, left = [], {key: timer for key, timer in present.items() if timer.what != Timer.What.RESUME}
    stands = any(timer.state == Timer.State.PAUSED for timer in left.values())
    for timer in wanted:
        kept = left.pop((timer.what, timer.number), None)
        if kept is None:
            timer.state = Timer.State.PAUSED if stands else Timer.State.WAITING
            timer.save()
            moved.append(timer)
        elif kept.state in RUNNING:
            names = {"calendar": timer.calendar, "seen_version": timer.seen_version}
            rows.change(kept, at=timer.at, due=timer.at, basis=timer.basis, **names)
            moved.append(kept)
    for timer in left.values():  # reminders whose moment is past by the new deadline
        if timer.state in RUNNING:
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


def _clock(visit: Visit) -> QuerySet[Timer]:
    """The timers of its deadline."""
    return visit.timers.exclude(what=Timer.What.EFFECTIVE)


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
        return list(timers_of(visit, step, hours, due, moved_at or start, basis, leaves_time=leaves_time))


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


def timers_of(
    visit: Visit,
    step: Step,
    hours: Hours,
    due: datetime,
    now: datetime,
    basis: Mapping[str, Any],
    *,
    leaves_time: bool,
) -> Iterator[Timer]:
    """A reminder or a warning whose moment is past is none."""
    named = {"basis": basis, "calendar": hours.key, "seen_version": hours.number}

    def timer(what: Timer.What, at: datetime, number: int = 0) -> Timer:
        return Timer(visit=visit, what=what, number=number, at=at, due=at, **named)

    if isinstance(step, WaitStep):
        yield timer(Timer.What.GO_ON, due)
        return
    yield timer(Timer.What.DUE, due)
    for number, text in enumerate(step.remind or (), start=1):
        at = reminder_at(text, hours.working_time, due)
        if at > now:
            yield timer(Timer.What.REMIND, at, number)
    rungs = dict(_rungs(step, hours.working_time, due, now, leaves_time=leaves_time))
    for number, at in sorted(rungs.items()):
        yield timer(Timer.What.ESCALATE, at, number)
    if step.expire is not None:
        after = step.expire.after
        at = due if after is None else Amount(after).after_deadline(hours.working_time, due)
        leaves = [LEAST.after(hours.working_time, now)] if leaves_time else []
        leaves += [LEAST.after_deadline(hours.working_time, last) for last in [*rungs.values()][-1:]]
        end = max([at, *leaves])
        yield timer(Timer.What.EXPIRE, end)
        for number, at in _warnings(visit, step.expire.warn, hours.working_time, end):
            if at > now:
                yield timer(Timer.What.WARN, at, number)


def _rungs(
    step: ApprovalStep, hours: WorkingTime, due: datetime, now: datetime, *, leaves_time: bool
) -> Iterator[tuple[int, datetime]]:
    """From when others are asked, by the number of each rung, the first ones first. One whose moment is past when
    people are asked is none; but where a requester's day or a change leads there, whoever is asked has time first."""
    moments = [(rung_at(rung.when, hours, due), number) for number, rung in enumerate(step.rungs, start=1)]
    earliest = LEAST.after(hours, now) if leaves_time and moments else now
    for at, number in sorted(moments):
        if at >= earliest and at > now:
            yield number, at
        elif leaves_time:
            yield number, earliest
            earliest = LEAST.after_deadline(hours, earliest)


def _warned_of(step: Step) -> str | None:
    """When the step's end is warned of, as its process says it."""
    return step.expire.warn if isinstance(step, ApprovalStep) and step.expire is not None else None


def _warnings(
    visit: Visit, text: str | None, hours: WorkingTime, end: datetime
) -> Iterator[tuple[int, datetime]]:
    """Of a step's end: whoever is asked, and the requester, whose working time has to begin before it."""
    if text is None:
        return
    at = warning_at(text, hours, end)
    yield 0, at
    begins = opening(visit.request.requester, at)
    yield 1, begins if begins < end else at


def opening(person: Person, moment: datetime) -> datetime:
    """When somebody may be written to who did not ask for it: that moment, or when their working time begins."""
    try:
        return calendars.of_person(person).working_time.next_open(moment)
    except NoWorkingTime:
        return moment


# --- standing still ---------------------------------------------------------------------------------------


def pause(request: Request, definition: Definition, visit: Visit, moment: datetime) -> bool:
    """Let the clock of a visit stand from a moment on, which is now or was before a mail was read. Whether it stands:
    not where its step says so, where nothing is still to come, nor more often than a visit may."""
    allowed = definition.pause_in(visit.step_key)
    before = list(visit.timers.filter(what=Timer.What.RESUME).order_by("number"))
    if any(timer.state == Timer.State.WAITING for timer in before):
        return True
    went_on = max((timer.acted_at for timer in before if timer.acted_at is not None), default=moment)
    moment = max(moment, went_on)
    # An end that is past is not come to yet, where an earlier moment is late as well (`is_too_late`). Nobody is warned
    # of it while it stands.
    to_come = Q(at__gt=moment) | Q(what__in=(Timer.What.EXPIRE, Timer.What.WARN))
    coming = list(visit.timers.filter(to_come, state=Timer.State.WAITING, assignment=None))
    if allowed is None or not coming or len(before) >= MOST_PAUSES:
        return False
    hours = _hours_again(coming[0].basis)
    try:
        with _reckoning(hours):  # counted from when the requester is asked, whenever the mail was read
            ends = Amount(allowed.at_most).after(hours.working_time, clock.now())
    except NoDeadline:
        return False
    basis = {"from": moment.isoformat(), **hours.basis}
    number = len(before) + 1
    stop = Timer(visit=visit, what=Timer.What.RESUME, number=number, at=ends, due=ends, basis=basis)
    stop.save()
    for timer in coming:
        rows.change(timer, state=Timer.State.PAUSED)
    # Who was to be reminded in their own hours hears of it with the answer.
    single = visit.timers.filter(state=Timer.State.WAITING, assignment__isnull=False)
    single.update(state=Timer.State.NEEDLESS, acted_at=clock.now())
    note_moments(request, visit, "paused", [stop])
    return True


def resume(request: Request, definition: Definition, visit: Visit) -> datetime | None:
    """Let it go on, if it stands. Whoever is asked has time for an answer before the step expires. Gives when it
    began to stand."""
    paused = list(visit.timers.filter(state=Timer.State.PAUSED).order_by("at", "id"))
    stop = visit.timers.filter(what=Timer.What.RESUME).order_by("-number").first()
    now = clock.now()
    if stop is not None and stop.state == Timer.State.WAITING:
        rows.change(stop, state=Timer.State.NEEDLESS, acted_at=now)
    if stop is None or not paused:
        return None
    since, hours = datetime.fromisoformat(stop.basis["from"]), _hours_again(stop.basis)
    _go_on_since(request, definition, visit, paused, since, hours)
    return since


def _go_on_since(
    request: Request,
    definition: Definition,
    visit: Visit,
    paused: Sequence[Timer],
    since: datetime,
    hours: Hours,
) -> None:
    """What is to come of a clock that stood since then."""
    now = clock.now()
    deadline = next((timer for timer in paused if timer.what == Timer.What.DUE), None)
    basis = dict(paused[0].basis)
    basis["stood"] = basis.get("stood", 0) + hours.working_time.between(since, now).total_seconds()
    if deadline is not None:
        basis.setdefault("reckoned", deadline.at.isoformat())
    for timer in paused:
        at = _after_pause(timer, hours, since, now)
        rows.change(timer, state=Timer.State.WAITING, at=at, due=at, basis=basis)
    needless = _warn_before_end(definition, visit, paused, hours, now)
    note_moments(request, visit, "due moved", [timer for timer in paused if timer.pk not in needless])


def _warn_before_end(
    definition: Definition, visit: Visit, moved: Sequence[Timer], hours: Hours, now: datetime
) -> Collection[int]:
    """Warnings of an end that moved come as long before it as its process says, in their readers' hours. Which ones are
    none, because that is past."""
    end = next((timer for timer in moved if timer.what == Timer.What.EXPIRE), None)
    if end is None:
        return ()
    text, needless = _warned_of(definition.approval(visit.step_key)), set()
    try:
        moments = dict(_warnings(visit, text, hours.working_time, end.at))
    except NoWorkingTime:
        return ()
    for timer in moved:
        if timer.what == Timer.What.WARN and moments[timer.number] > now:
            rows.change(timer, at=moments[timer.number], due=moments[timer.number])
        elif timer.what == Timer.What.WARN:
            rows.change(timer, state=Timer.State.NEEDLESS, acted_at=now)
            needless.add(timer.pk)
    return needless


def _after_pause(timer: Timer, hours: Hours, since: datetime, now: datetime) -> datetime:
    """As much working time after now as it was after the clock stood; by the clock on the wall, where that was none.
    Where the calendar has no working time left, it stays."""
    working_time = hours.working_time
    try:
        with _reckoning(hours):
            left = working_time.between(since, timer.at)
            at = working_time.add(now, left) if left else now + (timer.at - since)
            least = LEAST.after(working_time, now) if timer.what == Timer.What.EXPIRE else at
            return max(at, least)
    except NoDeadline:
        return max(timer.at, now + (timer.at - since))


def _without_pauses(deadline: Timer) -> datetime:
    """As it was reckoned, before it moved by the time that its clock stood."""
    reckoned = deadline.basis.get("reckoned")
    return deadline.at if reckoned is None else datetime.fromisoformat(reckoned)


def _with_pauses(timers: Sequence[Timer], deadline: Timer, hours: Hours) -> None:
    """What was reckoned anew, moved by the time that the clock stood before."""
    stood = deadline.basis.get("stood")
    if stood is None:
        return
    basis = {**timers[0].basis, "stood": stood, "reckoned": timers[0].at.isoformat()}
    with _reckoning(hours):
        for timer in timers:
            timer.at = timer.due = hours.working_time.add(timer.at, timedelta(seconds=stood))
            timer.basis = basis


def end_pause(visit: Visit) -> None:
    """The visit is over: nothing of it is still to come."""
    stopped = visit.timers.filter(state=Timer.State.WAITING, what=Timer.What.RESUME)
    for timers in (stopped, visit.timers.filter(state=Timer.State.PAUSED)):
        timers.update(state=Timer.State.NEEDLESS, acted_at=clock.now())


# --- decided, and still to be undone ----------------------------------------------------------------------


def hold(visit: Visit, until: datetime) -> Timer:
    """A visit is decided, which takes effect at a moment: its clock stands until then. Gives the row of that moment."""
    visit.timers.filter(state=Timer.State.WAITING).update(state=Timer.State.PAUSED)
    number = visit.timers.filter(what=Timer.What.EFFECTIVE).count() + 1
    basis = {"from": clock.now().isoformat()}
    timer = Timer(
        visit=visit, what=Timer.What.EFFECTIVE, number=number, at=until, due=until, basis=basis
    )  # fmt: skip
    timer.save()
    return timer


def held_until(visit: Visit) -> Timer | None:
    """When a visit that is held takes effect."""
    return visit.timers.filter(what=Timer.What.EFFECTIVE).order_by("-number").first()


def end_hold(visit: Visit) -> None:
    """What it was decided takes effect, or is not needed any more: nothing of it is still to come."""
    effective = visit.timers.filter(what=Timer.What.EFFECTIVE, state=Timer.State.WAITING)
    for timers in (effective, visit.timers.filter(state=Timer.State.PAUSED)):
        timers.update(state=Timer.State.NEEDLESS, acted_at=clock.now())


def release(request: Request, definition: Definition, visit: Visit) -> None:
    """An answer was undone, and the visit goes on: what was still to come is as far away as it was before."""
    held = held_until(visit)
    assert held is not None
    rows.change(held, state=Timer.State.NEEDLESS, acted_at=clock.now())
    paused = visit.timers.filter(state=Timer.State.PAUSED)
    paused.filter(assignment__isnull=False).update(state=Timer.State.WAITING)
    coming = list(paused.filter(assignment=None).order_by("at", "id"))
    if not coming:
        return
    since = datetime.fromisoformat(held.basis["from"])
    try:
        _go_on_since(request, definition, visit, coming, since, _hours_again(coming[0].basis))
    except NoDeadline:  # its calendar is gone, so nobody can say by how much it would move
        paused.update(state=Timer.State.WAITING)


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
