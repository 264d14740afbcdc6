"""The lines that say that a quote follows: dividers, header blocks, and "On Monday ... wrote:".

`folded` are all lines of a text, folded; `quoted` says which of them have a mark. Each question looks at a bounded
number of lines from `at` on, and of each only at its beginning.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from placet.replies.parse import words
from placet.replies.parse.folding import LINE

WRAPPED = 4  # lines over which one line above a quote may be wrapped
HEAD = 16  # lines that a head may have
_LABELLED = 80  # characters of a line in which its label stands

_DASHES = re.compile(r"[-_=*~\u2013\u2014\u2500]{2,}")
_FRAMED = re.compile(r"-{5,}[^-].{0,60}[^-]-{5,}")
# HCL Notes: "Tom Taylor ---03.11.2026 10:12:00---Re: Laptops"
_NOTES = re.compile(r"-{2,3} ?[0-9]{1,4}[./-][0-9]{1,2}[./-][0-9]{2,4} [^-]{3,20}-{2,3}")
_NOT_IN_ADDRESS = frozenset(" \t<>@[]()")
_YEAR = re.compile(r"(?<![0-9])(?:19|20)[0-9]{2}(?![0-9])")
_TIME = re.compile(r"(?<![0-9])[0-9]{1,2}[:.h\u6642\u65f6][0-9]{2}")
_LABEL = re.compile(r"[*>\s]{0,6}([^\s:：*][^:：*]{0,30}?) ?\*? ?[:：]\*?(?:\s|$|(?=[^/\s]))")
_OLD_GMAIL = re.compile(r"[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2} ")
_GMAIL_ZONE = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{1,2}:[0-9]{2} (?:gmt|utc)[+-][0-9]{1,2}:[0-9]{2} "
)

MARKER = "the line above which to answer"
DIVIDER = "a line between two messages"
UNKNOWN_DIVIDER = "a framed line that nobody knows"
BLOCK = "a header block"
NOTES_BLOCK = "a header block of HCL Notes"
RULED_BLOCK = "a line above a header block"
WHO_WROTE = "a line that says who wrote"


# ---------------------------------------------------------------------- dividers


def divider(folded: Sequence[str], at: int) -> str:
    """Why everything from this line on is quoted; "" if it is not."""
    line = folded[at]
    if not line:
        return ""
    if any(marker in line for marker in words.MARKERS):
        return MARKER
    bare = line.strip("-_=*~\u2013\u2014\u2500 :：>[]<")
    if bare in words.ORIGINAL or (bare != line and bare.startswith(words.ORIGINAL_STARTS)):
        return DIVIDER
    if "--" in line:
        if _NOTES.search(line, 0, 200):
            return DIVIDER
        if _FRAMED.fullmatch(line):
            if _head_follows(folded, at + 1):
                return DIVIDER
            if any(folded[max(at - HEAD, 0) : at]):
                return UNKNOWN_DIVIDER
    if _DASHES.match(line):
        if _DASHES.fullmatch(line) and header_block(folded, following(folded, at + 1)):
            return RULED_BLOCK
        if ends_like_attribution(bare) and len(bare) < len(line) and _DASHES.search(line, len(line) - 2):
            return DIVIDER
    if line in words.LABELS:
        return NOTES_BLOCK if _bare_labels(folded, at) else ""
    return BLOCK if header_block(folded, at) else ""


def _head_follows(folded: Sequence[str], at: int) -> bool:
    below = following(folded, at)
    return below < len(folded) and like_a_head(folded[below])


def header_block(folded: Sequence[str], at: int) -> bool:
    """A block such as From:/Sent:/To:/Subject: in any language.

    Known labels: a sender's label first, or a second known label within three lines. Unknown labels: three
    labelled lines in a row that hold an address and a date.
    """
    if at >= len(folded):
        return False
    first = label(folded[at])
    if not first:
        return False
    block = [line for line in folded[at : at + 8] if line][:5]
    labels = [label(line) for line in block]
    known = {found for found in labels if found in words.LABELS}
    if first in words.LABELS and len(known) >= 3:
        return True
    if first in words.SENDER_LABELS and len(known) >= 2 and address_or_date(block[0] + block[1]):
        return True
    start = " ".join(block[:2]) if len(labels) > 1 and labels[1] in words.LABELS else block[0]
    if first in words.LABELS and has_address(start) and _YEAR.search(start) and _TIME.search(start):
        return True
    if first in words.FORM_LABELS:
        return False  # "Decision: approve", "Comment: ...": an answer
    if len(block) > 1 and not folded[at + 1] and first not in words.LABELS and labels[1] in words.LABELS:
        return False  # the block begins below it
    ends = (i for i, found in enumerate(labels) if not found or ends_like_attribution(block[i]))
    run = block[: next(ends, len(labels))]
    return len(run) >= 3 and any(map(has_address, run)) and any(map(_YEAR.search, run))


def _bare_labels(folded: Sequence[str], at: int) -> bool:
    """HCL Notes in a table: the labels stand on lines of their own, without colons."""
    block = {line for line in folded[at : at + 14] if line in words.LABELS}
    return len(block) >= 3


def label(line: str) -> str:
    """What stands before the colon of a line like "Subject: ..."; "" if it is none."""
    start = line[:_LABELLED]
    if ":" not in start and "：" not in start:
        return ""
    found = _LABEL.match(start)
    return found[1].strip(" *") if found else ""


def has_address(line: str) -> bool:
    """Whether something stands on both sides of an @; the first few are looked at."""
    at = -1
    for _ in range(5):
        at = line.find("@", at + 1)
        if at < 0:
            return False
        if 0 < at < len(line) - 1 and not _NOT_IN_ADDRESS & {line[at - 1], line[at + 1]}:
            return True
    return False


def address_or_date(line: str) -> bool:
    """An address, or a year with a time."""
    return has_address(line) or bool(_YEAR.search(line) and _TIME.search(line))


def following(folded: Sequence[str], at: int) -> int:
    """The next line that is not blank, at most two lines further; the number of lines if there is none."""
    for further in range(at, min(at + 3, len(folded))):
        if folded[further]:
            return further
    return len(folded)


def like_a_head(line: str) -> bool:
    """Whether a line may be part of a head: it has a label, an address, a date with a time, or is drawn."""
    return bool(label(line) or address_or_date(line) or _DASHES.match(line))


def is_head(folded: Sequence[str], quoted: Sequence[bool], at: int) -> bool:
    """Whether a line says that another mail is quoted below it."""
    return bool(divider(folded, at)) or attribution(folded, quoted, at) is not None


def below_head(folded: Sequence[str], quoted: Sequence[bool], at: int) -> int:
    """The first line below a head: below the labels, dates and addresses that begin at `at`."""
    end = min(at + HEAD, len(folded))
    at += 1
    while at < end and (not folded[at] or like_a_head(folded[at]) or is_head(folded, quoted, at)):
        at += 1
    return at


# ---------------------------------------------------------------------- "On Monday ... wrote:"


@dataclass(frozen=True)
class Attribution:
    """Lines that say who wrote what follows."""

    length: int
    certain: bool  # no person would write it like this


def attribution(folded: Sequence[str], quoted: Sequence[bool], at: int) -> Attribution | None:
    """The attribution that begins at `at`, however it is wrapped."""
    line = folded[at]
    if not line or not _may_begin(line):
        return None
    together = ""
    found: Attribution | None = None
    for length in range(1, WRAPPED + 1):
        if at + length > len(folded) or not folded[at + length - 1] or quoted[at + length - 1]:
            break
        together = f"{together} {folded[at + length - 1]}".strip()[:LINE]
        below = following(folded, at + length)
        angle = below < len(folded) and folded[below].startswith("<")
        marks = below < len(folded) and quoted[below]
        if _is_attribution(together, marks):
            return Attribution(length, marks or _certain(together))
        if found is None and angle and _without_a_word(together):
            found = Attribution(length, certain=True)  # unless a longer one holds the word too
    return found


def _may_begin(line: str) -> bool:
    if line.startswith(words.STARTS) or ends_like_attribution(line):
        return True
    return has_address(line) or bool(_YEAR.search(line) or _TIME.search(line, 0, 80))


def _is_attribution(line: str, marks_follow: bool) -> bool:
    line = line.rstrip("*_ ")
    bare = line.strip("-_*[] ")
    address = has_address(line)
    dated = bool(_YEAR.search(line) or _TIME.search(line))
    if ends_like_attribution(line):
        return dated or address or marks_follow or bare.startswith(words.STARTS)
    if line.endswith((":", "：")):
        return (address and (dated or marks_follow)) or (dated and marks_follow)
    if _GMAIL_ZONE.match(bare):
        return True
    return bool(_OLD_GMAIL.match(bare)) and bare.endswith(">") and address


def _certain(line: str) -> bool:
    """No person would end, or begin, a sentence like this."""
    line = line.rstrip("*_ ")
    if ends_like_attribution(line) or line.endswith((">:", ">：", "):", "）：")):
        return True
    return line.startswith(_LONG_STARTS) or bool(_GMAIL_ZONE.match(line) or _OLD_GMAIL.match(line))


def _without_a_word(line: str) -> bool:
    """Programs that leave out the word: "On Tue, Apr 11, 2017 at 10:07 PM John Smith" "<mailto:..."""
    bare = line.strip("-_*[] ")
    if not bare.startswith(words.STARTS):
        return False
    year = _YEAR.search(bare, 0, 40)
    return bool(year and _TIME.search(bare, max(0, year.start() - 20), year.end() + 20))


def ends_like_attribution(line: str) -> bool:
    """Ends with a word for "wrote" and a colon; in some languages the name comes after the word."""
    if line.endswith((":", "：")):
        tail = line[-200:-1].rstrip()
        return tail.endswith(words.WROTE) or _holds_wrote(f"{tail} ")
    return len(line) > 12 and line.endswith(("wrote", "a écrit", "schrieb", "escribió", "写道"))


def _holds_wrote(tail: str) -> bool:
    return any(word in tail for word in _WROTE_INSIDE)


_LONG_STARTS = tuple(start for start in words.STARTS if len(start) > 12)
_WROTE_INSIDE = tuple(f" {word} " for word in words.WROTE)


def before_attribution(line: str) -> str:
    """What stands on a line before the attribution that begins on it: "Approve On Tue, 24 Nov 2026 ..." """
    found = words.START_INSIDE.search(line, 1, LINE)
    if not found:
        return ""
    before = line[: found.start()].rstrip(" \t-\u2013\u2014*")
    folded = before.lower()
    if address_or_date(folded) or _YEAR.search(folded) or _holds_wrote(f" {folded} "):
        return ""
    return before
