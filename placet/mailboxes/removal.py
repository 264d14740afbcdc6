"""A mailbox that shall not be used any more is removed: nothing is read from it or sent by it, and its secrets are
gone. Its row stays, because what it received and sent does. Whoever sets it up once more goes on with that row
(`store`)."""

import structlog
from django.db import transaction

from placet.lib import clock
from placet.lib.fields import Secrets
from placet.mailboxes.models import LONGEST_BY, Mailbox

log = structlog.get_logger(__name__)


@transaction.atomic
def remove(mailbox: Mailbox, *, by: str) -> None:
    """`by`: who says so, as the log names them. Nothing is changed of one that was removed already."""
    mailbox.refresh_from_db(from_queryset=Mailbox.objects.select_for_update(no_key=True))
    if mailbox.removed_at is not None:
        return
    mailbox.removed_at, mailbox.removed_by = clock.now(), by[:LONGEST_BY]
    mailbox.active, mailbox.settings = False, {**mailbox.settings, "active": False}
    mailbox.secrets, mailbox.secret_set_at, mailbox.secret_set_by = Secrets(), None, ""
    mailbox.secret_expires_on = None
    mailbox.next_poll, mailbox.claim = None, ""  # whoever reads it now finds that the turn is theirs no more
    mailbox.end_rests()
    mailbox.save(
        update_fields=[
            "removed_at", "removed_by", "active", "settings", "secrets", "secret_set_at", "secret_set_by",
            "secret_expires_on", "next_poll", "claim", *Mailbox.RESTS,
        ]
    )  # fmt: skip
    mailbox.rotated_refresh_tokens.all().delete()
    # Microsoft ends them by itself within three days; without a secret they cannot be ended sooner.
    mailbox.subscriptions.all().delete()
    log.info("mailbox_removed", mailbox=mailbox.pk, by=by)


def removed_at(address: str) -> Mailbox | None:
    """The one with this address, if it was removed."""
    return Mailbox.objects.filter(removed_at__isnull=False, address=address.strip().lower()).first()
