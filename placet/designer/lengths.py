"""Lengths of time as people write and read them: "12 min", "3 h 20 min", "2 d 4 h"."""

import re

from django.utils.translation import gettext as _

HOUR, DAY = 60, 24 * 60  # minutes
_UNITS = {"min": 1, "m": 1, "h": HOUR, "d": DAY, "j": DAY}  # in English and French
_PIECE = re.compile(r"(\d{1,7})\s*(min|m|h|d|j)\s*", re.ASCII | re.IGNORECASE)


def in_words(minutes: int | None, day: int = DAY) -> str:
    """In the reader's language; an en dash for none. `day`: minutes of what counts as a day."""
    if minutes is None:
        return "–"
    if minutes < HOUR:
        return _("{n} min").format(n=minutes)
    if minutes < 2 * DAY:
        hours, rest = divmod(minutes, HOUR)
        return _("{h} h {n} min").format(h=hours, n=rest) if rest else _("{h} h").format(h=hours)
    days, rest = divmod(minutes, day)
    hours = rest // HOUR
    return _("{d} d {h} h").format(d=days, h=hours) if hours else _("{d} d").format(d=days)


def entered(minutes: int) -> str:
    """As somebody enters it, whatever their language: `minutes_of` reads the same."""
    days, rest = divmod(minutes, DAY)
    hours, rest = divmod(rest, HOUR)
    pieces = [f"{n} {unit}" for n, unit in ((days, "d"), (hours, "h"), (rest, "min")) if n]
    return " ".join(pieces) or "0 min"


def minutes_of(text: str) -> int | None:
    """Of what somebody entered; None where it is no length of time."""
    text = text.replace("\u00a0", " ").strip()
    if not text or _PIECE.sub("", text):
        return None
    return sum(int(n) * _UNITS[unit.lower()] for n, unit in _PIECE.findall(text))
