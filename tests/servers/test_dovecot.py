"""That the Dovecot of the tests does what they rest on."""

import imaplib
import poplib
import smtplib
import ssl
from collections.abc import Iterator

import pytest

from .dovecot import Dovecot, dovecot

APPROVALS, BOSS = "approvals@example.test", "boss@example.test"


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with dovecot({APPROVALS: "s3cret %&", BOSS: "another"}) as running:
        yield running


@pytest.fixture(scope="module")
def trusting(server: Dovecot) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(server.authority.certificate))


def xoauth2(user: str, token: str) -> bytes:
    return f"user={user}\x01auth=Bearer {token}\x01\x01".encode()


def test_what_lmtp_delivers_to_a_plus_address_is_in_the_inbox(
    server: Dovecot, trusting: ssl.SSLContext
) -> None:
    server.deliver("approvals+code@example.test", b"Subject: one\r\n\r\nYes\r\n", "boss@example.test")
    with imaplib.IMAP4_SSL("127.0.0.1", server.ports["imaps"], ssl_context=trusting) as imap:
        imap.login(APPROVALS, "s3cret %&")
        capabilities = imap.capability()[1][-1].split()
        assert {b"IDLE", b"CONDSTORE", b"QRESYNC", b"MOVE", b"UIDPLUS", b"SPECIAL-USE"} <= set(capabilities)
        imap.select("INBOX")
        _, answer = imap.fetch("1", "BODY.PEEK[]")
        [(_, raw)] = [part for part in answer if isinstance(part, tuple)]
    assert b"Return-Path: <boss@example.test>" in raw
    assert b"Delivered-To: approvals+code@example.test" in raw
    assert raw.endswith(b"Subject: one\r\n\r\nYes\r\n")


@pytest.mark.parametrize(("token_of", "opens"), [(BOSS, True), (APPROVALS, False)])
def test_a_token_opens_the_mailbox_that_it_is_for(
    server: Dovecot, trusting: ssl.SSLContext, token_of: str, opens: bool
) -> None:
    imap = imaplib.IMAP4("localhost", server.ports["imap"])
    imap.starttls(trusting)
    token = server.token(token_of)
    try:
        imap.authenticate("XOAUTH2", lambda _: xoauth2(BOSS, token))
        assert opens
    except imaplib.IMAP4.error:
        assert not opens
    imap.shutdown()


def test_pop3_and_who_may_not_sign_in(server: Dovecot, trusting: ssl.SSLContext) -> None:
    pop3 = poplib.POP3_SSL("127.0.0.1", server.ports["pop3s"], context=trusting)
    pop3.user(BOSS)
    with pytest.raises(poplib.error_proto, match="Authentication failed"):
        pop3.pass_("wrong")
    pop3.user(BOSS)
    pop3.pass_("another")
    assert pop3.stat() == (0, 0)
    pop3.quit()
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        server.deliver("nobody@example.test", b"Subject: one\r\n\r\n")


def test_a_certificate_of_another_authority_is_not_trusted(server: Dovecot) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        imaplib.IMAP4_SSL("127.0.0.1", server.ports["imaps"], ssl_context=ssl.create_default_context())


def test_who_may_sign_in_is_told_at_the_socket_for_postfix(server: Dovecot) -> None:
    assert server.sasl_socket.is_socket()
    assert server.doveadm("auth", "test", BOSS, "another").startswith(f"passdb: {BOSS} auth succeeded")
