"""What a release says of itself; what is in its wheel is in `test_wheel`."""

import subprocess
from pathlib import Path

import pytest

from placet import __version__
from tests.test_complete import ROOT
from tools import release
from tools.release import ReleaseInvalid


def test_what_is_new_is_what_the_changelog_says_of_this_version() -> None:
    changelog = (
        "# Changelog\n\n## [Unreleased]\n\n- soon\n\n## [0.2.0] - 2026-12-01\n\n### Added\n- one\n\n"
        "## [0.1.0] - 2026-11-29\n- old\n"
    )
    assert release.notes_of(changelog, "0.2.0") == "# Placet 0.2.0\n\n### Added\n- one\n"
    assert release.notes_of(changelog, "0.1.0") == "# Placet 0.1.0\n\n- old\n"


@pytest.mark.parametrize(
    "changelog",
    ["", "## [0.2.0] - unreleased\n- one\n", "## [0.2.0] - 2026-12-01\n\n## [0.1.0] - 2026-11-29\n- x\n"],
)
def test_a_version_of_which_nothing_is_said_is_not_published(changelog: str) -> None:
    with pytest.raises(ReleaseInvalid, match=r"0\.2\.0"):
        release.notes_of(changelog, "0.2.0")


def test_the_changelog_says_what_this_version_has_and_has_room_for_the_next() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert "### Added" in release.notes_of(changelog, __version__)
    assert changelog.index("## [Unreleased]") < changelog.index(f"## [{__version__}] - ")


def test_the_checksums_are_those_that_sha256sum_reads(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"2")
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "SHA256SUMS").write_text(release.checksums(tmp_path))
    command = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    checked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert checked.stdout == "a: OK\nb: OK\n"
