"""What of a subject its sender wrote: people answer in the subject of a mail without text."""

import re
from collections.abc import Iterable

from placet.replies.parse import words
from placet.replies.parse.folding import fold
from placet.replies.parse.mail import CODE

_READ = 400  # characters of a subject that are looked at
_CODE_MARK = re.compile(rf"\[?#{CODE}\]?", re.ASCII | re.IGNORECASE)
_MARK = rf"(?:{'|'.join(map(re.escape, words.REPLY_MARKS))})(?:\[[0-9]{{1,3}}\])?\s?[:：]\s*"
_MARKED = re.compile(_MARK, re.IGNORECASE)
_MARK_AT_END = re.compile(rf"(?<!\w){_MARK}\Z", re.IGNORECASE)
_MOST_MARKS = 5


def own_subject(subject: str, answered: Iterable[str] = ()) -> str:
    """A subject without reply marks and reply codes, and without the subjects of the mails that it answers."""
    bare = " ".join(_CODE_MARK.sub(" ", subject[:_READ]).split())
    for theirs in answered:
        known = _bare(theirs)
        at = fold(bare).find(fold(known)) if known else -1
        if at >= 0:
            bare = _MARK_AT_END.sub("", bare[:at])  # "Approved Re: Five laptops" is an answer
    return _bare(bare)


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
