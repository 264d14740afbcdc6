"""What a report is about: which processes, which days, seen by whom."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.utils import timezone

from placet.accounts.general import organisation_zone
from placet.accounts.models import Person
from placet.approvals import owning
from placet.approvals.models import Process
from placet.reports.models import CountedDay, DaySums, Standing

PERIODS = (30, 90, 180, 365)  # days
USUAL = 90

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Selection:
    """`processes`: all that the person owns. `process`: the one that was chosen; None: all of these. Weeks begin on
    Monday, by the organisation's time zone."""

    person: Person
    processes: Sequence[Process]
    process: Process | None
    days: int
    last: date

    @property
    def first(self) -> date:
        return self.last - (self.days - 1) * _DAY

    @cached_property
    def weeks(self) -> Sequence[date]:
        """The Mondays of all weeks that have a day of the period."""
        monday = week_of(self.first)
        return [monday + 7 * n * _DAY for n in range((self.last - monday).days // 7 + 1)]

    @property
    def shown(self) -> Sequence[Process]:
        return self.processes if self.process is None else [self.process]

    @cached_property
    def names(self) -> Mapping[int, str]:
        return {process.pk: process.name for process in self.processes}

    @cached_property
    def keys(self) -> Mapping[int, str]:
        return {process.pk: process.key for process in self.processes}

    @property
    def query(self) -> str:
        chosen = {"process": self.process.key} if self.process is not None else {}
        return urlencode({**chosen, "days": self.days})

    def of(self, process: int) -> "Selection":
        """The same of one process."""
        return replace(self, process=next(one for one in self.processes if one.pk == process))

    # --- what was counted ---------------------------------------------------------------------------------

    def sums(self, *columns: str) -> Iterator[tuple[Any, ...]]:
        """Process, day and these columns of all that was counted."""
        rows = DaySums.objects.filter(day__gte=self.first, day__lte=self.last)
        if self.process is not None or not self.person.is_administrator:
            rows = rows.filter(process__in=[process.pk for process in self.shown])
        return rows.order_by("day").values_list("process", "day", *columns).iterator(2_000)

    def standings(self) -> Sequence[Standing]:
        rows = Standing.objects.all()
        if self.process is not None or not self.person.is_administrator:
            rows = rows.filter(process__in=[process.pk for process in self.shown])
        return list(rows)

    def counted_at(self) -> datetime | None:
        """When today was counted last; None where nothing was."""
        newest = CountedDay.objects.order_by("-day").values_list("counted_at", flat=True)
        return newest.first()


def selection_of(person: Person, asked: Mapping[str, str]) -> Selection:
    """As the address says; what it says wrongly is as if it said nothing."""
    processes = list(owning.owned_by(person).order_by("name", "pk"))
    process = next((one for one in processes if one.key == asked.get("process")), None)
    days = asked.get("days", "")
    chosen = next((one for one in PERIODS if str(one) == days), USUAL)
    return Selection(
        person, processes, process, chosen, timezone.now().astimezone(organisation_zone()).date()
    )


def week_of(day: date) -> date:
    """Its Monday."""
    return day - day.weekday() * _DAY
