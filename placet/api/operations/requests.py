"""Requests: started, read, waited for, and what their requester can do about them."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from ninja import Router
from pydantic import Field, StrictStr

from placet.accounts.addresses import person_at
from placet.accounts.models import Person
from placet.api import etags, floors, form_data, moments, waiting
from placet.api.bodies import Body, Shape
from placet.api.callback import Callback, register
from placet.api.calls import Call
from placet.api.keys import Scope
from placet.api.operation import operation
from placet.api.paging import USUAL_PAGE, Cursor, Limit, Page, last_of, next_of
from placet.api.problems import Problem
from placet.api.request_shapes import RequestShape, sequences_of, shape_of, shapes_of
from placet.api.shapes import PersonShape, person_shape
from placet.api.uploads import FileSent, files_of
from placet.api.waiting import Wait
from placet.approvals import engine
from placet.approvals.definitions import Definition, definition_of
from placet.approvals.engine_errors import TooSoon
from placet.approvals.finding import search_result
from placet.approvals.models import Assignment, Attachment, Decision, Request, Version
from placet.approvals.outcomes import REVISED
from placet.approvals.processes import newest
from placet.approvals.steps import ApprovalStep
from placet.approvals.visibility import hidden_from, newest_visible_to
from placet.audit.models import ChainHead
from placet.lib.web import LONGEST_ENTERED, as_file

router = Router(tags=["Requests"])

Data = dict[str, Any]


# --- starting ---------------------------------------------------------------------------------------------


class StartRequest(Body):
    """A request to be started. `process`: its key; `data`: as the process's `form` describes it; `requester`: an
    address, where it is somebody else than the key's person; `files`: by the names of fields that take some."""

    process: StrictStr
    data: Data = Field(default_factory=dict)
    requester: StrictStr = Field("", max_length=320)
    files: dict[str, list[FileSent]] = Field(default_factory=dict)
    callback: Callback | None = None


@operation(
    router,
    "POST",
    "/requests",
    Scope.REQUESTS_WRITE,
    RequestShape,
    status=201,
    problems=["retired", "not-allowed", "not-open"],
    takes_files=True,
    idempotent="required",
)
def start_request(call: Call, body: StartRequest) -> RequestShape:
    """Start a request. Whoever it asks is written to at once."""
    version = _version_to_start(call, body.process)
    floors.must_be_kept(call.key, version)
    definition = definition_of(version)
    requester = requester_of(call, body.requester)
    form_data.must_have_types(definition, body.data)
    later = definition.entered_later
    fields = [one for one in definition.fields if one.type == "files" and one.name not in later]
    files = files_of(fields, body.files)
    started = engine.start(
        version,
        requester,
        body.data,
        files=files,
        by=call.person,
        key=call.key.public,
        floor=call.key.floor,
    )
    if body.callback is not None:
        register(call, started, body.callback)
    return made(call, started)


def _version_to_start(call: Call, key: str) -> Version:
    process = call.processes().filter(key=key, asked_by=None).first()
    version = newest(process) if process is not None else None
    if version is None:
        raise Problem.invalid("/process", "There is no such process, or the key is not for it.")
    if process is not None and process.retired_at is not None:
        raise Problem("retired")
    return version


def requester_of(call: Call, address: str) -> Person:
    """The key's person, or whoever has an address, which needs a scope of its own."""
    person = person_at(address) if address else call.person
    if address and (person is None or person.pk != call.person.pk):
        call.must_have(Scope.REQUESTS_FOR_OTHERS)
    if person is None or not person.is_active:
        raise Problem.invalid("/requester", "Nobody who is active has this address.")
    return person


def made(call: Call, started: Request) -> RequestShape:
    """The answer about a request that was just started."""
    sequence = _standing(started.pk)[1]
    request = _read().get(pk=started.pk)
    shape = shape_of(call, request, sequence)
    call.headers["Location"] = call.url(f"/requests/{request.public_id}")
    etags.tagged(call, shape.sequence)
    return shape


# --- reading ----------------------------------------------------------------------------------------------


class Requests(Page[RequestShape]):
    """Requests, newest first."""


@operation(router, "GET", "/requests", Scope.REQUESTS_READ, Requests)
def list_requests(
    call: Call,
    state: Annotated[
        str,
        Field(
            max_length=20,
            description="open, ended or withdrawn.",
            json_schema_extra={"enum": ["", *Request.State.values]},
        ),
    ] = "",
    process: Annotated[str, Field(max_length=50, description="Key of a process.")] = "",
    requester: Annotated[str, Field(max_length=320, description="Address of who asked.")] = "",
    created_after: Annotated[
        str,
        Field(
            max_length=moments.LONGEST,
            description="Started then or later, such as 2026-12-01T12:00:00Z.",
            json_schema_extra={"pattern": f"^({moments.PATTERN})?$"},
        ),
    ] = "",
    q: Annotated[
        str,
        Field(
            max_length=LONGEST_ENTERED,
            description="Words, each found in the title, the form, a name or the number; of the newest 1,000.",
        ),
    ] = "",
    limit: Limit = USUAL_PAGE,
    cursor: Cursor = "",
) -> Requests:
    """The requests that the key's person sees, newest first. Where few fit, a page may have fewer than `limit`, or
    none, and the next one more: go on while `next` is no null."""
    fits = _of_processes(call) & _fitting(state, process, requester, created_after)
    words = q.strip()
    if words:
        fits &= Q(pk__in=search_result(call.person, words).ids)
    before = last_of(call, cursor) if cursor else None
    newest = newest_visible_to(call.person, fits, before, limit, named=bool(words))
    sequences = sequences_of(newest.ids)
    rows = _read().in_bulk(newest.ids)
    following = None if newest.further is None else next_of(call, newest.further)
    shown = [rows[pk] for pk in newest.ids if pk in rows]
    return Requests(items=shapes_of(call, shown, sequences), next=following)


def _of_processes(call: Call) -> Q:
    """Those of the key, by their versions, which are few: no query about requests has to join processes."""
    if not call.key.processes:
        return Q()
    versions = Version.objects.filter(process__key__in=call.key.processes)
    return Q(version__in=list(versions.values_list("pk", flat=True)))


def _fitting(state: str, process: str, requester: str, created_after: str) -> Q:
    if state not in ("", *Request.State.values):  # such as “approved”, which is a result
        raise Problem.invalid("query/state", f"This has to be {', '.join(Request.State.values)}.")
    fits = Q(state=state) if state else Q()
    if process:
        versions = Version.objects.filter(process__key=process).values_list("pk", flat=True)
        fits &= Q(version__in=list(versions))
    if requester:
        fits &= Q(requester=person_at(requester))
    if created_after:
        fits &= Q(created_at__gte=moments.moment_of(created_after, "query/created_after"))
    return fits


@operation(
    router,
    "GET",
    "/requests/{id}",
    Scope.REQUESTS_READ,
    RequestShape,
    problems=["not-found"],
    if_none_match=True,
)
def get_request(call: Call, id: UUID, wait: Wait = 0) -> RequestShape | HttpResponse:
    """One request. With `wait`, the answer comes when it has ended, or differs from If-None-Match, or after so many
    seconds."""
    pk = _seen(call, id).pk

    def has_happened() -> bool:
        state, sequence = _standing(pk)
        knows = "If-None-Match" in call.http.headers
        return state != Request.State.OPEN or (knows and not etags.is_known(call, sequence))

    waiting.until(call, wait, has_happened)
    _seen(call, id)  # still, after it was waited for
    sequence = _standing(pk)[1]
    if etags.is_known(call, sequence):
        return etags.not_modified(call, sequence)
    return _tagged(call, id)


def _standing(pk: int) -> tuple[str, int]:
    heads = ChainHead.objects.filter(request=pk)
    state, sequence = heads.values_list("request__state", "seq").get()
    return str(state), int(sequence)


def _read() -> QuerySet[Request]:
    """With what their shapes need."""
    return Request.objects.select_related("version__process", "requester")


def _seen(call: Call, public_id: UUID) -> Request:
    request = (
        call.requests().select_related("version__process", "requester").filter(public_id=public_id).first()
    )
    if request is None:
        raise Problem("not-found")
    return request


def _tagged(call: Call, public_id: UUID) -> RequestShape:
    """With the ETag of before it was read: whoever has one that is newer than what they got is told of no change."""
    sequence = _standing(_seen(call, public_id).pk)[1]
    shape = shape_of(call, _seen(call, public_id), sequence)
    etags.tagged(call, sequence)
    return shape


@operation(
    router, "GET", "/requests/{id}/files/{file_id}", Scope.REQUESTS_READ, bytes, problems=["not-found"]
)
def get_file(call: Call, id: UUID, file_id: UUID) -> HttpResponse:
    """The bytes of a file of a request, also of an earlier revision."""
    request = _seen(call, id)
    file = Attachment.objects.filter(request=request, public_id=file_id).first()
    hidden = hidden_from(call.person, request, definition_of(request.version))
    if file is None or file.field in hidden:
        raise Problem("not-found")
    return as_file(bytes(file.content), file.name)


# --- what the requester can do ----------------------------------------------------------------------------


class Nothing(Body):
    """An empty object, or nothing at all."""


NOTHING = Nothing()


class ChangeRequest(Body):
    """What of the form is to be another. What is left out stays as it is."""

    data: Data
    comment: StrictStr = Field("", max_length=20_000)


class Reminded(Shape):
    """Who gets one more mail, and who does not, because the last one is not an hour old, or on its way."""

    reminded: list[PersonShape]
    too_soon: list[PersonShape]


_STEERING = ["not-found", "not-allowed", "not-open"]


@operation(
    router,
    "POST",
    "/requests/{id}/withdraw",
    Scope.REQUESTS_WRITE,
    RequestShape,
    problems=_STEERING,
    idempotent="optional",
    if_match=True,
)
def withdraw_request(call: Call, id: UUID, body: Nothing = NOTHING) -> RequestShape:
    """Take a request back. Whoever is still asked is told."""
    request = _seen(call, id)
    with transaction.atomic():
        _must_be_as_seen(call, request)
        engine.withdraw(request.pk, call.person)
    return _tagged(call, id)


@operation(
    router,
    "POST",
    "/requests/{id}/change",
    Scope.REQUESTS_WRITE,
    RequestShape,
    problems=[*_STEERING, "already-decided", "comment-needed"],
    idempotent="optional",
    if_match=True,
)
def change_request(call: Call, id: UUID, body: ChangeRequest) -> RequestShape:
    """Change a request that was sent back to its requester, and send it on."""
    request = _seen(call, id)
    definition = definition_of(request.version)
    with transaction.atomic():
        _must_be_as_seen(call, request)
        seat = _revising(call, request, definition)
        filled_in = definition.filled_in(seat.visit.step_key)
        form_data.must_have_types(definition, body.data)
        engine.decide(
            seat.pk,
            by=call.person,
            outcome=REVISED,
            comment=body.comment,
            channel=Decision.Channel.API,
            entered=_given(body.data, filled_in),
            key=call.key.public,
        )
    return _tagged(call, id)


def _given(data: Mapping[str, Any], filled_in: frozenset[str]) -> Mapping[str, Any]:
    for name in data.keys() - filled_in:
        raise Problem.invalid(f"/data/{name}", "This is not entered in this step.")
    return data


def _revising(call: Call, request: Request, definition: Definition) -> Assignment:
    """The question to the requester to change it."""
    seats = Assignment.objects.filter(
        visit__request=request, person=call.person, state=Assignment.State.OPEN
    ).select_related("visit")
    for seat in seats.order_by("id"):
        step = definition.steps[seat.visit.step_key]
        if isinstance(step, ApprovalStep) and step.is_revise:
            return seat
    if not request.is_made_by(call.person):
        raise Problem("not-allowed", "Only the person who made a request can change it.")
    raise Problem("not-open", "The request was not sent back to its requester, so it cannot be changed now.")


@operation(
    router,
    "POST",
    "/requests/{id}/remind",
    Scope.REQUESTS_WRITE,
    Reminded,
    problems=_STEERING,
    idempotent="optional",
)
def remind(call: Call, id: UUID, body: Nothing = NOTHING) -> Reminded:
    """One more mail to everybody who is still asked. Earlier ones can still be answered."""
    request = _seen(call, id)
    if request.state != Request.State.OPEN:
        raise Problem("not-open", "This request has already ended.")
    reminded, too_soon = [], []
    open_seats = Assignment.objects.filter(visit__request=request, state=Assignment.State.OPEN)
    for seat in open_seats.select_related("person").order_by("id"):
        try:
            engine.resend(seat.pk, call.person)
        except TooSoon:
            too_soon.append(person_shape(seat.person))
        else:
            reminded.append(person_shape(seat.person))
    return Reminded(reminded=reminded, too_soon=too_soon)


def _must_be_as_seen(call: Call, request: Request) -> None:
    """Until the end of the transaction it stays so."""
    engine.lock(request.pk)
    etags.must_be_known(call, _standing(request.pk)[1])
