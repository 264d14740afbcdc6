"""New mail noticed at once: the server says that there may be some, and the mailbox is polled. Nothing else follows
from what it says. Polling goes on beneath, at its interval.

Through Microsoft Graph the server calls us (`microsoft.push`), elsewhere we listen (`listeners`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Case, DateTimeField, F, Q, Value, When
from django.utils import timezone
from django.utils.translation import gettext as _

from placet.accounts.general import general
from placet.lib import working
from placet.mailboxes.kinds import hindrance_of, listened_protocols
from placet.mailboxes.models import Mailbox, Subscription

WRITTEN_EACH = timedelta(seconds=1)  # how often at most it is written when the last notice came


def notice(mailbox_id: int) -> None:
    """Something may have come: look into the mailbox now. If that is going on, once more after it. However many notices
    come meanwhile, it is one look."""
    now = timezone.now()
    Mailbox.objects.filter(pk=mailbox_id, active=True, noticed=False).update(
        noticed=True,
        next_poll=Case(
            When(claim="", next_poll__gt=now, then=Value(now)),
            default=F("next_poll"),
            output_field=DateTimeField(),
        ),
    )
    transaction.on_commit(lambda: working.wake("poll"))


def came(subscription_id: int) -> None:
    """The server told of something, through this subscription."""
    now = timezone.now()
    earlier = Q(last_notice_at=None) | Q(last_notice_at__lt=now - WRITTEN_EACH)
    Subscription.objects.filter(earlier, pk=subscription_id).update(last_notice_at=now)


def is_wanted(mailbox: Mailbox) -> bool:
    return mailbox.active and mailbox.settings.get("notify", True) is not False


# --- for pages --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Noticing:
    """Whether a mailbox's new mail is noticed at once. `tone`: good, warn or off."""

    tone: str
    words: str
    since: datetime | None = None
    last: datetime | None = None  # notice
    cause: str = ""  # why not
    cure: str = ""


def noticings(mailboxes: Iterable[Mailbox]) -> Mapping[int, Noticing]:
    """By mailbox, of those that are active. Three queries at most, however many there are."""
    active = [mailbox for mailbox in mailboxes if mailbox.active]
    if not active:
        return {}
    public_url = general().public_url
    rows: dict[int, list[Subscription]] = {}
    for row in Subscription.objects.filter(mailbox__in=[mailbox.pk for mailbox in active]):
        rows.setdefault(row.mailbox_id, []).append(row)
    return {mailbox.pk: _noticing(mailbox, public_url, rows.get(mailbox.pk, [])) for mailbox in active}


def _noticing(mailbox: Mailbox, public_url: str, rows: list[Subscription]) -> Noticing:
    if not is_wanted(mailbox):
        return Noticing("off", _("at the poll interval"))
    why = hindrance_of(mailbox, public_url)
    if why is not None:
        return Noticing("off", _("at the poll interval"), cause=why[0], cure=why[1])
    mine = [row for row in rows if row.protocol == mailbox.protocol]
    last = max((row.last_notice_at for row in mine if row.last_notice_at), default=None)
    troubled = next((row.trouble for row in mine if row.trouble and not _works(row)), None)
    if troubled is not None:
        cause, cure = str(troubled.get("cause", "")), str(troubled.get("cure", ""))
        return Noticing("warn", _("at the poll interval"), last=last, cause=cause, cure=cure)
    since = [row.since for row in mine if row.since is not None and _works(row)]
    if len(since) < len(mine) or not mine:
        return Noticing("off", _("at the poll interval, until the server begins to announce it"), last=last)
    return Noticing("good", _("at once"), max(since), last)


def _works(row: Subscription) -> bool:
    if row.since is None:
        return False
    if row.protocol in listened_protocols():
        return row.due > timezone.now()  # somebody listens
    return bool(row.server_id) and row.expires_at is not None and row.expires_at > timezone.now()
