"""`placet mailbox discover`, with a name service and a web server of our own."""

from collections.abc import Iterator

import pytest

from placet.mailboxes.discovery import lookup
from placet.mailboxes.models import Mailbox
from tests.commands.conftest import Run
from tests.mailboxes.internet import Internet, internet


@pytest.fixture
def world(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Internet]:
    with internet(tmp_path_factory.mktemp("internet")) as world:
        monkeypatch.setattr(lookup, "Network", world.network)
        yield world


def test_what_is_known_of_an_address_is_shown_with_who_says_so(placet: Run, world: Internet) -> None:
    world.records["corp.test", "MX"] = ["10 mx1.mail.ovh.net."]
    shown = placet("mailbox", "discover", "approvals@corp.test", "--questions")
    assert shown.code == 0, shown.error
    assert "corp.test: OVHcloud" in shown.out
    assert (
        "imap: ssl0.ovh.net:993, ssl, user approvals@corp.test\n    Placet’s list of providers: OVHcloud"
        in shown.out
    )
    assert "User and password" in shown.out
    assert "  MX corp.test: mx1.mail.ovh.net" in shown.out
    assert not Mailbox.objects.exists()
    nothing = placet("mailbox", "discover", "approvals@nowhere.test")
    assert nothing.code == 1
    assert "knows no domain nowhere.test" in nothing.out
    assert "is no address of a mailbox" in placet("mailbox", "discover", "approvals").error
