"""IMAP over a Dovecot: one with all extensions, and one with those of twenty years ago."""

import email
import select
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from itertools import count
from typing import cast

from imapclient import IMAPClient

from placet.mailboxes.base import Connection
from placet.mailboxes.imap.connection import connect
from placet.mailboxes.imap.settings import ImapSettings
from tests.mailboxes.conformance.world import DELETED, INBOX, JUNK, SENT, Box, Trouble, World
from tests.mailboxes.talking import Peer, talker
from tests.servers.dovecot import Dovecot, dovecot

PASSWORD = "correct-horse"
MOST_BOXES = 200
#: What the plainer one does not offer.
HIDDEN = ("MOVE", "CONDSTORE", "QRESYNC", "SPECIAL-USE", "LITERAL+", "SASL-IR", "IDLE", "ESEARCH")
NAMES = {INBOX: "INBOX", JUNK: "Junk", SENT: "Sent", DELETED: "Trash"}


class DovecotBox:
    other = "ann@example.test"

    def __init__(self, server: Dovecot, address: str, separator: str, prefix: str, stack: ExitStack) -> None:
        self.address = address
        self._stack = stack
        self._server = server
        self._separator, self._prefix = separator, prefix

    def connect(self, **changed: object) -> Connection:
        """In the clear on loopback: how TLS begins is tried elsewhere, and no private address is named here."""
        secret = str(changed.pop("password", PASSWORD))
        values: dict[str, object] = {
            "username": self.address,
            "imap_host": "127.0.0.1",
            "imap_port": self._server.ports["imap"],
            "imap_security": "none",
        }
        settings, _ = ImapSettings.parse({**values, **changed})
        # It only receives: what asks it to send is asked of other worlds.
        return cast(Connection, connect(settings, {"imap_password": secret}, key=self.address))

    def deliver(self, raw: bytes, *, junk: bool = False) -> None:
        if junk:
            with self._program() as program:
                program.append(
                    self._name(JUNK), b"Received: by example.test; Tue, 1 Dec 2026 10:00:00 +0000\r\n" + raw
                )
        else:
            self._server.deliver(self.address, raw)

    @contextmanager
    def _program(self) -> Iterator[IMAPClient]:
        trusting = ssl.create_default_context(cafile=str(self._server.authority.certificate))
        with IMAPClient("localhost", self._server.ports["imaps"], ssl_context=trusting) as program:
            program.login(self.address, PASSWORD)
            yield program

    def _name(self, folder: str) -> str:
        if folder == INBOX:
            return "INBOX"
        return self._prefix + NAMES.get(folder, folder).replace("/", self._separator)

    def _mails(self, program: IMAPClient, folder: str) -> dict[str, int]:
        """UIDs by subject."""
        name = self._name(folder)
        if not program.folder_exists(name):
            return {}
        program.select_folder(name)
        fetched = program.fetch(program.search(), ["RFC822"])
        return {
            str(email.message_from_bytes(values[b"RFC822"])["Subject"]): uid
            for uid, values in fetched.items()
        }

    def subjects(self, folder: str) -> Sequence[str]:
        with self._program() as program:
            return list(self._mails(program, folder))

    def is_read(self, subject: str) -> bool:
        with self._program() as program:
            program.select_folder("INBOX")
            [uid] = program.search(["SUBJECT", subject])
            return b"\\Seen" in program.get_flags([uid])[uid]

    def remove(self, subject: str) -> None:
        with self._program() as program:
            uid = self._mails(program, INBOX)[subject]
            program.delete_messages([uid])
            program.uid_expunge([uid])

    def bring_back(self, subject: str, folder: str) -> None:
        with self._program() as program:
            uid = self._mails(program, folder)[subject]
            program.copy([uid], "INBOX")
            program.delete_messages([uid])
            program.uid_expunge([uid])

    def remove_folder(self, folder: str) -> None:
        with self._program() as program:
            program.delete_folder(self._name(folder))

    def forget(self) -> None:
        self._server.doveadm(
            "mailbox", "update", "--uid-validity", str(next(_validities)), "-u", self.address, "INBOX"
        )

    def arrived(self) -> Sequence[bytes]:
        raise NotImplementedError("it only receives")

    @contextmanager
    def troubled(self, trouble: Trouble) -> Iterator[Connection]:
        if trouble is Trouble.WRONG_SECRET:
            yield self.connect(password="wrong-horse")
        elif trouble is Trouble.WRONG_HOST:
            yield self.connect(imap_host="no-such-host.invalid", imap_security="ssl")
        elif trouble is Trouble.AWAY:
            with socket.socket() as nobody:
                nobody.bind(("127.0.0.1", 0))
                yield self.connect(imap_port=nobody.getsockname()[1])
        elif trouble is Trouble.BUSY:
            with talker(lambda peer: peer.say("* BYE [UNAVAILABLE] Too many connections")) as busy:
                yield self.connect(imap_port=busy.port)
        else:
            # It stands in between until the end: whoever keeps the connection comes again.
            yield self.connect(imap_port=self._stack.enter_context(talker(self._cut, self._passed_on)).port)

    def _cut(self, peer: Peer) -> None:
        peer.say("* OK ready")
        peer.hear()
        peer.say_raw(b"* CAPABILITY IMAP4rev1 AUTH")
        peer.cut()

    def _passed_on(self, peer: Peer) -> None:
        """What is said from now on, to the server and back."""
        with socket.create_connection(("127.0.0.1", self._server.ports["imap"])) as server:
            to = {peer.connection: server, server: peer.connection}
            while True:
                for one in select.select(list(to), [], [])[0]:
                    if not (said := one.recv(65536)):
                        peer.cut()
                        return
                    to[one].sendall(said)

    def cut_while_sending(self) -> AbstractContextManager[Connection]:
        raise NotImplementedError("it only receives")


_validities = count(2_000_000_000)


class DovecotServer:
    def __init__(self, server: Dovecot, separator: str, prefix: str, stack: ExitStack) -> None:
        self._server = server
        self._stack = stack
        self._separator, self._prefix = separator, prefix
        self._numbers = count()

    def box(self) -> Box:
        address = f"box{next(self._numbers)}@example.test"
        return DovecotBox(self._server, address, self._separator, self._prefix, self._stack)


@contextmanager
def start(separator: str = "/", prefix: str = "", hidden: Sequence[str] = ()) -> Iterator[DovecotServer]:
    users = {f"box{number}@example.test": PASSWORD for number in range(MOST_BOXES)}
    more = "imap_capability {\n" + "".join(f"  {name} = no\n" for name in hidden) + "}\n"
    with (
        dovecot(users, cleartext=True, separator=separator, prefix=prefix, more=more) as server,
        ExitStack() as stack,
    ):
        yield DovecotServer(server, separator, prefix, stack)


WORLDS = (
    World("imap over Dovecot", ("imap",), start, protocol="imap", sends=False, keeps_sent=False),
    World(
        "imap without extensions",
        ("imap",),
        partial(start, ".", "INBOX.", HIDDEN),
        protocol="imap",
        sends=False,
        keeps_sent=False,
    ),
)
