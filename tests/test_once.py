"""What a run makes once."""

from pathlib import Path

import pytest

from tests.once import NAME, Kept, Together, digest_of_tables
from tools.changed_tests import ROOT


@pytest.fixture
def others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Together, Together]:
    """Of two processes of one run that is not this one."""
    monkeypatch.setenv(NAME, str(tmp_path))
    return Together(), Together()


def test_files_are_made_by_the_first_that_asks(others: tuple[Together, Together]) -> None:
    makers: list[str] = []

    def make(folder: Path, maker: str) -> None:
        makers.append(maker)
        (folder / "content").write_text(maker)

    one, other = others
    first = one.files("wheel", lambda folder: make(folder, "one"))
    second = other.files("wheel", lambda folder: make(folder, "other"))
    assert first == second
    assert makers == ["one"] == [(second / "content").read_text()]
    third = other.files("another", lambda folder: make(folder, "other"))
    assert (third / "content").read_text() == "other"


def test_what_was_begun_and_not_ended_is_made_anew(others: tuple[Together, Together]) -> None:
    def half(folder: Path) -> None:
        (folder / "half").touch()
        raise RuntimeError("killed")

    one, other = others
    with pytest.raises(RuntimeError, match="killed"):
        one.files("wheel", half)
    folder = other.files("wheel", lambda folder: (folder / "whole").touch())
    assert [file.name for file in folder.iterdir()] == ["whole"]


def test_what_outlasts_a_run_is_used_as_long_as_all_that_it_follows_from_stays(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "content").write_text("tables")
    kept = Kept(tmp_path / "kept")
    assert not kept.copy("a", tmp_path / "none")
    kept.keep("a", tmp_path / "made")
    assert kept.copy("a", tmp_path / "copy")
    assert (tmp_path / "copy" / "content").read_text() == "tables"
    kept.keep("b", tmp_path / "made")
    assert not kept.copy("a", tmp_path / "none")
    assert kept.copy("b", tmp_path / "another")


@pytest.mark.parametrize(
    "changed",
    [
        "mail/migrations/0001_initial.py",
        "commands/new_tables.py",
        "lib/fields.py",
        "lib/text_index.py",
        "settings.py",
    ],
)
def test_tables_are_made_anew_where_a_migration_or_what_it_imports_is_another(
    changed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, before = Path.read_bytes, digest_of_tables()
    other = ROOT / "placet" / changed
    monkeypatch.setattr(Path, "read_bytes", lambda path: read(path) + b"#" * (path == other))
    assert digest_of_tables() != before
