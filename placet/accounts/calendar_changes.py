"""Calendars made, changed and deleted. Each change is an entry in the installation's audit.

What a version says never changes: another week, zone, country or day is the next version. A name is no part of it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import date

import structlog
from django.db import transaction
from django.utils.translation import gettext as _

from placet.accounts.calendars import Content, OwnDay, Uses, uses_of
from placet.accounts.installation import check_keys
from placet.accounts.models import Calendar, CalendarVersion, Installation, Person
from placet.audit import chain
from placet.lib.public_holidays import is_known
from placet.lib.zones import zone_names

log = structlog.get_logger(__name__)

LONGEST_DAY_NAME = 100
MOST_DAYS = 1_000  # own ones of a calendar
FIRST_YEAR, LAST_YEAR = 2000, 2100  # of own days: the library knows no holidays beyond


class CalendarInvalid(ValueError):
    """No calendar can be like this; the message says what to change."""


class ChangedMeanwhile(Exception):
    """The calendar has another version than the one that was looked at. Nothing was saved."""


class InUse(Exception):
    """A calendar that somebody works by cannot be deleted."""

    def __init__(self, uses: Uses) -> None:
        super().__init__(uses)
        self.uses = uses


def add(key: str, name: str, content: Content, by: Person) -> Calendar:
    """IntegrityError if there is one with this key; CalendarInvalid."""
    _check(content)
    with transaction.atomic():
        calendar = Calendar.objects.create(key=key, name=name)
        _next_version(calendar, 1, content, by)
        _note(by, "calendar added", calendar, version=1, content=content.digest, name=name)
    return calendar


def change(
    calendar: Calendar,
    changed: Callable[[Content], Content],
    by: Person,
    *,
    name: str | None = None,
    seen: int | None = None,
) -> CalendarVersion:
    """The newest version afterwards, which is a new one if it says something else. `changed`: what it shall say, by
    what it says now. `name`: another one. `seen`: the number of the version that somebody looked at; ChangedMeanwhile
    if it is not the newest. CalendarInvalid."""
    with transaction.atomic():
        calendar = Calendar.objects.select_for_update().get(pk=calendar.pk)
        newest = calendar.versions.select_related("calendar").latest("number")
        if seen is not None and seen != newest.number:
            raise ChangedMeanwhile
        if name is not None and name != calendar.name:
            Calendar.objects.filter(pk=calendar.pk).update(name=name)
            _note(by, "calendar renamed", calendar, name=name)
        before = Content.of(newest)
        content = changed(before)
        if content.columns == before.columns:
            return newest
        _check(content)
        version = _next_version(calendar, newest.number + 1, content, by)
        _note(by, "calendar changed", calendar, version=version.number, content=content.digest)
    return version


def _next_version(calendar: Calendar, number: int, content: Content, by: Person) -> CalendarVersion:
    return CalendarVersion.objects.create(calendar=calendar, number=number, created_by=by, **content.columns)


def make_default(calendar: Calendar | None, by: Person) -> bool:
    """Of whoever has no other; None: the built-in hours. Whether that is something else than before."""
    with transaction.atomic():
        if not Installation.objects.exists():
            check_keys()  # the row is made with it
        installation = Installation.objects.select_for_update().get()
        if installation.calendar_id == (calendar and calendar.pk):
            return False
        Installation.objects.update(calendar=calendar)
        _note(by, "default calendar chosen", calendar)
    return True


def delete(calendar: Calendar, by: Person) -> None:
    """InUse while somebody works by it."""
    with transaction.atomic():
        # Whoever would begin to use it waits, and then finds nothing.
        calendar = Calendar.objects.select_for_update().get(pk=calendar.pk)
        if uses := uses_of(calendar):
            raise InUse(uses)
        _note(by, "calendar deleted", calendar)
        calendar.delete()


def _note(by: Person, event: str, calendar: Calendar | None, **what: object) -> None:
    key = calendar.key if calendar is not None else None
    chain.append_of_installation(f"person:{by.pk}", {"event": event, "calendar": key, **what})
    log.info(event.replace(" ", "_"), calendar=key, by=by.pk)


# --- own days ---------------------------------------------------------------------------------------------


def with_days(content: Content, days: Iterable[OwnDay]) -> Content:
    """With these in place of what it says of the same days."""
    return _of_days(content, {**content.own_days, **{one.day: one for one in days}})


def with_missing_days(content: Content, days: Iterable[OwnDay]) -> Content:
    """With those of these of which it says nothing yet."""
    return _of_days(content, {**{one.day: one for one in days}, **content.own_days})


def without_days(content: Content, days: Iterable[date]) -> Content:
    gone = set(days)
    return _of_days(content, {day: one for day, one in content.own_days.items() if day not in gone})


def _of_days(content: Content, days: Mapping[date, OwnDay]) -> Content:
    return replace(content, days=tuple(days[day] for day in sorted(days)))


# --- what may stand there ---------------------------------------------------------------------------------


def _check(content: Content) -> None:
    if content.zone not in zone_names():
        raise CalendarInvalid(_("There is no such time zone. Write one such as Europe/Paris."))
    if not any(content.week):
        raise CalendarInvalid(_("Enter the hours of at least one day of the week."))
    if not is_known(content.observed):
        raise CalendarInvalid(_("No holidays are known of this. Choose the country once more."))
    if len(content.days) > MOST_DAYS:
        raise CalendarInvalid(
            _("A calendar has at most {most} days of its own. Remove those that are over.").format(
                most=MOST_DAYS
            )
        )
    for one in content.days:
        check_day(one)


def check_day(one: OwnDay) -> None:
    """CalendarInvalid."""
    if not FIRST_YEAR <= one.day.year <= LAST_YEAR:
        raise CalendarInvalid(
            _("{day} is not in one of the years from {first} to {last}.").format(
                day=one.day.isoformat(), first=FIRST_YEAR, last=LAST_YEAR
            )
        )
    if len(one.name) > LONGEST_DAY_NAME or not one.name.isprintable():
        raise CalendarInvalid(
            _("The name of a day has at most {longest} letters, on one line.").format(
                longest=LONGEST_DAY_NAME
            )
        )
