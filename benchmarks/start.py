"""What a start costs: processor time of `placet serve` up to its first page and of `placet explain`, beside a bare
Django in the same run, and memory. `python -m benchmarks.start --help`

They take turns, and of each the quickest counts: what else the machine does makes them slower, never quicker. What
Python and Placet keep of their sources is there, but for the row that says so.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
import requests

from benchmarks.replies import machine
from benchmarks.tenant import command, environment

MEGABYTE = 1024 * 1024
IDLE_AFTER = 10.0  # seconds
MAIL = Path(__file__).parents[1] / "tests" / "mails" / "approve_plain.eml"
BARE_DJANGO = (
    "import django; from django.conf import settings; settings.configure(INSTALLED_APPS=["
    "'django.contrib.auth', 'django.contrib.contenttypes', 'django.contrib.sessions']); django.setup(); "
    "import django.urls, django.forms, django.core.handlers.wsgi"
)


@dataclass(frozen=True)
class Serve:
    first_page: float  # seconds of the processor
    idle: int  # bytes that are resident, some time after the page


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.start", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--turns", type=int, default=5)
    turns = parser.parse_args().turns
    explain = [str(command()), "explain", str(MAIL)]
    bare, explained, served = [], [], []
    with tempfile.TemporaryDirectory(prefix="placet-bench-") as folder:
        kept = Path(folder) / "kept"
        ours = environment(Path(folder) / "data") | {"PYTHONPYCACHEPREFIX": str(kept)}
        ours.pop("PYTHONDONTWRITEBYTECODE", None)
        _processor(explain, ours)
        for path in kept.rglob("*.table"):
            path.unlink()
        anew = _processor(explain, ours)
        _serve(ours)  # makes the tables of the database
        for _ in range(turns):
            bare.append(_processor([sys.executable, "-c", BARE_DJANGO], ours))
            explained.append(_processor(explain, ours))
            served.append(_serve(ours))
    for what, seconds in (
        ("bare Django", min(bare)),
        ("placet explain", min(explained)),
        ("placet explain, words made anew", anew),
        ("placet serve, to the first page", min(one.first_page for one in served)),
    ):
        print(f"{what:<32} {seconds:>6.2f} s of the processor {seconds / min(bare):>6.1f} times bare Django")
    idle = statistics.median(one.idle for one in served)
    print(f"{'placet serve, idle':<32} {idle / MEGABYTE:>6.0f} MB resident")
    print(machine())


def _processor(words: Sequence[str], env: Mapping[str, str]) -> float:
    """Seconds of the processor that a command takes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(words, env=env, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _serve(env: Mapping[str, str]) -> Serve:
    process = psutil.Popen(
        [str(command()), "serve"], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    )
    try:
        listening = next((line for line in process.stdout if "listening on" in line), "")
        if not listening:
            raise RuntimeError("placet serve did not start.")
        (port,) = {one.laddr.port for one in process.net_connections() if one.status == "LISTEN"}
        requests.get(f"http://127.0.0.1:{port}/", timeout=60).raise_for_status()
        spent = process.cpu_times()
        time.sleep(IDLE_AFTER)
        return Serve(spent.user + spent.system, process.memory_info().rss)
    finally:
        process.terminate()
        process.wait(timeout=60)


if __name__ == "__main__":
    main()
