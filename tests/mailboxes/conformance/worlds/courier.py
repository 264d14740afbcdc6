"""POP3 over a Courier, whose Maildir is looked into past Placet."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from placet.mailboxes import pool
from placet.mailboxes.base import Connection
from placet.mailboxes.kinds import all_kinds
from placet.mailboxes.models import Mailbox
from tests.installation import free_port
from tests.mailboxes.conformance.relay import Relay, relay
from tests.mailboxes.conformance.world import INBOX, Trouble, World
from tests.servers.courier import Courier, courier

PASSWORD = "s3cret %&"
MOST_BOXES = 200  # mailboxes, each of one test
CUT_AFTER = 30  # bytes of answers: in the middle of what follows the greeting


class CourierBox:
    other = "ann@example.test"

    def __init__(self, server: Courier, cut: Relay, address: str) -> None:
        self._server = server
        self._cut = cut
        self.address = address

    def connect(self) -> Connection:
        return self._connected()

    def _connected(self, secret: str = PASSWORD, **changed: Any) -> Connection:
        usual = {"host": "127.0.0.1", "port": self._server.ports["pop3"], "security": "none"}
        settings = {f"pop3_{name}": value for name, value in {**usual, **changed}.items()}
        row = Mailbox(kind="pop3", address=self.address, settings={**settings, "username": self.address})
        row.secrets = {"pop3_password": secret}
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
            self._cut.most_answered = CUT_AFTER
            try:
                yield self._connected(port=self._cut.port)
            finally:
                self._cut.most_answered = None

    def cut_while_sending(self) -> AbstractContextManager[Connection]:
        raise NotImplementedError("it only receives")


class CourierServer:
    def __init__(self, server: Courier, cut: Relay) -> None:
        self._server = server
        self._cut = cut
        self._numbers = count()

    def box(self) -> CourierBox:
        return CourierBox(self._server, self._cut, f"box{next(self._numbers)}@example.test")


@contextmanager
def start() -> Iterator[CourierServer]:
    users = {f"box{number}@example.test": PASSWORD for number in range(MOST_BOXES)}
    with courier(users) as server, relay(server.ports["pop3"]) as cut:
        yield CourierServer(server, cut)


ALL = (
    World(
        "pop3 over Courier", ("pop3",), start, protocol="pop3", sends=False, keeps_sent=False, moves=False,
        reads=False, junk=False, forgets=False, troubles=frozenset(Trouble) - {Trouble.BUSY}, is_another=True,
    ),
)  # fmt: skip
WORLDS = tuple(world for world in ALL if all(key in all_kinds() for key in world.kinds))
