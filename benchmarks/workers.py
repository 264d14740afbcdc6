"""What several processes take in together, on PostgreSQL. `tools/with-postgres python -m benchmarks.workers --help`

Replies that were kept are taken in: found, proved, read, decided, with the mails that follow written. What talks to the
mailbox is left out, because the stand-in for Exchange Online would take the cores that are measured.

    workers     `placet work`, as it is: a nudge of Procrastinate for a turn of many rows
    bare loop   the same turns by a loop without Procrastinate, which looks again and again
    job a row   a job of Procrastinate for each reply

They take turns, so that what else the machine does meets all of them. Of each the time is that from the first reply
that was handled to the last, and the processor time that of its processes and the database's.
"""

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import psutil

from benchmarks.replies import machine, only_our_settings
from benchmarks.tenant import tenant

FORMS = ("workers", "bare loop", "job a row")
PATIENCE = 300.0
TURN = 20  # rows of a turn of the bare loop


@dataclass(frozen=True)
class Round:
    """Replies a second, and milliseconds of processor time of each."""

    rate: float
    processor: float
    database: float


def main() -> None:
    options = _options()
    database = os.environ.get("PLACET_DATABASE_URL", "")
    if not database.startswith("postgres"):
        sys.exit("Several workers need PostgreSQL: tools/with-postgres python -m benchmarks.workers")
    with tempfile.TemporaryDirectory(prefix="placet-bench-") as folder, tenant() as running:
        only_our_settings(Path(folder), database)
        os.environ["PLACET_WORKERS"] = str(options.threads)  # of the processes, which read it anew
        from benchmarks import seed

        cells = [(form, count) for form in options.forms for count in options.workers]
        replies = options.replies * len(cells) * options.rounds
        people = seed.fresh_installation(running, "graph")
        seed.requests(people, replies, replies)
        seed.replies(running, replies)
        _keep(replies)
        rounds: dict[tuple[str, int], list[Round]] = defaultdict(list)
        for _ in range(options.rounds):
            for form, count in cells:
                rounds[form, count].append(_round(form, count, options.replies))
    for (form, count), measured in rounds.items():
        print(
            f"{form:10} {count} process{'es' if count > 1 else '  '}  "
            f"{statistics.median(one.rate for one in measured):6.1f} replies/s "
            f"({', '.join(f'{one.rate:.1f}' for one in measured)}), processor of a reply "
            f"{statistics.median(one.processor for one in measured):.1f} ms, the database's "
            f"{statistics.median(one.database for one in measured):.1f} ms"
        )
    print(machine())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.workers", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--replies", type=int, default=300, help="in a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4], help="numbers of processes")
    parser.add_argument("--threads", type=int, default=2, help="of each process, as PLACET_WORKERS")
    parser.add_argument("--forms", nargs="+", choices=FORMS, default=FORMS)
    return parser.parse_args()


def _keep(replies: int) -> None:
    """All of them are read from the mailbox, which is not asked again."""
    from placet import work
    from placet.mail.models import IncomingMail
    from placet.mailboxes.models import Mailbox

    (poll,) = [kind for kind in work.kinds() if kind.name == "poll"]
    before = -1
    while before < (kept := IncomingMail.objects.count()) or not kept:
        before = kept
        Mailbox.objects.update(next_poll=_now())
        work.run_once(poll)
    if kept != replies:
        raise RuntimeError(f"{kept} of {replies} replies were kept.")
    Mailbox.objects.update(active=False, next_poll=None)
    IncomingMail.objects.update(due=_now() + timedelta(days=30))


def _now() -> datetime:
    from django.utils import timezone

    return timezone.now()


def _round(form: str, count: int, replies: int) -> Round:
    from django.db import connections
    from django.db.models import Max, Min

    from placet.mail.models import IncomingMail

    waiting = IncomingMail.objects.filter(state=IncomingMail.State.KEPT).order_by("pk")
    rows = list(waiting.values_list("pk", flat=True)[:replies])
    ours = IncomingMail.objects.filter(pk__in=rows)
    connections.close_all()
    with _processes(form, count) as processes:
        before, database_before = _processor(processes), _database_processor()
        ours.update(due=_now())
        _tell(form, rows)
        end = time.monotonic() + PATIENCE
        while ours.exclude(state=IncomingMail.State.HANDLED).exists():
            if time.monotonic() > end:
                raise RuntimeError(f"{form}: {ours.filter(handled_at=None).count()} replies were left.")
            time.sleep(0.2)
        processor = _processor(processes) - before
        database = _database_processor() - database_before
    wrong = ours.exclude(result="decided").count()
    if wrong:
        raise RuntimeError(f"{wrong} of {replies} replies were not decided.")
    span = ours.aggregate(first=Min("handled_at"), last=Max("handled_at"))
    seconds = (span["last"] - span["first"]).total_seconds()
    return Round(replies / seconds, 1000 * processor / replies, 1000 * database / replies)


def _tell(form: str, rows: Sequence[int]) -> None:
    from placet import work_shared

    if form == "workers":
        work_shared.tell("take_in")
    elif form == "job a row":
        from procrastinate.contrib.django import app
        from procrastinate.types import JSONDict

        jobs: list[JSONDict] = [{"row": row} for row in rows]
        app.configure_task(ROW, queue=ROW).batch_defer(*jobs)


@contextmanager
def _processes(form: str, count: int) -> Iterator[list[psutil.Process]]:
    words = (
        [str(Path(sys.executable).with_name("placet")), "work"]
        if form == "workers"
        else [sys.executable, "-m", "benchmarks.workers_otherwise", form]
    )
    started = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(count)]
    try:
        for process in started:
            assert process.stdout is not None
            process.stdout.readline()
        time.sleep(2)  # the first look is over
        yield [psutil.Process(process.pid) for process in started]
    finally:
        for process in started:
            process.send_signal(signal.SIGTERM)
        for process in started:
            process.wait(PATIENCE)


def _processor(processes: Sequence[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def _database_processor() -> float:
    """Seconds of all processes of PostgreSQL, those that ended among them."""
    return sum(
        sum(process.cpu_times()[:4])
        for process in psutil.process_iter(["name"])
        if process.info["name"] == "postgres"
    )


ROW = "row"  # the task and the queue of a job a row

if __name__ == "__main__":
    main()
