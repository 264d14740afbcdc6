"""Mail out: a row first, then sent, at a pace, once.

queue      compose the MIME and write the row, in the transaction of what the mail tells of
due, work  send what is due (called by `placet.work`)
"""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from email.utils import format_datetime

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils.module_loading import import_string

from placet import __version__
from placet.lib import clock, rows
from placet.lib.domains import in_ascii
from placet.mail import mime, sent_items
from placet.mail.models import OutgoingMail
from placet.mail.packing import Damaged
from placet.mailboxes.base import Connection, Half, MailboxError, MailError, Refused
from placet.mailboxes.halves import awake
from placet.mailboxes.models import Mailbox
from placet.mailboxes.pool import opened, worked
from placet.workers.leases import Leased

log = structlog.get_logger(__name__)

MOST_TRIES = 8  # of one mail; with the pauses below about two hours
SHORT_PAUSE = timedelta(seconds=5)
#: Before Sent Items is asked whether a send that was cut off went out: the copy there may come late (Microsoft, "user:
#: sendMail").
UNSURE_PAUSE = timedelta(seconds=30)
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(hours=6)
LEASED = Leased(
    OutgoingMail,
    timedelta(minutes=5),
    unfinished=Q(state__in=[OutgoingMail.State.WAITING, OutgoingMail.State.SENDING]),
    pause=UNSURE_PAUSE,
)
_MESSAGE_ID = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.@-]{3,250}")
REFERENCE_HEADER = "X-Placet-Reference"


def new_reference() -> str:
    """What a mail of ours is found again by: 16 hexadecimal digits, shown at its foot."""
    return secrets.token_hex(8)


def queue(
    mailbox: Mailbox,
    *,
    kind: str,
    to: str,
    to_name: str = "",
    cause: str,
    subject: str,
    text: str,
    html: str,
    priority: OutgoingMail.Priority,
    reference: str,
    reply_to: str = "",
    in_reply_to: str = "",
    due: datetime | None = None,
    may_be_away: bool = False,
) -> OutgoingMail:
    """Write one mail to be sent: now, or when it is `due`. The same kind, recipient and cause again gives the row
    that is there. `may_be_away`: an out-of-office answer is of use."""
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("A mail is queued in the transaction of what it tells of.")
    message_id = f"<{reference}@{in_ascii(mailbox.address).rpartition('@')[2]}>"
    subject = mime.one_line(subject).replace("=?", "= ?")  # what looks encoded (RFC 2047) is meant literally
    head = {
        "From": mime.address("Placet", mailbox.address),
        "To": mime.address(to_name, to),
        "Message-ID": message_id,
    }
    if reply_to:
        head["Reply-To"] = mime.address("", reply_to)
    if _MESSAGE_ID.fullmatch(in_reply_to):  # a stranger's word: only if it can be nothing but an id
        head["In-Reply-To"] = head["References"] = f"<{in_reply_to}>"
    head |= {
        "Subject": mime.unstructured("Subject", subject),
        "Date": format_datetime(clock.now()),
        # Stops out-of-office answers; keeps non-delivery reports, which are shown on the request (MS-OXCMAIL
        # 2.1.3.2.20).
        "X-Auto-Response-Suppress": "AutoReply" if may_be_away else "OOF, AutoReply",
        **({} if may_be_away else {"Auto-Submitted": "auto-generated"}),  # which servers do not answer either
        "X-Mailer": f"Placet {__version__}",
        REFERENCE_HEADER: reference,
    }
    raw = mime.composed(head, text, html, reference)
    mail = OutgoingMail(
        mailbox=mailbox,
        kind=kind,
        to=to,
        cause=cause,
        reference=reference,
        message_id=message_id,
        subject=subject[:500],
        raw=raw,
        words=import_string(settings.KEEP_WORDS)(raw) if reply_to else None,
        priority=priority,
        due=due or clock.now(),
        lookup_due=sent_items.first_lookup() if reply_to else None,  # it is answered: by what id?
    )
    if rows.insert_new(mail):
        if (queued := _queued.get()) is not None:
            queued.append(mail)
        return mail
    return OutgoingMail.objects.get(
        kind=kind, to=to, cause=cause
    )  # the constraint decided: it was written before


_queued: ContextVar[list[OutgoingMail] | None] = ContextVar("queued", default=None)


@contextmanager
def listed() -> Iterator[list[OutgoingMail]]:
    """What this thread queues inside, in its order."""
    queued: list[OutgoingMail] = []
    before = _queued.set(queued)
    try:
        yield queued
    finally:
        _queued.reset(before)


# --- sending ----------------------------------------------------------------------------------------------


def due(limit: int, mailbox: int | None = None) -> list[int]:
    """Mails to send now, of all mailboxes or of one: confirmations first, reminders last, no more than each mailbox's
    pace allows."""
    ready: list[int] = []
    for sender in _awake() if mailbox is None else _awake().filter(pk=mailbox):
        room = _room(sender)
        if room > 0:
            in_turn = _due(sender).order_by("priority", "due", "id")
            ready += in_turn.values_list("id", flat=True)[: min(room, limit)]
    return ready


def mailboxes_due() -> list[int]:
    return [mailbox.pk for mailbox in _awake() if _due(mailbox).exists() and _room(mailbox) > 0]


def _awake() -> QuerySet[Mailbox]:
    return Mailbox.objects.filter(awake(Half.SENDING, clock.now()), active=True).defer("secrets", "cursor")


def _due(mailbox: Mailbox) -> QuerySet[OutgoingMail]:
    return mailbox.outgoing.filter(state__in=_OPEN, due__lte=clock.now())


_OPEN = [OutgoingMail.State.WAITING, OutgoingMail.State.SENDING]


def _room(mailbox: Mailbox) -> int:
    """How many may be handed over now, below the server's limit per minute."""
    a_minute_ago = clock.now() - timedelta(minutes=1)
    lately = mailbox.outgoing.filter(started_at__gt=a_minute_ago).count()
    return int(mailbox.settings.get("sends_per_minute", 25)) - lately


def work(outgoing_id: int) -> bool:
    """Send one mail. False if it is no longer due, or another worker has it. MailboxError passes through."""
    waiting = OutgoingMail.objects.filter(pk=outgoing_id, state__in=_OPEN, due__lte=clock.now())
    try:
        before = waiting.select_related("mailbox").first()
    except Damaged as error:
        log.exception("outgoing_damaged", outgoing=outgoing_id)
        return bool(waiting.update(state=OutgoingMail.State.FAILED, claim="", last_error=_failure(error)))
    if before is None:
        return False
    claim = _claim(before)
    if not claim:
        return False
    _hand_over(before, claim)
    if before.mailbox.sending_failures:
        _forget_trouble_without_mails(before.mailbox)
    return True


def _hand_over(before: OutgoingMail, claim: str) -> None:
    """MailboxError passes through."""
    # A send that ended without a word may have gone out all the same: Sent Items knows, where there are some.
    may_be_out = before.state == OutgoingMail.State.SENDING
    try:
        with opened(before.mailbox) as connection:
            was_sent = _was_sent(connection, before) if may_be_out else False
            if was_sent is None:
                _unsure(before, claim)
                return
            if was_sent:
                log.info("outgoing_found_in_sent_items", outgoing=before.pk)
            elif not _mine(before, claim).exists():
                log.warning(
                    "outgoing_lease_lost", outgoing=before.pk
                )  # this process slept, and was taken for dead
                return
            else:
                may_be_out = False
                connection.send(bytes(before.raw), before.reference)
    except MailboxError as error:
        # Not this mail's fault: its tries are given back.
        unsure = may_be_out or not error.not_done
        state = OutgoingMail.State.SENDING if unsure else OutgoingMail.State.WAITING
        pause = UNSURE_PAUSE if unsure else SHORT_PAUSE
        _mine(before, claim).update(state=state, tries=F("tries") - 1, due=clock.now() + pause, claim="")
        raise
    except MailError as error:
        _failed(before, claim, error, unsure=may_be_out or not error.not_done)
        return
    except Exception as error:
        # A defect of ours meets this mail each time: it is given up like one that the server does not take.
        log.exception("outgoing_crashed", outgoing=before.pk)
        _failed(before, claim, MailError(_failure(error)), unsure=True)
        return
    now = clock.now()
    sent = {"state": OutgoingMail.State.SENT, "sent_at": now, "claim": "", "last_error": ""}
    if before.lookup_due is not None:
        sent["lookup_due"] = sent_items.first_lookup()
    if not _mine(before, claim).update(**sent):
        log.warning("outgoing_lease_lost", outgoing=before.pk)
    Mailbox.objects.filter(pk=before.mailbox_id).update(last_sent_at=now)


def _forget_trouble_without_mails(mailbox: Mailbox) -> None:
    """Where another kind sends, nothing but a mail that goes out ends its trouble. The last one that waited may be
    settled otherwise: shown as unsure, found among what was sent, or given up. Then nobody would be held up by what
    passes by itself, and it would be said for days."""
    trouble = mailbox.sending_trouble
    if not trouble["fix_needed"] and not mailbox.outgoing.filter(state__in=_OPEN).exists():
        worked(mailbox, Half.SENDING)


def _failure(error: Exception) -> str:
    return f"Placet itself failed: {type(error).__name__}. See the log."


def _was_sent(connection: Connection, before: OutgoingMail) -> bool | None:
    # Since it was written, not since the last try: that one may have failed before it could look.
    return connection.was_sent(before.message_id, before.reference, before.created_at, before.subject)


def _claim(before: OutgoingMail) -> str:
    """Take the row if it still is as it was read; "" if somebody else was faster."""
    unchanged = OutgoingMail.objects.filter(
        pk=before.pk, state=before.state, claim=before.claim, due=before.due
    )
    sending = OutgoingMail.State.SENDING
    return LEASED.take(unchanged, state=sending, started_at=clock.now(), tries=F("tries") + 1)


def _mine(before: OutgoingMail, claim: str) -> QuerySet[OutgoingMail]:
    return LEASED.mine(before.pk, claim).filter(state=OutgoingMail.State.SENDING)


def _failed(before: OutgoingMail, claim: str, error: MailError, *, unsure: bool) -> None:
    """This mail was refused: once more after a growing pause, or given up and shown. `unsure`: it may have gone out all
    the same, so Sent Items is asked before the next try. Where the server said that it did not take the mail, a copy
    there says nothing: some servers keep one of what they never sent.
    """
    again = OutgoingMail.State.SENDING if unsure else OutgoingMail.State.WAITING
    tries = before.tries + 1
    for_good = isinstance(error, Refused) or tries >= MOST_TRIES
    log.warning("outgoing_failed", outgoing=before.pk, tries=tries, code=error.code, given_up=for_good)
    _mine(before, claim).update(
        state=OutgoingMail.State.FAILED if for_good else again,
        due=clock.now() + min(FIRST_PAUSE * 2**tries, LONGEST_PAUSE),
        claim="",
        last_error=str(error),
    )


def _unsure(before: OutgoingMail, claim: str) -> None:
    """Cut off, and there is no copy that could be asked for: never sent twice, nor called sent."""
    log.warning("outgoing_unsure", outgoing=before.pk)
    _mine(before, claim).update(state=OutgoingMail.State.UNSURE, claim="", last_error="")


def certainly_sent(outgoing: OutgoingMail) -> None:
    """Something came back to it, which nobody was sure of: it went out when it was last handed to the server."""
    unsure = OutgoingMail.objects.filter(pk=outgoing.pk, state=OutgoingMail.State.UNSURE)
    if unsure.update(state=OutgoingMail.State.SENT, sent_at=F("started_at")):
        outgoing.refresh_from_db(fields=["state", "sent_at"])


@transaction.atomic
def send_again(outgoing_id: int) -> None:
    """An administrator's wish for a mail that was given up, or that may not have gone out."""
    OutgoingMail.objects.filter(pk=outgoing_id, state__in=OutgoingMail.GIVEN_UP).update(
        state=OutgoingMail.State.WAITING, due=clock.now(), tries=0
    )
