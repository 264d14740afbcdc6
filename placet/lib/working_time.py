"""Working time: when people work, and what instant comes after so much of it.

An instant is working time if the clock on the wall says so: its local day is open, and its local time lies in one of
the day's spans. So an hour that the clock skips in spring is no working time, one that it shows twice in autumn is
twice as much, and spans may end at 24:00 and go on at 0:00. All is counted in UTC, piece by piece: in a piece the
offset of the zone is the same. Amounts are exact; days are those of the zone.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)
_LONGEST = 3660  # days that are looked through for working time: ten years
_FIRST_YEAR, _LAST_YEAR = 20, 9980  # in which one may begin to look: dates begin with 1 and end with 9999

Piece = tuple[datetime, datetime]


class NoWorkingTime(ValueError):
    """There is not so much working time within ten years."""


@dataclass(frozen=True, order=True)
class Span:
    """From a local time to another one of the same day, in minutes from midnight; 1440 is its end."""

    start: int
    end: int


@dataclass(frozen=True)
class WorkingTime:
    """The hours of one place. `week`: the spans of each day from Monday on, in their order, none over another.
    `differs`: those of a day that is not like its day of the week, () if it is closed; None for any other."""

    zone: ZoneInfo
    week: Sequence[Sequence[Span]]
    differs: Callable[[date], Sequence[Span] | None]

    def spans_of(self, day: date) -> Sequence[Span]:
        own = self.differs(day)
        return self.week[day.weekday()] if own is None else own

    # --- amounts ------------------------------------------------------------------------------------------

    def add(self, start: datetime, amount: timedelta) -> datetime:
        """The first instant by which so much working time has passed since `start`; that itself for none. Raises
        NoWorkingTime."""
        left = amount
        if left <= timedelta():
            return start
        for begin, end in self._from(start):
            if end - begin >= left:
                return begin + left
            left -= end - begin
        raise NoWorkingTime

    def subtract(self, end: datetime, amount: timedelta) -> datetime:
        """The last instant from which so much working time passes until `end`; that itself for none. Raises
        NoWorkingTime."""
        left = amount
        if left <= timedelta():
            return end
        for day in self._days(self.day_of(end), -1, here=True):
            for begin, piece_end in reversed(self._of_day(day)):
                until = min(piece_end, end)
                if until - begin >= left:
                    return until - left
                left -= max(until - begin, timedelta())
        raise NoWorkingTime

    def between(self, start: datetime, end: datetime) -> timedelta:
        """How much of it lies between two instants."""
        return sum((until - since for since, until in self.pieces(start, end)), timedelta())

    def pieces(self, start: datetime, end: datetime) -> Iterator[Piece]:
        """The working time between two instants, in order."""
        for piece_start, piece_end in self._from(start):
            if piece_start >= end:
                break
            yield piece_start, min(piece_end, end)

    def next_open(self, instant: datetime) -> datetime:
        """This instant, or the beginning of the next working time. Raises NoWorkingTime."""
        for begin, _end in self._from(instant):
            return begin
        raise NoWorkingTime

    # --- days ---------------------------------------------------------------------------------------------

    def day_of(self, instant: datetime) -> date:
        return instant.astimezone(self.zone).date()

    def working_day(self, day: date, count: int) -> date:
        """The `count`-th working day after a day, or before it if that is negative. 0: the day itself, or the last
        working day before it. Raises NoWorkingTime."""
        step = 1 if count > 0 else -1
        left = abs(count)
        for one in self._days(day, step, here=count == 0):
            if self._of_day(one):
                left -= 1
                if left <= 0:
                    return one
        raise NoWorkingTime

    def opens(self, day: date) -> datetime:
        """The beginning of the working time of a working day."""
        return self._of_day(day)[0][0]

    def closes(self, day: date) -> datetime:
        """The end of the working time of a working day."""
        return self._of_day(day)[-1][1]

    def _days(self, day: date, step: int, *, here: bool) -> Iterator[date]:
        if not _FIRST_YEAR <= day.year <= _LAST_YEAR:
            return
        for count in range(0 if here else 1, _LONGEST):
            yield day + count * step * _DAY

    # --- pieces -------------------------------------------------------------------------------------------

    def _from(self, start: datetime) -> Iterator[Piece]:
        """The working time from an instant on, in order."""
        start = start.astimezone(UTC)
        for day in self._days(start.date() - _DAY, 1, here=True):  # the local day may be the one before
            for piece_start, piece_end in self._of_day(day):
                if piece_end > start:
                    yield max(piece_start, start), piece_end

    def _of_day(self, day: date) -> Sequence[Piece]:
        """The working time of a local day, which lies in at most three days of UTC."""
        spans = self.spans_of(day)
        if not spans:
            return ()
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        return [
            piece
            for utc_day in (midnight - _DAY, midnight, midnight + _DAY)
            for since, until, offset in self._even(utc_day, utc_day + _DAY)
            for piece in _within(spans, midnight - offset, since, until)
        ]

    def _even(self, begin: datetime, end: datetime) -> Iterator[tuple[datetime, datetime, timedelta]]:
        """A day of UTC in parts in which the offset of the zone is the same: it changes once a day at most."""
        before, after = self._offset(begin), self._offset(end)
        if before == after:
            yield begin, end, before
            return
        low, high = (
            0,
            int((end - begin).total_seconds()),
        )  # the offset has changed at `high`, and not at `low`
        while high - low > 1:
            middle = (low + high) // 2
            changed = self._offset(begin + timedelta(seconds=middle)) != before
            low, high = (low, middle) if changed else (middle, high)
        change = begin + timedelta(seconds=high)
        yield begin, change, before
        if change < end:
            yield change, end, after

    def _offset(self, instant: datetime) -> timedelta:
        offset = instant.astimezone(self.zone).utcoffset()
        assert offset is not None
        return offset


def _within(spans: Sequence[Span], midnight: datetime, since: datetime, until: datetime) -> Iterator[Piece]:
    """What of a day's spans lies between two instants. `midnight`: the day's, by the offset that holds there."""
    for span in spans:
        begin = max(midnight + timedelta(minutes=span.start), since)
        end = min(midnight + timedelta(minutes=span.end), until)
        if begin < end:
            yield begin, end
