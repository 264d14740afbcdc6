"""What stands around an answer and is none: closings with names and titles below them, small print, codes."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from placet.replies.parse import CODE
from placet.replies.read_phrases import Role
from placet.replies.read_tokens import Kind, Token, tokens
from placet.replies.read_vocabulary import Vocabulary, begins_with

_CODE_LINE = re.compile(rf"^\W{{0,3}}#{CODE}\W{{0,3}}$", re.ASCII | re.IGNORECASE | re.MULTILINE)
_CODE_MARK = re.compile(rf"\[?#{CODE}\]?", re.ASCII | re.IGNORECASE)

_CLOSING_MORE = 4  # words that may follow a closing in its line: "best regards from Berlin"
_DEVICE_MORE = 4  # the same for the names of a device and a program
_LONGEST_LINE = 6  # words of a line of a signature
_MOST_LINES = 5  # of a signature that no closing introduces
_SAYS_SOMETHING = 4  # words from which on a line below a closing may say something


@dataclass(frozen=True)
class Frame:
    """Where the answer ends: below stand a closing, a signature or small print."""

    end: int  # index into the text
    said_below: str  # something below that the sender may have said, so that nothing is clear; "" if nothing


def frame(text: str, known: Vocabulary) -> Frame:
    """Find the end of the answer. One look at each line."""
    lines = list(_lines(text))
    for at, line in enumerate(lines):
        if not line.words:
            if at and line.delimits:
                return Frame(line.start, "")
            continue
        if begins_with(line.words, known.lines.legal) or (at and _is_device(line, known)):
            return Frame(line.start, "")
        length = begins_with(line.words, known.lines.closings)
        if (
            length
            and length + _CLOSING_MORE >= len(line.words)
            and (length > 1 or line.capitals >= len(line.words) - 1)  # behind one word, names
            and not _decides(line.words[length:], known)
            and (at or not any(_decides(below.words, known) for below in lines[1:]))
        ):
            return Frame(line.start, _said(lines[at + 1 :], known))
    start = _signature(lines, known)
    if start is not None:
        return Frame(lines[start].start, _said(lines[start:], known))
    return Frame(len(text), "")


@dataclass(frozen=True)
class _Line:
    start: int
    words: tuple[str, ...]
    capitals: int  # words that begin like names; those of scripts without capitals count
    small: int  # words that do not begin with a capital
    delimits: bool  # the line that mail programs put above a signature, RFC 3676 4.3


def _lines(text: str) -> Iterator[_Line]:
    start = 0
    for line in text.split("\n"):
        made = [token for token in tokens(line) if token.kind is Kind.WORD]
        yield _Line(
            start,
            tuple(token.text for token in made),
            sum(token.capital for token in made),
            sum(not line[token.start].isupper() for token in made),
            line.strip() == "--",
        )
        start += len(line) + 1


def _signature(lines: Sequence[_Line], known: Vocabulary) -> int | None:
    """Where the last paragraph begins, if it is a name with a title or an address below it, and there is
    something above. Its first line is a name: two to four words with capitals that are no words we know."""
    last = len(lines)
    while last and not lines[last - 1].words:
        last -= 1
    first = last
    while first and lines[first - 1].words:
        first -= 1
    block = lines[first:last]
    if not first or len(block) > _MOST_LINES or any(len(line.words) > _LONGEST_LINE for line in block):
        return None
    name = block[0]
    if (
        name.capitals < len(name.words)
        or not 2 <= len(name.words) <= 4
        or any(word[:1].isdigit() for word in name.words)
        or _decides(name.words, known)
        or _doubts(name.words, known)
    ):
        return None
    return first


def _is_device(line: _Line, known: Vocabulary) -> bool:
    """ "Sent from my phone"; but "von meiner Seite gerne" begins like one."""
    length = begins_with(line.words, known.lines.device)
    return length > 0 and len(line.words) <= length + _DEVICE_MORE and not _decides(line.words, known)


def _said(below: Sequence[_Line], known: Vocabulary) -> str:
    """A line below the closing that is more than a name, a title or small print."""
    for line in below:
        if begins_with(line.words, known.lines.legal):
            return ""
        if begins_with(line.words, known.lines.afterwords):
            return " ".join(line.words)
        if (
            len(line.words) >= _SAYS_SOMETHING
            and 2 * line.small > len(line.words)
            and _doubts(line.words, known)
        ):
            return " ".join(line.words)
    return ""


def _doubts(words: Sequence[str], known: Vocabulary) -> bool:
    return any(
        match.meaning.role >= Role.DOUBT
        for at in range(len(words))
        for match in known.phrases.matches(words, at)
    )


def _decides(words: Sequence[str], known: Vocabulary) -> bool:
    return any(
        match.meaning.outcome for at in range(len(words)) for match in known.phrases.matches(words, at)
    )


def without_codes(text: str) -> str:
    """Without reply codes, and lines that are one and nothing else: our links write one below the answer."""
    return _CODE_MARK.sub("", _CODE_LINE.sub("", text)) if "#" in text else text


def is_soft(text: str, before: Sequence[Token], newline: Token, after: Token | None) -> bool:
    """Whether a line break stands inside a sentence: the line was wrapped, or the next one goes on in small letters."""
    if not before or after is None or after.kind is Kind.NEWLINE or before[-1].kind is not Kind.WORD:
        return False
    begin = text.rfind("\n", 0, newline.start) + 1
    width = sum(2 if character > "\u2e80" else 1 for character in text[begin : newline.start])
    return width >= _WRAPPED_FROM or not after.capital


_WRAPPED_FROM = 50  # columns; mail programs wrap at 65 to 78, and no wrapped line is much shorter
