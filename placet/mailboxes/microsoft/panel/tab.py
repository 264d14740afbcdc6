"""What the Remote Approval tab says of a mailbox in Exchange Online beside its form."""

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from placet.mailboxes.microsoft import app_access, credentials
from placet.mailboxes.microsoft.clouds import EWS
from placet.mailboxes.microsoft.panel.guide import EWS_ENDS
from placet.mailboxes.microsoft.panel.guide_commands import look
from placet.mailboxes.microsoft.panel.guide_values import Values
from placet.mailboxes.microsoft.panel.move_offer import move_offer
from placet.mailboxes.models import Mailbox


def beside_form(mailbox: Mailbox) -> Mapping[str, Any]:
    """For the templates of the tab: `certificate` in use and `waiting`, `move` to the other protocol with its template
    `below_form`, and of Exchange Web Services `ews`."""
    move = move_offer(mailbox)
    return {
        "ews": _ews(mailbox),
        "move": move,
        "below_form": "microsoft/move.html" if move else "",
        "certificate": credentials.certificate_in_use(mailbox),
        "waiting": credentials.waiting(mailbox),
    }


def _ews(mailbox: Mailbox) -> Mapping[str, Any]:
    """How long a mailbox may still go through Exchange Web Services, and what lists its application there. {} where it
    does not."""
    if mailbox.protocol != EWS:
        return {}
    about = Values(
        client_id=str(mailbox.settings.get("client_id", "")),
        username=mailbox.address,
        protocol=EWS,
        cloud=str(mailbox.settings.get("cloud", "")),
    )
    return {
        "days": (EWS_ENDS - timezone.localdate()).days,
        "commands": f"{look(about)}\n{app_access.allow_ews(about.client_id, about.username)}",
    }
