"""What is collected for digests: one mail that asks a person several things when their working day begins, for whoever
chose that (`Person.in_digests`). The assignment is open at once, and only its mail waits, as a row of work
(`DigestItem`), which `placet.approvals.digesting` works. Called by the engine, which holds the request's lock.

No item waits past the next reminder of its step, or what others are told then, past half of the time that is left for
an answer, or past the deadline: what would have to is asked at once, by a mail of its own. So is what is due already,
what a step asks with `alone: true`, and what has changed since it was asked.
"""

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from django.utils import timezone

from placet.accounts import calendars
from placet.accounts.models import Person
from placet.approvals import record
from placet.approvals.definitions import Definition
from placet.approvals.form import shows_exact_text
from placet.approvals.models import Ask, AskLine, Assignment, DigestItem, Request, Timer, Visit
from placet.approvals.record import What, note
from placet.lib import clock, rows
from placet.lib.working_time import NoWorkingTime, WorkingTime
from placet.mail.models import IncomingMail

State = DigestItem.State


def collect(request: Request, definition: Definition, assignment: Assignment, *, reminder: bool) -> bool:
    """Let the mail wait for the person's next digest. False: it has to be written now. `reminder`: an earlier mail asks
    them already."""
    key = assignment.visit.step_key
    if not assignment.person.in_digests or definition.approval(key).alone:
        return False
    if shows_exact_text(definition, key, request.data):
        return False
    now = clock.now()
    at = _waits_until(assignment, now)
    if at is None:
        return False
    item = DigestItem(assignment=assignment, person=assignment.person, reminder=reminder, at=at, due=at)
    if rows.insert_new(item):  # else it waits for a digest already
        event = "collected" if reminder else "asked"
        note(request, None, event, **record.asked(assignment), **record.collected(item))
    return True


def asked_by(assignment: Assignment, ask: Ask) -> What:
    """A mail asks what waited for a digest, if anything of this assignment did. What the record says of it."""
    item = DigestItem.objects.filter(assignment=assignment, state=State.WAITING).first()
    if item is None:
        return {}
    rows.change(item, state=State.ASKED, ask_id=ask.pk)
    return {"item": item.pk}


def hurry(assignment: Assignment) -> None:
    """The deadline of its step moved: what waits longer than that allows is asked now."""
    now = clock.now()
    for item in DigestItem.objects.filter(assignment=assignment, state=State.WAITING, due__gt=now):
        latest = _latest(assignment.visit, _hours(assignment.person), now)
        if latest is not None and item.at > latest:
            rows.change(item, due=now)


def release(person: Person) -> None:
    """They are asked one by one from now on: nothing waits any more."""
    DigestItem.objects.filter(person=person, state=State.WAITING).update(due=clock.now())


def is_to_come(assignment: Assignment) -> bool:
    """Whether no mail has asked this yet, because it waits for a digest."""
    items = DigestItem.objects.filter(assignment=assignment, state=State.WAITING, reminder=False)
    return assignment.person.in_digests and items.exists()


def note_line_refused(line: AskLine, *, reason: str, incoming: IncomingMail, logged: record.Logged) -> None:
    """A reply to a digest was not applied to this line, whatever became of others: on record, with its reason. Its
    request is locked."""
    what = record.together(record.mail(incoming), record.reading(logged))
    request, person = line.assignment.visit.request, line.ask.person_id
    note(request, None, "line refused", person=person, line=line.line, why=reason, **what)


# --- until when -------------------------------------------------------------------------------------------


def _waits_until(assignment: Assignment, now: datetime) -> datetime | None:
    """When the person's next working day begins; None, if nothing of this can wait so long."""
    try:
        hours = _hours(assignment.person)
        at = next_beginning(hours, now)
        latest = _latest(assignment.visit, hours, now)
    except NoWorkingTime:
        return None
    return at if latest is None or at <= latest else None


def _hours(person: Person) -> WorkingTime:
    return calendars.of_person(person).working_time


def next_beginning(hours: WorkingTime, now: datetime) -> datetime:
    """When the next working day begins, if that is not this very moment. Raises NoWorkingTime."""
    today = hours.day_of(now)
    if hours.working_day(today, 0) == today and hours.opens(today) >= now:
        return hours.opens(today)
    return hours.opens(hours.working_day(today, 1))


def _latest(visit: Visit, hours: WorkingTime, now: datetime) -> datetime | None:
    """The last moment at which a mail may ask in this visit; None where no deadline says any."""
    timers = visit.timers.filter(assignment=None).exclude(what__in=(Timer.What.GO_ON, Timer.What.EFFECTIVE))
    return min(_limits(list(timers), hours, now), default=None)


#: What takes it that somebody was asked.
_BEFORE_THE_END = (Timer.What.REMIND, Timer.What.ESCALATE, Timer.What.WARN)


def _limits(timers: list[Timer], hours: WorkingTime, now: datetime) -> Iterator[datetime]:
    for timer in timers:
        if timer.what in _BEFORE_THE_END:
            if timer.state in (Timer.State.WAITING, Timer.State.PAUSED):
                yield timer.at
        elif timer.at <= now:
            yield now
        else:  # in working time: of that there is less at night
            yield min(hours.add(now, hours.between(now, timer.at) / 2), timer.at)


# --- what is on the way -----------------------------------------------------------------------------------


def waiting_of(person: int, of: Collection[int] | None = None) -> list[tuple[int, int]]:
    """What waits for somebody's digest, by item and request: what is due first comes first, then what is oldest. `of`:
    these requests alone."""
    items: Any = DigestItem.objects.filter(person=person, state=State.WAITING)
    if of is not None:
        items = items.filter(assignment__visit__request__in=of)
    deadlines = Timer.objects.filter(
        what=Timer.What.DUE, assignment=None, visit__in=items.values("assignment__visit")
    )
    at = dict(deadlines.values_list("visit", "at"))
    found = items.values_list("pk", "assignment__visit__request", "assignment__visit", "assignment")
    in_order = sorted(found, key=lambda one: (at.get(one[2], _NEVER), one[3]))
    return [(item, request) for item, request, _visit, _assignment in in_order]


_NEVER = datetime.max.replace(tzinfo=timezone.get_fixed_timezone(0))
