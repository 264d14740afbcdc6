"""`python -m tools.unpacked`: mail servers of Debian that the tests run and that cannot be installed beside others
(each conflicts with every other IMAP server), unpacked below the virtual environment.

apt gets them, by name, from where it is configured to; nobody has to be root for it. Libraries that they need and this
machine has not are unpacked with them. In CI a failure is one; elsewhere it is a line.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

FOLDER = Path(sys.prefix) / "unpacked"
SERVERS = {
    "cyrus": ("cyrus-common", "cyrus-imapd", "cyrus-pop3d", "cyrus-caldav"),  # the last one has its httpd
    "courier": ("courier-base", "courier-pop", "courier-imap", "courier-authlib"),
}
LONGEST = 300.0  # seconds of each turn of apt
#: Of a field Depends: the first of several choices, where it is a library.
_LIBRARY = re.compile(r"(?:^|,)\s*(lib[a-z0-9.+-]+)")


class NotUnpacked(Exception):
    """apt could not get it; the last lines that it wrote."""


def unpack(server: str) -> Path:
    """The folder in which the server's `usr` is; nothing is done where it is there already."""
    folder = FOLDER / server
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / "unpacked"  # the names of what was unpacked, written last
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # test processes start at once
        wanted = "\n".join(SERVERS[server])
        if not done.exists() or done.read_text() != wanted:
            _unpack(SERVERS[server], folder)
            done.write_text(wanted)
    return folder


def environment(folder: Path) -> dict[str, str]:
    """What its programs are started with: they find the libraries beside them."""
    libraries = [folder / "usr" / "lib", *(folder / "usr" / "lib").glob("*-linux-gnu*")]
    return os.environ | {"LD_LIBRARY_PATH": ":".join(map(str, libraries))}


def _unpack(names: Sequence[str], folder: Path) -> None:
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise NotUnpacked("there is no apt here; the servers are taken from Debian's packages")
    with tempfile.TemporaryDirectory() as place:
        got: set[str] = set()
        missing = set(names)
        while missing:
            _download(sorted(missing), Path(place))
            got |= missing
            archives = list(Path(place).glob("*.deb"))
            libraries = {name for archive in archives for name in _libraries(archive)}
            missing = {name for name in libraries - got if not _is_installed(name)}
        for archive in archives:
            _run("dpkg-deb", "--extract", str(archive), str(folder))


def _download(names: Sequence[str], place: Path) -> None:
    try:
        _run("apt-get", "download", *names, folder=place)
    except NotUnpacked:
        if os.geteuid() != 0:
            raise
        _run("apt-get", "update", "-qq")  # it knew no packages, or older ones than there are
        _run("apt-get", "download", *names, folder=place)


def _libraries(archive: Path) -> list[str]:
    return _LIBRARY.findall(_run("dpkg-deb", "--field", str(archive), "Depends"))


def _is_installed(name: str) -> bool:
    try:
        shown = _run("dpkg-query", "--show", "--showformat=${db:Status-Status}", name)
    except NotUnpacked:
        return False  # dpkg has never heard of it
    return "installed" in shown.split()


def _run(*command: str, folder: Path | None = None) -> str:
    try:
        ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=LONGEST)  # noqa: S603
    except subprocess.TimeoutExpired:
        raise NotUnpacked(f"{command[0]} took longer than {LONGEST:.0f} seconds") from None
    if ran.returncode:
        raise NotUnpacked(" | ".join((ran.stderr or ran.stdout).strip().splitlines()[-3:]))
    return ran.stdout


def main() -> int:
    for server in SERVERS:
        try:
            unpack(server)
        except NotUnpacked as error:
            sys.stderr.write(f"The tests against {server} are left out, apt could not get it: {error}\n")
            if os.environ.get("CI"):
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
