"""The work of steps that call another process: its request is started, and what it came to leads on. A request is
called once, says a constraint; each row is worked under the lock of the request that calls, and looked at anew there.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from typing import Any

from django.db import transaction

from placet.accounts.models import Person
from placet.approvals import earlier, engine, engine_starts, engine_stops, engine_time, engine_visits, record
from placet.approvals.call_limits import DEEPEST, MOST_OPEN, callers_of, open_below
from placet.approvals.definitions import Definition, definition_of
from placet.approvals.form import FormInvalid, read_form
from placet.approvals.form_computed import as_entered
from placet.approvals.form_parts import CURRENCY
from placet.approvals.includes import newest_published
from placet.approvals.models import CallTask, Request, Visit
from placet.approvals.proofs import is_weaker
from placet.approvals.record import note
from placet.approvals.steps import WITHDRAWN, ApprovalStep, CallStep
from placet.audit import chain
from placet.lib import clock
from placet.lib.conditions import ConditionError, value_of
from placet.lib.sentences import Sentence

PAUSE = timedelta(seconds=30)  # before a row that failed is tried once more


class _CannotBeCalled(Exception):
    """Why, in words."""


def due(limit: int) -> list[int]:
    tasks = CallTask.objects.filter(done_at=None, due__lte=clock.now())
    return list(tasks.order_by("due", "id").values_list("id", flat=True)[:limit])


def work(task_id: int) -> bool:
    """Do what is to be done, once, however often it is called."""
    now = clock.now()
    # Put off before it is tried: a row that fails does not stand before the others.
    if not CallTask.objects.filter(pk=task_id, done_at=None, due__lte=now).update(due=now + PAUSE):
        return False
    with transaction.atomic(), chain.together():
        number = CallTask.objects.values_list("visit__request_id", flat=True).get(pk=task_id)
        request = engine.lock(number)
        task = CallTask.objects.select_related("visit").get(pk=task_id)
        if task.done_at is not None:
            return False
        _WORK[task.what](request, task.visit)
        task.done_at = clock.now()
        task.save(update_fields=["done_at"])
    return True


def _start(request: Request, visit: Visit) -> None:
    if visit.state != Visit.State.OPEN or Request.objects.filter(parent_visit=visit).exists():
        return
    definition = definition_of(request.version)
    try:
        called = _called(request, definition, visit, definition.call(visit.step_key))
    except _CannotBeCalled as error:
        engine_visits.stick(request, visit, error)
        return
    where: dict[str, Any] = {"step": visit.step_key, "round": visit.round}
    note(request, None, "called", **where, **record.called(called))


def _called(request: Request, definition: Definition, visit: Visit, step: CallStep) -> Request:
    """The request that a step calls, on the version that is the newest now."""
    version = newest_published(step.process)
    if version is None:
        raise _CannotBeCalled(Sentence("there is no process “{process}”", process=step.process))
    if version.process.retired_at is not None:
        raise _CannotBeCalled(Sentence("the process “{process}” is retired", process=step.process))
    callers = callers_of(request)
    if len(callers) >= DEEPEST:
        raise _CannotBeCalled(Sentence("processes call each other more than {n} deep", n=DEEPEST))
    if open_below([request, *callers][-1]) >= MOST_OPEN:
        raise _CannotBeCalled(
            Sentence(
                "{n} requests that were called are open already; try again when some have ended", n=MOST_OPEN
            )
        )
    if not Person.objects.filter(pk=request.requester_id, is_active=True).exists():
        raise _CannotBeCalled(Sentence("{name} is not active any more", name=request.requester.name))
    wanted, floor = definition_of(version), record.floor_of(request)
    _must_be_as_sure(wanted, floor)
    data = _data(request, definition, step, wanted)
    try:
        stop = engine_stops.reckoned(wanted)
    except engine_time.NoDeadline as error:
        raise _CannotBeCalled(error.args[0]) from error
    called = engine_starts.create(version, wanted, request.requester, data, visit)
    engine_starts.note_started(called, None, record.with_floor(floor))
    engine_stops.begin(called, stop)
    engine_visits.enter(called, wanted, wanted.start)
    engine_visits.wake(called, wanted)
    return called


def _must_be_as_sure(wanted: Definition, floor: str) -> None:
    """What is called is the newest version, which may have become weaker since the key with this floor began it all."""
    for key, step in wanted.steps.items():
        proof = wanted.proof_for(key) if floor and isinstance(step, ApprovalStep) else ""
        if proof and is_weaker(proof, floor):
            sentence = Sentence(
                "the step “{step}” of the process “{process}” takes answers with the proof “{proof}”, and the key that "
                "this was started with asks for “{floor}” at least",
                step=key,
                process=wanted.key,
                proof=proof,
                floor=floor,
            )
            raise _CannotBeCalled(sentence)


def _data(request: Request, definition: Definition, step: CallStep, wanted: Definition) -> dict[str, Any]:
    values = earlier.Values(definition, request)
    try:
        columns = {field.name: [one.name for one in field.columns or ()] for field in wanted.fields}
        entered = {
            name: _entered(expression, values, columns.get(name, ()))
            for name, expression in step.data.items()
        }
        return read_form(wanted, entered)
    except (ConditionError, FormInvalid) as error:
        sentence = Sentence(
            "the form of “{process}” cannot be filled in: {problem}", process=step.process, problem=str(error)
        )
        raise _CannotBeCalled(sentence) from error


def _entered(expression: str, values: Mapping[str, Any], columns: Collection[str] = ()) -> Any:
    """What an expression comes to, as somebody would enter it; of a table each row. `columns`: of the table that it is
    for."""
    value = value_of(expression, values)
    if isinstance(value, list) and any(isinstance(row, Mapping) for row in value):
        return [
            {name: as_entered(cell) for name, cell in _with_currencies(row, columns).items()}
            if isinstance(row, Mapping)
            else as_entered(row)
            for row in value
        ]
    return as_entered(value)


def _with_currencies(row: Mapping[str, Any], columns: Collection[str]) -> dict[str, Any]:
    """Amounts whose currency is chosen, together with it; conditions see them apart."""
    joined = dict(row)
    for name in row:
        if name + CURRENCY in row and name + CURRENCY not in columns:
            amount, currency = joined[name], joined.pop(name + CURRENCY)
            joined[name] = {"amount": amount, "currency": currency} if currency else ""
    return joined


def _go_on(request: Request, visit: Visit) -> None:
    """What was called has ended. Nothing of it changes any more, so it is only read."""
    called = Request.objects.get(parent_visit=visit)
    if visit.state != Visit.State.OPEN or called.state == Request.State.OPEN:
        return
    result = called.result if called.state == Request.State.ENDED else WITHDRAWN
    definition = definition_of(request.version)
    engine_visits.finish(request, definition, visit, (), result)
    engine_visits.wake(request, definition)


def _withdraw(_request: Request, visit: Visit) -> None:
    if visit.state not in Visit.LIVE:
        engine.withdraw_called(Request.objects.values_list("pk", flat=True).get(parent_visit=visit))


_WORK: Mapping[str, Callable[[Request, Visit], None]] = {
    CallTask.What.START: _start,
    CallTask.What.GO_ON: _go_on,
    CallTask.What.WITHDRAW: _withdraw,
}
