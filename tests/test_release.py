"""What `make release` publishes: the same bytes for the same commit, whole, and ready without making anything."""

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from placet import __version__
from tests.installation import PATIENCE
from tests.test_complete import PACKAGE, ROOT, tracked
from tools import release
from tools.release import ReleaseInvalid

MOMENT = 1_764_374_400
STARTED = "from placet.replies.languages.table import shipped; print(len(shipped().get('codes')))"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is tracked, as a commit would give it."""
    tree = tmp_path_factory.mktemp("release") / "tree"
    for path in tracked():
        if path.is_relative_to(PACKAGE) or path.parent == ROOT:
            copy = tree / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
    return tree


def built(tree: Path, folder: Path) -> Path:
    shutil.copytree(tree, folder / "tree")
    (folder / "dist").mkdir()
    return release.build(folder / "tree", folder / "dist", MOMENT)


@pytest.fixture(scope="module")
def wheel(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tree, tmp_path_factory.mktemp("first"))


@pytest.mark.long
@pytest.mark.any_database
def test_the_same_sources_give_the_same_bytes(
    wheel: Path, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in tree.rglob("*"):
        os.utime(path, (0, 0))
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    before = os.umask(0o077)
    try:
        again = built(tree, tmp_path)
    finally:
        os.umask(before)
    assert hashlib.sha256(again.read_bytes()).digest() == hashlib.sha256(wheel.read_bytes()).digest()


@pytest.mark.long
@pytest.mark.any_database
def test_whoever_installs_it_makes_no_table_of_words(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    environment = {
        **os.environ,
        "PYTHONPATH": str(tmp_path / "site"),
        "PYTHONPYCACHEPREFIX": str(tmp_path / "cache"),
    }
    started = subprocess.run(
        [sys.executable, "-c", STARTED],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=True,
    )  # fmt: skip
    assert int(started.stdout) > 20
    assert not [*(tmp_path / "cache").rglob("*.table")]


@pytest.mark.parametrize("harm", ["a file more", "a file less", "words of another table"])
@pytest.mark.long
@pytest.mark.any_database
def test_a_wheel_that_is_not_whole_is_not_published(harm: str, wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        needed = {name for name in archive.namelist() if ".dist-info/" not in name}
        changed = tmp_path / wheel.name
        with zipfile.ZipFile(changed, "w") as other:
            for name in archive.namelist():
                if harm == "a file less" and name.endswith("placet.css"):
                    continue
                more = (
                    b"# another"
                    if harm == "words of another table" and name.endswith("languages/en.toml")
                    else b""
                )
                other.writestr(name, archive.read(name) + more)
            if harm == "a file more":
                other.writestr("placet/local.py", "")
    with pytest.raises(ReleaseInvalid):
        release._check(changed, needed, tmp_path / "site", os.environ)


@pytest.mark.any_database
def test_what_is_new_is_what_the_changelog_says_of_this_version() -> None:
    changelog = (
        "# Changelog\n\n## [Unreleased]\n\n- soon\n\n## [0.2.0] - 2026-12-01\n\n### Added\n- one\n\n"
        "## [0.1.0] - 2026-11-29\n- old\n"
    )
    assert release.notes_of(changelog, "0.2.0") == "# Placet 0.2.0\n\n### Added\n- one\n"
    assert release.notes_of(changelog, "0.1.0") == "# Placet 0.1.0\n\n- old\n"


@pytest.mark.any_database
@pytest.mark.parametrize(
    "changelog",
    ["", "## [0.2.0] - unreleased\n- one\n", "## [0.2.0] - 2026-12-01\n\n## [0.1.0] - 2026-11-29\n- x\n"],
)
def test_a_version_of_which_nothing_is_said_is_not_published(changelog: str) -> None:
    with pytest.raises(ReleaseInvalid, match=r"0\.2\.0"):
        release.notes_of(changelog, "0.2.0")


@pytest.mark.any_database
def test_the_changelog_says_what_this_version_has_and_has_room_for_the_next() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert "### Added" in release.notes_of(changelog, __version__)
    assert changelog.index("## [Unreleased]") < changelog.index(f"## [{__version__}] - ")


@pytest.mark.any_database
def test_the_checksums_are_those_that_sha256sum_reads(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"2")
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "SHA256SUMS").write_text(release.checksums(tmp_path))
    command = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    checked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert checked.stdout == "a: OK\nb: OK\n"
