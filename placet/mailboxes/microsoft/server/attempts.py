"""Passwords that a server refused are not offered again at once: each refusal brings the account nearer to its lock."""

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from placet.mailboxes.base import SignInRefused

REMEMBERED = 60.0  # seconds; the mailbox rests by then, for all processes (`pool.failed`)


@dataclass
class _Entry:
    lock: threading.Lock = field(default_factory=threading.Lock)
    proved: bool = False  # the server took it, and has not refused it since
    refusal: SignInRefused | None = None
    refused_at: float = 0.0


class Attempts:
    """By account and password, of all threads of this process.

    Until a server has taken a password, one thread at a time tries it, so that a wrong one is refused once and not once
    in each thread that asks the same mailbox.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: dict[bytes, _Entry] = {}

    @contextmanager
    def turn(self, *whose: str) -> Iterator[None]:
        """Inside, the credentials that `whose` names (host, account, password) are offered. SignInRefused, without
        that anything is sent, where they were refused a moment ago."""
        entry = self._entry(whose)
        if entry.proved:
            with self._judged(entry):
                yield
            return
        with entry.lock:
            if entry.refusal is not None and self._clock() - entry.refused_at < REMEMBERED:
                refusal = entry.refusal
                raise SignInRefused(refusal.cause, refusal.cure, refusal.details)
            with self._judged(entry):
                yield

    def forget(self, *whose: str) -> None:
        """An administrator tries it again: the account may have been unlocked."""
        self._entry(whose).refusal = None

    @contextmanager
    def _judged(self, entry: _Entry) -> Iterator[None]:
        try:
            yield
        except SignInRefused as refusal:
            entry.proved, entry.refusal, entry.refused_at = False, refusal, self._clock()
            raise

    def taken(self, *whose: str) -> None:
        """The server took them."""
        entry = self._entry(whose)
        entry.proved, entry.refusal = True, None

    def _entry(self, whose: tuple[str, ...]) -> _Entry:
        # Not the password itself: it would lie in memory for as long as the process runs.
        named = hashlib.sha256("\0".join(whose).encode()).digest()
        with self._lock:
            return self._entries.setdefault(named, _Entry())


#: Of this process.
ATTEMPTS = Attempts()
