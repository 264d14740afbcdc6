"""Whether two programs could read a mail in two ways: the one that checked it, and the one that reads it here.

DKIM signs the lowest of a doubled header and mail programs show the topmost; one program takes a lone carriage return
for the end of a line and another does not; of two boundaries each knows one. Whoever may add such things to a signed
mail chooses what is read. So a mail in which one of them is found decides nothing. Linear, and never raises.
"""

import re
from collections.abc import Iterator, Sequence

from placet.lib.sentences import NOTHING, Sentence
from placet.replies.parse import limits
from placet.replies.parse.headers import AT_MOST_ONCE, Headers, folded
from placet.replies.parse.parts import Part

# What some program or other takes for the end of a line.
_BREAKS = re.compile("\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_CONTROLS = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LINES = re.compile(rb"\r\n|\r|\n")
_HEAD_ENDS = re.compile(r"\n\r?\n")
# What some program passes over and another takes for a header, of which it makes a following line a part. On top of
# all headers, where files of mails have it, nothing can be taken out of another one.
_ENVELOPE = re.compile(r"\nFrom |\AFrom [^\n]*\n[ \t]")
_MAIL, _TRANSPORT = Sentence("the mail"), Sentence("the transport headers")


def two_readings(mime: Headers, transport: Headers, parts: Sequence[Part], raw: bytes) -> Sentence:
    """Why it could be read in two ways; NOTHING if there is one way. Parts of attached mails do not matter: they are
    never read."""
    return next(_reasons(mime, transport, parts, raw), NOTHING)


def _reasons(mime: Headers, transport: Headers, parts: Sequence[Part], raw: bytes) -> Iterator[Sentence]:
    yield from _of_headers(mime, _MAIL)
    yield from _of_headers(transport, _TRANSPORT)
    own = [part for part in parts if not part.in_message]
    yield from _of_other_reader(mime, own)
    for part in own:
        if part.doubt:
            yield part.doubt
    yield from _of_boundaries([part.boundary for part in own if part.boundary], raw[: limits.READ])


def _of_headers(headers: Headers, where: Sentence) -> Iterator[Sentence]:
    for name in AT_MOST_ONCE:
        there = headers.all(name)
        if len(there) > 1:
            yield Sentence(
                "There are {number} {header} headers in {place}.",
                number=len(there), header=name.title(), place=where,
            )  # fmt: skip
        if any(header.malformed for header in there):
            yield Sentence(
                "The name of the {header} header in {place} is malformed.", header=name.title(), place=where
            )
    if _ENVELOPE.search(_HEAD_ENDS.split(headers.block, maxsplit=1)[0]):
        yield Sentence("There is a line among the headers in {place} that is none.", place=where)
    if _names(headers.block) != sum(len(headers.all(name)) for name in AT_MOST_ONCE):
        yield Sentence("What stands in {place} depends on what counts as the end of a line.", place=where)


def _names(block: str) -> int:
    """How many lines begin with a name of AT_MOST_ONCE, for a program that sees the end of a line wherever it can."""
    head = _HEAD_ENDS.split(block, maxsplit=1)[0]
    lines = (line.partition(":") for line in _BREAKS.split(head) if line[:1] not in (" ", "\t"))
    return sum(1 for name, colon, _ in lines if colon and folded(name) in _ONCE)


_ONCE = frozenset(AT_MOST_ONCE)


def _of_other_reader(headers: Headers, parts: Sequence[Part]) -> Iterator[Sentence]:
    """The MIME parser reads the header of the mail, too, by its own rules."""
    for name in AT_MOST_ONCE:
        if parts and parts[0].declared.get(name, 0) != len(headers.all(name)):
            yield Sentence("Where its headers end is not clear.")


def _of_boundaries(boundaries: Sequence[str], raw: bytes) -> Iterator[Sentence]:
    """Lines between parts, for programs that leave control characters out or end lines at a lone carriage return."""
    delimiters = [b"--" + boundary.encode("utf-8", "replace") for boundary in boundaries]
    if not delimiters:
        return
    if _CONTROLS.search(raw):
        bare = (_CONTROLS.sub(b"", line) for line in _LINES.split(raw) if _CONTROLS.search(line))
        if any(line.startswith(tuple(delimiters)) for line in bare):
            yield Sentence("A line between its parts holds a control character.")
    if re.search(rb"\r(?!\n)", raw):
        either = b"|".join(re.escape(delimiter) for delimiter in delimiters)
        if re.search(rb"\r(?:%b)|(?:%b)(?:--)?[ \t]*\r(?!\n)" % (either, either), raw):
            yield Sentence("A line between its parts ends in a lone carriage return.")
