"""The world that pictures are taken of, and what they are taken with."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from placet.sandbox.server import Sandbox
from tests.journeys.conftest import close_connections, make_world
from tests.pages.browsing import window
from tests.screenshots.album import FOLDER, Camera
from tests.screenshots.story import Story, told


@pytest.fixture
def story(transactional_db: None) -> Iterator[Story]:
    with Sandbox() as sandbox:
        for name in ("approvals", "alice", "bob", "carol", "dave", "ada"):
            sandbox.add_mailbox(name, f"{name.title()} {name.title()}son")
        yield told(make_world(sandbox, "graph"))
        close_connections()


@pytest.fixture
def camera(chromium: Browser, live_server: LiveServer) -> Iterator[Camera]:
    FOLDER.mkdir(exist_ok=True)
    with window(chromium, live_server.url) as context:
        yield Camera(context.new_page(), set(), [])
