"""Replies that answer nothing and ask for something else."""

from dataclasses import replace

import pytest

from placet.mailboxes.base import Folder, Received
from placet.replies.languages import SHARED
from placet.replies.parse import Mail, OwnMail, parse
from placet.replies.read import read
from placet.replies.read_command import Command, Kind, answers_beside, read_command
from placet.replies.read_own import _own
from placet.replies.read_vocabulary import vocabulary
from placet.replies.refusals import Unclear
from tests.attacks.test_lost_instructions import mail
from tests.replies.test_limits import steps
from tests.words import LANGUAGES

KNOWN = vocabulary()
ANSWERING = {code: one for code, one in LANGUAGES.items() if one.answer.approve and code != SHARED}


def mail_of(text: str) -> Mail:
    raw = mail(text)
    return parse(Received("1", Folder.INBOX, raw, "", "", None, len(raw)), OwnMail("", ""))


def command_of(mail: Mail) -> Command | None:
    return read_command(mail, KNOWN)


def command_in(text: str) -> Command | None:
    return command_of(mail_of(text))


@pytest.mark.parametrize("code", sorted(ANSWERING))
def test_each_language_that_answers_are_read_in_has_every_command(code: str) -> None:
    words = ANSWERING[code].command
    for text in words.help:
        assert command_in(text.capitalize() + "!") == Command(Kind.HELP), text
    for text in words.status:
        assert command_in(f"{text}?") == Command(Kind.STATUS), text
    for text in words.undo:
        assert command_in(text.upper() + ".") == Command(Kind.UNDO), text
    for text in words.question:
        asked = command_in(f"{text.capitalize()}: Wer zahlt das 2027?\n\nUnd woraus?")
        assert asked == Command(Kind.QUESTION, "Wer zahlt das 2027?\n\nUnd woraus?"), text
    for text in words.give:
        given = command_in(text.replace("{name}", "Bob O'Neill-Żak") + ".")
        assert given == Command(Kind.GIVE, "Bob O'Neill-Żak"), text


@pytest.mark.parametrize("code", sorted(ANSWERING))
def test_no_command_is_an_answer(code: str) -> None:
    words = ANSWERING[code].command
    given = [text.replace("{name}", "Bob Smith") for text in words.give]
    asked = [f"{text}: Warum 3 Stück?" for text in words.question]
    for text in (*words.help, *words.status, *words.undo, *given, *asked):
        with pytest.raises(Unclear):
            read(mail_of(text), ("approve", "reject"), KNOWN)


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("help", Command(Kind.HELP)),
        ("Help please", Command(Kind.HELP)),
        ("Please help.", Command(Kind.HELP)),
        ("Hi,\n\nhelp!\n\nKind regards\nBob Smith", Command(Kind.HELP)),
        ("?", Command(Kind.HELP)),
        ("???", Command(Kind.HELP)),
        ("Status, please", Command(Kind.STATUS)),
        ("Hallo Placet,\nhilfe", Command(Kind.HELP)),
        ("aide", Command(Kind.HELP)),
        ("Où en est-on ?", Command(Kind.STATUS)),
        ("Question : qui paie ?", Command(Kind.QUESTION, "qui paie ?")),
        ("QUESTION:\nWho pays?", Command(Kind.QUESTION, "Who pays?")),
        ("质问：什么？", None),
        ("问题：谁付款？", Command(Kind.QUESTION, "谁付款？")),
        ("Hi\nQuestion: who pays?\n\nBest regards\nBob", Command(Kind.QUESTION, "who pays?")),
        ("Ruckfrage: wer zahlt?", Command(Kind.QUESTION, "wer zahlt?")),
        ("Give to Bob Smith", Command(Kind.GIVE, "Bob Smith")),
        ("give this  to bob@example.com", Command(Kind.GIVE, "bob@example.com")),
        ("Give to Bob Smith: he knows them", Command(Kind.GIVE, "Bob Smith", "he knows them")),
        ("Give to Bob Smith\nHe knows them.", Command(Kind.GIVE, "Bob Smith", "He knows them.")),
        ("Give to: Bob", None),
        ("Bitte an Karin Meier weitergeben", Command(Kind.GIVE, "Karin Meier")),
        ("鈴木さんに渡してください", Command(Kind.GIVE, "鈴木")),
        # None of these is one, or not for certain.
        ("", None),
        ("Help him, I approve", None),
        ("I need your help with this", None),
        ("Question", None),
        ("Question: ?", None),
        ("The question: who pays?", None),
        ("I gave this to Bob", None),
        ("Give to", None),
        ("Give to ...", None),
        ("help\n\nBest regards\nBob Smith\nPlease do not order before March, and only two of them", None),
    ],
)
def test_what_is_a_command(text: str, command: Command | None) -> None:
    assert command_in(text) == command


@pytest.mark.parametrize(
    ("text", "answers"),
    [
        ("Question: who pays for it? Approved.", True),
        ("Question: who pays for it?\nApproved", True),
        ("Question: who pays? I reject this.", True),
        ("Frage: wer zahlt? Genehmigt!", True),
        ("Give to Bob Smith: yes", True),
        ("Give to Bob Smith\nRejected.", True),
        ("Question: can this be approved before March?", False),
        ("Question: was it rejected last year? By whom?", False),
        ("Question: tell me who pays for it.", False),
        ("Give to Bob Smith: he knows the supplier", False),
        ("Question: " + "No idea. " * 70, True),
    ],
)
def test_a_statement_beside_a_command_may_be_an_answer(text: str, answers: bool) -> None:
    command = command_in(text)
    assert command is not None
    assert answers_beside(command, ("approve", "reject"), KNOWN) is answers


def test_words_between_quoted_lines_may_be_another_answer() -> None:
    def with_quoted(text: str) -> Mail:
        return replace(mail_of(text), quoted_else="Approved, but only two")

    assert read_command(with_quoted("Question: who pays?"), KNOWN) is None
    assert read_command(with_quoted("Give to Bob Smith"), KNOWN) is None
    assert read_command(with_quoted("help"), KNOWN) == Command(Kind.HELP)


def test_a_steps_own_word_is_its_answer() -> None:
    own = _own((("help", ("Help", "Undo"), True),))
    assert read_command(mail_of("Help."), KNOWN, own) is None
    assert read_command(mail_of("Status"), KNOWN, own) == Command(Kind.STATUS)


def test_what_misleads_the_eye_is_no_command() -> None:
    assert command_in("give to B\u202eob") is None
    assert command_in("he\u200blp") is None


@pytest.mark.parametrize(
    "piece", ["give to ", "x ", ":", "please ", "question ", "an ", " ", "?", "\n", "help\n"]
)
def test_twice_the_text_is_twice_the_work(piece: str) -> None:
    once, twice = mail_of("give to " + piece * 300), mail_of("give to " + piece * 600)
    command_of(once)  # what is made once is made
    assert steps(lambda: command_of(twice)) <= 2.2 * steps(lambda: command_of(once)) + 200


@pytest.mark.parametrize(
    "greeting",
    [
        "Hi, no.",
        "Hi all! Rejected!",
        "Hello, not approved",
        "Hallo, abgelehnt, bis das geklärt ist.",
        "Dear all, this is rejected because it is too dear.",
        "Hello, I would rather reject this.",
        "Hi, go ahead",
        "Hello, but not today",
        "Hi, Escalate",
    ],
)
@pytest.mark.parametrize("command", ["Question: who pays?", "Help", "Status"])
def test_a_greeting_that_says_more_is_not_left_out(greeting: str, command: str) -> None:
    """Whoever writes it means one of the two; a mail that was taken for a question would lose the other."""
    own = _own((("escalate", ("Escalate",), True),))
    assert read_command(mail_of(f"{greeting}\n\n{command}"), KNOWN, own) is None


@pytest.mark.parametrize(
    "greeting", ["Hi Bob,", "Dear Dr. O'Neill-Żak,", "Hallo Placet", "Good morning, Alice!", "Dear all"]
)
def test_a_greeting_with_a_name_is_left_out(greeting: str) -> None:
    assert command_in(f"{greeting}\n\nQuestion: who pays?") == Command(Kind.QUESTION, "who pays?")
