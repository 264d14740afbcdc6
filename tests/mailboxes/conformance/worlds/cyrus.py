"""A Cyrus: JMAP, which sends through a Postfix, and IMAP and POP3, which only receive."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any

from imapclient import SEEN, IMAPClient

from placet.mailboxes import pool
from placet.mailboxes.base import Connection
from placet.mailboxes.kinds import all_kinds
from placet.mailboxes.models import Mailbox
from tests.installation import PATIENCE, free_port
from tests.mailboxes.conformance.relay import Relay, relay
from tests.mailboxes.conformance.world import DELETED, INBOX, JUNK, SENT, Trouble, World
from tests.mailboxes.talking import Peer, talker
from tests.servers.cyrus import Cyrus, cyrus
from tests.servers.postfix import Postfix, postfix

PASSWORD = "s3cret %&"
MOST_BOXES = 200  # mailboxes, each of one test
USERS = {
    f"{name}{number}@example.test": PASSWORD
    for name in ("approvals", "ann")
    for number in range(1, MOST_BOXES)
}
MOST_SENT = 200_000  # bytes
CUT_AFTER = {"jmap": 500, "imap": 300, "pop3": 60}  # bytes of answers
FOLDERS = {INBOX: "INBOX", JUNK: "Junk", SENT: "Sent", DELETED: "Trash"}
PORTS = {"jmap": "http", "imap": "imap", "pop3": "pop3"}


class CyrusServer:
    """It, the Postfix behind it where there is one, and what is between it and Placet where connections are cut."""

    def __init__(self, server: Cyrus, relays: dict[str, Relay], sender: Postfix | None = None) -> None:
        self.server = server
        self.relays = relays
        self._sender = sender
        self._numbers = count(1)

    def box(self, world: World) -> "CyrusBox":
        return CyrusBox(self, world.kinds[0], next(self._numbers))

    def wait_for_queues(self) -> None:
        """Until Postfix has delivered all that it took."""
        if self._sender is None:
            return
        until = time.monotonic() + PATIENCE
        queues = [
            self._sender.folder / "queue" / name for name in ("maildrop", "incoming", "active", "deferred")
        ]
        while any(path.is_file() for queue in queues for path in queue.rglob("*")):
            assert time.monotonic() < until, self._sender.log()
            time.sleep(0.02)


class CyrusBox:
    def __init__(self, servers: CyrusServer, kind: str, number: int) -> None:
        self._servers = servers
        self._kind = kind
        self.address, self.other = f"approvals{number}@example.test", f"ann{number}@example.test"
        with self._opened():
            pass  # signing in by IMAP makes the mailbox

    # --- as Placet sees it --------------------------------------------------------------------------------

    def connect(self) -> Connection:
        return self._connected()

    def _connected(self, secret: str = PASSWORD, **changed: Any) -> Connection:
        """`changed`: other settings than usual, without the protocol in front of their names."""
        port = self._servers.server.ports[PORTS[self._kind]]
        usual = {"host": "127.0.0.1", "port": port, "security": "none", "sign_in": "password"}
        settings = {f"{self._kind}_{name}": value for name, value in {**usual, **changed}.items()}
        row = Mailbox(kind=self._kind, address=self.address, settings={**settings, "username": self.address})
        row.secrets = {f"{self._kind}_password": secret}
        return pool.connect(row)

    @contextmanager
    def troubled(self, trouble: Trouble) -> Iterator[Connection]:
        cut = self._servers.relays[self._kind]
        if trouble is Trouble.WRONG_SECRET:
            yield self._connected(secret="wrong")
        elif trouble is Trouble.AWAY:
            yield self._connected(port=free_port())
        elif trouble is Trouble.WRONG_HOST:
            yield self._connected(host="mail.nowhere.invalid", security="ssl")
        elif trouble is Trouble.BUSY:
            with talker(_busy) as busy:
                yield self._connected(port=busy.port)
        else:
            cut.most_answered = CUT_AFTER[self._kind]
            try:
                yield self._connected(port=cut.port)
            finally:
                cut.most_answered = None

    @contextmanager
    def cut_while_sending(self) -> Iterator[Connection]:
        cut = self._servers.relays[self._kind]
        cut.last_asked = b"EmailSubmission/set"
        try:
            yield self._connected(port=cut.port)
        finally:
            cut.last_asked = b""

    # --- as its owner sees it -----------------------------------------------------------------------------

    @contextmanager
    def _opened(self, address: str = "") -> Iterator[IMAPClient]:
        client = IMAPClient("127.0.0.1", self._servers.server.ports["imap"], ssl=False, timeout=PATIENCE)
        try:
            client.login(address or self.address, PASSWORD)
            yield client
        finally:
            client.shutdown()

    def _mails(self, address: str, folder: str) -> dict[int, bytes]:
        """By UID."""
        with self._opened(address) as client:
            if not client.folder_exists(folder):
                return {}
            client.select_folder(folder, readonly=True)
            fetched = client.fetch(client.search(), ["BODY.PEEK[]"])
        return {uid: part[b"BODY[]"] for uid, part in fetched.items()}

    def _uid(self, subject: str, folder: str = "INBOX") -> int:
        line = f"\r\nSubject: {subject}\r\n".encode()
        [uid] = [uid for uid, raw in self._mails(self.address, folder).items() if line in raw]
        return uid

    def deliver(self, raw: bytes, *, junk: bool = False) -> None:
        if not junk:
            self._servers.server.deliver(self.address, raw)
            return
        with self._opened() as client:
            client.append("Junk", b"Received: by example.test; Tue, 1 Dec 2026 10:00:00 +0000\r\n" + raw)

    def subjects(self, folder: str) -> Sequence[str]:
        mails = self._mails(self.address, FOLDERS.get(folder, folder)).values()
        return [raw.partition(b"\r\nSubject: ")[2].partition(b"\r\n")[0].decode() for raw in mails]

    def is_read(self, subject: str) -> bool:
        uid = self._uid(subject)
        with self._opened() as client:
            client.select_folder("INBOX", readonly=True)
            return SEEN in client.get_flags([uid])[uid]

    def remove(self, subject: str) -> None:
        uid = self._uid(subject)
        with self._opened() as client:
            client.select_folder("INBOX")
            client.delete_messages([uid])
            client.expunge()

    def bring_back(self, subject: str, folder: str) -> None:
        uid = self._uid(subject, folder)
        with self._opened() as client:
            client.select_folder(folder)
            client.move([uid], "INBOX")

    def remove_folder(self, folder: str) -> None:
        with self._opened() as client:
            client.delete_folder(folder)

    def forget(self) -> None:
        """What was deleted is cleaned up for good: of the time before it nobody can say any more what changed."""
        with self._opened() as client:
            client.append("Trash", b"Subject: of no use\r\n\r\n")
            client.select_folder("Trash")
            client.delete_messages(client.search())
            client.expunge()
        self._servers.server.run("cyr_expire", "-X", "0", "-u", self.address)

    def arrived(self) -> Sequence[bytes]:
        self._servers.wait_for_queues()
        return list(self._mails(self.other, "INBOX").values())


def _busy(peer: Peer) -> None:
    """A web server that asks for patience."""
    peer.hear()
    peer.say("HTTP/1.1 503 Service Unavailable", "Retry-After: 3", "Content-Length: 0", "")


@contextmanager
def start() -> Iterator[CyrusServer]:
    """Without one that sends: an ordinary user starts it."""
    with cyrus(USERS) as server, relay(server.ports["imap"]) as imap, relay(server.ports["pop3"]) as pop3:
        yield CyrusServer(server, {"imap": imap, "pop3": pop3})


@contextmanager
def start_sending() -> Iterator[CyrusServer]:
    with (
        cyrus(USERS) as server,
        postfix(server, size=MOST_SENT) as sender,
        relay(server.ports["http"]) as http,
    ):
        server.sends_through(sender.ports["mx"])
        yield CyrusServer(server, {"jmap": http}, sender)


TROUBLES = frozenset(Trouble) - {Trouble.BUSY}
ALL = (
    World(
        "jmap over Cyrus", ("jmap",), start_sending, CyrusServer.box,
        protocol="jmap", most_sent=MOST_SENT,
    ),
    World(
        "imap over Cyrus", ("imap",), start, CyrusServer.box, protocol="imap", sends=False, keeps_sent=False,
        forgets=False, troubles=TROUBLES, is_another=True,  # it numbers an Inbox anew for nobody
    ),
    World(
        "pop3 over Cyrus", ("pop3",), start, CyrusServer.box, protocol="pop3", sends=False, keeps_sent=False,
        moves=False, reads=False, junk=False, forgets=False, troubles=TROUBLES, is_another=True,
    ),
)  # fmt: skip
WORLDS = tuple(world for world in ALL if all(key in all_kinds() for key in world.kinds))
