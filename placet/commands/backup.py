"""`placet backup`: database, files and keys in one archive, while Placet runs.

The database is copied first. What it names then is surely in what is copied after it: files are written before
the row that names them, and keys are added before they encrypt anything. The other way round, a row could need
a file or a key that came too late. If keys were taken away meanwhile, the backup starts over.
"""

import argparse
import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from placet import __version__
from placet.cli import CommandError
from placet.commands.start import read_config, refuse_half_restored, say
from placet.lib import archive
from placet.lib.keys import AUDIT_FILE, ENCRYPTION_FILE, SECRET_FILE, KeyTrouble
from placet.lib.progress import Progress, in_megabytes

MEMBERS = {"sqlite": "database.sqlite3", "postgresql": "database.dump"}  # the dump in pg_dump's custom format
KEYS = "keys"
FILES = "files"
KEY_MEMBERS = (f"{KEYS}/{SECRET_FILE}", f"{KEYS}/{ENCRYPTION_FILE}")
AUDIT_MEMBER = f"{KEYS}/{AUDIT_FILE}"  # not in backups from before there were MACs
MOST_TRIES = 3
PAGES = 2000  # of SQLite, copied between two looks at the clock
DEBIAN_TOOLS = Path("/usr/lib/postgresql")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE.tar.gz", help="the archive to make")
    parser.add_argument("--force", action="store_true", help="replace FILE.tar.gz if it is there")
    parser.epilog = (
        "The archive holds the keys: whoever has it can read every secret in it. Keep it like a password."
    )


def run(options: argparse.Namespace) -> int:
    target: Path = options.file.expanduser().absolute()
    if not target.parent.is_dir():
        raise CommandError(f"There is no folder {target.parent}.")
    if target.is_dir():
        raise CommandError(f"{target} is a folder; name a file, such as {target / 'placet.tar.gz'}.")
    data_dir = _open_installation()
    try:
        members = _back_up(target, data_dir, overwrite=options.force)
    except archive.ArchiveError as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"The backup could not be written: {error}.") from error
    files = sum(name.startswith(f"{FILES}/") for name in members)
    size = target.stat().st_size / 1024 / 1024
    say(f"{target}: database, keys and {files} files, {size:.1f} MB.")
    say("It holds the keys: whoever has this file can read every secret in it. Keep it like a password.")
    return 0


def _open_installation() -> Path:
    """The data folder, after making sure that there is something to copy and that its keys fit."""
    import django

    # Not `set_up`: it would make what is missing, and bring the tables to this version, before they are kept.
    data_dir = read_config().data_dir
    if not (data_dir / KEYS).is_dir():
        raise CommandError(f"There is no Placet in {data_dir}: set PLACET_DATA_DIR to its data folder.")
    refuse_half_restored(data_dir)
    django.setup()
    from django.db import DatabaseError

    from placet.accounts.installation import check_keys
    from placet.audit.beginning import check_macs

    database = database_settings()
    if is_sqlite(database) and not Path(database["NAME"]).is_file():
        raise CommandError(f"The database {database['NAME']} is missing; nothing was backed up.")
    try:
        check_keys()
        check_macs()
    except KeyTrouble as error:
        raise CommandError(f"{error} Nothing was backed up.") from error
    except DatabaseError as error:
        raise CommandError(
            f"The database cannot be read: {str(error).strip()}. Nothing was backed up."
        ) from error
    return data_dir


def database_settings() -> dict[str, Any]:
    from django.conf import settings

    database: dict[str, Any] = settings.DATABASES["default"]
    return database


def is_sqlite(database: Mapping[str, Any]) -> bool:
    return str(database["ENGINE"]).endswith("sqlite3")


# --- the parts --------------------------------------------------------------------------------------------


def _back_up(target: Path, data_dir: Path, *, overwrite: bool) -> dict[str, archive.Member]:
    if target.exists() and not overwrite:  # before the work, not after it
        raise archive.there_already(target)
    # Beside the archive, where there is room for it; readable by this user only (mode 700).
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as name:
        folder = Path(name)
        made_at = datetime.now(UTC)
        kind = _copy_database_and_keys(data_dir, folder)
        about = {"placet": __version__, "made_at": made_at.isoformat(timespec="seconds"), "database": kind}
        sources = list(_sources(folder, kind, data_dir))
        with Progress("Packed", _size(sources), unit=in_megabytes) as progress:
            return archive.write(target, sources, about, overwrite=overwrite, packed=progress.reach)


def _copy_database_and_keys(data_dir: Path, folder: Path) -> str:
    """Into `folder`, as they belong together. Gives the kind of database."""
    for _ in range(MOST_TRIES):
        keys = _read_keys(data_dir)
        kind = _copy_database(database_settings(), folder)
        if _read_keys(data_dir) == keys:
            (folder / KEYS).mkdir(mode=0o700)
            for name, content in keys.items():
                (folder / name).write_bytes(content)
            return kind
        (folder / MEMBERS[kind]).unlink()
    raise CommandError("The keys were changed again and again during the backup. Try once more in a minute.")


def _read_keys(data_dir: Path) -> dict[str, bytes]:
    names = [*KEY_MEMBERS, *([AUDIT_MEMBER] if (data_dir / AUDIT_MEMBER).exists() else [])]
    return {name: (data_dir / name).read_bytes() for name in names}


def _copy_database(database: Mapping[str, Any], folder: Path) -> str:
    if is_sqlite(database):
        copy_sqlite(Path(database["NAME"]), folder / MEMBERS["sqlite"])
        return "sqlite"
    dump = folder / MEMBERS["postgresql"]
    # It is packed as it is written, so nobody knows how much it will be.
    with Progress("Database dumped", None, unit=in_megabytes) as progress:
        postgres(
            "pg_dump", database, "--format=custom", "--no-owner", "--no-privileges", f"--file={dump}",
            meanwhile=lambda: progress.reach(dump.stat().st_size if dump.exists() else 0),
        )  # fmt: skip
    return "postgresql"


def _size(sources: Iterable[tuple[str, Path]]) -> int:
    return sum(path.stat().st_size for _name, path in sources if path.exists())


def _sources(folder: Path, kind: str, data_dir: Path) -> Iterator[tuple[str, Path]]:
    yield MEMBERS[kind], folder / MEMBERS[kind]
    for path in sorted((data_dir / FILES).rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield path.relative_to(data_dir).as_posix(), path
    for path in sorted((folder / KEYS).iterdir()):
        yield f"{KEYS}/{path.name}", path


# --- SQLite -----------------------------------------------------------------------------------------------


def copy_sqlite(source: Path, copy: Path) -> None:
    """A consistent copy of a database in use, by SQLite's online backup API (https://sqlite.org/backup.html).

    All pages are of one snapshot, held by a read that is begun before: in WAL mode that holds up no writer, and no
    writer makes the copy begin anew."""
    uri = f"{source.as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as old, closing(sqlite3.connect(copy)) as new:
            old.execute("BEGIN")
            old.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()  # from here on it is one snapshot
            (size,) = old.execute("PRAGMA page_size").fetchone()
            (pages,) = old.execute("PRAGMA page_count").fetchone()
            with Progress("Database copied", pages * size, unit=in_megabytes) as progress:
                old.backup(
                    new,
                    pages=PAGES,
                    progress=lambda _status, left, in_all: progress.reach((in_all - left) * size),
                )
            new.execute("PRAGMA journal_mode=DELETE")  # one file, without -wal beside it
            problem = new.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        raise CommandError(f"The database {source} cannot be copied: {error}.") from error
    if problem != "ok":
        raise CommandError(f"The database {source} is damaged ({problem}); bring back an earlier backup.")


# --- PostgreSQL -------------------------------------------------------------------------------------------

# Options of a connection as libpq's environment calls them
# (https://www.postgresql.org/docs/current/libpq-envars.html).
_VARIABLES = {
    "HOST": "PGHOST", "PORT": "PGPORT", "USER": "PGUSER", "PASSWORD": "PGPASSWORD", "NAME": "PGDATABASE",
}  # fmt: skip
_OPTIONS = {
    name: f"PG{name.upper()}"
    for name in ("sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "service", "passfile", "options")
}


def postgres(
    tool: str, database: Mapping[str, Any], *arguments: str, meanwhile: Callable[[], None] = lambda: None
) -> None:
    """Run one of PostgreSQL's tools on the configured database, named by the environment: arguments of a
    process can be read by every user of the machine. `meanwhile` is called each second."""
    command = [str(find_tool(tool, _server_version())), "--no-password", *arguments]
    with subprocess.Popen(  # noqa: S603 - no shell, and nothing in it that others wrote
        command,
        env=postgres_environment(database),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        said = None
        while said is None:
            try:
                _out, said = running.communicate(timeout=1)
            except subprocess.TimeoutExpired:
                meanwhile()
            except BaseException:
                running.kill()
                raise
    if running.returncode:
        raise CommandError(f"{tool} failed: {said.strip() or f'exit code {running.returncode}'}")


def postgres_environment(database: Mapping[str, Any]) -> dict[str, str]:
    named = {variable: str(database.get(name) or "") for name, variable in _VARIABLES.items()}
    options = database.get("OPTIONS", {})
    named |= {variable: str(options[name]) for name, variable in _OPTIONS.items() if name in options}
    return os.environ | {name: value for name, value in named.items() if value}


def _server_version() -> int:
    """The major one: 17."""
    from django.db import connection

    connection.ensure_connection()
    version = int(getattr(connection, "pg_version"))  # noqa: B009 - on PostgreSQL's connection only
    connection.close()
    return version // 10_000


def find_tool(name: str, server: int) -> Path:
    """A tool that is at least as new as the server, which is what pg_dump asks for."""
    in_path = shutil.which(name)
    found = [Path(in_path)] if in_path else []
    found += sorted(DEBIAN_TOOLS.glob(f"*/bin/{name}"), reverse=True)
    versions = {path: _major(path) for path in found}
    new_enough = next((path for path, version in versions.items() if version >= server), None)
    if new_enough is not None:
        return new_enough
    seen = f"only version {max(versions.values())} is" if versions else "it is not"
    raise CommandError(
        f"{name} of PostgreSQL {server} or newer is needed, but {seen} here. "
        f"Install PostgreSQL's client (Debian: apt install postgresql-client-{server})."
    )


def _major(path: Path) -> int:
    said = subprocess.run([str(path), "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603 - a fixed tool
    number = re.search(r"\) (\d+)", said)
    return int(number[1]) if number else 0
