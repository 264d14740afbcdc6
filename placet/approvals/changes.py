"""What changed of a request's data, as it is shown: was → now. Looks; changes nothing."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from django.utils.translation import gettext as _

from placet.accounts.models import Person
from placet.approvals.definitions import Definition
from placet.approvals.engine_revisions import FIRST, data_at
from placet.approvals.form import facts_as_read
from placet.approvals.form_parts import FormField
from placet.approvals.models import Request

NOTHING = "–"  # in place of a value that is not there


@dataclass(frozen=True)
class Revised:
    """One revision after the first, as it is shown."""

    number: int
    by: Person
    at: datetime
    step: str  # its name
    changes: Sequence["Change"]


def history(request: Request, definition: Definition, hidden: Collection[str] = ()) -> list[Revised]:
    """What was entered after the start, the oldest first; but for what nobody is shown here."""
    if request.revision == FIRST:
        return []
    every = list(request.revisions.select_related("by", "assignment__visit").order_by("number"))
    revised = [
        Revised(
            revision.number,
            revision.by,
            revision.at,
            definition.steps[revision.assignment.visit.step_key].name if revision.assignment else "",
            changes_between(definition, before.data, revision.data, hidden),
        )
        for before, revision in pairwise(every)
    ]
    return [one for one in revised if one.changes]


@dataclass(frozen=True)
class Change:
    """One field. `was` and `now` as the reader reads them; of a field of files also which ones came and which went."""

    label: str
    was: str
    now: str
    added: Sequence[Mapping[str, Any]] = ()
    removed: Sequence[Mapping[str, Any]] = ()


def changes_between(
    definition: Definition, was: Mapping[str, Any], now: Mapping[str, Any], hidden: Collection[str] = ()
) -> list[Change]:
    """In the order of the form. `hidden`: fields that are not shown."""
    return [
        _change(definition, field, was, now)
        for field in definition.fields
        if field.name not in hidden and was.get(field.name) != now.get(field.name)
    ]


def _change(
    definition: Definition, field: FormField, was: Mapping[str, Any], now: Mapping[str, Any]
) -> Change:
    before, after = _text(definition, field.name, was), _text(definition, field.name, now)
    added, removed = _files_beyond(field, now, was), _files_beyond(field, was, now)
    if before == after and added:  # a mail would show the same twice, and call it a change
        after = _("{files}, with other content").format(files=after)
    return Change(field.label, before, after, added, removed)


def _files_beyond(
    field: FormField, data: Mapping[str, Any], other: Mapping[str, Any]
) -> Sequence[Mapping[str, Any]]:
    """The files of a field that the other data does not name there."""
    if field.type != "files":
        return ()
    named = {file["id"] for file in other.get(field.name) or ()}
    return [file for file in data.get(field.name) or () if file["id"] not in named]


def changes_since(request: Request, definition: Definition, step_key: str, number: int) -> Sequence[Change]:
    """What a step's people are shown otherwise than in the revision `number`."""
    hidden = definition.hidden_in(step_key)
    return changes_between(definition, data_at(request, number), request.data, hidden)


def _text(definition: Definition, name: str, data: Mapping[str, Any]) -> str:
    facts = facts_as_read(definition, {name: data.get(name)})
    return facts[0].text if facts else NOTHING
