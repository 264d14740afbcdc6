"""How much memory `placet serve` takes: idle, and with a large mail."""

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil
from django.conf import settings
from django.db import connections

from benchmarks import seed
from benchmarks.tenant import Tenant, command, environment
from placet.mail.models import IncomingMail, OutgoingMail

MEGABYTE = 1024 * 1024
LARGE = 30 * MEGABYTE
IDLE_AFTER = 15.0  # seconds, in which it polls and sends what waits
EVERY = 0.005  # seconds between two looks
PATIENCE = 120.0


@dataclass(frozen=True)
class Memory:
    """Bytes."""

    idle_rss: int
    idle_pss: int
    small_peak: int  # RSS, while it takes in a mail of usual size
    large_peak: int  # RSS, while it takes in a mail of 30 MB


def measure(tenant: Tenant) -> Memory:
    people = seed.fresh_installation(tenant, "graph")
    seed.requests(people, replied=len(people), open_in_all=len(people))
    first, second = OutgoingMail.objects.filter(kind="ask").order_by("id")[:2]
    with _serving() as process:
        time.sleep(IDLE_AFTER)
        idle = process.memory_full_info()
        with _peak(process) as small:
            tenant.send_as(first.to, seed.large_reply(first, 1024))
            _until_decided(1)
        with _peak(process) as large:
            tenant.send_as(second.to, seed.large_reply(second, LARGE))
            _until_decided(2)
    return Memory(idle.rss, idle.pss, small(), large())


@contextmanager
def _serving() -> Iterator[psutil.Process]:
    connections.close_all()
    process = psutil.Popen(
        [command(), "serve"],
        env=environment(settings.PLACET.data_dir),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=60)


@contextmanager
def _peak(process: psutil.Process) -> Iterator[Callable[[], int]]:
    """Looks at the process all the time; the call gives the most it had."""
    most = 0
    stop = threading.Event()

    def look() -> None:
        nonlocal most
        while not stop.wait(EVERY):
            most = max(most, process.memory_info().rss)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield lambda: most
    finally:
        stop.set()
        thread.join()


def _until_decided(count: int) -> None:
    end = time.monotonic() + PATIENCE
    while IncomingMail.objects.filter(result="decided").count() < count:
        if time.monotonic() > end:
            states = list(IncomingMail.objects.values_list("state", "result", "reason"))
            raise RuntimeError(f"The reply was not decided within {PATIENCE:.0f} s: {states}")
        time.sleep(0.05)
    time.sleep(1)  # its confirmation goes out, and the mail is moved
