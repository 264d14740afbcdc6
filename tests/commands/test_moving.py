"""`placet mailbox move`, and what `placet audit verify` says of it, against a sandbox over HTTP."""

import io
from collections.abc import Iterator

import pytest

from placet.audit.models import AuditEntry
from placet.mailboxes import pool, store
from placet.mailboxes.models import Mailbox
from placet.sandbox.server import Sandbox
from tests.commands.conftest import Run

ADDRESS = "approvals@contoso.example"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox("contoso.example") as sandbox:
        sandbox.add_mailbox("approvals")
        yield sandbox


@pytest.fixture
def mailbox(sandbox: Sandbox, db: None) -> Iterator[Mailbox]:
    entered = {
        "protocol": "ews",
        "server_address": sandbox.url,
        "username": ADDRESS,
        "client_id": sandbox.client_id,
        "token_uri": sandbox.token_url,
    }
    mailbox = store.save(entered, secrets={"client_secret": sandbox.client_secret}, by="a test").mailbox
    yield mailbox
    pool.drop(mailbox)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def protocol() -> str:
    return Mailbox.objects.get().protocol


def test_it_is_checked_and_moved(placet: Run, mailbox: Mailbox) -> None:
    ran = placet("mailbox", "move", "--yes")
    assert ran.code == 0, ran.error
    assert "✓ Mailbox opens" in ran.out
    assert f"{ADDRESS} goes through Microsoft Graph now. Mails under way taken along: 0." in ran.out
    assert protocol() == "graph"
    assert AuditEntry.objects.get().who.startswith("command line (")
    assert placet("mailbox", "move", "--to", "ews", "--yes", "--mailbox", ADDRESS).code == 0
    assert protocol() == "ews"
    assert placet("audit", "verify").code == 0
    AuditEntry.objects.filter(seq=1).update(who="somebody else")
    verified = placet("audit", "verify")
    assert verified.code == 1
    assert "The installation: broken at entry 1: its content was changed." in verified.out


def test_without_yes_it_asks(placet: Run, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = placet("mailbox", "move")
    assert (ran.code, protocol()) == (1, "ews")
    assert "nothing was changed: say --yes to move it" in ran.error
    for answer, code, way in (("\n", 1, "ews"), ("y\n", 0, "graph")):
        monkeypatch.setattr(io, "StringIO", Terminal)
        assert placet("mailbox", "move", stdin=answer).code == code
        assert protocol() == way


def test_a_failed_step_changes_nothing(placet: Run, mailbox: Mailbox, sandbox: Sandbox) -> None:
    sandbox.switches.graph_roles = set()
    ran = placet("mailbox", "move", "--yes")
    assert (ran.code, protocol()) == (1, "ews")
    assert "✗" in ran.out
    assert "Mail.ReadWrite" in ran.out
    assert "Nothing was changed. Please mend what failed" in ran.error


def test_where_it_is_already_nothing_is_done(placet: Run, mailbox: Mailbox) -> None:
    ran = placet("mailbox", "move", "--to", "ews", "--yes")
    assert ran.code == 1
    assert "goes through Exchange Web Services already." in ran.error


def test_without_a_mailbox(placet: Run) -> None:
    assert "No mailbox is set up yet" in placet("mailbox", "move").error
