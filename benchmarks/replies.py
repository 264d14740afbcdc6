"""The figures of a reply's path, beside a bare fetch of the same mails. `python -m benchmarks.replies --help`

Each row is a fresh installation on SQLite as `placet serve` has it, and a sandbox in a process of its own:

    whole path      poll and take_in, one after the other: mailbox → committed decision
    bare fetch      the same mails by requests, through the same way, nothing done with them
    exchangelib     inbox.all() with the MIME alone, by Exchange Web Services
    peers           other programs that take replies in, with the same ones from files (`benchmarks.peers`)
    bare rows       what the path wrote, once more by SQL alone (`benchmarks.bare_rows`)

They take turns, so that what else the machine does meets all of them: the path stops several times for a bare
fetch of everything and a share of the replies by each peer, and exchangelib comes before and after. Several passes
give their mean.
"""

import argparse
import cProfile
import os
import pstats
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from benchmarks.tenant import Tenant, environment, tenant

if TYPE_CHECKING:
    from benchmarks.memory import Memory
    from placet.work import Kind

PAUSES = 5  # of the path's second half, for a bare fetch each


@dataclass(frozen=True)
class Row:
    """Seconds, for so many replies with so many assignments open at the start."""

    way: str
    open: int
    replies: int
    bare: float
    exchangelib: float
    keep: float
    take_in: float
    processor: float  # of the whole path: the rest is waiting for the server, the disk and other programs
    fetching: float  # of processor time, in it: until the mails are kept. The others read theirs from files
    others: Mapping[str, float]  # of processor time, by the name of who did the same or less

    @property
    def path(self) -> float:
        return self.keep + self.take_in


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="placet-bench-") as folder:
        only_our_settings(Path(folder))
        heads = f"{'way':>6} {'open':>8} {'replies':>8} {'path/bare':>10} {'path/exchangelib':>17}"
        print(f"{heads}   milliseconds a mail:")
        for count in options.open:
            for way in options.ways:
                with tenant() as running:
                    replies = min(options.replies, count)
                    row = _row(running, way, count, replies, options.profile, options.peers and Path(folder))
                print(_line(row), *_others(row), sep="\n", flush=True)
        if options.memory:
            from benchmarks.memory import measure

            with tenant() as running:
                print(_memory_lines(measure(running)))
        print(machine())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.replies", description="The figures of Placet."
    )
    parser.add_argument(
        "--replies", type=int, default=2000, help="mails that wait (at most as many as are open)"
    )
    parser.add_argument(
        "--open", type=int, nargs="+", default=[10_000, 1_000, 100_000], help="open assignments"
    )
    parser.add_argument(
        "--ways", nargs="+", choices=["graph", "ews"], default=["graph", "ews"], help="ways to the mailbox"
    )
    parser.add_argument(
        "--no-memory", dest="memory", action="store_false", help="leave out the memory figures"
    )
    parser.add_argument(
        "--no-peers",
        dest="peers",
        action="store_false",
        help="leave out what other programs take for the same",
    )
    parser.add_argument("--profile", action="store_true", help="show where the time of the whole path goes")
    return parser.parse_args()


def only_our_settings(folder: Path, database: str = "") -> None:
    """The installation that is measured is a temporary one, whatever is set here. `database`: the address of a
    PostgreSQL; without it, SQLite in that folder."""
    ours = environment(folder)
    for name in [name for name in os.environ if name.startswith("PLACET_")]:
        del os.environ[name]
    os.environ.update(ours)
    if database:
        os.environ["PLACET_DATABASE_URL"] = database
    os.environ["DJANGO_SETTINGS_MODULE"] = "placet.settings"
    import django

    django.setup()


def _row(
    running: Tenant, way: str, open_: int, replies: int, profile: bool, peers_in: Path | Literal[False]
) -> Row:
    from django.conf import settings

    from benchmarks import bare, bare_rows, peers, seed
    from placet.approvals.models import Decision

    people = seed.fresh_installation(running, way)
    seed.requests(people, replies, open_)
    raws = seed.replies(running, replies)
    bares: list[float] = []
    libraries = [bare.by_exchangelib(running, replies)]
    with peers.running(peers_in, raws, -(-replies // PAUSES)) if peers_in else nullcontext() as turns:

        def pause() -> None:
            bares.append(bare.by_requests(running, way, replies))
            if turns:
                turns.turn()

        with _profiled(profile):
            keep, take_in = _whole_path(replies, pause)
        others = turns.end() if turns else {}
    libraries.append(bare.by_exchangelib(running, replies))
    decided = Decision.objects.count()
    if decided != replies:
        raise RuntimeError(f"{decided} of {replies} replies were decided.")
    with tempfile.TemporaryDirectory(prefix="placet-bench-") as folder:
        others["bare rows"] = bare_rows.seconds(Path(settings.DATABASES["default"]["NAME"]), Path(folder))
    return Row(
        way, open_, replies, statistics.mean(bares), statistics.mean(libraries), keep.wall, take_in.wall,
        keep.processor + take_in.processor, keep.processor, others,
    )  # fmt: skip


@dataclass
class Stopwatch:
    """Seconds spent inside `with`, added up."""

    wall: float = 0
    processor: float = 0

    def __enter__(self) -> None:
        self._began = time.perf_counter(), time.process_time()

    def __exit__(self, *error: object) -> None:
        wall, processor = self._began
        self.wall += time.perf_counter() - wall
        self.processor += time.process_time() - processor


def _whole_path(replies: int, pause: Callable[[], None]) -> tuple[Stopwatch, Stopwatch]:
    """How long it takes to keep what waits, and to take it in; with pauses that do not count."""
    from placet import work

    kinds = {kind.name: kind for kind in work.kinds()}
    keep, take_in = Stopwatch(), Stopwatch()
    pause()
    with keep:
        while work.run_once(kinds["poll"]):
            pass
    share = -(-replies // PAUSES)
    worked = share
    while worked == share:
        pause()
        with take_in:
            worked = _take_in(kinds["take_in"], share)
    return keep, take_in


def _take_in(kind: "Kind", most: int) -> int:
    """Take in so many mails, looked up as many at once as `placet serve` does."""
    from placet import work

    done = 0
    while done < most and (worked := work.run_once(kind, min(work.BATCH, most - done))):
        done += worked
    return done


@contextmanager
def _profiled(wanted: bool) -> Iterator[None]:
    profiler = cProfile.Profile()
    if wanted:
        profiler.enable()
    yield
    if wanted:
        profiler.disable()
        pstats.Stats(profiler).sort_stats("cumulative").print_stats(70)


def _line(row: Row) -> str:
    each = 1000 / row.replies
    return (
        f"{row.way:>6} {row.open:>8,} {row.replies:>8,} {row.path / row.bare:>10.2f} "
        f"{row.path / row.exchangelib:>17.2f}   "
        f"path {row.path * each:.2f} = keep {row.keep * each:.2f} + take in {row.take_in * each:.2f} "
        f"(processor {row.processor * each:.2f}, of it keep {row.fetching * each:.2f}), "
        f"bare fetch {row.bare * each:.2f}, exchangelib {row.exchangelib * each:.2f}"
    )


def _others(row: Row) -> list[str]:
    each = 1000 / row.replies
    take_in = row.processor - row.fetching
    return [
        f"{'':>25} processor of {name}: {taken * each:.2f}; the path {row.processor / taken:.2f} times that, take in "
        f"alone {take_in / taken:.2f}"
        for name, taken in row.others.items()
    ]


def _memory_lines(memory: "Memory") -> str:
    from benchmarks.memory import LARGE, MEGABYTE

    def shown(size: int) -> str:
        return f"{size / MEGABYTE:.0f} MB"

    return (
        f"placet serve, idle: {shown(memory.idle_rss)} resident, of which {shown(memory.idle_pss)} its own share\n"
        f"placet serve, peak with a mail of usual size: {shown(memory.small_peak)}; "
        f"with one of {shown(LARGE)}: {shown(memory.large_peak)}, "
        f"that is {(memory.large_peak - memory.small_peak) / LARGE:.1f} times the mail on top"
    )


def machine() -> str:
    import sqlite3

    return f"Python {sys.version.split()[0]}, SQLite {sqlite3.sqlite_version}, {os.cpu_count()} cores"


if __name__ == "__main__":
    main()
