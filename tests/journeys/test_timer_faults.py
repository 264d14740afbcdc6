"""Moments that are due at once, under kills and clocks, in short; at full length it is tests/soak/test_timers.py."""

from pathlib import Path

import pytest

from tests.soak.timers import survive


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_moments_survive_kills_and_clocks_once_each(tmp_path: Path) -> None:
    figures = survive(requests=25, kills=1, log=tmp_path / "workers.log")
    assert figures.kills == 3
    assert figures.kills_in_work >= 1
