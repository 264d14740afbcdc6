"""Mails ahead of the day when a mailbox's client secret or certificate ends (`Mailbox.secret_expires_on`).

The rows say what is owed: the day, the last threshold that it has come within, and who has the mail about that. So
days on which Placet did not run are caught up by one mail and not by five, another day begins anew, and nobody is told
twice. `due` and `work` are called by `placet.work`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from placet.accounts.general import general
from placet.alarms import chosen, messages, silence
from placet.alarms.messages import Ending
from placet.lib.zones import zone_of
from placet.mailboxes.kinds import ending_kinds
from placet.mailboxes.models import Mailbox

THRESHOLDS = (1, 3, 7, 14, 30)  # days ahead; and once when it is over


@dataclass(frozen=True)
class Owed:
    """What every administrator has to be told now, whether or not they were."""

    ending: Ending
    out_of: Mailbox

    @property
    def cause(self) -> str:
        """What the unique constraint of outgoing mails knows it by."""
        return f"expiry:{self.ending.mailbox.pk}:{self.ending.on.isoformat()}:{reached(self.ending.days)}"


def reached(days: int) -> str:
    """The last threshold that what ends in so many days has come within; below zero it is over."""
    return "over" if days < 0 else str(next(ahead for ahead in THRESHOLDS if ahead >= days))


def due(limit: int) -> list[int]:
    """Mailboxes about which some administrator has not been written to."""
    owed = (one for one in _owed() if messages.not_told(messages.EXPIRY, one.cause).exists())
    return [one.ending.mailbox.pk for one in owed][:limit]


def work(mailbox_id: int) -> bool:
    """Write the mails of one mailbox. False if there is none to write."""
    owed = [one for one in _owed() if one.ending.mailbox.pk == mailbox_id]
    return sum(messages.expiry(one.ending, one.out_of, one.cause) for one in owed) > 0


def _owed() -> Iterator[Owed]:
    today = timezone.localdate(timezone=zone_of(general().zone))
    last = today + timedelta(days=THRESHOLDS[-1])
    # What another kind signs in with does not end; a day may be left from the kind that the mailbox was of before.
    of_kinds = Q(kind__in=ending_kinds()) | Q(sending_kind__in=ending_kinds())
    ending = list(Mailbox.objects.filter(of_kinds, active=True, secret_expires_on__lte=last))
    able = silence.working(chosen.patience(), timezone.now()) if ending else []
    for mailbox in ending:
        on = mailbox.secret_expires_on
        if on is None:  # not asked for; mypy does not know
            continue
        out_of = _out_of(mailbox, able, expired=on < today)
        if out_of is not None:
            yield Owed(Ending(mailbox, on, (on - today).days), out_of)


def _out_of(mailbox: Mailbox, able: list[Mailbox], *, expired: bool) -> Mailbox | None:
    """The mailbox itself, if it works; else another; else itself, where its mails may still go out in time."""
    if mailbox in able:
        return mailbox
    return able[0] if able else None if expired else mailbox
