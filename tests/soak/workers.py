"""Several real `placet work` processes on one PostgreSQL: killed, stopped for longer than others take them for alive,
and with the database restarted under them. What must be true afterwards is what must be true after `kill`.
"""

import json
import os
import pwd
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import IO

from django.db import connection, connections
from django.utils import timezone

from placet.replies import entry
from placet.sandbox.server import Sandbox
from placet.workers.life import DEAD_AFTER
from placet.workers.models import Worker
from tests.soak import kill
from tests.soak.kill import Figures, Plan, environment, until

#: What processes may say in the log while the database is away, and when they come to after a long sleep.
AFTER_A_BREAK = frozenset(
    {
        "database_away", "life_sign_failed", "listener_failed", "listeners_failed", "outgoing_crashed", "poll_failed",
        "stalled_nudge_kept", "taken_for_dead", "take_in_failed", "work_failed", "work_lookup_failed",
        "work_turn_failed", "workers_ended",
    }
)  # fmt: skip

#: What Procrastinate itself says then, for its own log.
LISTENER_FAILED = "listener error: ConnectorException("


@dataclass(frozen=True)
class Disturbances:
    """Every `kill_every` seconds one process that is at work is killed, and another started. One is stopped for longer
    than its leases; the database is restarted once."""

    workers: int = 3
    kill_every: float = 10.0
    stop: bool = True
    restart: bool = True

    @property
    def longest_sleep(self) -> float:
        return max(entry.LEASED.length, DEAD_AFTER).total_seconds() + 10


class Work:
    """One `placet work` with a supervisor, which starts it again where it ends because the database is away."""

    def __init__(self, output: IO[str]) -> None:
        self._output = output
        self.starts = 0
        self._start()

    def _start(self) -> None:
        self.starts += 1
        self._process = subprocess.Popen(
            [Path(sys.executable).with_name("placet"), "work"],
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._output,
        )

    def supervise(self) -> None:
        if self._process.poll() is not None:
            assert self._process.returncode == 1, f"placet work ended with {self._process.returncode}"
            self._start()

    def signal(self, number: signal.Signals) -> None:
        self.supervise()
        self._process.send_signal(number)

    def has_worked_for(self, seconds: float) -> bool:
        """Since it said in the database that it works, by the process's number."""
        ours = Worker.objects.filter(name__endswith=f":{self._process.pid}")
        return ours.filter(started_at__lte=timezone.now() - timedelta(seconds=seconds)).exists()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(kill.PATIENCE)

    def end(self) -> None:
        self.signal(signal.SIGTERM)
        ended = self._process.wait(kill.PATIENCE)
        assert ended in (0, -signal.SIGTERM), ended  # before it could say how it wants to end


def work(sandbox: Sandbox, plan: Plan, disturbances: Disturbances, log: Path) -> Figures:
    """AssertionError says what did not hold. `plan.kills` is not looked at: it is killed as long as there is work."""
    figures = Figures(connection.vendor, plan.way, replies=plan.replies)
    chance = random.Random(plan.seed)
    expected = kill.make_requests(sandbox, plan, chance)
    waiting, asked_again = kill.make_answers(kill.send_asks(sandbox), expected, chance)
    began = time.monotonic()
    connections.close_all()
    with log.open("w") as output, _answered_meanwhile(sandbox, waiting, asked_again):
        workers = [Work(output) for _ in range(disturbances.workers)]
        sleeper = Sleeper(output, disturbances.longest_sleep) if disturbances.stop else None
        try:
            _disturb(sandbox, plan, disturbances, workers, figures, output)
            if sleeper is not None:
                sleeper.join()
            until(lambda: kill.settled(sandbox, plan.replies), "nothing is left to do")
            starts = sum(worker.starts - 1 for worker in workers)
            assert disturbances.restart or not starts, "placet work ended by itself"
            for worker in workers:
                worker.end()
        finally:
            for worker in [*workers, *([sleeper.work] if sleeper else [])]:
                worker.kill()
    figures.seconds = time.monotonic() - began
    kill.check(sandbox, expected, figures)
    _check_log(log)
    return figures


@contextmanager
def _answered_meanwhile(
    sandbox: Sandbox, waiting: list[kill.Answer], asked_again: dict[kill.Question, str]
) -> Iterator[None]:
    patience = kill.PATIENCE + len(waiting)

    def answer() -> None:
        kill.answer_until(waiting, 0, sandbox)
        kill.answer_as_it_comes(asked_again, sandbox, patience)

    people = threading.Thread(target=answer)
    people.start()
    try:
        yield
    finally:
        people.join(patience)


class Sleeper(threading.Thread):
    """One more process, stopped in the middle of its work and woken when others have long taken over."""

    def __init__(self, output: IO[str], seconds: float) -> None:
        super().__init__()
        self.work = Work(output)
        self._seconds = seconds
        self.start()

    def run(self) -> None:
        time.sleep(8)
        self.work.signal(signal.SIGSTOP)
        time.sleep(self._seconds)
        self.work.signal(signal.SIGCONT)
        time.sleep(5)
        self.work.end()


def _disturb(
    sandbox: Sandbox,
    plan: Plan,
    disturbances: Disturbances,
    workers: list[Work],
    figures: Figures,
    output: IO[str],
) -> None:
    """Until all is done."""
    began = last = time.monotonic()
    restarted = not disturbances.restart
    # As old as the oldest is at least where starts are quick. On a busy machine one may take longer to start than from
    # one kill to the next, and nothing would ever be done.
    grown = disturbances.kill_every * (len(workers) - 1)
    while not kill.settled(sandbox, plan.replies):
        time.sleep(0.2)
        assert time.monotonic() - began < kill.PATIENCE + plan.replies, "It does not come to an end."
        for worker in workers:
            worker.supervise()
        if not restarted and time.monotonic() - began > 2 * disturbances.kill_every:
            _restart_the_database()
            restarted = True
        if time.monotonic() - last > disturbances.kill_every and workers[0].has_worked_for(grown):
            last = time.monotonic()
            workers.pop(0).kill()
            figures.kills += 1
            workers.append(Work(output))


def _restart_the_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SHOW data_directory")
        folder = Path(cursor.fetchone()[0])
        cursor.execute("SELECT setting FROM pg_config() WHERE name = 'BINDIR'")
        programs = Path(cursor.fetchone()[0])
    connections.close_all()
    owner = folder.stat().st_uid
    as_owner = ["runuser", "-u", pwd.getpwuid(owner).pw_name, "--"] if os.getuid() != owner else []
    subprocess.run(
        [*as_owner, programs / "pg_ctl", "-w", "-D", folder, "-m", "fast", "-l", folder / "log", "restart"],
        check=True,
        cwd="/",
        stdout=subprocess.DEVNULL,
    )


def _check_log(log: Path) -> None:
    """No process met an error that such a break does not explain."""
    lines = log.read_text(errors="replace").splitlines()
    events = Counter(_event(line) for line in lines if line.startswith("{") and kill.is_error(line))
    unexpected = {
        event: count
        for event, count in events.items()
        if event not in AFTER_A_BREAK and not event.startswith(LISTENER_FAILED)
    }
    assert not unexpected, unexpected


def _event(line: str) -> str:
    try:
        return str(json.loads(line).get("event"))
    except json.JSONDecodeError:
        return line
