"""What each process of a run needs alike is made by the first that asks for it: the tables of an installation take
seconds of a processor, and each worker and each installation that a test starts would make the same ones. The same
goes for a wheel, and for one of each of our mails. SQLite's tables outlast a run, and so does what all migrations come
to, one after another: most runs are of a few tests, which take less time.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tests.installation import PATIENCE, Installation, copy_of, drop_database, make_database
from tools.changed_tests import ROOT, behind

#: Names the folder of a run to the processes that it starts.
NAME = "TESTS_TOGETHER"
URL = "url"  # the file that says where an installation's database is


class Kept:
    """A folder that outlasts runs, with the digest of all that it follows from. Of another digest it is made anew."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def copy(self, digest: str, to: Path) -> bool:
        """Whether there was one of this digest, and `to`, which was not there, is its copy."""
        with self._locked():
            kept = self._folder / digest
            if not kept.is_dir():
                return False
            shutil.copytree(kept, to)
            return True

    def keep(self, digest: str, content: Path) -> None:
        """A copy of it, in place of any other."""
        with self._locked():
            for old in self._folder.iterdir():
                if old.is_dir():
                    shutil.rmtree(old)
            shutil.copytree(content, self._folder / "half")
            (self._folder / "half").rename(self._folder / digest)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._folder.mkdir(parents=True, exist_ok=True)
        with closing((self._folder / "lock").open("w")) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


KEPT = Kept(ROOT / ".pytest_cache" / "tables")
KEPT_MIGRATED = Kept(ROOT / ".pytest_cache" / "migrated")


def digest_of_tables() -> str:
    """Of all that tables follow from, made at once or by migrations: both, what apps do behind them, and whatever these
    import. Not of the Python that runs them: a second one takes those of the first."""
    digest = hashlib.sha256()
    files = behind(lambda module: ".migrations." in module or module.endswith((".apps", ".new_tables")))
    for file in [ROOT / "requirements" / "run.txt", ROOT / "placet" / "settings.py", *files]:
        digest.update(f"\0{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
    return digest.hexdigest()


class Together:
    """The folder that all processes of a run share. Whoever made it removes it, and the databases in it."""

    def __init__(self) -> None:
        self._maker = 0  # another process
        if NAME not in os.environ:
            self._maker = os.getpid()
            os.environ[NAME] = tempfile.mkdtemp(prefix="placet-together-")
        self.folder = Path(os.environ[NAME])

    def tables(self) -> Installation:
        """With the tables of a new one and nothing in them. To be copied, never changed."""
        return self._installation("tables", _with_tables)

    def migrated(self) -> Installation:
        """With the tables that all migrations come to. To be looked at, never changed."""
        return self._installation("migrated", _migrated)

    def begun(self) -> Installation:
        """With tables and keys, as its first command left it, and nobody in it. To be copied, never changed."""
        tables = self.tables()

        def begin(data_dir: Path) -> Installation:
            begun = copy_of(tables, data_dir)
            begun.good("person", "list")
            return begun

        return self._installation("begun", begin)

    def files(self, name: str, make: Callable[[Path], object]) -> Path:
        """A folder of this name, which `make` filled for all. To be read, never changed."""
        folder, whole = self.folder / name, self.folder / f"{name}.whole"
        with closing((self.folder / f"{name}.lock").open("w")) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not whole.exists():
                shutil.rmtree(folder, ignore_errors=True)  # of one that was killed in the middle
                folder.mkdir()
                make(folder)
                whole.touch()
        return folder

    def _installation(self, name: str, make: Callable[[Path], Installation]) -> Installation:
        def fill(folder: Path) -> None:
            (folder / URL).write_text(make(folder / "data").database_url)

        folder = self.files(name, fill)
        return Installation(folder / "data", (folder / URL).read_text())

    def remove(self) -> None:
        if os.getpid() == self._maker:
            for url in self.folder.glob(f"*/{URL}"):
                drop_database(url.read_text())
            shutil.rmtree(self.folder, ignore_errors=True)


#: As every command begins, but that no keys and no rows are made.
NEW_TABLES = """
import django
django.setup()
from django.core.management import call_command
from placet.commands.new_tables import make_new_tables
make_new_tables()
call_command("migrate", verbosity=0)
"""


def _with_tables(data_dir: Path) -> Installation:
    def make(made: Installation) -> None:
        data_dir.mkdir()
        settings = {"DJANGO_SETTINGS_MODULE": "placet.settings"}
        subprocess.run(
            [sys.executable, "-c", NEW_TABLES],
            env=made.environment | settings,
            timeout=PATIENCE,
            check=True,
            umask=0o077,  # as every command of Placet's has it
        )

    return _kept(data_dir, KEPT, make)


def _migrated(data_dir: Path) -> Installation:
    return _kept(data_dir, KEPT_MIGRATED, lambda made: made.good("django", "migrate"))


def _kept(data_dir: Path, kept: Kept, make: Callable[[Installation], object]) -> Installation:
    made = Installation(data_dir, make_database())
    digest = "" if made.database_url else digest_of_tables()
    if not (digest and kept.copy(digest, data_dir)):
        make(made)
        if digest:
            kept.keep(digest, data_dir)
    return made
