"""Approval limits, up to which somebody approves by themselves: as people write them, and as they are read again."""

import re
from decimal import Decimal

from django.utils.translation import gettext as _

from placet.accounts.addresses import PersonInvalid

LARGEST_LIMIT = Decimal(10) ** 12
_NO_LIMIT = {"none", "aucun", "aucune"}  # takes one away where an empty cell leaves things as they are
_BLANKS = re.compile(r"[\s'\u2019]")  # group digits
#: 5000.00 · 5,000.00 · 5.000,00. Not 5.000, which is five to some and five thousand to others.
_AMOUNTS = [
    re.compile(pattern, re.ASCII)
    for pattern in (
        r"(\d{1,13})(?:[.,](\d{1,2}))?",
        r"([1-9]\d{0,2}(?:,\d{3})+)(?:\.(\d{1,2}))?",
        r"([1-9]\d{0,2}(?:\.\d{3})+),(\d{1,2})",
    )
]


def read_limit(text: str) -> Decimal | None:
    """The limit that is written here; None for “none”. PersonInvalid for what is no amount, or could be two."""
    compact = _BLANKS.sub("", text)
    if compact.casefold() in _NO_LIMIT:
        return None
    amount = next((found for pattern in _AMOUNTS if (found := pattern.fullmatch(compact))), None)
    if amount is None:
        raise PersonInvalid(
            _("“{text}” is not a limit. Write an amount such as 5000 or 5000.00.").format(text=text.strip())
        )
    whole = re.sub("[.,]", "", amount[1])
    limit = Decimal(f"{whole}.{amount[2] or 0}").quantize(Decimal("0.01"))
    if limit > LARGEST_LIMIT:
        raise PersonInvalid(_("A limit is at most 1,000,000,000,000."))
    return limit


def written_limit(limit: Decimal | None) -> str:
    """As `read_limit` reads it; "" where somebody has none."""
    return "" if limit is None else f"{limit:.2f}"
