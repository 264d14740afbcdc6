"""What a form may name, while somebody types: a few people by name or address, and never the whole directory; and a few
rows of a table that a field takes its options from."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render

from placet.accounts.choosing import SHORTEST, called
from placet.accounts.models import Person
from placet.approvals.definitions import Definition, definition_of
from placet.approvals.form_options import Lists
from placet.approvals.form_parts import Input
from placet.approvals.models import Process
from placet.approvals.processes import newest
from placet.lib.web import entered
from placet.portal.form_rows import PREFIX
from placet.portal.people import PersonsRequest, signed_in

MOST_SUGGESTED = 10


@signed_in
def suggest(request: PersonsRequest, key: str) -> HttpResponse:
    """Options for a field of a process's form that names somebody."""
    version = newest(get_object_or_404(Process, key=key))
    field = None if version is None else _field(definition_of(version), request.GET.get("field", ""))
    name = next((name for name in request.GET if name.startswith(PREFIX)), "")
    text = entered(request.GET, name)
    people = _called(text, field)[:MOST_SUGGESTED] if field is not None and len(text) >= SHORTEST else []
    return people_as_options(request, list(people))


@signed_in
def suggest_options(request: PersonsRequest, key: str) -> HttpResponse:
    """Options for a field of a process's form that takes them from a table."""
    version = newest(get_object_or_404(Process, key=key))
    field = None if version is None else _input(definition_of(version), request.GET.get("field", ""))
    name = next((name for name in request.GET if name.startswith(PREFIX)), "")
    text = entered(request.GET, name)
    offered: list[tuple[str, str]] = []
    if field is not None and field.source is not None and field.source.table is not None and text:
        listing = Lists().offering(field).listing
        offered = listing.containing(text)[:MOST_SUGGESTED] if listing is not None else []
    return _part(request, "portal/suggested_options.html", {"offered": offered})


def people_as_options(request: PersonsRequest, people: Sequence[Person]) -> HttpResponse:
    return _part(request, "portal/suggested.html", {"people": people})


def _part(request: PersonsRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    """A part of a page, and no page by itself."""
    answer = render(request, template, context)
    answer["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return answer


def _field(definition: Definition, name: str) -> Input | None:
    """One that names people."""
    found = _input(definition, name)
    return found if found is not None and found.type in ("person", "people") else None


def _input(definition: Definition, name: str) -> Input | None:
    """By its name, or a column of a table by the names of both."""
    inputs: dict[str, Input] = {field.name: field for field in definition.fields}
    inputs |= {f"{field.name}.{one.name}": one for field in definition.fields for one in field.columns or ()}
    return inputs.get(name)


def people_called(text: str) -> list[Person]:
    """A few active people by name or address; none for a text that is too short to look for."""
    return list(_called(text, None)[:MOST_SUGGESTED]) if len(text) >= SHORTEST else []


def _called(text: str, field: Input | None) -> QuerySet[Person]:
    people = Person.objects.filter(called(text), is_active=True)
    return people if field is None or field.among is None else people.filter(approval_groups__key=field.among)
