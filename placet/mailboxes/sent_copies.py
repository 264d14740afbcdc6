"""Our own mails in Sent Items: knowing them again, whatever the server made of their Message-ID."""

import email
import email.errors
import email.policy
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from .base import MailError, Received, Seen, SentMail

SENT_LARGEST = 40 * 1024 * 1024  # bytes; Exchange Online sends no larger mail unless told so
SENT_SLACK = timedelta(minutes=5)  # clocks differ


def mentions(received: Received | tuple[Seen, MailError], reference: str) -> bool:
    """Whether a mail of ours holds `reference`: in its bytes, or in what its encodings hide."""
    if not isinstance(received, Received) or not reference:
        return False
    wanted = reference.lower().encode()
    if wanted in received.raw.lower() or wanted in received.transport_headers.lower().encode():
        return True
    try:
        mail = email.message_from_bytes(received.raw, policy=email.policy.default)
        texts = [str(mail.get("Subject", ""))]
        parts = [
            part.get_payload(decode=True) for part in mail.walk() if part.get_content_maintype() == "text"
        ]
    except (email.errors.MessageError, ValueError, LookupError, RecursionError):
        return False  # not a mail that Placet wrote
    return any(wanted in text.lower().encode() for text in texts) or any(
        wanted in part.lower() for part in parts if isinstance(part, bytes)
    )


LEAST_LISTED = 25  # mails of Sent Items in one list, where few are looked for
MOST_LISTED = 10_000  # newest mails of Sent Items that one look goes through


@dataclass(frozen=True)
class Copy:
    """A mail as Sent Items lists it."""

    seen: Seen
    subject: str
    message_id: str
    from_: str = ""  # as in SentCopy


Fetch = Callable[[Sequence[Seen]], Iterable[Received | tuple[Seen, MailError]]]


def same_subject(one: str, other: str) -> bool:
    return _folded(one) == _folded(other)


def _folded(subject: str) -> str:
    """Exchange folds blanks."""
    return " ".join(subject.split())


def copies_of(sent: Sequence[SentMail], pages: Iterator[Sequence[Copy]], fetch: Fetch) -> dict[str, Copy]:
    """By reference, the copy of each mail. `pages` are lists of Sent Items, the newest first, and are read as far as
    they are needed, and no further than MOST_LISTED. The subjects of mails that are answered hold their reply codes, so
    they tell most of them apart; where a subject stands more than once, the mails themselves are fetched."""
    waiting = {mail.message_id: mail for mail in sent}
    copies: dict[str, Copy] = {}
    others: dict[str, list[Copy]] = {}  # by subject
    listed = 0
    for page in pages:
        listed += len(page)
        for copy in page:
            if (mail := waiting.pop(copy.message_id, None)) is not None:
                copies[mail.reference] = copy
            else:
                others.setdefault(_folded(copy.subject), []).append(copy)
        if listed >= MOST_LISTED or all(_folded(mail.subject) in others for mail in waiting.values()):
            break
    alike = Counter(_folded(mail.subject) for mail in waiting.values())
    for mail in waiting.values():
        subject = _folded(mail.subject)
        same = [copy for copy in others.get(subject, ()) if copy.message_id]
        if copy_of_it := same[0] if len(same) == alike[subject] == 1 else _that_mentions(mail, same, fetch):
            copies[mail.reference] = copy_of_it
    return copies


def _that_mentions(mail: SentMail, copies: Sequence[Copy], fetch: Fetch) -> Copy | None:
    by_id = {copy.seen.server_id: copy for copy in copies}
    for received in fetch([copy.seen for copy in copies]):
        if isinstance(received, Received) and mentions(received, mail.reference):
            return by_id[received.server_id]
    return None
