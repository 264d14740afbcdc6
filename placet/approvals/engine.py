"""The only code that changes a request's state, with `calling`, which does what steps order that call another process,
`delegating`, `reassigning`, and `undoing`. Every channel calls it.

A request runs on one version of a process. Where it stands are its live visits: one of a step at the root, and inside
the visit of a block (a parallel step) one for each branch that still runs. A visit of an approval step has a seat
(`Assignment`) for each person who is asked; their answers (`Decision`) make the visit's result (`policy`), and a
transition of the definition says where that leads.

    start → engine_visits.enter(first step) → ... → engine_asks.ask each person
    decide → engine_visits.go_on → the step's result? → leave → the next step, the end of a branch, or the end
    withdraw, resend, deactivate, ask_again, ask_by_mail, signal
    keep_incomplete: an answer by mail that decides once the rest of it came
    ask_back, clarify: a question to the requester, and their answer; the step stays as it is
    note_bounce, note_refused: what came by mail and changes nothing

engine          what can be done to a request, by whom, and what stands against it. Start here
engine_visits   where a request stands: entering and leaving steps, blocks and their branches, being stuck
engine_asks     whom a visit asks, and the mails that ask
engine_delegates  who may answer in their place; `delegating` does what begins and ends that
reassigning     somebody is put in the place of somebody who is asked, and they are asked no more
may_decide      who may decide a seat, whose it is or in somebody's place
digests         which of them wait until somebody's working day begins; `digesting` writes these in one
engine_notices  whom a notice tells
engine_calls    what is to be done for steps that call another process; `calling` does it
engine_clarifications  questions back to the requester, and their answers
engine_kept     decisions of an earlier visit of a step that still count in a new one
engine_pending  answers that lack something, and the mails that ask for it
engine_revisions  how what was entered changes
engine_rounds   whether a request would go round by itself
engine_starts   a request is made
engine_hold     what a step came to waits, as long as an answer can be undone; `undoing` does that
engine_errors   why something cannot be done; of an answer `engine_answerable` looks
engine_time     when something is due in a step; `timing` does what is due then
engine_stops    when a whole request has lasted as long as it may; `stopping` ends it then
engine_escalation  others are asked, because a step was not decided in time
policy          looks and decides nothing by itself: who is asked, when a step or a block is decided, which way leads on
record          what the audit entries say

Each function here is one transaction and locks the request first (the row of `Request`, whatever the branch), so that
of two answers at the same instant one is second. Locks are taken in one order: request, people, mails. What must never
be double is held by unique constraints: one live visit at the root and in each branch, one seat for a person in a
visit, one decision for a seat. Everything that happens is an entry of the request's record, from which
`evidence` can tell what every row has to hold.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy

from placet.accounts.models import Person
from placet.accounts.reader import as_read_by
from placet.approvals import (
    absences,
    answering_again,
    attachments,
    composing,
    delegate_mails,
    digests,
    engine_answerable,
    engine_asks,
    engine_calls,
    engine_clarifications,
    engine_delegates,
    engine_pending,
    engine_revisions,
    engine_starts,
    engine_stops,
    engine_time,
    engine_visits,
    messages,
    owning,
    policy,
    record,
)
from placet.approvals.answers import read_answers
from placet.approvals.definitions import Definition, definition_of
from placet.approvals.engine_errors import (
    AlreadyAnswered,
    AnswersInvalid,
    Changed,
    CommentNeeded,
    EngineError,
    FieldsInvalid,
    Lapsed,
    NoLongerOpen,
    NotAllowed,
    NotOffered,
    OtherFiles,
    ProcessRetired,
    TooSoon,
)
from placet.approvals.form import FormInvalid, facts_hash, read_form
from placet.approvals.form_computed import cannot_be_computed
from placet.approvals.form_logic import NO_FILES, Files
from placet.approvals.form_types import type_of
from placet.approvals.may_decide import Seat
from placet.approvals.models import (
    Ask,
    Assignment,
    Clarification,
    Decision,
    Draft,
    PendingAnswer,
    Process,
    Request,
    Signal,
    Version,
    Visit,
)
from placet.approvals.questions import asked_in
from placet.approvals.record import note
from placet.approvals.steps import WITHDRAWN, ApprovalStep
from placet.audit import chain
from placet.lib import clock, rows
from placet.lib.plain_text import plain_text
from placet.lib.prepared import Prepared
from placet.lib.sentences import Sentence
from placet.mail.models import IncomingMail
from placet.mailboxes.models import Mailbox

MOST_UNASKED = 10_000  # open assignments without a mail that one look goes through
LONGEST_COMMENT = 20_000
SHORTENED = gettext_lazy("… (shortened; the whole text is in the mail)")
NO_ANSWERS: Mapping[str, Any] = MappingProxyType({})


@contextmanager
def _transaction() -> Iterator[None]:
    """One transaction, or a savepoint of the caller's; its audit entries are written together, at its end."""
    with transaction.atomic(), chain.together():
        yield


@contextmanager
def _callers_transaction() -> Iterator[None]:
    """The same without a savepoint, for what raises EngineError before it writes anything. After any other error the
    caller's transaction cannot be committed either."""
    if not transaction.get_connection().in_atomic_block:
        with _transaction():
            yield
        return
    try:
        with chain.together():
            yield
    except EngineError:
        raise
    except BaseException:
        transaction.set_rollback(True)
        raise


# --- starting ---------------------------------------------------------------------------------------------


@_transaction()
def start(
    version: Version,
    requester: Person,
    entered: Mapping[str, Any],
    draft: Draft | None = None,
    *,
    title: str = "",
    files: Sequence[attachments.NewFile] = (),
    by_mail: Callable[[Request], record.What] | None = None,
    by: Person | None = None,
    key: str = "",
    floor: str = "",
) -> Request:
    """A new request. `files` come with it, where there is no draft that has them. `by_mail`: what the record has of the
    mail that starts it. FormInvalid if what was entered does not fit the form, FilesChanged if a file of `draft` went
    meanwhile, ProcessRetired if nobody starts it any more. The draft's files become the request's, and the draft is
    gone. `title`: one of its own, where its process does not make it of the form. `by`: who starts it in the
    requester's name; None: the requester. `key`: the public part of the key of the API that they used; `floor`: the
    weakest proof that it takes of who answers, also in what the request calls."""
    if not _is_active(requester):
        raise NotAllowed(Sentence("This account is not active."))
    if draft and Draft.objects.select_for_update().filter(pk=draft.pk).first() is None:
        raise NoLongerOpen(Sentence("This form was sent already, or was discarded."))
    if Process.objects.filter(pk=version.process_id, retired_at__isnull=False).exists():
        raise ProcessRetired
    definition = definition_of(version)
    kept = attachments.of(draft) if draft else attachments.by_field(files)
    data = read_form(definition, entered, kept)
    try:
        stop = engine_stops.reckoned(definition)
    except engine_time.NoDeadline as error:
        raise EngineError(_cannot_be_started(error)) from error
    request = engine_starts.create(version, definition, requester, data, title=title, by=by)
    if draft:
        attachments.hand_over(draft, request)
    attachments.attach_new(request, files, by or requester)
    what = by_mail(request) if by_mail else record.by_key(key) | record.with_floor(floor)
    engine_starts.note_started(request, by or requester, what)
    engine_stops.begin(request, stop)
    engine_visits.enter(request, definition, definition.start)
    engine_visits.wake(request, definition)
    return request


def _cannot_be_started(why: engine_time.NoDeadline) -> Sentence:
    return Sentence("It cannot be started: {reason}. An administrator has to help.", reason=str(why))


def _is_active(person: Person) -> bool:
    """As the database says now: the object may have been read before they left."""
    return Person.objects.filter(pk=person.pk, is_active=True).exists()


# --- deciding ---------------------------------------------------------------------------------------------


@_callers_transaction()
def decide(
    assignment_id: int,
    *,
    by: Person,
    outcome: str,
    comment: str = "",
    channel: Decision.Channel,
    incoming: IncomingMail | None = None,
    proof: Mapping[str, Any] | None = None,
    ask: Ask | None = None,
    logged: record.Logged | None = None,
    answers: Mapping[str, Any] = NO_ANSWERS,
    entered: Mapping[str, Any] | None = None,
    completes: PendingAnswer | None = None,
    files: attachments.FilesOfAnswer | None = None,
    shown: str | None = None,
    key: str = "",
) -> Decision:
    """Apply one answer. The first one wins, whatever the channel. Of an answer by mail: `ask` is what it answers,
    `logged` what the mail log says of it, `completes` the earlier answer of which it is the rest. `answers`: to the
    questions of the step by their names, as they were entered. `entered`: the same by field of the form; a field that
    is left out stays as it is. `files`: what it does to those of the form; None: nothing, and what was kept for it is
    not attached. `shown`: the hash of what the answer is to; that is compared here, where nobody changes it. `key`: of
    an answer by API, the public part of the key that gave it.

    Raises AlreadyDecided, NoLongerOpen, NotAllowed, Changed, OtherFiles, AnswersInvalid, FieldsInvalid, CommentNeeded
    or Lapsed, and EngineError if the comment is too long and no mail has the whole of it; then nothing has changed.
    """
    request = _locked(assignment_id)
    seats = seats_beside(request, assignment_id)
    assignment = next(seat for seat in seats if seat.pk == assignment_id)
    engine_answerable.must_be_open(assignment, by)
    definition = definition_of(request.version)
    seat = Seat(request, definition, assignment, seats)
    engine_answerable.must_be_allowed(seat, by)
    engine_answerable.must_take_channel(definition, assignment.visit.step_key, channel)
    engine_answerable.must_be_in_time(request, definition, assignment, incoming)
    engine_answerable.must_be_meant_still(definition, assignment, by, incoming)
    facts = facts_hash(request, definition, assignment.visit.step_key)
    if shown is not None and shown != facts:
        raise Changed
    step = definition.approval(assignment.visit.step_key)
    if completes is not None:
        _must_be_pending(completes, assignment)
    _must_be_offered(step, outcome)
    kept = _answers(definition, assignment.visit, outcome, answers, channel, by)
    kept, filled = _told_apart(definition, assignment.visit, kept)
    data = _data_after(
        request,
        definition,
        assignment.visit.step_key,
        outcome,
        filled | {**(entered or {})},
        _files_after(request, definition, assignment, files),
    )
    in_place = engine_answerable.in_someones_place(replace(seat, data=data), by)
    if not any(map(str.isalnum, comment)) and policy.needs_comment(definition, step, outcome, request, data):
        raise CommentNeeded(step.outcome(outcome))
    decision = Decision(
        assignment=assignment,
        revision=request.revision,
        outcome=outcome,
        answers=kept,
        comment=_bounded(comment, incoming),
        by_person=by,
        channel=channel,
        incoming=incoming,
        completes=completes,
    )
    rows.insert([decision])
    rows.change(assignment, state=Assignment.State.DECIDED)
    decided = record.together(record.decided(decision, facts, ask, proof or {}, key), in_place)
    _note_decided(request, decision, decided, logged)
    changed = engine_revisions.revise(request, definition, data, decision)
    if files is not None:
        attachments.hand_over_with_answer(assignment, request, files)
    if in_place:
        delegate_mails.answered_for(request, decision)
    _follow(request, definition, assignment, seats, by)
    engine_clarifications.drop(request, definition, assignment)
    if changed:
        moved = engine_time.reckon_again(request, definition)
        engine_delegates.renew_all(request, definition)
        engine_asks.ask_about_changes(request, definition, moved)
    return decision


def _note_decided(
    request: Request, decision: Decision, decided: record.What, logged: record.Logged | None
) -> None:
    mail = decision.incoming
    what = record.together(
        decided,
        record.mail(mail) if mail is not None else {"incoming": None},
        record.reading(logged) if logged is not None else {},
        record.completing(decision.completes),
    )
    note(request, decision.by_person, "decided", at=decision.at, **what)


def _follow(
    request: Request, definition: Definition, answered: Assignment, seats: Sequence[Assignment], by: Person
) -> None:
    """What an answer leads to: in its step, in those that whoever gave it decides no longer, in those that wait. In
    somebody's place it is the answer of both."""
    visit = answered.visit
    engine_delegates.close([answered])
    engine_visits.go_on(request, definition, visit, seats)
    people = {by.pk: by, answered.person_id: answered.person}
    for person in people.values():
        engine_visits.withdraw_barred(request, definition, visit.step_key, person)
    if any(seat.has_delegates for seat in seats) or definition.kept_apart(visit.step_key):
        engine_delegates.end_of_people(request, definition, visit, people)
    engine_visits.wake(request, definition)


def _files_after(
    request: Request,
    definition: Definition,
    assignment: Assignment,
    files: attachments.FilesOfAnswer | None,
) -> Files:
    """By the fields whose files may be others now."""
    if files is None:
        return NO_FILES
    try:
        return attachments.after(assignment, request, definition, files)
    except attachments.FilesChanged as error:
        raise OtherFiles from error


def _data_after(
    request: Request,
    definition: Definition,
    step_key: str,
    outcome: str,
    entered: Mapping[str, Any],
    files: Files,
) -> Mapping[str, Any]:
    try:
        return engine_revisions.data_after(request, definition, step_key, outcome, entered, files)
    except FormInvalid as error:
        raise FieldsInvalid(definition, _without_hidden(definition, step_key, error.errors)) from error


def _without_hidden(definition: Definition, step_key: str, errors: Mapping[str, str]) -> Mapping[str, str]:
    """What does not fit in a field that the step hides is said of those that are entered: without its name and its
    limits, which its people are not shown."""
    hidden = definition.hidden_in(step_key)
    shown = {name: said for name, said in errors.items() if name.partition(".")[0] not in hidden}
    return shown or dict.fromkeys(sorted(definition.filled_in(step_key)), cannot_be_computed())


@_transaction()
def keep_incomplete(
    assignment_id: int, answer: engine_pending.Incomplete, asking: answering_again.AskForRest
) -> PendingAnswer:
    """An answer that decides nothing yet, because it lacks something: kept, and asked for the rest. Raises
    AlreadyDecided, NoLongerOpen, NotAllowed or Changed; then nothing has changed."""
    request = _locked(assignment_id)
    seats = seats_beside(request, assignment_id)
    assignment = next(seat for seat in seats if seat.pk == assignment_id)
    engine_answerable.must_be_open(assignment, answer.ask.person)
    definition = definition_of(request.version)
    engine_answerable.must_be_allowed(Seat(request, definition, assignment, seats), answer.ask.person)
    engine_answerable.must_be_in_time(request, definition, assignment, answer.incoming)
    if answer.shown != facts_hash(request, definition, assignment.visit.step_key):
        raise Changed
    _must_be_offered(definition.approval(assignment.visit.step_key), answer.outcome)
    return engine_pending.keep(request, definition, assignment, answer, asking)


# --- questions back ---------------------------------------------------------------------------------------


@_callers_transaction()
def ask_back(assignment_id: int, by: Person, written: engine_clarifications.Written) -> Clarification:
    """Whoever is asked asks the requester something. Raises what `decide` raises of somebody who may not answer, and
    EngineError where nothing was asked, or nothing can be; then nothing has changed."""
    request = _locked(assignment_id)
    seats = seats_beside(request, assignment_id)
    assignment = next(seat for seat in seats if seat.pk == assignment_id)
    engine_answerable.must_be_open(assignment, by)
    definition = definition_of(request.version)
    engine_answerable.must_be_allowed(Seat(request, definition, assignment, seats), by)
    engine_answerable.must_be_in_time(request, definition, assignment, written.incoming)
    text = _something_said(written, Sentence("Please write what you want to ask."))
    if why_not := engine_clarifications.against(request, assignment):
        raise EngineError(why_not)
    return engine_clarifications.ask_back(request, definition, assignment, by, replace(written, text=text))


@_callers_transaction()
def clarify(clarification_id: int, by: Person, written: engine_clarifications.Written) -> Clarification:
    """The requester answers. Raises NotAllowed of anybody else, AlreadyAnswered, NoLongerOpen, and EngineError where
    nothing was written; then nothing has changed."""
    request = lock(Clarification.objects.values_list("visit__request_id", flat=True).get(pk=clarification_id))
    clarification = Clarification.objects.select_related("visit", "asked_by").get(pk=clarification_id)
    clarification.visit.request = request
    if by.pk != request.requester_id or not _is_active(by):
        raise NotAllowed(Sentence("Only the person who made a request can answer what was asked about it."))
    if clarification.state == Clarification.State.ANSWERED:
        raise AlreadyAnswered(clarification)
    if clarification.state != Clarification.State.OPEN:
        raise NoLongerOpen(Sentence("This question needs no answer any more."))
    text = _something_said(written, Sentence("Please write an answer."))
    definition = definition_of(request.version)
    engine_clarifications.answer(request, definition, clarification, by, replace(written, text=text))
    return clarification


def _something_said(written: engine_clarifications.Written, needed: Sentence) -> str:
    text = plain_text(written.text).strip()
    if not any(map(str.isalnum, text)):
        raise EngineError(needed)
    return _bounded(text, written.incoming)


def _must_be_pending(answer: PendingAnswer, assignment: Assignment) -> None:
    """As the database says now: a later mail may have been taken in since it was read."""
    live = PendingAnswer.objects.filter(
        pk=answer.pk, assignment=assignment, lapsed_by=None, undone_decisions=None
    )
    if not live.exists():
        raise Lapsed(Sentence("A later mail of yours says something else."))


def _must_be_offered(step: ApprovalStep, outcome: str) -> None:
    if outcome not in step.outcome_keys:
        possible = ", ".join(step.outcome_keys)
        raise NotOffered(
            Sentence(
                "“{answer}” is no answer here; possible are {answers}.", answer=outcome, answers=possible
            )
        )


def _answers(
    definition: Definition,
    visit: Visit,
    outcome: str,
    entered: Mapping[str, Any],
    channel: Decision.Channel,
    by: Person,
) -> dict[str, Any]:
    """What is kept of the answers to the step's questions, of which none that this outcome needs may be missing."""
    step, by_mail = definition.approval(visit.step_key), channel == Decision.Channel.MAIL
    if not entered and not step.questions:
        return {}
    data = visit.request.data if by_mail else None
    with as_read_by(by):
        read = read_answers(definition, visit.step_key, outcome, entered, written=by_mail, data=data)
    if read.errors:
        raise AnswersInvalid(step.outcome(outcome), read)
    return read.kept


def _told_apart(
    definition: Definition, visit: Visit, kept: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The answers to questions; and those that fill in the form, as they would be entered there."""
    own = {question.name for question in definition.questions_of(visit.step_key)}
    if kept.keys() <= own:
        return dict(kept), {}
    asked = asked_in(definition, visit.step_key, visit.request.data)
    fields = {one.field.name: one.field for one in asked if one.of_form and one.field.name not in own}
    filled = {name: type_of(fields[name]).typed(kept[name], fields[name]) for name in kept.keys() & fields}
    return {name: value for name, value in kept.items() if name not in filled}, filled


def _bounded(comment: str, incoming: IncomingMail | None) -> str:
    if len(comment) <= LONGEST_COMMENT:
        return comment
    if incoming is None:
        raise EngineError(Sentence("A comment has at most {number} characters.", number=LONGEST_COMMENT))
    shortened = str(SHORTENED)
    return comment[: LONGEST_COMMENT - len(shortened)] + shortened


def _locked(assignment_id: int) -> Request:
    """The assignment's request, locked until the transaction ends."""
    for request in _LOCKED(assignment=assignment_id):
        return request
    raise Request.DoesNotExist


def lock(request_id: int) -> Request:
    """A request, locked until the transaction ends."""
    return _locking().get(pk=request_id)


def _locking() -> QuerySet[Request]:
    return Request.objects.select_for_update(of=("self",)).select_related("version", "requester")


_LOCKED = Prepared(lambda given: _locking().filter(visits__assignments=given("assignment")))


def seats_beside(request: Request, assignment_id: int) -> list[Assignment]:
    """Everybody who is asked in the same visit of a request that is locked, as it stands now."""
    seats = _BESIDE(assignment=assignment_id)
    for seat in seats:
        seat.visit = seats[0].visit
    seats[0].visit.request = request
    return seats


_BESIDE = Prepared(
    lambda given: Assignment.objects.filter(visit__assignments=given("assignment")).select_related(
        "visit", "person", "decision", "kept"
    )
)


# --- everything else that can happen ----------------------------------------------------------------------


@_transaction()
def withdraw(request_id: int, by: Person) -> Request:
    """The requester (or an administrator) takes the request back; whoever was asked is told."""
    request = lock(request_id)
    if not request.is_made_by(by) and not by.is_administrator:
        raise NotAllowed(Sentence("Only the person who made a request can withdraw it."))
    if request.state != Request.State.OPEN:
        raise NoLongerOpen(Sentence("This request has already ended."))
    _withdraw(request, by)
    return request


@_transaction()
def withdraw_called(request_id: int) -> None:
    """The step that called this request is over before its time. Called again it does nothing."""
    request = lock(request_id)
    if request.state == Request.State.OPEN:
        _withdraw(request, None)


def _withdraw(request: Request, by: Person | None) -> None:
    waiting = list(
        Assignment.objects.filter(visit__request=request, state=Assignment.State.OPEN).select_related(
            "person"
        )
    )
    live = request.visits.filter(state__in=Visit.LIVE).order_by("-pk")  # what is inside others, first
    if by is None or by.pk != request.requester_id:  # else the requester knows that they need not answer
        for visit in live:
            engine_clarifications.end(request, visit)
    request.state, request.closed_at = Request.State.WITHDRAWN, clock.now()
    request.save(update_fields=["state", "closed_at"])
    note(request, by, "withdrawn", at=request.closed_at)
    engine_stops.drop(request, definition_of(request.version))
    for visit in live.all():
        engine_calls.drop(visit)
        engine_visits.close(request, visit, WITHDRAWN)
    engine_calls.report(request)
    delegates = engine_delegates.of_seats(waiting)
    engine_delegates.close(waiting)
    for assignment in waiting:
        assignment.state = Assignment.State.WITHDRAWN
        assignment.save(update_fields=["state"])
        own = () if digests.is_to_come(assignment) else (assignment.person,)
        for person in (*own, *delegates.get(assignment.pk, ())):
            if by is None or person.pk != by.pk:
                messages.withdrawn(request, assignment, person, by)


@_transaction()
def resend(assignment_id: int, by: Person) -> None:
    """Ask once more. The older mail stays good: its reply code still leads to the same open question.

    TooSoon while an older one is on its way or just arrived: whoever presses twice floods nobody.
    """
    request = _locked(assignment_id)
    if not request.is_made_by(by) and not owning.sees_all_of(by, request):
        raise NotAllowed(Sentence("Only the person who made a request can send it again."))
    assignment = Assignment.objects.select_related("visit", "person").get(pk=assignment_id)
    engine_answerable.must_be_open(assignment)
    readers = engine_asks.readers(assignment)
    for reader in readers:
        _must_not_be_too_soon(reader)
    for reader in readers:
        engine_asks.ask(
            request, definition_of(request.version), assignment, again=True, delegate=reader.delegate
        )


def _must_not_be_too_soon(reader: engine_asks.Reader) -> None:
    """What failed or came back may be sent again at once."""
    name = reader.person.name
    if reader.on_its_way:
        raise TooSoon(Sentence("The mail to {name} is not sent yet.", name=name))
    if reader.just_arrived:
        minutes = engine_asks.AGAIN_AFTER // timedelta(minutes=1)
        raise TooSoon(
            Sentence(
                "The last mail to {name} is less than {minutes} minutes old.", name=name, minutes=minutes
            )
        )


def deactivate(person: Person, by: Person) -> None:
    """Somebody leaves: their open questions are withdrawn and put to whoever the steps name now.

    A transaction each, so that a manager with a thousand open questions does not hold up everybody else;
    called again it goes on where it was interrupted.
    """
    # Waits for whoever is just asking this person (`engine_asks.hold`); from then on nobody asks them.
    Person.objects.filter(pk=person.pk).update(is_active=False)
    person.is_active = False
    absences.end(person, clock.now(), by)
    for assignment_id in _open_assignments(person):
        with _transaction():
            request = _locked(assignment_id)
            assignment = Assignment.objects.select_related("visit").get(pk=assignment_id)
            if assignment.state != Assignment.State.OPEN:
                continue
            assignment.state = Assignment.State.WITHDRAWN
            assignment.save(update_fields=["state"])
            engine_delegates.close([assignment])
            visit = assignment.visit
            note(request, by, "no longer asked", person=person.pk, step=visit.step_key, round=visit.round)
            definition = definition_of(request.version)
            visit.request = request
            engine_visits.consider(request, definition, assignment.visit)
            engine_clarifications.drop(request, definition, assignment)
            engine_visits.wake(request, definition)
    for assignment_id in engine_delegates.open_for(person):
        with _transaction():
            request = _locked(assignment_id)
            engine_delegates.leave(request, definition_of(request.version), assignment_id, person, by)


def _open_assignments(person: Person) -> list[int]:
    found = Assignment.objects.filter(person=person, state=Assignment.State.OPEN)
    return list(found.order_by("pk").values_list("pk", flat=True))


@_transaction()
def ask_again(visit_id: int, by: Person) -> None:
    """A step that was stuck is tried once more, after people or groups were put right."""
    request = lock(Visit.objects.values_list("request_id", flat=True).get(pk=visit_id))
    visit = Visit.objects.get(pk=visit_id)
    if not owning.sees_all_of(by, request):
        raise NotAllowed(Sentence("Only an administrator, or an owner of the process, can do this."))
    if request.state != Request.State.OPEN or visit.state != Visit.State.STUCK:
        raise NoLongerOpen(Sentence("This step is not stuck."))
    note(request, by, "tried again", step=visit.step_key)
    definition = definition_of(request.version)
    if visit.result:  # decided; only the way on was not found
        engine_visits.leave(request, definition, visit, once_more=True)
    else:
        engine_visits.begin(request, definition, visit)
    engine_visits.wake(request, definition)


@_transaction()
def signal(request_id: int, key: str, by: Person | None) -> Signal:
    """Something happened outside that a step of the request waits for, or will wait for. `by`: None, where it was said
    at the command line. NoLongerOpen where the request has ended, or where the same signal is there and no step took
    it yet."""
    request = lock(request_id)
    if by is not None and not Person.objects.filter(pk=by.pk, is_administrator=True, is_active=True).exists():
        raise NotAllowed(Sentence("Only an administrator can do this."))
    if request.state != Request.State.OPEN:
        raise NoLongerOpen(Sentence("This request has already ended."))
    definition = definition_of(request.version)
    if key not in definition.signals:
        raise NotAllowed(Sentence("No step of this process waits for the signal “{key}”.", key=key[:40]))
    if request.signals.filter(key=key, taken_by=None).exists():
        raise NoLongerOpen(Sentence("The signal “{key}” is there already.", key=key))
    row = Signal.objects.create(request=request, key=key, by=by)
    note(request, by, "signalled", at=row.created_at, **record.signalled(row))
    engine_visits.wake(request, definition)
    row.refresh_from_db(fields=["taken_by"])
    return row


@_transaction()
def ask_by_mail(assignment_id: int) -> bool:
    """Write to somebody who could only be asked on the page, because there was no mailbox then. Called again, or
    still without one, it does nothing and gives False."""
    request = _locked(assignment_id)
    assignment = Assignment.objects.select_related("visit", "person").get(pk=assignment_id)
    if assignment.state != Assignment.State.OPEN or not assignment.page_only:
        return False
    if composing.mailbox_for(request) is None:
        return False
    for reader in engine_asks.readers(assignment):
        engine_asks.ask(
            request, definition_of(request.version), assignment, again=False, delegate=reader.delegate
        )
    assignment.refresh_from_db(fields=["page_only"])
    return True


def unasked(limit: int | None = None) -> list[int]:
    """Open assignments that no mail was written for yet, the oldest first; without those that wait for a mailbox of
    their own, which do not stand before the others."""
    found = Assignment.objects.filter(state=Assignment.State.OPEN, page_only=True).order_by("pk")
    waiting = list(found.values_list("pk", "visit__request__version")[:MOST_UNASKED])
    active = set(Mailbox.objects.filter(active=True).values_list("address", flat=True))
    versions = Version.objects.filter(pk__in={version for _pk, version in waiting})
    named = {one.pk: composing.mailbox_named_by(one.definition) for one in versions}
    return [pk for pk, version in waiting if not named[version] or named[version] in active][:limit]


@_transaction()
def note_bounce(request_id: int, *, person: Person, reason: str, incoming: IncomingMail) -> None:
    """An ask could not be delivered: shown on the request, for the requester and the administrator."""
    request = lock(request_id)
    note(request, None, "not delivered", person=person.pk, reason=reason[:500], incoming=incoming.pk)


@_transaction()
def note_refused(
    request_id: int,
    *,
    person: Person,
    reason: str,
    incoming: IncomingMail,
    logged: record.Logged,
    doubted: Assignment | None = None,
) -> None:
    """A mail carried a reply code of this request but was not applied: on record, with its reason and with what the
    mail log says of it. `doubted`: where its sender was asked and is proved, and what they mean is not clear."""
    request = lock(request_id)
    lapsed = engine_pending.lapse(doubted, person, incoming) if doubted is not None else {}
    what = record.together(record.mail(incoming), record.reading(logged), lapsed)
    note(request, None, "reply refused", person=person.pk, reason=reason, **what)
