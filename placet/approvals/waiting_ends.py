"""Ends of steps, and moments at which others are asked, that have come and wait for a mailbox that is not active any
more: an answer that came in time may lie in it, and nobody reads it until an administrator switches it on again.
Nothing waits for one that was removed."""

from django.db.models import Exists, F, OuterRef, QuerySet

from placet.approvals.models import AskLine, Timer
from placet.lib import clock
from placet.mailboxes.models import Mailbox

_WAIT = (Timer.What.EXPIRE, Timer.What.ESCALATE)


def inactive() -> list[int]:
    return list(_inactive().values_list("pk", flat=True))


def ends_by_mailbox() -> dict[int, int]:
    """How many wait for each mailbox that is not active, by its key."""
    numbers = {mailbox: _waiting_for(mailbox).count() for mailbox in inactive()}
    return {mailbox: number for mailbox, number in numbers.items() if number}


def mailbox_names(visit: int) -> list[str]:
    """Of the mailboxes that are not active and that a visit's end waits for."""
    mailboxes = _inactive().values_list("pk", "name")
    return sorted(name for mailbox, name in mailboxes if _waiting_for(mailbox).filter(visit=visit).exists())


def _inactive() -> QuerySet[Mailbox]:
    return Mailbox.present.filter(active=False)


def _waiting_for(mailbox: int) -> QuerySet[Timer]:
    """Looked for from the few ends that have come: the mailbox is no column there, or SQLite would go through all mails
    that were ever sent from it."""
    asked = AskLine.objects.filter(assignment__visit=OuterRef("visit"), asks_back=None)
    asked = asked.annotate(sent_from=F("ask__outgoing__mailbox") + 0).filter(sent_from=mailbox)
    late = Timer.objects.filter(
        what__in=_WAIT, state=Timer.State.WAITING, at__lte=clock.now(), assignment=None
    )
    return late.filter(Exists(asked)).exclude(visit__result__gt="")
