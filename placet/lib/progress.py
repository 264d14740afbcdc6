"""How far a long command is, and how long it still takes, on the terminal of whoever waits for it."""

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, TextIO

EVERY = 0.5  # seconds between two looks on a terminal, which shows one line that changes
EVERY_IN_A_FILE = 30.0  # elsewhere each is a line of its own


def in_numbers(number: int) -> str:
    return f"{number:,}"


def in_megabytes(number: int) -> str:
    return f"{number / 1024 / 1024:,.0f} MB"


class Progress:
    """A `with` block in which `advance` tells what was done of `total`, or `reach` how much it is in all. Nothing is
    shown of what is over at once. `total`: None where nobody knows. `begun`: what was done another time. `unit`: how
    numbers are said."""

    def __init__(
        self,
        what: str,
        total: int | None,
        out: TextIO | None = None,
        *,
        begun: int = 0,
        unit: Callable[[int], str] = in_numbers,
    ) -> None:
        self._what, self._total, self._unit = what, total, unit
        self._out = sys.stderr if out is None else out
        self._on_terminal = self._out.isatty()
        self._done = self._done_before = begun
        self._begun = self._shown = time.monotonic()
        self._width = 0

    def advance(self, done: int = 1) -> None:
        self.reach(self._done + done)

    def reach(self, done: int) -> None:
        self._done = done
        now = time.monotonic()
        if now - self._shown >= (EVERY if self._on_terminal else EVERY_IN_A_FILE):
            self._shown = now
            self._show(f"{self._what}: {self._how_far(now)}")

    def _how_far(self, now: float) -> str:
        if self._total is None:
            return self._unit(self._done)
        share = f"{100 * self._done // max(self._total, 1)} %"
        return (
            f"{self._unit(self._done)} of {self._unit(self._total)} ({share}), {self._left(now, self._total)}"
        )

    def _left(self, now: float, total: int) -> str:
        a_piece = (now - self._begun) / max(self._done - self._done_before, 1)
        seconds = a_piece * max(total - self._done, 0)
        return f"{seconds:.0f} s left" if seconds < 120 else f"{seconds / 60:.0f} min left"

    def _show(self, line: str) -> None:
        self._out.write(f"\r{line:<{self._width}}" if self._on_terminal else f"{line}\n")
        self._out.flush()
        self._width = len(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._on_terminal and self._width:
            self._out.write(f"\r{'':<{self._width}}\r")
            self._out.flush()
