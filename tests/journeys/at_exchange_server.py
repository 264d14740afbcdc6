"""An Exchange server of the organisation's own: the sandbox's EWS, behind a door that signs Windows accounts in by
NTLM. No real one was tried."""

import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from placet.mailboxes import store
from placet.mailboxes.models import Mailbox
from tests.journeys.elsewhere import APPROVALS, DOMAIN, SINCE, OwnMailbox
from tests.mailboxes.exchange_server.front import PASSWORD, USER, Front, running_front


class AtExchangeServer(OwnMailbox):
    """See the module. People have their mailboxes on it, as with Exchange Online."""

    front: Front

    def __init__(self) -> None:
        super().__init__(DOMAIN)
        self._open = ExitStack()

    def __enter__(self) -> Self:
        from tests.mailboxes.exchange_server.exchange import exchange_behind

        super().__enter__()
        accounts = Path(self._open.enter_context(tempfile.TemporaryDirectory())) / "accounts"
        domain, name = USER.split("\\")
        accounts.write_text(f"{domain}:{name}:{PASSWORD}\n")
        patch = self._open.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("NTLM_USER_FILE", str(accounts))  # where the door finds those that it knows
        self.front = self._open.enter_context(running_front())
        self.front.behind = exchange_behind(self, APPROVALS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._open.close()
        super().__exit__(kind, value, traceback)

    def connected(self) -> Mailbox:
        from placet.mailboxes.microsoft.server.fields import PASSWORD as FIELD

        return store.save(
            {
                "kind": "exchange-server",
                "exchange_server": self.front.url,
                "exchange_user": USER,
                "username": APPROVALS,
                "active": True,
                "sends_per_minute": 1000,
                "since": SINCE,
            },
            secrets={FIELD: PASSWORD},
            by="a test",
        ).mailbox
