"""What a start costs: processor time of `placet serve` up to its first page and of three other commands, beside a bare
Django in the same run, and the memory and processor that it takes
while nobody asks it for anything. `python -m benchmarks.start --help`

They take turns, and of each the quickest counts: what else the machine does makes them slower, never quicker. What
Python and Placet keep of their sources is there, but for the row that says so. With `--before` another version takes
its turns beside this one.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import requests

from benchmarks.replies import machine
from benchmarks.tenant import command, environment

MEGABYTE = 1024 * 1024
IDLE_AFTER = 10.0  # seconds
IDLE_FOR = 20.0  # seconds in which what it does by itself is measured
HERE = Path(__file__).resolve().parents[1]
MAIL = HERE / "tests" / "mails" / "approve_plain.eml"
BARE_DJANGO = (
    "import django; from django.conf import settings; settings.configure(INSTALLED_APPS=["
    "'django.contrib.auth', 'django.contrib.contenttypes', 'django.contrib.sessions']); django.setup(); "
    "import django.urls, django.forms, django.core.handlers.wsgi"
)
COMMANDS = {
    "placet --version": ["--version"],
    "placet group list": ["group", "list"],
    "placet explain": ["explain", str(MAIL)],
}
SERVE = "placet serve, to the first page"
IDLE = "placet serve, idle"


@dataclass(frozen=True)
class Serve:
    first_page: float  # seconds of the processor
    idle: int  # bytes that are resident, some time after the page
    busy: float  # share of a processor that it takes then


@dataclass
class Sources:
    """One version of Placet, with an installation of its own. Seconds of the processor are kept by row."""

    folder: Path
    env: Mapping[str, str]
    seconds: dict[str, list[float]] = field(default_factory=dict)
    idle: list[int] = field(default_factory=list)  # bytes
    busy: list[float] = field(default_factory=list)
    words_made: float = 0.0  # seconds of the processor that `placet explain` takes with the table of words

    @classmethod
    def at(cls, folder: Path, work: Path) -> "Sources":
        """`folder`: of the sources; `work`: for what they keep."""
        own = {"PYTHONPATH": str(folder), "PYTHONPYCACHEPREFIX": str(work / "kept")}
        env = environment(work / "data") | own
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        return cls(folder, env)

    def warm_up(self, work: Path) -> None:
        explain = [str(command()), *COMMANDS["placet explain"]]
        _processor(explain, self.env)
        for path in (work / "kept").rglob("*.table"):
            path.unlink()
        self.words_made = _processor(explain, self.env)
        _serve(self.env)  # makes the tables of the database

    def take_turn(self) -> None:
        for row, words in COMMANDS.items():
            self.seconds.setdefault(row, []).append(_processor([str(command()), *words], self.env))
        served = _serve(self.env)
        self.seconds.setdefault(SERVE, []).append(served.first_page)
        self.idle.append(served.idle)
        self.busy.append(served.busy)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.start", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument(
        "--before", type=Path, help="folder with the sources of another version to measure, too"
    )
    options = parser.parse_args()
    bare: list[float] = []
    with tempfile.TemporaryDirectory(prefix="placet-bench-") as folder:
        works = {name: Path(folder) / name for name in ("now", "before")}
        now = Sources.at(HERE, works["now"])
        before = Sources.at(options.before.resolve(), works["before"]) if options.before else None
        versions = [(now, works["now"]), *([(before, works["before"])] if before else [])]
        for version, work in versions:
            version.warm_up(work)
        for _ in range(options.turns):
            bare.append(_processor([sys.executable, "-c", BARE_DJANGO], now.env))
            for version, _work in versions:
                version.take_turn()
    print(f"{'bare Django':<36} {min(bare):>6.2f} s of the processor")
    _print(now, min(bare), before)
    print(machine())


def _print(now: Sources, bare: float, before: Sources | None) -> None:
    for row in (*COMMANDS, SERVE):
        seconds = min(now.seconds[row])
        line = f"{row:<36} {seconds:>6.2f} s of the processor {seconds / bare:>6.1f} times bare Django"
        if before is not None:
            earlier = min(before.seconds[row])
            line += f"; before {earlier:.2f} s, {earlier / bare:.1f} times: {seconds / earlier:.0%} of it"
        print(line)
    print(f"{'placet explain, words made anew':<36} {now.words_made:>6.2f} s of the processor")
    line = f"{IDLE:<36} {statistics.median(now.idle) / MEGABYTE:>6.0f} MB resident"
    if before is not None:
        line += f"; before {statistics.median(before.idle) / MEGABYTE:.0f} MB"
    print(line)
    line = f"{IDLE:<36} {min(now.busy):>6.1%} of a processor"
    if before is not None:
        line += f"; before {min(before.busy):.1%}"
    print(line)


def _processor(words: Sequence[str], env: Mapping[str, str]) -> float:
    """Seconds of the processor that a command takes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(words, env=env, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _spent(process: psutil.Popen) -> float:
    """Seconds of the processor, so far."""
    times = process.cpu_times()
    return float(times.user + times.system)


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
        first_page = _spent(process)
        time.sleep(IDLE_AFTER)
        resident, begun, at = process.memory_info().rss, _spent(process), time.monotonic()
        time.sleep(IDLE_FOR)
        busy = (_spent(process) - begun) / (time.monotonic() - at)
        return Serve(first_page, resident, busy)
    finally:
        process.terminate()
        process.wait(timeout=60)


if __name__ == "__main__":
    main()
