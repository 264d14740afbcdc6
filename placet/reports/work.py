"""Counting, as a kind of work. A row is a day, by its ordinal: today is counted again every few minutes, together with
how things stand; a day that is over once an hour until the last mail of it is surely read, and then no more."""

import time
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Min
from django.utils import timezone

from placet.accounts.general import organisation_zone
from placet.accounts.person_figures import are_person_figures_shown
from placet.approvals.models import Request
from placet.designer.models import DayTraits
from placet.lib.zones import day_bounds
from placet.reports import ended, standing
from placet.reports.models import CountedDay, DaySums, OpenSeats, Standing
from placet.reports.sums import Sums

DAYS_KEPT = 731
EVERY = timedelta(minutes=5)  # today
EVERY_BEFORE = timedelta(hours=1)  # a day that is over
SETTLED = timedelta(days=1)  # after its end: then all of it has come in
REST = 20  # times as long as counting took, it rests before it counts the same again

_DAY = timedelta(days=1)


def due(limit: int) -> list[int]:
    """Today first, then the newest days: pages show these."""
    first = Request.objects.aggregate(first=Min("created_at"))["first"]
    if first is None:
        return []
    zone, now = organisation_zone(), timezone.now()
    today = now.astimezone(zone).date()
    earliest = max(first.astimezone(zone).date(), today - timedelta(days=DAYS_KEPT - 1))
    counted = CountedDay.objects.in_bulk([today - n * _DAY for n in range((today - earliest).days + 1)])
    days = (day for day in _back(today, earliest) if _is_due(counted.get(day), day, today, zone, now))
    return [day.toordinal() for day, _n in zip(days, range(limit), strict=False)]


def _back(day: date, earliest: date) -> Iterator[date]:
    while day >= earliest:
        yield day
        day -= _DAY


def _is_due(counted: CountedDay | None, day: date, today: date, zone: ZoneInfo, now: datetime) -> bool:
    if counted is None or counted.zone != zone.key:
        return True
    if counted.is_final:
        return False
    rest = max(EVERY if day == today else EVERY_BEFORE, REST * timedelta(seconds=counted.took))
    # A clock that was set back must not leave it for long.
    return not timedelta() <= now - counted.counted_at < rest


def work(ordinal: int) -> bool:
    """Count one day anew."""
    zone, now, began = organisation_zone(), timezone.now(), time.perf_counter()
    day = date.fromordinal(ordinal)
    start, end = day_bounds(day, zone)
    sums = ended.sums_between(start, end)
    is_today = start <= now < end
    people = are_person_figures_shown()
    processes = standing.now_by_process(now, people=people) if is_today else {}
    with transaction.atomic():
        _keep(day, sums)
        if is_today:
            _keep_standing(processes, now)
        CountedDay.objects.update_or_create(
            day=day,
            defaults={
                "zone": zone.key,
                "counted_at": now,
                "took": time.perf_counter() - began,
                "is_final": now >= end + SETTLED,
            },
        )
    return True


def _keep(day: date, sums: Mapping[int, Sums]) -> None:
    names = ("started", "missed", "ended", "durations", "steps", "passes", "answers", "rules", "requests")
    rows = [
        DaySums(process_id=process, day=day, **{name: getattr(one, name) for name in names})
        for process, one in sums.items()
    ]
    DaySums.objects.filter(day=day).exclude(process__in=[*sums]).delete()
    DaySums.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["process", "day"], update_fields=[*names]
    )
    ended_by_process = {process: one for process, one in sums.items() if one.traits}
    DayTraits.objects.filter(day=day).exclude(process__in=[*ended_by_process]).delete()
    DayTraits.objects.bulk_create(
        [
            DayTraits(process_id=process, day=day, traits=one.traits, times=one.times)
            for process, one in ended_by_process.items()
        ],
        update_conflicts=True,
        unique_fields=["process", "day"],
        update_fields=["traits", "times"],
    )


def _keep_standing(processes: Mapping[int, standing.ProcessNow], now: datetime) -> None:
    Standing.objects.exclude(process__in=[*processes]).delete()
    Standing.objects.bulk_create(
        [
            Standing(process_id=key, taken_at=now, requests=one.requests, ages=one.ages, steps=one.steps)
            for key, one in processes.items()
        ],
        update_conflicts=True,
        unique_fields=["process"],
        update_fields=["taken_at", "requests", "ages", "steps"],
    )
    OpenSeats.objects.all().delete()
    OpenSeats.objects.bulk_create(
        [
            OpenSeats(
                process_id=key, person_id=person, seats=seats.seats, late=seats.late, paused=seats.paused,
                oldest=seats.oldest, requests=len(seats.requests), late_requests=len(seats.late_requests),
                paused_requests=len(seats.paused_requests),
            )
            for key, one in processes.items()
            for person, seats in one.people.items()
        ],
        batch_size=1000,
    )  # fmt: skip
