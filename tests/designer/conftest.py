import pytest

from placet.designer import cases, replay, trying


@pytest.fixture(autouse=True)
def a_busy_machine_ends_no_play(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trying, "MOST_SECONDS", 300.0)
    monkeypatch.setattr(cases, "MOST_SECONDS", 3000.0)
    monkeypatch.setattr(replay, "SECONDS", 300.0)
