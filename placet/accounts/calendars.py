"""When people work: calendars, of which the newest version counts.

of_person(person)   their own calendar's hours, else the installation's
of_installation()   the default calendar's; without one the built-in hours, Monday to Friday from 9:00 to 17:00
version_of(key)     the newest version, or the one with a number: to reckon again what was reckoned with it
hours(version)      what one reckons with, and which calendar it is of

A day of the calendar's own counts first, then holidays, which are closed, then the hours of the week. The zone is the
calendar's, whoever reads it in whichever zone. `placet.accounts.calendar_changes` writes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from placet.accounts.general import general
from placet.accounts.models import Calendar, CalendarVersion, Installation, Person
from placet.lib.canonical import digest
from placet.lib.public_holidays import Observed, holidays_in, library
from placet.lib.working_time import Span, WorkingTime
from placet.lib.zones import zone_of

Spans = tuple[Span, ...]

OFFICE: Spans = (Span(9 * 60, 17 * 60),)
OFFICE_WEEK: tuple[Spans, ...] = (*([OFFICE] * 5), (), ())
BUILT_IN = ""  # in place of a key
NO_HOLIDAYS = Observed()


@dataclass(frozen=True)
class Hours:
    """The working time that somebody's calendar gives, and which calendar that is."""

    key: str  # of the calendar; BUILT_IN
    number: int  # of its version; 0 of the built-in one
    working_time: WorkingTime
    name: str = ""  # of the calendar
    observes: bool = False  # holidays of a country

    @property
    def basis(self) -> dict[str, Any]:
        """All that an auditor needs to reckon again, as JSON: it stays the same for the same hours."""
        named = {"calendar": self.key, "version": self.number, "zone": self.working_time.zone.key}
        return named | ({"holidays": library()} if self.observes else {})


# --- whose hours ------------------------------------------------------------------------------------------


def of_person(person: Person) -> Hours:
    if person.calendar_id is None:
        return of_installation()
    versions = CalendarVersion.objects.filter(calendar=person.calendar_id)
    return _hours_of(versions.select_related("calendar").order_by("-number").first())


def of_installation() -> Hours:
    versions = CalendarVersion.objects.filter(calendar__installations__isnull=False)
    return _hours_of(versions.select_related("calendar").order_by("-number").first())


def _hours_of(version: CalendarVersion | None) -> Hours:
    return built_in(general().zone) if version is None else hours(version)


def version_of(key: str, number: int | None = None) -> CalendarVersion | None:
    """The newest one, or the one with this number."""
    versions = CalendarVersion.objects.filter(calendar__key=key).select_related("calendar")
    return (versions if number is None else versions.filter(number=number)).order_by("-number").first()


def hours(version: CalendarVersion) -> Hours:
    content = Content.of(version)
    calendar, observes = version.calendar, bool(content.observed.country)
    return Hours(calendar.key, version.number, content.working_time, calendar.name, observes)


def built_in(zone: str) -> Hours:
    """Where nobody made a calendar. `zone`: its name."""
    return Hours(BUILT_IN, 0, Content(zone, OFFICE_WEEK).working_time)


def default_calendar() -> Calendar | None:
    """The one of whoever has no other."""
    return Calendar.objects.filter(installations__isnull=False).first()


# --- what a version says ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class OwnDay:
    """A day that is not like its day of the week: closed, or with other hours."""

    day: date
    name: str = ""
    spans: Spans = ()


@dataclass(frozen=True)
class Content:
    """All that a version says."""

    zone: str
    week: Sequence[Spans]
    observed: Observed = NO_HOLIDAYS
    days: Sequence[OwnDay] = ()

    @classmethod
    def of(cls, version: CalendarVersion) -> "Content":
        return cls(
            version.zone,
            tuple(map(_spans, version.week)),
            Observed(version.country, version.subdivision, tuple(version.categories)),
            tuple(
                OwnDay(date.fromisoformat(one["day"]), one["name"], _spans(one["spans"]))
                for one in version.days
            ),
        )

    @property
    def columns(self) -> dict[str, Any]:
        """As a version holds it."""
        return {
            "zone": self.zone,
            "week": [_as_json(spans) for spans in self.week],
            "country": self.observed.country,
            "subdivision": self.observed.subdivision,
            "categories": [*self.observed.categories],
            "days": [
                {"day": one.day.isoformat(), "name": one.name, "spans": _as_json(one.spans)}
                for one in self.days
            ],
        }

    @property
    def digest(self) -> str:
        return digest(self.columns)

    @cached_property
    def own_days(self) -> Mapping[date, OwnDay]:
        return {one.day: one for one in self.days}

    @property
    def working_time(self) -> WorkingTime:
        return WorkingTime(zone_of(self.zone), self.week, self._differs)

    def _differs(self, day: date) -> Spans | None:
        own = self.own_days.get(day)
        if own is not None:
            return own.spans
        return () if day in holidays_in(day.year, self.observed) else None


def _spans(stored: Sequence[Sequence[int]]) -> Spans:
    return tuple(Span(start, end) for start, end in stored)


def _as_json(spans: Sequence[Span]) -> list[list[int]]:
    return [[span.start, span.end] for span in spans]


# --- days that differ -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SpecialDay:
    """A holiday, or a day of the calendar's own."""

    day: date
    name: str
    spans: Spans
    is_own: bool
    changes: bool  # something: it is not as any other of its day of the week, or a holiday that is opened


def special_days(content: Content, first: date, last: date, language: str) -> list[SpecialDay]:
    """Those from one day to another, in their order; holidays named in this language where the library can."""
    special: dict[date, SpecialDay] = {}
    for year in range(first.year, last.year + 1):
        for day, name in holidays_in(year, content.observed, language).items():
            special[day] = SpecialDay(day, name, (), is_own=False, changes=bool(content.week[day.weekday()]))
    for own in content.days:
        holiday, week = special.get(own.day), content.week[own.day.weekday()]
        name = own.name or (holiday.name if holiday is not None else "")
        changes = own.spans != tuple(week) or (holiday is not None and bool(own.spans))
        special[own.day] = SpecialDay(own.day, name, own.spans, is_own=True, changes=changes)
    return [special[day] for day in sorted(special) if first <= day <= last]


def coming_days(content: Content, today: date, language: str, most: int) -> list[SpecialDay]:
    """The next ones that change something, within two years."""
    days = special_days(content, today, today + timedelta(days=730), language)
    return [one for one in days if one.changes][:most]


# --- who uses it ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Uses:
    """What a calendar is used for."""

    is_default: bool
    people: int
    processes: Sequence[str]  # names of those that reckon with it

    def __bool__(self) -> bool:
        return self.is_default or self.people > 0 or bool(self.processes)


def uses_of(calendar: Calendar) -> Uses:
    return Uses(
        is_default=Installation.objects.filter(calendar=calendar).exists(),
        people=Person.objects.filter(calendar=calendar).count(),
        processes=import_string(settings.PROCESSES_WITH_CALENDAR)(calendar.key),
    )
