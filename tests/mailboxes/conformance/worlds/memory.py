"""The mailbox in memory, which stands for one in tests of everything else."""

import email
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

from placet.mailboxes.base import Connection, FixNeeded, Folder, Wait
from placet.mailboxes.memory import MemoryMailbox
from tests.mailboxes.conformance.world import DELETED, INBOX, JUNK, SENT, Trouble, World


def subject_of(raw: bytes) -> str:
    return str(email.message_from_bytes(raw)["Subject"])


class MemoryBox:
    address = "approvals@example.com"
    other = "ann@example.com"

    def __init__(self) -> None:
        self._mailbox = MemoryMailbox(address=self.address)

    def connect(self) -> Connection:
        return self._mailbox.connect()

    def deliver(self, raw: bytes, *, junk: bool = False) -> None:
        self._mailbox.deliver(raw, folder=Folder.JUNK if junk else Folder.INBOX)

    def subjects(self, folder: str) -> Sequence[str]:
        box = self._mailbox
        if folder == SENT:
            return [subject_of(sent.raw) for sent in box.sent]
        if folder in (INBOX, JUNK):
            return [subject_of(mail.raw) for mail in box._present.values() if mail.folder == folder]
        ids = box.folders.get("Deleted Items" if folder == DELETED else folder, [])
        return [subject_of(mail.raw) for mail in box._log if mail.server_id in ids]

    def _id(self, subject: str) -> str:
        return next(mail.server_id for mail in self._mailbox._log if subject_of(mail.raw) == subject)

    def is_read(self, subject: str) -> bool:
        return self._id(subject) in self._mailbox.read

    def remove(self, subject: str) -> None:
        del self._mailbox._present[self._id(subject)]

    def bring_back(self, subject: str, folder: str) -> None:
        self._mailbox.folders[folder].remove(self._id(subject))
        self._mailbox.show_again(self._id(subject))

    def remove_folder(self, folder: str) -> None:
        del self._mailbox.folders[folder]

    def forget(self) -> None:
        self._mailbox.lose_cursor()

    def arrived(self) -> Sequence[bytes]:
        return [sent.raw for sent in self._mailbox.sent]

    @contextmanager
    def troubled(self, trouble: Trouble) -> Iterator[Connection]:
        errors = {
            Trouble.BUSY: Wait("The server is busy.", "Placet tries again by itself.", 3),
            Trouble.WRONG_SECRET: FixNeeded("The secret is wrong.", "Enter another one."),
        }
        errors[Trouble.WRONG_SECRET].not_done = True
        self._mailbox.failures = {operation: [errors[trouble]] for operation in ("changes", "send")}
        yield self.connect()
        self._mailbox.failures.clear()

    @contextmanager
    def cut_while_sending(self) -> Iterator[Connection]:
        self._mailbox.cut_after_send = True
        yield self.connect()
        self._mailbox.cut_after_send = False


class Memory:
    def box(self) -> MemoryBox:
        return MemoryBox()


def start() -> AbstractContextManager[Memory]:
    return nullcontext(Memory())


WORLDS = (
    World(
        "memory",
        (),
        start,
        checks=False,
        locks=False,
        troubles=frozenset({Trouble.BUSY, Trouble.WRONG_SECRET}),
    ),
)
