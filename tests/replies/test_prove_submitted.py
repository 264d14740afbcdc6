"""Somebody who signed in at our own mail server: what the server writes about that, and what others write like it."""

from dataclasses import replace

import pytest

from placet.mailboxes.base import Folder, Received
from placet.mailboxes.stamp_profile import Stripped
from placet.replies import refusals
from placet.replies.parse import Mail, OwnMail, parse
from placet.replies.prove_outside import Servers
from placet.replies.prove_submitted import proved_submitted
from tests.replies.receivers import of_own_server
from tests.replies.test_prove_outside import NOW

ANN = "ann@contoso.example"
MX = "mx.contoso.example"
DATE = "Tue, 3 Nov 2026 12:30:00 +0000"
#: As Postfix writes it with `smtpd_sasl_authenticated_header = yes`, and Kerio Connect.
POSTFIX = (
    f"from laptop (host.example [203.0.113.7])\r\n\t(using TLSv1.3)\r\n\t(Authenticated sender: {ANN})\r\n"
    f"\tby {MX} (Postfix) with ESMTPSA id 4X for <approvals@contoso.example>"
)
KERIO = f"from [192.168.1.5] ([203.0.113.7]) (authenticated user {ANN}) by {MX} (Kerio Connect 10.0.2) with ESMTPSA"
NO_LOGIN = f"from laptop (host.example [203.0.113.7]) by {MX} (Postfix) with ESMTPSA id 4X"
FILTERED = f"from localhost (localhost [127.0.0.1]) by {MX} (Postfix) with ESMTP id 4Y"
DELIVERED = f"from {MX} by {MX} with LMTP id AbCd (envelope-from <{ANN}>)"
AUTH = f"Authentication-Results: {MX}; auth=pass smtp.auth={ANN} smtp.mailfrom={ANN}"

PROFILE = replace(of_own_server("rspamd", MX), submission=True)
SERVERS = Servers(None, ["contoso.example"], ["10.0.0.0/8", "192.168.0.0/16"], confirmed=PROFILE)


def mail(*received: str, stamps: tuple[str, ...] = (), below: tuple[str, ...] = ()) -> Mail:
    """`stamps` right below the topmost Received, `below` lines under all."""
    lines = [f"Received: {line}; {DATE}" for line in received]
    head = "\r\n".join(
        [*lines[:1], *stamps, *lines[1:], *below, f"From: {ANN}", "Subject: Re: Desk", f"Date: {DATE}"]
    )
    raw = f"{head}\r\n\r\nApprove\r\n".encode()
    return parse(
        Received("1", Folder.INBOX, raw, "", "", NOW, len(raw)), OwnMail("approvals@contoso.example", "")
    )


def refused(one: Mail, servers: Servers = SERVERS, address: str = ANN) -> str:
    with pytest.raises(refusals.Unproved) as caught:
        proved_submitted(one, address, servers)
    return str(caught.value.reason)


@pytest.mark.parametrize(
    "one",
    [
        mail(POSTFIX),
        mail(KERIO),
        mail(FILTERED, POSTFIX),
        mail(NO_LOGIN, stamps=(AUTH,)),
        mail(POSTFIX, stamps=(AUTH,)),
        mail(POSTFIX.replace("host.example [203.0.113.7]", "unknown [192.168.1.5]")),
        mail(POSTFIX.replace("ESMTPSA", "ESMTPA")),
    ],
)
def test_who_signed_in_with_the_address_is_proved(one: Mail) -> None:
    assert proved_submitted(one, ANN, SERVERS).login == ANN


def test_a_login_may_be_a_name_where_that_is_confirmed() -> None:
    named = mail(POSTFIX.replace(ANN, "ann"))
    assert "not as" in refused(named)
    servers = replace(SERVERS, confirmed=replace(PROFILE, login_domain="Contoso.Example"))
    assert proved_submitted(named, ANN, servers).login == ANN
    assert "not as" in refused(mail(POSTFIX.replace(ANN, "ann@fabrikam.example")), servers)


def test_delivery_over_a_socket_may_stand_on_top_where_that_is_confirmed() -> None:
    assert refused(mail(DELIVERED, POSTFIX))
    local = replace(SERVERS, confirmed=replace(PROFILE, local_delivery=True))
    assert proved_submitted(mail(DELIVERED, POSTFIX), ANN, local)
    assert proved_submitted(mail(DELIVERED, FILTERED, POSTFIX), ANN, local)
    assert refused(mail(DELIVERED, DELIVERED, POSTFIX), local)


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (mail(POSTFIX.replace(ANN, "eve@contoso.example")), "as eve@contoso.example"),
        (mail(POSTFIX, stamps=(AUTH.replace(ANN, "eve@contoso.example"),)), "eve@contoso.example"),
        (mail(NO_LOGIN), "Nobody signed in"),
        (mail(POSTFIX.replace("ESMTPSA", "ESMTPS")), "Nobody signed in"),
        # What an outsider wrote into a mail of theirs, below the line about the session in which it came.
        (mail(POSTFIX.replace("ESMTPSA", "ESMTPS").replace("(Auth", "(x Auth"), POSTFIX), "Nobody signed in"),
        (mail(f"from {MX} (evil.example [198.51.100.9]) by {MX} with ESMTPS", POSTFIX), "Nobody signed in"),
        (mail(f"from {MX} (198.51.100.9) by {MX} with ESMTP", POSTFIX), "Nobody signed in"),
        # A printer or a shop in the office's network, which need not sign in.
        (
            mail(f"from printer (unknown [10.0.0.9]) by {MX} (Postfix) with ESMTP", POSTFIX),
            "Nobody signed in",
        ),
        (mail(f"by {MX} (Postfix, from userid 33) id 4X", POSTFIX), "Nobody signed in"),
        (mail(f"from {MX} by {MX} with LMTP", POSTFIX), "Nobody signed in"),
        (mail(POSTFIX.replace(f"by {MX}", "by mx.evil.example")), "Nobody signed in"),
        # What it called itself: the server writes that, too, and not who signed in.
        (mail(NO_LOGIN.replace("from laptop", f"from Authenticated sender: {ANN}")), "Nobody signed in"),
        (mail(NO_LOGIN.replace("(host", f"((Authenticated sender: {ANN}) host")), "Nobody signed in"),
        # `auth=pass` travels: providers leave it on what they send out.
        (mail(NO_LOGIN.replace("SA id", "S id"), stamps=(AUTH,)), "Nobody signed in"),
        (mail(NO_LOGIN, below=(f"Received: from a by b; {DATE}", AUTH)), "Nobody signed in"),
        (mail(NO_LOGIN, stamps=(AUTH.replace(MX, "garm.ovh"),)), "Nobody signed in"),
        (mail(NO_LOGIN, stamps=(AUTH.replace("pass", "fail"),)), "Nobody signed in"),
        (mail(POSTFIX, stamps=(AUTH, AUTH)), "two places"),
    ],
)
def test_what_others_write_like_it_proves_nobody(one: Mail, why: str) -> None:
    assert why in refused(one)


def test_stamps_count_only_where_forged_ones_are_taken_off() -> None:
    open_to_all = replace(SERVERS, confirmed=replace(PROFILE, strips_own=Stripped.UNKNOWN))
    assert "Nobody signed in" in refused(mail(NO_LOGIN, stamps=(AUTH,)), open_to_all)


def test_another_sender_is_not_whoever_signed_in() -> None:
    assert "not as bob@contoso.example" in refused(mail(POSTFIX), address="bob@contoso.example")


@pytest.mark.parametrize("confirmed", [None, replace(PROFILE, submission=False)])
def test_it_counts_only_where_it_is_confirmed(confirmed: object) -> None:
    assert "confirmed" in refused(mail(POSTFIX), replace(SERVERS, confirmed=confirmed))  # type: ignore[arg-type]
