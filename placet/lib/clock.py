"""What time it is, for everything that a request, its deadlines and its mails reckon with.

    now(), today()                 as the machine's clock says
    with standing_at(moment): ...  inside, the time is that moment, in this thread alone

A process is tried (`placet.designer.trying`) in a time of its own: next Monday, or when the next deadline is. What
reads any other clock would be there at another time than the request that it is about; `tests/lib/test_clock.py` holds
that nobody on that path does.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime

from django.utils import timezone

_standing: ContextVar[datetime | None] = ContextVar("standing", default=None)


def now() -> datetime:
    """With its zone, in UTC."""
    return _standing.get() or timezone.now()


def today() -> date:
    """In the zone that is in force in this thread."""
    return timezone.localtime(now()).date()


@contextmanager
def standing_at(moment: datetime) -> Iterator[None]:
    """Inside, it is this moment. A moment without a zone is a ValueError."""
    if timezone.is_naive(moment):
        raise ValueError("A moment has a zone.")
    before = _standing.set(moment)
    try:
        yield
    finally:
        _standing.reset(before)
