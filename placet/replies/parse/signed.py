"""The signed part of a mail that is signed as a whole: the bytes that the signature is of, and the mail as it reads
when they are all that is read.

multipart/signed (RFC 1847; S/MIME of RFC 8551 3.5.3, OpenPGP of RFC 3156) has two parts, the text and the signature.
S/MIME also wraps text and signature in one (RFC 8551 3.5.2). Here is looked at the outermost one alone, and only if
nothing else stands beside it: of a signed part inside of another mail nobody could tell what its signer saw around it.
Whether the signature holds is for `check_smime` and `check_openpgp`. Linear.
"""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from placet.lib.sentences import Sentence
from placet.replies.parse import limits
from placet.replies.parse.addresses import addresses
from placet.replies.parse.body import body
from placet.replies.parse.headers import Headers, date_of, from_bytes, message_ids, text
from placet.replies.parse.mail import Mail
from placet.replies.parse.parts import Part, parts
from placet.replies.parse.readings import two_readings
from placet.replies.parse.sealed import PKCS7, signed_inline
from placet.replies.parse.structure import NO_TEXT
from placet.replies.parse.subjects import own_subject

LARGEST_SIGNATURE = 64 * 1024  # bytes of one that stands beside the text: some certificates and one signature
LARGEST_MAIL = 40 * 1024 * 1024  # bytes that a hash is made of

_SMIME_SIGNATURES = ("application/pkcs7-signature", "application/x-pkcs7-signature")
_PGP_SIGNATURE = "application/pgp-signature"
_HEAD_ENDS = re.compile(rb"\n\r?\n")
_LONE_RETURN = re.compile(rb"\r(?!\n)")


class Scheme(StrEnum):
    """How a mail is signed."""

    SMIME = "S/MIME"  # the signature stands beside the text
    SMIME_WRAPPED = "S/MIME, wrapped"  # text and signature are one part
    OPENPGP = "OpenPGP"


class SignatureUnfit(Exception):
    """Nothing can be proved with what it is signed with; `sentence` says why."""

    def __init__(self, sentence: Sentence) -> None:
        super().__init__(str(sentence))
        self.sentence = sentence


@dataclass(frozen=True)
class SignedPart:
    """What is signed, and the signature of it."""

    scheme: Scheme
    content: bytes  # its lines end in CRLF; empty where the signature wraps it
    signature: bytes


def signed_part(raw: bytes) -> SignedPart | None:
    """None where the mail is not signed. Raises SignatureUnfit for what could be read in two ways, or is signed in part
    alone; Unparseable as `parts` does."""
    head = from_bytes(limits.header_block(raw)).first("content-type").lower()
    if not any(one in head for one in ("multipart/signed", *PKCS7)):
        _must_not_be_inside(parts(raw))
        return None
    if len(raw) > LARGEST_MAIL:
        raise SignatureUnfit(Sentence("it is larger than {number} MB", number=LARGEST_MAIL // (1024 * 1024)))
    found = parts(raw)
    root = found[0]
    if root.content_type in PKCS7:
        if len(raw) > limits.READ:
            raise SignatureUnfit(
                Sentence("it is signed in one piece of more than {number} MB", number=limits.READ // 2**20)
            )
        return SignedPart(Scheme.SMIME_WRAPPED, b"", root.payload())
    if root.content_type != "multipart/signed" or not root.boundary:
        raise SignatureUnfit(Sentence("its parts cannot be told apart"))
    content, signature = _two_parts(raw, root.boundary)
    return _beside(content, signature, root.parameters.get("protocol", "").lower())


def _must_not_be_inside(found: Sequence[Part]) -> None:
    """A signed part that is not the whole mail."""
    own = [part for part in found if not part.in_message]
    if any(part.content_type in ("multipart/signed", *PKCS7) for part in own):
        raise SignatureUnfit(Sentence("only a part of the mail is signed, and other parts stand beside it"))
    if signed_inline(own):
        raise SignatureUnfit(
            Sentence(
                "the signature stands in the text itself (OpenPGP inline), where other text may stand around it; "
                "PGP/MIME is needed"
            )
        )


def _two_parts(raw: bytes, boundary: str) -> tuple[bytes, bytes]:
    """The bytes of both parts, without the line ends that belong to the lines between them (RFC 2046 5.1.1)."""
    head = _HEAD_ENDS.search(raw)
    start = head.end() if head else len(raw)
    line = re.compile(rb"(?<=\n)--%b(--)?[ \t]*(?:\r?\n|\Z)" % re.escape(boundary.encode("ascii", "replace")))
    between = list(line.finditer(raw, start))
    if [bool(one[1]) for one in between] != [False, False, True]:
        raise SignatureUnfit(Sentence("it has not exactly two parts, the text and its signature"))
    around = raw[start : between[0].start()] + raw[between[2].end() :]
    if not NO_TEXT.fullmatch(around.decode("latin-1").replace("\r", "").strip()):
        raise SignatureUnfit(Sentence("text stands outside of what is signed"))
    one, other = (
        re.sub(rb"\r?\n\Z", b"", raw[before.end() : after.start()])
        for before, after in itertools.pairwise(between)
    )
    return one, other


def _beside(content: bytes, signature: bytes, protocol: str) -> SignedPart:
    must_read_alike(content)
    if len(signature) > LARGEST_SIGNATURE * 2:  # base64, with line ends
        raise SignatureUnfit(
            Sentence("its signature is larger than {number} kB", number=LARGEST_SIGNATURE // 1024)
        )
    found = parts(signature)
    kind = found[0].content_type
    if len(found) != 1 or found[0].doubt or kind not in (*_SMIME_SIGNATURES, _PGP_SIGNATURE):
        raise SignatureUnfit(Sentence("its second part is no signature that is known here"))
    if protocol and protocol.replace("x-", "") != kind.replace("x-", ""):
        raise SignatureUnfit(Sentence("its header names another kind of signature than it has"))
    scheme = Scheme.OPENPGP if kind == _PGP_SIGNATURE else Scheme.SMIME
    return SignedPart(scheme, re.sub(rb"\r?\n", b"\r\n", content), found[0].payload())


def must_read_alike(content: bytes) -> None:
    """Raises SignatureUnfit for a lone carriage return, which one program takes for the end of a line, and a null."""
    if _LONE_RETURN.search(content) or b"\0" in content:
        raise SignatureUnfit(Sentence("what is signed holds a lone carriage return or a null"))


# ---------------------------------------------------------------------- read as signed


#: Headers that a program repeats inside of what it signs (RFC 9788, and the drafts before it).
PROTECTED = ("from", "to", "cc", "subject", "date", "message-id", "in-reply-to", "references")


def read_as_signed(mail: Mail, content: bytes) -> tuple[Mail, frozenset[str]]:
    """The mail as it reads when only what was signed counts, and the names of the headers that were signed with it.
    What stands in no signed header is left empty. Raises SignatureUnfit; Unparseable as `parts` does."""
    headers = from_bytes(limits.header_block(content))
    found = parts(content)
    if doubt := two_readings(headers, Headers(""), found, content):
        raise SignatureUnfit(Sentence("what is signed can be read in two ways: {why}", why=doubt))
    own = [part for part in found if not part.in_message]
    if any(part.content_type in ("multipart/signed", *PKCS7) for part in own):
        raise SignatureUnfit(Sentence("another signed part stands inside of what is signed"))
    if signed_inline(own):
        raise SignatureUnfit(Sentence("another signed part stands inside of what is signed"))
    names = (
        frozenset(name for name in PROTECTED if headers.has(name)) if _repeats(found[0]) else frozenset[str]()
    )
    inside = {name: headers.first(name) if name in names else "" for name in PROTECTED}
    if "from" in names and addresses(inside["from"]) != (mail.from_address,):
        raise SignatureUnfit(Sentence("what is signed names another sender than the mail"))
    subject = text(inside["subject"])
    seen = body(found, len(content) > limits.READ)
    view = replace(
        mail,
        subject=subject,
        own_subject=own_subject(subject),
        to=tuple(dict.fromkeys((*addresses(inside["to"]), *addresses(inside["cc"])))),
        in_reply_to=message_ids(inside["in-reply-to"]),
        references=message_ids(inside["references"]),
        date=date_of(inside["date"]),
        sealed=seen.sealed,
        text=seen.text,
        marked=seen.marked,
        new_text=seen.new_text,
        with_signature=seen.with_signature,
        set_apart=seen.set_apart,
        quoted_cut=seen.quoted_cut,
        markup=seen.markup,
        voting="",
        text_truncated=seen.truncated,
        quote_doubtful=seen.doubtful,
        text_unfinished=seen.unfinished,
        perhaps_hidden=seen.perhaps_hidden,
    )
    return view, names


def _repeats(root: Part) -> bool:
    """Whether the headers of what is signed are those of the mail: without a word about it they are of a part."""
    given = root.parameters
    return given.get("hp", "").lower() == "clear" or given.get("protected-headers", "").lower() == "v1"
