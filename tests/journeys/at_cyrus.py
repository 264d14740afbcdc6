"""Mail through servers that we did not write: people as in `at_mail_servers.py`, and Placet's own mailbox in a Cyrus,
which it asks by JMAP. What comes for it the Postfix hands on by LMTP; what it sends Cyrus hands to that Postfix.

It is looked into past Placet by IMAP, which says of each mail by what id JMAP knows it (OBJECTID, RFC 8474).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from imapclient import SEEN, IMAPClient
from imapclient.exceptions import IMAPClientError

from placet.mailboxes import store
from placet.mailboxes.models import Mailbox
from placet.sandbox.server import Mail
from tests.installation import PATIENCE
from tests.journeys.at_mail_servers import (
    FOLDERS,
    PASSWORD,
    PROFILE,
    SUBMITTED,
    AtMailServers,
    MailServers,
    mail_servers,
)
from tests.journeys.elsewhere import APPROVALS, PEOPLE, SINCE, NotTaken, shown
from tests.servers.cyrus import Cyrus, cyrus

ITEMS = ("BODY.PEEK[]", "FLAGS", "INTERNALDATE", "EMAILID")
OWN = ("INBOX", *FOLDERS.values(), "Drafts")  # folders that are never removed
#: What Cyrus writes on top of a mail that Postfix hands on.
DELIVERED = (
    """\
Return-Path: <{sender}>
Received: from mail.example.test (localhost [127.0.0.1])
\t by mail.example.test (Cyrus 3.10.2-Debian-3.10.2-1+deb13u2) with LMTPA;
\t Sat, 28 Nov 2026 10:00:01 +0000
X-Cyrus-Session-Id: mail.example.test-1796172484-12761-2-15359922067535048233
X-Sieve: CMU Sieve 3.0
"""
    + SUBMITTED
)


@dataclass(frozen=True)
class CyrusServers(MailServers):
    cyrus: Cyrus

    def empty(self) -> None:
        super().empty()
        with self.opened_cyrus() as client:
            names = [name for _flags, _separator, name in client.list_folders()]
            for name in reversed(names):  # those within others before these
                if name not in OWN:
                    client.delete_folder(name)
                elif client.select_folder(name)[b"EXISTS"]:
                    client.delete_messages(client.search())
                    client.expunge()

    @contextmanager
    def opened_cyrus(self) -> Iterator[IMAPClient]:
        """Signing in for the first time makes the mailbox."""
        client = IMAPClient("127.0.0.1", self.cyrus.ports["imap"], ssl=False, timeout=PATIENCE)
        try:
            client.login(APPROVALS, PASSWORD)
            yield client
        finally:
            client.shutdown()


@contextmanager
def cyrus_servers(people: Sequence[str] = PEOPLE) -> Iterator[CyrusServers]:
    # Left to itself it makes an X of what is not in ASCII in headers, and another address of one that looks alike.
    with cyrus({APPROVALS: PASSWORD}, more="munge8bit: no") as server:
        there = f"lmtp:inet:127.0.0.1:{server.ports['lmtp']}"
        with mail_servers(people, f"transport_maps = inline:{{ {{ {APPROVALS} = {there} }} }}\n") as others:
            server.sends_through(others.postfix.ports["mx"])
            yield CyrusServers(others.dovecot, others.postfix, server)


class AtCyrus(AtMailServers):
    """See the module. `ports`: another than the server's own, for "jmap"."""

    delivered = DELIVERED
    orders = False  # JMAP has whole seconds, and no numbers that grow

    def __init__(self, servers: CyrusServers, ports: Mapping[str, int] | None = None) -> None:
        super().__init__(servers, "jmap", {"jmap": servers.cyrus.ports["http"], **(ports or {})})
        self.has_folders = True
        self.own = servers

    def connected(self) -> Mailbox:
        mailbox = store.save(
            {
                "kind": "jmap",
                "username": APPROVALS,
                "jmap_host": "127.0.0.1",
                "jmap_port": self.ports["jmap"],
                "jmap_security": "none",
                "jmap_sign_in": "password",
                "active": True,
                "sends_per_minute": 1000,
                "since": SINCE,
            },
            secrets={"jmap_password": PASSWORD},
            by="a test",
        ).mailbox
        mailbox.stamps = {"profile": PROFILE.to_json()}
        mailbox.save(update_fields=["stamps"])
        return mailbox

    # --- Placet's own mailbox -------------------------------------------------------------------------------

    def opened(self) -> AbstractContextManager[IMAPClient]:
        return self.own.opened_cyrus()

    maildir = None  # Cyrus has an index of its own beside the files

    @property
    def lmtp_port(self) -> int:
        return self.own.cyrus.ports["lmtp"]

    def lying_in(self, folder: str) -> list[Mail]:
        self.servers.wait()
        name = FOLDERS.get(folder, folder)
        with self.opened() as client:
            if not client.folder_exists(name):
                return []
            client.select_folder(name, readonly=True)
            fetched = client.fetch(client.search(), ITEMS)
        return [_mail(name, fetched[uid]) for uid in sorted(fetched)]

    def laid(self, folder: str, raw: bytes, received: datetime | None = None) -> Mail:
        """Two with the same bytes are one mail to this server: a second one has an empty line more. It takes none with
        a NUL, or with half of a line end."""
        name = FOLDERS.get(folder, folder)
        self.servers.wait()
        with self.opened() as client:
            while _lies_in(client, name, raw):
                raw += b"\r\n"
            try:
                client.append(name, raw, msg_time=received)
            except IMAPClientError as error:
                raise NotTaken from error
            client.select_folder(name, readonly=True)
            uid = max(client.search())
            return _mail(name, client.fetch([uid], ITEMS)[uid])

    def dragged(self, mail_id: str, folder: str) -> Mail:
        with self.opened() as client:
            for _flags, _separator, name in client.list_folders():
                client.select_folder(name)
                if uids := client.search(["EMAILID", mail_id]):
                    client.move(uids, FOLDERS.get(folder, folder))
        return self.lying_in(folder)[-1]


def _lies_in(client: IMAPClient, folder: str, raw: bytes) -> bool:
    client.select_folder(folder, readonly=True)
    sizes = client.fetch(client.search(), ["RFC822.SIZE"])
    alike = [uid for uid, row in sizes.items() if row[b"RFC822.SIZE"] == len(raw)]
    return any(row[b"BODY[]"] == raw for row in client.fetch(alike, ["BODY.PEEK[]"]).values())


def _mail(folder: str, fetched: Mapping[bytes, Any]) -> Mail:
    (id_,) = fetched[b"EMAILID"]
    received = fetched[b"INTERNALDATE"].astimezone(UTC)
    return shown(
        id_.decode(), folder, fetched[b"BODY[]"], is_read=SEEN in fetched[b"FLAGS"], received=received
    )
