"""The only code that changes a request's state. Every door calls it.

    start → _enter(first step) → _ask each person
    decide → the step's result? → the way on → _enter(next step), or the end
    withdraw, resend, deactivate, ask_again

Each function is one transaction and locks the request first, so that of two answers at the same instant one
is second. What must never be double is held by unique constraints.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils import timezone

from placet.accounts.models import Person
from placet.approvals import messages, policy
from placet.approvals.models import (
    Ask,
    AskLine,
    Assignment,
    Counter,
    Decision,
    Request,
    Version,
    Visit,
)
from placet.approvals.processes import (
    ApprovalStep,
    Definition,
    EndStep,
    definition_of,
    facts,
    read_form,
    title_of,
)
from placet.audit import chain
from placet.audit.models import AuditEntry
from placet.lib.canonical import digest
from placet.lib.conditions import ConditionError
from placet.lib.ids import new_code
from placet.mail.models import IncomingMail

LONGEST_COMMENT = 20_000


class EngineError(Exception):
    """What was asked for cannot be done; the message says why, for the person who asked."""


class AlreadyDecided(EngineError):
    """Somebody's answer came first. `decisions` are those that counted, in order."""

    def __init__(self, decisions: Sequence[Decision]) -> None:
        super().__init__("This was already decided.")
        self.decisions = list(decisions)


class NoLongerOpen(EngineError):
    """The request was withdrawn, or this person is no longer asked here."""


class NotAllowed(EngineError):
    """This person may not do this."""


# --- starting ---------------------------------------------------------------------------------------------


@transaction.atomic
def start(version: Version, requester: Person, entered: Mapping[str, Any]) -> Request:
    """A new request. FormInvalid if what was entered does not fit the form."""
    if not requester.is_active:
        raise NotAllowed("This account is not active.")
    definition = definition_of(version)
    data = read_form(definition, entered)
    request = Request.objects.create(
        number=_next_number(),
        version=version,
        requester=requester,
        title=title_of(definition, data),
        data=data,
        data_hash=digest(data),
    )
    _note(
        request,
        requester,
        "started",
        process=definition.key,
        version=version.number,
        data_hash=request.data_hash,
    )
    _enter(request, definition, definition.start)
    return request


def _next_number() -> int:
    Counter.objects.get_or_create(id=1)
    counter = Counter.objects.select_for_update().get(id=1)
    counter.last += 1
    counter.save(update_fields=["last"])
    return counter.last


def _enter(request: Request, definition: Definition, step_key: str) -> None:
    step = definition.steps[step_key]
    if isinstance(step, EndStep):
        _end(request, step)
        return
    last = request.visits.filter(step_key=step_key).aggregate(last=Max("round"))["last"] or 0
    visit = Visit.objects.create(request=request, step_key=step_key, round=last + 1)
    _note(request, None, "entered", step=step_key, round=visit.round)
    _assign(request, definition, visit)


def _assign(request: Request, definition: Definition, visit: Visit) -> None:
    """Ask whoever the step names and is not asked yet; if it cannot be decided so, the visit is stuck."""
    wanted = policy.people_to_ask(definition, visit.step_key, request)
    there = {seat.person_id: seat for seat in visit.assignments.select_related("decision")}
    new = [
        person
        for person in wanted.people
        if person.pk not in there or there[person.pk].state == Assignment.State.WITHDRAWN
    ]
    if not policy.can_be_decided(definition.approval(visit.step_key), there.values(), len(new)):
        # Nobody is asked in vain.
        _stick(request, visit, wanted.reason or "nobody is left who can be asked")
        return
    _unstick(request, visit)
    for person in new:
        assignment = there.get(person.pk) or Assignment(visit=visit, person=person)
        assignment.state = Assignment.State.OPEN
        assignment.save()
        _ask(request, definition, assignment, again=False)


def _stick(request: Request, visit: Visit, reason: str) -> None:
    told = visit.state == Visit.State.STUCK
    visit.state, visit.reason = Visit.State.STUCK, reason
    visit.save(update_fields=["state", "reason"])
    entry = _note(request, None, "stuck", step=visit.step_key, reason=reason)
    if not told:
        messages.stuck(request, visit, entry.seq)


def _unstick(request: Request, visit: Visit) -> None:
    if visit.state != Visit.State.STUCK:
        return
    visit.state, visit.reason = Visit.State.OPEN, ""
    visit.save(update_fields=["state", "reason"])
    _note(request, None, "no longer stuck", step=visit.step_key)


def _ask(request: Request, definition: Definition, assignment: Assignment, *, again: bool) -> None:
    """Write one ask and the mail that carries its reply code. Without a mailbox the page is the only door."""
    mailbox = messages.mailbox_for(request)
    if mailbox is None:
        _note(
            request, None, "asked", person=assignment.person_id, step=assignment.visit.step_key, door="page"
        )
        return
    code = new_code()
    ask = Ask.objects.create(code_hash=messages.hash_of(code), person=assignment.person)
    AskLine.objects.create(ask=ask, line=1, assignment=assignment, facts_hash=facts_hash(request, definition))
    ask.outgoing = messages.ask(mailbox, request, definition, assignment, ask, code)
    ask.save(update_fields=["outgoing"])
    _note(
        request, None, "asked again" if again else "asked",
        person=assignment.person_id, step=assignment.visit.step_key, ask=str(ask.public_id), to=ask.outgoing.to,
    )  # fmt: skip


def facts_hash(request: Request, definition: Definition) -> str:
    """What an approver was shown; an answer to something else does not count."""
    return digest([request.title, [[fact.label, fact.text] for fact in facts(definition, request.data)]])


# --- deciding ---------------------------------------------------------------------------------------------


@transaction.atomic
def decide(
    assignment_id: int,
    *,
    by: Person,
    outcome: str,
    comment: str = "",
    door: Decision.Door,
    incoming: IncomingMail | None = None,
    proof: Mapping[str, Any] | None = None,
) -> Decision:
    """Apply one answer. The first one wins, whatever the door.

    Raises AlreadyDecided, NoLongerOpen or NotAllowed; then nothing has changed.
    """
    request = _locked(assignment_id)
    assignment = Assignment.objects.select_related("visit").get(pk=assignment_id)
    assignment.visit.request = request
    _must_be_open(assignment)
    _must_be_allowed(request, assignment, by)
    definition = definition_of(request.version)
    step = definition.approval(assignment.visit.step_key)
    if outcome not in step.outcomes:
        raise NotAllowed(f"“{outcome}” is no answer here; possible are {', '.join(step.outcomes)}.")
    decision = Decision.objects.create(
        assignment=assignment,
        outcome=outcome,
        comment=comment[:LONGEST_COMMENT],
        by_person=by,
        door=door,
        incoming=incoming,
    )
    assignment.state = Assignment.State.DECIDED
    assignment.save(update_fields=["state"])
    _note(
        request, by, "decided",
        step=assignment.visit.step_key, round=assignment.visit.round, assignment=assignment.pk, outcome=outcome,
        comment_hash=digest(decision.comment), door=door, incoming=incoming.pk if incoming else None,
        mail=incoming.fingerprint if incoming else None, proof=dict(proof or {}), data_hash=request.data_hash,
    )  # fmt: skip
    _go_on(request, definition, assignment.visit, step)
    return decision


def _locked(assignment_id: int) -> Request:
    """The assignment's request, locked until the transaction ends."""
    return _locking().get(visits__assignments=assignment_id)


def _lock(request_id: int) -> Request:
    return _locking().get(pk=request_id)


def _locking() -> QuerySet[Request]:
    return Request.objects.select_for_update(of=("self",)).select_related("version", "requester")


def _must_be_open(assignment: Assignment) -> None:
    if assignment.state == Assignment.State.DECIDED:
        raise AlreadyDecided([assignment.decision])
    if assignment.state == Assignment.State.SUPERSEDED:
        counted = Decision.objects.filter(assignment__visit=assignment.visit).select_related("by_person")
        raise AlreadyDecided(list(counted.order_by("at", "id")))
    if assignment.state == Assignment.State.WITHDRAWN:
        raise NoLongerOpen(
            "The request was withdrawn."
            if assignment.visit.request.state == Request.State.WITHDRAWN
            else "You are no longer asked about this request."
        )


def _must_be_allowed(request: Request, assignment: Assignment, by: Person) -> None:
    if by.pk != assignment.person_id or not by.is_active:
        raise NotAllowed("Somebody else was asked.")
    if by.pk == request.requester_id:
        definition = definition_of(request.version)
        if not definition.requester_may_decide_in(assignment.visit.step_key):
            raise NotAllowed("Nobody decides their own request in this process.")


def _go_on(request: Request, definition: Definition, visit: Visit, step: ApprovalStep) -> None:
    assignments = list(visit.assignments.select_related("decision"))
    result = policy.result_of(step, assignments)
    if not result:
        return
    if any(assignment.state == Assignment.State.OPEN for assignment in assignments):
        visit.assignments.filter(state=Assignment.State.OPEN).update(state=Assignment.State.SUPERSEDED)
    _close(visit, result)
    try:
        transition = policy.way_on(definition, visit.step_key, result, request)
    except (ConditionError, LookupError) as error:
        # The decision stands; where it leads has to be said by an administrator.
        _stick(request, visit, str(error))
        return
    _enter(request, definition, transition.to)


def _close(visit: Visit, result: str) -> None:
    visit.state, visit.result, visit.closed_at = Visit.State.CLOSED, result, timezone.now()
    visit.save(update_fields=["state", "result", "closed_at"])


def _end(request: Request, step: EndStep) -> None:
    request.state, request.result, request.closed_at = Request.State.ENDED, step.result, timezone.now()
    request.save(update_fields=["state", "result", "closed_at"])
    _note(request, None, "ended", result=step.result)
    messages.ended(request, step)


# --- everything else that can happen ----------------------------------------------------------------------


@transaction.atomic
def withdraw(request_id: int, by: Person) -> Request:
    """The requester (or an administrator) takes the request back; whoever was asked is told."""
    request = _lock(request_id)
    if by.pk != request.requester_id and not by.is_administrator:
        raise NotAllowed("Only the person who made a request can withdraw it.")
    if request.state != Request.State.OPEN:
        raise NoLongerOpen("This request has already ended.")
    waiting = list(
        Assignment.objects.filter(visit__request=request, state=Assignment.State.OPEN).select_related(
            "person"
        )
    )
    request.state, request.closed_at = Request.State.WITHDRAWN, timezone.now()
    request.save(update_fields=["state", "closed_at"])
    for visit in request.visits.exclude(state=Visit.State.CLOSED):
        _close(visit, "withdrawn")
    for assignment in waiting:
        assignment.state = Assignment.State.WITHDRAWN
        assignment.save(update_fields=["state"])
        messages.withdrawn(request, assignment)
    _note(request, by, "withdrawn")
    return request


@transaction.atomic
def resend(assignment_id: int, by: Person) -> None:
    """Ask once more. The older mail stays good: its reply code still leads to the same open question."""
    request = _locked(assignment_id)
    if by.pk != request.requester_id and not by.is_administrator:
        raise NotAllowed("Only the person who made a request can send it again.")
    assignment = Assignment.objects.select_related("visit", "person").get(pk=assignment_id)
    _must_be_open(assignment)
    _ask(request, definition_of(request.version), assignment, again=True)


def deactivate(person: Person, by: Person) -> None:
    """Somebody leaves: their open questions are withdrawn and put to whoever the steps name now.

    A transaction each, so that a manager with a thousand open questions does not hold up everybody else;
    called again it goes on where it was interrupted.
    """
    Person.objects.filter(pk=person.pk).update(is_active=False)
    person.is_active = False
    for assignment_id in _open_assignments(person):
        with transaction.atomic():
            request = _locked(assignment_id)
            assignment = Assignment.objects.select_related("visit").get(pk=assignment_id)
            if assignment.state != Assignment.State.OPEN:
                continue
            assignment.state = Assignment.State.WITHDRAWN
            assignment.save(update_fields=["state"])
            _note(request, by, "no longer asked", person=person.pk, step=assignment.visit.step_key)
            _reconsider(request, assignment.visit)


def _open_assignments(person: Person) -> list[int]:
    found = Assignment.objects.filter(person=person, state=Assignment.State.OPEN)
    return list(found.order_by("pk").values_list("pk", flat=True))


def _reconsider(request: Request, visit: Visit) -> None:
    """Whom a waiting step asks has changed: go on if the rest have decided, or ask those who are new."""
    definition = definition_of(request.version)
    step = definition.approval(visit.step_key)
    if policy.result_of(step, visit.assignments.select_related("decision")):
        _go_on(request, definition, visit, step)
    else:
        _assign(request, definition, visit)


@transaction.atomic
def ask_again(visit_id: int, by: Person) -> None:
    """A step that was stuck is tried once more, after people or groups were put right."""
    request = _lock(Visit.objects.values_list("request_id", flat=True).get(pk=visit_id))
    visit = Visit.objects.get(pk=visit_id)
    if not by.is_administrator:
        raise NotAllowed("Only an administrator can do this.")
    if request.state != Request.State.OPEN or visit.state != Visit.State.STUCK:
        raise NoLongerOpen("This step is not stuck.")
    _note(request, by, "tried again", step=visit.step_key)
    _reconsider(request, visit)


@transaction.atomic
def ask_by_mail(assignment_id: int) -> None:
    """Write to somebody who could only be asked on the page, because there was no mailbox then."""
    request = _locked(assignment_id)
    assignment = Assignment.objects.select_related("visit", "person").get(pk=assignment_id)
    if assignment.state == Assignment.State.OPEN and not assignment.ask_lines.exists():
        _ask(request, definition_of(request.version), assignment, again=False)


def unasked() -> list[int]:
    """Open assignments that no mail was written for yet."""
    found = Assignment.objects.filter(state=Assignment.State.OPEN, ask_lines__isnull=True)
    return list(found.order_by("pk").values_list("pk", flat=True))


@transaction.atomic
def note_bounce(request_id: int, *, person: Person, reason: str, incoming: IncomingMail) -> None:
    """An ask could not be delivered: shown on the request, for the requester and the administrator."""
    request = _lock(request_id)
    _note(request, None, "not delivered", person=person.pk, reason=reason[:500], incoming=incoming.pk)


@transaction.atomic
def note_refused(
    request_id: int, *, person: Person, reason: str, incoming: IncomingMail, facts: Mapping[str, Any]
) -> None:
    """A mail carried a reply code of this request but was not applied: on record, with its reason."""
    request = _lock(request_id)
    what = {"person": person.pk, "reason": reason, "incoming": incoming.pk, "mail": incoming.fingerprint}
    _note(request, None, "reply refused", **what, facts_hash=digest(dict(facts)))


def _note(request: Request, who: Person | None, event: str, **what: Any) -> AuditEntry:
    return chain.append(request.pk, f"person:{who.pk}" if who else "system", {"event": event, **what})
