"""The columns of all requests: what stands in each, for a page and for a file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Min
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from placet.approvals.definitions import Definition
from placet.approvals.form_parts import FormField
from placet.approvals.form_types import type_of
from placet.approvals.late import late_visits
from placet.approvals.models import Request, Timer, Visit
from placet.lib import clock
from placet.portal.path import Definitions, Standing, standings

NUMBER, TITLE = "number", "title"
COLUMNS: Mapping[str, Promise] = {
    NUMBER: gettext_lazy("Number"),
    TITLE: gettext_lazy("Request"),
    "process": gettext_lazy("Process"),
    "requester": gettext_lazy("Requester"),
    "standing": gettext_lazy("Where it stands"),
    "started": gettext_lazy("Started"),
    "since": gettext_lazy("There since"),
    "due": gettext_lazy("Due"),
    "closed": gettext_lazy("Ended"),
    "version": gettext_lazy("Version"),
}
USUAL = (NUMBER, TITLE, "process", "requester", "standing", "started", "due")
FIELD = "field."  # before the name of a field of the form
MOST_COLUMNS = 20


@dataclass(frozen=True)
class Column:
    """`field`: of the form, where it shows one."""

    key: str
    label: str
    field: FormField | None = None


@dataclass(frozen=True)
class Cell:
    """`text`: what stands there, if it is no moment (`at`)."""

    text: str = ""
    at: datetime | None = None

    @property
    def value(self) -> str | datetime:
        return self.text if self.at is None else self.at


@dataclass(frozen=True)
class Row:
    request: Request
    standing: Standing
    is_late: bool
    cells: Sequence[tuple[Column, Cell]]


def offered(definition: Definition | None) -> list[Column]:
    """All that can be shown; fields of the form only where one process is looked at."""
    columns = [Column(key, str(label)) for key, label in COLUMNS.items()]
    fields = () if definition is None else definition.fields
    return columns + [Column(FIELD + one.name, one.label, one) for one in fields]


def chosen(definition: Definition | None, keys: Sequence[str]) -> list[Column]:
    """Those that were ticked, in the order of `offered`; without any the usual ones."""
    wanted = set(keys) & {column.key for column in offered(definition)} or set(USUAL)
    return [column for column in offered(definition) if column.key in wanted][:MOST_COLUMNS]


def rows(requests: Sequence[Request], columns: Sequence[Column], definitions: Definitions) -> list[Row]:
    """With a fixed number of queries, however many there are."""
    ids = [request.pk for request in requests]
    late = set(late_visits(clock.now()).filter(request__in=ids).values_list("request", flat=True))
    due = _due(ids) if any(column.key == "due" for column in columns) else {}
    return [
        Row(
            standing.request,
            standing,
            standing.request.pk in late,
            [(one, _cell(one, standing, due.get(standing.request.pk), definitions)) for one in columns],
        )
        for standing in standings(requests, definitions)
    ]


def _due(requests: Sequence[int]) -> dict[int, datetime]:
    """When the first of the steps that are open is due, by request."""
    clocks = Timer.objects.filter(
        visit__request__in=requests, visit__state=Visit.State.OPEN, what=Timer.What.DUE, assignment=None
    ).order_by()
    return dict(clocks.values_list("visit__request").annotate(first=Min("at")))


def _cell(column: Column, standing: Standing, due: datetime | None, definitions: Definitions) -> Cell:
    request = standing.request
    if column.field is not None:
        return Cell(_of_field(column.field, request, definitions))
    texts: dict[str, Any] = {
        NUMBER: request.number,
        TITLE: request.title,
        "process": standing.process,
        "requester": request.requester.name,
        "standing": standing.words,
        "version": request.version.number,
    }
    moments = {
        "started": request.created_at,
        "since": standing.since,
        "due": due,
        "closed": request.closed_at,
    }
    return Cell(str(texts.get(column.key, "")), moments.get(column.key))


def _of_field(field: FormField, request: Request, definitions: Definitions) -> str:
    """As the version says it that the request runs on, whose form may be another one than the newest."""
    own = next((one for one in definitions.of(request).fields if one.name == field.name), None)
    value = request.data.get(field.name)
    if own is None or value is None:
        return ""
    return type_of(own).as_read(value, own)
