"""What of a subject its sender wrote: people answer in the subject of a mail without text."""

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

from placet.replies.parse import words
from placet.replies.parse.folding import fold
from placet.replies.parse.mail import CODE

_READ = 400  # characters of a subject that are looked at
_CODE_MARK = re.compile(rf"\[?#{CODE}\]?", re.ASCII | re.IGNORECASE)
_MARK = rf"(?:{'|'.join(map(re.escape, words.REPLY_MARKS))})(?:\[[0-9]{{1,3}}\])?\s?[:：]\s*"
_MARKED = re.compile(_MARK, re.IGNORECASE)
_MARK_AT_END = re.compile(rf"(?<!\w){_MARK}\Z", re.IGNORECASE)
_MOST_MARKS = 5
# What mail systems put in front of a subject: words that are known for it, or one word between signs.
_KNOWN_TAGS = "|".join(re.escape(tag.strip("[]【】")) for tag in words.TAGS)
_TAG = (
    rf"[\[【](?:{_KNOWN_TAGS}|[^\W_][\w.+-]{{0,30}})[\]】]|(?:{_KNOWN_TAGS})\s?[:：]"
    r"|\*{2,5} ?\w{1,20} ?\*{2,5}"
)
_IN_FRONT = re.compile(rf"{_TAG}|{_MARK}|[^\w?？؟]", re.IGNORECASE)
_WORD = re.compile(r"\w+")


def own_subject(subject: str, answered: Iterable[str] = ()) -> str:
    """A subject without reply marks and reply codes, and without the subjects of the mails that it answers. Where one
    of these stands in it changed, or with more behind it, nothing is known to be the sender's alone: "" then."""
    bare = " ".join(_CODE_MARK.sub(" ", subject[:_READ]).split())
    theirs = (fold(_bare(known)) for known in answered)
    for known in sorted(filter(None, theirs), key=len, reverse=True):
        at = _place(bare, known)
        changed = not _pairs(fold(bare)).isdisjoint(_pairs(known))
        if at < 0 and not changed:
            continue
        if at < 0 or _WORD.search(fold(bare[at:]), len(known)):
            return ""
        bare = _MARK_AT_END.sub("", bare[:at])  # "Approved Re: Five laptops" is an answer
    return _bare(bare)


def _place(subject: str, known: str) -> int:
    """Where a folded text begins in a subject, -1 if it is not in it. Folding may change how long what stands before it
    is."""
    if known not in fold(subject):
        return -1
    return next((at for at in range(len(subject)) if fold(subject[at:]).startswith(known)), -1)


def _pairs(folded: str) -> set[Sequence[str]]:
    """Words that stand beside each other."""
    return set(pairwise(_WORD.findall(folded)))


def only_marks(front: str) -> bool:
    """Whether what stands in front of a subject are marks of replies and forwards and the tags of mail systems."""
    rest = fold(front[:_READ])
    at = 0
    while found := _IN_FRONT.match(rest, at):
        at = found.end()
    return at == len(rest) and len(front) <= _READ


def answer_in_front(front: str) -> bool:
    """Whether somebody wrote in front of a subject that already had the mark of a reply: a program that answers such a
    subject puts its own mark before all of it."""
    return len(front) <= _READ and not is_reply(front) and _MARK_AT_END.search(front) is not None


def is_reply(subject: str) -> bool:
    """Whether it begins as mail programs begin the subject of a reply."""
    return _MARKED.match(subject[:_READ].lstrip()) is not None


def _bare(subject: str) -> str:
    bare = " ".join(_CODE_MARK.sub(" ", subject[:_READ]).split())
    for _ in range(_MOST_MARKS):
        found = _MARKED.match(bare)
        if found is None:
            break
        bare = bare[found.end() :]
    return bare.strip()
