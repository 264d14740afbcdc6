"""Hours of a day as people write and read them: 9:00–12:00, 13:00–17:00."""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _

from placet.lib.working_time import Span

DAY = 24 * 60  # minutes
LONGEST_HOURS = 200  # characters of one day
MOST_SPANS = 12  # of one day
_TIME = r"([0-9]{1,2})\s*(?:[:.hH]\s*([0-9]{2})?)?"
_SPAN = re.compile(rf"{_TIME}\s*[-‐‑‒–—−]\s*{_TIME}")
_LONGEST_SHOWN = 40  # characters of what is wrong


class HoursInvalid(ValueError):
    """What somebody wrote is no time of a day; the message says what to write."""


def read_spans(text: str) -> tuple[Span, ...]:
    """The hours of a day, in their order; () for one without. HoursInvalid."""
    if len(text) > LONGEST_HOURS:
        raise HoursInvalid(_("At most {longest} characters, please.").format(longest=LONGEST_HOURS))
    parts = [part.strip() for part in re.split("[,;]", text)]
    if not any(parts):
        return ()
    if len(parts) > MOST_SPANS:
        raise HoursInvalid(_("A day has at most {most} times to work.").format(most=MOST_SPANS))
    spans = sorted(_span(part) for part in parts)
    for before, after in pairwise(spans):
        if after.start < before.end:
            raise HoursInvalid(
                _("{first} and {second} overlap.").format(first=_written(before), second=_written(after))
            )
    return tuple(_joined(spans))


def _span(part: str) -> Span:
    match = _SPAN.fullmatch(part)
    if match is None:
        raise HoursInvalid(
            _("“{text}” is no time such as 9:00–12:00. Several have commas in between.").format(
                text=part[:_LONGEST_SHOWN]
            )
        )
    start, end = (_minutes(part, hour, minute) for hour, minute in (match.group(1, 2), match.group(3, 4)))
    if start >= end:
        raise HoursInvalid(
            _(
                "“{text}” ends before it begins. Hours across midnight stand on two days: until 24:00 on the first, "
                "and from 0:00 on the next."
            ).format(text=part[:_LONGEST_SHOWN])
        )
    return Span(start, end)


def _minutes(part: str, hour: str, minute: str | None) -> int:
    at = int(hour) * 60 + int(minute or 0)
    if at > DAY or int(minute or 0) >= 60:
        raise HoursInvalid(
            _("“{text}” is no time of a day, which goes from 0:00 to 24:00.").format(
                text=part[:_LONGEST_SHOWN]
            )
        )
    return at


def _joined(spans: Sequence[Span]) -> Iterator[Span]:
    """Those that touch are one."""
    start = spans[0].start
    for before, after in pairwise(spans):
        if after.start > before.end:
            yield Span(start, before.end)
            start = after.start
    yield Span(start, spans[-1].end)


def write_spans(spans: Sequence[Span]) -> str:
    """As they are read; "" for a day without."""
    return ", ".join(map(_written, spans))


def _written(span: Span) -> str:
    return "–".join(f"{at // 60}:{at % 60:02}" for at in (span.start, span.end))


def week_in_words(week: Sequence[Sequence[Span]]) -> list[tuple[str, str]]:
    """Days of the week with their hours; those that follow each other and have the same stand together."""
    lines = []
    for spans, same in groupby(range(7), lambda day: tuple(week[day])):
        days = [str(WEEKDAYS[day]) for day in same]
        lines.append((" – ".join(dict.fromkeys((days[0], days[-1]))), write_spans(spans) or _("closed")))
    return lines
