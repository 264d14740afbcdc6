"""`make mutants`: a fixed sample of changes, each against the tests that run what it changes. See CONTRIBUTING.md.

python -m tools.mutants                    the sample; what is done already, of the same sources, is not done again
python -m tools.mutants --only pick.py     of these only those whose name holds this text; with --sample 0 all such
python -m tools.mutants --survived         only what survived the last time, against the tests as they are now
python -m tools.mutants --equivalents      what is listed as equivalent: whatever is caught does not belong there
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Self, TypeVar

from tools.mutants.changes import Change, changes_of
from tools.mutants.worker import COMMAND

T = TypeVar("T")
Name = tuple[str, str, str, str, int]  # file, function, was, becomes, nth
ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".mutants"
#: What a decision rests on.
CORE = (
    "placet/replies/entry.py", "placet/replies/parse/headers.py", "placet/replies/parse/sender.py",
    "placet/replies/parse/stamps.py", "placet/replies/parse/dkim.py", "placet/replies/parse/readings.py",
    "placet/replies/parse/structure.py", "placet/replies/parse/original.py", "placet/replies/parse/answered.py",
    "placet/replies/pick.py", "placet/replies/pick_answered.py", "placet/replies/pick_mailbox.py",
    "placet/replies/prove.py", "placet/replies/prove_outside.py", "placet/replies/read_clauses.py",
    "placet/replies/read_comment.py", "placet/replies/read_confirmation.py", "placet/replies/read_facts.py",
    "placet/replies/read_likely.py", "placet/replies/read_matter.py", "placet/replies/read_roles.py",
    "placet/replies/read_view.py",
    "placet/replies/settle.py", "placet/replies/tell.py", "placet/approvals/engine.py", "placet/approvals/policy.py",
    "placet/approvals/record.py",
    "placet/approvals/engine_asks.py", "placet/approvals/engine_visits.py", "placet/approvals/turns.py",
    "placet/approvals/whom.py", "placet/approvals/deadlines.py", "placet/approvals/engine_time.py",
    "placet/approvals/engine_escalation.py", "placet/approvals/timing.py", "placet/approvals/engine_answerable.py",
    "placet/approvals/may_decide.py", "placet/approvals/counted.py", "placet/approvals/engine_kept.py",
    "placet/approvals/engine_hold.py", "placet/approvals/undoing.py", "placet/approvals/engine_delegates.py",
    "placet/approvals/delegating.py", "placet/approvals/engine_stops.py", "placet/approvals/stopping.py",
    "placet/approvals/engine_rounds.py", "placet/approvals/absences.py",
    "placet/replies/read_digest.py", "placet/replies/read_digest_words.py", "placet/replies/read_command.py",
    "placet/replies/settle_digest.py", "placet/replies/settle_give.py", "placet/replies/settle_undo.py",
    "placet/mail/read_past.py", "placet/mailboxes/progress.py",
    "placet/mail/outbox.py", "placet/mail/sent_items.py", "placet/mail/tasks.py", "placet/mailboxes/oauth.py",
    "placet/audit/chain.py", "placet/audit/commitments.py", "placet/audit/mac.py", "placet/workers/leases.py",
)  # fmt: skip
SEED = "placet 1"  # the sample: the changes whose name, hashed with this, comes first
SAMPLE = 300
LEAST = 0.95  # caught, of what is not equivalent
WORKERS = 2
#: The tests that judge: of these parts, in this process. Pages and commands call the same and are slow.
TESTS = (
    "tests/approvals", "tests/attacks", "tests/audit", "tests/journeys", "tests/mail", "tests/replies",
    "tests/mailboxes/test_oauth.py", "tests/mailboxes/test_pool.py", "tests/mailboxes/test_certificates.py",
    "tests/test_work.py", "tests/workers/test_life.py", "tests/workers/test_shared.py",
)  # fmt: skip
NO_TESTS = ("tests/journeys/test_kill.py",)  # kills processes of its own
#: Seconds of the rounds, as they took without the change: the tests that are made for what is changed, then a few that
#: are as different from each other as they can be, then the rest.
NEAR_SECONDS, FIRST_SECONDS, MOST_SECONDS = 40.0, 15.0, 45.0
FIRST_TESTS = 15
SNAPSHOT = "tests/replies/test_snapshot.py"  # made to notice whatever is read otherwise


# --- which changes are equivalent -------------------------------------------------------------------------


@dataclass(frozen=True)
class Equivalent:
    """A change that nobody can notice, and why."""

    file: str
    function: str
    was: str
    becomes: str
    why: str
    nth: int = 1

    @property
    def name(self) -> Name:
        return self.file, self.function, self.was, self.becomes, self.nth


def equivalents() -> dict[Name, Equivalent]:
    """The list, by what names a change. ValueError for one without a reason, or that stands there twice."""
    entries = tomllib.loads((Path(__file__).parent / "equivalents.toml").read_text()).get("equivalent", [])
    known = [Equivalent(**entry) for entry in entries]
    for entry in known:
        if not entry.why.strip():
            raise ValueError(f"Without a reason: {entry.name}")
    twice = [key for key, count in Counter(entry.name for entry in known).items() if count > 1]
    if twice:
        raise ValueError(f"Twice: {twice}")
    return {entry.name: entry for entry in known}


def stale_entries(listed: Mapping[Name, Equivalent], changes: Iterable[Change]) -> list[Equivalent]:
    """Those that name a change that could no longer be made."""
    possible = {named(change) for change in changes}
    return [entry for name, entry in listed.items() if name not in possible]


def named(change: Change) -> Name:
    return change.file, change.function, change.was, change.becomes, change.nth


def sampled(changes: Iterable[Change], number: int) -> list[Change]:
    """The same ones as long as they exist, whatever else changes around them."""
    ranked = sorted(changes, key=lambda change: hashlib.sha256(f"{SEED}\n{change.key}".encode()).digest())
    return ranked[: number or None]


def every_change(root: Path = ROOT) -> list[Change]:
    return [change for file in CORE for change in changes_of(file, (root / file).read_bytes())]


# --- which tests run what ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Judging:
    """One test, and what it costs alone: with the dearest set-up of its file, which may be everybody's."""

    id: str
    seconds: float
    commits: bool

    @property
    def file(self) -> str:
        return self.id.partition("::")[0]

    @property
    def function(self) -> str:
        return self.id.partition("[")[0]


@dataclass
class Seen:
    """Which tests ran which statements, and which tests are no judges because they fail without any change."""

    by_statement: dict[tuple[str, int], list[Judging]] = field(default_factory=lambda: defaultdict(list))
    skipped: dict[str, list[str]] = field(default_factory=dict)  # by file
    unfit: dict[str, str] = field(default_factory=dict)
    at_import: set[tuple[str, int]] = field(default_factory=set)
    known: set[str] = field(default_factory=set)

    def add(self, traced: list[dict[str, Any]]) -> None:
        dearest = max((row["set_up"] for row in traced), default=0.0)
        for row in traced:
            if row["outcome"] == "failed":
                self.unfit[row["test"]] = row["why"]
            if row["outcome"] == "skipped":
                self.skipped.setdefault(row["test"].partition("::")[0], []).append(row["test"])
            if row["outcome"] != "passed" or row["test"] in self.known:
                continue
            self.known.add(row["test"])
            test = Judging(
                row["test"], max(row["seconds"], min(dearest, row["seconds"] + dearest)), row["commits"]
            )
            for file, lines in row["ran"].items():
                for line in lines:
                    self.by_statement[file, line].append(test)

    def judges(self, change: Change) -> list[Judging]:
        """Each test that runs what is changed; different ones first, of these the quick ones."""
        tests = {
            test.id: test
            for line in change.statements
            for test in self.by_statement.get((change.file, line), ())
        }
        quick = sorted(
            (test for test in tests.values() if test.id not in self.unfit), key=lambda t: (t.seconds, t.id)
        )
        return list(_mixed(quick, lambda test: test.file, lambda test: test.function))


def _mixed(tests: Sequence[Judging], *names: Callable[[Judging], str]) -> Iterator[Judging]:
    """One of each group in turn, and within a group one of each smaller group."""
    if not names:
        yield from tests
        return
    groups: dict[str, list[Judging]] = {}
    for test in tests:
        groups.setdefault(names[0](test), []).append(test)
    turns = [_mixed(group, *names[1:]) for group in groups.values()]
    while turns:
        left = []
        for turn in turns:
            for test in islice(turn, 1):
                yield test
                left.append(turn)
        turns = left


def rounds(change: Change, tests: Sequence[Judging]) -> Iterator[list[Judging]]:
    """As far as time allows."""
    near = [test for test in tests if _is_near(test, change)]
    others = [test for test in tests if not _is_near(test, change)]
    first = _within(others, FIRST_SECONDS)[:FIRST_TESTS]
    left = [test for test in others if test not in first]
    rest = _within(left, MOST_SECONDS - sum(test.seconds for test in first)) if left else []
    for portion in (_within(near, NEAR_SECONDS), first, rest):
        if portion:
            yield sorted(portion, key=lambda test: (test.commits, test.seconds))


def _is_near(test: Judging, change: Change) -> bool:
    name = f"test_{Path(change.file).stem}.py"
    is_reading = change.file.startswith(("placet/replies/read", "placet/replies/parse/"))
    return Path(test.file).name == name or (is_reading and test.file == SNAPSHOT)


def _within(tests: Sequence[Judging], seconds: float) -> list[Judging]:
    """Those that there is time for; one in any case."""
    chosen: list[Judging] = []
    for test in tests:
        if not chosen or test.seconds <= seconds:
            chosen.append(test)
            seconds -= test.seconds
    return chosen


# --- the processes that try -------------------------------------------------------------------------------


class Worker:
    """A copy of the repository, and the process that has imported all of it."""

    def __init__(self, number: int, engine: str, folder: Path, tests: Sequence[str]) -> None:
        self.name, self.engine = f"{engine}-{number}", engine
        self.tree = folder / self.name / "tree"
        self.log = STATE / f"{self.name}.log"
        copy_of_the_repository(self.tree)
        temporary = folder / self.name / "tmp"
        temporary.mkdir()
        job_end, self._jobs = os.pipe()
        self._answers, answer_end = os.pipe()
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PLACET_")}
        environment |= {
            "MUTANTS_PIPES": f"{job_end},{answer_end}",
            "MUTANTS_WATCHED": os.pathsep.join(CORE),
            "PYTHONPATH": str(self.tree),
            "TMPDIR": str(temporary),
        }
        left_out = [f"--ignore={name}" for name in NO_TESTS]
        wrapper = ["tools/with-postgres"] if engine == "postgresql" else []
        for path in (folder, folder / self.name, temporary):
            path.chmod(0o711)  # PostgreSQL runs as somebody else, and must reach its folder there
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(  # noqa: S603 - our own command
                [*wrapper, *COMMAND, *left_out, *(name for name in tests if (ROOT / name).exists())],
                cwd=self.tree,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[job_end, answer_end],
            )
        os.close(job_end)
        os.close(answer_end)
        self._reading = os.fdopen(self._answers)
        self._writing = os.fdopen(self._jobs, "w", buffering=1)
        self.beginning = self._answer()

    def ask(self, job: dict[str, Any]) -> dict[str, Any]:
        self._writing.write(json.dumps(job) + "\n")
        self._writing.flush()
        answer = self._answer()
        if "broken" in answer:
            raise RuntimeError(f"{self.name}: {answer['broken']} (see {self.log})")
        return answer

    def _answer(self) -> dict[str, Any]:
        line = self._reading.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended:\n{self.log.read_text(errors='replace')[-3000:]}")
        return dict(json.loads(line))

    def close(self) -> None:
        self._writing.close()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.terminate()
        self._reading.close()


def files_of_the_repository() -> list[Path]:
    """What is or will be committed, below the repository."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True)  # noqa: S603 - our own command
    names = listed.stdout.decode().split("\0")
    return sorted(Path(name) for name in names if name and (ROOT / name).is_file())


def copy_of_the_repository(to: Path) -> None:
    for path in files_of_the_repository():
        (to / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, to / path)


class Workers:
    """All of one database, at work at the same time."""

    def __init__(self, engine: str, number: int, tests: Sequence[str]) -> None:
        self.engine, self.number, self.tests = engine, number, tests

    def __enter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="placet-mutants-"))
        self.threads = ThreadPoolExecutor(self.number)
        begun = time.monotonic()
        self.all = list(
            self.threads.map(
                lambda number: Worker(number, self.engine, self.folder, self.tests), range(self.number)
            )
        )
        say(f"{self.number} processes with {self.engine} are ready after {time.monotonic() - begun:.0f} s")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in getattr(self, "all", ()):
            worker.close()
        self.threads.shutdown()
        shutil.rmtree(self.folder, ignore_errors=True)

    def each(self, work: Callable[[Worker, T], None], things: Iterable[T]) -> None:
        """Every thing is worked on by whichever worker is free."""
        queue: SimpleQueue[T] = SimpleQueue()
        for thing in things:
            queue.put(thing)

        def run(worker: Worker) -> None:
            with suppress(Empty):
                while True:
                    work(worker, queue.get_nowait())

        list(self.threads.map(run, self.all))


# --- judging ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verdict:
    """What came of one change. `result`: caught, survived or equivalent."""

    key: str
    result: str
    by: str  # the test that failed
    why: str
    tests: int
    seconds: float
    engine: str


class Judge:
    """Tries changes. A test is believed only once it has passed in the same way without the change."""

    def __init__(self, seen: Seen) -> None:
        self.seen = seen
        self.clean: dict[tuple[str, str], bool] = {}

    def verdict(self, worker: Worker, change: Change) -> Verdict:
        begun, number = time.monotonic(), 0
        again = True
        while again:
            again, number = False, 0
            for tests in rounds(change, self.seen.judges(change)):
                number += len(tests)
                answer = self._tried(worker, change, tests)
                if not answer["failed"]:
                    continue
                if self._is_believed(worker, answer["failed"], tests):
                    took = time.monotonic() - begun
                    return Verdict(
                        change.key,
                        "caught",
                        answer["failed"],
                        answer["why"],
                        number,
                        round(took, 1),
                        worker.engine,
                    )
                again = True
                break
        why = "" if number else "no test runs it"
        return Verdict(
            change.key, "survived", "", why, number, round(time.monotonic() - begun, 1), worker.engine
        )

    def _tried(self, worker: Worker, change: Change, tests: list[Judging]) -> dict[str, Any]:
        path = worker.tree / change.file
        source, times = path.read_bytes(), path.stat()
        path.write_bytes(change.applied(source))
        # Another time for each: a process that a test starts must not take it for what it compiled before.
        moment = (
            times.st_mtime_ns + int(hashlib.sha256(change.key.encode()).hexdigest()[:6], 16) * 1_000_000_000
        )
        os.utime(path, ns=(moment, moment))
        try:
            return worker.ask(_job(worker, self._is_cold(change), tests) | {"change": asdict(change)})
        finally:
            path.write_bytes(source)
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    def _is_cold(self, change: Change) -> bool:
        """Whether it is seen only by who imports the file anew."""
        ran_at_import = any((change.file, line) in self.seen.at_import for line in change.statements)
        # `super()` makes its function a closure, whose code fits in no other place.
        return change.patched is None or ran_at_import or "super()" in change.was + change.becomes

    def _is_believed(self, worker: Worker, failed: str, tests: list[Judging]) -> bool:
        """Otherwise the test judges nothing any more."""
        alone = [test for test in tests if test.id == failed]
        for test in alone or tests:
            known = (worker.engine, test.id)
            if known not in self.clean:
                answer = worker.ask(_job(worker, False, [test]) | {"change": None})
                self.clean[known] = not answer["failed"]
                if answer["failed"]:
                    self.seen.unfit[test.id] = (
                        f"fails alone, without any change ({worker.engine}): {answer['why']}"
                    )
        return all(self.clean[worker.engine, test.id] for test in alone or tests)


def _job(worker: Worker, cold: bool, tests: list[Judging]) -> dict[str, Any]:
    seconds = sum(test.seconds for test in tests)
    slower = 3 if worker.engine == "postgresql" else 1
    job: dict[str, Any] = {
        "tests": [test.id for test in tests],
        "limit": 30 + 60 * cold + 10 * seconds * slower,
    }
    if cold:
        job["cold"] = str(worker.tree.with_name("cold.json"))
    return job


# --- the run ----------------------------------------------------------------------------------------------

_saying = threading.Lock()


def say(text: str) -> None:
    with _saying:
        print(text, flush=True)  # noqa: T201 - a command's output


class Progress:
    """How much is done, and how long the rest may take at this pace."""

    def __init__(self, what: str, number: int) -> None:
        self.what, self.number, self.done, self.begun = what, number, 0, time.monotonic()

    def step(self, text: str) -> None:
        self.done += 1
        took = time.monotonic() - self.begun
        left = took / self.done * (self.number - self.done)
        say(f"[{self.what} {self.done}/{self.number}, {took:.0f} s, {left:.0f} s left] {text}")


def digest_of(paths: Iterable[Path]) -> str:
    total = hashlib.sha256()
    for path in paths:
        total.update(f"{path}\0".encode() + hashlib.sha256((ROOT / path).read_bytes()).digest())
    return total.hexdigest()[:16]


def traced(workers: Workers, seen: Seen, only: dict[str, list[str]] | None = None) -> None:
    """Fill in which tests run what; what is known from before, of the same sources, is not looked at again."""
    files = files_of_the_repository()
    shared = digest_of(
        path
        for path in files
        if path.parts[0] == "placet" or (path.parts[0] == "tests" and not path.name.startswith("test_"))
    )
    folder = STATE / "seen"
    folder.mkdir(parents=True, exist_ok=True)
    wanted = list(workers.all[0].beginning["files"]) if only is None else list(only)
    seen.at_import.update((file, line) for file, line in workers.all[0].beginning["at_import"])
    notes = {
        file: folder / f"{workers.engine}-{shared}-{digest_of([Path(file)])}-{file.replace('/', '.')}.json"
        for file in wanted
    }
    missing = [file for file in wanted if not notes[file].exists()]
    progress = Progress("which tests run what", len(missing))

    def trace(worker: Worker, file: str) -> None:
        answer = worker.ask({"trace": file, "only": (only or {}).get(file, []), "limit": 1200})
        if "traced" not in answer:
            raise RuntimeError(f"{file}: {answer}")
        notes[file].write_text(json.dumps(answer["traced"]))
        progress.step(f"{file}: {len(answer['traced'])} tests in {answer['seconds']} s")

    workers.each(trace, sorted(missing, key=lambda file: -(ROOT / file).stat().st_size))
    for file in wanted:
        seen.add(json.loads(notes[file].read_text()))


def judged(changes: Sequence[Change], tests: Sequence[str], results: Path) -> list[Verdict]:
    """Every change, those first that SQLite can judge. Results are written as they come, and read if they are there."""
    known = {}
    if results.exists():
        known = {row["key"]: Verdict(**row) for row in map(json.loads, results.read_text().splitlines())}
    seen = Seen()
    judge = Judge(seen)
    left = [change for change in changes if change.key not in known]
    if len(left) < len(changes):
        say(f"{len(changes) - len(left)} are known from before")
    progress = Progress("changes", len(left))

    def judge_one(worker: Worker, change: Change) -> None:
        verdict = judge.verdict(worker, change)
        with _saying, results.open("a") as file:
            file.write(json.dumps(asdict(verdict)) + "\n")
        known[change.key] = verdict
        note = f" by {verdict.by}" if verdict.by else f" {verdict.tests} tests"
        progress.step(f"{verdict.result}{note} ({verdict.seconds} s): {change.key}")

    if left:
        with Workers("sqlite", WORKERS, tests) as workers:
            traced(workers, seen)
            progress.begun = time.monotonic()
            workers.each(judge_one, [change for change in left if not change.locks])
    locks = [change for change in left if change.locks]
    if locks:
        with Workers("postgresql", WORKERS, tests) as workers:
            traced(workers, seen, seen.skipped)
            workers.each(judge_one, locks)
    for test, why in seen.unfit.items():
        last_line = (why.strip().splitlines() or [""])[-1]
        say(f"No judge, because it fails without any change: {test}: {last_line}")
    return [known[change.key] for change in changes]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.mutants", description="Would the tests notice?")
    parser.add_argument("--sample", type=int, default=SAMPLE, help=f"how many changes ({SAMPLE}); 0 for all")
    parser.add_argument(
        "--only",
        nargs="+",
        default=[""],
        metavar="TEXT",
        help="of these, those whose name holds one of these",
    )
    parser.add_argument("--survived", action="store_true", help="only those that survived the last time")
    parser.add_argument("--equivalents", action="store_true", help="try what is listed as equivalent")
    parser.add_argument("--tests", nargs="+", default=TESTS, metavar="PATH", help="judge by these alone")
    parser.add_argument("--list", action="store_true", help="name the changes and try none")
    arguments = parser.parse_args()
    begun = time.monotonic()
    STATE.mkdir(exist_ok=True)
    changes, listed = every_change(), equivalents()
    chosen = [
        change
        for change in sampled(changes, arguments.sample)
        if any(text in change.key for text in arguments.only)
    ]
    last = STATE / "survived"
    if arguments.survived:
        survived = set(last.read_text().splitlines()) if last.exists() else set()
        chosen = [change for change in changes if change.key in survived]
    if arguments.equivalents:
        chosen, listed = [change for change in changes if named(change) in listed], {}
    if arguments.list:
        for change in chosen:
            say(f"{change.line:4} {'=' if named(change) in listed else ' '} {change.key}")
        return 0
    stale = stale_entries(listed, changes)
    say(f"{len(changes)} changes could be made to {len(CORE)} files; {len(chosen)} are tried")
    sources = digest_of(path for path in files_of_the_repository() if path.suffix != ".md")
    by = hashlib.sha256(" ".join(arguments.tests).encode()).hexdigest()[:8]
    results = STATE / f"results-{sources}-{by}.jsonl"
    verdicts = judged([change for change in chosen if named(change) not in listed], arguments.tests, results)
    survivors = [verdict for verdict in verdicts if verdict.result == "survived"]
    last.write_text("".join(f"{verdict.key}\n" for verdict in survivors))
    return report(chosen, listed, verdicts, stale, time.monotonic() - begun)


def report(
    chosen: Sequence[Change],
    listed: Mapping[Name, Equivalent],
    verdicts: Sequence[Verdict],
    stale: Sequence[Equivalent],
    seconds: float,
) -> int:
    """The figures. 1 if too little is caught, or the list of equivalents names what is not there any more."""
    lines = {change.key: change.line for change in chosen}
    caught = sum(verdict.result == "caught" for verdict in verdicts)
    too_long = [verdict for verdict in verdicts if verdict.by == "(too long)"]
    equivalent = sum(named(change) in listed for change in chosen)
    for verdict in verdicts:
        if verdict.result == "survived":
            say(
                f"survived, line {lines[verdict.key]} ({verdict.why or f'{verdict.tests} tests'}): {verdict.key}"
            )
    for verdict in too_long:
        say(f"caught because its tests took too long: {verdict.key}")
    for entry in stale:
        say(f"stale, to be taken out of equivalents.toml: {' | '.join(map(str, entry.name))}")
    share = caught / len(verdicts) if verdicts else 1.0
    say(
        f"{len(chosen)} tried: {caught} caught ({len(too_long)} by time), {len(verdicts) - caught} survived, "
        f"{equivalent} equivalent; {share:.1%} of what is not equivalent is caught "
        f"({LEAST:.0%} must be); {seconds:.0f} s"
    )
    return int(share < LEAST or bool(stale))


if __name__ == "__main__":
    sys.exit(main())
