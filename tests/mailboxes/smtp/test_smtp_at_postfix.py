"""Sending through a Postfix that asks a Dovecot who may, and what comes back of it."""

import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from placet.mailboxes.base import FixNeeded, Refused
from placet.mailboxes.sasl import Password
from placet.mailboxes.smtp import connection as smtp
from placet.mailboxes.smtp.connection import Server, SmtpConnection
from tests.installation import PATIENCE
from tests.servers.dovecot import Dovecot, dovecot
from tests.servers.postfix import BOUNCES, Postfix, postfix

pytestmark = pytest.mark.long

APPROVALS, BOSS = "approvals@example.test", "boss@example.test"
REFERENCE = "0123456789abcdef"
UTF8 = "utf8.test"
BOSS_IN_ASCII, BOSS_BEYOND_ASCII = f"boss@{UTF8}", f"büro@{UTF8}"


@pytest.fixture(scope="module")
def imap() -> Iterator[Dovecot]:
    with dovecot({APPROVALS: "s3cret %&", BOSS: "another"}) as running:
        yield running


@pytest.fixture(scope="module")
def mta(imap: Dovecot) -> Iterator[Postfix]:
    with postfix(imap) as running:
        yield running


@pytest.fixture(scope="module")
def utf8(imap: Dovecot) -> Iterator[tuple[Postfix, Path]]:
    """One that writes down what is said to it. It delivers mail for UTF8 to files in a folder by itself: Dovecot's LMTP
    takes nothing with SMTPUTF8."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        mails = Path(folder) / "mails"
        mails.mkdir()
        shutil.chown(mails, "postfix", "postfix")
        owner = mails.stat()
        more = f"""\
debug_peer_list = 127.0.0.1
debug_peer_level = 1
virtual_mailbox_domains = {UTF8}
virtual_mailbox_maps = inline:{{ {{ {BOSS_IN_ASCII} = mails/ }}, {{ {BOSS_BEYOND_ASCII} = mails/ }} }}
virtual_transport = virtual
virtual_mailbox_base = {folder}
virtual_uid_maps = static:{owner.st_uid}
virtual_gid_maps = static:{owner.st_gid}
"""
        with postfix(imap, more=more, services="virtual unix - n n - - virtual") as running:
            yield running, mails


@pytest.fixture
def server(mta: Postfix) -> Server:
    return Server(
        "localhost",
        mta.ports["submission"],
        "starttls",
        APPROVALS,
        Password(APPROVALS, SecretStr("s3cret %&")),
        authorities=mta.authority.certificate.read_text(),
        allowed=lambda: ["127.0.0.1", "::1"],
    )


def mail(to: str, subject: str, body: bytes = b"Please decide.\r\n..\r\n.\r\n") -> bytes:
    head = f"From: <{APPROVALS}>\r\nTo: <{to}>\r\nSubject: {subject}\r\nMessage-ID: <{REFERENCE}@example.test>\r\n"
    return head.encode() + b"Date: Tue, 01 Dec 2026 16:55:21 +0000\r\n\r\n" + body


def received(imap: Dovecot, user: str, subject: str) -> bytes:
    return received_in(imap.maildir(user), subject)


def received_in(maildir: Path, subject: str) -> bytes:
    """The mail with this subject, once it is there, with the ends of lines that it had."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        for path in maildir.glob("new/*"):
            raw = path.read_bytes()
            if subject.encode() in raw:
                return re.sub(rb"\r?\n", b"\r\n", raw)
        time.sleep(0.05)
    raise AssertionError(f"{subject} did not come")


class Tokens:
    def __init__(self, imap: Dovecot, user: str) -> None:
        self.imap, self.user = imap, user
        self.refused = 0

    def token(self) -> SecretStr:
        return SecretStr(self.imap.token(self.user, seconds=600 if self.refused else -60))

    def invalidate(self, token: SecretStr) -> None:
        self.refused += 1


def test_mails_arrive_as_they_were_whatever_they_are_sent_with(
    imap: Dovecot, mta: Postfix, server: Server
) -> None:
    tokens = Tokens(imap, APPROVALS)
    ways = {
        "starttls": server,
        "tls": replace(server, port=mta.ports["submissions"], security="ssl"),
        "token": replace(server, proof=tokens),
    }
    for name, way in ways.items():
        one = SmtpConnection(way)
        for number in (1, 2):
            raw = mail(BOSS, f"by {name} {number}")
            one.send(raw, REFERENCE)
            assert received(imap, BOSS, f"by {name} {number}").endswith(raw)
        one.close()
    assert tokens.refused == 1  # the first one had ended
    assert (
        mta.log().count("starttls=1 auth=1 mail=2 rcpt=2 data=2 rset=1 quit=1") == 1
    )  # one session, for two mails


@pytest.mark.parametrize(
    ("to", "subject", "words", "received_with"),
    [
        (BOSS_IN_ASCII, "in its body", "BODY=8BITMIME", b"with ESMTPSA"),
        (BOSS_IN_ASCII, "in its head: Büro", "BODY=8BITMIME SMTPUTF8", b"with UTF8SMTPSA"),
        (BOSS_BEYOND_ASCII, "in its address", "BODY=8BITMIME SMTPUTF8", b"with UTF8SMTPSA"),
    ],
    ids=["body", "head", "address"],
)
def test_letters_beyond_ascii_arrive_and_the_server_is_told_of_them(
    utf8: tuple[Postfix, Path], server: Server, to: str, subject: str, words: str, received_with: bytes
) -> None:
    """RFC 6152 and 6531."""
    mta, folder = utf8
    raw = mail(to, subject, "Überweisung an Büro, bitte. так\r\n".encode())
    one = SmtpConnection(replace(server, port=mta.ports["submission"]))
    one.send(raw, REFERENCE)
    one.close()
    there = received_in(folder, subject)
    assert there.endswith(raw)
    assert received_with in there
    assert f"MAIL FROM:<{APPROVALS}> SIZE={len(raw)} {words} RET=HDRS" in mta.log()


def test_what_cannot_be_delivered_comes_back_with_our_reference(imap: Dovecot, server: Server) -> None:
    one = SmtpConnection(server)
    one.send(mail(f"nobody@{BOUNCES}", "comes back"), REFERENCE)
    report = received(imap, APPROVALS, "comes back")
    assert f"Original-Envelope-Id: {REFERENCE}".encode() in report
    assert b"Please decide." not in report  # RET=HDRS
    one.close()


def test_what_postfix_says_no_to(server: Server) -> None:
    one = SmtpConnection(server)
    with pytest.raises(Refused, match=r"larger than the mail server takes \(300"):
        one.send(mail(BOSS, "large", b"x" * 300_000), REFERENCE)
    with pytest.raises(Refused, match=r"5\.1\.1"):
        one.send(mail("nobody@example.test", "unknown"), REFERENCE)
    one.send(mail(BOSS, "after those"), REFERENCE)
    one.close()
    wrong: dict[str, Server] = {
        "does not let this account send as boss@": replace(server, sender=BOSS),
        "does not let this user sign in": replace(server, proof=Password(APPROVALS, SecretStr("wrong"))),
        "is not trusted": replace(server, authorities=""),
        "does not speak TLS": replace(server, security="ssl"),
        "takes mail only from whoever signs in": replace(server, proof=None),
    }
    for cause, settings in wrong.items():
        other = SmtpConnection(settings)
        with pytest.raises(FixNeeded, match=cause) as error:
            other.send(mail(BOSS, "never"), REFERENCE)
        assert error.value.not_done, cause
        other.close()


def test_the_pre_flight_names_the_step_that_fails(mta: Postfix, server: Server) -> None:
    checks = list(SmtpConnection(server).check())
    assert [(check.key, check.ok) for check in checks] == [
        ("smtp_connect", True),
        ("smtp_sign_in", True),
        ("smtp_sender", True),
    ]
    assert checks[0].facts is not None
    assert checks[0].facts["size"] == "200000"
    assert "(PLAIN)" in checks[1].found
    assert list(SmtpConnection(server).steps()) == [check.key for check in checks]
    wrong = replace(server, proof=Password(APPROVALS, SecretStr("wrong")))
    *_passed, failed = SmtpConnection(wrong).check()
    assert (failed.key, failed.ok) == ("smtp_sign_in", False)
    assert failed.cure
    [failed] = SmtpConnection(replace(server, port=mta.ports["mx"], security="ssl")).check()
    assert (failed.key, failed.ok) == ("smtp_connect", False)


def test_a_session_that_postfix_closed_is_replaced(imap: Dovecot, mta: Postfix, server: Server) -> None:
    one = SmtpConnection(server)
    one.send(mail(BOSS, "before the end"), REFERENCE)
    session = one._session
    assert session is not None
    assert session.sock is not None
    session.sock.shutdown(2)
    one.send(mail(BOSS, "after the end"), REFERENCE)
    received(imap, BOSS, "after the end")
    one.close()
    assert smtp.MOST_MAILS > 1
