"""The kinds of work: what is due, that one row's failure stops no other, and that the runner works until told."""

import itertools
import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from placet import work, work_alone
from placet.accounts import tidy
from placet.alarms import checkpoints, dead_addresses, expiry, revocation_lists, stamps, watch, webhook
from placet.api import key_expiry
from placet.approvals import (
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
from placet.lib import working
from placet.mail import archiving, outbox, sent_items, tasks
from placet.mail.models import IncomingMail, OutgoingMail, ServerTask
from placet.mailboxes.base import Wait
from placet.mailboxes.models import Mailbox
from placet.mailboxes.push import subscriptions
from placet.replies import entry
from placet.reports import work as reports
from placet.webhooks import announcing, delivering, pruning, telling
from placet.workers import leases
from tests.dying import the_worker_dies
from tests.making import make_mailbox

NOW = timezone.now


@pytest.fixture(autouse=True)
def _their_own_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kinds of work that are made up here are not shown on pages that are looked at later."""
    monkeypatch.setattr(working, "_workers", {})


def kept(mailbox: Mailbox, name: str, **more: Any) -> IncomingMail:
    values: dict[str, Any] = {"server_id": name, "fingerprint": name, "folder": "inbox", "raw": b""}
    return IncomingMail.objects.create(mailbox=mailbox, **values | more)


@pytest.mark.django_db
def test_the_kinds_are_those_of_the_path_of_a_reply_and_each_works_its_rows() -> None:
    kinds = {kind.name: kind for kind in work.kinds()}
    assert list(kinds) == [
        "poll", "subscribe", "take_in", "fetch", "mark", "call", "timer", "stop", "calendar", "delegate",
        "absence", "digest", "start", "ask", "send",
        "sent_ids", "watch", "webhook", "expiry", "revocation_list", "stamps", "address", "key_expiry",
        "checkpoint", "tidy",
        "clear_files", "report", "announce", "deliver", "deliver_apart", "tell", "forget",
        "archive",
    ]  # fmt: skip
    assert [kind.work for kind in kinds.values()] == [
        entry.receive,
        subscriptions.work,
        entry.take_in,
        entry.take_in,
        tasks.work,
        calling.work,
        timing.work,
        stopping.work,
        calendar_moves.work,
        delegating.work,
        delegating.work_absence,
        digesting.work,
        mailed_starts.work,
        engine.ask_by_mail,
        outbox.work,
        sent_items.work,
        watch.work,
        webhook.work,
        expiry.work,
        revocation_lists.work,
        stamps.work,
        dead_addresses.work,
        key_expiry.work,
        checkpoints.work,
        tidy.work,
        attachments.work,
        reports.work,
        announcing.work,
        delivering.work,
        delivering.work,
        telling.work,
        pruning.work,
        archiving.work,
    ]
    for kind in kinds.values():
        assert kind.due(10) == []
        assert work.run_once(kind) == 0


@pytest.mark.django_db
def test_mailboxes_are_polled_when_due_the_longest_waiting_first() -> None:
    ids = {}
    changes: dict[str, dict[str, Any]] = {
        "second": {"next_poll": NOW() - timedelta(seconds=5)},
        "first": {"next_poll": NOW() - timedelta(seconds=50)},
        "later": {"next_poll": NOW() + timedelta(minutes=1)},
        "off": {"next_poll": NOW(), "active": False},
        "never": {"next_poll": None},
        "resting": {"next_poll": NOW(), "paused_until": NOW() + timedelta(minutes=1)},
        "rested": {"next_poll": NOW(), "paused_until": NOW() - timedelta(seconds=1)},
    }
    for name, change in changes.items():
        mailbox = make_mailbox(f"{name}@contoso.example")
        Mailbox.objects.filter(pk=mailbox.pk).update(**change)
        ids[mailbox.pk] = name
    assert [ids[pk] for pk in work.mailboxes_due(10)] == ["first", "second", "rested"]
    assert len(work.mailboxes_due(2)) == 2


@pytest.mark.django_db
def test_mail_is_taken_in_in_the_order_it_was_kept_and_when_due() -> None:
    mailbox = make_mailbox()
    first, second = kept(mailbox, "1"), kept(mailbox, "2")
    kept(mailbox, "handled", state=IncomingMail.State.HANDLED)
    kept(mailbox, "aside", state=IncomingMail.State.SET_ASIDE)
    kept(mailbox, "later", due=NOW() + timedelta(minutes=1))
    assert work.incoming_due(10) == [first.pk, second.pk]
    assert work.incoming_due(1) == [first.pk]


@pytest.mark.django_db
def test_a_row_that_fails_stops_none_behind_it() -> None:
    done: list[int] = []

    def one(row: int) -> bool:
        if row == 2:
            raise RuntimeError("nobody foresaw this")
        done.append(row)
        return row != 3

    kind = work.Kind("test", lambda limit: list(range(1, limit + 1)), one)
    assert work.run_once(kind, limit=5) == 3  # 1, 4 and 5; in 3 there was nothing to do
    assert done == [1, 3, 4, 5]


@pytest.mark.django_db
def test_no_row_behind_one_knocks_at_a_mailbox_that_failed() -> None:
    waiting = [1, 2, 3]

    def one(row: int) -> bool:
        if row == 2:
            raise Wait("The server is busy.", "Placet tries again by itself.")
        waiting.remove(row)
        return True

    kind = work.Kind("test", lambda limit: list(waiting), one)
    assert work.run_once(kind) == 1
    assert waiting == [2, 3]  # they are looked up anew, when the mailbox no longer rests


@pytest.mark.django_db
def test_what_a_dead_worker_held_is_free() -> None:
    mailbox = make_mailbox()
    later, claim = NOW() + timedelta(minutes=5), leases.new_claim()
    incoming = kept(mailbox, "1", claim=claim, due=later)
    ServerTask.objects.create(incoming=kept(mailbox, "2"), action="move", claim=claim, due=later)
    OutgoingMail.objects.create(
        mailbox=mailbox, kind="k", to="b@contoso.example", cause="c", reference="r", message_id="m", subject="s",
        raw=b"", state=OutgoingMail.State.SENDING, claim=claim, due=later,
    )  # fmt: skip
    the_worker_dies()
    assert incoming.pk in work.incoming_due(10)
    assert len(tasks.due(10)) == 1
    assert OutgoingMail.objects.get().due < later
    for model in (IncomingMail, ServerTask, OutgoingMail):
        assert not model.objects.exclude(claim="").exists()


@pytest.mark.django_db(transaction=True)
def test_the_runner_works_rows_survives_failures_and_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    lock = threading.Lock()
    waiting = {name: list(range(5)) for name in ("one", "many", "lookup fails once")}
    worked: dict[str, list[int]] = {name: [] for name in waiting}
    failed_once = threading.Event()
    all_done = threading.Event()

    def due(name: str) -> list[int]:
        if name == "lookup fails once" and not failed_once.is_set():
            failed_once.set()
            raise RuntimeError("the database was away")
        with lock:
            return list(waiting[name])

    def one(name: str, row: int) -> bool:
        with lock:
            if row in waiting[name]:
                waiting[name].remove(row)
                worked[name].append(row)
            if not any(waiting.values()):
                all_done.set()
        if row == 2:
            raise RuntimeError("nobody foresaw this")
        connections.close_all()
        return True

    def kind(name: str, workers: int) -> work.Kind:
        return work.Kind(name, lambda limit: due(name), lambda row: one(name, row), workers)

    monkeypatch.setattr(
        work_alone, "kinds", lambda: [kind("one", 1), kind("many", 3), kind("lookup fails once", 1)]
    )
    runner = work_alone.Runner()
    runner.start()
    assert all_done.wait(120)
    assert all(runner.alive().values())
    runner.stop()
    assert not any(runner.alive().values())
    assert {name: sorted(rows) for name, rows in worked.items()} == {
        name: [0, 1, 2, 3, 4] for name in waiting
    }


@pytest.mark.django_db(transaction=True)
def test_where_nothing_is_due_it_is_looked_for_once_a_second_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """However much is to come one day."""
    looked: list[float] = []
    enough = threading.Event()

    def due(_limit: int) -> list[int]:
        looked.append(time.monotonic())
        if len(looked) == 4:
            enough.set()
        return []

    monkeypatch.setattr(work_alone, "kinds", lambda: [work.Kind("timer", due, lambda row: True)])
    runner = work_alone.Runner()
    runner.start()
    assert enough.wait(60)
    runner.stop()
    pauses = [after - before for before, after in itertools.pairwise(looked[:4])]
    assert all(pause > 0.99 for pause in pauses), pauses
    of_moments = [kind.idle for kind in work.kinds() if kind.name in ("timer", "stop", "calendar", "digest")]
    assert len(of_moments) == 4
    assert min(of_moments) >= 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("longest", "keeping"), [(0, set()), (60, {"often"})])
def test_no_connection_waits_that_the_next_look_would_close(
    longest: int, keeping: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`longest`: seconds that one may be kept, which is none on SQLite."""
    looking: dict[str, Any] = {}
    both = threading.Event()

    def due(name: str) -> list[int]:
        assert not Mailbox.objects.filter(name=name).exists()
        looking[name] = connections["default"]
        if len(looking) == 2:
            both.set()
        return []

    def kind(name: str, idle: float) -> work.Kind:
        return work.Kind(name, lambda _limit: due(name), lambda row: True, idle=idle)

    monkeypatch.setitem(connections["default"].settings_dict, "CONN_MAX_AGE", longest)
    monkeypatch.setattr(work_alone, "kinds", lambda: [kind("rare", 60), kind("often", 50)])
    runner = work_alone.Runner()
    runner.start()
    assert both.wait(60)
    until = time.monotonic() + 60
    while {name for name, one in looking.items() if one.connection} != keeping and time.monotonic() < until:
        time.sleep(0.01)
    open_ones = {name for name, one in looking.items() if one.connection}
    runner.stop()
    assert open_ones == keeping


@pytest.mark.django_db(transaction=True)
def test_kinds_that_look_often_do_so_over_one_connection_which_is_another_one_after_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looking: dict[str, list[tuple[Any, Any]]] = {
        "one": [],
        "other": [],
    }  # wrapper and connection of each look
    failed, enough = threading.Event(), threading.Event()

    def due(name: str) -> list[int]:
        assert not Mailbox.objects.filter(name=name).exists()
        looking[name].append((connections["default"], connections["default"].connection))
        if all(len(looks) == 2 for looks in looking.values()) and not failed.is_set():
            failed.set()
            raise RuntimeError("the database was away")
        if all(len(looks) > 3 for looks in looking.values()):
            enough.set()
        return []

    def kind(name: str) -> work.Kind:
        return work.Kind(name, lambda _limit: due(name), lambda row: True, idle=0.05)

    monkeypatch.setattr(work_alone, "kinds", lambda: [kind("one"), kind("other")])
    runner = work_alone.Runner()
    runner.start()
    assert enough.wait(60)
    runner.stop()
    looks = [*looking["one"], *looking["other"]]
    assert len({id(wrapper) for wrapper, _ in looks}) == 1
    assert len({id(opened) for _, opened in looks}) == 2
    assert looks[0][0].connection is None  # closed at the end
