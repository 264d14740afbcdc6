"""Calls that wait until something happens to a request (`?wait=SECONDS`).

Each holds a thread of the web server, which pages need, too: only some may wait at a time, and whoever is one too many
is answered at once and told when to come back.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

from pydantic import Field

from placet.api import keys
from placet.api.calls import Call
from placet.api.problems import unauthorised
from placet.lib.web import THREADS

LONGEST = 50  # seconds: proxies give up after 60
PAUSE = 0.5  # seconds between two looks
MOST_WAITING = max(1, THREADS // 4)  # of one process
COME_BACK = 5  # seconds

Wait = Annotated[
    int,
    Field(
        ge=0,
        le=LONGEST,
        description="Seconds to wait until it has ended, or is not what If-None-Match says any more.",
    ),
]

_places = threading.BoundedSemaphore(MOST_WAITING)


def until(call: Call, seconds: int, has_happened: Callable[[], bool]) -> None:
    """Wait at most so long; not at all if too many wait, which the answer's Retry-After says. Problem where the key was
    revoked meanwhile, or its person is not active any more."""
    if seconds == 0 or has_happened():
        return
    with place() as has_place:
        if not has_place:
            call.headers["Retry-After"] = str(COME_BACK)
            return
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(PAUSE, left))
            if has_happened():
                break
    if not keys.is_valid(call.key):
        raise unauthorised()


@contextmanager
def place() -> Iterator[bool]:
    """One of those who may hold a thread for long, whatever for; False where too many do."""
    has_place = _places.acquire(blocking=False)
    try:
        yield has_place
    finally:
        if has_place:
            _places.release()
