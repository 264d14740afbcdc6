"""Text to tokens: words, signs and emoji, folded for comparing, each with its place in the text.

One pass of one regular expression that cannot backtrack: every alternative is a run of one class of characters.
"""

import html
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache
from itertools import islice

from placet.lib.sentences import NOTHING, Sentence

# Scripts written without blanks between words: every character is a token of its own.
_CJK = "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
_FIRST_CJK = _CJK[0]
_ONE_CJK = re.compile(f"[{_CJK}]")
# Marks that belong to the letter before them; Python's \w leaves them out.
_MARKS = (
    "\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u0610-\u061a\u064b-\u065f\u0670"
    "\u0900-\u0963\u0966-\u0d7f\u0e31-\u0e3a\u0e47-\u0e4e"
)
_LOST = "\ufffd"  # stands for what could not be read: the word that holds it is no word we know
_INVISIBLE = "\u00ad\u200b-\u200f\u2060\ufeff\u061c\u180e"
_TONES = "\ufe0e\ufe0f\U0001f3fb-\U0001f3ff"
_EMOJI = "\u2190-\u21ff\u2300-\u23ff\u2460-\u24ff\u25a0-\u27bf\u2900-\u297f\u2b00-\u2bff\U0001f000-\U0001faff"

_TOKEN = re.compile(
    rf"(?P<newline>\n)|(?P<blank>[^\S\n]+)|(?P<vote>[+-]1(?!\w|[.,]\w))|(?P<denial>[¬≠≢≉∄∉])|(?P<face>[:;=]-?[)(DPp|/](?![^\W_]))"
    rf"|(?P<short>\.(?=[ \u00a0]?[0-9]))|(?P<number>[0-9][0-9.,'’]*|[#№](?=[ \u00a0]?[0-9]))"
    rf"|(?P<cjk>[{_CJK}])|(?P<word>(?:[^\W_{_CJK}]|[{_MARKS}{_LOST}])+)"
    rf"|(?P<emoji>[{_EMOJI}][{_TONES}]*(?:\u200d[{_EMOJI}][{_TONES}]*)*)|(?P<sign>.)"
)
_TAG = re.compile(
    r"</?(?:b|strong|i|em|u|p|br|span|div|font|a|h[1-6])(?:\s[^<>\n]{0,300})?/?>", re.IGNORECASE
)
_ENTITY = re.compile(r"&(?:[a-z]{2,8}|#[0-9]{1,6});", re.IGNORECASE)
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
_PLAIN = _FULL_WIDTH | {
    0x2018: "'", 0x2019: "'", 0x02BC: "'", 0x02B9: "'", 0xFF07: "'", 0x0060: "'", 0x00B4: "'",
    0x2010: "-", 0x2011: "-", 0x2013: "–", 0x2014: "–", 0x2015: "–", 0x2212: "-",
}  # fmt: skip
_ALIKE = {"ţ": "ț", "ş": "ș", "ı": "i", "ٱ": "ا", "ـ": "", "ى": "ي", "ک": "ك", "ی": "ي", "\u093c": "", "ँ": "ं"}
# Vowels of Arabic and Hebrew, which hardly anybody writes.
_VOWELS = dict.fromkeys((*range(0x064B, 0x0653), 0x0670, *range(0x0591, 0x05BE), 0x05BF, 0x05C1, 0x05C2))
_ALIKE_LETTERS = str.maketrans(_ALIKE) | _VOWELS
_WITHOUT_MARK = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "æ": "ae", "œ": "oe", "ð": "d", "ħ": "h"})
_TWO_LETTERS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe", "æ": "ae"})
_MARKED_SCRIPTS = ("LATIN", "GREEK", "CYRILLIC", "ARABIC", "HEBREW")

_CONTRACTED = re.compile(r"(?<![^\W\d_])([^\W\d_]+)'([^\W\d_]+)")
_LETTERS = re.compile(r"[^\W\d_]+")

_ENDS = frozenset(".!…。！।｡‼")
_QUESTIONS = frozenset("?？؟\u037e¿⁇⁈⁉❓﹖⸮‽՞፧꘏")
_PAUSES = frozenset(",;:–—()，；：、،؛•·|")
_TIES = frozenset("'")  # a token of its own: "don't" is don ' t, "j'approuve" is j ' approuve


class Kind(Enum):
    WORD = auto()
    PAUSE = auto()  # a comma and its kin: ends a clause
    END = auto()  # ends a sentence
    QUESTION = auto()
    NEWLINE = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """`text` is folded; `start` and `end` are its place in the text it was read from."""

    kind: Kind
    text: str
    start: int
    end: int
    capital: bool = False  # begins like a name; scripts without capitals count as if


def composed(text: str) -> str:
    """The text that tokens have their places in: composed letters, plain line ends, no sign that nobody sees.

    Markup that somebody's program shows as text (`<b>Approved</b>`) is left out.
    """
    if "<" in text:
        text = _TAG.sub(" ", text)
    if "&" in text:
        text = _ENTITY.sub(lambda found: html.unescape(found[0]), text)
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    return text.replace("\u2028", "\n").replace("\u2029", "\n").replace("\0", "\ufffd")


def tokens(text: str) -> list[Token]:
    """The tokens of a composed text."""
    made: list[Token] = []
    for found in _TOKEN.finditer(text.translate(_PLAIN)):
        token = _token(found.lastgroup or "", found[0], found.start(), found.end())
        if token is None:
            continue
        if token.text == ";" and made and "\u0370" <= made[-1].text[0] <= "\u03ff":
            token = Token(Kind.QUESTION, token.text, token.start, token.end)  # Greek asks so
        made.append(token)
    return made


def has_more_tokens(text: str, most: int) -> bool:
    """Whether a composed text has more tokens and signs than that: they are counted so far, and none is made."""
    found = (match for match in _TOKEN.finditer(text) if match.lastgroup != "blank")
    return next(islice(found, most, None), None) is not None


def _token(group: str, text: str, start: int, end: int) -> Token | None:
    match group:
        case "blank" | "short":  # the point of "No. 5" ends no sentence
            return None
        case "word" | "cjk":
            return Token(Kind.WORD, fold(text), start, end, not text[0].islower())
        case "newline":
            return Token(Kind.NEWLINE, text, start, end)
        case "emoji":
            return Token(Kind.WORD, text[0], start, end)
        case "vote" | "face" | "number" | "denial":
            return Token(Kind.WORD, text.rstrip(".,'’"), start, end, group == "number")
    if text in _ENDS:
        return Token(Kind.END, text, start, end)
    if text in _QUESTIONS:
        return Token(Kind.QUESTION, text, start, end)
    if text in _PAUSES:
        return Token(Kind.PAUSE, text, start, end)
    if text in _TIES:
        return Token(Kind.WORD, text, start, end)
    return None


def phrase(text: str) -> tuple[str, ...]:
    """The words of a phrase as they are compared."""
    words = text.split(" ")
    if all(map(_is_plain, words)):
        return tuple(map(fold, words))
    return tuple(token.text for token in tokens(composed(text)) if token.kind is Kind.WORD)


def first_word(text: str) -> str:
    """The first word of a phrase, as it is compared; "" for signs that are no words."""
    first = text.partition(" ")[0]
    if _is_plain(first):
        return fold(first)
    return first[0] if _ONE_CJK.match(first) else next(iter(phrase(first)), "")


def single_words(texts: Sequence[str]) -> set[str]:
    """All words of letters in phrases, as they are compared."""
    found = {match[0] for match in _LETTERS.finditer(_folded("\n".join(texts)))}
    return found | {character for word in found if word[0] >= _FIRST_CJK for character in word}


def is_ideograph(word: str) -> bool:
    """Whether it is one sign of a script that has no blanks between words."""
    return bool(_ONE_CJK.fullmatch(word))


def contractions(texts: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Words that people also write without their apostrophe, with the words that these are: "dont"."""
    found: dict[str, tuple[str, ...]] = {}
    for match in _CONTRACTED.finditer(_folded("\n".join(texts))):
        before, after = match.groups()
        found.setdefault(before + after, (before, "'", after))
    return found


def _is_plain(word: str) -> bool:
    """Whether it is one token as it is: letters of an alphabet, without signs and marks."""
    return word.isalpha() and (word.isascii() or word[-1] < "\u0900")


@lru_cache(maxsize=16384)
def fold(word: str) -> str:
    """For comparing: no capitals, and one form of letters that are written in two ways."""
    return _folded(word)


def _folded(text: str) -> str:
    return text.casefold().replace("i\u0307", "i").translate(_ALIKE_LETTERS)


def spellings(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """A phrase as it may be typed: as it is, without accents, with two letters for an umlaut."""
    exact = tuple(words)
    yield exact
    if "".join(exact).isascii():
        return
    bare = tuple(without_marks(word) for word in exact)
    two = tuple(without_marks(word.translate(_TWO_LETTERS)) for word in exact)
    yield from sorted({bare, two} - {exact})


@lru_cache(maxsize=16384)
def without_marks(word: str) -> str:
    """Without the accents that people leave out on a keyboard that lacks them."""
    if word.isascii():
        return word
    parts = unicodedata.normalize("NFD", word.translate(_WITHOUT_MARK))
    kept = [
        letter
        for at, letter in enumerate(parts)
        if not (unicodedata.combining(letter) and _takes_marks(parts, at))
    ]
    return unicodedata.normalize("NFC", "".join(kept))


def _takes_marks(text: str, at: int) -> bool:
    """Whether the letter that this mark stands on is of a script whose marks may be left out."""
    while at and unicodedata.combining(text[at]):
        at -= 1
    return unicodedata.name(text[at], "").startswith(_MARKED_SCRIPTS)


# --- characters that are there to mislead ---------------------------------------------------------------------

# What is laid over a letter strikes it out, and a sign that forbids is laid over a picture.
_OVERLAID = "\u0334-\u0338\u20d2\u20d3\u20d8-\u20da\u20e0\u20e5\u20e6\u20e8\u20ea\u20eb"
_STRUCK = re.compile(rf"~[^\W\d_][^~\n]{{0,80}}~|[{_OVERLAID}]|</?(?:s|del|strike)>", re.IGNORECASE)
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
_HIDDEN = re.compile(rf"(?<=[^\W_])[{_INVISIBLE}]+(?=[^\W_])")
# Letters and signs without a picture: fillers of Hangul, an empty Braille cell, tags.
_BLANK = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\U000e0000-\U000e01ef]")
_FLAG = re.compile("\U0001f3f4[\U000e0020-\U000e007f]+")  # of a region: the only one that needs tags
_JOINED_SCRIPTS = re.compile("[\u0600-\u06ff\u0750-\u077f\u0900-\u0dff]")  # where joiners are spelling
_LATIN = re.compile("[A-Za-z\u00c0-\u024f]")
_LOOKALIKE = re.compile(
    "[\u0370-\u03ff\u0400-\u052f\u0530-\u058f\u13a0-\u13ff\u1d00-\u1d7f\U0001d400-\U0001d7ff]"
)


def misleading(text: str) -> Sentence:
    """What in a text is there to mislead people's eyes, as the end of a sentence; NOTHING if nothing is."""
    if _STRUCK.search(text):
        return Sentence("words that are struck out")
    if text.isascii():
        return NOTHING
    if _BIDI.search(text):
        return Sentence("hidden characters that change the order of its letters")
    if _BLANK.search(_FLAG.sub("", text)):
        return Sentence("characters that nobody sees")
    for found in _HIDDEN.finditer(text):
        if not _JOINED_SCRIPTS.match(text[found.start() - 1]):
            return Sentence("characters inside a word that nobody sees")
    for word in re.findall(r"[^\W\d_]+", text):
        if not word.isascii() and _LATIN.search(word) and _LOOKALIKE.search(word):
            return Sentence("a word in letters of two alphabets (“{word}”)", word=word[:40])
    return NOTHING
