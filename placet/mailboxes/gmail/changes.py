"""How far the changes of a mailbox were taken.

First what is there is listed, Inbox and then Spam, and after it what changed since that list began. From then on it is
changes alone. A server that forgot them (after a week or so) has all of it listed again.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from . import calls
from .calls import INBOX, SPAM
from .client import Gmail

_NEXT_LISTED = {INBOX: SPAM, SPAM: ""}


@dataclass(frozen=True)
class Position:
    """The cursor of `changes`."""

    mailbox: str
    since: str  # ISO 8601
    history: str = ""  # changes since then are to be taken; "": not begun
    listed: str = INBOX  # the label whose mails are being listed; "": they were
    page: str = ""  # of the list, or of the changes
    ahead: str = ""  # where changes go on once all pages of these were taken

    @classmethod
    def of(cls, kept: Mapping[str, object], mailbox: str, since: datetime) -> "Position":
        """What the cursor holds; of something else, or of a later time, it is a beginning."""
        beginning = cls(mailbox, since.isoformat())
        names = asdict(beginning).keys()
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
        since = datetime.fromisoformat(position.since).astimezone(UTC)
        answer = calls.listing(gmail, position.listed, since, size, position.page)
        label = position.listed if answer.page else _NEXT_LISTED[position.listed]
        # Gmail lists the newest first.
        return Step(answer.ids[::-1], replace(position, listed=label, page=answer.page), ended=False)
    answer = calls.changes(gmail, position.history, size, position.page)
    ahead = position.ahead or answer.history  # of the first page: what changed since then comes next time
    if answer.page:
        return Step(answer.ids, replace(position, page=answer.page, ahead=ahead), ended=False)
    return Step(answer.ids, replace(position, history=ahead, page="", ahead=""), ended=True)
