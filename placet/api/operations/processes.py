"""Which processes there are, and what their forms take."""

from collections.abc import Sequence
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery
from ninja import Router
from pydantic import Field

from placet.api.bodies import Shape
from placet.api.calls import Call
from placet.api.keys import Scope
from placet.api.operation import operation
from placet.api.paging import USUAL_PAGE, Cursor, Limit, Page, rows_of
from placet.api.problems import Problem
from placet.approvals.definitions import definition_of
from placet.approvals.form_schema import schema_of
from placet.approvals.models import Process, Version
from placet.approvals.outcomes import Outcome as OutcomeOfStep
from placet.approvals.steps import ApprovalStep

router = Router(tags=["Processes"])


class Outcome(Shape):
    """What can be answered in a step. `comment_needed`: never without a comment."""

    key: str
    label: str
    comment_needed: bool


class Step(Shape):
    """A step in which people are asked."""

    key: str
    name: str
    outcomes: list[Outcome]


class FileField(Shape):
    """A field of the form that takes files, which are sent beside its `data`."""

    name: str
    label: str
    required: bool


class ProcessShape(Shape):
    """What can be started. `version`: of its definition, from 1; `form`: JSON Schema of `data` of a request."""

    key: str
    name: str
    description: str
    version: int
    form: dict[str, Any] = Field(description="JSON Schema (2020-12) of what a request is started with.")
    files: list[FileField]
    steps: list[Step]


class Processes(Page[ProcessShape]):
    """Processes that can be started, by their age."""


@operation(router, "GET", "/processes", Scope.REQUESTS_READ, Processes)
def list_processes(call: Call, limit: Limit = USUAL_PAGE, cursor: Cursor = "") -> Processes:
    """The processes that the key may start requests of."""
    startable = _with_newest(call).filter(retired_at=None, newest__isnull=False, asked_by=None)
    rows, following = rows_of(call, startable, limit, cursor, newest_first=False)
    return Processes(items=_shapes(rows), next=following)


@operation(
    router, "GET", "/processes/{key}", Scope.REQUESTS_READ, ProcessShape, problems=["not-found", "retired"]
)
def get_process(call: Call, key: str) -> ProcessShape:
    """One process, with its form."""
    process = _with_newest(call).filter(key=key, newest__isnull=False, asked_by=None).first()
    if process is None:
        raise Problem("not-found")
    if process.retired_at is not None:
        raise Problem("retired")
    return _shapes([process])[0]


def _with_newest(call: Call) -> QuerySet[Any]:
    """With the id of the newest version; None where nothing was published."""
    versions = Version.objects.filter(process=OuterRef("pk")).order_by("-number")
    return call.processes().annotate(newest=Subquery(versions.values("pk")[:1]))


def _shapes(processes: Sequence[Any]) -> list[ProcessShape]:
    versions = Version.objects.in_bulk([process.newest for process in processes])
    return [_shape(process, versions[process.newest]) for process in processes]


def _shape(process: Process, version: Version) -> ProcessShape:
    definition = definition_of(version)
    later = definition.entered_later
    return ProcessShape(
        key=process.key,
        name=process.name,
        description=definition.description or "",
        version=version.number,
        form=schema_of(definition),
        files=[
            FileField(name=field.name, label=field.label, required=field.required)
            for field in definition.fields
            if field.type == "files" and field.name not in later
        ],
        steps=[
            Step(key=key, name=step.name, outcomes=[_outcome(one) for one in step.outcomes])
            for key, step in definition.steps.items()
            if isinstance(step, ApprovalStep)
        ],
    )


def _outcome(outcome: OutcomeOfStep) -> Outcome:
    return Outcome(key=outcome.key, label=outcome.shown, comment_needed=outcome.comment == "required")
