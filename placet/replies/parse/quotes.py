"""New text of a reply: what is left without quotes and signature. One pass over the lines.

Every known library does this with regular expressions over the whole text; several of them do not end on
a mail of some hundred kilobytes. Here every line is looked at a bounded number of times, and of each only
its first characters. A leak is dangerous, because a quote holds the words of both answers; so is a loss,
because a condition may stand below. Where a line may be either, the text is marked as doubtful.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from placet.lib.sentences import gettext_noop
from placet.replies.parse import banners, heads, words
from placet.replies.parse.folding import fold
from placet.replies.parse.limits import LINES, NEW_TEXT
from placet.replies.parse.links import readable
from placet.replies.parse.mail import joined
from placet.replies.parse.signatures import part

WRAPPABLE = 60  # characters of a quoted line that may have been wrapped on its way

QUOTED = gettext_noop("quoted lines")

_INITIALS = re.compile(r"[a-z]{1,3}>")
_WORD = re.compile(r"[^\W\d_]+")
_ADDRESS = re.compile(r"<?[^\s<>@]{1,64}@[^\s<>@]{1,253}>?")
_NAME = re.compile(r"[^\s<>@:：,;()\"']+")
LINK_AT_END = re.compile(r"(?:mailto:|https?://)[^\s<>]*\Z")
_SENTENCE = (".", "!", "?", "。", "！", "？", ":")


class Is(IntEnum):
    """What a line of a reply is."""

    NEW = 0
    MARKED = 1  # quoted, by a mark in front or by being known
    HEAD = 2  # says that, or from whom, a quote follows
    BELOW = 3  # below a head, to the end of the text
    ADDED = 4  # put there by a server


@dataclass
class Lines:
    """A text line by line, and what each line is. What is beyond the limit of lines is left out."""

    lines: list[str]
    folded: Sequence[str]
    kinds: list[Is]
    rules: dict[str, None]  # those that found something, in order
    doubts: set[int]  # lines that are left out and may be new
    rest: bool  # there were more lines
    unmarked: set[int] = field(
        default_factory=set
    )  # single lines between quoted ones, taken for the rest of one

    @property
    def to_the_end(self) -> bool:
        return bool(self.kinds) and self.kinds[-1] is Is.BELOW

    def set(self, at: int, length: int, kind: Is, rule: str) -> int:
        """Decide on lines; gives how many."""
        self.kinds[at : at + length] = [kind] * length
        self.rules.setdefault(rule)
        return length

    def pieces(self) -> Iterator[list[str]]:
        """The new lines, in pieces that nothing quoted parts."""
        piece: list[str] = []
        for line, folded, kind in zip(self.lines, self.folded, self.kinds, strict=True):
            if kind is Is.NEW:
                piece.append(line if folded.strip("| ") else "")  # a bar alone is what a table left
            elif piece:
                yield piece
                piece = []
        if piece:
            yield piece


@dataclass(frozen=True)
class New:
    """The new text, at most NEW_TEXT of it, and how the quote was recognised ("" if there was none)."""

    text: str
    with_signature: str
    quoted_cut: str
    whole: bool  # all lines were looked at that could hold something new
    to_the_end: bool  # everything below the new text is quoted
    doubtful: bool  # a line was left out that may have been new
    set_apart: str  # the signature, and whatever else somebody wrote below a line of two dashes


def new_text(text: str) -> New:
    """Cut quotes, then the signature. Looks at the first LINES lines."""
    return cut(scan(text))


def cut(found: Lines) -> New:
    """What is left of a text whose lines are known."""
    unsigned: list[str] = []
    signed: list[str] = []
    apart: list[str] = []
    for piece in found.pieces():
        # What a quote parts is never one sentence: "I do not", and below the quote "approve this".
        unsigned += [""] * bool(unsigned and unsigned[-1])
        signed += [""] * bool(signed and signed[-1])
        text, signature = part(piece, below_text=any(unsigned))
        unsigned += text
        signed += piece
        apart += [""] * bool(apart and signature) + signature
    with_signature = joined(signed)
    return New(
        readable(joined(unsigned)[:NEW_TEXT]),
        readable(with_signature[:NEW_TEXT]),
        ", then ".join(found.rules),
        whole=(found.to_the_end or not found.rest) and len(with_signature) <= NEW_TEXT,
        to_the_end=found.to_the_end,
        doubtful=bool(found.doubts),
        set_apart=readable(joined(apart)[:NEW_TEXT]),
    )


def scan(text: str) -> Lines:
    """What each line of a text is."""
    lines = text.split("\n", LINES)
    rest = len(lines) > LINES
    lines = [line.rstrip() for line in lines[:LINES]]
    folded = [fold(line) for line in lines]
    found = Lines(lines, folded, [Is.NEW] * len(lines), {}, set(), rest)
    quoted = _marks(folded)
    at = _banner(found)
    while at < len(lines):
        at += _look(found, quoted, at)
    found.doubts.update(_below_links(found))
    return found


def _below_links(found: Lines) -> Iterator[int]:
    """New lines directly below a quoted one that ends in a link: each may be the rest of it, "body=" and "Approve"."""
    for at in range(1, len(found.lines)):
        if _is_new(found, at) and found.kinds[at - 1] is not Is.NEW and ends_in_link(found, at - 1):
            yield at


def ends_in_link(found: Lines, at: int) -> bool:
    """Whether a line ends in a link, which may go on in the next line."""
    return LINK_AT_END.search(found.folded[at]) is not None


def _banner(found: Lines) -> int:
    """Leave out what a server put above the text; gives where the text begins."""
    length = banners.length(found.folded)
    if length:
        found.set(0, length, Is.ADDED, "a warning that a server put above the text")
    if tag := banners.tag(found.folded, length):
        at, characters = tag
        found.lines[at] = found.lines[at].lstrip()[characters:].lstrip()
    return length


def _look(found: Lines, quoted: Sequence[bool], at: int) -> int:
    """Decide on the line at `at`, and give how many lines that decided."""
    folded = found.folded
    if not folded[at]:
        return 1
    if quoted[at]:
        return found.set(at, 1, Is.MARKED, QUOTED)
    if _rest_of_quoted(folded, quoted, at):
        found.unmarked.add(at)
        if not _was_wrapped(found, at):
            found.doubts.add(at)
        return found.set(at, 1, Is.MARKED, QUOTED)
    if why := heads.divider(folded, at):
        if why in (heads.UNKNOWN_DIVIDER, heads.UNSURE_BLOCK):
            found.doubts.add(at)
        _address_above(found, at)
        if why == heads.NOTES_BLOCK:
            _values_above(found, at)
        _doubt_below_marks(found, quoted, at)
        return found.set(at, len(folded) - at, Is.BELOW, why)
    if who := heads.attribution(folded, quoted, at):
        return _attributed(found, quoted, at, who)
    return 1


def _doubt_below_marks(found: Lines, quoted: Sequence[bool], at: int) -> None:
    """A program that marks the lines below its head marks all of them: what stands unmarked below these may be the
    sender's, unless it is what somebody else quoted. Small print is nobody's answer."""
    folded = found.folded
    first = heads.first_below(folded, quoted, at)
    if (
        first == len(folded)
        or not quoted[first]
        or folded[first].startswith("|")
        or len(heads.heads_in(folded, at, first)) > 1
    ):
        return
    for below in range(first, len(folded)):
        if folded[below].startswith(words.LEGAL) or (
            not quoted[below] and heads.is_head(folded, quoted, below)
        ):
            break
        if folded[below] and not quoted[below]:
            found.doubts.add(below)


def _attributed(found: Lines, quoted: Sequence[bool], at: int, who: heads.Attribution) -> int:
    _name_above(found, at)
    if who.loose and not _like_a_name(found.lines[at]):
        found.doubts.add(at)
    before = heads.before_attribution(found.lines[at])
    length = found.set(at, who.length, Is.HEAD, heads.WHO_WROTE)
    if before:
        found.lines[at], found.kinds[at] = before, Is.NEW
    below = heads.following(found.folded, at + length)
    if below < len(found.folded) and quoted[below]:
        return length
    # Without marks on the lines below, the quote may go on to the end.
    if not who.certain:
        found.doubts.add(below)
    return found.set(at + length, len(found.folded) - at - length, Is.BELOW, heads.WHO_WROTE) + length


def _name_above(found: Lines, at: int) -> None:
    """A long name that was wrapped before the address behind it, so that it stands on the line above: of an
    attribution that has no beginning of its own."""
    line, above = found.folded[at], at - 1
    if above < 0 or line.startswith(words.STARTS) or not _is_new(found, above):
        return
    folded = found.folded[above]
    if len(folded) + 1 + len(line.partition(" ")[0]) < WRAPPABLE or folded.endswith((*_SENTENCE, ",")):
        return
    found.kinds[above] = Is.HEAD
    if (above and _is_new(found, above - 1)) or not _like_a_name(found.lines[above]):
        found.doubts.add(above)


def _is_new(found: Lines, at: int) -> bool:
    return bool(found.folded[at]) and found.kinds[at] is Is.NEW


def _like_a_name(line: str) -> bool:
    """Most words begin with a capital."""
    found: list[str] = _WORD.findall(line)
    return 2 * sum(word[0].isupper() for word in found) > len(found)


def _address_above(found: Lines, at: int) -> None:
    """An address alone above a head that names whose it is, too: some programs put the sender's there. Another one is
    what the sender wrote, "Please send the invoice to:"."""
    above = at - 1
    while above > at - 3 and above > 0 and not found.folded[above]:
        above -= 1
    address = found.folded[above].strip("<>") if above >= 0 else ""
    if above < 0 or found.kinds[above] is not Is.NEW or not _ADDRESS.fullmatch(address):
        return
    local = address.partition("@")[0]
    if any(local in _NAME.findall(line) for line in found.folded[at : at + heads.HEAD]):
        found.kinds[above] = Is.HEAD


def _values_above(found: Lines, at: int) -> None:
    """An address or a date that belongs to the labels at `at` and stands on a line of its own above them."""
    for above in range(at - 1, max(at - 4, -1), -1):
        if not found.folded[above]:
            continue
        if found.kinds[above] is not Is.NEW or not heads.address_or_date(found.folded[above]):
            break
        found.kinds[above] = Is.HEAD


# ---------------------------------------------------------------------- marks


def _marks(folded: Sequence[str]) -> list[bool]:
    """Which lines have a mark of a quote in front."""
    quoted = [_has_mark(line, folded[at - 1] if at else "") for at, line in enumerate(folded)]
    for at, line in enumerate(folded):
        beside = (at > 0 and quoted[at - 1]) or (at + 1 < len(folded) and quoted[at + 1])
        if line == "|" and beside:
            quoted[at] = True
    _initials(folded, quoted)
    return quoted


def _has_mark(line: str, before: str) -> bool:
    """`>` and its kin at the beginning, unless it closes an address that was wrapped: `<ann@x.example` `>:`"""
    if heads.is_bar(line):
        return False
    if line.startswith(">"):
        # Unless that line is quoted itself: what somebody else wrote cannot open an address.
        if (
            before.rfind("<") > before.rfind(">")
            and len(line) < 40
            and not before.startswith((">", "|", "&gt;"))
        ):
            return not line.endswith((":", "："))
        return True
    return line.startswith("&gt;") or (line.startswith("|") and len(line) > 1)


def _initials(folded: Sequence[str], quoted: list[bool]) -> None:
    """Marks with initials, `TT> Shall we?`: two lines in a row that begin in the same way."""
    last = ""
    for at, line in enumerate(folded):
        found = _INITIALS.match(line)
        this = found[0] if found else ""
        if this and this == last:
            quoted[at - 1] = quoted[at] = True
        last = this


def _rest_of_quoted(folded: Sequence[str], quoted: Sequence[bool], at: int) -> bool:
    """A single line between quoted ones, without a blank line around it: the rest of a quoted line that was
    wrapped on its way, or, below a short line, something that the sender put there."""
    return 0 < at < len(folded) - 1 and quoted[at - 1] and quoted[at + 1]


def _was_wrapped(found: Lines, at: int) -> bool:
    """Whether such a line is for certain the rest of the one above it: that one is long, no sentence ends there,
    and the line holds no word that may decide."""
    above, line = found.folded[at - 1], found.lines[at].lstrip()
    if len(above) < WRAPPABLE or any(word in words.ANSWERS for word in _WORD.findall(found.folded[at])):
        return False
    return not (above.endswith(_SENTENCE) and line[:1].isupper())
