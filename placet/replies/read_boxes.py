"""Boxes to tick, as forms and people write them: where they stand, whose label stands beside which, what it says.

Beside boxes nobody can tell a wish from a label, nor to which box it belongs. So a label is an outcome or an option and
no more. Only behind the box that is ticked may more stand: it is read with the answer.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from placet.replies.languages import SHARED
from placet.replies.read_phrases import Role
from placet.replies.read_tokens import Kind, Token, is_ideograph, tokens
from placet.replies.read_vocabulary import REJECT, Vocabulary, begins_with

if TYPE_CHECKING:  # which itself reads answers to questions
    from placet.replies.read_own import Own

_BLANKS = "[ \u00a0\u3000]{0,3}"
_BOX = re.compile(
    rf"[\[［]{_BLANKS}([.xXхХｘＸvV✓✔√*+•●☑☒✅✗✘❌✕✖]?|_{{1,5}}){_BLANKS}[\]］]"
    rf"|[({{<（]{_BLANKS}([.xXхХｘＸ✓✔√*•●☑☒✅✗✘❌✕✖]|_{{1,5}}|(?<![^\W_].)){_BLANKS}[)}}>）]"
    r"|([☐☑☒✓✔◯⬜□▢✅🗸🗹✗✘❌✕✖☓])[\ufe0e\ufe0f]?"
)
_EMPTY = frozenset(("", "_", ".", *"☐◯⬜□▢"))
_CROSSED = frozenset("✗✘❌✕✖☓")
_CROSSED_WORD = "❌"  # which all languages know for an answer
_WORD_BEHIND = re.compile(r"[ \t\u00a0\u3000]*[^\W_]")
_LEAD = re.compile(r"\A[\s>*•·–—-]*(?:(?:[0-9]{1,2}|[a-zA-Z])[.)][ \t\u00a0]+)?[*_]*")
_AROUND = " \t\u00a0\u3000,;/|*_–—-"
_BEHIND_LABEL = _AROUND + ":：.!"
_SIGNS = frozenset('*_-&"“”„«»')  # which may stand in a label, beside those that are tokens
_ALTERNATIVES = re.compile(r"[/|(]")  # in other languages, perhaps
_OPTION = re.compile(r"[^\W\d_]|[ivx]+")
_LONGEST_LABEL = 24  # words; in scripts without blanks these are characters


class Mark(Enum):
    TICKED = auto()
    EMPTY = auto()
    CROSSED = auto()  # nobody knows whether it takes an answer or strikes it out


@dataclass(frozen=True)
class Box:
    """One in a line, from `start` to `end`. `alone`: whether it is a box even where no other one stands in the text."""

    start: int
    end: int
    mark: Mark
    alone: bool


@dataclass(frozen=True)
class Choice:
    """A box with its label. `more`: what stands behind the last box of a line whose labels stand in front."""

    label: str
    mark: Mark
    in_front: bool = False
    more: str = ""


def boxes_in(line: str) -> list[Box]:
    """All of a line. A sign that is ticked is one alone if something stands behind it; else it may be a word."""
    boxes = []
    for found in _BOX.finditer(line):
        sign = found[3] or ""
        mark = (sign or found[1] or found[2] or "")[:1]
        kind = Mark.EMPTY if mark in _EMPTY else Mark.CROSSED if mark in _CROSSED else Mark.TICKED
        labelled = sign != _CROSSED_WORD and _WORD_BEHIND.match(line, found.end()) is not None
        boxes.append(Box(found.start(), found.end(), kind, not sign or kind is Mark.EMPTY or labelled))
    return boxes


def choices_of(line: str, boxes: Sequence[Box], known: Vocabulary) -> list[Choice] | None:
    """The boxes of a line with their labels, which stand behind each or in front of each. None: nobody knows whose they
    are. "Decision:" is no label, nor is a number."""
    between = [
        line[start:end].strip(_AROUND)
        for start, end in zip(
            [0, *(box.end for box in boxes)], [*(box.start for box in boxes), len(line)], strict=True
        )
    ]
    lead = line[: boxes[0].start]
    first = _LEAD.sub("", lead, count=1).strip(_AROUND)
    last = between[-1].strip(_BEHIND_LABEL)
    if first and last:
        first = _without_heading(first, known)
    if not first:
        return _choices(boxes, between[1:])
    if last and boxes[-1].mark is not Mark.TICKED:
        return None
    return _choices(boxes, [first, *between[1:-1]], in_front=True, more=last and between[-1])


def _without_heading(text: str, known: Vocabulary) -> str:
    """Without "Decision:" in front, but where this is an answer, too."""
    heading, sign, behind = text.replace("：", ":").partition(":")
    words = [token.text for token in tokens(heading) if token.kind is Kind.WORD]
    is_heading = bool(sign and words) and begins_with(words, known.lines.form_labels) == len(words)
    return behind.strip(_AROUND) if is_heading and not outcomes_of(heading, known) else text


def _choices(
    boxes: Sequence[Box], labels: Sequence[str], *, in_front: bool = False, more: str = ""
) -> list[Choice] | None:
    if not all(any(map(str.isalnum, label)) for label in labels):
        return None
    return [
        Choice(
            label.strip(_BEHIND_LABEL) if in_front or box.mark is not Mark.TICKED else label,
            box.mark,
            # The first label of a line has the line's beginning for itself.
            in_front and at > 0,
            more if box is boxes[-1] else "",
        )
        for at, (box, label) in enumerate(zip(boxes, labels, strict=True))
    ]


# --- what a label says ----------------------------------------------------------------------------------------


def outcomes_of(
    label: str, known: Vocabulary, own: "Own | None" = None, *, strictly: bool = False
) -> set[str]:
    """The outcomes that a label is the name of, in some language; none where it is none or says more. `strictly`: not a
    word beside the phrase, for it might belong to the box before."""
    if own and own.is_label(label):
        return own.outcomes_in(label)
    if strictly:
        return _of_one(label, known, strictly=True)
    alternatives = _ALTERNATIVES.split(label.rstrip(") "))
    return set.intersection(*(_of_one(one, known, strictly=False) for one in alternatives))


def begins_with_outcome(text: str, known: Vocabulary, own: "Own | None" = None) -> set[str]:
    """The outcomes that a text begins with; what stands behind is for others to read."""
    found = [token for token in tokens(text) if token.kind is Kind.WORD][:_LONGEST_LABEL]
    for until in range(len(found), 0, -1):
        if said := outcomes_of(text[: found[until - 1].end], known, own):
            return said
    return set()


def _of_one(label: str, known: Vocabulary, *, strictly: bool) -> set[str]:
    found = tokens(label)
    if not _SIGNS.issuperset(_between(label, found)):
        return set()
    while found and found[-1].kind is not Kind.WORD and found[-1].kind is not Kind.QUESTION:
        found = found[:-1]
    words = [token.text for token in found if token.kind is Kind.WORD]
    parted = any(
        token.kind is not Kind.WORD and (strictly or token.kind is not Kind.PAUSE) for token in found
    )
    if not words or parted or len(words) > _LONGEST_LABEL:
        return set()
    if not strictly:
        return set(_explained(words, known))
    said = _phrases(words, known)
    for at in (at for at in range(1, len(found)) if found[at - 1].end < found[at].start):
        # Of "Yes [x] no no [ ]" the first "no" may stand behind the first box.
        if _phrases(words[:at], known) and _phrases(words[at:], known) & said:
            return set()
    return said


def _between(label: str, found: Sequence[Token]) -> str:
    """The signs that are in no token."""
    ends, starts = [0, *(token.end for token in found)], [*(token.start for token in found), len(label)]
    return "".join("".join(label[end:start].split()) for end, start in zip(ends, starts, strict=True))


def _phrases(words: Sequence[str], known: Vocabulary) -> set[str]:
    """The outcomes of the phrases that these words are."""
    matches = known.phrases.matches(words, 0)
    return {match.meaning.outcome for match in matches if match.length == len(words)} - {""}


def _explained(words: Sequence[str], known: Vocabulary) -> Iterator[str]:
    """The outcome of a phrase beside which nothing stands but words that add nothing, and one that denies it."""
    for start in range(len(words)):
        for match in known.phrases.matches(words, start):
            meaning = match.meaning
            if not meaning.outcome:
                continue
            beside = (words[:start], words[start + match.length :])
            if _is_option(beside[-1]):
                continue
            for code in known.codes if meaning.language == SHARED else (meaning.language,):
                denials = [_denials(part, code, known) for part in beside]
                if None in denials:
                    continue
                denied = sum(filter(None, denials))
                if denied < 2 and not (denied and meaning.outcome == REJECT):
                    yield REJECT if denied else meaning.outcome
                    break


def _is_option(behind: Sequence[str]) -> bool:
    """Of "Reject A" and "Reject II" the end names one of several things."""
    return bool(behind) and _OPTION.fullmatch(behind[-1]) is not None and not is_ideograph(behind[-1])


def _denials(words: Sequence[str], code: str, known: Vocabulary) -> int | None:
    """How many words deny something; None where another stands among them that adds something, or answers, too."""
    at = denials = 0
    while at < len(words):
        matches = known.phrases.matches(words, at)
        meant = [match for match in matches if match.meaning.language in (code, SHARED)]
        if any(match.meaning.outcome for match in meant):
            return None
        denying = [
            match.length for match in meant if match.meaning.role in (Role.NEGATION, Role.NEGATION_HELPER)
        ]
        if denying:
            denials += 1
        length = max(denying, default=0) or begins_with(words[at:], known.silent[code])
        if not length:
            return None
        at += length
    return denials
