"""What a look costs does not depend on how many old mails there are."""

import os
import time
from datetime import UTC, datetime, timedelta

from placet.mailboxes.imap.client import Client
from placet.mailboxes.imap.connection import ImapConnection
from tests.servers.dovecot import Dovecot

from .conftest import Connect, mail


def fill(server: Dovecot, user: str, mails: int) -> None:
    """Straight into the Maildir, as they lie there after years."""
    server.doveadm("mailbox", "status", "-u", user, "messages", "Junk")  # makes its folders
    folder = server.maildir(user) / "cur"
    folder.mkdir(exist_ok=True, parents=True)
    owner = server.folder.stat()
    for number in range(mails):
        at = time.time() - 86400 * 400 + number
        path = folder / f"{int(at)}.M{number}.old:2,S"
        path.write_bytes(mail(f"old {number}"))
        os.utime(path, (at, at))
        os.chown(path, owner.st_uid, owner.st_gid)
    os.chown(folder, owner.st_uid, owner.st_gid)


def traffic(connection: ImapConnection) -> tuple[int, int, int]:
    client: Client = connection.run(lambda session: session.client)
    return client.wire.commands, client.wire.sent, client.wire.received


def test_an_idle_look_takes_two_commands_and_a_few_hundred_bytes(
    server: Dovecot, connect: Connect, user: str
) -> None:
    fill(server, user, 2000)
    connection = connect(server)
    since = datetime.now(UTC) - timedelta(hours=1)
    before = traffic(connection)
    page = connection.changes({}, since, 100)
    first = traffic(connection)
    assert (list(page.seen), page.complete) == ([], True)
    assert (
        first[0] - before[0] == 4
    )  # both folders opened, a search for what is recent, and whether it is still so
    assert first[2] - before[2] < 2000
    again = connection.changes(page.cursor, since, 100)
    idle = traffic(connection)
    assert (list(again.seen), again.complete) == ([], True)
    assert idle[0] - first[0] == 2  # Inbox opened, and what Junk is like
    assert idle[1] - first[1] < 150
    assert idle[2] - first[2] < 800
    server.deliver(user, mail("a new one"))
    assert len(connection.changes(again.cursor, since, 100).seen) == 1
    assert traffic(connection)[2] - idle[2] < 2000
