"""How much of a mail is looked at, and what is refused before anything is parsed.

Every number bounds a step that is linear below it. They are far above what mail programs write and far
below what hurts: the standard library needs minutes for some headers of a megabyte, and its MIME parser
falls over multiparts nested 1,500 deep.
"""

import re

from placet.lib.sentences import Sentence
from placet.replies.refusals import Unparseable

READ = 2 * 1024 * 1024  # bytes of the mail from its start; text that people wrote comes before attachments
HEADER_BLOCK = 256 * 1024  # bytes (characters for transport headers)
ONE_HEADER = 16 * 1024  # characters of one header that has a structure (addresses, Content-Type)
PARTS = 100
DEPTH = 20  # of multiparts and attached mails
BOUNDARY_LINES = 2_000  # lines that start with "--" in a multipart mail
LINE_TESTS = 4_000_000  # lines times parts that hold others; below half a second
HTML = 1024 * 1024  # characters
ELEMENTS = 50_000  # of HTML
LINES = 10_000  # of text in which quotes are looked for
NEW_TEXT = 64 * 1024  # characters

_CONTENT_TYPE = re.compile(rb"(?:^|[\r\n])content-type:[^\r\n]*(?:(?:\r\n|\r|\n)[ \t][^\r\n]*)*")
_END_OF_HEADERS = re.compile(rb"\n\r?\n")


def header_block(raw: bytes) -> bytes:
    """The header block of a mail. Raises Unparseable when it is larger than HEADER_BLOCK."""
    if raw.startswith((b"\n", b"\r\n")):
        return b""
    end = _END_OF_HEADERS.search(raw, 0, HEADER_BLOCK + 4)
    if end is None and len(raw) > HEADER_BLOCK:
        raise Unparseable(Sentence("Its headers are longer than {number} kB.", number=HEADER_BLOCK // 1024))
    return raw[: end.start()] if end else raw


def check_structure(raw: bytes) -> None:
    """Refuse what the MIME parser would need too long for, counted on the bytes. Linear.

    Every level of nesting needs a Content-Type with "multipart/" or "message/" of its own, so the number
    of these words bounds the depth, whatever the boundaries are.
    """
    lower = raw.lower()
    multiparts = lower.count(b"multipart/")
    if multiparts + lower.count(b"message/") > PARTS:
        raise Unparseable(Sentence("It has more than {number} parts that hold other parts.", number=PARTS))
    # The standard library holds every line against the boundary of every multipart that is open.
    if multiparts * _lines(raw) > LINE_TESTS:
        raise Unparseable(Sentence("It has too many lines for so many parts that hold other parts."))
    if multiparts and lower.count(b"\n--") + lower.count(b"\r--") > BOUNDARY_LINES:
        raise Unparseable(
            Sentence("It has more than {number} lines that may separate parts.", number=BOUNDARY_LINES)
        )
    if any(len(header[0]) > ONE_HEADER for header in _CONTENT_TYPE.finditer(lower)):
        raise Unparseable(
            Sentence("It has a Content-Type header longer than {number} kB.", number=ONE_HEADER // 1024)
        )


def _lines(raw: bytes) -> int:
    return raw.count(b"\n") + raw.count(b"\r") - raw.count(b"\r\n")
