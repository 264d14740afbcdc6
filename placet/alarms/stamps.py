"""Mails to administrators when a mailbox's server no longer stamps as they confirmed it (`Mailbox.stamps`): so many
mails in a row without its stamps. Once for each time that it begins. Nothing is loosened meanwhile: such mails prove
nothing by their stamps. `due` and `work` are called by `placet.work`.
"""

from collections.abc import Iterator

from django.utils import timezone

from placet.alarms import chosen, messages, silence
from placet.mailboxes.models import Mailbox

IN_A_ROW = 3  # mails without the stamps, before anybody is told


def due(limit: int) -> list[int]:
    """Mailboxes about which some administrator has not been written to."""
    return [
        mailbox.pk
        for mailbox in _changed()
        if messages.not_told(messages.STAMPS, _cause(mailbox)).exists() and _out_of(mailbox) is not None
    ][:limit]


def work(mailbox_id: int) -> bool:
    """Write the mails of one mailbox. False if there is none to write."""
    for mailbox in _changed():
        out_of = _out_of(mailbox) if mailbox.pk == mailbox_id else None
        if out_of is not None:
            return messages.stamps(mailbox, out_of, _cause(mailbox)) > 0
    return False


def _changed() -> Iterator[Mailbox]:
    for mailbox in Mailbox.present.filter(active=True, stamps__has_key="missed"):
        if mailbox.stamps["missed"]["count"] >= IN_A_ROW:
            yield mailbox


def _cause(mailbox: Mailbox) -> str:
    return f"stamps:{mailbox.pk}:{mailbox.stamps['missed']['since']}"


def _out_of(mailbox: Mailbox) -> Mailbox | None:
    able = silence.working(chosen.patience(), timezone.now())
    return mailbox if mailbox in able else able[0] if able else None
