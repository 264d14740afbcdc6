from collections.abc import Iterator

import pytest

from placet.sandbox.server import Sandbox

from .stub import Stub, running_stub, token_reply


@pytest.fixture
def stub() -> Iterator[Stub]:
    """A server that issues a token and answers EWS with what the test says."""
    with running_stub() as running:
        running.token_replies = [token_reply()]
        yield running


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A local Exchange Online with our mailbox and that of somebody who is asked."""
    with Sandbox() as running:
        running.add_mailbox("approvals", "Approvals")
        running.add_mailbox("ann", "Ann Approver")
        yield running
