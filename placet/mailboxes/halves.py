"""How each half of a mailbox fares, by the row. Where one kind receives and another sends, each fails, rests and works
on for itself; where one kind does both, there is one rest for all, in the columns of the receiving half."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q

from placet.mailboxes.base import Half
from placet.mailboxes.models import Mailbox


@dataclass(frozen=True)
class Columns:
    """Names of the columns in which a rest stands."""

    paused_until: str
    failures: str
    trouble: str


_COLUMNS = {
    Half.RECEIVING: Columns("paused_until", "failures", "trouble"),
    Half.SENDING: Columns("sending_paused_until", "sending_failures", "sending_trouble"),
}


def halves_of(mailbox: Mailbox) -> tuple[Half, ...]:
    """Those that rest for themselves."""
    return (Half.RECEIVING, Half.SENDING) if mailbox.sending_kind else (Half.RECEIVING,)


def columns_of(mailbox: Mailbox, half: Half | None) -> Columns:
    """Where the rest of this half stands. None: of the one that receives."""
    return _COLUMNS[Half.SENDING if half is Half.SENDING and mailbox.sending_kind else Half.RECEIVING]


def paused_until(mailbox: Mailbox, half: Half) -> datetime | None:
    """The end of the last pause, which may be over."""
    at: datetime | None = getattr(mailbox, columns_of(mailbox, half).paused_until)
    return at


def trouble_of(mailbox: Mailbox, half: Half) -> dict[str, Any]:
    """As `Mailbox.trouble`."""
    trouble: dict[str, Any] = getattr(mailbox, columns_of(mailbox, half).trouble)
    return trouble


def awake(half: Half, now: datetime, mailbox: str = "") -> Q:
    """Which mailboxes have no pause in this half. `mailbox`: the lookup of the mailbox, of other rows
    ("mailbox__")."""
    both = _not_paused(_COLUMNS[Half.RECEIVING], now, mailbox)
    if half is Half.RECEIVING:
        return both
    apart = _not_paused(_COLUMNS[Half.SENDING], now, mailbox)
    one_kind = Q(**{f"{mailbox}sending_kind": ""})
    return (one_kind & both) | (~one_kind & apart)


def _not_paused(columns: Columns, now: datetime, mailbox: str) -> Q:
    name = f"{mailbox}{columns.paused_until}"
    return Q(**{name: None}) | Q(**{f"{name}__lte": now})
