"""Administration: its first page, and health."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from placet.accounts.models import Person
from placet.approvals.models import Assignment, Request
from placet.mail.models import IncomingMail
from placet.mailboxes import pool
from placet.mailboxes.base import FixNeeded
from placet.mailboxes.models import Mailbox
from placet.panel import health

As = Callable[[Person | None], Client]


@pytest.fixture
def ada(admin: Person, as_: As) -> Client:
    return as_(admin)


# --- health -----------------------------------------------------------------------------------------------


def test_a_new_installation_is_told_what_to_do_first(ada: Client) -> None:
    page = ada.get(reverse("panel:home")).content.decode()
    for step in ("Set up the mailbox", "Add people", "Take one of the templates"):
        assert step in page


def test_trouble_is_shown_with_cause_and_cure(ada: Client, mailbox: Mailbox) -> None:
    pool.failed(mailbox, FixNeeded("The secret has expired.", "Make a new one.", {"trace": "17"}))
    page = ada.get(reverse("panel:home")).content.decode()
    for text in ("needs you", "The secret has expired.", "Make a new one.", "trace 17", "in 15 minutes"):
        assert text in page


def test_the_first_page_counts_what_needs_a_look(
    ada: Client, incoming: IncomingMail, asked: Assignment
) -> None:
    found = health.health()
    assert (found.set_aside, found.waiting_out, found.failed_out, found.waiting_in) == (1, 1, 0, 0)
    assert found.database in ("SQLite", "PostgreSQL")
    assert found.version in ada.get(reverse("panel:home")).content.decode()


def test_healthz_is_public_and_says_nothing_but_ok(mailbox: Mailbox, client: Client) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize(
    ("overdue", "paused", "active", "ok"),
    [(0, None, True, True), (199, None, True, True), (201, None, True, False), (900, 60, True, True),
     (900, -60, True, True), (900, -300, True, False), (900, None, False, True)],
)  # fmt: skip
def test_healthz_notices_that_no_poll_succeeded_for_ten_intervals(
    overdue: int, paused: int | None, active: bool, ok: bool, mailbox: Mailbox, client: Client
) -> None:
    now = timezone.now()
    Mailbox.objects.update(
        active_since=now - timedelta(days=1),
        last_poll_at=now - timedelta(seconds=overdue),
        paused_until=None if paused is None else now + timedelta(seconds=paused),
        active=active,
    )
    answer = client.get("/healthz")
    assert (answer.status_code == 200) is ok
    if not ok:
        assert answer.json() == {"status": "failing", "failing": ["poll"]}


def test_healthz_names_a_database_that_cannot_be_reached(
    client: Client, monkeypatch: pytest.MonkeyPatch, db: None
) -> None:
    def away() -> list[str]:
        raise OperationalError("could not connect to db.internal")

    monkeypatch.setattr(health, "failing", away)
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json() == {"status": "failing", "failing": ["database"]}


def test_an_administrator_sees_every_request(purchase: Request, ada: Client) -> None:
    assert ada.get(reverse("portal:request", args=[purchase.public_id])).status_code == 200
