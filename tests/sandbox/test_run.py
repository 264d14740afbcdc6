"""The sandbox as a process, and what it must not depend on."""

from __future__ import annotations

import json
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from placet.sandbox import Sandbox
from placet.sandbox.run import DEFAULT_MAILBOXES, write_state
from tests.installation import PATIENCE, ended_after
from tests.sandbox import wire


def test_it_serves_until_it_is_told_to_stop_and_leaves_no_secrets(tmp_path: Path) -> None:
    state = tmp_path / "sandbox.json"
    code = (
        "import sys, pathlib; from placet.sandbox import serve_forever;"
        "serve_forever(state=pathlib.Path(sys.argv[1]), ready=lambda sandbox: print(sandbox.url, flush=True))"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(state)], stdout=subprocess.PIPE, text=True)
    try:
        with ended_after(PATIENCE, process) as lines:
            url = lines.readline().strip()
        written = json.loads(state.read_text())
        assert written["url"] == url
        assert [m["address"] for m in written["mailboxes"]] == [
            f"{m}@contoso.example" for m, _ in DEFAULT_MAILBOXES
        ]
        assert len({m["password"] for m in written["mailboxes"]}) == len(DEFAULT_MAILBOXES)
        assert stat.S_IMODE(state.stat().st_mode) == 0o600
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait(PATIENCE)
        if process.stdout is not None:
            process.stdout.close()
    assert not state.exists()


def test_the_state_replaces_an_older_one_that_anybody_could_read(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_text("old")
    path.chmod(0o644)
    write_state(path, {"a": 1})
    assert json.loads(path.read_text()) == {"a": 1}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_it_needs_neither_django_nor_the_mailboxes() -> None:
    code = (
        "import sys, placet.sandbox;"
        "bad = [m for m in sys.modules if m.split('.')[0] in ('django', 'requests') or m.startswith('placet.')"
        " and not m.startswith('placet.sandbox')]; sys.exit(', '.join(bad) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_secrets_are_new_each_time() -> None:
    with Sandbox() as one, Sandbox() as two:
        for name in ("tenant_id", "client_id", "client_secret", "control_password"):
            assert getattr(one, name) != getattr(two, name)
        assert one.add_mailbox("ann").password != two.add_mailbox("ann").password


def test_a_port_that_is_taken_is_an_error() -> None:
    with Sandbox() as sandbox, pytest.raises(OSError, match="in use"):
        Sandbox(port=int(sandbox.url.rpartition(":")[2]))


def test_two_thousand_mails_are_listed_and_fetched_without_looking_through_the_folder() -> None:
    """A folder's log is read from where the client stands: the work of one more sync does not grow with the folder."""
    with Sandbox() as sandbox:
        mailbox = sandbox.add_mailbox("approvals")
        for _ in range(2000):
            sandbox.place("approvals", b"Subject: x\r\n\r\n")
        position = len(mailbox.inbox.log)
        assert position == 2000
        sandbox.place("approvals", b"Subject: new\r\n\r\n")
        told, after, last = mailbox.inbox.changes(position, 512)
        assert ([item.subject for _, item in told], after, last) == (["new"], 2001, True)


def test_many_clients_at_once_lose_nothing(sandbox: Sandbox) -> None:
    access_token = wire.token(sandbox)
    operation = wire.create_item(b"To: ann@contoso.example\r\n\r\nx")

    def send() -> None:
        for _ in range(25):
            assert wire.ews(sandbox, operation, access_token=access_token).status == 200

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({mail.id for mail in sandbox.mails("ann")}) == 200
    assert len(sandbox.mails("approvals", "sentitems")) == 200
