"""Kinds that speak mail's own protocols, with a Dovecot and a Postfix: IMAP and POP3, which SMTP sends for."""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest
from imapclient import SEEN, IMAPClient

from placet.mailboxes import pool
from placet.mailboxes.base import Connection
from placet.mailboxes.kinds import all_kinds
from placet.mailboxes.models import Mailbox
from tests.installation import PATIENCE, free_port
from tests.mailboxes.conformance.relay import Relay, relay
from tests.mailboxes.conformance.world import DELETED, INBOX, JUNK, SENT, Trouble, World
from tests.servers.dovecot import Dovecot, dovecot
from tests.servers.postfix import Postfix, postfix

PASSWORD, OTHER = "s3cret %&", "ann@example.test"
MOST_BOXES = 400  # mailboxes, each of one test
MOST_SENT = 200_000  # bytes
CUT_AFTER = 700  # bytes of answers: in the middle of what follows the greeting
FOLDERS = {INBOX: "INBOX", JUNK: "Junk", SENT: "Sent", DELETED: "Trash"}
#: Ports of the servers in `Dovecot.ports` or `Postfix.ports`: with TLS from the first byte, and in clear.
PORTS = {"imap": ("imaps", "imap"), "pop3": ("pop3s", "pop3"), "smtp": ("submissions", "mx")}


Changed = Mapping[str, Mapping[str, Any]]
NOTHING: Changed = {}


class MailServers:
    """Both, and what is between them and Placet where connections are to be cut."""

    def __init__(self, dovecot: Dovecot, postfix: Postfix, relays: Mapping[str, Relay]) -> None:
        self.dovecot = dovecot
        self.postfix = postfix
        self.relays = relays
        self._numbers = count(1)

    def box(self, world: World) -> "MailServerBox":
        return MailServerBox(self, world, f"approvals{next(self._numbers)}@example.test")

    def port(self, protocol: str, *, in_clear: bool = False) -> int:
        name = PORTS[protocol][in_clear]
        return {**self.dovecot.ports, **self.postfix.ports}[name]

    def wait_for_queues(self) -> None:
        """Until Postfix has delivered all that it took."""
        until = time.monotonic() + PATIENCE
        queues = [
            self.postfix.folder / "queue" / name for name in ("maildrop", "incoming", "active", "deferred")
        ]
        while any(path.is_file() for queue in queues for path in queue.rglob("*")):
            assert time.monotonic() < until, self.postfix.log()
            time.sleep(0.02)


class MailServerBox:
    other = OTHER

    def __init__(self, servers: MailServers, world: World, address: str) -> None:
        self._servers = servers
        self._kinds = world.kinds
        self.address = address
        servers.wait_for_queues()
        self._before = len(self._mails(OTHER, "INBOX"))  # of other tests

    # --- as Placet sees it --------------------------------------------------------------------------------

    def connect(self) -> Connection:
        return self._connected()

    def _connected(self, changed: Changed = NOTHING, secret: str = PASSWORD) -> Connection:
        """`changed`: by protocol, other settings than usual, without the protocol in front of their names."""
        settings: dict[str, Any] = {"username": self.address}
        secrets = {}
        for kind in self._kinds:
            usual = {
                "host": "localhost",
                "port": self._servers.port(kind),
                "security": "ssl",
                "sign_in": "password",
            }
            own = {**usual, **changed.get(kind, {})}
            settings |= {f"{kind}_{name}": value for name, value in own.items()}
            secrets[f"{kind}_password"] = secret
        receiving, *sending = self._kinds
        row = Mailbox(kind=receiving, sending_kind="".join(sending), address=self.address, settings=settings)
        row.secrets = secrets
        return pool.connect(row)

    def _cut(self, kind: str) -> dict[str, Any]:
        """Settings with which its connections go through the relay, in clear."""
        sign_in = "none" if kind == "smtp" else "password"
        return {"port": self._servers.relays[kind].port, "security": "none", "sign_in": sign_in}

    @contextmanager
    def troubled(self, trouble: Trouble) -> Iterator[Connection]:
        if trouble is Trouble.WRONG_SECRET:
            yield self._connected(secret="wrong")
        elif trouble is Trouble.AWAY:
            yield self._connected({kind: {"port": free_port()} for kind in self._kinds})
        elif trouble is Trouble.WRONG_HOST:
            yield self._connected({kind: {"host": "mail.nowhere.invalid"} for kind in self._kinds})
        else:
            assert trouble is Trouble.CUT
            relays = [self._servers.relays[kind] for kind in self._kinds]
            for one in relays:
                one.most_answered = CUT_AFTER
            try:
                yield self._connected({kind: self._cut(kind) for kind in self._kinds})
            finally:
                for one in relays:
                    one.most_answered = None

    @contextmanager
    def cut_while_sending(self) -> Iterator[Connection]:
        one = self._servers.relays["smtp"]
        one.last_asked = b"\r\n.\r\n"
        try:
            yield self._connected({"smtp": self._cut("smtp")})
        finally:
            one.last_asked = b""

    # --- as its owner sees it -----------------------------------------------------------------------------

    @contextmanager
    def _opened(self, address: str = "") -> Iterator[IMAPClient]:
        client = IMAPClient("127.0.0.1", self._servers.dovecot.ports["imap"], ssl=False, timeout=PATIENCE)
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
            self._servers.dovecot.deliver(self.address, raw)
            return
        with self._opened() as client:
            client.append("Junk", raw)

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
        with self._opened() as client:
            now = client.folder_status("INBOX", ["UIDVALIDITY"])[b"UIDVALIDITY"]
        for folder in ("INBOX", "Junk"):
            self._servers.dovecot.doveadm(
                "mailbox", "update", "-u", self.address, "--uid-validity", str(now + 1000), folder
            )

    def arrived(self) -> Sequence[bytes]:
        self._servers.wait_for_queues()
        return list(self._mails(OTHER, "INBOX").values())[self._before :]


@contextmanager
def start() -> Iterator[MailServers]:
    users = [OTHER, *(f"approvals{number}@example.test" for number in range(1, MOST_BOXES))]
    with (
        dovecot(dict.fromkeys(users, PASSWORD), cleartext=True) as imap,
        postfix(imap, size=MOST_SENT) as smtp,
        relay(imap.ports["imap"]) as to_imap,
        relay(imap.ports["pop3"]) as to_pop3,
        relay(smtp.ports["mx"]) as to_smtp,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("REQUESTS_CA_BUNDLE", str(imap.authority.certificate))
        assert "REQUESTS_CA_BUNDLE" in os.environ
        yield MailServers(imap, smtp, {"imap": to_imap, "pop3": to_pop3, "smtp": to_smtp})


TROUBLES = frozenset(Trouble) - {Trouble.BUSY}
COMMON: dict[str, Any] = {
    "start": start,
    "box": MailServers.box,
    "copies": False,
    "most_sent": MOST_SENT,
    "troubles": TROUBLES,
}
ALL = (
    World("smtp over Postfix", ("smtp",), receives=False, keeps_sent=False, **COMMON),
    # How IMAP receives is tried in worlds of its own: here it is what SMTP sends for, and keeps its copies.
    World("imap and smtp", ("imap", "smtp"), receives=False, **COMMON),
    World(
        "pop3 and smtp", ("pop3", "smtp"), protocol="pop3",
        moves=False, reads=False, junk=False, forgets=False, keeps_sent=False, **COMMON,
    ),
)  # fmt: skip
WORLDS = tuple(world for world in ALL if all(key in all_kinds() for key in world.kinds))
