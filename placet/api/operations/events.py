"""What is recorded of a request."""

from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Router
from pydantic import Field

from placet.accounts.models import Person
from placet.api.bodies import Shape
from placet.api.calls import Call
from placet.api.keys import Scope
from placet.api.operation import operation
from placet.api.paging import USUAL_PAGE, Cursor, Limit, Page, last_of, next_of
from placet.api.problems import Problem
from placet.api.shapes import PersonShape, person_shape
from placet.approvals import owning
from placet.approvals.models import Request
from placet.audit import commitments
from placet.audit.models import AuditEntry

router = Router(tags=["Requests"])

_PERSON = "person:"


class EventShape(Shape):
    """One entry of the record. `who`: the person who did it, null where a mail or Placet itself did; `by`: as the
    record has it; `what`: what else it says, in the record's own words, null where a value was erased."""

    sequence: int
    at: datetime
    type: str
    who: PersonShape | None
    by: str
    what: dict[str, Any] = Field(description="Names may be added.")
    hash: str = Field(description="SHA-256 of the entry and of the hash of the one before it.")


class Events(Page[EventShape]):
    """Entries of a request's record, in their order."""


@operation(
    router,
    "GET",
    "/requests/{id}/events",
    Scope.AUDIT_READ,
    Events,
    problems=["not-found"],
)
def list_events(call: Call, id: UUID, limit: Limit = USUAL_PAGE, cursor: Cursor = "") -> Events:
    """What is recorded of a request, for whoever made it, owns its process, or administers."""
    request = call.requests().select_related("version__process").filter(public_id=id).first()
    if request is None or not _sees_record(call.person, request):
        raise Problem("not-found")
    after = last_of(call, cursor) if cursor else 0
    entries = list(AuditEntry.objects.filter(request=request, seq__gt=after).order_by("seq")[: limit + 1])
    following = next_of(call, entries[limit - 1].seq) if len(entries) > limit else None
    return Events(items=_shapes(entries[:limit]), next=following)


def _sees_record(person: Person, request: Request) -> bool:
    return request.is_made_by(person) or owning.sees_all_of(person, request)


def _shapes(entries: list[AuditEntry]) -> list[EventShape]:
    ids = {entry.pk: _person_id(entry.who) for entry in entries}
    people = Person.objects.in_bulk({pk for pk in ids.values() if pk is not None})
    return [_shape(entry, people.get(ids[entry.pk] or 0)) for entry in entries]


def _person_id(who: str) -> int | None:
    number = who.removeprefix(_PERSON)
    return int(number) if who.startswith(_PERSON) and number.isdecimal() else None


def _shape(entry: AuditEntry, person: Person | None) -> EventShape:
    names = {*entry.what, *entry.what.get(commitments.PERSONAL, {})} - {"event", commitments.PERSONAL}
    return EventShape(
        sequence=entry.seq,
        at=entry.at,
        type=entry.what["event"],
        who=None if person is None else person_shape(person),
        by=entry.who,
        what={name: _value(entry, name) for name in sorted(names)},
        hash=entry.hash,
    )


def _value(entry: AuditEntry, name: str) -> Any:
    value = entry.value(name)
    return None if value is commitments.ERASED else value
