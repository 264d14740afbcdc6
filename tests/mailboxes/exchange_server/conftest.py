from collections.abc import Iterator
from pathlib import Path

import pytest

from placet.mailboxes import http

from .authority import made_authority
from .front import PASSWORD, USER, Front, running_front


@pytest.fixture
def accounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that the door knows."""
    domain, name = USER.split("\\")
    path = tmp_path / "accounts"
    path.write_text(f"{domain}:{name}:{PASSWORD}\n")
    monkeypatch.setenv("NTLM_USER_FILE", str(path))


@pytest.fixture
def front(accounts: None) -> Iterator[Front]:
    with running_front() as running:
        yield running


@pytest.fixture
def authority(tmp_path_factory: pytest.TempPathFactory) -> "tuple[str, Path]":
    """An organisation's own: its certificate (PEM), and a file with what it made for 127.0.0.1."""
    return made_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def tls_front(
    accounts: None, authority: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Front]:
    monkeypatch.setattr(http, "private_targets", lambda: ["127.0.0.1"])
    with running_front(authority[1]) as running:
        yield running
