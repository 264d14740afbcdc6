"""What the mail log keeps of a mail: what was made of it, in bounds, and without reply codes."""

import pytest

from placet.accounts.models import Person
from placet.alarms.messages import why_returned
from placet.approvals.models import AskLine
from placet.approvals.proofs import Level
from placet.mail.models import IncomingMail
from placet.mailboxes.base import Folder, Received
from placet.mailboxes.microsoft.settings import ExchangeSettings
from placet.replies import tell
from placet.replies.entry import Reply
from placet.replies.parse import OwnMail, parse
from placet.replies.prove import Proof
from placet.replies.read_digest import LineAsked, read_entries
from placet.replies.read_result import Answer
from placet.replies.read_vocabulary import vocabulary
from placet.replies.tell_digest import _understood
from tests.mail.test_tasks import with_settings
from tests.making import SAMPLE, make_mailbox, start

CODE = "abcdefghijklmno2"


@pytest.fixture
def settings_of_a_mailbox() -> ExchangeSettings:
    return with_settings()


def reply(settings: ExchangeSettings, head: str, text: str = "Approve") -> Reply:
    raw = f"From: bob@contoso.example\r\nTo: approvals@contoso.example\r\n{head}\r\n\r\n{text}\r\n"
    received = Received("1", Folder.INBOX, raw.encode(), raw, "IPM.Note", None, len(raw))
    mail = parse(received, OwnMail("approvals@contoso.example", ""))
    return Reply(IncomingMail(), "claim", settings, mail=mail, code=CODE)


def test_what_others_wrote_is_kept_in_bounds(settings_of_a_mailbox: ExchangeSettings) -> None:
    stamps = [
        f"X-MS-Exchange-Organization-{name}: {'a' * 300}"
        for name in ("AuthAs", "AuthMechanism")
        for _ in range(7)
    ]
    one = reply(settings_of_a_mailbox, "\r\n".join([f"Subject: {'s' * 9000}", *stamps]), "t " * 9000)
    one.answer = Answer("approve", "c" * 9000, ("yes",), "en")
    kept = tell.verdict(one)
    assert len(kept["subject"]) == len(kept["new_text"]) == len(kept["comment"]) == tell.LONGEST_SHOWN
    for name in ("auth_as", "auth_mechanism"):
        assert [len(value) for value in kept[name]] == [tell.LONGEST_STAMP] * 5
    assert (kept["outcome"], kept["rests_on"]) == ("approve", ["yes"])
    assert (kept["from"], kept["automatic"]) == ("bob@contoso.example", None)


def test_how_the_sender_was_proved_is_kept(settings_of_a_mailbox: ExchangeSettings) -> None:
    one = reply(settings_of_a_mailbox, "Subject: x")
    assert "proof" not in tell.verdict(one)
    one.proof = Proof(Level.COLLEAGUE, "bob@contoso.example", "mail", auth_as="Internal", mechanism="04")
    assert tell.verdict(one)["proof"] == one.proof.as_json()


def test_reply_codes_are_left_out_wherever_they_stand(settings_of_a_mailbox: ExchangeSettings) -> None:
    one = reply(settings_of_a_mailbox, f"Subject: Re: [#{CODE}] {CODE.upper()}", f"My code is {CODE}.")
    one.answer = Answer("approve", CODE, (CODE,), "en")
    kept = tell.verdict(one, refusal={"places": [CODE, {"more": CODE}], "number": 1})
    assert CODE not in repr(kept).lower()
    assert kept["refusal"] == {"places": ["…", {"more": "…"}], "number": 1}
    assert tell.verdict(Reply(IncomingMail(), "claim", settings_of_a_mailbox), shown=True) == {"shown": True}


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("5.1.1", "the address does not exist (5.1.1)"),
        ("4.2.2", "the mailbox does not take mail (4.2.2)"),
        ("5.7.1", "the mail was refused (5.7.1)"),
        ("5.4.14", "not delivered (5.4.14)"),
        ("1.4.7", "not delivered (1.4.7)"),
        ("", ""),
        ("5.1", ""),
        ("5.1.1.1", ""),
    ],
)
def test_why_a_mail_came_back_is_said_in_our_words(status: str, reason: str) -> None:
    assert why_returned(status) == reason


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("known", "proved", "named"), [(True, True, True), (True, False, False), (False, False, False)]
)
def test_whose_a_mail_is_stands_in_the_log_once_that_is_proved(
    settings_of_a_mailbox: ExchangeSettings,
    alice: Person,
    bob: Person,
    known: bool,
    proved: bool,
    named: bool,
) -> None:
    """A code alone is nobody's: whoever has seen it may send it."""
    make_mailbox()
    request = start(SAMPLE, alice)
    one = reply(settings_of_a_mailbox, "Subject: x")
    line = AskLine.objects.get()
    one.line = line if known else None
    one.proof = Proof(Level.COLLEAGUE, "bob@contoso.example", "mail") if proved else None
    logged = tell.logged_as(one, "unclear", "…", told=True)
    assert (logged.result, logged.reason, logged.person) == ("unclear", "…", bob.pk if named else None)
    assert logged.verdict["told"] is True
    ask = {"ask": str(line.ask.public_id), "request": request.number}
    assert {name: logged.verdict[name] for name in ask if name in logged.verdict} == (ask if known else {})


def test_a_line_of_a_digest_that_names_what_was_written_is_quoted_once() -> None:
    """French puts a no-break space before a question mark."""
    asked = [LineAsked(number) for number in range(1, 4)]
    [entry] = read_entries("2-3 Duquel s’agit-il\N{NO-BREAK SPACE}?", asked, vocabulary()).entries
    assert _understood(entry, ()).count("Duquel") == 1
