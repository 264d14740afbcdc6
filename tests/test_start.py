"""`placet serve`: one process for a data folder, and one for a database."""

import json
import logging
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from django.db import connection
from django.urls import URLResolver, get_resolver

from placet.cli import CommandError
from placet.commands import locks, running
from placet.commands.locks import DatabaseLock
from placet.commands.start import check_sqlite, set_up_tables
from placet.lib.late_views import LateView

from .installation import PATIENCE, Installation, copied, free_port, new_installation

ON_POSTGRESQL = os.environ.get("PLACET_DATABASE_URL", "").startswith("postgres")


@pytest.fixture
def installation(begun: Installation, tmp_path: Path) -> Iterator[Installation]:
    with copied(begun, tmp_path / "data") as made:
        yield made


def test_it_starts_without_a_person_at_the_terminal_and_says_what_is_missing(tmp_path: Path) -> None:
    with new_installation(tmp_path / "data") as new, new.serve() as serving:
        assert "There is no administrator yet" in serving.said
        first, *_others = serving.said.splitlines()
        assert first.startswith("Placet ") and f"data in {tmp_path / 'data'}" in first, (
            "nobody waits in silence"
        )
        serving.process.send_signal(signal.SIGTERM)
        assert serving.process.wait(60) == 0


# What a process has loaded once its command is done, and once it could show a page and has looked for work; and that it
# is as Python left it.
LOADS = """
import gc, json, sys
from placet.cli import main
assert main(["group", "list"]) == 0
command = sorted(sys.modules)
import placet.workforce, placet.wsgi
from django.urls import reverse
from placet import work
reverse("panel:home")  # reads the whole table of addresses
placet.mailboxes.push.subscriptions.try_again()
assert not any(work.rows_of(kind, 1) for kind in work.kinds() if kind.name in ("poll", "subscribe"))
print(json.dumps([command, sorted(sys.modules)]))
assert gc.isenabled()
import charset_normalizer, requests, rich.console, structlog
"""
#: Of other kinds of mailbox, and of pages that few look at.
LATE = (
    "cryptography.x509", "nh3", "placet.designer.other_rows", "placet.designer.views", "placet.mailboxes.discovery",
    "placet.mailboxes.gmail.client", "placet.mailboxes.imap.connection", "placet.mailboxes.microsoft.settings",
    "placet.panel.health", "placet.panel.metrics", "placet.replies.stamp_trial", "prometheus_client",
)  # fmt: skip
#: What decorators leave on a view that nobody reads: those of signing in are for a middleware that is not used.
NO_MARKS = ("__wrapped__", "login_url", "redirect_field_name")


def test_it_loads_the_pages_of_everybody_before_one_is_asked_for_and_not_what_few_need(
    installation: Installation,
) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", LOADS],
        env=installation.environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    command, pages = json.loads(ran.stdout.splitlines()[-1])
    assert {"placet.portal.views", "placet.portal.waiting", "placet.replies.entry"} <= set(pages)
    assert not {"placet.urls", "placet.replies"} & set(command)
    packages = {name.partition(".")[0] for name in pages}
    assert not packages & {
        "rich", "pygments", "authlib", "joserfc", "xlsxwriter", "PIL", "holidays", "ninja", "charset_normalizer",
        "greenlet",
    }  # fmt: skip
    assert not [name for name in pages if name.startswith((*LATE, "placet.workflowgen"))]
    assert not [name for name in pages if ".migrations." in name and name.startswith("placet.")]


def _late_views(resolver: URLResolver) -> Iterator[LateView]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            yield from _late_views(entry)
        elif isinstance(entry.callback, LateView):
            yield entry.callback


@pytest.mark.any_database
def test_every_page_that_is_loaded_late_is_there_and_bears_no_mark_that_django_would_miss() -> None:
    views = list(_late_views(get_resolver()))
    assert {view.__module__ for view in views} >= {"placet.designer.views", "placet.panel.metrics"}
    for late in views:
        assert callable(late.view), late.__name__
        assert vars(late.view).keys() <= {*NO_MARKS, "csrf_exempt"}, late.__name__
    assert [view.__name__ for view in views if view.csrf_exempt] == ["graph_notifications"]


def test_healthz_tells_a_monitor_that_it_works_and_nothing_else(installation: Installation) -> None:
    with installation.serve() as serving:
        answer = requests.get(f"{serving.address}/healthz", timeout=30, allow_redirects=False)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert "Set-Cookie" not in answer.headers


def test_another_port_is_the_one_that_it_says_and_that_links_lead_to(installation: Installation) -> None:
    with installation.serve({}) as serving:
        assert f"Placet runs at {serving.address} (listening on" in serving.said


@pytest.mark.skipif(ON_POSTGRESQL, reason="there any number of processes may run")
def test_a_second_one_on_the_same_folder_says_so(installation: Installation) -> None:
    with installation.serve():
        said = installation.refused("serve", PLACET_LISTEN="127.0.0.1:0")
        assert "already runs" in said and str(installation.data_dir) in said
        assert "needs PostgreSQL" in installation.refused("work")
        assert "needs PostgreSQL" in installation.refused("serve", "--web-only")


def test_a_killed_one_locks_nobody_out(installation: Installation) -> None:
    with installation.serve() as serving:
        serving.kill()
    with installation.serve() as again:
        assert again.process.poll() is None


def test_a_port_in_use_is_said(installation: Installation, begun: Installation, tmp_path: Path) -> None:
    with installation.serve() as serving, copied(begun, tmp_path / "other") as other:
        said = other.refused("serve", "--listen", f"127.0.0.1:{serving.port}")
        assert f"Cannot listen on 127.0.0.1:{serving.port}" in said


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("version", "is_new_enough"), [((3, 34, 1), False), ((3, 35, 0), True), ((4, 0, 0), True)]
)
def test_an_sqlite_that_is_too_old_is_said_before_it_is_used(
    version: tuple[int, ...], is_new_enough: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", version)
    monkeypatch.setattr(sqlite3, "sqlite_version", ".".join(map(str, version)))
    monkeypatch.setattr(connection, "vendor", "sqlite")
    if is_new_enough:
        check_sqlite()
        return
    monkeypatch.setattr(connection, "ensure_connection", lambda: pytest.fail("it was opened"))
    with pytest.raises(CommandError, match=r"3\.34\.1; Placet needs 3\.35 or newer"):
        set_up_tables()


def test_postgresql_needs_no_sqlite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 8))
    monkeypatch.setattr(connection, "vendor", "postgresql")
    check_sqlite()


@pytest.mark.parametrize("listen", ["foo", "localhost:99999", ":8000", "127.0.0.1:http", ""])
def test_what_is_no_address_to_listen_on_is_said_before_anything_is_made(
    installation: Installation, listen: str
) -> None:
    said = installation.refused("serve", "--listen", listen)
    assert "--listen must be host:port, such as 127.0.0.1:8000." in said
    assert "Traceback" not in said
    assert not (installation.data_dir / locks.LOCK_FILE).exists()


def test_a_host_to_listen_on_that_nobody_knows_is_said(installation: Installation) -> None:
    said = installation.refused("serve", "--listen", "no-such-host.invalid:0")
    assert "Cannot listen on no-such-host.invalid:0" in said
    assert "Traceback" not in said


class LostAtTheSecondLook(DatabaseLock):
    def __init__(self) -> None:
        super().__init__(None, alone=False)
        self.looks = 0

    def held(self) -> bool:
        self.looks += 1
        return self.looks < 2


def test_it_stops_once_another_process_may_work_on_its_database(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(locks, "LOOK_AT_LOCK", 0.001)
    stop, lost, lock = threading.Event(), threading.Event(), LostAtTheSecondLook()
    with caplog.at_level(logging.ERROR):
        locks.watch(lock, stop, lost)
    assert (stop.is_set(), lost.is_set(), lock.looks) == (True, True, 2)
    assert "database_lock_lost" in caplog.text


def test_it_goes_on_while_the_lock_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "LOOK_AT_LOCK", 0.001)
    stop, lost = threading.Event(), threading.Event()
    watching = threading.Thread(target=locks.watch, args=(DatabaseLock(None, alone=False), stop, lost))
    watching.start()
    stop.set()
    watching.join(PATIENCE)
    assert not watching.is_alive() and not lost.is_set()


if ON_POSTGRESQL:
    LOOKS_OFTEN = (
        "import sys; from placet.commands import locks; locks.LOOK_AT_LOCK = 0.1; "
        "from placet.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    WAITS = "FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND NOT granted"
    LOCKS = (
        "FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND granted"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )

    def test_nobody_starts_while_an_installation_is_copied_there(installation: Installation) -> None:
        import psycopg

        with psycopg.connect(installation.database_url, autocommit=True) as server:
            server.execute("SELECT pg_advisory_lock(%s)", [locks.DATABASE_LOCK])
            server.execute("DELETE FROM django_migrations WHERE app = 'accounts' AND name = '0002_tidied_at'")
            said = installation.refused("serve", PLACET_LISTEN="127.0.0.1:0")
            assert "just being copied into this database" in said
            made = server.execute("SELECT count(*) FROM django_migrations WHERE name = '0002_tidied_at'")
            assert made.fetchone() == (0,)

    def test_what_lost_its_lock_takes_it_again_and_ends_where_somebody_else_has_it(
        installation: Installation,
    ) -> None:
        import psycopg

        process = subprocess.Popen(
            [sys.executable, "-c", LOOKS_OFTEN, "serve", "--listen", f"127.0.0.1:{free_port()}"],
            env=installation.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert any("Placet runs at" in line for line in process.stdout)
        with psycopg.connect(installation.database_url, autocommit=True) as server:

            def holders() -> list[int]:
                return [pid for (pid,) in server.execute(f"SELECT pid {LOCKS}", [locks.DATABASE_LOCK])]

            first = holders()
            server.execute("SELECT pg_terminate_backend(%s)", first)
            until = time.monotonic() + PATIENCE
            while holders() in ([], first) and time.monotonic() < until:
                time.sleep(0.05)
            assert len(holders()) == 1 and process.poll() is None
            with psycopg.connect(installation.database_url, autocommit=True) as copying:
                waiting = threading.Thread(
                    target=copying.execute, args=("SELECT pg_advisory_lock(%s)", [locks.DATABASE_LOCK])
                )
                waiting.start()  # for the process that is there, and before whoever comes later
                while not server.execute(f"SELECT 1 {WAITS}", [locks.DATABASE_LOCK]).fetchone():
                    assert time.monotonic() < until
                server.execute("SELECT pg_terminate_backend(%s)", holders())
                waiting.join(PATIENCE)
                _, said = process.communicate(timeout=PATIENCE)
        assert process.returncode == 1
        assert "database_lock_lost" in said


def test_it_is_watched_as_a_monitor_and_a_supervisor_do(installation: Installation) -> None:
    key = "k8Vd-some-long-key-of-the-test"
    settings = {"PLACET_METRICS_KEY": key, "PLACET_TRUST_PROXY": "true"}
    with installation.serve(settings) as serving:
        ready = requests.get(f"{serving.address}/readyz", timeout=30)
        through = requests.get(
            f"{serving.address}/readyz",
            headers={"X-Request-ID": "a-proxys-own", "X-Forwarded-For": "203.0.113.9"},
            timeout=30,
        )
        refused = requests.get(f"{serving.address}/metrics", timeout=30)
        told = requests.get(
            f"{serving.address}/metrics", headers={"Authorization": f"Bearer {key}"}, timeout=30
        )
    assert (ready.status_code, ready.text) == (200, "ready\n")
    assert through.headers["X-Request-ID"] == "a-proxys-own" != ready.headers["X-Request-ID"]
    assert refused.status_code == 401 and "placet_" not in refused.text
    assert 'placet_worker_alive{kind="take_in"} 1.0' in told.text


def test_a_signal_at_any_moment_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also in the handful of instructions between deciding to wait and waiting."""
    monkeypatch.setattr(locks, "LOOK_AT_LOCK", 3600.0)
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        for pause in (0.0, *(n * 0.000_02 for n in range(200))):
            asked = running.stop_by_signal()
            threading.Timer(pause, os.kill, (os.getpid(), signal.SIGTERM)).start()
            assert running.until_stopped(DatabaseLock(None, alone=False), asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
