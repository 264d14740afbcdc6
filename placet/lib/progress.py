"""How far a long command is, and how long it still takes, on the terminal of whoever waits for it."""

import sys
import time
from types import TracebackType
from typing import Self, TextIO

EVERY = 0.5  # seconds between two looks on a terminal, which shows one line that changes
EVERY_IN_A_FILE = 30.0  # elsewhere each is a line of its own


class Progress:
    """A `with` block in which `advance` tells what was done of `total`. Nothing is shown of what is over at once."""

    def __init__(self, what: str, total: int, out: TextIO | None = None) -> None:
        self._what, self._total = what, total
        self._out = sys.stderr if out is None else out
        self._on_terminal = self._out.isatty()
        self._done = 0
        self._begun = self._shown = time.monotonic()
        self._width = 0

    def advance(self, done: int = 1) -> None:
        self._done += done
        now = time.monotonic()
        if now - self._shown >= (EVERY if self._on_terminal else EVERY_IN_A_FILE):
            self._shown = now
            self._show(f"{self._what}: {self._share()}, {self._left(now)}")

    def _share(self) -> str:
        return f"{self._done:,} of {self._total:,} ({100 * self._done // max(self._total, 1)} %)"

    def _left(self, now: float) -> str:
        seconds = (now - self._begun) / max(self._done, 1) * max(self._total - self._done, 0)
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
