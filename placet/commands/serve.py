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

import structlog
import waitress

from placet.cli import CommandError
from placet.commands.start import read_config, say, set_up

log = structlog.get_logger(__name__)

LOCK_FILE = "serve.lock"  # in the data folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--listen", help="host:port, instead of PLACET_LISTEN")


def run(options: argparse.Namespace) -> int:
    config = read_config()
    config.data_dir.mkdir(parents=True, exist_ok=True)
    with only_process(config.data_dir):
        set_up()
        _only_on_this_database()
        _first_administrator()
        return _serve(options.listen or config.listen)


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


DATABASE_LOCK = 0x506C6163  # "Plac"; PostgreSQL's advisory locks are numbers


def _only_on_this_database() -> None:
    """On PostgreSQL another machine could serve the same database: its lock lasts as long as this process's
    connection, which is kept open for it."""
    from django.db import connection, connections

    if connection.vendor != "postgresql":
        return
    keeper = connections.create_connection("default")
    with keeper.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [DATABASE_LOCK])
        if not cursor.fetchone()[0]:
            raise CommandError("Another Placet already runs on this database.")
    _kept_open.append(keeper)


_kept_open: list[object] = []


def _first_administrator() -> None:
    """Somebody must be able to sign in. Asked for at the first start, where there is somebody to ask."""
    from placet.accounts.models import Person

    if Person.objects.filter(is_administrator=True, is_active=True).exists():
        return
    if not sys.stdin.isatty():
        say("There is no administrator yet. Add one: placet person add --administrator NAME ADDRESS")
        return
    from placet.accounts.addresses import add_person
    from placet.commands.person import ask_password

    say("Welcome to Placet. Who is its first administrator?")
    name = input("Name: ").strip()
    address = input("E-mail address: ").strip()
    add_person(name, address, password=ask_password(), administrator=True)
    say(f"{name} can sign in now.")
    say("Next: set up the mailbox (placet mailbox set --help, or Remote Approval in the panel),")
    say("and publish a process (placet process publish purchase).")


def _serve(listen: str) -> int:
    from django.conf import settings

    from placet.work import Runner
    from placet.wsgi import application

    try:
        server = waitress.create_server(
            application, listen=listen, threads=8, ident=None, clear_untrusted_proxy_headers=True,
            **_proxy(settings.PLACET.trust_proxy),
        )  # fmt: skip
    except OSError as error:
        raise CommandError(f"Cannot listen on {listen}: {error.strerror}.") from error
    runner = Runner()
    runner.start()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    thread = threading.Thread(target=server.run, name="web", daemon=True)
    thread.start()
    say(f"Placet runs at {settings.PLACET.public_url} (listening on {listen}). Stop it with Ctrl-C.")
    stop.wait()
    log.info("stopping")
    runner.stop()
    server.close()
    return 0


def _proxy(trusted: bool) -> dict[str, object]:
    if not trusted:
        return {}
    return {"trusted_proxy": "*", "trusted_proxy_headers": {"x-forwarded-for", "x-forwarded-proto"}}
