"""The sandbox as a process of its own: what `placet sandbox` runs."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from placet.sandbox.server import Sandbox

DEFAULT_MAILBOXES = (
    ("approvals", "Approvals"),
    ("ann", "Ann Approver"),
    ("bob", "Bob Boss"),
    ("carol", "Carol Finance"),
    ("rita", "Rita Requester"),
)


def serve_forever(
    *,
    port: int = 0,
    host: str = "127.0.0.1",
    domain: str = "contoso.example",
    state: Path | None = None,
    mailboxes: Iterable[tuple[str, str]] = DEFAULT_MAILBOXES,
    ready: Callable[[Sandbox], None] | None = None,
    stop: threading.Event | None = None,
) -> None:
    """Run a sandbox until SIGINT or SIGTERM (or until `stop` is set, off the main thread).

    `mailboxes` are pairs of local part and name. `state` is a file that gets all addresses and secrets as JSON,
    readable by its owner only, and that is removed at the end. `ready` is called once the server answers.
    Raises OSError if the port is taken or the file cannot be written.
    """
    done = stop or threading.Event()
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: done.set())
    with Sandbox(domain, host=host, port=port) as sandbox:
        for local, name in mailboxes:
            sandbox.add_mailbox(local, name)
        if state is not None:
            write_state(state, sandbox.state())
        try:
            if ready is not None:
                ready(sandbox)
            done.wait()
        finally:
            if state is not None:
                state.unlink(missing_ok=True)


def write_state(path: Path, state: dict[str, Any]) -> None:
    """Write the state so that nobody else can read it, and nobody sees half of it."""
    partial = path.with_name(f"{path.name}.partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(state, file, indent=2)
    partial.replace(path)
