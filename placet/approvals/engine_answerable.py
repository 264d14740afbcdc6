"""What stands against somebody's answer to a question: it is not open any more, they may not decide it, or it came too
late (`engine_errors`). Looks; changes nothing. Called by `placet.approvals.engine` and `delegating`, which hold the
request's lock."""

from collections.abc import Mapping

from placet.accounts.models import Person
from placet.approvals import engine_hold, engine_stops, engine_time, record, whom
from placet.approvals.counted import counting_in
from placet.approvals.definitions import Definition, definition_of
from placet.approvals.engine_errors import (
    AlreadyDecided,
    Barred,
    EngineError,
    NoLongerOpen,
    NotAllowed,
    NotByApi,
    TooLate,
)
from placet.approvals.grace import NONE
from placet.approvals.may_decide import Seat, Why, may_decide, over, rests_on, row_of
from placet.approvals.models import Assignment, Decision, Delegate, Request
from placet.approvals.name_lists import listed_names
from placet.approvals.undo_rules import grace_in
from placet.lib import clock
from placet.lib.sentences import Sentence
from placet.mail.models import IncomingMail


def must_be_open(assignment: Assignment, by: Person | None = None) -> None:
    """`by`: who answers, if somebody does."""
    if assignment.state in Assignment.COUNTED:
        raise AlreadyDecided([assignment.counted], engine_hold.until_of(assignment.visit))
    if assignment.state == Assignment.State.SUPERSEDED:
        if engine_stops.has_ended(assignment.visit):
            raise TooLate
        last = assignment.visit.ended_by_id or assignment.visit_id
        if engine_time.has_expired(last):  # whatever some of its people answered
            if last == assignment.visit_id:
                raise TooLate
            raise NoLongerOpen(Sentence("No answer is needed here any more."))
        counted = counting_in([last])
        decisions = list(counted.select_related("by_person").order_by("at", "id"))
        if decisions:
            raise AlreadyDecided(decisions, engine_hold.until_of(assignment.visit))
        raise NoLongerOpen(Sentence("No answer is needed here any more."))
    if assignment.state == Assignment.State.WITHDRAWN:
        request = assignment.visit.request
        if request.state == Request.State.WITHDRAWN:
            raise NoLongerOpen(Sentence("The request was withdrawn."))
        if assignment.replaced_by is not None:
            raise NoLongerOpen(_instead_of(assignment))
        successor = assignment.successor(assignment.visit.assignments.select_related("person"))
        if successor is not None:
            raise NoLongerOpen(_in_favour_of(successor, assignment, by))
        if by is not None and by.pk == assignment.person_id:
            # They decided another step since they were asked (`withdraw_barred`): that is why.
            bars = whom.Bars(request, definition_of(request.version), assignment.visit.step_key)
            if bar := bars.against(by):
                raise Barred(bar)
        raise NoLongerOpen(Sentence("You are no longer asked about this request."))


def _instead_of(assignment: Assignment) -> Sentence:
    """Why somebody is asked no longer in whose place others are."""
    definition = definition_of(assignment.visit.request.version)
    lines = definition.approval(assignment.visit.step_key).lines_of_rung(assignment.replaced_by or 0)
    asked = (Assignment.State.OPEN, Assignment.State.DECIDED)
    seats = assignment.visit.assignments.filter(source__in=lines, state__in=asked).order_by("pk")
    names = listed_names(list(seats.values_list("person__name", flat=True)))
    if not names:
        return Sentence("It was not answered in time. Somebody else was asked in your place.")
    return Sentence("It was not answered in time. Asked in your place: {names}.", names=names)


def _in_favour_of(successor: Assignment, assignment: Assignment, by: Person | None) -> Sentence:
    """Why somebody is asked no longer in whose place an owner put somebody. `by`: who answers, perhaps a delegate."""
    name, owner = successor.person.name, assignment.person
    if by is not None and by.pk == successor.person_id:
        return Sentence(
            "You are asked yourself now, in place of {name}: please answer the newer mail.", name=owner.name
        )
    if by is not None and by.pk != owner.pk:
        return Sentence(
            "{name} was asked in place of {owner}, so no answer of yours is needed here.",
            name=name,
            owner=owner.name,
        )
    return Sentence("{name} was asked in your place, so no answer of yours is needed here.", name=name)


def must_be_in_time(
    request: Request, definition: Definition, assignment: Assignment, incoming: IncomingMail | None
) -> None:
    """An answer counts by when it was received, on the page by when it is given."""
    moment = clock.now() if incoming is None else incoming.received_at or incoming.kept_at
    visit = assignment.visit
    if engine_time.is_too_late(definition.approval(visit.step_key), visit, moment):
        raise TooLate
    if engine_stops.is_too_late(request, definition, moment):
        raise TooLate


def must_be_meant_still(
    definition: Definition, assignment: Assignment, by: Person, incoming: IncomingMail | None
) -> None:
    """An answer that came before its sender took one back is none that they mean still, whenever it is read."""
    if incoming is None or grace_in(definition, assignment.visit.step_key) == NONE:
        return
    undone = engine_hold.newest_undone(assignment, by)
    if undone is not None and incoming.receipt_time <= undone.counts_from:
        raise NoLongerOpen(Sentence("You took your answer back after this one had come."))


def must_be_allowed(seat: Seat, by: Person) -> None:
    own = by.pk == seat.assignment.person_id
    # As the database says now: `by` may have been read before they left.
    person = seat.assignment.person if own else Person.objects.get(pk=by.pk)
    bar = may_decide(person, seat, clock.now())
    if bar is not None:
        raise _BARS[bar.why](bar.sentence)


def must_take_channel(definition: Definition, step_key: str, channel: Decision.Channel) -> None:
    """An answer by API is proved by a key. Where a process wants somebody who signed in, or refuses answers by API, a
    key decides nothing."""
    if channel != Decision.Channel.API:
        return
    if definition.decisions_by_api is False:
        raise NotByApi(
            Sentence("This process takes no decisions by API: please open the request and sign in.")
        )
    if definition.proof_for(step_key) == "page":
        raise NotByApi(Sentence("This can be decided on the page only: please open the request and sign in."))
    if definition.proof_for(step_key) == "signed":
        raise NotByApi(
            Sentence("This is decided by a signed mail or on the page: a key of the API stands for neither.")
        )


_BARS: Mapping[Why, type[EngineError]] = {
    Why.NOT_ACTIVE: NotAllowed,
    Why.NOT_ASKED: NotAllowed,
    Why.BARRED: Barred,
}


def in_someones_place(seat: Seat, by: Person) -> record.What:
    """What the record says of an answer in somebody's place; nothing of any other. NotAllowed where with the data that
    the answer leaves the request is none that the delegation is about."""
    row = None if by.pk == seat.assignment.person_id else row_of(by.pk, seat.assignment)
    if row is None:
        return {}
    delegation = rests_on(row, seat, clock.now())
    if delegation is None and row.why != Delegate.Why.GIVEN:
        raise NotAllowed(over(seat.assignment.person.name))
    return record.in_place(row, delegation)
