"""The kill test at full length; `make soak` runs it on both databases."""

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
@pytest.mark.parametrize("way", ["graph", "ews"])
def test_500_replies_survive_60_kills_once_each(
    sandbox: Sandbox, way: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = kill(sandbox, Plan(replies=500, kills=60, way=way), tmp_path / "serve.log")
    with capsys.disabled():
        print(f"\n{figures.lines()}")
    assert figures.kills_in_work >= 10, "Too few kills met work: they prove nothing."


@pytest.mark.timeout(1800)
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", ["graph", "ews"])
def test_500_replies_survive_kills_while_the_mailbox_moves_to_and_fro(
    sandbox: Sandbox, way: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = kill(sandbox, Plan(replies=500, kills=40, way=way, moves=10), tmp_path / "serve.log")
    with capsys.disabled():
        print(f"\n{figures.lines()}")
    assert figures.moves >= 10
    assert figures.movers_killed >= 1
    assert figures.kills_in_work >= 5, "Too few kills met work: they prove nothing."
