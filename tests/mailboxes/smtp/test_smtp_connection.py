"""Sending where the server breaks off, lies, or never ends: literal bytes, at a socket of loopback."""

import base64
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from placet.mailboxes import sockets
from placet.mailboxes.base import FixNeeded, MailboxError, Refused, Wait
from placet.mailboxes.sasl import Password
from placet.mailboxes.smtp import connection as smtp
from placet.mailboxes.smtp import session
from placet.mailboxes.smtp.connection import Server, SmtpConnection
from tests.installation import PATIENCE

from ..talking import Behaviour, Peer, Talker, talker

MAIL = b"To: bob@contoso.example\r\nSubject: Please decide\r\n\r\nPlease decide.\r\n.\r\n"
WHOLE = b"<%d bytes>" % len(MAIL)
REFERENCE = "0123456789abcdef"
PASSWORD = Password("approvals@contoso.example", SecretStr("s3cret"))


@contextmanager
def sending(*behaviours: Behaviour, **more: object) -> Iterator[tuple[Talker, SmtpConnection]]:
    with talker(*behaviours) as server:
        values: dict[str, object] = {
            "security": "none",
            "sender": "approvals@contoso.example",
            "ehlo": "here",
        }
        one = SmtpConnection(Server("127.0.0.1", server.port, **values | more))  # type: ignore[arg-type]
        try:
            yield server, one
        finally:
            one.close()


def greeted(peer: Peer, *extensions: str) -> None:
    peer.say("220 smtp.contoso.example ESMTP")
    peer.hear()
    lines = ["smtp.contoso.example", *extensions]
    peer.say(
        *(f"250{'-' if number < len(lines) else ' '}{line}" for number, line in enumerate(lines, start=1))
    )


def takes(*extensions: str, mails: int = 99) -> Behaviour:
    """A server as it should be, for so many mails."""

    def behave(peer: Peer) -> None:
        greeted(peer, *extensions)
        taken = 0
        while taken < mails and (line := peer.hear().upper()):
            if line == b"DATA":
                peer.say("354 go on")
                peer.hear_mail()
                taken += 1
            peer.say("250 2.0.0 OK")

    return behave


# --- many mails, one session ------------------------------------------------------------------------------


def test_commands_go_one_by_one_where_the_server_takes_them_so() -> None:
    with sending(takes("SIZE 1000", "8BITMIME")) as (server, one):
        one.send(MAIL, REFERENCE)
        one.send(MAIL, REFERENCE)
        assert server.connections == 1
    assert server.heard[:4] == [
        b"ehlo here",
        b"MAIL FROM:<approvals@contoso.example> SIZE=70",
        b"RCPT TO:<bob@contoso.example>",
        b"DATA",
    ]
    assert server.heard[4:11] == [WHOLE, b"RSET", *server.heard[1:5], b"QUIT"]


def test_with_pipelining_a_mail_takes_three_answers_and_not_five() -> None:
    """RSET, MAIL and RCPT come in one packet: the server answers when it has read them all."""

    def behave(peer: Peer) -> None:
        greeted(peer, "PIPELINING")
        for commands in (2, 3):
            assert len([peer.hear() for _number in range(commands)]) == commands
            peer.say(*["250 2.0.0 OK"] * commands)
            assert peer.hear() == b"DATA"
            peer.say("354 go on")
            peer.hear_mail()
            peer.say("250 2.0.0 OK")
        peer.hear()

    with sending(behave) as (server, one):
        one.send(MAIL, REFERENCE)
        one.send(MAIL, REFERENCE)
    assert server.heard.count(WHOLE) == 2


@pytest.mark.parametrize("extensions", [(), ("PIPELINING",)])
def test_a_refused_recipient_is_of_that_mail_alone(extensions: tuple[str, ...]) -> None:
    def behave(peer: Peer) -> None:
        greeted(peer, *extensions)
        while line := peer.hear():
            if line == b"DATA":
                peer.say("354 go on")
                peer.hear_mail()
            peer.say(
                "550 5.1.1 <nobody@contoso.example> User unknown" if b"nobody" in line else "250 2.0.0 OK"
            )

    with sending(behave) as (server, one):
        with pytest.raises(Refused, match=r"550 5\.1\.1") as error:
            one.send(MAIL.replace(b"bob", b"nobody"), REFERENCE)
        assert (error.value.code, error.value.not_done) == ("5.1.1", True)
        one.send(MAIL, REFERENCE)
    assert server.connections == 1
    assert server.heard.count(WHOLE) == 1


def closes(peer: Peer) -> None:
    takes(mails=1)(peer)


def says_421(peer: Peer) -> None:
    takes(mails=1)(peer)
    peer.hear()
    peer.say("421 4.4.2 Timeout exceeded")


def knows_no_rset(peer: Peer) -> None:
    takes(mails=1)(peer)
    peer.hear()
    peer.say("502 5.5.2 What?")
    peer.hear()


@pytest.mark.parametrize("ends", [closes, says_421, knows_no_rset])
@pytest.mark.parametrize("extensions", [(), ("PIPELINING",)])
def test_a_session_that_ended_meanwhile_is_replaced_and_the_mail_goes_once(
    ends: Behaviour, extensions: tuple[str, ...]
) -> None:
    with sending(ends, takes(*extensions)) as (server, one):
        one.send(MAIL, REFERENCE)
        one.send(MAIL, REFERENCE)
        assert server.connections == 2
    assert server.heard.count(WHOLE) == 2


def test_a_server_that_always_ends_is_asked_no_third_time() -> None:
    def ends(peer: Peer) -> None:
        greeted(peer)

    with sending(takes(mails=1), ends) as (server, one):
        one.send(MAIL, REFERENCE)
        with pytest.raises(Wait) as error:
            one.send(MAIL, REFERENCE)
        assert error.value.not_done
        assert server.connections == 2


def test_an_old_session_and_one_of_many_mails_are_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    with talker(takes()) as server:
        settings = Server("127.0.0.1", server.port, "none", "approvals@contoso.example", ehlo="here")
        one = SmtpConnection(settings, clock=lambda: now)
        one.send(MAIL, REFERENCE)
        now = smtp.LONGEST_IDLE + 1
        one.send(MAIL, REFERENCE)
        assert server.connections == 2
        monkeypatch.setattr(smtp, "MOST_MAILS", 2)
        one.send(MAIL, REFERENCE)
        assert server.connections == 2
        one.send(MAIL, REFERENCE)
        assert server.connections == 3
        one.close()


# --- what is certain of a send that was cut off -----------------------------------------------------------


def at(command: bytes, then: Callable[[Peer], None]) -> Behaviour:
    """Behaves until this command came."""

    def behave(peer: Peer) -> None:
        greeted(peer)
        while line := peer.hear():
            if line.startswith(command):
                then(peer)
                return
            peer.say("250 2.0.0 OK")

    return behave


def cut(peer: Peer) -> None:
    peer.cut()


def cut_in_the_mail(peer: Peer) -> None:
    peer.say("354 go on")
    peer.lines.readline()
    peer.cut()


def cut_at_the_dot(peer: Peer) -> None:
    peer.say("354 go on")
    peer.hear_mail()
    peer.cut()


def silent_at_the_dot(peer: Peer) -> None:
    peer.say("354 go on")
    peer.hear_mail()
    time.sleep(1)


def unreadable_at_the_dot(peer: Peer) -> None:
    peer.say("354 go on")
    peer.hear_mail()
    peer.say("Thank you")


def refusing_at_the_dot(peer: Peer) -> None:
    peer.say("354 go on")
    peer.hear_mail()
    peer.say("451 4.3.0 Queue file write error")


SILENT = at(b"DATA", silent_at_the_dot)
LARGE = MAIL.replace(b"Please decide.\r\n", b"x" * 16 * 1024 * 1024 + b"\r\n")


@pytest.mark.parametrize(
    ("behave", "raw", "not_done"),
    [
        (at(b"MAIL", cut), MAIL, True),
        (at(b"RCPT", cut), MAIL, True),
        (at(b"DATA", cut), MAIL, True),
        (at(b"DATA", cut_in_the_mail), LARGE, True),
        (at(b"DATA", cut_at_the_dot), MAIL, False),
        (SILENT, MAIL, False),
        (at(b"DATA", unreadable_at_the_dot), MAIL, False),
        (at(b"DATA", refusing_at_the_dot), MAIL, True),
    ],
    ids=["mail", "rcpt", "data", "content", "dot", "silence", "unreadable", "refused"],
)
def test_before_the_dot_nothing_was_sent_and_after_it_nobody_can_say(
    behave: Behaviour, raw: bytes, not_done: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if behave is SILENT:
        monkeypatch.setattr(session, "VERDICT", 0.3)
    with sending(behave) as (_server, one):
        with pytest.raises(MailboxError) as error:
            one.send(raw, REFERENCE)
        assert error.value.not_done is not_done
        assert one.was_sent("<x@contoso.example>", REFERENCE, datetime.now(UTC)) is None


# --- what is no such server -------------------------------------------------------------------------------


def endless_line(peer: Peer) -> None:
    for _number in range(1000):
        peer.say_raw(b"220 " + b"x" * 1000)


def endless_reply(peer: Peer) -> None:
    for _number in range(100_000):
        peer.say("220-welcome")


def web_server(peer: Peer) -> None:
    peer.say("HTTP/1.1 400 Bad Request", "Connection: close", "")


def dripping(peer: Peer) -> None:
    for _number in range(1000):
        peer.say_raw(b"2")
        time.sleep(0.01)


def refusing(peer: Peer) -> None:
    peer.say("554 5.7.1 No service for you")


@pytest.mark.parametrize(
    ("behave", "kind"),
    [
        (endless_line, FixNeeded),
        (endless_reply, FixNeeded),
        (web_server, FixNeeded),
        (dripping, MailboxError),
        (refusing, FixNeeded),
        (cut, Wait),
    ],
)
def test_whatever_answers_has_an_end(
    behave: Behaviour, kind: type[MailboxError], monkeypatch: pytest.MonkeyPatch
) -> None:
    if behave is dripping:
        monkeypatch.setattr(session, "ANSWER", 1.0)
    began = time.monotonic()
    with sending(behave) as (_server, one):
        with pytest.raises(kind) as error:
            one.send(MAIL, REFERENCE)
        assert error.value.not_done
        assert time.monotonic() - began < PATIENCE


def test_nobody_there_is_a_reason_to_wait() -> None:
    with talker(cut) as server:
        port = server.port
    one = SmtpConnection(Server("127.0.0.1", port, "none", "approvals@contoso.example"))
    with pytest.raises(Wait, match="refused the connection") as error:
        one.send(MAIL, REFERENCE)
    assert error.value.not_done


def test_in_clear_it_goes_nowhere_but_to_this_machine() -> None:
    with pytest.raises(ValueError, match="not this machine"):
        sockets.connected("smtp.contoso.example", 25, plain=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "10.1.2.3", "169.254.169.254"])
def test_what_is_not_public_is_called_only_where_that_is_allowed(host: str) -> None:
    one = SmtpConnection(Server(host, 465, "ssl", "approvals@contoso.example", allowed=list))
    with pytest.raises(FixNeeded) as error:
        one.send(MAIL, REFERENCE)
    assert error.value.not_done
    assert host in error.value.cause


# --- encryption and signing in ----------------------------------------------------------------------------


def test_without_starttls_nothing_is_said_in_clear() -> None:
    more: dict[str, object] = {"security": "starttls", "proof": PASSWORD, "allowed": lambda: ["127.0.0.1"]}
    with sending(takes("AUTH PLAIN"), **more) as (server, one), pytest.raises(FixNeeded, match="no STARTTLS"):
        one.send(MAIL, REFERENCE)
    assert server.heard[0] == b"ehlo here"
    assert not any(line.startswith((b"AUTH", b"MAIL")) for line in server.heard)


def test_what_comes_in_clear_behind_starttls_is_not_believed() -> None:
    def behave(peer: Peer) -> None:
        greeted(peer, "STARTTLS")
        peer.hear()
        peer.say("220 go on", "250-smtp.contoso.example", "250 AUTH PLAIN")

    more: dict[str, object] = {"security": "starttls", "proof": PASSWORD, "allowed": lambda: ["127.0.0.1"]}
    with sending(behave, **more) as (server, one), pytest.raises(FixNeeded):
        one.send(MAIL, REFERENCE)
    assert server.heard[:2] == [b"ehlo here", b"STARTTLS"]


class Tokens:
    """Gives the tokens in their order."""

    def __init__(self, *tokens: str) -> None:
        self.left = list(tokens)

    def token(self) -> SecretStr:
        return SecretStr(self.left[0])

    def invalidate(self, token: SecretStr) -> None:
        assert token.get_secret_value() == self.left.pop(0)


def by_token(mechanism: str, good: str) -> Behaviour:
    def behave(peer: Peer) -> None:
        greeted(peer, f"AUTH {mechanism}")
        while line := peer.hear():
            if not line.startswith(b"AUTH"):
                peer.say("354 go on" if line == b"DATA" else "250 2.0.0 OK")
                if line == b"DATA":
                    peer.hear_mail()
                    peer.say("250 2.0.0 OK")
                continue
            said = base64.b64decode(line.split()[2])
            if f"auth=Bearer {good}\x01\x01".encode() in said:
                peer.say("235 2.7.0 OK")
                continue
            peer.say("334 " + base64.b64encode(json.dumps({"status": "401"}).encode()).decode())
            peer.hear()
            peer.say("535 5.7.8 Not accepted")

    return behave


@pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER", "PLAIN LOGIN OAUTHBEARER XOAUTH2"])
def test_a_token_that_is_refused_is_renewed_once(mechanism: str) -> None:
    with sending(by_token(mechanism, "good"), proof=Tokens("stale", "good")) as (server, one):
        one.send(MAIL, REFERENCE)
    assert server.heard.count(WHOLE) == 1
    tokens = Tokens("stale", "staler", "good")
    refused = pytest.raises(FixNeeded, match="does not let this user sign in")
    with sending(by_token(mechanism, "good"), proof=tokens) as (server, one), refused:
        one.send(MAIL, REFERENCE)
    assert len([line for line in server.heard if line.startswith(b"AUTH")]) == 2


def test_login_is_answered_whatever_words_it_asks_in() -> None:
    def behave(peer: Peer) -> None:
        greeted(peer, "AUTH=LOGIN", "AUTH LOGIN CRAM-MD5")
        assert peer.hear() == b"AUTH LOGIN"
        answers = []
        for question in ("VXNlcm5hbWU6", "UGFzc3dvcnQgYml0dGU="):
            peer.say(f"334 {question}")
            answers.append(base64.b64decode(peer.hear()))
        assert answers == [b"approvals@contoso.example", b"s3cret"]
        peer.say("235 2.7.0 OK")
        takes_more(peer)

    def takes_more(peer: Peer) -> None:
        while line := peer.hear():
            peer.say("354 go on" if line == b"DATA" else "250 2.0.0 OK")
            if line == b"DATA":
                peer.hear_mail()
                peer.say("250 2.0.0 OK")

    with sending(behave, proof=PASSWORD) as (server, one):
        one.send(MAIL, REFERENCE)
    assert WHOLE in server.heard


@pytest.mark.parametrize(
    ("extensions", "cause"),
    [(("SIZE",), "lets nobody sign in"), (("AUTH CRAM-MD5 GSSAPI",), "CRAM-MD5, GSSAPI")],
)
def test_a_server_without_a_way_to_sign_in_is_named(extensions: tuple[str, ...], cause: str) -> None:
    with sending(takes(*extensions), proof=PASSWORD) as (_server, one), pytest.raises(FixNeeded, match=cause):
        one.send(MAIL, REFERENCE)


def test_the_password_is_in_no_error() -> None:
    def behave(peer: Peer) -> None:
        greeted(peer, "AUTH PLAIN")
        peer.say(b"535 5.7.8 I do not like " + peer.hear())

    with sending(behave, proof=Password("approvals", SecretStr("p" * 60))) as (_server, one):
        with pytest.raises(FixNeeded) as error:
            one.send(MAIL, REFERENCE)
        assert base64.b64encode(b"\0approvals\0" + b"p" * 60).decode() not in str(error.value.details)


def test_a_mail_the_server_will_not_take_is_refused_without_a_word_of_it() -> None:
    refused = pytest.raises(Refused, match="larger than the mail server takes")
    with sending(takes("SIZE 50")) as (server, one), refused:
        one.send(MAIL, REFERENCE)
    assert server.heard[:2] == [b"ehlo here", b"QUIT"]
