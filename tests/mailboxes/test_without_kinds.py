"""A kind of mailbox is a folder that one can delete: Placet works on, and says what it no longer knows."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from placet.mailboxes.kinds import all_kinds
from tests.installation import PATIENCE, Installation

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "placet"

#: By folder, the keys of its kinds.
FOLDERS: dict[str, list[str]] = {}
for _kind in all_kinds().values():
    FOLDERS.setdefault(_kind.settings.split(".")[2], []).append(_kind.key)

#: By folder, what of the rest cannot be loaded without it, by how its names begin. None of it may be on the path of a
#: reply or of work: `placet entra` is of Microsoft alone, the others are to learn other kinds.
NEEDING = {
    "microsoft": (
        "placet.commands.entra_script.",
        "placet.panel.",
        "placet.urls",
        "placet.wsgi",
    ),
}


def copy_without(folder: str, to: Path) -> Path:
    """The package, without the folder of a kind; where it can be imported from. Links, so that it takes no time."""
    mailboxes = to / "placet" / "mailboxes"
    mailboxes.mkdir(parents=True)
    for beside, left_out in ((PACKAGE, "mailboxes"), (PACKAGE / "mailboxes", folder)):
        for entry in beside.iterdir():
            if entry.name not in (left_out, "__pycache__"):
                (to / entry.relative_to(ROOT)).symlink_to(entry)
    return to


@pytest.mark.any_database
@pytest.mark.parametrize("folder", FOLDERS)
def test_placet_works_on_without_it(folder: str, begun: Installation, tmp_path: Path) -> None:
    shutil.copytree(begun.data_dir, tmp_path / "data")
    package = copy_without(folder, tmp_path / "without")
    kind = FOLDERS[folder][0]
    ended = subprocess.run(
        [sys.executable, "-m", "tests.mailboxes.without_kind", folder, kind],
        cwd=tmp_path,
        env={
            **Installation(tmp_path / "data").environment,
            "PYTHONPATH": f"{package}:{ROOT}",
            "DJANGO_SETTINGS_MODULE": "placet.settings",
        },
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    known = NEEDING.get(folder, ())
    assert [name for name in found["needing"] if not name.startswith(known)] == []
    stale = [start for start in known if not any(name.startswith(start) for name in found["needing"])]
    assert stale == [], "they can be loaded without it now: take them out of NEEDING"
    said = f"This installation knows no mailbox of the kind “{kind}”."
    assert said in found["used"]
    assert said in found["checked"]
    if "placet.panel." not in known:
        assert found["status"] == 200
        assert kind in found["page"]
