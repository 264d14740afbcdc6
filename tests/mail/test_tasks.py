"""Marks on the server: rows that outlive crashes, because the server will not show the mail again."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from placet.mail import tasks
from placet.mail.models import IncomingMail, ServerTask
from placet.mailboxes import pool
from placet.mailboxes.base import MOST_MARKED, Action, MailError, Wait
from placet.mailboxes.memory import MemoryConnection, MemoryMailbox
from placet.mailboxes.microsoft.settings import ExchangeSettings
from placet.mailboxes.models import Mailbox
from placet.mailboxes.pop3.settings import Pop3Settings
from placet.workers import leases
from tests.dying import the_worker_dies

pytestmark = pytest.mark.django_db
RAW = b"From: bob@contoso.example\r\nSubject: x\r\n\r\nyes\r\n"


@pytest.fixture
def incoming(mailbox: Mailbox, server: MemoryMailbox) -> IncomingMail:
    server_id = server.deliver(RAW)
    return IncomingMail.objects.create(
        mailbox=mailbox, server_id=server_id, fingerprint=server_id, folder="inbox", raw=RAW
    )


Marked = tuple[list[str], Action, str]


@pytest.fixture
def calls(server: MemoryMailbox, monkeypatch: pytest.MonkeyPatch) -> list[Marked]:
    """What connections are asked to mark, call by call."""
    made: list[Marked] = []

    class Recording(MemoryConnection):
        def mark(
            self, server_ids: Sequence[str], action: Action, folder: str
        ) -> Iterator[tuple[str, str | MailError]]:
            made.append((list(server_ids), action, folder))
            return super().mark(server_ids, action, folder)

    monkeypatch.setattr(pool, "connect", lambda mailbox: Recording(server))
    return made


def the_task() -> ServerTask:
    return ServerTask.objects.get()


def with_settings(**more: Any) -> ExchangeSettings:
    settings, _ = ExchangeSettings.parse(
        {
            "username": "approvals@contoso.example",
            "client_id": "11111111-2222-3333-4444-555555555555",
            "token_uri": "contoso.example",
            **more,
        }
    )
    return settings


def test_a_handled_mail_is_moved_where_the_settings_say(
    incoming: IncomingMail, server: MemoryMailbox
) -> None:
    tasks.handled(incoming, with_settings(handled="move", handled_folder="Placet/Done"))
    assert tasks.due(10) == [the_task().pk]
    assert tasks.work(the_task().pk)
    assert server.folders == {"Placet/Done": [incoming.server_id]}
    assert the_task().done_at is not None
    assert tasks.due(10) == []
    assert not tasks.work(the_task().pk)


@pytest.mark.parametrize("handled", ["mark_read", "delete"])
def test_or_marked_or_deleted(incoming: IncomingMail, server: MemoryMailbox, handled: str) -> None:
    tasks.handled(incoming, with_settings(handled=handled))
    assert the_task().folder == ""
    tasks.work(the_task().pk)
    assert (incoming.server_id in server.read) == (handled == "mark_read")
    assert server.folders == ({} if handled == "mark_read" else {"Deleted Items": [incoming.server_id]})


def test_or_deleted_after_some_days(incoming: IncomingMail, server: MemoryMailbox) -> None:
    """As POP3 settings say it. What comes to be set aside meanwhile is not."""
    entered = {"username": "approvals@contoso.example", "pop3_host": "pop.contoso.example"}
    settings, _ = Pop3Settings.parse({**entered, "pop3_delete_days": 14})
    tasks.handled(incoming, settings)
    assert tasks.due(10) == []
    with time_machine.travel(timezone.now() + timedelta(days=14, minutes=1)):
        [task] = tasks.due(10)
        assert tasks.work(task)
    assert server.folders == {"Deleted Items": [incoming.server_id]}
    tasks.handled(incoming, settings)
    tasks.move(incoming, "Placet/Set aside")
    assert (the_task().action, tasks.due(10)) == (Action.MOVE, [the_task().pk])
    stays, _ = Pop3Settings.parse(entered)
    assert stays.putting_away == (Action.MARK_READ, "", timedelta())


def test_a_mail_has_one_task_and_the_last_wish_counts(incoming: IncomingMail, server: MemoryMailbox) -> None:
    tasks.move(incoming, "Placet/Set aside")
    tasks.work(the_task().pk)
    tasks.handled(incoming, with_settings())
    task = the_task()
    assert (task.done_at, task.tries, task.action) == (None, 0, Action.MOVE)
    assert tasks.due(10) == [task.pk]


def test_a_mail_that_is_gone_is_no_error(incoming: IncomingMail, server: MemoryMailbox) -> None:
    tasks.move(incoming, "x")
    list(server.connect().mark([incoming.server_id], Action.DELETE, ""))
    assert tasks.work(the_task().pk)
    assert the_task().done_at is not None


def test_pauses_grow_until_it_is_given_up_and_shown(incoming: IncomingMail, server: MemoryMailbox) -> None:
    server.failures["mark"] = [MailError("No.", "ErrorX") for _ in range(20)]
    tasks.move(incoming, "x")
    pauses = []
    with time_machine.travel(timezone.now() + timedelta(seconds=1), tick=False) as clock:
        while not the_task().failed:
            assert the_task().tries < 20
            clock.move_to(the_task().due)
            assert tasks.work(the_task().pk)
            pauses.append(the_task().due - timezone.now())
    assert the_task().tries == tasks.MOST_TRIES
    assert pauses == sorted(set(pauses))
    assert the_task().last_error == "No."
    assert tasks.due(10) == []


def test_the_mailboxs_failure_uses_up_no_tries(incoming: IncomingMail, server: MemoryMailbox) -> None:
    tasks.move(incoming, "x")
    for _ in range(tasks.MOST_TRIES + 2):
        server.failures["mark"] = [Wait("The server is busy.", "Placet tries again by itself.")]
        with pytest.raises(Wait):
            tasks.work(the_task().pk)
        assert (the_task().tries, the_task().claim, the_task().failed) == (0, "", False)
        assert tasks.due(10) == []  # the mailbox rests
        Mailbox.objects.update(paused_until=None)
    assert tasks.due(10) == [the_task().pk]


def test_a_worker_that_was_killed_leaves_a_task_that_another_takes_up(
    incoming: IncomingMail, server: MemoryMailbox
) -> None:
    tasks.move(incoming, "x")
    ServerTask.objects.update(claim="somebody", due=timezone.now() + tasks.LEASED.length, tries=1)
    assert tasks.due(10) == []
    assert not tasks.work(the_task().pk)
    with time_machine.travel(timezone.now() + tasks.LEASED.length + timedelta(seconds=1)):
        assert tasks.work(the_task().pk)
    assert server.folders == {"x": [incoming.server_id]}


def test_after_a_death_no_lease_has_to_run_out(incoming: IncomingMail, server: MemoryMailbox) -> None:
    tasks.move(incoming, "x")
    ServerTask.objects.update(claim=leases.new_claim(), due=timezone.now() + tasks.LEASED.length)
    the_worker_dies()
    assert tasks.due(10) == [the_task().pk]


def test_a_mailbox_that_is_switched_off_is_left_alone(incoming: IncomingMail) -> None:
    tasks.move(incoming, "x")
    Mailbox.objects.update(active=False)
    assert tasks.due(10) == []


def test_what_was_given_up_is_tried_again_from_the_beginning(
    incoming: IncomingMail, server: MemoryMailbox
) -> None:
    assert tasks.try_again() == 0
    tasks.move(incoming, "Set aside")
    ServerTask.objects.update(failed=True, tries=tasks.MOST_TRIES, due=timezone.now() + timedelta(hours=6))
    assert tasks.due(10) == []
    assert tasks.try_again() == 1
    assert the_task().tries == 0
    assert tasks.work(the_task().pk)
    assert server.folders == {"Set aside": [incoming.server_id]}
    assert tasks.try_again() == 0


# --- one row at a time ----------------------------------------------------------------------------------------


def another(mailbox: Mailbox, server: MemoryMailbox, **more: Any) -> ServerTask:
    """A row beside the one in question."""
    server_id = server.deliver(RAW)
    values = {
        "mailbox": mailbox,
        "protocol": mailbox.protocol,
        "server_id": server_id,
        "fingerprint": server_id,
        "folder": "inbox",
        "raw": RAW,
    }
    incoming = IncomingMail.objects.create(**values)
    values = {
        "incoming": incoming,
        "action": "move",
        "folder": "x",
        "due": timezone.now() - timedelta(seconds=1),
    }
    return ServerTask.objects.create(**values | more)


def as_stored(task: ServerTask) -> dict[str, Any]:
    return dict(ServerTask.objects.filter(pk=task.pk).values().get())


DONE = {"done_at": datetime(2026, 11, 24, tzinfo=UTC), "claim": ""}
GIVEN_UP = {"failed": True, "tries": tasks.MOST_TRIES, "last_error": "No."}
CLAIMED = {"claim": "somebody", "tries": 1, "due": datetime(2100, 1, 1, tzinfo=UTC)}


@pytest.mark.parametrize("state", [DONE, GIVEN_UP, CLAIMED])
def test_what_is_done_given_up_or_somebody_elses_is_nobodys_work(
    mailbox: Mailbox, server: MemoryMailbox, state: dict[str, Any]
) -> None:
    waiting, other = another(mailbox, server), another(mailbox, server, **state)
    before = as_stored(other)
    assert tasks.due(10) == [waiting.pk]
    assert not tasks.work(other.pk)
    assert tasks.work(waiting.pk)
    assert as_stored(other) == before
    assert server.folders == {"x": [waiting.incoming.server_id]}


def test_the_longest_due_come_first_and_no_more_than_asked_for(
    mailbox: Mailbox, server: MemoryMailbox
) -> None:
    now = timezone.now()
    late, later, latest = (
        another(mailbox, server, due=now - timedelta(minutes=minutes)) for minutes in (1, 3, 2)
    )
    assert tasks.due(10) == [later.pk, latest.pk, late.pk]
    assert tasks.due(2) == [later.pk, latest.pk]


def test_while_it_is_worked_on_its_lease_runs(
    mailbox: Mailbox, server: MemoryMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, other = another(mailbox, server), another(mailbox, server, folder="y")
    before, during = as_stored(other), []
    mark = tasks._mark

    def marking(*given: Any) -> Iterator[Any]:
        during.append(as_stored(task))
        yield from mark(*given)

    monkeypatch.setattr(tasks, "_mark", marking)
    began = timezone.now()
    assert tasks.work(task.pk)
    assert began + tasks.LEASED.length <= during[0]["due"] <= timezone.now() + tasks.LEASED.length
    assert (len(during[0]["claim"]), during[0]["tries"], during[0]["done_at"]) == (32, 1, None)
    after = as_stored(task)
    assert (after["claim"], after["tries"], after["last_error"]) == ("", 1, "")
    assert as_stored(other) == before


@pytest.mark.parametrize("error", [None, MailError("No.", "ErrorX"), Wait("Busy.", "Wait.")])
def test_whoever_lost_the_lease_writes_nothing(
    mailbox: Mailbox, server: MemoryMailbox, monkeypatch: pytest.MonkeyPatch, error: Exception | None
) -> None:
    lost, kept = another(mailbox, server), another(mailbox, server)
    theirs = {
        "claim": "somebody",
        "tries": 5,
        "due": timezone.now() + timedelta(days=1),
        "last_error": "Theirs.",
    }
    mark = tasks._mark

    def slow(*given: Any) -> Iterator[Any]:
        ServerTask.objects.filter(pk=lost.pk).update(**theirs)
        if isinstance(error, Wait):
            raise error
        yield from ((task, error) for task in given[-1]) if error else mark(*given)

    monkeypatch.setattr(tasks, "_mark", slow)
    with suppress(Wait):
        tasks.work(lost.pk)
    assert theirs.items() <= as_stored(lost).items()
    assert not as_stored(lost)["failed"]
    assert as_stored(lost)["done_at"] is None
    beside = as_stored(kept)
    assert (beside["done_at"] is not None, beside["tries"], beside["last_error"]) == {
        "NoneType": (True, 1, ""),
        "MailError": (False, 1, "No."),
        "Wait": (False, 0, ""),
    }[type(error).__name__]


def test_a_failure_is_this_tasks_alone_and_is_forgotten_when_it_works(
    mailbox: Mailbox, server: MemoryMailbox
) -> None:
    task, other = another(mailbox, server), another(mailbox, server)
    server.failures["mark"] = [MailError("No.", "ErrorX")]
    assert tasks.work(task.pk)
    failed, done = as_stored(task), as_stored(other)
    assert (failed["claim"], failed["tries"], failed["failed"], failed["last_error"]) == ("", 1, False, "No.")
    assert failed["done_at"] is None
    assert failed["due"] > timezone.now() + tasks.FIRST_PAUSE
    assert (done["claim"], done["tries"], done["last_error"]) == ("", 1, "")
    assert done["done_at"] is not None
    ServerTask.objects.filter(pk=task.pk).update(due=timezone.now())
    assert tasks.work(task.pk)
    assert as_stored(task)["last_error"] == ""
    assert as_stored(other) == done


def test_each_pause_is_twice_the_one_before_up_to_the_longest(
    mailbox: Mailbox, server: MemoryMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "MOST_TRIES", 12)
    server.failures["mark"] = [MailError("No.", "ErrorX") for _ in range(12)]
    task = another(mailbox, server)
    pauses = []
    with time_machine.travel(timezone.now() + timedelta(seconds=1), tick=False) as clock:
        for _ in range(11):
            clock.move_to(max(as_stored(task)["due"], timezone.now()))
            assert tasks.work(task.pk)
            pauses.append(as_stored(task)["due"] - timezone.now())
    assert pauses == [min(tasks.FIRST_PAUSE * 2**tried, tasks.LONGEST_PAUSE) for tried in range(1, 12)]
    assert pauses[-1] == tasks.LONGEST_PAUSE


def test_a_new_wish_takes_the_place_of_the_old_one_whatever_became_of_it(
    mailbox: Mailbox, server: MemoryMailbox
) -> None:
    old = {
        "action": "mark_read",
        "folder": "",
        "done_at": timezone.now(),
        "failed": True,
        "claim": "somebody",
    }
    task = another(mailbox, server, **old, tries=7, due=timezone.now() + timedelta(days=1))
    other = another(mailbox, server)
    before = as_stored(other)
    tasks.move(task.incoming, "y")
    now = {"action": "move", "folder": "y", "done_at": None, "failed": False, "claim": "", "tries": 0}
    assert now.items() <= as_stored(task).items()
    assert as_stored(task)["due"] <= timezone.now()
    assert as_stored(other) == before


def test_what_was_shown_again_under_another_id_goes_with_it(mailbox: Mailbox, server: MemoryMailbox) -> None:
    first, again = another(mailbox, server), another(mailbox, server)
    ServerTask.objects.all().delete()
    IncomingMail.objects.filter(pk=again.incoming_id).update(same_as=first.incoming)
    tasks.move(first.incoming, "y")
    assert set(ServerTask.objects.values_list("incoming_id", "folder")) == {
        (first.incoming_id, "y"), (again.incoming_id, "y"),
    }  # fmt: skip


def test_only_what_was_given_up_is_tried_again(mailbox: Mailbox, server: MemoryMailbox) -> None:
    given_up = another(mailbox, server, **GIVEN_UP, claim="left")
    others = [
        another(mailbox, server, done_at=timezone.now(), failed=True, tries=2),
        another(mailbox, server, tries=3, due=timezone.now() + timedelta(hours=1)),
    ]
    before = [as_stored(other) for other in others]
    assert tasks.try_again() == 1
    again = as_stored(given_up)
    assert (again["failed"], again["tries"], again["claim"]) == (False, 0, "")
    assert tasks.due(10) == [given_up.pk]
    assert [as_stored(other) for other in others] == before


def test_what_a_dead_worker_held_is_free_and_nothing_else(mailbox: Mailbox, server: MemoryMailbox) -> None:
    claim = leases.new_claim()
    claimed = another(mailbox, server, **{**CLAIMED, "claim": claim})
    others = [
        another(mailbox, server, claim=claim, done_at=timezone.now(), due=timezone.now() - timedelta(days=1)),
        another(mailbox, server, due=timezone.now() + timedelta(hours=1)),
    ]
    before = [as_stored(other) for other in others]
    the_worker_dies()
    assert as_stored(claimed)["claim"] == ""
    assert tasks.due(10) == [claimed.pk]
    assert [as_stored(other) for other in others] == before


# --- where mails go -------------------------------------------------------------------------------------------


class Renaming(MemoryConnection):
    """Moves give a mail another id, as with Exchange."""

    def mark(
        self, server_ids: Sequence[str], action: Action, folder: str
    ) -> Iterator[tuple[str, str | MailError]]:
        for server_id, now_at in super().mark(server_ids, action, folder):
            yield server_id, f"{now_at}-moved" if action is Action.MOVE else now_at


@pytest.mark.parametrize(
    ("action", "known_as", "remembered"),
    [
        ("move", "memory-0", "memory-0-moved"),
        ("mark_read", "memory-0", "memory-0"),  # nothing moved: it is where it was
        ("mark_read", "memory-new", "memory-new"),
        ("move", "memory-new", "memory-new-moved"),
        ("move", "", "memory-0"),  # another row has it
    ],
)
def test_where_a_mail_went_is_remembered(
    mailbox: Mailbox,
    server: MemoryMailbox,
    monkeypatch: pytest.MonkeyPatch,
    action: str,
    known_as: str,
    remembered: str,
) -> None:
    """What is moved once more must be found where it is."""
    task = another(mailbox, server, action=action)
    monkeypatch.setattr(pool, "connect", lambda mailbox: Renaming(server))
    ids = {task.incoming_id: known_as} if known_as else {}
    monkeypatch.setattr(tasks, "ids_here", lambda connection, mailbox, mails: ids)
    assert tasks.work(task.pk)
    assert IncomingMail.objects.get().server_id == remembered
    assert as_stored(task)["done_at"] is not None


def test_an_id_that_another_row_has_keeps_none_of_the_others_from_being_remembered(
    mailbox: Mailbox, server: MemoryMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [another(mailbox, server) for _ in range(3)]
    anew = another(mailbox, server, done_at=timezone.now()).incoming
    IncomingMail.objects.filter(pk=anew.pk).update(server_id="memory-1-moved")  # the second one, listed anew
    monkeypatch.setattr(pool, "connect", lambda mailbox: Renaming(server))
    assert tasks.work(rows[0].pk)
    ids = list(IncomingMail.objects.order_by("pk").values_list("server_id", flat=True))
    assert ids == ["memory-0-moved", "memory-1", "memory-2-moved", "memory-1-moved"]
    assert not ServerTask.objects.filter(done_at=None).exists()


def test_two_rows_of_one_mail_are_one_mark(
    mailbox: Mailbox, server: MemoryMailbox, calls: list[Marked], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One has the id of the other way, which the open way translates to the id that the other one has."""
    one, two, gone = (another(mailbox, server) for _ in range(3))
    IncomingMail.objects.filter(pk=one.incoming_id).update(server_id="other", protocol="other way")
    IncomingMail.objects.filter(pk=gone.incoming_id).update(server_id="unknown", protocol="other way")
    names = {"other": two.incoming.server_id}
    monkeypatch.setattr(MemoryConnection, "known_as", lambda connection, server_ids, protocol: names)
    assert tasks.work(one.pk)
    assert calls == [([two.incoming.server_id], Action.MOVE, "x")]
    assert not ServerTask.objects.filter(done_at=None).exists()
    ids = dict(IncomingMail.objects.values_list("pk", "server_id"))
    assert ids == {
        one.incoming_id: "other",
        two.incoming_id: two.incoming.server_id,
        gone.incoming_id: "unknown",
    }


# --- many in one call -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", list(Action))
def test_what_is_due_in_a_mailbox_and_the_same_to_do_goes_in_one_call(
    mailbox: Mailbox, server: MemoryMailbox, calls: list[Marked], action: Action
) -> None:
    folder = "x" if action is Action.MOVE else ""
    alike = [another(mailbox, server, action=action, folder=folder) for _ in range(4)]
    elsewhere = Mailbox.objects.create(
        name="B", address="b@contoso.example", active=True, settings=mailbox.settings
    )
    apart = [
        another(mailbox, server, action=action, folder="y"),
        another(mailbox, server, action=next(one for one in Action if one is not action), folder=folder),
        another(elsewhere, server, action=action, folder=folder),
        another(mailbox, server, action=action, folder=folder, due=timezone.now() + timedelta(hours=1)),
        *(
            another(mailbox, server, action=action, folder=folder, **state)
            for state in (DONE, GIVEN_UP, CLAIMED)
        ),
    ]
    before = [as_stored(task) for task in apart]
    assert tasks.work(alike[2].pk)
    [(ids, *what)] = calls
    assert (sorted(ids), what) == ([task.incoming.server_id for task in alike], [action, folder])
    assert all(as_stored(task)["done_at"] and not as_stored(task)["claim"] for task in alike)
    assert [as_stored(task) for task in apart] == before
    assert not tasks.work(alike[0].pk)


def test_no_more_than_one_call_takes_and_the_longest_due_first(
    mailbox: Mailbox, server: MemoryMailbox, calls: list[Marked]
) -> None:
    now = timezone.now()
    late = [another(mailbox, server, due=now - timedelta(minutes=minutes)) for minutes in range(1, 24)]
    longest_due = [task.incoming.server_id for task in reversed(late)]
    due = tasks.due(100)
    assert [tasks.work(pk) for pk in due].count(True) == 2
    assert [sorted(ids) for ids, *_ in calls] == [
        sorted(longest_due[:MOST_MARKED]),
        sorted(longest_due[MOST_MARKED:]),
    ]
    assert tasks.due(100) == []
    assert ServerTask.objects.filter(tries=1).count() == 23


def test_what_was_tried_before_is_tried_by_itself(
    mailbox: Mailbox, server: MemoryMailbox, calls: list[Marked]
) -> None:
    """Whatever breaks a call, as a worker that is killed at it each time, stops the others once at most."""
    new = [another(mailbox, server) for _ in range(2)]
    tried = [another(mailbox, server, tries=1) for _ in range(2)]
    for pk in tasks.due(10):
        tasks.work(pk)
    assert sorted(sorted(ids) for ids, *_ in calls) == [
        [task.incoming.server_id for task in new],
        *([task.incoming.server_id] for task in tried),
    ]


def test_a_worker_that_breaks_between_the_answer_and_the_rows_leaves_what_can_be_done_again(
    mailbox: Mailbox, server: MemoryMailbox, calls: list[Marked], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [another(mailbox, server) for _ in range(3)]
    with monkeypatch.context() as broken, pytest.raises(ZeroDivisionError):
        broken.setattr(tasks, "_write_back", lambda *_: 1 / 0)
        tasks.work(rows[0].pk)
    assert len(server.folders["x"]) == 3
    assert tasks.due(10) == []
    with time_machine.travel(timezone.now() + tasks.LEASED.length + timedelta(seconds=1)):
        assert [tasks.work(pk) for pk in tasks.due(10)] == [True] * 3
    assert [len(ids) for ids, *_ in calls] == [3, 1, 1, 1]
    assert len(server.folders["x"]) == 3
    assert not ServerTask.objects.filter(done_at=None).exists()


class Tiring(MemoryConnection):
    """The first mail is marked, the second one cannot be, and then the mailbox fails."""

    def mark(
        self, server_ids: Sequence[str], action: Action, folder: str
    ) -> Iterator[tuple[str, str | MailError]]:
        yield from super().mark(server_ids[:1], action, folder)
        yield server_ids[1], MailError("No.", "ErrorX")
        raise Wait("Busy.", "Wait.")


def test_what_was_done_before_the_mailbox_failed_is_written_and_the_rest_is_given_back(
    mailbox: Mailbox, server: MemoryMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, failed, *rest = (another(mailbox, server) for _ in range(4))
    monkeypatch.setattr(pool, "connect", lambda mailbox: Tiring(server))
    with pytest.raises(Wait):
        tasks.work(rest[0].pk)
    assert server.folders == {"x": [done.incoming.server_id]}
    assert as_stored(done)["done_at"] is not None
    assert (as_stored(failed)["tries"], as_stored(failed)["last_error"]) == (1, "No.")
    for task in rest:
        after = as_stored(task)
        assert (after["tries"], after["claim"], after["done_at"], after["last_error"]) == (0, "", None, "")
        assert after["due"] <= timezone.now()


class Forgetful(MemoryConnection):
    """Does what it is told, and leaves one out of its answer."""

    def mark(
        self, server_ids: Sequence[str], action: Action, folder: str
    ) -> Iterator[tuple[str, str | MailError]]:
        yield from list(super().mark(server_ids, action, folder))[1:]


def test_a_mail_that_the_answer_leaves_out_is_not_done(
    mailbox: Mailbox, server: MemoryMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [another(mailbox, server) for _ in range(3)]
    monkeypatch.setattr(pool, "connect", lambda mailbox: Forgetful(server))
    assert tasks.work(rows[0].pk)
    [left_out] = ServerTask.objects.filter(done_at=None)
    assert (left_out.tries, left_out.claim, left_out.failed) == (1, "", False)
    assert left_out.last_error == "The server did not say what became of the mail."
    assert left_out.due > timezone.now()


def test_twenty_marks_take_few_statements(
    mailbox: Mailbox, server: MemoryMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [another(mailbox, server) for _ in range(MOST_MARKED)]
    monkeypatch.setattr(pool, "connect", lambda mailbox: Renaming(server))
    with CaptureQueriesContext(connection) as asked:
        assert tasks.work(rows[0].pk)
    verbs = [query["sql"].lstrip("0123456789 times:").split()[0] for query in asked]
    assert sorted(verbs) == [
        "RELEASE",
        "SAVEPOINT",
        "SELECT",
        "SELECT",
        "SELECT",
        "UPDATE",
        "UPDATE",
        "UPDATE",
    ]
    assert set(IncomingMail.objects.values_list("server_id", flat=True)) == {
        f"memory-{number}-moved" for number in range(MOST_MARKED)
    }
