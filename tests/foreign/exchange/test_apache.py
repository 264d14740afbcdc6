"""NTLM and Kerberos as Apache (mod_auth_gssapi, gss-ntlmssp, MIT Kerberos) speaks them, in a process that has gssapi:
it is compiled against the system's libraries, and no part of what Placet is tested with."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
WANTED = ("gssapi>=1.9", "krb5>=0.7")  # the extra `kerberos`


def _library() -> Path:
    folder = Path(sys.prefix) / "kerberos"
    if not (folder / "krb5").is_dir():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder)]
        subprocess.run([*command, *WANTED, "decorator"], check=True, timeout=600)
    return folder


def test_exchange_behind_apache() -> None:
    paths = os.pathsep.join([str(ROOT), str(_library()), os.environ.get("PYTHONPATH", "")])
    ended = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:xdist",
            "-p",
            "no:cacheprovider",
            HERE / "over_apache.py",
        ],
        env={**os.environ, "PYTHONPATH": paths},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout[-6000:] + ended.stderr[-2000:]
    assert "passed" in ended.stdout
