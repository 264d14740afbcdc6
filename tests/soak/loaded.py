"""Processes of Placet that are killed, without their two seconds of imports each: a process that has loaded all of
Placet and opened nothing parts whenever another one is wanted. What comes of a kill hangs on what lies in the database
and on servers, and neither knows how a process came to be. At full length (tests/soak/test_*.py) each starts from
nothing.

The one that has loaded all is `python -m tests.soak.loaded SOCKET`, SOCKET being the number of a file.
"""

import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from typing import IO
from weakref import finalize

PATIENCE = 60.0  # seconds that one with nothing to do may take to end
#: Of a wish and of its answer, in bytes.
LONGEST = 64_000
#: What a process loads while it starts, beside the models.
AT_START = (
    "placet.commands.serve", "placet.wsgi", "placet.urls", "placet.workforce", "placet.portal.uploads",
)  # fmt: skip


@dataclass(frozen=True)
class Command:
    """The function `main` of a module, for which the words are sys.argv[1:]. `loads`: modules that it loads beside
    Placet's; `environment`: what it is told in that, none of it a setting of Placet."""

    module: str
    words: Sequence[str] = ()
    loads: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


class Parted:
    """A process that has parted, with what `subprocess.Popen` has of it."""

    def __init__(self, pid: int, descriptor: int, stdout: IO[str]) -> None:
        """`descriptor`: of the process itself, for its number may be another's when it is dead."""
        self.pid, self.stdout = pid, stdout
        self._descriptor = descriptor
        finalize(self, os.close, descriptor)  # one thread may kill it while another one looks

    def poll(self) -> int | None:
        """0 when it has ended, however it did."""
        return 0 if self._has_ended(0) else None

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)

    def wait(self, seconds: float) -> None:
        if not self._has_ended(seconds):
            raise TimeoutError(f"Process {self.pid} has not ended within {seconds:.0f} s.")

    def _has_ended(self, seconds: float) -> bool:
        return bool(select.select([self._descriptor], [], [], seconds)[0])


class Loaded:
    """The process that has loaded all."""

    def __init__(self, wishes: socket.socket) -> None:
        self._wishes = wishes

    def part(self, command: Command, log: IO[str]) -> Parted:
        """`log`: takes what it writes as errors."""
        reading, writing = os.pipe()
        try:
            wish = json.dumps(asdict(command)).encode()
            socket.send_fds(self._wishes, [wish], [writing, log.fileno()])
        finally:
            os.close(writing)
        answer, [descriptor], _flags, _address = socket.recv_fds(self._wishes, LONGEST, 1)
        return Parted(int(answer), descriptor, os.fdopen(reading))


#: Gives one for the environment of a process.
Loader = Callable[[Mapping[str, str]], Loaded]
Begun = subprocess.Popen[str] | Parted


def begun(command: Command, environment: Mapping[str, str], log: IO[str], loader: Loader | None) -> Begun:
    """From nothing, if there is no `loader`."""
    if loader is not None:
        return loader(environment).part(command, log)
    code = f"import sys; from {command.module} import main; sys.exit(main())"
    return subprocess.Popen(
        [sys.executable, "-c", code, *command.words],
        env={**environment, **command.environment, **_import_path()},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
    )


@contextmanager
def loading() -> Iterator[Loader]:
    """One for each environment. What parted must have ended at the end."""
    known: dict[frozenset[tuple[str, str]], Loaded] = {}
    with ExitStack() as stack:

        def loader(environment: Mapping[str, str]) -> Loaded:
            key = frozenset(environment.items())
            if key not in known:
                known[key] = stack.enter_context(_loaded(environment))
            return known[key]

        yield loader


@contextmanager
def _loaded(environment: Mapping[str, str]) -> Iterator[Loaded]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno())],
                env={**environment, **_import_path()},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        try:
            yield Loaded(ours)
        finally:
            ours.close()
            process.wait(PATIENCE)


def _import_path() -> Mapping[str, str]:
    return {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


# --- inside of it -----------------------------------------------------------------------------------------


def _load() -> None:
    import django

    django.setup()
    from django.db import connections

    from placet.commands.start import read_words
    from placet.lib.collector import keep_what_is_there
    from placet.lib.libraries_alone import load_libraries

    load_libraries()
    for name in AT_START:
        importlib.import_module(name)
    read_words()
    keep_what_is_there()
    connections.close_all()


def _become(command: Command, output: int, log: int) -> None:
    """Ends with the process."""
    os.dup2(output, 1)
    os.dup2(log, 2)
    for descriptor in (output, log):
        os.close(descriptor)
    os.environ.update(command.environment)
    sys.argv = [command.module, *command.words]
    sys.exit(importlib.import_module(command.module).main())


def main() -> None:
    with socket.socket(fileno=int(sys.argv[1])) as wishes:
        _load()
        while True:
            wish, descriptors, _flags, _address = socket.recv_fds(wishes, LONGEST, 2)
            if not wish:
                break
            command = Command(**json.loads(wish))
            for name in (command.module, *command.loads):
                importlib.import_module(name)
            pid = os.fork()
            if not pid:
                wishes.close()
                _become(command, *descriptors)
            descriptor = os.pidfd_open(pid)
            socket.send_fds(wishes, [str(pid).encode()], [descriptor])
            for one in (descriptor, *descriptors):
                os.close(one)
    while True:
        try:
            os.wait()
        except ChildProcessError:
            return


if __name__ == "__main__":
    main()
