"""The time zone that somebody reads times in."""

import zoneinfo
from datetime import UTC, date, datetime, timedelta
from functools import cache

from django.conf import settings


def zone_of(name: str) -> zoneinfo.ZoneInfo:
    """The zone of that name, or the installation's own where the name is empty or (after an update) unknown."""
    try:
        return zoneinfo.ZoneInfo(name or settings.TIME_ZONE)
    except (
        zoneinfo.ZoneInfoNotFoundError,
        ValueError,
        OSError,
    ):  # OSError: the name of a folder, as "Europe"
        return zoneinfo.ZoneInfo(settings.TIME_ZONE)


def day_bounds(day: date, zone: zoneinfo.ZoneInfo) -> tuple[datetime, datetime]:
    """When a day begins and ends, in UTC."""
    begins, ends = (
        datetime(one.year, one.month, one.day, tzinfo=zone) for one in (day, day + timedelta(days=1))
    )
    return begins.astimezone(UTC), ends.astimezone(UTC)


@cache
def zone_names() -> tuple[str, ...]:
    """Every zone's name, such as Europe/Paris. Read once: they lie in hundreds of files."""
    return tuple(sorted(zoneinfo.available_timezones()))
