"""Health at a glance: for the panel's first page, and in a word for `/healthz`. Looks; changes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from placet import __version__
from placet.accounts.models import Person
from placet.alarms import silence
from placet.alarms.models import DoubtfulAddress
from placet.approvals.models import Decision, Request, Version, Visit
from placet.approvals.waiting_ends import ends_by_mailbox
from placet.lib import working
from placet.mail.models import IncomingMail, OutgoingMail, ServerTask
from placet.mailboxes import polling, pool
from placet.mailboxes.base import Half
from placet.mailboxes.fields import SECRET_EXPIRES_ON
from placet.mailboxes.halves import paused_until
from placet.mailboxes.kinds import all_kinds
from placet.mailboxes.models import Mailbox
from placet.mailboxes.push.notices import Noticing, noticings
from placet.mailboxes.secrets import has_certificate
from placet.mailboxes.troubles import Trouble, fix_needed, troubles_of
from placet.panel.to_look_at import to_look_at
from placet.webhooks.endpoints import switched_off_by_itself
from placet.webhooks.models import Endpoint
from placet.workers.life import living
from placet.workers.models import Worker

LATE = 10  # poll intervals without a look that succeeded
OVERDUE = timedelta(minutes=10)  # what was due before that should have been done
STUCK_SHOWN = 10
EXPIRES_SOON = 30  # days
DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


@dataclass(frozen=True)
class MailboxHealth:
    """One mailbox. `tone`: good, bad, warn or off."""

    mailbox: Mailbox
    tone: str
    words: str
    paused_until: datetime | None
    sending_paused_until: datetime | None  # where another kind sends
    troubles: Sequence[Trouble]
    looking: bool = False  # right now
    secret: "SecretHealth | None" = None
    noticing: Noticing | None = None  # None where it is not active
    waiting_ends: int = 0  # of steps, which wait for it while it is not active

    @property
    def has_last_day(self) -> bool:
        """Whether what it signs in with ends on a day that somebody enters."""
        kind = all_kinds().get(self.mailbox.kind)
        return kind is not None and any(row.name == SECRET_EXPIRES_ON for row in kind.settings_class.rows)


@dataclass(frozen=True)
class SecretHealth:
    """When a mailbox's client secret or certificate expires. `tone`: good, warn or bad."""

    expires_on: date
    tone: str
    days: int  # left; below zero: ago
    certificate: bool


@dataclass(frozen=True)
class Health:
    mailboxes: Sequence[MailboxHealth]
    waiting_in: int  # mails kept and not taken in yet
    set_aside: int
    to_look_at: int  # as `placet.panel.to_look_at` finds them
    waiting_out: int
    failed_out: int
    unsure_out: int  # cut off, and nobody can say whether they went out
    failed_marks: int  # mails that could not be moved or marked on the server
    stuck: Sequence[Visit]  # some of them, the longest first
    stuck_count: int
    not_escalated: Sequence[Visit]  # as stuck
    not_escalated_count: int
    dead_addresses: int  # of people, from which mail comes back (`placet.alarms.dead_addresses`)
    webhooks_off: Sequence[Endpoint]  # and chats: that failed, or answered that they are gone
    version: str
    database: str


def health() -> Health:
    incoming, outgoing = IncomingMail.State, OutgoingMail.State
    silent = {alarm.mailbox.pk for alarm in silence.alarms() if not alarm.of_sending}
    mailboxes = list(Mailbox.present.all())
    told, ends = noticings(mailboxes), ends_by_mailbox()
    return Health(
        mailboxes=[
            replace(_of(one, told.get(one.pk), silent=one.pk in silent), waiting_ends=ends.get(one.pk, 0))
            for one in mailboxes
        ],
        waiting_in=IncomingMail.objects.filter(state=incoming.KEPT).count(),
        set_aside=IncomingMail.objects.filter(state=incoming.SET_ASIDE).count(),
        to_look_at=to_look_at(IncomingMail.objects.all()).count(),
        waiting_out=OutgoingMail.objects.filter(state__in=[outgoing.WAITING, outgoing.SENDING]).count(),
        failed_out=OutgoingMail.objects.filter(state=outgoing.FAILED).count(),
        unsure_out=OutgoingMail.objects.filter(state=outgoing.UNSURE).count(),
        failed_marks=ServerTask.objects.filter(failed=True).count(),
        stuck=list(stuck().select_related("request").order_by("opened_at")[:STUCK_SHOWN]),
        stuck_count=stuck().count(),
        not_escalated=list(not_escalated().select_related("request").order_by("opened_at")[:STUCK_SHOWN]),
        not_escalated_count=not_escalated().count(),
        dead_addresses=DoubtfulAddress.objects.filter(dead_at__isnull=False).count(),
        webhooks_off=list(switched_off_by_itself().select_related("process")),
        version=__version__,
        database=DATABASES.get(connection.vendor, connection.vendor),
    )


def _of(mailbox: Mailbox, told: Noticing | None, *, silent: bool) -> MailboxHealth:
    now = timezone.now()
    paused, sending_paused = (
        at if at and at > now else None for at in (mailbox.paused_until, mailbox.sending_paused_until)
    )
    tone, words = ("bad", _("silent")) if silent else _state(mailbox, now)
    return MailboxHealth(
        mailbox, tone, words, paused, sending_paused, troubles_of(mailbox),
        looking=bool(mailbox.claim), secret=secret_health(mailbox), noticing=told,
    )  # fmt: skip


def _state(mailbox: Mailbox, now: datetime) -> tuple[str, str]:
    if not mailbox.active:
        return "off", _("not active")
    late = behind(mailbox, now)
    if fix_needed(mailbox):
        return "bad", _("needs you")
    if mailbox.trouble or mailbox.sending_trouble:
        return "bad" if late else "warn", _("in trouble")
    if late:
        return "bad", str(BEHIND[late[0]])
    return "good", _("works") if mailbox.last_poll_at else _("starting")


def secret_health(mailbox: Mailbox) -> SecretHealth | None:
    """None where nobody said when it expires."""
    if mailbox.secret_expires_on is None:
        return None
    days = (mailbox.secret_expires_on - timezone.localdate()).days
    tone = "bad" if days < 0 else "warn" if days <= EXPIRES_SOON else "good"
    return SecretHealth(mailbox.secret_expires_on, tone, days, has_certificate(mailbox))


def stuck() -> QuerySet[Visit]:
    """Where nobody can be asked, and an administrator has to help."""
    return Visit.objects.filter(state=Visit.State.STUCK, request__state=Request.State.OPEN)


def not_escalated() -> QuerySet[Visit]:
    """Where others were to be asked, because nobody answered in time, and nobody else could be. Whoever was asked can
    still answer."""
    return Visit.objects.filter(~Q(reason=""), state=Visit.State.OPEN, request__state=Request.State.OPEN)


#: What a mailbox is behind with, by the name of the kind of work (`placet.work`).
BEHIND = {
    "poll": gettext_lazy("not looked into"),
    "take_in": gettext_lazy("mail that came is not handled"),
    "mark": gettext_lazy("handled mail is not put away"),
    "send": gettext_lazy("mail is not sent"),
}


def behind(mailbox: Mailbox, now: datetime) -> list[str]:
    """The kinds of work that should have been done long ago. A pause stops the clock."""
    found: dict[str, bool] = {}
    if not pool.rests(mailbox):
        kept = mailbox.incoming.filter(state=IncomingMail.State.KEPT)
        found["poll"] = _not_looked_into(mailbox, now)
        found["take_in"] = _overdue(kept, mailbox, Half.RECEIVING, now)
        found["mark"] = _not_putting_away(mailbox, now)
    if not pool.rests(mailbox, Half.SENDING):
        found["send"] = _not_sending(mailbox, now)
    return [kind for kind, true in found.items() if true]


def _not_looked_into(mailbox: Mailbox, now: datetime) -> bool:
    """By the last look that succeeded: one that fails each time is begun again and again."""
    known = [mailbox.last_poll_at, mailbox.active_since, mailbox.paused_until]
    began = max(filter(None, known), default=None)
    seconds = mailbox.settings.get("poll_seconds")
    patience = LATE * timedelta(seconds=seconds if isinstance(seconds, int) else 20)
    if mailbox.claim:
        patience += polling.LEASED.length  # a look that is going on
    return began is None or began < now - patience


def _overdue(rows: QuerySet[Any], mailbox: Mailbox, half: Half, now: datetime) -> bool:
    return not _rested_lately(mailbox, half, now) and rows.filter(due__lt=now - OVERDUE).exists()


def _rested_lately(mailbox: Mailbox, half: Half, now: datetime) -> bool:
    until = paused_until(mailbox, half)
    return until is not None and until > now - OVERDUE


def _not_putting_away(mailbox: Mailbox, now: datetime) -> bool:
    """Asked for one mailbox, SQLite would look at every mail that ever came into it; for all, at what is overdue."""
    late = ServerTask.objects.filter(done_at=None, failed=False, due__lt=now - OVERDUE)
    return not _rested_lately(mailbox, Half.RECEIVING, now) and mailbox.pk in set(
        late.order_by().values_list("incoming__mailbox", flat=True).distinct()
    )


def _not_sending(mailbox: Mailbox, now: datetime) -> bool:
    """Many mails at once go out at the mailbox's pace: as long as some do, the others may wait."""
    if mailbox.last_sent_at is not None and mailbox.last_sent_at > now - OVERDUE:
        return False
    states = [OutgoingMail.State.WAITING, OutgoingMail.State.SENDING]
    return _overdue(mailbox.outgoing.filter(state__in=states), mailbox, Half.SENDING, now)


def failing() -> list[str]:
    """Names of what does not work, for a monitor that may know no more: "work", "alarm", "poll", "take_in", "mark",
    "send". A database that cannot be asked raises `django.db.Error`."""
    now = timezone.now()
    active = Mailbox.objects.filter(active=True).defer("secrets")
    found = {kind for mailbox in active for kind in behind(mailbox, now)}
    nobody = working.is_done_elsewhere() and not work_is_done()
    return [
        *(["work"] if nobody else []),
        *(["alarm"] if silence.alarms() else []),
        *(kind for kind in BEHIND if kind in found),
    ]


def work_is_done() -> bool:
    """Whether a process lives that does it, this one or another."""
    return living().exclude(does=Worker.Does.PAGES).exists()


# --- the first steps --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """One thing to do after the installation, on the page with that address."""

    title: str
    help: str
    page: str
    done: bool


def first_steps(reader: Person) -> list[Step]:
    """From nothing to the first decision, in their order; what is done is ticked."""
    mailboxes = Mailbox.present.values_list("active", "last_poll_at")
    return [
        Step(
            _("Set up the mailbox"),
            _(
                "The mailbox that requests are sent from and answers come to. The guide shows where each value is."
            ),
            "panel:guide",
            bool(mailboxes),
        ),
        Step(
            _("Test and activate it"),
            _(
                "The test names what is wrong and how to mend it. Until then requests are decided on the pages only."
            ),
            "panel:remote_approval",
            any(active and polled for active, polled in mailboxes),
        ),
        Step(
            _("Add people"),
            _("Who asks, who decides, and who is whose manager."),
            "panel:people",
            Person.objects.exclude(pk=reader.pk).exists(),
        ),
        Step(
            _("Publish a process"),
            _("Take one of the templates, or make your own."),
            "designer:new",
            Version.objects.exists(),
        ),
        Step(
            _("Have the first request decided"),
            _("Start a request, and answer the mail that comes of it."),
            "portal:start",
            Decision.objects.exists(),
        ),
    ]
