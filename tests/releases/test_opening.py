"""What every earlier version left opens in this one: nothing is lost, the record holds, and a reply to a mail that was
sent before decides. `tests/releases/make.py` makes what is opened, once for each version."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.installation import PATIENCE, Installation, new_installation

FOLDER = Path(__file__).parent
RELEASES = sorted(path.parent.name for path in FOLDER.glob("*/expected.json"))


def look(installation: Installation) -> dict[str, Any]:
    """What is in it, what a reply decides there, and what is in it then."""
    ended = subprocess.run(
        [sys.executable, "-m", "tests.releases.look"],
        env=installation.environment | {"DJANGO_SETTINGS_MODULE": "placet.settings"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    seen: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return seen


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Installation]:
    with new_installation(tmp_path / "data") as installation:
        yield installation


def test_there_is_something_to_open() -> None:
    assert "before-0.1.0" in RELEASES


@pytest.mark.parametrize("release", RELEASES)
def test_what_an_earlier_version_left_opens_and_goes_on(empty: Installation, release: str) -> None:
    expected = json.loads((FOLDER / release / "expected.json").read_text())
    empty.good("restore", FOLDER / release / f"{empty.kind}.tar.gz")
    assert "every link holds" in empty.good("audit", "verify")
    seen = look(empty)
    now, answered, after = seen["before"], seen["answered"], seen["after"]
    assert {table: now["rows"].get(table) for table in expected["rows"]} == expected["rows"]
    assert {**now, "rows": 0} == {**expected, "rows": 0}

    assert answered["by"] == answered["asked"]
    assert (answered["outcome"], answered["comment"]) == ("approve", "Please order from Dell.")
    assert after["rows"]["approvals_decision"] == expected["rows"]["approvals_decision"] + 1
    assert "every link holds" in empty.good("audit", "verify")
