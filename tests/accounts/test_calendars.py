"""Calendars: whose hours count, what they say, their versions, and what the audit says of them."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, transaction
from pytest_django import DjangoAssertNumQueries

from placet.accounts import general
from placet.accounts.calendar_changes import (
    MOST_DAYS,
    CalendarInvalid,
    ChangedMeanwhile,
    InUse,
    add,
    change,
    delete,
    make_default,
    with_days,
    with_missing_days,
    without_days,
)
from placet.accounts.calendars import (
    OFFICE,
    OFFICE_WEEK,
    Content,
    OwnDay,
    SpecialDay,
    Uses,
    built_in,
    coming_days,
    default_calendar,
    hours,
    of_installation,
    of_person,
    special_days,
    uses_of,
    version_of,
)
from placet.accounts.models import Calendar, CalendarVersion, Person
from placet.audit import chain
from placet.audit.models import AuditEntry
from placet.lib.public_holidays import Observed, library
from placet.lib.working_time import Span

MORNING = (Span(540, 720),)
BAVARIA = Content("Europe/Berlin", OFFICE_WEEK, Observed("DE", "BY", ("public",)))
GULF = Content(
    "Asia/Riyadh", (OFFICE, OFFICE, OFFICE, OFFICE, (), (), OFFICE), Observed("SA", "", ("public",))
)
EVE = OwnDay(date(2026, 12, 24), "Christmas Eve", MORNING)
EPIPHANY = date(2026, 1, 6)


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Berlin"))


def events() -> list[dict[str, object]]:
    """What the installation's audit says of calendars."""
    entries = AuditEntry.objects.filter(request=None).order_by("seq")
    return [entry.what for entry in entries if "calendar" in entry.what]


# --- what is counted --------------------------------------------------------------------------------------


def test_holidays_are_closed() -> None:
    working = BAVARIA.working_time
    assert working.spans_of(EPIPHANY) == ()
    assert working.working_day(date(2026, 12, 24), 1) == date(2026, 12, 28)
    assert working.add(berlin("2026-01-05T16:00"), timedelta(hours=2)) == berlin("2026-01-07T10:00")


def test_a_weekend_may_be_friday_and_saturday() -> None:
    working = GULF.working_time
    assert working.working_day(date(2026, 11, 26), 1) == date(2026, 11, 29)  # Thursday, Sunday
    assert working.spans_of(date(2026, 9, 23)) == ()  # their National Day


def test_a_day_of_its_own_counts_before_holidays_and_the_week() -> None:
    opened = OwnDay(EPIPHANY, "We work", MORNING)
    sunday = OwnDay(date(2026, 11, 29), "Stocktaking", OFFICE)
    closed = OwnDay(date(2026, 11, 30), "Company holiday")
    working = with_days(BAVARIA, [opened, sunday, closed, EVE]).working_time
    assert working.spans_of(EPIPHANY) == MORNING
    assert working.spans_of(sunday.day) == OFFICE
    assert working.spans_of(closed.day) == ()
    assert working.closes(EVE.day) == berlin("2026-12-24T12:00")
    assert working.spans_of(date(2026, 12, 1)) == OFFICE


def test_what_differs_is_named_in_order_with_what_it_changes() -> None:
    days = [
        EVE,
        OwnDay(EPIPHANY, "", MORNING),
        OwnDay(date(2026, 1, 1), "", ()),
        OwnDay(date(2026, 3, 2), "As ever", OFFICE),
        OwnDay(date(2026, 3, 1), "Sunday", ()),
    ]
    shown = special_days(with_days(BAVARIA, days), date(2026, 1, 1), date(2026, 4, 3), "en")
    assert shown == [
        SpecialDay(date(2026, 1, 1), "New Year's Day", (), is_own=True, changes=True),
        SpecialDay(EPIPHANY, "Epiphany", MORNING, is_own=True, changes=True),
        SpecialDay(date(2026, 3, 1), "Sunday", (), is_own=True, changes=False),
        SpecialDay(date(2026, 3, 2), "As ever", OFFICE, is_own=True, changes=False),
        SpecialDay(date(2026, 4, 3), "Good Friday", (), is_own=False, changes=True),
    ]
    (unification,) = special_days(BAVARIA, date(2026, 10, 3), date(2026, 10, 3), "fr")
    assert not unification.changes  # a Saturday


def test_the_next_days_say_what_is_estimated() -> None:
    emirates = replace(GULF, observed=Observed("AE", "", ("public",)))
    coming = coming_days(emirates, date(2040, 1, 1), "en", 20)
    assert any("(estimated)" in one.name for one in coming)
    assert all(one.changes for one in coming)
    assert len(coming_days(BAVARIA, date(2026, 11, 30), "en", 3)) == 3
    assert coming_days(Content("UTC", OFFICE_WEEK), date(2026, 11, 30), "en", 3) == []


def test_a_year_costs_the_library_once(monkeypatch: pytest.MonkeyPatch) -> None:
    BAVARIA.working_time.spans_of(date(2026, 5, 5))
    monkeypatch.setattr("holidays.country_holidays", lambda *_, **__: pytest.fail("asked again"))
    with_days(BAVARIA, [EVE]).working_time.spans_of(date(2026, 7, 7))


# --- whose hours ------------------------------------------------------------------------------------------


def test_without_a_calendar_the_built_in_hours_count_in_the_installations_zone(alice: Person) -> None:
    general.save({"zone": "Asia/Tokyo"}, by=alice.pk)
    for of in (of_installation(), of_person(alice)):
        assert (of.key, of.number, of.name) == ("", 0, "")
        assert of.basis == {"calendar": "", "version": 0, "zone": "Asia/Tokyo"}
        assert of.working_time.opens(date(2026, 12, 25)) == datetime(2026, 12, 25, 0, tzinfo=UTC)
        assert of.working_time.spans_of(date(2026, 12, 26)) == ()
    assert default_calendar() is None


def test_a_persons_own_calendar_counts_before_the_installations(
    alice: Person, bob: Person, admin: Person
) -> None:
    make_default(add("munich", "Munich", BAVARIA, admin), admin)
    Person.objects.filter(pk=bob.pk).update(calendar=add("gulf", "Gulf", GULF, admin), zone="Europe/Paris")
    bob.refresh_from_db()
    assert (of_person(alice).key, of_person(bob).key, of_installation().key) == ("munich", "gulf", "munich")
    assert of_person(bob).working_time.zone.key == "Asia/Riyadh"  # of the calendar, not of the person
    assert of_person(bob).basis == {
        "calendar": "gulf", "version": 1, "zone": "Asia/Riyadh", "holidays": library(),
    }  # fmt: skip


def test_hours_are_read_with_one_query(
    alice: Person, bob: Person, admin: Person, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    calendar = add("munich", "Munich", BAVARIA, admin)
    make_default(calendar, admin)
    bob.calendar = calendar
    for read in (of_installation, lambda: of_person(alice), lambda: of_person(bob)):
        with django_assert_num_queries(1):
            read().working_time.spans_of(EPIPHANY)


# --- versions ---------------------------------------------------------------------------------------------


def test_a_change_makes_a_version_and_the_older_one_still_says_what_it_did(admin: Person) -> None:
    calendar = add("munich", "Munich", BAVARIA, admin)
    second = change(calendar, lambda now: with_days(now, [EVE]), admin)
    first, newest = version_of("munich", 1), version_of("munich")
    assert first is not None and newest == second and version_of("munich", 3) is version_of("berlin") is None
    assert (Content.of(first), Content.of(second).days) == (BAVARIA, (EVE,))
    assert hours(first).working_time.spans_of(EVE.day) == OFFICE
    assert hours(second).basis["version"] == 2
    assert second.created_by == admin


def test_what_changes_nothing_makes_no_version(admin: Person) -> None:
    calendar = add("munich", "Munich", BAVARIA, admin)
    before = len(events())
    assert change(calendar, lambda now: now, admin, name="Munich", seen=1).number == 1
    assert len(events()) == before


def test_a_name_is_no_part_of_a_version(admin: Person) -> None:
    calendar = add("munich", "Munich", BAVARIA, admin)
    assert change(calendar, lambda now: now, admin, name="München").number == 1
    assert Calendar.objects.get().name == "München"
    assert events()[-1] == {"event": "calendar renamed", "calendar": "munich", "name": "München"}


def test_who_saw_an_older_version_changes_nothing(admin: Person) -> None:
    calendar = add("munich", "Munich", BAVARIA, admin)
    change(calendar, lambda now: with_days(now, [EVE]), admin, seen=1)
    with pytest.raises(ChangedMeanwhile):
        change(calendar, lambda now: without_days(now, [EVE.day]), admin, name="Other", seen=1)
    assert Calendar.objects.get().name == "Munich" and CalendarVersion.objects.count() == 2


def test_the_database_holds_that_a_version_is_there_once(admin: Person) -> None:
    calendar = add("munich", "Munich", BAVARIA, admin)
    with pytest.raises(IntegrityError), transaction.atomic():
        CalendarVersion.objects.create(calendar=calendar, number=1, **BAVARIA.columns)
    with pytest.raises(IntegrityError), transaction.atomic():
        add("munich", "Another", BAVARIA, admin)


def test_days_come_are_kept_and_go() -> None:
    other = OwnDay(EVE.day, "Closed")
    assert with_days(with_days(BAVARIA, [EVE]), [other]).days == (other,)
    assert with_missing_days(with_days(BAVARIA, [EVE]), [other]).days == (EVE,)
    later = OwnDay(date(2027, 1, 4), "Later")
    assert with_days(BAVARIA, [later, EVE]).days == (EVE, later)
    assert without_days(with_days(BAVARIA, [later, EVE]), [EVE.day, EPIPHANY]).days == (later,)


MANY = [OwnDay(date(2026, 1, 1) + timedelta(days=n), "x") for n in range(MOST_DAYS + 1)]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (Content("Mars/Olympus", OFFICE_WEEK), "no such time zone"),
        (Content("UTC", ((),) * 7), "at least one day of the week"),
        (Content("UTC", OFFICE_WEEK, Observed("XX")), "No holidays are known"),
        (Content("UTC", OFFICE_WEEK, Observed("DE", "ATLANTIS")), "No holidays are known"),
        (Content("UTC", OFFICE_WEEK, Observed(), MANY), "at most 1000 days"),
        (Content("UTC", OFFICE_WEEK, Observed(), [OwnDay(date(1999, 1, 1))]), "years from 2000 to 2100"),
        (Content("UTC", OFFICE_WEEK, Observed(), [OwnDay(date(2101, 1, 1))]), "years from 2000 to 2100"),
        (Content("UTC", OFFICE_WEEK, Observed(), [OwnDay(EPIPHANY, "x" * 101)]), "at most 100 letters"),
        (Content("UTC", OFFICE_WEEK, Observed(), [OwnDay(EPIPHANY, "a\u202eb")]), "on one line"),
    ],
)  # fmt: skip
def test_what_no_calendar_can_be_is_refused(content: Content, said: str, admin: Person) -> None:
    with pytest.raises(CalendarInvalid, match=said):
        add("x", "X", content, admin)
    calendar = add("munich", "Munich", BAVARIA, admin)
    with pytest.raises(CalendarInvalid, match=said):
        change(calendar, lambda _now: content, admin)
    assert CalendarVersion.objects.count() == 1


# --- use and deleting -------------------------------------------------------------------------------------


def test_a_calendar_that_somebody_works_by_is_not_deleted(alice: Person, admin: Person) -> None:
    calendar = add("munich", "Munich", BAVARIA, admin)
    make_default(calendar, admin)
    Person.objects.filter(pk=alice.pk).update(calendar=calendar)
    with pytest.raises(InUse) as error:
        delete(calendar, admin)
    assert error.value.uses == uses_of(calendar) == Uses(is_default=True, people=1, processes=[])
    assert make_default(None, admin)
    with pytest.raises(InUse):
        delete(calendar, admin)
    Person.objects.update(calendar=None)
    assert not uses_of(calendar)
    delete(calendar, admin)
    assert not Calendar.objects.exists() and not CalendarVersion.objects.exists()


# --- the audit --------------------------------------------------------------------------------------------


def test_every_change_is_in_the_installations_audit(admin: Person) -> None:
    calendar = add("munich", "Munich", BAVARIA, admin)
    second = change(calendar, lambda now: with_days(now, [EVE]), admin, name="München")
    make_default(calendar, admin)
    assert not make_default(calendar, admin)
    make_default(None, admin)
    delete(calendar, admin)
    assert events() == [
        {"event": "calendar added", "calendar": "munich", "version": 1, "content": BAVARIA.digest, "name": "Munich"},
        {"event": "calendar renamed", "calendar": "munich", "name": "München"},
        {"event": "calendar changed", "calendar": "munich", "version": 2, "content": Content.of(second).digest},
        {"event": "default calendar chosen", "calendar": "munich"},
        {"event": "default calendar chosen", "calendar": None},
        {"event": "calendar deleted", "calendar": "munich"},
    ]  # fmt: skip
    assert {entry.who for entry in AuditEntry.objects.filter(request=None, what__isnull=False)} >= {
        f"person:{admin.pk}"
    }
    assert list(chain.verify()) == []


def test_the_name_of_an_own_day_is_not_in_the_audit(admin: Person) -> None:
    calendar = add("munich", "Munich", BAVARIA, admin)
    change(calendar, lambda now: with_days(now, [OwnDay(EPIPHANY, "Funeral of Mrs Meier")]), admin)
    assert "Meier" not in str(events())


def test_an_unknown_zone_of_a_version_breaks_nothing(admin: Person) -> None:
    add("munich", "Munich", BAVARIA, admin)
    CalendarVersion.objects.update(zone="Europe/Atlantis")
    version = version_of("munich")
    assert version is not None and hours(version).working_time.zone.key == "UTC"


def test_the_built_in_hours_are_those_of_a_zone() -> None:
    assert built_in("Europe/Berlin").working_time.opens(date(2026, 7, 1)) == berlin("2026-07-01T09:00")
