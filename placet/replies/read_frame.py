"""What stands around an answer and is none: closings with names and titles below them, small print, codes."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache
from itertools import groupby

from placet.replies.parse import CODE
from placet.replies.parse.signatures import delimits
from placet.replies.read_contacts import without_contacts
from placet.replies.read_phrases import Role
from placet.replies.read_tokens import Kind, Token, tokens
from placet.replies.read_vocabulary import Phrases, Vocabulary, begins_with

_CODE_LINE = re.compile(rf"^\W{{0,3}}#{CODE}\W{{0,3}}$", re.ASCII | re.IGNORECASE | re.MULTILINE)
_CODE_MARK = re.compile(rf"\[?#{CODE}\]?", re.ASCII | re.IGNORECASE)

_CLOSING_MORE = 4  # words that may follow a closing in its line: "best regards from Berlin"
_DEVICE_MORE = 4  # the same for the names of a device and a program
_LONGEST_LINE = 6  # words of a line of a signature
_MOST_LINES = 5  # of a signature that no closing introduces
_SAYS_SOMETHING = 4  # words from which on a line below a closing may say something
_LONG = 20  # words of a paragraph of small print that one word announces
_SHORT = 6  # the same where more does
_SURELY = 3  # words of a phrase that hardly anything but small print begins with
_SURELY_KNOWN = 4  # words of a short paragraph of which one need not be known
_VERY_LONG = 40  # words of a paragraph that one such phrase announces


_LONGEST_SAYING = 400  # characters
_MOST_OF_A_SAYING = 4  # lines
_SAYING = re.compile(
    r"[\"“”„«»‘’'*_]{1,3}(?:\S+\s+){3,}\S+[\"“”«»‘’'*_]{1,3}\.?"
    r"\s*(?:[-–—~]{1,2}|[(,])\s*(?P<who>(?:[^\W\d_][\w.'’-]{0,20} ?){1,4})\)?[*_]{0,2}"
)


class Ends(Enum):
    """What ends an answer."""

    NOTHING = auto()
    DELIMITER = auto()  # "-- "
    CLOSING = auto()
    DEVICE = auto()
    SMALL_PRINT = auto()
    NAME = auto()
    FORM = auto()  # "please do not change anything below this line"


@dataclass(frozen=True)
class Frame:
    """Where the answer ends: below stand a closing, a signature or small print."""

    end: int  # index into the text
    said_below: str  # something below that the sender may have said, so that nothing is clear; "" if nothing
    by: Ends = Ends.NOTHING


def frame(text: str, known: Vocabulary) -> Frame:
    """Find the end of the answer. One look at each line."""
    lines = list(lines_of(text))
    small_print = _small_print(lines, known)
    for at, line in enumerate(lines):
        if not line.words:
            if at and line.delimits:
                return Frame(line.start, _afterword(lines, at + 1, known), Ends.DELIMITER)
            continue
        if at in small_print:
            return Frame(line.start, "", Ends.SMALL_PRINT)
        if at and is_device(line, known):
            return Frame(line.start, _said(lines, at + 1, small_print, known), Ends.DEVICE)
        length = begins_with(line.words, known.lines.closings)
        if (
            length
            and length + _CLOSING_MORE >= len(line.words)
            and (length > 1 or line.capitals >= len(line.words) - 1)  # behind one word, names
            and not _decides(line.words[length:], known)
            and (at or not any(_decides(below.words, known) for below in lines[1:]))
        ):
            return Frame(line.start, _said(lines, at + 1, small_print, known), Ends.CLOSING)
    start = _signature(lines, known)
    if start is not None:
        return Frame(lines[start].start, _said(lines, start, small_print, known), Ends.NAME)
    return Frame(len(text), "")


@dataclass(frozen=True)
class Line:
    """A line as words, folded for comparing."""

    text: str
    start: int
    words: tuple[str, ...]
    capitals: int  # words that begin like names; those of scripts without capitals count
    small: int  # words that do not begin with a capital
    delimits: bool  # the line that mail programs put above a signature, RFC 3676 4.3


def lines_of(text: str) -> Iterator[Line]:
    """The lines of a text, blank ones too."""
    start = 0
    for line in text.split("\n"):
        made = [token for token in tokens(line) if token.kind is Kind.WORD]
        yield Line(
            line,
            start,
            tuple(token.text for token in made),
            sum(token.capital for token in made),
            sum(not line[token.start].isupper() for token in made),
            delimits(line),
        )
        start += len(line) + 1


def _signature(lines: Sequence[Line], known: Vocabulary) -> int | None:
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
        or doubts(name.words, known)
    ):
        return None
    return first


def _small_print(lines: Sequence[Line], known: Vocabulary) -> set[int]:
    """Lines that small print begins with: "Notice: mails may be filtered" does, "Notice the other address" and
    "Notice: only two" are somebody's own."""
    begins: set[int] = set()
    words, below = 0, _LONG  # from a line to the end of its paragraph, and in the paragraph below that
    for at in range(len(lines) - 1, -1, -1):
        line = lines[at]
        if not line.words:
            words, below = 0, words or below
            continue
        words += len(line.words)
        length = begins_with(line.words, known.lines.legal)
        title = length == words and below >= _LONG
        alone = 1 < length < words == len(line.words) < _SHORT and not _phrases_of(line.words, known)[1]
        least = _LONG if length == 1 and ":" not in line.text else _SHORT
        if length and (title or alone or words >= least):
            begins.add(at)
    return begins


def is_small_print(paragraph: Sequence[Line], known: Vocabulary, *, goes_on: bool) -> bool:
    """Whether a paragraph below an answer is what companies add to every mail, and for certain nobody's own words.
    `goes_on`: one like it stands above. A wish may begin like one, "please consider the environment and take the
    train": of a short one several phrases must be known, the first sentence, or all words but one; and no other word
    is a number."""
    words = [word for line in paragraph for word in line.words]
    if not words or not (goes_on or begins_with(words, known.lines.legal)):
        return False
    lengths, others = _phrases_of(words, known)
    several = sum(length > 1 for length in lengths) > 1
    if len(words) < _LONG:
        surely = (
            several or begins_as_small_print("\n".join(line.text for line in paragraph), known)
        ) and len(words) >= _SHORT
        most = len(words) if surely else int(len(words) >= _SURELY_KNOWN)
        return len(others) <= most and not any(map(str.isdigit, "".join(others)))
    return several or goes_on or (len(words) >= _VERY_LONG and lengths[0] >= _SURELY)


def sentences_of(text: str) -> Iterator[tuple[int, int]]:
    """Where the sentences of a paragraph begin and end. "i.V." is the beginning of one."""
    start = 0
    for end in (*(match.end() for match in _SENTENCE_END.finditer(text)), len(text)):
        if _LETTERS.search(text, start, end) or (end == len(text) and text[start:].strip()):
            yield start, end
            start = end


def is_legal(sentence: str, known: Vocabulary) -> bool:
    """Whether a sentence of small print is certainly no wish that somebody wrote into it: it holds a phrase of small
    print, or two words of one that stand in nothing else, and no number, answer or doubt then."""
    words = [token.text for token in tokens(sentence) if token.kind is Kind.WORD]
    if any(begins_with(words[at : at + 12], known.lines.legal) > 1 for at in range(len(words))):
        return True
    said = {match.meaning.role for at in range(len(words)) for match in known.phrases.matches(words, at)}
    if said & _SAYS or any(map(str.isdigit, sentence)):
        return False
    legal = _legal_words(known.lines.legal).intersection(words)
    return sum(not known.phrases.matches([word], 0) for word in legal) > 1


@lru_cache(maxsize=4)
def _legal_words(phrases: Phrases) -> frozenset[str]:
    """The words of phrases of small print that are long enough to say something."""
    return frozenset(
        word for phrase in phrases for word in phrase if len(phrase) > 1 and len(word) >= _LONG_WORD
    )


def begins_as_small_print(text: str, known: Vocabulary) -> bool:
    """Whether phrases of small print are the whole first sentence, "This message is confidential. If you …", or one is
    its label and it speaks of mails: "Notice: incoming mail may be rejected"."""
    sentence = _SENTENCE_END.split(text, maxsplit=1)[0]
    first = [token.text for token in tokens(sentence) if token.kind is Kind.WORD]
    if ":" in sentence and begins_with(first, known.lines.legal) == 1:
        return not _MAILS.isdisjoint(first[1:])
    return len(first) >= _SURELY and not _phrases_of(first, known)[1]


_MAILS = frozenset(("mail", "mails", "email", "emails", "message", "messages"))
_SENTENCE_END = re.compile(r"[.!?]+(?=\s)|[。！？]+")
_LETTERS = re.compile(r"\w\w|[\u3040-\u9fff]")
_LONG_WORD = 6  # letters
_SAYS = frozenset((Role.DECIDES, Role.NEGATION, Role.BUT, Role.DOUBT, Role.RETRACTION))


def _phrases_of(words: Sequence[str], known: Vocabulary) -> tuple[list[int], list[str]]:
    """How many words the phrases of small print take, one after the other, and the words beside them."""
    lengths: list[int] = []
    others: list[str] = []
    at = 0
    while at < len(words):
        length = begins_with(words[at : at + 12], known.lines.legal)
        if length:
            lengths.append(length)
        else:
            others.append(words[at])
        at += length or 1
    return lengths, others


def is_device(line: Line, known: Vocabulary) -> bool:
    """ "Sent from my phone"; but "von meiner Seite gerne" begins like one."""
    length = begins_with(line.words, known.lines.device)
    return length > 0 and len(line.words) <= length + _DEVICE_MORE and not _decides(line.words, known)


def _said(lines: Sequence[Line], start: int, small_print: set[int], known: Vocabulary) -> str:
    """A line below the closing that is more than a name, a title or small print."""
    said_by_others = sayings(lines[start:], known)
    for at in range(start, len(lines)):
        line = lines[at]
        if at in small_print:
            return ""
        if line.start in said_by_others:
            continue
        if begins_with(line.words, known.lines.afterwords):
            return " ".join(line.words)
        said = next(lines_of(without_contacts(line.text)))
        titles = title_places(said.words, known)
        words = [word for at, word in enumerate(said.words) if at not in titles]
        small = said.small - len(titles)
        if len(words) >= _SAYS_SOMETHING and 2 * small > len(words) and doubts(words, known):
            return " ".join(line.words)
    return ""


def title_places(words: Sequence[str], known: Vocabulary) -> set[int]:
    """The words of what stands in titles and names of firms and is more than one word: "head of", "s r o"."""
    lengths = {at: begins_with(words[at:], known.lines.title_words) for at in range(len(words))}
    return {place for at, length in lengths.items() if length > 1 for place in range(at, at + length)}


def _afterword(lines: Sequence[Line], start: int, known: Vocabulary) -> str:
    """A line that says of itself that something was left out above: "PS: only two"."""
    after = (line for line in lines[start:] if begins_with(line.words, known.lines.afterwords))
    return " ".join(next((line.words for line in after), ()))


def sayings(lines: Iterable[Line], known: Vocabulary) -> set[int]:
    """Where lines begin that are for certain somebody else's words, which people put below their names: the last ones
    of a paragraph. For certain are those alone that name somebody whom everybody knows: "only two of them" may be
    between quotation marks or in bold as well, and is the sender's own."""
    begins: set[int] = set()
    for written, group in groupby(lines, key=lambda line: bool(line.text.strip())):
        paragraph = list(group)[-_MOST_OF_A_SAYING:] if written else []
        for at in range(len(paragraph)):
            written_lines = "\n".join(line.text for line in paragraph[at:])
            if is_saying(written_lines) and _is_quotation(written_lines, known):
                begins.update(line.start for line in paragraph[at:])
                break
    return begins


def is_saying(paragraph: str) -> bool:
    """Whether a paragraph is a sentence between quotation marks with whoever said it behind."""
    return len(paragraph) <= _LONGEST_SAYING and _SAYING.fullmatch(paragraph.strip()) is not None


def _is_quotation(paragraph: str, known: Vocabulary) -> bool:
    """Whether a saying is by somebody whom everybody knows, and holds no number: no words of a colleague's."""
    match = _SAYING.fullmatch(paragraph.strip())
    if match is None or any(map(str.isdigit, paragraph)):
        return False
    who = tuple(token.text for token in tokens(match["who"]) if token.kind is Kind.WORD)
    return who in known.lines.authors


def doubts(words: Sequence[str], known: Vocabulary) -> bool:
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


def at_dashes(text: str) -> tuple[str, str]:
    """A text above and below the line that announces a signature. That line belongs to what stands below."""
    at = 0
    for line in text.split("\n"):
        if at and delimits(line):
            return text[: at - 1], text[at - 1 :]
        at += len(line) + 1
    return text, ""


def is_soft(text: str, before: Sequence[Token], newline: Token, after: Token | None) -> bool:
    """Whether a line break stands inside a sentence: the line was wrapped, or the next one goes on in small letters."""
    if not before or after is None or after.kind is Kind.NEWLINE or before[-1].kind is not Kind.WORD:
        return False
    begin = text.rfind("\n", 0, newline.start) + 1
    width = sum(2 if character > "\u2e80" else 1 for character in text[begin : newline.start])
    return width >= _WRAPPED_FROM or not after.capital


_WRAPPED_FROM = 50  # columns; mail programs wrap at 65 to 78, and no wrapped line is much shorter
