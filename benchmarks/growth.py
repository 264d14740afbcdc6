"""What pages and regular work cost as the database grows. `python -m benchmarks.growth --help`

Milliseconds of one process without a web server: the view, its queries and its template. The quickest of several turns
counts, after a first one: what else the machine does makes them slower, never quicker. On SQLite as `placet serve` has
it; with `tools/with-postgres` in front of it on PostgreSQL, whose own processor time is not counted.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.replies import machine, only_our_settings

if TYPE_CHECKING:
    from benchmarks.grown import Grown

TURNS = 7
SLOW = 2.0  # seconds: of what takes longer, three turns


def main() -> None:
    options = _options()
    database = os.environ.get("PLACET_DATABASE_URL", "")
    for size in options.sizes:
        with tempfile.TemporaryDirectory(prefix="placet-bench-") as folder:
            _measure(options.keep / str(size) if options.keep else Path(folder), database, size)
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
    return parser.parse_args()


def _measure(folder: Path, database: str, size: int) -> None:
    """One size in a process of its own, for Django is set up once."""
    process = get_context("spawn").Process(target=_measured, args=(folder, database, size))
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"{size} requests could not be measured.")


def _measured(folder: Path, database: str, size: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    only_our_settings(folder, database)
    from django.db import connection

    from placet.commands.start import set_up

    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    began = time.perf_counter()
    set_up()
    with_rows = _grown(size)
    print(
        f"\n{connection.vendor}, {size:,} requests, there after {time.perf_counter() - began:.0f} s",
        flush=True,
    )
    print(f"{'milliseconds':50} {'in all':>10} {'processor':>10}")
    for name, run in {**_pages(with_rows), **_work()}.items():
        in_all, processor = _quickest(run)
        print(f"{name:50} {in_all:10,.1f} {processor:10,.1f}", flush=True)


def _grown(size: int) -> "Grown":
    from django.db import connection
    from django.utils import timezone

    from benchmarks import grown
    from placet.approvals.models import Request
    from placet.mailboxes.models import Mailbox

    if not Request.objects.exists():
        grown.grow(size)
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("VACUUM ANALYZE")  # as its own housekeeping does within minutes
    Mailbox.objects.update(last_poll_at=timezone.now())  # of a kept one there would be an alarm
    return grown.read()


def _pages(rows: "Grown") -> Mapping[str, Callable[[], Any]]:
    from django.conf import settings
    from django.test import Client
    from django.urls import reverse

    from benchmarks.grown import COMMON, RARE

    settings.ALLOWED_HOSTS = ["*"]
    people = {"asker": rows.asker, "administrator": rows.administrator, "asked": rows.waited_for}
    clients = {}
    for name, person in people.items():
        clients[name] = Client()
        clients[name].force_login(person)

    def page(who: str, address: str) -> Callable[[], Any]:
        def get() -> None:
            answer = clients[who].get(address)
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
            "a process": "purchase",
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
        "waiting for me, 20,000 (or half of all)": page("asked", reverse("portal:home")),
        "waiting for me, searched": page("asked", f"{reverse('portal:home')}?q={RARE[5]}"),
        "decided by me": page("asked", reverse("portal:decided")),
        "administration home": page("administrator", reverse("panel:home")),
        "diagnostics": page("administrator", reverse("panel:diagnostics")),
        "mail log": page("administrator", reverse("panel:incoming")),
        "mail out": page("administrator", reverse("panel:outgoing")),
        "people": page("administrator", reverse("panel:people")),
        "people, searched": page("administrator", f"{reverse('panel:people')}?q=ba"),
        "people.csv of 50,000": page("administrator", reverse("panel:export_people")),
        "readiness": page("administrator", "/healthz"),
    }


def _work() -> Mapping[str, Callable[[], Any]]:
    from placet import work

    return {f"work: {kind.name}": partial(kind.due, work.BATCH) for kind in work.kinds()}


def _quickest(run: Callable[[], Any]) -> tuple[float, float]:
    """Milliseconds that it took, and those of this process's processor time."""
    times: list[tuple[float, float]] = []
    while len(times) < (TURNS + 1 if sum(took for took, _processor in times) < SLOW else 3):
        began, processor = time.perf_counter(), time.process_time()
        run()
        times.append((time.perf_counter() - began, time.process_time() - processor))
    in_all, of_processor = zip(*times[1:], strict=True)
    return min(in_all) * 1000, min(of_processor) * 1000


if __name__ == "__main__":
    main()
