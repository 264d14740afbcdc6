"""Whether the mails of a mailbox still bear the stamps that an administrator confirmed. Where they do not any more, no
rule is loosened: `placet.alarms.stamps` tells administrators."""

from django.db import transaction

from placet.lib import clock
from placet.mail.models import IncomingMail
from placet.mailboxes.models import Mailbox
from placet.mailboxes.settings import MailboxSettings
from placet.mailboxes.stamp_profile import StampProfile
from placet.replies import refusals
from placet.replies.parse import Mail
from placet.replies.prove_outside import Servers, entrance_of, stamps_of_entrance
from placet.replies.prove_submitted import SIGNED_IN, session_of

MISSED = (
    "missed"  # in `Mailbox.stamps`: {"count": mails in a row, "since": of the first, "incoming": the last}
)


def note(incoming: IncomingMail, mail: Mail, settings: MailboxSettings, profile: StampProfile) -> None:
    """Of a mail that came from outside: whether the stamps are there. In no transaction of the mail's: it changes
    nothing of what becomes of it."""
    bears = _bears(mail, settings, profile)
    missed = incoming.mailbox.stamps.get(MISSED)
    if bears is None or (bears and not missed):
        return
    with transaction.atomic():
        row = Mailbox.objects.select_for_update().only("stamps").get(pk=incoming.mailbox_id)
        before = row.stamps.pop(MISSED, None)
        if not bears:
            since = before["since"] if before else clock.now().isoformat()
            row.stamps[MISSED] = {
                "count": (before["count"] if before else 0) + 1, "since": since, "incoming": incoming.pk,
            }  # fmt: skip
        row.save(update_fields=["stamps"])


def _bears(mail: Mail, settings: MailboxSettings, profile: StampProfile) -> bool | None:
    """None of a mail that did not travel, or that somebody sent who had signed in: servers stamp those otherwise."""
    if not mail.hops:
        return None
    servers = Servers(None, settings.trusted_hosts, settings.own_networks, confirmed=profile)
    try:
        session_of(mail.hops, servers)  # from the office, too, whose addresses are no entrance
    except refusals.NotProved:
        pass
    else:
        return None
    try:
        entrance = entrance_of(mail.hops, servers)
    except refusals.Unproved:
        return False
    if entrance.protocol in SIGNED_IN:
        return None
    try:
        return bool(stamps_of_entrance(mail, entrance, servers)) or not profile.stamps_count
    except refusals.StampsPlanted:
        return True  # ours are there; that others are, too, is told of the mail itself
