"""Requests by what became of them: a trait that reports count, or how long something took. Only of requests that ended,
and as they were counted last (`placet.designer.models.DayTraits`)."""

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

from django import forms
from django.db.models.fields.json import KeyTransform
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from placet.approvals.definitions import Definition
from placet.designer import lengths, traits
from placet.designer.models import DayTraits

TRAIT, TIME, LEAST = "happened", "time", "least"  # in an address


def add_fields(form: forms.Form, definition: Definition | None) -> None:
    form.fields[TRAIT] = forms.ChoiceField(
        label=gettext_lazy("What became of it"),
        required=False,
        choices=[("", gettext_lazy("Anything")), *traits.groups(definition, str(form.data.get(TRAIT, "")))],
    )
    form.fields[TIME] = forms.ChoiceField(
        label=gettext_lazy("How long it took"),
        required=False,
        choices=[("", gettext_lazy("Any time")), *traits.measures(definition)],
    )
    form.fields[LEAST] = forms.CharField(
        label=gettext_lazy("At least"),
        required=False,
        max_length=40,
        widget=forms.TextInput(attrs={"placeholder": "2 d 4 h"}),
    )


def check(form: forms.Form, given: Mapping[str, Any]) -> None:
    if given.get(TIME) and lengths.minutes_of(given.get(LEAST) or "") is None:
        form.add_error(LEAST, _("Write a length of time, such as 90 min, 3 h or 2 d 4 h."))
    if given.get(LEAST) and not given.get(TIME) and TIME not in form.errors:
        form.add_error(TIME, _("Choose what took so long."))


def ids(
    given: Mapping[str, Any], processes: Collection[int] | None, first: date | None, last: date | None
) -> list[int] | None:
    """Of all requests that fit, the oldest first; None where nothing of this was asked. `given`: what was entered, and
    is right. `processes`: whose they are; None: of any. `first`, `last`: the days on which they ended, if that is
    asked."""
    trait, measured = given.get(TRAIT), given.get(TIME)
    if not trait and not measured:
        return None
    days = DayTraits.objects.all()
    if processes is not None:
        days = days.filter(process__in=processes)
    if first is not None:
        days = days.filter(day__gte=first)
    if last is not None:
        days = days.filter(day__lte=last)
    fitting: set[int] | None = None
    if trait:
        fitting = {pk for row in _each(days, "traits", trait) for pk in row}
    if measured:
        least = lengths.minutes_of(given[LEAST]) or 0
        times = (length for row in _each(days, "times", measured) for length in row.items())
        slow = {pk for minutes, of_day in times if int(minutes) >= least for pk in of_day}
        fitting = slow if fitting is None else fitting & slow
    return sorted(fitting or ())


def _each(days: Any, column: str, key: str) -> Any:
    """What stands under a key on each day; the database takes it out of what may be much."""
    values = days.order_by().values_list(KeyTransform(key, column), flat=True)
    return (value for value in values.iterator(1_000) if value)
