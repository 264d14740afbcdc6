"""The webhook: what another system is told of an alarm, as JSON by POST. A row first, then sent, with growing pauses.

queue      write what is to be told, in the transaction of the outage that it tells of
due, work  send what is due (called by `placet.work`)
send_test  what the button of the Alarms tab does

It goes to the one address that an administrator chose, over https (or to this machine), and only where that is public
or on the list of private ones (`placet.lib.outward`); it follows no redirect, and reads nothing of the answer but its
status. A receiver may get a message twice, after a crash between sending and noting it:
both have the same id.
"""

from datetime import datetime, timedelta

import requests
import structlog
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from placet.accounts.general import general
from placet.alarms import chosen, messages
from placet.alarms.models import Delivery, Outage
from placet.mailboxes.base import FixNeeded
from placet.mailboxes.http import guard, prepare, unreachable
from placet.mailboxes.models import Mailbox
from placet.workers import leases
from placet.workers.leases import Leased

log = structlog.get_logger(__name__)

TIMEOUT = (5, 10)  # seconds: to connect, and for each piece of the answer
LEASED = Leased(Delivery, timedelta(minutes=2), unfinished=Q(state=Delivery.State.WAITING))
MOST_TRIES = 10  # with the pauses below about three hours
FIRST_PAUSE = timedelta(seconds=15)
LONGEST_PAUSE = timedelta(hours=1)


class NotTaken(Exception):
    """The receiver did not take a message; the text says why, in words for an administrator."""


def queue(what: Delivery.What, outage: Outage, *, cause: str = "", cure: str = "") -> None:
    """Write what is to be told; nothing where there is no webhook. The same of one outage again: IntegrityError."""
    if not chosen.webhook():
        return
    mailbox = outage.mailbox
    if what == Delivery.What.ALARM and outage.of_sending:
        text = _("Placet: the mailbox {mailbox} cannot send.")
    elif what == Delivery.What.ALARM:
        text = _("Placet: the mailbox {mailbox} is silent.")
    elif outage.ended == Outage.Ended.WORKS:
        text = _("Placet: the mailbox {mailbox} works again.")
    else:
        text = _("Placet: the mailbox {mailbox} was switched off, so its alarm is over.")
    body = _body(text.format(mailbox=mailbox.address), mailbox, outage.since, cause, cure)
    Delivery.objects.create(outage=outage, what=what, body=body)


def send_test() -> Delivery:
    """Send a message that says that it is a test, at once and once; how it went stands in the row."""
    text = _("Placet: this is a test. An alarm looks like this one.")
    mailbox = Mailbox.objects.order_by("-active", "pk").first()
    body = _body(text, mailbox, timezone.now(), "", "")
    now, claim = timezone.now(), leases.new_claim()  # ours from the start: no worker shall be faster
    row = Delivery.objects.create(
        what=Delivery.What.TEST, body=body, claim=claim, due=now + LEASED.length, tries=1, tried_at=now
    )
    _send(row, claim)
    row.refresh_from_db()
    return row


def _body(text: str, mailbox: Mailbox | None, since: datetime, cause: str, cure: str) -> dict[str, str]:
    return {
        "text": text,  # what programs for chats show
        "mailbox": mailbox.address if mailbox is not None else "",
        "since": since.isoformat(timespec="seconds"),
        "cause": cause,
        "cure": cure,
        "link": messages.page_of(mailbox, general()),
    }


# --- sending ----------------------------------------------------------------------------------------------


def due(limit: int) -> list[int]:
    """Messages to send now. That an outage is over is not told before that it began."""
    before = Delivery.objects.filter(
        outage=OuterRef("outage"), pk__lt=OuterRef("pk"), state=Delivery.State.WAITING
    )
    waiting = Delivery.objects.filter(state=Delivery.State.WAITING, due__lte=timezone.now())
    found = waiting.filter(~Exists(before)).order_by("due", "id").values_list("id", flat=True)
    return list(found[:limit])


def work(delivery_id: int) -> bool:
    """Send one. False if it is no longer due, or another worker has it."""
    now = timezone.now()
    waiting = Delivery.objects.filter(pk=delivery_id, state=Delivery.State.WAITING, due__lte=now)
    claim = LEASED.take(waiting, tries=F("tries") + 1, tried_at=now)
    if not claim:
        return False
    _send(Delivery.objects.get(pk=delivery_id), claim)
    return True


def _send(row: Delivery, claim: str) -> None:
    mine = LEASED.mine(row.pk, claim)
    address = chosen.webhook()
    try:
        _post(address, row)
    except NotTaken as error:
        given_up = row.what == Delivery.What.TEST or row.tries >= MOST_TRIES
        log.warning("webhook_failed", delivery=row.pk, host=chosen.host(address), given_up=given_up)
        mine.update(
            state=Delivery.State.FAILED if given_up else Delivery.State.WAITING,
            claim="",
            due=timezone.now() + min(FIRST_PAUSE * 2**row.tries, LONGEST_PAUSE),
            last_error=str(error),
        )
    else:
        log.info("webhook_sent", delivery=row.pk, host=chosen.host(address))
        mine.update(state=Delivery.State.SENT, claim="", last_error="")


def _post(address: str, row: Delivery) -> None:
    if not address:
        raise NotTaken(_("No webhook is set."))
    message = {"id": str(row.public_id), "what": row.what, **row.body}
    try:
        with requests.Session() as session:
            prepare(session, address)
            guard(session)  # here this machine's own ports are nobody's sandbox
            # The answer is somebody else's and of any size: its first line is enough.
            with session.post(
                address, json=message, timeout=TIMEOUT, allow_redirects=False, stream=True
            ) as answer:
                status = answer.status_code
    except requests.RequestException as error:
        raise NotTaken(_unreachable(error, address)) from error
    except Exception as error:
        # A defect of ours or of a library must not keep the message for ever, nor the ones behind it.
        log.exception("webhook_crashed", delivery=row.pk)
        raise NotTaken(
            _("Placet itself failed: {error}. See the log.").format(error=type(error).__name__)
        ) from error
    if 300 <= status < 400:
        raise NotTaken(
            _("{host} answered with a redirect ({status}). Enter the address that it leads to.").format(
                host=chosen.host(address), status=status
            )
        )
    if not 200 <= status < 300:
        raise NotTaken(
            _("{host} did not take the message: it answered {status}. Check the address.").format(
                host=chosen.host(address), status=status
            )
        )


def _unreachable(error: requests.RequestException, address: str) -> str:
    why = unreachable(error, address)
    if isinstance(why, FixNeeded):
        return str(why)
    return f"{why.cause} " + _("Check the address, and the network, firewall and proxy of this machine.")
