"""What each process of a run needs alike is made by the first that asks for it: the tables of an installation take
seconds of a processor, and each worker and each installation that a test starts would make the same ones.
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
        return self._once(
            "tables", lambda data_dir: Installation(data_dir, make_database()), "django", "migrate"
        )

    def begun(self) -> Installation:
        """With tables and keys, as its first command left it, and nobody in it. To be copied, never changed."""
        tables = self.tables()
        return self._once("begun", lambda data_dir: copy_of(tables, data_dir), "person", "list")

    def _once(self, name: str, make: Callable[[Path], Installation], *command: str) -> Installation:
        data_dir, noted = self.folder / name / "data", self.folder / f"{name}.url"
        with closing((self.folder / f"{name}.lock").open("w")) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not noted.exists():
                shutil.rmtree(data_dir.parent, ignore_errors=True)  # of one that was killed in the middle
                data_dir.parent.mkdir()
                made = make(data_dir)
                made.good(*command)
                noted.write_text(made.database_url)
        return Installation(data_dir, noted.read_text())

    def remove(self) -> None:
        if os.getpid() == self._maker:
            for noted in self.folder.glob("*.url"):
                drop_database(noted.read_text())
            shutil.rmtree(self.folder, ignore_errors=True)
