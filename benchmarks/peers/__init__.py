"""Other programs that take replies in, installed for one measurement, and what the same replies cost them.

django-helpdesk     a reply becomes a comment on its ticket; whoever asked gets a mail
django-mailbox      a reply is kept; a handler looks for a code, compares From, takes the first line, and confirms it
roundup             a reply becomes a message of its issue; those on its list get a mail

The programs do far less: they prove no sender, read no answer in words, and keep no record that shows a change.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.reading.peers import NotInstalled, Peer, install

PACKAGES = ("django-helpdesk==2.6.1", "django-mailbox==4.10.1", "roundup==2.6.0")
NAMES = ("django-helpdesk", "django-mailbox", "roundup")
_WORKER = Path(__file__).with_name("worker.py")


@dataclass
class Program:
    """One that runs. `seconds` of processor time for the `done` replies that it took in."""

    name: str
    process: "subprocess.Popen[str]"
    version: str = ""
    seconds: float = 0
    done: int = 0

    def take_in(self, until: int) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{self.done} {until}\n")
        self.process.stdin.flush()
        self.seconds += self.answer()["seconds"]
        self.done = until

    def end(self) -> None:
        """Raises RuntimeError if it did not apply all of them."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        applied = self.answer()["applied"]
        if applied != self.done:
            raise RuntimeError(f"{self.name} applied {applied} of {self.done} replies.")

    def answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended.")
        return dict(json.loads(line))


@dataclass
class Turns:
    """The programs, which take the same replies in a share at a time."""

    replies: int
    share: int
    programs: Sequence[Program] = field(default_factory=list)

    def turn(self) -> None:
        for program in self.programs:
            if program.done < self.replies:
                program.take_in(min(program.done + self.share, self.replies))

    def end(self) -> dict[str, float]:
        """Seconds of processor time, by name and version; all are taken in."""
        while any(program.done < self.replies for program in self.programs):
            self.turn()
        for program in self.programs:
            program.end()
        return {f"{program.name} {program.version}": program.seconds for program in self.programs}


@contextmanager
def running(folder: Path, replies: Sequence[bytes], share: int) -> Iterator[Turns]:
    """All that can be installed, with what these replies answer; `folder` is the run's own."""
    turns = Turns(len(replies), share)
    try:
        install(Peer("replies", PACKAGES), folder)
    except NotInstalled as why:
        print(f"Other programs are left out, because they cannot be installed: {why}")
        yield turns
        return
    work = folder / "work"
    shutil.rmtree(work, ignore_errors=True)
    (work / "mails").mkdir(parents=True)
    for number, reply in enumerate(replies):
        (work / "mails" / f"{number:06}.eml").write_bytes(reply)
    with ExitStack() as stack:
        turns.programs = [stack.enter_context(_program(name, folder, work)) for name in NAMES]
        yield turns


@contextmanager
def _program(name: str, folder: Path, work: Path) -> Iterator[Program]:
    command = [str(folder / "venv" / "bin" / "python"), "-I", str(_WORKER), name, str(work)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        program = Program(name, process)
        try:
            program.version = program.answer()["version"]
            yield program
        finally:
            process.kill()
