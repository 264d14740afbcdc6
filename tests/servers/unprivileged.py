"""What servers of tests have in common that run as an ordinary user: as the one that runs the tests, or as `nobody`
where that is root."""

import getpass
import os
import pwd
import socket
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.installation import PATIENCE

UNPRIVILEGED = "nobody"


def ordinary_user() -> str:
    """Of the system, that a server runs as."""
    return UNPRIVILEGED if os.geteuid() == 0 else getpass.getuser()


def running_as(user: str) -> dict[str, Any]:
    """What makes subprocess run something as this user."""
    if os.geteuid() != 0:
        return {}
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


def give(folder: Path, user: str) -> None:
    """All of a folder to the user that a server runs as; others may come as far as its sockets."""
    folder.chmod(0o755)
    if os.geteuid() == 0:
        account = pwd.getpwnam(user)
        for path in (folder, *folder.rglob("*")):
            os.chown(path, account.pw_uid, account.pw_gid)


def answers(ports: Iterable[int], process: "subprocess.Popen[bytes]") -> bool:
    """Whether a server lives and listens on each of its ports."""
    until = time.monotonic() + PATIENCE
    missing = list(ports)
    while time.monotonic() < until and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", missing[-1]), 1):
                missing.pop()
        except OSError:
            time.sleep(0.02)
        if not missing:
            return True
    return False
