"""The words and numbers with which a reply names lines of a digest, and where they end in a text. Texts are compared
place by place, so a place in what is compared is one in what was written."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache

from placet.replies.languages import DigestWords
from placet.replies.read_tokens import fold, is_ideograph, without_marks

_ZEROS = (0x660, 0x6F0, 0x966, 0xFF10)  # of digits: Arabic, Persian, Hindi, full width
_CIRCLED_ONE = 0x2460
# One character each, so that places stay the same.
_PLAIN = (
    {zero + digit: 0x30 + digit for zero in _ZEROS for digit in range(10)}
    | {_CIRCLED_ONE + digit: 0x31 + digit for digit in range(9)}
    | str.maketrans("–—−‑‐，、،；؛：｜＃＆\u00a0\u3000", "-----,,,;;:|#&  ")
)
_NUMBER = re.compile(r"[#№]?[ ]?([0-9]{1,3})(?![0-9]|[.'’:/][0-9])")


@dataclass(frozen=True)
class Words:
    """Phrases as they are compared, the longest first."""

    every: Sequence[str]
    rest: Sequence[str]
    but_for: Sequence[str]
    also: Sequence[str]
    until: Sequence[str]
    of: Sequence[str]


@lru_cache(maxsize=16)
def words_of(words: DigestWords) -> Words:
    """The words of languages, as they may be typed."""

    def folded(texts: Collection[str]) -> list[str]:
        typed = {compared(spelling) for text in texts for spelling in (text, without_marks(text))}
        return sorted(typed, key=len, reverse=True)

    names = ("every", "rest", "but_for", "also", "until", "of")
    return Words(*(folded(getattr(words, name)) for name in names))


def compared(text: str) -> str:
    """For comparing, place by place: letters that two would stand for stay as they are."""
    plain = text.translate(_PLAIN).replace("\t", " ")
    return "".join(folded if len(folded := fold(letter)) == 1 else letter for letter in plain)


def word_at(text: str, at: int, phrases: Collection[str]) -> int:
    """Where the longest of these phrases ends that begins here as whole words; 0 if none does. `text`: compared."""
    if (
        at
        and text[at - 1].isalpha()
        and not is_ideograph(text[at - 1])
        and not is_ideograph(text[at : at + 1])
    ):
        return 0
    for phrase in phrases:
        end = at + len(phrase)
        if text.startswith(phrase, at) and (
            end >= len(text) or not text[end].isalpha() or is_ideograph(phrase[-1]) or is_ideograph(text[end])
        ):
            return end
    return 0


def number_at(text: str, at: int) -> re.Match[str] | None:
    """A number that no letter follows, but for those of scripts that write no blanks."""
    number = _NUMBER.match(text, at)
    behind = text[number.end() : number.end() + 1] if number else ""
    return number if not behind.isalpha() or is_ideograph(behind) else None


def skip(text: str, at: int) -> int:
    """Where the next sign stands that is no blank."""
    while at < len(text) and text[at] == " ":
        at += 1
    return at
