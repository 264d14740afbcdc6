"""Other processes that work for this one. None is a copy of it (fork): each has Django and connections of its own."""

import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context


@contextmanager
def processes(number: int) -> Iterator[ProcessPoolExecutor]:
    """So many. What they have in hand when this ends is ended; what they have not begun is not."""
    pool = ProcessPoolExecutor(number, mp_context=get_context("spawn"), initializer=_begin)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _begin() -> None:
    """Before anything is loaded that needs Django."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is for whoever started us, who ends us
    import django

    django.setup()
