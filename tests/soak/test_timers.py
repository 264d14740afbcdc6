"""Moments under kills and clocks at full length; in short they are in tests/journeys/test_timer_faults.py."""

from pathlib import Path

import pytest

from tests.soak.timers import survive


@pytest.mark.timeout(1800)
@pytest.mark.django_db(transaction=True)
def test_more_than_1000_moments_survive_kills_and_clocks_once_each(tmp_path: Path) -> None:
    figures = survive(requests=260, kills=5, log=tmp_path / "workers.log")  # four moments each
    assert figures.kills_in_work >= 10, "Too few kills met work: they prove nothing."
