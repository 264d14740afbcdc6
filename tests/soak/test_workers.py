"""Many workers at full length; `make soak` runs it on PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from placet.sandbox.server import Sandbox
from tests.soak.kill import Plan
from tests.soak.workers import Disturbances, work

pytestmark = pytest.mark.postgresql
AT_LENGTH = 50  # times as many replies as on a server's bad day: 10,000 in `make soak`


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.mark.timeout(7200)
@pytest.mark.django_db(transaction=True)
def test_many_replies_by_three_workers_that_are_killed_and_stopped_while_the_database_restarts(
    sandbox: Sandbox, pytestconfig: pytest.Config, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    replies = AT_LENGTH * pytestconfig.getoption("--replies")
    figures = work(sandbox, Plan(replies=replies, kills=0), Disturbances(), tmp_path / "work.log")
    with capsys.disabled():
        print(f"\n{figures.lines()}")
    assert figures.kills >= 2
