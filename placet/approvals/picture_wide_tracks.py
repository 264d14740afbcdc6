"""A channel of the wide arrangement: the lines between two rows. Those of one net run together on one track."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations

from placet.approvals.picture_layout import Point
from placet.approvals.picture_wide_rows import Item, Segment

TRACK = 10
ROOM = 9  # above the first track, and below the last one
HEAD = 7  # of an arrow
NEAR = 7  # lines that run beside each other are at least so far apart
_NEVER = 1000


@dataclass(eq=False)
class _Net:
    uppers: set[int] = field(default_factory=set)
    lowers: set[int] = field(default_factory=set)
    track: int = 0

    @property
    def span(self) -> tuple[int, int]:
        every = self.uppers | self.lowers
        return min(every), max(every)

    @property
    def is_upright(self) -> bool:
        return len(self.uppers | self.lowers) == 1


class Channel:
    def __init__(self, segments: Sequence[Segment], top: int) -> None:
        self.top = top
        self.segments = segments
        self.nets = self._parted()
        for net in self._placed():
            net.track += 1
        tracks = max((net.track for net in self.nets.values()), default=0)
        has_head = any(one.lower.node or (one.upper.node and one.net[0] == "back") for one in segments)
        self.first = (
            top + ROOM + (HEAD if any(one.net[0] == "back" and one.upper.node for one in segments) else 0)
        )
        height = (tracks - 1) * TRACK + 2 * ROOM if tracks else ROOM
        self.bottom = top + height + (self.first - top - ROOM) + (HEAD if has_head else 0)

    def points(self, upper: Item, lower: Item, name: tuple[str, str]) -> list[Point]:
        """From the bottom of what is above to the top of what is below."""
        segment = Segment(upper, lower, name)
        net = self.nets[name]
        above, below = segment.upper_x, segment.lower_x
        start = upper.y + upper.height
        if net.is_upright:
            return [(above, start), (below, lower.y)]
        y = self.first + (net.track - 1) * TRACK
        return [(above, start), (above, y), (below, y), (below, lower.y)]

    def _parted(self) -> dict[tuple[str, str], _Net]:
        """After lines that would lie on each other whatever their tracks were moved apart."""
        for _again in range(12):
            nets: dict[tuple[str, str], _Net] = defaultdict(_Net)
            for segment in self.segments:
                nets[segment.net].uppers.add(segment.upper_x)
                nets[segment.net].lowers.add(segment.lower_x)
            if not self._part(nets):
                break
        return dict(nets)

    def _part(self, nets: dict[tuple[str, str], _Net]) -> bool:
        for one, other in combinations(nets.values(), 2):
            if _cost(one, other) >= _NEVER and _cost(other, one) >= _NEVER:
                both = {x for x in one.lowers for y in other.uppers if abs(x - y) < NEAR}
                for segment in self.segments:
                    if nets[segment.net] is one and segment.lower_x in both:
                        if segment.lower.node:
                            segment.lower.shift += NEAR
                        else:
                            segment.lower.x += NEAR
                return True
        return False

    def _placed(self) -> list[_Net]:
        """The nets that need a track, from the top: whatever costs the fewest crossings."""
        waiting = [net for net in self.nets.values() if not net.is_upright]
        placed: list[_Net] = []
        while waiting:
            costs = [
                sum(_cost(net, other) - _cost(other, net) for other in waiting if other is not net)
                for net in waiting
            ]
            net = waiting.pop(costs.index(min(costs)))
            over = [one.track for one in placed if _overlap(one, net)]
            net.track = max(over, default=-1) + 1
            placed.append(net)
        return placed


def _overlap(one: _Net, other: _Net) -> bool:
    return one.span[0] - NEAR < other.span[1] and other.span[0] - NEAR < one.span[1]


def _cost(above: _Net, below: _Net) -> int:
    """How often they cross, where one is on a track above the other."""
    cost = sum(below.span[0] < x < below.span[1] for x in above.lowers)
    cost += sum(above.span[0] < x < above.span[1] for x in below.uppers)
    return cost + _NEVER * sum(abs(x - y) < NEAR for x in above.lowers for y in below.uppers)
