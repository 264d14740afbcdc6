"""Moments that are due at once, under kills, clocks and outages of the mailbox, in short; at full length it is
tests/soak/test_timers.py."""

from pathlib import Path

import pytest

from placet.sandbox.server import Sandbox
from tests.soak.loaded import Loader
from tests.soak.timers import survive


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_moments_survive_kills_clocks_and_outages_once_each(
    sandbox: Sandbox, tmp_path: Path, loader: Loader
) -> None:
    log = tmp_path / "workers.log"
    figures = survive(sandbox, requests=25, kills=1, log=log, way="ews", loader=loader)
    assert figures.kills == 3
    assert figures.kills_in_work >= 1
