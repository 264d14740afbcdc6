"""What the conformance suite asks of a server, so that what `mailboxes/base.py` promises is tried on each kind.

A kind adds a module to `worlds/` with `WORLDS`: each a `World`, which says of which kind (and protocol) it is, what its
server can do, and how it is started. It is started once for all tests of a process; each test has a `Box` of its own,
an empty mailbox on it, and looks into it past Placet, as its owner would. `test_worlds.py` names a kind that has none.
"""

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from types import ModuleType
from typing import Any, Protocol

from placet.mailboxes.base import Connection
from placet.mailboxes.kinds import all_kinds

from . import worlds

#: Folders that every world calls so; any other is a path such as "Placet/Processed".
INBOX, JUNK, SENT, DELETED = "inbox", "junk", "sent", "deleted"


class Trouble(StrEnum):
    """What may be wrong with a server, or with what Placet knows of it."""

    AWAY = "away"  # nobody listens
    BUSY = "busy"  # it asks for patience
    CUT = "cut"  # it ends the connection in the middle of an answer
    WRONG_SECRET = "wrong secret"
    WRONG_HOST = "wrong host"  # its name does not exist


class Box(Protocol):
    """One mailbox on the server, and somebody else who gets mail there."""

    address: str
    other: str  # address of somebody whose mail `arrived` shows

    def connect(self) -> Connection:
        """A new connection, as Placet makes it."""

    def deliver(self, raw: bytes, *, junk: bool = False) -> None:
        """Let a mail arrive. What the server puts in front of it is its own matter."""

    def subjects(self, folder: str) -> Sequence[str]:
        """Of the mails in a folder, in any order; of one that is not there, none."""

    def is_read(self, subject: str) -> bool:
        """Of a mail in Inbox, as its owner sees it."""

    def remove(self, subject: str) -> None:
        """Delete a mail of Inbox for good, as its owner may."""

    def bring_back(self, subject: str, folder: str) -> None:
        """Drag a mail from a folder to Inbox."""

    def remove_folder(self, folder: str) -> None:
        """Delete a folder with all that it holds."""

    def forget(self) -> None:
        """Let the server know none of the positions that it gave out."""

    def arrived(self) -> Sequence[bytes]:
        """The mails that `other` has got."""

    def troubled(self, trouble: Trouble) -> AbstractContextManager[Connection]:
        """A connection that meets this trouble until the end of the block."""

    def cut_while_sending(self) -> AbstractContextManager[Connection]:
        """A connection whose next mail goes out and whose answer is lost."""


class Server(Protocol):
    """A server that runs."""

    def box(self) -> Box:
        """A new, empty mailbox."""


def _of_its_own(server: Any, world: "World") -> Box:
    box: Box = server.box()
    return box


@dataclass(frozen=True)
class World:
    """One kind of mailbox, by one protocol, over one server."""

    name: str  # such as "imap over Dovecot"
    kinds: tuple[str, ...]  # keys of the registry: one, or of what receives and of what sends; none in memory
    start: Callable[
        [], AbstractContextManager[Any]
    ]  # a Server; worlds that have the same one share it, and have `box`
    box: Callable[[Any, "World"], Box] = _of_its_own
    protocol: str = ""  # where a kind has several
    receives: bool = True
    sends: bool = True
    moves: bool = (
        True  # mails go to folders; else what is to be moved stays where it is, and what is deleted is gone
    )
    reads: bool = True  # mails are marked read
    junk: bool = True  # takes mail from a second folder, too
    forgets: bool = True  # may lose the positions that it gave out
    keeps_sent: bool = True  # what was sent can be looked for
    copies: bool = (
        True  # the server itself keeps a copy of what it sends: of a send that was cut off it can be told
    )
    most_sent: int = 0  # bytes of a mail that it refuses to send; 0: has no limit here
    checks: bool = True  # its check sends a mail to itself
    locks: bool = True  # its secret is a password: a server that refuses it often enough locks the account
    troubles: frozenset[Trouble] = frozenset(Trouble)
    is_another: bool = (
        False  # one more server of a kind that is tried elsewhere: a test sees one of these (--whole: all)
    )

    def __str__(self) -> str:
        return self.name


@cache
def every_world() -> tuple[World, ...]:
    """In the order of their names."""
    there = all_kinds().keys()
    of_modules = (world for module in _modules() for world in module.WORLDS)
    return tuple(sorted((world for world in of_modules if there >= {*world.kinds}), key=str))


def _modules() -> Iterator[ModuleType]:
    """But for those of a kind whose folder is gone."""
    for found in pkgutil.iter_modules(worlds.__path__):
        try:
            yield importlib.import_module(f"{worlds.__name__}.{found.name}")
        except ModuleNotFoundError as error:
            if not re.fullmatch(r"placet\.mailboxes\.[a-z0-9]+", error.name or ""):
                raise
