"""What each process of a run needs alike is made by the first that asks for it: the tables of an installation take
seconds of a processor, and each worker and each installation that a test starts would make the same ones. The same
goes for a wheel, and for one of each of our mails.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from tests.installation import Installation, copy_of, drop_database, make_database

#: Names the folder of a run to the processes that it starts.
NAME = "TESTS_TOGETHER"
URL = "url"  # the file that says where an installation's database is


class Together:
    """The folder that all processes of a run share. Whoever made it removes it, and the databases in it."""

    def __init__(self) -> None:
        self._maker = 0  # another process
        if NAME not in os.environ:
            self._maker = os.getpid()
            os.environ[NAME] = tempfile.mkdtemp(prefix="placet-together-")
        self.folder = Path(os.environ[NAME])

    def tables(self) -> Installation:
        """With its tables and nothing in them. To be copied, never changed."""
        return self._installation(
            "tables", lambda data_dir: Installation(data_dir, make_database()), "django", "migrate"
        )

    def begun(self) -> Installation:
        """With tables and keys, as its first command left it, and nobody in it. To be copied, never changed."""
        tables = self.tables()
        return self._installation("begun", lambda data_dir: copy_of(tables, data_dir), "person", "list")

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

    def _installation(self, name: str, make: Callable[[Path], Installation], *command: str) -> Installation:
        def fill(folder: Path) -> None:
            installation = make(folder / "data")
            (folder / URL).write_text(installation.database_url)
            installation.good(*command)

        folder = self.files(name, fill)
        return Installation(folder / "data", (folder / URL).read_text())

    def remove(self) -> None:
        if os.getpid() == self._maker:
            for url in self.folder.glob(f"*/{URL}"):
                drop_database(url.read_text())
            shutil.rmtree(self.folder, ignore_errors=True)
