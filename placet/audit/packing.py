"""What an audit entry says, as it lies in the database: its JSON, compressed with a dictionary of what all entries say
(`placet.lib.compression`). Half of it are salts, hashes and ids, which do not compress: they are taken out of the text,
as the bytes that they are, and stand behind the compressed text.

This is how it is kept, and not what it says: a hash covers the content, in the canonical form that it always had.
"""

import json
import re
import uuid
from pathlib import Path
from typing import Any

from django.db import models

from placet.lib.compression import Compression, Damaged
from placet.lib.fields import KeptField

DAMAGED = "damaged"  # the event of an entry that cannot be read
MARK = b"\x00"  # no JSON begins with it
_DICTIONARIES = Path(__file__).parent / "dictionaries"
ENTRIES = Compression(MARK, {number: _DICTIONARIES / f"{number}.zdict" for number in (1,)}, checksum=False)

# What stands for hexadecimal text in quotes and for ids; JSON has none of these characters.
_HASH, _SALT, _ID = b"\x01", b"\x02", b"\x03"
_BYTES = {_HASH: 32, _SALT: 16, _ID: 16}
_UUID = rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_IN_TEXT = re.compile(rb'"(?:([0-9a-f]{64})|([0-9a-f]{32})|(' + _UUID + rb'))"')
_IN_KEPT = re.compile(rb"[\x01-\x03]")


def packed(what: Any) -> bytes:
    text, apart = without_hashes(what)
    return ENTRIES.compressed(text, len(apart)) + apart


def without_hashes(what: Any) -> tuple[bytes, bytes]:
    """The text, and what was taken out of it."""
    apart = bytearray()

    def taken_out(found: re.Match[bytes]) -> bytes:
        value = found[found.lastindex or 0].decode()
        apart.extend(bytes.fromhex(value.replace("-", "")))
        return (_HASH, _SALT, _ID)[(found.lastindex or 0) - 1]

    text = _IN_TEXT.sub(taken_out, json.dumps(what, separators=(",", ":")).encode())
    return text, bytes(apart)


def unpacked(kept: bytes) -> Any:
    """Raises Damaged."""
    if not kept.startswith(MARK):
        return _parsed(kept)
    size = ENTRIES.note_of(kept)
    apart, at = memoryview(kept)[len(kept) - size :], 0

    def put_back(found: re.Match[bytes]) -> bytes:
        nonlocal at
        value = bytes(apart[at : at + _BYTES[found[0]]])
        at += len(value)
        text = str(uuid.UUID(bytes=value)) if found[0] == _ID and len(value) == 16 else value.hex()
        return b'"%b"' % text.encode()

    text = _IN_KEPT.sub(put_back, ENTRIES.decompressed(kept[: len(kept) - size]))
    if at != size:
        raise Damaged("What is kept of an audit entry has other hashes than it names.")
    return _parsed(text)


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise Damaged(f"What is kept of an audit entry cannot be read: {error}") from error


class EntryField(KeptField):
    """JSON, which the database cannot look into. What is damaged says so, and is found to be no content of ours when
    the chain is verified: it must not end the walk."""

    def packed(self, value: Any) -> bytes:
        return packed(value)

    def unpacked(self, kept: bytes) -> Any:
        try:
            return unpacked(kept)
        except Damaged:
            return {"event": DAMAGED}

    def value_to_string(self, obj: models.Model) -> str:
        """For serialisers (dumpdata)."""
        return json.dumps(self.value_from_object(obj))
