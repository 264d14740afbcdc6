"""Whose mailboxes Placet must not be able to open: the pre-flight tries a few of them."""

from collections.abc import Iterator

from placet.accounts.models import Person
from placet.mailboxes.models import Mailbox
from placet.mailboxes.preflight import MOST_OTHERS


def must_stay_closed(mailbox: Mailbox, first: str = "") -> list[str]:
    """Addresses of active people of the mailbox's own domain, `first` in front if it is one of them.

    None that a mailbox of Placet's has itself: it may open those.
    """
    domain = mailbox.address.rpartition("@")[2]
    people = Person.objects.filter(is_active=True, email__iendswith=f"@{domain}")
    people = people.exclude(email__in=[address.lower() for address in _own()])
    found = list(people.order_by("pk").values_list("email", flat=True)[:MOST_OTHERS])
    asking = people.filter(email=first.lower()).values_list("email", flat=True).first()
    return list(dict.fromkeys([*([asking] if asking else []), *found]))[:MOST_OTHERS]


def _own() -> Iterator[str]:
    for row in Mailbox.objects.only("address", "settings"):
        yield row.address
        yield str(row.settings.get("reply_to") or "")
