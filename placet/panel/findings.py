"""What the Diagnostics tab and the support file tell: how this process, its database and its work stand.

No secret, no reply code, no text of a mail. Rows of mails have addresses of people, which administrators see on the
page; the support file (`support.py`) masks them.
"""

import platform
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Count, Min, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy

from placet import __version__
from placet.accounts.general import general
from placet.approvals import stopping, timing
from placet.approvals.models import DigestItem, Stop, Timer
from placet.approvals.waiting_ends import ends_by_mailbox
from placet.lib import logs, working
from placet.lib.reached import NoAddress, public_url_of
from placet.mail import sent_items
from placet.mail.models import IncomingMail, OutgoingMail, ServerTask
from placet.mailboxes.models import Mailbox
from placet.panel.health import DATABASES
from placet.workers.life import living
from placet.workers.models import Worker as WorkerRow

FAILED_SHOWN = 20
LITTLE_SPACE = 1_000_000_000  # bytes

#: The kinds of work (`placet.work`) as people read them.
KINDS = {
    "poll": gettext_lazy("look into mailboxes"),
    "subscribe": gettext_lazy("keep being told of new mail"),
    "take_in": gettext_lazy("take in mail"),
    "fetch": gettext_lazy("fetch again what the server did not give"),
    "mark": gettext_lazy("move or mark handled mail"),
    "call": gettext_lazy("start requests that steps call, and go on with what they came to"),
    "timer": gettext_lazy("remind, ask others, and end what was not decided in time"),
    "stop": gettext_lazy("end requests that have lasted as long as they may"),
    "calendar": gettext_lazy("move what is due, after a calendar was changed"),
    "delegate": gettext_lazy("ask delegates, or ask them no longer"),
    "absence": gettext_lazy("ask others in place of whoever is away, until they are back"),
    "digest": gettext_lazy("ask in one mail what was collected for somebody"),
    "start": gettext_lazy("end what a mail began, where what was missing never came"),
    "ask": gettext_lazy("ask by mail, once there is a mailbox"),
    "send": gettext_lazy("send mail"),
    "sent_ids": gettext_lazy("look up under which id a mail was sent"),
    "watch": gettext_lazy("raise the alarm of a silent mailbox"),
    "stamps": gettext_lazy("write about stamps that no longer come"),
    "address": gettext_lazy("try addresses that a mail came back from"),
    "webhook": gettext_lazy("send to the webhook"),
    "expiry": gettext_lazy("write before a secret expires"),
    "key_expiry": gettext_lazy("write before a key expires"),
    "revocation_list": gettext_lazy("write before a list of revoked certificates ends"),
    "checkpoint": gettext_lazy("note what the record is, once a day"),
    "tidy": gettext_lazy("tidy up"),
    "clear_files": gettext_lazy("clear files that no answer was sent with"),
    "report": gettext_lazy("count for reports"),
    "announce": gettext_lazy("note what webhooks are to be told"),
    "deliver": gettext_lazy("send to webhooks"),
    "deliver_apart": gettext_lazy("send to webhooks that failed or were slow"),
    "tell": gettext_lazy("write to those whose webhook was switched off"),
    "forget": gettext_lazy("forget what was sent to webhooks long ago"),
    "archive": gettext_lazy("put old mails together"),
}


# --- the machine ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Machine:
    version: str
    python: str
    platform: str
    started_at: datetime
    data_dir: str
    free: int  # bytes
    little_space: bool


def machine() -> Machine:
    free = shutil.disk_usage(settings.PLACET.data_dir).free
    return Machine(
        __version__,
        f"{platform.python_implementation()} {platform.python_version()}",
        platform.platform(),
        logs.memory.since,
        str(settings.PLACET.data_dir),
        free,
        free < LITTLE_SPACE,
    )


# --- the database -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Database:
    kind: str
    version: str
    size: int  # bytes
    migrations: int  # applied
    missing: Sequence[str]  # known to this version and not applied


def database() -> Database:
    from django.db.migrations.executor import MigrationExecutor  # loads every migration there is: here alone

    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return Database(
        DATABASES.get(connection.vendor, connection.vendor),
        _version(),
        _size(),
        len(executor.loader.applied_migrations),
        [f"{migration.app_label} {migration.name}" for migration, _backwards in plan],
    )


def _version() -> str:
    return str(
        _asked("SHOW server_version" if connection.vendor == "postgresql" else "SELECT sqlite_version()")
    )


def _size() -> int:
    if connection.vendor == "postgresql":
        return int(_asked("SELECT pg_database_size(current_database())"))
    file = Path(str(connection.settings_dict["NAME"]))
    return sum(part.stat().st_size for part in (file, file.with_name(f"{file.name}-wal")) if part.exists())


def _asked(question: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(question)
        return cursor.fetchone()[0]


# --- the work ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Worker:
    """One kind of work. `tone`: good, warn or bad."""

    kind: str
    name: str
    alive: bool
    began_at: datetime | None
    last_turn_at: datetime | None
    last_worked_at: datetime | None
    worked: int


def workers() -> list[Worker]:
    """Of this process; empty where it runs the pages only."""
    return [
        Worker(
            one.kind, str(KINDS.get(one.kind, one.kind)), one.alive, one.began_at, one.last_turn_at,
            one.last_worked_at, one.worked,
        )
        for one in working.workers()
    ]  # fmt: skip


@dataclass(frozen=True)
class Process:
    """One that lives and shares this database. `does`: in words."""

    name: str  # host and process id
    does: str
    version: str
    started_at: datetime
    beat_at: datetime


DOES = {
    WorkerRow.Does.ALL: gettext_lazy("pages and work"),
    WorkerRow.Does.WORK: gettext_lazy("work"),
    WorkerRow.Does.PAGES: gettext_lazy("pages"),
}


def processes() -> list[Process]:
    """This one among them."""
    return [
        Process(one.name, str(DOES[WorkerRow.Does(one.does)]), one.version, one.started_at, one.beat_at)
        for one in living()
    ]


@dataclass(frozen=True)
class Queue:
    """What waits for one kind of work."""

    kind: str
    name: str
    waiting: int
    due: int  # of them, now
    oldest: datetime | None  # since when the one that waits longest is due
    page: str  # where they are shown


def queues() -> list[Queue]:
    return [
        *queues_of_mails(),
        _queue("sent_ids", sent_items.waiting(), "lookup_due", ""),
        _queue("timer", _past(Timer.objects.filter(state=Timer.State.WAITING), timing.PAUSE), "at", ""),
        _queue("stop", _past(Stop.objects.filter(state=Stop.State.WAITING), stopping.PAUSE), "at", ""),
        _queue("digest", DigestItem.objects.filter(state=DigestItem.State.WAITING), "due", ""),
    ]


def _past(rows: QuerySet[Any], pause: timedelta) -> QuerySet[Any]:
    """Those whose moment is past; the others only come one day, however many they are. When a row is looked at is put
    off by a pause again and again, while it fails or waits for a mailbox."""
    now = timezone.now()
    return rows.filter(due__lte=now + pause, at__lte=now)


def queues_of_mails() -> list[Queue]:
    """Those that cost no more for all that was done before."""
    sending = [OutgoingMail.State.WAITING, OutgoingMail.State.SENDING]
    return [
        _queue("poll", Mailbox.objects.filter(active=True), "next_poll", ""),
        _queue(
            "take_in", IncomingMail.objects.filter(state=IncomingMail.State.KEPT), "due", "panel:incoming"
        ),
        _queue("mark", ServerTask.objects.filter(done_at=None, failed=False), "due", ""),
        _queue("send", OutgoingMail.objects.filter(state__in=sending), "due", "panel:outgoing"),
    ]


def _queue(kind: str, rows: QuerySet[Any], due: str, page: str) -> Queue:
    now = Q(**{f"{due}__lte": timezone.now()})
    found = rows.order_by().aggregate(
        all_=Count("pk"), now=Count("pk", filter=now), oldest=Min(due, filter=now)
    )
    return Queue(kind, str(KINDS[kind]), found["all_"], found["now"], found["oldest"], page)


# --- what failed ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class WaitingEnds:
    """Ends of steps that wait for a mailbox that is not active. `number`: how many."""

    mailbox: Mailbox
    number: int


def waiting_ends() -> list[WaitingEnds]:
    numbers = ends_by_mailbox()
    mailboxes = Mailbox.objects.filter(pk__in=numbers).order_by("pk") if numbers else ()
    return [WaitingEnds(mailbox, numbers[mailbox.pk]) for mailbox in mailboxes]


def failed_mails() -> QuerySet[OutgoingMail]:
    """Mails out that were given up, or that may not have gone out, the newest first."""
    failed = OutgoingMail.objects.filter(state__in=OutgoingMail.GIVEN_UP)
    return failed.defer("raw", "subject").order_by("-pk")[:FAILED_SHOWN]


def failed_marks() -> QuerySet[ServerTask]:
    """Handled mails that could not be moved or marked on the server, the newest first."""
    return ServerTask.objects.filter(failed=True).order_by("-pk")[:FAILED_SHOWN]


def set_aside() -> QuerySet[IncomingMail]:
    aside = IncomingMail.objects.filter(state=IncomingMail.State.SET_ASIDE)
    return aside.only("pk", "kept_at", "tries", "reason").order_by("-pk")[:FAILED_SHOWN]


# --- how this page was reached ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Way:
    """How one request came here, as far as Placet can tell."""

    public_url: str
    here: str
    client: str
    trusts_proxy: bool
    headers: Sequence[tuple[str, str]]  # of proxies
    path_kept: bool  # the proxy left the path of the public address in front
    other_address: bool
    not_https: bool  # the public address is, this request is not

    @property
    def well(self) -> bool:
        return not (self.other_address or self.not_https)


FORWARDED = (
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "X-Forwarded-Host",
    "X-Forwarded-Prefix",
    "Forwarded",
    "Via",
)
LONGEST_HEADER = 200


def way(request: HttpRequest) -> Way:
    public, here = general().public_url, here_of(request)
    without_scheme = public.partition("://")[2] == here.partition("://")[2]
    return Way(
        public,
        here,
        request.META.get("REMOTE_ADDR", ""),
        bool(settings.PLACET.trust_proxy),
        [(name, request.headers[name][:LONGEST_HEADER]) for name in FORWARDED if name in request.headers],
        bool(request.META.get("placet.path_kept")),
        not without_scheme,
        without_scheme and public.startswith("https:") and not request.is_secure(),
    )


def here_of(request: HttpRequest) -> str:
    """The address that a page was opened at, as the web server sees it, with the path that all pages begin with; as
    it came where it cannot be anybody's address."""
    came = f"{request.scheme}://{request.get_host()}{request.path.removesuffix(request.path_info)}"
    try:
        return public_url_of(came)
    except NoAddress:
        return came
