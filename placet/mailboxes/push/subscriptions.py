"""Kind of work: subscriptions with which servers tell of new mail by calling us. Each kind of mailbox that has such
cares for its own."""

from datetime import timedelta

from placet.mailboxes.kinds import subscription_modules
from placet.mailboxes.models import Subscription
from placet.workers.leases import Leased

LEASED = Leased(Subscription, timedelta(minutes=5))


def due(limit: int) -> list[int]:
    """Mailboxes with a subscription that is to be made, renewed or ended."""
    return list(dict.fromkeys(pk for module in subscription_modules() for pk in module.due(limit)))[:limit]


def work(mailbox_id: int) -> bool:
    """Bring a mailbox's subscriptions to what they should be. False if there was nothing to do."""
    worked = [module.work(mailbox_id) for module in subscription_modules()]  # each, whatever the others did
    return any(worked)


def try_again() -> None:
    """At a start, which may be what those waited for that failed."""
    for module in subscription_modules():
        module.try_again()
