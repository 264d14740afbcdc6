"""What waits for the key's person, and their answers to it: the same call of the engine as from the page, of exactly
what was shown."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.db.models import QuerySet
from ninja import Path, Router
from pydantic import Field, StrictStr

from placet.api.bodies import Body, Shape
from placet.api.calls import Call
from placet.api.keys import Scope
from placet.api.operation import operation
from placet.api.paging import USUAL_PAGE, Cursor, Limit, Page, rows_of
from placet.api.problems import Problem
from placet.api.uploads import FileSent, files_of
from placet.approvals import engine, policy
from placet.approvals.attachments import FilesOfAnswer, keep_for_answer, safe_name
from placet.approvals.definitions import Definition, definition_of
from placet.approvals.form import facts_as_read, facts_hash
from placet.approvals.form_schema import schema_of_filled, schema_of_questions
from placet.approvals.models import Assignment, Decision, Request, Timer
from placet.approvals.proofs import NEVER_BY_API
from placet.approvals.questions import asked_in
from placet.approvals.seats import seats_of, waiting_for
from placet.approvals.steps import ApprovalStep

router = Router(tags=["Assignments"])

LARGEST_ID = 2**63 - 1
#: Of an assignment, as a list gives it.
Id = Annotated[int, Path(ge=1, le=LARGEST_ID, description="Of the assignment.")]


class RequestInShort(Shape):
    """What a request is known by. `state`: open, ended or withdrawn; `result`: "" while it is open."""

    id: str
    number: int
    title: str
    link: str
    state: str
    result: str


class FactShown(Shape):
    """One line of what somebody decides on."""

    label: str
    value: str


class Choice(Shape):
    """One possible answer. `answers_needed`: names of the questions that it counts only with; `data_needed`: names of
    the fields of the form."""

    key: str
    label: str
    comment_needed: bool
    answers_needed: list[str]
    data_needed: list[str]


class WaitingShape(Shape):
    """A question that waits for the key's person. `in_place_of`: whose it is, where they stand in for somebody; `due`:
    null if there is no deadline; `by_api`: false where only a page or a mail answers it; `seen`: send it with the
    answer."""

    id: str
    request: RequestInShort
    process: str
    step: str
    in_place_of: str | None
    asked_at: datetime
    due: datetime | None
    facts: list[FactShown]
    outcomes: list[Choice]
    questions: dict[str, Any] = Field(description="JSON Schema of `answers`.")
    fields: dict[str, Any] = Field(
        description="JSON Schema of `data`: fields of the form that are entered here."
    )
    by_api: bool
    seen: str


class Assignments(Page[WaitingShape]):
    """Questions that wait, the oldest first."""


class Answer(Body):
    """An answer. `seen`: of the assignment as it was read; if the request changed since, nothing is decided (stale).
    `data`: a field that is left out stays as it is. `files`: added to the request, by the names of fields that take
    some in this step; what it has already stays."""

    outcome: Annotated[StrictStr, Field(max_length=40)]
    seen: Annotated[StrictStr, Field(min_length=1, max_length=64)]
    comment: Annotated[StrictStr, Field(max_length=engine.LONGEST_COMMENT)] = ""
    answers: dict[StrictStr, Any] = {}
    data: dict[StrictStr, Any] = {}
    files: dict[StrictStr, list[FileSent]] = {}


class AnswerShape(Shape):
    """An answer that counts. `channel`: how it came; `request`: as it is after it."""

    assignment: str
    outcome: str
    comment: str
    answers: dict[str, Any]
    channel: str
    at: datetime
    request: RequestInShort


@operation(router, "GET", "/assignments", Scope.REQUESTS_READ, Assignments)
def list_assignments(call: Call, limit: Limit = USUAL_PAGE, cursor: Cursor = "") -> Assignments:
    """What waits for the person of the key, also what they answer in somebody's place."""
    rows, following = rows_of(call, _with_all(_waiting(call)), limit, cursor, newest_first=False, few=True)
    return Assignments(items=_shapes(call, rows), next=following)


@operation(
    router,
    "GET",
    "/assignments/{id}",
    Scope.REQUESTS_READ,
    WaitingShape,
    problems=["not-found", "not-open"],
)
def get_assignment(call: Call, id: Id) -> WaitingShape:
    """One question that waits, as it is now."""
    seat = _seat(call, id)
    if seat.state != Assignment.State.OPEN:
        raise Problem("not-open")
    return _shapes(call, [seat])[0]


@operation(
    router,
    "POST",
    "/assignments/{id}/decision",
    Scope.DECISIONS_WRITE,
    AnswerShape,
    status=201,
    problems=["not-found", "not-open", "not-allowed", "already-decided", "stale", "comment-needed"],
    takes_files=True,
    idempotent="optional",
)
def decide(call: Call, id: Id, body: Answer) -> AnswerShape:
    """Answer as the person of the key. The first answer counts, by whatever channel it comes."""
    seat = _seat(call, id)
    with transaction.atomic():
        decision = engine.decide(
            seat.pk,
            by=call.person,
            outcome=body.outcome,
            comment=body.comment,
            channel=Decision.Channel.API,
            answers=body.answers,
            entered=body.data,
            files=_kept_for(seat, body.files),
            shown=body.seen,
            key=call.key.public,
        )
    return AnswerShape(
        assignment=str(seat.pk),
        outcome=decision.outcome,
        comment=decision.comment,
        answers=decision.answers,
        channel=decision.channel,
        at=decision.at,
        request=_in_short(call, Request.objects.get(visits__assignments=seat.pk)),
    )


def _kept_for(seat: Assignment, sent: Mapping[str, Sequence[FileSent]]) -> FilesOfAnswer | None:
    """What comes with an answer, kept for it as what is chosen on its page is; the answer that is refused keeps
    nothing. What is kept there from its page is not sent with this one, so then the answer is stale."""
    if not sent:
        return None
    if seat.state != Assignment.State.OPEN:
        return FilesOfAnswer()  # the engine says why
    fields = definition_of(seat.visit.request.version).files_filled_in(seat.visit.step_key)
    takers = {field.name: field for field in fields}
    added = set()
    for file in files_of(fields, sent):
        upload = SimpleUploadedFile(safe_name(file.name), file.content, file.content_type)
        added.add(str(keep_for_answer(seat, takers[file.field], upload).public_id))
    return FilesOfAnswer(added=frozenset(added))


# --- which ------------------------------------------------------------------------------------------------


def _waiting(call: Call) -> QuerySet[Assignment]:
    return _within(call, waiting_for(call.person, others=True))


def _within(call: Call, seats: QuerySet[Assignment]) -> QuerySet[Assignment]:
    """Those of the processes of the key."""
    if not call.key.processes:
        return seats
    return seats.filter(visit__request__version__process__key__in=call.key.processes)


def _with_all(seats: QuerySet[Assignment]) -> QuerySet[Assignment]:
    return seats.select_related("visit__request__version", "visit__request__requester", "person")


def _seat(call: Call, number: int) -> Assignment:
    """One that the person was ever asked; of any other nothing is said."""
    seat = _with_all(_within(call, seats_of(call.person))).filter(pk=number).first()
    if seat is None:
        raise Problem("not-found")
    return seat


# --- as it is shown ---------------------------------------------------------------------------------------


def _shapes(call: Call, seats: Sequence[Assignment]) -> list[WaitingShape]:
    definitions: dict[int, Definition] = {}
    due = _deadlines(seats)
    shapes = []
    for seat in seats:
        request = seat.visit.request
        if request.version_id not in definitions:
            definitions[request.version_id] = definition_of(request.version)
        shapes.append(_shape(call, seat, definitions[request.version_id], due.get(seat.visit_id)))
    return shapes


def _deadlines(seats: Sequence[Assignment]) -> Mapping[int, datetime]:
    """By visit."""
    visits = {seat.visit_id for seat in seats}
    clocks = Timer.objects.filter(visit__in=visits, assignment=None, what=Timer.What.DUE)
    return dict(clocks.values_list("visit", "at"))


def _shape(call: Call, seat: Assignment, definition: Definition, due: datetime | None) -> WaitingShape:
    request, key = seat.visit.request, seat.visit.step_key
    step = definition.approval(key)
    is_own = seat.person_id == call.person.pk
    return WaitingShape(
        id=str(seat.pk),
        request=_in_short(call, request),
        process=definition.key,
        step=step.name,
        in_place_of=None if is_own else seat.person.name,
        asked_at=seat.created_at,
        due=due,
        facts=[
            FactShown(label=fact.label, value=fact.text)
            for fact in facts_as_read(definition, request.data, definition.hidden_in(key))
        ],
        outcomes=_choices(definition, step, key, request),
        questions=schema_of_questions(definition, key),
        fields=schema_of_filled(definition, key),
        by_api=definition.decisions_by_api is not False and definition.proof_for(key) not in NEVER_BY_API,
        seen=facts_hash(request, definition, key),
    )


def _choices(definition: Definition, step: ApprovalStep, key: str, request: Request) -> list[Choice]:
    questions = [one for one in asked_in(definition, key) if not one.of_form]
    needed = sorted(
        one.name
        for one in definition.fields
        if one.name in definition.filled_in(key) and (one.required or one.name in definition.required_in(key))
    )
    return [
        Choice(
            key=one.key,
            label=one.shown,
            comment_needed=policy.needs_comment(definition, step, one.key, request),
            answers_needed=[asked.field.name for asked in questions if asked.is_needed_with(one.key)],
            data_needed=needed if step.needs_form_with(one) else [],
        )
        for one in step.outcomes
    ]


def _in_short(call: Call, request: Request) -> RequestInShort:
    return RequestInShort(
        id=str(request.public_id),
        number=request.number,
        title=request.title,
        link=f"{call.public_url}/requests/{request.public_id}/",
        state=request.state,
        result=request.result,
    )
