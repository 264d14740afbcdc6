"""`placet serve`: the one process."""

import argparse
import fcntl
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import django
import structlog
import waitress

from placet.cli import CommandError
from placet.commands.start import (
    database_trouble_in_words,
    make_private,
    read_config,
    read_words,
    refuse_half_restored,
    say,
    set_up_tables,
)
from placet.lib.config import listen_of

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

log = structlog.get_logger(__name__)

LOCK_FILE = "serve.lock"  # in the data folder
DATABASE_LOCK = 0x506C6163  # "Plac"; PostgreSQL's advisory locks are numbers
LOOK_AT_LOCK = 60.0  # seconds between two looks whether we still hold it
#: Of the connection that holds it: a server that went away without a word is noticed in a minute
#: (https://www.postgresql.org/docs/current/libpq-connect.html).
NOTICE_SOON = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--listen", help="host:port, instead of PLACET_LISTEN")


def run(options: argparse.Namespace) -> int:
    config = read_config()
    listen = _listen(options.listen) if options.listen is not None else config.listen
    make_private(config.data_dir)
    with only_process(config.data_dir):
        refuse_half_restored(config.data_dir)
        django.setup()
        with database_trouble_in_words():
            lock = DatabaseLock.take()  # before its tables are changed under another one
        set_up_tables()
        read_words()
        _use_entered_address()
        _use_entered_log_level()
        _first_administrator()
        return _serve(listen, lock)


def _listen(entered: str) -> str:
    try:
        return listen_of(entered)
    except ValueError as error:
        raise CommandError(f"--listen {error}.") from error


@contextmanager
def only_process(data_dir: Path) -> Iterator[None]:
    """One `placet serve` for a data folder: a second one says so and stops. The lock goes with the process,
    however it ends."""
    path = data_dir / LOCK_FILE
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise CommandError(f"Placet already runs on {data_dir} ({path} is locked).") from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


class DatabaseLock:
    """On PostgreSQL another machine could serve the same database: its lock lasts as long as the connection that
    took it, which is kept open for it. SQLite's file lies in a folder that is locked already."""

    def __init__(self, keeper: "BaseDatabaseWrapper | None") -> None:
        self._keeper = keeper

    @classmethod
    def take(cls) -> "DatabaseLock":
        """The lock of the configured database. CommandError if another process has it."""
        from django.db import connection, connections

        if connection.vendor != "postgresql":
            return cls(None)
        keeper = connections.create_connection("default")
        options = {**NOTICE_SOON, **keeper.settings_dict["OPTIONS"]}
        keeper.settings_dict = {**keeper.settings_dict, "OPTIONS": options}
        keeper.inc_thread_sharing()  # taken here, looked at by another thread
        with keeper.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [DATABASE_LOCK])
            if not cursor.fetchone()[0]:
                raise CommandError("Another Placet already runs on this database.")
        return cls(keeper)

    def held(self) -> bool:
        """Whether it is still ours. It is never taken again: somebody else may have had it meanwhile."""
        from django.db import Error

        if self._keeper is None:
            return True
        try:
            with self._keeper.cursor() as cursor:
                cursor.execute("SELECT 1")
        except Error:
            return False
        return True


def _first_administrator() -> None:
    """Somebody must be able to sign in. Asked for at the first start, where there is somebody to ask."""
    from placet.accounts.models import Person

    if Person.objects.filter(is_administrator=True, is_active=True).exists():
        return
    if not sys.stdin.isatty():
        say("There is no administrator yet. Add one: placet person add --administrator NAME ADDRESS")
        return
    from placet.accounts.addresses import PersonInvalid, add_person, check_person
    from placet.commands.person import ask_password

    say("Welcome to Placet. Who is its first administrator?")
    name = input("Name: ").strip()
    address = input("E-mail address: ").strip()
    try:
        check_person(name, address)
    except PersonInvalid as error:
        raise CommandError(f"{error} Nobody was added; start again.") from error
    add_person(name, address, password=ask_password(name, address), administrator=True)
    say(f"{name} can sign in now.")
    say("Next: set up the mailbox (placet mailbox set --help, or Remote Approval in the panel),")
    say("and publish a process (placet process publish purchase).")


def _use_entered_address() -> None:
    """The public address of the General tab, unless the operator set one. Before the pages are made: they read what
    follows from it once."""
    from django.conf import settings
    from django.urls import set_script_prefix

    from placet.accounts.general import general
    from placet.lib.reached import reached_at

    for name, value in reached_at(general().public_url).items():
        setattr(settings, name, value)
    set_script_prefix(settings.FORCE_SCRIPT_NAME or "/")
    settings.STATIC_URL = "static/"  # Django puts the path in front when it is next read, and keeps that


def _use_entered_log_level() -> None:
    """That of the Diagnostics tab, unless the operator set one."""
    from placet.accounts.general import log_level
    from placet.lib import logs

    logs.set_level(log_level())


def _serve(listen: str, lock: DatabaseLock) -> int:

    from placet.accounts.general import general
    from placet.mailboxes.listening import Listeners
    from placet.portal.starting import LARGEST_READ
    from placet.work import Runner
    from placet.wsgi import application

    try:
        server = waitress.create_server(
            application, listen=listen, threads=8, ident=None,
            clear_untrusted_proxy_headers=False,  # the application does it (`placet.lib.proxies`)
            max_request_body_size=LARGEST_READ,  # up to here a page says what is too large; beyond, waitress does
            send_bytes=1,  # pages that are made while they are read (the connection test) go out piece by piece
        )  # fmt: skip
    except (OSError, ValueError) as error:  # ValueError: a host that is not known, in waitress's words
        raise CommandError(
            f"Cannot listen on {listen}: {getattr(error, 'strerror', '') or error}."
        ) from error
    runner, listeners = Runner(), Listeners()
    runner.start()
    listeners.start()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    thread = threading.Thread(target=server.run, name="web", daemon=True)
    thread.start()
    say(f"Placet runs at {general().public_url} (listening on {listen}). Stop it with Ctrl-C.")
    lost = threading.Event()
    threading.Thread(target=_watch, args=(lock, stop, lost), name="database-lock", daemon=True).start()
    stop.wait()
    log.info("stopping")
    listeners.stop()
    runner.stop()
    server.close()
    return 1 if lost.is_set() else 0


def _watch(lock: DatabaseLock, stop: threading.Event, lost: threading.Event) -> None:
    """Stop the process once the database's lock is lost: another one may work on it now. A supervisor starts this
    one again, which finds out."""
    while not stop.wait(LOOK_AT_LOCK):
        if not lock.held():
            log.error(
                "database_lock_lost", next="Placet stops; start it again when the database can be reached."
            )
            lost.set()
            stop.set()
