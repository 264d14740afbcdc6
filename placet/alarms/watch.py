"""The dead-man alarm: a mailbox that is silent for too long, or cannot send, is noted once, and told of.

Pages and `/healthz` ask `silence.alarms` of the rows as they are. `due` and `work` (called by `placet.work`) write down
when an outage begins and ends, once each, and tell of it: mails by a mailbox that can send them, and the webhook.
"""

from datetime import datetime, timedelta

import structlog
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from placet.alarms import chosen, messages, webhook
from placet.alarms.models import AlarmSettings, Delivery, Outage
from placet.alarms.silence import Alarm, alarms, sends_again, since_of, was_switched, working
from placet.mailboxes.models import Mailbox

log = structlog.get_logger(__name__)

PAUSE = timedelta(seconds=25)  # between two looks
GAP = timedelta(minutes=5)  # between two looks of ours: Placet was stopped, or its machine slept
STARTING = timedelta(minutes=2)  # after a gap mailboxes are looked into first, before anybody is called
TOLD_LATE = timedelta(hours=1)  # that it is over, where no mail could be written at once


def due(limit: int) -> list[int]:
    """The one row of settings, if there is something to watch and nobody looked for a while."""
    if not (Mailbox.objects.filter(active=True).exists() or _to_tell(timezone.now()).exists()):
        return []
    looked_at = AlarmSettings.objects.filter(id=1).values_list("looked_at", flat=True).first()
    return [] if _lately(looked_at, PAUSE, timezone.now()) else [1][:limit]


def work(_row: int) -> bool:
    """Look at every mailbox once. False if another worker just does.

    Each outage is begun and ended in a transaction of its own, together with what the webhook is told. Mails follow:
    one that cannot be written is tried at the next look and keeps back no alarm.
    """
    now = timezone.now()
    row, _made = AlarmSettings.objects.get_or_create(id=1)
    if _lately(row.looked_at, PAUSE, now):
        return False
    awake_since = row.awake_since if _lately(row.looked_at, GAP, now) else now
    mine = AlarmSettings.objects.filter(id=1, looked_at=row.looked_at)
    if not mine.update(looked_at=now, awake_since=awake_since):
        return False
    for outage in Outage.objects.filter(over_at=None).select_related("mailbox"):
        _end(outage, now)
    if not _lately(awake_since, STARTING, now):
        for alarm in alarms():
            if not alarm.noted:
                _begin(alarm)
    for outage in _to_tell(now).select_related("mailbox"):
        _tell(outage, now)
    return True


def _lately(at: datetime | None, within: timedelta, now: datetime) -> bool:
    """Not in the future, either: where the clock was set back, nobody waits for it to come round."""
    return at is not None and now - within < at <= now


def _begin(alarm: Alarm) -> None:
    outage = Outage(mailbox=alarm.mailbox, since=alarm.since, of_sending=alarm.of_sending)
    try:
        with transaction.atomic():
            outage.save(force_insert=True)
            webhook.queue(Delivery.What.ALARM, outage, cause=alarm.cause, cure=alarm.cure)
    except IntegrityError:
        return  # it is known: the constraint says so, whoever was first
    log.warning(
        "alarm_raised", mailbox=alarm.mailbox.pk, outage=outage.pk, of_sending=alarm.of_sending,
        since=alarm.since.isoformat(),
    )  # fmt: skip


def _end(outage: Outage, now: datetime) -> None:
    ended = _ended(outage)
    if not ended:
        return
    with transaction.atomic():
        if not Outage.objects.filter(pk=outage.pk, over_at=None).update(over_at=now, ended=ended):
            return
        outage.over_at, outage.ended = now, ended
        webhook.queue(Delivery.What.OVER, outage)
    log.info("alarm_over", mailbox=outage.mailbox_id, outage=outage.pk, ended=ended)


def _ended(outage: Outage) -> str:
    """How an outage ended; "" while it lasts."""
    mailbox = outage.mailbox
    if outage.of_sending:
        return _ended_of_sending(outage)
    if mailbox.last_poll_at is not None and mailbox.last_poll_at > outage.since:
        return Outage.Ended.WORKS
    since = since_of(mailbox)
    if not mailbox.active or (since is not None and since > outage.since):
        return Outage.Ended.OFF
    return ""


def _ended_of_sending(outage: Outage) -> str:
    if was_switched(outage.mailbox, outage.since):
        return Outage.Ended.OFF
    return Outage.Ended.WORKS if sends_again(outage.mailbox, outage.since) else ""


def _to_tell(now: datetime) -> QuerySet[Outage]:
    return Outage.objects.filter(Q(over_at=None) | Q(over_at__gt=now - TOLD_LATE))


def _tell(outage: Outage, now: datetime) -> None:
    """Mails to administrators who have none of it yet, if there is a mailbox to send them from: another one as long as
    this one is silent, or itself where it is only not read, because another kind sends for it."""
    able = working(chosen.patience(), now)
    itself = [mailbox for mailbox in able if mailbox.pk == outage.mailbox_id]
    others = [mailbox for mailbox in able if mailbox.pk != outage.mailbox_id]
    if outage.over_at is not None:
        able = itself + others
    else:
        able = others + [mailbox for mailbox in itself if mailbox.sending_kind and not outage.of_sending]
    if not able:
        return
    if outage.over_at is None:
        messages.alarm(outage, able[0])
    else:
        messages.over(outage, able[0])
