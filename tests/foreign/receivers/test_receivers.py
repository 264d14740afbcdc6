"""Proof of the sender where Placet's mailbox lies behind mail servers as people run them: Postfix with OpenDKIM,
OpenDMARC and policyd-spf, and Postfix with rspamd, over port 25 and with DNS. In a process with a network of its own
(`servers.py`), which only root can make."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[2]


def test_real_receivers() -> None:
    assert os.geteuid() == 0, "Postfix and a network of one's own need root"
    command = ["unshare", "--net", "--mount", sys.executable, "-m", "pytest", "-q", "-p", "no:xdist"]
    ended = subprocess.run(
        [*command, "-p", "no:cacheprovider", "-rP", "--timeout=900", HERE / "in_a_network.py"],
        env={**os.environ, "NETWORK_OF_ITS_OWN": "1", "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout[-8000:] + ended.stderr[-2000:]
    assert "passed" in ended.stdout
    print(ended.stdout)  # the figures
