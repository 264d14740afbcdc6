"""Names of people in a sentence: a few, and how many more."""

from collections.abc import Sequence

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

MOST_NAMES = 3  # said, before "and 4 others"


def listed_names(names: Sequence[str], number: int | None = None) -> str:
    """In a sentence: "Alice, Bob, Carol and 4 others". `number`: how many there are, if not all are given."""
    others = (len(names) if number is None else number) - MOST_NAMES
    if others > 1:
        return ngettext("{names} and {n} other", "{names} and {n} others", others).format(
            names=", ".join(names[:MOST_NAMES]), n=others
        )
    if len(names) < 2:
        return "".join(names)
    return _("{names} and {last}").format(names=", ".join(names[:-1]), last=names[-1])
