"""What a look into a mailbox on an IMAP server costs, with many old mails in it: commands, bytes and time; and how soon
a mail is heard of.

    python -m benchmarks.imap [--mails 100000]

Dovecot runs on loopback, in a temporary folder.
"""

import argparse
import os
import shutil
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from pathlib import Path
from queue import Queue

from django.conf import settings

if not settings.configured:
    settings.configure()  # nothing of an installation is needed here

from pydantic import SecretStr

from placet.mailboxes import http
from placet.mailboxes.imap.client import Account
from placet.mailboxes.imap.connection import ImapConnection
from placet.mailboxes.imap.idle import ImapListening
from placet.mailboxes.push.listening import Heard
from tests.servers.dovecot import Dovecot, dovecot

USER, PASSWORD = "approvals@example.test", "correct-horse"
LOOKS = 50
DELIVERIES = 20
PAUSE = 2.0  # seconds between two that are heard of: a flood is told of once a second
NEW = (
    b"From: boss@example.test\r\nSubject: Re: an approval\r\nMessage-ID: <%d@example.test>\r\n\r\nApprove\r\n"
)
OLD = (
    "Return-Path: <somebody@example.org>\r\nReceived: from a by b; {date}\r\nFrom: somebody@example.org\r\n"
    "Subject: old mail {number}\r\nMessage-ID: <old{number}@example.org>\r\n\r\n" + "words of it\r\n" * 20
)


@contextmanager
def filled(mails: int) -> Iterator[Dovecot]:
    """A server with so many old mails in Inbox, which this process may call."""
    with dovecot({USER: PASSWORD}) as server:
        os.environ["REQUESTS_CA_BUNDLE"] = str(Path(server.authority.certificate))
        http.private_targets = lambda: ["127.0.0.0/8"]
        _fill(server, mails)
        print(f"Dovecot, {mails:,} old mails in Inbox, TLS on loopback", flush=True)
        yield server


def _fill(server: Dovecot, mails: int) -> None:
    """Old mails straight into the Maildir, a minute apart, as they lie there after years."""
    server.doveadm("mailbox", "list", "-u", USER)  # makes its folders
    folder = server.maildir(USER) / "cur"
    folder.mkdir(parents=True, exist_ok=True)
    owner = server.folder.stat()
    began = time.time() - 400 * 86400
    for number in range(mails):
        at = began + number * 60
        path = folder / f"{int(at)}.M{number}.old:2,S"
        path.write_text(OLD.format(number=number, date=formatdate(at)))
        os.utime(path, (at, at))
        os.chown(path, owner.st_uid, owner.st_gid)
    shutil.chown(folder, owner.st_uid, owner.st_gid)


def measured(name: str, connection: ImapConnection, looks: int, look: Callable[[], object]) -> None:
    """Of one look: median of the time, commands, bytes there and back."""
    wire = connection.run(lambda session: session.client.wire)
    before = wire.commands, wire.sent, wire.received
    seconds = []
    for _ in range(looks):
        began = time.perf_counter()
        look()
        seconds.append(time.perf_counter() - began)
    commands, sent, received = (
        (after - was) / looks
        for after, was in zip((wire.commands, wire.sent, wire.received), before, strict=True)
    )
    print(
        f"{name:<44}{statistics.median(seconds) * 1000:9.1f} ms{commands:7.1f} commands"
        f"{sent:9.0f} B sent{received:11.0f} B received"
    )


def polled(server: Dovecot, account: Account) -> None:
    connection = ImapConnection(account)
    since = datetime.now(UTC) - timedelta(minutes=10)
    connection.run(lambda session: None)
    pages = [connection.changes({}, since, 100)]
    measured(
        "first look, server's caches cold or not", connection, 1, lambda: connection.changes({}, since, 100)
    )

    def look() -> None:
        pages.append(connection.changes(pages[-1].cursor, since, 100))

    look()
    measured("look at which nothing is new", connection, LOOKS, look)

    def look_at_a_new_one() -> None:
        server.deliver(USER, NEW % len(pages))
        look()
        received = list(connection.fetch(pages[-1].seen, 1_000_000))
        assert len(received) == 1, received

    measured("delivery by LMTP, look, and the mail fetched", connection, DELIVERIES, look_at_a_new_one)
    connection.close()


def heard(server: Dovecot, account: Account) -> None:
    """From before the delivery until it is heard of."""
    listening = ImapListening(account)
    times: Queue[float] = Queue()

    def run() -> None:
        for event in listening:
            if event is not Heard.BEAT:
                times.put(time.perf_counter())

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    times.get(timeout=60)  # it listens
    seconds = []
    for number in range(DELIVERIES):
        began = time.perf_counter()
        server.deliver(USER, NEW % (10_000 + number))
        seconds.append(times.get(timeout=60) - began)
        time.sleep(PAUSE)
        while not times.empty():  # told of once more
            times.get()
    listening.close()
    thread.join(60)
    print(
        f"{'delivery by LMTP until heard of by IDLE':<44}{statistics.median(seconds) * 1000:9.1f} ms"
        f" (at most {max(seconds) * 1000:.0f} ms)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mails", type=int, default=100_000)
    mails = parser.parse_args().mails
    with filled(mails) as server:
        account = Account("localhost", server.ports["imaps"], "ssl", USER, SecretStr(PASSWORD))
        polled(server, account)
        heard(server, account)


if __name__ == "__main__":
    main()
