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
@pytest.mark.parametrize(
    "way", ["graph", pytest.param("ews", marks=pytest.mark.whole)]
)  # over EWS it is below
def test_replies_survive_kills_once_each(sandbox: Sandbox, way: str, tmp_path: Path) -> None:
    figures = kill(sandbox, Plan(replies=30, kills=3, approvers=6, way=way), tmp_path / "serve.log")
    assert figures.kills == 3


@pytest.mark.django_db(transaction=True)
@pytest.mark.long
def test_replies_survive_kills_while_the_mailbox_moves_to_and_fro(sandbox: Sandbox, tmp_path: Path) -> None:
    plan = Plan(replies=30, kills=3, approvers=6, way="ews", moves=2)
    figures = kill(sandbox, plan, tmp_path / "serve.log")
    assert figures.moves >= 2
