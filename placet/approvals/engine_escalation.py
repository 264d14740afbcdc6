"""Others are asked in a step because it was not decided in time: beside those who are asked (`also`), or in their place
(`instead`). Called by `placet.approvals.timing`, which holds the request's lock.

Whoever is asked already is skipped, and so are the requester and whoever may not decide here. A rung decides nothing by
itself: where nobody can be put in place of those who are asked, or where taking them away would make a result, they
stay, and administrators are told. Whoever was replaced is asked no more in that visit.
"""

from collections.abc import Sequence
from typing import Any

from placet.accounts.models import Person
from placet.accounts.reader import as_the_installation_reads
from placet.approvals import (
    engine_asks,
    engine_clarifications,
    engine_delegates,
    engine_time,
    engine_visits,
    escalation_mails,
    policy,
    turns,
)
from placet.approvals.ask_words import Escalated
from placet.approvals.definitions import Definition
from placet.approvals.models import Assignment, Request, Timer, Visit
from placet.approvals.record import note
from placet.lib import clock, rows
from placet.lib.sentences import Sentence

State = Assignment.State


def escalate(request: Request, definition: Definition, timer: Timer) -> bool:
    """Whether somebody is asked now who was not asked before. `timer`: of the rung; it has acted already, so its lines
    say who is asked if anybody leaves."""
    visit, step = timer.visit, definition.approval(timer.visit.step_key)
    seats = _seats(visit)
    named, new = engine_asks.whom_to_add(request, definition, visit, timer.number, seats)
    asked = [seat for seat in seats if seat.state == State.OPEN]
    replaced: Sequence[Assignment] = ()
    if new and step.rung(timer.number).replaces:
        stays = {person.pk for person in named.people}
        replaced = [seat for seat in asked if seat.person_id not in stays]
    why = _why_not(request, definition, timer, new, replaced, named.missing)
    if why:
        _note_nobody(request, timer, why)
        return False
    _note(request, timer, new, replaced)
    for seat in replaced:
        rows.change(seat, state=State.WITHDRAWN, replaced_by=timer.number)
        engine_clarifications.drop(request, definition, seat)
    engine_delegates.close(replaced)
    engine_time.leave_time_after_rung(request, visit, step)
    turns.advance(named.turns)
    engine_asks.keep_matches(request, visit, named.matches)
    first = Escalated(timer.at, [seat.person.name for seat in replaced or asked], bool(replaced))
    seated = engine_asks.seat(visit, seats, new, named.lines)
    engine_delegates.ask_all(request, definition, visit, seated, first)
    for seat in asked:
        escalation_mails.others_are_asked(request, seat, timer, new, clock.now())
    return True


def _seats(visit: Visit) -> list[Assignment]:
    return list(visit.assignments.select_related("person", "decision", "kept", "visit").order_by("pk"))


def _why_not(
    request: Request,
    definition: Definition,
    timer: Timer,
    new: Sequence[Person],
    replaced: Sequence[Assignment],
    missing: Sentence,
) -> Sentence:
    """Why nobody else is asked; NOTHING if somebody can be."""
    if not new:
        return missing or Sentence("everybody whom it names is asked already")
    if not replaced:
        return Sentence()
    step, visit = definition.approval(timer.visit.step_key), timer.visit
    after = _seats(visit)  # as they would be
    gone = {seat.pk for seat in replaced}
    for seat in after:
        if seat.pk in gone:
            seat.state, seat.replaced_by = State.WITHDRAWN, timer.number
    wanted, to_ask = engine_asks.whom_to_ask(request, definition, visit, after)
    lines = [wanted.lines[person.pk] for person in to_ask]
    if policy.result_of(step, after, lines, unknown=wanted.incomplete):
        return Sentence("without those who did not answer the step would be decided by nobody's answer")
    if not policy.can_be_decided(step, after, lines):
        return wanted.reason or Sentence("those who would be asked instead are not enough to decide it")
    return Sentence()


def _note(request: Request, timer: Timer, new: Sequence[Person], replaced: Sequence[Assignment]) -> None:
    visit = timer.visit
    if visit.state == Visit.State.OPEN and visit.reason:
        rows.change(visit, reason="")
    people: dict[str, Any] = {
        "persons": [person.pk for person in new],
        "replaced": [seat.person_id for seat in replaced],
    }
    note(request, None, "escalated", **_where(timer), due=timer.at.isoformat(), **people)


def _note_nobody(request: Request, timer: Timer, why: Sentence) -> None:
    """The visit says it to administrators, as long as it goes on."""
    visit = timer.visit
    with as_the_installation_reads():
        reason = " ".join(str(why).split())[: engine_visits.LONGEST_REASON]
    if visit.state == Visit.State.OPEN:
        rows.change(visit, reason=reason, why=engine_visits.kept_of(why))
    note(request, None, "not escalated", **_where(timer), personal={"reason": reason})
    escalation_mails.nobody_else(request, visit, timer, reason)


def _where(timer: Timer) -> dict[str, Any]:
    return {"step": timer.visit.step_key, "round": timer.visit.round, "rung": timer.number}
