"""`placet calendar`."""

from datetime import date

import pytest

from placet.accounts.calendar_changes import add, change, make_default, with_days
from placet.accounts.calendars import OFFICE_WEEK, Content, OwnDay
from placet.accounts.models import Person
from placet.lib.public_holidays import Observed
from placet.lib.working_time import Span
from tests.commands.conftest import Run


def test_calendars_are_listed(placet: Run, admin: Person) -> None:
    week = "Monday – Friday 9:00–17:00; Saturday – Sunday closed"
    built_in = f"built-in hours, for everybody who has no other: {week}; UTC\n"
    assert placet("calendar", "list").out == built_in
    munich = add("munich", "Munich", Content("Europe/Berlin", OFFICE_WEEK, Observed("DE", "BY")), admin)
    add("tokyo", "Tokyo", Content("Asia/Tokyo", OFFICE_WEEK), admin)
    assert placet("calendar", "list").out == (
        f"{built_in}munich: Munich, version 1, Europe/Berlin, DE/BY\ntokyo: Tokyo, version 1, Asia/Tokyo\n"
    )
    make_default(munich, admin)
    assert placet("calendar", "list").out.splitlines()[0].endswith("DE/BY, for everybody who has no other")


def test_one_is_shown_with_what_differs_in_a_year(placet: Run, admin: Person) -> None:
    munich = add(
        "munich", "Munich", Content("Europe/Berlin", OFFICE_WEEK, Observed("DE", "BY", ("public",))), admin
    )
    eve = OwnDay(date(2027, 12, 24), "Christmas Eve", (Span(540, 720),))
    change(munich, lambda now: with_days(now, [eve]), admin)
    shown = placet("calendar", "show", "munich", "--year", "2027").out.splitlines()
    assert shown[:6] == [
        "Munich, version 2", "zone: Europe/Berlin", "Monday – Friday: 9:00–17:00", "Saturday – Sunday: closed",
        "holidays: DE/BY, public", "days of 2027 that differ:",
    ]  # fmt: skip
    assert "Fri 2027-12-24 9:00–12:00: Christmas Eve" in shown
    assert "Sat 2027-12-25 closed anyway: Christmas Day" in shown
    assert "Fri 2027-01-01 closed: New Year's Day" in shown
    older = placet("calendar", "show", "munich", "--year", "2027", "--version", "1").out
    assert older.startswith("Munich, version 1\n") and "Christmas Eve" not in older


@pytest.mark.parametrize(
    ("words", "said"),
    [(["berlin"], "There is no calendar berlin. See: placet calendar list\n"),
     (["munich", "--version", "7"], "There is no calendar munich with a version 7. See: placet calendar list\n"),
     (["munich", "--year", "0"], "0 is no year that there are days of.\n"),
     (["munich", "--year", "99999"], "99999 is no year that there are days of.\n")],
)  # fmt: skip
def test_what_is_not_there_is_said(words: list[str], said: str, placet: Run, admin: Person) -> None:
    add("munich", "Munich", Content("Europe/Berlin", OFFICE_WEEK), admin)
    shown = placet("calendar", "show", *words)
    assert (shown.code, shown.error) == (1, said)
