"""What each test asks of the first database, so that the second one is asked all of it, and little twice.

`make test` and `make acceptance` note the statements of each test (--in-turn, on SQLite). Of the tests that differ in
nothing on the second database (tests/databases.py), `make test-postgres` leaves those out of which another one that it
runs asks every statement. A statement is its text, with whether its rows are locked and how they are fetched; each
place where Placet asks which database it has counts as one. Notes are of the same sources or not looked at: without
them, as where `make test-postgres` is run alone, nothing is left out.
"""

import hashlib
import json
import os
import re
import shutil
import sys
import threading
from collections.abc import Callable, Generator, Iterable, Mapping
from functools import lru_cache, wraps
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from tests.rotation import by_name
from tools.changed_tests import ROOT

KEPT = ROOT / ".pytest_cache" / "statements"
SOURCES = ("placet", "tests")
VENDOR = "vendor"

Statements = Mapping[str, frozenset[int]]  # by test: each statement as a number

_SAVEPOINT = re.compile(r'SAVEPOINT "[^"]*"')
#: Values of a list, and rows: how many there are makes no other statement.
_MANY = re.compile(r"\((?:%s(?:, )?)+\)(?:, \((?:%s(?:, )?)+\))*")


def digest_of_sources(folder: Path = ROOT) -> str:
    """Of all that decides what a test asks."""
    digest = hashlib.sha256()
    files = (
        path for name in SOURCES for path in (folder / name).rglob("*") if path.suffix in (".py", ".html")
    )
    for path in sorted(files):
        digest.update(f"\0{path.relative_to(folder)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


@lru_cache(maxsize=4096)  # a test asks the same few again and again
def shape_of(statement: str, how: object = None) -> int:
    """`how`: what its text does not say of it."""
    return crc32(f"{how} {_MANY.sub('(…)', _SAVEPOINT.sub('SAVEPOINT', statement))}".encode())


def asking_nothing_else(
    alike: Iterable[pytest.Item], others: Iterable[pytest.Item], statements: Statements
) -> set[pytest.Item]:
    """Those of `alike` of which each statement is asked by one of `others`, or by one of `alike` that is no such. A
    test of which nothing is noted is none of them."""
    asked = {shape for item in others for shape in statements.get(item.nodeid, ())}
    noted = [item for item in alike if item.nodeid in statements]
    nothing_else = set()
    for item in sorted(noted, key=lambda item: (-len(statements[item.nodeid]), by_name(item))):
        if statements[item.nodeid] <= asked:
            nothing_else.add(item)
        asked |= statements[item.nodeid]
    return nothing_else


def noted(folder: Path = KEPT) -> Statements:
    """What runs on the same sources noted; empty, if there was none."""
    statements: dict[str, frozenset[int]] = {}
    if folder.is_dir():  # most often there is none, and the sources need not be read
        for file in sorted((folder / digest_of_sources()).glob("*.jsonl")):
            for line in file.read_text().splitlines():
                test, shapes = json.loads(line)
                statements[test] = statements.get(test, frozenset()) | frozenset(shapes)
    return statements


class Notes:
    """A plugin that notes them. Its patches see every thread of this process."""

    def __init__(self, config: pytest.Config, folder: Path = KEPT) -> None:
        self._file = folder / digest_of_sources() / f"{os.getpid()}.jsonl"
        self._asked: set[int] = set()
        self._passed = False
        self._patch = pytest.MonkeyPatch()
        if not hasattr(config, "workerinput"):  # before any process of this run
            for old in folder.glob("*"):
                if old != self._file.parent:
                    shutil.rmtree(old, ignore_errors=True)

    def pytest_sessionstart(self) -> None:
        from django.db.backends.sqlite3.base import DatabaseWrapper
        from django.db.backends.utils import CursorWrapper
        from django.db.models.sql.compiler import SQLCompiler

        how = threading.local()
        for name in ("_execute", "_executemany"):
            self._patch.setattr(CursorWrapper, name, self._noting(getattr(CursorWrapper, name), how))
        self._patch.setattr(SQLCompiler, "execute_sql", _telling_how(SQLCompiler.execute_sql, how))
        self._patch.setattr(DatabaseWrapper, VENDOR, _Asked(DatabaseWrapper.vendor, self._asked))

    def pytest_sessionfinish(self) -> None:
        self._patch.undo()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        self._asked.clear()
        self._passed = False
        result = yield
        if self._passed:  # what is skipped here asks nothing here
            self._file.parent.mkdir(parents=True, exist_ok=True)  # a run on later sources removes it
            with self._file.open("a") as file:
                file.write(json.dumps([item.nodeid, sorted(self._asked)]) + "\n")
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._passed |= report.when == "call" and report.passed

    def _noting(self, execute: Callable[..., Any], how: threading.local) -> Callable[..., Any]:
        @wraps(execute)
        def noting(cursor: Any, sql: Any, *values: Any) -> Any:
            self._asked.add(shape_of(str(sql), getattr(how, "now", None)))
            return execute(cursor, sql, *values)

        return noting


def _telling_how(execute: Callable[..., Any], how: threading.local) -> Callable[..., Any]:
    """SQLite locks no rows and fetches all alike, so that its statements do not say so."""

    @wraps(execute)
    def telling(compiler: Any, *args: Any, **named: Any) -> Any:
        query, chunked = compiler.query, named.get("chunked_fetch", args[1:2] == (True,))
        locks = (
            query.select_for_update_of,
            query.select_for_update_nowait,
            query.select_for_update_skip_locked,
        )
        how.now = (chunked, locks if query.select_for_update else None)
        try:
            return execute(compiler, *args, **named)
        finally:
            how.now = None

    return telling


class _Asked:
    """An attribute that notes which lines of Placet read it, also where a test sets another value."""

    def __init__(self, value: object, asked: set[int]) -> None:
        self._value = value
        self._asked = asked

    def __get__(self, instance: object, owner: type) -> object:
        frame = sys._getframe(1)
        if (
            frame.f_globals.get("__name__") == "django.utils.connection" and frame.f_back
        ):  # `connection` stands for it
            frame = frame.f_back
        if frame.f_globals.get("__name__", "").startswith("placet."):
            self._asked.add(shape_of(f"{frame.f_code.co_filename}:{frame.f_lineno}"))
        return vars(instance).get(VENDOR, self._value) if instance is not None else self._value

    def __set__(self, instance: object, value: object) -> None:
        vars(instance)[VENDOR] = value
