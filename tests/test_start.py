"""`placet serve`: one process for a data folder, and one for a database."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from .installation import Installation, new_installation


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    with new_installation(tmp_path / "data") as made:
        yield made


def test_it_starts_without_a_person_at_the_terminal_and_says_what_is_missing(
    installation: Installation,
) -> None:
    with installation.serve() as serving:
        assert "There is no administrator yet" in serving.said
        serving.process.send_signal(signal.SIGTERM)
        assert serving.process.wait(60) == 0


def test_healthz_tells_a_monitor_that_it_works_and_nothing_else(installation: Installation) -> None:
    with installation.serve() as serving:
        answer = requests.get(f"{serving.address}/healthz", timeout=30, allow_redirects=False)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert "Set-Cookie" not in answer.headers


def test_a_second_one_on_the_same_folder_says_so(installation: Installation) -> None:
    with installation.serve():
        said = installation.refused("serve", PLACET_LISTEN="127.0.0.1:0")
        assert "already runs" in said and str(installation.data_dir) in said


def test_a_killed_one_locks_nobody_out(installation: Installation) -> None:
    with installation.serve() as serving:
        serving.kill()
    with installation.serve() as again:
        assert again.process.poll() is None


def test_a_port_in_use_is_said(installation: Installation, tmp_path: Path) -> None:
    with installation.serve() as serving, new_installation(tmp_path / "other") as other:
        said = other.refused("serve", "--listen", f"127.0.0.1:{serving.port}")
        assert f"Cannot listen on 127.0.0.1:{serving.port}" in said
