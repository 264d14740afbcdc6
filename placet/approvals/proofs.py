"""How sure it must be who answers: what a process can ask for, and which proofs of a sender do for it.

SATISFIED_BY is the only place that says so. `placet.replies.prove` tries the proofs by it, digests and absences compare
by it, and the table in docs/security.md is held to it by a test.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum


class Level(StrEnum):
    """What a process asks for, from the weakest on. All but PAGE are also how a sender can be proved."""

    OUTSIDE = "outside"  # From's domain sent it: DKIM, and DMARC where our server says what came of it
    COLLEAGUE = "colleague"  # Exchange says that somebody signed in, who may send with this From
    SUBMITTED = "submitted"  # our own server took it in from somebody who signed in as this very address
    SIGNED = "signed"  # the person's own key signed it (S/MIME, OpenPGP)
    PAGE = "page"  # nobody decides by mail


#: By what is asked for: the proofs of a mail that do. Each level takes fewer than the one before it, so that what does
#: for the strongest of several does for all of them.
SATISFIED_BY: Mapping[Level, tuple[Level, ...]] = {
    Level.OUTSIDE: (Level.COLLEAGUE, Level.SUBMITTED, Level.SIGNED, Level.OUTSIDE),
    Level.COLLEAGUE: (Level.COLLEAGUE, Level.SUBMITTED, Level.SIGNED),
    Level.SUBMITTED: (Level.SUBMITTED, Level.SIGNED),
    Level.SIGNED: (Level.SIGNED,),
    Level.PAGE: (),
}
#: What a key of the API never stands for: somebody who signed in, or who signed.
NEVER_BY_API = (Level.SIGNED, Level.PAGE)
_ORDER = tuple(Level)


def level_of(name: str) -> Level:
    """The level that a process names. Raises ValueError with the known ones."""
    try:
        return Level(name)
    except ValueError:
        known = ", ".join(Level)
        raise ValueError(f"There is no proof {name!r}; there are {known}.") from None


def satisfies(proof: str, level: str) -> bool:
    """Whether a sender who is proved in this way is proved as strongly as `level` asks."""
    return proof in SATISFIED_BY[level_of(level)]


def strongest(levels: Iterable[Level], default: Level = Level.PAGE) -> Level:
    return max(levels, key=_ORDER.index, default=default)


def weakest(levels: Iterable[Level], default: Level = Level.PAGE) -> Level:
    return min(levels, key=_ORDER.index, default=default)


def is_weaker(level: str, than: str) -> bool:
    return _ORDER.index(level_of(level)) < _ORDER.index(level_of(than))
