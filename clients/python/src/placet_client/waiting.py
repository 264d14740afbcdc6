"""Waiting until a request has ended: one call after the other that Placet answers late, over failures between them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from placet_client.errors import Problem, StillOpen, Unavailable, Unreachable
from placet_client.records import Request

LONGEST_WAIT = 50  # seconds that Placet lets one call wait
PATIENCE = 600.0  # seconds without any answer after which it is given up
LONGEST_PAUSE = 30.0  # seconds between two looks
_SHORTEST_TURN = 1.0  # seconds; an unchanged answer that came sooner did not wait


@dataclass(frozen=True)
class Look:
    """What one call brought: the request, if it is not as it was, and in how many seconds to come again, if Placet
    said so."""

    newer: Request | None
    retry_after: float | None


@dataclass(frozen=True)
class Watch:
    """`look` calls Placet about this state of a request, for so many seconds."""

    look: Callable[[Request, int], Look]
    sleep: Callable[[float], None]
    clock: Callable[[], float]

    def wait(
        self, state: Request, timeout: float | None, on_change: Callable[[Request], None] | None = None
    ) -> Request:
        """As Placet.wait says."""
        begun = answered = self.clock()
        end = None if timeout is None else begun + timeout
        idle = 0  # turns that brought nothing at once
        while state.is_open:
            turn = self.clock()
            left = LONGEST_WAIT if end is None else end - turn
            if left <= 0:
                raise StillOpen(state)
            try:
                look = self.look(state, max(1, min(LONGEST_WAIT, int(left))))
                answered = self.clock()
            except (Unreachable, Unavailable) as error:
                if self.clock() - answered > PATIENCE:
                    raise
                look = Look(None, error.retry_after if isinstance(error, Problem) else None)
            if look.newer is not None:
                state, idle = look.newer, 0
                if on_change is not None:
                    on_change(state)
                continue
            idle = idle + 1 if self.clock() - turn < _SHORTEST_TURN else 0
            self._pause(look.retry_after, idle, end)
        return state

    def _pause(self, wished: float | None, idle: int, end: float | None) -> None:
        """Above its cap of waiters Placet answers at once and says when to come again; what stands between may answer
        at once, too, and say nothing."""
        pause = min(LONGEST_PAUSE, max(wished or 0.0, 2.0 ** min(idle, 5) if idle else 0.0))
        left = pause if end is None else end - self.clock()
        if min(pause, left) > 0:
            self.sleep(min(pause, left))
