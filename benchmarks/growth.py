"""What pages and regular work cost as the database grows. `python -m benchmarks.growth --help`

Milliseconds of one process without a web server: the view, its queries and its template. The quickest of several turns
counts, after a first one: what else the machine does makes them slower, never quicker. On SQLite as `placet serve` has
it; with `tools/with-postgres` in front of it on PostgreSQL, whose processor time for our connection is counted with
ours where it runs on the same Linux. What the database reads is counted, too, which no other program changes.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.replies import machine, only_our_settings

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from benchmarks.grown import Grown

LINES, BRANCHES = "lines", "branches"
TURNS = 7
DATABASE = {"sqlite": "instructions, in hundreds", "postgresql": "pages looked at"}
SLOW = 2.0  # seconds: of what takes longer, three turns


class Cost(NamedTuple):
    """Of one page, or of one thing that is done."""

    in_all: float  # milliseconds
    processor: float
    database: int  # what it reads there: the same at every turn, however busy the machine is


Costs = dict[str, Cost]  # by what was done


def main() -> None:
    options = _options()
    database = os.environ.get("PLACET_DATABASE_URL", "")
    for kind in options.kinds:
        costs: dict[int, Costs] = {}
        for size in options.sizes:
            with tempfile.TemporaryDirectory(prefix="placet-bench-") as folder:
                kept = options.keep and options.keep / (str(size) if kind == LINES else f"{size}-{kind}")
                costs[size] = _measure(kept or Path(folder), database, kind, size, options.only)
        _show_ratios(costs)
    print(machine())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.growth", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 300_000], help="numbers of requests")
    parser.add_argument(
        "--keep",
        type=Path,
        metavar="FOLDER",
        help="leave the databases of SQLite there, and take them from there",
    )
    parser.add_argument(
        "--kinds",
        nargs="+",
        choices=[LINES, BRANCHES],
        default=[LINES, BRANCHES],
        help="processes of one line, most of whose requests have ended; and with branches, where nearly all are open",
    )
    parser.add_argument("--only", default="", help="measure what begins so: “work:”, “search”")
    return parser.parse_args()


def _measure(folder: Path, database: str, kind: str, size: int, only: str) -> Costs:
    """One size in a process of its own, for Django is set up once."""
    context = get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_measured, args=(folder, database, kind, size, only, sender))
    process.start()
    sender.close()
    try:
        costs: Costs = receiver.recv()
    except EOFError as error:
        raise SystemExit(f"{size} requests could not be measured.") from error
    finally:
        process.join()
    return costs


def _show_ratios(costs: Mapping[int, Costs]) -> None:
    """How many times as much each takes in the largest database as in the smallest one."""
    small, large = min(costs), max(costs)
    if small == large:
        return
    print(_head(f"{large:,} / {small:,} requests"))
    for name, cost in costs[large].items():
        ratios = (now / before if before else 1 for now, before in zip(cost, costs[small][name], strict=True))
        print(f"{name:50} " + " ".join(f"{ratio:10.2f}" for ratio in ratios))


def _head(what: str) -> str:
    return f"\n{what:50} {'in all':>10} {'processor':>10} {'database':>10}"


def _measured(folder: Path, database: str, kind: str, size: int, only: str, sender: "Connection") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    only_our_settings(folder, database)
    from django.db import connection
    from django.utils import timezone

    from placet.commands.start import set_up
    from placet.mailboxes.models import Mailbox

    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    began = time.perf_counter()
    set_up()
    with_rows = _grown(kind, size)
    seconds = time.perf_counter() - began
    print(f"\n{connection.vendor}, {size:,} requests, {kind}, there after {seconds:.0f} s", flush=True)
    print(_head("milliseconds; database: " + DATABASE[connection.vendor]))
    costs: Costs = {}
    for name, run in {**_pages(with_rows, kind), **_work(), **_engine(with_rows, kind)}.items():
        if not name.startswith(only):
            continue
        Mailbox.objects.update(
            last_poll_at=timezone.now()
        )  # of one that is not polled there would be an alarm
        costs[name] = cost = Cost(*_quickest(run), _counted(run))
        print(f"{name:50} {cost.in_all:10,.1f} {cost.processor:10,.1f} {cost.database:10,}", flush=True)
    sender.send(costs)


def _grown(kind: str, size: int) -> "Grown":
    from django.db import connection

    from benchmarks import grown, grown_branches
    from placet.approvals.models import Assignment, Request
    from placet.mail.models import OutgoingMail

    of_kind = grown if kind == LINES else grown_branches
    if not Request.objects.exists():
        of_kind.grow(size)
        grown.with_timers(size)
        grown.with_stops(size)
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("VACUUM ANALYZE")  # as its own housekeeping does within minutes
    print(f"\n{Assignment.objects.filter(state=Assignment.State.OPEN).count():,} open assignments", end="")
    waiting = OutgoingMail.objects.filter(
        state=OutgoingMail.State.WAITING
    )  # of what was measured in a kept one
    waiting.update(state=OutgoingMail.State.SENT, lookup_due=None)
    rows: Grown = of_kind.read()
    return rows


def _pages(rows: "Grown", kind: str) -> Mapping[str, Callable[[], Any]]:
    from django.conf import settings
    from django.test import Client
    from django.urls import reverse

    from benchmarks.grown import COMMON, RARE

    settings.ALLOWED_HOSTS = ["*"]
    settings.PLACET.metrics_key = "a key of the benchmark"
    many = "20,000" if kind == LINES else "5,000"
    people = {"asker": rows.asker, "administrator": rows.administrator, "asked": rows.waited_for}
    clients = {}
    for name, person in people.items():
        clients[name] = Client()
        clients[name].force_login(person)

    def page(who: str, address: str) -> Callable[[], Any]:
        def get() -> None:
            answer = clients[who].get(
                address, headers={"Authorization": f"Bearer {settings.PLACET.metrics_key}"}
            )
            assert answer.status_code == 200, (address, answer.status_code)
            if answer.streaming:
                b"".join(answer)

        return get

    def searches(who: str) -> Iterator[tuple[str, Callable[[], Any]]]:
        for what, q in {
            "a rare word": RARE[77],
            "a frequent word": COMMON[3],
            "two words": f"{COMMON[3]} {RARE[78]}",
            "two frequent words that never meet": f"{COMMON[3]} {COMMON[4]}",
            "a name": rows.asker.name.split()[1],
            "a first name": "jürgen",
            "a process": "purchase" if kind == LINES else "launch",
            "a number": f"#{rows.request.number}",
            "nothing that is there": "xylophone",
            "two letters": "zz",
        }.items():
            yield f"search, {who}: {what}", page(who, f"{reverse('portal:search')}?q={q.replace('#', '%23')}")

    request = reverse("portal:request", kwargs={"public_id": rows.request.public_id})
    return {
        **dict(searches("asker")),
        **dict(searches("administrator")),
        "request, asker": page("asker", request),
        "request, administrator": page("administrator", request),
        "my requests": page("asker", reverse("portal:mine")),
        "what I wait for": page("asker", reverse("portal:home")),
        f"waiting for me, {many} (or half of all)": page("asked", reverse("portal:home")),
        "waiting for me, searched": page("asked", f"{reverse('portal:home')}?q={RARE[5]}"),
        "decided by me": page("asked", reverse("portal:decided")),
        "administration home": page("administrator", reverse("panel:home")),
        "diagnostics": page("administrator", reverse("panel:diagnostics")),
        "mail log": page("administrator", reverse("panel:incoming")),
        "mail out": page("administrator", reverse("panel:outgoing")),
        "people": page("administrator", reverse("panel:people")),
        "people, searched": page("administrator", f"{reverse('panel:people')}?q=ba"),
        "person who is asked most": page(
            "administrator", reverse("panel:person", kwargs={"pk": rows.waited_for.pk})
        ),
        "people.csv of 50,000": page("administrator", reverse("panel:export_people")),
        "readiness": page("administrator", "/healthz"),
        "metrics": page("administrator", "/metrics"),
    }


def _work() -> Mapping[str, Callable[[], Any]]:
    from placet import work

    return {f"work: {kind.name}": partial(kind.due, work.BATCH) for kind in work.kinds()}


def _engine(rows: "Grown", kind: str) -> Mapping[str, Callable[[], Any]]:
    from benchmarks import grown_branches

    return grown_branches.engine_work(rows, TURNS + 2) if kind == BRANCHES else {}


def _quickest(run: Callable[[], Any]) -> tuple[float, float]:
    """Milliseconds that it took, and those of processor time."""
    times: list[tuple[float, float]] = []
    while len(times) < (TURNS + 1 if sum(took for took, _processor in times) < SLOW else 3):
        began, processor = time.perf_counter(), _processor()
        run()
        times.append((time.perf_counter() - began, _processor() - processor))
    in_all, of_processor = zip(*times[1:], strict=True)
    return min(in_all) * 1000, min(of_processor) * 1000


def _processor() -> float:
    """Seconds of this process, and of the one that PostgreSQL has for it if that runs here."""
    from django.db import connection

    own = time.process_time()
    if connection.vendor != "postgresql" or connection.connection is None:
        return own
    counted = Path(f"/proc/{connection.connection.info.backend_pid}/schedstat")
    return own + int(counted.read_text().split()[0]) / 1e9 if counted.exists() else own


def _counted(run: Callable[[], Any]) -> int:
    """What the database does, in one more turn."""
    from django.db import connection

    connection.ensure_connection()
    if connection.vendor == "postgresql":
        before = _pages_looked_at()
        run()
        return _pages_looked_at() - before
    hundreds = count()
    connection.connection.set_progress_handler(lambda: next(hundreds) and 0, 100)
    try:
        run()
    finally:
        connection.connection.set_progress_handler(None, 100)
    return next(hundreds)


def _pages_looked_at() -> int:
    """By everybody, but there is nobody else. Those of the question itself are a few dozen."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT blks_hit + blks_read FROM pg_stat_database WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


if __name__ == "__main__":
    main()
