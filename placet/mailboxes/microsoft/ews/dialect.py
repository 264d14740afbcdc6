"""What differs between Exchange Online and an Exchange server of the organisation's own, as EWS speaks."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from django.utils.translation import gettext_noop

from placet.mailboxes.base import MailboxError
from placet.mailboxes.microsoft.exchange_errors import Fix, Meanings

from . import errors


class Opening(StrEnum):
    """How somebody who signed in opens the mailbox."""

    IMPERSONATED = "impersonation"  # as if its owner had signed in
    OWN = "own"  # it is the mailbox of whoever signed in
    SHARED = "full-access"  # its owner, or an administrator, gave the right


class Unauthorized(Protocol):
    def __call__(
        self, diagnostics: str, names: Mapping[str, str], details: Mapping[str, str]
    ) -> MailboxError: ...


@dataclass(frozen=True)
class Dialect:
    """`versions`: of the schema, the newest first; the first that the server knows is spoken. `names` fill in the
    commands of what must be fixed."""

    opening: Opening
    versions: tuple[str, ...]
    names: Mapping[str, str]
    meanings: Meanings
    unauthorized: Unauthorized  # a 401 to a token
    forbidden: Fix  # 403
    address_cure: str  # where the server sends elsewhere, or has no EWS


def online(client_id: str, mailbox: str) -> Dialect:
    return Dialect(
        Opening.IMPERSONATED,
        ("Exchange2016",),
        errors.names(client_id, mailbox),
        errors.MEANINGS,
        errors.unauthorized,
        errors.BLOCKED,
        gettext_noop("Enter the server that answers itself: outlook.office365.com for Exchange Online."),
    )
