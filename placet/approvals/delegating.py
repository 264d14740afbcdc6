"""What begins and ends that somebody answers in another's place, while questions are open: a question is given to
somebody, an automatic reply says that whoever is asked is away, a delegation begins or ends.

Each function locks a request at a time, as those of `placet.approvals.engine` do, and looks at everything anew there. A
delegation's moments are rows of work: `work` brings the open questions of its delegator up to date, once however often
it is called.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet

from placet.accounts import delegations
from placet.accounts.models import Delegation, Person
from placet.approvals import (
    absences,
    engine,
    engine_answerable,
    engine_asks,
    engine_delegates,
    record,
)
from placet.approvals.definitions import definition_of
from placet.approvals.engine_errors import NotAllowed
from placet.approvals.may_decide import Seat, may_give, may_stand_in, why_not_in_place
from placet.approvals.models import Absence, Ask, Assignment, Delegate
from placet.approvals.record import note
from placet.audit import chain
from placet.lib import clock, rows
from placet.lib.sentences import Sentence
from placet.mail.models import IncomingMail

PAUSE = timedelta(seconds=30)  # before a row that failed is looked at once more
LONGEST_COMMENT = 2000  # characters, of whoever gives a question to somebody
GIVEN = "given"  # what became of a mail that gave a question to somebody
State, Why = Delegate.State, Delegate.Why


class CannotBeGiven(NotAllowed):
    """The one whom a question shall be given to may not answer it."""


@contextmanager
def seat_of(assignment_id: int) -> Iterator[Seat]:
    """A seat in a transaction that holds its request's lock, as it stands now."""
    with transaction.atomic(), chain.together():
        number = Assignment.objects.values_list("visit__request_id", flat=True).get(pk=assignment_id)
        request = engine.lock(number)
        beside = engine.seats_beside(request, assignment_id)
        assignment = next(one for one in beside if one.pk == assignment_id)
        yield Seat(request, definition_of(request.version), assignment, beside)


# --- given ------------------------------------------------------------------------------------------------


def give(
    assignment_id: int,
    by: Person,
    to: Person,
    comment: str = "",
    *,
    by_mail: record.What | None = None,
) -> Delegate:
    """Somebody is asked in the place of whoever is asked, who may answer all the same until then. By whoever is asked,
    their manager, an owner of the process or an administrator. `by_mail`: what the record says of the mail that said
    so.

    Raises AlreadyDecided, NoLongerOpen, NotAllowed or CannotBeGiven; then nothing has changed."""
    with seat_of(assignment_id) as seat:
        engine_answerable.must_be_open(seat.assignment, by)
        if not may_give(by, seat):
            raise NotAllowed(
                Sentence(
                    "Only whoever is asked can give this to somebody, their manager, an owner of the process, or an "
                    "administrator."
                )
            )
        if len(comment) > LONGEST_COMMENT:
            raise NotAllowed(Sentence("A comment has at most {number} characters.", number=LONGEST_COMMENT))
        person = Person.objects.get(pk=to.pk)
        if not can_be_given(person, seat) or not engine_asks.hold([person]):
            raise CannotBeGiven(_why_not(person, seat))
        row = engine_delegates.row_of(seat.assignment, person)
        row = engine_delegates.add(seat, person, Why.GIVEN, row, by=by, comment=comment, what=by_mail)
        engine_asks.ask(seat.request, seat.definition, seat.assignment, again=False, delegate=row)
        return row


def can_be_given(person: Person, seat: Seat) -> bool:
    return person.pk != seat.assignment.person_id and may_stand_in(person, seat) is None


def _why_not(person: Person, seat: Seat) -> Sentence:
    """The one reason that holds, as whoever wants to give it reads it."""
    if person.pk == seat.assignment.person_id:
        return Sentence("{name} is asked already, themself.", name=person.name)
    return why_not_in_place(person, seat) if person.is_active else deactivated(person)


def deactivated(person: Person) -> Sentence:
    return Sentence("{name} is deactivated.", name=person.name)


def take_back(delegate_id: int, by: Person) -> bool:
    """What was given, by whoever may give it. False if it is over."""
    assignment_id = Delegate.objects.values_list("assignment", flat=True).get(pk=delegate_id)
    with seat_of(assignment_id) as seat:
        if not may_give(by, seat):
            raise NotAllowed(Sentence("Only whoever can give this to somebody can take it back."))
        row = Delegate.objects.select_related("person").get(pk=delegate_id)
        if row.state != State.OPEN or row.why != Why.GIVEN:
            return False
        engine_delegates.end(seat.request, seat.assignment, row, Delegate.Reason.TAKEN_BACK, by)
        engine_delegates.renew(seat.request, seat.definition, seat.assignment)
        return True


# --- absent -----------------------------------------------------------------------------------------------


def absent(ask: Ask, assignment_id: int, incoming: IncomingMail, logged: record.Logged) -> bool:
    """An automatic reply to an ask, whose sender is proved: whoever is asked is away. A delegate who was named for that
    is asked; else their manager gets one mail, with the page where they may give it to somebody. False, and nothing
    happens, where that is known, or the question is not open. Of a delegate who is away nothing is known but that; the
    manager hears of it, where nobody is left who is there."""
    with seat_of(assignment_id) as seat:
        assignment = seat.assignment
        if assignment.state != Assignment.State.OPEN:
            return False
        if ask.person_id != assignment.person_id:
            row = engine_delegates.row_of(assignment, ask.person)
            if row is not None and row.state == State.OPEN:
                engine_delegates.propose_without(seat, ask.person)
            return False
        if assignment.absent_at is not None:
            return False
        rows.change(assignment, absent_at=clock.now())
        what = record.together(record.mail(incoming), record.reading(logged), record.seat(assignment))
        note(seat.request, None, "absent", at=assignment.absent_at, result=logged.result, **what)
        engine_delegates.stand_in_beside(seat)
        return True


def back(person: Person, by: Person) -> int:
    """Somebody who was away is there again: from all questions that are open for them. How many they were. By
    themself, or by an administrator."""
    if by.pk != person.pk and not by.is_administrator:
        raise NotAllowed(Sentence("Only they themselves or an administrator can do this."))
    absences.end(person, clock.now(), by)
    away = absent_seats(person).order_by("pk").values_list("pk", flat=True)
    return sum(_back(assignment_id, by) for assignment_id in list(away))


def absent_seats(person: Person) -> QuerySet[Assignment]:
    return Assignment.objects.filter(person=person, state=Assignment.State.OPEN, absent_at__isnull=False)


def _back(assignment_id: int, by: Person | None) -> bool:
    with seat_of(assignment_id) as seat:
        return _is_back(seat, by)


def _is_back(seat: Seat, by: Person | None) -> bool:
    assignment = seat.assignment
    if assignment.state != Assignment.State.OPEN or assignment.absent_at is None:
        return False
    rows.change(assignment, absent_at=None)
    note(seat.request, by, "back", **record.seat(assignment))
    engine_delegates.renew(seat.request, seat.definition, assignment)
    return True


# --- absences that begin or end ---------------------------------------------------------------------------


def work_absence(absence_id: int) -> bool:
    """Bring the open questions of somebody who is away, or is back, up to date, as `work` does, and those that they
    answer in others' places. It looks at what is in force now, so an older row undoes nothing of a newer one."""
    began = clock.now()
    again = began + PAUSE
    if not Absence.objects.filter(pk=absence_id, due__lte=began).update(due=again):
        return False
    if absences.end_by_itself(absence_id):
        Absence.objects.filter(pk=absence_id).update(due=again)
    absence = Absence.objects.select_related("person", "ended_by").get(pk=absence_id)
    for assignment_id in _open_of(absence.person_id):
        with seat_of(assignment_id) as seat:
            known = absences.in_force(absence.person_id, clock.now())
            if known is None:
                _is_back(seat, absence.ended_by)
            elif engine_delegates.mark_absent(seat, known):
                engine_delegates.stand_in_beside(seat)
    for assignment_id in engine_delegates.open_for(absence.person):
        with seat_of(assignment_id) as seat:
            if absences.in_force(absence.person_id, clock.now()) is not None:
                engine_delegates.propose_without(seat, absence.person)
    # Not where it ended meanwhile, which is to be looked at, too.
    following = absences.next_look(absence, began)
    Absence.objects.filter(pk=absence_id, due=again).update(due=following)
    return True


# --- delegations that begin or end ------------------------------------------------------------------------


def due(limit: int) -> list[int]:
    found = Delegation.objects.filter(due__lte=clock.now())
    return list(found.order_by("due", "id").values_list("id", flat=True)[:limit])


def work(delegation_id: int) -> bool:
    """Bring the open questions of a delegator up to date, each under its request's lock. One that fails leaves the row
    to be worked again, and what was done before stays done."""
    began = clock.now()
    # Put off before it is tried: a row that fails does not stand before the others.
    again = began + PAUSE
    if not Delegation.objects.filter(pk=delegation_id, due__lte=began).update(due=again):
        return False
    delegation = Delegation.objects.get(pk=delegation_id)
    absences.move(delegation.delegator_id)
    for assignment_id in _open_of(delegation.delegator_id):
        with seat_of(assignment_id) as seat:
            engine_delegates.renew(seat.request, seat.definition, seat.assignment)
    # Not where it was ended meanwhile, which is to be looked at, too.
    following = delegations.next_look(delegation, began)
    Delegation.objects.filter(pk=delegation_id, due=again).update(due=following)
    return True


def renew(assignment_id: int) -> None:
    """Bring one open question up to date with the delegations of whoever is asked."""
    with seat_of(assignment_id) as seat:
        engine_delegates.renew(seat.request, seat.definition, seat.assignment)


def _open_of(person_id: int) -> list[int]:
    found = Assignment.objects.filter(person=person_id, state=Assignment.State.OPEN)
    return list(found.order_by("pk").values_list("pk", flat=True))


# --- what a page shows ------------------------------------------------------------------------------------


def seat_to_look_at(assignment: Assignment) -> Seat:
    """Without a lock: what it says may change."""
    request = assignment.visit.request
    beside = list(assignment.visit.assignments.select_related("decision", "kept", "person"))
    return Seat(request, definition_of(request.version), assignment, beside)
