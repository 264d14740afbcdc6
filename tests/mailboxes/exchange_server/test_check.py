"""The check of a mailbox on an Exchange server of the organisation's own: what it says at each step."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from placet.mailboxes.base import Check
from placet.mailboxes.microsoft.server import attempts
from placet.mailboxes.microsoft.server.connection import connect, listen
from placet.mailboxes.microsoft.server.fields import CLIENT_SECRET
from placet.mailboxes.microsoft.server.fields import PASSWORD as FIELD
from placet.mailboxes.microsoft.server.settings import ExchangeServerSettings
from placet.mailboxes.push.listening import Heard
from placet.sandbox.server import Sandbox
from tests.mailboxes.stub import MAILBOX, Reply, Stub, ews_reply, fault_reply

from .authority import made_authority
from .exchange import exchange_behind
from .front import PASSWORD, USER, Answer, Front
from .test_soap import INBOX, VERSION


def checked(
    front: Front, password: str = PASSWORD, others: Sequence[str] = (), **more: Any
) -> dict[str, Check]:
    """By key, the steps that were tried."""
    settings = ExchangeServerSettings.parse(
        {"username": MAILBOX, "exchange_server": front.url, "exchange_user": USER, **more}
    )[0]
    connection = connect(settings, {FIELD: password, CLIENT_SECRET: "a-secret"}, key="box")
    try:
        return {check.key: check for check in connection.check(others)}
    finally:
        connection.close()
        attempts.ATTEMPTS.forget(front.host, USER.lower(), password)


def answers(front: Front, reply: Reply) -> None:
    front.behind = lambda body, headers: Answer(reply.status, reply.body, reply.headers)


def last(checks: dict[str, Check]) -> Check:
    return list(checks.values())[-1]


def test_a_good_mailbox_says_whose_server_it_is(front: Front, sandbox: Sandbox) -> None:
    real = exchange_behind(sandbox, MAILBOX)

    def behind(body: bytes, headers: dict[str, str]) -> Answer:
        answer = real(body, headers)
        version = b'MajorVersion="15" MinorVersion="2" MajorBuildNumber="1544" MinorBuildNumber="4"'
        former = b'MajorVersion="15" MinorVersion="20" MajorBuildNumber="9115" MinorBuildNumber="12"'
        assert former in answer.body
        return Answer(answer.status, answer.body.replace(former, version), answer.headers)

    front.behind = behind
    checks = checked(front, others=["ann@contoso.example"])
    assert not [check for check in checks.values() if not check.ok]
    assert "Exchange Server 2019" in checks["sign_in"].found
    assert "15.2.1544.4" in checks["sign_in"].found
    assert "negotiate, ntlm" in checks["tls"].found
    assert "ExternalAuthoritative" in checks["connectors"].found
    assert "Get-ReceiveConnector" in checks["connectors"].command
    assert checks["internal"].ok


def test_an_account_that_opens_more_than_it_should_is_told(front: Front, sandbox: Sandbox) -> None:
    front.behind = exchange_behind(sandbox)
    checks = checked(front, others=["ann@contoso.example"], exchange_opening="impersonation")
    assert checks["limits"].warning
    assert "ann@contoso.example" in checks["limits"].found
    assert "Get-ManagementRoleAssignment" in checks["limits"].command


def test_a_wrong_password_ends_it_after_one_try(front: Front) -> None:
    check = last(checked(front, "wrong"))
    assert (check.key, check.ok) == ("sign_in", False)
    assert USER in check.cause
    assert "wrong" not in f"{check.facts}{check.cause}"
    assert front.tried_passwords == 1


@pytest.mark.parametrize("sign_in", ["windows", "ntlm"])
def test_what_the_server_does_not_offer_is_told_before_a_password_is_sent(front: Front, sign_in: str) -> None:
    front.offers = ("Basic realm=x", "Bearer")
    check = last(checked(front, exchange_sign_in=sign_in))
    assert (check.key, check.ok) == ("tls", False)
    assert "basic, bearer" in check.cause
    assert "Get-WebServicesVirtualDirectory" in check.command
    assert not front.tried_passwords


def test_missing_rights_are_told_with_the_command(front: Front) -> None:
    answers(front, fault_reply("ErrorImpersonateUserDenied"))
    check = last(checked(front, exchange_opening="impersonation"))
    assert (check.key, check.ok) == ("sign_in", False)
    assert "ApplicationImpersonation" in check.command


def test_an_authority_of_ones_own_is_asked_for(tls_front: Front, authority: tuple[str, Path]) -> None:
    check = last(checked(tls_front))
    assert (check.key, check.ok) == ("tls", False)
    assert "upload" in check.cure
    assert last(checked(tls_front, exchange_authorities=authority[0])).key != "tls"


def test_an_authority_that_ends_soon_is_warned_of(
    tls_front: Front, tmp_path: Path, authority: tuple[str, Path]
) -> None:
    ending, _path = made_authority(tmp_path, days=5)
    check = checked(tls_front, exchange_authorities=authority[0] + ending)["tls"]
    assert (check.ok, check.warning) == (True, True)
    assert "Contoso Root CA" in check.cause


def test_oauth_of_ones_own_goes_over_the_same_authority(
    tls_front: Front, authority: tuple[str, Path], stub: Stub
) -> None:
    tls_front.offers = ("Negotiate", "Bearer")
    tls_front.token = b"the-first-token"
    reply = ews_reply("GetFolder", INBOX)
    answers(tls_front, Reply(200, reply.body.replace(b"<soap:Body>", VERSION), reply.headers))
    checks = checked(
        tls_front,
        exchange_authorities=authority[0],
        exchange_sign_in="oauth",
        exchange_token_uri=stub.token_uri,
        exchange_client_id="placet",
    )
    assert checks["open"].ok
    assert b"scope=https%3A%2F%2F127.0.0.1%2F.default" in stub.token_requests[0].body


def test_new_mail_is_heard_of_over_the_same_sign_in(front: Front) -> None:
    subscribed = ews_reply("Subscribe", "<m:SubscriptionId>sub-1</m:SubscriptionId>").body
    event = "<t:NewMailEvent><t:TimeStamp>2026-12-01T10:00:00Z</t:TimeStamp></t:NewMailEvent>"
    news = f"<m:Notifications><m:Notification>{event}</m:Notification></m:Notifications>"
    opened = "<m:ConnectionStatus>OK</m:ConnectionStatus>"
    closed = "<m:ConnectionStatus>Closed</m:ConnectionStatus>"
    told = b"".join(ews_reply("GetStreamingEvents", part).body for part in (opened, news, closed))
    front.behind = lambda body, headers: Answer(200, subscribed if b"m:Subscribe" in body else told)
    settings = ExchangeServerSettings.parse(
        {"username": MAILBOX, "exchange_server": front.url, "exchange_user": USER}
    )[0]
    listening = listen(settings, {FIELD: PASSWORD}, key="box", subscription_id="")
    assert list(listening) == [Heard.OPENED, Heard.NEWS]
    assert listening.subscription_id == "sub-1"
    assert [seen.headers.get("x-preferserveraffinity") for seen in front.seen if seen.body] == ["true"] * 2
    assert front.tried_passwords == 1
