"""What it costs to put handled mails away. `python -m benchmarks.marks --help`

Replies that are decided wait to be moved on the server: requests to it, statements of the database, and milliseconds,
over Microsoft Graph and Exchange Web Services.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.idle import counted
from benchmarks.replies import machine, only_our_settings
from benchmarks.tenant import Tenant, tenant


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.marks", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--replies", type=int, default=100, help="mails that are put away")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="placet-bench-") as folder:
        only_our_settings(Path(folder))
        for way in ("graph", "ews"):
            with tenant() as running:
                print(
                    f"{way:>6}  {options.replies:,} replies: {_measure(running, way, options.replies)}",
                    flush=True,
                )
        print(machine())


def _measure(running: Tenant, way: str, replies: int) -> str:
    from django.db import connection

    from benchmarks import seed
    from placet import work
    from placet.mail.models import ServerTask

    seed.requests(seed.fresh_installation(running, way), replies, replies)
    seed.replies(running, replies)
    kinds = {kind.name: kind for kind in work.kinds()}
    for name in ("poll", "take_in"):
        while work.run_once(kinds[name]):
            pass
    statements = 0

    def counting(execute: Callable[..., Any], *given: Any) -> Any:
        nonlocal statements
        statements += 1
        return execute(*given)

    began = time.perf_counter()
    with counted() as traffic, connection.execute_wrapper(counting):
        while work.run_once(kinds["mark"]):
            pass
    took = time.perf_counter() - began
    done = ServerTask.objects.exclude(done_at=None).count()
    if done != replies or running.inbox():
        raise RuntimeError(f"{done} of {replies} were put away, {running.inbox()} are left in the Inbox.")
    return f"{traffic.requests} requests, {statements} statements, {took * 1000:.0f} ms"


if __name__ == "__main__":
    main()
