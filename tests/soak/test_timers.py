"""Moments under kills and clocks at full length; in short they are in tests/journeys/test_timer_faults.py."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from placet.sandbox.server import Sandbox
from tests.soak.timers import survive


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        sandbox.add_mailbox("approvals", "Approvals")
        yield sandbox


@pytest.mark.timeout(3600)
@pytest.mark.django_db(transaction=True)
def test_1000_moments_due_at_once_survive_kills_clocks_and_outages_once_each(
    sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = survive(sandbox, requests=1000, kills=5, log=tmp_path / "workers.log")  # four moments each
    with capsys.disabled():
        print(f"\n{figures.lines()}")
    assert figures.due_at_once >= 1000
    assert figures.kills_in_work >= 10, "Too few kills met work: they prove nothing."
