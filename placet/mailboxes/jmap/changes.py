"""How far the changes of a mailbox were taken.

First what is there is listed, Inbox and then Junk, and after it what changed since that list began. From then on it is
changes alone. A server that forgot them has all of it listed again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from . import calls
from .calls import HANDLED, INBOX, JUNK, AnchorLost, Email, Listing
from .client import Jmap

_NEXT_LISTED = {INBOX: JUNK, JUNK: ""}


@dataclass(frozen=True)
class Position:
    """The cursor of `changes`."""

    account: str  # and at which server
    since: str  # ISO 8601
    state: str = ""  # changes since then are to be taken; "": not begun
    listed: str = INBOX  # the role of the folder whose mails are being listed; "": they were
    anchor: str = ""  # the last mail of the list that was taken
    anchored_at: str = ""  # when that one was received

    @classmethod
    def of(cls, kept: Mapping[str, object], account: str, since: datetime) -> "Position":
        """What the cursor holds; of something else, or of a later time, it is a beginning."""
        beginning = cls(account, since.isoformat())
        names = asdict(beginning).keys()
        texts = {name: value for name, value in kept.items() if isinstance(value, str)}
        if kept.keys() != names or texts.keys() != names or texts["account"] != account:
            return beginning
        try:
            reaches = datetime.fromisoformat(texts["since"]) <= since
            datetime.fromisoformat(texts["anchored_at"] or texts["since"])
        except (ValueError, TypeError):
            return beginning
        return cls(**texts) if reaches and texts["listed"] in ("", INBOX, JUNK) else beginning

    def as_json(self) -> dict[str, str]:
        return asdict(self)

    def anew(self, since: datetime) -> "Position":
        return Position(self.account, since.isoformat())


@dataclass(frozen=True)
class Step:
    """What one request gave."""

    emails: Sequence[Email]
    after: Position
    ended: bool  # there is nothing more


def next_step(jmap: Jmap, position: Position, sources: Mapping[str, str], size: int) -> Step:
    """`sources`: by role, the folders that mail is taken from. Raises StateLost."""
    if not position.state:  # before the list: what comes while it is made is a change
        position = replace(position, state=calls.state(jmap))
    if position.listed:
        return _listed(jmap, position, sources.get(position.listed, ""), size)
    answer = calls.changes(jmap, position.state, size)
    # What Placet itself marked where it is has changed, and is not new.
    new = [email for email in answer.emails if email.id in answer.created or HANDLED not in email.keywords]
    return Step(new, replace(position, state=answer.state), ended=not answer.more)


def _listed(jmap: Jmap, position: Position, mailbox: str, size: int) -> Step:
    listing = _listing(jmap, position, mailbox, size) if mailbox else Listing([], [])
    if not listing.ids:
        after = replace(position, listed=_NEXT_LISTED[position.listed], anchor="", anchored_at="")
        return Step([], after, ended=False)
    last = listing.ids[-1]
    if last == position.anchor:
        raise jmap.unreadable("anchor")
    times = [email.received_at.isoformat() for email in listing.emails if email.received_at is not None]
    after = replace(position, anchor=last, anchored_at=times[-1] if times else position.anchored_at)
    return Step(listing.emails, after, ended=False)


def _listing(jmap: Jmap, position: Position, mailbox: str, size: int) -> Listing:
    """What follows the anchor. Where that mail has left the folder, which is what Placet itself does with it, the list
    goes on at its second: what was received in the same one comes again, and is known."""
    since = datetime.fromisoformat(position.since).astimezone(UTC)
    if position.anchor:
        try:
            return calls.listing(jmap, mailbox, since, size, position.anchor)
        except AnchorLost:
            since = max(since, datetime.fromisoformat(position.anchored_at or position.since).astimezone(UTC))
    return calls.listing(jmap, mailbox, since, size)
