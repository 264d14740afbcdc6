"""`/metrics`: how Placet stands, in numbers, for Prometheus.

All but what the process says of itself is read from the rows when somebody asks, so it is right in whichever process
is asked. Each count is of an index and of what is open, or of the last day: it costs no more after ten years. Labels
are words of ours and ids of mailboxes, nothing that somebody entered and nothing of a person.
"""

import platform
import shutil
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, time, timedelta

from django.conf import settings
from django.db import Error as DatabaseTrouble
from django.db import connection
from django.db.models import Count, Min
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from placet import __version__
from placet.alarms import silence
from placet.approvals.models import Assignment
from placet.audit.models import Checkpoint
from placet.lib import working
from placet.mail.models import IncomingMail, OutgoingMail, ServerTask
from placet.mailboxes import pool
from placet.mailboxes.base import Half
from placet.mailboxes.models import Mailbox
from placet.panel import findings, health
from placet.panel.mail_words import RESULTS
from placet.panel.to_look_at import to_look_at
from placet.workers.life import living
from placet.workers.models import Worker

LATELY = timedelta(days=1)
PLAIN = "text/plain; charset=utf-8"


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """For whoever has the operator's key, from wherever they ask: an address proves nothing, for behind a proxy that
    Placet does not know of everybody comes from this machine. Without a key there is nothing here."""
    key = settings.PLACET.metrics_key
    if not key:
        raise Http404
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not constant_time_compare(given.strip(), key):
        return HttpResponse(
            "The key is missing or wrong.\n", PLAIN, 401, headers={"WWW-Authenticate": "Bearer"}
        )
    try:
        return HttpResponse(generate_latest(_registry), CONTENT_TYPE_PLAIN_0_0_4)
    except DatabaseTrouble:
        return HttpResponse("database\n", PLAIN, 503)


class Rows(Collector):
    """The numbers, read anew each time."""

    def collect(self) -> Iterator[Metric]:
        now = timezone.now()
        yield from _installation()
        yield from _work(now)
        yield from _mails(now)
        yield from _assignments(now)
        yield from _mailboxes(now)
        yield from _checkpoint(now)
        yield from _processes()
        yield from _workers(now)


_registry = CollectorRegistry()
_registry.register(Rows())
ProcessCollector(registry=_registry)


def _one(name: str, help_: str, value: float) -> Metric:
    return GaugeMetricFamily(f"placet_{name}", help_, value)


def _by(name: str, help_: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(f"placet_{name}", help_, labels=[label])
    for of, value in values.items():
        family.add_metric([of], value)
    return family


def _age(now: datetime, at: datetime | None) -> float:
    """Seconds; 0 where there is nothing to be old."""
    return max((now - at).total_seconds(), 0) if at else 0


def _installation() -> Iterator[Metric]:
    build = GaugeMetricFamily(
        "placet_build_info", "Always 1; its labels say what runs.", labels=["version", "database", "python"]
    )
    build.add_metric([__version__, connection.vendor, platform.python_version()], 1)
    yield build
    yield _one(
        "data_free_bytes",
        "Free space where the data folder lies.",
        shutil.disk_usage(settings.PLACET.data_dir).free,
    )
    failing = health.failing()
    kinds = ["alarm", *health.BEHIND]
    yield _by("failing", "1: /healthz names it.", "what", {kind: kind in failing for kind in kinds})
    yield _one(
        "alarms",
        "Alarms: mailboxes that are silent for too long, and ones that are read but cannot send.",
        len(silence.alarms()),
    )


def _work(now: datetime) -> Iterator[Metric]:
    queues = findings.queues_of_mails()
    yield _by(
        "work_waiting", "Rows of work to be done, now or later.", "kind", {q.kind: q.waiting for q in queues}
    )
    yield _by("work_due", "Rows of work that are due.", "kind", {q.kind: q.due for q in queues})
    yield _by(
        "work_oldest_due_seconds",
        "Since when the row of work that waits longest is due.",
        "kind",
        {q.kind: _age(now, q.oldest) for q in queues},
    )


def _mails(now: datetime) -> Iterator[Metric]:
    incoming, out = IncomingMail.State, OutgoingMail.State
    mails = IncomingMail.objects.order_by()
    kept = mails.filter(state=incoming.KEPT)
    yield _by(
        "incoming_mails",
        "Mails that came and are not handled.",
        "state",
        {"kept": kept.count(), "set_aside": mails.filter(state=incoming.SET_ASIDE).count()},
    )
    oldest = kept.order_by("id").values_list("kept_at", flat=True).first()
    yield _one(
        "incoming_oldest_kept_seconds", "Age of the mail that waits longest to be handled.", _age(now, oldest)
    )
    yield _one(
        "incoming_mails_to_look_at", "Mails that an administrator should look at.", to_look_at(mails).count()
    )
    yield _by(
        "incoming_mails_last_day",
        "Mails of the last 24 hours by what became of them.",
        "result",
        _results(now),
    )
    states = [out.WAITING, out.SENDING, out.FAILED, out.UNSURE]
    sent = OutgoingMail.objects.filter(state__in=states).order_by().values_list("state").annotate(Count("pk"))
    yield _by(
        "outgoing_mails",
        "Mails that are to be sent, were given up, or may not have gone out.",
        "state",
        {state.value: 0 for state in states} | dict(sent),
    )
    tasks = ServerTask.objects.order_by()
    yield _by(
        "server_tasks",
        "Handled mails that are to be put away on the server, or could not be.",
        "state",
        {
            "waiting": tasks.filter(done_at=None, failed=False).count(),
            "failed": tasks.filter(failed=True).count(),
        },
    )


def _results(now: datetime) -> dict[str, int]:
    """By ids, for SQLite has these beside the result in its index, and would read whole mails to see when they came."""
    found = dict.fromkeys(RESULTS, 0)
    lately = IncomingMail.objects.filter(kept_at__gte=now - LATELY).order_by("kept_at")
    first = lately.values_list("id", flat=True).first()
    if first is not None:
        since = IncomingMail.objects.filter(result__in=sorted(RESULTS), id__gte=first)
        found |= dict(since.order_by().values_list("result").annotate(Count("pk")))
    return found


def _assignments(now: datetime) -> Iterator[Metric]:
    waiting = Assignment.objects.filter(state=Assignment.State.OPEN).order_by()
    # Each by itself: an index alone counts them, and the first one of another is the oldest.
    number, oldest = waiting.count(), waiting.aggregate(at=Min("created_at"))["at"]
    yield _one("assignments_open", "People asked who have not answered yet, for each time.", number)
    yield _one(
        "assignments_oldest_open_seconds",
        "How long the longest of them has been.",
        _age(now, oldest),
    )
    stuck = health.stuck().order_by().aggregate(count=Count("pk"), oldest=Min("opened_at"))
    yield _one(
        "visits_stuck", "Steps where nobody can be asked: an administrator has to help.", stuck["count"]
    )
    yield _one(
        "visits_oldest_stuck_seconds", "Since when the longest of them is open.", _age(now, stuck["oldest"])
    )


def _mailboxes(now: datetime) -> Iterator[Metric]:
    mailboxes = {str(one.pk): one for one in Mailbox.present.defer("secrets", "cursor")}
    flags: dict[str, tuple[str, Callable[[Mailbox], bool]]] = {
        "active": ("1: it is looked into.", lambda one: one.active),
        "trouble": ("1: the last try failed.", lambda one: bool(one.trouble)),
        "fix_needed": ("1: somebody must mend something.", lambda one: bool(one.trouble.get("fix_needed"))),
        "resting": ("1: it is paused or not active.", pool.rests),
        "sending_trouble": (
            "1: the last try to send failed, where another kind sends than receives.",
            lambda one: bool(one.sending_trouble),
        ),
        "sending_fix_needed": (
            "1: somebody must mend how it sends, where another kind sends than receives.",
            lambda one: bool(one.sending_trouble.get("fix_needed")),
        ),
        "sending_resting": (
            "1: nothing is sent from it: that is paused, or it is not active.",
            lambda one: pool.rests(one, Half.SENDING),
        ),
    }
    for name, (help_, holds) in flags.items():
        yield _by(f"mailbox_{name}", help_, "mailbox", {id_: holds(one) for id_, one in mailboxes.items()})
    yield _by(
        "mailbox_last_poll_age_seconds",
        "Since the last look into it that succeeded.",
        "mailbox",
        {id_: _age(now, one.last_poll_at) for id_, one in mailboxes.items() if one.last_poll_at},
    )
    yield _by(
        "mailbox_read_until_age_seconds",
        "How long ago that is until when it was read: what its server received later may still be unread.",
        "mailbox",
        {id_: _age(now, one.read_until) for id_, one in mailboxes.items() if one.read_until},
    )
    expiry = {id_: one.secret_expires_on for id_, one in mailboxes.items() if one.secret_expires_on}
    yield _by(
        "mailbox_secret_days_left",
        "Until its client secret or certificate expires, as an administrator entered it.",
        "mailbox",
        {id_: (on - timezone.localdate()).days for id_, on in expiry.items()},
    )
    begun = OutgoingMail.objects.filter(mailbox_id__in=list(mailboxes), started_at__gte=now - LATELY)
    sent = dict(begun.order_by().values_list("mailbox_id").annotate(Count("pk")))
    yield _by(
        "outgoing_mails_last_day",
        "Mails that were handed to its server in the last 24 hours.",
        "mailbox",
        {id_: sent.get(one.pk, 0) for id_, one in mailboxes.items()},
    )


def _checkpoint(now: datetime) -> Iterator[Metric]:
    day = Checkpoint.objects.order_by("-day").values_list("day", flat=True).first()
    if day is not None:
        began = datetime.combine(day, time(), UTC)
        yield _one(
            "audit_checkpoint_age_seconds",
            "Since the beginning of the day (UTC) of the last checkpoint of the record.",
            _age(now, began),
        )


def _processes() -> Iterator[Metric]:
    does = dict(living().order_by().values_list("does").annotate(Count("pk")))
    yield _by(
        "processes",
        "Processes of Placet that share the database and live, by what they do: all, work or pages.",
        "does",
        {name: does.get(name, 0) for name in Worker.Does.values},
    )


def _workers(now: datetime) -> Iterator[Metric]:
    """Those of the process that is asked; none where another one works."""
    workers = working.workers()
    yield _by(
        "worker_alive",
        "1: this kind of work has its thread.",
        "kind",
        {one.kind: one.alive for one in workers},
    )
    yield _by(
        "worker_last_turn_age_seconds",
        "Since it last looked for work, and did what was there.",
        "kind",
        {one.kind: _age(now, one.last_turn_at) for one in workers if one.last_turn_at},
    )
