"""How a request's data changes: by numbered revisions, and in no other way. Called by `placet.approvals.engine`, which
holds the request's lock.

A decision, and a mail that asks, name the revision that they saw. The title stays what it was: people, and the subjects
of their mails, know a request by it.
"""

from collections.abc import Mapping
from typing import Any

from placet.approvals import record
from placet.approvals.definitions import Definition
from placet.approvals.form import read_revision, words_of
from placet.approvals.form_logic import NO_FILES, Files
from placet.approvals.models import Decision, Request, Revision
from placet.approvals.record import note
from placet.lib import rows
from placet.lib.canonical import digest

FIRST = 1


def data_after(
    request: Request,
    definition: Definition,
    step_key: str,
    outcome: str,
    entered: Mapping[str, Any],
    files: Files = NO_FILES,
) -> dict[str, Any]:
    """The data with what a step's people entered, or FormInvalid. What they have to enter is asked for where a task is
    done, or their answer grants what the request asks for. `files`: of fields whose files may be others now."""
    if not definition.filled_in(step_key) and not entered:
        return dict(request.data)
    step = definition.approval(step_key)
    complete = step.needs_form_with(step.outcome(outcome))
    return read_revision(definition, step_key, request.data, entered, files, complete=complete)


def revise(request: Request, definition: Definition, data: Mapping[str, Any], decision: Decision) -> bool:
    """The request has this data from now on. False, and nothing is written, if it has it already."""
    if data == request.data:
        return False
    if request.revision == FIRST:
        first = Revision(
            request=request, number=FIRST, data=request.data, data_hash=request.data_hash,
            by_id=request.requester_id, at=request.created_at,
        )  # fmt: skip
        first.save()
    revision = Revision(
        request=request, number=request.revision + 1, data=data, data_hash=digest(data),
        by=decision.by_person, assignment_id=decision.assignment_id, at=decision.at,
    )  # fmt: skip
    revision.save()
    rows.change(
        request, data=dict(data), data_hash=revision.data_hash, revision=revision.number,
        words=words_of(definition, data, request.title),
    )  # fmt: skip
    note(request, decision.by_person, "revised", at=revision.at, **record.revised(request, revision))
    return True


def data_at(request: Request, number: int) -> Mapping[str, Any]:
    """The data as a revision had it."""
    current = number == request.revision
    data: dict[str, Any] = request.data if current else request.revisions.get(number=number).data
    return data
