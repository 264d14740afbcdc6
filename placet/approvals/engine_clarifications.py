"""Questions back: whoever is asked asks the requester something, and the step stays as it is. Called by
`placet.approvals.engine`, which holds the request's lock.

    ask_back → the requester is asked by mail, with a reply code of their own; the step's clock stands (`engine_time`)
    answer   → all who are asked in the visit get a new ask that shows question and answer; the clock goes on
    give_up  → no answer came in the longest time that the clock may stand: it goes on, and they are told so
    drop     → whoever asked is asked no longer, or decided: their question needs no answer
    end      → the visit is over: nothing in it needs an answer

What was asked for is not changed by any of these, so the codes of older asks stay good. Question and answer are other
people's words, and are never read for an answer to the step.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from placet.accounts.models import Person
from placet.approvals import clarification_mails, engine_asks, engine_pending, engine_time, record
from placet.approvals.composing import hash_of, mailbox_for
from placet.approvals.definitions import Definition
from placet.approvals.form import facts_hash
from placet.approvals.models import Ask, AskLine, Assignment, Clarification, Decision, Request, Visit
from placet.approvals.record import Logged, What, note
from placet.lib import clock, rows
from placet.lib.ids import new_code
from placet.lib.sentences import NOTHING, Sentence
from placet.mail.models import IncomingMail, OutgoingMail

MOST_OPEN = 5  # questions of one visit that wait for their answers
State = Clarification.State


@dataclass(frozen=True)
class Written:
    """What somebody wrote, and how it came. Of a mail: `ask` is what it answers, `proof` who sent it, and `logged` what
    the mail log says of it."""

    text: str
    channel: Decision.Channel = Decision.Channel.PAGE
    incoming: IncomingMail | None = None
    ask: Ask | None = None
    proof: Mapping[str, Any] = field(default_factory=dict)
    logged: Logged | None = None

    @property
    def moment(self) -> datetime:
        """When it counts: a mail by when the server received it."""
        return clock.now() if self.incoming is None else min(clock.now(), self.incoming.receipt_time)

    @property
    def origin(self) -> What:
        """On the record."""
        mail = record.mail(self.incoming) if self.incoming is not None else {"incoming": None}
        reading = record.reading(self.logged) if self.logged is not None else {}
        answered = {"answered": str(self.ask.public_id)} if self.ask is not None else {}
        return record.together(mail, reading, answered, {"personal": {"proof": dict(self.proof)}})


# --- asking -----------------------------------------------------------------------------------------------


def against(request: Request, assignment: Assignment) -> Sentence:
    """Why nothing can be asked back now; NOTHING if something can."""
    requester = Person.objects.get(pk=request.requester_id)
    if requester.pk == assignment.person_id:
        return Sentence("You made this request yourself.")
    if not requester.is_active:
        return Sentence("{name}, who made the request, is no longer here to answer.", name=requester.name)
    waiting = _open_ones(assignment.visit)
    if any(one.assignment_id == assignment.pk for one in waiting):
        return Sentence("Your last question still waits for its answer.")
    if len(waiting) >= MOST_OPEN:
        return Sentence("{number} questions already wait for an answer here.", number=MOST_OPEN)
    return NOTHING


def ask_back(
    request: Request, definition: Definition, assignment: Assignment, by: Person, written: Written
) -> Clarification:
    """`by`: whoever is asked, or answers in their place."""
    visit = assignment.visit
    clarification = Clarification.objects.create(
        visit=visit,
        number=visit.asked_back + 1,
        assignment=assignment,
        asked_by=by,
        question=written.text,
        asked_at=clock.now(),
        channel=written.channel,
        incoming=written.incoming,
        pauses=engine_time.pause(request, definition, visit, written.moment),
    )
    rows.change(visit, asked_back=clarification.number)
    line = _ask_requester(request, definition, clarification)
    # A mail that asks something says something else than the answer that waits for its rest.
    lapses = engine_pending.lapse(assignment, by, written.incoming) if written.incoming is not None else {}
    what = record.together(
        record.asked_back(clarification),
        record.asked_by_mail(line.ask, line) if line is not None else {"ask": None},
        written.origin,
        lapses,
    )
    note(request, by, "asked back", at=clarification.asked_at, **what)
    return clarification


def _ask_requester(request: Request, definition: Definition, clarification: Clarification) -> AskLine | None:
    """With a reply code of its own: what comes with it is an answer to this question, and decides nothing. None: there
    is no mailbox, and the page has it."""
    mailbox, assignment = mailbox_for(request), clarification.assignment
    if mailbox is None:
        return None
    code = new_code()
    ask = Ask.objects.create(
        code_hash=hash_of(code), person=request.requester, created_at=clarification.asked_at
    )
    shown = facts_hash(request, definition, clarification.visit.step_key)
    line = AskLine.objects.create(
        ask=ask, line=1, assignment=assignment, facts_hash=shown, revision=request.revision, asks_back=clarification
    )  # fmt: skip
    ask.outgoing = clarification_mails.question(mailbox, request, definition, clarification, ask, code)
    ask.save(update_fields=["outgoing"])
    return line


# --- answering --------------------------------------------------------------------------------------------


def answer(
    request: Request, definition: Definition, clarification: Clarification, by: Person, written: Written
) -> None:
    """All who are asked in the visit get it, before what the clock then says."""
    rows.change(
        clarification,
        state=State.ANSWERED,
        pauses=False,
        answer=written.text,
        answered_by_id=by.pk,
        answered_at=clock.now(),
        answer_channel=written.channel,
        answer_incoming_id=written.incoming.pk if written.incoming is not None else None,
    )
    what = record.together(record.clarified(clarification), written.origin)
    note(request, by, "clarified", at=clarification.answered_at, **what)
    _go_on(request, definition, clarification.visit)
    for seat in _still_asked(clarification.visit):
        for reader in engine_asks.readers(seat):
            engine_asks.ask(
                request, definition, seat, again=True, clarified=clarification, delegate=reader.delegate
            )


def _still_asked(visit: Visit) -> list[Assignment]:
    seats = visit.assignments.filter(state=Assignment.State.OPEN).select_related("visit", "person")
    return list(seats.order_by("pk"))


def _go_on(request: Request, definition: Definition, visit: Visit) -> datetime | None:
    """The clock does, unless another question still lets it stand. From when it stood, if it did and goes on now."""
    if visit.clarifications.filter(state=State.OPEN, pauses=True).exists():
        return None
    return engine_time.resume(request, definition, visit)


# --- without an answer ------------------------------------------------------------------------------------


def give_up(request: Request, definition: Definition, visit: Visit) -> bool:
    """The clock stood as long as it may. The questions stay open: an answer is better late than never. Whether anybody
    waited."""
    waiting = [one for one in _open_ones(visit) if one.pauses]
    for one in waiting:
        rows.change(one, pauses=False)
    where: What = {"step": visit.step_key, "round": visit.round}
    note(request, None, "no clarification", **where, clarifications=[one.pk for one in waiting])
    engine_time.resume(request, definition, visit)
    for seat in _still_asked(visit):
        for reader in engine_asks.readers(seat):
            engine_asks.ask(request, definition, seat, again=True, unclarified=True, delegate=reader.delegate)
    return bool(waiting)


def drop(request: Request, definition: Definition, seat: Assignment) -> None:
    """Whoever sits there decided, or is asked no longer. The visit may be over with that; then nothing is left."""
    if seat.visit.asked_back:
        mine = [one for one in _open_ones(seat.visit) if one.assignment_id == seat.pk]
        _make_needless(request, seat.visit, mine)
        since = _go_on(request, definition, seat.visit) if mine else None
        if since is not None:
            _ask_who_read_that_it_stands(request, definition, seat.visit, since)


def _ask_who_read_that_it_stands(
    request: Request, definition: Definition, visit: Visit, since: datetime
) -> None:
    """No answer will come to whoever was asked while the clock stood: their mail names no moment to answer by."""
    for seat in _still_asked(visit):
        for reader in engine_asks.readers(seat):
            if reader.lines.filter(ask__created_at__gte=since).exists():
                engine_asks.ask(request, definition, seat, again=True, delegate=reader.delegate)


def end(request: Request, visit: Visit) -> None:
    if visit.asked_back:
        _make_needless(request, visit, _open_ones(visit))
        engine_time.end_pause(visit)


def end_for_now(request: Request, definition: Definition, visit: Visit) -> None:
    """The visit is decided, which may be undone: its clock stands for no question any more."""
    if visit.asked_back:
        _make_needless(request, visit, _open_ones(visit))
        _go_on(request, definition, visit)


def without_answer(visit: Visit) -> set[tuple[int, int]]:
    """The seats in which something was asked that became needless, each with whoever asked it."""
    if not visit.asked_back:
        return set()
    needless = visit.clarifications.filter(state=State.NEEDLESS)
    return set(needless.values_list("assignment", "asked_by"))


def _make_needless(request: Request, visit: Visit, clarifications: Sequence[Clarification]) -> None:
    """The requester is told once of all of them."""
    if not clarifications:
        return
    for one in clarifications:
        rows.change(one, state=State.NEEDLESS, pauses=False)
    where: What = {"step": visit.step_key, "round": visit.round}
    note(request, None, "no answer needed", **where, clarifications=[one.pk for one in clarifications])
    clarification_mails.not_needed(request, visit, clarifications)


def _open_ones(visit: Visit) -> list[Clarification]:
    """As the database says now: whoever holds the request's lock reads what others left."""
    waiting = visit.clarifications.filter(state=State.OPEN).select_related("asked_by")
    return list(waiting.order_by("number"))


def mails_that_ask(visit: Visit) -> list[OutgoingMail]:
    """Mails to the requester whose answers the clock waits for."""
    asks = OutgoingMail.objects.filter(ask__lines__asks_back__visit=visit, ask__lines__asks_back__pauses=True)
    return list(asks.select_related("ask").defer("raw").order_by("pk"))
