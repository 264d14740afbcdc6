"""Amounts of time as reports count and show them.

They are counted in minutes, rounded as they are shown: to the minute below two hours, to ten minutes below two days, to
the hour above. Rounding keeps the order, so a percentile of rounded amounts is the rounded percentile: what is kept of
very many requests is small, and what is shown of it is exact.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from math import ceil

from django.utils.translation import gettext as _

from placet.designer.lengths import DAY, HOUR

_TWO_HOURS, _TWO_DAYS = 2 * HOUR, 2 * DAY

#: Minutes → how many took so long.
Amounts = Mapping[str, int]


def rounded(amount: timedelta) -> int:
    """In minutes; half of a unit counts as a whole one."""
    minutes = max(amount.total_seconds(), 0) / 60
    unit = 1 if minutes < _TWO_HOURS else 10 if minutes < _TWO_DAYS else HOUR
    return int(minutes / unit + 0.5) * unit


def percentile(amounts: Amounts, percent: int) -> int | None:
    """The least amount, in minutes, that so many per cent of all do not exceed (nearest rank). None without any."""
    all_of_them = sum(amounts.values())
    rank = ceil(all_of_them * percent / 100)
    passed = 0
    for minutes, count in sorted((int(key), count) for key, count in amounts.items()):
        passed += count
        if passed >= rank > 0:
            return minutes
    return None


def joined(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """The sums of several."""
    whole: dict[str, int] = {}
    for part in parts:
        for key, count in part.items():
            whole[key] = whole.get(key, 0) + count
    return whole


def share(part: int, whole: int) -> int | None:
    """In per cent; None of nothing."""
    return round(100 * part / whole) if whole else None


def percent(value: int | None) -> str:
    return "–" if value is None else _("{n} %").format(n=value)
