"""Working time against an oracle that looks at the clock on the wall of every minute, and for holidays into the library
`holidays` by itself."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import holidays
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from placet.accounts.calendars import Content, OwnDay
from placet.lib.public_holidays import Observed
from placet.lib.working_time import NoWorkingTime, Span, WorkingTime
from tests.rotation import whole

MINUTE = timedelta(minutes=1)
LONGEST = 4 * 1440  # minutes that the oracle looks at
OFFICE = (Span(9 * 60, 12 * 60), Span(13 * 60, 17 * 60))
#: With the local days about which the clock was changed: by an hour, by half of one, at midnight, by a whole day.
CHANGES = {
    "Europe/Berlin": (date(2026, 3, 29), date(2026, 10, 25)),
    "America/New_York": (date(2026, 3, 8), date(2026, 11, 1)),
    "Australia/Lord_Howe": (date(2026, 4, 5), date(2026, 10, 4)),
    "Asia/Beirut": (date(2024, 3, 31), date(2024, 10, 27)),
    "America/Santiago": (date(2025, 4, 6), date(2025, 9, 7)),
    "Africa/Casablanca": (date(2025, 2, 23), date(2025, 4, 6)),
    "Pacific/Apia": (date(2011, 12, 30),),
    "Asia/Kathmandu": (date(2026, 6, 1),),
    "UTC": (date(2026, 1, 1),),
}
#: Country, part of it, categories: with days that follow Easter or the moon, that move off a week-end, that only a part
#: or a category has.
OBSERVED = (
    ("DE", "BY", ("public", "catholic")),
    ("US", "", ()),
    ("AU", "NSW", ()),
    ("LB", "", ()),
    ("CL", "", ()),
    ("MA", "", ()),
    ("WS", "", ()),
    ("NP", "", ()),
    ("GB", "SCT", ()),
    ("JP", "", ()),
    ("", "", ()),
)


def at(zone: str, text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def office(zone: str = "Europe/Berlin", **days: tuple[Span, ...]) -> WorkingTime:
    own = {date.fromisoformat(day.replace("_", "-")[1:]): spans for day, spans in days.items()}
    return WorkingTime(ZoneInfo(zone), (*([OFFICE] * 5), (), ()), own.get)


@st.composite
def spans(draw: st.DrawFn) -> tuple[Span, ...]:
    ends = sorted(draw(st.sets(st.integers(0, 1440), max_size=6)))
    return tuple(Span(start, end) for start, end in zip(ends[::2], ends[1::2], strict=False))


@dataclass(frozen=True)
class Wall:
    """What hangs beside the clock on the wall: by this the oracle knows whether a minute is working time."""

    week: Sequence[Sequence[Span]]
    days: Mapping[date, Sequence[Span]]  # the calendar's own
    holidays: frozenset[date]

    def spans_of(self, day: date) -> Sequence[Span]:
        if day in self.days:
            return self.days[day]
        return () if day in self.holidays else self.week[day.weekday()]


@dataclass(frozen=True)
class Example:
    hours: WorkingTime
    wall: Wall
    start: datetime


@cache
def holidays_of(country: str, part: str, categories: tuple[str, ...], year: int) -> frozenset[date]:
    """Those of the year, of the one before and of the one after."""
    if not country:
        return frozenset()
    years = range(year - 1, year + 2)
    kinds = categories or ("public",)
    return frozenset(holidays.country_holidays(country, subdiv=part or None, years=years, categories=kinds))


@st.composite
def worlds(draw: st.DrawFn) -> Example:
    """A calendar, and an instant within two days of a change of the clock, or of a holiday about that time."""
    zone = draw(st.sampled_from(sorted(CHANGES)))
    day = draw(st.sampled_from(CHANGES[zone]))
    observed = draw(st.sampled_from(OBSERVED))
    closed = holidays_of(*observed, day.year)
    near_by = sorted(one for one in closed if abs(one - day) < timedelta(days=60))
    on_holidays = draw(st.booleans())
    if near_by and on_holidays:
        day = draw(st.sampled_from(near_by))
    week = draw(st.lists(spans(), min_size=7, max_size=7))
    near = [day + timedelta(days=by) for by in range(-4, 8)]
    days = {one: draw(spans()) for one in near if draw(st.booleans())}
    own = tuple(OwnDay(one, spans=its) for one, its in days.items())
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return Example(
        Content(zone, week, Observed(*observed), own).working_time,
        Wall(week, days, closed),
        midnight + draw(st.integers(-2880, 2880)) * MINUTE,
    )


def minutes(example: Example) -> Iterator[tuple[datetime, date]]:
    """The beginning of each working minute from the instant on, with its local day."""
    for count in range(LONGEST):
        instant = example.start + count * MINUTE
        local = instant.astimezone(example.hours.zone)
        minute = local.hour * 60 + local.minute
        if any(span.start <= minute < span.end for span in example.wall.spans_of(local.date())):
            yield instant, local.date()


FEATURES = ("closed by a holiday", "own day on a holiday", "many own days", "change of the clock")
MANY = 1000  # examples, of which each of these is met


def features(example: Example) -> Iterator[str]:
    """What the minutes that the oracle looks at meet."""
    wall, zone = example.wall, example.hours.zone
    first = example.start.astimezone(zone).date()
    seen = {first + timedelta(days=by) for by in range(LONGEST // 1440)}
    for day in seen & wall.holidays:
        if day in wall.days:
            yield "own day on a holiday"
        elif wall.week[day.weekday()]:
            yield "closed by a holiday"
    if len(wall.days) > 4:
        yield "many own days"
    if (
        example.start.astimezone(zone).utcoffset()
        != (example.start + LONGEST * MINUTE).astimezone(zone).utcoffset()
    ):
        yield "change of the clock"


@pytest.fixture(scope="module")
def examples(request: pytest.FixtureRequest) -> int:
    return 10_000 if whole(request.config) else 100


@pytest.mark.timeout(1800)
def test_every_minute_of_the_clock_on_the_wall_says_the_same(examples: int) -> None:
    met: Counter[str] = Counter()

    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(worlds(), st.integers(1, 3000))
    def check(example: Example, amount: int) -> None:
        hours, start = example.hours, example.start
        met.update({*features(example)})
        working = list(minutes(example))
        end = start + LONGEST * MINUTE
        assert hours.between(start, end) == len(working) * MINUTE
        if len(working) >= amount:
            assert hours.add(start, amount * MINUTE) == working[amount - 1][0] + MINUTE
        if not working:
            return
        assert hours.next_open(start) == working[0][0]
        if len(working) >= amount:
            back = [instant + MINUTE for instant, _day in working][-1]
            assert hours.subtract(back, amount * MINUTE) == working[-amount][0]
        local = list(dict.fromkeys(day for _instant, day in working))
        seen = local[1:-1]  # to their beginning and to their end
        for at, day in enumerate(seen):
            instants = [instant for instant, its in working if its == day]
            assert (hours.opens(day), hours.closes(day)) == (instants[0], instants[-1] + MINUTE)
            assert hours.working_day(day, 0) == day
            assert all(hours.working_day(day, by) == seen[at + by] for by in range(1, len(seen) - at))
            assert all(hours.working_day(day, -by) == seen[at - by] for by in range(1, at + 1))

    check()
    if examples >= MANY:  # a hundred are left to chance
        assert all(met[kind] >= examples // 50 for kind in FEATURES), f"They prove nothing of it: {met}"


@pytest.mark.parametrize(
    ("start", "hours", "end"),
    [
        ("2026-11-30T09:00", 0, "2026-11-30T09:00"),
        ("2026-11-28T11:00", 0, "2026-11-28T11:00"),
        ("2026-11-30T11:00", 2, "2026-11-30T14:00"),
        ("2026-11-30T11:00", 1, "2026-11-30T12:00"),
        ("2026-11-27T16:00", 8, "2026-11-30T17:00"),
        ("2026-11-30T18:05", 7, "2026-12-01T17:00"),
    ],
)
def test_hours_go_on_in_the_next_span(start: str, hours: int, end: str) -> None:
    due = office().add(at("Europe/Berlin", start), timedelta(hours=hours))
    assert due == at("Europe/Berlin", end)


@pytest.mark.parametrize(
    ("day", "count", "working"),
    [
        ("2026-11-30", 0, "2026-11-30"),
        ("2026-11-29", 0, "2026-11-27"),
        ("2026-11-30", 1, "2026-12-01"),
        ("2026-11-27", 1, "2026-11-30"),
        ("2026-11-28", 2, "2026-12-01"),
        ("2026-11-30", -1, "2026-11-27"),
        ("2026-11-29", -2, "2026-11-26"),
    ],
)
def test_days_are_counted_without_those_that_are_closed(day: str, count: int, working: str) -> None:
    assert office().working_day(date.fromisoformat(day), count) == date.fromisoformat(working)


def test_a_day_of_its_own_is_closed_or_has_other_hours() -> None:
    hours = office(_2026_12_24=(Span(540, 720),), _2026_12_25=(), _2026_12_26=OFFICE)
    assert hours.closes(date(2026, 12, 24)) == at("Europe/Berlin", "2026-12-24T12:00")
    assert hours.working_day(date(2026, 12, 24), 1) == date(2026, 12, 26)
    assert hours.between(
        at("Europe/Berlin", "2026-12-24T00:00"), at("Europe/Berlin", "2026-12-27T00:00")
    ) == timedelta(hours=10)


def test_a_week_without_hours_has_none() -> None:
    never = WorkingTime(ZoneInfo("UTC"), ((),) * 7, lambda _day: None)
    instant = datetime(2026, 11, 30, tzinfo=UTC)
    assert never.add(instant, timedelta()) == instant
    assert never.between(instant, instant + timedelta(days=9)) == timedelta()
    attempts: tuple[Callable[[], object], ...] = (
        lambda: never.add(instant, MINUTE),
        lambda: never.subtract(instant, MINUTE),
        lambda: never.next_open(instant),
        lambda: never.working_day(instant.date(), 0),
        lambda: never.working_day(instant.date(), 1),
    )
    for looks in attempts:
        with pytest.raises(NoWorkingTime):
            looks()


def test_the_end_of_the_calendar_is_no_error_of_its_own() -> None:
    with pytest.raises(NoWorkingTime):
        office().add(datetime(9999, 12, 30, tzinfo=UTC), timedelta(days=40))
    with pytest.raises(NoWorkingTime):
        office().add(datetime(9980, 12, 30, tzinfo=UTC), timedelta(days=4000))
