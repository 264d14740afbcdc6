"""A clock that a test sets, from a Monday on, and mailboxes of which nothing is unread: what tests of deadlines, of
who is asked then, of questions back and of the longest that a request takes begin with. A module takes what it needs by
its name: `clock = clocks.standing`.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from placet.approvals import stopping, timing

#: The installation's zone is UTC, and people work from 9 to 17.
MONDAY = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = (timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days"))
Clock = time_machine.Traveller


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def standing() -> Iterator[Clock]:
    """It moves only where a test says so."""
    with time_machine.travel(MONDAY, tick=False) as clock:
        yield clock


@pytest.fixture
def running() -> Iterator[Clock]:
    """As a journey over HTTP needs it."""
    with time_machine.travel(MONDAY) as clock:
        yield clock


@pytest.fixture(autouse=True)
def mail_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """That no mail is passed over is shown in the journeys."""
    for worked in (timing, stopping):
        monkeypatch.setattr(worked, "read_past", lambda *_, **__: True)
