"""New text to an answer: an outcome and a comment, or unclear.

The first line must be a known answer and nothing else, in one of the enabled languages; everything below is
the comment. A comment that speaks of the other outcome, sets a condition, asks or takes back makes the
answer unclear: then a mail says so, and nothing is decided. A wrong decision is worse than a hundred of those.
"""

import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from placet.replies.parse import CODE, Mail
from placet.replies.refusals import Unclear
from placet.replies.words import AFTERWORDS, LANGUAGES, REJECT, Words

READ_TEXT = 2_000  # characters of the text that an Unclear carries

_LONGEST_ANSWER = 80  # characters
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
_PLAIN = _FULL_WIDTH | {
    0x00A0: " ", 0x2007: " ", 0x202F: " ", 0x2009: " ",
    0x2018: "'", 0x2019: "'", 0x02BC: "'", 0x201C: '"', 0x201D: '"', 0x00AB: '"', 0x00BB: '"',
    0x2013: "-", 0x2014: "-", 0x2011: "-",
}  # fmt: skip
_ENDS = " \t.!,;:'\"*_[]()<>{}-\u200b\ufeff"
# Between an answer and what stands beside it: "Yes, approved." "Approved - thanks!"
_BETWEEN = re.compile(r"[.,;:!]+\s*|\s+-+\s+|\s+-+$")
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
_CODE_LINE = re.compile(rf"\W{{0,3}}#{CODE}\W{{0,3}}", re.ASCII | re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*")
_WEAK = frozenset({"ok", "okay"})  # with thanks beside them they may only mean "I have seen it"


@dataclass(frozen=True)
class Answer:
    """What a reply decides, and the words that this rests on."""

    outcome: str
    comment: str
    rests_on: tuple[str, ...]  # as the sender wrote them
    language: str  # of the words; the first one in the order of LANGUAGES where several share them


def read(mail: Mail, outcomes: Collection[str], languages: Sequence[str] = tuple(LANGUAGES)) -> Answer:
    """The answer of a proved reply to an ask that offers `outcomes`. Raises Unclear with what was read."""
    text = mail.new_text
    known = {code: LANGUAGES[code] for code in languages}
    try:
        _check_readable(mail)
        first, comment, joined_on = _first_line(text)
        outcome, language = _answer(first, known)
        if outcome not in outcomes:
            raise _NotClear("This approval does not offer the answer that was read.")
        comment = _without_closing(comment, known)
        _check_comment(outcome, comment, joined_on, known)
    except _NotClear as reason:
        raise Unclear(text[:READ_TEXT], str(reason)) from None
    return Answer(outcome, comment, (first.strip(),), language)


class _NotClear(ValueError):
    """The message says why, in a sentence for the sender."""


def _check_readable(mail: Mail) -> None:
    if mail.voting:
        raise _NotClear("The answer was given with a voting button; please write it in the mail instead.")
    if mail.text_truncated:
        raise _NotClear("The mail is too long to be read whole.")
    if mail.quote_doubtful:
        raise _NotClear("It is not clear which lines are quoted; please answer above the quoted mail.")
    if not mail.new_text.strip():
        raise _NotClear("There is no text above the quoted mail.")
    if _BIDI.search(mail.new_text):
        raise _NotClear("The text holds hidden characters that change the order of its letters.")


def _first_line(text: str) -> tuple[str, str, bool]:
    """The first line that says something, what is below it, and whether that begins without a blank line."""
    lines = [line for line in text.split("\n") if not _CODE_LINE.fullmatch(line.strip())]
    start = next((at for at, line in enumerate(lines) if _fold(line)), None)
    if start is None:
        raise _NotClear("There is no text above the quoted mail.")
    below = lines[start + 1 :]
    return lines[start], "\n".join(below).strip(), bool(below and below[0].strip())


# ---------------------------------------------------------------------- the answer


def _fold(line: str) -> str:
    """For comparing: composed, lower case, plain blanks and quotation marks, no marks at the ends.

    Only full-width letters become plain ones. Letters of other scripts that look alike, and characters that
    cannot be seen inside a word, stay what they are, so such a word is none that we know.
    """
    plain = unicodedata.normalize("NFC", line.translate(_PLAIN)).casefold()
    return re.sub(r"[ \t]+", " ", plain).strip(_ENDS)


def _answer(line: str, known: dict[str, Words]) -> tuple[str, str]:
    """Outcome and language of a line that is an answer, perhaps with courtesies, and nothing else."""
    if len(line) > _LONGEST_ANSWER:
        raise _NotClear("The first line is not one of the answers that are known.")
    folded = _fold(line)
    meanings = _meanings(folded, known)
    if not meanings:
        segments = [_fold(segment) for segment in _BETWEEN.split(_spelled(line))]
        meanings = _together([segment for segment in segments if segment], known)
    outcomes = {outcome for outcome, _ in meanings}
    if not outcomes:
        raise _NotClear("The first line is not one of the answers that are known.")
    if len(outcomes) > 1:
        raise _NotClear("The first line can be read as more than one answer.")
    return meanings[0]


def _spelled(line: str) -> str:
    return line.translate(_PLAIN)


def _meanings(folded: str, known: dict[str, Words]) -> list[tuple[str, str]]:
    """Every (outcome, language) that this text alone stands for: "no" is English and Spanish."""
    return [
        (outcome, language)
        for language, words in known.items()
        for outcome, answers in words.answers.items()
        if folded in answers
    ]


def _together(segments: list[str], known: dict[str, Words]) -> list[tuple[str, str]]:
    """The meanings of an answer in several pieces, of which each must be an answer or a courtesy."""
    found: list[tuple[str, str]] = []
    beside: list[str] = []
    weak = True
    for segment in _without_tails(segments, known):
        meanings = _meanings(segment, known)
        found.extend(meanings)
        if not meanings:
            beside.append(segment)
        elif segment not in _WEAK:
            weak = False
    if weak and beside:
        return []
    outcomes = {outcome for outcome, _ in found}
    allowed = set(_courtesies(known, regret=outcomes == {REJECT}))
    return found if all(segment in allowed for segment in beside) else []


def _without_tails(segments: list[str], known: dict[str, Words]) -> Iterator[str]:
    """ "yes please" and "approved thanks": a courtesy may follow without a sign between."""
    courtesies = sorted(_courtesies(known, regret=False), key=len, reverse=True)
    for segment in segments:
        tail = next((word for word in courtesies if segment.endswith(" " + word)), None)
        if tail and not _meanings(segment, known):
            yield segment.removesuffix(tail).strip(_ENDS)
            yield tail
        else:
            yield segment


def _courtesies(known: dict[str, Words], *, regret: bool) -> Iterator[str]:
    for words in known.values():
        yield from words.courtesy
        if regret:
            yield from words.regret


# ---------------------------------------------------------------------- the comment


def _without_closing(comment: str, known: dict[str, Words]) -> str:
    """Up to the closing or the small print: below stand names, titles and what companies add."""
    closings = {closing for words in known.values() for closing in words.closings}
    legal = tuple(start for words in known.values() for start in words.legal)
    lines = comment.split("\n")
    for at, line in enumerate(lines):
        folded = _fold(line)
        if folded in closings or f"{folded} ".startswith(legal):
            if any(_is_afterword(_fold(below)) for below in lines[at + 1 :]):
                raise _NotClear("The text goes on below its closing.")
            return "\n".join(lines[:at]).strip()
    return comment


def _is_afterword(folded: str) -> bool:
    return any(folded.startswith(mark) and not folded[len(mark) :][:1].isalpha() for mark in AFTERWORDS)


def _check_comment(outcome: str, comment: str, joined_on: bool, known: dict[str, Words]) -> None:
    if not comment:
        return
    lines = [_fold(line) for line in comment.split("\n") if line.strip()]
    text = " ".join(lines)
    tokens = [found[0] for found in _WORD.finditer(text)]
    courtesies = tuple(_courtesies(known, regret=True))
    if joined_on and comment[0].islower() and not lines[0].startswith(courtesies):
        raise _NotClear("The sentence in the first line seems to go on below it.")
    if any("?" in line or "？" in line or "¿" in line for line in comment.split("\n")):
        raise _NotClear("The comment asks something.")
    for words in known.values():
        for other, stems in words.stems.items():
            if other != outcome and (word := _speaks_of(stems, text, tokens)):
                raise _NotClear(f"The comment says {word!r}, which speaks of another answer.")
        if word := _speaks_of_whole(words.doubt, text):
            raise _NotClear(f"The comment says {word!r}, which may set a condition.")
        for line in lines:
            if word := next((one for one in words.first_doubt if f"{line} ".startswith(f"{one} ")), ""):
                raise _NotClear(f"The comment begins with {word!r}, which may limit the answer.")


def _speaks_of(stems: Sequence[str], text: str, tokens: Sequence[str]) -> str:
    """A word that begins with one of the stems; short stems must be the word itself."""
    for stem in stems:
        if " " in stem:
            if stem in text:
                return stem
        elif found := next(
            (one for one in tokens if one == stem or (len(stem) > 4 and one.startswith(stem))), ""
        ):
            return found
    return ""


def _speaks_of_whole(words: Sequence[str], text: str) -> str:
    spaced = " " + re.sub(r"[^\w'-]+", " ", text) + " "
    return next((word for word in words if f" {word} " in spaced), "")
