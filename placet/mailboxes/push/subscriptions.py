"""Kind of work: subscriptions with which servers tell of new mail by calling us. Each kind of mailbox that has such
cares for its own."""

from datetime import timedelta
from typing import TYPE_CHECKING

from placet.mailboxes.kinds import subscription_modules
from placet.mailboxes.models import Mailbox, Subscription
from placet.workers.leases import Leased

if TYPE_CHECKING:
    from types import ModuleType

LEASED = Leased(Subscription, timedelta(minutes=5))


def due(limit: int) -> list[int]:
    """Mailboxes with a subscription that is to be made, renewed or ended."""
    return list(dict.fromkeys(pk for module in _modules() for pk in module.due(limit)))[:limit]


def work(mailbox_id: int) -> bool:
    """Bring a mailbox's subscriptions to what they should be. False if there was nothing to do."""
    worked = [module.work(mailbox_id) for module in _modules()]  # each, whatever the others did
    return any(worked)


def try_again() -> None:
    """At a start, which may be what those waited for that failed."""
    for module in _modules():
        module.try_again()


def _modules() -> "list[ModuleType]":
    """Of the mailboxes that there are, and of subscriptions of those that were of another kind. No other is loaded."""
    kinds = Mailbox.objects.order_by().values_list("kind", flat=True).distinct()
    protocols = Subscription.objects.order_by().values_list("protocol", flat=True).distinct()
    return subscription_modules({*kinds, *protocols})
