"""Many things in several dresses each: the suite sees every thing and every dress, `make soak` every pair (--whole).

Which dress a thing gets hangs on its own words alone, so that another thing more changes no other pair.
"""

from collections.abc import Iterator, Sequence
from typing import TypeVar
from zlib import crc32

import pytest

Thing = TypeVar("Thing")
Dress = TypeVar("Dress")


def whole(config: pytest.Config) -> bool:
    """Whether everything is wanted that the suite shows a sample of."""
    return bool(config.getoption("--whole"))


def pairs(
    things: Sequence[Thing], dresses: Sequence[Dress], every: bool, each: int = 1
) -> Iterator[tuple[Thing, Dress]]:
    """All pairs, or each thing in `each` dresses and each dress on a thing at least. In the order of the things."""
    worn: set[int] = set()
    for thing in things:
        chosen = range(len(dresses)) if every else _some(thing, len(dresses), each)
        worn.update(chosen)
        yield from ((thing, dresses[number]) for number in chosen)
    yield from ((things[0], dress) for number, dress in enumerate(dresses) if things and number not in worn)


def _some(thing: object, of: int, each: int) -> list[int]:
    first = crc32(repr(thing).encode("utf-8", "surrogatepass"))
    return sorted({(first + step) % of for step in range(min(each, of))})
