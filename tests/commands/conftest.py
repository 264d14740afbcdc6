"""The `placet` command as somebody types it: words, standard input, what it prints and its exit code."""

import io
import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from placet import cli


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    error: str


Run = Callable[..., Ran]


@pytest.fixture
def placet(db: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    def run(*words: str, stdin: str = "") -> Ran:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        capsys.readouterr()
        try:
            code = cli.main(words)
        except SystemExit as wrong_words:  # argparse
            code = int(wrong_words.code or 0)
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return Ran(code, said.out, said.err)

    return run
