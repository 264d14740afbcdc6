"""What the Remote Approval tab says of the other way into a mailbox."""

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from placet.accounts.models import Person
from placet.audit.models import AuditEntry
from placet.mail import moving
from placet.mailboxes.kinds import protocol_label
from placet.mailboxes.microsoft.clouds import EWS, GRAPH
from placet.mailboxes.microsoft.panel.guide import EWS_ENDS
from placet.mailboxes.models import Mailbox


def move_offer(mailbox: Mailbox) -> Mapping[str, Any]:
    """From Exchange Web Services always; from Microsoft Graph where there was a move, or where mail makes one
    necessary. {} where none is offered."""
    if not moving.other(mailbox):
        return {}
    last = moving.last_move(mailbox)
    if mailbox.protocol == GRAPH and last is None and not mailbox.incoming.exists():
        return {}
    return {
        "to": moving.other(mailbox),
        "back": mailbox.protocol == GRAPH and last is not None,
        "last": last,
        "last_to": protocol_label(last.what["to"]) if last else "",
        "who": _who(last) if last else "",
        "days": (EWS_ENDS - timezone.localdate()).days if mailbox.protocol == EWS else None,
    }


def _who(entry: AuditEntry) -> str:
    kind, _colon, number = entry.who.partition(":")
    person = Person.objects.filter(pk=int(number)).first() if kind == "person" else None
    return person.name if person else entry.who
