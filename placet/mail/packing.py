"""Mails as they lie in the database: unwrapped (`placet.mail.unwrapping`) and compressed (`placet.lib.compression`),
with a dictionary of what stands in every mail of ours and in every reply that quotes one. That is most of what an
installation keeps: without it a request takes many times the room.

An old mail lies in a block with others (`placet.mail.blocks`), and its place is kept instead.

What an earlier version kept is read as it is, or, where it begins with that version's mark, by zlib and the dictionary
of that time. A dictionary never changes: `dictionaries/N.zdict` is made once, by `python -m tools.dictionary mails N`,
and the newest one is used for what is written.
"""

import struct
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.db import connection, models
from django.db.models.query_utils import DeferredAttribute

from placet.lib import compression
from placet.lib.compression import LONGEST, Compression
from placet.lib.fields import KeptField
from placet.mail import blocks
from placet.mail.unwrapping import CUT_OFF, NotUnwrapped, unwrapped, wrapped

_DICTIONARIES = Path(__file__).parent / "dictionaries"
Damaged = compression.Damaged
MARK = b"\x00zs"
MAILS = Compression(MARK, {number: _DICTIONARIES / f"{number}.zdict" for number in (2,)})
ZLIB_MARK = b"\x00packed\x00"
_ZLIB_HEAD = struct.Struct(">8sBQ")  # with the number of the dictionary, 0 for none, and the size of the mail
SMALLEST_HEAD, LARGEST_HEAD = 100, 64 * 1024  # bytes of a mail beside which its headers are kept
_LISTED = 16 * 1024  # bytes, far more than the list of a mail's bodies has

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

    _BinaryField = models.BinaryField[bytes, bytes]
else:
    _BinaryField = models.BinaryField


def packed(mail: bytes) -> bytes:
    """A mail as it is kept; nothing is kept as nothing."""
    return MAILS.compressed(unwrapped(mail), len(mail)) if mail else mail


def unpacked(kept: bytes, database: "BaseDatabaseWrapper | None" = None) -> bytes:
    """The mail; one that lies in a block from this database, or the usual one. Raises Damaged."""
    if kept.startswith(blocks.MARK):
        place = blocks.Place.of(kept)
        mail, size = _wrapped(blocks.unwrapped_at(place, database or connection)), place.size
    elif kept.startswith(MARK):
        mail, size = _wrapped(MAILS.decompressed(kept)), MAILS.note_of(kept)
    elif kept.startswith(ZLIB_MARK):
        mail, size = _by_zlib(kept, LONGEST)
    else:
        return kept
    if len(mail) != size:
        raise Damaged(f"A mail of {size} bytes is kept as {len(mail)}.")
    return mail


def _wrapped(content: bytes) -> bytes:
    try:
        return wrapped(content)
    except NotUnwrapped as error:
        raise Damaged(f"What is kept of a mail cannot be read: {error}") from error


def start_and_size(kept: bytes, most: int) -> tuple[bytes, int | None]:
    """The first `most` bytes (more than none) of a mail, as far as `kept` has them, which may be the beginning of what
    is kept; and how many the whole mail has, if that is known. Raises Damaged."""
    if kept.startswith(blocks.MARK):
        place = blocks.Place.of(kept)
        content = blocks.unwrapped_at(place, connection)[: _LISTED + most + CUT_OFF]
        return wrapped(content, whole=False)[:most], place.size
    if kept.startswith(MARK):
        content = MAILS.beginning(kept, _LISTED + most + CUT_OFF)
        return wrapped(content, whole=False)[:most], MAILS.note_of(kept)
    if kept.startswith(ZLIB_MARK):
        return _by_zlib(kept, most)
    return kept[:most], None


def room_for(most: int) -> int:
    """How many bytes of what is kept have the first `most` of a mail, however little they could be compressed."""
    return compression.room_for(_LISTED + most + CUT_OFF)


def _by_zlib(kept: bytes, most: int) -> tuple[bytes, int]:
    try:
        _, dictionary, size = _ZLIB_HEAD.unpack_from(kept)
        squeezed = zlib.decompressobj(zdict=_zlib_dictionary(dictionary))
        return squeezed.decompress(kept[_ZLIB_HEAD.size :], most), size
    except (struct.error, zlib.error, OSError) as error:
        raise Damaged(f"A kept mail cannot be unpacked: {error}") from error


@cache
def _zlib_dictionary(number: int) -> bytes:
    return (_DICTIONARIES / f"{number}.txt").read_bytes() if number else b""


# --- the server's headers ---------------------------------------------------------------------------------


class _Kept(bytes):
    """Headers that can be read beside the mail alone."""


@dataclass(frozen=True)
class _Beside:
    """Headers that are to be kept beside this beginning of a mail."""

    headers: str
    start: bytes


class _HeadersAttribute(DeferredAttribute):
    """The headers as text, read when they are asked for. Raises Damaged."""

    def __get__(self, instance: Any, cls: Any = None) -> Any:
        value = super().__get__(instance, cls)
        if isinstance(value, _Kept):
            value = instance.__dict__[self.field.attname] = _headers_beside(value, bytes(instance.raw))
        return value

    def __set__(self, instance: Any, value: Any) -> None:
        instance.__dict__[self.field.attname] = value


class HeadersField(KeptField):
    """The headers of a mail as the server gave them apart, kept as what they have more than those in its `raw`: nearly
    all of them stand there, too, and the largest are signatures, which do not compress."""

    descriptor_class = _HeadersAttribute

    def pre_save(self, model_instance: Any, add: bool) -> Any:
        value = getattr(model_instance, self.attname)
        return _Beside(value, _head(bytes(model_instance.raw)))

    def packed(self, value: Any) -> bytes:
        if isinstance(value, _Kept):
            return value
        headers, start = (value.headers, value.start) if isinstance(value, _Beside) else (str(value), b"")
        text = headers.encode()
        return text and MAILS.compressed(text, len(start), beside=start)

    def unpacked(self, kept: bytes) -> Any:
        """Raises Damaged."""
        if not kept.startswith(MARK):
            return kept.decode()
        return _Kept(kept) if MAILS.note_of(kept) else MAILS.decompressed(kept).decode()


def _headers_beside(kept: bytes, raw: bytes) -> str:
    try:
        return MAILS.decompressed(kept, beside=raw[: MAILS.note_of(kept)]).decode()
    except UnicodeDecodeError as error:
        raise Damaged(f"What is kept of a mail's headers cannot be read: {error}") from error


def _head(raw: bytes) -> bytes:
    """A mail's headers; nothing, where there are too few to be of use."""
    end = raw.find(b"\r\n\r\n", 0, LARGEST_HEAD)
    return raw[: end if end >= 0 else LARGEST_HEAD] if len(raw) > SMALLEST_HEAD else b""


# --- mails ------------------------------------------------------------------------------------------------


class PackedField(_BinaryField):
    """The bytes of a mail. To the database they are bytes, packed or as they are."""

    def get_prep_value(self, value: Any) -> bytes | None:
        if value is None or isinstance(value, blocks.Kept):
            return value
        return packed(bytes(value))

    def from_db_value(self, value: Any, expression: Any, connection: "BaseDatabaseWrapper") -> bytes | None:
        return None if value is None else unpacked(bytes(value), connection)

    def deconstruct(self) -> Any:
        """As what it is to the database: nothing has to be changed there."""
        name, _path, arguments, options = super().deconstruct()
        return name, "django.db.models.BinaryField", arguments, options
