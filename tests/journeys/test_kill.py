"""The kill test in short; at full length it is tests/soak."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from placet.sandbox.server import Sandbox
from tests.soak.kill import Plan, kill


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.mark.django_db(transaction=True)
@pytest.mark.long
def test_replies_survive_kills_once_each(sandbox: Sandbox, tmp_path: Path) -> None:
    figures = kill(sandbox, Plan(replies=60, kills=8, approvers=6), tmp_path / "serve.log")
    assert figures.kills == 8
