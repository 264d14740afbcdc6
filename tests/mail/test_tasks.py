"""Marks on the server: rows that outlive crashes, because the server will not show the mail again."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from placet.mail import tasks
from placet.mail.models import IncomingMail, ServerTask
from placet.mailboxes.base import Action, MailError, Wait
from placet.mailboxes.memory import MemoryMailbox
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
    server.connect().mark(incoming.server_id, Action.DELETE, "")
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
