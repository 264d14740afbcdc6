"""Which mailboxes are silent: no look into them has succeeded for too long. And which cannot send, where one kind
receives and another sends: those go on being read. Looks; changes nothing.

Silence is measured by what was done, not by what is planned: a worker that hangs, a mailbox that is paused because
something must be fixed, and a server that always asks for patience are silent alike. Nobody looks into what sends:
there it is a failure that somebody must mend, or failures for so long, one after the other.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Max, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from placet.alarms import chosen
from placet.mail.models import OutgoingMail
from placet.mailboxes.base import Half
from placet.mailboxes.halves import trouble_of
from placet.mailboxes.models import Mailbox

LOOKS = 3  # of a mailbox that is looked into less often than alarms are raised: so many may fail


@dataclass(frozen=True)
class Alarm:
    """A mailbox that is silent for too long, or cannot send."""

    mailbox: Mailbox
    since: datetime  # the last look that succeeded, or when the mailbox was switched on; of sending, the first failure
    noted: bool  # as an outage
    of_sending: bool = False

    @property
    def cause(self) -> str:
        return cause(self.mailbox, of_sending=self.of_sending)

    @property
    def cure(self) -> str:
        return cure(self.mailbox, of_sending=self.of_sending)


def cause(mailbox: Mailbox, *, of_sending: bool) -> str:
    """Why it is silent, or cannot send, as far as is known, in a sentence."""
    half = Half.SENDING if of_sending else Half.RECEIVING
    unknown = (
        _("Its settings were saved since, and no mail has gone out yet.")
        if of_sending
        else _("No failure was noted: the worker that reads it hangs, or Placet was stopped.")
    )
    return str(trouble_of(mailbox, half).get("cause", "")) or unknown


def cure(mailbox: Mailbox, *, of_sending: bool) -> str:
    """What to do about it."""
    half = Half.SENDING if of_sending else Half.RECEIVING
    unknown = (
        _("Wait a moment, or test the connection.")
        if of_sending
        else _(
            "Open Diagnostics in the Configuration Panel, see when the workers last ran, and restart Placet."
        )
    )
    return str(trouble_of(mailbox, half).get("cure", "")) or unknown


def alarms() -> list[Alarm]:
    """Every active mailbox that is in alarm now, by the rows alone: whether or not anybody noted it."""
    patience, now = chosen.patience(), timezone.now()
    open_ = Q(outages__over_at=None)
    active = Mailbox.objects.filter(active=True).defer("secrets", "cursor")
    active = active.annotate(
        begun=Max("outages__since", filter=open_ & Q(outages__of_sending=False)),
        sending_begun=Max("outages__since", filter=open_ & Q(outages__of_sending=True)),
    )
    return [alarm for mailbox in active for alarm in _of(mailbox, patience, now)]


def _of(mailbox: Mailbox, patience: timedelta, now: datetime) -> Iterator[Alarm]:
    since = since_of(mailbox)
    begun, sending_begun = mailbox.begun, mailbox.sending_begun  # type: ignore[attr-defined]  # annotated above
    # One that was noted lasts until a look succeeds, also where somebody gave it more patience meanwhile.
    lasts = since is not None and begun is not None and since <= begun
    if since is not None and (lasts or _silent(mailbox, since, patience, now)):
        yield Alarm(mailbox, since, noted=begun is not None)
    if sending_begun is not None and not (
        was_switched(mailbox, sending_begun) or sends_again(mailbox, sending_begun)
    ):
        yield Alarm(mailbox, sending_begun, noted=True, of_sending=True)
    elif sending_begun is None and (first := _sending_failed(mailbox, patience, now)) is not None:
        yield Alarm(mailbox, first, noted=False, of_sending=True)


def since_of(mailbox: Mailbox) -> datetime | None:
    """From when silence is counted; None where neither a look nor the switching on is known."""
    known = [at for at in (mailbox.last_poll_at, mailbox.active_since) if at is not None]
    return max(known, default=mailbox.secret_set_at)


def _silent(mailbox: Mailbox, since: datetime, patience: timedelta, now: datetime) -> bool:
    seconds = mailbox.settings.get("poll_seconds")
    looks = LOOKS * timedelta(seconds=seconds if isinstance(seconds, int) else 0)
    return since < now - max(patience, looks)


def _sending_failed(mailbox: Mailbox, patience: timedelta, now: datetime) -> datetime | None:
    """Since when a mailbox cannot send, where that is an alarm."""
    trouble = mailbox.sending_trouble
    if not trouble:
        return None
    first = datetime.fromisoformat(trouble["since"])
    if mailbox.active_since is not None:
        first = max(first, mailbox.active_since)
    is_late = first < now - patience and _has_to_send(mailbox)
    return first if trouble["fix_needed"] or is_late else None


def was_switched(mailbox: Mailbox, since: datetime) -> bool:
    """Off, or off and on again, since then."""
    return not mailbox.active or (mailbox.active_since is not None and mailbox.active_since > since)


def sends_again(mailbox: Mailbox, since: datetime) -> bool:
    """Whether what failed to go out since then is over, and not only forgotten: settings that were saved may be as
    wrong as before."""
    if mailbox.last_sent_at is not None and mailbox.last_sent_at > since and not mailbox.sending_trouble:
        return True
    return not mailbox.sending_kind or not (mailbox.sending_trouble or _has_to_send(mailbox))


def _has_to_send(mailbox: Mailbox) -> bool:
    state = OutgoingMail.State
    return mailbox.outgoing.filter(state__in=[state.WAITING, state.SENDING]).exists()


def working(patience: timedelta, now: datetime) -> list[Mailbox]:
    """The mailboxes that mail can be sent from with good hope, the first one first; last those of which no look
    succeeded lately, which may send all the same, because another kind does."""
    active = Mailbox.objects.filter(active=True).defer("secrets")
    sending = [mailbox for mailbox in active if not trouble_of(mailbox, Half.SENDING)]
    read = [mailbox for mailbox in sending if _is_read(mailbox, patience, now)]
    return read + [mailbox for mailbox in sending if mailbox.sending_kind and mailbox not in read]


def _is_read(mailbox: Mailbox, patience: timedelta, now: datetime) -> bool:
    looked = mailbox.last_poll_at is not None and mailbox.last_poll_at > now - patience
    return looked and not mailbox.trouble
