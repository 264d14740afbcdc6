"""Working time between very many pairs of instants: its pieces are laid out once, and each amount is the difference of
two places among them."""

from bisect import bisect_right
from datetime import datetime, timedelta
from itertools import accumulate

from placet.lib.working_time import WorkingTime

_MARGIN = timedelta(days=30)


class WorkedTime:
    """As `WorkingTime.between`, for instants that lie near each other."""

    def __init__(self, working_time: WorkingTime) -> None:
        self._working_time = working_time
        self._first: datetime | None = None
        self._last: datetime | None = None
        self._starts: list[datetime] = []
        self._lengths: list[timedelta] = []
        self._before: list[timedelta] = [timedelta()]  # the sum of all pieces before one

    def between(self, start: datetime, end: datetime) -> timedelta:
        """Nothing where `end` comes first."""
        if end <= start:
            return timedelta()
        self._lay_out(start, end)
        return self._until(end) - self._until(start)

    def _lay_out(self, start: datetime, end: datetime) -> None:
        if self._first is not None and self._last is not None and self._first <= start and end <= self._last:
            return
        self._first = min(start - _MARGIN, self._first or start)
        self._last = max(end + _MARGIN, self._last or end)
        pieces = list(self._working_time.pieces(self._first, self._last))
        self._starts = [since for since, _until in pieces]
        self._lengths = [until - since for since, until in pieces]
        self._before = [timedelta(), *accumulate(self._lengths)]

    def _until(self, instant: datetime) -> timedelta:
        at = bisect_right(self._starts, instant) - 1
        if at < 0:
            return timedelta()
        return self._before[at] + min(instant - self._starts[at], self._lengths[at])
