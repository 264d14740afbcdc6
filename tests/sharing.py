"""How tests are shared out over the processes of a run, so that all of them have something to do until its end.

xdist (`--dist worksteal`) gives each process a stretch of the list of tests, all of equal length. One that is through
takes half of what is left at the end of another's. So each stretch begins with a share of the modules that take long,
and what is left for the end are tests of milliseconds.
"""

from collections.abc import Iterable, Sequence

import pytest

#: Marks of tests that take seconds, each of them.
SLOW = ("long", "browser", "demo")


def is_slow(item: pytest.Item) -> bool:
    return any(item.get_closest_marker(name) for name in SLOW)


def ordered(items: Sequence[pytest.Item], processes: int) -> list[pytest.Item]:
    """The same tests; those of one module of slow ones stay together, and all others in their order. Modules with many
    slow tests come first."""
    slow = _modules(items)
    others = iter([item for item in items if item.path not in slow])
    shares = _shares(sorted(slow.values(), key=_weight, reverse=True), processes)
    left, order = len(items), []
    for number, share in enumerate(shares):
        length = left // (processes - number)  # as xdist reckons it
        left -= length
        order += [*share, *_first(others, length - len(share))]
    return [*order, *others]


def _modules(items: Iterable[pytest.Item]) -> "dict[object, list[pytest.Item]]":
    """All tests of modules that have a slow one, by their file."""
    slow = {item.path for item in items if is_slow(item)}
    modules: dict[object, list[pytest.Item]] = {}
    for item in items:
        if item.path in slow:
            modules.setdefault(item.path, []).append(item)
    return modules


def _weight(module: Iterable[pytest.Item]) -> int:
    return sum(map(is_slow, module))


def _shares(modules: Iterable[Sequence[pytest.Item]], processes: int) -> list[list[pytest.Item]]:
    """Of about as many slow tests each."""
    shares: list[list[pytest.Item]] = [[] for _ in range(processes)]
    for module in modules:
        min(shares, key=_weight).extend(module)
    return shares


def _first(items: Iterable[pytest.Item], most: int) -> list[pytest.Item]:
    return [item for _, item in zip(range(most), items, strict=False)]
