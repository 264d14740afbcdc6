from collections.abc import Iterator

import pytest

from placet.sandbox import Sandbox


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        running.add_mailbox("approvals", "Approvals")
        running.add_mailbox("ann", "Ann Approver")
        running.add_mailbox("bob", "Bob Boss")
        yield running
