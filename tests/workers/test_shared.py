"""Any number of processes on one PostgreSQL: each row is worked once, nobody waits for a look to be told, and a nudge
that is lost costs no more than a moment."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, connections
from django.utils import timezone

from placet import work
from placet.lib import working
from placet.mail.models import IncomingMail
from placet.mailboxes.models import Mailbox
from placet.replies import entry
from placet.workers import leases
from placet.workers.models import Sweep, Worker
from tests.making import damage, make_mailbox
from tests.replies.test_fetch import SETTINGS

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

SOON = 60.0
Process = Callable[[], Any]


@pytest.fixture(autouse=True)
def _of_this_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(working, "_workers", {})


@pytest.fixture
def runners(monkeypatch: pytest.MonkeyPatch) -> Iterator[Process]:
    """Makes one more; they are stopped at the end. On the database of this test."""
    from placet import work_shared

    started: list[work_shared.Runner] = []

    def start() -> work_shared.Runner:
        runner = work_shared.Runner(Worker.Does.WORK)
        runner.start()
        started.append(runner)
        return runner

    yield start
    for runner in started:
        runner.stop()


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + SOON
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def kept(mailbox: Mailbox, count: int) -> list[int]:
    rows = [
        IncomingMail(mailbox=mailbox, server_id=str(n), fingerprint=str(n), folder="inbox", raw=b"")
        for n in range(count)
    ]
    return [row.pk for row in IncomingMail.objects.bulk_create(rows)]


def jobs() -> list[tuple[str, str]]:
    from procrastinate.contrib.django.models import ProcrastinateJob

    return list(ProcrastinateJob.objects.order_by("id").values_list("queueing_lock", "status"))


# --- rows are chosen by one -------------------------------------------------------------------------------


def test_rows_that_one_chose_no_other_chooses() -> None:
    mailbox = make_mailbox(**SETTINGS)
    rows = kept(mailbox, 5)
    waiting = IncomingMail.objects.filter(due__lte=timezone.now()).order_by("due", "id")
    assert entry.LEASED.reserve(waiting, 3) == rows[:3]
    assert work.incoming_due(10) == rows[3:]
    assert set(IncomingMail.objects.filter(pk__in=rows[:3]).values_list("claim", flat=True)) == {
        leases.reservation()
    }
    entry.LEASED.let_go(rows[:2])
    assert sorted(work.incoming_due(10)) == [*rows[:2], *rows[3:]]


def test_rows_that_another_transaction_looks_at_are_passed_over() -> None:
    rows = kept(make_mailbox(**SETTINGS), 4)
    looked, go = threading.Event(), threading.Event()

    def look() -> None:
        from django.db import transaction

        with transaction.atomic():
            list(IncomingMail.objects.select_for_update().filter(pk__in=rows[:2]))
            looked.set()
            go.wait(SOON)
        connections.close_all()

    thread = threading.Thread(target=look)
    thread.start()
    looked.wait(SOON)
    chosen = entry.LEASED.reserve(IncomingMail.objects.order_by("id"), 4)
    go.set()
    thread.join()
    assert chosen == rows[2:]


def test_a_chosen_row_is_taken_in_by_whoever_chose_it_alone() -> None:
    (row,) = kept(make_mailbox(**SETTINGS), 1)
    entry.LEASED.reserve(IncomingMail.objects.all(), 1)
    assert entry._claim(row) is not None
    IncomingMail.objects.update(
        claim=f"{leases.new_id()}-{leases.RESERVED}", due=timezone.now() + timedelta(hours=1)
    )
    assert entry._claim(row) is None


# --- nudges -----------------------------------------------------------------------------------------------


def test_of_one_kind_and_shard_one_nudge_waits_and_a_second_breaks_no_transaction() -> None:
    from django.db import transaction

    from placet.work_shared import IN_TURN
    from placet.workers import nudges
    from placet.workers.nudges import Nudge

    one, two = Nudge("poll", 1, IN_TURN, lock="read:1"), Nudge("poll", 2, IN_TURN, lock="read:2")
    assert nudges.send([one, one]) == 1
    with transaction.atomic():
        assert nudges.send([one, two]) == 1
        assert not nudges._send(two)  # as where two write it at the same moment
        make_mailbox(**SETTINGS)  # the transaction goes on
    assert jobs() == [("poll:1", "todo"), ("poll:2", "todo")]


def test_nudges_are_for_what_is_due() -> None:
    from placet import work_shared

    first, second = (
        make_mailbox("a@contoso.example", **SETTINGS),
        make_mailbox("b@contoso.example", **SETTINGS),
    )
    Mailbox.objects.update(next_poll=timezone.now())
    Mailbox.objects.filter(pk=second.pk).update(paused_until=timezone.now() + timedelta(hours=1))
    kinds = {kind.name: kind for kind in work.kinds()}
    assert [nudge.shard for nudge in work_shared.nudges_of(kinds["poll"])] == [first.pk]
    assert list(work_shared.nudges_of(kinds["take_in"])) == []
    kept(first, 2 * work.BATCH + 1)
    slots = list(work_shared.nudges_of(kinds["take_in"]))
    assert [(nudge.shard, nudge.lock) for nudge in slots] == [(0, None), (1, None), (2, None)]


def test_of_many_processes_one_looks_in_a_second() -> None:
    from django.db.models.functions import Now

    from placet import work_shared

    Sweep.objects.create(pk=1, at=Now() - timedelta(hours=1))
    assert [work_shared._take_the_look() for _ in range(3)] == [True, False, False]


# --- turns ------------------------------------------------------------------------------------------------


@pytest.fixture
def worked(monkeypatch: pytest.MonkeyPatch) -> Counter[int]:
    """How often each row was worked, of mails that need no more than to be marked as handled."""
    rows: Counter[int] = Counter()
    lock = threading.Lock()

    def take_in(row: int) -> bool:
        reply = entry._claim(row)
        if reply is None:
            return False
        time.sleep(0.002)
        entry.mine(reply)
        with lock:
            rows[row] += 1
        return True

    from placet import work_shared

    made = [kind for kind in work.kinds() if kind.name in ("poll", "take_in", "send", "mark", "fetch")]
    changed = [
        work.Kind("take_in", kind.due, take_in, workers=2, reserve=kind.reserve, let_go=kind.let_go)
        if kind.name == "take_in"
        else kind
        for kind in made
    ]
    monkeypatch.setattr(work_shared, "kinds", lambda: changed)
    return rows


def test_three_share_the_rows_and_each_is_worked_once(runners: Process, worked: Counter[int]) -> None:
    mailbox = make_mailbox(**SETTINGS)
    Mailbox.objects.update(next_poll=None)
    rows = kept(mailbox, 400)
    for _ in range(3):
        runners()
    until(lambda: not IncomingMail.objects.filter(state=IncomingMail.State.KEPT).exists())
    assert worked == Counter(rows)


def test_a_lost_nudge_costs_a_moment(runners: Process, worked: Counter[int]) -> None:
    """Nobody told of these rows, and the nudges of a dead worker keep nobody away."""
    from placet.work_shared import SIDE_BY_SIDE
    from placet.workers import nudges
    from placet.workers.nudges import Nudge

    nudges.send([Nudge("take_in", 0, SIDE_BY_SIDE)])
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = 'doing'")  # by a worker that is no more
    mailbox = make_mailbox(**SETTINGS)
    Mailbox.objects.update(next_poll=None)
    runners()
    kept(mailbox, 3)
    until(lambda: len(worked) == 3)
    until(lambda: jobs() == [])


def test_who_writes_a_row_tells_who_works(
    runners: Process, worked: Counter[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    from placet import work_shared

    monkeypatch.setattr(work_shared, "IDLE", 3600.0)  # nobody looks by themselves
    mailbox = make_mailbox(**SETTINGS)
    Mailbox.objects.update(next_poll=None)
    runners()
    time.sleep(1)
    kept(mailbox, 1)
    began = time.monotonic()
    work_shared.tell("take_in")
    until(lambda: len(worked) == 1)
    assert time.monotonic() - began < work_shared.POLLING


def test_a_runner_that_is_stopped_leaves_nothing_in_its_hand(runners: Process, worked: Counter[int]) -> None:
    mailbox = make_mailbox(**SETTINGS)
    Mailbox.objects.update(next_poll=None)
    kept(mailbox, 300)
    runner = runners()
    until(lambda: len(worked) > 10)
    runner.stop()
    assert not runner.alive()
    assert not IncomingMail.objects.exclude(claim="").exists()
    assert not Worker.objects.exists()
    assert sum(worked.values()) == len(worked)


def test_mailboxes_settings_say_what_reads_a_session_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    from placet import work_shared

    monkeypatch.setattr(settings.PLACET, "database_direct_url", "postgres://own@db.example:5433/placet")
    parameters = work_shared._listening_parameters()
    assert (parameters["host"], parameters["port"], parameters["dbname"]) == ("db.example", "5433", "placet")


# --- what goes wrong --------------------------------------------------------------------------------------


def test_a_damaged_mail_that_was_chosen_is_set_aside() -> None:
    (row,) = kept(make_mailbox(**SETTINGS), 1)
    damage(IncomingMail.objects.get(pk=row))
    assert entry.LEASED.reserve(IncomingMail.objects.defer("raw").order_by("pk"), 1) == [row]
    assert entry.take_in(row)
    assert IncomingMail.objects.filter(pk=row, state=IncomingMail.State.SET_ASIDE, claim="").exists()


def test_a_kind_that_cannot_be_looked_up_keeps_no_other_from_its_work(
    runners: Process, worked: Counter[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    from placet import work_shared

    def broken(_limit: int) -> list[int]:
        raise ValueError("a setting that is no number")

    others = getattr(work_shared, "kinds")()  # noqa: B009 - those of this test
    monkeypatch.setattr(
        work_shared, "kinds", lambda: [work.Kind("watch", broken, lambda row: False), *others]
    )
    mailbox = make_mailbox(**SETTINGS)
    Mailbox.objects.update(next_poll=None)
    kept(mailbox, 2)
    runners()
    until(lambda: len(worked) == 2)


def test_a_nudge_whose_end_could_not_be_written_blocks_its_lane_for_a_moment_only(
    runners: Process, worked: Counter[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    from placet import work_shared
    from placet.workers import nudges
    from placet.workers.nudges import Nudge

    monkeypatch.setattr(work_shared, "REAPING", 0.2)
    mailbox = make_mailbox(**SETTINGS)
    Mailbox.objects.update(next_poll=None)
    kept(mailbox, 1)
    runner = runners()
    until(lambda: len(worked) == 1)
    nudges.send([Nudge("send", mailbox.pk, "nobody's", lock=f"send:{mailbox.pk}")])
    with connection.cursor() as cursor:  # as if it had ended while the database was away
        cursor.execute(
            "UPDATE procrastinate_jobs SET status = 'doing', worker_id = %s WHERE queue_name = 'nobody''s'",
            [max(runner._job_workers)],
        )
        assert cursor.rowcount == 1
    until(lambda: (f"send:{mailbox.pk}", "doing") not in jobs())
