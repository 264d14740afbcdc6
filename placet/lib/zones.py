"""The time zone that somebody reads times in."""

import zoneinfo
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


@cache
def zone_names() -> tuple[str, ...]:
    """Every zone's name, such as Europe/Paris. Read once: they lie in hundreds of files."""
    return tuple(sorted(zoneinfo.available_timezones()))
