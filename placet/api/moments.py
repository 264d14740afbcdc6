"""Moments that a call names: RFC 3339, with their zone."""

import re
from datetime import UTC, datetime

from placet.api.problems import Problem

#: No number, which pydantic takes for a moment, too.
_MOMENT = re.compile(
    "[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,6})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
PATTERN = _MOMENT.pattern
LONGEST = 40  # characters


def moment_of(text: str, pointer: str) -> datetime:
    """In UTC. Problem for anything else; `pointer`: where it stands."""
    try:
        moment = datetime.fromisoformat(text) if _MOMENT.fullmatch(text) else None
        if moment is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass  # a month 13, or a year that no other zone has
    raise Problem.invalid(pointer, "Write a time with its zone, such as 2026-12-01T12:00:00Z.")
