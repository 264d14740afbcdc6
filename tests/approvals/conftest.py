import pytest

from placet.mailboxes.models import Mailbox
from tests.making import make_mailbox


@pytest.fixture
def mailbox(db: None) -> Mailbox:
    return make_mailbox()
