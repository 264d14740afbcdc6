"""Whoever gave an answer takes it back, as long as it has no effect: the seat is open again, and so are those of
everybody who was still asked when it decided its step. The visit stays the same one, so reply codes stay good and no
round is counted; its clock goes on where it stood.

The function locks the request first, as those of `placet.approvals.engine` do, and looks at everything anew there.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction

from placet.accounts.models import Person
from placet.approvals import (
    digests,
    engine,
    engine_asks,
    engine_clarifications,
    engine_delegates,
    engine_hold,
    engine_time,
    engine_visits,
    record,
    undo_words,
)
from placet.approvals.definitions import Definition, definition_of
from placet.approvals.engine_errors import NoLongerOpen, NotAllowed, NotUndone
from placet.approvals.grace import NONE
from placet.approvals.may_decide import Seat
from placet.approvals.models import (
    Ask,
    Assignment,
    Decision,
    Delegate,
    Request,
    UndoneDecision,
    Visit,
)
from placet.approvals.record import note
from placet.approvals.steps import WITHDRAWN
from placet.approvals.undo_rules import grace_in
from placet.audit import chain
from placet.lib import clock, rows
from placet.lib.sentences import Sentence
from placet.mail.models import IncomingMail

UNDONE = "undone"  # what became of a mail that took an answer back
#: What became of mails that were told that somebody else's answer counts.
_TOLD = ("already_decided", record.DIGEST)


@dataclass(frozen=True)
class Retraction:
    """How somebody takes an answer back. Of a mail: `ask` is what it answers, `proof` who sent it, and `logged` what
    the mail log says of it. Of a page: `shown` is the answer that it showed, by its id, where that is known."""

    channel: Decision.Channel = Decision.Channel.PAGE
    incoming: IncomingMail | None = None
    ask: Ask | None = None
    proof: Mapping[str, Any] = field(default_factory=dict)
    logged: record.Logged | None = None
    shown: str = ""

    @property
    def moment(self) -> datetime:
        """When it counts: a mail by when the server received it."""
        return clock.now() if self.incoming is None else min(clock.now(), self.incoming.receipt_time)

    @property
    def origin(self) -> record.What:
        """On the record."""
        mail = record.mail(self.incoming) if self.incoming is not None else {"incoming": None}
        reading = record.reading(self.logged) if self.logged is not None else {}
        result = {"result": self.logged.result} if self.logged is not None else {}
        return record.together(mail, reading, result)


ON_THE_PAGE = Retraction()


def undo(assignment_id: int, by: Person, retraction: Retraction = ON_THE_PAGE) -> UndoneDecision:
    """The answer that `by` gave for a seat counts no more. NotAllowed for anybody else, NotUndone where it stands; then
    nothing has changed."""
    with transaction.atomic(), chain.together():
        number = Assignment.objects.values_list("visit__request_id", flat=True).get(pk=assignment_id)
        request = engine.lock(number)
        seats = engine.seats_beside(request, assignment_id)
        assignment = next(seat for seat in seats if seat.pk == assignment_id)
        decision = _decision_of(assignment, by)
        definition = definition_of(request.version)
        _must_be_meant(assignment, by, decision, retraction)
        _must_be_in_time(request, definition, decision, retraction.moment)
        row = _take_back(request, assignment, decision, retraction)
        moved = _reopen(request, definition, seats, assignment, by)
        _ask(request, definition, seats, row, moved)
        engine_visits.wake(request, definition)
        return row


def _decision_of(assignment: Assignment, by: Person) -> Decision:
    if not Person.objects.filter(pk=by.pk, is_active=True).exists():
        raise NotAllowed(Sentence("This account is not active any more."))
    decision: Decision | None = getattr(assignment, "decision", None)
    if decision is not None and decision.by_person_id == by.pk:
        return decision
    before = engine_hold.newest_undone(assignment, by)
    if before is not None:
        raise NotUndone(Sentence("You took this answer back already."), undone_at=before.undone_at)
    raise NotAllowed(Sentence("Only whoever gave an answer can take it back."))


def _must_be_meant(assignment: Assignment, by: Person, decision: Decision, retraction: Retraction) -> None:
    """A mail that came before an answer takes an earlier one back, and not this one, whenever it is read; and so does a
    page that shows an earlier one."""
    if retraction.shown and retraction.shown != str(decision.pk):
        raise NoLongerOpen(
            Sentence("You gave another answer since this page was shown, and that one stands.")
        )
    incoming = retraction.incoming
    if incoming is None:
        return
    given, before = decision.incoming, engine_hold.newest_undone(assignment, by)
    came = incoming.receipt_time
    if (given is not None and came < given.receipt_time) or (
        before is not None and came <= before.counts_from
    ):
        raise NoLongerOpen(Sentence("You gave another answer after this mail had come, and that one stands."))


def _must_be_in_time(request: Request, definition: Definition, decision: Decision, moment: datetime) -> None:
    decision.assignment.visit.request = request
    visit, until = decision.assignment.visit, engine_hold.last_moment(definition, decision)
    if until is None and grace_in(definition, visit.step_key) != NONE:
        often = Sentence(
            "This answer was taken back {times} times. That is as often as it can be, so the last one stands.",
            times=engine_hold.MOST_UNDONE,
        )
        raise NotUndone(often)
    if until is None:
        raise NotUndone(Sentence("A decision cannot be taken back."))
    if request.state != Request.State.OPEN or visit.state not in Visit.LIVE or visit.result:
        since, late = (
            visit.closed_at or request.closed_at,
            Sentence("It is too late to take this answer back."),
        )
        raise NotUndone(late, until=until, since=since, had_effect=_had_effect(visit))
    if moment > until:
        raise NotUndone(Sentence("It is too late to take this answer back."), until=until)


def _had_effect(visit: Visit) -> bool:
    """Whether answers made what a visit came to, and nothing else ended it."""
    was_decided = visit.state not in (Visit.State.OPEN, Visit.State.CANCELLED) and visit.result != WITHDRAWN
    return was_decided and not engine_time.has_expired(visit.pk)


def _take_back(
    request: Request, assignment: Assignment, decision: Decision, retraction: Retraction
) -> UndoneDecision:
    names = (
        "outcome",
        "answers",
        "revision",
        "comment",
        "by_person",
        "channel",
        "incoming",
        "completes",
        "at",
    )
    row = UndoneDecision(
        assignment=assignment,
        undone_at=clock.now(),
        undone_channel=retraction.channel,
        undone_incoming=retraction.incoming,
        **{name: getattr(decision, name) for name in names},
    )
    row.save()
    Decision.objects.filter(pk=decision.pk).delete()
    rows.change(assignment, state=Assignment.State.OPEN)
    what = record.together(record.undone(row, retraction.ask, retraction.proof), retraction.origin)
    note(request, row.by_person, "undone", at=row.undone_at, **what)
    return row


# --- what it leads to -------------------------------------------------------------------------------------


def _reopen(
    request: Request,
    definition: Definition,
    seats: Sequence[Assignment],
    undone: Assignment,
    by: Person,
) -> Collection[int]:
    """The step goes on, unless what others answered decides it without this answer; and so does whatever the answer had
    ended in it and in steps that are kept apart. Gives the visits whose deadline is another one now."""
    visit, moved = undone.visit, set[int]()
    again = [undone]
    was_held = visit.state == Visit.State.HELD
    if was_held:
        superseded = [seat for seat in seats if seat.state == Assignment.State.SUPERSEDED]
        for seat in superseded:
            rows.change(seat, state=Assignment.State.OPEN)
        persons = [seat.person_id for seat in superseded]
        rows.change(visit, state=Visit.State.OPEN, held_result="")
        note(request, None, "goes on", step=visit.step_key, round=visit.round, persons=persons)
        engine_time.release(request, definition, visit)
        moved |= {
            *engine_time.reckon_again(request, definition)
        }  # what was entered meanwhile moved nothing here
        again += superseded
    engine_delegates.reopen(again)
    gone = [seat for seat in again if not _may_still(seat, request, definition)]
    for seat in gone:
        rows.change(seat, state=Assignment.State.WITHDRAWN)
        engine_delegates.close([seat])
        where: dict[str, Any] = {"step": visit.step_key, "round": visit.round}
        note(request, None, "no longer asked", person=seat.person_id, **where)
    engine_delegates.end_barred(request, definition, [seat for seat in again if seat not in gone])
    # Whoever left before the step was decided is missed again, and an administrator is told so.
    is_missed = was_held and visit.assignments.filter(state=Assignment.State.WITHDRAWN).exists()
    if gone or is_missed or visit.state == Visit.State.STUCK:
        engine_visits.consider(request, definition, visit)
    elif was_held:
        engine_visits.go_on(request, definition, visit, seats)
    for other in _kept_apart(request, definition, undone, by):
        engine_visits.consider(request, definition, other)
    engine_delegates.renew_all(request, definition)
    return moved


def _may_still(seat: Assignment, request: Request, definition: Definition) -> bool:
    """Whether somebody who was asked when a step was decided is asked again: they may have left, or decided another
    step since."""
    person = Person.objects.get(pk=seat.person_id)
    bars = Seat(request, definition, seat, ()).bars
    return person.is_active and not bars.against(person)


def _kept_apart(request: Request, definition: Definition, undone: Assignment, by: Person) -> Iterable[Visit]:
    """Where whoever gave the answer, or whose it was, was asked no longer because of it."""
    keys = definition.kept_apart(undone.visit.step_key)
    if not keys:
        return ()
    running = request.visits.filter(step_key__in=keys, state__in=(Visit.State.OPEN, Visit.State.STUCK))
    barred = Assignment.objects.filter(
        visit__in=running,
        person__in=(undone.person_id, by.pk),
        state=Assignment.State.WITHDRAWN,
        replaced_by=None,
    )
    visits = list(Visit.objects.filter(assignments__in=barred).distinct().order_by("pk"))
    for visit in visits:
        visit.request = request
    return visits


def _ask(
    request: Request,
    definition: Definition,
    seats: Sequence[Assignment],
    row: UndoneDecision,
    moved: Collection[int],
) -> None:
    """Whoever took an answer back is asked again, and everybody who was told meanwhile that none is needed, or until
    when otherwise; the mails of the others are as good as before. Whoever is asked in digests is asked so again."""
    asked_anew = _asked_anew(row, seats)
    is_moved = row.assignment.visit_id in moved
    for seat in seats:
        seat.refresh_from_db(fields=["state", "page_only"])
        if seat.state != Assignment.State.OPEN:
            continue
        for reader in engine_asks.readers(seat):
            if is_moved or (seat.pk, reader.person.pk) in asked_anew:
                because = undo_words.because(row, reader.person)
                engine_asks.ask(
                    request,
                    definition,
                    seat,
                    again=True,
                    delegate=reader.delegate,
                    because=because,
                    at_once=is_moved,
                )
            elif reader.delegate is None and _was_left_out(seat):
                engine_asks.ask(request, definition, seat, again=False)
    engine_asks.ask_about_changes(request, definition, ())


def _asked_anew(row: UndoneDecision, seats: Sequence[Assignment]) -> set[tuple[int, int]]:
    """Seats, each with somebody who has to be asked there again: whoever took the answer back, and in whose place they
    had given it; those whose own answers were refused since, and whose questions became needless."""
    visit, undone = row.assignment.visit, row.assignment
    lines = Ask.objects.filter(lines__assignment__visit=visit)
    asked = [
        (str(public_id), (seat, person))
        for public_id, seat, person in lines.values_list("public_id", "lines__assignment", "person")
    ]
    delegates = Delegate.objects.filter(assignment__visit=visit).values_list("person", flat=True)
    refused = IncomingMail.objects.filter(
        person__in=[*(seat.person_id for seat in seats), *delegates],
        handled_at__gte=row.at,
        result__in=_TOLD,
        verdict__ask__in=[public_id for public_id, _asked in asked],
    )
    answered = {*refused.values_list("verdict__ask", flat=True)}
    tried = {one for public_id, one in asked if public_id in answered}
    of_this_answer = {(undone.pk, row.by_person_id), (undone.pk, undone.person_id)}
    return of_this_answer | tried | engine_clarifications.without_answer(visit)


def _was_left_out(seat: Assignment) -> bool:
    """Whether the digest that was to ask somebody went out without it, because it was decided then."""
    asked = seat.ask_lines.filter(asks_back=None, ask__person=seat.person_id).exists()
    return not (asked or seat.page_only or digests.is_to_come(seat))
