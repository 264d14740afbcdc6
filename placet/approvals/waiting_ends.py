"""Ends of steps, and moments at which others are asked, that have come and wait for a mailbox that is not active any
more: an answer that came in time may lie in it, and nobody reads it until an administrator switches it on again.
Nothing waits for one that was removed."""

from collections.abc import Collection

from django.db.models import Count, QuerySet

from placet.approvals.models import Timer
from placet.lib import clock
from placet.mailboxes.models import Mailbox

_ASKED_BY = "visit__assignments__ask_lines__ask__outgoing__mailbox"
_WAIT = (Timer.What.EXPIRE, Timer.What.ESCALATE)


def inactive() -> list[int]:
    return list(Mailbox.present.filter(active=False).values_list("pk", flat=True))


def ends_by_mailbox() -> dict[int, int]:
    """How many wait for each mailbox that is not active, by its key."""
    mailboxes = inactive()
    if not mailboxes:
        return {}
    ends = _waiting(mailboxes).values_list(_ASKED_BY).annotate(Count("pk", distinct=True)).order_by()
    return dict(ends.values_list(_ASKED_BY, "pk__count"))


def mailbox_names(visit: int) -> list[str]:
    """Of the mailboxes that are not active and that a visit's end waits for."""
    mailboxes = inactive()
    if not mailboxes:
        return []
    names = _waiting(mailboxes).filter(visit=visit).values_list(f"{_ASKED_BY}__name", flat=True)
    return sorted({*names})


def _waiting(mailboxes: Collection[int]) -> QuerySet[Timer]:
    now = clock.now()
    late = Timer.objects.filter(what__in=_WAIT, state=Timer.State.WAITING, at__lte=now, assignment=None)
    return late.filter(
        **{f"{_ASKED_BY}__in": mailboxes}, visit__assignments__ask_lines__asks_back=None
    ).exclude(visit__result__gt="")
