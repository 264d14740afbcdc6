"""How many calls a key may make in a minute, in all processes together.

The count stands in the key's row. A process takes some calls ahead with one statement and gives them out by itself, so
that not every call is a write; what it does not give out in that minute is lost. Never more are made than the limit
says, but near to it some fewer may be.
"""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Case, F, PositiveIntegerField, Q, Value, When

from placet.api.models import Key
from placet.api.problems import Problem

MOST_CALLS = 600  # of a key in a minute
AHEAD = 20  # calls that a process takes at once
MINUTE = 60  # seconds


@dataclass
class _Taken:
    """What this process may still give out of a minute, and about how many are left besides."""

    minute: int
    ahead: int = 0
    left: int = MOST_CALLS


_taken: dict[int, _Taken] = {}  # by the id of the key
_lock = threading.Lock()


def count(key_id: int) -> Mapping[str, str]:
    """Count one call of a key. The headers that say how many are left; Problem if it is one too many."""
    now = time.time()
    minute, passed = divmod(int(now), MINUTE)
    with _lock:
        taken = _taken.get(key_id)
        if taken is None or taken.minute != minute:
            taken = _taken[key_id] = _Taken(minute)
        if taken.ahead == 0:
            taken.ahead = _take(key_id, minute)
            taken.left = _left(key_id, minute)
        allowed = taken.ahead > 0
        taken.ahead -= allowed
        left = taken.left + taken.ahead
    headers = _headers(left, MINUTE - passed)
    if not allowed:
        raise Problem("too-many", headers={**headers, "Retry-After": str(MINUTE - passed)})
    return headers


def _take(key_id: int, minute: int) -> int:
    """How many calls were taken ahead: 0 where none are left."""
    for number in (min(AHEAD, MOST_CALLS), 1):
        new, before = Q(minute__lt=minute), Q(minute=minute, calls__lte=MOST_CALLS - number)
        taken = Key.objects.filter(new | before, pk=key_id).update(
            calls=Case(
                When(minute=minute, then=F("calls") + number),
                default=Value(number),
                output_field=PositiveIntegerField(),
            ),
            minute=minute,
        )
        if taken:
            return number
    return 0


def _left(key_id: int, minute: int) -> int:
    calls = Key.objects.filter(pk=key_id, minute=minute).values_list("calls", flat=True).first()
    return max(0, MOST_CALLS - (calls or 0))


def _headers(left: int, seconds: int) -> dict[str, str]:
    return {
        "RateLimit-Policy": f'"calls";q={MOST_CALLS};w={MINUTE}',
        "RateLimit": f'"calls";r={left};t={seconds}',
    }


def forget() -> None:
    """What this process took ahead. For tests, in which other rows get the same ids."""
    with _lock:
        _taken.clear()
