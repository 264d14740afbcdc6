"""A scripted server for each test, and one Cyrus with a Postfix for those that need a real one."""

from collections.abc import Iterator

import pytest

from placet.mailboxes import http
from placet.mailboxes.base import Connection
from placet.mailboxes.jmap.connection import JmapConnection
from tests.mailboxes.conformance.worlds.cyrus import WORLDS as CYRUS_WORLDS
from tests.mailboxes.conformance.worlds.cyrus import CyrusBox, CyrusServer, start_sending

from .scripted import Server, running


@pytest.fixture
def server() -> Iterator[Server]:
    with running() as server:
        yield server


@pytest.fixture(scope="session")
def cyrus_server() -> Iterator[CyrusServer]:
    with start_sending() as server:
        yield server


@pytest.fixture
def box(cyrus_server: CyrusServer, monkeypatch: pytest.MonkeyPatch) -> CyrusBox:
    monkeypatch.setattr(http, "private_targets", list)
    return cyrus_server.box(next(world for world in CYRUS_WORLDS if world.protocol == "jmap"))


@pytest.fixture
def connection(box: CyrusBox) -> Iterator[JmapConnection]:
    opened: Connection = box.connect()
    assert isinstance(opened, JmapConnection)
    yield opened
    opened.close()
