"""New text of a reply: what is left without quotes and signature. One pass over the lines.

Every known library does this with regular expressions over the whole text; several of them do not end on
a mail of some hundred kilobytes. Here every line is looked at a bounded number of times, and of each only
its first LINE characters. A leak is dangerous, because a quote holds the words of both answers; so is a
loss, because a condition may stand below. Where a line may be either, the text is marked as doubtful.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from placet.replies.parse import words
from placet.replies.parse.limits import LINES
from placet.replies.parse.mail import joined

LINE = 1_000  # characters of one line that are looked at
WRAPPABLE = 60  # characters of a quoted line that may have been wrapped on its way
WRAPPED = 4  # lines over which one line above a quote may be wrapped

_DASHES = re.compile(r"[-_=*~\u2013\u2014]{2,}")
_FRAMED = re.compile(r"-{5,}[^-].{0,60}[^-]-{5,}")
_ADDRESS = re.compile(r"[^\s<>@\[\]()]{1,64}@[^\s<>@\[\]()]{1,253}")
_YEAR = re.compile(r"(?<![0-9])(?:19|20)[0-9]{2}(?![0-9])")
_TIME = re.compile(r"[0-9]{1,2}[:.\u6642\u65f6][0-9]{2}")
_LABEL = re.compile(
    r"[*>\s]{0,6}([^\s:：*][^:：*]{0,30}?)[ \u00a0]?\*?[ \u00a0]?[:：][*]?(?:\s|$|(?=[^/\s]))"
)
_OLD_GMAIL = re.compile(r"[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}\s")


@dataclass(frozen=True)
class New:
    """The new text, and how the quote was recognised ("" if there was none)."""

    text: str
    with_signature: str
    quoted_cut: str
    whole: bool  # all lines were looked at that could hold something new
    to_the_end: bool  # everything below the new text is quoted
    doubtful: bool  # a line was left out that may have been new


def new_text(text: str) -> New:
    """Cut quotes, then the signature. Looks at the first LINES lines."""
    lines = text.split("\n", LINES)
    rest = len(lines) > LINES
    cut = _without_quotes([line.rstrip() for line in lines[:LINES]])
    return New(
        joined(_without_signature(cut.kept)),
        joined(cut.kept),
        cut.how,
        whole=cut.to_the_end or not rest,
        to_the_end=cut.to_the_end,
        doubtful=cut.doubtful,
    )


# ---------------------------------------------------------------------- quotes


@dataclass
class _Cut:
    """The lines that are not quoted."""

    kept: list[str]
    how: str = ""
    to_the_end: bool = False
    doubtful: bool = False


def _without_quotes(lines: Sequence[str]) -> _Cut:
    folded = [_fold(line) for line in lines]
    quoted = [_has_mark(line, folded[at - 1] if at else "") for at, line in enumerate(folded)]
    cut = _Cut([])
    at = 0
    while at < len(lines):
        length, why = 0, ""
        if quoted[at]:
            length, why = 1, "quoted lines"
        elif _rest_of_quoted(folded, quoted, at):
            length, why = 1, "quoted lines"
            cut.doubtful = cut.doubtful or len(folded[at - 1]) < WRAPPABLE
        elif why := _divider(folded, at):
            cut.to_the_end = True
        elif length := _attribution(folded, quoted, at):
            why = "a line that says who wrote"
            # Without marks on the lines below, the quote may go on to the end.
            cut.to_the_end = not _quote_marks_follow(folded, quoted, at + length)
        if why:
            cut.how = cut.how or why
        else:
            cut.kept.append(lines[at])
            length = 1
        if cut.to_the_end:
            break
        at += length
    return cut


def _fold(line: str) -> str:
    """For comparing: lower case, plain spaces and quotation marks, no invisible characters at the ends."""
    line = line[:LINE].replace("\u00a0", " ").replace("\u202f", " ").replace("\u2019", "'")
    return line.strip(" \t\u200b\ufeff\u200e\u200f\u202a\u202c").casefold()


def _rest_of_quoted(folded: Sequence[str], quoted: Sequence[bool], at: int) -> bool:
    """A single line between quoted ones, without a blank line around it: the rest of a quoted line that was
    wrapped on its way, or, below a short line, something that the sender put there."""
    return 0 < at < len(folded) - 1 and bool(folded[at]) and quoted[at - 1] and quoted[at + 1]


def _has_mark(line: str, before: str) -> bool:
    """`>` and its kin at the beginning, unless it closes an address that was wrapped: `<ann@x.example` `>:`"""
    if line.startswith(">") and before.rfind("<") > before.rfind(">") and len(line) < 40:
        return not line.endswith((":", "："))
    return line.startswith((">", "&gt;")) or (line.startswith("|") and len(line) > 1)


def _divider(folded: Sequence[str], at: int) -> str:
    """Why everything from this line on is quoted; "" if it is not."""
    line = folded[at]
    if not line:
        return ""
    if any(marker in line for marker in words.MARKERS):
        return "the line above which to answer"
    bare = line.strip("-_=*~\u2013\u2014 :>[]<")
    if bare in words.ORIGINAL or (bare != line and bare.startswith(words.ORIGINAL)):
        return "a line between two messages"
    if _FRAMED.fullmatch(line) and any(folded[:at]):
        return "a line between two messages"
    if _DASHES.match(line):
        if _DASHES.fullmatch(line) and _header_block(folded, _next(folded, at + 1)):
            return "a line above a header block"
        if _ends_like_attribution(bare) and len(bare) < len(line) and _DASHES.search(line, len(line) - 2):
            return "a line between two messages"
    if _header_block(folded, at):
        return "a header block"
    return ""


def _header_block(folded: Sequence[str], at: int) -> bool:
    """A block such as From:/Sent:/To:/Subject: in any language.

    Known labels: a sender's label first, or a second known label within three lines. Unknown labels: three
    labelled lines in a row that hold an address and a date.
    """
    if at >= len(folded):
        return False
    first = _label(folded[at])
    if not first:
        return False
    block = [line for line in folded[at : at + 8] if line][:5]
    labels = [_label(line) for line in block]
    known = [label for label in labels if label in words.LABELS]
    if first in words.LABELS and len(set(known)) >= 3:
        return True
    if first in words.SENDER_LABELS and len(set(known)) >= 2 and _address_or_date(block[0] + block[1]):
        return True
    start = " ".join(block[:2]) if len(labels) > 1 and labels[1] in words.LABELS else block[0]
    if first in words.LABELS and _ADDRESS.search(start) and _YEAR.search(start) and _TIME.search(start):
        return True
    run = block[: next((i for i, label in enumerate(labels) if not label), len(labels))]
    return len(run) >= 3 and any(map(_ADDRESS.search, run)) and any(map(_YEAR.search, run))


def _label(line: str) -> str:
    found = _LABEL.match(line[:80])
    return found[1].strip(" *") if found else ""


def _address_or_date(line: str) -> bool:
    return bool(_ADDRESS.search(line) or (_YEAR.search(line) and _TIME.search(line)))


def _next(folded: Sequence[str], at: int) -> int:
    """The next line that is not blank, at most two lines further."""
    for further in range(at, min(at + 3, len(folded))):
        if folded[further]:
            return further
    return len(folded)


def _attribution(folded: Sequence[str], quoted: Sequence[bool], at: int) -> int:
    """How many lines from here say who wrote what follows ("On Monday ... wrote:"); 0 if none do."""
    line = folded[at]
    if not line or not (
        line.startswith(words.STARTS) or _address_or_date(line) or _ends_like_attribution(line)
    ):
        return 0
    together = ""
    for length in range(1, WRAPPED + 1):
        if at + length > len(folded) or not folded[at + length - 1] or quoted[at + length - 1]:
            return 0
        together = f"{together} {folded[at + length - 1]}".strip()[:LINE]
        following = _next(folded, at + length)
        angle = following < len(folded) and folded[following].startswith("<")
        if _is_attribution(together, _quote_marks_follow(folded, quoted, at + length), angle):
            return length
    return 0


def _is_attribution(line: str, marks_follow: bool, angle_follows: bool) -> bool:
    bare = line.strip("-_*[] ")
    named = _ends_like_attribution(line)
    dated = bool(_YEAR.search(line)) or bool(_TIME.search(line))
    address = bool(_ADDRESS.search(line))
    if named and (dated or address or marks_follow or bare.startswith(words.STARTS)):
        return True
    if angle_follows and bare.startswith(words.STARTS) and _dated_whole(bare):
        return (
            True  # programs that leave out the word: "On Tue, Apr 11, 2017 at 10:07 PM John Smith" "<mailto:"
        )
    if line.endswith((":", "：")) and ((address and (dated or marks_follow)) or (dated and marks_follow)):
        return True
    return bool(_OLD_GMAIL.match(bare)) and address and bare.endswith(">")


def _dated_whole(line: str) -> bool:
    """A full date with a time stands near its beginning."""
    year = _YEAR.search(line, 0, 40)
    return bool(year and _TIME.search(line, max(0, year.start() - 20), year.end() + 20))


def _ends_like_attribution(line: str) -> bool:
    """Ends with a word for "wrote" and a colon; in some languages the name comes after the word."""
    if line.endswith((":", "：")):
        tail = line[-200:-1].rstrip()
        return tail.endswith(words.WROTE) or any(f" {word} " in f"{tail} " for word in words.WROTE)
    return line.endswith(("wrote", "a écrit", "schrieb", "escribió", "写道")) and len(line) > 12


def _quote_marks_follow(folded: Sequence[str], quoted: Sequence[bool], at: int) -> bool:
    following = _next(folded, at)
    return following < len(folded) and quoted[following]


# ---------------------------------------------------------------------- signature


def _without_signature(lines: Sequence[str]) -> list[str]:
    """Up to a line `-- ` (RFC 3676 4.3, the blank may be lost), and without lines that a telephone adds.

    Nothing else is taken for a signature: what stands below a drawn line may be a condition.
    """
    kept: list[str] = []
    for line in lines:
        if line.strip() == "--":
            break
        if not _fold(line).strip("*_[]<> ").startswith(words.DEVICES):
            kept.append(line)
    return kept
