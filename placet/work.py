"""The kinds of background work. Every unit is a row with a state and a due time: the row is the truth.

Each kind names the query that finds due rows and the idempotent function that works one. Two runners run them:
`placet.work_alone` as threads of the one process, and `placet.work_shared` in any number of processes on PostgreSQL.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from django.conf import settings
from django.db import Error as DatabaseTrouble
from django.db import close_old_connections
from django.db.models import Q
from django.utils import timezone

from placet.accounts import tidy
from placet.accounts.reader import as_the_installation_reads
from placet.alarms import checkpoints, dead_addresses, expiry, revocation_lists, stamps, watch, webhook
from placet.api import key_expiry
from placet.approvals import (
    absences,
    attachments,
    calendar_moves,
    calling,
    delegating,
    digesting,
    engine,
    mailed_starts,
    stopping,
    timing,
)
from placet.mail import archiving, outbox, sent_items, tasks
from placet.mail.models import IncomingMail
from placet.mailboxes import polling
from placet.mailboxes.base import Half, MailboxError
from placet.mailboxes.halves import awake
from placet.mailboxes.models import Mailbox
from placet.mailboxes.push import subscriptions
from placet.replies import entry
from placet.reports import work as reports
from placet.webhooks import announcing, delivering, pruning, telling
from placet.workers.leases import Leased

log = structlog.get_logger(__name__)

BATCH = 50  # rows looked up at once
IDLE = 1.0  # seconds between two looks when nothing was due

# What of one mailbox goes on at the same time: one kind of each lane. Microsoft answers no more than four requests at
# once of an application to a mailbox (Microsoft Graph, "throttling limits": MailboxConcurrency); the fourth is left to
# whoever tests the connection on the page.
READ, SEND, TEND = "read", "send", "tend"
# Webhooks go out in shards, as if each were a mailbox; those that failed or were slow hold up no others.
DELIVER, DELIVER_APART = "deliver", "deliver_apart"


@dataclass(frozen=True)
class Kind:
    """One kind of work. One with `mailboxes` is done for each mailbox apart, and by one worker at a time."""

    name: str
    due: Callable[..., list[int]]  # (limit[, mailbox]): ids of at most so many due rows, most urgent first
    work: Callable[[int], bool]  # works one row; False: nothing to do. MailboxError may pass through
    workers: int = 1
    idle: float = IDLE  # seconds between two looks when nothing was due
    then: Sequence[str] = ()  # kinds that get rows by it
    mailboxes: Callable[[], list[int]] | None = None  # those that have due rows
    lane: str = ""
    # Of work that many do side by side: as `due`, but the rows are taken for this process, and given back.
    reserve: Callable[[int], list[int]] | None = None
    let_go: Callable[[list[int]], None] | None = None


def mailboxes_due(limit: int, mailbox: int | None = None) -> list[int]:
    now = timezone.now()
    ready = Mailbox.objects.filter(awake(Half.RECEIVING, now), active=True, next_poll__lte=now)
    return list(_of(ready, pk=mailbox).order_by("next_poll").values_list("id", flat=True)[:limit])


_WHOLE = ~Q(facts__has_key="unread")


def incoming_due(limit: int) -> list[int]:
    """What was kept whole needs no server."""
    return list(_whole().values_list("id", flat=True)[:limit])


def _reserve_incoming(limit: int) -> list[int]:
    return entry.LEASED.reserve(_whole(), limit)


def unread_due(limit: int, mailbox: int | None = None) -> list[int]:
    """What the server listed and did not give waits until its mailbox may be asked."""
    return list(_of(_unread(), mailbox=mailbox).order_by("due", "id").values_list("id", flat=True)[:limit])


def unread_mailboxes() -> list[int]:
    return list(_unread().order_by().values_list("mailbox", flat=True).distinct())


def _whole() -> Any:
    return _incoming().filter(_WHOLE).order_by("due", "id")


def _incoming() -> Any:
    return IncomingMail.objects.filter(state=IncomingMail.State.KEPT, due__lte=timezone.now())


def _unread() -> Any:
    is_awake = awake(Half.RECEIVING, timezone.now(), "mailbox__")
    return _incoming().filter(~_WHOLE).filter(is_awake, mailbox__active=True)


def _of(rows: Any, **mailbox: int | None) -> Any:
    return rows.filter(**mailbox) if all(mailbox.values()) else rows


def unasked_due(limit: int) -> list[int]:
    """Who was asked on the page only, as long as there was no mailbox."""
    return engine.unasked(limit) if Mailbox.objects.filter(active=True).exists() else []


def _subscribing(limit: int, mailbox: int | None = None) -> list[int]:
    return _one_of(subscriptions.due(limit), mailbox)


def _looking_up(limit: int, mailbox: int | None = None) -> list[int]:
    return _one_of(sent_items.due(limit), mailbox)


def _one_of(mailboxes: list[int], mailbox: int | None) -> list[int]:
    return [one for one in mailboxes if mailbox in (None, one)]


def kinds() -> list[Kind]:
    def poll() -> list[int]:
        return mailboxes_due(BATCH)

    def subscribe() -> list[int]:
        return subscriptions.due(BATCH)

    def look_up() -> list[int]:
        return sent_items.due(BATCH)

    decided = ["send", "mark", "call"]
    return [
        Kind("poll", mailboxes_due, entry.receive, then=["take_in", "fetch"], mailboxes=poll, lane=READ),
        Kind(
            "subscribe", _subscribing, subscriptions.work, idle=5, then=["poll"], mailboxes=subscribe, lane=TEND
        ),
        Kind(
            "take_in", incoming_due, entry.take_in, workers=settings.PLACET.workers, then=decided,
            reserve=_reserve_incoming, let_go=entry.LEASED.let_go,
        ),
        Kind("fetch", unread_due, entry.take_in, then=decided, mailboxes=unread_mailboxes, lane=TEND),
        Kind("mark", tasks.due, tasks.work, mailboxes=tasks.mailboxes_due, lane=TEND),
        Kind("call", calling.due, calling.work, then=["send", "call"]),
        Kind("timer", timing.due, timing.work, then=decided),
        Kind("stop", stopping.due, stopping.work, idle=5, then=decided),
        Kind("calendar", calendar_moves.due, calendar_moves.work, idle=30, then=["send"]),
        Kind("delegate", delegating.due, delegating.work, then=["send"]),
        Kind("absence", absences.due, delegating.work_absence, then=["send"]),
        Kind("digest", digesting.due, digesting.work, idle=5, then=["send"]),
        Kind("start", mailed_starts.due, mailed_starts.work, idle=60, then=["send"]),
        Kind("ask", unasked_due, engine.ask_by_mail, idle=30, then=["send"]),
        Kind("send", outbox.due, outbox.work, mailboxes=outbox.mailboxes_due, lane=SEND),
        Kind("sent_ids", _looking_up, sent_items.work, idle=5, mailboxes=look_up, lane=TEND),
        Kind("watch", watch.due, watch.work, idle=30, then=["webhook", "send"]),
        Kind("webhook", webhook.due, webhook.work),
        Kind("expiry", expiry.due, expiry.work, idle=60, then=["send"]),
        Kind("revocation_list", revocation_lists.due, revocation_lists.work, idle=60, then=["send"]),
        Kind("stamps", stamps.due, stamps.work, idle=60, then=["send"]),
        Kind("address", dead_addresses.due, dead_addresses.work, idle=60, then=["send"]),
        Kind("key_expiry", key_expiry.due, key_expiry.work, idle=60, then=["send"]),
        Kind("checkpoint", checkpoints.due, checkpoints.work, idle=60, then=["send"]),
        Kind("tidy", tidy.due, tidy.work, idle=60),
        Kind("clear_files", attachments.due, attachments.work, idle=600),
        Kind("report", reports.due, reports.work, idle=60),
        Kind("announce", announcing.due, announcing.work, then=["deliver"]),
        Kind(
            "deliver", delivering.due, delivering.work, workers=delivering.SHARDS,
            mailboxes=delivering.shards_due, lane=DELIVER,
        ),
        Kind(
            "deliver_apart", delivering.due_apart, delivering.work, workers=delivering.SHARDS,
            mailboxes=delivering.shards_due_apart, lane=DELIVER_APART,
        ),
        Kind("tell", telling.due, telling.work, idle=60, then=["send"]),
        Kind("forget", pruning.due, pruning.work, idle=600),
        Kind("archive", archiving.due, archiving.work, idle=600),
    ]  # fmt: skip


#: Whatever a worker can hold, to be freed when it dies.
LEASED: Sequence[Leased[Any]] = (
    polling.LEASED, entry.LEASED, tasks.LEASED, outbox.LEASED, webhook.LEASED, subscriptions.LEASED,
    delivering.LEASED,
)  # fmt: skip


def run_once(kind: Kind, limit: int = BATCH, *, mailbox: int | None = None) -> int:
    """Work what is due of one kind, one after the other; how many rows were worked."""
    return one_after_the_other(kind, rows_of(kind, limit, mailbox), lambda: False)


def rows_of(kind: Kind, limit: int, mailbox: int | None = None) -> list[int]:
    """What is due of one kind, or of one kind for one mailbox."""
    return kind.due(limit) if mailbox is None else kind.due(limit, mailbox)


def one_after_the_other(kind: Kind, rows: list[int], stopped: Callable[[], bool]) -> int:
    """How many of these rows were worked."""
    worked = 0
    for at, row in enumerate(rows):
        if stopped():
            _let_go(kind, rows[at:])
            break
        try:
            worked += work(kind, row)
        except MailboxError:
            # The mailbox (or this half of it) is paused and its trouble kept. These rows were looked up before that:
            # those behind must not knock at a server that asked for patience, so they are looked up anew.
            _let_go(kind, rows[at:])
            break
    return worked


def _let_go(kind: Kind, rows: list[int]) -> None:
    if kind.let_go is not None:
        kind.let_go(rows)


def work(kind: Kind, row: int) -> bool:
    """Work one row. One that fails must not stop the others: its lease ends and it is tried again."""
    try:
        with as_the_installation_reads():
            return kind.work(row)
    except MailboxError:
        raise
    except Exception as error:
        log.exception("work_failed", kind=kind.name, row=row)
        if isinstance(error, DatabaseTrouble):
            close_old_connections()  # where the database was away, the next row has a connection that works
        return False
