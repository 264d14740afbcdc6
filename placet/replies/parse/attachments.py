"""The files of a mail: what is attached to it, with names that are nothing but names."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from email.policy import compat32
from itertools import islice
from mimetypes import guess_extension
from urllib.parse import unquote_to_bytes

from placet.replies.parse import limits
from placet.replies.parse.charsets import decode, transfer_decode
from placet.replies.parse.parts import Part, parts, read_header
from placet.replies.refusals import Unparseable

LARGEST_LISTED = 48 * 1024 * 1024  # bytes of a mail whose attachments are looked for
LONGEST_NAME = 100  # characters of a file's name

_PIECE = re.compile(r';\s*(filename|name)(\*[0-9]{0,3}\*?)?\s*=\s*("(?:[^"\\]|\\.)*"|[^;\s]*)', re.IGNORECASE)
_UNSAFE = re.compile(r'[<>:"|?*\x00-\x1f]')
_TEXTS = ("text/plain", "text/html")
_MAILS = ("message/rfc822", "message/global")


@dataclass(frozen=True)
class Attachment:
    """One file of a mail. `number` is its place among the parts."""

    number: int
    name: str  # made safe
    content_type: str
    size: int  # bytes


def is_text(part: Part) -> bool:
    """Shown as the mail itself, not as an attachment (as `replies.parse.body` sees it)."""
    return not (part.attached or part.in_message or part.container) and part.content_type in _TEXTS


def attachments_of(raw: bytes) -> list[Attachment]:
    """The files of a whole mail, in their order; none of what cannot be taken apart."""
    try:
        return listed(parts(raw, LARGEST_LISTED))
    except Unparseable:
        return []


def listed(found: Sequence[Part]) -> list[Attachment]:
    """The files among the parts of a mail."""
    return [
        Attachment(number, file_name(part, number), part.content_type, _size(part))
        for number, part in files_of(found)
    ]


def files_of(found: Sequence[Part]) -> Iterator[tuple[int, Part]]:
    """What is not shown as the mail's own text; an attached mail is one file, whatever it holds."""
    for number, part in enumerate(found):
        if not part.in_message and not is_text(part) and (is_mail(part) or not part.container):
            yield number, part


def is_mail(part: Part) -> bool:
    return part.container and part.content_type in _MAILS


def _size(part: Part) -> int:
    """0, which is not shown, for an attached mail: it would have to be written out first."""
    return 0 if part.container else len(part.payload())


class _Undivided(Message):
    """So that the parser leaves attached mails as the bytes that came: written anew they would not be the same."""

    def get_content_maintype(self) -> str:
        found = super().get_content_maintype()
        return "application" if found == "message" else found


def attached_mail(raw: bytes, which: int) -> bytes:
    """The mail that is attached, counted from 0, as it came. Raises LookupError."""
    whole = message_from_bytes(raw[:LARGEST_LISTED], _Undivided, policy=compat32)
    attached = (part for part in whole.walk() if part.get_content_type() in _MAILS)
    part = next(islice(attached, which, None), None)
    if part is None:
        raise LookupError(which)
    encoding = read_header(part, "content-transfer-encoding")
    del part["content-transfer-encoding"]  # or get_payload would undo it its own way
    payload = part.get_payload(decode=True)
    return transfer_decode(payload, encoding) if isinstance(payload, bytes) else b""


def file_name(part: Part, number: int) -> str:
    """A name that is nothing but a name: no folder, no control or direction characters, not endless."""
    given = _named(read_header(part.message, "content-disposition"), "filename") or _named(
        read_header(part.message, "content-type"), "name"
    )
    given = given.replace("\\", "/").rpartition("/")[2]
    name = "".join(letter for letter in _UNSAFE.sub("_", given) if letter.isprintable()).strip(" .")
    if not name:
        name = f"attachment-{number}{guess_extension(part.content_type) or ''}"
    if is_mail(part) and not name.lower().endswith(".eml"):
        name += ".eml"
    stem, dot, ending = name.rpartition(".")
    if len(name) <= LONGEST_NAME or not dot or len(ending) > 10:
        return name[:LONGEST_NAME]
    return f"{stem[: LONGEST_NAME - len(ending) - 1]}.{ending}"


def _named(header: str, wanted: str) -> str:
    """The value of a parameter, in one piece or in several (RFC 2231)."""
    pieces = [
        (mark, value.replace('\\"', '"').strip('"'))
        for name, mark, value in _PIECE.findall(header)
        if name.lower() == wanted
    ]
    coded = [value for mark, value in pieces if mark][: limits.PARTS]
    return _decoded("".join(coded)) if coded else next((value for _mark, value in pieces), "")


def _decoded(value: str) -> str:
    """`utf-8'fr'r%C3%A9sum%C3%A9.pdf`, or the same without its charset."""
    charset, _quote, rest = value.partition("'")
    _language, quoted, said = rest.partition("'")
    return decode(unquote_to_bytes(said), charset) if quoted else decode(unquote_to_bytes(value), "utf-8")
