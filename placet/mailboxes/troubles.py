"""What is wrong with a mailbox, in words: with the whole of it, or, where two kinds share it, with which half."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from placet.mailboxes.base import Half
from placet.mailboxes.halves import halves_of, trouble_of
from placet.mailboxes.models import Mailbox


@dataclass(frozen=True)
class Trouble:
    """The last failure, which nothing that worked has ended yet."""

    half: Half
    words: str  # a sentence: what rests for it, and what goes on; "" where the whole mailbox rests
    cause: str
    cure: str
    details: Mapping[str, Any]
    fix_needed: bool


def troubles_of(mailbox: Mailbox) -> Sequence[Trouble]:
    """None, one, or one of each half."""
    return [_trouble(mailbox, half) for half in halves_of(mailbox) if trouble_of(mailbox, half)]


def _trouble(mailbox: Mailbox, half: Half) -> Trouble:
    stored = trouble_of(mailbox, half)
    return Trouble(
        half=half,
        words=_words(mailbox, half),
        cause=stored.get("cause", ""),
        cure=stored.get("cure", ""),
        details=stored.get("details", {}),
        fix_needed=bool(stored.get("fix_needed")),
    )


def _words(mailbox: Mailbox, half: Half) -> str:
    if not mailbox.sending_kind:
        return ""
    if mailbox.trouble and mailbox.sending_trouble:
        return _("Reading rests.") if half is Half.RECEIVING else _("Sending rests.")
    if half is Half.RECEIVING:
        return _("Reading rests; mail is sent all the same.")
    return _("Sending rests; replies are read all the same.")


def short_words(mailbox: Mailbox) -> str:
    """A few words beside its name; "" where nothing is wrong."""
    troubles = troubles_of(mailbox)
    if not troubles:
        return ""
    if not mailbox.sending_kind or len(troubles) > 1:
        return _("in trouble")
    return _("is not read") if troubles[0].half is Half.RECEIVING else _("does not send")


def fix_needed(mailbox: Mailbox) -> bool:
    """Whether somebody must mend something."""
    return any(trouble.fix_needed for trouble in troubles_of(mailbox))
