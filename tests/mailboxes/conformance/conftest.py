"""One server of each world a process, one mailbox a test. A test asks for what it needs by its marks."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any
from zlib import crc32

import pytest

from placet.mailboxes import http, preflight
from placet.mailboxes.base import Connection
from tests.rotation import whole

from .world import Box, Trouble, World, every_world


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test that has a `world` runs in every one that can do what its mark `asks` names; one that has a `trouble`,
    with each that this world knows, of those that its mark `troubles` names."""
    if "world" not in metafunc.fixturenames:
        return
    asked = [name for mark in metafunc.definition.iter_markers("asks") for name in mark.args]
    worlds = [world for world in every_world() if all(getattr(world, name) for name in asked)]
    if not whole(metafunc.config):
        worlds = with_one_other(worlds, metafunc.function.__name__)
    if "trouble" not in metafunc.fixturenames:
        metafunc.parametrize("world", worlds, ids=str, scope="session")
        return
    named = [trouble for mark in metafunc.definition.iter_markers("troubles") for trouble in mark.args]
    pairs = [
        (world, trouble) for world in worlds for trouble in named or Trouble if trouble in world.troubles
    ]
    metafunc.parametrize(("world", "trouble"), pairs, ids=[f"{world}-{trouble}" for world, trouble in pairs])


def with_one_other(worlds: Sequence[World], test: str) -> list[World]:
    """Of those that are another server of a kind one alone, which hangs on the test's name."""
    others = [world for world in worlds if world.is_another]
    chosen = others[crc32(test.encode()) % len(others) :][:1] if others else []
    return [world for world in worlds if not world.is_another or world in chosen]


@pytest.fixture(scope="session")
def server_of() -> Iterator[Callable[[World], Any]]:
    """Servers that run until the last test of this process."""
    running: dict[object, Any] = {}
    with ExitStack() as stack:

        def server(world: World) -> Any:
            if world.start not in running:
                running[world.start] = stack.enter_context(world.start())
            return running[world.start]

        yield server


@pytest.fixture
def box(world: World, server_of: Callable[[World], Any]) -> Box:
    return world.box(server_of(world), world)


@pytest.fixture
def connection(box: Box) -> Iterator[Connection]:
    connection = box.connect()
    yield connection
    connection.close()


@pytest.fixture(autouse=True)
def _no_private_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The General tab names this machine alone, of what is not public."""
    monkeypatch.setattr(http, "private_targets", lambda: ["127.0.0.1", "::1"])


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever looks for a mail to arrive looks again at once, as often as they else would."""
    looks = [0.0]

    def sleep(seconds: float) -> None:
        looks[0] += seconds

    monkeypatch.setattr(preflight, "time", SimpleNamespace(sleep=sleep, monotonic=lambda: looks[0]))
