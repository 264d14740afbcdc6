"""`placet backup` and `placet restore`, as an administrator uses them."""

import hashlib
import io
import json
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from placet import cli
from placet.cli import CommandError
from placet.commands import backup
from placet.commands.locks import lock_folder
from placet.lib import archive
from placet.lib.progress import Progress

from .installation import Installation, copied, new_installation

OTHER_KIND = {"sqlite": "postgresql", "postgresql": "sqlite"}
Members = dict[str, bytes]


@pytest.fixture(scope="module")
def installation(begun: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with copied(begun, tmp_path_factory.mktemp("backup") / "data") as made:
        made.good(
            "person", "add", "Ada", "ada@contoso.example", "--administrator", typed="a long password 12\n"
        )
        (made.data_dir / "files" / "2026").mkdir(parents=True)
        (made.data_dir / "files" / "2026" / "offer.pdf").write_bytes(b"%PDF an offer")
        yield made


@pytest.fixture(scope="module")
def made(installation: Installation) -> Path:
    """A good backup."""
    target = installation.data_dir.parent / "good.tar.gz"
    installation.good("backup", target)
    return target


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Installation]:
    """Another place, with nothing in it."""
    with new_installation(tmp_path / "restored") as empty:
        yield empty


# --- the good way -----------------------------------------------------------------------------------------


def test_a_backup_made_while_somebody_writes_brings_back_one_moment(
    installation: Installation, elsewhere: Installation, tmp_path: Path
) -> None:
    target = tmp_path / "busy.tar.gz"
    with Writer(installation) as writer:
        before = writer.wait_for(20)
        said = installation.good("backup", target)
        after = writer.wait_for(before + 1)

    assert "holds the keys" in said
    elsewhere.good("restore", target)

    names = [name for (name,) in query(elsewhere, "SELECT key FROM accounts_group")]
    left = sorted(name.removeprefix("left-") for name in names if name.startswith("left-"))
    right = sorted(name.removeprefix("right-") for name in names if name.startswith("right-"))
    assert left == right, "each transaction is there whole or not at all"
    assert before <= len(left) <= after
    assert "Ada <ada@contoso.example>" in elsewhere.good("person", "list")


def test_everything_comes_back_and_the_keys_are_private(made: Path, elsewhere: Installation) -> None:
    said = elsewhere.good("restore", made)

    assert "must" not in said and str(elsewhere.data_dir) in said
    assert (elsewhere.data_dir / "files" / "2026" / "offer.pdf").read_bytes() == b"%PDF an offer"
    for name in ("secret.key", "encryption.keys", "audit.keys"):
        assert mode(elsewhere.data_dir / "keys" / name) == 0o600
    for folder in (elsewhere.data_dir, elsewhere.data_dir / "keys"):
        assert mode(folder) == 0o700
    assert not list(elsewhere.data_dir.glob(".restore*"))


def test_into_names_another_folder_than_the_settings(
    made: Path, elsewhere: Installation, tmp_path: Path
) -> None:
    folder = tmp_path / "named"
    said = elsewhere.good("restore", made, "--into", folder)
    assert f"PLACET_DATA_DIR={folder}" in said
    assert not elsewhere.data_dir.exists()
    assert "Ada" in Installation(folder, elsewhere.database_url).good("person", "list")


def test_only_its_owner_can_read_an_archive(made: Path) -> None:
    assert mode(made) == 0o600


def test_the_manifest_says_what_when_and_which_version(installation: Installation, made: Path) -> None:
    members = read(made)
    manifest = json.loads(members.pop("manifest.json"))
    assert manifest["placet"] == "0.1.0"
    assert manifest["database"] == installation.kind
    assert manifest["made_at"].endswith("+00:00")
    assert {name: said["sha256"] for name, said in manifest["members"].items()} == {
        name: hashlib.sha256(data).hexdigest() for name, data in members.items()
    }
    assert {"keys/secret.key", "keys/encryption.keys", "keys/audit.keys", "files/2026/offer.pdf"} < set(
        members
    )


# --- making one -------------------------------------------------------------------------------------------


def test_an_archive_is_replaced_only_by_force(installation: Installation, tmp_path: Path) -> None:
    target = tmp_path / "there.tar.gz"
    target.write_text("last year's")
    assert "say --force" in installation.refused("backup", target)
    assert target.read_text() == "last year's"

    installation.good("backup", target, "--force")
    assert "manifest.json" in read(target)
    assert [path.name for path in tmp_path.iterdir()] == ["there.tar.gz"], "nothing is left beside it"


def test_where_there_is_no_placet_nothing_is_made(elsewhere: Installation, tmp_path: Path) -> None:
    assert "There is no Placet in" in elsewhere.refused("backup", tmp_path / "none.tar.gz")
    assert not elsewhere.data_dir.exists()
    assert not (tmp_path / "none.tar.gz").exists()


def test_keys_that_do_not_fit_the_database_are_not_backed_up(
    installation: Installation, tmp_path: Path
) -> None:
    keys = installation.data_dir / "keys" / "encryption.keys"
    right = keys.read_text()
    keys.write_text(Fernet.generate_key().decode())
    try:
        said = installation.refused("backup", tmp_path / "useless.tar.gz")
    finally:
        keys.write_text(right)
    assert "are not those of this database" in said
    assert not (tmp_path / "useless.tar.gz").exists()


def test_keys_that_change_during_the_copy_start_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = tmp_path / "data" / "keys"
    keys.mkdir(parents=True)
    (keys / "secret.key").write_text("secret")
    (keys / "encryption.keys").write_text("old")
    copies: list[Path] = []

    def copy(database: object, folder: Path) -> str:
        (folder / "database.sqlite3").write_text(f"copy {len(copies)}")
        copies.append(folder)
        if len(copies) == 1:
            (keys / "encryption.keys").write_text("new\nold")
        return "sqlite"

    monkeypatch.setattr(backup, "_copy_database", copy)
    staging = tmp_path / "staging"
    staging.mkdir()
    backup._copy_database_and_keys(tmp_path / "data", staging)

    assert len(copies) == 2
    assert (staging / "database.sqlite3").read_text() == "copy 1"
    assert (staging / "keys" / "encryption.keys").read_text() == "new\nold"


def test_a_damaged_sqlite_database_is_said_and_not_backed_up(tmp_path: Path) -> None:
    source = tmp_path / "source.sqlite3"
    with closing(sqlite3.connect(source)) as connection:
        connection.execute("CREATE TABLE t (a)")
        connection.executemany("INSERT INTO t VALUES (?)", [("x" * 900,)] * 200)
        connection.commit()
    pages = bytearray(source.read_bytes())
    pages[3 * 4096 : 6 * 4096] = b"\xff" * (3 * 4096)
    source.write_bytes(pages)
    with pytest.raises(CommandError, match="damaged"):
        backup.copy_sqlite(source, tmp_path / "copy.sqlite3")


# --- PostgreSQL's tools (these need no server) ------------------------------------------------------------

POSTGRES = {
    "ENGINE": "django.db.backends.postgresql", "NAME": "placet", "USER": "ann", "PASSWORD": "s3cret",
    "HOST": "db.example", "PORT": 5433, "OPTIONS": {"sslmode": "verify-full"},
}  # fmt: skip


def test_a_copy_that_takes_long_is_of_one_moment_and_is_not_begun_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "placet.sqlite3"
    with closing(sqlite3.connect(source)) as writer:
        writer.execute("PRAGMA journal_mode=WAL")
        writer.execute("CREATE TABLE t (n integer, text text)")
        writer.executemany("INSERT INTO t VALUES (?, ?)", [(n, "x" * 1000) for n in range(500)])
        writer.commit()
        told: list[int] = []

        def write(_progress: Progress, done: int) -> None:
            """Somebody does between any two steps."""
            told.append(done)
            writer.execute("INSERT INTO t VALUES (1000, ?)", ["y" * 1000])
            writer.execute("DELETE FROM t WHERE n = ?", [len(told)])
            writer.commit()

        monkeypatch.setattr(Progress, "reach", write)
        monkeypatch.setattr(backup, "PAGES", 10)
        backup.copy_sqlite(source, tmp_path / "copy.sqlite3")
    with closing(sqlite3.connect(tmp_path / "copy.sqlite3")) as copy:
        rows = copy.execute("SELECT n FROM t ORDER BY n").fetchall()
    assert [n for (n,) in rows] == list(range(500))
    assert told == sorted(set(told)) and len(told) > 10


def tool(folder: Path, version: int, body: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "pg_dump"
    path.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && echo "pg_dump (PostgreSQL) {version}.2 (Debian)" && exit 0\n{body}\n'
    )
    path.chmod(0o755)
    return path


def test_the_password_of_the_database_is_never_an_argument(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool(tmp_path, 17, f'echo "$@" >{tmp_path}/arguments; env | grep ^PG | sort >{tmp_path}/environment')
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(backup, "_server_version", lambda: 17)

    backup.postgres("pg_dump", POSTGRES, "--format=custom")

    assert (tmp_path / "arguments").read_text() == "--no-password --format=custom\n"
    assert (tmp_path / "environment").read_text().splitlines() == [
        "PGDATABASE=placet", "PGHOST=db.example", "PGPASSWORD=s3cret", "PGPORT=5433", "PGSSLMODE=verify-full",
        "PGUSER=ann",
    ]  # fmt: skip


def test_a_tool_as_new_as_the_server_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool(tmp_path / "path", 15)
    newer = tool(tmp_path / "debian" / "17" / "bin", 17)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setattr(backup, "DEBIAN_TOOLS", tmp_path / "debian")
    assert backup.find_tool("pg_dump", 17) == newer
    assert backup.find_tool("pg_dump", 15) == tmp_path / "path" / "pg_dump"


@pytest.mark.parametrize(("version", "seen"), [(None, "it is not here"), (15, "only version 15 is here")])
def test_a_missing_or_old_tool_is_said_with_what_to_install(
    version: int | None, seen: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if version is not None:
        tool(tmp_path, version)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(backup, "DEBIAN_TOOLS", tmp_path / "none")
    with pytest.raises(
        CommandError, match=f"pg_dump of PostgreSQL 17 or newer is needed, but {seen}"
    ) as error:
        backup.find_tool("pg_dump", 17)
    assert "postgresql-client-17" in str(error.value)


def test_what_a_tool_complains_of_is_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool(tmp_path, 17, "echo 'connection refused' >&2; exit 3")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(backup, "_server_version", lambda: 17)
    with pytest.raises(CommandError, match="pg_dump failed: connection refused"):
        backup.postgres("pg_dump", POSTGRES)


# --- bad archives -----------------------------------------------------------------------------------------


@pytest.fixture
def refuse(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[[Path], str]:
    """Restore an archive that must be refused before anything is put in place; what was said."""
    into = tmp_path / "into" / "data"
    monkeypatch.setenv("PLACET_DATA_DIR", str(into))

    def restore(path: Path) -> str:
        assert cli.main(["restore", str(path), "--into", str(into)]) == 1
        assert list(into.iterdir()) == [], "the folder is as empty as before"
        assert [entry.name for entry in into.parent.iterdir()] == ["data"], "and nothing lies beside it"
        return capsys.readouterr().err

    return restore


def test_a_flipped_byte_is_noticed(made: Path, refuse: Callable[[Path], str], tmp_path: Path) -> None:
    data = bytearray(made.read_bytes())
    data[len(data) // 2] ^= 0xFF
    assert "damaged" in refuse(saved(tmp_path, data))


@pytest.mark.parametrize("part", [0.01, 0.5, 0.98])
def test_an_archive_that_was_cut_off_is_noticed(
    part: float, made: Path, refuse: Callable[[Path], str], tmp_path: Path
) -> None:
    data = made.read_bytes()
    said = refuse(saved(tmp_path, data[: int(len(data) * part)]))
    assert "damaged or is no backup" in said


def test_a_file_that_is_no_archive_is_said(refuse: Callable[[Path], str], tmp_path: Path) -> None:
    assert "is no backup" in refuse(saved(tmp_path, b"hello"))


def test_a_changed_member_is_noticed(made: Path, refuse: Callable[[Path], str], tmp_path: Path) -> None:
    members = read(made)
    members["files/2026/offer.pdf"] = b"%PDF another"
    assert "files/2026/offer.pdf was damaged or changed (SHA-256 differs)" in refuse(
        packed(tmp_path, members, sign=False)
    )


def test_a_missing_member_is_noticed(made: Path, refuse: Callable[[Path], str], tmp_path: Path) -> None:
    members = read(made)
    del members["keys/secret.key"]
    assert "keys/secret.key is missing" in refuse(packed(tmp_path, members, sign=False))


def test_a_member_that_the_manifest_does_not_know_is_refused(
    made: Path, refuse: Callable[[Path], str], tmp_path: Path
) -> None:
    members = {"files/extra": b"x", **read(made)}
    assert "'files/extra' is not in the manifest" in refuse(packed(tmp_path, members, sign=False))


def test_without_a_manifest_nothing_is_believed(
    made: Path, refuse: Callable[[Path], str], tmp_path: Path
) -> None:
    members = read(made)
    del members["manifest.json"]
    assert "has no manifest" in refuse(packed(tmp_path, members, sign=False))


@pytest.mark.parametrize(
    "name", ["../evil", "files/../../evil", "/evil", "files//evil", "./evil", "files\\..\\evil", "fi\nles"]
)
def test_nothing_lands_outside_of_the_folder(
    name: str, made: Path, refuse: Callable[[Path], str], tmp_path: Path
) -> None:
    members = {name: b"evil", **read(made)}
    assert "would land outside" in refuse(packed(tmp_path, members))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE])
def test_only_plain_files_are_taken(
    kind: bytes, made: Path, refuse: Callable[[Path], str], tmp_path: Path
) -> None:
    link = tarfile.TarInfo("files/link")
    link.type, link.linkname = kind, "../../outside"
    assert "is not a plain file" in refuse(packed(tmp_path, read(made), first=link))


def test_a_newer_versions_backup_is_refused(
    made: Path, refuse: Callable[[Path], str], tmp_path: Path
) -> None:
    said = refuse(packed(tmp_path, read(made), placet="0.10.0"))
    assert "was made by Placet 0.10.0, and this is 0.1.0" in said


def test_an_archive_of_something_else_is_refused(refuse: Callable[[Path], str], tmp_path: Path) -> None:
    target = tmp_path / "other.tar.gz"
    archive.write(target, [], {"database": "sqlite", "placet": "0.1.0"})
    assert "is not a backup of Placet" in refuse(target)


# --- bad places -------------------------------------------------------------------------------------------


def test_a_backup_of_the_other_kind_of_database_is_refused(
    installation: Installation, made: Path, elsewhere: Installation, tmp_path: Path
) -> None:
    members = read(made)
    other = OTHER_KIND[installation.kind]
    members[backup.MEMBERS[other]] = members.pop(backup.MEMBERS[installation.kind])
    said = elsewhere.refused("restore", packed(tmp_path, members, database=other))
    assert "This is a backup of" in said and "PLACET_DATABASE_URL" in said
    assert list(elsewhere.data_dir.iterdir()) == []


def test_keys_of_another_installation_are_noticed(
    made: Path, elsewhere: Installation, tmp_path: Path
) -> None:
    members = read(made)
    members["keys/encryption.keys"] = Fernet.generate_key() + b"\n"
    said = elsewhere.refused("restore", packed(tmp_path, members))
    assert "are not those of this database" in said
    assert list(elsewhere.data_dir.iterdir()) == []


def test_a_folder_that_is_not_empty_is_left_alone(installation: Installation, made: Path) -> None:
    before = sorted(path.name for path in installation.data_dir.iterdir())
    assert "is not empty" in installation.refused("restore", made)
    assert sorted(path.name for path in installation.data_dir.iterdir()) == before
    assert "Ada" in installation.good("person", "list")


def test_a_database_that_is_not_empty_is_left_alone(
    installation: Installation, made: Path, tmp_path: Path
) -> None:
    """The folder is new, but the database is one in use: PostgreSQL's, or a file that the settings name."""
    url = installation.database_url or f"sqlite:///{installation.data_dir / 'placet.sqlite3'}"
    folder = tmp_path / "new"
    said = Installation(folder, url).refused("restore", made)
    assert "is not empty" in said or "is there already" in said
    assert list(folder.iterdir()) == []
    assert "Ada" in installation.good("person", "list")


def test_a_folder_that_another_process_just_took_is_left_alone(made: Path, elsewhere: Installation) -> None:
    elsewhere.data_dir.mkdir()
    with lock_folder(elsewhere.data_dir, alone=True):
        assert "already runs" in elsewhere.refused("restore", made)
        assert [path.name for path in elsewhere.data_dir.iterdir()] == ["serve.lock"]
    elsewhere.good("restore", made)


def test_a_restore_that_was_killed_leaves_a_folder_that_nothing_starts_on(
    made: Path, elsewhere: Installation
) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_BEFORE_THE_DATABASE, "restore", str(made)],
        env=elsewhere.environment,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert (elsewhere.data_dir / "keys").is_dir()
    for words in (["serve"], ["person", "list"], ["backup", "half.tar.gz"], ["restore", str(made)]):
        said = elsewhere.refused(*words, PLACET_LISTEN="127.0.0.1:0")
        assert f"A restore into {elsewhere.data_dir} was cut off" in said
        assert "Remove the folder" in said
    shutil.rmtree(elsewhere.data_dir)
    elsewhere.good("restore", made)
    assert "Ada" in elsewhere.good("person", "list")


KILLED_BEFORE_THE_DATABASE = """
import os, signal, sys
from placet import cli
from placet.commands import restore

restore._put_database = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
cli.main(sys.argv[1:])
"""


# --- the archive itself -----------------------------------------------------------------------------------


def test_a_file_that_is_gone_by_its_turn_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    members = archive.write(tmp_path / "t.tar.gz", [("a", tmp_path / "a"), ("b", tmp_path / "b")], {})
    assert list(members) == ["a"]


def test_a_name_that_could_not_be_brought_back_is_not_packed(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    with pytest.raises(archive.ArchiveError, match="cannot be brought back"):
        archive.write(tmp_path / "t.tar.gz", [("files/a\\b", tmp_path / "a")], {})
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_failure_leaves_neither_an_archive_nor_a_part_of_one(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="directory"):
        archive.write(tmp_path / "t.tar.gz", [("a", tmp_path)], {})
    assert list(tmp_path.iterdir()) == []


# --- helpers ----------------------------------------------------------------------------------------------


class Writer:
    """Commits pairs of rows, without a pause, from a thread: a backup must never hold half a pair."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._pairs = 0
        self._more = threading.Condition()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write)

    def __enter__(self) -> "Writer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def wait_for(self, pairs: int) -> int:
        """How many are committed, at least so many."""
        with self._more:
            assert self._more.wait_for(lambda: self._pairs >= pairs, timeout=60)
            return self._pairs

    def _write(self) -> None:
        with closing(connect(self._installation)) as connection:
            number = 0
            while not self._stop.is_set():
                for side in ("left", "right"):
                    connection.execute(
                        f"INSERT INTO accounts_group (key, name) VALUES ('{side}-{number}', 'x')"
                    )
                connection.commit()
                number += 1
                with self._more:
                    self._pairs = number
                    self._more.notify_all()


def connect(installation: Installation) -> Any:
    if installation.database_url:
        import psycopg

        return psycopg.connect(installation.database_url)
    return sqlite3.connect(installation.data_dir / "placet.sqlite3", timeout=30)


def query(installation: Installation, sql: str) -> list[tuple[Any, ...]]:
    with closing(connect(installation)) as connection:
        return list(connection.execute(sql).fetchall())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def read(path: Path) -> Members:
    with tarfile.open(path) as tar:
        return {entry.name: tar.extractfile(entry).read() for entry in tar}  # type: ignore[union-attr]  # plain files


def saved(tmp_path: Path, data: bytes | bytearray) -> Path:
    path = tmp_path / "bad.tar.gz"
    path.write_bytes(data)
    return path


def packed(
    tmp_path: Path, members: Members, *, sign: bool = True, first: tarfile.TarInfo | None = None, **about: str
) -> Path:
    """An archive of these members; with `sign` under a manifest that fits them, else under the old one."""
    if sign:
        manifest = json.loads(members.pop("manifest.json")) | about
        manifest["members"] = {
            name: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in members.items()
        }
        members["manifest.json"] = json.dumps(manifest).encode()
    path = tmp_path / "bad.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        if first is not None:
            tar.addfile(first)
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return path
