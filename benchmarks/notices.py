"""From the delivery of a reply to its decision, by notification and by poll. `python -m benchmarks.notices --help`

`placet serve` as people run it, on SQLite, and a sandbox in a process of its own. Replies are delivered at random
moments. By notification the mailbox is polled once an hour only; by poll nothing is told of, and it is polled at the
interval that a new mailbox has. Microsoft Graph, Exchange Web Services, and IMAP (IDLE) at a Dovecot with a Postfix, in
the same run.
"""

import argparse
import random
import socket
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.replies import only_our_settings
from benchmarks.tenant import Place, command, environment, tenant

LOOK = 0.003  # seconds between two looks whether there are decisions
PATIENCE = 180.0  # seconds
HOUR = 3600
WAYS = ("graph", "ews", "imap")
BOTH = {"notification": True, "poll": False}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.notices", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--replies", type=int, default=200, help="deliveries of each kind")
    parser.add_argument("--every", type=float, default=0.5, help="seconds between two deliveries, on average")
    parser.add_argument("--poll", type=int, default=20, help="seconds between two polls")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS, help="ways to the mailbox")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="placet-bench-") as folder:
        only_our_settings(Path(folder))
        print(f"delivery → decision, {options.replies} each; poll interval {options.poll} s")
        for way in options.ways:
            with _place(way) as place:
                print(_line(way, _measure(place, way, options)), flush=True)


@contextmanager
def _place(way: str) -> Iterator[Place]:
    from benchmarks import elsewhere

    if way == "imap":
        with elsewhere.at_servers() as servers:
            yield servers
    else:
        with tenant() as running:
            yield running


def _line(way: str, found: dict[str, Sequence[float]]) -> str:
    told = "   ".join(
        f"by {how}: median {statistics.median(all_):.3f} s, 9 of 10 within {statistics.quantiles(all_, n=10)[-1]:.3f} s"
        for how, all_ in found.items()
    )
    medians = [statistics.median(all_) for all_ in found.values()]
    return f"{way:>6}   {told}   poll/notification {medians[1] / medians[0]:.1f}"


def _measure(running: Place, way: str, options: argparse.Namespace) -> dict[str, Sequence[float]]:
    """Seconds of each delivery, by notification and by poll."""
    from benchmarks import seed
    from placet.mail.models import OutgoingMail
    from placet.mailboxes import store
    from placet.mailboxes.models import Mailbox

    people = seed.fresh_installation(running, way)
    count = options.replies * len(BOTH)
    seed.requests(people, count, count)
    asks = list(OutgoingMail.objects.filter(kind="ask").order_by("id")[:count])
    found: dict[str, Sequence[float]] = {}
    for number, (how, told) in enumerate(BOTH.items()):
        changes = {"notify": told, "poll_seconds": HOUR if told else options.poll}
        store.change(changes, by="a benchmark", mailbox=Mailbox.objects.get())
        share = asks[number * options.replies : (number + 1) * options.replies]
        with _serving():
            _until_settled(told)
            found[how] = _delivered(running, share, options.every)
    return found


@contextmanager
def _serving() -> Iterator[None]:
    from django.conf import settings
    from django.db import connections

    connections.close_all()
    with socket.create_server(("127.0.0.1", 0)) as free:
        at = f"127.0.0.1:{free.getsockname()[1]}"
    process = subprocess.Popen(
        [command(), "serve", "--listen", at],
        env={**environment(settings.PLACET.data_dir), "PLACET_PUBLIC_URL": f"http://{at}"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=60)


def _until_settled(told: bool) -> None:
    """It has looked into the mailbox, and is told of new mail if it shall be."""
    from django.utils import timezone

    from placet.mailboxes.models import Mailbox
    from placet.mailboxes.push.notices import noticings

    began, end = timezone.now(), time.monotonic() + PATIENCE
    while time.monotonic() < end:
        mailbox = Mailbox.objects.get()
        polled = mailbox.last_poll_at is not None and mailbox.last_poll_at > began and not mailbox.claim
        if polled and (noticings([mailbox])[mailbox.pk].tone == "good") == told:
            time.sleep(3)  # and once more after that
            return
        time.sleep(0.1)
    raise RuntimeError(f"Placet was not ready within {PATIENCE:.0f} s: {Mailbox.objects.get().trouble}")


@dataclass
class _Watch:
    """When each assignment was seen to be decided."""

    at: dict[int, float] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        from django.db import connections

        from placet.approvals.models import Decision

        last = Decision.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        while not self.stop.wait(LOOK):
            rows = list(
                Decision.objects.filter(pk__gt=last).order_by("pk").values_list("pk", "assignment_id")
            )
            now = time.perf_counter()
            for pk, assignment in rows:
                self.at[assignment], last = now, pk
        connections.close_all()


def _delivered(running: Place, asks: Sequence[object], every: float) -> list[float]:
    from placet.approvals.models import AskLine
    from placet.mail.models import OutgoingMail
    from placet.sandbox import programs
    from placet.sandbox.mime import Address
    from placet.sandbox.tenant import Item

    chance = random.Random(7)  # the same moments each time
    watch = _Watch()
    thread = threading.Thread(target=watch.run, daemon=True)
    thread.start()
    began: dict[int, float] = {}
    for mail in asks:
        assert isinstance(mail, OutgoingMail)
        raw = programs.reply(Address("", mail.to), Item(bytes(mail.raw), None), "approve")
        assignment = AskLine.objects.get(ask__outgoing=mail).assignment_id
        time.sleep(min(chance.expovariate(1 / every), 10 * every))
        began[assignment] = time.perf_counter()
        running.send_as(mail.to, raw)
    end = time.monotonic() + PATIENCE
    while len(watch.at) < len(began) and time.monotonic() < end:
        time.sleep(0.1)
    watch.stop.set()
    thread.join()
    if watch.at.keys() != began.keys():
        raise RuntimeError(f"{len(watch.at)} of {len(began)} replies were decided within {PATIENCE:.0f} s.")
    return [watch.at[assignment] - began[assignment] for assignment in began]


if __name__ == "__main__":
    main()
