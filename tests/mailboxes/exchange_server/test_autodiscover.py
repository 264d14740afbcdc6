"""Autodiscover as a help: who is asked, with what, and what is never followed."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from placet.mailboxes import http
from placet.mailboxes.base import FixNeeded, MailboxError
from placet.mailboxes.microsoft.server import autodiscover
from placet.mailboxes.microsoft.server.attempts import Attempts
from placet.mailboxes.microsoft.server.autodiscover import Autodiscovered
from placet.mailboxes.microsoft.server.windows import Account, WindowsCaller
from tests.mailboxes.stub import MAILBOX

from .front import PASSWORD, USER, Answer, Front

OUTER = "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006"


def said(account: str) -> bytes:
    return (
        f'<?xml version="1.0" encoding="utf-8"?><Autodiscover xmlns="{OUTER}">'
        f'<Response xmlns="{autodiscover.RESPONSE}"><User><DisplayName>Approvals</DisplayName></User>'
        f"<Account><AccountType>email</AccountType>{account}</Account></Response></Autodiscover>"
    ).encode()


def protocol(kind: str, url: str) -> str:
    return f"<Protocol><Type>{kind}</Type><Server>x</Server><EwsUrl>{url}</EwsUrl></Protocol>"


def asked(front: Front, answer: Answer) -> Autodiscovered:
    front.behind = lambda body, headers: answer
    caller = WindowsCaller(front.url, Account(USER, SecretStr(PASSWORD)), attempts=Attempts())
    try:
        return autodiscover.ask(caller, MAILBOX)
    finally:
        caller.close()


def test_it_is_asked_for_at_two_addresses_of_the_domain_and_no_others() -> None:
    assert autodiscover.urls_for("contoso.com") == (
        "https://contoso.com/autodiscover/autodiscover.xml",
        "https://autodiscover.contoso.com/autodiscover/autodiscover.xml",
    )
    for wrong in ("contoso.com/x", "contoso", "a@contoso.com", "contoso.com:81", "-.com", ""):
        with pytest.raises(ValueError):
            autodiscover.urls_for(wrong)


def test_who_asks_for_a_sign_in_is_shown_before_any_password_is_sent(
    tls_front: Front, authority: tuple[str, Path]
) -> None:
    place = autodiscover.look(tls_front.url, authority[0])
    assert (place.status, place.sign_ins, place.asks) == (401, ("negotiate", "ntlm"), True)
    assert [seen.scheme for seen in tls_front.seen] == [""]


def test_where_it_leads_is_shown_and_not_followed(front: Front) -> None:
    location = "https://autodiscover-s.outlook.com/autodiscover/autodiscover.xml"
    told = asked(front, Answer(302, b"", {"Location": location}))
    assert told == Autodiscovered(leads_to="autodiscover-s.outlook.com")


def test_an_address_that_does_not_answer_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "private_targets", lambda: ["localhost:9"])
    place = autodiscover.look("https://localhost:9/autodiscover/autodiscover.xml")
    assert not place.asks
    assert place.failure


def test_the_servers_of_a_mailbox_are_told(front: Front) -> None:
    inside = protocol("EXCH", "https://ex01.corp.contoso.com/EWS/Exchange.asmx")
    outside = protocol("EXPR", "https://mail.contoso.com:8443/ews/exchange.asmx")
    doubled = protocol("WEB", "https://EX01.corp.contoso.com/ews/exchange.asmx")
    told = asked(front, Answer(200, said(f"<Action>settings</Action>{inside}{outside}{doubled}")))
    assert told.servers == ("ex01.corp.contoso.com", "mail.contoso.com:8443")
    assert b"approvals@contoso.example" in front.seen[-1].body


@pytest.mark.parametrize(
    "url",
    [
        "http://mail.contoso.com/EWS/Exchange.asmx",
        "https://mail.contoso.com/other",
        "file:///EWS/Exchange.asmx",
        "javascript:alert(1)",
        "",
    ],
)
def test_only_exchange_web_services_over_tls_are_offered(front: Front, url: str) -> None:
    assert asked(front, Answer(200, said(protocol("EXCH", url)))).servers == ()


def test_other_addresses_are_shown(front: Front) -> None:
    account = (
        "<Action>redirectAddr</Action><RedirectAddr>approvals@contoso.mail.onmicrosoft.com</RedirectAddr>"
    )
    assert asked(front, Answer(200, said(account))).other_address == "approvals@contoso.mail.onmicrosoft.com"
    account = (
        "<Action>redirectUrl</Action><RedirectUrl>https://elsewhere.example/autodiscover.xml</RedirectUrl>"
    )
    assert asked(front, Answer(200, said(account))).leads_to == "elsewhere.example"


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, b"<html>It works!</html>"),
        Answer(200, b"no XML"),
        Answer(200, b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'),
        Answer(200, b"<a>" * 200),
        Answer(404),
        Answer(
            200,
            b"<Autodiscover><Response><Error><ErrorCode>500</ErrorCode></Error></Response></Autodiscover>",
        ),
    ],
)
def test_what_says_nothing_of_the_mailbox_says_what_to_do(front: Front, answer: Answer) -> None:
    with pytest.raises(FixNeeded) as raised:
        asked(front, answer)
    assert "by hand" in raised.value.cure


def test_an_answer_has_an_end(front: Front) -> None:
    with pytest.raises(MailboxError):
        asked(front, Answer(200, b"<a>" + b"x" * (autodiscover.LARGEST + 10) + b"</a>"))
