"""Many things in several dresses each: the suite sees every thing and every dress, `make soak` every pair (--whole).

Which dress a thing gets hangs on its own words alone, so that another thing more changes no other pair. What a second
database and a second Python see of it say tests/databases.py and tests/pythons.py.

What a journey does over Microsoft Graph and over Exchange Web Services alike it does in turn (--in-turn): over one of
them on SQLite, over the other on PostgreSQL. A run on each, as .ci/run makes them, sees every case, and every test over
both ways; `make soak` sees every pair. Families of attacks run at every kind of mailbox: each at Exchange Online and at
one other kind a run.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import TypeVar
from zlib import crc32

import pytest

#: Names of parameters that are ways to a mailbox; and of random worlds of which each database sees one.
WAYS = ("way", "start", "random_world")

Thing = TypeVar("Thing")
Dress = TypeVar("Dress")


def whole(config: pytest.Config) -> bool:
    """Whether everything is wanted that the suite shows a sample of."""
    return bool(config.getoption("--whole"))


def examples(config: pytest.Config, suite: int, soak: int) -> int:
    """How many random examples a model is held to. A second database sees a quarter of them: what it may do in another
    way, the model of the engine (`test_engine_model`) asks of it as often as of the first."""
    if whole(config):
        return soak
    return max(1, suite // 4) if config.getoption("--database-only") else suite


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


def name_of(item: pytest.Item) -> str:
    """Of its test, without its case."""
    return item.nodeid.partition("[")[0]


def module_of(item: pytest.Item) -> str:
    """Such as tests.lib.test_ids."""
    return str(getattr(getattr(item, "module", None), "__name__", ""))


def one_of_each(
    items: Iterable[pytest.Item], kind: Callable[[pytest.Item], str] = name_of
) -> set[pytest.Item]:
    """One of those that are of one kind: if nothing is said, each test in one of its cases. Which one hangs on its name
    alone, so that another one more changes no other choice."""
    alike: dict[str, list[pytest.Item]] = {}
    for item in items:
        alike.setdefault(kind(item), []).append(item)
    return {min(cases, key=by_name) for cases in alike.values()}


def by_name(item: pytest.Item) -> tuple[int, str]:
    """An order that hangs on names alone and puts no file before another."""
    return crc32(item.nodeid.encode("utf-8", "surrogatepass")), item.nodeid


def in_other_dresses(items: Iterable[pytest.Item]) -> list[pytest.Item]:
    """Of tests marked `dressed(NAME)`: what the suite leaves to `make soak`. It sees each of their cases in one dress,
    which is a value of the parameter NAME, and each dress on a case, over every way."""
    cases: dict[str, dict[frozenset[tuple[str, int]], list[tuple[int, pytest.Item]]]] = {}
    for item in items:
        dressed, values = (
            item.get_closest_marker("dressed"),
            getattr(getattr(item, "callspec", None), "params", {}),
        )
        if dressed:
            (name,) = dressed.args
            case = frozenset((key, id(value)) for key, value in values.items() if key not in {*WAYS, name})
            cases.setdefault(name_of(item), {}).setdefault(case, []).append((id(values[name]), item))
    left_out: list[pytest.Item] = []
    for test, of_test in cases.items():
        for number, of_case in enumerate(of_test.values()):
            dresses = list(dict.fromkeys(dress for dress, _item in of_case))
            worn = dresses[(crc32(test.encode()) + number) % len(dresses)]
            left_out += [item for dress, item in of_case if dress != worn]
    return left_out


def at_other_kinds(items: Iterable[pytest.Item], usual: Collection[str]) -> list[pytest.Item]:
    """Of families that are judged at every kind of mailbox, each a module, what the suite leaves to `make soak`: it
    sees them at the usual kinds, the first test of each at one more, and each of the others in a family."""
    elsewhere = [item for item in items if way_of(item) not in {"", *usual}]
    families: dict[str, dict[str, pytest.Item]] = {}
    for item in elsewhere:
        families.setdefault(module_of(item), {}).setdefault(way_of(item), item)
    by_turn = sorted(families, key=_turn)
    worn = {module: list(families[module])[_turn(module) % len(families[module])] for module in by_turn}
    pairs = set(worn.items())
    for way in {way_of(item) for item in elsewhere} - set(worn.values()):
        pairs.add((next(module for module in by_turn if way in families[module]), way))
    seen = {families[module][way] for module, way in pairs}
    return [item for item in elsewhere if item not in seen]


def _turn(name: str) -> int:
    return crc32(name.encode())


def way_of(item: pytest.Item) -> str:
    """To the mailbox; "" where it goes over the usual one alone."""
    return str(getattr(getattr(item, "callspec", None), "params", {}).get("way", ""))


def in_turn(items: Iterable[pytest.Item], turn: int) -> list[pytest.Item]:
    """Of tests that go each of their cases over several ways, what goes over another one than that of this turn.
    `turn`: 0 or 1."""
    cases: dict[str, dict[frozenset[tuple[str, int]], list[pytest.Item]]] = {}
    for item in items:
        values = getattr(getattr(item, "callspec", None), "params", {})
        case = frozenset((name, id(value)) for name, value in values.items() if name not in WAYS)
        if len(case) < len(values):
            cases.setdefault(name_of(item), {}).setdefault(case, []).append(item)
    left_out: list[pytest.Item] = []
    for test, of_test in cases.items():
        for number, ways in enumerate(of_test.values()):
            chosen = (crc32(test.encode()) + number + turn) % len(ways)
            left_out += [item for at, item in enumerate(ways) if at != chosen]
    return left_out
