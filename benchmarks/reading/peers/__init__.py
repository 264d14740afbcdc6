"""Other programs that find the new text of a reply, installed for the measurement and run beside it.

Each runs in a process of its own. One that does not answer within LIMIT is stopped, started again, and has
missed that mail; one that cannot be installed is named with the reason.
"""

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.reading.plain import text_of

LIMIT = 5.0  # seconds for one mail
_START = 60.0  # seconds until a peer says that it runs
_HERE = Path(__file__).parent
_STAMP = "installed.json"


@dataclass(frozen=True)
class Peer:
    """What to install, and how it is used."""

    name: str
    packages: tuple[str, ...]
    corpus: str = ""  # its own: it was developed on that one
    reads_html: bool = False  # else it gets the text of HTML
    node: bool = False
    bare: tuple[str, ...] = ()  # packages that are installed without what they say they need


PEERS = (
    Peer("mail-parser-reply", ("mail-parser-reply==1.36",)),
    Peer("quotequail", ("quotequail==0.5.4", "lxml"), reads_html=True),
    # Its list of needs holds scientific libraries for the signatures' model, which is left out.
    Peer(
        "talon", ("lxml", "cssselect", "chardet", "cchardet", "regex", "html5lib", "six"), "talon",
        reads_html=True, bare=("talon==1.4.4",),
    ),
    Peer("email-reply-parser", ("email-reply-parser@2.3.7",), "crisp_email_reply_parser", node=True),
)  # fmt: skip
FOR_SPEED = Peer("mail-parser-reply-13", ("mail-parser-reply==1.36",))


class NotInstalled(Exception):
    """The message says what the installer said."""


def install(peer: Peer, folder: Path) -> None:
    """Install one peer under `folder`, unless that was done before. Raises NotInstalled."""
    stamp = folder / _STAMP
    done = json.loads(stamp.read_text()) if stamp.exists() else {}
    wanted = [*peer.packages, *peer.bare]
    if done.get(peer.name) == wanted:
        return
    folder.mkdir(parents=True, exist_ok=True)
    for command in _commands(peer, folder):
        _must(command)
    stamp.write_text(json.dumps({**done, peer.name: wanted}))


def _commands(peer: Peer, folder: Path) -> list[list[str]]:
    if peer.node:
        quiet = ("--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock")
        return [["npm", "install", *quiet, "--prefix", str(folder), *peer.packages]]
    pip = [str(_python(folder)), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    return [
        *([] if _python(folder).exists() else [[sys.executable, "-m", "venv", str(folder / "venv")]]),
        [*pip, *peer.packages],
        *([[*pip, "--no-deps", *peer.bare]] if peer.bare else []),
    ]


def _python(folder: Path) -> Path:
    return folder / "venv" / "bin" / "python"


def _must(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise NotInstalled(str(problem)) from None
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise NotInstalled(said[-1] if said else f"{command[0]} ended with {done.returncode}")


@dataclass(frozen=True)
class Found:
    """What a peer made of one mail."""

    text: str
    seconds: float
    problem: str = ""  # "": it answered


@dataclass
class Runner:
    """A running peer. Use it in `with`; raises NotInstalled at its start."""

    peer: Peer
    folder: Path
    version: str = ""
    _process: "subprocess.Popen[str] | None" = None
    _lines: "queue.SimpleQueue[str]" = field(default_factory=queue.SimpleQueue)

    def __enter__(self) -> "Runner":
        install(self.peer, self.folder)
        self._start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop()

    def read(self, kind: str, text: str) -> Found:
        """The new text of a body; `kind` is "text" or "html"."""
        if kind == "html" and not self.peer.reads_html:
            kind, text = "text", text_of(text)
        if self._process is None:
            self._start()
        assert self._process is not None and self._process.stdin is not None
        self._process.stdin.write(json.dumps({"kind": kind, "text": text}) + "\n")
        self._process.stdin.flush()
        answer = self._next(LIMIT)
        if answer is None:
            self._stop()
            return Found("", LIMIT, f"no answer in {LIMIT:.0f} s")
        if "error" in answer:
            return Found("", answer["seconds"], answer["error"])
        return Found(answer["text"] if "text" in answer else text_of(answer["html"]), answer["seconds"])

    def _start(self) -> None:
        command = (
            ["node", str(_HERE / "worker.mjs"), str(self.folder)]
            if self.peer.node
            else [str(_python(self.folder)), "-I", str(_HERE / "worker.py"), self.peer.name]
        )
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self._lines = queue.SimpleQueue()
        threading.Thread(target=_pump, args=(self._process, self._lines), daemon=True).start()
        hello = self._next(_START)
        if hello is None:
            error = self._stop()
            raise NotInstalled(f"it does not start: {error}")
        self.version = hello["version"]

    def _next(self, seconds: float) -> dict[str, Any] | None:
        """The next line out; None if there is none in time, or the process has ended."""
        try:
            line = self._lines.get(timeout=seconds)
        except queue.Empty:
            return None
        found: dict[str, Any] | None = json.loads(line) if line else None
        return found

    def _stop(self) -> str:
        """End the process; gives the line of its errors that says most."""
        if self._process is None:
            return ""
        process, self._process = self._process, None
        process.kill()
        _, error = process.communicate()
        said = error.strip().splitlines() or ["it said nothing"]
        return next((line for line in said if "Error" in line), said[-1])


def _pump(process: "subprocess.Popen[str]", lines: "queue.SimpleQueue[str]") -> None:
    """Lines out, one after the other, and "" at the end."""
    assert process.stdout is not None
    for line in process.stdout:
        lines.put(line)
    lines.put("")
