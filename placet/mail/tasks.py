"""Marks on the server: what is still to be done to a mail there, as rows, because it will not be shown again."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import structlog
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext as _

from placet.lib import clock, rows
from placet.mail.models import IncomingMail, ServerTask
from placet.mail.moving import ids_here, remember_ids
from placet.mailboxes.base import MOST_MARKED, Action, Connection, MailboxError, MailError
from placet.mailboxes.models import Mailbox
from placet.mailboxes.pool import opened
from placet.mailboxes.settings import MailboxSettings
from placet.workers.leases import Leased

log = structlog.get_logger(__name__)

LEASED = Leased(ServerTask, timedelta(minutes=5), unfinished=Q(done_at=None, failed=False))
MOST_TRIES = 8
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(hours=6)

#: The id that a task's mail has from now on, or what is wrong with it. None: nothing was done, and nothing is to do.
Outcomes = Mapping[ServerTask, str | MailError | None]


def handled(incoming: IncomingMail, settings: MailboxSettings) -> None:
    """Do with a handled mail what the settings say. In the transaction of its effect."""
    action, folder, pause = settings.putting_away
    _write(incoming, action, folder, clock.now() + pause)


def move(incoming: IncomingMail, folder: str) -> None:
    _write(incoming, Action.MOVE, folder, clock.now())


def _write(incoming: IncomingMail, action: Action, folder: str, due: datetime) -> None:
    # One row a mail: what was set aside before and is handled now goes from one folder to the other. What the
    # server showed again under another id goes with it.
    rows.write_for_each(
        ServerTask(action=action, folder=folder, due=due),
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
    now = clock.now()
    paused = Q(incoming__mailbox__paused_until__gt=now) | Q(incoming__mailbox__active=False)
    return ServerTask.objects.filter(done_at=None, failed=False, due__lte=now).exclude(paused)


def work(task_id: int) -> bool:
    """Do one, and in the same call what else is due in its mailbox and is the same to do. False if it is no longer due,
    or another worker has it. MailboxError passes through, after what was done before it is written."""
    mine = _take(task_id)
    with_mail = mine.select_related("incoming__mailbox").order_by("pk")
    tasks = list(with_mail.defer("incoming__raw", "incoming__transport_headers"))
    if not tasks:
        return False
    mailbox = tasks[0].incoming.mailbox
    outcomes: dict[ServerTask, str | MailError | None] = {}
    try:
        with opened(mailbox) as connection:
            for task, outcome in _mark(connection, mailbox, tasks):
                outcomes[task] = outcome
    except MailboxError:
        _write_back(mine, mailbox, outcomes)
        mine.update(claim="", tries=F("tries") - 1, due=clock.now())
        raise
    unheard = MailError(_("The server did not say what became of the mail."), "NoAnswer")
    _write_back(mine, mailbox, {task: outcomes.get(task, unheard) for task in tasks})
    return True


def _take(task_id: int) -> QuerySet[ServerTask]:
    """Take this one, and those that go with it in one call, in one statement. Those of them that are ours as long as
    the lease holds.

    What was tried before is tried by itself: what breaks a call in a way that nobody foresaw breaks no other's again.
    """
    now = clock.now()
    # By the sum SQLite does not begin with all mails of the mailbox: few tasks are ready, and have an index.
    mailbox = F("incoming__mailbox") + 0
    ready = ServerTask.objects.filter(done_at=None, failed=False, due__lte=now).annotate(mailbox=mailbox)
    task = ready.filter(pk=task_id).values("mailbox", "action", "folder", "tries").first()
    if task is None:
        return ServerTask.objects.none()
    ids = [task_id]
    if task["tries"] == 0:
        others = ready.filter(**task).exclude(pk=task_id).order_by("due", "id")
        ids += others.values_list("id", flat=True)[: MOST_MARKED - 1]
    # Without the mailbox: what another one takes at the same moment is looked at again, which a join is not.
    still = ServerTask.objects.filter(pk__in=ids, done_at=None, failed=False, due__lte=now)
    claim = LEASED.take(still, tries=F("tries") + 1)
    return ServerTask.objects.filter(pk__in=ids, claim=claim) if claim else ServerTask.objects.none()


def _mark(
    connection: Connection, mailbox: Mailbox, tasks: Sequence[ServerTask]
) -> Iterator[tuple[ServerTask, str | MailError | None]]:
    ids = ids_here(connection, mailbox, [task.incoming for task in tasks])
    by_id: dict[str, list[ServerTask]] = {}  # two rows may be of one mail, known by the ids of both ways
    for task in tasks:
        if server_id := ids.get(task.incoming_id):
            by_id.setdefault(server_id, []).append(task)
            continue
        # Known by the other way's id only (`placet.mail.moving`). If it is there, it is listed anew, and that row has
        # the same to do.
        log.info("mark_left_to_another_row", task=task.pk)
        yield task, None
    action, folder = Action(tasks[0].action), tasks[0].folder
    for server_id, outcome in connection.mark(list(by_id), action, folder):
        for task in by_id[server_id]:
            yield task, outcome


def _write_back(mine: QuerySet[ServerTask], mailbox: Mailbox, outcomes: Outcomes) -> None:
    """What became of those that are still ours; before that, where mails are now, for whoever takes them up if this is
    cut off in between."""
    now = clock.now()
    errors = {task: outcome for task, outcome in outcomes.items() if isinstance(outcome, MailError)}
    if done := [task.pk for task in outcomes if task not in errors]:
        _remember(mailbox, outcomes)
        mine.filter(pk__in=done).update(done_at=now, claim="", last_error="")
    for task, error in errors.items():
        for_good = task.tries >= MOST_TRIES
        log.warning("server_task_failed", task=task.pk, code=error.code, given_up=for_good)
        pause = min(FIRST_PAUSE * 2**task.tries, LONGEST_PAUSE)
        mine.filter(pk=task.pk).update(claim="", failed=for_good, last_error=str(error), due=now + pause)


def _remember(mailbox: Mailbox, outcomes: Outcomes) -> None:
    """What is moved once more (set aside, then handled again) must be found where it is."""
    moved = {
        task.incoming_id: server_id
        for task, server_id in outcomes.items()
        if isinstance(server_id, str)
        and (server_id, mailbox.protocol) != (task.incoming.server_id, task.incoming.protocol)
    }
    if moved:
        remember_ids(mailbox, moved)


def try_again() -> int:
    """An administrator's wish for all marks that were given up. How many they are."""
    given_up = ServerTask.objects.filter(done_at=None, failed=True)
    return given_up.update(failed=False, tries=0, claim="", due=clock.now())
