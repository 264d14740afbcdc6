"""`placet restore`: a backup into an empty data folder.

The archive is unpacked beside its place and checked whole; only then is anything put in place, keys first,
because Placet would make new ones where there are none. Whatever fails leaves the folder empty again; until all
is done a marker in it keeps Placet from starting on a half of it, should the restore itself be killed.
"""

import argparse
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from placet import __version__
from placet.cli import CommandError
from placet.commands.backup import (
    FILES,
    KEY_MEMBERS,
    KEYS,
    MEMBERS,
    database_settings,
    is_sqlite,
    postgres,
)
from placet.commands.locks import LOCK_FILE, lock_folder
from placet.commands.start import (
    UNFINISHED,
    make_private,
    read_config,
    refuse_half_restored,
    say,
    set_up_tables,
)
from placet.lib import archive
from placet.lib.progress import Progress, in_megabytes

WORDS = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE.tar.gz", help="an archive made by placet backup")
    parser.add_argument(
        "--into", type=Path, metavar="FOLDER", help="an empty data folder, instead of PLACET_DATA_DIR"
    )


def run(options: argparse.Namespace) -> int:
    backup: Path = options.file.expanduser().absolute()
    if not backup.is_file():
        raise CommandError(f"There is no file {backup}.")
    if options.into is not None:
        os.environ["PLACET_DATA_DIR"] = str(options.into)
    data_dir = read_config().data_dir
    try:
        with _empty_folder(data_dir):
            about = _restore(backup, data_dir)
    except archive.ArchiveError as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"The backup could not be restored: {error}.") from error
    say(
        f"The backup of {about['made_at']} (Placet {about['placet']}, {WORDS[about['database']]}) is in {data_dir}."
    )
    if options.into is not None:
        say(f"Start it with PLACET_DATA_DIR={data_dir}")
    say(
        "Make sure that the installation it was made from does not run any more: both would read one mailbox."
    )
    return 0


@contextmanager
def _empty_folder(data_dir: Path) -> Iterator[None]:
    """The data folder, ours alone; empty before, and after a failure."""
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    _must_be_empty(data_dir)  # before a lock is left in a folder that is somebody's
    make_private(data_dir)
    with lock_folder(data_dir, alone=True):
        _must_be_empty(data_dir)
        try:
            marker = data_dir / UNFINISHED
            marker.touch()
            yield
            os.sync()  # what was put in place is on the disk before the marker goes
            marker.unlink()
        except BaseException:
            for path in data_dir.iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            raise


def _must_be_empty(data_dir: Path) -> None:
    refuse_half_restored(data_dir)
    if any(path.name != LOCK_FILE for path in data_dir.iterdir()):
        raise CommandError(
            f"{data_dir} is not empty. A backup is restored into an empty folder only (see --into)."
        )


def _restore(backup: Path, data_dir: Path) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix=".restore-", dir=data_dir) as folder:  # mode 700
        unpacked = Path(folder)
        with Progress("Unpacked", backup.stat().st_size, unit=in_megabytes) as progress:
            about = archive.unpack(backup, unpacked, progress.reach)
        _check_about(backup, about, unpacked)
        (unpacked / KEYS).rename(data_dir / KEYS)  # its files are of mode 600 already
        if (unpacked / FILES).is_dir():
            (unpacked / FILES).rename(data_dir / FILES)
        _put_database(about["database"], unpacked)
    _check_restored(about["database"])
    return about


def _check_about(backup: Path, about: dict[str, Any], unpacked: Path) -> None:
    kind, version = str(about.get("database")), str(about.get("placet"))
    needed = [*KEY_MEMBERS, MEMBERS.get(kind, "")]
    if not all(name and (unpacked / name).is_file() for name in needed) or "made_at" not in about:
        raise CommandError(f"{backup} is not a backup of Placet: it lacks a database or keys.")
    if _numbers(version) > _numbers(__version__):
        raise CommandError(
            f"{backup} was made by Placet {version}, and this is {__version__}: an older version cannot read its "
            f"tables. Install Placet {version} or newer first."
        )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])


def _put_database(kind: str, unpacked: Path) -> None:
    import django

    django.setup()  # the keys are in place, so none are made
    database = database_settings()
    here = "sqlite" if is_sqlite(database) else "postgresql"
    if here != kind:
        raise CommandError(
            f"This is a backup of {WORDS[kind]}, but Placet is set up for {WORDS[here]}: set PLACET_DATABASE_URL "
            "to a database of that kind (empty for SQLite)."
        )
    if kind == "sqlite":
        _put_sqlite(unpacked / MEMBERS["sqlite"], Path(database["NAME"]))
    else:
        _put_postgres(unpacked / MEMBERS["postgresql"], database)


def _check_restored(kind: str) -> None:
    """Bring older tables to this version, and make sure that keys and database belong together."""
    database = database_settings()
    try:
        set_up_tables()
    except CommandError as error:
        if kind == "sqlite":
            Path(database["NAME"]).unlink(missing_ok=True)  # it need not lie in the data folder
            raise
        raise CommandError(f"{error}\nDrop the database {database['NAME']} before the next try.") from error


def _put_sqlite(copy: Path, target: Path) -> None:
    if target.exists():
        raise CommandError(f"The database {target} is there already. Move it away first.")
    shutil.move(copy, target)


def _put_postgres(dump: Path, database: dict[str, Any]) -> None:
    from django.db import OperationalError, connection

    try:
        tables = connection.introspection.table_names()
    except OperationalError as error:
        raise CommandError(f"The database cannot be opened: {str(error).strip()}") from error
    connection.close()
    if tables:
        raise CommandError(
            f"The database {database['NAME']} is not empty. Restore into a new one (createdb), or drop this one first."
        )
    say("The database is filled. How long that takes pg_restore does not say.")
    # In one transaction: it is restored whole, or stays empty.
    postgres(
        "pg_restore", database, "--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error",
        f"--dbname={database['NAME']}", str(dump),
    )  # fmt: skip
