"""When Python looks for garbage that refers to itself.

While modules are loaded nearly all that is made stays: to look through it again and again took a third of a start.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def not_collecting() -> Iterator[None]:
    """A block that loads modules: nothing is looked through. One inside another changes nothing."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def keep_what_is_there() -> None:
    """Of a process that is to run for long, once it is loaded: no later look goes through what it is made of, which
    would hold up whoever waits for a page meanwhile."""
    gc.freeze()
