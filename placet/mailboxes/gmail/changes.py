"""How far the changes of a mailbox were taken.

First what is there is listed, Inbox and then Spam, and after it what changed since that list began. From then on it is
changes alone. A server that forgot them (after a week or so) has all of it listed again.

Gmail lists the newest first, a page at a time, and of two answers the one that came first is to be read first. So the
ids of all pages are fetched before the first mail of them is given out, the oldest first; what was not given out yet is
kept in the cursor. Of more than MOST_WAITING mails the newest so many come first, in their order, and then those before
them: an answer that is older than so many mails may be read after a later one of the same person.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from . import calls
from .calls import INBOX, SPAM
from .client import Gmail, unreadable

_NEXT_LISTED = {INBOX: SPAM, SPAM: ""}
MOST_WAITING = 5000  # ids of a list that are kept; each has 16 characters
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True)
class Position:
    """The cursor of `changes`."""

    mailbox: str
    since: str  # ISO 8601
    history: str = ""  # changes since then are to be taken; "": not begun
    listed: str = INBOX  # the label whose mails are being listed; "": they were
    page: str = ""  # of the list, or of the changes, that comes next
    waiting: str = ""  # ids of the list that were not given out, the oldest first, with blanks between them
    ahead: str = ""  # where changes go on once all pages of these were taken

    @classmethod
    def of(cls, kept: Mapping[str, object], mailbox: str, since: datetime) -> "Position":
        """What the cursor holds; of something else, or of a later time, it is a beginning."""
        beginning = cls(mailbox, since.isoformat())
        names = asdict(beginning).keys()
        kept = {"waiting": "", **kept}  # which cursors of before have not
        texts = {name: value for name, value in kept.items() if isinstance(value, str)}
        if kept.keys() != names or texts.keys() != names or texts["mailbox"] != mailbox:
            return beginning
        try:
            reaches = datetime.fromisoformat(texts["since"]) <= since
        except (ValueError, TypeError):
            return beginning
        known = texts["listed"] in ("", INBOX, SPAM) and texts["history"].isdigit()
        return cls(**texts) if reaches and known else beginning

    def as_json(self) -> dict[str, str]:
        return asdict(self)

    def anew(self, since: datetime) -> "Position":
        return Position(self.mailbox, since.isoformat())


@dataclass(frozen=True)
class Step:
    """What one call gave."""

    ids: list[str]  # the oldest first
    after: Position
    ended: bool  # there is nothing more


def next_step(gmail: Gmail, position: Position, size: int) -> Step:
    """Raises HistoryLost."""
    if not position.history:  # before the list: what comes while it is made is a change
        position = replace(position, history=calls.history_id(gmail))
    if position.listed:
        waiting, page = position.waiting.split(), position.page
        if not waiting:
            waiting, page = _listed(gmail, position)
        now, later = waiting[:size], waiting[size:]
        label = position.listed if later or page else _NEXT_LISTED[position.listed]
        after = replace(position, listed=label, page=page, waiting=" ".join(later))
        return Step(now, after, ended=False)
    answer = calls.changes(gmail, position.history, size, position.page)
    ahead = position.ahead or answer.history  # of the first page: what changed since then comes next time
    if answer.page:
        return Step(answer.ids, replace(position, page=answer.page, ahead=ahead), ended=False)
    return Step(answer.ids, replace(position, history=ahead, page="", ahead=""), ended=True)


def _listed(gmail: Gmail, position: Position) -> tuple[list[str], str]:
    """Ids of the list from the position's page on, the oldest first, and the page that comes after them, if any."""
    since = datetime.fromisoformat(position.since).astimezone(UTC)
    ids: list[str] = []
    page = position.page
    for _ in range(MOST_WAITING // calls.MOST_LISTED):
        answer = calls.listing(gmail, position.listed, since, calls.MOST_LISTED, page)
        if len(answer.ids) > calls.MOST_LISTED or not all(map(_ID.fullmatch, answer.ids)):
            raise unreadable("messages")
        ids += answer.ids
        page = answer.page
        if not page:
            break
    return list(dict.fromkeys(reversed(ids))), page
