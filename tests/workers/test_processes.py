"""Real processes beside each other on one PostgreSQL: the work here, the pages there, PgBouncer between."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from tests.installation import PATIENCE, PLACET, Installation, copied, free_port

pytestmark = pytest.mark.postgresql

PASSWORD = "a long enough password"


@pytest.fixture
def installation(begun: Installation, tmp_path: Path) -> Iterator[Installation]:
    with copied(begun, tmp_path / "data") as made:
        yield made


@contextmanager
def running(
    installation: Installation, *words: str, log: Path, ready: str, **settings: str
) -> Iterator["subprocess.Popen[bytes]"]:
    """A process of Placet, from when its log or its output says `ready` until it is stopped by SIGTERM."""
    with log.open("w") as output:
        process = subprocess.Popen(
            words,
            env=installation.environment | settings,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            until_said(log, ready, process)
            yield process
            assert process.poll() is None, log.read_text()
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0, log.read_text()
        finally:
            if process.poll() is None:
                process.kill()
                process.wait(PATIENCE)
    assert "Traceback" not in log.read_text(), log.read_text()


def until_said(log: Path, words: str, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + PATIENCE
    while words not in log.read_text():
        assert process.poll() is None and time.monotonic() < end, log.read_text()
        time.sleep(0.05)


def signed_in(address: str, email: str) -> requests.Session:
    browser = requests.Session()
    page = browser.get(f"{address}/accounts/login/", timeout=PATIENCE)
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert token is not None
    form = {"login": email, "password": PASSWORD, "csrfmiddlewaretoken": token[1]}
    answer = browser.post(f"{address}/accounts/login/", form, headers={"Referer": address}, timeout=PATIENCE)
    assert answer.ok and "sessionid" in browser.cookies
    return browser


def health(address: str) -> tuple[int, list[str]]:
    answer = requests.get(f"{address}/healthz", timeout=PATIENCE)
    return answer.status_code, answer.json().get("failing", [])


def test_pages_in_several_processes_know_the_same_people_and_whether_the_work_is_done(
    installation: Installation, tmp_path: Path
) -> None:
    installation.good("person", "add", "--administrator", "Ada", "ada@contoso.example", typed=f"{PASSWORD}\n")
    ports = [free_port(), free_port()]
    first, second = (f"http://127.0.0.1:{port}" for port in ports)
    gunicorn = [str(Path(sys.executable).with_name("gunicorn")), "placet.web:application", "--workers", "2"]
    public = {"PLACET_PUBLIC_URL": first}
    with (
        running(
            installation, PLACET, "serve", "--web-only", "--listen", f"127.0.0.1:{ports[0]}",
            log=tmp_path / "web.log", ready="Placet runs at", **public,
        ),
        running(
            installation, *gunicorn, "--bind", f"127.0.0.1:{ports[1]}",
            log=tmp_path / "gunicorn.log", ready="Booting worker", **public,
        ),
    ):  # fmt: skip
        assert health(first) == (503, ["work"])
        browser = signed_in(first, "ada@contoso.example")
        until(lambda: browser.get(f"{second}/", timeout=PATIENCE, allow_redirects=False).status_code == 200)
        with running(installation, PLACET, "work", log=tmp_path / "work.log", ready="Placet works", **public):
            assert health(first) == health(second) == (200, [])
            page = browser.get(f"{second}/administration/configuration/diagnostics/", timeout=PATIENCE)
            assert "No process of Placet does the work" not in page.text
            assert page.text.count("last sign of life") == 4  # the pages here, two there, and the work
        assert health(first) == (503, ["work"])


def until(true: object) -> None:
    assert callable(true)
    end = time.monotonic() + PATIENCE
    while True:
        try:
            if true():
                return
        except requests.ConnectionError:
            pass
        assert time.monotonic() < end
        time.sleep(0.1)


# --- behind PgBouncer -------------------------------------------------------------------------------------


@pytest.fixture
def pooled(installation: Installation, tmp_path: Path) -> Iterator[str]:
    """The address of the database behind a PgBouncer, which gives each transaction another session."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program is not None, "make test-postgres installs it"
    folder = tmp_path / "pgbouncer"
    folder.mkdir()
    database, port = urlsplit(installation.database_url), free_port()
    (folder / "users").write_text(f'"{database.username}" "{database.password}"\n')
    (folder / "ini").write_text(
        f"""[databases]
* = host={database.hostname} port={database.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = plain
auth_file = {folder}/users
pool_mode = transaction
default_pool_size = 10
logfile = {folder}/log
"""
    )
    user: list[str] = []
    if os.getuid() == 0:  # it refuses to run as root
        for path in (folder, folder / "users", folder / "ini"):  # which nobody else may read by some umasks
            shutil.chown(path, "postgres")
        for parent in (folder, *folder.parents):
            if parent.stat().st_uid == 0 and parent != Path("/"):
                parent.chmod(parent.stat().st_mode | 0o011)
        user = ["runuser", "-u", "postgres", "--"]
    process = subprocess.Popen([*user, program, "-q", str(folder / "ini")], cwd="/")
    try:
        until(lambda: process.poll() is not None or _listens(port))
        assert process.poll() is None, (folder / "log").read_text()
        yield database._replace(netloc=f"{database.username}:{database.password}@127.0.0.1:{port}").geturl()
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _listens(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


NOT_TOLD = "database_notices_do_not_arrive"


@pytest.mark.parametrize("direct", [True, False], ids=["direct", "missing"])
def test_behind_a_pooler_the_start_says_whether_notices_arrive(
    installation: Installation, pooled: str, tmp_path: Path, direct: bool
) -> None:
    settings = {"PLACET_DATABASE_URL": pooled}
    if direct:
        settings["PLACET_DATABASE_DIRECT_URL"] = installation.database_url
    log = tmp_path / "work.log"
    with running(installation, PLACET, "work", log=log, ready="Placet works", **settings):
        if direct:
            time.sleep(5)
        else:
            until(lambda: NOT_TOLD in log.read_text())
    assert (NOT_TOLD in log.read_text()) is not direct
