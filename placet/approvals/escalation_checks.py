"""What is checked of a step's reminders, of the moments from which others are asked, and of the warning of its end,
before a definition is published."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from placet.accounts import calendars
from placet.accounts.addresses import person_at
from placet.approvals.deadlines import Amount, reminder_at, rung_at, warning_at
from placet.approvals.definitions import Definition
from placet.approvals.rules import GROUP, Together
from placet.approvals.steps import ApprovalStep, Rung
from placet.lib import clock
from placet.lib.working_time import NoWorkingTime, WorkingTime

TRIED_DAYS = 14  # on which people could be asked: what cannot be on any of them is refused


def escalation_problems(definition: Definition, step: ApprovalStep) -> Iterator[str]:
    yield from _same_moment_problems(step)
    yield from (f"remind: {problem}" for problem in _reminder_problems(definition, step))
    for number, rung in enumerate(step.rungs, start=1):
        problems = [
            *_people_problems(rung),
            *_rule_problems(step, number),
            *_moment_problems(definition, step, rung),
        ]
        yield from (f"escalate, number {number}: {problem}" for problem in problems)
    if step.expire is not None and step.expire.warn is not None and step.due is not None:
        text = step.expire.warn
        if _never(definition, step, lambda hours, start, end: warning_at(text, hours, end) > start):
            yield f"expire: {text} is before people are asked"


def _same_moment_problems(step: ApprovalStep) -> Iterator[str]:
    moments = [rung.when for rung in step.rungs]
    yield from (
        f"escalate: {moment} is said twice; write the lines below one of them"
        for moment in dict.fromkeys(moments)
        if moments.count(moment) > 1
    )


def _reminder_problems(definition: Definition, step: ApprovalStep) -> Iterator[str]:
    """Where the form says when it is due, that may be so far away that one long before it comes."""
    reminders = step.remind or ()
    yield from (f"{one} is said twice" for one in dict.fromkeys(reminders) if reminders.count(one) > 1)
    within = step.due is not None and step.due.within is not None
    for one in dict.fromkeys(reminders):

        def comes_after(hours: WorkingTime, start: datetime, end: datetime, one: str = one) -> bool:
            return reminder_at(one, hours, _due(step, hours, start)) > start

        def comes_before(hours: WorkingTime, start: datetime, end: datetime, one: str = one) -> bool:
            return reminder_at(one, hours, _due(step, hours, start)) < end

        early = one.endswith(" before")  # a calendar is looked at only where it says anything
        if step.expire is not None and not early and _never(definition, step, comes_before):
            yield f"{one} is not before the step's end, after which nobody is asked"
        if within and early and _never(definition, step, comes_after):
            yield f"{one} is before people are asked"


def _people_problems(rung: Rung) -> Iterator[str]:
    for who in rung.lines:
        if who.requester is not None:
            yield "whoever made the request is never asked because others did not answer; name somebody else"
        if who.person is not None:
            person = person_at(who.person)
            if person is None or not person.is_active:
                yield f"{who.person} is nobody who can be asked; add them first, on the page People"


def _rule_problems(step: ApprovalStep, number: int) -> Iterator[str]:
    """Whoever is asked instead has to stand for what the rule needs of those who were."""
    if not step.rung(number).replaces or step.order is not None or not isinstance(step.rule, tuple):
        return
    lines = step.lines_of_rung(number)
    for line in step.rule:
        for name, _much in line.needs.shares if isinstance(line.needs, Together) else ():
            if not any(one in lines for one in step.decided_by.lines_of(name) if one is not None):
                shown = name.removeprefix(GROUP)
                yield (
                    f"{line.outcome} needs people of {shown}, and none of these lines is that group or has that key"
                )


def _moment_problems(definition: Definition, step: ApprovalStep, rung: Rung) -> Iterator[str]:
    def comes_after(hours: WorkingTime, start: datetime, end: datetime) -> bool:
        return rung_at(rung.when, hours, _due(step, hours, start)) > start

    def comes_before(hours: WorkingTime, start: datetime, end: datetime) -> bool:
        return rung_at(rung.when, hours, _due(step, hours, start)) < end

    if step.expire is not None and _never(definition, step, comes_before):
        yield f"{rung.when} is not before the step's end, after which nobody is asked"
    if step.due is not None and step.due.within is not None and _never(definition, step, comes_after):
        yield f"{rung.when} is before people are asked"


Holds = Callable[[WorkingTime, datetime, datetime], bool]  # (hours, when people are asked, the step's end)


def _never(definition: Definition, step: ApprovalStep, holds: Holds) -> bool:
    """Whether it does not hold whenever people are asked."""
    key = step.calendar or definition.calendar
    version = calendars.version_of(key) if key is not None else None
    hours = (calendars.of_installation() if version is None else calendars.hours(version)).working_time
    now = clock.now()
    try:
        starts = [now + timedelta(days=day) for day in range(TRIED_DAYS)]
        return not any(holds(hours, start, _end(step, hours, start)) for start in starts)
    except NoWorkingTime:
        return False  # of the installation's calendar, which need not be the one that counts here


def _due(step: ApprovalStep, hours: WorkingTime, start: datetime) -> datetime:
    """Where the form says it: as if it were a working day."""
    assert step.due is not None
    within = step.due.within
    return (
        hours.closes(hours.working_day(hours.day_of(start), 0))
        if within is None
        else Amount(within).after(hours, start)
    )


def _end(step: ApprovalStep, hours: WorkingTime, start: datetime) -> datetime:
    due = _due(step, hours, start)
    after = step.expire.after if step.expire is not None else None
    return due if after is None else Amount(after).after_deadline(hours, due)
