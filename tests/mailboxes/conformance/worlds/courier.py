"""POP3 and IMAP over a Courier, whose Maildir is looked into past Placet."""

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from email import message_from_bytes
from itertools import count
from pathlib import Path
from typing import Any

from imapclient import IMAPClient

from placet.mailboxes import pool
from placet.mailboxes.base import Connection
from placet.mailboxes.kinds import all_kinds
from placet.mailboxes.models import Mailbox
from tests.installation import PATIENCE, free_port
from tests.mailboxes.conformance.relay import Relay, relay
from tests.mailboxes.conformance.world import DELETED, INBOX, JUNK, SENT, Trouble, World
from tests.servers.courier import Courier, courier

PASSWORD = "s3cret %&"
CUT_AFTER = {"pop3": 30, "imap": 300}  # bytes of answers: in the middle of what follows the greeting
NAMES = {JUNK: "Junk", SENT: "Sent", DELETED: "Trash"}


class CourierBox:
    """By POP3."""

    other = "ann@example.test"
    kind = "pop3"

    def __init__(self, server: Courier, cut: Relay, address: str) -> None:
        self._server = server
        self._cut = cut
        self.address = address

    def connect(self) -> Connection:
        return self._connected()

    def _connected(self, secret: str = PASSWORD, **changed: Any) -> Connection:
        usual = {"host": "127.0.0.1", "port": self._server.ports[self.kind], "security": "none"}
        settings = {f"{self.kind}_{name}": value for name, value in {**usual, **changed}.items()}
        row = Mailbox(kind=self.kind, address=self.address, settings={**settings, "username": self.address})
        row.secrets = {f"{self.kind}_password": secret}
        return pool.connect(row)

    def deliver(self, raw: bytes, *, junk: bool = False) -> None:
        self._server.deliver(self.address, raw)

    def _mails(self) -> dict[str, Path]:
        """By subject."""
        paths = [
            path for part in ("new", "cur") for path in (self._server.maildir(self.address) / part).iterdir()
        ]
        return {
            path.read_bytes().partition(b"\nSubject: ")[2].partition(b"\n")[0].decode(): path
            for path in sorted(paths, key=lambda path: path.name)
        }

    def subjects(self, folder: str) -> Sequence[str]:
        return list(self._mails()) if folder == INBOX else []

    def is_read(self, subject: str) -> bool:
        raise NotImplementedError("POP3 marks nothing")

    def remove(self, subject: str) -> None:
        self._mails()[subject].unlink()

    def bring_back(self, subject: str, folder: str) -> None:
        raise NotImplementedError("POP3 has no folders")

    def remove_folder(self, folder: str) -> None:
        raise NotImplementedError("POP3 has no folders")

    def forget(self) -> None:
        raise NotImplementedError("POP3 gives out no positions")

    def arrived(self) -> Sequence[bytes]:
        raise NotImplementedError("it only receives")

    @contextmanager
    def troubled(self, trouble: Trouble) -> Iterator[Connection]:
        if trouble is Trouble.WRONG_SECRET:
            yield self._connected(secret="wrong")
        elif trouble is Trouble.AWAY:
            yield self._connected(port=free_port())
        elif trouble is Trouble.WRONG_HOST:
            yield self._connected(host="mail.nowhere.invalid", security="ssl")
        else:
            assert trouble is Trouble.CUT
            self._cut.most_answered = CUT_AFTER[self.kind]
            try:
                yield self._connected(port=self._cut.port)
            finally:
                self._cut.most_answered = None

    def cut_while_sending(self) -> AbstractContextManager[Connection]:
        raise NotImplementedError("it only receives")


class CourierImapBox(CourierBox):
    kind = "imap"

    @contextmanager
    def _opened(self) -> Iterator[IMAPClient]:
        """As another mail program."""
        client = IMAPClient("127.0.0.1", self._server.ports["imap"], ssl=False, timeout=PATIENCE)
        try:
            client.login(self.address, PASSWORD)
            yield client
        finally:
            client.shutdown()

    def deliver(self, raw: bytes, *, junk: bool = False) -> None:
        if not junk:
            super().deliver(raw)
            return
        with self._opened() as client:
            if not client.folder_exists("INBOX.Junk"):
                client.create_folder("INBOX.Junk")
            client.append(
                "INBOX.Junk", b"Received: by example.test; Tue, 1 Dec 2026 10:00:00 +0000\r\n" + raw
            )

    def subjects(self, folder: str) -> Sequence[str]:
        with self._opened() as client:
            return list(_uids(client, _name(folder)))

    def is_read(self, subject: str) -> bool:
        return "S" in self._mails()[subject].name.rpartition(":2,")[2]

    def bring_back(self, subject: str, folder: str) -> None:
        with self._opened() as client:
            uid = _uids(client, _name(folder))[subject]
            client.copy([uid], "INBOX")
            client.delete_messages([uid])
            client.uid_expunge([uid])

    def remove_folder(self, folder: str) -> None:
        with self._opened() as client:
            client.delete_folder(_name(folder))

    def forget(self) -> None:
        """As after a restore: mails are numbered from one on, under another UIDVALIDITY. That is the second in which it
        is given out, so it is another one once that has passed."""
        time.sleep(1)
        (self._server.maildir(self.address) / "courierimapuiddb").unlink()


def _name(folder: str) -> str:
    return "INBOX" if folder == INBOX else "INBOX." + NAMES.get(folder, folder).replace("/", ".")


def _uids(client: IMAPClient, name: str) -> dict[str, int]:
    """By subject; of a folder that is not there, none."""
    if not client.folder_exists(name):
        return {}
    client.select_folder(name)
    fetched = client.fetch(client.search(), ["BODY.PEEK[]"])
    return {str(message_from_bytes(part[b"BODY[]"])["Subject"]): uid for uid, part in fetched.items()}


class CourierServer:
    def __init__(self, server: Courier, relays: dict[str, Relay]) -> None:
        self._server = server
        self._relays = relays
        self._numbers = count()

    def box(self, world: World) -> CourierBox:
        [kind] = world.kinds
        address = f"box{next(self._numbers)}@example.test"
        self._server.add(address, PASSWORD)
        made = CourierImapBox if kind == "imap" else CourierBox
        return made(self._server, self._relays[kind], address)


@contextmanager
def start() -> Iterator[CourierServer]:
    with courier({}) as server, relay(server.ports["pop3"]) as pop3, relay(server.ports["imap"]) as imap:
        yield CourierServer(server, {"pop3": pop3, "imap": imap})


COMMON: dict[str, Any] = {
    "start": start,
    "box": CourierServer.box,
    "sends": False,
    "keeps_sent": False,
    "troubles": frozenset(Trouble) - {Trouble.BUSY},
    "is_another": True,
}
ALL = (
    World("imap over Courier", ("imap",), protocol="imap", **COMMON),
    World(
        "pop3 over Courier", ("pop3",), protocol="pop3", moves=False, reads=False, junk=False, forgets=False,
        **COMMON,
    ),
)  # fmt: skip
WORLDS = tuple(world for world in ALL if all(key in all_kinds() for key in world.kinds))
