"""A kind of mailbox is a folder that one can delete: Placet works on, and says what it no longer knows."""

import json
import re
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

#: What it asks only where a mailbox of that kind, or this very command, is used.
ASKING = {"placet/panel/mailbox_form.py", "placet/commands/entra.py"}


def copy_without(folder: str, to: Path) -> Path:
    """The package, without the folder of a kind; where it can be imported from. Links, so that it takes no time."""
    mailboxes = to / "placet" / "mailboxes"
    mailboxes.mkdir(parents=True)
    for beside, left_out in ((PACKAGE, "mailboxes"), (PACKAGE / "mailboxes", folder)):
        for entry in beside.iterdir():
            if entry.name not in (left_out, "__pycache__"):
                (to / entry.relative_to(ROOT)).symlink_to(entry)
    return to


@pytest.fixture
def looked(begun: Installation, tmp_path: Path) -> dict[str, dict[str, Any]]:
    """What is left without each of the folders."""
    worlds = []
    for folder, kinds in FOLDERS.items():
        data_dir = tmp_path / folder / "data"
        shutil.copytree(begun.data_dir, data_dir)
        package = copy_without(folder, tmp_path / folder / "without")
        worlds.append(
            {"folder": folder, "kind": kinds[0], "package": str(package), "data_dir": str(data_dir)}
        )
    (tmp_path / "worlds.json").write_text(json.dumps(worlds))
    ended = subprocess.run(
        [sys.executable, "-m", "tests.mailboxes.without_kind", str(tmp_path / "worlds.json")],
        cwd=tmp_path,
        env={
            **Installation(tmp_path).environment,
            "PYTHONPATH": str(ROOT),
            "DJANGO_SETTINGS_MODULE": "placet.settings",
        },
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    found: dict[str, dict[str, Any]] = {}
    for line in ended.stdout.splitlines():
        if line.startswith("{"):
            found |= json.loads(line)
    return found


@pytest.mark.any_database
def test_placet_works_on_without_any_one_of_them(looked: dict[str, dict[str, Any]]) -> None:
    assert looked.keys() == FOLDERS.keys()
    for folder, left in looked.items():
        kind = FOLDERS[folder][0]
        assert left["needing"] == [], folder
        unknown = f"This installation knows no mailbox of the kind “{kind}”."
        assert unknown in left["used"]
        assert unknown in left["checked"]
        statuses = {name: status for name, status in left["statuses"].items() if status not in (200, 302)}
        assert statuses == {}, folder
        assert kind in left["mailbox"]
        is_offered = (
            "Exchange Online" in left["new"].partition('<select name="kind"')[2].partition("</select>")[0]
        )
        assert is_offered == (folder != "microsoft")
        assert left["entra"].startswith(
            "No script was made" if is_offered else "This installation knows no mailbox"
        )


def test_nothing_outside_of_a_folder_imports_it() -> None:
    """Not inside of a function either."""
    names = "|".join(FOLDERS)
    imports = re.compile(rf"^ *(?:from|import) placet\.mailboxes\.({names})\b", re.MULTILINE)
    importing = {
        f"{path.relative_to(ROOT)} imports {folder}"
        for path in PACKAGE.rglob("*.py")
        for folder in imports.findall(path.read_text())
        if folder not in path.parts and str(path.relative_to(ROOT)) not in ASKING
    }
    assert importing == set()
