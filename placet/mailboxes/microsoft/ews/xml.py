"""EWS's XML: building requests, and reading answers piece by piece, so that a large mail is held once.

Everything of an answer becomes a small tree, except MimeContent: its base64 is decoded while it arrives.
"""

import binascii
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from lxml import etree
from lxml.builder import ElementMaker

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
MESSAGES = "http://schemas.microsoft.com/exchange/services/2006/messages"
TYPES = "http://schemas.microsoft.com/exchange/services/2006/types"
ERRORS = "http://schemas.microsoft.com/exchange/services/2006/errors"
NAMESPACES = {"s": SOAP, "m": MESSAGES, "t": TYPES, "e": ERRORS}

S = ElementMaker(namespace=SOAP, nsmap={"s": SOAP, "m": MESSAGES, "t": TYPES})
M = ElementMaker(namespace=MESSAGES, nsmap={"m": MESSAGES, "t": TYPES})
T = ElementMaker(namespace=TYPES, nsmap={"t": TYPES})

MIME_CONTENT = f"{{{TYPES}}}MimeContent"
DEEPEST = 60  # real answers nest about 15 deep
MOST_ATTRIBUTES = 64  # of one element; real ones have five. Each is compared with all before it
MOST_ELEMENTS = 200_000  # real answers have thirty for each mail
MOST_TEXT = 64 * 1024 * 1024  # characters outside MimeContent: 500 long header blocks fit
#: Control characters that XML 1.0 forbids; from a mail's headers they come as they are or as &#x1;.
CONTROLS = bytes(set(range(32)) - {9, 10, 13})
BLANKED = bytes.maketrans(CONTROLS, b" " * len(CONTROLS))
#: Numeric references, but for the line ends that every header block is full of.
REFERENCE = re.compile(rb"&#(?!xD;|xA;|13;|10;)(?:[xX]0*([0-9a-fA-F]{1,6})|0*([0-9]{1,7}));")


class AnswerCut(Exception):
    """The answer ended too early."""


class AnswerBroken(Exception):
    """The answer is not the XML that EWS speaks."""


@dataclass(frozen=True)
class Mime:
    """One decoded MimeContent. `data` is None where it was larger than allowed or no base64."""

    data: bytes | None
    too_large: bool = False


@dataclass(frozen=True)
class Answer:
    """An envelope without its mails, and the mails in the order they came."""

    root: etree._Element
    mimes: list[Mime] = field(default_factory=list)

    def mime_of(self, item: etree._Element) -> Mime | None:
        element = item.find(MIME_CONTENT)
        return None if element is None else self.mimes[int(element.get("number", "0"))]


def read(chunks: Iterable[bytes], mime_limit: int = 0) -> Answer:
    """The answer that `chunks` hold. Raises AnswerCut or AnswerBroken, and what `chunks` raises.

    `mime_limit` is in bytes after decoding and counts for each mail. Document types are refused, so there
    are no entities; nothing is ever fetched.
    """
    target = _Target(mime_limit)
    parser = etree.XMLParser(  # type: ignore[call-overload]  # the stubs ask for methods that lxml does not need
        target=target, resolve_entities=False, no_network=True, huge_tree=True
    )
    begun = False
    try:
        for chunk in _legal(chunks):
            parser.feed(chunk)
            begun = True
    except etree.XMLSyntaxError:
        raise AnswerBroken("not well-formed") from None
    if not begun:
        raise AnswerCut("empty")
    try:
        root = parser.close()
    except etree.XMLSyntaxError:
        raise AnswerCut("unfinished") from None
    return Answer(root, target.mimes)


class _Target:
    """What lxml's parser calls for each piece."""

    def __init__(self, mime_limit: int) -> None:
        self.mimes: list[Mime] = []
        self._builder = etree.TreeBuilder()
        self._mime_limit = mime_limit
        self._decoder: _Decoder | None = None
        self._depth = 0
        self._text = 0
        self._elements = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise AnswerBroken("nested too deep")
        self._elements += 1
        if self._elements > MOST_ELEMENTS:
            raise AnswerBroken("too many elements")
        if len(attributes) > MOST_ATTRIBUTES:
            raise AnswerBroken("too many attributes")
        if tag == MIME_CONTENT:
            self._builder.start(tag, {"number": str(len(self.mimes))})
            self._decoder = _Decoder(self._mime_limit)
        else:
            self._builder.start(tag, attributes)

    def data(self, text: str) -> None:
        if self._decoder is not None:
            self._decoder.feed(text)
            return
        self._text += len(text)
        if self._text > MOST_TEXT:
            raise AnswerBroken("too large")
        self._builder.data(text)

    def end(self, tag: str) -> None:
        self._depth -= 1
        if tag == MIME_CONTENT and self._decoder is not None:
            self.mimes.append(self._decoder.finish())
            self._decoder = None
        self._builder.end(tag)

    def doctype(self, name: str, public: str | None, system: str | None) -> None:
        raise AnswerBroken("has a document type")

    def close(self) -> etree._Element:
        return self._builder.close()


class _Decoder:
    """base64 that arrives in pieces of any length."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._out: io.BytesIO | None = io.BytesIO()
        self._rest = b""
        self._too_large = False

    def feed(self, text: str) -> None:
        if self._out is None:
            return
        try:
            piece = self._rest + text.encode("ascii").translate(None, b" \t\r\n")
            whole = len(piece) - len(piece) % 4
            self._out.write(binascii.a2b_base64(piece[:whole], strict_mode=True))
            self._rest = piece[whole:]
        except ValueError:  # binascii.Error and UnicodeEncodeError are ValueErrors
            self._out = None
            return
        if self._out.tell() > self._limit:
            self._out = None
            self._too_large = True

    def finish(self) -> Mime:
        if self._out is None or self._rest:
            return Mime(None, self._too_large)
        return Mime(self._out.getvalue())  # BytesIO hands its buffer over without a copy


def _legal(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The chunks without characters that XML forbids: one such mail must not stop the ones behind it."""
    rest = b""
    for chunk in chunks:
        piece = (rest + chunk).translate(BLANKED)
        cut = piece.rfind(b"&", max(0, len(piece) - 16))
        rest = piece[cut:] if cut >= 0 else b""
        piece = piece[:cut] if cut >= 0 else piece
        if b"&#" in piece:
            piece = REFERENCE.sub(_legal_reference, piece)
        if piece:
            yield piece
    if rest:
        yield REFERENCE.sub(_legal_reference, rest)


def _legal_reference(match: re.Match[bytes]) -> bytes:
    code = int(match[1], 16) if match[1] else int(match[2])
    allowed = (
        code in (9, 10, 13)
        or 0x20 <= code <= 0xD7FF
        or 0xE000 <= code <= 0xFFFD
        or 0x10000 <= code <= 0x10FFFF
    )
    return match[0] if allowed else b"&#xFFFD;"


def local(element: etree._Element) -> str:
    return etree.QName(element).localname


def text_of(element: etree._Element, path: str) -> str:
    return (element.findtext(path, namespaces=NAMESPACES) or "").strip()


def attribute_of(element: etree._Element, path: str, name: str) -> str:
    found = element.find(path, namespaces=NAMESPACES)
    return "" if found is None else found.get(name, "")


def is_true(text: str) -> bool:
    return text.strip().lower() in ("true", "1")
