"""Which mailbox a command is about."""

from typing import TYPE_CHECKING

from placet.cli import CommandError

if TYPE_CHECKING:
    from placet.mailboxes.models import Mailbox


def find(address: str | None) -> "Mailbox | None":
    """The mailbox of that address, or the only one."""
    from placet.mailboxes.models import Mailbox

    if address:
        found = Mailbox.present.filter(address=address.lower()).first()
        if found is None:
            raise CommandError(f"No mailbox {address} is set up.")
        return found
    boxes = list(Mailbox.present.all()[:2])
    if len(boxes) > 1:
        raise CommandError("There are several mailboxes; say which one with --mailbox ADDRESS.")
    return boxes[0] if boxes else None
