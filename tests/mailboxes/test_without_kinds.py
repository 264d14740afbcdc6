"""A kind of mailbox is a folder that one can delete: Placet works on, and says what it no longer knows; what is left is
still tested."""

import json
import os
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
        assert ("No script was made" if is_offered else "invalid choice: 'entra'") in left["entra"]
        assert ("  entra  " in left["help"]) == is_offered


def test_nothing_outside_of_a_folder_imports_it() -> None:
    """Not inside of a function either."""
    names = "|".join(FOLDERS)
    imports = re.compile(rf"^ *(?:from|import) placet\.mailboxes\.({names})\b", re.MULTILINE)
    importing = {
        f"{path.relative_to(ROOT)} imports {folder}"
        for path in PACKAGE.rglob("*.py")
        for folder in imports.findall(path.read_text())
        if folder not in path.parts
    }
    assert importing == set()


#: What every kind of mailbox that is left is held to.
REST = ("tests/mailboxes/conformance", "tests/journeys/test_main_job.py")


def sources_without(folder: str, to: Path) -> Path:
    """A copy of the sources with their tests, without the folder of a kind."""
    gone = str(PACKAGE / "mailboxes" / folder)
    for name in ("placet", "tests", "benchmarks", "tools", "clients", "docs", "requirements"):
        shutil.copytree(
            ROOT / name,
            to / name,
            ignore=lambda at, names: {*names} if at == gone else {"__pycache__", "node_modules"},
        )
    (to / "placet" / "mailboxes" / folder).rmdir()
    for name in ("pyproject.toml", "CHANGELOG.md", "README.md", "CONTRIBUTING.md", "Makefile"):
        shutil.copy(ROOT / name, to / name)
    return to


def pytest_in(copy: Path, *words: str) -> str:
    """What a run there says."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "PLACET_"))
    }
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", *words],
        cwd=copy,
        env=environment,
        capture_output=True,
        text=True,
        timeout=3000,
        check=False,
    )
    return f"{ended.stdout[-20_000:]}{ended.stderr[-5_000:]}"


def imports(path: Path, folder: str, copy: Path) -> bool:
    """Whether a file of tests cannot be loaded without the folder: it imports it, or another one that does."""
    source = path.read_text()
    if re.search(rf"^(?:from|import) placet\.mailboxes\.{folder}\b", source, re.MULTILINE):
        return True
    beside = [path.parent / name for name in re.findall(r"^from \.(\w+) import", source, re.MULTILINE)]
    elsewhere = [
        copy / name.replace(".", "/")
        for name in re.findall(r"^from (tests\.[\w.]+) import", source, re.MULTILINE)
    ]
    others = [one.with_suffix(".py") for one in (*beside, *elsewhere)]
    return any(imports(one, folder, copy) for one in others if one.exists())


@pytest.mark.whole
@pytest.mark.long
@pytest.mark.any_database
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("folder", FOLDERS)
def test_the_tests_of_the_rest_run_without_it(folder: str, tmp_path: Path) -> None:
    """All are loaded but those about the folder, and what each kind is held to holds of all that are left."""
    copy = sources_without(folder, tmp_path / "copy")
    for name in re.findall(r"^ERROR (\S+)", pytest_in(copy, "--collect-only"), re.MULTILINE):
        path = copy / name / "conftest.py" if (copy / name).is_dir() else copy / name
        assert imports(path, folder, copy), f"{name} cannot be loaded without {folder}"
    last = pytest_in(copy, *REST)
    assert re.search(r"\d+ passed", last) and not re.search(r"\d+ (failed|errors?)\b", last), last
