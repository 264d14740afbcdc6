"""Mails as they lie in the database: compressed, with a dictionary of what stands in every mail of ours and in every
reply that quotes one. That is most of what an installation keeps: without it a request takes three times the room.

A packed mail begins with a mark that no mail begins with, the number of its dictionary, and how many bytes the mail has
(so that nothing has to be unpacked to know that); zlib's stream follows (RFC 1950). What was kept before there was this
has no mark, and is read as it is. A dictionary never changes: `dictionaries/N.txt` is made once, by
`python -m tools.mail_dictionary`, and the newest one is used for what is written.
"""

import struct
import zlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.db import models

MARK = b"\x00packed\x00"
NEWEST = 1  # dictionary; 0 is none
_HEAD = struct.Struct(">8sBQ")
LEVEL = 3  # of 9: more takes twice the time for a tenth less room
LONGEST = 512 * 1024 * 1024  # bytes unpacked; whoever wrote more into the database wrote no mail
_FOLDER = Path(__file__).parent / "dictionaries"

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

    _BinaryField = models.BinaryField[bytes, bytes]
else:
    _BinaryField = models.BinaryField


class Damaged(Exception):
    """What lies in the database is no packed mail, though it begins like one."""


def packed(mail: bytes) -> bytes:
    """A mail as it is kept; nothing is kept as nothing."""
    if not mail:
        return mail
    squeeze = zlib.compressobj(LEVEL, zdict=_dictionary(NEWEST))
    return _HEAD.pack(MARK, NEWEST, len(mail)) + squeeze.compress(mail) + squeeze.flush()


def unpacked(kept: bytes) -> bytes:
    """The mail. Raises Damaged."""
    if not kept.startswith(MARK):
        return kept
    mail, size = start_and_size(kept, LONGEST)
    if len(mail) != size:
        raise Damaged(f"A mail of {size} bytes is kept as {len(mail)}.")
    return mail


def start_and_size(kept: bytes, most: int) -> tuple[bytes, int | None]:
    """The first `most` bytes (more than none) of a mail, as far as `kept` has them, which may be the beginning of what
    is kept; and how many the whole mail has, if that is known. Raises Damaged."""
    if not kept.startswith(MARK):
        return kept[:most], None
    try:
        _, dictionary, size = _HEAD.unpack_from(kept)
        squeezed = zlib.decompressobj(zdict=_dictionary(dictionary))
        return squeezed.decompress(kept[_HEAD.size :], most), size
    except (struct.error, zlib.error, OSError) as error:
        raise Damaged(f"A kept mail cannot be unpacked: {error}") from error


def room_for(most: int) -> int:
    """How many bytes of what is kept have the first `most` of a mail, however little they could be compressed."""
    return _HEAD.size + most + most // 1000 + 64


@cache
def _dictionary(number: int) -> bytes:
    return (_FOLDER / f"{number}.txt").read_bytes() if number else b""


class PackedField(_BinaryField):
    """The bytes of a mail. To the database they are bytes, packed or as they are."""

    def get_prep_value(self, value: Any) -> bytes | None:
        return None if value is None else packed(bytes(value))

    def from_db_value(self, value: Any, expression: Any, connection: "BaseDatabaseWrapper") -> bytes | None:
        return None if value is None else unpacked(bytes(value))

    def deconstruct(self) -> Any:
        """As what it is to the database: nothing has to be changed there."""
        name, _path, arguments, options = super().deconstruct()
        return name, "django.db.models.BinaryField", arguments, options
