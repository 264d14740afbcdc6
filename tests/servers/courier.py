"""Courier's POP3 and IMAP servers, while a test runs, out of Debian's packages (`tools.unpacked`): ones that we did not
write.

    with courier({"approvals@example.test": "its password"}) as server:
        server.deliver("approvals@example.test", raw)

Courier asks a daemon at a fixed place of the machine who may sign in, so that part is ours: user and password are taken
here, in clear, on loopback and on free ports; what is behind it, from the answer to the sign-in on, is Courier, with
the settings that Debian gives it.

By IMAP a folder is called `INBOX.Name`; there is none but Inbox until somebody makes one.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from tests.installation import PATIENCE
from tools.unpacked import environment

from .unpacked_servers import unpacked
from .unprivileged import give, ordinary_user, running_as

CAPABILITY = "IMAP4rev1 UIDPLUS CHILDREN NAMESPACE THREAD=ORDEREDSUBJECT THREAD=REFERENCES SORT QUOTA IDLE"
#: As Debian has them in /etc/courier/imapd, but for the sharing of folders between users, of which there is none.
SETTINGS = {
    "IMAP_CAPABILITY": CAPABILITY,
    "IMAP_KEYWORDS": "1",
    "IMAP_ACL": "1",
    "IMAP_IDLE_TIMEOUT": "60",
    "IMAP_MAILBOX_SANITY_CHECK": "1",
    "IMAP_DISABLETHREADSORT": "0",
    "IMAP_CHECK_ALL_FOLDERS": "0",
    "IMAP_OBSOLETE_CLIENT": "0",
    "IMAP_UMASK": "022",
    "IMAP_USELOCKS": "1",
    "IMAP_TRASHFOLDERNAME": "Trash",
    "IMAP_EMPTYTRASH": "Trash:7",
    "IMAP_MOVE_EXPUNGE_TO_TRASH": "0",
}
PROGRAMS = {"pop3": "usr/lib/courier/courier/courierpop3d", "imap": "usr/bin/imapd"}
_WORDS = re.compile(rb'"((?:[^"\\]|\\.)*)"|([^ "]+)')


@dataclass
class Courier:
    folder: Path
    installed: Path
    users: dict[str, str]  # passwords by address
    user: str  # of the system, that its servers run as
    ports: dict[str, int] = field(default_factory=dict)  # pop3, imap
    more: Mapping[str, str] = field(default_factory=dict)  # settings that are others
    _numbers: Iterator[int] = field(default_factory=count)
    _sessions: "set[subprocess.Popen[bytes]]" = field(default_factory=set)
    _ended: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, address: str, password: str) -> None:
        """One more user."""
        for part in ("cur", "new", "tmp"):
            (self.maildir(address) / part).mkdir(parents=True)
        give(self.folder / address, self.user)
        self.users[address] = password

    def maildir(self, address: str) -> Path:
        return self.folder / address / "Maildir"

    def deliver(
        self, address: str, raw: bytes, sender: str = "somebody@example.org", *, named: float | None = None
    ) -> None:
        """One mail, as a program that delivers to a Maildir does it: with Return-Path and a Received line, and LF alone
        at the end of lines. `named`: the time in the name of its file, in the order of which Courier numbers mails; now
        where it is not said."""
        stamp = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime())
        name = f"{time.time() if named is None else named:.6f}.{next(self._numbers)}.mail"
        written = self.maildir(address) / "tmp" / name
        head = f"Return-Path: <{sender}>\r\nReceived: by mail.example.test; {stamp}\r\n".encode()
        written.write_bytes((head + raw).replace(b"\r\n", b"\n"))
        give(written.parent, self.user)
        written.rename(self.maildir(address) / "new" / name)

    def serve(self, connection: socket.socket, address: str, protocol: str, tag: str = "") -> None:
        """The server of one session, to its end. `tag`: of the command that signed in by IMAP."""
        place = {"TCPREMOTEIP": "127.0.0.1", "TCPREMOTEPORT": "1", "TCPLOCALPORT": "1"}
        who = {"AUTHENTICATED": address, "AUTHADDR": address, "HOME": str(self.folder / address)}
        how = {"PROTOCOL": protocol.upper(), "IMAPLOGINTAG": tag, **SETTINGS, **self.more}
        with (self.folder / "log").open("ab") as log, self._lock:
            if self._ended:
                return
            session = subprocess.Popen(
                [self.installed / PROGRAMS[protocol], "Maildir"],
                stdin=connection.fileno(), stdout=connection.fileno(), stderr=log, cwd=self.folder / address,
                env=environment(self.installed) | place | who | how, start_new_session=True,
                **running_as(self.user),
            )  # fmt: skip
            self._sessions.add(session)
        session.wait()
        with self._lock:
            self._sessions.discard(session)

    def sessions(self) -> list[int]:
        """Their processes."""
        with self._lock:
            return [session.pid for session in self._sessions if session.poll() is None]

    def end(self) -> None:
        """Every session, and what it has started."""
        with self._lock:
            self._ended = True
            sessions = list(self._sessions)
        for session in sessions:
            with suppress(ProcessLookupError):
                os.killpg(session.pid, signal.SIGTERM)
        for session in sessions:
            session.wait(PATIENCE)


@contextmanager
def courier(users: Mapping[str, str], **more: str) -> Iterator[Courier]:
    """`users`: passwords by address. `more`: settings of its own."""
    installed = unpacked("courier")
    folder = Path(tempfile.mkdtemp(prefix="courier-"))
    server = Courier(folder, installed, {}, ordinary_user(), more=more)
    try:
        give(folder, server.user)
        for address, password in users.items():
            server.add(address, password)
        with ExitStack() as listening:
            for protocol, sign_in in SIGN_INS.items():
                server.ports[protocol] = listening.enter_context(_listening(server, sign_in))
            try:
                yield server
            finally:
                server.end()
    finally:
        shutil.rmtree(folder)


SignIn = Callable[[Courier, socket.socket], None]


@contextmanager
def _listening(server: Courier, sign_in: SignIn) -> Iterator[int]:
    """The port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=_serve, args=[listening, server, sign_in], daemon=True)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            thread.join(PATIENCE)


def _serve(listening: socket.socket, server: Courier, sign_in: SignIn) -> None:
    while True:
        try:
            connection, _address = listening.accept()
        except OSError:
            return  # closed
        threading.Thread(target=_answer, args=[server, connection, sign_in], daemon=True).start()


def _answer(server: Courier, connection: socket.socket, sign_in: SignIn) -> None:
    with connection, suppress(OSError):
        connection.settimeout(PATIENCE)
        sign_in(server, connection)


def _sign_in_by_pop3(server: Courier, connection: socket.socket) -> None:
    """What is said before a session has a user, with the words of Courier's own login."""
    connection.sendall(b"+OK Hello there.\r\n")
    user = ""
    for line in _lines(connection):
        command, _blank, argument = line.decode().partition(" ")
        if command.upper() == "CAPA":
            connection.sendall(b"+OK Here's what I can do:\r\nTOP\r\nUSER\r\nUIDL\r\nPIPELINING\r\n.\r\n")
        elif command.upper() == "USER":
            user = argument
            connection.sendall(b"+OK Password required.\r\n")
        elif command.upper() == "PASS" and server.users.get(user) == argument:
            connection.settimeout(None)  # whoever takes it over waits by itself
            server.serve(connection, user, "pop3")
            return
        elif command.upper() == "QUIT":
            connection.sendall(b"+OK Better luck next time.\r\n")
            return
        else:
            connection.sendall(b"-ERR Login failed.\r\n")


def _sign_in_by_imap(server: Courier, connection: socket.socket) -> None:
    """The same by IMAP. Of strings, those in quotes alone."""
    offered = f"CAPABILITY {CAPABILITY} ACL ACL2=UNION".encode()
    connection.sendall(b"* OK [%s] Courier-IMAP ready.\r\n" % offered)
    for line in _lines(connection):
        tag, command, *arguments = _words(line)
        if command.upper() == b"CAPABILITY":
            connection.sendall(b"* %s\r\n%s OK CAPABILITY completed\r\n" % (offered, tag))
        elif command.upper() == b"LOGIN" and _knows(server, arguments):
            connection.settimeout(None)
            server.serve(connection, arguments[0].decode(), "imap", tag.decode())
            return
        elif command.upper() == b"LOGOUT":
            connection.sendall(b"* BYE Courier-IMAP server shutting down\r\n%s OK LOGOUT completed\r\n" % tag)
            return
        elif command.upper() == b"NOOP":
            connection.sendall(b"%s OK NOOP completed\r\n" % tag)
        else:
            connection.sendall(b"%s NO Login failed.\r\n" % tag)


SIGN_INS: Mapping[str, SignIn] = {"pop3": _sign_in_by_pop3, "imap": _sign_in_by_imap}


def _knows(server: Courier, arguments: Sequence[bytes]) -> bool:
    match arguments:
        case [user, password]:
            return server.users.get(user.decode()) == password.decode()
    return False


def _lines(connection: socket.socket) -> Iterator[bytes]:
    """Read a byte at a time: what follows the sign-in is for whoever takes the connection over."""
    with connection.makefile("rb", buffering=0) as said:
        while line := said.readline():
            yield line.rstrip(b"\r\n")


def _words(line: bytes) -> list[bytes]:
    return [re.sub(rb"\\(.)", rb"\1", quoted) if quoted else bare for quoted, bare in _WORDS.findall(line)]
