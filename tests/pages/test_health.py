"""When Placet says that it does not work: to administrators on the first page, to monitors at `/healthz`."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from placet.mail.models import IncomingMail, OutgoingMail, ServerTask
from placet.mailboxes import pool
from placet.mailboxes.base import Wait
from placet.mailboxes.models import Mailbox
from placet.panel import health
from placet.replies import entry


def ago(**of: float) -> Any:
    return timezone.now() - timedelta(**of)


@pytest.fixture(autouse=True)
def _works(mailbox: Mailbox) -> None:
    Mailbox.objects.update(active_since=ago(days=1), last_poll_at=ago(seconds=5))


def failing(client: Client) -> list[str]:
    answer = client.get("/healthz")
    assert (answer.status_code == 503) is ("failing" in answer.json())
    return list(answer.json().get("failing", []))


def shown() -> tuple[str, str]:
    (one,) = health.health().mailboxes
    return one.tone, one.words


def test_a_mailbox_that_works_is_good(client: Client) -> None:
    assert failing(client) == []
    assert shown() == ("good", "works")


def test_polls_that_are_begun_again_and_again_and_never_succeed_are_noticed(client: Client) -> None:
    Mailbox.objects.update(last_poll_at=ago(seconds=201), next_poll=timezone.now())
    assert failing(client) == ["poll"]
    assert shown() == ("bad", "not looked into")


def test_a_mailbox_that_was_just_switched_on_again_is_not_late(client: Client) -> None:
    Mailbox.objects.update(last_poll_at=ago(days=3), active_since=ago(seconds=5))
    assert failing(client) == []


def test_a_long_look_that_is_going_on_is_not_late_until_its_lease_has_run_out(client: Client) -> None:
    Mailbox.objects.update(last_poll_at=ago(seconds=400), claim="x")
    assert failing(client) == []
    Mailbox.objects.update(last_poll_at=timezone.now() - entry.POLL_LEASE - timedelta(seconds=201))
    assert failing(client) == ["poll"]


def test_trouble_with_a_poll_that_is_late_is_bad(mailbox: Mailbox) -> None:
    pool.failed(mailbox.pk, Wait("Exchange is busy.", "Placet tries again by itself."))
    assert shown() == ("warn", "in trouble")
    Mailbox.objects.update(paused_until=None, last_poll_at=ago(seconds=201))
    assert shown() == ("bad", "in trouble")


def test_settings_that_are_not_valid_do_not_break_the_page(client: Client) -> None:
    Mailbox.objects.update(settings={"poll_seconds": "soon"}, last_poll_at=ago(seconds=201))
    assert failing(client) == ["poll"]


def came(mailbox: Mailbox, **more: Any) -> IncomingMail:
    name = f"mail {IncomingMail.objects.count()}"
    return IncomingMail.objects.create(
        mailbox=mailbox, server_id=name, fingerprint=name, folder="inbox", raw=b"x", **more
    )


def to_take_in(mailbox: Mailbox, due: Any) -> None:
    came(mailbox, due=due)


def to_put_away(mailbox: Mailbox, due: Any) -> None:
    mail = came(mailbox, state=IncomingMail.State.HANDLED)
    ServerTask.objects.create(incoming=mail, action="mark_read", due=due)


def to_send(mailbox: Mailbox, due: Any) -> None:
    OutgoingMail.objects.create(
        mailbox=mailbox, kind="k", to="b@contoso.example", cause="c", reference="r", message_id="m", subject="s",
        raw=b"", due=due,
    )  # fmt: skip


WAITING = {"take_in": to_take_in, "mark": to_put_away, "send": to_send}


@pytest.mark.parametrize("kind", WAITING)
def test_work_that_was_due_ten_minutes_ago_is_noticed(kind: str, mailbox: Mailbox, client: Client) -> None:
    WAITING[kind](mailbox, ago(minutes=11))
    assert failing(client) == [kind]
    assert shown() == ("bad", health.BEHIND[kind])


@pytest.mark.parametrize("kind", WAITING)
@pytest.mark.parametrize(
    "change",
    [{"active": False}, {"paused_until": ago(minutes=-1)}, {"paused_until": ago(minutes=1)}],
    ids=["not active", "paused", "was paused until now"],
)
def test_work_of_a_mailbox_that_rests_may_wait(
    kind: str, change: dict[str, Any], mailbox: Mailbox, client: Client
) -> None:
    WAITING[kind](mailbox, ago(minutes=11))
    Mailbox.objects.update(**change)
    assert failing(client) == []


@pytest.mark.parametrize("kind", WAITING)
def test_work_that_was_due_a_moment_ago_may_wait(kind: str, mailbox: Mailbox, client: Client) -> None:
    WAITING[kind](mailbox, ago(minutes=9))
    assert failing(client) == []


def test_many_mails_that_go_out_at_the_mailboxs_pace_are_not_late(mailbox: Mailbox, client: Client) -> None:
    to_send(mailbox, ago(minutes=30))
    Mailbox.objects.update(last_sent_at=ago(seconds=10))
    assert failing(client) == []


def test_what_is_done_or_given_up_is_not_late(mailbox: Mailbox, client: Client) -> None:
    for kind in WAITING:
        WAITING[kind](mailbox, ago(days=1))
    IncomingMail.objects.update(state=IncomingMail.State.HANDLED)
    ServerTask.objects.update(failed=True)
    OutgoingMail.objects.update(state=OutgoingMail.State.FAILED)
    assert failing(client) == []
