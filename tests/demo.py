"""`placet demo` as a process of its own, for tests in a real browser."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page

from tests.installation import PATIENCE, ended_after, free_port

DOMAIN = "contoso.example"


HEEDS_CTRL_C = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from placet.cli import main; sys.exit(main(sys.argv[1:]))"
)


@dataclass(frozen=True)
class Demo:
    """A demo that runs. `said` is what it printed when it was ready."""

    first_page: str
    url: str  # of Placet
    webmail: str
    password: str
    said: str

    def address_of(self, first: str) -> str:
        return f"{first}@{DOMAIN}"

    def sign_in(self, page: Page, first: str) -> None:
        """On the page that asks for it."""
        page.get_by_label("E-mail address").fill(self.address_of(first))
        page.get_by_label("Password", exact=True).fill(self.password)
        page.get_by_role("button", name="Sign in").click()


@contextmanager
def running_demo(folder: Path | None = None) -> Iterator[Demo]:
    """Started in a folder where an installation of somebody's is set, which it must leave alone."""
    with tempfile.TemporaryDirectory() as other:
        process = _started(folder or Path(other))
        try:
            yield _demo(process)
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(PATIENCE)
            finally:
                process.kill()
                assert process.stdout is not None
                process.stdout.close()


def _started(folder: Path) -> "subprocess.Popen[str]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PLACET_")}
    return subprocess.Popen(
        # Where the tests run in the background, Ctrl-C is ignored, and so it is by what they start.
        [sys.executable, "-c", HEEDS_CTRL_C, "demo", "--port", str(free_port())],
        env=environment | {"PLACET_DATA_DIR": str(folder)},
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
    )


def _demo(process: "subprocess.Popen[str]") -> Demo:
    said = ""
    with ended_after(2 * PATIENCE, process) as lines:
        for line in lines:
            said += line
            if "Web mail" in line:
                break
    found = {
        name: re.search(rf"{words} +(\S+)", said)
        for name, words in {
            "first_page": "Open this",
            "url": "Placet  ",
            "webmail": "Web mail",
            "password": "password",
        }.items()
    }
    assert all(found.values()), said
    return Demo(**{name: match[1].rstrip("/") for name, match in found.items() if match}, said=said)
