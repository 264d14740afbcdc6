"""An installation of its own, driven by the real `placet` command in processes of its own."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, LiteralString, Self
from urllib.parse import urlsplit

PLACET = str(Path(sys.executable).with_name("placet"))
PATIENCE = (
    500  # seconds that a process may take on a busy machine; what hangs is ended by the limit of its test
)


@dataclass(frozen=True)
class Installation:
    """A data folder and, where the suite runs on PostgreSQL, a database that nobody else uses."""

    data_dir: Path
    database_url: str = ""

    @property
    def environment(self) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PLACET_")}
        clean |= {"PLACET_DATA_DIR": str(self.data_dir), "PYTHONWARNINGS": "default"}
        return clean | ({"PLACET_DATABASE_URL": self.database_url} if self.database_url else {})

    @property
    def kind(self) -> str:
        return "postgresql" if self.database_url else "sqlite"

    def placet(
        self, *words: str | Path, typed: str = "", **settings: str
    ) -> "subprocess.CompletedProcess[str]":
        """`placet WORDS…`, with more settings from keywords such as PLACET_LISTEN."""
        return subprocess.run(
            [PLACET, *map(str, words)],
            env=self.environment | settings,
            cwd=self.data_dir.parent,
            input=typed,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def good(self, *words: str | Path, typed: str = "") -> str:
        """The same, and it must work; what it said."""
        ended = self.placet(*words, typed=typed)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def refused(self, *words: str | Path, typed: str = "", **settings: str) -> str:
        """The same, and it must refuse in words; what it said."""
        ended = self.placet(*words, typed=typed, **settings)
        assert ended.returncode == 1, ended.stdout + ended.stderr
        assert "Traceback" not in ended.stderr
        return ended.stderr

    def serve(self, settings: Mapping[str, str] | None = None) -> "Serving":
        """`settings`: the operator's, such as PLACET_TRUST_PROXY; without any, its public address is its own."""
        return Serving(self, settings)


class Serving:
    """`placet serve` on a free port. Leaving the `with` stops it by SIGTERM."""

    def __init__(self, installation: Installation, settings: Mapping[str, str] | None = None) -> None:
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._environment = installation.environment | (
            {"PLACET_PUBLIC_URL": self.address} if settings is None else dict(settings)
        )

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            [PLACET, "serve", "--listen", f"127.0.0.1:{self.port}"],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.said = self._until_it_runs()
        return self

    def _until_it_runs(self) -> str:
        said = ""
        with ended_after(2 * PATIENCE, self.process) as lines:
            for line in lines:
                said += line
                if "Placet runs at" in line:
                    return said
        raise AssertionError(f"placet serve ended with {self.process.wait(PATIENCE)}: {said}")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        finally:
            if self.process.poll() is None:
                self.process.kill()
            assert self.process.stdout is not None
            self.process.stdout.close()


@contextmanager
def ended_after(seconds: float, process: "subprocess.Popen[str]") -> Iterator[IO[str]]:
    """What a process prints, to be read for at most so long: then it is killed, and its output ends."""
    assert process.stdout is not None
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    try:
        yield process.stdout
    finally:
        timer.cancel()


def free_port() -> int:
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def new_installation(data_dir: Path) -> Iterator[Installation]:
    """Nothing is in it yet. A database made for it is dropped at the end."""
    with new_database() as url:
        yield Installation(data_dir, url)


@contextmanager
def copied(begun: Installation, data_dir: Path) -> Iterator[Installation]:
    """Another one with what is in this one, tables and keys too. Nothing may run on it meanwhile."""
    made = copy_of(begun, data_dir)
    try:
        yield made
    finally:
        drop_database(made.database_url)


def copy_of(begun: Installation, data_dir: Path) -> Installation:
    """The same, but that nobody drops its database."""
    shutil.copytree(begun.data_dir, data_dir)
    return Installation(data_dir, make_database(begun.database_url))


@contextmanager
def new_database() -> Iterator[str]:
    """Where the suite runs on PostgreSQL, the URL of a database that is dropped at the end; else nothing."""
    url = make_database()
    try:
        yield url
    finally:
        drop_database(url)


def make_database(like: str = "") -> str:
    """The same, for whoever drops it later."""
    server = os.environ.get("PLACET_DATABASE_URL", "")
    if not server.startswith("postgres"):
        return ""
    name = f"placet_{secrets.token_hex(6)}"
    _on_the_server("CREATE DATABASE {} TEMPLATE {}", name, _name_of(like) or "template1")
    return urlsplit(server)._replace(path=f"/{name}").geturl()


def drop_database(url: str) -> None:
    if url:
        _on_the_server("DROP DATABASE {} WITH (FORCE)", _name_of(url))


def _name_of(url: str) -> str:
    return urlsplit(url).path.lstrip("/")


def _on_the_server(statement: LiteralString, *names: str) -> None:
    import psycopg
    from psycopg.sql import SQL, Identifier

    with psycopg.connect(os.environ["PLACET_DATABASE_URL"], autocommit=True) as server:
        server.execute(SQL(statement).format(*map(Identifier, names)))
