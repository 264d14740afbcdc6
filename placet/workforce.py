"""Which of the two runners a process has (`placet.work`), and what else works beside it.

workers            the work alone
workers_and_pages  the same where the process has the pages, too
pages              no work: other processes do it, and are told of what cannot wait
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from django.db import connection

from placet.lib import working
from placet.mailboxes.push.listeners import Listeners
from placet.work import LEASED
from placet.workers.life import Life
from placet.workers.models import Worker

if TYPE_CHECKING:
    from placet.work_alone import Runner as Alone
    from placet.work_shared import Runner as Shared


@contextmanager
def workers(does: Worker.Does = Worker.Does.WORK) -> Iterator[None]:
    runner, listeners = _runner(does), Listeners()
    runner.start()
    listeners.start()
    try:
        yield
    finally:
        listeners.stop()
        runner.stop()


def workers_and_pages() -> AbstractContextManager[None]:
    return workers(Worker.Does.ALL)


@contextmanager
def pages() -> Iterator[None]:
    from placet.work_shared import tell

    life = Life(Worker.Does.PAGES, LEASED)
    life.begin(alone=False)
    working.done_elsewhere(tell)
    try:
        yield
    finally:
        life.end()


def _runner(does: Worker.Does) -> "Alone | Shared":
    """The one for the database in use. What the other one needs is not even read."""
    if connection.vendor == "postgresql":
        from placet.work_shared import Runner as Shared

        return Shared(does)
    from placet.work_alone import Runner as Alone

    return Alone()
