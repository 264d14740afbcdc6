"""Mails ahead of the day when a key ends, to its person: as `placet.alarms.expiry` has them of a mailbox's secrets, at
each threshold once, and one for all the days on which Placet did not run. A key that another one took the place of ends
without a word. `due` and `work` are called by `placet.work`."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.utils import timezone

from placet.accounts.general import organisation_zone
from placet.alarms.expiry import THRESHOLDS, reached
from placet.api import key_mails
from placet.api.models import Key
from placet.lib import clock
from placet.mail.models import OutgoingMail
from placet.mailboxes.models import Mailbox

_PAST = timedelta(days=THRESHOLDS[-1])  # for so long it is still told that one has expired


@dataclass(frozen=True)
class Owed:
    """What the person of a key has to be told now, whether or not they were."""

    key: Key
    on: date
    days: int  # left; below zero: it is over

    @property
    def cause(self) -> str:
        """What the unique constraint of outgoing mails knows it by."""
        return f"key-expiry:{self.key.pk}:{self.on.isoformat()}:{reached(self.days)}"


def due(limit: int) -> list[int]:
    """Keys about which their people have not been written to."""
    if not Mailbox.objects.filter(active=True).exists():
        return []
    return [one.key.pk for one in _owed() if not _is_written(one)][:limit]


def work(key_id: int) -> bool:
    """Write the mail about one key. False if there is none to write."""
    owed = [one for one in _owed() if one.key.pk == key_id and not _is_written(one)]
    return sum(key_mails.expiry(one.key, one.on, one.days, one.cause) for one in owed) > 0


def _is_written(owed: Owed) -> bool:
    return OutgoingMail.objects.filter(kind=key_mails.EXPIRY, cause=owed.cause).exists()


def _owed() -> Iterator[Owed]:
    now = clock.now()
    ending = Key.objects.filter(
        expires_at__lte=now + timedelta(days=THRESHOLDS[-1] + 1),
        expires_at__gt=now - _PAST,
        revoked_at=None,
        replaced_by=None,
        person__is_active=True,
    )
    for key in ending.select_related("person").defer("secrets").order_by("pk"):
        assert key.expires_at is not None
        days = _days_left(key.expires_at, now)
        if days <= THRESHOLDS[-1]:
            yield Owed(key, timezone.localdate(key.expires_at, organisation_zone()), days)


def _days_left(end: datetime, now: datetime) -> int:
    """Whole days of the organisation's calendar; -1 once it is over."""
    if end <= now:
        return -1
    zone = organisation_zone()
    return (timezone.localdate(end, zone) - timezone.localdate(now, zone)).days
