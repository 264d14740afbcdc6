"""Health at a glance: for the panel's first page, and in a word for `/healthz`. Looks; changes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from placet import __version__
from placet.mail.models import IncomingMail, OutgoingMail, ServerTask
from placet.mailboxes import pool
from placet.mailboxes.models import Mailbox
from placet.replies.entry import POLL_LEASE

LATE = 10  # poll intervals without a look that succeeded
OVERDUE = timedelta(minutes=10)  # what was due before that should have been done
DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


@dataclass(frozen=True)
class MailboxHealth:
    """One mailbox. `tone`: good, bad, warn or off."""

    mailbox: Mailbox
    tone: str
    words: str
    paused_until: datetime | None


@dataclass(frozen=True)
class Health:
    mailboxes: Sequence[MailboxHealth]
    waiting_in: int  # mails kept and not taken in yet
    set_aside: int
    waiting_out: int
    failed_out: int
    failed_marks: int  # mails that could not be moved or marked on the server
    version: str
    database: str


def health() -> Health:
    incoming, outgoing = IncomingMail.State, OutgoingMail.State
    return Health(
        mailboxes=[_of(mailbox) for mailbox in Mailbox.objects.all()],
        waiting_in=IncomingMail.objects.filter(state=incoming.KEPT).count(),
        set_aside=IncomingMail.objects.filter(state=incoming.SET_ASIDE).count(),
        waiting_out=OutgoingMail.objects.filter(state__in=[outgoing.WAITING, outgoing.SENDING]).count(),
        failed_out=OutgoingMail.objects.filter(state=outgoing.FAILED).count(),
        failed_marks=ServerTask.objects.filter(failed=True).count(),
        version=__version__,
        database=DATABASES.get(connection.vendor, connection.vendor),
    )


def _of(mailbox: Mailbox) -> MailboxHealth:
    now = timezone.now()
    paused = mailbox.paused_until if mailbox.paused_until and mailbox.paused_until > now else None
    if not mailbox.active:
        return MailboxHealth(mailbox, "off", "not active", None)
    late = behind(mailbox, now)
    if mailbox.trouble.get("fix_needed"):
        return MailboxHealth(mailbox, "bad", "needs you", paused)
    if mailbox.trouble:
        return MailboxHealth(mailbox, "bad" if late else "warn", "in trouble", paused)
    if late:
        return MailboxHealth(mailbox, "bad", BEHIND[late[0]], None)
    return MailboxHealth(mailbox, "good", "works" if mailbox.last_poll_at else "starting", paused)


#: What a mailbox is behind with, by the name of the kind of work (`placet.work`).
BEHIND = {
    "poll": "not looked into",
    "take_in": "mail that came is not handled",
    "mark": "handled mail is not put away",
    "send": "mail is not sent",
}


def behind(mailbox: Mailbox, now: datetime) -> list[str]:
    """The kinds of work that should have been done long ago. A pause stops the clock."""
    if pool.rests(mailbox):
        return []
    found = {
        "poll": _not_looked_into(mailbox, now),
        "take_in": _overdue(mailbox.incoming.filter(state=IncomingMail.State.KEPT), mailbox, now),
        "mark": _overdue(
            ServerTask.objects.filter(incoming__mailbox=mailbox, done_at=None, failed=False), mailbox, now
        ),
        "send": _not_sending(mailbox, now),
    }
    return [kind for kind, true in found.items() if true]


def _not_looked_into(mailbox: Mailbox, now: datetime) -> bool:
    """By the last look that succeeded: one that fails each time is begun again and again."""
    known = [mailbox.last_poll_at, mailbox.active_since, mailbox.paused_until]
    began = max(filter(None, known), default=None)
    seconds = mailbox.settings.get("poll_seconds")
    patience = LATE * timedelta(seconds=seconds if isinstance(seconds, int) else 20)
    if mailbox.claim:
        patience += POLL_LEASE  # a look that is going on
    return began is None or began < now - patience


def _overdue(rows: QuerySet[Any], mailbox: Mailbox, now: datetime) -> bool:
    rested_lately = mailbox.paused_until is not None and mailbox.paused_until > now - OVERDUE
    return not rested_lately and rows.filter(due__lt=now - OVERDUE).exists()


def _not_sending(mailbox: Mailbox, now: datetime) -> bool:
    """Many mails at once go out at the mailbox's pace: as long as some do, the others may wait."""
    if mailbox.last_sent_at is not None and mailbox.last_sent_at > now - OVERDUE:
        return False
    states = [OutgoingMail.State.WAITING, OutgoingMail.State.SENDING]
    return _overdue(mailbox.outgoing.filter(state__in=states), mailbox, now)


def failing() -> list[str]:
    """Names of what does not work, for a monitor that may know no more: "poll", "take_in", "mark", "send". A
    database that cannot be asked raises `django.db.Error`."""
    now = timezone.now()
    active = Mailbox.objects.filter(active=True).defer("secrets")
    found = {kind for mailbox in active for kind in behind(mailbox, now)}
    return [kind for kind in BEHIND if kind in found]
