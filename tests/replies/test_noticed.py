"""A notice and a poll: however they meet, what came is looked for soon, by one worker at a time, and few times."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from placet import work, work_alone
from placet.lib import working
from placet.mailboxes import polling
from placet.mailboxes.base import Wait
from placet.mailboxes.models import Mailbox
from placet.mailboxes.push.notices import notice
from placet.replies import entry
from tests.making import make_mailbox

HOUR = timedelta(hours=1)


@pytest.fixture
def mailbox(db: None) -> Mailbox:
    """Looked into a moment ago."""
    made = make_mailbox()
    Mailbox.objects.update(next_poll=timezone.now() + HOUR)
    return made


def wait() -> timedelta:
    """Until the next poll."""
    at = Mailbox.objects.get().next_poll
    assert at is not None
    return at - timezone.now()


@pytest.fixture
def polls(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[int], None]], list[int]]:
    """What a poll does is said by the test; the list has the polls that ran."""

    def with_(what: Callable[[int], None]) -> list[int]:
        ran: list[int] = []

        def look_into(mailbox: Mailbox, claim: str) -> object:
            ran.append(len(ran) + 1)
            what(mailbox.pk)
            return timezone.now() + HOUR

        monkeypatch.setattr(entry, "_look_into", look_into)
        return ran

    return with_


Polls = Callable[[Callable[[int], None]], list[int]]


def test_a_poll_that_nothing_disturbs_is_followed_by_one_at_the_interval(
    mailbox: Mailbox, polls: Polls
) -> None:
    ran = polls(lambda pk: None)
    notice(mailbox.pk)
    assert work.mailboxes_due(10) == [mailbox.pk]
    assert entry.receive(mailbox.pk)
    assert wait() > HOUR / 2
    assert not entry.receive(mailbox.pk)
    assert ran == [1]


def test_a_notice_during_a_poll_leads_to_one_more(mailbox: Mailbox, polls: Polls) -> None:
    seen: list[timedelta] = []

    def disturbed(pk: int) -> None:
        if len(ran) == 1:
            for _ in range(5):
                notice(pk)
            seen.append(wait())
            assert not entry.receive(pk)  # no second worker

    ran = polls(disturbed)
    notice(mailbox.pk)
    assert entry.receive(mailbox.pk)
    assert seen[0] > polling.LEASED.length / 2  # the lease was left alone
    assert wait() <= entry.NOTICED_PAUSE
    Mailbox.objects.update(next_poll=timezone.now())
    assert entry.receive(mailbox.pk)
    assert wait() > HOUR / 2
    assert ran == [1, 2]


def test_a_notice_during_a_poll_that_fails_ends_no_pause(mailbox: Mailbox, polls: Polls) -> None:
    def fails(pk: int) -> None:
        notice(pk)
        Mailbox.objects.update(paused_until=timezone.now() + HOUR)
        raise Wait("The server is busy.", "Placet tries again by itself.")

    polls(fails)
    notice(mailbox.pk)
    with pytest.raises(Wait):
        entry.receive(mailbox.pk)
    assert work.mailboxes_due(10) == []
    Mailbox.objects.update(paused_until=None)
    assert work.mailboxes_due(10) in ([], [mailbox.pk])
    assert wait() <= entry.NOTICED_PAUSE


def test_a_notice_leaves_a_poll_that_is_due_earlier_where_it_is(mailbox: Mailbox) -> None:
    before = timezone.now() - HOUR
    Mailbox.objects.update(next_poll=before)
    notice(mailbox.pk)
    assert Mailbox.objects.get().next_poll == before


def test_nobody_looks_into_a_mailbox_that_is_not_active(mailbox: Mailbox) -> None:
    Mailbox.objects.update(active=False, next_poll=None)
    notice(mailbox.pk)
    assert work.mailboxes_due(10) == []


@pytest.mark.django_db(transaction=True)
def test_the_worker_wakes_and_a_storm_of_notices_is_few_polls(
    monkeypatch: pytest.MonkeyPatch, polls: Polls
) -> None:
    """Notices from eight threads, all the while: none is lost, and polls do not follow upon each other at once."""
    monkeypatch.setattr(working, "_workers", {})
    mailbox = make_mailbox()
    Mailbox.objects.update(next_poll=timezone.now() + HOUR)
    told = looked = 0
    lock = threading.Lock()

    def look(pk: int) -> None:
        nonlocal looked
        with lock:
            looked = told  # whatever was told of by now is seen by this poll

    ran = polls(look)
    (poll,) = [kind for kind in work.kinds() if kind.name == "poll"]
    monkeypatch.setattr(work_alone, "kinds", lambda: [poll])
    runner = work_alone.Runner()
    runner.start()

    def storm() -> None:
        nonlocal told
        try:
            for _ in range(25):
                with lock:
                    told += 1
                notice(mailbox.pk)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=storm) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    end = timezone.now() + timedelta(seconds=30)
    while looked < told and timezone.now() < end:
        threading.Event().wait(0.05)
    runner.stop()
    assert (told, looked) == (200, 200)
    assert len(ran) <= 40


@pytest.mark.django_db(transaction=True)
def test_a_notice_is_followed_by_its_poll_without_waiting_for_the_next_look(
    monkeypatch: pytest.MonkeyPatch, polls: Polls
) -> None:
    monkeypatch.setattr(working, "_workers", {})
    mailbox = make_mailbox()
    Mailbox.objects.update(next_poll=timezone.now() + HOUR)
    polled = threading.Event()
    polls(lambda pk: polled.set())
    kind = work.Kind("poll", work.mailboxes_due, entry.receive, idle=60)
    monkeypatch.setattr(work_alone, "kinds", lambda: [kind])
    runner = work_alone.Runner()
    runner.start()
    threading.Event().wait(0.5)  # it has looked, and found nothing
    notice(mailbox.pk)
    assert polled.wait(120)
    runner.stop()
