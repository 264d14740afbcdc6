"""Leases are of the worker that took them; who lives keeps what it holds, and what the dead held is free."""

import threading
from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from placet import work
from placet.mail.models import IncomingMail
from placet.mailboxes import polling
from placet.mailboxes.models import Mailbox
from placet.replies import entry
from placet.workers import leases, life
from placet.workers.life import Life
from placet.workers.models import Worker
from tests.making import make_mailbox

SOON = 30.0
LONG_AGO = Now() - 2 * life.DEAD_AFTER


def kept(mailbox: Mailbox, name: str, claim: str = "") -> IncomingMail:
    due = timezone.now() + timedelta(hours=1) if claim else timezone.now()
    return IncomingMail.objects.create(
        mailbox=mailbox, server_id=name, fingerprint=name, folder="inbox", raw=b"", claim=claim, due=due
    )


def worker(*, beat_at: object) -> Worker:
    made = Worker.objects.create(pk=leases.new_id(), name="elsewhere:7", version="0")
    Worker.objects.filter(pk=made.pk).update(beat_at=beat_at)
    return made


@pytest.mark.django_db
def test_a_claim_names_its_worker_and_is_taken_once() -> None:
    mail = kept(make_mailbox(), "1")
    waiting = IncomingMail.objects.filter(pk=mail.pk, due__lte=timezone.now())
    claim = entry.LEASED.take(waiting, tries=3)
    assert claim.startswith(leases.worker_id()) and len(claim) == 32
    assert entry.LEASED.take(waiting) == ""
    mail.refresh_from_db()
    assert (mail.claim, mail.tries) == (claim, 3)
    assert timezone.now() < mail.due <= timezone.now() + entry.LEASED.length
    assert entry.LEASED.mine(mail.pk, claim).exists()
    assert not entry.LEASED.mine(mail.pk + 1, claim).exists()
    assert not entry.LEASED.mine(mail.pk, leases.new_claim()).exists()


@pytest.mark.django_db(transaction=True)
def test_what_the_dead_held_is_free_and_what_the_living_hold_is_theirs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(life, "BEAT", 0.05)
    mailbox = make_mailbox()
    dead, alive = worker(beat_at=LONG_AGO), worker(beat_at=Now())
    rows = {
        "dead": kept(mailbox, "dead", f"{dead.pk}{'0' * 20}"),
        "chosen by the dead": kept(mailbox, "chosen", f"{dead.pk}-{leases.RESERVED}"),
        "alive": kept(mailbox, "alive", f"{alive.pk}{'0' * 20}"),
        "a command's": kept(mailbox, "command", leases.new_id() + "0" * 20),
    }
    mine = Life(Worker.Does.WORK, work.LEASED)
    mine.begin(alone=False)
    for _ in range(int(SOON / 0.05)):
        if not Worker.objects.filter(pk=dead.pk).exists():
            break
        threading.Event().wait(0.05)
    mine.end()
    for row in rows.values():
        row.refresh_from_db()
    assert {name for name, row in rows.items() if not row.claim} == {"dead", "chosen by the dead"}
    assert work.incoming_due(10) == [rows["dead"].pk, rows["chosen by the dead"].pk]
    assert list(Worker.objects.values_list("pk", flat=True)) == [alive.pk]


@pytest.mark.django_db(transaction=True)
def test_the_only_process_frees_at_once_what_any_earlier_one_held() -> None:
    earlier = worker(beat_at=Now())  # killed a moment ago
    mail = kept(make_mailbox(), "1", f"{earlier.pk}{'0' * 20}")
    mine = Life(Worker.Does.ALL, work.LEASED)
    mine.begin(alone=True)
    mine.end()
    assert work.incoming_due(10) == [mail.pk]
    assert not Worker.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("alone", [True, False])
def test_it_frees_what_a_command_held_that_was_killed_only_if_it_is_the_only_one(alone: bool) -> None:
    mailbox = make_mailbox()
    polling.LEASED.take(Mailbox.objects.filter(pk=mailbox.pk))  # as a move does, which is no worker
    mine = Life(Worker.Does.ALL, work.LEASED)
    mine.begin(alone=alone)
    mine.end()
    mailbox.refresh_from_db()
    assert (mailbox.claim == "") is alone


@pytest.mark.django_db(transaction=True)
def test_who_was_taken_for_dead_holds_nothing_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(life, "BEAT", 0.05)
    mine = Life(Worker.Does.WORK, work.LEASED)
    mine.begin(alone=False)
    former = leases.worker_id()
    mail = kept(make_mailbox(), "1")
    claim = entry.LEASED.take(IncomingMail.objects.filter(pk=mail.pk))
    life.bury(Worker.objects.filter(pk=former), work.LEASED)  # as another process does, while this one sleeps
    for _ in range(int(SOON / 0.05)):
        if leases.worker_id() != former and Worker.objects.filter(pk=leases.worker_id()).exists():
            break  # it has a new id, and says so a moment later
        threading.Event().wait(0.05)
    assert not entry.LEASED.mine(mail.pk, claim).exists()
    assert Worker.objects.filter(pk=leases.worker_id()).exists()
    mine.end()


@pytest.mark.django_db
def test_nobody_is_buried_by_one_that_was_cut_off_itself() -> None:
    """Where the database was away for all, whoever is back first has no right to say that the others are dead."""
    mine = Life(Worker.Does.WORK, work.LEASED)
    mine._register()
    assert mine._beat()
    Worker.objects.filter(pk=leases.worker_id()).update(beat_at=LONG_AGO)
    assert not mine._beat()
    assert mine._beat()


@pytest.mark.django_db
def test_times_are_the_databases() -> None:
    """A machine whose clock is an hour late looks alive all the same."""
    late, gone = worker(beat_at=Now()), worker(beat_at=LONG_AGO)
    assert list(life.living()) == [late]
    assert list(life.dead()) == [gone]
