"""Addresses that mail does not arrive at. A report that a mail was not delivered is a stranger's word, and one may come
of a full mailbox or a server that was set up wrongly for an hour. So the first one only brings an address into doubt:

1. `note`: a mail to it came back. The address is in doubt; nothing else changes.
2. After PAUSE a mail of its own tries it (`messages.probe`). What names that mail, nobody knows who did not get it.
3. It comes back, too: the address is dead, administrators are told, its person's page says so. Or it has not come back
   after LONGEST: the address works, and the doubt goes. So does it with a proved answer from the address, at any time.

Whatever an address counts as, mails to it are sent as ever: nobody is silenced by reports, forged or not.
`due` and `work` are called by `placet.work`.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

import structlog
from django.db import transaction

from placet.accounts.models import Person
from placet.alarms import chosen, messages, silence
from placet.alarms.models import DoubtfulAddress
from placet.lib import clock
from placet.mail.models import IncomingMail, OutgoingMail
from placet.mailboxes.models import Mailbox

log = structlog.get_logger(__name__)

PAUSE = timedelta(hours=1)  # before an address is tried: what was wrong there may be mended
LONGEST = timedelta(days=6)  # servers try for up to five days (RFC 5321 4.5.4.1) before they send a mail back
LOOK = timedelta(hours=1)  # at a dead address, for an answer from there


def note(mail: OutgoingMail, recipients: tuple[str, ...], status: str) -> None:
    """A report came that `mail` was not delivered: to whom (() where it does not say), and with what code. In the
    transaction of what else is noted of it."""
    address, now, sent = mail.to.lower(), clock.now(), _sent_at(mail)
    if recipients and address not in {one.lower() for one in recipients}:
        return  # it was sent on, and did not arrive there
    if sent is None or sent < now - LONGEST:
        return  # no server tries for so long: somebody has an old mail
    row, made = DoubtfulAddress.objects.select_for_update().get_or_create(
        address=address, defaults={"since": now, "returned": mail, "status": status[:20], "due": now + PAUSE}
    )
    if row.dead_at is not None or (made and mail.kind != messages.PROBE):
        return
    if mail.kind == messages.PROBE or _was_tried(row, mail):
        row.dead_at = row.due = now
        row.returned, row.status = mail, status[:20]
        row.save(update_fields=["dead_at", "due", "returned", "status"])
        log.warning("address_dead", outgoing=mail.pk)


def _was_tried(row: DoubtfulAddress, mail: OutgoingMail) -> bool:
    """Whether this one went out after the mail that tries the address, as good a trial as that one."""
    tried, sent = row.probe.sent_at if row.probe is not None else None, _sent_at(mail)
    return tried is not None and sent is not None and sent > tried


def _sent_at(mail: OutgoingMail) -> datetime | None:
    """Also of one that came back before anybody knew that it had gone out."""
    return mail.sent_at or mail.started_at


def of(address: str) -> DoubtfulAddress | None:
    """What is doubtful about an address; None if nothing is."""
    return DoubtfulAddress.objects.select_related("returned", "probe").filter(address=address.lower()).first()


def among(addresses: Collection[str]) -> frozenset[str]:
    """Those that count as dead, in small letters."""
    rows = DoubtfulAddress.objects.filter(
        address__in=[one.lower() for one in addresses], dead_at__isnull=False
    )
    return frozenset(rows.values_list("address", flat=True))


@transaction.atomic
def try_again(address: str, by: Person) -> bool:
    """An administrator's wish: it is in doubt, and tried at once. False where nothing is doubtful about it."""
    now = clock.now()
    rows = DoubtfulAddress.objects.filter(address=address.lower())
    tried = rows.update(since=now, probe=None, dead_at=None, due=now) > 0
    if tried:
        log.info("address_tried_again", by=by.pk)
    return tried


def due(limit: int) -> list[int]:
    rows = DoubtfulAddress.objects.filter(due__lte=clock.now()).order_by("due", "pk")
    return list(rows.values_list("pk", flat=True)[:limit])


@transaction.atomic
def work(pk: int) -> bool:
    """Look at one address. False if it is not due any more."""
    rows = DoubtfulAddress.objects.select_for_update(of=("self",)).select_related("returned", "probe")
    row = rows.filter(pk=pk, due__lte=clock.now()).first()
    if row is None:
        return False
    person = Person.objects.filter(email=row.address, is_active=True).first()
    if person is None or _answered(row, person) or _arrived(row):
        row.delete()  # nobody is written to there, or it works
        return True
    out_of = _out_of(row.returned)
    if out_of is not None:
        _go_on(row, person, out_of)
    row.due = _next(row)
    row.save(update_fields=["probe", "dead_at", "due"])
    return True


def _answered(row: DoubtfulAddress, person: Person) -> bool:
    """Whether a proved mail came from there since: whoever answers what was asked had it."""
    since = IncomingMail.objects.filter(person=person, handled_at__gt=row.dead_at or row.since)
    return since.filter(verdict__proof__address=row.address).exists()


def _arrived(row: DoubtfulAddress) -> bool:
    """Whether the mail that tried it did not come back."""
    if row.dead_at is not None or row.probe is None or row.probe.sent_at is None:
        return False
    return row.probe.sent_at < clock.now() - LONGEST


def _out_of(returned: OutgoingMail) -> Mailbox | None:
    """A mailbox that works: the one whose mail came back, if it does."""
    able = silence.working(chosen.patience(), clock.now())
    return next((one for one in able if one.pk == returned.mailbox_id), able[0] if able else None)


def _go_on(row: DoubtfulAddress, person: Person, out_of: Mailbox) -> None:
    cause = f"address:{row.pk}:{row.since.isoformat()}"
    if row.dead_at is None and row.probe is None:
        row.probe = messages.probe(person, row.returned, out_of, cause)
    elif row.dead_at is None and row.probe is not None and row.probe.state == OutgoingMail.State.FAILED:
        row.dead_at = clock.now()  # our own server does not even take a mail to it
        log.warning("address_dead", outgoing=row.probe.pk)
    if row.dead_at is not None:
        messages.dead_address(person, row.status, out_of, cause)


def _next(row: DoubtfulAddress) -> datetime:
    sent = row.probe.sent_at if row.probe is not None else None
    if row.dead_at is None and sent is not None:
        return sent + LONGEST + timedelta(seconds=1)
    return clock.now() + LOOK
