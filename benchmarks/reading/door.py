"""A mail as bytes to what the reader makes of it, by the functions that the path of a reply calls."""

from placet.mailboxes.base import Folder, Received
from placet.replies.parse import Mail, OwnMail, parse
from placet.replies.parse.original import Original, without_original
from placet.replies.read import read_mail
from placet.replies.read_facts import UNKNOWN, About
from placet.replies.read_questions import Questions
from placet.replies.read_result import Reading

OWN = OwnMail("approvals@contoso.example", "placet.contoso.example")


def parsed(raw: bytes, original: Original | None = None) -> Mail:
    """With `original`, what stands in the mail that was answered is cut too. Raises Unparseable for what is
    beyond the limits."""
    mail = parse(Received("1", Folder.INBOX, raw, "", "IPM.Note", None, len(raw)), OWN)
    return without_original(mail, original) if original else mail


def reading(
    raw: bytes, original: Original | None = None, questions: Questions | None = None, about: About = UNKNOWN
) -> Reading:
    return read_mail(parsed(raw, original), about=about, questions=questions)
