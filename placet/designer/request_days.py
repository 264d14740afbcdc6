"""Requests of some days: which started on them, ended, had a deadline that passed, or still ran at the end of the last.
Days are those of the organisation's time zone, as reports count them, whoever looks."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from placet.accounts.general import organisation_zone
from placet.approvals.models import Request, Timer, Visit
from placet.lib.zones import day_bounds

WHEN, FROM, TO = "when", "from", "to"  # in an address
STARTED, ENDED, MISSED, RAN = "", "ended", "missed", "ran"
CHOICES: Mapping[str, Promise] = {
    STARTED: gettext_lazy("started on these days"),
    ENDED: gettext_lazy("ended on these days"),
    MISSED: gettext_lazy("a deadline passed on these days"),
    RAN: gettext_lazy("still ran at the end of the last day"),
}
FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(2200, 1, 1)  # that can be asked for


def add_fields(form: forms.Form) -> None:
    form.fields[WHEN] = forms.ChoiceField(
        label=gettext_lazy("By day"), required=False, choices=list(CHOICES.items())
    )
    for name, label in ((FROM, gettext_lazy("First day")), (TO, gettext_lazy("Last day"))):
        form.fields[name] = forms.DateField(
            label=label,
            required=False,
            input_formats=["%Y-%m-%d"],
            widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
            validators=[MinValueValidator(FIRST_DAY), MaxValueValidator(LAST_DAY)],
        )


def check(form: forms.Form, given: Mapping[str, Any]) -> None:
    """What is wrong with days that are wrong together."""
    first, last = given.get(FROM), given.get(TO)
    if first is not None and last is not None and last < first:
        form.add_error(TO, _("The last day is before the first."))
    if given.get(WHEN) == RAN and last is None and TO not in form.errors:
        form.add_error(TO, _("Write the day at whose end they still ran."))


def in_words(given: Mapping[str, Any]) -> str:
    """Empty where no day was entered."""
    first, last, when = given.get(FROM), given.get(TO), str(given.get(WHEN) or "")
    if first is None and last is None:
        return ""
    first_words, last_words = (
        "" if day is None else date_format(day, "DATE_FORMAT") for day in (first, last)
    )
    days = last_words if first == last or when == RAN else f"{first_words} – {last_words}"
    return f"{CHOICES[when]}: {days.strip()}"


@dataclass(frozen=True)
class Days:
    """`start`: None from the beginning; `end`, which does not belong to them: None until now."""

    when: str
    start: datetime | None
    end: datetime | None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "Days | None":
        """None where no day was entered. `given`: what was entered, and is right."""
        first, last, when = given[FROM], given[TO], given[WHEN]
        if first is None and last is None:
            return None
        zone = organisation_zone()
        start = None if first is None or when == RAN else day_bounds(first, zone)[0]
        return cls(when, start, None if last is None else day_bounds(last, zone)[1])

    @property
    def fits(self) -> Q:
        if self.when == RAN:
            return Q(created_at__lt=self.end) & (Q(closed_at=None) | Q(closed_at__gte=self.end))
        if self.when == MISSED:
            return Q(Exists(self._missed.filter(visit__request=OuterRef("pk"))))
        return self._between("closed_at" if self.when == ENDED else "created_at")

    def few(self, most: int) -> Mapping[int, int] | None:
        """All requests of these days, by their ids, each with the id of its version; None where no index leads to
        them, or they, or the deadlines that passed, are more than so many."""
        if self.when == RAN:
            return None
        if self.when == MISSED:
            # Visits first: a database that is left the choice may read all that there are.
            visits = list(self._missed.values_list("visit", flat=True)[: most + 1])
            if len(visits) > most:
                return None
            rows = Visit.objects.filter(pk__in=visits).order_by()
            return dict(rows.values_list("request", "request__version"))
        requests = Request.objects.filter(self.fits).order_by()
        versions = dict(requests.values_list("pk", "version")[: most + 1])
        return versions if len(versions) <= most else None

    @property
    def _missed(self) -> QuerySet[Timer]:
        passed = Timer.objects.filter(what=Timer.What.DUE, state=Timer.State.ACTED)
        return passed.filter(self._between("at")).order_by()

    def _between(self, column: str) -> Q:
        """Of a column that says when: an empty one is on no day."""
        fits = Q() if self.start is None else Q((f"{column}__gte", self.start))
        return fits if self.end is None else fits & Q((f"{column}__lt", self.end))
