"""Requests as programs get them: what their pages show to the key's person. Of any number of requests with the same
number of queries."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import Field

from placet.accounts.general import of_request
from placet.api import form_data
from placet.api.bodies import Shape
from placet.api.calls import Call
from placet.api.keys import with_earlier
from placet.api.models import Key
from placet.api.shapes import PersonShape, person_shape
from placet.approvals import call_keys
from placet.approvals.ad_hoc_definition import is_fact
from placet.approvals.composing import page_of
from placet.approvals.decision_proofs import DecisionProof, proofs_of
from placet.approvals.definitions import Definition, definition_of
from placet.approvals.models import Assignment, Decision, Request, Visit
from placet.approvals.visibility import hidden_in_each
from placet.audit.models import AuditEntry, ChainHead


class ProcessRef(Shape):
    """The version of a process that a request runs on."""

    key: str
    name: str
    version: int


class ProofShape(Shape):
    """How it is known who answered. `level`: of a mail colleague, outside, submitted or signed; page: they were signed
    in; key: by their key of the API. `domain`: whose DKIM signature the mail had, and `checked_by`: server or placet;
    `login`: who had signed in at the organisation's mail server; `signature`: of what form the person's own was."""

    level: str
    domain: str | None
    checked_by: str | None
    login: str | None
    signature: str | None


class StepDecision(Shape):
    """What counted for somebody who was asked. `by`: who answered, themself or in somebody's place; `channel`: mail,
    page or api; `answers`: to the questions of the step, by their names; `proof`: null where none is kept."""

    outcome: str
    comment: str
    by: PersonShape
    channel: str
    at: datetime
    answers: dict[str, Any]
    proof: ProofShape | None


class StepAssignment(Shape):
    """Somebody who was asked. `state`: open, decided, kept (an earlier decision of theirs counts), superseded or
    withdrawn; `in_place_of`: whom the step names, where somebody else was put there."""

    id: str
    person: PersonShape
    state: str
    in_place_of: PersonShape | None
    decision: StepDecision | None


class StepShape(Shape):
    """One time that the request was in a step. `state`: open, stuck, held (an answer can still be undone), closed or
    cancelled."""

    key: str
    name: str
    round: int
    branch: str | None
    state: str
    result: str | None
    opened_at: datetime
    closed_at: datetime | None
    assignments: list[StepAssignment]


class FileShape(Shape):
    """A file of the request; its bytes are at `/requests/{id}/files/{file_id}`."""

    id: str
    field: str
    name: str
    size: int = Field(description="In bytes.")
    sha256: str


class FactAsked(Shape):
    """One line of an approval without a process, as it was asked for."""

    label: str
    value: str


class RequestShape(Shape):
    """A request. `state`: open, ended or withdrawn; `result`: what it came to, such as approved or rejected; `facts`:
    of an approval without a process, as it was asked for; `revision`: of its data; `sequence`: of the newest entry of
    its record, which its ETag is, too. Fields that no step shows the key's person are left out of `data` and `files`.
    `asked_with_this_key`: whether it was asked with the key of the call, or with one whose place that one took; else
    somebody else or another program asked."""

    id: str
    number: int
    link: str
    process: ProcessRef
    title: str
    state: str
    result: str | None
    requester: PersonShape
    created_at: datetime
    closed_at: datetime | None
    revision: int
    data: dict[str, Any]
    facts: list[FactAsked]
    files: list[FileShape]
    steps: list[StepShape]
    sequence: int
    asked_with_this_key: bool


def sequences_of(ids: Collection[int]) -> dict[int, int]:
    """How far the record of each goes, by its id. To be asked before the requests are read: whoever has a number that
    is newer than what they got would be told of no change."""
    return dict(ChainHead.objects.filter(pk__in=ids).values_list("pk", "seq"))


def shapes_of(call: Call, requests: Sequence[Request], sequences: Mapping[int, int]) -> list[RequestShape]:
    """Of requests that were read with their version, its process, and the requester. `sequences`: of before that."""
    versions = {request.version_id: request.version for request in requests}
    definitions = {pk: definition_of(version) for pk, version in versions.items()}
    hidden = hidden_in_each(call.person, [(one, definitions[one.version_id]) for one in requests])
    steps = _steps(requests, definitions)
    own = _asked_with(call.key, requests)
    return [
        _shape(
            call,
            one,
            definitions[one.version_id],
            hidden[one.pk],
            steps.get(one.pk, []),
            sequences[one.pk],
            is_own=one.pk in own,
        )
        for one in requests
    ]


def _asked_with(key: Key, requests: Sequence[Request]) -> set[int]:
    """Those of which the record says so, by their ids. What others started is not even read: entries are packed."""
    begun = AuditEntry.objects.filter(request__in=requests, seq=1, who=f"person:{key.person_id}")
    entries = list(begun.values_list("request_id", "what"))
    ours = with_earlier(key) if entries else ()
    return {number for number, what in entries if number is not None and what.get("key") in ours}


def shape_of(call: Call, request: Request, sequence: int) -> RequestShape:
    """Of one of them."""
    return shapes_of(call, [request], {request.pk: sequence})[0]


def _shape(
    call: Call,
    request: Request,
    definition: Definition,
    hidden: frozenset[str],
    steps: list[StepShape],
    sequence: int,
    *,
    is_own: bool,
) -> RequestShape:
    version = request.version
    return RequestShape(
        id=str(request.public_id),
        number=request.number,
        link=page_of(request, of_request(call.http)),
        process=ProcessRef(key=version.process.key, name=version.process.name, version=version.number),
        title=request.title,
        state=request.state,
        result=request.result or None,
        requester=person_shape(request.requester),
        created_at=request.created_at,
        closed_at=request.closed_at,
        revision=request.revision,
        data=form_data.written(definition, request.data, hidden),
        facts=_facts(definition, request.data),
        files=_files(definition, request.data, hidden),
        steps=steps,
        sequence=sequence,
        asked_with_this_key=is_own,
    )


def _facts(definition: Definition, data: Mapping[str, Any]) -> list[FactAsked]:
    if not call_keys.is_reserved(definition.key):
        return []
    asked = [field for field in definition.fields if is_fact(field.name) and data.get(field.name)]
    return [FactAsked(label=field.label, value=data[field.name]) for field in asked]


def _files(definition: Definition, data: Mapping[str, Any], hidden: frozenset[str]) -> list[FileShape]:
    return [
        FileShape(field=field.name, **{name: file[name] for name in ("id", "name", "size", "sha256")})
        for field in definition.fields
        if field.type == "files" and field.name not in hidden
        for file in data.get(field.name) or ()
    ]


def _steps(requests: Sequence[Request], definitions: Mapping[int, Definition]) -> dict[int, list[StepShape]]:
    """By request, in the order in which they began."""
    visits = list(Visit.objects.filter(request__in=requests).order_by("id"))
    seats = Assignment.objects.filter(visit__in=visits).select_related(
        "person", "in_place_of", "decision__by_person", "kept__by_person"
    )
    by_visit: dict[int, list[StepAssignment]] = defaultdict(list)
    ordered = list(seats.order_by("id"))
    proofs = proofs_of(seat.counted for seat in ordered if seat.state in Assignment.COUNTED)
    for seat in ordered:
        by_visit[seat.visit_id].append(_assignment(seat, proofs))
    of_version = {request.pk: definitions[request.version_id] for request in requests}
    steps: dict[int, list[StepShape]] = defaultdict(list)
    for visit in visits:
        shape = _step(visit, of_version[visit.request_id], by_visit[visit.pk])
        steps[visit.request_id].append(shape)
    return steps


def _step(visit: Visit, definition: Definition, assignments: list[StepAssignment]) -> StepShape:
    return StepShape(
        key=visit.step_key,
        name=definition.steps[visit.step_key].name,
        round=visit.round,
        branch=visit.branch or None,
        state=visit.state,
        result=visit.result or None,
        opened_at=visit.opened_at,
        closed_at=visit.closed_at,
        assignments=assignments,
    )


def _assignment(seat: Assignment, proofs: Mapping[int, DecisionProof]) -> StepAssignment:
    counts = seat.state in Assignment.COUNTED
    return StepAssignment(
        id=str(seat.pk),
        person=person_shape(seat.person),
        state=seat.state,
        in_place_of=None if seat.in_place_of is None else person_shape(seat.in_place_of),
        decision=_decision(seat.counted, proofs.get(seat.counted.pk)) if counts else None,
    )


def _decision(decision: Decision, proof: DecisionProof | None) -> StepDecision:
    return StepDecision(
        outcome=decision.outcome,
        comment=decision.comment,
        by=person_shape(decision.by_person),
        channel=decision.channel,
        at=decision.at,
        answers=decision.answers,
        proof=None if proof is None else _proof(proof),
    )


def _proof(proof: DecisionProof) -> ProofShape:
    return ProofShape(
        level=proof.level,
        domain=proof.domain or None,
        checked_by=proof.checked_by or None,
        login=proof.login or None,
        signature=proof.signature or None,
    )
