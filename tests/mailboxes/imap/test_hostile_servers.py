"""Servers that lie, break off, never end, and write what no server may."""

import threading
import time
import tracemalloc
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from placet.mailboxes.base import (
    Action,
    FixNeeded,
    Folder,
    MailboxError,
    MailError,
    Page,
    Received,
    Seen,
    SignInRefused,
    Wait,
)
from placet.mailboxes.imap import idle, wire
from placet.mailboxes.imap.client import Account, opened
from placet.mailboxes.imap.connection import ImapConnection
from placet.mailboxes.imap.ids import MailId
from placet.mailboxes.push.listening import Heard
from tests.mailboxes.talking import Behaviour, Peer, Talker, talker

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
GREETING = "* OK [CAPABILITY IMAP4rev1 LOGINDISABLED] ready"

#: By the beginning of a command (in capitals), the lines before its end, and the end; "" for the usual OK.
Script = Mapping[str, tuple[list[str | bytes], str]]

USUAL: Script = {
    "CAPABILITY": (["* CAPABILITY IMAP4rev1 UIDPLUS MOVE AUTH=PLAIN SASL-IR SPECIAL-USE"], ""),
    "AUTHENTICATE": ([], ""),
    'LIST "" "*"': (['* LIST (\\Junk) "/" "Junk"'], ""),
    "LIST": (['* LIST () "/" ""'], ""),
    "EXAMINE": (["* 1 EXISTS", "* OK [UIDVALIDITY 7]", "* OK [UIDNEXT 2]"], "[READ-ONLY]"),
    "STATUS": (["* STATUS INBOX (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 7)"], ""),
    "UID FETCH 1 (UID INTERNALDATE RFC822.SIZE FLAGS)": (
        ['* 1 FETCH (UID 1 FLAGS () INTERNALDATE "01-Nov-2026 10:00:00 +0000" RFC822.SIZE 20)'],
        "",
    ),
}


def scripted(script: Script, greeting: str = GREETING) -> Behaviour:
    """The longest beginning that fits a command is what it is answered by."""
    lines = {**USUAL, **script}

    def behave(peer: Peer) -> None:
        peer.say(greeting)
        while command := peer.hear():
            tag, _, rest = command.decode("latin-1").partition(" ")
            if rest == "LOGOUT":
                return
            fitting = [name for name in lines if rest.upper().startswith(name.upper())]
            before, end = lines[max(fitting, key=len)] if fitting else ([], "")
            if end == "cut":
                peer.say(*before)
                peer.cut()
                return
            peer.say(*before, f"{tag} {end}" if end[:2] in ("NO", "BA") else f"{tag} OK {end}")

    return behave


def account(server: Talker, **changed: object) -> Account:
    values = {
        "host": "127.0.0.1",
        "port": server.port,
        "security": "none",
        "user": "approvals",
        "secret": SecretStr("s3cret"),
    }
    return Account(**(values | changed))  # type: ignore[arg-type]


def changes(script: Script) -> Page:
    with talker(scripted(script)) as server:
        connection = ImapConnection(account(server))
        try:
            return connection.changes({}, LONG_AGO, 100)
        finally:
            connection.close()


def test_the_script_itself_is_a_mailbox_with_one_mail_in_each_folder() -> None:
    page = changes({})
    assert [MailId.of(mail.server_id) for mail in page.seen] == [
        MailId(7, 1, b"INBOX"),
        MailId(7, 1, b"Junk"),
    ]
    assert page.complete


LISTED = "UID FETCH 1 (UID INTERNALDATE RFC822.SIZE FLAGS)"
NOT_READABLE: Mapping[str, Script] = {
    "a literal of ten gigabytes": {LISTED: (["* 1 FETCH (UID {9999999999}"], "cut")},
    "a literal whose length no number holds": {LISTED: (["* 1 FETCH (UID {" + "9" * 30 + "}"], "cut")},
    "a line without end": {LISTED: (["* 1 FETCH (UID " + "1 " * 100_000 + ")"], "")},
    "brackets without end": {LISTED: (["* 1 FETCH " + "(" * 60_000], "")},
    "names without values": {LISTED: (["* 1 FETCH (UID 1 FLAGS)"], "")},
    "no list at all": {LISTED: (["* 1 FETCH 17"], "")},
    "a number with a thousand digits": {LISTED: (["* 1 FETCH (UID " + "9" * 5000 + ")"], "")},
    "an answer to another command": {LISTED: (["P9999 OK done"], "")},
    "something else than an answer": {LISTED: (["HTTP/1.1 200 OK"], "")},
    "an unclosed string": {LISTED: (['* 1 FETCH (UID 1 INTERNALDATE "01-Nov'], "")},
    "a greeting in the middle": {"CAPABILITY": (["+ go on"] * 10_000, "")},
    "answers without end": {LISTED: (["* 1 EXISTS"] * (wire.MOST_RESPONSES + 10), "")},
}


@pytest.mark.parametrize("script", NOT_READABLE.values(), ids=NOT_READABLE)
def test_what_cannot_be_read_is_no_mailbox_and_takes_no_memory(script: Script) -> None:
    with pytest.raises(MailboxError) as caught:
        changes(script)
    assert caught.value.cause
    assert caught.value.cure
    assert len(caught.value.cause) < 400


#: As Courier opens a folder: without the next number.
WITHOUT_NEXT: tuple[list[str | bytes], str] = (["* 1 EXISTS", "* OK [UIDVALIDITY 7]"], "")
SEARCHED: Script = {"EXAMINE": WITHOUT_NEXT, "SELECT": WITHOUT_NEXT, "STATUS": ([], "")}
ODD: Mapping[str, tuple[Script, list[int]]] = {
    "mails that were not asked for": (
        {LISTED: (["* 9 FETCH (UID 99 FLAGS (\\Seen))", *USUAL[LISTED][0], "* 2 EXISTS", "* 1 RECENT"], "")},
        [1],
    ),
    "the same mail twice, at last with its flags alone": (
        {LISTED: ([*USUAL[LISTED][0], "* 1 FETCH (UID 1 FLAGS (\\Seen))"], "")},
        [1],
    ),
    "its number in another place": (
        {LISTED: (['* 1 fetch (RFC822.SIZE 20 INTERNALDATE "01-Nov-2026 10:00:00 +0000" uid 1)'], "")},
        [1],
    ),
    "no date, no size": (
        {LISTED: (["* 1 FETCH (UID 1 INTERNALDATE NIL RFC822.SIZE NIL FLAGS ())"], "")},
        [1],
    ),
    "a date that is none": (
        {LISTED: (['* 1 FETCH (UID 1 INTERNALDATE "99-Foo-99999 10:00:00 +9999" RFC822.SIZE 20)'], "")},
        [1],
    ),
    "a search for what is beyond the last mail, which finds the last": (
        {**SEARCHED, "UID SEARCH": (["* SEARCH 1"], "")},
        [1],
    ),
    "a search that finds what cannot be": (
        {**SEARCHED, "UID SEARCH": (["* SEARCH 0 1 99999999999 abc -5 (MODSEQ 917162500)"], "")},
        [1],
    ),
    "a next number that is not told of an open folder": (
        {
            **SEARCHED,
            'LIST "" "*"': ([], ""),
            "STATUS": ([], "NO it is open"),
            "UID SEARCH": (["* SEARCH 1"], ""),
        },
        [1],
    ),
    "a next number of another moment": (
        {
            **SEARCHED,
            "STATUS": (["* STATUS INBOX (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 7)"], ""),
            "UID SEARCH": (["* SEARCH 1"], ""),
        },
        [1],
    ),
    "a next number of another life": (
        {
            **SEARCHED,
            "STATUS": (["* STATUS INBOX (MESSAGES 1 UIDNEXT 1 UIDVALIDITY 8)"], ""),
            "UID SEARCH": (["* SEARCH 1"], ""),
        },
        [1],
    ),
    "a mail that is gone when it is listed": ({LISTED: ([], "")}, []),
}


@pytest.mark.parametrize(("script", "uids"), ODD.values(), ids=ODD)
def test_what_is_odd_is_read_all_the_same(script: Script, uids: list[int]) -> None:
    page = changes(script)
    inbox = [id_ for mail in page.seen if (id_ := MailId.of(mail.server_id)) and id_.folder == b"INBOX"]
    assert [id_.uid for id_ in inbox] == uids


def test_a_mail_that_is_larger_than_the_server_said_comes_as_its_header() -> None:
    literal = b"Subject: x\r\n\r\n"
    script: Script = {
        "UID FETCH 1 (UID INTERNALDATE RFC822.SIZE FLAGS BODY.PEEK[])": (
            ["* 1 FETCH (UID 1 BODY[] {3000000000}"],
            "cut",
        ),
        "UID FETCH 1 (UID INTERNALDATE RFC822.SIZE FLAGS BODY.PEEK[HEADER])": (
            [
                b'* 1 FETCH (UID 1 RFC822.SIZE 20 INTERNALDATE "01-Nov-2026 10:00:00 +0000" BODY[HEADER] {%d}\r\n%s)'
                % (len(literal), literal)
            ],
            "",
        ),
    }
    with talker(scripted(script)) as server:
        connection = ImapConnection(account(server))
        page = connection.changes({}, LONG_AGO, 100)
        [received] = connection.fetch(page.seen[:1], 1000)
        assert isinstance(received, Received)
        assert (received.too_large, received.raw) == (True, literal)
        connection.close()


def test_one_mail_that_the_server_cannot_give_does_not_stop_the_others() -> None:
    def mail(uid: int) -> bytes:
        return (
            b'* %d FETCH (UID %d RFC822.SIZE 20 INTERNALDATE "01-Nov-2026 10:00:00 +0000" BODY[] {4}\r\nA: b)'
            % (uid, uid)
        )

    items = "(UID INTERNALDATE RFC822.SIZE FLAGS BODY.PEEK[])"
    script: Script = {
        f"UID FETCH 1:3 {items}": ([], "NO [SERVERBUG] mail is corrupt"),
        f"UID FETCH 1 {items}": ([mail(1)], ""),
        f"UID FETCH 2 {items}": ([], "NO mail is corrupt"),
        f"UID FETCH 3 {items}": ([mail(3)], ""),
    }
    with talker(scripted(script)) as server:
        connection = ImapConnection(account(server))
        seen = [Seen(MailId(7, uid, b"INBOX").text, Folder.INBOX) for uid in (1, 2, 3)]
        one, two, three = connection.fetch(seen, 1000)
        assert isinstance(one, Received)
        assert isinstance(two, tuple)
        assert isinstance(two[1], MailError)
        assert isinstance(three, Received)
        connection.close()


# --- folders -------------------------------------------------------------------------------------------------

NAMES = {
    "quotes": b'A "quoted\\" name',
    "a command of its own": b'x"\r\nP9 DELETE INBOX\r\n',
    "bytes": b"\xff\xfe\x80",
    "modified UTF-7 that is none": b"&&&-&AAAA",
    "wildcards": b"*%*",
    "nothing but digits": b"2026",
}


def test_a_folder_whose_name_nothing_can_say_is_passed_over() -> None:
    page = changes({'LIST "" "*"': ([b'* LIST (\\Junk) "/" {3}\r\na\0b'], "")})
    assert [MailId.of(mail.server_id) for mail in page.seen] == [MailId(7, 1, b"INBOX")]
    assert page.complete


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_folder_that_is_called_anything_is_opened_by_that_and_by_nothing_more(name: bytes) -> None:
    """The server says that it is Junk."""
    literal = b'* LIST (\\Junk) "/" {%d}\r\n%s' % (len(name), name)
    opened_names: list[bytes] = []
    usual = scripted({'LIST "" "*"': ([literal], "")})

    def behave(peer: Peer) -> None:
        hear = peer.hear

        def and_take_literals() -> bytes:
            command = hear()
            if command.endswith(b"}"):
                size = int(command.rpartition(b"{")[2][:-1])
                peer.say("+ go on")
                content = peer.lines.read(size)
                assert peer.lines.readline() in (b"\r\n", b" (CONDSTORE)\r\n")
                opened_names.append(content)
                return command.partition(b"{")[0] + b'"literal"'
            if b" EXAMINE " in command:
                opened_names.append(unquoted(command.partition(b" EXAMINE ")[2]))
            return command

        peer.hear = and_take_literals  # type: ignore[method-assign]
        usual(peer)
        peer.lines.close()

    with talker(behave) as server:
        connection = ImapConnection(account(server))
        page = connection.changes({}, LONG_AGO, 100)
        connection.close()
    assert opened_names == [b"INBOX", name]
    assert page.complete
    assert not any(command.split()[1:2] == [b"DELETE"] for command in server.heard)


def unquoted(argument: bytes) -> bytes:
    assert argument[:1] == argument[-1:] == b'"'
    return argument[1:-1].replace(b'\\"', b'"').replace(b"\\\\", b"\\")


# --- before somebody is signed in ----------------------------------------------------------------------------


def refused(behaviour: Behaviour, **changed: object) -> tuple[MailboxError, Talker]:
    with talker(behaviour) as server, pytest.raises(MailboxError) as caught:
        opened(account(server, **changed))
    assert caught.value.not_done
    return caught.value, server


def test_starttls_that_is_refused_or_taken_out_ends_it_before_anything_secret_is_said() -> None:
    error, server = refused(scripted({"STARTTLS": ([], "BAD unknown command")}), security="starttls")
    assert isinstance(error, FixNeeded)
    assert "STARTTLS" in error.cause
    assert [line.split()[1] for line in server.heard if line] == [b"STARTTLS"]


def test_an_answer_injected_before_tls_ends_it() -> None:
    def behave(peer: Peer) -> None:
        peer.say(GREETING)
        tag = peer.hear().split()[0].decode()
        peer.say(f"{tag} OK begin TLS", "* CAPABILITY IMAP4rev1 AUTH=PLAIN", "P2 OK signed in")
        assert peer.lines.read(1) == b""  # not even a handshake is begun

    error, _ = refused(behave, security="starttls")
    assert isinstance(error, FixNeeded)
    assert "somebody in between" in error.cause


def test_a_server_that_signs_in_whoever_comes_is_left() -> None:
    error, server = refused(scripted({}, greeting="* PREAUTH welcome, root"), security="starttls")
    assert isinstance(error, FixNeeded)
    assert not any(server.heard)


@pytest.mark.parametrize(
    ("greeting", "kind"),
    [
        ("* BYE too many connections", Wait),
        ("220 smtp.example.com ESMTP", FixNeeded),
        ("+OK POP3 ready", FixNeeded),
        ("SSH-2.0-OpenSSH_9.9", FixNeeded),
    ],
)
def test_another_greeting(greeting: str, kind: type[MailboxError]) -> None:
    error, server = refused(scripted({}, greeting=greeting))
    assert isinstance(error, kind)
    assert not any(server.heard)


SIGN_INS: list[tuple[str, type[MailboxError], str]] = [
    ("NO [AUTHENTICATIONFAILED] no", SignInRefused, "does not take user name and password"),
    ("NO LOGIN failed.", SignInRefused, "does not take user name and password"),
    ("NO Invalid user or password, try again", SignInRefused, "does not take user name and password"),
    ("NO Account is temporarily locked", SignInRefused, "does not take user name and password"),
    ("NO [ALERT] Application-specific password required (Failure)", SignInRefused, "app password"),
    ("NO [EXPIRED] password", SignInRefused, "expired"),
    ("BAD User is authenticated but not connected.", FixNeeded, "IMAP is switched on"),
    ("NO [PRIVACYREQUIRED] not here", FixNeeded, "without TLS"),
    ("NO [UNAVAILABLE] Temporary authentication failure.", Wait, "busy"),
    ("NO [ALERT] Too many simultaneous connections. (Failure)", Wait, "busy"),
]


@pytest.mark.parametrize(("end", "kind", "words"), SIGN_INS)
def test_what_a_refused_sign_in_means(end: str, kind: type[MailboxError], words: str) -> None:
    error, _ = refused(scripted({"AUTHENTICATE": ([], end)}))
    assert type(error) is kind
    assert words in f"{error.cause} {error.cure}"
    assert "s3cret" not in repr(error.__dict__)


@pytest.mark.parametrize(
    ("lines", "kind", "words"),
    [
        ([], Wait, "was cut"),  # Dovecot, of a user whom its user database does not know
        (["* BYE Temporary problem, please try again later"], Wait, "busy"),  # Courier, and below
        (["* BYE [ALERT] Fatal error: Maildir: No such file or directory"], Wait, "No such file"),
        (["* BYE IMAP access disabled for this account."], FixNeeded, "switch IMAP on"),
        (["* BYE IMAP access disabled via insecure connection."], FixNeeded, "SSL/TLS"),
    ],
)
def test_a_sign_in_that_ends_the_connection(
    lines: list[str | bytes], kind: type[MailboxError], words: str
) -> None:
    error, _ = refused(scripted({"AUTHENTICATE": (lines, "cut")}))
    assert isinstance(error, kind)
    assert error.not_done
    assert words in f"{error.cause} {error.cure}"
    assert "s3cret" not in repr(error.__dict__)


def test_exchange_says_that_a_token_is_good_and_the_mailbox_is_not() -> None:
    """Exchange Online's words to a token of an application without permission for the mailbox."""

    class Tokens:
        def token(self) -> SecretStr:
            return SecretStr("a-token")

        def invalidate(self, token: SecretStr) -> None:
            pass

    script: Script = {
        "CAPABILITY": (["* CAPABILITY IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS IDLE"], ""),
        "AUTHENTICATE XOAUTH2": ([], "BAD User is authenticated but not connected."),
    }
    error, _ = refused(scripted(script), secret=Tokens())
    assert "does not open this mailbox" in error.cause
    assert "IMAP.AccessAsApp" in error.cure


def test_without_a_way_to_sign_in_nothing_is_said() -> None:
    script: Script = {"CAPABILITY": (["* CAPABILITY IMAP4rev1 LOGINDISABLED AUTH=GSSAPI"], "")}
    error, server = refused(scripted(script))
    assert "GSSAPI" in error.cause
    assert not isinstance(error, SignInRefused), "no password was offered"
    assert {line.split()[1] for line in server.heard if line} <= {b"CAPABILITY", b"LOGOUT"}


def test_a_password_that_needs_quotes_is_said_as_it_is() -> None:
    script: Script = {"CAPABILITY": (["* CAPABILITY IMAP4rev1"], ""), "LOGIN": ([], "")}
    with talker(scripted(script)) as server:
        opened(account(server, secret=SecretStr('s3"cr\\et'))).close()
    assert any(line.endswith(b'LOGIN "approvals" "s3\\"cr\\\\et"') for line in server.heard)
    with talker(scripted(script)) as server, pytest.raises(FixNeeded, match="control character"):
        opened(account(server, secret=SecretStr("a\r\nb")))


# --- what breaks off -----------------------------------------------------------------------------------------


def test_a_connection_that_was_closed_meanwhile_is_made_again() -> None:
    cut = threading.Event()

    def first(peer: Peer) -> None:
        hear = peer.hear

        def until_cut() -> bytes:
            command = hear()
            return b"" if cut.is_set() else command

        peer.hear = until_cut  # type: ignore[method-assign]
        scripted({})(peer)
        peer.cut()
        peer.lines.close()

    with talker(first, scripted({})) as server:
        connection = ImapConnection(account(server))
        page = connection.changes({}, LONG_AGO, 100)
        cut.set()
        again = connection.changes(page.cursor, LONG_AGO, 100)
        assert (again.complete, server.connections) == (True, 2)
        connection.close()


def test_a_server_that_says_nothing_does_not_hold_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("placet.mailboxes.imap.client.GREETED", wire.Limits(seconds=0.3))
    began = time.monotonic()

    def drips(peer: Peer) -> None:
        while True:
            peer.say_raw(b"*")
            time.sleep(0.05)

    error, _ = refused(drips)
    assert isinstance(error, Wait)
    assert time.monotonic() - began < 30


MARKS: list[tuple[str, type[Exception]]] = [
    ("NO [OVERQUOTA] no room", FixNeeded),
    ("NO [NOPERM] not yours", FixNeeded),
    ("NO [UNAVAILABLE] later", Wait),
]


@pytest.mark.parametrize(("end", "kind"), MARKS)
def test_a_move_that_is_refused_for_the_whole_mailbox_uses_up_no_mails_tries(
    end: str, kind: type[MailboxError]
) -> None:
    script: Script = {
        "SELECT": (["* 1 EXISTS", "* OK [UIDVALIDITY 7]", "* OK [PERMANENTFLAGS (\\Seen \\*)]"], ""),
        'LIST "" "Placet"': (['* LIST () "/" Placet'], ""),
        "UID MOVE": ([], end),
    }
    with talker(scripted(script)) as server:
        connection = ImapConnection(account(server))
        with pytest.raises(kind):
            list(connection.mark(["7.1.INBOX"], Action.MOVE, "Placet"))
        connection.close()


def test_a_move_of_one_mail_that_is_refused_is_that_mails_and_an_unknown_id_its_own() -> None:
    script: Script = {
        "SELECT": (["* 1 EXISTS", "* OK [UIDVALIDITY 7]"], ""),
        'LIST "" "Placet"': (['* LIST () "/" Placet'], ""),
        "UID MOVE 1:2": ([], "NO one of them cannot be moved"),
        "UID MOVE 2": ([], "NO it cannot be moved"),
        "UID MOVE 1 ": ([], "[COPYUID 8 1 5] done"),
    }
    with talker(scripted(script)) as server:
        connection = ImapConnection(account(server))
        outcomes = dict(connection.mark(["7.1.INBOX", "7.2.INBOX", "AAMk="], Action.MOVE, "Placet"))
        connection.close()
    assert outcomes["7.1.INBOX"] == "8.5.Placet"
    assert isinstance(outcomes["7.2.INBOX"], MailError)
    assert isinstance(outcomes["AAMk="], MailError)


COPYUIDS: dict[str, str] = {
    "of another length": "[COPYUID 8 1 5:9]",
    "without end": "[COPYUID 8 1 1:4294967295]",
    "no numbers": "[COPYUID x y z]",
    "backwards": "[COPYUID 8 1 9:5]",
    "numbers of five thousand digits": f"[COPYUID 8 1 {'9' * 5000}]",
    "a count of names of five thousand digits": f"[COPYUID {'9' * 5000} 1 5]",
    "ranges without end": f"[COPYUID 8 {','.join(['1:1001'] * 9000)} {','.join(['1:1001'] * 9000)}]",
    "a number that no mail can have": "[COPYUID 8 1 99999999999]",
}


@pytest.mark.parametrize("end", COPYUIDS.values(), ids=COPYUIDS)
def test_a_new_id_that_cannot_be_is_not_believed(end: str) -> None:
    script: Script = {
        "SELECT": (["* 1 EXISTS", "* OK [UIDVALIDITY 7]"], ""),
        'LIST "" "Placet"': (['* LIST () "/" Placet'], ""),
        "UID MOVE": ([], f"{end} done"),
    }
    with talker(scripted(script)) as server:
        connection = ImapConnection(account(server))
        tracemalloc.start()
        try:
            assert dict(connection.mark(["7.1.INBOX"], Action.MOVE, "Placet")) == {"7.1.INBOX": "7.1.INBOX"}
            assert tracemalloc.get_traced_memory()[1] < 4_000_000
        finally:
            tracemalloc.stop()
        connection.close()


# --- what never ends -----------------------------------------------------------------------------------------


def test_a_flood_of_new_mail_is_told_of_once_a_second_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each word of new mail has the mailbox looked into; and a thread that only reads lines does nothing else."""
    monkeypatch.setattr(idle, "MOST_SAID", 20_000)

    def floods(peer: Peer) -> None:
        idles = scripted({"CAPABILITY": (["* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR IDLE"], "")})
        hear = peer.hear

        def until_idle() -> bytes:
            command = hear()
            if not command.endswith(b" IDLE"):
                return command
            peer.say("+ idling")
            for number in range(2, 1_000_000, 1000):
                peer.say(*(f"* {number + more} EXISTS" for more in range(1000)))
            return b""

        peer.hear = until_idle  # type: ignore[method-assign]
        with suppress(OSError):  # the client went away
            idles(peer)
        peer.lines.close()

    heard = []
    began = time.monotonic()
    with talker(floods) as server, pytest.raises(FixNeeded) as caught:
        for event in idle.ImapListening(account(server)):
            heard.append(event)
    news = [event for event in heard if event is Heard.NEWS]
    assert 1 <= len(news) <= time.monotonic() - began + 2
    assert "no mail server" in caught.value.cause


def test_new_mail_that_came_within_the_second_is_told_of_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idle, "APART", 0.5)

    def two_soon(peer: Peer) -> None:
        hear = peer.hear

        def until_idle() -> bytes:
            command = hear()
            if command.endswith(b" IDLE"):
                peer.say("+ idling", "* 2 EXISTS")
                time.sleep(0.2)
                peer.say("* 3 EXISTS")
                return hear()
            return command

        peer.hear = until_idle  # type: ignore[method-assign]
        scripted({"CAPABILITY": (["* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR IDLE"], "")})(peer)
        peer.lines.close()

    with talker(two_soon) as server:
        listening = idle.ImapListening(account(server))
        events = iter(listening)
        assert [next(events) for _ in range(3)] == [Heard.OPENED, Heard.NEWS, Heard.NEWS]
        events.close()  # type: ignore[attr-defined]
