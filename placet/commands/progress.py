"""How far a long command is, on standard error: at a terminal a line that is renewed, elsewhere now and then one."""

import sys
import time
from collections.abc import Callable

from placet.commands.start import warn

AT_A_TERMINAL = 1.0  # seconds between two lines
ELSEWHERE = 30.0


class Progress:
    """Of one thing that is done from `begun` to `total`, in whatever `unit` puts into words. Without `total` it is only
    said how much was done."""

    def __init__(
        self,
        what: str,
        total: int | None,
        begun: int = 0,
        unit: Callable[[int], str] = lambda number: f"{number:,}",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._what, self._total, self._begun, self._unit, self._clock = what, total, begun, unit, clock
        self._terminal = sys.stderr.isatty()
        self._since = self._last = clock()

    def at(self, done: int) -> None:
        now = self._clock()
        if now - self._last >= (AT_A_TERMINAL if self._terminal else ELSEWHERE):
            self._last = now
            self._print(self.line(done, now))

    def line(self, done: int, now: float) -> str:
        if not self._total:
            return f"{self._what}: {self._unit(done)}"
        done = min(done, self._total)
        left = (
            (now - self._since) / (done - self._begun) * (self._total - done) if done > self._begun else None
        )
        soon = "" if left is None else f", {in_words(left)} left"
        return f"{self._what}: {100 * done // self._total} % of {self._unit(self._total)}{soon}"

    def end(self) -> None:
        """What follows begins on a line of its own."""
        if self._terminal:
            self._print("")

    def _print(self, line: str) -> None:
        if self._terminal:
            sys.stderr.write(f"\r\x1b[K{line}")
            sys.stderr.flush()
        else:
            warn(line)


def in_words(seconds: float) -> str:
    """About how long."""
    if seconds < 90:
        return f"{max(round(seconds), 1)} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


def in_megabytes(number: int) -> str:
    return f"{number / 1024 / 1024:,.0f} MB"
