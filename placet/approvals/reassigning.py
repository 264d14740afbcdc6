"""An owner of a process puts somebody in the place of somebody who is asked, who is asked no more.

The seat of whoever was asked is withdrawn, and whoever is put there gets one in the same visit, for the same line of
the step. As long as they have not left that, the line is looked up as if it named them (`placet.approvals.whom`); once
they leave, or may not decide any more, it says again who is asked. The step's clock stays as it is.
"""

from placet.accounts.models import Person
from placet.approvals import (
    delegating,
    digests,
    engine_answerable,
    engine_asks,
    engine_clarifications,
    engine_delegates,
    engine_visits,
    reassigning_mails,
    record,
    whom,
)
from placet.approvals.delegating import LONGEST_COMMENT, CannotBeGiven
from placet.approvals.engine_asks import Reassigned
from placet.approvals.engine_errors import NotAllowed
from placet.approvals.may_decide import Seat, may_reassign, why_not_instead
from placet.approvals.models import Assignment, Visit
from placet.approvals.record import note
from placet.lib import rows
from placet.lib.sentences import NOTHING, Sentence


def reassign(assignment_id: int, by: Person, to: Person, comment: str = "") -> Assignment:
    """`to` is asked in the place of whoever is, who is asked no more. By an owner of the process or an administrator.
    Gives the new seat.

    Raises AlreadyDecided, NoLongerOpen, NotAllowed or CannotBeGiven; then nothing has changed."""
    with delegating.seat_of(assignment_id) as seat:
        engine_answerable.must_be_open(seat.assignment, by)
        if not may_reassign(by, seat):
            raise NotAllowed(_by_nobody_else(seat))
        engine_answerable.must_be_in_time(seat.request, seat.definition, seat.assignment, None)
        if len(comment) > LONGEST_COMMENT:
            raise NotAllowed(Sentence("A comment has at most {number} characters.", number=LONGEST_COMMENT))
        person = Person.objects.get(pk=to.pk)
        if (why_not := against(person, seat)) or not engine_asks.hold([person]):
            raise CannotBeGiven(why_not or delegating.deactivated(person))
        return _put_in_place(seat, person, Reassigned(seat.assignment.named_person_id, by, comment))


def _by_nobody_else(seat: Seat) -> Sentence:
    if seat.definition.approval(seat.assignment.visit.step_key).delegate is False:
        return Sentence("In this step nobody answers in somebody's place.")
    return Sentence(
        "Only an owner of the process or an administrator can ask somebody else instead, and not where they made the "
        "request themself."
    )


def against(person: Person, seat: Seat) -> Sentence:
    """Why somebody cannot be put in the place of whoever is asked, as others read it; NOTHING if they can."""
    if person.pk == seat.assignment.person_id:
        return Sentence("{name} is asked already, themself.", name=person.name)
    if not person.is_active:
        return delegating.deactivated(person)
    if why_not := why_not_instead(person, seat):
        return why_not
    to_come = whom.to_come(seat.definition, seat.assignment.visit, seat.request)
    if any(one.pk == person.pk for one in to_come):
        return Sentence("This step asks {name} anyway, and nobody has two answers in it.", name=person.name)
    return NOTHING


def _readers(assignment: Assignment) -> list[Person]:
    """Whom a mail has asked about it, or is about to."""
    is_to_come = digests.is_to_come(assignment)
    return [
        one.person for one in engine_asks.readers(assignment) if one.delegate is not None or not is_to_come
    ]


def _put_in_place(seat: Seat, person: Person, reassigned: Reassigned) -> Assignment:
    request, definition, before, visit = seat.request, seat.definition, seat.assignment, seat.assignment.visit
    readers = _readers(before)
    what = record.reassigned(before, person, reassigned.comment)
    entry = note(request, reassigned.by, "reassigned", **what)
    rows.change(before, state=Assignment.State.WITHDRAWN)
    engine_clarifications.drop(request, definition, before)
    engine_delegates.close([before])
    seated = engine_asks.seat(visit, seat.beside, [person], {person.pk: before.source}, reassigned)
    engine_delegates.ask_all(request, definition, visit, seated)
    for reader in readers:
        if reader.pk not in (person.pk, reassigned.by.pk):
            reassigning_mails.asked_no_more(request, before, seated[0], reader, entry.seq)
    if visit.state == Visit.State.STUCK:  # as long as somebody was missing there
        engine_visits.consider(request, definition, visit)
        engine_visits.wake(request, definition)  # with the others' answers the step may be over
    return seated[0]
