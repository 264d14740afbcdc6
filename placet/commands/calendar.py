"""`placet calendar`: when people work."""

import argparse
from datetime import date
from typing import TYPE_CHECKING

from placet.cli import CommandError
from placet.commands.start import say, set_up

if TYPE_CHECKING:
    from placet.accounts.calendars import Content


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_subparsers(dest="what", required=True, metavar="list|show")
    what.add_parser("list")
    show = what.add_parser("show", help="zone, hours, and the days of a year that differ")
    show.add_argument("key")
    show.add_argument("--version", type=int, help="an older one")
    show.add_argument("--year", type=int, help="another one than this")


def run(options: argparse.Namespace) -> int:
    set_up()
    return _list() if options.what == "list" else _show(options)


def _list() -> int:
    from placet.accounts.calendars import default_calendar, of_installation, version_of
    from placet.accounts.hours_text import week_in_words
    from placet.accounts.models import Calendar

    default = default_calendar()
    if default is None:
        hours = of_installation().working_time
        week = "; ".join(f"{days} {times}" for days, times in week_in_words(hours.week))
        say(f"built-in hours, for everybody who has no other: {week}; {hours.zone.key}")
    for calendar in Calendar.objects.all():
        version = version_of(calendar.key)
        assert version is not None
        where = "/".join(part for part in (version.country, version.subdivision) if part)
        parts = [f"{calendar.name}, version {version.number}", version.zone, *([where] if where else [])]
        say(
            f"{calendar.key}: {', '.join(parts)}{', for everybody who has no other' if calendar == default else ''}"
        )
    return 0


def _show(options: argparse.Namespace) -> int:
    from django.utils import timezone

    from placet.accounts.calendars import Content, version_of
    from placet.accounts.hours_text import week_in_words

    version = version_of(options.key, options.version)
    if version is None:
        which = "" if options.version is None else f" with a version {options.version}"
        raise CommandError(f"There is no calendar {options.key}{which}. See: placet calendar list")
    year = options.year if options.year is not None else timezone.localdate().year
    if not date.min.year <= year < date.max.year:
        raise CommandError(f"{year} is no year that there are days of.")
    content = Content.of(version)
    say(f"{version.calendar.name}, version {version.number}")
    say(f"zone: {version.zone}")
    for days, times in week_in_words(content.week):
        say(f"{days}: {times}")
    if version.country:
        where = "/".join(part for part in (version.country, version.subdivision) if part)
        say(f"holidays: {where}, {', '.join(version.categories)}")
    _say_days(content, year)
    return 0


def _say_days(content: "Content", year: int) -> None:
    from placet.accounts.calendars import special_days
    from placet.accounts.hours_text import write_spans

    say(f"days of {year} that differ:")
    for one in special_days(content, date(year, 1, 1), date(year, 12, 31), "en"):
        anyway = "" if one.changes else " anyway"
        say(f"{one.day:%a} {one.day} {write_spans(one.spans) or f'closed{anyway}'}: {one.name}")
