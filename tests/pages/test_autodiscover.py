"""Autodiscover in the form of a mailbox on an Exchange Server: at a server of the tests, with NTLM."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from placet.accounts.models import Person
from placet.mailboxes import http, store
from placet.mailboxes.microsoft.server import autodiscover
from placet.mailboxes.models import Mailbox
from tests.mailboxes.exchange_server.authority import made_authority
from tests.mailboxes.exchange_server.front import PASSWORD, USER, Answer, Front, running_front
from tests.mailboxes.exchange_server.test_autodiscover import protocol, said

As = Callable[[Person | None], Client]
ASK = "panel:autodiscover"
TYPED = {"kind": "exchange-server", "username": "approvals@corp.test", "exchange_user": USER}
HX = {"HX-Request": "true"}


@pytest.fixture
def ada(admin: Person, as_: As) -> Client:
    return as_(admin)


@pytest.fixture
def authority(tmp_path: Path) -> tuple[str, Path]:
    return made_authority(tmp_path)


@pytest.fixture
def front(tmp_path: Path, authority: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Front]:
    domain, name = USER.split("\\")
    (tmp_path / "accounts").write_text(f"{domain}:{name}:{PASSWORD}\n")
    monkeypatch.setenv("NTLM_USER_FILE", str(tmp_path / "accounts"))
    monkeypatch.setattr(http, "private_targets", lambda: ["127.0.0.1"])
    with running_front(authority[1]) as running:
        monkeypatch.setattr(autodiscover, "urls_for", lambda domain: (running.url,))
        yield running


def test_the_server_is_found_in_two_steps_and_put_into_the_form(
    ada: Client, front: Front, authority: tuple[str, Path]
) -> None:
    answer = Answer(200, said(protocol("EXPR", "https://mail.corp.test/EWS/Exchange.asmx")))
    front.behind = lambda body, headers: answer

    def press(**more: str) -> str:
        typed = {**TYPED, "exchange_authorities": authority[0], **more}
        return ada.post(reverse(ASK), typed, headers=HX).content.decode()

    places = press()
    assert "asks for a sign-in" in places
    assert 'name="ask_at" value="127.0.0.1"' in places
    assert front.tried_passwords == 0
    assert "Enter the password of the account" in press(ask_at="127.0.0.1")
    assert "Find the server once more" in press(ask_at="evil.example", exchange_password=PASSWORD)
    assert front.tried_passwords == 0
    named = press(ask_at="127.0.0.1", exchange_password=PASSWORD)
    assert 'name="use_server" value="mail.corp.test"' in named, named
    assert PASSWORD not in named
    filled = press(use_server="mail.corp.test")
    assert re.search(
        r'<input[^>]*name="exchange_server"[^>]*value="mail.corp.test"[^>]*hx-swap-oob', filled
    ), filled
    whole = ada.post(
        reverse(ASK), {**TYPED, "use_server": "mail.corp.test"}
    ).content.decode()  # without a script
    assert 'name="exchange_server" value="mail.corp.test"' in whole
    assert not Mailbox.objects.exists()


def test_a_stored_password_goes_to_no_other_server_and_wrong_input_is_said(ada: Client, front: Front) -> None:
    entered = {**TYPED, "exchange_server": "mail.corp.test"}
    mailbox = store.save(entered, secrets={"exchange_password": PASSWORD}, by="ada").mailbox
    asked = {**TYPED, "mailbox": str(mailbox.pk), "ask_at": "127.0.0.1"}
    assert (
        "A stored one is sent to no other server."
        in ada.post(reverse(ASK), asked, headers=HX).content.decode()
    )
    assert front.seen == []
    wrong = {**TYPED, "exchange_authorities": "no certificate"}
    assert "This is no certificate." in ada.post(reverse(ASK), wrong, headers=HX).content.decode()


def test_without_an_address_nobody_is_asked(ada: Client) -> None:
    for username in ("", "nobody", "a@localhost", "a@10.0.0.1/x"):
        page = ada.post(reverse(ASK), {**TYPED, "username": username}, headers=HX).content.decode()
        assert "Enter the address of the mailbox as Username first." in page
