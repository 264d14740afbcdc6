"""The work of timers: what is due in a step is done, once. A row is worked under the lock of its request, and looked at
anew there: it may be that the step is decided, or that the clock was set back.

A step expires, and others are asked in it, only when every mailbox that its asks named was read past that moment, so
that an answer which came in time counts, however late it is read; where no mail can decide the step, none is waited
for. Nobody is reminded while a mail that may be their answer waits to be taken in. What a step was decided takes effect
only when those of whoever decided were, so that they can take it back in time. After a time in which nothing was worked
the moments of a step do not all come at once: each leaves the next one half of the time that lay between them,
whichever of them is worked first.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils.module_loading import import_string

from placet.approvals import (
    composing,
    digests,
    engine,
    engine_asks,
    engine_clarifications,
    engine_delegates,
    engine_escalation,
    engine_time,
    engine_visits,
    escalation_mails,
    messages,
)
from placet.approvals.definitions import Definition, definition_of
from placet.approvals.form import takes_answers_by_mail
from placet.approvals.models import Ask, AskLine, Assignment, Request, Timer, Visit
from placet.approvals.record import note
from placet.audit import chain
from placet.lib import clock, rows
from placet.mail.read_past import is_anything_kept, is_kept, read_past

PAUSE = timedelta(seconds=30)  # before a row that failed, or that waits for a mailbox, is looked at once more
State = Timer.State


def due(limit: int) -> list[int]:
    timers = Timer.objects.filter(state=State.WAITING, due__lte=clock.now())
    return list(timers.order_by("due", "id").values_list("id", flat=True)[:limit])


def work(timer_id: int) -> bool:
    """Do what is due, once, however often it is called."""
    now = clock.now()
    # Put off before it is tried: a row that fails does not stand before the others.
    if not Timer.objects.filter(pk=timer_id, state=State.WAITING, due__lte=now).update(due=now + PAUSE):
        return False
    with transaction.atomic(), chain.together():
        number = Timer.objects.values_list("visit__request_id", flat=True).get(pk=timer_id)
        request = engine.lock(number)
        timer = Timer.objects.select_related("visit", "assignment__person").get(pk=timer_id)
        return _work(request, timer, clock.now())


def _work(request: Request, timer: Timer, now: datetime) -> bool:
    if timer.state != State.WAITING:
        return False
    if timer.at > now:  # it was moved, or the clock was set back
        rows.change(timer, due=timer.at)
        return False
    timer.visit.request = request
    definition = definition_of(request.version)
    if timer.visit.state not in Visit.LIVE or timer.visit.result:
        rows.change(timer, state=State.NEEDLESS, acted_at=now)
        return True
    if timer.assignment_id is None and timer.pk in _spread(request, timer.visit, now):
        return False
    if timer.what in _MUST_WAIT and _MUST_WAIT[timer.what](timer):
        rows.change(timer, due=now + PAUSE)
        return False
    rows.change(timer, state=State.ACTED, acted_at=now)  # before: what it leads to looks at what led there
    if not _ACT[timer.what](request, definition, timer, now):
        rows.change(timer, state=State.NEEDLESS)
    return True


def _where(timer: Timer) -> dict[str, Any]:
    return {"step": timer.visit.step_key, "round": timer.visit.round}


def _spread(request: Request, visit: Visit, now: datetime) -> Collection[int]:
    """Moments of a visit that are late together: the first one is left, those after it move. Which ones did."""
    waiting = visit.timers.filter(assignment=None, state=State.WAITING).order_by("at", "id")
    coming = [one for one in waiting if one.what not in (Timer.What.RESUME, Timer.What.EFFECTIVE)]
    if not coming:  # the clock stands
        return ()
    first, *others = coming
    later = [timer for timer in others if timer.what != Timer.What.DUE and timer.at > first.at]
    if first.what == Timer.What.EXPIRE or not later or later[0].at > now:
        return ()
    before, earliest, moved = first.at, now, []
    for following in later:
        earliest += (following.at - before) / 2
        before = following.at
        if following.at < earliest:
            rows.change(following, at=earliest, due=earliest)
            moved.append(following)
    if moved:
        engine_time.note_moments(request, visit, "due moved", moved)
    return {timer.pk for timer in moved}


def _is_due(request: Request, definition: Definition, timer: Timer, now: datetime) -> bool:
    note(request, None, "due", **_where(timer), due=timer.at.isoformat())
    return True


# --- reminding --------------------------------------------------------------------------------------------


def _remind(request: Request, definition: Definition, timer: Timer, now: datetime) -> bool:
    """Everybody who is asked still, or one of them; nobody once an answer would come too late."""
    end = engine_time.end_of(timer.visit)
    if end is not None and end.at <= now:
        return False
    seats = timer.visit.assignments.filter(state=Assignment.State.OPEN).select_related("visit", "person")
    if timer.assignment_id is not None:
        seats = seats.filter(pk=timer.assignment_id)
    latest = end.at if end is not None and timer.what == Timer.What.WARN else None
    reminded = [_remind_one(request, definition, timer, seat, now, latest) for seat in seats.order_by("pk")]
    return any(reminded)


def _remind_one(
    request: Request,
    definition: Definition,
    timer: Timer,
    seat: Assignment,
    now: datetime,
    latest: datetime | None,
) -> bool:
    """Whether they are reminded, now or when their working time begins. `latest`: it has to be before that."""
    if composing.mailbox_for(request) is None:
        return False
    if _is_answered_perhaps(seat):
        _put_off(timer, seat, at=now, due=now + PAUSE)
        return True
    if (
        timer.what == Timer.What.REMIND
        and seat.person.in_digests
        and not seat.has_delegates
        and not _is_written_to(seat)
        and digests.collect(request, definition, seat, reminder=True)
    ):
        return True
    begins = engine_time.opening(seat.person, now)
    if latest is not None and begins >= latest:
        begins = now
    if begins > now and timer.assignment_id is None:
        _put_off(timer, seat, at=begins, due=begins)
        return True
    warning = timer.what == Timer.What.WARN
    reminded = [one for one in engine_asks.readers(seat) if not (one.on_its_way or one.just_arrived)]
    for one in reminded:
        engine_asks.ask(
            request,
            definition,
            seat,
            again=True,
            reminder=not warning,
            warning=warning,
            delegate=one.delegate,
        )
    return bool(reminded)


def _put_off(timer: Timer, seat: Assignment, *, at: datetime, due: datetime) -> None:
    """One of those who are reminded, to a row of their own."""
    if timer.assignment_id is not None:
        rows.change(timer, state=State.WAITING, acted_at=None, due=due)
        return
    Timer.objects.create(
        visit=timer.visit, what=timer.what, number=timer.number, assignment=seat,
        at=at, due=due, basis=timer.basis,
    )  # fmt: skip


def _is_answered_perhaps(seat: Assignment) -> bool:
    """Whether a mail with the code of a mail that asked this is kept, and not taken in yet."""
    if not is_anything_kept():
        return False
    asks = Ask.objects.filter(
        lines__assignment=seat, lines__asks_back=None, outgoing__isnull=False
    ).distinct()
    asked = list(asks.values_list("outgoing__mailbox", "code_hash", "created_at"))
    if not asked:
        return False
    mailboxes, codes, moments = zip(*asked, strict=True)
    codes_in = import_string(settings.CODES_IN_MAIL)
    return is_kept({*mailboxes}, codes, asked_at=min(moments), codes_in=codes_in)


def _is_written_to(seat: Assignment) -> bool:
    reader = engine_asks.Reader(seat, seat.person)
    return reader.on_its_way or reader.just_arrived


def _warn(request: Request, definition: Definition, timer: Timer, now: datetime) -> bool:
    """Of the end: whoever is asked, as a reminder does, and the requester."""
    if timer.number == 0:
        return _remind(request, definition, timer, now)
    end = engine_time.end_of(timer.visit)
    if end is None or end.at <= now:
        return False
    return escalation_mails.warned(request, definition, timer.visit, end)


# --- others -----------------------------------------------------------------------------------------------


def _escalate(request: Request, definition: Definition, timer: Timer, now: datetime) -> bool:
    return engine_escalation.escalate(request, definition, timer)


# --- the end ----------------------------------------------------------------------------------------------


def _must_wait(timer: Timer) -> bool:
    """Where nobody is asked, as in a step that is stuck, silence says nothing."""
    visit = timer.visit
    if not visit.assignments.filter(state=Assignment.State.OPEN).exists():
        return True
    definition = definition_of(visit.request.version)
    return takes_answers_by_mail(definition, visit.step_key, visit.request.data) and _unread(timer)


def _expire(request: Request, definition: Definition, timer: Timer, now: datetime) -> bool:
    """The outcome that the process names for a step that nobody decided in time."""
    step = definition.approval(timer.visit.step_key)
    seats = list(timer.visit.assignments.select_related("person", "visit"))
    delegates = engine_delegates.of_seats(seats)
    note(request, None, "expired", **_where(timer), due=timer.at.isoformat(), result=step.expires_to)
    engine_visits.finish(request, definition, timer.visit, seats, step.expires_to, at_once=True)
    for seat in seats:
        if seat.state == Assignment.State.OPEN:  # as they were read: nobody else is asked here any more
            for person in (seat.person, *delegates.get(seat.pk, ())):
                messages.expired(request, seat, person, timer.at)
    engine_visits.wake(request, definition)
    return True


def _unread(timer: Timer) -> bool:
    """Whether an answer that came in time may lie in a mailbox that was not read since, or wait to be handled. What the
    requester was asked is not answered by it, or they could hold the end up with a mail that nobody can read."""
    return _may_be_unread(timer, AskLine.objects.filter(assignment__visit=timer.visit, asks_back=None))


def _undo_unread(timer: Timer) -> bool:
    """The same of a mail of somebody who answered that takes their answer back."""
    answered = AskLine.objects.filter(assignment__visit=timer.visit, asks_back=None)
    return _may_be_unread(timer, answered.filter(ask__person=F("assignment__decision__by_person")))


def _may_be_unread(timer: Timer, lines: QuerySet[AskLine]) -> bool:
    asks = Ask.objects.filter(lines__in=lines, outgoing__isnull=False).distinct()
    asked = list(asks.values_list("outgoing__mailbox", "code_hash", "created_at"))
    if not asked:
        return False
    mailboxes, codes, moments = zip(*asked, strict=True)
    return not read_past({*mailboxes}, timer.at, codes, asked_at=min(moments))


def _answer_unread(timer: Timer) -> bool:
    """The same of the requester's answer to what they were asked. One that was set aside is not waited for: late it is
    passed on, too, and the clock would stand until an administrator looked at what they sent so that nobody can read
    it."""
    mails = engine_clarifications.mails_that_ask(timer.visit)
    if not mails:
        return False
    asked_at = min(mail.ask.created_at for mail in mails)
    return not read_past({mail.mailbox_id for mail in mails}, timer.at, (), asked_at=asked_at)


def _take_effect(request: Request, definition: Definition, timer: Timer, now: datetime) -> bool:
    where = _where(timer)
    note(request, None, "took effect", **where, number=timer.number, due=timer.at.isoformat())
    engine_visits.take_effect(request, definition, timer.visit)
    engine_visits.wake(request, definition)
    return True


def _resume(request: Request, definition: Definition, timer: Timer, now: datetime) -> bool:
    return engine_clarifications.give_up(request, definition, timer.visit)


def _go_on(request: Request, definition: Definition, timer: Timer, now: datetime) -> bool:
    step = definition.wait(timer.visit.step_key)
    engine_visits.finish(request, definition, timer.visit, (), step.when_due)
    engine_visits.wake(request, definition)
    return True


#: What each does, and whether there was anything to do.
_ACT: Mapping[str, Callable[[Request, Definition, Timer, datetime], bool]] = {
    Timer.What.DUE: _is_due,
    Timer.What.REMIND: _remind,
    Timer.What.ESCALATE: _escalate,
    Timer.What.WARN: _warn,
    Timer.What.EXPIRE: _expire,
    Timer.What.GO_ON: _go_on,
    Timer.What.RESUME: _resume,
    Timer.What.EFFECTIVE: _take_effect,
}
#: What silence is no answer for, as long as one may lie in a mailbox.
_MUST_WAIT: Mapping[str, Callable[[Timer], bool]] = {
    Timer.What.ESCALATE: _must_wait,
    Timer.What.EXPIRE: _must_wait,
    Timer.What.RESUME: _answer_unread,
    Timer.What.EFFECTIVE: _undo_unread,
}
