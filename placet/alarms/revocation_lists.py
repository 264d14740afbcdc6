"""Mails ahead of the end of a list of revoked certificates (`accounts.models.RevocationList`): after it no signature by
its authority counts, until there is a newer one.

Authorities make a new list every few hours or every few months, so what is early hangs on how long a list holds: in its
last quarter, and never more than a month before its end; again within the thresholds of `expiry` that are nearer; and
once when it is over. A newer list begins anew. Nobody is told twice. `due` and `work` are called by `placet.work`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from placet.accounts.models import RevocationList, TrustedAuthority
from placet.alarms import chosen, messages, silence
from placet.alarms.expiry import THRESHOLDS
from placet.lib import clock
from placet.mailboxes.models import Mailbox


@dataclass(frozen=True)
class Owed:
    """What every administrator has to be told now, whether or not they were."""

    list: RevocationList
    is_over: bool
    reached: str  # the last threshold that it has come within

    @property
    def cause(self) -> str:
        """What the unique constraint of outgoing mails knows it by."""
        return f"revocation-list:{self.list.pk}:{self.list.next_update_at.isoformat()}:{self.reached}"


def due(limit: int) -> list[int]:
    """Lists about which some administrator has not been written to."""
    owed = [one.list.pk for one in _owed() if messages.not_told(messages.REVOCATION_LIST, one.cause).exists()]
    return owed[:limit] if owed and _out_of() is not None else []


def work(list_id: int) -> bool:
    """Write the mails of one list. False if there is none to write."""
    out_of = _out_of()
    if out_of is None:
        return False
    owed = [one for one in _owed() if one.list.pk == list_id]
    return sum(messages.revocation_list(one.list, one.is_over, out_of, one.cause) for one in owed) > 0


def _owed() -> Iterator[Owed]:
    now = clock.now()
    within = now + timedelta(days=THRESHOLDS[-1])
    if not TrustedAuthority.objects.filter(needs_list=True, ends_at__gt=now).exists():
        return  # nothing counts less for want of a list
    for one in RevocationList.objects.filter(next_update_at__lte=within).defer("content"):
        reached = _reached(one, now)
        if reached:
            yield Owed(one, one.next_update_at < now, reached)


def _reached(one: RevocationList, now: datetime) -> str:
    """The last threshold that it has come within; "" where it is early yet."""
    left = one.next_update_at - now
    if left < timedelta(0):
        return "over"
    first = min((one.next_update_at - one.updated_at) / 4, timedelta(days=THRESHOLDS[-1]))
    if left > first:
        return ""
    nearer = [days for days in THRESHOLDS if left <= timedelta(days=days) < first]
    return str(nearer[0]) if nearer else "first"


def _out_of() -> Mailbox | None:
    able = silence.working(chosen.patience(), clock.now())
    return able[0] if able else None
