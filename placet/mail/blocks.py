"""Blocks: many old mails compressed together, so that what they have in common is kept once.

A block is the number of its mails and the length of each (LEB128), then the mails, unwrapped
(`placet.mail.unwrapping`), compressed by Zstandard (RFC 8878) as one frame. It lies in a table and never changes. Where
a mail lay by itself, a `Place` stands instead, which says where in which block it is, and what that block's hash begins
with: bytes that are not of that block are never taken for the mail.
"""

import hashlib
import io
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import zstandard

from placet.lib.compression import Damaged, number, read_number

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

MARK = b"\x00in"
MOST_MAILS = 128
LARGEST = 256 * 1024  # bytes of an unwrapped mail: a larger one has a file in it, which no other mail has
MOST_BYTES = (
    1024 * 1024
)  # of the mails of a block, but for the last one: it is decompressed to read one of them
LEVEL = 12  # of 22: more takes twice the time for a hundredth less room
DIGEST = 8  # bytes of the block's SHA-256
_MOST_DECOMPRESSED = 2 * (MOST_BYTES + LARGEST)


@dataclass(frozen=True)
class Place:
    """Where a mail lies: which block, which of its mails, and how many bytes the mail has when it is wrapped."""

    block: int
    digest: bytes
    at: int
    size: int

    def kept(self) -> "Kept":
        return Kept(MARK + self.digest + number(self.block) + number(self.at) + number(self.size))

    @classmethod
    def of(cls, kept: bytes) -> "Place":
        """Raises Damaged."""
        start = len(MARK) + DIGEST
        try:
            block, end = read_number(kept, start)
            at, end = read_number(kept, end)
            size, end = read_number(kept, end)
        except IndexError as error:
            raise Damaged("What is kept of a mail is cut off.") from error
        if end != len(kept):
            raise Damaged("What is kept of a mail has something behind it.")
        return cls(block, kept[len(MARK) : start], at, size)


class Kept(bytes):
    """What stands in the place of a mail that lies in a block: written as it is."""


def block_of(mails: Sequence[bytes]) -> bytes:
    """The block of these unwrapped mails."""
    lengths = b"".join([number(len(mails)), *(number(len(mail)) for mail in mails)])
    compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=False)
    return compressor.compress(lengths + b"".join(mails))


def digest_of(block: bytes) -> bytes:
    return hashlib.sha256(block).digest()[:DIGEST]


def unwrapped_at(place: Place, connection: "BaseDatabaseWrapper") -> bytes:
    """The unwrapped mail, from the block's row. Raises Damaged."""
    return mail_in(_decompressed(place, connection), place.at)


def mail_in(content: bytes, at: int) -> bytes:
    """One mail of what a block is when it is decompressed. Raises Damaged."""
    try:
        count, end = read_number(content, 0)
        lengths = []
        for _ in range(min(count, MOST_MAILS)):
            length, end = read_number(content, end)
            lengths.append(length)
        start = end + sum(lengths[:at])
        mail = content[start : start + lengths[at]]
    except IndexError as error:
        raise Damaged(f"A block of mails has no mail {at}.") from error
    if len(mail) != lengths[at]:
        raise Damaged("A block of mails is cut off.")
    return mail


# --- reading ----------------------------------------------------------------------------------------------


class _Last(threading.local):
    """The block that this thread read last: who reads old mails reads their neighbours next."""

    digest, content = b"", b""


_last = _Last()


def forget() -> None:
    """What this thread read: what lies in the database now is read again."""
    _last.digest = _last.content = b""


def _decompressed(place: Place, connection: "BaseDatabaseWrapper") -> bytes:
    if _last.digest != place.digest:
        _last.content = decompressed(_row(place.block, connection), place.digest)
        _last.digest = place.digest
    return _last.content


def decompressed(block: bytes, digest: bytes) -> bytes:
    """Raises Damaged, where the block is not the one with that digest."""
    if digest_of(block) != digest:
        raise Damaged("A block of mails is not the one that was written.")
    try:
        content = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(block)).read(_MOST_DECOMPRESSED + 1)
    except zstandard.ZstdError as error:
        raise Damaged(f"A block of mails cannot be decompressed: {error}") from error
    if len(content) > _MOST_DECOMPRESSED:
        raise Damaged("A block of mails would be too large.")
    return bytes(content)


def _row(block: int, connection: "BaseDatabaseWrapper") -> bytes:
    """By a statement of its own: a value is read here for whichever database its mail is read from."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT content FROM mail_mailblock WHERE number = %s", [block])
        row = cursor.fetchone()
    if row is None:
        raise Damaged("The block in which a mail lies is not there.")
    return bytes(row[0])
