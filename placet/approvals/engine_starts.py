"""A request is made, whoever asks for it: a person, or a step of another request. Called by `placet.approvals.engine`
and by `placet.approvals.calling`."""

from typing import Any

from placet.accounts.models import Person
from placet.approvals import record
from placet.approvals.definitions import Definition
from placet.approvals.form import title_of, words_of
from placet.approvals.models import Counter, Request, Version, Visit
from placet.approvals.record import note
from placet.lib.canonical import digest


def create(
    version: Version,
    definition: Definition,
    requester: Person,
    data: dict[str, Any],
    parent_visit: Visit | None = None,
    title: str = "",
    by: Person | None = None,
) -> Request:
    """A request that is nowhere yet. `parent_visit`: of the step that calls it. `title`: one of its own, where its
    process does not make it of the form. `by`: who starts it in the requester's name."""
    title = title or title_of(definition, data)
    return Request.objects.create(
        number=_next_number(),
        version=version,
        requester=requester,
        started_by=by if by is not None and by.pk != requester.pk else None,
        title=title,
        data=data,
        data_hash=digest(data),
        words=words_of(definition, data, title),
        parent_visit=parent_visit,
    )


def note_started(request: Request, by: Person | None, how: record.What | None = None) -> None:
    """`by`: None, where a step called it. `how`: the mail that started it, or the key of the API."""
    what = record.together(record.started(request), how or {})
    if request.started_by_id is not None:
        what["requester"] = f"person:{request.requester_id}"
    note(request, by, "started", at=request.created_at, **what)


def _next_number() -> int:
    Counter.objects.get_or_create(id=1)
    counter = Counter.objects.select_for_update().get(id=1)
    counter.last += 1
    counter.save(update_fields=["last"])
    return counter.last
