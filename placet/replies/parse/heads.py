"""The lines that say that a quote follows: dividers, header blocks, and "On Monday ... wrote:".

`folded` are all lines of a text, folded; `quoted` says which of them have a mark. Each question looks at a bounded
number of lines from `at` on, and of each only at its beginning.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from placet.lib.sentences import gettext_noop
from placet.replies.parse import words
from placet.replies.parse.folding import LINE

WRAPPED = 4  # lines over which one line above a quote may be wrapped
HEAD = 16  # lines that a head may have
_LABELLED = 80  # characters of a line in which its label stands

_DASHES = re.compile(r"[-_=*~\u2013\u2014\u2500]{2,}")
_FRAMED = re.compile(r"-{5,}[^-].{0,60}[^-]-{5,}")
# HCL Notes: "Tom Taylor ---03.11.2026 10:12:00---Re: Laptops"
_NOTES = re.compile(r"-{2,3} ?[0-9]{1,4}[./-][0-9]{1,2}[./-][0-9]{2,4} [^-]{3,20}-{2,3}")
# HCL Notes: bars above and below each label, "|------------>" and ">-----------|"
_BAR = re.compile(r"\|-{5,}>|>-{5,}\|")
_NOT_IN_ADDRESS = frozenset(" \t<>@[]()")
_YEAR = re.compile(r"(?<![0-9])(?:19|20)[0-9]{2}(?![0-9])")
_SHORT_DATE = re.compile(r"(?<![0-9])[0-9]{1,2}[./-] ?[0-9]{1,2}[./-] ?[0-9]{2}(?![0-9])")
_TIME = re.compile(r"(?<![0-9])[0-9]{1,2}[:.h\u6642\u65f6][0-9]{2}")
_LABEL = re.compile(r"[*>\s]{0,6}([^\s:：*][^:：*]{0,30}?) ?\*? ?[:：]\*?(?:\s|$|(?=[^/\s]))")
_OLD_GMAIL = re.compile(r"[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2} ")
_GMAIL_ZONE = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{1,2}:[0-9]{2} (?:gmt|utc)[+-][0-9]{1,2}:[0-9]{2} "
)

_ZONE = re.compile(r"[+-][0-9]{4}(?![0-9])")
_ONLY_TIME = re.compile(
    r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?(?: ?[ap]\.?m\.?)?(?: ?(?:gmt|utc)?[+-][0-9]{1,2}:?[0-9]{2})?,?"
)
#: A line that answers a question of the step, whatever date or address it gives: the sender's own.
ANSWERS = re.compile(r"[ *_•·–—-]{0,6}q ?[0-9]{1,2}\b[^:：]{0,210}[:：]")
_SENTENCE = (".", "!", "?", "。", "！", "？")

MARKER = gettext_noop("the line above which to answer")
DIVIDER = gettext_noop("a line between two messages")
UNKNOWN_DIVIDER = gettext_noop("a framed line that nobody knows")
BLOCK = gettext_noop("a header block")
UNSURE_BLOCK = gettext_noop("a header block that may begin with a line of the sender")
NOTES_BLOCK = gettext_noop("a header block of HCL Notes")
RULED_BLOCK = gettext_noop("a line above a header block")
WHO_WROTE = gettext_noop("a line that says who wrote")


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
    if "--" in line and (why := _framed(folded, at)):
        return why
    if _DASHES.match(line):
        if _DASHES.fullmatch(line) and header_block(folded, following(folded, at + 1)):
            return RULED_BLOCK
        if ends_like_attribution(bare) and len(bare) < len(line) and _DASHES.search(line, len(line) - 2):
            return DIVIDER
    if line in words.LABELS:
        return NOTES_BLOCK if _bare_labels(folded, at) else ""
    return header_block(folded, at)


def _framed(folded: Sequence[str], at: int) -> str:
    """The same for a line with dashes in it."""
    line = folded[at]
    if _NOTES.search(line, 0, 200) or drawn_attribution(folded, at):
        return DIVIDER
    if _BAR.fullmatch(line) and at + 1 < len(folded) and label(folded[at + 1].strip("|> ")) in words.LABELS:
        return RULED_BLOCK
    if _FRAMED.fullmatch(line):
        if _head_follows(folded, at + 1):
            return DIVIDER
        if any(folded[max(at - HEAD, 0) : at]):
            return UNKNOWN_DIVIDER
    return ""


def is_bar(line: str) -> bool:
    """Whether a line is one that HCL Notes draws around a label."""
    return _BAR.fullmatch(line, 0, LINE) is not None


def drawn_attribution(folded: Sequence[str], at: int) -> int:
    """How many lines say who wrote between dashes, as Zoho Mail and iNotes do: "---- On Tue, 24 Nov 2026 10:00:00
    +0100 Tom <tom@x.example> wrote ---". 0 if none do."""
    if not folded[at].startswith("----") or _DASHES.fullmatch(folded[at]):
        return 0
    together = ""
    for length in range(1, WRAPPED + 1):
        if at + length > len(folded) or not folded[at + length - 1]:
            return 0
        together = f"{together} {folded[at + length - 1]}".strip()[:LINE]
        if together.endswith("--"):
            dated = _YEAR.search(together) and _TIME.search(together)
            said = dated or ends_like_attribution(together.strip("- "))
            return length if said and has_address(together) else 0
    return 0


def _head_follows(folded: Sequence[str], at: int) -> bool:
    below = following(folded, at)
    return below < len(folded) and like_a_head(folded[below])


def header_block(folded: Sequence[str], at: int) -> str:
    """Why a block such as From:/Sent:/To:/Subject: begins here, in any language; "" if none does.

    Known labels: a sender's label first, or a second known label within three lines. Unknown labels: three
    labelled lines in a row that hold an address and a date.
    """
    first = label(folded[at]) if at < len(folded) else ""
    if not first or (first not in words.LABELS and any(map(str.isdigit, first))):
        return ""
    below = takewhile(lambda row: not _DASHES.match(folded[row]), range(at + 1, min(at + 8, len(folded))))
    rows = [at, *(row for row in below if folded[row])][:5]
    block = [folded[row] for row in rows]
    labels = [label(line) for line in block]
    if (why := _above_sender(first, rows, block, labels)) is not None:
        return why
    known = {found for found in labels if found in words.LABELS}
    named = (
        _names_sender(line) or (found in words.LABELS and has_address(line))
        for line, found in zip(block, labels, strict=True)
    )
    if first in words.LABELS and len(known) >= 3 and any(named):
        return BLOCK
    if _names_sender(block[0]) and len(known) >= 2 and address_or_date(block[0] + block[1]):
        return BLOCK
    start = " ".join(block[:2]) if len(labels) > 1 and labels[1] in words.LABELS else block[0]
    if first in words.LABELS and has_address(start) and _YEAR.search(start) and _TIME.search(start):
        return BLOCK
    if first in words.FORM_LABELS:
        return ""  # "Decision: approve", "Comment: ...": an answer
    if len(block) > 1 and not folded[at + 1] and first not in words.LABELS and labels[1] in words.LABELS:
        return ""  # the block begins below it
    return UNSURE_BLOCK if _unknown_labels(block, labels) else ""


def _above_sender(first: str, rows: Sequence[int], block: Sequence[str], labels: Sequence[str]) -> str | None:
    """Where a sender's label stands further below: the lines above it may be an answer's, "Max: 500". Blocks that
    begin with another known label have an address or a date with a time above the sender. None if nothing is
    decided."""
    later = next((at for at, found in enumerate(labels) if at and found in words.SENDER_LABELS), 0)
    if not later or first in words.SENDER_LABELS:
        return None
    if first not in words.LABELS:
        return ""
    if any(map(address_or_date, block[:later])):
        return None
    if rows[later] - rows[later - 1] > 1:
        return ""
    return UNSURE_BLOCK


def _names_sender(line: str) -> bool:
    """A sender's label with a name or an address behind it; "From: 1 December 2026" is a time."""
    if label(line) not in words.SENDER_LABELS:
        return False
    value = line.replace("：", ":", 1).partition(":")[2].strip(" *")
    if has_address(value) or not value:
        return True
    return any(map(str.isalpha, value)) and not (_YEAR.search(value) or _TIME.search(value))


def _unknown_labels(block: Sequence[str], labels: Sequence[str]) -> bool:
    ends = (
        at
        for at, found in enumerate(labels)
        if not found or any(map(str.isdigit, found)) or ends_like_attribution(block[at])
    )
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


def short_date_and_time(line: str) -> bool:
    """A date with two figures of the year, and a time: what many programs put above a quote, and people into texts."""
    return bool(_SHORT_DATE.search(line) and _TIME.search(line))


def dated(line: str) -> bool:
    """A year, or a time."""
    return bool(_YEAR.search(line) or _TIME.search(line))


def following(folded: Sequence[str], at: int) -> int:
    """The next line that is not blank, at most two lines further; the number of lines if there is none."""
    for further in range(at, min(at + 3, len(folded))):
        if folded[further]:
            return further
    return len(folded)


def like_a_head(line: str) -> bool:
    """Whether a line may be part of a head: it has a label, an address, a date with a time, or is drawn."""
    if ANSWERS.match(line):
        return False
    drawn = _DASHES.match(line) or (line.startswith(("|", ">")) and line.endswith(("|", ">")))
    return bool(drawn or label(line) or address_or_date(line))


def is_head(folded: Sequence[str], quoted: Sequence[bool], at: int) -> bool:
    """Whether a line says that another mail is quoted below it."""
    return bool(divider(folded, at)) or attribution(folded, quoted, at) is not None


def first_below(folded: Sequence[str], quoted: Sequence[bool], at: int) -> int:
    """The first line below a head: below the labels, dates and addresses that begin at `at`, or the first one with a
    mark. The number of lines if there is none."""
    end = min(at + HEAD, len(folded))
    for below in range(at + 1, end):
        line = folded[below]
        if quoted[below] or not (not line or like_a_head(line) or is_head(folded, quoted, below)):
            return below
    return len(folded)


def heads_in(folded: Sequence[str], start: int, end: int) -> list[range]:
    """Heads that say who wrote what stands below them; where one has been, those that do not say it, too. A divider and
    what says who wrote are one head."""
    marks = [False] * len(folded)
    found: list[range] = []
    begin = -1  # of a divider on the line above: then an address is a head too, in a form that no rule knows
    at = start
    while at < end:
        length, complete = head_at(folded, marks, at)
        if complete or (found and length) or (begin >= 0 and has_address(folded[at])):
            found.append(range(begin if begin >= 0 else at, at + max(length, 1)))
            begin = -1
        else:
            begin = at if length else -1
        at += length or 1
    return found


def head_at(folded: Sequence[str], marks: Sequence[bool], at: int) -> tuple[int, bool]:
    """How many lines belong to a head at `at`, and whether it says who wrote."""
    if length := drawn_attribution(folded, at):
        together = " ".join(folded[at : at + length])
        return length, bool(_YEAR.search(together) and _TIME.search(together))
    why = divider(folded, at) if folded[at] else ""
    if why in (BLOCK, UNSURE_BLOCK, NOTES_BLOCK):
        return _labelled(folded, marks, at), True
    if why:
        return 1, False
    who = attribution(folded, marks, at)
    return (who.length, True) if who else (0, False)


def _labelled(folded: Sequence[str], marks: Sequence[bool], at: int) -> int:
    """How many lines a header block has, from `at` on: up to a line that has no label and is no rest of one that
    was wrapped, or to another sender's."""
    length = 1
    senders = label(folded[at]) in words.SENDER_LABELS
    while at + length < len(folded) and length < HEAD:
        found = label(folded[at + length])
        if found in words.SENDER_LABELS:
            if senders:
                break
            senders = True
        if found not in words.LABELS and not (found and attribution(folded, marks, at + length) is None):
            below = label(folded[at + length + 1]) if at + length + 1 < len(folded) else ""
            if not folded[at + length] or below not in words.LABELS or below in words.SENDER_LABELS:
                break
        length += 1
    return length


# ---------------------------------------------------------------------- "On Monday ... wrote:"


@dataclass(frozen=True)
class Attribution:
    """Lines that say who wrote what follows."""

    length: int
    certain: bool  # no person would write it like this
    loose: bool = False  # its first line says neither when nor who: it may be a sentence of the sender


def attribution(folded: Sequence[str], quoted: Sequence[bool], at: int) -> Attribution | None:
    """The attribution that begins at `at`, however it is wrapped. Of lines that could all begin it, the last one
    does: those above are the sender's."""
    line = folded[at]
    if not line or not _may_begin(line) or ANSWERS.match(line):
        return None
    undated = _undated(line)
    if undated and line.endswith(_SENTENCE):
        return None
    found = _joined(folded, quoted, at)
    if found is None or found.length == 1:
        return found
    for later in range(at + 1, at + found.length):
        if divider(folded, later) or _begins_anew(folded, quoted, at, later):
            return None
    return Attribution(found.length, found.certain, loose=undated and not line.startswith(_LONG_STARTS))


def _joined(folded: Sequence[str], quoted: Sequence[bool], at: int) -> Attribution | None:
    """The lines from `at` on that together are an attribution."""
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


def _undated(line: str) -> bool:
    """Says neither when nor who."""
    return not (has_address(line) or _YEAR.search(line) or _TIME.search(line))


def _begins_anew(folded: Sequence[str], quoted: Sequence[bool], at: int, later: int) -> bool:
    """Whether the attribution begins at `later` and the lines from `at` to it are no part of it."""
    line = folded[later]
    if line.startswith("(") or not _may_begin(line):
        return False
    own = _joined(folded, quoted, later)
    if own is None:
        return False
    below, above = " ".join(folded[later : later + own.length]), " ".join(folded[at:later])
    if line.startswith(
        "<"
    ):  # a name was wrapped before its address: of more than that, the first is the sender's
        return (
            later > at + 1 and not _undated(folded[at]) and bool(_YEAR.search(below) and _TIME.search(below))
        )
    if _undated(above):
        return line.startswith(words.STARTS) or bool(_YEAR.search(below) or _TIME.search(below))
    if _only_a_time(above) or (has_address(above) and _holds_wrote(f" {above} ")):
        return False
    if line.startswith(words.STARTS):
        return bool(_YEAR.search(below)) or short_date_and_time(below)
    # It says all that an attribution says: when, and who.
    who = has_address(below) or ends_like_attribution(below)
    return who and bool(_YEAR.search(below) and _TIME.search(below))


def _only_a_time(line: str) -> bool:
    start = next((start for start in words.STARTS if line.startswith(start)), "")
    return _ONLY_TIME.fullmatch(line, len(start), LINE) is not None


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
        if (address and (dated or marks_follow)) or (dated and marks_follow):
            return True
        if address:  # "Quoting Tom <tom@x.example>:"
            return line.endswith(_CLOSED) and bare.startswith(words.STARTS)
        return _says_when(line)
    if _GMAIL_ZONE.match(bare):
        return True
    return bool(_OLD_GMAIL.match(bare)) and bare.endswith(">") and address


def _certain(line: str) -> bool:
    """No person would end, or begin, a sentence like this."""
    line = line.rstrip("*_ ")
    if ends_like_attribution(line) or line.endswith(_CLOSED) or _says_when(line):
        return True
    return line.startswith(_LONG_STARTS) or bool(_GMAIL_ZONE.match(line) or _OLD_GMAIL.match(line))


def _says_when(line: str) -> bool:
    """A date and a time first, then who it was: "24. Nov. 2026, 10:00 von a@x.example:", "2026-11-24 (화), 10:00 +0900,
    Tom:". With an address or a zone no person writes so."""
    if not line.endswith((":", "：")) or not (_YEAR.search(line, 0, 24) and _TIME.search(line, 0, 48)):
        return False
    return has_address(line) or (line[0].isdigit() and _ZONE.search(line, 0, 60) is not None)


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


_CLOSED = (">:", ">：", "):", "）：")  # an address or a date in brackets, then a colon
_LONG_STARTS = tuple(start for start in words.STARTS if len(start) > 12)
_WROTE_INSIDE = tuple(f" {word} " for word in words.WROTE)


def before_attribution(line: str) -> str:
    """What stands on a line before the attribution that begins on it: "Approve On Tue, 24 Nov 2026 ..." """
    found = words.START_INSIDE.search(line, 1, LINE)
    if not found:
        return ""
    before = line[: found.start()].rstrip(" \t-\u2013\u2014*")
    folded = before.lower()
    if address_or_date(folded) or _YEAR.search(folded) or _only_a_time(folded) or _holds_wrote(f" {folded} "):
        return ""
    return before
