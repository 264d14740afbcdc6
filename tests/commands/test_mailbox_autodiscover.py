"""`placet mailbox autodiscover`, with a server of our own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from placet.mailboxes.microsoft.server import autodiscover
from tests.commands.conftest import Run
from tests.mailboxes.exchange_server.front import PASSWORD, USER, Answer, Front, running_front
from tests.mailboxes.exchange_server.test_autodiscover import protocol, said

ADDRESS = "approvals@contoso.com"


@pytest.fixture
def front(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Front]:
    """Where the domain's Autodiscover is."""
    domain, name = USER.split("\\")
    accounts = tmp_path / "accounts"
    accounts.write_text(f"{domain}:{name}:{PASSWORD}\n")
    monkeypatch.setenv("NTLM_USER_FILE", str(accounts))
    with running_front() as front:
        monkeypatch.setattr(autodiscover, "urls_for", lambda _domain: (front.url,))
        inside = protocol("EXCH", "https://mail.contoso.com/EWS/Exchange.asmx")
        front.behind = lambda body, headers: Answer(200, said(inside))
        yield front


def test_no_password_is_sent_before_somebody_names_the_host(placet: Run, front: Front) -> None:
    host = front.url.split("/")[2]
    shown = placet("mailbox", "autodiscover", ADDRESS)
    assert shown.code == 0, shown.error
    assert "127.0.0.1: asks for a sign-in (negotiate, ntlm)" in shown.out
    tried = [front.tried_passwords]
    asked = placet("mailbox", "autodiscover", ADDRESS, "--at", host, "--user", USER, stdin=f"{PASSWORD}\n")
    assert asked.code == 0, asked.error
    assert "Exchange server: mail.contoso.com" in asked.out
    assert [*tried, front.tried_passwords] == [0, 1]


def test_what_cannot_be_done_is_said(placet: Run, front: Front, tmp_path: Path) -> None:
    host = front.url.split("/")[2]
    elsewhere = placet("mailbox", "autodiscover", ADDRESS, "--at", "mail.evil.example", stdin="secret\n")
    assert "and nowhere else" in elsewhere.error
    assert not front.seen
    wrong = placet("mailbox", "autodiscover", ADDRESS, "--at", host, "--user", USER, stdin="wrong\n")
    assert "refused user or password" in wrong.error
    unreadable = placet("mailbox", "autodiscover", ADDRESS, "--authority", str(tmp_path / "nothing.pem"))
    assert "cannot be read" in unreadable.error
    front.behind = lambda body, headers: Answer(302, b"", {"Location": "https://elsewhere.example/"})
    sent_on = placet("mailbox", "autodiscover", ADDRESS, "--at", host, "--user", USER, stdin=f"{PASSWORD}\n")
    assert sent_on.code == 1
    assert "sends on to elsewhere.example" in sent_on.out
