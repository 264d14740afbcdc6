"""By which Message-ID and from which address a mail of ours went out. Exchange may replace what we gave it, the address
where the mailbox is known by an alias, and does not say so when it takes the mail; answers name what it gave. So Sent
Items is read for it, after the send and apart from it: it changes nothing of what was sent, and is given up after a
while.

One list of Sent Items answers for all mails of a mailbox that wait. A unit of work is a mailbox with a mail that is
due.
"""

from datetime import datetime, timedelta

import structlog
from django.db.models import F, QuerySet

from placet.accounts.addresses import PersonInvalid, check_address, normal
from placet.lib import clock
from placet.mail.models import OutgoingMail
from placet.mailboxes.base import Half, MailboxError, MailError, SentCopy, SentMail
from placet.mailboxes.halves import awake
from placet.mailboxes.models import Mailbox
from placet.mailboxes.pool import opened

log = structlog.get_logger(__name__)

FIRST_PAUSE = timedelta(seconds=10)  # after the send: the copy may come late (Microsoft, "user: sendMail")
MOST_LOOKUPS = 6  # of one mail; with the pauses, which double, about ten minutes
LEASE = timedelta(minutes=2)
MOST = 200  # mails that one list answers for
LONGEST_ID = 400  # characters of an id that are kept


def first_lookup() -> datetime:
    """When a mail that is sent now is looked for."""
    return clock.now() + FIRST_PAUSE


def due(limit: int) -> list[int]:
    """Mailboxes that sent a mail whose id is to be looked for now."""
    now = clock.now()
    is_awake = awake(Half.RECEIVING, now, "mailbox__")  # copies lie in what it is read from
    now_due = waiting().filter(is_awake, lookup_due__lte=now, mailbox__active=True)
    return list(now_due.order_by().values_list("mailbox_id", flat=True).distinct()[:limit])


def waiting() -> QuerySet[OutgoingMail]:
    """Mails that were sent and are still to be looked for."""
    # Asked for `state=SENT`, SQLite would look through all that was ever sent.
    state = OutgoingMail.State
    not_sent = [state.WAITING, state.SENDING, state.FAILED, state.UNSURE]
    return OutgoingMail.objects.filter(lookup_due__isnull=False).exclude(state__in=not_sent)


def work(mailbox_id: int) -> bool:
    """Look once for the mails of a mailbox that are due, the newest ones first. False if none is due, or another worker
    looks for them. MailboxError passes through."""
    now = clock.now()
    here = waiting().filter(mailbox_id=mailbox_id)
    due_now = here.filter(lookup_due__lte=now)
    due_now.filter(lookups__gte=MOST_LOOKUPS).update(lookup_due=None)  # looks that never came back to say why
    mails = list(due_now.order_by("-pk").defer("raw")[:MOST])
    lease = now + LEASE
    chosen = due_now.filter(pk__in=[mail.pk for mail in mails])
    if not mails or not chosen.update(lookup_due=lease, lookups=F("lookups") + 1):
        return False
    mailbox = Mailbox.objects.get(pk=mailbox_id)
    # Those that went out since, and wait for a later look, are in the same list.
    newer = here.filter(pk__gt=mails[-1].pk).exclude(lookup_due=lease).order_by("-pk").defer("raw")
    sent = [*mails, *newer[: MOST - len(mails)]]
    since = min((mail.started_at or mail.created_at) for mail in sent)
    wanted = [SentMail(mail.reference, mail.message_id, mail.subject) for mail in sent]
    try:
        with opened(mailbox) as connection:
            copies = connection.copies_of_sent(wanted, since)
    except MailboxError:
        # Not the mails' fault: their tries are given back.
        here.filter(lookup_due=lease).update(lookup_due=now + FIRST_PAUSE, lookups=F("lookups") - 1)
        raise
    except MailError as error:
        log.warning("sent_items_unreadable", mailbox=mailbox_id, code=error.code)
        copies = {}
    for mail in sent:
        if copy := copies.get(mail.reference):
            _keep(mail, copy, mailbox.address)
    for mail in here.filter(lookup_due=lease).defer("raw"):
        _later(mail)
    return True


def _keep(mail: OutgoingMail, copy: SentCopy, address: str) -> None:
    replaced = copy.message_id != mail.message_id and len(copy.message_id) <= LONGEST_ID
    from_ = normal(copy.from_)
    OutgoingMail.objects.filter(pk=mail.pk).update(
        server_message_id=copy.message_id if replaced else "",
        server_address=from_ if from_ != normal(address) and _is_address(from_) else "",
        lookup_due=None,
    )


def _is_address(text: str) -> bool:
    """Whether it is one address, as mailboxes have them: answers are compared with it without their plus sign."""
    try:
        check_address(text)
    except PersonInvalid:
        return False
    return text.isprintable() and not any(sign in text for sign in '"+')


def _later(mail: OutgoingMail) -> None:
    """Once more after a pause, or not any more: then what we gave it is all that is known."""
    again = clock.now() + FIRST_PAUSE * 2**mail.lookups if mail.lookups < MOST_LOOKUPS else None
    if again is None:
        log.info("sent_copy_not_seen", outgoing=mail.pk)
    OutgoingMail.objects.filter(pk=mail.pk).update(lookup_due=again)
