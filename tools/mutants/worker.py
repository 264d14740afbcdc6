"""A plugin of pytest: one process imports and collects everything once, and forks a child for each piece of work.

`python -m pytest -p tools.mutants.worker …` reads jobs from one pipe and answers on another (`MUTANTS_PIPES`), one
JSON object a line:

    {"trace": FILE}     run the tests of a file: for each whether it passed, how long it took, and which statements of
                        the watched files ran (`MUTANTS_WATCHED`)
    {"tests": [ID, …], "change": {…} or null}
                        run these tests, in this order, until one fails

A child finds a changed function by what its code is called and puts the changed code into it, so that everybody who
has it already, has it changed. What runs when a module is imported cannot be changed so: that needs a process of its
own (`MUTANTS_COLD`). Each child begins with the same database and the same data folder.
"""

import ast
import builtins
import functools
import gc
import importlib
import importlib.abc
import importlib.machinery
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
import types
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

ROOT = Path.cwd()  # the copy of the repository that is tried
WATCHED = os.environ.get("MUTANTS_WATCHED", "").split(os.pathsep)
#: How pytest is started, by `__main__` and for a process of its own.
COMMAND = (
    sys.executable, "-m", "pytest", "-q", "-p", "tools.mutants.worker", "-p", "no:xdist", "-p", "no:cacheprovider",
    "-m", "not browser and not demo",
    "--forgeries", "40", "--replies", "10",  # few and quick: each is tried for one change after the other
    "--each-case",  # the quickest one judges
)  # fmt: skip
COLD = os.environ.get("MUTANTS_COLD")  # a file with one job
TEMPLATE = "placet_mutants"  # the database that each child's is copied from, on PostgreSQL
PATIENCE = 600  # seconds for one job, where it names no limit

# --- which statements run ---------------------------------------------------------------------------------

MARK = "__statement_ran__"
ran: set[tuple[str, int]] = set()


class _Marking(importlib.machinery.SourceFileLoader):
    """Loads a watched file with a mark before each statement."""

    def get_code(self, fullname: str) -> types.CodeType:
        path = self.get_filename(fullname)
        tree = ast.parse(Path(path).read_bytes(), path)
        file = str(Path(path).relative_to(ROOT))
        for node in ast.walk(tree):
            for name in ("body", "orelse", "finalbody"):
                body = getattr(node, name, None)
                if isinstance(body, list) and body and isinstance(body[0], ast.stmt):
                    setattr(node, name, list(_marked(body, file)))
        code: types.CodeType = compile(ast.fix_missing_locations(tree), path, "exec", dont_inherit=True)
        return code


def _marked(body: list[ast.stmt], file: str) -> Iterator[ast.stmt]:
    for number, statement in enumerate(body):
        docstring = (
            number == 0 and isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        )
        future = isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
        if not docstring and not future:
            place: list[ast.expr] = [
                ast.Tuple([ast.Constant(file), ast.Constant(statement.lineno)], ast.Load())
            ]
            mark = ast.Expr(ast.Call(ast.Name(MARK, ast.Load()), place, []))
            yield ast.copy_location(mark, statement)
        yield statement


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname.replace(".", "/") + ".py" not in WATCHED:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec and spec.origin:
            spec.loader = _Marking(fullname, spec.origin)
        return spec


if "MUTANTS_PIPES" in os.environ and not COLD:
    setattr(builtins, MARK, ran.add)
    sys.meta_path.insert(0, _Finder())


# --- the same beginning for each child --------------------------------------------------------------------


class Beginning:
    """The migrated database and the data folder as they are before any test."""

    def __init__(self) -> None:
        self.data = Path(os.environ["PLACET_DATA_DIR"])
        self.kept = self.data.with_name(f"{self.data.name}-kept")

    def make(self, config: pytest.Config) -> None:
        from django.conf import settings
        from django.db import connections
        from django.test.utils import setup_databases
        from pytest_django.plugin import blocking_manager_key

        settings.DATABASES["default"].setdefault("TEST", {})
        with config.stash[blocking_manager_key].unblock():
            setup_databases(verbosity=0, interactive=False)
            for connection in connections.all():
                connection.close()
        self.database = str(settings.DATABASES["default"]["NAME"])
        if self.on_postgres:
            self._on_postgres(f'ALTER DATABASE "{self.database}" RENAME TO {TEMPLATE}')
        shutil.copytree(self.data, self.kept)

    @property
    def on_postgres(self) -> bool:
        return os.environ.get("PLACET_DATABASE_URL", "").startswith("postgres")

    def restore(self) -> None:
        """For the next child."""
        shutil.rmtree(self.data)
        shutil.copytree(self.kept, self.data)
        if self.on_postgres:
            self._on_postgres(
                f'DROP DATABASE IF EXISTS "{self.database}" WITH (FORCE)',
                f'CREATE DATABASE "{self.database}" TEMPLATE {TEMPLATE}',
            )

    def _on_postgres(self, *statements: str) -> None:
        import psycopg

        with psycopg.connect(os.environ["PLACET_DATABASE_URL"], autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def take_over(self, kept: str) -> None:
        """In a process of its own: begin with the data folder and the database of the process that started it."""
        from django.conf import settings
        from django.db import connections

        shutil.copytree(kept, self.data, dirs_exist_ok=True)
        default = settings.DATABASES["default"]
        default["NAME"] = os.environ["MUTANTS_DATABASE"] if self.on_postgres else default["TEST"]["NAME"]
        connections["default"].settings_dict["NAME"] = default["NAME"]

    def remove(self) -> None:
        shutil.rmtree(self.kept, ignore_errors=True)


class _Database:
    """In place of pytest-django's: the database is there already."""

    @pytest.fixture(scope="session")
    def django_db_setup(self, django_test_environment: None) -> None:
        """Made before the fork."""


# --- one process, many children ---------------------------------------------------------------------------


def pytest_configure(config: pytest.Config) -> None:
    from hypothesis import Phase, settings

    # The same examples each time; the first that fails is enough.
    settings.register_profile(
        "mutants", derandomize=True, database=None, phases=[Phase.explicit, Phase.generate], print_blob=False
    )
    settings.load_profile("mutants")
    config.pluginmanager.register(_Database(), "mutants-database")


def pytest_runtestloop(session: pytest.Session) -> bool:
    if session.testsfailed:
        raise session.Interrupted(f"{session.testsfailed} errors while the tests were collected")
    if COLD:
        _cold(session, json.loads(Path(COLD).read_text()))
        return True
    worker = _Worker(session)
    worker.begin()
    try:
        worker.serve()
    finally:
        worker.end()
    return True


class _Worker:
    def __init__(self, session: pytest.Session) -> None:
        self.items = {item.nodeid: item for item in session.items}
        self.files: dict[str, list[pytest.Item]] = {}
        for item in session.items:
            self.files.setdefault(item.nodeid.partition("::")[0], []).append(item)
        self.config = session.config
        self.beginning = Beginning()
        jobs, answers = (int(number) for number in os.environ["MUTANTS_PIPES"].split(","))
        self.jobs, self.answers = os.fdopen(jobs), os.fdopen(answers, "w", buffering=1)

    def begin(self) -> None:
        for file in WATCHED:
            importlib.import_module(file.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
        importlib.import_module(
            "placet.replies.entry"
        ).known_words()  # takes seconds, and each child needs them
        self.beginning.make(self.config)
        self.functions: dict[tuple[str, str, int], list[types.FunctionType]] = {}
        self.caches = []
        gc.unfreeze()  # what is frozen is not among the objects
        for thing in gc.get_objects():
            if isinstance(thing, types.FunctionType):
                code = thing.__code__
                self.functions.setdefault(
                    (code.co_filename, code.co_qualname, code.co_firstlineno), []
                ).append(thing)
            elif isinstance(thing, functools._lru_cache_wrapper) and _is_watched(thing):
                self.caches.append(thing)
        gc.collect()
        gc.freeze()  # what is here already stays shared by all children
        self._answer({"files": sorted(self.files), "tests": list(self.items), "at_import": sorted(ran)})

    def end(self) -> None:
        self.beginning.remove()
        self.jobs.close()
        self.answers.close()

    def _answer(self, answer: dict[str, Any]) -> None:
        self.answers.write(json.dumps(answer) + "\n")
        self.answers.flush()

    def serve(self) -> None:
        for line in self.jobs:
            job = json.loads(line)
            self.beginning.restore()
            self._answer(self._forked(job))

    def _forked(self, job: dict[str, Any]) -> dict[str, Any]:
        begun = time.monotonic()
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.close(reading)
            self._child(job, writing)
        os.close(writing)
        with suppress(ProcessLookupError, PermissionError):
            os.setpgid(child, child)
        answer = _read(reading, job.get("limit", PATIENCE))
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)  # and what it left running
        os.waitpid(child, 0)
        return {**answer, "seconds": round(time.monotonic() - begun, 2)}

    def _child(self, job: dict[str, Any], writing: int) -> None:
        """Never comes back."""
        try:
            os.setpgid(0, 0)
            if "trace" in job:
                answer: dict[str, Any] = {
                    "traced": _traced(self.files[job["trace"]], set(job.get("only", ())))
                }
            elif job.get("cold"):
                self._start_cold(job)
                answer = json.loads(Path(job["cold"]).with_suffix(".answer").read_text())
            else:
                if job["change"]:
                    self._put_in(job["change"])
                for cache in self.caches:
                    cache.cache_clear()
                answer = _first_failure([self.items[test] for test in job["tests"]])
        except BaseException as error:  # noqa: BLE001 - shown by whoever asked
            answer = {"broken": f"{type(error).__name__}: {error}"}
        with os.fdopen(writing, "w") as pipe:
            json.dump(answer, pipe)
        os._exit(0)

    def _put_in(self, change: dict[str, Any]) -> None:
        path, (name, line) = str(ROOT / change["file"]), change["patched"]
        code = changed_code((ROOT / change["file"]).read_bytes(), path, (name, line))
        for function in self.functions[path, name, line]:
            function.__code__ = code

    def _start_cold(self, job: dict[str, Any]) -> None:
        """A process of its own, for what runs when modules are imported."""
        path = Path(job["cold"])
        path.write_text(json.dumps(job))
        path.with_suffix(".answer").write_text('{"failed": "(the tests could not be loaded)", "why": ""}')
        environment = {
            **os.environ,
            "MUTANTS_COLD": str(path),
            "MUTANTS_KEPT": str(self.beginning.kept),
            "MUTANTS_DATABASE": self.beginning.database,
        }
        files = sorted({test.partition("::")[0] for test in job["tests"]})
        subprocess.run([*COMMAND, *files], env=environment, check=False)  # noqa: S603 - our own command


def _cold(session: pytest.Session, job: dict[str, Any]) -> None:
    Beginning().take_over(os.environ["MUTANTS_KEPT"])
    items = {item.nodeid: item for item in session.items}
    answer = _first_failure([items[test] for test in job["tests"]])
    Path(job["cold"]).with_suffix(".answer").write_text(json.dumps(answer))


def _read(pipe: int, limit: float) -> dict[str, Any]:
    """What the child wrote until it ended. In time, or it counts as one that hangs."""
    until, written = time.monotonic() + limit, b""
    with os.fdopen(pipe, "rb", buffering=0) as stream:
        while select.select([stream], [], [], max(0.0, until - time.monotonic()))[0]:
            part = stream.read(65536)
            if not part:
                if not written:
                    return {"failed": "(the process died)", "why": ""}
                return dict(json.loads(written))
            written += part
    return {"failed": "(too long)", "why": f"no end after {limit:.0f} s"}


def _is_watched(thing: object) -> bool:
    return f"{getattr(thing, '__module__', '')}".replace(".", "/") + ".py" in WATCHED


def changed_code(source: bytes, path: str, function: tuple[str, int]) -> types.CodeType:
    """The code of a function in changed sources, by its qualified name and first line."""
    module = compile(source, path, "exec", dont_inherit=True)
    (code,) = [code for code in _codes(module) if (code.co_qualname, code.co_firstlineno) == function]
    return code


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield constant
            yield from _codes(constant)


def _traced(items: list[pytest.Item], only: set[str]) -> list[dict[str, Any]]:
    items = [item for item in items if not only or item.nodeid in only]
    found = []
    for item, following in zip(items, [*items[1:], None], strict=True):
        ran.clear()
        begun, begun_busy = time.perf_counter(), time.process_time()
        reports = runtestprotocol(item, nextitem=following, log=False)
        # Of the processor, which are the same however busy the machine is: they say which tests are tried.
        seconds = time.process_time() - begun_busy
        share = min(1.0, seconds / max(time.perf_counter() - begun, 0.001))
        set_up = sum(report.duration for report in reports if report.when == "setup")
        found.append(
            {
                "test": item.nodeid,
                "outcome": "passed"
                if all(report.passed for report in reports)
                else "skipped"
                if any(report.skipped for report in reports)
                else "failed",
                "why": next((str(report.longrepr)[-2000:] for report in reports if report.failed), ""),
                "seconds": round(seconds, 3),
                "set_up": round(set_up * share, 3),
                "commits": bool({"transactional_db", "live_server"} & set(getattr(item, "fixturenames", ())))
                or _is_transactional(item),
                "ran": _grouped(ran),
            }
        )
    return found


def _is_transactional(item: pytest.Item) -> bool:
    marker = item.get_closest_marker("django_db")
    return bool(marker and (marker.kwargs.get("transaction") or marker.args[:1] == (True,)))


def _grouped(statements: set[tuple[str, int]]) -> dict[str, list[int]]:
    lines: dict[str, list[int]] = {}
    for file, line in sorted(statements):
        lines.setdefault(file, []).append(line)
    return lines


def _first_failure(items: list[pytest.Item]) -> dict[str, Any]:
    for item, following in zip(items, [*items[1:], None], strict=True):
        for report in runtestprotocol(item, nextitem=following, log=False):
            if report.failed:
                crash = getattr(report.longrepr, "reprcrash", None)
                return {"failed": item.nodeid, "why": str(getattr(crash, "message", report.longrepr))[:300]}
    return {"failed": None}
