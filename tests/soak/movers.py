"""Processes that move the mailbox to its other way while `placet serve` is at work and is killed."""

import os
import random
import signal
import subprocess
import sys
from typing import IO

from django.db import connections
from django.utils import timezone

from placet.mailboxes.models import Mailbox

MOVE = """
import sys
import django
django.setup()
from placet.mail import moving
from placet.mailboxes.models import Mailbox

moving.PATIENCE = 3.0  # a poll that was killed does not end
sys.stdin.readline()
mailbox = Mailbox.objects.get()
try:
    moving.move(mailbox, moving.other(mailbox), by="person:1")
except moving.NotMoved:
    pass  # Placet was started, or killed, meanwhile
"""
PATIENCE = 180.0  # seconds


class Mover:
    """One process. It moves the mailbox when it is told to, and its end is left to chance."""

    def __init__(self, environment: dict[str, str], output: IO[str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", MOVE],
            env=environment | {"PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=output,
        )

    def go(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(b"go\n")
        self._process.stdin.close()

    def ended(self) -> bool:
        return self._process.poll() is not None

    def kill(self) -> bool:
        """Whether it had not ended yet."""
        living = not self.ended()
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(PATIENCE)
        return living

    def wait(self) -> None:
        assert self._process.wait(PATIENCE) == 0, "the move failed: the log says why"


def _run_out() -> None:
    """Five minutes go by, in which a mailbox stays with a process that is dead."""
    try:
        Mailbox.objects.exclude(claim="").update(next_poll=timezone.now())
    finally:
        connections.close_all()


class Movers:
    """One for each `placet serve`: killed with it, ended before the next one starts, or left to go on."""

    def __init__(self, environment: dict[str, str], output: IO[str], chance: random.Random) -> None:
        self._about = (environment, output)
        self._chance = chance
        self._left: list[Mover] = []
        self.killed = 0  # before they had ended

    def next(self) -> Mover:
        return Mover(*self._about)

    def end(self, mover: Mover) -> None:
        fate = self._chance.choice(("kill", "wait", "leave"))
        if fate == "kill":
            was_moving = mover.kill()
            self.killed += was_moving
            if was_moving and all(other.ended() for other in self._left):
                _run_out()
        elif fate == "wait":
            mover.wait()
        else:
            self._left.append(mover)

    def end_all(self) -> None:
        for mover in self._left:
            mover.wait()
        self._left.clear()
