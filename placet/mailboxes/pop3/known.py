"""Which mails of a POP3 mailbox are known: what the cursor remembers of a listing, and which of another one are new.

POP3 knows no changes, only a listing of all there is. Up to MOST_EXACT mails the cursor remembers each of them, in
whatever order they are listed. Of more it remembers the last ones, and what is listed behind those is new: servers list
mails in the order in which they came.
"""

import base64
import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .session import Listed

MOST_EXACT = 5000
TAIL = 200
HASH = 8  # bytes: of 5,000 mails one in 10^15 new ones would be taken for a known one

KNOWN, LAST, STAT, LISTED_AT, IDLE = "known", "tail", "stat", "listed_at", "idle"


@dataclass(frozen=True)
class Mail:
    """One of a listing. `id`: what tells it apart for good, or where it `is_alike` another one, as long as both are
    there."""

    id: str
    number: int
    size: int
    uid: str
    is_alike: bool = False


def mails_of(listed: Sequence[Listed]) -> list[Mail]:
    """With ids of which no two are the same. The size is part of them: some servers give an id once more when the mail
    that had it is gone; and some give two mails the same one."""
    ids = [f"{entry.uid}:{entry.size}" for entry in listed]
    alike = Counter(ids)
    times: Counter[str] = Counter()
    mails = []
    for id_, entry in zip(ids, listed, strict=True):
        times[id_] += 1
        again = f"#{times[id_]}" if times[id_] > 1 else ""
        mails.append(Mail(id_ + again, entry.number, entry.size, entry.uid, alike[id_] > 1))
    return mails


def _hash(id_: str) -> bytes:
    return hashlib.sha256(id_.encode()).digest()[:HASH]


@dataclass(frozen=True)
class Division:
    """A listing, divided. `lost`: nothing of it is known, although something was."""

    known: Sequence[Mail]
    new: Sequence[Mail]
    lost: bool = False


def divided(mails: Sequence[Mail], cursor: Mapping[str, Any]) -> Division:
    """By what the cursor remembers; of an empty one, everything is new."""
    remembered = _remembered(cursor)
    hits = [_hash(mail.id) in remembered for mail in mails]
    lost = bool(remembered) and bool(mails) and not any(hits)
    if LAST in cursor and not lost:
        behind = len(hits) - hits[::-1].index(True) if any(hits) else 0
        return Division(mails[:behind], mails[behind:])
    known = [mail for mail, hit in zip(mails, hits, strict=True) if hit]
    return Division(known, [mail for mail, hit in zip(mails, hits, strict=True) if not hit], lost)


def remembering(known: Collection[Mail], total: int) -> dict[str, Any]:
    """The part of a cursor that says that these are known, of `total` that are listed."""
    if total <= MOST_EXACT:
        hashes = b"".join(sorted(_hash(mail.id) for mail in known))
        return {KNOWN: base64.b64encode(hashes).decode()}
    last = sorted(known, key=lambda mail: mail.number)[-TAIL:]
    return {LAST: base64.b64encode(b"".join(_hash(mail.id) for mail in last)).decode()}


def is_ours(cursor: Mapping[str, Any]) -> bool:
    """Whether it remembers a listing. One that another kind left is a beginning."""
    return isinstance(cursor.get(KNOWN, cursor.get(LAST)), str)


def _remembered(cursor: Mapping[str, Any]) -> frozenset[bytes]:
    hashes = base64.b64decode(cursor.get(KNOWN, cursor.get(LAST))) if is_ours(cursor) else b""
    return frozenset(hashes[start : start + HASH] for start in range(0, len(hashes), HASH))
