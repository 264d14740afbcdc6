"""The kinds of work on PostgreSQL, by any number of processes.

Procrastinate tells the processes that there is work, and sees to it that one of them does what must be done by one at
a time. What it tells is a nudge (`placet.workers.nudges`): a kind of work, and whose. A turn looks up a batch of rows
and works them; while there are more, it leaves a nudge for the next turn. Once a second one of the processes looks
through all kinds for what nobody was told of.

A process that dies leaves rows in its hand, which others free (`placet.workers.life`), and nudges that it began with,
which are thrown away: the look through all kinds makes new ones.
"""

import asyncio
import os
import secrets
import socket
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

import procrastinate
import psycopg
import structlog
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, DatabaseError, close_old_connections, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.functions import Now
from procrastinate.contrib.django.utils import connector_params
from procrastinate.exceptions import ConnectorException
from procrastinate.job_context import JobContext
from procrastinate.jobs import Status
from procrastinate.psycopg_connector import PsycopgConnector
from psycopg import sql

from placet.lib import working
from placet.mailboxes.push import subscriptions
from placet.work import BATCH, IDLE, LEASED, Kind, kinds, one_after_the_other, rows_of
from placet.workers import nudges
from placet.workers.life import DEAD_AFTER, Life
from placet.workers.models import Sweep, Worker
from placet.workers.nudges import TASK, WHOLE, Nudge

log = structlog.get_logger(__name__)

SIDE_BY_SIDE, IN_TURN = "side_by_side", "in_turn"  # the queues
SLOTS = 16  # turns of mail to take in that wait at the same time
MOST_IN_TURN = 16  # turns of the other kinds that one process does at the same time
LOOK = timedelta(seconds=0.9)  # between two looks through all kinds, over all processes
POLLING = 5.0  # seconds between two looks for nudges that nobody was told of
POLLING_UNTOLD = 0.5  # the same where the database's notices do not arrive
REAPING = 10.0  # seconds between two looks for what dead workers had begun with
AFTER_TROUBLE = 2.0  # seconds until the database is tried again
DOING = "SELECT id FROM procrastinate_jobs WHERE status = 'doing' AND worker_id = ANY(%(workers)s)"
TOLD_WITHIN = 3.0  # seconds in which a notice of the database arrives, if it does
CONNECTIONS: dict[str, Any] = {"min_size": 1, "max_size": 4, "timeout": 10.0}  # of a process, for its nudges


def nudges_of(kind: Kind) -> Iterator[Nudge]:
    """For the rows of one kind that are due now."""
    if kind.mailboxes is not None:
        for mailbox in kind.mailboxes():
            yield Nudge(kind.name, mailbox, IN_TURN, lock=f"{kind.lane}:{mailbox}")
    elif kind.reserve is not None:
        for slot in range(-(-len(kind.due(SLOTS * BATCH)) // BATCH)):
            yield _slot(kind, slot)
    elif kind.due(1):
        yield Nudge(kind.name, WHOLE, IN_TURN, lock=kind.name)


def _slot(kind: Kind, slot: int) -> Nudge:
    return Nudge(kind.name, slot, SIDE_BY_SIDE)


def tell(name: str) -> None:
    """There may be rows of this kind. Called where they are written: in a process that only has the pages, too."""
    nudges.send(nudge for kind in kinds() if kind.name == name for nudge in nudges_of(kind))


class Runner:
    """All kinds, in this process, beside others."""

    def __init__(self, does: Worker.Does) -> None:
        self._life = Life(does, LEASED)
        self._kinds = {kind.name: kind for kind in kinds()}
        self._stop = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._workers: list[asyncio.Future[None]] = []
        self._in_hand: dict[int, int] = {}  # jobs, each with the worker of Procrastinate that began with it
        self._job_workers: set[int] = set()  # of this process, as far as they have begun with a job
        self._connections: list[BaseDatabaseWrapper] = []
        # A thread keeps its connections, to the database and to mailboxes, from turn to turn.
        self._threads = {
            kind.name: ThreadPoolExecutor(
                MOST_IN_TURN if kind.mailboxes is not None else kind.workers,
                f"work-{kind.name}",
                self._keep_connection,
            )
            for kind in self._kinds.values()
        }
        self._worker = threading.Thread(target=self._work, name="work", daemon=True)
        self._looker = threading.Thread(target=self._look_again_and_again, name="work-look", daemon=True)

    def start(self) -> None:
        self._life.begin(alone=False)
        subscriptions.try_again()
        Sweep.objects.get_or_create(pk=1, defaults={"at": Now()})
        for name in self._kinds:
            working.started(name, self._worker, partial(tell, name))
        self._worker.start()
        self._looker.start()

    def stop(self, timeout: float = 30) -> None:
        """Let every turn end what it has in hand."""
        self._stop.set()
        if self._loop is not None:
            with suppress(RuntimeError):  # it has ended by itself
                self._loop.call_soon_threadsafe(self._end)
        self._worker.join(timeout)
        self._looker.join(timeout)
        for threads in self._threads.values():
            threads.shutdown(wait=True)
        for kept in self._connections:
            kept.close()
        self._life.end()

    def alive(self) -> bool:
        return self._worker.is_alive() and self._looker.is_alive()

    def _keep_connection(self) -> None:
        """That of a thread which turns, to be closed when none does."""
        kept = connections[DEFAULT_DB_ALIAS]
        kept.inc_thread_sharing()
        self._connections.append(kept)

    # --- turns --------------------------------------------------------------------------------------------

    async def turn(self, context: JobContext, kind: str, shard: int) -> None:
        """What a nudge leads to."""
        loop, job, worker = asyncio.get_running_loop(), context.job.id, context.job.worker_id
        assert job is not None and worker is not None
        self._in_hand[job] = worker
        self._job_workers.add(worker)
        try:
            await loop.run_in_executor(self._threads[kind], self._turn, self._kinds[kind], shard)
        finally:
            del self._in_hand[job]

    def _turn(self, kind: Kind, shard: int) -> None:
        if self._stop.is_set():
            return
        close_old_connections()
        working.began(kind.name)
        worked, rows = 0, list[int]()
        try:
            mailbox = shard if kind.mailboxes is not None else None
            rows = kind.reserve(BATCH) if kind.reserve is not None else rows_of(kind, BATCH, mailbox)
            worked = one_after_the_other(kind, rows, self._stop.is_set)
            if worked:
                nudges.send(self._next(kind, shard, len(rows)))
            if kind.let_go is not None:
                kind.let_go(rows)  # of those that failed what is still reserved
        except Exception:
            # The database may be away for a while. Whatever is due is looked for again.
            log.exception("work_turn_failed", kind=kind.name)
            connections.close_all()
        finally:
            working.ended(kind.name, worked)

    def _next(self, kind: Kind, shard: int, looked_up: int) -> Iterator[Nudge]:
        """After a turn that found work: its own kind, while there is more, and those that got rows by it."""
        if kind.reserve is None:
            yield from nudges_of(kind)
        elif looked_up == BATCH:
            yield _slot(kind, shard)
            yield _slot(kind, (shard + 1) % SLOTS)  # there may be enough for one more beside it
        for name in kind.then:
            yield from nudges_of(self._kinds[name])

    # --- looking ------------------------------------------------------------------------------------------

    def _look_again_and_again(self) -> None:
        looked_at: dict[str, float] = {}
        while not self._stop.wait(IDLE):
            try:
                close_old_connections()
                if _take_the_look():
                    nudges.send(self._due_now(looked_at))
            except Exception:
                # The database may be away for a while; this thread has to outlive that.
                log.exception("work_lookup_failed")
                connections.close_all()
        connections.close_all()

    def _due_now(self, looked_at: dict[str, float]) -> Iterator[Nudge]:
        for kind in self._kinds.values():
            if time.monotonic() - looked_at.get(kind.name, -kind.idle) >= kind.idle:
                try:
                    due = list(nudges_of(kind))
                except DatabaseError:
                    raise
                except Exception:
                    log.exception("work_lookup_failed", kind=kind.name)  # the other kinds go on
                    due = []
                looked_at[kind.name] = time.monotonic()
                yield from due

    # --- Procrastinate ------------------------------------------------------------------------------------

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                asyncio.run(self._work_until_it_breaks())
            except Exception:
                # The database went away: its workers ended, and begin anew when it is there.
                log.exception("workers_ended")
            self._stop.wait(AFTER_TROUBLE)

    async def _work_until_it_breaks(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(_unheard)
        told = await _notices_arrive()
        app = procrastinate.App(connector=PsycopgConnector(kwargs=_listening_parameters(), **CONNECTIONS))
        app.task(name=TASK, pass_context=True)(self.turn)
        async with app.open_async():
            tasks = [
                _worker(app, SIDE_BY_SIDE, self._kinds["take_in"].workers, told=told),
                _worker(app, IN_TURN, MOST_IN_TURN, told=told),
                _reap(app, self._in_hand, self._job_workers),
            ]
            self._workers = [asyncio.ensure_future(task) for task in tasks]
            beating = asyncio.ensure_future(self._beat(app))
            try:
                if not self._stop.is_set():
                    await asyncio.wait(self._workers, return_when=asyncio.FIRST_COMPLETED)
            finally:
                self._end()
                for ended in await asyncio.gather(*self._workers, return_exceptions=True):
                    if isinstance(ended, Exception):
                        log.warning("worker_ended", exc_info=ended)
                beating.cancel()

    async def _beat(self, app: procrastinate.App) -> None:
        """Show that those live whose turns are in hand: Procrastinate's own signs end before the last turn does."""
        while True:
            await asyncio.sleep(REAPING)
            for worker in set(self._in_hand.values()):
                try:
                    await app.job_manager.update_heartbeat(worker)
                except ConnectorException:
                    log.warning("heartbeat_failed")

    def _end(self) -> None:
        for worker in self._workers:
            worker.cancel()


def _take_the_look() -> bool:
    """Whether it is this process that looks now."""
    return bool(Sweep.objects.filter(pk=1, at__lte=Now() - LOOK).update(at=Now()))


def _unheard(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Of a nudge that could not be ended because the database was away: `_reap` does."""
    if isinstance(context.get("exception"), ConnectorException):
        log.warning("nudge_not_ended")
    else:
        loop.default_exception_handler(context)


async def _worker(app: procrastinate.App, queue: str, at_once: int, *, told: bool) -> None:
    await app.run_worker_async(
        queues=[queue],
        name=f"{socket.gethostname()}:{os.getpid()}",
        concurrency=at_once,
        listen_notify=told,
        fetch_job_polling_interval=POLLING if told else POLLING_UNTOLD,
        delete_jobs="always",
        install_signal_handlers=False,
    )


async def _reap(app: procrastinate.App, in_hand: Mapping[int, int], own: Collection[int]) -> None:
    """Throw away what dead workers had begun with, again and again: else nobody could do what they had the lock of. And
    what this process has ended, but could not say so because the database was away."""
    jobs, dead_after = app.job_manager, int(DEAD_AFTER.total_seconds())
    before: set[int] = set()
    while True:
        doing = await app.connector.execute_query_all_async(DOING, workers=list(own))
        left = {row["id"] for row in doing} - set(in_hand)
        for job_id in left & before:  # at two looks: it is not just beginning or ending
            with suppress(ConnectorException):
                await jobs.finish_job_by_id_async(job_id, Status.FAILED, delete_job=True)
                log.warning("ended_nudge_thrown_away", job=job_id)
        before = left
        await jobs.prune_stalled_workers(dead_after)
        for job in await jobs.get_stalled_jobs(seconds_since_heartbeat=dead_after):
            try:
                await jobs.finish_job(job, Status.FAILED, delete_job=True)
            except ConnectorException as error:
                log.info("stalled_nudge_kept", error=type(error).__name__)  # another process was faster
            else:
                log.warning("stalled_nudge_thrown_away", nudge=job.queueing_lock)
        await asyncio.sleep(REAPING)


# --- the connection that hears of nudges ------------------------------------------------------------------


def _listening_parameters() -> dict[str, Any]:
    """Of a connection that may keep a session of its own: behind PgBouncer that is another address."""
    direct = settings.PLACET.database_direct_url
    if not direct:
        return dict(connector_params())
    return {**psycopg.conninfo.conninfo_to_dict(direct)}


async def _notices_arrive() -> bool:
    """Whether the database tells a connection what another one notifies it of. PgBouncer gives each transaction another
    session, and does not (https://www.pgbouncer.org/features.html: LISTEN)."""
    channel = sql.Identifier(f"placet_{secrets.token_hex(8)}")
    async with await psycopg.AsyncConnection.connect(**_listening_parameters(), autocommit=True) as listening:
        await listening.execute(sql.SQL("LISTEN {}").format(channel))
        await asyncio.to_thread(_notify, channel.as_string(None))
        async for _notice in listening.notifies(timeout=TOLD_WITHIN, stop_after=1):
            return True
    log.warning(
        "database_notices_do_not_arrive",
        next="Behind PgBouncer, name the database's own address in PLACET_DATABASE_DIRECT_URL. Until then workers look "
        "for work by themselves.",
    )
    return False


def _notify(channel: str) -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"NOTIFY {channel}")
    finally:
        connections.close_all()
