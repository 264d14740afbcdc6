"""`placet mcp`: what it refuses before it begins. What it does then is in `tests/agents`."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from placet import cli
from placet.agents import http as over_http
from placet.commands import mcp as command
from tests.clients.scripted import KEY, URL
from tests.commands.conftest import Ran
from tests.installation import PATIENCE

Run = Callable[..., Ran]
NEVER_LOADED = ("placet.settings", "django.db", "mcp", "placet_client", "ninja")


@pytest.fixture
def mcp(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.delenv("PLACET_URL", raising=False)
    monkeypatch.delenv("PLACET_KEY", raising=False)

    def run(*words: str | Path, **environment: str) -> Ran:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        capsys.readouterr()
        try:
            code = cli.main(["mcp", *map(str, words)])
        except SystemExit as error:  # argparse's own
            code = int(error.code or 0)
        shown = capsys.readouterr()
        return Ran(code, shown.out, shown.err)

    return run


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "Say where Placet is: --url or PLACET_URL."),
        (["--url", URL], "It needs a key: --key-file or PLACET_KEY."),
        (["--url", "http://approvals.example.com"], "It needs a key"),
        (["--url", URL, "--key-file", "no such file"], "no such file cannot be read"),
        (["--url", URL, "--http", "8001"], "must be host:port"),
        (["--url", URL, "--http", "0.0.0.0:8001"], "--allow-host agents.example.com"),
        (["--url", URL, "--http", "127.0.0.1:8001", "--key-file", "key"], "leave --key-file out"),
        (["--url", "http://approvals.example.com", "--http", "127.0.0.1:8001"], "must begin with https://"),
    ],
)
def test_what_is_missing_is_said_in_a_line(mcp: Run, words: list[str], said: str) -> None:
    ended = mcp(*words)
    assert ended.code != 0
    assert ended.out == ""
    assert said in ended.error.splitlines()[-1]


def test_a_wrong_address_is_said_before_a_client_begins(mcp: Run) -> None:
    ended = mcp("--url", "http://approvals.example.com", PLACET_KEY=KEY)
    assert (ended.code, ended.error.count("\n")) == (1, 1)
    assert "must begin with https://" in ended.error
    assert KEY not in ended.error


@pytest.mark.parametrize("missing", ["mcp", "placet_client"])
def test_without_its_packages_it_says_how_to_get_them(
    mcp: Run, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    def find(name: str) -> object:
        return None if name == missing else object()

    monkeypatch.setattr(command, "find_spec", find)
    ended = mcp("--url", URL, PLACET_KEY=KEY)
    assert (ended.code, ended.error.count("\n")) == (1, 1)
    assert "placet[mcp]" in ended.error


def test_over_http_it_has_no_key_of_its_own(mcp: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[tuple[str, int]] = []
    monkeypatch.setattr(over_http, "serve", lambda app, host, port: served.append((host, port)))
    ended = mcp("--url", URL, "--http", "[::]:8001", "--allow-host", "agents.example.com", PLACET_KEY=KEY)
    assert (ended.code, served) == (0, [("[::]", 8001)])
    assert ended.out == ""


def test_nothing_of_an_installation_is_loaded_for_it(tmp_path: Path) -> None:
    """Nor what it brings, before it is known that it can begin."""
    code = (
        "import sys; from placet.cli import main; code = main(['mcp']); "
        f"print(code, sorted(set({NEVER_LOADED!r}) & set(sys.modules)))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(Path(cli.__file__).parents[1])},
        cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=True,
    )  # fmt: skip
    assert ended.stdout == "1 []\n"
    assert list(tmp_path.iterdir()) == []
