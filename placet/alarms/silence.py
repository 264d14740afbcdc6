"""Which mailboxes are silent: no look into them has succeeded for too long. Looks; changes nothing.

It is measured by what was done, not by what is planned: a worker that hangs, a mailbox that is paused because something
must be fixed, and a server that always asks for patience are silent alike.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Max, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from placet.alarms import chosen
from placet.mailboxes.models import Mailbox

LOOKS = 3  # of a mailbox that is looked into less often than alarms are raised: so many may fail


@dataclass(frozen=True)
class Alarm:
    """A mailbox that is silent for too long."""

    mailbox: Mailbox
    since: datetime  # the last look that succeeded, or when the mailbox was switched on
    noted: bool  # as an outage

    @property
    def cause(self) -> str:
        return cause(self.mailbox)

    @property
    def cure(self) -> str:
        return cure(self.mailbox)


def cause(mailbox: Mailbox) -> str:
    """Why it is silent, as far as is known, in a sentence."""
    return str(mailbox.trouble.get("cause", "")) or _(
        "No failure was noted: the worker that reads it hangs, or Placet was stopped."
    )


def cure(mailbox: Mailbox) -> str:
    """What to do about it."""
    return str(mailbox.trouble.get("cure", "")) or _(
        "Open Diagnostics in the Configuration Panel, see when the workers last ran, and restart Placet."
    )


def alarms() -> list[Alarm]:
    """Every active mailbox that is in alarm now, by the rows alone: whether or not anybody noted it."""
    patience, now = chosen.patience(), timezone.now()
    begun = Max("outages__since", filter=Q(outages__over_at=None))
    active = Mailbox.objects.filter(active=True).defer("secrets", "cursor").annotate(begun=begun)
    found = []
    for mailbox in active:
        since = since_of(mailbox)
        # One that was noted lasts until a look succeeds, also where somebody gave it more patience meanwhile.
        lasts = since is not None and mailbox.begun is not None and since <= mailbox.begun
        if since is not None and (lasts or _silent(mailbox, since, patience, now)):
            found.append(Alarm(mailbox, since, noted=mailbox.begun is not None))
    return found


def since_of(mailbox: Mailbox) -> datetime | None:
    """From when silence is counted; None where neither a look nor the switching on is known."""
    known = [at for at in (mailbox.last_poll_at, mailbox.active_since) if at is not None]
    return max(known, default=mailbox.secret_set_at)


def _silent(mailbox: Mailbox, since: datetime, patience: timedelta, now: datetime) -> bool:
    seconds = mailbox.settings.get("poll_seconds")
    looks = LOOKS * timedelta(seconds=seconds if isinstance(seconds, int) else 0)
    return since < now - max(patience, looks)


def working(patience: timedelta, now: datetime) -> list[Mailbox]:
    """The mailboxes that mail can be sent from with good hope, the first one first."""
    looked_into = Mailbox.objects.filter(active=True, last_poll_at__gt=now - patience).defer("secrets")
    return [mailbox for mailbox in looked_into if not mailbox.trouble]
