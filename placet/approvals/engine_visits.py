"""Where a request stands: visits of steps, beside each other in the branches of a block.

    enter → an end step: `come_to` its result
          → a parallel step: `_split`, a visit for each branch whose condition holds
          → an approval step: `consider`, which asks people
          → a notice: `engine_notices`, which tells people, and on at once
          → a call: `engine_calls`, a row of work, by which another request is started (`calling`)
          → a wait: `_look`, whether what it waits for is there; `wake` looks again
    go_on → is the step decided? → `finish` → `leave` → enter the next step
                                                       → or the end of the branch: `_join`, is the block decided?
                                 → as long as an answer can be undone: `engine_hold`, and later `take_effect`

A visit is live while it is open, stuck or held. What is live of a request forms a tree: one visit at the root, and
below a visit of a block at most one for each of its branches. Whatever ends a visit of a block ends what is below it
first (`cancel`). Called by `placet.approvals.engine`, which holds the request's lock.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from placet.accounts.models import Person
from placet.accounts.reader import as_the_installation_reads
from placet.approvals import (
    digests,
    engine_asks,
    engine_calls,
    engine_clarifications,
    engine_delegates,
    engine_hold,
    engine_kept,
    engine_notices,
    engine_rounds,
    engine_stops,
    engine_time,
    messages,
    policy,
    record,
    turns,
    whom,
)
from placet.approvals.definitions import Definition
from placet.approvals.models import Assignment, Request, Signal, Visit
from placet.approvals.record import note
from placet.approvals.steps import (
    ARRIVED,
    SENT,
    ApprovalStep,
    CallStep,
    EndStep,
    NoticeStep,
    ParallelStep,
    WaitStep,
)
from placet.lib import clock, rows
from placet.lib.conditions import ConditionError
from placet.lib.sentences import Sentence

LONGEST_REASON = 1000  # characters


def enter(
    request: Request, definition: Definition, step_key: str, block: Visit | None = None, branch: str = ""
) -> None:
    """`block` and `branch`: where the step stands, if that is in a branch."""
    step = definition.steps[step_key]
    if isinstance(step, EndStep):
        come_to(request, definition, step.result)
        messages.ended(request, step.name)
    else:
        begin(request, definition, _visit(request, step_key, block, branch))


def _visit(request: Request, step_key: str, block: Visit | None, branch: str) -> Visit:
    earlier = request.visits.filter(step_key=step_key).order_by("-round").values_list("round", flat=True)
    visit = Visit.objects.create(
        request=request, step_key=step_key, round=(earlier.first() or 0) + 1, parent=block, branch=branch
    )
    where: dict[str, Any] = (
        {} if block is None else {"block": block.step_key, "block_round": block.round, "branch": branch}
    )
    # What led here was looked at on this revision.
    where["revision"] = request.revision
    note(request, None, "entered", at=visit.opened_at, step=step_key, round=visit.round, **where)
    return visit


def begin(request: Request, definition: Definition, visit: Visit) -> None:
    """What is to be done in a step, or once more, if it was stuck."""
    step = definition.steps[visit.step_key]
    if isinstance(step, ParallelStep):
        _split(request, definition, visit)
    elif isinstance(step, NoticeStep):
        engine_notices.notify(request, definition, visit)
        finish(request, definition, visit, (), SENT)
    elif isinstance(step, WaitStep):
        _look(request, definition, visit, step)
    elif isinstance(step, CallStep):
        _unstick(request, visit, Visit.State.OPEN)
        engine_calls.order(visit)
    else:
        engine_kept.keep_unaffected(request, definition, visit)
        consider(request, definition, visit)


# --- people -----------------------------------------------------------------------------------------------


def consider(request: Request, definition: Definition, visit: Visit) -> None:
    """Ask whoever the step names now and is not asked yet; one by one where the step says so. Only what they could not
    change is a result; if it cannot be decided so, the visit is stuck."""
    step = definition.approval(visit.step_key)
    there = list(visit.assignments.select_related("decision", "kept"))
    wanted, new = engine_asks.whom_to_ask(request, definition, visit, there)
    lines = [wanted.lines[person.pk] for person in new]
    result = policy.result_of(step, there, lines, unknown=wanted.incomplete)
    if result:
        finish(request, definition, visit, there, result)
    elif wanted.skips_to:
        _skip(request, definition, visit, wanted)
    elif wanted.incomplete or not policy.can_be_decided(step, there, lines):
        # Nobody is asked in vain.
        stick(request, visit, wanted.reason or Sentence("nobody is left who can be asked"))
    else:
        for seat in there:  # first: whoever is asked next is told what the clock says then
            if seat.state != Assignment.State.OPEN:
                engine_clarifications.drop(request, definition, seat)
        now = engine_asks.whose_turn(step, there, new)
        try:
            engine_time.begin(request, definition, visit, now)
        except engine_time.NoDeadline as error:
            stick(request, visit, error)
            return
        _unstick(request, visit, Visit.State.OPEN)
        turns.advance(turns.taken(step, now, wanted.lines) if step.order else wanted.turns)
        engine_asks.keep_matches(request, visit, wanted.matches)
        seats = engine_asks.seat(visit, there, now, wanted.lines)
        engine_delegates.ask_all(request, definition, visit, seats)


def _skip(request: Request, definition: Definition, visit: Visit, wanted: whom.People) -> None:
    """Nobody is there, and the process says which outcome the step has then."""
    with as_the_installation_reads():
        reason = str(wanted.reason)
    note(request, None, "skipped", step=visit.step_key, round=visit.round, personal={"reason": reason})
    finish(request, definition, visit, (), wanted.skips_to)


def go_on(request: Request, definition: Definition, visit: Visit, seats: Sequence[Assignment]) -> None:
    """After an answer: is the step decided?"""
    step = definition.approval(visit.step_key)
    if visit.state == Visit.State.STUCK or step.order == "one_by_one":
        # Those who answered are not all whom the step needs: somebody was missing, or it is somebody else's turn.
        consider(request, definition, visit)
        return
    result = policy.result_of(step, seats)
    if result:
        finish(request, definition, visit, seats, result)


def withdraw_barred(request: Request, definition: Definition, step_key: str, by: Person) -> None:
    """Somebody has decided a step, and what follows from that is done. Where it bars them from another one that they
    are still asked in, they are asked there no longer, and somebody else is."""
    for seat in _open_beside(request, definition, step_key, by):
        rows.change(seat, state=Assignment.State.WITHDRAWN)
        engine_delegates.close([seat])
        where: dict[str, Any] = {"step": seat.visit.step_key, "round": seat.visit.round}
        note(request, None, "no longer asked", person=by.pk, **where)
        consider(request, definition, seat.visit)
        engine_clarifications.drop(request, definition, seat)


def _open_beside(request: Request, definition: Definition, step_key: str, by: Person) -> Iterator[Assignment]:
    apart = definition.kept_apart(step_key)
    if apart:
        seats = Assignment.objects.filter(visit__request=request, visit__step_key__in=apart, person=by)
        numbers = list(seats.filter(state=Assignment.State.OPEN).order_by("pk").values_list("pk", flat=True))
        for number in numbers:  # what becomes of one may end the others
            yield from seats.filter(pk=number, state=Assignment.State.OPEN).select_related("visit")


def finish(
    request: Request,
    definition: Definition,
    visit: Visit,
    seats: Sequence[Assignment],
    result: str,
    *,
    at_once: bool = False,
) -> None:
    """`at_once`: though an answer could still be undone."""
    _supersede(request, visit, [seat for seat in seats if seat.state == Assignment.State.OPEN])
    until = None if at_once else engine_hold.waits_until(definition, visit)
    if until is not None:
        engine_hold.hold(request, definition, visit, result, until)
        return
    close(request, visit, result)
    leave(request, definition, visit)


def take_effect(request: Request, definition: Definition, visit: Visit) -> None:
    """Of what a visit that was held came to: nobody can undo it any more."""
    close(request, visit, visit.held_result)
    leave(request, definition, visit)


def _supersede(request: Request, visit: Visit, seats: Sequence[Assignment]) -> None:
    """Who is still asked need not answer any more."""
    if seats:
        visit.assignments.filter(state=Assignment.State.OPEN).update(state=Assignment.State.SUPERSEDED)
        engine_delegates.close(seats)
        persons = [seat.person_id for seat in seats]
        note(request, None, "superseded", step=visit.step_key, round=visit.round, persons=persons)


# --- waiting ----------------------------------------------------------------------------------------------


def wake(request: Request, definition: Definition) -> None:
    """What steps wait for may be there now: a step was decided, the request has other data, or a signal came. Called at
    the end of whatever changes any of these; one that is over may be what another one waits for."""
    waits = [key for key, step in definition.steps.items() if isinstance(step, WaitStep)]
    while waits and _wake_some(request, definition, waits):
        pass


def _wake_some(request: Request, definition: Definition, waits: Sequence[str]) -> bool:
    """Whether any of them was over."""
    live = request.visits.filter(step_key__in=waits, state__in=Visit.LIVE, result="")
    over = False
    for number in list(live.order_by("pk").values_list("pk", flat=True)):
        visit = live.filter(pk=number).first()  # what became of one may have ended the others
        if visit is not None:
            over = _look(request, definition, visit, definition.wait(visit.step_key)) or over
    return over


def _look(request: Request, definition: Definition, visit: Visit, step: WaitStep) -> bool:
    """Is it there? A signal that comes early waits until a step takes it, and one that is there ends the step whatever
    becomes of its condition."""
    try:
        engine_time.begin(request, definition, visit)
        over = _takes_signal(request, visit, step) or policy.is_over(definition, step, request)
    except (ConditionError, engine_time.NoDeadline) as error:
        if visit.state != Visit.State.STUCK or visit.reason != _reason(error):
            stick(request, visit, error)  # once for each reason, however often it is looked at
        return False
    _unstick(request, visit, Visit.State.OPEN)
    if over:
        finish(request, definition, visit, (), ARRIVED)
    return over


def _takes_signal(request: Request, visit: Visit, step: WaitStep) -> bool:
    signal = Signal.objects.filter(request=request, key=step.signal or "", taken_by=None).first()
    if signal is None:
        return False
    signal.taken_by = visit
    signal.save(update_fields=["taken_by"])
    where: dict[str, Any] = {"step": visit.step_key, "round": visit.round}
    note(request, None, "signal taken", **record.signalled(signal), **where)
    return True


# --- the way on -------------------------------------------------------------------------------------------


def close(request: Request, visit: Visit, result: str) -> None:
    """Nobody is asked here any more, and nothing is below it."""
    engine_clarifications.end(request, visit)
    if visit.state == Visit.State.HELD:
        engine_time.end_hold(visit)
    now = clock.now()
    rows.change(visit, state=Visit.State.CLOSED, result=result, held_result="", reason="", closed_at=now)
    note(request, None, "closed", at=visit.closed_at, step=visit.step_key, round=visit.round, result=result)


def leave(
    request: Request,
    definition: Definition,
    visit: Visit,
    *,
    answered: Visit | None = None,
    once_more: bool = False,
) -> None:
    """On to where the result of a step leads. `answered`: the visit whose answers made it so, if it is another one.
    `once_more`: even if that was entered as often as it may be."""
    answered = answered or visit
    try:
        transition = policy.way_on(definition, visit.step_key, visit.result, request)
        if transition.to is not None:
            engine_rounds.must_not_go_round(request, definition, transition.to, once_more=once_more)
    except (ConditionError, LookupError) as error:
        # The decision stands; where it leads has to be said by an administrator.
        stick(request, visit, error)
        return
    _unstick(request, visit, Visit.State.CLOSED)
    if transition.ends_branch is not None:
        _end_branch(request, definition, visit, transition.ends_branch, answered)
    elif transition.to is not None:
        _go_to(request, definition, visit, transition.to, answered)


def _go_to(request: Request, definition: Definition, visit: Visit, step_key: str, answered: Visit) -> None:
    """Out of every block that the step does not stand in: what still runs there is not needed any more."""
    here = visit
    if visit.parent_id is not None:
        for _ in range(len(definition.places[visit.step_key]) - len(definition.places[step_key])):
            assert visit.parent is not None
            visit = visit.parent
    if visit is not here:
        _cancel(request, visit, answered)
    enter(request, definition, step_key, visit.parent, visit.branch)


def come_to(request: Request, definition: Definition, result: str) -> None:
    """The end."""
    rows.change(request, state=Request.State.ENDED, result=result, closed_at=clock.now())
    note(request, None, "ended", at=request.closed_at, result=result)
    engine_stops.drop(request, definition)
    engine_calls.report(request)


# --- blocks -----------------------------------------------------------------------------------------------


def _split(request: Request, definition: Definition, visit: Visit) -> None:
    """Into each branch whose condition holds now; none is entered later."""
    block = definition.block(visit.step_key)
    try:
        taken = policy.branches_to_take(definition, visit.step_key, request)
    except ConditionError as error:
        stick(request, visit, error)
        return
    _unstick(request, visit, Visit.State.OPEN)
    where: dict[str, Any] = {"step": visit.step_key, "round": visit.round, "revision": request.revision}
    note(request, None, "split", **where, branches=list(taken))
    if not taken:
        close(request, visit, block.otherwise)
        leave(request, definition, visit)
        return
    # All are there before one of them can end the block, and what still counts before anybody is asked.
    first = [_visit(request, block.branches[name].start, visit, name) for name in taken]
    for one in first:
        if isinstance(definition.steps[one.step_key], ApprovalStep):
            engine_kept.keep_unaffected(request, definition, one)
    for one in first:
        if Visit.objects.filter(pk=one.pk, state__in=Visit.LIVE).exists():
            begin(request, definition, one)


def _end_branch(request: Request, definition: Definition, last: Visit, result: str, answered: Visit) -> None:
    """`last`: the branch's last visit, from which no step follows."""
    block = last.parent
    assert block is not None
    rows.change(last, branch_result=result)
    note(request, None, "branch ended", step=last.step_key, round=last.round, result=result)
    _join(request, definition, block, answered)


def _join(request: Request, definition: Definition, block: Visit, answered: Visit) -> None:
    """Has the block come to a result?"""
    inside = list(block.children.order_by("pk"))
    results = [visit.branch_result for visit in inside if visit.branch_result]
    running = [visit for visit in inside if visit.state in Visit.LIVE]
    result = policy.result_of_block(definition.block(block.step_key), results, len(running))
    if result:
        for visit in running:
            _cancel(request, visit, answered)
        close(request, block, result)
        leave(request, definition, block, answered=answered)


def _cancel(request: Request, visit: Visit, answered: Visit) -> None:
    """A visit is not needed any more. Whoever is asked there is told once."""
    for seat, person in cancel(request, visit, answered):
        messages.not_needed(request, seat, person, answered)


def cancel(request: Request, visit: Visit, answered: Visit | None) -> list[tuple[Assignment, Person]]:
    """A visit ends before it has a result, and first what is below it. Gives whom mails asked there, with their seats.
    `answered`: the visit whose answers made it so; None where the whole request had lasted too long."""
    asked = []
    for inside in visit.children.filter(state__in=Visit.LIVE).order_by("pk"):
        asked += cancel(request, inside, answered)
    engine_calls.drop(visit)
    engine_clarifications.end(request, visit)
    seats = list(visit.assignments.filter(state=Assignment.State.OPEN).select_related("person"))
    delegates = engine_delegates.of_seats(seats)
    _supersede(request, visit, seats)
    if visit.state == Visit.State.HELD:
        engine_time.end_hold(visit)
    by = None if answered is None else answered.pk
    ended: dict[str, Any] = {"ended_by_id": by, "held_result": "", "reason": ""}
    rows.change(visit, state=Visit.State.CANCELLED, closed_at=clock.now(), **ended)
    where: dict[str, Any] = {"step": visit.step_key, "round": visit.round}
    if answered is not None:
        where |= {"by_step": answered.step_key, "by_round": answered.round}
    note(request, None, "cancelled", at=visit.closed_at, **where)
    for seat in seats:
        own = () if digests.is_to_come(seat) else (seat.person,)
        asked += [(seat, person) for person in (*own, *delegates.get(seat.pk, ()))]
    return asked


# --- stuck ------------------------------------------------------------------------------------------------


def stick(request: Request, visit: Visit, why: object) -> None:
    told = visit.state == Visit.State.STUCK
    reason = _reason(why)
    visit.state, visit.reason, visit.why = Visit.State.STUCK, reason, kept_of(why)
    visit.save(update_fields=["state", "reason", "why"])
    entry = note(request, None, "stuck", step=visit.step_key, round=visit.round, personal={"reason": reason})
    if not told:
        messages.stuck(request, visit, entry.seq)


def _reason(why: object) -> str:
    with as_the_installation_reads():  # kept for whoever administers, in whosever turn it happens
        return " ".join(str(why).split())[:LONGEST_REASON]  # what a form says may stand in it


def kept_of(why: object) -> dict[str, Any]:
    """A sentence, or an error that has one, to be read in any language; {} of anything else."""
    said = why.args[0] if isinstance(why, Exception) and why.args else why
    return said.as_json() if isinstance(said, Sentence) else {}


def _unstick(request: Request, visit: Visit, state: Visit.State) -> None:
    if visit.state != Visit.State.STUCK:
        return
    visit.state, visit.reason = state, ""
    visit.save(update_fields=["state", "reason"])
    note(request, None, "no longer stuck", step=visit.step_key, round=visit.round)
