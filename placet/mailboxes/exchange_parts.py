"""What the ways to an Exchange mailbox share: folders by path, header blocks, and knowing one's own mail again."""

import email
import email.errors
import email.policy
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar

from django.utils.translation import gettext as _

from .base import FixNeeded, MailError, Received, Seen, SentMail

SENT_LARGEST = 40 * 1024 * 1024  # bytes; Exchange Online sends no larger mail unless told so
SENT_SLACK = timedelta(minutes=5)  # clocks differ

Ref = TypeVar("Ref")


class Folders(Generic[Ref]):
    """The folders that mail is moved to, by their paths. `Ref` is what the server knows a folder by.

    `find` and `create` take parent and name; `create` gives None where there is one of that name already (two
    workers may make it at once). `taken_from` gives the folders that mail is taken from.
    """

    def __init__(
        self,
        root: Ref,
        find: Callable[[Ref, str], Ref | None],
        create: Callable[[Ref, str], Ref | None],
        taken_from: Callable[[], set[Ref]],
    ) -> None:
        self._root = root
        self._find = find
        self._create = create
        self._look_taken_from = taken_from
        self._known: dict[str, Ref] = {}
        self._taken_from: set[Ref] = set()

    def forget(self) -> None:
        """Somebody deleted a folder that was remembered."""
        self._known.clear()

    def at(self, path: str) -> Ref:
        """The folder at `path` below the mailbox; what is missing of it is made."""
        ref, walked = self._root, ""
        for name in path.split("/"):
            walked = f"{walked}/{name}"
            known = self._known.get(walked)
            ref = self._known[walked] = self._find_or_create(ref, name) if known is None else known
        return ref

    def for_moved(self, path: str) -> Ref:
        """The same. FixNeeded where mail is taken from it, under whatever name: what is moved there would come
        again and again."""
        ref = self.at(path)
        if not self._taken_from:
            self._taken_from = self._look_taken_from()
        if ref in self._taken_from:
            raise FixNeeded(
                _(
                    "Placet takes mail from the folder “{name}”, so handled mail cannot be moved there."
                ).format(name=path),
                _("Choose another name for the folder in the mailbox's settings."),
            )
        return ref

    def _find_or_create(self, parent: Ref, name: str) -> Ref:
        for step in (self._find, self._create, self._find):
            found = step(parent, name)
            if found is not None:
                return found
        raise FixNeeded(
            _("Exchange says that there is a folder “{name}”, but does not list it.").format(name=name),
            _("Choose another name for the folder in the mailbox's settings."),
        )


def header_block(raw: bytes) -> str:
    """The header of a MIME mail, where the server keeps no transport headers (mail that never travelled)."""
    ends = [end for end in (raw.find(b"\r\n\r\n"), raw.find(b"\n\n")) if end >= 0]
    block = raw[: min(ends)] if ends else raw
    return block.decode("utf-8", "replace").replace("\0", "\ufffd")


def headers_alone(headers: str) -> bytes:
    # At LF alone: splitlines takes more for the end of a line, and would make headers of what stands behind it.
    lines = [line.removesuffix("\r") for line in headers.strip().split("\n")]
    return "\r\n".join([*lines, "", ""]).encode() if any(lines) else b""


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


# ---------------------------------------------------------------------- our mails in Sent Items

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
