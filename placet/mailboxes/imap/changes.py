"""What is new in a folder since it was last looked at.

A folder's position is its UIDVALIDITY and the highest UID that was listed. Opening the folder tells whether anything
has changed, so an idle look costs one command. Only what has a higher UID is new (RFC 3501 2.3.1.1); but some servers
let a mail be seen after one with a higher UID, so whenever something has changed, the last LOOK_BACK numbers before it
are looked at again, by CONDSTORE those alone that changed; which of them were there before is remembered.

Nothing of what was deleted is asked for (QRESYNC's VANISHED): no list is kept here that it could be taken out of.
"""

from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from .client import LARGEST_UID, Client, Listed, Selected, search_date

LOOK_BACK = 50  # UIDs
STRAIGHT = 500  # UIDs that are listed without asking first which of them are recent
DAYS_BEFORE = timedelta(days=2)  # a search for days knows no time zones


@dataclass(frozen=True)
class Position:
    """How far one folder was taken; part of the cursor."""

    uidvalidity: int
    uid: int = 0  # all up to it was listed, what was received before `since` left out
    since: str = ""  # ISO 8601
    modseq: int | None = None  # count of changes when it was last looked at
    exists: int = -1  # mails in it then
    ended: bool = False  # it came to its end then
    recent: tuple[int, ...] = ()  # of the last LOOK_BACK UIDs up to it, those that there were

    @classmethod
    def of(cls, kept: object) -> "Position | None":
        """What a cursor holds. None for what is none."""
        match kept:
            case {
                "uidvalidity": int(uidvalidity),
                "uid": int(uid),
                "since": str(since),
                "modseq": int() | None as modseq,
                "exists": int(exists),
                "ended": bool(ended),
                "recent": [*recent],
            } if all(isinstance(one, int) for one in recent):
                return cls(uidvalidity, uid, since, modseq, exists, ended, tuple(recent))
        return None

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "recent": list(self.recent)}

    def holds(self, folder: Selected, since: datetime) -> bool:
        """Whether the folder still counts as it did then. Its next number going back is a server restored from a
        backup that says so in no other way."""
        if folder.uidvalidity != self.uidvalidity or not self.since:
            return False
        return folder.uidnext is None or folder.uidnext > self.uid

    def reaches(self, since: datetime) -> bool:
        """Whether nothing was left out then that is asked for now."""
        try:
            return datetime.fromisoformat(self.since) <= since
        except (ValueError, TypeError):
            return False


@dataclass(frozen=True)
class News:
    mails: list[Listed]
    position: Position
    ended: bool  # the folder came to its end
    restarted: bool  # its numbers were others


def news(client: Client, folder: Selected, kept: Position | None, since: datetime, room: int) -> News:
    """What is new in the selected folder, about `room` mails at most."""
    restarted = kept is not None and not kept.holds(folder, since)
    if kept is None or restarted or not kept.reaches(since):
        kept = Position(folder.uidvalidity, since=since.isoformat())
    if _is_as_it_was(folder, kept):
        return News([], kept, ended=True, restarted=restarted)
    mails, upto, ended = _listed(client, folder, kept, since, max(1, room))
    uid = max(kept.uid, upto)
    recent = {*kept.recent, *(mail.uid for mail in mails)}
    position = replace(
        kept,
        uid=uid,
        recent=tuple(sorted(one for one in recent if one > uid - LOOK_BACK)),
        # What happens from now on counts as changed, though it may be listed already.
        modseq=folder.modseq if ended else kept.modseq,
        exists=folder.exists if ended else -1,
        ended=ended,
    )
    wanted = [mail for mail in mails if mail.received_at is None or mail.received_at >= since]
    return News(wanted, position, ended, restarted)


def is_as_it_was(folder: Selected | None, kept: Position | None, since: datetime) -> bool:
    """Whether nothing can be new in a folder, by what is known of it without opening it."""
    if folder is None or kept is None or not kept.holds(folder, since) or not kept.reaches(since):
        return False
    return _is_as_it_was(folder, kept)


def _is_as_it_was(folder: Selected, kept: Position) -> bool:
    if not kept.ended or folder.exists != kept.exists or folder.uidnext != kept.uid + 1:
        return False
    return folder.modseq is None or folder.modseq == kept.modseq


def _listed(
    client: Client, folder: Selected, kept: Position, since: datetime, room: int
) -> tuple[list[Listed], int, bool]:
    """Mails, the UID that they reach to, and whether there are no more."""
    mails = _looked_back(client, folder, kept)
    if not folder.exists:
        return mails, (folder.uidnext or kept.uid + 1) - 1, True
    if folder.uidnext is not None and folder.uidnext - kept.uid <= min(STRAIGHT, room):
        last = folder.uidnext - 1
        if last > kept.uid:
            mails += client.listed(range(kept.uid + 1, last + 1))
        return mails, last, True
    day = search_date((since - DAYS_BEFORE).date())
    uids = client.search(b"UID", b"%d:%d" % (kept.uid + 1, LARGEST_UID), b"SINCE", day)
    # A range that ends at the last mail means at least that one, whatever its number (RFC 3501 6.4.8).
    uids = [uid for uid in uids if uid > kept.uid]
    page = uids[:room]
    if page:
        mails += client.listed(page)
    if len(uids) > len(page):
        return mails, page[-1], False
    highest = page[-1] if page else kept.uid
    return mails, max(highest, (folder.uidnext or 0) - 1), True


def _looked_back(client: Client, folder: Selected, kept: Position) -> list[Listed]:
    if not kept.ended or not kept.uid or not folder.exists:
        return []
    lowest = max(1, kept.uid - LOOK_BACK + 1)
    changed_since = kept.modseq if folder.modseq is not None else None
    mails = client.listed(range(lowest, kept.uid + 1), changed_since)
    return [mail for mail in mails if mail.uid not in kept.recent]
