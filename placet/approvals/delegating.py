"""What begins and ends that somebody answers in another's place, while questions are open: a question is given to
somebody, an automatic reply says that whoever is asked is away, a delegation begins or ends.

Each function locks a request at a time, as those of `placet.approvals.engine` do, and looks at everything anew there. A
delegation's moments are rows of work: `work` brings the open questions of its delegator up to date, once however often
it is called.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from placet.accounts import delegations
from placet.accounts.models import Delegation, Person
from placet.approvals import (
    delegate_mails,
    engine,
    engine_answerable,
    engine_asks,
    engine_delegates,
    record,
)
from placet.approvals.definitions import definition_of
from placet.approvals.engine_errors import NotAllowed
from placet.approvals.may_decide import Seat, is_missed, may_stand_in
from placet.approvals.models import Ask, Assignment, Delegate
from placet.approvals.record import note
from placet.audit import chain
from placet.lib import rows
from placet.lib.sentences import Sentence
from placet.mail.models import IncomingMail

PAUSE = timedelta(seconds=30)  # before a row that failed is looked at once more
LONGEST_COMMENT = 2000  # characters, of whoever gives a question to somebody
GIVEN = "given"  # what became of a mail that gave a question to somebody
State, Why = Delegate.State, Delegate.Why


class CannotBeGiven(NotAllowed):
    """The one whom a question shall be given to may not answer it."""


@contextmanager
def _seat_of(assignment_id: int) -> Iterator[Seat]:
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
    their manager or an administrator. `by_mail`: what the record says of the mail that said so.

    Raises AlreadyDecided, NoLongerOpen, NotAllowed or CannotBeGiven; then nothing has changed."""
    with _seat_of(assignment_id) as seat:
        engine_answerable.must_be_open(seat.assignment, by)
        if not may_give(by, seat):
            raise NotAllowed(
                Sentence(
                    "Only whoever is asked can give this to somebody, their manager, or an administrator."
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


def may_give(by: Person, seat: Seat) -> bool:
    """Whoever is asked, their manager, or an administrator. Not the requester, who would choose who decides, unless it
    is asked of themself; and no delegate, who passes nothing on."""
    person = Person.objects.get(pk=by.pk)
    owner = seat.assignment.person
    if not person.is_active or seat.definition.approval(seat.assignment.visit.step_key).delegate is False:
        return False
    if person.pk == owner.pk:
        return not seat.bars.against(person)
    leads = owner.manager_id == person.pk or person.is_administrator
    return leads and person.pk != seat.request.requester_id


def can_be_given(person: Person, seat: Seat) -> bool:
    return person.pk != seat.assignment.person_id and may_stand_in(person, seat) is None


def _why_not(person: Person, seat: Seat) -> Sentence:
    if person.pk == seat.assignment.person_id:
        return Sentence("{name} is asked already.", name=person.name)
    if not person.is_active:
        return Sentence("{name} is deactivated.", name=person.name)
    return Sentence(
        "{name} cannot answer this: it is their own request, or they are asked or have answered in it themselves, or "
        "nobody can in this place.",
        name=person.name,
    )


def take_back(delegate_id: int, by: Person) -> bool:
    """What was given, by whoever may give it. False if it is over."""
    assignment_id = Delegate.objects.values_list("assignment", flat=True).get(pk=delegate_id)
    with _seat_of(assignment_id) as seat:
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
    manager hears of it."""
    with _seat_of(assignment_id) as seat:
        assignment = seat.assignment
        if assignment.state != Assignment.State.OPEN:
            return False
        if ask.person_id != assignment.person_id:
            row = engine_delegates.row_of(assignment, ask.person)
            if row is not None and row.state == State.OPEN:
                _propose(seat)
            return False
        if assignment.absent_at is not None:
            return False
        rows.change(assignment, absent_at=timezone.now())
        what = record.together(record.mail(incoming), record.reading(logged), _where(assignment))
        note(seat.request, None, "absent", at=assignment.absent_at, result=logged.result, **what)
        for one in seat.beside:  # with one less, members of a group who were not missed may be
            if one.state == Assignment.State.OPEN and one.absent_at is not None:
                _stand_in(replace(seat, assignment=one))
        return True


def _stand_in(seat: Seat) -> None:
    engine_delegates.renew(seat.request, seat.definition, seat.assignment)
    if not engine_delegates.has_open(seat.assignment) and is_missed(seat):
        _propose(seat)


def _where(assignment: Assignment) -> record.What:
    visit = assignment.visit
    return {"person": assignment.person_id, "step": visit.step_key, "round": visit.round}


def _propose(seat: Seat) -> None:
    """To the manager, once for a seat, if they may give it to somebody."""
    manager = seat.assignment.person.manager
    if manager is not None and may_give(manager, seat):
        delegate_mails.hand_on(seat.request, seat.assignment, manager)


def back(person: Person, by: Person) -> int:
    """Somebody who was away is there again: from all questions that are open for them. How many they were. By
    themself, or by an administrator."""
    if by.pk != person.pk and not by.is_administrator:
        raise NotAllowed(Sentence("Only they themselves or an administrator can do this."))
    away = absent_seats(person).order_by("pk").values_list("pk", flat=True)
    return sum(_back(assignment_id, by) for assignment_id in list(away))


def absent_seats(person: Person) -> QuerySet[Assignment]:
    return Assignment.objects.filter(person=person, state=Assignment.State.OPEN, absent_at__isnull=False)


def _back(assignment_id: int, by: Person) -> bool:
    with _seat_of(assignment_id) as seat:
        assignment = seat.assignment
        if assignment.state != Assignment.State.OPEN or assignment.absent_at is None:
            return False
        rows.change(assignment, absent_at=None)
        note(seat.request, by, "back", **_where(assignment))
        engine_delegates.renew(seat.request, seat.definition, assignment)
        return True


# --- delegations that begin or end ------------------------------------------------------------------------


def due(limit: int) -> list[int]:
    found = Delegation.objects.filter(due__lte=timezone.now())
    return list(found.order_by("due", "id").values_list("id", flat=True)[:limit])


def work(delegation_id: int) -> bool:
    """Bring the open questions of a delegator up to date, each under its request's lock. One that fails leaves the row
    to be worked again, and what was done before stays done."""
    began = timezone.now()
    # Put off before it is tried: a row that fails does not stand before the others.
    again = began + PAUSE
    if not Delegation.objects.filter(pk=delegation_id, due__lte=began).update(due=again):
        return False
    delegation = Delegation.objects.get(pk=delegation_id)
    for assignment_id in _open_of(delegation.delegator_id):
        with _seat_of(assignment_id) as seat:
            engine_delegates.renew(seat.request, seat.definition, seat.assignment)
    # Not where it was ended meanwhile, which is to be looked at, too.
    following = delegations.next_look(delegation, began)
    Delegation.objects.filter(pk=delegation_id, due=again).update(due=following)
    return True


def _open_of(person_id: int) -> list[int]:
    found = Assignment.objects.filter(person=person_id, state=Assignment.State.OPEN)
    return list(found.order_by("pk").values_list("pk", flat=True))


# --- what a page shows ------------------------------------------------------------------------------------


def seat_to_look_at(assignment: Assignment) -> Seat:
    """Without a lock: what it says may change."""
    request = assignment.visit.request
    beside = list(assignment.visit.assignments.select_related("decision", "kept", "person"))
    return Seat(request, definition_of(request.version), assignment, beside)
