"""Who may answer in the place of somebody who is asked, and the mails that ask them. Called by
`placet.approvals.engine` and `delegating`, which hold the request's lock.

A delegate answers the seat of whoever is asked, so both may, and the first answer counts. Each has an ask of their own.
A row of `Delegate` says who they are; it ends while the seat is open, or is over with it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from placet.accounts import delegations
from placet.accounts.models import Delegation, Person
from placet.approvals import absences, composing, delegate_mails, digests, engine_asks, record
from placet.approvals.ask_words import Escalated
from placet.approvals.definitions import Definition
from placet.approvals.may_decide import Seat, fitting, is_missed, may_give, may_stand_in
from placet.approvals.models import Absence, Assignment, Delegate, Request, Visit
from placet.approvals.record import note
from placet.lib import clock, rows

Why, State, Reason = Delegate.Why, Delegate.State, Delegate.Reason


# --- when people are asked --------------------------------------------------------------------------------


def ask_all(
    request: Request,
    definition: Definition,
    visit: Visit,
    seats: Sequence[Assignment],
    escalated: Escalated | None = None,
) -> None:
    """Ask whoever has just got a seat, and whoever answers in their place. `escalated`: because others did not
    answer."""
    now = clock.now()
    standing = delegations.in_force_of([seat.person_id for seat in seats], now) if seats else {}
    is_back = [seat for seat in seats if seat.has_delegates]
    beside = []
    if standing or is_back:
        beside = list(visit.assignments.select_related("decision", "kept", "person"))
    added = {
        seat.pk: _add_wanted(
            # Somebody who is back has the seat that they had, with whoever answered there.
            Seat(request, definition, seat, beside),
            _rows(seat),
            standing[seat.person_id],
            now,
        )
        for seat in seats
        if seat.person_id in standing
    }
    for seat in is_back:
        _end_over(Seat(request, definition, seat, beside))
    for seat in seats:
        delegates = added.get(seat.pk, [])
        if (
            any(engine_asks.only_delegate(row) for row in delegates)
            and composing.mailbox_for(request) is not None
        ):
            note(request, None, "asked", **record.asked(seat), door="delegate")
        else:
            absence = any(one.when == Delegation.When.ABSENT for one in standing.get(seat.person_id, ()))
            engine_asks.ask(request, definition, seat, again=False, absence=absence, escalated=escalated)
        _ask(request, definition, seat, delegates, escalated)
    _stand_in_for_absent(request, definition, visit, seats, now)


def _end_over(seat: Seat) -> None:
    """A seat is open again that was taken from somebody who left. Whoever answered there and does not now is ended:
    else what is over would stand in a seat that is open."""
    for row in _rows(seat.assignment).values():
        if row.state == State.OVER:
            end(seat.request, seat.assignment, row, _why_not(row, seat))


def _why_not(row: Delegate, seat: Seat) -> Delegate.Reason:
    if not row.person.is_active:
        return Reason.LEFT
    return Reason.BARRED if may_stand_in(row.person, seat) else Reason.DELEGATION


def _ask(
    request: Request,
    definition: Definition,
    seat: Assignment,
    delegates: Iterable[Delegate],
    escalated: Escalated | None = None,
) -> None:
    for row in delegates:
        engine_asks.ask(request, definition, seat, again=False, delegate=row, escalated=escalated)


# --- away -------------------------------------------------------------------------------------------------


def _stand_in_for_absent(
    request: Request, definition: Definition, visit: Visit, seats: Sequence[Assignment], now: datetime
) -> None:
    """Of these, who are asked only now, some are known to be away."""
    away = absences.in_force_of([seat.person_id for seat in seats], now) if seats else {}
    if not away:
        return
    own = {seat.pk: seat for seat in seats}
    others = visit.assignments.select_related("decision", "kept", "person").exclude(pk__in=own)
    beside = sorted([*own.values(), *others], key=lambda one: one.pk)
    for seat in seats:
        if seat.person_id in away:
            mark_absent(Seat(request, definition, seat, beside), away[seat.person_id])
    stand_in_beside(Seat(request, definition, seats[0], beside))


def mark_absent(seat: Seat, absence: Absence) -> bool:
    """Whoever is asked is known to be away, by a mail that answered another question. False if nothing changes."""
    assignment = seat.assignment
    proof = seat.definition.proof_for(assignment.visit.step_key)
    is_known = assignment.absent_at is not None
    if assignment.state != Assignment.State.OPEN or is_known or not absences.counts(absence, proof):
        return False
    rows.change(assignment, absent_at=clock.now())
    what = {**record.seat(assignment), "absence": absence.pk}
    note(seat.request, None, "absent", at=assignment.absent_at, **what)
    return True


def stand_in_beside(seat: Seat) -> None:
    """Whoever is away in a visit is stood in for: with one less, members of a group who were not missed may be."""
    for one in seat.beside:
        if one.state == Assignment.State.OPEN and one.absent_at is not None:
            _stand_in(replace(seat, assignment=one))


def _stand_in(seat: Seat) -> None:
    renew(seat.request, seat.definition, seat.assignment)
    if is_missed(seat) and not _is_anybody_there(seat.assignment):
        propose(seat)


def _is_anybody_there(assignment: Assignment, away: Collection[int] = ()) -> bool:
    """Whether anybody who is written to about a seat is not known to be away. `away`: who is, by what is not in force
    yet."""
    people = {reader.person.pk for reader in engine_asks.readers(assignment)}.difference(away)
    if assignment.absent_at is not None:
        people.discard(assignment.person_id)
    return bool(people - absences.in_force_of(people - {assignment.person_id}, clock.now()).keys())


def propose_without(seat: Seat, delegate: Person) -> None:
    """Somebody who answers in this place is away, too: to the manager, where that leaves nobody."""
    is_open = seat.assignment.state == Assignment.State.OPEN
    if is_open and is_missed(seat) and not _is_anybody_there(seat.assignment, [delegate.pk]):
        propose(seat, delegate)


def propose(seat: Seat, delegate: Person | None = None) -> None:
    """To the manager, once for a seat, if they may give it to somebody. `delegate`: who is away, too."""
    manager = seat.assignment.person.manager
    if manager is not None and may_give(manager, seat):
        delegate_mails.hand_on(seat.request, seat.assignment, manager, delegate)


# --- adding and ending ------------------------------------------------------------------------------------


def renew(request: Request, definition: Definition, assignment: Assignment) -> None:
    """Who answers in the place of somebody who is asked, as it is now: whoever does not any more is ended, whoever does
    newly is asked. Called again it does nothing."""
    if assignment.state != Assignment.State.OPEN:
        return
    now = clock.now()
    known = _rows(assignment)
    beside = list(assignment.visit.assignments.select_related("decision", "kept", "person"))
    seat = Seat(request, definition, assignment, beside)
    standing = fitting(seat, now)
    wanted = {one.delegate_id for one in standing}
    added = _add_wanted(seat, known, standing, now)
    ended = [
        row
        for row in known.values()
        if row.state == State.OPEN and row.why != Why.GIVEN and row.person_id not in wanted
    ]
    for row in ended:
        back = row.why == Why.ABSENCE and assignment.absent_at is None
        end(request, assignment, row, Reason.BACK if back else Reason.DELEGATION)
    _ask(request, definition, assignment, added)
    ask_if_nobody_else(request, definition, assignment)


def row_of(assignment: Assignment, person: Person) -> Delegate | None:
    """What is known of somebody there."""
    return _rows(assignment).get(person.pk)


def has_open(assignment: Assignment) -> bool:
    """Whether anybody may answer in this place."""
    return assignment.has_delegates and assignment.delegates.filter(state=State.OPEN).exists()


def _rows(assignment: Assignment) -> dict[int, Delegate]:
    if not assignment.has_delegates:
        return {}
    return {row.person_id: row for row in assignment.delegates.select_related("person", "delegation")}


def _add_wanted(
    seat: Seat, known: Mapping[int, Delegate], standing: Sequence[Delegation], now: datetime
) -> list[Delegate]:
    """Those who are asked newly; whoever answers by a delegation that ended goes on by another one that is in force."""
    added = []
    is_there = {pk for pk, row in known.items() if row.state == State.OPEN}
    for delegation in fitting(seat, now, standing):
        if delegation.when == Delegation.When.ABSENT and not is_missed(seat):
            continue
        row, person = known.get(delegation.delegate_id), delegation.delegate
        if person.pk in is_there or may_stand_in(person, seat) or not engine_asks.hold([person]):
            continue
        is_there.add(person.pk)
        why = Why.ABSENCE if delegation.when == Delegation.When.ABSENT else Why.STANDING
        added.append(add(seat, person, why, row, delegation=delegation))
    return added


def add(
    seat: Seat,
    person: Person,
    why: Delegate.Why,
    row: Delegate | None,
    *,
    delegation: Delegation | None = None,
    by: Person | None = None,
    comment: str = "",
    what: record.What | None = None,
) -> Delegate:
    """One more who may answer; nothing is written to them here. `row`: what is known of them there. `by`: who gave it
    to them. `what`: what else the record says."""
    assignment = seat.assignment
    row = row or Delegate(assignment=assignment, person=person)
    row.why, row.delegation, row.by, row.comment = why, delegation, by, comment
    row.state, row.reason, row.created_at, row.ended_at = State.OPEN, "", clock.now(), None
    row.save()
    row.assignment = assignment
    if not assignment.has_delegates:
        rows.change(assignment, has_delegates=True)
    entry = record.together(record.delegate_added(row), what or {})
    note(seat.request, by, "delegate added", at=row.created_at, **entry)
    return row


def end(
    request: Request, assignment: Assignment, row: Delegate, reason: Delegate.Reason, by: Person | None = None
) -> None:
    """They do not answer there any more, though the seat is open."""
    row.assignment = assignment
    rows.change(row, state=State.ENDED, reason=reason, ended_at=clock.now())
    note(request, by, "delegate ended", at=row.ended_at, **record.delegate_ended(row))


def ask_if_nobody_else(request: Request, definition: Definition, assignment: Assignment) -> None:
    """Whoever got no mail, because all of it went to their delegate, is written to once they have none. What waits for
    their digest goes on waiting."""
    if not assignment.has_delegates or assignment.page_only or has_open(assignment):
        return
    written = assignment.ask_lines.filter(ask__person=assignment.person_id).exists()
    if not written and not digests.is_to_come(assignment):
        engine_asks.ask(request, definition, assignment, again=True)


# --- while a seat is open ---------------------------------------------------------------------------------


def end_of_people(
    request: Request,
    definition: Definition,
    visit: Visit,
    people: Collection[int],
) -> None:
    """These have answered in a visit, or somebody did in their place: where that keeps them out, here and in steps that
    are kept apart from this one, they answer in nobody's place any more."""
    rows_ = Delegate.objects.filter(
        state=State.OPEN, person__in=people, assignment__state=Assignment.State.OPEN
    )
    here = rows_.filter(assignment__visit=visit)
    apart = definition.kept_apart(visit.step_key)
    elsewhere = rows_.filter(assignment__visit__request=request, assignment__visit__step_key__in=apart)
    found = [*here.select_related(*_WHOLE), *(elsewhere.select_related(*_WHOLE) if apart else ())]
    for row in sorted({one.pk: one for one in found}.values(), key=lambda one: one.pk):
        if row.assignment.visit_id == visit.pk and row.assignment.person_id == row.person_id:
            continue
        end(request, row.assignment, row, Reason.BARRED)
        ask_if_nobody_else(request, definition, row.assignment)


_WHOLE = ("person", "assignment__visit", "assignment__person")


def close(seats: Iterable[Assignment]) -> None:
    """Seats are not open any more, and so nobody answers there. No entry says so: it follows from theirs."""
    delegated = [seat.pk for seat in seats if seat.has_delegates]
    if delegated:
        Delegate.objects.filter(assignment__in=delegated, state=State.OPEN).update(state=State.OVER)


def reopen(seats: Collection[Assignment]) -> None:
    """Seats are open again, and so are those who could answer there when they were closed. No entry says so, either.
    Who of them left for a while, or came back meanwhile, is looked at by the work on absences."""
    absences.look_again({seat.person_id for seat in seats})
    delegated = [seat.pk for seat in seats if seat.has_delegates]
    if delegated:
        Delegate.objects.filter(assignment__in=delegated, state=State.OVER).update(state=State.OPEN)


def end_barred(request: Request, definition: Definition, seats: Iterable[Assignment]) -> None:
    """Seats are open again in which somebody answers who left meanwhile, or whom an answer bars that counts.
    `renew_all` then writes to whoever got no mail because of them."""
    for assignment in (seat for seat in seats if seat.has_delegates):
        beside = list(assignment.visit.assignments.select_related("decision", "kept", "person"))
        seat = Seat(request, definition, assignment, beside)
        for row in _rows(assignment).values():
            if row.state == State.OPEN and may_stand_in(row.person, seat):
                end(request, assignment, row, _why_not(row, seat))


def of_seats(seats: Iterable[Assignment]) -> Mapping[int, list[Person]]:
    """By seat: who answers in its place, to be told what whoever is asked is told. To be read before it is closed."""
    delegated = [seat.pk for seat in seats if seat.has_delegates]
    people: dict[int, list[Person]] = {}
    if delegated:
        found = Delegate.objects.filter(assignment__in=delegated, state=State.OPEN)
        for row in found.select_related("person").order_by("pk"):
            people.setdefault(row.assignment_id, []).append(row.person)
    return people


def open_for(person: Person) -> list[int]:
    """The seats that somebody may answer in another's place."""
    rows_ = Delegate.objects.filter(person=person, state=State.OPEN)
    return list(rows_.order_by("pk").values_list("assignment", flat=True))


def leave(request: Request, definition: Definition, assignment_id: int, person: Person, by: Person) -> None:
    """Somebody who left answers in nobody's place."""
    row = Delegate.objects.filter(assignment=assignment_id, person=person, state=State.OPEN).first()
    assignment = Assignment.objects.select_related("visit", "person").get(pk=assignment_id)
    if row is None or assignment.state != Assignment.State.OPEN:
        return
    assignment.visit.request = request
    end(request, assignment, row, Reason.LEFT, by)
    ask_if_nobody_else(request, definition, assignment)


def renew_all(request: Request, definition: Definition) -> None:
    """The request has other data: delegations that are about amounts may be about it now, or no longer."""
    open_ones = Assignment.objects.filter(visit__request=request, state=Assignment.State.OPEN)
    seats = list(open_ones.select_related("visit", "person").order_by("pk"))
    standing = delegations.in_force_of({seat.person_id for seat in seats}, clock.now())
    for seat in seats:
        if seat.has_delegates or seat.person_id in standing:
            seat.visit.request = request
            renew(request, definition, seat)
