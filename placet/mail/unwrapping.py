"""Mails without what their transfer encodings put between the words: a break in each line of quoted-printable stands
elsewhere as soon as one word is longer, and base64 looks like nothing that stands in another mail, so that neither
compresses. What would not come back byte for byte is left as it is.

An unwrapped mail begins with a list of its decoded bodies: how many there are, and of each how it was encoded, how many
bytes after the one before it begins, and how many bytes it has (numbers as LEB128). The mail follows, with these in the
place of the encoded ones.
"""

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass

from placet.lib.compression import number, read_number

LARGEST = 256 * 1024  # bytes of a body: a larger one is a file, and compresses as little decoded
MOST = 16  # bodies of a mail
FEW = 12  # different bytes: to replace each by itself is quicker than to look for all of them
CUT_OFF = 300  # bytes at the end of a body's beginning that may be encoded otherwise than in the whole body

# How a body was encoded: one of these, or, from SHORTEST_LINE on, quoted-printable with lines of so many characters at
# most. Our own mails have 76, but 75 where no "=" ends the line (`binascii.b2a_qp`).
OURS, BASE64 = 0, 1
SHORTEST_LINE, OUR_LINE, LONGEST_LINE = 40, 76, 255
_BASE64_LINE = 76

# As nearly every program writes it: to look for other ways costs time with each mail.
_ENCODED_BODY = re.compile(
    rb"\nContent-Transfer-Encoding: (?:(quoted-printable)|base64)\r\n(?:[^\r\n]+\r\n)*\r\n"
)
_BOUNDARY, _END, _SOFT_END, _EQUALS = b"\r\n--", b"\r\n", b"=\r\n", ord("=")
_PLAIN = bytes([*b"\t\r\n", *range(ord(" "), ord("~") + 1)])
_NOT_PLAIN = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\xff]")
_ESCAPED = [b"=%02X" % byte for byte in range(256)]


class NotUnwrapped(Exception):
    """What should be an unwrapped mail is none."""


@dataclass(frozen=True)
class _Body:
    """One decoded body: between which bytes of the mail it is encoded, and how."""

    start: int
    end: int
    how: int
    content: bytes


def unwrapped(mail: bytes) -> bytes:
    bodies = list(_bodies(mail))
    listed, pieces, at = bytearray(number(len(bodies))), [], 0
    for body in bodies:
        listed += bytes([body.how]) + number(body.start - at) + number(len(body.content))
        pieces += [mail[at : body.start], body.content]
        at = body.end
    return b"".join([bytes(listed), *pieces, mail[at:]])


def wrapped(content: bytes, *, whole: bool = True) -> bytes:
    """The mail. Not `whole`: as much of it as this beginning of an unwrapped one tells, at most CUT_OFF bytes less than
    it has. Raises NotUnwrapped."""
    try:
        count, at = read_number(content, 0)
        listed = []
        for _ in range(count):
            how = content[at]
            before, at = read_number(content, at + 1)
            length, at = read_number(content, at)
            listed.append((how, before, length))
    except IndexError as error:
        if whole:
            raise NotUnwrapped("The list of its bodies ends too early.") from error
        return b""
    pieces = []
    for how, before, length in listed:
        start, end = at + before, at + before + length
        pieces.append(content[at:start])
        if end > len(content):
            if whole:
                raise NotUnwrapped("A body ends too early.")
            return b"".join([*pieces, _beginning(content[start:], how)])
        pieces.append(_encoded(content[start:end], how))
        at = end
    return b"".join([*pieces, content[at:]])


def _bodies(mail: bytes) -> Iterator[_Body]:
    """Those that come back byte for byte."""
    most, at = MOST, 0
    while most and (found := _ENCODED_BODY.search(mail, at)):
        start, at = found.end(), _end(mail, found.end(), quoted_printable=bool(found[1]))
        encoded = mail[start:at] if at - start <= LARGEST else b""
        if found[1]:
            how = _how(encoded)
        else:
            how, encoded = BASE64, encoded.rstrip(_END)
        content = _decoded(encoded, how)
        if content and _encoded(content, how) == encoded:
            most -= 1
            yield _Body(start, start + len(encoded), how, content)


def _end(mail: bytes, start: int, *, quoted_printable: bool) -> int:
    """Where the body ends that begins there. Of quoted-printable, "--" with which a line goes on is no boundary."""
    at = mail.find(_BOUNDARY, start)
    while quoted_printable and at > start and mail[at - 1] == _EQUALS:
        at = mail.find(_BOUNDARY, at + 1)
    return at if at >= 0 else len(mail)


def _how(encoded: bytes) -> int:
    """The most likely way of a body in quoted-printable."""
    lines = encoded.split(_END)
    longest = max(map(len, lines))
    if longest > OUR_LINE:
        return min(longest, LONGEST_LINE)
    if longest == OUR_LINE and any(not line.endswith(b"=") for line in lines if len(line) == OUR_LINE):
        return longest
    ours = longest > OUR_LINE - len(b"=3D") or not any(line.endswith(b"=") for line in lines)
    return OURS if ours else max(longest, SHORTEST_LINE)


# --- the encodings ----------------------------------------------------------------------------------------


def _decoded(encoded: bytes, how: int) -> bytes:
    """Nothing, if it cannot be decoded."""
    try:
        return binascii.a2b_base64(encoded) if how == BASE64 else binascii.a2b_qp(encoded)
    except binascii.Error:
        return b""


def _encoded(content: bytes, how: int) -> bytes:
    if how == BASE64:
        letters = binascii.b2a_base64(content, newline=False)
        return _END.join(letters[at : at + _BASE64_LINE] for at in range(0, len(letters), _BASE64_LINE))
    escaped = content.replace(b"=", b"=3D").replace(b" \r\n", b"=20\r\n").replace(b"\t\r\n", b"=09\r\n")
    if others := set(escaped.translate(None, _PLAIN)):
        escaped = _with_others(escaped, others)
    length = OUR_LINE if how == OURS else max(how, SHORTEST_LINE)
    last = length - 1 if how == OURS else length
    return _END.join(
        [
            line if len(line) <= last else _SOFT_END.join(_broken(line, length, last))
            for line in escaped.split(_END)
        ]
    )


def _with_others(escaped: bytes, others: set[int]) -> bytes:
    """With what is not plain escaped, too."""
    if len(others) > FEW:
        return _NOT_PLAIN.sub(_escape, escaped)
    for other in others:
        escaped = escaped.replace(bytes([other]), _ESCAPED[other])
    return escaped


def _escape(found: re.Match[bytes]) -> bytes:
    return _ESCAPED[found[0][0]]


def _broken(line: bytes, length: int, last: int) -> list[bytes]:
    """Pieces that have `length` with the "=" behind them, or a little less, for "=3D" is not parted; and the last."""
    pieces, at, enough = [], 0, len(line) - last
    while at < enough:
        end = at + length - 1
        if line[end - 1] == _EQUALS:
            end -= 1
        elif line[end - 2] == _EQUALS:
            end -= 2
        pieces.append(line[at:end])
        at = end
    return [*pieces, line[at:]]


def _beginning(content: bytes, how: int) -> bytes:
    """Of an encoded body, of which there is only the beginning."""
    return _encoded(content[: len(content) // 3 * 3], how)[:-CUT_OFF]
