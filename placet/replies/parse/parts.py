"""The parts of a mail: the standard library's MIME parser inside limits, then flat."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email import errors, message_from_bytes
from email.message import Message
from email.policy import compat32

from placet.lib.sentences import NOTHING, Sentence
from placet.replies.parse import limits
from placet.replies.parse.charsets import decode, tidy, transfer_decode
from placet.replies.parse.headers import text as header_text
from placet.replies.refusals import Unparseable

_PARAMETER = re.compile(r';\s*([!#$%&\'*+.^_`{|}~0-9A-Za-z-]{1,60})\s*=\s*("(?:[^"\\]|\\.)*"|[^;\s]*)')
_TYPE = re.compile(r"\s*([a-z0-9.+_-]{1,60}/[a-z0-9.+_-]{1,100})\s*(?:;|$|\s)")


@dataclass(frozen=True)
class Part:
    """One part. Containers have no payload."""

    content_type: str  # lower case; text/plain if it is missing or malformed (RFC 2045 5.2)
    parameters: Mapping[str, str]
    depth: int
    parent: int  # index of the container, -1 for the mail itself
    in_message: bool  # inside a mail that is attached
    attached: bool  # Content-Disposition says attachment, or it has a file name
    encoding: str  # Content-Transfer-Encoding
    boundary: str  # by which the MIME parser told its parts apart; "" if it has none
    declared: Mapping[str, int]  # how often the MIME parser saw each header, by lower-case name
    doubt: Sentence  # why another program may read this part otherwise; NOTHING if none should
    message: Message = field(repr=False, compare=False)

    @property
    def container(self) -> bool:
        return self.message.is_multipart()

    def payload(self) -> bytes:
        """Transfer-decoded bytes; empty for containers."""
        raw = self.message.get_payload(
            decode=True
        )  # without an encoding of its own these are the bytes that came
        return transfer_decode(raw, self.encoding) if isinstance(raw, bytes) else b""

    def text(self) -> str:
        """The payload as text, tidied."""
        return tidy(decode(self.payload(), self.parameters.get("charset", "")))


def parts(raw: bytes, read: int = limits.READ) -> tuple[Part, ...]:
    """All parts in the order they come, the mail itself first. Raises Unparseable beyond the limits.

    Looks at the first `read` bytes: more than limits.READ only to list attachments, never for an answer.
    """
    raw = raw[:read]
    limits.check_structure(raw)
    try:
        message = message_from_bytes(raw, policy=compat32)
    except (RecursionError, LookupError, ValueError, TypeError, AttributeError) as error:
        # It never raised on 1,403 malformed mails; these are what its parts are known to raise.
        raise Unparseable(
            Sentence("Its MIME structure cannot be read ({error}).", error=type(error).__name__)
        ) from error
    found: list[Part] = []
    waiting = [(message, 0, -1, False)]
    while waiting:
        current, depth, parent, in_message = waiting.pop()
        if len(found) == limits.PARTS:
            raise Unparseable(Sentence("It has more than {number} parts.", number=limits.PARTS))
        if depth > limits.DEPTH:
            raise Unparseable(Sentence("Its parts are nested more than {number} deep.", number=limits.DEPTH))
        part = _part(current, depth, parent, in_message)
        found.append(part)
        inside = in_message or part.content_type.startswith("message/")
        children = [(child, depth + 1, len(found) - 1, inside) for child in _children(current)]
        waiting.extend(reversed(children))
    return tuple(found)


def read_header(message: Message, name: str) -> str:
    """The one place where a header of a part is read: as text, bounded, never raising."""
    value = message.get(name)
    return header_text(str(value).replace("\r", "").replace("\n", " ")) if value is not None else ""


def _children(message: Message) -> Iterator[Message]:
    payload = message.get_payload() if message.is_multipart() else ()
    yield from (child for child in payload if isinstance(child, Message))


def _part(message: Message, depth: int, parent: int, in_message: bool) -> Part:
    names = Counter(name.lower() for name in message)
    doubt = _doubt(message, names, depth)
    declared = read_header(message, "content-type")
    found = _TYPE.match(declared.lower())
    content_type = found[1] if found else message.get_default_type()
    if content_type.startswith("multipart/") and not message.is_multipart():
        content_type = "text/plain"  # declared multipart, but no boundary was found: what is there is text
    parameters = _parameters(declared)
    disposition = read_header(message, "content-disposition")
    named = "name" in parameters or "filename" in _parameters(disposition)
    attached = disposition.lower().startswith("attachment") or named
    encoding = read_header(message, "content-transfer-encoding")
    # get_payload would decode text by the declared charset, and raises on hostile ones; it gives the plain bytes
    # only when it knows no encoding.
    del message["content-transfer-encoding"]
    boundary = str(message.get_boundary("")) if message.is_multipart() else ""
    return Part(
        content_type,
        parameters,
        depth,
        parent,
        in_message,
        attached,
        encoding,
        boundary,
        names,
        doubt,
        message,
    )


def _doubt(message: Message, names: Mapping[str, int], depth: int) -> Sentence:
    for name in _OF_PARTS:
        if names.get(name, 0) > 1:
            return Sentence(
                "There are {number} {header} headers in one part.", number=names[name], header=name.title()
            )
        if _CONTROLS.search(str(message.get(name, ""))):
            return Sentence("The {header} header of a part holds a control character.", header=name.title())
    # What stands above the first header of the whole mail belongs to it for nobody.
    unclear = (*_UNCLEAR, errors.FirstHeaderLineIsContinuationDefect) if depth else _UNCLEAR
    if any(isinstance(defect, unclear) for defect in message.defects):
        return Sentence("Where the headers of a part end, or its own parts begin, is not clear.")
    declared = read_header(message, "content-type")
    given = Counter(name.lower().partition("*")[0] for name, _ in _PARAMETER.findall(declared))
    for name in _THAT_DECIDE:
        if given[name] > 1:
            return Sentence("A Content-Type header names its {parameter} twice.", parameter=name)
    if message.is_multipart() and "boundary" in given:
        ours = _parameters(declared)["boundary"].rstrip()
        # One without a letter (RFC 2046 5.1.1 knows none) is a line "--" for some, and for others all of it is text.
        if not ours or ours != header_text(str(message.get_boundary(""))):
            return Sentence("A Content-Type header names a boundary that can be read in two ways.")
    return NOTHING


_OF_PARTS = ("content-type", "content-transfer-encoding", "content-disposition")
_THAT_DECIDE = ("boundary", "charset", "format", "delsp")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_UNCLEAR = (
    errors.MissingHeaderBodySeparatorDefect,
    errors.StartBoundaryNotFoundDefect,
    errors.NoBoundaryInMultipartDefect,
)


def _parameters(value: str) -> dict[str, str]:
    """Parameters by lower-case name; the first of a name counts. RFC 2231 pieces keep only their name."""
    found: dict[str, str] = {}
    for name, quoted in _PARAMETER.findall(value):
        name = name.lower().partition("*")[0]
        found.setdefault(name, quoted.strip('"').replace("\\", ""))
    return found
