"""Gmail and Exchange as they answer by IMAP, in their own forms, from their documentation and public sessions: neither
was asked. Each says of its folders and mails what holds of no other server."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from placet.mailboxes.base import Action, Folder, MailError
from placet.mailboxes.imap.connection import Choices, ImapConnection
from placet.mailboxes.imap.ids import MailId
from tests.mailboxes.talking import Talker, talker

from .test_hostile_servers import LONG_AGO, Script, account, scripted

MAIL = '* 1 FETCH (UID 4 RFC822.SIZE 20 INTERNALDATE "01-Nov-2026 10:00:00 +0000" FLAGS ())'
LISTED = "UID FETCH {uids} (UID INTERNALDATE RFC822.SIZE FLAGS)"
SENT_MAIL = b"Message-ID: <ask@example.test>\r\nSubject: Ask\r\n\r\nPlease decide\r\n"


def opened(exists: int = 1, uidnext: int = 5, flags: str = "") -> tuple[list[str | bytes], str]:
    lines: list[str | bytes] = [
        f"* OK [PERMANENTFLAGS ({flags})]", "* OK [UIDVALIDITY 7]", f"* {exists} EXISTS", f"* OK [UIDNEXT {uidnext}]",
    ]  # fmt: skip
    return lines, ""


#: A label is a folder, and a mail lies in that of each of its labels and in All Mail. Names are in the language of the
#: account.
GMAIL: Script = {
    "CAPABILITY": (
        [
            "* CAPABILITY IMAP4rev1 UNSELECT IDLE NAMESPACE ID XLIST CHILDREN X-GM-EXT-1 UIDPLUS ENABLE MOVE CONDSTORE "
            "ESEARCH LIST-EXTENDED LIST-STATUS LITERAL- SPECIAL-USE SASL-IR AUTH=PLAIN"
        ],
        "Thats all she wrote!",
    ),
    "AUTHENTICATE": ([], "approvals@example.test authenticated (Success)"),
    "NAMESPACE": (['* NAMESPACE (("" "/")) NIL NIL'], "Success"),
    'LIST (SPECIAL-USE) "" "*"': (
        [
            '* LIST (\\All \\HasNoChildren) "/" "[Gmail]/Alle Nachrichten"',
            '* LIST (\\HasNoChildren \\Trash) "/" "[Gmail]/Papierkorb"',
            '* LIST (\\HasNoChildren \\Sent) "/" "[Gmail]/Gesendet"',
            '* LIST (\\HasNoChildren \\Junk) "/" "[Gmail]/Spam"',
        ],
        "Success",
    ),
    'LIST "" "Placet"': (['* LIST (\\HasNoChildren) "/" "Placet"'], "Success"),
    'EXAMINE "INBOX"': opened(),
    'EXAMINE "[Gmail]/Spam"': opened(0),
    'EXAMINE "[Gmail]/Gesendet"': opened(),
    'SELECT "INBOX"': opened(flags="\\Seen \\Deleted $Forwarded \\*"),
    'STATUS "INBOX"': (['* STATUS "INBOX" (MESSAGES 1 UIDNEXT 5 UIDVALIDITY 7 HIGHESTMODSEQ 12)'], ""),
    LISTED.format(uids="1:4"): ([MAIL], "Success"),
    LISTED.format(uids="4"): ([MAIL], "Success"),
    'UID MOVE 4 "Placet"': (["* OK [COPYUID 9 4 1] (Success)", "* 1 EXPUNGE"], "(Success)"),
    'UID MOVE 4 "[Gmail]/Papierkorb"': (["* OK [COPYUID 8 4 6] (Success)", "* 1 EXPUNGE"], "(Success)"),
    "UID SEARCH SINCE": (["* SEARCH 3"], "SEARCH completed (Success)"),
}  # fmt: skip
#: It names no folder's use, keeps no marks but its own, and has had no MOVE for long.
EXCHANGE: Script = {
    "CAPABILITY": (
        ["* CAPABILITY IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS ID UNSELECT CHILDREN IDLE NAMESPACE"],
        "CAPABILITY completed.",
    ),
    "NAMESPACE": (['* NAMESPACE (("" "/")) NIL NIL'], "NAMESPACE completed."),
    'LIST "" "%"': (
        [
            '* LIST (\\Marked \\HasNoChildren) "/" "INBOX"',
            '* LIST (\\HasNoChildren) "/" "Gel&APY-schte Elemente"',
            '* LIST (\\HasNoChildren) "/" "Gesendete Elemente"',
            '* LIST (\\HasNoChildren) "/" Junk-E-Mail',
        ],
        "LIST completed.",
    ),
    'LIST "" "INBOX/%"': ([], "LIST completed."),
    'LIST "" "Placet"': (['* LIST (\\HasNoChildren) "/" Placet'], "LIST completed."),
    'EXAMINE "INBOX"': opened(),
    'EXAMINE "Junk-E-Mail"': opened(0),
    'EXAMINE "Placet"': opened(0),
    'EXAMINE "Gel&APY-schte Elemente"': opened(0),
    'SELECT "INBOX"': opened(flags="\\Seen \\Answered \\Flagged \\Deleted \\Draft $MDNSent"),
    'STATUS "INBOX"': (['* STATUS INBOX (MESSAGES 1 UIDNEXT 5 UIDVALIDITY 7)'], ""),
    LISTED.format(uids="1:4"): ([MAIL], "FETCH completed."),
    LISTED.format(uids="4"): ([MAIL], "FETCH completed."),
    "UID FETCH 4 (UID INTERNALDATE RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS": (
        [MAIL.replace("FLAGS ()", "FLAGS () BODY[HEADER.FIELDS (MESSAGE-ID)] {4}\r\n\r\n\r\n")], "FETCH completed.",
    ),
    "UID COPY 4": ([], "[COPYUID 9 4 1] COPY completed."),
}  # fmt: skip


@contextmanager
def connected(script: Script, **choices: str) -> Iterator[tuple[ImapConnection, Talker]]:
    with talker(scripted(script)) as server:
        connection = ImapConnection(account(server), Choices(**choices))
        try:
            yield connection, server
        finally:
            connection.close()


def commands(server: Talker, *verbs: str) -> list[str]:
    said = [line.decode("latin-1").partition(" ")[2] for line in server.heard]
    return [one.removesuffix(" (CONDSTORE)") for one in said if one.startswith(verbs)]


def marked(connection: ImapConnection, action: Action) -> Mapping[str, str | MailError]:
    return dict(connection.mark(["7.4.INBOX"], action, "Placet"))


def test_a_mail_with_many_labels_is_one_mail_and_spam_is_read_in_any_language() -> None:
    with connected(GMAIL) as (connection, server):
        page = connection.changes({}, LONG_AGO, 100)
    assert [(MailId.of(mail.server_id), mail.folder) for mail in page.seen] == [
        (MailId(7, 4, b"INBOX"), Folder.INBOX)
    ]
    assert page.complete
    assert commands(server, "EXAMINE", "SELECT") == ['EXAMINE "INBOX"', 'EXAMINE "[Gmail]/Spam"']


@pytest.mark.parametrize(
    ("action", "label", "id_"),
    [(Action.MOVE, "Placet", "9.1.Placet"), (Action.DELETE, "[Gmail]/Papierkorb", "8.6.[Gmail]/Papierkorb")],
)
def test_what_is_put_away_loses_the_label_of_inbox(action: Action, label: str, id_: str) -> None:
    """An EXPUNGE would do what the account's owner chose for it: archive, or delete for good."""
    with connected(GMAIL) as (connection, server):
        assert marked(connection, action) == {"7.4.INBOX": id_}
    assert commands(server, "UID MOVE", "UID STORE", "UID EXPUNGE", "EXPUNGE") == [f'UID MOVE 4 "{label}"']


def test_what_gmail_has_put_into_sent_is_not_put_there_again() -> None:
    with connected(GMAIL) as (connection, server):
        connection.keep_sent(SENT_MAIL)
    assert commands(server, "APPEND", "CREATE") == []
    assert commands(server, "EXAMINE") == ['EXAMINE "[Gmail]/Gesendet"']


def test_a_server_with_xlist_alone_names_them_too() -> None:
    """Gmail before RFC 6154."""
    first = {name: answer for name, answer in GMAIL.items() if not name.startswith("LIST (SPECIAL-USE)")}
    script: Script = {
        **first,
        "CAPABILITY": (["* CAPABILITY IMAP4rev1 IDLE NAMESPACE XLIST X-GM-EXT-1 UIDPLUS SASL-IR AUTH=PLAIN"], ""),
        'XLIST "" "*"': (
            [
                '* XLIST (\\HasNoChildren \\Inbox) "/" "Posteingang"',
                '* XLIST (\\HasNoChildren \\Spam) "/" "[Gmail]/Spam"',
            ],
            "Success",
        ),
    }  # fmt: skip
    with connected(script) as (connection, server):
        assert connection.changes({}, LONG_AGO, 100).complete
    assert commands(server, "EXAMINE") == ['EXAMINE "INBOX"', 'EXAMINE "[Gmail]/Spam"']


def test_exchange_s_folders_are_known_by_their_names_in_the_mailbox_s_language() -> None:
    with connected(EXCHANGE) as (connection, server):
        page = connection.changes({}, LONG_AGO, 100)
    assert ([mail.server_id for mail in page.seen], page.complete) == (["7.4.INBOX"], True)
    assert commands(server, "EXAMINE") == ['EXAMINE "INBOX"', 'EXAMINE "Junk-E-Mail"']


@pytest.mark.parametrize(
    ("action", "folder"), [(Action.MOVE, "Placet"), (Action.DELETE, "Gel&APY-schte Elemente")]
)
def test_without_move_and_keywords_that_one_mail_is_copied_and_taken_out(action: Action, folder: str) -> None:
    with connected(EXCHANGE) as (connection, server):
        assert marked(connection, action) == {"7.4.INBOX": f"9.1.{folder}"}
    assert commands(server, "EXAMINE", "UID COPY", "UID STORE", "UID EXPUNGE", "EXPUNGE") == [
        f'EXAMINE "{folder}"',  # no keyword can say that a copy was begun: whether there is one is looked for
        f'UID COPY 4 "{folder}"',
        "UID STORE 4 +FLAGS.SILENT (\\Deleted)",
        "UID EXPUNGE 4",
    ]
