"""Marks on the server: what is still to be done to a mail there, as rows, because it will not be shown again."""

from datetime import timedelta

import structlog
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from placet.lib import rows
from placet.mail.models import IncomingMail, ServerTask
from placet.mail.moving import id_here, remember_id
from placet.mailboxes.base import Action, Connection, MailboxError, MailError
from placet.mailboxes.pool import opened
from placet.mailboxes.settings import ExchangeSettings
from placet.workers.leases import Leased

log = structlog.get_logger(__name__)

LEASED = Leased(ServerTask, timedelta(minutes=5), unfinished=Q(done_at=None, failed=False))
MOST_TRIES = 8
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(hours=6)


def handled(incoming: IncomingMail, settings: ExchangeSettings) -> None:
    """Do with a handled mail what the settings say. In the transaction of its effect."""
    folder = settings.handled_folder if settings.handled == Action.MOVE else ""
    _write(incoming, settings.handled, folder)


def move(incoming: IncomingMail, folder: str) -> None:
    _write(incoming, Action.MOVE, folder)


def _write(incoming: IncomingMail, action: Action, folder: str) -> None:
    # One row a mail: what was set aside before and is handled now goes from one folder to the other. What the
    # server showed again under another id goes with it.
    rows.write_for_each(
        ServerTask(action=action, folder=folder),
        "incoming",
        {"id": incoming.pk, "same_as_id": incoming.pk},
        again=("action", "folder", "done_at", "failed", "due", "claim", "tries"),
    )


def due(limit: int, mailbox: int | None = None) -> list[int]:
    """Of all mailboxes, or of one."""
    waiting = _due() if mailbox is None else _due().filter(incoming__mailbox=mailbox)
    return list(waiting.order_by("due", "id").values_list("id", flat=True)[:limit])


def mailboxes_due() -> list[int]:
    return list(_due().order_by().values_list("incoming__mailbox", flat=True).distinct())


def _due() -> QuerySet[ServerTask]:
    now = timezone.now()
    paused = Q(incoming__mailbox__paused_until__gt=now) | Q(incoming__mailbox__active=False)
    return ServerTask.objects.filter(done_at=None, failed=False, due__lte=now).exclude(paused)


def work(task_id: int) -> bool:
    """Do one. False if it is no longer due, or another worker has it. MailboxError passes through."""
    waiting = ServerTask.objects.filter(pk=task_id, done_at=None, failed=False, due__lte=timezone.now())
    claim = LEASED.take(waiting, tries=F("tries") + 1)
    if not claim:
        return False
    with_mail = ServerTask.objects.select_related("incoming__mailbox")
    task = with_mail.defer("incoming__raw", "incoming__transport_headers").get(pk=task_id)
    mine = LEASED.mine(task_id, claim)
    try:
        with opened(task.incoming.mailbox) as connection:
            _mark(connection, task)
    except MailboxError:
        mine.update(claim="", tries=F("tries") - 1, due=timezone.now())
        raise
    except MailError as error:
        for_good = task.tries >= MOST_TRIES
        log.warning("server_task_failed", task=task_id, code=error.code, given_up=for_good)
        pause = min(FIRST_PAUSE * 2**task.tries, LONGEST_PAUSE)
        mine.update(claim="", failed=for_good, last_error=str(error), due=timezone.now() + pause)
        return True
    mine.update(done_at=timezone.now(), claim="", last_error="")
    return True


def _mark(connection: Connection, task: ServerTask) -> None:
    incoming, action = task.incoming, Action(task.action)
    server_id = id_here(connection, incoming)
    if not server_id:
        # Known by the other way's id only (`placet.mail.moving`). If it is there, it is listed anew, and that row has
        # the same to do.
        log.info("mark_left_to_another_row", task=task.pk)
        return
    now_at = connection.mark(server_id, action, task.folder)
    if action is Action.MOVE or server_id != incoming.server_id:
        # What is moved once more (set aside, then handled again) must be found where it is.
        remember_id(incoming, now_at)


def try_again() -> int:
    """An administrator's wish for all marks that were given up. How many they are."""
    given_up = ServerTask.objects.filter(done_at=None, failed=True)
    return given_up.update(failed=False, tries=0, claim="", due=timezone.now())
