"""What the text of a mail would be if Content-Type were another one.

Content-Type and Content-Transfer-Encoding stand in the header, where a domain signs what it likes; about half of the
signatures leave them out. Then whoever passes the mail on may choose another boundary, so that a part begins inside
somebody's text, or show one of two texts that differ. What the mail itself shows against that is looked for here.
"""

import re
from collections.abc import Sequence

from placet.lib.sentences import NOTHING, Sentence
from placet.replies.parse.body import body
from placet.replies.parse.charsets import charset_name
from placet.replies.parse.parts import Part

NO_TEXT = re.compile(
    r"(?:this is an? (?:multi-?part|cryptographically signed|s/mime signed|openpgp/mime signed)[^\n]{0,60}"
    r"(?:\n[^\n]{0,80}mime[^\n]{0,40})?)?",
    re.IGNORECASE,
)
_DELIMITER = re.compile(r"^--\S[^\n]*\nContent-", re.IGNORECASE | re.MULTILINE)
_SHIFTING = ("hz", "utf-16", "utf-16-le", "utf-16-be")  # in which plain letters may stand for others
_PROGRAMS = re.compile(
    r"<?\bhttps?://[^\s>]*>?|<?\bmailto:[^\s>]*>?|\[(?:cid|image|https?|data):[^\]]*\]", re.IGNORECASE
)
_ENCODED = ("quoted-printable", "base64")
#: "=" at the end of a line that goes on in the next one (RFC 2045 6.7); not a rule of "=" signs.
_SOFT_BREAK = re.compile(r"[^=]=[ \t]*\r?\n")
_WORDS = re.compile(r"[^\W_]+")


def structure_doubt(parts: Sequence[Part]) -> Sentence:
    """Why other text may have been meant; NOTHING if there is no sign of it."""
    root = parts[0]
    if not root.container:
        return _of_single(root)
    around = (root.message.preamble, root.message.epilogue)
    if not all(NO_TEXT.fullmatch(str(text or "").replace("\r", "").strip()) for text in around):
        return Sentence("text stands outside of its parts")
    if _differ(parts):
        return Sentence("its plain text and its HTML differ")
    return NOTHING


def encoding_doubt(parts: Sequence[Part]) -> Sentence:
    """Why other text may have been meant if Content-Transfer-Encoding was another one; NOTHING if there is no sign of
    it. Of a mail of several parts it stands in each of them, as part of the text."""
    root = parts[0]
    if root.container or root.encoding in _ENCODED or not _SOFT_BREAK.search(root.text()):
        return NOTHING
    return Sentence("lines of its text end as they do in quoted-printable")


def _of_single(part: Part) -> Sentence:
    text = part.text()
    if part.content_type == "text/html" and not text.lstrip("\ufeff \n\t").startswith("<"):
        return Sentence("its text does not look like HTML")
    if part.content_type == "text/plain" and _DELIMITER.search(text):
        return Sentence("its text looks like one of several parts")
    if charset_name(part.parameters.get("charset", "")) in _SHIFTING:
        return Sentence("its character set may hide letters")
    return NOTHING


def _differ(parts: Sequence[Part]) -> bool:
    """Whether plain text and HTML, where there are both, say other words: above the quote, and in the whole (the quote
    may be told by the HTML alone)."""
    types = {part.content_type for part in parts if not (part.attached or part.in_message)}
    if not {"text/plain", "text/html"} <= types:
        return False
    plain = body([part for part in parts if part.content_type != "text/html"], False)
    marked_up = body([part for part in parts if part.content_type != "text/plain"], False)
    return all(_words(one) != _words(other) for one, other in (
        (f"{plain.new_text} {plain.set_apart}", f"{marked_up.new_text} {marked_up.set_apart}"),
        (plain.text, marked_up.text),
    ))  # fmt: skip


def _words(text: str) -> list[str]:
    """Without what programs write for links and pictures in plain text alone."""
    return _WORDS.findall(_PROGRAMS.sub(" ", text).casefold())
