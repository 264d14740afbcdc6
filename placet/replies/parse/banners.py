"""Warnings that a mail server puts above a mail: "[EXTERNAL]", "CAUTION: This email originated from outside ..."."""

from collections.abc import Sequence

from placet.replies.parse import words

LINES = 12  # that a warning may have
_WRAPPED = 50  # characters of a line of a warning that goes on in the next one
_DRAWN = "-_=*|!⚠> \ufe0f"  # what a warning is adorned with
_ENDS = (".", "!", "。", ">", "]", ")", "।")


def length(folded: Sequence[str]) -> int:
    """How many lines at the beginning of a text are a warning."""
    last = -1  # line of a warning
    for at, line in enumerate(folded[:LINES]):
        if not line or not line.strip(_DRAWN):
            continue
        if not (is_banner(line) or _goes_on(folded, at, last)):
            break
        last = at
    return last + 1


def is_banner(line: str) -> bool:
    """Whether a line is one of a warning."""
    bare = line.lstrip(_DRAWN)
    if bare.startswith(words.BANNERS):
        return True
    if tag := _tag(bare):
        below = bare[len(tag) :].strip(_DRAWN + ":")
        alone = not below or (below.endswith(("]", "】")) and "[" not in below and "【" not in below)
        return alone or below.startswith(words.BANNERS)
    # In some languages the address of the sender comes first.
    return "@" in line[:200] and any(banner in line[:400] for banner in words.BANNERS)


def _goes_on(folded: Sequence[str], at: int, last: int) -> bool:
    return 0 <= last == at - 1 and len(folded[last]) >= _WRAPPED and not folded[last].endswith(_ENDS)


def tag(folded: Sequence[str], start: int) -> tuple[int, int] | None:
    """A tag in front of the text that begins at `start`: its line, and its length in characters."""
    for at in range(start, min(start + LINES, len(folded))):
        if folded[at]:
            found = _tag(folded[at])
            return (at, len(found)) if found else None
    return None


def _tag(line: str) -> str:
    return next((tag for tag in words.TAGS if line.startswith(tag)), "")
