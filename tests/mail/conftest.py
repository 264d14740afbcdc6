"""A mailbox row whose connection is a mailbox in memory, in every thread."""

import pytest

from placet.mailboxes import pool
from placet.mailboxes.memory import MemoryMailbox
from placet.mailboxes.models import Mailbox
from tests.making import make_mailbox


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> MemoryMailbox:
    """What the server holds; every connection that is opened leads there."""
    server = MemoryMailbox()
    monkeypatch.setattr(pool, "connect", lambda mailbox: server.connect())
    return server


@pytest.fixture
def mailbox(db: None, server: MemoryMailbox) -> Mailbox:
    mailbox = make_mailbox()
    pool.drop(mailbox)  # another test's row may have had the same id
    return mailbox
