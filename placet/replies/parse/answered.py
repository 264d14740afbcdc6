"""Whom a reply answers, as its nearest quote says: the one that the sender's own program put below or around the
new text. What stands deeper in it, whoever has seen our mail may have copied.

Two things speak. An **address** in the quote's head was written by the sender's program: another one than ours is
another's mail. The **words** on the quote's own level, above a further head and less deep than further marks, were
in the mail that was answered. A display name says nothing, because whoever sends a mail chooses it; nor does a head
without an address, or one that is missing.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import takewhile

from placet.replies.parse import heads, html, limits, quotes, words
from placet.replies.parse.mail import Mail
from placet.replies.parse.original import COMPARED, LONG, PLACES, SEED, Original, words_of
from placet.replies.parse.quotes import Is

LONGEST_HEAD = 2 * heads.HEAD  # lines, with dividers and blank ones
ABOVE = 2  # lines directly above a quote that may be a head in a form that no rule knows
_ADDRESS = re.compile(r"[^\s<>@\"'()\[\],;:|*]{1,64}@[^\s<>@\"'()\[\],;:|*]{1,253}")
_UNUSUAL = re.compile(r"@[^\s@]{1,253}")  # and whatever its local part is
_MARKS = "> |"


class Quoted(Enum):
    """What the nearest quote is of."""

    NOTHING = "nothing that tells"  # there is none, or it holds no words of ours and none of another's
    OURS = "a mail of ours"
    ANOTHERS = "another's mail"


@dataclass(frozen=True)
class Ours:
    """Our mails that a reply may answer, and how we are known."""

    original: Original
    chosen: Collection[str]  # words that the requester chose: they stand in our mail, and prove nothing
    addresses: Collection[
        str
    ]  # that we write from, and get replies at, and ids of these mails; in lower case
    answerers: Collection[str]  # addresses of whoever answers


@dataclass(frozen=True)
class _Row:
    """A quoted line, and how deep it is quoted."""

    text: str  # folded, without marks
    depth: int
    kind: Is


def quoted(mail: Mail, ours: Ours) -> Quoted:
    """What the nearest quote of a mail is of. Where plain text and HTML both quote, one that is another's suffices.
    Linear in the mail."""
    texts = [mail.marked]
    if mail.markup:
        texts.append(html.visible(mail.markup[: limits.HTML]).marked)
    of = [_quoted(text, ours) for text in texts]
    if Quoted.ANOTHERS in of:
        return Quoted.ANOTHERS
    return Quoted.OURS if Quoted.OURS in of else Quoted.NOTHING


def _quoted(text: str, ours: Ours) -> Quoted:
    lines = quotes.scan(text)
    rows = _rows(lines)
    if not rows:
        return Quoted.NOTHING
    head, body = _split(rows)
    addresses = [*_above(lines, ours), *head.senders(ours.answerers)]
    if not all(_is_ours(address, ours.addresses) for address in addresses):
        return Quoted.ANOTHERS
    own = _own_level(body)
    if not own and any(words_of(row.text) for row in body):
        # It begins with a further head, as none of our mails do: of what the quoted mail said itself nothing is left,
        # or a program wrote two heads.
        if not addresses:
            return Quoted.ANOTHERS
        own = body
    return _of_words(own, body, ours)


def _rows(lines: quotes.Lines) -> list[_Row]:
    """The quoted lines, blank ones between them kept."""
    kinds = (Is.MARKED, Is.HEAD, Is.BELOW)
    at_all = [at for at, kind in enumerate(lines.kinds) if kind in kinds]
    if not at_all:
        return []
    rows: list[_Row] = []
    depth = 1
    for at in range(at_all[0], at_all[-1] + 1):
        line, kind = lines.folded[at], lines.kinds[at]
        if kind not in kinds:
            if not line:
                rows.append(_Row("", depth, kind))
            continue
        bare = line.lstrip(_MARKS)
        # A mark of another form, or the rest of a line that was wrapped, is as deep as what stands above it.
        marked = line[: len(line) - len(bare)].count(">")
        depth = depth if kind is Is.MARKED and not marked else marked
        rows.append(_Row(bare, depth, kind))
    return rows


# ---------------------------------------------------------------------- the head


@dataclass(frozen=True)
class _Head:
    """What says who wrote a quote."""

    lines: Sequence[str]
    labelled: bool  # a block of headers

    def senders(self, answerers: Collection[str]) -> list[str]:
        """Addresses of whoever wrote what is quoted: behind the labels of senders, and all of a line without labels.
        Where the labels are of a language that nobody knows, in the first line that has one: in every program the
        sender stands above the others. Some programs write the answerer's own one there."""
        senders = [at for at, line in enumerate(self.lines) if self.labelled and _names_sender(line)]
        if senders:
            return [address for at in senders for address in _addresses(_value(self.lines, at))]
        lines = self.lines if self.labelled else [" ".join(self.lines)]
        addresses = next((some for line in lines if (some := _addresses(line))), [])
        return [address for address in addresses if address not in answerers]


_BLOCKS = (heads.BLOCK, heads.UNSURE_BLOCK, heads.NOTES_BLOCK)


def _split(rows: Sequence[_Row]) -> tuple[_Head, Sequence[_Row]]:
    """The head of a quote, and what stands below it. A divider and what says who wrote are one head; a second one
    that says so belongs to what was quoted."""
    texts = [row.text for row in rows]
    marks = [False] * len(rows)
    at, complete, labelled = 0, False, False
    while at < min(len(rows), LONGEST_HEAD):
        length, says_who = heads.head_at(texts, marks, at) if texts[at] else (1, False)
        if says_who and complete:
            break
        if not length:
            if rows[at].kind is not Is.HEAD:
                break
            length = 1  # a name or an address that was wrapped to the line above
        complete = complete or says_who
        labelled = labelled or heads.divider(texts, at) in _BLOCKS
        at += length
    return _Head([text for text in texts[:at] if text], labelled), rows[at:]


def _names_sender(line: str) -> bool:
    return line in words.SENDER_LABELS or heads.label(line) in words.SENDER_LABELS


def _value(texts: Sequence[str], at: int) -> str:
    """What stands behind a label, with the lines that it was wrapped to."""
    rest = takewhile(
        lambda line: not heads.label(line) or line.startswith(("<", "[")), texts[at + 1 : at + 3]
    )
    return " ".join((texts[at], *rest))


def _above(lines: quotes.Lines, ours: Ours) -> list[str]:
    """Addresses of a head in a form that no rule knows: lines with an address and a date directly above the quote."""
    first = next(at for at, kind in enumerate(lines.kinds) if kind in (Is.MARKED, Is.HEAD, Is.BELOW))
    above = [line for line in lines.folded[:first] if line][-ABOVE:]
    dated = [line for line in above if heads.has_address(line) and heads.dated(line)]
    return [address for line in dated for address in _addresses(line) if address not in ours.answerers]


def _addresses(line: str) -> list[str]:
    """The addresses of a line. One in a form that RFC 5321 allows and hardly anybody has, such as `"a b"@c.example`, is
    none of ours, whatever stands in it: it is there as what it is written with."""
    plain: list[str] = _ADDRESS.findall(line)
    return [*plain, *(_UNUSUAL.findall(line) if len(_UNUSUAL.findall(line)) > len(plain) else [])]


def _is_ours(address: str, own: Collection[str]) -> bool:
    local, _, domain = address.rstrip(".").rpartition("@")
    return f"{local.partition('+')[0]}@{domain}" in own or f"{local}@{domain}" in own


# ---------------------------------------------------------------------- the words


def _own_level(body: Sequence[_Row]) -> Sequence[_Row]:
    """What the quoted mail said itself: neither what stands below a further head, nor what is marked deeper."""
    worded = [row for row in body if words_of(row.text)]
    if not worded:
        return []
    if worded[0].kind is Is.MARKED:  # a line below that begins anew is another quote
        worded = list(takewhile(lambda row: row.kind is Is.MARKED, worded))
    depth = min(row.depth for row in worded)  # it may begin with what it quotes
    texts = [row.text for row in body]
    marks = [False] * len(body)
    own: list[_Row] = []
    for at, row in enumerate(body):
        if row.text and row.depth == depth:
            if heads.head_at(texts, marks, at)[1]:
                break
            own.append(row)
    return own


def _of_words(own: Sequence[_Row], body: Sequence[_Row], ours: Ours) -> Quoted:
    """Ours if at least half of the words stand in our mail, on the quote's own level and in all of it, and some of
    them are our own."""
    known = _in(ours.original, own)
    if not known:
        return Quoted.NOTHING
    if _few(known) or _few(_in(ours.original, body)):
        return Quoted.ANOTHERS
    evidence = sum(is_known and word not in ours.chosen for word, is_known in known)
    return Quoted.OURS if evidence >= LONG else Quoted.NOTHING


def _few(known: Sequence[tuple[str, bool]]) -> bool:
    return 2 * sum(is_known for _, is_known in known) < len(known)


def _in(original: Original, rows: Sequence[_Row]) -> list[tuple[str, bool]]:
    """Each word, and whether it stands in our mail: with SEED - 1 others as they stand there, or in a line of two."""
    found: list[str] = []
    known: list[bool] = []
    for row in rows:
        if len(found) > COMPARED:
            break
        line = words_of(row.text)
        found += line
        known += [_is_pair_of(original, line)] * len(line)
    for at in range(len(found) - SEED + 1):
        if any(tuple(found[at : at + SEED]) in sent.places for sent in original.sent):
            known[at : at + SEED] = [True] * SEED
    return list(zip(found, known, strict=True))


def _is_pair_of(original: Original, line: Sequence[str]) -> bool:
    """Whether a line of two words, too short for the rule of SEED, stands in our mail."""
    return len(line) == 2 and any(
        list(line) == list(sent.words[at : at + 2])
        for sent in original.sent
        for at in sent.starts.get(line[0], ())[:PLACES]
    )
