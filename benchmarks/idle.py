"""What it costs to look into a mailbox where nothing happens. `python -m benchmarks.idle --help`

Requests and bytes of one poll, as they go over the wire without their heads, of a mailbox with many old mails:
the first poll, which finds out where it stands, and those after it. Microsoft Graph and Exchange Web Services
beside each other, the mailbox being the same; Gmail: the Google in memory of the tests; JMAP: a Cyrus.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import requests

from benchmarks.replies import only_our_settings

LONG_AGO = datetime(2026, 1, 5, 10, tzinfo=UTC)
POLLS = 10  # idle ones, of which the mean is told
AT_ONCE = 100  # mails that one command hands to an IMAP server
OLD_MAIL = b"""\
Received: from mail.example by inbound.example; Mon, 5 Jan 2026 10:00:00 +0000\r
From: Ann Approver <ann@contoso.example>\r
To: approvals@contoso.example\r
Subject: From long ago\r
Date: Mon, 5 Jan 2026 10:00:00 +0000\r
Message-ID: <%d@contoso.example>\r
\r
Hello.\r
"""


@dataclass
class Traffic:
    requests: int = 0
    sent: int = 0  # bytes
    received: int = 0  # bytes

    def line(self, polls: int = 1) -> str:
        return (
            f"{self.requests / polls:>9,.1f} requests {self.sent / polls:>12,.0f} bytes out "
            f"{self.received / polls:>12,.0f} bytes in"
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.idle", description=__doc__.partition("\n")[0])
    parser.add_argument("--mails", type=int, default=100_000, help="old mails in the Inbox")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="placet-bench-") as folder:
        only_our_settings(Path(folder))
        _measure(options.mails)


def _measure(mails: int) -> None:
    with _tenant(mails) as sandbox:
        for protocol in ("graph", "ews"):
            _report(protocol, mails, partial(_connect, sandbox, protocol))
    with _google(mails) as connect:
        _report("gmail", mails, connect)
    with _cyrus(mails) as connect:
        _report("jmap", mails, connect)


def _report(way: str, mails: int, connect: Callable[[], object]) -> None:
    first, idle = _polls(connect)
    print(f"{way:>6}  {mails:,} mails, first poll {first.line()}")
    print(f"{way:>6}  {mails:,} mails, idle poll  {idle.line(POLLS)}", flush=True)


@contextmanager
def _tenant(mails: int) -> Iterator[Any]:
    """Mails straight into the sandbox's store: what it holds counts here, not how it came there."""
    from placet.sandbox.server import Sandbox
    from placet.sandbox.tenant import Item

    with Sandbox() as sandbox:
        sandbox.add_mailbox("approvals", "Approvals")
        box = sandbox.mailbox("approvals")
        for number in range(mails):
            box.add(box.well_known["inbox"], Item(OLD_MAIL % number, "", received=LONG_AGO))
        yield sandbox


def _connect(sandbox: Any, protocol: str) -> None:
    from placet.mailboxes import store

    store.save(
        {
            "protocol": protocol,
            "server_address": sandbox.url,
            "username": f"approvals@{sandbox.tenant.domain}",
            "client_id": sandbox.client_id,
            "token_uri": sandbox.token_url,
            "active": True,
            "mails_per_poll": 500,
        },
        secrets={"client_secret": sandbox.client_secret},
        by="a benchmark",
    )


@contextmanager
def _google(mails: int) -> Iterator[Callable[[], object]]:
    from benchmarks.tenant import APPROVALS
    from placet.mailboxes import store
    from placet.mailboxes.gmail.settings import KEY
    from tests.journeys.at_google import asked_at
    from tests.mailboxes.gmail.google import running_google
    from tests.mailboxes.google_tokens import key_file

    def connect() -> None:
        store.save(
            {"kind": "gmail", "username": APPROVALS, "active": True},
            secrets={KEY: key_file()},
            by="a benchmark",
        )

    with running_google() as google, asked_at(google.api):
        box = google.user(APPROVALS)
        for number in range(mails):
            box.add(OLD_MAIL % number, "INBOX").at = LONG_AGO.timestamp()
        yield connect


@contextmanager
def _cyrus(mails: int) -> Iterator[Callable[[], object]]:
    from imapclient import IMAPClient

    from benchmarks.tenant import APPROVALS
    from placet.mailboxes import store
    from tests.servers.cyrus import cyrus

    password = "correct-horse"  # of this server's only user

    def connect() -> None:
        store.save(
            {
                "kind": "jmap",
                "username": APPROVALS,
                "jmap_host": "127.0.0.1",
                "jmap_port": server.ports["http"],
                "jmap_security": "none",
                "jmap_sign_in": "password",
                "active": True,
            },
            secrets={"jmap_password": password},
            by="a benchmark",
        )

    with cyrus({APPROVALS: password}) as server:
        with IMAPClient("127.0.0.1", server.ports["imap"], ssl=False) as client:
            client.login(APPROVALS, password)  # makes the mailbox
            for first in range(0, mails, AT_ONCE):
                numbers = range(first, min(first + AT_ONCE, mails))
                client.multiappend("INBOX", [{"msg": OLD_MAIL % at, "date": LONG_AGO} for at in numbers])
        yield connect


def _polls(connect: Callable[[], object]) -> tuple[Traffic, Traffic]:
    """Of the first look, and of POLLS idle ones together."""
    from placet.commands.start import set_up
    from placet.mailboxes.models import Mailbox

    set_up()
    Mailbox.objects.all().delete()
    connect()
    with counted() as first:
        _poll()
    with counted() as idle:
        for _ in range(POLLS):
            _poll()
    return first, idle


def _poll() -> None:
    """One look, to its end: a poll that finds more goes on at once."""
    from django.utils import timezone

    from placet import work
    from placet.mailboxes.models import Mailbox

    (kind,) = [kind for kind in work.kinds() if kind.name == "poll"]
    Mailbox.objects.update(next_poll=timezone.now(), paused_until=None)
    while work.run_once(kind):
        pass
    trouble = Mailbox.objects.get().trouble
    if trouble:
        raise RuntimeError(f"The poll failed: {trouble}")


@contextmanager
def counted() -> Iterator[Traffic]:
    """What `requests` sends and gets meanwhile, but for tokens."""
    traffic = Traffic()
    send = requests.Session.send

    def counting(self: requests.Session, request: requests.PreparedRequest, **more: Any) -> requests.Response:
        answer = send(self, request, **more)
        if not str(request.url).endswith("/token"):
            traffic.requests += 1
            traffic.sent += len(str(request.path_url)) + len(request.body or b"")
            traffic.received += int(answer.headers["Content-Length"])
        return answer

    # What leaves is counted where every request passes, whichever part of Placet makes it.
    requests.Session.send = counting  # type: ignore[method-assign]
    try:
        yield traffic
    finally:
        requests.Session.send = send  # type: ignore[method-assign]


if __name__ == "__main__":
    main()
