"""A process of Placet that goes on until it is told to stop: what comes before it does anything, and its end."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

import django
import structlog

from placet import __version__
from placet.commands.locks import DatabaseLock, lock_folder, watch
from placet.commands.start import (
    database_trouble_in_words,
    make_private,
    read_words,
    refuse_half_restored,
    say,
    set_up_tables,
)
from placet.lib.collector import not_collecting
from placet.lib.one_arena import share_one_arena

if TYPE_CHECKING:
    from placet.lib.config import Config

log = structlog.get_logger(__name__)

LOOK_FOR_SIGNAL = 1.0  # seconds


def on_postgresql(config: "Config") -> bool:
    return config.database_url.startswith("postgres")


@contextmanager
def started(config: "Config") -> Iterator[DatabaseLock]:
    """Folder, database, tables, words, and what was entered on pages."""
    share_one_arena()
    say(f"Placet {__version__} starts: data in {config.data_dir} ...")
    make_private(config.data_dir)
    with lock_folder(config.data_dir, alone=not on_postgresql(config)):
        refuse_half_restored(config.data_dir)
        with not_collecting():
            django.setup()
        with database_trouble_in_words():
            lock = DatabaseLock.take(alone=False)  # before its tables are changed under a copy
        set_up_tables()
        say("Reading the words that people answer with ...")
        with not_collecting():
            read_words()
        from placet.accounts.entered import use_entered

        with database_trouble_in_words():
            use_entered()
        yield lock


def stop_by_signal() -> "SimpleQueue[None]":
    """Gets an entry when the process shall stop, from now on. No Event: set by a handler of signals while this thread
    is just about to wait for it, it stands still for ever."""
    asked: SimpleQueue[None] = SimpleQueue()  # `put` may be called anywhere, says its documentation
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked.put(None))
    return asked


def _is_asked(asked: "SimpleQueue[None]") -> bool:
    """A signal that comes in the last instructions before this thread sleeps wakes nobody: its handler runs when the
    thread goes on, so it never sleeps for long."""
    try:
        asked.get(timeout=LOOK_FOR_SIGNAL)
    except Empty:
        return False
    return True


def until_stopped(lock: DatabaseLock, asked: "SimpleQueue[None]") -> bool:
    """False if it stops because it lost the lock of its database."""
    over, lost = threading.Event(), threading.Event()

    def watched() -> None:
        watch(lock, over, lost)
        asked.put(None)

    threading.Thread(target=watched, name="database-lock", daemon=True).start()
    while not _is_asked(asked):
        pass
    over.set()
    log.info("stopping")
    return not lost.is_set()
