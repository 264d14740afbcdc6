"""What is checked of deadlines before a definition is published."""

from collections.abc import Iterator, Mapping
from typing import Any

from placet.accounts import calendars
from placet.approvals import earlier
from placet.approvals.deadlines import EXPIRED, Amount, Deadline, DeadlineInvalid, moment_of
from placet.approvals.definitions import Definition
from placet.approvals.escalation_checks import escalation_problems
from placet.approvals.steps import WITHDRAWN, ApprovalStep, EndStep, WaitStep
from placet.lib import clock
from placet.lib.conditions import ConditionError, compile_condition, value_of
from placet.lib.working_time import NoWorkingTime

APPROVED = "approved"  # a result that every process may use, for what was granted
DAYS = ("date", "date_time")  # types of fields that can be a deadline


def calendar_problems(key: str | None) -> Iterator[str]:
    if key is not None and calendars.version_of(key) is None:
        yield f"there is no calendar {key}; add it first, on the page Calendars"


def longest_problems(definition: Definition) -> Iterator[str]:
    """Of how long a whole request takes at most."""
    longest = definition.longest
    if longest is None:
        return
    ends = {step.result: step.name for step in definition.steps.values() if isinstance(step, EndStep)}
    if longest.result == APPROVED:
        yield f"result: a request would be {APPROVED} because nobody answered; name another result"
    elif longest.result == WITHDRAWN:
        yield f"result: {WITHDRAWN} is what its requester takes back; name another result"
    elif longest.result not in ends and longest.name is None:
        yield f"name: no end has the result {longest.result}; say what it is called, as name: Not decided in time"
    elif longest.result in ends and longest.name not in (None, ends[longest.result]):
        yield f"name: the end with the result {longest.result} is called {ends[longest.result]}; leave name out"
    version = calendars.version_of(definition.calendar) if definition.calendar is not None else None
    if definition.calendar is not None and version is None:
        return  # said of `calendar`
    hours = calendars.hours(version) if version is not None else calendars.of_installation()
    try:
        Amount(longest.after).after(hours.working_time, clock.now())
    except NoWorkingTime:
        yield f"after: the calendar {hours.key} has no working time for {longest.after}"


def deadline_problems(
    definition: Definition, step: ApprovalStep | WaitStep, sample: Mapping[str, Any]
) -> Iterator[str]:
    """Of when a step is due and of what becomes of it then."""
    yield from (f"calendar: {problem}" for problem in calendar_problems(step.calendar))
    if step.due is None:
        if step.calendar is not None:
            yield "calendar: it belongs to a deadline; say due: 2 working days, or leave it out"
        return
    yield from (f"due: {problem}" for problem in _due_problems(definition, step.due, sample))
    if isinstance(step, ApprovalStep):
        yield from (f"expire: {problem}" for problem in _expiry_problems(step))
        yield from escalation_problems(definition, step)


def _due_problems(definition: Definition, due: Deadline, sample: Mapping[str, Any]) -> Iterator[str]:
    if due.field is not None:
        types = {field.name: field.type for field in definition.fields}
        if due.field not in types:
            yield f"there is no field {due.field}"
        elif types[due.field] not in DAYS:
            yield f"{due.field} is of type {types[due.field]}; a deadline is of type {' or '.join(DAYS)}"
    if due.expression is not None:
        yield from _expression_problems(due.expression, sample)


def _expression_problems(expression: str, sample: Mapping[str, Any]) -> Iterator[str]:
    hours = calendars.of_installation().working_time
    try:
        compile_condition(expression)
        yield from earlier.problems(expression, sample)
        for values in earlier.tried_with(expression, sample):
            moment_of(value_of(expression, values), hours, clock.now())
    except (ConditionError, DeadlineInvalid) as error:
        # A map that does not know the sample's value may know everything that people enter.
        if not isinstance(error.__cause__, LookupError):
            yield str(error)
    except NoWorkingTime:
        return  # of the installation's calendar, which need not be the one that counts here


def _expiry_problems(step: ApprovalStep) -> Iterator[str]:
    expiry = step.expire
    if expiry is None:
        return
    named = {outcome.key: outcome for outcome in step.outcomes}
    outcome = named.get(expiry.outcome)
    if outcome is None and expiry.outcome != EXPIRED:
        yield f"{expiry.outcome} is no outcome here; name one, or leave it out: then it is {EXPIRED}"
        return
    granted = outcome is not None and (outcome.is_granted or step.is_task)
    if granted and expiry.silence_counts is None:
        yield (
            f"nobody's answer would count as {expiry.outcome}; if that is what you mean, say silence_counts: true"
        )
    if not granted and expiry.silence_counts is not None:
        yield f"silence_counts belongs to an outcome that gives what is asked for, not to {expiry.outcome}"
