"""What a run makes once."""

from pathlib import Path

import pytest

from tests.once import NAME, Together


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
