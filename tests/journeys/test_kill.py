"""The kill test in short; at full length it is tests/soak. It kills at any moment; `test_kill_at_commands` kills at
each command that goes to a server, which a random moment hits too seldom."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from placet.sandbox.server import Sandbox
from tests.soak.kill import Plan, kill
from tests.soak.loaded import Loader


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.mark.django_db(transaction=True)
@pytest.mark.long
@pytest.mark.parametrize("way", ["graph", "ews"])
def test_replies_survive_kills_once_each(sandbox: Sandbox, way: str, tmp_path: Path, loader: Loader) -> None:
    """Over Graph; and over EWS while the mailbox moves to and fro between both."""
    plan = Plan(replies=30, kills=3, approvers=6, way=way, moves=2 if way == "ews" else 0)
    figures = kill(sandbox, plan, tmp_path / "serve.log", loader)
    assert figures.kills >= plan.kills
    assert figures.moves >= plan.moves


@pytest.mark.django_db(transaction=True)
@pytest.mark.long
@pytest.mark.whole
def test_replies_survive_kills_over_exchange_web_services_alone(sandbox: Sandbox, tmp_path: Path) -> None:
    plan = Plan(replies=30, kills=3, approvers=6, way="ews")
    assert kill(sandbox, plan, tmp_path / "serve.log").kills == plan.kills
