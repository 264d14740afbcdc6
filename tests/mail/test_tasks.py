"""Marks on the server: rows that outlive crashes, because the server will not show the mail again."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from placet.mail import tasks
from placet.mail.models import IncomingMail, ServerTask
from placet.mailboxes import pool
from placet.mailboxes.base import Action, MailError, Wait
from placet.mailboxes.memory import MemoryConnection, MemoryMailbox
from placet.mailboxes.models import Mailbox
from placet.mailboxes.settings import ExchangeSettings

pytestmark = pytest.mark.django_db
RAW = b"From: bob@contoso.example\r\nSubject: x\r\n\r\nyes\r\n"


@pytest.fixture
def incoming(mailbox: Mailbox, server: MemoryMailbox) -> IncomingMail:
    server_id = server.deliver(RAW)
    return IncomingMail.objects.create(
        mailbox=mailbox, server_id=server_id, fingerprint=server_id, folder="inbox", raw=RAW
    )


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
    ServerTask.objects.update(claim="somebody", due=timezone.now() + tasks.LEASE, tries=1)
    assert tasks.due(10) == []
    assert not tasks.work(the_task().pk)
    with time_machine.travel(timezone.now() + tasks.LEASE + timedelta(seconds=1)):
        assert tasks.work(the_task().pk)
    assert server.folders == {"x": [incoming.server_id]}


def test_after_a_start_no_lease_has_to_run_out(incoming: IncomingMail, server: MemoryMailbox) -> None:
    tasks.move(incoming, "x")
    ServerTask.objects.update(claim="somebody", due=timezone.now() + tasks.LEASE)
    tasks.release_claims()
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
    task, other = another(mailbox, server), another(mailbox, server)
    before, during = as_stored(other), []
    mark = tasks._mark

    def marking(*given: Any) -> None:
        during.append(as_stored(task))
        mark(*given)

    monkeypatch.setattr(tasks, "_mark", marking)
    began = timezone.now()
    assert tasks.work(task.pk)
    assert began + tasks.LEASE <= during[0]["due"] <= timezone.now() + tasks.LEASE
    assert (len(during[0]["claim"]), during[0]["tries"], during[0]["done_at"]) == (32, 1, None)
    after = as_stored(task)
    assert (after["claim"], after["tries"], after["last_error"]) == ("", 1, "")
    assert as_stored(other) == before


@pytest.mark.parametrize("error", [None, MailError("No.", "ErrorX"), Wait("Busy.", "Wait.")])
def test_whoever_lost_the_lease_writes_nothing(
    mailbox: Mailbox, server: MemoryMailbox, monkeypatch: pytest.MonkeyPatch, error: Exception | None
) -> None:
    task = another(mailbox, server)
    theirs = {
        "claim": "somebody",
        "tries": 5,
        "due": timezone.now() + timedelta(days=1),
        "last_error": "Theirs.",
    }

    def slow(*_: object) -> None:
        ServerTask.objects.filter(pk=task.pk).update(**theirs)
        if error:
            raise error

    monkeypatch.setattr(tasks, "_mark", slow)
    with suppress(Wait):
        tasks.work(task.pk)
    assert theirs.items() <= as_stored(task).items()
    assert not as_stored(task)["failed"]
    assert as_stored(task)["done_at"] is None


def test_a_failure_is_this_tasks_alone_and_is_forgotten_when_it_works(
    mailbox: Mailbox, server: MemoryMailbox
) -> None:
    task, other = another(mailbox, server), another(mailbox, server)
    before = as_stored(other)
    server.failures["mark"] = [MailError("No.", "ErrorX")]
    assert tasks.work(task.pk)
    failed = as_stored(task)
    assert (failed["claim"], failed["tries"], failed["failed"], failed["last_error"]) == ("", 1, False, "No.")
    assert failed["due"] > timezone.now() + tasks.FIRST_PAUSE
    ServerTask.objects.filter(pk=task.pk).update(due=timezone.now())
    assert tasks.work(task.pk)
    assert as_stored(task)["last_error"] == ""
    assert as_stored(other) == before


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


def test_a_start_frees_what_is_claimed_and_changes_nothing_else(
    mailbox: Mailbox, server: MemoryMailbox
) -> None:
    claimed = another(mailbox, server, **CLAIMED)
    others = [
        another(
            mailbox, server, claim="left", done_at=timezone.now(), due=timezone.now() - timedelta(days=1)
        ),
        another(mailbox, server, due=timezone.now() + timedelta(hours=1)),
    ]
    before = [as_stored(other) for other in others]
    tasks.release_claims()
    assert as_stored(claimed)["claim"] == ""
    assert tasks.due(10) == [claimed.pk]
    assert [as_stored(other) for other in others] == before


class Renaming(MemoryConnection):
    """Moves give a mail another id, as with Exchange."""

    def mark(self, server_id: str, action: Action, folder: str) -> str:
        return f"{super().mark(server_id, action, folder)}-{action}"


@pytest.mark.parametrize(
    ("action", "known_as", "remembered"),
    [
        ("move", "memory-0", "memory-0-move"),
        ("mark_read", "memory-0", "memory-0"),  # nothing moved: it is where it was
        ("mark_read", "memory-new", "memory-new-mark_read"),
        ("move", "memory-new", "memory-new-move"),
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
    monkeypatch.setattr(tasks, "id_here", lambda connection, incoming: known_as)
    assert tasks.work(task.pk)
    assert IncomingMail.objects.get().server_id == remembered
    assert as_stored(task)["done_at"] is not None
