"""Exchange Online, by the sandbox: through Microsoft Graph and through Exchange Web Services."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count

from placet.mailboxes.base import Connection
from placet.sandbox.server import Sandbox
from tests.mailboxes import sandboxed
from tests.mailboxes.conformance.world import DELETED, INBOX, JUNK, SENT, Trouble, World

FOLDERS = {INBOX: "inbox", JUNK: "junkemail", SENT: "sentitems", DELETED: "deleteditems"}
FAULTS = {Trouble.BUSY: "throttled", Trouble.CUT: "half_answer"}


class SandboxBox:
    other = "ann@contoso.example"

    def __init__(self, sandbox: Sandbox, protocol: str, number: int) -> None:
        self._sandbox = sandbox
        self._protocol = protocol
        self.address = sandbox.add_mailbox(f"approvals{number}").address
        self._before = len(sandbox.mails(self.other))  # of other tests

    def connect(self, secret: str = "", **more: object) -> Connection:
        return sandboxed.opened(self._sandbox, self._protocol, secret, username=self.address, **more)

    def deliver(self, raw: bytes, *, junk: bool = False) -> None:
        self._sandbox.place(self.address, raw, folder=FOLDERS[JUNK if junk else INBOX])

    def subjects(self, folder: str) -> Sequence[str]:
        path = FOLDERS.get(folder, folder)
        there = {entry["path"] for entry in self._sandbox.folders(self.address)}
        if folder not in FOLDERS and path not in there:
            return []
        return [mail.subject for mail in self._sandbox.mails(self.address, path)]

    def is_read(self, subject: str) -> bool:
        return next(mail.is_read for mail in self._sandbox.mails(self.address) if mail.subject == subject)

    def remove(self, subject: str) -> None:
        for folder in (INBOX, DELETED):  # from there for good
            for mail in self._sandbox.mails(self.address, FOLDERS[folder]):
                if mail.subject == subject:
                    self._sandbox.delete(self.address, mail.id)

    def bring_back(self, subject: str, folder: str) -> None:
        [mail] = [mail for mail in self._sandbox.mails(self.address, folder) if mail.subject == subject]
        self._sandbox.move(self.address, mail.id, FOLDERS[INBOX])

    def remove_folder(self, folder: str) -> None:
        box = self._sandbox.mailbox(self.address)
        [gone] = [entry for entry in box.folders.values() if entry.name == folder.rpartition("/")[2]]
        assert gone.parent is not None
        gone.parent.children.remove(gone)
        del box.folders[gone.id]

    def forget(self) -> None:
        self._sandbox.lose_sync_states()

    def arrived(self) -> Sequence[bytes]:
        return [mail.mime for mail in self._sandbox.mails(self.other)[self._before :]]

    @contextmanager
    def troubled(self, trouble: Trouble) -> Iterator[Connection]:
        if trouble is Trouble.WRONG_SECRET:
            yield self.connect("wrong")
        elif trouble is Trouble.AWAY:
            yield self.connect(server_address="http://127.0.0.1:9")
        elif trouble is Trouble.WRONG_HOST:
            yield self.connect(server_address="https://mail.nowhere.invalid")
        else:
            connection = self.connect()
            self._sandbox.faults.set(FAULTS[trouble], count=1, retry_after="2")
            yield connection
            self._sandbox.faults.clear()

    @contextmanager
    def cut_while_sending(self) -> Iterator[Connection]:
        connection = self.connect()
        self._sandbox.faults.set("cut_after", count=1, operations=["CreateItem"])
        yield connection
        self._sandbox.faults.clear()


class SandboxServer:
    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._numbers = count(1)
        sandbox.add_mailbox("ann", "Ann Approver")

    def box(self, world: World) -> SandboxBox:
        return SandboxBox(self._sandbox, world.protocol, next(self._numbers))


@contextmanager
def start() -> Iterator[SandboxServer]:
    with Sandbox() as sandbox:
        sandbox.switches.max_message_bytes = MOST_SENT
        yield SandboxServer(sandbox)


MOST_SENT = 3_500_000  # bytes
WORLDS = tuple(
    World(
        f"{protocol} over the sandbox",
        ("exchange-online",),
        start,
        SandboxServer.box,
        protocol=protocol,
        most_sent=MOST_SENT,
        locks=False,
    )
    for protocol in ("graph", "ews")
)
