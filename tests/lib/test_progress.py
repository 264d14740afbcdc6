"""How far a long command is, and how long it still takes."""

import io
import time

import pytest

from placet.lib.progress import Progress, in_megabytes


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Its one value is what time it is."""
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_a_file_has_a_line_now_and_then(clock: list[float]) -> None:
    out = io.StringIO()
    with Progress("Requests verified", 1_000, out, begun=100) as progress:
        for clock[0], done in ((10.0, 150), (40.0, 400), (45.0, 500), (7_000.0, 900)):
            progress.reach(done)
    assert out.getvalue().splitlines() == [
        "Requests verified: 400 of 1,000 (40 %), 80 s left",
        "Requests verified: 900 of 1,000 (90 %), 15 min left",
    ]


def test_a_terminal_has_one_line_which_is_gone_at_the_end(clock: list[float]) -> None:
    out = Terminal()
    with Progress("Packed", 4 * 1024 * 1024, out, unit=in_megabytes) as progress:
        clock[0] = 1.0
        progress.advance(1024 * 1024)
    assert out.getvalue().split("\r")[1] == "Packed: 1 MB of 4 MB (25 %), 3 s left"
    assert out.getvalue().endswith(" \r")


def test_of_what_nobody_knows_it_is_said_how_much_was_done(clock: list[float]) -> None:
    out = io.StringIO()
    with Progress("Database dumped", None, out, unit=in_megabytes) as progress:
        clock[0] = 60.0
        progress.reach(3 * 1024 * 1024)
    assert out.getvalue() == "Database dumped: 3 MB\n"
