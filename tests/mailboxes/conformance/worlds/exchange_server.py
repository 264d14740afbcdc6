"""An Exchange server of the organisation's own: the sandbox's EWS, behind a door that signs Windows accounts in."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path

from placet.mailboxes.base import Connection
from placet.mailboxes.microsoft.server import attempts
from placet.mailboxes.microsoft.server.connection import connect
from placet.mailboxes.microsoft.server.fields import PASSWORD as FIELD
from placet.mailboxes.microsoft.server.settings import ExchangeServerSettings
from placet.sandbox.server import Sandbox
from tests.mailboxes.conformance.world import Trouble, World
from tests.mailboxes.exchange_server.exchange import exchange_behind
from tests.mailboxes.exchange_server.front import PASSWORD, USER, Front, running_front

from .sandbox import FAULTS, MOST_SENT, SandboxBox

ACCOUNTS = "NTLM_USER_FILE"  # where the door finds those that it knows


class ServerBox(SandboxBox):
    """The account opens each mailbox in its owner's name."""

    def __init__(self, sandbox: Sandbox, front: Front, number: int) -> None:
        super().__init__(sandbox, "ews", number)
        self._front = front

    def connect(self, secret: str = "", **more: object) -> Connection:
        entered = {
            "username": self.address,
            "exchange_server": f"http://127.0.0.1:{self._front.port}",
            "exchange_user": USER,
            "exchange_opening": "impersonation",
            **more,
        }
        settings = ExchangeServerSettings.parse(entered)[0]
        return connect(settings, {FIELD: secret or PASSWORD}, key=self.address)

    @contextmanager
    def troubled(self, trouble: Trouble) -> Iterator[Connection]:
        if trouble is Trouble.AWAY:
            yield self.connect(exchange_server="http://127.0.0.1:9")
        elif trouble is Trouble.WRONG_HOST:
            yield self.connect(exchange_server="https://mail.nowhere.invalid")
        elif trouble in FAULTS:
            with super().troubled(trouble) as connection:
                yield connection
        else:
            attempts.ATTEMPTS.forget(self._front.host, USER.lower(), "wrong")
            yield self.connect("wrong")


class ExchangeServer:
    def __init__(self, sandbox: Sandbox, front: Front) -> None:
        self._sandbox = sandbox
        self._front = front
        self._numbers = count(1)
        sandbox.add_mailbox("ann", "Ann Approver")

    def box(self) -> ServerBox:
        return ServerBox(self._sandbox, self._front, next(self._numbers))


@contextmanager
def _start() -> Iterator[ExchangeServer]:
    domain, name = USER.split("\\")
    with tempfile.TemporaryDirectory() as folder, Sandbox() as sandbox, running_front() as front:
        accounts = Path(folder) / "accounts"
        accounts.write_text(f"{domain}:{name}:{PASSWORD}\n")
        before = os.environ.get(ACCOUNTS)
        os.environ[ACCOUNTS] = str(accounts)
        sandbox.switches.max_message_bytes = MOST_SENT
        front.behind = exchange_behind(sandbox)
        try:
            yield ExchangeServer(sandbox, front)
        finally:
            if before is None:
                del os.environ[ACCOUNTS]
            else:
                os.environ[ACCOUNTS] = before


def start() -> AbstractContextManager[ExchangeServer]:
    return _start()


WORLDS = (World("exchange server with NTLM", ("exchange-server",), start, most_sent=MOST_SENT),)
