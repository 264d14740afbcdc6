from collections.abc import Iterator

import pytest

from .stub import Stub, running_stub, token_reply


@pytest.fixture
def stub() -> Iterator[Stub]:
    """A server that issues a token and answers EWS with what the test says."""
    with running_stub() as running:
        running.token_replies = [token_reply()]
        yield running
