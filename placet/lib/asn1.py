"""How much there is in what is written in ASN.1 (BER, DER: X.690), seen before a library takes it apart: some count a
long tag or identifier in a time that grows with the square of its length, and what is nested more often than once.
"""

MOST_ELEMENTS = 50_000
DEEPEST = 32
LONGEST_IDENTIFIER = 64  # bytes
_IDENTIFIER, _CONSTRUCTED, _LONG_TAG = 0x06, 0x20, 0x1F
_OPEN = -1  # the end of what says only behind it that it ends


class TooMuch(ValueError):
    """More than anybody writes who means well, or not in that form."""


def must_be_bounded(data: bytes) -> None:
    """Raises TooMuch. Linear: what is not nested is stepped over."""
    at, elements, ends = 0, 0, list[int]()
    while at < len(data):
        elements += 1
        tag, start, end = _head(data, at)
        if elements > MOST_ELEMENTS or len(ends) > DEEPEST:
            raise TooMuch
        if tag & _CONSTRUCTED:
            ends.append(end)
            at = start
        elif end == _OPEN or (tag == _IDENTIFIER and end - start > LONGEST_IDENTIFIER):
            raise TooMuch
        elif tag == 0 and start == end and ends and ends[-1] == _OPEN:
            ends.pop()
            at = end
        else:
            at = end
        while ends and ends[-1] == at:
            ends.pop()


def _head(data: bytes, at: int) -> tuple[int, int, int]:
    """The tag's first byte, and where the content begins and ends."""
    start = at + 2
    if start > len(data) or data[at] & _LONG_TAG == _LONG_TAG:
        raise TooMuch
    tag, length = data[at], data[at + 1]
    if length == 0x80:
        return tag, start, _OPEN
    if length > 0x80:
        count = length & 0x7F
        start, length = start + count, int.from_bytes(data[start : start + count], "big")
    if start + length > len(data):
        raise TooMuch
    return tag, start, start + length
