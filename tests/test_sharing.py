"""Each process of a run begins with what takes long."""

from itertools import islice

import pytest

from tests.sharing import is_slow, ordered

pytest_plugins = ["pytester"]

MODULES = {
    "a": "@pytest.mark.parametrize('n', range(20))\ndef test_short(n): pass",
    "b": "@pytest.mark.long\n@pytest.mark.parametrize('n', range(4))\ndef test_long(n): pass",
    "c": "@pytest.mark.browser\n@pytest.mark.parametrize('n', range(3))\ndef test_seen(n): pass\ndef test_c(): pass",
    "d": "@pytest.mark.demo\ndef test_demo(): pass",
    "e": "@pytest.mark.parametrize('n', range(17))\ndef test_last(n): pass",
}


@pytest.fixture
def items(pytester: pytest.Pytester) -> list[pytest.Item]:
    paths = [pytester.makepyfile(**{name: f"import pytest\n{tests}"}) for name, tests in MODULES.items()]
    return [item for path in paths for item in pytester.genitems([pytester.getpathnode(path)])]


def stretches_of(order: list[pytest.Item], processes: int) -> list[list[pytest.Item]]:
    """As xdist cuts it."""
    left, rest = len(order), iter(order)
    stretches: list[list[pytest.Item]] = []
    for number in range(processes):
        stretches.append([*islice(rest, left // (processes - number))])
        left -= len(stretches[-1])
    return stretches


@pytest.mark.filterwarnings("ignore::pytest.PytestUnknownMarkWarning")  # marks of ours
@pytest.mark.parametrize("processes", [1, 2, 3, 4, 60])
def test_every_test_is_run_once_and_each_process_begins_with_its_share_of_slow_ones(
    items: list[pytest.Item], processes: int
) -> None:
    order = ordered(items, processes)
    assert sorted(order, key=items.index) == items
    assert [item for item in order if item.path.stem in "ae"] == [i for i in items if i.path.stem in "ae"]
    stretches = stretches_of(order, processes)
    if processes <= 3:
        for stretch in stretches:
            slow = [number for number, item in enumerate(stretch) if item.path.stem in "bcd"]
            assert slow == [*range(len(slow))] != []
        weights = [sum(map(is_slow, stretch)) for stretch in stretches]
        assert sum(weights) == 8
        assert processes == 1 or max(weights) == 4
