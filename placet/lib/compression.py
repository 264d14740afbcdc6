"""Compression of what lies in the database, by Zstandard (RFC 8878), each value by itself with a dictionary of what
stands in every value of its kind.

A compressed value begins with a mark that no value of its kind begins with, and the number of its dictionary. A number
follows that its kind needs before it is decompressed, as LEB128; then the frame, without the magic number that all
begin with. A dictionary never changes, for what was compressed with it can be read with that alone: new ones get new
numbers.
"""

import io
from collections.abc import Mapping
from pathlib import Path

import zstandard

LEVEL = 5  # of 22: more takes twice the time for a hundredth less room
LONGEST = 512 * 1024 * 1024  # bytes decompressed
_MAGIC = b"\x28\xb5\x2f\xfd"
_BLOCK = 128 * 1024  # bytes that are decompressed together


class Damaged(Exception):
    """What lies in the database is no compressed value, though it begins like one."""


class Compression:
    """Of one kind of values. `dictionaries`: files by number, from 1 to 255; what is written uses the last one.
    `checksum`: not where what is kept is held against a hash anyhow."""

    def __init__(self, mark: bytes, dictionaries: Mapping[int, Path], *, checksum: bool = True) -> None:
        self._mark, self._files, self._checksum = mark, dictionaries, checksum
        self._read: dict[int, zstandard.ZstdCompressionDict] = {}

    def compressed(self, value: bytes, note: int, beside: bytes = b"") -> bytes:
        """`note`: the number before the frame. `beside`: what takes the place of the dictionary."""
        number_ = max(self._files)
        compressor = zstandard.ZstdCompressor(
            level=LEVEL,
            dict_data=_raw(beside) if beside else self._dictionary(number_),
            write_checksum=self._checksum,
            write_dict_id=False,
        )
        return b"".join(
            [self._mark, bytes([number_]), number(note), compressor.compress(value)[len(_MAGIC) :]]
        )

    def decompressed(self, kept: bytes, beside: bytes = b"") -> bytes:
        """Raises Damaged."""
        dictionary, _, at = self._head(kept)
        frame = _MAGIC + kept[at:]
        try:
            if zstandard.frame_content_size(frame) > LONGEST:
                raise Damaged("What is kept would be too large.")
            decompressor = zstandard.ZstdDecompressor(dict_data=_raw(beside) if beside else dictionary)
            return decompressor.decompress(frame, allow_extra_data=False)
        except zstandard.ZstdError as error:
            raise Damaged(f"What is kept cannot be decompressed: {error}") from error

    def beginning(self, kept: bytes, most: int) -> bytes:
        """The first `most` bytes, as far as `kept` has them, which may be the beginning of what is kept. Raises
        Damaged."""
        dictionary, _, at = self._head(kept)
        source = io.BytesIO(_MAGIC + kept[at:])
        try:
            reader = zstandard.ZstdDecompressor(dict_data=dictionary).stream_reader(source)
            return bytes(reader.read(most))
        except zstandard.ZstdError as error:
            raise Damaged(f"What is kept cannot be decompressed: {error}") from error

    def note_of(self, kept: bytes) -> int:
        """Raises Damaged."""
        return self._head(kept)[1]

    def _head(self, kept: bytes) -> tuple[zstandard.ZstdCompressionDict, int, int]:
        """The dictionary, the number, and where the frame begins."""
        try:
            note, at = read_number(kept, len(self._mark) + 1)
            return self._dictionary(kept[len(self._mark)]), note, at
        except (IndexError, KeyError) as error:
            raise Damaged(f"What is kept has no head: {error!r}") from error

    def _dictionary(self, of: int) -> zstandard.ZstdCompressionDict:
        if of not in self._read:
            dictionary = zstandard.ZstdCompressionDict(self._files[of].read_bytes())
            dictionary.precompute_compress(level=LEVEL)
            self._read[of] = dictionary
        return self._read[of]


def _raw(content: bytes) -> zstandard.ZstdCompressionDict:
    return zstandard.ZstdCompressionDict(content, dict_type=zstandard.DICT_TYPE_RAWCONTENT)


def room_for(most: int) -> int:
    """How many bytes of what is kept have the first `most` bytes, however little they could be compressed."""
    return most + 2 * _BLOCK + most // 128


# --- numbers ----------------------------------------------------------------------------------------------


def number(value: int) -> bytes:
    """As LEB128."""
    made = bytearray()
    while value > 127:
        made.append(value & 127 | 128)
        value >>= 7
    made.append(value)
    return bytes(made)


def read_number(content: bytes, at: int) -> tuple[int, int]:
    """The number, and where it ends. IndexError if it does not."""
    value = shift = 0
    while content[at] > 127:
        value |= (content[at] & 127) << shift
        at, shift = at + 1, shift + 7
    return value | content[at] << shift, at + 1
