"""Health at a glance: for the panel's first page, and in a word for `/healthz`. Looks; changes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

from placet import __version__
from placet.mail.models import IncomingMail, OutgoingMail, ServerTask
from placet.mailboxes.models import Mailbox

LATE = 10  # poll intervals after which a poll that was due counts as missed
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
    if mailbox.trouble:
        tone = "bad" if mailbox.trouble.get("fix_needed") else "warn"
        return MailboxHealth(mailbox, tone, "needs you" if tone == "bad" else "in trouble", paused)
    if is_late(mailbox, now):
        return MailboxHealth(mailbox, "bad", "not looked into", None)
    return MailboxHealth(mailbox, "good", "works" if mailbox.last_poll_at else "starting", paused)


def is_late(mailbox: Mailbox, now: datetime) -> bool:
    """Whether a poll that was due long ago has not begun. What is paused is due when the pause ends."""
    due = max(filter(None, [mailbox.next_poll, mailbox.paused_until]), default=None)
    interval = timedelta(seconds=int(mailbox.settings.get("poll_seconds", 20)))
    return due is None or due < now - LATE * interval


def failing() -> list[str]:
    """Names of what does not work, for a monitor that may know no more: "poll". A database that cannot be
    asked raises `django.db.Error`."""
    now = timezone.now()
    active = Mailbox.objects.filter(active=True).only("settings", "next_poll", "paused_until")
    return ["poll"] if any(is_late(mailbox, now) for mailbox in active) else []
