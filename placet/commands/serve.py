"""`placet serve`: the pages and the work in one process. On PostgreSQL others may run beside it: more of these, with
`--web-only` the pages alone, and `placet work` for the work alone."""

import argparse
import os
import resource
import sys
import threading

import structlog
import waitress

from placet.cli import CommandError
from placet.commands.locks import DatabaseLock
from placet.commands.running import on_postgresql, started, stop_by_signal, until_stopped
from placet.commands.start import read_config, say
from placet.lib.collector import keep_what_is_there, not_collecting
from placet.lib.config import listen_of

log = structlog.get_logger(__name__)


FILES_BESIDE = 200  # that are open beside connections: the database, mailboxes, what is sent
#: That are open at a time. Programs keep theirs while they do nothing: were these as few as waitress has them (100),
#: pages would not be answered before some had been idle for two minutes.
MOST_CONNECTIONS = 1_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--listen", help="host:port, instead of PLACET_LISTEN")
    parser.add_argument(
        "--web-only",
        action="store_true",
        help="the pages alone; the work is done by placet work (PostgreSQL only)",
    )


def run(options: argparse.Namespace) -> int:
    if options.listen is not None:
        # Before the settings are read: links in mails begin with it where no other address is set.
        os.environ["PLACET_LISTEN"] = _listen(options.listen)
    config = read_config()
    if options.web_only and not on_postgresql(config):
        raise CommandError(
            "--web-only needs PostgreSQL: on SQLite one process has the pages and does the work."
        )
    with started(config) as lock:
        _first_administrator()
        return _serve(config.listen, lock, web_only=options.web_only)


def _listen(entered: str) -> str:
    try:
        return listen_of(entered)
    except ValueError as error:
        raise CommandError(f"--listen {error}.") from error


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


def _may_open(files: int) -> None:
    """Have the system let this process open so many, as far as it may ask for that: a service has 1,024 as a rule."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = files if most == resource.RLIM_INFINITY else min(files, most)
    if now != resource.RLIM_INFINITY and now < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def _serve(listen: str, lock: DatabaseLock, *, web_only: bool) -> int:
    with not_collecting():
        from placet.accounts.general import general
        from placet.lib.web import THREADS
        from placet.portal.uploads import LARGEST_READ
        from placet.workforce import pages, workers_and_pages
        from placet.wsgi import application
    keep_what_is_there()
    _may_open(MOST_CONNECTIONS + FILES_BESIDE)
    try:
        server = waitress.create_server(
            application, listen=listen, threads=THREADS, ident=None,
            clear_untrusted_proxy_headers=False,  # the application does it (`placet.lib.proxies`)
            max_request_body_size=LARGEST_READ,  # up to here a page says what is too large; beyond, waitress does
            connection_limit=MOST_CONNECTIONS, asyncore_use_poll=True,  # select() knows no file beyond the 1,024th
            send_bytes=1,  # pages that are made while they are read (the connection test) go out piece by piece
        )  # fmt: skip
    except (OSError, ValueError) as error:  # ValueError: a host that is not known, in waitress's words
        raise CommandError(
            f"Cannot listen on {listen}: {getattr(error, 'strerror', '') or error}."
        ) from error
    asked = stop_by_signal()
    with pages() if web_only else workers_and_pages():
        threading.Thread(target=server.run, name="web", daemon=True).start()
        say(f"Placet runs at {general().public_url} (listening on {listen}). Stop it with Ctrl-C.")
        kept = until_stopped(lock, asked)
    server.close()
    return 0 if kept else 1
