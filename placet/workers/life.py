"""Processes show that they live, and what one held that does not is freed.

Times are compared by the database: a machine whose clock is wrong is not dead, and buries nobody.
"""

import os
import socket
import threading
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import structlog
from django.db import DatabaseError, close_old_connections, connection, connections, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from placet import __version__
from placet.workers import leases
from placet.workers.leases import Leased
from placet.workers.models import Worker

log = structlog.get_logger(__name__)

BEAT = 5.0  # seconds between two signs of life
DEAD_AFTER = timedelta(seconds=30)
CLOCKS = 5.0  # seconds by which the machine's may differ from the database's
STEADY = 2  # signs of life in a row before a worker says of others that they are dead


class Life:
    """Of this process: from `begin` to `end` the others know that it lives."""

    def __init__(self, does: Worker.Does, leased: Sequence[Leased[Any]]) -> None:
        self._does = does
        self._leased = leased
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="life", daemon=True)

    def begin(self, *, alone: bool) -> None:
        """`alone`: no other process works on this database, so all that is written of one is of the past."""
        leases.renew_id()
        self._register()
        if alone:
            bury(Worker.objects.exclude(pk=leases.worker_id()), self._leased)
            for rows in self._leased:
                rows.free_others(leases.worker_id())
        self._thread.start()

    def end(self) -> None:
        """Once nothing is in hand any more: nobody has to wait until it is taken for dead."""
        self._over.set()
        self._thread.join(BEAT)
        try:
            close_old_connections()  # the one of this thread is as old as the process
            bury(Worker.objects.filter(pk=leases.worker_id()), self._leased)
        except DatabaseError:
            log.warning("farewell_failed", exc_info=True)  # the others find out

    def _register(self) -> None:
        name = f"{socket.gethostname()}:{os.getpid()}"[:200]
        me = Worker.objects.create(pk=leases.worker_id(), name=name, does=self._does, version=__version__)
        me.refresh_from_db()
        ahead = (timezone.now() - me.beat_at).total_seconds()
        if abs(ahead) > CLOCKS:
            log.warning(
                "clock_differs",
                seconds=round(ahead),
                next="Let the machines of Placet and its database keep time (NTP).",
            )

    def _run(self) -> None:
        in_a_row = 0
        while not self._over.wait(BEAT):
            try:
                in_a_row = in_a_row + 1 if self._beat() else 0
                # After a gap, as when the database was away, the others have yet to show that they live.
                if in_a_row >= STEADY:
                    bury(dead(), self._leased)
            except Exception:
                # The database may be away for a while; this thread has to outlive that.
                log.exception("life_sign_failed")
                connections.close_all()
        connections.close_all()

    def _beat(self) -> bool:
        """Whether the one before was not long ago."""
        me = Worker.objects.filter(pk=leases.worker_id())
        if me.filter(beat_at__gt=Now() - 2 * timedelta(seconds=BEAT)).update(beat_at=Now()):
            return True
        if not me.update(beat_at=Now()):
            former = leases.worker_id()
            leases.renew_id()
            self._register()
            log.warning("taken_for_dead", worker=former, now=leases.worker_id())
        return False


def living() -> "QuerySet[Worker]":
    return Worker.objects.filter(beat_at__gt=Now() - DEAD_AFTER)


def dead() -> "QuerySet[Worker]":
    return Worker.objects.filter(beat_at__lte=Now() - DEAD_AFTER)


def bury(workers: "QuerySet[Worker]", leased: Sequence[Leased[Any]]) -> None:
    """Free what these workers held, and forget them. A worker that only slept finds out at its next sign of life; what
    it had in hand is no longer its own before anybody else has it."""
    if not workers.exists():
        return
    with transaction.atomic():
        if connection.features.has_select_for_update_skip_locked:
            workers = workers.select_for_update(skip_locked=True)
        for worker in workers:
            freed = sum(rows.free(worker.pk) for rows in leased)
            if worker.pk != leases.worker_id():
                log.warning("worker_is_gone", worker=worker.name, freed=freed)
            worker.delete()
