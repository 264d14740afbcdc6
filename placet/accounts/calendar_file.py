"""Own days of a calendar out of a file of another one (iCalendar, RFC 5545).

Only events of whole days count. The library splits and reads the lines; what a file says of time zones is not looked
at, and of events that repeat only those of each year on the same day are reckoned out, some years ahead: whoever wrote
the file may have written a rule without end.
"""

import re
from calendar import leapdays
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from django.utils.translation import gettext as _

from placet.accounts.calendar_changes import LONGEST_DAY_NAME, MOST_DAYS
from placet.accounts.calendars import OwnDay

LARGEST = 1024 * 1024  # bytes of a file
MOST_EVENTS = 5_000
YEARS_AHEAD = 5  # that events of each year are taken over for
LONGEST_EVENT = 366  # days
_LONGEST_SHOWN = 60  # characters of a name in a sentence about it
_SINGLE = frozenset({"SUMMARY", "STATUS", "DTSTART", "DTEND", "DURATION", "RRULE"})
_SEVERAL = frozenset({"EXDATE", "RDATE", "RECURRENCE-ID"})
_NAME = re.compile(r"[A-Za-z0-9-]+(?=[ \t]*[:;])")
_TIMED = re.compile(r"[0-9]{8}[Tt]")
_DAY = re.compile(r"([0-9]{8})(?:T000000)?")  # midnight of some clock is the beginning of a day, too


class CalendarFileInvalid(ValueError):
    """Nothing of a file is taken over; the message says why, and what to do."""


@dataclass(frozen=True)
class FileDays:
    """The days of a file, and what of it is none."""

    days: Sequence[OwnDay]
    timed: int  # events that begin or end within a day
    cancelled: int
    past: int  # days of earlier years


@dataclass
class _Event:
    name: str = ""
    values: dict[str, list[str]] = field(default_factory=dict)

    def value(self, name: str) -> str:
        return self.values.get(name, [""])[0]

    @property
    def called(self) -> str:
        name = self.name or _("event without a name")
        return name if len(name) <= _LONGEST_SHOWN else f"{name[:_LONGEST_SHOWN]}…"


def read_days(content: bytes, today: date) -> FileDays:
    """CalendarFileInvalid."""
    if len(content) > LARGEST:
        raise CalendarFileInvalid(
            _("This file is larger than 1 MB. Export fewer years, or another calendar.")
        )
    closed: dict[date, OwnDay] = {}
    timed = cancelled = past = 0
    for event in _events(_lines(_decoded(content))):
        if event.value("STATUS").upper() == "CANCELLED":
            cancelled += 1
            continue
        if not _is_of_whole_days(event):
            timed += 1
            continue
        for day in _days(event, today):
            if day.year < today.year:
                past += 1
            else:
                closed.setdefault(day, OwnDay(day, event.name[:LONGEST_DAY_NAME].rstrip()))
        if len(closed) > MOST_DAYS:
            raise CalendarFileInvalid(
                _("There are more than {most} days in this file. Export fewer years.").format(most=MOST_DAYS)
            )
    return FileDays([closed[day] for day in sorted(closed)], timed, cancelled, past)


# --- lines ------------------------------------------------------------------------------------------------


def _decoded(content: bytes) -> str:
    has_mark = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if has_mark else ("utf-8-sig", "cp1252"):  # as programs on Windows write
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise CalendarFileInvalid(_("The letters of this file cannot be read. Export it as UTF-8."))


def _lines(text: str) -> Sequence[str]:
    from icalendar.parser import Contentlines  # a tenth of a second

    return list(map(str, Contentlines.from_ical(text)))  # type: ignore[no-untyped-call]  # icalendar has few types


def _events(lines: Sequence[str]) -> Iterator[_Event]:
    """Those of a calendar, without what stands in their alarms."""
    parts: list[str] = []  # that the line stands in, from outside
    event = _Event()
    seen = calendars = 0
    for line in lines:
        name, _colon, value = (piece.strip().upper() for piece in line[:40].partition(":"))
        if name == "BEGIN":
            parts.append(value)
            calendars += parts == ["VCALENDAR"]
            if _is_event(parts):
                event, seen = _Event(), seen + 1
                _check_number(seen)
        elif name == "END":
            if not parts or parts[-1] != value:
                raise _not_whole()
            if _is_event(parts):
                yield event
            parts.pop()
        elif _is_event(parts):
            _take(event, line)
    if parts:
        raise _not_whole()
    if not calendars:
        raise CalendarFileInvalid(
            _("This is no calendar file. Export the calendar as iCalendar (.ics) and choose that file.")
        )


def _is_event(parts: Sequence[str]) -> bool:
    return len(parts) == 2 and parts[0] == "VCALENDAR" and parts[1] == "VEVENT"


def _check_number(seen: int) -> None:
    if seen > MOST_EVENTS:
        raise CalendarFileInvalid(
            _("There are more than {most} events in this file. Export fewer years.").format(most=MOST_EVENTS)
        )


def _not_whole() -> CalendarFileInvalid:
    return CalendarFileInvalid(
        _(
            "This calendar file is not whole: something in it begins or ends and does not fit. Export it once more."
        )
    )


def _take(event: _Event, line: str) -> None:
    """What matters of an event."""
    match = _NAME.match(line)
    name = match[0].upper() if match else ""
    if name not in _SINGLE | _SEVERAL:
        return
    if name in _SINGLE and name in event.values:
        raise _wrong(event, _("it says {what} twice").format(what=name))
    value = _value(line)
    if name == "SUMMARY":
        event.name = _on_one_line(value)
    event.values.setdefault(name, []).append(value.strip())


def _value(line: str) -> str:
    from icalendar.parser import Contentline

    try:
        _name, _parameters, value = Contentline(line).parts()  # type: ignore[no-untyped-call]  # as above
    except ValueError as error:
        raise CalendarFileInvalid(
            _("A line of this file cannot be read: {line}").format(line=_on_one_line(line[:_LONGEST_SHOWN]))
        ) from error
    return value


def _on_one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


# --- days -------------------------------------------------------------------------------------------------


def _is_of_whole_days(event: _Event) -> bool:
    if not event.value("DTSTART"):
        raise _wrong(event, _("it has no day (DTSTART)"))
    if not _TIMED.match(event.value("DTSTART")):
        return True  # whether it is a day is seen when it is read
    return all(_DAY.fullmatch(event.value(name)) for name in ("DTSTART", "DTEND"))


def _days(event: _Event, today: date) -> Iterator[date]:
    first = _day(event, event.value("DTSTART"))
    length = _length(event, first)
    for start in _starts(event, first, today):
        for count in range(length):
            yield start + timedelta(days=count)


def _day(event: _Event, text: str) -> date:
    from icalendar import vDate

    match = _DAY.fullmatch(text)
    try:
        if match is None:
            raise ValueError
        day: date = vDate.from_ical(match[1])  # type: ignore[no-untyped-call]  # as above
    except ValueError as error:
        problem = _("“{text}” is no day").format(text=_on_one_line(text)[:_LONGEST_SHOWN])
        raise _wrong(event, problem) from error
    if day.year > 9900:
        raise _wrong(event, _("“{text}” is no day").format(text=text))
    return day


def _length(event: _Event, first: date) -> int:
    if event.value("DTEND"):
        length = (_day(event, event.value("DTEND")) - first).days  # the first day after it
        if length < 0:
            raise _wrong(event, _("it ends before it begins"))
    elif event.value("DURATION"):
        length = _whole_days(event)
    else:
        length = 1
    if length > LONGEST_EVENT:
        raise _wrong(event, _("it lasts longer than a year"))
    return max(length, 1)  # some programs write a day that ends on itself


def _whole_days(event: _Event) -> int:
    from icalendar import vDuration

    text = event.value("DURATION")
    try:
        lasting: timedelta = vDuration.from_ical(text)  # type: ignore[no-untyped-call]  # as above
    except (ValueError, OverflowError) as error:
        problem = _("“{text}” is no time that it lasts").format(text=_on_one_line(text)[:_LONGEST_SHOWN])
        raise _wrong(event, problem) from error
    if lasting < timedelta():
        raise _wrong(event, _("it ends before it begins"))
    return -(-lasting // timedelta(days=1))


# --- events of each year ----------------------------------------------------------------------------------


def _starts(event: _Event, first: date, today: date) -> Iterator[date]:
    if "RDATE" in event.values or "RECURRENCE-ID" in event.values:
        raise _repeats(event)
    rule = event.value("RRULE")
    if not rule:
        yield first
        return
    parts = _rule(event, rule, first)
    left_out = {_day(event, text[:8]) for line in event.values.get("EXDATE", ()) for text in line.split(",")}
    until = _day(event, parts["UNTIL"][:8]) if "UNTIL" in parts else date.max
    number = int(parts.get("COUNT", 0))
    start = max(first.year, today.year)
    seen = _times_before(first, start)
    for year in range(start, today.year + YEARS_AHEAD + 1):
        day = _same_day(first, year)
        if day is None:
            continue
        seen += 1
        if day > until or (number and seen > number):
            return
        if day not in left_out:
            yield day


def _times_before(first: date, year: int) -> int:
    """How many there were before a year."""
    is_leap_day = (first.month, first.day) == (2, 29)
    return leapdays(first.year, year) if is_leap_day else year - first.year


def _same_day(first: date, year: int) -> date | None:
    """None of a 29 February that this year does not have."""
    try:
        return first.replace(year=year)
    except ValueError:
        return None


def _rule(event: _Event, rule: str, first: date) -> Mapping[str, str]:
    """Of an event that is on the same day of each year."""
    pairs = [part.partition("=") for part in rule.upper().split(";") if part]
    parts = {name.strip(): value.strip() for name, _sign, value in pairs}
    same = {"FREQ": "YEARLY", "INTERVAL": "1", "BYMONTH": str(first.month), "BYMONTHDAY": str(first.day)}
    for name, value in parts.items():
        if name in ("WKST", "UNTIL") or (name == "COUNT" and re.fullmatch("[1-9][0-9]{0,3}", value)):
            continue
        if name not in same or value.lstrip("0") != same[name]:
            raise _repeats(event)
    if parts.get("FREQ") != "YEARLY":
        raise _repeats(event)
    return parts


def _repeats(event: _Event) -> CalendarFileInvalid:
    return _wrong(
        event,
        _(
            "it repeats, and not on the same day of each year. Take it out of the file, and enter its days one by one, "
            "or other hours of the week"
        ),
    )


def _wrong(event: _Event, problem: str) -> CalendarFileInvalid:
    return CalendarFileInvalid(
        _("“{event}”: {what}. Nothing was taken over.").format(event=event.called, what=problem)
    )
