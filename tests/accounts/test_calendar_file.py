"""Own days out of a calendar file: what is taken over, what is left out, and what is refused, however hostile."""

import time
from contextlib import suppress
from datetime import date
from itertools import pairwise

import pytest

from placet.accounts.calendar_file import LARGEST, CalendarFileInvalid, FileDays, read_days

TODAY = date(2026, 11, 30)
DAY = "DTSTART;VALUE=DATE:20261224"


def event(*lines: str) -> str:
    return "\r\n".join(["BEGIN:VEVENT", *lines, "END:VEVENT"])


def file(*events: str) -> bytes:
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//x//EN", *events, "END:VCALENDAR", ""]
    return "\r\n".join(lines).encode()


def read(*lines: str) -> FileDays:
    """Of one event."""
    return read_days(file(event(*lines)), TODAY)


def days(found: FileDays) -> list[str]:
    return [one.day.isoformat() for one in found.days]


def refused(content: bytes) -> str:
    with pytest.raises(CalendarFileInvalid) as error:
        read_days(content, TODAY)
    return str(error.value)


# --- what is taken over -----------------------------------------------------------------------------------


def test_days_are_taken_over_with_their_names() -> None:
    (one,) = read(DAY, "SUMMARY:Christmas Eve\\, until noon", "TRANSP:TRANSPARENT").days
    assert (one.day, one.name, one.spans) == (date(2026, 12, 24), "Christmas Eve, until noon", ())


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ((DAY,), ["2026-12-24"]),
        ((DAY, "DTEND;VALUE=DATE:20261224"), ["2026-12-24"]),
        ((DAY, "DTEND;VALUE=DATE:20261227"), ["2026-12-24", "2026-12-25", "2026-12-26"]),
        ((DAY, "DURATION:P2D"), ["2026-12-24", "2026-12-25"]),
        ((DAY, "DURATION:PT30H"), ["2026-12-24", "2026-12-25"]),
        (("DTSTART:20261224",), ["2026-12-24"]),
        (("dtstart;value=date:20261224",), ["2026-12-24"]),
        (("DTSTART;TZID=Mars/Olympus:20261224T000000", "DTEND;TZID=Mars/Olympus:20261225T000000"), ["2026-12-24"]),
        ((DAY, "RRULE:FREQ=YEARLY;COUNT=2"), ["2026-12-24", "2027-12-24"]),
        ((DAY, "RRULE:FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=24;UNTIL=20271224T000000Z"), ["2026-12-24", "2027-12-24"]),
        ((DAY, "RRULE:FREQ=YEARLY;COUNT=3", "EXDATE;VALUE=DATE:20271224"), ["2026-12-24", "2028-12-24"]),
        (("DTSTART;VALUE=DATE:20280229", "RRULE:FREQ=YEARLY"), ["2028-02-29"]),
        (("DTSTART;VALUE=DATE:20240229", "RRULE:FREQ=YEARLY;COUNT=2"), ["2028-02-29"]),
        (("DTSTART;VALUE=DATE:20240229", "RRULE:FREQ=YEARLY;COUNT=1"), []),
        (("DTSTART;VALUE=DATE:20251224", "RRULE:FREQ=YEARLY;COUNT=2"), ["2026-12-24"]),
        ((DAY, "BEGIN:VALARM", "DTSTART;VALUE=DATE:20270101", "END:VALARM"), ["2026-12-24"]),
    ],
)  # fmt: skip
def test_days_of_an_event(lines: tuple[str, ...], found: list[str]) -> None:
    assert days(read(*lines)) == found


def test_an_event_without_an_end_is_taken_over_for_some_years() -> None:
    assert days(read("DTSTART;VALUE=DATE:16010101", "RRULE:FREQ=YEARLY;INTERVAL=1")) == [
        f"{year}-01-01" for year in range(2026, 2032)
    ]


def test_what_is_no_closed_day_is_left_out_and_counted() -> None:
    found = read_days(
        file(
            event(DAY),
            event("DTSTART:20261223T090000Z", "DTEND:20261223T100000Z", "RRULE:FREQ=SECONDLY"),
            event("DTSTART:20261223T000000"),
            event("DTSTART;VALUE=DATE:20261222", "STATUS:CANCELLED"),
            event("DTSTART;VALUE=DATE:20251224"),
        ),
        TODAY,
    )
    assert (days(found), found.timed, found.cancelled, found.past) == (["2026-12-24"], 2, 1, 1)


def test_a_day_is_there_once_and_names_are_tidied() -> None:
    found = read_days(
        file(event(DAY, f"SUMMARY:A\u202e\\n\x07 b {'x' * 200}"), event(DAY, "SUMMARY:B")), TODAY
    )
    (one,) = found.days
    assert one.name.startswith("A b x") and len(one.name) == 100


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_letters_are_read_in_whatever_encoding(encoding: str) -> None:
    content = file(event(DAY, "SUMMARY:Heiligabend für Übermütige")).decode().encode(encoding)
    assert read_days(content, TODAY).days[0].name == "Heiligabend für Übermütige"


def test_long_lines_are_put_together() -> None:
    folded = file(event(DAY, "SUMMARY:Christ", " mas")).replace(b"\r\n", b"\n")
    assert read_days(folded, TODAY).days[0].name == "Christmas"


def test_zones_of_a_file_are_not_looked_at() -> None:
    hostile = "\r\n".join(
        ["BEGIN:VTIMEZONE", "TZID:Evil", "BEGIN:STANDARD", "DTSTART:19700101T000000", "RRULE:FREQ=SECONDLY",
         "TZOFFSETFROM:+9999", "TZOFFSETTO:x", "END:STANDARD", "END:VTIMEZONE"]
    )  # fmt: skip
    assert days(read_days(file(hostile, event(DAY)), TODAY)) == ["2026-12-24"]


# --- what is refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (("SUMMARY:Without a day",), "“Without a day”: it has no day (DTSTART). Nothing was taken over."),
        ((), "“event without a name”: it has no day"),
        (("DTSTART;VALUE=DATE:20260230",), "“20260230” is no day"),
        (("DTSTART;VALUE=DATE:today",), "“today” is no day"),
        (("DTSTART;VALUE=DATE:2026-12-24",), "is no day"),
        (("DTSTART;VALUE=DATE:99991231",), "is no day"),
        (("DTSTART;VALUE=DATE:00000101",), "is no day"),
        ((DAY, DAY), "it says DTSTART twice"),
        ((DAY, "DTEND;VALUE=DATE:20261223"), "it ends before it begins"),
        ((DAY, "DTEND;VALUE=DATE:20991231"), "it lasts longer than a year"),
        ((DAY, "DURATION:P99999999999999D"), "is no time that it lasts"),
        ((DAY, "DURATION:P9999D"), "it lasts longer than a year"),
        ((DAY, "DURATION:-P1D"), "it ends before it begins"),
        ((DAY, "DURATION:long"), "is no time that it lasts"),
        ((DAY, "RRULE:FREQ=SECONDLY"), "it repeats, and not on the same day of each year"),
        ((DAY, "RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"), "it repeats"),
        ((DAY, "RRULE:FREQ=WEEKLY;BYDAY=FR"), "it repeats"),
        ((DAY, "RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=4TH"), "it repeats"),
        ((DAY, "RRULE:FREQ=YEARLY;BYMONTHDAY=25"), "it repeats"),
        ((DAY, "RRULE:FREQ=YEARLY;INTERVAL=2"), "it repeats"),
        ((DAY, "RRULE:FREQ=YEARLY;COUNT=99999999999999999"), "it repeats"),
        ((DAY, "RRULE:FREQ=YEARLY;COUNT=-1"), "it repeats"),
        ((DAY, "RRULE:FREQ=YEARLY;UNTIL=never"), "is no day"),
        ((DAY, "RRULE:FREQ=YEARLY", "EXDATE:never"), "is no day"),
        ((DAY, "RRULE:COUNT=2"), "it repeats"),
        ((DAY, "RRULE:="), "it repeats"),
        ((DAY, "RDATE;VALUE=DATE:20270101"), "it repeats"),
        ((DAY, "RECURRENCE-ID;VALUE=DATE:20261224"), "it repeats"),
        (("DTSTART;VALUE", "SUMMARY:x"), "cannot be read"),
        (("DTSTART;=:20261224",), "cannot be read"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_event_is_said(lines: tuple[str, ...], said: str) -> None:
    assert said in refused(file(event("SUMMARY:Before", "DTSTART;VALUE=DATE:20261201"), event(*lines)))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "This is no calendar file"),
        (b"Name,E-mail address\r\n", "This is no calendar file"),
        (b"PK\x03\x04\x00\x00", "This is no calendar file"),
        (b"\x81\x8d\x8f", "The letters of this file cannot be read"),
        (b"\xff\xfe\x00", "The letters of this file cannot be read"),
        (event(DAY).encode(), "This is no calendar file"),
        (b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n", "is not whole"),
        (b"END:VCALENDAR\r\n", "is not whole"),
        (b"BEGIN:VCALENDAR\r\nEND:VEVENT\r\n", "is not whole"),
        (b" " * (LARGEST + 1), "larger than 1 MB"),
    ],
)  # fmt: skip
def test_what_is_no_calendar_is_refused(content: bytes, said: str) -> None:
    assert said in refused(content)


def test_too_many_days_and_events_are_refused() -> None:
    each_year = [event(f"DTSTART;VALUE=DATE:2026{month:02}{day:02}", "RRULE:FREQ=YEARLY")
                 for month in range(1, 13) for day in range(1, 28)]  # fmt: skip
    assert "more than 1000 days" in refused(file(*each_year))
    assert "more than 5000 events" in refused(file(*[event("DTSTART:20261224T090000")] * 5001))


HOSTILE = {
    "deep": b"BEGIN:VCALENDAR\r\n" * 50_000,
    "deep and whole": b"BEGIN:A\r\n" * 40_000 + b"END:A\r\n" * 40_000,
    "one line": b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART" + b';X="' * 300_000,
    "folds": b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:2026" + b"\r\n " * 300_000,
    "line breaks": b"BEGIN:VCALENDAR" + b"\n" * 1_000_000,
    "white space": b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART" + b" " * 900_000 + b"x",
    "excluded": file(
        event(DAY, "RRULE:FREQ=YEARLY;COUNT=9999", "EXDATE:" + "20261224," * 100_000 + "20261224")
    ),
    "years": file(*[event("DTSTART;VALUE=DATE:00010101", "RRULE:FREQ=YEARLY;COUNT=9999")] * 5_000),
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_takes_no_long_time(content: bytes) -> None:
    began = time.process_time()
    with suppress(CalendarFileInvalid):
        read_days(content, TODAY)
    assert time.process_time() - began < 10


def test_any_end_of_a_file_is_an_error_in_words() -> None:
    whole = file(event(DAY, "DTEND;VALUE=DATE:20261227", "RRULE:FREQ=YEARLY;COUNT=2", "SUMMARY:x"))
    for start, end in pairwise(range(len(whole))):
        for content in (whole[:start], whole[:start] + whole[end:]):
            try:
                read_days(content, TODAY)
            except CalendarFileInvalid as error:
                assert str(error)
