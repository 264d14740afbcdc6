"""The alarm as a real `placet serve` raises it: with a worker that hangs, and killed in the middle of telling."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connections
from django.utils import timezone

from placet import work, work_alone
from placet.accounts.installation import check_keys
from placet.accounts.models import Person
from placet.alarms import chosen, messages
from placet.alarms.models import AlarmSettings, Delivery, Outage
from placet.lib import working
from placet.mail.models import OutgoingMail
from placet.mailboxes import pool
from placet.mailboxes.base import FixNeeded
from placet.mailboxes.models import Mailbox
from tests.alarms.conftest import Receiver, allow
from tests.making import make_mailbox
from tests.soak.kill import Process

pytestmark = pytest.mark.django_db(transaction=True)
SOON = 60.0  # seconds


def until(moment: Callable[[], bool]) -> None:
    end = time.monotonic() + SOON
    while not moment():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.05)


@pytest.fixture
def silent(receiver: Receiver) -> Mailbox:
    """A mailbox into which no look has succeeded for 31 minutes, of a Placet that ran all the while."""
    check_keys()
    allow(receiver.url)
    chosen.save(minutes=30, address=receiver.url, by=1)
    now = timezone.now()
    AlarmSettings.objects.update(looked_at=now - timedelta(seconds=26), awake_since=now - timedelta(days=1))
    mailbox = make_mailbox()
    Mailbox.objects.update(last_poll_at=now - timedelta(minutes=31), active_since=now - timedelta(days=1))
    return mailbox


def test_a_worker_that_hangs_is_noticed_by_another(
    silent: Mailbox, receiver: Receiver, admin: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(working, "_workers", {})
    hangs = threading.Event()

    def hang(_row: int) -> bool:
        hangs.wait(SOON)
        return True

    other = make_mailbox("second@contoso.example")
    Mailbox.objects.filter(pk=other.pk).update(last_poll_at=timezone.now())
    kinds = [kind for kind in work.kinds() if kind.name in ("watch", "webhook")]
    monkeypatch.setattr(work_alone, "kinds", lambda: [work.Kind("poll", lambda limit: [1], hang), *kinds])
    runner = work_alone.Runner()
    runner.start()
    try:
        until(lambda: bool(receiver.got) and Delivery.objects.get().state == Delivery.State.SENT)
    finally:
        hangs.set()
        runner.stop()
    (message,) = receiver.got
    assert (message["what"], message["mailbox"]) == ("alarm", silent.address)
    assert "the worker that reads it hangs" in message["cause"]
    assert list(OutgoingMail.objects.values_list("kind", "to", "mailbox")) == [
        (messages.ALARM, admin.email, other.pk)
    ]


@pytest.mark.long
def test_a_process_that_is_killed_while_it_tells_is_followed_by_one_that_tells(
    silent: Mailbox, receiver: Receiver, admin: Person, tmp_path: Path
) -> None:
    pool.failed(silent, FixNeeded("The client secret is wrong.", "Enter it again."))
    receiver.hold = threading.Event()
    connections.close_all()
    with (tmp_path / "serve.log").open("w") as output:
        first = Process(output)
        try:
            until(lambda: bool(receiver.got))  # the message is out, and nobody knows whether it arrived
        finally:
            first.kill()
        receiver.hold.set()
        second = Process(output)
        try:
            until(lambda: Delivery.objects.filter(state=Delivery.State.SENT).exists())
        finally:
            second.kill()
    assert Outage.objects.get().mailbox == silent
    assert Delivery.objects.get().tries == 2
    before, after = receiver.got
    assert before == after  # the same id: the receiver can tell
